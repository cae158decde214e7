"""Small fits, where the overhead is all: curve_fit with exact derivatives against SciPy's with finite differences.

Both with their defaults. How often the model ran and how many digits are right is printed beside the times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import curve_fit as scipys

from dualdiff.optimize import curve_fit, least_squares

from . import _peers
from ._report import Bar, Case, Report, main
from ._timing import Contender

OURS, THEIRS = "dualdiff curve_fit", "scipy curve_fit"


def decay(x: Any, a: Any, b: Any) -> Any:
    return a * np.exp(-b * x)


def double_decay(x: Any, a: Any, b: Any, c: Any, d: Any, e: Any, np: Any = np) -> Any:
    return a * np.exp(-b * x) + c * np.exp(-d * x) + e


def with_lmfit(model: Callable[..., Any], x: Any, y: Any, p0: list[float]) -> Any:
    """lmfit as its users write it: a dictionary of parameters, MINPACK, finite differences."""
    lmfit = _peers.installed("lmfit")
    parameters = lmfit.create_params(**{f"p{i}": v for i, v in enumerate(p0)})
    found = lmfit.minimize(lambda q: model(x, *(v.value for v in q.values())) - y, parameters)
    return np.array([v.value for v in found.params.values()])


def problems() -> Iterator[tuple[str, Callable[..., Any], Any, Any, list[float], float]]:
    """(title, model, x, y, p0, bar)."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 4, 50)
    yield ("decay, 2 parameters, 50 points", decay, x, decay(x, 2.5, 1.3) + 0.02 * rng.normal(size=50), [1.0, 1.0], 3.0)
    x = np.linspace(0, 10, 200)
    yield ("double decay, 5 parameters, 200 points", double_decay, x,
           double_decay(x, 3, 0.4, 2, 2.5, 0.5) + 0.02 * rng.normal(size=200), [2.0, 0.3, 1.0, 2.0, 0.3], 1.5)


def counted_run(fit: Any, model: Any, x: Any, y: Any, p0: Any) -> tuple[int, Any]:
    """How often the model ran, and where the fit ended."""
    calls: list[int] = []

    def counted(x: Any, *p: Any) -> Any:
        calls.append(1)
        return model(x, *p)

    popt = fit(counted, x, y, p0)[0]
    return len(calls), popt


def run(report: Report) -> None:
    for title, model, x, y, p0, most in problems():
        ours, theirs = (counted_run(fit, model, x, y, p0) for fit in (curve_fit, scipys))
        exact = least_squares(lambda p, f=model, x=x, y=y: f(x, *p) - y, ours[1], xtol=1e-15).x
        digits = [-np.log10(np.max(np.abs(p / exact - 1)) + 1e-16) for _, p in (ours, theirs)]
        peers = [Contender("lmfit", partial(with_lmfit, model, x, y, p0), 1e-5, peer=True)] if _peers.installed("lmfit") else []
        case = Case(title, [Contender(OURS, lambda f=model, x=x, y=y, p=p0: curve_fit(f, x, y, p)[0]),
                            Contender(THEIRS, lambda f=model, x=x, y=y, p=p0: scipys(f, x, y, p)[0], tolerance=1e-6, peer=True),
                            *peers], [Bar(f"time of SciPy's, {title}", lambda t: t.ratio(OURS, THEIRS), most)])
        report.run(case)
        report.say(f"  model runs {ours[0]} and {theirs[0]}; correct digits {digits[0]:.1f} and {digits[1]:.1f}")
        report.cases[-1]["bars"] += [
            report.judge(Bar(f"runs of the model, of SciPy's, {title}", lambda _: 0.0, 1 / 3), float(ours[0] / theirs[0])),
            report.judge(Bar(f"digits more than SciPy's, {title}", lambda _: 0.0, 0.0, "digits", at_least=True),
                         float(digits[0] - digits[1]))]


if __name__ == "__main__":
    main(__spec__.name, run)

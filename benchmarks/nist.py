"""NIST's certified regressions from both starting points: digits of the parameters, standard errors and residual sum.

``dualdiff.optimize.curve_fit`` and ``least_squares`` with their defaults, beside scipy.optimize.curve_fit and lmfit (if it is
installed) with theirs, finite differences. With --quick, the problems of the lower level.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.optimize import curve_fit as scipys

from dualdiff.optimize import curve_fit, least_squares

from ._nist import Problem, digits, linear, nonlinear
from ._report import Bar, Case, Report, main
from ._timing import Contender

lmfit: Any = import_module("lmfit") if find_spec("lmfit") else None

Answer = tuple[Any, Any, float]                            # parameters, standard errors, residual sum of squares
OURS = "dualdiff curve_fit"


def by_curve_fit(fit: Any, p: Problem, start: Any) -> Answer:
    b, C = fit(lambda x, *b: p.model(b, x), p.x, p.y, start)
    return b, np.sqrt(np.diag(C)), float(np.sum(p.residual(b)**2))


def by_least_squares(p: Problem, start: Any) -> Answer:
    fit = least_squares(p.residual, start)
    return fit.x, fit.stderr, 2 * fit.cost


def by_lmfit(p: Problem, start: Any) -> Answer:
    parameters = lmfit.Parameters()
    for i, v in enumerate(start):
        parameters.add(f"b{i}", value=float(v))
    out = lmfit.minimize(lambda q: p.residual([q[name].value for name in q]), parameters)
    errors = [np.nan if q.stderr is None else q.stderr for q in out.params.values()]
    return np.array([q.value for q in out.params.values()]), np.array(errors), float(out.chisqr)


FITTERS: dict[str, Callable[[Problem, Any], Answer]] = {
    OURS: partial(by_curve_fit, curve_fit), "dualdiff least_squares": by_least_squares,
    "scipy curve_fit": partial(by_curve_fit, scipys)} | ({"lmfit": by_lmfit} if lmfit is not None else {})


def scores(fitter: Callable[[Problem, Any], Answer], p: Problem, start: Any) -> tuple[float, float, float] | None:
    """Correct digits of (parameters, standard errors, residual sum), or None where the fitter gave up."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            b, errors, rss = fitter(p, start)
        except (RuntimeError, ValueError, ArithmeticError):
            return None
    return digits(b, p.certified), digits(errors, p.stddev), digits(rss, p.rss)


def run(report: Report) -> None:
    problems = [p for p in nonlinear() if p.level == "Lower" or not report.quick]
    report.say("", "digits correct: parameters / standard errors / residual sum of squares; '-' gave up",
               f"{'':18}" + "".join(f"{name:>26}" for name in FITTERS))
    worst, norris, reached = [15.0, 15.0, 15.0], 0.0, dict.fromkeys(FITTERS, 0)
    for p in [*problems, *linear()]:
        for number, start in enumerate(p.starts, 1):
            cells = []
            for name, fitter in FITTERS.items():
                found = scores(fitter, p, start)
                cells.append("-" if found is None else " / ".join(f"{d:4.1f}" for d in found))
                found = found or (0.0, 0.0, 0.0)
                reached[name] += found[0] >= 6
                if name == OURS and p.name == "Norris":
                    norris = found[0]
                if name == OURS and p in problems:
                    worst = [min(a, b) for a, b in zip(worst, found, strict=True)]
            label = f"{p.name} {number}" if len(p.starts) > 1 else p.name
            report.say(f"  {label:16}" + "".join(f"{cell:>26}" for cell in cells))
    report.say("  six digits reached " + ", ".join(f"{name} {count}" for name, count in reached.items()))
    bars = [report.judge(Bar(f"{what} from every start", lambda _: 0.0, least, "digits", at_least=True), figure)
            for what, least, figure in zip(("parameters", "standard errors", "residual sums"), (8, 6, 6), worst, strict=True)]
    bars.append(report.judge(Bar("Norris, parameters", lambda _: 0.0, 9, "digits", at_least=True), norris))
    easy = [p for p in problems if p.level == "Lower"]

    def all_of(fitter: Callable[[Problem, Any], Answer]) -> Any:
        return np.concatenate([np.asarray(fitter(p, p.starts[1])[0]) / p.certified for p in easy])

    report.run(Case("the lower level from start 2, all together",
                    [Contender(name, partial(all_of, FITTERS[name]), 1e-5, peer=not name.startswith("dualdiff"))
                     for name in FITTERS]))
    report.cases[-1]["bars"] += bars


if __name__ == "__main__":
    main(__spec__.name, run)

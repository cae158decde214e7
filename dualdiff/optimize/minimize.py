"""SciPy's quasi-Newton and Newton methods behind this package's interface, with exact derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import needed
from ..transforms import hvp
from .result import Array, Callback, Result, joined, require_finite, require_one_of, vector
from .stopping import BUDGET, STALLED, Stop
from .trail import Trail

METHODS = {"l-bfgs": "L-BFGS-B", "bfgs": "BFGS", "newton-cg": "Newton-CG", "trust-ncg": "trust-ncg"}


def minimize(f: Callable[[Any], Any], x0: Any, *, method: str = "l-bfgs", max_iter: int = 1000, tol: float = 1e-8,
             max_seconds: float | None = None, mode: str = "auto", jac: Callable[[Any], Any] | None = None,
             callback: Callback | None = None) -> Result:
    """Minimise f by SciPy's "l-bfgs", "bfgs", "newton-cg" or "trust-ncg".

    ``f``, ``x0``, ``mode``, ``jac`` and ``callback`` are as in ``gradient_descent``. The Newton methods take products of the
    Hessian with vectors from a forward sweep over a reverse one, so that f must be written in NumPy. Stops where the
    gradient's length is at most ``tol`` (success), where SciPy can lower f no further, after ``max_iter`` iterations or
    ``max_seconds``; Ctrl-C returns the best so far. One sweep per evaluation. Raises MissingExtraError without SciPy.

    >>> minimize(lambda x: (1 - x[0])**2 + 100 * (x[1] - x[0]**2)**2, np.array([-1.2, 1.0])).x
    array([1., 1.])
    """
    require_one_of("method", method, tuple(METHODS))
    trail = Trail(max_iter, tol, max_seconds, callback)
    x0, tree = vector(x0)
    evaluated = trail.evaluation(f, mode, jac)

    def evaluate(v: Any) -> tuple[float, Array]:
        loss, gradient = evaluated(tree(v))
        slope = joined(gradient).astype(np.float64)
        if not trail.history or loss == -np.inf:  # elsewhere a step may overflow: it is shortened
            require_finite("minimize", len(trail.history), loss, [slope], None)
        point = loss, [v.copy()], [slope]
        trail.meet(*point) if trail.history else trail.reach(*point)
        return loss, slope

    def counted(v: Any) -> Any:
        trail.nfev += 1
        return f(tree(v))

    def steps() -> None:
        options: dict[str, Any] = {"maxiter": max_iter}
        if method == "l-bfgs":
            options |= {"ftol": 0.0, "maxfun": 20 * max_iter + 20}
        if method == "newton-cg":
            options["xtol"] = 1e-15
        else:  # their length is the largest entry
            options["gtol"] = tol / max(1.0, float(np.sqrt(x0.size)))
        second = {"hessp": hvp(counted)} if method in {"newton-cg", "trust-ncg"} else {}
        out = optimize.minimize(evaluate, x0, jac=True, method=METHODS[method], options=options, **second,
                                callback=lambda intermediate_result: trail.reach(*trail.best))
        trail.last = trail.best
        reason = BUDGET if out.status == 1 else STALLED
        raise Stop(reason, f"{reason}: {trail.judged()}; SciPy says {str(out.message).strip()!r}")

    optimize = needed("scipy.optimize", f"method={method!r}")
    return trail.follow(steps, lambda v: tree(*v))

"""SciPy's quasi-Newton and Newton methods behind this package's interface, with exact derivatives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ParameterError
from ..transforms import hvp, value_and_gradient
from .result import (
    Array,
    Callback,
    Result,
    converged,
    leaves_of,
    norm,
    require_count,
    require_finite,
    require_positive,
    require_tolerance,
    start,
)
from .scipy_engines import scipy_optimize
from .stopping import BUDGET, CONVERGED, INTERRUPTED, STALLED

METHODS = {"l-bfgs": "L-BFGS-B", "bfgs": "BFGS", "newton-cg": "Newton-CG", "trust-ncg": "trust-ncg"}


class Enough(Exception):                                   # noqa: N818 - an end, not an error
    """The caller's budget is spent."""


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
    if method not in METHODS:
        raise ParameterError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    require_count("max_iter", max_iter, least=0)
    require_tolerance(tol)
    if max_seconds is not None:
        require_positive("max_seconds", max_seconds)
    optimize = scipy_optimize(f"method={method!r}")
    problem = Objective(f, x0, mode, jac, tol, callback, None if max_seconds is None else time.monotonic() + max_seconds)
    options: dict[str, Any] = {"maxiter": max_iter}
    if method == "l-bfgs":
        options |= {"ftol": 0.0, "maxfun": 20 * max_iter + 20}
    if method == "newton-cg":
        options["xtol"] = 1e-15
    else:                                                  # their length is the largest entry
        options["gtol"] = tol / max(1.0, float(np.sqrt(problem.start.size)))
    second = {"hessp": hvp(lambda v: f(problem.tree(v)))} if method in {"newton-cg", "trust-ncg"} else {}
    said, reason = "out of budget: max_seconds is used up", BUDGET
    with np.errstate(all="ignore"):                        # a step of a line search may overflow: it is shortened
        try:
            if max_iter:
                out = optimize.minimize(problem.evaluate, problem.start, jac=True, method=METHODS[method],
                                        callback=problem.after, options=options, **second)
                said, reason = f"stopped: {out.message}", BUDGET if out.nit >= max_iter else STALLED
            else:
                problem.evaluate(problem.start)
                said = "out of iterations: max_iter=0"
        except Enough:
            pass
        except KeyboardInterrupt:
            if problem.best is None:
                raise
            said, reason = "interrupted: this is the best found so far", INTERRUPTED
    assert problem.best is not None
    loss, v, slope = problem.best
    length = norm([slope])
    success = length <= tol
    message = converged(length, tol) if success else \
        f"{said}; the gradient's length is {length:.3g}, above tol={tol:g}"
    return Result(problem.tree(v), loss, problem.tree(slope), len(problem.history) - 1, problem.nfev, success, message,
                  problem.history, CONVERGED if success else reason)


class Objective:
    """f and its gradient on vectors, as SciPy calls them, with the best point met."""

    def __init__(self, f: Any, x0: Any, mode: str, jac: Any, tol: float, callback: Callback | None,
                 deadline: float | None) -> None:
        self.leaves, self.rebuild = start(x0)
        self.start = np.concatenate([np.ravel(a) for a in self.leaves]).astype(np.float64)
        self.both = value_and_gradient(f, mode=mode) if jac is None else lambda x: (f(x), jac(x))
        self.runs, self.tol, self.callback, self.deadline = 1 if jac is None else 2, tol, callback, deadline
        self.nfev = 0
        self.history: list[float] = []
        self.best: tuple[float, Array, Array] | None = None

    def tree(self, v: Any) -> Any:
        parts, first = [], 0
        for a in self.leaves:
            parts.append(v[first:first + a.size].reshape(a.shape))
            first += a.size
        return self.rebuild(parts)

    def evaluate(self, v: Any) -> tuple[float, Array]:
        self.nfev += self.runs
        value, g = self.both(self.tree(v))
        loss, slope = float(value), np.concatenate([np.ravel(a) for a in leaves_of(g, self.leaves)]).astype(np.float64)
        if not self.history:
            require_finite("minimize", 0, loss, [slope], None)
            self.history.append(loss)
        if self.best is None or loss < self.best[0]:
            self.best = loss, v.copy(), slope
        return loss, slope

    def after(self, intermediate_result: Any) -> None:
        self.history.append(float(intermediate_result.fun))
        if self.callback is not None:
            self.callback(len(self.history) - 1, self.history[-1])
        late = self.deadline is not None and time.monotonic() > self.deadline
        if late or (self.best is not None and norm([self.best[2]]) <= self.tol):
            raise Enough

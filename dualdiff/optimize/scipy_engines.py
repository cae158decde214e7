"""SciPy's least-squares engines behind our interface, with our Jacobian."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ParameterError, needed
from .losses import robust
from .result import Array
from .stopping import BUDGET, CONVERGED, INTERRUPTED, STALLED, Settings, State


class Memory:
    """The last points swept, so that the engine's two calls at one x run the function once; and the best of them.

    The residuals are as they are: the loss, which SciPy applies, is taken off the problem.
    """

    def __init__(self, problem: Any) -> None:
        self.problem, self.loss, problem.loss = problem, problem.loss, None
        self.points: dict[bytes, Any] = {}
        self.least = np.inf
        self.best: Any = None

    def at(self, x: Array) -> Any:
        key = x.tobytes()
        if key not in self.points:
            point = self.problem.sweep(x.copy())
            self.points = {key: point, **dict(list(self.points.items())[:1])}
            cost = robust(point.raw, None, self.loss, self.problem.scale)[0] if self.loss else point.cost
            if cost < self.least:
                self.least, self.best = cost, point
        return self.points[key]


def scipy_fit(problem: Any, start: Array, settings: Settings, method: str) -> tuple[State, Any, str, str]:
    """(state, point, reason, message) of one run of scipy.optimize.least_squares."""
    if problem.loss is not None and method == "minpack":
        raise ParameterError("method='minpack' knows plain squares only; use method='lm' or 'trf' for a robust loss")
    if settings.bounds is not None and method == "minpack":
        raise ParameterError("method='minpack' knows no bounds; use method='lm' or 'trf'")
    optimize, memory = needed("scipy.optimize", f"method={method!r}"), Memory(problem)
    tolerance = max(settings.xtol, 1e-15)
    options: dict[str, Any] = {} if settings.bounds is None else {"bounds": settings.bounds}
    if memory.loss is not None:
        options |= {"loss": lambda z: np.array(memory.loss(z)), "f_scale": problem.scale}
    try:
        with np.errstate(all="ignore"):
            out = optimize.least_squares(lambda x: memory.at(x).r, start, jac=lambda x: memory.at(x).Jt.T,
                                         x_scale="jac" if settings.scale is None else 1 / settings.scale,
                                         method="lm" if method == "minpack" else method, max_nfev=settings.max_nfev,
                                         xtol=tolerance, ftol=max(settings.ftol, 1e-15), gtol=max(settings.gtol, 1e-15),
                                         **options)
        point = memory.at(out.x)
        reason = CONVERGED if out.status > 0 else BUDGET if out.status == 0 else STALLED
        message = f"{reason}: {out.message}"
    except KeyboardInterrupt:
        if memory.best is None:
            raise
        point, reason, message = memory.best, INTERRUPTED, "interrupted: this is the best found so far"
    if memory.loss is not None:
        problem.loss = memory.loss
        point = problem.sweep(point.x)
    state = State(point.x, np.ones(start.size), 0.0, nit=problem.njev, nfev=problem.nfev, njev=problem.njev,
                  history=[point.cost])
    return state, point, reason, message

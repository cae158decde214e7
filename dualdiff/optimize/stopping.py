"""The settings and the state of a least-squares run, and when it ends: every end has a reason."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import DegenerateError
from .result import EPS, Array
from .spectrum import FEW, Step, inverse

CONVERGED, STALLED, DIVERGED, BUDGET, INTERRUPTED = "converged", "stalled", "diverged", "out of budget", "interrupted"
UNSEEN = 1e-12  # a predicted relative reduction that rounding of the cost hides
SEEN = 1e-10  # one that the digits of the cost still show
LEAP = 1e-9  # for a last step whose end is not looked at: see Settings.leap
NOISE = 1e-2  # of a standard error: what "relative to x" means for an x near 0
PATIENCE = 3  # Gauss-Newton steps that no longer shrink: rounding is reached


@dataclass(slots=True)
class Settings:
    """How long and how exactly; see ``least_squares``."""

    xtol: float = 1e-10
    ftol: float = 0.0
    gtol: float = 0.0
    max_nfev: int = 1000
    each_nfev: int | None = None  # the same for each of several runs, where the caller gave no limit
    max_iter: int | None = None
    factor: float = 100.0
    geodesic: bool = False
    adaptive: bool = False  # turn geodesic acceleration on where plain steps take long
    damped: bool = True
    leap: bool = False  # end with a step so short that residuals there are not run for
    bounds: tuple[Array, Array] | None = None
    scale: Array | None = None  # the caller's D up to a factor
    callback: Callable[[int, float], Any] | None = None
    deadline: float = np.inf
    save: Callable[[State], None] | None = None


@dataclass(slots=True)
class State:
    """All that the next iteration depends on, so that a run can be taken up again to the same bits."""

    x: Array
    D: Array
    radius: float
    damping: float = 0.0
    nit: int = 0
    nfev: int = 0
    njev: int = 0
    last: float = np.inf  # length of the last undamped step, inf after a damped one
    least: float = np.inf  # the shortest of them in the last stretch
    waited: int = 0
    trials: int = 0
    S: Any = None  # the secant part of the Hessian, while steps are undamped
    flattest: float = 0.0  # the least eigenvalue of scaled JᵀJ when it was last decomposed
    ill: bool = False  # normal equations would lose digits
    history: list[float] = field(default_factory=list)


class Stop(Exception):  # noqa: N818 - an end, not an error
    """The run ends here, for this reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


# ---- when to stop
def within(settings: Settings) -> str:
    return f"converged: the next step is within xtol={settings.xtol:g} of every parameter"


def test(point: Any, state: State, settings: Settings, step: Step, clipped: bool, decompose: Callable[[], Any]) -> bool:
    """Stops where this point is the answer, seen before the next run: the step says how far the minimum is. Whether this
    step, though within tolerance, is worth taking if it lowers the cost.
    """
    cost = point.cost
    if step.damping == 0.0 and not clipped and (step.predicted <= 1e-3 * cost or cost < 1e-9 * state.history[0]):
        worst = relative(step.p, point.x)
        if worst <= settings.xtol:
            if step.predicted <= SEEN * cost or worst <= 4 * EPS:
                raise Stop(CONVERGED, within(settings))
            return True  # residuals near rounding: the cost still has digits to gain
        shrink = step.length / state.last
        if settings.leap and shrink < 0.1 and max(shrink, 0.02) * worst <= LEAP and step.predicted <= SEEN * cost:
            point.x = point.x + step.p
            raise Stop(CONVERGED, f"converged: what follows the last step is within {LEAP:g} of every parameter")
        if step.predicted <= UNSEEN * cost:
            # Where the true value is near 0 no relative precision exists: a small part of its standard error counts.
            sigma = standard_errors(decompose, point, state.D)
            if sigma is not None and (np.abs(step.p) <= settings.xtol * np.maximum(np.abs(point.x), NOISE * sigma)).all():
                raise Stop(CONVERGED, within(settings) + ", or of its standard error")
            if state.waited >= PATIENCE:
                raise Stop(CONVERGED, "converged: Gauss-Newton steps no longer shrink, rounding is reached")
    if settings.ftol and step.predicted <= settings.ftol * cost and not clipped:
        recent = state.history[-2:]
        if len(recent) == 2 and recent[0] - recent[1] <= settings.ftol * recent[1]:
            raise Stop(CONVERGED, f"converged: the cost falls by less than ftol={settings.ftol:g} of itself")
    if settings.gtol and slope(point) <= settings.gtol:
        raise Stop(CONVERGED, f"converged: the residuals are orthogonal to the Jacobian to within gtol={settings.gtol:g}")
    return False


def slope(point: Any, free: Any = ...) -> float:
    """The largest cosine between the residuals and a column of the Jacobian, as MINPACK has it; of the free parameters."""
    D = point.norms() * np.sqrt(2 * point.cost)
    return float(np.abs(point.g / np.where(D == 0, 1.0, D))[free].max())


def relative(p: Array, x: Array) -> float:
    worst = 0.0
    for a, b in zip(p.tolist(), x.tolist(), strict=True):  # few numbers: NumPy would take longer
        if a:
            q = abs(a / b) if b else np.inf
            worst = q if q > worst else worst
    return worst


def standard_errors(decompose: Callable[[], Any], point: Any, D: Array) -> Array | None:
    dof = point.rows - point.x.size
    if dof <= 0 or D.size > FEW:
        return None
    C = inverse(point.A, D)
    if C is None:
        tried = decompose()
        if tried.singular or tried.D.size != D.size:
            return None
        C = tried.covariance()[0]
    errors: Array = np.sqrt(C.diagonal() * (2 * point.cost / dof))
    return errors


def exhausted(problem: Any, point: Any, tried: Any, free: Any) -> None:
    """No step of the free parameters lowers the cost any more. With nothing left to gain that is convergence, else a stall."""
    full, size = tried.step(np.inf), float(np.linalg.norm(tried.D * point.x)) if tried.D.size == point.x.size else 0.0
    # Where J is singular at a minimum, steps are long and promise much: the slope tells.
    cosine = slope(point, free)
    if full.predicted <= 1e-6 * point.cost or full.length <= 1e-8 * size or cosine <= 1e-8 or \
            (cosine * cosine <= UNSEEN and bent(problem, point, full, free)):
        raise Stop(CONVERGED, "converged: no step lowers the cost beyond rounding")
    raise Stop(STALLED, "stalled: no step lowers the cost, though the linear model promises one; the function may be rough or "
                        "its derivative cut by a kink")


def bent(problem: Any, point: Any, step: Any, free: Any) -> bool:
    """Whether the second derivative leaves less to gain along the step than rounding hides, whatever JᵀJ promises."""
    p = np.zeros(point.x.size)
    if point.raw is None or point.r is not point.raw or step.p.size != p[free].size:
        return False
    p[free] = step.p
    with suppress(DegenerateError):
        along = point.g.dot(p)
        curvature = 2 * (point.model(p) - along) + point.r.dot(problem.second(point, p))
        return bool(along * along <= 2 * UNSEEN * point.cost * curvature)
    return False

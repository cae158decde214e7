"""Levenberg-Marquardt with Moré's scaling in a trust region, ending in Gauss-Newton steps that reach the last digits.

J. J. Moré (1978), as MINPACK's lmder: the damping, the radius and the scaling. M. K. Transtrum, J. P. Sethna, *Improvements to
the Levenberg-Marquardt algorithm* (2012): geodesic acceleration. Where a step hits bounds, the parameters that would leave
are put on them and the others solved for again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import Any

import numpy as np

from .result import Array
from .spectrum import EPS, Step, spectrum

CONVERGED, STALLED, DIVERGED, BUDGET, INTERRUPTED = "converged", "stalled", "diverged", "out of budget", "interrupted"
ACCEPT = 1e-4                                              # MINPACK's: the least ratio of actual to predicted reduction
UNSEEN = 1e-12                                             # a predicted relative reduction that rounding of the cost hides
NOISE = 1e-2                                               # of a standard error: what "relative to x" means for an x near 0
PATIENCE = 3                                               # Gauss-Newton steps that no longer shrink: rounding is reached
FAR = 1e140                                                # its square still is a number
LONG = 25                                                  # trials after which a canyon is likely, and worth second derivatives
BEND = 0.75                                                # Transtrum's: the most that 2 |a| / |v| may be
CHEAP = 40_000                                             # entries of J below which a sweep costs about what a plain run does


@dataclass(slots=True)
class Settings:
    """How long and how exactly; see ``least_squares``."""

    xtol: float = 1e-10
    ftol: float = 0.0
    gtol: float = 0.0
    max_nfev: int = 1000
    max_iter: int | None = None
    factor: float = 100.0
    geodesic: bool = False
    adaptive: bool = False                                 # turn geodesic acceleration on where plain steps take long
    damped: bool = True
    bounds: tuple[Array, Array] | None = None
    callback: Callable[[int, float], Any] | None = None
    deadline: float | None = None
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
    last: float = np.inf                                   # length of the last undamped step, inf after a damped one
    least: float = np.inf                                  # the shortest of them in the last stretch
    waited: int = 0
    trials: int = 0
    history: list[float] = field(default_factory=list)


class Stop(Exception):                                     # noqa: N818 - an end, not an error
    """The run ends here, for this reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def run(problem: Any, x0: Array, settings: Settings, state: State | None = None) -> tuple[State, Any, str, str]:
    """(last state, point there, reason, message). ``problem`` gives ``sweep(x)``, ``value(x)`` and counts its runs."""
    point: Any = None
    try:
        with np.errstate(all="ignore"):                    # a trial step that overflows is refused below
            point = problem.sweep(x0 if state is None else state.x)
            if state is None:
                D = point.norms()
                D[D == 0] = 1.0
                radius = settings.factor * sqrt(float((D * x0) @ (D * x0))) or settings.factor
                state = State(x0, D, radius, history=[point.cost])
            if not isfinite(float(D.sum()) if state.nit == 0 else 0.0):
                raise Stop(STALLED, "the Jacobian is not finite at the start")
            while True:
                point = iterate(problem, point, state, settings)
    except Stop as stop:
        reason, message = stop.reason, stop.message
        point = stop.point if isinstance(stop, Halt) else point
    except KeyboardInterrupt:
        if point is None or state is None:
            raise
        reason, message = INTERRUPTED, f"interrupted after iteration {state.nit}: this is the best found so far"
    assert point is not None
    assert state is not None
    state.nfev, state.njev = problem.nfev, problem.njev
    return state, point, reason, message


def iterate(problem: Any, point: Any, state: State, settings: Settings) -> Any:
    """Steps of shrinking radius until one is taken: the new point. Raises Stop."""
    norms = point.norms()
    D = state.D = np.maximum(state.D, norms)
    near = isfinite(state.last)
    if point.cost == 0.0:
        raise Stop(CONVERGED, "converged: every residual is zero")
    free = active_free(point, settings.bounds)
    tried: Any = None if free is not None else spectrum(point, D, state.damping, near)
    point.spectrum = tried
    while True:
        if free is None:
            step = tried.step(state.radius if settings.damped else np.inf)
            clipped = False
        else:
            step, clipped, tried = bounded_step(point, state, settings, free, near)
        test(point, state, settings, step, clipped, tried)
        if problem.nfev >= settings.max_nfev:
            raise Stop(BUDGET, f"out of budget: max_nfev={settings.max_nfev} runs of the function are used up")
        hidden = step.predicted <= UNSEEN * point.cost and step.damping == 0.0
        p = step.p
        if step.damping > 0 and free is None and (settings.geodesic or (settings.adaptive and state.trials >= LONG)):
            p = accelerated(problem, point, tried, step, state)
            if p is None:
                continue
        x = point.x + p if settings.bounds is None else np.clip(point.x + p, *settings.bounds)
        if not float(np.abs(x).max()) < FAR:
            raise Stop(DIVERGED, "diverged: a parameter ran beyond every bound; the model may not determine it")
        state.trials += 1
        new = trial(problem, x, point)
        cost = np.inf if new is None else new.cost
        ratio = (point.cost - cost) / step.predicted if step.predicted > 0 else -1.0
        if hidden:
            ratio = 1.0 if cost <= point.cost * (1 + 1e-10) else -1.0
        resize(state, step, ratio, point.cost, cost)
        if ratio >= ACCEPT and new is not None:
            taken(state, step, new, settings, clipped)
            return new
        if step.length <= 4 * EPS * sqrt(float((D * point.x) @ (D * point.x))) or state.radius < 1e-300:
            exhausted(point, tried)


def trial(problem: Any, x: Array, point: Any) -> Any:
    """The point at x, or None where it is not finite or, told by a plain run alone where sweeps are dear, no better."""
    if x.size * point.raw.size > CHEAP:
        cost = problem.value(x)
        if not cost < point.cost * (1 + 1e-10):
            return None
    new = problem.sweep(x)
    total = float(new.cost) + float(new.norms().sum())
    return new if total - total == 0 else None


def resize(state: State, step: Step, ratio: float, before: float, after: float) -> None:
    """MINPACK's rules for the radius."""
    if state.nit == 0:
        state.radius = min(state.radius, step.length)
    if ratio <= 0.25:
        shrink = 0.5
        if not after < 100 * before:
            shrink = 0.1
        elif after > before:                               # the minimum of the parabola through both costs and the slope
            slope = -2 * step.predicted
            shrink = max(0.1, min(0.5, 0.5 * slope / (0.5 * slope - (after - before))))
        state.radius = shrink * min(state.radius, 10 * step.length)
        state.damping /= shrink
    elif ratio >= 0.75 or step.damping == 0.0:
        state.radius = 2 * step.length if step.damping == 0.0 else max(state.radius, 2 * step.length)
        state.damping *= 0.5


def taken(state: State, step: Step, new: Any, settings: Settings, clipped: bool) -> None:
    state.x, state.nit = new.x, state.nit + 1
    state.damping = step.damping
    if step.damping == 0.0 and not clipped:
        state.waited = 0 if step.length < 0.9 * state.least else state.waited + 1
        state.last, state.least = step.length, min(state.least, step.length)
    else:
        state.last = state.least = np.inf
        state.waited = 0
    state.history.append(new.cost)
    if settings.save is not None:
        settings.save(state)
    if settings.callback is not None:
        try:
            settings.callback(state.nit, new.cost)
        except StopIteration:
            raise Halt(new, INTERRUPTED, f"stopped by the callback after iteration {state.nit}") from None
    if settings.max_iter is not None and state.nit >= settings.max_iter:
        raise Halt(new, BUDGET, f"out of budget: max_iter={settings.max_iter} iterations are used up")
    if settings.deadline is not None and time.monotonic() >= settings.deadline:
        raise Halt(new, BUDGET, f"out of budget: max_seconds is used up after iteration {state.nit}")


class Halt(Stop):
    """A stop right after a step: the new point is the result."""

    def __init__(self, point: Any, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.point = point


# ---- when to stop ----------------------------------------------------------------------------------------------------
def test(point: Any, state: State, settings: Settings, step: Step, clipped: bool, tried: Any) -> None:
    """Whether this point is the answer, seen before the next run: the step says how far the minimum is."""
    x, p = np.abs(point.x), np.abs(step.p)
    if step.damping == 0.0 and not clipped:
        if (p <= settings.xtol * x).all():
            raise Stop(CONVERGED, f"converged: the next step is within xtol={settings.xtol:g} of every parameter")
        if step.predicted <= UNSEEN * point.cost:
            # Where the true value is near 0 no relative precision exists: a small part of its standard error counts.
            sigma = standard_errors(tried, point)
            if sigma is not None and (p <= settings.xtol * np.maximum(x, NOISE * sigma)).all():
                raise Stop(CONVERGED, f"converged: the next step is within xtol={settings.xtol:g} of every parameter, or of "
                                      "its standard error")
            if state.waited >= PATIENCE:
                raise Stop(CONVERGED, "converged: Gauss-Newton steps no longer shrink, rounding is reached")
    if settings.ftol and step.predicted <= settings.ftol * point.cost and not clipped:
        recent = state.history[-2:]
        if len(recent) == 2 and recent[0] - recent[1] <= settings.ftol * recent[1]:
            raise Stop(CONVERGED, f"converged: the cost falls by less than ftol={settings.ftol:g} of itself")
    if settings.gtol:
        slope = float((np.abs(point.gradient()) / (state.D * sqrt(2 * point.cost))).max())
        if slope <= settings.gtol:
            raise Stop(CONVERGED, f"converged: the residuals are orthogonal to the Jacobian to within gtol={settings.gtol:g}")


def standard_errors(tried: Any, point: Any) -> Array | None:
    s = getattr(tried, "s", None)
    dof = point.raw.size - point.x.size
    if s is None or dof <= 0 or s[-1] <= tried.rank_tolerance or s.size != point.x.size:
        return None
    W = tried.V / s
    errors: Array = np.sqrt((W * W).sum(1) * (2 * point.cost / dof)) / tried.D
    return errors


def exhausted(point: Any, tried: Any) -> None:
    """No step lowers the cost any more. With nothing left to gain that is convergence, else a stall."""
    full = tried.step(np.inf) if hasattr(tried, "s") else None
    if full is not None and full.predicted <= 1e-6 * point.cost:
        raise Stop(CONVERGED, "converged: no step lowers the cost beyond rounding")
    raise Stop(STALLED, "stalled: no step lowers the cost, though the linear model promises one; the function may be rough or "
                        "its derivative cut by a kink")


# ---- geodesic acceleration -------------------------------------------------------------------------------------------
def accelerated(problem: Any, point: Any, tried: Any, step: Step, state: State) -> Array | None:
    """v + a/2, where a is the second-order correction along v; None where it outgrows v, and v was made shorter."""
    curvature = problem.second(point.x, step.p)
    if np.isfinite(curvature).all():
        a = tried.solve(point.Jt @ curvature, step.damping)
        if 2 * float(np.linalg.norm(state.D * a)) <= BEND * step.length:
            p: Array = step.p + 0.5 * a
            return p
    state.radius = 0.4 * min(state.radius, step.length)
    state.damping = step.damping
    if state.radius < EPS * sqrt(float((state.D * point.x) @ (state.D * point.x))):
        raise Stop(STALLED, "stalled: the second derivative outgrows every step")
    return None


# ---- bounds ----------------------------------------------------------------------------------------------------------
def active_free(point: Any, bounds: tuple[Array, Array] | None) -> Any:
    """The parameters that may move: not those on a bound that the gradient presses against. None: there are no bounds."""
    if bounds is None:
        return None
    g = point.gradient()
    low, high = bounds
    return ~(((point.x <= low) & (g > 0)) | ((point.x >= high) & (g < 0)))


def bounded_step(point: Any, state: State, settings: Settings, free: Any, near: bool) -> tuple[Step, bool, Any]:
    """A step that stays inside: parameters that would leave are put on their bounds, the others solved for again."""
    assert settings.bounds is not None
    low, high = settings.bounds
    p = np.zeros(point.x.size)
    free, clipped = free.copy(), False
    length = damping = 0.0
    tried: Any = None
    while free.any():
        tried = spectrum(point.restricted(free, p), state.D[free], state.damping, near)
        step = tried.step(state.radius)
        p[free] = step.p
        length, damping = step.length, step.damping
        out = free & ((point.x + p < low) | (point.x + p > high))
        if not out.any():
            break
        p[out] = np.where(p[out] < 0, low[out], high[out]) - point.x[out]
        clipped = True
        free &= ~out
    if tried is None:
        raise Stop(CONVERGED, "converged: every parameter is on a bound that the gradient presses against")
    length = sqrt(float((state.D * p) @ (state.D * p)))
    return Step(p, length, damping, -point.model(p)), clipped, tried

"""Levenberg-Marquardt with Moré's scaling in a trust region, ending in Gauss-Newton steps that reach the last digits.

J. J. Moré (1978), as MINPACK's lmder: the damping, the radius and the scaling. M. K. Transtrum, J. P. Sethna, *Improvements to
the Levenberg-Marquardt algorithm* (2012): geodesic acceleration. Where a step hits bounds, the parameters that would leave
are put on them and the others solved for again.
"""

from __future__ import annotations

import time
from math import isfinite, sqrt
from typing import Any

import numpy as np

from ..errors import ConvergenceError, DataError, DegenerateError
from ..errstate import all_ignored
from .result import EPS, Array
from .spectrum import FEW, HANDFUL, NEARLY, Damped, Step, length, of_normal, spectrum, undamped
from .stopping import (
    BUDGET,
    CONVERGED,
    DIVERGED,
    INTERRUPTED,
    STALLED,
    UNSEEN,
    Settings,
    State,
    Stop,
    exhausted,
    test,
    within,
)

ACCEPT = 1e-4  # MINPACK's: the least ratio of actual to predicted reduction
START, LEAST = 0.3, 1e-7  # the damping of many parameters: the first, and the last but 0
BENT = 0.1  # the least curvature that S may leave of JᵀJ's
FAR = 1e280  # the square of a length that no parameters have
LONG = 25  # trials after which a canyon is likely, and worth second derivatives
BEND = 0.75  # Transtrum's: the most that 2 |a| / |v| may be
CHEAP = 40_000  # entries of J below which a sweep costs about what a plain run does


def run(problem: Any, x0: Array, settings: Settings, state: State | None = None) -> tuple[State, Any, str, str]:
    """(last state, point there, reason, message). ``problem`` gives ``sweep(x)``, ``value(x)`` and counts its runs."""
    point: Any = None
    try:
        with all_ignored():  # a trial step that overflows is refused below
            point = problem.sweep(x0 if state is None else state.x)
            if state is not None:  # the sweep at its x is counted already
                problem.nfev, problem.njev = state.nfev, state.njev
            else:
                require_derivatives(point)
                D = point.norms()
                if settings.scale is not None:
                    D = settings.scale * (np.max(D / settings.scale) or 1.0)
                D[D * D == 0] = 1.0
                # D x has the units of r, which stands in for it where x0 is 0.
                radius = settings.factor * (length(D * x0) or sqrt(2 * point.cost))
                state = State(x0, D, radius, START, history=[point.cost])
            while True:
                point, step, clipped = iterate(problem, point, state, settings)
                taken(state, step, point, settings, clipped)
    except Stop as stop:
        reason, message = stop.reason, stop.message
    except KeyboardInterrupt:
        if point is None or state is None:
            raise
        reason, message = INTERRUPTED, f"interrupted after iteration {state.nit}: this is the best found so far"
    assert point is not None
    assert state is not None
    state.nfev, state.njev = problem.nfev, problem.njev
    return state, point, reason, message


def require_derivatives(point: Any) -> None:
    """Raise where the start is on the edge of the model's domain: its value is finite, the derivative or the square is not."""
    if not point.cost < np.inf:
        raise DataError("at the start the squares of the residuals exceed double precision; scale the data, or start elsewhere")
    squares = point.squares.tolist()
    for i, square in enumerate(squares):
        if not isfinite(square):
            raise DataError(f"at the start the derivative by parameter {i} (of value {point.x[i]:g}) is not finite; start it "
                            "elsewhere")
    if min(point.cost, max(squares)) < 1e-292 and (  # less than that loses digits, if there is anything
            point.g.any() or (point.raw is not None and point.r.any() and point.Jt.any())):
        raise DataError("at the start squares of the residuals or of the derivatives underflow; scale the data")


def iterate(problem: Any, point: Any, state: State, settings: Settings) -> tuple[Any, Step, bool]:
    """Steps of shrinking radius until one is good: the new point, the step, and whether it was clipped. Raises Stop."""
    if settings.scale is None:
        state.D = np.maximum(state.D, point.norms())
    if point.cost == 0.0:
        raise Stop(CONVERGED, "converged: the sum of squares is zero")
    steps = BoundedSteps(point, state, settings) if settings.bounds is not None else FreeSteps(point, state, settings)
    refused = False
    while True:
        step = steps.next()
        final = test(point, state, settings, step, steps.clipped, steps.decomposed)
        if problem.nfev >= settings.max_nfev:
            raise Stop(BUDGET, f"out of budget: max_nfev={settings.max_nfev} runs of the function are used up")
        p: Any = step.p
        if step.damping > 0 and steps.all and (settings.geodesic or (settings.adaptive and state.trials >= LONG)):
            p = accelerated(problem, point, steps.decomposed(), step, state)
            if p is None:
                continue
        x = point.x + p if settings.bounds is None else np.clip(point.x + p, *settings.bounds)
        if not x.dot(x) < FAR:
            raise Stop(DIVERGED, "diverged: a parameter ran beyond every bound; scale it, or the model may not determine it")
        state.trials += 1
        new = trial(problem, x, point, refused)
        cost = np.inf if new is None else new.cost
        ratio = gained(point, new, cost, step, state)
        resize(state, step, ratio, point.cost, cost)
        secant(state, step, point, new, ratio)
        if ratio >= ACCEPT:
            return new, step, steps.clipped
        refused = True
        if final:
            raise Stop(CONVERGED, within(settings))
        if not settings.damped:
            raise Stop(STALLED, "stalled: the full Gauss-Newton step does not lower the cost; method='lm' takes a shorter one")
        if point.cost < EPS**3 * state.history[0]:
            raise Stop(CONVERGED, "converged: nothing is left of the residuals")
        if step.length <= 4 * EPS * length(state.D * point.x) or state.radius < 1e-300:
            exhausted(problem, point, steps.decomposed(), steps.free)


def gained(point: Any, new: Any, after: float, step: Step, state: State) -> float:
    before = point.cost
    if step.predicted > UNSEEN * before or step.damping > 0:
        return (before - after) / step.predicted if step.predicted > 0 else -1.0
    if not after <= before * (1 + 1e-10):  # too small to be seen: trust a step that does no harm
        return -1.0
    if step.length < 0.5 * state.last < np.inf:
        return 1.0
    D = np.where(step.p == 0, np.inf, state.D)
    overshot = length(new.g / D) > 1.1 * length(point.g / D) and step.length > 1e-9 * length(state.D * point.x)
    return -1.0 if overshot else 1.0


class FreeSteps:
    """Steps from one point, of the length that the radius allows when asked."""

    clipped, all = False, True  # whether a parameter was put on its bound, whether all move
    free: Any = ...

    def __init__(self, point: Any, state: State, settings: Settings) -> None:
        self.point, self.state, self.settings = point, state, settings
        self.tried: Any = None

    def next(self) -> Step:
        radius = self.state.radius if self.settings.damped else np.inf
        quick = self.quick(radius) if self.tried is None else None
        return quick or self.decomposed().step(radius)

    def quick(self, radius: float) -> Step | None:
        """The undamped step of a handful of parameters, the secant part included, where radius and conditioning allow it."""
        point, state = self.point, self.state
        if state.D.size > HANDFUL or state.ill:
            return None
        found = None if state.S is None else undamped(point.A + state.S, point.g, state.D)
        if found is None or found[1] < BENT * state.flattest:
            found = undamped(point.A, point.g, state.D)
            if found is None:
                return None
            state.flattest = found[1]
        return found[0] if found[0].length <= NEARLY * radius else None

    def decomposed(self) -> Any:
        if self.tried is None:
            self.tried = seen(self.decompose(), self.point, self.state, self.settings)
        return self.tried

    def decompose(self) -> Any:
        point, state = self.point, self.state
        if state.S is not None and state.D.size > HANDFUL:
            tried = of_normal(point.A + state.S, point.g, state.D)
            if tried.least > BENT * state.flattest:
                return tried
        tried = spectrum(point, state, state.D)
        if not isinstance(tried, Damped):  # which holds the point: a cycle would keep its Jacobian until garbage is collected
            point.spectrum = tried
        state.flattest = tried.least
        return tried


def seen(tried: Any, point: Any, state: State, settings: Settings) -> Any:
    """``tried``, unless its scaling, the caller's or, for an undamped step, the past's, hides what the point's own does not."""
    if settings.scale is not None:
        point.spectrum = None
    if tried.singular:
        D = point.scales()
        own = point.spectrum = spectrum(point, state, D)
        if settings.scale is not None or not (own.singular or (settings.damped and tried.step(state.radius).damping)):
            tried = own
            if D.size == state.D.size:
                state.D = D
    return tried


def trial(problem: Any, x: Array, point: Any, refused: bool) -> Any:
    """The point at x, or None where it is not finite, what the function solves has no solution or, told by a plain run alone,
    it is no better: that is asked where sweeps are dear, once a step from here was refused. Most steps are not.
    """
    dear = refused and point.raw is not None and x.size * point.rows > CHEAP
    try:
        if dear and not problem.value(x) < point.cost * (1 + 1e-10):
            return None
        new = problem.sweep(x)
    except ConvergenceError:
        return None
    total = new.cost + sum(new.squares.tolist())
    return new if total - total == 0 else None


def resize(state: State, step: Step, ratio: float, before: float, after: float) -> None:
    """MINPACK's rules for the radius; H. B. Nielsen's (1999) for the damping of many parameters, quicker near the end."""
    if ratio < ACCEPT:
        state.damping = max(5 * step.damping, LEAST)
    else:
        state.damping = step.damping * max(min(1 / 3, 6 * abs(ratio - 1)), 1 - (2 * ratio - 1)**3)
        if state.damping < LEAST:
            state.damping = 0.0
    if state.nit == 0:
        state.radius = min(state.radius, step.length)
    if ratio <= 0.25:
        shrink = 0.5
        if not after < 100 * before:
            shrink = 0.1
        elif after > before:  # the minimum of the parabola through both costs and the slope
            slope = -2 * step.predicted
            shrink = max(0.1, min(0.5, 0.5 * slope / (0.5 * slope - (after - before))))
        state.radius = shrink * min(state.radius, 10 * step.length)
    elif ratio >= 0.75 or step.damping == 0.0:
        state.radius = 2 * step.length if step.damping == 0.0 else max(state.radius, 2 * step.length)


def secant(state: State, step: Step, point: Any, new: Any, ratio: float) -> None:
    """Learn S ≈ Σ rᵢ ∇²rᵢ, what JᵀJ lacks of the Hessian, from an undamped step near the end; forget it elsewhere."""
    few = point.raw is not None and step.p.size <= FEW
    if step.damping > 0 or ratio < 0.5 or state.ill or step.predicted > 0.1 * point.cost or not few:
        state.S = None
        return
    p, y = step.p, new.g - point.g
    slope = float(p.dot(y))
    if slope <= 0:
        state.S = None
        return
    lacking = new.g - point.Jt.dot(new.r)  # J. E. Dennis, D. M. Gay, R. E. Welsch (1981), eqs. (2.8)-(2.9)
    if state.S is not None:
        lacking -= state.S.dot(p)
    v = y / slope
    half = (lacking - (0.5 * float(p.dot(lacking))) * v)[:, None] * v
    state.S = half + half.T if state.S is None else state.S + half + half.T


def taken(state: State, step: Step, new: Any, settings: Settings, clipped: bool) -> None:
    state.x, state.nit = new.x, state.nit + 1
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
            raise Stop(INTERRUPTED, f"stopped by the callback after iteration {state.nit}") from None
    if settings.max_iter is not None and state.nit >= settings.max_iter:
        raise Stop(BUDGET, f"out of budget: max_iter={settings.max_iter} iterations are used up")
    if time.monotonic() >= settings.deadline:
        raise Stop(BUDGET, f"out of budget: max_seconds is used up after iteration {state.nit}")


# ---- geodesic acceleration
def accelerated(problem: Any, point: Any, tried: Any, step: Step, state: State) -> Array | None:
    """v + a/2, where a is the second-order correction along v; v where kinks have none; None where it outgrows v, and v was
    made shorter.
    """
    try:
        curvature = problem.second(point, step.p)
    except DegenerateError:
        return step.p
    if np.isfinite(curvature).all():
        a = tried.solve(point.Jt @ curvature, step.damping)
        if 2 * length(state.D * a) <= BEND * step.length:
            p: Array = step.p + 0.5 * a
            return p
    state.radius = 0.4 * min(state.radius, step.length)
    state.damping = 5 * step.damping
    if state.radius < EPS * length(state.D * point.x):
        raise Stop(STALLED, "stalled: the second derivative outgrows every step")
    return None


# ---- bounds
class BoundedSteps(FreeSteps):
    """Steps that stay inside: parameters that would leave are put on their bounds, the others solved for again."""

    def __init__(self, point: Any, state: State, settings: Settings) -> None:
        super().__init__(point, state, settings)
        assert settings.bounds is not None
        self.low, self.high = settings.bounds
        # Those on a bound that the gradient presses against do not move.
        self.free = ~(((point.x <= self.low) & (point.g > 0)) | ((point.x >= self.high) & (point.g < 0)))
        self.part: Any = None  # of the linearised problem, in the parameters that move

    def next(self) -> Step:
        point, state, low, high = self.point, self.state, self.low, self.high
        free, self.clipped, self.all = self.free.copy(), False, bool(self.free.all())
        if self.all:
            step = super().next()
            if ((point.x + step.p >= low) & (point.x + step.p <= high)).all():
                return step
            self.all = False
        if not free.any():
            raise Stop(CONVERGED, "converged: every parameter is on a bound that the gradient presses against")
        p = np.zeros(point.x.size)
        damping = 0.0
        while free.any():
            part = point.restricted(free, p)
            self.part = seen(spectrum(part, state, state.D[free]), part, state, self.settings)
            step = self.part.step(state.radius)
            p[free], damping = step.p, step.damping
            out = free & ((point.x + p < low) | (point.x + p > high))
            if not out.any():
                break
            p[out] = np.where(p[out] < 0, low[out], high[out]) - point.x[out]
            self.clipped = True
            free &= ~out
        return Step(p, length(state.D * p), damping, -point.model(p))

    def decomposed(self) -> Any:
        return super().decomposed() if self.all else self.part

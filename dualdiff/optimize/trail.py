"""What the descents on all of f share: the history, the best point, the clock, the caller's callback, Ctrl-C, the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..transforms import value_and_gradient
from .result import (
    Array,
    Callback,
    Result,
    deadline,
    leaves_of,
    norm,
    number,
    require_count,
    require_functions,
    require_not_negative,
)
from .stopping import BUDGET, CONVERGED, DIVERGED, INTERRUPTED, STALLED, Stop

BOTTOMLESS = -1e50  # times what f was: no value of a minimum


class Trail:
    """The way of one descent. ``reach`` raises Stop where it ends; ``follow`` makes the result, however it ended.

    x and gradients are lists of arrays.
    """

    def __init__(self, max_iter: int, tol: float, max_seconds: float | None, callback: Callback | None) -> None:
        require_count("max_iter", max_iter, least=0)
        require_not_negative("tol", tol)
        require_functions(callback=callback)
        self.max_iter, self.tol, self.callback = max_iter, tol, callback
        self.deadline = deadline(max_seconds)
        self.nfev = 0
        self.history: list[float] = []
        self.last: Any = None
        self.best: Any = None

    def evaluation(self, f: Callable[[Any], Any], mode: str, jac: Any) -> Callable[[Any], tuple[float, list[Array]]]:
        """f and its gradient at a tree, counted: by one sweep, or the gradient by the caller's ``jac``."""
        require_functions(jac=jac)
        both = value_and_gradient(f, mode=mode) if jac is None else lambda x: (f(x), jac(x))

        def at(x: Any) -> tuple[float, list[Array]]:
            value, gradient = both(x)
            self.nfev += 1 if jac is None else 2
            return number(value), leaves_of(gradient, x)

        return at

    def meet(self, *point: Any) -> None:
        """f was evaluated here: loss, x, gradient."""
        if self.best is None or point[0] < self.best[0]:
            self.best = point

    def reach(self, *point: Any) -> str:
        """The start, or what an iteration led to: loss, x, gradient. How far it is from a minimum."""
        self.meet(*point)
        self.last = point
        self.history.append(point[0])
        nit, stopped = len(self.history) - 1, False
        if nit and self.callback is not None:
            try:
                self.callback(nit, point[0])
            except StopIteration:
                stopped = True
        far = self.judged()
        if stopped:
            raise Stop(INTERRUPTED, f"stopped by the callback after iteration {nit}; {far}")
        if nit >= self.max_iter:
            raise Stop(BUDGET, f"out of iterations: after {nit} {far}")
        if time.monotonic() >= self.deadline:
            raise Stop(BUDGET, f"out of budget: max_seconds is used up after iteration {nit}; {far}")
        return far

    def judged(self) -> str:
        """How far the last point is from a minimum; raises Stop where it is one."""
        length = norm(self.last[2])
        if length <= self.tol:
            raise Stop(CONVERGED, f"converged: the gradient's length {length:.3g} is at most tol={self.tol:g}")
        return f"the gradient's length is {length:.3g}, above tol={self.tol:g}"

    def follow(self, steps: Callable[[], Any], form: Callable[[Any], Any]) -> Result:
        """Take the steps until one of them raises Stop, or the user interrupts: then the best point met is the result."""
        try:
            with np.errstate(all="ignore"):  # what overflows is met by require_finite, with the next step
                steps()
            raise AssertionError("a descent ends with a reason")
        except Stop as stop:
            reason, message = stop.reason, stop.message
        except KeyboardInterrupt:
            if self.best is None:
                raise
            reason, message = INTERRUPTED, f"interrupted after iteration {len(self.history) - 1}: this is the best found so far"
        loss, x, gradient = self.best if reason == INTERRUPTED else self.last
        if reason in {BUDGET, STALLED} and loss < BOTTOMLESS * max(1.0, abs(self.history[0])):
            reason, message = DIVERGED, f"diverged: f has fallen to {loss:.3g} and may have no minimum; {message}"
        return Result(form(x), loss, form(gradient), len(self.history) - 1, self.nfev, reason == CONVERGED, message,
                      self.history, reason)

"""Gradient descent: x → x - η ∂f/∂x, eqs. (10)-(11) of the lecture notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import DivergenceError
from .result import Callback, Result, require_finite, require_positive, smaller, start
from .stopping import BUDGET
from .trail import Trail


def gradient_descent(f: Callable[[Any], Any], x0: Any, *, learning_rate: float = 0.1, max_iter: int = 1000,
                     tol: float = 1e-6, max_seconds: float | None = None, mode: str = "auto",
                     jac: Callable[[Any], Any] | None = None, callback: Callback | None = None) -> Result:
    """Minimise f by steps of ``learning_rate`` against its gradient.

    ``f`` takes x (a number, an array, or a list, tuple or dict of them, as ``x0``) and returns one number. The
    gradient is a dual-number sweep in ``mode`` (see ``dualdiff.gradient``) unless ``jac(x)`` gives it.
    ``callback(iteration, loss)`` is called after every iteration, from 1, and may raise StopIteration. Stops where the
    length of the gradient is at most ``tol`` (success), after ``max_iter`` iterations or ``max_seconds``; Ctrl-C returns the
    best so far. One sweep per iteration. Raises DivergenceError where a value or gradient is no longer finite, and where f
    has ended above f(x0): the steps are then too long.

    Y. Hu, *Machine learning* (lecture notes), eqs. (10)-(11).

    >>> import numpy as np
    >>> result = gradient_descent(lambda x: np.sum((x - 3.0)**2), np.zeros(2))
    >>> result.x, result.success
    (array([3., 3.]), True)
    """
    require_positive("learning_rate", learning_rate)
    trail = Trail(max_iter, tol, max_seconds, callback)
    x0, rebuild = start(x0)
    evaluated = trail.evaluation(f, mode, jac)

    def steps() -> None:
        x = x0
        while True:
            loss, gradient = evaluated(rebuild(x))
            require_finite("gradient_descent", len(trail.history), loss, gradient, learning_rate)
            trail.reach(loss, x, gradient)
            x = [a - learning_rate * g for a, g in zip(x, gradient, strict=True)]

    result = trail.follow(steps, rebuild)
    if result.reason == BUDGET and result.fun > trail.history[0]:
        raise DivergenceError(f"gradient_descent diverged: after iteration {result.nit} the value is {result.fun:g}, above "
                              f"{trail.history[0]:g} at x0. {smaller(learning_rate)}")
    return result

"""Gradient descent: x → x - η ∂f/∂x, eqs. (10)-(11) of the lecture notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DivergenceError
from ..transforms import value_and_gradient
from .result import (
    Callback,
    Result,
    converged,
    leaves_of,
    norm,
    out_of_iterations,
    require_count,
    require_finite,
    require_positive,
    require_tolerance,
    smaller,
    start,
)


def gradient_descent(f: Callable[[Any], Any], x0: Any, *, learning_rate: float = 0.1, max_iter: int = 1000,
                     tol: float = 1e-6, mode: str = "auto", jac: Callable[[Any], Any] | None = None,
                     callback: Callback | None = None) -> Result:
    """Minimise f by steps of ``learning_rate`` against its gradient.

    ``f`` takes x (a number, an array, or a list, tuple or dict of them, as ``x0``) and returns one number. The
    gradient is a dual-number sweep in ``mode`` (see ``dualdiff.gradient``) unless ``jac(x)`` gives it.
    ``callback(iteration, loss)`` is called after every iteration, from 1. Stops where the length of the gradient is at
    most ``tol`` (success), or after ``max_iter`` iterations. One sweep per iteration. Raises DivergenceError where a
    value or gradient is no longer finite, and where f has ended above f(x0): the steps are then too long.

    Y. Hu, *Machine learning* (lecture notes), eqs. (10)-(11).

    >>> import numpy as np
    >>> result = gradient_descent(lambda x: np.sum((x - 3.0)**2), np.zeros(2))
    >>> result.x, result.success
    (array([3., 3.]), True)
    """
    require_positive("learning_rate", learning_rate)
    require_count("max_iter", max_iter, least=0)
    require_tolerance(tol)
    x, rebuild = start(x0)
    both = value_and_gradient(f, mode=mode) if jac is None else lambda tree: (f(tree), jac(tree))
    history: list[float] = []
    nit = 0
    while True:
        with np.errstate(all="ignore"):                    # what overflows is met two lines below, with the next step
            value, tree = both(rebuild(x))
        loss, gradient = float(value), leaves_of(tree, x)
        require_finite("gradient_descent", nit, loss, gradient, learning_rate)
        history.append(loss)
        if nit and callback is not None:
            callback(nit, loss)
        length = norm(gradient)
        if length <= tol or nit == max_iter:
            break
        x = [a - learning_rate * g for a, g in zip(x, gradient, strict=True)]
        nit += 1
    if length > tol and loss > history[0]:
        raise DivergenceError(f"gradient_descent diverged: after iteration {nit} the value is {loss:g}, above "
                              f"{history[0]:g} at x0. {smaller(learning_rate)}")
    nfev = (nit + 1) * (1 if jac is None else 2)
    message = converged(length, tol) if length <= tol else out_of_iterations(nit, length, tol)
    return Result(rebuild(x), loss, rebuild(gradient), nit, nfev, length <= tol, message, history)

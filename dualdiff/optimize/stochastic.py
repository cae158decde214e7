"""Stochastic gradient descent on mini-batches (section 2.3 of the lecture notes), with momentum, and Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import numpy as np

from ..errors import ShapeError, StructureError
from ..transforms import gradient
from .result import (
    Array,
    Callback,
    Result,
    leaves_of,
    require,
    require_count,
    require_finite,
    require_positive,
    require_tolerance,
    start,
)

Update = Callable[[list[Array], list[Array]], list[Array]]   # (x, gradient of a batch) -> the next x


def sgd(f: Callable[..., Any], x0: Any, data: Sequence[Any], *, learning_rate: float = 0.01, momentum: float = 0.0,
        batch_size: int | None = 16, epochs: int = 100, tol: float | None = None, patience: int = 10,
        rng: np.random.Generator | int = 0, mode: str = "auto", jac: Callable[..., Any] | None = None,
        callback: Callback | None = None) -> Result:
    """Minimise f(x, *data), a mean over examples, by steps against its gradient on a few examples at a time.

    ``data`` is a sequence of arrays with one row per example, for instance ``(X, y)``; ``f(x, *batch)`` gets
    ``batch_size`` of their rows (None: all) in an order that ``rng`` (a Generator or a seed) draws anew in every epoch.
    An epoch, one pass over the rows, is an iteration: ``callback(epoch, loss)`` and ``history`` get f over *all* data
    after it. With ``momentum`` μ the steps are v → μ v - η ∂f/∂x, x → x + v. ``mode`` and ``jac(x, *batch)`` are as in
    ``gradient_descent``. Runs ``epochs``, or stops (success) where f has not fallen by more than ``tol`` below its best
    in ``patience`` epochs; with tol=None nothing is tested and ``success`` stays False. Raises DivergenceError.

    Y. Hu, *Machine learning* (lecture notes), section 2.3; momentum: B. Polyak, USSR Comput. Math. 4 (1964) 1-17.

    >>> import numpy as np
    >>> X, w = np.random.default_rng(1).normal(size=(40, 2)), np.array([1.0, -2.0])
    >>> sgd(lambda v, X, y: np.mean((X @ v - y)**2), np.zeros(2), (X, X @ w), learning_rate=0.1).x
    array([ 1., -2.])
    """
    require_positive("learning_rate", learning_rate)
    require(isinstance(momentum, int | float | np.number) and 0 <= momentum < 1, "momentum", momentum,
            "a number from 0 up to, not including, 1")
    velocity: list[Any] = []

    def update(x: list[Array], g: list[Array]) -> list[Array]:
        if not momentum:
            return [a - learning_rate * b for a, b in zip(x, g, strict=True)]
        velocity[:] = [momentum * v - learning_rate * b for v, b in zip(velocity or [0.0] * len(g), g, strict=True)]
        return [a + v for a, v in zip(x, velocity, strict=True)]

    return by_epochs("sgd", f, x0, data, update, learning_rate, batch_size, epochs, tol, patience, rng, mode, jac,
                     callback)


def adam(f: Callable[..., Any], x0: Any, data: Sequence[Any] = (), *, learning_rate: float = 0.01, beta1: float = 0.9,
         beta2: float = 0.999, epsilon: float = 1e-8, batch_size: int | None = 16, epochs: int = 100,
         tol: float | None = None, patience: int = 10, rng: np.random.Generator | int = 0, mode: str = "auto",
         jac: Callable[..., Any] | None = None, callback: Callback | None = None) -> Result:
    """Minimise f(x, *data) by Adam: each parameter's step is scaled by running means of its gradient and its square.

    All else is as in ``sgd``; without ``data`` every epoch is one step on f(x). ``beta1``, ``beta2`` and ``epsilon``
    are the paper's.

    D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, Algorithm 1.

    >>> import numpy as np
    >>> result = adam(lambda x: np.sum((x["a"] - 3.0)**2), {"a": np.zeros(2)}, learning_rate=0.1, epochs=500)
    >>> print(np.round(result.x["a"], 3))
    [3. 3.]
    """
    require_positive("learning_rate", learning_rate)
    require_positive("epsilon", epsilon)
    for name, beta in (("beta1", beta1), ("beta2", beta2)):
        require(isinstance(beta, int | float | np.number) and 0 <= beta < 1, name, beta,
                "a number from 0 up to, not including, 1")
    steps = 0
    means: list[Any] = []
    squares: list[Any] = []

    def update(x: list[Array], g: list[Array]) -> list[Array]:
        nonlocal steps
        steps += 1
        zeros = [0.0] * len(g)
        means[:] = [beta1 * m + (1 - beta1) * b for m, b in zip(means or zeros, g, strict=True)]
        squares[:] = [beta2 * v + (1 - beta2) * b * b for v, b in zip(squares or zeros, g, strict=True)]
        # Both means start at 0; dividing by 1 - βᵗ takes that bias out.
        first, second = 1 - beta1**steps, 1 - beta2**steps
        return [a - learning_rate * (m / first) / (np.sqrt(v / second) + epsilon)
                for a, m, v in zip(x, means, squares, strict=True)]

    return by_epochs("adam", f, x0, data, update, learning_rate, batch_size, epochs, tol, patience, rng, mode, jac,
                     callback)


def by_epochs(method: str, f: Callable[..., Any], x0: Any, data: Sequence[Any], update: Update, learning_rate: float,
              batch_size: int | None, epochs: int, tol: float | None, patience: int, rng: np.random.Generator | int,
              mode: str, jac: Callable[..., Any] | None, callback: Callback | None) -> Result:
    """The loop that sgd and adam share: epochs of shuffled batches, and the loss over all data after each."""
    require_count("epochs", epochs, least=0)
    require_count("patience", patience)
    if tol is not None:
        require_tolerance(tol)
    rows = rows_of(data)
    size = rows if batch_size is None else batch_size
    require_count("batch_size", size)
    df = gradient(f, mode=mode) if jac is None else jac
    generator = np.random.default_rng(rng)
    x, rebuild = start(x0)

    def loss_now(epoch: int) -> float:
        loss = float(f(rebuild(x), *data))
        require_finite(method, epoch, loss, x, learning_rate, "argument")
        return loss

    with np.errstate(all="ignore"):                        # what overflows is met after the epoch, with the next step
        history = [loss_now(0)]
        best, waited, settled = history[0], 0, False
        while len(history) <= epochs and not settled:
            order = generator.permutation(rows)
            for first in range(0, rows, size):
                batch = [a[order[first:first + size]] for a in data]
                x = update(x, leaves_of(df(rebuild(x), *batch), x))
            epoch = len(history)
            history.append(loss_now(epoch))
            if callback is not None:
                callback(epoch, history[-1])
            fell = tol is None or history[-1] < best - tol
            best, waited = (min(best, history[-1]), 0) if fell else (best, waited + 1)
            settled = waited >= patience
        final = df(rebuild(x), *data)
    nit = len(history) - 1
    if settled:
        message = f"converged: the loss fell by no more than tol={tol:g} in {patience} epochs"
    else:
        change = "below" if history[-1] < history[0] else "not below"
        message = f"out of epochs: after {nit} the loss is {history[-1]:.6g}, {change} {history[0]:.6g} at x0"
    nfev = len(history) + nit * ceil(rows / size) + 1      # losses, batches, the gradient at the end
    return Result(rebuild(x), history[-1], final, nit, nfev, settled, message, history)


def rows_of(data: Sequence[Any]) -> int:
    """The number of examples; arrays of different lengths would be paired wrongly, so they are refused."""
    if not isinstance(data, list | tuple) or not all(isinstance(a, np.ndarray) and a.ndim for a in data):
        raise StructureError("data must be a tuple of arrays with one row per example, such as (X, y)")
    lengths = {len(a) for a in data}
    if len(lengths) > 1 or 0 in lengths:
        raise ShapeError(f"the arrays of data have {[len(a) for a in data]} rows; all need one number, not 0")
    return lengths.pop() if lengths else 1

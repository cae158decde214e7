"""Stochastic gradient descent on mini-batches (section 2.3 of the lecture notes), with momentum, and Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .epochs import Method, Plan, trained
from .result import Array, Callback, Result, require, require_part, require_positive
from .schedules import Schedule


class Momentum(Method):
    """v → μ v - η g, x → x + v; Nesterov's: x → x + μ v - η g with the new v."""

    name = "sgd"

    def __init__(self, learning_rate: Any, momentum: float, nesterov: bool) -> None:
        super().__init__(learning_rate)
        require_part("momentum", momentum)
        require(not nesterov or momentum > 0, "nesterov", nesterov, "False where momentum is 0")
        self.momentum, self.nesterov = momentum, nesterov

    def update(self, x: Array, g: Array, rate: float) -> Array:
        mu = self.momentum
        if not mu:
            return x - rate * g
        v = mu * (self.memory[0] if self.memory else 0.0) - rate * g
        self.memory = [v]
        return x + mu * v - rate * g if self.nesterov else x + v


class Adam(Method):
    """Running means of the gradient and of its square, both freed of their start at 0."""

    name = "adam"

    def __init__(self, learning_rate: Any, beta1: float, beta2: float, epsilon: float) -> None:
        super().__init__(learning_rate)
        require_positive("epsilon", epsilon)
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            require_part(name, beta)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def update(self, x: Array, g: Array, rate: float) -> Array:
        beta1, beta2 = self.beta1, self.beta2
        m, v = self.memory or (0.0, 0.0)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        self.memory = [m, v]
        # Both means start at 0; dividing by 1 - βᵗ takes that bias out.
        first, second = 1 - beta1**self.steps, 1 - beta2**self.steps
        return x - rate / first * m / (np.sqrt(v / second) + self.epsilon)


def sgd(f: Callable[..., Any], x0: Any, data: Sequence[Any] = (), *, learning_rate: float | Schedule = 0.01,
        momentum: float = 0.0, nesterov: bool = False, batch_size: int | None = 16, epochs: int = 100,
        tol: float | None = None, patience: int = 10, rng: np.random.Generator | int = 0, mode: str = "auto",
        jac: Callable[..., Any] | None = None, callback: Callback | None = None, validation: Sequence[Any] | None = None,
        max_seconds: float | None = None, checkpoint: Any = None, resume: bool = False,
        shards: Sequence[Any] | None = None, executor: Any = None) -> Result:
    """Minimise f(x, *data), a mean over examples, by steps against its gradient on a few examples at a time.

    ``data`` is a sequence of arrays with one row per example, for instance ``(X, y)``; ``f(x, *batch)`` gets
    ``batch_size`` of their rows (None: all) in an order that ``rng`` (a Generator or a seed) draws anew in every epoch.
    An epoch, one pass over the rows, is an iteration: ``callback(epoch, loss)`` and ``history`` get f over *all* data
    after it, and may raise StopIteration. With ``momentum`` μ the steps are v → μ v - η ∂f/∂x, x → x + v; with
    ``nesterov`` the gradient's step is taken from where v would lead. ``learning_rate`` η may be a function of the number
    of steps (see ``schedules``). ``mode`` and ``jac(x, *batch)`` are as in ``gradient_descent``.

    Runs ``epochs``, or ``max_seconds``, or stops (success) where f has not fallen by more than ``tol`` below its best in
    ``patience`` epochs; with tol=None nothing is tested and ``success`` stays False. With ``validation``, data like
    ``data``, f of those is what is tested, and x is where it was least. Ctrl-C returns the best so far. ``checkpoint``
    names a file written after every epoch, from which ``resume`` goes on to the same bits. Raises DivergenceError.

    Data that do not fit, or gradients that take long, come in ``shards`` on workers of an ``executor`` as in
    ``least_squares``: f(x, shard) is then a mean over a shard, what is minimised the mean over shards, and ``batch_size``
    counts shards. The bits do not depend on the workers; the shards of workers that die are sent again.

    Y. Hu, *Machine learning* (lecture notes), section 2.3; momentum: B. Polyak, USSR Comput. Math. 4 (1964) 1-17; Y.
    Nesterov's in the form of I. Sutskever et al., ICML 2013, eqs. (3)-(4), told at the point looked ahead to.

    >>> import numpy as np
    >>> X, w = np.random.default_rng(1).normal(size=(40, 2)), np.array([1.0, -2.0])
    >>> sgd(lambda v, X, y: np.mean((X @ v - y)**2), np.zeros(2), (X, X @ w), learning_rate=0.1).x
    array([ 1., -2.])
    """
    plan = Plan(batch_size, epochs, tol, patience, rng, mode, jac, callback, validation, max_seconds, checkpoint, resume,
                shards, executor)
    return trained(f, x0, data, Momentum(learning_rate, momentum, nesterov), plan)


def adam(f: Callable[..., Any], x0: Any, data: Sequence[Any] = (), *, learning_rate: float | Schedule = 0.01,
         beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, batch_size: int | None = 16, epochs: int = 100,
         tol: float | None = None, patience: int = 10, rng: np.random.Generator | int = 0, mode: str = "auto",
         jac: Callable[..., Any] | None = None, callback: Callback | None = None, validation: Sequence[Any] | None = None,
         max_seconds: float | None = None, checkpoint: Any = None, resume: bool = False,
         shards: Sequence[Any] | None = None, executor: Any = None) -> Result:
    """Minimise f(x, *data) by Adam: each parameter's step is scaled by running means of its gradient and its square.

    All else is as in ``sgd``; without ``data`` every epoch is one step on f(x). ``beta1``, ``beta2`` and ``epsilon``
    are the paper's.

    D. P. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, Algorithm 1.

    >>> import numpy as np
    >>> result = adam(lambda x: np.sum((x["a"] - 3.0)**2), {"a": np.zeros(2)}, learning_rate=0.1, epochs=500)
    >>> print(np.round(result.x["a"], 3))
    [3. 3.]
    """
    plan = Plan(batch_size, epochs, tol, patience, rng, mode, jac, callback, validation, max_seconds, checkpoint, resume,
                shards, executor)
    return trained(f, x0, data, Adam(learning_rate, beta1, beta2, epsilon), plan)

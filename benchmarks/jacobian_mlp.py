"""The Jacobian of a network's residuals: what Gauss-Newton and Levenberg-Marquardt need at every step.

X of s samples × d inputs, one hidden layer of h neurons with tanh, one output, so 2h + dh + 1 parameters; the residual
is network(X) - y. By hand the Jacobian is one broadcast product per layer. The textbook's tangents hold a number for
every (parameter, sample, neuron), here in blocks of a few parameters; ours hold what each neuron depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import dualdiff as dd

from . import _peers, _textbook
from ._report import Bar, Case, all_cases, main
from ._timing import Contender

Problem = tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[..., Any], Any]


def network(d: int, h: int, s: int) -> Problem:
    """The residual as a user writes it, its Jacobian as an expert writes it, the residual for peers, and parameters."""
    rng = np.random.default_rng(0)
    X, y, p = rng.standard_normal((s, d)), rng.standard_normal(s), 0.3 * rng.standard_normal(d * h + 2 * h + 1)

    def residual(t: Any, np: Any = np, X: Any = X, y: Any = y) -> Any:
        W1, b1 = t[:d * h].reshape(d, h), t[d * h:d * h + h]
        W2, b2 = t[d * h + h:d * h + 2 * h].reshape(h, 1), t[d * h + 2 * h:]
        return (np.tanh(X @ W1 + b1) @ W2 + b2)[:, 0] - y

    def by_hand(t: Any) -> Any:
        W1, b1, W2 = t[:d * h].reshape(d, h), t[d * h:d * h + h], t[d * h + h:d * h + 2 * h]
        A = np.tanh(X @ W1 + b1)
        G = (1 - A * A) * W2
        return np.concatenate([(X[:, :, None] * G[:, None, :]).reshape(s, d * h), G, A, np.ones((s, 1))], axis=1)

    def elsewhere(t: Any, np: Any) -> Any:
        return residual(t, np, np.asarray(X), np.asarray(y))

    return residual, by_hand, elsewhere, p


def cases(quick: bool) -> Iterator[Case]:
    sizes = [(3, 4, 20, 2.5), (4, 5, 30, 2.0)] if quick else [(8, 64, 1000, 2.5), (16, 128, 2000, 2.0)]
    for d, h, s, limit in sizes:
        residual, by_hand, elsewhere, p = network(d, h, s)
        yield Case(
            f"{d}-{h}-1, {s} samples: Jacobian ({s}, {p.size})",
            [Contender("by hand", partial(by_hand, p)),
             Contender("dualdiff.jacobian", partial(dd.jacobian(residual), p)),
             Contender("textbook forward mode", partial(_textbook.jacobian, residual, p)),
             *_peers.jacobians(elsewhere, p)],
            [Bar("dualdiff.jacobian over by hand", lambda t: t.ratio("dualdiff.jacobian", "by hand"), limit)],
            seconds=15.0)


if __name__ == "__main__":
    main("benchmarks.jacobian_mlp", all_cases(cases))

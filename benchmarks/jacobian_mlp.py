"""The Jacobian of a network's residuals: what Gauss-Newton and Levenberg-Marquardt need at every step.

X of s samples × d inputs, one or two hidden layers of neurons with tanh, one output; the residual is network(X) - y. By hand
the Jacobian is one broadcast product per layer. The textbook's tangents hold a number for every (parameter, sample, neuron),
here in blocks of a few parameters; ours hold what each neuron depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

import dualdiff as dd

from . import _peers, _textbook
from ._report import Bar, Case, all_cases, main
from ._timing import Contender, Timings

OURS = "dualdiff.jacobian"

Problem = tuple[Callable[..., Any], Callable[[Any], Any], Callable[..., Any], Any, tuple[Any, Any]]


def network(d: int, h: int, s: int) -> Problem:
    """The residual as a user writes it, its Jacobian as an expert writes it, one sample's residual, parameters, and data."""
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

    def one_sample(t: Any, x: Any, y: Any, np: Any) -> Any:
        hidden = np.tanh(x @ t[:d * h].reshape(d, h) + t[d * h:d * h + h])
        return hidden @ t[d * h + h:d * h + 2 * h] + t[d * h + 2 * h] - y

    return residual, by_hand, one_sample, p, (X, y)


def deeper(d: int, h: int, g: int, s: int) -> Problem:
    """The same for two hidden layers."""
    rng = np.random.default_rng(0)
    ends = np.cumsum([d * h, h, h * g, g, g, 1])
    X, y, p = rng.standard_normal((s, d)), rng.standard_normal(s), 0.3 * rng.standard_normal(ends[-1])

    def parts(t: Any) -> Any:
        W1, b1, W2, b2, w3, b3 = (t[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True))
        return W1.reshape(d, h), b1, W2.reshape(h, g), b2, w3, b3

    def residual(t: Any, np: Any = np, X: Any = X, y: Any = y) -> Any:
        W1, b1, W2, b2, w3, b3 = parts(t)
        return np.tanh(np.tanh(X @ W1 + b1) @ W2 + b2) @ w3 + b3 - y

    def by_hand(t: Any) -> Any:
        W1, b1, W2, b2, w3, _ = parts(t)
        A = np.tanh(X @ W1 + b1)
        B = np.tanh(A @ W2 + b2)
        G = (1 - B * B) * w3
        F = (1 - A * A) * (G @ W2.T)
        return np.concatenate([(X[:, :, None] * F[:, None, :]).reshape(s, d * h), F,
                               (A[:, :, None] * G[:, None, :]).reshape(s, h * g), G, B, np.ones((s, 1))], axis=1)

    def one_sample(t: Any, x: Any, y: Any, np: Any) -> Any:
        W1, b1, W2, b2, w3, b3 = parts(t)
        return np.tanh(np.tanh(x @ W1 + b1) @ W2 + b2) @ w3 + b3[0] - y

    return residual, by_hand, one_sample, p, (X, y)


def case(title: str, problem: Problem, bars: Sequence[Bar]) -> Case:
    residual, by_hand, one_sample, p, (X, y) = problem

    def elsewhere(t: Any, np: Any) -> Any:
        return residual(t, np, np.asarray(X), np.asarray(y))

    contenders = [Contender("by hand", partial(by_hand, p)), Contender(OURS, partial(dd.jacobian(residual), p)),
                  *_peers.per_sample("grad", one_sample, (None, 0, 0), p, X, y)]
    if p.size < 2000:                                      # minutes for the larger network
        contenders += [Contender("textbook forward mode", partial(_textbook.jacobian, residual, p)),
                       *_peers.jacobians(elsewhere, p)]
    return Case(f"{title}, {len(y)} samples: Jacobian ({len(y)}, {p.size})", contenders, bars, seconds=12.0,
                reads=X.nbytes + p.nbytes)


def cases(quick: bool) -> Iterator[Case]:
    for d, h, s, limit in ((3, 4, 20, 1.8), (4, 5, 30, 2.0)) if quick else ((8, 64, 1000, 1.8), (16, 128, 2000, 2.0)):
        yield case(f"{d}-{h}-1", network(d, h, s), [
            Bar(f"{OURS} over by hand, {d}-{h}-1", lambda t: t.ratio(OURS, "by hand"), limit)])
    d, h, g, s = (3, 4, 4, 20) if quick else (8, 32, 32, 1000)
    faster = [Bar(f"{OURS} over {peer}, {d}-{h}-{g}-1", partial(Timings.ratio, name=OURS, over=peer), 1.0)
              for peer in ("jax.jit(jacfwd)", "jax.jit(jacrev)") if _peers.installed("jax")]
    yield case(f"{d}-{h}-{g}-1", deeper(d, h, g, s), faster)


if __name__ == "__main__":
    main("benchmarks.jacobian_mlp", all_cases(cases))

"""Products with Jacobians and Hessians: what they cost in runs of f.

Reverse gradients of a network's loss in several spellings, Hessian times vector, Gauss-Newton products without a matrix, a
long loop with checkpoints (time and peak memory). The choice of the mode is in forward_reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import dualdiff as dd

from . import _peers
from ._report import Bar, Case, all_cases, main
from ._timing import Contender, Timings
from .gradients import rosenbrock

RNG = np.random.default_rng(0)


# ---- gradients of a network's loss -----------------------------------------------------------------------------------
def relu(z: Any) -> Any:
    return np.maximum(z, 0)


ACTIVATIONS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "tanh": (np.tanh, lambda h: 1 - h * h), "relu": (relu, lambda h: (h > 0) * 1.0)}


class Network:
    """Softmax cross-entropy of a network with these layers on N random samples."""

    def __init__(self, sizes: list[int], samples: int, activation: str) -> None:
        self.sizes, self.name = sizes, activation
        self.act, self.slope = ACTIVATIONS[activation]
        self.X, self.rows = RNG.standard_normal((samples, sizes[0])), np.arange(samples)
        self.labels = RNG.integers(0, sizes[-1], samples)
        self.onehot = np.eye(sizes[-1])[self.labels]
        self.pairs = [(RNG.standard_normal((a, b)) / np.sqrt(a), np.zeros(b)) for a, b in pairwise(sizes)]
        self.flat = flat(self.pairs)

    def scores(self, pairs: Any) -> Any:
        h = self.X
        for W, b in pairs[:-1]:
            h = self.act(h @ W + b)
        W, b = pairs[-1]
        return h @ W + b

    def loss(self, pairs: Any) -> Any:
        """The labels' scores picked by an index."""
        z = self.scores(pairs)
        top = np.max(z, axis=1, keepdims=True)
        return np.mean(top[:, 0] + np.log(np.sum(np.exp(z - top), axis=1)) - z[self.rows, self.labels])

    def loss_by_onehot(self, pairs: Any) -> Any:
        z = self.scores(pairs)
        z = z - z.max(axis=1, keepdims=True)
        return -np.sum(self.onehot * (z - np.log(np.exp(z).sum(axis=1, keepdims=True)))) / len(self.rows)

    def of_vector(self, p: Any) -> Any:
        """The loss of all parameters in one vector, sliced and reshaped."""
        pairs, at = [], 0
        for a, b in pairwise(self.sizes):
            W, at = p[at:at + a * b].reshape(a, b), at + a * b
            pairs.append((W, p[at:at + b]))
            at += b
        return self.loss(pairs)

    def elsewhere(self, p: Any, np: Any) -> Any:
        """The same in the names that other libraries have."""
        h, at = np.asarray(self.X), 0
        for a, b in pairwise(self.sizes):
            z, at = h @ p[at:at + a * b].reshape(a, b) + p[at + a * b:at + a * b + b], at + a * b + b
            h = np.tanh(z) if self.name == "tanh" else z * (z > 0)
        return np.mean(np.log(np.sum(np.exp(z), 1)) - np.sum(z * np.asarray(self.onehot), 1))

    def by_hand(self) -> Any:
        layers, h = [], self.X
        for W, b in self.pairs[:-1]:
            layers.append(h)
            h = self.act(h @ W + b)
        layers.append(h)
        W, b = self.pairs[-1]
        z = h @ W + b
        e = np.exp(z - z.max(axis=1, keepdims=True))
        u = e / e.sum(axis=1, keepdims=True)
        u[self.rows, self.labels] -= 1
        u /= len(self.rows)
        found = []
        for i in range(len(layers) - 1, -1, -1):
            found.append((layers[i].T @ u, u.sum(axis=0)))
            if i:
                u = (u @ self.pairs[i][0].T) * self.slope(layers[i])
        return flat(found[::-1])


def flat(pairs: Any) -> Any:
    return np.concatenate([np.ravel(part) for pair in pairs for part in pair])


def networks(quick: bool) -> Iterator[Case]:
    for activation in ACTIVATIONS:
        net = Network([20, 8, 5] if quick else [784, 128, 64, 10], 30 if quick else 512, activation)
        spellings = {"pairs, labels by an index": (net.loss, net.pairs), "pairs, one-hot": (net.loss_by_onehot, net.pairs),
                     "one vector": (net.of_vector, net.flat)}
        for spelling, (loss, x) in spellings.items():
            read = flat if x is net.pairs else np.asarray
            reverse = dd.gradient(loss, mode="reverse")
            layers = "-".join(map(str, net.sizes))
            title = f"gradient of a {layers} network's loss, {len(net.rows)} samples, {net.name}: {spelling}"
            yield Case(title, [Contender("the loss", partial(loss, x), None), Contender("by hand", net.by_hand),
                               Contender("reverse", partial(lambda g, r, x: r(g(x)), reverse, read, x)),
                               *(_peers.gradients(net.elsewhere, net.flat, symbols=False) if x is net.flat else ())],
                       [Bar(f"reverse over the loss, {net.name}, {spelling}",
                            partial(Timings.ratio, name="reverse", over="the loss"), 4.0)],
                       reads=net.X.nbytes + net.flat.nbytes)


# ---- second order ----------------------------------------------------------------------------------------------------
def second_order(quick: bool) -> Iterator[Case]:
    A, y = RNG.standard_normal((569, 30)), RNG.integers(0, 2, 569) * 1.0
    net = Network([20, 8, 5] if quick else [784, 128, 64, 10], 30 if quick else 512, "tanh")

    def logistic(w: Any) -> Any:
        z = A @ w
        return np.mean(np.logaddexp(0, z) - y * z)

    def elsewhere(w: Any, np: Any) -> Any:
        z = np.asarray(A) @ w
        return np.mean(np.log1p(np.exp(z)) - np.asarray(y) * z)
    for title, f, peers, x in (("Rosenbrock, n = 10 000", rosenbrock, rosenbrock, RNG.standard_normal(10_000)),
                               ("logistic loss, 569 × 30", logistic, elsewhere, RNG.standard_normal(30)),
                               ("a network's loss", net.of_vector, net.elsewhere, net.flat)):
        v, g = RNG.standard_normal(x.shape), dd.gradient(f, mode="reverse")
        yield Case(f"Hessian times vector: {title}", [
            Contender("f", partial(f, x), None),
            Contender("hvp", partial(dd.hvp(f), x, v)),
            Contender("forward over reverse", partial(lambda g, x, v: dd.jvp(g, (x,), (v,))[1], g, x, v)),
            *_peers.products(peers, x, v),
        ], [Bar(f"hvp over f, {title}", partial(Timings.ratio, name="hvp", over="f"), 8.0)])


def gauss_newton(quick: bool) -> Iterator[Case]:
    n, m = (20, 40) if quick else (2000, 4000)
    A, x, v = RNG.standard_normal((m, n)) / np.sqrt(n), RNG.standard_normal(n), RNG.standard_normal(n)

    def residual(x: Any) -> Any:
        return np.tanh(A @ x) + 0.1 * np.resize(x * x, m)
    J = dd.linearize(residual, x)
    matrix = dd.jacobian(residual)(x)
    yield Case(f"Gauss-Newton product JᵀJv, {n} inputs, {m} residuals", [
        Contender("f", partial(residual, x), None), Contender("the matrix, made before", lambda: matrix.T @ (matrix @ v)),
        Contender("the operator, recorded before", lambda: J.T @ (J @ v)),
        Contender("recorded, and jvp", lambda: dd.linearize(residual, x).T @ dd.jvp(residual, (x,), (v,))[1])])


# ---- long loops ------------------------------------------------------------------------------------------------------
def diffusion(x: Any) -> Any:
    return x + 1e-3 * (np.sin(x) + np.roll(x, 1) - 2 * x + np.roll(x, -1))


def reaction(x: Any) -> Any:
    return x + 1e-3 * x * np.sin(x)


def loops(quick: bool) -> Iterator[Case]:
    times, n = (50, 20) if quick else (10_000, 1000)
    x = RNG.standard_normal(n)
    for step in (reaction, diffusion):
        def loop(x: Any, step: Any = step) -> Any:
            for _ in range(times):
                x = step(x)
            return np.sum(x * x)
        plain = dd.gradient(loop, mode="reverse")
        checked = dd.gradient(partial(lambda g, x: np.sum(g(x) ** 2), dd.checkpoint(step, times=times)), mode="reverse")
        yield Case(f"gradient through {times} steps on {n} elements, {step.__name__}", [
            Contender("the loop", partial(loop, x), None), Contender("one tape", partial(plain, x)),
            Contender("checkpoints", partial(checked, x))],
            [Bar(f"checkpoints over one tape, {step.__name__}",
                 partial(Timings.ratio, name="checkpoints", over="one tape"), 2.5),
             Bar(f"peak memory with checkpoints, {step.__name__}", lambda t: t.peaks["checkpoints"] / 1e6, 100.0, "MB")],
            seconds=12.0)


def cases(quick: bool) -> Iterator[Case]:
    for part in (networks, second_order, gauss_newton, loops):
        yield from part(quick)


if __name__ == "__main__":
    main("benchmarks.operators", all_cases(cases))

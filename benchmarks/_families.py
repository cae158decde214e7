"""Four families of functions of n inputs and m outputs, with the Jacobian that an expert writes by hand.

Each maker gives f and its ``by_hand``, a function of x that gives the whole Jacobian, (m, n); for products and losses that is
explicit back-propagation. All are analytic, so that a complex step is exact on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Made = tuple[Callable[[Any], Any], Callable[[Any], Any]]
HIDDEN = 50               # numbers between the inputs and the outputs of products


def elementwise(n: int, m: int) -> Made:
    """Each output is a formula of one input."""
    index = np.arange(m) % n

    def by_hand(x: Any) -> Any:
        J, u = np.zeros((m, n)), x[index]
        J[np.arange(m), index] = np.exp(u) * (np.sin(u) + np.cos(u))
        return J
    return lambda x: np.sin(x[index]) * np.exp(x[index]), by_hand


def stencil(n: int, m: int) -> Made:
    """Each output depends on four neighbours, cyclically."""
    def f(x: Any) -> Any:
        y = 0.5 * x + 0.25 * (np.roll(x, 1) + np.roll(x, -1)) ** 2
        return np.resize(np.sin(y) + np.roll(y, 1) * y, m)

    def by_hand(x: Any) -> Any:
        s = np.roll(x, 1) + np.roll(x, -1)
        y = 0.5 * x + 0.25 * s * s
        rows = np.arange(m)
        i, before = rows % n, (rows - 1) % n
        own, left = np.cos(y[i]) + y[before], y[i]         # ∂/∂y[i] and ∂/∂y[i-1]
        J = np.zeros((m, n))
        for shift, entry in ((0, 0.5 * own + 0.5 * s[before] * left), (-1, 0.5 * s[i] * own + 0.5 * left),
                             (1, 0.5 * s[i] * own), (-2, 0.5 * s[before] * left)):
            J[rows, (rows + shift) % n] += entry           # one entry a row: nothing is written twice
        return J
    return f, by_hand


def products(n: int, m: int) -> Made:
    """C tanh(B tanh(A x)): every output depends on every input."""
    rng = np.random.default_rng(n + m)
    A, B, C = (rng.standard_normal(shape) / np.sqrt(shape[1]) for shape in ((HIDDEN, n), (HIDDEN, HIDDEN), (m, HIDDEN)))

    def by_hand(x: Any) -> Any:
        t = np.tanh(A @ x)
        u = np.tanh(B @ t)
        return ((C * (1 - u * u)) @ B * (1 - t * t)) @ A
    return lambda x: C @ np.tanh(B @ np.tanh(A @ x)), by_hand


def network_loss(n: int, m: int) -> Made:
    """m losses of a network with n parameters (a hidden layer of (n - 1) // 10 neurons on 8 features); one: their mean."""
    rng = np.random.default_rng(n + m)
    h, samples = max(1, (n - 1) // 10), max(64, m)
    X, y = rng.standard_normal((samples, 8)), rng.standard_normal(samples)

    def f(p: Any) -> Any:
        W, b, w = p[:8 * h].reshape(8, h), p[8 * h:9 * h], p[9 * h:10 * h]
        losses = (np.tanh(X @ W + b) @ w + p[-1] - y) ** 2
        return np.mean(losses) if m == 1 else losses[:m]

    def by_hand(p: Any) -> Any:
        W, b, w = p[:8 * h].reshape(8, h), p[8 * h:9 * h], p[9 * h:10 * h]
        Z = X[:m] if m > 1 else X
        t = np.tanh(Z @ W + b)
        g = 2.0 * (t @ w + p[-1] - y[:len(Z)])
        back = (1 - t * t) * w * g[:, None]
        J = np.zeros((m, n))
        if m == 1:
            J[0, :10 * h] = np.concatenate([(Z.T @ back).ravel(), back.sum(axis=0), g @ t]) / samples
            J[0, -1] += g.sum() / samples
        else:
            J[:, :8 * h] = (Z[:, :, None] * back[:, None, :]).reshape(m, 8 * h)
            J[:, 8 * h:9 * h], J[:, 9 * h:10 * h] = back, t * g[:, None]
            J[:, -1] += g
        return J[0] if m == 1 else J
    return f, by_hand


FAMILIES: dict[str, tuple[Callable[[int, int], Made], int]] = {            # the maker and the fewest inputs it takes
    "elementwise": (elementwise, 1), "stencil": (stencil, 1), "matrix products": (products, 1),
    "network loss": (network_loss, 11)}

"""What the models minimise: a mean over n examples, and ∂Cₓ/∂a for each example, written out.

``Y`` holds one row per example (for classes, 1 in the column of its class and 0 elsewhere), ``a`` the outputs. Weights
``w``, one per example and 1 on average, make the mean Σ w C / Σ w.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import stop_gradient


def weighed(rows: Any, w: Any = None) -> Any:
    """Each row times its weight."""
    return rows if w is None else (rows.T * w).T


def squared_cost(Y: Any, a: Any, w: Any = None) -> Any:
    """1/(2n) Σₓ ‖y(x) - a‖² over the n rows: eqs. (8)-(9) of the lecture notes.

    >>> print(squared_cost(np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros((2, 2))))
    1.25
    """
    return np.sum(weighed((Y - a) ** 2, w)) / (2 * len(Y))


def highest(a: Any) -> Any:
    """The greatest output of each row: a shift that cancels exactly, so it is a constant to the derivative too."""
    return np.max(stop_gradient(a), axis=1, keepdims=True)


def softmax(a: Any) -> Any:
    """exp(aⱼ) / Σₖ exp(aₖ) in each row, without overflow.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    e = np.exp(a - highest(a))
    return e / np.sum(e, axis=1, keepdims=True)


def cross_entropy(Y: Any, a: Any, w: Any = None) -> Any:
    """-1/n Σₓ Σⱼ yⱼ(x) log softmax(a)ⱼ, written as log Σ exp(zⱼ) - Σ yⱼ zⱼ with z = a - max a, which neither overflows nor
    takes log 0, for rows of Y that add up to 1.

    Bishop, *Pattern Recognition and Machine Learning* (2006), eq. (4.108).

    >>> round(float(cross_entropy(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]))), 6)
    0.693147
    """
    z = a - highest(a)
    return (np.sum(weighed(np.log(np.sum(np.exp(z), axis=1)), w)) - np.sum(weighed(Y, w) * z)) / len(Y)


def logistic_loss(y: Any, z: Any, w: Any = None) -> Any:
    """-1/m Σ [y log σ(z) + (1 - y) log(1 - σ(z))], eq. (35), for y of 0 and 1, both of shape (m,).

    Written as log(1 + eᶻ) - y z, which is the same and stays finite: σ(40) rounds to 1, and log(1 - 1) would be infinite.

    >>> round(float(logistic_loss(np.array([1.0, 0.0]), np.array([0.0, 1000.0]))), 6)
    500.346574
    """
    return np.mean(weighed(np.logaddexp(0.0, z) - y * z, w))


@dataclass(frozen=True)
class Cost:
    """A cost of the outputs and ∂Cₓ/∂a, one row per example."""

    value: Callable[..., Any]
    slope: Callable[[Any, Any], Any]


COSTS = {
    "squared": Cost(squared_cost, lambda Y, a: a - Y),
    "cross-entropy": Cost(cross_entropy, lambda Y, a: softmax(a) - Y),
}

"""Functions of numpy.polynomial that NumPy dispatches: polynomials of several variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from .gather import as_array
from .registry import composite


def horner(x: Any, c: Any) -> Any:
    """Σ cₖ xᵏ over the first axis of c, whose other axes broadcast with x; in the order in which NumPy adds."""
    total = c[-1] + x * 0
    for k in range(2, len(c) + 1):
        total = c[-k] + total * x
    return total


def outer_horner(x: Any, c: Any) -> Any:
    """At every x for every column of c: the axes of x stand behind those of c."""
    return horner(x, np.reshape(c, np.shape(c) + (1,) * np.ndim(x)))


@composite(np.polynomial.polynomial.polyval2d)
def polyval2d(x: Any, y: Any, c: Any) -> Any:
    return values((x, y), c)


@composite(np.polynomial.polynomial.polygrid2d)
def polygrid2d(x: Any, y: Any, c: Any) -> Any:
    return outer_horner(y, outer_horner(x, as_array(c)))


def values(points: Any, c: Any) -> Any:
    x, *others = points
    if any(np.shape(y) != np.shape(x) for y in others):
        raise ValueError
    c = outer_horner(x, as_array(c))
    for y in others:
        c = horner(y, c)
    return c


if hasattr(np.polynomial.polynomial, "polyvalnd"):  # NumPy 2.5
    composite(np.polynomial.polynomial.polyvalnd, raw=True)(values)

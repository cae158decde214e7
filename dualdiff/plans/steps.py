"""Functions that are noted as the operations that NumPy makes them of, in the plainest of their forms; None in others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dual_array import DualArray, noted_value
from ..rules.elementwise import LEAST_SQUARE


def variance(x: Any, axis: Any = None, ddof: Any = 0) -> Any:
    n = x.size if axis is None else x.shape[axis] if type(axis) is int else 0
    if type(ddof) is not int or n <= ddof or n == 0:
        return None
    d = x - (np.mean(x) if axis is None else np.mean(x, axis=axis, keepdims=True))
    return np.sum(d * d, axis=axis) / (n - ddof)


def deviation(x: Any, axis: Any = None, ddof: Any = 0) -> Any:
    found = variance(x, axis=axis, ddof=ddof)
    return None if found is None else np.sqrt(found)


def differences(x: Any, axis: Any = -1) -> Any:
    return x[1:] - x[:-1] if x.ndim == 1 and axis in (0, -1) else x[..., 1:] - x[..., :-1] if axis == -1 and x.ndim else None


def outer(a: Any, b: Any) -> Any:
    return a[:, None] * b[None, :] if np.ndim(a) == np.ndim(b) == 1 and type(a) in ARRAYS and type(b) in ARRAYS else None


def length(x: Any, ord: Any = None, axis: Any = None) -> Any:
    if ord is not None and ord != 2:
        return None
    if type(axis) is not int and (axis is not None or x.ndim != 1):
        return None
    square = x.dot(x) if axis is None else np.sum(x * x, axis=axis)
    values = noted_value(square) if type(square.source) is int else square.value
    return np.sqrt(square) if values.size and values.min() > LEAST_SQUARE else None


def clipped(x: Any, low: Any, high: Any) -> Any:
    return None if low is None or high is None else np.minimum(np.maximum(x, low), high)


ARRAYS = (np.ndarray, DualArray)
IN_STEPS: dict[Any, Callable[..., Any]] = {
    np.var: variance, np.std: deviation, np.diff: differences, np.outer: outer, np.linalg.norm: length, np.clip: clipped}
TAKEN: dict[Any, int] = {np.outer: 2, np.clip: 3}  # arguments by place, of the others one

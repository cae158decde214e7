"""Ufuncs folded over an axis, ``ufunc.reduce``, where the fold has one partial per element in terms of its result."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ratio
from .gather import spread
from .registry import formula, primitive

FOLDS: dict[Any, Any] = {  # ∂f/∂xᵢ in terms of f and xᵢ
    np.hypot:       lambda f, x: ratio(x, f, "numpy.hypot"),  # f = √Σ xᵢ²
    np.logaddexp:   lambda f, x: np.exp(share(x, f)),  # f = log Σ exp xᵢ
    np.logaddexp2:  lambda f, x: np.exp2(share(x, f)),
}


def share(x: Any, f: Any) -> Any:
    """x - f; -inf where x is, whatever f."""
    absent = np.isneginf(x)
    return np.where(absent, -np.inf, x - np.where(np.isneginf(f), 0, f)) if np.any(absent) else x - f


@primitive
def folded(x: Any, ufunc: Any, axis: Any, keepdims: bool, where: Any = True, initial: Any = np._NoValue) -> Any:
    return ufunc.reduce(x, axis=axis, keepdims=keepdims, where=where, initial=initial)


def folded_differential(f: Any, x: Any, dx: Any, ufunc: Any, axis: Any, keepdims: bool, where: Any = True,
                        initial: Any = np._NoValue) -> Any:
    partial = FOLDS[ufunc](spread(f, axis, keepdims), x)
    return np.sum(dx * (partial if where is True else np.where(where, partial, 0)), axis=axis, keepdims=keepdims)


formula(folded, folded_differential, smooth=True)

"""Ufuncs folded over an axis, ``ufunc.reduce`` and ``accumulate``, where the result and an element tell the partial."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ratio
from .gather import spread
from .products import shifted
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


@primitive
def accumulated(x: Any, ufunc: Any) -> Any:
    """The running fold along the last axis."""
    return ufunc.accumulate(x, axis=-1)


def accumulated_differential(f: Any, x: Any, dx: Any, ufunc: Any) -> Any:
    """df_k = a_k df_{k-1} + b_k, solved for stretches of doubled length: log₂ n times b_k += a_k b_{k-s}, a_k *= a_{k-s}."""
    n, later = x.shape[-1], f[..., 1:]
    if n < 2:
        return dx
    a, b = (np.where(np.isneginf(later), 0.5, FOLDS[ufunc](later, y)) for y in (f[..., :-1], x[..., 1:]))  # half each of two -∞
    first = np.ones((*x.shape[:-1], 1), f.dtype)
    a = np.concatenate([0 * first, a], axis=-1)
    b = dx * np.concatenate([first, b], axis=-1)
    steps = 1
    while steps < n:
        b = b + a * shifted(b, steps)
        a = a * shifted(a, steps)
        steps *= 2
    return b


formula(accumulated, accumulated_differential, smooth=True)

"""Choosing elements by values: sort, unique, select, choose and the sets. The values decide where, the elements move."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..policies import WATCH
from .constant import plain, stable_order
from .formula import mark_ties
from .gather import as_array, in_double
from .registry import composite
from .shapes import by_position, lying_as


# ---- order
@composite(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Ties keep their order, so that the derivative of a tie is that of its position."""
    if axis is None:
        a, axis = np.ravel(a), -1
    a = mark_ties(a, axis, "numpy.sort") if WATCH.count else a
    if order is not None:
        np.sort(plain(a), axis, order=order)  # an error: there are no fields
    return lying_as(np.take_along_axis(a, stable_order(a, axis), axis), plain(a))


@composite(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    if axis is None:
        a, axis = np.ravel(a), -1
    a = mark_ties(a, axis, "numpy.partition") if WATCH.count else a
    return lying_as(np.take_along_axis(a, np.argpartition(a, kth, axis=axis), axis), plain(a))


composite(np.sort_complex)(lambda a: np.sort(a if np.iscomplexobj(a) else in_double(a)) + 0j)


# ---- choice
@composite(np.select, raw=True)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if any(plain(condition).dtype != bool for condition in condlist):
        raise TypeError
    result = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = np.where(condition, choice, result)
    return lying_as(result, np.empty(np.shape(result))) if np.ndim(result) else result


@composite(np.choose, raw=True)
def choose(a: Any, choices: Any, mode: Any = "raise") -> Any:
    return by_position(list(choices), partial(chosen, a=plain(a), mode=mode))


def chosen(*choices: Any, a: Any, mode: Any) -> Any:
    return np.choose(a, choices, mode=mode)


@composite(np.piecewise, raw=True)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **options: Any) -> Any:
    x = as_array(x) if hasattr(x, "__getitem__") or not hasattr(x, "level") else np.asarray(x, like=x)
    if not np.iterable(condlist) or (not isinstance(next(iter(condlist)), list | np.ndarray) and np.ndim(x)):  # as NumPy asks
        condlist = [condlist]
    conditions = list(np.asarray([plain(c) for c in condlist], bool))
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    elif len(funclist) != len(conditions):
        raise ValueError
    pieces, source, count = [np.zeros(1)], np.zeros_like(plain(x), int), 1
    for condition, function in zip(conditions, funclist, strict=True):
        inside = x[condition]
        if callable(function) and inside.size:
            function = function(inside, *args, **options)
        if inside.size:
            pieces.append(np.ravel(np.broadcast_to(function, inside.shape)))
            source[condition] = np.arange(count, count + inside.size).reshape(inside.shape)  # of several, the last counts
            count += inside.size
    return np.concatenate(pieces)[source].astype(plain(x).dtype, copy=False)


composite(np.extract)(lambda condition, arr: np.take(np.ravel(arr), np.flatnonzero(plain(condition))))


# ---- sets
@composite(np.unique)
def unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, axis: Any = None,
           *, equal_nan: bool = True, sorted: bool = True) -> Any:
    """Each value by its first occurrence; index, inverse and counts are constants."""
    _, index, inverse, counts = np.unique(plain(ar), True, True, True, axis, equal_nan=equal_nan)
    if WATCH.count and axis is None:
        ar = mark_ties(np.ravel(ar), 0, "numpy.unique")
    values = np.ravel(ar)[index] if axis is None else np.take(ar, index, axis)
    asked = [part for part, wanted in ((index, return_index), (inverse, return_inverse), (counts, return_counts)) if wanted]
    return (values, *asked) if asked else values


def unique_named(function: Any) -> Any:
    """NumPy 2's unique_all and its kin: named tuples, whose values alone are dual."""
    return lambda x: function(plain(x))._replace(values=unique(x, equal_nan=False))


for _function in (np.unique_all, np.unique_counts, np.unique_inverse):
    composite(_function)(unique_named(_function))
composite(np.unique_values)(lambda x: unique(x, equal_nan=False))
composite(np.union1d)(lambda ar1, ar2: unique(np.concatenate([np.ravel(ar1), np.ravel(ar2)])))


@composite(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    _, first, second = np.intersect1d(plain(ar1), plain(ar2), assume_unique, return_indices=True)
    values = np.ravel(ar1)[first]
    return (values, first, second) if return_indices else values


@composite(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    ar1 = np.ravel(ar1) if assume_unique else unique(ar1)
    return ar1[~np.isin(ar1, ar2)]


@composite(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    first, second = (np.ravel(a) if assume_unique else unique(a) for a in (ar1, ar2))
    return np.sort(np.concatenate([first[~np.isin(first, second)], second[~np.isin(second, first)]]))


# ---- replacement
@composite(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if np.iscomplexobj(x):
        result = nan_to_num(np.real(x), True, nan, posinf, neginf) + 1j * nan_to_num(np.imag(x), True, nan, posinf, neginf)
    else:
        limits = np.finfo(plain(x).dtype)
        result = np.where(np.isnan(x), nan, x)
        result = np.where(np.isposinf(x), limits.max if posinf is None else posinf, result)
        result = np.where(np.isneginf(x), limits.min if neginf is None else neginf, result)[()]
    if not copy:
        x[...] = result
    return result if copy else x


@composite(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    return np.real(a) if np.iscomplexobj(a) and np.isrealobj(np.real_if_close(plain(a), tol)) else a

"""The rarer forms of a ufunc: its methods reduce, accumulate, reduceat, outer and at, and the keywords of the call.

NumPy itself is asked first, with the values alone, whether the call is one; the derivative then follows from the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .assignment import lost_in, writable
from .dispatch import array_function
from .dual_array import DualArray, from_objects
from .errors import RuleError
from .forms import dual_form, holds_dual, stripped
from .policies import KINKS
from .rules.folds import FOLDS, accumulated, folded
from .rules.gather import as_array, axes_of, axes_or_all, in_one_axis, lying_along
from .rules.linear import binned
from .rules.registry import name_of

REDUCTIONS = {np.add: np.sum, np.maximum: np.max, np.minimum: np.min, np.multiply: np.prod, np.logical_and: np.all,
              np.logical_or: np.any}
SCANS = {np.add: np.cumsum, np.multiply: np.cumprod}
RUNNING = (np.maximum, np.minimum, np.fmax, np.fmin)


def method_call(ufunc: Any, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """``ufunc.method(*inputs, **options)`` with a dual among the inputs, without ``out=``."""
    if method == "at":
        return at(ufunc, *inputs, **options)
    if method == "outer":
        x, y = (as_array(dual_form(part)) for part in inputs)
        return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y, **options)
    x, *rest = inputs
    x = as_array(dual_form(x))
    return METHODS[method](ufunc, x, *rest, **options)


def by_elements(ufunc: Any, inputs: tuple[Any, ...]) -> Any:
    """A ufunc that ``np.frompyfunc`` made runs Python on one element at a time; where no result is dual they stay objects."""
    def joined(result: Any) -> Any:
        return from_objects(result) if type(result) is np.ndarray and any(map(holds_dual, result.flat)) else result
    results = ufunc(*(np.fromiter(np.ravel(x), object).reshape(x.shape) if hasattr(x, "level") else x for x in inputs))
    return tuple(map(joined, results)) if type(results) is tuple else joined(results)


# ---- reduce
def reduce(ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False, initial: Any = np._NoValue,
           where: Any = True) -> Any:
    """By NumPy's function of that meaning, by the fold's own partials, or one element after the other."""
    x = x if dtype is None else x.astype(dtype)
    start = () if initial is None or initial is np._NoValue else (initial,)
    if ufunc in REDUCTIONS:
        options = {"where": where} if where is not True else {}
        if start and ufunc in (np.add, np.multiply, np.maximum, np.minimum):
            options["initial"] = initial
        return array_function(REDUCTIONS[ufunc], (x,), {"axis": axis, "keepdims": keepdims, **options})
    plain: Any = np.asarray(ufunc.reduce(stripped(x), axis=axis, keepdims=keepdims, where=where,
                                         **({"initial": stripped(initial)} if start else {})))
    axes = axes_or_all(axis, x.ndim)
    if not (axes or start) and where is True and ufunc is not np.hypot:
        return x.copy("K")
    if ufunc in FOLDS:
        first = {"initial": initial} if start and not holds_dual(initial) else {}
        f = folded(x, ufunc, axes, keepdims, where=where, **first)
        return ufunc(initial, f) if start and not first else f
    if ufunc in (np.fmax, np.fmin) and where is True and not start and x.dtype.kind == "f":
        absent = np.isnan(stripped(x))
        extreme = np.max if ufunc is np.fmax else np.min
        f = extreme(np.where(absent, -np.inf if ufunc is np.fmax else np.inf, x), axis=axes, keepdims=keepdims)
        return np.where(np.all(absent, axis=axes, keepdims=keepdims), np.nan, f)[()] if np.any(absent) else f
    pieces = in_front(x, axes)
    mask = None if where is True else in_front(np.broadcast_to(where, x.shape), axes)
    f = np.broadcast_to(start[0], pieces.shape[1:]) if start else pieces[0]
    for i in range(0 if start else 1, pieces.shape[0]):
        f = ufunc(f, pieces[i]) if mask is None else chosen(ufunc, f, pieces[i], mask[i])
    return np.reshape(f, plain.shape) if plain.shape else f


def in_front(x: Any, axes: tuple[int, ...]) -> Any:
    """x with the axes as one, the first."""
    return np.moveaxis(in_one_axis(x, axes), -1, 0)


def chosen(ufunc: Any, f: Any, x: Any, mask: Any) -> Any:
    return np.where(mask, ufunc(f, np.where(mask, x, f)), f)


# ---- accumulate
def accumulate(ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """Running sums and products by their rows, running extremes as a selection, what has no row one by one."""
    if ufunc in SCANS:
        return array_function(SCANS[ufunc], (x,), {"axis": axis, **({} if dtype is None else {"dtype": dtype})})
    x = x if dtype is None else x.astype(dtype)
    plain = ufunc.accumulate(stripped(x), axis=axis)
    (axis,) = axes_of(axis, x.ndim)
    if ufunc in RUNNING and x.dtype.kind == "f" and not np.any(np.isnan(plain)):
        place = attained(stripped(x), plain, axis)
        if place is not None:
            return np.take_along_axis(x, place, axis)
    if ufunc in FOLDS:
        return np.moveaxis(accumulated(np.moveaxis(x, axis, -1), ufunc), -1, axis)
    rows = np.moveaxis(x, axis, 0)
    f, found, count = rows[:1], [rows[:1]], np.ones(rows.shape[1:], x.dtype)
    for i in range(1, rows.shape[0]):
        row = rows[i:i + 1]
        if ufunc in RUNNING and KINKS.get() == "least_norm":  # every element that attains the extreme has an equal share
            tie = stripped(row) == stripped(f)
            count = np.where(tie, count + 1, np.where(stripped(ufunc(f, row)) == stripped(f), count, 1))
            f = np.where(tie, f + (row - f) / count, ufunc(f, np.where(tie, f, row)))
        else:
            f = ufunc(f, row)
        found.append(f)
    return np.concatenate([np.moveaxis(row, 0, axis) for row in found], axis)


def attained(x: Any, f: Any, axis: int) -> Any:
    """Along the axis, the place of the element that each running extreme is; None where several attain it."""
    order = lying_along(np.arange(x.shape[axis]), axis, x.ndim)
    new = x == f
    place = np.maximum.accumulate(np.where(new, order, 0), axis=axis)
    steps = np.count_nonzero(np.diff(f, axis=axis), axis=axis) + 1
    return place if np.array_equal(np.count_nonzero(new, axis=axis), steps) else None


# ---- reduceat
def reduceat(ufunc: Any, x: Any, indices: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """Each stretch from one index to the next reduced; where the next is not larger, the element alone."""
    ufunc.reduceat(stripped(x), stripped(indices), axis=axis)
    (axis,) = axes_of(axis, x.ndim)
    rows, starts = np.moveaxis(x if dtype is None else x.astype(dtype), axis, 0), np.asarray(indices).tolist()
    if not starts:
        return np.moveaxis(rows[:0], 0, axis)
    ends = [*starts[1:], rows.shape[0]]
    pieces = [reduce(ufunc, rows[start:end]) if start < end else rows[start] for start, end in zip(starts, ends, strict=True)]
    return np.stack(pieces, axis)


# ---- at
def at(ufunc: Any, a: Any, indices: Any, *operand: Any) -> None:
    """``a[indices] = ufunc(a[indices], b)`` without buffering: an index that occurs again acts again."""
    if type(a) is not DualArray:
        raise lost_in(a)(f"{name_of(ufunc)}.at would write into a plain array and drop the derivative; make the array with "
                         "np.zeros_like(x) or np.zeros(n, like=x) of a dual x")
    target: Any = a
    places = np.arange(a.size).reshape(a.shape)[indices]
    b = [np.ravel(np.broadcast_to(as_array(dual_form(part)), np.shape(places))) for part in operand]
    places = np.ravel(places)
    if ufunc in (np.add, np.subtract) and 4 * len(places) >= a.size:  # most elements: one sum, all over
        target[...] = ufunc(a, np.reshape(binned(b[0] + 0.0, places, a.size), a.shape))
        return
    if ufunc in (np.add, np.subtract) and len(places):
        used, inverse = np.unique(places, return_inverse=True)
        b, places = [binned(b[0] + 0.0, inverse, len(used))], used
    order = np.argsort(places, kind="stable")
    run = np.arange(len(places)) - np.searchsorted(places[order], places[order])
    turn = np.empty(len(places), int)
    turn[order] = run  # how often the place occurred before
    for k in range(int(turn.max(initial=-1)) + 1):
        now = turn == k
        where = np.unravel_index(places[now], a.shape)
        target[where] = ufunc(a[where], *(part[now] for part in b))


# ---- keywords of the call
def with_options(ufunc: Any, inputs: tuple[Any, ...], dtype: Any = None, casting: Any = "same_kind", where: Any = True,
                 order: Any = "K", subok: bool = True, out: Any = None, **options: Any) -> Any:
    """An elementwise call. ``order`` and ``subok`` say how memory is laid out, which a dual array does not show."""
    if options:
        raise RuleError(f"{name_of(ufunc)}: the keyword {', '.join(map(repr, options))} of dual numbers is not supported; "
                        "convert the inputs with x.astype(dtype) instead")
    inputs = tuple(dual_form(x) for x in inputs)
    if dtype is not None:
        empty = [np.empty(0, x.dtype) if hasattr(stripped(x), "dtype") else x for x in map(stripped, inputs)]
        ufunc(*empty, dtype=dtype, casting=casting)  # NumPy says whether that conversion is allowed
        inputs = tuple(as_array(x).astype(dtype) for x in inputs)
    if where is True:
        return ufunc(*inputs)
    return masked(ufunc, inputs, where, out)


def masked(ufunc: Any, inputs: tuple[Any, ...], where: Any, out: Any) -> Any:
    """The function where the mask holds, computed there only; elsewhere out as it was.

    Without out NumPy leaves what lay in memory; here that is zero.
    """
    shape = np.broadcast_shapes(*map(np.shape, inputs), np.shape(where), *(np.shape(o) for o in out or () if o is not None))
    mask = np.zeros(shape, bool)
    np.copyto(mask, True, where=where)  # or NumPy's error
    parts = ufunc(*(np.broadcast_to(x, shape)[mask] for x in inputs))
    results = []
    for i, part in enumerate(parts if ufunc.nout > 1 else (parts,)):
        target = out[i] if out else None
        if target is None:
            target = np.zeros(shape, part.dtype, like=part) if hasattr(part, "level") else np.zeros(shape, part.dtype)
        if hasattr(part, "level"):
            writable(target)
        target[mask] = part
        results.append(target if shape or (out and out[i] is not None) else target[()])
    return tuple(results) if ufunc.nout > 1 else results[0]


def along_axes(ufunc: Any, inputs: tuple[Any, ...], axes: Any = None, axis: Any = None, keepdims: bool = False,
               dtype: Any = None, casting: Any = "same_kind", order: Any = "K", subok: bool = True) -> Any:
    """matmul and its kin with ``axes=``, ``axis=``, ``keepdims=``, ``dtype=``: the axes are brought to where they belong."""
    x = [as_array(dual_form(part)) for part in inputs]
    if dtype is not None:
        ufunc(*(np.zeros((1,) * part.ndim, part.dtype) for part in x), dtype=dtype, casting=casting)
        x = [part.astype(dtype) for part in x]
    left, right = ufunc.signature.split("->")
    cores = [side.count(",") + (side != "()") for side in (*left.split("),("), right)]
    if axis is not None:
        axes = [axis, axis, axis if keepdims else ()]
    if axes is None and not keepdims:
        return ufunc(*x)
    places = [part if isinstance(part, tuple) else (part,) for part in axes or (-1, -1)]
    if len(places) == 2:
        places.append(tuple(range(-cores[2], 0)))
    x = [np.moveaxis(part, place, range(-len(place), 0)) for part, place in zip(x, places, strict=False)]
    f = ufunc(*x)
    if keepdims:
        return np.expand_dims(f, places[2] or -1)
    return np.moveaxis(f, range(-len(places[2]), 0), places[2]) if places[2] else f


METHODS: dict[str, Any] = {"reduce": reduce, "accumulate": accumulate, "reduceat": reduceat}

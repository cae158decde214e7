"""Splitting, assembling and laying out: the elements move, so plain indexing or an index map says it all."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..errors import ConversionError, RuleError
from .constant import plain
from .gather import as_array, axes_of, axes_or_all, lying_along
from .registry import composite, gather, known, primitive

gather(np.lib.stride_tricks.sliding_window_view)


@primitive
def strided(x: Any, shape: tuple[int, ...], steps: tuple[float, ...]) -> Any:
    """``as_strided`` with strides in elements, within the array, which lies in memory in order."""
    ends = [(n - 1) * step for n, step in zip(shape, steps, strict=True)]
    if not x.flags.c_contiguous or any(step % 1 for step in steps) or \
            (0 not in shape and (min(ends, default=0) < 0 or sum(ends) >= x.size)):
        raise RuleError("numpy.lib.stride_tricks.as_strided of a dual array stays within it: shape "
                        f"{shape} in steps of {steps} elements leaves x.copy() of shape {x.shape}")
    return np.lib.stride_tricks.as_strided(x, shape, [int(step) * x.itemsize for step in steps])


gather(strided)


def lying_as(y: Any, like: Any) -> Any:
    """A new array in memory as NumPy lays out what it makes ``like`` a plain one: the same reshapes of it are views."""
    made = np.empty_like(like, plain(y).dtype)
    if made.strides == plain(y).strides:
        return y
    for order in "CF":
        if made.flags[order]:
            return y.copy(order)
    axes = sorted(range(y.ndim), key=lambda i: -made.strides[i])
    return np.transpose(np.transpose(y, axes).copy(), np.argsort(axes))


def by_position(arrays: Any, place: Any) -> Any:
    """``place(*arrays)``, which moves elements only, of arrays in their common type. A ``partial`` of a named function is known
    again in a later sweep, a lambda is not.
    """
    common = np.result_type(*(plain(x) if hasattr(x, "level") else x for x in arrays))
    return arranged([x if hasattr(x, "level") and plain(x).dtype == common else
                     x.astype(common) if hasattr(x, "level") else np.asarray(x, common) for x in arrays], place)


def arranged(arrays: Any, place: Any) -> Any:
    for x in arrays:
        if hasattr(x, "level"):
            return x.__array_function__(arranged, (), (arrays, place), {})
    return place(*arrays)


gather(arranged, sequence=True)


# ---- split
def splitting(function: Any) -> Any:
    """NumPy says which places go together, or what is wrong."""
    def definition(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
        (axis,) = axes_of(axis, ary.ndim)
        parts = function(np.arange(ary.shape[axis]), plain(indices_or_sections))
        return [ary[(slice(None),) * axis + (slice(int(p[0]), int(p[-1]) + 1) if p.size else slice(0),)] for p in parts]
    return definition


split = composite(np.split)(splitting(np.split))
composite(np.array_split)(splitting(np.array_split))
composite(np.hsplit)(lambda ary, parts: split(ary, parts, 0 if ary.ndim == 1 else 1))
composite(np.vsplit)(lambda ary, parts: split(ary, parts, -ary.ndim if ary.ndim > 1 else 1))
composite(np.dsplit)(lambda ary, parts: split(ary, parts, 2))


composite(*known("unstack"))(lambda x, /, *, axis=0: tuple(np.moveaxis(x, axis, 0)))


# ---- assemble
@composite(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


@composite(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    refuse_integers(arr, "insert")
    return by_position([arr, as_array(values)], partial(inserted, obj=obj, axis=axis)).astype(arr.dtype, copy=False)


def refuse_integers(x: Any, function: str) -> None:
    if not hasattr(x, "level") and x.dtype.kind in "iub":
        raise RuleError(f"numpy.{function}: an array of dtype {x.dtype} would cut the dual numbers off to integers; "
                        "use x.astype(float)")


def inserted(old: Any, new: Any, obj: Any, axis: Any) -> Any:
    return np.insert(old, obj, new, axis)


composite(np.delete)(lambda arr, obj, axis=None: by_position([arr], partial(np.delete, obj=obj, axis=axis)))


@composite(np.block, raw=True)
def block(arrays: Any) -> Any:
    leaves: list[Any] = []

    def collected(part: Any) -> Any:
        if isinstance(part, list):
            return [collected(piece) for piece in part]
        leaves.append(part)
        return len(leaves) - 1

    return by_position(leaves, partial(blocked, nested=collected(arrays)))


def blocked(*pieces: Any, nested: Any) -> Any:
    """The block matrix whose nested lists hold numbers of pieces."""
    def placed(part: Any) -> Any:
        return [placed(piece) for piece in part] if isinstance(part, list) else pieces[part]
    return np.block(placed(nested))


@composite(np.broadcast_arrays, raw=True)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


@composite(np.meshgrid, raw=True)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError
    n = len(xi)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    grids = tuple(lying_along(x, place, n) for x, place in zip(xi, places, strict=True))
    grids = grids if sparse else broadcast_arrays(*grids)
    return tuple(x.copy() for x in grids) if copy else grids


@composite(np.ix_, raw=True)
def ix_(*args: Any) -> tuple[Any, ...]:
    """Programs add and multiply what was meant for indices. Truth values stand for the places where they hold."""
    if any(np.ndim(x) != 1 for x in args):
        raise ValueError
    return tuple(lying_along(x if hasattr(x, "level") else np.ix_(x)[0], i, len(args)) for i, x in enumerate(args))


@composite(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    (axis,) = axes_of(axis, a.ndim)
    start += a.ndim if start < 0 else 0
    return np.moveaxis(a, axis, start - (axis < start))


composite(np.astype)(lambda x, dtype, /, *, copy=True, device=None: x.astype(dtype, copy=copy))


# ---- triangles, diagonals, ends
@composite(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    if x.ndim != 1:
        raise ValueError
    n, dtype = x.size if N is None else N, np.promote_types(x.dtype, int)
    if n < 1:
        return np.empty((x.size, n), dtype)
    x = x.astype(dtype, copy=False)
    powers = [np.ones(x.shape, dtype)]
    for _ in range(n - 1):
        powers.append(powers[-1] * x)
    return np.stack(powers if increasing else powers[::-1], axis=1)


@composite(np.trim_zeros)
def trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    values, box = plain(filt), [slice(None)] * filt.ndim
    trim = trim.lower()
    np.trim_zeros([], trim)  # NumPy's errors
    for i in axes_or_all(axis, filt.ndim):
        places = np.nonzero(values)[i]
        box[i] = slice(places.min() if "f" in trim else None, places.max() + 1 if "b" in trim else None) if places.size \
            else slice(0)
    cut = np.ones(values.shape, bool)
    cut[tuple(box)] = False
    np.any(filt[cut])  # warns of zeros that are perturbed
    return filt[tuple(box)]


# ---- functions along axes
@composite(np.apply_along_axis, raw=True)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **options: Any) -> Any:
    arr = as_array(arr)
    (axis,) = axes_of(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    front = rows.shape[:-1]
    if 0 in front:
        raise ValueError
    results = [func1d(rows[i], *args, **options) for i in np.ndindex(front)]
    shape = np.shape(results[0])
    stacked = np.reshape(np.stack(results), front + shape)
    return np.moveaxis(stacked, range(len(front), len(front) + len(shape)), range(axis, axis + len(shape)))


@composite(np.apply_over_axes, raw=True)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    a = as_array(a)
    ndim = a.ndim
    for axis in np.atleast_1d(axes).tolist():
        result = func(a, axis + ndim if axis < 0 else axis)
        a = result if np.ndim(result) == ndim else np.expand_dims(result, axis)
        if a.ndim != ndim:
            raise ValueError
    return a


# ---- writing into an array
def buffer(x: Any, function: Any) -> Any:
    if issubclass(type(x), np.ndarray):
        raise ConversionError(f"numpy.{function.__name__} would copy into a plain array and drop the derivative; build the "
                              "result with numpy.concatenate, numpy.stack or numpy.where, or write into numpy.zeros_like(x)")
    return x


@composite(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    buffer(dst, np.copyto)
    if where is True:
        dst[...] = src
    else:
        mask = np.zeros(dst.shape, bool)
        np.copyto(mask, True, where=where)  # or NumPy's error
        src = np.reshape(src, np.shape(src)[max(np.ndim(src) - dst.ndim, 0):])  # axes of length one in front are no more
        dst[mask] = np.broadcast_to(src, dst.shape)[mask]


@composite(np.put)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    a = buffer(a if np.ndim(a) else a[None], np.put)
    places = np.take(np.arange(a.size), np.ravel(ind if np.size(ind) else np.zeros(0, int)), mode=mode)
    if np.size(v):  # NumPy writes nothing of nothing
        a[np.unravel_index(places, a.shape)] = np.resize(v, places.size)


@composite(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    mask = np.reshape(plain(mask), arr.shape).astype(bool)
    if count := np.count_nonzero(mask):
        if not np.size(vals):
            np.place(np.zeros(1), True, ())  # NumPy's error
        vals = vals if np.size(vals) in (1, count) else np.resize(vals, count)
        whole = count == mask.size and np.size(vals) == count
        buffer(arr, np.place)[... if whole else mask] = np.reshape(vals, arr.shape if whole else -1)


@composite(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    mask = np.reshape(plain(mask), a.shape).astype(bool)
    a = buffer(a, np.putmask)
    if np.size(values) and mask.any():
        a[mask] = np.resize(values, a.shape)[mask]


@composite(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    places = np.take_along_axis(np.arange(arr.size).reshape(arr.shape), indices, axis)
    buffer(arr, np.put_along_axis)[np.unravel_index(places, arr.shape)] = values


@composite(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    mask = np.zeros(a.shape, bool)
    np.fill_diagonal(mask, True, wrap)
    if np.size(val):
        buffer(a, np.fill_diagonal)[mask] = np.resize(val, np.count_nonzero(mask))

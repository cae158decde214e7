"""Functions that move elements: the tangent moves the same way, and the transpose moves it back.

A row needs nothing but the function: applied to 1 + arange it tells where every element came from (0: from nowhere, a
zero that the function filled in). The hot ones also say how they act on an array with ``lead`` extra leading axes, as a
view, and how to undo it.
"""

from __future__ import annotations

import operator
from math import prod
from typing import Any

import numpy as np

from ..errors import RuleError
from .registry import gather


def shape_of(shape: Any) -> tuple[int, ...]:
    return tuple(map(operator.index, shape)) if np.iterable(shape) else (operator.index(shape),)


def axes_of(axis: Any, ndim: int, repeated: bool = False) -> tuple[int, ...]:
    """Axes as non-negative numbers, checked and named as NumPy does."""
    return np.lib.array_utils.normalize_axis_tuple(axis, ndim, allow_duplicate=repeated)


def axes_or_all(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None or (not ndim and axis in (0, -1)) else axes_of(axis, ndim)


def as_array(x: Any) -> Any:
    """Lists and numbers as arrays; what has a shape as it is; so is the self of a method."""
    return x if hasattr(x, "shape") or ((a := np.asarray(x)).dtype == object and hasattr(x, "__dict__")) else a


def stacked(x: Any) -> Any:
    """A list that may hold duals as an array."""
    return np.stack(list(x)) if isinstance(x, list | tuple) else x


def in_double(x: Any) -> Any:
    """Lower precision as double precision, which NumPy computes it in."""
    wide = np.result_type(x, np.float64)
    return x if np.result_type(x) == wide else x.astype(wide)


def floating(arrays: Any) -> list[Any]:
    """Integers and truth values in the common type, where they do not overflow; what has a floating-point type as it is."""
    kinds = [getattr(x, "dtype", None) for x in arrays]
    for kind in kinds:
        if kind is not None and kind.kind in "iub":
            break
    else:
        return list(arrays)
    common = np.result_type(*(kind for kind in kinds if kind is not None))
    common = common if common.kind in "fc" else np.dtype(float)
    return [x.astype(common) if kind is not None and kind.kind in "iub" else x for x, kind in zip(arrays, kinds, strict=True)]


def spread(f: Any, axis: Any, keepdims: bool) -> Any:
    """What a reduction over ``axis`` gave, broadcastable to what it was taken over."""
    return f if keepdims or axis is None else np.expand_dims(f, axis)


def in_one_axis(x: Any, axes: tuple[int, ...]) -> Any:
    """x with these axes as one, the last."""
    if x.ndim == 1 and axes:
        return x
    kept = [i for i in range(x.ndim) if i not in axes]
    return np.reshape(np.transpose(x, (*kept, *sorted(axes))), (*(x.shape[i] for i in kept), prod(x.shape[i] for i in axes)))


def lying_along(x: Any, axis: int, ndim: int) -> Any:
    """A vector as an array of so many axes, along one of them."""
    return np.reshape(x, [-1 if i == axis else 1 for i in range(ndim)])


# ---- indexing
VIEWS = frozenset({slice, int, type(None), type(Ellipsis)})


def is_basic(index: Any) -> bool:
    """Whether the index selects a view: integers, slices, None and Ellipsis only."""
    kind = type(index)
    if kind is tuple:
        return all(type(part) in VIEWS or isinstance(part, np.integer) for part in index)
    return kind in VIEWS or isinstance(index, np.integer)


def batched_getitem(a: Any, lead: int, index: Any) -> Any:
    if not is_basic(index):
        return NotImplemented
    return a[(slice(None),) * lead + (index if type(index) is tuple else (index,))]


gather(operator.getitem, batched_getitem)


def placed(u: Any, shape: tuple[int, ...], index: tuple[Any, ...], fill: int = 0) -> Any:
    """The transpose of a basic index: an array of zeros of that shape with u at the index."""
    if not issubclass(type(u), np.ndarray | np.generic):
        return u.__array_function__(placed, (), (u, shape, index), {})
    back = np.full(shape, fill, u.dtype) if fill else np.zeros(shape, u.dtype)
    back[index] = u
    return back


def batched_placed(a: Any, lead: int, shape: tuple[int, ...], index: tuple[Any, ...], fill: int = 0) -> Any:
    return placed(a, a.shape[:lead] + shape, (slice(None),) * lead + index, fill)


gather(placed, batched_placed, lambda u, lead, shape, new, index: batched_getitem(u, lead, index), fills=True)


# ---- shape
def reshaped(a: Any, lead: int, shape: tuple[int, ...], order: str) -> Any:
    """a with another shape behind its ``lead`` axes; order="F" lets the first of them vary fastest."""
    order = order.upper()
    if order not in ("C", "F"):
        raise RuleError(f"order={order!r} depends on how NumPy laid the array out in memory; use order='C' or order='F'")
    front = a.shape[:lead]
    if order == "C":
        return a.reshape(front + shape)
    return behind_reversed(behind_reversed(a, lead).reshape(front + shape[::-1]), lead)


def behind_reversed(a: Any, lead: int) -> Any:
    return a.transpose((*range(lead), *range(a.ndim - 1, lead - 1, -1)))


def restore_shape(u: Any, lead: int, shape: tuple[int, ...], *args: Any, **options: Any) -> Any:
    return u.reshape(u.shape[:lead] + shape)


def reshaped_back(u: Any, lead: int, shape: tuple[int, ...], order: str = "C") -> Any:
    return reshaped(u, lead, shape, order)


def batched_reshape(a: Any, lead: int, shape: Any, order: str = "C", *, copy: Any = None) -> Any:
    shape, size = shape_of(shape), prod(a.shape[lead:])
    known = prod(n for n in shape if n >= 0)
    return reshaped(a, lead, tuple(size // max(known, 1) if n < 0 else n for n in shape), order)


def batched_ravel(a: Any, lead: int, order: str = "C") -> Any:
    return reshaped(a, lead, (prod(a.shape[lead:]),), order)


def batched_expand(a: Any, lead: int, axis: Any) -> Any:
    axes = axes_of(axis, a.ndim - lead + np.size(axis))
    return np.expand_dims(a, tuple(lead + i for i in axes))


def batched_squeeze(a: Any, lead: int, axis: Any = None) -> Any:
    axes = [i for i, n in enumerate(a.shape[lead:]) if n == 1] if axis is None else axes_or_all(axis, a.ndim - lead)
    return np.squeeze(a, tuple(lead + i for i in axes))


gather(np.reshape,     batched_reshape, lambda u, lead, old, shape, order="C", copy=None: reshaped(u, lead, old, order))
gather(np.ravel,       batched_ravel,   reshaped_back)
gather(np.expand_dims, batched_expand,  restore_shape)
gather(np.squeeze,     batched_squeeze, restore_shape)


# ---- order of the axes
def permute(a: Any, lead: int, axes: Any) -> Any:
    return a.transpose(tuple(range(lead)) + tuple(lead + i for i in axes))


def reverse_of(axes_for: Any) -> tuple[Any, Any]:
    """The move that permutes axes as ``axes_for(ndim, …)`` says, and the one that permutes them back."""
    def forward(a: Any, lead: int, *args: Any, **options: Any) -> Any:
        return permute(a, lead, axes_for(a.ndim - lead, *args, **options))

    def backward(u: Any, lead: int, shape: tuple[int, ...], *args: Any, **options: Any) -> Any:
        return permute(u, lead, np.argsort(axes_for(len(shape), *args, **options)))

    return forward, backward


def transposed_axes(ndim: int, axes: Any = None) -> tuple[int, ...]:
    return tuple(range(ndim))[::-1] if axes is None else axes_of(axes, ndim)


def axes_after(function: Any) -> Any:
    """Where the axes of an array go, each of which is as long as its number says."""
    return lambda ndim, *args, **options: function(np.empty(range(ndim)), *args, **options).shape


gather(np.transpose,        *reverse_of(transposed_axes))
gather(np.swapaxes,         *reverse_of(axes_after(np.swapaxes)))
gather(np.moveaxis,         *reverse_of(axes_after(np.moveaxis)))
gather(np.matrix_transpose, *reverse_of(axes_after(np.matrix_transpose)))


def batched_flip(m: Any, lead: int, axis: Any = None) -> Any:
    axes = axes_or_all(axis, m.ndim - lead)
    return np.flip(m, tuple(lead + i for i in axes))


def batched_roll(a: Any, lead: int, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.roll(a.reshape((*a.shape[:lead], prod(a.shape[lead:]))), shift, lead).reshape(a.shape)
    axes = tuple(i % (a.ndim - lead) + lead for i in np.atleast_1d(axis).tolist())
    return np.roll(a, shift, axes if np.iterable(axis) else axes[0])


gather(np.flip, batched_flip, lambda u, lead, shape, axis=None: batched_flip(u, lead, axis))
gather(np.roll, batched_roll,
       lambda u, lead, shape, shift, axis=None: batched_roll(u, lead, np.negative(shift), axis))


# ---- copies of elements
def batched_broadcast(a: Any, lead: int, shape: Any, subok: bool = False) -> Any:
    shape = shape_of(shape)
    pad = (1,) * (len(shape) - (a.ndim - lead))
    return np.broadcast_to(a.reshape(a.shape[:lead] + pad + a.shape[lead:]), a.shape[:lead] + shape)


def sum_to_shape(u: Any, lead: int, shape: tuple[int, ...], /, *args: Any, **options: Any) -> Any:
    """The transpose of a broadcast: add up what each element was copied to."""
    pad = u.ndim - lead - len(shape)
    axes = [i for i in range(lead, u.ndim) if i < lead + pad or (shape[i - lead - pad] == 1 and u.shape[i] != 1)]
    return np.sum(u, axis=tuple(axes)).reshape(u.shape[:lead] + shape) if axes else u.reshape(u.shape[:lead] + shape)


gather(np.broadcast_to, batched_broadcast, sum_to_shape)

for function in (np.take, np.repeat, np.tile, np.rot90, np.diag, np.diagonal, np.diagflat, np.tril, np.triu,
                 np.fliplr, np.flipud, np.resize, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.take_along_axis):
    gather(function)

for joining in (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack):
    gather(joining, sequence=True)


def sections(function: Any, args: Any, options: dict[str, Any], shapes: list[tuple[int, ...]], ndim: int) -> Any:
    """For a join into ``ndim`` axes, the basic index of the result that each piece fills; None where none is known."""
    if function not in (np.stack, np.concatenate, np.hstack, np.column_stack):
        return None
    axis = args[0] if args else options.get("axis", 0)
    if function is np.hstack or function is np.column_stack:
        axis = int(ndim > 1)
    if not isinstance(axis, int | np.integer):
        return None
    before = (slice(None),) * (int(axis) % ndim)
    if function is np.stack:
        return [(*before, i) for i in range(len(shapes))]
    found, start = [], 0
    for shape in shapes:
        if len(shape) < ndim:  # a column of column_stack, or a number
            found.append((*(before if shape else (0,) * len(before)), start))
            start += 1
        else:
            found.append((*before, slice(start, start + shape[len(before)])))
            start += shape[len(before)]
    return found

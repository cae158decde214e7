"""New arrays that duals can be written into: zeros_like and its kin, and NumPy's creation functions with ``like=``.

A new array holds no derivative until it is written to. One of integers or booleans never can: it is a plain NumPy array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .dual_array import array, zero_dimensional
from .dual_scalar import DualScalar
from .errors import ShapeError
from .forms import dual_form, holds_dual, stripped
from .tangents.moves import dual_of
from .tangents.tangent import Tangent
from .views import where_it_lies


def unperturbed(value: Any, like: Any) -> Any:
    """A plain array as a dual one at the level of ``like``, without a derivative."""
    return array(value, Tangent({}, value.shape), like.level) if value.dtype.kind in "fc" else value


# ---- like an array, in shape and type
def buffer_like(make: Any) -> Any:
    def like(x: Any, *args: Any, **options: Any) -> Any:
        x = dual_form(x)
        options.pop("subok", None)
        return unperturbed(make(x.value, *args, **options), x)
    return like


def full_like(x: Any, fill_value: Any, *args: Any, **options: Any) -> Any:
    if not holds_dual(fill_value):
        return buffer_like(lambda v, *a, **o: np.full_like(v, fill_value, *a, **o))(x, *args, **options)
    from .rules.shapes import refuse_integers  # rows that few programs need
    result = np.zeros_like(dual_form(x), *args, **options)
    refuse_integers(result, "full_like")
    if type(result) is np.ndarray:
        result = unperturbed(result, dual_form(fill_value))
    result[...] = fill_value
    return result


BUFFERS: dict[Any, Any] = {
    np.zeros_like: buffer_like(np.zeros_like), np.empty_like: buffer_like(np.zeros_like), np.full_like: full_like,
    np.ones_like: buffer_like(np.ones_like),
    np.copy: lambda a, order="K", subok=False: zero_dimensional(dual_form(a)).copy(order),
    np.iscomplexobj: lambda x: np.iscomplexobj(stripped(x)),
}


# ---- like=: in kind only
def plain(make: Any) -> Any:
    """A function whose arguments are constants."""
    return lambda like, *args, **options: unperturbed(make(*args, **options), like)


def full(like: Any, shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **options: Any) -> Any:
    if not holds_dual(fill_value):
        return unperturbed(np.full(shape, fill_value, dtype, order, **options), like)
    return converted(like, np.broadcast_to(dual_form(fill_value), shape), dtype, True)


def copy_mode(copy: Any) -> Any:
    """True, False or None, for which NumPy's enum, as SciPy passes it, has 2."""
    mode = getattr(copy, "value", copy)
    return None if mode == 2 else mode


def converted(like: Any, x: Any, dtype: Any = None, copy: Any = None, ndmin: int = 0, order: Any = "K") -> Any:
    """array, asarray and their kin: lists that hold duals are joined, a dual array is copied where NumPy would."""
    copy = copy_mode(copy)
    x = x if (own := dual_of(x)) is None else own
    if not holds_dual(x) and not (isinstance(x, np.ndarray) and x.dtype == object):
        return unperturbed(np.array(x, dtype, copy=copy, ndmin=ndmin, order=order), like)
    a: Any = dual_form(x)
    if type(a) is DualScalar:
        a = zero_dimensional(a)
    converts = dtype is not None and np.dtype(dtype) != a.dtype
    if copy is False and (a is not x or converts):
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    if converts:
        a = a.astype(dtype)
    elif (copy and a is x) or (order in ("C", "F") and not stripped(where_it_lies(a)).flags[order]):
        a = a.copy(order)
    return a if a.ndim >= ndmin else np.reshape(a, (1,) * (ndmin - a.ndim) + a.shape)


def asarray(like: Any, a: Any, dtype: Any = None, order: Any = "K", *, device: Any = None, copy: Any = None) -> Any:
    return converted(like, a, dtype, copy, order=order)


def fromiter(like: Any, iterable: Any, dtype: Any, count: int = -1) -> Any:
    items = list(iterable)
    if 0 <= count > len(items):
        raise ShapeError(f"iterator too short: Expected {count} but iterator had only {len(items)} items.")
    return converted(like, items[:count] if count >= 0 else items, dtype)


def fromfunction(like: Any, function: Any, shape: Any, *, dtype: Any = float, **options: Any) -> Any:
    result = np.fromfunction(function, shape, dtype=dtype, **options)
    return converted(like, result) if np.ndim(result) else result


CONSTANTS: Any = (np.zeros, np.ones, np.eye, np.identity, np.tri, np.arange, np.frombuffer, np.fromfile, np.fromstring,
                  np.loadtxt, np.genfromtxt)
EMPTY: Any = np.empty  # filled with zeros, so that nothing depends on old memory
LIKE: dict[Any, Any] = {make: plain(make) for make in CONSTANTS} | {EMPTY: plain(np.zeros)} | {
    np.full: full, np.fromiter: fromiter, np.fromfunction: fromfunction,
    np.array: lambda like, x, dtype=None, *, copy=True, order="K", subok=False, ndmin=0:
        converted(like, x, dtype, copy, ndmin, order),
    np.asarray: asarray, np.asanyarray: asarray,
    np.ascontiguousarray: lambda like, a, dtype=None: converted(like, a, dtype, ndmin=1, order="C"),
    np.asfortranarray: lambda like, a, dtype=None: converted(like, a, dtype, order="F"),
    np.require: lambda like, a, dtype=None, requirements=(): converted(
        like, a, dtype, order=next((c for c in "FC" if c in str(requirements).upper()), "K")),
}

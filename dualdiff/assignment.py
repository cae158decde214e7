"""Arrays that are written to: item and in-place assignment, ``out=``.

NumPy's semantics are kept or refused: every name and view of an array sees a write, the caller's arrays never change. What is
checked here is what the array may take; how it takes it is in `views.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .dual_array import DualArray, array, plain_index, with_plain_bounds, zero_dimensional
from .dual_scalar import DualScalar
from .elementwise import LEVELED
from .errors import AssignmentError, ConversionError, DualdiffError, EscapeError
from .forms import dual_form, stripped
from .memory import memory_of
from .operands import constant
from .rules.gather import as_array
from .rules.linear import as_part
from .tangents.level import HAND, Level, is_dual
from .tangents.moves import as_key, dual_of
from .tangents.tangent import Tangent
from .views import is_part, overwrite, replace_value, rise, root_of, whole_of, write

CONSTANT = Tangent({}, ())
ARRAYS = (np.ndarray, DualArray)
OBJECT = np.dtype(object)
REAL_NUMBERS = frozenset({float, int, bool, np.float64})


def assign(x: DualArray, index: Any, value: Any, fresh: bool = False) -> None:
    """``x[index] = value`` with NumPy's semantics: names and views of x see it, the caller's arrays never change.

    ``fresh`` says that nobody else holds the value. Cost: what is written; once between two reads of the whole array, a pass
    over x and its leaves.
    """
    kind = type(value)
    index = index if type(index) is int else with_plain_bounds(plain_index(index))
    unnoted(x)
    if type(x.source) is tuple and is_part(x):  # the whole number is written
        refuse_complex(x, value)
        z, imaginary = whole_of(x)
        with memory_of(root_of(x)).lock:
            kept = (np.real if imaginary else np.imag)(z[index])
            return assign(z, index, as_part(kept, not imaginary) + as_part(as_array(dual_form(value)), imaginary))
    if kind in REAL_NUMBERS:
        eps = CONSTANT
    elif kind is DualScalar or kind is DualArray:
        if kind is DualArray and value.source is not None:
            if is_same_view(value, x, index):
                return  # y[i] += v ends with y[i] = the view that was written to
            value.refresh()
        refuse_complex(x, value)
        value, eps = at_level(x, value)
    else:
        value = as_array(dual_form(value)) if (own := dual_of(value)) is None else own
        if type(value) in LEVELED:
            return assign(x, index, value)
        value = value if getattr(value, "dtype", OBJECT) != OBJECT else np.array(value, x.dtype)  # a Fraction, an mpf, None
        if value.dtype.kind not in "fciub":
            raise AssignmentError(f"cannot assign {value.dtype} values to a dual array")
        refuse_complex(x, value)
        eps = constant_of(value.shape)
    try:
        if type(x.source) is not tuple and is_whole(index) and eps.shape == x.shape:
            kept = fresh and type(value) in ARRAYS and value.dtype == x.dtype
            overwrite(x, value if kept else converted(value, x.dtype), eps)
        else:
            write(x, index, value, eps)
    except ValueError as error:
        if isinstance(error, DualdiffError):
            raise
        raise AssignmentError(str(error)) from None
    return None


def unnoted(x: Any) -> None:
    """Before a dual is written to whose operation is noted: what was noted is worked off."""
    if type(x.source) is int:
        x.refresh()


def constant_of(shape: tuple[int, ...]) -> Tangent:
    return Tangent({}, shape) if shape else CONSTANT


def is_whole(index: Any) -> bool:
    return index is Ellipsis or (type(index) is slice and index == slice(None)) or (type(index) is tuple and not index)


def is_same_view(value: Any, x: Any, index: Any) -> bool:
    """Whether the value is the view ``x[index]`` itself."""
    view = value.source
    return type(view) is tuple and view[0] is x and view[1] is None and as_key(view[2]) == as_key(index)


def converted(value: Any, dtype: Any) -> Any:
    """A copy in the type of the array; a number as an array without axes."""
    if type(value) is DualScalar:
        value = zero_dimensional(value)
    return value.astype(dtype) if type(value) is DualArray else np.array(value, dtype)


def refuse_complex(x: Any, value: Any) -> None:
    if x.dtype.kind != "c" and np.iscomplexobj(stripped(value)):
        raise AssignmentError("cannot assign complex values to a real array: the imaginary part would be dropped; "
                              "make the array complex first")


def at_level(x: Any, value: Any) -> tuple[Any, Tangent]:
    """Value and tangent at the level of x, which rises to that of the value if it is higher."""
    level: Level = value.level
    root = root_of(x)
    if level is not root.level and level.number > root.level.number:
        with memory_of(root).lock:
            if level.number > root.level.number:
                ascend(root, level)
    if level is root.level or level.number == root.level.number:
        value, eps = value.value, value.eps
    else:
        value, eps = constant(value), constant_of(value.shape)
    if is_dual(value) and type(root.value) is np.ndarray:  # its values are to be duals of a lower level
        with memory_of(root).lock:
            root.refresh()
            if type(root.value) is np.ndarray:
                replace_value(root, array(root.value, Tangent({}, root.shape), value.level))
    return value, eps


def ascend(root: Any, level: Level) -> None:
    """The array takes values of an inner differentiation: all it was is a constant there."""
    root.refresh()
    if root.eps.terms and (root.level is HAND or root.level.number % 1):
        raise AssignmentError("an array with a tangent given by hand cannot take values of a running differentiation; "
                              "build the result with numpy.stack, numpy.concatenate or numpy.where")
    rise(root, level, array(root.value, root.eps, root.level) if root.eps.terms else root.value)


def writable(out: Any) -> None:
    """A result with a derivative, in place or with ``out=``, must go to a dual array."""
    if type(out) is not DualArray:
        raise lost_in(out)(f"out={type(out).__name__} is a plain array, as a in a += x is: it would drop the derivative; write "
                           "a = a + x, make a by np.zeros(n, like=x) or np.zeros_like(x) of a dual x, or run the program as "
                           "dualdiff.lift(f)")


def lost_in(a: Any) -> type[EscapeError]:
    """The error for what is written into a plain array. One of objects NumPy has made of duals: there f can run lifted."""
    return ConversionError if a.dtype == object else EscapeError


def store(out: Any, result: Any, broadcast: bool = False) -> Any:
    """``out=``: the result written into a dual array that the caller owns; a result without derivative into any."""
    if is_dual(result):
        result = constant(dual_form(result)) if type(out) is not DualArray else result
        if is_dual(result):
            writable(out)
    if out.shape != np.shape(result):
        if not broadcast:
            raise AssignmentError(f"non-broadcastable output operand: out has shape {out.shape}, the result {np.shape(result)}")
        result = np.broadcast_to(result, out.shape)  # a ufunc's out takes part in broadcasting
    if type(out) is DualArray:
        assign(out, ..., result)
    else:
        np.copyto(out, result, casting="same_kind")
    return out

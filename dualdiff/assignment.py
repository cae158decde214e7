"""Arrays that are written to: item and in-place assignment, ``out=``.

NumPy's semantics are kept or refused: every name and view of an array sees a write, the caller's arrays never change.
Assignment is a join: the old elements and the new ones laid end to end, and an index map that says which stayed.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .dual_array import DualArray, array, plain_index, view_move
from .elementwise import LEVELED, constant
from .errors import AssignmentError, EscapeError
from .forms import as_array, belongs, dual_form, joined, stripped, top_level, value_at
from .tangents.tangent import Tangent


# ---- assignment ------------------------------------------------------------------------------------------------------
def assign(x: DualArray, index: Any, value: Any) -> None:
    """``x[index] = value`` with NumPy's semantics: names and views of x see it, the caller's arrays never change.

    Cost: one pass over x and its leaves.
    """
    x.refresh()
    index, value = plain_index(index), as_array(dual_form(value))
    if type(value) not in LEVELED and value.dtype.kind not in "fciub":
        raise AssignmentError(f"cannot assign {value.dtype} values to a dual array")
    positions = np.arange(x.size).reshape(x.shape)
    places = positions[index]
    shape = np.shape(places)
    extra = value.ndim - len(shape)                        # NumPy drops leading axes of length one of what is assigned
    if extra > 0 and value.shape[:extra] == (1,) * extra:
        value = np.reshape(value, value.shape[extra:])
    try:
        filled = np.broadcast_to(value, shape)
    except ValueError:
        raise AssignmentError(f"could not broadcast input array from shape {value.shape} into shape {shape}") from None
    if np.iscomplexobj(stripped(value)) and not np.iscomplexobj(stripped(x)):
        raise AssignmentError("cannot assign complex values to a real array: the imaginary part would be dropped; "
                              "make the array complex first")
    if x.source is not None:
        base = x.source[0]
        origin = view_move(x.source).apply(np.arange(base.size).reshape(base.shape)).ravel()
        write(base, origin[np.ravel(places)], np.reshape(filled, -1))
        x.refresh()
    else:
        write(x, np.ravel(places), np.reshape(filled, -1))


def write(x: DualArray, places: Any, value: Any) -> None:
    """Flat places of x (a view passes them on to its base) take the values."""
    if x.source is not None:
        base = x.source[0]
        origin = view_move(x.source).apply(np.arange(base.size).reshape(base.shape)).ravel()
        write(base, origin[places], value)
        x.refresh()
        return
    level = top_level([x, value])
    old = x if belongs(x, level) else array(x, Tangent({}, x.shape), level) if type(x.value) is not DualArray or x.eps.terms \
        else array(x.value, Tangent({}, x.shape), level)
    if old is not x and not x.eps.terms:
        old = array(x.value, Tangent({}, x.shape), level)  # a fresh buffer rises to the level of what is written
    elif old is not x:
        raise AssignmentError("an array of an outer differentiation cannot take values of an inner one; "
                              "build the result with numpy.stack, numpy.concatenate or numpy.where")
    index = np.arange(x.size)
    index[places] = np.arange(x.size, x.size + prod(value.shape))
    new_value = value_at(value, level)
    both = np.concatenate([np.reshape(old.value, -1), np.reshape(new_value, -1)])[index]
    x.value = np.reshape(both, x.shape).astype(x.dtype) if type(both) is np.ndarray else np.reshape(both, x.shape)
    x.eps = joined([array(old.value, old.eps, level), value], index.reshape(x.shape), x.shape, level)
    x.level = level
    x.version += 1


def writable(out: Any) -> None:
    """``out=`` must be a dual array where the result is dual."""
    if type(out) is not DualArray:
        raise EscapeError(f"out={type(out).__name__} is a plain array: it would drop the derivative; "
                          "use no out= at all, make it by np.zeros(n, like=x) or np.zeros_like(x) of a dual x, or run the "
                          "program as dualdiff.lift(f)")


def store(out: Any, result: Any, broadcast: bool = False) -> Any:
    """``out=``: the result written into a dual array that the caller owns; a result without derivative into any."""
    if hasattr(result, "level"):
        result = constant(dual_form(result)) if type(out) is not DualArray else result
        if hasattr(result, "level"):
            writable(out)
    if out.shape != np.shape(result):
        if not broadcast:
            raise AssignmentError(f"non-broadcastable output operand: out has shape {out.shape}, the result {np.shape(result)}")
        result = np.broadcast_to(result, out.shape)        # a ufunc's out takes part in broadcasting
    if type(out) is DualArray:
        assign(out, ..., result)
    else:
        np.copyto(out, result, casting="same_kind")
    return out

"""What may stand beside a dual in an operation, as the operation needs it."""

from __future__ import annotations

from numbers import Number, Real
from typing import Any

import numpy as np

from .dual import OBJECTS, PLAIN, Dual
from .dual_array import from_objects, inexact, lifted
from .dual_scalar import DualScalar
from .errors import ConversionError
from .reading import dtype_of
from .subclasses import base_array
from .tangents.coefficients import plain
from .tangents.level import is_dual


def promoted(c: Any, x: Any) -> Any:
    """A constant beside the dual x in the type of the result, real if it is: partials of uint8 or float32 would overflow, or
    round. A number that becomes complex inside an array of objects would lose its imaginary part: see DualScalar.__array__.
    """
    kind = getattr(c, "dtype", None)
    if (type(c) is complex or (kind is not None and kind.kind == "c")) and type(x) is DualScalar and x.level.objects:
        raise ConversionError(OBJECTS)
    if kind is None:  # Python's complex times NumPy's float would be Python's complex, which has no shape
        return np.complex128(c) if type(c) is complex and type(x.value) is np.float64 else c
    dtype = np.result_type(dtype_of(x), kind)
    dtype = dtype if kind.kind == "c" or dtype.kind != "c" else dtype.type().real.dtype
    if kind == dtype:
        return c
    c = c.astype(dtype)
    if c.shape:
        c.setflags(False)  # nobody else's: a record need not copy it
    return c


def constant(x: Any) -> Any:
    """A dual of a lower level as the constant it is: its value alone, where it is not perturbed."""
    if x.source is not None:
        x.refresh()
    return x if x.eps.terms else x.value


def in_order(parts: list[Any]) -> Any:
    """What a list holds as one array, whose elements lie in order, whatever those of its parts do."""
    a = np.stack(parts)
    return a if plain(a).flags.c_contiguous else a.copy()


def operand(x: Any) -> Any:
    """Anything NumPy would accept beside a dual: a Dual by hand lifted, lists and object arrays as one array."""
    if type(x) is Dual:
        return lifted(x)
    if isinstance(x, np.ndarray):
        if x.dtype == object:  # of one thing that is no dual: that thing
            return from_objects(x) if x.shape or isinstance(x.item(), Dual) else operand(x.item())
        return x if type(x) is np.ndarray else base_array(x)
    if isinstance(x, np.generic):
        return x
    if isinstance(x, list | tuple) and any(is_dual(part) for part in x):
        return in_order([part if is_dual(part) else inexact(part, "an array of duals") for part in x])
    if x is None or isinstance(x, str | bytes | dict) or hasattr(x, "__array_ufunc__") or hasattr(x, "tocsr"):
        return x.copy_as_dual() if hasattr(x, "copy_as_dual") else NotImplemented
    if hasattr(x, "__len__"):
        return operand(np.array(x))
    if isinstance(x, Real) and type(x) not in PLAIN:  # a Fraction, an mpf
        return float(x)
    return x if isinstance(x, Number) else NotImplemented  # a class of the user's, which knows what to do

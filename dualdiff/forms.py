"""What arrives as an argument, in the form that the rules need it: duals lifted, levels told apart, constants plain."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from .dual import Dual
from .dual_array import array, from_objects, inexact, lifted, noted_value
from .dual_scalar import DualScalar
from .elementwise import LEVELED
from .operands import constant, in_order
from .subclasses import base_array
from .tangents.level import HAND, Level, is_dual
from .tangents.moves import converted
from .tangents.scalars import stacked
from .tangents.tangent import Tangent

FLOATS = frozenset((float, np.float64))
PLAIN_NUMBERS = FLOATS | {int, bool}
UNMOVED = Tangent({}, ())


# ---- arguments
def dual_form(x: Any) -> Any:
    """A Dual by hand, or a list that holds duals, as a leveled dual; anything else as it is."""
    if type(x) is Dual:
        return lifted(x)
    if type(x) in LEVELED:
        if x.source is not None:
            x.refresh()
        return x
    if type(x) is np.ndarray:
        return from_objects(x) if x.dtype.kind == "O" else x
    if isinstance(x, list | tuple) and holds_dual(x):
        row = in_a_row(x) if type(x[0]) is not list else in_a_table(x)
        return in_order([dual_form(part) if holds_dual(part) else inexact(part, "an array of duals") for part in x]) \
            if row is None else row
    return base_array(x) if isinstance(x, np.ndarray) else converted(x)


def in_a_row(parts: Any) -> Any:
    """Numbers of one sweep, and floats, as a vector: what most programs do with what they have computed one by one. None if
    anything else is among them.
    """
    level: Any = None
    values, tangents = [], []
    for x in parts:
        if type(x) is DualScalar and (level is None or x.level is level):
            level = x.level
            values.append(x.value)
            tangents.append(x.eps)
        elif type(x) in PLAIN_NUMBERS:
            values.append(float(x))
            tangents.append(UNMOVED)
        else:
            return None
    if level is None or level is HAND:  # duals made by hand may have different numbers of directions
        return None
    value = np.array(values) if FLOATS.issuperset(map(type, values)) else in_a_row(values)
    return None if value is None else array(value, Tangent(stacked(tangents), (len(tangents),)), level)


def in_a_table(rows: Any) -> Any:
    """Lists of so many numbers each, as the rows of a matrix are written; None for others."""
    count = len(rows[0])
    if not count or any(type(row) is not list or len(row) != count for row in rows):
        return None
    row = in_a_row([x for row in rows for x in row])
    return None if row is None else np.reshape(row, (len(rows), count))


def holds_dual(x: Any) -> bool:
    if type(x) is np.ndarray:  # of objects NumPy makes what a plain array and a list of duals give together
        return x.dtype.kind == "O" and any(map(holds_dual, x.flat))
    return is_dual(x) or (any(map(holds_dual, x)) if isinstance(x, list | tuple) else hasattr(type(x), "copy_as_dual"))


def top_level(parts: Any) -> Level:
    top: Any = None
    for x in parts:
        if type(x) in LEVELED and (top is None or x.level.number > top.number):
            top = x.level
    return top  # type: ignore[no-any-return]


def belongs(x: Any, level: Level) -> bool:
    return type(x) in LEVELED and (x.level is level or x.level.number == level.number)


def value_at(x: Any, level: Level) -> Any:
    """The argument as a constant of this level: its value if it belongs here, itself if it is lower and perturbed."""
    return x.value if belongs(x, level) else constant(x) if type(x) in LEVELED else x


def stripped(x: Any) -> Any:
    """The value under every level, inside lists too."""
    while is_dual(x):
        if type(x.source) is int:
            return noted_value(x)
        if x.source is not None:  # a view of an array that may have been written to since
            x.refresh()
        x = x.value
    if isinstance(x, list | tuple) and holds_dual(x):
        return type(x)(map(stripped, x))
    return stripped(dual_form(x)) if type(x) is np.ndarray and holds_dual(x) else x


def with_parts(kind: Any, part: Any, x: Any) -> Any:
    """A tuple of this class, of what ``part`` makes of the parts of x; SciPy's results have more than their fields."""
    new = tuple.__new__(kind, map(part, x))
    if hasattr(x, "__dict__"):
        vars(new).update({name: part(more) for name, more in vars(x).items()})
    return new


def stop_gradient(x: Any) -> Any:
    """x as a constant: its value, without the derivative of any level. Lists, tuples and dicts are taken apart.

    The constant of a dual array is its memory, and read-only: derivatives may be taken at it; write to a copy.

    >>> from dualdiff import derivative
    >>> derivative(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    if isinstance(x, dict):
        new = copy(x)
        new.update({name: stop_gradient(part) for name, part in x.items()})
        return new
    if isinstance(x, list | tuple):
        kind: Any = type(x)
        return with_parts(kind, stop_gradient, x) if hasattr(x, "_fields") else kind(map(stop_gradient, x))
    value = stripped(dual_form(x) if type(x) is np.ndarray else x)
    if value is not x and type(value) is np.ndarray:
        value = value.view()
        value.flags.writeable = False
    return value

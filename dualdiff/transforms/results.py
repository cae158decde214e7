"""What a run of f gave, as transforms read it: value and ε-part of each array of the result."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dual_scalar import DualScalar
from ..elementwise import LEVELED
from ..errors import EscapeError, StructureError
from ..forms import belongs
from ..reading import dtype_of
from ..tangents.level import Level
from ..tangents.moves import Shape
from ..tangents.tangent import Tangent
from .trees import ALONE, Rebuild, flatten

PLAIN = (np.ndarray, np.float64)


def value_and_eps(x: Any, level: Level) -> tuple[Any, Tangent]:
    """The value of one result and its ε-part at this level, which is empty for a constant.

    What a finished inner sweep left in an array, or was given by hand on top, is of a higher level: there x is its value.
    """
    if type(x) in LEVELED and x.level is level and type(x.value) in PLAIN:  # the result of most programs
        if x.source is not None:
            x.refresh()
        return x.value, x.eps
    while type(x) in LEVELED and x.level.number > level.number:
        if x.source is not None:
            x.refresh()
        x = x.value
    living(x)
    if belongs(x, level):
        if x.source is not None:
            x.refresh()
        return x.value, x.eps
    shape = x.shape if hasattr(x, "shape") else ()
    return x, Tangent({}, shape)


def living(x: Any) -> None:
    """Raise EscapeError if x holds a dual of a sweep that is over."""
    while type(x) in LEVELED:
        if x.level.over:
            raise EscapeError("f used a dual number that an earlier run left in a cache, an attribute or a global: clear that "
                              "before each run, or keep stop_gradient(x) there")
        x = x.value


def of_type(a: Any, dtype: Any) -> Any:
    """A derivative in the type of the result, unless that drops an imaginary part: on the way it may have been wider."""
    have = dtype_of(a)
    return a if have == dtype or have.kind == "c" != dtype.kind else a.astype(dtype)


def callers_own(a: Any, shape: Shape, others: list[Any]) -> Any:
    """The array in this shape as the caller's own: no view, and none of the others."""
    a = a if a.shape == shape else np.broadcast_to(a, shape)
    shared = id(a) in map(id, others)
    if type(a) is np.ndarray:
        return np.array(a) if shared or a.base is not None or not a.flags.writeable else a
    return a.copy() if shared and shape else a


def pairs_of(out: Any, level: Level) -> tuple[list[tuple[Any, Tangent]], Rebuild]:
    """Value, which the caller may write to, and ε-part of each array of the result of f, and what puts others in place."""
    leaves, rebuild = ([out], ALONE) if type(out) in LEVELED else flatten(out)
    pairs = [value_and_eps(leaf, level) for leaf in leaves]
    return [(x.copy() if type(x) is np.ndarray and not x.flags.writeable else x, eps) for x, eps in pairs], rebuild


def scalar_result(out: Any, what: str) -> Any:
    """The one number that a gradient needs; an array of one element counts, as in SciPy."""
    if type(out) is DualScalar:
        return out
    leaves, _ = flatten(out, f"the result of f in {what}")
    if len(leaves) != 1 or np.size(leaves[0]) != 1:
        shape = f"of shape {np.shape(leaves[0])}" if len(leaves) == 1 else f"of {len(leaves)} arrays"
        raise StructureError(f"{what} needs f to return one number; it returned a result {shape}. Use jacobian(f), or "
                             "sum the result")
    return leaves[0] if not np.ndim(leaves[0]) else np.reshape(leaves[0], ())

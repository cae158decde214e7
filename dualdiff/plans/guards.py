"""What replays know of: NumPy's functions that they call, and how they see that something is not of the kind that it was."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..dual_array import DualArray
from ..dual_scalar import DualScalar
from .notes import NUMBERS

# How many arrays, or lists of them, these take by place; what else they are given belongs to the structure.
TAKES: dict[Any, int] = {
    np.sum: 1, np.mean: 1, np.max: 1, np.min: 1, np.cumsum: 1, np.transpose: 1, np.reshape: 1, np.ravel: 1, np.stack: 1,
    np.concatenate: 1, np.dot: 2, np.matmul: 2, np.where: 3, np.diff: 1, np.outer: 2, np.clip: 3, np.std: 1, np.var: 1, abs: 1,
    len: 1, np.shape: 1, np.size: 1, np.array: 1, np.ones: 0, np.zeros: 0, np.eye: 0, np.arange: 0, np.linspace: 2}
METHODS = {"sum": 0, "mean": 0, "max": 0, "min": 0, "cumsum": 0, "transpose": 0, "reshape": 0, "ravel": 0, "dot": 1, "clip": 2,
           "std": 0, "var": 0}
SPREADS = (np.std, np.var, "std", "var")  # divided by numbers that their shapes and options tell
OPTIONS = frozenset(("axis", "keepdims", "ddof"))
BUILTINS = {"abs": abs, "len": len}


class UnlinkedError(Exception):
    """The steps do what replays do not."""


def takes(function: Any) -> int | None:
    """How many arrays a function of NumPy's takes by place, of those that replays do."""
    if type(function) is np.ufunc:
        return function.nin if any("O" not in types for types in function.types) else None  # those of Python functions
    return next((count for one, count in TAKES.items() if one is function), None)


def differs(text: str, x: Any, named: Callable[[Any], str]) -> list[str]:
    """Conditions, one of which is met by what is of another kind."""
    kind = type(x)
    if takes(x) is not None or isinstance(x, ModuleType):
        return [f"{text} is not {named(x)}"]
    if kind is DualScalar:
        return [f"type({text}) is not float64"]
    if kind is DualArray:
        return [f"type({text}) is not ndarray", f"{text}.shape != {x.shape}", f"{text}.dtype != double"]
    if kind is np.ndarray and x.dtype.kind in "fiub":  # products sum by strides
        return [f"type({text}) is not ndarray", f"{text}.shape != {x.shape}", f"{text}.strides != {x.strides}",
                f"{text}.dtype != {named(x.dtype)}"]
    if kind in NUMBERS:
        return [f"type({text}) not in numbers"]
    if kind is FunctionType:
        return [f"type({text}) is not FunctionType", f"{text}.__code__ is not {named(x.__code__)}"]
    if kind in (bool, tuple) or isinstance(x, np.generic):
        return [f"type({text}) is not {named(kind)}"]
    raise UnlinkedError

"""Arrays of other classes beside duals: those that only store differently are taken as arrays, others are refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .errors import StructureError

MEANING = {"MaskedArray": "its mask would be lost; fill it with x.filled(value), or select with numpy.where",
           "matrix": "its * is a matrix product; pass np.asarray(x)"}


def refusal(kind: Any) -> StructureError | None:
    """The error for a class whose arrays mean something else to NumPy's functions, if it is one."""
    for base in kind.__mro__:
        if base.__name__ in MEANING and base.__module__.startswith("numpy"):
            return StructureError(f"{kind.__name__} cannot meet a dual number: {MEANING[base.__name__]}")
    return None


def is_subclassed(x: Any) -> bool:
    return type(x) is not np.ndarray and issubclass(type(x), np.ndarray)


def base_array(x: Any) -> Any:
    """An array of a subclass (``numpy.memmap``, ``numpy.recarray``) as a plain one, masked arrays and matrices refused.

    NotImplemented for a class that handles NumPy's functions by itself.
    """
    error = refusal(type(x))
    if error is not None:
        raise error
    return x.view(np.ndarray) if type(x).__array_ufunc__ is np.ndarray.__array_ufunc__ else NotImplemented


def refused_by_masked_arrays(x: Any) -> Any:
    """numpy.ma asks for these names before it takes something for a number or an array, or whether there is a mask: none."""
    frame: Any = sys._getframe(1)
    asked = "getmask"
    while str(frame.f_globals.get("__name__")).startswith("numpy.ma."):
        asked, frame = frame.f_code.co_name, frame.f_back
    if asked in ("getmask", "getmaskarray", "is_masked"):
        raise AttributeError("a dual number has no mask")
    raise StructureError(f"MaskedArray cannot meet a dual number: {MEANING['MaskedArray']}")

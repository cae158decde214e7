"""What a dual array shows: its tangent as an array, its type, its text."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dual import Dual, number_text
from .errors import EscapeError
from .tangents.undefined import Undefined


def dtype_of(x: Any) -> Any:
    """NumPy's type of a value, of a dual's too. A Dual has no ``dtype`` of its own: NumPy would convert results to it."""
    while not hasattr(x, "dtype"):
        if type(getattr(x, "source", None)) is int:  # what is noted has a plain value: NumPy asks where no error may be raised
            return x.level.noted.values[x.source].dtype
        x = x.value if isinstance(x, Dual) else np.asarray(x)
    return x.dtype


def tangent_array(x: Any) -> Any:
    if x.source is not None:
        x.refresh()
    eps = x.eps
    if not eps.terms:
        shape = eps.shape if x.level.k is None else (x.level.k, *eps.shape)
        return np.zeros(shape, dtype_of(x))[()]
    if eps.on_tape:
        raise EscapeError("in reverse mode the tangent is a record, not numbers, until f has returned; "
                          "use jvp or mode='forward' to look at tangents inside f")
    dtype = dtype_of(x)
    a = eps.dense(dtype=None if dtype.kind == "O" else dtype)
    if type(a) is np.ndarray and dtype.kind in "fc" and a.dtype.kind in "iuf" + dtype.kind:
        a = a.astype(dtype, copy=False)
    return a[()] if eps.shape == () and getattr(a, "ndim", 1) == 0 and type(a) is not Dual else a


def text_of(a: Any) -> str:
    return np.array2string(a, separator=", ", threshold=60) if type(a) is np.ndarray else repr(a)


def tangent_text(x: Any) -> str:
    if type(x.eps) is Undefined:
        return "tangent=<undefined>"
    if x.eps.on_tape:
        return "tangent=<on tape>"
    tangent = x.tangent
    if np.size(getattr(tangent, "value", tangent)) > 60:
        return f"tangent=<{x.level.k or np.shape(tangent)[0]} directions>" if np.ndim(tangent) > len(x.eps.shape) else \
            f"tangent={text_of(tangent)}"
    return f"tangent={text_of(tangent)}" if np.ndim(tangent) else number_text(tangent)

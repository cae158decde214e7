"""Functions whose derivative is zero or whose result is not a real array; and those refused, with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import constant, known, primitive, refused


def half_way(f: Any, x: Any, decimals: int = 0) -> Any:
    """Where rounding to so many digits is undecided."""
    scaled = np.abs(x) * 10.0**decimals
    return scaled - np.floor(scaled) == 0.5


constant("the result is an index or a count",
         np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.searchsorted,
         np.digitize, np.count_nonzero, np.lexsort, np.ndim, np.shape, np.size, np.linalg.matrix_rank, np.nanargmax,
         np.nanargmin, np.diag_indices_from, np.tril_indices_from, np.triu_indices_from, np.einsum_path)
constant("the result is a truth value",
         np.all, np.any, np.allclose, np.isclose, np.array_equal, np.array_equiv, np.isrealobj,
         np.isreal, np.iscomplex, np.isposinf, np.isneginf, np.may_share_memory, np.shares_memory, np.isin,
         *known("in1d"))
constant("a description of the type", np.result_type, np.can_cast, np.min_scalar_type, np.common_type)
constant("the derivative is zero wherever it exists", np.around, np.round, jump=half_way)
constant("the derivative is zero wherever it exists", np.fix, jump=lambda f, x: (f == x) & (x != 0))
constant("text for a person: the value, marked as dual",  np.array_repr, np.array_str, np.array2string)

refused("a file keeps the value only; save x.value and x.tangent", np.save, np.savetxt, np.savez,
        np.savez_compressed)

refused("it is defined for dates; wrap the argument in dualdiff.stop_gradient() if that is meant",
        np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string)
refused("its argument is an index or a pattern of bits, which has no derivative; wrap it in dualdiff.stop_gradient() if "
        "that is meant", np.ravel_multi_index, np.unravel_index, np.packbits, np.unpackbits)


@primitive
def plain(x: Any) -> Any:
    """The value alone, for rows that decide by values where elements go."""
    return np.asarray(x)


constant("the value alone", plain)


LONG = 64  # elements from which it pays to look for ties


def stable_order(a: Any, axis: int) -> Any:
    """Where a stable sort takes its elements from. Without ties and NaN any sort says that, and NumPy's fastest in a tenth of
    the time.
    """
    a = np.asarray(plain(a))
    if a.shape[axis] >= LONG and a.dtype.kind == "f":
        order = np.argsort(a, axis=axis)
        s = np.moveaxis(np.take_along_axis(a, order, axis), axis, -1)
        if np.all(s[..., 1:] > s[..., :-1]):
            return order
    return np.argsort(a, axis=axis, kind="stable")

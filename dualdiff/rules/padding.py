"""pad: where elements are repeated they move; where ends are computed from the array, they are joined to it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..errors import RuleError
from .registry import composite
from .shapes import by_position, refuse_integers

MOVING = ("edge", "wrap", "reflect", "symmetric")
STATISTICS: dict[str, Any] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


@composite(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    refuse_integers(array, "pad")
    dtype = np.result_type(array)
    if mode == "constant":
        fill = options.get("constant_values", 0)
        fill = np.asarray(fill, dtype) if isinstance(fill, list | tuple) else fill
        return by_position([array, fill], partial(filled, pad_width=pad_width)).astype(dtype, copy=False)
    if mode in MOVING and options.get("reflect_type") != "odd":
        return by_position([array], partial(np.pad, pad_width=pad_width, mode=mode, **options))
    if mode == "empty" or callable(mode) or mode not in (*STATISTICS, *MOVING, "linear_ramp"):
        raise RuleError(f"numpy.pad: mode={mode!r} has no derivative: what it fills in is not a function of the array; "
                        "use another mode, or numpy.concatenate with the ends you want")
    np.pad(np.zeros(array.shape, bool), pad_width, "edge")  # NumPy's errors
    widths = widths_per_axis(pad_width, array.ndim)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            last = np.moveaxis(array, axis, -1)
            array = np.moveaxis(np.concatenate(ends(last, axis, array.ndim, before, after, mode, options), axis=-1), -1, axis)
    return array.astype(dtype)


def filled(old: Any, new: Any, pad_width: Any) -> Any:
    return np.pad(old, pad_width, constant_values=new)


def widths_per_axis(width: Any, ndim: int) -> Any:
    """Pairs per axis, as NumPy reads them: a number, a pair, one pair per axis, or a dict of axes."""
    if isinstance(width, dict):
        pairs = [(0, 0)] * ndim
        for axis, part in width.items():
            pairs[axis] = (part, part) if isinstance(part, int) else part
        return pairs
    return np.broadcast_to(np.asarray(width), (ndim, 2)).tolist()


def per_axis(value: Any, ndim: int, axis: int) -> Any:
    return np.broadcast_to(value, (ndim, 2))[axis]


def ends(x: Any, axis: int, ndim: int, before: int, after: int, mode: Any, options: dict[str, Any]) -> list[Any]:
    """What stands before and behind x along its last axis, with x between."""
    n = x.shape[-1]
    if mode in STATISTICS:
        lengths = options.get("stat_length")
        left, right = (n, n) if lengths is None else (min(int(m), n) for m in per_axis(lengths, ndim, axis))
        pieces = [STATISTICS[mode](part, axis=-1, keepdims=True) for part in (x[..., :left], x[..., n - right:])]
        return [np.repeat(pieces[0], before, -1), x, np.repeat(pieces[1], after, -1)]
    if mode == "linear_ramp":
        low, high = per_axis(options.get("end_values", 0), ndim, axis)
        return [ramp(low, x[..., :1], before), x, ramp(high, x[..., -1:], after)[..., ::-1]]
    off = int(mode == "reflect")  # which does not repeat the edge
    if mode in ("reflect", "symmetric") and max(before, after) <= n - off:
        return [2 * x[..., :1] - x[..., off:off + before][..., ::-1], x,
                2 * x[..., -1:] - x[..., n - off - after:n - off][..., ::-1]]
    weights = np.pad(np.eye(n), ((before, after), (0, 0)), mode, reflect_type="odd")  # the map is linear
    return [x @ weights[:before].T, x, x @ weights[n + before:].T]


def ramp(end: Any, edge: Any, count: int) -> Any:
    """From the end value towards the edge, which itself is not repeated."""
    return end + (edge - end) * (np.arange(count) / max(count, 1))

"""A few writes to an array, put together: coefficients are written as the values were, columns follow the map."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from ..rules.gather import is_basic
from .join import Arrangement
from .joined import joined_or_later
from .moves import as_key
from .tangent import Tangent

# A write: the steps (a move, or an index) from the array to the view that was written to, and the index there.
Write = tuple[tuple[tuple[Any, Any], ...], Any]


def rewritten(old: Tangent, pieces: list[Tangent], writes: list[Write], index: Any) -> Tangent:
    """The tangent of an array after the pieces were written to it; ``index`` says for each element where it comes from."""
    every = [old, *pieces]
    leaf = next((leaf for t in every for leaf in t.terms), None)
    key: Any = None
    if leaf is not None and leaf.level.geometry is not None:
        key = ("writes", *(t.shape for t in every), *(
            (*(as_key(at) if move is None else move.key for move, at in steps), as_key(last)) for steps, last in writes))
    how = Arrangement(partial(written, writes=writes, index=index), [t.shape for t in every], key)
    how._index = index
    how.along_axes = not any(steps for steps, _ in writes)
    if how.along_axes and not (old.terms and (index < prod(old.shape)).any()):  # nothing is left of the old elements
        every[0] = Tangent({}, old.shape)
        how.sections = lambda: sections(every, writes, index)
    return joined_or_later(every, how, old.shape)


def sections(every: list[Tangent], writes: list[Write], index: Any) -> Any:
    """The part of the array that each piece fills, by basic indexing; None where one was written over, repeated or reversed."""
    found: list[Any] = [()]
    end = prod(every[0].shape)
    for t, (_, last) in zip(every[1:], writes, strict=True):
        end += prod(t.shape)
        if not t.terms:
            found.append(())
            continue
        part = index[last] if is_basic(last) else None
        if part is None or part.shape != t.shape or min(part.strides, default=0) < 0 or np.max(part, initial=-1) >= end:
            return None
        at = last if type(last) is tuple else (last,)
        found.append((*at, slice(None)) if Ellipsis in at else at)  # the directions are one axis more
    return found


def written(arrays: list[Any], writes: list[Write], index: Any) -> Any:
    """The first array after the writes of the others; by the map where they are duals of a lower level."""
    if any(hasattr(a, "level") for a in arrays):
        return np.concatenate([np.ravel(a) for a in arrays])[index]
    out = np.empty_like(index, np.result_type(*(a.dtype for a in arrays)), shape=arrays[0].shape)
    out[...] = arrays[0]  # it lies in memory as the values do: it has the same views
    for a, (steps, last) in zip(arrays[1:], writes, strict=True):
        place = out
        for move, at in steps:
            place = place[at] if move is None else move.row.function(place, *move.args, **move.options)
        if index.shape != out.shape and place[last].shape != a.shape:
            raise ValueError("an axis of length one is repeated here, and not in the array itself")
        place[last] = a
    return out

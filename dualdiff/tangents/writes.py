"""A few writes to an array, put together: coefficients are written as the values were, columns follow the map."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .join import Arrangement, joined_terms
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
    return Tangent(joined_terms(every, how, old.shape), old.shape)


def written(arrays: list[Any], writes: list[Write], index: Any) -> Any:
    """The first array after the writes of the others; by the map where they are duals of a lower level."""
    if any(hasattr(a, "level") for a in arrays):
        return np.concatenate([np.ravel(a) for a in arrays])[index]
    out = np.empty_like(index, np.result_type(*(a.dtype for a in arrays)))  # it lies in memory as the values do: it has
    out[...] = arrays[0]                                                    # the same views
    for a, (steps, last) in zip(arrays[1:], writes, strict=True):
        place = out
        for move, at in steps:
            place = place[at] if move is None else move.row.function(place, *move.args, **move.options)
        place[last] = a
    return out

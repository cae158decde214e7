"""Joins of pieces that are alike along a long axis: the samples of a batch, the points of a grid.

Where no leaf of the pieces varies along an axis, and the join leaves that axis alone, the columns and weights of the result
do not vary along it either: they are joined as if it had length one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .leaf import Leaf
from .moves import Shape
from .ragged import Ragged

if TYPE_CHECKING:
    from .join import Arrangement

LONG = 16  # shorter axes are not worth the search


def thin_join(leaves: Sequence[Leaf | None], shapes: list[Shape], how: Arrangement,
              shape: Shape) -> tuple[list[Shape], Any, Shape] | None:
    """Shapes of the pieces, index map and shape of the result with the axis at length one; None if there is no such axis."""
    if not how.along_axes:
        return None
    common: set[int] | None = None
    for leaf, own in zip(leaves, shapes, strict=True):
        lengths = {n for axis, n in enumerate(own) if n >= LONG and own.count(n) == 1 and (leaf is None or alike(leaf, axis))}
        common = lengths if common is None else common & lengths
    long = [n for n in common or () if shape.count(n) == 1]
    if not long:
        return None
    length = max(long)
    thin = [tuple(1 if n == length else n for n in own) for own in shapes]
    try:
        index = how.index_of(thin)
    except (ValueError, IndexError):  # the function minds the length of that axis
        return None
    result = tuple(1 if n == length else n for n in shape)
    return (thin, index, result) if index.shape == result else None


def alike(leaf: Leaf, axis: int) -> bool:
    """Whether the leaf does not vary along an axis of its shape."""
    return type(leaf) is not Ragged and all(a.shape[leaf.lead + axis] == 1 for a in (leaf.cols, *leaf.factors))

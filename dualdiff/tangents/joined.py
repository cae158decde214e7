"""The ε-part of joined pieces, not joined until something is done with it.

A program's last step is often to stack what it has computed. Its Jacobian is then written piece by piece into the rows that
belong to each: coefficients and columns need not be laid side by side for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..rules.registry import ROWS
from .assemble import write_terms
from .join import Arrangement, joined_terms
from .moves import Move, Shape
from .ragged import Ragged
from .tangent import Tangent
from .tape import TapeLeaf

MOST_PIECES = 16  # more, or smaller ones, are joined in one pass at less cost
LEAST_PIECE = 64
TRANSPOSE: Any = ROWS[np.transpose]


class Joined(Tangent):
    """Tangents of pieces and where they belong: whoever asks for its terms gets those of the join."""

    __slots__ = ("axes", "how", "kept", "pieces", "sections")

    def __init__(self, pieces: list[Tangent], sections: Sequence[Any], how: Arrangement, shape: Shape) -> None:
        self.pieces, self.sections, self.how, self.shape = pieces, sections, how, shape
        self.axes: Any = None  # the order of the join's axes in this array, once transposed
        self.kept: Any = None

    @property
    def terms(self) -> dict[Any, Any]:  # type: ignore[override]
        if self.kept is None:
            shape = self.shape if self.axes is None else tuple(self.shape[i] for i in np.argsort(self.axes))
            joined = Tangent(joined_terms(self.pieces, self.how, shape), shape)
            self.kept = joined.terms if self.axes is None else \
                joined.gather(Move(TRANSPOSE, shape, self.shape, (self.axes,))).terms
            self.pieces = []
        kept: dict[Any, Any] = self.kept
        return kept

    @property
    def is_constant(self) -> bool:
        return False

    def gather(self, move: Move) -> Tangent:
        """Another order of the axes is another order of writing; any other move needs the terms."""
        if move.row is not TRANSPOSE or not self.pieces:
            return super().gather(move)
        order = move.args[0] if move.args and move.args[0] is not None else range(len(self.shape))[::-1]
        before = range(len(self.shape)) if self.axes is None else self.axes
        moved = Joined(self.pieces, self.sections, self.how, move.out_shape)
        moved.axes = tuple(before[i] for i in order)
        return moved

    def dense(self, trailing: bool = False, dtype: Any = float) -> Any:
        pieces = self.pieces
        arrays = [a for t in pieces for leaf, coef in t.terms.items() for a in leaf.operands(coef)]
        if not pieces or any(hasattr(a, "eps") for a in arrays):
            return super().dense(trailing, dtype)
        (k,) = {leaf.k for t in pieces for leaf in t.terms}
        level = next(leaf.level for t in pieces for leaf in t.terms)
        meter = level.meter if level.columns is not None or not trailing else None
        if meter is not None:
            meter.charge(k * prod(self.shape))
        types = arrays if dtype is None else [*arrays, dtype]
        out = np.zeros((*self.shape, k) if trailing else (k, *self.shape), np.result_type(*types) if types else float)
        if meter is not None:
            meter.hold(out)
        flat = out.reshape(out.size)
        whole = out if trailing else np.moveaxis(out, 0, -1)
        if self.axes is not None:
            whole = whole.transpose((*(int(i) for i in np.argsort(self.axes)), len(self.shape)))
        for t, section in zip(pieces, self.sections, strict=True):
            if not t.terms or 0 in t.shape:
                continue
            t.watch()
            place = whole[section]
            start = (place.ctypes.data - out.ctypes.data) // out.itemsize
            steps = [s // out.itemsize for s in place.strides]
            write_terms(flat[start:], t.terms, t.shape, steps[:-1], steps[-1], k)
        return out


def joined_or_later(pieces: list[Tangent], how: Arrangement, shape: Shape) -> Tangent:
    """The tangent of a join: at once, or later where the pieces are few and large."""
    if how.sections is not None and len(pieces) <= MOST_PIECES \
            and prod(shape) >= LEAST_PIECE * len(pieces):
        leaves = [leaf for t in pieces for leaf in t.terms]
        if leaves and type(leaves[0]) is not TapeLeaf and leaves[0].k is not None and leaves[0].level.geometry is None \
                and len({leaf.k for leaf in leaves}) == 1 and not any(type(leaf) is Ragged for leaf in leaves):
            sections = how.sections()
            if sections is not None:
                return Joined(pieces, sections, how, shape)
    return Tangent(joined_terms(pieces, how, shape), shape)

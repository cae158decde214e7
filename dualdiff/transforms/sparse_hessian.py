"""Sparse Hessians: forward over forward, with sparse leaves at both levels.

The inner sweep leaves the gradient as a sum of coefficient × leaf whose columns are the Hessian's rows; the coefficients are
duals of the outer sweep, whose leaves' columns are the Hessian's columns. The gradient itself is never built: every pair of
an inner and an outer leaf is a block of entries (row, column, number).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tangents.coefficients import finite, plain
from ..tangents.csr import alike, checked, geometry, same
from ..tangents.leaf import Leaf
from ..tangents.level import Level
from ..tangents.moves import Shape
from ..tangents.ragged import places, starts_of
from ..tangents.recipes import laid_out, taken_by_places
from .inputs import Function, Inputs
from .results import of_type, scalar_result, value_and_eps
from .second import ReverseGradient
from .sparse import Memories, filled, refuse_duals, scipy_sparse, with_constants
from .sweep import swept
from .trees import spans

Block = tuple[Any, Shape, Leaf, Any]  # the inner leaf's columns and widths; the outer term


class SymmetricStructure:
    """Where the entries of the blocks go in a symmetric CSR matrix of order n, and where each one's mirror image is."""

    __slots__ = ("indices", "indptr", "matrix", "mirror", "shape", "signature", "taken", "zeros")

    def __init__(self, blocks: list[Block], n: int) -> None:
        self.signature = [(rows, wide, geometry(leaf)) for rows, wide, leaf, _ in blocks]
        self.shape, self.zeros = (n, n), 0
        self.matrix: Any = None
        parts = [places(leaf, wide, np.arange(n) if rows is None else rows) for rows, wide, leaf, _ in blocks]
        rows, cols = map(np.concatenate, zip(*parts, strict=True)) if parts else (np.empty(0, np.int32), np.empty(0, np.int32))
        if not self.settled(rows, cols):  # an entry without a mirror image: that is a zero
            self.zeros = rows.size
            self.settled(np.concatenate([rows, cols]), np.concatenate([cols, rows]))

    def settled(self, rows: Any, cols: Any) -> bool:
        """Sort the entries; whether the pattern is symmetric."""
        n = self.shape[0]
        self.taken, rows = taken_by_places(rows, cols, self.shape)
        kind = np.int32 if max(n, rows.size) < 2**31 else np.int64
        self.indices = self.taken.indices.astype(kind)
        self.indptr = starts_of(self.taken.counts, kind)
        counted = scipy_sparse().csr_array((np.arange(rows.size, dtype=kind), self.indices, self.indptr), shape=self.shape)
        transposed = counted.tocsc()  # sorts by column in linear time
        self.mirror = transposed.data
        return bool(np.array_equal(transposed.indices, self.indices) and np.array_equal(transposed.indptr, self.indptr))

    def holds(self, blocks: list[Block]) -> bool:
        known = self.signature
        return len(known) == len(blocks) and all(
            wide == wide_now and alike(outer, leaf) and (rows is rows_now or same(rows, rows_now))
            for (rows, wide, outer), (rows_now, wide_now, leaf, _) in zip(known, blocks, strict=True))

    def data(self, blocks: list[Block], dtype: Any) -> Any:
        """The numbers; rounding may differ between ∂²f/∂x∂y and ∂²f/∂y∂x, so both become their mean."""
        types = [a for _, _, leaf, coef in blocks for a in leaf.numbers(coef)]
        terms = [(leaf, coef, wide) for _, wide, leaf, coef in blocks]
        half = self.taken.picked(laid_out(terms, np.result_type(dtype, *types), self.zeros))
        half *= 0.5
        half += half[self.mirror]
        return checked(half, blocks[0][2].level) if blocks else half


def value_and_sparse_hessian(f: Function, argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """``hessian(f, argnums, sparse=True)``, which describes it, after the value of f."""
    scipy_sparse()
    outer, inner = Memories(), Memories()

    def both(*args: Any, **options: Any) -> Any:
        rows_from, columns_from = inner.take(), outer.take()
        places: list[tuple[Any, Shape]] = []
        values: list[Any] = []

        def gradient(*args: Any, **options: Any) -> Any:
            """The coefficients of the gradient's leaves; their columns and widths go to ``places``, the value to ``values``."""
            inputs = Inputs(f, argnums, args, options)

            def read(out: Any, level: Level) -> Any:
                value, eps = value_and_eps(scalar_result(out, "hessian"), level)
                if not finite(plain(value)):  # what is in doubt is compared with another run's, whose leaves may differ
                    places[:], values[:] = [(None, (sum(inputs.sizes),))], [value]
                    return [inputs.matrix(value, eps)]
                parts: dict[Any, tuple[Any, Shape, Any]] = {}
                for leaf, coef in eps.watched():
                    if leaf.factors or coef is not None:
                        p = leaf.weights(coef)
                        same_rows = id(leaf.cols), leaf.width  # sums over one slice have one block, whatever is summed
                        parts[same_rows] = leaf.cols, leaf.width, parts[same_rows][2] + p if same_rows in parts else p
                places[:], values[:] = [(rows, wide) for rows, wide, _ in parts.values()], [value]
                return [coefficient for *_, coefficient in parts.values()]

            return swept(inputs, lambda level: rows_from.seed(level, inputs.shapes), read, inputs.is_complex)

        inputs = with_constants(Inputs(gradient, argnums, args, options))
        inputs.whole = ReverseGradient(f, argnums)

        def read(coefficients: Any, level: Level) -> Any:
            blocks: list[Block] = []
            for (rows, wide), coefficient in zip(places, coefficients, strict=True):
                _, eps = value_and_eps(coefficient, level)
                eps = eps if eps.shape == wide else eps.broadcast(wide)
                blocks += [(rows, wide, leaf, coef) for leaf, coef in eps.terms.items()]
            refuse_duals((leaf, coef) for _, _, leaf, coef in blocks)
            value, _ = value_and_eps(values[0], level)
            n = sum(inputs.sizes)
            known = columns_from.structures.get(n)
            if known is None or not known.holds(blocks):
                known = columns_from.structures[n] = SymmetricStructure(blocks, n)
            dtype = inputs.dtype_with(value)
            return value, tree_of(filled(known, of_type(known.data(blocks, dtype), dtype)), inputs)

        try:
            return swept(inputs, lambda level: columns_from.seed(level, inputs.shapes), read, inputs.is_complex)
        finally:
            outer.bring_back(columns_from)
            inner.bring_back(rows_from)

    return both


def tree_of(matrix: Any, inputs: Inputs) -> Any:
    """The whole matrix for one array; for a tree of arrays, the tree of its blocks."""
    if len(inputs.leaves) == 1:
        return inputs.like_arguments([inputs.like_arguments([matrix])])
    parts = [slice(*ends) for ends in spans(inputs.sizes)]
    return inputs.like_arguments([inputs.like_arguments([matrix[rows, cols] for cols in parts]) for rows in parts])

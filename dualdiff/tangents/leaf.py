"""Leaves that hold numbers: k directions for an array of shape S, sparse or dense, factored and only broadcastable.

A sparse leaf says on which directions each element depends: ``cols`` and a product of ``factors``, arrays broadcastable
to (*W, *S) where W are the width axes. Element s depends, for every w in W, on direction cols[w, s] with weight
Π factors[w, s]. No factors means weight 1: the identity seed is cols = arange, never an identity matrix. A column of -1
stands for no direction.

A dense leaf is the sparse leaf whose only width axis *is* the direction axis, so that ``cols`` need not be stored: W = (k,)
and cols is None. The one-direction leaf ``level.one`` goes further: no width axis, no factor; its tangent is the coefficient.

Contracting an axis that the columns vary along makes it a width axis: no arithmetic, the matrix becomes one more factor,
a view. Contracting an axis that the columns do not vary along sums it within the factors that hold it.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..errors import ShapeError
from .coefficients import product
from .contraction import aligned, eliminate, in_window, thinned
from .geometry import LeafWay, arranged, contraction_way
from .level import HAND, Level
from .meter import owner
from .moves import Contraction, Item, Map, Move, Shape

MAX_FACTORS = 3  # more are multiplied together where that costs no larger array


class Leaf:
    """An immutable k-direction tangent of shape S, factored. See the module's docstring for what the arrays mean."""

    __slots__ = ("affine", "cols", "factors", "k", "kept", "level", "memo", "shape", "width")

    k: Any  # how many directions; None for one without an axis

    def __init__(self, level: Level, k: int | None, shape: Shape, width: Shape, cols: Any, factors: tuple[Any, ...],
                 affine: bool = False) -> None:
        self.level = level
        self.k = k
        self.shape = shape
        self.width = width
        self.cols = cols
        self.factors = factors
        self.affine = affine  # cols is a strided view of arange: geometry, not numbers
        self.kept = False  # whether later sweeps meet this leaf again, see transforms/sparse
        self.memo: dict[Any, Leaf] = {}

    @property
    def lead(self) -> int:
        return len(self.width)

    @property
    def breadth(self) -> int:
        """On how many directions an element may depend."""
        return prod(self.width)

    @property
    def is_dense(self) -> bool:
        return self.cols is None

    @property
    def every_col(self) -> Any:
        """``cols``, of a dense leaf too."""
        return np.arange(self.breadth).reshape(self.width + (1,) * len(self.shape)) if self.cols is None else self.cols

    @property
    def stretch(self) -> Any:
        """The columns of an affine leaf with one axis as an increasing slice of the directions; None where they are not."""
        cols = self.cols
        size, step = cols.size, cols.strides[0] // cols.itemsize
        if size == 0 or step <= 0:
            return None
        start = cols.item(0)
        return slice(start, start + step * (size - 1) + 1, step)

    @property
    def too_wide(self) -> bool:
        return self.cols is not None and prod(self.width) > self.k

    @property
    def is_full(self) -> bool:
        """Whether the weights vary along every axis of the shape, rather than being a broadcast of fewer."""
        return np.broadcast_shapes(*(a.shape for a in self.factors))[self.lead:] == self.shape

    def operands(self, coef: Any = None) -> list[Any]:
        """What coef ⊙ leaf is the product of; ``numbers`` in whatever form the leaf keeps its weights."""
        return list(self.factors) if coef is None else [*self.factors, coef]

    numbers = operands

    def weights(self, coef: Any) -> Any:
        """coef ⊙ weights as one array, broadcastable to (*W, *S)."""
        operands = self.operands(coef)
        return product(self.level, operands) if operands else np.ones(())

    def spread(self, a: Any, shape: Shape) -> Any:
        """An array broadcastable to (*W, *S) as a table of all its numbers, a row for each width."""
        return np.broadcast_to(a, self.width + shape).reshape(self.breadth, prod(shape))

    def gather(self, move: Move) -> Leaf:
        """The same move on the leaf; asked twice, it is the same leaf object, so that coefficients still merge."""
        moved = self.memo.get(move.key)
        if moved is not None:
            return moved
        if move.basic == ():  # x[()]
            return self
        meter, cols, factors = self.level.meter, self.cols, self.factors
        if move.basic is not None and not factors and cols is not None and cols.shape == self.shape:
            cols = cols[move.basic if Ellipsis in move.basic else (*move.basic, ...)]  # which keeps a number a view, too
        else:
            if meter is not None and move.basic is None:  # elements picked by index are copied for every direction
                meter.charge(self.breadth * (prod(self.shape) + 2 * prod(move.out_shape)))
            cols = None if cols is None else moved_array(cols, move, self.lead, self.shape, -1)
            factors = tuple(moved_array(a, move, self.lead, self.shape, 0) for a in factors)
        moved = self.memo[move.key] = Leaf(self.level, self.k, move.out_shape, self.width, cols, factors,
                                           self._still_affine(cols))
        moved.kept = self.kept
        if meter is not None and move.basic is None:  # which is a view
            for new, old in zip(factors, self.factors, strict=True):
                if owner(new) is not owner(old):
                    meter.hold(new)
        return moved

    def sliced(self, index: slice, key: Any, out_shape: Shape) -> Leaf:
        """``gather`` for a slice that is not in the memo yet: of a seed, the first step of most programs, a view."""
        if not self.affine or self.factors or self.cols.shape != self.shape:
            return self.gather(Item(self.shape, out_shape, index, key))
        moved = self.memo[key] = Leaf(self.level, self.k, out_shape, (), self.cols[index], (), self.affine)
        moved.kept = self.kept
        return moved

    def broadcast(self, shape: Shape) -> Leaf:
        """The leaf for a larger shape; nothing is copied, the new axes have length one."""
        wider = self.memo.get(shape)
        if wider is None:
            pad = (1,) * (len(shape) - len(self.shape))
            lead = self.lead

            def padded(a: Any) -> Any:
                return a.reshape(a.shape[:lead] + pad + a.shape[lead:]) if pad else a

            cols = None if self.cols is None else padded(self.cols)
            wider = self.memo[shape] = Leaf(self.level, self.k, shape, self.width, cols, tuple(map(padded, self.factors)),
                                            self._still_affine(cols))
            wider.kept = self.kept
        return wider

    def mapped(self, coef: Any, op: Map) -> tuple[Leaf, Any]:
        """A real-linear map of each element (conj, real, imag) of coef ⊙ leaf."""
        if not self.factors:
            return self, op.apply(np.ones(()) if coef is None else coef)
        return Leaf(self.level, self.k, self.shape, self.width, self.cols, (op.apply(self.weights(coef)),), self.affine), None

    def total(self, coef: Any) -> tuple[Leaf, Any] | None:
        """The sum of coef ⊙ leaf over every axis where it is an indexed seed: all axes become width. None elsewhere."""
        cols, shape = self.cols, self.shape
        if cols is None or self.factors or cols.shape != shape or not (self.affine or self.level.columns is None):
            return None
        if not shape:
            return self, coef
        size = getattr(coef, "shape", ())  # one number for all stays the coefficient
        if size not in (shape, ()):
            return None
        factors, coef = ((), coef) if size == () else ((coef,), None)
        return Leaf(self.level, self.k, (), shape, cols, factors, self.affine), coef

    def contract(self, coef: Any, op: Contraction) -> tuple[Leaf, Any]:
        """The contraction of coef ⊙ leaf, as a new leaf and coefficient."""
        level = self.level
        if not op.constant and not op.result and (total := self.total(coef)) is not None:
            return total
        constant, others = op.constant[0] if op.constant else (None, ())
        way = contraction_way(op.shape, self.width, None if self.cols is None else self.cols.shape,
                              tuple([a.shape for a in self.factors]), None if coef is None else getattr(coef, "shape", ()),
                              op.labels, op.result, others, None if constant is None else constant.shape)
        arrays = self.operands(coef) if constant is None else [*self.operands(coef), constant]
        if level.meter is not None:
            level.meter.beside(op.shape)
            level.meter.spend(0, prod(op.sizes.values()))
        if way.arranged is not None and level.columns is None:
            return self._arranged(arrays, way, op)
        operands = thinned(arrays, way.operands)
        cols = None if way.cols is None else thinned([self.cols], [way.cols])[0]
        sizes, width = way.sizes, way.width
        if level.columns is not None and cols is not None and not self.affine:
            sizes = dict(sizes)
            cols, operands = in_window(cols, operands, way.wide, sizes)
            width = tuple(sizes[name] for name in way.wide)
        operands = eliminate(operands, way.gone, sizes, level, way.wide + op.result)
        target = way.wide + op.result
        parts = []
        for o in op.survivors(operands):
            held = any(name in way.wide for name in o[1])
            parts.append((held, aligned(o, target if held else op.result) if o[1] else o[0]))
        return self._assembled(parts, None if cols is None else aligned(cols, target), width, op)

    def _arranged(self, arrays: list[Any], way: LeafWay, op: Contraction) -> tuple[Leaf, Any]:
        """The contraction where nothing is summed: the same numbers, their axes where the result has them."""
        if op.borrowed:
            arrays = [a for a, _ in op.survivors([(a, ()) for a in arrays])]
        forms, cols_form = way.arranged
        parts = [(held, arranged(a, form)) for a, (held, form) in zip(arrays, forms, strict=True)]
        return self._assembled(parts, None if cols_form is None else arranged(self.cols, cols_form), way.width, op)

    def _assembled(self, parts: list[tuple[bool, Any]], cols: Any, width: Shape, op: Contraction) -> tuple[Leaf, Any]:
        """The leaf and coefficient from what is left of a contraction: factors hold a width label, coefficients none."""
        factors, coef = [], None
        for held, a in parts:
            if held:
                factors.append(a)
            else:
                coef = a if coef is None else coef * a
        if cols is None and not factors:
            if self.k is None:
                return self, coef
            # a number for moves to fill zeros in beside; int8 changes no type
            factors.append(np.ones((1,) * (len(width) + len(op.result)), np.int8))
        return Leaf(self.level, self.k, op.out_shape, width, cols, merged_factors(factors), self._still_affine(cols)), coef

    def _still_affine(self, cols: Any) -> bool:
        columns = self.level.columns
        if columns is not None:  # a part of the seeds that lies inside the window is affine
            return cols is not None and cols.base is columns and bool(cols.size) and cols.min() >= 0
        return self.affine and cols.base is self.cols.base


def window_seeds(level: Level, shapes: list[Shape], first: int, stop: int) -> list[Leaf | None]:
    """``identity_seeds`` for the directions first … stop-1 alone; None for an array that none of them perturbs."""
    sizes = [prod(shape) for shape in shapes]
    k = level.k = stop - first
    columns = level.columns = np.full(sum(sizes), -1, np.int32 if sum(sizes) < 2**31 else np.int64)
    columns[first:stop] = np.arange(k)
    seeds: list[Leaf | None] = []
    start = 0
    for shape, size in zip(shapes, sizes, strict=True):
        end = start + size
        touched = start < stop and first < end
        seeds.append(Leaf(level, k, shape, (), columns[start:end].reshape(shape), (), first <= start and end <= stop)
                     if touched else None)
        start = end
    return seeds


def merged_factors(arrays: list[Any]) -> tuple[Any, ...]:
    """Factors multiplied together where the product is no larger than one of them, once there are many."""
    while len(arrays) > MAX_FACTORS:
        best = None
        for j in range(len(arrays)):
            for i in range(j):
                shape = np.broadcast_shapes(arrays[i].shape, arrays[j].shape)
                if prod(shape) == max(arrays[i].size, arrays[j].size) and (best is None or prod(shape) < best[0]):
                    best = prod(shape), i, j
        if best is None:
            break
        _, i, j = best
        b, a = arrays.pop(j), arrays.pop(i)
        arrays.append(a * b)
    return tuple(arrays)


def moved_array(a: Any, move: Move, lead: int, shape: Shape, fill: int) -> Any:
    """A move applied to an array that is only broadcastable to shape behind its width axes; compact again."""
    tail = a.shape[lead:]
    if tail == shape:
        return move.apply(a, lead, fill)
    if not move.fills and tail.count(1) == len(tail):
        return a.reshape(a.shape[:lead] + (1,) * len(move.out_shape))
    return compacted(move.apply(np.broadcast_to(a, a.shape[:lead] + shape), lead, fill), lead)


def compacted(a: Any, lead: int) -> Any:
    """The array with length one along axes on which it is a broadcast view."""
    if type(a) is not np.ndarray or 0 not in a.strides:
        return a
    return a[tuple(slice(0, 1) if i >= lead and step == 0 else slice(None) for i, step in enumerate(a.strides))]


def dense_leaf(level: Level, data: Any, shape: Shape) -> Leaf:
    """Directions leading: data of shape (k, *S), or broadcastable to it behind the first axis."""
    return Leaf(level, data.shape[0], shape, data.shape[:1], None, (data,))


class One(Leaf):
    """One direction without its axis, of any shape: the coefficient alone is the tangent."""

    __slots__ = ()

    def __init__(self, level: Level) -> None:
        super().__init__(level, None, (), (), None, ())

    def gather(self, move: Move) -> Leaf:
        return self

    def broadcast(self, shape: Shape) -> Leaf:
        return self


def one(level: Level) -> Leaf:
    if level.one is None:
        level.one = One(level)
    leaf: Leaf = level.one
    return leaf


def as_many(leaves: Any) -> None:
    """Duals made by hand may have different numbers of directions: an error."""
    counts = {leaf.k for leaf in leaves}
    if len(counts) > 1:
        raise ShapeError(f"duals of {' and '.join(sorted(str(k or 1) for k in counts))} directions were "
                         "combined; give all of them as many")


# The columns of small seeds are slices of one array that is never written to.
MANY = 256
COLUMNS = np.arange(MANY, dtype=np.int32)
COLUMNS.flags.writeable = False


def identity_seeds(level: Level, shapes: list[Shape]) -> list[Leaf]:
    """One seed leaf per array: the directions are the elements of all of them, one after the other."""
    k = level.k = sum(map(prod, shapes))
    columns = COLUMNS if k <= MANY else np.arange(k, dtype=np.int32 if k < 2**31 else np.int64)
    seeds, start = [], 0
    for shape in shapes:
        end = start + prod(shape)
        cols = columns[start:end]  # always a view: its base tells that it is affine
        seeds.append(Leaf(level, k, shape, (), cols if len(shape) == 1 else cols.reshape(shape), (), True))
        start = end
    return seeds


one(HAND)

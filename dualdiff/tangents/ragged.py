"""Leaves whose elements depend on different numbers of directions: rows of a sparse matrix, one dense row among thin ones.

A ragged leaf lists, element by element, the directions and weights that there are: element s (counted in C order) has the
entries starts[s] … starts[s + 1]. To whatever does not know it, it is an ordinary leaf as wide as its widest element,
filled up with -1; that form is only made when it is asked for.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .coefficients import product
from .contraction import aligned, trimmed
from .leaf import Leaf
from .level import Level
from .moves import Contraction, Map, Move, Shape, as_key, scatter

RAGGED_FROM = 1 << 14  # filling up fewer numbers costs less than listing entries
SORTED = 10  # numbers held for each entry while entries are picked, sorted and added up


class Ragged(Leaf):
    """``entry_cols`` and ``entry_weights`` (None: ones) of length starts[-1]."""

    __slots__ = ("_cols", "_factors", "entry_cols", "entry_weights", "starts")

    def __init__(self, level: Level, k: int, shape: Shape, starts: Any, cols: Any, weights: Any) -> None:
        self.level, self.k, self.shape = level, k, shape
        self.starts, self.entry_cols, self.entry_weights = starts, cols, weights
        self.width = (int(self.counts.max(initial=0)),)
        self.affine = self.kept = False
        self.memo = {}
        self._cols: Any = None
        self._factors: Any = None
        if level.meter is not None:
            for a in (starts, cols, weights):
                level.meter.hold(a)

    is_dense = False

    @property
    def too_wide(self) -> bool:
        return bool(self.entry_cols.size > self.k * prod(self.shape))

    @property
    def counts(self) -> Any:
        return np.diff(self.starts)

    def numbers(self, coef: Any = None) -> list[Any]:
        return [a for a in (self.entry_weights, coef) if a is not None]

    def values(self, coef: Any) -> Any:
        """coef ⊙ weights, one number for each entry."""
        if coef is None:
            return np.ones(self.entry_cols.size) if self.entry_weights is None else self.entry_weights
        self.level.charge(3 * self.entry_cols.size)
        each = np.repeat(np.ravel(np.broadcast_to(coef, self.shape)), self.counts) if np.ndim(coef) else coef
        if self.entry_weights is None:
            return each if np.ndim(each) else np.broadcast_to(each, self.entry_cols.shape)
        return product(self.level, [self.entry_weights, each])

    @property
    def elements(self) -> Any:
        """The element that each entry belongs to."""
        return np.repeat(np.arange(prod(self.shape)), self.counts)

    # ---- as an ordinary leaf
    def _places(self) -> Any:
        rank = np.arange(self.entry_cols.size) - np.repeat(self.starts[:-1], self.counts)
        return rank * prod(self.shape) + self.elements

    @property
    def cols(self) -> Any:
        if self._cols is None:
            self.level.charge(4 * self.width[0] * prod(self.shape))
            table = np.full(self.width[0] * prod(self.shape), -1, self.entry_cols.dtype)
            table[self._places()] = self.entry_cols
            self._cols = table.reshape(self.width + self.shape)
        return self._cols

    @property
    def factors(self) -> tuple[Any, ...]:  # type: ignore[override]
        if self._factors is None:
            self._factors = () if self.entry_weights is None else \
                (scatter(self.entry_weights, self._places(), self.width + self.shape),)
        factors: tuple[Any, ...] = self._factors
        return factors

    # ---- what is done to leaves
    def gather(self, move: Move) -> Leaf:
        moved = self.memo.get(move.key)
        if moved is None:
            moved = self.memo[move.key] = self.taken(np.ravel(move.index), move.out_shape)
        return moved

    def broadcast(self, shape: Shape) -> Leaf:
        wider = self.memo.get(shape)
        if wider is None:
            index = np.broadcast_to(np.arange(prod(self.shape)).reshape(self.shape), shape)
            wider = self.memo[shape] = self.taken(index.ravel(), shape)
        return wider

    def taken(self, index: Any, shape: Shape) -> Leaf:
        """The leaf of the elements at an index; a negative one stands for an element without directions."""
        counts = np.where(index < 0, 0, np.append(self.counts, 0)[index])
        starts = starts_of(counts)
        self.level.charge(SORTED * int(starts[-1]))
        at = np.arange(starts[-1]) + np.repeat(self.starts[index] - starts[:-1], counts)
        return leaf_of(self.level, self.k, shape, starts, self.entry_cols[at],
                       None if self.entry_weights is None else self.entry_weights[at])

    def total(self, coef: Any) -> None:
        return None

    def mapped(self, coef: Any, op: Map) -> tuple[Leaf, Any]:
        return leaf_of(self.level, self.k, self.shape, self.starts, self.entry_cols, op.apply(self.values(coef))), None

    def contract(self, coef: Any, op: Contraction) -> tuple[Leaf, Any]:
        """Entries move from element to element; along further axes of the constant, each to as many as these have places."""
        own, size = dict(zip(op.labels, self.shape, strict=True)), prod(self.shape)
        constant, labels = trimmed(*op.constant[0]) if op.constant else (np.ones(()), ())
        further = tuple(name for name in labels if name not in own)
        times = prod(op.sizes[name] for name in further)
        if any(own.get(name, n) != n for name, n in zip(labels, constant.shape, strict=True)) or \
                not {*further} <= {*op.result} or times * self.entry_cols.size > self.breadth * size:
            return Leaf(self.level, self.k, self.shape, self.width, self.cols, self.factors).contract(coef, op)
        self.level.charge(SORTED * times * self.entry_cols.size)
        names, full = (*further, *op.labels), (*(op.sizes[name] for name in further), *self.shape)

        def at_entries(a: Any) -> Any:
            return np.broadcast_to(a, full).reshape(times, size)[:, self.elements]
        values = self.values(coef)
        if op.constant:
            values = product(self.level, [values, at_entries(aligned((constant, labels), names))])
        kept = [name for name in names if name in op.result]
        order = [op.result.index(name) for name in kept] + [i for i, name in enumerate(op.result) if name not in kept]
        places = np.arange(prod(op.out_shape)).reshape(op.out_shape).transpose(order)
        rows = at_entries(places.reshape(tuple(op.sizes[name] if name in kept else 1 for name in names)))
        return by_rows(self.level, self.k, op.out_shape, rows.ravel(), np.tile(self.entry_cols, times), np.ravel(values)), None


def wasteful(filled: int, held: int) -> bool:
    """Whether an array of so many numbers would hold mostly nothing, as where one element depends on everything."""
    return filled > max(RAGGED_FROM, 4 * held)


def starts_of(counts: Any, kind: Any = np.intp) -> Any:
    """Where each row of so many entries begins, and where the last one ends."""
    starts = np.zeros(counts.size + 1, kind)
    np.cumsum(counts, out=starts[1:])
    return starts


def leaf_of(level: Level, k: Any, shape: Shape, starts: Any, cols: Any, weights: Any) -> Leaf:
    """A ragged leaf; for a single number, an ordinary one."""
    if shape == ():
        return Leaf(level, k, (), (cols.size,), cols, () if weights is None else (weights,))
    return Ragged(level, k, shape, starts, cols, weights)


def by_rows(level: Level, k: Any, shape: Shape, rows: Any, cols: Any, weights: Any) -> Leaf:
    """The leaf of entries (row, col, weight) in any order; the rows are those of the elements in C order."""
    size = prod(shape)
    if (rows[1:] < rows[:-1]).any():
        order = np.argsort(rows, kind="stable")
        rows, cols, weights = rows[order], cols[order], None if weights is None else weights[order]
    return leaf_of(level, k, shape, starts_of(np.bincount(rows, minlength=size)), cols, weights)


def grouped(key: Any) -> tuple[Any, Any]:
    """The order that sorts the keys, and which of them, sorted, are the first of their kind."""
    order = np.argsort(key, kind="stable")  # merges the runs that the leaves' blocks are made of
    key = key[order]
    new = np.ones(key.size, bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    return order, new


def distinct_entries(level: Level, k: int, shape: Shape, rows: Any, cols: Any, weights: Any) -> Leaf:
    """The same, with the weights of equal directions of an element added up."""
    order, new = grouped(np.multiply(rows, k, dtype=np.int64) + cols)
    first = order[new]
    if first.size == order.size:
        summed = weights[order]
    else:
        places = np.empty(order.size, np.intp)
        places[order] = np.cumsum(new) - 1
        summed = scatter(weights, places, first.shape)
    return by_rows(level, k, shape, rows[first], cols[first], summed)


def places(leaf: Leaf, shape: Shape, rows: Any) -> tuple[Any, Any]:
    """Row and direction of every number of a leaf; ``rows`` are those of its elements."""
    if type(leaf) is Ragged:
        return np.repeat(np.broadcast_to(rows, shape).ravel(), leaf.counts), leaf.entry_cols
    return np.ravel(leaf.spread(rows, shape)), np.ravel(leaf.spread(leaf.every_col, shape))


def entries(leaf: Leaf, coef: Any, shape: Shape) -> tuple[Any, Any, Any]:
    """Element, direction and number of each entry of coef ⊙ leaf, for any leaf."""
    if type(leaf) is Ragged:
        return leaf.elements, leaf.entry_cols, leaf.values(coef)
    elements, cols = places(leaf, shape, np.arange(prod(shape)).reshape(shape))
    values = np.ravel(leaf.spread(leaf.weights(coef), shape))
    there = cols >= 0
    return (elements, cols, values) if there.all() else (elements[there], cols[there], values[there])


def sparsely_mapped(terms: list[tuple[Leaf, Any]], shape: Shape, matrix: tuple[Any, Any, Any], out_shape: Shape) -> Leaf:
    """A linear map of Σ coefficient ⊙ sparse leaf, given by the compressed rows (starts, columns, numbers or None) of its
    matrix: every entry of the matrix brings along the entries of the element that it takes.
    """
    level, k = terms[0][0].level, terms[0][0].k
    parts = [mapped_entries(leaf, coef, shape, *matrix) for leaf, coef in terms]
    rows, cols, values = parts[0]
    if len(parts) == 1 and is_narrow(terms[0][0]):
        if rows.size == matrix[1].size:
            return leaf_of(level, k, out_shape, matrix[0], cols, values)
        return by_rows(level, k, out_shape, rows, cols, values)
    rows, cols, values = map(np.concatenate, zip(*((rows, cols, np.ones(rows.size) if values is None else values)
                                                   for rows, cols, values in parts), strict=True))
    there = cols >= 0
    return distinct_entries(level, k, out_shape, rows[there], cols[there], values[there])


def is_narrow(leaf: Leaf) -> bool:
    """Whether each element has one direction: the first step of most programs, a seed, scaled."""
    return leaf.breadth == 1 and type(leaf) is not Ragged


def mapped_entries(leaf: Leaf, coef: Any, shape: Shape, starts: Any, taken: Any, numbers: Any) -> tuple[Any, Any, Any]:
    """Element, direction and number (None: ones) of what the entries of a matrix make of one term; what takes an element
    without directions, as most do where a sweep has few of them, is left out first.
    """
    leaf.level.charge(2 * taken.size)
    full, narrow = leaf.width + shape, is_narrow(leaf)
    whole = by_rows(leaf.level, leaf.k, (prod(shape),), *entries(leaf, coef, shape)) if not narrow else leaf
    cols = np.broadcast_to(leaf.cols, full).ravel()[taken] if narrow else np.diff(whole.starts)[taken] - 1  # type: ignore[attr-defined]
    if cols.size and cols.min() < 0:
        there = np.flatnonzero(cols >= 0)
        rows, taken, cols = np.searchsorted(starts, there, side="right") - 1, taken[there], cols[there]
        numbers = None if numbers is None else numbers[there]
    else:
        rows = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    if narrow:
        leaf.level.charge(SORTED * taken.size)
        if not leaf.factors and coef is None:
            return rows, cols, numbers
        values = np.ravel(np.broadcast_to(leaf.weights(coef), full))[taken]
        return rows, cols, values if numbers is None else product(leaf.level, [values, numbers])
    assert type(whole) is Ragged
    picked = whole.taken(taken, taken.shape)
    assert type(picked) is Ragged
    return np.repeat(rows, picked.counts), picked.entry_cols, picked.values(numbers)


class Mapped(Ragged):
    """The pattern that a linear map makes of leaves met again in every sweep, one direction to an element, and where its
    numbers go: ``order`` says which number stands where; None if some are added up, which ``places`` tells.
    """

    __slots__ = ("factor", "order", "places", "taken_elements")

    def __init__(self, leaves: list[Leaf], shape: Shape, matrix: tuple[Any, Any, Any], out_shape: Shape) -> None:
        starts, taken, self.factor = matrix
        level, k = leaves[0].level, leaves[0].k
        rows = np.tile(np.repeat(np.arange(prod(out_shape)), np.diff(starts)), len(leaves))
        cols = np.concatenate([np.broadcast_to(leaf.cols, leaf.width + shape).ravel()[taken] for leaf in leaves])
        there = np.flatnonzero(cols >= 0)
        # a weight that tells where it came from: adding up shows which do not stand alone
        pattern = distinct_entries(level, k, (prod(out_shape),), rows[there], cols[there], np.ones(there.size, np.intp))
        assert type(pattern) is Ragged
        super().__init__(level, k, out_shape, pattern.starts, pattern.entry_cols, None)
        key = np.multiply(pattern.elements, k, dtype=np.int64) + pattern.entry_cols
        self.places = np.full(cols.size, -1)
        self.places[there] = np.searchsorted(key, np.multiply(rows[there], k, dtype=np.int64) + cols[there])
        self.order = None
        if key.size == cols.size:
            self.order = np.empty(cols.size, np.intp)
            self.order[self.places] = np.arange(cols.size)
        self.taken_elements = taken

    def filled(self, coefs: list[Any], shape: Shape, numbers: Any) -> Leaf:
        parts = []
        for coef in coefs:
            own = None if coef is None else np.ravel(np.broadcast_to(coef, shape))[self.taken_elements]
            operands = [a for a in (own, numbers) if a is not None]
            parts.append(product(self.level, operands) if operands else np.ones(self.taken_elements.size))
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        weights = scatter(values, self.places, self.entry_cols.shape) if self.order is None else values[self.order]
        return leaf_of(self.level, self.k, self.shape, self.starts, self.entry_cols, weights)


def mapped_again(known: dict[Any, Any], terms: list[tuple[Leaf, Any]], shape: Shape, op: Map) -> Leaf:
    """``sparsely_mapped`` for leaves that are kept from sweep to sweep: its integer work is done once."""
    leaves, coefs = [leaf for leaf, _ in terms], [coef for _, coef in terms]
    matrix: Any = None
    if all(type(a) is np.ndarray or type(a) is int for a in op.args):
        what = as_key(op.args)
    else:  # a matrix of SciPy's, which may be written to between sweeps
        matrix = op.row.matrix(shape, *op.args, **op.options)  # type: ignore[misc]
        what = as_key(matrix[:2])
    name = ("map", op.row.function, what, op.out_shape, *leaves)
    if name not in known:
        matrix = matrix or op.row.matrix(shape, *op.args, **op.options)  # type: ignore[misc]
        known[name] = Mapped(leaves, shape, matrix, op.out_shape)
    pattern: Mapped = known[name]
    return pattern.filled(coefs, shape, pattern.factor if matrix is None else matrix[2])

"""Joining: concatenate, stack, assignment and whatever else builds an array from pieces.

The i-th leaves of all pieces become one leaf, so that the number of leaves stays the maximum over the pieces and does not
become their sum. Numbers are put together by the same function that puts the values together; for columns, and whatever else
has axes in front, the pieces are laid end to end and an index map says where each element of the result comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .assemble import assembled, small_sum, summed_rows
from .contraction import SMALL
from .leaf import Leaf, as_many, dense_leaf
from .moves import Routing, Section, Shape, scatter, take_or_fill
from .ragged import RAGGED_FROM, SORTED, Ragged, by_rows, distinct_entries, entries, wasteful
from .scalars import stacked
from .tape import TapeLeaf

if TYPE_CHECKING:
    from .tangent import Tangent


class Arrangement:
    """How pieces become one array: ``place`` does it to arrays shaped like the pieces.

    ``key`` names it, if anything does: under one name the same pieces are arranged in the same way, in another sweep too.
    """

    __slots__ = ("_index", "along_axes", "dtype", "key", "place", "sections", "shapes")

    def __init__(self, place: Callable[[list[Any]], Any], shapes: list[Shape], key: Any = None, dtype: Any = float) -> None:
        self.place, self.shapes, self.key, self.dtype = place, shapes, key, dtype
        self._index: Any = None
        self.sections: Callable[[], Any] | None = None  # the part of the result that each piece fills, where it is known
        self.along_axes = True  # place is one of NumPy's joins, which take pieces of any length

    @property
    def index(self) -> Any:
        """For each element of the result, where it is among the pieces laid end to end."""
        if self._index is None:
            self._index = self.index_of(self.shapes)
        return self._index

    def order(self, shape: Shape) -> Any:
        """The index map; None where the pieces stand end to end in the result, as vectors do that are concatenated."""
        plain = self._index is None and len(shape) == 1 and self.sections is not None and self.sections() is not None
        return None if plain else self.index

    def index_of(self, shapes: list[Shape]) -> Any:
        positions, start = [], 0
        for shape in shapes:
            positions.append(np.arange(start, start + prod(shape)).reshape(shape))
            start += prod(shape)
        return np.asarray(self.place(positions))


def by_index(index: Any, pieces: list[Tangent]) -> Arrangement:
    how = Arrangement(lambda arrays: take_or_fill(np.concatenate([a.reshape(prod(a.shape)) for a in arrays]), index, 0),
                      [t.shape for t in pieces])
    how._index, how.along_axes = index, False
    return how


def joined_terms(pieces: list[Tangent], index: Any, shape: Shape) -> dict[Any, Any]:
    """The terms of the array whose element r is element index[r] of the pieces laid end to end; ``index`` may also be an
    Arrangement of the pieces.
    """
    leaves = [leaf for t in pieces for leaf in t.terms]
    if not leaves:
        return {}
    if leaves[0].level.k is None:
        as_many(leaves)
    if sum(t.shape == () for t in pieces) > 2:
        pieces, index = with_numbers_stacked(pieces, index.index if type(index) is Arrangement else index)
        if pieces[0].shape == shape and np.array_equal(index, np.arange(prod(shape))):  # the numbers as they stand
            return pieces[0].terms
    how = index if type(index) is Arrangement else by_index(index, pieces)
    if leaves[0].k is None and type(leaves[0]) is not TapeLeaf:
        return {leaves[0]: arranged([next(iter(t.terms.values()), 0) for t in pieces], pieces, how)}
    if type(leaves[0]) is TapeLeaf:
        places = None if how.sections is None else how.sections()
        routes = routes_of(pieces, how.index, shape) if places is None or any(Ellipsis in place for place in places) else \
            [Section(place, t.shape, shape) for t, place in zip(pieces, places, strict=True)]
        edges = [(route, leaf, coef) for t, route in zip(pieces, routes, strict=True) for leaf, coef in t.watched()]
        return {TapeLeaf(leaves[0].level, shape, tuple(edges)): None}
    pieces = [t.filled() for t in pieces]
    terms: dict[Any, Any] = {}
    for dense in (True, False):
        columns = [[(leaf, coef) for leaf, coef in t.terms.items() if leaf.is_dense == dense] for t in pieces]
        if dense:  # each would become an array of all directions: one holds their sum
            columns = [c if len(c) < 2 else [merged_terms(c, t.shape)] for c, t in zip(columns, pieces, strict=True)]
        for i in range(max(map(len, columns))):
            slot = [c[i] if i < len(c) else None for c in columns]
            for leaf, c in (joined_dense if dense else joined_sparse)(slot, pieces, how, shape).items():
                if leaf in terms:  # two slots may give a leaf that an earlier join has made
                    c = sum(1.0 if a is None else a for a in (c, terms[leaf]))
                terms[leaf] = c
    return terms


def offsets_of(shapes: Iterable[Shape]) -> list[int]:
    """Where each of the pieces begins that are laid end to end, and where the last one ends."""
    return [*accumulate(map(prod, shapes), initial=0)]


def with_numbers_stacked(pieces: list[Tangent], index: Any) -> tuple[list[Tangent], Any]:
    """The pieces with all single numbers as one, which comes first, and the index map into them."""
    from .tangent import Tangent
    numbers = [t for t in pieces if t.shape == ()]
    arrays = [t for t in pieces if t.shape != ()]
    batch = Tangent(stacked(numbers), (len(numbers),))
    if arrays:
        sizes = np.array([prod(t.shape) for t in pieces])
        single = np.array([t.shape == () for t in pieces])
        starts = np.empty(len(pieces), np.intp)
        starts[single] = np.arange(len(numbers))
        starts[~single] = len(numbers) + np.cumsum(sizes[~single]) - sizes[~single]
        moved = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        index = take_or_fill(moved, index, 0, -1)
    return [batch, *arrays], index


def routes_of(pieces: list[Tangent], index: Any, shape: Shape) -> list[Routing]:
    """Where each piece goes by the index map."""
    flat, offsets = np.ravel(index), offsets_of(t.shape for t in pieces)
    ordered = bool(np.array_equal(flat, np.arange(flat.size)))
    order = np.arange(flat.size) if ordered else np.argsort(flat, kind="stable")
    bounds = offsets if ordered and offsets[-1] == flat.size else np.searchsorted(flat[order], offsets)
    routes = []
    for t, start, low, high in zip(pieces, offsets[:-1], bounds[:-1], bounds[1:], strict=True):
        places = order[low:high]
        taken = None if ordered and high - low == prod(t.shape) else flat[places] - start
        routes.append(Routing(places, taken, t.shape, shape))
    return routes


def arranged(coefs: list[Any], pieces: list[Tangent], how: Arrangement) -> Any:
    """Coefficients put together as the pieces are; None stands for ones."""
    types = [c.dtype for c in coefs if type(c) is np.ndarray and c.ndim and c.dtype.kind in "fc"]  # not the 1 of x * 1
    dtype = np.result_type(*(types or [how.dtype]), *(c for c in coefs if isinstance(c, complex | np.complexfloating)))
    arrays = [c if hasattr(c, "level") or type(c) is np.ndarray else np.asarray(1 if c is None else c, dtype) for c in coefs]
    return how.place([np.broadcast_to(a, t.shape) for a, t in zip(arrays, pieces, strict=True)])


SORTING = 4  # entries of an array of all directions that are written in the time of one whose direction is sorted
ROW = 256  # entries that are written in the time of the calls that sort any
NUMBER = 32  # the same for a single number, which a loop adds to again and again: one row is added up without a look at each
LONGEST = 1 << 12  # directions of a row that is copied in the time of the calls
Slot = list[tuple[Leaf, Any] | None]


def joined_dense(slot: Slot, pieces: list[Tangent], how: Arrangement, shape: Shape) -> dict[Any, Any]:
    (level, k), = {(term[0].level, term[0].k) for term in slot if term is not None}
    if wide_in_vain(slot, pieces, k):
        return {joined_ragged(slot, pieces, how, shape): None}
    level.charge(2 * k * (sum(prod(t.shape) for t in pieces) + prod(shape)))
    blocks = [np.zeros((k, prod(t.shape))) if term is None else
              assembled({term[0]: term[1]}, t.shape, k).reshape(k, prod(t.shape))
              for term, t in zip(slot, pieces, strict=True)]
    data, order = np.concatenate(blocks, axis=1), how.order(shape)
    return {dense_leaf(level, data if order is None else take_or_fill(data, order, 1), shape): None}


def joined_sparse(slot: Slot, pieces: list[Tangent], how: Arrangement, shape: Shape) -> dict[Any, Any]:
    terms = [term for term in slot if term is not None]
    if any(type(leaf) is Ragged for leaf, _ in terms) or wide_in_vain(slot, pieces, max(leaf.breadth for leaf, _ in terms)):
        return {joined_ragged(slot, pieces, how, shape): None}
    coefs: Any = terms[0][1]
    if any(coef is not coefs for _, coef in terms) or np.ndim(coefs):
        coefs = arranged([0 if term is None else term[1] for term in slot], pieces, how)
    known = terms[0][0].level.geometry  # what an earlier sweep over the same seeds has joined
    shapes = [t.shape for t in pieces]
    if known is None or how.key is None or not all(leaf.kept for leaf, _ in terms):
        thin = thin_join([None if term is None else term[0] for term in slot], shapes, how, shape)
        if thin is not None:
            leaf = sparse_leaf(slot, *thin)
            return {Leaf(leaf.level, leaf.k, shape, leaf.width, leaf.cols, leaf.factors): coefs}
        return {sparse_leaf(slot, shapes, how.order(shape), shape): coefs}
    name = (how.key, *(None if term is None else term[0] for term in slot))
    if name not in known:
        leaf = sparse_leaf(slot, shapes, how.order(shape), shape)
        old = slot[0][0] if slot[0] is not None else leaf
        if old.cols.size == leaf.cols.size and np.array_equal(np.ravel(old.cols), np.ravel(leaf.cols)) and old.shape == shape:
            leaf = old  # parts of one leaf that were written back to their places
        known[name] = leaf
        leaf.kept = True
    return {known[name]: coefs}


def sparse_leaf(slot: Slot, shapes: list[Shape], index: Any, shape: Shape) -> Leaf:
    """The leaves of a slot side by side, as wide as the widest; ``shapes`` are those of the pieces, ``index`` their order."""
    offsets = offsets_of(shapes)
    first = next(term[0] for term in slot if term is not None)
    wide = max(term[0].breadth for term in slot if term is not None)
    first.level.charge(3 * wide * (offsets[-1] + prod(shape)))
    cols = np.full((wide, offsets[-1]), -1, np.int32 if first.cols.dtype == np.int32 else np.int64)
    weights: list[Any] | None = [] if any(term is not None and term[0].factors for term in slot) else None
    for term, own, start in zip(slot, shapes, offsets, strict=False):
        size = prod(own)
        if term is not None:
            cols[:term[0].breadth, start:start + size] = term[0].spread(term[0].cols, own)
        if weights is not None:
            weights.append(padded(np.ones((0, size)) if term is None else term[0].spread(term[0].weights(None), own), wide))
    factors = () if weights is None else (np.concatenate(weights, axis=1),)
    if index is None:
        return Leaf(first.level, first.k, shape, (wide,), cols, factors)
    columns, factors = take_or_fill(cols, index, 1, -1), tuple(take_or_fill(a, index, 1) for a in factors)
    return Leaf(first.level, first.k, shape, (wide,), columns, factors)


# ---- pieces that are alike along a long axis: the samples of a batch, the points of a grid
LONG = 16  # shorter axes are not worth the search


def thin_join(leaves: Sequence[Leaf | None], shapes: list[Shape], how: Arrangement,
              shape: Shape) -> tuple[list[Shape], Any, Shape] | None:
    """Shapes of the pieces, index map and shape of the result with an axis at length one along which no leaf varies, and which
    the join leaves alone: columns and weights do not vary along it either. None if there is no such axis.
    """
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


def wide_in_vain(slot: Slot, pieces: list[Tangent], wide: int) -> bool:
    """Whether a slot filled up to one width would hold mostly nothing."""
    size = wide * sum(prod(t.shape) for t in pieces)
    return size > RAGGED_FROM and wasteful(size, held(slot, pieces))


def held(slot: Slot, pieces: list[Tangent]) -> int:
    """How many numbers the terms of a slot hold, written out."""
    return sum(term[0].breadth * prod(t.shape) for term, t in zip(slot, pieces, strict=True) if term is not None)


def joined_ragged(slot: Slot, pieces: list[Tangent], how: Arrangement, shape: Shape) -> Leaf:
    """The terms of a slot as one leaf that lists each element's entries."""
    first, offsets = next(term[0] for term in slot if term is not None), offsets_of(t.shape for t in pieces)
    first.level.charge(SORTED * held(slot, pieces))
    parts = [(elements + start, cols, values) for term, t, start in zip(slot, pieces, offsets, strict=False)
             if term is not None for elements, cols, values in [entries(*term, t.shape)]]
    laid = by_rows(first.level, first.k, (offsets[-1],), *(np.concatenate(part) for part in zip(*parts, strict=True)))
    assert type(laid) is Ragged
    return laid.taken(np.ravel(how.index), shape)


def padded(block: Any, wide: int) -> Any:
    missing = wide - block.shape[0]
    return block if missing == 0 else np.concatenate([block, np.zeros((missing, block.shape[1]))], axis=0)


def one_parameters(leaf: Leaf) -> bool:
    """Whether the leaf is one parameter's alone. Such terms stay apart for a fit, which takes its rows from them."""
    return type(leaf) is not Ragged and leaf.cols is not None and leaf.cols.size == 1


def worth_filling(t: Tangent) -> bool:
    """Whether a tangent lists no fewer entries than an array of all directions has, or is small and of many terms. Leaves
    that are alike along an axis, as those of a batch along its samples, list few.
    """
    leaf = next(iter(t.terms))
    k, level = leaf.k, leaf.level
    if k is None or level.patterned or any(hasattr(c, "eps") for c in t.terms.values()):
        return False
    size = prod(t.shape)
    entries = sum([leaf.entry_cols.size if type(leaf) is Ragged else
                   max([a.size for a in (*leaf.factors, leaf.cols) if a is not None]) for leaf in t.terms])
    return entries >= k * size or (entries >= size and k * size <= SMALL and
                                   (len(t.terms) > 2 or SORTING * sum(leaf.breadth for leaf in t.terms) >= k))


def merged_terms(terms: list[tuple[Leaf, Any]], shape: Shape) -> tuple[Leaf, Any]:
    """Several sparse or dense terms as one: widths side by side, equal directions added, dense once that is smaller."""
    as_many(leaf for leaf, _ in terms)
    first = terms[0][0]
    level, k = first.level, first.k
    size = prod(shape)
    if k * size <= SMALL and (data := small_sum(dict(terms), (k, *shape))) is not None:
        return dense_leaf(level, data, shape), None
    wide, of_all = sum(leaf.breadth for leaf, _ in terms), any(leaf.is_dense for leaf, _ in terms)
    if not of_all and any(type(leaf) is Ragged for leaf, _ in terms):
        listed = sum(leaf.entry_cols.size if type(leaf) is Ragged else leaf.breadth * size for leaf, _ in terms)
        if SORTING * listed >= k * size and not level.patterned:
            return dense_leaf(level, assembled(dict(terms), shape, k), shape), None
        level.charge(SORTED * listed)
        parts = zip(*(entries(leaf, coef, shape) for leaf, coef in terms), strict=True)
        return distinct_entries(level, k, shape, *(np.concatenate(part) for part in parts)), None
    filling = 1 if level.patterned else k if k * size <= ROW else NUMBER if shape == () and k <= LONGEST else SORTING
    if of_all or wide * filling >= k:
        data = summed_rows(terms, k) if shape == () else None
        return dense_leaf(level, assembled(dict(terms), shape, k) if data is None else data, shape), None
    level.charge(8 * wide * size)  # sorting by direction takes this many integers and floats
    cols = np.concatenate([leaf.spread(leaf.cols, shape) for leaf, _ in terms])
    weights = np.concatenate([leaf.spread(leaf.weights(coef), shape) for leaf, coef in terms])
    return distinct(level, k, shape, cols, weights), None


def distinct(level: Any, k: int, shape: Shape, cols: Any, weights: Any) -> Leaf:
    """The leaf of a table, a row for each width, with equal directions of each element added up; as narrow as the widest."""
    order = np.argsort(cols, axis=0, kind="stable")
    cols = np.take_along_axis(cols, order, axis=0)
    weights = np.take_along_axis(weights, order, axis=0)
    new = np.ones(cols.shape, bool)
    new[1:] = cols[1:] != cols[:-1]
    if not new.all():
        rank = np.cumsum(new, axis=0) - 1
        wide, size = int(rank.max()) + 1, cols.shape[1]
        place = rank * size + np.arange(size)
        narrow = np.full(wide * size, -1, cols.dtype)
        narrow[place.ravel()] = cols.ravel()
        cols, weights = narrow.reshape(wide, size), scatter(weights, place, (wide, size))
    width = cols.shape[:1]
    return Leaf(level, k, shape, width, cols.reshape(width + shape), (weights.reshape(width + shape),))

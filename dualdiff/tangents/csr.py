"""From coefficient × leaf to compressed sparse rows, in two halves: the structure, made of integers, and the numbers.

The columns of the leaves say which entries there are, before any number is known. ``Structure`` works out once where each
number goes; a later sweep whose leaves have the same columns only fills in. Rows are canonical: columns ascend, each occurs
once. An entry stands where a leaf says that an element may depend on a direction, and stays where its value is zero: the
pattern does not change from point to point.

Numbers reach their places by one of two ways. ``Strided``: nearly all rows list their directions in one order (a stencil
inside its boundary), so each leaf fills one column of a table, and the few other rows are mended. ``Taken``: any order; the
numbers are laid end to end and an index says which comes next.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from .assemble import operands_of
from .coefficients import finite, folded, product
from .leaf import Leaf
from .level import CareNeeded, Level
from .moves import Shape
from .ragged import Ragged

Terms = list[tuple[Leaf, Any]]
NARROW = 64                                                # columns of a table that are worth a loop in Python
FEW = 8                                                    # rows are mended one by one if at most one in so many needs it
RUN = 32                                                   # shorter runs of kept numbers are taken one by one


class Structure:
    """The pattern of ∂(elements of shape S) / ∂(directions start … stop), and how the numbers get there."""

    __slots__ = ("indices", "indptr", "recipe", "shape", "signature")

    def __init__(self, terms: Terms, shape: Shape, span: tuple[int, int]) -> None:
        self.signature = [(shape, span), *(geometry(leaf) for leaf, _ in terms)]
        m = prod(shape)
        self.shape = m, span[1] - span[0]
        kind = np.int32 if max(self.shape) < 2**31 else np.int64
        self.recipe = recipe_for(terms, shape, span, kind)
        counts, self.indices = self.recipe.counts, self.recipe.indices
        if self.indices.size >= 2**31:
            kind = np.int64                                # SciPy wants one type for both
            self.indices = self.indices.astype(kind)
        self.indptr = np.zeros(m + 1, kind)
        np.cumsum(counts, out=self.indptr[1:])

    def holds(self, terms: Terms, shape: Shape, span: tuple[int, int]) -> bool:
        """Whether the terms of another sweep have these columns. The arrays themselves, kept from sweep to sweep, are
        recognised at once; equal ones are compared.
        """
        known = self.signature
        return len(known) == len(terms) + 1 and known[0] == (shape, span) and all(
            alike(signature, leaf) for signature, (leaf, _) in zip(known[1:], terms, strict=True))

    def data(self, terms: Terms, shape: Shape, dtype: Any) -> Any:
        """The numbers of the terms, one for each entry; what one entry gets from several leaves is added up."""
        types = [a for leaf, coef in terms for a in (*leaf.numbers, *(() if coef is None else (coef,)))]
        data = self.recipe.data(terms, shape, np.result_type(dtype, *types))
        return checked(data, terms[0][0].level) if terms else data


def checked(data: Any, level: Level) -> Any:
    """Numbers made in a quick sweep, which multiplies without looking: here it looks, once for all."""
    if not level.careful and not finite(data):
        raise CareNeeded(level)
    return data


def geometry(leaf: Leaf) -> tuple[Any, Any]:
    """The integers of a leaf."""
    return (leaf.starts, leaf.entry_cols) if type(leaf) is Ragged else (leaf.width, leaf.cols)


def alike(known: tuple[Any, Any], leaf: Leaf) -> bool:
    """Whether a leaf has this geometry."""
    extent, cols = geometry(leaf)
    return (known[1] is cols or same(known[1], cols)) and \
        (same(known[0], extent) if type(known[0]) is type(extent) is np.ndarray else known[0] is extent or known[0] == extent)


def same(a: Any, b: Any) -> bool:
    if a is None or b is None or a.shape != b.shape:
        return a is b
    return bool((a == b).all())


def recipe_for(terms: Terms, shape: Shape, span: tuple[int, int], kind: Any) -> Strided | Taken:
    if any(type(leaf) is Ragged for leaf, _ in terms):
        return taken_by_entries(terms, shape, span)
    columns = [column for leaf, _ in terms for column in columns_of(leaf, shape, span, kind)]
    found = strided(columns) if 0 < len(columns) <= NARROW and 0 not in shape else None
    return found or taken_by_rows(np.stack(columns, axis=1) if columns else np.empty((prod(shape), 0), kind))


def columns_of(leaf: Leaf, shape: Shape, span: tuple[int, int], kind: Any) -> list[Any]:
    """For each width the direction of every element, counted from the first of the span; -1 where it is outside."""
    start, stop = span
    full = leaf.width + shape
    cols = leaf.cols
    if cols is None:
        cols = np.arange(leaf.breadth, dtype=kind).reshape((-1,) + (1,) * len(shape))
    elif cols.dtype != kind:
        cols = cols.astype(kind)
    if (start, stop) != (0, leaf.k):
        cols = np.where((cols < start) | (cols >= stop), -1, cols - kind(start))
    if cols.shape != full:
        cols = np.broadcast_to(cols, full)
    return list(cols.reshape(prod(leaf.width), prod(shape)))


# ---- the numbers -------------------------------------------------------------------------------------------------------
def put(place: Any, leaf: Leaf, coef: Any) -> None:
    """The numbers coef ⊙ leaf into a place of the shape (*W, *S), or of as many entries as a ragged leaf has."""
    if type(leaf) is Ragged:
        place[...] = leaf.values(coef)
        return
    operands = operands_of(leaf, coef)
    if not operands:
        place[...] = 1
    elif len(operands) == 1 or leaf.level.careful:
        place[...] = product(leaf.level, operands) if leaf.level.careful else operands[0]
    else:
        a, b = folded(operands, 2)
        np.multiply(a, b, out=place)


class Strided:
    """A table of one row per element and one column per width, of which a few rows are mended afterwards."""

    def __init__(self, columns: list[Any], base: Any, bad: Any) -> None:
        m, w = columns[0].size, len(columns)
        self.table, self.slots = (m, w), np.argsort(base).tolist()
        indices = np.empty((m, w), columns[0].dtype)
        for slot, column in zip(self.slots, columns, strict=True):
            indices[:, slot] = column
        rows = indices[bad]
        order = np.argsort(rows, axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, axis=1)
        indices[bad] = rows
        first = bad[:, None] * w
        self.mended_to, self.mended_from = (first + np.arange(w)).ravel(), (first + order).ravel()
        absent, again = rows < 0, repeats(rows)
        heads = np.maximum.accumulate(np.where(again, 0, np.arange(w)), axis=1)
        self.again = (first + np.arange(w))[again], (first + heads)[again]
        self.runs = kept_runs(self.mended_to[(absent | again).ravel()], m * w)
        self.indices = kept(indices.ravel(), self.runs)
        self.counts = np.full(m, w)
        self.counts[bad] -= (absent | again).sum(1)

    def data(self, terms: Terms, shape: Shape, dtype: Any) -> Any:
        table = np.empty(self.table, dtype)
        columns = np.moveaxis(table.reshape((*shape, self.table[1])), -1, 0)
        at = 0
        for leaf, coef in terms:
            breadth = leaf.breadth
            slots = self.slots[at:at + breadth]
            at += breadth
            if breadth == 1:
                put(columns[(*(None,) * leaf.lead, slots[0], ...)], leaf, coef)
            else:
                block = np.empty(leaf.width + shape, dtype)
                put(block, leaf, coef)
                for slot, values in zip(slots, block.reshape((breadth, *shape)), strict=True):
                    columns[slot] = values
        data = table.reshape(-1)
        if self.mended_to.size:
            data[self.mended_to] = data[self.mended_from]
            add_again(data, self.again[1], data[self.again[0]])
        return kept(data, self.runs)


class Taken:
    """Numbers laid end to end, of which ``take`` picks each entry's first; ``again`` adds further ones to theirs."""

    def __init__(self, take: Any, again: tuple[Any, Any], indices: Any, counts: Any) -> None:
        self.take, self.again, self.indices, self.counts = take, again, indices, counts

    def data(self, terms: Terms, shape: Shape, dtype: Any) -> Any:
        return self.picked(laid_out([(leaf, coef, shape) for leaf, coef in terms], dtype, 0))

    def picked(self, raw: Any) -> Any:
        data = np.take(raw, self.take)
        add_again(data, self.again[1], raw[self.again[0]])
        return data


def laid_out(terms: list[tuple[Leaf, Any, Shape]], dtype: Any, zeros: int) -> Any:
    """The numbers of all terms end to end, and some zeros behind."""
    forms: list[Shape] = [leaf.entry_cols.shape if type(leaf) is Ragged else leaf.width + shape for leaf, _, shape in terms]
    raw = np.empty(sum(prod(form) for form in forms) + zeros, dtype)
    at = 0
    for (leaf, coef, _), form in zip(terms, forms, strict=True):
        put(raw[at:at + prod(form)].reshape(form), leaf, coef)
        at += prod(form)
    raw[at:] = 0
    return raw


def add_again(data: Any, to: Any, more: Any) -> None:
    if to.size:
        np.add.at(data, to, more)


# ---- the structure -----------------------------------------------------------------------------------------------------
def strided(columns: list[Any]) -> Strided | None:
    """The table for columns of which nearly all rows ascend in the order of the middle one; else None."""
    m = columns[0].size
    base = np.argsort([int(column[m // 2]) for column in columns], kind="stable")
    ascending = columns[base[0]] >= 0
    for i, j in pairwise(base.tolist()):
        ascending &= columns[j] > columns[i]
    bad = np.flatnonzero(~ascending)
    return Strided(columns, base, bad) if bad.size * FEW <= m or not bad.size else None


def taken_by_rows(table: Any) -> Taken:
    """Any table of directions (elements × widths, -1 for none): each row sorted by itself."""
    m = table.shape[0]
    order = np.argsort(table, axis=1, kind="stable")
    rows = np.take_along_axis(table, order, axis=1)
    again = repeats(rows)
    keep = (rows >= 0) & ~again
    source = order * m + np.arange(m)[:, None]             # numbers are laid out width by width
    entry = np.cumsum(keep) - 1
    return Taken(source[keep], (source[again], entry[again.ravel()]), rows[keep], keep.sum(1))


def taken_by_places(rows: Any, cols: Any, shape: tuple[int, int]) -> tuple[Taken, Any]:
    """Numbers at any places (row, col) of a matrix, outside of it too (which are left out); the rows of the entries."""
    m, n = shape
    inside = np.flatnonzero((rows >= 0) & (rows < m) & (cols >= 0) & (cols < n))
    every = inside.size == rows.size
    key = np.multiply(rows, n, dtype=np.int64) + cols if every else np.multiply(rows[inside], n, dtype=np.int64) + cols[inside]
    order = np.argsort(key, kind="stable")                 # merges the runs that the leaves' blocks are made of
    key = key[order]
    new = np.ones(key.size, bool)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    again = np.flatnonzero(~new)
    order = order if every else inside[order]
    first = order[new]
    rows = rows[first]
    return Taken(first, (order[again], again - np.arange(1, again.size + 1)), cols[first], np.bincount(rows, minlength=m)), rows


def taken_by_entries(terms: Terms, shape: Shape, span: tuple[int, int]) -> Taken:
    """Leaves of any kind: all their entries sorted."""
    m, (start, stop) = prod(shape), span
    parts = [places(np.arange(m).reshape(shape), shape, leaf) for leaf, _ in terms]
    rows, cols = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    return taken_by_places(rows, cols - start, (m, stop - start))[0]


def places(rows: Any, shape: Shape, leaf: Leaf) -> tuple[Any, Any]:
    """Row and direction of every number of a term; ``rows`` are those of its elements."""
    if type(leaf) is Ragged:
        return np.repeat(np.broadcast_to(rows, shape).ravel(), leaf.counts), leaf.entry_cols
    full = leaf.width + shape
    cols = np.arange(leaf.breadth).reshape(leaf.width + (1,) * len(shape)) if leaf.is_dense else leaf.cols
    return np.broadcast_to(rows, full).ravel(), np.broadcast_to(cols, full).ravel()


def repeats(rows: Any) -> Any:
    """Which directions of sorted rows stand before already."""
    again = np.zeros(rows.shape, bool)
    if rows.shape[1] > 1:
        np.logical_and(rows[:, 1:] == rows[:, :-1], rows[:, 1:] >= 0, out=again[:, 1:])
    return again


def kept_runs(dropped: Any, size: int) -> Any:
    """What is left of positions 0 … size - 1: None for all, slices where they are long, else an index."""
    if not dropped.size:
        return None
    if (dropped.size + 1) * RUN > size:
        keep = np.ones(size, bool)
        keep[dropped] = False
        return np.flatnonzero(keep)
    ends = [-1, *dropped.tolist(), size]
    return [slice(a + 1, b) for a, b in pairwise(ends) if b > a + 1]


def kept(a: Any, runs: Any) -> Any:
    if runs is None:
        return a
    if type(runs) is not list:
        return a[runs]
    return a[runs[0]] if len(runs) == 1 else np.concatenate([a[run] for run in runs])

"""How numbers get to their places in compressed sparse rows: two recipes, each made once and followed in every sweep.

``Strided``: long runs of rows list their directions in one order each (a stencil inside its boundary), so each leaf fills one
column of a table there, and the few other rows are mended. ``Taken``: any order; the numbers are laid end to end and an index
says which comes next.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from .coefficients import folded, product
from .leaf import Leaf
from .moves import Shape
from .ragged import Ragged, grouped

Terms = list[tuple[Leaf, Any]]
FEW = 8  # rows are mended one by one if at most one in so many needs it
SAMPLES = np.arange(1, 10) * 0.618 % 1  # where rows are looked at, spread evenly: the golden section
BLOCK = 1024  # rows among which one order is looked for
SLAB = 1 << 20  # bytes of a table that are filled at a time, column by column, while they stay in the cache
RUN = 32  # shorter runs of kept numbers are taken one by one


# ---- the numbers
def put(place: Any, leaf: Leaf, coef: Any) -> None:
    """The numbers coef ⊙ leaf into a place of the shape (*W, *S), or of as many entries as a ragged leaf has."""
    if type(leaf) is Ragged:
        place[...] = leaf.values(coef)
    else:
        put_product(place, leaf, leaf.operands(coef))


def put_product(place: Any, leaf: Leaf, operands: list[Any]) -> None:
    if not operands:
        place[...] = 1
    elif len(operands) == 1 or leaf.level.careful:
        place[...] = product(leaf.level, operands) if leaf.level.careful else operands[0]
    else:
        a, b = folded(operands, 2)
        np.multiply(a, b, out=place)


class Strided:
    """A table of one row per element and one column per width, of which a few rows are mended afterwards. ``runs`` are
    (start, stop, order): the order in which the rows of a run list the columns.
    """

    def __init__(self, columns: list[Any], runs: list[tuple[int, int, tuple[int, ...]]], bad: Any) -> None:
        m, w = columns[0].size, len(columns)
        self.table = (m, w)
        self.slabs = [(slice(a, b), np.argsort(order).tolist()) for start, stop, order in runs
                      for a, b in pairwise([*range(start, stop, max(1, SLAB // (8 * w))), stop])]
        indices = np.empty((m, w), columns[0].dtype)
        for rows, slots in self.slabs:
            for slot, column in zip(slots, columns, strict=True):
                indices[rows, slot] = column[rows]
        order, indices[bad], dropped, self.again = mended(indices[bad], bad, m)
        first = bad[:, None] * w
        self.mended_to, self.mended_from = (first + np.arange(w)).ravel(), (first + order).ravel()
        self.runs = kept_runs(dropped, m * w)
        self.indices, self.counts = kept(indices.ravel(), self.runs), counts_of(m, w, dropped)

    def data(self, terms: Terms, shape: Shape, dtype: Any) -> Any:
        table = np.empty(self.table, dtype)
        every = [(leaf, operands_along(leaf, coef, shape)) for leaf, coef in terms]
        for rows, slots in self.slabs:
            at = 0
            for leaf, operands in every:
                here = [o[..., rows] if np.ndim(o) and o.shape[-1] > 1 else o for o in operands]
                breadth = leaf.breadth
                if breadth == 1:
                    put_product(table[(*(None,) * leaf.lead, rows, slots[at])], leaf, here)
                else:
                    block = np.empty((*leaf.width, rows.stop - rows.start), dtype)
                    put_product(block, leaf, here)
                    for slot, i in zip(slots[at:at + breadth], np.ndindex(*leaf.width), strict=True):
                        table[rows, slot] = block[i]
                at += breadth
        data = table.reshape(-1)
        if self.mended_to.size:
            data[self.mended_to] = data[self.mended_from]
            add_again(data, self.again[1], data[self.again[0]])
        return kept(data, self.runs)


def operands_along(leaf: Leaf, coef: Any, shape: Shape) -> list[Any]:
    """What coef ⊙ leaf is the product of, with the elements along one axis, or as its only element."""
    operands = leaf.operands(coef)
    if len(shape) == 1 or not operands:
        return operands
    r = product(leaf.level, operands) if leaf.level.careful else folded(operands, 1)[0]
    return [np.broadcast_to(r, leaf.width + shape).reshape((*leaf.width, prod(shape)))]


class Taken:
    """Numbers laid end to end, of which ``take`` picks each entry's first; ``again`` adds further ones to theirs."""

    def __init__(self, take: Any, again: tuple[Any, Any], indices: Any, counts: Any) -> None:
        self.take, self.again, self.indices, self.counts = take, again, indices, counts

    def data(self, terms: Terms, shape: Shape, dtype: Any) -> Any:
        return self.picked(laid_out([(leaf, coef, shape) for leaf, coef in terms], dtype, 0))

    def picked(self, raw: Any) -> Any:
        data = np.take(raw, self.take, mode="clip")  # no index is outside, so that NumPy need not look
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


# ---- the structure
def by_columns(columns: list[Any]) -> Strided | Taken:
    """The recipe for a few columns of directions: sorting row by row is dear, but rows have few orders."""
    m, w = columns[0].size, len(columns)
    samples = np.unique((m * SAMPLES).astype(np.intp))
    orders = Counter(tuple(sorted(range(w), key=row.__getitem__)) for row in np.array([c[samples] for c in columns]).T.tolist())
    (base, _), *others = orders.most_common()
    runs, rest = runs_of(columns, [base, *(order for order, _ in others)])
    if rest.size * FEW <= m:
        return Strided(columns, runs, rest)
    todo = ~ascending(columns, base)
    rows, source, at = np.empty((m, w), columns[0].dtype), np.empty((m, w), np.intp), np.arange(m)
    for slot, i in enumerate(base):
        rows[:, slot], source[:, slot] = columns[i], at + i * m
    for order, _ in others:
        fits = ascending(columns, order) & todo
        for slot, i in enumerate(order):
            np.copyto(rows[:, slot], columns[i], where=fits)
            np.copyto(source[:, slot], at + i * m, where=fits)
        todo &= ~fits
    rest = np.flatnonzero(todo)
    order, rows[rest], dropped, again = mended(np.stack([c[rest] for c in columns], axis=1), rest, m)
    source[rest] = order * m + rest[:, None]
    return condensed(rows, source, dropped, again)


def runs_of(columns: list[Any], orders: list[tuple[int, ...]]) -> tuple[list[tuple[int, int, tuple[int, ...]]], Any]:
    """Runs of rows, each with the order that most of its rows have, and the rows that have another."""
    m = columns[0].size
    fits: list[Any] = []
    for order in orders:
        fits.append(ascending(columns, order))
        if np.count_nonzero(fits[-1] if len(fits) == 1 else np.logical_or.reduce(fits)) * FEW >= m * (FEW - 1):
            break  # the other rows are few
    starts = np.arange(0, m, BLOCK)
    best = np.argmax([np.add.reduceat(fit, starts, dtype=np.intp) for fit in fits], axis=0)
    ends = [0, *(BLOCK * (np.flatnonzero(np.diff(best)) + 1)).tolist(), m]
    runs = [(a, b, int(best[a // BLOCK])) for a, b in pairwise(ends)]
    rest = np.concatenate([a + np.flatnonzero(~fits[i][a:b]) for a, b, i in runs])
    return [(a, b, orders[i]) for a, b, i in runs], rest


def ascending(columns: list[Any], order: tuple[int, ...]) -> Any:
    """Which rows list their directions, all of them there, in this order."""
    fits = columns[order[0]] >= 0
    for i, j in pairwise(order):
        fits &= columns[j] > columns[i]
    return fits


def mended(rows: Any, numbers: Any, m: int) -> tuple[Any, Any, Any, tuple[Any, Any]]:
    """The order that sorts each of some of m rows, of these numbers; the rows sorted; the places that are dropped because
    nothing or only a repetition stands there; and of the repetitions, the places and those of what they repeat.
    """
    w = rows.shape[1]
    late = (rows < 0) & (2 * numbers >= m)[:, None]  # what is dropped at the ends leaves one run between them
    order = np.argsort(np.where(late, np.iinfo(rows.dtype).max, rows), axis=1, kind="stable")
    rows = np.take_along_axis(rows, order, axis=1)
    again = repeats(rows)
    place = numbers[:, None] * w + np.arange(w)
    heads = numbers[:, None] * w + np.maximum.accumulate(np.where(again, 0, np.arange(w)), axis=1)
    return order, rows, place[again | (rows < 0)], (place[again], heads[again])


def counts_of(m: int, w: int, dropped: Any) -> Any:
    counts = np.full(m, w)
    if dropped.size:
        counts -= np.bincount(dropped // w, minlength=m)
    return counts


def taken_by_rows(table: Any) -> Taken:
    """Any table of directions (elements × widths, -1 for none): each row sorted by itself."""
    m = len(table)
    order, rows, dropped, again = mended(table, np.arange(m), m)
    return condensed(rows, order * m + np.arange(m)[:, None], dropped, again)  # numbers are laid out width by width


def condensed(rows: Any, source: Any, dropped: Any, again: tuple[Any, Any]) -> Taken:
    """The recipe of a table of which some places are dropped."""
    m, w = rows.shape
    runs, source = kept_runs(dropped, m * w), source.ravel()
    again = source[again[0]], again[1] - np.searchsorted(dropped, again[1])
    return Taken(kept(source, runs), again, kept(rows.ravel(), runs), counts_of(m, w, dropped))


def taken_by_places(rows: Any, cols: Any, shape: tuple[int, int]) -> tuple[Taken, Any]:
    """Numbers at any places (row, col) of a matrix, outside of it too (which are left out); the rows of the entries."""
    m, n = shape
    every = not rows.size or (rows.min() >= 0 and rows.max() < m and cols.min() >= 0 and cols.max() < n)
    inside = None if every else np.flatnonzero((rows >= 0) & (rows < m) & (cols >= 0) & (cols < n))
    key = np.multiply(rows if inside is None else rows[inside], n, dtype=np.int64)
    key += cols if inside is None else cols[inside]
    order, new = grouped(key)
    again = np.flatnonzero(~new)
    order = order if inside is None else inside[order]
    first = np.take(order, np.flatnonzero(new)) if again.size else order
    rows = np.take(rows, first)
    counts = np.bincount(rows, minlength=m)
    return Taken(first, (order[again], again - np.arange(1, again.size + 1)), np.take(cols, first), counts), rows


def repeats(rows: Any) -> Any:
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

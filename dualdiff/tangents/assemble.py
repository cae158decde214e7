"""From coefficient × leaf to one array: tangents with directions leading, Jacobian matrices with directions trailing.

An affine leaf (columns that are a strided view of arange) is written through a strided view of the result, one
multiplication per entry and no index arrays; any other through its columns, one width at a time.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from .blocks import write
from .coefficients import DOUBLE, finite, product
from .contraction import SMALL
from .geometry import affine_jumps
from .leaf import Leaf, dense_leaf
from .moves import Shape, scatter
from .ragged import Ragged, entries

FEW = 64  # columns, that many in all, are written one by one
NUMBERS = (float, np.float64, int)
ROOMY = 1 << 17  # entries of a result whose zeros take longer than to ask whether they are needed
LOOPED_WIDTH = 8  # wider leaves add all their columns in one indexed sum


def strides_of(shape: Shape, unit: int = 1) -> list[int]:
    steps, step = [0] * len(shape), unit
    for i in range(len(shape) - 1, -1, -1):
        steps[i] = step
        step *= shape[i]
    return steps


def assembled(terms: dict[Leaf, Any], shape: Shape, k: int, dtype: Any = None, trailing: bool = False) -> Any:
    """The whole tangent: shape (k, *shape), or (*shape, k) when the directions trail (a Jacobian).

    ``dtype`` is the least type of the result; None takes that of the coefficients and factors.
    """
    arrays = [a for leaf, coef in terms.items() for a in leaf.numbers(coef)]
    if any(hasattr(a, "eps") for a in arrays):
        return assembled_dual(terms, shape, k, trailing)
    size = prod(shape)
    leaf = next(iter(terms))
    meter, windowed = leaf.level.meter, leaf.level.columns is not None
    if meter is not None and (windowed or not trailing):  # a whole Jacobian is the answer itself, beside the budget
        meter.charge(size * k)
    if len(terms) == 1 and not trailing:
        coef = terms[leaf]
        if leaf.is_dense and len(leaf.factors) == 1 and leaf.factors[0].shape == (k, *shape):
            data = leaf.factors[0] if coef is None else weighted(leaf, coef)
            if dtype in (None, data.dtype):
                return data
    if len(terms) > 1 and size * k <= SMALL and not trailing and (out := small_sum(terms, (k, *shape))) is not None \
            and dtype in (None, out.dtype):
        return out
    types = arrays if dtype is None else [*arrays, dtype]
    full = size * k > ROOMY and fill_all(terms, shape, k)
    out = (np.empty if full else np.zeros)(size * k, np.result_type(*types, 1.0))
    steps, step = (strides_of(shape, k), 1) if trailing else (strides_of(shape), size)
    if meter is not None and (windowed or not trailing):
        meter.hold(out)
    write_terms(out, terms, shape, steps, step, k, full)
    return out.reshape((*shape, k) if trailing else (k, *shape))


def written_out(leaf: Leaf) -> Leaf:
    """A sparse leaf as an array of all directions: of a seed, by which programs multiply again and again, made once."""
    dense = leaf.memo.get("dense")
    if dense is None:
        data = assembled({leaf: None}, leaf.shape, leaf.k)
        dense = leaf.memo["dense"] = dense_leaf(leaf.level, data, leaf.shape)
    return dense


def small_sum(terms: dict[Leaf, Any], full: Shape) -> Any:
    """Σ coefficient ⊙ numbers, where leaves hold one array for all directions, but for single parameters, and the sum is
    finite; else None.
    """
    total: Any = None
    parameters = []
    for leaf, coef in terms.items():
        if not leaf.is_dense:
            if not leaf.affine or leaf.cols.size != 1 or leaf.factors:
                return None
            parameters.append((leaf.cols.item(), 1.0 if coef is None else coef))
        elif len(leaf.factors) != 1:
            return None
        else:
            part = leaf.factors[0] if coef is None else leaf.factors[0] * coef
            total = part if total is None else total + part
    if total is None or total.shape != full or total.dtype.kind not in "fc":
        return None
    if parameters:
        if type(total) is not np.ndarray:
            return None
        total = total.copy() if any(total is a for leaf in terms for a in leaf.factors) else total
        for direction, coef in parameters:
            if direction < 0 or (coef.dtype is not total.dtype if type(coef) is np.ndarray else type(coef) not in NUMBERS):
                return None
            total[direction] += coef
    return total if finite(total) else None


def write_terms(out: Any, terms: dict[Leaf, Any], shape: Shape, steps: list[int], step: int, k: int,
                full: bool = False) -> None:
    """All terms into a flat array: element · steps + direction · step is the place of an entry. It has zeros, unless they are
    known to write each place once.
    """
    alone = len(terms) == 1 and next(iter(terms)).affine  # which is one strided view itself
    if not (alone or full) and all(few_columns(leaf, shape) for leaf in terms):
        add_entries(out, terms, shape, steps, step)
        return
    order = sorted(terms.items(), key=lambda term: not term[0].is_dense)
    whole = out.size == k * prod(shape)  # no other piece of a join has been written
    if whole and sum([a.size for leaf in terms for a in leaf.numbers()]) > out.size:  # one look at the sum is less than at each
        add_terms(out, order, shape, steps, step, k, False, full)
        if finite(out):
            return
        out[...] = 0
    add_terms(out, order, shape, steps, step, k, True, full)


def fill_all(terms: dict[Leaf, Any], shape: Shape, k: int) -> bool:
    """Whether each place is written once and needs no zero: every element has all directions, each of one leaf."""
    if sum([leaf.breadth for leaf in terms]) != k or any(type(leaf) is Ragged or not is_stretch(leaf) for leaf in terms) or \
            all(few_columns(leaf, shape) for leaf in terms):
        return False
    spans = sorted(columns_spanned(leaf, k) for leaf in terms)
    return all(high < low for (_, high), (low, _) in pairwise(spans))


def is_stretch(leaf: Leaf) -> bool:
    """Whether all elements depend on the same directions, which follow each other."""
    return leaf.affine and not leaf.is_dense and leaf.cols.size == leaf.breadth and leaf.cols.flags.c_contiguous


def add_terms(out: Any, order: list[tuple[Leaf, Any]], shape: Shape, steps: list[int], step: int, k: int,
              checked: bool, disjoint: bool) -> None:
    spans: list[tuple[int, int]] = []
    for leaf, coef in order:
        span = (0, 0) if disjoint else columns_spanned(leaf, k)
        fresh = disjoint or all(span[1] < low or high < span[0] for low, high in spans)
        add_into(out, leaf, coef, shape, steps, step, fresh, checked)
        spans.append(span)


def weighted(leaf: Leaf, coef: Any) -> Any:
    """coef ⊙ the one factor of a dense leaf; a coefficient that is finite and nowhere zero cannot meet a strong zero."""
    data = leaf.factors[0]
    return data * coef if finite(coef) and np.all(coef) else product(leaf.level, [data, coef])


def gradient_row(terms: dict[Leaf, Any], k: int, dtype: Any) -> Any:
    """The tangent of one number where each leaf is one direction, a slice or all of them, with plain weights; else None."""
    row, fresh = np.zeros(k, dtype), True
    for leaf, coef in terms.items():
        factors, cols = leaf.factors, leaf.cols
        if len(factors) > 1 or (coef is not None and (type(coef) is np.ndarray or hasattr(coef, "eps"))) or \
                (factors[0].shape != (k,) if cols is None else not leaf.affine or cols.ndim > 1):
            return None
        if not factors:
            weights = 1.0 if coef is None else coef
        else:
            weights = factors[0]
            if type(weights) is not np.ndarray or weights.dtype is not dtype:
                return None
            if coef is not None:
                if coef == 0:  # which must win over an infinite weight
                    return None
                weights = weights * coef
        place = slice(None) if cols is None else leaf.stretch if cols.ndim else cols.item()
        if place is None or (place.__class__ is int and place < 0):
            return None
        if fresh:
            row[place] = weights
            fresh = False
        else:
            row[place] += weights
    return row if finite(row) else None


def summed_rows(terms: list[tuple[Leaf, Any]], k: int) -> Any:
    """``gradient_row`` within the sweep's budget, of terms whose coefficients are plain numbers."""
    if not all(c is None or type(c) in NUMBERS for _, c in terms):
        return None
    meter = terms[0][0].level.meter
    if meter is not None:
        meter.charge(k)
    row = gradient_row(dict(terms), k, DOUBLE)
    if meter is not None:
        meter.hold(row)
    return row


def columns_spanned(leaf: Leaf, k: int) -> tuple[int, int]:
    if leaf.is_dense or not leaf.affine or not leaf.cols.size:
        return 0, k - 1
    cols = leaf.cols
    first = last = cols.item(0)
    for n, step in zip(cols.shape, cols.strides, strict=True):
        if step > 0:
            last += (n - 1) * step // cols.itemsize
        else:
            first += (n - 1) * step // cols.itemsize
    return first, last


def add_into(out: Any, leaf: Leaf, coef: Any, shape: Shape, steps: list[int], step: int, fresh: bool,
             checked: bool) -> None:
    """out[element · steps + direction · step] += coef · leaf; ``fresh`` says that nothing was written there yet, ``checked``
    that what is not finite is to be found.
    """
    full = leaf.width + shape
    if 0 in full:
        return
    if type(leaf) is Ragged:
        np.add.at(out, np.repeat(offsets(shape, steps), leaf.counts) + jumps(leaf.entry_cols, step), leaf.values(coef))
        return
    operands = leaf.operands(coef)
    place = affine_place(out, leaf, full, steps, step)
    if place is not None:
        write(place, operands, leaf, fresh, checked)
        return
    w = leaf.breadth
    leaf.level.charge(6 * w * prod(shape))  # places, columns and values, one by one
    columns, values = leaf.spread(leaf.cols, shape), leaf.spread(leaf.weights(coef), shape)
    places = offsets(shape, steps) + jumps(columns, step)
    if columns.min() < 0:
        keep = columns >= 0
        put = np.broadcast_to(values, places.shape)[keep]
        if w == 1:  # one direction for each element: no place is met twice
            out[places[keep]] += put
        else:
            np.add.at(out, places[keep], put)
    elif w > LOOPED_WIDTH:
        np.add.at(out, places.ravel(), np.broadcast_to(values, places.shape).ravel())
    else:
        for j in range(w):
            out[places[j]] += values[j]


def jumps(cols: Any, step: int) -> Any:
    """How far directions lie from the first: columns may have four bytes, places in a large result have more."""
    return np.multiply(cols, step, dtype=np.intp)


def offsets(shape: Shape, steps: list[int]) -> Any:
    at = np.zeros(shape, np.intp)
    for axis, s in enumerate(steps):
        at += (np.arange(shape[axis]) * s).reshape((-1,) + (1,) * (len(shape) - axis - 1))
    return at.ravel()


def few_columns(leaf: Leaf, shape: Shape) -> bool:
    """Whether the columns vary along short axes only, so that each of them is best written along the others; several factors
    are multiplied together once for all.
    """
    cols = None if leaf.is_dense or type(leaf) is Ragged else leaf.cols
    return cols is not None and len(leaf.factors) < 2 and cols.size <= FEW and prod(shape) >= FEW * FEW \
        and cols.shape[:leaf.lead] == leaf.width and cols.ndim == leaf.lead + len(shape) and 2 * cols.size < prod(shape)


def add_entries(out: Any, terms: dict[Leaf, Any], shape: Shape, steps: list[int], step: int) -> None:
    """Leaves of few columns, one column after another: each is a strided view of the result."""
    written: set[int] = set()
    patterns = set()
    for leaf, coef in terms.items():
        cols, lead = leaf.cols, leaf.lead
        free = tuple(axis for axis, n in enumerate(shape) if cols.shape[lead + axis] == 1 < n)
        patterns.add(free)
        form = tuple(shape[axis] for axis in free)
        strides = [steps[axis] * out.itemsize for axis in free]
        operands = leaf.operands(coef)
        known = not leaf.level.careful and all(map(finite, leaf.factors))  # whoever reads the tangent watches coefficients
        for entry in np.ndindex(*cols.shape):
            direction = cols.item(entry)
            if direction < 0:
                continue
            start = direction * step + sum(i * s for i, s in zip(entry[lead:], steps, strict=True))
            place = np.ndarray(form, out.dtype, out, start * out.itemsize, strides)
            values = [at_entry(a, entry, free, lead) for a in operands]
            fresh = len(patterns) == 1 and start not in written
            written.add(start)
            if known and len(values) == 1 and fresh:
                place[...] = values[0]
            else:
                write(place, values, leaf, fresh, True)


def at_entry(a: Any, entry: tuple[int, ...], free: tuple[int, ...], lead: int) -> Any:
    """An operand (aligned with the width and shape from the right) at one entry, along the free axes of the shape."""
    ndim = np.ndim(a)
    skipped = len(entry) - ndim
    return a[tuple(slice(None) if axis - lead in free else entry[axis] if a.shape[axis - skipped] > 1 else 0
                   for axis in range(skipped, len(entry)))] if ndim else a


def affine_place(out: Any, leaf: Leaf, full: Shape, steps: list[int], step: int) -> Any:
    """A view of out with the leaf's axes, or None where the columns are not affine or could overlap."""
    cols = leaf.cols
    jumps: Shape | None = (step, *steps) if cols is None else None
    if leaf.affine:
        jumps = affine_jumps(cols.shape, cols.strides, cols.itemsize, leaf.lead, full, tuple(steps), step)
    if jumps is None:
        return None
    first, size = 0 if cols is None else cols.item(0) * step, out.itemsize
    return np.ndarray(full, out.dtype, out, first * size, [j * size for j in jumps])


def assembled_dual(terms: dict[Leaf, Any], shape: Shape, k: int, trailing: bool) -> Any:
    """The same where coefficients are duals of a lower level: built from functions that have rows."""
    form = (*shape, k) if trailing else (k, *shape)
    total: Any = None
    for leaf, coef in terms.items():
        if leaf.is_dense:
            values = leaf.spread(leaf.weights(coef), shape)
            part = (values.T if trailing else values).reshape(form)
        else:
            elements, cols, values = entries(leaf, coef, shape)
            part = scatter(values, elements * k + cols if trailing else elements + jumps(cols, prod(shape)), form)
        total = part if total is None else total + part
    return total.copy() if len(terms) == 1 else total  # the leaf's own numbers, perhaps

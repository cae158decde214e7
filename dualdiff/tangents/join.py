"""Joining: concatenate, stack, assignment and whatever else builds an array from pieces.

The i-th leaves of all pieces become one leaf, so that the number of leaves stays the maximum over the pieces and does not
become their sum. Pieces are laid end to end and an index map says where each element of the result comes from.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .assemble import assembled, operands_of
from .coefficients import product
from .leaf import Leaf
from .moves import Routing, Shape, scatter, take_or_fill
from .tape import TapeLeaf

if TYPE_CHECKING:
    from .tangent import Tangent


def joined_terms(pieces: list[Tangent], index: Any, shape: Shape) -> dict[Any, Any]:
    """The terms of the array whose element r is element index[r] of the pieces laid end to end."""
    leaves = [leaf for t in pieces for leaf in t.terms]
    if not leaves:
        return {}
    offsets = np.concatenate([[0], np.cumsum([prod(t.shape) for t in pieces])])
    if type(leaves[0]) is TapeLeaf:
        return joined_tape(pieces, offsets, index, shape)
    if leaves[0].k is None:
        return {leaves[0]: take_or_fill(laid_out([next(iter(t.terms.values()), 0) for t in pieces], pieces), index, 0)}
    terms: dict[Any, Any] = {}
    for dense in (True, False):
        columns = [[(leaf, coef) for leaf, coef in t.terms.items() if (leaf.cols is None) == dense] for t in pieces]
        for i in range(max(map(len, columns))):
            slot = [c[i] if i < len(c) else None for c in columns]
            terms |= (joined_dense if dense else joined_sparse)(slot, pieces, offsets, index, shape)
    return terms


def joined_tape(pieces: list[Tangent], offsets: Any, index: Any, shape: Shape) -> dict[Any, Any]:
    flat = np.ravel(index)
    ordered = bool(np.array_equal(flat, np.arange(flat.size)))
    order = np.arange(flat.size) if ordered else np.argsort(flat, kind="stable")
    bounds = offsets if ordered and offsets[-1] == flat.size else np.searchsorted(flat[order], offsets)
    edges = []
    for t, start, low, high in zip(pieces, offsets[:-1], bounds[:-1], bounds[1:], strict=True):
        places = order[low:high]
        taken = None if ordered and high - low == prod(t.shape) else flat[places] - start
        route = Routing(places, taken, t.shape, shape)
        edges += [(route, leaf, coef) for leaf, coef in (t.watched() if t.terms else ())]
    level = edges[0][1].level
    return {TapeLeaf(level, shape, tuple(edges)): None}


def laid_out(coefs: list[Any], pieces: list[Tangent]) -> Any:
    """Coefficients of all pieces end to end; None stands for ones."""
    return np.concatenate([np.broadcast_to(1.0 if c is None else c, t.shape).reshape(prod(t.shape))
                           for c, t in zip(coefs, pieces, strict=True)])


Slot = list[tuple[Leaf, Any] | None]


def joined_dense(slot: Slot, pieces: list[Tangent], offsets: Any, index: Any, shape: Shape) -> dict[Any, Any]:
    (level, k), = {(term[0].level, term[0].k) for term in slot if term is not None}
    assert k is not None
    blocks = [np.zeros((k, prod(t.shape))) if term is None else
              assembled({term[0]: term[1]}, t.shape, k, None, False).reshape(k, prod(t.shape))
              for term, t in zip(slot, pieces, strict=True)]
    data = take_or_fill(np.concatenate(blocks, axis=1), index, 1)
    return {Leaf(level, k, shape, (k,), None, (data,)): None}


def joined_sparse(slot: Slot, pieces: list[Tangent], offsets: Any, index: Any, shape: Shape) -> dict[Any, Any]:
    first = next(term[0] for term in slot if term is not None)
    wide = max(prod(term[0].width) for term in slot if term is not None)
    cols = np.full((wide, offsets[-1]), -1, np.int32 if first.cols.dtype == np.int32 else np.int64)
    weights: list[Any] | None = [] if any(term is not None and term[0].factors for term in slot) else None
    for term, t, start in zip(slot, pieces, offsets, strict=False):
        size = prod(t.shape)
        w = 0
        if term is not None:
            leaf = term[0]
            w = prod(leaf.width)
            full = leaf.width + t.shape
            cols[:w, start:start + size] = leaf.cols if full == () else np.broadcast_to(leaf.cols, full).reshape(w, size)
        if weights is not None:
            have = product(leaf.level, list(leaf.factors)) if term is not None and leaf.factors else np.ones(())
            block = np.broadcast_to(have, (leaf.width if term is not None else (1,)) + t.shape).reshape(w or 1, size)
            weights.append(padded(block, wide))
    coefs = None
    if any(term is not None and term[1] is not None for term in slot):
        coefs = take_or_fill(laid_out([0 if term is None else term[1] for term in slot], pieces), index, 0)
    columns = take_or_fill(cols, index, 1, -1)
    factors = () if weights is None else (take_or_fill(np.concatenate(weights, axis=1), index, 1),)
    return {Leaf(first.level, first.k, shape, (wide,), columns, factors): coefs}


def padded(block: Any, wide: int) -> Any:
    missing = wide - block.shape[0]
    return block if missing == 0 else np.concatenate([block, np.zeros((missing, block.shape[1]))], axis=0)


def merged_terms(terms: list[tuple[Leaf, Any]], shape: Shape) -> tuple[Leaf, Any]:
    """Several sparse or dense terms as one: widths side by side, equal directions added, dense once that is smaller."""
    first = terms[0][0]
    level, k = first.level, first.k
    assert k is not None
    wide = sum(prod(leaf.width) for leaf, _ in terms)
    if wide >= k or any(leaf.cols is None for leaf, _ in terms):
        return Leaf(level, k, shape, (k,), None, (assembled(dict(terms), shape, k, None, False),)), None
    cols, weights = [], []
    for leaf, coef in terms:
        full = leaf.width + shape
        w = prod(leaf.width)
        cols.append(np.broadcast_to(leaf.cols, full).reshape((w, *shape)))
        operands = operands_of(leaf, coef)
        have = product(level, operands) if operands else np.ones(())
        weights.append(np.broadcast_to(have, full).reshape((w, *shape)))
    return distinct(level, k, shape, np.concatenate(cols), np.concatenate(weights)), None


def distinct(level: Any, k: int, shape: Shape, cols: Any, weights: Any) -> Leaf:
    """The leaf with equal directions of each element added up, as narrow as its widest element."""
    order = np.argsort(cols, axis=0, kind="stable")
    cols = np.take_along_axis(cols, order, axis=0)
    weights = np.take_along_axis(weights, order, axis=0)
    new = np.ones(cols.shape, bool)
    new[1:] = cols[1:] != cols[:-1]
    if not new.all():
        rank = np.cumsum(new, axis=0) - 1
        wide = int(rank.max()) + 1
        size = prod(shape)
        place = rank.reshape(cols.shape[0], size) * size + np.arange(size)
        narrow = np.full(wide * size, -1, cols.dtype)
        narrow[place.ravel()] = cols.ravel()
        weights = scatter(weights, place, (wide, *shape))
        cols = narrow.reshape((wide, *shape))
    return Leaf(level, k, shape, (cols.shape[0],), cols, (weights,))

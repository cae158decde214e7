"""Many numbers joined into one array: what np.stack makes of a list, and what a loop has written element by element.

A loop in Python makes thousands of tangents of shape (), so here the numbers of all are collected first and NumPy is called
once for each kind of leaf, not once for each number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .coefficients import DOUBLE, finite, product
from .leaf import Leaf, dense_leaf
from .level import Level
from .moves import Place, scatter, sources
from .ragged import by_rows, wasteful
from .tape import TapeLeaf

if TYPE_CHECKING:
    from .tangent import Tangent


def stacked(tangents: list[Tangent]) -> dict[Any, Any]:
    """The terms of the array of shape (m,) whose i-th element has the i-th tangent, of shape ()."""
    shape = (len(tangents),)
    first = next((leaf for t in tangents for leaf in t.terms), None)
    if first is None:
        return {}
    if type(first) is TapeLeaf:
        return {stacked_tape(first.level, tangents, shape): None}
    if first.k is None:
        return {first: plain_array([t.terms.get(first, 0.0) for t in tangents])}
    few = few_stacked(first, tangents, shape) if len(tangents) <= FEW else None
    if few is not None:
        return few
    terms: dict[Any, Any] = {}
    for dense, make in ((True, stacked_dense), (False, stacked_sparse)):
        owners, leaves, coefs = [], [], []
        for i, t in enumerate(tangents):
            for leaf, c in t.terms.items():
                if leaf.is_dense is dense:
                    owners.append(i)
                    leaves.append(leaf)
                    coefs.append(c)
        if owners:
            terms |= make(first, shape, np.asarray(owners), leaves, coefs)
    return terms


FEW = 64  # entries that are put in their places one by one in the time of the calls for many
NUMBERS = frozenset((float, np.float64, type(None)))


def few_stacked(first: Leaf, tangents: list[Tangent], shape: tuple[int, ...]) -> dict[Any, Any] | None:
    """The term of a few numbers that depend on single directions, or are rows of all; None for others."""
    single, rows = [], []
    for i, t in enumerate(tangents):
        for leaf, c in t.terms.items():
            if type(leaf) is not Leaf or type(c) not in NUMBERS or (leaf.factors and type(leaf.factors[0]) is not np.ndarray):
                return None
            if leaf.cols is None and len(leaf.factors) == 1 and leaf.factors[0].shape == (first.k,):
                rows.append((i, leaf.factors[0], 1.0 if c is None else c))
            elif leaf.cols is None or leaf.width or leaf.factors:
                return None
            else:
                single.append((i, leaf.cols.item(), 1.0 if c is None else c))
    if len(single) + first.k * len(rows) > FEW:
        return None
    if rows:
        leaf = None if first.level.patterned else few_dense(first, shape, rows, single)
    elif [i for i, _, _ in single] == list(range(shape[0])):  # one direction each
        _, cols, weights = zip(*single, strict=True)
        return {Leaf(first.level, first.k, shape, (), np.array(cols, first.cols.dtype), ()): np.array(weights)}
    else:
        leaf = few_sparse(first, shape, single)
    return None if leaf is None else {leaf: None}


def few_dense(first: Leaf, shape: tuple[int, ...], rows: list[Any], single: list[Any]) -> Leaf | None:
    """Of rows (element, array of all directions, weight) and entries (element, direction, weight)."""
    data = np.zeros((*shape, first.k))
    if rows:
        owners, factors, weights = zip(*rows, strict=True)
        sums = np.array(factors)
        if sums.dtype != DOUBLE:
            return None
        sums *= np.array(weights)[:, None]
        starts = [j for j, own in enumerate(owners) if j == 0 or own != owners[j - 1]]
        data[[owners[j] for j in starts]] = np.add.reduceat(sums, starts)
    for i, col, w in single:
        if col >= 0:
            data[i, col] += w
    return dense_leaf(first.level, data.T.copy(), shape) if finite(data) else None


def few_sparse(first: Leaf, shape: tuple[int, ...], entries: list[tuple[int, int, float]]) -> Leaf | None:
    """Of entries (element, direction, weight): each element as wide as the widest."""
    cols: list[list[int]] = [[] for _ in range(shape[0])]
    weights: list[list[float]] = [[] for _ in range(shape[0])]
    for i, col, w in entries:
        cols[i].append(col)
        weights[i].append(w)
    wide = max(map(len, cols))
    if wide >= first.k:
        return few_dense(first, shape, [], entries)
    for mine, scales in zip(cols, weights, strict=True):
        absent = wide - len(mine)
        mine += [-1] * absent
        scales += [0.0] * absent
    return Leaf(first.level, first.k, shape, (wide,), np.array(cols, first.cols.dtype).T, (np.array(weights).T,))


def plain_array(coefs: list[Any]) -> Any:
    """Numbers as an array, None being 1; duals of a lower level as a dual array."""
    kinds = set(map(type, coefs))
    if type(None) in kinds:
        coefs = [1.0 if c is None else c for c in coefs]
    if any(hasattr(kind, "level") for kind in kinds):
        return np.stack(coefs)
    types = [kind for kind in kinds if issubclass(kind, np.generic)]  # Python's own numbers adapt
    return np.array(coefs, np.result_type(*types) if types and complex not in kinds else None)


def stacked_tape(level: Level, tangents: list[Tangent], shape: tuple[int, ...]) -> TapeLeaf:
    edges = []
    for i, t in enumerate(tangents):
        if t.terms:
            place = Place(i, shape)
            edges += [(place, leaf, coef) for leaf, coef in t.watched()]
    return TapeLeaf(level, shape, tuple(edges))


def stacked_dense(first: Leaf, shape: tuple[int, ...], owners: Any, leaves: list[Leaf], coefs: list[Any]) -> dict[Any, Any]:
    level, k = first.level, first.k
    rows = [leaf.factors[0] if len(leaf.factors) == 1 and leaf.factors[0].shape == (k,) else
            np.broadcast_to(leaf.weights(None), (k,)) for leaf in leaves]
    data = np.stack(rows) if any(hasattr(row, "level") for row in rows) else np.array(rows)
    if any(c is not None for c in coefs):
        data = product(level, [data, plain_array(coefs)[:, None]])
    if wasteful(k * shape[0], data.size):
        return {by_rows(level, k, shape, np.repeat(owners, k), np.tile(np.arange(k), len(owners)), np.ravel(data)): None}
    if not one_each(owners, shape[0]):
        data = summed_by_owner(data, owners, shape[0])
    return {dense_leaf(level, np.transpose(data).copy(), shape): None}


def one_each(owners: Any, m: int) -> bool:
    return owners.size == m and bool((owners == np.arange(m)).all())


def summed_by_owner(data: Any, owners: Any, m: int) -> Any:
    """Rows that belong to one element added up; owners ascend. Elements without a row get zeros."""
    if hasattr(data, "level"):
        return sum(np.where((place >= 0)[:, None], data[np.maximum(place, 0)], 0) for place in sources(owners, m))
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    out = np.zeros((m, data.shape[1]), data.dtype)
    out[owners[starts]] = np.add.reduceat(data, starts, axis=0)
    return out


def stacked_sparse(first: Leaf, shape: tuple[int, ...], owners: Any, leaves: list[Leaf], coefs: list[Any]) -> dict[Any, Any]:
    """One leaf as wide as the widest element; a dense one once that is no narrower than the number of directions."""
    level, k, m = first.level, first.k, shape[0]
    narrow = all(leaf.width == () and not leaf.factors for leaf in leaves)
    if narrow and one_each(owners, m):
        coef = None if all(c is None for c in coefs) else plain_array(coefs)
        return {Leaf(level, k, shape, (), np.array([leaf.cols for leaf in leaves]), ()): coef}
    weighted = not narrow or any(c is not None for c in coefs)
    if narrow:
        cols = np.array([leaf.cols for leaf in leaves])
        weights = plain_array(coefs) if weighted else None
    else:
        sizes = np.array([leaf.breadth for leaf in leaves])
        cols = np.concatenate([np.broadcast_to(leaf.cols, leaf.width).ravel() for leaf in leaves])
        weights = np.concatenate([np.broadcast_to(product(level, [*leaf.factors, 1.0 if c is None else c]), leaf.width).ravel()
                                  for leaf, c in zip(leaves, coefs, strict=True)])
        owners = np.repeat(owners, sizes)
    if wasteful(min(k, int(np.bincount(owners).max(initial=0))) * m, cols.size):
        there = cols >= 0
        return {by_rows(level, k, shape, owners[there], cols[there], None if weights is None else weights[there]): None}
    table = sources(owners, m)
    if table.shape[0] >= k:
        return dense_of(level, k, m, cols, weights, owners)
    absent = table < 0
    factors = () if weights is None else (np.where(absent, 0, weights[np.where(absent, 0, table)]),)
    return {Leaf(level, k, shape, table.shape[:1], np.where(absent, -1, cols[table]), factors): None}


def dense_of(level: Level, k: int, m: int, cols: Any, weights: Any, owners: Any) -> dict[Any, Any]:
    known = cols >= 0
    places = np.where(known, cols.astype(np.intp) * m + owners, -1)
    data = scatter(np.ones(cols.size) if weights is None else weights, places, (k, m))
    return {dense_leaf(level, data, (m,)): None}

"""A recorded tape read forwards: on arrays of directions, or on tangents of another level, sparse seeds among them.

``pull`` in tape.py reads the same record backwards. Read forwards on identity seeds, the record gives the sparse or dense
Jacobian without running the user's function again.
"""

from __future__ import annotations

import operator
from copy import copy
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from .coefficients import product, times
from .join import joined_terms
from .meter import owner
from .moves import Contraction, Item, Map, Move, Routing, Total, scatter
from .tangent import Tangent
from .tape import Copy, Edge, TapeLeaf, by_serial, reachable

Step = tuple[TapeLeaf, list[tuple[Any, list[tuple[TapeLeaf, Any]]]], list[TapeLeaf]]


class Record:
    """The tape under some results in the order in which it was made, and which tangents are not needed after each step."""

    __slots__ = ("results", "roots", "steps", "terms")

    def __init__(self, results: list[Tangent], roots: list[TapeLeaf]) -> None:
        self.results, self.roots = results, roots
        terms = self.terms = [t.terms for t in results]
        kept = {leaf for part in terms for leaf in part} | set(roots)
        self.steps: list[Step] = []
        seen: set[TapeLeaf] = set()
        ends = [root for root in roots if root.edges]  # none, but for a part of a record
        for leaf in reachable({leaf: None for part in terms for leaf in part}, ends):  # latest first
            parents = list(dict.fromkeys(parent for _, parent, _ in leaf.edges))
            done = [parent for parent in parents if parent not in seen and parent not in kept]
            seen.update(parents)
            if leaf.edges and leaf not in ends:
                self.steps.append((leaf, by_map(leaf.edges), done))
        self.steps.reverse()

    @property
    def edges(self) -> list[Edge]:
        return [edge for leaf, _, _ in self.steps for edge in leaf.edges]

    def nbytes(self) -> int:
        """The bytes of all arrays that the record keeps alive, each counted once, views with what they are views of."""
        owners: dict[int, int] = {}
        coefs = [c for part in self.terms for c in part.values()]
        for op, _, coef in self.edges:
            coefs += [coef, *(a for a, _ in getattr(op, "constant", ())), getattr(op, "places", None),
                      getattr(op, "taken", None), getattr(op, "_index", None), *getattr(op, "args", ()),
                      *getattr(op, "values", ())]
        while coefs:
            a = coefs.pop()
            if hasattr(a, "eps"):  # a dual of an outer level: its value and its coefficients
                coefs += [a.value, *a.eps.terms.values()]
            elif isinstance(a, np.ndarray):
                owners[id(owner(a))] = owner(a).nbytes
        return sum(owners.values())

    def is_real(self) -> bool:
        """Whether no complex numbers can have come by, so that the map is linear in real numbers alone."""
        ops = [op for op, _, _ in self.edges]
        coefs = [c for _, _, c in self.edges] + [a for op in ops for a, _ in getattr(op, "constant", ())]
        return all(isinstance(op, Move | Contraction | Total | Copy | Routing) for op in ops) and \
            not any(map(np.iscomplexobj, coefs))

    def bottleneck(self) -> tuple[int, list[TapeLeaf]]:
        """The step after which the fewest numbers are still needed, and their leaves; none of these where they are not fewer
        than the arguments and than the results.

        None, too, in records that may hold complex numbers: what follows those is linear in real and imaginary parts alone.
        """
        if not self.is_real():
            return 0, []
        last = {parent: i for i, (leaf, _, _) in enumerate(self.steps) for _, parent, _ in leaf.edges}  # who reads it last
        last |= {leaf: len(self.steps) for part in self.terms for leaf in part}
        live = {root for root in self.roots if root in last}
        size = sum(prod(leaf.shape) for leaf in live)
        least, found = min(sum(prod(x.shape) for x in side) for side in (self.roots, self.results)), (0, list[TapeLeaf]())
        for i, (leaf, _, _) in enumerate(self.steps):
            over = {parent for _, parent, _ in leaf.edges if last[parent] == i}
            live = live - over | {leaf}
            size += prod(leaf.shape) - sum(prod(parent.shape) for parent in over)
            if size < least:
                least, found = size, (i, sorted(live, key=by_serial))
        return found

    def behind(self, step: int, leaves: list[TapeLeaf]) -> Record:
        """The record of what the results are made of the leaves that are left after a step."""
        rest = copy(self)
        rest.roots, rest.steps = leaves, self.steps[step + 1:]
        return rest

    # ---- on arrays
    def push(self, tangents: list[Any], lead: int) -> list[Any]:
        """The recorded map on one array per root, (``lead`` axes, *S); None for a result that depends on none of them."""
        at = dict(zip(self.roots, tangents, strict=True))
        for leaf, groups, done in self.steps:
            parts = [(op, weighted_sum(at, parents)) for op, parents in groups]
            at[leaf] = routed(parts, lead, leaf.shape) if isinstance(parts[0][0], Routing) else \
                reduce(operator.add, [op.apply(part, lead) for op, part in parts])
            for parent in done:
                del at[parent]
        return [weighted_sum(at, list(t.terms.items())) if t.terms else None for t in self.results]

    # ---- on tangents
    def replay(self, tangents: list[Tangent]) -> list[Tangent]:
        """The recorded map on one tangent per root: what a forward sweep would have made of them."""
        at = dict(zip(self.roots, tangents, strict=True))
        for leaf, groups, done in self.steps:
            pieces = [(op, combined(at, parents, op.shape)) for op, parents in groups if isinstance(op, Routing)]
            total = joined(pieces, leaf.shape) if pieces else Tangent({}, leaf.shape)
            for op, parents in groups:
                if not isinstance(op, Routing):
                    total = total.plus(mapped(op, combined(at, parents, op.shape)))
            at[leaf] = total
            for parent in done:
                del at[parent]
        return [combined(at, list(t.terms.items()), t.shape) for t in self.results]


def by_map(edges: tuple[Edge, ...]) -> list[tuple[Any, list[tuple[TapeLeaf, Any]]]]:
    """Edges with one map are the map of one sum."""
    groups: dict[int, tuple[Any, list[tuple[TapeLeaf, Any]]]] = {}
    for op, parent, coef in edges:
        groups.setdefault(id(op), (op, []))[1].append((parent, coef))
    return list(groups.values())


def weighted_sum(at: dict[TapeLeaf, Any], terms: list[tuple[TapeLeaf, Any]]) -> Any:
    total: Any = None
    for leaf, coef in terms:
        a = at[leaf]
        part = a if coef is None else times(leaf.level, a, coef)
        total = part if total is None else total + part
    return total


def routed(parts: list[tuple[Any, Any]], lead: int, shape: Any) -> Any:
    """The array made of pieces: each is written to its places, so that a thousand pieces cost no more than their elements."""
    if any(hasattr(a, "level") for _, a in parts):
        return reduce(operator.add, [op.apply(a, lead) for op, a in parts])
    first = parts[0][1]
    into = np.zeros((*first.shape[:lead], prod(shape)), np.result_type(*{a.dtype for _, a in parts}))
    for op, a in parts:
        op.write(a, into, lead)
    return into.reshape(first.shape[:lead] + shape)


def combined(at: dict[TapeLeaf, Tangent], terms: list[tuple[TapeLeaf, Any]], shape: Any) -> Tangent:
    total = Tangent({}, shape)
    for leaf, coef in terms:
        t = at[leaf]
        total = total.plus(t if coef is None else t.chained(coef, shape, 0.0) if leaf.level.careful else t.scaled(coef, shape))
    return total


def mapped(op: Any, t: Tangent) -> Tangent:
    """One recorded map on a tangent."""
    if isinstance(op, Move):
        return t.item(op.args[0], op.key, op.out_shape) if type(op) is Item else t.gather(op)
    if isinstance(op, Contraction):
        return t.contract(op)
    if isinstance(op, Total):
        return t.total()
    if isinstance(op, Map):
        return t.linear(op)
    if isinstance(op, Copy):
        return t.broadcast(op.out_shape)
    result: Tangent = op.replayed(t)  # a checkpoint runs its function again
    return result


def joined(pieces: list[tuple[Any, Tangent]], shape: Any) -> Tangent:
    index, start = np.full(prod(shape), -1), 0
    for route, t in pieces:
        route.index(start, index)
        start += prod(t.shape)
    return Tangent(joined_terms([t for _, t in pieces], index.reshape(shape), shape), shape)


def entries(t: Tangent, elements: Any, directions: Any, dtype: Any) -> Any:
    """For each pair, the entry of one direction in the tangent of one element (counted flat), without the matrix."""
    total: Any = np.zeros(elements.size, dtype)
    place = np.unravel_index(elements, t.shape) if t.shape else ()
    for leaf, coef in t.watched() if t.terms and elements.size else ():
        operands = leaf.operands(coef)
        full = leaf.width + t.shape
        if leaf.cols is None:
            found: Any = np.arange(elements.size)
            index: Any = (directions, *place)
        else:
            columns = np.broadcast_to(leaf.cols, full)[(..., *place)].reshape(prod(leaf.width), elements.size)
            wide, found = np.nonzero(columns == directions)
            index = (*np.unravel_index(wide, leaf.width or (1,))[:len(leaf.width)], *(p[found] for p in place))
        values = product(leaf.level, [np.broadcast_to(a, full)[index] for a in operands]) if operands else np.ones(found.size)
        total = total + scatter(values, found, (elements.size,))
    return total

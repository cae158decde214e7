"""Leaves that hold no numbers: what linear map, of which parent and with which coefficient, made them.

Reverse mode is nothing else than this record read backwards. Because a tape leaf sits under the same coefficients as any
other leaf, chains of elementwise operations are collapsed before anything is recorded: the tape holds moves and
contractions only. Linearize, then transpose (Radul et al., "You Only Linearize Once", POPL 2023).
"""

from __future__ import annotations

import itertools
import operator
from math import prod
from typing import Any, Protocol

import numpy as np

from ..policies import TRACE, WATCH
from ..rules.gather import batched_broadcast, batched_placed, sum_to_shape
from .coefficients import finite, owned, plain, times
from .level import Level
from .moves import Item, Move, Shape

_serial = itertools.count()
PLAIN = (np.ndarray, np.generic)
by_serial = operator.attrgetter("serial")


class LinearMap(Protocol):
    """What a tape edge needs: act on a batch of tangents, and on a batch of cotangents the other way."""

    def apply(self, a: Any, lead: int = 0) -> Any: ...
    def transpose(self, u: Any, lead: int = 0) -> Any: ...


class Copy:
    """The map that copies (or broadcasts) an array of one shape to another; its transpose adds up the copies."""

    __slots__ = ("out_shape", "shape")

    def __init__(self, shape: Shape, out_shape: Shape) -> None:
        self.shape, self.out_shape = shape, out_shape

    def apply(self, a: Any, lead: int = 0) -> Any:
        return a if self.shape == self.out_shape else batched_broadcast(a, lead, self.out_shape)

    def transpose(self, u: Any, lead: int = 0) -> Any:
        return sum_to_shape(u, lead, self.shape)


Edge = tuple[LinearMap, "TapeLeaf", Any]


class TapeLeaf:
    """A node of the tape: Σ map(coefficient ⊙ parent) over its edges; a root (a seed) has none."""

    __slots__ = ("edges", "level", "memo", "serial", "shape")

    k = None

    def __init__(self, level: Level, shape: Shape, edges: tuple[Edge, ...] = ()) -> None:
        self.level = level
        self.shape = shape
        self.edges = edges
        self.serial = next(_serial)
        self.memo: dict[Any, TapeLeaf] = {}

    def gather(self, move: Move) -> TapeLeaf:
        moved = self.memo.get(move.key)
        if moved is None:
            moved = self.memo[move.key] = TapeLeaf(self.level, move.out_shape, ((move, self, None),))
        return moved

    def sliced(self, index: slice, key: Any, out_shape: Shape) -> TapeLeaf:
        edge = (Item(self.shape, out_shape, index, key), self, None)
        moved = self.memo[key] = TapeLeaf(self.level, out_shape, (edge,))
        return moved

    def broadcast(self, shape: Shape) -> TapeLeaf:
        wider = self.memo.get(shape)
        if wider is None:
            wider = self.memo[shape] = TapeLeaf(self.level, shape, ((Copy(self.shape, shape), self, None),))
        return wider


class Cotangents:
    """Cotangents by leaf, added up as they arrive; an array is written to only once it is our own.

    Duals of a lower level that belong to single elements are added up by element, and joined when the leaf's turn comes.
    """

    __slots__ = ("arrays", "elements", "lead", "own")

    def __init__(self, lead: int) -> None:
        self.arrays: dict[TapeLeaf, Any] = {}
        self.elements: dict[TapeLeaf, dict[int, Any]] = {}
        self.own: set[TapeLeaf] = set()
        self.lead = lead

    def join(self, leaf: TapeLeaf) -> None:
        """Add what arrived for single elements to what arrived for the whole."""
        elements = self.elements.pop(leaf, None)
        if elements is not None:
            shape, size = leaf.shape, prod(leaf.shape)
            if size <= 2 * len(elements):
                joined = np.stack([elements.get(place, 0.0) for place in range(size)])
                self.add(leaf, joined if len(shape) == 1 else joined.reshape(shape))
                return
            for place, u in elements.items():
                self.add(leaf, batched_placed(u, 0, shape, np.unravel_index(place, shape)))

    def add(self, leaf: TapeLeaf, u: Any) -> None:
        have = self.arrays.get(leaf)
        if have is None:
            self.arrays[leaf] = u
        elif leaf in self.own and issubclass(type(u), PLAIN) and u.dtype == have.dtype:
            have += u
        else:
            have = self.arrays[leaf] = have + u
            (self.own.add if type(have) is np.ndarray else self.own.discard)(leaf)  # += makes a new number of a number

    def add_item(self, leaf: TapeLeaf, move: Move, u: Any) -> None:
        """The transpose of a view: only the part that was taken is touched, so loops over elements stay linear."""
        have, lead = self.arrays.get(leaf), self.lead
        plain = issubclass(type(u), PLAIN)
        index = (slice(None),) * lead + move.basic if lead else move.basic
        if have is None and plain:
            have = self.arrays[leaf] = np.zeros(u.shape[:lead] + leaf.shape, u.dtype)
            self.own.add(leaf)
            have[index] = u
            return None
        if not plain and not lead and u.shape == () and (place := flat_place(move.basic, leaf.shape)) is not None:
            elements = self.elements.setdefault(leaf, {})
            elements[place] = elements[place] + u if place in elements else u
            return None
        if not plain or type(have) is not np.ndarray or u.dtype != have.dtype:
            return self.add(leaf, move.transpose(u, lead))
        if leaf not in self.own:
            have = self.arrays[leaf] = have.copy()
            self.own.add(leaf)
        part = have[index]
        if type(part) is np.ndarray:  # have[index] += u would write the view onto itself, too
            part += u
        else:
            have[index] = part + u
        return None


def flat_place(index: tuple[Any, ...], shape: Shape) -> int | None:
    """Where in the flat array the one element lies that an index of integers picks; None for other indices."""
    if len(index) != len(shape):
        return None
    place = 0
    for i, n in zip(index, shape, strict=True):
        if type(i) is not int:
            return None
        place = place * n + (i + n if i < 0 else i)
    return place


def record(leaf_terms: list[tuple[TapeLeaf, Any]], op: Any) -> TapeLeaf:
    """One node for a linear map of a whole sum Σ coefficient ⊙ leaf."""
    first = leaf_terms[0][0]
    return TapeLeaf(first.level, op.out_shape, tuple([(op, leaf, coef) for leaf, coef in leaf_terms]))


def pull(results: list[dict[Any, Any]], given: list[Any], lead: int, roots: list[TapeLeaf]) -> list[Any]:
    """The transpose of the recorded map applied to cotangents (``lead`` batch axes, then shape), one for the terms of each
    result: an array per root, None for one that no result depends on. Cost: one transpose per edge.
    """
    cotangents = Cotangents(lead)
    leaves: dict[TapeLeaf, Any] = {}
    for terms, u in zip(results, given, strict=True):
        leaves |= terms
        for leaf, coef in terms.items():
            cotangents.add(leaf, u if coef is None else times(leaf.level, u, coef))
    ends = [root for root in roots if root.edges]  # none, but for a part of a record
    for leaf in reachable(leaves, ends):
        leaf.memo.clear()  # f has run: without this cycle, arrays die with the tape at once
        if not leaf.edges or leaf in ends:
            continue
        if cotangents.elements:
            cotangents.join(leaf)
        u = cotangents.arrays.pop(leaf)
        last: Any = None
        last_coef: Any = None
        for op, parent, coef in leaf.edges:
            if coef is None and type(op) is Item and op.basic is not None:
                cotangents.add_item(parent, op, u)
                continue
            if op is not last:  # terms of one sum share its map, and often a coefficient
                last, last_coef, came = op, None, op.transpose(u, lead)
                v = came
            if coef is not last_coef:  # in a quick sweep it was watched when it was recorded
                last_coef = coef
                v = came if coef is None else times(parent.level, came, coef) if parent.level.careful else \
                    came * coef if type(came) is np.ndarray else owned(came, coef)
            if WATCH.count and finite(u) and not finite(v):
                told_of_overflow(leaf, v, lead)
            if v.shape[lead:] != parent.shape:  # a sum hands one number to all
                v = np.full(parent.shape, v) if type(v) is np.float64 else np.broadcast_to(v, v.shape[:lead] + parent.shape)
            cotangents.add(parent, v)
    for root in roots if cotangents.elements else ():
        cotangents.join(root)
    return [cotangents.arrays.get(root) for root in roots]


def told_of_overflow(leaf: TapeLeaf, v: Any, lead: int) -> None:
    """Tell the trace in force, if there is one, of a cotangent that became infinite or NaN behind this leaf."""
    trace = TRACE.get()
    if trace is not None:
        function, line = trace.made.get(leaf.serial, ("a linear operation", ""))
        place = tuple(map(int, np.argwhere(~np.isfinite(plain(v)))[0]))
        trace.add(f"{function}, transposed", place[lead:], place[0] if lead else None, plain(v)[place], "not known", line)


def roots_of(terms: dict[Any, Any]) -> list[TapeLeaf]:
    return [leaf for leaf in reachable(terms) if not leaf.edges]


def reachable(terms: dict[Any, Any], ends: Any = ()) -> list[TapeLeaf]:
    """Every leaf that the terms depend on, latest first; what lies behind the ``ends`` is left out."""
    seen, found = set(terms), list(terms)
    for leaf in found:  # which grows on the way
        for _, parent, _ in leaf.edges if leaf not in ends else ():
            if parent not in seen:
                seen.add(parent)
                found.append(parent)
    found.sort(key=by_serial, reverse=True)
    return found

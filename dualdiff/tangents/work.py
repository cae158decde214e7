"""Element operations that a recorded tape costs, read forwards on identity seeds or backwards from all results.

Nothing is computed: leaves are followed as sizes. A ``Shadow`` is a leaf without numbers: its width axes, along which axes
its columns vary, and along which axes each factor does. What is counted is what depends on the number of directions: sums
within factors, dense tangents, the entries of the result. The cost of f itself, and of its coefficients, is paid by both.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod
from typing import Any

import numpy as np

from .contraction import Label, cheapest
from .moves import Contraction, Map, Move, Routing, Section, Shape
from .replay import Record
from .tangent import Tangent
from .tape import Copy

CALL = 10_000  # what Python spends on a recorded map, in the same unit
MULTIPLY_ADD = 0.125  # of a matrix product, in passes over an element: BLAS against memory
PIECES = (Routing, Section)
MOST = 8  # leaves of a tangent; more are merged, as in `tangent.py`

Flags = tuple[bool, ...]


class Shadow:
    """A leaf as sizes. ``cols`` None: dense. ``factors``: the width axes and the element axes that each varies along."""

    __slots__ = ("cols", "factors", "shape", "width")

    def __init__(self, shape: Shape, width: Shape, cols: Flags | None, factors: list[tuple[frozenset[int], Flags]]) -> None:
        self.shape, self.width, self.cols, self.factors = shape, width, cols, factors

    def moved(self, op: Any, shape: Shape) -> Shadow:
        return Shadow(shape, self.width, None if self.cols is None else along(op, self.cols),
                      [(wide, along(op, flags)) for wide, flags in self.factors])


def along(op: Any, flags: Flags) -> Flags:
    """Along which axes the result of a move varies if its operand does along the flagged ones."""
    shape = op.out_shape
    if all(flags) or not any(flags):
        return (any(flags),) * len(shape)
    a = np.broadcast_to(np.empty([n if flag else 1 for n, flag in zip(op.shape, flags, strict=True)]), op.shape)
    if isinstance(op, Move) and op.row.batched is None:
        return (True,) * len(shape)
    return tuple(step != 0 for step in op.apply(a).strides)


def filled(shape: Shape, width: int, is_dense: bool) -> Shadow:
    """A leaf without structure, whose columns and numbers vary along every axis."""
    whole = (True,) * len(shape)
    return Shadow(shape, (width,), None if is_dense else whole, [(frozenset([0]), whole)])


class Forward:
    """What a forward sweep over all n directions does beyond f, counted along the record."""

    def __init__(self, record: Record) -> None:
        self.n = sum(prod(root.shape) for root in record.roots)
        self.work = 0.0
        at: dict[Any, list[Shadow]] = {root: [Shadow(root.shape, (), (True,) * len(root.shape), [])] for root in record.roots}
        for leaf, groups, _ in record.steps:
            routed = [list(distinct(at, parents)) for op, parents in groups if type(op) in PIECES]
            found = self.joined(routed, leaf.shape) if routed else []
            for op, parents in groups:
                if type(op) not in PIECES:
                    coef = next((c for _, c in parents if np.ndim(c)), None)
                    found += [self.through(op, shadow, coef) for shadow in distinct(at, parents)]
            at[leaf] = found if len(found) <= MOST else self.merged(found, leaf.shape)
        for t in record.results:
            size = prod(t.shape)
            self.work += size * self.n / 4 + sum(CALL + size * prod(s.width) for s in distinct(at, list(t.terms.items())))

    def through(self, op: Any, shadow: Shadow, coef: Any) -> Shadow:
        """One linear map of one leaf."""
        self.work += CALL
        if isinstance(op, Move | Copy):
            moved = shadow.moved(op, op.out_shape)
            if isinstance(op, Move) and op.basic is None and op.row.batched is None:
                self.work += prod(shadow.width) * prod(op.out_shape)
            return moved
        if isinstance(op, Contraction):
            return self.contracted(op, shadow, coef)
        if isinstance(op, Map) and op.row.local:
            return Shadow(op.out_shape, shadow.width, shadow.cols, shadow.factors)
        if isinstance(op, Map):
            self.work += self.n * (prod(op.shape) + prod(op.out_shape))
            return filled(op.out_shape, self.n, True)
        labels = [str(i) for i in range(len(op.shape))]  # a Total, or a checkpoint: taken as one sum over everything
        out = [("new", i) for i in range(len(op.out_shape))]
        return self.contracted(Contraction(labels, op.shape, out, np.empty(op.out_shape), out, None), shadow, coef)  # type: ignore[arg-type]

    def contracted(self, op: Contraction, shadow: Shadow, coef: Any) -> Shadow:
        self.work += 2 * CALL
        wide: list[Label] = [("width", i) for i in range(len(shadow.width))]
        sizes: dict[Label, int] = op.sizes | dict(zip(wide, shadow.width, strict=True))

        def held(flags: Sequence[bool]) -> list[Label]:
            return [name for name, flag in zip(op.labels, flags, strict=True) if flag and sizes[name] != 1]
        operands = [frozenset([*(wide[i] for i in mine), *held(flags)]) for mine, flags in shadow.factors]
        if coef is not None:
            full = (1,) * (len(op.shape) - np.ndim(coef)) + np.shape(coef)
            operands.append(frozenset(held([n != 1 for n in full])))
        operands += [frozenset(name for name in labels if sizes[name] != 1) for _, labels in op.constant]
        gone = [name for name in op.sizes if name not in op.result and op.sizes[name] != 1]
        varying = [] if shadow.cols is None else held(shadow.cols)
        moved = [name for name in gone if name in varying]
        operands = self.eliminated(operands, [name for name in gone if name not in moved], sizes)
        wide += moved
        width = tuple(sizes[name] for name in wide)
        if shadow.cols is not None and prod(width) > self.n:
            self.work += self.n * prod(op.out_shape)
            return filled(op.out_shape, self.n, True)
        factors = [(frozenset(i for i, name in enumerate(wide) if name in o), tuple(name in o for name in op.result))
                   for o in operands if any(name in o for name in wide)]
        cols = None if shadow.cols is None else tuple(name in varying for name in op.result)
        return Shadow(op.out_shape, width, cols, factors)

    def eliminated(self, operands: list[frozenset[Label]], gone: list[Label],
                   sizes: dict[Label, int]) -> list[frozenset[Label]]:
        """`contraction.eliminated` on labels alone."""
        for label in gone:
            holders = [o for o in operands if label in o]
            rest = [o for o in operands if label not in o]
            while len(holders) > 1:
                i, j = cheapest([(None, tuple(o)) for o in holders], sizes)
                b, a = holders.pop(j), holders.pop(i)
                self.work += MULTIPLY_ADD * prod(sizes[name] for name in a | b)
                holders.append(a | b)
            operands = rest + [o - {label} for o in holders]
        return operands

    def joined(self, pieces: list[list[Shadow]], shape: Shape) -> list[Shadow]:
        """Leaves paired by `join.py`: as wide as the widest of each pair, without structure."""
        found = []
        for i in range(max(map(len, pieces))):
            slot = [p[i] for p in pieces if i < len(p)]
            width = max(prod(s.width) for s in slot)
            self.work += 4 * width * prod(shape)
            found.append(filled(shape, self.n, True) if any(s.cols is None for s in slot) else filled(shape, width, False))
        return found

    def merged(self, shadows: list[Shadow], shape: Shape) -> list[Shadow]:
        width = min(self.n, sum(prod(s.width) for s in shadows))
        self.work += 8 * width * prod(shape)
        return [filled(shape, width, width == self.n)]


def distinct(at: dict[Any, list[Shadow]], parents: list[tuple[Any, Any]]) -> Any:
    return {id(s): s for parent, _ in parents for s in at[parent]}.values()


def forward_work(record: Record) -> float:
    return Forward(record).work


def reverse_work(record: Record) -> float:
    """Element operations of pulling one cotangent for each element of the results back to the arguments."""
    each, fixed = 0.0, 2.0 * CALL  # the tape itself, and cotangents added up
    for leaf, groups, _ in record.steps:
        for op, parents in groups:
            fixed += CALL
            inner = MULTIPLY_ADD * prod(op.sizes.values()) if isinstance(op, Contraction) and op.constant else 0.0
            each += inner + (prod(leaf.shape) if not inner else 0) + \
                len({id(c) for _, c in parents if c is not None}) * prod(op.shape) + (len(parents) - 1) * prod(op.shape) / 2
    m = sum(prod(t.shape) for t in record.results)
    return fixed + m * (each + m / 4 + sum(prod(root.shape) for root in record.roots) / 2)


def mixed_work(record: Record) -> float:
    """Element operations of going both ways from a bottleneck, each as is cheaper, and of the product; infinite without one."""
    step, leaves = record.bottleneck()
    if not leaves:
        return inf
    middle = [Tangent({leaf: None}, leaf.shape) for leaf in leaves]
    m, h, n = (sum(prod(x.shape) for x in side) for side in (record.results, leaves, record.roots))
    parts = Record(middle, record.roots), record.behind(step, leaves)
    return MULTIPLY_ADD * m * h * n + sum(min(forward_work(part), reverse_work(part)) for part in parts)

"""Sums of products over labelled axes, carried out on whichever operands hold the label.

An operand is ``(array, labels)``; axes of length one are trimmed away, so that an operand only ever holds the labels it
really varies along. This is what lets a contraction stay cheap on a factored leaf: a label that the matrix X does not
have is summed in the other factors alone, as an expert would by hand. Operands may be duals of a lower level.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .coefficients import finite, product
from .level import Level

Label = Hashable
Operand = tuple[Any, tuple[Label, ...]]


def trimmed(array: Any, labels: Sequence[Label]) -> Operand:
    """The operand without its axes of length one."""
    shape = array.shape
    if 1 not in shape:
        return array, tuple(labels)
    keep = [i for i, n in enumerate(shape) if n != 1]
    return array.reshape(tuple(shape[i] for i in keep)), tuple(labels[i] for i in keep)


def aligned(operand: Operand, target: Sequence[Label]) -> Any:
    """The array with its axes in the order of target and length one along the labels it lacks."""
    array, labels = operand
    if labels == target:
        return array
    order, axes = places(tuple(labels), tuple(target))
    shape = array.shape
    return (array if order is None else array.transpose(order)).reshape([1 if i is None else shape[i] for i in axes])


@lru_cache(maxsize=1024)  # pure functions of labels: no array is kept
def places(labels: tuple[Label, ...], target: tuple[Label, ...]) -> tuple[Any, list[int | None]]:
    """The order of an operand's axes in the target (None: as they are), and for each axis of the target the operand's."""
    order = sorted(range(len(labels)), key=lambda i: target.index(labels[i]))
    axes = [labels.index(label) if label in labels else None for label in target]
    return None if order == list(range(len(order))) else order, axes


@lru_cache(maxsize=1024)
def as_matrices(lx: tuple[Label, ...], ly: tuple[Label, ...], result: tuple[Label, ...]) -> tuple[bool, bool, bool] | None:
    """Whether y comes first, and the left and the right operand are transposed, where one plain product of vectors or
    matrices does it; else None.
    """
    inner = [label for label in lx if label in ly]
    if len(inner) != 1 or inner[0] in result or len(lx) > 2 or len(ly) > 2:
        return None
    rows, columns = (tuple(label for label in labels if label != inner[0]) for labels in (lx, ly))
    if rows + columns != result and columns + rows != result:
        return None
    swap = rows + columns != result
    left, right = (ly, lx) if swap else (lx, ly)
    return swap, left[-1] != inner[0], right[0] != inner[0]


def pair(a: Operand, b: Operand, result: tuple[Label, ...]) -> Operand:
    """The product of two operands, summed over the labels absent from result: one matrix product, or a broadcast."""
    plan = as_matrices(a[1], b[1], result)
    if plan is not None:
        left, right = (b[0], a[0]) if plan[0] else (a[0], b[0])
        return (left.T if plan[1] else left) @ (right.T if plan[2] else right), result
    (x, lx), (y, ly) = summed_alone(a, b[1], result), summed_alone(b, a[1], result)
    inner = [label for label in lx if label in ly and label not in result]
    if not inner:
        return aligned((x, lx), result) * aligned((y, ly), result), result
    if result and result[-1] in lx and result[-1] not in ly:  # the columns of the product come last
        (x, lx), (y, ly) = (y, ly), (x, lx)
    batch = [label for label in lx if label in ly and label in result]
    rows = [label for label in lx if label not in ly]
    columns = [label for label in ly if label not in lx]
    size = dict(zip(lx, x.shape, strict=True)) | dict(zip(ly, y.shape, strict=True))
    outer = tuple(size[label] for label in batch)
    depth = prod(size[label] for label in inner)
    left = aligned((x, lx), batch + rows + inner).reshape((*outer, prod(size[r] for r in rows), depth))
    right = aligned((y, ly), batch + inner + columns).reshape((*outer, depth, prod(size[c] for c in columns)))
    labels = batch + rows + columns
    return aligned(((left @ right).reshape(tuple(size[label] for label in labels)), tuple(labels)), result), result


def summed_alone(a: Operand, others: Sequence[Label], result: Sequence[Label]) -> Operand:
    array, labels = a
    alone = tuple(i for i, label in enumerate(labels) if label not in others and label not in result)
    if not alone:
        return a
    return np.sum(array, axis=alone), tuple(label for i, label in enumerate(labels) if i not in alone)


def metered_pair(a: Operand, b: Operand, result: tuple[Label, ...], sizes: dict[Label, int], level: Level) -> Operand:
    """``pair`` within the sweep's budget: the result, and copies of operands whose axes a matrix product has to merge."""
    meter = level.meter
    if meter is None:
        return pair(a, b, result)
    meter.charge(2 * prod(sizes[name] for name in result) + sum(x.size for x, labels in (a, b) if len(labels) > 2))
    if not meter.patient:
        meter.spend(prod(sizes[name] for name in {*a[1], *b[1]}))
    r = pair(a, b, result)
    meter.hold(r[0])
    return r


def eliminate(operands: list[Operand], gone: Sequence[Label], sizes: dict[Label, int], level: Level,
              order: Sequence[Label]) -> list[Operand]:
    """The operands after summing over the labels ``gone``; those that hold none of them are returned as they are.

    The labels of products follow ``order``. A quick sweep looks at the sums only: an infinite operand leaves none finite.
    """
    if not gone:
        return operands
    if not level.careful:
        if len(operands) == 2 and as_matrices(operands[0][1], operands[1][1], tuple(order)) is not None:
            r = metered_pair(operands[0], operands[1], tuple(order), sizes, level)  # by far the most frequent case
            if finite(r[0]):
                return [r]
        sums = eliminated(operands, gone, sizes, level, order)
        if all(finite(a) for a, _ in sums if not any(a is b for b, _ in operands)) or all(finite(a) for a, _ in operands):
            return sums
    if not all(finite(a) for a, _ in operands):
        operands = [whole(operands, level)]
    return eliminated(operands, gone, sizes, level, order)


def eliminated(operands: list[Operand], gone: Sequence[Label], sizes: dict[Label, int], level: Level,
               order: Sequence[Label]) -> list[Operand]:
    place = {name: i for i, name in enumerate(order)}
    for label in gone:
        if not any(label in labels for _, labels in operands):
            operands = [*operands, (float(sizes[label]), ())]
    while True:
        label = next((g for g in gone if any(g in labels for _, labels in operands)), None)
        if label is None:
            return operands
        holders = [o for o in operands if label in o[1]]
        rest = [o for o in operands if label not in o[1]]
        while len(holders) > 2:
            i, j = cheapest(holders, sizes)
            b, a = holders.pop(j), holders.pop(i)
            holders.append(metered_pair(a, b, tuple(dict.fromkeys(a[1] + b[1])), sizes, level))
        elsewhere = {name for _, labels in rest for name in labels}
        names = [name for name in dict.fromkeys(name for _, labels in holders for name in labels)
                 if name not in gone or (name != label and name in elsewhere)]
        kept = tuple(sorted(names, key=lambda name: place.get(name, -1)))
        rest.append(metered_pair(holders[0], holders[1], kept, sizes, level) if len(holders) == 2 else
                    summed_alone(holders[0], tuple(elsewhere), kept))
        operands = rest


def in_window(cols: Operand, operands: list[Operand], names: tuple[Label, ...],
              sizes: dict[Label, int]) -> tuple[Operand, list[Operand]]:
    """Width axes cut to where the window of directions touches them; ``sizes`` is brought up to date."""
    array, labels = cols
    for name in names:
        if name not in labels:
            continue
        axis = labels.index(name)
        touched = np.flatnonzero((array >= 0).any(axis=tuple(i for i in range(array.ndim) if i != axis)))
        first, stop = (int(touched[0]), int(touched[-1]) + 1) if touched.size else (0, 0)
        if stop - first == array.shape[axis]:
            continue
        sizes[name] = stop - first
        array = array[(slice(None),) * axis + (slice(first, stop),)]
        operands = [(a[(slice(None),) * held.index(name) + (slice(first, stop),)], held) if name in held else (a, held)
                    for a, held in operands]
    return (array, labels), operands


def cheapest(operands: list[Operand], sizes: dict[Label, int]) -> tuple[int, int]:
    pairs = [(i, j) for j in range(len(operands)) for i in range(j)]
    return min(pairs, key=lambda ij: prod(sizes[name] for name in {*operands[ij[0]][1], *operands[ij[1]][1]}))


def whole(operands: list[Operand], level: Level) -> Operand:
    """All operands multiplied out under the strong zero: the careful way, for operands with infinities."""
    names = list(dict.fromkeys(name for _, labels in operands for name in labels))
    return product(level, [aligned((np.asarray(a) if np.ndim(a) == 0 else a, labels), names)
                           for a, labels in operands]), tuple(names)


def einsum(operands: list[Operand], result: tuple[Label, ...], sizes: dict[Label, int], level: Level) -> Any:
    """The full contraction as one array with the axes ``result``, repeated along labels that no operand holds."""
    operands = [trimmed(a, labels) for a, labels in operands]
    gone = [n for n in dict.fromkeys(name for _, labels in operands for name in labels) if n not in result]
    operands = eliminate(operands, gone, sizes, level, result)
    arrays = [aligned(o, result) for o in operands]
    full = arrays[0] if gone and len(arrays) == 1 else product(level, arrays)
    shape = tuple(sizes[name] for name in result)
    return full if getattr(full, "shape", ()) == shape else np.broadcast_to(full, shape)

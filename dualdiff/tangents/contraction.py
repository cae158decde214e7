"""Sums of products over labelled axes, carried out on whichever operands hold the label.

An operand is ``(array, labels)``; axes of length one are trimmed away, so that an operand only ever holds the labels it
really varies along. This is what lets a contraction stay cheap on a factored leaf: a label that the matrix X does not
have is summed in the other factors alone, as an expert would by hand. Operands may be duals of a lower level.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .coefficients import finite, product
from .level import Level

Label = Hashable
Operand = tuple[Any, tuple[Label, ...]]
SMALL = 1 << 15  # entries of an array of all directions below which calls cost more than arithmetic


def trimmed(array: Any, labels: Sequence[Label]) -> Operand:
    """The operand without its axes of length one."""
    shape, left = thin(array.shape, tuple(labels))
    return array if shape is None else array.reshape(shape), left


def thin(shape: tuple[int, ...], labels: tuple[Label, ...]) -> tuple[tuple[int, ...] | None, tuple[Label, ...]]:
    """The shape without its axes of length one, None where there are none, and the labels of the others."""
    if 1 not in shape:
        return None, labels
    keep = [i for i, n in enumerate(shape) if n != 1]
    return tuple(shape[i] for i in keep), tuple(labels[i] for i in keep)


def thinned(arrays: list[Any], forms: list[tuple[tuple[int, ...] | None, tuple[Label, ...]]]) -> list[Operand]:
    """The operands whose forms `thin` has told."""
    return [(a if shape is None else a.reshape(shape), labels) for a, (shape, labels) in zip(arrays, forms, strict=True)]


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


@lru_cache(maxsize=1024)
def pairing(lx: tuple[Label, ...], ly: tuple[Label, ...], result: tuple[Label, ...]) -> Callable[[Any, Any], Any]:
    """What multiplies arrays of these labels, summing over those absent from result: one matrix product, or a broadcast."""
    plan = as_matrices(lx, ly, result)
    if plan is not None:
        swap, turn_left, turn_right = plan

        def matrices(x: Any, y: Any) -> Any:
            left, right = (packed(y), packed(x)) if swap else (packed(x), packed(y))
            return (left.T if turn_left else left) @ (right.T if turn_right else right)
        return matrices
    (alone_x, mx), (alone_y, my) = alone(lx, ly, result), alone(ly, lx, result)
    inner = [label for label in mx if label in my and label not in result]
    if not inner:
        return lambda x, y: aligned((summed(x, alone_x), mx), result) * aligned((summed(y, alone_y), my), result)
    swap = bool(result) and result[-1] in mx and result[-1] not in my  # the columns of the product come last
    one, other = (my, mx) if swap else (mx, my)
    batch = [label for label in one if label in other and label in result]
    rows = [label for label in one if label not in other]
    columns = [label for label in other if label not in one]
    left_order, right_order = (*batch, *rows, *inner), (*batch, *inner, *columns)
    labels = (*batch, *rows, *columns)
    b, r = len(batch), len(batch) + len(rows)

    def product_of_matrices(x: Any, y: Any) -> Any:
        x, y = packed(summed(x, alone_x)), packed(summed(y, alone_y))
        left, right = (y, x) if swap else (x, y)
        left, right = aligned((left, one), left_order), aligned((right, other), right_order)
        outer, shape = left.shape[:b], left.shape[:r] + right.shape[b + len(inner):]
        depth = prod(left.shape[r:])
        made = left.reshape((*outer, prod(left.shape[b:r]), depth)) @ right.reshape((*outer, depth, prod(shape[r:])))
        return aligned((made.reshape(shape), labels), result)
    return product_of_matrices


def alone(labels: tuple[Label, ...], others: Sequence[Label],
          result: Sequence[Label]) -> tuple[tuple[int, ...], tuple[Label, ...]]:
    """The axes that only this operand has and the result has not, and the labels that are left without them."""
    axes = tuple(i for i, label in enumerate(labels) if label not in others and label not in result)
    return axes, tuple(label for i, label in enumerate(labels) if i not in axes)


def packed(array: Any) -> Any:
    """The array without axes that only repeat it, for which NumPy has no BLAS: a copy takes a seventh of such a product."""
    return array.copy() if type(array) is np.ndarray and 0 in array.strides else array


def summed(array: Any, axes: tuple[int, ...]) -> Any:
    return np.sum(array, axis=axes) if axes else array


def pair(a: Operand, b: Operand, result: tuple[Label, ...]) -> Operand:
    """The product of two operands, summed over the labels absent from result."""
    return pairing(a[1], b[1], result)(a[0], b[0]), result


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


class SmallWay:
    """How all directions of a small array are contracted with a constant by one plain product: ``full`` is the shape of all
    directions, ``entries`` are made, ``work`` are the multiply-adds of one direction.
    """

    __slots__ = ("entries", "full", "multiply", "work")

    def __init__(self, multiply: Callable[[Any, Any], Any], full: tuple[int, ...], entries: int, work: int) -> None:
        self.multiply, self.full, self.entries, self.work = multiply, full, entries, work


@lru_cache(maxsize=1024)
def small_way(labels: tuple[Label, ...], shape: tuple[int, ...], others: tuple[Label, ...], other_shape: tuple[int, ...],
              result: tuple[Label, ...], k: int) -> SmallWay | None:
    """None where the arrays are not small, or one is repeated along an axis of the other."""
    sizes = dict(zip(labels, shape, strict=True)) | dict(zip(others, other_shape, strict=True))
    made = k * prod(sizes.get(name, 1) for name in result)
    if 2 * max(k * prod(shape), made) > SMALL or tuple(map(sizes.get, labels)) != shape:
        return None
    multiply = pairing((0, *labels), others, (0, *result))
    return SmallWay(multiply, (k, *shape), 2 * made + k * prod(shape), prod(sizes.values()))


def eliminate(operands: list[Operand], gone: Sequence[Label], sizes: dict[Label, int], level: Level,
              order: Sequence[Label]) -> list[Operand]:
    """The operands after summing over the labels ``gone``; those that hold none of them are returned as they are.

    The labels of products follow ``order``. A quick sweep looks at the sums only: an infinite operand leaves none finite.
    """
    if not gone:
        return operands
    if not level.careful:
        # with more labels gone, there is one that no operand has, whose length counts
        if len(operands) == 2 and len(gone) == 1 and as_matrices(operands[0][1], operands[1][1], tuple(order)) is not None:
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
    steps, left = elimination(tuple([labels for _, labels in operands]), tuple(gone), tuple(sizes.items()), tuple(order))
    found: list[Any] = list(operands)
    for i, j, result in steps:
        if j is None:
            found.append((summed(found[i][0], result[0]), result[1]) if i >= 0 else (float(sizes[result]), ()))
        else:
            found.append(metered_pair(found[i], found[j], result, sizes, level))
    return [found[i] for i in left]


@lru_cache(maxsize=1024)
def elimination(operands: tuple[tuple[Label, ...], ...], gone: tuple[Label, ...], extents: tuple[tuple[Label, int], ...],
                order: tuple[Label, ...]) -> tuple[list[tuple[int, Any, Any]], list[int]]:
    """How operands of these labels are summed over the labels ``gone``, and the numbers of those that are left.

    Each step appends an operand: the product of two, with the labels it keeps; one summed along axes that it alone has (axes
    and labels left); or the length of a label that no operand has (-1, None, label).
    """
    place, sizes = {name: i for i, name in enumerate(order)}, dict(extents)
    steps: list[tuple[int, Any, Any]] = []
    found = list(enumerate(operands))

    def append(rest: list[Any], step: tuple[int, Any, Any], labels: tuple[Label, ...]) -> list[Any]:
        steps.append(step)
        return [*rest, (len(operands) + len(steps) - 1, labels)]

    for label in gone:
        if not any(label in labels for _, labels in found):
            found = append(found, (-1, None, label), ())
    while True:
        label = next((g for g in gone if any(g in labels for _, labels in found)), None)
        if label is None:
            return steps, [i for i, _ in found]
        holders = [o for o in found if label in o[1]]
        rest = [o for o in found if label not in o[1]]
        while len(holders) > 2:
            i, j = cheapest(holders, sizes)
            b, a = holders.pop(j), holders.pop(i)
            both = tuple(dict.fromkeys(a[1] + b[1]))
            holders = append(holders, (a[0], b[0], both), both)
        elsewhere = {name for _, labels in rest for name in labels}
        names = [name for name in dict.fromkeys(name for _, labels in holders for name in labels)
                 if name not in gone or (name != label and name in elsewhere)]
        kept = tuple(sorted(names, key=lambda name: place.get(name, -1)))
        if len(holders) == 2:
            found = append(rest, (holders[0][0], holders[1][0], kept), kept)
        else:
            axes, labels = alone(holders[0][1], tuple(elsewhere), kept)
            found = append(rest, (holders[0][0], None, (axes, labels)), labels)


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


class Way:
    """How a full contraction goes, as far as labels and sizes tell: the result has the axes ``result``."""

    __slots__ = ("full", "gone", "operands", "result", "shape", "sizes")

    def __init__(self, operands: list[tuple[tuple[int, ...], tuple[Label, ...]]], result: tuple[Label, ...],
                 sizes: dict[Label, int], shape: tuple[int, ...]) -> None:
        self.operands = [thin(own, labels) for own, labels in operands]
        self.gone = [n for n in dict.fromkeys(name for _, labels in self.operands for name in labels) if n not in result]
        self.result, self.sizes, self.shape = result, sizes, shape
        self.full = tuple(sizes[name] for name in result)


def contracted(arrays: list[Any], way: Way, level: Level) -> Any:
    """The full contraction as one array with the axes ``way.result``, repeated along labels that no operand holds."""
    operands = eliminate(thinned(arrays, way.operands), way.gone, way.sizes, level, way.result)
    arrays = [aligned(o, way.result) for o in operands]
    full = arrays[0] if way.gone and len(arrays) == 1 else product(level, arrays)
    return full if getattr(full, "shape", ()) == way.full else np.broadcast_to(full, way.full)

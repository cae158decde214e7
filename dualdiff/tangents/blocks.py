"""Products of factors, written into strided views of a result: what assembling spends its time on."""

from __future__ import annotations

from typing import Any

import numpy as np

from .coefficients import folded, product, seen_finite
from .contraction import trimmed
from .leaf import Leaf

LARGE = 1 << 12  # entries of a block that is worth asking how it is multiplied best
SHORT = 16  # numbers that a loop is started for
ROWS = 128  # directions that are turned at a time: a whole matrix turned at once takes twice as long
SLAB = 1 << 18  # bytes of a product that is added up piece by piece
ROOM = 1 << 20  # bytes of the budget that are left free for einsum


def write(place: Any, operands: list[Any], leaf: Leaf, fresh: bool, checked: bool) -> None:
    """The product of the operands into a strided view of the result, without a temporary of its size if it is fresh; what is
    not ``checked`` may be infinite.
    """
    put = np.copyto if fresh else add_to
    if not operands:
        put(place, 1)
    elif len(operands) == 1 and not checked:
        by_rows(put, place, operands[0])
    elif len(operands) == 1 or (checked and not all(seen_finite(leaf.level, a) for a in operands)):
        by_rows(put, place, product(leaf.level, operands))
    else:
        a, b = folded(operands, 2)
        meter = leaf.level.meter
        if fresh:
            if meter is None or meter.room > ROOM:  # einsum has buffers of its own
                put_product(place, a, b)
            else:
                np.multiply(a, b, out=place)
            return
        if meter is not None:
            meter.charge(2 * min(place.size, SLAB // 8))  # the slab, and NumPy's buffer where it is strided
        add_product(place, a, b)


def add_to(place: Any, a: Any) -> None:
    place += a


def put_product(place: Any, a: Any, b: Any) -> None:
    """place = a · b. Where each varies along axes that the other lacks, loops along memory that lies apart cost more than
    copies; where the place's own does, einsum takes two thirds of multiply's time.
    """
    if place.size >= LARGE and np.ndim(a) and np.ndim(b) and a.dtype == b.dtype == place.dtype:
        axes = [i for i, n in enumerate(place.shape) if n > 1]
        (left, of_left), (right, of_right) = (trimmed(x, range(place.ndim - x.ndim, place.ndim)) for x in (a, b))
        if len(of_left) < len(axes) > len(of_right) and {*of_left, *of_right} == {*axes}:
            if place.strides[axes[-1]] == place.itemsize and place.shape[axes[-1]] >= SHORT:
                np.multiply(np.ascontiguousarray(a), np.ascontiguousarray(b), out=place)
            else:
                labels: Any = of_left, of_right, axes
                np.einsum(left, labels[0], right, labels[1], labels[2], out=trimmed(place, range(place.ndim))[0])
            return
    by_rows(lambda place, a, b: np.multiply(a, b, out=place), place, a, b)


def by_rows(operate: Any, place: Any, *operands: Any) -> None:
    """operate(place, …), some rows at a time where directions lead in the operands and trail in the memory of the place."""
    if place.ndim < 2 or place.shape[0] <= ROWS or place.strides[0] != place.itemsize:
        operate(place, *operands)
        return
    for start in range(0, place.shape[0], ROWS):
        part = slice(start, start + ROWS)
        operate(place[part], *(x[part] if np.ndim(x) == place.ndim and x.shape[0] > 1 else x for x in operands))


def add_product(place: Any, a: Any, b: Any) -> None:
    """place += a · b in slabs that stay in the cache, so that there is no temporary of the size of the result."""
    longest = max(place.shape, default=0)
    slabs = min(longest, place.size * place.itemsize // SLAB + 1)
    if slabs < 2:
        place += a * b
        return
    axis = place.shape.index(longest)
    a, b = (np.broadcast_to(o, place.shape) for o in (a, b))
    for i in range(slabs):
        part = (slice(None),) * axis + (slice(longest * i // slabs, longest * (i + 1) // slabs),)
        place[part] += a[part] * b[part]

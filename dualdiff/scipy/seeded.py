"""What SciPy makes of functions that it calls again and again, differentiated in the numbers that it depends on.

A sweep of many directions, or one on a tape, would be carried through every call. If less is perturbed among the arguments and
in the closures of functions there than the sweep has directions, a forward sweep of those numbers alone is made inside, and its
Jacobian links the result to them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..dual_array import wrapped
from ..elementwise import LEVELED
from ..forms import top_level, value_at
from ..tangents.replay import Record
from ..tangents.tangent import Tangent
from ..transforms import value_and_jacobian
from .callbacks import Apart, linear_part
from .closures import Replaced, held, put_back, reached

Arrays = list[Any]


def in_what_is_perturbed(run: Callable[[Any], Arrays], given: Any) -> Arrays:
    """``run(given)``, arrays, as functions of the duals in ``given``, a tuple of what ``Replaced`` looks into."""
    duals: dict[int, Any] = {}

    def listed(x: Any) -> Any:
        if type(x) in LEVELED:
            x.refresh()
            if x.eps.terms:
                duals[id(x)] = x
        return x
    Replaced(listed).of(given)
    level = top_level(duals.values())
    moving = [x for x in duals.values() if x.level is level]
    if not moving:
        return run(given)
    record, bases = None, moving
    if moving[0].eps.on_tape:
        ends = Apart().frontier({leaf: None for x in moving for leaf in x.eps.terms})
        record = Record([x.eps for x in moving], ends)
        if not record.is_real():
            return run(given)
        bases = [wrapped(np.zeros(leaf.shape)[()], Tangent({leaf: None}, leaf.shape), level) for leaf in ends]
    elif (next(iter(moving[0].eps.terms)).k or 1) <= sum(prod(x.shape) for x in moving):
        return run(given)

    places, written = reached(given), False
    before = [*map(held, places)]

    def of_bases(*seeded: Any) -> Arrays:
        nonlocal written
        eps = [b.eps for b in seeded] if record is None else record.replay([b.eps for b in seeded])
        new = {id(x): wrapped(x.value, t, seeded[0].level) for x, t in zip(moving, eps, strict=True)}
        replaced = Replaced(lambda x: new.get(id(x), x))
        found = run(replaced.of(given))
        written = written or replaced.written()
        return found
    sweep = value_and_jacobian(of_bases, tuple(range(len(bases))), mode="forward")
    found, matrices = sweep(*(value_at(b, level) for b in bases))
    if put_back(places, before) or written:  # by a function that keeps what it has computed: the duals of a sweep that is over
        return run(given)
    return [linked(y, bases, J) for y, J in zip(found, matrices, strict=True)]


def linked(y: Any, bases: Arrays, matrices: Any) -> Any:
    """y, with ∂y/∂b for each base b. What was not found moves y by itself, and J to the second order only."""
    for b, J in zip(bases, matrices, strict=True):
        J = value_at(J, b.level)
        if hasattr(J, "level") or np.any(J):
            part = linear_part(J, np.shape(y))(b)
            y = y + wrapped(np.zeros(np.shape(y))[()], part.eps, b.level)
    return y

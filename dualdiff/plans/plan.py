"""Plans: for each structure of a program, a function of what was noted that gives the derivative."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, ClassVar

import numpy as np

from ..dual_array import DualArray
from ..dual_scalar import DualScalar
from ..errstate import REMEMBERED, Remembered
from ..tangents.coefficients import finite
from .code import EVENTS, Compiled, compiled
from .derive import active, cotangents, jacobians, size_of, tangents
from .entries import INDEX
from .graph import Graph, UnplannedError
from .notes import MOST, Notes

Results = tuple[list[int | None], list[Any]]  # nodes, None for zeros, and the shapes that are asked for
Maker = Callable[[Graph, int, list[int]], Results]
PLANS: dict[Any, Compiled | None] = {}
MOST_PLANNED = 100_000  # operations
UNKNOWN = object()
ORDERS = [list(range(n)) for n in range(2 * MOST)]
DOUBLE = np.dtype(np.float64)


def told(kind: str, flag: int) -> None:
    EVENTS.met = True  # not an error: some of NumPy's functions go on with one


class Watched(Remembered):
    """``with`` this, floating-point events are told."""

    __slots__ = ()
    made: ClassVar[dict[Any, Any]] = {}
    make = staticmethod(lambda: np.errstate(all="call", call=told))


watched: Any = Watched if REMEMBERED else Watched.make


def planned(notes: Any, out: Any, make: Maker, more: tuple[Any, ...] = ()) -> list[Any] | None:
    """The arrays that the plan for what was noted gives, from it and from ``more``; None where there is none, or where it met
    what is not finite.
    """
    if type(notes) is not Notes:
        replayed: list[Any] | None = notes.results(make, more)  # see replay.py
        return replayed
    kind = type(out)
    if (kind is not DualScalar and kind is not DualArray) or type(out.source) is not int or out.level.notes is not notes:
        return None
    n, values = len(notes.entries), notes.values
    if [*notes.entries] != (ORDERS[n] if n < len(ORDERS) else [*range(n)]) or not finite(values[out.source]):
        return None
    key = make, out.source, (*notes.entries.values(),)
    try:
        plan: Any = PLANS.get(key, UNKNOWN)
    except TypeError:  # an array as the bound of a slice has no hash
        return None
    try:
        if plan is UNKNOWN:
            plan = plan_for(notes, out.source, make)
            if sum(len(noted) for _, _, noted in PLANS) + n > MOST_PLANNED:
                PLANS.clear()
            PLANS[key] = plan
        return None if plan is None else worked_out(plan, values | dict(enumerate(more, n)) if more else values)
    except Exception as error:  # a mistake of ours: the ordinary rules have the answer
        dropped(key, error)
        return None


def worked_out(plan: Compiled, values: dict[int, Any]) -> list[Any] | None:
    """What the plan gives, if all of it is finite and nothing happened on the way."""
    EVENTS.met = False
    with watched():
        return results_of(plan, values)


def results_of(plan: Compiled, values: dict[int, Any]) -> list[Any] | None:
    results = plan(values)
    if EVENTS.met:
        return None
    for a in results:
        flat = a if a.ndim == 1 else a.ravel()
        if not flat.dot(flat) < inf:
            return None
    return results


def dropped(key: Any, error: Exception) -> None:
    PLANS[key] = None


def plan_for(notes: Notes, out: int, make: Maker) -> Compiled | None:
    if any(f.dtype != DOUBLE for i, f in notes.values.items() if hasattr(f, "dtype") and notes.entries[i][0] is not INDEX):
        return None
    graph = Graph()
    try:
        inputs, made = graph.read(notes)
        return compiled(graph, *make(graph, made[out], inputs))
    except UnplannedError:
        return None


# ---- what is planned
FEW = 16  # directions that are worth carrying along together
SEVERAL = 64  # of a Hessian, whose graph has two derivatives


def backward(graph: Graph, out: int, inputs: list[int]) -> Results:
    """The gradient, by a reverse sweep."""
    return cotangents(graph, out, inputs), [graph.shapes[i] for i in inputs]


def forward(graph: Graph, out: int, inputs: list[int]) -> Results:
    """The Jacobian, by a forward sweep: the directions last."""
    return jacobians(graph, [out], inputs), [(*graph.shapes[out], size_of(graph, inputs))]


def rows(graph: Graph, out: int, inputs: list[int]) -> Results:
    """The Jacobian with the directions first."""
    return jacobians(graph, [out], inputs, False), [(size_of(graph, inputs), *graph.shapes[out])]


def along(graph: Graph, out: int, inputs: list[int]) -> Results:
    """The derivative along the directions that follow the notes."""
    return tangents(graph, seeded(graph, inputs), [out], None), [graph.shapes[out]]


def evenly(graph: Graph, out: int, inputs: list[int]) -> Results:
    """The derivative along the direction that is 1 everywhere."""
    return tangents(graph, {i: {None: None} for i in inputs}, [out], None), [graph.shapes[out]]


def at_each(graph: Graph, out: int, inputs: list[int]) -> Results:
    """The derivative of each element of the result in its own of the input, of a program that acts on each by itself."""
    shape = graph.shapes[inputs[0]]
    if any(graph.nodes[i][0] not in ("apply", "partial") or graph.shapes[i] != shape for i in active(graph, inputs, [out])
           if i not in inputs):
        raise UnplannedError("not elementwise")
    return evenly(graph, out, inputs)


def seeded(graph: Graph, inputs: list[int]) -> Any:
    return {i: {None: graph.value(graph.count + place, graph.shapes[i])} for place, i in enumerate(inputs)}


def second(graph: Graph, out: int, inputs: list[int]) -> Results:
    """The derivatives of the gradient, the directions last."""
    shapes, n = [graph.shapes[i] for i in inputs], size_of(graph, inputs)
    slopes = [None if i is None else graph.spread(i, s) for i, s in zip(cotangents(graph, out, inputs), shapes, strict=True)]
    return jacobians(graph, slopes, inputs), [(*s, n) for s in shapes]


def turned(graph: Graph, out: int, inputs: list[int]) -> Results:
    """The derivative of the gradient along the directions that follow the notes."""
    slopes = cotangents(graph, out, inputs)
    each = iter(tangents(graph, seeded(graph, inputs), [i for i in slopes if i is not None], None))
    return [None if i is None else next(each) for i in slopes], [graph.shapes[i] for i in inputs]

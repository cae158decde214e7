"""Straight programs done again on plain numbers, so that a plan has the values it needs and no dual is made.

A program that is read (`straight.py`) and whose notes have a plan is linked: its steps are traced (`trace.py`), and must note
what f did. From then on the function that this makes looks whether all that the program reaches is of the kind it was (the same
functions; numbers and arrays of the same types and shapes, whose values are read anew), does the steps, and gives the values by
their numbers in the notes. There is nothing by which a program could tell.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..dual import new
from ..errors import LATEST
from ..errstate import all_ignored
from ..policies import WATCH
from ..tangents.coefficients import finite
from .code import EVENTS
from .guards import UnlinkedError
from .notes import Notes
from .plan import PLANS, results_of, watched
from .straight import Straight, straight
from .trace import DUALS, Tracer

AT_LEAST = 2  # runs that a plan has followed, before a program is linked
MOST_VAIN = 8  # replays one after the other that met what plans leave to f: then there are no more
MOST_LINKS = 4  # of one code: of other shapes, and other functions around it


class Replay:
    """What stands for notes where a program was replayed."""

    __slots__ = ("link", "values")

    def __init__(self, link: Link, values: dict[int, Any]) -> None:
        self.link, self.values = link, values

    def results(self, make: Any, more: tuple[Any, ...]) -> list[Any] | None:
        link = self.link
        plan = link.plans.get(make)
        if plan is None:
            plan = link.plans[make] = PLANS.get((make, *link.key))
        if plan is None:
            return None
        found = results_of(plan, self.values | dict(enumerate(more, link.count)) if more else self.values)
        link.vain = 0 if found is not None else link.vain + 1
        return found


def replayed(inputs: Any, plan: Any) -> Any:
    """What the plan makes of f's steps; None where f itself has to run."""
    known = inputs.known
    if known is None or not known.straight or inputs.options or known.compares or WATCH.count or is_debugged():
        return None
    program, places = known.straight, inputs.places
    for link in program.links:
        if link.places == places:
            EVENTS.met = False
            try:
                with watched():
                    values = link.run(inputs.f, inputs.arguments(inputs.leaves))
                    if values is None:
                        continue
                    out = new(link.kind)
                    out.value = f = values[link.out]
                    found = plan(out, Replay(link, values)) if finite(f) else None
            except Exception:  # f itself says what is wrong
                return None
            if found is not None and not EVENTS.met:
                inputs.spared()
                return found
            if link.vain > MOST_VAIN:
                program.links, program.left = [one for one in program.links if one is not link], 0
            return None
    return None


def is_debugged() -> bool:
    """Whether somebody may want to stop in f."""
    trace = sys.gettrace()
    if trace is not None and "coverage" not in type(trace).__module__:
        return True
    return MONITORING is not None and MONITORING.get_tool(MONITORING.DEBUGGER_ID) is not None


MONITORING: Any = getattr(sys, "monitoring", None)


def learn(inputs: Any, out: Any, notes: Notes) -> None:
    """After a plan gave the answer: link f's steps, once it was run some times."""
    known, f = inputs.known, inputs.f
    if type(f) is not FunctionType or inputs.options or inputs.places is None:
        return
    if known.straight is False:
        known.straight = straight(f.__code__)
    program = known.straight
    if program is None:
        return
    program.seen += 1
    if program.seen < AT_LEAST or not program.left:
        return
    key, places = (out.source, (*notes.entries.values(),)), inputs.places
    if any(link.key == key and link.places == places for link in program.links):  # of which there was no such plan yet
        return
    program.left -= 1
    latest = LATEST.get()
    try:
        with all_ignored():
            program.links = [Link(program, inputs, out, notes), *program.links[:MOST_LINKS - 1]]
    except Exception:  # it does what replays do not
        LATEST.set(latest)
        program.left //= 2


class Link:
    """A program's steps, tied to the notes of a run. ``run(f, args)`` gives the values, None where something is of another
    kind; ``places`` are those of the differentiated arguments, ``out`` is the number of the result, ``key`` that of a plan but
    for its maker, ``vain`` counts replays since the last that gave something.
    """

    def __init__(self, program: Straight, inputs: Any, out: Any, notes: Notes) -> None:
        self.places, self.kind, self.out, self.vain = inputs.places, type(out), out.source, 0
        self.plans: dict[Any, Any] = {}
        self.key, self.count = (out.source, (*notes.entries.values(),)), len(notes.entries)
        tracer = Tracer(inputs, out.level.number)
        text, result = tracer.returned(program, "f", inputs.f, tracer.args)
        if type(result) is list:  # of slopes, which are stacked
            result = tracer.result(f"stack({text})", [x for x in result if type(x[1]) not in DUALS])[1]
        mine = tracer.notes
        if type(result) is not self.kind or result.source != out.source or mine.entries != notes.entries or \
                not np.array_equal(result.value, notes.values[out.source]):
            raise UnlinkedError
        self.run: Callable[..., Any] = tracer.function()

"""Sweeps of short programs: which they are, how f runs while it is noted, and what becomes of the notes (see plans/)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import LATEST
from ..plans.notes import NotesFailed
from ..plans.reach import is_within_reach
from ..plans.replay import learn
from ..tangents.level import Level
from .inputs import DOUBLE
from .results import PLAIN

FEW_NUMBERS = 20_000  # arrays of more take longer than the operations on them


def is_brief(inputs: Any) -> bool:
    """Whether the inputs are few plain numbers, and what f does to them is worth noting."""
    size = 0
    for x in inputs.leaves:
        if type(x) not in PLAIN or (x.dtype is not DOUBLE and x.dtype != DOUBLE):  # one that was pickled is another object
            return False
        size += x.size
    return 0 < size <= FEW_NUMBERS and (is_within_reach(inputs.f) if inputs.known is None else inputs.known.within)


def noting(level: Level, inputs: Any) -> Callable[[], Any]:
    """f on inputs whose operations are noted; on ordinary ones when it is called again."""
    notes = level.noted

    def run() -> Any:
        if level.notes is not None:
            return inputs.call(notes.inputs(inputs.leaves, level))
        return inputs.runner(notes.pairs, level, notes.leaves)()
    return run


def from_notes(out: Any, level: Level, inputs: Any, plan: Any, latest: Any) -> Any:
    """What the plan makes of the notes of a run; None where there is none, and they are worked off."""
    if level.noted.unmade.failed:  # and f caught what was raised
        raise NotesFailed
    if level.notes is None:
        return None
    found = plan(out, level.notes) if LATEST.get() is latest and not level.objects else None
    if found is None:
        level.noted.work_off(level)
    elif inputs.known is not None and inputs.known.straight is not None:
        learn(inputs, out, level.noted)
    return found

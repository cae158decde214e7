"""Runs of Levenberg-Marquardt from one start until one ends well; taken up again from checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from .checkpoint import read, require_match, write
from .levenberg import run
from .result import EPS, Array
from .stopping import BUDGET, CONVERGED, INTERRUPTED, Settings, State

VERSION = 2
# First radius, geodesic, adaptive: ever shorter steps after a bad end, at last plain ones from a little beside the start,
# where parameters that play the same part are told apart.
SECOND_TRIES = ((1.0, False, True), (1.0, True, True), (0.1, True, True), (1.0, False, False))


@dataclass
class Progress:
    """Which of the runs is under way, and how the best of the earlier ones ended."""

    turn: int = 0
    limit: int = 0  # of nfev, for this run
    best: Any = None


def attempts(problem: Any, start: Array, settings: Settings, again: bool, progress: Progress | None = None,
             state: State | None = None) -> tuple[State, Any, str, str]:
    """The first run, and where it ended badly others with shorter steps; the best of them."""
    progress = progress or Progress()
    more = again and settings.adaptive
    while True:
        if progress.turn:
            settings.factor, settings.geodesic, settings.adaptive = SECOND_TRIES[progress.turn - 1]
        if settings.each_nfev is not None:
            if state is None:
                progress.limit = problem.nfev + settings.each_nfev
            settings.max_nfev = progress.limit
        try:
            if progress.turn == len(SECOND_TRIES):
                start = start + np.linspace(1e-3, 2e-3, start.size) * np.where(start == 0, 1.0, start)
                start = start if settings.bounds is None else np.clip(start, *settings.bounds)
            end = run(problem, start, settings, state)
        except KeyboardInterrupt:  # before this run had a point; an earlier one has
            if progress.best is None:
                raise
            end = (*progress.best[:2], INTERRUPTED, "interrupted: this is the best found so far")
        state, progress.best = None, better(progress.best, end)
        spent = end[2] == BUDGET and not (settings.each_nfev is not None and problem.nfev >= progress.limit)
        if not more or spent or end[2] == INTERRUPTED or (end[2] == CONVERGED and final(end)) or \
                progress.turn == len(SECOND_TRIES):
            break
        progress.turn += 1
    if not progress.turn:
        return end
    state, point, reason, message = progress.best
    if end[2] == INTERRUPTED:
        reason, message = end[2:]
    state.nfev, state.njev = problem.nfev, problem.njev
    return state, point, reason, f"{message} (the best of {progress.turn + 1} runs with ever shorter steps)"


def better(best: Any, end: Any) -> Any:
    """The end of least cost; of equally good ones the first that converged, else the first."""
    if best is None:
        return end
    cost, least = end[1].cost, best[1].cost
    found = end[2] == CONVERGED and best[2] != CONVERGED
    return end if cost < least * (1 - 1e-9) or (found and cost <= least * (1 + 1e-9)) else best


def final(end: Any) -> bool:
    """Whether the minimum is a point and not a plain, for J has full rank there; or nothing is left of the residuals."""
    state, point = end[:2]
    return point.spectrum is None or not point.spectrum.singular or point.cost < EPS**3 * state.history[0]


# ---- checkpoints
def checkpointed(problem: Any, start: Array, settings: Settings, again: bool, path: Any, resume: bool) -> Any:
    """``attempts``, written to ``path`` after each step, and taken up from there where ``resume`` is set and it exists."""
    progress, state = Progress(), None
    identity = {"version": VERSION, "kind": "least_squares", "start": start, "geodesic": settings.geodesic, "again": again}
    if resume and Path(path).exists():
        found = read(path)
        require_match(path, found, identity)
        progress.turn, progress.limit = int(found["turn"]), int(found["limit"])
        if progress.turn:
            point = problem.sweep(found["best_x"])
            progress.best = restored(found, "best_"), point, str(found["best_reason"]), str(found["best_message"])
        state = restored(found, "")
        state.nfev, state.njev = (int(v) for v in found["counts"])

    def save(now: State) -> None:
        arrays = {**identity, "turn": progress.turn, "limit": progress.limit,
                  "counts": np.array([problem.nfev, problem.njev]), **packed(now, "")}
        if progress.best is not None:
            ended, point, reason, message = progress.best
            arrays |= {**packed(ended, "best_"), "best_x": point.x, "best_reason": reason, "best_message": message}
        write(path, arrays)

    settings.save = save
    return attempts(problem, start, settings, again, progress, state)


def packed(state: State, prefix: str) -> dict[str, Any]:
    values = {prefix + part.name: getattr(state, part.name) for part in fields(State)}
    return {name: np.asarray(value) for name, value in values.items() if value is not None}


def restored(found: Mapping[str, Any], prefix: str) -> State:
    arrays = {part.name: found[prefix + part.name] for part in fields(State) if prefix + part.name in found}
    values = {name: a if a.ndim else a.item() for name, a in arrays.items()}
    return State(**{**values, "history": values["history"].tolist()})

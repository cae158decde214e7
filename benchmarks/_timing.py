"""The interleaved timer: contenders take turns, so that a slow minute of the machine slows all of them.

Round by round every contender runs once (a short one as often as it takes to outlast the clock's grain) in an order
that is drawn anew, and a ratio is taken between samples of the *same round*. Warm-up is kept apart: the first call, which
may trace or compile, and in each round one call of what is short, for what ran before it, a hundred times as long perhaps,
has left its own data in the caches. The garbage collector stays on: users pay for it too.
"""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns
from typing import Any

import numpy as np

LEAST_ROUNDS = 3          # of a contender so slow that the budget allows no more
PATIENCE = 6.0            # seconds that these may take: slower ones run once, and one whose first call took longer not again
COOL = 20e6               # nanoseconds of a call in which caches that others have filled make no difference
MOST_ROUNDS = 301         # quartiles of a median do not get better than the machine's own wandering


@dataclass(frozen=True)
class Contender:
    """One way to the answer. ``per_call``: how many operations one call of ``run`` makes; its time is divided by them.

    ``tolerance``: the largest difference from the first compared contender, relative to that one's largest entry. None:
    the answer is of another kind (f itself, whose cost is the unit) and is not compared. ``peer``: of another library,
    which may trace and compile in its first call.
    """

    name: str
    run: Callable[[], Any]
    tolerance: float | None = 1e-10
    per_call: int = 1
    peer: bool = False


class DisagreementError(AssertionError):
    """A contender gives another answer than the first one: its time would mean nothing."""


@dataclass
class Checked:
    """What the first call of every contender gave: nanoseconds per operation, bytes of the answer, or what went wrong.

    ``resident``: bytes by which the process grew at most meanwhile, compilers included; where the system tells.
    """

    first_calls: dict[str, float] = field(default_factory=dict)
    resident: dict[str, int] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    nbytes: int = 0


def checked(contenders: Sequence[Contender], clock: Callable[[], int] = perf_counter_ns) -> Checked:
    """Call every contender once and compare the answers; one that raises or disagrees is a failure, and need not end a run."""
    found, expected, first = Checked(), None, ""
    for c in contenders:
        try:
            before = resident(reset=True)
            start = clock()
            answer = c.run()
            found.first_calls[c.name] = (clock() - start) / c.per_call
            if before is not None:
                found.resident[c.name] = max(0, (resident() or 0) - before)
            if c.tolerance is None:
                continue
            answer = np.asarray(answer, dtype=float)
            if expected is None:
                expected, first, found.nbytes = answer, c.name, answer.nbytes
            else:
                compare(c, answer, first, expected)
        except Exception as error:                         # whatever a peer raises is its row
            found.failures[c.name] = error
    if sum(c.tolerance is not None and c.name not in found.failures for c in contenders) < 2 and not found.failures:
        raise DisagreementError(f"of {[c.name for c in contenders]} fewer than two are compared: nothing checks them")
    return found


def resident(reset: bool = False) -> int | None:
    """Bytes of the process's highest resident size; with ``reset``, from now on. None where there is no /proc."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def check_agreement(contenders: Sequence[Contender]) -> None:
    """Raise what the first failing contender raised, or DisagreementError with its name and worst entry."""
    for error in checked(contenders).failures.values():
        raise error


def compare(contender: Contender, answer: Any, first: str, expected: Any) -> None:
    scale = float(np.max(np.abs(expected), initial=0.0)) or 1.0
    if answer.shape != expected.shape:
        raise DisagreementError(f"{contender.name!r} gives shape {answer.shape}, {first!r} {expected.shape}")
    error = np.atleast_1d(answer - expected)
    np.abs(error, out=error)                               # in place: answers may take most of the memory
    worst = np.unravel_index(int(np.argmax(error)), error.shape)[:answer.ndim] if error.size else ()
    if error.size and not error[worst] <= (contender.tolerance or 0.0) * scale:            # NaN is a disagreement too
        where = [int(i) for i in worst]
        raise DisagreementError(f"{contender.name!r} gives {float(answer[worst])!r} at {where}, {first!r} "
                                f"{float(expected[worst])!r}; tolerance {contender.tolerance} of {scale:.3g}")


@dataclass(frozen=True)
class Timing:
    """Nanoseconds per operation: the first call, and one sample per round in which the contender ran."""

    name: str
    first: float
    samples: dict[int, float]

    @property
    def median(self) -> float:
        return median(self.samples.values())

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.samples) == 1:
            return self.median, self.median
        low, _, high = quantiles(self.samples.values(), n=4, method="inclusive")
        return low, high


class Timings:
    """The timings of one case by name, in the order given."""

    def __init__(self, timings: Sequence[Timing]) -> None:
        self.by_name = {t.name: t for t in timings}
        self.peaks: dict[str, int] = {}                    # bytes that a call holds at once, where they were measured

    def __getitem__(self, name: str) -> Timing:
        return self.by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def pairs(self, name: str, other: str) -> list[tuple[float, float]]:
        """Samples of two contenders from the same rounds: for each of whichever has fewer, the nearest of the other's."""
        mine, theirs = self.by_name[name].samples, self.by_name[other].samples
        if len(mine) > len(theirs):
            return [(a, b) for b, a in self.pairs(other, name)]
        return [(mine[i], theirs[min(theirs, key=lambda j: abs(j - i))]) for i in sorted(mine)]

    def ratio(self, name: str, over: str) -> float:
        """Median over neighbours in time of time(name) / time(over)."""
        return median(a / b for a, b in self.pairs(name, over))

    def difference(self, name: str, over: str) -> float:
        """Median over neighbours in time of time(name) - time(over), in nanoseconds."""
        return median(a - b for a, b in self.pairs(name, over))


def interleaved(contenders: Sequence[Contender], seconds: float, least_sample: float = 1e-3,
                clock: Callable[[], int] = perf_counter_ns, first_calls: Mapping[str, float] | None = None) -> Timings:
    """Time the contenders for about ``seconds`` in all; a sample lasts at least ``least_sample`` seconds.

    Every contender has the same share of the time. One that is too slow for it still runs LEAST_ROUNDS times, spread
    evenly over the rounds of the others, if that takes no longer than PATIENCE; else once. ``first_calls``: nanoseconds per
    operation of those already made, which are not made again.
    """
    known = first_calls or {}
    first = [known.get(c.name) or sample(c, 1, clock) for c in contenders]
    once = [not c.peer and c.name in known and t * c.per_call > PATIENCE * 1e9 for c, t in zip(contenders, first, strict=True)]
    estimate = [c.per_call * (t if alone else min(sample(c, 1, clock) for _ in range(2 if t * c.per_call < 1e9 else 1)))
                for c, t, alone in zip(contenders, first, once, strict=True)]
    inner = [max(1, math.ceil(least_sample * 1e9 / max(t, 1.0))) for t in estimate]
    share = seconds * 1e9 / len(contenders)
    warm = [t < COOL for t in estimate]
    spent = [t * (n + first) for t, n, first in zip(estimate, inner, warm, strict=True)]
    turns = [min(MOST_ROUNDS, max(1, min(LEAST_ROUNDS, int(PATIENCE * 1e9 / t)), int(share / t))) for t in spent]
    rounds = max(turns)
    samples: list[dict[int, float]] = [{0: t} if alone else {} for t, alone in zip(first, once, strict=True)]
    order = [j for j, alone in enumerate(once) if not alone]
    shuffle = random.Random(0).shuffle                     # the same order every time the script is run
    gc.collect()
    for i in range(rounds):
        shuffle(order)
        for j in order:
            if takes_part(i, turns[j], rounds):
                if warm[j]:
                    contenders[j].run()
                samples[j][i] = sample(contenders[j], inner[j], clock)
    return Timings([Timing(c.name, a, s) for c, a, s in zip(contenders, first, samples, strict=True)])


def takes_part(i: int, turns: int, rounds: int) -> bool:
    """Whether round i is one of ``turns`` spread evenly over ``rounds``; the fastest contenders run in every round."""
    return (i * turns) // rounds != ((i - 1) * turns) // rounds


def sample(contender: Contender, inner: int, clock: Callable[[], int]) -> float:
    run = contender.run
    start = clock()
    for _ in range(inner):
        run()
    return (clock() - start) / (inner * contender.per_call)

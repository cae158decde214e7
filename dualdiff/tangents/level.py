"""Levels: which perturbation a tangent belongs to, so that nested derivatives cannot be confused.

Every sweep opens a level with a fresh, increasing number; an operation on duals of several levels belongs to the highest
and takes the others as its constants. Numbers a user perturbs by hand have level 0, or sit half a step above the duals
they are built on.
"""

from __future__ import annotations

import itertools
from typing import Any, NoReturn

from ..errors import DegenerateError
from .meter import Meter


class CareNeeded(BaseException):
    """An infinite or undefined coefficient was met in a quick sweep: the transform runs again, carefully.

    Not an Exception, so that a user's ``except Exception`` does not swallow it. ``level`` says whose coefficient it was,
    ``wide`` that it may be finite in longer floats.
    """

    def __init__(self, level: Level, wide: bool = False) -> None:
        super().__init__(level)
        self.level, self.wide = level, wide


class Level:
    """One sweep: its number and number of directions, and whether it must watch for infinite partials.

    A quick sweep multiplies coefficients without looking. Where one turns out infinite or NaN when it is first consumed,
    the sweep is repeated with ``careful``, which applies the strong zero at every step. Where one is lost because it is too
    large or too small, ``wide`` takes partials in long doubles, too.
    """

    # What most sweeps leave as it is stands in the class: every transform makes a level.
    one: Any = None  # the one-direction leaf, made by tangents.leaf when asked for
    half_step: Level | None = None
    bases: Any = None  # which bases of degenerate spaces a run takes, see rules/bases.py
    doubt: str | None = None  # why the values may depend on such a basis
    bent: str | None = None  # why second derivatives may depend on what was chosen at a kink
    wide: bool | None = None  # None: no sweep that can start again for that
    generic = False  # partials are replaced by numbers near one: what is perturbed?
    geometry: dict[Any, Any] | None = None  # joined leaves by name, where the next sweep will want them
    columns: Any = None  # of a sweep of some directions: their numbers, -1 for others
    meter: Meter | None = None  # of a sweep with a memory budget
    notes: Any = None  # while operations are noted: where, see plans/notes.py
    noted: Any = None  # where they were
    seen: dict[int, Any] | None = None  # which long coefficients are finite, see tangents/coefficients.py
    k: int | None = None
    over = False  # its duals are spent
    objects = False  # whether NumPy was asked for an array of its numbers, and made one of objects

    def __init__(self, number: float, careful: bool = True, holomorphic: bool = False) -> None:
        self.number, self.careful, self.holomorphic = number, careful, holomorphic

    def above(self) -> Level:
        """The level of duals built by hand on duals of this one: half-way to the next sweep's number."""
        if self.half_step is None:
            below = int(self.number)
            self.half_step = Level(self.number + (below + 1 - self.number) / 2)
        return self.half_step

    def close(self) -> None:
        """The run is over: its duals are spent."""
        self.over = True
        if self.noted is not None:
            self.noted.release()

    @property
    def is_sweep(self) -> bool:
        """Whether its program can be run again, which one of duals made by hand cannot."""
        return self.number == int(self.number) != 0

    @property
    def patterned(self) -> bool:
        """Whether the sweep is asked which entries there are, so that zeros may not be filled in."""
        return self.geometry is not None or self.generic

    def ask_for_care(self, wide: bool = False) -> NoReturn:
        """End this sweep: its transform runs again, carefully."""
        raise CareNeeded(self, wide)

    def charge(self, entries: int) -> None:
        """About to make arrays of so many numbers: a sweep with a memory budget may have to be split."""
        if self.meter is not None:
            self.meter.charge(entries)

    def bend(self, reason: str) -> None:
        """A partial was chosen at a kink and is differentiated: the sweep looks whether its result depends on that."""
        if not self.is_sweep:
            raise DegenerateError(reason)
        self.bent = self.bent or reason
        self.doubt = self.doubt or self.bent

    def __repr__(self) -> str:
        return f"Level({self.number:g})"

    def __reduce__(self) -> str:
        if self.number == 0:
            return "HAND"
        raise TypeError("a dual number inside a running sweep cannot be pickled; pickle its value, or the result")


def is_dual(x: Any) -> bool:
    """Whether x is a dual of any kind. An object of the user's may have a level, too, or hand out that of a dual inside it; a
    formula's differential has no value.
    """
    return hasattr(type(x), "value") and type(getattr(x, "level", None)) is Level


_numbers = itertools.count(1)


def next_number() -> int:
    """A fresh level number; ``next`` on a count is atomic, so threads never share one."""
    return next(_numbers)


HAND = Level(0)

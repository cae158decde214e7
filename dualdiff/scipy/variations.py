"""The variational equations of a trajectory: the state with its ε-parts beside it as one plain vector, and its slopes.

They are those of the program's own function, run on the state as the dual it is. Of few numbers a plan (see plans/) gives the
Jacobian instead, in the state and in whatever else is perturbed: f runs on numbers whose operations are only noted.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any, ClassVar, NoReturn

import numpy as np

from ..dual_array import DualArray
from ..elementwise import LEVELED
from ..errors import LATEST
from ..plans.notes import Notes, NotesFailed
from ..plans.plan import FEW, planned
from ..plans.plan import forward as ahead
from ..plans.replay import learn, replayed
from ..policies import WATCH
from ..tangents.level import CareNeeded, Level, next_number
from ..transforms.asking import known_of
from .callbacks import Apart, Key, together
from .closures import Replaced, held, put_back, reached

Function = Callable[..., Any]
LARGEST = 1e12  # unit of a direction
KEPT = 100  # things in lists and dicts that f reaches, which are looked at after each run


class State:
    """The state of n numbers with its ε-parts beside it as one plain vector, block after block of n."""

    def __init__(self, f: Function, t: float, y: Any, given: tuple[Any, tuple[Any, ...]], call: Any) -> None:
        """``given`` is the program's own function and its further arguments, which ``call(function, t, y, args)`` calls; None
        where it takes tables of states.
        """
        self.f, self.apart, self.n, self.given, self.call = f, Apart(), np.shape(y)[0], given, call
        self.start = self.apart.parts(y)
        self.units: dict[Key, Any] = {}
        self.blocks: dict[Key, tuple[int, int, tuple[int, ...], Any]] = {}
        self.met(self.start)
        self.met(self.apart.parts(f(t, y)))

    def met(self, parts: dict[Key, Any]) -> None:
        """Directions are scaled to the size of the value, since the integrator's absolute tolerance is meant for states."""
        size = float(np.max(np.abs(parts[()]), initial=0.0)) or 1.0
        for key, a in parts.items():
            rows = np.max(np.abs(a), axis=-1, keepdims=True, initial=0.0)
            with np.errstate(all="ignore"):
                unit = np.clip(np.nan_to_num(size / rows, nan=LARGEST, posinf=LARGEST), 1.0, LARGEST) if key else np.ones(1)
            self.units[key] = np.minimum(unit, self.units[key]) if key in self.units else unit

    def settle(self) -> None:
        """The units as they are now, and where the block of each part begins and ends."""
        self.blocks = {}
        start = 0
        for key, unit in self.units.items():
            self.units[key] = unit = np.where(unit == LARGEST, 1.0, unit)
            stop = start + unit.size * self.n
            self.blocks[key] = start, stop, (*unit.shape[:-1], self.n), None if np.all(unit == 1.0) else unit
            start = stop
        directions = self.blocks.keys() - {()}
        self.planned = None if self.call is None else planned_for(self.call, self.given, self.n, directions)

    def packed(self, parts: dict[Key, Any]) -> Any:
        if parts.keys() - self.blocks.keys():
            self.unknown = {key: a for key, a in parts.items() if key not in self.blocks}
        vector = np.zeros(max(stop for _, stop, _, _ in self.blocks.values()))
        for key, a in parts.items():
            if key in self.blocks:
                start, stop, _, unit = self.blocks[key]
                vector[start:stop] = np.ravel(a if unit is None else a * unit)
        return vector

    unknown: Any = None

    def dual(self, vector: Any) -> Any:
        """The state, or with a second axis the states at several times."""
        vector, more, parts = vector.copy(), vector.shape[1:], {}  # of memory that SciPy writes to again
        for key, (start, stop, shape, unit) in self.blocks.items():
            block = np.reshape(vector[start:stop], shape + more)
            parts[key] = block if unit is None else block / np.reshape(unit, unit.shape + (1,) * len(more))
        return together(parts)

    def slope(self, t: Any, vector: Any) -> Any:
        if self.planned is not None:
            (_, n, _, _), (start, stop, _, unit) = self.blocks.values()
            directions = vector[start:stop].reshape(-1, n)
            found = self.planned.slope(t, vector[:n].copy(), directions if unit is None else directions / unit)
            if found is not None:
                return np.concatenate([found[0], (found[1] if unit is None else found[1] * unit).ravel()])
            self.planned = None  # nor later: a branch that is not noted is taken again
        return self.packed(self.apart.parts(self.f(t, self.dual(vector))))

    def run(self, integrate: Function) -> Any:
        """What ``integrate(slope, start, blocks)`` finds; again if a part came up on the way, after a branch."""
        while True:
            self.settle()
            self.unknown = None
            found = integrate(self.slope, self.packed(self.start), sum(unit.size for unit in self.units.values()))
            if self.unknown is None:
                return found
            self.met({(): np.zeros(self.n)} | self.unknown)


class UnplannedError(BaseException):
    """A function does what is not noted: no Exception, so that its own ``except Exception`` does not swallow it."""


def unplanned(*_: Any) -> NoReturn:
    raise UnplannedError


class Planned:
    """The slopes of the state and of its directions by a plan: J V, where V holds the directions of what f is a function of.

    ``given`` is f and its further arguments, ``moving`` the duals in them and in closures; ``call(f, t, y, args)`` calls it.
    In their places are always the same objects, which become the inputs of one run after another. An f in one straight line,
    all of whose duals are arguments, is replayed as in other sweeps.
    """

    options: ClassVar[dict[str, Any]] = {}

    def spared(self) -> None:
        """Nobody counts the runs."""

    def __init__(self, call: Function, given: tuple[Any, tuple[Any, ...]], moving: list[Any], places: list[Any]) -> None:
        self.call, self.reached, self.leaves = call, places, [None, *(x.value for x in moving)]
        self.moving = [x.eps.dense().reshape(-1, np.size(x.value)) for x in moving]
        self.inputs: list[Any] = [object.__new__(type(x)) for x in moving]
        instead = {id(x): own for x, own in zip(moving, self.inputs, strict=True)}
        self.replaced = Replaced(lambda x: instead.get(id(x), x))
        self.given = self.replaced.of(given)
        self.f, self.known = self.given[0], None
        if type(self.f) is FunctionType and self.f is given[0]:
            time, state = object(), object()
            self.args: list[Any] = self.call(lambda *args: [*args], time, state, self.given[1])
            at = {id(x): i for i, x in enumerate(self.args)}
            if all(id(x) in at for x in self.inputs):
                self.known, self.time = known_of(self.f), at[id(time)]
                self.places = tuple([at[id(x)] for x in (state, *self.inputs)])

    def arguments(self, leaves: list[Any]) -> tuple[Any, ...]:
        for place, x in zip(self.places, leaves, strict=True):
            self.args[place] = x
        return tuple(self.args)

    def slope(self, t: Any, y: Any, directions: Any) -> tuple[Any, Any] | None:
        """dy/dt and that of the directions (k, n); None where there is no plan, or f keeps something of its run."""
        found: tuple[Any, Any] | None = None
        if self.known is not None:
            self.args[self.time], self.leaves[0] = t, y
            found = replayed(self, jacobian_of)
        found = found or self.noted(t, y)
        return None if found is None else (found[0], np.concatenate([directions, *self.moving], axis=1).dot(found[1].T))

    def noted(self, t: Any, y: Any) -> tuple[Any, Any] | None:
        """The slope and its Jacobian, from a run."""
        level, latest, found = Level(next_number(), careful=False), LATEST.get(), None
        notes = level.notes = level.noted = Notes(unplanned)
        before = [*map(held, self.reached)]
        try:
            self.leaves[0] = y
            x, *duals = notes.inputs(self.leaves, level)
            for own, new in zip(self.inputs, duals, strict=True):
                own.value, own.level, own.source = new.value, new.level, new.source
                if type(own) is DualArray:
                    own.eps = new.eps
                notes.duals[new.source] = own
            out: Any = self.call(self.given[0], t, x, self.given[1])
            out = np.stack(out) if type(out) in (list, tuple) else out
            made = jacobian_of(out, notes)
            if made is not None and out.shape == y.shape and not notes.unmade.failed and not self.replaced.written():
                found = made
                if self.known is not None and self.known.straight is not None:
                    learn(self, out, notes)
        except (Exception, UnplannedError, NotesFailed, CareNeeded):  # the function's own errors come again
            pass
        finally:
            level.close()
        return None if put_back(self.reached, before) or LATEST.get() is not latest else found


def jacobian_of(out: Any, notes: Any) -> tuple[Any, Any] | None:
    made = planned(notes, out, ahead)
    return None if made is None else (out.value, made[0])


def planned_for(call: Function, given: tuple[Any, tuple[Any, ...]], n: int, keys: Any) -> Planned | None:
    """Where the directions are those of one level alone, and few numbers are perturbed."""
    if [*map(len, keys)] != [1]:
        return None
    (((level, k),),) = keys
    if not (k is None or type(k) is int) or level.careful or WATCH.count:
        return None
    duals: dict[int, Any] = {}
    Replaced(lambda x: duals.setdefault(id(x), x)).of(given)
    if any(type(x) not in LEVELED or x.level is not level for x in duals.values()):
        return None
    for x in duals.values():
        x.refresh()
    moving = [x for x in duals.values() if not x.eps.is_constant]
    if any(type(x.value) not in PLAIN for x in moving):
        return None
    if n + sum(np.size(x.value) for x in moving) > FEW:
        return None
    places = [place for x in (given[0], *given[1]) for place in reached(x)]
    few = sum(1 if type(x) is CellType else np.size(x) if type(x) is DualArray else len(x) for x in places) <= KEPT
    return Planned(call, given, moving, places) if few else None


PLAIN = (np.ndarray, np.float64)

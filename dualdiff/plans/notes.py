"""What a short program did, noted while it runs: values are computed at once, derivatives when all of it is known.

On arrays of a few numbers NumPy takes half a microsecond for an operation and Python several for the tangent of its result. So
a sweep over few inputs first only notes which operations f runs. If all of them are of the kinds below, the derivative of the
whole comes from a plan, made once for every program of that structure (`plan.py`). Whatever else needs a tangent has what was
noted worked off by the ordinary rules, in place: from then on the sweep is one like any other.

A dual whose operation is noted has in ``source`` the number of its note, which no other dual has, and no ``eps`` yet.
"""

from __future__ import annotations

from _thread import RLock
from itertools import count
from math import isfinite, prod
from typing import Any

import numpy as np

from ..dual import new
from ..dual_array import DualArray
from ..dual_scalar import DualScalar
from ..floating import repeated
from ..rules.elementwise import LEAST_SQUARE
from ..rules.registry import Elementwise
from ..tangents.level import Level
from ..tangents.moves import sealed
from .entries import ARRAY, FOLD, INDEX, INPUT, ITEM, JOIN, MOVE, NUMBER, PRODUCT, ROW, RUNNING, SUM, TAKE, WHERE
from .ordinary import work_off
from .steps import IN_STEPS, TAKEN

MOST = 200  # operations that are noted: the plan of a longer program would take longer to make than it saves
LONGEST = 800  # of a reverse sweep, whose plan takes about as long to make as two sweeps do, and saves most of one
ROOM = 1_000_000  # numbers in what such a program notes
LARGEST = 1 << 16  # numbers in the largest array: the time of larger ones is NumPy's
NUMBERED = (NUMBER,)
NONE, NUMERAL = -1, -2  # in place of an operand's number: it cannot be noted; it stands in the note itself
NUMBERS = frozenset({float, int, np.float64})
DOUBLE = np.dtype(np.float64)
ndarray = np.ndarray
WORKING = RLock()


class Operation:
    """An elementwise operation as it is noted: how the value is computed, and the ordinary way of doing all of it."""

    __slots__ = ("again", "operate", "power", "row", "steps")

    def __init__(self, row: Elementwise, operate: Any) -> None:
        self.row, self.operate = row, operate
        self.power = row.function is np.power
        self.steps = not callable(row.partials[0]) and row.partials[0] == 0  # then its result is a constant
        self.again: Any = None


def noted_as(row: Elementwise, operate: Any) -> Operation | None:
    """The operation, if it is one of those that are noted: NumPy's and SciPy's, of numbers."""
    partials = row.partials
    whole = len(partials) == 2 and any(p is None or (not callable(p) and p == 0) for p in partials)
    return Operation(row, operate) if isinstance(row.function, np.ufunc) and not whole else None


class NotesFailed(BaseException):
    """The ε-part of an array was read before it was made: the sweep begins again, without notes.

    Not an Exception, so that a user's ``except Exception`` does not swallow it.
    """


class Unmade:
    """Stands for the ε-part of an array whose operation is noted. Nobody reads it who has looked at ``source`` before."""

    __slots__ = ("failed",)

    def __init__(self) -> None:
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.failed = True
        raise NotesFailed


class Notes:
    """The operations of one run. ``entries[i]`` is what was done, with the numbers of its operands, ``values[i]`` what it gave.

    ``seed(level)`` gives the seeds of the ordinary sweep, ``beneath()`` the duals of an outer sweep that its inputs are the
    values of, if there is one: then the noted duals have no ``value`` either, for that will be a dual of the outer one.
    """

    __slots__ = ("beneath", "duals", "entries", "leaves", "longest", "most", "numbers", "pairs", "seed", "unmade", "values")

    def __init__(self, seed: Any, beneath: Any = None, longest: int = MOST) -> None:
        self.seed, self.beneath, self.longest = seed, beneath, longest
        self.most = MOST  # operations, until ``has_room`` finds room for more
        self.pairs: list[Any] | None = None  # what these two gave
        self.leaves: list[Any] | None = None
        self.entries: dict[int, Any] = {}
        self.values: dict[int, Any] = {}
        self.duals: dict[int, Any] = {}  # of constants when they are asked for
        self.unmade: Any = Unmade()
        self.numbers = count()  # threads of the program may note at the same time

    def has_room(self) -> bool:
        """Whether one more operation may be noted."""
        count = len(self.values)
        if count < self.most:
            return True
        if count >= self.longest or sum(np.size(f) for f in self.values.values()) > ROOM or self.loops_over_elements():
            self.longest = 0
            return False
        self.most = min(2 * count, self.longest)
        return True

    def loops_over_elements(self) -> bool:
        """Whether much of it are elements of the arguments: of such programs the sweep is quicker than a plan is made."""
        items = sum(entry[0] is ITEM and self.entries[entry[1]][0] is INPUT for entry in self.entries.values())
        return 5 * items > len(self.entries)

    def inputs(self, leaves: list[Any], level: Level) -> list[Any]:
        return [self.noted((INPUT, x.shape), x, level) for x in leaves]

    def noted(self, entry: Any, f: Any, level: Level) -> Any:
        """The dual of a value whose tangent is put off."""
        i = next(self.numbers)
        if type(f) is ndarray:
            r: Any = new(DualArray)
            r.eps = self.unmade
        else:
            r = new(DualScalar)
        if self.beneath is None:
            r.value = f
        r.level = level
        r.source = i
        self.values[i] = f
        self.duals[i] = r
        self.entries[i] = entry  # last: another thread may work it off from here on
        return r

    def constant(self, c: Any, kind: Any) -> int:
        """The number of a constant operand of this type, or NONE."""
        if kind in NUMBERS:
            i = next(self.numbers)
            self.values[i] = c
            self.entries[i] = NUMBERED
            return i
        if kind is not ndarray or c.size > LARGEST or c.dtype.kind not in "fiub" or c.dtype.itemsize > 8:
            return NONE
        c = sealed(c) if c.dtype is DOUBLE else c.astype(DOUBLE)
        i = next(self.numbers)
        self.values[i] = c
        self.entries[i] = ARRAY, c.shape
        return i

    # ---- operations: each gives the dual, or None where it cannot be noted
    def unary(self, op: Operation, x: Any) -> Any:
        i = x.source
        if op.steps:
            return op.operate(self.values[i])
        return self.noted((op, i), op.operate(self.values[i]), x.level) if self.has_room() else None

    def binary(self, op: Operation, a: Any, b: Any) -> Any:
        """Of a noted dual and any other operand."""
        values, i, level, kind = self.values, a.source, a.level, type(b)
        if kind is DualArray or kind is DualScalar:
            j = b.source
            if type(j) is not int or b.level is not level:
                return None
            y = values[j]
        elif op.power and kind in NUMBERS:  # belongs to the structure: it decides the form of the derivative
            y, j = b, NUMERAL if isfinite(b) else NONE
        else:
            y, j = b, self.constant(b, kind)
        if j == NONE or (len(values) > self.most and not self.has_room()):
            return None
        f = op.operate(values[i], y)
        entry: Any = (op, i, j) if j >= 0 else (op, i, kind, y)
        i = next(self.numbers)  # ``noted`` written out
        if type(f) is ndarray:
            r: Any = new(DualArray)
            r.eps = self.unmade
        else:
            r = new(DualScalar)
        if self.beneath is None:
            r.value = f
        r.level = level
        r.source = i
        values[i] = f
        self.duals[i] = r
        self.entries[i] = entry
        return r

    def reflected(self, op: Operation, a: Any, b: Any) -> Any:
        """Of another operand and a noted dual."""
        i = self.constant(a, type(a))
        if i < 0 or not self.has_room():
            return None
        return self.noted((op, i, b.source), op.operate(a, self.values[b.source]), b.level)

    def item(self, x: Any, index: Any) -> Any:
        """An item, noted too if that can be."""
        kind, i = type(index), x.source
        key: Any = None
        if kind is slice:
            key = ("slice", index.start, index.stop, index.step)
        elif kind is int or isinstance(index, np.integer):
            key = int(index)
        elif kind is tuple and all(part is None or part is Ellipsis or type(part) in (int, slice) for part in index):
            key = (tuple, *(("slice", p.start, p.stop, p.step) if type(p) is slice else p for p in index))
        elif index is None or index is Ellipsis:
            key = (tuple, index)
        elif kind is ndarray and index.dtype.kind == "i" and index.ndim and index.size <= LARGEST:
            key = ARRAY
        elif kind is tuple and len(index) == self.values[i].ndim and \
                all(type(p) is ndarray and p.dtype.kind == "i" for p in index):
            key = TAKE
        if key is None or x.level.notes is None or not self.has_room():
            self.work_off(x.level, x)
            return x[index]
        if key is TAKE:  # one element for each number in the arrays, in the array as one row
            places = np.arange(self.values[i].size).reshape(self.values[i].shape)[index]
            return np.reshape(x, (-1,))[places]
        return self.taken(x, sealed(index)) if key is ARRAY else self.noted((ITEM, i, key), self.values[i][index], x.level)

    def taken(self, x: Any, index: Any) -> Any:
        """An item by an array of whole numbers, which may be other ones in the next run."""
        f, j = self.values[x.source][index], next(self.numbers)
        self.values[j] = index
        self.entries[j] = INDEX, index.shape
        if f.size > LARGEST:
            self.work_off(x.level, x)
            return x[index]
        return self.noted((TAKE, x.source, j), f, x.level)

    def total(self, function: Any, x: Any, axis: Any = None, *more: Any, keepdims: Any = False) -> Any:
        """np.sum, np.mean, or a fold by np.max, np.min, np.prod, over one axis, several or all."""
        if more or type(x) is not DualArray or not self.has_room():
            return None
        i: Any = x.source
        v = self.values[i]
        if not v.ndim and axis is not None:  # NumPy lets axes 0 and -1 pass, which are not there
            return None
        several = type(axis) is tuple and axis and function in SUMS and {*map(type, axis)} == {int}
        if not (several or axis is None or type(axis) is int):
            return None
        if keepdims is not False and (keepdims is not True or axis is None):
            return None
        if function in SUMS and v.size:
            f = np.add.reduce(v, axis=axis)
            f = f if function is np.sum else f / divisor(v.shape, axis)  # as np.mean does, a little slower
        else:
            f = function(v, axis=axis)
            if function is np.prod and not (v.size and np.all(np.abs(f) > LEAST_SQUARE)):  # which would be divided
                return None
        r = self.noted((SUM if function in SUMS else FOLD, i, function, axis), f, x.level)
        return r if not keepdims else np.reshape(r, np.add.reduce(v, axis=axis, keepdims=True).shape)

    def steps(self, function: Any, *args: Any, **options: Any) -> Any:
        """What NumPy does in several operations."""
        plain = len(args) == TAKEN.get(function, 1) and (type(args[0]) is DualArray or function is np.outer)
        return IN_STEPS[function](*args, **options) if plain else None

    def running(self, function: Any, x: Any, axis: Any = None) -> Any:
        """np.cumsum."""
        if type(x) is not DualArray or not self.has_room():
            return None
        i: Any = x.source
        v = self.values[i]
        if not v.ndim or (axis is None and v.ndim > 1) or (axis is not None and type(axis) is not int):
            return None
        axis = -1 if axis is None else axis
        return self.noted((RUNNING, i, axis), np.cumsum(v, axis), x.level)

    def move(self, function: Any, x: Any, *args: Any) -> Any:
        """np.transpose of a matrix or vector, np.reshape to a shape, np.ravel."""
        if type(x) is not DualArray or not self.has_room():
            return None
        i: Any = x.source
        v = self.values[i]
        if function is np.reshape:
            (shape,) = args if len(args) == 1 else (None,)
            args = (tuple(shape) if type(shape) is list else shape,)
            if type(shape) is not int and not (type(args[0]) is tuple and set(map(type, args[0])) == {int}):
                return None
        elif args or (function is np.transpose and v.ndim > 2):
            return None
        return self.noted((MOVE, i, function, *args), function(v, *args), x.level)

    def operands(self, parts: Any) -> tuple[list[int], list[Any], Level] | None:
        """The numbers and values of duals and constants, and their level; None where one cannot be noted."""
        numbers, values = [], []
        level: Any = None
        for x in parts:
            kind = type(x)
            if kind is DualArray or kind is DualScalar:
                i = x.source
                if type(i) is not int or x.level.notes is not self:
                    return None
                level = x.level
            elif (i := self.constant(x, kind)) < 0:
                return None
            numbers.append(i)
            values.append(self.values[i])
        return (numbers, values, level) if level is not None and self.has_room() else None

    def product(self, function: Any, *factors: Any) -> Any:
        """np.matmul or np.dot of vectors and matrices."""
        found = self.operands(factors)
        if found is None or len(factors) != 2:
            return None
        numbers, values, level = found
        if any(not 1 <= np.ndim(v) <= 2 for v in values):
            return None
        return self.noted((PRODUCT, *numbers, function), function(*values), level)

    def row(self, function: Any, parts: Any) -> Any:
        """np.stack of numbers or arrays."""
        found = self.operands(parts)
        if found is None:
            return None
        numbers, values, level = found
        f = np.stack(values) if any(type(v) is ndarray for v in values) else np.array(values, DOUBLE)
        return self.noted((ROW, *numbers), f, level) if f.size <= LARGEST else None

    def joined(self, function: Any, parts: Any) -> Any:
        """np.concatenate of vectors, some of which may be lists of numbers."""
        found = self.operands([np.array(x, DOUBLE) if type(x) is list and x and NUMBERS.issuperset(map(type, x)) else x
                               for x in parts])
        if found is None or any(np.ndim(v) != 1 for v in found[1]):
            return None
        numbers, values, level = found
        return self.noted((JOIN, *numbers), np.concatenate(values), level)

    def where(self, function: Any, *parts: Any) -> Any:
        """np.where, by a plain condition."""
        condition = parts[0]
        if len(parts) != 3 or type(condition) is not ndarray or condition.dtype != bool or not condition.ndim:
            return None
        found = self.operands(parts)
        if found is None:
            return None
        numbers, values, level = found
        return self.noted((WHERE, *numbers), np.where(condition, *values[1:]), level)

    # ---- the end of them
    def work_off(self, level: Level, late: Any = None) -> None:
        """Give the duals their tangents by the ordinary rules; ``late`` is one that was left of a run that is over."""
        with WORKING, repeated():
            work_off(self, level, late)

    def release(self) -> None:
        """The run is over: what it made goes with it."""
        if self.beneath is not None:
            for i, x in self.duals.items():
                if type(x) in (DualArray, DualScalar) and type(x.source) is int:
                    x.value = self.values[i]  # for whom the program gave it to
        self.duals.clear()
        self.pairs = self.leaves = None


SUMS = frozenset((np.sum, np.mean))


def divisor(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements a mean is taken of."""
    return prod(shape) if axis is None else shape[axis] if type(axis) is int else prod(shape[k] for k in axis)

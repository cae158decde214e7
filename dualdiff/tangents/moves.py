"""Linear maps as objects: what a gather, a contraction or a general map does to a batch, and its transpose.

``lead`` is the number of extra axes in front: directions going forward, cotangents going back. Everything is written
with NumPy functions that dispatch, so the arrays may be duals of a lower level.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np

from ..rules.gather import batched_placed, is_basic
from ..rules.linear import binned
from ..rules.registry import ROWS, Gather, Linear
from .contraction import Label, Way, contracted
from .level import Level, is_dual
from .meter import owner

Shape = tuple[int, ...]
GETITEM: Any = ROWS[operator.getitem]
RESHAPE: Any = ROWS[np.reshape]


def as_key(part: Any) -> Any:
    """A hashable name for an argument; equal arguments have equal names, arrays by content."""
    kind = type(part)
    if kind is int or kind is str or part is None or part is Ellipsis or kind is bool:
        return (kind, part) if kind is bool else part
    if kind is slice:
        return ("slice", part.start, part.stop, part.step)
    if kind is tuple or kind is list:
        return (kind, *map(as_key, part))
    if kind is dict:
        return ("dict", *((name, as_key(value)) for name, value in part.items()))
    if kind is np.ndarray:
        return ("array", part.shape, part.dtype.str, part.tobytes())
    if kind is partial:
        return (part.func, as_key(part.args), as_key(part.keywords))
    new = converted(part)
    return (kind, part) if new is part else as_key(new)


def kept(x: Any) -> Any:
    """An argument as a record may keep it: the program may write to its own arrays again, unless they are read-only."""
    kind = type(x)
    if kind is np.ndarray:
        return x.copy("K") if x.flags.writeable or may_change(x.base) else x
    if kind is tuple or kind is list:
        return kind(map(kept, x))
    return converted(x) if not hasattr(x, "eps") else x.copy() if x.shape else x


def may_change(a: Any) -> bool:
    """Whether the numbers that a read-only view shows can be written to by what it is a view of."""
    while a is not None:
        if isinstance(a, np.ndarray) and a.flags.writeable:
            return True
        a = getattr(a, "base", None)  # of a sliding window no array, but what holds one
    return False


def converted(x: Any) -> Any:
    """Numbers that another class holds, as array.array or a data frame, in an array of our own."""
    ours = x.__class__.__hash__ or not hasattr(x, "__len__") or hasattr(x, "tocsr")
    if ours or isinstance(x, np.ndarray | np.poly1d | list | dict | set):
        return x
    own = dual_of(x)
    return np.array(x) if own is None else own


def dual_of(x: Any) -> Any:
    """The dual array that an object keeps and gives as its array, or None."""
    if not hasattr(type(x), "__array__"):
        return x.copy_as_dual() if hasattr(type(x), "copy_as_dual") else None
    if isinstance(x, np.ndarray | np.generic) or is_dual(x):
        return None
    own = x.__array__()
    return own if is_dual(own) else None


def sealed(a: Any) -> Any:
    """An array that nobody can write to: a copy, unless it is one."""
    a = kept(a)
    a.setflags(False)  # sooner done than by a.flags
    return a


NONE: dict[str, Any] = {}


PLAIN = frozenset({int, str, float, bool, type(None)})


class Move:
    """A gather: elements move. Forward as a view where the row knows one, else along the index map."""

    __slots__ = ("_index", "args", "basic", "key", "options", "out_shape", "row", "shape")

    def __init__(self, row: Gather, shape: Shape, out_shape: Shape, args: tuple[Any, ...] = (),
                 options: dict[str, Any] | None = None) -> None:
        for part in args:
            if type(part) not in PLAIN:
                args = kept(args)
                break
        if options:
            options = {name: kept(part) for name, part in options.items()}
        self.row, self.shape, self.out_shape, self.args, self.options = row, shape, out_shape, args, options or NONE
        self.key: Any = (row.function, as_key(args), as_key(self.options) if options else None)
        self.basic: Any = None  # the index, where the move is a view by basic indexing
        self._index: Any = None

    @property
    def index(self) -> Any:
        """For each element of the result, the flat position it came from; -1 where a zero was filled in."""
        if self._index is None:
            source = np.arange(1, prod(self.shape) + 1).reshape(self.shape)
            self._index = np.asarray(self.row.function(source, *self.args, **self.options)) - 1
        return self._index

    @property
    def fills(self) -> bool:
        return self.row.fills or (self.row.batched is None and bool((self.index < 0).any()))

    def apply(self, a: Any, lead: int = 0, fill: int = 0) -> Any:
        if self.basic is not None:
            return a[(slice(None),) * lead + self.basic]
        if self.row.batched is not None:
            filling = {"fill": fill} if self.row.fills else self.options
            moved = self.row.batched(a, lead, *self.args, **filling)
            if moved is not NotImplemented:
                return moved
        return take_or_fill(a, self.index, lead, fill)

    def transpose(self, u: Any, lead: int = 0) -> Any:
        if self.row.transpose is not None:
            return self.row.transpose(u, lead, self.shape, *self.args, **self.options)
        if self.row.batched is not None and type(u) is np.ndarray:
            back = np.zeros(u.shape[:lead] + self.shape, u.dtype)
            place = self.row.batched(back, lead, *self.args, **self.options)
            if place is not NotImplemented and np.may_share_memory(place, back):
                place += u
                return back
        if self.basic is not None:
            return batched_placed(u, lead, self.shape, self.basic)
        return scatter(u, self.index, self.shape, lead)


class Item(Move):
    """Indexing, ``a[index]``: the move that programs make most, with a key that is cheap to make."""

    __slots__ = ()

    def __init__(self, shape: Shape, out_shape: Shape, index: Any, key: Any) -> None:
        self.row, self.shape, self.out_shape, self.options = GETITEM, shape, out_shape, NONE
        self.key, self._index = key, None
        if type(index) is slice:
            self.basic = self.args = (index,)
            return
        self.basic = None if not is_basic(index) else index if type(index) is tuple else (index,)
        self.args = (index if self.basic is not None else kept(index),)


class Reshape(Move):
    """``a.reshape(out_shape)``, in the order of C: what programs do that unpack their parameters."""

    __slots__ = ()

    def __init__(self, shape: Shape, out_shape: Shape) -> None:
        self.row, self.shape, self.out_shape, self.options = RESHAPE, shape, out_shape, NONE
        self.args, self.key = (out_shape,), (np.reshape, out_shape)
        self.basic = self._index = None

    def apply(self, a: Any, lead: int = 0, fill: int = 0) -> Any:
        return a.reshape(a.shape[:lead] + self.out_shape)


def move_of(row: Gather, shape: Shape, out_shape: Shape, args: tuple[Any, ...], options: dict[str, Any]) -> Move:
    """The move of a call: whatever reshapes in the order of C is the same one, so that its leaves are the same, too."""
    if row is RESHAPE and len(args) == 1 and not options:
        return Reshape(shape, out_shape)
    return Move(row, shape, out_shape, args, options)


class Total:
    """The sum over every axis; its transpose hands one number to all, as an array of ones along the summed axes."""

    __slots__ = ("shape",)
    out_shape: Shape = ()

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def apply(self, a: Any, lead: int = 0) -> Any:
        return np.sum(a, axis=tuple(range(lead, lead + len(self.shape))))

    def transpose(self, u: Any, lead: int = 0) -> Any:
        return u.reshape(u.shape + (1,) * len(self.shape)) if lead else u


class Routing:
    """Some elements of a piece go to places of a larger, otherwise zero result: one piece of a concatenation."""

    __slots__ = ("out_shape", "places", "shape", "taken")

    def __init__(self, places: Any, taken: Any, shape: Shape, out_shape: Shape) -> None:
        self.places, self.taken, self.shape, self.out_shape = places, taken, shape, out_shape

    def index(self, start: int, into: Any) -> None:
        """Write into the flat index map of the result where this piece's elements come from, counted from ``start``."""
        into[self.places] = start + (np.arange(prod(self.shape)) if self.taken is None else self.taken)

    def apply(self, a: Any, lead: int = 0) -> Any:
        index = np.full(prod(self.out_shape), -1)
        self.index(0, index)
        return take_or_fill(a, index.reshape(self.out_shape), lead)

    def write(self, a: Any, into: Any, lead: int) -> None:
        """The places of the result, flat behind ``lead`` axes, take this piece's elements."""
        a = flat_behind(a, lead)
        into[..., self.places] = a if self.taken is None else np.take(a, self.taken, axis=lead)

    def transpose(self, u: Any, lead: int = 0) -> Any:
        came = np.take(flat_behind(u, lead), self.places, axis=lead)
        if self.taken is None:
            return came.reshape(u.shape[:lead] + self.shape)
        return scatter(came, self.taken, self.shape, lead)


class Place(Routing):
    """One number goes to one place of an array of shape (m,): a loop makes thousands of these."""

    __slots__ = ()

    def __init__(self, place: int, out_shape: Shape) -> None:
        super().__init__(place, None, (), out_shape)

    def index(self, start: int, into: Any) -> None:
        into[self.places] = start

    def write(self, a: Any, into: Any, lead: int) -> None:
        into[..., self.places] = a

    def transpose(self, u: Any, lead: int = 0) -> Any:
        return u[..., self.places]


class Section(Routing):
    """A whole piece fills the part of the result that a basic index shows."""

    __slots__ = ("section",)

    def __init__(self, section: tuple[Any, ...], shape: Shape, out_shape: Shape) -> None:
        super().__init__(None, None, shape, out_shape)
        self.section = section

    def index(self, start: int, into: Any) -> None:
        into.reshape(self.out_shape)[self.section] = np.arange(start, start + prod(self.shape)).reshape(self.shape)

    def write(self, a: Any, into: Any, lead: int) -> None:
        into.reshape(a.shape[:lead] + self.out_shape)[(slice(None),) * lead + self.section] = a

    def transpose(self, u: Any, lead: int = 0) -> Any:
        return u[(slice(None),) * lead + self.section]


@lru_cache(maxsize=1024)  # a pure function of sizes; nobody writes to what it gives
def extents(labels: tuple[Label, ...], shape: Shape, result: tuple[Label, ...], others: tuple[Label, ...],
            other_shape: Shape) -> tuple[dict[Label, int], Shape]:
    """How long each label is, and the shape of the result."""
    sizes = dict(zip(labels, shape, strict=True))
    for name, n in zip(others, other_shape, strict=True):
        if sizes.get(name, 1) == 1:
            sizes[name] = n
    sizes |= {name: 1 for name in result if name not in sizes}
    return sizes, tuple(sizes[name] for name in result)


class Contraction:
    """Σ of the array with labels ``labels`` times a constant operand, leaving the labels ``result``."""

    __slots__ = ("borrowed", "constant", "labels", "level", "out_shape", "result", "shape", "sizes")

    def __init__(self, labels: Sequence[Label], shape: Shape, result: Sequence[Label], constant: Any,
                 constant_labels: Sequence[Label], level: Level, borrowed: bool = True) -> None:
        self.borrowed = borrowed  # the constant is the program's own, which it may write to again
        if borrowed and constant is not None and type(constant) is not np.ndarray:
            constant = kept(constant)
        self.labels, self.shape, self.result, self.level = tuple(labels), shape, tuple(result), level
        self.constant = [] if constant is None else [(constant, tuple(constant_labels))]
        also = ((), ()) if constant is None else (self.constant[0][1], constant.shape)
        self.sizes, self.out_shape = extents(self.labels, shape, self.result, *also)

    def recorded(self) -> Contraction:
        """The contraction as a tape keeps it."""
        self.constant = [(kept(a), labels) for a, labels in self.constant] if self.borrowed else self.constant
        self.borrowed = False
        return self

    def survivors(self, operands: list[Any]) -> list[Any]:
        """What is left after sums were carried out; where that is the program's own array, a copy."""
        if not self.borrowed or not self.constant:
            return operands
        mine = owner(self.constant[0][0])
        return [(self.metered_copy(a), labels) if owner(a) is mine else (a, labels) for a, labels in operands]

    def metered_copy(self, a: Any) -> Any:
        meter = self.level.meter
        if meter is None:
            return kept(a)
        meter.charge(a.size)
        a = kept(a)
        meter.hold(a)
        return a

    def apply(self, a: Any, lead: int = 0) -> Any:
        return self._run(a, lead, False)

    def transpose(self, u: Any, lead: int = 0) -> Any:
        return self._run(u, lead, True)

    def _run(self, a: Any, lead: int, back: bool) -> Any:
        constant, others = self.constant[0] if self.constant else (None, ())
        way = whole_contraction(self.labels, self.shape, self.result, others, None if constant is None else constant.shape,
                                a.shape, lead, back)
        r = contracted([a] if constant is None else [constant, a], way, self.level)
        return r if r.shape == way.shape else r.reshape(way.shape)


@lru_cache(maxsize=1024)
def whole_contraction(labels: tuple[Label, ...], shape: Shape, result: tuple[Label, ...], others: tuple[Label, ...],
                      other_shape: Shape | None, given: Shape, lead: int, back: bool) -> Way:
    """How an array of the shape ``given``, ``lead`` axes in front, is contracted with the constant; or, back, its transpose."""
    sizes, out_shape = extents(labels, shape, result, others, other_shape or ())
    into, out_shape = (labels, shape) if back else (result, out_shape)
    front = tuple(("lead", i) for i in range(lead))
    sizes = sizes | dict(zip(into, out_shape, strict=True)) | dict(zip(front, given, strict=False))
    wide = tuple(name for name, n in zip(into, out_shape, strict=True) if n != 1)
    operands = [(given, front + (result if back else labels))]
    if other_shape is not None:
        operands.insert(0, (other_shape, others))
    return Way(operands, front + wide, sizes, given[:lead] + out_shape)


class Map:
    """A general linear row: forward on a batch, and its transpose."""

    __slots__ = ("args", "options", "out_shape", "row", "shape")

    def __init__(self, row: Linear, shape: Shape, out_shape: Shape, args: tuple[Any, ...],
                 options: dict[str, Any]) -> None:
        self.row, self.shape, self.out_shape, self.args, self.options = row, shape, out_shape, kept(args), options

    def apply(self, a: Any, lead: int = 0) -> Any:
        return self.row.forward(a, lead, *self.args, **self.options)  # type: ignore[misc]

    def transpose(self, u: Any, lead: int = 0) -> Any:
        return self.row.transpose(u, lead, self.shape, *self.args, **self.options)  # type: ignore[misc]


def flat_behind(a: Any, lead: int) -> Any:
    """The array with one axis behind the ``lead`` first; said in numbers, because -1 cannot be told for a size of 0."""
    return a.reshape((*a.shape[:lead], prod(a.shape[lead:])))


def take_or_fill(a: Any, index: Any, lead: int, fill: int = 0) -> Any:
    """Elements of a (flat behind ``lead`` axes) at the index map; ``fill`` where it is negative."""
    front = a.shape[:lead]
    if a.size == 0:
        return np.full(front + np.shape(index), fill, a.dtype)
    taken = np.take(flat_behind(a, lead), index, axis=lead)
    absent = np.asarray(index) < 0
    return np.where(absent, fill, taken) if absent.any() else taken


def scatter(u: Any, index: Any, shape: Shape, lead: int = 0) -> Any:
    """The transpose of ``take_or_fill``: what came from one place is added up there."""
    size, front = prod(shape), u.shape[:lead]
    index = np.ravel(index)
    flat = flat_behind(u, lead)
    if type(u) is np.ndarray:
        if lead == 0 and u.dtype == np.float64:
            if index.size and index.min() < 0:
                index, flat = index[index >= 0], flat[index >= 0]
            return np.bincount(index, flat, size).astype(float, copy=False).reshape(shape)  # integers where it is empty
        back = np.zeros((*front, size + 1), u.dtype)  # the last place takes the fills
        np.add.at(back, (slice(None),) * lead + (index,), flat)
        return back[..., :size].reshape(front + shape)
    if lead == 0:
        there = np.flatnonzero(index >= 0)
        return binned(flat[there], index[there], size).reshape(shape)
    return np.sum(take_or_fill(flat, sources(index, size), lead), axis=lead).reshape(front + shape)


def sources(index: Any, size: int) -> Any:
    """The inverse of an index map with repeats: row r holds, for each place, its r-th source, or -1."""
    order = np.argsort(index, kind="stable")
    order = order[np.searchsorted(index[order], 0):]
    target = index[order]
    counts = np.bincount(target, minlength=size)
    rank = np.arange(target.size) - (np.cumsum(counts) - counts)[target]
    table = np.full((int(counts.max(initial=0)), size), -1)
    table[rank, target] = order
    return table

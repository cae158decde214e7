"""What was written to an array since its ε-part was last put together: a log, and the views that see the same elements.

A map says which element was last written by which piece, and one join puts all pieces in place when the ε-part is next read as
a whole. A loop that fills an array element by element then costs one step for each write, and ``out[i-1]`` is answered from
the log. `views.py` opens, writes, reads and closes it.
"""

from __future__ import annotations

from _thread import RLock, allocate_lock, get_ident  # threading takes a millisecond to import
from bisect import bisect_right
from math import prod
from typing import Any

import numpy as np

from .tangents.join import joined_terms
from .tangents.moves import as_key, kept
from .tangents.tangent import Tangent
from .tangents.writes import rewritten

FEW = 16  # writes that are told one by one when the log is closed
SMALL = 64  # arrays up to this size are joined whole: it costs no more
MAKING = allocate_lock()


class Memory:
    """The views of an array, and the log of what was written to it since its ε-part was last put together.

    ``index`` is None while the log is closed. Open, it holds for each element a number: below ``size`` the place among the
    old elements, else the place among the ``pieces`` laid end to end behind them, which begin at ``starts``. Whatever reads or
    changes it holds the ``lock``: threads may fill an array together.
    """

    __slots__ = ("copied", "end", "index", "limit", "lock", "old", "pieces", "shown", "size", "starts", "thread", "trails",
                 "version", "views")

    def __init__(self) -> None:
        self.lock = RLock()
        self.thread = get_ident()  # the one that uses it; 0 where several have
        self.version = 0  # how often the array was written to
        self.views: list[Any] = []  # weak: a view holds its base, not the other way round
        self.copied: list[Any] = []  # the views that hold a copy, since they were read
        self.shown: Any = ()  # weak: plain arrays that were made of it
        self.limit = 16
        self.index: Any = None
        self.old: Any = None
        self.pieces: list[Tangent] = []
        self.starts: list[int] = []
        self.trails: list[Any] | None = []  # where each piece was written, while they are few
        self.size = self.end = 0

    def forget_dead(self) -> None:
        """Drop the views that nobody has any more, in place: other threads may add some."""
        with self.lock:
            found = self.views[:]
            self.views[:len(found)] = [r for r in found if r() is not None]
            self.limit = 2 * len(self.views) + 16

    # ---- the log
    def append(self, place: Any, index: Any, eps: Tangent, trail: Any) -> None:
        """Elements ``place[index]`` take the tangent; ``place`` is a view of the map, ``trail`` how it is one."""
        size = prod(eps.shape)
        if not size:
            return
        self.trails = None if self.trails is None or len(self.trails) == FEW else \
            [*self.trails, (trail, kept(index))]
        self.keep(place, index, eps)

    def keep(self, place: Any, index: Any, eps: Tangent) -> None:
        """Elements ``place[index]`` have the tangent."""
        size = prod(eps.shape)
        if size == 1 and eps.shape == ():
            place[index] = self.end
        else:
            place[index] = np.arange(self.end, self.end + size).reshape(eps.shape)
        self.pieces.append(eps)
        self.starts.append(self.end)
        self.end += size
        if len(self.pieces) > 2 * self.size + SMALL:
            self.forget_overwritten()

    def owner(self, number: int) -> int:
        """Which piece a number of the map belongs to."""
        if self.end - self.size == len(self.pieces):  # all are single numbers
            return number - self.size
        return bisect_right(self.starts, number) - 1

    def owners(self, numbers: Any) -> Any:
        """``owner`` of each."""
        if numbers.size > FEW:
            return np.searchsorted(self.starts, numbers, side="right") - 1
        return np.array([self.owner(i) for i in numbers.tolist()])

    def number(self, number: int) -> Tangent:
        """The tangent of one element."""
        t, at = self.old, number
        if number >= self.size:
            j = self.owner(number)
            t, at = self.pieces[j], number - self.starts[j]
        if t.shape == ():
            return t  # type: ignore[no-any-return]
        index: Any = at if len(t.shape) == 1 else tuple(map(int, np.unravel_index(at, t.shape)))
        return t.item(index, as_key(index), ())  # type: ignore[no-any-return]

    def part(self, numbers: Any, index: Any = None) -> Tangent | None:
        """The tangent of some elements (``index`` of the whole, if it is known); None where it is no dearer to put the whole
        array together.
        """
        if not self.old.shape or numbers.size > max(self.size // 2, SMALL):
            return None
        flat = numbers.ravel()
        written = flat >= self.size
        if not flat.size or not written.any():
            place = np.unravel_index(numbers, self.old.shape) if index is None else index
            return self.old.item(place, as_key(place), numbers.shape)  # type: ignore[no-any-return]
        if written.all():
            j = self.owner(flat.item(0))
            first, start = self.pieces[j], self.starts[j]
            if first.shape == numbers.shape and np.array_equal(flat, np.arange(start, start + flat.size)):
                return first  # just what was written
        owners = self.owners(flat[written])
        live = np.unique(owners)
        if sum(prod(self.pieces[j].shape) for j in live) + flat.size > self.size // 2:
            return None
        old = flat[~written]
        pieces = [self.pieces[j] for j in live]
        if old.size:
            place = np.unravel_index(old, self.old.shape)
            pieces.insert(0, self.old.item(place, as_key(place), old.shape))
        at = np.empty(flat.size, np.intp)
        at[~written] = np.arange(old.size)
        at[written] = self.moved(flat[written], owners, live, old.size)
        eps = joined(pieces, at.reshape(numbers.shape))
        if self.trails is None and eps.terms and numbers.flags.writeable and np.may_share_memory(numbers, self.index):
            whole = sum(prod(self.pieces[j].shape) for j in live) == flat.size - old.size
            if eps.on_tape or (whole and not eps.level.patterned):  # else what is left of the pieces is held twice
                for j in live if whole else ():
                    self.pieces[j] = Tangent({}, self.pieces[j].shape)
                self.keep(numbers, ..., eps)  # whoever reads it again finds one piece
        return eps

    def moved(self, numbers: Any, owners: Any, live: Any, first: int) -> Any:
        """Numbers of the map renumbered for the live pieces alone, laid end to end from ``first``."""
        sizes = np.array([prod(self.pieces[j].shape) for j in live])
        shift = np.cumsum(sizes) - sizes + first - np.array([self.starts[j] for j in live])
        return numbers + shift[np.searchsorted(live, owners)]

    def whole(self) -> Tangent:
        """The ε-part of the whole array."""
        if not self.pieces:
            return self.old  # type: ignore[no-any-return]
        if self.trails is not None:
            return rewritten(self.old, self.pieces, self.trails, self.index)
        self.forget_overwritten()
        if (self.index < self.size).any():
            return joined([self.old, *self.pieces], self.index)
        return joined(self.pieces, self.index - self.size)

    def forget_overwritten(self) -> None:
        """Drop the pieces of which nothing is left, so that a log is never much longer than its array."""
        written = self.index >= self.size
        numbers = self.index[written]
        owners = self.owners(numbers)
        seen = np.zeros(len(self.pieces), bool)
        seen[owners] = True
        live = np.flatnonzero(seen)
        if live.size == len(self.pieces):
            return
        self.index[written] = self.moved(numbers, owners, live, self.size)
        self.pieces, self.trails = [self.pieces[j] for j in live], None
        sizes = [prod(t.shape) for t in self.pieces]
        self.starts = (self.size + np.cumsum([0, *sizes])[:-1]).tolist()
        self.end = self.size + sum(sizes)


def memory_of(root: Any) -> Memory:
    """The memory of an array, of which there is one, however many threads ask."""
    with MAKING:
        if type(root.source) is int:
            root.level.noted.work_off(root.level, root)
        if root.source is None:
            root.source = Memory()
        elif root.source.thread != get_ident():
            root.source.thread = 0
        return root.source  # type: ignore[no-any-return]


def joined(pieces: list[Tangent], index: Any) -> Tangent:
    return Tangent(joined_terms(pieces, index, index.shape), index.shape)

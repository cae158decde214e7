"""Memory of a sweep: the arrays that grow with its directions are counted before they are made.

Large arrays are held by weak references, so that the count falls when Python frees them. A sweep that would pass its
budget is given up; the transform that started it splits the directions and starts again.
"""

from __future__ import annotations

import weakref
from math import inf, prod
from typing import Any

import numpy as np

SMALL = 4096  # bytes below which an array is not worth a weak reference
NOTICED = 1_000_000  # multiply-adds, a tenth of a millisecond: recording f costs that
FAR = 16  # times the multiply-adds of f itself
RESERVE = 1 << 18  # bytes kept free for NumPy's own buffers and for small objects
OWN_ARRAYS = 6  # values and coefficients that f keeps, of its largest size


class SplitNeeded(BaseException):
    """A sweep would need more memory than its budget. Not an Exception, so that f's ``except Exception`` lets it pass."""

    def __init__(self, meter: Meter, needed: int) -> None:
        super().__init__(needed)
        self.meter, self.needed = meter, needed


class TapeNeeded(BaseException):
    """A forward sweep works many times as much as f: its transform asks whether a reverse one would work less."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.meter = meter


class Held(weakref.ref[Any]):
    """A weak reference that knows the size of what it refers to."""

    __slots__ = ("key", "size")

    key: int
    size: int


class Meter:
    """Bytes alive in one sweep, and how many it may have; and, for one that may end early, its multiply-adds beside f's, or
    how many it may make at ``most``.
    """

    __slots__ = ("budget", "fixed", "held", "live", "most", "own", "patient", "reserve", "work")

    def __init__(self, budget: int, patient: bool = True, most: float = inf) -> None:
        self.budget, self.live, self.most = budget, 0, most
        self.reserve = self.fixed = min(RESERVE, budget // 6)
        self.patient, self.work, self.own = patient, 0, 0
        self.held: dict[int, Held] = {}

    @property
    def room(self) -> int:
        return self.budget - self.live - self.fixed

    def charge(self, entries: int) -> None:
        """About to allocate so many numbers: raises SplitNeeded where that would pass the budget."""
        needed = self.live + self.fixed + 8 * entries
        if needed > self.budget:
            raise SplitNeeded(self, needed)

    def beside(self, shape: tuple[int, ...]) -> None:
        """f works on arrays of this shape: its values and coefficients, which no splitting makes smaller, count too."""
        own = self.reserve + OWN_ARRAYS * 8 * prod(shape)
        if own > self.fixed:
            self.fixed = own
            self.charge(0)

    def spend(self, work: int, own: int = 0) -> None:
        """About to make so many multiply-adds where f makes ``own``: an impatient sweep ends where it is far from f's."""
        self.work += work
        self.own += own
        if self.work > self.most or (not self.patient and self.work > NOTICED and self.work > FAR * self.own):
            raise TapeNeeded(self)

    def hold(self, a: Any) -> None:
        """Count the array that owns this memory until it is freed."""
        a = owner(a)
        if type(a) is not np.ndarray or a.nbytes < SMALL or id(a) in self.held:
            return
        ref = Held(a, self.release)
        ref.key, ref.size = id(a), a.nbytes
        self.held[ref.key] = ref
        self.live += ref.size

    def release(self, ref: Held) -> None:
        del self.held[ref.key]
        self.live -= ref.size


def owner(a: Any) -> Any:
    """The array whose memory a view shows."""
    while type(a) is np.ndarray and type(a.base) is np.ndarray:
        a = a.base
    return a

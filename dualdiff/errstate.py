"""NumPy's floating-point settings, made once: ``np.errstate`` makes them anew each time it is entered."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy._core import umath

# The variable that np.errstate sets; where a NumPy keeps it elsewhere, errstate itself serves, a little slower.
_current: Any = getattr(umath, "_extobj_contextvar", None)
REMEMBERED = _current is not None


class Remembered:
    """``np.errstate`` takes as long as five operations on a short array, because it makes NumPy's settings anew each time. They
    are immutable, so the ones made for a user's are kept for the next time.
    """

    __slots__ = ("token",)
    made: ClassVar[dict[Any, Any]]  # settings by the user's
    make: ClassVar[Any]  # the errstate that makes them

    def __enter__(self) -> None:
        users = _current.get()
        ours = self.made.get(users)
        if ours is None:
            with self.make():
                ours = _current.get()
            if len(self.made) > 16:
                self.made.clear()
            self.made[users] = ours
        self.token = _current.set(ours)

    def __exit__(self, *error: object) -> None:
        _current.reset(self.token)


class AllIgnored(Remembered):
    """``np.errstate(all="ignore")``."""

    __slots__ = ()
    made: ClassVar[dict[Any, Any]] = {}
    make = staticmethod(partial(np.errstate, all="ignore"))


all_ignored: Any = AllIgnored if REMEMBERED else AllIgnored.make

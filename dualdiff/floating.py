"""Floating-point warnings in a sweep: the user's own operations warn as they always do, partials at a kink do not."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any, ClassVar

import numpy as np

from .errstate import REMEMBERED, Remembered
from .rules.elementwise import CHAINING, noticed

PACKAGE = os.path.dirname(os.path.abspath(__file__))
SILENT = (os.path.join(PACKAGE, "rules"), os.path.join(PACKAGE, "tangents"))
NUMPY = os.path.dirname(os.path.abspath(np.__file__))
KINDS = {"divide by zero": "divide", "overflow": "over", "underflow": "under", "invalid value": "invalid"}


class Watcher:
    """What NumPy calls on a floating-point event: silent inside a rule or a tangent, as the user set it elsewhere."""

    __slots__ = ("handler", "settings")

    def __init__(self, settings: Any, handler: Any) -> None:
        self.settings, self.handler = settings, handler

    def __call__(self, kind: str, flag: int) -> None:
        frame: Any = sys._getframe(1)
        depth = 2
        while frame is not None and frame.f_code.co_filename.startswith((PACKAGE, NUMPY)):
            if frame.f_code.co_filename.startswith(SILENT) or frame.f_code.co_name in CHAINING:
                return noticed(kind, frame)
            frame, depth = frame.f_back, depth + 1
        action = self.settings[KINDS[kind]]
        if action == "raise":
            raise FloatingPointError(f"{kind} encountered")
        if action == "call" and callable(self.handler):
            self.handler(kind, flag)
        elif action != "ignore":
            warnings.warn(f"{kind} encountered", RuntimeWarning, stacklevel=depth)


def watching() -> Any:
    settings = np.geterr()
    return np.errstate(all="call", call=Watcher(settings, np.geterrcall() if "call" in settings.values() else None))


class DerivativeWarningsIgnored(Remembered):
    """``with`` this, the user's operations warn as the user set it, and partials that are infinite at a kink do not."""

    __slots__ = ()
    made: ClassVar[dict[Any, Any]] = {}
    make = staticmethod(watching)


class Repeated(Remembered):
    """``with`` this, operations of the user's that are done again do not warn again."""

    __slots__ = ()
    made: ClassVar[dict[Any, Any]] = {}
    make = staticmethod(lambda: np.errstate(all="call", call=Watcher(dict.fromkeys(KINDS.values(), "ignore"), None)))


derivative_warnings_ignored: Any = DerivativeWarningsIgnored if REMEMBERED else watching
repeated: Any = Repeated if REMEMBERED else Repeated.make

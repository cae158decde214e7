"""What the user asks the sweeps to watch for: kinks, equalities, derivatives that are not finite.

A policy is in force inside its ``with`` block, in that thread or task alone (a ContextVar). While any is in force, anywhere,
``WATCH.count`` is positive and every new sweep is a careful one, whose operations look; quick sweeps look at nothing.
"""

from __future__ import annotations

import linecache
import os
import sys
from _thread import allocate_lock  # threading takes a millisecond to import
from contextvars import ContextVar, Token
from typing import Any

from .errors import ParameterError

OWN = __name__.partition(".")[0]
LIBRARIES = frozenset({OWN, "numpy", "scipy"})  # whose frames are not the user's


class Watch:
    """How many policies other than the defaults are in force, in all threads."""

    __slots__ = ("count", "lock")

    def __init__(self) -> None:
        self.count, self.lock = 0, allocate_lock()

    def change(self, step: int) -> None:
        with self.lock:
            self.count += step


WATCH = Watch()
KINKS: ContextVar[str] = ContextVar("kinks", default="least_norm")
OTHER: ContextVar[int] = ContextVar("other", default=0)  # at kinks, not the chosen element but another: of |x| 1 or -1
EQUALITY: ContextVar[str] = ContextVar("equality", default="warn")


class Block:
    """A ``with`` block in which a variable has a value; blocks nest, and one object may be entered again."""

    watching = True  # whether sweeps inside have to be careful ones

    def __init__(self, variable: ContextVar[Any], value: Any) -> None:
        self.variable, self.value = variable, value

    def __enter__(self) -> Any:
        if self.watching:
            start_again_carefully()
            WATCH.change(1)
        OPEN.set((*OPEN.get(), (self, self.variable.set(self.value))))
        return self

    def __exit__(self, *raised: object) -> None:
        if self.watching:
            WATCH.change(-1)
        opened = OPEN.get()
        last = max(i for i, (block, _) in enumerate(opened) if block is self)
        self.variable.reset(opened[last][1])
        OPEN.set(opened[:last] + opened[last + 1:])


# The blocks of this thread or task, with what ends each: one object may be in several.
OPEN: ContextVar[tuple[tuple[Block, Token[Any]], ...]] = ContextVar("open", default=())


def start_again_carefully(wide: bool = False) -> None:
    """A block inside a differentiated function opens while a quick sweep runs: the outermost such sweep starts again.

    ``wide``: the outermost that is not wide yet.
    """
    frame: Any = sys._getframe(2)
    quick = None
    while frame is not None:
        if package_of(frame) == OWN:
            level = frame.f_locals.get("level")
            quick = level if getattr(level, "wide" if wide else "careful", True) is False else quick
        frame = frame.f_back
    if quick is not None:
        quick.ask_for_care(wide)


def choice(policy: str, choices: tuple[str, ...], what: str) -> str:
    if not isinstance(policy, str) or policy not in choices:
        raise ParameterError(f"{what}({policy!r}) is not one of {', '.join(f'{what}({name!r})' for name in choices)}")
    return policy


class kinks(Block):  # noqa: N801 - read as a phrase: with dualdiff.kinks("raise")
    """What the derivative is where a function has none: a kink (abs at 0, a tie in max) or a jump (floor at 1).

    ``"least_norm"``, the default: the element of least norm of the subdifferential; ties share equally; 0 at a jump.
    ``"raise"``: KinkError, which names the function, the element, its value and the line. ``"nan"``: NaN there. Both hold
    only where the element is perturbed, and for the functions with a kink of their own: abs, fabs, sign, copysign,
    heaviside, maximum, minimum, fmax, fmin, clip, max, min, hypot, norm, interp, sort, partition, unique, median,
    quantile, and at jumps floor, ceil, trunc, rint, round, fix, floor_divide, remainder, fmod. A branch or ``np.where`` on
    a comparison sees values and is no function; see ``equality``. Sweeps inside cost up to twice as much.

    >>> import numpy as np
    >>> from dualdiff import gradient
    >>> with kinks("nan"):
    ...     gradient(lambda x: np.sum(np.abs(x)))(np.array([0.0, 2.0]))
    array([nan,  1.])
    """

    def __init__(self, policy: str) -> None:
        super().__init__(KINKS, choice(policy, ("least_norm", "raise", "nan"), "kinks"))
        self.watching = policy != "least_norm"


class equality(Block):  # noqa: N801 - with dualdiff.equality("ignore")
    """What happens where ``x == c`` is true of a number that is being differentiated.

    A program such as ``0 if x == 0 else sin(x)`` then takes a branch that holds at this one point only and loses the
    derivative. ``"warn"``, the default: DerivativeWarning at the user's line, once for each line (Python's own filter).
    ``"raise"``: EqualityError. ``"ignore"``: nothing. Looked at are ``==``, ``!=``, ``in``, ``bool(x)`` where x is 0,
    ``np.equal``, ``np.not_equal``, ``np.isin``, ``np.array_equal`` and ``np.array_equiv``; ``np.isclose`` is true of the
    neighbours too and is left alone.

    >>> from dualdiff import derivative
    >>> with equality("ignore"):
    ...     derivative(lambda x: 0 * x if x == 0 else x**2)(0.0)
    np.float64(0.0)
    """

    watching = False

    def __init__(self, policy: str) -> None:
        super().__init__(EQUALITY, choice(policy, ("warn", "raise", "ignore"), "equality"))


# ---- where derivatives stop being finite
class NonFinite:
    """An operation whose derivative became NaN or infinite while those of its inputs were finite."""

    __slots__ = ("derivative", "direction", "element", "function", "line", "value")

    def __init__(self, function: str, line: str, element: tuple[int, ...], direction: int | None, derivative: Any,
                 value: Any) -> None:
        self.function, self.line, self.element, self.direction = function, line, element, direction
        self.derivative, self.value = derivative, value

    def __repr__(self) -> str:
        at = "" if not self.element else f" at element {self.element[0] if len(self.element) == 1 else self.element}"
        along = "" if self.direction is None else f" in direction {self.direction}"
        return (f"{self.function}: the derivative became {self.derivative}{at}{along}, where the value is {self.value}"
                + (f" ({self.line})" if self.line else ""))


class trace_nonfinite(Block):  # noqa: N801 - with dualdiff.trace_nonfinite() as t
    """Report the first operation whose derivative became NaN or infinite.

    ``t.first`` is None or has ``.function``, ``.line`` of the user's code, ``.element`` (an index), ``.direction`` (its
    number; None where there is one, or in reverse), ``.derivative`` and ``.value``; ``t.found`` lists all whose inputs were
    still finite, up to 100, for one that ``np.where`` masks later does no harm. Sweeps inside the block run carefully, at
    up to twice the cost, and a little more for each operation. Plain arithmetic of a ``Dual`` made by hand is not seen.

    >>> import numpy as np
    >>> from dualdiff import gradient
    >>> with trace_nonfinite() as t:
    ...     g = gradient(lambda x: np.sum(np.sqrt(x)))(np.array([4.0, 0.0]))
    >>> t.first.function, t.first.element, t.first.derivative
    ('numpy.sqrt', (1,), np.float64(inf))
    """

    def __init__(self) -> None:
        super().__init__(TRACE, self)
        self.found: list[NonFinite] = []
        self.made: dict[int, tuple[str, str]] = {}  # by serial of a tape leaf: function and line, for reverse

    @property
    def first(self) -> NonFinite | None:
        return self.found[0] if self.found else None

    def __str__(self) -> str:
        return "\n".join(map(repr, self.found)) or "every derivative was finite"

    def passed(self, function: str, leaves: list[Any]) -> None:
        """Remember which operation made tape leaves, so that the reverse run can name it."""
        for leaf in leaves:
            if leaf.serial not in self.made:
                self.made[leaf.serial] = (function, user_line())

    def add(self, function: str, element: tuple[int, ...], direction: int | None, derivative: Any, value: Any,
            line: str | None = None) -> None:
        if len(self.found) < 100:
            self.found.append(NonFinite(function, user_line() if line is None else line, element, direction, derivative,
                                        value))


TRACE: ContextVar[trace_nonfinite | None] = ContextVar("trace", default=None)


# ---- the user's line
def package_of(frame: Any) -> str:
    package: str = frame.f_globals.get("__name__", "").partition(".")[0]
    return package


def user_frame(silent: tuple[str, ...] = ()) -> tuple[Any, int]:
    """The innermost frame that is neither ours nor NumPy's or SciPy's, and how many calls up from the caller it is.

    None where a frame of one of the ``silent`` modules comes first.
    """
    frame: Any = sys._getframe(1)
    depth = 0
    while frame is not None and package_of(frame) in LIBRARIES:
        if silent and frame.f_code.co_name != "norm" and frame.f_globals["__name__"].startswith(silent):  # its order
            return None, depth
        frame, depth = frame.f_back, depth + 1
    return frame, depth


def user_line() -> str:
    """``model.py, line 12: y = np.sqrt(x)``, or nothing where there is no such line."""
    frame, _ = user_frame()
    if frame is None:
        return ""
    name, number = frame.f_code.co_filename, frame.f_lineno
    code = linecache.getline(name, number).strip()
    return f"{os.path.basename(name)}, line {number}" + (f": {code}" if code else "")

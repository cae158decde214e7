"""A tangent that does not exist: a program may hold it, and nothing more.

At a repeated eigenvalue the eigenvectors have no derivative, but a program that only uses the eigenvalues is well defined.
So eigh hands the vectors out with this in place of their ε-part, and the first use of it raises; a sweep, whose ``level`` is
given, then runs the program in several bases (rules/bases.py). Of a defective matrix the eigenvalues are no choice, and
parts of them may be compared, too.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import BasisError, DegenerateError


class Undefined:
    """Stands where a Tangent of this shape would; whatever is asked of it raises DegenerateError with the reason."""

    __slots__ = ("level", "moves", "reason", "shape")

    def __init__(self, reason: str, shape: tuple[int, ...], level: Any = None, moves: bool = False) -> None:
        self.reason, self.shape, self.level, self.moves = reason, shape, level, moves

    def gather(self, move: Any) -> Undefined:
        return self.item(None, None, move.out_shape)

    linear = gather

    def item(self, index: Any, key: Any, out_shape: tuple[int, ...]) -> Undefined:
        return Undefined(self.reason, out_shape, self.level, True) if self.moves else self.refuse()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.refuse()

    def refuse(self) -> NoReturn:
        if self.level is None:
            raise DegenerateError(self.reason)
        error = BasisError(self.reason)
        error.level = self.level
        raise error

    def __repr__(self) -> str:
        return f"Undefined({self.reason!r})"

"""A tangent that does not exist: a program may hold it, and nothing more.

At a repeated eigenvalue the eigenvectors have no derivative, but a program that only uses the eigenvalues is well defined.
So eigh hands the vectors out with this in place of their ε-part, and the first use of it raises; a sweep, whose ``level`` is
given, then runs the program in several bases (rules/bases.py).
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import BasisError, DegenerateError


class Undefined:
    """Stands where a Tangent of this shape would; whatever is asked of it raises DegenerateError with the reason."""

    __slots__ = ("level", "reason", "shape")

    def __init__(self, reason: str, shape: tuple[int, ...], level: Any = None) -> None:
        self.reason, self.shape, self.level = reason, shape, level

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

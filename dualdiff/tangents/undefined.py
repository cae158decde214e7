"""A tangent that does not exist: a program may hold it, and nothing more.

At a repeated eigenvalue the eigenvectors have no derivative, but a program that only uses the eigenvalues is well defined.
So eigh hands the vectors out with this in place of their ε-part, and the first use of it raises.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import DegenerateError


class Undefined:
    """Stands where a Tangent of this shape would; whatever is asked of it raises DegenerateError with the reason."""

    __slots__ = ("reason", "shape")

    def __init__(self, reason: str, shape: tuple[int, ...]) -> None:
        self.reason, self.shape = reason, shape

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.refuse()

    def refuse(self) -> NoReturn:
        raise DegenerateError(self.reason)

    def __repr__(self) -> str:
        return f"Undefined({self.reason!r})"

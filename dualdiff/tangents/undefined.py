"""A tangent that does not exist: a program may hold it, and nothing more.

At a repeated eigenvalue the eigenvectors have no derivative, but a program that only uses the eigenvalues is well defined.
So eigh hands the vectors out with this in place of their ε-part, and the first use of it raises; a sweep, whose ``level`` is
given, then runs the program in several bases (rules/bases.py). Where the elements without a derivative are told, as
``missing``, parts may be taken, and those without such elements have the ``known`` tangent of theirs.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..errors import BasisError, DegenerateError


class Undefined:
    """Stands where a Tangent of this shape would; whatever is asked of it raises DegenerateError with the reason."""

    __slots__ = ("known", "level", "missing", "reason", "shape")

    def __init__(self, reason: str, shape: tuple[int, ...], level: Any = None, missing: Any = None, known: Any = None) -> None:
        self.reason, self.shape, self.level = reason, shape, level
        self.missing, self.known = missing, known

    def gather(self, move: Any) -> Any:
        return self.part(lambda a: move.row.function(a, *move.args, **move.options), lambda t: t.gather(move))

    def item(self, index: Any, key: Any, out_shape: tuple[int, ...]) -> Any:
        return self.part(lambda a: a[index], lambda t: t.item(index, key, out_shape))

    def linear(self, op: Any) -> Any:
        return self.part(lambda a: a, lambda t: t.linear(op)) if op.row.local else self.refuse()

    def converted(self, kind: Any, wide: Any) -> Any:
        return self.part(lambda a: a, lambda t: t.converted(kind, wide))

    def part(self, taken: Any, moved: Any) -> Any:
        if self.missing is None:
            self.refuse()
        missing = taken(self.missing)
        known = None if self.known is None else moved(self.known)
        return Undefined(self.reason, np.shape(missing), None, missing, known) if known is None or np.any(missing) else known

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

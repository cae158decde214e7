"""What a formula may answer beside a differential: a reason why there is none, and a result said in another way."""

from __future__ import annotations

from typing import Any


class Without:
    """An output without a derivative here; ``reason`` is raised as a DegenerateError where the program uses it.

    ``level``: of the sweep that could try several bases instead. ``missing``: which elements lack one, if parts may be taken,
    and ``known`` the differential of the others.
    """

    __slots__ = ("known", "level", "missing", "reason")

    def __init__(self, reason: str, level: Any = None, missing: Any = None, known: Any = None) -> None:
        self.reason, self.level, self.missing, self.known = reason, level, missing, known


class Restated:
    """The result in another, equally valid form, with its differential: eigenvectors turned to the direction at hand."""

    __slots__ = ("f", "parts")

    def __init__(self, f: Any, parts: Any) -> None:
        self.f, self.parts = f, parts

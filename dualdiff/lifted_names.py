"""The names of lifted programs: the globals of their functions, and what stands for Python's own that look up names."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import wraps
from types import CodeType
from typing import TYPE_CHECKING, Any

from .lifted_calls import BUILTINS
from .lifted_classes import super_

if TYPE_CHECKING:
    from .lifting import Run

READ = ("__name__", "__package__", "__spec__", "__path__", "__loader__", "__file__", "__warningregistry__")  # by Python itself


class Space(dict[str, Any]):
    """The globals of lifted functions: those of their module, each seen through the run when it is first asked for. Python
    reads a name past these methods; to the program, which asks for ``globals()``, all are there.
    """

    __slots__ = ("origin", "run", "seen")

    def __init__(self, origin: dict[str, Any], run: Run) -> None:
        self.seen = {name: origin[name] for name in READ if name in origin} | {"__builtins__": run.builtins}
        super().__init__(self.seen)
        self.origin, self.run = origin, run

    def wrote(self, name: str) -> bool:
        """Whether the program assigned it."""
        return dict.get(self, name, self) is not self.seen.get(name, self)

    def __contains__(self, name: Any) -> bool:
        return name in self.origin or self.wrote(name)

    def __iter__(self) -> Any:
        return iter([*self.origin, *(name for name in dict.keys(self) if name not in self.origin and self.wrote(name))])

    def __reversed__(self) -> Any:
        return reversed([*iter(self)])

    def __len__(self) -> int:
        return len([*iter(self)])

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - which this is

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self) -> dict[str, Any]:
        return {**self}

    __or__: Any = lambda self, other: {**self, **other}
    keys: Any = Mapping.keys
    values: Any = Mapping.values
    items: Any = Mapping.items

    def __missing__(self, name: str) -> Any:
        x = self.origin[name] if name in self.origin else self.run.builtins[name]
        self[name] = self.seen[name] = new = self.run.of(x)
        return new


def evaluating(run: Any) -> Any:
    """``exec`` or ``eval``, which look up names without asking __missing__: those that the code has are looked up before."""
    @wraps(run)
    def call(source: Any, globals: Any = None, locals: Any = None, /, **options: Any) -> Any:
        frame = sys._getframe(1)
        names = frame.f_globals if globals is None else globals
        code = source if type(source) is CodeType else compile(source, "<string>", run.__name__)
        if type(names) is Space:
            for name in {*code.co_names, *names_of_classes(code)}:
                if name in names.origin:
                    names[name]
        return run(code, names, frame.f_locals if globals is None and locals is None else locals, **options)
    return call


OWN_BUILTINS = {"exec": evaluating(exec), "eval": evaluating(eval), "super": super_, **BUILTINS}


def names_of_classes(code: CodeType) -> set[str]:
    """The names in class bodies inside this code."""
    found: set[str] = set()
    for inner in code.co_consts:
        if type(inner) is CodeType:
            found |= names_of_classes(inner) | (set() if inner.co_flags & 1 else set(inner.co_names))
    return found

"""SciPy's classes for lifted programs: a class of the same name under the plain one, in which each method that meets a dual
is SciPy's own, made anew by lift, or the one that we write in its place. Where nothing is perturbed SciPy's methods run.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterator
from functools import cache, wraps
from types import CellType, FunctionType
from typing import Any

import numpy as np

from ..forms import dual_form
from ..lifted_classes import BOUND, ORIGIN, beside
from ..rules import gather
from ..tangents.level import is_dual
from .counterparts import CLASSES, FUNCTIONS, KINDS, constants_plain, plain_if_constant
from .python_functions import SCIPY


class Seen(ABCMeta):
    """The class of these classes: SciPy's objects are instances of them, too."""

    origin: type

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.origin)


def seen_class(kind: Any, **ours: Callable[..., Any]) -> Any:
    """What a lifted program sees in place of the class ``kind``; ``ours`` are the methods that are not SciPy's own."""
    if type(kind) is Seen or (id(kind) in FUNCTIONS and not ours):
        return FUNCTIONS.get(id(kind), kind)
    if not kind.__module__.startswith("scipy."):
        return beside(kind, seen_class, kind, origin=kind)
    above = tuple(seen_class(base) for base in kind.__bases__ if base is not object)
    members = {name: member(x) for name, x in vars(kind).items() if type(x) in (FunctionType, property, *BOUND)}
    members |= {name: guarded(getattr(kind, name, f), f) for name, f in ours.items()}
    members |= {"__module__": kind.__module__, "__doc__": kind.__doc__, "__setattr__": written, "origin": kind,
                ORIGIN: kind, "_asarray": property(lambda self: as_is, lambda self, value: None)}
    made: Any = Seen(kind.__name__, (kind, *above), members)
    FUNCTIONS[id(kind)], KINDS[kind], CLASSES[kind] = made, lambda x: seen_object(x, made), seen_class
    return made


def seen_object(x: Any, made: Any) -> Any:
    """An object that SciPy made, with the methods of ``made``."""
    if type(type(x)) is Seen:
        return x
    made = made if made.origin is type(x) else seen_class(type(x))
    new = object.__new__(made)
    for name, part in state(x):
        object.__setattr__(new, name, part)
    return settled(new)


def settled(x: Any) -> Any:
    """An object whose parts are as lifted programs see them: arrays that took no dual plain, functions made anew."""
    for name, part in [*state(x)]:
        if type(part) is FunctionType:
            method = getattr(x, part.__name__, None)
            new = getattr(method, "__func__", None) or SCIPY.of(part)
        else:
            new = KINDS[type(part)](part) if type(part) in KINDS else part
            new = plain_if_constant(part) if is_dual(part) else new
        if new is not part:
            object.__setattr__(x, name, new)
    return x


def state(x: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(x, "__dict__", {}).items()
    for name in slots(type(x)):  # type: ignore[arg-type]
        if hasattr(x, name):
            yield name, getattr(x, name)


@cache
def slots(kind: Any) -> list[str]:
    return [name for base in kind.__mro__ for name in vars(base).get("__slots__", ()) if name != "_asarray"]


def array_of(x: Any) -> Any:
    """An argument as an array, dual or plain."""
    return gather.as_array(dual_form(x))


def in_double(x: Any) -> Any:
    """An argument as compiled code takes it that knows no single precision."""
    return gather.in_double(array_of(x))


def perturbed(x: Any) -> bool:
    """Whether there is a dual in an argument, or in the object whose method this is."""
    if isinstance(x, list | tuple):
        return any(map(perturbed, x))
    if type(type(x)) is not Seen:
        return is_dual(x)
    if "_plain" not in x.__dict__ and not any(perturbed(part) for _, part in state(x)):
        x.__dict__["_plain"] = True  # until something is written to it
    return "_plain" not in x.__dict__


def written(self: Any, name: str, value: Any) -> None:
    object.__setattr__(self, name, value)
    self.__dict__.pop("_plain", None)


def as_is(x: Any, copy: bool | None = None, **options: Any) -> Any:
    """In place of a conversion to the library whose arrays an object was made from, here always NumPy."""
    return np.copy(x) if copy else x


def member(x: Any) -> Any:
    if type(x) is property:
        return property(*(f and member(f) for f in (x.fget, x.fset, x.fdel)))
    f = getattr(x, "__func__", x)
    made = guarded(f, anew(f))
    return made if f is x else type(x)(made)


def anew(f: Any) -> Any:
    """A method made by lift, but for ``__class__``, by which it finds the next class."""
    if type(f) is not FunctionType:
        return f
    if hasattr(f, "__wrapped__"):  # by what makes rng of random_state
        inside = tuple(CellType(anew(f.__wrapped__)) if cell.cell_contents is f.__wrapped__ else cell
                       for cell in f.__closure__ or ())
        return FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, inside)
    new = FunctionType(f.__code__, SCIPY.space(f.__globals__), f.__name__, f.__defaults__, f.__closure__)
    new.__kwdefaults__ = f.__kwdefaults__
    return new


def guarded(original: Any, function: Callable[..., Any]) -> Any:
    """``function`` where something is perturbed, else ``original``."""
    begins = original.__name__ == "__init__"

    @wraps(original)
    def call(*args: Any, **options: Any) -> Any:
        args, options = constants_plain(args, options)
        moved = any(map(perturbed, args)) or any(map(perturbed, options.values()))
        result = (function if moved else original)(*args, **options)
        if begins:
            settled(args[0])
        if type(result) in KINDS:
            return KINDS[type(result)](result)
        return settled(result) if type(type(result)) is Seen else result
    return call

"""A function that a program gives to SciPy, on plain numbers and without a trace.

SciPy calls such a function hundreds of times to find a root or a trajectory; only then it is differentiated. A closure that
holds duals would run on duals all the while: here it is made once more, of the same code, with cells that hold their values,
arrays read-only, so that a function that writes to one raises, and runs as it is. What its calls leave in lists, dicts and
objects, as a cache does, is taken back: a plain number kept there would be met again where a dual is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dis import get_instructions
from functools import lru_cache, partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..dual import Dual
from ..dual_array import DualArray
from ..elementwise import LEVELED
from ..forms import stop_gradient, stripped
from ..lifting import contents
from ..lifting import foreign as left_alone
from ..transforms.asking import names_in


def quietly(f: Any, beside: bool = False) -> Any:
    """f without derivatives and without a trace; where that raises it is f itself, from then on. And f where it closes over no
    dual, unless something ``beside`` it is perturbed.
    """
    g = without_derivatives(f)
    return without_trace(f, g) if beside or g is not f else f


def without_trace(f: Any, g: Any) -> Any:
    """g, and f once that raises, whose calls leave the lists, dicts, sets and objects that f reaches as they were. f, if these
    are too long to look at after each call.
    """
    places = reached(f)
    if sum(len(place) for place in places if type(place) not in (CellType, DualArray)) > MANY:
        return f

    def once(*args: Any, **options: Any) -> Any:
        nonlocal g
        try:
            return g(*args, **options)
        except Exception:
            if g is f:
                raise
            g = f
            return f(*args, **options)

    def call(*args: Any, **options: Any) -> Any:
        before = [*map(held, places)]
        try:
            return once(*args, **options)
        finally:
            put_back(places, before)
    return call if places else f if g is f else once


def held(place: Any) -> Any:
    if type(place) is not CellType:
        return place.copy()
    with suppress(ValueError):  # not yet assigned
        return place.cell_contents
    return held


def put_back(places: list[Any], before: list[Any]) -> bool:
    """Whether something was written there; it is not any more."""
    changed = [(place, old) for place, old in zip(places, before, strict=True) if differ(place, old)]
    for place, old in changed:
        if type(place) is CellType:
            place.cell_contents = old
            if old is held:
                del place.cell_contents
        elif isinstance(place, list):
            place[:] = old
        elif type(place) is DualArray:
            place[...] = old  # type: ignore[index]
        else:
            place.clear()
            place.update(old)
    return bool(changed)


def differ(place: Any, old: Any) -> bool:
    """Whether a list, dict, set, array or name holds other things than it did."""
    if type(place) is CellType:
        return held(place) is not old
    if type(place) is DualArray:
        return bool(place.eps.terms) or not np.array_equal(stripped(place), stripped(old), equal_nan=True)
    if isinstance(place, dict):
        return len(place) != len(old) or any(place.get(key, place) is not x for key, x in old.items())
    return len(place) != len(old) or (isinstance(place, list) and any(x is not y for x, y in zip(place, old, strict=True)))


def reached(f: Any) -> list[Any]:
    """The lists, dicts, sets and small arrays that functions name, in closures, in their module, in these and in objects.

    And the cells of what they bind anew.
    """
    found, met, queue = list[Any](), set[int](), [(f, 0)]
    for x, depth in queue:  # which grows on the way
        kind = type(x)
        if id(x) in met or depth > DEEP:
            continue
        met.add(id(x))
        parts: Any = ()
        if kind is FunctionType and not foreign(str(x.__module__)):
            known: Any = x.__globals__, getattr(x.__globals__, "origin", {})
            parts = [dict.get(known[0], name, known[1].get(name)) for name in names_in(x.__code__)] + [
                *(x.__defaults__ or ()), *contents(x).values()]
            found += [cell for name, cell in zip(x.__code__.co_freevars, x.__closure__ or (), strict=True)
                      if name in names_bound(x.__code__)]
            depth -= 1
        elif kind in (partial, MethodType):
            parts = (x.func, *x.args, *x.keywords.values()) if kind is partial else (x.__self__, x.__func__)
        elif isinstance(x, dict | list | set | tuple):
            parts = () if len(x) > MANY else x.values() if isinstance(x, dict) else x
            if not isinstance(x, tuple):
                found.append(x)
        elif kind is DualArray and x.size <= SMALL and not x.eps.terms:
            found.append(x)
        elif is_object(x):
            parts = (vars(x),)
        queue += [(part, depth + 1) for part in parts]
    return found


def foreign(module: str) -> bool:
    return left_alone(module) or module.partition(".")[0] in ("numpy", "scipy")


DEEP = 3  # an object in a list, say, and what it holds
SMALL = 64  # numbers of an array that the program made and may keep values in
MANY = 1000  # things in lists and dicts; in longer ones nothing is looked for


def is_object(x: Any) -> bool:
    """Whether x is an object of a class of the user's."""
    return type(getattr(x, "__dict__", None)) is dict and not (isinstance(x, type | ModuleType) or foreign(type(x).__module__))


def without_derivatives(f: Any) -> Any:
    def constant(x: Any) -> Any:
        if type(x) is not Dual:
            x.refresh()
        return stop_gradient(x) if type(x) is Dual or x.eps.terms else x
    return Replaced(constant).of(f)


class Replaced:
    """Arguments and functions with ``new(dual)`` in place of the duals in them: in the closures and defaults of functions, in
    tuples, lists, dicts and objects, and in that of a method; themselves where nothing is replaced.

    What can be written to is copied; ``written`` says whether it was. What a function binds anew stays.
    """

    __slots__ = ("copies", "made", "new")

    def __init__(self, new: Callable[[Any], Any]) -> None:
        self.new = new
        self.made: dict[int, tuple[Any, Any]] = {}  # by id: what it was, and what it is; itself while it is looked at
        self.copies: list[tuple[Any, Any]] = []  # lists and dicts, and what they held

    def written(self) -> bool:
        return any(differ(place, old) for place, old in self.copies)

    def of(self, x: Any) -> Any:
        kind = type(x)
        if kind in LEVELED or kind is Dual:
            return self.new(x)
        if id(x) not in self.made:
            self.made[id(x)] = x, x
            self.made[id(x)] = x, self.looked_at(x, kind)
        return self.made[id(x)][1]

    def looked_at(self, x: Any, kind: Any) -> Any:
        if kind is FunctionType:
            return self.function(x)
        if kind in (tuple, list, dict) and len(x) > MANY:
            return x
        if kind is tuple or kind is list:
            parts = kind(map(self.of, x))
            if all(a is b for a, b in zip(x, parts, strict=True)):
                return x
            self.copies += [(parts, [*parts])] if kind is list else []
            return parts
        if kind is dict:
            return self.kept(x, self.named(x))
        if kind is partial:
            func, args, options = self.of(x.func), self.of(x.args), self.named(x.keywords)
            return x if func is x.func and args is x.args and options is x.keywords else partial(func, *args, **options)
        if kind is MethodType and (owner := self.of(x.__self__)) is not x.__self__:
            return MethodType(x.__func__, owner)
        if is_object(x) and (state := self.named(vars(x))) is not vars(x):
            with suppress(TypeError):  # a class with a memory of its own
                copied = object.__new__(kind)
                vars(copied).update(state)
                self.kept(state, vars(copied))
                return copied
        return x

    def kept(self, before: Any, place: Any) -> Any:
        if place is not before:
            self.copies.append((place, {**place}))
        return place

    def named(self, given: dict[Any, Any]) -> dict[Any, Any]:
        parts = {name: self.of(x) for name, x in given.items()}
        return given if all(parts[name] is x for name, x in given.items()) else parts

    def function(self, f: Any) -> Any:
        cells, bound, changed = list(f.__closure__ or ()), names_bound(f.__code__), False
        known = contents(f)
        for i, name in enumerate(f.__code__.co_freevars):
            if name not in bound and name in known and (y := self.of(known[name])) is not known[name]:
                cells[i], changed = CellType(y), True
        defaults, named = self.of(f.__defaults__), f.__kwdefaults__ and self.named(f.__kwdefaults__)
        if not changed and defaults is f.__defaults__ and named is f.__kwdefaults__:
            return f
        g = FunctionType(f.__code__, f.__globals__, f.__name__, defaults, tuple(cells))
        g.__kwdefaults__ = named
        g.__dict__.update(f.__dict__)
        return g


@lru_cache(1024)
def names_bound(code: CodeType) -> frozenset[str]:
    """The names of a closure that this code, or a function in it, binds anew."""
    found = {step.argval for step in get_instructions(code) if step.opname in ("STORE_DEREF", "DELETE_DEREF")}
    return frozenset(found.union(*(names_bound(inner) for inner in code.co_consts if type(inner) is CodeType)))

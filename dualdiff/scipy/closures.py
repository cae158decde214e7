"""A function that a program gives to SciPy, on plain numbers and without a trace.

SciPy calls such a function hundreds of times to find a root or a trajectory; only then it is differentiated. A closure that
holds duals would run on duals all the while: here it is made once more, of the same code, with cells that hold their values,
arrays read-only, so that a function that writes to one raises, and runs as it is. What its calls leave in lists, dicts and
objects, as a cache does, is taken back: a plain number kept there would be met again where a dual is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
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
from ..transforms.programs import names_in


def quietly(f: Any, beside: bool = False) -> Any:
    """f without derivatives and without a trace; where that raises it is f itself, from then on. And f where it closes over no
    dual, unless something ``beside`` it is perturbed.
    """
    g = without_derivatives(f)
    return without_trace(f, g) if beside or g is not f else f


def without_trace(f: Any, g: Any) -> Any:
    """g, and f once that raises, whose calls leave the lists, dicts, sets and objects that f reaches as they were."""
    places = reached(f)

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
        before = [place.copy() for place in places]
        try:
            return once(*args, **options)
        finally:
            for place, old in zip(places, before, strict=True):
                (put_back_array if type(place) is DualArray else put_back)(place, old)
    return call if places else f if g is f else once


def put_back(place: Any, old: Any) -> None:
    if isinstance(place, list):
        if len(place) != len(old) or any(x is not y for x, y in zip(place, old, strict=True)):
            place[:] = old
    elif len(place) != len(old) or (isinstance(place, dict) and any(place.get(key, place) is not x for key, x in old.items())):
        place.clear()
        place.update(old)


def put_back_array(place: Any, old: Any) -> None:
    if not np.array_equal(stripped(place), stripped(old), equal_nan=True):
        place[...] = old


def reached(f: Any) -> list[Any]:
    """The lists, dicts, sets and small arrays that a function names, in its closure or its module, in these and in objects."""
    found, met, queue = list[Any](), set[int](), [(f, 0)]
    for x, depth in queue:  # which grows on the way
        kind = type(x)
        if id(x) in met or depth > DEEP:
            continue
        met.add(id(x))
        parts: Any = ()
        if kind is FunctionType and not foreign(str(x.__module__)):
            known = {**getattr(x.__globals__, "origin", {}), **x.__globals__}
            parts = [known.get(name) for name in names_in(x.__code__)] + [*(x.__defaults__ or ()), *contents(x).values()]
            depth -= 1
        elif kind in (partial, MethodType):
            parts = (x.func, *x.args, *x.keywords.values()) if kind is partial else (x.__self__, x.__func__)
        elif isinstance(x, dict | list | set | tuple):
            parts = x.values() if isinstance(x, dict) else x
            if not isinstance(x, tuple):
                found.append(x)
        elif kind is DualArray and x.size <= SMALL and not x.eps.terms:
            found.append(x)
        elif type(getattr(x, "__dict__", None)) is dict and not (isinstance(x, type | ModuleType) or foreign(kind.__module__)):
            parts = (vars(x),)
        queue += [(part, depth + 1) for part in parts]
    return found


def foreign(module: str) -> bool:
    return left_alone(module) or module.partition(".")[0] in ("numpy", "scipy")


DEEP = 3  # an object in a list, say, and what it holds
SMALL = 64  # numbers of an array that the program made and may keep values in


def without_derivatives(f: Any) -> Any:
    return held(f, lambda x: stop_gradient(x) if type(x) is Dual or x.eps.terms else x)


def held(x: Any, new: Callable[[Any], Any], met: frozenset[int] = frozenset()) -> Any:
    """x with ``new(dual)`` in place of the duals in it: in tuples, lists and dicts, in the closures and defaults of functions.

    Itself where nothing is replaced. In a closure lists and dicts, which may be written to, stay as they are, and so does what
    a function binds anew. ``met`` are the functions around it, which stay, too.
    """
    kind = type(x)
    if kind in LEVELED or kind is Dual:
        return new(x)
    if kind is tuple:
        parts = tuple([held(part, new, met) for part in x])
        return x if all(a is b for a, b in zip(x, parts, strict=True)) else parts
    if kind is list and not met:
        return [held(part, new) for part in x]
    if kind is dict and not met:
        return {name: held(part, new) for name, part in x.items()}
    if kind is partial:
        func, args = held(x.func, new, met), held(x.args, new, met)
        options = {name: held(part, new, met) for name, part in x.keywords.items()}
        same = func is x.func and args is x.args and all(part is x.keywords[name] for name, part in options.items())
        return x if same else partial(func, *args, **options)
    return of_function(x, new, met | {id(x)}) if kind is FunctionType and id(x) not in met else x


def of_function(f: Any, new: Callable[[Any], Any], met: frozenset[int]) -> Any:
    cells, bound, changed = list(f.__closure__ or ()), names_bound(f.__code__), False
    for i, (name, cell) in enumerate(zip(f.__code__.co_freevars, cells, strict=True)):
        try:
            x = cell.cell_contents
        except ValueError:  # not yet assigned
            continue
        y = x if name in bound else held(x, new, met)
        if y is not x:
            cells[i], changed = CellType(y), True
    defaults, given = held(f.__defaults__, new, met), f.__kwdefaults__ or {}
    named = {name: held(x, new, met) for name, x in given.items()}
    if not changed and defaults is f.__defaults__ and all(x is given[name] for name, x in named.items()):
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

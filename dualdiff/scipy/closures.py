"""A function that a program gives to SciPy, without the derivatives of what it closes over.

SciPy calls such a function hundreds of times on plain numbers to find a root or a trajectory; only then it is differentiated.
A closure that holds duals would run on duals all the while. Here it is made once more, of the same code, with cells that hold
their values: arrays read-only, so that a function that writes to one raises, and runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dis import get_instructions
from functools import lru_cache, partial
from types import CellType, CodeType, FunctionType
from typing import Any

from ..dual import Dual
from ..elementwise import LEVELED
from ..forms import stop_gradient


def quietly(f: Any) -> Any:
    """f without derivatives, or f itself from where that raises: it may write to an array of its closure."""
    g = without_derivatives(f)
    if g is f:
        return f

    def call(*args: Any, **options: Any) -> Any:
        nonlocal g
        try:
            return g(*args, **options)
        except Exception:
            if g is f:
                raise
            g = f
            return f(*args, **options)
    return call


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

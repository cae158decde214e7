"""Python's ``float``, ``complex``, ``map``, ``hasattr`` and ``getattr`` as lifted programs call them, and ``np.float64``.

``float`` is a class, too, that programs compare, test against and give as a type: only where the code calls it by name it is
another, told by the instruction that loads it. So the code is made anew with other names there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dis import get_instructions
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from .elementwise import LEVELED
from .forms import dual_form, holds_dual, stripped
from .operands import constant
from .reading import dtype_of
from .tangents.level import is_dual


def float_(x: Any = 0.0, /) -> Any:
    """``float(x)``, which keeps a derivative."""
    x = said(x, "__float__")
    return to_number(x, float, "f") if holds_dual(x) and not isinstance(x, list | tuple) else float(x)


def complex_(*parts: Any, **named: Any) -> Any:
    """``complex(re, im)``, which keeps a derivative."""
    parts = tuple(said(x, "__complex__", "__float__") for x in parts)
    if named or not any(is_dual(x) for x in parts):
        return complex(*parts, **named)
    re, im = (*parts, 0.0)[:2]
    return to_number(re + 1j * im, complex, "c")


def said(x: Any, *names: str) -> Any:
    """The number that an object of the user's says it is, which Python takes from it only if that is plain."""
    method = next(filter(None, (getattr(type(x), name, None) for name in names)), None)
    return method(x) if type(method) is FunctionType and not is_dual(x) else x


def to_number(x: Any, kind: Callable[[Any], Any], letter: str) -> Any:
    x = constant(dual_form(x))
    if not is_dual(x):
        return kind(x)
    kind(stripped(x))  # which raises where there is no such number
    x = np.reshape(x, ())[()]
    return x if dtype_of(x).kind == letter else x.astype(kind)


def hasattr_(x: Any, name: str, /) -> bool:
    """As of the array or the number that a dual stands for."""
    return hasattr(stripped(x) if type(x) in LEVELED else x, name)


def getattr_(x: Any, name: str, /, *default: Any) -> Any:
    """``getattr``: the default is taken where hasattr says so, and what duals alone lack raises."""
    if type(x) not in LEVELED or not default:
        return getattr(x, name, *default)
    if not hasattr_(x, name):
        return default[0]
    return dtype_of(x) if name == "dtype" else getattr(x, name)


def map_(function: Any, /, *iterables: Any) -> Any:
    """``map``, of ``float``, ``complex`` and the like, too."""
    return map(CALLS.get(NAMES.get(id(function), ""), function), *iterables)


def number_of(kind: Any) -> Any:
    """``np.float64(x)`` and its kin, of numbers and arrays, which keep a derivative."""
    def number(*args: Any, **options: Any) -> Any:
        x: Any = constant(dual_form(args[0])) if args and holds_dual(args[0]) else None
        if hasattr(x, "level"):
            return x.astype(kind)[()]
        return kind(*args, **options) if x is None else kind(x)
    return number


PYTHONS: Any = {"float": float, "complex": complex, "map": map}
KINDS: Any = {np.dtype(letter).type for letter in np.typecodes["AllFloat"]}
CALLS: dict[str, Any] = {"float": float_, "complex": complex_, "map": map_} | {k.__name__: number_of(k) for k in KINDS}
NAMES: dict[int, str] = {id(x): x.__name__ for x in (*PYTHONS.values(), *KINDS)} | {id(np): ""}
CALLED: dict[str, Any] = {f"{name}()": function for name, function in CALLS.items()}
BUILTINS: dict[str, Any] = CALLED | {"hasattr": hasattr_, "getattr": getattr_}
WIDE = sys.version_info >= (3, 12)  # the place of an attribute has a bit for what is called, as that of a global name


@lru_cache(1024)
def names_in(code: CodeType) -> frozenset[str]:
    return frozenset(code.co_names).union(*(names_in(part) for part in code.co_consts if type(part) is CodeType))


def names_called(code: CodeType, names: dict[str, Any]) -> frozenset[tuple[str, str]]:
    """Which of the global names in the code are theirs; NumPy's as that of none."""
    return frozenset((name, called) for name in names_in(code)
                     if (called := NAMES.get(id(names.get(name, PYTHONS.get(name))))) is not None)


@lru_cache(1024)
def with_calls(code: CodeType, known: frozenset[tuple[str, str]]) -> CodeType:
    """The code, which calls these; itself where it calls none. Python marks what is loaded to be called."""
    parts = tuple(with_calls(part, known) if type(part) is CodeType else part for part in code.co_consts)
    names, steps, called = [*code.co_names], bytearray(code.co_code), dict(known)
    order = [*get_instructions(code)] if any(called.get(name) or id(vars(np).get(name)) in NAMES for name in names) else []
    for before, step, after in zip(order[-1:] + order, order, order[1:] + order[:1], strict=False):
        arg, new = step.arg or 0, ""
        if step.opname == "LOAD_GLOBAL" and arg & 1:
            new = called.get(step.argval, "")
        elif before.opname == "LOAD_GLOBAL" and called.get(before.argval) == "" and (step.opname == "LOAD_METHOD" or (
                step.opname == "LOAD_ATTR" and ((before.arg or 0) & 1 or arg & WIDE or after.opname == "PUSH_NULL"))):
            new = NAMES.get(id(vars(np).get(step.argval)), "")
        if new:
            if (name := f"{new}()") not in names:
                names.append(name)
            place = names.index(name)
            place = 2 * place + (arg & 1) if WIDE or step.opname == "LOAD_GLOBAL" else place
            if place < 256 > arg:
                steps[step.offset + 1] = place
    if bytes(steps) == code.co_code and all(a is b for a, b in zip(parts, code.co_consts, strict=True)):
        return code
    return code.replace(co_code=bytes(steps), co_names=tuple(names), co_consts=parts)

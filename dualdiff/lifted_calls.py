"""Python's ``float``, ``complex``, ``map`` of these, and ``hasattr`` as lifted programs call them.

``float`` is a class, too, that programs compare, test against and give as a type: only where the code calls it by name it is
another, told by the instruction that loads it. So the code is made anew with other names there.
"""

from __future__ import annotations

from collections.abc import Callable
from dis import get_instructions
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np

from .dual_scalar import DualScalar
from .forms import dual_form, holds_dual, stripped
from .operands import constant
from .reading import dtype_of
from .tangents.level import is_dual

OURS = frozenset(("value", "tangent", "eps", "level", "source"))


def float_(x: Any = 0.0, /) -> Any:
    """``float(x)``, which keeps a derivative."""
    return to_number(x, float, "f") if holds_dual(x) and not isinstance(x, list | tuple) else float(x)


def complex_(*parts: Any, **named: Any) -> Any:
    """``complex(re, im)``, which keeps a derivative."""
    if named or not any(is_dual(x) for x in parts):
        return complex(*parts, **named)
    re, im = (*parts, 0.0)[:2]
    return to_number(re + 1j * im, complex, "c")


def to_number(x: Any, kind: Callable[[Any], Any], letter: str) -> Any:
    x = constant(dual_form(x))
    if not is_dual(x):
        return kind(x)
    kind(stripped(x))  # which raises where there is no such number
    x = np.reshape(x, ())[()]
    return x if dtype_of(x).kind == letter else x.astype(kind)


def hasattr_(x: Any, name: str, /) -> bool:
    """As of the number that a dual stands for, but for what duals have themselves."""
    return hasattr(x if type(x) is not DualScalar or name in OURS else stripped(x), name)


def map_(function: Any, /, *iterables: Any) -> Any:
    """``map``, of ``float`` and ``complex`` too."""
    return map(float_ if function is float else complex_ if function is complex else function, *iterables)


CALLED: dict[str, Any] = {"float": float_, "complex": complex_, "map": map_}
BUILTINS: dict[str, Any] = {f"{name}()": function for name, function in CALLED.items()} | {"hasattr": hasattr_}


@lru_cache(1024)
def with_calls(code: CodeType) -> CodeType:
    """The code, which calls these; itself where it calls none. Python marks what is loaded to be called."""
    parts = tuple(with_calls(part) if type(part) is CodeType else part for part in code.co_consts)
    names, steps = [*code.co_names], bytearray(code.co_code)
    if not CALLED.keys().isdisjoint(names):
        for step in get_instructions(code):
            if step.opname == "LOAD_GLOBAL" and step.argval in CALLED and step.arg is not None and step.arg & 1:
                if (called := f"{step.argval}()") not in names:
                    names.append(called)
                if (place := 2 * names.index(called) + 1) < 256 and step.arg < 256:
                    steps[step.offset + 1] = place
    if bytes(steps) == code.co_code and all(a is b for a, b in zip(parts, code.co_consts, strict=True)):
        return code
    return code.replace(co_code=bytes(steps), co_names=tuple(names), co_consts=parts)

"""Which programs are worth noting, by what their code says: one that will meet a function that is not noted only loses by it.

A program's own code decides, never what earlier runs met, so that the same call takes the same way, and gives the same bits,
whatever was called before.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache, lru_cache, partial
from opcode import opmap
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

# Of the functions that NumPy asks us for: what is noted, looks at values only, or has the name of something else's method.
WITHIN = frozenset((
    "sum", "mean", "matmul", "dot", "transpose", "reshape", "ravel", "stack", "concatenate", "where", "shape", "size", "ndim",
    "array_equal", "allclose", "isclose", "any", "all", "argmax", "argmin", "argsort", "iscomplexobj", "isrealobj",
    "result_type", "searchsorted", "isin", "count_nonzero", "nonzero", "flatnonzero", "linspace", "logspace", "geomspace",
    "max", "min", "amax", "amin", "prod", "cumsum", "var", "std", "diff", "outer", "norm", "clip", "append", "insert", "split",
    "real", "imag", "can_cast", "common_type", "min_scalar_type", "save", "may_share_memory"))
SWEEPS = frozenset(("derivative", "gradient", "hessian", "hvp", "jacobian", "jvp", "linearize", "value_and_gradient",
                    "value_and_jacobian", "vjp", "root", "fixed_point", "minimize", "solve_ivp", "spsolve", "quad"))
WRITE = opmap["STORE_SUBSCR"]


@cache
def beyond() -> frozenset[str]:
    """The names of the others, of methods, and of sweeps: where a program meets one of these, the notes end."""
    names = {name for module in (np, np.linalg) for name, function in vars(module).items() if type(function) is type(np.sum)}
    return frozenset(names - WITHIN | SWEEPS | {"reduce", "accumulate", "at", "fill", "fft", "rfft", "ifft", "irfft"})


def is_within_reach(f: Any) -> bool:
    """Whether nothing in the code of f, and of the functions that it names, says that notes of it would be in vain."""
    if type(f) is not FunctionType or f.__dict__:
        while type(f) is partial or hasattr(f, "__wrapped__"):
            f = f.func if type(f) is partial else f.__wrapped__
        f = f if hasattr(f, "__code__") else getattr(type(f).__call__, "__get__", lambda _: f)(f)
    code: Any = getattr(f, "__code__", None)
    if code is None:
        return True
    names = named(code)
    if not names and f.__closure__ is None:  # but for NumPy's functions it names nothing, or what is not noted
        return names is not None
    return reaches(f, names, set())


def reaches(f: Any, names: Any, met: set[Any]) -> bool:
    if names is None or f.__code__ in met:
        return names is not None
    met.add(f.__code__)
    helpers = [f.__globals__.get(name) for name in names]
    for cell in f.__closure__ or ():
        with suppress(ValueError):  # not yet assigned
            helpers.append(cell.cell_contents)
    if type(f) is MethodType:
        own = getattr(f.__self__, "__dict__", {})
        helpers += [own.get(name, getattr(type(f.__self__), name, None)) for name in names]
    return all(reaches(g, named(g.__code__), met) for g in helpers
               if type(g) in FUNCTIONS and str(g.__module__).partition(".")[0] not in LIBRARIES)


FUNCTIONS = (FunctionType, MethodType)
LIBRARIES = frozenset(("numpy", "scipy", "dualdiff"))


@lru_cache(maxsize=4096)
def named(code: CodeType) -> tuple[str, ...] | None:
    """What a function, and those written inside it, name beside NumPy's functions; None if they write to an array or name what
    is not noted.
    """
    names = set(code.co_names)
    if WRITE in code.co_code[::2] or not beyond().isdisjoint(names):
        return None
    for part in code.co_consts:
        if type(part) is CodeType:
            inside = named(part)
            if inside is None:
                return None
            names.update(inside)
    return tuple(sorted(names - vars(np).keys() - {"np", "numpy"}))

"""Python's ``math`` and ``cmath`` in lifted programs: their functions take numbers and nothing else, so NumPy's answer where a
dual is met. Of complex numbers they have the same branch cuts, and the same signs of zeros.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import reduce, wraps
from typing import Any

import numpy as np

from .errors import needed
from .forms import holds_dual, stop_gradient, stripped

ELEMENTS: ContextVar[bool] = ContextVar("ELEMENTS", default=False)


def of_duals(function: Any, counterpart: Callable[..., Any]) -> Any:
    """The function, and for duals its counterpart; where it is not defined it raises what it raises for floats."""
    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        args = tuple(list(x) if hasattr(x, "__next__") else x for x in args)
        dual = any(map(holds_dual, args))
        try:
            plain = function(*map(stripped, args) if dual else args, **options)
        except TypeError:
            if not ELEMENTS.get():
                raise
            dual = True
        return counterpart(*args, **options) if dual else plain
    return call


@contextmanager
def each_element() -> Iterator[None]:
    """Here the functions take arrays, element by element: of a program whose numbers stand for many."""
    token = ELEMENTS.set(True)
    try:
        yield
    finally:
        ELEMENTS.reset(token)


def log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def hypot(*coordinates: Any) -> Any:
    return reduce(np.hypot, coordinates, 0.0)


def remainder(x: Any, y: Any) -> Any:
    """What fmod leaves, or that and y more or less, which is exact."""
    left = np.fmod(x, y)
    nearest = np.vectorize(math.remainder, otypes=[float])(stripped(x), stripped(y))
    count = np.rint((stripped(left) - nearest) / stripped(y))[()]
    return left - count * np.where(count == 0, 0, y)[()]


def special(name: str, called: str) -> Callable[[Any], Any]:
    def counterpart(x: Any) -> Any:
        return getattr(needed("scipy.special", f"math.{name}"), called)(x)
    return counterpart


def of_complex(counterpart: Callable[..., Any]) -> Callable[..., Any]:
    """The counterpart in cmath, whose arguments and results are complex."""
    return lambda *args: counterpart(*(x.astype(complex) if hasattr(x, "astype") else complex(x) for x in args))


def of_values(function: Any) -> Any:
    """A function whose result is a truth value, or an error, of the values alone."""
    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        return function(*map(stop_gradient, args), **{name: stop_gradient(x) for name, x in options.items()})
    return call


SAME = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "exp2", "expm1", "sqrt", "cbrt", "log1p", "log2", "log10", "fabs",
        "degrees", "radians", "copysign", "fmod", "ldexp", "modf", "frexp")
OTHERWISE = {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "asinh": np.arcsinh,
             "acosh": np.arccosh, "atanh": np.arctanh, "pow": np.power, "log": log, "hypot": hypot, "fsum": sum,
             "remainder": remainder,
             "dist": lambda p, q: hypot(*(a - b for a, b in zip(p, q, strict=True)))}
COUNTERPARTS: dict[Any, Any] = {
    getattr(math, name): of_duals(getattr(math, name), counterpart) for name, counterpart in (
        {name: getattr(np, name) for name in SAME} | OTHERWISE
        | {name: special(name, name.replace("lgamma", "gammaln")) for name in ("erf", "erfc", "gamma", "lgamma")}).items()
} | {function: of_values(function) for function in (math.isnan, math.isinf, math.isfinite, math.isclose)}
CMATH: dict[Any, Any] = {
    getattr(cmath, name): of_duals(getattr(cmath, name), of_complex(counterpart)) for name, counterpart in (
        {name: getattr(np, name) for name in SAME} | OTHERWISE).items() if hasattr(cmath, name)
} | {
    cmath.phase: of_duals(cmath.phase, np.angle), cmath.polar: of_duals(cmath.polar, lambda z: (np.abs(z), np.angle(z))),
    cmath.rect: of_duals(cmath.rect, lambda r, phi: r * np.cos(phi) + 1j * (r * np.sin(phi)))
} | {function: of_values(function) for function in (cmath.isnan, cmath.isinf, cmath.isfinite, cmath.isclose)}

"""What every optimiser returns, and the checks that all of them make."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite, prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, DivergenceError, ParameterError, StructureError
from ..transforms.trees import Rebuild, flatten

Array = NDArray[np.float64]
EPS = float(np.finfo(float).eps)
REAL = (int, float, np.integer, np.floating)
STATUS = {"converged": 1, "out of budget": 0, "stalled": -1, "diverged": -2, "interrupted": -3}
Callback = Callable[[int, float], Any]


@dataclass
class Result:
    """Where an optimiser stopped and why; SciPy's names.

    ``x`` has the form of x0, and so has ``jac``, the gradient there; ``fun`` is f(x). ``nit`` counts iterations,
    ``nfev`` runs of f and of its gradient (one run that gives both counts once). ``success`` is True only where the
    stopping test was met, ``reason`` is one of converged, out of budget, stalled, diverged, interrupted, and ``message`` says
    in words what happened. ``history`` holds f at x0 and after every iteration.

    >>> from dualdiff.optimize import gradient_descent
    >>> gradient_descent(lambda x: x**2, 1.0, learning_rate=0.25, max_iter=3, tol=0).history
    [1.0, 0.25, 0.0625, 0.015625]
    """

    x: Any
    fun: float
    jac: Any
    nit: int
    nfev: int
    success: bool
    message: str
    history: list[float] = field(repr=False)
    reason: str = "converged"

    @property
    def status(self) -> int:
        """``reason`` as a number: 1, 0, -1, -2, -3."""
        return STATUS[self.reason]


def start(x0: Any) -> tuple[list[Array], Rebuild]:
    """The arrays of x0 as floats of our own, so that the caller's are never written, and the way back to its form."""
    leaves, rebuild = flatten(x0, "x0")
    for leaf in leaves:
        if np.iscomplexobj(leaf):
            raise StructureError("x0 is complex; the optimisers minimise over real numbers. Pass the real and the "
                                 "imaginary parts as two arrays")
    kept = [np.asarray(leaf).dtype if np.asarray(leaf).dtype.kind == "f" else np.float64 for leaf in leaves]
    arrays = [np.array(leaf, dtype=dtype) for leaf, dtype in zip(leaves, kept, strict=True)]
    return arrays, lambda new: rebuild([a[()] if isinstance(a, np.ndarray) and not a.ndim else a for a in new])


def vector(x0: Any) -> tuple[Array, Callable[[Any], Any]]:
    """The numbers of x0 as one vector, and the way from such a vector to the form of x0."""
    leaves, rebuild = start(x0)
    require(bool(leaves), "x0", x0, "one number at least")
    shapes = [a.shape for a in leaves]
    return joined(leaves).astype(np.float64), lambda v: rebuild(split(v, shapes))


def joined(leaves: list[Any]) -> Any:
    """The numbers of all leaves as one vector."""
    return np.concatenate([np.ravel(leaf) for leaf in leaves]) if leaves else np.zeros(0)


def split(v: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    """The vector as arrays of these shapes."""
    parts, first = [], 0
    for shape in shapes:
        size = prod(shape)
        parts.append(v[first:first + size].reshape(shape))
        first += size
    return parts


def number(value: Any) -> float:
    """What f returned, which must be one real number."""
    if np.size(value) != 1 or np.iscomplexobj(value):
        raise StructureError(f"f must return one real number; it returned {value!r:.60}")
    return float(np.reshape(value, ()))


def leaves_of(tree: Any, x: Any) -> list[Array]:
    """The arrays of a gradient, which must be as many and of the same shapes as those of the tree x."""
    leaves = [leaf if hasattr(leaf, "shape") else np.asarray(leaf) for leaf in flatten(tree, "the gradient", x)[0]]
    shapes = [np.shape(leaf) for leaf in flatten(x, None)[0]]
    if [g.shape for g in leaves] != shapes:
        raise StructureError(f"jac returned arrays of shapes {[g.shape for g in leaves]}; x0 has shapes {shapes}")
    return leaves


def numbers(a: Any, what: str) -> Array:
    """An array of floats, in which what is masked is NaN."""
    try:
        found = np.ma.filled(a.astype(np.result_type(a, 1.0)), np.nan) if isinstance(a, np.ma.MaskedArray) else np.asarray(a)
        if found.dtype.kind != "c":
            return found if found.dtype.kind == "f" else found.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{what} must hold numbers; got {str(a)[:60]!r}") from None
    raise StructureError(f"{what} is complex and must be real; fit real and imaginary parts as two data sets")


def norm(gradient: list[Array]) -> float:
    return float(np.sqrt(sum(float(np.vdot(g, g)) for g in gradient)))


def refuse(name: str, value: Any, what: str) -> NoReturn:
    raise ParameterError(f"{name} must be {what}; got {value!r}")


def require(condition: bool, name: str, value: Any, what: str) -> None:
    if not condition:
        refuse(name, value, what)


def require_one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if getattr(value, "ndim", 0) or value not in allowed:
        refuse(name, value, f"one of {', '.join(map(repr, allowed))}")


def require_functions(**options: Any) -> None:
    for name, value in options.items():
        require(value is None or callable(value), name, value, "a function")


def is_real(value: Any) -> bool:
    return isinstance(value, REAL) and not isinstance(value, bool)


def require_positive(name: str, value: Any) -> None:
    require(is_real(value) and 0 < value < float("inf"), name, value, "a positive number")


def require_not_negative(name: str, value: Any) -> None:
    require(is_real(value) and 0 <= value < float("inf"), name, value, "a number of at least 0")


def require_part(name: str, value: Any) -> None:
    require(is_real(value) and 0 <= value < 1, name, value, "a number from 0 up to, not including, 1")


def require_count(name: str, value: Any, least: int = 1) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    require(whole and value >= least, name, value, f"a whole number of at least {least}")


def deadline(max_seconds: Any) -> float:
    """When, on the monotonic clock, so many seconds from now are used up; never for None."""
    if max_seconds is None:
        return float("inf")
    require_positive("max_seconds", max_seconds)
    return time.monotonic() + float(max_seconds)


def require_finite(method: str, iteration: int, loss: float, arrays: list[Array], learning_rate: float | None,
                   what: str = "gradient") -> None:
    """Raise where the value, or what it came with, became NaN or infinite, with the next step."""
    if isfinite(loss) and all(np.isfinite(a).all() for a in arrays):
        return
    met = f"the value is {loss}" + (f", but its {what} is not finite" if isfinite(loss) else "")
    if iteration == 0:
        raise DivergenceError(f"{method} cannot start: at x0 {met}. Start elsewhere, or check the scale of the data")
    raise DivergenceError(f"{method} diverged in iteration {iteration}: {met}. {smaller(learning_rate)}")


def smaller(learning_rate: float | None) -> str:
    if learning_rate is None:
        return "Start elsewhere, or check that f is bounded below"
    return f"Try learning_rate={learning_rate / 10:g} instead of {learning_rate:g}, or scale the data"

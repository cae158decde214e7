"""What the counterparts of scipy.linalg share: arguments by SciPy's own names, batches, and SciPy's values beside ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from math import prod
from typing import Any

import numpy as np

from ..custom import pair_rule, ruled
from ..errors import DegenerateError, RuleError
from ..forms import dual_form, holds_dual
from ..tangents.level import is_dual
from ..tangents.moves import kept
from .counterparts import counterpart


def named(original: Any) -> Callable[[Callable[..., Any]], Any]:
    """The counterpart of a function of SciPy's, which gets its arguments by the names that the original has for them.

    Lists are arrays by then, and arrays copies, which a record may keep. What may be overwritten is not.
    """
    parameters = signature(original)

    def register(function: Callable[..., Any]) -> Any:
        @wraps(original)
        def call(*args: Any, **options: Any) -> Any:
            given = parameters.bind(*args, **options).arguments
            return function(**{name: argument(name, x) for name, x in given.items() if not name.startswith("overwrite")})
        return counterpart(original)(call)
    return register


def argument(name: str, x: Any) -> Any:
    if isinstance(x, list | tuple) and "_" not in name and name != "axis":  # c_and_lower, c_or_cr, … are several
        return array(x)
    return x if is_dual(x) else kept(x)


def one_by_one(*matrices: str) -> Callable[[Callable[..., Any]], Any]:
    """A function of single matrices for batches of them, one after the other as SciPy does it."""
    def register(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def call(**given: Any) -> Any:
            arrays = {name: given[name] for name in matrices if given.get(name) is not None}
            batch = np.broadcast_shapes(*(np.shape(x)[:-2] for x in arrays.values()))
            if not batch:
                return function(**given)
            if not prod(batch):
                raise RuleError(f"scipy.linalg.{function.__name__}: a batch of no matrices, {batch}, has no derivative rule")
            arrays = {name: np.broadcast_to(x, (*batch, *np.shape(x)[-2:])) for name, x in arrays.items()}
            found = [function(**{**given, **{name: x[i] for name, x in arrays.items()}}) for i in np.ndindex(batch)]
            joined = [np.reshape(np.stack(part), (*batch, *np.shape(part[0])))
                      for part in zip(*found if isinstance(found[0], tuple) else zip(found, strict=True), strict=True)]
            return joined if isinstance(found[0], tuple) else joined[0]
        return call
    return register


@contextmanager
def regular(what: str, why: str) -> Iterator[None]:
    """Where LAPACK finds a matrix singular there is no derivative, for this reason."""
    try:
        yield
    except np.linalg.LinAlgError:
        raise DegenerateError(f"scipy.linalg.{what}: {why}, so there is no derivative") from None


def array(x: Any) -> Any:
    return dual_form(x) if holds_dual(x) else np.asarray(x)


def valued(original: Any, compute: Callable[..., Any], *differentials: Callable[..., Any]) -> Any:
    """``compute``, by SciPy's ``original``, with a differential for each argument."""
    compute.__name__, compute.__module__ = original.__name__, "scipy.linalg"
    return ruled(compute, differentials)


def linearly(function: Callable[..., Any], *pairs: tuple[Callable[..., Any], Callable[..., Any]]) -> Any:
    """As custom_rule does it with forward and transpose on batches, which here leave their arguments as they are."""
    return ruled(function, tuple([pair_rule(function, i, ahead, back, True) for i, (ahead, back) in enumerate(pairs)]))


def transposed(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def columnwise(solve: Callable[[Any], Any], r: Any, ndim: int) -> Any:
    """``solve``, a function of columns (…, n, m) of ``ndim`` axes, with all that stands before them as more columns."""
    if r.ndim == ndim:
        return solve(r)
    core, count = r.shape[-ndim:], prod(r.shape[:-ndim])
    if count == 1:
        return np.reshape(solve(np.reshape(r, core)), r.shape)
    wide = np.moveaxis(np.reshape(r, (count, *core)), 0, -1)
    x = solve(np.reshape(wide, (*core[:-1], core[-1] * count)))
    return np.reshape(np.moveaxis(np.reshape(x, wide.shape), -1, 0), r.shape)

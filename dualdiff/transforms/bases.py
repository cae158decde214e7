"""Sweeps at repeated eigenvalues and singular values: the function runs in several bases of their spaces.

`rules/bases.py` says which, and why their results add up to the derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dual_array import wrapped
from ..errors import DegenerateError
from ..forms import belongs, dual_form
from ..policies import OTHER
from ..rules.bases import DIAGONAL, FLIPPED, MEAN, NOTHING, PERMUTED, Bases
from ..tangents.coefficients import plain
from ..tangents.leaf import one
from ..tangents.level import CareNeeded, Level, next_number
from ..tangents.tangent import Tangent
from ..tangents.tape import pull, roots_of
from .trees import flatten

Run = Callable[[], Any]


def in_basis(run: Run, level: Level, number: int) -> tuple[list[Any], Any]:
    """The arrays of the result of one run, and how to put them together."""
    level.bases = Bases(number)
    return flatten(run())


def over_bases(run: Run, level: Level, size: float) -> Any:
    """The result of f with its whole derivative, from runs in several bases; m + 2 or so at a value m times repeated.

    ``size``: of the arguments, which rounding is measured by. Raises DegenerateError where the values of the runs differ.
    """
    first, rebuild = in_basis(run, level, DIAGONAL)
    rounds, reason = level.bases.rounds, level.bases.reason
    nothing, permuted = in_basis(run, level, NOTHING)[0], in_basis(run, level, PERMUTED)[0]
    for other in (nothing, permuted):
        same_values(first, other, size, reason)
    if not all(close(probe(a, level), probe(b, level), 0.0) for a, b in zip(first, permuted, strict=True)):
        means, rebuild = in_basis(run, level, MEAN)
        return rebuild(means)
    sums = [eps_of(leaf, level) for leaf in first]
    for number in range(rounds):
        found = in_basis(run, level, number)[0]
        same_values(first, found, size, reason)
        sums = [t.plus(eps_of(leaf, level)) for t, leaf in zip(sums, found, strict=True)]
    sums = [t.plus(eps_of(leaf, level).scaled(-float(rounds), t.shape)) for t, leaf in zip(sums, nothing, strict=True)]
    return rebuild([wrapped(leaf.value, t, level) if belongs(leaf, level) else leaf
                    for leaf, t in zip(first, sums, strict=True)])


def same_in_another_basis(out: Any, run: Run, level: Level, size: float) -> None:
    """Raise DegenerateError if the result of f depends on the basis of a degenerate space: two more runs, in others."""
    reason, leaves = str(level.doubt), flatten(out)[0]
    same_values(leaves, in_basis(run, level, NOTHING)[0], size, reason)
    flipped = in_basis(run, level, FLIPPED)[0]
    same_values(leaves, flipped, size, reason)
    if not all(close(probe(a, level), probe(b, level), 0.0) for a, b in zip(leaves, flipped, strict=True)):
        raise DegenerateError(reason)


def same_beside_kinks(inputs: Any, level: Level, careful: bool = False) -> None:
    """Raise DegenerateError if the derivative is another where another element is taken at kinks: three runs along a direction.

    Where the pieces of |x| disagree, as the slopes of |x| x do beside 0, the derivative has a kink itself, and what was chosen
    stands. A level below along the same direction tells zeros that move from those that stay.
    """
    ground, along = (Level(next_number(), careful, level.holomorphic) for _ in range(2))
    direction = [np.cos(np.arange(1.0, np.size(x) + 1)).reshape(np.shape(x)) for x in inputs.leaves]
    leaves = [wrapped(x, Tangent({one(ground): v}, v.shape), ground) for x, v in zip(inputs.leaves, direction, strict=True)]
    duals = [wrapped(x, Tangent({one(along): v}, v.shape), along) for x, v in zip(leaves, direction, strict=True)]
    found, f, token = [], inputs.f, OTHER.set(0)
    inputs.f = inputs.whole or f
    try:
        for other in (0, 1, -1):
            OTHER.set(other)
            found.append([probe(leaf, along) for leaf in flatten(inputs.call(duals))[0]])
    except CareNeeded as need:
        if careful or need.level not in (ground, along):
            raise
        inputs.f = f
        return same_beside_kinks(inputs, level, careful=True)
    finally:  # the sweep may begin again
        inputs.f = f
        OTHER.reset(token)
    for chosen, right, left in zip(*found, strict=True):
        if np.any(np.isfinite(chosen) & near(right, left, 0.0) & ~near(chosen, right, 0.0)):
            raise DegenerateError(str(level.bent))


def same_values(first: list[Any], other: list[Any], size: float, reason: str, error: Any = DegenerateError) -> None:
    if len(first) != len(other) or not all(close(value_of(a), value_of(b), size) for a, b in zip(first, other, strict=True)):
        raise error(reason)


def close(a: Any, b: Any, size: float) -> bool:
    return a.shape == b.shape and bool(np.all(near(a, b, size)))


def near(a: Any, b: Any, size: float) -> Any:
    """Where they are equal to rounding beside their own largest entry, or nearly zero beside the arguments.

    Of two bases a result that depends on them differs by a part of itself, one that does not by rounding.
    """
    if a.dtype.kind not in "fc":
        return a == b
    eps = float(np.finfo(a.dtype).eps)
    largest = float(np.max(np.abs(a), initial=0, where=np.isfinite(a)))
    return np.isclose(a, b, rtol=0, atol=eps**0.6 * largest + 1e3 * eps * size, equal_nan=True)


def value_of(x: Any) -> Any:
    return np.asarray(plain(x))


def eps_of(x: Any, level: Level) -> Any:
    return dual_form(x).eps if belongs(x, level) else Tangent({}, np.shape(x))


def probe(x: Any, level: Level) -> Any:
    """The tangent as an array; on a tape its product with one direction cotangent."""
    t = eps_of(x, level)
    if not t.terms:
        return np.zeros(())
    if not t.on_tape:
        return value_of(t.dense(dtype=None))
    roots = roots_of(t.terms)
    u = np.cos(np.arange(1.0, np.prod(t.shape) + 1)).reshape(t.shape)
    return np.concatenate([np.ravel(value_of(a)) for a in pull([t.terms], [u], 0, roots) if a is not None])

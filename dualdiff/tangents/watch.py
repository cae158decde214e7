"""What careful operations look at while a policy is in force: kinks met by perturbed elements, derivatives not finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import KinkError
from ..policies import KINKS, TRACE, user_line
from ..rules.registry import name_of
from .coefficients import finite, plain
from .leaf import Leaf
from .moves import as_key
from .tangent import Tangent
from .tape import TapeLeaf, roots_of

BLOCK = 64  # elements whose directions are written out at once


def observed(row: Any, f: Any, values: tuple[Any, ...], tangents: tuple[Any, ...], eps: Any, kinks: Any = None) -> Any:
    """The ε-part of an elementwise result, as the policies in force want it; ``tangents`` has None for constants."""
    kinks = row.kinks if kinks is None else kinks
    if kinks is not None and KINKS.get() != "least_norm":
        eps = at_kinks(row, kinks, f, values, tangents, eps)
    trace = TRACE.get()
    if trace is not None and eps is not None:
        traced(trace, row.function, f, tangents, eps)
    return eps


# ---- kinks
def at_kinks(row: Any, kinks: tuple[Any, ...], f: Any, values: tuple[Any, ...], tangents: tuple[Any, ...], eps: Any) -> Any:
    """``kinks`` has for each input a word and where it holds: ``("kink", lambda f, x: x == 0)``, or None."""
    f, values = plain(f), tuple(map(plain, values))
    shape = np.shape(f)
    for i, (kink, t) in enumerate(zip(kinks, tangents, strict=True)):
        if kink is None or t is None:
            continue
        word, holds = kink
        part = spoiled(name_of(row.function), word, holds(f, *values), values[i], t, shape, f.dtype)
        if part is not None:
            eps = part if eps is None else eps.plus(part)
    return eps


def spoiled(name: str, word: str, where: Any, x: Any, t: Tangent, shape: Any, dtype: Any) -> Tangent | None:
    """NaN where a perturbed element is at a kink, as a tangent to be added, or None; raises where that is the policy."""
    if not np.any(where):
        return None
    moved = moving(t if t.shape == shape else t.broadcast(shape), np.broadcast_to(where, shape))
    if not moved.any():
        return None
    if KINKS.get() == "raise":
        place = tuple(map(int, np.argwhere(moved)[0]))
        element = f" (element {place[0] if len(place) == 1 else place})" if place else ""
        line = user_line()
        raise KinkError(f"{name} has a {word} at {np.broadcast_to(x, shape)[place]!s}{element}, which is perturbed, so there "
                        f"is no derivative{f' ({line})' if line else ''}; "
                        'kinks("least_norm") takes the element of least norm of the subdifferential')
    nan = np.where(moved, np.nan, 0).astype(dtype if np.dtype(dtype).kind in "fc" else float)
    return t.chained(nan, shape, nan)


def moving(t: Tangent, where: Any) -> Any:
    """Which of the elements are perturbed in some direction, of this level or, inside its coefficients, of a lower one."""
    result = np.zeros(t.shape, bool)
    if not t.terms:
        return result
    if len(t.terms) == 1:
        (leaf, c), = t.terms.items()
        if is_seed(leaf):  # the coefficient alone tells, at any number of kinks
            return np.broadcast_to(where & (True if c is None else nonzero(c)), t.shape)
    places = np.argwhere(where)
    flat = t if t.shape else t.broadcast((1,))
    block = len(places) if t.on_tape else BLOCK
    for start in range(0, len(places), block):
        index: Any = tuple(places[start:start + block].T) or (np.zeros(1, int),)
        sub = flat.item(index, as_key(index), index[0].shape)
        result[tuple(places[start:start + block].T)] = directions(sub).any(axis=0) if t.shape else directions(sub).any()
    return result


def is_seed(leaf: Any) -> bool:
    """Whether the leaf moves every element: a seed, or a selection from one."""
    if type(leaf) is TapeLeaf:
        return not leaf.edges
    return leaf.k is None or (leaf.cols is not None and not leaf.factors and not leaf.width and bool((leaf.cols >= 0).all()))


def directions(t: Tangent) -> Any:
    """Where the tangent, of shape (n,), is not zero, by directions: (k, n). On a tape, along two arbitrary ones."""
    if not t.on_tape:
        return nonzero(t.dense(dtype=None)).reshape((-1, *t.shape))
    from .replay import Record  # which only transforms need otherwise
    roots = roots_of(t.terms)
    r = np.random.default_rng(0)
    (moved,) = Record([t], roots).push([r.standard_normal((2, *root.shape)) for root in roots], 1)
    return np.zeros((1, *t.shape), bool) if moved is None else nonzero(moved)


def nonzero(a: Any) -> Any:
    if not hasattr(a, "eps"):
        return np.asarray(a != 0)
    found = nonzero(a.value)
    return found | moving(a.eps, np.ones(a.shape, bool))


# ---- derivatives that are not finite
def traced(trace: Any, function: Any, f: Any, tangents: Any, eps: Any) -> None:
    """Tell the trace of an operation whose ε-part is the first to hold a NaN or an infinity."""
    if not isinstance(eps, Tangent) or not eps.terms:
        return
    found = broken(eps)
    if found is None:
        trace.passed(name_of(function), [leaf for leaf in eps.terms if type(leaf) is TapeLeaf])
    elif all(broken(t) is None for t in tangents if isinstance(t, Tangent) and t.terms):
        place, direction, derivative = found
        trace.add(name_of(function), place, direction, derivative, np.broadcast_to(plain(f), eps.shape)[place])


def broken(eps: Tangent) -> tuple[tuple[int, ...], int | None, Any] | None:
    """The first element with a NaN or an infinity, the direction and the derivative; or None.

    A coefficient that is infinite where no direction moves the element breaks nothing.
    """
    flat = eps if eps.shape else eps.broadcast((1,))
    for place in np.argwhere(suspect(flat))[:BLOCK]:
        index = tuple(place[:, None])
        sub = flat.item(index, as_key(index), (1,))
        if eps.on_tape or next(iter(eps.terms)).k is None:
            column = np.ravel(plain(next(c for c in sub.terms.values() if c is not None and not finite(c))))
        else:
            column = np.ravel(plain(sub.dense(dtype=None)))
        at = int(np.argmin(np.isfinite(column)))
        if not np.isfinite(column[at]):
            element = tuple(map(int, place)) if eps.shape else ()
            return element, None if eps.on_tape or next(iter(eps.terms)).k is None else at, column[at]
    return None


def suspect(eps: Tangent) -> Any:
    """Where a coefficient or a factor is a NaN or an infinity."""
    bad = np.zeros(eps.shape, bool)
    for leaf, c in eps.terms.items():
        if c is not None and not finite(c):
            bad |= np.broadcast_to(~np.isfinite(plain(c)), eps.shape)
        for a in leaf.factors if isinstance(leaf, Leaf) else ():
            if not finite(a):
                wide = np.broadcast_to(~np.isfinite(plain(a)), leaf.width + leaf.shape)
                bad |= wide.any(axis=tuple(range(leaf.lead)))
    return bad

"""Products of coefficients under the strong zero: what is not perturbed stays unperturbed.

A tangent that is zero stays zero through an infinite partial, and a zero partial beats an infinite tangent wherever the
value of the result is finite. Only a non-finite operand can break either, so that is all that is looked for.
"""

from __future__ import annotations

from copy import copy
from functools import lru_cache
from math import isfinite, prod
from typing import Any
from weakref import ref

import numpy as np

from ..policies import OTHER
from ..rules.linear import as_part
from ..rules.registry import name_of
from .level import CareNeeded, Level
from .meter import owner

add_reduce = np.add.reduce
NOTICED = 1 << 14  # entries of a product from which it is worth asking its size
LONG = 1 << 14  # numbers that it takes longer to look at than to remember
MANY = 64  # arrays that are remembered
DOUBLE = np.dtype(np.float64)


def finite(a: Any) -> bool:
    """Whether a has no NaN and no infinity. A sum tells, at less than half the cost of looking at each; where it overflowed,
    each is looked at. Longer products would start BLAS's threads, which wait for each other where the machine is busy.
    """
    if type(a) is np.ndarray:
        if a.dtype is DOUBLE:
            total = a.dot(a) if a.ndim == 1 and a.size <= 10_000 else add_reduce(a, axis=None)
            return isfinite(total) or bool(np.isfinite(a).all())
        total = add_reduce(a, axis=None)
        return bool(total - total == 0) or bool(np.isfinite(a).all())
    elif type(a) is not np.float64 and hasattr(type(a), "value"):
        return finite(a.value)
    return bool(a - a == 0)


def seen_finite(level: Level, a: Any) -> bool:
    """``finite`` of what is never written to: at long arrays and their views a quick sweep looks once."""
    if type(a) is not np.ndarray or a.size < LONG or level.careful:
        return finite(a)
    known, whole = level.seen, owner(a)
    if known is None or len(known) > MANY:
        known = level.seen = {}
    seen = known.get(id(whole))
    if seen is not None and seen() is whole:
        return True
    if not finite(a):
        return False
    if a is whole:  # a view may leave some out, as the real part does
        known[id(whole)] = ref(whole)
    return True


def chained(c: Any, p: Any, f: Any) -> Any:
    """c · p for coefficient c and partial p of a result f, with zeros that win as promised."""
    r = c * p
    if finite(r):
        return r
    if np.iscomplexobj(c) != np.iscomplexobj(p):
        return by_parts(lambda c, p: chained(c, p, f), c, p)
    overruled = ~np.isfinite(plain(r)) & ((c == 0) | (p == 0) & np.isfinite(plain(f)))
    return np.where(overruled, beaten(r, c, p), r)[()]


def steep(p: Any, f: Any, function: Any) -> Any:
    """The partial p of a result f. Where it alone is infinite, as that of a root at 0, the strong zero is an element of a
    subdifferential, and the sweep whose duals p is made of looks whether its result depends on that.

    In the run that asks, a zero times such a partial moves; where f overflowed too, 0 is its limit, and p is NaN.
    """
    at, other, nested = plain(p), OTHER.get(), hasattr(p, "level")
    if not (other or nested) or finite(at):
        return p
    infinite, here = np.isinf(at), np.isfinite(plain(f))
    if nested and p.level.is_sweep and np.any(infinite & here):
        place = tuple(map(int, np.argwhere(infinite & here)[0]))
        p.level.bend(f"the slope of {name_of(function)} is infinite{f' at element {place}' if place else ''}, so what depends "
                     "on it may have no second derivative; write the square of a root as what is under it, or drop the element "
                     "by np.where")
    return np.where(infinite & ~here, np.nan, p)[()] if other else p


def beaten(r: Any, *factors: Any) -> Any:
    """What stands where a zero beat an infinity in the product r of factors: 0.

    Not where the zero moves itself, as 2x does at 0, in two kinds of run: in a generic one r says what is perturbed; one that
    asks which kinks matter takes numbers that move.
    """
    other = OTHER.get()
    found: Any = 0
    for c in factors:
        if hasattr(c, "level") and c.source is not None:
            c.refresh()
        if not (hasattr(c, "level") and c.eps.terms and (other or c.level.generic)):
            continue
        moves = c == 0
        if not c.eps.on_tape:
            moves &= np.any(np.reshape(plain(c.eps.dense(dtype=None)), (-1, *c.shape)) != 0, axis=0)
        if other:
            others = plain(sum(a for a in factors if a is not c))
            moves = moves & np.isinf(others)
            r = np.copysign(0.5 + np.cos(np.arange(1.0, moves.size + 1)).reshape(moves.shape) / 4, np.real(others)) * (1 + c)
        found = np.where(moves, r, found)
    return found


def by_parts(times: Any, a: Any, b: Any) -> Any:
    """A real factor times the parts of a complex one: one that is infinite would make the other NaN."""
    re, im = (times(part(a), b) if np.iscomplexobj(a) else times(a, part(b)) for part in (np.real, np.imag))
    return as_part(re, False) + as_part(im, True)


def generic(p: Any, keep_zeros: bool) -> Any:
    """A number near one, each another, in place of every element of p, which moves as that does; a zero stays one if it says
    what is not perturbed.
    """
    at = np.asarray(plain(p))
    near_one = 1 + 0.1 * np.cos(np.arange(1.0, at.size + 1) ** 2).reshape(at.shape)
    if hasattr(p, "level"):
        near_one = in_place_of(p, near_one)
    return np.where(at == 0, 0, near_one)[()] if keep_zeros else near_one[()]


def in_place_of(p: Any, value: Any) -> Any:
    """The value, under every level of p."""
    if not hasattr(p, "level"):
        return value
    if p.source is not None:
        p.refresh()
    other = copy(p)
    other.value = in_place_of(p.value, value)
    return other


def plain(f: Any) -> Any:
    """The value under every level."""
    while hasattr(type(f), "value"):
        f = f.value
    return f


def product(level: Level, arrays: list[Any]) -> Any:
    """Π arrays (broadcast), zero wherever a factor is zero even if another is infinite. Callers never write to it."""
    if level.meter is not None and len(arrays) > 1 and prod([a.size for a in arrays if np.ndim(a)]) > NOTICED:
        level.meter.charge(2 * prod(np.broadcast_shapes(*map(np.shape, arrays))))
    if all(map(finite, arrays)):
        (r,) = folded(arrays, 1)
        return r
    if not level.careful:
        raise CareNeeded(level)
    real = [a for a in arrays if not np.iscomplexobj(a)]
    if real and len(real) < len(arrays):
        z = product(level, [a for a in arrays if np.iscomplexobj(a)])
        return by_parts(lambda *pair: product(level, list(pair)), z, product(level, real))
    r, zero = arrays[0], arrays[0] == 0
    for a in arrays[1:]:
        r, zero = r * a, zero | (a == 0)
    zero &= ~np.isfinite(plain(r))  # elsewhere r is right, and may move where it is 0
    return np.where(zero, beaten(r, *arrays), r)


def size_together(x: tuple[int, ...], y: tuple[int, ...]) -> int:
    """Of two shapes broadcast to each other."""
    longer, shorter = (x, y) if len(x) >= len(y) else (y, x)
    cut = len(longer) - len(shorter)
    return prod(longer[:cut]) * prod(n if m == 1 else m for n, m in zip(longer[cut:], shorter, strict=True))


def folded(arrays: list[Any], count: int) -> list[Any]:
    """The factors multiplied together, smallest products first, until ``count`` are left."""
    arrays = list(arrays)
    while len(arrays) > count:
        i, j = smallest(tuple([getattr(a, "shape", ()) for a in arrays])) if len(arrays) > 2 else (0, 1)
        b, a = arrays.pop(j), arrays.pop(i)
        arrays.append(owned(a, b))
    return arrays


@lru_cache(maxsize=1024)
def smallest(shapes: tuple[tuple[int, ...], ...]) -> tuple[int, int]:
    """The two factors of the smallest product."""
    pairs = [(i, j) for j in range(len(shapes)) for i in range(j)]
    return min(pairs, key=lambda ij: size_together(shapes[ij[0]], shapes[ij[1]]))


def owned(a: Any, b: Any) -> Any:
    """a · b for coefficients: nobody writes to these, so a dual need not copy the other as it does a program's own array."""
    if type(a) is np.ndarray:
        return b.scaled_by(a) if hasattr(b, "scaled_by") else a * b
    return a.scaled_by(b) if type(b) is np.ndarray and hasattr(a, "scaled_by") else a * b


def times(level: Level, a: Any, c: Any) -> Any:
    """a · c, watching c; a came from coefficients that were watched before, so only a careful sweep has infinities in it."""
    return owned(a, c) if finite(c) and (not level.careful or np.all(c) or finite(a)) else product(level, [a, c])

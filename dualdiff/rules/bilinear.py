"""Products and sums, once each, in einsum's notation; `tangents/contraction.py` carries them out on any leaf.

Subscripts are written ``"ij,jk->ik"``; a ``1`` in the result is a new axis of length one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .gather import axes_of, axes_or_all
from .registry import bilinear, known, linear

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def sum_subscripts(shape: tuple[int, ...], axis: Any = None, keepdims: bool = False) -> str:
    return summed_over(len(shape), axis if axis is None or type(axis) is int else axes_of(axis, len(shape)), bool(keepdims))


@lru_cache(maxsize=1024)
def summed_over(ndim: int, axis: Any, keepdims: bool) -> str:
    labels = LETTERS[:ndim]
    gone = axes_or_all(axis, ndim)
    kept = [("1" if keepdims else "") if i in gone else label for i, label in enumerate(labels)]
    return f"{labels}->{''.join(kept)}"


def matmul_subscripts(a: int, b: int) -> str:
    if a == 1 or b == 1:
        return dot_subscripts(a, b) if b < 3 else f"y,{LETTERS[:b - 2]}yz->{LETTERS[:b - 2]}z"
    batch = LETTERS[:max(a, b) - 2]
    left, right = batch[len(batch) - a + 2:], batch[len(batch) - b + 2:]
    return f"{left}xy,{right}yz->{batch}xz"


def dot_subscripts(a: int, b: int) -> str:
    """The last axis of a against the last but one (or only) axis of b."""
    left, right = LETTERS[:a - 1], LETTERS[a:a + b - 1]
    return f"{left}y,{right[:-1]}y{right[-1:]}->{left}{right}"


def inner_subscripts(a: int, b: int) -> str:
    left, right = LETTERS[:a - 1], LETTERS[a:a + b - 1]
    return f"{left}y,{right}y->{left}{right}"


def tensordot_subscripts(a: int, b: int, axes: Any = 2) -> str:
    sides = axes if np.iterable(axes) else (range(-axes, 0), range(axes))
    left_axes, right_axes = (axes_of(side, n) for side, n in zip(sides, (a, b), strict=True))
    left, right = list(LETTERS[:a]), list(LETTERS[a:a + b])
    for i, j in zip(left_axes, right_axes, strict=True):
        right[j] = left[i]
    result = [c for c in left + right if (c in left) != (c in right)]
    return f"{''.join(left)},{''.join(right)}->{''.join(result)}"


@lru_cache(maxsize=1024)
def explicit_subscripts(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """Every label spelled out: the ellipsis becomes letters, an absent result is NumPy's default."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"numpy.einsum: {subscripts!r} names {len(terms)} operands, {len(ndims)} were given")
    free = [c for c in LETTERS if c not in subscripts]
    widths = [n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True) if "..." in t]
    batch = "".join(free[:max(widths, default=0)])
    for i, (term, n) in enumerate(zip(terms, ndims, strict=True)):
        width = n - len(term.replace("...", ""))
        terms[i] = term.replace("...", batch[len(batch) - width:] if width else "")
        if len(terms[i]) != n:
            raise ValueError(f"numpy.einsum: {subscripts!r} gives operand {i} {len(terms[i])} subscripts, "
                             f"but it has {n} dimensions")
    letters = "".join(terms)
    if not arrow:
        right = batch + "".join(sorted(c for c in set(letters) - set(batch) if letters.count(c) == 1))
    return tuple(terms), right.replace("...", batch)


linear(np.sum,      subscripts=sum_subscripts)
bilinear(np.matmul,    matmul_subscripts)
bilinear(np.dot,       dot_subscripts)
bilinear(np.inner,     inner_subscripts)
bilinear(np.tensordot, tensordot_subscripts)
for matvec in known("matvec"):
    bilinear(matvec,   lambda a, b: "...xy,...y->...x")

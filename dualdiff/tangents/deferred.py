"""Elementwise operations on large arrays, put off: the chain of them is worked through once, in slabs that stay in the cache.

One operation at a time, every coefficient of a long array goes through memory again, and a fresh array costs page faults
that take longer than its arithmetic. So operations on such arrays only note their partials and what these are taken at. Who
asks for the coefficients has them made slab by slab, and of the whole chain only the last are written out.
"""

from __future__ import annotations

import sys
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..rules.elementwise import noticed
from .coefficients import finite
from .moves import Shape
from .tangent import MAX_TERMS, Tangent

LARGE = 1 << 19  # elements, 4 MB: the arrays of what is smaller are still in the cache when they are read again
SLAB = 1 << 15  # elements of each array that are worked on at a time
MOST = 12  # operations put off, which keep their values in memory so long

NUMBERS = (int, float)

Part = tuple[Tangent, Any]  # a tangent and its partial: a number, or a function of the values
Work = tuple[tuple[Part, ...], tuple[Any, ...]]  # the parts, and the values


class Deferred(Tangent):
    """Σ partial ⊙ tangent, whose terms are made when they are first asked for."""

    __slots__ = ("leaves", "made", "passed", "work")

    def __init__(self, shape: Shape, parts: tuple[Part, ...], values: tuple[Any, ...], leaves: dict[Any, None]) -> None:
        self.shape, self.leaves = shape, leaves
        self.work: Work | None = (parts, values)  # None once it is made
        self.made: dict[Any, Any] | None = None
        self.passed = False  # worked through for another: a second time, the result is kept

    @property
    def is_constant(self) -> bool:
        return False

    @property
    def terms(self) -> dict[Any, Any]:  # type: ignore[override]
        if self.made is None:
            worked(self, True)
        return self.made  # type: ignore[return-value]

    def dense(self, trailing: bool = False, dtype: Any = float) -> Any:
        """The coefficients of one direction are nobody else's, if they are made for this and not kept: no copy is needed."""
        if self.made is not None:
            return super().dense(trailing, dtype)
        terms = worked(self, False)
        ((leaf, c),) = terms.items() if len(terms) == 1 else ((None, None),)
        if leaf is not None and leaf.k is None and type(c) is np.ndarray and (leaf.level.careful or finite(c)):
            return c
        return Tangent(terms, self.shape).dense(trailing, dtype)


def deferred(row: Any, shape: Shape, parts: tuple[Part, ...], values: tuple[Any, ...]) -> Deferred | None:
    """The sum put off; None where it has to be made at once: it broadcasts, nests levels, has too many leaves, or its
    partials are the user's own, which may hold an array of the full size.
    """
    if row is not None and not isinstance(row.function, np.ufunc):
        return None
    leaves: dict[Any, None] = {}
    for t, _ in parts:
        if t.shape != shape:
            return None
        if type(t) is Deferred and t.made is None:
            leaves |= t.leaves
        else:
            if any(hasattr(c, "eps") for c in t.terms.values()):
                return None
            leaves |= dict.fromkeys(t.terms)
    if not 0 < len(leaves) <= MAX_TERMS:
        return None
    needed: set[int] = set().union(*(read_by(p) for _, p in parts if callable(p)))
    if row is not None and row.function is np.power and type(values[2]) in NUMBERS and values[2] - 1 + 1 == values[2]:
        needed.discard(0)  # x^y itself serves only where y - 1 is rounded
    result = Deferred(shape, parts, tuple(a if i in needed else None for i, a in enumerate(values)), leaves)
    if len(pending(result)) > MOST:
        for t, _ in parts:
            t.terms  # noqa: B018 - makes them
    return result


@cache
def read_by(partial: Any) -> frozenset[int]:
    """Which of its arguments, the result and the inputs, a partial looks at: arrays of the others need not be kept for it."""
    import dis
    import inspect
    code = getattr(partial, "__code__", None)
    if code is None or code.co_cellvars or code.co_flags & inspect.CO_VARARGS:
        return frozenset(range(8))
    names = {name for step in dis.get_instructions(code) if "LOAD_FAST" in step.opname
             for name in (step.argval if type(step.argval) is tuple else (step.argval,))}
    return frozenset(i for i, name in enumerate(code.co_varnames[:code.co_argcount]) if name in names)


def pending(t: Tangent, found: dict[Any, Work] | None = None) -> dict[Any, Work]:
    """The work that is left for this one: its own, last, and that of what it was made of. Another thread may be at it."""
    found = {} if found is None else found
    work = t.work if type(t) is Deferred else None
    if work is not None and t not in found:
        for parent, _ in work[0]:
            pending(parent, found)
        found[t] = work
    return found


def worked(root: Deferred, keep: bool) -> dict[Any, Any]:
    """The terms of a deferred tangent; and, kept, those of the ones that were passed through for another before."""
    shape, todo = root.shape, pending(root)
    if root not in todo:
        return root.terms
    wanted = [t for t in todo if t is root or t.passed]
    made: dict[Deferred, dict[Any, Any]] = {t: {} for t in wanted}
    longest = max(shape)
    axis = shape.index(longest)
    step = max(1, longest * SLAB // prod(shape))
    with np.errstate(all="ignore", under="call", call=lambda kind, _: noticed(kind, sys._getframe(1))):
        for start in range(0, longest, step):
            part = slice(start, min(start + step, longest))
            at: dict[Tangent, dict[Any, Any]] = {}
            for t, (parts, values) in todo.items():
                at[t] = summed(parts, [cut(a, part, axis - len(shape)) for a in values], at, part, axis - len(shape))
            for t in wanted:
                write(made[t], at[t], shape, (slice(None),) * axis + (part,))
    for t in todo:
        t.passed = True
    for t in wanted:
        if keep or t is not root:
            t.made, t.work = made[t], None
    return made[root]


def cut(a: Any, part: slice, axis: int) -> Any:
    """The part of an array that broadcasts to the shape, along an axis counted from the last."""
    if type(a) is not np.ndarray or a.ndim < -axis or a.shape[axis] == 1:
        return a
    return a[(..., part) + (slice(None),) * (-1 - axis)] if axis < -1 else a[..., part]


def summed(parts: tuple[Part, ...], values: list[Any], at: dict[Tangent, dict[Any, Any]], part: slice, axis: int) -> Any:
    """Σ partial ⊙ tangent on one slab."""
    total: dict[Any, Any] = {}
    partials = [p(*values) if callable(p) else p for _, p in parts]
    if len(parts) == 2 and parts[0][0] is parts[1][0]:
        partials = [partials[0] + partials[1]]
    for (t, _), p in zip(parts, partials, strict=False):
        if t not in at:
            at[t] = {leaf: cut(c, part, axis) for leaf, c in t.terms.items()}
        sign = p if type(p) is int else 0
        for leaf, c in at[t].items():
            v = c if sign == 1 else p if c is None else c if sign == -1 and leaf in total else -c if sign == -1 else c * p
            if leaf not in total:
                total[leaf] = v
            else:
                have = 1.0 if total[leaf] is None else total[leaf]
                total[leaf] = have - v if sign == -1 and c is not None else have + (1.0 if v is None else v)
    return total


def write(into: dict[Any, Any], terms: dict[Any, Any], shape: Shape, place: tuple[slice, ...]) -> None:
    for leaf, c in terms.items():
        if type(c) is not np.ndarray or not c.ndim:
            into[leaf] = c
        else:
            if leaf not in into:
                into[leaf] = np.empty(shape, c.dtype)
            into[leaf][place] = c

"""Functions defined by others: plain NumPy, no derivative written."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .bilinear import LETTERS, explicit_subscripts
from .constant import plain
from .gather import as_array, axes_of, floating
from .registry import composite, either, gather, known, primitive


def count_along(x: Any, axis: Any) -> int:
    return x.size if axis is None else prod(x.shape[i] for i in axes_of(axis, x.ndim))


def counted(x: Any, axis: Any, keepdims: bool, where: Any = True) -> Any:
    """How many elements a mean over ``axis`` is taken of."""
    if where is True:
        return count_along(x, axis)
    return np.sum(np.broadcast_to(plain(where), x.shape), axis=axis, keepdims=keepdims)


def of_type(count: Any, like: Any) -> Any:
    """A count as a divisor that leaves the type of what it divides, as NumPy's mean does."""
    return float(count) if np.ndim(count) == 0 else count.astype(like.dtype)


@composite(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, **where: Any) -> Any:
    if axis is None and dtype is None and not keepdims and not where:
        return np.sum(a) / a.size
    total = np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims, **where)
    return total / of_type(counted(a, axis, keepdims, **where), total)


composite(np.trace)(lambda a, offset=0, axis1=0, axis2=1, dtype=None:
                    np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype))


@composite(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    if n < 0:
        raise ValueError
    (axis,) = axes_of(axis, a.ndim)
    if n and (prepend is not np._NoValue or append is not np._NoValue):
        def edge(piece: Any) -> list[Any]:
            shape = (*a.shape[:axis], 1, *a.shape[axis + 1:])
            return [] if piece is np._NoValue else [np.broadcast_to(piece, shape) if np.ndim(piece) == 0 else piece]
        a = np.concatenate([*edge(prepend), a, *edge(append)], axis=axis)
    head = (slice(None),) * axis
    for _ in range(n):
        a = a[(*head, slice(1, None))] - a[(*head, slice(None, -1))]
    return a


@composite(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    a = np.maximum(a, low) if low is not None else a if high is not None else np.positive(a)
    return a if high is None else np.minimum(a, high)


composite(np.compress)(lambda condition, a, axis=None: np.take(a, np.flatnonzero(condition), axis=axis))
composite(np.modf)(lambda x: (either(np.isinf(x), lambda: np.copysign(0, plain(x)), np.fmod(x, 1.0)), np.trunc(x)))
composite(np.divmod)(lambda x, y: (np.floor_divide(x, y), np.remainder(x, y)))


@composite(np.vecdot)
def vecdot(a: Any, b: Any) -> Any:
    np.vecdot(*(np.zeros(np.shape(x)[-1:]) for x in (a, b)))  # NumPy's errors
    return np.sum(np.conj(a) * b, axis=-1)


composite(*known("vecmat"))(lambda a, b: np.matmul(np.conj(a)[..., None, :], b)[..., 0, :])
composite(np.vdot)(lambda a, b: np.dot(np.conj(np.ravel(a)), np.ravel(b)))
composite(np.outer)(lambda a, b: np.ravel(a)[:, None] * np.ravel(b)[None, :])


@composite(np.einsum)
def einsum(subscripts: Any, *operands: Any, optimize: Any = False, dtype: Any = None, order: str = "K",
           casting: str = "safe") -> Any:
    """Pairs of operands, each pair one bilinear product: from the left, or along the contraction path that is asked for."""
    if not isinstance(subscripts, str):
        subscripts, operands = from_lists((subscripts, *operands))
    operands = tuple(floating([as_array(x) for x in operands]))
    terms, result = explicit_subscripts(subscripts, tuple([getattr(o, "ndim", 0) for o in operands]))
    if len(terms) == 1 and set(terms[0]) == set(result) and len(set(result)) == len(result):  # no sum: views, as NumPy's
        (labels,), (A,) = terms, operands
        if len(labels) == len(result):
            return np.transpose(A, [labels.index(c) for c in result])
        flat = labels == result * 2 and A.shape[0] == A.shape[1] and plain(A).flags.c_contiguous
        return np.reshape(A, -1)[::A.shape[0] + 1] if flat else diagonals(A, f"{labels}->{result}")
    if dtype is not None:
        operands = tuple(o.astype(dtype, casting=casting) for o in operands)
    stack = list(zip(terms, operands, strict=True))
    path = np.einsum_path(subscripts, *operands, optimize=optimize)[0][1:] if optimize is not False and len(stack) > 2 \
        else []
    for step in path:
        taken = [stack.pop(i) for i in sorted(step, reverse=True)]
        needed = "".join([result, *(labels for labels, _ in stack)])
        kept = "".join(dict.fromkeys(c for labels, _ in taken for c in labels if c in needed))
        if not stack:
            return by_pairs(taken, result)
        stack.append((kept, by_pairs(taken, kept)))
    return by_pairs(stack, result)


@primitive
def diagonals(A: Any, subscripts: str) -> Any:
    """What has equal places along the axes of one label, to write to; that of ``numpy.diagonal`` is read-only."""
    return np.einsum(subscripts, A)


gather(diagonals)


def from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """einsum's other form, ``einsum(a, [0, 1], b, [1, 2], [0, 2])``, in subscripts."""
    def spelled(labels: Any) -> str:
        return "".join("..." if label is Ellipsis else LETTERS[label] for label in labels)
    count = len(arguments) // 2
    operands = arguments[:2 * count:2]
    left = ",".join(map(spelled, arguments[1:2 * count:2]))
    return (f"{left}->{spelled(arguments[-1])}" if len(arguments) % 2 else left), operands


def by_pairs(stack: list[tuple[str, Any]], result: str) -> Any:
    """The product of all operands, the first two at a time."""
    while len(stack) > 2:
        (la, a), (lb, b), *stack = stack
        needed = set(result).union(*(labels for labels, _ in stack))
        kept = "".join(dict.fromkeys(c for c in la + lb if c in needed))
        stack = [(kept, contraction(f"{la},{lb}->{kept}", a, b)), *stack]
    return contraction(f"{','.join(labels for labels, _ in stack)}->{result}", *(o for _, o in stack))


def contraction(subscripts: str, *operands: Any) -> Any:
    """Einsum of one or two operands: the primitive that `tangents/contraction.py` differentiates."""
    duals = [o for o in operands if not issubclass(type(o), np.ndarray | np.generic | float | int | complex)]
    if not duals:
        return np.einsum(subscripts, *operands)
    dual = min(duals, key=lambda o: hasattr(o, "value"))  # a formula's tangent, if there is one, before a dual
    return dual.__array_function__(contraction, (), (subscripts, *operands), {})

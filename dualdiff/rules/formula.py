"""Matrix functions: the differential, written in NumPy on the tangent itself, one formula per input.

The tangent supports every linear operation, so each leaf kind and the transpose follow from the one line. Formulas:
M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode AD" (2008).
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from ..errors import DegenerateError
from ..policies import WATCH
from .constant import plain, stable_order
from .elementwise import indicator, ratio
from .gather import spread
from .linear import linear_solve
from .registry import formula, primitive

# ---- selection
formula(np.where, None, None, None)  # coefficients are selected as values are: see handlers.py


def extreme_share(name: str, f: Any, x: Any, dx: Any, axis: Any = None, keepdims: bool = False, initial: Any = None,
                  where: Any = True) -> Any:
    """d max(x) = the mean of dx over the elements that attain it: the least norm of the subdifferential.

    Where a constant ``initial`` attains it as well, the least norm is 0. A NaN is the extreme, and its derivative NaN.
    """
    level = dx.level
    if axis is None and where is True and initial is None and not (level.careful or level.patterned):
        attained = np.ravel(plain(x) == plain(f))
        if np.count_nonzero(attained) == 1:  # no tie: one element moves
            place = int(attained.argmax())
            df = dx.element(place if x.ndim == 1 else tuple(map(int, np.unravel_index(place, x.shape))))
            return np.reshape(df, (1,) * x.ndim) if keepdims else df
    top = spread(f, axis, keepdims)
    attained = x == top if where is True else (x == top) & where
    attained = attained if initial is None else attained & (top != initial)
    share = indicator(attained, f)
    count = np.sum(share, axis=axis, keepdims=True)
    share = share / np.maximum(count, 1)
    lost = np.isnan(plain(top))
    if lost.any():
        share = np.where(lost & np.isnan(x) & where, x * np.nan, share)
    df = np.sum(dx * share, axis=axis, keepdims=keepdims)
    if not WATCH.count:
        return df
    constant = False if initial is None else plain(top) == initial
    tie = dx.at_kink(name, (plain(x) == plain(top)) & where & ((plain(count) > 1) | constant), x)
    return df if tie is None else df + np.sum(tie, axis=axis, keepdims=keepdims)


formula(np.max, partial(extreme_share, "numpy.max"))
formula(np.min, partial(extreme_share, "numpy.min"))


# ---- kinks
@primitive
def marked(x: Any, where: Any, name: str) -> Any:
    """x as it is; these elements of it are at a kink of the function ``name``, for the policy that asks."""
    return x


def marked_differential(f: Any, x: Any, dx: Any, where: Any, name: str) -> Any:
    spoiled = dx.at_kink(name, where, x)
    return dx if spoiled is None else dx + spoiled


formula(marked, marked_differential)


def mark_ties(x: Any, axis: int, name: str) -> Any:
    """x, its elements that equal another along the axis marked."""
    values = plain(x)
    order = stable_order(values, axis)
    s = np.moveaxis(np.take_along_axis(values, order, axis), axis, -1)
    same, tied = s[..., 1:] == s[..., :-1], np.zeros(s.shape, bool)
    tied[..., 1:] |= same
    tied[..., :-1] |= same
    where = np.empty(values.shape, bool)
    np.put_along_axis(where, order, np.moveaxis(tied, -1, axis), axis)
    return marked(x, where, name)


# ---- linear algebra
def residual(X: Any, A: Any, B: Any, dA: Any) -> Any:
    """-dA X. NumPy takes a one-dimensional B, and no other, as a single column."""
    return -(dA @ X if X.ndim == 1 or B.ndim > 1 else (dA @ X[..., None])[..., 0])


formula(np.linalg.inv,
        lambda Y, A, dA: -(Y @ dA @ Y))  # d(A⁻¹) = -A⁻¹ dA A⁻¹
formula(np.linalg.solve, residual,
        lambda X, A, B, dB: np.broadcast_to(dB, X.shape),  # one dB for each matrix of the batch
        last=lambda X, A, B, side: linear_solve(side, A))  # A dX = dB - dA X


LARGEST_MINORS = 32  # n⁴ numbers


def exact_inverse(f: Any, A: Any, condition: float) -> Any:
    """The inverse of A, whose determinant is f, if it has its digits, and f times it neither over- nor underflows; or None."""
    size = np.abs(f)
    if not np.all((size > np.finfo(size.dtype).tiny) & np.isfinite(size)):
        return None
    inverse = np.linalg.inv(A)
    scaled = np.sum(np.abs(A * np.swapaxes(inverse, -1, -2)), axis=-2)  # the same whatever rows and columns are scaled by
    return inverse if np.all(scaled < condition) else None


def adjugate_transposed(f: Any, A: Any) -> Any:
    """The cofactors ∂det/∂A: f A⁻ᵀ where that keeps its digits. Exact at singular matrices: with A = U S V, they are
    det(U) det(V) U (Π_{j≠i} s_j) V, or where A carries an outer derivative the determinants of the minors.
    """
    n = A.shape[-1]
    if n < 2:
        return np.ones(A.shape, A.dtype)
    nested = type(A) is not np.ndarray
    inverse = exact_inverse(plain(f), plain(A), 1e10 if nested and n > LARGEST_MINORS else 1e3)
    if inverse is not None:
        return np.expand_dims(f, (-2, -1)) * np.swapaxes(np.linalg.inv(A) if nested else inverse, -1, -2)
    if nested:
        if n > LARGEST_MINORS:
            raise DegenerateError(f"numpy.linalg.det: the second derivative at a nearly singular matrix of order {n} is not "
                                  "available; use slogdet, or expand the determinant by hand")
        rest = np.array([np.delete(np.arange(n), i) for i in range(n)])
        signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
        return signs * np.linalg.det(A[..., rest[:, None, :, None], rest[None, :, None, :]])
    from .products import others  # which is read when it is first needed
    U, s, V = np.linalg.svd(A)
    sign = np.linalg.det(U) * np.linalg.det(V)
    return np.conj(sign)[..., None, None].conj() * ((U.conj() * others(s)[..., None, :]) @ V.conj())


formula(np.linalg.det,
        lambda f, A, dA: np.sum(dA * adjugate_transposed(f, A), axis=(-2, -1)), smooth=True)  # d det A = tr(adj(A) dA)


@primitive
def euclidean_norm(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """√Σ|x|², with the derivative x/‖x‖ and 0 at the origin."""
    return np.linalg.norm(x, axis=axis, keepdims=keepdims) if axis is None or np.ndim(axis) == 0 \
        else np.linalg.norm(x, "fro", axis, keepdims)


NORM = "numpy.linalg.norm"


@cache
def least_norm(dtype: Any) -> Any:
    """The norm below which NumPy's squares lose digits."""
    limits = np.finfo(dtype)
    return np.sqrt(limits.tiny) / limits.eps


def unit_vector(x: Any, f: Any, axis: Any) -> Any:
    """x / ‖x‖ and 0 at the origin. NumPy squares: where squares lose digits x is scaled first, where f overflowed the
    direction is not known.
    """
    least = least_norm(plain(x).dtype)
    if axis is None and not f.shape and least <= plain(f) < np.inf:  # one norm of an ordinary size
        return x / f
    direction = ratio(x, f, NORM)
    small, over = f < least, np.isinf(f)
    if x.size and np.any(small):
        largest = np.max(np.abs(x), axis=axis, keepdims=True)
        scaled = x / np.where(largest == 0, 1, largest)
        direction = np.where(small, ratio(scaled, euclidean_norm(scaled, axis=axis, keepdims=True), NORM), direction)
    return np.where(over, np.nan, direction) if np.any(over) else direction


def euclidean_differential(f: Any, x: Any, dx: Any, axis: Any = None, keepdims: bool = False) -> Any:
    length = spread(f, axis, keepdims)
    direction = unit_vector(x, length, axis)
    df = np.sum(np.real(np.conj(direction) * dx) if np.iscomplexobj(x) else direction * dx, axis=axis,
                keepdims=keepdims)
    return with_kink_at_zero(df, length, x, dx, axis, keepdims) if WATCH.count else df


def with_kink_at_zero(df: Any, length: Any, x: Any, dx: Any, axis: Any, keepdims: bool) -> Any:
    apex = dx.at_kink(NORM, plain(length) == 0, x)
    return df if apex is None else df + np.sum(np.real(apex) if np.iscomplexobj(x) else apex, axis=axis, keepdims=keepdims)


formula(euclidean_norm, euclidean_differential, smooth=True)


@primitive
def power_norm(size: Any, ord: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """(Σ sᵖ)^(1/p) of sizes s, with the derivative (s/f)^(p-1), 0 at the origin for p > 1; f is 0 for p < 0 if one is."""
    return np.linalg.norm(size, ord, axis, keepdims)


def power_differential(f: Any, size: Any, ds: Any, ord: Any, axis: Any = None, keepdims: bool = False) -> Any:
    length = spread(f, axis, keepdims)
    slope = ratio(size, length, NORM) ** (ord - 1) if ord > 0 else ratio(length, size, NORM) ** (1 - ord)
    df = np.sum(ds * slope, axis=axis, keepdims=keepdims)
    return with_kink_at_zero(df, length, size, ds, axis, keepdims) if WATCH.count else df


formula(power_norm, power_differential, smooth=True)

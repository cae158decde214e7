"""Factorisations, inverses, least squares and norms of matrices.

Formulas: M. B. Giles, "An extended collection of matrix derivative results" (2008); M. Seeger et al., "Auto-differentiating
linear algebra" (2017); G. H. Golub and V. Pereyra (1973) for the pseudo-inverse. Where NumPy reads one triangle of a
Hermitian matrix, the other has derivative zero.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..errors import DegenerateError, RuleError
from ..policies import KINKS, WATCH
from .constant import plain
from .formula import euclidean_norm, marked, power_norm
from .gather import as_array, axes_of, axes_or_all
from .registry import composite, formula
from .singular import svd_differential
from .spectra import adjoint, from_triangle, near_zero


# ---- factorisations
def inverse_of(A: Any, function: str, why: str) -> Any:
    try:
        return np.linalg.inv(A)
    except np.linalg.LinAlgError:
        raise DegenerateError(f"numpy.linalg.{function}: {why}, so there is no derivative") from None


def slogdet_differential(f: Any, A: Any, dA: Any) -> Any:
    """d log det A = tr(A⁻¹ dA); for complex numbers its imaginary part turns the sign."""
    slope = np.sum(dA * np.swapaxes(inverse_of(A, "slogdet", "the matrix is singular and log 0 is infinite"), -1, -2),
                   axis=(-2, -1))
    if not np.iscomplexobj(A):
        return None, slope
    return np.imag(slope) * (f[0] * 1j), np.real(slope)


def cholesky_differential(f: Any, A: Any, dA: Any, upper: bool = False) -> Any:
    """L⁻¹ dA L⁻ᴴ = M gives dL = L Φ(M), Φ the lower triangle with half the diagonal."""
    L = adjoint(f, f) if upper else f
    inverse, n = np.linalg.inv(L), L.shape[-1]
    dtype = plain(f).real.dtype
    M = inverse @ from_triangle(dA, A, not upper) @ adjoint(inverse, L)
    dL = L @ (M * (np.tri(n, dtype=dtype) - np.eye(n, dtype=dtype) / 2))
    return adjoint(dL, L) if upper else dL


formula(np.linalg.slogdet,  slogdet_differential)
formula(np.linalg.cholesky, cholesky_differential)


def qr_differential(f: Any, A: Any, dA: Any, mode: str = "reduced") -> Any:
    """X = Qᴴ dA₁ R₁⁻¹ for the first columns A₁ = Q R₁ splits into Ω = Qᴴ dQ, which is anti-Hermitian, and dR₁ R₁⁻¹, which is
    upper triangular with a real diagonal (LAPACK's R is real there). Then dR = Qᴴ dA - Ω R.
    """
    m, n = A.shape[-2:]
    k = min(m, n)
    if mode not in ("reduced", "complete", "r"):
        raise RuleError(f"numpy.linalg.qr with mode={mode!r} returns Householder reflectors, which have no rule here; use "
                        "mode='reduced' or 'r'")
    if mode == "complete" and m > n:
        raise RuleError("numpy.linalg.qr with mode='complete' of a tall matrix adds columns to Q that are any basis of a "
                        "space, so they have no derivative; use mode='reduced'")
    Q, R = np.linalg.qr(A) if mode == "r" else f
    R1 = R[..., :, :k]
    dependent = near_zero(np.swapaxes(R1, -1, -2), max(m, n)) & np.eye(k, dtype=bool)
    free = m == k and not np.iscomplexobj(A)  # the last column of a square Q is ± what the others leave: it needs no inverse
    if np.any(dependent[..., :k - free, :]):
        raise DegenerateError("numpy.linalg.qr: the first columns are linearly dependent to rounding, so there is no "
                              "derivative; leave out those that depend on the others")
    inverse = np.linalg.inv(np.where(dependent, 1, R1))
    first = np.eye(n, k, dtype=plain(R).dtype)
    dA1 = dA if n == k else dA @ first
    QdA = adjoint(Q, A) @ dA1
    X = QdA @ inverse
    below = X * np.tri(k, k, -1, dtype=plain(R).real.dtype)
    omega = below - adjoint(below, A)
    if np.iscomplexobj(A):
        omega = omega + np.imag(X * np.eye(k, dtype=plain(R).real.dtype)) * 1j
    dR = adjoint(Q, A) @ dA - omega @ R
    dR = dR * np.tri(n, k, dtype=plain(R).real.dtype).T  # zero below the diagonal without rounding
    if mode == "r":
        return dR
    dQ = Q @ omega
    return (dQ if m == k else dQ + (dA1 - Q @ QdA) @ inverse), dR


formula(np.linalg.qr, qr_differential)


# ---- pseudo-inverse and least squares
def by_smaller(a: Any, b: Any, c: Any) -> Any:
    """a b c of shapes (n, m), (m, n), (n, …) by way of whichever square is smaller: data may have many rows."""
    return a @ b @ c if a.shape[-2] <= a.shape[-1] else a @ (b @ c)


def pinv_differential(P: Any, A: Any, dA: Any, rcond: Any = None, hermitian: bool = False, **options: Any) -> Any:
    """Golub and Pereyra: -P dA P + P Pᴴ dAᴴ (1 - A P) + (1 - P A) dAᴴ Pᴴ P, where the rank stays the same."""
    if hermitian:
        dA, A = from_triangle(dA, A), from_triangle(A, A)
    m, n = A.shape[-2:]
    Ph, dAh = adjoint(P, A), adjoint(dA, A)
    dP = -by_smaller(P, dA, P)
    if m > n or hermitian or lacks_rank(A, P):
        right = by_smaller(P, Ph, dAh)
        dP = dP + right - by_smaller(right, A, P)
    if n > m or hermitian or lacks_rank(A, P):
        left = by_smaller(dAh, Ph, P)
        dP = dP + left - by_smaller(P, A, left)
    return dP


def lacks_rank(A: Any, P: Any) -> bool:
    """tr(A P) is the rank of A as pinv saw it."""
    rank = np.real(np.sum(plain(A) * np.swapaxes(plain(P), -1, -2), axis=(-2, -1)))
    return bool(np.any(rank < min(A.shape[-2:]) - 0.5))


def lstsq_pinv(A: Any, rcond: Any) -> Any:
    return np.linalg.pinv(A, np.finfo(plain(A).dtype).eps * max(A.shape[-2:]) if rcond is None else rcond)


def lstsq_for_matrix(f: Any, A: Any, b: Any, dA: Any, rcond: Any = None) -> Any:
    """x = A⁺ b, so dx = dA⁺ b, term by term. The residual is orthogonal to A's columns: d‖b - A x‖² = -2 Re rᴴ dA x."""
    x, residuals = f[0], f[1]
    P = lstsq_pinv(A, rcond)
    x, b = (x[:, None], b[:, None]) if b.ndim == 1 else (x, b)
    r, Ph, dAh = b - A @ x, adjoint(P, A), adjoint(dA, A)
    moved, other = dA @ x, dAh @ (Ph @ x)
    dx = by_smaller(P, Ph, dAh @ r) - P @ moved + other - by_smaller(P, A, other)
    if f[0].ndim == 1:
        dx = dx[:, 0]
    s = svd_differential(f[3], A, dA, False, False)
    return dx, residual_differential(-moved, r) if residuals.size else None, None, s


def lstsq_for_side(f: Any, A: Any, b: Any, db: Any, rcond: Any = None) -> Any:
    x = f[0] if b.ndim > 1 else f[0][:, None]
    r = (b if b.ndim > 1 else b[:, None]) - A @ x
    moved = db if b.ndim > 1 else db[:, None]
    return lstsq_pinv(A, rcond) @ db, residual_differential(moved, r) if f[1].size else None, None, None


def residual_differential(dr: Any, r: Any) -> Any:
    product = np.sum(dr * (2 * np.conj(r)), axis=0)
    return np.real(product) if np.iscomplexobj(r) else product


formula(np.linalg.pinv,  pinv_differential)
formula(np.linalg.lstsq, lstsq_for_matrix, lstsq_for_side)


# ---- norms and conditions
@composite(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The spectral and nuclear norms through singular values; the others are elementary."""
    if ord is None and axis is None:
        return euclidean_norm(x, keepdims=keepdims)
    if axis is None and ord is not None and x.ndim not in (1, 2):
        raise ValueError
    matrix = (axis is None and x.ndim == 2 and ord is not None) or np.size(axis if axis is not None else 0) == 2
    if not matrix and axis is not None:
        (axis,) = axes_of(axis, x.ndim)
    if ord is None or (matrix and ord == "fro") or (ord == 2 and not matrix):
        return euclidean_norm(x, axis=axis, keepdims=keepdims)
    if not matrix:
        return vector_norm(sizes(x, ord), ord, axis, keepdims)
    rows, columns = axes_of((0, 1) if axis is None else axis, x.ndim)
    if ord in (1, -1, np.inf, -np.inf):
        summed, left = (rows, columns) if ord in (1, -1) else (columns, rows)
        lengths = np.sum(np.abs(x), axis=summed, keepdims=True)
        result = (np.max if ord > 0 else np.min)(lengths, axis=left, keepdims=True)
        return result if keepdims else np.squeeze(result, (rows, columns))[()]
    if ord not in (2, -2, "nuc"):
        raise ValueError
    s = np.linalg.svd(np.moveaxis(x, (rows, columns), (-2, -1)), compute_uv=False)
    result = np.sum(s, axis=-1) if ord == "nuc" else (np.max if ord == 2 else np.min)(s, axis=-1)
    return np.expand_dims(result, (rows, columns)) if keepdims else result


def sizes(x: Any, ord: Any) -> Any:
    """|x|. Where ord is above 1 its kink at 0 is none of the norm's, which bends at the origin alone."""
    if not isinstance(ord, int | float | np.number):
        raise ValueError(f"numpy.linalg.norm: invalid norm order {ord!r} for vectors")
    if not np.iscomplexobj(x) and (1 < ord < np.inf or (ord > 1 and WATCH.count and KINKS.get() != "least_norm")):
        return np.where(plain(x) < 0, -x, x)
    return np.abs(x)


def vector_norm(size: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    if ord == 1 or (ord == np.inf and not size.size):
        return np.sum(size, axis=axis, keepdims=keepdims)
    if ord == np.inf:
        if WATCH.count:
            size = marked(size, plain(size) + np.max(plain(size), axis=axis, keepdims=True) == 0, "numpy.linalg.norm")
        return np.max(size, axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.asarray(np.count_nonzero(size, axis=axis, keepdims=keepdims)).astype(size.dtype)[()]
    return power_norm(size, ord, axis=axis, keepdims=keepdims)


composite(np.linalg.matrix_norm)(lambda x, /, *, keepdims=False, ord="fro":
                                 np.linalg.norm(x, axis=(-2, -1), keepdims=keepdims, ord=ord))


@composite(np.linalg.vector_norm)
def any_vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm over any number of axes, as one long vector."""
    gone = axes_or_all(axis, x.ndim)
    left = [i for i in range(x.ndim) if i not in gone]
    flat = np.reshape(np.transpose(x, (*gone, *left)),
                      (prod([x.shape[i] for i in gone]), *(x.shape[i] for i in left)))
    result = np.linalg.norm(flat, axis=0, ord=ord)
    return np.expand_dims(result, gone) if keepdims else result


@composite(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    if p is None or p in (2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    inverse = inverse_of(x, "cond", "the matrix is singular and its condition infinite")
    return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(inverse, p, axis=(-2, -1))


# ---- products, and equations for tensors
@composite(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """By squaring, as NumPy does; three factors in NumPy's order."""
    np.linalg.matrix_power(plain(a), 0 * n)  # NumPy's errors
    if n == 0:
        return np.linalg.matrix_power(plain(a), 0)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return a @ a @ a
    result = None
    while n:
        if n & 1:
            result = a if result is None else result @ a
        n >>= 1
        a = a @ a if n else a
    return result


@composite(np.linalg.multi_dot, raw=True)
def multi_dot(arrays: Any) -> Any:
    """In the order that costs least, by the rule for chains of matrices (Cormen et al., section 15.2)."""
    chain = list(arrays)
    if len(chain) < 2:
        raise ValueError
    sizes = [1 if np.ndim(chain[0]) == 1 else chain[0].shape[0], *(a.shape[0] for a in chain[1:]),
             1 if np.ndim(chain[-1]) == 1 else chain[-1].shape[1]]
    cost: dict[tuple[int, int], tuple[float, int]] = {(i, i): (0, i) for i in range(len(chain))}
    for length in range(1, len(chain)):
        for i in range(len(chain) - length):
            j = i + length
            cost[i, j] = min((cost[i, c][0] + cost[c + 1, j][0] + sizes[i] * sizes[c + 1] * sizes[j + 1], c)
                             for c in range(i, j))

    def product(i: int, j: int) -> Any:
        if i == j:
            return chain[i]
        c = cost[i, j][1]
        return np.dot(product(i, c), product(c + 1, j))
    return product(0, len(chain) - 1)


@composite(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = as_array(a), as_array(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(-len(axes), 0))
    shape = a.shape[-(a.ndim - b.ndim):]
    size = prod(shape)
    return np.reshape(np.linalg.solve(np.reshape(a, (size, size)), np.ravel(b)), shape)


@composite(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    size = prod(a.shape[ind:])
    return np.reshape(np.linalg.inv(np.reshape(a, (size, -1))), a.shape[ind:] + a.shape[:ind])


# ---- NumPy's second names
composite(np.linalg.matmul)(np.matmul)
composite(np.linalg.outer)(np.outer)
composite(np.linalg.tensordot)(np.tensordot)


@composite(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """A row times a column, which adds up in NumPy's order."""
    row, column = (np.moveaxis(x, axis, -1) for x in (np.conj(x1) if np.iscomplexobj(x1) else x1, x2))
    return np.matmul(row[..., None, :], column[..., :, None])[..., 0, 0]


composite(np.linalg.cross)(np.cross)
composite(np.linalg.matrix_transpose)(np.matrix_transpose)
composite(np.linalg.diagonal)(lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1))
composite(np.linalg.trace)(lambda x, /, *, offset=0, dtype=None: np.trace(x, offset, -2, -1, dtype))

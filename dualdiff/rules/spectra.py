"""Eigenvalues, eigenvectors and singular values, repeated ones included.

Formulas: M. B. Giles, "An extended collection of matrix derivative results" (2008); J. Townsend, "Differentiating the
singular value decomposition" (2016). Vectors are defined up to sign, or phase; their differential keeps VᴴdV without a
diagonal (eigh), shares the phase of u and v equally (svd), and follows LAPACK's scaling (eig). Functions that do not depend
on that choice come out right.

Repeated values, equal to rounding, have vectors that are any basis of their space. Then

* along one direction (``jvp``, ``derivative``) the basis is turned to the one that the direction selects: values get their
  sorted directional derivatives, and what does not depend on the basis, such as V diag(g(w)) Vᴴ, comes out right;
* in a sweep of several directions, or reverse, no one basis serves all: each value gets the mean over its group, which is
  right for every symmetric function of them and is how ties are shared elsewhere; the vectors have no derivative, and the
  first use of one raises DegenerateError, naming the values.

Along one direction the turned basis does not move within its group: how it does is a matter of second order, so what depends
on the basis within a group has no derivative from first-order data, and cannot be told from what does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DegenerateError
from .linear import linear_solve
from .outputs import Restated, Without
from .registry import composite, formula


# ---- parts that all of them need -------------------------------------------------------------------------------------
def plain(x: Any) -> Any:
    """The value under every level."""
    while hasattr(x, "value"):
        x = x.value
    return x


def adjoint(x: Any, like: Any) -> Any:
    """xᴴ; ``like`` says whether the numbers are complex, which a differential does not."""
    t = np.swapaxes(x, -1, -2)
    return np.conj(t) if np.iscomplexobj(like) else t


def real_diagonal(P: Any, like: Any) -> Any:
    d = np.diagonal(P, 0, -2, -1)
    return np.real(d) if np.iscomplexobj(like) else d


def from_triangle(dA: Any, A: Any, lower: bool = True) -> Any:
    """The Hermitian differential of which NumPy reads one triangle: the other does not exist for it."""
    n = A.shape[-1]
    weights = np.tri(n, dtype=plain(A).real.dtype) - np.eye(n, dtype=plain(A).real.dtype) / 2
    half = dA * (weights if lower else weights.T)
    return half + adjoint(half, A)


def near_zero(s: Any, size: int) -> Any:
    """Where a value is zero to rounding beside the largest of its matrix; LAPACK is accurate to a few n eps of that."""
    s = np.abs(plain(s))
    return s <= 4 * size * np.finfo(s.dtype).eps * np.max(s, axis=-1, keepdims=True, initial=0)


def groups(w: Any, size: int) -> Any:
    """Truth values (…, n, n): whether values i and j, sorted, are equal to rounding, in steps if not directly."""
    w = plain(w)
    scale = np.max(np.abs(w), axis=-1, keepdims=True, initial=0)
    steps = np.abs(np.diff(w)) > 4 * size * np.finfo(w.dtype).eps * scale
    number = np.concatenate([np.zeros_like(w[..., :1], int), np.cumsum(steps, axis=-1)], axis=-1)[..., :w.shape[-1]]
    return number[..., :, None] == number[..., None, :]


def are_repeated(same: Any) -> bool:
    return bool(np.count_nonzero(same) > np.prod(same.shape[:-1], dtype=int))


def inverse_gaps(w: Any, same: Any) -> Any:
    """F[i, j] = 1/(w_j - w_i), and 0 within a group of equal values, whose basis does not turn."""
    gap = w[..., None, :] - w[..., :, None]
    return np.where(same, 0, 1 / np.where(same, 1, gap))


def group_means(dw: Any, same: Any, like: Any) -> Any:
    weights = same / np.sum(same, axis=-1, keepdims=True)
    return (weights.astype(plain(like).real.dtype) @ dw[..., None])[..., 0]


def direction_of(dA: Any) -> Any:
    """The differential as an array where it is one direction in plain numbers, else None."""
    t = dA.tangent
    if not t.terms:
        return np.zeros(t.shape)
    if t.on_tape or any(leaf.k is not None for leaf in t.terms):
        return None
    d = t.dense(dtype=None)
    return d if isinstance(d, np.ndarray) else None


def names(w: Any, same: Any) -> str:
    several = np.sum(same, axis=-1) > 1
    values = plain(w)[several]
    return ", ".join(f"{x:.6g}" for x in values[:6]) + (", …" if len(values) > 6 else "")


def undefined(function: str, what: str, w: Any, same: Any) -> Without:
    return Without(f"numpy.linalg.{function}: {what} of the repeated values {names(w, same)} are any basis of their space, "
                   "so they have no derivative in a sweep of several directions or in reverse. Take one direction at a time "
                   f"with dualdiff.jvp, or use what does not need them ({function.removesuffix('h')}vals"
                   f"{'h' if function.endswith('h') else ''}, det, solve)")


# ---- Hermitian matrices ----------------------------------------------------------------------------------------------
def turned(P: Any, same: Any) -> Any:
    """The unitary matrices (…, n, n) that make each group's block of the Hermitian P diagonal, and leave the rest alone."""
    Q = np.zeros_like(P)
    for place in np.ndindex(P.shape[:-2]):
        done = 0
        while done < P.shape[-1]:
            stop = done + int(np.count_nonzero(same[place][done]))
            block = slice(done, stop)
            Q[place][block, block] = np.linalg.eigh(P[place][block, block])[1]
            done = stop
    return Q


def eigh_parts(w: Any, V: Any, A: Any, dA: Any, uplo: str) -> tuple[Any, Any, Any, Any]:
    """V, turned where that is called for, dw, dV or the reason why not, and whether V was turned.

    A V = V diag(w): with P = Vᴴ dA V, dw = diag P and dV = V (F ∘ P).
    """
    dA = from_triangle(dA, A, uplo.upper() == "L")
    same = groups(w, w.shape[-1])
    repeated, one = are_repeated(same), None
    if repeated:
        one = direction_of(dA) if isinstance(V, np.ndarray) else None
        if one is not None:
            V = V @ turned(adjoint(V, V) @ one @ V, same)
    P = adjoint(V, A) @ dA @ V
    dw = real_diagonal(P, A)
    if repeated and one is None:
        return V, group_means(dw, same, w), undefined("eigh", "eigenvectors", w, same), False
    return V, dw, V @ (P * inverse_gaps(w, same)), repeated


def eigh_differential(f: Any, A: Any, dA: Any, UPLO: str = "L") -> Any:
    w, V = f
    V, dw, dV, restated = eigh_parts(w, V, A, dA, UPLO)
    return Restated(type(f)(w, V), (dw, dV)) if restated else (dw, dV)


def eigvalsh_differential(f: Any, A: Any, dA: Any, UPLO: Any = "L") -> Any:
    return eigh_parts(f, np.linalg.eigh(A, UPLO)[1], A, dA, UPLO)[1]


formula(np.linalg.eigh,     eigh_differential)
formula(np.linalg.eigvalsh, eigvalsh_differential)


# ---- general matrices ------------------------------------------------------------------------------------------------
def close_groups(w: Any, V: Any, function: str) -> Any:
    """Groups of equal eigenvalues; raises where they are those of a defective matrix, whose derivative is infinite."""
    values, n = plain(w), w.shape[-1]
    eps = np.finfo(values.dtype).eps
    scale = np.max(np.abs(values), axis=-1, initial=0)[..., None, None]
    distance = np.abs(values[..., :, None] - values[..., None, :])
    same = distance <= 4 * n * eps * scale
    for _ in range(max(n, 1).bit_length()):                # equal in steps: the transitive closure
        same = same @ same
    near = distance <= 8 * n * np.sqrt(eps) * scale        # rounding splits a defective double eigenvalue by √eps
    if are_repeated(near) and np.any(np.linalg.cond(plain(V)) > 0.1 / np.sqrt(eps)):
        raise DegenerateError(f"numpy.linalg.{function}: the eigenvalues {names(w, near)} are repeated and lack "
                              "eigenvectors (the matrix is defective), so their derivative is infinite")
    return same


def eigenvalue_parts(w: Any, V: Any, dA: Any, function: str) -> tuple[Any, Any, Any]:
    """dw = diag(V⁻¹ dA V), the matrix V⁻¹ dA V itself, and the groups of equal eigenvalues."""
    same = close_groups(w, V, function)
    C = linear_solve(dA @ V, V)
    dw = np.diagonal(C, 0, -2, -1)
    return (group_means(dw, same, w) if are_repeated(same) else dw), C, same


def eigvals_differential(f: Any, A: Any, dA: Any) -> Any:
    """The vectors come from eig, which may find the values in another order."""
    w, V = np.linalg.eig(A)
    dw = eigenvalue_parts(w, V, dA, "eigvals")[0]
    if not f.size:
        return dw
    order = np.argmin(np.abs(plain(f)[..., :, None] - plain(w)[..., None, :]), axis=-1)
    return dw if np.all(order == np.arange(f.shape[-1])) else np.take_along_axis(dw, order, axis=-1)


def eig_differential(f: Any, A: Any, dA: Any) -> Any:
    """dV = V (F ∘ V⁻¹ dA V) + V diag(c): LAPACK's vectors have length 1 and their largest component real, which fixes c."""
    w, V = f
    dw, C, same = eigenvalue_parts(w, V, dA, "eig")
    if are_repeated(same):
        return dw, undefined("eig", "eigenvectors", w, same)
    dV = V @ (C * inverse_gaps(w, same))
    along = np.sum(dV * np.conj(V), axis=-2, keepdims=True)
    if not np.iscomplexobj(V):
        return dw, dV - along * V
    largest = np.argmax(np.abs(plain(V)), axis=-2)[..., None, :]
    top = np.real(np.take_along_axis(V, largest, axis=-2))
    turn = np.imag(np.take_along_axis(dV, largest, axis=-2)) * (1 / top)
    return dw, dV - np.real(along) * V - turn * (1j * V)


formula(np.linalg.eig,     eig_differential)
formula(np.linalg.eigvals, eigvals_differential)


# ---- singular values -------------------------------------------------------------------------------------------------
def svd_turned(A: Any, one: Any, same: Any, zero: Any, k: int) -> tuple[Any, Any]:
    """Full U and Vᴴ, turned within each group so that the direction's blocks between them become diagonal.

    At s = 0 the group takes in the null spaces beyond the square part, and the diagonal is made ≥ 0.
    """
    U, s, Vh = np.linalg.svd(A)
    P = adjoint(U, U) @ one @ adjoint(Vh, Vh)
    for place in np.ndindex(s.shape[:-1]):
        done = 0
        while done < k:
            stop = done + int(np.count_nonzero(same[place][done]))
            rows, columns = (slice(done, None),) * 2 if zero[place][done] else (slice(done, stop),) * 2
            part = P[place][rows, columns]
            if zero[place][done]:
                left, _, right = np.linalg.svd(part)
            else:
                left = np.linalg.eigh((part + adjoint(part, part)) / 2)[1][:, ::-1]
                right = adjoint(left, left)
            U[place][:, rows], Vh[place][columns] = U[place][:, rows] @ left, right @ Vh[place][columns]
            done = stop
    return U, Vh


def svd_differential(f: Any, A: Any, dA: Any, full_matrices: bool = True, compute_uv: bool = True,
                     hermitian: bool = False) -> Any:
    """dS = diag P, with P = Uᴴ dA V; in a sweep of several directions 0 at s = 0, a kink, and the mean over a group."""
    dA = from_triangle(dA, A) if hermitian else dA
    U, s, Vh = f if compute_uv else np.linalg.svd(A, False, True, hermitian)
    size, k = max(A.shape[-2:]), s.shape[-1]
    same = groups(s, size)
    zero = np.any(same & near_zero(s, size)[..., None, :], axis=-1)
    special = are_repeated(same) or bool(np.any(zero))
    one = direction_of(dA) if special and isinstance(s, np.ndarray) else None
    if one is not None:
        U, Vh = svd_turned(A, np.broadcast_to(one, A.shape), same, zero, k)
        U, Vh = (U, Vh) if full_matrices and compute_uv else (U[..., :k], Vh[..., :k, :])
    U1, V1h = U[..., :k], Vh[..., :k, :]
    P = adjoint(U1, A) @ dA @ adjoint(V1h, A)
    ds = real_diagonal(P, A)
    if special and one is None:
        ds = group_means(ds * ~zero, same, s)
        reason = undefined("svd", "singular vectors", s, same | (zero[..., None, :] & np.ones_like(same)))
        return (reason, ds, reason) if compute_uv else ds
    if not compute_uv:
        return ds
    dU, dVh = svd_vectors(U, s, Vh, A, dA, P, same, zero)
    return (dU, ds, dVh) if one is None else Restated(type(f)(U, s, Vh), (dU, ds, dVh))


def svd_vectors(U: Any, s: Any, Vh: Any, A: Any, dA: Any, P: Any, same: Any, zero: Any) -> tuple[Any, Any]:
    """P = Ω_U S + dS - S Ω_V with Ω_U = Uᴴ dU and Ω_V = Vᴴ dV anti-Hermitian.

    So P + Pᴴ is Ω_U + Ω_V times s_j - s_i, and P - Pᴴ is Ω_U - Ω_V times s_i + s_j. What leaves the space of U is
    dA V S⁻¹; the columns that full_matrices adds move only to stay orthogonal.
    """
    k = s.shape[-1]
    U1, V1h = U[..., :k], Vh[..., :k, :]
    Ph = adjoint(P, A)
    both = zero[..., :, None] & zero[..., None, :]
    sums = np.where(both, 0, 1 / np.where(both, 1, s[..., :, None] + s[..., None, :]))
    X, Y = (P + Ph) * (inverse_gaps(s, same) / 2), (P - Ph) * (sums / 2)
    inverse = np.where(zero, 0, 1 / np.where(zero, 1, s))
    dU, dVh = U1 @ (X + Y), -((X - Y) @ V1h)
    (m, p), (q, n) = U.shape[-2:], Vh.shape[-2:]
    first = np.eye(k, max(p, q), dtype=plain(s).dtype)     # puts the first k columns in their place among all
    if p > k:
        D = adjoint(U[..., k:], A) @ dA @ adjoint(V1h, A) * inverse[..., None, :]
        dU = (dU + U[..., k:] @ D) @ first - U1 @ adjoint(D, A) @ np.eye(p - k, p, k, dtype=first.dtype)
    elif m > k:
        dAV = dA @ adjoint(V1h, A)
        dU = dU + (dAV - U1 @ P) * inverse[..., None, :]
    if q > k:
        D = adjoint(U1, A) @ dA @ adjoint(Vh[..., k:, :], A) * inverse[..., :, None]
        dVh = first.T @ (dVh + D @ Vh[..., k:, :]) - np.eye(q - k, q, k, dtype=first.dtype).T @ adjoint(D, A) @ V1h
    elif n > k:
        UdA = adjoint(U1, A) @ dA
        dVh = dVh + (UdA - P @ V1h) * inverse[..., :, None]
    return dU, dVh


formula(np.linalg.svd, svd_differential)


@composite(np.linalg.svdvals)
def svdvals(x: Any) -> Any:
    return np.linalg.svd(x, compute_uv=False)

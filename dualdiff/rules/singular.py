"""Singular values and vectors, repeated ones and zeros included; see `spectra.py`.

Formulas: J. Townsend, "Differentiating the singular value decomposition" (2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DegenerateError
from .bases import FLIPPED, NOTHING, blocks, flips
from .gather import placed
from .outputs import Restated, Without
from .registry import composite, formula
from .spectra import (
    adjoint,
    are_repeated,
    direction_of,
    from_triangle,
    group_means,
    groups,
    inverse_gaps,
    near_zero,
    real_diagonal,
    reason_for,
    tied,
    undefined,
)


def svd_turned(A: Any, one: Any, same: Any, zero: Any, run: Any) -> tuple[Any, Any]:
    """Full U and Vᴴ, turned within each group so that the direction's blocks between them become diagonal; or anyhow.

    At s = 0 the group takes in the null spaces beyond the square part, and the diagonal is made ≥ 0.
    """
    U, _, Vh = np.linalg.svd(A)
    P = adjoint(U, U) @ one @ adjoint(Vh, Vh)
    if run == NOTHING:
        P = np.cos(np.arange(1.0, P.size + 1)).reshape(P.shape).astype(P.dtype)
    for place, block in blocks(same):
        null = zero[place][block.start]
        span = slice(block.start, None) if null else block
        part = P[place][span, span]
        if null:
            left, _, right = np.linalg.svd(part)
        else:
            left = np.linalg.eigh((part + adjoint(part, part)) / 2)[1][:, ::-1]
            right = adjoint(left, left)
        if run == FLIPPED and (null or block.stop > block.start + 1):
            signs = flips(max(P.shape[-2:]), np.iscomplexobj(A))
            left, right = left * signs[:left.shape[1]], np.conj(signs[:right.shape[0], None]) * right
        U[place][:, span], Vh[place][span] = U[place][:, span] @ left, right @ Vh[place][span]
    return U, Vh


def svd_differential(f: Any, A: Any, dA: Any, full_matrices: bool = True, compute_uv: bool = True,
                     hermitian: bool = False) -> Any:
    """dS = diag P, with P = Uᴴ dA V; in a sweep of several directions 0 at s = 0, a kink, and the mean over a group."""
    dA = from_triangle(dA, A) if hermitian else dA
    U, s, Vh = f if compute_uv else np.linalg.svd(A, False, True, hermitian)
    size, k = max(A.shape[-2:]), s.shape[-1]
    same = groups(s, size)
    zero = np.any(same & near_zero(s, size)[..., None, :], axis=-1)
    special, level, mixed = are_repeated(same) or bool(np.any(zero)), dA.level, None
    plainly = special and type(s) is np.ndarray
    run = level.bases.run if level.bases is not None and type(s) is np.ndarray else None
    if plainly and run not in (None, FLIPPED) and not np.any(zero):
        level.bases.reason = reason_for("svd", "singular vectors", s, same)
        R, mixed = level.bases.turns(same, U.dtype)
        U, Vh = widened(U, R), adjoint(widened(adjoint(Vh, Vh), R), Vh)
    one = direction_of(dA) if plainly and mixed is None else None
    if one is not None:
        U, Vh = svd_turned(A, np.broadcast_to(one, A.shape), same, zero, run)
        U, Vh = (U, Vh) if full_matrices and compute_uv else (U[..., :k], Vh[..., :k, :])
    beyond = max(U.shape[-1], Vh.shape[-2]) - k  # the columns that full_matrices adds are any basis, too
    loose = compute_uv and type(s) is np.ndarray and level.is_sweep and beyond > 1
    if loose and run is None:
        level.doubt = (f"numpy.linalg.svd: the {beyond} vectors that full_matrices adds are any basis of their space, so what "
                       "depends on that choice has no derivative; use full_matrices=False, or what does not depend on it")
    elif loose and run in (NOTHING, FLIPPED):
        U = np.concatenate([U[..., :k], mirrored(U[..., k:])], axis=-1) if U.shape[-1] > k else U
        Vh = np.concatenate([Vh[..., :k, :], adjoint(mirrored(adjoint(Vh[..., k:, :], U)), U)], axis=-2) \
            if Vh.shape[-2] > k else Vh
    U1, V1h = U[..., :k], Vh[..., :k, :]
    P = adjoint(U1, A) @ dA @ adjoint(V1h, A)
    marked = same | zero[..., :, None]  # for messages: what is repeated, and what is 0
    ds = real_diagonal(P, A)
    if mixed is not None:
        ds = (mixed.astype(s.dtype) @ ds[..., None])[..., 0]
    elif special and one is None:
        if not plainly and np.any(zero):
            raise DegenerateError(reason_for("svd", "singular vectors", s, marked))
        ds = tied(group_means(ds * ~zero, same, s) if plainly else ds, P, same, s, "svd", zero)
        helped = level if plainly and level.is_sweep and not np.any(zero) else None
        reason = undefined("svd", "singular vectors", s, marked, helped)
        if not compute_uv or not np.any(zero):
            return (reason, ds, reason) if compute_uv else ds
        open_ = zero | (np.count_nonzero(same, axis=-1) > 1)
        missing, missing_h = np.ones(U.shape, bool), np.ones(Vh.shape, bool)
        missing[..., :k], missing_h[..., :k, :] = open_[..., None, :], open_[..., :, None]
        dU, dVh = svd_vectors(U, s, Vh, A, dA, P, same, zero)
        return Without(reason.reason, None, missing, dU), ds, Without(reason.reason, None, missing_h, dVh)
    elif special:
        ds = tied(ds, P, same, s, "svd", zero)
    if not compute_uv:
        return ds
    if one is not None:
        if not level.is_sweep:
            reason = undefined("svd", "singular vectors", s, marked)
            return reason, ds, reason
        level.doubt = reason_for("svd", "singular vectors", s, marked)
    dU, dVh = svd_vectors(U, s, Vh, A, dA, P, same, zero)
    return Restated(type(f)(U, s, Vh), (dU, ds, dVh))


def widened(U: Any, R: Any) -> Any:
    """U R for the columns that R has; those that full_matrices adds stay."""
    k = R.shape[-1]
    return U @ R if U.shape[-1] == k else np.concatenate([U[..., :k] @ R, U[..., k:]], axis=-1)


def mirrored(X: Any) -> Any:
    """Columns in another basis of their space, one of no particular angle: X (1 - 2 v vᴴ)."""
    v = np.cos(np.arange(1.0, X.shape[-1] + 1) ** 2) * (np.exp(1j * np.arange(X.shape[-1])) if np.iscomplexobj(X) else 1)
    return X - (X @ v)[..., None] * (2 / np.sum(np.abs(v) ** 2) * np.conj(v))


def among(X: Any, count: int, start: int, axis: int = -1) -> Any:
    """X as the columns, or rows, from ``start`` on of so many, zeros elsewhere."""
    shape, place = list(X.shape), [slice(None)] * -axis
    place[axis] = slice(start, start + shape[axis])
    shape[axis] = count
    return placed(X, tuple(shape), (..., *place))


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
    if p > k:
        D = adjoint(U[..., k:], A) @ dA @ adjoint(V1h, A) * inverse[..., None, :]
        dU = among(dU + U[..., k:] @ D, p, 0) - among(U1 @ adjoint(D, A), p, k)
    elif m > k:
        dAV = dA @ adjoint(V1h, A)
        dU = dU + (dAV - U1 @ P) * inverse[..., None, :]
    if q > k:
        D = adjoint(U1, A) @ dA @ adjoint(Vh[..., k:, :], A) * inverse[..., :, None]
        dVh = among(dVh + D @ Vh[..., k:, :], q, 0, -2) - among(adjoint(D, A) @ V1h, q, k, -2)
    elif n > k:
        UdA = adjoint(U1, A) @ dA
        dVh = dVh + (UdA - P @ V1h) * inverse[..., :, None]
    return dU, dVh


formula(np.linalg.svd, svd_differential, smooth=True)


composite(np.linalg.svdvals)(lambda x: np.linalg.svd(x, compute_uv=False))

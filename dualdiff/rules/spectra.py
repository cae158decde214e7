"""Eigenvalues and eigenvectors, repeated ones included; singular values (`singular.py`) follow the same plan.

Formulas: M. B. Giles, "An extended collection of matrix derivative results" (2008). Vectors are defined up to sign, or phase;
their differential keeps VᴴdV without a diagonal (eigh), shares the phase of u and v equally (svd), and follows LAPACK's
scaling (eig). Functions that do not depend on that choice come out right.

Repeated values, equal to rounding, have vectors that are any basis of their space. Then

* values get their sorted directional derivatives along one direction (``jvp``, ``derivative``), and in a sweep of several
  directions, or reverse, the mean over their group: right for every symmetric function of them, and how ties are shared
  elsewhere;
* where the vectors are used, the sweep makes sure that the result does not depend on their choice: along one direction the
  basis is turned to the one that the direction selects and the function runs once more in another, whose values have to be
  the same; in several directions it runs in as many bases as tell the whole derivative (``bases.py``). So V diag(g(w)) Vᴴ
  comes out right in every mode, and what depends on the basis raises DegenerateError, naming the values;
* second derivatives of what needs the values alone come out right in the same way (the trace of a root); second derivatives
  of the vectors, arrays perturbed by hand and singular vectors at s = 0 in several directions have no such help: the first
  use of the vectors raises. Singular vectors beside those of s = 0 may be taken out of the array; they have derivatives.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..policies import WATCH
from .bases import FLIPPED, blocks, flips
from .constant import plain
from .linear import linear_solve
from .outputs import Restated, Without
from .registry import formula


# ---- parts that all of them need
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
    return bool(np.count_nonzero(same) > prod(same.shape[:-1]))


def inverse_gaps(w: Any, same: Any) -> Any:
    """F[i, j] = 1/(w_j - w_i), and 0 within a group of equal values, whose basis does not turn."""
    gap = w[..., None, :] - w[..., :, None]
    return np.where(same, 0, 1 / np.where(same, 1, gap))


def group_means(dw: Any, same: Any, like: Any) -> Any:
    weights = same / np.sum(same, axis=-1, keepdims=True)
    return (weights.astype(plain(like).real.dtype) @ dw[..., None])[..., 0]


def tied(dw: Any, P: Any, same: Any, w: Any, function: str, zero: Any = False) -> Any:
    """The differential of values, as the policy for kinks wants it where some are equal, or zero, and P moves them apart."""
    if not WATCH.count:
        return dw
    n = same.shape[-1]
    moved = group_means(np.sum(P * (same * np.cos(np.arange(1.0, n * n + 1)).reshape(n, n)), axis=-1), same, w)
    tie = moved.at_kink(f"numpy.linalg.{function}", zero | (np.count_nonzero(same, axis=-1) > 1), w)
    return dw if tie is None else dw + np.real(tie)


def direction_of(dA: Any) -> Any:
    """The differential as an array where it is one direction in plain numbers, else None."""
    t = dA.tangent
    if not t.terms:
        return np.zeros(t.shape)
    if t.on_tape or any(leaf.k is not None for leaf in t.terms):
        return None
    d = t.dense(dtype=None)
    return d if type(d) is np.ndarray else None


def names(w: Any, same: Any) -> str:
    several = np.sum(same, axis=-1) > 1
    values = plain(w)[several]
    return ", ".join(f"{x:.6g}" for x in values[:6]) + (", …" if len(values) > 6 else "")


def undefined(function: str, what: str, w: Any, same: Any, level: Any = None) -> Without:
    return Without(reason_for(function, what, w, same), level)


def reason_for(function: str, what: str, w: Any, same: Any) -> str:
    return (f"numpy.linalg.{function}: {what} of the repeated values {names(w, same)} are any basis of their space, "
                   "so what depends on that choice has no derivative; use what does not (V g(w) Vᵀ, in first derivatives), "
            f"or does not need them ({function.removesuffix('h')}vals{'h' if function.endswith('h') else ''}, det, solve)")


# ---- Hermitian matrices
def turned(P: Any, same: Any) -> Any:
    """The unitary matrices (…, n, n) that make each group's block of the Hermitian P diagonal, and leave the rest alone."""
    Q = np.zeros_like(P)
    for place, block in blocks(same):
        Q[place][block, block] = np.linalg.eigh(P[place][block, block])[1]
    return Q


def eigh_parts(w: Any, V: Any, A: Any, dA: Any, uplo: str, vectors: bool) -> tuple[Any, Any, Any, bool]:
    """V, turned where that is called for, dw, dV or the reason why not, and whether V was turned.

    A V = V diag(w): with P = Vᴴ dA V, dw = diag P and dV = V (F ∘ P).
    """
    dA = from_triangle(dA, A, uplo.upper() == "L")
    same, level, one, mixed = groups(w, w.shape[-1]), dA.level, None, None
    repeated = are_repeated(same)
    if repeated and type(V) is np.ndarray:
        if level.bases is not None and level.bases.run != FLIPPED:
            level.bases.reason = reason_for("eigh", "eigenvectors", w, same)
            R, mixed = level.bases.turns(same, V.dtype)
            V = V @ R
        else:
            one = direction_of(dA)
            V = V if one is None else V @ turned(adjoint(V, V) @ one @ V, same)
            if level.bases is not None:
                V = V * np.where(np.sum(same, axis=-1) > 1, flips(w.shape[-1], np.iscomplexobj(V)), 1)[..., None, :]
    P = adjoint(V, A) @ dA @ V
    dw = tied(real_diagonal(P, A), P, same, w, "eigh" if vectors else "eigvalsh")
    if mixed is not None:
        return V, (mixed.astype(w.dtype) @ dw[..., None])[..., 0], V @ (P * inverse_gaps(w, same)), True
    if repeated and type(V) is not np.ndarray:  # a second derivative: the outer sweep tries the bases
        return V, dw, undefined("eigh", "eigenvectors", w, same), False
    if repeated and one is None:
        helped = level if level.is_sweep else None
        return V, group_means(dw, same, w), undefined("eigh", "eigenvectors", w, same, helped), False
    if repeated and vectors:
        if not level.is_sweep:
            return V, dw, undefined("eigh", "eigenvectors", w, same), False
        level.doubt = reason_for("eigh", "eigenvectors", w, same)
    return V, dw, V @ (P * inverse_gaps(w, same)), repeated


def eigh_differential(f: Any, A: Any, dA: Any, UPLO: str = "L") -> Any:
    w, V = f
    V, dw, dV, restated = eigh_parts(w, V, A, dA, UPLO, True)
    return Restated(type(f)(w, V), (dw, dV)) if restated else (dw, dV)


def eigvalsh_differential(f: Any, A: Any, dA: Any, UPLO: Any = "L") -> Any:
    return eigh_parts(f, np.linalg.eigh(A, UPLO)[1], A, dA, UPLO, False)[1]


formula(np.linalg.eigh,     eigh_differential)
formula(np.linalg.eigvalsh, eigvalsh_differential)


# ---- general matrices
def close_groups(w: Any) -> tuple[Any, Any]:
    """Groups of equal eigenvalues, and of those that rounding may have split because they lack eigenvectors."""
    values, n = plain(w), w.shape[-1]
    eps = np.finfo(values.dtype).eps
    scale = np.max(np.abs(values), axis=-1, initial=0)[..., None, None]
    distance = np.abs(values[..., :, None] - values[..., None, :])
    same = distance <= 4 * n * eps * scale
    for _ in range(max(n, 1).bit_length()):  # equal in steps: the transitive closure
        same = same @ same
    return same, distance <= 8 * n * np.sqrt(eps) * scale  # a defective double eigenvalue is split by √eps


def eigenvalue_parts(w: Any, V: Any, dA: Any, function: str) -> tuple[Any, Any, Any] | Without:
    """dw = diag(V⁻¹ dA V), the matrix V⁻¹ dA V itself, and the groups of equal eigenvalues."""
    (same, near), one = close_groups(w), None
    if are_repeated(near) and np.any(np.linalg.cond(plain(V)) > 0.1 / np.sqrt(np.finfo(plain(w).dtype).eps)):
        return Without(f"numpy.linalg.{function}: the eigenvalues {names(w, near)} are repeated and lack eigenvectors (the "
                       "matrix is defective), so their derivative is infinite", missing=np.ones(w.shape, bool))
    repeated = are_repeated(same)
    if repeated and type(V) is np.ndarray and (one := direction_of(dA)) is not None:
        T = split_by(linear_solve(one @ V, V), same)
        if T is None:
            return Without(f"numpy.linalg.{function}: along this direction equal eigenvalues become complex or lack "
                           "eigenvectors, so they have no derivative", missing=np.ones(w.shape, bool))
        V = V @ T
    C = linear_solve(dA @ V, V)
    dw = np.diagonal(C, 0, -2, -1)
    return (group_means(dw, same, w) if repeated and one is None else dw), C, same


def split_by(C: Any, same: Any) -> Any:
    """The matrices that make each group's block of C diagonal: equal eigenvalues take the derivatives of the direction.

    None where there are none.
    """
    T = np.zeros_like(C)
    for place in np.ndindex(C.shape[:-2]):
        for members in {tuple(np.flatnonzero(row)) for row in same[place]}:
            vectors = np.linalg.eig(C[place][np.ix_(members, members)])[1]
            if np.linalg.cond(vectors) > 1e8 or np.iscomplexobj(vectors) > np.iscomplexobj(C):
                return None
            T[place][np.ix_(members, members)] = vectors
    return T


def eigvals_differential(f: Any, A: Any, dA: Any) -> Any:
    """The vectors come from eig, which may find the values in another order."""
    w, V = np.linalg.eig(A)
    parts = eigenvalue_parts(w, V, dA, "eigvals")
    if isinstance(parts, Without):
        return parts
    dw = parts[0]
    if not f.size:
        return dw
    order = matched(np.abs(plain(f)[..., :, None] - plain(w)[..., None, :]))
    return dw if np.all(order == np.arange(f.shape[-1])) else np.take_along_axis(dw, order, axis=-1)


def matched(distance: Any) -> Any:
    """For each row the nearest column, each column once."""
    order = np.argmin(distance, axis=-1)
    for place in np.ndindex(order.shape[:-1]):
        if len(set(order[place].tolist())) < order.shape[-1]:
            left = distance[place].copy()
            for i in range(order.shape[-1]):
                order[place][i] = j = int(np.argmin(left[i]))
                left[:, j] = np.inf
    return order


def eig_differential(f: Any, A: Any, dA: Any) -> Any:
    """dV = V (F ∘ V⁻¹ dA V) + V diag(c): LAPACK's vectors have length 1 and their largest component real, which fixes c."""
    w, V = f
    parts = eigenvalue_parts(w, V, dA, "eig")
    if isinstance(parts, Without):
        return parts, Without(parts.reason)
    dw, C, same = parts
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

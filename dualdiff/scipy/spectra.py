"""Eigenvalues of scipy.linalg: SciPy's own values and vectors, with the differentials of NumPy's (`rules/spectra.py`)."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg as plain

from ..errors import RuleError
from ..forms import stripped
from ..rules.spectra import (
    adjoint,
    eig_differential,
    eigh_differential,
    eigvals_differential,
    eigvalsh_differential,
    from_triangle,
    matched,
)
from .calling import named, regular, valued
from .linear_systems import solve, solve_triangular


class Pair(NamedTuple):
    """Eigenvalues and eigenvectors, as NumPy's rows take and give them."""

    w: Any
    V: Any


def aligned(V: Any, known: Any) -> Any:
    """The columns of V with the signs or phases of those that SciPy has."""
    v = stripped(V)
    turn = np.sum(np.conj(v) * known, axis=-2, keepdims=True)
    length = np.sqrt(np.sum(np.abs(v) ** 2, -2, keepdims=True) * np.sum(np.abs(known) ** 2, -2, keepdims=True))
    clear = np.abs(turn) > 0.9 * length
    return V * np.where(clear, turn / np.where(clear, np.abs(turn), 1), 1).astype(known.dtype)


# ---- Hermitian matrices
def spectrum(a: Any, lower: bool, only: bool, **options: Any) -> Any:
    """All eigenvalues, and the eigenvectors or None."""
    uplo, options = "L" if lower else "U", {"lower": lower, **options}
    if only:
        differential = partial(eigvalsh_differential, UPLO=uplo)
        return valued(plain.eigvalsh, lambda A: plain.eigvalsh(A, **options), differential)(a), None
    return valued(plain.eigh, lambda A: Pair(*plain.eigh(A, **options)), partial(eigh_differential, UPLO=uplo))(a)


@named(plain.eigh)
def eigh(a: Any, b: Any = None, lower: bool = True, eigvals_only: bool = False, type: int = 1, subset_by_index: Any = None,
         subset_by_value: Any = None, **options: Any) -> Any:
    """With b = L Lᴴ the problem is that of L⁻¹ a L⁻ᴴ, or of Lᴴ a L for types 2 and 3. Some values are a part of all."""
    if b is None and subset_by_index is None and subset_by_value is None:
        w, V = spectrum(a, lower, eigvals_only, **options)
        return w if eigvals_only else (w, V)
    known = plain.eigh(stripped(a), None if b is None else stripped(b), lower=lower, eigvals_only=eigvals_only, type=type,
                       subset_by_index=subset_by_index, subset_by_value=subset_by_value, **options)
    L = None
    if b is not None:
        L = np.linalg.cholesky(from_triangle(b, b, lower))
        a, lower = from_triangle(a, a, lower), True
        a = adjoint(L, L) @ a @ L if type > 1 else solve_triangular(L, adjoint(solve_triangular(L, a, 0, True), a), 0, True)
    w, V = spectrum(a, lower, eigvals_only)
    first = subset_by_index[0] if subset_by_index is not None else 0
    if subset_by_value is not None:
        first = int(np.searchsorted(stripped(w), subset_by_value[0], "right"))
    part = (..., slice(first, first + np.shape(known if eigvals_only else known[0])[-1]))
    if eigvals_only:
        return w[part]
    V = V[part]
    V = V if L is None else L @ V if type == 3 else solve_triangular(L, V, 2, True)
    return w[part], aligned(V, known[1])


@named(plain.eigvalsh)
def eigvalsh(a: Any, b: Any = None, **options: Any) -> Any:
    return eigh(a, b, eigvals_only=True, **options)


# ---- matrices of few diagonals, which are full here, as their eigenvectors are
def from_bands(bands: Any, lower: bool, known: Any, select: Any, limits: Any) -> Any:
    """The spectrum, of which SciPy knows the values, of a matrix of which these are the diagonals."""
    rows, n = bands.shape[-2:]
    row = np.subtract.outer(np.arange(n), np.arange(n)) + (0 if lower else rows - 1)
    A = np.where((row >= 0) & (row < rows), bands[..., np.clip(row, 0, rows - 1), np.arange(n)], 0)
    part = {"i": "subset_by_index", "2": "subset_by_index", "v": "subset_by_value", "1": "subset_by_value"}.get(str(select)[0])
    only = isinstance(known, np.ndarray)
    f = eigh(A, lower=lower, eigvals_only=only, **{part: limits} if part else {})
    return f if only else (f[0], aligned(f[1], known[1]))


def banded(original: Any) -> None:
    @named(original)
    def call(a_band: Any, lower: bool = False, select: Any = "a", select_range: Any = None, **options: Any) -> Any:
        known = original(stripped(a_band), lower=lower, select=select, select_range=select_range, **options)
        return from_bands(a_band, lower, known, select, select_range)


def tridiagonal(original: Any) -> None:
    @named(original)
    def call(d: Any, e: Any, select: Any = "a", select_range: Any = None, **options: Any) -> Any:
        known = original(stripped(d), stripped(e), select=select, select_range=select_range, **options)
        bands = np.stack([d, np.concatenate([e, np.zeros_like(stripped(d[..., :1]))], axis=-1)], axis=-2)
        return from_bands(bands, True, known, select, select_range)


banded(plain.eig_banded)
banded(plain.eigvals_banded)
tridiagonal(plain.eigh_tridiagonal)
tridiagonal(plain.eigvalsh_tridiagonal)


# ---- general matrices
def general(a: Any, check_finite: bool) -> Any:
    """Values and vectors, real where all of them are."""
    def found(A: Any) -> Any:
        w, V = plain.eig(A, check_finite=check_finite)
        return Pair(w if np.iscomplexobj(V) else w.real, V)
    return valued(plain.eig, found, eig_differential)(a)


@named(plain.eig)
def eig(a: Any, b: Any = None, left: bool = False, right: bool = True, check_finite: bool = True,
        homogeneous_eigvals: bool = False) -> Any:
    """A v = w B v is the problem of B⁻¹ A. Left vectors are the rows of (B V)⁻¹."""
    if homogeneous_eigvals:
        raise RuleError("scipy.linalg.eig with homogeneous_eigvals=True gives pairs of which the ratio alone is a function of "
                        "the matrices; use homogeneous_eigvals=False")
    if b is None and not left:
        w, V = general(a, check_finite)
        return (w.astype(complex_of(w)), V) if right else w.astype(complex_of(w))
    known = plain.eig(stripped(a), None if b is None else stripped(b), left, True, check_finite=check_finite)
    with regular("eig", "b is singular and an eigenvalue infinite"):
        w, V = general(a if b is None else solve(b, a), check_finite)
    order = matched(np.abs(known[0][..., :, None] - stripped(w)[..., None, :]))
    w, V = np.take_along_axis(w, order, -1), aligned(np.take_along_axis(V, order[..., None, :], -1), known[-1])
    found = [w.astype(complex_of(w))]
    if left:
        U = adjoint(np.linalg.inv(V if b is None else b @ V), V)
        U = U / np.linalg.norm(U, axis=-2, keepdims=True)
        if np.iscomplexobj(U):  # LAPACK's largest component is real
            top = np.take_along_axis(U, np.argmax(np.abs(stripped(U)), axis=-2)[..., None, :], axis=-2)
            U = U * (np.conj(top) / np.abs(top))
        found.append(aligned(U, known[1]))
    found += [V] * right
    return tuple(found) if len(found) > 1 else found[0]


def complex_of(w: Any) -> Any:
    return np.result_type(stripped(w).dtype, np.complex64)


@named(plain.eigvals)
def eigvals(a: Any, b: Any = None, check_finite: bool = True, homogeneous_eigvals: bool = False) -> Any:
    if b is not None or homogeneous_eigvals:
        return eig(a, b, right=False, check_finite=check_finite, homogeneous_eigvals=homogeneous_eigvals)

    def found(A: Any) -> Any:
        w = plain.eigvals(A, check_finite=check_finite)
        return w if np.iscomplexobj(A) or np.any(w.imag) else w.real
    w = valued(plain.eigvals, found, eigvals_differential)(a)
    return w.astype(complex_of(w))

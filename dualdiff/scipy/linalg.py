"""scipy.linalg: factorisations, inverses, norms and special matrices.

SciPy's own functions give the values, LAPACK's signs and phases included, and NumPy's rows (`rules/linalg.py`, `singular.py`)
their differentials. Eigenvalues are in `spectra.py`, systems in `linear_systems.py`, functions of matrices and equations for
them in `matrix_functions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg as plain

from ..errors import RuleError
from ..forms import stripped
from ..rules import row_of
from ..rules.gather import placed
from ..rules.linalg import cholesky_differential, lstsq_for_matrix, lstsq_for_side, pinv_differential, qr_differential
from ..rules.registry import Linear
from ..rules.singular import svd_differential
from ..rules.spectra import adjoint
from ..tangents.differential import Differential
from ..tangents.moves import Map
from . import matrix_functions, spectra  # noqa: F401
from .calling import columnwise, linearly, named, one_by_one, regular, transposed, valued
from .counterparts import counterpart, counterpart_of, without_rule
from .linear_systems import as_read, order_of, solve, solve_triangular, triangle, triangular, trilinear, unit_lower


def divided(d: Any, T: Any, lower: bool, unit: bool = False) -> Any:
    """T⁻¹ d of a differential d, for triangular T."""
    def along(trans: int) -> Callable[..., Any]:
        def solved(c: Any) -> Any:
            with regular("lu", "the matrix is singular"):
                return solve_triangular(T, c, trans, lower, unit, check_finite=False)
        return lambda v, *_: columnwise(solved, v, T.ndim)
    return Differential(d.tangent.linear(Map(Linear(solve_triangular, along(0), along(1)), d.shape, d.shape, (), {})), d.level)


# ---- inverses and determinants
@named(plain.inv)
def inv(a: Any, assume_a: Any = None, lower: bool = False, check_finite: bool = True) -> Any:
    known = {} if assume_a is None else {"assume_a": assume_a, "lower": lower}

    def differential(Y: Any, A: Any, dA: Any) -> Any:
        if assume_a == "diagonal":  # SciPy leaves the rest what it was
            return dA * np.where(np.eye(A.shape[-1], dtype=bool), -Y * Y, 1)
        return -(Y @ as_read(dA, A, assume_a, lower) @ Y)
    return valued(plain.inv, lambda A: plain.inv(A, check_finite=check_finite, **known), differential)(a)


@named(plain.det)
def det(a: Any, check_finite: bool = True) -> Any:
    row: Any = row_of(np.linalg.det)
    return valued(plain.det, lambda A: plain.det(A, check_finite=check_finite), *row.differentials)(a)


def inverse(original: Any, a: Any, return_rank: bool, hermitian: bool, **options: Any) -> Any:
    P = valued(original, lambda A: original(A, **options), partial(pinv_differential, hermitian=hermitian))(a)
    return (P, original(stripped(a), return_rank=True, **options)[1]) if return_rank else P


@named(plain.pinv)
def pinv(a: Any, return_rank: bool = False, **options: Any) -> Any:
    return inverse(plain.pinv, a, return_rank, False, **options)


@named(plain.pinvh)
def pinvh(a: Any, lower: bool = True, return_rank: bool = False, **options: Any) -> Any:
    return inverse(plain.pinvh, a if lower else adjoint(a, a), return_rank, True, **options)


@named(plain.lstsq)
@one_by_one("a", "b")
def lstsq(a: Any, b: Any, cond: Any = None, **options: Any) -> Any:
    """Of SciPy's rank: the differentials take the singular values that it took."""
    def found(A: Any, b: Any) -> tuple[Any, Any, Any, Any]:
        x, residues, rank, s = plain.lstsq(A, b, cond, **options)
        return x, np.atleast_1d(residues), rank, plain.svdvals(A) if s is None else s

    def taken(differential: Callable[..., Any]) -> Callable[..., Any]:
        def by_rank(f: Any, A: Any, b: Any, d: Any) -> Any:
            s, rank = stripped(f[3]), f[2]
            return differential(f, A, b, d, s[rank - 1] / s[0] / 2 if rank else 2.0)
        return by_rank
    x, residues, rank, s = valued(plain.lstsq, found, *map(taken, (lstsq_for_matrix, lstsq_for_side)))(a, b)
    residues = residues[0] if np.ndim(b) == 1 and np.size(residues) else residues
    return x, residues, rank, None if options.get("lapack_driver") == "gelsy" else s


# ---- factorisations
def cholesky_pair(lower: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The differential of a real matrix's factor, L Φ(L⁻¹ dA L⁻ᵀ), and its transpose (Murray, "Differentiation of the Cholesky
    decomposition", 2016): one product and two systems each. Φ is the lower triangle with half the diagonal.
    """
    def low(x: Any) -> Any:
        return x if lower else transposed(x)

    def half(x: Any) -> Any:
        n, kind = x.shape[-1], stripped(x).dtype
        return x * (np.tri(n, dtype=kind) - np.eye(n, dtype=kind) / 2)

    def solved(L: Any, c: Any, trans: int) -> Any:
        return columnwise(lambda c: solve_triangular(L, c, trans, True, check_finite=False), c, L.ndim)

    def product(L: Any, x: Any, part: str) -> Any:
        return trilinear(part, L, x, triangular(True))

    def ahead(f: Any, A: Any, dA: Any) -> Any:
        L, S = low(f), half(low(dA))
        M = solved(L, transposed(solved(L, S + transposed(S), 0)), 0)
        return low(product(L, half(M), "y"))

    def back(f: Any, A: Any, w: Any) -> Any:
        L = low(f)
        S = solved(L, transposed(solved(L, half(product(L, low(triangle(w, lower)), "x")), 1)), 1)
        return low(half(S + transposed(S)))
    return ahead, back


def cholesky_of(compute: Callable[..., Any], a: Any, lower: bool, rest: Any = None) -> Any:
    """The factor; of ``rest`` the entries that the matrix keeps."""
    if np.iscomplexobj(a):
        def differential(f: Any, A: Any, dA: Any) -> Any:
            df = cholesky_differential(triangle(f, lower), A, dA, not lower)
            return df if rest is None else df + dA * rest.astype(stripped(A).real.dtype)
        return valued(plain.cholesky, compute, differential)(a)
    ahead, back = cholesky_pair(lower)
    if rest is None:
        return linearly(compute, (ahead, back))(a)
    return linearly(compute, (lambda f, A, d: ahead(f, A, d) + np.where(rest, d, 0),
                              lambda f, A, w: back(f, A, w) + np.where(rest, w, 0)))(a)


@named(plain.cholesky)
def cholesky(a: Any, lower: bool = False, check_finite: bool = True) -> Any:
    return cholesky_of(lambda A: plain.cholesky(A, lower, check_finite=check_finite), a, lower)


KEPT = plain.cho_factor(np.array([[1.0, 0.0], [0.5, 1.0]]))[0][1, 0] != 0  # the other triangle; zeros since SciPy 1.18


@named(plain.cho_factor)
def cho_factor(a: Any, lower: bool = False, check_finite: bool = True) -> Any:
    n = a.shape[-1]
    rest = ~np.tri(n, n, 0, bool) if lower else np.tri(n, n, -1, bool)
    c = cholesky_of(lambda A: plain.cho_factor(A, lower, check_finite=check_finite)[0], a, lower, rest if KEPT else None)
    return c, lower if KEPT and a.ndim == 2 else np.full(a.shape[:-2], lower)


def lu_differential(f: Any, A: Any, dA: Any) -> Any:
    """Of L and U in one array, A = L U: L⁻¹ dA U⁻¹ = M gives dL = L M below its diagonal, dU = M U above it. What a tall or
    wide matrix has beyond its square follows: L₂ = A₂ U⁻¹, U₂ = L⁻¹ A₂.
    """
    m, n = A.shape[-2:]
    k, kind = min(m, n), stripped(f).real.dtype
    L, U, square = unit_lower(f[..., :k, :k]), triangle(f[..., :k, :k], False), (..., slice(0, k), slice(0, k))
    M = over(divided(dA if m == n else dA[square], L, True, True), U)
    below, above = L @ (M * np.tri(k, k, -1, dtype=kind)), (M * np.tri(k, dtype=kind).T) @ U
    if m == n:
        return below + above
    if m > n:
        rest, place = over(dA[..., k:, :] - f[..., k:, :] @ above, U), (..., slice(k, m), slice(0, n))
    else:
        rest, place = divided(dA[..., :, k:] - below @ f[..., :, k:], L, True, True), (..., slice(0, m), slice(k, n))
    return placed(below + above, A.shape, square) + placed(rest, A.shape, place)


def over(d: Any, U: Any) -> Any:
    """d U⁻¹ of a differential d, for upper triangular U."""
    return transposed(divided(transposed(d), transposed(U), True))


def packed(a: Any, lu: Any, order: Any) -> Any:
    """L and U of a[order] in one array, which SciPy found to be ``lu``."""
    return valued(plain.lu_factor, lambda A: lu, lu_differential)(np.take_along_axis(a, order[..., None], -2))


@named(plain.lu_factor)
def lu_factor(a: Any, check_finite: bool = True) -> Any:
    lu, piv = plain.lu_factor(stripped(a), check_finite=check_finite)
    return packed(a, lu, order_of(piv, a.shape[-2])), piv


@named(plain.lu)
def lu(a: Any, permute_l: bool = False, check_finite: bool = True, p_indices: bool = False) -> Any:
    p, L, U = plain.lu(stripped(a), check_finite=check_finite, p_indices=True)
    m, k = a.shape[-2], L.shape[-1]
    known = np.zeros(a.shape, L.dtype)
    known[..., :, :k] += np.tril(L, -1)
    known[..., :k, :] += U
    f = packed(a, known, np.argsort(p, axis=-1))
    L, U = unit_lower(f[..., :, :k]), triangle(f[..., :k, :], False)
    if permute_l:
        return np.take_along_axis(L, p[..., None], -2), U
    return p if p_indices else np.eye(m, dtype=known.real.dtype)[p], L, U


@named(plain.qr)
def qr(a: Any, mode: str = "full", pivoting: bool = False, **options: Any) -> Any:
    """The columns that mode='full' adds are those of LAPACK's product of reflections, 1 - V T Vᴴ with a unit trapezoidal V.

    V T V₁ᴴ is (1; 0) - Q₁ for the first columns Q₁ = (Q₁₁; Q₂₁), whence V₂ V₁⁻¹ = -Q₂₁ (1 - Q₁₁)⁻¹; Ballard et al. (2014).
    """
    if mode == "raw":
        raise RuleError("scipy.linalg.qr with mode='raw' returns Householder reflectors, which have no rule here; use "
                        "mode='economic' or 'r'")
    if pivoting:
        order = plain.qr(stripped(a), mode="r", pivoting=True, **options)[-1]
        return (*qr(np.take_along_axis(a, order[..., None, :], -1), mode=mode, **options), order)
    Q, R = valued(plain.qr, lambda A: (*plain.qr(A, mode="economic", **options),), qr_differential)(a)
    m, n = a.shape[-2:]
    if m > n and mode != "economic":
        R = np.concatenate([R, np.zeros((*R.shape[:-2], m - n, n), stripped(R).dtype)], axis=-2)
    if m > n and mode == "full":
        start = np.eye(m, dtype=stripped(Q).dtype)
        with regular("qr", "a column is zero below the diagonal, where its reflection turns over"):
            across = solve(adjoint(start[:n, :n] - Q[..., :n, :], Q), adjoint(Q[..., n:, :], Q))
        Q = np.concatenate([Q, start[:, n:] + (start[:, :n] - Q) @ across], axis=-1)
    return (R,) if mode == "r" else (Q, R)


@named(plain.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, **options: Any) -> Any:
    kind: Any = type(np.linalg.svd(np.eye(1))) if compute_uv else None

    def found(A: Any) -> Any:
        f = plain.svd(A, full_matrices, compute_uv, **options)
        return kind(*f) if kind else f
    f = valued(plain.svd, found, partial(svd_differential, full_matrices=full_matrices, compute_uv=compute_uv))(a)
    return tuple(f) if compute_uv else f


@named(plain.svdvals)
def svdvals(a: Any, check_finite: bool = True) -> Any:
    return svd(a, compute_uv=False, check_finite=check_finite)


# ---- norms, and what tells the form of a matrix
@named(plain.norm)
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    return np.linalg.norm(a, ord, axis, keepdims)


def of_values(original: Any) -> None:
    named(original)(lambda **given: original(**{name: stripped(x) for name, x in given.items()}))


for _name in ("bandwidth", "ishermitian", "issymmetric"):
    of_values(getattr(plain, _name))


# ---- matrices whose entries are those of vectors
def composed(original: Any) -> None:
    """SciPy places the numbers 1, 2, … of the entries; 0 is a zero."""
    def call(**given: Any) -> Any:
        if original is plain.toeplitz and given.get("r") is None:
            given["r"] = np.conj(given["c"])
        vectors = {name: np.atleast_1d(x) for name, x in given.items() if name in "acfrs"}
        starts = np.cumsum([1, *(np.size(x) for x in vectors.values())])
        numbers = {name: np.arange(start, start + np.size(x)).reshape(x.shape)
                   for start, (name, x) in zip(starts, vectors.items(), strict=False)}
        parts = [np.ravel(x) for x in vectors.values()]
        zero = np.zeros(1, np.result_type(*map(stripped, parts)))
        return np.concatenate([zero, *parts])[original(**{**given, **numbers}).astype(int)]
    named(original)(call)


for _name in ("circulant", "convolution_matrix", "hankel", "leslie", "toeplitz"):
    composed(getattr(plain, _name))


# ---- BLAS and LAPACK
def chosen(original: Any) -> None:
    @counterpart(original, always=True)
    def call(names: Any, arrays: Any = (), *args: Any, **options: Any) -> Any:
        found = original(names, stripped(arrays), *args, **options)
        return [*map(counterpart_of, found)] if isinstance(found, list) else counterpart_of(found)


for _getter in (plain.get_blas_funcs, plain.get_lapack_funcs):
    chosen(_getter)


# ---- refused
REFUSED = {
    "its factors are not a function of the matrix alone; say the result by eig, svd, qr, lu or cholesky":
        "cossin hessenberg ldl ordqz qz rsf2csf cdf2rdf schur rq",
    "take the qr of the new matrix": "qr_delete qr_insert qr_update",
    "take qr and a product": "qr_multiply",
    "cholesky of the full matrix has one": "cholesky_banded",
    "wrap the matrix in dualdiff.stop_gradient() if the scaling is meant as a constant": "matrix_balance",
    "it is an estimate of how derivatives amplify errors; wrap the matrix in dualdiff.stop_gradient()": "expm_cond",
}


for _why, _names in REFUSED.items():
    for _name in _names.split():
        without_rule(getattr(plain, _name), _why)

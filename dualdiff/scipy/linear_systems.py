"""Systems of linear equations of scipy.linalg.

The result of each solves M x = b, so its differential is M⁻¹ (db - dM x). SciPy's own solver gives the value, and the
differential too, with all directions as columns of one call; the transposed system, for reverse mode, has a structure that it
solves as well. M x is written as a program in which M may be perturbed: `implicit.theorem` does the rest, to any order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg as plain

from ..forms import stripped
from ..implicit.theorem import differentiated
from ..rules.spectra import adjoint, from_triangle
from ..tangents.differential import Differential
from .calling import array, columnwise, linearly, named, transposed
from .counterparts import with_tangent


# ---- an equation and its transpose
class System:
    """r ↦ M⁻¹ r by ``ahead``, and its transpose by ``back``: functions of arrays of plain numbers with axes in front."""

    __slots__ = ("ahead", "back")

    def __init__(self, ahead: Callable[[Any], Any], back: Callable[[Any], Any]) -> None:
        self.ahead, self.back = ahead, back

    def solve(self, r: Any) -> Any:
        other = System(self.back, self.ahead)
        return linearly(lambda r: self.ahead(r) if r.any() else np.zeros_like(r),
                        (lambda f, r, dr: self.solve(dr), lambda f, r, u: other.solve(u)))(r)


def solution(x: Any, b: Any, product: Callable[[Any], Any], ahead: Callable[[Any], Any], back: Callable[[Any], Any]) -> Any:
    """x, which SciPy found to solve M x = b, with its derivatives. ``product`` is x ↦ M x, ``ahead`` r ↦ M⁻¹ r and ``back``
    r ↦ M⁻ᵀ r, all for columns (…, n, m); b of one axis is one column.
    """
    one = np.ndim(b) == 1

    def residual(x: Any) -> Any:
        return product(x[..., None])[..., 0] - b if one else product(x) - b

    def widely(solve: Callable[[Any], Any]) -> Callable[[Any], Any]:
        if one:
            return lambda r: columnwise(solve, r[..., None], x.ndim + 1)[..., 0]
        return lambda r: columnwise(solve, r, x.ndim)
    return differentiated(residual, x, lambda: System(widely(ahead), widely(back)))


def either_way(solve: Callable[[Any, Any], Any], trans: Any) -> tuple[int, Any, Any]:
    """``solve(r, trans)`` of A x = r, Aᵀ x = r or Aᴴ x = r: which of them, ahead and transposed."""
    way = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    back = (lambda r: solve(r, 1 - way)) if way < 2 else lambda r: np.conj(solve(np.conj(r), 0))
    return way, lambda r: solve(r, way), back


def turned(M: Any, way: int) -> Any:
    return M if way == 0 else transposed(M) if way == 1 else adjoint(M, M)


def hermitian(solve: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Ahead and transposed for M = Mᴴ, whose transpose is its conjugate."""
    return solve, lambda r: np.conj(solve(np.conj(r)))


# ---- products with a part of a matrix
def trilinear(missing: str, first: Any, second: Any, form: dict[str, Callable[[Any, Any], Any]]) -> Any:
    """Of a sum of terms M[i, j] x[j, m] y[i, m] the derivative in one of the three: in y it is M x, in x Mᵀ y. ``form`` has
    them for arrays of plain numbers; their own derivatives are of the same form.
    """
    names = [name for name in ("M", "x", "y") if name != missing]
    batch = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    first, second = (x if x.shape[:-2] == batch else np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (first, second))

    def back(place: int) -> Callable[..., Any]:
        def rule(f: Any, a: Any, b: Any, w: Any) -> Any:
            parts = {missing: w, names[1 - place]: (b, a)[place]}
            one, other = (parts[name] for name in ("M", "x", "y") if name in parts)
            return trilinear(names[place], one, other, form)
        return rule
    return linearly(form[missing], (lambda f, a, b, d: trilinear(missing, d, b, form), back(0)),
                    (lambda f, a, b, d: trilinear(missing, a, d, form), back(1)))(first, second)


def triangular(lower: bool, strict: bool = False) -> dict[str, Callable[[Any, Any], Any]]:
    """The form of a matrix of which one triangle counts: by BLAS, which does not read the other."""
    def outer(x: Any, y: Any) -> Any:
        f = y * transposed(x) if x.shape[-1] == 1 else y @ transposed(x)
        n = f.shape[-1]
        np.copyto(f, 0, where=~np.tri(n, n, -strict, bool) if lower else np.tri(n, n, strict - 1, bool))
        return f

    def times(M: Any, x: Any, trans: bool = False) -> Any:
        if M.ndim == x.ndim == 3 and len(M) == 1 and len(x) == 1:
            return times(M[0], x[0], trans)[None]
        if M.ndim > 2 or x.ndim > 2 or M.dtype != x.dtype or not x.size:
            return turned(triangle(M, lower, strict), int(trans)) @ x
        turn = not M.flags.f_contiguous
        trmm, = plain.get_blas_funcs(("trmm",), (M, x))
        f = trmm(1, M.T if turn else M, x, lower=lower ^ turn, trans_a=trans ^ turn, diag=strict)
        return f - x if strict else f
    return {"M": outer, "x": lambda M, y: times(M, y, True), "y": times}


def conjugate(x: Any) -> Any:
    return np.conj(x) if np.iscomplexobj(x) else x


# ---- dense matrices
def between(A: Any, low: int, high: int, like: Any = None) -> Any:
    """The entries of A, or of its differential, from one diagonal to another; zeros elsewhere, whatever is there."""
    m, n = A.shape[-2:]
    keep = np.tri(m, n, high, bool) & ~np.tri(m, n, low - 1, bool)
    return A * keep.astype(stripped(like).real.dtype) if isinstance(A, Differential) else np.where(keep, A, 0)


def triangle(A: Any, lower: bool, strict: bool = False, like: Any = None) -> Any:
    size = max(A.shape[-2:])
    return between(A, -size, -strict, like) if lower else between(A, int(strict), size, like)


def as_read(A: Any, like: Any, assume_a: Any, lower: bool) -> Any:
    """The matrix, or its differential, of which SciPy reads one part only."""
    if assume_a in (None, "gen", "general", "banded"):
        return A
    if assume_a in ("upper triangular", "lower triangular"):
        return triangle(A, assume_a[0] == "l", like=like)
    if assume_a in ("diagonal", "tridiagonal"):
        width = len(assume_a) // 11
        return between(A, -width, width, like)
    if assume_a in ("sym", "symmetric"):
        return triangle(A, lower, like=like) + transposed(triangle(A, lower, True, like))
    return from_triangle(A, like, lower)


OTHER = {"upper triangular": "lower triangular", "lower triangular": "upper triangular"}


@named(plain.solve)
def solve(a: Any, b: Any, lower: bool = False, assume_a: Any = None, transposed: bool = False,
          check_finite: bool = True) -> Any:
    known = {} if assume_a is None else {"assume_a": assume_a}
    A = stripped(a)
    x = plain.solve(A, stripped(b), lower=lower, transposed=transposed, check_finite=check_finite, **known)
    if np.size(a) == 1:
        return with_tangent(x, b / np.reshape(a, ()))
    M = as_read(a, a, assume_a, lower)
    M = turned(M, int(transposed))
    back = {"assume_a": OTHER.get(assume_a, assume_a)} if known else {}
    return solution(x, b, lambda x: M @ x,
                    lambda r: plain.solve(A, r, lower=lower, transposed=transposed, check_finite=False, **known),
                    lambda r: plain.solve(turned(A, 1), r, lower=not lower, transposed=transposed, check_finite=False, **back))


@named(plain.solve_triangular)
def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
                     check_finite: bool = True) -> Any:
    A = stripped(a)

    def solve(r: Any, trans: Any, check_finite: bool = False) -> Any:
        return plain.solve_triangular(A, r, trans, lower, unit_diagonal, check_finite=check_finite)
    x = solve(stripped(b), trans, check_finite)
    way, ahead, back = either_way(solve, trans)
    form, M = triangular(bool(lower), bool(unit_diagonal)), conjugate(a) if way == 2 else a

    def product(x: Any) -> Any:
        f = trilinear("x" if way else "y", M, x, form)
        return f + x if unit_diagonal else f
    return solution(x, b, product, ahead, back)


@named(plain.lu_solve)
def lu_solve(lu_and_piv: Any, b: Any, trans: Any = 0, check_finite: bool = True) -> Any:
    """A[order] = L U."""
    lu, piv = map(array, lu_and_piv)
    LU = stripped(lu)

    def solve(r: Any, trans: int, check_finite: bool = False) -> Any:
        return plain.lu_solve((LU, piv), r, trans, check_finite=check_finite)
    x = solve(stripped(b), trans, check_finite)
    way, ahead, back = either_way(solve, trans)
    order, across, M = order_of(piv, lu.shape[-2])[..., None], "x" if way else "y", conjugate(lu) if way == 2 else lu

    def by_lower(x: Any) -> Any:
        return x + trilinear(across, M, x, triangular(True, True))

    def by_upper(x: Any) -> Any:
        return trilinear(across, M, x, triangular(False))

    def product(x: Any) -> Any:
        return by_upper(by_lower(np.take_along_axis(x, order, -2))) if way else \
            np.take_along_axis(by_lower(by_upper(x)), np.argsort(order, -2), -2)
    return solution(x, b, product, ahead, back)


def unit_lower(lu: Any) -> Any:
    return triangle(lu, True, True) + np.eye(*lu.shape[-2:], dtype=stripped(lu).dtype)


def order_of(piv: Any, m: int) -> Any:
    """The rows in the order that LAPACK's interchanges bring them to."""
    order = np.broadcast_to(np.arange(m), (*piv.shape[:-1], m)).copy()
    for place in np.ndindex(piv.shape[:-1]):
        rows = order[place].tolist()
        for i, j in enumerate(piv[place].tolist()):
            rows[i], rows[j] = rows[j], rows[i]
        order[place] = rows
    return order


@named(plain.cho_solve)
def cho_solve(c_and_lower: Any, b: Any, check_finite: bool = True) -> Any:
    c, lower = array(c_and_lower[0]), bool(np.ravel(c_and_lower[1])[0])  # one for each matrix of a batch
    C = stripped(c)
    x = plain.cho_solve((C, lower), stripped(b), check_finite=check_finite)
    form, first, second = triangular(lower), *((("x", conjugate(c)), ("y", c)) if lower else (("y", c), ("x", conjugate(c))))
    return solution(x, b, lambda x: trilinear(*second, trilinear(*first, x, form), form),
                    *hermitian(lambda r: plain.cho_solve((C, lower), r, check_finite=False)))


# ---- matrices of a few diagonals: a[i, j] is ab[u + i - j, j]
def banded(u: int, rows: int) -> dict[str, Callable[[Any, Any], Any]]:
    """The form of a matrix of diagonals ab, for ``trilinear``."""
    def places(n: int) -> Any:
        for r in range(rows):
            start, stop = max(0, u - r), min(n, n + u - r)
            yield r, slice(start, stop), slice(start + r - u, stop + r - u)

    def outer(x: Any, y: Any) -> Any:
        f = np.zeros((*x.shape[:-2], rows, x.shape[-2]), np.result_type(x, y))
        for r, j, i in places(x.shape[-2]):
            f[..., r, j] = np.sum(x[..., j, :] * y[..., i, :], axis=-1)
        return f

    def times(ab: Any, x: Any, back: bool = False) -> Any:
        f = np.zeros((*np.broadcast_shapes(ab.shape[:-2], x.shape[:-2]), *x.shape[-2:]), np.result_type(ab, x))
        for r, j, i in places(x.shape[-2]):
            j, i = (i, j) if back else (j, i)
            f[..., i, :] += ab[..., r, i if back else j, None] * x[..., j, :]
        return f
    return {"M": outer, "x": lambda ab, y: times(ab, y, True), "y": times}


def band_product(ab: Any, u: int, x: Any, across: str = "y") -> Any:
    """M x for columns x, or with across="x" Mᵀ x."""
    return trilinear(across, ab, x, banded(u, ab.shape[-2]))


def band_transposed(ab: Any, u: int) -> Any:
    """The diagonals of Mᵀ, of which the last ones of M are the first."""
    rows, n = ab.shape[-2:]
    row = np.arange(rows)[::-1, None]
    column = np.arange(n) + u - row
    return np.where((column >= 0) & (column < n), ab[..., row, np.clip(column, 0, n - 1)], 0)


@named(plain.solve_banded)
def solve_banded(l_and_u: Any, ab: Any, b: Any, check_finite: bool = True) -> Any:
    (below, u), plainly = l_and_u, stripped(ab)
    x = plain.solve_banded((below, u), plainly, stripped(b), check_finite=check_finite)
    return solution(x, b, lambda x: band_product(ab, u, x),
                    lambda r: plain.solve_banded((below, u), plainly, r, check_finite=False),
                    lambda r: plain.solve_banded((u, below), band_transposed(plainly, u), r, check_finite=False))


@named(plain.solveh_banded)
def solveh_banded(ab: Any, b: Any, lower: bool = False, check_finite: bool = True) -> Any:
    A, u = stripped(ab), -1 if lower else ab.shape[-2] - 1
    x = plain.solveh_banded(A, stripped(b), lower=lower, check_finite=check_finite)
    middle, rest = (ab[..., 0, :], ab[..., 1:, :]) if lower else (ab[..., -1, :], ab[..., :-1, :])
    middle, other = np.real(middle) if np.iscomplexobj(ab) else middle, conjugate(rest)
    return solution(x, b, lambda x: band_product(rest, u, x) + band_product(other, u, x, "x") + middle[..., None] * x,
                    *hermitian(lambda r: plain.solveh_banded(A, r, lower=lower, check_finite=False)))


@named(plain.cho_solve_banded)
def cho_solve_banded(cb_and_lower: Any, b: Any, check_finite: bool = True) -> Any:
    cb, lower = array(cb_and_lower[0]), cb_and_lower[1]
    C, u = stripped(cb), 0 if lower else cb.shape[-2] - 1
    first, second = ((conjugate(cb), "x"), (cb, "y")) if lower else ((cb, "y"), (conjugate(cb), "x"))
    return solution(plain.cho_solve_banded((C, lower), stripped(b), check_finite=check_finite), b,
                    lambda x: band_product(second[0], u, band_product(first[0], u, x, first[1]), second[1]),
                    *hermitian(lambda r: plain.cho_solve_banded((C, lower), r, check_finite=False)))


# ---- matrices of equal diagonals
def toeplitz_product(c: Any, r: Any, x: Any) -> Any:
    """T x for columns x, as a product of polynomials: in O(n log n)."""
    size, rows = c.shape[-1] + max(1, r.shape[-1]), c.shape[-1]
    around = np.concatenate([c, np.zeros((*c.shape[:-1], 1), stripped(c).dtype), np.flip(r[..., 1:], -1)], axis=-1)[..., None]
    if np.iscomplexobj(around) or np.iscomplexobj(x):
        return np.fft.ifft(np.fft.fft(around, axis=-2) * np.fft.fft(x, size, axis=-2), axis=-2)[..., :rows, :]
    return np.fft.irfft(np.fft.rfft(around, axis=-2) * np.fft.rfft(x, size, axis=-2), size, axis=-2)[..., :rows, :]


def column_and_row(c_or_cr: Any) -> tuple[Any, Any]:
    c, r = map(array, c_or_cr) if isinstance(c_or_cr, tuple) else (array(c_or_cr), None)
    r = np.conj(c) if r is None else r
    if c.ndim == r.ndim == 1:
        return c, r
    batch = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    return np.broadcast_to(c, (*batch, c.shape[-1])), np.broadcast_to(r, (*batch, r.shape[-1]))


@named(plain.solve_toeplitz)
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    c, r = column_and_row(c_or_cr)
    C, R = stripped(c), stripped(r)
    return solution(plain.solve_toeplitz((C, R), stripped(b), check_finite=check_finite), b,
                    lambda x: toeplitz_product(c, r, x), lambda r: plain.solve_toeplitz((C, R), r, check_finite=False),
                    lambda r: plain.solve_toeplitz((np.concatenate([C[..., :1], R[..., 1:]], -1), C), r, check_finite=False))


@named(plain.matmul_toeplitz)
def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    c, r = column_and_row(c_or_cr)
    y = toeplitz_product(c, r, x[..., None] if np.ndim(x) == 1 else x)
    y = y[..., 0] if np.ndim(x) == 1 else y
    return with_tangent(plain.matmul_toeplitz((stripped(c), stripped(r)), stripped(x), check_finite, workers), y)

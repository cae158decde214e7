"""Functions of matrices, and equations for them: exponential, logarithm, roots, Sylvester's and Riccati's.

The exponential has its Fréchet derivative, whose transpose is that of the transposed matrix. The others solve an equation, of
which the linearised one is Sylvester's. The trigonometric and hyperbolic ones SciPy writes in terms of these.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, factorial, log2
from typing import Any

import numpy as np
import scipy.linalg as plain

from ..errors import DegenerateError
from ..forms import holds_dual, stripped
from ..implicit.theorem import differentiated, in_type
from ..rules.spectra import adjoint, near_zero
from .calling import columnwise, linearly, named, one_by_one, transposed
from .counterparts import with_tangent
from .linear_systems import System


def like(value: Any, w: Any, A: Any) -> Any:
    """SciPy's value with the derivative of w, real where that and the matrix are."""
    return with_tangent(value, np.real(w) if np.isrealobj(value) and np.isrealobj(A) and np.iscomplexobj(w) else w)


def of_first(value: Any, made: Callable[[Any], Any]) -> Any:
    """What is made of SciPy's value, which with disp=False has an estimate of its error beside it."""
    return (made(value[0]), *value[1:]) if isinstance(value, tuple) else made(value)


# ---- the exponential
ORDERS = ((3, 1.08e-2), (5, 0.2), (7, 0.783), (9, 1.78), (13, 4.74))  # A. H. Al-Mohy, N. J. Higham (2009), table 6.1


def frechet(A: Any, E: Any) -> Any:
    """The derivative of exp at A along E, or several of them: of the Padé approximant r(A/2ˢ), squared s times."""
    n = A.shape[-1]
    size = float(np.max(np.sum(np.abs(stripped(A)), axis=-2), initial=0))
    m = next((order for order, bound in ORDERS if size <= bound), 13)
    s = max(0, ceil(log2(size / ORDERS[-1][1]))) if 0 < size < np.inf else 0
    A, E, unit = A * 2.0**-s, E * 2.0**-s, np.eye(n, dtype=stripped(A).dtype)
    c = [factorial(2 * m - j) * factorial(m) / (factorial(2 * m) * factorial(m - j) * factorial(j)) for j in range(m + 1)]
    square, along = A @ A, A @ E + E @ A
    P, M = square, along  # a power of A², and its derivative
    even, odd, d_even, d_odd = c[0] * unit + c[2] * P, c[1] * unit + c[3] * P, c[2] * M, c[3] * M
    for j in range(4, m, 2):
        P, M = P @ square, P @ along + M @ square
        even, odd, d_even, d_odd = even + c[j] * P, odd + c[j + 1] * P, d_even + c[j] * M, d_odd + c[j + 1] * M
    odd, d_odd = A @ odd, A @ d_odd + E @ odd
    below = even - odd
    R = np.linalg.solve(below, even + odd)
    L = columnwise(lambda x: np.linalg.solve(below, x), d_odd + d_even + (d_odd - d_even) @ R, below.ndim)
    for _ in range(s):
        R, L = R @ R, R @ L + L @ R
    return L


@named(plain.expm)
def expm(A: Any) -> Any:
    A = np.reshape(A, (1, 1)) if np.ndim(A) < 2 and np.size(A) == 1 else A
    return linearly(plain.expm, (lambda f, A, dA: frechet(A, dA), lambda f, A, u: frechet(transposed(A), u)))(A)


@named(plain.expm_frechet)
def expm_frechet(A: Any, E: Any, compute_expm: bool = True, **options: Any) -> Any:
    found = plain.expm_frechet(stripped(A), stripped(E), compute_expm=compute_expm, **options)
    if not compute_expm:
        return with_tangent(found, frechet(A, E))
    return with_tangent(found[0], expm(A)), with_tangent(found[1], frechet(A, E))


# ---- Sylvester's equation
class Schur:
    """A matrix as U T Uᴴ; T itself where it is triangular."""

    def __init__(self, A: Any, triangular: bool = False) -> None:
        self.T: Any = A
        self.U: Any = None
        if not triangular:
            self.T, self.U = plain.schur(A)


def sylvester(A: Schur, B: Schur, what: str, across: str = "N", back: str = "N") -> System:
    """R ↦ X with A X + X B = R, A and B as they are or ("C") adjoint, for R with axes in front."""
    trsyl, = plain.get_lapack_funcs(("trsyl",), (A.T, B.T))
    other = {"N": "C", "C": "N"}

    def solved(R: Any, first: str, second: str) -> Any:
        R = R if A.U is None else adjoint(A.U, A.U) @ R
        R = R if B.U is None else R @ B.U
        X = np.empty(R.shape, R.dtype)
        for i in np.ndindex(R.shape[:-2]):
            X[i], scale, info = trsyl(A.T, B.T, R[i], first, second)
            X[i] /= scale
            if info:
                raise DegenerateError(f"scipy.linalg.{what}: the equation for the derivative is singular to rounding, so there "
                                      "is none")
        X = X if A.U is None else A.U @ X
        return X if B.U is None else X @ adjoint(B.U, B.U)
    return System(in_type(A.T, lambda R: solved(R, across, back)),
                  in_type(A.T, lambda R: np.conj(solved(np.conj(R), other[across], other[back]))))


def moved(system: System, P: Any, scale: float = 1.0) -> System:
    """R ↦ the system's solution for scale Pᴴ R P."""
    Ph = adjoint(P, P)
    return System(lambda R: system.ahead(scale * (Ph @ R @ P)),
                  lambda R: scale * (transposed(Ph) @ system.back(R) @ transposed(P)))


def by_equation(residual: Callable[[Any], Any], X: Any, system: Callable[[], System], what: str, q: Any) -> Any:
    """X, which SciPy found, with the derivatives that the equation gives. Sometimes SciPy is wrong: for complex q with real
    a and b, in Riccati's equations with e.
    """
    def checked(X: Any) -> Any:
        r = residual(X)
        size, off = (np.max(np.abs(stripped(x)), initial=0) for x in (X, r))
        if not off <= 100 * np.sqrt(np.finfo(X.dtype).eps) * (size + np.max(np.abs(stripped(q)), initial=0)):
            raise DegenerateError(f"scipy.linalg.{what}: SciPy's result does not satisfy the equation (which is off by "
                                  f"{off:.3g}), so it has no derivative by it. Give all matrices one type, or see whether "
                                  "balanced=False helps")
        return r
    return differentiated(checked, X, system)


def common(*arrays: Any) -> list[Any]:
    kind = np.result_type(*map(stripped, arrays), np.float32)
    return [stripped(x).astype(kind, copy=False) for x in arrays]


@named(plain.solve_sylvester)
@one_by_one("a", "b", "q")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    def system() -> System:
        A, B = common(a, b)
        return sylvester(Schur(A), Schur(B), "solve_sylvester")
    X = plain.solve_sylvester(stripped(a), stripped(b), stripped(q))
    return by_equation(lambda X: a @ X + X @ b - q, X, system, "solve_sylvester", q)


@named(plain.solve_continuous_lyapunov)
@one_by_one("a", "q")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    def system() -> System:
        A = Schur(*common(a))
        return sylvester(A, A, "solve_continuous_lyapunov", back="C")
    X = plain.solve_continuous_lyapunov(stripped(a), stripped(q))
    return by_equation(lambda X: a @ X + X @ adjoint(a, a) - q, X, system, "solve_continuous_lyapunov", q)


# ---- Riccati's
def riccati(original: Any, discrete: bool) -> None:
    """The linearised equation has the matrix of the closed loop, F = (a - b K) e⁻¹: Fᴴ Y + Y F with Y = eᴴ dX e, or
    Fᴴ Y F - Y, which G = (F - 1)(F + 1)⁻¹ makes Gᴴ Y + Y G: its right-hand side is 2 (F + 1)⁻ᴴ R (F + 1)⁻¹ then.
    """
    @named(original)
    @one_by_one("a", "b", "q", "r", "e", "s")
    def call(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
        a, b, q, r, e, s = given = [x if x is None else np.atleast_2d(x) for x in (a, b, q, r, e, s)]
        X = original(*(None if x is None else stripped(x) for x in given), balanced)
        e = np.eye(a.shape[-1], dtype=stripped(a).dtype) if e is None else e
        s = 0 if s is None else s
        q, r = (q + adjoint(q, q)) / 2, (r + adjoint(r, r)) / 2  # SciPy takes no others

        def gain(X: Any) -> tuple[Any, Any]:
            before = a if discrete else e
            mixed = adjoint(before, before) @ (X @ b) + s
            weight = r + adjoint(b, b) @ X @ b if discrete else r
            return mixed, np.linalg.solve(weight, adjoint(mixed, mixed))

        def residual(X: Any) -> Any:
            mixed, K = gain(X)
            start = adjoint(a, a) @ X @ a - adjoint(e, e) @ X @ e if discrete else adjoint(a, a) @ X @ e + adjoint(e, e) @ X @ a
            return start - mixed @ K + q

        def system() -> System:
            E = stripped(e)
            F = np.linalg.solve(E.T, (stripped(a) - stripped(b) @ stripped(gain(X)[1])).T).T
            P, one = np.linalg.inv(E), np.eye(len(F), dtype=F.dtype)
            G = np.linalg.solve((F + one).T, (F - one).T).T if discrete else F
            schur = Schur(G)
            found = sylvester(schur, schur, original.__name__, across="C")
            return moved(found, P @ np.linalg.inv(F + one), 2.0) if discrete else moved(found, P)
        return by_equation(residual, X, system, original.__name__, q)


riccati(plain.solve_continuous_are, False)
riccati(plain.solve_discrete_are, True)


# ---- roots, logarithms and powers
def root(A: Any, R: Any, schur: Schur, what: str) -> Any:
    """R, a root of A, with the differential that R dR + dR R = dA gives."""
    return differentiated(lambda R: R @ R - A, R, lambda: sylvester(schur, schur, what))


@named(plain.sqrtm)
@one_by_one("A")
def sqrtm(A: Any, **options: Any) -> Any:
    def found(R: Any) -> Any:
        if np.any(near_zero(np.linalg.eigvals(R) ** 2, len(R))):
            raise DegenerateError("scipy.linalg.sqrtm: the matrix is singular to rounding, where the derivative of its root is "
                                  "infinite; add a multiple of the identity to it")
        return root(A, R, Schur(R), "sqrtm")
    return of_first(plain.sqrtm(stripped(A), **options), found)


NODES, WEIGHTS = np.polynomial.legendre.leggauss(7)
NEAR = 0.26  # where the quadrature is exact to rounding: A. H. Al-Mohy, N. J. Higham (2012), table 2.1


@named(plain.logm)
@one_by_one("A")
def logm(A: Any, **options: Any) -> Any:
    """log A = 2ˢ log(1 + Y), 1 + Y the 2ˢ-th root of A, log(1 + Y) = ∫₀¹ Y (1 + t Y)⁻¹ dt; in the basis of A's Schur form."""
    value = plain.logm(stripped(A), **options)
    T, U = plain.schur(stripped(A), output="complex")
    if not np.all(np.diagonal(T)):
        raise DegenerateError("scipy.linalg.logm: the matrix is singular, so its logarithm is infinite")
    one, X, s = np.eye(len(T), dtype=T.dtype), adjoint(U, U) @ A @ U, 0
    while np.max(np.sum(np.abs(T - one), axis=0)) > NEAR and s < 100:
        T, s = np.triu(plain.sqrtm(T)).astype(T.dtype), s + 1
        X = root(X, T, Schur(T, True), "logm")
    t, Y = ((NODES + 1) / 2).astype(T.real.dtype)[:, None, None], X - one
    parts = np.linalg.solve(one + t * Y, np.broadcast_to(Y, (len(NODES), *Y.shape)))
    total = np.sum(parts * (WEIGHTS / 2).astype(T.real.dtype)[:, None, None], axis=0)
    total = U @ total @ adjoint(U, U) * 2.0**s
    return of_first(value, lambda value: like(value, total, A))


@named(plain.fractional_matrix_power)
@one_by_one("A")
def fractional_matrix_power(A: Any, t: Any) -> Any:
    value = plain.fractional_matrix_power(stripped(A), stripped(t))
    w = np.linalg.matrix_power(A, int(t)) if not holds_dual(t) and int(t) == t else expm(t * logm(A))
    return like(value, w, A)


@named(plain.funm)
@one_by_one("A")
def funm(A: Any, func: Callable[..., Any], **options: Any) -> Any:
    """V f(w) V⁻¹; eigenvalues that are equal have no derivative here."""
    value = plain.funm(stripped(A), lambda w: stripped(func(w)), **options)
    w, V = np.linalg.eig(A)
    found = (V * func(w)) @ np.linalg.inv(V)
    return of_first(value, lambda value: like(value, found, A))

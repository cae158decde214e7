"""scipy.sparse and scipy.sparse.linalg: what makes matrices, puts them together and solves with them."""

from __future__ import annotations

from functools import cache
from types import FunctionType
from typing import Any, cast

import numpy as np
import scipy.sparse as plain
import scipy.sparse.linalg as solvers
from scipy.sparse.linalg import _interface

from ..custom import custom_rule
from ..dual_array import wrapped
from ..errors import ConvergenceError, RuleError
from ..forms import holds_dual, stripped
from ..implicit.sparse_systems import solution
from ..implicit.theorem import Factored, differentiated, factored, in_type, singular
from ..reading import dtype_of
from ..rules.linear import PRODUCTS, overridden
from ..standins import Shown
from ..tangents.undefined import Undefined
from . import items as _items  # noqa: F401 - how they are written to
from .counterparts import CLASSES, FUNCTIONS, KINDS, Counterpart, counterpart, plain_if_constant, with_tangent, without_rule
from .entries import beside, dual_or_array, entries, holding, kind_of, numbered, own, plainly, renumbered, seen, unique
from .matrices import FORMATS, Matrix
from .python_functions import SCIPY


# ---- what makes matrices
def made(kind: Any) -> Counterpart:
    return Counterpart(kind, beside(kind), True)


KINDS.update({plain.sparray: seen, plain.spmatrix: seen})
CLASSES.update({plain.sparray: made, plain.spmatrix: made})
for _kind in (getattr(plain, f"{format}_{of}") for format in FORMATS for of in ("array", "matrix")):
    FUNCTIONS[id(_kind)] = made(_kind)


def assembled(function: Any, depth: int) -> Any:
    """A function that puts matrices together, or leaves entries out: it does so with the numbers of the entries."""
    def call(first: Any, *args: Any, dtype: Any = None, **options: Any) -> Any:
        if depth and len(args) > 1:
            args, dtype = args[:1], args[1]
        parts: list[Any] = []

        def number(x: Any, below: int) -> Any:
            if below or x is None:
                return x if x is None else [number(part, below - 1) for part in x]
            start = 1 + sum(map(np.size, parts))
            if plain.issparse(x):
                A = unique(seen(x))
                parts.append(np.ravel(A.data))
                return numbered(A, start)
            parts.append(np.ravel(dual_or_array(x)))
            return np.arange(start, start + np.size(parts[-1])).reshape(np.shape(x))

        return renumbered(function(number(first, depth), *args, **options), np.concatenate(parts, dtype=dtype))
    return call


PARTS = {name: counterpart(getattr(plain, name))(assembled(getattr(plain, name), depth)) for name, depth in
         (("hstack", 1), ("vstack", 1), ("block_diag", 1), ("bmat", 2), ("block_array", 2), ("tril", 0), ("triu", 0))}


# ---- linear systems
class Factors(Shown):
    """What splu gives: the factors of a matrix, and solutions that depend on its entries."""

    def __init__(self, lu: Any, A: Any = None) -> None:
        self.original, self.entries = lu, None if A is None or not hasattr(A, "level") else entries(A)
        typed = lu.U if A is None else A
        self.system = Factored(lu.shape[0], *(in_type(typed, lambda b, t=t: lu.solve(b, trans=t)) for t in "NT"))

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        if self.entries is None and not holds_dual(rhs):
            return self.original.solve(rhs, trans)
        b, known, system = dual_or_array(rhs), self.entries, self.system
        if trans == "H":
            return np.conj(self.solve(np.conj(b), "T"))
        if trans == "T":
            known = known and (known[1], known[0], known[2])
            system = Factored(system.n, system.transposed, system.plain)
        return solution(system, known, b)

    def __getattr__(self, name: str) -> Any:
        if self.entries is not None and name not in ("shape", "nnz", "perm_c", "perm_r"):
            raise RuleError(f"scipy.sparse.linalg.splu: {name} of a matrix with dual entries has no derivative rule; "
                            "scipy.linalg.lu of A.toarray() has one")
        return getattr(self.original, name)


KINDS[solvers.SuperLU] = Factors


@counterpart(solvers.splu, always=True)
def splu(A: Any, *args: Any, **options: Any) -> Any:
    A = unique(seen(A)) if plain.issparse(A) else beside(plain.csc_array)(A)
    return Factors(solvers.splu(plainly(A).tocsc(), *args, **options), A)


class Approximate:
    """What spilu gives, a preconditioner: its solutions are values alone, and may be used by solvers alone."""

    def __init__(self, lu: Any, like: Any) -> None:
        self.lu, self.shape, self.like = lu, lu.shape, like

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        reason = "scipy.sparse.linalg.spilu: what it solves approximately has no derivative; splu(A).solve has one"
        return undefined(self.lu.solve(stripped(rhs), trans), reason, self.like)


@counterpart(solvers.spilu)
def spilu(A: Any, *args: Any, **options: Any) -> Any:
    return Approximate(solvers.spilu(plainly(unique(seen(A))).tocsc(), *args, **options), A.data[0])


def undefined(x: Any, reason: str, like: Any) -> Any:
    """A value without a derivative, which raises where one is asked for."""
    return wrapped(x, cast(Any, Undefined(reason, np.shape(x))), like.level)


@counterpart(solvers.factorized, always=True)
def factorized(A: Any) -> Any:
    return splu(A).solve


@counterpart(solvers.spsolve)
def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    if plain.issparse(b) and b.shape[-1] != 1:
        columns = spsolve.function(A, b.toarray(), permc_spec)
        return beside(plain.csc_matrix if isinstance(b, plain.spmatrix) else plain.csc_array)(columns)
    b = dual_or_array(b.toarray() if plain.issparse(b) else b)
    x = splu(A, permc_spec=permc_spec).solve(b)
    return np.ravel(x) if b.shape[1:] == (1,) else x


@counterpart(solvers.spsolve_triangular)
def spsolve_triangular(A: Any, b: Any, lower: bool = True, overwrite_A: bool = False, overwrite_b: bool = False,
                       unit_diagonal: bool = False) -> Any:
    part = PARTS["tril" if lower else "triu"](A, (-1 if lower else 1) if unit_diagonal else 0)
    x = splu(part + plain.eye_array(A.shape[0], dtype=dtype_of(part.data)) if unit_diagonal else part).solve(b)
    return with_tangent(solvers.spsolve_triangular(plainly(seen(A)), stripped(dual_or_array(b)), lower,
                                                   unit_diagonal=unit_diagonal), x)


@counterpart(solvers.inv)
def inv(A: Any) -> Any:
    return beside(own(A))(splu(A).solve(np.eye(A.shape[0])))


@counterpart(solvers.LinearOperator, always=True)
def operator(shape: Any, matvec: Any, rmatvec: Any = None, matmat: Any = None, dtype: Any = None, rmatmat: Any = None) -> Any:
    """SciPy's own, told the type, which else it takes from a product that it converts."""
    dtype = dtype_of(matvec(np.zeros(shape[1]))) if dtype is None else dtype
    return operator_seen(solvers.LinearOperator(shape, matvec, rmatvec, matmat, dtype, rmatmat))


@cache
def operator_class(kind: Any) -> Any:
    """A class of SciPy's operators, with its methods lifted."""
    ours: dict[str, Any] = {"H": property(lambda A: A.adjoint()), "T": property(lambda A: A.transpose())}
    if issubclass(kind, _interface.MatrixLinearOperator):
        ours["_matmat"] = lambda A, X: A.A @ X
    return type(kind.__name__, (kind,), {name: SCIPY.function(x) for c in kind.__mro__[::-1] for name, x in vars(c).items()
                                         if type(x) is FunctionType} | ours)


def operator_of(kind: Any, contents: Any) -> Any:
    """An operator that is made of what the lifted program sees."""
    def part(x: Any) -> Any:
        return tuple(map(part, x)) if type(x) is tuple else SCIPY.of(x)
    return holding(kind, {name: part(x) for name, x in contents.items()})


def operator_seen(A: Any) -> Any:
    kind: Any = type(A)
    return operator_of(operator_class(kind), vars(A)) if kind in OPERATORS else A


OPERATORS = [kind for kind in vars(_interface).values() if isinstance(kind, type)
             and issubclass(kind, solvers.LinearOperator) and kind is not solvers.LinearOperator]
KINDS.update(dict.fromkeys(OPERATORS, operator_seen))
for _kind in OPERATORS:
    counterpart(_kind, always=True)(lambda *args, _kind=_kind, **options: operator_of(
        made := operator_class(_kind), vars(made(*args, **options))))


def stripped_operator(A: Any) -> Any:
    return solvers.LinearOperator(A.shape, *(lambda v, f=f: stripped(f(v)) for f in (A._matvec, A._rmatvec)), dtype=A.dtype)


def by_steps(solver: Any, A: Any, symmetric: bool, what: str, shift: Any) -> Factored:
    """The solutions of a system with an operator, to twelve digits, one run of the solver for each."""
    exactly = {"rtol": 1e-12, "shift": shift} if solver is solvers.minres else {"rtol": 1e-12, "atol": 0.0}

    def columns(A: Any) -> Any:
        def solve(B: Any) -> Any:
            X = np.stack([solver(A, b, **exactly)[0] for b in B.T], axis=1)
            for x, b in zip(X.T, B.T, strict=True):
                if np.linalg.norm(A.matvec(x) - shift * x - b) > 1e-8 * np.linalg.norm(b):
                    raise ConvergenceError(f"{what}: the solver did not converge to the derivative of the solution")
            return X
        return solve
    return Factored(A.shape[0], columns(A), columns(A if symmetric else A.T))


def is_operator(A: Any) -> bool:
    return hasattr(A, "matvec")


def matrix_of(A: Any) -> Any:
    """The matrix that an operator was made from, or what was given."""
    return A.A if isinstance(A, _interface.MatrixLinearOperator) else A


def with_products_of(A: Any, what: str) -> Any:
    """A matrix whose products are SciPy's, that is those of its entries."""
    if plain.issparse(A) and PRODUCTS & overridden(A):
        raise RuleError(f"{what}: {kind_of(A).__name__} has products of its own; give LinearOperator(A.shape, A.dot)")
    return A


def iterative(name: str) -> Any:
    """A solver that takes steps: its solution, differentiated by the equation. The start and M have no influence."""
    solver, what = getattr(solvers, name), f"scipy.sparse.linalg.{name}"

    def call(A: Any, b: Any, x0: Any = None, *args: Any, **options: Any) -> Any:
        A = with_products_of(matrix_of(A), what)
        by_product, shift = isinstance(A, solvers.LinearOperator), options.get("shift", 0.0)  # of minres
        if not by_product and not any(map(holds_dual, (A, b, shift))):
            return solver(A, b, x0, *args, **options)
        A = A if by_product else seen(A) if plain.issparse(A) else dual_or_array(A)
        b, known = np.ravel(dual_or_array(b)), stripped_operator(A) if by_product else stripped(A)
        options = {key: stripped_operator(value) if isinstance(value, solvers.LinearOperator) else stripped(value)
                   for key, value in options.items()}
        x, info = solver(known, stripped(b), stripped(x0), *args, **options)
        still = stripped(shift)
        return differentiated(lambda x: (A._matvec(x) if by_product else A @ x) - shift * x - b, x,
                              lambda: by_steps(solver, known, name in ("cg", "minres"), what, still) if by_product
                              else factored(known - still * plain.eye_array(len(b)) if still else known, what)), info
    return call


for _name in ("bicg", "bicgstab", "cg", "cgs", "gcrotmk", "gmres", "lgmres", "minres", "qmr", "tfqmr"):
    counterpart(getattr(solvers, _name), always=True)(iterative(_name))


def least_squares(name: str) -> Any:
    """x with Aᵀ (A x - b) + damp² x = 0; what else the solver tells has no derivative here."""
    solver, what = getattr(solvers, name), f"scipy.sparse.linalg.{name}"

    def call(A: Any, b: Any, damp: float = 0.0, *args: Any, **options: Any) -> Any:
        A = with_products_of(matrix_of(A), what)
        if not is_operator(A) and not holds_dual((A, b, damp)):
            return solver(A, b, damp, *args, **options)
        if holds_dual(damp) or (is_operator(A) and holds_dual(plain_if_constant(A._matvec(np.zeros(A.shape[1]))))):
            raise RuleError(f"{what}: with dual numbers A must be a matrix, an array or an operator without them, and damp a "
                            "constant")
        b = dual_or_array(b)
        if is_operator(A):
            found = solver(A, stripped(b), damp, *args, **options)
            if not holds_dual(b):
                return found

            def runs(A: Any) -> Any:
                return lambda B: np.stack([solver(A, b, damp, 1e-14, 1e-14)[0] for b in B])
            x = along(runs(A), runs(A.T), b)
            return found[0] + (x - stripped(x)), *told(found[1:], x)
        A = seen(A) if plain.issparse(A) else dual_or_array(A)
        known = stripped(A)
        found = solver(known, stripped(b), damp, *args, **options)
        eye = plain.eye_array if plain.issparse(A) else np.eye
        x = differentiated(lambda x: A.T @ (A @ x - b) + damp**2 * x, found[0],
                           lambda: factored(known.T @ known + damp**2 * eye(A.shape[1]), what))
        return x, *told(found[1:], x)

    def told(rest: Any, x: Any) -> Any:
        reason = f"{what}: of its results only the solution has a derivative; compute the norms from it"
        return [undefined(y, reason, x) if dtype_of(y).kind == "f" else y for y in rest]
    return call


def along(runs: Any, back: Any, b: Any) -> Any:
    """A linear map of vectors, and its transpose, both given on plain rows."""
    return custom_rule(lambda b: runs(b.reshape(-1, b.shape[-1])).reshape(*b.shape[:-1], -1), batched=True,
                       forward=lambda f, b, db: along(runs, back, db), transpose=lambda f, b, u: along(back, runs, u))(b)


for _name in ("lsqr", "lsmr"):
    counterpart(getattr(solvers, _name), always=True)(least_squares(_name))


# ---- the rest
@counterpart(solvers.norm)
def norm(x: Any, ord: Any = None, axis: Any = None) -> Any:
    if ord in (None, "fro", "f") and axis in (None, (0, 1), (1, 0)):
        return np.linalg.norm(unique(x).tocoo().data)
    if ord == 2:
        raise RuleError("scipy.sparse.linalg.norm with ord=2 has no derivative rule; numpy.linalg.norm(A.toarray(), 2) has one")
    if np.ndim(axis) or axis is None:
        sums = abs(x).sum(axis=0 if ord in (1, -1) else 1)
        sums = sums.A1 if isinstance(sums, Matrix) else sums
        return (np.max if ord in (1, np.inf) else np.min)(sums)
    return np.linalg.norm(x.toarray(), ord, axis)


@counterpart(solvers.eigsh)
def eigsh(A: Any, k: int = 6, M: Any = None, sigma: Any = None, which: str = "LM", v0: Any = None, ncv: Any = None,
          maxiter: Any = None, tol: float = 0, return_eigenvectors: bool = True, **options: Any) -> Any:
    """Each pair solves A v = w M v, vᵀ M v = 1: a system bordered by M v, which is regular where w is simple."""
    if not plain.issparse(A) or any(np.iscomplexobj(stripped(x).data) for x in (A, M) if x is not None):
        raise RuleError("scipy.sparse.linalg.eigsh: with dual numbers A and M must be real sparse matrices; numpy.linalg.eigh "
                        "takes dense ones, complex ones too")
    A, n = seen(A), A.shape[0]
    M = plain.eye_array(n, format="csc") if M is None else M
    w, V = solvers.eigsh(stripped(A), k, stripped(M), sigma, which, v0, ncv, maxiter, tol, **options)

    def pair(w: Any, v: Any) -> Any:
        border = (stripped(M) @ v)[:, None]
        bordered = plain.block_array([[stripped(A) - w * stripped(M), -border], [-border.T, None]], format="csc")

        def system() -> Factored:
            lu = solvers.splu(bordered, permc_spec="MMD_AT_PLUS_A")
            pivots = abs(lu.U.diagonal())
            if pivots.min() < pivots.max() * n * np.finfo(V.dtype).eps:
                raise singular("scipy.sparse.linalg.eigsh", f"the eigenvalue {w:.6g} is repeated")
            solve = in_type(bordered, lu.solve)
            return Factored(n + 1, solve, solve)

        def residual(y: Any) -> Any:
            v, Mv = y[:-1], M @ y[:-1]
            return np.concatenate([A @ v - y[-1] * Mv, [(1 - v @ Mv) / 2]])
        return differentiated(residual, np.append(v, w), system)

    pairs = np.stack([pair(*each) for each in zip(w, V.T, strict=True)])
    return (pairs[:, -1], pairs[:, :-1].T) if return_eigenvectors else pairs[:, -1]


for _name, _instead in (("expm", "scipy.linalg.expm(A.toarray()) has one"),
                        ("expm_multiply", "scipy.linalg.expm(A.toarray()) @ B has one"),
                        ("eigs", "numpy.linalg.eig(A.toarray()) has one"),
                        ("svds", "numpy.linalg.svd(A.toarray()) has one"),
                        ("lobpcg", "scipy.sparse.linalg.eigsh has one"),
                        ("onenormest", "norm(A, 1) has one")):
    without_rule(getattr(solvers, _name), _instead)

"""scipy.sparse in programs that are differentiated as they stand: matrices made of dual data, products, systems."""

import copy
import pickle
import warnings
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as solvers
from scipy.sparse import csr_matrix, diags, lil_matrix
from scipy.sparse.csgraph import laplacian
from scipy.sparse.linalg import factorized, splu, spsolve
from scipy_programs import agrees

from dualdiff import gradient, hessian, jacobian, jvp, lift
from dualdiff.errors import DegenerateError, DualdiffError, RuleError

ROWS, COLUMNS = np.array([0, 1, 2, 1, 0, 3, 4, 2, 1]), np.array([0, 1, 1, 3, 3, 3, 4, 2, 1])  # (1, 1) twice
D = np.array([1.5, 2.0, 3.0, 4.0, 5.0, 3.5, 7.0, 2.5, 0.5])
B, X = np.arange(10.0).reshape(5, 2) + 1, np.array([1.0, 2.0, -1.0, 0.5, 3.0])
PLAIN = sp.csc_array((D, (ROWS, COLUMNS)), shape=(5, 5))
LU, SOLVE = splu(PLAIN), factorized(PLAIN)
ARRAYS = (sp.csr_array, sp.csc_array, sp.coo_array)
MATRICES = (sp.csr_matrix, sp.csc_matrix, sp.coo_matrix)


def of(d, kind=sp.csr_array):
    return kind((d, (ROWS, COLUMNS)), shape=(5, 5))


def second_difference(n, a):
    return sp.diags([a[0] * np.ones(n - 1), -2 * a[1] * np.ones(n), a[2] * np.ones(n - 1)], [-1, 0, 1], format="csc")


def stiffness_in_items(E, kind=lil_matrix):
    K = kind((5, 5))
    for e in range(4):
        for i in range(2):
            for j in range(2):
                K[e + i, e + j] += E[e] * (-1) ** (i + j)
    K = K.tocsr()
    return spsolve(K[1:, 1:], np.arange(4) + 1.0)


def stiffness_in_blocks(E):
    K = lil_matrix((5, 5))
    for e in range(4):
        K[np.ix_([e, e + 1], [e, e + 1])] += E[e] * np.array([[1.0, -1.0], [-1.0, 1.0]])
    K[0, :] = 0
    K[0, 0] = 1
    return spsolve(K.tocsr(), np.arange(5) + 1.0)


def stiffness_in_lists(E):
    values, rows, columns = [], [], []
    for e in range(4):
        for i in range(2):
            for j in range(2):
                values.append(E[e] * (-1) ** (i + j))
                rows.append(e + i)
                columns.append(e + j)
    K, free = sp.coo_matrix((values, (rows, columns)), shape=(5, 5)).tocsr(), np.arange(1, 5)
    return spsolve(K[np.ix_(free, free)], np.ones(4))


def places_in_a_table(d):
    table = np.zeros((9, 3))
    table[:, 0], table[:, 1], table[:, 2] = ROWS, COLUMNS, d
    return csr_matrix((table[:, 2], (table[:, 0], table[:, 1])), shape=(5, 5)) @ X


def graph_laplacian(w):
    W = csr_matrix((np.concatenate([w, w]), (np.concatenate([ROWS, COLUMNS]), np.concatenate([COLUMNS, ROWS]))), shape=(5, 5))
    return (sp.diags(np.array(W.sum(axis=1)).flatten()) - W) @ X + laplacian(W) @ X


def crank_nicolson(a):
    L, u = second_difference(5, a), X
    step = splu((sp.eye(5) - 0.05 * L).tocsc())
    for _ in range(3):
        u = step.solve((sp.eye(5) + 0.05 * L) @ u)
    return u


def written_to(d):
    A = of(d)
    A.setdiag(0)
    A.setdiag(d[:4], 1)
    A[0, 1] = d[0] * d[1]
    A[3] = d[:5]
    A[[0, 1], [2, 4]] += d[2]
    A.data = A.data * 2
    return A @ X


def written_to_what_was_plain(d):
    A = diags([1.0, -2.0, 1.0], [-1, 0, 1], shape=(5, 5), format="csr")
    A.setdiag(d[:5])
    return A @ X


def preconditioned(d):
    A = of(d, sp.csc_array)
    M = solvers.LinearOperator(A.shape, solvers.spilu(A).solve)
    return solvers.gmres(A, d[:5], M=M, rtol=1e-14)[0]


def filling(v):
    y = np.zeros(3)
    for i in range(3):
        y[i] = B[i] @ v
    return y


class Scaling(solvers.LinearOperator):
    def __init__(self, d):
        self.d = d
        super().__init__(float, (2, 2))

    def _matvec(self, v):
        return self.d * np.ravel(v)

    _rmatvec = _matvec


FILLING = solvers.LinearOperator((3, 2), matvec=filling, rmatvec=lambda u: B[:3].T @ u, dtype=float)
OF_MATRIX, OF_ARRAY = solvers.aslinearoperator(PLAIN), solvers.aslinearoperator(B[:3])


def products_of_operators(d):
    A = solvers.LinearOperator((3, 2), matvec=lambda v: B[:3] @ (d[:2] * v), rmatvec=lambda u: d[:2] * (B[:3].T @ u))
    v, u = d[2:4], d[:3]
    ahead = [A @ v, A.matvec(v), A(v), A.dot(v), FILLING @ v, (A + FILLING) @ v, (A - 2 * FILLING) @ v, -OF_ARRAY @ v,
             (d[0] * FILLING / 2) @ v, (A @ Scaling(v)) @ v, ((FILLING @ A.H) ** 2) @ u, A.H.T.H.T @ X[:2], OF_ARRAY.T.H @ v]
    back = [A.H @ u, A.T @ u, A.rmatvec(u), u @ A, (A + OF_ARRAY).H @ u, OF_ARRAY.H @ u, Scaling(v) @ u[:2], Scaling(v).H @ v]
    S = solvers.aslinearoperator(of(d))
    both = [OF_MATRIX @ d[:5], OF_MATRIX.T @ d[:5], S @ X, S.H @ X, S.T @ d[:5], X @ S,
            OF_MATRIX.matmat(np.outer(d[:5], v))[:, 1], solvers.aslinearoperator(B * d[0]) @ v]
    return np.concatenate([*ahead, *back, *both])


def spd(d):
    return of(d).T @ of(d) + sp.eye_array(5)


def rows_of_matrices(d):
    A = of(d, csr_matrix)
    return (A.multiply(1 / A.sum(axis=1)) @ X + np.asarray(A.sum(axis=1) + A.sum(axis=1) * d[0]).ravel()
            + A.sum(axis=0).A1 * A.sum(axis=1)[2, 0] + np.sqrt(A.sum(axis=0)).T.getA1()
            + np.asarray(A.todense() * X[:, None])[:, 0])


ONE_MATRIX = {
    "toarray": lambda A, d: A.toarray(),
    "@ vector": lambda A, d: A @ d[:5],
    "@ columns": lambda A, d: A @ B + A.dot(B),
    "vector @": lambda A, d: d[:5] @ A + X @ A,
    "sparse @ sparse": lambda A, d: (A @ A.T @ PLAIN).toarray(),
    "sums": lambda A, d: (A + 2 * A.T - A / d[0] - PLAIN).toarray(),
    "multiply": lambda A, d: A.multiply(A.T).sum() * (A.multiply(d[:5, None]) - A.multiply(X)).toarray(),
    "sum": lambda A, d: A.sum() * np.asarray(A.sum(axis=0)).ravel() + np.asarray(A.sum(1)).ravel() * A.mean(),
    "diagonal": lambda A, d: A.diagonal() * A.trace() + np.append(A.diagonal(1), 1.0),
    "elementwise": lambda A, d: (abs(-A).power(2) + A.sin() + A.astype(complex).real).toarray(),
    "conversions": lambda A, d: A.tocsc().tocoo().tocsr().tobsr().todia().tolil().todok().copy().toarray(),
    "rows": lambda A, d: (A.tocsr()[1:4] @ X) * A.tocsr()[1, 1],
    "columns": lambda A, d: A.tocsc()[:, [0, 3]].toarray() @ d[:2],
    "hstack": lambda A, d: sp.hstack([A, sp.eye(5), B * d[0]]).toarray(),
    "bmat": lambda A, d: sp.bmat([[A, None], [None, sp.eye(2) * d[1]]], format="csr") @ d[:7],
    "block_diag": lambda A, d: sp.block_diag([A, B * d[0]]).toarray(),
    "kron": lambda A, d: sp.kron(A, sp.eye(2)) @ B.ravel() + sp.kron(sp.eye(2), A, format="csr") @ B.ravel(),
    "triangles": lambda A, d: (sp.tril(A) @ X) * (sp.triu(A, 1) @ X),
    "largest": lambda A, d: A.max() * A.min() * (A.maximum(A.T) - A.minimum(4.0)).toarray(),
    "by numpy": lambda A, d: np.sum(A) * np.sqrt(np.abs(-A)).toarray() + np.asarray(np.sum(A, axis=0)).ravel(),
    "one after the other": lambda A, d: sum(row.sum() * k for k, row in enumerate(A.tocsr())) * A.tocsr()[1].toarray(),
    "norms": lambda A, d: np.array([solvers.norm(A), solvers.norm(A, 1), solvers.norm(A, np.inf)]),
    "spsolve": lambda A, d: spsolve(A.tocsc(), d[:5]) + spsolve(A.tocsr(), X[:, None]),
}
PROGRAMS = {f"{name} of {kind.__name__}": (lambda d, f=f, kind=kind: f(of(d, kind), d), D)
            for i, (name, f) in enumerate(ONE_MATRIX.items()) for kind in (ARRAYS[i % 3], MATRICES[(i + 1) % 3])} | {
    "number times matrix": (lambda d: (d[0] * PLAIN - PLAIN * d[1] + PLAIN / d[2]).toarray(), D),
    "array times matrix": (lambda d: (d[:5] * PLAIN).toarray() + PLAIN.multiply(d[:5]).toarray(), D),
    "shifted": (lambda d: (sp.identity(5) - d[0] * PLAIN) @ X, D),
    "scaled rows": (lambda d: sp.diags(d[:5]) @ PLAIN @ sp.diags_array(X) @ X, D),
    "compressed rows": (lambda d: csr_matrix((d[:5], [0, 1, 3, 0, 2], [0, 2, 4, 5])) @ d[:4], D),
    "of a dense array": (lambda d: csr_matrix(np.outer(d, d)) @ d, D),
    "diags": (lambda d: second_difference(5, d) @ X, D),
    "numbers on diagonals": (lambda d: sp.diags_array([d[1], -2 * d[2]], offsets=[-1, 0], shape=(4, 4)).tocsc() @ d[:4], D),
    "spdiags": (lambda d: sp.spdiags(np.array([d, -2 * d, d**2]), [-1, 0, 1], 9, 9).toarray(), D),
    "kronsum": (lambda d: sp.kronsum(sp.diags(d[:3]), d[0] * sp.eye(2)).toarray(), D),
    "bsr": (lambda d: sp.bsr_array((d[:4].reshape(1, 2, 2), [1], [0, 1, 1]), shape=(4, 4)) @ d[:4], D),
    "items of lil": (stiffness_in_items, D[:4]),
    "items of dok": (lambda E: stiffness_in_items(E, sp.dok_array), D[:4]),
    "blocks of lil": (stiffness_in_blocks, D[:4]),
    "lists of entries": (stiffness_in_lists, D[:4]),
    "sums that are numpy.matrix": (rows_of_matrices, D),
    "places in a table": (places_in_a_table, D),
    "graph laplacian": (graph_laplacian, D),
    "Crank-Nicolson": (crank_nicolson, D[:3]),
    "written to": (written_to, D),
    "written to what was plain": (written_to_what_was_plain, D),
    "factors of a constant": (lambda b: splu(PLAIN).solve(b) + LU.solve(b, "T") + SOLVE(b), X),
    "factors": (lambda d: splu(of(d, sp.csc_array)).solve(d[:5], "T") + factorized(of(d, sp.csc_array))(X), D),
    "triangular": (lambda d: solvers.spsolve_triangular(sp.tril(of(d), format="csr"), d[:5]), D),
    "unit triangular": (lambda d: solvers.spsolve_triangular(sp.triu(of(d), format="csr"), X, lower=False,
                                                             unit_diagonal=True), D),
    "sparse right-hand side": (lambda d: spsolve(of(d, sp.csc_array), sp.csc_array(B * d[0])).toarray(), D),
    "cg": (lambda d: solvers.cg(spd(d), X, rtol=1e-14)[0], D),
    "gmres": (lambda b: solvers.gmres(PLAIN, b, rtol=1e-14)[0], X),
    "bicgstab of a dense array": (lambda b: solvers.bicgstab(np.diag(b) + 0.1, b, rtol=1e-14)[0], X),
    "gmres with a preconditioner": (preconditioned, D),
    "cg of an operator": (lambda d: solvers.cg(solvers.LinearOperator((5, 5), matvec=lambda v: d[:5] * v + d[5] * v.sum()), X,
                                               rtol=1e-14)[0], D),
    "gmres of an operator": (lambda b: solvers.gmres(solvers.LinearOperator(
        (5, 5), matvec=lambda v: 9 * v + b[0] * np.roll(v, 1), rmatvec=lambda v: 9 * v + b[0] * np.roll(v, -1)), b,
        rtol=1e-14)[0], X),
    "operator of a matrix": (lambda b: solvers.bicg(solvers.aslinearoperator(PLAIN), b, rtol=1e-14)[0], X),
    "transposed operators": (lambda d: sum(solvers.gmres(A, d[:5], rtol=1e-14)[0] for A in (
        OF_MATRIX.T, solvers.LinearOperator((5, 5), lambda v: PLAIN @ (d[:5] * v), lambda v: d[:5] * (PLAIN.T @ v)).T)), D),
    "products of operators": (products_of_operators, D),
    "lsqr": (lambda d: solvers.lsqr(of(d), X, damp=0.1, atol=1e-15, btol=1e-15)[0], D),
    "lsmr of an operator": (lambda b: solvers.lsmr(solvers.LinearOperator(
        (5, 3), matvec=lambda v: PLAIN[:, :3] @ v, rmatvec=lambda u: PLAIN[:, :3].T @ u), b**2, 0.3, 1e-15, 1e-15)[0], X),
    "lsmr": (lambda b: solvers.lsmr(PLAIN[:, :3], b, atol=1e-15, btol=1e-15)[0], X),
    "eigsh": (lambda d: solvers.eigsh(spd(d), k=2, v0=X, return_eigenvectors=False), D),
}


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning", "ignore:the matrix subclass")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    f, x = PROGRAMS[name]
    y, J = f(x), jacobian(f, mode="forward")(x)
    np.testing.assert_array_equal(lift(f)(x), y)  # nothing perturbed: SciPy's own bits
    np.testing.assert_allclose(jacobian(lift(f), mode="reverse")(x), J, rtol=1e-10, atol=1e-13 * np.abs(J).max())
    h = 1e-3 * np.eye(len(x))
    first, second = (np.stack([(f(x + s * e) - f(x - s * e)) / (2e-3 * s) for e in h], -1) for s in (1, 2))
    third = np.stack([(f(x + 3 * e) - f(x - 3 * e)) / 6e-3 for e in h], -1)  # to the sixth power of the step
    np.testing.assert_allclose(J, 1.5 * first - 0.6 * second + 0.1 * third, rtol=1e-7, atol=1e-8 * np.abs(J).max())


SECOND = ("sparse @ sparse", "multiply", "spsolve", "items of lil", "Crank-Nicolson", "cg",
          "factors", "eigsh", "places in a table", "products of operators")


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("name", SECOND)
def test_the_second_derivative_is_that_of_the_gradient(name):
    f, x = next(PROGRAMS[key] for key in PROGRAMS if key.startswith(name))
    H = hessian(lambda x: np.sum(f(x) ** 2))(x)
    step = 1e-5 * np.eye(len(x))
    g = gradient(lambda x: np.sum(f(x) ** 2), mode="reverse")
    np.testing.assert_allclose(H, [(g(x + h) - g(x - h)) / 2e-5 for h in step], rtol=1e-5, atol=1e-6 * np.abs(H).max())


@pytest.mark.parametrize("kind", ARRAYS + MATRICES)
def test_a_dual_matrix_is_one_of_scipys(kind):
    def f(d):
        A = of(d, kind)
        assert isinstance(A, kind)
        assert sp.isspmatrix(A) == issubclass(kind, sp.spmatrix)
        assert (A.shape, A.format, A.ndim, A.dtype, A.nnz) == (plain.shape, plain.format, 2, float, plain.nnz)
        assert (A.tocsr().format, A.T.shape, (A > 2).nnz) == ("csr", (5, 5), (plain > 2).nnz)
        return A.tocsr().data
    plain = of(D, kind)
    np.testing.assert_array_equal(jacobian(f)(D) @ D, of(D, kind).tocsr().data)


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("format", ["csr", "csc", "coo", "lil", "dok", "dia"])
def test_diagonals_are_written_in_every_format(format):
    def f(d):
        A = (of(d) + sp.eye_array(5)).asformat(format)
        A.setdiag(d[4:])
        A.setdiag(2.0, 1)
        B = sp.eye_array(5).asformat(format)
        B.setdiag(d[:4], -1)
        return (A.toarray() + abs(B).toarray()) @ X
    agrees(f, D, order=1)


def test_arrays_and_matrices_have_the_methods_that_scipys_have():
    def f(d):
        assert not hasattr(of(d), "getrow")
        return of(d, csr_matrix).getrow(1) @ X + of(d, sp.csc_matrix).getcol(3).toarray()[:, 0]
    agrees(f, D, order=1)


def test_single_precision_stays():
    d = D.astype(np.float32)
    y, J = (lift(lambda d: of(d) @ d[:5])(d), jacobian(lambda d: of(d) @ d[:5])(d))
    assert y.dtype == J.dtype == np.float32
    triangle = sp.csr_array(np.tril(np.eye(5) + 0.3), dtype=np.float32)
    for f in (lambda d: spsolve(of(d, sp.csc_array), triangle.tocsc()).toarray(), lambda d: of(d).maximum(0.0).toarray(),
              lambda d: (of(d).maximum(triangle) * 2.0).toarray(), lambda d: solvers.spsolve_triangular(triangle, d[:5]),
              lambda d: solvers.spsolve_triangular(triangle, d[:5], unit_diagonal=True)):
        value, slope = jvp(f, (d,), (d,))
        assert value.dtype == slope.dtype == f(d).dtype == np.float32
        np.testing.assert_allclose(value, f(d), rtol=1e-6)


def test_complex_entries_are_differentiated():
    agrees(lambda d: np.abs(of(d * (1 + 2j)) @ (X + 1j)), D, order=1)
    agrees(lambda d: np.abs(splu(of(d + 1j, sp.csc_array)).solve(X + 0j, "H")), D, order=1)


def test_the_jacobian_of_a_product_is_sparse_in_time_and_memory():
    n = 20_000
    J = jacobian(lambda a: diags([a[1:], -2 * a, a[:-1]], [-1, 0, 1], format="csr") @ a, sparse=True)(np.linspace(1, 2, n))
    assert J.nnz <= 3 * n


def test_the_callers_matrix_stays_as_it_is():
    A = PLAIN.tocsr()
    before = A.copy()
    jacobian(lambda d: (d[0] * A + A.multiply(d[:5])).sum(axis=0))(D)
    np.testing.assert_array_equal(A.toarray(), before.toarray())
    assert type(A) is sp.csr_array


@pytest.mark.parametrize("first", [sp.csr_array, sp.csc_array, sp.coo_array])
@pytest.mark.parametrize("combined", [
    lambda P, A: P, lambda P, A: P + A, lambda P, A: A - P, lambda P, A: P.multiply(A), lambda P, A: P @ P])
def test_sums_and_products_have_their_entries_in_scipys_order(first, combined):
    def f(d, what):
        A = combined(of(d, first) @ of(d), of(d, sp.csc_array))
        return getattr(A, what) * d[0]
    for what in ("data", "indices", "nnz"):
        np.testing.assert_allclose(jvp(lambda d: f(d, what), (D,), (D,))[0], f(D, what))  # noqa: B023


def test_unsorted_entries_are_solved_with():
    def solution(d):
        A = sp.csc_array((d, [1, 0, 2, 1, 0, 2], [0, 2, 4, 6]), shape=(3, 3))
        return spsolve(A, X[:3]) + A @ X[:3]
    slope = (solution(D[:6] + 1e-6) - solution(D[:6] - 1e-6)) / 2e-6
    np.testing.assert_allclose(jvp(solution, (D[:6],), (np.ones(6),))[1], slope, rtol=1e-8)


@pytest.mark.parametrize("kind", ARRAYS)
def test_what_is_given_as_out_is_written_to(kind):
    def f(d):
        dense, sums, whole = np.zeros((5, 5)), np.zeros(5), np.zeros((5, 5))
        of(d, kind).toarray(out=dense)
        of(d, kind).sum(axis=0, out=sums)
        of(D, kind).toarray(out=whole)
        return np.concatenate([dense, [sums], whole * d[0]])
    value, slope = jvp(f, (D,), (D,))
    np.testing.assert_array_equal(value, f(D))
    np.testing.assert_allclose(slope, f(D))


def test_zeros_that_are_perturbed_stay_entries():
    J = jacobian(lambda d: (of(d) - of(D)).toarray().ravel() + csr_matrix(np.diag(d)).toarray().sum())(0 * D)
    np.testing.assert_array_equal(J[0], [2, *[1] * 8])


@pytest.mark.parametrize("f", [
    lambda d: solvers.expm(of(d, sp.csc_array)), lambda d: solvers.expm_multiply(of(d), X), lambda d: solvers.svds(of(d), 2),
    lambda d: solvers.eigs(of(d), 2), lambda d: solvers.lsqr(of(d), X)[3],
    lambda d: solvers.spilu(of(d, sp.csc_array)).solve(X),
    lambda d: solvers.norm(of(d), 2),
    lambda d: splu(of(d, sp.csc_array)).L, lambda d: of(d) / of(d), lambda d: of(d, sp.csr_matrix).sum(axis=0).max(),
    lambda d: solvers.lsqr(solvers.LinearOperator((5, 5), matvec=lambda v: v * d[:5], rmatvec=lambda v: v * d[:5]), X)[0]])
def test_what_has_no_derivative_says_so_and_what_to_do(f):
    words = r"only the solution|must be|has one|needs none|divide|csr_array"
    with pytest.raises((RuleError, DegenerateError, TypeError), match=words):
        gradient(lambda d: np.sum(f(d)))(D)


@pytest.mark.parametrize("kind", [sp.lil_array, sp.lil_matrix, sp.dok_array, sp.dok_matrix])
def test_parts_of_lists_are_read(kind):
    def f(d):
        K = kind((5, 5))
        K[[0, 1, 2], [0, 1, 3]] = d[:3]
        K[3, :2] = 4.0
        return K[:, 1].toarray().ravel() * K[1, 1] + K[1:4].sum() * (K[:, :2] @ X[:2]) + K[np.ix_([0, 2], [0, 3])].sum()
    agrees(f, D, order=1)


@pytest.mark.parametrize("f", [lambda K: sum(K.values()), lambda K: K.get((0, 1)), lambda K: (0, 1) in K, lambda K: K.clear(),
                               lambda K: sum(x for _, x in K.items()), lambda K: K.resize(3, 3)])
def test_what_would_read_the_lists_behind_the_duals_is_refused(f):
    def program(d):
        K = sp.dok_array((5, 5))
        K[0, 1] = d[0]
        return f(K)
    with pytest.raises(RuleError, match="tocsr"):
        gradient(program)(D)


def test_a_repeated_eigenvalue_of_eigsh_is_refused():
    with pytest.raises(DegenerateError, match="repeated"):
        jacobian(lambda d: solvers.eigsh(sp.diags(np.repeat(d[:3], 2), format="csc"), k=2, v0=np.ones(6))[0])(D)


@pytest.mark.parametrize("f", [lambda d: of(d) @ d, lambda d: of(d) + sp.eye(4), lambda d: of(d).multiply(d)])
def test_shapes_that_do_not_fit_are_refused(f):
    with pytest.raises((DualdiffError, ValueError), match=r"fit|shape"):
        jacobian(lambda d: f(d).sum())(D)


def test_numbers_are_not_added_to_sparse_matrices():
    with pytest.raises(NotImplementedError, match="nonzero scalar"):
        jacobian(lambda d: (of(d) + 1).sum())(D)


def test_a_matrix_that_leaves_the_program_is_scipys():
    A = lift(lambda x: (sp.diags(np.ones(5)) @ PLAIN, [sp.eye(3)]))(1.0)
    assert type(A[0]) is type(sp.diags(np.ones(5)) @ PLAIN)
    assert type(A[1][0]) is sp.dia_matrix

    def f(d):
        L = copy.deepcopy(d[0] * PLAIN)  # of a dual matrix, and of one that is none
        return L @ X + pickle.loads(pickle.dumps(sp.diags(X, format="csr"))) @ d[:5]
    agrees(f, D, order=1)


def test_programs_without_duals_run_in_scipy_itself():
    def f(x):
        A = sp.diags([1.0, -2.0, 1.0], [-1, 0, 1], shape=(5, 5), format="csr")
        return (A @ A + sp.eye(5)) @ x, spsolve(A.tocsc(), x), A[1:, 1:].sum(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for a, b in zip(f(X), lift(f)(X), strict=True):
            np.testing.assert_array_equal(a, b)
            assert type(a) is type(b)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, solvers.aslinearoperator])
def test_minres_is_differentiated_with_its_shift(form, mode):
    M = np.array([[4.0, 1.0], [1.0, 3.0]])
    f = lambda a: solvers.minres(form(M), np.ones(2) * a, shift=a, rtol=1e-13)[0]
    exact = jacobian(lambda a: np.linalg.solve(M - a * np.eye(2), np.ones(2) * a))(0.7)
    np.testing.assert_allclose(jacobian(f, mode=mode)(0.7), exact, rtol=1e-9)
    g = lambda a: solvers.minres(solvers.LinearOperator((2, 2), matvec=lambda v: [a, a * a] * v, dtype=float), np.ones(2),
                                 shift=a / 2)[0]
    np.testing.assert_allclose(jacobian(g, mode=mode)(0.7), [-0.5 / 0.35**2, -(1.4 - 0.5) / (0.49 - 0.35)**2], rtol=1e-8)


# ---- classes of the user's, and questions of type
class Scaled:
    factor = 1.0

    def filled(self, x):
        out = np.zeros(5)
        out[:] = self @ x
        return out * self.factor


class Twice(Scaled, sp.csr_array):
    def __matmul__(self, other):
        return 2 * super().__matmul__(other)


class Thrice(Twice):
    def __matmul__(self, other):
        return 1.5 * super(Thrice, self).__matmul__(other)  # noqa: UP008 - as it was written before Python 3

    def __rmatmul__(self, other):
        return 5 * super().__rmatmul__(other)


class Starred(csr_matrix):
    def __mul__(self, other):
        return 2 * super().__mul__(other)

    def __rmul__(self, other):
        return 4 * super().__rmul__(other)


class Dotted(sp.csc_array):
    def dot(self, other):
        return 2 * super().dot(other)


class Matmul(csr_matrix):  # in SciPy its * does not ask its @
    def __matmul__(self, other):
        return 3 * super().__matmul__(other)


class Private(sp.csr_array):
    def _matmul_vector(self, other):
        return 2 * super()._matmul_vector(other)


TWICE, THRICE, STARRED, DOTTED, MATMUL, PRIVATE = (kind(PLAIN) for kind in (Twice, Thrice, Starred, Dotted, Matmul, Private))
THRICE.factor = 7.0


@pytest.mark.parametrize("f", [
    lambda x: TWICE @ x, lambda x: THRICE @ x, lambda x: x @ THRICE, lambda x: STARRED * x, lambda x: x * STARRED,
    lambda x: 1.0 * DOTTED.dot(x), lambda x: MATMUL @ x, lambda x: MATMUL * x, lambda x: MATMUL.dot(x) / 2,
    lambda x: THRICE.dot(x) / 2, lambda x: THRICE @ np.outer(x, x), lambda x: Thrice(PLAIN * x[0]) @ x,
    lambda x: Twice(PLAIN.toarray() * x[0]) @ x, lambda x: TWICE.multiply(x) @ x, lift(lambda x: THRICE.filled(x) / 2),
    lambda x: x * isinstance(x[0] * TWICE, Twice)])
def test_products_that_a_class_of_the_users_overrides_are_those_that_run(f):
    agrees(f, X, order=1)


@pytest.mark.parametrize("operation", [
    lambda A, a: A * a, lambda A, a: a * A, lambda A, a: A / a, lambda A, a: -(A * a), lambda A, a: A * a + A,
    lambda A, a: A - A * a, lambda A, a: (A * a) @ A, lambda A, a: (A * a).T, lambda A, a: (A * a)[:2],
    lambda A, a: (A * a).tocsr(), lambda A, a: (A * a).tocsc(), lambda A, a: (A * a).copy(),
    lambda A, a: (A * a).multiply(A), lambda A, a: (A * a).power(2),
    lambda A, a: abs(A * a), lambda A, a: (A * a).maximum(A), lambda A, a: (A * a).astype(float)])
def test_results_are_of_a_class_of_the_users_where_they_are_in_scipy(operation):
    same = [type(operation(A, 1.3)).__name__ for A in (TWICE, MATMUL)]

    def f(x):
        made = [operation(A, x[0]) for A in (TWICE, THRICE)]
        assert [type(operation(A, x[0])).__name__ for A in (TWICE, MATMUL)] == same
        return sum(A @ x[:A.shape[1]] * getattr(A, "factor", 0.5) for A in made)
    agrees(lift(f), X, order=1)


@pytest.mark.parametrize(("f", "says"), [
    (lambda x: PRIVATE @ x, "Private overrides _matmul_vector"),
    (lambda x: solvers.gmres(THRICE, x)[0], "gmres: Thrice has products of its own.*LinearOperator"),
    (lambda x: solvers.lsqr(THRICE, x)[0], "lsqr: Thrice has products of its own.*LinearOperator")])
def test_what_such_a_class_changes_inside_scipy_is_refused(f, says):
    with pytest.raises(RuleError, match=says):
        jacobian(f)(X)


def test_a_class_of_the_users_may_be_abstract_generic_and_told_of_its_subclasses():
    class Root(ABC, Generic[TypeVar("T")]):
        @abstractmethod
        def apply(self, x): ...

    class Base(Root, sp.csr_array):
        known = []  # noqa: RUF012 - as users write

        def __init_subclass__(cls, tag, **options):
            cls.known.append(cls)

    class Leaf(Base, tag="leaf"):
        def apply(self, x):
            return self @ x

        def __matmul__(self, x):
            return 2 * super().__matmul__(x)
    A = Leaf(PLAIN)
    agrees(lift(lambda x: A.apply(x) * Leaf.known.count(Leaf)), X, order=1)
    assert Base.known == [Leaf]


def test_what_such_an_object_keeps_of_a_run_is_plain():
    class Kept(Twice):
        def __matmul__(self, x):
            self.last = np.zeros(5)
            return super().__matmul__(x)
    A = Kept(PLAIN)
    gradient(lift(lambda x: np.sum(A @ x)))(X)
    assert type(A.last) is np.ndarray
    assert type(A) is Kept


MADE_OUTSIDE = csr_matrix(PLAIN)
TABLE = {sp.csr_matrix: 2.0, sp.csr_array: 3.0, Twice: 5.0}


def test_the_class_of_a_dual_matrix_is_equal_to_scipys_and_is_is_refused():
    def f(x):
        A = MADE_OUTSIDE * x
        return x if A.__class__ == csr_matrix and A.__class__ in (csr_matrix, 1) and csr_matrix != A.T.__class__ else 0 * x
    agrees(f, 1.3, order=1)
    with pytest.raises(RuleError, match=r"is csr_matrix.*type"):
        gradient(lift(lambda x: x if (MADE_OUTSIDE * x).__class__ is csr_matrix else 0 * x))(1.3)


@pytest.mark.parametrize("f", [
    lambda x: x if type(csr_matrix(np.eye(2) * x)) is csr_matrix else 0 * x,
    lambda x: x if type(MADE_OUTSIDE) is csr_matrix and type(MADE_OUTSIDE) is not sp.csc_matrix else 0 * x,
    lambda x: x if type(sp.csr_array(np.eye(2) * x).T) in (sp.csc_array, 1) else 0 * x,
    lambda x: x if type(sp.lil_array(np.eye(2) * x)) == sp.lil_array else 0 * x,  # noqa: E721 - as users write
    lambda x: x * TABLE[type(of(x * D) + of(x * D))] * TABLE[type(TWICE * x)],
    lambda x: x if issubclass(type(TWICE * x), sp.csr_array) and type(TWICE) is Twice is not sp.csr_array else 0 * x,
    lambda x: type(MADE_OUTSIDE)(PLAIN * x) @ X,
    lambda x: x if isinstance(splu(x * PLAIN), solvers.SuperLU) and type(LU) is solvers.SuperLU else 0 * x])
def test_the_type_of_a_dual_matrix_is_that_of_scipys(f):
    agrees(f, 1.3, order=1)

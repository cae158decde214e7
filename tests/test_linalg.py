"""Factorisations, inverses, least squares and norms: complex numbers, hard points, refusals. The laws are in test_laws.py."""

import tracemalloc
from itertools import permutations

import numpy as np
import pytest

from dualdiff import gradient, hessian, hvp, jacobian, jvp, vjp
from dualdiff.errors import DegenerateError, RuleError


def drawn(*shape, seed=0):
    r = np.random.default_rng(seed)
    return r.standard_normal(shape) + 1j * r.standard_normal(shape)


def adjoint(a):
    return np.conj(np.swapaxes(a, -1, -2))


def positive(a):
    return a @ adjoint(a) + np.eye(a.shape[-2])


COMPLEX = {
    "slogdet": (np.linalg.slogdet, (2, 3, 3)), "slogdet of one": (np.linalg.slogdet, (3, 3)),
    "cholesky": (lambda a: np.linalg.cholesky(positive(a)), (2, 3, 3)),
    "cholesky, upper": (lambda a: np.linalg.cholesky(positive(a), upper=True), (3, 3)),
    "qr, tall": (np.linalg.qr, (2, 4, 3)), "qr, wide": (np.linalg.qr, (3, 5)), "qr, square": (np.linalg.qr, (2, 3, 3)),
    "qr, r": (lambda a: np.linalg.qr(a, "r"), (4, 3)), "pinv, tall": (np.linalg.pinv, (2, 4, 3)),
    "pinv, wide": (np.linalg.pinv, (3, 5)), "pinv of rank 1": (lambda a: np.linalg.pinv(a[:, :1] @ a[:1]), (4, 3)),
    "pinv, Hermitian": (lambda a: np.linalg.pinv(a + adjoint(a), hermitian=True), (3, 3)),
    "spectral norm": (lambda a: np.linalg.norm(a, 2), (4, 3)), "cond": (np.linalg.cond, (3, 3)),
    "nuclear norms": (lambda a: np.linalg.norm(a, "nuc", axis=(0, 2)), (4, 2, 3)),
    "lstsq": (lambda a: tuple(np.linalg.lstsq(a, drawn(5, 2, seed=3))[i] for i in (0, 1, 3)), (5, 3)),
    "lstsq, right side": (lambda b: tuple(np.linalg.lstsq(drawn(5, 3, seed=3), b)[i] for i in (0, 1)), (5,)),
    "lstsq, underdetermined": (lambda a: np.linalg.lstsq(a, drawn(3, seed=3))[0], (3, 5)),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, -3), (3, 3)), "tensorinv": (np.linalg.tensorinv, (2, 3, 6)),
    "vecdot": (lambda a: np.linalg.vecdot(a, a[::-1]), (2, 3)),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_results_agree_with_differences_and_their_adjoint(name):
    f, shape = COMPLEX[name]
    A, D, h = drawn(*shape), drawn(*shape, seed=1), 1e-5

    def parts(a):
        r = f(a)
        return r if isinstance(r, tuple) else (r,)
    values, along = jvp(parts, (A,), (D,))
    u = tuple(drawn(*np.shape(d), seed=9) if np.iscomplexobj(d) else drawn(*np.shape(d), seed=9).real for d in along)
    for got, d, plain, above, below in zip(values, along, parts(A), parts(A + h * D), parts(A - h * D), strict=True):
        np.testing.assert_allclose(got, plain, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(d, (above - below) / (2 * h), rtol=1e-7, atol=1e-8 * (1 + np.max(np.abs(d))))
    (back,) = vjp(parts, A)[1](u)
    left, right = sum(np.sum(np.real(a * d)) for a, d in zip(u, along, strict=True)), np.sum(np.real(back * D))
    assert abs(left - right) <= 1e-12 * sum(np.sum(np.abs(a * d)) for a, d in zip(u, along, strict=True))


def test_the_pseudo_inverse_of_a_hermitian_matrix_depends_on_one_triangle_in_second_order_too():
    A, v, h = np.array([[1.0, 9.0], [2.0, 1.5]]), np.array([[0.5, -1.0], [2.0, 1.0]]), 1e-6

    def f(a):
        return np.sum(np.linalg.pinv(a, hermitian=True)**3)
    g = gradient(f)
    np.testing.assert_allclose(np.sum(g(A) * v), (f(A + h * v) - f(A - h * v)) / (2 * h), rtol=1e-7)
    np.testing.assert_allclose(hvp(f)(A, v), (g(A + h * v) - g(A - h * v)) / (2 * h), rtol=1e-7, atol=1e-8)


def test_an_order_of_matrices_is_refused_for_vectors_by_name():
    with pytest.raises(ValueError, match="nvalid norm order 'nuc' for vectors"):
        jacobian(lambda x: np.linalg.norm(x, "nuc"))(np.ones(3))


def test_all_four_results_of_lstsq_come_as_numpys_do():
    A, b = drawn(5, 3).real, drawn(5, seed=2).real
    (x, residuals, rank, s), (dx, _, drank, _) = jvp(lambda a: np.linalg.lstsq(a, b), (A,), (A,))
    assert rank == 3
    assert drank == 0
    assert residuals.shape == (1,)
    assert s.shape == (3,)
    np.testing.assert_allclose(dx, -x, rtol=1e-12)         # (tA)⁺ b = x/t
    assert jvp(lambda a: np.linalg.lstsq(a, b[:3])[1], (A[:3],), (A[:3],))[0].shape == (0,)


def test_slogdet_keeps_its_names_and_its_constant_sign():
    A = -np.diag([1.0, 2, 4])
    value, along = jvp(np.linalg.slogdet, (A,), (A,))
    assert type(value).__name__ == "SlogdetResult"
    assert value.sign == -1
    assert along.sign == 0
    assert abs(along.logabsdet - 3) < 1e-15


def test_a_matrix_is_factored_once_more_for_both_sides_of_a_system(monkeypatch):
    solve, factored = np.linalg.solve, []
    monkeypatch.setattr(np.linalg, "solve", lambda A, b: factored.append(A.shape) or solve(A, b))
    A, x = 4 * np.eye(3) + drawn(3, 3).real, np.arange(1.0, 4)

    def f(x):
        return solve(A + np.diag(x), np.sin(x))
    for run in (lambda: jacobian(f)(x), lambda: gradient(lambda x: np.sum(f(x)), mode="reverse")(x),
                lambda: jvp(f, (x,), (x,))):
        run()
        assert factored == [(3, 3)]
        factored.clear()


def test_cofactors_need_no_singular_values_where_the_inverse_has_its_digits(monkeypatch):
    svd, taken = np.linalg.svd, []
    monkeypatch.setattr(np.linalg, "svd", lambda *args: taken.append(args) or svd(*args))
    for A in (np.diag([1.0, 2, 3]), 1e-160 * np.eye(2), np.diag([1e-4, 1, 1])):
        cofactors = np.diag([np.prod(np.delete(np.diag(A), i)) for i in range(len(A))])
        np.testing.assert_allclose(gradient(np.linalg.det)(A), cofactors, rtol=1e-14)
    np.testing.assert_allclose(gradient(np.linalg.det)(np.array([[1, 1], [1, 1.0001]])), [[1.0001, -1], [-1, 1]], rtol=1e-14)
    assert len(taken) == 2  # the determinant underflows, or is badly conditioned


@pytest.mark.parametrize("nested", [False, True])
def test_cofactors_do_not_suffer_from_badly_scaled_rows_and_columns(nested):
    A, rows, columns = drawn(3, 3).real, np.array([1e-80, 1, 1e90]), np.array([1e30, 1e-30, 1e-5])
    scaled = rows[:, None] * A * columns
    cofactors = np.linalg.det(A) * np.linalg.inv(A).T * np.prod(rows) * np.prod(columns) / rows[:, None] / columns
    by_det = gradient(np.linalg.det)
    found = jvp(lambda s: by_det(s * scaled), (1.0,), (1.0,))[1] / 2 if nested else by_det(scaled)
    np.testing.assert_allclose(found, cofactors, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1000, 3), (3, 1000)])
@pytest.mark.parametrize("solved", [np.linalg.pinv, lambda A: np.linalg.lstsq(A, np.ones(len(A)))[0]], ids=["pinv", "lstsq"])
def test_least_squares_make_no_square_of_the_longer_side(solved, shape):
    A = drawn(*shape).real

    def loss(A):
        return np.sum(solved(A) ** 2)
    gradient(loss)(A)
    tracemalloc.start()
    gradient(loss, mode="reverse")(A)
    hvp(loss)(A, A)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * A.nbytes < 1000 * 1000 * 8


@pytest.mark.parametrize(("shape_a", "shape_b"), [
    ((3, 3), (3,)), ((3, 3), (3, 0)), ((3, 3), (2, 3, 1)), ((2, 3, 3), (3,)), ((2, 3, 3), (3, 2)), ((2, 1, 3, 3), (4, 3, 2)),
    ((0, 0), (0,)), ((0, 0), (0, 2))])
def test_systems_of_every_shape_move_as_their_residual_says(shape_a, shape_b):
    A, b, da, db = (drawn(*shape, seed=i).real for i, shape in enumerate((shape_a, shape_b, shape_a, shape_b)))
    X, dX = jvp(np.linalg.solve, (A, b), (da, db))
    wide = X[..., None] if len(shape_b) == 1 else X
    assert X.shape == dX.shape == np.linalg.solve(A, b).shape
    rest = da @ wide + A @ dX.reshape(wide.shape) - (db[:, None] if len(shape_b) == 1 else db)
    np.testing.assert_allclose(rest, np.zeros(rest.shape), atol=1e-12)
    u = drawn(*X.shape, seed=9).real
    back = vjp(np.linalg.solve, A, b)[1](u)
    np.testing.assert_allclose(np.sum(u * dX), sum(np.sum(g * d) for g, d in zip(back, (da, db), strict=True)), rtol=1e-10)


@pytest.mark.parametrize("order", [2, "nuc", -2, "fro", 1, np.inf])
def test_norms_scale_with_their_matrix(order):
    """Euler's theorem for homogeneous functions."""
    A = drawn(4, 3).real
    value, along = jvp(lambda a: np.linalg.norm(a, order), (A,), (A,))
    assert abs(along / value - 1) < 1e-14


def test_the_condition_does_not_change_with_scale():
    for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro"):
        A = drawn(2, 3, 3).real
        value, along = jvp(lambda a, p=p: np.linalg.cond(a, p), (A,), (A,))
        np.testing.assert_allclose(value, np.linalg.cond(A, p), rtol=1e-13)
        np.testing.assert_allclose(along / value, 0, atol=1e-13)


@pytest.mark.parametrize(("f", "A", "error", "words"), [
    (lambda a: np.linalg.qr(a, "complete")[0], np.eye(4, 3), RuleError, "mode='reduced'"),
    (lambda a: np.linalg.qr(a, "raw")[0], np.eye(3), RuleError, "Householder"),
    (lambda a: np.linalg.qr(a)[0], np.ones((3, 3)), DegenerateError, None),
    (lambda a: np.linalg.qr(a)[1], np.outer([1.0, 2, 3], [1, 2]), DegenerateError, "to rounding"),
    (lambda a: np.abs(np.linalg.qr(a * (1 + 0.3j))[1]), np.outer([1.0, 3], [1, 3]), DegenerateError, "to rounding"),
    (lambda a: np.linalg.slogdet(a)[1], np.zeros((2, 2)), DegenerateError, "singular"),
    (lambda a: np.linalg.cond(a, 1), np.zeros((2, 2)), DegenerateError, "singular")])
def test_what_has_no_derivative_is_refused_by_name(f, A, error, words):
    if error is DegenerateError and words is None:
        A = np.zeros_like(A)                               # exactly dependent columns
    with pytest.raises(error, match=words):
        gradient(lambda a: np.sum(f(a)))(A)


@pytest.mark.parametrize("A", [np.zeros((1, 1)), np.outer([1.0, 3], [1, 3]), np.array([[1.0, 2, 1], [2, 4, 0]])])
def test_the_last_column_of_a_square_q_needs_no_independence(A):
    """It is ± what the others leave, whatever the last number on R's diagonal."""
    v, h = drawn(*A.shape, seed=6).real, 1e-5
    for part in (0, 1):
        def f(a, part=part):
            return np.linalg.qr(a)[part]
        numeric = (f(A + h * v) - f(A - h * v)) / (2 * h)
        np.testing.assert_allclose(jvp(f, (A,), (v,))[1], numeric, atol=1e-8)
        np.testing.assert_allclose(np.tensordot(jacobian(f, mode="reverse")(A), v, 2), numeric, atol=1e-8)


def test_matrix_rank_is_constant():
    assert jacobian(lambda a: np.linalg.matrix_rank(a) * a)(np.eye(2)).shape == (2, 2, 2, 2)
    assert jvp(np.linalg.matrix_rank, (np.eye(3),), (np.eye(3),)) == (3, 0)


def test_single_precision_stays():
    A = drawn(4, 3).real.astype(np.float32)
    for f in (np.linalg.pinv, np.linalg.svdvals, lambda a: np.linalg.qr(a)[0], lambda a: np.linalg.eigvalsh(a.T @ a),
              lambda a: np.linalg.cholesky(a.T @ a), lambda a: np.linalg.norm(a, 2), lambda a: np.linalg.svd(a)[0][:, :3]):
        value, along = jvp(f, (A,), (A,))
        assert value.dtype == along.dtype == vjp(f, A)[1](np.ones_like(value))[0].dtype == np.float32


def test_empty_matrices_have_empty_derivatives():
    for f in (np.linalg.eigvalsh, np.linalg.svdvals, np.linalg.pinv, np.linalg.cholesky, np.linalg.eigvals):
        A = np.zeros((2, 0, 0))
        assert jvp(f, (A,), (A,))[1].shape == f(A).shape


@pytest.mark.parametrize("A", [np.zeros((2, 2)), np.arange(1.0, 10).reshape(3, 3), np.ones((3, 3)), np.diag([1.0, 0, 0, 0]),
                               np.diag([1.0, 1e-9, 1.0]), np.zeros((1, 1)), np.zeros((0, 0))])
def test_the_determinant_has_every_derivative_at_singular_matrices(A):
    """Its curvature is bilinear in minors of order n - 2: Leibniz' sum over the permutations, differentiated, says so."""
    def leibniz(A):
        n = A.shape[0]
        return sum((np.linalg.det(np.eye(n)[list(p)]) * np.prod(A[range(n), p]) for p in permutations(range(n))), 0 * np.sum(A))
    np.testing.assert_allclose(gradient(np.linalg.det)(A), gradient(leibniz)(A), atol=1e-14)
    np.testing.assert_allclose(hessian(np.linalg.det)(A), hessian(leibniz)(A), atol=1e-13)
    np.testing.assert_allclose(jacobian(jacobian(np.linalg.det))(A), hessian(leibniz)(A), atol=1e-13)
    np.testing.assert_allclose(jacobian(hessian(np.linalg.det))(A), jacobian(hessian(leibniz))(A), atol=1e-12)

"""The Jacobian as an operator: products, transposed products and matrices from one recorded run."""

import numpy as np
import pytest
from law_cases import CASES

import dualdiff as dd
from dualdiff import gradient, hvp, jacobian, jvp, linearize, vjp
from dualdiff.errors import HolomorphicError, ShapeError

RNG = np.random.default_rng(0)
A = RNG.standard_normal((4, 3))
X = RNG.standard_normal((3, 4))


def stencil(x):
    return x[2:] - 2 * x[1:-1] ** 2 + x[:-2] * np.sin(x[1:-1])


def flat(tree):
    return np.concatenate([np.ravel(part) for part in (tree if isinstance(tree, tuple | list) else [tree])])


def matrix(f, x):
    """The Jacobian as one (m, n) array, by a forward sweep."""
    value, J = dd.value_and_jacobian(f, tuple(range(len(x))))(*x)
    values, rows = (value, J) if isinstance(value, tuple | list) else ([value], [J])
    return np.block([[np.reshape(b, (np.size(v), np.size(a))) for b, a in zip(row, x, strict=True)]
                     for v, row in zip(values, rows, strict=True)])


@pytest.mark.parametrize("case", [c for c in CASES if all(np.size(x) for x in c.arguments())], ids=str)
def test_the_operator_is_the_matrix_of_the_forward_sweep(case):
    x = case.arguments()
    J, M = linearize(case.f, *x), matrix(case.f, x)
    m, n = J.shape
    u, V = RNG.standard_normal(m), RNG.standard_normal((n, 3))
    near = {"rtol": 1e-9, "atol": 1e-11 * (1 + np.abs(M).max(initial=0))}     # sums in another order
    assert np.allclose(J.todense(), M, **near)
    assert np.allclose(J.diagonal(), np.diagonal(M), **near)
    assert np.allclose(J @ V, M @ V, **near)
    if m:
        assert np.allclose(flat(u @ J), u @ M, **near)
    assert np.allclose(flat(J.value), flat(case.f(*x)), rtol=1e-12, atol=1e-14)


def test_f_runs_once_whatever_is_asked_of_the_operator():
    calls = []

    def f(x):
        calls.append(1)
        return stencil(x)
    J = linearize(f, np.linspace(0, 1, 6))
    J.T @ (J @ np.ones(6))
    J.todense()
    J.diagonal()
    assert len(calls) == 1


# ---- forms of a direction ----------------------------------------------------------------------------------------------
def test_a_direction_shaped_like_the_argument_gives_the_shape_of_the_result():
    J = linearize(lambda x: x @ A, X)
    V = RNG.standard_normal((12, 2))
    assert J.shape == (9, 12)
    assert (J @ X).shape == (J.T.T @ X).shape == (3, 3)
    assert (J @ X.ravel()).shape == (9,)
    assert np.allclose((J @ V)[:, 1], J @ V[:, 1])
    assert np.allclose(J.T @ np.eye(9), J.todense().T)
    assert np.allclose(np.eye(9) @ J, J.todense())
    assert np.allclose(J.T.todense() @ np.ones(9), (np.ones((3, 3)) @ J).ravel())


def test_arguments_and_results_may_be_trees():
    params = {"w": X, "b": np.ones(4)}
    J = linearize(lambda p: (np.tanh(p["w"]) @ p["b"], [p["b"][::-1]]), params)
    _, tangent = jvp(lambda p: (np.tanh(p["w"]) @ p["b"], [p["b"][::-1]]), (params,), ({"w": 2 * X, "b": np.ones(4)},))
    out = J @ {"w": 2 * X, "b": np.ones(4)}
    assert J.shape == (7, 16)
    assert np.allclose(out[0], tangent[0])
    assert np.allclose(out[1][0], tangent[1][0])
    assert np.allclose(flat((out[0], out[1][0])), J @ np.concatenate([2 * X.ravel(), np.ones(4)]))
    back = J.T @ (np.ones(3), [np.ones(4)])
    assert set(back) == {"w", "b"}
    assert np.allclose(np.concatenate([back["w"].ravel(), back["b"]]), J.todense().sum(axis=0))


def test_several_arguments_take_a_tuple_of_directions():
    J = linearize(lambda x, y: x * y, X[0], X[1])
    assert np.allclose(J @ (X[2], X[0]), X[2] * X[1] + X[0] * X[0])
    assert [g.shape for g in J.T @ np.ones(4)] == [(4,), (4,)]


def test_a_number_is_an_argument_too():
    J = linearize(np.sin, 0.5)
    assert J.shape == (1, 1)
    assert np.array_equal(J @ 2.0, 2 * np.cos(0.5))
    assert np.array_equal(J.todense(), [[np.cos(0.5)]])


def test_a_constant_has_a_jacobian_of_zeros():
    J = linearize(lambda x: np.ones(2), X)
    assert np.array_equal(J.todense(), np.zeros((2, 12)))
    assert np.array_equal(J @ X, np.zeros(2))
    assert np.array_equal(J.T @ np.ones(2), np.zeros((3, 4)))
    assert np.array_equal(J.diagonal(), np.zeros(2))


@pytest.mark.parametrize(("product", "message"), [
    (lambda J: J @ np.ones(5), r"the direction has shape \(5,\); it must have \(3, 4\), or \(12,\), or \(12, k\)"),
    (lambda J: J.T @ np.ones((2, 2)), r"the cotangent has shape \(2, 2\); it must have \(3, 3\)"),
    (lambda J: J @ (np.ones(3), np.ones(2)), r"shapes \(3,\), \(2,\)"),
])
def test_a_direction_that_does_not_fit_is_named(product, message):
    with pytest.raises(ShapeError, match=message):
        product(linearize(lambda x: x @ A, X))


# ---- levels ------------------------------------------------------------------------------------------------------------
def test_an_operator_is_differentiated_through():
    x, v = np.linspace(0.2, 1, 5), RNG.standard_normal(5)
    f = stencil
    close = {"rtol": 1e-12, "atol": 1e-13}                 # a few roundings in another order
    J = jacobian(f)
    assert np.allclose(jacobian(lambda x: linearize(f, x) @ v)(x), jacobian(lambda x: J(x) @ v)(x), **close)
    assert np.allclose(jacobian(lambda x: linearize(f, x).T @ np.ones(3))(x), jacobian(lambda x: J(x).sum(axis=0))(x), **close)
    assert np.allclose(jacobian(lambda x: linearize(f, x).todense())(x), jacobian(J)(x), **close)
    assert np.allclose(jacobian(lambda x: linearize(f, x).diagonal())(x), jacobian(lambda x: np.diagonal(J(x)))(x), **close)
    assert np.allclose(gradient(lambda x: np.sum(linearize(f, x) @ v), mode="reverse")(x),
                       jacobian(lambda x: np.sum(J(x) @ v))(x), **close)
    assert np.allclose(jacobian(lambda v: linearize(f, x) @ v)(v), J(x), **close)


def test_a_hessian_is_the_operator_of_a_gradient():
    def cost(x):
        return np.sum(np.exp(x[1:] * x[:-1]))
    x, v = np.linspace(0, 1, 6), RNG.standard_normal(6)
    H = linearize(gradient(cost, mode="reverse"), x)
    assert np.allclose(H @ v, hvp(cost)(x, v), rtol=1e-13)
    assert np.allclose(H.todense(), dd.hessian(cost)(x), rtol=1e-13)
    assert np.allclose(H.T @ v, H @ v, rtol=1e-13)


# ---- numbers -----------------------------------------------------------------------------------------------------------
def test_complex_arguments_need_a_holomorphic_function():
    z = np.array([1 + 2j, 0.5 - 1j])
    J = linearize(lambda z: z[::-1] * np.exp(z), z)
    assert np.allclose(J.todense(), jacobian(lambda z: z[::-1] * np.exp(z))(z))
    assert np.allclose(J.T @ (1j * z), J.todense().T @ (1j * z))
    with pytest.raises(HolomorphicError):
        linearize(np.conj, z)


def test_a_complex_result_of_real_arguments_has_a_complex_matrix():
    x = np.linspace(0.1, 1, 3)
    J = linearize(lambda x: np.real(np.exp(1j * x)) * 1j + x[::-1] * (1 - 2j) * np.imag(x * 1j), x)
    M = J.todense()
    v, u = np.array([1 + 1j, 2, -1j]), np.array([1j, 1 - 1j, 2])
    assert M.dtype == complex
    assert np.allclose(J @ v, M @ v)
    assert np.allclose(J.T @ u, M.T @ u)
    assert np.allclose(linearize(lambda x: x * x[::-1], x).T @ u, linearize(lambda x: x * x[::-1], x).todense().T @ u)


def test_an_infinite_partial_leaves_its_neighbours_alone():
    J = linearize(lambda x: np.stack([np.sqrt(x[0]), x[1] ** 2]), np.array([0.0, 3.0]))
    assert np.array_equal(J.todense(), [[np.inf, 0], [0, 6]])
    assert np.array_equal(J @ np.array([0.0, 1.0]), [0, 6])
    assert np.array_equal(J.T @ np.array([0.0, 1.0]), [0, 6])


def test_an_infinite_direction_meets_zeros_as_zeros():
    B = np.array([[1.0, 0.0], [0.0, 2.0]])
    J = linearize(lambda x: B @ x, np.ones(2))
    assert np.array_equal(J @ np.array([np.inf, 1.0]), [np.inf, 2])
    assert np.array_equal(J.T @ np.array([1.0, np.inf]), [1, np.inf])
    assert np.array_equal(vjp(lambda x: B @ x, np.ones(2))[1](np.array([1.0, np.inf]))[0], [1, np.inf])


def test_single_precision_stays_single():
    x = np.linspace(0, 1, 4, dtype=np.float32)
    J = linearize(np.cumsum, x)
    assert J.dtype == (J @ x).dtype == (J.T @ x).dtype == J.todense().dtype == np.float32


# ---- memory ------------------------------------------------------------------------------------------------------------
def test_the_bytes_of_the_record_are_those_of_its_arrays():
    n = 1000
    assert linearize(lambda x: np.exp(np.sin(x) * 2) + 1, np.ones(n)).nbytes == 8 * n
    W = RNG.standard_normal((n, 3))
    assert linearize(lambda x: x @ W, np.ones(n)).nbytes == W.nbytes
    W.flags.writeable = False                              # else each use keeps a copy, which no later write can reach
    assert linearize(lambda x: x @ W, np.ones(n)).nbytes == W.nbytes
    assert linearize(lambda x: np.tanh(x @ W) @ W.T, np.ones(n)).nbytes == W.nbytes + 3 * 8


# ---- SciPy -------------------------------------------------------------------------------------------------------------
def test_scipy_s_krylov_solvers_take_the_operator():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    n = 30

    def f(x):
        return 3 * x + 0.5 * x**2 - np.roll(x, 1) - 0.5 * np.roll(x, -2)
    x = np.linspace(0, 1, n)
    J = linearize(f, x)
    b = RNG.standard_normal(n)
    step, info = linalg.gmres(J.aslinearoperator(), b, rtol=1e-12)
    assert info == 0
    assert np.allclose(J @ step, b)
    assert np.allclose(linalg.lsmr(J.aslinearoperator(), b, atol=1e-14, btol=1e-14)[0], step)
    assert np.allclose(J.aslinearoperator() @ np.eye(n), J.todense())
    assert np.allclose(J.aslinearoperator().rmatmat(np.eye(n)), J.todense().T)


def test_a_column_is_a_vector_to_scipy():
    pytest.importorskip("scipy")
    J = linearize(lambda x: np.reshape(x, (2, 3)) * 2, np.ones(6)).aslinearoperator()
    assert (J @ np.ones(6)).shape == (6,)
    assert (J.T @ np.ones(6)).shape == (6,)
    assert (J @ np.ones((6, 1))).shape == (6, 1)


def test_the_adjoint_of_a_complex_operator_is_conjugated():
    pytest.importorskip("scipy")
    z = np.array([1 + 2j, 0.5 - 1j])
    J = linearize(lambda z: z[::-1] * z * 1j, z)
    assert np.allclose(J.aslinearoperator().rmatvec(z), J.todense().conj().T @ z)


def test_a_dual_on_the_left_meets_the_operator():
    J = linearize(lambda x: x @ A.T, np.ones(3))
    assert np.allclose(jacobian(lambda u: u @ J)(np.ones(4)), J.todense().T)


def test_the_sparse_matrix_comes_from_the_record():
    sparse = pytest.importorskip("scipy.sparse")
    x = np.linspace(0, 1, 50)
    calls = []

    def f(x):
        calls.append(1)
        return stencil(x), x[::7] * x.sum(), np.ones(2)
    J = linearize(f, x)
    M = J.tosparse()
    assert calls == [1]
    assert isinstance(M, sparse.csr_array)
    assert np.array_equal(M.toarray(), J.todense())
    assert linearize(stencil, x).tosparse().nnz == 3 * 48
    assert np.array_equal(J.T.tosparse().toarray(), J.todense().T)
    assert np.array_equal(linearize(np.sqrt, np.array([0.0, 4.0])).tosparse().toarray(), [[np.inf, 0], [0, 0.25]])


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint8])
def test_directions_and_cotangents_of_whole_numbers_add_up_as_numbers(kind):
    f = lambda x: x[1:] + x[:-1]                           # 100 + 100 is -56 in int8, True + True is True
    J, (_, pullback) = linearize(f, np.arange(4.0)), vjp(f, np.arange(4.0))
    v, u = np.full(4, 100).astype(kind), np.full(3, 100).astype(kind)
    for forward in (J @ v, J.aslinearoperator() @ v, J @ v.tolist(), jvp(f, (np.arange(4.0),), (v,))[1]):
        np.testing.assert_array_equal(forward, J.todense() @ v.astype(float), strict=True)
    for back in (J.T @ u, u @ J, J.aslinearoperator().rmatvec(u), pullback(u)[0]):
        np.testing.assert_array_equal(back, u.astype(float) @ J.todense(), strict=True)


def test_the_diagonal_of_results_that_begin_behind_it():
    J = linearize(lambda x: [np.cumsum(x), x[0], 2.0 * x[:2]], np.ones(3))
    np.testing.assert_array_equal(J.diagonal(), np.diagonal(J.todense()))

"""Eigenvalues and singular values: simple and repeated, real and complex, against analytic answers and differences."""

import numpy as np
import pytest

from dualdiff import gradient, hessian, jacobian, jvp, vjp
from dualdiff.errors import DegenerateError

rng = np.random.default_rng(5)


def orthogonal(n, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


def symmetric(n):
    S = np.random.default_rng(n).standard_normal((n, n))
    return S + S.T


REPEATED = [2 * np.eye(4), np.diag([1.0, 3, 3, 3]), *(
    (orthogonal(4) * w) @ orthogonal(4).T for w in ([1, 1, 2, 2.0], [1, 1, 1, 2.0], [3, 3, 3, 3.0]))]
every_repeated = pytest.mark.parametrize("A", [(A + A.T) / 2 for A in REPEATED])


def matrix_function(g):
    def f(A):
        w, V = np.linalg.eigh(A)
        return V @ (g(w)[:, None] * V.T)
    return f


@every_repeated
def test_functions_of_a_matrix_are_exact_at_repeated_eigenvalues(A):
    S = symmetric(4)
    np.testing.assert_allclose(jvp(matrix_function(lambda w: w), (A,), (S,))[1], S, rtol=0, atol=1e-13)
    R, dR = jvp(matrix_function(np.sqrt), (A,), (S,))
    np.testing.assert_allclose(R @ dR + dR @ R, S, rtol=0, atol=1e-13)
    dE = jvp(matrix_function(lambda w: w**3), (A,), (S,))[1]
    np.testing.assert_allclose(dE, S @ A @ A + A @ S @ A + A @ A @ S, rtol=0, atol=1e-12)


@every_repeated
def test_sorted_eigenvalues_have_their_directional_derivatives(A):
    S, h = symmetric(4), 1e-7
    found = jvp(np.linalg.eigvalsh, (A,), (S,))[1]
    np.testing.assert_allclose(found, (np.linalg.eigvalsh(A + h * S) - np.linalg.eigvalsh(A)) / h, atol=2e-6)


def test_eigenvalues_split_as_the_direction_says():
    assert jvp(np.linalg.eigvalsh, (np.eye(3),), (np.diag([2.0, -1, 5]),))[1].tolist() == [-1, 2, 5]
    _, V = jvp(np.linalg.eigh, (np.eye(2),), (np.array([[0, 1.0], [1, 0]]),))[0]
    np.testing.assert_allclose(np.abs(V), np.full((2, 2), np.sqrt(0.5)))


@every_repeated
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_trace_of_a_root_is_right_in_every_sweep(A, mode):
    found = gradient(lambda a: np.sum(np.sqrt(np.linalg.eigh((a + a.T) / 2)[0])), mode=mode)(A)
    np.testing.assert_allclose(found, np.linalg.inv(matrix_function(np.sqrt)(A)) / 2, rtol=0, atol=1e-14)


@every_repeated
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_eigenvectors_of_repeated_values_raise_where_they_are_used(A, mode):
    with pytest.raises(DegenerateError, match=r"numpy\.linalg\.eigh: eigenvectors of the repeated values [123], .*\.jvp"):
        gradient(lambda a: np.sum(np.linalg.eigh(a)[1][:, 0]), mode=mode)(A)


def test_the_hessian_of_a_trace_at_repeated_values_raises_rather_than_losing_terms():
    with pytest.raises(DegenerateError, match="2, 2, 2"):
        hessian(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2))(2 * np.eye(3))


def test_a_defective_matrix_raises():
    for f in (np.linalg.eigvals, lambda a: np.linalg.eig(a)[0]):
        with pytest.raises(DegenerateError, match="1, 1 are repeated and lack eigenvectors"):
            jacobian(f)(np.array([[1.0, 1], [0, 1]]))


def test_repeated_eigenvalues_of_a_general_matrix_share_their_mean():
    T = np.random.default_rng(3).standard_normal((3, 3))
    A = T @ np.diag([2.0, 2, 5]) @ np.linalg.inv(T)
    found = gradient(lambda a: np.sum(np.real(np.linalg.eigvals(a)) ** 3))(A)
    np.testing.assert_allclose(found, 3 * (A @ A).T, rtol=1e-11)
    with pytest.raises(DegenerateError, match="eigenvectors"):
        jacobian(lambda a: np.abs(np.linalg.eig(a)[1]))(np.eye(3))


# ---- singular values -------------------------------------------------------------------------------------------------
SINGULAR = [[2, 2, 1], [1, 1, 1], [2, 1, 0], [2, 0, 0], [2, 2, 0], [0, 0, 0]]


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("m", "n"), [(4, 3), (3, 5), (3, 3)])
@pytest.mark.parametrize("s", SINGULAR, ids=str)
def test_singular_vectors_rebuild_the_direction_at_repeated_and_zero_values(s, m, n, full):
    A = (orthogonal(m, 1)[:, :3] * s) @ orthogonal(n, 2)[:, :3].T
    D, h = np.random.default_rng(8).standard_normal((m, n)), 1e-7

    def rebuilt(a):
        U, t, Vh = np.linalg.svd(a, full_matrices=full)
        return (U[:, :3] * t) @ Vh[:3]

    np.testing.assert_allclose(jvp(rebuilt, (A,), (D,))[1], D, rtol=0, atol=1e-13)
    found = jvp(np.linalg.svdvals, (A,), (D,))[1]
    np.testing.assert_allclose(found, (np.linalg.svdvals(A + h * D) - np.linalg.svdvals(A)) / h, atol=3e-6)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("s", SINGULAR, ids=str)
def test_the_nuclear_norm_has_its_least_subgradient(s, mode):
    U, V = orthogonal(4, 1)[:, :3], orthogonal(3, 2)
    found = gradient(lambda a: np.linalg.norm(a, "nuc"), mode=mode)((U * s) @ V.T)
    np.testing.assert_allclose(found, (U * np.sign(s)) @ V.T, rtol=0, atol=1e-14)


def test_the_polar_factor_is_exact_at_equal_singular_values():
    """A = Q P with P = 1: dQ is the antisymmetric part of Qᵀ dA."""
    Q, D = orthogonal(3), np.random.default_rng(1).standard_normal((3, 3))

    def polar(a):
        U, _, Vh = np.linalg.svd(a)
        return U @ Vh
    np.testing.assert_allclose(jvp(polar, (Q,), (D,))[1], Q @ (Q.T @ D - D.T @ Q) / 2, rtol=0, atol=1e-14)
    with pytest.raises(DegenerateError, match="singular vectors of the repeated values 1, 1, 1"):
        gradient(lambda a: np.sum(polar(a)), mode="reverse")(Q)


# ---- complex and simple ----------------------------------------------------------------------------------------------
def complex_matrix(*shape):
    r = np.random.default_rng(4)
    return r.standard_normal(shape) + 1j * r.standard_normal(shape)


def exponential(a):
    w, V = np.linalg.eigh(a)
    return (V * np.exp(w / 3)[..., None, :]) @ np.conj(np.swapaxes(V, -1, -2))


def sine_of_singular_values(a):
    U, s, Vh = np.linalg.svd(a, full_matrices=False)
    return (U * np.sin(s)[..., None, :]) @ Vh


def onto_the_complement(a):
    U = np.linalg.svd(a)[0][..., a.shape[-1]:]
    return U @ np.conj(np.swapaxes(U, -1, -2))


GAUGE_FREE = {
    "eigh": (exponential, 3, 3), "eig values": (lambda a: np.linalg.eig(a)[0], 3, 3),
    "eig vectors": (lambda a: np.linalg.eig(a)[1], 3, 3), "eigvals": (np.linalg.eigvals, 3, 3),
    "svd values": (lambda a: np.linalg.svd(a, compute_uv=False), 4, 3), "svd tall": (sine_of_singular_values, 4, 3),
    "svd wide": (sine_of_singular_values, 3, 5), "svd complement": (onto_the_complement, 5, 3)}


@pytest.mark.parametrize("name", GAUGE_FREE)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_complex_spectra_agree_with_differences_and_their_adjoint(name, batch):
    f, m, n = GAUGE_FREE[name]
    A, D, h = complex_matrix(*batch, m, n), complex_matrix(*batch, m, n)[..., ::-1, :], 1e-5
    value, along = jvp(f, (A,), (D,))
    np.testing.assert_array_equal(value, f(A))
    np.testing.assert_allclose(along, (f(A + h * D) - f(A - h * D)) / (2 * h), rtol=1e-7, atol=1e-7)
    u = np.exp(1j * np.arange(np.size(value))).reshape(np.shape(value))
    (back,) = vjp(f, A)[1](u)
    assert abs(np.sum(np.real(u * along)) - np.sum(np.real(back * D))) < 1e-12 * np.sum(np.abs(u * along))


def test_results_keep_numpys_names_and_values():
    A = symmetric(3)
    w = jvp(np.linalg.eigh, (A,), (A,))
    assert type(w[0]).__name__ == type(w[1]).__name__ == "EighResult"
    np.testing.assert_array_equal(w[0].eigenvectors, np.linalg.eigh(A).eigenvectors)
    np.testing.assert_allclose(w[1].eigenvalues, w[0].eigenvalues, rtol=1e-13)   # d(tA) = A dt: the values scale,
    np.testing.assert_allclose(w[1].eigenvectors, 0, atol=1e-13)                 # the vectors stay


def test_only_the_triangle_that_numpy_reads_has_a_derivative():
    for uplo, silent in (("L", np.triu), ("U", np.tril)):
        G = gradient(lambda a, uplo=uplo: np.linalg.eigvalsh(a, uplo)[0])(symmetric(3))
        assert np.all(silent(G, 1 if uplo == "L" else -1) == 0)
        assert np.count_nonzero(G) == 6

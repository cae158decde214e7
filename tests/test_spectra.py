"""Eigenvalues and singular values: simple and repeated, real and complex, against analytic answers and differences."""

import numpy as np
import pytest

from dualdiff import DualArray, derivative, gradient, hessian, hvp, jacobian, jvp, linearize, stop_gradient, vjp
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
    assert sorted(jvp(np.linalg.eigvals, (np.eye(3),), (np.diag([2.0, -1, 5]) + np.eye(3, k=1),))[1]) == [-1, 2, 5]
    turn = np.array([[0, 1.0], [-1, 0]])
    if np.iscomplexobj(np.linalg.eigvals(np.eye(2))):      # since NumPy 2.5
        found = sorted(jvp(np.linalg.eigvals, (np.eye(2),), (turn,))[1], key=np.imag)
        np.testing.assert_allclose(found, [-1j, 1j], rtol=0, atol=1e-15)
    else:
        with pytest.raises(DegenerateError, match="become complex"):
            jvp(np.linalg.eigvals, (np.eye(2),), (turn,))


@every_repeated
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_trace_of_a_root_is_right_in_every_sweep(A, mode):
    found = gradient(lambda a: np.sum(np.sqrt(np.linalg.eigh((a + a.T) / 2)[0])), mode=mode)(A)
    np.testing.assert_allclose(found, np.linalg.inv(matrix_function(np.sqrt)(A)) / 2, rtol=0, atol=1e-14)


def every_way(f, A, S):
    """df along S in every mode of a sweep, each as an array."""
    value = f(A)
    U = np.cos(np.arange(1.0, np.size(value) + 1)).reshape(np.shape(value))
    along = jvp(f, (A,), (S,))[1]
    yield "one direction", along, along
    yield "two directions", jvp(f, (A,), (np.stack([S, -2 * S]),))[1][1], -2 * along
    yield "derivative", derivative(lambda t: f(A + t * S))(0.0), along
    yield "jacobian", np.tensordot(jacobian(f)(A), S, 2), along
    yield "pullback", np.sum(vjp(f, A)[1](U)[0] * S), np.sum(U * along)
    for mode in ("forward", "reverse"):
        yield mode, np.sum(gradient(lambda a: np.sum(U * f(a)), mode=mode)(A) * S), np.sum(U * along)
    yield "linearize", linearize(f, A) @ S, along


def divided(g, dg, w):
    """Daleckii and Krein's matrix: (g(wᵢ) - g(wⱼ)) / (wᵢ - wⱼ), and g' between equals."""
    gap = w[:, None] - w
    equal = np.abs(gap) < 1e-9
    return np.where(equal, dg(w)[:, None], (g(w)[:, None] - g(w)) / np.where(equal, 1, gap))


SPELLINGS = {
    "V g(w) Vᵀ": lambda w, V: (V * np.exp(w)) @ V.T, "V diag(g(w)) Vᵀ": lambda w, V: V @ np.diag(np.exp(w)) @ V.T,
    "einsum": lambda w, V: np.einsum("ij,j,kj->ik", V, np.exp(w), V),
    "a loop": lambda w, V: sum(np.exp(w[i]) * np.outer(V[:, i], V[:, i]) for i in range(len(w))),
    "inverse": lambda w, V: np.linalg.solve(V.T, np.exp(w)[:, None] * V.T)}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("w", [[2, 2], [2, 2, 2], [1, 2, 2, 3], [1, 1, 2, 2.0], [3, 3, 3, 3, 3]], ids=str)
def test_a_function_of_a_matrix_is_right_at_repeated_eigenvalues_in_every_mode(w, spelling):
    n = len(w)
    Q, S = orthogonal(n), symmetric(n)
    A = (Q * w) @ Q.T
    A = (A + A.T) / 2
    w, V = np.linalg.eigh(A)
    expected = V @ (divided(np.exp, np.exp, w) * (V.T @ S @ V)) @ V.T

    def f(a):
        return SPELLINGS[spelling](*np.linalg.eigh((a + a.T) / 2))
    for mode, found, along in every_way(f, A, S):
        np.testing.assert_allclose(found, along, rtol=0, atol=1e-11 * np.max(np.abs(along)), err_msg=mode)
    np.testing.assert_allclose(along, expected if np.ndim(along) else 0, rtol=0, atol=1e-12 * np.max(np.abs(expected)))


BASIS = {
    "vector": lambda a: np.linalg.eigh(a)[1][:, 1],
    "abs": lambda a: np.sum(np.abs(np.linalg.eigh(a)[1])),
    "fourth powers": lambda a: np.sum(np.linalg.eigh(a)[1] ** 4), "result": np.linalg.eigh,
    "unequal weights": lambda a: (np.linalg.eigh(a)[1] * np.arange(4.0)) @ np.linalg.eigh(a)[1].T}
SWEEPS = {"jvp": lambda f, A: jvp(f, (A,), (symmetric(4),)), "directions": lambda f, A: jvp(f, (A,), (np.stack([A, A]),)),
          "jacobian": lambda f, A: jacobian(f)(A), "vjp": lambda f, A: vjp(f, A)[1](f(A)),
          "derivative": lambda f, A: derivative(lambda t: f(A + t * symmetric(4)))(0.0),
          "hand": lambda f, A: [part + 0 for part in f(DualArray(A, symmetric(4)))],
          "nested": lambda f, A: jvp(lambda t: jvp(f, (A * t,), (symmetric(4),))[1], (1.0,), (1.0,))}


@every_repeated
@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("use", BASIS)
def test_what_depends_on_the_basis_of_repeated_values_raises_and_names_them(use, sweep, A):
    with pytest.raises(DegenerateError, match=r"numpy\.linalg\.eigh: eigenvectors of the repeated values [123], "):
        SWEEPS[sweep](BASIS[use], A)


@every_repeated
def test_a_vector_that_a_vanishing_difference_multiplies_raises(A):
    def f(a):
        w, V = np.linalg.eigh(a)
        return (w[2] - w[1]) * V[:, 1] + (w[1] - w[0]) * V[:, 2]
    with pytest.raises(DegenerateError, match="repeated values"):
        jvp(f, (A,), (symmetric(4),))


@pytest.mark.parametrize("sweep", ["jvp", "jacobian"])
def test_the_vectors_that_full_matrices_adds_may_be_used_as_a_space_only(sweep):
    A, D = np.random.default_rng(2).standard_normal((5, 3)), np.random.default_rng(3).standard_normal((5, 3))

    def taken(f):
        return jvp(f, (A,), (D,))[1] if sweep == "jvp" else np.tensordot(jacobian(f)(A), D, 2)
    def projector(a):
        U = np.linalg.svd(a)[0]
        return U[:, 3:] @ U[:, 3:].T
    found = taken(projector)
    np.testing.assert_allclose(found, taken(lambda a: np.eye(5) - a @ np.linalg.pinv(a)), rtol=0, atol=1e-13)
    for f in (lambda a: np.linalg.svd(a)[0], lambda a: np.linalg.svd(a)[0][:, 3:].T @ a, lambda a: np.linalg.svd(a.T)[2][4]):
        with pytest.raises(DegenerateError, match="the 2 vectors that full_matrices adds"):
            taken(f)


def test_a_kinked_function_of_the_values_beside_the_vectors_takes_the_mean():
    def largest(a):
        w, V = np.linalg.eigh(a)
        return w[-1] * np.sum(V @ V.T) / 3
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(gradient(largest, mode=mode)(2 * np.eye(3)), np.eye(3) / 3, atol=1e-15)


def test_the_function_runs_once_where_the_vectors_are_not_used_and_a_few_times_where_they_are():
    def count(f, A):
        calls = []
        gradient(lambda a: [calls.append(1), f(a)][1], mode="reverse")(A)
        return len(calls)
    assert count(lambda a: np.sum(np.linalg.eigh(a)[0] ** 3), 2 * np.eye(4)) == 1
    trace = matrix_function(np.exp)
    assert count(lambda a: np.sum(trace(a)), np.diag([1.0, 2, 3, 4])) == 1
    assert count(lambda a: np.sum(trace(a)), np.diag([1.0, 2, 2, 4])) == 1 + 3 + 1
    assert count(lambda a: np.sum(trace(a)), 2 * np.eye(4)) == 1 + 3 + 3
    assert count(lambda a: np.sum(trace(a)), 2 * np.eye(5)) == 1 + 3 + 5


def test_second_derivatives_at_repeated_values_raise_where_the_vectors_are_used():
    f = matrix_function(np.exp)
    with pytest.raises(DegenerateError, match="2, 2, 2"):
        hessian(lambda a: np.sum(f(a)[0]))(2 * np.eye(3))


@pytest.mark.parametrize("shape", [(2, 3, 3), (0, 3, 3)])
def test_batches_and_complex_matrices_with_repeated_values_are_right(shape):
    Q = np.linalg.qr(complex_matrix(*shape))[0]
    A = (Q * np.array([1.0, 2, 2])) @ np.conj(np.swapaxes(Q, -1, -2))
    D = complex_matrix(*shape)
    D = D + np.conj(np.swapaxes(D, -1, -2))
    along = jvp(exponential, (A,), (D,))[1]
    u = complex_matrix(*shape)
    back = vjp(exponential, A)[1](u)[0]
    # of A, which stays Hermitian, NumPy reads one triangle
    assert abs(np.sum(np.real(u * along)) - np.sum(np.real(back * D))) < 1e-12 * (1 + np.sum(np.abs(u * along)))
    h = 1e-5
    np.testing.assert_allclose(along, (exponential(A + h * D) - exponential(A - h * D)) / (2 * h), rtol=1e-7, atol=1e-7)


@every_repeated
def test_second_derivatives_of_the_values_are_right_at_repeated_ones(A):
    S, T = symmetric(4), symmetric(4)[::-1, ::-1]

    def cubes(a):
        return np.sum(np.linalg.eigvalsh((a + a.T) / 2) ** 3)
    expected = 3 * np.trace(S @ A @ T + A @ S @ T)
    H = hessian(cubes)(A)
    np.testing.assert_allclose(np.einsum("ij,ijkl,kl", S, H, T), expected, rtol=1e-12)
    np.testing.assert_allclose(np.sum(hvp(cubes)(A, S) * T), expected, rtol=1e-12)
    np.testing.assert_allclose(jvp(lambda a: jvp(cubes, (a,), (S,))[1], (A,), (T,))[1], expected, rtol=1e-12)
    np.testing.assert_allclose(derivative(lambda t: cubes(A + t * S), order=2)(0.0), 6 * np.trace(A @ S @ S), rtol=1e-12)
    B = A @ orthogonal(4, 3)                               # its singular values are A's eigenvalues
    norm = hessian(lambda b: np.sum(np.linalg.svdvals(b) ** 4))(B)
    expected = hessian(lambda b: np.sum((b @ b.T) ** 2))(B)
    np.testing.assert_allclose(norm, expected, rtol=0, atol=1e-12 * np.max(np.abs(expected)))


def test_second_derivatives_of_one_of_several_equal_values_raise():
    for f in (lambda a: np.linalg.eigvalsh(a)[0] ** 2, lambda a: np.linalg.eigh(a)[0][1]):
        for second in (hessian(f), lambda a, f=f: jvp(lambda b: jvp(f, (b,), (symmetric(3),))[1], (a,), (symmetric(3),))):
            with pytest.raises(DegenerateError, match="2, 2, 2"):
                second(2 * np.eye(3))


def test_a_defective_matrix_raises():
    for f in (np.linalg.eigvals, lambda a: np.linalg.eig(a)[0]):
        with pytest.raises(DegenerateError, match=r"1(\+0j)?, 1(\+0j)? are repeated and lack eigenvectors"):
            jacobian(f)(np.array([[1.0, 1], [0, 1]]))


@pytest.mark.parametrize("sweep", [
    gradient, hessian, lambda f: jacobian(f, mode="reverse"), lambda f: lambda x: jvp(f, (x,), (np.ones(2),))[1],
    lambda f: lambda x: vjp(f, x)[1](1.0)])
@pytest.mark.parametrize("unit", [1.0, 1j])
def test_eigenvalues_of_a_defective_matrix_may_be_compared_and_nothing_else(sweep, unit):
    def spectra(p):
        A = np.eye(2, k=1) + unit * np.eye(2) * p[0]
        return np.linalg.eigvals(A), *np.linalg.eig(A)

    def compared(p):
        w, v, V = spectra(p)
        unstable = np.any(w.real > 9) or v[0].imag > 9 or np.abs(stop_gradient(w)[1]) > 9 or np.all(V > 9)
        return p[0] ** 2 if unstable else p[1] ** 2

    p = np.array([0.5, 2.0])
    np.testing.assert_array_equal(sweep(compared)(p), sweep(lambda p: p[1] ** 2)(p))
    for use in (lambda w, p: np.max(np.abs(w)), lambda w, p: 0 * w[0].real + p[0], lambda w, p: np.stack([w.real[1], p[0]])[1]):
        for i in range(3):
            with pytest.raises(DegenerateError, match="lack eigenvectors"):
                sweep(lambda p, i=i, use=use: use(np.ravel(spectra(p)[i]), p))(p)


def test_equal_eigenvalues_that_a_direction_makes_complex_raise_where_they_are_used():
    turn = (np.eye(2),), (np.array([[0.0, 1], [-1, 0]]),)
    assert jvp(lambda a: np.sum(a) * np.all(np.linalg.eigvals(a) > 0), *turn) == (2, 0)
    if np.iscomplexobj(np.linalg.eigvals(np.eye(2))):  # as those of real matrices are since NumPy 2.5
        assert sorted(jvp(np.linalg.eigvals, *turn)[1].imag) == [-1.0, 1.0]
        return
    with pytest.raises(DegenerateError, match="along this direction equal eigenvalues become complex"):
        jvp(np.linalg.eigvals, *turn)


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
    expected = np.tensordot(jacobian(polar)(Q), D, 2)
    np.testing.assert_allclose(expected, Q @ (Q.T @ D - D.T @ Q) / 2, rtol=0, atol=1e-14)


def polar_factor(a):
    U, _, Vh = np.linalg.svd(a, full_matrices=False)
    return U @ Vh


def squared(a):
    U, s, _ = np.linalg.svd(a)
    return (U[:, :3] * s**2) @ U[:, :3].T


@pytest.mark.parametrize(("m", "n"), [(3, 3), (4, 3), (3, 5)])
@pytest.mark.parametrize("s", [[2, 2, 1], [1, 1, 1], [3, 2, 2]], ids=str)
def test_functions_of_singular_values_are_right_at_repeated_ones_in_every_mode(s, m, n):
    A = (orthogonal(m, 1)[:, :3] * s) @ orthogonal(n, 2)[:, :3].T
    D, h = np.random.default_rng(8).standard_normal((m, n)), 1e-5
    for f in (sine_of_singular_values, polar_factor, squared):
        for mode, found, along in every_way(f, A, D):
            np.testing.assert_allclose(found, along, rtol=0, atol=1e-12 * np.max(np.abs(along)) + 1e-12, err_msg=mode)
            if mode == "one direction":
                np.testing.assert_allclose(along, (f(A + h * D) - f(A - h * D)) / (2 * h), rtol=0, atol=1e-8)


@pytest.mark.parametrize("sweep", ["jvp", "jacobian"])
@pytest.mark.parametrize("s", [[2, 2, 1], [2, 1, 0], [2, 0, 0], [0, 0, 0]], ids=str)
def test_singular_vectors_that_are_undefined_raise(s, sweep):
    A = (orthogonal(3, 1) * s) @ orthogonal(3, 2).T
    uses = [lambda a: np.linalg.svd(a)[0], lambda a: np.linalg.svd(a)[2][0] ** 4, lambda a: np.linalg.svd(a)[0].T @ a]
    for f in uses[:1] + uses[2:] + (uses[1:2] if s[0] == s[1] else []):
        named = "2, 2 are" if s[0] == s[1] == 2 else r"(0|[\d.]+e-\d\d)(, (0|[\d.]+e-\d\d))* are"
        with pytest.raises(DegenerateError, match=f"singular vectors of the repeated values {named}"):
            jvp(f, (A,), (orthogonal(3, 5),)) if sweep == "jvp" else jacobian(f)(A)


@pytest.mark.parametrize("s", [[2, 1, 0], [2, 0, 0], [0, 0, 0]], ids=str)
def test_the_polar_factor_of_a_singular_matrix_has_no_derivative(s):
    """It jumps at s = 0: of a direction and its opposite, one at most leads to where the vectors at hand are."""
    A = (orthogonal(3, 1) * s) @ orthogonal(3, 2).T
    with pytest.raises(DegenerateError, match="singular vectors of the repeated values"):
        jacobian(polar_factor)(A)
    D = orthogonal(3, 5)
    with pytest.raises(DegenerateError, match="singular vectors of the repeated values"):
        [jvp(polar_factor, (A,), (along,)) for along in (D, -D)]


CENTRED = np.random.default_rng(6).standard_normal((4, 5))  # of rank 3 once its mean is taken off


@pytest.mark.parametrize("part", [
    lambda U, s, Vh: Vh[0], lambda U, s, Vh: U.T[1:3], lambda U, s, Vh: U[:, :2] * s[:2] @ Vh[:2],
    lambda U, s, Vh: Vh[s > 1e-9]])
@pytest.mark.parametrize("full", [True, False])
def test_singular_vectors_beside_those_of_zeros_have_their_derivatives_in_every_mode(part, full):
    def f(a):
        U, s, Vh = np.linalg.svd(a - np.mean(a, axis=0), full_matrices=full)
        return np.abs(part(U, s, Vh[:4]))
    D, h = np.random.default_rng(7).standard_normal((4, 5)), 1e-6
    along = (f(CENTRED + h * D) - f(CENTRED - h * D)) / (2 * h)
    for mode, found, expected in every_way(f, CENTRED, D):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13, err_msg=mode)
        if mode == "one direction":
            np.testing.assert_allclose(expected, along, rtol=0, atol=1e-8)


@pytest.mark.parametrize("use", [lambda U, s, Vh: Vh[3], lambda U, s, Vh: Vh[4], lambda U, s, Vh: U * s @ Vh[:4],
                                 lambda U, s, Vh: np.sum(U[:, 2:])])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_singular_vectors_of_zeros_raise_whatever_stands_beside_them(use, mode):
    with pytest.raises(DegenerateError, match="singular vectors of the repeated values"):
        jacobian(lambda a: use(*np.linalg.svd(a - np.mean(a, axis=0))), mode=mode)(CENTRED)


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


def test_the_columns_that_full_matrices_adds_are_placed_and_mirrored_not_multiplied_by_squares(monkeypatch):
    A, v = np.random.default_rng(0).normal(size=(2, 200, 3))
    monkeypatch.setattr(np.linalg, "qr", lambda *args: pytest.fail("a basis of 197 vectors"))
    monkeypatch.setattr(np, "eye", lambda *args, **options: pytest.fail("a matrix that only places"))
    full, thin = (jvp(lambda A, full=full: np.linalg.svd(A, full_matrices=full)[1:], (A,), (v,))[1] for full in (True, False))
    for a, b in zip(full, thin, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)

    def outside(A):
        U = np.linalg.svd(A)[0][:, 3:]
        return U @ (U.T @ np.ones(200))

    def inside(A):
        U = np.linalg.svd(A, False)[0]
        return U @ (U.T @ np.ones(200))
    np.testing.assert_allclose(jvp(outside, (A,), (v,))[1], -jvp(inside, (A,), (v,))[1], atol=1e-12)


def test_vectors_without_a_derivative_can_be_shown():
    shown = []

    def f(p):
        w, v = np.linalg.eig(p * np.eye(2))
        shown.append(str(v))
        return np.sum(w)
    assert gradient(f)(2.0) == 2
    assert shown == ["DualArray([[1., 0.],\n [0., 1.]], tangent=<undefined>)"]

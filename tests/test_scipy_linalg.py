"""scipy.linalg in programs that are differentiated as they stand."""

import warnings

import numpy as np
import pytest
import scipy.linalg as la
from scipy.linalg import cho_factor, cho_solve, expm, solve_triangular
from scipy_programs import agrees

from dualdiff import derivative, errors, gradient, hessian, jacobian, jvp, lift, stop_gradient, value_and_jacobian, vjp
from dualdiff.testing import check_derivatives

rng = np.random.default_rng(1)
A = rng.normal(size=(3, 3)) + 3 * np.eye(3)
M = rng.normal(size=(3, 3))
S = A @ A.T + np.eye(3)
TALL, WIDE = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))
B, b, c = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=3)
BATCH = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3)
SPREAD = np.diag([1.0, 3.0, 6.0]) + 0.1 * M  # real eigenvalues
BANDS = rng.normal(size=(4, 5)) + 5 * np.eye(4)[:, 1:2]
UPPER = rng.normal(size=(3, 5)) + 6 * np.eye(3)[:, 2:]
LOWER = np.flip(UPPER, 0).copy()
FIVE = rng.normal(size=(5, 2))
FIRST = b + 5 * np.eye(3)[0]
LU, PIVOTS = la.lu_factor(A[::-1])


def parts(z):
    """A complex result as two real ones."""
    return np.stack([np.real(z), np.imag(z)])


def joined(x):
    """A complex matrix of two real ones."""
    return x[0] + 1j * x[1]


def symmetric(x):
    return x @ x.T + np.eye(len(x))


def product(*factors):
    return factors[0] @ factors[1] @ factors[2]


def cubed(w, V):
    return (V * w**3) @ V.T


COMPLEX = np.stack([A, M])
HERMITIAN = parts(joined(COMPLEX) @ np.conj(joined(COMPLEX)).T + np.eye(3))
SIDES = np.stack([B, B[::-1]])

SYSTEMS = {
    "solve": (la.solve, A, B),
    "solve a vector": (la.solve, A, b),
    "solve transposed": (lambda a, b: la.solve(a, b, transposed=True), A, b),
    "solve a batch": (la.solve, BATCH, rng.normal(size=(2, 3, 1))),
    "solve a batch for one vector": (la.solve, BATCH, b),
    "solve one matrix for a batch": (la.solve, A, rng.normal(size=(2, 3, 1))),
    "solve what is symmetric": (la.solve, S, b),
    "solve one by one": (la.solve, A[:1, :1], b),
    "solve what is triangular": (lambda a, b: la.solve(np.triu(a), b), A, b),
    **{f"solve assuming {kind}, lower={lower}": (lambda a, b, kind=kind, lower=lower: la.solve(
        a, b, assume_a=kind, lower=lower), S, b) for kind in ("sym", "her", "pos") for lower in (True, False)},
    **{f"solve assuming {kind}": (lambda a, b, kind=kind: la.solve(a, b, assume_a=kind), S, b)
       for kind in ("gen", "upper triangular", "lower triangular", "diagonal", "tridiagonal", "banded")},
    **{f"complex solve assuming {kind}": (lambda a, b, kind=kind: parts(la.solve(joined(a), joined(b), assume_a=kind)),
                                          HERMITIAN, SIDES) for kind in ("gen", "sym", "her", "pos")},
    **{f"solve_triangular {trans} {lower} {unit}": (lambda a, b, trans=trans, lower=lower, unit=unit: solve_triangular(
        a, b, trans, lower, unit_diagonal=unit), A, B) for trans, lower, unit in ((0, False, False), ("T", True, False),
                                                                               ("C", False, True), (1, True, True))},
    "solve_triangular of a batch": (solve_triangular, BATCH, b),
    "complex solve_triangular": (lambda a, b: parts(solve_triangular(joined(a), joined(b), "C")), COMPLEX, SIDES),
    **{f"lu_solve {trans}": (lambda lu, b, trans=trans: la.lu_solve((lu, PIVOTS), b, trans), LU, B) for trans in (0, 1, 2)},
    "lu_solve of lu_factor": (lambda a, b: la.lu_solve(la.lu_factor(a), b), A[::-1].copy(), b),
    "lu_solve of a batch": (lambda a, b: la.lu_solve(la.lu_factor(a), b), BATCH[:, ::-1].copy(), b),
    "cho_solve of cho_factor": (lambda a, b: cho_solve(cho_factor(a), b), S, B),
    "cho_solve of lower cho_factor": (lambda a, b: cho_solve(cho_factor(a, lower=True), b), S, b),
    "cho_solve of a batch": (lambda a, b: cho_solve(cho_factor(a), b), np.stack([S, S + np.eye(3)]), b),
    "complex cho_solve": (lambda c, b: parts(cho_solve((joined(c), True), joined(b))), COMPLEX, SIDES),
    "solve_banded": (lambda ab, b: la.solve_banded((2, 1), ab, b), BANDS, FIVE),
    "solve_banded of three diagonals": (lambda ab, b: la.solve_banded((1, 1), ab, b), BANDS[:3], FIVE[:, 0]),
    "solve_banded of a batch": (lambda ab, b: la.solve_banded((1, 2), ab, b), np.stack([BANDS, BANDS[:, ::-1]]), FIVE),
    "solveh_banded": (la.solveh_banded, UPPER, FIVE),
    "lower solveh_banded": (lambda ab, b: la.solveh_banded(ab, b, lower=True), LOWER, FIVE[:, 0]),
    "complex solveh_banded": (lambda ab, b: parts(la.solveh_banded(joined(ab), b)), np.stack([UPPER, UPPER / 9]), FIVE),
    "cho_solve_banded": (lambda c, b: la.cho_solve_banded((c, True), b), LOWER, FIVE),
    "upper cho_solve_banded": (lambda c, b: la.cho_solve_banded((c, False), b), UPPER, FIVE[:, 0]),
    "solve_toeplitz": (la.solve_toeplitz, FIRST, B),
    "solve_toeplitz of column and row": (lambda c, r, b: la.solve_toeplitz((c, r), b), FIRST, c, b),
    "complex solve_toeplitz": (lambda c, b: parts(la.solve_toeplitz(joined(c), joined(b))), np.stack([FIRST, c]), SIDES),
    "matmul_toeplitz": (lambda c, r, x: la.matmul_toeplitz((c, r), x), np.ones(2) + c[:2], c, B),
    "solve_circulant of a batch": (lambda c, b: la.solve_circulant(c, b, baxis=-1, outaxis=-1), FIRST + WIDE.T[:2], B.T),
    "solve_circulant": (la.solve_circulant, FIRST, b),
}

FACTORISATIONS = {
    "inv": (la.inv, A),
    "inv of a batch": (la.inv, BATCH),
    **{f"inv assuming {kind}": (lambda a, kind=kind: la.inv(a, assume_a=kind), S)
       for kind in ("pos", "sym", "upper triangular", "diagonal")},
    "complex inv": (lambda a: parts(la.inv(joined(a))), COMPLEX),
    "det": (la.det, A),
    "det of a batch": (la.det, BATCH),
    "pinv": (la.pinv, TALL),
    "pinv of less rank": (lambda u: la.pinv(u[:, :2] @ u[:, :2].T), TALL[:3]),
    "pinvh": (la.pinvh, S),
    "upper pinvh": (lambda a: la.pinvh(joined(a), lower=False).real, HERMITIAN),
    "lstsq": (lambda a, b: la.lstsq(a, b)[0], TALL, FIVE),
    "lstsq of a wide matrix": (lambda a, b: la.lstsq(a, b)[0], WIDE, b),
    "lstsq by gelsy": (lambda a, b: la.lstsq(a, b, lapack_driver="gelsy")[0], TALL, FIVE[:, 0]),
    "lstsq of a batch": (lambda a, b: la.lstsq(a, b)[0], np.stack([TALL, TALL[::-1]]), FIVE),
    "residues of lstsq": (lambda a, b: la.lstsq(a, b)[1], TALL, FIVE),
    "one residue of lstsq": (lambda a, b: la.lstsq(a, b)[1], TALL, FIVE[:, 0]),
    "singular values of lstsq": (lambda a: la.lstsq(a, FIVE)[3], TALL),
    "cholesky": (la.cholesky, S),
    "lower cholesky": (lambda a: la.cholesky(a, lower=True), S),
    "cholesky of a batch": (la.cholesky, np.stack([S, S + np.eye(3)])),
    "complex cholesky": (lambda a: parts(la.cholesky(joined(a))), HERMITIAN),
    "cho_factor": (lambda a: cho_factor(a)[0], S),
    "lu_factor": (lambda a: la.lu_factor(a)[0], A[::-1].copy()),
    "lu_factor of a tall matrix": (lambda a: la.lu_factor(a)[0], TALL),
    "lu_factor of a wide matrix": (lambda a: la.lu_factor(a)[0], WIDE),
    "complex lu_factor": (lambda a: parts(la.lu_factor(joined(a))[0]), COMPLEX),
    "L of lu": (lambda a: la.lu(a)[1], TALL),
    "U of lu": (lambda a: la.lu(a)[2], WIDE),
    "lu in the old order": (lambda a: la.lu(a, permute_l=True)[0], TALL),
    "product of lu": (lambda a: product(*la.lu(a)), BATCH[:, ::-1].copy()),
    "Q of qr": (lambda a: la.qr(a)[0], A),
    "the whole Q of a tall matrix": (lambda a: la.qr(a)[0], TALL),
    "the whole R of a tall matrix": (lambda a: la.qr(a)[1], TALL),
    "R of a wide matrix": (lambda a: la.qr(a, mode="r")[0], WIDE),
    "qr, economic": (lambda a: la.qr(a, mode="economic")[0], TALL),
    "qr, pivoting": (lambda a: la.qr(a, pivoting=True)[0], TALL),
    "R of qr, pivoting": (lambda a: la.qr(a, mode="r", pivoting=True)[0], TALL),
    "complex qr": (lambda a: parts(la.qr(joined(a))[0]), np.stack([TALL, TALL[::-1]])),
    "svd": (lambda a: la.svd(a, full_matrices=False)[0], TALL),
    "s of svd": (lambda a: la.svd(a)[1], TALL),
    "svd by gesvd": (lambda a: la.svd(a, lapack_driver="gesvd")[2], A),
    "svdvals": (la.svdvals, TALL),
    "null_space of one vector": (la.null_space, WIDE),
    "orth": (la.orth, TALL),
    "polar": (lambda a: la.polar(a)[0], A),
    "left polar": (lambda a: la.polar(a, side="left")[1], A),
    "orthogonal_procrustes": (lambda a, b: la.orthogonal_procrustes(a, b)[0], A, M),
    "subspace_angles": (la.subspace_angles, TALL, FIVE),
}

EIGENVALUES = {
    "eigh, its projections": (lambda a: cubed(*la.eigh(a)), S),
    "upper eigh": (lambda a: la.eigh(a, lower=False)[0], S),
    "eigh of a batch": (lambda a: la.eigh(a)[1] ** 2, np.stack([S, S[::-1, ::-1]])),
    "eigvalsh": (la.eigvalsh, S),
    "eigh by index": (lambda a: la.eigh(a, subset_by_index=[1, 2])[1] ** 2, S),
    "eigh by value": (lambda a: la.eigh(a, subset_by_value=[0, 100.0])[1] ** 2, S),
    **{f"eigh of two matrices, type {kind}": (lambda a, b, kind=kind: la.eigh(a, b, type=kind)[1] ** 2, A + A.T, S)
       for kind in (1, 2, 3)},
    "upper eigvalsh of two matrices": (lambda a, b: la.eigvalsh(a, b, lower=False, subset_by_index=[0, 1]), A + A.T, S),
    "complex eigh of two matrices": (lambda a, b: la.eigh(joined(a), joined(b), eigvals_only=True),
                                     HERMITIAN[:, ::-1, ::-1], HERMITIAN),
    "eig_banded": (lambda a: la.eig_banded(a)[1] ** 2, UPPER),
    "eigvals_banded": (lambda a: la.eigvals_banded(a, lower=True, select="i", select_range=(1, 2)), LOWER),
    "eigh_tridiagonal": (lambda d, e: la.eigh_tridiagonal(d, e)[1] ** 2, np.arange(4.0), b),
    "eigh_tridiagonal of a batch": (lambda e: la.eigh_tridiagonal(np.arange(6.0).reshape(2, 3), e)[1] ** 2, B[:2]),
    "eigvalsh_tridiagonal": (lambda d, e: la.eigvalsh_tridiagonal(d, e, select="v", select_range=(0, 9)),
                             np.arange(4.0), b),
    "eig": (lambda a: np.real(la.eig(a)[1]), SPREAD),
    "values of eig": (lambda a: parts(la.eig(a)[0]), M),
    "left vectors of eig": (lambda a: parts(la.eig(a, left=True, right=False)[1]), M),
    "eigvals": (lambda a: parts(la.eigvals(a)), M),
    "eig of two matrices": (lambda a, b: la.eig(a, b, left=True)[1], SPREAD, S),
    "eigvals of two matrices": (lambda a, b: parts(la.eigvals(a, b)), M, A),
}

FUNCTIONS = {
    **{f"expm of norm {size}": (lambda a, size=size: la.expm(a * size), M) for size in (0.001, 0.03, 0.2, 0.4, 1.0, 4.0)},
    "expm of a batch": (expm, BATCH / 3),
    "complex expm": (lambda a: parts(expm(joined(a))), COMPLEX / 3),
    "expm_frechet": (lambda a, e: la.expm_frechet(a, e)[1], M, A),
    "logm": (la.logm, A),
    "logm at a Jordan block": (la.logm, np.eye(3) + np.eye(3, k=1)),
    "logm of negative eigenvalues": (lambda a: parts(la.logm(a)), SPREAD - 4 * np.eye(3)),
    "logm of a batch": (la.logm, BATCH[:, :2, :2]),
    "sqrtm": (la.sqrtm, A),
    "sqrtm at 1": (la.sqrtm, np.eye(3)),
    "complex sqrtm": (lambda a: parts(la.sqrtm(joined(a))), COMPLEX),
    "fractional_matrix_power": (la.fractional_matrix_power, A, np.array(0.3)),
    "a whole fractional_matrix_power": (lambda a: la.fractional_matrix_power(a, 3), M),
    "funm": (lambda a: la.funm(a, np.sin), SPREAD),
    "funm of a batch": (lambda a: la.funm(a, np.sin), np.stack([SPREAD, 2 * SPREAD])),
    "signm": (la.signm, SPREAD - 2 * np.eye(3)),
    "sinm": (la.sinm, M), "cosm": (la.cosm, M), "tanm": (la.tanm, M / 3),
    "sinhm": (la.sinhm, M), "coshm": (la.coshm, M), "tanhm": (la.tanhm, M),
    "solve_sylvester": (la.solve_sylvester, A, A[:2, :2] + 2 * np.eye(2), B),
    "solve_sylvester of a batch": (la.solve_sylvester, BATCH, A, M),
    "complex solve_sylvester": (lambda a, b, q: parts(la.solve_sylvester(*map(joined, (a, b, q)))), COMPLEX,
                                COMPLEX[:, :2, :2] + np.stack([3 * np.eye(2), np.eye(2)]), SIDES),
    "solve_continuous_lyapunov": (la.solve_continuous_lyapunov, A, M),
    "complex solve_lyapunov": (lambda a, q: parts(la.solve_lyapunov(joined(a), joined(q))), COMPLEX, COMPLEX),
    "solve_discrete_lyapunov": (la.solve_discrete_lyapunov, M / 4, S),
    "solve_discrete_lyapunov, bilinear": (lambda a, q: la.solve_discrete_lyapunov(a, q, method="bilinear"), M / 4, S),
    "solve_continuous_are": (lambda a, b, q, r: la.solve_continuous_are(a, b, symmetric(q), symmetric(r)), M, B, A, B[:2]),
    "solve_discrete_are": (lambda a, b, q, r: la.solve_discrete_are(a, b, symmetric(q), symmetric(r)), M, B, A, B[:2]),
    "solve_continuous_are of numbers": (lambda a, r: la.solve_continuous_are(a, B[:, :1], symmetric(M), r), M, 1.3),
    "solve_discrete_are of rows and numbers": (lambda a, b, r: la.solve_discrete_are(a, [b], 1.0, r), 0.4, B[0, :1], 1.3),
    "solve_continuous_are with e and s": (lambda a, b, e, s: la.solve_continuous_are(
        a, b, np.eye(3), np.eye(2), e, s, balanced=False), M, B, np.eye(3) + 0.1 * M, B[::-1] / 9),
    "complex solve_discrete_are": (lambda a, b: parts(la.solve_discrete_are(joined(a), joined(b), np.eye(3), np.eye(2))),
                                   COMPLEX / 2, SIDES),
}

FORMS = {
    "norm": (la.norm, A), "norm of a vector": (la.norm, b), "1-norm": (lambda a: la.norm(a, 1), A),
    "norm over both axes": (lambda a: la.norm(a, axis=(0, 1)), A),
    "norms of rows": (lambda a: la.norm(a, axis=1), A),
    "block_diag": (lambda a, b: la.block_diag(a, 1.0, b), A, b),
    "toeplitz": (la.toeplitz, b), "toeplitz of column and row": (la.toeplitz, b, WIDE[0]),
    "complex toeplitz": (lambda c: parts(la.toeplitz(joined(c))), np.stack([b, c])),
    "toeplitz of a batch": (la.toeplitz, TALL[:2], b),
    "hankel": (la.hankel, b), "hankel of two": (la.hankel, b, c), "circulant": (la.circulant, A),
    "convolution_matrix": (lambda a: la.convolution_matrix(a, 4, mode="same"), b), "leslie": (la.leslie, b, c[:2]),
    "companion": (la.companion, b), "khatri_rao": (la.khatri_rao, A, M), "fiedler": (la.fiedler, b),
    "diagsvd": (lambda s: la.diagsvd(s, 3, 4), b),
}

PROGRAMS = {**SYSTEMS, **FACTORISATIONS, **EIGENVALUES, **FUNCTIONS, **FORMS}


every_program = pytest.mark.parametrize("name", PROGRAMS)


@every_program
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name], order=1, atol=1e-11)


@every_program
def test_second_derivatives_agree_with_differences_of_first_ones(name):
    f, *args = PROGRAMS[name]
    rng = np.random.default_rng(2)
    weights, steps = rng.uniform(0.5, 1.5, np.shape(f(*args))), [rng.normal(size=np.shape(x)) for x in args]

    def along(t):
        return np.sum(f(*[x + t * step for x, step in zip(args, steps, strict=True)]) * weights)
    for mode in ("forward", "reverse"):
        check_derivatives(gradient(along, mode=mode), 0.0, atol=1e-11)


# ---- values and types
def whole(*results):
    """All parts of a result that are arrays, as one vector."""
    return np.concatenate([np.ravel(np.real(part)) for part in results])


@pytest.mark.parametrize("f", [
    lambda a: la.solve(a, B), lambda a: solve_triangular(a, B), lambda a: la.lu_solve((a, PIVOTS), b), la.inv, la.det,
    lambda a: cho_solve((a, False), b), la.pinv, lambda a: whole(*la.lstsq(a, B)), lambda a: la.cholesky(a + 9 * np.eye(3)),
    lambda a: whole(*la.lu_factor(a)), lambda a: whole(*la.lu(a[::-1])), lambda a: whole(*la.lu(a, permute_l=True)),
    lambda a: whole(*la.qr(a)), lambda a: whole(*la.svd(a)), la.svdvals, lambda a: whole(*la.eigh(a)),
    lambda a: whole(*la.eigh(a, lower=False)), la.eigvalsh, lambda a: whole(*la.eig(a)), lambda a: np.real(la.eigvals(a)),
    expm, la.logm, la.sqrtm, lambda a: la.fractional_matrix_power(a, 0.3), lambda a: la.solve_sylvester(a, A, M),
    lambda a: la.solve_continuous_lyapunov(a, M), lambda a: la.solve_banded((1, 1), a, b), lambda a: la.toeplitz(a[0], a[1]),
    lambda a: whole(*la.eigh(a, S)), lambda a: whole(*la.eigh(a, subset_by_index=[0, 1])),
])
def test_the_value_beside_a_derivative_is_scipys(f):
    value, _ = value_and_jacobian(f)(A)
    np.testing.assert_allclose(value, f(A), rtol=1e-13, atol=1e-14)
    assert np.shape(value) == np.shape(f(A))


@pytest.mark.parametrize("f", [
    lambda a: la.solve(a, b.astype(np.float32)), lambda a: solve_triangular(a, a), la.inv, la.pinv, la.lu_factor, la.lu,
    la.qr, la.svd, la.eigh, la.eig, la.eigvals, expm, la.sqrtm, la.norm, la.toeplitz,
    lambda a: la.cholesky(a + 9 * np.eye(3, dtype=np.float32)), lambda a: la.lstsq(a, a),
    lambda a: la.solve_banded((1, 1), a, a),
    lambda a: la.solve_sylvester(a, a, a), lambda a: la.eigh(a, a @ a.T + np.eye(3, dtype=np.float32)), la.det,
    lambda a: la.eig(a, left=True), lambda a: la.solve_continuous_lyapunov(a, a), lambda a: la.expm_frechet(a, a),
])
def test_single_precision_and_the_form_of_results_stay(f):
    a = A.astype(np.float32)
    plain, forms = f(a), []

    def g(x):
        found = f(x)
        forms.append(isinstance(found, tuple) and len(found))
        return flat(found)
    values, J = value_and_jacobian(g)(a)
    assert forms[-1] == (isinstance(plain, tuple) and len(plain))
    for x, part, known in zip(values, J, flat(plain), strict=True):
        assert (x.dtype, x.shape, type(x)) == (known.dtype, np.shape(known), type(known))
        assert part.dtype == known.dtype


def flat(found):
    """The arrays in a result that depend on the argument."""
    found = found if isinstance(found, tuple) else (found,)
    return [part for part in found if np.asarray(stop_gradient(part)).dtype.kind in "fc"]


def test_ranks_pivots_and_permutations_are_numbers():
    seen = []

    def f(a):
        seen.append((la.lstsq(a, B)[2], la.lu_factor(a)[1], la.pinv(a, return_rank=True)[1],
                     la.lu(a, p_indices=True)[0], la.qr(a, pivoting=True)[2], la.cho_factor(a @ a.T)[1]))
        return la.det(a)
    gradient(f)(A)
    for ours, known in zip(seen[-1], (3, PIVOTS_OF_A, 3, la.lu(A, p_indices=True)[0], la.qr(A, pivoting=True)[2], False),
                           strict=True):
        np.testing.assert_array_equal(ours, known)
        assert not hasattr(ours, "level")


PIVOTS_OF_A = la.lu_factor(A)[1]


def test_holomorphic_functions_have_complex_derivatives():
    step, full, real = joined(SIDES) @ np.ones((2, 3)), joined(COMPLEX), S + 0j  # of which SciPy's logarithm is real
    for f, z in ((la.inv, real), (expm, full), (la.logm, full), (lambda a: la.solve(a, B), full), (la.logm, real),
                 (lambda a: solve_triangular(a, B, "T"), full), (lambda a: la.funm(a, np.sin), real),
                 (lambda a: la.fractional_matrix_power(a, 0.5), real)):
        known = (f(z + 1e-6 * step) - f(z - 1e-6 * step)) / 2e-6
        np.testing.assert_allclose(jvp(f, (z,), (step,))[1], known, rtol=1e-6, atol=1e-8)


# ---- what is read, what is written
def test_what_scipy_does_not_read_has_no_derivative_whatever_is_there():
    spoiled = np.where(np.tri(3, dtype=bool), A, np.nan)
    G = gradient(lambda a: np.sum(solve_triangular(a, b, lower=True, check_finite=False)))(spoiled)
    np.testing.assert_array_equal(np.triu(G, 1), 0)
    np.testing.assert_allclose(G, gradient(lambda a: np.sum(solve_triangular(a, b, lower=True)))(A))
    bands = BANDS[:3].copy()
    bands[0, 0] = bands[2, -1] = np.inf
    G = gradient(lambda ab: np.sum(la.solve_banded((1, 1), ab, FIVE, check_finite=False)))(bands)
    np.testing.assert_allclose(G, gradient(lambda ab: np.sum(la.solve_banded((1, 1), ab, FIVE)))(BANDS[:3]))
    assert G[0, 0] == G[2, -1] == 0


def test_arguments_that_may_be_overwritten_stay():
    a, side = S.copy(), B.copy()
    jacobian(lambda a, b: la.solve(a, b, overwrite_a=True, overwrite_b=True), (0, 1))(a, side)
    jacobian(lambda a: la.lu_factor(a, overwrite_a=True)[0])(a)
    jacobian(lambda a: la.eigh(a, overwrite_a=True)[1])(a)
    jacobian(lambda a: la.inv(a, True))(a)
    np.testing.assert_array_equal(a, S)
    np.testing.assert_array_equal(side, B)


@pytest.mark.parametrize("f", [
    la.solve, solve_triangular, lambda a, b: cho_solve((a, False), b), lambda a, b: la.lu_solve((a, PIVOTS), b),
    lambda a, b: la.solve_banded((1, 1), a, b), lambda a, b: la.solve_toeplitz((a[0] + 5, a[1]), b), lambda a, b: expm(a) @ b,
    lambda a, b: la.solve_sylvester(a, a, np.outer(b, b)), lambda a, b: la.lstsq(a, b)[0], lambda a, b: la.eigh(a, S)[1] @ b])
def test_what_the_program_writes_to_after_the_call_is_recorded_as_it_was(f):
    def of_vector(b):
        a = A.copy()
        x = f(a, b)
        a[:] = 7.0
        return np.sum(x)

    def of_matrix(a):
        a, side = a * 1.0, b.copy()
        x = f(a, side)
        a[:] = 7.0
        side *= 2
        return np.sum(x)
    for g, x in ((of_vector, b), (of_matrix, A)):
        np.testing.assert_allclose(gradient(g, mode="reverse")(x), gradient(g, mode="forward")(x), rtol=1e-9, atol=1e-12)


def test_all_directions_are_columns_of_one_call(monkeypatch):
    sizes, scipys = [], la.solve

    def counted(a, b, **options):
        sizes.append(np.shape(b))
        return scipys(a, b, **options)
    import dualdiff.scipy.linear_systems as ours
    J = jacobian(scipys, (0, 1), mode="forward")
    known = J(A, b)
    monkeypatch.setattr(ours.plain, "solve", counted)
    found = J(A, b)
    assert sizes == [(3,), (3, 12)]  # the value; 9 + 3 directions
    np.testing.assert_array_equal(found[0], known[0])


def test_banded_systems_stay_banded():
    n = 200_000  # of which a full matrix would be 320 gigabytes
    ab = np.stack([np.full(n, -1.0), np.linspace(3, 4, n), np.full(n, -1.0)])
    x = la.solve_banded((1, 1), ab, np.ones(n))
    G, g = gradient(lambda ab, b: np.sum(la.solve_banded((1, 1), ab, b)), (0, 1))(ab, np.ones(n))
    np.testing.assert_allclose(g, la.solve_banded((1, 1), ab, np.ones(n)), rtol=1e-12)  # of a symmetric matrix
    np.testing.assert_allclose(G[1], -g * x, rtol=1e-12)
    assert gradient(lambda h, b: np.sum(la.solveh_banded(h, b)), (0, 1))(ab[:2], np.ones(n))[0].shape == (2, n)
    T = np.where(np.arange(2000) == 0, 4.0, 0.5 ** np.arange(2000))
    assert np.isfinite(gradient(lambda c: np.sum(la.solve_toeplitz(c, np.ones(2000))))(T)).all()


# ---- as users write
def test_a_gaussian_process_is_differentiated_in_its_parameters():
    points, y = np.linspace(0, 1, 6), np.sin(np.arange(6.0))

    def minus_log_likelihood(p):
        K = p[0] ** 2 * np.exp(-((points[:, None] - points) ** 2) / p[1] ** 2) + p[2] ** 2 * np.eye(6)
        factor = cho_factor(K, lower=True)
        return 0.5 * y @ cho_solve(factor, y) + np.sum(np.log(np.diag(factor[0])))
    check_derivatives(minus_log_likelihood, np.array([1.0, 0.4, 0.3]))
    H = hessian(minus_log_likelihood)(np.array([1.0, 0.4, 0.3]))
    np.testing.assert_allclose(H, jacobian(gradient(minus_log_likelihood))(np.array([1.0, 0.4, 0.3])), rtol=1e-9)


def test_a_markov_chain_is_differentiated_through_expm_inside_a_helper():
    def transition(rate, t):
        return expm(t * np.array([[-rate, rate], [0.5, -0.5]]))

    def p(rate):
        return transition(rate, 2.0)[0, 1]
    exact = lambda r: r / (r + 0.5) * (1 - np.exp(-2 * (r + 0.5)))
    assert derivative(p)(0.7) == pytest.approx(derivative(exact)(0.7), rel=1e-12)
    assert derivative(p, order=2)(0.7) == pytest.approx(derivative(exact, order=2)(0.7), rel=1e-10)
    assert derivative(p, order=3)(0.7) == pytest.approx(derivative(exact, order=3)(0.7), rel=1e-9)


def test_lists_of_numbers_and_keywords_are_arguments_too():
    def f(x):
        return la.solve(a=[[x, 1.0], [0.5, 2.0]], b=[1.0, x], check_finite=False)[1] + la.norm([x, 2 * x]) \
            + la.solve_toeplitz(([3.0, x], [3.0, 1.0]), [1.0, 2.0])[0] + la.solve_banded((0, 0), [[x, 2.0]], [1.0, x])[0]
    check_derivatives(f, 1.5)


def test_a_derivative_inside_a_derivative_sees_its_own_perturbation():
    inner = lambda x: derivative(lambda y: la.solve(x * A + y * S, b)[0])(1.0)
    check_derivatives(lambda x: x * inner(x), 0.8)
    inner = lambda x: derivative(lambda y: la.sqrtm(A * x + y * S)[0, 1] + expm(x * y * M)[1, 0])(1.0)
    check_derivatives(lambda x: x * inner(x), 0.8)


def test_third_derivatives():
    for f in (la.inv, expm, la.sqrtm, la.logm, la.cholesky, lambda a: la.solve_continuous_lyapunov(a, M),
              lambda a: la.lu_factor(a[::-1])[0], lambda a: solve_triangular(a, b), lambda a: la.solve_banded((1, 1), a, B)):
        g = derivative(lambda t: np.sum(f(S + t * symmetric(M)) * A[:, :1]), order=2)  # noqa: B023
        check_derivatives(g, 0.1, rtol=1e-5)


def test_constants_are_scipys_own_affair():
    assert lift(lambda: la.schur(A)[0])()[2, 0] == 0
    G = gradient(lambda x: np.sum(la.schur(stop_gradient(x))[1] @ x))(A)
    np.testing.assert_array_equal(G, np.repeat(np.sum(la.schur(A)[1], axis=0)[:, None], 3, axis=1))
    assert gradient(lambda x: np.sum(x) if la.issymmetric(x) and la.bandwidth(x) == (2, 2) else 0.0)(S)[0, 0] == 1


def overwritten(x):
    """What five compiled functions leave in the arrays that they are given, and give."""
    y, z, A, side, grid = np.ones(3), np.zeros(3), np.eye(2, order="F"), np.ones(2), np.ones((3, 3))
    before = x * y
    same = la.blas.daxpy(np.arange(3.0), y, a=2.0)
    la.blas.dswap(y, z)
    la.blas.dger(1.0, side, side, a=A, overwrite_a=1)
    la.lapack.dgesv(A + 2, side, overwrite_b=1)
    grid[0] = 5.0
    scal, = la.get_blas_funcs(("scal",), (grid,))
    column = grid[:, 0]
    scal(2.0, grid[1])
    strided = la.blas.dscal(3.0, column)  # of which f2py makes a copy
    return np.concatenate([before, *(x * np.ravel(a) for a in (y, z, same, A, side, grid, column, strided))])


def test_what_compiled_functions_write_to_their_arguments_is_written():
    value, slope = jvp(lift(overwritten), (1.0,), (1.0,))
    np.testing.assert_array_equal(value, overwritten(1.0))
    np.testing.assert_array_equal(slope, value)


# ---- refused
@pytest.mark.parametrize(("f", "words"), [
    (la.schur, "scipy.linalg.schur has no derivative rule; its factors are not a function"),
    (la.hessenberg, "hessenberg"), (lambda a: la.ldl(a)[0], "ldl"), (la.rq, "rq"), (la.expm_cond, "expm_cond"),
    (lambda a: la.qz(a, a), "qz"), (la.matrix_balance, "stop_gradient"),
    (lambda a: la.qr_insert(np.eye(3), np.eye(3), a[0], 1), "take the qr of the new matrix"),
    (lambda a: la.qr(a, mode="raw"), "mode='economic'"), (la.cholesky_banded, "cholesky_banded"),
    (lambda a: la.eig(a, homogeneous_eigvals=True), "homogeneous_eigvals=False"),
    (lift(lambda a: la.blas.dscal(2.0, a[0])), "dscal is compiled and has no derivative rule"),
])
def test_what_has_no_derivative_says_so_by_name(f, words):
    with pytest.raises(errors.RuleError, match=words):
        jacobian(f)(A)


def test_where_there_is_no_derivative_it_says_so():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's
        for root in (np.diag([1.0, 1e-150, 1e-150]), np.array([[1.0, 0.5], [0.25, 3.0], [-2.0, 0.5]])):
            for mode in ("forward", "reverse"):
                with pytest.raises(errors.DegenerateError, match="sqrtm: the matrix is singular to rounding"):
                    jacobian(lambda a: la.sqrtm(a @ a.T), mode=mode)(root)
        with pytest.raises(errors.DegenerateError, match="logm: the matrix is singular"):
            jacobian(la.logm)(np.diag([1.0, 0.0, 2.0]))
    with pytest.raises(errors.DegenerateError, match="repeated values 1, 1"):
        jacobian(lambda a: la.eigh(a)[1])(np.eye(3))
    with pytest.raises(errors.DegenerateError, match="any basis"):
        jacobian(la.null_space)(WIDE[:2])
    with pytest.raises(errors.DegenerateError, match="does not satisfy the equation"):
        jacobian(lambda a: np.real(la.solve_sylvester(a, a, joined(COMPLEX))))(M - 9 * np.eye(3, k=1) + 9 * np.eye(3, k=-1))


def test_eigenvalues_of_a_defective_matrix_may_be_compared():
    for spectrum in (la.eigvals, lambda a: la.eig(a)[0]):
        assert gradient(lambda t, f=spectrum: t * np.all(f(np.eye(2, k=1) * t).real < 1))(3.0) == 1
        with pytest.raises(errors.DegenerateError, match="lack eigenvectors"):
            gradient(lambda t, f=spectrum: np.max(f(np.eye(2, k=1) * t).real))(3.0)


def test_projections_on_a_space_do_not_depend_on_its_basis():
    def projection(a):
        N = la.null_space(a)
        return N @ N.T
    check_derivatives(projection, WIDE[:2])
    symmetrically = lambda x: cubed(*la.eigh(np.eye(3) + x + x.T))
    np.testing.assert_allclose(jacobian(symmetrically)(np.zeros((3, 3))), 3 * jacobian(lambda x: x + x.T)(M), atol=1e-12)


def test_errors_for_bad_arguments_are_scipys():
    for f, error in ((lambda a: la.solve(a, np.ones(4)), ValueError), (lambda a: la.solve(a, b, assume_a="round"), ValueError),
                     (lambda a: la.cholesky(-a), la.LinAlgError), (lambda a: la.solve(0 * a, b), la.LinAlgError),
                     (lambda a: la.inv(a[:2]), ValueError), (lambda a: la.solve_banded((2, 1), a, b), ValueError),
                     (la.solve, TypeError), (lambda a: la.expm(a[:2]), la.LinAlgError)):
        with pytest.raises(error):
            f(S)
        with pytest.raises(error):
            jacobian(f)(S)


def test_reverse_and_forward_products_fit_together():
    for f, x in ((lambda a: la.qr(a)[0], TALL), (lambda a: la.lu(a)[1], TALL), (la.sqrtm, BATCH), (expm, BATCH)):
        u, v = rng.normal(size=np.shape(f(x))), rng.normal(size=x.shape)
        assert np.sum(u * jvp(f, (x,), (v,))[1]) == pytest.approx(np.sum(vjp(f, x)[1](u)[0] * v), rel=1e-9)

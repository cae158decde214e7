"""Polynomials by their coefficients: values bit for bit NumPy's, derivatives against exact answers."""

from itertools import combinations

import numpy as np
import pytest

from dualdiff import DualArray, jacobian, jvp
from dualdiff.errors import DegenerateError, EscapeError

CALLS = [
    ("np.polyval(x, y)", (4,), (2, 3)), ("np.polyval(x, 0.5)", (4,)), ("np.polyadd(x, y)", (3,), (5,)),
    ("np.polysub(x, y)", (4,), (2,)), ("np.polymul(x, y)", (3,), (4,)), ("np.polydiv(x, y)", (5,), (3,)),
    ("np.polydiv(x, y)", (2,), (3,)), ("np.polyder(x, 3)", (5,)), ("np.polyint(x, 2, [1, 2])", (4,)),
    ("np.polyint(x, 2, y)", (4,), (2,)), ("np.roots(x)", (5,)), ("np.roots(np.poly1d([*x]))", (4,)),
    ("np.poly(x)", (4,)), ("np.poly(x)", (3, 3)),
    ("np.polyfit(x, y, 2)", (6,), (6,)), ("np.polyfit(x, y, 1)", (6,), (6, 2)),
    ("np.polyfit(x, y, 1, w=[1, 2, 3, 4, 5, 6])", (6,), (6,)), ("np.polyfit(x, y, 1, full=True)[:2]", (6,), (6,)),
    ("np.polyfit(x, y, 1, cov=True)", (6,), (6,)), ("np.polyfit(x, y, 1, cov='unscaled')", (6,), (6,))]


@pytest.mark.parametrize("row", CALLS, ids=str)
def test_values_are_numpys_bit_for_bit_and_derivatives_agree_with_differences(row):
    code, *shapes = row
    f = eval(f"lambda x, y=None: {code}", {"np": np})
    r = np.random.default_rng(2)
    x, v, h = [r.standard_normal(s) for s in shapes], [r.standard_normal(s) for s in shapes], 6e-6
    values, along = jvp(f, x, v)
    above, below = (f(*(a + t * b for a, b in zip(x, v, strict=True))) for t in (h, -h))
    quads = (values, along, f(*x), above, below)
    for got, d, plain, p, q in zip(*(a if isinstance(a, tuple) else (a,) for a in quads), strict=True):
        np.testing.assert_array_equal(got, plain)
        assert got.dtype == plain.dtype
        np.testing.assert_allclose(d, (p - q) / (2 * h), rtol=2e-7, atol=2e-7 * (1 + np.max(np.abs(d))))


def test_roots_follow_vieta():
    """x² - s x + p: dr/ds = r/(2r - s), dr/dp = -1/(2r - s)."""
    J = jacobian(np.roots)(np.array([1.0, -5, 6]))
    r = np.array([3.0, 2])
    np.testing.assert_allclose(J, -np.vander(r, 3) / (2 * r - 5)[:, None], rtol=1e-14)


@pytest.mark.parametrize("f", [
    lambda p, q: p(q), lambda p, q: q(p), lambda p, q: np.polyval(p.coef, np.poly1d([1.0, 2.0])),
    lambda p, q: np.polyadd(p.coef, q),
    lambda p, q: np.polysub(np.poly1d([1.0, 2.0]), p.coef), lambda p, q: np.polymul(p.coef, np.poly1d([1.0, 2.0])),
    lambda p, q: np.polydiv(p.coef, np.poly1d([1.0, 2.0]))[0]])
def test_functions_of_a_poly1d_give_one(f):
    def of(e):
        found = f(np.poly1d([2.0 * e, 1.0, e]), np.poly1d(np.array([1.0, 3.0]) * e))
        assert isinstance(found, np.poly1d)
        return found.coef
    value, slope = jvp(of, (1.5,), (1.0,))
    np.testing.assert_allclose(value, of(1.5), rtol=1e-15)
    np.testing.assert_allclose(slope, (of(1.5 + 1e-5) - of(1.5 - 1e-5)) / 2e-5, rtol=1e-8, atol=1e-8)


def test_roots_undo_poly():
    r, v = np.array([4.0, 1.5, -0.25, -3]), np.array([1.0, -2, 3, 0.5])
    roots, along = jvp(lambda a: np.roots(np.poly(a)), (r,), (v,))
    order = np.argsort(-roots)
    np.testing.assert_allclose(along[order], v, rtol=1e-12)


@pytest.mark.parametrize("A", [
    np.zeros((2, 2)), np.eye(3), np.eye(4, k=1), np.array([[0.0, 1], [-1, -2]]), np.diag([2.0, 2, 1]) + np.eye(3, k=1),
    np.array([[0.0, 1, 0], [0, 0, 1], [-1, -3, -3]]), np.array([[1j, 1], [0, 1j]]), [[0.5]]])
def test_the_characteristic_polynomial_is_smooth_where_eigenvalues_are_repeated(A):
    """Its coefficients are sums of minors: cₖ = (-1)ᵏ Σ det A[S, S] over the S of k places."""
    def minors(A):
        A = np.asarray(A) if isinstance(A, list) else A
        return np.stack([(-1) ** k * sum(np.linalg.det(A[np.ix_(S, S)]) for S in combinations(range(len(A)), k))
                         for k in range(1, len(A) + 1)])
    A = np.asarray(A)
    V, W = np.random.default_rng(3).standard_normal((2, *A.shape))
    for sweep in (lambda f: jvp(f, (A,), (V,))[1], lambda f: jacobian(f, mode="reverse")(A), lambda f: jacobian(f)(A),
                  lambda f: jvp(lambda A: jvp(f, (A,), (V,))[1], (A,), (W,))[1]):
        np.testing.assert_allclose(sweep(lambda A: np.poly(A)[1:]), sweep(minors), atol=1e-12)
    np.testing.assert_array_equal(jvp(np.poly, (A,), (V,))[0], np.poly(A))


def test_a_repeated_root_raises_and_names_it():
    with pytest.raises(DegenerateError, match=r"numpy\.roots: the root 2.* is repeated"):
        jacobian(np.roots)(np.array([1.0, -4, 4]))


def test_a_fit_through_points_of_a_parabola_has_exact_derivatives():
    """y = x²: through exact data the fit's derivative in y is the pseudo-inverse of the Vandermonde matrix."""
    x = np.arange(6.0)
    J = jacobian(lambda y: np.polyfit(x, y, 2))(x**2)
    np.testing.assert_allclose(J, np.linalg.pinv(np.vander(x, 3)), rtol=0, atol=1e-14)
    K = jacobian(lambda x: np.polyfit(x, np.arange(6.0) ** 2, 2))(x)
    np.testing.assert_allclose(K, -J * (2 * x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", ["polynomial.poly", "chebyshev.cheb", "legendre.leg", "hermite.herm", "hermite_e.herme",
                                  "laguerre.lag"])
def test_numpy_polynomial_differentiates_in_x_and_refuses_coefficients_perturbed_by_hand(kind):
    module, _, prefix = kind.partition(".")
    functions = getattr(np.polynomial, module)
    value, slope = getattr(functions, prefix + "val"), getattr(functions, prefix + "der")
    c, x = np.array([1.0, 2, 0.5, 0.3]), np.array([0.1, 0.4, -0.7])
    J = jacobian(lambda t: value(t, c))(x)
    np.testing.assert_allclose(J, np.diag(value(x, slope(c))), rtol=1e-13)
    for f in (lambda a: value(x, a), slope, getattr(functions, prefix + "int"), getattr(functions, prefix + "roots"),
              lambda a: getattr(functions, prefix + "fit")(a, a, 1), lambda a: getattr(functions, prefix + "vander")(a, 2)):
        with pytest.raises(EscapeError):
            f(DualArray(c, c))


@pytest.mark.parametrize("kind", [np.polynomial.Polynomial, np.polynomial.Legendre, np.polynomial.Chebyshev])
def test_a_series_that_was_fitted_to_duals_is_converted(kind):
    x = np.arange(6.0)
    coefficients = lambda y: kind.fit(x, y, 2).convert(kind=np.polynomial.Polynomial).coef
    J = np.stack([coefficients(e) for e in np.eye(6)], axis=1)  # a fit is linear in what it is fitted to
    np.testing.assert_allclose(jacobian(coefficients)(x**2), J, rtol=0, atol=1e-13)

"""Uncertainty through functions, and SciPy's minimisers behind the package's interface."""

import numpy as np
import pytest

from dualdiff.errors import DataError, DivergenceError, ParameterError, ShapeError, StructureError
from dualdiff.optimize import curve_fit, minimize, propagate

C = np.array([[0.04, 0.01, 0.0], [0.01, 0.09, -0.02], [0.0, -0.02, 0.01]])
P = np.array([2.0, 0.7, 0.3])
T = np.linspace(0, 3, 7)


def curve(p):
    return p[0] * np.exp(-p[1] * T) + p[2]


def test_a_linear_map_propagates_exactly():
    A = np.arange(12.0).reshape(4, 3) - 5
    u = propagate(lambda p: A @ p, P, C, full=True)
    np.testing.assert_allclose(u.covariance, A @ C @ A.T, rtol=1e-12)
    np.testing.assert_allclose(u.stderr, np.sqrt(np.diag(A @ C @ A.T)), rtol=1e-12)
    assert propagate(lambda p: A @ p, P, C, order=2).value.tolist() == pytest.approx((A @ P).tolist())


def test_blocks_change_nothing():
    t = np.linspace(0, 3, 20001)
    whole = propagate(lambda p: p[0] * np.exp(-p[1] * t) + p[2], P, C)
    J = np.stack([np.exp(-P[1] * t), -P[0] * t * np.exp(-P[1] * t), np.ones_like(t)], 1)
    np.testing.assert_allclose(whole.stderr**2, np.einsum("ij,jk,ik->i", J, C, J), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("unit", [1e50, 1e-50])
def test_a_standard_error_whose_square_is_out_of_range_fits(unit, order):
    u = propagate(lambda p: unit * p, [1.0, 1.0], [unit**6, 4 * unit**6], order=order)
    np.testing.assert_allclose(u.stderr, [unit**4, 2 * unit**4], rtol=1e-14)


def test_second_order_is_exact_for_a_square_of_a_normal_number():
    # x ~ N(m, v): E x² = m² + v, var x² = 4 m² v + 2 v².
    m, v = 3.0, 0.25
    first, second = (propagate(lambda x: x**2, m, v, order=order, full=True) for order in (1, 2))
    assert (float(first.value), float(first.stderr)) == (9.0, pytest.approx(6 * 0.5))
    assert float(second.value) == pytest.approx(m**2 + v)
    assert float(second.stderr) ** 2 == pytest.approx(4 * m**2 * v + 2 * v**2)
    assert second.covariance[0, 0] == pytest.approx(4 * m**2 * v + 2 * v**2)


def test_a_second_order_covariance_agrees_with_sampling():
    u = propagate(curve, P, C / 100, order=2, full=True)
    draws = np.random.default_rng(0).multivariate_normal(P, C / 100, 200_000)
    sample = draws[:, :1] * np.exp(-draws[:, 1:2] * T) + draws[:, 2:]
    # 200 000 draws tell a variance to about a third of a percent; what the second order leaves is smaller still.
    np.testing.assert_allclose(np.diag(u.covariance), sample.var(0), rtol=0.015)
    np.testing.assert_allclose(u.value, sample.mean(0), atol=4 * sample.std(0).max() / 400)


def test_trees_fixed_parameters_and_shapes():
    tree = propagate(lambda p: np.outer(p["a"], p["b"]), {"a": np.array([1.0, 2.0]), "b": np.ones(3)}, [0.1, 0.2, 0, 0, 0])
    assert tree.value.shape == tree.stderr.shape == (2, 3)
    np.testing.assert_allclose(tree.stderr[:, 0] ** 2, [0.1, 0.2])


def test_a_fit_is_propagated_through_its_own_model():
    popt, pcov = curve_fit(lambda t, a, b, c: a * np.exp(-b * t) + c, T, curve(P) + 0.01 * np.cos(9 * T), [1, 1, 0])
    band = propagate(curve, popt, pcov)
    J = np.stack([np.exp(-popt[1] * T), -popt[0] * T * np.exp(-popt[1] * T), np.ones_like(T)], 1)
    np.testing.assert_allclose(band.stderr**2, np.diag(J @ pcov @ J.T), rtol=1e-10)


@pytest.mark.parametrize(("covariance", "kind", "said"), [
    (np.eye(2), ShapeError, r"3 values need \(3, 3\)"),
    ([0.1, 0.2], ShapeError, "there are 2 variances for 3 values"),
    (np.full((3, 3), np.inf), ParameterError, "did not determine every parameter"),
    (np.diag([1.0, -1.0, 1.0]), ParameterError, "positive semidefinite"),
    ("wide", DataError, "the covariance must hold numbers; got 'wide'"),
    (np.triu(np.ones((3, 3))), ParameterError, "must be symmetric"),
])
def test_a_covariance_that_is_none_is_refused(covariance, kind, said):
    with pytest.raises(kind, match=said):
        propagate(curve, P, covariance)


def test_a_first_argument_that_is_no_function_is_named():
    with pytest.raises(StructureError, match="propagate: the first argument must be a function; got 3 of type int"):
        propagate(3, [1.0], 1.0)


def test_an_order_that_does_not_exist_is_refused():
    with pytest.raises(ParameterError, match="order must be one of 1, 2; got 3"):
        propagate(curve, P, C, order=3)


# ---- SciPy's minimisers ----------------------------------------------------------------------------------------------
def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("method", ["l-bfgs", "bfgs", "newton-cg", "trust-ncg"])
def test_scipys_methods_reach_the_minimum_and_say_so(method):
    result = minimize(rosenbrock, np.full(7, -1.2), method=method)
    assert result.success
    assert result.message.startswith("converged")
    np.testing.assert_allclose(result.x, np.ones(7), rtol=1e-7)
    assert len(result.history) == result.nit + 1


def test_minimize_keeps_the_form_of_x0_and_counts_the_budget():
    result = minimize(lambda p: np.sum((p["a"] - 2) ** 2) + (p["b"] + 1) ** 2, {"a": np.zeros((2, 3)), "b": 0.0})
    np.testing.assert_allclose(result.x["a"], np.full((2, 3), 2.0))
    assert float(result.x["b"]) == pytest.approx(-1)
    short = minimize(rosenbrock, np.full(7, -1.2), max_iter=3)
    assert (short.nit, short.success) == (3, False)
    assert "above tol" in short.message
    assert minimize(rosenbrock, np.zeros(7), max_iter=0).nit == 0


def test_what_minimize_cannot_do_is_refused():
    with pytest.raises(ParameterError, match="method must be one of 'l-bfgs', 'bfgs', 'newton-cg', 'trust-ncg'; got 'lbfgs'"):
        minimize(rosenbrock, np.zeros(3), method="lbfgs")
    with pytest.raises(ParameterError, match=r"x0 must be one number at least; got \[\]"):
        minimize(rosenbrock, [])
    with pytest.raises(DivergenceError, match="minimize cannot start: at x0 the value is nan"):
        minimize(lambda x: np.sum(np.log(x)), np.array([-1.0, 2.0]))

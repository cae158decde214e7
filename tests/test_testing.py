"""check_derivatives: right derivatives pass whatever the scale, wrong ones are found and named."""

import re

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.errors import DualdiffError, MismatchError, RuleError, ShapeError, StructureError
from dualdiff.testing import check_derivatives, check_rule

X = np.array([1.0, 2.0, -0.5])
M = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def constant(x):
    """A derivative lost on purpose."""
    return dd.stop_gradient(x)


def unit(y):
    return y / np.linalg.norm(y)


def square(x):
    return np.outer(x, x) + np.eye(3)


# ---- what is right passes ---------------------------------------------------------------------------------

RIGHT = {
    "a scalar": (lambda x: x**3, 2.0),
    "powers at zero": (lambda x: np.stack([x**2, x**3, 1e50 * x**5, np.sin(x) ** 3]), np.array([0.0, 1.0])),
    "powers of differences": (lambda x: np.stack([(x - 1) ** 3, (x - 1) ** 5]), np.array([1.0, 2.0])),
    "squares that underflow": (lambda x: x**2, np.array([1e-300, 1.0])),
    "a Python integer": (lambda x: x**3, 2),
    "an elementwise function": (np.sin, X),
    "a matrix argument": (lambda A, x: np.tanh(A @ x), M, X),
    "a matrix result": (lambda x: np.outer(x[:2], x), X),
    "trees": (lambda p, t: {"y": p["w"] @ M.T * t[0], "z": [p["b"] ** 2]}, {"w": X, "b": 3.0}, (2.0,)),
    "a constant": (lambda x: 3.0, 2.0),
    "no results": (lambda x: x[:0], X),
    "no arguments' entries": (lambda x: x, np.zeros(0)),
    "single precision": (lambda x: np.tanh(x) * x, X.astype(np.float32)),
    "complex numbers": (lambda z: np.exp(z) * z, X + 0.5j),
    "fast oscillation": (lambda x: np.sin(1000 * x), X),
    "steps that are whole periods": (lambda x: np.sin(20 * np.pi * x), 0.3),
    "shares that add up to 1": (lambda x: np.sum(np.exp(x) / np.exp(x).sum()), np.array([0.3, -0.7, 1.1])),
    "a unit vector along its own direction": (lambda s: unit(np.array([1.0, 2.0, 4.5]) * s), 1.3),
    "a system solved and multiplied out": (lambda x: np.linalg.solve(square(x), square(x) @ np.ones(3)), X / 3),
    "an inverse less its transpose": (lambda x: np.linalg.inv(square(x)) - np.linalg.inv(square(x)).T, X),
    "a linear map less itself": (lambda x: M @ (M.T @ (M @ x)) - M @ M.T @ M @ x, X),
    "a logarithm of an exponential": (lambda x: np.append(np.log(np.exp(x)) - x, np.cosh(x) ** 2 - np.sinh(x) ** 2), X),
    "a feature narrower than the first steps": (lambda x: x * np.exp(-((x / 1e-3) ** 2)), np.array([0.0, 1e-3])),
    "tiny and huge arguments": (np.log, np.array([1e-12, 1e-3, 1e10])),
    "slow and fast scales at a huge argument": (np.sin, 1e9),
    "a branch nearby": (np.abs, np.array([1e-3, -0.01])),
    "the edge of a domain nearby": (np.sqrt, np.array([1e-3, 0.09])),
    "a function of magnitudes": (lambda x: np.abs(x) ** 2, X),
}


@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT)
def test_a_right_derivative_passes(case):
    f, *args = case
    verdict = check_derivatives(f, *args)
    assert verdict
    assert verdict.passed
    assert str(verdict).startswith("derivatives agree")
    assert verdict.unchecked == ()


def test_an_infinite_derivative_beside_spoils_nothing():
    verdict = check_derivatives(lambda x: np.stack([np.sqrt(x[1]), x[0]]), np.array([2.0, 0.0]))
    assert verdict.unchecked == ("∂result[0] / ∂argument 0[1]",)


def test_the_verdict_holds_the_matrices_that_were_compared():
    verdict = check_derivatives(lambda A, x: A @ x, M, X)
    expected = np.hstack([np.kron(np.eye(2), X), M])
    assert set(verdict.jacobians) == {"forward", "reverse", "finite differences", "complex step"}
    for name, J in verdict.jacobians.items():
        np.testing.assert_allclose(J, expected, rtol=0, atol=1e-11, err_msg=name)
    assert verdict.error_estimate.shape == (2, 9)
    assert verdict.largest["finite differences"] < 1e-11


def test_the_estimated_error_covers_the_true_one():
    functions = {np.exp: np.exp, np.sin: np.cos, np.log: lambda x: 1 / x, np.sqrt: lambda x: 0.5 / np.sqrt(x)}
    x = np.geomspace(1e-3, 50, 23)
    for f, slope in functions.items():
        verdict = check_derivatives(f, x)
        error = np.abs(np.diag(verdict.jacobians["finite differences"]) - slope(x))
        assert np.all(error <= 10 * np.diag(verdict.error_estimate) + 1e-16)
        assert np.all(error <= 1e-9 * np.maximum(np.abs(slope(x)), np.abs(f(x))))


# ---- what is wrong is found -------------------------------------------------------------------------------

WRONG = {
    "a lost factor": (lambda x: x * constant(x), (X,), "∂result[0] / ∂argument 0[0]", 1.0, 2.0),
    "one entry of many": (
        lambda A: A * A + np.where(np.arange(3) == 1, constant(A) * [[0.0], [1.0]], 0),
        (M,), "∂result[1, 1] / ∂argument 0[1, 1]", 0.5, 1.5,
    ),
    "the second argument of a tree": (
        lambda p, q: [p["w"], p["w"] * constant(q)], ({"w": 2.0}, 3.0), "∂result[1] / ∂argument 1", 0.0, 2.0,
    ),
    "a small relative error": (lambda x: x + 1e-4 * constant(x), (1.0,), "∂result / ∂argument 0", 1.0, 1.0001),
    "an error that only the complex step is fine enough to see": (
        lambda x: x + 1e-8 * constant(x), (1.0,), "∂result / ∂argument 0", 1.0, 1.00000001,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("f", "args", "place", "ours", "truth"), WRONG.values(), ids=WRONG)
def test_a_wrong_derivative_is_found_and_its_worst_entry_named(f, args, place, ours, truth):
    with pytest.raises(MismatchError, match="DISAGREE") as caught:
        check_derivatives(f, *args)
    assert f"worst entry: {place}: forward mode gives" in str(caught.value)
    verdict = check_derivatives(f, *args, raise_on_failure=False)
    assert not verdict
    assert str(verdict) == str(caught.value)
    assert f"∂{verdict.worst.result} / ∂{verdict.worst.argument}" == place
    assert verdict.worst.ours == pytest.approx(ours, rel=1e-12)
    assert verdict.worst.reference == pytest.approx(truth, rel=1e-9)
    assert verdict.worst.error == pytest.approx(abs(truth - ours), rel=1e-3)
    assert verdict.worst.error > verdict.worst.tolerance


@pytest.mark.parametrize("error", [3e-9, 1e-6, -1.0])
@pytest.mark.parametrize("ways", [("forward", "transpose"), ("forward",), ("transpose",)], ids=str)
@pytest.mark.parametrize("f", [
    lambda x, g: g(x), lambda x, g: 1e-30 * g(x), lambda x, g: np.append(1e-12 * g(x), np.sum(np.exp(x) / np.exp(x).sum())),
    lambda x, g: np.exp(x) * np.exp(-x) + g(x), lambda x, g: np.append(1e-20 * g(x), x[0] - x[0] / 3 * 3)],
    ids=["alone", "tiny", "beside what cancels", "on top of what cancels", "tiny, beside what cancels"])
def test_what_rounding_explains_excuses_no_wrong_rule(f, ways, error):
    right = {way: lambda f, x, dx: 2 * x * dx for way in ("forward", "transpose")}
    g = dd.custom_rule(lambda x: x * x, **right | {way: lambda f, x, dx: 2 * x * dx * (1 + error) for way in ways})
    with pytest.raises(MismatchError):
        check_derivatives(lambda x: f(x, g), X)


def test_what_differs_from_run_to_run_is_no_rounding():
    random = np.random.default_rng(0)
    with pytest.raises(MismatchError):
        check_derivatives(lambda x: np.sum(x * random.standard_normal(3)), X)


def test_a_failure_is_an_assertion_as_test_suites_expect():
    with pytest.raises(AssertionError):
        check_derivatives(lambda x: x * constant(x), 1.0)
    with pytest.raises(DualdiffError):
        check_derivatives(lambda x: x * constant(x), 1.0)


def test_a_mode_that_alone_is_wrong_is_named(monkeypatch):
    right = dd.testing.check.matrix
    monkeypatch.setattr(dd.testing.check, "matrix",
                        lambda f, args, mode: right(f, args, mode) * [[1.0, 1.0, 1.001 if mode == "reverse" else 1.0]])
    assert check_derivatives(np.sum, X, modes=("forward",)).modes == ("forward",)
    verdict = check_derivatives(np.sum, X, raise_on_failure=False)
    assert (verdict.passed, verdict.worst.mode, verdict.worst.argument) == (False, "reverse", "argument 0[2]")
    # Without a complex step, and with a tolerance that forgives differences, the other mode still tells.
    verdict = check_derivatives(lambda x: np.sum(np.abs(x)), X, rtol=1e-2, raise_on_failure=False)
    assert (verdict.passed, verdict.worst.against) == (False, "forward mode")


def test_complex_results_of_real_arguments_are_checked_in_both_modes():
    assert check_derivatives(lambda x: np.exp(1j * x) * x, X).passed


def test_nan_in_place_of_a_derivative_is_wrong(monkeypatch):
    monkeypatch.setattr(dd.testing.check, "matrix", lambda f, args, mode: np.array([[np.nan]]))
    verdict = check_derivatives(np.sin, 1.0, raise_on_failure=False)
    assert not verdict
    assert np.isnan(verdict.worst.ours)


@pytest.mark.parametrize(("options", "passes"), [({}, False), ({"rtol": 1e-2}, True), ({"atol": 1e-2}, True)])
def test_tolerances_are_the_users(options, passes):
    # The complex step is held to a thousandth of rtol: an error of 1e-6 is within 1e-5.
    verdict = check_derivatives(lambda x: x + 1e-6 * constant(x), 1.0, raise_on_failure=False, **options)
    assert verdict.passed is passes


# ---- where there is no derivative -------------------------------------------------------------------------


def test_any_slope_between_the_one_sided_ones_is_right_at_a_kink():
    verdict = check_derivatives(lambda x: np.maximum(x, 0), np.array([0.0, 1.0]))
    assert verdict.kinks == ("∂result[0] / ∂argument 0[0]",)
    assert "kinks, where any slope" in str(verdict)


def test_a_slope_beyond_the_one_sided_ones_is_wrong_at_a_kink():
    f = lambda x: np.maximum(x, 0) + 2 * x - 2 * constant(x)  # slopes 0 and 1, ours at least 2
    verdict = check_derivatives(f, np.array([0.0, 1.0]), raise_on_failure=False)
    assert not verdict


def test_an_entry_without_any_difference_is_reported_as_unchecked():
    verdict = check_derivatives(np.sqrt, np.array([0.0, 4.0, 9.0]))
    assert verdict.unchecked == ("∂result[0] / ∂argument 0[0]",)
    assert "not checked" in str(verdict)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_two_modes_that_say_nan_outside_the_domain_do_not_disagree():
    assert "∂result[0] / ∂argument 0[0]" in check_derivatives(np.sqrt, np.array([-1.0, 2.0])).unchecked


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nothing_compared_is_no_agreement():
    verdict = check_derivatives(np.log, -1.0, raise_on_failure=False)
    assert not verdict
    assert "could not be compared" in str(verdict)


def test_a_function_that_raises_outside_its_domain_is_differenced_inside():
    def f(x):
        if x > 1.05:
            raise ValueError("outside")
        return np.sqrt(1.1 - x)

    assert check_derivatives(f, 1.0)


def test_a_long_list_of_kinks_is_cut():
    verdict = check_derivatives(lambda x: np.maximum(x, 0), np.zeros(8))
    assert len(verdict.kinks) == 8
    assert "and 3 more" in str(verdict)


# ---- the complex step -------------------------------------------------------------------------------------

NOT_COMPLEX = {
    "numbers that must be real": lambda x: x * 2 if not np.iscomplexobj(x) else {}["complex"],
    "magnitudes": np.abs,
    "a real part that differs from the differences": lambda x: x * np.abs(x),
}


@pytest.mark.parametrize("f", NOT_COMPLEX.values(), ids=NOT_COMPLEX)
def test_a_function_that_is_not_analytic_is_judged_by_differences_alone(f):
    verdict = check_derivatives(f, 1.5)
    assert set(verdict.jacobians) == {"forward", "reverse", "finite differences"}
    assert "complex step: does not apply" in str(verdict)


# ---- how it runs ------------------------------------------------------------------------------------------


def test_a_smooth_function_runs_a_dozen_times_per_entry():
    runs = 0

    def f(x):
        nonlocal runs
        runs += 1
        return np.sin(x)

    check_derivatives(f, X)
    assert runs <= 4 + 13 * X.size


def test_the_arguments_are_left_as_they_were():
    x, p = X.copy(), {"b": [M.copy()]}
    check_derivatives(lambda x, p: p["b"][0] @ x, x, p)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(p["b"][0], M)


def test_what_cannot_be_differentiated_raises_what_the_transforms_raise():
    with pytest.raises(RuleError, match=r"numpy\.gcd"):
        check_derivatives(lambda x: np.gcd(x, 2), 4)
    with pytest.raises(StructureError):
        check_derivatives(lambda x: "text", 4.0)


@pytest.mark.parametrize("bad", [-1e-3, np.nan, "a", np.ones(2)])
@pytest.mark.parametrize("check", [check_derivatives, check_rule])
def test_tolerances_that_are_none_are_quoted(check, bad):
    for name in ("rtol", "atol"):
        with pytest.raises(StructureError, match=rf"{name}={re.escape(repr(bad))}.* must be numbers of at least 0"):
            check(np.sin, 1.0, **{name: bad})


@pytest.mark.parametrize("modes", [(), ("backward",), "forward", None, 3])
def test_modes_that_do_not_exist_are_quoted(modes):
    with pytest.raises(StructureError, match="modes="):
        check_derivatives(np.sin, 1.0, modes=modes)


def test_a_result_that_changes_its_shape_is_refused():
    with pytest.raises(ShapeError, match="changes its shape"):
        check_derivatives(lambda x: x[: 1 + int(x[0].value > 1 if isinstance(x, dd.DualArray) else x[0] > 1)], X)

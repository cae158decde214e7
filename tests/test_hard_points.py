"""Where derivatives go wrong elsewhere: infinite partials beside zeros, kinks, overflow. The promises, as data."""

import warnings

import hard_cases
import numpy as np
import pytest
import scipy.special

from dualdiff import Dual, DualArray, derivative, gradient, hessian, hvp, jacobian, jvp, linearize, vjp
from dualdiff.errors import DegenerateError, DerivativeWarning

INF, NAN = np.inf, np.nan

pytestmark = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value|overflow|underflow):RuntimeWarning")


def by_jacobian(f, x):
    return jacobian(f)(x)


def by_reverse(f, x):
    value, pullback = vjp(f, x)
    rows = np.eye(np.size(value)).reshape(np.size(value), *np.shape(value))
    return pullback(rows)[0].reshape(np.shape(value) + np.shape(x))


def by_directions(f, x):
    columns = jvp(f, (x,), (np.eye(np.size(x)).reshape(np.size(x), *np.shape(x)),))[1]
    return np.moveaxis(columns, 0, -1).reshape(np.shape(columns)[1:] + np.shape(x))


def by_single_directions(f, x):
    columns = [jvp(f, (x,), (e.reshape(np.shape(x)),))[1] for e in np.eye(np.size(x))]
    return np.stack(columns, axis=-1).reshape(np.shape(columns[0]) + np.shape(x))


def by_hand(f, x):
    y = f(DualArray(x, np.eye(np.size(x)).reshape(np.size(x), *np.shape(x))))
    return np.moveaxis(y.tangent, 0, -1).reshape(np.shape(y.value) + np.shape(x))


def by_derivative(f, x):
    columns = [derivative(lambda t, e=e: f(x + t * e.reshape(np.shape(x))))(0.0) for e in np.eye(np.size(x))]
    return np.stack(columns, axis=-1).reshape(np.shape(columns[0]) + np.shape(x))


def by_linearize(f, x):
    J = linearize(f, x)
    columns = [J @ e.reshape(np.shape(x)) for e in np.eye(np.size(x))]
    found = np.stack(columns, axis=-1).reshape(np.shape(J.value) + np.shape(x))
    np.testing.assert_allclose(J.todense().reshape(found.shape), found, rtol=1e-14, atol=1e-14)
    return found


def by_sparse(f, x):
    return jacobian(f, sparse=True)(x).toarray().reshape(np.shape(f(x)) + np.shape(x))


def by_gradients(f, x):
    """Forward and reverse gradients of each element of the result, which agree."""
    size = np.size(f(x))
    rows = {mode: np.reshape([gradient(lambda x, i=i: np.ravel(f(x))[i], mode=mode)(x) for i in range(size)],
                             (size, np.size(x)))
            for mode in ("forward", "reverse")}
    np.testing.assert_allclose(rows["forward"], rows["reverse"], rtol=1e-14, atol=1e-14)
    return rows["forward"].reshape(np.shape(f(x)) + np.shape(x))


def nested_forward(f, x):
    """The Jacobian inside another sweep, of an argument that this one perturbs."""
    return jvp(lambda s: jacobian(f)(x * s), (1.0,), (1.0,))[0]


def nested_reverse(f, x):
    return jvp(lambda s: by_reverse(f, x * s), (1.0,), (1.0,))[0]


MODES = [by_jacobian, by_reverse, by_directions, by_single_directions, by_hand]
MORE_MODES = [by_derivative, by_linearize, by_sparse, by_gradients, nested_forward, nested_reverse]
every_mode = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__[3:])
really_every_mode = pytest.mark.parametrize("mode", MODES + MORE_MODES, ids=lambda mode: mode.__name__)


# A case: the code in x, the point, the Jacobian.
STRONG_ZERO = [
    ("np.stack([np.sqrt(x[0]), x[1] ** 2])", [0.0, 3.0], [[INF, 0], [0, 6]]),
    ("np.sqrt(x)", [0.0, 4.0], [[INF, 0], [0, 0.25]]),
    ("np.sqrt(x) * np.array([0.0, 1.0])", [0.0, 4.0], [[0, 0], [0, 0.25]]),
    ("np.sqrt(np.array([0.0, 1.0]) * x)", [3.0, 4.0], [[0, 0], [0, 0.25]]),
    ("np.log(x[:1] * 0 + 1) * x[1:]", [0.0, 3.0], [[0, 0]]),
    ("np.concatenate([np.cbrt(x[:1]), np.sin(x[1:])])", [0.0, 0.0], [[INF, 0], [0, 1]]),
    ("np.where(x > 0, x * np.log(x), 0)", [0.0, 1.0, -1.0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    ("np.where(x > 0, np.sqrt(x), -x)", [-4.0, 4.0, 0.0], [[-1, 0, 0], [0, 0.25, 0], [0, 0, -1]]),
    ("np.where(x == 0, 1.0, np.sin(x) / x)", [0.0], [[0]]),
    ("1 / (1 + np.exp(-x))", [-800.0, 0.0, 800.0], [[0, 0, 0], [0, 0.25, 0], [0, 0, 0]]),
    ("np.exp(-1 / x)", [1e-300], [[0]]),
    ("np.sum(np.sqrt(x[:1])) + np.sum(x[1:] ** 2)", [0.0, 3.0], [INF, 6]),
    ("(x[None, :] * np.eye(2)) @ np.ones(2)", [1.0, 2.0], [[1, 0], [0, 1]]),
    ("np.arccos(x)", [1.0, 0.0], [[-INF, 0], [0, -1]]),
    ("np.arcsin(x)", [-1.0, 0.0], [[INF, 0], [0, 1]]),
    ("np.arctanh(x)", [0.5, 1.0], [[4 / 3, 0], [0, INF]]),
    ("np.log(x)", [0.0, 2.0], [[INF, 0], [0, 0.5]]),
]
KINKS = [
    ("np.abs(x)", [0.0, -2.0], [[0, 0], [0, -1]]),
    ("np.fabs(x)", [0.0, 2.0], [[0, 0], [0, 1]]),
    ("np.sign(x)", [0.0, -2.0], [[0, 0], [0, 0]]),
    ("np.maximum(x, 0)", [0.0, 2.0, -1.0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    ("np.maximum(0.0, x)", [0.0, 2.0], [[0, 0], [0, 1]]),
    ("np.minimum(x, 0)", [0.0, -2.0], [[0, 0], [0, 1]]),
    ("np.fmax(x, 0)", [0.0, 2.0], [[0, 0], [0, 1]]),
    ("np.clip(x, 0, 1)", [0.0, 1.0, 0.5, 2.0], np.diag([0, 0, 1.0, 0])),
    ("np.maximum(x[0], x[1])", [1.0, 1.0], [0.5, 0.5]),
    ("np.minimum(x[:1], x[1:])", [1.0, 1.0], [[0.5, 0.5]]),
    ("np.max(x)", [3.0, 1.0, 3.0, 3.0], [1 / 3, 0, 1 / 3, 1 / 3]),
    ("np.min(x)", [3.0, 1.0, 1.0], [0, 0.5, 0.5]),
    ("np.max(x.reshape(2, 2), axis=1)", [1.0, 1.0, 0.0, 2.0], [[0.5, 0.5, 0, 0], [0, 0, 0, 1]]),
    ("np.max(x, initial=2.0)", [2.0, 1.0], [0, 0]),
    ("np.linalg.norm(x)", [0.0, 0.0], [0, 0]),
    ("np.linalg.norm(x.reshape(2, 2), axis=1)", [0.0, 0.0, 3.0, 4.0], [[0, 0, 0, 0], [0, 0, 0.6, 0.8]]),
    ("np.linalg.norm(x, 1)", [0.0, -2.0], [0, -1]),
    ("np.linalg.norm(x, np.inf)", [-2.0, 2.0], [-0.5, 0.5]),
    ("np.linalg.norm(x, 3)", [0.0, 0.0], [0, 0]),
    ("np.linalg.norm(x, 3)", [0.0, 2.0], [0, 1]),
    ("np.linalg.norm(x)", [1e-200, 0.0], [1, 0]),
    ("np.hypot(x[0], x[1])", [0.0, 0.0], [0, 0]),
    ("np.hypot(x[0], 0.0)", [0.0], [0]),
    ("np.hypot(x[0], x[1])", [3e200, 4e200], [0.6, 0.8]),
    ("np.copysign(x, -1.0)", [0.0, 2.0], [[0, 0], [0, -1]]),
    ("np.linalg.norm(x)", [3e-160, 4e-160], [0.6, 0.8]),
    ("abs(x[0])", [0.0], [0]),
]
LIMITS = [
    ("x ** 2", [0.0, 3.0], [[0, 0], [0, 6]]),
    ("x ** 1", [0.0], [[1]]),
    ("x ** 0", [0.0, 2.0], [[0, 0], [0, 0]]),
    ("x ** 0.5", [0.0, 4.0], [[INF, 0], [0, 0.25]]),
    ("x ** 1.5", [0.0], [[0]]),
    ("x ** np.array([0.0, 1.0, 2.0, 0.5])", [0.0, 0.0, 0.0, 0.0], np.diag([0, 1, 0, INF])),
    ("0.0 ** x", [2.0, 1.0], [[0, 0], [0, 0]]),
    ("x[0] ** x[1]", [0.0, 2.0], [0, 0]),
    ("x[0] ** x[1]", [0.0, 1.0], [1, 0]),
    ("np.power(x[0], x[1])", [2.0, 3.0], [12, 8 * np.log(2)]),
    ("x ** 3", [-2.0], [[12]]),
    ("x ** -1", [-2.0], [[-0.25]]),
    ("np.tanh(x)", [400.0, -400.0, 0.0], np.diag([0, 0, 1.0])),
    ("np.logaddexp(x[0], x[1])", [1000.0, -1000.0], [1, 0]),
    ("np.logaddexp(x[0], x[1])", [1000.0, 1000.0], [0.5, 0.5]),
    ("np.logaddexp(0, x)", [1000.0, -1000.0], [[1, 0], [0, 0]]),
    ("np.logaddexp2(x[0], x[1])", [-2000.0, 2000.0], [0, 1]),
    ("np.logaddexp(x[0], x[1])", [-INF, 2.0], [0, 1]),
    ("np.arctan2(x[0], x[1])", [1e200, 1e200], [0.5e-200, -0.5e-200]),
    ("np.arctan(x)", [1e200], [[0]]),
    ("np.arcsinh(x)", [1e200], [[1e-200]]),
    ("np.expm1(x)", [1e-20], [[1]]),
    ("np.log1p(x)", [1e-20], [[1]]),
    ("x / (1 + np.abs(x))", [0.0], [[1]]),
    ("np.linalg.det(x.reshape(2, 2))", [1.0, 2.0, 2.0, 4.0], [4, -2, -2, 1]),
    ("np.linalg.det(x.reshape(2, 2))", [0.0, 0.0, 0.0, 3.0], [3, 0, 0, 0]),
    ("np.linalg.det(x.reshape(2, 2))", [0.0, 0.0, 0.0, 0.0], [0, 0, 0, 0]),
    ("np.abs(x[0] + 1j * x[1])", [3e-320, 4e-320], [0.6, 0.8]),
    ("x[1] + np.linalg.norm(x[:0])", [1.0, 2.0], [0, 1]),
    ("x[1] + np.linalg.norm(x[:0].reshape(2, 0), axis=1)", [1.0, 2.0], [[0, 1], [0, 1]]),
    ("np.linalg.det(x.reshape(3, 3))", [1.0, 2, 3, 4, 5, 6, 7, 8, 9], [-3, 6, -3, 6, -12, 6, -3, 6, -3]),
]
# What overflowed has no derivative, and says so.
NOT_A_NUMBER = [
    ("np.linalg.norm(x)", [3e200, 4e200]),
    ("np.exp(x) / np.exp(x)", [1000.0]),
    ("x - x / 0.0 * 0.0", [1.0]),
]


# The zero came out of the program, and is no derivative: every sweep says so. (Arrays perturbed by hand cannot run again.)
LOST = [
    ("1 / np.exp(-x)", [1000.0], [[NAN]]),
    ("np.log(np.exp(x))", [-1000.0, 1.0], [[NAN, 0], [0, 1]]),
    ("1 / x ** 2", [0.0, 2.0], [[NAN, 0], [0, -0.25]]),
    ("np.log(x * x)", [0.0, 1.0], [[NAN, 0], [0, 2]]),
    ("1 / np.sum(np.exp(-x))", [1000.0, 1000.0], [NAN, NAN]),
    ("1 / np.sum(x ** 2)", [0.0, 0.0], [NAN, NAN]),
    ("1 / (x @ x)", [0.0, 0.0], [NAN, NAN]),
    ("np.log(np.abs(x[:1])) + x[1]", [0.0, 3.0], [[NAN, 1]]),
    ("np.log(np.cumsum(x ** 2))", [0.0, 1.0], [[NAN, 0], [0, 2]]),
    ("np.stack([1 / np.sum(x ** 2), np.sum(x)])", [0.0, 0.0], [[NAN, NAN], [1, 1]]),
    ("np.log(np.prod(x))", [0.0, 0.0, 2.0], [NAN, NAN, NAN]),
    ("np.log(np.prod(x))", [0.0, 3.0], [INF, NAN]),
    ("np.log(np.prod(x.reshape(2, 2), axis=1))", [0.0, 0.0, 1.0, 2.0], [[NAN, NAN, 0, 0], [0, 0, 1, 0.5]]),
    ("np.log(np.cumprod(x))", [1.0, 0.0, 0.0], [[1, 0, 0], [NAN, INF, 0], [NAN, NAN, NAN]]),
    ("np.log(np.linalg.norm(x))", [0.0, 0.0], [NAN, NAN]),
    ("1 / np.linalg.norm(x, 3)", [0.0, 0.0], [NAN, NAN]),
    ("np.log(np.linalg.det(x.reshape(2, 2)))", [0.0, 0.0, 0.0, 0.0], [NAN, NAN, NAN, NAN]),
    ("1 / np.convolve(x, x)", [0.0, 0.0], [[NAN, 0], [NAN, NAN], [0, NAN]]),
    ("np.log(1 - np.sinc(x))", [0.0, 1.0], [[NAN, 0], [0, 1]]),
    ("np.log(np.abs(x + 1j * x))", [0.0, 1.0], [[NAN, 0], [0, 1]]),
    ("np.log(np.hypot.reduce(x))", [0.0, 0.0], [NAN, NAN]),
    ("np.sqrt(x ** 2)", [1e200, 3.0], [[NAN, 0], [0, 1]]),
    ("np.log(x @ x)", [1e200, 3.0], [NAN, NAN]),
    ("np.std(x)", [1e200, -1e200], [NAN, NAN]),
    ("np.stack([(x[0] ** 2) ** 0.5, x[1]])", [1e200, 3.0], [[NAN, 0], [0, 1]]),
]
UNPERTURBED = [
    ("np.log(x * np.array([0.0, 1.0]))", [1.0, 2.0], [[0, 0], [0, 0.5]]),
    ("np.log(np.where(x > 0, x, 0))", [-1.0, 1.0], [[0, 0], [0, 1]]),
    ("np.log(np.array([[0.0, 0.0], [0.0, 2.0]]) @ x)", [1.0, 2.0], [[0, 0], [0, 0.5]]),
    ("np.log(np.concatenate([[0.0], x]))", [1.0], [[0], [1]]),
    ("1 / np.convolve(x, [1.0, 0.0])", [0.0, 1.0], [[-INF, 0], [0, -1], [0, 0]]),
    ("np.log(np.max(x))", [0.0, -1.0], [INF, 0]),
    ("np.arctan(1 / x ** 2)", [0.0], [[0]]),
    ("np.exp(-1 / x ** 2)", [0.0], [[0]]),
    ("np.log(x)", [0.0, 2.0], [[INF, 0], [0, 0.5]]),
]


def function(code):
    return eval(f"lambda x: {code}", {"np": np, "sp": scipy.special, "cubed": hard_cases.cubed, "rebuilt": hard_cases.rebuilt})


TABLE = [*STRONG_ZERO, *KINKS, *LIMITS, *hard_cases.ALL]
# Second derivatives that nested sweeps meet on the way to the first, and that are refused.
NO_SECOND = ("cubed(", "rebuilt(")     # with vectors of repeated values


def test_the_table_of_hard_points_is_long():
    assert len(TABLE) >= 140
    assert len({(code, str(point)) for code, point, _ in TABLE}) == len(TABLE)


@really_every_mode
@pytest.mark.parametrize(("code", "point", "expected"), TABLE,
                         ids=lambda part: str(part).replace("\n", "") if isinstance(part, str | list) else "J")
@pytest.mark.filterwarnings("ignore::dualdiff.DerivativeWarning")
def test_the_jacobian_at_a_hard_point(code, point, expected, mode):
    x, expected = np.array(point), np.array(expected, float)
    by_hand_needs_vectors = mode is by_hand and code.startswith(("cubed", "rebuilt"))
    if by_hand_needs_vectors or (mode.__name__.startswith("nested") and code.startswith(NO_SECOND)):
        with pytest.raises(DegenerateError):
            mode(function(code), x)
        return
    J = mode(function(code), x)
    assert np.shape(J) == expected.shape
    np.testing.assert_allclose(J, expected, rtol=1e-14, atol=1e-14)


@every_mode
@pytest.mark.parametrize(("code", "point"), NOT_A_NUMBER)
def test_where_the_value_overflowed_the_derivative_is_not_a_guess(code, point, mode):
    assert np.isnan(mode(function(code), np.array(point))).all()


@pytest.mark.parametrize("mode", [mode for mode in MODES + MORE_MODES if mode is not by_hand], ids=lambda mode: mode.__name__)
@pytest.mark.parametrize(("code", "point", "expected"), LOST + UNPERTURBED, ids=str)
def test_a_zero_is_a_derivative_only_where_nothing_is_perturbed_or_the_value_is_finite(code, point, expected, mode):
    J = mode(function(code), np.array(point))
    np.testing.assert_allclose(J, np.array(expected, float), rtol=1e-14, atol=1e-14)


LOST_TWICE = [  # rows of Hessians where the value is not finite
    ("np.corrcoef(x, np.arange(4.0))[0, 1]", [1.0, 1.0, 1.0, 1.0], np.full((4, 4), NAN)),
    ("np.corrcoef(x, x[::-1])[0, 1]", [0.0, 0.0, 0.0, 0.0], np.full((4, 4), NAN)),
    ("np.sum((x - x.mean()) / (x - x.mean()))", [2.0, 2.0, 2.0], np.full((3, 3), NAN)),
    ("np.log(np.abs(x[0])) + x[1] ** 2 * x[2]", [0.0, 2.0, 3.0], [[NAN, 0, 0], [0, 6, 4], [0, 4, 0]]),
    ("np.log(np.exp(x[0])) + x[1] ** 2", [-1000.0, 2.0], [[NAN, 0], [0, 2]]),
    ("1 / x[0] ** 2 + x[1] ** 3", [0.0, 1.0], [[NAN, 0], [0, 6]]),
    ("np.log(np.linalg.norm(x))", [0.0, 0.0], np.full((2, 2), NAN))]


@pytest.mark.parametrize(("code", "point", "expected"), LOST_TWICE, ids=str)
def test_a_zero_of_a_second_derivative_is_doubted_where_the_first_was(code, point, expected):
    f, x, expected = function(code), np.array(point), np.array(expected)
    for second in SECOND:
        np.testing.assert_array_equal(second(f)(x), expected)
    lost = np.isnan(expected).any(axis=0)
    assert np.isnan(hvp(f)(x, np.where(lost, 1.0, 0.0))[lost]).all()


@pytest.mark.parametrize(("scale", "far", "runs"), [(1, 720.0, 1), (1e100, 400.0, 2)])
def test_a_sweep_starts_again_where_an_underflow_may_cost_a_derivative_and_not_where_it_is_nearly_zero(scale, far, runs):
    calls = []

    def f(x):
        calls.append(x)
        return np.exp(-x) / (scale * np.sum(np.exp(-x)))
    jacobian(f, mode="forward")(np.array([0.0, far, far + 9]))
    assert len(calls) == runs


SECOND = [hessian, lambda f: lambda x: hessian(f, sparse=True)(x).toarray(),
          lambda f: jacobian(gradient(f, mode="forward"), mode="forward"),
          lambda f: jacobian(gradient(f, mode="forward"), mode="reverse")]
in_long_doubles = pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(float).max, reason="long doubles are doubles here")
S = np.exp(np.array([300.0, -300.0, 1.0]) - 300)


@in_long_doubles
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode is not by_hand], ids=lambda mode: mode.__name__)
@pytest.mark.parametrize(("code", "point", "expected"), [
    ("np.log(x ** -3)", [3e90, 1e77], [[-1e-90, 0], [0, -3e-77]]),
    ("np.log(1 / x)", [1e-300, 3e200], [[-1e300, 0], [0, -1 / 3e200]]),
    ("np.log(1e-300 * np.sqrt(x))", [1e200], [[0.5e-200]]),
    ("np.log(np.arctan(1 / x))", [1e-250], [[-2 / np.pi]]),
    ("np.arctan(x ** -2)", [1e-100], [[-2e-100]]),
    ("np.log(np.exp(x) / np.sum(np.exp(x)))", [300.0, -300.0, 1.0], np.eye(3) - S),
    ("1 / np.sum(1 / x)", [1e200, 1e-200], [1e-400, 1]),
    ("x[0] / (1 + x[1] * x[1])", [1e300, 1e100], [1e-200, -2])], ids=str)
def test_what_leaves_the_range_of_floats_on_the_way_is_back_in_the_derivative(code, point, expected, mode):
    J, expected = mode(function(code), np.array(point)), np.array(expected)
    sure = np.abs(expected) > 1e-308
    np.testing.assert_allclose(J[sure] / expected[sure], 1, rtol=1e-13)


@in_long_doubles
@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize(("code", "point", "expected"), [
    ("np.sum(np.log((1 + x**2 / 3) ** -2))", [1e50], [[4e-100]]),
    ("np.sum(np.log(1 + x * x))", [1e110], [[-2e-220]]),
    ("np.sum(np.sqrt(x * x * x) / x)", [1e90], [[-0.25e-135]]),
    ("np.log(np.sum(x * x))", [0.5, -1e90], [[2e-180, 2e-270], [2e-270, -2e-180]]),
    ("np.arctan(x[0] / x[1])", [1e90, 1e10], [[-2e-260, 1e-180], [1e-180, 0]]),
    ("np.hypot(x[0], x[1])", [1.0, 1e-20], [[1e-40, -1e-20], [-1e-20, 1]]),
    ("np.sum(np.hypot(x, 1))", [1e60], [[1e-180]]),
    ("np.sum(sp.expit(x))", [1e-12], [[-1.25e-13]]),
    ("np.log(x[0] / (1 + x[1] * x[1]))", [1e-200, 1e50], [[-INF, 0], [0, 2e-100]])], ids=str)
def test_curvature_that_is_far_from_the_size_of_what_it_is_made_of_is_not_lost(code, point, expected, second):
    H, expected = second(function(code))(np.array(point)), np.array(expected)
    sure = (expected != 0) & np.isfinite(expected)
    np.testing.assert_allclose(H[sure] / expected[sure], 1, rtol=1e-13)


def test_functions_that_know_no_long_doubles_do_not_stop_a_sweep_that_needs_them():
    A = np.array([[2.0, 1.0], [1.0, 3.0]])
    g = gradient(lambda x: np.sum(np.linalg.solve(A, np.log(x**-3))))(np.array([3e100, 1.0]))
    np.testing.assert_allclose(g[1], -0.6, rtol=1e-14)


@pytest.mark.parametrize("second", SECOND[:3])
@pytest.mark.parametrize(("f", "point", "expected"), [
    (lambda x: np.sum(1 / (x * x)), [1.0, 0.0], [[6, 0], [0, NAN]]),
    (lambda x: np.log(np.exp(x[0])) + x[1] ** 2, [-800.0, 2.0], [[NAN, 0], [0, 2]]),
    (lambda x: np.log(np.sum(np.exp(x))), [-800.0, -900.0], [[NAN, NAN], [NAN, NAN]]),
    (lambda x: np.sum(1 / (1 + np.exp(-x))), [-800.0, 0.0], [[0, 0], [0, 0]])])
def test_a_zero_is_a_second_derivative_only_where_the_first_is_one(f, point, expected, second):
    np.testing.assert_allclose(second(f)(np.array(point)), expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("f", "point", "expected"), [
    (lambda x: np.sum(np.where(x > 0, x * np.log(x), 0)), [0.0, 1.0], [0, 1]),
    (lambda x: np.sum(np.maximum(x, 0) ** 2), [0.0, 3.0], [0, 6]),
    (np.linalg.norm, [0.0, 0.0], [0, 0]),
    (lambda x: np.sum(1 / (1 + np.exp(-x))), [-800.0, 0.0], [0, 0.25]),
    (lambda x: np.sqrt(x[0]) + x[1] ** 2, [0.0, 3.0], [INF, 6]),
    (lambda x: sum(np.sqrt(a) * b for a, b in zip(x, [0.0, 2.0], strict=True)), [0.0, 4.0], [0, 0.5]),
], ids=["xlogx", "relu²", "norm", "sigmoid", "√", "loop"])
def test_the_gradient_at_a_hard_point(f, point, expected, mode):
    np.testing.assert_array_equal(gradient(f, mode=mode)(np.array(point)), expected)


@pytest.mark.parametrize(("code", "x", "tangent"), [
    ("abs(x)", 0.0, 0.0), ("x ** 0.5", 0.0, INF), ("x ** 2", 0.0, 0.0), ("x ** 0", 0.0, 0.0), ("np.sqrt(x)", 0.0, INF),
    ("np.maximum(x, 0)", 0.0, 0.0), ("np.hypot(x, 0.0)", 0.0, 0.0), ("np.tanh(x)", 400.0, 0.0), ("max(x, 0.0)", 2.0, 1.0)])
def test_a_dual_made_by_hand_at_a_hard_point(code, x, tangent):
    assert function(code)(Dual(x, 1.0)).tangent == tangent


@pytest.mark.parametrize("code", ["x ** 0.5", "np.sqrt(x)", "np.log(x)", "np.cbrt(x)", "np.arcsin(x + 1)", "1 / x"])
def test_an_unperturbed_dual_stays_unperturbed_through_an_infinite_partial(code):
    x = 0.0 if code != "1 / x" else 1e-320
    assert np.all(function(code)(Dual(x, 0.0)).tangent == 0)
    assert np.abs(function(code)(Dual(x, np.array([0.0, 1.0]))).tangent).tolist() == [0.0, INF]


@pytest.mark.parametrize(("f", "point", "expected"), [
    (lambda x: np.sum(x**2), [0.0, 1.0], [[2, 0], [0, 2]]),
    (lambda x: np.sum(np.maximum(x, 0) ** 2), [0.0, 1.0], [[0, 0], [0, 2]]),
    (lambda x: np.sum(x**3), [0.0, 1.0], [[0, 0], [0, 6]]),
    (lambda x: np.sum(np.where(x > 0, x * np.log(x), 0)), [0.0, 2.0], [[0, 0], [0, 0.5]]),
    (lambda x: np.sum(np.tanh(x)), [400.0, 0.0], [[0, 0], [0, 0]]),
    (lambda x: np.logaddexp(x[0], x[1]), [1000.0, 1000.0], [[0.25, -0.25], [-0.25, 0.25]]),
    (lambda x: np.sum(1 / (1 + np.exp(-x))), [-800.0, 0.0], [[0, 0], [0, 0]]),
    (lambda x: np.sum(np.abs(x) * x), [0.0, -1.0], [[0, 0], [0, -2]]),
], ids=["x²", "relu²", "x³", "xlogx", "tanh", "logaddexp", "sigmoid", "|x|x"])
def test_the_hessian_at_a_hard_point(f, point, expected):
    np.testing.assert_allclose(hessian(f)(np.array(point)), expected, rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(jacobian(gradient(f, mode="forward"))(np.array(point)), expected, rtol=1e-14, atol=1e-300)


def test_a_piece_of_a_result_whose_derivative_overflows_leaves_those_beside_it_alone():
    A, B, C = np.random.default_rng(0).random((3, 100, 70))
    B[0] *= 1e200
    large = np.where(np.arange(100) == 0, 1e200, 1.0)

    def f(x):
        return np.stack([C @ x, np.cos(A @ x) + large * np.sin(B @ x) + np.exp(C @ x)], axis=1)
    J = jacobian(f, mode="forward")(np.zeros(70))
    assert np.array_equal(J[:, 0], C)
    assert np.isposinf(J[0, 1]).all()
    assert np.allclose(J[1:, 1], B[1:] + C[1:], rtol=1e-13)


# ---- types -----------------------------------------------------------------------------------------------------------
CODES = ["np.sin(x)", "x * x + 1", "np.where(x > 0, x, 0)", "np.maximum(x, 0)", "np.max(x)", "np.mean(x)", "x @ x", "x ** 2.5",
         "np.linalg.norm(x)", "np.stack([x, x])", "np.exp(x) / np.sum(np.exp(x))", "x[1:] - x[:-1]", "np.abs(x)", "np.tanh(x)"]


@every_mode
@pytest.mark.parametrize("code", CODES)
def test_single_precision_stays_single(code, mode):
    if mode is by_reverse:
        x = np.array([1.5, 0.5, 2.0], np.float32)
        value, pullback = vjp(function(code), x)
        assert pullback(np.ones(np.shape(value), np.float32))[0].dtype == np.float32
    elif mode is by_hand:
        y = function(code)(DualArray(np.array([1.5, 0.5], np.float32), np.ones(2, np.float32)))
        assert (y.value.dtype, y.tangent.dtype) == (np.float32, np.float32)
    elif mode is by_jacobian:
        assert mode(function(code), np.array([1.5, 0.5, 2.0], np.float32)).dtype == np.float32
    else:
        v = np.ones(3, np.float32) if mode is by_single_directions else np.ones((2, 3), np.float32)
        assert jvp(function(code), (np.array([1.5, 0.5, 2.0], np.float32),), (v,))[1].dtype == np.float32


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("f", [lambda x: np.hypot(x[0], x[1]), lambda x: np.sum(np.hypot(x, 0)), np.linalg.norm,
                               np.hypot.reduce, lambda x: np.linalg.norm(x, 3), lambda x: np.abs(x[0] + 1j * x[1])])
def test_roots_have_the_kink_of_double_precision_in_shorter_types(f, dtype, mode):
    np.testing.assert_array_equal(gradient(f, mode=mode)(np.zeros(2, dtype)), [0, 0])


def test_numbers_near_the_end_of_a_shorter_type_have_derivatives_to_its_rounding():
    z = np.array([3e-40, 4e-40], np.float32)
    np.testing.assert_allclose(gradient(lambda x: np.abs(x[0] + 1j * x[1]))(z), [0.6, 0.8], rtol=1e-5)
    x = np.array([100.0, 200.0, 50.0])
    np.testing.assert_allclose(hessian(np.std)(x.astype(np.float16)), hessian(np.std)(x), rtol=5e-3)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, bool])
def test_integers_become_double_precision(kind):
    J = jacobian(lambda x: x * x)(np.array([1, 0], kind))
    np.testing.assert_array_equal(J, [[2.0, 0.0], [0.0, 0.0]])
    assert J.dtype == np.float64


# ---- the program is the same program ---------------------------------------------------------------------------------
@every_mode
def test_branches_look_at_values_only(mode):
    def f(x):
        return np.stack([a * a if a > 1 else -a if a <= 0 else a * 3 for a in x])

    np.testing.assert_array_equal(mode(f, np.array([2.0, 0.5, -1.0])), np.diag([4.0, 3.0, -1.0]))


def test_an_equality_that_is_true_of_a_perturbed_number_warns():
    def sinc(x):
        return 1.0 if x == 0 else np.sin(x) / x

    for differentiated in (gradient(sinc, mode="forward"), gradient(sinc, mode="reverse")):
        with pytest.warns(DerivativeWarning, match="=="):
            differentiated(0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("error", DerivativeWarning)
            differentiated(0.5)


# Where the first partial is zero, or a kink of what it is made of, the second need not be.
C, D = -np.tanh(0.5) / np.cosh(0.5) ** 2 / 4, 10 / 288**0.5
CURVATURE = [
    ("x[0] ** x[1]", [2.0, 0.0], [[0, 0.5], [0.5, np.log(2) ** 2]]),
    ("np.power(x[:1], x[1:])[0]", [4.0, 0.0], [[0, 0.25], [0.25, np.log(4) ** 2]]),
    ("np.float_power(x[0], x[1])", [2.0, 0.0], [[0, 0.5], [0.5, np.log(2) ** 2]]),
    ("x[0] ** x[1]", [0.0, 2.0], [[2, 0], [0, 0]]),
    ("x[0] ** x[1]", [0.0, 1.0], [[0, -INF], [-INF, 0]]),
    ("np.sum(np.log1p(np.exp(x)))", [400.0, 0.0], [[0, 0], [0, 0.25]]),
    ("np.log(np.sum(np.exp(x)))", [400.0, 0.0], [[0, 0], [0, 0]]),
    ("(np.exp(x) / np.sum(np.exp(x)))[0]", [400.0, 399.0], [[C, -C], [-C, C]]),
    ("np.sqrt(x @ x) * 1e121", [3e120, 4e120], [[1.28, -0.96], [-0.96, 0.72]]),
    ("np.std(x) * 1e121", [6e120, 0.0, 0.0], [[0, 0, 0], [0, D, -D], [0, -D, D]]),
    ("sp.powm1(x[0], x[1])", [2.0, 0.0], [[0, 0.5], [0.5, np.log(2) ** 2]]),
    ("sp.xlogy(x[0], x[1])", [0.0, 2.0], [[0, 0.5], [0.5, 0]]),
    # 50-digit values of mpmath
    ("sp.kv(x[0], 1.0)", [0.0], [[0.307811043092112703]]),
    ("sp.iv(x[0], 1.0)", [0.0], [[-1.44521434248108132]]),
    ("sp.stdtr(x[0], x[1])", [5.0, 0.0], [[0, 0.0037254020601178396], [0.0037254020601178396, 0]]),
    ("sp.stdtr(x[0], x[1])", [0.5, 0.0], [[0, 0.15393024180279986], [0.15393024180279986, 0]]),
]


@pytest.mark.parametrize(("code", "point", "expected"), CURVATURE, ids=str)
def test_second_derivatives_are_there_where_a_first_one_is_zero(code, point, expected):
    f, x = function(code), np.array(point)
    for H in (hessian(f)(x), hessian(f, sparse=True)(x).toarray(), jacobian(gradient(f, mode="forward"), mode="reverse")(x)):
        np.testing.assert_allclose(H, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ord", [-1, -2, -0.5])
def test_a_norm_of_negative_order_is_differentiated_where_an_element_is_zero(ord):
    f = lambda x: np.linalg.norm(x, ord=ord)
    np.testing.assert_array_equal(gradient(f)(np.array([0.0, 1.0, 2.0])), [0.0, 0.0, 0.0])
    x = np.array([0.5, -1.0, 2.0])
    np.testing.assert_allclose(gradient(f)(x), np.abs(f(x) / x) ** (1 - ord) * np.sign(x), rtol=1e-13)

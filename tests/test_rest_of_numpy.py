"""The hard points of products, order statistics, selections and grids: zeros, ties, knots, empty and single elements."""

import tracemalloc
import warnings

import numpy as np
import pytest
from law_cases import NUMPY
from test_hard_points import MODES

from dualdiff import Dual, DualArray, gradient, hessian, jacobian, jvp
from dualdiff.errors import AssignmentError, EscapeError, RuleError

INF, NAN = np.inf, np.nan

pytestmark = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value|overflow|underflow):RuntimeWarning")
every_mode = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__[3:])

# A case: the code in x, the point, the Jacobian.
ZEROS = [
    ("np.prod(x)", [2.0, 0.0, 3.0], [0, 6, 0]),
    ("np.prod(x)", [0.0, 0.0, 3.0], [0, 0, 0]),
    ("np.prod(x)", [0.0], [1]),
    ("np.prod(x)", [1e-200, 1e-200, 5.0], [5e-200, 5e-200, 0]),
    ("np.prod(x[1:])", [4.0], [0]),
    ("np.prod(x.reshape(2, 2), axis=1)", [0.0, 2.0, 3.0, 4.0], [[2, 0, 0, 0], [0, 0, 4, 3]]),
    ("np.prod(x, where=[True, False, True])", [2.0, 0.0, 3.0], [3, 0, 2]),
    ("np.nanprod(x)", [2.0, NAN, 0.0], [0, 0, 2]),
    ("np.cumprod(x)", [2.0, 0.0, 3.0, 5.0], [[1, 0, 0, 0], [0, 2, 0, 0], [0, 6, 0, 0], [0, 30, 0, 0]]),
    ("np.cumprod(x)", [0.0, 0.0, 3.0], [[1, 0, 0], [0, 0, 0], [0, 0, 0]]),
    ("np.std(x)", [3.0, 3.0, 3.0], [0, 0, 0]),
    ("np.sinc(x)", [0.0, 1.0], [[0, 0], [0, -1]]),
    ("np.trim_zeros(x * [0, 1, 1, 1, 0])", [5.0, 2.0, 0.0, 3.0, 6.0], [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]),
    ("np.nan_to_num(x)", [NAN, 2.0, INF], np.diag([0, 1.0, 0])),
    ("np.frexp(x)[0]", [0.0, 6.0], [[1, 0], [0, 0.125]]),
    ("np.unwrap(x)", [0.0, 7.0], np.eye(2)),
    ("np.convolve(x[0], x)", [2.0, 3.0], [[4, 0], [3, 2]]),
    ("np.convolve(x, 2.0, 'same')", [2.0, 3.0], [[2, 0], [0, 2]]),
    ("np.tensordot(x[1], x, 0)", [2.0, 3.0], [[3, 2], [0, 6]]),
    ("np.trim_zeros(x[0])", [2.0, 3.0], [1, 0]),
    ("np.piecewise(x, [x > 0, x > 1], [lambda t: t - t.mean(), lambda t: 2 * t])", [3.0, 1.0], [[2, 0], [-0.5, 0.5]]),
    ("np.piecewise(x.reshape(2, 2), [np.array([True, False])], [lambda t: t * t, 7])", [1.0, 2.0, 3.0, 4.0],
     np.diag([2.0, 4, 0, 0])),
    ("np.piecewise(x, [x > 9], [lambda t: t.max(), lambda t: 3 * t])", [1.0, 2.0], [[3, 0], [0, 3]]),
]
TIES = [
    ("np.median(x)", [1.0, 3.0, 2.0, 5.0], [0, 0.5, 0.5, 0]),
    ("np.median(x)", [2.0, 2.0, 2.0], [1 / 3, 1 / 3, 1 / 3]),
    ("np.median(x)", [1.0, 2.0, 2.0, 3.0], [0, 0.5, 0.5, 0]),
    ("np.quantile(x, [0.25, 0.5])", [1.0, 1.0, 3.0], [[0.5, 0.5, 0], [0.5, 0.5, 0]]),
    ("np.median(x.reshape(2, 3), axis=1)", [5.0, 1.0, 5.0, 4.0, 2.0, 3.0], [[0.5, 0, 0.5, 0, 0, 0], [0, 0, 0, 0, 0, 1]]),
    ("np.median(x)", [7.0], [1]),
    ("np.quantile(x, 0.25)", [4.0, 1.0, 2.0], [0, 0.5, 0.5]),
    ("np.percentile(x, [0, 100])", [4.0, 1.0], [[0, 1], [1, 0]]),
    ("np.quantile(x, 1.0, method='higher')", [4.0, 1.0, 9.0], [0, 0, 1]),
    ("np.nanmedian(x)", [NAN, 1.0, 5.0], [0, 0.5, 0.5]),
    ("np.sort(x)", [2.0, 1.0, 2.0], [[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
    ("np.unique(x)", [2.0, 1.0, 2.0], [[0, 1, 0], [1, 0, 0]]),
    ("np.ptp(x)", [1.0, 3.0, 3.0], [-1, 0.5, 0.5]),
    ("np.nanmax(x)", [3.0, NAN, 3.0], [0.5, 0, 0.5]),
    ("np.interp(x, [0, 1, 2], [0, 3, 4])", [1.0, 0.5, 0.0, 5.0], np.diag([1.0, 3, 0, 0])),
    ("np.interp(x, [0, 1, 2], [0, 3, 0])", [1.0], [[0]]),
    ("np.interp(1.0, [0, 1, 2], x)", [0.0, 3.0, 9.0], [0, 1, 0]),
    ("np.piecewise(x, [x >= 0], [lambda t: t * t, 5.0])", [0.0, 3.0, -1.0], np.diag([0, 6.0, 0])),
    ("np.choose([1, 0, 1], [x, -x])", [1.0, 2.0, 3.0], np.diag([-1.0, 1, -1])),
    ("np.clip(0.5, x[0], x[1])", [0.0, 0.25], [0, 1]),
    ("np.corrcoef(x, 2 * x)[0, 1]", [1.0, 2.0, 5.0], [0, 0, 0]),
    ("np.histogram(x, 2)[1]", [1.0, 5.0, 2.0], [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]]),
]


@every_mode
@pytest.mark.parametrize(("code", "point", "expected"), ZEROS + TIES, ids=str)
def test_the_derivative_at_a_hard_point(mode, code, point, expected):
    found = mode(eval(f"lambda x: {code}", {"np": np}), np.array(point))
    np.testing.assert_allclose(found, np.reshape(expected, np.shape(found)), rtol=1e-13, atol=1e-14)


def test_second_derivatives_of_products_see_the_zeros():
    x = np.array([0.0, 2.0, 0.0, 5.0])
    expected = np.zeros((4, 4))
    expected[0, 2] = expected[2, 0] = 10
    np.testing.assert_array_equal(hessian(np.prod)(x), expected)
    np.testing.assert_array_equal(hessian(lambda v: np.cumprod(v)[-1])(x), expected)


def test_the_third_derivative_of_a_product_of_zeros():
    x, e = np.zeros(3), np.eye(3)

    def along(f, v):
        return lambda p: jvp(f, (p,), (v,))[1]
    assert along(along(along(np.prod, e[0]), e[1]), e[2])(x) == 1
    assert along(along(along(lambda v: np.cumprod(v)[2], e[0]), e[1]), e[2])(x) == 1


def test_second_derivatives_of_a_complex_product():
    z = np.array([1 + 1j, 2.0, 3j])
    others = np.prod(z) / np.multiply.outer(z, z)
    np.fill_diagonal(others, 0)
    np.testing.assert_allclose(hessian(np.prod)(z), others, rtol=1e-15)
    np.testing.assert_allclose(hessian(lambda z: np.cumprod(z)[-1])(z), others, rtol=1e-15)


def test_a_convolution_costs_as_much_in_its_derivatives(monkeypatch):
    convolve, calls = np.convolve, []
    monkeypatch.setattr(np, "convolve", lambda *args: calls.append([np.size(a) for a in args[:2]]) or convolve(*args))
    signal, kernel = np.sin(np.arange(5000.0)), np.ones(20)

    def loss(kernel, signal):
        return np.sum(convolve(signal, kernel, "same") ** 2)
    tracemalloc.start()
    gradient(loss, argnums=(0, 1), mode="reverse")(kernel, signal)
    jvp(loss, (kernel, signal), (kernel, signal))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [sorted(sizes) for sizes in calls] == [[5000, 5019], [20, 5019], [20, 5000], [20, 5000]]
    assert peak < 12 * signal.nbytes
    J = jacobian(lambda x: convolve(x, kernel, "same"), sparse=True)(signal)
    assert J.nnz == 20 * 5000 - 55 - 45  # at the ends


def test_i0_is_differentiated_to_rounding():
    mpmath = pytest.importorskip("mpmath")
    x = np.array([-30.0, -25.0, -3.0, 0.0, 1e-9, 2.0, 24.9, 25.1, 200.0])
    exact = [float(mpmath.besseli(1, v)) for v in x]
    np.testing.assert_allclose(np.diag(jacobian(np.i0)(x)), exact, rtol=2e-14)


def test_sinc_is_differentiated_to_rounding_where_the_formula_cancels():
    mpmath = pytest.importorskip("mpmath")
    for v in (1e-300, 1e-8, 1e-3, 0.3, 0.499, 0.501, 2.25, 17.6):
        with mpmath.workdps(700):                          # at 1e-300 the difference cancels 600 digits
            z = mpmath.mpf(v) * mpmath.pi
            exact = float((mpmath.cos(z) - mpmath.sin(z) / z) / mpmath.mpf(v))
        np.testing.assert_allclose(gradient(lambda t: np.sum(np.sinc(t)))(np.array([v])), [exact], rtol=1e-14)
    np.testing.assert_allclose(hessian(lambda t: np.sum(np.sinc(t)))(np.zeros(1)), [[-np.pi ** 2 / 3]], rtol=1e-15)


def test_nan_stays_nan_in_order_statistics():
    found = jacobian(np.median)(np.array([1.0, NAN, 2.0]))
    assert np.isnan(np.median(DualArray([1.0, NAN, 2.0], [1.0, 0, 0])).value)
    assert np.isnan(found).any()


def test_an_empty_slice_warns_once_as_numpy_does():
    x = np.full((2, 3), NAN)
    x[0] = [3.0, 1.0, 2.0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        middle = np.nanmedian(DualArray(x, np.arange(6.0).reshape(2, 3)), axis=1)
    assert [w.category for w in caught] == [RuntimeWarning]
    np.testing.assert_array_equal(middle.value, [2, NAN])
    np.testing.assert_array_equal(middle.tangent, [2, NAN])


def test_median_leaves_its_input_alone():
    x = np.array([3.0, 1.0, 2.0])
    d = DualArray(x, [1.0, 2.0, 3.0])
    assert np.median(d, overwrite_input=True).value == 2
    np.testing.assert_array_equal(d.value, [3, 1, 2])
    np.testing.assert_array_equal(x, [3, 1, 2])


# ---- writing ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("write", [
    np.copyto, lambda o, d: np.put(o, [0], d[:1]), lambda o, d: np.place(o, [True, False], d),
    lambda o, d: np.putmask(o, [True, False], d), lambda o, d: np.put_along_axis(o, np.array([1]), d[:1], 0),
    lambda o, d: np.fill_diagonal(o.reshape(1, 2), d)])
def test_a_plain_array_takes_no_duals(write):
    o = np.zeros(2)
    with pytest.raises((RuleError, EscapeError, AssignmentError), match=r"np\.zeros_like|numpy\.stack"):
        write(o, DualArray([1.0, 2.0], [1.0, 0.0]))
    np.testing.assert_array_equal(o, 0)


def test_sorting_in_place_is_seen_by_views_and_by_the_base():
    x = DualArray([3.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    tail = x[1:]
    tail.sort()
    np.testing.assert_array_equal(x.value, [3, 1, 2])
    x.sort()
    np.testing.assert_array_equal(x.tangent, [2, 3, 1])
    np.testing.assert_array_equal(tail.tangent, [3, 1])
    x.partition(0)
    assert x.value[0] == 1
    x.put([-1], 9.0)
    assert (tail[-1].value, tail.tangent[-1]) == (9, 0)


def test_in_place_operators_are_seen_by_every_name():
    x = DualArray([[3.0, 1.0], [2.0, 5.0]], np.eye(2))
    y = x
    x @= np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(y.value, [[1, 3], [5, 2]])
    np.testing.assert_array_equal(y.tangent, [[0, 1], [1, 0]])
    x //= 2
    np.testing.assert_array_equal(y.value, [[0, 1], [2, 1]])
    np.testing.assert_array_equal(y.tangent, np.zeros((2, 2)))


@every_mode
@pytest.mark.parametrize("make", [np.zeros_like, np.ones_like, np.empty_like, lambda x: np.full_like(x, 7.0)])
def test_an_array_made_like_a_dual_one_takes_duals(mode, make):
    def f(x):
        y = make(x)
        y[1:] = x[:-1] ** 2
        y[0] = 4.0
        return y
    np.testing.assert_array_equal(mode(f, np.array([3.0, 5.0, 6.0])), [[0, 0, 0], [6, 0, 0], [0, 10, 0]])


# ---- forms of the call -----------------------------------------------------------------------------------------------
def test_lists_of_numbers_made_by_hand_are_arrays():
    a, b = Dual(2.0, 1.0), Dual(5.0, 0.0)
    for f, value, tangent in ((np.prod, 10, 5), (np.median, 3.5, 0.5), (np.var, 2.25, -1.5), (np.ptp, 3, -1)):
        result = f([a, b])
        assert (result.value, result.tangent) == (value, tangent)


@pytest.mark.parametrize("code", [
    "np.triu(m=x, k=1)", "np.convolve(v=[1, 2], a=x[0])", "np.convolve(x[0], v=x[1])", "np.unwrap(p=x, discont=4)",
    "np.sum(a=x, axis=1)", "np.trapezoid(y=[1, 2, 4], x=x[0])", *["np.dot(a=x, b=x.T)"] * (NUMPY > (2, 2)),
    "np.tensordot(a=x, b=x)",  # NumPy's built-in functions did not say their parameters
    "np.linalg.inv(a=x[:, :2])", "np.interp(x=x, xp=[0, 1, 9], fp=[1, 3, 2])", "np.transpose(a=x)", "np.max(a=x, axis=0)",
    "np.pad(array=x, pad_width=1)", "np.argsort(a=x)", "np.piecewise(x=x, condlist=[x > 1], funclist=[np.sin, np.cos])"])
def test_arrays_may_be_given_by_name(code):
    f = eval(f"lambda x: {code}", {"np": np})
    x, v, h = np.array([[0.25, 1.5, 2.75], [1.25, 0.5, 3.0]]), np.array([[1.0, -0.5, 2.0], [0.5, 1.5, -1.0]]), 1e-6
    value, along = jvp(f, (x,), (v,))
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_allclose(along, (f(x + h * v) - f(x - h * v)) / (2 * h), rtol=1e-7, atol=1e-7)


def test_weights_may_be_dual_while_the_data_are_not():
    w = DualArray([1.0, 2.0, 1.0], [0.0, 1.0, 0.0])
    average = np.average([1.0, 2.0, 6.0], weights=w)
    assert average.value == 11 / 4
    np.testing.assert_allclose(average.tangent, (2 - 11 / 4) / 4)
    np.testing.assert_array_equal(np.bincount([0, 1, 1], weights=w).tangent, [0, 1])
    np.testing.assert_array_equal(np.histogram([0.5, 1.5, 1.6], [0, 1, 2], weights=w)[0].tangent, [0, 1])


def test_counts_of_dual_data_are_constants():
    x = DualArray([0.5, 1.5, 1.7], [1.0, 1.0, 1.0])
    counts, edges = np.histogram(x, bins=2)
    assert type(counts) is np.ndarray
    np.testing.assert_array_equal(counts, [1, 2])
    np.testing.assert_array_equal(edges.tangent, [1, 1, 1])


@pytest.mark.parametrize("mode", ["empty", lambda v, width, at, options: None])
def test_a_pad_that_is_no_function_of_the_array_is_refused(mode):
    with pytest.raises(RuleError, match=r"numpy\.pad: mode=.*numpy\.concatenate"):
        np.pad(DualArray([1.0, 2.0], [1.0, 0.0]), 1, mode)


@pytest.mark.parametrize("call", [
    lambda x: np.split(x, 2), lambda x: np.array_split(x, 0), lambda x: np.cumulative_sum(x.reshape(3, 1)),
    lambda x: np.gradient(x[:1]), lambda x: np.gradient(x, edge_order=3), lambda x: np.select([x > 0], [x, x]),
    lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), lambda x: np.linspace(x, 1, -1), lambda x: np.geomspace(x * 0, 1),
    lambda x: np.vander(x.reshape(3, 1)), lambda x: np.cov(x.reshape(3, 1, 1)), lambda x: np.cross(x[:1], x),
    lambda x: np.meshgrid(x, indexing="yx"), lambda x: np.average(x, 0, weights=[1.0, 2]),
    lambda x: np.unstack(x[0]), lambda x: np.apply_along_axis(np.sum, 0, x.reshape(3, 1)[:, :0]),
    lambda x: np.correlate(x[0], x), lambda x: np.bincount([0, 1], weights=x), lambda x: np.vander(x, -1),
    lambda x: np.trim_zeros(x, "x"), lambda x: np.interp(0.5, [0, 1], x),
    lambda x: np.apply_over_axes(lambda a, axis: a[None], x, 0)])
def test_what_numpy_refuses_is_refused_with_its_error(call):
    x = np.array([1.0, 2.0, 3.0])
    absent = () if hasattr(np, "unstack") else (AttributeError,)  # NumPy 2.0
    if "trim_zeros" in call.__code__.co_names and NUMPY < (2, 2):
        return  # which took any letters
    for argument in (x, DualArray(x, x)):
        with pytest.raises((ValueError, TypeError, *absent)):
            call(argument)


def test_weights_that_sum_to_zero_are_refused_as_numpy_does():
    for x in (np.ones(2), DualArray(np.ones(2), np.ones(2))):
        with pytest.raises(ZeroDivisionError, match="Weights sum to zero"):
            np.average(x, weights=[1.0, -1.0])

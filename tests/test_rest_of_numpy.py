"""The hard points of products, order statistics, selections and grids: zeros, ties, knots, empty and single elements."""

import re
import tracemalloc
import warnings

import numpy as np
import pytest
from law_cases import NUMPY
from test_hard_points import MODES

from dualdiff import Dual, DualArray, gradient, hessian, hvp, jacobian, jvp
from dualdiff.errors import AssignmentError, EscapeError, RuleError
from dualdiff.rules.constant import stable_order

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
    ("np.modf(x)[0]", [-INF, -2.5], [[0, 0], [0, 1]]),
    ("np.unwrap(x)", [0.0, 7.0], np.eye(2)),
    ("np.convolve(x[0], x)", [2.0, 3.0], [[4, 0], [3, 2]]),
    ("np.convolve(x, 2.0, 'same')", [2.0, 3.0], [[2, 0], [0, 2]]),
    ("np.tensordot(x[1], x, 0)", [2.0, 3.0], [[3, 2], [0, 6]]),
    ("np.trim_zeros(x[0])", [2.0, 3.0], [1, 0]),
    *((f"np.pad(x[0], 3, '{mode}')", [2.0, 3.0], [1, 0]) for mode in ("constant", "edge", "mean")),
    ("np.diff(x, prepend=np._NoValue, append=x[0])", [2.0, 3.0], [[-1, 1], [1, -1]]),
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
    ("np.interp(x, [-np.inf, 0, 1, np.inf], [0, 3, 4, 5])", [-2.0, 0.5, 7.0], np.diag([0.0, 1, 0])),
    ("np.interp([-np.inf, -2, 0.5, 7], [-np.inf, 0, 1, np.inf], x)", [1.0, 3.0, 9.0, 2.0],
     [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 1, 0]]),
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


def test_a_convolution_of_what_depends_on_every_parameter_makes_no_windows_of_them():
    x, kernel, W = np.sin(np.arange(200.0)), np.cos(np.arange(150.0)), np.random.default_rng(0).normal(size=(200, 60))
    J = jacobian(lambda p: np.convolve(x + W @ p, kernel), mode="forward")
    p = np.zeros(60)
    J(p)
    tracemalloc.start()
    found = J(p)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found, np.stack([np.convolve(w, kernel) for w in W.T], axis=1), atol=1e-11)
    assert peak < 6 * found.nbytes


def test_what_only_counts_may_be_a_dual_number_too():
    x = np.array([2.0, 1.0, 3.0, 5.0])
    tangent = jvp(lambda x: np.concatenate([np.array_split(x, x[0])[1], np.histogram_bin_edges(x, 2, weights=x)]),
                  (x,), (np.arange(4.0),))[1]
    np.testing.assert_array_equal(tangent, [2, 3, 1, 2, 3])


def test_i0_is_differentiated_to_rounding():
    mpmath = pytest.importorskip("mpmath")
    x = np.array([-30.0, -25.0, -3.0, 0.0, 1e-9, 2.0, 24.9, 25.1, 200.0])
    exact = [float(mpmath.besseli(1, v)) for v in x]
    np.testing.assert_allclose(np.diag(jacobian(np.i0)(x)), exact, rtol=2e-14)
    half = np.diag(jacobian(np.i0)(np.array([1e-2, 3.0, 11.0], np.float16)))
    np.testing.assert_allclose(half, [float(mpmath.besseli(1, np.float16(v))) for v in (1e-2, 3.0, 11.0)], rtol=5e-4)
    assert half.dtype == np.float16


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


@pytest.mark.parametrize("extreme", [
    np.max, np.min, np.ptp, lambda y: y.max(), np.maximum.reduce, lambda y: np.minimum.reduceat(y, [0])[0],
    lambda y: np.max(y, initial=0.5), lambda y: np.max(y, where=[True, True, False], initial=-9.0),
    lambda y: np.linalg.norm(y, np.inf), lambda y: np.linalg.norm(y, -np.inf), lambda y: np.sort(y)[-1]])
@pytest.mark.parametrize("through", [np.sqrt, lambda x: x * x * np.array([NAN, 1.0, 1.0])], ids=["made", "met"])
def test_the_derivative_of_an_extreme_that_is_nan_is_nan_for_what_feeds_it(extreme, through):
    x, first = np.array([-1.0, 4.0, 2.0]), np.array([NAN, 0.0, 0.0])

    def f(z):
        return extreme(through(z))
    for slopes in (gradient(f, mode="forward")(x), gradient(f, mode="reverse")(x), jacobian(f, sparse=True)(x).toarray()[0],
                   hessian(f)(x)[0], hessian(f, sparse=True)(x).toarray()[0]):
        np.testing.assert_array_equal(slopes, first)
    assert np.isnan(jvp(f, (x,), (x,))[1])
    assert jvp(f, (x,), (np.array([0.0, 1.0, 1.0]),))[1] == 0


@pytest.mark.parametrize("extreme", [np.max, np.min, np.ptp])
def test_along_an_axis_a_nan_spoils_its_own_row_only(extreme):
    x = np.array([[1.0, NAN, 3.0, 2.0], [2.0, 5.0, 4.0, 3.0], [NAN, 0.0, NAN, 7.0]])
    J = jacobian(lambda x: extreme(x, axis=1))(x)
    np.testing.assert_array_equal(np.isnan(J), np.isnan(x) & np.eye(3, dtype=bool)[:, :, None])
    np.testing.assert_array_equal(J[1, 1], jacobian(extreme)(x[1]))
    assert not np.nan_to_num(J)[[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]].any()


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


@pytest.mark.parametrize("write", [
    lambda x: np.put(x, [0, 4], []), lambda x: np.putmask(x, x > 0, []), lambda x: np.fill_diagonal(x, [])])
def test_of_no_values_nothing_is_written(write):
    x = DualArray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.ones((3, 2)))
    write(x)
    np.testing.assert_array_equal([x.value, x.tangent], [[[1, 2], [3, 4], [5, 6]], np.ones((3, 2))])


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
    with pytest.raises(AssignmentError, match=r"x @= y would change the shape of x from \(2, 2\) to \(2, 1\)"):
        x @= np.ones((2, 1))


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
    runs_as_in_numpy(code)


@pytest.mark.parametrize("code", [
    "np.linalg.norm(x, axis=(1,))", "np.linalg.norm(x, 3, (0,), True)", "np.convolve(x[0], [1, 2], 1)",
    "np.correlate(x[1], [1, 2], 2)", "np.histogram2d([0.5, 1], [2, 2.5], ([0, 1, 2], 2), weights=x[0, :2])[0]",
    "np.nanmax(x * np.nan, initial=2.5) * x", "np.nanmin(x, axis=0, initial=1.0, where=[[True, False, True]])",
    "np.var(x, dtype=complex)", "np.pad(x, 2, 'reflect', reflect_type='other')", "np.average(x, 0, returned=True)[1]",
    "np.einsum('ij->ji', x, dtype=complex)", "np.linalg.matrix_power(x[:, :2], 0) @ x",
    "np.linalg.pinv(x[:, 1:], hermitian=True)", "np.cumprod(x[0], axis=-1)", "np.linalg.vecdot(x, x[:, ::-1], axis=0)",
    "np.fft.fftshift(x, (1, 1))", *["np.vecmat(x[:, 0], x)"] * (NUMPY > (2, 2))])
def test_options_are_read_as_numpy_reads_them(code):
    runs_as_in_numpy(code)


@pytest.mark.parametrize("code", [
    "np.std(x, 0, None, None, 1)", "x.max(0, None, True)", "np.median(x, 0, None, True)", "np.cumsum(x, 0, None, None)",
    "np.mean(x, 0, None, None, True)", "x.clip(1, 2, None)", "np.trace(x, 0, 0, 1, None, None)", "x.sum(0, None, None, True)",
    "np.quantile(x, 0.3, 0, None, False, 'hazen')", "x.compress([True, False], 0, None)", "x.astype(float, 'F', 'safe')",
    "x.take([0, 7], 1, None, 'clip')", "x.prod(1, None, None, True)", "np.ptp(x, 0, None, True)"])
def test_options_may_be_given_by_place(code):
    runs_as_in_numpy(code)


def runs_as_in_numpy(code):
    f = eval(f"lambda x: {code}", {"np": np})
    x, v, h = np.array([[0.25, 1.5, 2.75], [1.25, 0.5, 3.0]]), np.array([[1.0, -0.5, 2.0], [0.5, 1.5, -1.0]]), 1e-6
    value, along = jvp(f, (x,), (v,))
    np.testing.assert_allclose(value, f(x), rtol=4e-16, strict=True)
    np.testing.assert_allclose(along, (f(x + h * v) - f(x - h * v)) / (2 * h), rtol=1e-7, atol=1e-7)


@every_mode
def test_shapes_may_be_given_by_name(mode):
    x = np.array([[0.25, 1.5, 2.75], [1.25, 0.5, 3.0]])
    J = mode(lambda x: np.broadcast_to(x, shape=(2, 2, 3))[0, 1], x)
    np.testing.assert_array_equal(J.reshape(3, 6), np.eye(6)[3:])
    if NUMPY >= (2, 1):  # where the name is no longer newshape
        np.testing.assert_array_equal(mode(lambda x: np.reshape(x, shape=(3, 2))[1], x).reshape(2, 6), np.eye(6)[2:4])


def test_weights_may_be_dual_while_the_data_are_not():
    w = DualArray([1.0, 2.0, 1.0], [0.0, 1.0, 0.0])
    average = np.average([1.0, 2.0, 6.0], weights=w)
    assert average.value == 11 / 4
    np.testing.assert_allclose(average.tangent, (2 - 11 / 4) / 4)
    np.testing.assert_array_equal(np.bincount([0, 1, 1], weights=w).tangent, [0, 1])
    np.testing.assert_array_equal(np.histogram([0.5, 1.5, 1.6], [0, 1, 2], weights=w)[0].tangent, [0, 1])


def test_weights_of_a_quantile_are_constants():
    a, w = np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])
    for x, weights in ((a, DualArray(w, w)), (DualArray(a, a), DualArray(w, w))):
        found = np.quantile(x, 0.6, weights=weights, method="inverted_cdf")
        assert getattr(found, "value", found) == 2
        assert getattr(found, "tangent", 0) == (0 if x is a else 2)


@pytest.mark.parametrize("call", [
    lambda x, y: np.histogramdd([x, y], (2, 3)), lambda x, y: np.histogramdd((x, y), 2, [[0, 4], [0, 5]]),
    lambda x, y: np.histogramdd(x, 3), lambda x, y: np.histogramdd(np.stack([x, y], 1), [[0, 2, 6], [0, 1, 2, 6]]),
    lambda x, y: np.histogramdd([x, y, x], [2, y[[1, 0, 3, 2]], 3]), lambda x, y: np.histogram2d(x, y, [2, [0, 1, 6]]),
    lambda x, y: np.histogram2d(x, y, (x, 3)), lambda x, y: np.histogramdd([x, y], 2, weights=[1, 2, 3, 4])])
def test_histograms_of_lists_of_arrays_and_bins_are_numpys(call):
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 1.0, 5.0, 3.0])
    (counts, *edges), (found, *ends) = call(x, y), call(DualArray(x, x), DualArray(y, y))
    np.testing.assert_array_equal(found, counts)
    assert found.dtype == counts.dtype
    flat = [edges[0] if type(edges[0]) is list else edges, ends[0] if type(ends[0]) is list else ends]
    for expected, end in zip(*flat, strict=True):
        np.testing.assert_allclose(getattr(end, "value", end), expected, rtol=1e-15)


@pytest.mark.parametrize("call", [
    lambda x: np.average(x, returned=True)[1], lambda x: np.nan_to_num(x * [NAN, 1], nan=INF, posinf=3),
    lambda x: np.nan_to_num(x[0]), lambda x: np.nanmax(NAN * x), lambda x: np.nanmin(NAN * x), lambda x: np.nanvar(NAN * x),
    lambda x: np.linalg.norm(np.stack([x, x]), -1), lambda x: x.flatten("f"),
    lambda x: np.linalg.matrix_norm(np.stack([x, x]), ord=np.inf), lambda x: np.pad(x, 1, mode="mean"),
    lambda x: np.vecdot(np.stack([x, 2 * x]), x, keepdims=True), lambda x: np.histogram(x, weights=[1, 2])[0],
    lambda x: np.vecdot(np.stack([x, x, x]), x[:, None], axes=[1, 0], keepdims=True)])
def test_value_and_type_are_numpys(call):
    x = np.array([2.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = call(x), call(DualArray(x, x))
    value = getattr(found, "value", found)
    np.testing.assert_array_equal(value, expected)
    assert (type(value), value.dtype) == (type(expected), expected.dtype)


def test_the_modulus_of_nan_is_taken_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(np.abs(DualArray([NAN + 0j], [1.0])).value)


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
    lambda x: np.apply_over_axes(lambda a, axis: a[None], x, 0), lambda x: np.vecdot(x, [1.0]), lambda x: np.vecdot(x, 1.0),
    lambda x: np.linalg.matrix_power(x[None], 0), lambda x: np.linalg.matrix_power(np.diag(x), 1.0),
    lambda x: np.linalg.matrix_power(x, 1), lambda x: np.pad(x, -1, mode="mean"), lambda x: np.pad(x, 1.5, mode="mean"),
    lambda x: np.histogram(x, [1, 0, 2]), lambda x: np.histogramdd([x, x], [3]), lambda x: np.interp(0.5, x, x, period=0),
    lambda x: np.var(x, ddof=1, correction=1), lambda x: np.nanstd(x, ddof=1, correction=1), lambda x: np.cumprod(x, axis=1),
    lambda x: np.vsplit(x, 3), lambda x: np.cov(x, aweights=[1, -1, 2]), lambda x: np.cov(x, ddof=0.5),
    lambda x: np.cov(x, fweights=[1, 0.5, 2]), lambda x: np.sort(x, order="a"), lambda x: np.histogram(x, [2.0, 1.0]),
    lambda x: np.histogram(x, 2, weights=[1, 2]), lambda x: np.histogram2d(x, x, [2]), lambda x: np.linalg.norm(x, "fro"),
    lambda x: np.linalg.norm(x.reshape(1, 1, 3), 3, (0, 1, 2)), lambda x: np.linalg.cond(x[:0, None]),
    lambda x: np.linalg.matrix_power(x[:, None], 0), lambda x: np.linalg.matrix_power(np.outer(x, x), 1.5),
    lambda x: np.einsum("i,i", x, x, dtype=np.float32), lambda x: np.tensordot(np.outer(x[:2], x), x),
    lambda x: np.linalg.vecdot(x, x[:1]), lambda x: np.linalg.tensorinv(x[:, None], 0), lambda x: np.poly(x[None]),
    lambda x: np.fft.rfftn(np.outer(x, x), (2,), (0, 1)), lambda x: np.polyfit(x, x, 1, w=x[1:]),
    lambda x: np.select([[1, 0, 1]], [x]), lambda x: np.diff(x, -1), lambda x: np.polyder(x, -1), lambda x: np.polyint(x, -1),
    lambda x: np.polyint(x, 3, [1, 2]), lambda x: np.polyfit(x, x, 2, cov=True), lambda x: np.linalg.multi_dot([x]),
    lambda x: np.linalg.norm(np.outer(x, x), 7),
    lambda x: np.gradient(x, [0.0, 1.0]), lambda x: np.gradient(x, 1.0, 2.0), lambda x: np.fft.fft2(-x),
    lambda x: np.place(x, x > 0, []),
    *[lambda x: np.vecmat(x, x)] * (NUMPY > (2, 2))])
def test_what_numpy_refuses_is_refused_with_its_error(call):
    x = np.array([1.0, 2.0, 3.0])
    absent = () if hasattr(np, "unstack") else (AttributeError,)  # NumPy 2.0
    if "trim_zeros" in call.__code__.co_names and NUMPY < (2, 2):
        return  # which took any letters
    with pytest.raises((ValueError, TypeError, IndexError, *absent)) as theirs:
        call(x)
    with pytest.raises(theirs.type, match=re.escape(str(theirs.value)[:20])):
        call(DualArray(x, x))


@pytest.mark.parametrize("code", [
    *["np.clip(x, None, None)"] * (NUMPY > (2, 1)), "np.meshgrid(x, x, sparse=True)[0]", "np.pad(x, 0, 'mean')",
    "np.nan_to_num(x * 1j, copy=False)", "np.nan_to_num(z, copy=False)"])
def test_a_result_is_a_copy_or_not_as_numpy_has_it(code):
    def f(x):
        z = x * (1 + 1j)
        y = eval(code, {"np": np, "x": x, "z": z})
        y[...] = 7
        return np.stack([x, z])
    x = np.array([1.0, 2.0, NAN])
    np.testing.assert_array_equal(jvp(f, (x,), (x,))[0], f(x))


def test_weights_that_sum_to_zero_are_refused_as_numpy_does():
    for x in (np.ones(2), DualArray(np.ones(2), np.ones(2))):
        with pytest.raises(ZeroDivisionError, match="Weights sum to zero"):
            np.average(x, weights=[1.0, -1.0])


@pytest.mark.parametrize("a", [
    np.cos(np.arange(200.0)), np.cos(np.arange(400.0)).reshape(2, 200), np.round(np.cos(np.arange(200.0)), 1),
    np.r_[np.cos(np.arange(100.0)), [np.nan, 0.0, -0.0, np.nan]], np.zeros(80), np.arange(70)])
def test_the_fastest_sort_is_taken_where_it_is_the_stable_one(a, monkeypatch):
    assert np.array_equal(stable_order(a, -1), np.argsort(a, axis=-1, kind="stable"))
    moved = a.T if a.ndim > 1 else a
    assert np.array_equal(stable_order(moved, 0), np.argsort(moved, axis=0, kind="stable"))
    kinds = []
    argsort = np.argsort
    monkeypatch.setattr(np, "argsort", lambda *args, kind=None, **options:
                        kinds.append(kind) or argsort(*args, kind=kind, **options))
    stable_order(a, -1)
    distinct = a.dtype.kind == "f" and np.unique(a).size == a.size
    assert ("stable" in kinds) != distinct


@pytest.mark.parametrize("axis", [None, 0])
def test_the_variance_of_data_far_from_zero_keeps_its_digits(axis):
    x = 1e8 + np.cos(np.arange(12.0)).reshape(6, 2)
    near = x - 1e8                                         # exact
    exact = 2 * (near - near.mean(axis=axis)) / (6 if axis == 0 else 12)
    for mode in ("forward", "reverse"):
        slope = gradient(lambda x: np.sum(np.var(x, axis=axis)), mode=mode)(x)
        np.testing.assert_allclose(slope, exact, rtol=1e-14)


def test_the_deviation_of_equal_numbers_stays_where_it_is_along_themselves():
    x = np.full(3, 0.7)
    np.testing.assert_allclose(hvp(lambda x: np.sum((x - x.mean()) / (0.1 + x.std()) * np.arange(3.0)))(x, x), 0, atol=1e-12)
    assert hessian(np.std)(np.array([3.0])) == 0


def test_a_variance_of_too_few_numbers_is_undefined_and_so_is_its_derivative():
    undefined, x = lambda x: np.var(x, ddof=1), np.array([0.7])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for found in (gradient(undefined)(x), hessian(undefined)(x), hessian(undefined, sparse=True)(x).toarray()):
            assert np.isnan(found).all()
        of_none = hessian(lambda x: np.nan_to_num(np.std(x[x > 9])) + x[0] ** 2)(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(of_none, [[2, 0], [0, 0]])

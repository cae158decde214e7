"""Functions that a program gives to SciPy: what they close over, and what they keep between calls; objects that it keeps."""

from functools import partial

import numpy as np
import pytest
from scipy import sparse, stats
from scipy.integrate import odeint, quad, solve_ivp
from scipy.interpolate import CubicSpline, RegularGridInterpolator, UnivariateSpline
from scipy.optimize import brentq, minimize
from scipy.signal import ZerosPolesGain

from dualdiff import Dual, derivative, gradient, lift, value_and_gradient
from dualdiff.forms import holds_dual
from dualdiff.scipy.closures import Replaced, quietly, reached, without_derivatives

FINE = {"rtol": 1e-9, "atol": 1e-9}
KEPT = {}


def kept_in_the_module(t, p):
    if t not in KEPT:
        KEPT[t] = p * (1 + t)
    return KEPT[t]


class Rate:
    at = None

    def __call__(self, t, p):
        if self.at != t:
            self.at, self.value = t, p * (1 + t)
        return self.value


def grown(rhs, **options):
    return solve_ivp(rhs, (0, 1), [1.0], **FINE, **options).y[0, -1]


def a_dict(p):
    cache = {}

    def rate(t):
        if t not in cache:
            cache[t] = p * (1 + t)
        return cache[t]
    return grown(lambda t, y: -rate(t) * y)


def a_dict_of_what_args_make(p):
    cache = {}

    def rhs(t, y, p):
        if t not in cache:
            cache[t] = p * (1 + t)
        return -cache[t] * y
    return grown(rhs, args=(p,))


def names(p):
    at = value = None

    def rhs(t, y):
        nonlocal at, value
        if at != t:
            at, value = t, p * (1 + t)
        return -value * y
    return grown(rhs)


def an_object(p):
    rate = Rate()
    return grown(lambda t, y: -rate(t, p) * y)


def an_object_in_a_list(p):
    rates = [Rate()]
    return grown(lambda t, y: -rates[0](t, p) * y)


def the_module(p):
    KEPT.clear()
    return grown(lambda t, y: -kept_in_the_module(t, p) * y)


def a_list(p):
    last = [None, None]

    def rhs(y, t):
        if last[0] != t:
            last[:] = [t, p * (1 + t)]
        return -last[1] * y
    return odeint(rhs, [1.0], [0, 1.0], rtol=1e-10, atol=1e-10)[-1, 0]


def of_a_root(p):
    memo = {}

    def f(x):
        if x not in memo:
            memo[x] = x**3 - p
        return memo[x]
    return brentq(f, 0, 5)


def of_a_root_by_names(p):
    at = value = None

    def f(x):
        nonlocal at, value
        if at != x:
            at, value = x, x**3 - p
        return value
    return brentq(f, 0, 5)


def of_a_root_in_an_array(p):
    last = np.full(2, -1.0)

    def f(x):
        if last[0] != x:
            last[0], last[1] = x, x**3 - p
        return last[1]
    return brentq(f, 0, 5)


def two_trajectories_of_one_dict(p):
    cache = {}

    def rhs(t, y):
        if t not in cache:
            cache[t] = p * (1 + t)
        return -cache[t] * y
    return (grown(rhs) + grown(rhs)) / 2


def a_sum_beside_the_states(p):
    steps = []

    def rhs(t, y):
        steps.append(p * t)
        return -p * (1 + t) * y
    return grown(rhs) + 0 * sum(steps)


def of_an_integral(p):
    memo = {}

    def f(x):
        if x not in memo:
            memo[x] = np.exp(-p * x)
        return memo[x]
    return quad(f, 0, 1)[0]


DECAYS = (a_dict, names, a_dict_of_what_args_make, an_object, an_object_in_a_list, the_module, a_list,
          two_trajectories_of_one_dict, a_sum_beside_the_states)
CLOSED = {f: lambda p: -1.5 * np.exp(-1.5 * p) for f in DECAYS} | {
    **dict.fromkeys((of_a_root, of_a_root_in_an_array, of_a_root_by_names), lambda p: p ** (-2 / 3) / 3),
    of_an_integral: lambda p: (np.exp(-p) * (1 + p) - 1) / p**2}


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("f", CLOSED, ids=lambda f: f.__name__)
def test_a_plain_number_that_a_function_keeps_does_not_take_a_dual_s_place(f, mode):
    for _ in range(2):
        assert gradient(f, mode=mode)(1.5) == pytest.approx(CLOSED[f](1.5), rel=1e-6)


def test_calls_on_plain_numbers_leave_no_trace_and_others_do():
    p, calls, made, seen = Dual(2.0, 1.0), [], {"n": 0}, Rate()

    def f(x):
        calls.append(x)
        made["n"] += 1
        seen.at = x
        return p * x
    quiet = quietly(f)
    assert quiet(3.0) == 6.0
    assert (calls, made, seen.at) == ([], {"n": 0}, None)
    assert f(3.0) == Dual(6.0, 3.0)
    assert (calls, made, seen.at) == ([3.0], {"n": 1}, 3.0)
    plain = lambda x: calls.append(2 * x)
    assert quietly(plain) is plain                              # nothing is perturbed: it is the program's own affair
    assert quietly(plain, True) is not plain


def test_closures_defaults_partials_and_functions_within_are_found_and_nothing_else_is_made_anew():
    p, q = Dual(2.0, 1.0), Dual(3.0, 1.0)
    inner = lambda x: p * x
    outer = lambda x, *, scale=q, both=(p, 1.0): inner(x) * scale + both[0]
    quiet = without_derivatives(outer)
    assert quiet(2.0) == 4.0 * 3.0 + 2.0
    assert not holds_dual(quiet(2.0))
    assert outer(2.0) == Dual(14.0, 11.0)
    free = lambda x: np.sin(x) * len(KEPT)
    assert without_derivatives(free) is free

    def bound(x):
        nonlocal p
        p = p * x
        return p
    assert without_derivatives(bound) is bound                  # what it binds must be seen outside

    def recursive(n):
        return p if n == 0 else recursive(n - 1) * 2.0
    assert Replaced(lambda x: x.value).of(recursive)(1) == Dual(4.0, 2.0)   # itself stays within itself


class Oscillator:
    def __init__(self, stiffness, damping):
        self.parameters, self.slopes = {"stiffness": stiffness, "damping": [damping]}, 0

    def slope(self, t, y):
        self.slopes += 1
        return [y[1], -self.parameters["stiffness"] * y[0] - self.parameters["damping"][0] * y[1]]

    def end(self):
        return solve_ivp(self.slope, (0, 1), [1.0, 0.0], **FINE).y[0, -1]


def test_methods_and_objects_run_on_plain_copies():
    made = Oscillator(Dual(4.0, 1.0), Dual(0.5, 0.0))
    for f in (made.slope, lambda t, y: made.slope(t, [*y])):
        found = quietly(f)(0.0, [1.0, 2.0])
        assert found == [2.0, -5.0]
        assert not holds_dual(found)
        assert made.slopes == 0
        assert isinstance(made.parameters["stiffness"], Dual)
    np.testing.assert_array_equal(gradient(lambda p: Oscillator(*p).end())(np.array([4.0, 0.5])),
                                  gradient(lambda p: Oscillator(p[0], p[1]).end())(np.array([4.0, 0.5])))
    h, p = 1e-5, np.array([4.0, 0.5])
    slopes = [(Oscillator(*(p + h * e)).end() - Oscillator(*(p - h * e)).end()) / (2 * h) for e in np.eye(2)]
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(gradient(lambda p: Oscillator(*p).end(), mode=mode)(p), slopes, rtol=1e-4)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_function_that_writes_to_an_array_of_its_closure_runs_as_it_is(mode):
    def f(p):
        work = p * np.ones(2)

        def rhs(t, y):
            work[0] = p[0] * y[0]
            return -work[:1] * work[1]
        return solve_ivp(rhs, (0, 1), [1.0], **FINE).y[0, -1]
    p = np.array([0.5, 0.8])
    np.testing.assert_allclose(gradient(f, mode=mode)(p), -p[::-1] * np.exp(-0.4), rtol=1e-7)


def test_what_is_too_long_to_be_put_back_after_each_call_is_not_run_quietly():
    p, memo = Dual(2.0, 1.0), dict.fromkeys(range(5000))
    f = lambda x: memo.setdefault(x, p * x)
    assert quietly(f) is f
    assert quietly(lambda x: p * x + len(range(5000)))(1.0) == 5002.0


def test_what_is_reached_goes_through_objects_lists_and_helpers():
    deep = {"a": [Rate()]}
    f = lambda x: kept_in_the_module(x, deep)
    found = reached(f)
    for place in (KEPT, deep, deep["a"], vars(deep["a"][0])):
        assert any(place is x for x in found)
    assert reached(np.sin) == reached(lambda x: np.linalg.norm(2 * x)) == []


def test_what_a_callback_writes_down_is_kept():
    paths = []

    def f(p):
        path = []
        x = minimize(lambda x: (x[0] - p) ** 2 + x[0] ** 4, [0.0], method="BFGS", callback=lambda x: path.append(x.copy())).x
        paths.append(path)
        return x[0]
    slope = gradient(f)(1.5)
    x = f(1.5)
    assert slope == pytest.approx(2 / (2 + 12 * x**2), rel=1e-5)
    assert len(paths[-2]) == len(paths[-1]) > 1
    np.testing.assert_array_equal(paths[-2], paths[-1])


# ---- objects of SciPy's that an object, a class or a module of the program keeps
KNOTS = np.linspace(0, 5, 6)


class Kept:
    table = CubicSpline(KNOTS, np.cos(KNOTS))

    def __init__(self):
        self.spline, self.K = CubicSpline(KNOTS, np.sin(KNOTS)), sparse.csr_array(np.eye(3))
        self.c, self.normal = self.spline.c.copy(), stats.multivariate_normal([0.0, 0.0])
        self.plant = ZerosPolesGain([], [-1.0], 2.0)

    def slope(self, a):
        self.spline.c = self.c * a
        return self.spline(1.3, 1) * 1.0


def with_item(kept, a):
    kept.K[2, 2] = a
    return (kept.K @ np.arange(1.0, 4.0)).sum()


def with_diagonal(kept, a):
    kept.K.setdiag(a * np.arange(1.0, 4.0))
    return (kept.K @ np.ones(3)).sum()


def with_mean(kept, a):
    kept.normal.mean = np.array([a, 0.0])
    return kept.normal.logpdf([0.3, 0.2])


def with_gain(kept, a):
    kept.plant.gain = a
    return abs(kept.plant.freqresp([1.0])[1][0])


def with_values_of_the_class(kept, a):
    Kept.table.c = kept.c * a
    return Kept.table(1.3) * 1.0


@pytest.mark.parametrize("f", [Kept.slope, with_item, with_diagonal, with_mean, with_gain, with_values_of_the_class])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_what_is_written_to_an_object_of_scipys_that_is_kept_is_read_there(f, mode):
    for program in (f, lift(f)):
        value, slope = value_and_gradient(program, argnums=1, mode=mode)(Kept(), 2.0)
        assert value == pytest.approx(f(Kept(), 2.0), rel=1e-14)
        assert slope == pytest.approx((f(Kept(), 2.0 + 1e-5) - f(Kept(), 2.0 - 1e-5)) / 2e-5, rel=1e-8)


on_grid = RegularGridInterpolator((KNOTS, KNOTS), np.sin(KNOTS[:, None] * KNOTS)).__call__


@pytest.mark.parametrize("f", [
    CubicSpline(KNOTS, np.sin(KNOTS)).__call__, partial(CubicSpline(KNOTS, np.sin(KNOTS)).integrate, 0),
    partial(UnivariateSpline(KNOTS, np.sin(KNOTS), s=0).integral, 0.5), lambda a: on_grid([[a, 0.4]])[0]])
def test_a_method_of_such_an_object_that_is_kept_is_differentiated(f):
    slope = derivative(lambda a: f(a) * 1.0)(1.3)
    assert slope == pytest.approx((f(1.3 + 1e-5) - f(1.3 - 1e-5)) / 2e-5, rel=1e-8)

"""Programs without branches are replayed: the same bits, without running f, unless something that they reach has changed."""

import gc
import math
import sys
import types
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from scipy import integrate
from test_plans import MODES, PROGRAMS, A, B, V, X, close, ordinary

import dualdiff as dd
from dualdiff import gradient, hessian, hvp, jacobian, jvp, kinks, value_and_gradient
from dualdiff.implicit import solve_ivp
from dualdiff.optimize import curve_fit, least_squares
from dualdiff.plans import plan, replay, trace
from dualdiff.scipy import variations
from dualdiff.transforms import asking, sweep
from dualdiff.transforms.asking import known_of

LEFT = {"products of all", "norms", "an outer product of itself", "branches", "all of it"}  # to f, by what they call


def runs_of(f, call):
    """How often f ran, and what the call gave."""
    code, met = getattr(f, "__code__", None) or type(f).__call__.__code__, []

    def told(frame, event, argument):
        if event == "call" and frame.f_code is code:
            met.append(1)

    sys.setprofile(told)
    try:
        found = call()
    finally:
        sys.setprofile(None)
    return len(met), found


def learnt(f, call):
    """What the call gives until f is replayed."""
    found = [call() for _ in range(3)]
    assert all(np.array_equal(a, found[0]) for a in found)
    assert runs_of(f, call)[0] == 0
    return found[0]


@pytest.fixture(autouse=True)
def nobody_watches():
    """A measurement of coverage in Python looks like a debugger."""
    trace = sys.gettrace()
    if trace is not None and "coverage" not in type(trace).__module__:
        pytest.skip("f is run while a debugger is on")


# ---- the same derivatives
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_replayed_programs_have_the_bits_of_planned_ones(name, mode, monkeypatch):
    f, call = PROGRAMS[name], MODES[mode]
    known_of(f).straight = False
    monkeypatch.setattr(plan, "PLANS", {})
    monkeypatch.setattr(replay, "PLANS", plan.PLANS)
    first = call(f, X)
    planned = [*plan.PLANS.values()] and None not in plan.PLANS.values()
    for _ in range(3):
        again = call(f, X)
        assert np.array_equal(again, first)
        assert type(again) is type(first)
    moved = X * 1.01 + 0.01
    close(call(f, moved), ordinary(mode, f, moved))
    assert runs_of(f, lambda: call(f, X))[0] == (not planned or name in LEFT)


def model(t, a, b):
    return a * np.exp(-b * t)


TIMES = np.linspace(0.0, 1.0, 5)


def with_helper(p, t=TIMES):
    a, b = p
    return model(t, b=b, a=a) - outer_scale * t


def nested_helper(p):
    return np.sum(with_helper(p * 2.0) ** 2)


def spread_arguments(*p):
    a, b = p
    return a * a * b + p[1]


outer_scale = 0.5
def grown(x):
    total = x[0] * 2.0
    total += x[1] * x[0]
    total -= 1.0
    return total * x


def swapped(x):
    a, b = x[0], x[1]
    a, b = b * 2.0, a
    return np.stack([a / b, b * a])


FORMS = {
    "a helper of the program's own, by name and with defaults": (with_helper, (np.array([1.0, 0.5]),)),
    "helpers inside helpers": (nested_helper, (np.array([1.0, 0.5]),)),
    "arguments as *args": (spread_arguments, (1.5, 2.5)),
    "names for parts": (lambda x: (y := x * 2.0) + y * np.exp(y), (np.array([0.1, 0.2]),)),
    "numbers that grow": (grown, (np.array([0.5, 0.25]),)),
    "constants of modules": (lambda x: np.sin(np.pi * x) + math.e * x, (np.array([0.5, 0.25]),)),
    "plain parts": (lambda x: x * np.exp(-np.linspace(0, 1, 4)) + np.arange(4.0) ** 2 * np.ones(4), (X,)),
    "a swap": (swapped, (np.array([0.5, 0.25]),)),
}


@pytest.mark.parametrize("name", FORMS)
def test_how_programs_are_written(name, monkeypatch):
    f, args = FORMS[name]

    def call():
        return np.hstack([np.ravel(part) for part in jacobian(f, argnums=tuple(range(len(args))))(*args)])

    found = learnt(f, call)
    monkeypatch.setattr(sweep, "replayed", lambda *_: None)
    assert np.array_equal(call(), found)


# ---- what a program reaches is looked at in every run
def test_arrays_are_read_anew():
    t = np.array([1.0, 2.0, 3.0])

    def f(x):
        return np.sum(np.sin(t * x) * t)

    learnt(f, lambda: gradient(f)(X[:3]))
    t[:] = [0.5, 0.25, 4.0]
    runs, found = runs_of(f, lambda: gradient(f)(X[:3]))
    assert runs == 0
    assert np.array_equal(found, np.cos(t * X[:3]) * t * t)


def test_numbers_are_read_anew():
    def f(x):
        return np.sum(x * x * factor) + default_of(x)

    def default_of(x, c=2.0):
        return x[0] * c

    factor = 3.0
    learnt(f, lambda: gradient(f)(X))
    factor = 5                                             # an int is a number like any other
    runs, found = runs_of(f, lambda: gradient(f)(X))
    assert runs == 0
    assert np.allclose(found, 10 * X + [2.0, 0, 0, 0])
    default_of.__defaults__ = (7.0,)
    runs, found = runs_of(f, lambda: gradient(f)(X))
    assert runs == 0
    assert np.allclose(found, 10 * X + [7.0, 0, 0, 0])


@pytest.mark.parametrize("new", [np.array([2.0, 1.0, 1.0, 3.0]), np.float32(2.5), np.array([1, 2, 3, 4]), True, np.int64(2)])
def test_a_constant_of_another_kind_is_met_by_f(new):
    factor = 3.0

    def f(x):
        return np.sum((x * factor) ** 2 * factor)

    learnt(f, lambda: gradient(f)(X))
    factor = new
    runs, found = runs_of(f, lambda: gradient(f)(X))
    assert runs >= 1
    expected = gradient(lambda x: np.sum((x * new) ** 2 * new))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_what_belongs_to_the_structure_is_looked_at():
    power, place, axis = 2, 1, 0

    def f(x):
        return np.sum(np.sum((x[:, None] * A.T) ** power, axis=axis) * x[place])

    def call():
        return gradient(f)(X)

    before = learnt(f, call)
    for power, place, axis in ((3, 1, 0), (2.0, 1, 0), (2, -1, 0), (2, np.int64(2), 0)):
        fresh = gradient(lambda x, p=power, i=place, k=axis: np.sum(np.sum((x[:, None] * A.T) ** p, axis=k) * x[i]))(X)
        found = [call() for _ in range(4)]
        assert all(np.array_equal(one, fresh) for one in found), (power, place)
    power, place = 2, 1
    assert np.array_equal(call(), before)


def test_what_is_computed_of_constants_keeps_its_shape_and_type():
    t = np.linspace(0.0, 1.0, 6)
    keep, cut, factor, counts = np.arange(6) < 5, 0.9, 1.0, np.array([5_000_000, 6_000_000, 7_000_000])

    def kept(p):
        return np.mean((p[0] * np.exp(-p[1] * t[keep])) ** 2)

    def cut_off(p):
        early = t < cut
        return p[0] * np.exp(-p[1] * t[early])

    def counted(p):
        return np.sum(p[0] * (counts * factor) * (counts * factor) * (counts * factor))

    p = np.array([1.5, 2.0])
    slopes = [learnt(f, lambda f=f: jacobian(f)(p)) for f in (kept, cut_off, counted)]
    assert slopes[1].shape == (5, 2)
    keep, cut, factor = np.arange(6) < 2, 0.3, 1
    for f, expected in ((kept, jacobian(lambda p: np.mean((p[0] * np.exp(-p[1] * t[:2])) ** 2))(p)),
                        (cut_off, jacobian(lambda p: p[0] * np.exp(-p[1] * t[:2]))(p)), (counted, slopes[2])):
        for _ in range(4):
            close(jacobian(f)(p), expected)


def test_products_with_parts_of_tables_have_the_same_bits():
    rng = np.random.default_rng(0)
    t, _, w = rng.uniform(size=(30, 3)).T
    A = rng.normal(size=(30, 8))[:, ::2]
    frozen = rng.normal(size=(30, 8))[:, 1::2]
    frozen.setflags(write=False)
    frozen.base.setflags(write=False)

    def f(x):
        return w @ (x[0] * np.exp(-x[1] * t)) ** 2 + np.sum((A @ x) ** 3) + np.sum((frozen @ x) ** 2)

    learnt(f, lambda: gradient(f)(X))
    A = np.ascontiguousarray(A)
    fresh = gradient(lambda x: w @ (x[0] * np.exp(-x[1] * t)) ** 2 + np.sum((A @ x) ** 3) + np.sum((frozen @ x) ** 2))(X)
    assert np.array_equal(gradient(f)(X), fresh)


def test_shapes_and_types_of_the_arguments():
    def f(x, y):
        return np.sum(x * np.exp(y))

    call = gradient(f, argnums=(0, 1))
    learnt(f, lambda: np.stack(call(X, V)))
    for x, y in ((X[:3], V[:3]), (X[:, None] * np.ones(2), V[:, None]), (np.float64(2.0), 3.0), (2, V)):
        for _ in range(4):
            a, b = call(x, y)
            np.testing.assert_allclose(a, np.sum(np.exp(y) * np.ones(np.shape(x)), axis=None) if not np.ndim(x) else
                                       np.exp(y) * np.ones(np.shape(x)), rtol=1e-15)
            np.testing.assert_allclose(np.sum(b), np.sum(x * np.exp(y)), rtol=1e-15)
    complex_x = X + 0j
    assert np.iscomplexobj(gradient(f)(complex_x, V))


def test_which_argument_is_differentiated_is_no_matter_of_values():
    def f(x, y):
        return np.sum(x * x * y)

    frozen = X.copy()
    frozen.setflags(write=False)                           # so that no copy tells the arguments apart
    for _ in range(4):
        assert np.array_equal(gradient(f, argnums=0)(frozen, frozen), 2 * X * X)
    for _ in range(4):
        assert np.array_equal(gradient(f, argnums=1)(frozen, frozen), X * X)
    for _ in range(4):
        both = gradient(f, argnums=(1, 0))(frozen, frozen)
        assert all(map(np.array_equal, both, (X * X, 2 * X * X)))
    assert runs_of(f, lambda: gradient(f, argnums=1)(frozen, frozen))[0] == 0


def test_another_number_of_arguments():
    def f(x, *more, c=None):
        return np.sum(x * x)

    def g(x, c=2.0):
        return np.sum(x * x * c)

    for h in (f, g):
        call = gradient(h)
        for _ in range(4):
            assert np.allclose(call(X), 2 * X * (1 if h is f else 2))
            assert np.allclose(call(X, 3.0), 2 * X * (1 if h is f else 3))
            assert np.allclose(call(X, c=3.0), 2 * X * (1 if h is f else 3))
        with pytest.raises(TypeError):
            call(X, 1.0, 2.0, d=3.0)
        if h is g:
            with pytest.raises(TypeError):
                call(X, 1.0, 2.0)


def test_a_function_that_is_replaced():
    module = types.ModuleType("module_of_the_users")
    module.curve = np.sin

    def f(x):
        return np.sum(module.curve(x) * helper(x))

    helper = lambda x: 2.0 * x
    learnt(f, lambda: gradient(f)(X))
    module.curve = np.exp
    assert np.allclose(gradient(f)(X), 2 * np.exp(X) * (X + 1))

    helper = lambda x: 3.0 * x
    for _ in range(4):
        assert np.allclose(gradient(f)(X), 3 * np.exp(X) * (X + 1))
    module.curve = lambda x: x * 2.0
    for _ in range(4):
        assert np.allclose(gradient(f)(X), 12 * X)
    module.curve.__code__ = (lambda x: x * 5.0).__code__  # as tools do that load a module anew
    assert np.allclose(gradient(f)(X), 30 * X)
    module.curve = np.exp
    helper = np.sqrt
    x = X**2
    for _ in range(4):
        assert np.allclose(gradient(f)(x), np.exp(x) * (np.sqrt(x) + 0.5 / np.sqrt(x)))


def test_a_name_that_hides_a_builtin(monkeypatch):
    def f(x):
        return np.sum(abs(x) * len(x))

    learnt(f, lambda: gradient(f)(X))
    monkeypatch.setitem(f.__globals__, "abs", np.square)
    assert np.allclose(gradient(f)(X), 8 * X)
    monkeypatch.setitem(f.__globals__, "len", lambda x: 10.0)
    assert np.allclose(gradient(f)(X), 20 * X)


def test_closures_over_duals_of_an_outer_sweep():
    def outer(y):
        return np.sum(gradient(lambda x: np.sum(x * x * y * np.sin(y)))(X * 1.0) ** 2)

    expected = ordinary("forward", outer, V)
    for _ in range(5):
        close(gradient(outer)(V), expected)
    factor = 2.0

    def f(x):
        return np.sum(x**3 * factor)

    learnt(f, lambda: gradient(f)(X))

    def second(c):
        nonlocal factor
        factor = c
        return gradient(f)(X)

    assert np.allclose(jacobian(second)(1.5), 3 * X**2)
    factor = 2.5
    assert np.allclose(jacobian(gradient(f))(X), np.diag(15 * X))


# ---- what f does that plain arithmetic does not
NUMBER = 0.0
SEEN = []


def with_a_branch(x):
    return np.sum(x * x) if x[0] > 0 else np.sum(x)


def with_a_loop(x):
    total = 0.0
    for i in range(3):
        total = total + x[i] ** 2
    return total


def with_a_write(x):
    y = x * 2.0
    y[0] = 1.0
    return np.sum(y)


def with_an_effect(x):
    SEEN.append(1)
    return np.sum(x * x)


def with_a_global(x):
    global NUMBER  # noqa: PLW0603 - the program's
    NUMBER = NUMBER + 1.0
    return np.sum(x * x)


def with_a_buffer(x):
    return np.sum(np.multiply(x, 2.0, np.zeros(4)) + np.exp(B, BUFFER))


def with_an_update(x):
    y = x * 1.0
    z = y
    y += 1.0
    return np.sum(y * z)


def with_a_plain_update(x):
    b = BUFFER
    b += 1.0
    return np.sum(x * b)


def with_text(x):
    print(end="")
    return np.sum(x * x)


def with_chance(x):
    return np.sum(x * np.random.rand())  # noqa: NPY002 - the program's


class Called:
    def __call__(self, x):
        return np.sum(x * x)

    def method(self, x):
        return np.sum(x * x)


BUFFER = np.zeros(4)
doubled = np.frompyfunc(lambda v: SEEN.append(1) or 2.0 * v, 1, 1)
LEFT_TO_F = [with_a_branch, with_a_loop, with_a_write, with_an_effect, with_a_global, with_an_update, with_a_plain_update,
             with_text, with_chance, Called(), lambda x: np.sum(x * with_an_effect(B)), lambda x: np.sum(x) * [1.0, 2.0][0],
             lambda x: np.sum(x * doubled(B).astype(float)), lambda x: np.sum(x * np.exp(B, BUFFER)),
             lambda x: np.sum(x * np.sum(A, 0, None, BUFFER))]


@pytest.mark.parametrize("f", LEFT_TO_F, ids=lambda f: getattr(f, "__name__", type(f).__name__))
def test_f_runs_where_it_does_more(f):
    for _ in range(4):
        assert runs_of(f, lambda: gradient(f)(X))[0] >= 1


def test_f_runs_where_somebody_may_stop_in_it():
    f = PROGRAMS["Rosenbrock"]
    learnt(f, lambda: gradient(f)(X))
    before = sys.gettrace()
    sys.settrace(lambda *_: None)
    try:
        runs, _ = runs_of(f, lambda: gradient(f)(X))
    finally:
        sys.settrace(before)
    assert runs == 1


def test_policies_hold():
    def f(x):
        return np.sum(abs(x) * x)

    x = np.array([1.0, 0.0, 2.0])
    learnt(f, lambda: gradient(f)(x))
    with kinks("nan"):
        assert np.isnan(gradient(f)(x)).any() == np.isnan(gradient(lambda x: np.sum(abs(x) * x))(x)).any()
    with kinks("raise"), pytest.raises(dd.DualdiffError):
        gradient(lambda x: np.sum(abs(x)))(x)


# ---- infinite numbers, events and mistakes
def test_what_is_not_finite_is_left_to_f():
    def f(x):
        return np.sum(np.sqrt(x) * t)

    t = np.ones(4)
    x = np.array([1.0, 2.0, 3.0, 4.0])
    learnt(f, lambda: gradient(f)(x))
    x0 = np.array([0.0, 1.0, 2.0, 3.0])
    assert gradient(f)(x0)[0] == np.inf
    t[0] = 0.0
    assert gradient(f)(x0)[0] == 0.0                       # a strong zero
    t[0] = np.nan
    assert np.isnan(gradient(f)(x0)[0])


def test_the_programs_own_warnings_are_given():
    def f(x):
        return np.sum(x * np.exp(-1.0 / t))

    t = np.ones(4)
    learnt(f, lambda: gradient(f)(X))
    t[1] = 0.0
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert gradient(f)(X)[1] == 0.0
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        gradient(f)(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t[1] = 1.0
        gradient(f)(X)


def test_the_programs_own_errors_are_raised():
    def f(x):
        return np.sum(x * t / scale)

    t, scale = np.ones(4), 2.0
    learnt(f, lambda: gradient(f)(X))
    t = np.ones(3)
    with pytest.raises(ValueError, match="broadcast"):
        gradient(f)(X)
    t, scale = np.ones(4), 0
    with pytest.warns(RuntimeWarning):
        gradient(f)(X)
    t = None
    with pytest.raises(TypeError):
        gradient(f)(X)


def test_a_replay_that_is_always_in_vain_is_given_up():
    def f(x):
        return np.sum(x * np.exp(-t))

    t = np.full(4, 1.0)
    learnt(f, lambda: gradient(f)(X))
    t[:] = 800.0                                           # which underflows in every run
    for _ in range(replay.MOST_VAIN + 2):
        gradient(f)(X)
    assert not known_of(f).straight.links


def test_a_program_of_ever_other_shapes_is_linked_a_few_times_only():
    def f(x):
        return np.sum(x * x * 3.0)

    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "Tracer", lambda *args: made.append(1) or trace.Tracer(*args))
        for n in range(2, 40):
            x = np.linspace(0.0, 1.0, n)
            for _ in range(3):
                assert np.array_equal(gradient(f)(x), 6 * x)
    assert 0 < len(made) <= 8
    assert len(known_of(f).straight.links) <= replay.MOST_LINKS


# ---- its results are the caller's, its memory is given back
def test_results_are_the_callers_own():
    t = np.linspace(1.0, 2.0, 4)

    def f(x):
        return np.sum(x * t)

    def g(x):
        return x[::-1] * t

    for call in (lambda: gradient(f)(X), lambda: value_and_gradient(f)(X)[1], lambda: jvp(g, (X,), (V,))[0],
                 lambda: jvp(g, (X,), (V,))[1], lambda: jacobian(g)(X), lambda: hvp(lambda x: np.sum(x * x * t))(X, V),
                 lambda: hessian(f)(X)):
        first = np.array([call() for _ in range(4)][-1])
        call()[...] = 99.0
        assert np.array_equal(call(), first)
    assert np.array_equal(t, np.linspace(1.0, 2.0, 4))


def test_nothing_keeps_what_a_program_held():
    class Data(np.ndarray):                                # which weak references take
        pass

    def make():
        data = np.ones(1000).view(Data)
        part = np.asarray(data)

        def helper(x):
            return x * part[0]

        def f(x):
            return np.sum(helper(x) * part[:4])

        learnt(f, lambda: gradient(f)(X))
        return [weakref.ref(one) for one in (f, helper, data)]

    seen = make()
    gc.collect()
    assert [one() for one in seen] == [None] * 3


def test_codes_that_are_gone_are_forgotten():
    def calls(count):
        for _ in range(count):
            space = {"np": np}
            exec("def f(x):\n return np.sum(np.exp(-x * 2.0))", space)
            for _ in range(4):
                gradient(space["f"])(X)
        gc.collect()
        return len(asking.KNOWN)

    assert calls(20) == calls(20)


def test_threads_replay_at_the_same_time():
    def f(x, c):
        return np.sum(np.exp(-x * c) * x)

    slope = gradient(f)
    points = [(np.linspace(0.0, 1.0, 5) + i, 1.0 + i) for i in range(40)]
    expected = [slope(*p) for p in points]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert all(map(np.array_equal, pool.map(lambda p: slope(*p), points), expected))


# ---- fits
def test_a_fit_has_the_bits_that_it_has_without():
    t = np.linspace(0.0, 4.0, 30)
    y = 2.5 * np.exp(-1.3 * t) + 0.1 * np.sin(7 * t)

    def residual(p):
        return p[0] * np.exp(-p[1] * t) - y

    for fit in (lambda: curve_fit(model, t, y, [1.0, 1.0], full_output=True)[2]["result"],
                lambda: least_squares(residual, np.array([1.0, 1.0]), fixed=[0]), lambda: least_squares(residual, [1.0, 1.0])):
        found = [fit() for _ in range(4)]
        assert len({(*r.flat.tolist(), r.nfev, r.njev, r.nit, *r.covariance.ravel().tolist()) for r in found}) == 1
        assert runs_of(model, fit)[0] == runs_of(residual, fit)[0] == 0


def test_a_fit_counts_what_a_function_with_effects_counts():
    t = np.linspace(0.0, 4.0, 30)
    y = 2.5 * np.exp(-1.3 * t)
    calls = []

    def counted(t, a, b):
        calls.append(1)
        return model(t, a, b)

    one = curve_fit(counted, t, y, [1.0, 1.0], full_output=True)[2]
    assert len(calls) == one["nfev"] == curve_fit(model, t, y, [1.0, 1.0], full_output=True)[2]["nfev"]


# ---- trajectories
def pendulum(t, y, length, damping):
    return [y[1], -9.81 / length * np.sin(y[0]) - damping * y[1]]


def predators(y, t, p):
    a, b, c, d = p
    return np.stack([a * y[0] - b * y[0] * y[1], d * y[0] * y[1] - c * y[1] + 0.0 * t])


def angle(length, damping, start=0.5):
    return integrate.solve_ivp(pendulum, (0, 2), [start, 0.0], args=(length, damping), rtol=1e-8, atol=1e-8).y[0, -1]


def angle_by_ours(length, damping):
    return solve_ivp(pendulum, (0, 2), [0.5, 0.0], args=(length, damping), rtol=1e-8, atol=1e-8).y[0, -1]


def prey(p):
    return integrate.odeint(predators, [1.0, 1.0], np.linspace(0, 2, 4), args=(p,), rtol=1e-8, atol=1e-8)[-1, 0]


@pytest.mark.parametrize(("f", "slope", "args"), [
    (angle_by_ours, pendulum, (1.0, 0.1)),
    (angle, None, (1.0, 0.1)), (prey, None, (np.array([1.5, 1.0, 3.0, 1.0]),))])  # lifted: they call SciPy
def test_slopes_are_replayed(f, slope, args, monkeypatch):
    def call():
        return np.hstack(gradient(f, argnums=tuple(range(len(args))))(*args))

    first = call()
    runs = slope and runs_of(slope, call)[0]
    assert np.array_equal(call(), first)
    monkeypatch.setattr(variations, "replayed", lambda *_: None)
    assert np.array_equal(call(), first)
    assert slope is None or runs_of(slope, call)[0] > 1.9 * runs  # the trajectory itself, on plain numbers, remains


def test_partial_calls_run():
    f = partial(model, np.linspace(0.0, 1.0, 4))
    for _ in range(4):
        assert runs_of(model, lambda: jacobian(f, argnums=(0, 1))(1.0, 2.0))[0] == 1


def test_the_plans_of_a_link_are_those_that_were_made(monkeypatch):
    """A link looks its plans up; it makes none."""
    def f(x):
        return np.sum(np.tanh(x) * x)

    learnt(f, lambda: gradient(f, mode="reverse")(X))
    before = set(plan.PLANS)
    assert runs_of(f, lambda: hessian(f)(X))[0] == 1       # which has no plan yet
    assert len(plan.PLANS) == len(before) + 1
    assert runs_of(f, lambda: hessian(f)(X))[0] == 0

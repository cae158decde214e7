"""scipy.integrate in programs that are differentiated as they stand."""

import math

import numpy as np
import pytest
import scipy.integrate
from scipy.integrate import dblquad, nquad, odeint, quad, quad_vec, solve_ivp, tplquad
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy_programs import agrees

from dualdiff import derivative, gradient, hessian, jacobian, jvp, lift, stop_gradient
from dualdiff.errors import ConvergenceError, ConversionError, DegenerateError, RuleError, StructureError
from dualdiff.scipy import callbacks, trajectories, variations
from dualdiff.tangents.tape import pull

pytestmark = pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")  # the check's complex step in QUADPACK

Y = np.array([1.0, 2.5, 2.0, 3.0, 5.5])
P = np.array([1.0, 2.0, 0.3])


def mean_of(density, a):
    return quad(lambda x: x * density(x, a), 0, np.inf)[0] / quad(density, 0, np.inf, args=(a,))[0]


PROGRAMS = {
    "closure": (lambda a: quad(lambda x: np.exp(a * x), 0, 1)[0], 1.5),
    "math": (lambda a: quad(lambda x: math.exp(a * x) * x, 0, 1)[0], 1.5),
    "args": (lambda a: quad(lambda x, a: np.exp(-a * x), 0, np.inf, args=(a,))[0], 1.5),
    "one argument that is no tuple": (lambda a: quad(lambda x, a: np.exp(-a * x), 0, np.inf, args=a)[0], 1.5),
    "helper": (lambda a: mean_of(lambda x, a: np.exp(-a * x * x), a), 1.5),
    "limits": (lambda a, b: quad(lambda x: np.sqrt(1 + a * x**3), a * b, b)[0], 1.5, 2.5),
    "an array of parameters": (lambda p: quad(lambda x: p[0] * np.exp(-p[1] * x) * np.sum(p), p[2], 3)[0], P),
    "many parameters": (lambda p: quad(lambda x: np.sum(np.sin(p * x)), -1, 2)[0], np.arange(1, 20.0) / 10),
    "singular at an end": (lambda a: quad(lambda x: x**-a, 0, 1)[0], 0.5),
    "weight cos": (lambda a, w: quad(lambda x: np.exp(-a * x), 0, 3, weight="cos", wvar=w)[0], 0.5, 7.0),
    "weight sin": (lambda w, b: quad(lambda x: np.exp(-x), 0, b, weight="sin", wvar=w)[0], 7.0, 2.0),
    "Fourier": (lambda a: quad(lambda x: np.exp(-a * x), 0, np.inf, weight="cos", wvar=2.0)[0], 0.5),
    "weight alg": (lambda a: quad(lambda x: np.exp(-a * x), 0, 1, weight="alg", wvar=(-0.5, 0.3))[0], 0.5),
    "principal value": (lambda a, b: quad(lambda x: np.exp(-a * x), -1, b, weight="cauchy", wvar=0.2)[0], 0.5, 1.0),
    "a break that moves": (lambda a: quad(lambda x: np.exp(a * x) if x < a else a * x, 0, 1, points=[a])[0], 0.4),
    "complex": (lambda a: np.real(quad(lambda x: np.exp(1j * a * x), 0, a, complex_func=True)[0]), 1.4),
    "dblquad": (lambda a: dblquad(lambda y, x: a * x * y, 0, a, 0, lambda x: x * a)[0], 1.4),
    "nquad": (lambda a, b: nquad(lambda x, y, c: c * x * y, [[0, b], lambda c: [0, c]], args=(a,))[0], 1.4, 1.2),
    "quad_vec": (lambda a, b: quad_vec(lambda x: np.array([np.exp(-a * x), a * x]), 0, b)[0], 1.4, 1.0),
    "fixed_quad": (lambda a, b: scipy.integrate.fixed_quad(lambda x: np.exp(a * x), a, b)[0], 1.4, 2.0),
    "simpson": (lambda y: scipy.integrate.simpson(y * y, dx=0.1), Y),
    "simpson at places that move": (lambda y, x: scipy.integrate.simpson(y, x=x, axis=0), np.outer(Y, [1.0, 2.0]),
                                    np.array([0.0, 0.2, 0.5, 0.9, 1.0])),
    "simpson of an even number": (lambda y: scipy.integrate.simpson(y[:4], x=y[:4] ** 2), Y + np.arange(5)),
    "simpson of two": (lambda y, d: scipy.integrate.simpson(y[:2], dx=d), Y, 0.3),
    "trapezoid": (lambda y: scipy.integrate.trapezoid(y, x=y * y), Y),
    "romb": (lambda y: scipy.integrate.romb(y * y, dx=0.3), Y),
    "cumulative_trapezoid": (lambda y: scipy.integrate.cumulative_trapezoid(y, x=y * y, initial=0), Y),
    "cumulative_simpson": (lambda y: scipy.integrate.cumulative_simpson(y * y, dx=0.3), Y),
    "an event": (lambda v, g: solve_ivp(falling, (0, 50), [1, v], args=(g,), events=landing, **FINE).t_events[0][0], 3.0, 9.0),
    "the end at an event": (lambda v: solve_ivp(falling, (0, 50), [1, v], args=(9.8,), events=[landing], **FINE).y[1, -1], 3.0),
}
FINE = {"rtol": 1e-9, "atol": 1e-11}


def falling(t, y, g):
    return [y[1], -g]


def landing(t, y, g):
    return y[0]


landing.terminal, landing.direction = True, -1


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name], rtol=1e-5, order=1 if name in ("dblquad", "an event") else 2)


def test_the_value_is_that_of_scipy_to_the_bit_and_so_is_what_stands_beside_it():
    f = lambda a: quad(lambda x: np.exp(a * x), 0, 1, full_output=True)
    value, error, info = lift(f)(1.5)
    plain = f(1.5)
    assert (value, error, info["neval"]) == (plain[0], plain[1], plain[2]["neval"])
    seen = []
    jvp(lambda a: seen.append(lift(f)(a)) or seen[-1][0], (1.5,), (1.0,))
    assert (seen[-1][0].value, seen[-1][1]) == plain[:2]


def test_in_reverse_the_integrand_runs_where_the_value_needs_it_and_nowhere_else():
    calls = []

    def f(p):
        def integrand(x):
            calls.append(x)
            return np.sum(np.cos(p * x))
        return quad(integrand, 0, 1)[0]

    lifted, p = lift(f), np.arange(1.0, 8.0)
    gradient(lifted, mode="reverse")(p)
    assert len(calls) == 21
    np.testing.assert_allclose(gradient(lifted, mode="reverse")(p), np.cos(p) / p - np.sin(p) / p**2, atol=1e-14)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("exp", [np.exp, math.exp])
def test_an_integrand_that_takes_arrays_runs_on_duals_once_for_all_places(exp, mode, monkeypatch):
    runs = []
    parts = callbacks.Apart.parts
    monkeypatch.setattr(callbacks.Apart, "parts", lambda self, y: runs.append(np.shape(y)) or parts(self, y))
    f = lift(lambda a: quad(lambda x: exp(-a * x) / (0.01 + (x - 0.3)**2), 0, 1)[0])
    g = gradient(f, mode=mode)
    expected = -quad(lambda x: x * np.exp(-1.5 * x) / (0.01 + (x - 0.3)**2), 0, 1)[0]
    assert g(1.5) == pytest.approx(expected, rel=1e-8)
    places = quad(lambda x: math.exp(-1.5 * x) / (0.01 + (x - 0.3)**2), 0, 1, full_output=True)[2]["neval"]
    assert places > 21
    assert runs[0] == (places,)
    assert len(runs) < 10                                           # and not once for each place
    assert math.exp.__module__ == "math"
    with pytest.raises(TypeError):                                  # arrays are for integrals only
        lift(lambda x: 2 * math.exp(x))(np.ones(3))


def of_numbers_only(x, p):
    return np.exp(-p * x) if x < 0.5 else p * x


def another_for_arrays(x, p):
    return np.exp(-p * x) if np.ndim(x) == 0 else np.exp(-p * x / 2)


def without_a_derivative_for_arrays(x, p):
    return np.exp(-p * x) if np.ndim(x) == 0 else np.exp(-stop_gradient(p) * x) + 0 * p


def with_a_memory(x, p, seen={}):  # noqa: B006 - that is the point
    if str(x) not in seen:
        seen[str(x)] = np.exp(-p * x)
    return seen[str(x)]


NODES = np.linspace(0, 2, 21)
BETWEEN = {
    "CubicSpline": lambda y: quad(CubicSpline(NODES, y), 0, 2)[0],
    "Pchip": lambda y: quad(PchipInterpolator(NODES, y), 0, 2, limit=200)[0],
    "interp": lambda y: quad(lambda x: np.interp(x, NODES, y), 0, 2, limit=300)[0],
    "steps": lambda y: quad(lambda x: np.piecewise(x, [x < 1.2, (x >= 1.2) & (x < 1.25), x >= 1.25], list(y[:3])), 0, 2,
                            limit=200)[0]}


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("name", BETWEEN)
def test_what_moves_an_integrand_in_a_narrow_part_of_its_range_is_not_missed(name, mode):
    f, y = BETWEEN[name], np.sin(NODES)
    found = gradient(f, mode=mode)(y)
    if name == "steps":
        np.testing.assert_allclose(found[:3], [1.2, 0.05, 0.75], atol=1e-6)
        return
    if name == "CubicSpline":
        np.testing.assert_allclose(found, CubicSpline(NODES, np.eye(21)).integrate(0, 2), atol=1e-7)
        return
    np.testing.assert_allclose(found[3:-3], 0.1, atol=1e-3)


def test_an_integrand_that_catches_an_error_and_then_gives_another_value_is_refused():
    def f(p):
        def g(x):
            try:
                return np.exp(-np.nextafter(p, 2) * x)
            except TypeError:
                return 1.0
        return quad(g, 0, 1)[0]
    with pytest.raises(ConversionError, match=r"on dual numbers, and .* on plain ones"):
        gradient(f)(1.5)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("integrand", [of_numbers_only, another_for_arrays, without_a_derivative_for_arrays, with_a_memory])
def test_an_integrand_that_is_another_for_arrays_runs_place_by_place(integrand, mode):
    if integrand is with_a_memory:
        integrand.__defaults__[0].clear()
    f = lambda p: quad(lambda x: integrand(x, p), 0, 1, points=[0.5])[0]
    slope = lambda x: (-x * np.exp(-1.5 * x)) if integrand is not of_numbers_only or x < 0.5 else x
    assert gradient(f, mode=mode)(1.5) == pytest.approx(quad(slope, 0, 1, points=[0.5])[0], rel=1e-9)


def test_more_parameters_than_pay_one_by_one_are_one_vector():
    p = np.linspace(0.1, 2.0, 300)
    np.testing.assert_allclose(gradient(lambda p: quad(lambda x: np.sum(np.cos(p * x)), 0, 1)[0])(p),
                               np.cos(p) / p - np.sin(p) / p**2, rtol=1e-7, atol=1e-9)


def test_integrals_of_elements_keep_a_jacobian_sparse():
    f = lift(lambda a: np.stack([quad(lambda x, k: np.exp(-k * x), 0, 1, k)[0] for k in a]))
    a = np.linspace(0.5, 2.0, 20)
    J = jacobian(f, sparse=True)(a)
    assert J.nnz == 20
    np.testing.assert_allclose(J.diagonal(), (np.exp(-a) * (1 + a) - 1) / a**2, rtol=1e-10)


def test_derivatives_are_as_accurate_as_the_value_whatever_their_units():
    f = lambda c: quad(lambda x: np.exp(-x) * x / (1e10 + c), 0, 60, epsabs=1e-19)[0]
    assert derivative(f)(0.0) == pytest.approx(-1e-20, rel=1e-8)
    assert derivative(f, order=2)(0.0) == pytest.approx(2e-30, rel=1e-8)


def test_third_derivatives_of_a_limit_are_those_of_the_integrand():
    assert derivative(lambda b: quad(np.sin, 0, b)[0], order=3)(0.7) == pytest.approx(-np.sin(0.7), rel=1e-12)
    assert derivative(lambda b: quad(lambda x: np.exp(b * x), 0, 1, )[0], order=3)(0.0) == pytest.approx(0.25, rel=1e-12)


def test_tplquad_and_its_limits_are_differentiated():
    f = lambda a: tplquad(lambda z, y, x: a, 0, a, 0, 1.0, 0, lambda x, y: a * x)[0]
    assert derivative(f)(1.3) == pytest.approx(2 * 1.3**3, rel=1e-9)  # a ∫₀ᵃ a x dx = a⁴ / 2


def test_what_has_no_derivative_is_refused_by_name():
    exponential = lambda a, **options: quad(lambda x: np.exp(-a * x), 0, 1, **options)[0]
    for f, words in ((lambda b: quad(lambda x: np.exp(-x), 0, b)[0], "a limit of inf"),
                     (lambda a: quad(np.cos, 0, 1, weight="cauchy", wvar=0.5 * a)[0], "wvar of weight='cauchy'"),
                     (lambda b: quad(np.cos, 0, b, weight="alg", wvar=(0.5, 0.5))[0], "the weight 'alg'")):
        with pytest.raises(RuleError, match=words):
            derivative(f)(np.inf if "inf" in words else 1.0)
    assert derivative(lambda b: quad(lambda x: np.exp(-x), 0, stop_gradient(b))[0] * b)(np.inf) == pytest.approx(1.0)
    assert derivative(exponential)(0.0) == pytest.approx(-0.5)
    with pytest.raises(DegenerateError, match="not finite there"):
        derivative(lambda a: quad(lambda x: x**-0.5 if x > 0 else np.inf, a, 1)[0])(0.0)
    for f in (lambda a: quad(lambda x: np.log(np.abs(x - a)), 0, 1)[0], lambda a: quad(lambda x: (x - a) ** -0.5, 0, 1)[0]):
        with pytest.raises(ConvergenceError, match="the integral of the derivative does not converge"):
            derivative(f)(0.0)
    for name, call in {"tanhsinh": lambda a: scipy.integrate.tanhsinh(lambda x: a * x, 0, 1).integral,
                       "nsum": lambda a: scipy.integrate.nsum(lambda x: 1 / x**a, 1, 9).sum,
                       "cubature": lambda a: scipy.integrate.cubature(lambda x: a * x[:, 0], [0.0], [1.0]).estimate,
                       "solve_bvp": lambda a: scipy.integrate.solve_bvp(
                           lambda x, y: np.stack([y[1], -a * y[0]]), lambda u, v: np.array([u[0], v[0] - 1.0]),
                           np.linspace(0, 1, 5), np.ones((2, 5))).y[0, 2]}.items():
        with pytest.raises(RuleError, match=f"scipy.integrate.{name} has no derivative rule"):
            derivative(lift(call))(2.0)
        lift(call)(2.0)


# ---- differential equations
TIMES = np.array([0.0, 0.4, 1.0])


def decay(t, y, a):
    return -a * y


SOLVERS = {
    "closure": lambda a, y0: solve_ivp(lambda t, y: -a * y, (0, 1), [y0], t_eval=TIMES, **FINE).y[0],
    "args": lambda a, y0: solve_ivp(decay, (0, 1), [y0], args=(a,), t_eval=TIMES, method="DOP853", **FINE).y[0],
    "Radau": lambda a, y0: solve_ivp(lambda t, y: -a * y, (0, 1), [y0], "Radau", TIMES, rtol=1e-7, atol=1e-9).y[0],
    "BDF with its Jacobian": lambda a, y0: solve_ivp(decay, (0, 1), [y0], t_eval=TIMES, method="BDF", args=(a,), rtol=1e-7,
                                                     jac=lambda t, y, a: np.array([[-a]]), atol=1e-9).y[0],
    "LSODA": lambda a, y0: solve_ivp(decay, (0, 1), [y0], t_eval=TIMES, method="LSODA", args=(a,), **FINE).y[0],
    "vectorized": lambda a, y0: solve_ivp(decay, (0, 1), [y0], t_eval=TIMES, vectorized=True, args=(a,), **FINE).y[0],
    "between the steps": lambda a, y0: solve_ivp(decay, (0, 1), [y0], args=(a,), dense_output=True, **FINE).sol(TIMES)[0],
    "odeint": lambda a, y0: odeint(lambda y, t: -a * y, y0, TIMES, rtol=1e-10, atol=1e-12)[:, 0],
    "odeint with args": lambda a, y0: odeint(decay, [y0], TIMES, (a,), tfirst=True, rtol=1e-10, atol=1e-12)[:, 0],
}


@pytest.mark.parametrize("name", SOLVERS)
def test_trajectories_move_with_what_their_slopes_depend_on(name):
    f, a, y0 = SOLVERS[name], 1.3, 0.8
    E = np.exp(-a * TIMES)
    for mode in ("forward", "reverse"):
        da, dy = jacobian(f, (0, 1), mode=mode)(a, y0)
        np.testing.assert_allclose(da, -TIMES * y0 * E, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(dy, E, rtol=1e-5)
    np.testing.assert_array_equal(lift(f)(a, y0), f(a, y0))
    H = hessian(lambda a, y0: np.sum(f(a, y0)), (0, 1))(a, y0)
    np.testing.assert_allclose(H[0][0], np.sum(TIMES**2 * y0 * E), rtol=1e-5)
    np.testing.assert_allclose(H[0][1], np.sum(-TIMES * E), rtol=1e-5)


@pytest.mark.parametrize("name", ["solve_ivp", "odeint", "sol"])
def test_trajectories_move_with_time(name):
    solve = {"solve_ivp": lambda s, e: solve_ivp(lambda t, y: t * y, (s, e), [1.0], **FINE).y[0, -1],
             "odeint": lambda s, e: odeint(lambda y, t: t * y, 1.0, np.array([s, e]), rtol=1e-10, atol=1e-12)[-1, 0],
             "sol": lambda s, e: solve_ivp(lambda t, y: t * y, (s, 2.0), [1.0], dense_output=True, **FINE).sol(e)[0]}[name]
    s, e = 0.2, 1.1
    y = np.exp((e**2 - s**2) / 2)
    np.testing.assert_allclose(gradient(solve, (0, 1))(s, e), (-s * y, e * y), rtol=1e-6)
    np.testing.assert_allclose(hessian(solve, (0, 1))(s, e), [[(s * s - 1) * y, -s * e * y], [-s * e * y, (e * e + 1) * y]],
                               rtol=1e-5)


def test_a_branch_that_meets_the_parameter_late_is_followed():
    f = lambda a: solve_ivp(lambda t, y: -y if t < 1 else -a * y, (0, 2), [1.0], max_step=0.02, rtol=1e-8).y[0, -1]
    assert derivative(f)(1.3) == pytest.approx(-np.exp(-2.3), rel=1e-4)


def swinging(t, y, length, damping):
    return [y[1], -9.81 / length * np.sin(y[0]) - damping * y[1]]


def kept_of(a):
    """With a function that keeps what it meets, and a program that uses it afterwards."""
    met = []

    def f(t, y):
        met.append(y[0] * a[0])
        return [y[1], -a[0] * y[0] - a[1] * y[1]]
    y = solve_ivp(f, (0, 1), [1.0, 0.5], rtol=1e-8, atol=1e-8).y[0, -1]
    return y + met[-1]


SHORT = {
    "arguments": lambda a: solve_ivp(swinging, (0, 1), [0.5, 0.0], args=(a[0], a[1]), **FINE).y[0, -1],
    "one array of them": lambda a: solve_ivp(lambda t, y, a: swinging(t, y, *a), (0, 1), [0.5, 0.0], args=(a,),
                                             **FINE).y[0, -1],
    "a closure": lambda a: solve_ivp(lambda t, y: swinging(t, y, *a), (0, 1), [0.5, 0.0], **FINE).y[0, -1],
    "a dict": lambda a: solve_ivp(lambda t, y, p: swinging(t, y, p["length"], 0.1 * a[1]), (0, 1), [0.5, 0.0],
                                  args=({"length": a[0]},), **FINE).y[0, -1],
    "the start": lambda a: solve_ivp(swinging, (0, 1), a, args=(1.0, 0.1), **FINE).y[0, -1],
    "an array": lambda a: solve_ivp(lambda t, y: -a[0] * y + a[1] * np.sin(t) * y[::-1], (0, 1), np.ones(3), **FINE).y[0, -1],
    "odeint": lambda a: odeint(lambda y, t, b: swinging(t, y, a[0], b), [0.5, 0.0], TIMES, (a[1],), rtol=1e-10,
                               atol=1e-12)[-1, 0],
    "events": lambda a: solve_ivp(lambda t, y: swinging(t, y, *a), (0, 3), [0.5, 0.0], events=lambda t, y: y[0],
                                  **FINE).t_events[0][0],
    "units": lambda a: solve_ivp(lambda t, y: swinging(t, y, 1e6 * a[0], 1e-9 * a[1]), (0, 1), [0.5, 0.0], **FINE).y[0, -1],
}


@pytest.mark.parametrize("name", SHORT)
def test_the_slopes_of_few_numbers_come_from_a_plan(name, monkeypatch):
    f, a, apart = SHORT[name], np.array([1.0, 0.3]), []
    dual, plan_for = variations.State.dual, variations.planned_for
    monkeypatch.setattr(variations.State, "dual", lambda self, v: apart.append(1) or dual(self, v))
    transforms = (lambda f: jacobian(f, mode="forward"), lambda f: jacobian(f, mode="reverse"), hessian,
                  lambda f: lambda a: jvp(f, (a,), (np.array([1.0, -2.0]),)))
    all_ = [transform(lift(f))(a) for transform in transforms]
    monkeypatch.setattr(variations, "planned_for", lambda *_: None)
    for found, transform in zip(all_, transforms, strict=True):
        np.testing.assert_allclose(found, transform(lift(f))(a), rtol=1e-9, atol=1e-14)
    apart.clear()
    jacobian(lift(f), mode="forward")(a)
    slopes = len(apart)
    monkeypatch.setattr(variations, "planned_for", plan_for)
    apart.clear()
    jacobian(lift(f), mode="forward")(a)
    assert slopes > 20
    assert len(apart) <= 3  # what is read at the end


@pytest.mark.parametrize("f", [
    kept_of,
    lambda a: solve_ivp(lambda t, y: [y[1], -a[0] * (y[0] if t < 0.5 else np.linalg.det(np.diag(y)) / y[1])], (0, 1),
                        [1.0, 0.5], rtol=1e-8, atol=1e-8).y[0, -1],
    lambda a: solve_ivp(lambda t, y: np.fft.irfft(np.fft.rfft(y) * a[0], 4), (0, 1), np.arange(1.0, 5.0), rtol=1e-8,
                        atol=1e-8).y[0, -1] * a[1],
    lambda a: solve_ivp(lambda t, y: np.cross(y, y[::-1] * a[0]) * GLOBAL[0], (0, 1), [1.0, 2.0, 0.5], rtol=1e-8,
                        atol=1e-8).y[0, -1] * a[1]])
def test_slopes_that_no_plan_gives_are_the_ordinary_ones(f, monkeypatch):
    a = np.array([0.7, 0.3])
    GLOBAL[:] = [1.5]
    found = gradient(lift(f))(a)
    monkeypatch.setattr(variations, "planned_for", lambda *_: None)
    np.testing.assert_array_equal(found, gradient(lift(f))(a))


def test_an_error_of_the_function_is_its_own():
    def f(t, y, a):
        if t > 0.5:
            raise ZeroDivisionError("too late")
        return [-a * y[0]]
    with pytest.raises(ZeroDivisionError, match="too late"):
        derivative(lambda a: solve_ivp(f, (0, 1), [1.0], args=(a,)).y[0, -1])(1.0)


GLOBAL: list[float] = []


def test_a_long_state_with_few_parameters_is_recorded_once_and_pushed(monkeypatch):
    y0, calls = np.sin(np.arange(40.0)), []
    f = lambda a: solve_ivp(lambda t, y: a[0] * (np.roll(y, 1) - y) + a[1], (0, 1), y0, rtol=1e-8, atol=1e-8).y[:, -1]
    monkeypatch.setattr(callbacks, "pull", lambda *args: calls.append(args) or pull(*args))
    a = np.array([0.5, 0.1])
    backward = jacobian(lift(f), mode="reverse")(a)
    assert not calls  # which would pull a cotangent for each of the 40
    np.testing.assert_allclose(backward, jacobian(f, mode="forward")(a), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(backward[:, 1], 1, rtol=1e-7)


def test_units_of_a_parameter_do_not_matter_to_the_integrator():
    f = lambda E: solve_ivp(lambda t, y: [y[1], -E / 2e11 * y[0]], (0, 3), [1.0, 0.0], rtol=1e-8, atol=1e-8).y[0, -1]
    w, t = 1.0, 3.0  # y = cos(ωt), ω² = E / 2e11
    assert derivative(f)(2e11) == pytest.approx(-t * np.sin(w * t) / 2 / 2e11, rel=1e-4)


def test_trajectories_that_cannot_be_differentiated_say_so():
    with pytest.raises(StructureError, match="real states only"):
        derivative(lift(lambda a: solve_ivp(lambda t, y: 1j * a * y, (0, 1), [1.0 + 0j]).y[0, -1].real))(1.0)
    with pytest.raises(ConvergenceError, match="stopped at t"):
        derivative(lift(lambda a: solve_ivp(lambda t, y: a * y * y, (0, 2), [1.0]).y[0, -1]))(1.0)


def test_the_reason_is_told_that_compiled_code_replaced_by_its_own():
    def f(p):
        solver = scipy.integrate.ode(lambda t, y: -p * y).set_integrator("dopri5")
        solver.set_initial_value([1.0], 0.0)
        return solver.integrate(1.0)[0]
    with pytest.raises(RuleError, match="solve_ivp"):
        gradient(f)(1.5)


def test_a_trajectory_takes_as_many_slopes_backwards_as_forward():
    calls = np.zeros(1)

    def f(p):
        rate, rest = p[0], {"growth": p[2], "loss": p[3:4]}

        def slope(t, y, more):
            calls[0] += 1
            return [rate * y[0] - p[1] * y[0] * y[1], more["growth"] * y[0] * y[1] - more["loss"][0] * y[1]]
        return np.sum(solve_ivp(slope, (0, 2), [p[4], 1.0], args=(rest,), **FINE).y[:, -1])
    p, counts, found = np.array([1.5, 1.0, 1.0, 3.0, 1.0]), [], []
    for mode in ("forward", "reverse"):
        g = gradient(f, mode=mode)
        g(p)
        calls[0] = 0
        found.append(g(p))
        counts.append(calls[0])
    np.testing.assert_allclose(*found, rtol=1e-8)
    assert counts[1] <= counts[0] + 2


class Decay:
    def __init__(self, rate):
        self.rate = rate

    def slope(self, t, y):
        return -self.rate * y


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_what_lists_and_objects_hold_moves_a_trajectory_beside_what_closures_hold(mode):
    def f(p):
        listed, made, start = [p[0]], Decay(p[1]), p[3] * 1.0
        slope = lambda t, y: made.slope(t, y) * listed[0] + p[2]
        return solve_ivp(slope, (0, 1), [start], **FINE).y[0, -1]

    def closed(p):
        k = p[0] * p[1]
        return p[2] / k + (p[3] - p[2] / k) * np.exp(-k)
    p = np.array([1.5, 0.7, 0.3, 2.0])
    np.testing.assert_allclose(gradient(f, mode=mode)(p), gradient(closed)(p), rtol=1e-8)
    np.testing.assert_allclose(hessian(f)(p), hessian(closed)(p), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(jacobian(gradient(f, mode="reverse"), mode=mode)(p), hessian(closed)(p), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_of_many_inputs_through_few_numbers_a_trajectory_has_few_directions(mode, monkeypatch):
    sizes = []
    integrate = scipy.integrate.odeint
    monkeypatch.setattr(trajectories.scipy, "odeint", lambda f, y, *args, **options: (
        sizes.append(len(y)), integrate(f, y, *args, **options))[1])

    def f(p):
        rate = np.sum(p)
        return odeint(lambda y, t: -rate * y, [1.0, 2.0], [0.0, 1.0], rtol=1e-10, atol=1e-10)[-1, 1]
    p = np.linspace(0.0, 0.1, 50)
    np.testing.assert_allclose(gradient(f, mode=mode)(p), np.full(50, -2 * np.exp(-np.sum(p))), rtol=1e-7)
    assert sizes[-2:] == [2, 4]

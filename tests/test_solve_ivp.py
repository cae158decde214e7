"""solve_ivp: sensitivities to initial states, parameters and times, as accurate as the states, in every mode and nested."""

import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

from dualdiff import Dual, derivative, gradient, hessian, hvp, jacobian, jvp, root, vjp
from dualdiff.errors import ConvergenceError, DegenerateError, MissingExtraError, StructureError
from dualdiff.implicit import solve_ivp
from dualdiff.optimize import curve_fit, least_squares
from dualdiff.testing import check_derivatives

# Tight, so that what is compared with closed forms is the equations and not the integrator: its error after some hundred
# steps is a few hundred times rtol.
TIGHT = {"rtol": 1e-11, "atol": 1e-13}
Y0, P, TIMES = np.array([1.0, 0.3]), np.array([2.0, 0.1]), np.linspace(0.0, 2.0, 5)


def pendulum(t, y, p):
    return [y[1], -p[0] * np.sin(y[0]) - p[1] * y[1]]


def swing(y0, p):
    return solve_ivp(pendulum, (0, 2), y0, t_eval=TIMES, args=(p,), **TIGHT).y


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_one_number_is_the_slope_of_every_state(mode):
    decayed = gradient(lambda p: solve_ivp(lambda t, y, p: -p * y[0], (0, 1), [p], args=(p,), **TIGHT).y[0, -1], mode=mode)
    np.testing.assert_allclose(decayed(2.0), (1 - 2) * np.exp(-2), rtol=1e-8)
    both = jacobian(lambda p: solve_ivp(lambda t, y, p: p, (0, 1), [p, 1], args=(p,), **TIGHT).y[:, -1], mode=mode)
    np.testing.assert_allclose(both(2.0), [2, 1], rtol=1e-8)


# y' = r y (1 - y/K): in closed form, for the vector (y0, r, K, t0, t1).
LOGISTIC = np.array([0.5, 1.3, 2.0, 0.2, 1.7])


def logistic(v):
    y0, r, K, t0, t1 = (v[i] for i in range(5))
    return K / (1 + (K / y0 - 1) * np.exp(-r * (t1 - t0)))


def integrated_logistic(v):
    y0, r, K, t0, t1 = (v[i] for i in range(5))
    rate = lambda t, y, r, carrying: r * y * (1 - y / carrying["K"][0])
    return solve_ivp(rate, (t0, t1), [y0], "DOP853", args=(r, {"K": (K, "capacity")}), **TIGHT).y[0, -1]


# ---- first derivatives ---------------------------------------------------------------------------------------------------
def test_sensitivities_to_states_and_parameters_pass_the_check_in_both_modes():
    verdict = check_derivatives(swing, Y0, P)
    assert verdict.unchecked == ()
    assert verdict.largest["complex step"] < 1e-10


@pytest.mark.parametrize("options", [{}, {"method": "DOP853", "t_eval": TIMES}, {"method": "Radau"}])
def test_values_are_scipys_to_the_last_bit(options):
    plain = scipy.integrate.solve_ivp(pendulum, (0, 2), Y0, args=(P,), **options)
    ours, _ = jvp(lambda p: solve_ivp(pendulum, (0, 2), Y0, args=(p,), **options).y, (P,), (P,))
    np.testing.assert_array_equal(ours, plain.y)
    same = solve_ivp(pendulum, (0, 2), Y0, args=(P,), **options)
    np.testing.assert_array_equal(same.y, plain.y)
    assert (same.nfev, same.message) == (plain.nfev, plain.message)


METHODS = {"RK23": 1e-6, "DOP853": 1e-10, "Radau": 1e-10, "BDF": 2e-6, "LSODA": 1e-9}


@pytest.mark.parametrize(("method", "rtol"), METHODS.items(), ids=METHODS)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_every_method_of_scipy_gives_the_same_to_its_tolerance(method, rtol, mode):
    options = {"rtol": 1e-8, "atol": 1e-9} if method in ("RK23", "BDF") else TIGHT
    f = lambda p: solve_ivp(pendulum, (0, 2), Y0, method, TIMES, args=(p,), **options).y
    u = np.arange(10.0).reshape(2, 5)
    transform = jacobian if mode == "forward" else lambda f: lambda p: vjp(f, p)[1](u)[0]
    np.testing.assert_allclose(transform(f)(P), transform(lambda p: swing(Y0, p))(P), rtol=0, atol=rtol * 30)


EVERY_WAY = {
    "forward": lambda f: gradient(f, mode="forward"),
    "reverse": lambda f: gradient(f, mode="reverse"),
    "one direction": lambda f: lambda v: jvp(f, (v,), (np.arange(5.0),))[1],
    "two directions": lambda f: lambda v: jvp(f, (v,), (np.arange(10.0).reshape(2, 5),))[1],
    "sparse tangents with weights": lambda f: gradient(lambda v: f(np.sin(v) + LOGISTIC - np.sin(LOGISTIC)), mode="forward"),
    "forward over reverse": hessian,
    "forward over forward": lambda f: jacobian(jacobian(f)),
    "one direction over reverse": lambda f: lambda v: hvp(f)(v, np.arange(5.0)),
    "third order": lambda f: jacobian(hessian(f)),
    "one direction, thrice": lambda f: lambda v: derivative(lambda s: f(v * s), order=3)(1.0),
}  # fmt: skip


@pytest.mark.parametrize("transform", EVERY_WAY.values(), ids=EVERY_WAY)
def test_states_parameters_and_both_ends_in_every_mode_and_nested(transform):
    expected = transform(logistic)(LOGISTIC)
    atol = 1e-10 * np.max(np.abs(expected))
    np.testing.assert_allclose(transform(integrated_logistic)(LOGISTIC), expected, rtol=0, atol=atol)


def test_sensitivities_to_the_times_of_the_states():
    f = lambda t: solve_ivp(lambda t, y: -y * t, (0, 3), [1.0], t_eval=t, **TIGHT).y[0]
    t = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(jacobian(f)(t), np.diag(-t * np.exp(-(t**2) / 2)), atol=1e-11)
    np.testing.assert_allclose(derivative(lambda s: f(s * t), order=2)(1.0), (t**4 - t**2) * np.exp(-(t**2) / 2), atol=1e-10)


def test_an_interval_of_no_length_has_derivatives_too():
    f = lambda t, y0: solve_ivp(lambda t, y: -2 * y, (0, t), [y0]).y[0, -1]
    np.testing.assert_array_equal(gradient(f, argnums=(0, 1))(0.0, 3.0), [-6, 1])


def test_the_last_time_is_that_of_t_span_and_steps_in_between_stay():
    def f(t1):
        found = solve_ivp(lambda t, y: -y, (0.0, t1), [1.0])
        return found.t, found.y[0]

    times, y = jacobian(f)(2.0)
    np.testing.assert_array_equal(times, np.append(np.zeros(len(times) - 1), 1.0))
    np.testing.assert_allclose(y, np.append(np.zeros(len(times) - 1), -np.exp(-2.0)), atol=1e-3)


def test_backwards_in_time():
    f = lambda r: solve_ivp(lambda t, y, r: r * y, (1.0, -1.0), [2.0], args=(r,), **TIGHT).y[0, -1]
    assert derivative(f)(0.5) == pytest.approx(-4 * np.exp(-1.0), rel=1e-10)


def test_parameters_of_very_unlike_size_are_as_accurate_as_the_states():
    """Robertson's kinetics: rates of 0.04, 1e4 and 3e7. The derivative along each, times the rate, is in units of the state."""
    def robertson(t, y, k):
        a, b, c = k[0] * y[0], k[1] * y[1] * y[2], k[2] * y[1] ** 2
        return [b - a, a - b - c, c]

    k = np.array([0.04, 1e4, 3e7])
    f = lambda k: solve_ivp(robertson, (0, 40), [1.0, 0.0, 0.0], "Radau", args=(k,), rtol=1e-8, atol=1e-10).y[:, -1]
    J = jacobian(f)(k) * k
    # A central difference of the states, which are themselves right to about rtol: six digits of the larger entries.
    h = 1e-4
    D = np.stack([(f(k * (1 + h * e)) - f(k * (1 - h * e))) / (2 * h) for e in np.eye(3)], axis=1)
    np.testing.assert_allclose(J, D, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(J.sum(axis=0), 0, atol=1e-8)  # mass is conserved
    # Times three: all rates and the time are scaled alike, so Σ k ∂y/∂k = t ∂y/∂t.
    slope = np.array(robertson(40.0, f(k), k)) * 40
    np.testing.assert_allclose(J.sum(axis=1), slope, rtol=1e-5)


def test_a_direction_far_below_atol_is_integrated_in_units_of_its_parameter():
    """A force that is off, so that the state rests while its derivative along p, of 1e-9 and below, swings."""
    w, p = 10.0, np.array([1e8, 1.0])
    force = lambda t, y, p: -y + np.cos(w * t) * (p[0] / 1e8 - p[1])
    f = lambda p: solve_ivp(force, (0, 3), [0.0], t_eval=[1.0, 2.0, 3.0], args=(p,), rtol=1e-6, atol=1e-8).y[0]
    t = np.array([1.0, 2.0, 3.0])
    expected = (np.cos(w * t) + w * np.sin(w * t) - np.exp(-t)) / (1 + w * w)
    for ours in (jacobian(f)(p)[:, 0] * 1e8,
                 jvp(f, (p,), (np.array([1e-3, 0]),))[1] * 1e11,
                 vjp(f, p)[1](np.eye(3))[0][:, 0] * 1e8):
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


def test_atol_for_each_state_and_a_jacobian_of_ones_own():
    calls = np.zeros(9)  # by the number of states; a list would be put back as it was after each call

    def jac(t, y, p):
        calls[len(y)] += 1
        return np.array([[0.0, 1.0], [-p[0] * np.cos(y[0]), -p[1]]])

    f = lambda p: solve_ivp(pendulum, (0, 2), Y0, "Radau", TIMES, args=(p,), rtol=1e-9, atol=[1e-10, 1e-11], jac=jac,
                            first_step=0.01).y
    np.testing.assert_allclose(jacobian(f)(P), jacobian(lambda p: swing(Y0, p))(P), atol=1e-6)
    assert list(np.flatnonzero(calls)) == [2]


def test_events_and_dense_output_of_plain_inputs_are_scipys():
    def low(t, y, p):
        return y[0] - 0.5

    low.terminal = True
    ours = solve_ivp(pendulum, (0, 2), Y0, args=(P,), events=low, dense_output=True)
    plain = scipy.integrate.solve_ivp(pendulum, (0, 2), Y0, args=(P,), events=low, dense_output=True)
    assert ours.status == plain.status == 1
    np.testing.assert_array_equal(ours.t_events[0], plain.t_events[0])
    np.testing.assert_array_equal(ours.sol(0.3), plain.sol(0.3))


def test_the_time_of_an_event_by_root():
    """A stone thrown up at v falls back after 2 v / g."""
    height = lambda t, v: solve_ivp(lambda t, y: [y[1], -9.81 + 0 * y[0]], (0, t), np.stack([0 * v, v]), **TIGHT).y[0, -1]
    f = lambda v: root(height, 2.0, args=(v,))
    assert f(10.0) == pytest.approx(20 / 9.81, rel=1e-10)
    assert derivative(f)(10.0) == pytest.approx(2 / 9.81, rel=1e-8)


def test_numbers_perturbed_by_hand():
    y = solve_ivp(lambda t, y, r: -r * y, (0, 1), [1.0], args=(Dual(2.0, 1.0),), **TIGHT).y[0, -1]
    assert isinstance(y, Dual)
    assert (y.value, y.tangent) == (pytest.approx(np.exp(-2)), pytest.approx(-np.exp(-2)))


# ---- work is counted -------------------------------------------------------------------------------------------------------
def test_as_many_equations_as_directions_or_inputs_whichever_are_fewer(monkeypatch):
    sizes = []
    integrate = scipy.integrate.solve_ivp
    monkeypatch.setattr(scipy.integrate, "solve_ivp", lambda f, t, y, *args, **options: (
        sizes.append(len(y)), integrate(f, t, y, *args, **options))[1])
    f = lambda p: solve_ivp(pendulum, (0, 1), Y0, args=(p,)).y[0, -1]
    many = lambda q: f(np.stack([np.sum(q), np.sum(q**2)]))
    for transform, directions in ((jvp_along, 1), (lambda f: gradient(f, mode="forward"), 2),
                                  (lambda f: gradient(f, mode="reverse"), 2)):
        sizes.clear()
        transform(many)(np.linspace(0.1, 0.5, 7))
        assert sizes == [2, 2 * (1 + directions)]


def jvp_along(f):
    return lambda x: jvp(f, (x,), (x,))


def test_args_are_taken_as_scipy_takes_them_lists_and_arrays_apart():
    grow = lambda t, y, *p: p[0] * p[1] * y
    for args in ([2.0, 0.5], np.array([2.0, 0.5])):
        np.testing.assert_array_equal(solve_ivp(grow, (0, 1), [1.0, 2.0], args=args).y,
                                      scipy.integrate.solve_ivp(grow, (0, 1), [1.0, 2.0], args=args).y)
    assert solve_ivp(lambda t, y: -y, (0, 1), [1.0], args=None).success
    end = lambda p: solve_ivp(grow, (0, 1), [1.0], args=p, rtol=1e-9, atol=1e-9).y[0, -1]
    for f in (end, lambda p: end([p[0], p[1]])):
        np.testing.assert_allclose(gradient(f)(np.array([2.0, 0.5])), [0.5 * np.e, 2 * np.e], rtol=1e-7)


# ---- refusals ----------------------------------------------------------------------------------------------------------------
REFUSED = {
    "complex states": (StructureError, lambda p: solve_ivp(lambda t, y, p: p * y, (0, 1), [1.0 + 1j], args=(p,)),
                       "real states only"),
    "a blow-up": (ConvergenceError, lambda p: solve_ivp(lambda t, y, p: p * y**2, (0, 2), [1.0], args=(p,)),
                  "stopped at t = 0.99"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "f", "said"), REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_cannot_be_differentiated_is_refused_by_name(error, f, said):
    with pytest.raises(error, match=said):
        derivative(lambda p: f(p).y[0, -1])(1.0)


@pytest.mark.parametrize("transform", [derivative, lambda f: gradient(f, mode="reverse")], ids=["forward", "reverse"])
def test_what_fun_closes_over_moves_the_states_events_and_the_solution_between_steps(transform):
    def decay(p):
        return solve_ivp(lambda t, y, q: -p * q * y, (0, 1), [1.0], args=(p,), dense_output=True, **TIGHT,
                         events=lambda t, y, q: y[0] - 0.7)
    p = 0.8  # y = exp(-p² t) is 0.7 at t = -log(0.7) / p²
    for of, expected in ((lambda r: r.y[0, -1], -2 * p * np.exp(-p * p)),
                         (lambda r: r.sol(0.5)[0], -p * np.exp(-p * p / 2)),
                         (lambda r: r.t_events[0][0], 2 * np.log(0.7) / p**3)):
        assert transform(lambda p, of=of: of(decay(p)))(p) == pytest.approx(expected, rel=1e-6)


def test_a_state_without_a_derivative_is_refused():
    def f(A):
        _, vectors = np.linalg.eigh(A)
        return solve_ivp(lambda t, y: -y, (0, 1), vectors[:, 0]).y

    with pytest.raises(DegenerateError):
        jacobian(f)(np.eye(2))


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match=r"\.\[sparse\]"):
        solve_ivp(lambda t, y: -y, (0, 1), [1.0])


# ---- an equation's parameters from data ----------------------------------------------------------------------------------
def digits(found, right):
    return -np.log10(np.max(np.abs(np.asarray(found) / right - 1)))


def test_an_equation_is_fitted_as_its_closed_form_is_in_a_third_of_the_runs_of_differences():
    # The yeast of T. Carlson, Biochem. Z. 57 (1913) 313.
    t = np.arange(19.0)
    y = np.array([9.6, 18.3, 29.0, 47.2, 71.1, 119.1, 174.6, 257.3, 350.7, 441.0, 513.3, 559.7, 594.8, 629.4, 640.8, 651.1,
                  655.9, 659.6, 661.8])
    grow = lambda t, y, rate, capacity: rate * y * (1 - y / capacity)

    def through(solver):
        return lambda t, start, *p: solver(grow, (0, 18), [start], t_eval=t, args=p, rtol=1e-8, atol=1e-8).y[0]

    closed = lambda t, start, rate, capacity: capacity / (1 + (capacity / start - 1) * np.exp(-rate * t))
    p0 = [10.0, 0.5, 600.0]
    right, C, *_ = curve_fit(closed, t, y, p0, full_output=True)
    ours, C1, info, *_ = curve_fit(through(solve_ivp), t, y, p0, full_output=True)
    theirs, C2, their, *_ = scipy.optimize.curve_fit(through(scipy.integrate.solve_ivp), t, y, p0, full_output=True)
    assert 2.5 * info["nfev"] < their["nfev"]
    assert 8 < digits(ours, right) > digits(theirs, right)
    assert 6.5 < digits(np.sqrt(np.diag(C1)), np.sqrt(np.diag(C))) > digits(np.sqrt(np.diag(C2)), np.sqrt(np.diag(C))) + 1


def test_a_trial_step_to_where_the_state_blows_up_is_shortened():
    t = np.linspace(0, 3, 8)

    def grown(t, k):                                     # 1 / (1 - k t), which has no value at 3 from k = 1/3 on
        return solve_ivp(lambda t, y, k: k * y**2, (0, 3), [1.0], t_eval=t, args=(k,), rtol=1e-8, atol=1e-8).y[0]

    np.testing.assert_allclose(curve_fit(grown, t, 1 / (1 - 0.3 * t), [0.01])[0], [0.3], rtol=1e-6)



def test_hares_and_lynxes_are_fitted_in_a_fifth_of_the_runs_of_differences():
    # Thousands of pelts bought by the Hudson's Bay Company, 1900 to 1920: C. G. Hewitt (1921), tabulated by P. Howard (2009).
    hares = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2,
             24.7]
    lynxes = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
    pelts, years, start = np.log([hares, lynxes]), np.arange(21.0), np.array([0.5, 0.02, 0.8, 0.02, 30, 4])

    def eaten(t, u, birth, bite, death, meal):
        return [u[0] * (birth - bite * u[1]), u[1] * (meal * u[0] - death)]

    def misfit(p, solver):
        runs.append(1)
        return np.log(solver(eaten, (0, 20), p[4:], t_eval=years, args=tuple(p[:4]), rtol=1e-6, atol=1e-6).y) - pelts

    runs = []
    fit = least_squares(lambda p: misfit(p, solve_ivp), start)
    assert fit.success
    assert fit.nfev == len(runs)
    # With the eighth order at rtol=1e-12, by least_squares too.
    right = [0.540158992, 0.0271653572, 0.796386043, 0.0236946384, 34.6024244, 5.84450614]
    assert digits(fit.x, right) > 5
    assert digits(fit.stderr, [0.05948867, 0.00384304, 0.08385637, 0.00328603, 2.92940814, 0.47930028]) > 5
    ours, runs = len(runs), []
    theirs = scipy.optimize.leastsq(lambda p: misfit(p, scipy.integrate.solve_ivp).ravel(), start)[0]
    assert digits(theirs, right) > 3
    assert 5 * ours < len(runs)

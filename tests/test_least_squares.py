"""Least squares and curve_fit: known answers, SciPy's where both can, and every stop says why."""

import functools
import gc
import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import optimize as scipy_optimize
from scipy.sparse import csr_array

from dualdiff.errors import ConvergenceError, DataError, FitWarning, ParameterError, ShapeError, StructureError
from dualdiff.optimize import curve_fit, least_squares
from dualdiff.optimize.parameters import Parameters
from dualdiff.optimize.residuals import Point, Residuals
from dualdiff.optimize.spectrum import LOOSE, Damped
from dualdiff.optimize.stopping import State

T = np.linspace(0, 4, 30)
NOISE = 0.05 * np.sin(37 * np.arange(30.0) ** 1.5)         # as good as random, the same everywhere
Y = 2.5 * np.exp(-1.3 * T) + 0.2 + NOISE


def decay(t, a, b, c):
    return a * np.exp(-b * t) + c


def residual(p):
    return decay(T, *p) - Y


def by_scipy(f=residual, x0=(1.0, 1.0, 0.0), **options):
    exact = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "jac": "3-point"} | options
    return scipy_optimize.least_squares(f, x0, **exact)


@pytest.mark.parametrize("method", ["auto", "lm", "minpack", "trf", "dogbox"])
def test_a_decay_is_fitted_as_scipy_fits_it(method):
    fit = least_squares(residual, [1.0, 1.0, 0.0], method=method)
    # SciPy's three-point differences leave an error of about 1e-10 in its Jacobian.
    np.testing.assert_allclose(fit.x, by_scipy().x, rtol=1e-7)
    assert fit.success
    assert fit.reason == "converged"
    assert fit.jac.shape == (30, 3)
    np.testing.assert_allclose(fit.cost, 0.5 * np.sum(fit.fun**2), rtol=1e-14)


def test_the_uncertainty_is_that_of_the_linear_model():
    fit = least_squares(residual, [1.0, 1.0, 0.0])
    J, s2 = fit.jac, 2 * fit.cost / 27
    np.testing.assert_allclose(fit.covariance, s2 * np.linalg.inv(J.T @ J), rtol=1e-10)
    np.testing.assert_allclose(fit.stderr, np.sqrt(np.diag(fit.covariance)))
    from scipy.stats import t
    low, high = fit.confidence_interval(0.9)
    np.testing.assert_allclose(high - fit.x, t.ppf(0.95, 27) * fit.stderr, rtol=1e-12)
    np.testing.assert_allclose(fit.x - low, high - fit.x)
    assert np.diag(fit.correlation).tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(("q", "dof"), [(0.975, 1), (0.6, 2), (0.995, 3), (0.9, 28), (0.9999, 400), (0.975, 10**6), (0.5, 5)])
def test_students_quantile_is_scipys(q, dof):
    from scipy.stats import t

    from dualdiff.optimize.fit_result import student_quantile
    assert student_quantile(q, dof) == pytest.approx(t.ppf(q, dof), rel=1e-10)


@pytest.mark.parametrize("method", ["auto", "trf", "dogbox"])
@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy", "arctan"])
def test_a_robust_loss_is_scipys(loss, method):
    y = Y.copy()
    y[[3, 11, 20]] += [2.0, -1.5, 3.0]

    def off(p):
        return decay(T, *p) - y

    ours = least_squares(off, [2.0, 1.0, 0.0], loss=loss, f_scale=0.1, method=method)
    theirs = by_scipy(off, (2.0, 1.0, 0.0), loss=loss, f_scale=0.1)
    np.testing.assert_allclose(ours.cost, theirs.cost, rtol=1e-12)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-5)  # SciPy stops by its cost, flat to the square of this


def test_bounds_hold_the_parameters_that_would_leave():
    fit = least_squares(residual, [1.0, 1.0, 0.1], bounds=([0, 0, 0], [2.2, 5, np.inf]))
    theirs = by_scipy(x0=(1.0, 1.0, 0.1), bounds=([0, 0, 0], [2.2, 5, np.inf]))
    assert fit.x[0] == 2.2
    np.testing.assert_allclose(fit.x, theirs.x, rtol=1e-6)
    assert fit.success


def test_bounds_that_do_not_bind_change_nothing():
    free = least_squares(residual, [1.0, 1.0, 0.1])
    np.testing.assert_allclose(least_squares(residual, [1.0, 1.0, 0.1], bounds=(-10, 10)).x, free.x, rtol=1e-9)


def test_parameters_may_be_a_dict_of_arrays_and_some_of_them_fixed():
    def off(p):
        return p["amplitude"] @ np.exp(-np.outer(p["rate"], T)) - Y

    start = {"amplitude": np.array([2.0, 0.3]), "rate": np.array([1.0, 0.0])}
    fit = least_squares(off, start, fixed=["rate[1]"])
    np.testing.assert_allclose([fit.x["amplitude"][0], fit.x["rate"][0], fit.x["amplitude"][1]], by_scipy().x, rtol=1e-7)
    assert fit.x["rate"][1] == 0.0
    assert fit.stderr["rate"][1] == 0.0
    assert fit.names == ["amplitude[0]", "amplitude[1]", "rate[0]", "rate[1]"]
    assert start["rate"].tolist() == [1.0, 0.0]


def test_weights_are_repeated_observations():
    w = np.where(np.arange(30) % 3, 1.0, 2.0)
    twice = np.repeat(np.arange(30), w.astype(int))
    fit = least_squares(residual, [1.0, 1.0, 0.0], weights=w)
    other = least_squares(lambda p: residual(p)[twice], [1.0, 1.0, 0.0])
    np.testing.assert_allclose(fit.x, other.x, rtol=1e-9)


def test_each_step_runs_the_function_once():
    runs = []

    def counted(p):
        runs.append(1)
        return residual(p)

    fit = least_squares(counted, [1.0, 1.0, 0.0])
    assert len(runs) == fit.nfev == fit.njev <= 12


def test_runs_that_decide_on_a_strong_zero_are_counted(tmp_path):
    runs = []

    def root(p):  # an infinite partial at p[1] = 0 asks for a second run
        runs.append(1)
        return np.concatenate([p[:1] - 3 + np.sin(p[:1]), np.sqrt(p[1:] * 0), p[:1] * p[1:] + p[1:] - 1])

    path = tmp_path / "fit.npz"
    whole = least_squares(root, [1.0, 0.5])
    assert whole.nfev == len(runs) > whole.njev
    least_squares(root, [1.0, 0.5], max_iter=2, checkpoint=path)
    resumed = least_squares(root, [1.0, 0.5], checkpoint=path, resume=True)
    assert (resumed.nfev, resumed.njev) == (whole.nfev, whole.njev)


def test_a_canyon_is_crossed_by_geodesic_acceleration():
    t = np.linspace(1, 20, 25)
    y = -2500 * (45.0 + t) ** (-1 / 0.9)

    def off(b):
        return b[0] * (b[1] + t) ** (-1 / b[2]) - y

    plain = least_squares(off, [-1500.0, 40.0, 0.8], method="lm", max_nfev=5000)
    bent = least_squares(off, [-1500.0, 40.0, 0.8], method="lm", geodesic=True, max_nfev=5000)
    np.testing.assert_allclose(bent.x, [-2500, 45, 0.9], rtol=1e-8)
    assert bent.njev < plain.njev


@pytest.mark.parametrize("unit", [1.0, 1e-60, 1e60])  # of which single precision holds the first alone
def test_damped_steps_of_many_parameters_need_no_normal_equations(unit):
    rng = np.random.default_rng(3)
    Jt, r, D = unit * rng.normal(size=(90, 200)), rng.normal(size=200), unit * rng.uniform(1, 9, 90)
    point = Point(np.zeros(90), r, Jt, 0.5 * r @ r, r)
    step = Damped(point, State(point.x, D, 1.0, 0.3), D).step(1.0)
    H = Jt @ Jt.T + 0.3 * np.diag(D * D)
    assert np.linalg.norm((H @ step.p + Jt @ r) / D) <= LOOSE * np.linalg.norm(Jt @ r / D)
    p = Damped(point, State(point.x, D, 1.0, 0.0), D).step(1.0).p
    np.testing.assert_allclose(p, -np.linalg.solve(Jt @ Jt.T, Jt @ r), rtol=1e-9)
    for s in (step.p, p):                                  # the linear model's own reduction, whatever solved for it
        damping = 0.3 if s is step.p else 0.0
        predicted = Damped(point, State(point.x, D, 1.0, damping), D).step(1.0).predicted
        assert predicted == pytest.approx(-point.model(s), rel=1e-6 if damping else 1e-9)


@pytest.mark.parametrize("n", [48, 49, 120])
@pytest.mark.parametrize("digits", [3, 8])
def test_ill_conditioned_problems_of_many_parameters_are_solved_from_their_rows(n, digits):
    rng = np.random.default_rng(0)
    U, _ = np.linalg.qr(rng.normal(size=(2 * n, n)))
    V, _ = np.linalg.qr(rng.normal(size=(n, n)))
    A = U * np.logspace(0, -digits, n) @ V
    b = A @ rng.normal(size=n) + 1e-3 * rng.normal(size=2 * n)
    fit = least_squares(lambda p: A @ p - b, np.zeros(n))
    x = np.linalg.lstsq(A, b)[0]
    assert fit.success
    assert fit.nfev <= 25
    assert np.abs(fit.x - x).max() <= 1e-7 * np.abs(x).max()


def test_units_in_which_a_slope_underflows_change_no_type():
    t = np.linspace(0.0, 3.0, 30)

    def lines(t, *q):
        a, f, w = np.stack(q).reshape(3, 3)
        return (a * np.exp(-0.5 * ((t[:, None] - f * 1e-9) / w) ** 2)).sum(1)
    right = [1, 1, 1, 0.5e9, 1.5e9, 2.5e9, 0.05, 0.05, 0.05]
    popt, _ = curve_fit(lines, t, lines(t, *right), [1, 1, 1, 0.51e9, 1.51e9, 2.49e9, 0.05, 0.05, 0.05])
    np.testing.assert_allclose(popt, right, rtol=1e-9)
    start = np.array([0.51, 1.51, 2.49]) * 1e9
    fit = least_squares(lambda f: lines(t, 1, 1, 1, *f, 0.05, 0.05, 0.05) - lines(t, *right), start)
    assert fit.jac.dtype == float


def test_a_jacobian_by_hand_is_of_all_residuals_whatever_holds_them():
    x = np.linspace(0.1, 5, 30)

    def r(p):
        return p[0] * np.exp(-p[1] * x) - 2 * np.exp(-x)

    def J(p):
        return np.stack([np.exp(-p[1] * x), -p[0] * x * np.exp(-p[1] * x)], 1)
    for f, jac in ((lambda p: [r(p)[:10], r(p)[10:]], J), (lambda p: {"all": r(p)}, J), (r, lambda p: csr_array(J(p)))):
        np.testing.assert_allclose(least_squares(f, [1.0, 0.5], jac=jac).x, [2, 1], rtol=1e-9)
    with pytest.raises(StructureError, match=r"jac must return one array \(30, 2\), .* it returned a list"):
        least_squares(r, [1.0, 0.5], jac=lambda p: [J(p), J(p)[:2]])


def test_jacobians_of_earlier_points_are_freed_at_once():
    """A cycle would keep each until garbage is collected, and every sweep would fill memory that is new to the process."""
    X = np.random.default_rng(0).normal(size=(60, 4))
    def points():
        return sum(type(found) is Point for found in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = points()
        least_squares(lambda W: np.sin(X @ W.reshape(4, 15)).ravel() - 0.5, np.full(60, 0.1), max_iter=5)
        assert points() == before
    finally:
        gc.enable()


def test_many_parameters_that_the_data_do_not_determine_end_at_a_minimum():
    rng = np.random.default_rng(3)
    M = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 20)) + 0.01 * rng.normal(size=(30, 20))
    fit = least_squares(lambda p: (p["U"] @ p["V"].T - M).ravel(),  # U V and U Q, V Q⁻ᵀ fit alike: JᵀJ is singular
                        {"U": rng.normal(size=(30, 3)), "V": rng.normal(size=(20, 3))})
    best = 0.5 * np.sum(np.linalg.svd(M, compute_uv=False)[3:] ** 2)  # Eckart and Young (1936)
    assert fit.success
    assert fit.cost == pytest.approx(best, rel=1e-9)
    assert not np.isfinite(fit.covariance).any()


def test_a_list_of_one_array_of_residuals_costs_what_the_array_costs():
    A = np.random.default_rng(3).normal(size=(500, 90))

    def peak(f):
        problem = Residuals(f, Parameters(np.zeros(90)))
        problem.sweep(np.ones(90))
        tracemalloc.start()
        try:
            problem.sweep(np.ones(90))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(lambda x: [np.tanh(A @ x)]) < peak(lambda x: np.tanh(A @ x)) + A.nbytes / 2


def test_many_parameters_reach_the_last_digits():
    rng = np.random.default_rng(3)
    A, truth = rng.normal(size=(200, 90)), rng.normal(size=90)
    fit = least_squares(lambda x: np.tanh(A @ x / 10) - np.tanh(A @ truth / 10), np.zeros(90))
    np.testing.assert_allclose(fit.x, truth, rtol=1e-8)
    assert fit.success


# ---- stops -----------------------------------------------------------------------------------------------------------
def test_a_spent_budget_is_no_success():
    fit = least_squares(residual, [1.0, 1.0, 0.0], max_nfev=3)
    assert (fit.reason, fit.status, fit.success, fit.nfev) == ("out of budget", 0, False, 3)
    assert "max_nfev=3" in fit.message
    assert least_squares(residual, [1.0, 1.0, 0.0], max_iter=2).nit == 2


def test_seconds_are_a_budget():
    fit = least_squares(residual, [1.0, 1.0, 0.0], max_seconds=1e-9)
    assert fit.reason == "out of budget"
    assert "max_seconds" in fit.message


def test_an_interrupt_returns_the_best_so_far():
    runs = []

    def interrupted(p):
        runs.append(1)
        if len(runs) == 4:
            raise KeyboardInterrupt
        return residual(p)

    fit = least_squares(interrupted, [1.0, 1.0, 0.0])
    assert (fit.reason, fit.success) == ("interrupted", False)
    assert fit.cost == min(fit.history) < fit.history[0]


def test_an_interrupt_in_a_later_run_is_still_an_interrupt():
    t, y = np.array([1.0, 2, 3, 5, 7, 10]), np.array([100.0, 150, 145, 190, 210, 220])
    runs, stop = [], [0]

    def rise(b):                                           # the first run ends on a plain
        runs.append(1)
        if len(runs) == stop[0]:
            raise KeyboardInterrupt
        return b[0] * (1 - np.exp(-b[1] * t)) - y

    whole = least_squares(rise, [1.0, 1.0])
    assert "the best of 2 runs" in whole.message
    for stop[0] in (whole.nfev - 2, whole.nfev - 10):
        runs.clear()
        fit = least_squares(rise, [1.0, 1.0])
        assert (fit.reason, fit.success) == ("interrupted", False)


def test_gauss_newton_that_overshoots_says_so():
    fit = least_squares(np.arctan, [3.0], method="gauss-newton")
    assert fit.reason == "stalled"
    assert "method='lm' takes a shorter one" in fit.message
    assert least_squares(np.arctan, [3.0]).success


def test_a_column_of_a_data_frame_is_its_array():
    class Column:
        def to_numpy(self):
            return T

    np.testing.assert_array_equal(curve_fit(decay, Column(), Y)[0], curve_fit(decay, T, Y)[0])


def test_a_callback_sees_each_step_and_may_stop():
    seen = []

    def watch(step, cost):
        seen.append((step, cost))
        if step == 3:
            raise StopIteration

    fit = least_squares(residual, [1.0, 1.0, 0.0], callback=watch)
    assert [step for step, _ in seen] == [1, 2, 3]
    assert fit.reason == "interrupted"
    assert fit.cost == seen[-1][1] == fit.history[-1]


def test_a_minimum_where_the_jacobian_is_singular_is_no_stall():
    def freudenstein_roth(x):  # its local minimum
        return np.stack([-13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]])

    fit = least_squares(freudenstein_roth, [0.5, -2.0])
    assert fit.success
    np.testing.assert_allclose([*fit.x, fit.cost], [11.4127790, -0.8968053, 24.4921268], rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"method": "lm"}])
def test_a_minimum_along_which_the_residuals_bend_more_than_the_jacobian_says_is_no_stall(options):
    def trigonometric(x):  # of Moré, Garbow and Hillstrom; JᵀJ is nearly singular at its local minimum, the Hessian is not
        i = np.arange(1, 11)
        return 10 - np.sum(np.cos(x)) + i * (1 - np.cos(x)) - np.sin(x)

    fit = least_squares(trigonometric, np.full(10, 0.1), **options)
    assert fit.success
    assert fit.nfev <= 100  # no other starts, which took 390
    assert fit.cost == pytest.approx(0.5 * 2.79506e-5, rel=1e-5)


@pytest.mark.parametrize(("most", "cost"), [(2.3, 0.016676981006677), (2.0, 0.023901978740762)])
@pytest.mark.parametrize("method", ["auto", "lm"])
def test_steps_that_overshoot_below_what_the_cost_shows_end_all_the_same(most, cost, method):
    t = 0.1 * np.arange(1, 14)
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)

    def biggs(x):  # of Moré, Garbow and Hillstrom, held where full Gauss-Newton steps go twice as far as they should
        return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y

    low, high = [-1.0, 0.0, 0.0, -3.0, -2.0, -1.0], [2.2, 15.0, 1.4, most, 4.2, 1.7]
    fit = least_squares(biggs, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0], bounds=(low, high), method=method)
    assert fit.success
    assert fit.nfev <= 160  # it was 740, or the budget
    assert fit.cost == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize("options", [{}, {"method": "lm"}, {"bounds": (-100, 100)}])
@pytest.mark.parametrize("start", [[1.0, 50.0], [-1.0, 40.0]])
def test_columns_that_were_once_far_longer_do_not_hide_what_is_left_to_gain(options, start):
    t = np.linspace(0, 1, 20)  # at the start the columns are 10^20 times as long as at the end
    y = 2 * np.exp(t) + 0.01 * np.cos(9 * np.arange(20.0))

    def off(p):
        return p[0] * np.exp(p[1] * t) - y

    fit, near = least_squares(off, start, **options), least_squares(off, [1.0, 1.0])
    assert fit.success
    assert fit.undetermined == []
    np.testing.assert_allclose(fit.x, near.x, rtol=1e-8)
    np.testing.assert_allclose(fit.covariance, near.covariance, rtol=1e-6)


@pytest.mark.parametrize("far", [1, 10])
@pytest.mark.parametrize("method", ["auto", "lm"])
def test_a_singular_root_is_reached_as_fast_as_by_minpack(far, method):
    def powell(x):
        a, b, c, d = x[::4], x[1::4], x[2::4], x[3::4]
        return np.concatenate([a + 10 * b, 5**0.5 * (c - d), (b - 2 * c)**2, 10**0.5 * (a - d)**2])

    fit = least_squares(powell, far * np.tile([3.0, -1.0, 0.0, 1.0], 3), method=method)
    assert fit.success
    assert fit.nfev <= 167  # as often as MINPACK asks for values and Jacobians; once it was a thousand
    np.testing.assert_allclose(fit.x, 0, atol=1e-13)


@pytest.mark.parametrize("bounds", [None, (0, 50)])
def test_parameters_that_play_the_same_part_may_start_equal(bounds):
    y = 2 * np.exp(-0.5 * T) + np.exp(-3 * T)           # all at 1, where curve_fit starts without p0, is a saddle
    popt, _ = curve_fit(lambda t, a, b, c, d: a * np.exp(-b * t) + c * np.exp(-d * t), T, y, bounds=bounds)
    np.testing.assert_allclose(sorted(popt), [0.5, 1, 2, 3], rtol=1e-8)


def test_large_residuals_that_bend_the_cost_are_fitted_in_the_end():
    def brown_dennis(x):
        t = np.arange(1, 21) / 5
        return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2

    fit = least_squares(brown_dennis, [25.0, 5.0, -5.0, -1.0])
    assert fit.success
    assert 2 * fit.cost == pytest.approx(85822.20162635)


def test_bounds_that_are_far_away_cost_nothing():
    t = np.linspace(0, 5, 60)                           # towards a minimum of large residuals
    y = 2 * np.sin(3 * t + 0.5)
    free, bounded = (least_squares(lambda p: p[0] * np.sin(p[1] * t + p[2]) - y, [1.0, 2.0, 0.0], bounds=bounds)
                     for bounds in (None, (-1e3, 1e3)))
    np.testing.assert_array_equal(free.x, bounded.x)
    assert free.nfev == bounded.nfev


def test_a_fit_is_pickled():
    for start in ([1.0, 1.0, 0.0], {"p": np.array([1.0, 1.0, 0.0])}):
        fit = least_squares(lambda p: residual(p["p"] if isinstance(p, dict) else p), start)
        again = pickle.loads(pickle.dumps(fit))
        assert repr(again) == repr(fit)
        np.testing.assert_equal(again.stderr, fit.stderr)


def test_scipys_names_for_finite_differences_mean_the_exact_jacobian():
    fit = least_squares(residual, [1.0, 1.0, 0.0], jac="2-point", fixed=None)
    np.testing.assert_array_equal(fit.x, least_squares(residual, [1.0, 1.0, 0.0]).x)
    assert least_squares(residual, [1.0, 1.0, 0.0], fixed=np.int64(2)).x[2] == 0.0


def test_a_parameter_that_the_data_do_not_determine_is_named():
    fit = least_squares(lambda p: p[0] * p[1] * T + p[2] - Y, [1.0, 1.0, 1.0])
    assert fit.undetermined == ["x[0]", "x[1]"]
    assert np.isinf(fit.covariance[0, 0])
    assert np.isfinite(fit.covariance[2, 2])


def test_more_parameters_than_residuals_end_at_zero_residuals():
    fit = least_squares(lambda p: np.array([p[0] + p[1] * p[2] - 3.0, p[1] - 1.0]), [1.0, 0.5, 0.5])
    assert fit.cost < 1e-20
    assert np.isinf(fit.covariance).any()


@pytest.mark.parametrize(("f", "x0"), [(lambda p: 1e-170 * (p - 1), 3.0), (lambda p: p / 1e200 - 1, 1.0),
                                       (lambda p: p / 1e150 - 1, 1.0), (lambda p: p, 1e-200)])
def test_squares_that_underflow_at_the_start_are_named(f, x0):
    with pytest.raises(DataError, match=r"at the start squares of the residuals or .* underflow; scale the data"):
        least_squares(f, x0)


def test_a_start_far_below_the_answer_ends_with_a_reason():
    assert least_squares(lambda p: p / 1e144 - 1, 1e-9).reason == "stalled"
    assert "scale it" in least_squares(lambda p: p / 1e144 - 1, 1e144 / 3).message


def test_a_flat_start_is_left_by_shorter_steps():
    t = np.array([1.0, 2, 3, 5, 7, 10])
    y = np.array([20.0, 42, 50, 61, 70, 66])
    fit = least_squares(lambda b: b[0] * (1 - np.exp(-b[1] * t)) - y, [1.0, 1.0])
    assert 0.1 < fit.x[1] < 1
    assert fit.success


# ---- checkpoints -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, stop_after):
    path = tmp_path / "run.npz"
    whole = least_squares(residual, [1.0, 1.0, 0.0], checkpoint=tmp_path / "other.npz")
    least_squares(residual, [1.0, 1.0, 0.0], checkpoint=path, max_iter=stop_after)
    again = least_squares(residual, [1.0, 1.0, 0.0], checkpoint=path, resume=True)
    assert again.x.tobytes() == whole.x.tobytes()
    assert (again.history, again.nfev, again.nit) == (whole.history, whole.nfev, whole.nit)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["other.npz", "run.npz"]


@pytest.mark.parametrize("steps", [4, 9, 17, 29])
def test_a_fit_that_starts_again_is_resumed_in_any_of_its_runs(tmp_path, steps):
    def undetermined(p):
        return p[0] * p[1] * np.exp(-p[2] * T) - Y

    left = iter(range(steps, -1, -1))

    def stop(step, cost):
        if not next(left):
            raise StopIteration

    whole = least_squares(undetermined, [1.0, 1.0, 1.0])
    assert whole.message.endswith("(the best of 5 runs with ever shorter steps)")
    path = tmp_path / "run.npz"
    assert least_squares(undetermined, [1.0, 1.0, 1.0], checkpoint=path, callback=stop).reason == "interrupted"
    again = least_squares(undetermined, [1.0, 1.0, 1.0], checkpoint=path, resume=True)
    assert again.x.tobytes() == whole.x.tobytes()
    assert (again.message, again.history, again.nfev) == (whole.message, whole.history, whole.nfev)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    least_squares(residual, [1.0, 1.0, 0.0], checkpoint=path)
    with pytest.raises(DataError, match=r"belongs to another run: its start is \[1\. 1\. 0\.\]"):
        least_squares(residual, [1.0, 2.0, 0.0], checkpoint=path, resume=True)
    path.write_bytes(b"PK not a zip")
    with pytest.raises(DataError, match="is no checkpoint"):
        least_squares(residual, [1.0, 1.0, 0.0], checkpoint=path, resume=True)


# ---- curve_fit -------------------------------------------------------------------------------------------------------
def test_curve_fit_is_scipys():
    popt, pcov = curve_fit(decay, T, Y, [1.0, 1.0, 0.0])
    theirs, cov = scipy_optimize.curve_fit(decay, T, Y, [1.0, 1.0, 0.0], xtol=1e-14, ftol=1e-14)
    np.testing.assert_allclose(popt, theirs, rtol=1e-6)
    np.testing.assert_allclose(pcov, cov, rtol=1e-5)
    assert curve_fit(decay, T, Y)[0] == pytest.approx(popt, rel=1e-9)


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("kind", ["number", "vector", "matrix"])
def test_sigma_weighs_as_in_scipy(kind, absolute):
    neighbours = 0.4 * (np.eye(30, k=1) + np.eye(30, k=-1))
    sigma = {"number": 0.3, "vector": 0.1 + 0.01 * T, "matrix": 0.01 * (np.eye(30) + neighbours)}
    ours = curve_fit(decay, T, Y, [1, 1, 0], sigma[kind], absolute)
    theirs = scipy_optimize.curve_fit(decay, T, Y, [1, 1, 0], np.full(30, 0.3) if kind == "number" else sigma[kind], absolute,
                                      xtol=1e-14, ftol=1e-14)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4)


def test_dicts_are_passed_by_keyword_or_whole():
    by_keyword, _ = curve_fit(decay, T, Y, {"a": 1.0, "b": 1.0, "c": 0.0})
    whole, _ = curve_fit(lambda t, p: p["k"][0] * np.exp(-p["k"][1] * t) + p["k"][2], T, Y, {"k": np.array([1.0, 1.0, 0.0])})
    popt, _ = curve_fit(decay, T, Y, [1.0, 1.0, 0.0])
    assert list(by_keyword) == ["a", "b", "c"]
    np.testing.assert_allclose([by_keyword[k] for k in "abc"], popt, rtol=1e-9)
    np.testing.assert_allclose(whole["k"], popt, rtol=1e-9)


def test_parameters_are_fixed_and_bounded_by_name():
    popt, pcov = curve_fit(decay, T, Y, [1.0, 1.3, 0.0], fixed="b", bounds={"a": (0, 2.2)})
    assert popt[:2].tolist() == [2.2, 1.3]
    assert pcov[1].tolist() == [0, 0, 0]


def test_arguments_that_a_partial_has_bound_are_no_parameters():
    popt, _ = curve_fit(functools.partial(decay, c=0.1), T, Y)
    np.testing.assert_allclose(popt, curve_fit(lambda t, a, b: decay(t, a, b, 0.1), T, Y)[0], rtol=1e-9)


def test_a_model_of_one_number_for_all_points_can_be_fitted():
    with pytest.warns(FitWarning, match="do not determine a, b, c"):
        popt, _ = curve_fit(decay, 3.0, Y)
    np.testing.assert_allclose(decay(3.0, *popt), Y.mean())


def test_data_sets_share_parameters():
    x = [np.linspace(0, 3, 7), np.linspace(1, 4, 9)]
    y = [2 * np.exp(-0.7 * x[0]), 5 * np.exp(-0.7 * x[1])]

    def first(t, rate, a, b):
        return a * np.exp(-rate * t)

    def second(t, rate, a, b):
        return b * np.exp(-rate * t)

    popt, pcov = curve_fit([first, second], x, y, [1.0, 1.0, 1.0])
    np.testing.assert_allclose(popt, [0.7, 2, 5], rtol=1e-9)
    assert pcov.shape == (3, 3)


def test_several_outputs_at_the_same_points_may_be_one_after_the_other():
    y = np.concatenate([2 * T + 1, T - 3])              # SciPy compares ydata with what f returns, not with xdata
    popt, _ = curve_fit(lambda t, a, b, c: np.concatenate([a * t + b, t + c]), T, y)
    np.testing.assert_allclose(popt, [2, 1, -3], rtol=1e-9)


def test_full_output_has_scipys_five():
    popt, _, info, message, ier = curve_fit(decay, T, Y, [1.0, 1.0, 0.0], full_output=True)
    np.testing.assert_allclose(info["fvec"], decay(T, *popt) - Y)
    assert info["result"].message == message
    assert ier == 1


def test_points_that_are_missing_are_dropped_on_request():
    y = Y.copy()
    y[4] = np.nan
    keep = np.isfinite(y)
    popt, _ = curve_fit(decay, T, y, [1.0, 1.0, 0.0], nan_policy="omit")
    np.testing.assert_allclose(popt, curve_fit(decay, T[keep], y[keep], [1.0, 1.0, 0.0])[0])
    masked = np.ma.masked_array(Y, ~keep)
    np.testing.assert_array_equal(curve_fit(decay, T, masked, [1.0, 1.0, 0.0], nan_policy="omit")[0], popt)
    with pytest.raises(DataError, match="ydata holds nan at index 4"):
        curve_fit(decay, T, masked, [1.0, 1.0, 0.0])


def test_a_fit_that_fails_raises_and_keeps_what_it_had():
    with pytest.raises(ConvergenceError, match="optimal parameters not found: out of budget") as caught:
        curve_fit(decay, T, Y, [1.0, 1.0, 0.0], maxfev=2)
    assert caught.value.result.nfev == 2
    assert isinstance(caught.value, RuntimeError)


def test_a_covariance_that_does_not_exist_warns_by_name():
    with pytest.warns(FitWarning, match="do not determine a, b"):
        _, pcov = curve_fit(lambda t, a, b, c: (a + b) * t + c, T, Y)
    assert np.isinf(pcov[0, 0])


# ---- what cannot be fitted -------------------------------------------------------------------------------------------
def bad_cases():
    nan = Y.copy()
    nan[4] = np.nan
    three = [1.0, 1.0, 0.0]
    return [
        (lambda: least_squares(residual, []), ShapeError, "x0 is empty"),
        (lambda: least_squares(residual, "abc"), StructureError, "x0 holds 'abc' of type str; it must be a number"),
        (lambda: least_squares(residual, ["1", "2"]), StructureError, "x0 holds '1' of type str"),
        (lambda: least_squares(residual, [1.0, np.nan, 0.0]), ParameterError, r"x0 holds nan at x\[1\]"),
        (lambda: least_squares(residual, np.array([1j, 1, 0])), StructureError, "x0 is complex"),
        (lambda: least_squares(residual(three), three), StructureError, r"must be a function; got (?s:.*) of type ndarray"),
        (lambda: least_squares(lambda p: p[:0], three), ShapeError, "returned no residuals"),
        (lambda: least_squares(lambda p: p * 1j, three), StructureError, "residuals are complex"),
        (lambda: least_squares(lambda p: np.log(p - 1), three), DataError, r"at the start \(1, 1, 0\) the function gives -inf"),
        (lambda: least_squares(lambda p: 1e200 * p + 1e200, three), DataError, "squares of the residuals exceed double"),
        (lambda: least_squares(lambda p: np.sqrt(p) - 1, [1.0, 0.0]), DataError, r"derivative by parameter 1 \(of value 0\)"),
        (lambda: least_squares(residual, three, bounds=([0, 2, 0], 1)), ParameterError, r"bounds of x\[1\] are crossed"),
        (lambda: least_squares(residual, three, bounds=(2, 3)), ParameterError, r"infeasible: x\[0\] = 1 lies outside"),
        (lambda: least_squares(residual, three, bounds=[1, 2, 3]), StructureError, r"must be a pair \(lower, upper\)"),
        (lambda: least_squares(residual, three, bounds=([0, 0], 9)), ShapeError, "lower bounds has shape"),
        (lambda: least_squares(residual, [1.0, -np.inf, 0.0]), ParameterError, r"x0 holds -inf at x\[1\]"),
        (lambda: least_squares(residual, three, jac="4-point"), ParameterError, "jac must be a function; got '4-point'"),
        (lambda: least_squares(residual, three, method="trf", callback=print), ParameterError, "without geodesic, max_iter"),
        (lambda: least_squares(residual, three, callback=3), ParameterError, "callback must be a function; got 3"),
        (lambda: least_squares(residual, three, checkpoint=3), ParameterError, "checkpoint must be the name of a file; got 3"),
        (lambda: least_squares(residual, three, resume=True), ParameterError, "resume must be False without checkpoint="),
        (lambda: curve_fit(decay, T, Y, three, resume=True), ParameterError, "resume must be False without checkpoint="),
        (lambda: least_squares(residual, three, args=3), ParameterError, "args must be a tuple; got 3"),
        (lambda: least_squares(residual, three, args="a"), ParameterError, "args must be a tuple; got 'a'"),
        (lambda: least_squares(residual, three, args=iter([1])), ParameterError, "args must be a tuple; got <list_iterator"),
        (lambda: least_squares(residual, three, kwargs=3), ParameterError, "kwargs must be a dict; got 3"),
        (lambda: least_squares(residual, three, loss=T), ParameterError, "loss must be 'linear', 'huber'"),
        (lambda: least_squares(residual, three, method=T), ParameterError, "method must be one of 'auto', 'lm'"),
        (lambda: least_squares(residual, three, f_scale=T), ParameterError, "f_scale must be a positive number"),
        (lambda: least_squares(residual, three, weights="a"), DataError, "weights must hold numbers; got 'a'"),
        (lambda: least_squares(residual, three, weights=1j), StructureError, "weights is complex"),
        (lambda: least_squares(residual, three, weights=np.ma.masked_equal(np.arange(30.0), 3)), ParameterError,
         "weights must be finite"),
        (lambda: least_squares(residual, three, fixed=2.5), ParameterError, "fixed names 2.5, which is no parameter"),
        (lambda: least_squares(residual, three, loss=["huber"]), ParameterError, "loss must be 'linear', 'huber'"),
        (lambda: least_squares(residual, three, loss="hubr"), ParameterError, "loss must be 'linear', 'huber'"),
        (lambda: least_squares(residual, three, method="lbfgs"), ParameterError, "method must be one of 'auto', 'lm'"),
        (lambda: least_squares(residual, three, f_scale=-1), ParameterError, "f_scale must be a positive number"),
        (lambda: least_squares(residual, three, xtol=-1), ParameterError, "xtol must be a number from 0"),
        (lambda: least_squares(residual, three, max_nfev=0), ParameterError, "max_nfev must be a whole number"),
        (lambda: least_squares(residual, three, fixed="b"), ParameterError, r"fixed names 'b', which is no parameter"),
        (lambda: least_squares(residual, three, fixed=[0, 1, 2]), ParameterError, "every parameter is fixed"),
        (lambda: least_squares(residual, three, weights=-np.ones(30)), ParameterError, "weights must be finite and at least 0"),
        (lambda: least_squares(residual, three, weights=np.ones(7)), ShapeError, "7 weights for 30 residuals"),
        (lambda: least_squares(residual, three, jac=lambda p: np.ones((3, 30))), ShapeError, r"need \(30, 3\)"),
        (lambda: least_squares(residual, three, checkpoint="/no/such/place/run.npz"), DataError, "there is no directory"),
        (lambda: curve_fit(decay, T, nan, three), DataError, "ydata holds nan at index 4"),
        (lambda: curve_fit(decay, np.where(T > 3, np.inf, T), Y, three), DataError, "xdata holds inf at index 22 and 7 more"),
        (lambda: curve_fit(decay, T, Y[:-1], three), ShapeError, "the model returned 30 values; y has 29"),
        (lambda: curve_fit(decay, [], [], three), DataError, "ydata is empty"),
        (lambda: curve_fit(decay, ["a", "b"], [1.0, 2.0], three), DataError, "xdata must hold numbers"),
        (lambda: curve_fit(decay, T, ["a"] * 30, three), DataError, "ydata must hold numbers"),
        (lambda: curve_fit(decay, T, Y + 0j, three), StructureError, "ydata is complex"),
        (lambda: curve_fit(decay, T, np.ma.masked_array(Y + 0j), three), StructureError, "ydata is complex"),
        (lambda: curve_fit(decay, T[:2], Y[:2], three), DataError, "2 points cannot determine 3 parameters"),
        (lambda: curve_fit(lambda t, *p: p[0] * t, T, Y), ParameterError, "give p0"),
        (lambda: curve_fit(decay, T, Y, "one"), StructureError, "p0 must be numbers; got the text 'one'"),
        (lambda: curve_fit(decay, T, Y, ["x", 1, 2]), StructureError, r"p0 must be numbers; got \['x', 1, 2\]"),
        (lambda: curve_fit(decay, T, Y, [1.0, 2.0]), TypeError, "missing 1 required positional argument: 'c'"),
        (lambda: curve_fit(decay, T, Y, three, sigma=np.zeros(30)), DataError, "sigma must be positive and finite; it holds 0"),
        (lambda: curve_fit(decay, T, Y, three, sigma=np.ones(4)), ShapeError, r"sigma has shape \(4,\)"),
        (lambda: curve_fit(decay, T, Y, three, sigma=-np.eye(30)), DataError, "positive definite"),
        (lambda: curve_fit(decay, T, Y, three, max_nfve=3), ParameterError, "no option 'max_nfve' .did you mean 'max_nfev'"),
        (lambda: curve_fit(decay(T, 1, 1, 1), T, Y, three), StructureError, "the model must be a function"),
        (lambda: curve_fit([], T, Y), StructureError, "the model must be a function .*; got a list"),
        (lambda: curve_fit(lambda t, a: a * t[:5], T, Y), ShapeError, "the model returned 5 values; y has 30"),
        (lambda: curve_fit(decay, T, Y, three, nan_policy=["omit"]), ParameterError, "nan_policy must be one of None"),
        (lambda: curve_fit(decay, T, Y, three, nan_policy="drop"), ParameterError, "must be one of None, 'raise', 'omit'"),
        (lambda: curve_fit([decay, decay], [T], [Y], three), ShapeError, "2 models for 1 data sets"),
        (lambda: curve_fit(decay, T, [Y, Y], three), ShapeError, "ydata is a list of 2 data sets"),
    ]


@pytest.mark.parametrize("case", range(len(bad_cases())))
def test_what_cannot_be_fitted_is_refused_with_the_reason(case):
    call, kind, message = bad_cases()[case]
    with pytest.raises(kind, match=message):
        call()


def test_an_exact_fit_that_the_data_do_not_determine_has_an_infinite_covariance():
    x = np.linspace(0, 1, 10)
    fit = least_squares(lambda p: p[0] * p[1] * x - 4 * x, [1.0, 1.0])
    assert fit.cost == 0
    assert fit.undetermined == ["x[0]", "x[1]"]
    assert np.all(fit.covariance == np.inf)
    assert np.all(fit.stderr == np.inf)


def test_the_residuals_of_a_result_are_no_view_of_its_parameters():
    fit = least_squares(lambda p: p, [1.0, 2.0])
    fit.fun[...] = 9.0
    assert np.array_equal(fit.x, [0.0, 0.0])


def test_a_huge_start_is_told_without_a_warning():
    with pytest.raises(DataError):
        least_squares(lambda p: p * 1e10, [1e300, 1.0])

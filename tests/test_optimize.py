"""Optimisers: the step of the lecture, trees of parameters, and stops that say what happened."""

from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from dualdiff import gradient
from dualdiff.errors import DivergenceError, DualdiffError, ParameterError, ShapeError, StructureError
from dualdiff.optimize import adam, gradient_descent, minimize, newton, schedules, sgd

MODES = ["auto", "forward", "reverse"]


def bowl(x):
    """A convex quadratic with its minimum 0 at (1, -2, 3)."""
    return np.sum(np.array([1.0, 2.0, 4.0]) * (x - np.array([1.0, -2.0, 3.0])) ** 2) / 2


def bowl_slope(x):
    return np.array([1.0, 2.0, 4.0]) * (x - np.array([1.0, -2.0, 3.0]))


def line(seed=0, n=37):
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return X, X @ np.array([1.0, -2.0, 0.5]) + 0.25


def mean_square(p, X, y):
    return np.mean((X @ p["w"] + p["b"] - y) ** 2)


START = {"w": np.zeros(3), "b": 0.0}
ZEROS = np.zeros(3)


@pytest.mark.parametrize("mode", MODES)
def test_a_step_of_gradient_descent_is_eq_10(mode):
    x0 = np.array([0.5, 1.0, -1.0])
    result = gradient_descent(bowl, x0, learning_rate=0.125, max_iter=1, mode=mode)
    np.testing.assert_allclose(result.x, x0 - 0.125 * bowl_slope(x0), rtol=1e-15)
    assert x0.tolist() == [0.5, 1.0, -1.0]


@pytest.mark.parametrize("mode", MODES)
def test_gradient_descent_reaches_the_minimum_and_says_so(mode):
    result = gradient_descent(bowl, np.zeros(3), learning_rate=0.3, tol=1e-9, mode=mode)
    # The least curvature is 1, so the distance is at most the gradient's length.
    np.testing.assert_allclose(result.x, [1, -2, 3], atol=1e-9)
    assert result.success
    assert result.message.startswith("converged")
    assert np.linalg.norm(result.jac) <= 1e-9
    assert len(result.history) == result.nit + 1 == result.nfev
    assert result.history[-1] == result.fun < result.history[0] == bowl(np.zeros(3))


def test_out_of_iterations_is_not_success():
    result = gradient_descent(bowl, np.zeros(3), learning_rate=0.01, max_iter=5)
    assert not result.success
    assert result.nit == 5
    assert "out of iterations: after 5" in result.message


def test_no_iterations_give_the_start_and_its_gradient():
    result = gradient_descent(bowl, np.zeros(3), max_iter=0)
    assert result.x.tolist() == [0, 0, 0]
    np.testing.assert_allclose(result.jac, bowl_slope(np.zeros(3)))


def test_steps_that_overflow_name_the_iteration_and_a_smaller_rate():
    said = r"in iteration \d+: the value is (inf|nan).* learning_rate=0.3 instead of 3"
    with pytest.raises(DivergenceError, match=said):
        gradient_descent(bowl, np.zeros(3), learning_rate=3.0)


def test_steps_that_climb_without_overflow_are_divergence_too():
    said = r"after iteration 7 the value is .*, above 22.5 at x0. Try learning_rate=0.06"
    with pytest.raises(DivergenceError, match=said):
        gradient_descent(bowl, np.zeros(3), learning_rate=0.6, max_iter=7)


@pytest.mark.parametrize("method", [gradient_descent, newton])
def test_a_start_where_f_is_not_a_number_is_refused(method):
    with pytest.raises(DivergenceError, match=r"cannot start: at x0 the value is nan"):
        method(lambda x: np.sum(np.log(x)), np.array([-1.0, 2.0]))


def test_an_infinite_gradient_is_met_though_the_value_is_finite():
    with pytest.raises(DivergenceError, match=r"the value is 0\.0, but its gradient is not finite"):
        gradient_descent(lambda x: np.sum(np.sqrt(x)), np.zeros(2))


@pytest.mark.parametrize("mode", MODES)
def test_parameters_may_be_a_tree(mode):
    tree = {"a": [np.zeros((2, 3)), 1.5], "b": (np.ones(4),)}

    def f(t):
        return np.sum((t["a"][0] - 1) ** 2) + (t["a"][1] - 2) ** 2 + np.sum((t["b"][0] + 3) ** 2)

    for method in (gradient_descent, newton):
        result = method(f, tree, tol=1e-10, mode=mode)
        assert result.success
        np.testing.assert_allclose(result.x["a"][0], np.ones((2, 3)), atol=1e-9)
        assert abs(result.x["a"][1] - 2) < 1e-9
        np.testing.assert_allclose(result.x["b"][0], np.full(4, -3.0), atol=1e-9)
        assert result.jac["a"][0].shape == (2, 3)
    assert tree["a"][0].tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_number_stays_a_number_of_double_precision():
    result = gradient_descent(lambda x: (x - 1 / 3) ** 2, 1, learning_rate=0.3, tol=1e-14)
    assert np.ndim(result.x) == 0
    assert abs(result.x - 1 / 3) < 1e-14


def test_whole_numbers_become_floats():
    assert gradient_descent(bowl, np.array([1, 2, 3]), max_iter=0).x.dtype == np.float64


def test_single_precision_stays_single():
    assert gradient_descent(lambda x: np.sum(x**2), np.ones(3, np.float32), max_iter=3).x.dtype == np.float32


@pytest.mark.parametrize("method", [gradient_descent, newton])
def test_a_gradient_of_the_callers_own_gives_the_same_path(method):
    own, dual = (method(bowl, np.zeros(3), jac=jac) for jac in (bowl_slope, None))
    np.testing.assert_allclose(own.history, dual.history, rtol=1e-12, atol=1e-25)
    np.testing.assert_allclose(own.x, dual.x, rtol=1e-12)


@pytest.mark.parametrize("method", [gradient_descent, newton])
def test_a_gradient_of_the_wrong_shape_is_refused(method):
    with pytest.raises(StructureError, match=r"jac returned arrays of shapes \[\(2,\)\]; x0 has shapes \[\(3,\)\]"):
        method(bowl, np.zeros(3), jac=lambda x: np.zeros(2))


@pytest.mark.parametrize("method", [gradient_descent, newton, sgd, adam, *(partial(minimize, method=m) for m in (
    "l-bfgs", "bfgs", "newton-cg", "trust-ncg"))])
@pytest.mark.parametrize("jac", [None, bowl_slope])
def test_every_run_of_f_and_of_its_gradient_is_counted(method, jac):
    runs = []

    def counted(f):
        return lambda x: runs.append(x) or f(x)
    result = method(counted(bowl), np.zeros(3), jac=None if jac is None else counted(jac))
    assert result.nfev == len(runs)


@pytest.mark.parametrize("method", [gradient_descent, newton, minimize, sgd, adam])
def test_a_gradient_of_the_callers_own_may_name_its_parts_in_any_order(method):
    start = {"a": np.zeros(2), "b": np.ones(2)}

    def f(p):
        return np.sum((p["a"] - 1) ** 2) + 5 * np.sum((p["b"] + 2) ** 2)
    ways = (None, lambda p: {"b": 10 * (p["b"] + 2), "a": 2 * (p["a"] - 1)})
    dual, own = (method(f, start, jac=jac) for jac in ways)
    np.testing.assert_allclose(own.history, dual.history, rtol=1e-9, atol=1e-25)
    with pytest.raises(StructureError, match=r"the gradient: its keys are \['a', 'c'\]; they must be \['a', 'b'\]"):
        method(f, start, jac=lambda p: {"a": p["a"], "c": p["b"]})


def test_the_callback_hears_every_iteration_and_the_loss_after_it():
    heard = []
    result = gradient_descent(bowl, np.zeros(3), max_iter=4, callback=lambda i, loss: heard.append((i, loss)))
    assert heard == list(enumerate(result.history))[1:]
    heard.clear()
    result = newton(lambda x: np.sum(np.cosh(x - 1)), np.zeros(2), callback=lambda i, loss: heard.append((i, loss)))
    assert heard == list(enumerate(result.history))[1:]
    heard.clear()
    result = adam(mean_square, START, line(), epochs=3, callback=lambda i, loss: heard.append((i, loss)))
    assert heard == list(enumerate(result.history))[1:]
    assert len(heard) == 3


# ---- mini-batches ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("method", "options"),
    [(sgd, {"learning_rate": 0.05}), (sgd, {"learning_rate": 0.02, "momentum": 0.9}), (adam, {"learning_rate": 0.05})],
)
def test_mini_batches_find_an_exact_line(method, options, mode):
    result = method(mean_square, START, line(), epochs=300, tol=1e-16, mode=mode, **options)
    np.testing.assert_allclose(result.x["w"], [1, -2, 0.5], atol=1e-5)
    assert abs(result.x["b"] - 0.25) < 1e-5


def test_one_epoch_visits_every_row_once_in_batches_of_the_given_size():
    X, _ = line()
    seen = []

    def f(p, X, y):
        seen.append(len(y))
        return mean_square(p, X, y)

    result = sgd(f, START, (X, np.arange(37.0)), batch_size=16, epochs=1)
    assert seen == [37, 16, 16, 5, 37, 37]
    assert result.nfev == len(seen)


def test_every_epoch_pairs_each_row_with_its_own_target_in_a_new_order():
    rows = np.arange(10.0)
    orders = []

    def slope(x, a, b):
        np.testing.assert_array_equal(b, 2 * a)
        orders.append(a.tolist())
        return np.zeros(1)

    sgd(lambda x, a, b: np.sum(x), np.zeros(1), (rows, 2 * rows), batch_size=10, epochs=2, jac=slope)
    first, second, final = orders
    assert sorted(first) == sorted(second) == final == rows.tolist()
    assert first != second


def test_momentum_is_polyaks_recurrence():
    X, y = line()
    result = sgd(mean_square, START, (X, y), learning_rate=0.1, momentum=0.5, batch_size=None, epochs=3)
    w, b, v, u = np.zeros(3), 0.0, np.zeros(3), 0.0
    for _ in range(3):
        r = X @ w + b - y
        v, u = 0.5 * v - 0.1 * 2 * X.T @ r / 37, 0.5 * u - 0.1 * 2 * r.mean()
        w, b = w + v, b + u
    np.testing.assert_allclose(result.x["w"], w, rtol=1e-12)
    np.testing.assert_allclose(result.x["b"], b, rtol=1e-12)


def test_the_first_step_of_adam_is_the_rate_against_the_sign():
    # m/(1-β₁) = g and v/(1-β₂) = g², so the step is η g / (|g| + ε).
    result = adam(bowl, np.zeros(3), learning_rate=0.01, epochs=1, epsilon=1e-14)
    np.testing.assert_allclose(result.x, -0.01 * np.sign(bowl_slope(np.zeros(3))), rtol=1e-12)


def test_adam_is_the_algorithm_of_the_paper_over_several_steps():
    result = adam(bowl, np.zeros(3), learning_rate=0.1, epochs=4)
    x, m, v = np.zeros(3), np.zeros(3), np.zeros(3)
    for t in range(1, 5):
        g = bowl_slope(x)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(result.x, x, rtol=1e-12)


@pytest.mark.parametrize("method", [sgd, adam])
def test_the_same_seed_gives_the_same_path_and_another_another(method):
    runs = [method(mean_square, START, line(), epochs=3, rng=rng).history for rng in (4, np.random.default_rng(4), 5)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("method", [sgd, adam])
def test_epochs_that_run_out_are_not_success(method):
    result = method(mean_square, START, line(), epochs=2)
    assert not result.success
    assert result.message.startswith("out of epochs: after 2 the loss is")
    assert "not below" not in result.message


def test_a_loss_that_settles_is_success():
    result = sgd(mean_square, START, line(), learning_rate=0.05, epochs=500, tol=1e-12, patience=5)
    assert result.success
    assert result.nit < 500
    assert "no more than tol=1e-12 in 5 epochs" in result.message


@pytest.mark.parametrize(("method", "rate"), [(sgd, 1e3), (adam, 1e200)])
def test_batches_that_overflow_name_the_epoch(method, rate):
    with pytest.raises(DivergenceError, match=rf"{method.__name__} diverged in iteration \d+: .*instead of"):
        method(mean_square, START, line(), learning_rate=rate)


def test_patience_is_counted_in_epochs():
    result = sgd(lambda x, a: 0 * x + 1.0, 2.0, (np.zeros(3),), tol=0.0, patience=4, jac=lambda x, a: 0.0)
    assert (result.nit, result.success) == (4, True)


def test_a_loss_that_ends_higher_is_told():
    near = {"w": np.array([1.0, -2.0, 0.5]), "b": 0.0}
    result = sgd(mean_square, near, line(), learning_rate=1.0, batch_size=2, epochs=1)
    assert result.fun > result.history[0]
    assert "not below" in result.message


# ---- Newton ----------------------------------------------------------------------------------------------------------
def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_newton_solves_rosenbrock_to_rounding(mode):
    result = newton(rosenbrock, np.array([0.2, 1.0, 0.7, 2.0]), mode=mode, tol=1e-11)
    assert result.success
    # The least curvature there is 0.1.
    np.testing.assert_allclose(result.x, np.ones(4), rtol=1e-10)
    assert result.history == sorted(result.history, reverse=True)


def test_newton_takes_one_step_on_a_quadratic_whatever_the_units():
    scale = np.array([1e-6, 1.0, 1e6])
    result = newton(lambda x: bowl(x * scale), np.zeros(3), tol=1e-4)
    np.testing.assert_allclose(result.x * scale, [1, -2, 3], rtol=1e-9)
    assert result.nit == 1


def test_a_hessian_that_is_not_finite_is_named_by_newton():
    with pytest.raises(DivergenceError, match=r"the value is 0.0, but its Hessian is not finite. Start elsewhere, or"):
        newton(lambda x: x + x**1.5, 0.0)


def test_newton_leaves_a_saddle_downhill():
    result = newton(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, np.array([1.0, 1e-3]))
    np.testing.assert_allclose(np.abs(result.x), [0, np.sqrt(0.5)], atol=1e-8)
    assert result.success
    first = newton(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, np.array([1.0, 1e-3]), max_iter=1)
    # -|H|⁻¹ g with H = diag(2, -2 + 12 y²): the negative curvature is taken by its modulus.
    np.testing.assert_allclose(first.x[1], 1e-3 + (2e-3 - 4e-9) / (2 - 12e-6), rtol=1e-9)


def test_newton_does_not_move_along_a_flat_direction():
    result = newton(lambda x: (x[0] + x[1] - 3) ** 2 + (x[0] + x[1] - 3) ** 4, np.array([0.5, 1.0]))
    np.testing.assert_allclose(result.x, [1.25, 1.75], atol=1e-6)


def test_newton_backtracks_from_a_step_that_overflows():
    # The plain step from 20 goes to about -1e8, where exp(x²) is infinite.
    result = newton(lambda x: np.exp(x**2 - 400) + 1e-8 * (x - 1) ** 2 if abs(x) < 30 else np.inf * x**2, 20.0)
    assert result.success
    assert abs(result.x - 1) < 1


def test_a_rounding_error_of_f_does_not_stop_newton_short():
    eps = np.finfo(float).eps

    def f(x):  # two units in the last place too high, close to the minimum
        return np.cosh(x - 1) * (1 + 2 * eps * (abs(x - 1) < 1e-9))

    result = newton(f, 1 + 1e-8, jac=lambda x: np.sinh(x - 1), tol=1e-13)
    assert result.success
    assert abs(result.x - 1) < 1e-13


def test_newton_out_of_iterations_is_not_success():
    result = newton(rosenbrock, np.array([-1.2, 1.0]), max_iter=2)
    assert not result.success
    assert "out of iterations: after 2" in result.message
    assert result.nit == 2


def test_newton_that_steps_where_the_gradient_is_not_a_number_says_so():
    with pytest.raises(DivergenceError, match=r"newton diverged in iteration 1: .* gradient is not finite. Start elsewhere"):
        newton(lambda x: x**2, 5.0, jac=lambda x: 2 * x if x > 1 else x * np.nan)


def test_newton_that_cannot_lower_f_further_says_so():
    result = newton(lambda x: np.sum(np.abs(x - 1)), np.array([3.0, 5.0]), tol=1e-3, max_iter=200)
    assert not result.success
    assert "stalled: no step lowers f" in result.message or "out of iterations" in result.message


# ---- how descents end ------------------------------------------------------------------------------------------------
DESCENTS = {"gradient_descent": partial(gradient_descent, learning_rate=1e-3), "newton": newton,
            **{name: partial(minimize, method=name) for name in ("l-bfgs", "bfgs", "newton-cg", "trust-ncg")}}
FAR = np.array([-1.2, 1.0, -0.7, 2.0])


@pytest.mark.parametrize("name", [*DESCENTS, "sgd", "adam"])
@pytest.mark.parametrize(("f", "said"), [(lambda x: x * 1j, "1j"), (lambda x: x * np.ones(2), r"array|\(2,\)")])
def test_f_must_return_one_real_number(name, f, said):
    with pytest.raises(StructureError, match=said):
        {**DESCENTS, "sgd": sgd, "adam": adam}[name](f, 1.0)


@pytest.mark.parametrize("name", DESCENTS)
def test_ctrl_c_returns_the_best_so_far_marked_as_interrupted(name):
    runs = []

    def f(x):
        runs.append(1)
        if len(runs) == 17:
            raise KeyboardInterrupt
        return rosenbrock(x)

    result = DESCENTS[name](f, FAR, jac=gradient(rosenbrock))
    assert (result.reason, result.status, result.success) == ("interrupted", -3, False)
    assert result.message.startswith("interrupted after iteration")
    assert result.fun == rosenbrock(result.x) <= min(result.history) < rosenbrock(FAR)
    np.testing.assert_allclose(result.jac, gradient(rosenbrock)(result.x))


@pytest.mark.parametrize("name", DESCENTS)
def test_ctrl_c_before_anything_was_found_is_the_callers(name):
    def f(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DESCENTS[name](f, FAR)


@pytest.mark.parametrize("name", DESCENTS)
def test_a_callback_may_end_a_descent(name):
    heard = []

    def stop(nit, loss):
        heard.append(loss)
        if nit == 3:
            raise StopIteration

    result = DESCENTS[name](rosenbrock, FAR, callback=stop)
    assert (result.nit, result.reason) == (3, "interrupted")
    assert result.message.startswith("stopped by the callback after iteration 3; the gradient's length is")
    assert heard == result.history[1:]
    assert result.fun == rosenbrock(result.x)


@pytest.mark.parametrize("name", DESCENTS)
def test_seconds_and_iterations_are_a_budget(name):
    late, short = DESCENTS[name](rosenbrock, FAR, max_seconds=1e-9), DESCENTS[name](rosenbrock, FAR, max_iter=2)
    assert (late.reason, late.status, late.nit) == ("out of budget", 0, 0)
    assert "max_seconds is used up" in late.message
    assert (short.reason, short.nit) == ("out of budget", 2)
    with pytest.raises(ParameterError, match="max_seconds must be a positive number; got 0"):
        DESCENTS[name](rosenbrock, FAR, max_seconds=0)


@pytest.mark.parametrize("name", DESCENTS)
def test_without_a_minimum_a_descent_diverges_or_spends_its_budget(name):
    ends = []
    with suppress(DivergenceError):
        ends.append(DESCENTS[name](lambda x: -np.sum(x**2 * np.abs(x)), np.array([0.5, 1.0])))
    for result in ends:
        assert result.reason in {"diverged", "out of budget"}
        assert (result.reason == "diverged") == ("may have no minimum" in result.message)


def test_scipy_that_can_lower_f_no_further_has_stalled():
    result = minimize(lambda x: np.sum(np.abs(x - 0.3)), np.array([0.5, 1.0]), method="bfgs")
    assert (result.reason, result.status) == ("stalled", -1)
    assert "SciPy says 'Desired error not necessarily achieved due to precision loss.'" in result.message


# ---- settings that cannot be ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gradient_descent(bowl, ZEROS, learning_rate=-1), "learning_rate must be a positive number; got -1"),
        (lambda: gradient_descent(bowl, ZEROS, learning_rate="big"), "must be a positive number; got 'big'"),
        (lambda: gradient_descent(bowl, ZEROS, max_iter=2.5), "max_iter must be a whole number of at least 0; got 2.5"),
        (lambda: gradient_descent(bowl, ZEROS, tol=-1e-3), "tol must be a number of at least 0; got -0.001"),
        (lambda: sgd(mean_square, START, line(), momentum=1), "momentum must be a number from 0 up to"),
        (lambda: sgd(mean_square, START, line(), batch_size=0), "batch_size must be a whole number of at least 1"),
        (lambda: sgd(mean_square, START, line(), epochs=True), "epochs must be a whole number of at least 0; got True"),
        (lambda: adam(mean_square, START, line(), beta1=1.5), "beta1 must be a number from 0"),
        (lambda: adam(mean_square, START, line(), patience=0), "patience must be"),
        (lambda: adam(mean_square, START, line(), rng="seed"), "rng must be a Generator or a seed; got 'seed'"),
        (lambda: adam(mean_square, START, line(), resume=True), "resume must be False without checkpoint="),
        (lambda: adam(mean_square, START, line(), checkpoint=3), "checkpoint must be the name of a file; got 3"),
        (lambda: adam(mean_square, START, line(), jac=3), "jac must be a function; got 3"),
        (lambda: sgd(mean_square, START, line(), callback="log"), "callback must be a function; got 'log'"),
        (lambda: gradient_descent(bowl, ZEROS, callback=3), "callback must be a function; got 3"),
        (lambda: gradient_descent(bowl, ZEROS, jac=ZEROS), r"jac must be a function; got array\("),
        (lambda: minimize(bowl, ZEROS, jac="2-point"), "jac must be a function; got '2-point'"),
        (lambda: newton(bowl, ZEROS, hess=np.eye(2)), r"hess must be a function; got array\("),
        (lambda: schedules.cosine_decay(0.1, 9, least="low"), "least must be a number of at least 0; got 'low'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_value(call, message):
    with pytest.raises(ParameterError, match=message) as caught:
        call()
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, DualdiffError)


@pytest.mark.parametrize("method", [gradient_descent, newton, minimize, sgd])
def test_what_is_minimised_must_be_a_function(method):
    with pytest.raises(StructureError, match="the first argument must be a function; got 3"):
        method(3, ZEROS)


def test_data_of_different_lengths_are_refused():
    X, y = line()
    with pytest.raises(ShapeError, match=r"\[37, 36\] rows"):
        sgd(mean_square, START, (X, y[:-1]))


@pytest.mark.parametrize("data", [np.zeros(3), ([1.0, 2.0],), (3.0,)])
def test_data_must_be_a_tuple_of_arrays(data):
    with pytest.raises(StructureError, match=r"such as \(X, y\)"):
        sgd(mean_square, START, data)


def test_a_complex_start_is_refused():
    with pytest.raises(StructureError, match="x0 is complex"):
        gradient_descent(bowl, np.zeros(3, complex))

"""Kinks, equalities and derivatives that are not finite: what happens is the user's choice, in every mode and thread."""

import inspect
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
import pytest
from test_hard_points import MODES, by_directions, by_hand, by_jacobian, by_reverse, by_single_directions

import dualdiff as dd
from dualdiff import Dual, DualArray, derivative, equality, gradient, hessian, jacobian, jvp, kinks, trace_nonfinite, vjp
from dualdiff.errors import DegenerateError, DerivativeWarning, EqualityError, KinkError, ParameterError
from dualdiff.policies import KINKS, WATCH
from dualdiff.rules import every_row

pytestmark = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value|overflow):RuntimeWarning")
every_mode = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__[3:])
NAN = np.nan

# The code, the point, the Jacobian under "nan", the function that "raise" names, the value it names.
MET = [
    ("np.abs(x)", [0.0, -2.0], [[NAN, 0], [0, -1]], "numpy.absolute has a kink at 0.0 .element 0."),
    ("abs(x)", [3.0, 0.0], [[1, 0], [0, NAN]], "numpy.absolute has a kink at 0.0 .element 1."),
    ("np.fabs(x)", [0.0, 2.0], [[NAN, 0], [0, 1]], "numpy.fabs has a kink"),
    ("np.sign(x)", [0.0, 2.0], [[NAN, 0], [0, 0]], "numpy.sign has a jump"),
    ("np.heaviside(x, 0.5)", [0.0, 2.0], [[NAN, 0], [0, 0]], "numpy.heaviside has a jump"),
    ("np.copysign(x, 1.0)", [0.0, 2.0], [[NAN, 0], [0, 1]], "numpy.copysign has a kink"),
    ("np.copysign(3.0, x)", [0.0, 2.0], [[NAN, 0], [0, 0]], "numpy.copysign has a jump"),
    ("np.maximum(x, 0)", [0.0, 2.0], [[NAN, 0], [0, 1]], "numpy.maximum has a kink"),
    ("np.minimum(1.0, x)", [1.0, 2.0], [[NAN, 0], [0, 0]], "numpy.minimum has a kink at 1.0"),
    ("np.fmax(x, 0)", [0.0, 2.0], [[NAN, 0], [0, 1]], "numpy.fmax has a kink"),
    ("np.fmin(x[0], x[1])", [2.0, 2.0], [NAN, NAN], "numpy.fmin has a kink at 2.0, which"),
    ("np.clip(x, 0, 1)", [0.5, 1.0], [[1, 0], [0, NAN]], "numpy.clip: numpy.minimum has a kink at 1.0 .element 1."),
    ("np.max(x)", [3.0, 1.0, 3.0], [NAN, 0, NAN], "numpy.max has a kink at 3.0 .element 0."),
    ("np.min(x.reshape(2, 2), axis=1)", [1.0, 2, 4, 4], [[1, 0, 0, 0], [0, 0, NAN, NAN]], r"numpy.min.*4.0 .element \(1, 0\)."),
    ("np.max(x, initial=2.0)", [2.0, 1.0], [NAN, 0], "numpy.max has a kink at 2.0"),
    ("np.nanmax(x)", [3.0, 3.0], [NAN, NAN], "numpy.nanmax: .*kink"),
    ("np.ptp(x)", [3.0, 1.0, 3.0], [NAN, -1, NAN], "numpy.ptp: numpy.max has a kink"),
    ("np.hypot(x[:1], x[1:])", [0.0, 0.0], [[NAN, NAN]], "numpy.hypot has a kink"),
    ("np.linalg.norm(x)", [0.0, 0.0], [NAN, NAN], "numpy.linalg.norm has a kink at 0.0"),
    ("np.linalg.norm(x, 3)", [0.0, 0.0], [NAN, NAN], "numpy.linalg.norm has a kink"),
    ("np.linalg.norm(x, 1)", [0.0, 1.0], [NAN, 1], "numpy.linalg.norm: numpy.absolute has a kink"),
    ("np.linalg.norm(x, np.inf)", [2.0, -2.0], [NAN, NAN], "numpy.linalg.norm: numpy.max has a kink"),
    ("np.linalg.norm(x, np.inf)", [0.0], [NAN], "numpy.linalg.norm has a kink"),
    ("np.abs(x + 0j)", [0.0, -2.0], [[NAN, 0], [0, -1]], "numpy.absolute has a kink at 0j"),
    ("np.interp(x, [0.0, 1.0, 2.0], [0.0, 5.0, 0.0])", [1.0, 0.5], [[NAN, 0], [0, 5]], "interp has a kink at 1.0"),
    ("np.sort(x)", [2.0, 1.0, 2.0], [[0, 1, 0], [NAN, 0, 0], [0, 0, NAN]], "numpy.sort has a kink at 2.0 .element 0."),
    ("np.partition(x, 1)[0]", [3.0, 1.0, 3.0], [0, 1, 0], "numpy.partition has a kink at 3.0"),
    ("np.unique(x)", [2.0, 1.0, 2.0], [[0, 1, 0], [NAN, 0, 0]], "numpy.unique has a kink at 2.0"),
    ("np.median(x)", [2.0, 1.0, 2.0], [NAN, 0, NAN], "numpy.median: numpy.median|numpy.median has a kink at 2.0"),
    ("np.quantile(x, 0.5)", [2.0, 2.0, 5.0], [NAN, NAN, 0], "numpy.quantile has a kink at 2.0"),
    ("np.floor(x)", [1.5, 2.0], [[0, 0], [0, NAN]], "numpy.floor has a jump at 2.0 .element 1."),
    ("np.ceil(x)", [1.5, 2.0], [[0, 0], [0, NAN]], "numpy.ceil has a jump"),
    ("np.trunc(x)", [0.0, 2.0], [[0, 0], [0, NAN]], "numpy.trunc has a jump"),
    ("np.fix(x)", [0.0, 2.0], [[0, 0], [0, NAN]], "numpy.(fix|trunc) has a jump"),
    ("np.rint(x)", [2.0, 2.5], [[0, 0], [0, NAN]], "numpy.rint has a jump at 2.5"),
    ("np.round(x, 1)", [2.0, 2.25], [[0, 0], [0, NAN]], "numpy.round has a jump at 2.25"),
    ("np.stack([round(a, 1) for a in x])", [2.0, 2.25], [[0, 0], [0, NAN]], "numpy.round has a jump at 2.25"),
    ("np.maximum.accumulate(x)", [1.0, 1.0, 2.0], [[1, 0, 0], [NAN, NAN, 0], [0, 0, 1]], "numpy.maximum has a kink at 1.0"),
    ("np.fmin.accumulate(x)", [2.0, 1.0, 1.0], [[1, 0, 0], [0, 1, 0], [0, NAN, NAN]], "numpy.fmin has a kink at 1.0"),
    ("x // 2", [1.0, 4.0], [[0, 0], [0, NAN]], "numpy.floor_divide has a jump at 4.0"),
    ("x % 2", [1.0, 4.0], [[1, 0], [0, NAN]], "numpy.remainder has a jump at 4.0"),
    ("np.fmod(x, 2.0)", [0.0, 4.0], [[1, 0], [0, NAN]], "numpy.fmod has a jump at 4.0"),
    ("np.linalg.eigvalsh(np.diag(x))[-1]", [2.0, 2.0, 1.0], [NAN, NAN, 0], "numpy.linalg.eigvalsh has a kink at 2.0"),
    ("np.linalg.eigh(np.diag(x))[0][0]", [2.0, 2.0, 3.0], [NAN, NAN, 0], "numpy.linalg.eigh has a kink at 2.0"),
    ("np.linalg.svd(np.diag(x), compute_uv=False)[0]", [2.0, 2.0, 1.0], [NAN, NAN, 0], "numpy.linalg.svd has a kink at 2.0"),
    ("np.linalg.norm(np.diag(x), 'nuc')", [2.0, 0.0], [1, NAN], "numpy.linalg.norm: numpy.linalg.svd has a kink at 0.0"),
]
# Nothing is met: the element is not perturbed, or the function is smooth there.
NOT_MET = [
    ("np.abs(x * np.array([0.0, 1.0]))", [1.0, 2.0]), ("np.maximum(np.where(x > 0, x, 0), 0)", [-1.0, 2.0]),
    ("np.max(np.concatenate([x, [7.0, 7.0]]))", [1.0, 2.0]), ("np.linalg.norm(x, 3)", [0.0, 2.0]),
    ("np.linalg.norm(x, np.inf)", [0.0, 2.0]), ("np.linalg.norm(x)", [0.0, 2.0]), ("np.sort(x)", [2.0, 1.0]),
    ("np.median(x)", [1.0, 3.0]), ("np.fmod(x, 2.0)", [0.0, 1.0]), ("np.copysign(x, 0.0)", [1.0, 2.0]),
    ("np.floor(x) + 0 * x", [1.5, -0.5]), ("np.interp(x, [0.0, 1.0], [0.0, 5.0])", [0.3, 0.5]),
    ("x ** 2 + np.sqrt(x)", [0.0, 1.0]),
    ("np.maximum(x[0], 1.0) + np.floor(dd.stop_gradient(x[1]))", [0.5, 2.0]), ("np.unique(x)", [1.0, 2.0]),
    ("np.linalg.eigvalsh(np.diag(x))", [1.0, 2.0]), ("np.linalg.svd(np.diag(x), compute_uv=False)[0]", [1.0, 2.0]),
]


def function(code):
    return eval(f"lambda x: {code}", {"np": np, "dd": dd})


# ---- kinks -----------------------------------------------------------------------------------------------------------
@every_mode
@pytest.mark.parametrize(("code", "point", "expected", "message"), MET, ids=lambda part: part if isinstance(part, str) else "")
def test_a_kink_gives_nan_where_that_is_the_policy(code, point, expected, message, mode):
    with kinks("nan"):
        found = mode(function(code), np.array(point))
    np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-13)


@every_mode
@pytest.mark.parametrize(("code", "point", "expected", "message"), MET, ids=lambda part: part if isinstance(part, str) else "")
def test_a_kink_raises_and_names_function_element_and_value_where_that_is_the_policy(code, point, expected, message, mode):
    with kinks("raise"), pytest.raises(KinkError, match=message):
        mode(function(code), np.array(point))


@every_mode
@pytest.mark.parametrize("policy", ["raise", "nan"])
@pytest.mark.parametrize(("code", "point"), NOT_MET)
def test_what_is_not_at_a_kink_or_not_perturbed_is_left_alone(code, point, policy, mode):
    expected = mode(function(code), np.array(point))
    with kinks(policy):
        found = mode(function(code), np.array(point))
    np.testing.assert_array_equal(found, expected)


def test_every_row_that_has_a_kink_has_a_case():
    text = " ".join(code for code, *_ in MET)
    rows = [f for f, row in every_row().items() if getattr(row, "kinks", None) or getattr(row, "jump", None)]
    spelled = {np.absolute: "np.abs(", np.remainder: "%", np.floor_divide: "//", np.around: "np.round("}
    assert len(rows) >= 19
    assert [f.__name__ for f in rows if spelled.get(f, f"np.{f.__name__}(") not in text] == []


def test_a_direction_that_does_not_move_the_element_meets_no_kink():
    x, v = np.array([0.0, 2.0]), np.array([0.0, 1.0])
    with kinks("raise"):
        assert jvp(np.abs, (x,), (v,))[1].tolist() == [0, 1]
        with pytest.raises(KinkError):
            jvp(np.abs, (x,), (v[::-1],))
    with kinks("nan"):
        found = jvp(np.abs, (x,), (np.stack([v, v[::-1]]),))[1]
    np.testing.assert_array_equal(found, [[0, 1], [NAN, 0]])


def test_the_error_names_the_line():
    def f(x):
        return np.sum(np.abs(x))
    line = inspect.getsourcelines(f)[1] + 1
    with kinks("raise"), pytest.raises(KinkError, match=rf"test_policies.py, line {line}: return np.sum\(np.abs\(x\)\)"):
        gradient(f)(np.zeros(2))


def test_policies_nest_and_end_with_their_block_even_when_it_raises():
    x = np.zeros(1)
    with kinks("nan"):
        with kinks("least_norm"):
            assert jacobian(np.abs)(x) == 0
        with pytest.raises(KinkError), kinks("raise"):
            jacobian(np.abs)(x)
        assert np.isnan(jacobian(np.abs)(x))
    assert jacobian(np.abs)(x) == 0
    assert (KINKS.get(), WATCH.count) == ("least_norm", 0)


def test_a_policy_inside_the_function_holds_for_its_block_in_every_mode():
    def f(x):
        with kinks("nan"):
            inside = np.abs(x)
        return np.stack([inside, np.abs(x)])
    for mode in MODES:
        found = mode(f, np.array([0.0]))
        np.testing.assert_array_equal(found.ravel(), [NAN, 0])

    def g(x):
        with kinks("raise"):
            return np.sum(np.abs(x))
    with pytest.raises(KinkError):
        hessian(g)(np.zeros(2))
    assert WATCH.count == 0


def test_second_derivatives_and_numbers_made_by_hand_obey():
    with kinks("raise"):
        for bad in (lambda: hessian(lambda x: np.sum(np.abs(x) * x))(np.array([0.0, 1.0])), lambda: abs(Dual(0.0, 1.0)),
                    lambda: np.maximum(Dual(0.0, 1.0), 0), lambda: np.abs(DualArray([0.0], [1.0])), lambda: Dual(4.0, 1.0) // 2,
                    lambda: Dual(4.0, 1.0) % 2, lambda: derivative(lambda x: derivative(lambda y: abs(x) * y)(1.0))(0.0)):
            with pytest.raises(KinkError):
                bad()
        assert abs(Dual(0.0, 0.0)).tangent == 0
    with kinks("nan"):
        assert np.isnan(abs(Dual(0.0, 1.0)).tangent)
    assert abs(Dual(0.0, 1.0)).tangent == 0


@pytest.mark.parametrize("second", [
    hessian, lambda f: jacobian(gradient(f, mode="forward")), lambda f: hessian(f, sparse=True)])
@pytest.mark.parametrize("f", [lambda z: np.sum(np.abs(z) ** 3), lambda z: np.linalg.norm(z, 3) ** 3,
                               lambda z: np.linalg.norm(z, 1) ** 2, lambda z: np.sum(np.fabs(z) * z**2)])
def test_a_kink_that_gives_nan_is_not_taken_for_an_equality_of_the_users(f, second):
    with kinks("nan"), equality("raise"):
        second(f)(np.array([0.0, 1.0]))


def test_each_thread_has_its_own_policy():
    found, ready = {}, threading.Barrier(3)

    def work(policy):
        with kinks(policy):
            ready.wait()
            found[policy] = [float(jacobian(np.abs)(np.zeros(1))[0, 0]) for _ in range(20)]
            ready.wait()
    threads = [threading.Thread(target=work, args=(policy,)) for policy in ("nan", "least_norm")]
    for thread in threads:
        thread.start()
    ready.wait()
    mine = [float(jacobian(np.abs)(np.zeros(1))[0, 0]) for _ in range(20)]
    ready.wait()
    for thread in threads:
        thread.join()
    assert mine == found["least_norm"] == [0.0] * 20
    assert np.isnan(found["nan"]).all()


def test_single_precision_stays_single_under_a_policy():
    with kinks("nan"):
        J = jacobian(np.abs)(np.array([0, 1], np.float32))
    assert J.dtype == np.float32


@pytest.mark.parametrize("policy", [kinks, equality])
def test_a_policy_that_does_not_exist_is_refused_with_the_list_of_those_that_do(policy):
    with pytest.raises(ParameterError, match=rf"{policy.__name__}\('mean'\) is not one of .*raise"):
        policy("mean")
    with pytest.raises(ParameterError, match=rf"{policy.__name__}\(array\(\[0, 1\]\)\) is not one of"):
        policy(np.arange(2))


# ---- equality --------------------------------------------------------------------------------------------------------
EQUALITIES = ["x == 0", "0 == x", "not x", "not x != 0", "x in [3.0, 0.0]", "np.equal(x, 0)", "not np.not_equal(x, 0)",
              "np.isin(x, [0.0, 1.0])", "np.isin([1.0, 0.0, 2.0], np.stack([x, x])).any()",
              "np.array_equal(x, 0)", "np.array_equiv(x, 0)", "0.0 in np.stack([x, x])",
              "not np.any(x)", "not np.all(x)", "np.logical_not(x)", "not np.logical_or(x, False)", "not np.count_nonzero(x)",
              "not np.flatnonzero(x).size", "not np.argwhere(x).size", "not np.stack([x]).nonzero()[0].size",
              "not np.where(np.stack([x]))[0].size", "np.where(x, 0, 1)", "not np.trim_zeros(np.stack([x])).size",
              "np.linalg.norm([3.0, 1.0], x + 2.0) > 0", "np.linalg.norm(np.stack([x, x + 1]), x + 2.0) > 0",
              "np.poly1d(np.stack([x, x + 1])).order == 0", "np.polymul(np.stack([x, x + 1]), [1.0]).size == 1"]
UNEQUAL = ["x == 1", "not np.isin(x, [3.0, 4.0], invert=True)",
           "x != x", "np.isclose(x, 0)", "dd.stop_gradient(x) == 0", "x * 0 == 0", "x <= 0", "x in [3.0, 4.0]",
           "np.any(np.stack([x, x + 1]))", "np.where(x + 1, 1, 0)", "np.nonzero(np.pad(np.stack([x + 1]), 1))[0].size == 1",
           "np.trim_zeros(np.stack([x + 1, 0 * x])).size == 1"]


def sine(condition):
    return eval(f"lambda x: 0 * x if {condition} else np.sin(x)", {"np": np, "dd": dd})


WAYS = {"forward": lambda f: gradient(f, mode="forward")(0.0), "reverse": lambda f: gradient(f, mode="reverse")(0.0),
        "derivative": lambda f: derivative(f)(0.0), "second": lambda f: derivative(f, order=2)(0.0),
        "hand": lambda f: f(Dual(0.0, 1.0))}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("condition", EQUALITIES)
def test_an_equality_that_is_true_of_a_perturbed_number_warns_raises_or_is_ignored(condition, way):
    f = sine(condition)
    with pytest.warns(DerivativeWarning, match="== is true"):
        WAYS[way](f)
    with equality("raise"), pytest.raises(EqualityError, match="<string>, line 1"):
        WAYS[way](f)
    with equality("ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        WAYS[way](f)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("condition", UNEQUAL)
def test_an_equality_that_is_false_or_holds_for_the_neighbours_says_nothing(condition, way):
    with equality("raise"):
        WAYS[way](sine(condition))


def test_the_warning_is_at_the_users_line_and_comes_once_for_each_line():
    def f(x):
        total = x * 0
        for a in (0.0, 0.0, 0.0):
            total = total + (1 if x == a else 2) * x
        return total + (1 if not x else 2) * x

    first = inspect.getsourcelines(f)[1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        gradient(f)(0.0)
    assert [(w.filename, w.lineno) for w in caught] == [(__file__, first + 3), (__file__, first + 4)]


# ---- the first derivative that is not finite -----------------------------------------------------------------------------
def broken(x):
    y = x * 2 - 8
    z = np.sqrt(y)
    return z * z + np.cbrt(x)


def by_hessian(f, x):
    with pytest.raises(DegenerateError, match=r"numpy\.sqrt is infinite"):
        hessian(lambda x: np.sum(f(x)))(x)


TRACED = [by_jacobian, by_directions, by_single_directions, by_reverse, by_hand,
          by_hessian, lambda f, x: gradient(lambda x: np.sum(f(x)), mode="reverse")(x), lambda f, x: derivative(f)(x),
          lambda f, x: dd.linearize(f, x) @ np.ones(3)]


@pytest.mark.parametrize("mode", TRACED)
def test_the_trace_names_function_line_element_and_value(mode):
    with trace_nonfinite() as t:
        mode(broken, np.array([5.0, 4.0, 6.0]))
    line = inspect.getsourcelines(broken)[1] + 2
    assert t.first.function == "numpy.sqrt"
    assert (t.first.element, t.first.derivative, t.first.value) == ((1,), np.inf, 0)
    assert t.first.line == f"test_policies.py, line {line}: z = np.sqrt(y)"
    assert str(t).startswith("numpy.sqrt: the derivative became inf at element 1")


def test_one_block_may_be_entered_by_several_threads_and_left_in_any_order():
    policy, before, threads = kinks("nan"), WATCH.count, [copy_context() for _ in range(2)]
    for step, found in ((policy.__enter__, "nan"), (policy.__exit__, "least_norm")):
        for thread in threads:
            thread.run(step)
            assert thread.run(KINKS.get) == found
    assert WATCH.count == before
    with policy, equality("ignore"), policy:
        assert np.isnan(derivative(abs)(0.0))
    assert (KINKS.get(), WATCH.count) == ("least_norm", before)


def test_policies_hold_in_chunks_and_on_an_executors_threads():
    x = np.array([4.0, 0.0, 1.0])
    with ThreadPoolExecutor(2) as executor:
        for ways in ({"chunk": 1}, {"chunk": 1, "executor": executor}):
            with kinks("nan"):
                np.testing.assert_array_equal(jacobian(np.abs, **ways)(x), [[1, 0, 0], [0, NAN, 0], [0, 0, 1]])
            with kinks("raise"), pytest.raises(KinkError):
                jacobian(np.abs, **ways)(x)
            with trace_nonfinite() as t:
                jacobian(np.sqrt, **ways)(x)
            assert [(record.element, record.derivative) for record in t.found] == [((1,), np.inf)]
    assert WATCH.count == 0


def test_the_trace_names_the_direction():
    with trace_nonfinite() as t:
        jacobian(broken)(np.array([5.0, 4.0, 6.0]))
    assert t.first.direction == 1
    with trace_nonfinite() as t:
        jvp(broken, (np.array([5.0, 4.0, 6.0]),), (np.array([[1.0, 0, 1], [0, 3, 0]]),))
    assert (t.first.direction, t.first.derivative) == (1, np.inf)


def test_the_trace_is_empty_where_all_is_finite_and_where_the_strong_zero_saves_it():
    for f, x in ((np.sin, np.ones(2)), (lambda x: 1 / (1 + np.exp(-x)), np.array([-800.0])),
                 (lambda x: np.sqrt(x * np.array([0.0, 1.0])), np.ones(2))):
        with trace_nonfinite() as t:
            found = jacobian(f)(x)
        assert np.isfinite(found).all()
        assert str(t) == "every derivative was finite" or t.first.function == "numpy.exp"


@pytest.mark.parametrize(("f", "name"), [
    (lambda x: np.log(x) @ np.ones(2), "numpy.log"), (lambda x: np.sum(x / (x - x)), "numpy.divide"),
    (lambda x: np.linalg.inv(np.diag(x) + 1e-200) @ np.ones(2), "numpy.linalg.inv"),
    (lambda x: np.array([1e308, 1e308]) @ (10 * x), "numpy.matmul"), (lambda x: np.std(x * 0 + 1), "numpy.sqrt"),
    (lambda x: np.linalg.norm(1e200 * x - 3e200), "numpy.linalg.norm")])
def test_the_trace_sees_contractions_and_formulas(f, name):
    x = np.array([0.0, 1e-200])
    for mode in (by_jacobian, by_single_directions):
        with trace_nonfinite() as t:
            mode(f, x)
        assert t.found == [] or t.first.function in (name, f"{name}, transposed"), str(t)


def test_the_trace_of_a_reverse_run_names_what_overflowed_on_the_way_back():
    def f(x):
        y = 1e200 * x
        return np.sum(np.array([[1e200, 1.0, 1.0]]) @ y)
    with trace_nonfinite() as t:
        gradient(f, mode="reverse")(np.zeros(3) + 1e-200)
    assert t.first.function.startswith(("numpy.matmul", "numpy.sum"))


def test_a_trace_inside_the_function_starts_the_sweep_again_and_sees_only_its_block():
    def f(x):
        y = np.sqrt(x)
        with trace_nonfinite() as t:
            z = np.cbrt(x)
        found.append(t.first)
        return y + z
    found = []
    vjp(f, np.zeros(2))
    assert found[-1].function == "numpy.cbrt"
    assert WATCH.count == 0

"""Nothing drops a derivative silently: each way out of a dual number raises and says what would keep it, or keeps it."""

import collections
import math
import operator
import re

import numpy as np
import pytest

from dualdiff import Dual, DualArray, derivative, gradient, hessian, jacobian, jvp, lift, stop_gradient, value_and_gradient, vjp
from dualdiff.errors import ConversionError, DualdiffError, EscapeError, RuleError


def number_by_hand(f):
    """f of a Dual that the user made: value and derivative."""
    y = f(Dual(1.5, 1.0))
    return value_and_tangent(y)


def number_with_directions(f):
    """f of a Dual with two directions, of which the second is zero."""
    value, tangent = value_and_tangent(f(Dual(1.5, np.array([1.0, 0.0]))))
    assert np.all(tangent[1] == 0)
    return value, tangent[0]


def number_inside_a_sweep(f):
    """f of the number that a forward sweep passes in."""
    return jvp(f, (1.5,), (1.0,))


def element_inside_a_sweep(f):
    """f of an element of the array that a forward sweep passes in."""
    return jvp(lambda x: f(x[1]), (np.array([7.0, 1.5]),), (np.array([0.0, 1.0]),))


def element_inside_a_jacobian(f):
    value = f(1.5)
    return value, jacobian(lambda x: f(x[1]))(np.array([7.0, 1.5]))[..., 1]


def element_on_a_tape(f):
    value = f(1.5)
    return value, gradient(lambda x: np.sum(f(x[1])), mode="reverse")(np.array([7.0, 1.5]))[1]


def element_of_an_array_by_hand(f):
    return value_and_tangent(f(DualArray([7.0, 1.5], [0.0, 1.0])[1]))


def value_and_tangent(y):
    if isinstance(y, np.ndarray) and y.dtype == object:    # an array of Duals keeps them
        y = np.stack(y.tolist())
    return (y.value, y.tangent) if hasattr(y, "value") else (y, 0.0)


NUMBERS = [number_by_hand, number_with_directions, number_inside_a_sweep, element_inside_a_sweep, element_inside_a_jacobian,
           element_on_a_tape, element_of_an_array_by_hand]
DUALS = (Dual, DualArray)
each_number = pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.__name__)


def array_by_hand(f):
    return value_and_tangent(f(DualArray([1.5, 2.5], [1.0, 1.0])))


def array_inside_a_sweep(f):
    return jvp(f, (np.array([1.5, 2.5]),), (np.array([1.0, 1.0]),))


def array_on_a_tape(f):
    return f(np.array([1.5, 2.5])), gradient(lambda x: np.sum(f(x)), mode="reverse")(np.array([1.5, 2.5]))


ARRAYS = [array_by_hand, array_inside_a_sweep, array_on_a_tape]
each_array = pytest.mark.parametrize("kind", ARRAYS, ids=lambda kind: kind.__name__)


# ---- escapes raise, and name a remedy that keeps the derivative ------------------------------------------------------
def write_into_plain(d):
    a = np.zeros(3)
    a[0] = d
    return a


def in_place_on_plain(d):
    a = np.ones(2)
    a += d
    return a


def out_into_plain(d):
    return np.sin(d, out=np.zeros(np.shape(d)))


NUMBER_ESCAPES = {
    "float(d)": float, "int(d)": int, "complex(d)": complex, "math.sin(d)": math.sin, "math.sqrt(d)": math.sqrt,
    "math.pow(d, 2)": lambda d: math.pow(d, 2), "math.fsum([d])": lambda d: math.fsum([d]),
    "np.asarray(d, float)": lambda d: np.asarray(d, float), "np.array([d], dtype=float)": lambda d: np.array([d], dtype=float),
    "np.asarray([d, 1.0], float)": lambda d: np.asarray([d, 1.0], float), "np.zeros(3)[0] = d": write_into_plain,
    "np.full(2, d, float)": lambda d: np.full(2, d, float), "'%f' % d": lambda d: operator.mod("%f", d),
    "'%d' % d": lambda d: operator.mod("%d", d),
    "np.float64(d)": np.float64, "np.float32(d)": np.float32, "range(d)": range, "[1, 2][d]": lambda d: [1, 2][d],
    "np.fromiter([d], float)": lambda d: np.fromiter([d], float), "a += d": in_place_on_plain,
    "'x' * d": lambda d: "x" * d,
}
ARRAY_ESCAPES = {
    "np.array(x, dtype=float)": lambda x: np.array(x, dtype=float),
    "np.zeros(2)[:] = x": lambda x: np.zeros(2).__setitem__(slice(None), x), "float(x[:1])": lambda x: float(x[:1]),
    "x.astype(int)": lambda x: x.astype(int), "'%f' % x": lambda x: operator.mod("%f", x), "out=plain": out_into_plain,
    "f'{x:.3f}'": lambda x: f"{x:.3f}", "np.asarray(x, object)": lambda x: np.asarray(x, object),
    "list index": lambda x: [1, 2][x], "a += x": in_place_on_plain,
    "np.copyto": lambda x: np.copyto(np.zeros(2), x),
    "np.put": lambda x: np.put(np.zeros(2), [0, 1], x), "np.save": lambda x: np.save("nowhere.npy", x),
}
# What Python itself says is enough: no float, dual or not, may stand there, or Python replaces our message by its own.
PYTHONS_OWN = ("range(d)", "[1, 2][d]", "'x' * d", "'%d' % d")
# In a sweep the program then runs lifted, where these keep the derivative.
KEPT_BY_LIFT = ("np.full(2, d, float)", "np.copyto", "np.put")
BY_HAND = (number_by_hand, number_with_directions, element_of_an_array_by_hand, array_by_hand)
OURS = (EscapeError, RuleError)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("write", [
    lambda d: np.full(2, d, float), lambda d: (y := np.zeros(2), np.copyto(y, d))[0],
    lambda d: (y := np.zeros(2), np.put(y, [0, 1], d))[0], lambda d: (y := np.zeros(2), np.place(y, y == 0, d))[0]])
def test_numpy_s_functions_write_into_arrays_that_the_program_makes(write, mode):
    np.testing.assert_array_equal(jacobian(lambda d: write(d) * d, mode=mode)(1.5), [3, 3])


@each_number
@pytest.mark.parametrize("code", NUMBER_ESCAPES)
def test_a_number_does_not_escape(code, kind):
    if code in KEPT_BY_LIFT and kind not in BY_HAND:
        return
    escape = NUMBER_ESCAPES[code]
    with pytest.raises((TypeError, ValueError)) as raised:
        kind(lambda d: escape(d) if isinstance(d, DUALS) else d)
    if code not in PYTHONS_OWN:
        text = str(raised.value)
        assert isinstance(raised.value, OURS) or isinstance(raised.value.__cause__, OURS), text


@each_array
@pytest.mark.parametrize("code", ARRAY_ESCAPES)
def test_an_array_does_not_escape(code, kind):
    if code in KEPT_BY_LIFT and kind not in BY_HAND:
        return
    escape = ARRAY_ESCAPES[code]
    with pytest.raises((TypeError, ValueError)) as raised:
        kind(lambda x: escape(x) if isinstance(x, DUALS) else x)
    if code != "f'{x:.3f}'":
        assert isinstance(raised.value, OURS) or isinstance(raised.value.__cause__, OURS), str(raised.value)


@pytest.mark.parametrize(("escape", "remedy"), [
    (float, "np.sin"), (int, "np.floor"), (complex, r"x \+ 0j"), (math.sin, "np.sin"),
    (lambda d: np.array([d], dtype=float), "np.sin|np.stack"), (write_into_plain, "np.sin|np.stack|zeros_like"),
    (lambda d: np.full(2, d, float), r"numpy\.stack")])
def test_the_message_names_a_remedy_that_keeps_the_derivative(escape, remedy):
    with pytest.raises((TypeError, ValueError)) as raised:
        escape(Dual(1.5, 1.0))
    messages = f"{raised.value} {raised.value.__cause__}"
    assert re.search(remedy, messages), messages


def test_a_plain_array_that_is_added_to_in_place_is_told_what_to_write():
    with pytest.raises(EscapeError, match=r"write a = a \+ x, make a by np\.zeros"):
        gradient(lambda x: np.sum(in_place_on_plain(x)))(np.array([1.0, 2.0]))


def test_an_escape_is_a_dualdiff_error_and_a_type_error():
    assert issubclass(EscapeError, DualdiffError)
    assert issubclass(EscapeError, TypeError)


def test_the_shape_of_a_dual_array_is_not_set_in_place():
    def f(x):
        y = x * 1
        y.shape = (2, 1)
        return np.sum(y)
    with pytest.raises(AttributeError, match=r"x\.reshape\(\(2, 1\)\)"):
        gradient(f)(np.array([1.0, 2.0]))
    x = DualArray([1.0, 2.0], [1.0, 0.0])
    with pytest.raises(AttributeError, match="one block of memory"):
        x.strides = (16,)


def test_an_iterator_over_memory_is_told_of_loops_over_elements():
    x = np.array([1.0, 2.0])
    with pytest.raises(EscapeError, match=r"numpy\.nditer .* loop over x\.flat"):
        gradient(lambda x: sum(v * v for v in np.nditer(x)))(x)
    np.testing.assert_array_equal(gradient(lambda x: sum(v * v for v in x.flat))(x), 2 * x)


# ---- escapes that f does not let through -----------------------------------------------------------------------------
def logarithm_or_nothing(x, number=math.log):
    try:
        return x + number(x)
    except Exception:  # as packages write it
        return 0.0


def number_or_array(x):
    try:
        return float(x) ** 2
    except TypeError:
        return x * x


@pytest.mark.parametrize("transform", [derivative, gradient, jacobian, hessian, lambda f: lambda x: jvp(f, (x,), (1.0,)),
                                       lambda f: lambda x: vjp(f, x), lambda f: derivative(gradient(f))])
def test_an_error_that_f_catches_is_raised_where_f_then_gives_another_value(transform):
    with pytest.raises(EscapeError, match="went another way: float"):
        transform(lambda x: logarithm_or_nothing(x, float))(2.0)
    assert derivative(logarithm_or_nothing)(2.0) == 1.5  # run lifted
    assert derivative(number_or_array)(3.0) == gradient(number_or_array)(3.0) == 6.0
    assert derivative(number_or_array, order=2)(3.0) == hessian(number_or_array)(3.0) == 2.0


def defective_or_else(p):
    A = np.stack([np.stack([0 * p[0], 1 + 0 * p[0]]), np.stack([-p[0], -p[1]])])
    try:
        return np.sum(np.real(np.linalg.eigvals(A)))
    except ValueError:                                       # as a DegenerateError is
        return 7 * p[0]


def next_or_else(p):
    try:
        return np.nextafter(p[0], 2) * p[1]
    except TypeError:                                        # as a RuleError is
        return 7 * p[0]


def bytes_or_else(p):
    try:
        p.tobytes()
    except AttributeError:                                   # as an AbsentError is
        return 7 * p[0]
    return p[0] * p[1]


@pytest.mark.parametrize("f", [defective_or_else, next_or_else, bytes_or_else])
@pytest.mark.parametrize("transform", [
    gradient, jacobian, hessian, lambda f: lambda x: vjp(f, x), lambda f: jacobian(gradient(f)), lambda f: jacobian(f, chunk=1),
    lambda f: jacobian(f, sparse=True)])
def test_any_error_of_ours_that_f_catches_is_raised_where_f_then_gives_another_value(f, transform):
    with pytest.raises(EscapeError, match="went another way"):
        transform(f)(np.array([1.0, 2.0]))


def test_an_error_that_f_catches_and_makes_good_costs_one_run_on_plain_numbers():
    calls = []

    def f(p):
        calls.append(type(p))
        try:
            return np.sum(p * np.frombuffer(p.tobytes()))
        except AttributeError:
            return np.sum(p * p)
    np.testing.assert_array_equal(gradient(f)(np.array([1.0, 2.0])), [2.0, 4.0])
    assert len(calls) == 2
    assert calls[1] is np.ndarray


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_conversion_whose_error_f_catches_is_run_lifted(mode):
    def f(x, dtype=None):
        try:
            return np.sum(np.asarray(x, dtype) ** 2)
        except TypeError:
            return -1.0
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(gradient(f, mode=mode)(x), 2 * x)
    with pytest.raises(EscapeError, match="went another way: astype"):
        gradient(lambda x: f(x, int), mode=mode)(x)


class Relaxation:
    """A solver that keeps a view of its own array, made before anything is written to it."""

    def __init__(self, x, converted):
        self.u = np.zeros_like(x)
        self.inner = converted(self.u)

    def run(self, x, write):
        for _ in range(3):
            write(self.u, x)
        return np.sum(self.inner)


CONVERSIONS = {
    "a view": lambda u: np.asarray(u)[1:-1], "of a view": lambda u: np.asarray(u[1:-1]), "itself": np.asarray,
    "in order": np.ascontiguousarray, "not copied": lambda u: np.asarray(u, copy=None),
    "of its type": lambda u: np.asarray(u, float),
    "copied": lambda u: np.array(u)[1:], "of another type": lambda u: np.asarray(u, np.float32)[1:]}


def write_whole(u, x):
    u[:] = 0.5 * u + x


def write_elements(u, x):
    for i in range(1, u.size):
        u[i] = u[i - 1] + x[i] ** 2


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("write", [write_whole, write_elements])
@pytest.mark.parametrize("name", CONVERSIONS)
def test_a_plain_array_made_of_one_without_a_derivative_sees_what_is_written_to_it_later(name, write, mode):
    x = np.array([1.0, 2.0, 3.0, 4.0])

    def f(x):
        return Relaxation(x, CONVERSIONS[name]).run(x, write)
    value, slope = value_and_gradient(f, mode=mode)(x)
    assert value == f(x)
    steps = np.eye(4) * 1e-3
    np.testing.assert_allclose(slope, [(f(x + h) - f(x - h)) / 2e-3 for h in steps], atol=1e-9)


def test_a_write_beside_a_plain_array_in_use_is_refused_and_one_after_it_is_not():
    y = np.zeros_like(DualArray(np.ones(3), np.ones(3)))
    kept = np.asarray(y)[:2]
    for write in (lambda: y.__setitem__(0, 2.0), lambda: y.fill(2.0), lambda: y[1:].fill(2.0)):
        with pytest.raises(ConversionError, match="still in use"):
            write()
    assert not kept.any()
    del kept
    y[0] = 2.0
    assert np.array_equal(np.asarray(y), [2, 0, 0])


def test_a_copy_as_a_plain_array_is_the_caller_s_to_write_to():
    y = np.zeros_like(DualArray(np.ones(3), np.ones(3)))
    copied = np.array(y)
    copied -= 1.0
    assert np.array_equal(copied, [-1, -1, -1])
    assert not y.value.any()
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(y)[0] = 1.0


def test_an_error_that_hides_an_escape_quotes_it():
    def hidden(x):
        try:
            math.log(x)
        except TypeError:
            raise RuntimeError("could not solve") from None

    def chained(x):
        try:
            math.log(x)
        except TypeError as error:
            raise SystemError("returned a result with an exception set") from error
    with pytest.raises(RuntimeError, match="could not solve") as raised:
        gradient(hidden)(2.0)
    assert "Before that, float() of a dual number" in raised.value.__notes__[0]
    with pytest.raises(EscapeError, match="keep it where"):
        gradient(chained)(2.0)


@pytest.mark.parametrize("transform", [derivative, gradient, jacobian, hessian, lambda f: gradient(f, mode="reverse"),
                                       lambda f: derivative(lambda x: x * derivative(f)(x))])
@pytest.mark.parametrize("use", [lambda kept, x: kept, lambda kept, x: kept * x,
                                 lambda kept, x: np.stack([x, kept])[1] + x * x])
def test_a_dual_number_that_an_earlier_run_left_behind_is_refused(transform, use):
    kept = {}

    def f(x):
        if "sine" not in kept:
            kept["sine"] = np.sin(x)
        return use(kept["sine"], x)
    assert np.isfinite(derivative(f)(1.0))
    with pytest.raises(EscapeError, match="earlier run left in a cache"):
        transform(f)(1.0)
    kept["sine"] = stop_gradient(kept["sine"])
    assert np.isfinite(transform(f)(1.0))


def test_what_a_finished_inner_run_left_is_a_constant_of_the_outer_one():
    def f(x):
        seen = []
        derivative(lambda y: seen.append(x * y) or x * y)(3.0)
        return seen[0]
    assert derivative(f)(2.0) == gradient(f)(2.0) == 3.0


# ---- keepers ---------------------------------------------------------------------------------------------------------
def item_assigned(d):
    x = np.zeros_like(np.stack([d, d, d]))
    x[0] = d
    x[2] = d * d
    return x


NUMBER_KEEPERS = [  # code, function, value and derivative at 1.5
    ("max(d, 0.)", lambda d: max(d, 0.0), 1.5, 1.0),
    ("max(0., d)", lambda d: max(0.0, d), 1.5, 1.0),
    ("min(d, 2., 3 * d)", lambda d: min(d, 2.0, 3 * d), 1.5, 1.0),
    ("if d > 0", lambda d: d * d if d > 0 else -d, 2.25, 3.0),
    ("round(d)", lambda d: round(d) + d, 3.5, 1.0),
    ("round(d, 1)", lambda d: round(d, 1) * d, 2.25, 1.5),
    ("np.float64(2) * d", lambda d: np.float64(2) * d, 3.0, 2.0),
    ("d * np.float64(2)", lambda d: d * np.float64(2), 3.0, 2.0),
    ("np.float32(2) - d", lambda d: np.float32(2) - d, 0.5, -1.0),
    ("np.float64(3) / d", lambda d: np.float64(3) / d, 2.0, -3 / 2.25),
    ("np.float64(2) ** d", lambda d: np.float64(2) ** d, 2**1.5, 2**1.5 * math.log(2)),
    ("np.float64(1) < d", lambda d: d if np.float64(1) < d else 0 * d, 1.5, 1.0),
    ("np.ones(2) * d", lambda d: np.ones(2) * d, [1.5, 1.5], [1.0, 1.0]),
    ("d * np.arange(3)", lambda d: d * np.arange(3), [0.0, 1.5, 3.0], [0.0, 1.0, 2.0]),
    ("np.ones(2) - d", lambda d: np.ones(2) - d, [-0.5, -0.5], [-1.0, -1.0]),
    ("np.ones(()) * d", lambda d: np.ones(()) * d, 1.5, 1.0),
    ("np.sum([d, d])", lambda d: np.sum([d, d]), 3.0, 2.0),
    ("sum([d, d * d])", lambda d: sum([d, d * d]), 3.75, 4.0),
    ("np.stack([d, d])", lambda d: np.stack([d, d]), [1.5, 1.5], [1.0, 1.0]),
    ("np.stack([d, 2.0, d * d])", lambda d: np.stack([d, 2.0, d * d]), [1.5, 2.0, 2.25], [1.0, 0.0, 3.0]),
    ("np.concatenate([np.ones(1) * d, [2.0]])", lambda d: np.concatenate([np.ones(1) * d, [2.0]]), [1.5, 2.0], [1.0, 0.0]),
    ("np.max([d, 0.5])", lambda d: np.max([d, 0.5]), 1.5, 1.0),
    ("np.asarray(d)", lambda d: np.asarray(d) * d, 2.25, 3.0),
    ("np.full(2, d)", lambda d: np.full(2, d) * d, [2.25, 2.25], [3.0, 3.0]),
    ("np.sin(np.full(2, d))", lambda d: np.sin(np.full(2, d)), [math.sin(1.5)] * 2, [math.cos(1.5)] * 2),
    ("np.array([d, d]).sum()", lambda d: np.array([d, d]).sum(), 3.0, 2.0),
    ("np.dot([d, 1.0], [2.0, d])", lambda d: np.dot([d, 1.0], [2.0, d]), 4.5, 3.0),
    ("np.array([d, d * d]).sum()", lambda d: np.array([d, d * d]).sum(), 3.75, 4.0),
    ("np.array([d, 1.0]) @ np.ones(2)", lambda d: np.array([d, 1.0]) @ np.ones(2), 2.5, 1.0),
    ("np.sin(np.array([d]))[0]", lambda d: np.sin(np.array([d]))[0], math.sin(1.5), math.cos(1.5)),
    ("np.full_like(d, d)", lambda d: np.full_like(np.stack([d, d]), d), [1.5, 1.5], [1.0, 1.0]),
    ("zeros_like, then items", item_assigned, [1.5, 0.0, 2.25], [1.0, 0.0, 3.0]),
    ("np.maximum(d, 0)", lambda d: np.maximum(d, 0), 1.5, 1.0),
    ("np.where(d > 0, d, 0)", lambda d: np.where(d > 0, d, 0.0), 1.5, 1.0),
    ("d + 0j", lambda d: np.real(d + 0j), 1.5, 1.0),
    ("divmod(d, 1)", lambda d: divmod(d, 1)[1], 0.5, 1.0),
    ("np.linalg.norm([d, 2.0])", lambda d: np.linalg.norm([d, 2.0]), 2.5, 0.6),
    ("sorted", lambda d: sorted([d * d, d, 3 * d])[1], 2.25, 3.0),
    ("a dict and a tuple", lambda d: {"a": (d, 2 * d)}["a"][1], 3.0, 2.0),
]


@each_number
@pytest.mark.parametrize(("f", "value", "slope"), [pytest.param(*case[1:], id=case[0]) for case in NUMBER_KEEPERS])
def test_a_number_keeps_its_derivative(f, value, slope, kind):
    found, along = kind(f)
    np.testing.assert_allclose(found, value, rtol=1e-15)
    np.testing.assert_allclose(along, np.sum(slope) if kind is element_on_a_tape else slope, rtol=1e-15)


@each_number
def test_the_mean_of_a_list_keeps_the_derivative(kind):
    found, along = kind(lambda d: np.mean([d, 2 * d]))
    np.testing.assert_allclose([found, along], [2.25, 1.5], rtol=1e-15)


ARRAY_KEEPERS = [
    ("np.ones(2) * x", lambda x: np.ones(2) * x, [1.0, 1.0]),
    ("np.float64(2) * x", lambda x: np.float64(2) * x, [2.0, 2.0]),
    ("np.arange(2) - x", lambda x: np.arange(2) - x, [-1.0, -1.0]),
    ("np.stack(list(x))", lambda x: np.stack(list(x)), [1.0, 1.0]),
    ("np.stack([a * a for a in x])", lambda x: np.stack([a * a for a in x]), [3.0, 5.0]),
    ("np.sin(np.array(list(x))) as objects", lambda x: np.sin(np.array(list(x))), [math.cos(1.5), math.cos(2.5)]),
    ("x.copy()", lambda x: x.copy(), [1.0, 1.0]),
    ("np.zeros_like", lambda x: fill(np.zeros_like(x), x), [1.0, 1.0]),
    ("np.empty_like", lambda x: fill(np.empty_like(x), x * 3), [3.0, 3.0]),
    ("x.astype(float)", lambda x: x.astype(float), [1.0, 1.0]),
    ("x.tolist()", lambda x: np.stack(x.tolist()), [1.0, 1.0]),
    ("x[x > 2] is selected", lambda x: np.where(x > 2, x * x, x), [1.0, 5.0]),
    ("np.asarray(x)", lambda x: np.asarray(x) * x, [3.0, 5.0]),
    ("np.array(x)", lambda x: np.sin(np.array(x)), [math.cos(1.5), math.cos(2.5)]),
    ("np.array([x, x])", lambda x: np.array([x, x])[1] * x, [3.0, 5.0]),
    ("np.sum([x, x])", lambda x: np.sum([x, x * x], axis=0), [4.0, 6.0]),
    ("np.full((2, 2), x)", lambda x: np.full((2, 2), x)[1], [1.0, 1.0]),
    ("np.hypot of arrays made of numbers", lambda x: np.hypot(np.array([x[0], 2.0]), np.array([0.0, x[1]])),
     [1.0, 2.5 / math.hypot(2.0, 2.5)]),
    ("np.require(x)", lambda x: np.require(x) * 2.0, [2.0, 2.0]),
    ("np.r_[x, 1]", lambda x: np.r_[x, 1.0][:2], [1.0, 1.0]),
    ("np.sum over a generator's list", lambda x: np.stack([sum([*x]), x[0]]), None),
]


def fill(buffer, x):
    buffer[:] = x
    return buffer


@each_array
@pytest.mark.parametrize(("f", "slope"), [pytest.param(*case[1:], id=case[0]) for case in ARRAY_KEEPERS])
def test_an_array_keeps_its_derivative(f, slope, kind):
    plain = f(np.array([1.5, 2.5]))
    try:
        value, along = kind(f)
    except (ConversionError, AttributeError):              # a transform runs f once more, lifted
        assert kind is array_by_hand
        value, along = kind(lift(f))
    np.testing.assert_allclose(value, plain, rtol=1e-15)
    if slope is None:                                      # J = [[1, 1], [1, 0]]: rows summed forward, columns in reverse
        slope = [2.0, 1.0]
    np.testing.assert_allclose(along, slope, rtol=1e-15)


# ---- text ------------------------------------------------------------------------------------------------------------
def test_formatting_shows_the_tangent_too():
    assert f"{Dual(1.5, 2.0):.3f}" == "1.500 + 2.000ε"
    assert f"{Dual(1.5, np.array([2.0, 0.5])):.1f}" == "1.5 + [2.0, 0.5]ε"
    assert f"{Dual(1.5, 2.0)}" == "Dual(1.5, 2.0)"
    assert operator.mod("%s", Dual(1.5, 2.0)) == "Dual(1.5, 2.0)"
    assert str(Dual(1.5, 2.0)) == repr(Dual(1.5, 2.0))
    texts = []
    derivative(lambda x: texts.append(f"{x * x:.2f}") or x)(1.5)
    assert texts == ["2.25 + 3.00ε"]


def test_on_a_tape_the_value_prints_without_a_wrong_tangent():
    texts = []

    def f(x):
        texts.extend([repr(x), repr(x[0]), f"{x[0]}"])
        return np.sum(x)

    gradient(f, mode="reverse")(np.array([1.5, 2.5]))
    assert all("1.5" in text and "tape" in text for text in texts)


def test_stop_gradient_is_the_way_to_say_that_a_constant_is_meant():
    assert float(stop_gradient(Dual(1.5, 1.0))) == 1.5
    assert derivative(lambda x: x * math.sin(stop_gradient(x)))(1.5) == math.sin(1.5)
    x = np.array([1.5, 2.5])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(x * np.asarray(stop_gradient(x))))(x), x)
    assert stop_gradient({"a": [Dual(1.0, 1.0), (Dual(2.0, 1.0), 3)]}) == {"a": [1.0, (2.0, 3)]}
    assert stop_gradient(collections.defaultdict(list, a=Dual(1.0, 1.0)))["b"] == []

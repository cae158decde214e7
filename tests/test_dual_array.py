"""DualArray: an array like NumPy's, which keeps its derivative or says why it cannot."""

import copy
import pickle
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from dualdiff import Dual, DualArray, equality, gradient, jacobian, jvp, lift, value_and_jacobian
from dualdiff.errors import AssignmentError, DerivativeWarning, EscapeError, RuleError, ShapeError, StructureError
from dualdiff.rules import ROWS

VALUE = np.arange(1.0, 7.0).reshape(2, 3)
ONE = np.ones((2, 3))
MANY = np.arange(24.0).reshape(4, 2, 3)


@pytest.mark.parametrize("tangent", [ONE, MANY], ids=["one direction", "four directions"])
def test_the_tangent_comes_back_in_the_form_it_was_given(tangent):
    x = DualArray(VALUE, tangent)
    assert np.array_equal(x.value, VALUE)
    assert np.array_equal(x.tangent, tangent)
    assert (3 * x).tangent.shape == tangent.shape
    assert x.sum().tangent.shape == tangent.shape[:-2]
    assert x[0].tangent.shape == (*tangent.shape[:-2], 3)
    assert np.array_equal((x @ np.ones(3)).tangent, tangent.sum(-1))


def test_integers_become_floats_and_a_number_is_a_tangent_for_every_element():
    x = DualArray([1, 2], [True, False])
    assert x.dtype == np.float64
    assert np.array_equal(x.tangent, [1.0, 0.0])
    assert np.array_equal(DualArray([1.0, 2.0], 1.0).tangent, [1.0, 1.0])


@pytest.mark.parametrize(("value", "tangent", "error", "message"), [
    (VALUE, np.ones(3), ShapeError, r"tangent has shape \(3,\); the value has shape \(2, 3\).*\(k, 2, 3\)"),
    (VALUE, np.ones((4, 3, 2)), ShapeError, "4, 3, 2"),
    (["a"], [1.0], StructureError, "dtype <U1"),
    (np.ma.masked_array(VALUE), ONE, StructureError, "MaskedArray"),
    (VALUE.view(np.recarray), ONE, StructureError, "recarray"),
])
def test_what_does_not_fit_is_refused(value, tangent, error, message):
    with pytest.raises(error, match=message):
        DualArray(value, tangent)


def test_different_numbers_of_directions_cannot_be_combined():
    with pytest.raises(ShapeError, match="1 and 4 directions"):
        print(DualArray(VALUE, ONE) * DualArray(VALUE, MANY))


def test_it_looks_like_an_array():
    x = DualArray(VALUE, MANY)
    assert (x.shape, x.ndim, x.size, len(x), x.itemsize, x.nbytes) == ((2, 3), 2, 6, 2, 8, 48)
    assert [row.shape for row in x] == [(3,), (3,)]
    assert isinstance(x[0, 1], Dual)
    assert x[0, 1].value == 2
    with pytest.warns(DerivativeWarning):
        assert 5.0 in x
    assert x.T.shape == (3, 2)
    assert x.tolist()[1][2].value == 6
    assert x.item(3).value == 4
    assert bool(DualArray([2.0], [1.0]))
    with pytest.raises(TypeError, match="unsized"):
        len(DualArray(np.array(1.0), np.array(1.0)))
    with pytest.raises(ValueError, match="size 1"):
        x.item()


@pytest.mark.parametrize(("method", "arguments"), [
    ("sum", ()), ("sum", (0,)), ("mean", (1,)), ("max", ()), ("min", (0,)), ("cumsum", (1,)), ("ravel", ()),
    ("flatten", ()), ("reshape", (3, 2)), ("reshape", ((6,),)), ("transpose", ()), ("transpose", (1, 0)),
    ("swapaxes", (0, 1)), ("squeeze", ()), ("take", ([0, 2], 1)), ("repeat", (2, 0)), ("trace", ()), ("diagonal", ()),
    ("dot", (np.ones((3, 4)),)), ("clip", (2.5, 5.5)), ("conj", ()), ("copy", ()), ("astype", (np.float32,)),
    ("compress", ([True, False, True], 1)),
])
def test_methods_are_the_functions(method, arguments):
    x = DualArray(VALUE, MANY)
    y = getattr(x, method)(*arguments)
    assert np.array_equal(y.value, getattr(VALUE, method)(*arguments))
    moved = [getattr(DualArray(VALUE, d), method)(*arguments).tangent for d in MANY]
    assert np.allclose(y.tangent, np.stack(moved))
    step = 2.0**-20 if method != "astype" else 2.0**-6     # exact in binary, and in single precision
    plus, minus = (getattr(VALUE + sign * step * MANY[1], method)(*arguments) for sign in (1, -1))
    assert np.allclose(y.tangent[1], (plus - minus) / (2 * step), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("method", ["argmax", "argmin", "argsort", "all", "any", "nonzero", "round", "searchsorted"])
def test_methods_whose_result_is_constant_give_plain_values(method):
    x = DualArray(np.array([3.0, 1.0, 2.0]), np.ones(3))
    arguments = (2.0,) if method == "searchsorted" else ()
    assert np.array_equal(getattr(x, method)(*arguments), getattr(x.value, method)(*arguments))


def test_comparisons_see_values_only():
    x = DualArray(VALUE, MANY)
    assert np.array_equal(x > 2, VALUE > 2)
    with pytest.warns(DerivativeWarning, match="== is true of a number that is being differentiated"):
        assert np.array_equal(x == VALUE, np.full((2, 3), True))
    assert not np.any(x == -1.0)
    assert np.array_equal(x <= x.copy(), np.full((2, 3), True))


def test_it_prints_its_value_and_its_tangent():
    assert repr(DualArray([1.0, 2.5], [1.0, 0.0])) == "DualArray([1. , 2.5], tangent=[1., 0.])"
    assert repr(DualArray([1.0, 2.5], [1.0, 0.0])[1]) == "Dual(2.5, 0.0)"
    assert "directions" in repr(DualArray(np.ones(30), np.ones((9, 30))))
    seen = []
    jacobian(lambda x: seen.append(repr(x)) or x)(np.ones(2))
    assert seen == ["DualArray([1., 1.], tangent=[[1., 0.],\n [0., 1.]])"]


@pytest.mark.parametrize(("mode", "text"), [("forward", "1.50 + [1.00, 0.00]ε"), ("reverse", "1.50 + <on tape>ε")])
def test_numbers_of_a_sweep_are_formatted_in_every_mode(mode, text):
    seen = []
    gradient(lambda x: seen.append(f"{x[0]:.2f}") or x[0] * x[1], mode=mode)(np.array([1.5, 2.0]))
    assert seen == [text]


def test_copies_and_pickles_are_equal_and_independent():
    x = DualArray(VALUE, MANY)
    for y in (copy.copy(x), copy.deepcopy(x), x.copy(), pickle.loads(pickle.dumps(x)), np.copy(x)):
        assert np.array_equal(y.value, VALUE)
        assert np.array_equal(y.tangent, MANY)
        y[0, 0] = 100.0
        assert x.value[0, 0] == 1
    d = pickle.loads(pickle.dumps(Dual(2.0, 3.0)))
    assert (d.value, d.tangent) == (2.0, 3.0)
    nested = DualArray(DualArray(VALUE, ONE), DualArray(ONE, VALUE))
    for y in (nested, nested[0, 1]):
        again = pickle.loads(pickle.dumps(y))
        assert np.array_equal((again * y).tangent.tangent, (y * y).tangent.tangent)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_number_of_a_running_sweep_is_its_own_copy(copied):
    f = lambda x: copied([x[0], x])[0] * copied(x[1]) * copied({"x": x})["x"][0]
    for mode in ("forward", "reverse"):
        assert np.array_equal(jacobian(f, mode=mode)(np.array([3.0, 5.0])), [30.0, 9.0])


def test_a_number_of_a_running_sweep_cannot_be_pickled():
    with pytest.raises(TypeError, match="running sweep cannot be pickled"):
        jacobian(lambda x: pickle.dumps(x) and x)(np.ones(2))


def test_a_conversion_keeps_the_derivative_or_raises():
    x = DualArray(VALUE, ONE)
    assert x.astype(complex).dtype == complex
    assert np.array_equal(x.astype(complex).tangent, ONE)
    for convert in (np.asarray, np.array, lambda x: x.astype(int), float, int, complex, lambda x: range(3)[x],
                    lambda x: np.zeros((2, 3)).__setitem__(..., x), lambda x: np.ones(3)[x[0]],
                    lambda x: np.add(x, 1, out=np.zeros((2, 3)))):
        with pytest.raises(EscapeError, match=r"derivative"):
            convert(x)


def test_functions_without_a_row_are_refused_by_name(monkeypatch):
    x = DualArray(VALUE, ONE)
    monkeypatch.delitem(ROWS, np.cumsum)
    with pytest.raises(RuleError, match=r"numpy.cumsum has no derivative rule.*stop_gradient"):
        np.cumsum(x)


# ---- assignment --------------------------------------------------------------------------------------------------------
def written(write):
    """Differentiate a program that writes, forward and reverse, against finite differences of the same program."""
    def f(x):
        y = x * 1.5
        out = write(y, x)
        return np.concatenate([np.ravel(y), np.ravel(out if out is not None else y)])
    x, h = np.linspace(0.3, 1.7, 12).reshape(3, 4), 1e-6
    J = jacobian(f)(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = h
        assert np.allclose(J[(slice(None), *i)], (f(x + e) - f(x - e)) / (2 * h), atol=1e-7)


def set_item(index, value):
    def write(y, x):
        y[index] = value(x)
    return write


@pytest.mark.parametrize("write", [
    set_item(0, lambda x: x[1]), set_item((1, 2), lambda x: x[0, 0] ** 2), set_item((slice(None), 1), lambda x: x[:, 0] * 2),
    set_item((slice(None), slice(None, None, -2)), lambda x: x[:, :2]), set_item(..., np.sin),
    set_item([0, 2], lambda x: x[:2]), set_item(np.array([[True] * 4, [False] * 4, [True, False] * 2]), lambda x: x[0, 0]),
    set_item(([0, 1], [2, 3]), lambda x: 7.0), set_item(0, lambda x: np.arange(4)), set_item(slice(0, 2), lambda x: x[2:]),
    set_item((0, None), lambda x: x[1]), set_item(slice(None), lambda x: np.ones((1, 3, 4))),
])
def test_assignment_to_any_index_is_numpy_s(write):
    written(write)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_slice_may_be_bounded_by_an_array_of_one_number_which_changes_later(mode):
    def f(x):
        n, out = np.array(2), np.zeros_like(x)
        out[:n] = x[-n:]
        out[n:] = x[None][0, :n + 1] ** 2
        n += 1
        return out
    assert np.array_equal(jacobian(f, mode=mode)(np.arange(1.0, 6)) @ np.ones(5), [1, 1, 2, 4, 6])
    with pytest.raises(TypeError, match="only integer scalar arrays"):
        jacobian(lambda x: x[np.array([1]):], mode=mode)(np.ones(3))


def inner_view(y, x):
    z = y[1:][:, ::2]
    z[0, 1] = x[0, 0] ** 2
    return z


def view_sees_base(y, x):
    z = y.T[1]
    y[:, 1] = x[:, 0]
    return z * 2


def reshaped(y, x):
    z = y.reshape(2, 6)
    z[0] = x[:, :2].ravel()
    return z


def rows(y, x):
    for i, row in enumerate(y):
        row[0] = x[i, 1] * i
        row *= 2


def in_place(y, x):
    z = y
    z += x
    z *= y
    z -= 1
    z /= x
    z **= 2
    y[1:] += x[:-1]


@pytest.mark.parametrize("write", [inner_view, view_sees_base, reshaped, rows, in_place])
def test_names_and_views_of_an_array_all_see_a_write(write):
    written(write)


def test_the_caller_s_array_is_never_changed():
    x = np.ones(3)

    def f(x):
        x[0] = x[1] * 2
        x += 1
        return x
    assert np.array_equal(jacobian(f)(x), [[0, 2, 0], [0, 1, 0], [0, 0, 1]])
    assert np.array_equal(x, np.ones(3))


def test_a_buffer_made_like_the_argument_is_filled_element_by_element():
    def f(x):
        out = np.zeros_like(x)
        for i in range(len(x)):
            out[i] = x[i] * (out[i - 1] if i else 1)
        return out
    J = jacobian(f)(np.array([2.0, 3.0, 4.0]))
    assert np.array_equal(J, [[1, 0, 0], [3, 2, 0], [12, 8, 6]])


@pytest.mark.parametrize(("act", "error", "message"), [
    (lambda x: x.__setitem__(0, np.ones(4)), AssignmentError, r"from shape \(4,\) into shape \(3,\)"),
    (lambda x: x.__setitem__(0, 1j), AssignmentError, "complex"),
    (lambda x: x.__setitem__(0, "a"), AssignmentError, "<U1"),
    (lambda x: x.__setitem__(0, {}), TypeError, "not 'dict'"),
    (lambda x: x.__setitem__(0, np.array(1j, object)), AssignmentError, "complex"),
    (lambda x: x.__setitem__(0, mpmath.mpc(1, 2)), TypeError, "not 'mpc'"),
    (lambda x: x.__setitem__(5, 1.0), IndexError, "out of bounds"),
    (lambda x: x[0].__iadd__(np.ones((2, 3))), AssignmentError, "would change the shape"),
])
def test_an_assignment_that_numpy_refuses_is_refused(act, error, message):
    with pytest.raises(error, match=message):
        act(DualArray(VALUE, ONE))


class Third:
    def __float__(self):
        return 1 / 3


@pytest.mark.parametrize("c", [Third(), Fraction(1, 3), Decimal("0.5"), None, mpmath.mpf(3), [Fraction(1, 2)] * 2,
                               np.array([None, 1.0]), (None, 1.0)])
def test_what_numpy_makes_a_number_of_is_written_as_one(c):
    def f(x):
        out = np.zeros_like(x)
        out[0 if np.ndim(c) == 0 else slice(None)] = c
        return out + x * x[1]
    x = np.array([1.0, 2.0])
    for g in (f, lift(f)):
        value, J = value_and_jacobian(g)(x)
        np.testing.assert_array_equal(value, f(x))
        np.testing.assert_array_equal(J, [[2, 1], [0, 4]])


def test_out_may_be_a_dual_array():
    x = DualArray(VALUE, ONE)
    out = np.zeros_like(x)
    assert np.multiply(x, x, out=out) is out
    assert np.array_equal(out.tangent, 2 * VALUE)


def test_objects_arrays_of_duals_go_through_numpy():
    a = np.array([Dual(1.0, 1.0), Dual(2.0, 0.0)])
    assert a.dtype == object
    assert (a @ np.ones(2)).tangent == 1.0
    assert np.sin(a)[0].tangent == np.cos(1.0)
    assert np.sum(a * a).tangent == 2.0
    assert np.array_equal((DualArray([1.0, 1.0], [0.0, 1.0]) * a).tangent, [1.0, 2.0])


# ---- directions of duals made by hand ---------------------------------------------------------------------------------
def assigned(x, y):
    x = x.copy()
    x[0, 1:] = y[1, :2]
    return x.tangent


@pytest.mark.parametrize("combine", [
    lambda x, y: np.stack([x, y]), lambda x, y: np.concatenate([x, y]), lambda x, y: np.stack([*x[0], *y[0]]),
    np.append, lambda x, y: (x * y).tangent, assigned, lambda x, y: ((x + y) @ np.ones(3)).tangent],
    ids=["stack", "concatenate", "numbers", "append", "product", "assignment", "contraction"])
def test_duals_of_different_numbers_of_directions_cannot_be_combined(combine):
    one, two, three = DualArray(VALUE, ONE), DualArray(VALUE, np.ones((2, 2, 3))), DualArray(VALUE, np.ones((3, 2, 3)))
    for x, y in ((one, three), (three, one), (two, three), (three, two)):
        with pytest.raises(ShapeError, match=r"directions were combined; give all of them as many"):
            combine(x, y)


def test_a_dual_made_by_hand_does_not_see_what_is_written_to_the_arrays_it_was_made_of():
    seed, value, found = np.zeros(3), np.array([1.0, 2.0, 3.0]), []
    for i in range(3):
        seed[:] = np.arange(3) == i
        found += [np.sin(DualArray(value, seed)), DualArray(value, [seed, seed]), Dual(2.0, seed) + 1]
    seed[:], value[:] = 7.0, 9.0
    assert np.array_equal([y.tangent for y in found[::3]], np.diag(np.cos([1.0, 2.0, 3.0])))
    assert np.array_equal([y.tangent for y in found[1::3]], [[row, row] for row in np.eye(3)])
    assert np.array_equal([y.tangent for y in found[2::3]], np.eye(3))
    assert found[1].value.tolist() == [1, 2, 3]


NO_AXES = ["np.sum(x, axis=0)", "x.sum(-1)", "np.prod(x, axis=0)", "np.add.reduce(x)", "np.logaddexp.reduce(x)",
           "np.nansum(x, axis=0)", "np.cumsum(x, axis=0)", "x[None]", "x.copy(order='F')", "x[()].copy('C')"]


@pytest.mark.parametrize("code", NO_AXES)
def test_an_array_without_axes_goes_where_numpys_goes(code):
    x = DualArray(np.array(2.0), np.array([3.0, 4.0]))
    result, plain = (eval(code, {"np": np, "x": a}) for a in (x, x.value))
    assert np.array_equal(result.value, plain)
    assert np.shape(result) == plain.shape
    assert np.array_equal(result.tangent.ravel(), [3, 4])
    slope = jacobian(lambda x: eval(code, {"np": np, "x": x}), mode="reverse")(np.array(2.0))
    assert np.array_equal(slope, np.ones(plain.shape))


def test_the_elements_in_order_are_compared_one_by_one():
    x = DualArray(np.array([[1.0, 3.0], [2.0, 0.0]]), np.ones((2, 2)))
    for y in (x.flat, x.value.flat):
        assert [(y > 1).tolist(), (y != 5).tolist()] == [[False, True, True, False], [True] * 4]
    assert x.flat.copy().tangent.tolist() == [1, 1, 1, 1]


def filled(y, write, value):
    write(y, value)
    return y


FLAT = {
    "concatenate": lambda A, b: np.concatenate([A.flat, A[0]]), "concatenate after": lambda A, b: np.concatenate([b, A.flat]),
    "hstack": lambda A, b: np.hstack([A.flat, A[0, 0]]), "stack": lambda A, b: np.stack([A[0].flat, A[1]]),
    "where": lambda A, b: np.where([True, False, True], A[0], A[1].flat), "append": lambda A, b: np.append(A[0], A.flat),
    "where number": lambda A, b: np.where([True, False, True], A[1].flat, 0.0), "dot": lambda A, b: np.dot(b, A.flat),
    "assign": lambda A, b: filled(np.zeros_like(A[0]), lambda y, v: y.__setitem__(slice(None), v), A[1].flat),
    "copyto": lambda A, b: filled(np.zeros_like(A[0]), np.copyto, A[1].flat),
    "dot with itself": lambda A, b: np.dot(A.flat, A.flat),
    "bincount": lambda A, b: np.bincount([0, 2, 2, 1, 0, 1], weights=A.flat),
    "convolve": lambda A, b: np.convolve(A.flat, A[0]),
    "interp": lambda A, b: np.interp(2.2, A.flat, b), "insert": lambda A, b: np.insert(A[0], 1, A[1].flat),
    "block": lambda A, b: np.block([A[0], A.flat]), "full_like": lambda A, b: np.full_like(A[0], A[1].flat),
    "array": lambda A, b: np.array([A[0].flat, A[1]]), "array itself": lambda A, b: np.array(A.flat),
    "product": lambda A, b: A.ravel() * A.flat, "beside a plain array": lambda A, b: b * A.flat,
    "sin": lambda A, b: np.sin(A.flat),
    "meshgrid": lambda A, b: np.meshgrid(A[0], A[1].flat)[1], "sum": lambda A, b: np.sum(A.flat, keepdims=True),
}


@pytest.mark.parametrize("name", FLAT)
def test_the_elements_in_order_are_an_array_wherever_a_function_takes_one(name):
    A, b = np.array([[1.3, 1.7, 2.1], [2.6, 3.2, 4.9]]), np.linspace(0.5, 3.0, 6)

    def complex_step(direction):
        return FLAT[name](A + 1e-200j * direction, b).imag / 1e-200
    value, slope = jvp(lambda A: FLAT[name](A, b), (A,), (np.cos(A),))
    assert value.dtype == slope.dtype == float
    np.testing.assert_array_equal(value, FLAT[name](A, b))
    if name in ("bincount", "interp"):  # which take no complex numbers
        expected = (FLAT[name](A + 1e-6 * np.cos(A), b) - FLAT[name](A - 1e-6 * np.cos(A), b)) / 2e-6
        np.testing.assert_allclose(slope, expected, rtol=1e-8)
    else:
        np.testing.assert_allclose(slope, complex_step(np.cos(A)), rtol=1e-14)


@pytest.mark.parametrize("step", [np.sign, np.fix, np.floor, np.ceil, np.trunc, np.rint])
def test_steps_of_numbers_in_a_list_are_floats_as_of_plain_ones(step):
    value, slope = jvp(lambda e: step([-5.0 * e, 4.5 * e]), (1.0,), (1.0,))
    assert value.dtype == slope.dtype == float
    assert value.tolist() == step([-5.0, 4.5]).tolist()


def test_a_mask_leaves_out_numbers_in_a_list():
    assert jvp(lambda e: np.sum([e, 2.0], where=[True, False]), (1.0,), (3.0,)) == (1, 3)


def test_an_array_without_axes_is_written_to_like_any_other():
    x = DualArray(np.array(2.0), np.array([3.0, 4.0]))
    x.put(0, 3 * x)
    assert (x.value, x.tangent.tolist()) == (6, [9, 12])
    x.flat[:] = 2 * x
    assert (x[None].value, x[None].tangent.tolist()) == (12, [[18], [24]])
    np.put(x, [0], 5)
    assert (x.value, x.tangent.tolist()) == (5, [0, 0])


@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_a_type_asked_for_is_the_type_that_comes():
    x = DualArray(np.array([1.5, 0.5, 4.0], np.float32), np.eye(3))
    assert np.quantile(x, x[1:2]).dtype == np.quantile(x.value, x.value[1:2]).dtype == np.float32
    for f in (np.cov, np.corrcoef):
        single = f(np.stack([x, x**2]), dtype=np.float32)
        assert single.dtype == single.tangent.dtype == np.float32
    with pytest.raises(EscapeError, match="cumsum with dtype=float64"):
        np.cumsum(x + 1j, dtype=float)


def test_a_dual_condition_chooses_among_constants():
    x = DualArray([1.0, 0.0, 2.0], np.eye(3))
    with pytest.warns(DerivativeWarning, match="== is true"):
        assert np.where(x, 5, 7).tolist() == [5, 7, 5]
    with equality("ignore"):
        assert np.array_equal(np.where(x, x, 7).tangent, np.diag([1, 0, 1]))


@pytest.mark.parametrize("fill", [(3, 4), [3.5, 4], ((3, 4),), np.array([3, 4])])
def test_the_two_sides_of_a_padded_array_may_differ(fill):
    x = DualArray(np.array([1.0, 2.0], np.float32), np.eye(2))
    padded = np.pad(x, (1, 2), constant_values=fill)
    assert np.array_equal(padded.value, np.pad(x.value, (1, 2), constant_values=fill))
    assert padded.dtype == np.float32
    assert np.array_equal(padded.tangent, np.pad(np.eye(2), ((0, 0), (1, 2))))

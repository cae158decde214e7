"""New arrays that duals can be written into: numpy.zeros(n, like=x) and its kin; and what a plain array says instead."""

import io

import numpy as np
import pytest

from dualdiff import Dual, DualArray, derivative, gradient, jacobian, jvp
from dualdiff.creation import LIKE
from dualdiff.errors import EscapeError, RuleError

MAKERS = {
    "np.zeros((3, 4), like=x)": np.zeros((3, 4)), "np.zeros(0, like=x)": np.zeros(0), "np.ones(3, like=x)": np.ones(3),
    "np.empty((2, 1), like=x) * 0": np.zeros((2, 1)), "np.full((3, 4), 2.5, like=x)": np.full((3, 4), 2.5),
    "np.eye(3, 4, 1, like=x)": np.eye(3, 4, 1), "np.identity(3, like=x)": np.identity(3), "np.tri(3, 4, like=x)": np.tri(3, 4),
    "np.arange(0.5, 3, like=x)": np.arange(0.5, 3), "np.array([1.0, 2.0], ndmin=2, like=x)": np.array([[1.0, 2.0]]),
    "np.asarray([[1.0], [2.0]], like=x)": np.array([[1.0], [2.0]]), "np.asanyarray(3.0, like=x)": np.array(3.0),
    "np.ascontiguousarray(3.0, like=x)": np.array([3.0]), "np.asfortranarray([1.0], like=x)": np.array([1.0]),
    "np.require([1.0], like=x)": np.array([1.0]), "np.fromiter((1, 2), float, like=x)": np.array([1.0, 2.0]),
    "np.fromfunction(lambda i, j: i - j, (3, 4), like=x)": np.fromfunction(lambda i, j: i - j, (3, 4)),
    "np.frombuffer(np.ones(3).tobytes(), like=x)": np.ones(3), "np.fromstring('1 2', sep=' ', like=x)": np.array([1.0, 2.0]),
    "np.loadtxt(io.StringIO('1 2'), like=x)": np.array([1.0, 2.0]),
    "np.genfromtxt(io.StringIO('1 2'), like=x)": np.array([1.0, 2.0]),
    "np.zeros(3, np.float32, like=x)": np.zeros(3, np.float32), "np.zeros(3, complex, like=x)": np.zeros(3, complex),
}
LIKES = {"an array": DualArray([1.0, 2.0], [1.0, 0.0]), "an element": DualArray([1.0, 2.0], [1.0, 0.0])[0],
         "a number": Dual(1.0, 2.0)}


@pytest.mark.parametrize("like", LIKES)
@pytest.mark.parametrize("code", MAKERS)
def test_like_a_dual_gives_numpy_s_array_that_a_dual_can_be_written_into(code, like):
    made, expected = eval(code, {"np": np, "x": LIKES[like], "io": io}), MAKERS[code]
    assert type(made) is DualArray
    assert made.dtype == expected.dtype
    assert np.array_equal(made.value, expected)
    assert made.value.shape == expected.shape
    assert not made.tangent.any()
    if made.size:
        made[...] = Dual(7.0, 5.0)
        assert np.all(made.value == 7)
        assert np.all(made.tangent == 5)


def test_every_function_that_takes_like_is_there():
    takes = [getattr(np, name) for name in dir(np) if "Reference object to allow the creation of arrays" in
             (getattr(getattr(np, name), "__doc__", None) or "")]
    assert len(takes) >= 20
    assert [f.__name__ for f in takes if f not in LIKE] == []


@pytest.mark.parametrize(("code", "value", "slope"), [
    ("np.array([x, 2.0, x * x], like=x)", [3, 2, 9], [1, 0, 6]), ("np.array([[x, 1.0], [2.0, x]], like=x)[1]", [2, 3], [0, 1]),
    ("np.asarray(x, like=x)", 3, 1), ("np.array(x, ndmin=1, like=x)", [3], [1]), ("np.full(2, x * x, like=x)", [9, 9], [6, 6]),
    ("np.fromiter((x * i for i in range(3)), float, 2, like=x)", [0, 3], [0, 1]),
    ("np.fromfunction(lambda i: i * x, (3,), like=x)", [0, 3, 6], [0, 1, 2]),
    ("np.array(np.array([x, x]), float, like=x)", [3, 3], [1, 1]),
    ("np.full((2, 1), np.array([x]), like=x)[:, 0]", [3, 3], [1, 1]),
])
def test_like_keeps_the_derivative_of_what_it_is_given(code, value, slope):
    def f(x):
        return eval(code, {"np": np, "x": x})
    found, along = jvp(f, (3.0,), (1.0,))
    assert np.array_equal(found, value)
    assert np.array_equal(along, slope)
    assert np.array_equal(derivative(f)(3.0), slope)
    assert gradient(lambda x: np.sum(f(x)), mode="reverse")(3.0) == np.sum(slope)


def test_copies_are_numpy_s():
    x = DualArray([1.0, 2.0], [1.0, 0.0])
    assert np.asarray(x, like=x) is x
    assert np.array(x, copy=None, like=x) is x
    copied = np.array(x, like=x)
    copied[0] = 7.0
    assert x.value[0] == 1
    with pytest.raises(ValueError, match="avoid copy"):
        np.asarray(x, np.float32, copy=False, like=x)
    with pytest.raises(ValueError, match="iterator too short"):
        np.fromiter([1.0], float, 2, like=x)
    plain = np.ones(2)
    buffer = np.asarray(plain, like=x)
    buffer[0] = x[0] * 7
    assert np.array_equal(plain, np.ones(2))


@pytest.mark.parametrize("make", [
    lambda x: np.ascontiguousarray(x[::2]), lambda x: np.asarray(x[::2], order="C"),
    lambda x: np.array(x[::2], copy=None, order="F"), lambda x: np.require(x[::2], requirements="C"),
    lambda x: np.require(x, None, "F"),
    lambda x: np.asfortranarray(x.reshape(2, 2)), lambda x: np.asfortranarray(x.reshape(2, 2).T),
    lambda x: np.ascontiguousarray(x.reshape(2, 2).T), lambda x: np.array(x.reshape(2, 2), order="F").reshape(-1)])
def test_an_order_that_numpy_copies_for_is_copied_for(make):
    def f(x):
        x = x * 1
        y = make(x)
        y[0] = 7 * x[1]
        return x + np.sum(y)
    x = np.array([1.0, 2.0, 3.0, 4.0])
    J = np.stack([f(x + 1j * 1e-200 * e).imag / 1e-200 for e in np.eye(4)], axis=1)
    np.testing.assert_allclose(jacobian(f)(x), J, rtol=1e-14)
    np.testing.assert_array_equal(jvp(f, (x,), (x,))[0], f(x))


def test_an_array_of_integers_is_a_plain_one_and_refuses_duals():
    x = DualArray([1.0, 2.0], [1.0, 0.0])
    counts = np.zeros(3, int, like=x)
    assert type(counts) is np.ndarray
    assert np.array_equal(x[np.arange(2, like=x)].value, [1, 2])
    with pytest.raises((TypeError, ValueError)):
        counts[0] = x[0]


def test_full_like_an_array_of_integers_refuses_a_dual_and_keeps_numpy_s_other_types_and_orders():
    for like, options in ((np.arange(4), {}), (np.ones((2, 3)), {"dtype": int})):
        with pytest.raises(RuleError, match="cut the dual numbers off"):
            derivative(lambda x, like=like, options=options: np.full_like(like, x, **options))(1.5)
        with pytest.raises(RuleError, match="cut the dual numbers off"):
            derivative(lambda x, like=like: np.full_like(like * x, x, dtype=int))(1.5)
    for like, options in ((np.arange(4), {"dtype": float}), (np.ones((2, 3), np.float32, order="F"), {}),
                          (np.ones((2, 3)), {"shape": (4,)}), ([1.0, 2.0], {})):
        seen, expected = [], np.full_like(like, 1.5, **options)
        slope = derivative(lambda x, s=seen, v=like, o=options: s.append(np.full_like(v, x, **o)) or s[0])(1.5)
        assert np.array_equal(slope, np.ones_like(expected))
        assert np.array_equal(seen[0].value, expected)
        assert (seen[0].dtype, seen[0].value.strides) == (expected.dtype, expected.strides)


def test_a_buffer_like_the_argument_is_filled_in_every_level():
    def f(x):
        out = np.zeros(3, like=x)
        for i in range(3):
            out[i] = x * x * (out[i - 1] if i else 1)
        return out
    assert np.array_equal(derivative(f)(2.0), [4, 32, 192])
    assert np.array_equal(derivative(f, order=2)(2.0), [2, 48, 480])
    assert np.array_equal(derivative(lambda y: derivative(lambda x: f(x * y))(2.0))(1.0), [8, 128, 1152])


# ---- a plain array ----------------------------------------------------------------------------------------------------
def element(d):
    np.zeros(3)[0] = d


def elements(d):
    np.zeros(2)[:] = np.stack([d, d])


def listed(d):
    np.zeros(2)[:] = [d, 1.0]


def in_place(d):
    a = np.zeros(2)
    a += d


def zero_dimensional(d):
    np.zeros(())[...] = d


@pytest.mark.parametrize("write", [element, elements, listed, in_place, zero_dimensional])
@pytest.mark.parametrize("sweep", [
    lambda f: jvp(f, (1.5,), (1.0,)), lambda f: jacobian(lambda x: f(x[0]))(np.array([1.5, 2.0])),
    lambda f: gradient(lambda x: f(x[0]), mode="reverse")(np.array([1.5, 2.0])), lambda f: f(Dual(1.5, 1.0))],
    ids=["jvp", "jacobian", "reverse", "by hand"])
def test_a_plain_array_names_the_remedies(write, sweep):
    with pytest.raises(EscapeError, match=r"np\.zeros\(n, like=x\)") as raised:
        sweep(write)
    assert "dualdiff.lift" in str(raised.value)


def test_the_user_s_line_is_in_the_traceback():
    with pytest.raises(EscapeError) as raised:
        jacobian(lambda x: element(x[0]))(np.ones(2))
    assert "element" in [entry.name for entry in raised.traceback]

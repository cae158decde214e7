"""Types, layouts and classes of arrays: kept or promoted as NumPy does, or refused by name."""

import array
import collections
import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest

from dualdiff import (
    Dual,
    DualArray,
    checkpoint,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    lift,
    linearize,
    value_and_jacobian,
    vjp,
)
from dualdiff.errors import AbsentError, EscapeError, StructureError

A = np.array([[0.5, 1.25, 0.75], [1.5, 0.25, 2.0]])
CALLS = [
    np.sin, np.exp, np.sqrt, np.abs, np.square, np.cumsum, np.sum, np.mean, np.prod, np.transpose, np.ravel, np.sort, np.diff,
    np.linalg.norm, np.fft.fft, np.real, np.conj, lambda x: 2 * x, lambda x: x / 3.0, lambda x: x ** 2, lambda x: x + 1,
    lambda x: x @ x.T, lambda x: x[0], lambda x: x[:, ::-1], lambda x: np.stack([x, x]),
    lambda x: np.concatenate([x, x], axis=1),
    lambda x: np.where(np.real(x) > 1, x, 0), lambda x: x.reshape(3, 2), lambda x: x * np.float32(2),
    lambda x: np.tensordot(x, x),
    lambda x: np.einsum("ij,ij->i", x, x), lambda x: np.mean(x, axis=0), np.var, lambda x: np.sum(x, axis=1),
    lambda x: x - x.mean(axis=1, keepdims=True), lambda x: np.pad(x, 1), lambda x: np.outer(x, x), lambda x: np.roll(x, 1),
    lambda x: np.mean(x, where=[True, False, True]), lambda x: np.var(x, axis=0, where=[[True], [True]]),
    lambda x: np.std(x, ddof=1),
    lambda x: np.nanmean(x, axis=1), lambda x: np.nanvar(x, axis=0), lambda x: np.average(x, axis=0), np.trace,
    lambda x: np.gradient(x, axis=1),
    lambda x: np.trapezoid(x, dx=0.5), np.cumprod,
    lambda x: np.convolve(x[0], x[1]), np.nan_to_num, np.tanh, lambda x: np.add.reduce(x, axis=0),
    np.multiply.accumulate, lambda x: np.power(x, 2), lambda x: np.kron(x, x), lambda x: np.linspace(x[0], x[1], 4)]
EPS = {np.float16: 2e-2, np.float32: 2e-5, np.longdouble: 1e-13, np.complex64: 2e-5, np.complex128: 1e-13}


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize("f", CALLS)
def test_value_and_tangent_have_the_type_that_numpy_gives(f, dtype):
    if dtype is np.float16 and f in (np.fft.fft, np.linalg.norm):
        pytest.skip("NumPy computes these in another type than it takes")
    x = A.astype(dtype) * (1 + 0.5j if issubclass(dtype, np.complexfloating) else 1)
    x = x.astype(dtype)
    result, expected = f(DualArray(x, np.ones_like(x))), f(x)
    digits = 4 * np.finfo(dtype).eps                       # NumPy computes means of half precision in single
    np.testing.assert_allclose(result.value, expected, rtol=digits, atol=digits)
    assert np.asarray(result.value).dtype == np.asarray(expected).dtype
    assert np.asarray(result.tangent).dtype == np.asarray(expected).dtype
    wide = x.astype(complex if issubclass(dtype, np.complexfloating) else float)
    np.testing.assert_allclose(np.asarray(result.tangent) * 1.0, jvp(f, (wide,), (np.ones_like(wide),))[1],
                               rtol=EPS[dtype], atol=EPS[dtype])


@pytest.mark.parametrize("f", [np.median, lambda x: np.quantile(x, 0.3), lambda x: np.percentile(x, 30, axis=1),
                               lambda x: np.nanmedian(x, axis=0), lambda x: np.quantile(x, np.float64(0.3)),
                               lambda x: np.quantile(x, [0.25, 0.5])])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_order_statistics_have_the_type_that_numpy_gives(f, mode):
    x = A.astype(np.float32)
    value, tangent = jvp(f, (x,), (x,))
    assert value.dtype == tangent.dtype == jacobian(f, mode=mode)(x).dtype == f(x).dtype


@pytest.mark.parametrize("f", [
    lambda x: np.piecewise(x, [x > 1], [np.square, 2.0]), lambda x: np.bincount([0, 1, 1], weights=x[0]),
    lambda x: np.interp(x, [0, 1, 2], [0, 3, 4]), lambda x: np.interp([0.5, 1], x[0], x[1]), lambda x: np.vander(x[0], 4),
    lambda x: np.polyfit(x[0], x[1], 1), lambda x: np.polyfit(x[0], [1, 2, 3], 1, w=x[0])])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64])
def test_functions_that_numpy_computes_in_double_precision_do_so(f, mode, dtype):
    x = A.astype(dtype)
    try:
        with np.errstate(all="ignore"):
            expected = f(x)
    except TypeError:
        pytest.skip("NumPy itself refuses")
    value, tangent = jvp(f, (x,), (x,))
    assert value.dtype == tangent.dtype == expected.dtype
    np.testing.assert_allclose(value, expected, rtol=4 * np.finfo(expected.dtype).eps, atol=1e-13)
    if dtype is not np.complex64:
        assert jacobian(f, mode=mode)(x).dtype == expected.dtype


def fills(x):
    y = np.zeros_like(x)
    y[0], y[1:] = x[0] * np.float64(2), x[1:] * np.array([[1.0, 2.0, 3.0]])
    return y


@pytest.mark.parametrize("f", [
    fills, lambda x: 2.0 ** x, lambda x: np.logspace(x[0, 0], 1, 3), lambda x: np.linspace(0, x[0, 0], 3),
    lambda x: np.linspace(x[0], 2, 3), lambda x: np.geomspace(x[0], 2, 3),
    lambda x: np.pad(x[0], 1, constant_values=(4, x[0, 0])),
    lambda x: np.pad(x[0], 1, "linear_ramp", end_values=3), lambda x: np.pad(x[0], 2, "reflect", reflect_type="odd"),
    lambda x: np.ediff1d(x, to_end=[1.0, 2.0]), lambda x: np.insert(x[0], 1, 2.5), lambda x: np.r_[x[0], x[0, 0], 1.0],
    lambda x: np.gradient(x[0], [0, 1, 3]), np.cov, lambda x: np.cov(x[0], aweights=x[1]), np.corrcoef, np.sort_complex,
    lambda x: np.emath.power(x, 1.5),
    np.emath.arcsin, lambda x: np.arcsin(x[0] * 0.1j), lambda x: np.nanvar(x, 1)])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_single_precision_is_kept_or_widened_as_numpy_does(f, mode):
    x = A.astype(np.float32)
    with np.errstate(all="ignore"):
        value, tangent = jvp(f, (x,), (x,))
        expected = f(x)
        assert value.dtype == tangent.dtype == expected.dtype
        np.testing.assert_allclose(value, expected, rtol=2e-7 if expected.dtype.itemsize < 9 else 1e-15, atol=1e-7)
        part = np.real if expected.dtype.kind == "c" else np.asarray
        assert jacobian(lambda x: part(f(x)) if part is np.real else f(x), mode=mode)(x).dtype == part(expected).dtype


@pytest.mark.parametrize("kind", [int, bool, np.uint8, np.int32, np.int64])
@pytest.mark.parametrize("f", CALLS)
def test_whole_numbers_become_floats(f, kind):
    x = (A * 2).astype(kind)
    value, along = jvp(f, (x,), (np.ones(x.shape),))
    same, expected = jvp(f, (x.astype(float),), (np.ones(x.shape),))
    np.testing.assert_array_equal(value, same)
    np.testing.assert_array_equal(along, expected)


LAYOUTS = {
    "Fortran order": np.asfortranarray, "transposed": lambda x: x.T.copy().T,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1].copy()[::-1], "byte-swapped": lambda x: x.astype(">f8"),
    "mapped": lambda x: x.view(np.memmap),
    "unaligned": lambda x: np.frombuffer(b"0" + x.tobytes(), np.uint8)[1:].view(float).reshape(x.shape)}


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("layout", [*LAYOUTS, "read-only"])
@pytest.mark.parametrize("f", CALLS)
def test_the_layout_in_memory_does_not_matter(f, layout):
    x = LAYOUTS.get(layout, read_only)(A)
    np.testing.assert_array_equal(x, A)
    if layout != "mapped":                                 # an input is a plain array; data may be mapped
        J = jacobian(f)(x)
        np.testing.assert_allclose(J, jacobian(f)(A), rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(jacobian(lambda y: f(y * x))(A), jacobian(lambda y: f(y * A))(A), rtol=1e-15, atol=1e-15)
    value, pullback = vjp(lambda y: np.real(f(x + y)), A)
    u = np.ones_like(value)
    expected = vjp(lambda y: np.real(f(A + y)), A)[1](u)[0]
    np.testing.assert_allclose(pullback(u)[0], expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(x, A)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3), (1, 1)])
@pytest.mark.parametrize("f", [np.sin, np.sum, np.ravel, np.cumsum, np.transpose, lambda x: x * x, lambda x: np.stack([x, x]),
                               lambda x: np.where(x > 1, x, 0), lambda x: np.sort(x, axis=None), lambda x: x[..., None]])
def test_arrays_without_axes_or_elements(f, shape):
    x = np.full(shape, 1.5)
    value = f(x)
    J = jacobian(f)(x)
    assert np.shape(J) == np.shape(value) + shape
    np.testing.assert_array_equal(gradient(lambda y: np.sum(f(y)), mode="reverse")(x),
        np.reshape(J, (np.size(value), *shape)).sum(axis=0))


def test_complex_functions_are_differentiated_as_holomorphic_and_as_real_linear():
    z = np.array([1.0 + 2.0j, 0.5 - 1.0j])
    np.testing.assert_allclose(jacobian(lambda z: z ** 2)(z), np.diag(2 * z), rtol=1e-15)
    np.testing.assert_array_equal(jvp(np.conj, (z,), (1j * np.ones(2),))[1], [-1j, -1j])
    np.testing.assert_allclose(jvp(np.abs, (z,), (z,))[1], np.abs(z), rtol=1e-15)


class Column:
    """As a data frame has them: numbers, with a shape, that NumPy converts and nobody can hash or take for a truth value."""

    __hash__ = None
    shape = property(lambda self: self.numbers.shape)
    dtype = property(lambda self: self.numbers.dtype)

    def __init__(self, numbers):
        self.numbers = np.array(numbers)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numbers, dtype)

    def __len__(self):
        return len(self.numbers)

    def __bool__(self):
        raise ValueError("ambiguous")


BESIDE = [lambda x, a: np.dot(a, x), lambda x, a: x @ np.outer(a, x), lambda x, a: np.einsum("i,i->", x, a), lambda x, a: x[a],
          np.take, np.repeat, np.convolve, np.cross,
          lambda x, a: np.interp(x, a, x), lambda x, a: np.tensordot(x, a, 1), lambda x, a: np.where(a, x, 0),
          lambda x, a: x.reshape(3, 1)[a, 0]]
OPERATORS = [lambda x, a: x * a, lambda x, a: a / x, lambda x, a: x ** a - x, lambda x, a: np.maximum(a, x)]
MAKERS = [lambda a: a, lambda a: array.array("q", a), collections.deque]


# The operators of a column are its own.
@pytest.mark.parametrize(("f", "make"), [*((f, Column) for f in BESIDE), *((f, make) for f in BESIDE + OPERATORS
                                                                           for make in MAKERS)])
def test_ranges_buffers_and_columns_of_tables_are_arrays_beside_a_dual(f, make):
    x, a = np.array([0.5, 1.25, 0.75]), make(range(3))
    value, J = np.asarray(f(x, a)), jacobian(lambda x: f(x, np.arange(3)))(x)
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(jvp(lambda x: f(x, a), (x,), (x,))[0], value)
        np.testing.assert_allclose(jacobian(lambda x: f(x, a), mode=mode)(x), J, rtol=1e-15)
    np.testing.assert_allclose(hessian(lambda x: np.sum(f(x, a) ** 3))(x),
                               hessian(lambda x: np.sum(f(x, np.arange(3)) ** 3))(x), rtol=1e-14, atol=1e-15)


def test_lists_beside_the_arrays_stay_lists():
    path = ["einsum_path", (0, 1), (0, 1)]
    J = jacobian(lambda x: np.einsum("ij,jk,k->i", A, A.T, x, optimize=path))(np.ones(2))
    np.testing.assert_allclose(J, A @ A.T, rtol=1e-15)


def test_a_buffer_may_be_written_to_again():
    def f(x):
        a = array.array("q", [0, 2])
        y = x[a] * a
        a[1] = 1
        return y
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(jacobian(f, mode=mode)(np.ones(3)), [[0, 0, 0], [0, 0, 2]])


def test_object_arrays_of_numbers_are_arrays_of_numbers():
    x = np.array([Dual(1.5, 1.0), Dual(2.0, 0.0), 3.0], dtype=object)
    assert np.sum(x).tangent == 1.0
    plain = DualArray([1.0, 1.0, 1.0], [0.0, 0.0, 1.0])
    np.testing.assert_array_equal((plain * x).value, [1.5, 2, 3])
    np.testing.assert_array_equal((plain * x).tangent, [1, 0, 3])
    np.testing.assert_array_equal(np.sin(x[:2])[0].tangent, np.cos(1.5))
    np.testing.assert_array_equal(np.concatenate([plain, x]).tangent, [0, 0, 1, 1, 0, 0])


@pytest.mark.parametrize("x", [
    DualArray(A, A), DualArray(A, np.ones((4, 2, 3))), DualArray(A.astype(np.float32), A.astype(np.float32)), Dual(1.5, 2.0),
    Dual(1.5, np.array([1.0, 2.0])), DualArray(A + 1j, A), DualArray(np.zeros((0, 2)), np.zeros((0, 2)))])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_duals_are_copied_and_pickled(x, again):
    y = again(x)
    assert type(y) is type(x)
    np.testing.assert_array_equal(y.value, x.value)
    np.testing.assert_array_equal(y.tangent, x.tangent)
    assert np.asarray(y.tangent).dtype == np.asarray(x.tangent).dtype
    if isinstance(x, DualArray) and x.size:
        y[0, 0] = 7.0
        assert x.value[0, 0] == A[0, 0] + (1j if np.iscomplexobj(x.value) else 0)


IMAGINARY = [1j, np.complex128(1j), np.complex64(1j), np.array(1j)]
BESIDE = ["c * x[0]", "c + x[0] * c", "(2 * c) / x[0]", "c - x[1]", "np.concatenate([x * 2, c * x])", "np.stack([x, x * c])",
          "np.hstack([c * x[0], x[1:]])", "np.gradient(x * c)", "np.pad(x * c, 1)", "np.where(x > 1, x * c, x)",
          "np.stack([x[0], x[1] * c])", "np.concatenate([[x[0], c], x])", "x[:2] * [x[0], c]", "np.dot([x[0], c], x[:2])",
          "sum(c * a for a in x)", "np.array([x[0], x[1] * c, c])", "np.array(c * x[0])", "np.array([[x[0], c], [x[1], 1]])"]


@pytest.mark.parametrize("code", BESIDE)
@pytest.mark.parametrize("c", IMAGINARY, ids=lambda c: type(c).__name__)
def test_a_complex_number_beside_duals_keeps_its_imaginary_part(code, c):
    def f(x):
        z = eval(code, {"np": np, "x": x, "c": c})
        return z.imag + 3 * z.real
    x = np.array([1.25, -2.5, 3.5])
    expected = np.stack([(f(x + e) - f(x - e)) / 2e-5 for e in 1e-5 * np.eye(3)], axis=-1)
    for J in (jacobian(f, mode="forward")(x), jacobian(f, mode="reverse")(x), jacobian(f, sparse=True)(x).toarray(),
              linearize(f, x).todense(), np.moveaxis(np.array([jvp(f, (x,), (e,))[1] for e in np.eye(3)]), 0, -1)):
        np.testing.assert_allclose(J.reshape(expected.shape), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("code", ["part(np.array([x[0], x[1]]) * 1j)", "part(1j * np.array([x[0], 2.0])) + x[1:]",
                                  "part(np.exp(np.array([1j, 2j])) * np.array([x[0], x[1]]))",
                                  "part(np.outer(np.array([x[0], x[1]]), [1j, 2]))", "part(np.atleast_1d([x[0], x[1]]) ** 2j)",
                                  "part(np.convolve([x[0], x[1]], np.array([1j, 2])))",
                                  "(np.array([x[0], x[1]]) * 1j).imag", "np.imag(np.array([x[0], x[1]]) * (1 + 2j)) * x[:2]",
                                  "(np.array([x[0], 2.0]) * np.array([1j, 2 + 1j])).real",
                                  "np.array([x[0], x[2]]).imag + x[:2]",
                                  "np.concatenate([np.array([x[0], x[1]]).imag, x])",
                                  "np.nan_to_num(np.array([x[0], np.nan]), nan=x[1])"])
def test_arrays_of_objects_have_imaginary_parts_and_gaps_too(code):
    """NumPy says there are none, whatever the objects are: derivatives would be lost without a word."""
    def f(x):
        return eval(code, {"np": np, "x": x, "part": lambda a: a.imag})
    x = np.array([1.25, -2.5, 3.5])
    expected = np.stack([(f(x + e) - f(x - e)) / 2e-5 for e in 1e-5 * np.eye(3)], axis=-1)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(x), expected, rtol=1e-9, atol=1e-9)


WRITTEN = ["a += x[2]", "a *= x[:2]", "b = a[1:]; b -= x[2]", "np.add(a, x[2], out=a)", "np.add.at(a, [0, 0], x[1:])",
           "np.copyto(a, x[1:])", "np.put(a, [0], x[2])", "np.putmask(a, [True, False], x[2])",
           "np.place(a, [False, True], [x[2]])", "np.put_along_axis(a, np.array([1]), x[2:], 0)",
           "np.fill_diagonal(a[None], x[2])", "a = np.full_like(a, x[2])", "a[1] = x[2]", "a[:] = x[1:]", "a.sort()"]


@pytest.mark.parametrize("write", WRITTEN)
def test_what_is_written_to_an_array_that_numpy_made_of_numbers_keeps_its_derivative(write):
    def f(x):
        names = {"np": np, "x": x, "a": np.array([x[0], 2 * x[1]])}
        exec(write, names)
        return names["a"] * x[:2]
    x = np.array([1.25, 0.5, 3.5])
    expected = np.stack([(f(x + e) - f(x - e)) / 2e-5 for e in 1e-5 * np.eye(3)], axis=-1)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(x), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(jvp(f, (x,), (x,))[0], f(x))


# ---- classes whose arrays mean something else --------------------------------------------------------------------------
MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
MATRIX = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 1.0], [0.0, 1.0, 5.0]])
MEETINGS = [
    lambda x, m: x + m, lambda x, m: m + x, lambda x, m: m * x, lambda x, m: x * m, lambda x, m: x[0] * m,
    lambda x, m: Dual(1.0, 1.0) * m, lambda x, m: np.add(m, x), np.maximum, lambda x, m: np.where(m > 1, x, 0.0),
    lambda x, m: np.where([True, False, True], m, x), lambda x, m: np.vstack([m, x]), lambda x, m: np.dot(m, x),
    lambda x, m: m @ x, lambda x, m: x @ m, lambda x, m: np.einsum("...i,i", m, x), lambda x, m: np.interp(x, [0, 1, 2], m),
    lambda x, m: x.copy().__setitem__(..., m), lambda x, m: np.clip(x, m, 5), np.outer, lambda x, m: np.kron(m, x),
    lambda x, m: np.add.at(x.copy(), [0, 1, 2], m), np.multiply.outer, lambda x, m: np.average(x, weights=m),
    np.polyval, np.append, lambda x, m: np.hypot(x, m, out=np.zeros_like(x)),
    lambda x, m: np.stack([x, m]), np.convolve, lambda x, m: np.linspace(x, m, 3), lambda x, m: m * Dual(1.0, 1.0),
    lambda x, m: m * x[0], lambda x, m: x[m], lambda x, m: x[..., m], lambda x, m: x[m > 1], np.take,
    lambda x, m: x.copy().__setitem__(m, 0.0)]


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("meet", MEETINGS)
@pytest.mark.parametrize("name", ["MaskedArray", "matrix"])
def test_masked_arrays_and_matrices_are_refused_by_name(meet, name):
    m = MASKED if name == "MaskedArray" else np.matrix(MATRIX)
    with pytest.raises((StructureError, AbsentError), match=f"{name} cannot meet a dual number: .*(filled|asarray)"):
        meet(DualArray([1.0, 2.0, 3.0], [1.0, 0.0, 0.0]), m)


@pytest.mark.parametrize("has_none", [
    lambda x: not np.ma.is_masked(x), lambda x: np.ma.getmask(x) is np.ma.nomask, lambda x: not np.any(np.ma.getmaskarray(x)),
    lambda x: np.ma.getmaskarray(x).shape == np.shape(x), lambda x: getattr(x, "_mask", 3) == 3,
    lambda x: not hasattr(x, "_data")])
def test_a_dual_without_masked_arrays_has_no_mask(has_none):
    f = lambda x: x[0] * x[1] * has_none(x) * has_none(x[0])
    for g in (f, lift(f)):
        np.testing.assert_array_equal(gradient(g)(np.array([1.5, 2.0])), [2.0, 1.5])
    assert has_none(Dual(1.0, 1.0))


@pytest.mark.parametrize("make", [np.ma.array, np.ma.asarray, np.ma.getdata, np.ma.sin, lambda x: np.ma.dot(x, MASKED),
                                  lambda x: np.ma.where(MASKED > 1, x, 0.0), lambda x: MASKED.copy().__setitem__(0, x)])
def test_nor_does_it_become_a_masked_array(make):
    for x in (DualArray([1.0, 2.0, 3.0], 1.0), DualArray([1.0], 1.0)[0], Dual(1.0, 1.0)):
        with pytest.raises(EscapeError if type(x) is DualArray and make in (np.ma.array, np.ma.asarray) else StructureError):
            make(x)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("make", [lambda m: DualArray(m, 1.0), lambda m: DualArray(np.ones(m.shape), m),
    lambda m: jvp(np.sin, (m,), (m,)),
                                  jacobian(np.sin), lambda m: jacobian(lambda x: m)(np.ones(3))])
@pytest.mark.parametrize("name", ["MaskedArray", "matrix"])
def test_nor_do_they_make_duals(make, name):
    with pytest.raises(StructureError, match=name):
        make(MASKED if name == "MaskedArray" else np.matrix(MATRIX))


# ---- constants of narrow types -----------------------------------------------------------------------------------------
NARROW = ["x * c * c", "1 - x * c", "-(x * c)", "x / c", "c / x", "x % c", "x ** c", "np.arctan2(x, c)", "c @ (x * c)",
          "np.outer(c, x * c)", "np.einsum('i,i,i->', c, c, x)", "np.einsum('ij,jk,k->i', C, C, x)", "C @ C @ x",
          "np.dot(C, x * c)", "np.convolve(x * c, c)", "np.kron(c, x) * C[0, 0]", "np.interp(x + 3, np.cumsum(c / 100), c)",
          "np.interp(x, [-9.0, 0.0, 9.0], c)", "np.gradient(x, np.cumsum(c))", "np.linalg.solve(C + np.eye(3), x)",
          "x * c[0] * c[0]", "np.average(x, weights=c)", "np.multiply(c, np.multiply(c, x))", "np.polyval(c, x) * c"]


@pytest.mark.parametrize("code", NARROW)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool, np.float32])
def test_constants_of_narrow_types_neither_overflow_nor_round_in_the_derivative(code, dtype):
    """Where NumPy's own value is that of float64 constants, so is the derivative."""
    c, C = np.array([100, 0, 3]).astype(dtype), np.full((3, 3), 100).astype(dtype)
    if "/ c" in code or "% c" in code:
        c = np.array([100, 1, 3]).astype(dtype)

    def f(x, c=c, C=C):
        return eval(code, {"np": np, "x": x, "c": c, "C": C})
    x = np.array([1.25, -2.5, 3.5])
    if "** c" in code:
        x = np.abs(x)
    with np.errstate(all="ignore"):
        wide, plain = f(x, c.astype(float), C.astype(float)), f(x)
        if not np.array_equal(plain, wide):
            pytest.skip("NumPy itself computes another value")
        expected = jacobian(lambda x: f(x, c.astype(float), C.astype(float)))(x)
        for J in (jacobian(f, mode="forward")(x), jacobian(f, mode="reverse")(x), jacobian(f, sparse=True)(x).toarray()):
            np.testing.assert_allclose(J.reshape(expected.shape), expected, rtol=1e-14)


def test_extended_precision_passes_through_second_derivatives():
    f = lambda x: np.longdouble(1.5) / x[0] + x[1] ** np.longdouble(2)
    H = jacobian(gradient(f, mode="forward"), mode="forward")(np.array([2.0, 3.0]))
    np.testing.assert_allclose(H.astype(float), [[0.375, 0], [0, 2]], rtol=1e-15)
    assert H.dtype == np.longdouble


def test_truth_values_add_up_as_numbers():
    x = np.array([1.0, -2.0, 3.0])
    np.testing.assert_array_equal(jacobian(lambda x: (x > 0) * x + (x < 2) * x)(x), np.diag([2.0, 1.0, 1.0]))
    np.testing.assert_array_equal(jacobian(lambda x: 1 - (x > 0) * x)(x), np.diag([-1.0, 0.0, -1.0]))
    np.testing.assert_array_equal(jacobian(lambda x: np.all(x < 9) * x - 3 * x)(x), np.diag([-2.0, -2.0, -2.0]))


@pytest.mark.parametrize("f", [lambda s: np.insert([1, 2], 1, s), lambda s: np.pad(np.arange(3), 1, constant_values=s),
                               lambda s: np.cumsum(np.ones(2) * s, dtype=int)])
def test_what_numpy_would_cut_off_to_integers_is_refused(f):
    with pytest.raises(TypeError, match=r"float|int\(\)"):
        jvp(f, (1.7,), (1.0,))


def test_the_gradient_of_a_sum_over_nothing_is_zeros_of_the_arguments_type():
    for f in (lambda x: np.sum(np.repeat(x, 0)), lambda x: np.sum(x[np.zeros(0, int)]), lambda x: np.sum(np.take(x, [], 0))):
        for dtype in (np.float32, np.float64):
            slope = gradient(f, mode="reverse")(np.ones(3, dtype))
            np.testing.assert_array_equal(slope, np.zeros(3, dtype), strict=True)


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
@pytest.mark.parametrize(("f", "shape"), [
    (np.median, 0), (np.nanmedian, 0), (lambda x: np.median(x, axis=1), (2, 0)),
    *[(lambda x: np.linalg.norm(x, np.inf, axis=1), (2, 0))] * hasattr(np, "matvec"),  # NumPy 2.2; refused before
    (lambda x: np.squeeze(x, axis=0), ()),
    (lambda x: np.add.reduceat(x, np.zeros(0, int)), 2), (lambda x: (y := x * 1, np.put(y, [], 1.0))[0], 2)])
def test_functions_of_nothing_are_numpys(f, shape):
    x = np.full(shape, 3.0)
    np.testing.assert_array_equal(f(DualArray(x, x)).value, f(x))
    for mode in ("forward", "reverse"):
        J = jacobian(f, mode=mode)(x)
        assert J.shape == np.shape(f(x)) + x.shape
        np.testing.assert_array_equal(J, np.eye(x.size)[:J.size // max(x.size, 1)].reshape(J.shape))


WIDER_ON_THE_WAY = [np.cumsum, np.cumprod, lambda x: np.fft.rfft(x).real, lambda x: np.linalg.solve(np.diag(x), x),
                    lambda x: np.where(x > 1, x * x, 3 * x), lambda x: np.where(x > 1, x, 2 * x), lambda x: 2 * x,
                    lambda x: np.pad(x, 1), lambda x: np.sum(x[[0, 0, 1]].reshape(3, 1), axis=0), lambda x: [x, x[0]]]


@pytest.mark.parametrize("f", WIDER_ON_THE_WAY)
def test_single_precision_comes_out_of_every_transform(f):
    x = np.array([0.5, 1.5, 2.0], np.float32)
    g = lambda x: sum(np.sum(part**2) for part in (f(x) if isinstance(f(x), list) else [f(x)]))
    J = linearize(f, x)
    modes, ways = ("forward", "reverse"), ({"mode": "forward"}, {"mode": "reverse"}, {"chunk": 2}, {"sparse": True})
    derivatives = [J.todense(), J.tosparse(), J.diagonal(), J @ x, jvp(f, (x,), (x,))[1], jvp(f, (x,), (np.stack([x, x]),))[1],
                   *(jacobian(f, **way)(x) for way in ways), *(gradient(g, mode=mode)(x) for mode in modes), hvp(g)(x, x),
                   hessian(g)(x), hessian(g, sparse=True)(x),
                   *(jacobian(gradient(g, mode="forward"), mode=mode)(x) for mode in modes)]
    parts = [part for each in derivatives for part in (each if isinstance(each, list) else [each])]
    assert {part.dtype for part in parts} == {np.dtype(np.float32)}


def test_directions_in_double_precision_and_results_in_it_keep_it():
    x, W = np.array([0.5, 1.5], np.float32), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    for f in (lambda x: W @ x, lambda x: x + W[0], lambda x: np.concatenate([x, W[0]])):
        J = linearize(f, x)
        assert J.dtype == J.todense().dtype == (J @ x).dtype == jacobian(f)(x).dtype == np.float64
    assert (linearize(np.cumsum, x) @ W[0]).dtype == np.float64


def test_the_derivative_of_what_is_no_real_number_is_a_real_zero():
    for f in (lambda x: x > 1, np.argmax, lambda x: np.arange(3)):
        assert jvp(f, (np.ones(3),), (np.ones(3),))[1].dtype == jacobian(f)(np.ones(3)).dtype == np.float64
    slope = gradient(checkpoint(lambda z: np.sum(np.zeros(2) * z[0] + 1)), mode="reverse")(np.ones(2, complex))
    assert slope.dtype == complex


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("x", [1.25, np.array([1.25, 2.0])], ids=["number", "array"])
@pytest.mark.parametrize("f", [lambda x, c: c * x, lambda x, c: x / c - c, lambda x, c: x ** c, lambda x, c: c ** x,
                               lambda x, c: np.maximum(c, x) + np.add(x, c)])
def test_a_fraction_beside_a_dual_is_the_float_that_it_is_beside_numpy_s_numbers(f, x, mode):
    value, J = value_and_jacobian(f, mode=mode)(x, Fraction(1, 3))
    same, K = value_and_jacobian(f, mode=mode)(x, 1 / 3)
    assert value.dtype == np.float64
    np.testing.assert_array_equal(value, same)
    np.testing.assert_array_equal(J, K)


def test_real_results_beside_complex_ones_have_real_derivatives():
    C = np.array([[1 + 1j, 2.0], [3.0, 4.0]])
    found = {mode: jacobian(lambda w: (C @ w, 2 * w), mode=mode)(np.ones(2)) for mode in ("forward", "reverse")}
    for of_complex, of_real in found.values():
        assert (of_complex.dtype, of_real.dtype) == (complex, float)
        np.testing.assert_array_equal(of_complex, C)
        np.testing.assert_array_equal(of_real, 2 * np.eye(2))


def test_the_text_of_an_array_of_duals_says_that_it_is_one():
    seen = []

    def f(x):
        seen.extend((np.array2string(x, separator=","), np.array_str(x), np.array_repr(x), np.array2string(x.value)))
        return np.sum(x)
    gradient(f, mode="forward")(np.array([1.0, 2.0]))
    assert seen[-4:] == ["dual [1.,2.]", "dual [1. 2.]", "dual array([1., 2.])", "[1. 2.]"]

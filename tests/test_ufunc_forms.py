"""The methods and keywords of ufuncs at their edges; tests/test_ordinary_numpy.py has the everyday ones."""

import numpy as np
import pytest

from dualdiff import Dual, DualArray, explain, gradient, jacobian, jvp, value_and_gradient, value_and_jacobian
from dualdiff.errors import AssignmentError, EscapeError, RuleError

NAN, INF = np.nan, np.inf


def dual(x):
    """An array with a direction of its own for every element."""
    x = np.asarray(x, float)
    return DualArray(x, np.eye(x.size).reshape(x.size, *x.shape))


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_running_extremes_share_equally_among_all_that_attain_them(ufunc):
    sign = 1.0 if ufunc in (np.maximum, np.fmax) else -1.0
    found = ufunc.accumulate(dual(sign * np.array([2.0, 1.0, 2.0, 2.0, 5.0])))
    np.testing.assert_array_equal(found.value, sign * np.array([2.0, 2, 2, 2, 5]))
    np.testing.assert_allclose(found.tangent.T, [
        [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1 / 2, 0, 1 / 2, 0, 0], [1 / 3, 0, 1 / 3, 1 / 3, 0], [0, 0, 0, 0, 1]], atol=1e-15)
    np.testing.assert_allclose(ufunc.reduce(dual([3.0, 3.0, 3.0])).tangent, [1 / 3, 1 / 3, 1 / 3])


@pytest.mark.parametrize("ufunc", [np.logaddexp, np.logaddexp2, np.hypot])
def test_a_running_fold_is_differentiated_in_a_logarithmic_number_of_steps(ufunc):
    x = np.random.default_rng(0).normal(size=1000)
    assert explain(ufunc.accumulate, x).maps <= 70
    rows = [Dual(x[0], 1.0)]
    for i in range(1, 40):  # along one direction, one after the other
        rows.append(ufunc(rows[-1], Dual(x[i], np.cos(i))))
    tangent = jvp(ufunc.accumulate, (x[:40],), (np.cos(np.arange(40.0)),))[1]
    np.testing.assert_allclose(tangent, [row.tangent for row in rows], rtol=1e-12)


def test_two_infinities_of_a_running_fold_have_equal_shares():
    J = jacobian(np.logaddexp.accumulate)(np.array([-INF, -INF, 1.0, -INF]))
    np.testing.assert_array_equal(J, [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]])


def test_fmax_looks_past_nan_and_keeps_it_where_there_is_nothing_else():
    x = dual([[1.0, NAN], [NAN, NAN], [4.0, 3.0]])
    np.testing.assert_array_equal(np.fmax.reduce(x, axis=1).value, [1, NAN, 4])
    assert np.fmin.reduce(x, axis=None).tangent.argmax() == 0
    np.testing.assert_array_equal(np.fmax.accumulate(x[:, 0]).value, [1, 1, 4])
    assert type(np.fmax.reduce(x[:, 0]).value) is np.float64


def test_folds_keep_type_and_shape():
    x = DualArray(np.array([1, 3, 3], np.float32), np.ones(3, np.float32))
    for found in (np.maximum.accumulate(x), np.divide.reduce(x[:0].reshape(0, 3), axis=1)):
        assert (found.dtype, found.tangent.dtype) == (np.float32, np.float32)
    assert np.divide.reduce(x[:0].reshape(0, 3), axis=1).shape == (0,)
    with pytest.raises(TypeError, match="int"):
        np.add.reduceat(x, x)


@pytest.mark.parametrize(("call", "partial"), [
    (np.logaddexp.reduce, [0.0, 0.5, 0.5]), (np.logaddexp2.reduce, [0.0, 0.5, 0.5]),
    (lambda x: np.logaddexp.reduce(x + np.array([0.0, 900, 900])), [0.0, 0.5, 0.5]),
    (lambda x: np.hypot.reduce(0 * np.maximum(x, 0) + np.array([3e200, 0, -4e200]) * (1 + np.maximum(x, 0))), None)])
def test_a_fold_stays_finite_at_the_ends_of_the_range(call, partial):
    found = jacobian(call)(np.array([-INF, 1.0, 1.0]))
    assert np.all(np.isfinite(found))
    if partial is not None:
        np.testing.assert_allclose(found, partial, atol=1e-16)


def test_the_fold_of_zeros_is_a_kink_of_least_norm():
    np.testing.assert_array_equal(jacobian(np.hypot.reduce)(np.zeros(3)), np.zeros(3))


@pytest.mark.parametrize(("call", "partial"), [
    (lambda x: np.hypot.reduce(x[0]), [-1, 0]), (lambda x: np.hypot.reduce(x, axis=()), [[-1, 0], [0, 1]]),
    (lambda x: np.subtract.reduce(x[0], initial=x[1]), [-1, 1]), (lambda x: np.fmax.reduce(x[0], initial=x[1]), [0, 1]),
    (lambda x: np.divide.reduce(x, axis=(), initial=6.0, where=[True, False]), [[-1.5, 0], [0, 0]])])
def test_a_fold_over_no_axis_still_is_one(call, partial):
    value, J = value_and_jacobian(call)(np.array([-2.0, 3.0]))
    np.testing.assert_array_equal(value, call(np.array([-2.0, 3.0])))
    np.testing.assert_allclose(J, partial)


@pytest.mark.parametrize("call", [
    lambda x: np.subtract.reduce(x, axis=(0, 1)), lambda x: np.add.reduce(x, axis=5), lambda x: np.power.reduce(x[:0]),
    lambda x: np.add.reduceat(x, [0, 9]), lambda x: np.divide.reduce(x, where=x > 1), lambda x: np.maximum.reduce(x[:0]),
    lambda x: np.hypot.accumulate(x, axis=3)])
def test_what_numpy_refuses_is_refused_with_its_error(call):
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for argument in (x, dual(x)):
        with pytest.raises((ValueError, IndexError)):
            call(argument)


def test_a_keyword_that_says_how_to_compute_is_refused_by_name():
    with pytest.raises(RuleError, match=r"arctan2: the keyword 'signature'.*astype"):
        np.arctan2(dual([1.0, 2.0]), 1.0, signature="dd->d")


# ---- out and where ---------------------------------------------------------------------------------------------------
def test_a_result_without_derivative_may_go_into_a_plain_array():
    x = dual([0.5, 1.5])
    mask, whole = np.zeros(2, bool), np.zeros(2)
    assert np.greater(x, 1, out=mask) is mask
    assert np.floor(x, out=whole) is whole
    assert (mask.tolist(), whole.tolist()) == ([False, True], [0, 1])


@pytest.mark.parametrize("call", [
    lambda x, o: np.sin(x, out=o), lambda x, o: np.add.reduce(x, out=o[0]), lambda x, o: np.add.at(o, [0], x[:1]),
    lambda x, o: np.sin(x, out=o, where=[True, False]), lambda x, o: np.cumsum(x, out=o), lambda x, o: np.modf(x, o, o),
    lambda x, o: np.add.accumulate(x, out=o), lambda x, o: np.matmul(np.eye(2), x, out=o),
    lambda x, o: np.median(x[None], 0, o), lambda x, o: np.percentile(x[None], 50, 0, o), lambda x, o: np.clip(x, 0, 1, o),
    lambda x, o: np.concatenate([x[:1], x[1:]], 0, o), lambda x, o: np.dot(np.eye(2), x, o), lambda x, o: x[None].max(0, o)])
def test_a_dual_result_does_not_go_into_a_plain_array(call):
    o = np.zeros(2)
    with pytest.raises(EscapeError, match="zeros_like"):
        call(dual([0.5, 1.5]), o)
    assert o.tolist() == [0, 0]


def test_two_results_go_where_each_is_sent():
    x = dual([0.5, -1.5])
    part, whole = np.zeros_like(x), np.zeros_like(x)
    found = np.modf(x, out=(part, None))
    assert found[0] is part
    assert np.divmod(x, 1.0, out=(whole, part)) == (whole, part)
    np.testing.assert_array_equal(whole.value, [0, -2])
    np.testing.assert_array_equal(part.value, [0.5, 0.5])
    np.testing.assert_array_equal(part.tangent, np.eye(2))


def test_out_takes_part_in_broadcasting_and_is_seen_through_views():
    x = dual([0.5, 1.5])
    out = np.zeros_like(np.stack([x, x, x]))
    row = out[1]
    assert np.multiply(x, 2.0, out=out) is out
    np.testing.assert_array_equal(row.tangent, 2 * np.eye(2))
    np.negative(row, out=row)
    np.testing.assert_array_equal(out.value, [[1, 3], [-1, -3], [1, 3]])
    with pytest.raises((AssignmentError, ValueError)):
        np.multiply(out, 2.0, out=row)


def test_a_dual_array_takes_a_plain_result():
    out = dual([0.5, 1.5])
    assert np.exp(np.zeros(2), out=out) is out
    np.testing.assert_array_equal(out.value, [1, 1])
    np.testing.assert_array_equal(out.tangent, np.zeros((2, 2)))


def test_out_may_be_given_by_position():
    x = dual([0.5, 1.5])
    for call in (lambda x, o: np.std(x[:, None] * [1, 3], 1, None, o, 1), lambda x, o: np.take(x, [2, 3], 0, o, "wrap"),
                 lambda x, o: np.concatenate([x[:1], x[1:]], 0, o), lambda x, o: np.clip(x, 0, 1, o),
                 lambda x, o: np.median(x[None], 0, o, False)):
        out, plain = np.zeros(2, like=x), np.zeros(2)
        assert call(x, out) is out
        np.testing.assert_array_equal(out.value, call(x.value, plain))
        assert np.any(out.tangent)


@pytest.mark.parametrize("call", [
    lambda a, o: np.dot(a, a, out=o), lambda a, o: np.matmul(a, a, o), lambda a, o: np.add.accumulate(a, out=o),
    lambda a, o: np.sum(a, 0, out=o[0]), lambda a, o: np.minimum.reduce(a, out=o[0]), lambda a, o: np.max(a, 1, o[1]),
    lambda a, o: np.stack([a[0], a[1]], 0, o), lambda a, o: np.fft.irfft(a, 2, out=o), lambda a, o: np.clip(a, 0, 1, out=o),
    lambda a, o: np.add(a, 1, out=o, where=[1, 0]), np.isneginf, np.isposinf, np.fix])
def test_a_result_of_plain_arrays_may_go_into_a_dual_array(call):
    a = np.array([[1.0, 2.0], [0.5, -1.0]])
    out, plain = DualArray(np.ones((2, 2)), np.ones((2, 2))), np.ones((2, 2))
    call(a, plain)
    call(a, out)
    np.testing.assert_array_equal(out.value, plain)
    assert not np.all(out.tangent)


def test_lists_of_whole_numbers_are_masks_as_numpy_takes_them():
    for call in (lambda a, w: np.add(a, 1, out=a, where=w), lambda a, w: np.copyto(a, 9, where=w)):
        plain = np.array([0.5, 1.5, 2.5])
        x = dual(plain)
        call(x, [1, 0, 1])
        call(plain, [1, 0, 1])
        np.testing.assert_array_equal(x.value, plain)
        for a in (x, plain):
            with pytest.raises(TypeError, match="bool"):
                call(a, np.array([1, 0, 1]))


def test_where_computes_nothing_outside_its_mask():
    def f(x):
        return np.log(x, out=np.zeros_like(x), where=x > 0)
    np.testing.assert_array_equal(jacobian(f)(np.array([-1.0, 0.0, 2.0])), np.diag([0, 0, 0.5]))
    np.testing.assert_array_equal(gradient(lambda x: f(x).sum(), mode="reverse")(np.array([-1.0, 0.0, 2.0])), [0, 0, 0.5])


@pytest.mark.parametrize("code", [
    "np.floor(x, out=y, where=mask)", "np.trunc(x, out=y, where=mask)", "np.conj(x, out=y, where=mask)",
    "np.floor_divide(x, 0.3, out=y, where=mask)", "np.greater(x, 0.5, out=y, where=mask)",
    "np.isfinite(x, out=np.full(3, False), where=mask) + 0.0", "np.less(x, 1, out=np.full(3, True), where=mask) * x",
    "np.rint(x, out=np.full(3, 5.0), where=mask)"])
def test_where_leaves_out_as_it_was_for_functions_without_a_derivative_too(code):
    def f(x):
        y = x * 2
        return eval(code, {"np": np, "x": x, "y": y, "mask": np.array([True, False, True])}) * x + y
    x = np.array([0.7, -1.3, 1.9])
    expected = np.stack([(f(x + e) - f(x - e)) / 2e-5 for e in 1e-5 * np.eye(3)], axis=1)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(x), expected, rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(jvp(f, (x,), (x,))[0], f(x))


@pytest.mark.parametrize("code", [
    "np.exp(s, out=None, where=mask)", "np.divide(s, x[1], out=None, where=mask)",
    "np.modf(s, out=(None, None), where=mask)[0]",
    "np.floor(s, out=None, where=mask)", "np.exp(x[1:], out=None, where=mask)", "np.exp(s, out=o, where=mask)"])
def test_a_number_where_a_mask_of_no_axes_holds_is_a_number(code):
    def f(x, mask):
        o = eval(code, {"np": np, "x": x, "s": x[0], "o": np.zeros_like(x[0]), "mask": mask})
        return np.sum(o) * (2.0 if np.isscalar(o) else 5.0) + x[0]
    x = np.array([0.7, 2.5])
    for mask in (np.True_, np.array(True)):
        (value, slope), expected = value_and_gradient(f)(x, mask), value_and_gradient(f)(x, True)
        assert value == expected[0] == f(x, mask)
        np.testing.assert_array_equal(slope, expected[1])


def test_casting_is_numpys():
    x = dual([0.5, 1.5])
    for a in (x, x.value):
        with pytest.raises(TypeError, match="casting"):
            np.add(a, 1.0, dtype=np.float32, casting="safe")
    assert np.add(x, 1.0, dtype=np.float32).dtype == np.float32
    assert np.add.reduce(x.astype(np.float32), dtype=float).value.dtype == np.float64
    assert np.matmul(x.astype(np.float32), x.value, dtype=np.float32).value.dtype == np.float32


# ---- at --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [5, 400])
def test_at_adds_as_often_as_an_index_occurs(n):
    places = np.arange(n) % 3

    def f(x):
        out = np.zeros_like(x[:3])
        np.add.at(out, places, x * x)
        return out
    x = np.linspace(0.5, 1.5, n)
    expected = np.zeros((3, n))
    expected[places, np.arange(n)] = 2 * x
    np.testing.assert_allclose(jacobian(f)(x), expected, rtol=1e-15)
    np.testing.assert_allclose(f(x), jvp(f, (x,), (x,))[0], rtol=1e-14)


def test_at_writes_through_views_and_numbers_made_by_hand():
    x = dual([[1.0, 2.0], [3.0, 4.0]])
    np.multiply.at(x[0], [1, 1], 3.0)
    assert x.value.tolist() == [[1, 18], [3, 4]]
    np.add.at(x.T, (0, 1), Dual(1.0, np.array([0.0, 0, 0, 5])))
    assert x.value[1, 0] == 4
    assert x.tangent[:, 1, 0].tolist() == [0, 0, 1, 5]

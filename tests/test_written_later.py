"""A program may write to its own arrays again after it has used them: the derivative is that of the values at the time."""

import tracemalloc

import numpy as np
import pytest

from dualdiff import derivative, elementwise, gradient, hessian, jacobian, jvp, linearize, value_and_jacobian, vjp
from dualdiff.tangents.moves import kept

X = np.array([0.5, 1.25, 2.0])
NUMBERS, MATRIX = np.array([3.0, 4.0, 5.0]), np.array([[2.0, 1, 0], [0, 3, 1], [1, 0, 4]])
INDEX, MASK = np.array([2, 0, 1]), np.array([True, False, True])

def added_at(x, index):
    out = np.zeros_like(x)
    np.add.at(out, index, x * x)
    return out


def put_at(x, index):
    out = np.zeros_like(x)
    out[index] = x * x
    return out


USES = {  # what is used, and how
    "x * a": (NUMBERS, lambda x, a: x * a), "a * x": (NUMBERS, lambda x, a: a * x),
    "x * a[::-1]": (NUMBERS, lambda x, a: x * a[::-1]), "x * a[0]": (NUMBERS, lambda x, a: x * a[0]),
    "x *= a": (NUMBERS, np.multiply), "multiply(out=)": (NUMBERS, lambda x, a: np.multiply(x, a, out=np.zeros_like(x))),
    "x * (1, 3)": (NUMBERS[None], lambda x, a: (x * a)[0]), "2 * x * a": (NUMBERS, lambda x, a: 2 * x * a),
    "x / a": (NUMBERS, lambda x, a: x / a), "a / x": (NUMBERS, lambda x, a: a / x), "x ** a": (NUMBERS, lambda x, a: x ** a),
    "x + a": (NUMBERS, lambda x, a: (x + a) ** 2), "maximum": (NUMBERS, lambda x, a: np.maximum(x, a - 3)),
    "a @ x": (MATRIX, lambda x, a: a @ x), "x @ a": (MATRIX, lambda x, a: x @ a),
    "x.T @ a": (NUMBERS, lambda x, a: np.outer(x, x) @ a), "dot": (NUMBERS, lambda x, a: np.dot(x, a) * x),
    "a @ X": (MATRIX, lambda x, a: a @ np.outer(x, x)), "X @ a": (MATRIX, lambda x, a: np.outer(x, x) @ a),
    "einsum": (MATRIX, lambda x, a: np.einsum("ij,j->i", a, x)),
    "einsum of three": (MATRIX, lambda x, a: np.einsum("ij,j,i->i", a, x, x)),
    "tensordot": (MATRIX, lambda x, a: np.tensordot(a, x, 1)), "inner": (MATRIX, lambda x, a: np.inner(a, x)),
    "outer": (NUMBERS, lambda x, a: np.outer(a, x)), "kron": (NUMBERS, lambda x, a: np.kron(a, x)),
    "convolve": (NUMBERS, np.convolve), "correlate": (NUMBERS, lambda x, a: np.correlate(a, x, "full")),
    "cross": (NUMBERS, np.cross), "solve for the side": (MATRIX, lambda x, a: np.linalg.solve(a, x)),
    "average": (NUMBERS, lambda x, a: np.average(x, weights=a) * x), "interp": (NUMBERS, lambda x, a: np.interp(x + 2, a, a)),
    "trapezoid": (NUMBERS, lambda x, a: np.trapezoid(x, a) * x), "bincount": (INDEX, lambda x, a: np.bincount(a, weights=x)),
    "x[index]": (INDEX, lambda x, a: x[a]), "x[index, ...]": (INDEX, lambda x, a: np.outer(x, x)[a, a]),
    "take": (INDEX, np.take), "take_along_axis": (INDEX, lambda x, a: np.take_along_axis(x, a, 0)),
    "x[mask]": (MASK, lambda x, a: x[a]), "where": (MASK, lambda x, a: np.where(a, x, x * x)),
    "sum(where=)": (MASK, lambda x, a: np.sum(x, where=a) * x), "compress": (MASK, lambda x, a: np.compress(a, x)),
    "repeat": (INDEX, np.repeat), "choose": (np.array([0, 1, 0]), lambda x, a: np.choose(a, [x, x * x])),
    "select": (MASK, lambda x, a: np.select([a], [x], x * x)), "polyval": (NUMBERS, lambda x, a: np.polyval(a, x)),
    "polyfit": (NUMBERS, lambda x, a: np.polyfit(a, x, 1)), "add.at": (INDEX, added_at),
    "x[index] = ": (INDEX, put_at), "gradient": (NUMBERS, np.gradient),
    "clip": (NUMBERS, lambda x, a: np.clip(x, a - 3, a - 2.9)), "hypot": (NUMBERS, np.hypot),
    "reshape": ([3, 1], np.reshape), "concatenate": (NUMBERS, lambda x, a: np.concatenate([a, x]) ** 2),
    "multi_dot": (MATRIX, lambda x, a: np.linalg.multi_dot([a, a, x])),
    "reduceat": (np.array([0, 2]), np.add.reduceat), "vecdot": (MATRIX, lambda x, a: np.vecdot(a, x)),
}


def program(use, a, overwritten):
    """The use of an array that is filled anew afterwards, or is not."""
    def f(x):
        mine = a.copy()
        result = use(x, mine)
        if overwritten:
            for i in range(len(mine)):
                mine[i] = mine[0] if isinstance(mine, list) else np.zeros_like(mine[0])
        return np.ravel(result) + 0.0 * x[0]
    return f


@pytest.mark.parametrize("name", USES)
def test_an_array_may_be_overwritten_after_it_was_used(name):
    a, use = USES[name]
    kept, gone = program(use, a, False), program(use, a, True)
    expected = jacobian(kept)(X)
    np.testing.assert_array_equal(jacobian(gone)(X), expected)
    np.testing.assert_array_equal(jvp(gone, (X,), (X,))[1], jvp(kept, (X,), (X,))[1])
    for i in range(len(expected)):
        np.testing.assert_allclose(gradient(lambda x, i=i: gone(x)[i], mode="reverse")(X), expected[i], rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(hessian(lambda x: np.sum(gone(x) ** 2))(X), hessian(lambda x: np.sum(kept(x) ** 2))(X))


@pytest.mark.parametrize("view", [lambda a: np.broadcast_to(a, (3, 3)), np.diagonal,
                                  lambda a: np.lib.stride_tricks.sliding_window_view(a, (1, 3))[1, 0, 0]])
@pytest.mark.parametrize("use", [lambda x, a: x * a, lambda x, a: a @ x, lambda x, a: np.einsum("...i,i", a, x * x)])
def test_an_array_may_be_overwritten_after_a_read_only_view_of_it_was_used(view, use):
    def program(overwritten):
        def f(x):
            mine = MATRIX.copy()
            result = use(x, view(mine))
            if overwritten:
                mine += 7.0
            return np.sum(result)
        return f
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(gradient(program(True), mode=mode)(X), gradient(program(False), mode=mode)(X))
    x = X.copy()
    operator = linearize(lambda x: x * x[::-1], np.broadcast_to(x, (3,)))
    x += 7.0
    np.testing.assert_array_equal(operator.todense(), linearize(lambda x: x * x[::-1], X).todense())


@pytest.mark.parametrize("make", [lambda x: 2.0 * x, lambda x: np.zeros_like(x) + 1.5, np.ones_like])
@pytest.mark.parametrize("use", [lambda x, b: x * b, lambda x, b: b * x, lambda x, b: b @ x * x, lambda x, b: np.exp(b) * x,
                                 np.hypot, lambda x, b: np.sqrt(b) + x[::-1] * b])
def test_a_dual_array_may_be_overwritten_after_it_was_used(make, use):
    def program(overwritten):
        def f(x):
            b = make(x)
            result = use(x, b)
            if overwritten:
                b[0] = 7.0
                b[1:] *= x[:2]
                b += 1.0
            return result
        return f
    expected = jacobian(program(False))(X)
    np.testing.assert_array_equal(jacobian(program(True))(X), expected)
    for i in range(3):
        np.testing.assert_allclose(gradient(lambda x, i=i: program(True)(x)[i], mode="reverse")(X), expected[i], rtol=1e-14)
    inner = jacobian(lambda x: jacobian(lambda y: use(y, make(x)))(x))(X)
    np.testing.assert_allclose(jacobian(lambda x: jacobian(lambda y: program_of(use, make(x), y))(x))(X), inner, rtol=1e-14)


@pytest.mark.parametrize("use", [
    np.exp, np.tanh, np.sqrt, lambda x: x * x, lambda x: np.hypot(x, x), lambda x: 1 / x, np.cumprod, lambda x: x / np.sum(x),
    lambda x: MATRIX @ x, lambda x: np.linalg.solve(MATRIX + np.diag(x), x)])
def test_a_result_may_be_overwritten_after_it_was_used(use):
    def program(overwritten):
        def f(x):
            y = use(x)
            z = use(y) + 2.0 * y + y * y
            if overwritten:
                y[0] = 9.0
                y *= 2.0
                y[1:] = x[1:]
            return z
        return f
    expected = jacobian(program(False))(X)
    np.testing.assert_array_equal(jacobian(program(True))(X), expected)
    for i in range(3):
        np.testing.assert_allclose(gradient(lambda x, i=i: program(True)(x)[i], mode="reverse")(X), expected[i], rtol=1e-13,
                                   atol=1e-14)


def test_a_factor_is_copied_only_where_the_record_keeps_it():
    """Where the tangent has a coefficient already, the product is the record's own."""
    x, a = np.linspace(1.0, 2.0, 50_000), np.linspace(2.0, 3.0, 50_000)

    def peak(factor):
        jvp(lambda x: np.sin(x) * factor, (x,), (a,))
        tracemalloc.start()
        jvp(lambda x: np.sin(x) * factor, (x,), (a,))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found
    b = a.copy()
    b.flags.writeable = False
    assert peak(a) < peak(b) + x.nbytes / 2


def test_data_that_are_read_only_are_not_copied():
    """A record of a large read-only matrix keeps the matrix itself."""
    a = np.ones((300, 3))
    a.flags.writeable = False
    value, pullback = vjp(lambda x: a @ x, X)
    assert value.shape == (300,)
    np.testing.assert_array_equal(pullback(np.ones(300))[0], [300, 300, 300])
    assert kept(a) is a
    assert kept((a, 2))[0] is a
    a.flags.writeable = True
    assert kept(a) is not a


@pytest.mark.parametrize("f", [np.exp, np.sqrt, np.cumprod, lambda x: x * x[::-1], lambda x: x @ x * x,
                               lambda x: MATRIX @ x / x])
def test_a_record_outlives_writes_to_its_arguments_and_results(f):
    """Newton's x += step, and r -= y in the result: the pullback and the operator are of the point where f was run."""
    J, u = jacobian(f)(X), np.array([1.0, -2.0, 0.5])
    x, at = X.copy(), X.copy()
    value, pullback = vjp(f, x)
    operator = linearize(f, at)
    for a in (x, at, value, operator.value):
        a += 7.0
    np.testing.assert_allclose(pullback(u)[0], u @ J, rtol=1e-13)
    np.testing.assert_allclose(operator @ u, J @ u, rtol=1e-13)
    np.testing.assert_allclose(operator.T @ u, u @ J, rtol=1e-13)


@pytest.mark.parametrize("use", [lambda x: x[1:] * x[:-1], lambda x: x @ x * np.ones(2),
                                 lambda x: np.sin(x[:2]) * x[:2] * x[1:]])
@pytest.mark.parametrize("mode", [
    lambda f, x: jvp(f, (x,), (np.ones(3),))[1], lambda f, x: vjp(f, x)[1](np.ones(2))[0], lambda f, x: jacobian(f)(x),
    lambda f, x: jacobian(f, sparse=True)(x).toarray(), lambda f, x: gradient(lambda u: np.sum(f(u)), mode="reverse")(x),
    lambda f, x: gradient(lambda s, u: np.sum(f(u)) * s, argnums=(0, 1))(2.0, x)[1],
    lambda f, x: hessian(lambda u: np.sum(f(u)))(x), lambda f, x: jacobian(jacobian(f))(x)])
@pytest.mark.parametrize("large", [None, 1])
def test_f_may_overwrite_the_array_that_it_was_called_with(use, mode, large, monkeypatch):
    """The caller's, known to f by another name; small arrays, and those whose work is put off."""
    if large is not None:
        monkeypatch.setattr(elementwise, "LARGE", large)

    def at(overwritten):
        x = X.copy()

        def f(u):
            y = use(u)
            if overwritten:
                x[:] = 7.0
            return y
        return mode(f, x)
    np.testing.assert_array_equal(at(True), at(False))


@pytest.mark.parametrize("f", [lambda x: x, lambda x: x[::-1], lambda x: x.reshape(3, 1), lambda x: np.broadcast_to(x, (2, 3))])
def test_results_are_the_callers_to_write_to(f):
    """Also where f returns its argument or a view of it."""
    for results in (value_and_jacobian(f)(X), jvp(f, (X,), (X,)), vjp(f, X)[:1], (linearize(f, X).value, gradient(np.sum)(X))):
        for a in results:
            assert a.flags.writeable
            assert not np.shares_memory(a, X)


def twice(x):
    y = np.exp(x)
    return [y, y + 1.0]


@pytest.mark.parametrize("results", [
    lambda x, y: (y, jvp(lambda z: z * y, (x,), (np.ones(3),))[1]), lambda x, y: (y, jvp(lambda z: z, (x,), (y,))[1]),
    lambda x, y: (y, jvp(lambda z: z, (x,), (np.stack([y, y]),))[1][1]), lambda x, y: derivative(twice)(x)[::-1],
    lambda x, y: (y, linearize(lambda z: z, x).T @ y), lambda x, y: (y, jvp(lambda z: np.sum(y) * z, (x,), (np.ones(3),))[1])])
def test_a_derivative_inside_a_program_is_written_to_without_its_other_arrays_being_changed(results):
    def f(x, overwritten):
        kept, gone = results(x, np.exp(x))
        if overwritten:
            gone[0] = 5.0
            gone *= 2.0
        return kept
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(jacobian(f, mode=mode)(X, True), jacobian(f, mode=mode)(X, False))


def program_of(use, b, y):
    """Inside an inner differentiation, an outer array is overwritten."""
    result = use(y, b)
    b[0] = 7.0
    return result

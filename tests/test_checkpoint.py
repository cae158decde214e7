"""Checkpoints: the same derivatives in every mode, f run again in place of memory."""

import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest

import dualdiff as dd
from dualdiff import checkpoint, derivative, gradient, hessian, hvp, jacobian, jvp, linearize, vjp
from dualdiff.errors import StructureError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4))
W = RNG.standard_normal((4, 4)) / 2


def layer(x, w):
    return np.tanh(x @ w) + x[:, ::-1]


def total(f):
    return lambda x, w: np.sum(f(f(x, w), w) ** 2)


def counted(f):
    def g(*args, **options):
        g.calls += 1
        return f(*args, **options)
    g.calls = 0
    return g


# ---- the same derivatives ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("transform", [
    lambda f: gradient(f, (0, 1), mode="reverse")(X, W), lambda f: gradient(f, (0, 1), mode="forward")(X, W),
    lambda f: jacobian(f, (0, 1))(X, W), lambda f: hessian(lambda w: f(X, w))(W), lambda f: hvp(lambda w: f(X, w))(W, W),
    lambda f: gradient(lambda w: gradient(f, 1, mode="reverse")(X, w)[1, 2], mode="reverse")(W),
    lambda f: gradient(lambda w: jvp(lambda v: f(X, v), (w,), (w,))[1], mode="reverse")(W),
    lambda f: [linearize(f, X, W) @ (X, W), linearize(f, X, W).todense(), linearize(f, X, W) @ np.ones((28, 2))],
], ids=["reverse", "forward", "jacobian", "hessian", "hvp", "reverse over reverse", "reverse over forward", "operator"])
def test_a_checkpoint_changes_no_derivative(transform):
    plain, kept = transform(total(layer)), transform(total(checkpoint(layer)))
    for a, b in zip(plain if isinstance(plain, tuple | list) else [plain], kept if isinstance(kept, tuple | list) else [kept],
                    strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-13)   # sums in another order


def test_several_cotangents_are_pulled_through_at_once():
    f = counted(layer)
    _, pullback = vjp(lambda x: checkpoint(f)(x, W), X)
    U = RNG.standard_normal((5, 3, 4))
    f.calls = 0
    (back,) = pullback(U)
    assert f.calls == 1
    assert np.allclose(back, vjp(lambda x: layer(x, W), X)[1](U)[0], rtol=1e-13)


def test_a_jacobian_from_the_record_is_as_sparse_as_f():
    J = linearize(checkpoint(lambda x: x[1:] * x[:-1]), np.arange(1.0, 6.0))
    assert np.array_equal(J.todense(), jacobian(lambda x: x[1:] * x[:-1])(np.arange(1.0, 6.0)))
    assert np.array_equal(J.diagonal(), [2, 3, 4, 5])


def test_arguments_and_results_may_be_trees_with_whole_numbers_and_options():
    data = [1.0, 2.0, 3.0]

    def step(state, scale=1.0):
        x, i = state["x"], state["i"]
        return {"x": x * scale + data[i] * np.sin(x), "i": i + 1, "sum": np.sum(x)}

    def f(step):
        def g(x):
            state = {"x": x, "i": 0}
            for _ in range(3):
                state = step(state, scale=0.5)
            return np.sum(state["x"]) * state["sum"] * state["i"]
        return g
    assert np.allclose(gradient(f(checkpoint(step)), mode="reverse")(X[0]), gradient(f(step), mode="reverse")(X[0]), rtol=1e-14)


def test_dicts_of_any_kind_are_taken_apart():
    p = OrderedDict(a=2.0, b=np.arange(3.0))

    def f(step):
        return lambda p, x: np.sum(step(p, x, "as it is"))
    step = lambda p, x, how: p["a"] * x + p["b"] * x**2
    ours, plain = (gradient(f(s), (0, 1), mode="reverse")(p, np.array([1.0, 3.0, 5.0])) for s in (checkpoint(step), step))
    assert ours[0]["a"] == plain[0]["a"]
    assert np.array_equal(ours[0]["b"], plain[0]["b"])
    assert np.array_equal(ours[1], plain[1])


def test_numbers_are_arguments_and_results_too():
    assert derivative(checkpoint(np.sin))(0.5) == np.cos(0.5)
    assert gradient(checkpoint(lambda t: t * t + 1), mode="reverse")(3.0) == 6.0
    times = checkpoint(lambda a, b: a * b)
    assert np.array_equal(gradient(lambda x: times(x[0], x[1]), mode="reverse")(np.array([2.0, 5.0])), [5, 2])


def test_an_argument_without_effect_has_a_gradient_of_zeros():
    assert np.array_equal(gradient(checkpoint(lambda x, y: np.sum(x)), 1, mode="reverse")(X, W), np.zeros((4, 4)))
    assert np.array_equal(gradient(lambda x: checkpoint(lambda a: np.ones(3))(x)[0], mode="reverse")(X), np.zeros((3, 4)))


def test_an_empty_array_goes_through():
    assert gradient(lambda x: np.sum(checkpoint(np.exp)(x)), mode="reverse")(np.ones((0, 3))).shape == (0, 3)


def test_an_infinite_partial_leaves_its_neighbours_alone():
    root, x = checkpoint(np.sqrt), np.array([0.0, 4.0])
    assert np.array_equal(gradient(lambda x: np.sum(root(x)[1:]), mode="reverse")(x), [0, 0.25])
    assert np.array_equal(gradient(lambda x: np.sum(root(x)), mode="reverse")(x), [np.inf, 0.25])


def test_complex_numbers_and_single_precision_keep_their_type():
    z = np.array([1 + 2j, 0.5 - 1j])
    assert np.allclose(gradient(lambda z: np.sum(checkpoint(np.exp)(z)), mode="reverse")(z), np.exp(z))
    assert gradient(lambda x: np.sum(checkpoint(np.exp)(x)), mode="reverse")(np.ones(3, np.float32)).dtype == np.float32
    f = lambda x: np.sum(np.abs(checkpoint(lambda a: np.exp(1j * a) * a)(x)) ** 2)
    assert np.allclose(gradient(f, mode="reverse")(X[0]), 2 * X[0])


def test_a_later_write_to_an_argument_does_not_reach_the_checkpoint():
    def f(x):
        y = x * 1.0
        z = checkpoint(lambda a: a * a)(y)
        y[0] = 100.0
        return np.sum(z)
    assert np.array_equal(gradient(f, mode="reverse")(np.array([1.0, 2.0])), [2, 4])


# ---- work and memory ---------------------------------------------------------------------------------------------------
def test_f_runs_once_more_in_a_reverse_sweep_and_not_in_a_forward_one():
    f = counted(layer)
    gradient(lambda x: np.sum(checkpoint(f)(x, W)), mode="reverse")(X)
    assert f.calls == 2
    f.calls = 0
    gradient(lambda x: np.sum(checkpoint(f)(x, W)), mode="forward")(X)
    assert f.calls == 1
    f.calls = 0
    assert np.array_equal(checkpoint(f)(X, W), layer(X, W))
    assert f.calls == 1


@pytest.mark.parametrize("times", [0, 1, 2, 7, 16, 17])
def test_a_loop_runs_its_step_as_often_as_it_says(times):
    f = counted(lambda x, a: x + a * np.sin(x))
    loop = checkpoint(f, times=times)
    x, expected = X[0], X[0]
    for _ in range(times):
        expected = expected + 0.1 * np.sin(expected)
    assert np.array_equal(loop(x, 0.1), expected)
    assert f.calls == times
    f.calls = 0
    g = gradient(lambda x: np.sum(loop(x, 0.1)), mode="reverse")(x)
    assert f.calls == 2 * times
    assert np.allclose(g, np.diag(jacobian(lambda x: loop(x, 0.1))(x)), rtol=1e-13)


def test_a_loop_keeps_the_square_root_of_its_steps():
    n, times = 2000, 400

    def step(x):
        return x + 0.01 * (np.roll(x, 1) - np.sin(x))
    tracemalloc.start()
    gradient(lambda x: np.sum(checkpoint(step, times=times)(x)), mode="reverse")(np.linspace(0, 1, n))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    states = np.sqrt(times)
    assert peak < 8 * n * (states + 12 * states)           # states, and per step of a stretch a handful of coefficients


# ---- mistakes ----------------------------------------------------------------------------------------------------------
def test_a_number_from_outside_that_is_differentiated_is_refused():
    def f(w):
        return np.sum(checkpoint(lambda x: x @ w)(X @ w))
    with pytest.raises(StructureError, match="not among its arguments; pass it as an argument"):
        gradient(f, mode="reverse")(W)


def written(s):
    s += 1.0
    return np.sin(s)


def drawing(rng):
    return lambda s: np.tanh(s) * np.sign(rng.normal(size=s.shape))


def counting():
    count = iter(range(9))
    return lambda s: np.sin(s + next(count))


def shuffling(rng):
    return lambda s: np.sin(s)[rng.permutation(len(s))]


def growing(W):
    def step(s):
        s = s * W
        W.__imul__(2.0)
        return s
    return step


@pytest.mark.parametrize(("step", "message"), [
    (written, r"writes to its argument.* x = x\.copy\(\)"), (drawing(np.random.default_rng(0)), "other values when it was run"),
    (counting(), "other values"), (growing(np.ones(4)), "other values"),
    (shuffling(np.random.default_rng(1)), "other values")])
@pytest.mark.parametrize("times", [None, 3])
def test_a_function_that_is_not_pure_is_refused(step, message, times):
    with pytest.raises(StructureError, match=message):
        gradient(lambda x: np.sum(checkpoint(step, times=times)(x * 1.0)), mode="reverse")(X[0])


def test_a_function_that_writes_to_a_copy_is_pure():
    f = lambda s: written(s.copy())
    np.testing.assert_allclose(gradient(lambda x: np.sum(checkpoint(f, times=3)(x)), mode="reverse")(X[0]),
                               gradient(lambda x: np.sum(f(f(f(x)))))(X[0]))


def test_an_outer_constant_may_come_from_outside():
    x = X[0]
    f = lambda a: gradient(lambda y: np.sum(checkpoint(lambda b: b * b * a)(y)), mode="reverse")(x)
    assert np.allclose(jacobian(f)(x), np.diag(2 * x))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: checkpoint(3.0), "must be a function; got 3.0"),
    (lambda: checkpoint(np.sin, times=-1), "times must be a whole number of at least 0; got -1"),
    (lambda: gradient(checkpoint(lambda a: "text"), mode="reverse")(X), "result of a checkpoint.*'text'"),
])
def test_a_mistake_is_named(call, message):
    with pytest.raises(StructureError, match=message) as caught:
        call()
    assert isinstance(caught.value, dd.DualdiffError)


def euler(p):
    """Lists of dual numbers made into arrays by NumPy: to be recorded it is lifted."""
    y, out = p[:2], []
    for _ in range(3):
        y = y + 0.1 * np.array([y[1], -p[2] * np.sin(y[0])])
        out.append(y)
    return np.array(out)


def test_a_function_that_has_to_be_lifted_is_a_checkpoint_too():
    p, kept = np.array([0.5, 0.1, 2.0]), checkpoint(euler)
    expected = jacobian(euler)(p)
    joined = lambda p: kept(np.array([p[0], p[1], p[2]]))
    for J in (jacobian(kept, mode="reverse")(p), jacobian(lambda p: 2 * kept(p) - kept(p), mode="reverse")(p),
              linearize(kept, p).todense().reshape(3, 2, 3), jacobian(joined, mode="reverse")(p)):
        np.testing.assert_allclose(J, expected, rtol=1e-13, atol=1e-15)
    slope = gradient(lambda p: np.sum(kept(p)**2), mode="reverse")(p)
    assert type(slope) is np.ndarray
    np.testing.assert_allclose(slope, gradient(lambda p: np.sum(euler(p)**2))(p), rtol=1e-13)

"""Forward or reverse: what is counted, what is chosen, and that the choice changes no derivative."""

from itertools import pairwise

import numpy as np
import pytest

import dualdiff as dd
from dualdiff import explain, gradient, jacobian, linearize, value_and_jacobian
from dualdiff.errors import StructureError
from dualdiff.tangents import contraction
from dualdiff.tangents import work as counting
from dualdiff.tangents.work import forward_work, reverse_work
from dualdiff.transforms import noting

RNG = np.random.default_rng(0)
H = 20


def network(n, m, depth=3):
    """Dense layers from n inputs to m results, H wide between."""
    return layers([n, *[H] * (depth - 1), m])


def layers(sizes):
    matrices = [RNG.standard_normal((b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]

    def f(x):
        f.calls += 1
        for A in matrices:
            x = np.tanh(A @ x)
        return x
    f.calls = 0
    return f


def stencil(x):
    return np.sin(x[1:]) * x[:-1] + np.roll(x, 2)[1:]


X, Y = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 2))
FUNCTIONS = {
    "a product": (lambda x, y: x @ y, (X, Y)),
    "a tree": (lambda x, y: {"a": x.sum(axis=0) * y.T, "b": [np.tanh(x), 2.0]}, (X, Y)),
    "a number": (lambda x, y: np.sum(x) * np.sum(y * y), (X, Y)),
    "slices": (lambda x, y: np.concatenate([x[1:, ::2].ravel(), y[0] * x[0, 0]]), (X, Y)),
    "a scan": (lambda x, y: np.cumsum(x @ y, axis=0), (X, Y)),
    "a constant": (lambda x, y: np.ones((2, 3)), (X, Y)),
    "an empty result": (lambda x, y: x[:0] @ y, (X, Y)),
    "a complex result": (lambda x, y: np.exp(1j * x) @ y, (X, Y)),
    "infinite partials": (lambda x, y: np.sqrt(x * x)[:, :2] + np.sqrt(np.abs(y[:3])), (np.zeros((3, 4)), Y)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_mode_changes_no_derivative(name):
    f, x = FUNCTIONS[name]
    forward, reverse = jacobian(f, (0, 1), mode="forward")(*x), jacobian(f, (0, 1), mode="reverse")(*x)
    auto = jacobian(f, (0, 1))
    for other in (reverse, auto(*x), auto(*x), auto(*x)):
        a, b = parts(forward), parts(other)
        assert [p.shape for p in a] == [p.shape for p in b]
        assert all(np.allclose(p, q, rtol=1e-13, atol=1e-14) for p, q in zip(a, b, strict=True))


def parts(tree):
    if isinstance(tree, dict):
        return [p for value in tree.values() for p in parts(value)]
    return [p for value in tree for p in parts(value)] if isinstance(tree, tuple | list) else [np.asarray(tree)]


def test_holomorphic_functions_go_backwards_too():
    z = RNG.standard_normal(6) + 1j
    f = lambda z: np.exp(z[:2]) * np.sum(z)
    assert np.allclose(jacobian(f, mode="reverse")(z), jacobian(f, mode="forward")(z), rtol=1e-13)


def test_a_reverse_jacobian_is_differentiated_through():
    x = RNG.standard_normal(6)
    f = lambda x: np.stack([np.sum(x**3), np.prod(x)])
    second = jacobian(jacobian(f, mode="reverse"))(x)
    assert np.allclose(second, jacobian(jacobian(f, mode="forward"))(x), rtol=1e-12, atol=1e-13)


def test_many_cotangents_are_pulled_block_by_block(monkeypatch):
    from dualdiff.transforms import linear
    monkeypatch.setattr(linear, "BLOCK", 200)
    f = network(30, 17)
    x = RNG.standard_normal(30)
    assert np.allclose(jacobian(f, mode="reverse")(x), jacobian(f, mode="forward")(x), rtol=1e-12, atol=1e-14)
    assert f.calls == 2


# ---- what is chosen ----------------------------------------------------------------------------------------------------
def test_a_wide_funnel_is_found_to_work_less_backwards_and_remembered():
    f, x = network(4000, 2, depth=4), RNG.standard_normal(4000)
    J = jacobian(f)
    first, calls = J(x), f.calls
    assert calls == 2                                      # forward until it worked many times as much as f, then recorded
    assert np.allclose(J(x), first, rtol=0, atol=0)
    assert f.calls == 3
    assert np.allclose(first, jacobian(f, mode="forward")(x), rtol=1e-11, atol=1e-14)


def test_little_work_goes_forward_and_is_not_asked_about():
    f, x = network(40, 2), RNG.standard_normal(40)
    J = jacobian(f)
    assert [(J(x), f.calls)[1] for _ in range(3)] == [1, 2, 3]
    assert explain(f, x).mode == "reverse"


def test_a_single_number_goes_back_where_a_contraction_is_met():
    """The mean of a network's losses took 1.4 times the reverse sweep's time forwards; a sum of elementwise work does not."""
    f, x = network(40, 1), RNG.standard_normal(40)
    J = jacobian(f)
    assert [(J(x), f.calls)[1] for _ in range(3)] == [2, 3, 4]                             # both ways once
    assert np.array_equal(J(x), jacobian(f, mode="reverse")(x))
    runs = []
    J = jacobian(lambda x: (runs.append(1), np.sum(np.exp(x) * x))[1])
    assert [(J(x), len(runs))[1] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(("n", "m", "runs"), [
    (40, 2, [1, 2, 3]), (2000, 2, [2, 3, 4]), (4000, 2, [2, 3, 4]), (30, 60, [1, 2, 3])])
def test_the_first_call_chooses_and_each_later_one_has_its_bits(n, m, runs):
    """Of little work, of some, of so much that the forward sweep is broken off, and of more results than inputs."""
    f, x = network(n, m, depth=4), RNG.standard_normal(n)
    J = jacobian(f)
    found = [(J(x), f.calls) for _ in range(3)]
    assert [calls for _, calls in found] == runs
    assert all(np.array_equal(found[0][0], A) for A, _ in found)
    fresh = jacobian(f)
    J(x + 1)
    assert np.array_equal(J(x), fresh(x))


def test_sparse_work_stays_forward():
    calls = []

    def f(x):
        calls.append(1)
        return stencil(x)
    J, x = jacobian(f), RNG.standard_normal(500)
    assert np.allclose(J(x), jacobian(stencil, mode="forward")(x))
    J(x)
    assert explain(stencil, x).mode == "forward"
    calls.clear()
    J(x)
    assert len(calls) == 1


def test_another_size_of_the_result_is_asked_about_again():
    sizes = [1, 1, 1, 60, 60, 1]
    A = RNG.standard_normal((60, 60))

    def f(x):
        return (A @ np.tanh(A @ x))[:size]
    J, x = jacobian(f), RNG.standard_normal(60)
    for size in sizes:
        assert np.allclose(J(x), jacobian(f, mode="forward")(x), rtol=1e-10, atol=1e-12)
        assert J(x).shape == (size, 60)


def test_what_works_only_a_little_less_backwards_goes_forward():
    why = explain(lambda x: np.cumsum(np.tanh(np.cumsum(x)) * x) / np.sum(x * x), RNG.standard_normal(400))
    assert why.reverse < why.forward < 1.35 * why.reverse
    assert why.mode == "forward"
    assert "but not 1.35 times less" in why.reason


def test_few_inputs_go_forward_and_a_number_goes_back():
    few, one = explain(lambda x: np.exp(x) * X, 1.0), explain(lambda x: np.sum(np.exp(x)), np.ones(50))
    assert (few.mode, few.n, few.m) == ("forward", 1, 12)
    assert "at most 4 inputs" in few.reason
    assert (one.mode, one.n, one.m) == ("reverse", 50, 1)
    assert "one number in the result" in one.reason


def test_few_inputs_go_back_where_that_is_much_less_work():
    n = 200
    distance = np.subtract.outer(np.arange(n), np.arange(n)) ** 2 / n

    def likelihood(p):
        calls.append(p)
        L = np.linalg.cholesky(np.exp(-p[0] * distance) + p[1] * np.eye(n))
        return np.sum(np.log(np.diag(L))) + p[2] * np.sum(np.linalg.solve(L, np.ones(n)))
    p, calls = np.array([1.0, 0.5, 2.0]), []
    why = explain(likelihood, p)
    assert why.mode == "reverse"
    assert why.forward > 1.35 * why.reverse
    g = gradient(likelihood)
    calls.clear()
    first = g(p)
    assert len(calls) == 3                             # forward, to where it became much; recorded, to count; reverse
    assert np.array_equal(g(p), first)
    assert len(calls) == 4
    assert np.array_equal(first, gradient(likelihood, mode="reverse")(p))
    assert np.allclose(first, gradient(likelihood, mode="forward")(p), rtol=1e-10)
    light = gradient(lambda p: np.sum(np.exp(-p[0] * np.ones(50)) * p[1]))
    assert np.array_equal(light(p), light(p))
    assert explain(np.sum, p).mode == "forward"


def test_an_explanation_says_what_was_counted():
    f = network(4000, 2, depth=4)
    why = explain(f, RNG.standard_normal(4000))
    assert f.calls == 1
    assert why.mode == "reverse"
    assert why.maps == 4
    assert why.forward > 4000 * H * H / 8 > why.reverse
    for number in (f"{why.forward:,}", f"{why.reverse:,}", "4,000 inputs", "2 numbers in the result"):
        assert number in repr(why)
    assert explain(lambda x, y: x @ y, X, Y, argnums=(0, 1)).n == 20


def test_the_matrix_of_an_operator_is_made_the_cheaper_way(monkeypatch):
    J = linearize(network(4000, 2, depth=4), RNG.standard_normal(4000))
    monkeypatch.setattr(type(J), "_replayed", lambda *args: pytest.fail("forward"))
    assert J.todense().shape == (2, 4000)


# ---- mixtures ----------------------------------------------------------------------------------------------------------
def autoencoder(n, middle, m, wide=40):
    return layers([n, wide, middle, wide, m])


def test_what_passes_through_few_numbers_goes_both_ways_from_there():
    f, x = autoencoder(1200, 3, 900), RNG.standard_normal(1200)
    why = explain(f, x)
    assert why.mode == "mixture"
    assert 3 * why.mixture < min(why.forward, why.reverse)
    assert f"{why.mixture:,}" in repr(why)
    forward, J = jacobian(f, mode="forward")(x), jacobian(f)
    f.calls = 0
    found = [J(x) for _ in range(3)]
    assert f.calls == 4  # the first forward sweep was broken off
    assert np.allclose(found[0], forward, rtol=1e-12, atol=1e-15)
    assert all(np.array_equal(found[0], A) for A in found)
    assert np.array_equal(linearize(f, x).todense(), found[0])


def test_a_branch_without_the_place_that_an_earlier_call_passed_through_has_its_own_jacobian():
    f, g, x = autoencoder(1200, 3, 900), layers([1200, 40, 900]), RNG.standard_normal(1200)
    J = jacobian(lambda x, narrow: f(x) if narrow else g(np.tanh(x)) + np.sum(x))
    J(x, True)
    assert np.allclose(J(x, False), jacobian(lambda x: g(np.tanh(x)) + np.sum(x), mode="forward")(x), rtol=1e-12, atol=1e-15)
    assert np.allclose(J(x + 0j, True), jacobian(f, mode="forward")(x), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("ways", [(1.0, 2.0), (2.0, 1.0)])
def test_each_side_of_a_bottleneck_may_go_either_way(ways, monkeypatch):
    f, x = autoencoder(30, 3, 20), RNG.standard_normal(30)
    expected = jacobian(f, mode="forward")(x)
    J = linearize(f, x)
    monkeypatch.setattr(counting, "forward_work", lambda record: ways[0])
    monkeypatch.setattr(counting, "reverse_work", lambda record: ways[1])
    assert np.allclose(J.through_bottleneck(), expected, rtol=1e-12, atol=1e-15)


def test_a_matrix_through_a_bottleneck_is_differentiated_again():
    f, x = autoencoder(8, 2, 6, wide=5), RNG.standard_normal(8)
    through = lambda x: linearize(f, x).through_bottleneck()
    assert np.allclose(jacobian(through)(x), jacobian(jacobian(f, mode="forward"), mode="forward")(x), rtol=1e-12, atol=1e-14)


def with_a_way_around(x):
    return np.concatenate([np.tanh(A_NARROW @ x) @ A_NARROW, x])


def trees(p):
    z = np.tanh(A_NARROW[:, :6] @ p["a"] + np.sum(p["b"]))
    return [z @ A_NARROW, (np.outer(z, z), A_NARROW.T @ z)]


def two_places(x):
    return np.tile(np.stack([np.tanh(A_NARROW[0] @ x) * x[:9], np.sin(A_NARROW[1] @ x) * x[:9] ** 2]), 3)


A_NARROW = RNG.standard_normal((2, 30))
Z30 = RNG.standard_normal(30)
PASSING = {
    "no bottleneck": (lambda x: A_NARROW.T @ np.tanh(A_NARROW @ x) * x, Z30, False),
    "a way around": (with_a_way_around, Z30, False),
    "complex numbers between": (lambda x: np.abs(np.fft.rfft(x)[:2]) @ A_NARROW, Z30, False),
    "complex coefficients": (lambda x: A_NARROW.T @ np.abs((1 + 1j) * (A_NARROW @ x)), Z30, False),
    "a loss": (lambda x: np.sum(np.tanh(A_NARROW @ x)), Z30, False),
    "trees": (trees, {"a": Z30[:6], "b": Z30[6:]}, True),
    "slices": (lambda x: np.tanh((A_NARROW @ np.tanh(x))[::-1]) ** 2 @ A_NARROW, Z30, True),
    "two places": (two_places, Z30, True),
    "a reduction": (lambda x: np.sin(x.reshape(5, 6).sum(axis=1)[:, None] * A_NARROW[:1]), Z30, True),
    "infinite partials": (lambda x: np.sqrt(A_NARROW[:, 2:] @ x[2:] * 0.0) @ A_NARROW + x[:1] * 0.0, Z30, False),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_bottleneck_is_found_where_there_is_one_and_changes_no_derivative(name):
    f, x, there = PASSING[name]
    J = linearize(f, x)
    assert bool(J.record.bottleneck()[1]) == there
    expected = linearize(f, x)
    rows = np.concatenate(expected.rows())
    if there:
        assert np.allclose(J.through_bottleneck(), rows, rtol=1e-12, atol=1e-14)
    with np.errstate(all="ignore"):
        assert np.allclose(J.todense(), rows, rtol=1e-12, atol=1e-14, equal_nan=True)


def test_an_infinite_partial_beside_a_bottleneck_is_met_under_the_strong_zero():
    f = lambda x: np.sqrt(np.maximum(A_NARROW @ x, 0.0)) @ np.abs(A_NARROW)
    x = np.zeros(30)
    J = linearize(f, x)
    assert np.array_equal(J.todense(), jacobian(f, mode="forward")(x), equal_nan=True)


# ---- what is counted ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("f", "x"), [
    (network(50, 7), RNG.standard_normal(50)), (network(7, 50, depth=4), RNG.standard_normal(7)),
    (lambda p: np.tanh(np.tanh(X @ p[:20].reshape(4, 5)) @ p[20:50].reshape(5, 6)) @ p[50:], RNG.standard_normal(56)),
    (lambda p: np.sum((np.tanh(X @ p[:20].reshape(4, 5)) @ p[20:25]) ** 2), RNG.standard_normal(25)),
    (lambda x: np.einsum("ij,jk->ik", x.reshape(6, 5), np.outer(x[:5], x[:7])), RNG.standard_normal(30)),
    (stencil, RNG.standard_normal(40)),
], ids=["narrowing", "widening", "two layers of parameters", "a loss", "bilinear", "a stencil"])
def test_the_multiply_adds_that_are_counted_are_those_that_a_forward_sweep_makes(f, x, monkeypatch):
    monkeypatch.setattr(noting, "FEW_NUMBERS", 0)  # a plan makes other products
    made, pair = [0], contraction.pair

    def counted(a, b, result):
        shared = set(a[1]) & set(b[1])
        if shared - set(result):
            sizes = dict(zip(a[1], np.shape(a[0]), strict=True)) | dict(zip(b[1], np.shape(b[0]), strict=True))
            made[0] += np.prod([sizes[label] for label in {*a[1], *b[1]}])
        return pair(a, b, result)
    record = linearize(f, x).record
    monkeypatch.setattr(contraction, "pair", counted)
    jacobian(f, mode="forward")(x)
    weight = counting.MULTIPLY_ADD
    monkeypatch.setattr(counting, "MULTIPLY_ADD", 0.0)
    without = forward_work(record)
    monkeypatch.setattr(counting, "MULTIPLY_ADD", weight)
    foretold = (forward_work(record) - without) / weight
    assert abs(foretold - made[0]) <= max(0.2 * made[0], 50)           # one product more or less, as factors are merged


def test_work_grows_as_the_sizes_do():
    for n, m in ((100, 1), (100, 10), (1000, 10)):
        small, wide, tall = (linearize(network(*sizes), np.ones(sizes[0])).record for sizes in ((n, m), (2 * n, m), (n, 2 * m)))
        assert forward_work(small) < forward_work(wide) < 2.1 * forward_work(small)
        assert reverse_work(small) < reverse_work(tall) < 2.1 * reverse_work(small)


# ---- mistakes ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("call", "message"), [
    (lambda: jacobian(stencil, mode="backward"), "'backward' is not one of 'auto', 'forward', 'reverse'"),
    (lambda: gradient(np.sum, mode="backward"), "'backward' is not one of"),
    (lambda: jacobian(stencil, mode="reverse", chunk=3), "chunk cannot be combined with mode=\"reverse\""),
    (lambda: value_and_jacobian(stencil, mode="reverse", sparse=True), "mode=\"reverse\" makes a dense matrix"),
    (lambda: jacobian(lambda x: x * x.tangent, mode="reverse")(X), "mode='forward'"),
])
def test_a_mistake_is_named(call, message):
    with pytest.raises(dd.DualdiffError, match=message):
        call()
    assert issubclass(StructureError, dd.DualdiffError)

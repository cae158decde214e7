"""Sweeps in parts: the answer does not change, memory is bounded, and f runs as often as it has to."""

import tracemalloc

import numpy as np
import pytest
from law_cases import CASES
from scipy.sparse import random_array
from test_guard import Counted

from dualdiff import hessian, jacobian, value_and_jacobian
from dualdiff.errors import BudgetError, ShapeError, StructureError
from dualdiff.transforms.chunks import machine_memory
from dualdiff.transforms.trees import flatten

RNG = np.random.default_rng(0)
N = 400
W1, W2, W3 = (RNG.standard_normal(shape) / 20 for shape in ((600, N), (500, 600), (300, 500)))
X = RNG.standard_normal((300, 8))
x = RNG.standard_normal(N) / 2


# ---- the answer does not change ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_chunks_of_directions_change_nothing(case):
    args = case.arguments()
    numbers = tuple(range(len(args)))
    whole, _ = flatten(jacobian(case.f, numbers)(*args), "")
    for chunk in (1, 3):
        parts, _ = flatten(jacobian(case.f, numbers, chunk=chunk)(*args), "")
        for a, b in zip(whole, parts, strict=True):
            assert np.shape(a) == np.shape(b)
            assert np.asarray(a).dtype == np.asarray(b).dtype
            # matrix products of another number of rows may round differently
            assert np.allclose(a, b, rtol=1e-9, atol=1e-11, equal_nan=True)


def stencil(x):
    return np.exp(x[1:] - x[:-1] ** 2) * np.sin(x[1:]) + np.roll(x, 2)[1:]


def scan(x):
    return np.cumsum(np.tanh(np.cumsum(x)) * x) / np.sum(x * x)


@pytest.mark.parametrize("f", [stencil, scan])
@pytest.mark.parametrize("chunk", [1, 7, 399, 400, 1000])
def test_without_dense_matrix_products_chunks_agree_to_the_bit(f, chunk):
    assert np.array_equal(jacobian(f, chunk=chunk)(x), jacobian(f, mode="forward")(x))


def test_trees_and_several_arguments_are_put_together_from_parts():
    def f(p, q):
        return {"a": p["w"] @ q, "b": (np.sum(p["w"]) * q[0], p["v"])}
    p, q = {"w": RNG.standard_normal((3, 4)), "v": 2.0}, RNG.standard_normal(4)
    value, J = value_and_jacobian(f, (0, 1))(p, q)
    counted = Counted(f)
    value_in_parts, J_in_parts = value_and_jacobian(counted, (0, 1), chunk=5)(p, q)
    assert counted.runs == 4  # 12 + 1 + 4 directions
    for whole, parts in ((value, value_in_parts), (J, J_in_parts)):
        (a, _), (b, _) = flatten(whole, ""), flatten(parts, "")
        assert len(a) == len(b)
        assert all(np.allclose(u, v, rtol=1e-14, atol=0) and np.shape(u) == np.shape(v) for u, v in zip(a, b, strict=True))
    assert list(J_in_parts) == ["a", "b"]


def test_parts_nest_in_parts():
    def f(x):
        return np.tanh(W3[:5, :6] @ x) ** 2
    y = x[:6]
    whole = jacobian(jacobian(f))(y)
    assert np.allclose(jacobian(jacobian(f, chunk=4), chunk=5)(y), whole, rtol=1e-13, atol=1e-15)
    assert np.allclose(jacobian(jacobian(f, max_bytes=10**6), max_bytes=10**6)(y), whole, rtol=1e-13, atol=1e-15)


def test_a_hessian_in_parts_is_the_hessian():
    def f(x):
        return np.sum(np.tanh(W1[:30, :20] @ x) ** 2) + np.prod(x[:3])
    counted = Counted(f)
    y = x[:20]
    assert np.allclose(hessian(counted, chunk=7)(y), hessian(f)(y), rtol=1e-13, atol=1e-15)
    assert counted.runs == 3


def test_infinite_partials_are_met_in_every_part():
    def f(x):
        return np.stack([np.sqrt(x[0]), x[1] ** 2, np.sqrt(x[2]) + x[0]])
    y = np.array([0.0, 3.0, 0.0])
    assert np.array_equal(jacobian(f, chunk=1)(y), jacobian(f)(y))


def test_types_survive_the_parts():
    single = x.astype(np.float32)
    assert jacobian(stencil, chunk=100)(single).dtype == np.float32
    z = x[:5] + 1j * x[5:10]
    assert np.array_equal(jacobian(lambda z: z**2 * z[0], chunk=2)(z), jacobian(lambda z: z**2 * z[0])(z))


def test_empty_arguments_need_no_parts():
    assert jacobian(lambda x: np.sum(x) * np.ones(2), chunk=3)(np.zeros(0)).shape == (2, 0)
    assert jacobian(np.sin, chunk=1)(0.5) == np.cos(0.5)


# ---- how often f runs ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("chunk", "runs"), [(None, 1), (1, 400), (7, 58), (200, 2), (399, 2), (400, 1)])
def test_f_runs_once_for_each_chunk(chunk, runs):
    counted = Counted(stencil)
    jacobian(counted, chunk=chunk)(x)
    assert counted.runs == runs


def test_a_sweep_within_its_budget_runs_f_once_and_a_smaller_budget_more_often():
    def f(x):
        return W3 @ np.tanh(W2 @ np.tanh(W1 @ x))
    runs = []
    for budget in (2 * 10**7, 4 * 10**6, 10**6, 3 * 10**5):
        counted = Counted(f)
        jacobian(counted, max_bytes=budget)(x)
        runs.append(counted.runs)
    # Bounds, not figures: the first run is given up, then so many directions of 600 + 500 + 300 numbers fit at once.
    assert runs[0] == 1
    assert 3 <= runs[1] <= 6
    assert 2 * runs[1] < runs[2] <= 20
    assert 2 * runs[2] < runs[3] <= 70


# ---- memory -------------------------------------------------------------------------------------------------------------
def network(t):
    return np.tanh(X @ t[:320].reshape(8, 40)) @ np.tanh(t[320:].reshape(40, 2))


PROGRAMS = {
    "dense mixing": lambda x: W3 @ np.tanh(W2 @ np.tanh(W1 @ x)),
    "elementwise": lambda x: np.exp(np.sin(x) * x) / (1 + x * x) + x[::-1] ** 2,
    "reductions": lambda x: x / np.sum(x * x) * np.cumsum(np.sin(x)),
    "scans": scan,
    "Fourier": lambda x: np.abs(np.fft.rfft(np.tanh(x)))[1:] ** 2,
    "sorting": lambda x: np.sort(np.tanh(W1 @ x))[::2],
    "joining": lambda x: np.concatenate([np.tanh(W1 @ x), np.tanh(W1 @ x)[::2] * 2, x]),
    "an inverse": lambda x: np.ravel(np.linalg.inv(9 * np.eye(20) + np.reshape(x, (20, 20)))),
    "a norm": lambda x: W1 @ x / np.linalg.norm(W1 @ x),
    "a network": network,
}


@pytest.mark.parametrize("budget", [4 * 10**6, 10**6])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_memory_of_a_sweep_stays_under_its_budget_beside_the_answer(name, budget):
    f = PROGRAMS[name]
    whole = jacobian(f, max_bytes=10**9)(x)
    J = jacobian(f, max_bytes=budget)
    J(x)  # imports and caches are not the sweep's
    tracemalloc.start()
    answer = J(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= budget + answer.nbytes
    assert np.allclose(answer, whole, rtol=1e-12, atol=1e-15)


S1, S2 = (random_array(shape, density=0.1, rng=np.random.default_rng(0)).tocsr() for shape in ((3000, 400), (500, 3000)))
RAGGED = {
    "some dense rows": lambda x: np.cumsum(np.reshape(np.concatenate([np.sin(x), W1[:60] @ x, x * x]), (2, -1)), axis=0)[1],
    "a sparse matrix": lambda x: np.tanh(S1 @ x),
    "two sparse matrices": lambda x: S2 @ np.tanh(S1 @ np.sin(x)),
    "a sum of entries": lambda x: np.sum((S1 @ x).reshape(6, 500) * np.arange(500.0), axis=0),
    "entries taken": lambda x: (S1 @ x)[np.arange(9000) % 3000][::7],
}


@pytest.mark.parametrize("name", RAGGED)
def test_lists_of_entries_are_counted_too(name):
    f, budget = RAGGED[name], 4 * 10**6
    whole = jacobian(f, max_bytes=10**9)(x)
    counted = Counted(f)
    J = jacobian(counted, max_bytes=budget)
    J(x)
    tracemalloc.start()
    answer = J(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    copies = sum(a.nbytes for S in (S1, S2) for a in (S.data, S.indices))  # which the program might write to again
    assert peak <= budget + answer.nbytes + copies
    assert counted.runs > 2
    assert np.allclose(answer, whole, rtol=1e-11, atol=1e-14)


def test_without_a_budget_the_same_sweep_takes_more():
    """The bound above is not met by chance: a whole sweep of the same program passes it."""
    f = PROGRAMS["dense mixing"]
    tracemalloc.start()
    answer = jacobian(f, max_bytes=10**9)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak > 2 * 10**6 + answer.nbytes


def test_the_budget_holds_for_hessians():
    for W in (W1, W2):
        W.flags.writeable = False  # what the program might write to again is copied for the record, beside the budget

    def f(x):
        return np.sum(np.tanh(W2 @ np.tanh(W1 @ x)) ** 2)
    counted = Counted(f)
    tracemalloc.start()
    H = hessian(counted, max_bytes=3 * 10**6)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counted.runs > 2
    assert peak <= 3 * 10**6 + H.nbytes
    assert np.allclose(H, hessian(f)(x), rtol=1e-11, atol=1e-14)


def test_a_budget_too_small_for_one_direction_names_the_bytes_needed():
    with pytest.raises(BudgetError, match=r"needs at least [\d,]+ bytes, and max_bytes=5,000") as raised:
        jacobian(PROGRAMS["dense mixing"], max_bytes=5000)(x)
    assert isinstance(raised.value, MemoryError)


def test_the_default_budget_is_a_share_of_this_machine_s_memory():
    assert 2**26 < machine_memory() < 2**50


# ---- mistakes -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("option", [{"chunk": 0}, {"chunk": 2.5}, {"max_bytes": -1}, {"executor": 4}])
def test_options_that_cannot_be_meant_are_refused_by_name(option):
    with pytest.raises(StructureError, match=next(iter(option))):
        jacobian(stencil, **option)


@pytest.mark.parametrize("transform", [jacobian, hessian, value_and_jacobian])
def test_options_of_parts_are_refused_beside_a_sparse_result(transform):
    with pytest.raises(StructureError, match="chunk cannot be combined with sparse=True"):
        transform(stencil, sparse=True, chunk=3)


def test_a_function_whose_result_changes_shape_between_runs_is_refused():
    shapes = iter([3, 2, 3])
    with pytest.raises(ShapeError, match=r"shape \(3,\) in one run and \(2,\) in another"):
        jacobian(lambda x: x[:next(shapes)], chunk=2)(np.ones(5))


def test_a_function_that_gives_more_arrays_in_another_run_is_refused():
    counts = iter([1, 2])
    with pytest.raises(ShapeError, match="1 arrays in one run and 2 in another"):
        jacobian(lambda x: [x] * next(counts), chunk=2)(np.ones(4))

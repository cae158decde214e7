"""Sparse Jacobians and Hessians of programs made at random, and from several threads at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from dualdiff import hessian, jacobian
from dualdiff.transforms import sparse


def written(x, i, j):
    out = np.zeros_like(x)
    out[i:] = x[:x.size - i]
    out[:x.size - j] -= x[j:] * x[j:]
    out[0] = x[-1]
    return out


STEPS = {
    "slices": lambda x, i, j: x[i:x.size - j] * x[j:x.size - i] if i + j < x.size else x,
    "roll": lambda x, i, j: np.roll(x, i) + x * np.roll(x, -j),
    "flip": lambda x, i, j: x[::-1] - 0.5 * x,
    "stride": lambda x, i, j: np.concatenate([x[::2], np.sin(x[1::2])]),
    "pad": lambda x, i, j: np.pad(x, (i, j))[j:j + x.size] * x,
    "edge": lambda x, i, j: np.pad(x, (i, j), mode="edge")[:x.size] + x**2,
    "gather": lambda x, i, j: x[(np.arange(x.size) * (i + 1) + j) % x.size] * x,
    "scatter": lambda x, i, j: np.bincount(np.arange(x.size) % (i + 2), x * x, x.size) + x,
    "write": written,
    "branch": lambda x, i, j: x[::-1] if x[i % x.size] > 0.5 else np.where(x > 0.3, x * x, x),
    "sort": lambda x, i, j: np.sort(x) * x,
    "grid": lambda x, i, j: (x.reshape(2, -1) * x.reshape(2, -1)[::-1]).T.ravel() if x.size % 2 == 0 else x,
    "sum": lambda x, i, j: np.concatenate([x[1:], [np.sum(x[i % x.size:] * x[i % x.size:])]]),
    "mean": lambda x, i, j: x - np.mean(x),
    "matrix": lambda x, i, j: band(x.size, i, j) @ x,
    "mix": lambda x, i, j: np.vander([0.1, 0.2, 0.3], x.size) @ x if x.size > 2 else x,
    "stack": lambda x, i, j: np.stack([x, np.roll(x, i)], axis=1).sum(axis=1) * x,
}


def band(n, i, j):
    at = np.arange(n)
    return coo_array((np.ones(2 * n), (np.tile(at, 2), np.concatenate([(at + i) % n, (at * (j + 1)) % n]))), shape=(n, n))


programs = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=4)


def run(steps, x):
    for name, i, j in steps:
        x = STEPS[name](x, i, j) if x.size else x
    return x


@settings(max_examples=100, deadline=None)
@given(programs, st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_any_program_has_the_same_sparse_and_dense_jacobian_from_nothing_and_again(steps, n, seed):
    rng = np.random.default_rng(seed)
    J = jacobian(lambda x: run(steps, x), sparse=True)
    for x in rng.random((3, n)):                           # branches and orders differ from point to point
        dense = jacobian(lambda x: run(steps, x))(x)
        M = J(x)
        # sums of up to a few dozen products of numbers up to 1, in another order
        np.testing.assert_allclose(M.toarray(), dense, rtol=1e-13, atol=1e-13 * max(1.0, abs(dense).max(initial=0)))
        M.check_format(full_check=True)
        assert csr_array((M.data, M.indices, M.indptr), shape=M.shape).has_canonical_format


@settings(max_examples=40, deadline=None)
@given(programs, st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_any_program_has_the_same_sparse_and_dense_hessian_symmetric_to_the_last_bit(steps, n, seed):
    rng = np.random.default_rng(seed)
    f = lambda x: np.sum(run(steps, x) ** 2)
    H = hessian(f, sparse=True)
    for x in rng.random((2, n)):
        dense, M = hessian(f)(x), H(x)
        np.testing.assert_allclose(M.toarray(), dense, rtol=1e-12, atol=1e-12 * max(1.0, abs(dense).max(initial=0)))
        np.testing.assert_array_equal(M.toarray(), M.toarray().T)


def test_eight_threads_sharing_one_jacobian_get_eight_right_answers():
    steps = [("roll", 1, 2), ("write", 1, 1), ("stack", 1, 0)]
    f = lambda x: run(steps if x[0] > 0.5 else steps[::-1], x)
    J, H = jacobian(f, sparse=True), hessian(lambda x: np.sum(f(x)), sparse=True)
    points = [np.random.default_rng(i).random(5 + i % 4) for i in range(64)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda x: (J(x), H(x)), points))
    for x, (M, S) in zip(points, found, strict=True):
        np.testing.assert_allclose(M.toarray(), jacobian(f)(x), rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(S.toarray(), hessian(lambda x: np.sum(f(x)))(x), rtol=1e-13, atol=1e-13)


def test_threads_leave_no_more_memories_than_ran_at_once():
    J = sparse.value_and_sparse_jacobian(lambda x: x[1:] * x[:-1])
    (memories,) = (cell.cell_contents for cell in J.__closure__ if type(cell.cell_contents) is sparse.Memories)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(J, np.random.default_rng(0).random((50, 6))))
    assert 1 <= len(memories.idle) <= 3

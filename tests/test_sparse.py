"""Sparse Jacobians: equal to the dense ones, canonical, and their structure remembered from call to call."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import coo_matrix, csc_matrix, csr_array, csr_matrix, random_array

from dualdiff import derivative, hessian, jacobian, jvp, value_and_jacobian, vjp
from dualdiff.errors import StructureError
from dualdiff.tangents import join, ragged, recipes
from dualdiff.tangents.csr import Structure
from dualdiff.transforms import sparse

INDEX = np.array([4, 0, 4, 2, 1])
RNG = np.random.default_rng(7)


def laplacian(w):
    return np.roll(w, 1, 0) + np.roll(w, -1, 0) + np.roll(w, 1, 1) + np.roll(w, -1, 1) - 4 * w


def brusselator(x):
    u, v = x
    return np.stack([1 + u**2 * v - 4.4 * u + laplacian(u), 3.4 * u - u**2 * v + laplacian(v)])


def padded(mode):
    def f(x):
        p = np.pad(x.reshape(3, 5), 1, mode=mode)
        return (p[2:, 1:-1] * p[1:-1, 1:-1] + p[1:-1, :-2] - p[1:-1, 2:]).ravel()
    return f


def broyden_in_place(x):
    r = (3 - 2 * x) * x + 1
    r[1:] -= x[:-1]
    r[:-1] -= 2 * x[1:]
    return r


def broyden_by_ends(x):
    f = np.zeros_like(x)
    f[0] = (3 - 2 * x[0]) * x[0] - 2 * x[1] + 1
    f[1:-1] = (3 - 2 * x[1:-1]) * x[1:-1] - x[:-2] - 2 * x[2:] + 1
    f[-1] = (3 - 2 * x[-1]) * x[-1] - x[-2] + 1
    return f


def added_again(x):
    y = x[1:4] * x[0]
    for _ in range(3):
        y = y.copy()
        y[0] += x[3]
    z = x[1:].copy()
    for _ in range(2):
        z[::2] += x[0] * z[::2].sum()
        z = z * 1.0
    return np.concatenate([y, z])


def looped(x):
    parts = []
    for i in range(len(x) - 1):
        parts.append(x[i] * x[i + 1] if x[i] > 0.5 else x[i])
    return np.stack(parts)


def step(x):
    return x + 0.1 * (B @ x) * x


def finite_elements(u):
    """A nonlinear bar on a ring of elements: each adds its forces to its two nodes."""
    nodes = np.stack([np.arange(8), np.roll(np.arange(8), -1)], axis=1)
    stretch = u[nodes[:, 1]] - u[nodes[:, 0]]
    force = stretch + stretch**3
    return np.bincount(nodes.ravel(), np.stack([-force, force], axis=1).ravel(), 8)


X15 = RNG.random(15)
A = random_array((4, 15), density=0.3, rng=RNG, format="csr")
B = random_array((15, 15), density=0.1, rng=RNG, format="dia")
PROGRAMS = [
    ("the identity", lambda x: x, X15),
    ("a constant", lambda x: np.ones(3), X15),
    ("elementwise", lambda x: np.sin(x) * x, X15),
    ("differences", lambda x: np.diff(np.exp(x)), X15),
    ("second differences", lambda x: x[:-2] - 2 * x[1:-1]**2 + x[2:], X15),
    ("a reversed product", lambda x: x * x[::-1], X15),
    ("every other", lambda x: x[::2] * np.cos(x[::2]), X15),
    ("rolled", lambda x: np.roll(x, 1) * x + np.roll(x, -2), X15),
    ("Brusselator", brusselator, RNG.random((2, 3, 4))),
    ("Brusselator on a line", brusselator, RNG.random((2, 1, 4))),
    ("padded with zeros", padded("constant"), X15),
    ("padded by the edge", padded("edge"), X15),
    ("padded by reflection", padded("reflect"), X15),
    ("padded around", padded("wrap"), X15),
    ("Broyden in place", broyden_in_place, X15),
    ("Broyden by its ends", broyden_by_ends, X15),
    ("the same added again to a copy", added_again, X15),
    ("Broyden joined", lambda x: x * x - np.concatenate([[0.0], x[:-1]]) - np.append(x[1:], 1.0), X15),
    ("gathered", lambda x: x[INDEX] * x[INDEX[::-1]], X15),
    ("gathered twice the same", lambda x: x[INDEX] * x[4] + x[[4] * 5], X15),
    ("selected by a mask", lambda x: x[X15 > 0.5]**2, X15),
    ("where", lambda x: np.where(x > 0.5, x * x[::-1], 3 * x), X15),
    ("sorted", lambda x: np.sort(x)[1:] - np.sort(x)[:-1], X15),
    ("a loop with branches", looped, X15),
    ("a sum", lambda x: np.sum(x[2:] * x[:-2]), X15),
    ("one element", lambda x: x[3], X15),
    ("row sums", lambda x: np.sum(np.exp(x), axis=1), RNG.random((3, 4))),
    ("a dense part", lambda x: np.concatenate([x[1:] * x[:-1], [x.sum()], x[:2] / x.sum()]), X15),
    ("normalised", lambda x: x / np.sum(x), X15),
    ("a matrix product", lambda x: np.arange(12.0).reshape(4, 3) @ x, RNG.random((3, 2))),
    ("blocks", lambda x: np.einsum("bi,bij->bj", x, np.arange(36.0).reshape(3, 4, 3)), RNG.random((3, 4))),
    ("solved", lambda x: np.linalg.solve(np.eye(3) + 0.1, x[:3]) * x[3:6], X15),
    ("a sparse matrix times", lambda x: A @ x**2, X15),
    ("a sparse matrix twice", lambda x: A[:, :4] @ (A @ x), X15),
    ("a sparse matrix beside", lambda x: x * x[::-1] + B @ x, X15),
    ("times a sparse matrix", lambda x: np.sin(x) @ A.T, X15),
    ("a sparse matrix times columns", lambda x: A.tocoo() @ x, RNG.random((15, 2))),
    ("rows times a sparse matrix", lambda x: (x * x) @ A.tocsc().T, RNG.random((2, 15))),
    ("dot of a sparse matrix", lambda x: A.dot(x)[1:] * x[3], X15),
    ("a sparse matrix times a product", lambda x: A @ (x[1:-1].sum() * x), X15),
    ("a sparse matrix, transposed, summed", lambda x: np.sum((B @ x).reshape(3, 5).T * x[:3], axis=0), X15),
    ("weighted sums of a sparse product", lambda x: np.arange(12.0).reshape(4, 3) @ (B @ x)[::5], X15),
    ("a sparse product broadcast", lambda x: (B @ x)[:3, None] * x[:2], X15),
    ("time steps", lambda x: step(step(step(x))), X15),
    ("gathered and scattered", lambda x: np.bincount(INDEX, weights=x[INDEX] ** 2 * x[:5], minlength=7), X15),
    ("finite elements", finite_elements, RNG.random(8)),
    ("nothing taken", lambda x: x[:0], X15),
    ("of nothing", lambda x: x * 2, np.ones(0)),
    ("of one", lambda x: x * x, np.ones(1)),
    ("in single precision", lambda x: x[1:] * x[:-1], X15.astype(np.float32)),
    ("holomorphic", lambda x: x[1:] * np.exp(x[:-1]), X15 + 1j),
    ("times the whole number 1, selected", lambda x: np.concatenate([x[1:] * x[0], np.where(x > 0.5, x * 1, -x)]), X15),
    ("infinite slopes", lambda x: np.sqrt(x * np.array([0.0, 1, 4])) + x[::-1], np.array([1.0, 2, 0])),
]


@pytest.mark.parametrize(("f", "x"), [p[1:] for p in PROGRAMS], ids=[p[0] for p in PROGRAMS])
def test_a_sparse_jacobian_is_the_dense_one_without_its_structural_zeros(f, x):
    J = jacobian(f, sparse=True)
    dense = np.asarray(jacobian(f)(x))
    for y in (x, x, x + x.dtype.type(0.25)):               # from nothing, remembered, remembered at another point
        expected = np.asarray(jacobian(f)(y)).reshape(f(y).size, x.size)
        M = J(y)
        assert isinstance(M, csr_array)
        assert M.shape == expected.shape
        assert M.dtype == dense.dtype
        # sums of several leaves may be added in another order
        np.testing.assert_allclose(M.toarray(), expected, rtol=4 * np.finfo(dense.dtype).eps, atol=1e-15)
        check_canonical(M)


RAGGED = [p for p in PROGRAMS if p[0] not in {"of nothing", "nothing taken"}]


@pytest.mark.parametrize(("f", "x"), [p[1:] for p in RAGGED], ids=[p[0] for p in RAGGED])
def test_joining_as_lists_of_entries_changes_nothing(f, x, monkeypatch):
    expected = jacobian(f)(x), jacobian(jacobian(f))(x)
    monkeypatch.setattr(join, "wasteful", lambda *args: True)
    # entries may be added in another order
    tolerance = {"rtol": 8 * np.finfo(x.dtype).eps, "atol": 8 * np.finfo(x.dtype).eps}
    np.testing.assert_allclose(jacobian(f)(x), expected[0], **tolerance)
    np.testing.assert_allclose(jacobian(f, sparse=True)(x).toarray().reshape(expected[0].shape), expected[0], **tolerance)
    np.testing.assert_allclose(jacobian(jacobian(f))(x), expected[1], **tolerance)


def check_canonical(M):
    M.check_format(full_check=True)
    again = csr_array((M.data, M.indices, M.indptr), shape=M.shape)
    assert again.has_canonical_format                      # found out anew, from the arrays


def counted(function, calls):
    def call(*args, **options):
        calls.append(1)
        return function(*args, **options)
    return call


@pytest.fixture
def structures(monkeypatch):
    made = []
    monkeypatch.setattr(sparse, "Structure", counted(sparse.Structure, made))
    return made


def test_the_second_call_runs_f_once_and_makes_no_structure(structures):
    runs = []
    J = jacobian(counted(brusselator, runs), sparse=True)
    x = RNG.random((2, 3, 4))
    J(x)
    J(x + 1)
    J(x + 2)
    assert len(runs) == 3
    assert len(structures) == 1


def test_a_changed_branch_or_shape_is_noticed(structures):
    f = lambda x: x[1:] * x[:-1] if x[0] > 0 else np.concatenate([x[:1] * x[-1], x[2:]])
    J = jacobian(f, sparse=True)
    for x in (X15, -X15, X15, X15[:7], -X15[:7], X15):
        np.testing.assert_allclose(J(x).toarray(), jacobian(f)(x), rtol=1e-15)
    assert len(structures) == 6


def test_indices_that_change_in_number_only_by_content_are_noticed():
    columns = np.array([0, 1, 2])
    J = jacobian(lambda x: x[columns] * 2, sparse=True)
    assert J(X15).indices.tolist() == [0, 1, 2]
    columns[:] = 3, 2, 5
    assert J(X15).indices.tolist() == [3, 2, 5]


def test_matrices_are_the_callers_own():
    J = jacobian(lambda x: x[1:] * x[:-1], sparse=True)
    first = J(X15)
    expected = first.toarray()
    first.data[:], first.indices[:] = 0, 0
    first.eliminate_zeros()
    np.testing.assert_array_equal(J(X15).toarray(), expected)


def test_structural_zeros_are_kept_so_that_the_pattern_does_not_change_from_point_to_point():
    J = jacobian(lambda x: x[1:] * x[:-1], sparse=True)
    assert J(np.zeros(5)).nnz == J(np.ones(5)).nnz == 8


def test_value_and_jacobian_are_from_one_sweep():
    value, M = value_and_jacobian(broyden_in_place, sparse=True)(X15)
    np.testing.assert_array_equal(value, broyden_in_place(X15))
    np.testing.assert_allclose(M.toarray(), jacobian(broyden_in_place)(X15), rtol=1e-15)


def test_trees_of_arguments_and_results_give_trees_of_matrices():
    f = lambda p, c: {"a": p["u"][1:] * p["v"], "b": c * p["u"].sum()}
    p, c = {"u": X15[:4], "v": X15[4:7]}, 2.0
    dense = jacobian(f, argnums=(0, 1))(p, c)
    blocks = jacobian(f, argnums=(0, 1), sparse=True)(p, c)
    for name, m in (("a", 3), ("b", 1)):
        for part, n in (("u", 4), ("v", 3)):
            assert blocks[name][0][part].shape == (m, n)
            np.testing.assert_allclose(blocks[name][0][part].toarray(), dense[name][0][part].reshape(m, n), rtol=1e-15)
        np.testing.assert_allclose(blocks[name][1].toarray(), dense[name][1].reshape(m, 1), rtol=1e-15)


def test_a_call_inside_a_call_of_the_same_jacobian_is_another_sweep():
    J = jacobian(lambda x: x[1:] * (J(np.full(3, 2.0)) @ np.ones(3)).sum() if x.size > 3 else x * x, sparse=True)
    np.testing.assert_allclose(J(X15[:4]).toarray(), np.eye(3, 4, 1) * 12)


def test_a_sparse_jacobian_inside_another_derivative_is_refused():
    with pytest.raises(StructureError, match="Use sparse=False"):
        derivative(lambda t: jacobian(lambda x: t * x[1:], sparse=True)(X15))(2.0)


def test_a_program_that_takes_other_elements_each_time_does_not_fill_the_memory():
    J = sparse.value_and_sparse_jacobian(lambda x, i: x[i])
    (memories,) = (cell.cell_contents for cell in J.__closure__ if type(cell.cell_contents) is sparse.Memories)
    for seed in range(200):
        J(X15, np.random.default_rng(seed).integers(0, 15, 6))
        (memory,) = memories.idle
        assert sum(len(leaf.memo) for leaf in memory.seeds) <= sparse.GROWTH + 1


JOINING = [brusselator, *(padded(mode) for mode in ("constant", "edge", "wrap")),
           lambda x: np.block([[x.reshape(3, 5)], [x.reshape(3, 5)[:1] ** 2]]), lambda x: np.insert(np.delete(x, 3), 2, x[:2]),
           lambda x: np.hstack([x[1:], x[:3] * x[2]])]


@pytest.mark.parametrize("f", JOINING)
def test_joined_leaves_are_met_again_without_integer_work(f, monkeypatch, structures):
    joins = []
    monkeypatch.setattr(join, "sparse_leaf", counted(join.sparse_leaf, joins))
    J = jacobian(f, sparse=True)
    x = RNG.random((2, 3, 4)) if f is brusselator else X15
    J(x)
    assert joins
    joins.clear()
    np.testing.assert_array_equal(J(x + 1).toarray(), jacobian(f, sparse=True)(x + 1).toarray())
    made = len(joins)                                      # by the jacobian from nothing alone
    J(x + 2)
    assert len(joins) == made
    assert len(structures) == 2


def test_one_dense_row_beside_many_thin_ones_stays_one_row():
    x = np.linspace(1, 2, 20_000)
    f = lambda x: np.concatenate([x[1:] * x[:-1], [np.sum(x * x)], x[:3] / x.sum()])
    tracemalloc.start()
    M = jacobian(f, sparse=True)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert M.nnz == 2 * (x.size - 1) + 4 * x.size
    assert peak < 40 * M.data.nbytes                       # filled up, it would be thousands of times
    np.testing.assert_allclose(M[[x.size - 1]].toarray()[0], 2 * x)
    np.testing.assert_allclose(M[[x.size]].toarray()[0], np.eye(1, x.size)[0] / x.sum() - x[0] / x.sum()**2)


FORMATS = [csr_array(A), csr_matrix(A), A.tocsc(), A.tocoo(), A.tolil(), A.todok(), A.tobsr(), A.todia()]


@pytest.mark.parametrize("matrix", FORMATS, ids=lambda m: type(m).__name__)
def test_every_format_of_scipy_sparse_gives_way_to_duals_in_every_mode(matrix):
    f = lambda x: matrix @ (x * x)
    expected = A.toarray() * (2 * X15)
    np.testing.assert_allclose(jacobian(f)(X15), expected)
    np.testing.assert_allclose(jacobian(f, sparse=True)(X15).toarray(), expected)
    value, pullback = vjp(f, X15)
    np.testing.assert_allclose(value, A @ X15**2)
    np.testing.assert_allclose(pullback(np.arange(4.0))[0], np.arange(4.0) @ expected)
    np.testing.assert_allclose(jvp(f, (X15,), (X15,))[1], expected @ X15)
    np.testing.assert_allclose(hessian(lambda x: np.sum((matrix @ x) ** 2))(X15), 2 * A.T @ A.toarray(), atol=1e-15)
    np.testing.assert_allclose(hessian(lambda x: np.sum((matrix @ x) ** 2), sparse=True)(X15).toarray(),
                               2 * A.T @ A.toarray(), atol=1e-15)
    assert hessian(lambda x: np.sum((matrix @ x) ** 3), sparse=True)(X15).nnz == (A.T @ A).nnz


def test_a_sparse_matrix_of_another_shape_is_named():
    with pytest.raises(ValueError, match=r"shape \(4, 15\) and an array of shape \(14,\) do not fit"):
        jacobian(lambda x: A @ x[1:])(X15)


@pytest.mark.parametrize("matrix", [csr_matrix(A), csc_matrix(A), coo_matrix(A)], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_star_beside_a_matrix_of_scipy_sparse_means_a_matrix_product(matrix, mode):
    for f in (lambda x: matrix * (x * x), lambda x: (x * x) * matrix.T, lambda x: 2 * matrix * (x * x)[:, None]):
        np.testing.assert_allclose(value_and_jacobian(f, mode=mode)(X15)[0], f(X15))
        scale = 2 if np.ndim(f(X15)) == 2 else 1
        np.testing.assert_allclose(jacobian(f, mode=mode)(X15).reshape(4, 15), scale * A.toarray() * (2 * X15), rtol=1e-14)
    with pytest.raises(ValueError, match="do not fit together"):
        jacobian(lambda x: matrix * x[1:])(X15)


def test_elementwise_products_with_a_sparse_matrix_are_refused_not_computed_without_a_derivative():
    with pytest.raises(TypeError):
        jacobian(lambda x: A * x)(X15)
    with pytest.raises(TypeError):
        jacobian(A.multiply)(X15)


def in_place(x):
    """A grid with fixed ends, filled by the writes that finite-difference programs are made of."""
    w = x.reshape(3, 5)
    out = -4 * w
    out[1:] += w[:-1] * w[1:]
    out[:, :-1] += w[:, 1:]
    out.T[0] = 2 * w.T[0]
    flat = out.ravel()
    flat[7] = x[3]
    return out * w


@pytest.mark.parametrize("f", [in_place, broyden_in_place, broyden_by_ends])
def test_written_arrays_are_put_together_without_integer_work_the_second_time(f, monkeypatch, structures):
    joins = []
    monkeypatch.setattr(join, "sparse_leaf", counted(join.sparse_leaf, joins))
    J = jacobian(f, sparse=True)
    J(X15)
    assert joins
    joins.clear()
    M = J(X15 + 1)
    assert (joins, len(structures)) == ([], 1)
    np.testing.assert_allclose(M.toarray(), jacobian(f)(X15 + 1).reshape(15, 15), rtol=1e-15)


def test_what_is_added_in_place_to_parts_of_an_array_does_not_multiply_its_leaves():
    leaves = []

    def f(x):
        out = 2 * x
        for i in range(1, 4):
            out[i:] += x[:-i] * x[i:]
            out[:-i] -= x[i:] ** 2
        leaves.append(len((out * x).eps.terms))
        return out * x
    J = jacobian(f, sparse=True)
    np.testing.assert_allclose(J(X15).toarray(), jacobian(f)(X15), rtol=1e-14, atol=1e-14)
    assert leaves[0] == 7                                  # one for each diagonal


def test_sparse_maps_of_kept_leaves_are_put_together_without_integer_work_the_second_time(monkeypatch, structures):
    made = []
    monkeypatch.setattr(ragged, "distinct_entries", counted(ragged.distinct_entries, made))
    matrix = csr_array(B)
    for f in (finite_elements, lambda x: matrix @ np.sin(x[:15]) + matrix @ (x[:15] * x[14::-1])):
        x = RNG.random(8) if f is finite_elements else X15
        J = jacobian(f, sparse=True)
        J(x)
        assert made
        made.clear()
        structures.clear()
        np.testing.assert_allclose(J(x + 1).toarray(), jacobian(f)(x + 1), rtol=1e-13, atol=1e-15)
        del made[:]                                        # the dense one makes its own
        J(x + 2)
        assert (made, structures) == ([], [])


def test_a_sparse_matrix_that_is_written_to_between_calls_is_seen():
    matrix = csr_array(A)
    J = jacobian(lambda x: matrix @ (x * x), sparse=True)
    for a in (matrix.data, matrix.indices, matrix.data):
        a[:] = a[::-1].copy()
        np.testing.assert_allclose(J(X15).toarray(), (matrix.toarray() * (2 * X15)))


def test_a_program_may_write_to_its_sparse_matrix_again_after_it_has_used_it():
    def f(x):
        mine = csr_array(B)
        y = mine @ (x * x) + (mine @ x[:, None])[:, 0] + x @ mine
        mine.data[:], mine.indices[:] = 7.0, 0
        return y
    expected = B.toarray() * (2 * X15) + B.toarray() + B.toarray().T
    np.testing.assert_allclose(jacobian(f)(X15), expected, atol=1e-15)
    np.testing.assert_allclose(jacobian(f, sparse=True)(X15).toarray(), expected, atol=1e-15)
    np.testing.assert_allclose(vjp(f, X15)[1](np.eye(15))[0], expected, atol=1e-15)


# ---- long runs of rows with one order each
def two_fields(n, laid):
    def f(x):
        u, v = x.reshape(2, n, n)
        parts = [u**2 * v + 2.0 * laplacian(u), u - u * v + 3.0 * laplacian(v)]
        return np.stack(parts) if laid == "stacked" else np.concatenate([part.ravel() for part in parts])
    return f


@pytest.mark.parametrize("laid", ["stacked", "end to end"])
@pytest.mark.parametrize("n", [32, 45])  # 45² rows: a run ends inside a block of rows
def test_the_rows_of_each_field_have_an_order_of_their_own(n, laid, monkeypatch):
    monkeypatch.setattr(recipes, "SLAB", 10_000)
    made = []
    monkeypatch.setattr(sparse, "Structure", lambda *args: made.append(Structure(*args)) or made[-1])
    f, x = two_fields(n, laid), RNG.random(2 * n * n)
    J = jacobian(f, sparse=True)
    for y in (x, x + 1):
        A = J(y)
        assert A.has_sorted_indices
        assert A.nnz == 12 * n * n
        np.testing.assert_allclose(A.toarray(), jacobian(f, mode="forward")(y).reshape(A.shape), rtol=1e-14)
    (structure,) = made
    assert type(structure.recipe) is recipes.Strided
    assert len({tuple(slots) for _, slots in structure.recipe.slabs}) == 2


def test_matrices_put_together_from_parts_in_any_order_leave_out_what_is_outside():
    rows, cols = np.array([2, 0, 2, -1, 1, 2, 0]), np.array([1, 3, 1, 0, 4, 0, 3])
    taken, rows = recipes.taken_by_places(rows, cols, (3, 4))
    assert rows.tolist() == [0, 2, 2]
    assert (taken.indices.tolist(), taken.counts.tolist()) == ([3, 0, 1], [1, 0, 2])
    assert taken.picked(np.arange(1.0, 8)).tolist() == [9.0, 6.0, 4.0]


def test_vectors_laid_end_to_end_need_no_index_and_parts_written_in_another_order_do():
    def backwards(x):
        out = np.zeros_like(x)
        out[2000:], out[:2000] = x[:2000] * x[1:2001], x[2000:] ** 2
        return out
    x = RNG.random(4000)
    for f in (backwards, lambda x: np.concatenate([x[2000:] ** 2, x[:2000] * x[1:2001]])):
        J = jacobian(f, sparse=True)
        for y in (x, x + 1):
            np.testing.assert_array_equal(J(y).toarray(), jacobian(f)(y))

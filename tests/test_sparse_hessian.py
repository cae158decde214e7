"""Sparse Hessians: equal to the dense ones, symmetric to the last bit, their structure remembered."""

import numpy as np
import pytest
import sympy
from scipy.sparse import csr_array

from dualdiff import gradient, hessian
from dualdiff.transforms import sparse_hessian

RNG = np.random.default_rng(3)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)


def minimal_surface(z):
    """The area of a surface over a grid, cell by cell, from forward differences."""
    h = 1 / (z.shape[0] - 1)
    dx, dy = (z[1:, :-1] - z[:-1, :-1]) / h, (z[:-1, 1:] - z[:-1, :-1]) / h
    return h * h * np.sum(np.sqrt(1 + dx**2 + dy**2))


def elements(x):
    """The energy of springs between nodes, as finite elements gather it."""
    a, b = np.array([0, 1, 2, 0, 4, 5]), np.array([1, 2, 3, 3, 5, 0])
    return np.sum((x[a] - x[b])**4 * np.exp(x[a]))


PROGRAMS = [
    ("Rosenbrock", rosenbrock, RNG.random(9)),
    ("a minimal surface", minimal_surface, RNG.random((4, 5))),
    ("springs", elements, RNG.random(6)),
    ("separable", lambda x: np.sum(np.sin(x)), RNG.random(5)),
    ("linear", lambda x: np.sum(3 * x), RNG.random(5)),
    ("constant", lambda x: 3.0, RNG.random(5)),
    ("quadratic form", lambda x: x @ np.arange(16.0).reshape(4, 4) @ x, RNG.random(4)),
    ("a dense corner", lambda x: x[:3].sum()**2 + np.sum(x[3:]**3), RNG.random(7)),
    ("a norm", np.linalg.norm, RNG.random(4)),
    ("one element", lambda x: x[2]**3, RNG.random(4)),
    ("of one", lambda x: (x * x).sum(), RNG.random(1)),
    ("a number", lambda x: x * x * x, np.float64(2.0)),
    ("of nothing", lambda x: np.sum(x * x), np.ones(0)),
    ("a loop", lambda x: sum(x[i] * x[(i + 2) % 5]**2 for i in range(5)), RNG.random(5)),
    ("a stencil by rolling", lambda x: np.sum(np.roll(x, 1) * x**2), RNG.random(6)),
    ("a logistic loss", lambda w: np.mean(np.logaddexp(0, np.arange(12.0).reshape(4, 3) @ w)), RNG.random(3)),
    ("a kink of the root", lambda x: np.sum(np.sqrt(x * x + 0.0) * x), np.array([1.0, 2.0])),
    ("infinite distances", lambda x: np.sum(1 / np.where(np.eye(4) == 1, np.inf, x[:, None] - x) ** 2), RNG.random(4)),
    ("in single precision", rosenbrock, RNG.random(5).astype(np.float32)),
    ("holomorphic", rosenbrock, RNG.random(5) + 0.5j),
]


@pytest.mark.parametrize(("f", "x"), [p[1:] for p in PROGRAMS], ids=[p[0] for p in PROGRAMS])
def test_a_sparse_hessian_is_the_dense_one_and_symmetric_to_the_last_bit(f, x):
    H = hessian(f, sparse=True)
    for y in (x, x, x + x.dtype.type(0.25)):               # from nothing, remembered, remembered at another point
        expected = np.reshape(hessian(f)(y), (x.size, x.size))
        M = H(y)
        assert isinstance(M, csr_array)
        assert M.shape == expected.shape
        assert M.dtype == expected.dtype
        # the dense Hessian goes another way (over reverse mode), so its rounding differs
        scale = 1 + abs(expected).max(initial=0)
        np.testing.assert_allclose(M.toarray(), expected, rtol=0, atol=60 * np.finfo(x.dtype).eps * scale)
        np.testing.assert_array_equal(M.toarray(), M.toarray().T)
        M.check_format(full_check=True)
        assert csr_array((M.data, M.indices, M.indptr), shape=M.shape).has_canonical_format


def test_the_second_call_runs_f_once_and_makes_no_structure(monkeypatch):
    runs, made, known = [], [], sparse_hessian.SymmetricStructure

    def f(x):
        runs.append(1)
        return rosenbrock(x)

    monkeypatch.setattr(sparse_hessian, "SymmetricStructure", lambda *args: made.append(1) or known(*args))
    H = hessian(f, sparse=True)
    for x in (RNG.random(9), RNG.random(9), RNG.random(9)):
        H(x)
    assert (len(runs), len(made)) == (3, 1)
    H(RNG.random(5))
    assert len(made) == 2


def test_a_changed_branch_is_noticed():
    f = lambda x: np.sum(x[1:]**2 * x[:-1]) if x[0] > 0 else np.sum(x[:2]) ** 3
    H = hessian(f, sparse=True)
    for x in (np.arange(1.0, 5), -np.arange(1.0, 5), np.arange(2.0, 6)):
        np.testing.assert_allclose(H(x).toarray(), hessian(f)(x), rtol=1e-14)


def test_entries_may_come_as_lists_in_one_call_and_in_columns_in_the_next():
    table, x = np.array([0.0, 1.0, -1.0, 0.5]), np.array([0.6, -1.2, 1.1, -0.4, 1.9, 0.4, 0.3])

    def f(x, interpolated):
        y = np.interp(x, np.arange(4.0), table) if interpolated else np.concatenate([x * 2, x[::-1]])
        return np.sum(y**3) + np.sum(y[1:] * y[:-1])
    H = hessian(f, sparse=True)
    for way in (True, False, True, True, False):
        np.testing.assert_allclose(H(x, way).toarray(), hessian(f)(x, way), rtol=1e-14, atol=1e-15)


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
@pytest.mark.parametrize(("f", "x"), [
    (lambda x: x @ x / np.prod(x), [0.0, 1.0, 2.0]), (lambda x: np.sum(x / (x[0] * x[1])), [0.0, 0.0, 2.0]),
    (lambda x: np.sum(x / np.sum(x * x)), [0.0, 0.0, 0.0]), (lambda x: np.sum(np.log(x)) + x[1] * x[2], [0.0, 2.0, 3.0, -1.0])])
def test_where_the_value_is_not_finite_it_is_still_the_dense_one(f, x):
    H = hessian(f, sparse=True)
    for y in (np.array(x), np.arange(1.0, 1 + len(x)), np.array(x)):
        np.testing.assert_allclose(H(y).toarray(), hessian(f)(y), rtol=1e-13)


def test_the_pattern_of_a_minimal_surface_is_that_of_its_cells():
    z = RNG.random((50, 50))
    H = hessian(minimal_surface, sparse=True)(z)
    node = np.arange(2500).reshape(50, 50)
    cells = np.stack([node[:-1, :-1].ravel(), node[1:, :-1].ravel(), node[:-1, 1:].ravel()], axis=1)
    expected = np.zeros((2500, 2500), bool)
    expected[cells[:, :, None], cells[:, None, :]] = True
    np.testing.assert_array_equal(H.toarray() != 0, expected)
    assert H.nnz == expected.sum()


def test_the_hessian_of_a_minimal_surface_is_the_symbolic_one():
    symbols = sympy.Matrix(3, 4, sympy.symbols("z:12"))
    area = sum(sympy.sqrt(1 + ((symbols[i + 1, j] - symbols[i, j]) * 2)**2 + ((symbols[i, j + 1] - symbols[i, j]) * 2)**2) / 4
               for i in range(2) for j in range(3))
    z = RNG.random((3, 4))
    at = dict(zip(list(symbols), z.ravel().tolist(), strict=True))
    exact = np.array(sympy.hessian(area, list(symbols)).subs(at).evalf(), float)
    np.testing.assert_allclose(hessian(minimal_surface, sparse=True)(z).toarray(), exact, rtol=1e-13, atol=1e-15)


def test_a_tree_of_arguments_gives_a_tree_of_blocks():
    f = lambda p, c: c * np.sum(p["u"]**2 * p["v"][0]) + np.sum(p["v"]**3)
    p, c = {"u": RNG.random(4), "v": RNG.random(2)}, 2.0
    dense, blocks = (hessian(f, argnums=(0, 1), sparse=s)(p, c) for s in (False, True))
    for a in (0, 1):
        for b in (0, 1):
            rows = dense[a] if a else dense[a]["u"]
            blocks_row = blocks[a] if a else blocks[a]["u"]
            expected, found = (rows[b], blocks_row[b]) if b else (rows[b]["v"], blocks_row[b]["v"])
            np.testing.assert_allclose(found.toarray(), np.reshape(expected, found.shape), rtol=1e-14)


def test_it_is_the_derivative_of_the_gradient():
    x, v = RNG.random((4, 5)), RNG.random((4, 5))
    # central differences of the exact gradient: error h² f'''' plus rounding / h, least near h = 1e-5
    slope = (gradient(minimal_surface)(x + 1e-5 * v) - gradient(minimal_surface)(x - 1e-5 * v)) / 2e-5
    np.testing.assert_allclose(hessian(minimal_surface, sparse=True)(x) @ v.ravel(), slope.ravel(), rtol=1e-6, atol=1e-7)

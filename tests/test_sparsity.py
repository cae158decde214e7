"""The pattern of a Jacobian alone, and the check of sparse Jacobians along random directions."""

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.sparse import csr_array

from dualdiff import jacobian, sparsity
from dualdiff.errors import MismatchError, StructureError
from dualdiff.tangents import csr

X = np.linspace(1, 2, 6)


def tridiagonal(x):
    return np.concatenate([[0.0], x[:-1]]) * x + np.append(x[1:], 0.0) ** 2


def test_a_pattern_is_where_the_program_connects_elements_whatever_the_numbers():
    P = sparsity(tridiagonal, np.zeros(6))
    assert isinstance(P, csr_array)
    assert P.dtype == bool
    expected = np.tri(6, k=1, dtype=bool) & ~np.tri(6, k=-2, dtype=bool)
    np.testing.assert_array_equal(P.toarray(), expected)


def test_patterns_of_trees_are_trees():
    P = sparsity(lambda a, b: {"s": a["u"] * b, "t": b[1:]}, {"u": X[:3]}, X[3:], argnums=(0, 1))
    np.testing.assert_array_equal(P["s"][0]["u"].toarray(), np.eye(3, dtype=bool))
    assert P["t"][0]["u"].nnz == 0
    np.testing.assert_array_equal(P["t"][1].toarray(), np.eye(3, dtype=bool)[1:])


def test_scipy_takes_a_pattern_for_its_finite_differences():
    f = lambda x: tridiagonal(x) - 1.0
    result = least_squares(f, X, jac_sparsity=sparsity(f, X), method="trf")
    exact = least_squares(f, X, jac=jacobian(f, sparse=True), method="trf")
    np.testing.assert_allclose(result.fun, exact.fun, atol=1e-6)


def shares(x):
    """They add up to 1, so that what is left of the derivative of their sum is rounding."""
    return np.exp(x) / np.exp(x).sum()


A = np.random.default_rng(5).normal(size=(6, 6))


def spread(x):
    return np.outer(x, x) + np.eye(6)


def converting(x):
    """It asks for a plain array, so it runs lifted."""
    return np.asarray(x) ** 2


@pytest.mark.parametrize("f", [tridiagonal, converting, lambda x: {"a": tridiagonal(x), "b": [x[0] ** 2, 3.0]},
                               lambda x: x.sum(), lambda x: np.sqrt(x - 1), lambda x: np.sort(x)[::-1].reshape(2, 3),
                               lambda x: np.append(shares(x), shares(x).sum()), lambda x: shares(x).sum(),
                               lambda x: np.exp(x) * np.exp(-x) - 1,
                               lambda x: np.linalg.inv(spread(x)) - np.linalg.inv(spread(x)).T,
                               lambda x: {"a": np.sin(x) ** 2 + np.cos(x) ** 2, "b": (A @ A) @ x - A @ (A @ x)}])
def test_a_right_jacobian_is_verified(f):
    checked = jacobian(f, sparse=True, verify=True)(X)
    plain = jacobian(f, sparse=True)(X)
    assert type(checked) is type(plain)
    sparsity(f, X, verify=True)


def test_verification_runs_f_once_more():
    runs = []
    jacobian(lambda x: runs.append(1) or x * x, sparse=True, verify=True)(X)
    assert len(runs) == 2


CHANGES = {"missing": lambda data, at: data * ~at, "a little off": lambda data, at: data + 1e-3 * at,
           "undefined": lambda data, at: np.where(at, np.nan, data)}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_wrong_entry_is_found_and_named(change, monkeypatch):
    right = csr.Structure.data

    def wrong(*args):
        data = right(*args)
        return change(data, np.arange(data.size) == 7)

    monkeypatch.setattr(csr.Structure, "data", wrong)
    # row 0 has the columns 0 and 1, the next rows three each: entry 7 is (2, 3)
    with pytest.raises(MismatchError, match=r"∂f\[2\] / ∂x\[3\] is \S+ there and 3\.2 in reverse mode"):
        jacobian(tridiagonal, sparse=True, verify=True)(X)


def test_a_wrong_entry_is_named_in_the_shapes_of_the_users_arrays(monkeypatch):
    right = csr.Structure.data
    monkeypatch.setattr(csr.Structure, "data", lambda self, *args: right(self, *args) + (self.shape == (6, 4)))
    f = lambda u, v: [u[0], np.outer(v.reshape(-1), np.arange(2.0) + 1)[:3] * u[1]]
    with pytest.raises(MismatchError, match=r"∂f\[\d, \d\] of array 1 / ∂x\[\d, \d\] of array 1 is"):
        jacobian(f, argnums=(0, 1), sparse=True, verify=True)(X[:2], X[2:].reshape(2, 2))


@pytest.mark.parametrize("error", [1e-6, 1e-3])
def test_a_wrong_entry_is_found_beside_those_that_cancel(error, monkeypatch):
    right = csr.Structure.data
    monkeypatch.setattr(csr.Structure, "data", lambda *args: right(*args) * (1 + error * (np.arange(6) == 4)))
    for f in (lambda x: np.append(np.exp(x[:4]) * np.exp(-x[:4]), 1e-30 * x[4:] ** 2), lambda x: x**2 + np.exp(x) * np.exp(-x)):
        with pytest.raises(MismatchError, match=r"∂f\[4\] / ∂x\[4\]"):
            jacobian(f, sparse=True, verify=True)(X)


def test_verify_without_sparse_names_what_checks_dense_jacobians():
    with pytest.raises(StructureError, match="check_derivatives"):
        jacobian(tridiagonal, verify=True)


def test_what_is_computed_in_single_precision_is_verified_in_it():
    x = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)

    def f(x):
        return np.sin(x) * np.roll(x, 1, axis=-1) * np.float64(0.3)  # of double precision from here
    assert jacobian(lambda x: f(x.reshape(30, 2)).ravel(), sparse=True, verify=True)(x.ravel()).nnz == 120
    assert jacobian(f, batch_axis=0, verify=True)(x).shape == (30, 2, 2)

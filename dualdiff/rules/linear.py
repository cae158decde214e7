"""Linear maps of one array that are neither a move of elements nor a contraction: forward on a batch, and transposed."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..errors import ConversionError
from .registry import linear, primitive


def behind(axis: int, lead: int) -> int:
    """The axis of an array, in one that has ``lead`` axes more in front."""
    return axis if axis < 0 else axis + lead


def cumsum_forward(x: Any, lead: int, axis: Any = None, dtype: Any = None) -> Any:
    if axis is None or x.ndim == lead:
        return np.cumsum(x.reshape((*x.shape[:lead], prod(x.shape[lead:]))), axis=lead)
    return np.cumsum(x, axis=behind(axis, lead))


def cumsum_transpose(u: Any, lead: int, shape: tuple[int, ...], axis: Any = None, dtype: Any = None) -> Any:
    """y_i = Σ_{j ≤ i} x_j, so x̄_j = Σ_{i ≥ j} ȳ_i: the cumulative sum from the other end."""
    place = lead if axis is None or not shape else axis % len(shape) + lead
    return np.flip(np.cumsum(np.flip(u, place), axis=place), place).reshape(u.shape[:lead] + shape)


linear(np.cumsum, cumsum_forward, cumsum_transpose)

# Real-linear maps of complex numbers; transposes with respect to the pairing Re(u v). The cotangent of a real result is the
# real part of what arrives: products with complex constants leave an imaginary part that means nothing.
linear(np.conjugate, lambda x, lead: np.conj(x),  lambda u, lead, shape: np.conj(u),       local=True)
linear(np.real,      lambda x, lead: np.real(x),  lambda u, lead, shape: np.real(u),       local=True)
linear(np.imag,      lambda x, lead: np.imag(x),  lambda u, lead, shape: as_part(-np.real(u), True), local=True)


@primitive
def as_part(x: Any, imaginary: bool) -> Any:
    """Complex numbers of which x is one part; a product with 1j would make the other NaN where x is infinite."""
    x = np.asarray(x)
    z = np.zeros(x.shape, np.result_type(x.dtype, np.complex64))
    (z.imag if imaginary else z.real)[...] = x
    return z


linear(as_part, lambda x, lead, imaginary: as_part(x, imaginary),
       lambda u, lead, shape, imaginary: -np.imag(u) if imaginary else np.real(u), local=True)


def solved(A: Any, b: Any, lead: int) -> Any:
    """A⁻¹ b behind ``lead`` axes, for vectors where b has an axis less than A and for matrices: one A is factored once, and
    all that stands before joins its columns.
    """
    vectors = b.ndim - lead < A.ndim
    if A.ndim > 2:
        return np.linalg.solve(A, b[..., None])[..., 0] if vectors else np.linalg.solve(A, b)
    axis = -1 if vectors else -2
    columns = b if b.ndim == -axis else np.moveaxis(b, axis, 0)
    x = np.linalg.solve(A, columns.reshape(len(A), b.size // max(len(A), 1))).reshape(columns.shape)
    return x if b.ndim == -axis else np.moveaxis(x, 0, axis)


@primitive
def linear_solve(b: Any, A: Any) -> Any:
    """The solution x of A x = b as a linear function of b, for constant A; b of the result's shape."""
    return solved(A, b, 0)


linear(linear_solve, lambda b, lead, A: solved(A, b, lead),
       lambda u, lead, shape, A: solved(np.swapaxes(A, -1, -2), u, lead), shape=lambda shape, A: shape)


# ---- counts with weights
@primitive
def binned(weights: Any, index: Any, size: int) -> Any:
    """The weights added up in their bins, along the last axis."""
    if weights.ndim == 1 and np.can_cast(weights.dtype, float):
        return np.bincount(index, weights, size).astype(weights.dtype)
    result = np.zeros((*weights.shape[:-1], size), weights.dtype)
    places: Any = (..., index)
    np.add.at(result, places, weights)
    return result


def bin_matrix(shape: tuple[int, ...], index: Any, size: int) -> Any:
    """The matrix that adds up weights in their bins, along the last axis of the shape, as compressed rows of ones."""
    batch = np.arange(prod(shape[:-1]))
    counts = np.tile(np.bincount(index, minlength=size), len(batch))
    taken = batch[:, None] * shape[-1] + np.argsort(index, kind="stable")
    return np.concatenate([[0], np.cumsum(counts)]), taken.ravel(), None


linear(binned, lambda w, lead, index, size: binned(w, index, size),
       lambda u, lead, shape, index, size: np.take(u, index, axis=-1),
       matrix=bin_matrix)


# ---- a constant matrix of scipy.sparse times an array: the matrix itself is the derivative
@primitive
def sparse_product(x: Any, A: Any) -> Any:
    """A x for x of shape (n,) and A in compressed rows."""
    return A @ x


def batched_product(A: Any, x: Any, lead: int) -> Any:
    """A times the last axis of x, which has ``lead`` axes more."""
    if lead == 0:
        return sparse_product(x, A)
    columns = np.reshape(x, (prod(x.shape[:lead]), A.shape[1])).T
    return np.reshape((A @ columns).T, (*x.shape[:lead], A.shape[0]))


linear(sparse_product, lambda x, lead, A: batched_product(A, x, lead),
       lambda u, lead, shape, A: batched_product(A.T.tocsr(), u, lead),
       matrix=lambda shape, A: (A.indptr, A.indices, A.data))


PRODUCTS = frozenset(("__matmul__", "__mul__", "__rmatmul__", "__rmul__", "dot", "_matmul_dispatch", "_rmatmul_dispatch",
                      "_matmul_vector", "_matmul_multivector"))


def overridden(A: Any) -> set[str]:
    """What classes of the user's put before the members of SciPy's that they are derived from."""
    names: set[str] = set()
    for kind in type(A).__mro__:
        root = kind.__module__.partition(".")[0]
        if root == "scipy":
            break
        names.update(vars(kind) if root != "dualdiff" else ())
    return names


def matmul_sparse(A: Any, x: Any) -> Any:
    """``A @ x`` for a scipy.sparse A and x of shape (n,) or (n, p). The columns of x are one long vector to A ⊗ 1."""
    if hasattr(A, "level"):
        return A @ x
    if PRODUCTS & overridden(A):
        raise ConversionError(f"{type(A).__name__} has products of its own: run the program as dualdiff.lift(f)")
    if x.ndim not in (1, 2) or A.ndim != 2 or x.shape[0] != A.shape[1]:
        raise ValueError(f"matmul: a sparse matrix of shape {A.shape} and an array of shape {x.shape} do not fit together")
    if x.ndim == 1:
        return sparse_product(x, A.tocsr(copy=True))  # the program may write to its matrix again
    from scipy.sparse import eye_array, kron
    p = x.shape[1]
    wide = A.tocsr(copy=True) if p == 1 else kron(A, eye_array(p, dtype=A.dtype), format="csr")
    return np.reshape(sparse_product(np.ravel(x), wide), (A.shape[0], p))

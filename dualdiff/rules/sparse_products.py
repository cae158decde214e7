"""A constant matrix of scipy.sparse times an array: linear, with the matrix itself as its own derivative."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .registry import linear


def sparse_product(x: Any, A: Any) -> Any:
    """A x for x of shape (n,) and A in compressed rows."""
    return A @ x if type(x) is np.ndarray else x.__array_function__(sparse_product, (), (x, A), {})


def batched_product(A: Any, x: Any, lead: int) -> Any:
    """A times the last axis of x, which has ``lead`` axes more."""
    if lead == 0:
        return sparse_product(x, A)
    columns = np.reshape(x, (prod(x.shape[:lead]), A.shape[1])).T
    return np.reshape((A @ columns).T, (*x.shape[:lead], A.shape[0]))


linear(sparse_product, lambda x, lead, A: batched_product(A, x, lead),
       lambda u, lead, shape, A: batched_product(A.T.tocsr(), u, lead),
       matrix=lambda shape, A: (A.indptr, A.indices, A.data))


def matmul_sparse(A: Any, x: Any) -> Any:
    """``A @ x`` for a scipy.sparse A and x of shape (n,) or (n, p). The columns of x are one long vector to A ⊗ 1."""
    if x.ndim not in (1, 2) or A.ndim != 2 or x.shape[0] != A.shape[1]:
        raise ValueError(f"matmul: a sparse matrix of shape {A.shape} and an array of shape {x.shape} do not fit together")
    if x.ndim == 1:
        return sparse_product(x, A.tocsr(copy=True))  # the program may write to its matrix again
    from scipy.sparse import eye_array, kron
    p = x.shape[1]
    wide = A.tocsr(copy=True) if p == 1 else kron(A, eye_array(p), format="csr")
    return np.reshape(sparse_product(np.ravel(x), wide), (A.shape[0], p))

"""spsolve: linear systems with a sparse matrix, differentiated in their entries and their right-hand side."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError, StructureError, needed
from ..forms import dual_form, holds_dual, stripped
from ..reading import dtype_of
from .theorem import Factored, differentiated, sparse_factored

WHAT = "spsolve"


def spsolve(A: Any, b: Any) -> Any:
    """The x with A x = b for a sparse A, as ``scipy.sparse.linalg.spsolve``, with dual right-hand sides and entries.

    A is a ``scipy.sparse`` matrix of n × n, or, for entries that are perturbed, what SciPy would make one from:
    ``(data, (rows, columns))``, equal places added up, or ``(data, indices, indptr)`` in compressed rows. b is (n,), or
    (n, m) for m systems; the result has its shape. The matrix is factored once, by SuperLU, for the value, every direction
    and the transposes that reverse mode needs; memory beyond the factors is that of the dense directions, k × n × m.
    Needs SciPy. Raises DegenerateError where A is singular, ShapeError where shapes do not fit.

    >>> import numpy as np
    >>> from dualdiff import gradient
    >>> rows, columns = np.array([0, 1, 1]), np.array([0, 0, 1])
    >>> gradient(lambda d: spsolve((d, (rows, columns)), np.array([2.0, 3.0]))[1])(np.array([2.0, 1.0, 4.0]))
    array([ 0.125, -0.25 , -0.125])
    """
    sparse = needed("scipy.sparse", WHAT)
    b = dual_form(b) if holds_dual(b) else np.asarray(b)
    if b.ndim not in (1, 2):
        raise ShapeError(f"{WHAT}: b has shape {b.shape}; it must be (n,) or (n, m)")
    n = b.shape[0]
    if hasattr(A, "tocsr"):
        matrix, data, rows, columns = A.tocsc(), None, (), ()
    else:
        data, rows, columns = entries(A, n)
        matrix = sparse.csc_array((stripped(data), (rows, columns)), shape=(n, n))
    if matrix.shape != (n, n):
        raise ShapeError(f"{WHAT}: A has shape {matrix.shape} and b {b.shape}; A must be square, b as long")
    matrix = matrix.astype(np.result_type(matrix.dtype, np.float32 if matrix.dtype == np.float32 else float))
    return solution(sparse_factored(matrix, WHAT), data if data is None else (rows, columns, data), b)


def solution(system: Factored, known: Any, b: Any) -> Any:
    """The x with A x = b, of b's shape, where A is factored; its entries, where they are perturbed, are the rest of A."""
    right = b if b.ndim == 1 else np.transpose(b)  # the unknowns of a system lie along the last axis
    if known is None or not holds_dual(known[2]):
        x = system.solve(right)
        return x if b.ndim == 1 else np.transpose(x)
    rows, columns, data = known
    x = system.solve(stripped(right))
    # Each entry times its unknown, added up in its row.
    ones = np.ones(len(rows), dtype_of(data))
    add = needed("scipy.sparse", WHAT).csr_array((ones, (np.arange(len(rows)), rows)), shape=(len(rows), system.n))
    x = differentiated(lambda x: (data * x[..., columns]) @ add - right, x, lambda: system)
    return x if b.ndim == 1 else np.transpose(x)


def entries(A: Any, n: int) -> tuple[Any, Any, Any]:
    """Values, rows and columns of a matrix given as SciPy's constructors take it."""
    if not isinstance(A, tuple) or len(A) not in (2, 3) or (len(A) == 2 and len(A[1]) != 2):
        raise StructureError(f"{WHAT}: A must be a scipy.sparse matrix, (data, (rows, columns)) or (data, indices, indptr); "
                             f"got {type(A).__name__}")
    data = dual_form(A[0]) if holds_dual(A[0]) else np.asarray(A[0])
    if len(A) == 2:
        rows, columns = (np.asarray(index) for index in A[1])
    else:
        columns, ends = np.asarray(A[1]), np.asarray(A[2])
        if ends.shape != (n + 1,):
            raise ShapeError(f"{WHAT}: indptr has shape {ends.shape}; b has {n} rows, so it must be {(n + 1,)}")
        rows = np.repeat(np.arange(n), np.diff(ends))
    if not data.shape == rows.shape == columns.shape or data.ndim != 1:
        raise ShapeError(f"{WHAT}: data has shape {data.shape}, its rows {rows.shape} and columns {columns.shape}; they must "
                         "be one-dimensional and equally long")
    return data, rows, columns

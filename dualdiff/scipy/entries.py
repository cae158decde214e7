"""The entries of sparse matrices: rows, columns, and data that may be dual.

What rearranges a matrix does so with the numbers 1, 2, 3, … of its data, which then take their places; the rest are sums of
entries at one place and products of gathered entries. So sparse derivatives stay sparse.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np
import scipy.sparse as plain

from .. import lifted_classes
from ..custom import custom_rule
from ..elementwise import LEVELED
from ..errors import RuleError
from ..forms import dual_form, holds_dual, stripped
from ..operands import constant
from ..reading import dtype_of
from ..rules.linear import binned

BASES: dict[Any, type] = {}  # what is put before a class of SciPy's, before those of None if it is not here


# ---- the classes
def beside(kind: Any) -> Any:
    """The subclass of a class of SciPy's, or of one derived from it, that takes duals."""
    return kind if issubclass(kind, BASES[None]) else \
        made(kind) if kind.__module__.startswith("scipy.") else lifted_classes.beside(kind, beside, kind)


@cache
def made(kind: Any) -> Any:
    return type(kind.__name__, (BASES.get(kind, BASES[None]), kind), {"__doc__": kind.__doc__, lifted_classes.ORIGIN: kind})


def own(A: Any) -> type:
    """SciPy's class of a matrix."""
    return next(kind for kind in type(A).__mro__ if kind.__module__.startswith("scipy.sparse"))


def kind_of(A: Any) -> Any:
    """The class of a matrix to the program."""
    return vars(type(A)).get(lifted_classes.ORIGIN, type(A))


def seen(A: Any) -> Any:
    """A matrix of SciPy's as the lifted program sees it: the same contents."""
    kind: Any = type(A)
    if isinstance(A, BASES[None]) or not plain.issparse(A):
        return A
    if not kind.__module__.startswith("scipy."):
        lifted_classes.LOOKED[id(A.__dict__)] = A.__dict__  # arrays that took no dual are plain in it when the run ends
    return holding(beside(kind), A.__dict__)


def holding(kind: Any, contents: dict[str, Any]) -> Any:
    new = kind.__new__(kind)
    new.__dict__ = contents
    return new


def with_data(A: Any, data: Any, kind: Any = None) -> Any:
    """The same places with other data, as an object of this class."""
    return holding(kind or beside(own(A)), {**A.__dict__, "data": constant(data) if type(data) in LEVELED else data})


def numbered(A: Any, first: int = 1) -> Any:
    """SciPy's own matrix with the numbers of the data as its data."""
    size = prod(A.data.shape)
    return with_data(A, np.arange(first, first + size).reshape(A.data.shape), own(A)).copy()


def taken(data: Any, numbers: Any) -> Any:
    """Data by their numbers; 0 is a place that SciPy filled with a zero."""
    found = np.ravel(data)[np.maximum(numbers, 1) - 1]
    return found if np.all(numbers) else np.where(numbers > 0, found, np.zeros((), dtype_of(data)))


def renumbered(r: Any, data: Any) -> Any:
    """What an operation gave on numbers, with the data in their places."""
    if plain.issparse(r):
        return with_data(r, taken(data, r.data))
    return taken(data, np.asarray(r))


def entries(A: Any) -> tuple[Any, Any, Any]:
    """Rows, columns and data, one after the other."""
    if A.ndim != 2:
        raise RuleError(f"scipy.sparse: an array of shape {A.shape} with dual data does this only with two axes")
    if A.format in ("lil", "dok"):
        A = A.tocsr()
    if A.format == "coo":
        return A.row, A.col, A.data
    if A.format in ("csr", "csc"):
        major = np.repeat(np.arange(len(A.indptr) - 1), np.diff(A.indptr))
        data = A.data if len(A.data) == len(major) else A.data[:len(major)]
        return (major, A.indices, data) if A.format == "csr" else (A.indices, major, data)
    places = numbered(A).tocoo()
    return places.row, places.col, taken(A.data, places.data)


def ordered(rows: Any, cols: Any, shape: tuple[int, ...]) -> Any:
    """The order by rows, and by columns in each: two passes of counting."""
    def counted(major: Any, n: int) -> Any:
        size = len(major)
        return plain.coo_array((np.ones(size, bool), (major, np.arange(size))), shape=(n, size)).tocsr().indices
    by_column = counted(cols, shape[1])
    return by_column[counted(rows[by_column], shape[0])]


def summed(rows: Any, cols: Any, data: Any, shape: tuple[int, ...], like: Any, format: str = "csr") -> Any:
    """The matrix with these entries in compressed form, those of one place added up."""
    if format == "csc":
        return summed(cols, rows, data, shape[::-1], like).transpose()
    order = ordered(rows, cols, shape)
    rows, cols, data = rows[order], cols[order], data[order]
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]) | (cols[1:] != cols[:-1])
    if not new.all():
        data = binned(data, np.cumsum(new) - 1, int(new.sum()))
        rows, cols = rows[new], cols[new]
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    kind = plain.csr_matrix if isinstance(like, plain.spmatrix) else plain.csr_array
    return with_data(kind((np.zeros(len(cols), bool), cols, starts), shape=shape), data)


def in_order_of(R: Any, A: Any) -> Any:
    """The entries of A, sorted, in the order of SciPy's result R; A itself where R has others: see README, Limits."""
    rows, cols, data = entries(R)
    if R.format != A.format or len(data) != A.nnz:
        return A
    place = np.empty(A.nnz, np.intp)
    place[ordered(cols, rows, R.shape[::-1]) if A.format == "csc" else ordered(rows, cols, R.shape)] = np.arange(A.nnz)
    return with_data(R, A.data[place])


def unique(A: Any) -> Any:
    """The matrix with one entry at each place."""
    if A.format in ("lil", "dok"):
        return A.tocsr()
    if A.format in ("dia", "bsr") or A.ndim != 2 or (A.format != "coo" and plainly(A).has_canonical_format):
        return A
    rows, cols, data = entries(A)
    merged = summed(rows, cols, data, A.shape, A, "csc" if A.format == "csc" else "csr")
    return A if merged.nnz == len(rows) else merged if A.format != "coo" else merged.tocoo()


def plainly(A: Any) -> Any:
    """A matrix as SciPy's own, without derivatives; a copy, which SciPy may sort in place."""
    if not hasattr(A, "level"):
        return holding(own(A), A.__dict__)
    A = A.tocsr() if A.format in ("lil", "dok") else A
    return with_data(A, stripped(A.data), own(A)).copy()


def moved(operation: Callable[[Any], Any], A: Any) -> Any:
    A = unique(A)
    return renumbered(operation(numbered(A)), A.data)


def is_number(x: Any) -> bool:
    return not plain.issparse(x) and np.ndim(x) == 0


def dual_or_array(x: Any) -> Any:
    x = getattr(x, "A", x)  # a numpy.matrix, or what stands for one
    return dual_form(x) if holds_dual(x) else np.asarray(x)


def times_dense(A: Any, x: Any) -> Any:
    """A x for a vector or columns: SciPy's, with the differentials of the entries times what they meet, and the reverse."""
    rows, cols, data = entries(A)
    n, p = A.shape[0], x.shape[-1]

    def added(terms: Any) -> Any:
        if x.ndim == 1:
            return binned(terms, rows, n)
        return np.reshape(binned(np.ravel(terms), np.ravel(rows[:, None] * p + np.arange(p)), n * p), (n, p))

    def of_each(data: Any) -> Any:
        return data if x.ndim == 1 else data[:, None]

    return custom_rule(lambda data, x: with_data(A, data, own(A)) @ x,
                       differentials=(lambda f, data, x, d: added(of_each(d) * x[cols]),
                                      lambda f, data, x, dx: added(of_each(data) * dx[cols])))(data, x)


def times_sparse(A: Any, B: Any) -> Any:
    """A B: each entry (i, k) of A times the entries of row k of B."""
    (rows, inner, a), right = entries(A), unique(B).tocsr()
    counts = np.diff(right.indptr)[inner]
    first = np.repeat(np.arange(len(inner)), counts)
    second = np.arange(len(first)) + np.repeat(right.indptr[inner] - np.cumsum(counts) + counts, counts)
    return in_order_of(plainly(A) @ plainly(B), summed(
        rows[first], right.indices[second], a[first] * right.data[second], (A.shape[0], B.shape[1]), A,
        "csc" if A.format == "csc" else "csr"))


def in_common(A: Any, B: Any) -> Any:
    """A ⊙ B, where both have entries."""
    R, format = plainly(A).multiply(plainly(B)), "csc" if A.format == "csc" else "csr"
    A, B = unique(A).tocsr(), unique(B).tocsr()
    p, q = (r.astype(np.int64) * A.shape[1] + c for r, c, _ in (entries(A), entries(B)))
    at, i, j = np.intersect1d(p, q, assume_unique=True, return_indices=True)
    return in_order_of(R, summed(at // A.shape[1], at % A.shape[1], A.data[i] * B.data[j], A.shape, A, format))

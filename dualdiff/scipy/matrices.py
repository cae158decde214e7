"""The classes of scipy.sparse, with data that may be dual.

A lifted program sees each matrix as an instance of a subclass, with the same contents: what it does on plain numbers is
SciPy's own. Entries are never dropped for being zero.
"""

from __future__ import annotations

import operator
from functools import wraps
from typing import Any

import numpy as np
import scipy.sparse as plain
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..assignment import store
from ..errors import AbsentError, EscapeError, RuleError, ShapeError
from ..forms import dual_form, holds_dual, stripped
from ..reading import dtype_of
from ..rules.linear import binned, matmul_sparse, overridden
from .entries import (
    BASES,
    beside,
    dual_or_array,
    entries,
    holding,
    in_common,
    in_order_of,
    is_number,
    kind_of,
    moved,
    numbered,
    own,
    plainly,
    renumbered,
    seen,
    summed,
    taken,
    times_dense,
    times_sparse,
    unique,
    with_data,
)

FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


class Matrix(NDArrayOperatorsMixin):
    """A dual numpy.matrix, as far as sums of sparse matrices are used as one: arithmetic, ufuncs, and its array."""

    source = level = None

    def __init__(self, A: Any) -> None:
        self.A = A if A.ndim == 2 else np.reshape(A, (1, A.size))
        self.A1, self.shape, self.ndim, self.level = np.ravel(A), self.A.shape, 2, A.level

    @property
    def value(self) -> Any:
        return np.asmatrix(stripped(self.A))

    @property
    def T(self) -> Any:
        return self.transpose()

    def getA1(self) -> Any:
        return self.A1

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        result = getattr(ufunc, method)(*(x.A if isinstance(x, Matrix) else x for x in inputs), **options)
        return Matrix(result) if hasattr(result, "level") else np.asmatrix(result)

    def __mul__(self, other: Any) -> Any:
        return np.multiply(self, other) if is_number(other) else self @ dual_or_array(other)

    def __rmul__(self, other: Any) -> Any:
        return np.multiply(other, self) if is_number(other) else dual_or_array(other) @ self

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise EscapeError(self.REASON)

    def __getattr__(self, name: str) -> Any:
        raise AbsentError(f"{self.REASON} (it has no {name!r})")

    REASON = ("what SciPy gives here is a numpy.matrix, which cannot be dual: take x.A or np.asarray(x) of the result x, or "
              "build the sparse matrix as an array, by csr_array and the like")


def rearranged(name: str) -> Any:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        numbers = np.asmatrix(np.arange(1, 1 + self.A.size).reshape(self.shape))
        r = getattr(numbers, name)(*args, **options)
        return Matrix(taken(self.A, np.asarray(r))) if isinstance(r, np.matrix) else taken(self.A, r)
    return method


for _name in ("__getitem__", "flatten", "ravel", "reshape", "squeeze", "transpose"):
    setattr(Matrix, _name, rearranged(_name))


def dense(A: Any, like: Any) -> Any:
    """A dense result, which SciPy gives as numpy.matrix for its matrices."""
    return Matrix(A) if isinstance(like, plain.spmatrix) and hasattr(A, "level") else A


def original(self: Any, name: str) -> Any:
    """The method of SciPy's class."""
    return getattr(super(Sparse, self), name)


def is_ours(self: Any, *others: Any) -> bool:
    return hasattr(self, "level") or any(map(holds_dual, others))


def as_users(self: Any, name: str, result: Any, args: Any, options: Any) -> Any:
    """A result as an object of the user's class, where SciPy's would be one; the rest of its state is that of SciPy's."""
    kind, plainest = kind_of(self), own(self)
    if kind is plainest:
        return result
    if private := [part for part in overridden(self) & {*dir(plainest)} if part[0] == "_" != part[1] and part[:4] != "_abc"]:
        raise RuleError(f"scipy.sparse: {kind.__name__} overrides {private[0]}, which is SciPy's own affair: with dual numbers "
                        "override __matmul__ and the like")
    if not plain.issparse(result):
        return result
    like = getattr(plainest, name)(holding(kind, plainly(self).__dict__), *map(stripped, args), **options)
    if type(like) is not kind:
        return result
    known = vars(plainest(self.shape))
    return holding(type(self), vars(like) | {key: x for key, x in vars(result.asformat(self.format)).items() if key in known})


def ours(method: Any) -> Any:
    """A method that is SciPy's where nothing is perturbed. Where it is not, what is given as ``out`` is written to."""
    @wraps(method)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        if is_ours(self, *args, *options.values()):
            out = options.pop("out", None)
            result = as_users(self, method.__name__, method(self, *args, **options), args, options)
            return result if out is None else store(out, getattr(result, "A", result))
        return original(self, method.__name__)(*args, **options)
    return call


class Sparse:
    """What the classes of SciPy do where their data, or what stands beside them, is dual."""

    __array_priority__ = 20.0
    source = None

    def __init__(self: Any, arg1: Any, shape: Any = None, dtype: Any = None, copy: bool = False, **options: Any) -> None:
        if not holds_dual(arg1):
            original(self, "__init__")(arg1, shape=shape, dtype=dtype, copy=copy, **options)
            return
        first = dual_form(arg1[0]) if isinstance(arg1, tuple) and len(arg1) > 1 else None
        if plain.issparse(arg1):
            built = arg1.asformat(self.format, copy=copy)
        elif first is None or (len(arg1) == 2 and not hasattr(arg1[1], "shape") and self.format == "dia" and np.ndim(first) < 2
                               and np.ndim(arg1[1]) == 2):
            x = np.atleast_2d(dual_form(arg1))
            if x.ndim != 2:
                raise ShapeError(f"scipy.sparse: a dual array of shape {x.shape} has not two axes")
            places = np.indices(x.shape).reshape(2, -1)
            built = self._coo_container((np.ravel(x), tuple(places)), shape=x.shape).asformat(self.format)
        elif len(arg1) == 3 or self.format in ("coo", "dia"):
            if any(map(holds_dual, arg1[1:])):
                raise RuleError("scipy.sparse: the places of entries are perturbed; they are integers")
            first = np.atleast_2d(first) if self.format == "dia" else first
            built = own(self)((np.zeros(first.shape, bool), *arg1[1:]), shape=shape, copy=copy)
            built = with_data(built, first if built.data.shape == first.shape else first[:len(built.data)])
        else:
            built = self._coo_container(arg1, shape=shape).asformat(self.format)
        self.__dict__ = built.__dict__
        if dtype is not None and dtype_of(self.data) != dtype:
            self.data = self.data.astype(dtype)

    @property
    def level(self: Any) -> Any:
        return self.data.level

    @property
    def value(self: Any) -> Any:
        return with_data(numbered(self), self.data.value.copy())  # which SciPy may sort, in place

    def as_scipys(self) -> Any:
        """The same matrix as SciPy's own, if nothing in it is perturbed: what leaves the lifted program."""
        return self if hasattr(self, "level") else holding(kind_of(self), self.__dict__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return super().__reduce_ex__(protocol) if hasattr(self, "level") else (holding, (kind_of(self), self.__dict__))

    # ---- products
    @ours
    def __matmul__(self: Any, other: Any) -> Any:
        if is_number(other):
            raise ValueError("Scalar operands are not allowed, use '*' instead")
        other = seen(other) if plain.issparse(other) else dual_or_array(other)
        if self.shape[-1] != other.shape[0] or other.ndim > 2:
            raise ShapeError(f"scipy.sparse: a product of shapes {self.shape} and {other.shape}: they do not fit together")
        if plain.issparse(other):
            return times_sparse(self, other)
        if not hasattr(self, "level"):
            return matmul_sparse(plainly(self), other)
        return times_dense(self if self.format in ("csr", "csc", "coo") else self.tocsr(), other)

    @ours
    def __rmatmul__(self: Any, other: Any) -> Any:
        if plain.issparse(other):
            return seen(other) @ self
        return np.transpose(Sparse.__matmul__(self.transpose(), np.transpose(dual_or_array(other))))

    @ours
    def dot(self: Any, other: Any) -> Any:
        return self * other if is_number(other) else self @ other

    @ours
    def multiply(self: Any, other: Any) -> Any:
        if is_number(other):
            return with_data(self, self.data * dual_form(other))
        if plain.issparse(other) and other.shape == self.shape:
            return in_common(self, seen(other))
        other = np.atleast_2d(seen(other).toarray() if plain.issparse(other) else dual_or_array(other))
        if np.broadcast_shapes(self.shape, other.shape) != self.shape:
            raise RuleError(f"scipy.sparse: multiply of shapes {self.shape} and {other.shape}, one of them dual, would spread "
                            "the sparse one; multiply A.toarray()")
        rows, cols, data = entries(self)
        picked = other[rows if other.shape[0] > 1 else 0, cols if other.shape[1] > 1 else 0]
        return self._coo_container((data * picked, (rows, cols)), shape=self.shape)

    @ours
    def __mul__(self: Any, other: Any) -> Any:
        if is_number(other):
            return Sparse.multiply(self, other)
        return Sparse.__matmul__(self, other) if isinstance(self, plain.spmatrix) else self.multiply(other)

    @ours
    def __rmul__(self: Any, other: Any) -> Any:
        if is_number(other):
            return Sparse.multiply(self, other)
        return Sparse.__rmatmul__(self, other) if isinstance(self, plain.spmatrix) else self.multiply(other)

    @ours
    def __truediv__(self: Any, other: Any) -> Any:
        if plain.issparse(other):
            raise RuleError("scipy.sparse: a quotient of two sparse matrices, one of them dual, is NaN where both are empty; "
                            "divide their data")
        return (Sparse.multiply if is_number(other) else type(self).multiply)(self, 1 / dual_or_array(other))

    # ---- sums
    def _plus(self: Any, other: Any, sign: int, mine: int = 1) -> Any:
        if is_number(other):
            if holds_dual(other) or other != 0:
                raise NotImplementedError("adding a nonzero scalar to a sparse array is not supported")
            return Sparse.multiply(self, mine)
        if not plain.issparse(other):
            return dense(mine * self.toarray() + sign * dual_or_array(other), self)
        other = seen(other)
        if other.shape != self.shape:
            raise ShapeError(f"scipy.sparse: inconsistent shapes: {self.shape} and {other.shape}")
        parts = zip(entries(self), entries(other), strict=True)
        (r, s), (c, d), (a, b) = parts
        return in_order_of(mine * plainly(self) + sign * plainly(other), summed(
            np.concatenate([r, s]), np.concatenate([c, d]), np.concatenate([mine * a, sign * b]), self.shape, self,
            "csc" if self.format == "csc" else "csr"))

    @ours
    def __add__(self: Any, other: Any) -> Any:
        return self._plus(other, 1)

    @ours
    def __radd__(self: Any, other: Any) -> Any:
        return self._plus(other, 1)

    @ours
    def __sub__(self: Any, other: Any) -> Any:
        return self._plus(other, -1)

    @ours
    def __rsub__(self: Any, other: Any) -> Any:
        return self._plus(other, 1, -1)

    def _larger(self: Any, other: Any, choose: Any) -> Any:
        """``choose`` between entries that both have, one of them perhaps as a zero."""
        if is_number(other):
            if stripped(choose(0, other)) == 0:
                return with_data(self, choose(self.data, dual_form(other)))
            return self._csr_container(choose(self.toarray(), other))
        if not plain.issparse(other):
            return dense(choose(self.toarray(), dual_or_array(other)), self)
        (r, c, a), (s, d, b) = entries(self), entries(seen(other))
        places = np.concatenate([r, s]), np.concatenate([c, d])
        x, y = (summed(*places, np.concatenate(parts), self.shape, self)
                for parts in ((a, np.zeros_like(b)), (np.zeros_like(a), b)))
        return with_data(x, choose(x.data, y.data))

    @ours
    def maximum(self: Any, other: Any) -> Any:
        return self._larger(other, np.maximum)

    @ours
    def minimum(self: Any, other: Any) -> Any:
        return self._larger(other, np.minimum)

    @ours
    def sum(self: Any, axis: Any = None, dtype: Any = None) -> Any:
        if axis is None or self.ndim == 1 or np.size(axis) == 2:
            return np.sum(entries(self)[2] if self.ndim == 2 else self.data, dtype=dtype)
        axis = operator.index(np.ravel(axis)[0]) % 2
        result = binned(entries(self)[2], entries(self)[1 - axis], self.shape[1 - axis])
        if isinstance(self, plain.spmatrix):
            return dense(np.expand_dims(result, axis), self)
        return result if dtype is None else result.astype(dtype)

    @ours
    def toarray(self: Any, order: Any = None) -> Any:
        if self.ndim == 1:
            return binned(self.data, self.coords[0], self.shape[0])
        rows, cols, data = entries(self)
        return np.reshape(binned(data, rows.astype(np.int64) * self.shape[1] + cols, self.shape[0] * self.shape[1]), self.shape)

    @ours
    def todense(self: Any, order: Any = None) -> Any:
        return dense(self.toarray(), self)

    @ours
    def diagonal(self: Any, k: int = 0) -> Any:
        rows, cols, data = entries(self)
        (on,) = np.nonzero(cols - rows == k)
        n = len(plainly(self).diagonal(k))
        return binned(data[on], np.minimum(rows, cols)[on], n)

    @ours
    def eliminate_zeros(self: Any) -> None:
        """Zeros that are perturbed stay."""


def moving(name: str) -> Any:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        if not hasattr(self, "level"):
            return original(self, name)(*args, **options)
        kinds: list[type] = []

        def operation(A: Any) -> Any:
            kinds.append(type(result := getattr(A, name)(*args, **options)))
            return result
        result = moved(operation, self)
        return Matrix(result) if issubclass(kinds[0], np.matrix) else as_users(self, name, result, args, options)
    return method


BASES[None] = Sparse


def rearranging(name: str) -> Any:
    """A method that changes the matrix itself."""
    def method(self: Any) -> None:
        if not hasattr(own(self), name):  # of diagonals, which have nothing to arrange
            return
        if not hasattr(self, "level"):
            original(self, name)()
            return
        A = unique(self)
        places = numbered(A)
        getattr(places, name)()
        self.__dict__ = renumbered(places, A.data).__dict__
    return method


def on_values(name: str) -> Any:
    return lambda self, *args: getattr(own(self), name)(plainly(self), *map(stripped, args))


for _format in FORMATS:
    setattr(Sparse, f"_{_format}_container",
            property(lambda self, name=f"_{_format}_container": beside(original(self, name))))  # type: ignore[misc]
for _name in ("tocsr", "tocsc", "tocoo", "todia", "tobsr", "transpose", "reshape", "__getitem__", "_getrow", "_getcol"):
    setattr(Sparse, _name, moving(_name))
for _name in ("sum_duplicates", "sort_indices"):
    setattr(Sparse, _name, rearranging(_name))
for _name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "nonzero", "count_nonzero"):
    setattr(Sparse, _name, on_values(_name))

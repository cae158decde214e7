"""Items of sparse matrices that are written one after the other: ``A[i, j] = x``, setdiag, and the lists of lil and dok."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as plain

from ..errors import AssignmentError, RuleError
from ..forms import holds_dual
from .entries import BASES, dual_or_array, entries, holding, own, seen, summed
from .matrices import Matrix, Sparse, is_ours, original, ours


def places(key: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Rows and columns that an index names, broadcast."""
    key = key if isinstance(key, tuple) else (key,)
    i, j = key if len(key) == 2 else (*key, slice(None))
    rows, cols = (np.atleast_1d(np.arange(n)[part]) for n, part in zip(shape, (i, j), strict=True))
    rows = rows[:, None] if any(isinstance(part, slice) for part in (i, j)) and rows.ndim == 1 else rows
    return tuple(np.broadcast_arrays(rows, cols))  # type: ignore[return-value]


def values_for(rows: Any, x: Any) -> Any:
    """What is written to each of the places, one after the other."""
    x = x.A if isinstance(x, Matrix) else seen(x).toarray() if plain.issparse(x) else dual_or_array(x)
    long = [n for n in x.shape if n != 1] == [n for n in rows.shape if n != 1]
    return np.ravel(x if long else np.broadcast_to(x, rows.shape))


def replaced(A: Any, rows: Any, cols: Any, x: Any) -> None:
    """The matrix itself with these entries in place of those that were there; of equal places the last one counts."""
    keys, last = np.unique((rows.astype(np.int64) * A.shape[1] + cols)[::-1], return_index=True)
    r, c, data = entries(A)
    (kept,) = np.nonzero(~np.isin(r.astype(np.int64) * A.shape[1] + c, keys))
    new = summed(np.concatenate([r[kept], keys // A.shape[1]]), np.concatenate([c[kept], keys % A.shape[1]]),
                 np.concatenate([data[kept], x[::-1][last]]), A.shape, A)
    A.__dict__ = new.asformat(A.format).__dict__


def setitem(self: Any, key: Any, x: Any) -> None:
    rows, cols = places(key, self.shape)
    replaced(self, np.ravel(rows), np.ravel(cols), values_for(rows, x))


def setdiag(self: Any, values: Any, k: int = 0) -> None:
    values = dual_or_array(values)
    n = min(self.shape[0] + min(k, 0), self.shape[1] - max(k, 0), *values.shape)
    places = np.arange(n)
    put = write if isinstance(self, Listed) else replaced
    put(self, places - min(k, 0), places + max(k, 0), np.broadcast_to(values, (n,)) if not values.ndim else values[:n])


def to(format: str) -> Any:
    def method(self: Any, copy: bool = False) -> Any:
        if not hasattr(self, "level"):
            return original(self, f"to{format}")(copy=copy)
        return getattr(self, f"_{format}_container")(self)
    return method


setitem.__name__ = "__setitem__"
for _method in (setitem, setdiag):
    setattr(Sparse, _method.__name__, ours(_method))
Sparse.tolil, Sparse.todok = to("lil"), to("dok")  # type: ignore[attr-defined]


OWN = frozenset(("shape", "ndim", "dtype", "format", "cells", "level", "value", "source", "tocsr", "copy", "setdiag",
                 "as_scipys"))
CHANGING = frozenset(("resize", "set_shape", "update", "setdefault", "pop", "popitem", "clear"))


class Listed(Sparse):
    """lil and dok: where a dual was written, the block that it came in and its place there."""

    def __init__(self: Any, arg1: Any, *args: Any, **options: Any) -> None:
        if not holds_dual(arg1):
            original(self, "__init__")(arg1, *args, **options)
            return
        A = self._csr_container(arg1, *args, **options)
        original(self, "__init__")(A.shape, dtype=A.dtype)
        rows, cols, data = entries(A)
        write(self, rows, cols, data)

    @property
    def level(self: Any) -> Any:
        return next(iter(self.__dict__.get("cells", {}).values()))[0].level if self.__dict__.get("cells") else _no_level()

    @property
    def value(self: Any) -> Any:
        return self.tocsr().value

    def tocsr(self: Any, copy: bool = False) -> Any:
        A = holding(own(self), self.__dict__).tocsr()
        if not hasattr(self, "level"):
            return seen(A)
        blocks: dict[int, Any] = {}
        starts: dict[int, int] = {}
        size = 0
        for block, _ in self.cells.values():
            if id(block) not in blocks:
                blocks[id(block)], starts[id(block)] = block, size
                size += len(block)
        at = np.array([starts[id(block)] + i for block, i in self.cells.values()])
        rows, cols = np.array(list(self.cells)).T
        replaced(new := seen(A), rows, cols, np.concatenate(list(blocks.values()))[at])
        return new

    def __getattribute__(self: Any, name: str) -> Any:
        """Where cells hide what is in the lists, all but a few things are asked of the compressed rows."""
        if name[:1] == "_" or name in OWN or not self.__dict__.get("cells"):
            return object.__getattribute__(self, name)
        rows = self.tocsr()
        if name in CHANGING or not hasattr(rows, name):
            raise RuleError(f"scipy.sparse: {name} of lists with dual entries has no derivative rule; use A.tocsr()")
        return getattr(rows, name)

    def copy(self: Any) -> Any:
        new = seen(holding(own(self), self.__dict__).copy())
        if self.__dict__.get("cells"):
            new.__dict__["cells"] = dict(self.cells)
        return new

    @ours
    def __setitem__(self: Any, key: Any, x: Any) -> None:
        rows, cols = places(key, self.shape)
        write(self, rows.flatten(), cols.flatten(), values_for(rows, x))

    def __getitem__(self: Any, key: Any) -> Any:
        found = seen(holding(own(self), self.__dict__)[key])
        if not hasattr(self, "level"):
            return found
        rows, cols = places(key, self.shape)
        here = enumerate(zip(rows.flat, cols.flat, strict=True))
        cells = [(n, self.cells[place]) for n, place in here if place in self.cells]
        if not plain.issparse(found):
            return cells[0][1][0][cells[0][1][1]] if cells else found
        if cells and found.ndim == 1:
            return self.tocsr()[key]
        if cells:
            at = np.array([n for n, _ in cells])
            write(found, at // found.shape[-1], at % found.shape[-1], np.stack([block[i] for _, (block, i) in cells]))
        return found


def _no_level() -> Any:
    raise AttributeError("level")


def write(A: Any, rows: Any, cols: Any, x: Any) -> None:
    """Values at these places: the duals to the cells, zeros in the lists that they hide."""
    if A.dtype.kind not in "fc":
        raise AssignmentError(f"scipy.sparse: a matrix of type {A.dtype} holds no derivative; make it with dtype=float")
    cells = A.__dict__.setdefault("cells", {})
    dual = hasattr(x, "level")
    holding(own(A), A.__dict__)[rows, cols] = np.zeros(len(rows)) if dual else x
    for i, place in enumerate(zip(rows.tolist(), cols.tolist(), strict=True)):
        if dual:
            cells[place] = (x, i)
        else:
            cells.pop(place, None)


BASES.update(dict.fromkeys((plain.lil_array, plain.lil_matrix, plain.dok_array, plain.dok_matrix), Listed))


def by_rows(name: str) -> Any:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        if not is_ours(self, *args, *options.values()):
            return original(self, name)(*args, **options)
        return getattr(self.tocsr(), name)(*args, **options)
    return method


for _name in ("__matmul__", "__rmatmul__", "__mul__", "__rmul__", "__truediv__", "__add__", "__radd__", "__sub__", "__rsub__",
              "__abs__", "__neg__", "__pow__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__iter__"):
    setattr(Listed, _name, by_rows(_name))
for _name in ("dot", "multiply", "transpose", "sum", "toarray", "tocsc", "tocoo"):  # where what they meet may be dual
    setattr(Listed, _name, by_rows(_name))


def refusing(name: str) -> Any:
    def method(self: Any, key: Any) -> Any:
        if self.__dict__.get("cells"):
            raise RuleError(f"scipy.sparse: {name} of lists with dual entries has no derivative rule; use A.tocsr()")
        return original(self, name)(key)
    return method


for _name in ("__contains__", "__delitem__"):  # of dok
    setattr(Listed, _name, refusing(_name))

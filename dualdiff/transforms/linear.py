"""linearize: the Jacobian as an operator, from one recorded run of f."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..reading import dtype_of
from ..rules.gather import as_array
from ..tangents.coefficients import finite
from ..tangents.csr import Structure
from ..tangents.leaf import identity_seeds
from ..tangents.level import Level, next_number
from ..tangents.moves import kept
from ..tangents.replay import Record, entries
from ..tangents.tangent import Tangent
from ..tangents.tape import TapeLeaf, pull
from .forward import number
from .inputs import Function, Inputs
from .results import callers_own, of_type, pairs_of
from .sweep import carefully, seed_tape, swept
from .trees import Rebuild, flatten, laid_out, spans


def linearize(f: Function, *primals: Any) -> JacobianOperator:
    """The Jacobian of f at the arguments, as an operator: f runs once, and no matrix is made until one is asked for.

    With n numbers among the arguments and m in the result, ``J.shape`` is (m, n) and ``J.value`` the result. ``J @ v``
    takes v as f takes its argument (for several, the tuple of them) and gives what f gives; or (n,) and gives (m,), or
    (n, k) for k directions at once and gives (m, k). ``J.T @ u`` and ``u @ J`` are the same the other way, so that
    ``J.T @ (J @ v)`` is a Gauss-Newton product. ``J.todense()``, ``J.tosparse()`` (extra ``sparse``) and
    ``J.diagonal()`` come from the record, without running f again; ``J.aslinearoperator()`` is for SciPy's Krylov
    solvers.

    A product costs about as much as f, for each direction. The record keeps ``J.nbytes`` bytes of arrays alive: for
    every indexing, product or sum in f a coefficient of the size of its operand at most, and the constant operand, a
    copy unless it is read-only; chains of elementwise operations leave one coefficient. For complex arguments f must be
    holomorphic. Raises ShapeError where v does not fit.

    >>> import numpy as np
    >>> J = linearize(lambda x: x[1:] * x[:-1], np.array([1.0, 2.0, 3.0]))
    >>> J.shape, J.value, J @ np.array([1.0, 0.0, 0.0]), J.T @ np.array([1.0, 1.0])
    ((2, 3), array([2., 6.]), array([2., 0.]), array([2., 4., 2.]))
    """
    inputs = Inputs(f, tuple(range(len(primals))), primals, {})
    inputs.single = len(primals) == 1  # then a direction is shaped like the one argument
    return recorded(inputs)


def recorded(inputs: Inputs) -> JacobianOperator:
    """One run of f, recorded."""
    roots: list[TapeLeaf] = []

    def read(out: Any, level: Level) -> tuple[Any, ...]:
        pairs, rebuild = pairs_of(out, level)
        for _, eps in pairs:
            eps.watch()
        return [kept(value) for value, _ in pairs], [eps for _, eps in pairs], rebuild, level

    values, tangents, rebuild, level = swept(inputs, seed_tape(inputs, roots), read, inputs.is_complex)
    return JacobianOperator(inputs, values, tangents, rebuild, roots, level)


BLOCK = 1 << 20  # numbers of the largest cotangent that are pulled at once


class Side:
    """The arrays on one side of the operator: their shapes and types, as one vector or as the user's tree."""

    __slots__ = ("dtype", "rebuild", "shapes", "size", "sizes", "what")

    def __init__(self, shapes: list[Any], dtypes: list[Any], rebuild: Rebuild, what: str) -> None:
        self.shapes, self.rebuild, self.what = shapes, rebuild, what
        self.sizes = [prod(shape) for shape in shapes]
        self.size = sum(self.sizes)
        self.dtype = np.result_type(*dtypes) if dtypes else np.dtype(float)

    def taken(self, v: Any) -> tuple[list[Any], str]:
        """One array per leaf with the k directions, if there are any, leading; and what form v had."""
        if isinstance(v, list | tuple | dict):
            parts, _ = flatten(v, self.what, self.rebuild(self.sizes))
            parts = [as_array(p) for p in parts]
            if [p.shape for p in parts] == self.shapes:
                return parts, "tree"
            v = np.asarray(v) if isinstance(v, list) and not any(hasattr(p, "shape") and p.shape for p in parts) else parts
        v = v if hasattr(v, "shape") or type(v) is list else np.asarray(v)
        shape = None if type(v) is list else v.shape
        if len(self.shapes) == 1 and shape == self.shapes[0]:
            return [v], "tree"
        if shape is None or shape[:1] != (self.size,) or len(shape) > 2:
            given = f"shapes {', '.join(str(p.shape) for p in v)}" if shape is None else f"shape {shape}"
            raise ShapeError(f"{self.what} has {given}; it must have {' and '.join(map(str, self.shapes))}, "
                             f"or ({self.size},), or ({self.size}, k) for k at once")
        pairs = [(v[start:stop], own) for (start, stop), own in zip(spans(self.sizes), self.shapes, strict=True)]
        if v.ndim == 1:
            return [part.reshape(own) for part, own in pairs], "vector"
        return [np.transpose(part).reshape((v.shape[1], *own)) for part, own in pairs], "matrix"

    def given(self, parts: list[Any], form: str, k: int) -> Any:
        """The arrays in the form that was asked for: a tree, one vector, or one matrix with the directions as columns."""
        if form == "tree":
            return self.rebuild(list(map(number, parts)))
        if form == "vector":
            return laid_out(parts, self.shapes, ())
        return np.transpose(laid_out(parts, self.shapes, (k,)))


class JacobianOperator:
    """The Jacobian of f at one point, as recorded by ``linearize``: see there."""

    __array_ufunc__ = None  # u @ J is ours, not a matrix product of objects
    ndim = 2

    def __init__(self, inputs: Inputs, values: list[Any], tangents: list[Tangent], rebuild: Rebuild,
                 roots: list[TapeLeaf], level: Level) -> None:
        self.value = rebuild(values)
        self._inputs = Side(inputs.shapes, inputs.dtypes, inputs.like_arguments, "the direction")
        self._results = Side([eps.shape for eps in tangents], [dtype_of(v) for v in values], rebuild, "the cotangent")
        self._tangents, self._roots, self._level = tangents, roots, level
        self.shape = self._results.size, self._inputs.size
        self.dtype = np.result_type(self._inputs.dtype, self._results.dtype)

    @cached_property
    def record(self) -> Record:
        """The tape in the order in which it was made; a pull alone does not need it."""
        return Record(self._tangents, self._roots)

    def __repr__(self) -> str:
        return f"<Jacobian of shape {self.shape}: {len(self.record.edges)} linear maps recorded, {self.nbytes} bytes>"

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that the record keeps alive, those of the caller among them that were operands."""
        return self.record.nbytes()

    @property
    def T(self) -> TransposedOperator:
        """The transpose, which shares the record."""
        return TransposedOperator(self)

    def __matmul__(self, v: Any) -> Any:
        return self._times(v)

    def _times(self, v: Any, flat: bool = False) -> Any:
        return product(v, self._inputs, self._results, self._push, flat)

    def __rmatmul__(self, u: Any) -> Any:
        several = not isinstance(u, list | tuple | dict) and np.ndim(u) == 2 and np.shape(u)[1:] == (self.shape[0],) \
            and [np.shape(u)] != self._results.shapes
        return np.transpose(self.T @ np.transpose(u)) if several else self.T @ u

    def _transposed_times(self, u: Any, flat: bool = False) -> Any:
        if self._inputs.dtype.kind == "c" or self._results.dtype.kind != "c":
            return product(u, self._results, self._inputs, self._pull, flat)

        def apply(parts: list[Any], lead: int) -> list[Any]:
            """Cotangents are paired by Re(u·v), so real arguments of a complex result need the pull of u and of iu."""
            turned = self._pull([1j * p for p in parts], lead)
            return [a - 1j * b for a, b in zip(self._pull(parts, lead), turned, strict=True)]
        return product(u, self._results, self._inputs, apply, flat)

    def _push(self, parts: list[Any], lead: int) -> list[Any]:
        results = carefully(self._level, lambda: self.record.push(parts, lead))
        return filled(results, self._results, parts, lead, self.dtype)

    def _pull(self, parts: list[Any], lead: int) -> list[Any]:
        def run() -> list[Any]:
            sums = pull([eps.terms for eps in self._tangents], parts, lead, self._roots)
            return sums if self._inputs.dtype.kind == "c" else [a if a is None else np.real(a) for a in sums]
        return filled(carefully(self._level, run), self._inputs, parts, lead, self.dtype)

    # ---- matrices
    def _replayed(self, read: Callable[[Tangent, int, int], Any]) -> list[Any]:
        """``read(tangent, size, start)`` of each result of a forward sweep over all n directions, from the record."""
        level = Level(next_number(), careful=self._level.careful, holomorphic=self._level.holomorphic)
        seeds = [Tangent({leaf: None}, leaf.shape) for leaf in identity_seeds(level, self._inputs.shapes)]

        def run() -> list[Any]:
            tangents = self.record.replay(seeds)
            return [read(t, stop - start, start) for t, (start, stop) in zip(tangents, spans(self._results.sizes), strict=True)]
        parts: list[Any] = carefully(level, run)
        return parts

    def rows(self) -> list[Any]:
        """The matrix by cotangents, as many at once as fit a block: the rows of each array of the result."""
        m, n = self.shape
        largest = max([n, *(prod(leaf.shape) for leaf, _, _ in self.record.steps)]) if m > 1 else n
        block = max(1, min(m, BLOCK // max(largest, 1)))
        parts = [np.zeros((0, n), self.dtype)] if not m else []
        for first in range(0, m, block):
            k = min(block, m - first)
            u = np.zeros((m, k), self._results.dtype)
            u[range(first, first + k), range(k)] = 1
            parts.append(np.transpose(self._transposed_times(u, True)))
        matrix = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return [matrix[start:stop] for start, stop in spans(self._results.sizes)]

    def through_bottleneck(self) -> Any:
        """The matrix as the product of those on both sides of the record's bottleneck; None where that is not finite, and where
        there is none, as in another branch of f than the one that was chosen for.
        """
        step, leaves = self.record.bottleneck()
        if not leaves:
            return None
        middle = Side([leaf.shape for leaf in leaves], [self.dtype], self._inputs.rebuild, "the middle")
        before, behind = copy(self), copy(self)
        before._results, before._tangents = middle, [Tangent({leaf: None}, leaf.shape) for leaf in leaves]
        behind._inputs, behind._roots = middle, leaves
        before.shape, behind.shape = (middle.size, self.shape[1]), (self.shape[0], middle.size)
        before.record, behind.record = Record(before._tangents, self._roots), self.record.behind(step, leaves)
        J = behind.todense() @ before.todense()
        return J if finite(J) else None

    def todense(self) -> Any:
        """The (m, n) matrix: by n directions through the record, by m cotangents, or both ways from a bottleneck, whichever
        works least.
        """
        n, dtype = self.shape[1], self.dtype
        from ..tangents.work import forward_work, mixed_work, reverse_work
        forward, reverse = forward_work(self.record), reverse_work(self.record)
        if mixed_work(self.record) < min(forward, reverse) and (J := self.through_bottleneck()) is not None:
            return J

        def read(t: Tangent, size: int, start: int) -> Any:
            rows = t.dense(trailing=True, dtype=dtype).reshape(size, n) if t.terms else np.zeros((size, n), dtype)
            return of_type(rows if dtype.kind == "c" else np.real(rows), dtype)
        blocks = self.rows() if reverse <= forward else self._replayed(read)
        return blocks[0] if len(blocks) == 1 else np.concatenate([*blocks, np.zeros((0, n), dtype)])

    toarray = todense

    def tosparse(self) -> Any:
        """The matrix as a canonical ``scipy.sparse.csr_array``, with the entries that the program's own steps connect."""
        from .sparse import filled as matrix_of
        from .sparse import refuse_duals, scipy_sparse
        sparse = scipy_sparse()

        def read(t: Tangent, size: int, start: int) -> Any:
            terms = list(t.terms.items())
            refuse_duals(terms)
            known = Structure(terms, t.shape, (0, self.shape[1]))
            return matrix_of(known, of_type(known.data(terms, t.shape, self.dtype), self.dtype))
        rows = self._replayed(read)
        none = sparse.csr_array((0, self.shape[1]), dtype=self.dtype)
        return rows[0] if len(rows) == 1 else sparse.vstack([*rows, none], format="csr")

    def diagonal(self) -> Any:
        """The diagonal, of min(m, n) entries, without the matrix."""
        def read(t: Tangent, size: int, start: int) -> Any:
            inside = np.arange(min(size, max(min(self.shape) - start, 0)))
            return entries(t, inside, start + inside, self.dtype)
        return of_type(np.concatenate([*self._replayed(read), np.zeros(0, self.dtype)]), self.dtype)

    def aslinearoperator(self) -> Any:
        """The operator as ``scipy.sparse.linalg.LinearOperator``, for gmres, lsmr, svds and their like."""
        from .sparse import scipy_sparse
        scipy_sparse()
        from scipy.sparse.linalg import LinearOperator

        def adjoint(u: Any) -> Any:
            return np.conj(self._transposed_times(np.conj(u), True))
        return LinearOperator(self.shape, dtype=self.dtype, matvec=lambda v: self._times(np.ravel(v), True),
                              rmatvec=lambda u: adjoint(np.ravel(u)), matmat=lambda V: self._times(V, True), rmatmat=adjoint)


class TransposedOperator:
    """The transpose of a recorded Jacobian (not conjugated): ``J.T @ u``, ``J.T.T``, ``J.T.todense()``."""

    __array_ufunc__ = None
    ndim = 2

    def __init__(self, operator: JacobianOperator) -> None:
        self.T = operator
        self.shape = operator.shape[::-1]
        self.dtype = operator.dtype

    def __matmul__(self, u: Any) -> Any:
        return self.T._transposed_times(u)

    def todense(self) -> Any:
        return self.T.todense().T

    def tosparse(self) -> Any:
        return self.T.tosparse().T.tocsr()

    def diagonal(self) -> Any:
        return self.T.diagonal()


def product(v: Any, domain: Side, range_: Side, apply: Callable[[list[Any], int], list[Any]],
            flat: bool = False) -> Any:
    """The operator on v; on real and imaginary parts by themselves where its domain is real and v is not.

    ``flat``: a vector for a vector, even where v has the shape of the argument.
    """
    parts, form = domain.taken(v)
    real = np.result_type(domain.dtype, range_.dtype).type(0).real.dtype  # sums of bool or int8 would not be those of numbers
    parts = [p if hasattr(p, "level") else p.astype(np.result_type(p.dtype, real), copy=False) for p in parts]
    if flat and form == "tree":
        form, parts = ("vector", parts) if v.ndim == 1 else ("matrix", [p.reshape(1, *p.shape) for p in parts])
    k = v.shape[1] if form == "matrix" else 1
    lead = int(form == "matrix")
    if domain.dtype.kind != "c" and any(dtype_of(p).kind == "c" for p in parts):
        real, imaginary = apply([np.real(p) for p in parts], lead), apply([np.imag(p) for p in parts], lead)
        return range_.given([a + 1j * b for a, b in zip(real, imaginary, strict=True)], form, k)
    return range_.given(apply(parts, lead), form, k)


def filled(arrays: list[Any], side: Side, parts: list[Any], lead: int, dtype: Any) -> list[Any]:
    """Arrays of the full shape and the caller's own; zeros where nothing arrived."""
    front = np.shape(parts[0])[:lead] if parts else ()
    kind = np.result_type(dtype, *map(dtype_of, parts))
    full: list[Any] = []
    for a, shape in zip(arrays, side.shapes, strict=True):
        a = np.zeros(front + shape, dtype) if a is None else a
        full.append(callers_own(of_type(a, kind), front + shape, [*parts, *full]))
    return full

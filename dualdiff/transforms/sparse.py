"""Sparse Jacobians: forward sweeps whose leaves say by themselves where the entries are.

The structure of the last call is remembered: the seeds, whose memos hold every slice and roll that was taken of them, and
for each result where its numbers go. A sweep over the same seeds meets the same leaves, so that a second call does no
integer work; where a leaf differs (another branch, another shape) the structure is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any

from ..dual_array import DualArray
from ..errors import StructureError, needed
from ..operands import constant
from ..tangents.csr import Structure
from ..tangents.leaf import Leaf, identity_seeds
from ..tangents.level import Level
from ..tangents.moves import Shape
from ..tangents.tangent import Tangent
from .inputs import Function, Inputs, frozen
from .results import of_type, pairs_of
from .sweep import swept
from .trees import spans

GROWTH = 64  # leaves that a call may add to the memory before it is dropped


def scipy_sparse() -> Any:
    return needed("scipy.sparse", "sparse=True")


def filled(structure: Any, data: Any) -> Any:
    """The matrix of a structure with these numbers, the caller's own. Copying a matrix without numbers costs a tenth of making
    one, for SciPy's checks are done.
    """
    if structure.matrix is None:
        matrix = scipy_sparse().csr_array((data, structure.indices, structure.indptr), shape=structure.shape)
        matrix.has_canonical_format = True
        matrix.data = None
        structure.matrix = matrix
    matrix = copy(structure.matrix)
    matrix.data, matrix.indices, matrix.indptr = data, structure.indices.copy(), structure.indptr.copy()
    return matrix


def with_constants(inputs: Inputs) -> Inputs:
    """The inputs, with arrays of a lifted program that took no dual as the plain arrays they are."""
    inputs.leaves = [frozen(constant(x)) if type(x) is DualArray else x for x in inputs.leaves]
    return inputs


def refuse_duals(terms: Iterable[tuple[Leaf, Any]]) -> None:
    if any(hasattr(a, "level") for leaf, coef in terms for a in leaf.numbers(coef)):
        raise StructureError("a sparse matrix of derivatives cannot be differentiated again: the numbers of scipy.sparse are "
                             "plain. Use sparse=False, or hessian(f, sparse=True) for the second derivatives")


class Memory:
    """What one call leaves to the next: seeds for arguments of these shapes, and the structure of each block."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        self.seeds: list[Leaf] = []
        self.geometry: dict[Any, Leaf] = {}
        self.structures: dict[Any, Any] = {}
        self.leaves: list[Leaf] = []
        self.first = 0  # how many leaves the first call left

    def seed(self, level: Level, shapes: list[Shape]) -> list[tuple[Any, Any]]:
        """The seeds at a new level. Their memos hold geometry only, so what was taken of them belongs to any sweep."""
        if self.shapes != shapes:
            self.__init__()  # type: ignore[misc]
            self.seeds, self.shapes = identity_seeds(level, shapes), shapes
            for leaf in self.seeds:
                leaf.kept = True
        level.k = self.seeds[0].k if self.seeds else 0
        level.geometry = self.geometry
        for leaf in self.leaves or self.kept():  # a careful sweep follows a quick one that was not settled
            leaf.level = level
        self.leaves = []
        return [(leaf, None) for leaf in self.seeds]

    def kept(self) -> list[Leaf]:
        leaves = [*self.seeds, *self.geometry.values()]
        for leaf in leaves:  # which grows by what was taken of each
            if leaf.memo:
                leaves += leaf.memo.values()
        return leaves

    def settle(self) -> None:
        """After a call: a program that takes other elements each time must not fill the memory."""
        self.leaves = self.kept()
        for leaf in self.seeds:
            leaf.level.geometry = None
        self.first = self.first or len(self.leaves)
        if len(self.leaves) > self.first + GROWTH:
            self.__init__()  # type: ignore[misc]


class Memories:
    """The memories of one transform: a call takes one and brings it back, so that calls in several threads, or one inside
    another, never share it.
    """

    def __init__(self) -> None:
        self.idle: list[Memory] = []

    def take(self) -> Memory:
        try:
            return self.idle.pop()
        except IndexError:
            return Memory()

    def bring_back(self, memory: Memory) -> None:
        memory.settle()
        self.idle.append(memory)


def value_and_sparse_jacobian(f: Function, argnums: int | Sequence[int] = 0, verify: bool = False) -> Callable[..., Any]:
    """``value_and_jacobian(f, argnums, sparse=True)``, which describes it."""
    scipy_sparse()  # a missing SciPy is noticed now, not in the first call
    memories = Memories()

    def both(*args: Any, **options: Any) -> Any:
        inputs = with_constants(Inputs(f, argnums, args, options))
        memory = memories.take()

        def block(place: int, span: tuple[int, int], eps: Tangent, dtype: Any) -> Any:
            terms = list(eps.terms.items())
            refuse_duals(terms)
            known = memory.structures.get((place, span))
            if known is None or not known.holds(terms, eps.shape, span):
                known = memory.structures[place, span] = Structure(terms, eps.shape, span)
            return filled(known, of_type(known.data(terms, eps.shape, dtype), dtype))

        def read(out: Any, level: Level) -> Any:
            pairs, rebuild = pairs_of(out, level)
            matrices = []
            for place, (value, eps) in enumerate(pairs):
                dtype = inputs.dtype_with(value)
                matrices.append(inputs.like_arguments([block(place, span, eps, dtype) for span in spans(inputs.sizes)]))
            return rebuild([value for value, _ in pairs]), rebuild(matrices)

        try:
            result = swept(inputs, lambda level: memory.seed(level, inputs.shapes), read, inputs.is_complex)
        finally:
            memories.bring_back(memory)
        if verify:
            from .sparsity import verify_jacobian
            verify_jacobian(inputs, result[1])
        return result

    return both

"""Rows applied to tangents, and the tangent as NumPy sees it while a formula is evaluated.

``Differential`` is what dA is inside ``lambda Y, A, dA: -(Y @ dA @ Y)``: a tangent that takes part in the linear
operations of NumPy, so that a formula written once serves sparse, dense and tape leaves and both directions.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..errors import HolomorphicError, RuleError
from ..policies import KINKS
from ..rules import row_of
from ..rules.bilinear import explicit_subscripts
from ..rules.composite import contraction
from ..rules.registry import Bilinear, Composite, Gather, Linear, name_of
from .coefficients import plain
from .level import HAND, Level
from .moves import Contraction, Map, Shape, as_key, move_of
from .tangent import Tangent
from .watch import spoiled

FEW = 16  # an entry of a moved leaf costs as much as so many of a linear map


# ---- rows on tangents
def gathered(row: Gather, t: Tangent, out_shape: Shape, args: tuple[Any, ...], options: dict[str, Any]) -> Tangent:
    return t.gather(move_of(row, t.shape, out_shape, args, options))


def mapped(row: Linear, t: Tangent, level: Level, out_shape: Shape, args: tuple[Any, ...],
           options: dict[str, Any]) -> Tangent:
    if row.subscripts is not None:
        if not args and options.get("axis") is None and not options.get("keepdims"):
            return t.total()
        return contracted(row.subscripts(t.shape, *args, **options), 0, t, None, level)
    if row.local:
        refuse_holomorphic(level, row.function)
    if row.sparsely is not None and is_sparse(t, level):
        sparse: Tangent = row.sparsely(Differential(t, level), *args, **options).tangent
        return sparse
    return t.linear(Map(row, t.shape, out_shape, args, options))


def is_sparse(t: Tangent, level: Level) -> bool:
    """Whether elements have so few directions that sums of moved ones are less than a linear map of an array of them all."""
    leaves = [] if t.on_tape else [leaf for leaf in t.terms if not leaf.is_dense]
    return bool(leaves) and (level.patterned or FEW * sum(leaf.breadth for leaf in leaves) <= leaves[0].k)


def refuse_holomorphic(level: Level, function: Any) -> None:
    """What is linear over the reals only has no place in a sweep for a complex derivative."""
    if level.holomorphic:
        raise HolomorphicError(f"{name_of(function)} is not holomorphic, so f has no complex derivative; "
                               "differentiate with respect to the real and imaginary parts, or use jvp")


def diagonal_of(a: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, a)


DIAGONAL = Gather(diagonal_of)


def contracted(subscripts: str, position: int, t: Tangent, other: Any, level: Level,
               borrowed: bool = True) -> Tangent:
    """Σ of the tangent (operand ``position``) times the constant ``other`` (None: a sum), in einsum's notation."""
    ndim = len(t.shape)
    left, named, repeats = parsed(subscripts, (ndim,) if other is None else (ndim, other.ndim) if position == 0 else
                                  (other.ndim, ndim))
    labels, constant_labels = left[position], "" if other is None else left[1 - position]
    if repeats and len(set(labels)) < len(labels):
        short = "".join(dict.fromkeys(labels))
        rule = f"{labels}->{short}"
        sizes = dict(zip(labels, t.shape, strict=True))
        t = gathered(DIAGONAL, t, tuple(sizes[c] for c in short), (rule,), {})
        labels = short
    if repeats and len(set(constant_labels)) < len(constant_labels):
        short = "".join(dict.fromkeys(constant_labels))
        other, constant_labels = np.einsum(f"{constant_labels}->{short}", other), short
    return t.contract(Contraction(labels, t.shape, named, other, constant_labels, level, borrowed))


@lru_cache(maxsize=1024)
def parsed(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], tuple[Any, ...], bool]:
    """The labels of each operand, and of the result, where each 1 is a new axis with a name of its own; whether an operand
    has one twice.
    """
    if "1" in subscripts:
        left, _, result = subscripts.partition("->")
        terms = tuple(left.split(","))
    else:
        terms, result = explicit_subscripts(subscripts, ndims)
    repeats = any(len(set(labels)) < len(labels) for labels in terms)
    return terms, tuple(("1", i) if c == "1" else c for i, c in enumerate(result)), repeats


# ---- the tangent inside a formula
def unmoved(x: Any) -> Any:
    """The value of an array that a lifted program made, where it took no dual; anything else as it is."""
    while hasattr(x, "eps") and x.level is HAND:
        if x.source is not None:
            x.refresh()
        if x.eps.terms:
            break
        x = x.value
    return x


class Differential(np.lib.mixins.NDArrayOperatorsMixin):
    """A tangent that takes part in NumPy's linear operations; made for one formula, thrown away after."""

    __slots__ = ("level", "tangent")

    def __init__(self, tangent: Tangent, level: Level) -> None:
        self.tangent, self.level = tangent, level

    @property
    def shape(self) -> Shape:
        return self.tangent.shape

    @property
    def ndim(self) -> int:
        return len(self.tangent.shape)

    @property
    def size(self) -> int:
        return prod(self.tangent.shape)

    @property
    def T(self) -> Any:
        return self.__array_function__(np.transpose, (), (self,), {})

    def _like(self, tangent: Tangent) -> Differential:
        return Differential(tangent, self.level)

    def at_kink(self, name: str, where: Any, x: Any) -> Differential | None:
        """NaN at these elements, of values x, where they are perturbed: at a kink of the function ``name``, if the policy in
        force says so; None where there is nothing to add. Raises where that is the policy.
        """
        if KINKS.get() == "least_norm":
            return None
        part = spoiled(name, "kink", where, plain(x), self.tangent, self.shape, np.asarray(plain(x)).dtype)
        return None if part is None else self._like(part)

    def __getitem__(self, index: Any) -> Any:
        return self.__array_function__(operator.getitem, (), (self, index), {})

    def element(self, index: int | tuple[int, ...]) -> Differential:
        return self._like(self.tangent.item(index, as_key(index), ()))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        inputs = tuple(map(unmoved, inputs))
        both = [isinstance(x, Differential) for x in inputs]
        if method != "__call__" or options:
            return NotImplemented
        if ufunc.signature or ufunc is np.conjugate:
            return self.__array_function__(ufunc, (), inputs, {})
        if ufunc is np.negative:
            return self._scaled(-1)
        if all(both) and ufunc in (np.add, np.subtract):
            shape = np.broadcast_shapes(inputs[0].shape, inputs[1].shape)
            other = inputs[1].tangent.scaled(None if ufunc is np.add else -1, shape)
            return self._like(inputs[0].tangent.scaled(None, shape).plus(other))
        if both == [True, False] and ufunc in (np.multiply, np.divide):
            return self._scaled(inputs[1] if ufunc is np.multiply else 1 / inputs[1])
        if both == [False, True] and ufunc is np.multiply:
            return self._scaled(inputs[0])
        raise RuleError(f"a differential cannot take part in {name_of(ufunc)}: formulas are linear in it")

    def _scaled(self, c: Any) -> Differential:
        shape, other = self.shape, getattr(c, "shape", ())
        shape = shape if other in (shape, ()) else np.broadcast_shapes(shape, other)
        return self._like(self.tangent.chained(c, shape, 0.0) if self.level.careful else self.tangent.scaled(c, shape))

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        row, args = row_of(function), tuple(map(unmoved, args))
        t, options = self.tangent, {name: x for name, x in options.items() if x is not None}
        if function in (np.ndim, np.shape, np.size):
            return getattr(self, function.__name__)
        if function is contraction:
            subscripts, *operands = args
            position = operands.index(self) if len(operands) == 1 else int(operands[1] is self)
            other = operands[1 - position] if len(operands) == 2 else None
            return self._like(contracted(subscripts, position, t, other, self.level))
        if isinstance(row, Gather) and not row.sequence:
            shape = row.function(np.broadcast_to(np.empty((), bool), t.shape), *args[1:], **options).shape
            return self._like(gathered(row, t, shape, args[1:], options))
        if isinstance(row, Linear):
            shape = t.shape if row.forward is None or row.local else \
                row.shape(t.shape, *args[1:], **options) if row.shape is not None else \
                np.shape(row.forward(np.zeros(t.shape), 0, *args[1:], **options))
            return self._like(mapped(row, t, self.level, shape, args[1:], options))
        if isinstance(row, Bilinear):
            position = int(args[1] is self)
            other = args[1 - position]
            subscripts = row.subscripts(args[0].ndim, args[1].ndim, *args[2:], **options)
            return self._like(contracted(subscripts, position, t, other, self.level))
        if isinstance(row, Composite):
            return row.definition(*args, **options)
        raise RuleError(f"a differential cannot take part in {name_of(function)}: it has no linear row")

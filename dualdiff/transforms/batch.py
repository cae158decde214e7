"""A batch of samples that f treats one by one: all of them share their directions, so that no zeros are carried along.

Sample i of the result depends on sample i of the arguments alone: the caller promises that. A seed's columns then do not
vary along the batch axis, and neither does what elementwise operations, items, joins and products make of them.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..errors import MismatchError, ShapeError
from ..forms import stripped
from ..rules.registry import ROWS
from ..tangents.leaf import Leaf
from ..tangents.moves import Move
from ..tangents.tangent import Tangent
from .inputs import Function, Inputs
from .reverse import gradient
from .sparsity import compared
from .trees import flatten

TRANSPOSE: Any = ROWS[np.transpose]


class Batch(Inputs):
    """The arguments of one call, of which the arrays differentiated hold one sample after another along ``axis``."""

    def __init__(self, f: Function, argnums: Any, args: tuple[Any, ...], options: dict[str, Any], axis: int) -> None:
        super().__init__(f, argnums, args, options)
        self.axis = axis
        counts = []
        for i, shape in enumerate(self.shapes):
            if not (isinstance(axis, int | np.integer) and -len(shape) <= axis < len(shape)):
                raise ShapeError(f"batch_axis={axis!r}, but an argument has shape {shape}, which has no such axis")
            place = axis % len(shape)
            counts.append(shape[place])
            self.shapes[i] = shape[:place] + shape[place + 1:]
        if len(set(counts)) != 1:
            raise ShapeError(f"the arguments hold different numbers of samples along batch_axis={axis}: {counts}")
        self.samples = counts[0]

    def seeds(self, leaves: list[Any]) -> list[Any]:
        """The seeds of one sample as those of all: along the axis their columns have length one."""
        return [None if leaf is None else self.repeated(leaf, x.shape) for leaf, x in zip(leaves, self.leaves, strict=True)]

    def repeated(self, leaf: Leaf, shape: tuple[int, ...]) -> Leaf:
        place = self.axis % len(shape)
        cols = leaf.cols.reshape((*shape[:place], 1, *shape[place + 1:]))
        return Leaf(leaf.level, leaf.k, shape, (), cols, (), leaf.affine)

    def tangent(self, eps: Tangent) -> Tangent:
        """The ε-part of one result with its samples leading."""
        shape = eps.shape
        if not -len(shape) <= self.axis < len(shape) or shape[self.axis] != self.samples:
            raise ShapeError(f"f returned shape {shape}; with batch_axis={self.axis} and {self.samples} samples, that axis of "
                             f"every result must have length {self.samples}")
        place = self.axis % len(shape)
        if place == 0:
            return eps
        order = (place, *range(place), *range(place + 1, len(shape)))
        return eps.gather(Move(TRANSPOSE, shape, tuple(shape[i] for i in order), (order,)))


class SampleGradients:
    """The gradient of each sample's number: that of their sum, because no sample depends on another."""

    __slots__ = ("argnums", "axis", "f")

    def __init__(self, f: Function, argnums: Any, axis: int) -> None:
        self.f, self.argnums, self.axis = f, argnums, axis

    def total(self, *args: Any, **options: Any) -> Any:
        y = self.f(*args, **options)
        samples = Batch(self.f, self.argnums, tuple(map(stripped, args)), {}, self.axis).samples
        if np.shape(y) != (samples,):
            raise ShapeError(f"hessian with batch_axis={self.axis} needs f to return one number for each of the {samples} "
                             f"samples, shape ({samples},); it returned shape {np.shape(y)}")
        return np.sum(y)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return gradient(self.total, self.argnums, "reverse")(*args, **options)


def confirm(inputs: Any, J: Any) -> None:
    """Raise MismatchError, naming a sample, where J · v is not the derivative of f along v, which is random in each sample."""
    def placed(a: Any) -> Any:
        return np.moveaxis(a, inputs.axis, 0)

    def times(blocks: list[Any], v: list[Any], shape: tuple[int, ...]) -> Any:
        return sum(in_each_sample(b, placed(w), shape) for b, w in zip(blocks, v, strict=True))

    # a sample that depends on others differs by a part of its derivative
    for found, dy, wrong in compared(inputs, flatten(stripped(J))[0], times, placed, batch_axis=inputs.axis):
        if wrong.any():
            place = tuple(int(n) for n in np.argwhere(wrong)[0])
            raise MismatchError(f"sample {place[0]}: the Jacobian gives {found[place]} along a random direction, f itself "
                                f"{dy[place]}. The samples are not independent of each other: leave batch_axis out")


def in_each_sample(block: Any, w: Any, shape: tuple[int, ...]) -> Any:
    """Σ over the axes of a sample's argument of (N, …, S) · (N, S)."""
    count, own = shape[0], prod(w.shape[1:])
    return np.einsum("nrs,ns->nr", block.reshape(count, prod(shape[1:]), own), w.reshape(count, own)).reshape(shape)

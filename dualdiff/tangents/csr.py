"""From coefficient × leaf to compressed sparse rows, in two halves: the structure, made of integers, and the numbers.

The columns of the leaves say which entries there are, before any number is known. ``Structure`` works out once where each
number goes; a later sweep whose leaves have the same columns only fills in. Rows are canonical: columns ascend, each occurs
once. An entry stands where a leaf says that an element may depend on a direction, and stays where its value is zero: the
pattern does not change from point to point.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .coefficients import finite
from .leaf import Leaf
from .level import CareNeeded, Level
from .moves import Shape
from .ragged import Ragged, places, starts_of
from .recipes import Strided, Taken, Terms, by_columns, taken_by_places, taken_by_rows

NARROW = 64  # columns of a table that are worth a loop in Python


class Structure:
    """The pattern of ∂(elements of shape S) / ∂(directions start … stop), and how the numbers get there."""

    __slots__ = ("indices", "indptr", "matrix", "recipe", "shape", "signature")

    def __init__(self, terms: Terms, shape: Shape, span: tuple[int, int]) -> None:
        self.matrix: Any = None  # SciPy's, without numbers, made when first asked for
        self.signature = [(shape, span), *(geometry(leaf) for leaf, _ in terms)]
        self.shape = prod(shape), span[1] - span[0]
        kind = np.int32 if max(self.shape) < 2**31 else np.int64
        self.recipe = recipe_for(terms, shape, span, kind)
        self.indices = self.recipe.indices
        if self.indices.size >= 2**31:
            kind = np.int64  # SciPy wants one type for both
            self.indices = self.indices.astype(kind)
        self.indptr = starts_of(self.recipe.counts, kind)

    def holds(self, terms: Terms, shape: Shape, span: tuple[int, int]) -> bool:
        """Whether the terms of another sweep have these columns. The arrays themselves, kept from sweep to sweep, are
        recognised at once; equal ones are compared.
        """
        known = self.signature
        return len(known) == len(terms) + 1 and known[0] == (shape, span) and all(
            alike(signature, leaf) for signature, (leaf, _) in zip(known[1:], terms, strict=True))

    def data(self, terms: Terms, shape: Shape, dtype: Any) -> Any:
        """The numbers of the terms, one for each entry; what one entry gets from several leaves is added up."""
        types = [a for leaf, coef in terms for a in leaf.numbers(coef)]
        data = self.recipe.data(terms, shape, np.result_type(dtype, *types))
        return checked(data, terms[0][0].level) if terms else data


def checked(data: Any, level: Level) -> Any:
    """Numbers made in a quick sweep, which multiplies without looking: here it looks, once for all."""
    if not level.careful and not finite(data):
        raise CareNeeded(level)
    return data


def geometry(leaf: Leaf) -> tuple[Any, Any]:
    return (leaf.starts, leaf.entry_cols) if type(leaf) is Ragged else (leaf.width, leaf.cols)


def alike(known: tuple[Any, Any], leaf: Leaf) -> bool:
    extent, cols = geometry(leaf)
    return (known[1] is cols or same(known[1], cols)) and (known[0] is extent or same(known[0], extent))


def same(a: Any, b: Any) -> bool:
    if not type(a) is type(b) is np.ndarray:  # a leaf of entries has arrays where another has a width, or no columns
        return a is b or (type(a) is type(b) is tuple and a == b)
    if a.shape != b.shape:
        return a is b
    return bool((a == b).all())


def recipe_for(terms: Terms, shape: Shape, span: tuple[int, int], kind: Any) -> Strided | Taken:
    if any(type(leaf) is Ragged for leaf, _ in terms):
        return taken_by_entries(terms, shape, span)
    columns = [column for leaf, _ in terms for column in columns_of(leaf, shape, span, kind)]
    if 0 < len(columns) <= NARROW and 0 not in shape:
        return by_columns(columns)
    return taken_by_rows(np.stack(columns, axis=1) if columns else np.empty((prod(shape), 0), kind))


def columns_of(leaf: Leaf, shape: Shape, span: tuple[int, int], kind: Any) -> list[Any]:
    """For each width the direction of every element, counted from the first of the span; -1 where it is outside."""
    start, stop = span
    cols = leaf.every_col.astype(kind, copy=False)
    if (start, stop) != (0, leaf.k):
        cols = np.where((cols < start) | (cols >= stop), -1, cols - kind(start))
    return list(leaf.spread(cols, shape))


def taken_by_entries(terms: Terms, shape: Shape, span: tuple[int, int]) -> Taken:
    m, (start, stop) = prod(shape), span
    parts = [places(leaf, shape, np.arange(m).reshape(shape)) for leaf, _ in terms]
    rows, cols = map(np.concatenate, zip(*parts, strict=True))
    return taken_by_places(rows, cols - start, (m, stop - start))[0]

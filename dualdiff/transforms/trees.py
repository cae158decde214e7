"""Arguments and results that are nested lists, tuples and dicts of arrays, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from itertools import accumulate, pairwise
from math import prod
from operator import itemgetter
from typing import Any

import numpy as np

from ..dual import Dual
from ..dual_array import DualArray, from_objects
from ..elementwise import LEVELED
from ..errors import StructureError
from ..forms import holds_dual

Rebuild = Callable[[list[Any]], Any]
ALONE = itemgetter(0)  # what puts one array in place


def flatten(tree: Any, what: str | None = "the result of f", like: Any = None) -> tuple[list[Any], Rebuild]:
    """The arrays of a tree from left to right (dicts in their own order), and the function that puts others in place.

    ``what`` the tree is, for errors; None: its leaves may be anything. ``like``: a tree of the same keys, in any order.
    """
    leaves: list[Any] = []
    skeleton = collect(tree if like is None else ordered(tree, like, what), leaves, what)
    if skeleton is next:
        return leaves, ALONE

    def rebuild(new: list[Any]) -> Any:
        return skeleton(iter(new))

    return leaves, rebuild


def spans(sizes: Iterable[int]) -> list[tuple[int, int]]:
    """Where each of some arrays begins and ends that are laid end to end."""
    return list(pairwise(accumulate(sizes, initial=0)))


def laid_out(arrays: list[Any], shapes: list[tuple[int, ...]], front: tuple[int, ...]) -> Any:
    """The arrays end to end behind the axes ``front``; zeros for None."""
    flat = [np.zeros((*front, prod(shape))) if a is None else np.reshape(a, (*front, prod(shape)))
            for a, shape in zip(arrays, shapes, strict=True)]
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=-1) if flat else np.zeros((*front, 0))


def ordered(tree: Any, like: Any, what: Any) -> Any:
    """The tree with its dicts in the order of another's."""
    if isinstance(like, dict) and isinstance(tree, dict):
        if tree.keys() != like.keys():
            raise StructureError(f"{what}: its keys are {list(tree)}; they must be {list(like)}")
        return [ordered(tree[name], part, what) for name, part in like.items()]
    if isinstance(like, list | tuple) and isinstance(tree, list | tuple):
        parts, others = parts_of(tree), parts_of(like)
        if len(parts) == len(others):
            return [ordered(*pair, what) for pair in zip(parts, others, strict=True)]
    return tree


def parts_of(tree: Any) -> list[Any]:
    """The parts of a list or tuple; of a result of SciPy's with those that it does not show as a tuple."""
    return [*tree, *(getattr(tree, name) for name in getattr(type(tree), "_extra_fields", ()))]


def collect(tree: Any, leaves: list[Any], what: str | None) -> Callable[[Any], Any]:
    kind = type(tree)
    if kind is np.ndarray or kind in LEVELED:  # asked first: isinstance would ask a dual for its shown class
        leaves.append(tree if what is None or kind in LEVELED or tree.dtype.kind in "fciub" else checked(tree, what))
        return next
    if kind is dict or isinstance(tree, dict):
        parts = {name: collect(part, leaves, what) for name, part in tree.items()}
        return lambda new: refilled(copy(tree), ((name, part(new)) for name, part in parts.items()))
    if isinstance(tree, list | tuple):
        items = [collect(part, leaves, what) for part in parts_of(tree)]
        if hasattr(kind, "_extra_fields"):
            state = {name: x for name, x in vars(tree).items() if not holds_dual(x)}
            return lambda new: result_of(kind, state, [item(new) for item in items])
        if hasattr(kind, "_fields"):
            return lambda new: kind(*(item(new) for item in items))
        return lambda new: kind(item(new) for item in items)
    leaves.append(tree if what is None else checked(tree, what))
    return next


def result_of(kind: Any, state: dict[str, Any], parts: list[Any]) -> Any:
    """A result of SciPy's of other parts."""
    n = len(kind._fields)
    new = tuple.__new__(kind, parts[:n])
    vars(new).update(state, **dict(zip(kind._extra_fields, parts[n:], strict=True)))
    return new


def refilled(tree: Any, parts: Any) -> Any:
    """The copy of a dict with other values."""
    tree.update(parts)
    return tree


def checked(leaf: Any, what: str) -> Any:
    """A number or an array of numbers; an object array of Duals becomes one dual array."""
    if isinstance(leaf, Dual | DualArray | int | float | complex | np.number | np.bool_):
        return leaf
    if isinstance(leaf, np.ndarray):
        if leaf.dtype == object:
            leaf = from_objects(leaf)
        if type(leaf) is DualArray or (leaf.dtype.kind in "fciub" and type(leaf) is np.ndarray):
            return leaf
        raise StructureError(f"{what} is a {type(leaf).__name__} of dtype {leaf.dtype}; plain numeric arrays are needed")
    raise StructureError(f"{what} holds {leaf!r} of type {type(leaf).__name__}; it must be a number, an array, "
                         "or a list, tuple or dict of them")

"""The parameters of a fit: a tree of arrays as the caller has it, one vector as the algorithms have it."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

from ..errors import ParameterError, ShapeError, StructureError
from ..transforms.trees import flatten
from .result import Array, joined, split, start

NUMBERS = frozenset({int, float})


class Parameters:
    """``flat`` is x0 as one vector; ``tree(x)`` puts a vector into the form of x0, ``names`` says what each entry is.

    A number, an array, or a plain list or tuple of numbers (which the function then gets as an array, as in SciPy), or any
    list, tuple or dict of them. ``spread`` makes the parameters separate numbers, as curve_fit calls its model.
    """

    def __init__(self, x0: Any, what: str = "x0", spread: list[str] | None = None) -> None:
        self.what, self.spread, self.labels = what, spread, spread
        if type(x0) in {list, tuple} and all(type(v) in NUMBERS or isinstance(v, np.number) for v in x0):
            x0 = np.array(x0, float)
        self.plain = type(x0) is np.ndarray and x0.ndim == 1 and x0.dtype.kind in "fiu"
        if self.plain:
            self.flat: Array = x0.astype(np.float64)
            self.shapes: list[tuple[int, ...]] = [x0.shape]
            self.rebuild: Callable[[list[Any]], Any] = itemgetter(0)
        else:
            leaves, self.rebuild = start(x0)
            self.shapes = [a.shape for a in leaves]
            self.flat = joined(leaves).astype(np.float64)
            self.form = x0
        if not self.flat.size:
            raise ShapeError(f"{what} is empty: there is nothing to fit")
        if not np.isfinite(self.flat).all():
            at = int(np.flatnonzero(~np.isfinite(self.flat))[0])
            raise ParameterError(f"{what} holds {self.flat[at]} at {self.names[at]}; give a finite start for every parameter")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "rebuild": None}  # a function of this process

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.rebuild = itemgetter(0) if self.plain else start(self.form)[1]

    @property
    def names(self) -> list[str]:
        if self.labels is None:
            self.labels = [f"x[{i}]" for i in range(self.flat.size)] if self.plain else named(self.form)
        return self.labels

    def split(self, x: Any) -> list[Any]:
        """The vector as one array per leaf."""
        return [x] if self.plain else split(x, self.shapes)

    def tree(self, x: Array) -> Any:
        return self.rebuild(self.split(x))

    def arguments(self, parts: list[Any]) -> tuple[Any, ...]:
        """What the function is called with first: one tree, or the numbers one by one."""
        return tuple(parts) if self.spread is not None else (self.rebuild(parts),)

    def vector(self, tree: Any, what: str) -> Array:
        """One value for every parameter, from a number for all or a tree of the form of x0 (a dict may name a few)."""
        return np.concatenate([np.broadcast_to(part, shape).ravel().astype(np.float64)
                               for part, shape in zip(self._like(tree, what), self.shapes, strict=True)])

    def _like(self, tree: Any, what: str) -> list[Any]:
        if isinstance(tree, int | float | np.number):
            return [float(tree)] * len(self.shapes)
        if self.plain:
            a = np.asarray(tree, float)
            if a.shape not in {(), self.flat.shape}:
                raise ShapeError(f"{what} has shape {a.shape}; {self.what} has {self.flat.size} parameters")
            return [a]
        leaves, _ = flatten(tree, what, self.form)
        if len(leaves) != len(self.shapes):
            raise StructureError(f"{what} holds {len(leaves)} arrays; {self.what} holds {len(self.shapes)}")
        for leaf, shape in zip(leaves, self.shapes, strict=True):
            if np.shape(leaf) not in {(), shape}:
                raise ShapeError(f"{what} holds an array of shape {np.shape(leaf)} where {self.what} has {shape}")
        return leaves

    def chosen(self, which: Any, what: str) -> Any:
        """A mask over the vector from names, indices, or a mask."""
        mask = np.zeros(self.flat.size, bool)
        items = list(which) if np.iterable(which) and not isinstance(which, str) else [which]
        if items and all(isinstance(v, bool | np.bool_) for v in items):
            if len(items) != mask.size:
                raise ShapeError(f"{what} is a mask of {len(items)}; {self.what} has {mask.size} parameters")
            mask[:] = items
            return mask
        for item in items:
            if isinstance(item, int | np.integer) and -mask.size <= item < mask.size:
                mask[item] = True
                continue
            hits = [i for i, name in enumerate(self.names) if name == item or name.startswith((f"{item}[", f"{item}."))]
            if not isinstance(item, str) or not hits:
                raise ParameterError(f"{what} names {item!r}, which is no parameter; they are {', '.join(self.names)}")
            mask[hits] = True
        return mask

    def bounds(self, bounds: Any) -> tuple[Array, Array] | None:
        """(lower, upper) as vectors; None where there are none. A dict gives (lower, upper) for some names only."""
        if bounds is None:
            return None
        low, high = np.full(self.flat.size, -np.inf), np.full(self.flat.size, np.inf)
        if isinstance(bounds, dict):
            for name, pair in bounds.items():
                at = self.chosen(name, "bounds")
                if not isinstance(pair, list | tuple) or len(pair) != 2:
                    raise StructureError(f"bounds[{name!r}] must be a pair (lower, upper); got {pair!r}")
                low[at], high[at] = (-np.inf if pair[0] is None else pair[0]), (np.inf if pair[1] is None else pair[1])
        else:
            if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
                bounds = tuple(a[0] if np.shape(a) == (1,) else a for a in (bounds.lb, bounds.ub))
            if not isinstance(bounds, list | tuple) or len(bounds) != 2:
                raise StructureError("bounds must be a pair (lower, upper), each a number or as many as the parameters; got "
                                     f"{bounds!r}")
            low, high = self.vector(bounds[0], "the lower bounds"), self.vector(bounds[1], "the upper bounds")
        if np.isneginf(low).all() and np.isposinf(high).all():
            return None
        for i in np.flatnonzero(~(low < high)):
            raise ParameterError(f"bounds of {self.names[i]} are crossed: lower {low[i]:g}, upper {high[i]:g}. To hold a "
                                 "parameter at a value, use fixed=")
        for i in np.flatnonzero((self.flat < low) | (self.flat > high)):
            raise ParameterError(f"{self.what} is infeasible: {self.names[i]} = {self.flat[i]:g} lies outside its bounds "
                                 f"[{low[i]:g}, {high[i]:g}]")
        return low, high


def named(tree: Any, prefix: str = "") -> list[str]:
    """A name for each entry: 'rate', 'w[0, 1]', 'layer.w[2]'."""
    if isinstance(tree, dict):
        return [name for key, part in tree.items() for name in named(part, f"{prefix}.{key}" if prefix else str(key))]
    if hasattr(tree, "_fields"):
        return [name for key in tree._fields for name in named(getattr(tree, key), f"{prefix}.{key}" if prefix else key)]
    if isinstance(tree, list | tuple):
        return [name for i, part in enumerate(tree) for name in named(part, f"{prefix or 'x'}[{i}]")]
    if not np.ndim(tree):
        return [prefix or "x"]
    return [f"{prefix or 'x'}[{', '.join(map(str, at))}]" for at in np.ndindex(np.shape(tree))]

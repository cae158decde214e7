"""Programs as graphs: each operation once, whatever asks for it, with the shapes of all results known.

A graph starts as what `notes.py` has noted; derivatives (`derive.py`) add to it. Partials are those of the rows: they are run
on symbols, which stand for the arrays that they will be taken at.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from ..rules.registry import ROWS, Elementwise
from .entries import (
    ARRAY,
    FOLD,
    INDEX,
    INPUT,
    ITEM,
    JOIN,
    MOVE,
    NUMBER,
    PRODUCT,
    ROW,
    RUNNING,
    SUM,
    TAKE,
    WHERE,
    index_of,
)
from .notes import Notes

Shape = tuple[int, ...]
ALONG = (SUM, FOLD, RUNNING)
SIGNED = (np.add, np.subtract, np.multiply, np.divide)
INSIDE = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power}


class UnplannedError(Exception):
    """A program, or its derivative, has an operation that plans do not know."""


class Graph:
    """``nodes[i]`` is (kind, numbers of the operands, what else belongs to it).

    Kinds: "value" (what the run noted, by its number), "number", "fixed" (an array that is always the same), "apply" (an
    elementwise function), "item", "put" (the sum of arrays put at indices into zeros: the transpose of item), "sum" (over the
    last axes that are named, divided by a number), "spread" (broadcast), "product" (of matrices), "swap" (the last two
    axes), "reshape", "behind" (the first axis comes last), "partial" (a row's function of result and operands), "take" (by an
    array of indices) and "scatter" (its transpose), behind so many axes of directions, "running" (sums along an axis), "fold"
    (a maximum, minimum or product) and "chosen" (1 where an extremum was taken from, else 0).
    """

    def __init__(self) -> None:
        self.nodes: list[tuple[str, tuple[int, ...], Any]] = []
        self.shapes: list[Shape] = []
        self.known: dict[Any, int] = {}
        self.noted: dict[int, int] = {}  # which noted value a node is
        self.fixed: list[Any] = []
        self.pythons: set[int] = set()  # numbers of Python's, whose overflow nobody is told of
        self.count = 0

    def node(self, kind: str, of: tuple[int, ...], more: Any, shape: Shape) -> int:
        key = kind, of, more, type(more)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = len(self.nodes)
            self.nodes.append((kind, of, more))
            self.shapes.append(shape)
        return found

    def value(self, i: int, shape: Shape) -> int:
        """What a plan is given as its i-th value."""
        new = self.node("value", (), i, shape)
        self.noted[new] = i
        return new

    def number(self, value: float) -> int:
        new = self.node("number", (), value, ())
        self.pythons.add(new)
        return new

    def constant(self, array: Any) -> int:
        """An array that is the same in every run."""
        self.fixed.append(array)
        return self.node("fixed", (), len(self.fixed) - 1, array.shape)

    def folded(self, key: Any, make: Any) -> int:
        """What an operation makes of an array that is always the same, made once."""
        if key not in self.known:
            self.known[key] = self.constant(make())
        return self.known[key]

    def value_of(self, i: int) -> Any:
        """The number or the fixed array that a node is; None for others."""
        kind, _, more = self.nodes[i]
        return more if kind == "number" else self.fixed[more] if kind == "fixed" else None

    def apply(self, function: Any, *of: int) -> int:
        """An elementwise function; products with 1 and sums with 0 are not made."""
        values = [self.value_of(i) for i in of]
        known = [value for value in values if value is not None]
        if known and function is np.multiply:
            for value, other in zip(values, reversed(of), strict=True):
                if type(value) in (int, float) and value == 1:
                    return other
                if type(value) in (int, float) and value == -1:
                    return self.apply(np.negative, other)
        if function is np.negative and (positive := self.negated(of[0])) is not None:
            return positive
        if function in SIGNED and (signed := self.signed(function, *of)) is not None:
            return signed
        if function is np.multiply:
            for i, other in zip(of, reversed(of), strict=True):
                if (below := self.reciprocal(i)) is not None:
                    return self.apply(np.divide, other, below)
        if len(known) == len(values):
            if not any(map(np.ndim, values)):
                return self.number(float(function(*values)))
            return self.folded(("apply", of, function), lambda: np.asarray(function(*values)))
        return self.node("apply", of, function, broadcast(*[self.shapes[i] for i in of]))

    def negated(self, i: int) -> int | None:
        """What the node is minus of, if it is that of something."""
        kind, of, function = self.nodes[i]
        return of[0] if kind == "apply" and function is np.negative else None

    def reciprocal(self, i: int) -> int | None:
        """What the node is one over of, if it is that, and has still to be computed."""
        kind, of, function = self.nodes[i]
        one = kind == "apply" and function is np.divide and self.value_of(of[0])
        return of[1] if type(one) in (int, float) and one == 1 and i not in self.noted else None

    def signed(self, function: Any, a: int, b: int) -> int | None:
        """The same with signs that have still to be computed outside of a product, and gone from a sum: exact."""
        p = self.negated(a) if a not in self.noted else None
        q = self.negated(b) if b not in self.noted else None
        if p is None and q is None:
            return None
        if function is np.multiply or function is np.divide:
            whole = self.apply(function, a if p is None else p, b if q is None else q)
            return whole if p is not None and q is not None else self.apply(np.negative, whole)
        if q is not None:
            return self.apply(np.add if function is np.subtract else np.subtract, a, q)
        return None if function is np.subtract else self.apply(np.subtract, b, p)  # type: ignore[arg-type]

    def multiplied(self, a: int, b: int) -> int:
        return self.apply(np.multiply, a, b)

    def added(self, a: int, b: int) -> int:
        return self.apply(np.add, a, b)

    def item(self, a: int, key: Any) -> int:
        value = self.value_of(a)
        if value is not None:
            return self.folded(("item", a, key), lambda: np.asarray(value[index_of(key)]))
        return self.node("item", (a,), key, item_shape(self.shapes[a], key))

    def put(self, shape: Shape, keys: tuple[Any, ...], of: tuple[int, ...]) -> int:
        return self.node("put", of, (shape, keys), shape)

    def sum(self, a: int, axes: tuple[int, ...], divisor: int = 1) -> int:
        """Over axes that are counted from the last."""
        shape = self.shapes[a]
        ndim = len(shape)
        return self.node("sum", (a,), (axes, divisor), tuple(s for i, s in enumerate(shape) if i - ndim not in axes))

    def along(self, what: str, a: int, axis: Any, function: Any, shape: Shape) -> int:
        """A sum, a fold or running sums along the axes that are named, which are counted from the last from here on."""
        old = self.shapes[a]
        axes = tuple(range(-len(old), 0)) if axis is None else \
            tuple(k if k < 0 else k - len(old) for k in (axis if type(axis) is tuple else (axis,)))
        if what is SUM:
            return self.sum(a, axes, 1 if function is np.sum else prod(old[k] for k in axes))
        return self.running(a, *axes) if what is RUNNING else self.node("fold", (a,), (function, axes), shape)

    def running(self, a: int, axis: int) -> int:
        return self.node("running", (a,), axis, self.shapes[a])

    def weights(self, i: int) -> int:
        """The partials of a fold in the elements of its array."""
        (a,), (function, axes) = self.nodes[i][1:]
        shape = self.shapes[a]
        f = self.reshape(i, tuple(1 if k - len(shape) in axes else s for k, s in enumerate(shape))) if self.shapes[i] else i
        return self.apply(np.divide, f, a) if function is np.prod else self.node("chosen", (a, f), None, shape)

    def spread(self, a: int, shape: Shape) -> int:
        return a if self.shapes[a] == shape else self.node("spread", (a,), shape, shape)

    def product(self, a: int, b: int) -> int:
        if self.is_identity(a):
            return b
        if self.is_identity(b):
            return a
        s, t = self.shapes[a], self.shapes[b]
        shape = s[:-1] if len(t) == 1 else broadcast(s[:-2], t[:-2]) + s[-2:-1] + t[-1:]
        return self.node("product", (a, b), None, shape)

    def is_identity(self, a: int) -> bool:
        value = self.value_of(a)
        return type(value) is np.ndarray and value.ndim == 2 and np.array_equal(value, np.eye(len(value)))

    def swap(self, a: int) -> int:
        kind, of, _ = self.nodes[a]
        if kind == "swap":
            return of[0]
        *front, m, n = self.shapes[a]
        return self.node("swap", (a,), None, (*front, n, m))

    def reshape(self, a: int, shape: Shape) -> int:
        if self.shapes[a] == shape:
            return a
        value = self.value_of(a)
        return self.node("reshape", (a,), shape, shape) if value is None else \
            self.folded(("reshape", a, shape), lambda: np.reshape(value, shape) + 0.0)

    def behind(self, a: int) -> int:
        """The first axis as the last."""
        k, *shape = self.shapes[a]
        return self.node("behind", (a,), None, (*shape, k)) if shape else a

    # ---- from what was noted, and from rows
    def read(self, notes: Notes) -> tuple[list[int], list[int]]:
        """The nodes of the inputs, and of each note."""
        inputs: list[int] = []
        made: list[int] = []
        self.count = len(notes.values)
        for i, entry in notes.entries.items():
            what, f = entry[0], notes.values[i]
            if what is INPUT or what is ARRAY or what is NUMBER or what is INDEX:
                new = self.value(i, entry[1] if len(entry) > 1 else ())
                inputs += [new] if what is INPUT else []
                self.pythons.update([new] if what is NUMBER else [])
            elif what is ITEM:
                new = self.item(made[entry[1]], entry[2])
            elif what is TAKE:
                new = self.node("take", (made[entry[1]], made[entry[2]]), (), f.shape)
            elif what is MOVE:
                new = made[entry[1]]
                new = self.reshape(new, f.shape) if entry[2] is not np.transpose else self.swap(new) if f.ndim == 2 else new
            elif what in ALONG:
                new = self.along(what, made[entry[1]], entry[-1], entry[2], f.shape)
            elif what is PRODUCT:
                new = self.product(made[entry[1]], made[entry[2]])
            elif what is ROW:
                new = self.put(f.shape, tuple(range(len(entry) - 1)), tuple(made[k] for k in entry[1:]))
            elif what is JOIN:
                parts = [made[k] for k in entry[1:]]
                ends = [*accumulate((self.shapes[a][0] for a in parts), initial=0)]
                new = self.put(f.shape, tuple(("slice", *ends[k:k + 2], None) for k in range(len(parts))), tuple(parts))
            elif what is WHERE:
                new = self.node("apply", tuple(made[k] for k in entry[1:]), np.where, f.shape)
            elif len(entry) == 4:
                new = self.apply(np.power, made[entry[1]], self.number(entry[3] if entry[2] is int else float(entry[3])))
            else:
                new = self.apply(what.row.function, *(made[j] for j in entry[1:]))
            made.append(new)
            self.noted.setdefault(new, i)
        return inputs, made

    def partial(self, i: int, place: int, moved: Any) -> int | None:
        """The partial of an elementwise node in one of its operands, of which these are moved; None for zero.

        One that looks at values to choose its form cannot be written as a graph: it is one node, without derivatives.
        """
        _, of, function = self.nodes[i]
        if function is np.where:
            return of[0] if place == 1 else self.apply(np.subtract, self.number(1), of[0])
        row: Any = ROWS[function]
        p = (row.joint or row.partials if all(j in moved for j in of) else row.partials)[place]
        if p is None:
            raise UnplannedError(function)
        if callable(p):
            operands = [self.nodes[j][2] if self.nodes[j][0] == "number" else Symbol(self, j) for j in of]
            try:
                p = p(Symbol(self, i), *operands)
            except Exception:
                return self.node("partial", (i, *of), p, self.shapes[i])
        if type(p) is Symbol:
            return p.number
        if not isinstance(p, int | float):
            raise UnplannedError(function)
        return self.number(p) if p != 0 else None


class Symbol:
    """Stands for an array while a row's partial is written into a graph."""

    level = None  # by which functions with partials of their own know it
    dtype = np.dtype(float)

    def __init__(self, graph: Graph, number: int) -> None:
        self.graph, self.number = graph, number

    @property
    def shape(self) -> Shape:
        return self.graph.shapes[self.number]

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        row = ROWS.get(function)
        if method != "__call__" or options or type(row) is not Elementwise or row.kinks is not None:
            raise UnplannedError(function)
        return Symbol(self.graph, self.graph.apply(function, *map(self.numbered, inputs)))

    def numbered(self, x: Any) -> int:
        if type(x) is Symbol:
            return x.number
        if isinstance(x, int | float) and not isinstance(x, bool):
            return self.graph.number(x)
        if type(x) is np.ndarray and not x.shape:
            return self.graph.number(float(x))
        raise UnplannedError(x)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        raise UnplannedError(function)

    def __neg__(self) -> Any:
        return np.negative(self)

    def looked_at(self, *_: Any) -> Any:
        """What would ask for its values."""
        raise UnplannedError

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __float__ = __array__ = __iter__ = looked_at
    __hash__ = None  # type: ignore[assignment]


def operator_of(function: Any, reflected: bool) -> Any:
    def operate(self: Symbol, other: Any) -> Any:
        a, b = (other, self) if reflected else (self, other)
        return self.__array_ufunc__(function, "__call__", a, b)
    return operate


for _name, _function in INSIDE.items():
    setattr(Symbol, f"__{_name}__", operator_of(_function, False))
    setattr(Symbol, f"__r{_name}__", operator_of(_function, True))


@lru_cache(maxsize=4096)
def item_shape(shape: Shape, key: Any) -> Shape:
    found: Shape = np.broadcast_to(0, shape)[index_of(key)].shape
    return found


def broadcast(*shapes: Shape) -> Shape:
    first = shapes[0]
    return first if shapes.count(first) == len(shapes) else np.broadcast_shapes(*shapes)

"""A graph as a function of Python: one statement for each operation that the results need."""

from __future__ import annotations

from _thread import _local
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .entries import index_of
from .graph import Graph, Shape

Compiled = Callable[[dict[int, Any]], list[Any]]
SYMBOLS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
VIEWS = ("value", "fixed", "item", "swap", "reshape", "partial")  # kinds whose arrays may be somebody else's
EITHER = (np.add, np.multiply)


def spread(a: Any, shape: Shape) -> Any:
    """The array, repeated, as a new one: NumPy's own view takes ten times as long to make."""
    new = np.empty(shape)
    new[...] = a
    return new


def scattered(a: Any, index: Any, shape: Shape) -> Any:
    """Zeros, to which the array is added at the indices."""
    new = np.zeros(shape)
    np.add.at(new, index, a)
    return new


class Events(_local):
    """Whether this thread's plan met a floating-point event, or a tie: then the ordinary rules have the answer."""

    met = False


EVENTS = Events()


def chosen(a: Any, f: Any) -> Any:
    """1 where an extremum was taken from; a tie is told."""
    found = a == f
    if np.count_nonzero(found) != np.size(f):
        EVENTS.met = True
    return found.astype(np.float64)


class Writer:
    """The statements, and what their names mean."""

    def __init__(self, graph: Graph, free: dict[int, int]) -> None:
        self.graph = graph
        self.free = free  # of each array that nobody else has, the node that is the last to need it
        self.places: dict[int, str] = {}  # of what is written over another node
        self.lines: list[str] = []
        self.meant: dict[str, Any] = {
            "reduce": np.add.reduce, "zeros": np.zeros, "empty": np.empty, "spread": spread, "scattered": scattered,
            "every": slice(None), "swapaxes": np.swapaxes, "matmul": np.matmul, "cumsum": np.cumsum, "chosen": chosen}
        self.names: dict[Any, str] = {}

    def name(self, stem: str, key: Any, meant: Any) -> str:
        if (stem, key) not in self.names:
            self.names[stem, key] = name = f"{stem}{len(self.names)}"
            self.meant[name] = meant
        return self.names[stem, key]

    def called(self, i: int) -> str:
        """What stands for a node in an expression."""
        kind, _, more = self.graph.nodes[i]
        return self.places.get(i) or (f"t{i}" if kind != "number" else repr(more))

    def write(self, i: int) -> None:
        graph = self.graph
        kind, of, more = graph.nodes[i]
        if kind == "number":
            return
        if i in graph.noted:
            self.lines.append(f"t{i} = v[{graph.noted[i]}]")
        elif kind == "put":
            shape, keys = more
            self.put(i, shape, keys, [self.called(j) for j in of])
        elif kind == "apply" and more in SYMBOLS and (place := self.overwritten(i, of, more)) is not None:
            self.places[i] = self.called(of[place])
            self.lines.append(f"{self.places[i]} {SYMBOLS[more]}= {self.called(of[1 - place])}")
        else:
            self.lines.append(f"t{i} = {getattr(self, kind)(i, of, more, *map(self.called, of))}")

    def overwritten(self, i: int, of: tuple[int, ...], function: Any) -> int | None:
        """Which operand's array may hold the result: none is made then, which is what most of a long array's time goes to."""
        for place in (0, 1) if function in EITHER else (0,):
            if self.free.get(of[place]) == i and self.graph.shapes[of[place]] == self.graph.shapes[i]:
                return place
        return None

    def put(self, i: int, shape: Shape, keys: tuple[Any, ...], parts: list[str]) -> None:
        """Indices of one place each, of the first axis or of the last, do not overlap."""
        apart = are_places(keys)
        filled = keys[0] is Ellipsis or (apart and len(keys) == shape[-1 if type(keys[0]) is tuple else 0])
        self.lines.append(f"t{i} = {'empty' if filled else 'zeros'}({shape})")
        for j, (key, part) in enumerate(zip(keys, parts, strict=True)):
            self.lines.append(f"t{i}[{self.name('i', key, index_of(key))}] {'+=' if j and not apart else '='} {part}")

    # ---- the expression of a node, by its kind
    def fixed(self, i: int, of: Any, more: Any) -> str:
        return self.name("array", more, self.graph.fixed[more])

    def apply(self, i: int, of: Any, function: Any, *a: str) -> str:
        if function in SYMBOLS and not self.graph.pythons.issuperset(of):
            return f"{a[0]} {SYMBOLS[function]} {a[1]}"
        return f"-{a[0]}" if function is np.negative else f"{self.name('f', function, function)}({', '.join(a)})"

    partial = apply

    def item(self, i: int, of: Any, key: Any, a: str) -> str:
        return f"{a}[{self.name('i', key, index_of(key))}]"

    def take(self, i: int, of: Any, front: Any, a: str, index: str) -> str:
        return f"{a}[every, {index}]" if front else f"{a}[{index}]"

    def scatter(self, i: int, of: Any, front: Any, a: str, index: str) -> str:
        return f"scattered({a}, {f'(every, {index})' if front else index}, {self.graph.shapes[i]})"

    def sum(self, i: int, of: Any, more: Any, a: str) -> str:
        axes, divisor = more
        axis = None if len(axes) == len(self.graph.shapes[of[0]]) else axes[0] if len(axes) == 1 else axes
        return f"reduce({a}, {axis})" + (f" / {divisor}" if divisor != 1 else "")

    def running(self, i: int, of: Any, axis: Any, a: str) -> str:
        return f"cumsum({a}, {axis})"

    def chosen(self, i: int, of: Any, more: Any, a: str, f: str) -> str:
        return f"chosen({a}, {f})"

    def product(self, i: int, of: Any, more: Any, a: str, b: str) -> str:
        flat = max(len(self.graph.shapes[j]) for j in of) < 3  # there dot is the same, and sooner called
        return f"{a}.dot({b})" if flat else f"matmul({a}, {b})"

    def swap(self, i: int, of: Any, more: Any, a: str) -> str:
        return f"swapaxes({a}, -1, -2)"

    def reshape(self, i: int, of: Any, shape: Shape, a: str) -> str:
        return f"{a}.reshape({shape})"

    def spread(self, i: int, of: Any, shape: Shape, a: str) -> str:
        return f"spread({a}, {shape})"

    def behind(self, i: int, of: Any, more: Any, a: str) -> str:
        return f"{a}.transpose({(*range(1, len(self.graph.shapes[i])), 0)}).copy()"


def compiled(graph: Graph, results: list[int | None], shapes: list[Any]) -> Compiled:
    """The function of the noted values that gives the results, each an array of its own in the shape asked for."""
    asked = [r for r in results if r is not None]
    order, final = needed(graph, asked), []
    writer = Writer(graph, last_uses(graph, order, asked))
    for i in order:
        writer.write(i)
    for result, shape in zip(results, shapes, strict=True):
        if result is None:
            final.append(f"zeros({shape})")
            continue
        at = writer.called(result)
        own = shape and graph.shapes[result] == shape and is_new(graph, result)
        final.append(at if own and at not in final else f"spread({at}, {shape})")
    body = "".join(f"    {line}\n" for line in writer.lines)
    exec(compile(f"def plan(v):\n{body}    return [{', '.join(final)}]\n", "<plan>", "exec"), writer.meant)
    plan: Compiled = writer.meant["plan"]
    return plan


def are_places(keys: tuple[Any, ...]) -> bool:
    """Whether the indices are of one place each, another for each, all of the first axis or all of the last."""
    last = [key[2] for key in keys if type(key) is tuple and key[:2] == (tuple, Ellipsis) and len(key) == 3]
    places = last if len(last) == len(keys) else keys
    return len(set(places)) == len(keys) and all(type(place) is int and place >= 0 for place in places)


def needed(graph: Graph, results: list[int]) -> list[int]:
    """The nodes that the results are computed from, operands first; what was noted is known."""
    found, stack = set(), list(results)
    while stack:
        i = stack.pop()
        if i not in found:
            found.add(i)
            stack += graph.nodes[i][1] if i not in graph.noted else ()
    return sorted(found)


def is_new(graph: Graph, i: int) -> bool:
    """Whether a node's array is its own, and no view of another."""
    kind, _, function = graph.nodes[i]
    makes = kind != "apply" or function is np.where or type(function) is np.ufunc
    return kind not in VIEWS and i not in graph.noted and makes


def last_uses(graph: Graph, order: list[int], asked: list[int]) -> dict[int, int]:
    """Of each array of several numbers that is new, no result, and has no view, the node that is the last to need it."""
    last: dict[int, int] = {}
    kept = set(asked)
    for i in order:
        for a in graph.nodes[i][1] if i not in graph.noted else ():
            last[a] = i
            if not is_new(graph, i):
                kept.add(a)
    return {a: i for a, i in last.items() if a not in kept and is_new(graph, a) and prod(graph.shapes[a]) > 1}

"""Derivatives of a graph, as more of the graph: backward from a result, and forward along directions.

Both are those of the rest of the house: cotangents go through the transposed operations in reverse order; a tangent is a sum of
coefficient × leaf, whose coefficients take all partials while the leaf, which has the directions, stays as it is.
A cotangent, a coefficient or a leaf may have a shape that only broadcasts to that of its node.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import Any

import numpy as np

from .entries import index_of
from .graph import Graph, Shape, UnplannedError, item_shape

Terms = dict[int | None, int | None]  # leaf: coefficient; None as a leaf: one direction, as a coefficient: 1


def active(graph: Graph, roots: Any, targets: list[int]) -> list[int]:
    """The nodes that depend on the roots and that the targets depend on, operands first."""
    needed, stack = set(), list(targets)
    while stack:
        i = stack.pop()
        if i not in needed:
            needed.add(i)
            stack += graph.nodes[i][1]
    moved = set(roots)
    for i in sorted(needed):
        if any(j in moved for j in graph.nodes[i][1]):
            moved.add(i)
    return sorted(needed & moved)


# ---- backward
def cotangents(graph: Graph, result: int, inputs: list[int]) -> list[int | None]:
    """Of each input, where that of the result, a number, is 1; None where the result does not depend on it."""
    found: dict[int, list[tuple[Any, int]]] = {result: [(None, graph.number(1))]}
    order = active(graph, inputs, [result])
    moved = set(order)
    for i in reversed(order):
        if i not in found or i in inputs:
            continue
        g = gathered(graph, i, found.pop(i))
        kind, of, more = graph.nodes[i]
        for place, a in enumerate(of):
            if a in moved:
                found.setdefault(a, []).extend(pulled(graph, i, kind, of, more, place, g, moved))
    return [gathered(graph, i, found[i]) if i in found else None for i in inputs]


def gathered(graph: Graph, i: int, parts: list[tuple[Any, int]]) -> int:
    """The sum of what came back to a node: arrays, and arrays that belong at an index."""
    whole = [a for key, a in parts if key is None]
    put = [(key, a) for key, a in parts if key is not None]
    if whole:
        total = reduce(graph.added, whole)
        if not put:
            return total
        put.insert(0, (Ellipsis, total))
    return graph.put(graph.shapes[i], tuple(key for key, _ in put), tuple(a for _, a in put))


def pulled(graph: Graph, i: int, kind: str, of: tuple[int, ...], more: Any, place: int, g: int,
           moved: set[int]) -> list[tuple[Any, int]]:
    """What one operand of a node gets of the node's cotangent."""
    a = of[place]
    shape, full = graph.shapes[a], graph.shapes[i]
    if kind == "apply":
        p = graph.partial(i, place, moved)
        return [] if p is None else [(None, reduced(graph, graph.multiplied(g, p), shape, full))]
    if kind == "item":
        return [(more, g)]
    if kind == "take":
        return [(None, graph.node("scatter", (graph.spread(g, full), of[1]), (), shape))]
    if kind in ("sum", "fold"):
        axes = more[0] if kind == "sum" else more[1]
        if graph.shapes[g] and len(axes) < len(shape):
            g = graph.reshape(graph.spread(g, full), tuple(1 if k - len(shape) in axes else s for k, s in enumerate(shape)))
        if kind == "fold":
            return [(None, graph.multiplied(g, graph.weights(i)))]
        return [(None, g if more[1] == 1 else graph.apply(np.divide, g, graph.number(more[1])))]
    if kind == "chosen":
        return []
    if kind == "running":
        back = reversed_along(more)
        return [(None, graph.item(graph.running(graph.item(graph.spread(g, full), back), more), back))]
    if kind == "product":
        return [(None, factor(graph, of, place, graph.spread(g, full)))]
    if kind == "reshape":
        return [(None, graph.reshape(graph.spread(g, full), shape))]
    if kind == "swap":
        return [(None, graph.swap(graph.spread(g, full)))]
    key = more[1][place]  # of a put
    g = g if not graph.shapes[g] else graph.item(graph.spread(g, full), key)
    return [(None, reduced(graph, g, shape, item_shape(full, key)))]


def reversed_along(axis: int) -> Any:
    """The index that turns an axis, counted from the last, round."""
    every = ("slice", None, None, None)
    return (tuple, Ellipsis, ("slice", None, None, -1), *(every,) * (-1 - axis))


def factor(graph: Graph, of: tuple[int, ...], place: int, g: int) -> int:
    """The cotangent of one factor of a product of vectors and matrices."""
    a, b = of
    m, n = len(graph.shapes[a]), len(graph.shapes[b])
    if m == n == 1:
        return graph.multiplied(g, b if place == 0 else a)
    if place == 0:
        if n == 1:
            return graph.multiplied(column(graph, g), b)
        return graph.product(b, g) if m == 1 else graph.product(g, graph.swap(b))
    if m == 1:
        return graph.multiplied(column(graph, a), g)
    return graph.product(graph.swap(a), g) if n > 1 else graph.product(g, a)


def column(graph: Graph, a: int) -> int:
    return graph.reshape(a, (*graph.shapes[a], 1))


def reduced(graph: Graph, c: int, shape: Shape, full: Shape) -> int:
    """A cotangent of a broadcast array as that of the array itself: summed where it was repeated."""
    if shape == full:
        return c
    if not graph.shapes[c] and not shape:
        return graph.multiplied(c, graph.number(prod(full)))
    c = graph.spread(c, full)
    extra = len(full) - len(shape)
    axes = tuple(k - len(full) for k, s in enumerate(full) if k < extra or (shape[k - extra] == 1 and s != 1))
    return graph.reshape(graph.sum(c, axes), shape)


# ---- forward
WIDEST = 1 << 16  # numbers of the largest tangent that is carried along as an array


def size_of(graph: Graph, nodes: list[int]) -> int:
    return sum(prod(graph.shapes[i]) for i in nodes)


def jacobians(graph: Graph, targets: list[int | None], inputs: list[int], last: bool = True) -> list[int | None]:
    """The derivatives of targets in all numbers of the inputs, which are the last or the first axis of the results.

    Where the program takes the inputs apart into numbers each of them has a sweep of its own, and what does not depend on
    it costs nothing; else the directions go together.
    """
    n, known = size_of(graph, inputs), [i for i in targets if i is not None]
    numbers = taken_apart(graph, inputs, known)
    found: list[int | None]
    if numbers is not None:
        moved = {*inputs, *active(graph, inputs, known)}
        sweeps = [tangents(graph, {i: {None: None} for i in own}, known, None, moved) if own else [None] * len(known)
                  for own in numbers]
        found = [placed(graph, graph.shapes[i], [sweep[at] for sweep in sweeps], last) for at, i in enumerate(known)]
    else:
        if n * max(prod(graph.shapes[i]) for i in active(graph, inputs, known)) > WIDEST:
            raise UnplannedError(n)
        seeds: dict[int, Terms] = {}
        start = 0
        for i in inputs:
            size = prod(graph.shapes[i])
            seeds[i] = {graph.constant(np.eye(n)[:, start:start + size].reshape((n, *graph.shapes[i]))): None}
            start += size
        found = [a if a is None or not last else graph.behind(a) for a in tangents(graph, seeds, known, n)]
    each = iter(found)
    return [None if i is None else next(each) for i in targets]


def placed(graph: Graph, shape: Shape, columns: list[int | None], last: bool) -> int | None:
    """The columns, or rows, as one array."""
    have = [(j, a) for j, a in enumerate(columns) if a is not None]
    if not have:
        return None
    keys = tuple((tuple, Ellipsis, j) if last else j for j, _ in have)
    return graph.put((*shape, len(columns)) if last else (len(columns), *shape), keys, tuple(a for _, a in have))


def taken_apart(graph: Graph, inputs: list[int], targets: list[int]) -> list[list[int]] | None:
    """For each number of the inputs the nodes that are it; None where arrays of them are used as a whole."""
    numbers: list[list[int]] = []
    place: dict[int, int] = {}
    for i in inputs:
        place[i] = len(numbers)
        numbers += [[i]] if not graph.shapes[i] else [[] for _ in range(prod(graph.shapes[i]))]
    if any(graph.shapes[i] for i in inputs if i in targets):
        return None
    for i in active(graph, inputs, targets):
        kind, of, key = graph.nodes[i]
        for a in of:
            if a in place and graph.shapes[a]:
                if kind != "item" or graph.shapes[i]:
                    return None
                numbers[place[a] + int(np.arange(prod(graph.shapes[a])).reshape(graph.shapes[a])[index_of(key)])].append(i)
    return numbers


def tangents(graph: Graph, seeds: dict[int, Terms], targets: list[int], k: int | None,
             moved: set[int] | None = None) -> list[int | None]:
    """Of each target along the directions of the seeds: shape (k, *S), or S for one; None where nothing depends on them.

    ``moved``: the nodes that are perturbed, where other directions have other seeds.
    """
    found = dict(seeds)
    order = active(graph, seeds, targets)
    moved = set(order) if moved is None else moved
    for i in order:
        if i not in seeds:
            found[i] = pushed(graph, i, found, k, moved)
    return [whole(graph, found[i], i, k) if found.get(i) else None for i in targets]


def pushed(graph: Graph, i: int, found: dict[int, Terms], k: int | None, moved: set[int]) -> Terms:
    """The tangent of a node from those of its operands."""
    kind, of, more = graph.nodes[i]
    if not any(found.get(a) for a in of):
        return {}
    if kind == "apply":
        return applied(graph, i, of, found, moved)
    if kind == "item":
        return {leaf if leaf is None else part(graph, leaf, of[0], more, k):
                c if c is None or not graph.shapes[c] else graph.item(graph.spread(c, graph.shapes[of[0]]), more)
                for leaf, c in found[of[0]].items()}
    if kind == "put":
        shape, keys = more
        pairs = [(key, made(graph, found[a], k)) for key, a in zip(keys, of, strict=True) if found.get(a)]
        if k is not None:  # what is put at an index may only broadcast to what is there
            pairs = [(behind(key), ranked(graph, a, len(item_shape(shape, key)))) for key, a in pairs]
        new = graph.put(shape if k is None else (k, *shape), tuple(key for key, _ in pairs), tuple(a for _, a in pairs))
    elif kind in ("sum", "fold", "running"):
        new = along(graph, i, kind, of[0], more, found[of[0]], k)
    elif kind == "chosen":
        return {}
    elif kind == "product":
        new = multiplied(graph, of, found, k)
    elif kind == "partial":
        raise UnplannedError(more)
    elif kind in ("take", "scatter"):
        front = () if k is None else (k,)
        new = graph.node(kind, (whole(graph, found[of[0]], of[0], k), of[1]), front, front + graph.shapes[i])
    else:
        a = whole(graph, found[of[0]], of[0], k)
        front = () if k is None else (k,)
        if kind == "spread" and front:
            a = ranked(graph, a, len(more))
        new = graph.swap(a) if kind == "swap" else graph.reshape(a, front + more) if kind == "reshape" else \
            graph.spread(a, front + more)
    return {None: new} if k is None else {new: None}


def along(graph: Graph, i: int, kind: str, a: int, more: Any, terms: Terms, k: int | None) -> int:
    """The tangent of what is summed, folded or summed up along axes."""
    if kind == "running":
        return graph.running(whole(graph, terms, a, k), more)
    if kind == "sum":
        axes, divisor = more
        total = summed(graph, terms, a, axes, k)
        return total if divisor == 1 else graph.apply(np.divide, total, graph.number(divisor))
    w = graph.weights(i)
    weighed = {leaf if leaf is None else ranked(graph, leaf, len(graph.shapes[w])): w if c is None else graph.multiplied(c, w)
               for leaf, c in terms.items()}
    return summed(graph, weighed, a, more[1], k)  # type: ignore[arg-type]


def applied(graph: Graph, i: int, of: tuple[int, ...], found: dict[int, Terms], moved: set[int]) -> Terms:
    terms: Terms = {}
    for place, a in enumerate(of):
        if not found.get(a) or (p := graph.partial(i, place, moved)) is None:
            continue
        one = graph.value_of(p) in (1,) if graph.nodes[p][0] == "number" else False
        for leaf, c in found[a].items():
            new = c if one else p if c is None else graph.multiplied(c, p)
            if leaf is not None:
                leaf = ranked(graph, leaf, len(graph.shapes[i]))
            if leaf in terms:
                have = terms[leaf]
                new = graph.added(graph.number(1) if have is None else have, graph.number(1) if new is None else new)
            terms[leaf] = new
    return terms


def ranked(graph: Graph, leaf: int, ndim: int) -> int:
    """The leaf with axes between its directions and those that it has, so that it broadcasts to an array of so many."""
    k, *shape = graph.shapes[leaf]
    return graph.reshape(leaf, (k, *(1,) * (ndim - len(shape)), *shape))


def made(graph: Graph, terms: Terms, k: int | None) -> int:
    """Σ coefficient × leaf, which may only broadcast to the shape of the node."""
    total = None
    for leaf, c in terms.items():
        new = c if leaf is None else leaf if c is None else graph.multiplied(leaf, c)
        new = graph.number(1) if new is None else new
        total = new if total is None else graph.added(total, new)
    return total  # type: ignore[return-value]


def whole(graph: Graph, terms: Terms, i: int, k: int | None) -> int:
    return graph.spread(made(graph, terms, k), graph.shapes[i] if k is None else (k, *graph.shapes[i]))


def behind(key: Any) -> Any:
    """An index of an array with the directions before its axes."""
    every = ("slice", None, None, None)
    if key is Ellipsis:
        return Ellipsis
    return (tuple, every, *key[1:]) if type(key) is tuple and key[0] is tuple else (tuple, every, key)


def part(graph: Graph, leaf: int, a: int, key: Any, k: Any) -> int:
    return graph.item(graph.spread(leaf, (k, *graph.shapes[a])), behind(key))


def summed(graph: Graph, terms: Terms, a: int, axes: tuple[int, ...], k: int | None) -> int:
    """The sum of a tangent; of coefficient × leaf along the only axis, a product of the leaf's matrix."""
    shape = graph.shapes[a]
    if k is None or len(shape) != 1:
        return graph.sum(whole(graph, terms, a, k), axes)
    total = None
    rows = [leaf is not None and c is not None and rows_of(graph, leaf, shape) for leaf, c in terms.items()]
    if all(rows):
        keys = tuple(("slice", at.start, at.stop, None) for at in rows)  # type: ignore[union-attr]
        parts = tuple(graph.spread(c, shape) for c in terms.values())  # type: ignore[arg-type]
        return parts[0] if len(parts) == 1 and shape == (k,) else graph.put((k,), keys, parts)
    for leaf, c in terms.items():
        full = graph.spread(leaf, (k, *shape))  # type: ignore[arg-type]
        new = graph.sum(full, axes) if c is None else graph.product(full, graph.spread(c, shape))
        total = new if total is None else graph.added(total, new)
    return total  # type: ignore[return-value]


def rows_of(graph: Graph, leaf: int, shape: Shape) -> range | None:
    """The directions of a leaf of which each element has one of its own, the next one's for the next."""
    value = graph.value_of(leaf)
    if type(value) is not np.ndarray or value.shape[1:] != shape:
        return None
    at = range(start := int(value[:, 0].argmax()), start + shape[0])
    return at if at.stop <= len(value) and np.array_equal(value, np.eye(len(value))[:, start:at.stop]) else None


def multiplied(graph: Graph, of: tuple[int, ...], found: dict[int, Terms], k: int | None) -> int:
    """d(a b) = da b + a db."""
    a, b = of
    total = None
    for place, x in enumerate(of):
        if not found.get(x):
            continue
        t = whole(graph, found[x], x, k)
        if place == 0:
            new = graph.product(t, b)
        elif k is not None and len(graph.shapes[b]) == 1:  # the directions are rows
            new = graph.product(t, a if len(graph.shapes[a]) == 1 else graph.swap(a))
        else:
            new = graph.product(a, t)
        total = new if total is None else graph.added(total, new)
    return total  # type: ignore[return-value]

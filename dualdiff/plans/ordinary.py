"""What was noted, done the ordinary way: in place, so that whoever holds a dual of it finds its tangent there."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np

from ..dual import new
from ..dual_array import DualArray
from ..dual_scalar import DualScalar
from ..tangents.level import Level
from ..tangents.tangent import Tangent
from ..views import link
from .entries import CONSTANTS, FOLD, INPUT, ITEM, JOIN, MOVE, PRODUCT, ROW, RUNNING, SUM, TAKE, WHERE, index_of


def work_off(notes: Any, level: Level, late: Any) -> None:
    """Give the duals of the notes their tangents; ``late`` is one that was left of a run that is over."""
    level.notes = None
    if late is not None and type(late.source) is not int:  # another thread has done it
        return
    if notes.pairs is None:
        notes.pairs = list(notes.seed(level))
        notes.leaves = None if notes.beneath is None else notes.beneath()
    place = 0
    for i, entry in sorted(notes.entries.items()):
        what, x, f = entry[0], notes.duals.get(i), notes.values[i]
        if x is None:  # the run is over and its duals are the program's
            x = notes.duals[i] = f if what in CONSTANTS else shell(f, level, i)
        if what is INPUT:
            seeded(notes, x, place, f.shape)
            place += 1
        elif what not in CONSTANTS and type(x.source) is int:
            done(notes, x, entry)
    if late is not None and type(late.source) is int:
        x = notes.duals[late.source]
        late.value, late.eps, late.source = x.value, x.eps, None


def seeded(notes: Any, x: Any, place: int, shape: tuple[int, ...]) -> None:
    """An input becomes that of the ordinary sweep."""
    if type(x.source) is int:
        leaf, c = notes.pairs[place]
        if notes.leaves is not None:
            x.value = notes.leaves[place]
        x.eps, x.source = Tangent({} if leaf is None else {leaf: c}, shape), None


def done(notes: Any, x: Any, entry: Any) -> None:
    """One operation, done the ordinary way."""
    what, a = entry[0], notes.duals[entry[1]]
    y: Any
    if what is ROW or what is JOIN:
        y = (np.stack if what is ROW else np.concatenate)([notes.duals[i] for i in entry[1:]])
    elif what is WHERE:
        y = np.where(a != 0, *(notes.duals[i] for i in entry[2:]))
    elif type(what) is str:
        y = AGAIN[what](notes.duals, a, *entry[2:])
    elif len(entry) == 2:
        y = what.again(a)
    else:
        b = entry[3] if len(entry) == 4 else notes.duals[entry[2]]
        forward, backward = what.again
        y = forward(a, b) if type(a) in (DualArray, DualScalar) else backward(b, a)
    if notes.leaves is not None:
        x.value = y.value
    x.eps, x.source = y.eps, None
    if y is a:
        link(x, a, None, ...)
    elif type(y.source) is tuple:  # x is the view that others know
        x.source = y.source
        y.source[3].views.append(ref(x))


AGAIN: dict[str, Any] = {
    ITEM: lambda duals, a, key: a[index_of(key)], TAKE: lambda duals, a, j: a[duals[j]],
    MOVE: lambda duals, a, function, *args: function(a, *args), SUM: lambda duals, a, function, axis: function(a, axis=axis),
    PRODUCT: lambda duals, a, j, function: function(a, duals[j]),
    FOLD: lambda duals, a, function, axis: function(a, axis=axis), RUNNING: lambda duals, a, axis: np.cumsum(a, axis)}


def shell(f: Any, level: Level, i: int) -> Any:
    r: Any = new(DualArray if type(f) is np.ndarray else DualScalar)
    r.value, r.level, r.source = f, level, i
    return r

"""Who sees the elements of an array: its views, and how all of them are written and read.

Values are written at once, in place, to memory that only the array and its views hold; so ``x.value`` of a view is always as
NumPy would show it. The ε-part is written to a log, the array's `Memory`.

Coefficients often *are* the values of an array. So the memory written to is made anew for each log (``begin``), and what an
operation is about to read is not written to any more: reading an array closes its log, reading a view while the log is open
gives the view a copy, which the next write takes back (``relink``). Another thread may have begun to read a view just then:
where several use an array that has views, each write moves the values.
"""

from __future__ import annotations

from _thread import get_ident
from contextlib import nullcontext
from typing import Any
from weakref import ref

import numpy as np

from .errors import AssignmentError, ConversionError
from .memory import Memory, memory_of
from .tangents.coefficients import plain
from .tangents.level import Level
from .tangents.moves import Item, Map, as_key
from .tangents.tangent import Tangent

# Where a view came from: its base and what was done to it, a move or an index, of which the move is only made when it is
# needed; the memory that it shows, and what the memory's version was when the view was last brought up to date. A tuple,
# because every x[1:] makes one.
View = tuple[Any, Any, Any, Memory, int]


class Unsettled:
    """Stands for the ε-part of an array with an open log: whoever asks it for anything closes the log first."""

    __slots__ = ("owner",)

    def __init__(self, owner: Any) -> None:
        self.owner = ref(owner)

    def __getattr__(self, name: str) -> Any:
        owner = self.owner()
        if name.startswith("__") or owner is None:
            raise AttributeError(name)
        owner.refresh()
        return getattr(owner.eps, name)


def root_of(x: Any) -> Any:
    """The array that a view is a part of."""
    while type(x.source) is tuple:
        x = x.source[0]
    return x


def link(view: Any, base: Any, move: Any, index: Any) -> None:
    """From now on a write to one is a write to the other."""
    memory = base.source
    if memory is None:
        memory = memory_of(base)
    else:
        memory = memory if type(memory) is Memory else memory[3]
        if memory.thread != get_ident():
            memory.thread = 0
    view.source = (base, move, index, memory, memory.version)
    views = memory.views
    if len(views) >= memory.limit:
        memory.forget_dead()
    views.append(ref(view))
    if memory.index is not None:
        with memory.lock:
            memory.copied.append(ref(view))


def trail_of(x: Any) -> tuple[Any, ...]:
    """What leads from an array to its view x."""
    return (*trail_of(x.source[0]), x.source[1:3]) if type(x.source) is tuple else ()


def along(view: Any, a: Any) -> Any:
    """What the view is of an array (values, or the map of a log) that is shaped like its root."""
    base, move, index, *_ = view.source
    if type(base.source) is tuple:
        a = along(base, a)
    return a[index] if move is None else move.row.function(a, *move.args, **move.options)


def where_it_lies(x: Any) -> Any:
    """The values in the memory that x shows; a view that was read while the log is open has a copy, laid out otherwise."""
    return along(x, root_of(x).value) if type(x.source) is tuple and x.source[3].index is not None else x.value


def is_part(x: Any) -> bool:
    """Whether x is, or is a view of, the real or imaginary part of a complex array."""
    while type(x.source) is tuple:
        if type(x.source[1]) is Map:
            return True
        x = x.source[0]
    return False


def whole_of(part: Any) -> tuple[Any, bool]:
    """The complex view whose real or imaginary part this is, and whether it is the imaginary one."""
    base, move, index, *_ = part.source
    if type(move) is Map:
        return base, move.row.function is np.imag
    whole, imaginary = whole_of(base)
    return whole[index] if move is None else move.row.function(whole, *move.args, **move.options), imaginary


def view_move(view: View) -> Any:
    base, move, index, *_ = view
    return Item(base.shape, base.value[index].shape, index, as_key(index)) if move is None else move


def settle(x: Any) -> None:
    """Before x is read: close its log; give a view what was written since, in values that nobody writes to."""
    source = x.source
    if type(source) is int:
        x.level.noted.work_off(x.level, x)
        return
    if type(source) is Memory:
        if source.index is not None:
            close(x, source)
        return
    memory = source[3]
    if source[4] != memory.version:
        with memory.lock:
            bring_up(x, memory)


def bring_up(x: Any, memory: Memory) -> None:
    """Give the view x what was written since it was last read."""
    if memory.thread != get_ident():
        memory.thread = 0
    base, root = x.source[0], root_of(x)
    if memory.index is not None:
        eps = None if is_part(x) else memory.part(along(x, memory.index))
        if eps is not None:
            x.value, x.eps = x.value.copy("K"), eps
            memory.copied.append(ref(x))
            brought_up(x, root, memory)
            return
        close(root, memory)
    if base is not root:
        settle(base)
    move = view_move(x.source)
    x.eps = base.eps.linear(move) if type(move) is Map else base.eps.gather(move)
    brought_up(x, root, memory)


def brought_up(view: Any, root: Any, memory: Memory) -> None:
    view.level, view.source = root.level, (*view.source[:4], memory.version)


def relink(root: Any, views: list[Any]) -> None:
    """Views take their values from the root's memory again."""
    for r in views:
        view = r()
        if view is not None:
            view.value = along(view, root.value)


def read(x: Any, index: Any) -> tuple[Any, Tangent] | None:
    """Value and tangent of ``x[index]`` while the log is open; None, and x settled, if it was better closed."""
    root = x if type(x.source) is Memory else root_of(x)
    memory = root.source
    with memory.lock:
        found = None if memory.index is None else read_open(x, index, root, memory)
        if found is None:
            settle(x)
    return found


def read_open(x: Any, index: Any, root: Any, memory: Memory) -> tuple[Any, Tangent] | None:
    if is_part(x):
        close(root, memory)
        return None
    numbers = (memory.index if x is root else along(x, memory.index))[index]
    if type(numbers) is not np.ndarray:
        return x.value[index], memory.number(int(numbers))
    eps = memory.part(numbers, index if x is root else None)
    if eps is None:
        close(root, memory)
        return None
    return x.value[index].copy("K"), eps


# ---- plain arrays
def show(x: Any, a: Any) -> Any:
    """x without a derivative, as a plain array: read-only, and remembered, because what is written to x it would not see."""
    a.setflags(False)
    root = root_of(x)
    memory = memory_of(root)
    with memory.lock:
        root.refresh()  # the next write opens a log
        memory.shown = [*filter(lambda r: r() is not None, memory.shown), ref(a)]
    return a


def hide(memory: Memory) -> None:
    """Before a write: no plain array may be left that would have to see it. A view of one keeps it alive."""
    if any(r() is not None for r in memory.shown):
        raise ConversionError("numpy.asarray has made a plain array of this dual array, which would not see what is written to "
                              "it now, and is still in use: make it by x.copy(), or run the program as dualdiff.lift(f)")
    memory.shown = ()


# ---- writing
def begin(root: Any, memory: Memory) -> None:
    """Open the log: values move to memory of their own."""
    if memory.shown:
        hide(memory)
    values = plain(root)
    numbers = np.arange(values.size).reshape(values.shape)
    if not values.flags.c_contiguous:  # the map lies in memory as the values do: it has the same views
        numbers, in_order = np.empty_like(values, np.intp), numbers
        numbers[...] = in_order
    memory.old = root.eps
    memory.index, memory.size, memory.end = numbers, numbers.size, numbers.size
    root.eps = Unsettled(root)  # after the index: another thread may ask it at once
    replace_value(root, root.value.copy("K"))


def replace_value(root: Any, value: Any) -> None:
    """The array and its views take their values from other memory."""
    root.value = value
    memory = root.source
    if memory is not None:
        memory.copied = []
        relink(root, memory.views)


def rise(root: Any, level: Level, value: Any) -> None:
    """The array, its log closed, goes to a higher level, where its old self is a constant."""
    root.eps, root.level = Tangent({}, root.eps.shape), level
    replace_value(root, value)
    memory = root.source
    if memory is not None:
        memory.version += 1
        for r in memory.views:
            view = r()
            if view is not None:
                view.level = level


def close(root: Any, memory: Memory) -> None:
    """Put the ε-part together."""
    with memory.lock:
        if memory.index is not None:
            root.eps = counted(memory.whole(), memory.old, root.level)
            forget(memory)


def counted(eps: Tangent, old: Tangent, level: Level) -> Tangent:
    """Of arrays made by hand only the leaves tell the number of directions: one stays, with zeros, where all is constant."""
    if not eps.is_constant or level.k is not None or not old.terms:
        return eps
    leaf = next(iter(old.terms))
    return eps if leaf.k is None else Tangent({leaf: 0.0}, eps.shape)


def forget(memory: Memory) -> None:
    memory.index = memory.old = None
    memory.pieces, memory.starts, memory.trails = [], [], []


def write(x: Any, index: Any, value: Any, eps: Tangent) -> None:
    """``x[index]`` takes the value, of x's level, and the tangent, which has the value's shape."""
    root = root_of(x) if type(x.source) is tuple else x
    memory = root.source or memory_of(root)
    with memory.lock:
        if memory.thread != get_ident():
            memory.thread = 0
        if memory.index is None:
            begin(root, memory)
        elif not memory.thread and any(r() is not None for r in memory.views):
            replace_value(root, root.value.copy("K"))
        elif memory.copied:
            relink(root, memory.copied)
            memory.copied = []
        place = memory.index
        if x is not root:
            place = along(x, place)
            if place.size and not np.may_share_memory(place, memory.index):
                raise AssignmentError("this view lies in memory in a way that a dual array cannot follow; write to its base")
        x.value[index] = value
        memory.version += 1
        memory.append(place, index, eps, () if x is root else trail_of(x))


def overwrite(root: Any, value: Any, eps: Tangent) -> None:
    """Every element takes a new value and tangent; what was logged is forgotten."""
    memory = root.source
    with memory.lock if memory is not None else nullcontext():
        if memory is not None and memory.shown:
            hide(memory)
        root.eps = counted(eps, root.eps if memory is None or memory.index is None else memory.old, root.level)
        if memory is not None:
            memory.version += 1
            forget(memory)
        replace_value(root, laid_out(value, plain(root)))


def laid_out(value: Any, like: Any) -> Any:
    """The value, which nobody else holds, in memory as ``like`` lies there: the same reshapes of it are views."""
    if hasattr(value, "level"):
        value.value = laid_out(value.value, like)
    elif value.strides != like.strides:
        return np.positive(value, out=np.empty_like(like, value.dtype))
    return value

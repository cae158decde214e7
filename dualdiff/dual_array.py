"""DualArray: value and ε-part of an array.

This file is what such an object *is*: storage, shape, views, assignment, text. What NumPy does with it is in
`operators.py` (ufuncs and Python's operators) and `dispatch.py` (functions), both read from the rules.
"""

from __future__ import annotations

import sys
from math import prod
from operator import index as index_of
from typing import Any

import numpy as np

from .dual import FLOAT, Dual, directions, escape, new, told_of_equality
from .dual_scalar import DualScalar
from .errors import ConversionError, EscapeError, ShapeError, StructureError
from .memory import Memory
from .reading import tangent_array, tangent_text, text_of
from .rules.gather import is_basic
from .subclasses import base_array, is_subclassed
from .tangents.coefficients import plain
from .tangents.leaf import dense_leaf, one
from .tangents.level import HAND, Level, is_dual
from .tangents.moves import Reshape, as_key, kept
from .tangents.tangent import Tangent
from .views import View, link, read, settle, show, where_it_lies

AnArray = type("DualArray", (np.ndarray,), {})  # not np.ndarray itself: scipy.sparse takes that as it is
ndarray = np.ndarray
SPARSE_PRODUCTS = ("_matmul_dispatch", "_mul_dispatch")


class DualArray:
    """An array of dual numbers ``value + tangent ε`` that goes through unmodified NumPy code.

    ``value``: array of shape S (integers become float64). ``tangent``: shape S for one direction, or (k, *S) for k of
    them; ``.tangent`` is an array of that same form. Both are copied unless read-only. Raises ShapeError where
    they do not fit together. An elementwise operation costs as much as NumPy's own plus its partial, whatever k is.

    >>> import numpy as np
    >>> x = DualArray([1.0, 2.0], [1.0, 0.0])
    >>> np.exp(x) * x
    DualArray([ 2.71828183, 14.7781122 ], tangent=[5.43656366, 0.        ])
    """

    __slots__ = ("__weakref__", "eps", "level", "source", "value")

    def __init__(self, value: Any, tangent: Any) -> None:
        self.level = above(value, tangent)
        self.value = kept(value if is_dual(value) else inexact(value, "DualArray"))
        self.eps = Tangent(hand_terms(self.level, self.value.shape, kept(tangent)), self.value.shape)
        self.source: View | Memory | int | None = None  # a number: see plans/notes.py

    # ---- what an array is
    @property
    def shape(self) -> tuple[int, ...]:
        try:
            shape: tuple[int, ...] = self.value.shape
        except AttributeError:  # a value that is to come, see plans/notes.py
            return noted_value(self).shape  # type: ignore[no-any-return]
        return shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def dtype(self) -> Any:
        return (self.value if type(self.source) is not int else noted_value(self)).dtype

    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.itemsize)

    @property
    def tangent(self) -> Any:
        """The ε-part as an array: shape S for one direction, else (k, *S)."""
        return tangent_array(self)

    T = property(np.transpose)
    mT = property(np.matrix_transpose)  # noqa: N815
    real = property(np.real, lambda self, value: np.real(self).__setitem__(..., value))
    imag = property(np.imag, lambda self, value: np.imag(self).__setitem__(..., value))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.source is not None and type(self.source) is not int:
            self.refresh()
        truth = bool(self.value if type(self.source) is not int else noted_value(self))
        if not truth and self.size:  # self == 0
            told_of_equality(True, self, 0)
        return truth

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self == item))

    # ---- items
    def __getitem__(self, index: Any) -> Any:
        source: Any = self.source
        if type(source) is int:
            return self.level.noted.item(self, index)
        kind = type(index)
        if kind is slice:
            key: Any = ("slice", index.start, index.stop, index.step)
        else:
            index = index if kind is int else plain_index(index)
            key = index if kind is int else as_key(index)
        found = None
        try:
            if source is not None:
                memory = source if type(source) is Memory else source[3]
                if memory.index is not None:
                    found = read(self, index)
                elif memory is not source and source[4] != memory.version:
                    settle(self)
            if found is not None:
                value, eps = found
            else:
                value = self.value[index]
                eps = self.eps.item(index, key, value.shape)
        except TypeError:  # such a bound has no hash
            if (plain := with_plain_bounds(index)) is index:
                raise
            return self[plain]
        form = type(value)
        if form is not ndarray and form is not DualArray:
            return scalar(value, eps, self.level)
        result = new(DualArray)  # ``array`` written out: programs take slices all the time
        result.value = value
        result.eps = eps
        result.level = self.level
        result.source = None
        if kind is slice or is_basic(index):
            link(result, self, None, index)
        return result

    def refresh(self) -> None:
        """Before the tangent is read: what was written since is put in place."""
        if self.source is not None:
            settle(self)

    # ---- methods: NumPy's functions under the names that arrays give them
    def reshape(self, *shape: Any, **options: Any) -> Any:
        form = shape[0] if len(shape) == 1 else shape
        if options or self.level.careful or type(self.source) is int or type(self.value) is not ndarray:
            return np.reshape(self, form, **options)
        self.refresh()  # ``run_gather`` written out: programs that unpack their parameters do little else
        if where_it_lies(self) is not self.value:
            return np.reshape(self, form)
        value = self.value.reshape(form)
        move = Reshape(self.value.shape, value.shape)
        result = array(value, self.eps.gather(move), self.level)
        if np.may_share_memory(value, self.value):
            link(result, self, move, None)
        return result

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def item(self, *index: Any) -> Any:
        if not index and self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return np.reshape(self, -1)[index[0] if index else 0] if len(index) < 2 else self[index]

    def tolist(self) -> Any:
        return [x if isinstance(x, Dual) else x.tolist() for x in self] if self.shape else self.item()

    def copy(self, order: str = "C") -> DualArray:
        self.refresh()
        return array(self.value.copy(order), self.eps, self.level)

    def __copy__(self, memo: Any = None) -> DualArray:
        return self.copy("K")

    __deepcopy__ = __copy__

    def flatten(self, order: Any = "C") -> Any:
        return np.ravel(self, order=order).copy()

    def astype(self, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True) -> Any:
        """The array in another floating-point or complex type; an integer type would drop the derivative and raises."""
        kind = np.dtype(dtype)
        if kind == self.dtype:
            return self.copy(order) if copy or (order in ("C", "F") and not plain(self).flags[order]) else self
        self.refresh()
        if kind.kind in "biu" and not self.eps.terms:  # without a derivative there is none to lose
            return np.asarray(self.value).astype(kind)
        if kind.kind not in "fc" or (kind.kind == "f" and self.dtype.kind == "c"):
            raise escape(f"astype({kind.name!r})", "use a floating-point type, or np.real(x) for the real part")
        return array(self.value.astype(kind, order, casting), self.eps.converted(kind, self.level.wide), self.level)

    def fill(self, value: Any) -> None:
        from .assignment import assign
        assign(self, ..., value)

    def shown_class(self) -> Any:
        """What isinstance reads: an array, so that programs take the branch they take for arrays.

        But for the one function of numpy.polynomial that would convert it, and leaves NumPy's numbers alone.
        """
        return np.generic if sys._getframe(1).f_code.co_name == "mapdomain" else AnArray

    __class__ = property(shown_class)

    # ---- conversions: keep the derivative or raise
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        caller = sys._getframe(1)
        if caller.f_code.co_name in SPARSE_PRODUCTS and caller.f_globals["__name__"].startswith("scipy.sparse."):
            unknown = np.empty((), object)  # at which scipy.sparse leaves ``A @ x`` to x.__rmatmul__
            unknown[()] = self
            return unknown
        self.refresh()
        if not self.eps.terms:  # nothing to lose; a copy
            a = np.array(self.value, dtype)
            return a if copy or a.dtype != self.dtype else show(self, a)
        raise escape("conversion to a plain NumPy array", "np.stack, np.concatenate and np.zeros_like(x) keep it, "
                     "and np.asarray is not needed; an array that x is written into keeps it if it is made by "
                     "np.zeros(n, like=x), or if the program runs as dualdiff.lift(f); a.dot(x) of a plain array a is a @ x",
                     ConversionError if dtype is None or np.dtype(dtype).kind == "O" else EscapeError)

    def __float__(self) -> float:
        self.refresh()
        if not self.eps.terms and self.size == 1:
            return float(np.reshape(self.value, ()))
        raise escape("float()", f"use x.item() or x[()] for the dual number; {FLOAT}")

    def __int__(self) -> int:
        raise escape("int()", "np.floor(x) says that a constant is meant")

    def __complex__(self) -> complex:
        raise escape("complex()", "write x + 0j, which keeps it")

    def __index__(self) -> int:
        raise escape("an index", "use x.value if a constant is meant")

    def __format__(self, spec: str) -> str:
        if not spec:
            return repr(self)
        if not self.shape:
            return format(self.item(), spec)
        raise TypeError(f"unsupported format string {spec!r} passed to DualArray.__format__; format its elements")

    def __reduce__(self) -> tuple[Any, ...]:
        self.refresh()
        if self.level.is_sweep:
            self.level.__reduce__()
        return (DualArray, (self.value, self.tangent))

    def __repr__(self) -> str:
        self.refresh()
        return f"DualArray({text_of(self.value)}, {tangent_text(self)})"

    __str__ = __repr__
    __hash__ = None  # type: ignore[assignment]


NUMBERS = int | float | complex | np.number


def noted_value(x: Any) -> Any:
    """The plain value of a dual whose operation is noted."""
    return x.level.noted.values[x.source]


# ---- making them
def array(value: Any, eps: Tangent, level: Level) -> DualArray:
    r = new(DualArray)
    r.value = value
    r.eps = eps
    r.level = level
    r.source = None
    return r


def scalar(value: Any, eps: Tangent, level: Level) -> DualScalar:
    r = new(DualScalar)
    r.value = value
    r.eps = eps
    r.level = level
    r.source = None
    return r


def wrapped(value: Any, eps: Tangent, level: Level) -> Any:
    """The dual of a value: an array stays an array, a number becomes a Dual, as NumPy's own results do."""
    kind = type(value)  # asked first: isinstance would ask a dual for its shown class
    if kind is DualScalar or not (kind is DualArray or kind is np.ndarray or isinstance(value, np.ndarray)):
        return scalar(value, eps, level)
    return array(value, eps, level)


def zero_dimensional(x: Any) -> Any:
    """A number as an array without axes, at every level."""
    return array(zero_dimensional(x.value), x.eps, x.level) if type(x) is DualScalar else x if type(x) is DualArray else \
        np.asarray(x)


def inexact(value: Any, what: str) -> Any:
    """The value as a floating-point or complex array; integers and booleans become float64."""
    a = np.asarray(value)
    if type(value) is not np.ndarray and isinstance(value, np.ndarray):
        raise StructureError(f"{what} takes plain arrays; {type(value).__name__} has semantics of its own: "
                             "pass np.asarray(x)")
    if a.dtype.kind in "fc":
        return a
    if a.dtype.kind in "iub":
        return a.astype(float)
    raise StructureError(f"{what} takes numbers; got an array of dtype {a.dtype} from {type(value).__name__}")


def above(*parts: Any) -> Level:
    """The level of a dual built by hand: on other duals, half-way from the highest of theirs to the next sweep's."""
    levels: list[Level] = [part.level for part in parts if is_dual(part)]
    return max(levels, key=lambda level: level.number).above() if levels else HAND


def hand_terms(level: Level, shape: tuple[int, ...], tangent: Any) -> dict[Any, Any]:
    if not is_dual(tangent):
        tangent = inexact(tangent, "a tangent")
    if tangent.shape in (shape, ()):
        return {one(level): tangent}
    if tangent.shape[1:] == shape:
        return {dense_leaf(level, tangent, shape): None}
    raise ShapeError(f"the tangent has shape {tangent.shape}; the value has shape {shape}, so the tangent must have shape "
                     f"{shape} for one direction or {('k', *shape)} for k directions".replace("'k'", "k"))


def nested_by_hand(value: Any, tangent: Any) -> Any:
    """``Dual`` of duals."""
    if isinstance(value, DualArray) or isinstance(tangent, DualArray):
        return DualArray(value, tangent)
    level = above(value, tangent)
    b = tangent if is_dual(tangent) else directions(tangent)
    return scalar(lifted(value) if type(value) is Dual and np.ndim(b) else value, along(level, b), level)


def along(level: Level, b: Any) -> Tangent:
    """The ε-part b of a number: one direction or several."""
    return Tangent({dense_leaf(level, b, ()): None} if isinstance(b, np.ndarray) and b.ndim else {one(level): b}, ())


def lifted(d: Dual) -> DualScalar:
    """A Dual made by hand in the form that takes part in array arithmetic, its whole numbers float64; still level 0."""
    a = d.value
    return scalar(float(a) if isinstance(a, int | np.integer) else a, along(HAND, d.tangent), HAND)


def lowered(d: DualScalar) -> Any:
    """The plain Dual of a level-0 scalar, so that arithmetic by hand stays arithmetic by hand."""
    return Dual(d.value, d.tangent) if d.eps.terms else d.value


def from_objects(a: Any) -> Any:
    """An object array of Duals and numbers as one DualArray; one without Duals as an array of numbers, if it is one: floats,
    of which NumPy's floor and sign of objects make integers.
    """
    if not any(isinstance(x, Dual) for x in a.flat):
        found = np.array(a.tolist()) if all(isinstance(x, NUMBERS) for x in a.flat) else a
        return found.astype(float) if found.dtype.kind == "i" else found
    flat: list[Any] = [x if isinstance(x, Dual) else inexact(x, "an array of duals") for x in a.flat]
    joined = np.stack(flat)
    return joined if a.ndim == 1 else np.reshape(joined, a.shape)


def plain_index(index: Any) -> Any:
    """The index, without classes of its own; duals, masked arrays and matrices in it are refused."""
    parts = index if type(index) is tuple else (index,)
    for part in parts:
        if is_dual(part):
            raise EscapeError("a dual number cannot be an index: its derivative would be dropped; "
                              "use dualdiff.stop_gradient(i).astype(int) if that is meant")
    if any(map(is_subclassed, parts)):
        index = tuple(base_array(part) if is_subclassed(part) else part for part in parts)
    return index


def with_plain_bounds(index: Any) -> Any:
    """The index with slices bounded by Python's numbers, where one is bounded by an array of one number, as files hold them."""
    if type(index) is tuple:
        parts = tuple(map(with_plain_bounds, index))
        return index if all(a is b for a, b in zip(parts, index, strict=True)) else parts
    bounds = (index.start, index.stop, index.step) if type(index) is slice else ()
    return slice(*(index_of(b) if type(b) is np.ndarray else b for b in bounds)) if np.ndarray in map(type, bounds) else index

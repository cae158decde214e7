"""What stands in for NumPy in lifted programs: its creation functions, functions that see duals in lists, and the like."""

from __future__ import annotations

from copy import copy
from functools import wraps
from types import FunctionType
from typing import Any

import numpy as np

from .creation import BUFFERS, LIKE, copy_mode, unperturbed
from .dispatch import array_function
from .dual import Dual
from .dual_array import DualArray
from .errors import RuleError
from .forms import dual_form, holds_dual, stripped
from .math_functions import CMATH, COUNTERPARTS
from .rules.gather import shape_of
from .rules.shapes import strided
from .tangents.differential import Differential

ANY = Dual()  # arrays that took no dual yet have the level of duals made by hand
DISPATCHER = type(np.sum)
STANDINS: dict[int, Any] = {}  # by id of what NumPy holds for ever
ORIGINALS: dict[int, Any] = {}  # and back
METHODS = ("accumulate", "at", "outer", "reduce", "reduceat")  # of ufuncs


class Shown:
    """What is an object of the class of its ``original`` to ``type`` and ``isinstance``."""

    original: Any
    __class__ = property(lambda self: type(self.original))


class Standin(Shown):
    """A function in the place of NumPy's or Python's; to dicts, sets, ``==`` and ``isinstance``, in the program or in a package
    that is not lifted, it is that one: they look it up in tables.
    """

    def __init__(self, original: Any, call: Any) -> None:
        self.original, self.call = original, call
        self.__doc__, self.__module__ = original.__doc__, getattr(original, "__module__", "numpy")

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self.call(*args, **options)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.original, name)
        return (lambda *args, **options: found(*map(listed, args), **options)) if name in METHODS else found

    def __eq__(self, other: object) -> bool:
        return ORIGINALS.get(id(other), other) is self.original

    def __hash__(self) -> int:
        return hash(self.original)

    def __repr__(self) -> str:
        return repr(self.original)

    def __copy__(self) -> Standin:
        return self

    def __deepcopy__(self, memo: Any) -> Standin:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copy, (self.original,)


def standin(x: Any, new: Any) -> Any:
    new = Standin(x, new) if type(new) is FunctionType else new
    STANDINS[id(x)] = STANDINS[id(new)] = new  # itself, where the program kept it
    ORIGINALS[id(new)] = x
    return new


def taking_lists(function: Any) -> Any:
    """A function of NumPy that sees the duals in its lists and keywords too, which NumPy does not look for."""
    makes = function in BUFFERS and function is not np.iscomplexobj
    calls = function in (np.apply_along_axis, np.apply_over_axes, np.piecewise)  # functions, whose closure may hold duals

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if args and (hasattr(type(args[0]), "as_scipys") or Differential in map(type, args)):  # which NumPy asks
            return function(*args, **options)
        if calls or any(map(holds_dual, args)) or any(map(holds_dual, options.values())):
            return array_function(function, args, options)
        result = function(*args, **options)
        return unperturbed(result, ANY) if makes and type(result) is np.ndarray else result
    return call


def listed(x: Any) -> Any:
    return dual_form(x) if isinstance(x, list | tuple) else x


def ufunc_of_lists(ufunc: Any) -> Any:
    """A ufunc that sees the duals in lists, objects to NumPy."""
    def call(*args: Any, **options: Any) -> Any:
        if type(ufunc) is not np.ufunc and any(map(holds_dual, args)):
            raise RuleError(f"scipy.special.{ufunc.__name__} has no derivative rule; eval_legendre, lpmv and the like do")
        return ufunc(*map(listed, args), **options)
    return call


def creator(make: Any) -> Any:
    """A creation function whose array takes duals. Of a plain array NumPy's own: it may be the caller's."""
    @wraps(make)
    def call(*args: Any, **options: Any) -> Any:
        if options.get("like") is not None:
            return make(*args, **options)
        options.pop("like", None)
        first: Any = args[0] if args else options.get("a")
        if getattr(first, "__array_ufunc__", make) is None:  # a polynomial, which multiplies by itself
            return first
        if hasattr(first, "A1") and hasattr(first, "level"):  # what stands for a numpy.matrix
            args, first = (first.A, *args[1:]), first.A
        copied = make is np.array and copy_mode(options.get("copy", True))
        if type(first) is np.ndarray and first.dtype != object and not copied:
            return make(*args, **options)
        return LIKE[make](ANY, *args, **options)
    return call


def drawn(draw: Any) -> Any:
    """A function of random numbers, whose arrays take duals, too; ``shuffle`` swaps rows of arrays that are its own only."""
    def call(*args: Any, **options: Any) -> Any:
        x: Any = args[0] if args and draw.__name__ == "shuffle" else None
        if hasattr(x, "level"):
            draw(places := np.arange(len(x)))
            x[...] = x[places]
            return None
        a = draw(*args, **options)
        return unperturbed(a, ANY) if type(a) is np.ndarray else a
    return call


for _function, _counterpart in (COUNTERPARTS | CMATH).items():
    standin(_function, _counterpart)
for _make in (np.zeros, np.ones, np.empty, np.full, np.array, np.asarray, np.asanyarray, np.ascontiguousarray,
              np.asfortranarray, np.require, np.eye, np.identity, np.fromiter, np.fromfunction):
    standin(_make, creator(_make))


def arange(*args: Any, **options: Any) -> Any:
    """``np.arange``, whose elements move with the start, and with the step as far as they are from it."""
    plain = np.arange(*map(stripped, args), **{name: stripped(x) for name, x in options.items()})
    given = dict(zip(("stop",) if len(args) == 1 else ("start", "stop", "step"), args, strict=False)) | options
    for name, weight in (("start", 1), ("step", np.arange(len(plain)))):
        if (x := given.get(name)) is not None and holds_dual(x) and (getattr(x, "level", ANY.level) is not ANY.level):
            plain = plain + (x - stripped(x)) * weight
    return plain


standin(np.arange, arange)


class ArrayType(type):
    """``np.ndarray`` that knows dual arrays."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, np.ndarray | DualArray)

    def __subclasscheck__(cls, kind: type) -> bool:
        return kind is cls or issubclass(kind, np.ndarray | DualArray)

    def __getattr__(cls, name: str) -> Any:
        return getattr(np.ndarray, name)

    def __eq__(cls, other: object) -> bool:
        return ORIGINALS.get(id(other), other) is ORIGINALS.get(id(cls), cls)

    def __hash__(cls) -> int:
        return type.__hash__(ORIGINALS.get(id(cls), cls))


standin(np.ndarray, ArrayType("ndarray", (), {"__doc__": np.ndarray.__doc__, "__module__": "numpy"}))


class Joined:
    """``np.r_`` and ``np.c_`` of duals: the pieces one after the other."""

    __slots__ = ("columns", "plain")

    def __init__(self, plain: Any, columns: bool) -> None:
        self.plain, self.columns = plain, columns

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(map(holds_dual, parts)):
            return self.plain[key]
        if any(isinstance(part, str) for part in parts):
            raise RuleError("numpy.r_ and numpy.c_ with a string of axes take no duals; use numpy.concatenate or numpy.stack")
        pieces = [np.atleast_1d(self.plain[part] if isinstance(part, slice) else dual_form(part)) for part in parts]
        if self.columns:
            pieces = [np.reshape(x, (*np.shape(x), *(1,) * (2 - np.ndim(x)))) for x in pieces]
        kind = np.result_type(*(x if isinstance(part, slice | list | tuple) else part
                                for x, part in zip(pieces, parts, strict=True)))
        return np.concatenate(pieces, axis=-1 if self.columns else 0).astype(kind, copy=False)


standin(np.r_, Joined(np.r_, False))
standin(np.c_, Joined(np.c_, True))


standin(np.ndenumerate, lambda arr: ((i, arr[i]) for i in np.ndindex(np.shape(arr))))


def as_strided(x: Any, shape: Any = None, strides: Any = None, **options: Any) -> Any:
    if type(x) is not DualArray or strides is None:
        return np.lib.stride_tricks.as_strided(x, shape, strides, **options)
    return strided(x, x.shape if shape is None else shape_of(shape), tuple(s / x.itemsize for s in strides))


standin(np.lib.stride_tricks.as_strided, as_strided)

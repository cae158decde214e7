"""The methods and attributes of NumPy's arrays that are neither a function's other name nor what an array is.

Those that write do so through item assignment, so that views and bases see it; those that hand out memory or bits would
lose the derivative and are absent by name: ``hasattr(x, "ctypes")`` is False, and asking for it says why.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .dual_array import DualArray
from .errors import AbsentError, EscapeError
from .subclasses import MEANING

# ---- absent, with the reason
MEMORY = "value and derivative do not lie in one block of memory"
SCIPY = "what SciPy asks it for takes duals in a program that runs as dualdiff.lift(f)"
KEEP = "a file keeps the value only; save x.value and x.tangent, or pickle x"
ABSENT: dict[str, str] = {
    "base": f"{MEMORY}; numpy.shares_memory(x.value, y.value) tells whether two share theirs",
    "byteswap": "it changes bits, which has no derivative; apply it to x.value",
    "ctypes": f"{MEMORY}; x.value.ctypes is the value's", "data": f"{MEMORY}; x.value.data is the value's",
    "dump": KEEP, "dumps": KEEP,
    "flags": f"{MEMORY}; x.value.flags are the value's; {SCIPY}",
    **{name: "NumPy has removed it" for name in ("itemset", "newbyteorder", "tostring") if name in dir(np.ndarray)},
    "getfield": "it reads bits, which has no derivative; use x.real, x.imag or x.astype(dtype)",
    "resize": "it changes the memory of an array in place; use numpy.resize(x, shape), which returns another",
    "setfield": "it writes bits, which has no derivative; use x[...] = y",
    "setflags": f"{MEMORY}; to keep x from being written to, hand out x.copy()",
    "strides": f"{MEMORY}; x.value.strides are the value's; {SCIPY}",
    "tobytes": KEEP, "tofile": KEEP,
    "view": "it reads bits as another type, which has no derivative; use x.astype(dtype), or x[...] for a view; "
            f"a matrix cannot meet a dual number: {MEANING['matrix']}",
}


def absent(name: str, reason: str) -> property:
    def read(self: Any) -> Any:
        if name == "setflags" and str(sys._getframe(1).f_globals.get("__name__")).startswith("scipy."):
            return lambda **flags: None  # SciPy protects what it does not write to
        raise AbsentError(f"a dual array has no {name!r}: {reason}")
    return property(read, lambda self, value: read(self), doc=f"Absent: {reason}.")


def set_shape(self: Any, shape: Any) -> None:
    raise AbsentError(f"the shape of a dual array cannot be set to {shape!r} in place: write x = x.reshape({shape!r}), "
                      "which is a view of it")


# ---- methods
def choose(self: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """An index cannot be dual: refused, as indexing with a dual is."""
    raise EscapeError("a dual number cannot be an index: its derivative would be dropped; "
                      "use dualdiff.stop_gradient(i).astype(int).choose(choices) if that is meant")


def sort(self: Any, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    """Sort in place; ties keep their order."""
    self[...] = np.sort(self, axis=axis)


def partition(self: Any, kth: Any, axis: int = -1, kind: Any = "introselect", order: Any = None) -> None:
    """numpy.partition of this array, in place."""
    self[...] = np.partition(self, kth, axis=axis)


def put(self: Any, indices: Any, values: Any, mode: Any = "raise") -> None:
    """numpy.put of this array, in place."""
    np.put(self, indices, values, mode=mode)


class Flat:
    """``x.flat``: the elements in order, to read and to write. NumPy's functions take it as the array of them."""

    __slots__ = ("x",)
    __hash__: Any = None

    def __init__(self, x: Any) -> None:
        self.x = x if x.shape else x[None]

    def __len__(self) -> int:
        return int(self.x.size)

    def __iter__(self) -> Any:
        return iter(np.ravel(self.x))

    def __getitem__(self, index: Any) -> Any:
        return np.ravel(self.x)[index].copy()

    def copy(self) -> Any:
        return np.ravel(self.x).copy()

    copy_as_dual = copy

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return function(*unrolled(args), **{name: unrolled(x) for name, x in options.items()})

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return getattr(ufunc, method)(*unrolled(inputs), **options)

    def __setitem__(self, index: Any, value: Any) -> None:
        places = np.arange(self.x.size)[index]
        self.x[np.unravel_index(places, self.x.shape)] = np.resize(value, np.shape(places)) if np.ndim(value) else value


def unrolled(x: Any) -> Any:
    """An argument with arrays of their elements in the places of Flats."""
    return x.copy() if type(x) is Flat else type(x)(map(unrolled, x)) if type(x) in (list, tuple) else x


def compared(name: str) -> Any:
    return lambda self, other: getattr(np.ravel(self.x), name)(other)


for _name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
    setattr(Flat, _name, compared(_name))


def to_device(self: Any, device: str, /, *, stream: Any = None) -> Any:
    """The array itself: it is on the only device that NumPy knows."""
    if device != "cpu":
        raise ValueError(f'device {device!r} is not supported: the only one is "cpu"')
    return self


def namespace(self: Any, *, api_version: Any = None) -> Any:
    """NumPy, as the program that asks sees it."""
    run = getattr(sys._getframe(1).f_globals, "run", None)
    return np if run is None else run.of(np)


def install() -> None:
    arrays: Any = DualArray
    for method in (choose, sort, partition, put, to_device):
        setattr(arrays, method.__name__, method)
    arrays.__array_namespace__ = namespace
    arrays.device = property(lambda self: "cpu", doc="Where the array is: NumPy knows no other place.")
    arrays.flat = property(Flat, lambda self, value: Flat(self).__setitem__(slice(None), value), doc=Flat.__doc__)
    arrays.shape = arrays.shape.setter(set_shape)
    for name, reason in ABSENT.items():
        setattr(arrays, name, absent(name, reason))


install()

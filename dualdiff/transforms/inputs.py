"""What a sweep runs: f, the arrays that are seeded, and how f is called with duals in their place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..dual_array import DualArray, inexact, wrapped
from ..errors import StructureError
from ..forms import dual_form
from ..reading import dtype_of
from ..tangents.coefficients import plain
from ..tangents.level import Level, is_dual
from ..tangents.moves import Shape, may_change
from ..tangents.tangent import Tangent
from .results import of_type
from .trees import ALONE, Rebuild, flatten

Function = Callable[..., Any]
DOUBLE = np.dtype(np.float64)
FIRST = (0, (0,))  # the argnums of most calls
EVERYDAY: list[tuple[int, int, Rebuild]] = [(0, 1, ALONE)]


class Sweepable:
    """What a sweep runs: f, the arrays that are seeded, and how f is called with others in their place."""

    f: Function
    args: tuple[Any, ...] = ()
    options: dict[str, Any]
    leaves: list[Any]
    known: Any = None  # what the code of f says, see asking.py
    asked: str = ""  # why f may take another branch than on plain numbers
    written: Function | None = None  # f as it stands, where it compares x.__class__, which nothing answers as for numbers
    whole: Function | None = None  # f with its result in one piece
    lifted: bool | None = False  # whether f runs lifted; None: it cannot

    def arguments(self, duals: list[Any]) -> tuple[Any, ...]:
        """What f is called with."""
        raise NotImplementedError

    def call(self, duals: list[Any]) -> Any:
        return self.f(*self.arguments(duals), **self.options)

    @property
    def places(self) -> tuple[int, ...] | None:
        """Which argument each array is; None where an argument holds several."""
        return None

    def spared(self) -> None:
        """What f does was done without it."""

    def runner(self, seeds: list[tuple[Any, Any]], level: Level, leaves: list[Any] | None = None) -> Callable[[], Any]:
        """f on the seeded arrays, as often as it is called; ``leaves``: others of the same values."""
        def run() -> Any:
            return self.call([wrapped(x, Tangent({} if leaf is None else {leaf: coef}, x.shape), level)
                              for x, (leaf, coef) in zip(leaves or self.leaves, seeds, strict=True)])
        return run

    def largest(self) -> float:
        """The size of the arrays."""
        return max((float(np.max(np.abs(plain(x)), initial=0)) for x in self.leaves), default=0.0)


class Inputs(Sweepable):
    """The arguments of one call: which are differentiated, as flat lists of arrays, and how to call f with others.

    The arrays are copies, read-only: what is recorded is taken at them, and f, or later its caller, may write to the originals.
    """

    def __init__(self, f: Function, argnums: int | Sequence[int], args: tuple[Any, ...], options: dict[str, Any]) -> None:
        if not callable(f):
            raise StructureError(f"the first argument must be a function; got {f!r} of type {type(f).__name__}. "
                                 "Write gradient(f)(x), not gradient(f(x))")
        self.f, self.args, self.options = f, args, options
        self.is_complex = False
        x = args[0] if args else None
        if (type(x) is DualArray or (type(x) is np.ndarray and x.dtype is DOUBLE)) and type(argnums) in (int, tuple) \
                and argnums in FIRST:
            self.single = argnums == 0  # the everyday case, without taking a tree apart
            self.leaves = [frozen(x)]
            self.chosen: list[tuple[int, int, Rebuild]] = EVERYDAY
            self.shapes: list[Shape] = [x.shape]
            self.dtypes = [x.dtype]
            self.is_complex = self.dtypes[0].kind == "c"
            return
        self.single = type(argnums) is int or not np.iterable(argnums)
        numbers: list[Any] = [argnums] if self.single else list(argnums)  # type: ignore[arg-type]
        self.leaves = []
        self.chosen = []
        for number in numbers:
            if not isinstance(number, int | np.integer) or not -len(args) <= number < len(args):
                raise StructureError(f"argnums={argnums!r} names argument {number!r}, but f was called with {len(args)} "
                                     f"positional argument{'s' * (len(args) != 1)}")
            leaves, rebuild = flatten(args[number], f"argument {number}")
            leaves = [dual_form(x) if is_dual(x) else frozen(as_float(x)) for x in leaves]
            self.is_complex |= any(dtype_of(x).kind == "c" for x in leaves)
            self.leaves += leaves
            self.chosen.append((int(number), len(leaves), rebuild))
        if len({number % len(args) for number in numbers}) < len(numbers):
            raise StructureError(f"argnums={argnums!r} names an argument twice")
        self.shapes = [x.shape for x in self.leaves]
        self.dtypes = [dtype_of(x) for x in self.leaves]

    @property
    def sizes(self) -> list[int]:
        return [prod(shape) for shape in self.shapes]

    @property
    def size(self) -> int:
        return prod(self.shapes[0]) if len(self.shapes) == 1 else sum(self.sizes)

    def seeds(self, leaves: list[Any]) -> list[Any]:
        """The seeds of the arrays; a batch shares those of one sample."""
        return leaves

    def tangent(self, eps: Tangent) -> Tangent:
        """The ε-part of a result as its matrix is read; a batch has its samples first."""
        return eps

    def dtype_with(self, value: Any) -> Any:
        """The type of the derivative of a result with respect to the arguments."""
        dtype = dtype_of(value)
        return dtype if self.dtypes == [dtype] else np.result_type(dtype, *self.dtypes)

    def matrix(self, value: Any, eps: Tangent, columns: int | None = None) -> Any:
        """The derivative of a result of shape R as an array (*R, n), or of a window of so many columns."""
        dtype, eps = self.dtype_with(value), self.tangent(eps)
        if eps.is_constant:
            return np.zeros((*eps.shape, self.size if columns is None else columns), dtype)
        return of_type(eps.dense(trailing=True, dtype=dtype), dtype)

    def arguments(self, duals: list[Any]) -> tuple[Any, ...]:
        if self.chosen is EVERYDAY:
            return (duals[0], *self.args[1:])
        args, start = list(self.args), 0
        for number, count, rebuild in self.chosen:
            args[number] = rebuild(duals[start:start + count])
            start += count
        return tuple(args)

    @property
    def places(self) -> tuple[int, ...] | None:
        if self.chosen is EVERYDAY:
            return (0,)
        alone = all(rebuild is ALONE for _, _, rebuild in self.chosen)
        return tuple(number % len(self.args) for number, _, _ in self.chosen) if alone else None

    def like_arguments(self, arrays: list[Any]) -> Any:
        """One array per leaf, in the form of the differentiated argument (a tuple of them for a tuple of argnums)."""
        if self.chosen is EVERYDAY:
            return arrays[0] if self.single else tuple(arrays)
        trees, start = [], 0
        for _, count, rebuild in self.chosen:
            trees.append(rebuild(arrays[start:start + count]))
            start += count
        return trees[0] if self.single else tuple(trees)


def as_float(x: Any) -> Any:
    """A number as NumPy's own scalar, an array as floating-point or complex."""
    a = inexact(x, "a differentiated argument")
    return a if isinstance(x, np.ndarray) else a[()]


def frozen(x: Any) -> Any:
    """The array as it is now."""
    if type(x) is np.ndarray and (x.flags.writeable or may_change(x.base)):
        x = x.copy("K")
        x.setflags(False)
    return x

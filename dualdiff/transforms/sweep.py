"""One sweep: seed the chosen arguments at a fresh level, run the user's function once, read what comes back.

Every transform is a way of seeding and of reading; what they share is here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

from ..dual_array import DualArray, inexact, wrapped
from ..dual_scalar import DualScalar
from ..elementwise import LEVELED
from ..errors import LATEST, BasisError, ConversionError, DualdiffError, EscapeError, RuleError, StructureError
from ..floating import derivative_warnings_ignored
from ..forms import belongs, dual_form
from ..plans.notes import Notes, NotesFailed
from ..policies import WATCH
from ..reading import dtype_of
from ..tangents.coefficients import plain
from ..tangents.leaf import identity_seeds
from ..tangents.level import CareNeeded, Level, is_dual, next_number
from ..tangents.moves import Shape, may_change
from ..tangents.tangent import Tangent
from ..tangents.tape import TapeLeaf
from .bases import over_bases, same_beside_kinks, same_in_another_basis, same_values
from .noting import from_notes, is_brief, noting
from .overflow import honest, lost
from .programs import as_it_runs, lifted_for, remember
from .trees import Rebuild, flatten

Function = Callable[..., Any]


class Sweepable:
    """What a sweep runs: f, the arrays that are seeded, and how f is called with others in their place."""

    f: Function
    args: tuple[Any, ...] = ()
    options: dict[str, Any]
    leaves: list[Any]
    known: Any = None  # what the code of f says, see asking.py
    asked: str = ""  # why f may take another branch than on plain numbers
    whole: Function | None = None  # f with its result in one piece
    lifted: bool | None = False  # whether f runs lifted; None: it cannot

    def call(self, duals: list[Any]) -> Any:
        raise NotImplementedError

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

    def call(self, duals: list[Any]) -> Any:
        if self.chosen is EVERYDAY:
            return self.f(duals[0], *self.args[1:], **self.options)
        args, start = list(self.args), 0
        for number, count, rebuild in self.chosen:
            args[number] = rebuild(duals[start:start + count])
            start += count
        return self.f(*args, **self.options)

    def like_arguments(self, arrays: list[Any]) -> Any:
        """One array per leaf, in the form of the differentiated argument (a tuple of them for a tuple of argnums)."""
        if self.chosen is EVERYDAY:
            return arrays[0] if self.single else tuple(arrays)
        trees, start = [], 0
        for _, count, rebuild in self.chosen:
            trees.append(rebuild(arrays[start:start + count]))
            start += count
        return trees[0] if self.single else tuple(trees)


DOUBLE = np.dtype(np.float64)
PLAIN = (np.ndarray, np.float64)
FIRST = (0, (0,))  # the argnums of most calls
ALONE = operator.itemgetter(0)  # what puts one array in place
EVERYDAY: list[tuple[int, int, Rebuild]] = [(0, 1, ALONE)]


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


def swept(inputs: Sweepable, seed: Callable[[Level], list[tuple[Any, Any]]], read: Callable[[Any, Level], Any],
          holomorphic: bool = False, plan: Any = None, beneath: Any = None) -> Any:
    """``read(f(seeded inputs), level)``; where NumPy asks for plain arrays, f runs once more, lifted."""
    f, latest = inputs.f, LATEST.get()
    as_lifted, inputs.known = as_it_runs(f, (*inputs.args, *inputs.options.values()) if inputs.options else inputs.args)
    if as_lifted is not f:
        inputs.f, inputs.lifted = as_lifted, True
        try:
            return attempted(inputs, seed, read, holomorphic, plan, beneath)
        except Exception as error:  # what f as it stands says of another branch, say, is told below
            if isinstance(error, RuleError) and str(error).startswith("scipy."):
                raise
            if as_lifted.asks:
                inputs.asked, plan = f"f asks for types as duals do not answer, and lifted it fails: {error}", None
    inputs.f, inputs.lifted = f, hasattr(f, "runs_lifted")
    try:
        return attempted(inputs, seed, read, holomorphic, plan, beneath)
    except Exception as error:
        inputs.f, inputs.lifted, why = lifted_for(error, f), True, str(error)
    met = LATEST.get()
    try:
        found = attempted(inputs, seed, read, holomorphic, plan, beneath)
    except Exception as error:
        if why == OBJECTS:
            inputs.f, inputs.lifted = f, None
            with suppress(Exception):
                return attempted(inputs, seed, read, holomorphic, plan, beneath)
        if why != str(error):
            error.add_note(f"f ran lifted: {why}")
        if not isinstance(error, DualdiffError) and any(words in str(error) for words in COMPILED):
            error.add_note("f ran on dual numbers, which compiled code may not take: custom_rule gives it a derivative")
        raise
    except BaseException:  # this way through f is given up for another, which shall start lifted
        remember(f)
        raise
    remember(f)
    if LATEST.get() is met:
        LATEST.set(latest)
    return found


COMPILED = ("Dual", "No matching signature", "ambiguous argument types", "buffer", "dtype('O')")  # what such code complains of


def attempted(inputs: Sweepable, seed: Callable[[Level], list[tuple[Any, Any]]], read: Callable[[Any, Level], Any],
              holomorphic: bool, plan: Any = None, beneath: Any = None) -> Any:
    """``read(f(seeded inputs), level)``; once more, carefully, where an infinite partial was met or one may have been lost."""
    wide: bool | None = is_wide(inputs.leaves)
    careful = wide or WATCH.count > 0
    met = latest = LATEST.get()
    while True:
        level = Level(next_number(), careful, holomorphic)
        level.wide = wide
        if plan is not None and not (careful or holomorphic) and is_brief(inputs):
            level.notes = level.noted = Notes(seed, beneath)
        try:
            with derivative_warnings_ignored():
                result = at_level(level, inputs, seed, read, met, plan)
            if met is not latest and LATEST.get() is met:
                LATEST.set(latest)
            return result
        except (CareNeeded, NotesFailed) as need:
            if not is_of(level, need):  # but of an outer sweep, which starts again
                raise
            careful, wide, plan = (True, need.wide, plan) if type(need) is CareNeeded else (careful, wide, None)
            met = LATEST.get()
        except Exception as error:
            if level.objects and inputs.lifted is False and not isinstance(own_reason(error), EscapeError):
                raise ConversionError(OBJECTS) from error
            if wide:  # much of linear algebra has no long doubles
                wide, met = None, LATEST.get()
                continue
            # NumPy hides our reason behind one of its own, which misleads:
            if (reason := own_reason(error)) is not error:  # "setting an array element with a sequence"
                raise reason.with_traceback(error.__traceback__) from None
            if LATEST.get() is not latest and not isinstance(error, DualdiffError):
                error.add_note(f"Before that, {LATEST.get()[0]}")
            raise
        finally:
            level.close()
            level.wide = wide or None


def is_wide(leaves: list[Any]) -> bool:
    """Whether these are duals of a sweep in long doubles."""
    for x in leaves:  # noqa: SIM110 - half as long as any() takes for one
        if type(x) in LEVELED and x.level.wide:
            return True
    return False


def is_of(level: Level, need: CareNeeded | NotesFailed) -> bool:
    """Whether it is this sweep that has to start again."""
    return need.level is level if type(need) is CareNeeded else level.noted is not None and level.noted.unmade.failed


def own_reason(error: BaseException) -> BaseException:
    """The error of ours that an error was raised from, if it is none of ours itself."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, DualdiffError):
        reason = reason.__cause__
    return error if reason is None else reason


def at_level(level: Level, inputs: Sweepable, seed: Any, read: Any, latest: Any, plan: Any = None) -> Any:
    notes = level.notes
    run: Any = inputs.runner(seed(level), level) if notes is None else None
    try:
        out = run() if notes is None else inputs.call(notes.inputs(inputs.leaves, level))
        if notes is not None:
            if (found := from_notes(out, level, plan, latest)) is not None:
                return found
            run = noting(level, inputs)
        if LATEST.get() is not latest or inputs.asked or level.objects:
            told_from_plain(out, inputs, level, latest)
        if level.careful:
            out = honest(out, run, level)
        elif lost(out):
            raise CareNeeded(level)
        result = read(out, level)
    except BasisError as need:  # vectors of repeated eigenvalues
        if need.level is not level or level.bases is not None:
            raise
        return read(over_bases(run or noting(level, inputs), level, inputs.largest()), level)
    if level.doubt is not None:
        if level.bent is not None:
            same_beside_kinks(inputs, level)
        if level.doubt is not level.bent:
            same_in_another_basis(out, run, level, inputs.largest())
    return result


def told_from_plain(out: Any, inputs: Sweepable, level: Level, latest: Any) -> None:
    """Raise where f may have gone another way than on plain numbers, and did."""
    if LATEST.get() is not latest:
        same_as_plain(out, inputs, latest, f"f caught an error of dualdiff's and went another way: {LATEST.get()[0]}")
    if inputs.asked and not inputs.lifted:
        same_as_plain(out, inputs, latest, inputs.asked)
    if level.objects and not inputs.lifted:
        if inputs.lifted is False:
            raise ConversionError(OBJECTS)
        same_as_plain(out, inputs, latest, OBJECTS)


def same_as_plain(out: Any, inputs: Sweepable, before: list[str], otherwise: str) -> None:
    """Raise ConversionError if f, which has caught the latest error, asked for types or computed with arrays of objects, gives
    other values than for plain numbers: one more run.

    If it meets an error there, too, on duals of an outer sweep, that sweep finds that it is not the one of before.
    """
    met = LATEST.get()
    again = inputs.call([x.copy() for x in inputs.leaves])
    a, b = (flatten(y, "the result of f")[0] for y in (out, again))
    if LATEST.get() is met:
        LATEST.set(before)
    same_values(a, b, inputs.largest(), otherwise, ConversionError)


OBJECTS = "NumPy made an array of objects of a list of dual numbers, whose elements compute as Python's do: make it by " \
          "np.stack, or run the program as dualdiff.lift(f)"


def carefully(level: Level, run: Callable[[], Any]) -> Any:
    """``run()`` on what a sweep recorded; once more under the strong zero where it meets an infinite number."""
    with derivative_warnings_ignored():
        try:
            return run()
        except CareNeeded as need:
            if need.level is not level:
                raise
        level.careful = True
        return run()


def seed_identity(inputs: Inputs) -> Callable[[Level], list[tuple[Any, Any]]]:
    return lambda level: [(leaf, None) for leaf in inputs.seeds(identity_seeds(level, inputs.shapes))]


def seed_tape(inputs: Inputs, roots: list[TapeLeaf]) -> Callable[[Level], list[tuple[Any, Any]]]:
    def seed(level: Level) -> list[tuple[Any, Any]]:
        roots[:] = [TapeLeaf(level, shape) for shape in inputs.shapes]
        return [(root, None) for root in roots]
    return seed


def value_and_eps(x: Any, level: Level) -> tuple[Any, Tangent]:
    """The value of one result and its ε-part at this level, which is empty for a constant.

    What a finished inner sweep left in an array, or was given by hand on top, is of a higher level: there x is its value.
    """
    if type(x) in LEVELED and x.level is level and type(x.value) in PLAIN:  # the result of most programs
        if x.source is not None:
            x.refresh()
        return x.value, x.eps
    while type(x) in LEVELED and x.level.number > level.number:
        if x.source is not None:
            x.refresh()
        x = x.value
    living(x)
    if belongs(x, level):
        if x.source is not None:
            x.refresh()
        return x.value, x.eps
    shape = x.shape if hasattr(x, "shape") else ()
    return x, Tangent({}, shape)


def living(x: Any) -> None:
    """Raise EscapeError if x holds a dual of a sweep that is over."""
    while type(x) in LEVELED:
        if x.level.over:
            raise EscapeError("f used a dual number that an earlier run left in a cache, an attribute or a global: clear that "
                              "before each run, or keep stop_gradient(x) there")
        x = x.value


def of_type(a: Any, dtype: Any) -> Any:
    """A derivative in the type of the result, unless that drops an imaginary part: on the way it may have been wider."""
    have = dtype_of(a)
    return a if have == dtype or have.kind == "c" != dtype.kind else a.astype(dtype)


def callers_own(a: Any, shape: Shape, others: list[Any]) -> Any:
    """The array in this shape as the caller's own: no view, and none of the others."""
    a = a if a.shape == shape else np.broadcast_to(a, shape)
    shared = id(a) in map(id, others)
    if type(a) is np.ndarray:
        return np.array(a) if shared or a.base is not None or not a.flags.writeable else a
    return a.copy() if shared and shape else a


def pairs_of(out: Any, level: Level) -> tuple[list[tuple[Any, Tangent]], Rebuild]:
    """Value, which the caller may write to, and ε-part of each array of the result of f, and what puts others in place."""
    leaves, rebuild = ([out], ALONE) if type(out) in LEVELED else flatten(out)
    pairs = [value_and_eps(leaf, level) for leaf in leaves]
    return [(x.copy() if type(x) is np.ndarray and not x.flags.writeable else x, eps) for x, eps in pairs], rebuild


def scalar_result(out: Any, what: str) -> Any:
    """The one number that a gradient needs; an array of one element counts, as in SciPy."""
    if type(out) is DualScalar:
        return out
    leaves, _ = flatten(out, f"the result of f in {what}")
    if len(leaves) != 1 or np.size(leaves[0]) != 1:
        shape = f"of shape {np.shape(leaves[0])}" if len(leaves) == 1 else f"of {len(leaves)} arrays"
        raise StructureError(f"{what} needs f to return one number; it returned a result {shape}. Use jacobian(f), or "
                             "sum the result")
    return leaves[0] if not np.ndim(leaves[0]) else np.reshape(leaves[0], ())

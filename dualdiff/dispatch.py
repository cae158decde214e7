"""NumPy's functions on duals: each looks up its row and lets the row's kind say what happens.

``__array_function__`` brings every call here; handlers.py says what each kind of row does.
"""

from __future__ import annotations

from functools import cache
from inspect import signature
from typing import Any

import numpy as np

from .assignment import assign, store
from .creation import BUFFERS, LIKE
from .dual import Dual
from .dual_array import DualArray
from .dual_scalar import DualScalar
from .elementwise import LEVELED
from .errors import ConversionError, KinkError, RuleError
from .forms import holds_dual
from .handlers import HANDLERS, einsum_pair, summed
from .plans.steps import IN_STEPS
from .policies import TRACE, WATCH
from .rules import row_of
from .rules.composite import contraction
from .rules.registry import Bilinear, Composite, Formula, Linear, Row, name_of
from .subclasses import refusal, refused_by_masked_arrays
from .tangents.differential import Differential
from .tangents.watch import traced

METHODS = ("all", "any", "argmax", "argmin", "argpartition", "argsort", "clip", "conj", "cumprod", "cumsum", "diagonal", "dot",
           "max", "mean", "min", "nonzero", "prod", "ptp", "ravel", "repeat", "round", "searchsorted", "squeeze", "std",
           "sum", "swapaxes", "take", "trace", "var")


def array_function(function: Any, args: Any, options: dict[str, Any]) -> Any:
    """``function(*args, **options)`` with duals among the arguments."""
    if function in NOTED and (result := noted(function, args, options)) is not None:
        return result
    if function is np.sum and not options and len(args) == 1 and type(args[0]) is DualArray:
        return summed(args[0])
    if len(args) > 1 and "out" in (names := places(function)[1:len(args)]):  # a place that rows do not have
        i = names.index("out") + 1
        args, options = args[:i], {**options, **dict(zip(names[i - 1:], args[i:], strict=True))}
    out = options.pop("out", None) if "out" in options else None
    if out is not None and not any(map(holds_dual, (*args, *options.values()))):
        return store(out, function(*args, **options))
    if function in BUFFERS:
        return BUFFERS[function](*args, **options)
    if function is contraction:
        return einsum_pair(*args)
    row = row_of(function)
    if row is None:
        compiled = type(function).__name__ == "DUFunc"  # by numba; in a lifted program it runs as it was written
        raise (ConversionError if compiled else RuleError)(
            f"{name_of(function)} has no derivative rule in dualdiff yet, so it is refused rather than computed without "
            "its derivative. Write it with functions that have one, or wrap its argument in dualdiff.stop_gradient() "
            "if it is meant as a constant")
    if options and len(args) < 2:  # no row takes more than two arrays, but the three of where
        args = by_place(row, args, options)
    result = watched(row, args, options) if WATCH.count else HANDLERS[type(row)](row, args, options)
    return result if out is None else store(out, result)


NOTED: dict[Any, str] = {
    **dict.fromkeys((np.sum, np.mean, np.max, np.min, np.amax, np.amin, np.prod), "total"), np.cumsum: "running",
    np.matmul: "product", np.dot: "product", np.transpose: "move", np.reshape: "move", np.ravel: "move", np.stack: "row",
    np.concatenate: "joined", np.where: "where", **dict.fromkeys(IN_STEPS, "steps")}
LISTED = (np.stack, np.concatenate)
OPTIONS = {"total": frozenset(("axis", "keepdims")), "running": frozenset(("axis",)),
           "steps": frozenset(("axis", "ddof", "ord"))}


def noted(function: Any, args: Any, options: dict[str, Any]) -> Any:
    """The dual of a call that a sweep notes (plans/notes.py), or None."""
    if options:
        if not options.keys() <= OPTIONS.get(NOTED[function], frozenset()):
            return None
    elif len(args) == 1 and (function is np.sum or function is np.mean):  # what most programs end with
        x = args[0]
        return x.level.notes.total(function, x) if type(x) is DualArray and type(x.source) is int and x.level.notes else None
    if function in LISTED:
        notes = notes_of(args[0]) if len(args) == 1 and type(args[0]) in (list, tuple) else None
    else:
        notes = notes_of(args) if len(args) < 4 else None
    return None if notes is None else getattr(notes, NOTED[function])(function, *args, **options)


def notes_of(parts: Any) -> Any:
    """The open notes of the first dual among these whose operation is noted."""
    for x in parts:
        if (type(x) is DualArray or type(x) is DualScalar) and type(x.source) is int:
            return x.level.notes
    return None


@cache
def places(function: Any) -> tuple[str, ...]:
    """Names of arguments that have a place, if known."""
    try:
        return tuple(name for name, x in signature(function).parameters.items() if x.kind <= x.POSITIONAL_OR_KEYWORD)
    except ValueError:  # a built-in function of an older NumPy
        return {np.dot: ("a", "b", "out"), np.concatenate: ("arrays", "axis", "out")}.get(function, ())


def watched(row: Row, args: Any, options: dict[str, Any]) -> Any:
    """The same while a policy is in force: a kink met inside a composite is told under the name that the user wrote."""
    trace = TRACE.get()
    before = 0 if trace is None else len(trace.found)
    try:
        result = HANDLERS[type(row)](row, args, options)
    except KinkError as error:
        if type(row) is Composite and name_of(row.function) not in str(error):
            raise KinkError(f"{name_of(row.function)}: {error}") from None
        raise
    if trace is None:
        return result
    if type(row) is Composite:
        for record in trace.found[before:]:  # our own functions under the name that the user wrote
            if record.function.startswith("dualdiff."):
                record.function = name_of(row.function)
    if type(row) in (Formula, Linear, Bilinear):
        inputs = [x.eps for x in args if type(x) in LEVELED]
        for part in result if isinstance(result, tuple) else (result,):
            if type(part) in LEVELED:
                traced(trace, row.function, part.value, inputs, part.eps)
    return result


def by_place(row: Row, args: Any, options: dict[str, Any]) -> Any:
    """The arguments, with arrays that were given by name, as in ``np.triu(m=x)``, in their places."""
    count = len(row.differentials) if type(row) is Formula else 2 if type(row) is Bilinear else 1
    if len(args) < count and not getattr(row, "raw", False):
        names = places(row.function)
        if not names:
            raise RuleError(f"{name_of(row.function)}: give its arrays by position")
        for name in names[len(args):count]:
            if name not in options:
                break
            args = (*args, options.pop(name))
    return args


# ---- methods
def install() -> None:
    """Give the classes NumPy's functions, as a protocol and as methods."""
    arrays: Any = DualArray
    numbers: Any = Dual
    for name in ("_data", "_mask"):
        setattr(arrays, name, property(refused_by_masked_arrays))
        setattr(numbers, name, property(refused_by_masked_arrays))
    arrays.__array_function__ = numbers.__array_function__ = protocol
    for name in METHODS:
        setattr(DualArray, name, method_for(name))
    arrays.compress = lambda self, condition, axis=None, out=None: np.compress(condition, self, axis, out)
    arrays.conj = arrays.conjugate = lambda self: np.conj(self) if self.dtype.kind == "c" else self
    arrays.__setitem__ = assign
    for name in ("sum", "mean", "dot", "ravel", "max", "min", "conj"):
        setattr(Dual, name, method_for(name))
    numbers.copy = lambda self, order="C": self
    numbers.reshape = DualArray.reshape
    numbers.astype = lambda self, dtype, **options: np.reshape(self, (1,)).astype(dtype, **options)[0]


KNOWN = frozenset({Dual, DualArray, DualScalar, np.ndarray})


def protocol(self: Any, function: Any, types: Any, args: Any, options: dict[str, Any]) -> Any:
    """``__array_function__``: NumPy calls this for every function with a dual among its arguments, or as its ``like=``."""
    if function in LIKE:
        return LIKE[function](self, *args, **options)
    for kind in types:
        if kind not in KNOWN:
            if kind is Differential or hasattr(kind, "copy_as_dual"):  # which know what to make of a dual
                return NotImplemented
            error = refusal(kind)
            if error is not None:
                raise error
    return array_function(function, args, dict(options))


def method_for(name: str) -> Any:
    function = getattr(np, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        return array_function(function, (self, *args), options)
    method.__name__ = name
    method.__doc__ = f"numpy.{name} of this array."
    return method


install()

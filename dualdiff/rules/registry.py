"""The kinds of row and their registrars: what a derivative rule *is*, before any is written.

A row is data. It is read by every mode: the sum of coefficient × leaf (`tangents/`) applies it forward to sparse and
dense leaves and records it on tape leaves; the tests prove it against SymPy; documentation and errors quote it.
The kinds are plain classes: dataclasses would take a third of the time that importing dualdiff takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

Function = Callable[..., Any]
Partial = Callable[..., Any] | float | None


class Elementwise:
    """``f = function(x, …)`` element by element, with one partial per input.

    A partial is a function of ``(f, x, …)``, a constant number, or None: that input has no derivative and refuses to
    be perturbed. ``joint`` replaces the partials when *several* inputs are perturbed (a tie between two perturbed
    inputs of ``maximum`` is shared; against a constant it takes the least norm). ``real_linear`` is the differential
    ``(f, z, dz) -> df`` used for complex input where f is not holomorphic. ``domain`` is where the row is tested: an
    interval per input. A function with several results has ``outputs``, the partials of each, in terms of the tuple f of
    all results. ``kinks`` has for each input None, or ``("kink" or "jump", where(f, x, …))``.
    """

    __slots__ = ("domain", "function", "holomorphic", "joint", "kinks", "outputs", "partials", "real_linear")

    def __init__(self, function: Function, partials: tuple[Partial, ...], domain: tuple[tuple[float, float], ...],
                 joint: tuple[Partial, ...] | None = None, real_linear: Function | None = None,
                 holomorphic: bool = True, outputs: tuple[tuple[Partial, ...], ...] | None = None,
                 kinks: tuple[Any, ...] | None = None) -> None:
        self.function, self.partials, self.domain, self.joint = function, partials, domain, joint
        self.real_linear, self.holomorphic, self.outputs, self.kinks = real_linear, holomorphic, outputs, kinks


class Gather:
    """Elements are moved (or dropped, or padded with zeros), so the tangent moves the same way.

    The function alone is enough: applied to ``arange`` it yields the index map, forward and transposed. ``batched``
    is the same move as a view, on an array with ``lead`` extra leading axes: ``batched(a, lead, *args)``; ``transpose``
    its transpose, ``transpose(u, lead, shape, *args)``. ``sequence`` marks functions of a sequence of arrays
    (concatenate, stack); ``fills`` says that ``batched`` fills places in, with its argument of that name.
    """

    __slots__ = ("batched", "fills", "function", "sequence", "transpose")

    def __init__(self, function: Function, batched: Function | None = None, transpose: Function | None = None,
                 sequence: bool = False, fills: bool = False) -> None:
        self.function, self.batched, self.transpose = function, batched, transpose
        self.sequence, self.fills = sequence, fills


class Linear:
    """A linear map of one array: a contraction in einsum's notation, or forward on a batch and its transpose.

    ``subscripts(shape, *args) -> "ij->i"``, or ``forward(dx, lead, *args)`` on an array with ``lead`` leading batch
    axes and ``transpose(u, lead, shape, *args)``. It is linear in its first argument; the others are constants.
    ``local``: it acts on each element by itself, as conj, real and imag do, so that no leaf has to become dense.
    ``shape(shape, *args)``: the result's, which else takes a run on zeros to know inside a formula.
    ``sparsely(x, *args)``: the same by moves and products, for sparse leaves, which ``forward`` would make dense.
    ``matrix(shape, *args)``: its matrix where that is sparse, as compressed rows: starts, columns and numbers (None: ones).
    """

    __slots__ = ("forward", "function", "local", "matrix", "shape", "sparsely", "subscripts", "transpose")

    def __init__(self, function: Function, forward: Function | None = None, transpose: Function | None = None,
                 subscripts: Function | None = None, local: bool = False, matrix: Function | None = None,
                 shape: Function | None = None, sparsely: Function | None = None) -> None:
        self.function, self.forward, self.transpose, self.subscripts = function, forward, transpose, subscripts
        self.local, self.matrix, self.shape, self.sparsely = local, matrix, shape, sparsely


class Bilinear:
    """A product of two arrays: ``subscripts(a.ndim, b.ndim, *args) -> "ij,jk->ik"``."""

    __slots__ = ("function", "subscripts")

    def __init__(self, function: Function, subscripts: Function) -> None:
        self.function, self.subscripts = function, subscripts


class Formula:
    """The differential in NumPy on the tangent itself, one formula per array input (the leading arguments).

    ``differentials[i](result, *inputs, d_input_i, **options)`` is the part that input i contributes; None: its
    perturbation has no effect (the condition of ``where``). Where the result is a tuple, so is the differential: one for
    each output, None for a constant one; `outputs.py` holds what else may stand there. ``last``: what is done to the sum of
    the parts, a linear map that all inputs share (result, *inputs, sum). ``smooth``: the same formulas hold at
    other values, which tell a zero of the derivative from what is not perturbed (`overflow.py`).
    """

    __slots__ = ("differentials", "function", "last", "smooth")

    def __init__(self, function: Function, differentials: tuple[Function | None, ...], last: Function | None = None,
                 smooth: bool = False) -> None:
        self.function, self.differentials, self.last, self.smooth = function, differentials, last, smooth


class Composite:
    """Plain NumPy in terms of functions that have rows; no derivative is written.

    Lists that hold duals arrive stacked, and the first argument as an array, unless the row is ``raw``: then the arguments
    arrive as they were written, because their parts may differ in shape or be functions. Where NumPy refuses the arguments
    the definition raises an error without words, for NumPy is then asked for its own.
    """

    __slots__ = ("definition", "function", "raw")

    def __init__(self, function: Function, definition: Function, raw: bool = False) -> None:
        self.function, self.definition, self.raw = function, definition, raw


class Constant:
    """The derivative is zero, or the result is not a real array: the function sees values only.

    ``jump`` says where a function of real values jumps: ``jump(f, x, …)``.
    """

    __slots__ = ("function", "jump", "reason")

    def __init__(self, function: Function, reason: str, jump: Function | None = None) -> None:
        self.function, self.reason, self.jump = function, reason, jump


class Refused:
    """No derivative, for the reason given in words, with the next step."""

    __slots__ = ("function", "reason")

    def __init__(self, function: Function, reason: str) -> None:
        self.function, self.reason = function, reason


Row = Elementwise | Gather | Linear | Bilinear | Formula | Composite | Constant | Refused


ROWS: dict[Any, Row] = {}  # every row, by function


def add(row: Row) -> None:
    """A second row for one function is a mistake and raises at import."""
    if row.function in ROWS:
        raise ValueError(f"{name_of(row.function)} already has a row")
    ROWS[row.function] = row


REAL = (-float("inf"), float("inf"))
POSITIVE = (0.0, float("inf"))
UNIT = (-1.0, 1.0)


def name_of(function: Function) -> str:
    """The name that users know: ``numpy.linalg.inv``, ``numpy.sin``, ``scipy.special.erf``."""
    name = getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None)
    if module is None:  # a ufunc, which does not say where it is from
        public = name.removeprefix("_")  # NumPy has no private ufuncs; SciPy's Python functions call them
        special = sys.modules.get("scipy.special")
        module = "scipy.special" if special and (public != name or getattr(special, name, None) is function) else "numpy"
        name = public
        if module == "numpy" and not hasattr(np, name):  # the user's own
            return name
    return f"{module.removesuffix('._umath_linalg')}.{name}"


def known(*names: str) -> tuple[Any, ...]:
    """NumPy's functions of these names, as far as the installed release has them."""
    return tuple(getattr(np, name) for name in names if hasattr(np, name))


def elementwise(function: Any, *partials: Partial, domain: Any = REAL, joint: tuple[Partial, ...] | None = None,
                real_linear: Function | None = None, holomorphic: bool = True, kinks: tuple[Any, ...] | None = None) -> None:
    if len(partials) != function.nin:
        raise ValueError(f"{name_of(function)} takes {function.nin} inputs, the row has {len(partials)} partials")
    domains = domain if isinstance(domain[0], tuple) else (domain,) * len(partials)
    add(Elementwise(function, partials, domains, joint, real_linear, holomorphic, kinks=kinks))


def elementwise_outputs(function: Any, *outputs: tuple[Partial, ...]) -> None:
    """The row of a ufunc with several results: for each, its partials in terms of ``(f, x, …)``, f the tuple of results."""
    if [len(partials) for partials in outputs] != [function.nin] * function.nout:
        raise ValueError(f"{name_of(function)} has {function.nin} inputs and {function.nout} results; "
                         f"the row has partials {[len(partials) for partials in outputs]}")
    add(Elementwise(function, outputs[0], (REAL,) * function.nin, outputs=outputs))


def gather(function: Function, batched: Function | None = None, transpose: Function | None = None, *,
           sequence: bool = False, fills: bool = False) -> None:
    add(Gather(function, batched, transpose, sequence, fills))


def linear(function: Function, forward: Function | None = None, transpose: Function | None = None, *,
           subscripts: Function | None = None, local: bool = False, matrix: Function | None = None,
           shape: Function | None = None, sparsely: Function | None = None) -> None:
    if (subscripts is None) == (forward is None or transpose is None):
        raise ValueError(f"{name_of(function)} needs either subscripts, or forward and transpose side by side")
    add(Linear(function, forward, transpose, subscripts, local, matrix, shape, sparsely))


def bilinear(function: Function, subscripts: Function) -> None:
    add(Bilinear(function, subscripts))


def formula(function: Function, *differentials: Function | None, last: Function | None = None, smooth: bool = False) -> None:
    add(Formula(function, differentials, last, smooth))


def composite(*functions: Function, raw: bool = False) -> Callable[[Function], Function]:
    def register(definition: Function) -> Function:
        for function in functions:
            add(Composite(function, definition, raw))
        return definition
    return register


def primitive(function: Function) -> Function:
    """A function of our own that dispatches on its first argument as NumPy's do, so that it can have a row."""
    @wraps(function)
    def call(x: Any, *args: Any, **options: Any) -> Any:
        if type(x) is np.ndarray or not hasattr(x, "__array_function__") or issubclass(type(x), np.ndarray):
            return function(x, *args, **options)
        return x.__array_function__(call, (), (x, *args), options)
    return call


def either(where: Any, there: Function, elsewhere: Any) -> Any:
    """``np.where(where, there(), elsewhere)``; where the condition holds nowhere, ``there`` is not asked."""
    return np.where(where, there(), elsewhere) if np.any(where) else elsewhere


def smooth(*partials: Partial) -> Callable[[Function], Function]:
    """A function that partials are written with and that has partials itself: to the levels below a sweep's own it is one
    operation, not the dozen that it is computed by.
    """
    def register(function: Function) -> Function:
        @wraps(function)
        def call(*inputs: Any) -> Any:
            for x in inputs:
                if hasattr(x, "level"):
                    return x.__array_ufunc__(call, "__call__", *inputs)
            return function(*inputs)
        call.nin = len(partials)  # type: ignore[attr-defined]
        elementwise(call, *partials)
        return call
    return register


def constant(reason: str, *functions: Function, jump: Function | None = None) -> None:
    for function in functions:
        add(Constant(function, reason, jump))


def refused(reason: str, *functions: Function) -> None:
    for function in functions:
        add(Refused(function, reason))

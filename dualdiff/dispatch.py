"""NumPy's functions on duals: each looks up its row and lets the row's kind say what happens.

``__array_function__`` brings every call here. The value is computed by NumPy itself on the values; the ε-part by the row.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .dual import Dual
from .dual_array import DualArray, DualScalar, array, from_objects, lifted, lowered, scalar, view_move, wrapped
from .errors import AssignmentError, EscapeError, RuleError
from .operators import LEVELED, operand
from .rules.composite import contraction
from .rules.registry import (ROWS, Bilinear, Composite, Constant, Elementwise, Formula, Gather, Linear, Refused, Row,
                             name_of)
from .tangents.differential import Differential, contracted, gathered, mapped
from .tangents.join import joined_terms
from .tangents.level import HAND, Level
from .tangents.tangent import Tangent

METHODS = ("all any argmax argmin argsort clip compress conj cumprod cumsum diagonal dot max mean min nonzero prod ptp ravel "
           "repeat round searchsorted squeeze std sum swapaxes take trace var").split()


def array_function(function: Any, args: Any, options: dict[str, Any]) -> Any:
    """``function(*args, **options)`` with duals among the arguments."""
    if function is np.sum and not options and len(args) == 1 and type(args[0]) is DualArray:
        return summed(args[0])
    out = options.pop("out", None) if "out" in options else None
    if function in BUFFERS:
        return BUFFERS[function](*args, **options)
    row = ROWS.get(function)
    if row is None:
        if function is contraction:
            return einsum_pair(*args)
        raise RuleError(
            f"{name_of(function)} has no derivative rule in dualdiff yet, so it is refused rather than computed without "
            "its derivative. Write it with functions that have one, or wrap its argument in dualdiff.stop_gradient() "
            "if it is meant as a constant")
    result = HANDLERS[type(row)](row, args, options)
    return result if out is None else store(out, result)


# ---- arguments -------------------------------------------------------------------------------------------------------
def dual_form(x: Any) -> Any:
    """A Dual by hand, or a list that holds duals, as a leveled dual; anything else as it is."""
    if type(x) is Dual:
        return lifted(x)
    if type(x) in LEVELED:
        if x.source is not None:
            x.refresh()
        return x
    if isinstance(x, list | tuple) and holds_dual(x):
        return np.stack([dual_form(part) if holds_dual(part) else np.asarray(part, float) for part in x])
    if isinstance(x, np.ndarray) and x.dtype == object:
        return from_objects(x)
    return x


def holds_dual(x: Any) -> bool:
    return hasattr(x, "level") or isinstance(x, list | tuple) and any(map(holds_dual, x))


def top_level(parts: Any) -> Level:
    levels = [x.level for x in parts if type(x) in LEVELED]
    top: Level = max(levels, key=lambda level: level.number)
    return top


def belongs(x: Any, level: Level) -> bool:
    return type(x) in LEVELED and (x.level is level or x.level.number == level.number)


def value_at(x: Any, level: Level) -> Any:
    """The argument as a constant of this level: its value if it belongs here, itself if it is lower."""
    return x.value if belongs(x, level) else x


def stripped(x: Any) -> Any:
    """The value under every level, inside lists too."""
    while hasattr(x, "level"):
        x = x.value
    if isinstance(x, list | tuple) and holds_dual(x):
        return type(x)(map(stripped, x))
    return x


def as_array(x: Any) -> Any:
    return x if hasattr(x, "shape") else np.asarray(x)


def constants(args: Any, options: dict[str, Any], function: Any) -> None:
    """Arguments beside the arrays (axes, shapes, indices) must be constants."""
    for x in (*args, *options.values()):
        if holds_dual(x):
            raise RuleError(f"{name_of(function)}: only its array arguments can be perturbed; wrap the other in "
                            "dualdiff.stop_gradient() if it is meant as a constant")


# ---- what each kind of row does --------------------------------------------------------------------------------------
def run_composite(row: Composite, args: Any, options: dict[str, Any]) -> Any:
    return row.definition(*(as_array(dual_form(x)) if i == 0 and not isinstance(x, str) else dual_form(x)
                            for i, x in enumerate(args)), **options)


def run_constant(row: Constant, args: Any, options: dict[str, Any]) -> Any:
    return row.function(*map(stripped, args), **{name: stripped(x) for name, x in options.items()})


def run_refused(row: Refused, args: Any, options: dict[str, Any]) -> Any:
    raise RuleError(f"{name_of(row.function)} has no derivative: {row.reason}")


def run_elementwise(row: Elementwise, args: Any, options: dict[str, Any]) -> Any:
    return row.function(*args, **options)


def run_gather(row: Gather, args: Any, options: dict[str, Any]) -> Any:
    if row.sequence:
        return run_join(row, args, options)
    x, rest = dual_form(args[0]), tuple(map(stripped_index, args[1:]))
    constants(rest, options, row.function)
    if type(x) not in LEVELED:
        raise RuleError(f"{name_of(row.function)}: only its array argument can be perturbed")
    value = row.function(x.value, *rest, **options)
    shape = np.shape(value) if not hasattr(value, "shape") else value.shape
    result = wrapped(value, gathered(row, x.eps, shape, rest, options), x.level)
    if row.view and type(result) is DualArray and type(x) is DualArray:
        link_view(result, x, row, rest, options)
    return maybe_scalar(result, args)


def stripped_index(x: Any) -> Any:
    return x


def link_view(result: DualArray, base: DualArray, row: Gather, rest: Any, options: dict[str, Any]) -> None:
    """Where NumPy's result shares memory with its input, later writes to either must be seen by both."""
    from .tangents.moves import Move
    plain_result, plain_base = stripped(result), stripped(base)
    if np.may_share_memory(plain_result, plain_base):
        result.source = (base, base.version, Move(row, base.shape, result.shape, rest, options), None)


def run_join(row: Gather, args: Any, options: dict[str, Any]) -> Any:
    """Concatenate and its kin: the function is applied to positions, which then say where each element comes from."""
    pieces = [as_array(dual_form(x)) for x in args[0]]
    constants(args[1:], options, row.function)
    dtype = options.pop("dtype", None)
    options.pop("casting", None)
    if dtype is not None:
        pieces = [x.astype(dtype) for x in pieces]
    level = top_level(pieces)
    positions, start = [], 0
    for x in pieces:
        size = prod(x.shape)
        positions.append(np.arange(start, start + size).reshape(x.shape))
        start += size
    index = row.function(positions, *args[1:], **options)
    value = row.function([value_at(x, level) for x in pieces], *args[1:], **options)
    return array(value, joined(pieces, index, level), level)


def joined(pieces: list[Any], index: Any, level: Level) -> Tangent:
    tangents = [x.eps if belongs(x, level) else Tangent({}, x.shape) for x in pieces]
    shape = np.shape(index)
    return Tangent(joined_terms(tangents, index, shape), shape)


def run_linear(row: Linear, args: Any, options: dict[str, Any]) -> Any:
    x, rest = dual_form(args[0]), args[1:]
    if row.function is np.sum:
        x, rest, options, initial = sum_arguments(x, *rest, **options)
    constants(rest, options, row.function)
    if row.local and not np.iscomplexobj(x.value):
        return maybe_scalar(x if row.function is not np.imag else row.function(x.value), args)
    value = row.function(x.value, *rest, **options)
    shape = np.shape(value) if not hasattr(value, "shape") else value.shape
    result = maybe_scalar(wrapped(value, mapped(row, x.eps, x.level, shape, rest, options), x.level), args)
    return result if row.function is not np.sum or initial is None else result + initial


def sum_arguments(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
                  initial: Any = None, where: Any = True) -> tuple[Any, Any, dict[str, Any], Any]:
    """numpy.sum's extras, done first: a mask selects, a type converts, an initial value is added after."""
    if out is not None:
        raise AssignmentError("numpy.sum with out= of dual numbers: assign the result instead, out[...] = x.sum(...)")
    if where is not True:
        x = np.where(where, x, 0)
    if dtype is not None:
        x = x.astype(dtype)
    keep = keepdims is not False and keepdims is not np._NoValue and bool(keepdims)
    return x, (), {"axis": axis, "keepdims": keep} if keep else {"axis": axis}, initial


def summed(x: DualArray) -> Any:
    """The sum of all elements: what most programs end with."""
    if x.source is not None:
        x.refresh()
    value = x.value
    return scalar(np.add.reduce(value, axis=None) if type(value) is np.ndarray else np.sum(value), x.eps.total(), x.level)


def run_bilinear(row: Bilinear, args: Any, options: dict[str, Any]) -> Any:
    a, b = (as_array(dual_form(x)) for x in args[:2])
    if a.shape == () or b.shape == ():
        if row.function in (np.dot, np.inner):
            return a * b
        raise ValueError(f"{name_of(row.function)}: an operand is a scalar, arrays of one or more dimensions are needed")
    level = top_level((a, b))
    x, y = value_at(a, level), value_at(b, level)
    subscripts = row.subscripts(a.ndim, b.ndim, *args[2:], **options)
    return product_of(row.function(x, y, *args[2:], **options), subscripts, a, b, x, y, level)


def product_of(value: Any, subscripts: str, a: Any, b: Any, x: Any, y: Any, level: Level) -> Any:
    """Σ a b: d(a b) = da b + a db."""
    eps = None
    if belongs(a, level):
        eps = contracted(subscripts, 0, a.eps, y, level)
    if belongs(b, level):
        part = contracted(subscripts, 1, b.eps, x, level)
        eps = part if eps is None else eps.plus(part)
    assert eps is not None
    return wrapped(value, eps, level)


def einsum_pair(subscripts: str, *operands: Any) -> Any:
    """Einsum of one or two operands."""
    operands = tuple(as_array(dual_form(x)) for x in operands)
    level = top_level(operands)
    values = [value_at(x, level) for x in operands]
    value = contraction(subscripts, *values)
    if len(operands) == 1:
        return wrapped(value, contracted(subscripts, 0, operands[0].eps, None, level), level)
    return product_of(value, subscripts, *operands, *values, level)


def run_formula(row: Formula, args: Any, options: dict[str, Any]) -> Any:
    n = len(row.differentials)
    if row.function is np.where and len(args) == 1:
        return np.nonzero(stripped(args[0]))
    inputs = [as_array(dual_form(x)) for x in args[:n]]
    constants(args[n:], options, row.function)
    options = {name: x for name, x in options.items() if x is not np._NoValue}
    if row.function is np.where:
        inputs[0] = stripped(inputs[0])
    level = top_level(inputs)
    values = [value_at(x, level) for x in inputs]
    f = row.function(*values, *args[n:], **options)
    eps = None
    with np.errstate(all="ignore"):
        for d, x in zip(row.differentials, inputs, strict=True):
            if d is not None and belongs(x, level):
                part = d(f, *values, Differential(x.eps, level), *args[n:], **options).tangent
                eps = part if eps is None else eps.plus(part)
    if eps is None:
        raise RuleError(f"{name_of(row.function)}: only its array arguments can be perturbed")
    return maybe_scalar(wrapped(f, eps, level), args)


HANDLERS: dict[type[Row], Callable[..., Any]] = {
    Composite: run_composite, Constant: run_constant, Refused: run_refused, Elementwise: run_elementwise,
    Gather: run_gather, Linear: run_linear, Bilinear: run_bilinear, Formula: run_formula}


def maybe_scalar(result: Any, args: Any) -> Any:
    """A plain Dual where a plain Dual came in."""
    if type(result) is DualScalar and result.level is HAND and any(type(x) is Dual for x in args):
        return lowered(result)
    return result


# ---- new arrays of the same kind -------------------------------------------------------------------------------------
def buffer_like(make: Any) -> Any:
    """zeros_like and its kin: an array that duals can be written into, not yet perturbed."""
    def like(x: Any, *args: Any, **options: Any) -> Any:
        x = dual_form(x)
        options.pop("subok", None)
        value = make(x.value, *args, **options)
        if value.dtype.kind in "iub":
            return value
        return array(value, Tangent({}, value.shape), x.level)
    return like


def full_like(x: Any, fill_value: Any, *args: Any, **options: Any) -> Any:
    if not holds_dual(fill_value):
        return buffer_like(lambda v, *a, **o: np.full_like(v, fill_value, *a, **o))(x, *args, **options)
    result = np.zeros_like(x, *args, **options) if hasattr(x, "level") else \
        buffer_like(np.zeros_like)(dual_form(fill_value), shape=np.shape(x))
    result[...] = fill_value
    return result


BUFFERS: dict[Any, Any] = {
    np.zeros_like: buffer_like(np.zeros_like), np.empty_like: buffer_like(np.zeros_like), np.full_like: full_like,
    np.copy: lambda a, order="K", subok=False: dual_form(a).copy(), np.iscomplexobj: lambda x: np.iscomplexobj(stripped(x)),
}


# ---- assignment ------------------------------------------------------------------------------------------------------
def assign(x: DualArray, index: Any, value: Any) -> None:
    """``x[index] = value`` with NumPy's semantics: names and views of x see it, the caller's arrays never change.

    Cost: one pass over x and its leaves.
    """
    x.refresh()
    value = as_array(dual_form(value))
    if type(value) not in LEVELED and value.dtype.kind not in "fciub":
        raise AssignmentError(f"cannot assign {value.dtype} values to a dual array")
    positions = np.arange(x.size).reshape(x.shape)
    places = positions[index]
    try:
        filled = np.broadcast_to(value, np.shape(places))
    except ValueError:
        if value.size != 1 and value.shape[:max(0, value.ndim - np.ndim(places))].count(1) == value.ndim - np.ndim(places):
            filled = np.broadcast_to(np.reshape(value, value.shape[value.ndim - np.ndim(places):]), np.shape(places))
        else:
            raise AssignmentError(f"could not broadcast input array from shape {value.shape} into shape "
                                  f"{np.shape(places)}") from None
    if np.iscomplexobj(stripped(value)) and not np.iscomplexobj(stripped(x)):
        raise AssignmentError("cannot assign complex values to a real array: the imaginary part would be dropped; "
                              "make the array complex first")
    if x.source is not None:
        base = x.source[0]
        origin = view_move(x.source).apply(np.arange(base.size).reshape(base.shape)).ravel()
        write(base, origin[np.ravel(places)], np.reshape(filled, -1))
        x.refresh()
    else:
        write(x, np.ravel(places), np.reshape(filled, -1))


def write(x: DualArray, places: Any, value: Any) -> None:
    """Flat places of x (a view passes them on to its base) take the values."""
    if x.source is not None:
        base = x.source[0]
        origin = view_move(x.source).apply(np.arange(base.size).reshape(base.shape)).ravel()
        write(base, origin[places], value)
        x.refresh()
        return
    level = top_level([x, value])
    old = x if belongs(x, level) else array(x, Tangent({}, x.shape), level) if type(x.value) is not DualArray or x.eps.terms \
        else array(x.value, Tangent({}, x.shape), level)
    if old is not x and not x.eps.terms:
        old = array(x.value, Tangent({}, x.shape), level)  # a fresh buffer rises to the level of what is written
    elif old is not x:
        raise AssignmentError("an array of an outer differentiation cannot take values of an inner one; "
                              "build the result with numpy.stack, numpy.concatenate or numpy.where")
    index = np.arange(x.size)
    index[places] = np.arange(x.size, x.size + prod(value.shape))
    new_value = value_at(value, level)
    both = np.concatenate([np.reshape(old.value, -1), np.reshape(new_value, -1)])[index]
    x.value = np.reshape(both, x.shape).astype(x.dtype) if type(both) is np.ndarray else np.reshape(both, x.shape)
    x.eps = joined([array(old.value, old.eps, level), value], index.reshape(x.shape), level)
    x.level = level
    x.version += 1


def store(out: Any, result: Any) -> Any:
    """``out=``: the result written into a dual array that the caller owns."""
    if type(out) is not DualArray:
        raise EscapeError(f"out={type(out).__name__} is a plain array: it would drop the derivative; "
                          "use out=np.zeros_like(x) with a dual x, or no out= at all")
    if out.shape != np.shape(result):
        raise AssignmentError(f"non-broadcastable output operand: out has shape {out.shape}, the result {np.shape(result)}")
    assign(out, ..., result)
    return out


# ---- methods ---------------------------------------------------------------------------------------------------------
def install() -> None:
    def protocol(self: Any, function: Any, types: Any, args: Any, options: dict[str, Any]) -> Any:
        return array_function(function, args, dict(options))

    def method_for(name: str) -> Any:
        function = getattr(np, name)

        def method(self: Any, *args: Any, **options: Any) -> Any:
            return array_function(function, (self, *args), options)
        method.__name__ = name
        method.__doc__ = f"numpy.{name} of this array."
        return method

    for cls in (DualArray, Dual):
        cls.__array_function__ = protocol                                                  # type: ignore
    for name in METHODS:
        setattr(DualArray, name, method_for(name))
    DualArray.conjugate = DualArray.conj                                                   # type: ignore
    for name in ("sum", "mean", "dot", "ravel", "max", "min", "astype", "reshape", "copy", "conj"):
        if not hasattr(Dual, name):
            setattr(Dual, name, method_for(name) if hasattr(np, name) and name != "astype" else None)
    Dual.astype = lambda self, dtype, **options: np.reshape(self, (1,)).astype(dtype, **options)[0]   # type: ignore


install()
assert operand is not None

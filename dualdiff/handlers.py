"""What each kind of row does: the value is computed by NumPy itself on the values; the ε-part by the row."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import numpy as np

from .dual import Dual, escape
from .dual_array import DualArray, array, lowered, scalar, wrapped
from .dual_scalar import DualScalar
from .elementwise import LEVELED, shape_of
from .equalities import warn_of_equality
from .errors import ConversionError, DualdiffError, RuleError
from .errstate import all_ignored
from .forms import belongs, dual_form, holds_dual, in_a_row, stripped, top_level, value_at
from .operands import constant
from .policies import WATCH
from .reading import dtype_of
from .rules.composite import contraction
from .rules.gather import as_array, floating, sections
from .rules.linear import as_part
from .rules.outputs import Restated, Without
from .rules.registry import Bilinear, Composite, Constant, Elementwise, Formula, Gather, Linear, Refused, Row, name_of
from .subclasses import base_array, is_subclassed
from .tangents.coefficients import generic
from .tangents.differential import Differential, contracted, mapped, unmoved
from .tangents.join import Arrangement
from .tangents.joined import joined_or_later
from .tangents.level import HAND, Level, is_dual
from .tangents.moves import PLAIN, Map, as_key, kept, move_of, sealed
from .tangents.tangent import Tangent
from .tangents.undefined import Undefined
from .tangents.watch import observed
from .views import link, settle, where_it_lies


def constants(args: Any, options: dict[str, Any], function: Any) -> None:
    """Arguments beside the arrays (axes, shapes, indices) must be constants."""
    for x in (*args, *options.values()) if options else args:
        if type(x) in PLAIN:
            continue
        if is_subclassed(x):
            base_array(x)
        if holds_dual(x):
            raise RuleError(f"{name_of(function)}: only its array arguments can be perturbed; wrap the other in "
                            "dualdiff.stop_gradient() if it is meant as a constant")


# ---- what each kind of row does
KEPT = (str, np.poly1d)
WRITERS = (np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal)


def run_composite(row: Composite, args: Any, options: dict[str, Any]) -> Any:
    try:
        if row.raw:
            return row.definition(*args, **options)
        if row.function in WRITERS and args and type(args[0]) is np.ndarray and args[0].dtype == object:
            raise ConversionError(f"{name_of(row.function)} writes to an array of objects: run the program as dualdiff.lift(f)")
        if len(args) == 1 and not options and type(args[0]) is DualArray:
            args[0].refresh()
            return row.definition(args[0])
        return row.definition(*(as_array(dual_form(x)) if i == 0 and not isinstance(x, KEPT) else dual_form(x)
                                for i, x in enumerate(args)), **{name: dual_form(x) for name, x in options.items()})
    except DualdiffError:
        raise
    except Exception:
        if row.function not in WRITERS:
            row.function(*map(stripped, args), **{name: stripped(x) for name, x in options.items()})
        raise


def run_constant(row: Constant, args: Any, options: dict[str, Any]) -> Any:
    result = row.function(*map(stripped, args), **{name: stripped(x) for name, x in options.items()})
    if row.jump is not None and WATCH.count:
        return stepped(row, result, args, options)
    if row.function is np.isin:
        x, y = args[0], args[1] if len(args) > 1 else options["test_elements"]
        for a, b in ((x, y), (y, x)):
            warn_of_equality(np.isin(stripped(a), stripped(b)), a)
    elif row.function in EQUALITIES:
        warn_of_equality(EQUALITIES[row.function](result), *args[:2])
    elif row.function in TEXTS:
        return f"dual {result}" if holds_dual(args[0]) else result
    elif row.function in TRUTHS and not (row.function is np.any and np.all(result)):
        for x in args[:2]:
            tell_of_zeros(x)
    return result


def tell_of_zeros(x: Any) -> None:
    """x is taken for truth values, which ask x == 0 of elements of which many may be structural zeros."""
    if is_dual(x):
        warn_of_equality(np.equal(stripped(x), 0), x, truth=True)


EQUALITIES: dict[Any, Any] = {np.equal: np.asarray, np.array_equal: np.asarray,
                              np.array_equiv: np.asarray, np.not_equal: np.logical_not}
TEXTS = (np.array_repr, np.array_str, np.array2string)
TRUTHS = {np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero, np.any, np.all, np.logical_not, np.logical_and,
          np.logical_or, np.logical_xor}


def stepped(row: Constant, f: Any, args: Any, options: dict[str, Any]) -> Any:
    """The value of a step function, NaN or an error in its ε-part where a perturbed element is at a jump, if that is asked."""
    inputs = tuple(dual_form(x) for x in args[:getattr(row.function, "nin", 1)])
    rest = (*args[len(inputs):],)

    def holds(f: Any, *x: Any) -> Any:
        return row.jump(f, *x, *rest, **options)  # type: ignore[misc]
    level = top_level(inputs)
    tangents = tuple(x.eps if belongs(x, level) else None for x in inputs)
    eps = observed(row, f, tuple(map(stripped, inputs)), tangents, None, (("jump", holds),) * len(inputs))
    return f if eps is None else wrapped(f, eps, level)


def run_refused(row: Refused, args: Any, options: dict[str, Any]) -> Any:
    bare = [constant(dual_form(x)) if holds_dual(x) else x for x in args]
    if not any(map(holds_dual, (*bare, *options.values()))):  # arrays of a lifted program that took no dual
        return row.function(*bare, **options)
    raise RuleError(f"{name_of(row.function)} has no derivative: {row.reason}")


def run_elementwise(row: Elementwise, args: Any, options: dict[str, Any]) -> Any:
    return row.function(*args, **options)


EACH = (np.atleast_1d, np.atleast_2d, np.atleast_3d)  # which take several arrays and answer for each


def run_gather(row: Gather, args: Any, options: dict[str, Any]) -> Any:
    if row.sequence:
        return run_join(row, args, options)
    if len(args) > 1 and row.function in EACH:
        return tuple(map(row.function, args))
    x, rest = dual_form(args[0]), tuple(args[1:])
    constants(rest, options, row.function)
    if type(x) not in LEVELED:
        raise RuleError(f"{name_of(row.function)}: only its array argument can be perturbed")
    value = row.function(x.value, *rest, **options)
    shape = shape_of(value)
    move = move_of(row, x.eps.shape, shape, rest, options)
    result = wrapped(value, x.eps.gather(move), x.level)
    # Where NumPy's result shares memory with its input, or is its input, later writes to either must be seen by both.
    if type(result) is DualArray and type(x) is DualArray:
        place = where_it_lies(x)
        seen = value if place is x.value else row.function(place, *rest, **options)
        if (type(seen) is not np.ndarray or seen.base is not None or seen is place) \
                and np.may_share_memory(stripped(seen), stripped(place)):
            link(result, x, move, None)
    return maybe_scalar(result, args)


def run_join(row: Gather, args: Any, options: dict[str, Any]) -> Any:
    """Concatenate and its kin: what the function does to the values, it does to coefficients and columns too."""
    if row.function is np.stack and len(args) == 1 and not options and (numbers := in_a_row(args[0])) is not None:
        return numbers
    pieces = [as_array(dual_form(x)) for x in args[0]]
    constants(args[1:], options, row.function)
    dtype = options.pop("dtype", None)
    options.pop("casting", None)
    if dtype is not None:
        pieces = [x.astype(dtype) for x in pieces]
    level = top_level(pieces)
    def place(arrays: list[Any]) -> Any:
        return row.function(arrays, *args[1:], **options)

    value = place([value_at(x, level) for x in pieces])
    shapes = [x.shape for x in pieces]
    key = None if level.geometry is None else name_for_later((row.function, *shapes), args[1:], options)
    how = Arrangement(place, shapes, key, dtype_of(value))
    how.sections = lambda: sections(row.function, args[1:], options, shapes, value.ndim)
    tangents = [x.eps if belongs(x, level) else Tangent({}, x.shape) for x in pieces]
    return array(value, joined_or_later(tangents, how, value.shape), level)


def name_for_later(what: Any, args: Any, options: dict[str, Any]) -> Any:
    """A name for a function with these arguments, if it can be told by them in a later sweep; else None."""
    try:
        key = (*what, as_key(args), as_key(options))
        hash(key)
    except TypeError:
        return None
    return key


def run_linear(row: Linear, args: Any, options: dict[str, Any]) -> Any:
    x, rest = dual_form(args[0]), args[1:]
    if row.function is np.sum:
        x, rest, options, initial = sum_arguments(x, *rest, **options)
    constants(rest, options, row.function)
    if row.local and row.function is not as_part and not np.iscomplexobj(x.value):
        part = row.function
        return maybe_scalar(x if part is np.real else x.copy("K") if part is np.conj else np.imag(x.value), args)
    function = np.add.reduce if row.function is np.sum and type(x.value) is np.ndarray else row.function
    value = function(x.value, *rest, **options)
    shape = shape_of(value)
    kind = dtype_of(value).kind
    if kind in "iub" or (row.function is np.cumsum and kind != dtype_of(x.value).kind == "c"):
        raise escape(f"{name_of(row.function)} with dtype={dtype_of(value).name}", "leave dtype out, or make it float")
    result = maybe_scalar(wrapped(value, mapped(row, x.eps, x.level, shape, rest, options), x.level), args)
    if row.local and type(result) is DualArray and np.may_share_memory(stripped(result), stripped(x)):
        link(result, x, Map(row, x.shape, shape, rest, options), None)
    return result if row.function is not np.sum or initial is None else result + initial


def sum_arguments(x: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = None,
                  where: Any = True) -> tuple[Any, Any, dict[str, Any], Any]:
    """numpy.sum's extras, done first: a mask selects, a type converts, an initial value is added after."""
    if where is not True:
        x = np.where(where, x, 0)
    if dtype is not None:
        x = x.astype(dtype)
    keep = keepdims is not False and keepdims is not np._NoValue and bool(keepdims)
    return x, (), {"axis": axis, "keepdims": keep} if keep else {"axis": axis}, initial


def summed(x: DualArray) -> Any:
    """The sum of all elements: what most programs end with."""
    if x.source is not None:
        settle(x)
    value = x.value
    return scalar(np.add.reduce(value, axis=None) if type(value) is np.ndarray else np.sum(value), x.eps.total(), x.level)


def run_bilinear(row: Bilinear, args: Any, options: dict[str, Any]) -> Any:
    a, b = as_array(dual_form(args[0])), as_array(dual_form(args[1]))
    if a.shape == () or b.shape == ():
        row.function(stripped(a), stripped(b), *args[2:], **options)  # where that is an error, NumPy says so
        return a * b
    level = top_level((a, b))
    x, y = floating([value_at(a, level), value_at(b, level)])
    if type(x) is DualArray and type(y) is np.ndarray:  # each level would copy the constant for itself
        y = sealed(y)
    elif type(y) is DualArray and type(x) is np.ndarray:
        x = sealed(x)
    value = row.function(x, y, *args[2:], **options)  # first: NumPy says what does not fit
    return product_of(value, row.subscripts(a.ndim, b.ndim, *args[2:], **options), (a, b), (x, y), level)


def product_of(value: Any, subscripts: str, operands: Any, values: Any, level: Level) -> Any:
    """Σ a b: d(a b) = da b + a db."""
    first, second = belongs(operands[0], level), belongs(operands[1], level)
    if level.generic:
        values = [generic(v, not own) for v, own in zip(values, (first, second), strict=True)]
    elif not level.careful and level.meter is None and values[0].shape == values[1].shape and is_inner(subscripts):
        (a, b), (x, y) = operands, values  # a constant is the program's own, which it may write to again
        eps = a.eps.scaled(y, x.shape).plus(b.eps.scaled(x, x.shape)) if first and second else \
            a.eps.scaled(kept(y), x.shape) if first else b.eps.scaled(kept(x), x.shape)
        return wrapped(value, eps.total(), level)
    if not second:
        return wrapped(value, contracted(subscripts, 0, operands[0].eps, values[1], level), level)
    t = operands[1].eps
    if not first:
        return wrapped(value, contracted(subscripts, 1, t, values[0], level), level)
    s = operands[0].eps
    eps = contracted(subscripts, 0, s.beside(t), values[1], level, False)
    return wrapped(value, eps.plus(contracted(subscripts, 1, t.beside(s), values[0], level, False)), level)


@lru_cache(maxsize=64)
def is_inner(subscripts: str) -> bool:
    """Whether every axis of one operand meets the same axis of the other and is summed: then the product is a scaled array's
    total, which is one coefficient more.
    """
    left, right = subscripts.removesuffix("->").split(",")
    return left == right and len(set(left)) == len(left)


def einsum_pair(subscripts: str, *operands: Any) -> Any:
    """Einsum of one or two operands."""
    operands = tuple(as_array(dual_form(x)) for x in operands)
    level = top_level(operands)
    values = floating([value_at(x, level) for x in operands])
    value = contraction(subscripts, *values)
    if len(operands) == 1:
        return wrapped(value, contracted(subscripts, 0, operands[0].eps, None, level), level)
    return product_of(value, subscripts, operands, values, level)


def run_formula(row: Formula, args: Any, options: dict[str, Any]) -> Any:
    if row.function is np.where:
        return where(*args)
    n = len(row.differentials)
    inputs: list[Any] = [dual_form(x) if type(x) is DualArray else x if isinstance(x, dict | None) else as_array(dual_form(x))
                         for x in args[:n]]
    constants(args[n:], options, row.function)
    if options:
        options = {name: x for name, x in options.items() if x is not np._NoValue}
    level = top_level(inputs)
    values = [value_at(x, level) for x in inputs]
    f = row.function(*values, *args[n:], **options)
    f = tuple(map(unmoved, f)) if type(f) is tuple else unmoved(f)
    parts: list[Any] = []  # what each perturbed input contributes
    with all_ignored():
        at = f
        values = floating(values)
        if level.generic and row.smooth:
            values = [generic(v, not belongs(x, level)) for v, x in zip(values, inputs, strict=True)]
            at = row.function(*values, *args[n:], **options)
        for d, x in zip(row.differentials, inputs, strict=True):
            if d is not None and belongs(x, level) and x.eps.terms:
                part = d(at, *values, Differential(x.eps.for_formula(), level), *args[n:], **options)
                if isinstance(part, Restated):
                    f, part = part.f if at is f else f, part.parts
                parts.append(part)
        if row.last is not None and parts:
            parts = [row.last(at, *values, sum(parts[1:], parts[0]), *args[n:], **options)]
    if not parts and not any(belongs(x, level) for x in inputs):
        raise RuleError(f"{name_of(row.function)}: only its array arguments can be perturbed")
    if not isinstance(f, tuple):
        return maybe_scalar(output(f, parts, level), args)
    outputs = [maybe_scalar(output(value, mine, level), args) for value, *mine in zip(f, *parts, strict=True)]
    return type(f)(*outputs) if hasattr(f, "_fields") else tuple(outputs)


def where(condition: Any, *choices: Any) -> Any:
    """``np.where``: what is chosen among the values is chosen among the coefficients."""
    if holds_dual(condition):
        condition = dual_form(condition)
        tell_of_zeros(condition)
        return np.where(stripped(condition), *choices)
    keep = np.asarray(condition)
    # plain numbers take the type of the other array
    inputs: list[Any] = [x if isinstance(x, int | float | complex) else as_array(dual_form(x)) for x in choices]
    level = top_level(inputs)
    f = unmoved(np.where(keep, *[value_at(x, level) for x in inputs]))
    if not level:
        return f
    s, t = (x.eps if belongs(x, level) else Tangent({}, f.shape) for x in inputs)
    return maybe_scalar(wrapped(f, s.or_where(keep, t, f), level), choices)


def output(value: Any, parts: list[Any], level: Level) -> Any:
    """One result of a formula with what each perturbed input contributes to its differential (None: nothing)."""
    eps: Any = None if parts else Tangent({}, np.shape(value))
    for part in parts:
        if isinstance(part, Without):
            known = None if part.known is None else part.known.tangent
            lost = Undefined(part.reason, np.shape(value), part.level, part.missing, known)
            return wrapped(value, cast(Tangent, lost), level)
        if part is not None:
            eps = part.tangent if eps is None else eps.plus(part.tangent)
    return value if eps is None else wrapped(value, eps, level)


HANDLERS: dict[type[Row], Callable[..., Any]] = {
    Composite: run_composite, Constant: run_constant, Refused: run_refused, Elementwise: run_elementwise,
    Gather: run_gather, Linear: run_linear, Bilinear: run_bilinear, Formula: run_formula}


def maybe_scalar(result: Any, args: Any) -> Any:
    """A plain Dual where a plain Dual came in."""
    if type(result) is DualScalar and result.level is HAND and any(type(x) is Dual for x in args):
        return lowered(result)
    return result

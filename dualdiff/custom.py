"""custom_rule: the public way to give one's own function a row, which every mode then reads.

Each way to say a derivative becomes the differential of a formula row: partials scale the tangent, a Jacobian contracts
it, a pair of forward and transpose is one linear map of it. So levels, leaves and the tape are what they are for NumPy's
functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from math import prod
from typing import Any

import numpy as np

from .dispatch import by_place, watched
from .dual_array import inexact
from .errors import RuleError, ShapeError, StructureError, require_function
from .forms import holds_dual
from .handlers import run_formula
from .policies import WATCH
from .reading import dtype_of
from .rules.bilinear import LETTERS
from .rules.composite import contraction
from .rules.gather import as_array
from .rules.linear import sparse_product
from .rules.registry import Formula, Linear, name_of
from .subclasses import refusal as refusal_of
from .tangents.differential import Differential
from .tangents.moves import Map, kept
from .tangents.tangent import Tangent

Function = Callable[..., Any]
Rules = Function | Sequence[Any]


def custom_rule(function: Function | None = None, *, partials: Rules | None = None, jacobians: Rules | None = None,
                differentials: Rules | None = None, forward: Rules | None = None, transpose: Rules | None = None,
                batched: bool = False) -> Any:
    """Give your own function a derivative rule: a decorator, for code that duals cannot run through or should not.

    The function takes arrays (or numbers) first and returns one array; it is called with plain ones, and may be
    compiled or call a solver. Its first arguments, one for each rule, may be perturbed; None as a rule refuses that
    argument by name, and whatever follows is constant. A function of one argument needs no tuple. Give one of:

    * ``partials``: of a function that acts element by element, ``p(f, x, …)`` is ∂f/∂x at each element, or a number;
    * ``jacobians``: ``J(f, x, …)`` is an array of shape R + S for x of shape S and a result f of shape R, or a
      ``scipy.sparse`` matrix of f.size × x.size;
    * ``forward`` and ``transpose``: ``forward(f, x, …, dx)`` is the derivative along dx, of shape R, and
      ``transpose(f, x, …, u)`` its transpose (not conjugated) applied to u, of shape S. With ``batched=True`` they take k
      directions at once, dx of shape (k, *S) and u of (k, *R); otherwise they are called for one after the other. Either
      may be left out: then the mode that needs it is refused by name;
    * ``differentials``: ``d(f, x, …, dx)`` written with NumPy's linear operations on dx, which is neither array nor dual;
      ``lambda f, A, dA: -f @ dA @ f`` for an inverse serves every mode. The function may return a tuple here.

    A rule is called with f and x of the level below, so written in NumPy it can be differentiated itself, to any order.
    Elementwise and Jacobian rules keep sparse tangents sparse; the others make them dense. Raises StructureError for a
    malformed row, ShapeError where a rule returns another shape; ``testing.check_rule`` checks all else.

    The idea is that of JAX's ``custom_jvp``, and autograd's ``defjvp`` and ``defvjp``.

    >>> import math
    >>> from dualdiff import derivative
    >>> @custom_rule(partials=lambda f, x: math.cos(x))
    ... def sine(x):
    ...     return math.sin(x)
    >>> derivative(sine)(0.0)
    np.float64(1.0)
    """
    if function is None:
        return lambda f: custom_rule(f, partials=partials, jacobians=jacobians, differentials=differentials,
                                     forward=forward, transpose=transpose, batched=batched)
    require_function(function, "custom_rule")
    given = {"partials": partials, "jacobians": jacobians, "differentials": differentials,
             "forward and transpose": forward if forward is not None else transpose}
    kinds = [kind for kind, rules in given.items() if rules is not None]
    if len(kinds) != 1:
        raise StructureError(f"custom_rule of {name_of(function)} needs one of partials=, jacobians=, differentials=, or "
                             f"forward= and transpose=; got {' and '.join(kinds) or 'none'}. For example "
                             "@custom_rule(partials=lambda f, x: np.cos(x))")

    if kinds[0] == "forward and transpose":
        pairs = paired(function, forward, transpose)
        made = tuple([pair_rule(function, i, ahead, back, batched) for i, (ahead, back) in enumerate(pairs)])
    else:
        build = {"partials": partial_rule, "jacobians": jacobian_rule, "differentials": differential_rule}[kinds[0]]
        rules = listed(function, kinds[0], given[kinds[0]])
        made = tuple([refusal(function, i) if rule is None else build(function, i, rule) for i, rule in enumerate(rules)])
    return ruled(function, made)


def ruled(function: Function, made: tuple[Function, ...]) -> Function:
    """The function with its differentials; without a cycle, so that arrays that it and they close over go with it."""
    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if not any(holds_dual(x) or is_object(x) for x in (*args, *options.values())):
            return function(*args, **options)
        again = ruled(function, made)
        args = by_place(Formula(again, made), args, options)
        here = Formula(again, made[:len(args)])
        return watched(here, args, options) if WATCH.count else run_formula(here, args, options)
    return call


def is_object(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == object


def guarded(rule: Function) -> Function:
    """The rule on copies: what it writes to its arguments stays with it."""
    return lambda *args, **options: rule(*map(kept, args), **options)


def numbers_of(call: Function, i: int, p: Any, *known: Any) -> Any:
    """What a rule returned, as floats of our own: it may fill the same array again."""
    if dtype_of(p).kind == "c" and not any(dtype_of(x).kind == "c" for x in known):
        raise StructureError(f"the rule of {place(call, i)} gives {dtype_of(p)} numbers; the function's argument and "
                             "result are real")
    if hasattr(p, "tocsr"):
        return p * 1.0
    if hasattr(p, "level") or not isinstance(p, np.ndarray | list | tuple | dict | str | None):
        return p
    return np.array(inexact(p, f"the rule of {place(call, i)}"))


def listed(call: Function, kind: str, rules: Any) -> tuple[Any, ...]:
    found = tuple(rules) if isinstance(rules, list | tuple) else (rules,)
    numbers = int | float | complex | np.number if kind == "partials" else ()
    for i, rule in enumerate(found):
        if rule is not None and not callable(rule) and not isinstance(rule, numbers):
            raise StructureError(f"custom_rule of {name_of(call)}: {kind}[{i}] is {rule!r}; it must be a function or None")
    if not found:
        raise StructureError(f"custom_rule of {name_of(call)}: {kind} is empty; give one rule for each argument")
    return tuple(guarded(rule) if callable(rule) else rule for rule in found)


def paired(call: Function, forward: Any, transpose: Any) -> list[tuple[Any, Any]]:
    ahead = None if forward is None else listed(call, "forward", forward)
    back = None if transpose is None else listed(call, "transpose", transpose)
    n = len(ahead if ahead is not None else back or ())
    if back is not None and len(back) != n:
        raise StructureError(f"custom_rule of {name_of(call)} has {n} forward rules and {len(back)} transposes; "
                             "give one of each for each argument")
    return list(zip(ahead or (None,) * n, back or (None,) * n, strict=True))


def place(call: Function, i: int) -> str:
    return f"{name_of(call)}, argument {i}"


def refusal(call: Function, i: int) -> Function:
    def refuse(*args: Any, **options: Any) -> Any:
        raise RuleError(f"{place(call, i)}: its custom_rule has None there, so it cannot be perturbed; give it a rule, or "
                        "wrap the argument in dualdiff.stop_gradient() if it is meant as a constant")
    return refuse


def one_array(call: Function, f: Any) -> tuple[int, ...]:
    if isinstance(f, tuple | list | dict | None) or refusal_of(type(f)) or dtype_of(f).kind in "USMm":
        raise StructureError(f"{name_of(call)} returned a {type(f).__name__}; a function with a custom_rule returns one plain "
                             "array of numbers (a tuple only with differentials=)")
    return np.shape(f) if not hasattr(f, "shape") else f.shape


# ---- each way to say a derivative, as the differential of a formula
def partial_rule(call: Function, i: int, rule: Any) -> Function:
    """df = p ⊙ dx."""
    def differential(f: Any, *rest: Any, **options: Any) -> Any:
        inputs, dx, others = parted(rest)
        shape = one_array(call, f)
        p = numbers_of(call, i, rule(f, *inputs, *others, **options) if callable(rule) else rule, f, *inputs)
        try:
            fits = np.broadcast_shapes(dx.shape, np.shape(p), shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"{place(call, i)}: partials act element by element, but the argument has shape {dx.shape}, the "
                             f"partial {np.shape(p)} and the result {shape}; use jacobians= or forward= and transpose=")
        return Differential(dx.tangent.chained(p, shape, f) if dx.level.careful else dx.tangent.scaled(p, shape), dx.level)
    return differential


def jacobian_rule(call: Function, i: int, rule: Function) -> Function:
    """df[r] = Σ_s J[r, s] dx[s]."""
    def differential(f: Any, *rest: Any, **options: Any) -> Any:
        inputs, dx, others = parted(rest)
        shape = one_array(call, f)
        J = numbers_of(call, i, rule(f, *inputs, *others, **options), f, *inputs)
        if hasattr(J, "tocsr"):
            expected: tuple[int, ...] = (prod(shape), prod(dx.shape))
        else:
            J, expected = as_array(J), shape + dx.shape
        if J.shape != expected:
            raise ShapeError(f"{place(call, i)}: its Jacobian has shape {J.shape}; the result has shape {shape} and the "
                             f"argument {dx.shape}, so the Jacobian must be {expected}")
        if hasattr(J, "tocsr"):
            return np.reshape(sparse_product(np.ravel(dx), J.tocsr()), shape)
        labels = LETTERS[:len(J.shape)]
        rows, columns = labels[:len(shape)], labels[len(shape):]
        return contraction(f"{columns},{labels}->{rows}", dx, J)
    return differential


def differential_rule(call: Function, i: int, rule: Function) -> Function:
    def differential(f: Any, *rest: Any, **options: Any) -> Any:
        df = rule(f, *rest, **options)
        several = isinstance(f, tuple)
        if several and (not isinstance(df, tuple) or len(df) != len(f)):
            raise StructureError(f"{place(call, i)}: the function returned {len(f)} results, so must its differential")
        for y, dy in zip(f, df, strict=True) if several else ((f, df),):
            if not isinstance(dy, Differential) and not (dy is None and several):
                raise StructureError(f"{place(call, i)}: its differential returned {type(dy).__name__}; it must be written "
                                     "with NumPy's linear operations on dx")
            if dy is not None and dy.shape != one_array(call, y):
                raise ShapeError(f"{place(call, i)}: its differential has shape {dy.shape}; the result has {np.shape(y)}")
            if dy is not None:  # coefficients may be arrays that the rule closes over
                dy.tangent = Tangent({leaf: kept(c) for leaf, c in dy.tangent.terms.items()}, dy.shape)
        return df
    return differential


def pair_rule(call: Function, i: int, ahead: Any, back: Any, batched: bool) -> Function:
    """df = forward(dx), recorded with its transpose."""
    if ahead is None and back is None:
        return refusal(call, i)

    def at_once(rule: Any, name: str, known: Any, options: Any, v: Any, lead: int, shape: tuple[int, ...]) -> Any:
        if rule is None:
            mode, other = ("forward", "reverse") if name == "forward" else ("reverse", "forward")
            raise RuleError(f"{place(call, i)}: its custom_rule has no {name}, which {mode} mode needs; give it {name}=, or "
                            f"use {other} mode")
        known, others = known
        result = rule(*known, v[None] if batched and not lead else v, *others, **options)
        result = as_array(numbers_of(call, i, result, *known, v))
        result = result[0] if batched and not lead and result.shape[:1] == (1,) else result
        if result.shape != v.shape[:lead] + shape:
            raise ShapeError(f"{place(call, i)}: {name} returned shape {result.shape} for a direction of shape {v.shape}; it "
                             f"must be {v.shape[:lead] + shape}")
        return result

    def applied(rule: Any, name: str, known: Any, options: Any, v: Any, lead: int, shape: tuple[int, ...]) -> Any:
        if rule is None or not lead or batched:
            return at_once(rule, name, known, options, v, lead, shape)
        parts = [at_once(rule, name, known, options, part, 0, shape) for part in v]
        return np.stack(parts) if parts else np.zeros((0, *shape))

    def differential(f: Any, *rest: Any, **options: Any) -> Any:
        inputs, dx, others = parted(rest)
        shape = one_array(call, f)
        known = kept(((f, *inputs), others)) if dx.tangent.on_tape else ((f, *inputs), others)  # the program may write to them
        row = Linear(call, lambda v, lead: applied(ahead, "forward", known, options, v, lead, shape),
                     lambda u, lead, own: applied(back, "transpose", known, options, u, lead, own))
        return Differential(dx.tangent.linear(Map(row, dx.shape, shape, (), {})), dx.level)
    return differential


def parted(rest: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, tuple[Any, ...]]:
    """The inputs before the differential, the differential, and the constants behind it."""
    at = next(i for i, x in enumerate(rest) if isinstance(x, Differential))
    return rest[:at], rest[at], rest[at + 1:]

"""What stands for SciPy's functions, classes and objects: itself where nothing is perturbed, and ours where something is."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

from ..elementwise import LEVELED
from ..errors import RuleError
from ..forms import dual_form, holds_dual, stripped
from ..operands import constant
from ..reading import dtype_of

FUNCTIONS: dict[int, Any] = {}  # by id of SciPy's, which the counterpart keeps
COMPILED = ("builtin_function_or_method", "cython_function_or_method", "fortran")  # as their types are called
KINDS: dict[type, Callable[[Any], Any]] = {}  # by class: what its instances are seen as


def counterpart_of(x: Any) -> Any:
    """The counterpart of a function, a class or an object of SciPy, or None."""
    if id(x) in FUNCTIONS:
        return FUNCTIONS[id(x)]
    if type(x).__name__ in COMPILED:
        return Counterpart(x, refusal(x), False)
    if isinstance(x, type):  # whose objects are seen as they are made
        see = next((KINDS[kind] for kind in x.__mro__ if kind in KINDS), None)
        return see and Counterpart(x, lambda *args, **options: see(x(*args, **options)), True)
    return next((KINDS[kind](x) for kind in type(x).__mro__ if kind in KINDS), None)


def refusal(x: Any) -> Callable[..., Any]:
    def refuse(*args: Any, **options: Any) -> Any:
        raise RuleError(f"{x.__module__}.{x.__name__} is compiled and has no derivative rule: custom_rule gives it, or "
                        "the function around it, one")
    return refuse


class Counterpart:
    """A function or class of SciPy in a lifted program: ``function`` where an argument is perturbed, else ``original``.

    ``always`` is for those that take a function, whose closure may hold the duals.
    """

    def __init__(self, original: Any, function: Callable[..., Any], always: bool) -> None:
        update_wrapper(self, original)
        self.original, self.function, self.always = original, function, always

    def __call__(self, *args: Any, **options: Any) -> Any:
        args, options = constants_plain(args, options)
        if self.always or any(map(holds_dual, args)) or any(map(holds_dual, options.values())):
            return self.function(*args, **options)
        result = self.original(*args, **options)
        return KINDS[type(result)](result) if type(result) in KINDS else result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, self.original)

    def __mro_entries__(self, bases: Any) -> tuple[Any, ...]:
        return (self.original,)  # of a class derived from it

    def __subclasscheck__(self, kind: Any) -> bool:
        return issubclass(kind, self.original)

    def __or__(self, other: Any) -> Any:
        return self.original | getattr(other, "original", other)


def plain_if_constant(x: Any) -> Any:
    """An argument as SciPy takes it if nothing in it is perturbed, else as our rows do."""
    if isinstance(x, list | tuple) and not hasattr(x, "_fields"):
        return type(x)(map(plain_if_constant, x)) if holds_dual(x) else x
    x = dual_form(x) if hasattr(x, "level") else x
    return constant(x) if type(x) in LEVELED else x


def constants_plain(args: Any, options: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, each of them so."""
    return tuple(map(plain_if_constant, args)), {name: plain_if_constant(x) for name, x in options.items()}


def counterpart(original: Any, *, always: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: the function that stands for SciPy's ``original``, with its signature, on duals."""
    def register(function: Callable[..., Any]) -> Counterpart:
        FUNCTIONS[id(original)] = made = Counterpart(original, function, always)
        return made
    return register


def without_rule(original: Any, advice: str) -> None:
    """A function of SciPy's without a derivative rule: where something is perturbed it says what to do instead."""
    name = f"{original.__module__.split('._')[0]}.{original.__name__}"

    @counterpart(original)
    def refuse(*args: Any, **options: Any) -> Any:
        raise RuleError(f"{name} has no derivative rule; {advice}")


def with_tangent(value: Any, exact: Any) -> Any:
    """SciPy's value, signs of zeros included, with the derivative of the exact one."""
    if not holds_dual(exact):
        return value
    d = stripped(exact) - exact
    return value - (d.astype(value.dtype) if type(value) is np.ndarray and value.dtype != dtype_of(d) else d)

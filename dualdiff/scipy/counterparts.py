"""What stands for SciPy's functions, classes and objects: itself where nothing is perturbed, and ours where something is."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ..dual_array import DualArray
from ..elementwise import LEVELED
from ..errors import RuleError
from ..forms import dual_form, holds_dual, stripped
from ..lifted_classes import ORIGIN, RUNS
from ..operands import constant
from ..reading import dtype_of
from ..tangents.level import is_dual
from ..views import along, root_of

FUNCTIONS: dict[int, Any] = {}  # by id of SciPy's, which the counterpart keeps
COMPILED = ("builtin_function_or_method", "cython_function_or_method", "fortran")  # as their types are called
KINDS: dict[type, Callable[[Any], Any]] = {}  # by class: what its instances are seen as
CLASSES: dict[type, Callable[[Any], Any]] = {}  # by class: what is seen in place of classes of the user's derived from it


def counterpart_of(x: Any) -> Any:
    """The counterpart of a function, a class or an object of SciPy, or None."""
    if id(x) in FUNCTIONS:
        return FUNCTIONS[id(x)]
    if type(x).__name__ in COMPILED:
        return Counterpart(x, refusal(x), False)
    if isinstance(x, type):  # whose objects are seen as they are made
        base = next((kind for kind in x.__mro__ if kind in KINDS), None)
        if base in CLASSES:
            return CLASSES[base](x)
        return base and Counterpart(x, lambda *args, **options: KINDS[base](x(*args, **options)), True)
    return next((KINDS[kind](x) for kind in type(x).__mro__ if kind in KINDS), None)


def refusal(x: Any) -> Callable[..., Any]:
    def refuse(*args: Any, **options: Any) -> Any:
        raise RuleError(f"{'.'.join([*filter(None, [getattr(x, '__module__', None)]), x.__name__])} is compiled and has no "
                        "derivative rule: custom_rule gives it, or the function around it, one")
    return refuse


class Counterpart:
    """A function or class of SciPy in a lifted program: ``function`` where an argument is perturbed, else ``original``.

    ``always`` is for those that take a function, whose closure may hold the duals.
    """

    def __init__(self, original: Any, function: Callable[..., Any], always: bool) -> None:
        update_wrapper(self, original, updated=())
        self.original, self.function, self.always = original, function, always

    def __call__(self, *args: Any, **options: Any) -> Any:
        given, named = constants_plain(args, options)
        if self.always or any(map(holds_dual, given)) or any(map(holds_dual, named.values())):
            return self.function(*given, **named)
        return kind_seen(writing_back(self.original, args, options, given, named))

    def __getattr__(self, name: str) -> Any:
        x = getattr(self.original, name)
        users = RUNS and type(x) in (FunctionType, MethodType) and not self.original.__module__.startswith("scipy.")
        return RUNS[-1].of(x) if users else x

    def __eq__(self, other: object) -> bool:
        other = vars(other).get(ORIGIN, other) if isinstance(other, type) else other
        return self.original is getattr(other, "original", other)

    def __hash__(self) -> int:
        return hash(self.original)

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, self.original)

    def __mro_entries__(self, bases: Any) -> tuple[Any, ...]:
        return (self.original,)  # of a class derived from it

    def __subclasscheck__(self, kind: Any) -> bool:
        return issubclass(getattr(kind, "original", kind), self.original)

    def __or__(self, other: Any) -> Any:
        return self.original | getattr(other, "original", other)


def kind_seen(x: Any) -> Any:
    """A result of SciPy's, and what is in a tuple of them, as its class is seen."""
    return tuple(map(kind_seen, x)) if type(x) is tuple else KINDS[type(x)](x) if type(x) in KINDS else x


def plain_if_constant(x: Any) -> Any:
    """An argument as SciPy takes it if nothing in it is perturbed, else as our rows do."""
    if isinstance(x, list | tuple) and not hasattr(x, "_fields"):
        return type(x)(map(plain_if_constant, x)) if holds_dual(x) else x
    x = dual_form(x) if is_dual(x) else x
    if type(x) not in LEVELED:
        return x
    value = constant(x)
    if type(value) is np.ndarray and type(x.source) is tuple:
        return along(x, root_of(x).value)
    return value if value is x else plain_if_constant(value)  # of a lower level, perhaps


def constants_plain(args: Any, options: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, each of them so."""
    return tuple(map(plain_if_constant, args)), {name: plain_if_constant(x) for name, x in options.items()}


def writing_back(function: Any, args: Any, options: Any, given: Any, named: Any) -> Any:
    """``function(*given, **named)``; what it writes to the memory of dual arrays becomes an assignment to these."""
    lent = [(x, a, a.copy("K")) for x, a in zip((*args, *options.values()), (*given, *named.values()), strict=True)
            if type(x) is DualArray and type(a) is np.ndarray]
    result = function(*given, **named)
    written = [(x, a, old, a.copy("K")) for x, a, old in lent if not np.array_equal(a, old) and a.tobytes() != old.tobytes()]
    if not written:
        return result

    def apart(part: Any) -> Any:
        if type(part) in (tuple, list):
            return type(part)(map(apart, part))
        shared = type(part) is np.ndarray and any(np.may_share_memory(part, a) for _, a, *_ in written)
        return next((x for x, a, *_ in written if part is a), part.copy("K")) if shared else part
    result = apart(result)
    for _, a, old, _ in written:  # at which derivatives may have been taken
        a[...] = old
    for x, _, _, new in written:
        x[...] = new  # type: ignore[index]
    return result


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
    return value - (d.astype(value.dtype) if isinstance(value, np.ndarray | np.generic) and value.dtype != dtype_of(d) else d)

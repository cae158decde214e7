"""Which programs run as they stand, and which lifted: told by what they name, or by the error that they met."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, cached_property, partial
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any
from weakref import ref

import numpy as np

from ..errors import BasisError, ConversionError, DualdiffError, EscapeError
from ..plans.reach import is_within_reach
from ..tangents.level import CareNeeded
from .asking import Known, is_ours, is_users, known_of

Function = Callable[..., Any]
PARTS = frozenset(("fft", "fftpack", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "spatial",
                   "stats"))  # of SciPy, whose functions have counterparts in lifted programs
LIFTED: dict[int, Any] = {}  # by id of its code, which is referred to: programs that did not run as they stand
FUNCTIONS = (FunctionType, MethodType)
CONTAINERS = (list, tuple, dict)
PLAIN = frozenset((np.ndarray, float, int, str, bool, type(None), np.float64, np.ufunc))
INSIDE: Any = {staticmethod: "__func__", classmethod: "__func__", property: "fget", cached_property: "func"}
MAKING = ("__new__", "__init__", "__post_init__")
UNNAMED = ("__call__", "__getitem__", *(f"__{side}{name}__" for side in ("", "r") for name in (
    "add", "sub", "mul", "matmul", "truediv", "pow")))  # what runs without being named
FREE: Any = ([], [], type(None))  # nothing is met that may change
SHORT = 50  # functions in a list that are looked at


def as_it_runs(f: Any, args: tuple[Any, ...] = ()) -> tuple[Any, Known | None]:
    """f, lifted from the start if it calls SciPy or asks for types, or did not run as it stands before; and what is known of
    it if it is not.

    What f reaches may change between calls: a helper is defined anew, a closure made of another function. So what was found
    is watched.
    """
    inner = body = f
    if type(f) is not FunctionType:
        while type(inner) is partial:
            inner = inner.func
        body = body_of(inner)
    code = getattr(body, "__code__", None)
    if type(code) is not CodeType:
        return f, None
    if (found := LIFTED.get(id(code))) is None or found() is not code:
        known = known_of(body)
        if known.ours or (body is not f and not known.users):
            return f, None  # of ours, and of classes of libraries, the code is around many programs
        owner = None if type(inner) is FunctionType else getattr(inner, "__self__", inner)
        given = parts_of(f) if inner is not f else []
        for x in args:
            if type(x) not in PLAIN and may_ask(x):
                given.append(x)
        if known.found is not None and not given and (known.found == FREE or unchanged(body, owner, *known.found)):
            return f, known
        walk = Walk()
        if not walk.reaches(body, known, owner, True) and not any(walk.asked(x, known) for x in given):
            known.within, known.compares = is_within_reach(f) and not walk.compares, walk.compares
            known.found = None if given or walk.lost else (walk.own, walk.watched, type(owner))
            return f, known
    from ..lifting import lift
    lifted: Any = lift(f)
    lifted.asks = found is None and not walk.scipys
    return lifted, None


def body_of(f: Any) -> Any:
    """The function that runs where f is called: of an object, and of a partial call of it, that of its class."""
    while type(f) is partial:
        f = f.func
    return f if hasattr(f, "__code__") else type(f).__call__


def parts_of(f: Any) -> list[Any]:
    """Functions that a partial call is given."""
    found = []
    while type(f) is partial:
        found += [x for x in (*f.args, *f.keywords.values()) if type(x) in FUNCTIONS]
        f = f.func
    return found


def unchanged(f: Any, owner: Any, own: list[Any], watched: list[Any], kind: Any) -> bool:
    """Whether f reaches what it reached when that was looked up."""
    if own:
        try:
            for cell, seen in zip(f.__closure__, own, strict=True):
                x = cell.cell_contents
                if x is not seen() if seen is not None else type(x) not in PLAIN and (
                        type(x) not in CONTAINERS or functions_in(x)):
                    return False
        except ValueError:  # one is not yet assigned
            return False
    for space, name, seen in watched:
        x = owner.__dict__.get(name) if space is None else space.get(name) if name is not None else space.cell_contents
        if x is not seen() if seen is not None else type(x) not in PLAIN and (type(x) not in CONTAINERS or functions_in(x)):
            return False
    return type(owner) is kind


class Walk:
    """Over f and the functions of the user's that it names: whether one asks what only lift answers as for numbers, or names
    one of SciPy's functions without a rule, which only lift reaches: an error would tell, too, but some solvers print it.

    ``watched``: where what was met was found, (names, name, reference), None for the names of the object that f belongs to, and
    for the name of what a closure holds. ``own``: what that of f holds. ``lost``: something met cannot be referred to.
    ``compares``: a function compares ``x.__class__``, which lift does not answer either, or asks where lift does not reach.
    """

    def __init__(self) -> None:
        self.met: set[Any] = set()
        self.watched: list[Any] = []
        self.own: list[Any] = []
        self.lost = self.scipys = self.compares = False

    def watch(self, space: Any, name: Any, x: Any) -> Any:
        try:
            seen = None if type(x) in PLAIN or (type(x) in CONTAINERS and not functions_in(x)) else ref(x)
        except TypeError:
            self.lost = True
            return None
        if name is not None or space is not None:
            self.watched.append((space, name, seen))
        return seen

    def reaches(self, f: Any, known: Any, owner: Any, first: bool = False) -> bool:
        if known.asks:
            return True
        self.met.add(id(f.__code__))
        self.compares = self.compares or known.classes
        names = f.__globals__
        for name in known.outside:
            x = names.get(name)
            if type(x) is not ModuleType:
                self.watch(names, name, x)
            if x is not np and type(x) not in PLAIN and self.asked(x, known):
                return True
        for cell in f.__closure__ or ():
            try:
                x = cell.cell_contents
            except ValueError:  # not yet assigned
                self.lost = True
                continue
            plain = type(x) in PLAIN
            if first:
                self.own.append(None if plain else self.watch(None, None, x))
            elif not plain:
                self.watch(cell, None, x)
            if not plain and self.asked(x, known):
                return True
        given = (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values())
        return any(self.asked(x, known) for x in given if type(x) not in PLAIN) or (
            owner is not None and self.methods_ask(owner, known, first))

    def asked(self, x: Any, known: Any) -> bool:
        """The same of what such a function names."""
        kind = type(x)
        if kind in FUNCTIONS:
            mine = known_of(x)
            return (mine.root == known.root or mine.users) and id(x.__code__) not in self.met and \
                self.reaches(x, mine, getattr(x, "__self__", None))
        if kind in CONTAINERS:
            return any(self.asked(part, known) for part in functions_in(x))
        if kind is partial:
            return any(self.asked(part, known) for part in (x.func, *x.args, *x.keywords.values()))
        home = x.__name__ if kind is ModuleType else str(getattr(x, "__module__", "")) if callable(x) else ""
        if home == "scipy" or home.startswith("scipy."):
            self.scipys = not PARTS.isdisjoint(known.names if home == "scipy" else home.split(".")[1:2])
            return self.scipys
        found = self.methods_ask(x, known)
        if found and kind is SimpleNamespace and not self.scipys:  # whose functions lift does not reach
            self.compares = True
            return False
        return found

    def methods_ask(self, x: Any, known: Any, first: bool = False) -> bool:
        """The same of methods of an object of the user's, and of what it holds, by the names that are used."""
        kind: Any = x if isinstance(x, type) else type(x)
        home: Any = x if kind is ModuleType else kind
        if (id(x), known) in self.met or not (kind is SimpleNamespace or is_users_class(home)):
            return False
        self.met.add((id(x), known))  # by other names it has other methods
        held = {} if kind is x else getattr(x, "__dict__", {})
        for name in (*known.names, *(UNNAMED if kind is not x else (*UNNAMED, *MAKING))):
            if (part := held.get(name)) is not None and type(part) not in PLAIN:
                self.watch(None if first else held, name, part)
                if self.asked(part, known):
                    return True
            for cls in kind.__mro__[:-1]:
                method = cls.__dict__.get(name)
                if type(method) is FunctionType:
                    self.watch(cls.__dict__, name, method)
                method = getattr(method, INSIDE[type(method)]) if type(method) in INSIDE else method
                if type(method) is FunctionType and id(method.__code__) not in self.met and \
                        self.reaches(method, known_of(method), x):
                    return True
        return False


def functions_in(x: Any) -> list[Any]:
    """Those of a short list, tuple or dict, and the user's objects."""
    parts = () if len(x) > SHORT else x.values() if type(x) is dict else x
    return [part for part in parts if type(part) not in PLAIN and may_ask(part)]


def may_ask(x: Any) -> bool:
    kind: Any = type(x)
    return kind in FUNCTIONS or kind is partial or kind is SimpleNamespace or is_users_class(kind)


@cache
def is_users_class(kind: Any) -> bool:
    """The same of a module."""
    home = str(kind.__name__ if type(kind) is ModuleType else kind.__module__)
    root = home.partition(".")[0]
    return root == "__main__" or (root not in sys.stdlib_module_names and root not in ("dualdiff", "numpy", "scipy") and
                                  "-packages" not in str(getattr(sys.modules.get(home), "__file__", "")))


def remember(f: Any) -> None:
    """That f runs lifted; of a function of ours around it, the user's."""
    if is_ours(f):
        for cell in getattr(f, "__closure__", None) or ():
            if type(cell.cell_contents) is FunctionType:
                remember(cell.cell_contents)
    elif hasattr(body := body_of(f), "__code__") and (body is f or is_users(body)):
        key = id(body.__code__)
        LIFTED[key] = ref(body.__code__, partial(LIFTED.pop, key))


def lifted_for(error: Any, f: Function) -> Function:
    """f lifted, where NumPy's or SciPy's need of plain arrays may be the reason of an error; else the error is raised again."""
    asked = isinstance(error, ConversionError) or (
        isinstance(error, TypeError | AttributeError) and not isinstance(error, DualdiffError)) or (
        str(error).startswith("reduction operation"))  # of objects, where a mask needs what is true of numbers
    if not asked and (isinstance(error, CareNeeded | BasisError) or not met_in_scipy(error)):
        raise error
    if str(error).startswith("Iterator operand"):
        raise EscapeError("numpy.nditer reads the memory of plain arrays: loop over x.flat, np.ndenumerate(x) or "
                          "np.ndindex(x.shape)") from error
    from ..lifting import lift
    return lift(f)


def met_in_scipy(error: Any) -> bool:
    """Whether the error passed through a function of SciPy's, which lift may have a counterpart of."""
    trace = error.__traceback__
    while trace is not None and not str(trace.tb_frame.f_globals.get("__name__")).startswith("scipy."):
        trace = trace.tb_next
    return trace is not None

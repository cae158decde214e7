"""Classes as lifted programs see them: subclasses whose methods are made anew, and objects that take such a class for the run.

An object stays the same object, so that ``is``, containers and whoever else holds it see no other; what changes while a
lifted program runs is its class, and when the last such run ends it is what it was.
"""

from __future__ import annotations

import builtins
import sys
from abc import ABCMeta
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from itertools import islice
from threading import Lock
from types import FunctionType
from typing import Any

import numpy as np

from .dual import Dual
from .dual_array import DualArray
from .dual_scalar import DualScalar
from .errors import RuleError

BOUND = (staticmethod, classmethod)
LONGEST = 1000  # elements of a container that are looked at
MOST = 10_000  # in all
INSTALLED = ("site-packages", "dist-packages")
ADOPTED: dict[int, tuple[Any, Any]] = {}  # by id: an object that has a class made here, and its own class
REPLACED: list[tuple[Any, Any, Any, Any]] = []  # a list or dict, a place in it, what was there, and what is there now
RUNS: set[int] = set()  # that go on now, by id: they share objects, and which run gave one its class does not matter
LOCK = Lock()


class Anew(type):
    """The class of classes made anew: their instances are those of the class they are made from."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        x = super().__call__(*args, **options)
        if "adopt" in vars(type(x)):
            vars(type(x))["adopt"](x)
        return x

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, origin_of(cls)) if "origin" in vars(cls) else super().__instancecheck__(x)

    def __subclasscheck__(cls, kind: type) -> bool:
        return origin_of(cls) in kind.__mro__ if "origin" in vars(cls) else super().__subclasscheck__(kind)

    def __setattr__(cls, name: str, x: Any) -> None:
        setattr(origin_of(cls), name, x) if "origin" in vars(cls) else super().__setattr__(name, x)

    def __eq__(cls, other: object) -> bool:
        return origin_of(cls) is origin_of(other)

    def __hash__(cls) -> int:
        return hash(origin_of(cls)) if "origin" in vars(cls) else super().__hash__()


class AbstractAnew(Anew, ABCMeta):
    """The same for classes with abstract methods."""


METACLASSES: dict[Any, Any] = {type: Anew, ABCMeta: AbstractAnew}


def origin_of(kind: Any) -> Any:
    return vars(kind)["origin"] if isinstance(kind, Anew) and "origin" in vars(kind) else kind


def super_(*args: Any) -> Any:
    """``super`` among classes made anew: the next class is that after the one the program wrote."""
    if args:
        return builtins.super(origin_of(args[0]), *args[1:])
    frame = sys._getframe(1)
    return builtins.super(frame.f_locals["__class__"], frame.f_locals[frame.f_code.co_varnames[0]])


def is_generated(x: Any) -> bool:
    """Whether a method is one that ``dataclass`` wrote; it holds the class itself, and asks for it by ``is``."""
    return type(x) is FunctionType and x.__code__.co_filename == "<string>"


def is_made_anew(x: Any) -> bool:
    """Whether x, in a container, is a function, an object of SciPy's, or a tuple of such: another stands for it in a run."""
    if type(x) is tuple:
        return any(map(is_made_anew, x[:LONGEST]))
    return type(x) is FunctionType or type(x).__mro__[-2:][0].__module__.startswith("scipy.")


def put_back(x: Any, place: Any, part: Any, new: Any) -> None:
    """The part where what was made from it still is: the program may have written to the container."""
    with suppress(LookupError):
        if x[place] is new or getattr(x[place], "__code__", 0) is getattr(part, "__code__", None):
            x[place] = part


class Classes:
    """The classes that one run has made anew, and the objects that have them."""

    def __init__(self, of: Callable[[Any], Any], foreign: Callable[[str], bool], home: str) -> None:
        """``home``: the root of the package that the lifted function is from."""
        self.of, self.foreign, self.home = of, foreign, home
        self.made: dict[type, Any] = {}
        self.making: set[type] = set()
        self.looked: dict[int, Any] = {}  # what was found in containers, and these, by id

    def own(self, kind: Any) -> bool:
        """Whether a class is the user's, in Python alone: not of a library, but of the one that f is from."""
        root = kind.__module__.partition(".")[0]
        if type(kind) not in METACLASSES or self.foreign(kind.__module__) or root in ("numpy", "scipy"):
            return False
        file = str(getattr(sys.modules.get(root), "__file__", ""))
        if root != self.home and any(place in file for place in INSTALLED):
            return False
        base: Any = kind
        while base.__flags__ & HEAP:
            base = base.__base__
        return base is object and not any("__init_subclass__" in vars(b) for b in kind.__mro__[:-1] if b.__module__ != "typing")

    def anew(self, kind: Any) -> Any:
        """The class with its methods made anew, or itself."""
        if kind in self.made:
            return self.made[kind]
        if kind in self.making or not self.own(kind):
            if kind not in self.making:
                self.made[kind] = kind
            return kind
        self.making.add(kind)
        bases = (kind, *(new for b in kind.__bases__ if (new := self.anew(b)) is not b))
        members = {name: x for name, x in vars(kind).items() if name in SAME}
        members |= {name: self.member(x) for name, x in vars(kind).items() if type(x) in MEMBERS and not is_generated(x)}
        members |= {"__slots__": (), "__getattribute__": self.reader(kind), "__reduce_ex__": self.copier(kind),
                    "origin": kind, "adopt": self.adopt}
        try:
            new = METACLASSES[type(kind)](kind.__name__, bases, members)
        except TypeError:  # a base that takes no subclasses, or not this one
            new = kind
        return self.made.setdefault(kind, new)  # itself, where one of its methods tells it apart by `is`

    def keep(self, kind: Any) -> None:
        """The class is told apart by ``is``: it stays what it is."""
        if self.made.setdefault(kind, kind) is not kind:
            raise RuleError(f"lift: the program asks `is {kind.__name__}`, a class that lift makes anew: use isinstance")

    def reader(self, kind: Any) -> Any:
        of, read = self.of, kind.__getattribute__
        return lambda x, name: read(x, name) if name[:2] == "__" else of(read(x, name))

    def copier(self, kind: Any) -> Any:
        """How ``copy`` makes another object of the class made anew."""
        def another(*args: Any) -> Any:
            x = PLAIN_COPY(*args)
            self.adopt(x)
            return x

        def reduced(x: Any, protocol: Any) -> Any:
            made = kind.__reduce_ex__(x, protocol)
            return (another, *made[1:]) if type(made) is tuple and made[0] is PLAIN_COPY else made
        return reduced

    def member(self, x: Any) -> Any:
        if type(x) is FunctionType:
            return self.of(x)
        if type(x) is property:
            return property(*map(self.of, (x.fget, x.fset, x.fdel, x.__doc__)))
        return cached_property(self.of(x.func)) if type(x) is cached_property else type(x)(self.of(x.__func__))

    def adopt(self, x: Any, new: Any = None) -> None:
        """Note an object that has a class made anew, or give it that class."""
        with LOCK:
            if id(x) not in ADOPTED:
                kind = origin_of(type(x))
                if new is not None:
                    try:
                        object.__setattr__(x, "__class__", new)
                    except TypeError:  # another layout in memory
                        return
                ADOPTED[id(x)] = (x, kind)

    def reach(self, x: Any) -> Any:
        """x; an object of the user's has its methods made anew, and so have objects and functions in a container."""
        kind = type(x)
        if kind is tuple and is_made_anew(x):
            return tuple(self.of(part) if is_made_anew(part) else part for part in x)
        if kind in CONTAINERS:
            if id(x) not in self.looked and len(self.looked) < MOST:
                self.looked[id(x)] = x
                for place, part in [*islice(x.items() if kind is dict else enumerate(x), LONGEST)]:
                    if is_made_anew(part) and kind in (list, dict):
                        self.replace(x, place, part)
                    elif type(part) not in PASSED:
                        self.looked[id(part)] = self.reach(part)
        elif id(x) not in ADOPTED and (new := self.anew(origin := origin_of(kind))) is not origin:
            self.adopt(x, new)
        return x

    def replace(self, x: Any, place: Any, part: Any) -> None:
        """Put what stands for a part where a list or dict has it."""
        new = self.of(part)
        with LOCK:
            if new is not part and x[place] is part:
                x[place] = new
                REPLACED.append((x, place, part, new))

    def __enter__(self) -> None:
        with LOCK:
            RUNS.add(id(self))

    def __exit__(self, *_: object) -> None:
        """When no run goes on, the objects have their own class again, and the containers their own functions."""
        with LOCK:
            RUNS.remove(id(self))
            while REPLACED and not RUNS:
                put_back(*REPLACED.pop())
            while ADOPTED and not RUNS:
                x, kind = ADOPTED.popitem()[1]
                object.__setattr__(x, "__class__", kind)


PLAIN_COPY: Any = object().__reduce_ex__(2)[0]  # copyreg's way to make an object of a class
HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class made in Python
MEMBERS = (FunctionType, *BOUND, property, cached_property)
CONTAINERS = (list, tuple, dict, set)
SAME = ("__module__", "__qualname__", "__doc__", "__hash__")
PASSED = frozenset((int, float, complex, str, bool, type(None), np.ndarray, np.float64, Dual, DualScalar, DualArray))

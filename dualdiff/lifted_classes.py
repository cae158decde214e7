"""Classes as lifted programs see them: others, whose methods are made anew, and objects that take such a class for the run.

An object stays the same object, so that ``is``, containers and whoever else holds it see no other; what changes while a
lifted program runs is its class, and when the last such run ends it is what it was. A class made anew comes before its origin
in the order of resolution, so it counts as derived from it; but it is none of its ``__subclasses__``.
"""

from __future__ import annotations

import builtins
import sys
from abc import ABC, ABCMeta
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cached_property, partialmethod, wraps
from itertools import islice, repeat
from operator import is_, is_not
from threading import RLock
from types import FunctionType, resolve_bases
from typing import Any, Generic, TypeVar
from weakref import ref

import numpy as np

from .dual import Dual
from .dual_array import DualArray
from .dual_scalar import DualScalar
from .elementwise import LEVELED
from .errors import RuleError
from .operands import constant
from .reading import dtype_of
from .standins import ANY, ORIGINALS, STANDINS, Shown, standin

BOUND = (staticmethod, classmethod)
HELD = (tuple, *LEVELED)
LONGEST = 1000  # elements of a container that are looked at
MOST = 10_000  # in all
INSTALLED = ("site-packages", "dist-packages")
LOCK = RLock()
RUNS: list[Classes] = []  # that go on now; what follows they share, and the last of them leaves it empty
FUNCTIONS: dict[int, tuple[Any, Any]] = {}  # by id of those made anew: what from, and they
ADOPTED: dict[int, Callable[[], Any]] = {}  # by id: objects that have a class made here, weakly where that is possible
LOOKED: dict[int, Any] = {}  # containers that were looked into, by id
OTHERS: dict[int, tuple[Any, Any]] = {}  # by id: objects of SciPy's, and those that programs see, and write to, in their place
MADE: dict[Any, Any] = {}  # classes and what is seen in their place
BESIDE: dict[Any, Any] = {}  # so, classes of the user's that are derived from a library's
HOMES: set[str] = set()  # the roots of packages whose classes are made anew
ORIGIN = "made anew from"  # a member that no program names
member_of = type.__getattribute__
members_of, bases_of, order_of = (vars(type)[name].__get__ for name in ("__dict__", "__bases__", "__mro__"))


def origin_of(kind: Any) -> Any:
    return members_of(kind).get(ORIGIN, kind) if isinstance(kind, Anew) else kind


class Unnoticed:
    """What comes after a class made anew, so that its origin does not take it for another of its subclasses."""

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        if origin_of(cls) is cls:
            super().__init_subclass__(**options)


class Anew(ABCMeta):
    """The class of classes made anew: they answer as those that they are made from."""

    __dict__ = property(lambda cls: members_of(origin_of(cls)))  # type: ignore[misc]
    __bases__ = property(lambda cls: bases_of(origin_of(cls)))
    __mro__ = property(lambda cls: tuple(c for c in order_of(cls) if c is not Unnoticed and MADE.get(c, c) is c))

    def mro(cls) -> list[type]:
        """The origin's, each class after the one that is made from it."""
        if (origin := origin_of(cls)) is cls:
            return super().mro()
        others = order_of(origin)[1:]
        return [cls, Unnoticed, origin, *(c for b in others for c in ((MADE[b], b) if MADE.get(b, b) is not b else (b,)))]

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if (origin := origin_of(cls)) is not cls and MADE.get(origin) is not cls:  # kept from a run that is over
            return seen_as(origin)(*args, **options)
        x = member_of(cls, "__new__")(cls, *args, **options)
        if type(x) is cls:
            adopt(x)
        elif RUNS:
            RUNS[-1].reach(x)
        if type(x) is cls or any(c is origin for c in order_of(type(x))):
            member_of(type(x), "__init__")(x, *args, **options)
        return x

    def __getattribute__(cls, name: str) -> Any:
        x = super().__getattribute__(name)
        return x if name[:2] == "__" or id(type(x)) in PASSED or not RUNS else RUNS[-1].of(x)

    def __setattr__(cls, name: str, x: Any) -> None:
        if (origin := origin_of(cls)) is not cls and name not in ABSTRACT:
            setattr(origin, name, original(x))
            if type(x) not in MEMBERS and name not in members_of(cls):
                return
        super().__setattr__(name, x)

    def __delattr__(cls, name: str) -> None:
        if (origin := origin_of(cls)) is not cls:
            delattr(origin, name)
        if name in members_of(cls):
            super().__delattr__(name)

    def __getitem__(cls, key: Any) -> Any:
        return cls if Generic in order_of(cls) else cls.__class_getitem__(key)

    def __subclasses__(cls) -> list[Any]:
        return [seen_as(kind) for kind in type.__subclasses__(origin_of(cls)) if origin_of(kind) is kind]

    def register(cls, kind: Any) -> Any:
        return ABCMeta.register(*map(origin_of, (cls, kind)))

    def __instancecheck__(cls, x: Any) -> bool:
        return super().__instancecheck__(x) if (origin := origin_of(cls)) is cls else isinstance(x, origin)

    def __subclasscheck__(cls, kind: Any) -> bool:
        if (origin := origin_of(cls)) is cls:
            return super().__subclasscheck__(kind)
        asked = sys._getframe(1).f_code is ABCMeta.__subclasscheck__.__code__  # of each of its __subclasses__
        return any(c is origin for c in order_of(kind)) if asked else issubclass(origin_of(kind), origin)

    def __eq__(cls, other: object) -> bool:
        return origin_of(cls) is origin_of(other)

    def __hash__(cls) -> int:
        return type.__hash__(origin_of(cls))


def seen_as(kind: Any) -> Any:
    """The class that programs see in the place of this one."""
    return RUNS[-1].anew(kind) if RUNS else kind


class Kind(type):
    """``type`` that gives the class of an object as the program sees it, whether the object was reached or not."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if cls is not STANDINS[id(type)]:  # a metaclass of the program's
            return super().__call__(*args, **options)
        if len(args) != 1 or options:
            return type(args[0], resolve_bases(args[1]), *args[2:], **options)
        x, kind = args[0], type(args[0])
        kind = dtype_of(x).type if kind is DualScalar else x.__class__ if issubclass(kind, Shown) else \
            AS_SEEN.get(kind) or members_of(kind).get(ORIGIN, kind)
        return STANDINS.get(id(kind)) or (RUNS[-1].of(kind) if RUNS else kind)

    def __getitem__(cls, item: Any) -> Any:
        if cls is not STANDINS[id(type)]:
            raise TypeError(f"type {cls.__name__!r} is not subscriptable")
        return type[item]

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, type) if cls is STANDINS[id(type)] else super().__instancecheck__(x)


AS_SEEN: dict[Any, Any] = {DualArray: np.ndarray, Anew: type, Kind: type}
standin(type, Kind("type", (type,), {}))


def super_(*args: Any) -> Any:
    """``super`` among classes made anew: the next class is that after the one the program wrote, or what stands for it."""
    if not args:
        frame = sys._getframe(1)
        args = frame.f_locals["__class__"], frame.f_locals[frame.f_code.co_varnames[0]]
    kind = members_of(args[0]).get(ORIGIN, args[0]) if isinstance(args[0], type) else getattr(args[0], "original", args[0])
    order = order_of(x if isinstance(x := args[-1], type) else type(x))
    if not any(map(is_, order, repeat(kind))):
        kind = next((c for c in order if members_of(c).get(ORIGIN) is kind), kind)
    return builtins.super(kind, *args[1:])


def beside(kind: Any, see: Callable[[Any], Any], *first: Any, **members: Any) -> Any:
    """What is seen in place of a class of the user's that is derived from a library's, of which ``see`` gives what is seen: the
    methods that the user wrote come first, made anew, and super() leads to those that stand for the library's.
    """
    if kind in BESIDE:
        return BESIDE[kind]
    run = RUNS[-1] if RUNS else None
    above = (see(b) if any(c.__module__.startswith("scipy.") for c in order_of(b)) else beside(b, see, b) if run and run.own(b)
             else b for b in bases_of(kind))
    unnoticed = type("Unnoticed", (), {"__slots__": (), "__init_subclass__": lambda cls, **options: None})
    bases = resolve_bases((unnoticed, *first, *(b for b in above if b not in (object, Generic))))
    made = type(kind.__name__, bases, {ORIGIN: kind, **members})
    if run:
        BESIDE[kind] = made  # which its own methods may hold
    for name, x in [*members_of(kind).items()]:
        if type(x) in MEMBERS and (first or type(x) not in BOUND):
            setattr(made, name, new := run.member(name, x) if run else x)
            if type(new) is cached_property:
                new.__set_name__(made, name)
    return made


def is_shared(x: Any) -> bool:
    """Whether a container is the names of a module, builtins among them, or the modules: others look them up there."""
    name = dict.get(x, "__name__") if isinstance(x, dict) else None
    return x is sys.modules or (type(name) is str and getattr(sys.modules.get(name), "__dict__", None) is x)


def is_generated(x: Any) -> bool:
    """Whether a method is one that ``dataclass`` wrote; it holds the class itself, and asks for it by ``is``."""
    return type(x) is FunctionType and x.__code__.co_filename == "<string>"


def original(x: Any) -> Any:
    """What a run leaves in the place of x: arrays that took no dual, and classes and functions made anew, as they were."""
    if type(x) in LEVELED:
        return constant(x) if x.level is ANY.level else x
    found = origin_of(x) if isinstance(x, Anew) else FUNCTIONS.get(id(x), (ORIGINALS.get(id(x), x),))[0]
    if found is x and type(x) is tuple and len(x) <= LONGEST:
        parts = tuple(original(part) if type(part) in HELD else part for part in x)
        return x if all(map(is_, x, parts)) else parts
    return found


class Classes:
    """How one run makes classes anew, and reaches objects."""

    def __init__(self, of: Callable[[Any], Any], foreign: Callable[[str], bool], homes: Collection[str]) -> None:
        """``homes``: the root of the package that the lifted function is from, and installed ones that are reached, too."""
        self.of, self.foreign, self.homes = of, foreign, homes
        self.making: set[type] = set()
        self.made: list[type] = []  # whose attributes are still to be reached

    def own(self, kind: Any) -> bool:
        """Whether a class is the user's, in Python alone: not of a library, but of the one that f is from."""
        root = kind.__module__.partition(".")[0]
        if type(kind) not in METACLASSES or self.foreign(kind.__module__) or root in ("numpy", "scipy"):
            return False
        file = str(getattr(sys.modules.get(root), "__file__", ""))
        if root not in HOMES and any(place in file for place in INSTALLED):
            return False
        base = built_in(kind)
        return base is object or (base in BASES and any(  # of a named tuple, nothing is the user's but its methods
            type(x) is FunctionType and not is_generated(x) and not self.foreign(x.__globals__.get("__name__", ""))
            for b in order_of(kind) for x in members_of(b).values()))

    def anew(self, kind: Any) -> Any:
        """The class with its methods made anew, or itself."""
        if kind in MADE or self not in RUNS:  # what a run left behind sees no new ones
            return MADE.get(kind, kind)
        with LOCK:
            if kind in MADE or kind in self.making:
                return MADE.get(kind, kind)
            if not self.own(kind):
                return MADE.setdefault(kind, kind)
            self.making.add(kind)
            bases = (kind, *(c for b in bases_of(kind) if (c := self.anew(b)) is not b))
            members = {name: x for name, x in members_of(kind).items() if name in SAME}
            members |= {name: self.member(name, x) for name, x in members_of(kind).items() if type(x) in MEMBERS}
            members |= {"__slots__": (), "__getattribute__": self.reader(kind), "__reduce_ex__": reducer(kind), ORIGIN: kind}
            try:
                new = Anew(kind.__name__, bases, members)
            except TypeError:  # a base that takes no subclasses, or not this one
                new = kind
            new = MADE.setdefault(kind, new)  # itself, where one of its methods tells it apart by `is`
            self.making.discard(kind)
            self.made.append(kind)
            while self.made and not self.making:
                for x in [*members_of(self.made.pop()).values()]:
                    if id(type(x)) not in PASSED and type(x) not in MEMBERS:
                        self.reach(x)
            return new

    def keep(self, kind: Any) -> None:
        """The class is told apart by ``is``: it stays what it is."""
        if MADE.setdefault(kind, kind) is not kind:
            raise RuleError(f"lift: the program asks `is {kind.__name__}`, a class that lift makes anew: use isinstance")

    def reader(self, kind: Any) -> Any:
        of, read = self.of, self.of(kind.__getattribute__)

        def attribute(x: Any, name: str) -> Any:
            if id(x) not in ADOPTED:
                adopt(x)
            value = read(x, name)
            return value if id(type(value)) in PASSED or (name[:2] == "__" and name != "__dict__") else of(value)
        return attribute

    def member(self, name: str, x: Any) -> Any:
        kind, of = type(x), self.of
        if is_generated(x):
            return (lambda a, b: x(a, self.reach(b))) if name in COMPARISONS else x
        if kind is FunctionType:
            return by_standin(of(x), of) if name in ("__array_function__", "__array_ufunc__") else of(x)
        if kind is property:
            return property(*map(of, (x.fget, x.fset, x.fdel, x.__doc__)))
        if kind is partialmethod:
            return partialmethod(of(x.func), *x.args, **x.keywords)
        return cached_property(of(x.func)) if kind is cached_property else kind(of(x.__func__))

    def reach(self, x: Any) -> Any:
        """x; an object of the user's has its methods made anew, and so have objects, functions and classes in a container."""
        if id(x) in ADOPTED or id(x) in LOOKED:
            return x
        if (new := self.anew(origin := origin_of(type(x)))) is not origin:
            adopt(x, new)
        if issubclass(origin, CONTAINERS) and len(LOOKED) < MOST and not is_shared(x):
            LOOKED[id(x)] = x
            places: Any = [*islice(dict.keys(x), LONGEST)] if issubclass(origin, dict) else range(LONGEST)
            parts = [*islice(dict.values(x) if issubclass(origin, dict) else built_in(origin).__iter__(x), LONGEST)]
            seen = [part if id(type(part)) in PASSED else self.of(part) for part in parts]
            if type(places) is list:
                for place in places:
                    self.of(place)
            if any(map(is_not, seen, parts)):
                if origin is tuple:
                    del LOOKED[id(x)]
                    return (*seen, *x[LONGEST:])
                for place, part, new in zip(places, parts, seen, strict=False):
                    if new is not part and origin in (list, dict) and x[place] is part:
                        x[place] = new
                        FUNCTIONS.setdefault(id(new), (part, new))
        return x

    def __enter__(self) -> None:
        with LOCK:
            RUNS.append(self)
            HOMES.update(self.homes)

    def __exit__(self, *_: object) -> None:
        """When no other run goes on, objects have their own class again, and they and containers hold what is theirs."""
        with LOCK:
            try:
                if len(RUNS) == 1:
                    everything_back()
            finally:
                RUNS.remove(self)


def by_standin(method: Any, of: Callable[[Any], Any]) -> Any:
    """A method that NumPy gives its own function, given the one that the program knows by that name."""
    @wraps(method)
    def call(self: Any, function: Any, *args: Any, **options: Any) -> Any:
        return method(self, of(function), *args, **options)
    return call


def everything_back() -> None:
    plain = PLAIN | {id(kind) for pair in MADE.items() if pair[0] is not pair[1] for kind in pair}
    todo = [x for x in LOOKED.values() if type(x) in (list, dict)]
    for x in (adopted() for adopted in [*ADOPTED.values()]):
        if (origin := origin_of(type(x))) is not type(x):
            object.__setattr__(x, "__class__", origin)
        if own := getattr(x, "__dict__", None):
            todo.append(own)
    for own in todo:  # which grows
        for key, value in [*islice(enumerate(own) if type(own) is list else own.items(), LONGEST)]:
            if id(type(value)) in plain:
                continue
            if type(value) in (list, dict) and id(value) not in LOOKED:
                LOOKED[id(value)] = value
                todo.append(value)
            elif (new := original(value)) is not value:
                own[key] = new
    for made in [*MADE.values()][::-1]:  # derived classes first, which is cheaper
        for blank in BLANK if isinstance(made, Anew) else ():
            with suppress(TypeError):  # another layout in memory
                vars(type)["__bases__"].__set__(made, (blank,))  # no more among the __subclasses__ of the origin
                break
    for shared in (MADE, BESIDE, LOOKED, FUNCTIONS, ADOPTED, OTHERS, HOMES):
        shared.clear()


def adopt(x: Any, new: Any = None) -> None:
    """Note an object that has a class made anew, or give it that class."""
    key = id(x)
    if not RUNS:  # kept from a run that is over
        object.__setattr__(x, "__class__", origin_of(type(x)))
    elif key not in ADOPTED:
        if new is not None and origin_of(type(x)) is type(x):
            try:
                object.__setattr__(x, "__class__", new)
            except TypeError:  # another layout in memory
                return
        try:
            ADOPTED[key] = ref(x, lambda _: ADOPTED.pop(key, None))
        except TypeError:  # no room for weak references
            ADOPTED[key] = lambda: x


def reducer(kind: Any) -> Any:
    """How ``copy`` makes another object of the class made anew, and ``pickle`` one of its origin."""
    def reduced(x: Any, protocol: Any) -> Any:
        made = kind.__reduce_ex__(x, protocol)
        if type(made) is not tuple:
            return made
        if sys._getframe(1).f_globals.get("__name__") == "copy":
            return (another, made[:2], *made[2:])
        make, args = origin_of(made[0]), tuple(map(origin_of, made[1]))
        return (args[0].__new__ if make is NEW else make, args, *made[2:])
    return reduced


def another(make: Any, args: Any) -> Any:
    x = make(*args)
    adopt(x)
    return x


def built_in(kind: Any) -> Any:
    """The class of Python's that a class of the user's is derived from."""
    while not kind.__flags__ & IMMUTABLE:
        kind = kind.__base__
    return kind


class Blank(Generic[TypeVar("T")]):  # type: ignore[misc]
    """A class like those derived from Generic."""


NEW: Any = object().__reduce_ex__(2)[0]  # copyreg's way to make an object of a class
IMMUTABLE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE: no class made in Python
METACLASSES = (type, ABCMeta)
BASES = (object, tuple, list, dict, set)
BLANK = (ABCMeta("Blank", (object,), {}), ABCMeta("Blank", (ABC,), {}), Blank, object, tuple,
         *(type("Blank", (b,), {}) for b in BASES[1:]))
ABSTRACT = ("__abstractmethods__", "_abc_impl")
COMPARISONS = ("__eq__", "__lt__", "__le__", "__gt__", "__ge__")
MEMBERS = (FunctionType, *BOUND, property, cached_property, partialmethod)
CONTAINERS = (list, tuple, dict, set, frozenset, deque, defaultdict, OrderedDict)
SAME = ("__module__", "__qualname__", "__doc__", "__hash__", "__annotations__")
PLAIN = frozenset(map(id, (int, float, complex, str, bool, type(None), np.ndarray, np.float64)))  # ids: these hash fast
PASSED = PLAIN | {id(Dual), id(DualScalar), id(DualArray)}

"""Programs made of objects run lifted: their methods fill buffers, and nothing about the objects is another afterwards."""

import builtins
import copy
import gc
import pickle
import sys
import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque, namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partialmethod
from typing import ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import pytest

from dualdiff import checkpoint, gradient, hessian, jacobian, lift
from dualdiff.errors import DualdiffError, RuleError
from dualdiff.lifted_classes import Anew, origin_of

X = np.array([0.5, 1.25, 2.0])


def filled(*numbers):
    """A buffer that takes duals only if this function is lifted, or the one that calls it."""
    out = np.zeros(len(numbers))
    for i, x in enumerate(numbers):
        out[i] = x
    return out


class Shape(ABC):
    count = 0

    def __init__(self, size):
        self.size = size

    @abstractmethod
    def area(self):
        ...

    @property
    def twice(self):
        return filled(2 * self.area())[0]

    def described(self):
        return filled(self.area(), 1.0)

    @classmethod
    def unit(cls):
        cls.count += 1
        return cls(np.ones(1)[0])

    @staticmethod
    def squared(x):
        return filled(x * x)[0]


class Square(Shape):
    def area(self):
        return self.squared(self.size)

    def described(self):
        return super().described() * filled(2.0, 1.0)


class Circle(Shape):
    def __init__(self, size, taper=np.sqrt):
        Shape.__init__(self, size)
        self.taper = taper

    def area(self):
        return np.pi * self.squared(self.size) * self.taper(self.size)

    def described(self):
        return super(Circle, self).described() + 1.0  # noqa: UP008 - as older programs write it

    @cached_property
    def scaled(self):
        return filled(3.0 * self.size)[0]


@dataclass(frozen=True)
class Pair:
    a: float
    b: float

    def __add__(self, other):
        return Pair(*filled(self.a + other.a, self.b + other.b))

    def __call__(self, x):
        return filled(self.a * x, self.b * x * x)


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x

    def __getitem__(self, i):
        return filled(self.x)[i]


class Deeper(Slotted):
    __slots__ = ("y",)

    def __init__(self, x, y):
        super().__init__(x)
        self.y = y

    def product(self):
        return filled(self.x * self.y)[0]

    def __eq__(self, other):
        return self.x == other.x

    __hash__ = object.__hash__


class Layers:
    def __init__(self, *layers):
        self.layers = list(layers)
        self.named = {"first": layers[0]}

    def run(self, x):
        for layer in self.layers:
            x = layer(x).sum()
        return x * self.named["first"](x)[0]


class Body:
    def __init__(self, mass):
        self.mass, self.others = mass, []

    def pull(self, x):
        out = np.zeros(3)
        for i, other in enumerate(self.others):
            out[i] = 0.0 if other is self else other.mass * x[i]
        return out


BODIES = [Body(1.0), Body(2.0), Body(5.0)]
for _body in BODIES:
    _body.others = BODIES
SQUARE, MODEL, SLOTTED, LAYERS = Square(2.0), Pair(3.0, 4.0), Slotted(0.0), Layers(Pair(1.0, 2.0), Pair(0.5, 0.25))


def root_of(x):
    return filled(x ** 0.5)[0]


def grown(thing, x):
    if isinstance(thing, Slotted):
        thing.x = x
        return thing[0]
    return thing(x).sum()


def resized(x):
    SQUARE.size = x[0]
    try:
        return SQUARE.twice + SQUARE.described()[0]
    finally:
        SQUARE.size = 2.0


class Frame:
    """A class with attributes that the program reads, changes and tells apart."""

    origin = 3.0
    made: ClassVar[list] = []
    kernel = Circle(2.0)
    limit: float = 1.0

    def __init__(self, x):
        self.x = x
        type(self).made = [*self.made, 1.0]

    def __eq__(self, other):
        return type(self) is type(other) and self.x == other.x

    def __hash__(self):
        return hash(self.x)

    def value(self):
        return filled(self.x * self.origin)[0]

    @classmethod
    def raw(cls, x):
        frame = cls.__new__(cls)
        frame.x = x
        return frame

    half = partialmethod(lambda self, factor: filled(self.x * factor)[0], 0.5)


class Wide(Frame):
    extra = 2.0


class Plugin:
    """A class that registers those derived from it."""

    known: ClassVar[dict] = {}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        Plugin.known[cls.__name__] = cls

    def value(self, x):
        return filled(x * self.factor)[0]


class Fast(Plugin):
    factor = 2.0


class Single:
    here = None

    def __new__(cls, k):
        if cls.here is None:
            cls.here = super().__new__(cls)
        return cls.here

    def __init__(self, k):
        self.k = k


class Door:
    def push(self):
        self.__class__ = Opened

    def value(self, x):
        return filled(x)[0]


class Opened(Door):
    def push(self):
        self.__class__ = Door

    def value(self, x):
        return filled(x * x)[0]


class State(NamedTuple):
    position: float
    speed: float

    def step(self, t):
        return self._replace(position=filled(self.position + t * self.speed)[0])


class Listed(list):
    def total(self):
        return filled(*self).sum()


class Settings(dict):
    def __getattr__(self, name):
        return filled(self[name])[0]


class Box(Generic[TypeVar("T")]):
    def __init__(self, x):
        self.x = x

    def get(self):
        return filled(self.x)[0]


class FloatBox(Box[float]):
    def get(self):
        return super().get() * 2.0


class Number:
    def __init__(self, x):
        self.x = x

    def __mul__(self, other):
        if isinstance(other, int | float):
            return Number(filled(self.x * other)[0])
        return Number(self.x * other.x)

    __rmul__ = __mul__


class Field:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, owner, kind=None):
        return filled(getattr(owner, self.name))[0]

    def __set__(self, owner, x):
        setattr(owner, self.name, filled(2 * x)[0])


class Record:
    x = Field()


HIDDEN = deque([Frame(1.0)])
PAIRS = np.array([Pair(1.0, 2.0), None], dtype=object)
DOOR, STATE, LISTED, SINGLE, KEY = Door(), State(1.0, 2.0), Listed([1.0, 2.0]), Single(1.0), Frame(2.0)
KEYS = {KEY: 2.0}


def counted(x):
    Frame.made = Wide.made = []
    return (Frame(x[0]).value() + Wide(x[1]).value()) * len(Frame.made) * len(Wide.made)


def patched(x):
    plain, Frame.value = Frame.value, lambda self: filled(self.x ** 3)[0]
    Frame.shift = 2.0
    try:
        return Frame(x[0]).value() * Frame(x[1]).shift + (Frame.value is not plain)
    finally:
        Frame.value = plain
        del Frame.shift


def pushed(x):
    DOOR.push()
    first = DOOR.value(x[0]) * isinstance(DOOR, Opened)
    DOOR.push()
    return first + DOOR.value(x[1]) * (type(DOOR) is Door)


def freed(x):
    kept = weakref.WeakSet()
    for i in range(3):
        square = Square(x[i])
        kept.add(square)
        last = square.area()
    return last * len(kept)


def recorded(x):
    record = Record()
    record.x = x[0]
    return record.x * x[1]


def instantiated(x):
    try:
        Shape(1.0)
    except TypeError:
        return filled(x[0])[0]
    return x[1]


def introspected(x):
    own = [name for kind in Wide.__mro__ for name in vars(kind) if name in ("origin", "extra", "value")]
    return filled(x[0])[0] * len(own) * len(Wide.__bases__) * len(Frame.__annotations__)


PROGRAMS = {
    "class attributes of any name": (lambda x: Frame(x[0]).value() + Frame.origin, lambda x: 3 * x[0] + 3),
    "type(x) is type(y)": (lambda x: filled(x[0])[0] * (HIDDEN[0] == Frame(1.0)) + (Frame(1.0) in HIDDEN) + (HIDDEN[0] == KEY),
                           lambda x: x[0] + 1),
    "type(x) is a class": (lambda x: Frame(x[0]).value() if type(HIDDEN[0]) is Frame and type(KEY) is Frame else x[1],
                           lambda x: 3 * x[0]),
    "type(x) is np.ndarray": (lambda x: filled(x[0])[0] if type(x) is type(np.zeros(1)) is np.ndarray else x[1],
                              lambda x: x[0] * 1),
    "dataclasses out of reach": (lambda x: (PAIRS[0] == Pair(1.0, 2.0)) * filled(x[0])[0] + (Pair(1.0, 2.0) == PAIRS[0]),
                                 lambda x: x[0] + 1),
    "class attributes that change": (counted, lambda x: 3 * x[0] + 3 * x[1]),
    "objects that are class attributes": (lambda x: Frame.kernel.area() * x[0] + Frame(1.0).kernel.area(),
                                          lambda x: np.pi * 2 ** 2.5 * (x[0] + 1)),
    "methods that the program replaces": (patched, lambda x: 2 * x[0] ** 3 + 1),
    "an object that changes its class": (pushed, lambda x: x[0] ** 2 + x[1]),
    "objects made without a call": (lambda x: Frame.raw(x[0]).value() + Wide.raw(x[1]).half(), lambda x: 3 * x[0] + 0.5 * x[1]),
    "a registry of subclasses": (lambda x: Plugin.known["Fast"]().value(x[0]) + len(Plugin.known), lambda x: 2 * x[0] + 1),
    "subclasses": (lambda x: filled(x[0])[0] * len(Shape.__subclasses__()) * (Square in Shape.__subclasses__()),
                   lambda x: 2 * x[0]),
    "a class that is there once": (lambda x: filled(x[0])[0] * (Single(5.0) is SINGLE) * SINGLE.k, lambda x: 5 * x[0]),
    "named tuples with methods": (lambda x: State(x[0], x[1]).step(2.0).position + STATE.step(x[2]).position,
                                  lambda x: x[0] + 2 * x[1] + 1 + 2 * x[2]),
    "lists and dicts with methods": (lambda x: Listed([x[0], x[1]]).total() * LISTED.total() + Settings(a=x[2]).a,
                                     lambda x: 3 * (x[0] + x[1]) + x[2]),
    "generic classes": (lambda x: Box[float](x[0]).get() + FloatBox(x[1]).get(), lambda x: x[0] + 2 * x[1]),
    "operators that ask for numbers": (lambda x: (x[0] * Number(x[1]) * Number(2.0) * x[2]).x,
                                       lambda x: 2 * x[0] * x[1] * x[2]),
    "objects as keys": (lambda x: sum(key.value() * n for key, n in KEYS.items()) * x[0] + KEYS[Frame(2.0)],
                        lambda x: 12 * x[0] + 2),
    "objects that die": (freed, lambda x: x[2] ** 2),
    "descriptors": (recorded, lambda x: 2 * x[0] * x[1]),
    "a class that cannot be made": (instantiated, lambda x: x[0] * 1),
    "what a class says of itself": (introspected, lambda x: 6 * x[0]),
    "a method that calls another": (lambda x: Square(x[0]).area() * x[1], lambda x: x[0] ** 2 * x[1]),
    "a property of a base class": (lambda x: Circle(x[0]).twice, lambda x: 2 * np.pi * x[0] ** 2.5),
    "super()": (lambda x: Square(x[2]).described() @ X[:2], lambda x: x[2] ** 2 * 2 * X[0] + X[1]),
    "super(class, self)": (lambda x: Circle(x[0]).described()[0], lambda x: np.pi * x[0] ** 2.5 + 1),
    "a class method": (lambda x: Square.unit().area() * x[0] + Square.unit().size, lambda x: x[0] + 1),
    "a cached property": (lambda x: Circle(x[1]).scaled * x[0], lambda x: 3 * x[1] * x[0]),
    "a function of the user's as an attribute": (lambda x: Circle(x[0], root_of).area(), lambda x: np.pi * x[0] ** 2.5),
    "a dataclass": (lambda x: MODEL(x[0]).sum() + (Pair(x[1], 1.0) + MODEL).a, lambda x: 3 * x[0] + 4 * x[0] ** 2 + x[1] + 3),
    "slots": (lambda x: Slotted(x[0] * x[1])[0] + SLOTTED[0], lambda x: x[0] * x[1]),
    "objects in containers": (lambda x: LAYERS.run(x[0]),
                              lambda x: (y := (z := x[0] + 2 * x[0] ** 2) / 2 + z ** 2 / 4) * y),
    "an object that is told by is": (lambda x: BODIES[1].pull(x) @ X, lambda x: x[0] * X[0] + 5 * x[2] * X[2]),
    "an object outside that is written to": (resized, lambda x: 4 * x[0] ** 2),
    "a copy": (lambda x: grown(copy.copy(SLOTTED), x[0]) + grown(copy.deepcopy(LAYERS).layers[0], x[1]),
               lambda x: x[0] + x[1] + 2 * x[1] ** 2),
    "slots in a base class": (lambda x: Deeper(x[0], x[1]).product(), lambda x: x[0] * x[1]),
    "isinstance": (lambda x: filled(x[0] * isinstance(SQUARE, Shape) + isinstance(SLOTTED, Shape))[0], lambda x: x[0] * 1),
    "classes as keys": (lambda x: {Square: 2.0, Circle: 3.0}[type(SQUARE)] * filled(x[0])[0], lambda x: 2 * x[0]),
}
OBJECTS = (*BODIES, SQUARE, MODEL, SLOTTED, LAYERS, *LAYERS.layers, DOOR, STATE, LISTED, SINGLE, KEY, *HIDDEN, PAIRS[0])
KINDS = {id(x): type(x) for x in OBJECTS}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_objects_run_as_they_stand(name):
    program, by_hand = PROGRAMS[name]
    assert lift(program)(X) == pytest.approx(program(X), rel=1e-14) == pytest.approx(by_hand(X), rel=1e-14)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(gradient(lift(program), mode=mode)(X), gradient(by_hand)(X), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(hessian(lift(program))(X), hessian(by_hand)(X), rtol=1e-13, atol=1e-13)
    assert all(type(x) is KINDS[id(x)] for x in OBJECTS)
    assert lift(program)(X) == program(X)  # as before


class Process:
    def __init__(self):
        self.kernel = Circle(1.0)
        self.kept = []

    def likelihood(self, x):
        K = np.zeros((2, 2))
        K[0, 0] = self.entry(x)
        K[1, 1] = x[1]
        return np.linalg.det(K)

    def entry(self, x):
        self.kernel.size = x[0]
        self.kept.append(Square(1.0))
        return self.kernel.area() + filled(x[2])[0]

    __call__ = likelihood


def test_a_bound_method_reaches_the_other_methods_and_the_attributes_of_its_object():
    process = Process()
    for f in (process.likelihood, process, lambda x: process.likelihood(x)):  # noqa: PLW0108
        slope = gradient(lift(f))(X)
        np.testing.assert_allclose(slope, gradient(lambda x: (np.pi * x[0] ** 2.5 + x[2]) * x[1])(X), rtol=1e-14)
    assert type(process) is Process
    assert type(process.kernel) is Circle
    assert {type(x) for x in process.kept} == {Square}  # made while it ran


def test_objects_have_their_own_class_again_after_an_error():
    def f(x):
        SQUARE.described()
        raise KeyError(type(SQUARE).__name__)
    with pytest.raises(KeyError, match="Square"):
        lift(f)(X)
    assert type(SQUARE) is Square


def test_what_an_object_of_the_program_returns_is_of_its_own_class():
    made = lift(lambda: Pair(1.0, 2.0))()
    assert type(made) is Pair
    assert made == Pair(1.0, 2.0)
    state, states = lift(lambda: (State(1.0, np.zeros(2)), [STATE.step(1.0)]))()
    assert {type(state), type(states[0])} == {State}
    assert type(state.speed) is np.ndarray


def test_copies_made_in_a_program_are_of_their_own_class():
    made = lift(lambda: [copy.copy(SLOTTED), copy.deepcopy(LAYERS), {Deeper(1.0, 2.0)}.pop()])()
    assert [type(x) for x in (*made, *made[1].layers)] == [Slotted, Layers, Deeper, Pair, Pair]


class Workshop:
    def __init__(self):
        self.table, self.kind, self.namespace, self.function = {}, type(self), np, filled

    def nodes(self, n):
        if n not in self.table:
            self.table[n] = [np.zeros(n), Workshop]
        self.buffer = np.ones(n)
        return self.table[n][0]


WORKSHOP = Workshop()


def test_what_objects_keep_is_what_they_keep_in_a_plain_run():
    made = []

    def f(x):
        made.append(Workshop())
        return filled(x[0])[0] + WORKSHOP.nodes(3).sum() + made[-1].nodes(2).sum()
    assert gradient(lift(f))(X).tolist() == [1, 0, 0]
    for shop, n in ((WORKSHOP, 3), (made[0], 2)):
        assert type(shop.buffer) is type(shop.nodes(n)) is np.ndarray
        assert (shop.kind, shop.namespace, shop.function, shop.table[n][1]) == (Workshop, np, filled, Workshop)
        assert type(shop.kind) is type(shop.table[n][1]) is type


class Failing:
    def __init__(self, seen):
        seen.append(self)
        raise KeyboardInterrupt


def test_an_object_whose_making_fails_is_of_its_own_class():
    seen = []
    with pytest.raises(KeyboardInterrupt):
        lift(lambda: Failing(seen))()
    assert type(seen[0]) is Failing


def test_a_run_that_is_over_leaves_no_classes_behind():
    class Virtual:
        pass
    Shape.register(Virtual)
    before = Shape.__subclasses__(), Frame.__subclasses__(), list(Plugin.known)
    kept = lift(lambda: (lambda: Frame(2.0).value(), lambda: Pair(1.0, 2.0)))()
    gradient(lift(lambda x: Square(x[0]).area() + Wide(x[1]).value()))(X)
    assert (Shape.__subclasses__(), Frame.__subclasses__(), list(Plugin.known)) == before
    assert isinstance(Virtual(), Shape)
    assert kept[0]() == 6.0
    assert type(kept[1]()) is Pair
    gc.collect()
    assert not [x for x in gc.get_objects() if isinstance(x, Anew) and origin_of(x) is not x]


def test_objects_are_pickled_as_what_they_are():
    sent = lift(lambda: [pickle.dumps(thing, n) for n in (2, 5) for thing in (SQUARE, MODEL, SLOTTED)])()
    assert [type(pickle.loads(data)) for data in sent] == 2 * [Square, Pair, Slotted]


class Stepper:
    def __init__(self):
        self.square = Square(1.0)

    def step(self, x):
        return x * self.grown(x)

    def grown(self, x):
        out = np.zeros(3)
        out[:] = x * self.square.area()
        return out


def test_checkpoints_of_methods_run_lifted_when_the_program_is_over():
    stepper = Stepper()
    slope = gradient(lift(lambda x: np.sum(checkpoint(stepper.step)(checkpoint(stepper.step, times=2)(x)))), mode="reverse")(X)
    np.testing.assert_allclose(slope, 8 * X ** 7, rtol=1e-14)


def test_what_is_assigned_to_a_class_goes_to_that_class():
    before = Square.count
    lift(lambda: Square.unit())()  # noqa: PLW0108
    assert Square.count == before + 1


def told_apart(x):
    return filled(x[0])[0] if SQUARE.__class__ is Square else x[1]


def told_apart_too_late(x):
    return Square(x[0]).area() + told_apart(x)


def test_a_class_that_is_told_by_is_stays_what_it_is_or_is_refused():
    assert gradient(lift(told_apart))(X).tolist() == [1, 0, 0]
    with pytest.raises(RuleError, match=r"asks `is Square`, a class .* use isinstance"):
        gradient(lift(told_apart_too_late))(X)


def test_threads_share_objects():
    def f(x):
        return BODIES[0].pull(x) * LAYERS.run(x[0])
    with ThreadPoolExecutor(4) as pool:
        together = jacobian(lift(f), executor=pool, chunk=1)(X)
        many = list(pool.map(lambda _: jacobian(lift(f))(X), range(40)))
    expected = jacobian(lift(f), chunk=1)(X)
    np.testing.assert_array_equal(together, expected)
    assert all(np.allclose(one, expected, rtol=1e-15, atol=0) for one in many)
    assert type(BODIES[0]) is Body
    assert threading.active_count() >= 1


def doubled(x):
    return filled(2 * x)[0]


def tripled(x):
    return filled(3 * x)[0]


TABLE = {"doubled": doubled, "tripled": [tripled, doubled]}
STEPS = [doubled, tripled, doubled]
ENDS = doubled, tripled


def test_functions_in_lists_and_dicts_are_reached_and_are_there_again():
    def f(x):
        TABLE["new"] = 1.0
        TABLE["doubled"] = STEPS.pop()
        for step in (*STEPS, TABLE["tripled"][0]):
            x = step(x)
        return ENDS[0](TABLE["doubled"](x))
    try:
        assert gradient(lift(f))(1.5) == 72
        assert {"doubled": doubled, "tripled": [tripled, doubled], "new": 1.0} == TABLE
        assert [doubled, tripled] == STEPS
    finally:
        del TABLE["new"]
        STEPS.append(doubled)


Point = namedtuple("Point", "a b")


class Custom(type):
    pass


class Meta(metaclass=Custom):
    def area(self, x):
        return filled(x)[0]


def test_classes_with_a_metaclass_are_not_reached():
    with pytest.raises(DualdiffError):
        gradient(lift(lambda x: Meta().area(x[0])))(X)


def test_named_tuples_stay_what_they_are():
    result = lift(lambda x: Point(filled(x), 2.0))(1.0)
    assert type(result) is Point
    assert jacobian(lift(lambda x: Point(filled(x), 2 * x)))(1.0) == Point([1.0], 2.0)


def test_arrays_in_a_tuple_that_an_object_keeps_are_plain_afterwards():
    class Model:
        def of(self, x):
            self.made = np.ones(2), (np.zeros(1), 3)
            self.same = (1, 2)
            return filled(*x) @ np.ones(3)
    model = Model()
    np.testing.assert_array_equal(gradient(lift(model.of))(X), np.ones(3))
    assert [type(a) for a in (model.made[0], model.made[1][0])] == [np.ndarray, np.ndarray]
    assert model.same == (1, 2)


NAMESPACES = {"evaluated once": {"np": np, "__builtins__": vars(builtins)}, "a copy": dict(vars(np)), "of numpy": vars(np),
              "of builtins": vars(builtins), "of this module": globals(), "of modules": sys.modules}


@pytest.mark.parametrize("name", NAMESPACES)
def test_names_that_others_look_up_are_the_same_while_a_program_runs(name):
    namespace, during = NAMESPACES[name], {}
    shared = {"numpy": vars(np), "builtins": vars(builtins), "modules": sys.modules}
    before = {part: [*map(id, names.values())] for part, names in shared.items()}

    def f(x):
        names = dict(namespace)
        during.update({part: [*map(id, names.values())] for part, names in shared.items()})
        return x * eval("x * 2", names, {"x": x})
    assert gradient(lift(f))(1.5) == 6
    assert during == before

"""Programs without branches, read from their code: steps that do again what the program does, and do nothing else.

What is read are arithmetic, comparisons, items, attributes of arrays, and calls; whatever else a code holds (a jump, a write, a
function of its own) leaves it unread. What is called is looked at where the steps are traced (`trace.py`).
"""

from __future__ import annotations

import sys
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_VARARGS, CO_VARKEYWORDS
from types import CodeType
from typing import Any

# An operand is (kind, what): a "step" by its number, a "free" name by the number of its source, a "const", an "attr" of another
# operand, (operand, name), a "slice", "tuple" or "list" of operands, "rest" (the arguments that f takes as *args), or "null".
Operand = tuple[str, Any]
NULL: Operand = ("null", None)
REST: Operand = ("rest", None)
ARITHMETIC = frozenset(("+", "-", "*", "/", "**", "@", "//", "%"))
COMPARISONS = frozenset(("<", "<=", ">", ">="))  # == warns
ATTRIBUTES = frozenset(("T", "ndim", "shape", "size"))
UNCLEAR = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR | CO_VARKEYWORDS
SKIPPED = frozenset(("RESUME", "COPY_FREE_VARS", "PRECALL", "CACHE", "NOP", "EXTENDED_ARG"))
METHODS = sys.version_info >= (3, 12)  # LOAD_ATTR loads methods, too
MOST = 200  # steps


class UnreadError(Exception):
    """The code holds what is not read."""


class Straight:
    """``steps[k]`` is ("op", symbol, a, b), ("sign", symbol, a), ("item", a, index), ("unpacked", a, length, place), ("rest",
    length), ("attr", a, name) or ("call", function, arguments, names of the last of them); ``sources`` say where names are
    found: ("arg", place), ("global", name), ("cell", place). ``out`` is what is returned.
    """

    __slots__ = ("argcount", "left", "links", "out", "seen", "sources", "steps")

    def __init__(self, code: CodeType) -> None:
        self.argcount = code.co_argcount  # and not the code, which shall not live on
        self.steps: list[tuple[Any, ...]] = []
        self.sources: list[tuple[str, Any]] = []
        self.links: list[Any] = []  # see replay.py
        self.seen, self.left = 0, 8  # runs that a plan followed, and attempts to link that are left
        self.out = Reader(self, code).returned()


class Reader:
    """The stack and the local names as the code goes on; a method for each instruction, which gets its number and its value."""

    def __init__(self, program: Straight, code: CodeType) -> None:
        self.program, self.code = program, code
        self.stack: list[Operand] = []
        self.locals: dict[str, Operand] = {}
        self.names: tuple[str, ...] = ()  # of the arguments of the call to come
        self.out: Operand | None = None

    def returned(self) -> Operand:
        code = self.code
        if code.co_flags & UNCLEAR or code.co_kwonlyargcount:
            raise UnreadError
        if code.co_flags & CO_VARARGS:
            self.locals[code.co_varnames[code.co_argcount]] = REST
        from dis import get_instructions  # a slow import
        for step in get_instructions(code):
            if step.opname in SKIPPED:
                continue
            read = getattr(self, step.opname.lower(), None)
            if read is None:
                raise UnreadError
            text = step.opname in ("BINARY_OP", "COMPARE_OP", "CALL_INTRINSIC_1")
            read(step.arg or 0, step.argrepr if text else step.argval)
            if self.out is not None:
                return self.out
        raise UnreadError

    def pop(self, count: int) -> tuple[Operand, ...]:
        return tuple(self.stack.pop() for _ in range(count))[::-1]

    def step(self, *what: Any) -> Operand:
        steps = self.program.steps
        if len(steps) == MOST:
            raise UnreadError
        steps.append(what)
        return "step", len(steps) - 1

    def push_step(self, *what: Any) -> None:
        self.stack.append(self.step(*what))

    # ---- names
    def source(self, kind: str, what: Any) -> Operand:
        sources = self.program.sources
        if (kind, what) not in sources:
            sources.append((kind, what))
        return "free", sources.index((kind, what))

    def load_fast(self, arg: int, name: str) -> None:
        arguments = self.code.co_varnames[:self.code.co_argcount]
        if name not in self.locals and name not in arguments:
            raise UnreadError
        self.stack.append(self.locals.get(name) or self.source("arg", arguments.index(name)))

    load_fast_check = load_fast

    def load_fast_load_fast(self, arg: int, names: tuple[str, str]) -> None:
        for name in names:
            self.load_fast(arg, name)

    def store_fast(self, arg: int, name: str) -> None:
        self.locals[name] = self.stack.pop()

    def store_fast_store_fast(self, arg: int, names: tuple[str, str]) -> None:
        for name in names:
            self.store_fast(arg, name)

    def store_fast_load_fast(self, arg: int, names: tuple[str, str]) -> None:
        self.store_fast(arg, names[0])
        self.load_fast(arg, names[1])

    def load_const(self, arg: int, value: Any) -> None:
        self.stack.append(("const", value))

    def load_global(self, arg: int, name: str) -> None:
        loaded = self.source("global", name)
        self.stack += [NULL, loaded] if arg & 1 else [loaded]

    def load_deref(self, arg: int, name: str) -> None:
        if name not in self.code.co_freevars:
            raise UnreadError
        self.stack.append(self.source("cell", self.code.co_freevars.index(name)))

    def load_method(self, arg: int, name: str) -> None:
        self.stack += [NULL, ("attr", (self.stack.pop(), name))]

    def load_attr(self, arg: int, name: str) -> None:
        """What an array says of itself is a step; the function of a module is looked up where it is called."""
        if METHODS and arg & 1:
            self.load_method(arg, name)
        elif name in ATTRIBUTES:
            self.push_step("attr", self.stack.pop(), name)
        else:
            self.stack.append(("attr", (self.stack.pop(), name)))

    # ---- the stack
    def push_null(self, arg: int, value: Any) -> None:
        self.stack.append(NULL)

    def copy(self, arg: int, value: Any) -> None:
        self.stack.append(self.stack[-arg])

    def swap(self, arg: int, value: Any) -> None:
        self.stack[-1], self.stack[-arg] = self.stack[-arg], self.stack[-1]

    def build_slice(self, arg: int, value: Any) -> None:
        self.stack.append(("slice", self.pop(arg)))

    def build_tuple(self, arg: int, value: Any) -> None:
        self.stack.append(("tuple", self.pop(arg)))

    def build_list(self, arg: int, value: Any) -> None:
        self.stack.append(("list", self.pop(arg)))

    def list_extend(self, arg: int, value: Any) -> None:
        """A list of constants."""
        (kind, parts), more = self.pop(2)
        if arg != 1 or (kind, parts) != ("list", ()) or more[0] != "const":
            raise UnreadError
        self.stack.append(("list", tuple(("const", x) for x in more[1])))

    # ---- what is done
    def binary_op(self, arg: int, symbol: str) -> None:
        if symbol.removesuffix("=") not in ARITHMETIC:
            raise UnreadError
        self.push_step("op", symbol, *self.pop(2))

    def compare_op(self, arg: int, text: str) -> None:
        symbol = text.removeprefix("bool(").removesuffix(")")
        if symbol not in COMPARISONS:
            raise UnreadError
        self.push_step("op", symbol, *self.pop(2))

    def unary_negative(self, arg: int, value: Any) -> None:
        self.push_step("sign", "-", self.stack.pop())

    def unary_positive(self, arg: int, value: Any) -> None:
        self.push_step("sign", "+", self.stack.pop())

    def call_intrinsic_1(self, arg: int, text: str) -> None:
        if "UNARY_POSITIVE" not in text:
            raise UnreadError
        self.unary_positive(arg, text)

    def binary_subscr(self, arg: int, value: Any) -> None:
        self.stack.append(self.item(*self.pop(2)))

    def binary_slice(self, arg: int, value: Any) -> None:
        a, start, stop = self.pop(3)
        self.stack.append(self.item(a, ("slice", (start, stop))))

    def item(self, a: Operand, index: Operand) -> Operand:
        if a is not REST:
            return self.step("item", a, index)
        if index[0] != "const" or type(index[1]) is not int or index[1] < 0:
            raise UnreadError
        return self.source("arg", self.code.co_argcount + index[1])

    def unpack_sequence(self, arg: int, value: Any) -> None:
        a = self.stack.pop()
        if a is REST:
            self.step("rest", arg)
            parts = [self.item(a, ("const", i)) for i in range(arg)]
        else:
            parts = [self.step("unpacked", a, arg, i) for i in range(arg)]
        self.stack += parts[::-1]

    def kw_names(self, arg: int, value: Any) -> None:
        self.names = self.code.co_consts[arg]

    def call(self, arg: int, value: Any) -> None:
        given, names = self.pop(arg), self.names
        called = [x for x in self.pop(2) if x is not NULL]
        if len(called) != 1:
            raise UnreadError
        self.names = ()
        self.push_step("call", called[0], given, names)

    def call_kw(self, arg: int, value: Any) -> None:
        self.names = self.stack.pop()[1]
        self.call(arg, value)

    def return_value(self, arg: int, value: Any) -> None:
        self.out = self.stack.pop()


def straight(code: CodeType) -> Straight | None:
    """The steps of a code; None if it is not read."""
    try:
        return Straight(code)
    except (UnreadError, IndexError):  # the latter of a Python whose instructions mean something else
        return None

"""What a straight program does, traced on noted duals: the text of a function that does it on numbers.

The steps of the program (`straight.py`), and of the functions of its own that it calls, run one by one. What a step notes is
written as the notes compute it; what it does with plain values is written as it stands, and done anew in every run. Before a
name is used, the text looks whether it is still of the kind that it was.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from math import isfinite
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..dual_array import DualArray
from ..dual_scalar import DualScalar
from ..tangents.level import Level
from .entries import ARRAY, FOLD, INDEX, ITEM, JOIN, MOVE, NUMBER, PRODUCT, ROW, RUNNING, SUM, TAKE, WHERE, index_of
from .guards import BUILTINS, METHODS, OPTIONS, SPREADS, UnlinkedError, differs, takes
from .notes import DOUBLE, NUMBERS, Notes, Operation, divisor
from .straight import COMPARISONS, Operand, Straight, straight

DUALS = (DualArray, DualScalar)
SYMBOLS = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.pow: "**"}
Named = tuple[str, Any]  # what stands for a value in the text, and the value in the run that is traced


class Tracer:
    """One run of a program's steps on noted duals, and the text of a function that does them on numbers."""

    def __init__(self, inputs: Any, number: float) -> None:
        level = Level(number, False)
        level.notes = level.noted = self.notes = Notes(None)
        args = inputs.arguments(self.notes.inputs(inputs.leaves, level))
        self.args: list[Named] = [(f"args[{i}]", x) for i, x in enumerate(args)]
        self.lines = [f"if len(args) != {len(args)}:", "    return None"]
        self.meant: dict[str, Any] = {
            "__builtins__": {"type": type, "int": int, **BUILTINS}, "ndarray": np.ndarray, "float64": np.float64,
            "double": DOUBLE, "numbers": NUMBERS, "FunctionType": FunctionType, "reduce": np.add.reduce, "stack": np.stack,
            "array": np.array, "where": np.where, "concatenate": np.concatenate, "cumsum": np.cumsum}
        self.variables: dict[str, Any] = {}
        self.originals: dict[int, str] = {}  # of constants, which the notes may have copied
        self.codes: list[Any] = []  # of the functions that the step is inside of

    def function(self) -> Callable[..., Any]:
        if not all(f"v{i}" in self.variables for i in self.notes.entries):  # an argument that nothing depends on
            raise UnlinkedError
        given = ", ".join(f"{i}: v{i}" for i in self.notes.entries)
        exec(compile("\n    ".join(["def run(f, args):", *self.lines, f"return {{{given}}}"]), "<steps>", "exec"), self.meant)
        self.notes.release()
        run: Callable[..., Any] = self.meant["run"]
        return run

    def named(self, value: Any) -> str:
        """A name for what belongs to the structure."""
        name = f"c{len(self.meant)}"
        self.meant[name] = value
        return name

    def variable(self, stem: str, value: Any, text: str) -> str:
        name = f"{stem}{len(self.variables)}"
        self.variables[name] = value
        self.lines.append(f"{name} = {text}")
        return name

    def looked_at(self, text: str, value: Any, stem: str = "s") -> str:
        """A variable, which must be of this kind in other runs, too."""
        name = self.variable(stem, value, text)
        self.require(*differs(name, value, self.named))
        return name

    def require(self, *conditions: str) -> None:
        self.lines += [f"if {' or '.join(conditions)}:", "    return None"]

    # ---- a function
    def returned(self, program: Straight, name: str, f: Any, args: list[Named]) -> Named:
        """What it returns, given these."""
        if f.__code__ in self.codes:
            raise UnlinkedError
        self.codes.append(f.__code__)
        frame = Frame(self, program, name, f, args)
        for step in program.steps:
            frame.done.append(frame.do(step))
        self.codes.pop()
        return frame.operand(program.out)

    def result(self, text: str, plain: list[Named], numbers: bool = False) -> Named:
        """The value of an expression, which was given these plain values, in this order; ``numbers``: and divides by others."""
        entries, before = self.notes.entries, len(self.notes.entries)
        r = eval(text, self.meant, self.variables)
        made = [*entries.items()][before:]
        if type(r) not in DUALS:
            if made:
                raise UnlinkedError
            return self.looked_at(text, r, "t"), r
        rest = iter(plain)
        for i, entry in made:
            name = f"v{i}"
            own = numbers and entry[0] is NUMBER
            self.lines.append(f"{name} = {self.notes.values[i]!r}" if own else f"{name} = {self.text_of(i, entry, rest)}")
            self.variables[name] = self.notes.duals.get(i)
        if type(r.source) is not int or next(rest, None) is not None:
            raise UnlinkedError
        return f"v{r.source}", r

    def text_of(self, i: int, entry: Any, plain: Iterator[Named]) -> str:
        """What computes a noted value, as the notes do; constants are the plain values of the step, one by one."""
        what, *of = entry
        if what is NUMBER or what is ARRAY or what is INDEX:
            text, x = next(plain, ("", ()))
            if not np.array_equal(x, self.notes.values[i]) or np.shape(x) != np.shape(self.notes.values[i]):
                raise UnlinkedError
            self.originals[i] = text
            return text if what is not ARRAY else self.kept(text, x, self.notes.values[i])
        if type(what) is Operation:
            operands = [self.originals.get(j, f"v{j}") for j in of[:2]]
            if len(of) == 3:  # a power by a number, which belongs to the structure
                text, y = next(plain)
                if not text.startswith("("):
                    self.require(f"{text} != {self.named(y)}")
                operands[1] = text
            symbol = SYMBOLS.get(what.operate)
            return f"{operands[0]} {symbol} {operands[1]}" if symbol else f"{self.named(what.operate)}({', '.join(operands)})"
        values = [f"v{j}" for j in of if type(j) is int]
        if what is SUM:
            a, function, axis = of
            total = f"reduce(v{a}, {axis})"
            return total if function is np.sum else f"{total} / {divisor(self.notes.values[a].shape, axis)}"
        if what is ROW:
            several = any(np.ndim(self.notes.values[j]) for j in of)
            return f"stack([{', '.join(values)}])" if several else f"array([{', '.join(values)}], double)"
        forms: dict[Any, Callable[[], str]] = {
            ITEM: lambda: f"v{of[0]}[{self.named(index_of(of[1]))}]", TAKE: lambda: f"v{of[0]}[v{of[1]}]",
            MOVE: lambda: f"{self.named(of[1])}(v{of[0]}, *{self.named(tuple(of[2:]))})",
            PRODUCT: lambda: f"{self.named(of[2])}(v{of[0]}, v{of[1]})", RUNNING: lambda: f"cumsum(v{of[0]}, {of[1]})",
            FOLD: lambda: f"{self.named(of[1])}(v{of[0]}, axis={of[2]})",
            JOIN: lambda: f"concatenate([{', '.join(values)}])", WHERE: lambda: f"where({', '.join(values)})"}
        return forms[what]()

    def kept(self, text: str, x: Any, copy: Any) -> str:
        """An array as the notes keep it: products of a copy whose elements lie otherwise are summed otherwise."""
        if type(x) is not np.ndarray:
            return f"array({text}, double)"
        if not x.flags.forc:
            self.require(f"{text}.flags.writeable is not {x.flags.writeable}")
        return text if x.dtype == DOUBLE and x.strides == copy.strides else f"array({text}, double)"


class Frame:
    """One call of a function: where its names are found, and what its steps gave."""

    def __init__(self, tracer: Tracer, program: Straight, name: str, f: Any, args: list[Named]) -> None:
        self.tracer, self.program, self.name, self.f, self.args = tracer, program, name, f, args
        self.done: list[Named] = []
        self.sources: dict[int, Named] = {}
        self.attributes: dict[tuple[int, str], Named] = {}

    # ---- operands
    def operand(self, operand: Operand) -> Named:
        kind, what = operand
        if kind == "step":
            return self.done[what]
        if kind == "free":
            if what not in self.sources:
                self.sources[what] = self.source(*self.program.sources[what])
            return self.sources[what]
        if kind == "const" and type(what) in (int, float, bool) and isfinite(what):
            return f"({what!r})", what
        if kind == "attr":
            found = self.attribute(*what)
            if type(found[1]) in NUMBERS:  # np.pi
                return found
        if kind in ("list", "tuple"):
            parts = [self.operand(part) for part in what]
            return f"[{', '.join(text for text, _ in parts)}]", parts
        raise UnlinkedError

    def source(self, kind: str, what: Any) -> Named:
        """A name outside the function, or an argument; it must be of this kind in other runs, too."""
        f, tracer = self.f, self.tracer
        if kind == "arg":
            text, x = self.argument(what)
            if not text.startswith(("args[", f"{self.name}.")):  # of a function that the program calls: known already
                return text, x
        elif kind == "cell":
            text, x = f"{self.name}.__closure__[{what}].cell_contents", f.__closure__[what].cell_contents
        elif what in BUILTINS and what not in f.__globals__:
            tracer.require(f"{what!r} in {self.name}.__globals__")
            return what, BUILTINS[what]
        else:
            text, x = f"{self.name}.__globals__[{what!r}]", f.__globals__[what]
        if type(x) not in DUALS:
            return tracer.looked_at(text, x), x
        name = f"v{x.source}"
        tracer.lines.append(f"{name} = {text}")
        tracer.variables[name] = x
        tracer.require(*differs(name, x, tracer.named))
        return name, x

    def argument(self, place: int) -> Named:
        if place < len(self.args):
            return self.args[place]
        place -= self.program.argcount
        return f"{self.name}.__defaults__[{place}]", self.f.__defaults__[place]

    def attribute(self, base: Operand, name: str) -> Named:
        """What a module has under a name."""
        text, module = self.operand(base) if base[0] == "free" else ("", None)
        if not isinstance(module, ModuleType):
            raise UnlinkedError
        key = base[1], name
        if key not in self.attributes:
            found = getattr(module, name)
            self.attributes[key] = self.tracer.looked_at(f"{text}.{name}", found), found
        return self.attributes[key]

    def constant(self, operand: Operand) -> Any:
        """An index, an axis or a shape, which belongs to the structure."""
        kind, what = operand
        if kind == "const":
            return what
        if kind in ("slice", "tuple", "list"):
            parts = [self.constant(part) for part in what]
            return slice(*parts) if kind == "slice" else tuple(parts) if kind == "tuple" else parts
        text, x = self.operand(operand)
        if type(x) is not int:
            raise UnlinkedError
        self.tracer.require(f"type({text}) is not int", f"{text} != {x}")
        return x

    # ---- steps
    def do(self, step: tuple[Any, ...]) -> Named:
        what, *parts = step
        if what == "call":
            return self.call(*parts)
        if what == "unpacked":
            return self.unpacked(*parts)
        if what == "rest":
            return ("", None) if len(self.args) == self.program.argcount + parts[0] else self.unlinked()
        if what == "attr":
            text, x = self.operand(parts[0])
            if type(x) in (*DUALS, np.ndarray):
                return self.result(f"{text}.{parts[1]}", [])
            return self.attribute(*parts)  # np.shape
        if what == "sign":
            text, x = self.operand(parts[1])
            return self.result(f"{parts[0]}{text}", [])
        if what == "op":
            (a, x), (b, y) = self.operand(parts[1]), self.operand(parts[2])
            symbol = parts[0]
            if symbol not in COMPARISONS and symbol.endswith("="):  # of numbers, which nobody sees change
                symbol = symbol[:-1] if type(x) is DualScalar else self.unlinked()
            return self.result(f"{a} {symbol} {b}", [(a, x), (b, y)])
        (a, x), index = self.operand(parts[0]), parts[1]
        if type(x) is list:
            raise UnlinkedError
        if index[0] in ("free", "step") and type((found := self.operand(index))[1]) is np.ndarray:
            return self.result(f"{a}[{found[0]}]", [found])
        return self.result(f"{a}[{self.tracer.named(self.constant(index))}]", [])

    def result(self, text: str, given: list[Named], numbers: bool = False) -> Named:
        return self.tracer.result(text, [x for x in given if type(x[1]) not in DUALS], numbers)

    def unlinked(self) -> Any:
        raise UnlinkedError

    def unpacked(self, a: Operand, length: int, place: int) -> Named:
        text, x = self.operand(a)
        if type(x) not in (DualArray, np.ndarray) or x.shape != (length,):
            raise UnlinkedError
        return self.result(f"{text}[{place}]", [])

    def call(self, function: Operand, given: tuple[Operand, ...], names: tuple[str, ...]) -> Named:
        count = len(given) - len(names)
        options = dict(zip(names, given[count:], strict=True))
        if function[0] == "attr" and (function[1][0][0] != "free" or type(self.operand(function[1][0])[1]) is not ModuleType):
            own = self.operand(function[1][0])
            found = function[1][1]
            name, arrays = f"{own[0]}.{found}", METHODS.get(found)
            if type(own[1]) not in (*DUALS, np.ndarray):
                raise UnlinkedError
        else:
            own = None
            name, found = self.attribute(*function[1]) if function[0] == "attr" else self.operand(function)
            if type(found) is FunctionType and takes(found) is None:
                return self.helper(name, found, given[:count], options)
            arrays = takes(found)
            if type(found) is np.ufunc and (found.nin != count or found.nout != 1 or options):
                raise UnlinkedError
        if arrays is None or count < arrays or not options.keys() <= OPTIONS:
            raise UnlinkedError
        first = [self.operand(x) for x in given[:arrays]]
        rest = [self.tracer.named(self.constant(x)) for x in given[arrays:count]]
        rest += [f"{key}={self.tracer.named(self.constant(x))}" for key, x in options.items()]
        return self.result(f"{name}({', '.join([*(text for text, _ in first), *rest])})",
                           [*leaves([own] if own else []), *leaves(first)], any(found is one for one in SPREADS))

    def helper(self, name: str, f: Any, given: tuple[Operand, ...], options: dict[str, Operand]) -> Named:
        """A function of the program's own, by its steps."""
        program = straight(f.__code__)
        args = [self.operand(x) for x in given]
        if program is None or any(type(x) is list for _, x in args):
            raise UnlinkedError
        for key in f.__code__.co_varnames[len(args):f.__code__.co_argcount]:
            if key not in options:
                break
            args.append(self.operand(options.pop(key)))
        if options:
            raise UnlinkedError
        return self.tracer.returned(program, name, f, args)


def leaves(parts: list[Named]) -> Iterator[Named]:
    """The values in lists, one by one; a list of numbers inside one is an array."""
    for text, x in parts:
        if type(x) is not list:
            yield text, x
            continue
        for inner, y in x:
            yield (f"array({inner}, double)", np.array([z for _, z in y], DOUBLE)) if type(y) is list else (inner, y)

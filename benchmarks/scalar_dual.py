"""One dual number at a time, in plain Python: Dual against the leanest class that can hold a dual number.

LeanDual knows floats and itself and nothing else: no other number type, no levels, no refusals. What Dual costs above
it is the price of being safe.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from dualdiff import Dual, derivative

from . import _peers
from ._report import Bar, Case, all_cases, main
from ._timing import Contender

new = object.__new__


class LeanDual:
    """value + tangent ε with the least that Python can do: slots, no __init__ call, one type test."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: float, tangent: float) -> None:
        self.value, self.tangent = value, tangent

    def __add__(self, other: Any) -> LeanDual:
        r = new(LeanDual)
        if type(other) is LeanDual:
            r.value = self.value + other.value
            r.tangent = self.tangent + other.tangent
        else:
            r.value = self.value + other
            r.tangent = self.tangent
        return r

    __radd__ = __add__

    def __sub__(self, other: Any) -> LeanDual:
        r = new(LeanDual)
        if type(other) is LeanDual:
            r.value = self.value - other.value
            r.tangent = self.tangent - other.tangent
        else:
            r.value = self.value - other
            r.tangent = self.tangent
        return r

    def __rsub__(self, other: Any) -> LeanDual:
        r = new(LeanDual)
        r.value = other - self.value
        r.tangent = -self.tangent
        return r

    def __mul__(self, other: Any) -> LeanDual:
        r = new(LeanDual)
        x = self.value
        if type(other) is LeanDual:
            y = other.value
            r.value = x * y
            r.tangent = self.tangent * y + other.tangent * x
        else:
            r.value = x * other
            r.tangent = self.tangent * other
        return r

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> LeanDual:
        r = new(LeanDual)
        if type(other) is LeanDual:
            y = other.value
            f = self.value / y
            r.value = f
            r.tangent = (self.tangent - other.tangent * f) / y
        else:
            r.value = self.value / other
            r.tangent = self.tangent / other
        return r

    def __rtruediv__(self, other: Any) -> LeanDual:
        r = new(LeanDual)
        y = self.value
        f = other / y
        r.value = f
        r.tangent = -self.tangent * f / y
        return r

    def __pow__(self, other: Any) -> LeanDual:
        r = new(LeanDual)
        x = self.value
        if type(other) is LeanDual:
            y = other.value
            f = x ** y
            r.value = f
            r.tangent = self.tangent * (y * x ** (y - 1)) + other.tangent * (f * math.log(x))
        else:
            r.value = x ** other
            r.tangent = self.tangent * (other * x ** (other - 1))
        return r


def formula(x: Any, y: Any) -> Any:
    """Twenty operations: nine additions and subtractions, seven products, two quotients, two powers."""
    a = x * y + 2.0 * x - y * 3.0
    b = (a - x) / (y + 4.0)
    c = b * b + a * 0.5
    return (c + x * b) ** 2 / (x ** 3 + 1.5) - c * (a + b)


UNROLLED = 100                                             # statements per call, so that the loop is not what is timed
OPERATIONS = ("a + b", "a - b", "a * b", "a / b", "a ** b", "a + 3.0", "a - 3.0", "a * 3.0", "a / 3.0", "a ** 3",
              "3.0 + a", "3.0 - a", "3.0 * a", "3.0 / a")


def unrolled(statement: str, names: dict[str, Any]) -> Callable[[], Any]:
    """A function that runs a statement UNROLLED times and returns (value, tangent) of the last result."""
    arguments = ", ".join(f"{name}={name}" for name in names)
    source = f"def run({arguments}):\n" + f"    r = {statement}\n" * UNROLLED + "    return r.value, r.tangent\n"
    scope: dict[str, Any] = dict(names)
    exec(compile(source, "<unrolled>", "exec"), scope)
    function: Callable[[], Any] = scope["run"]
    return function


def read(r: Any) -> tuple[float, float]:
    return r.value, r.tangent


def at_most_lean(what: str) -> Bar:
    return Bar(f"Dual over LeanDual, {what}", lambda t: t.ratio("Dual", "LeanDual"), 1.2)


def cases(quick: bool) -> Iterator[Case]:
    seconds = 1.0
    for statement in OPERATIONS:
        lean, ours = (unrolled(statement, {"a": kind(1.3, 0.7), "b": kind(2.1, -0.4)}) for kind in (LeanDual, Dual))
        runs = [Contender("LeanDual", lean, per_call=UNROLLED), Contender("Dual", ours, per_call=UNROLLED)]
        yield Case(statement, runs, [at_most_lean(statement)], seconds)
    classes: list[tuple[str, Any]] = [("LeanDual", LeanDual), ("Dual", Dual)]
    runs = [Contender(name, unrolled("formula(a, b)", {"formula": formula, "a": kind(1.3, 0.7), "b": kind(2.1, -0.4)}),
                      per_call=UNROLLED) for name, kind in classes]
    plain = Contender("floats, no derivative", lambda: [formula(1.3, 2.1) for _ in range(UNROLLED)], None, UNROLLED)
    alone = [Contender("LeanDual", lambda: read(formula(LeanDual(1.3, 1.0), 2.1))),
             Contender("Dual", lambda: read(formula(Dual(1.3, 1.0), 2.1))),
             Contender("derivative", lambda: (formula(1.3, 2.1), derivative(formula)(1.3, 2.1)), 1e-10),
             *_peers.of_numbers(formula, (1.3, 2.1))]
    yield Case("twenty operations, value and derivative by x", alone, (), 2 * seconds)
    yield Case("twenty operations", [*runs, plain],
               [at_most_lean("twenty operations"),
                Bar("Dual, twenty operations", lambda t: t["Dual"].median / 1e3, 7.0, unit="µs")], 2 * seconds)


if __name__ == "__main__":
    main("benchmarks.scalar_dual", all_cases(cases))

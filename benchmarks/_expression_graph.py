"""The expression graphs of the lecture notes *Machine learning*, section 3, spelled as the notes spell them.

Two sets of classes with the same names: the forward ones, whose ``derive(v)`` returns the derivative with respect to
the variable v, and the backward ones, whose ``derive(seed)`` adds to ``partial`` of every variable it reaches; and the
notes' ``Dual``. They know + and * only. A subexpression that is used twice is a node with two parents, and every method
walks down to it once per path: the cost grows with the number of *paths*, not of nodes.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def forward_classes() -> SimpleNamespace:
    class Expression:
        def __add__(exp1: Any, exp2: Any) -> Any:  # noqa: N805 - the notes' own spelling
            return Plus(exp1, exp2)

        def __mul__(exp1: Any, exp2: Any) -> Any:  # noqa: N805
            return Multiply(exp1, exp2)

    class Variable(Expression):
        def __init__(self, value: Any) -> None:
            self.value = value

        def evaluate(self) -> Any:
            return self.value

        def derive(self, v: Any) -> Any:
            return 1 if self == v else 0

    class Plus(Expression):
        def __init__(self, exp1: Any, exp2: Any) -> None:
            self.a = exp1
            self.b = exp2

        def evaluate(self) -> Any:
            return self.a.evaluate() + self.b.evaluate()

        def derive(self, v: Any) -> Any:
            return self.a.derive(v) + self.b.derive(v)

    class Multiply(Expression):
        def __init__(self, exp1: Any, exp2: Any) -> None:
            self.a = exp1
            self.b = exp2

        def evaluate(self) -> Any:
            return self.a.evaluate() * self.b.evaluate()

        def derive(self, v: Any) -> Any:
            return (self.a.derive(v) * self.b.evaluate()
                    + self.b.derive(v) * self.a.evaluate())

    return SimpleNamespace(Expression=Expression, Variable=Variable, Plus=Plus, Multiply=Multiply)


def backward_classes() -> SimpleNamespace:
    class Expression:
        def __add__(exp1: Any, exp2: Any) -> Any:  # noqa: N805
            return Plus(exp1, exp2)

        def __mul__(exp1: Any, exp2: Any) -> Any:  # noqa: N805
            return Multiply(exp1, exp2)

    class Variable(Expression):
        def __init__(self, value: Any) -> None:
            self.value = value
            self.partial: Any = 0

        def evaluate(self) -> Any:
            return self.value

        def derive(self, seed: Any) -> None:
            self.partial += seed

    class Plus(Expression):
        def __init__(self, exp1: Any, exp2: Any) -> None:
            self.a = exp1
            self.b = exp2

        def evaluate(self) -> Any:
            return self.a.evaluate() + self.b.evaluate()

        def derive(self, seed: Any) -> None:
            self.a.derive(seed)
            self.b.derive(seed)

    class Multiply(Expression):
        def __init__(self, exp1: Any, exp2: Any) -> None:
            self.a = exp1
            self.b = exp2

        def evaluate(self) -> Any:
            return self.a.evaluate() * self.b.evaluate()

        def derive(self, seed: Any) -> None:
            self.a.derive(seed * self.b.evaluate())
            self.b.derive(seed * self.a.evaluate())

    return SimpleNamespace(Expression=Expression, Variable=Variable, Plus=Plus, Multiply=Multiply)


class Dual:
    """The notes' dual number, eqs. (28) and (29)."""

    def __init__(self, realPart: Any, infs: Any = 0) -> None:
        self.realPart = realPart
        self.infs = infs

    def __add__(self, other: Any) -> Dual:
        return Dual(
            self.realPart + other.realPart,
            self.infs + other.infs,
        )

    def __mul__(self, other: Any) -> Dual:
        return Dual(
            self.realPart * other.realPart,
            other.realPart * self.infs + self.realPart * other.infs,
        )


forward = forward_classes()
backward = backward_classes()


# ---- the Jacobian of f: list of n numbers -> list of m numbers, with each of the three ------------------------------
def jacobian_forward(f: Any, x: list[Any]) -> list[list[Any]]:
    """One ``derive(v)`` per entry: m · n walks over the graph."""
    variables = [forward.Variable(value) for value in x]
    return [[y.derive(v) for v in variables] for y in f(variables)]


def jacobian_backward(f: Any, x: list[Any]) -> list[list[Any]]:
    """One ``derive(1)`` per output: m walks over the graph."""
    variables = [backward.Variable(value) for value in x]
    rows = []
    for y in f(variables):
        for v in variables:
            v.partial = 0
        y.derive(1)
        rows.append([v.partial for v in variables])
    return rows


def jacobian_dual(f: Any, x: list[Any]) -> list[list[Any]]:
    """One run of f per input."""
    columns = [[y.infs for y in f([Dual(value, int(i == j)) for i, value in enumerate(x)])] for j in range(len(x))]
    return [list(row) for row in zip(*columns, strict=True)]

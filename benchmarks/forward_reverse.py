"""Forward against reverse: what a Jacobian costs for n inputs and m outputs, in runs of f.

A forward sweep with plain tangents costs about n runs of f, a reverse one about m; a sweep whose ε-part is a sum of
coefficient × leaf costs what the leaves hold. The expression graphs of the lecture notes compete where they can: on
plain numbers, with + and * only. Then a program that uses each intermediate result three times shows what walking a
graph path by path costs: three times more with every step, where dual numbers pay for every step once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

import dualdiff as dd

from . import _expression_graph, _textbook
from ._report import Case, Report, main
from ._timing import Contender

HIDDEN = 50               # neurons between n inputs and m outputs


# ---- n inputs × m outputs in NumPy ---------------------------------------------------------------------------------
def layers(n: int, m: int) -> Case:
    """A network, B tanh(A x): dense, so that forward and reverse sweeps really differ by n and m."""
    rng = np.random.default_rng(0)
    A, B, x = rng.standard_normal((HIDDEN, n)) / np.sqrt(n), rng.standard_normal((m, HIDDEN)), rng.standard_normal(n)

    def f(x: Any) -> Any:
        return B @ np.tanh(A @ x)

    def by_hand() -> Any:
        t = np.tanh(A @ x)
        return (B * (1 - t * t)) @ A

    return Case(f"B tanh(A x), {n} inputs, {m} outputs", [
        Contender("f", lambda: f(x), None),
        Contender("by hand", by_hand),
        Contender("forward", lambda: dd.jacobian(f)(x)),
        Contender("reverse", lambda: reverse_jacobian(f, x, m)),
        Contender("textbook forward", lambda: _textbook.jacobian(f, x)),
    ], seconds=1.5)


def stencil(n: int) -> Case:
    """Each output depends on three neighbours: the Jacobian is n × n, its cost need not be."""
    x = np.random.default_rng(0).standard_normal(n)

    def f(x: Any) -> Any:
        return x[2:] - 2.0 * x[1:-1] + x[:-2] + x[1:-1] * x[1:-1]

    def by_hand() -> Any:
        J = np.zeros((n - 2, n))
        i = np.arange(n - 2)
        J[i, i] = J[i, i + 2] = 1.0
        J[i, i + 1] = 2.0 * x[1:-1] - 2.0
        return J

    return Case(f"three-point stencil, {n} inputs, {n - 2} outputs", [
        Contender("f", lambda: f(x), None),
        Contender("by hand", by_hand),
        Contender("forward", lambda: dd.jacobian(f)(x)),
        Contender("reverse", lambda: reverse_jacobian(f, x, n - 2)),
        Contender("textbook forward", lambda: _textbook.jacobian(f, x)),
    ], seconds=2.0)


def reverse_jacobian(f: Callable[[Any], Any], x: Any, m: int) -> Any:
    """All rows by one recorded tape, pulled back along m cotangents at once."""
    return dd.vjp(f, x)[1](np.eye(m))[0]


# ---- n inputs × m outputs on plain numbers --------------------------------------------------------------------------
def products(n: int, m: int) -> Case:
    """y[j] = Σ x[i] · x[i + j], + and * only: the lecture's classes on the same program as ours."""
    x = np.random.default_rng(0).standard_normal(n).tolist()

    def f(x: Any) -> list[Any]:
        outputs = []
        for j in range(m):
            total = x[0] * x[j % n]
            for i in range(1, n):
                total = total + x[i] * x[(i + j) % n]
            outputs.append(total)
        return outputs

    return Case(f"Σ x[i]·x[i+j] on plain numbers, {n} inputs, {m} outputs", [
        Contender("f", lambda: f(x), None),
        Contender("dualdiff forward", lambda: dd.jacobian(lambda x: np.stack(f(x)))(np.array(x))),
        Contender("dualdiff reverse", lambda: reverse_jacobian(lambda x: np.stack(f(x)), np.array(x), m)),
        Contender("dualdiff.Dual, one input at a time", lambda: by_hand_duals(f, x)),
        Contender("lecture Dual", lambda: _expression_graph.jacobian_dual(f, x)),
        Contender("lecture graph, derive(v)", lambda: _expression_graph.jacobian_forward(f, x)),
        Contender("lecture graph, derive(seed)", lambda: _expression_graph.jacobian_backward(f, x)),
    ], seconds=1.5)


def by_hand_duals(f: Callable[[Any], list[Any]], x: Sequence[float]) -> Any:
    columns = [[y.tangent for y in f([dd.Dual(v, float(i == j)) for i, v in enumerate(x)])] for j in range(len(x))]
    return np.array(columns).T


# ---- repeated subexpressions -----------------------------------------------------------------------------------------
def repeated(x: Any, depth: int) -> Any:
    """x ← x · x + x, ``depth`` times: 2 · depth operations, 3^depth paths from the result to x."""
    for _ in range(depth):
        x = x * x + x
    return x


def repeated_by_hand(x: float, depth: int) -> float:
    slope = 1.0
    for _ in range(depth):
        slope *= 2.0 * x + 1.0
        x = x * x + x
    return slope


START = 0.1               # small enough that the result stays finite for every depth
WAYS: dict[str, Callable[[Any, float], Any]] = {
    "dualdiff.Dual": lambda f, x: f(dd.Dual(x, 1.0)).tangent,
    "dualdiff reverse": lambda f, x: dd.gradient(f, mode="reverse")(x),
    "lecture Dual": lambda f, x: _expression_graph.jacobian_dual(lambda v: [f(v[0])], [x])[0][0],
    "lecture graph, derive(v)": lambda f, x: _expression_graph.jacobian_forward(lambda v: [f(v[0])], [x])[0][0],
    "lecture graph, derive(seed)": lambda f, x: _expression_graph.jacobian_backward(lambda v: [f(v[0])], [x])[0][0],
}


def repetition(depth: int) -> Case:
    f = partial(repeated, depth=depth)
    return Case(f"x ← x · x + x, {depth} times", [
        Contender("f", lambda: f(START), None),
        Contender("by hand", lambda: repeated_by_hand(START, depth)),
        *(Contender(name, partial(way, f, START)) for name, way in WAYS.items()),
    ], seconds=2.0)


class Counted:
    """A number that counts the additions and multiplications made with it: work without a clock."""

    operations = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __add__(self, other: Any) -> Counted:
        Counted.operations += 1
        return Counted(self.value + getattr(other, "value", other))

    def __mul__(self, other: Any) -> Counted:
        Counted.operations += 1
        return Counted(self.value * getattr(other, "value", other))

    __radd__, __rmul__ = __add__, __mul__


def operations(name: str, depth: int) -> int:
    """How many additions and multiplications a contender of ``WAYS`` makes for the derivative at this depth."""
    Counted.operations = 0
    WAYS[name](partial(repeated, depth=depth), Counted(START))           # type: ignore[arg-type]
    return Counted.operations


COUNTED = ("dualdiff.Dual", "lecture Dual", "lecture graph, derive(v)", "lecture graph, derive(seed)")


def growth(report: Report, depths: Sequence[int]) -> None:
    """The same by counting: additions and multiplications of plain numbers, and their growth by one more step."""
    counts = {name: [operations(name, d) for d in depths] for name in COUNTED}
    width = max(map(len, counts))
    report.say("", "x ← x · x + x: additions and multiplications of numbers for the derivative, by number of steps",
               " " * (width + 4) + "".join(f"{d:>12}" for d in depths) + "   last step")
    for name, row in counts.items():
        report.say(f"  {name:{width}}  " + "".join(f"{c:>12,}" for c in row)
                   + f"   × {(row[-1] / row[-2]) ** (1 / (depths[-1] - depths[-2])):.2f}")
    report.cases.append({"title": "operations counted", "depths": list(depths), "operations": counts})


# ---- the suite -------------------------------------------------------------------------------------------------------
def cases(quick: bool) -> Iterator[Case]:
    sizes = (1, 5) if quick else (1, 10, 100, 1000)
    for n in sizes:
        for m in sizes:
            yield layers(n, m)
    for n in (20,) if quick else (100, 1000):
        yield stencil(n)
    for n, m in ((1, 1), (3, 2)) if quick else ((1, 1), (1, 16), (16, 1), (16, 16), (64, 1), (64, 16)):
        yield products(n, m)
    for depth in (2, 4) if quick else (2, 4, 6, 8, 10):
        yield repetition(depth)


def run(report: Report) -> None:
    summary = []
    for case in cases(report.quick):
        timings = report.run(case)
        if "forward" in timings:
            summary.append(f"  {case.title:45} forward {timings.ratio('forward', 'f'):8.1f}   reverse "
                           f"{timings.ratio('reverse', 'f'):8.1f}")
    report.say("", "runs of f that a Jacobian costs", *summary)
    growth(report, (2, 4, 6) if report.quick else (2, 4, 6, 8, 10, 11))


if __name__ == "__main__":
    main("benchmarks.forward_reverse", run)

"""Loops in plain Python that fill an array element by element, ten directions: dualdiff against the textbook layout.

The textbook's array of tangents is written in place; dualdiff logs what is written and joins it once. Four lengths show
that the cost for each element stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import dualdiff as dd

from ._report import Bar, Case, Report, main
from ._textbook import VectorDual
from ._timing import Contender

K = 10


class Buffer(VectorDual):
    """The textbook's array with what a loop needs: its length, elements that are such arrays too, and assignment."""

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> Buffer:
        return Buffer(self.value[index], self.tangent[:, index])

    def __setitem__(self, index: int, item: VectorDual) -> None:
        self.value[index], self.tangent[:, index] = item.value, item.tangent


def zeros_like(x: Any) -> Any:
    return Buffer(np.zeros_like(x.value), np.zeros_like(x.tangent)) if isinstance(x, Buffer) else np.zeros_like(x)


def elementwise(x: Any) -> Any:
    out = zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] * x[i]
    return out


def recurrence(x: Any) -> Any:
    out = zeros_like(x)
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = x[i] * 0.5 + out[i - 1] * x[i]
    return out


def added(x: Any) -> Any:
    out = zeros_like(x)
    for i in range(len(x)):
        out[i] += x[i] * x[i]
    return out


def textbook(f: Callable[[Any], Any], x: Any, V: Any) -> Any:
    return f(Buffer(x, V)).tangent


def cases(quick: bool) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for n in (20, 40) if quick else (1250, 2500, 5000, 10000):
        x, V = rng.uniform(0.5, 1.0, n), rng.standard_normal((K, n))
        for f in (elementwise, recurrence, added):
            yield Case(
                f"{f.__name__}: {n} elements, {K} directions",
                [Contender("textbook", lambda f=f, x=x, V=V: textbook(f, x, V), per_call=n),           # type: ignore[misc]
                 Contender("dualdiff.jvp", lambda f=f, x=x, V=V: dd.jvp(f, (x,), (V,))[1], per_call=n)],   # type: ignore[misc]
                [Bar(f"dualdiff.jvp over textbook, {f.__name__}, {n}", lambda t: t.ratio("dualdiff.jvp", "textbook"), 3.0)],
                seconds=2.0)


def run(report: Report) -> None:
    """The cases, and how the cost of each loop grows."""
    costs: dict[str, list[tuple[int, float]]] = {}
    for case in cases(report.quick):
        loop, _, rest = case.title.partition(": ")
        n = int(rest.split()[0])
        costs.setdefault(loop, []).append((n, n * report.run(case)["dualdiff.jvp"].median))
    for loop, points in costs.items():
        sizes, times = zip(*points, strict=True)
        slope = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
        report.cases[-1]["bars"].append(report.judge(Bar(f"slope in elements, {loop}", lambda _: 0.0, 1.1, ""), slope))


if __name__ == "__main__":
    main("benchmarks.element_loops", run)

"""How cost grows: with inputs, outputs, directions, depth and the length of a loop; slopes fitted to log cost over log size.

A slope of 1 is linear. It is fitted to the upper half of the sizes: at the small ones a call's fixed cost hides the growth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import dualdiff as dd

from ._report import Bar, Case, Report, main
from ._timing import Contender
from .gradients import rosenbrock, rosenbrock_by_hand

Make = Callable[[int], list[Contender]]
RNG = np.random.default_rng(0)


def inputs(n: int) -> list[Contender]:
    x = RNG.standard_normal(n)
    return [Contender("by hand", partial(rosenbrock_by_hand, x)),
            Contender("forward", partial(dd.gradient(rosenbrock, mode="forward"), x)),
            Contender("reverse", partial(dd.gradient(rosenbrock, mode="reverse"), x))]


def neighbours(x: Any) -> Any:
    return np.sin(x[1:]) * x[:-1] - x[1:] ** 2


def sparse(n: int) -> list[Contender]:
    x = RNG.standard_normal(n)
    J = dd.jacobian(neighbours, sparse=True)
    return [Contender("from nothing", lambda: dd.jacobian(neighbours, sparse=True)(x).data),
            Contender("again", lambda: J(x).data)]


def outputs(m: int) -> list[Contender]:
    A, x = RNG.standard_normal((m, 40)), RNG.standard_normal(40)
    f = lambda x: np.tanh(A @ x) ** 2

    def by_hand() -> Any:
        t = np.tanh(A @ x)
        return (2.0 * t * (1.0 - t * t))[:, None] * A
    return [Contender("by hand", by_hand), Contender("forward", partial(dd.jacobian(f, mode="forward"), x))]


def directions(k: int) -> list[Contender]:
    x, V = RNG.standard_normal(1000), RNG.standard_normal((k, 1000))
    f = lambda x: np.cumsum(np.tanh(x) * x) + x
    return [Contender("jvp", lambda: dd.jvp(f, (x,), (V,))[1]),
            Contender("one at a time", lambda: np.stack([dd.jvp(f, (x,), (v,))[1] for v in V]))]


def depth(layers: int) -> list[Contender]:
    x = RNG.standard_normal(60)
    weights = [RNG.standard_normal((60, 60)) / 8 for _ in range(layers)]

    def f(x: Any) -> Any:
        for W in weights:
            x = np.tanh(W @ x)
        return np.sum(x)
    return [Contender("reverse", partial(dd.gradient(f, mode="reverse"), x)),
            Contender("forward", partial(dd.gradient(f, mode="forward"), x))]


def loop(steps: int) -> list[Contender]:
    x = RNG.standard_normal(50)

    def f(x: Any) -> Any:
        for _ in range(steps):
            x = x + 0.01 * (np.roll(x, 1) - 2.0 * x + np.roll(x, -1)) * np.cos(x)
        return np.sum(x * x)
    return [Contender("reverse", partial(dd.gradient(f, mode="reverse"), x)),
            Contender("forward, one direction", lambda: dd.jvp(f, (x,), (np.ones(50),))[1], None),
            Contender("forward", partial(dd.gradient(f, mode="forward"), x))]


def elements(n: int) -> list[Contender]:
    """A plain Python loop over elements, each a dual number."""
    x = RNG.uniform(0.5, 1.0, n)

    def f(x: Any) -> Any:
        total = 0.0
        for i in range(1, n):
            total = total + x[i] * x[i - 1]
        return total
    return [Contender(mode, partial(dd.gradient(f, mode=mode), x)) for mode in ("forward", "reverse")]


AXES: dict[str, tuple[Make, tuple[int, ...], tuple[int, ...]]] = {        # what grows: sizes, and sizes for --quick
    "inputs of a gradient": (inputs, (1000, 10_000, 100_000, 1_000_000), (1000, 4000)),
    "inputs and outputs of a sparse Jacobian": (sparse, (1000, 10_000, 100_000, 1_000_000), (1000, 4000)),
    "outputs of a dense Jacobian": (outputs, (100, 1000, 10_000, 100_000), (100, 400)),
    "directions": (directions, (4, 16, 64, 256, 1024), (4, 8)),
    "depth of a network": (depth, (4, 16, 64, 256), (4, 8)),
    "length of a loop": (loop, (16, 32, 64, 128, 256), (8, 16)),
    "length of a loop over elements": (elements, (100, 200, 400, 800, 1600), (50, 100)),
}
UNITS = ("by hand", "one at a time")                       # contenders that are there to compare with


def cases(quick: bool) -> Iterator[Case]:
    for axis, (make, full, few) in AXES.items():
        for size in few if quick else full:
            yield Case(f"{axis}: {size}", make(size), seconds=1.0)


def slope(sizes: list[int], costs: list[float]) -> float:
    """Of the least-squares line through the upper half of log cost over log size."""
    half = len(sizes) // 2 if len(sizes) > 3 else 0
    return float(np.polyfit(np.log(sizes[half:]), np.log(costs[half:]), 1)[0])


def run(report: Report) -> None:
    for axis, (make, full, few) in AXES.items():
        sizes = list(few if report.quick else full)
        timed = [report.run(Case(f"{axis}: {size}", make(size), seconds=1.0)) for size in sizes]
        costs = {name: [t[name].median for t in timed] for name in timed[0].by_name}
        slopes = {name: slope(sizes, row) for name, row in costs.items()}
        report.cases[-1] |= {"axis": axis, "sizes": sizes, "costs_ns": costs, "slopes": slopes}
        report.cases[-1]["bars"] += [report.judge(Bar(f"slope in {axis}, {name}", lambda _: 0.0, 1.1, ""), s)
                                     for name, s in slopes.items() if name not in UNITS]


def draw(found: dict[str, Any], folder: Path) -> list[Path]:
    """Time over size for everything that grows, both axes logarithmic, slopes in the legend."""
    from matplotlib import pyplot as plt
    grown = [c for c in found["cases"] if "axis" in c]
    figure, axes = plt.subplots(2, 4, figsize=(13, 6), layout="constrained")
    for ax, case in zip(axes.flat, grown, strict=False):
        for name, row in case["costs_ns"].items():
            ax.loglog(case["sizes"], np.array(row) / 1e9, "o-", ms=4, label=f"{name}: {case['slopes'][name]:.2f}")
        ax.set_title(case["axis"], fontsize=9)
        ax.grid(alpha=0.3)
        ax.legend(fontsize=7, title="slope", title_fontsize=7)
    for ax in axes.flat[len(grown):]:
        ax.axis("off")
    for ax in axes[:, 0]:
        ax.set_ylabel("seconds")
    file = folder / "scaling.png"
    figure.savefig(file, dpi=70)
    plt.close(figure)
    return [file]


if __name__ == "__main__":
    main("benchmarks.scaling", run)

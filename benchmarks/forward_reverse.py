"""Forward against reverse: what a Jacobian costs for n inputs and m outputs, in runs of f.

A forward sweep with plain tangents costs about n runs of f, a reverse one about m; a sweep whose ε-part is a sum of
coefficient × leaf costs what the leaves hold. Four families over the plane (n, m), beside what counting predicts and what
``mode="auto"`` makes of it. The expression graphs of the lecture notes compete where they can: on
plain numbers, with + and * only. Then a program that uses each intermediate result three times shows what walking a
graph path by path costs: three times more with every step, where dual numbers pay for every step once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import dualdiff as dd

from . import _expression_graph, _textbook
from ._families import FAMILIES
from ._report import Bar, Case, Report, available_gigabytes, main
from ._timing import Contender, Timings, interleaved

# ---- the plane of n inputs and m outputs ----------------------------------------------------------------------------
MOST_ENTRIES = 10 ** 8 if available_gigabytes() >= 12 else 10 ** 7      # of a Jacobian; a comparison holds five of 0.8 GB
OURS = ("forward", "reverse", "auto")
LIMIT = 1.3               # of auto over the better mode
HOPELESS = 5e8            # counted operations, seconds at least: not run where the other mode counts a tenth of them


def one_by_one(f: Callable[[Any], Any], x: Any, step: complex) -> Any:
    """n runs of f: forward differences for a real step, exact complex steps (no subtraction) for an imaginary one."""
    imaginary = isinstance(step, complex)
    base = 0.0 if imaginary else f(x)
    columns = []
    for j in range(x.size):
        moved = x + (0j if imaginary else 0.0)
        moved[j] += step
        columns.append((f(moved) - base).imag / step.imag if imaginary else (f(moved) - base) / step)
    return np.stack(columns, axis=-1)


def cell(family: str, n: int, m: int) -> Case:
    """All contenders at one point of the plane; what takes a run of f per input ends at 1000 inputs, or 10⁵ entries."""
    f, by_hand = FAMILIES[family][0](n, m)
    x = np.random.default_rng(n * m).standard_normal(n)
    why = dd.explain(f, x)
    counted = {"forward": why.forward, "reverse": why.reverse}
    modes = [mode for mode, count in counted.items() if count < max(HOPELESS, 10 * min(counted.values()))]
    auto = dd.jacobian(f)
    auto(x), auto(x)                                       # it asks itself in the first two calls
    found = [Contender("f", partial(f, x), None), Contender("by hand", partial(by_hand, x)),
             Contender("auto", partial(auto, x))]
    found += [Contender(mode, partial(dd.jacobian(f, mode=mode), x)) for mode in modes]
    if n <= 1000 and n * m <= 100_000:
        found += [Contender("textbook forward", partial(_textbook.jacobian, f, x)),
                  Contender("complex step", partial(one_by_one, f, x, 1e-30j)),
                  Contender("finite differences", partial(one_by_one, f, x, 1e-7), tolerance=1e-4)]
    return Case(f"{family}, {n} inputs, {m} outputs", found, seconds=0.15 * len(found))


def plane(report: Report, sizes: Sequence[int]) -> None:
    """Every cell of the grid: measured, and what counting element operations says of the same cell."""
    lines, worst = [], (0.0, "")
    for family, (make, least) in FAMILIES.items():
        for n, m in ((n, m) for n in sizes for m in sizes if n * m <= MOST_ENTRIES and n >= least):
            case = cell(family, n, m)
            timings = report.run(case)
            why = dd.explain(make(n, m)[0], np.random.default_rng(n * m).standard_normal(n))
            over = over_better(timings)
            if over > LIMIT and not report.quick:          # a second look decides: of 90 cells some are disturbed, the
                report.say(f"  auto over the better mode: {over:.2f}, timed again")  # largest by page faults, one time in five
                over = over_better(interleaved([c for c in case.contenders if c.name in OURS], seconds=20.0))
            worst = max(worst, (over, f"{family}, {n} × {m}"))
            cost = {name: timings.ratio(name, "f") for name in OURS if name in timings}
            both = timings.ratio("forward", "reverse") if "forward" in timings and "reverse" in timings else None
            report.cases[-1] |= {"family": family, "n": n, "m": m, "counted": [why.forward, why.reverse], "chosen": why.mode,
                                 "over_f": cost, "auto_over_better": over, "forward_over_reverse": both}
            lines.append(f"  {family:16}{n:7}{m:7}" + "".join(f"{cost[a]:10.1f}" if a in cost else " " * 10 for a in OURS)
                         + ("" if both is None else f"{both:.2f}").rjust(17)
                         + f"{why.forward / max(why.reverse, 1):10.2f}   {why.mode:8}{over:6.2f}")
    report.say("", "runs of f that a Jacobian costs, and forward over reverse as measured and as counted by dualdiff.explain",
               f"  {'':16}{'n':>7}{'m':>7}{'forward':>10}{'reverse':>10}{'auto':>10}{'measured f/r':>17}{'counted':>10}"
               "   chosen  auto/better", *lines)
    bar = Bar(f"auto over the better mode, worst cell ({worst[1]})", lambda _: worst[0], LIMIT)
    report.cases.append({"title": "the choice of the mode", "bars": [report.judge(bar, worst[0])]})


def over_better(timings: Timings) -> float:
    return max(timings.ratio("auto", mode) for mode in OURS[:2] if mode in timings)


def draw(found: dict[str, Any], folder: Path) -> list[Path]:
    """Forward over reverse in the plane (n, m), measured above and counted below; the line is where both cost the same."""
    from matplotlib import pyplot as plt
    cells = [c for c in found["cases"] if "family" in c]
    names = list(dict.fromkeys(c["family"] for c in cells))
    figure, axes = plt.subplots(2, len(names), figsize=(3.1 * len(names), 6), layout="constrained", sharex=True, sharey=True)
    image = None
    for j, name in enumerate(names):
        mine = [c for c in cells if c["family"] == name]
        ns, ms = (sorted({c[k] for c in mine}) for k in "nm")
        for i, what in enumerate(("measured", "counted")):
            grid = np.full((len(ms), len(ns)), np.nan)
            for c in mine:
                ratio = c["forward_over_reverse"] if i == 0 else max(c["counted"][0], 1) / max(c["counted"][1], 1)
                if ratio is None:                          # blank: one of the two was hopeless
                    continue
                grid[ms.index(c["m"]), ns.index(c["n"])] = np.log10(ratio)
            ax = axes[i, j]
            image = ax.pcolormesh(ns, ms, grid, cmap="RdBu", vmin=-2, vmax=2, shading="nearest")
            if min(grid.shape) > 1 and np.nanmin(grid) < 0 < np.nanmax(grid):
                ax.contour(ns, ms, np.ma.masked_invalid(grid), levels=[0.0], colors="k", linewidths=2)
            ax.set(xscale="log", yscale="log", title=f"{name}, {what}", xlabel="n inputs" if i else "",
                   ylabel="" if j else "m outputs")
    figure.colorbar(image, ax=axes, label="log₁₀ of forward over reverse\nred: forward cheaper, blue: reverse")
    file = folder / "forward_reverse.png"
    figure.savefig(file, dpi=75)
    plt.close(figure)
    return [file]


# ---- n inputs × m outputs on plain numbers --------------------------------------------------------------------------
def reverse_jacobian(f: Callable[[Any], Any], x: Any, m: int) -> Any:
    """All rows by one recorded tape, pulled back along m cotangents at once."""
    return dd.vjp(f, x)[1](np.eye(m))[0]


def plain(n: int, m: int) -> Case:
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
def sizes(quick: bool) -> tuple[int, ...]:
    return (1, 11, 40) if quick else (1, 10, 100, 1000, 10_000)


def numbers(quick: bool) -> Iterator[Case]:
    for n, m in ((1, 1), (3, 2)) if quick else ((1, 1), (1, 16), (16, 1), (16, 16), (64, 1), (64, 16)):
        yield plain(n, m)
    for depth in (2, 4) if quick else (2, 4, 6, 8, 10):
        yield repetition(depth)


def cases(quick: bool) -> Iterator[Case]:
    """Everything that is timed, for a check of the answers."""
    for family, (_, least) in FAMILIES.items():
        yield from (cell(family, n, m) for n in sizes(quick) for m in sizes(quick) if n >= least and n * m <= MOST_ENTRIES)
    yield from numbers(quick)


def run(report: Report) -> None:
    plane(report, sizes(report.quick))
    for case in numbers(report.quick):
        report.run(case)
    growth(report, (2, 4, 6) if report.quick else (2, 4, 6, 8, 10, 11))


if __name__ == "__main__":
    main("benchmarks.forward_reverse", run)

"""What the machine allows: bandwidth of a copy, throughput of NumPy's ufuncs, dgemm; and how near bulk work comes to it.

Value and derivative of an elementwise formula at 10⁴, 10⁶ and 10⁷ points, against code written by hand. A row's share of the
limit is the time in which the machine's best copy would move the bytes that cannot be avoided (points read; value and
derivative written), over the row's time: 100 % would be arithmetic for nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import dualdiff as dd

from ._report import Bar, Case, Report, main
from ._timing import Contender

Function = Callable[[Any], Any]


# ---- the machine -------------------------------------------------------------------------------------------------------
def limits(quick: bool) -> Iterator[tuple[Case, float, str]]:
    """A case of one kind of work, what one call does, and its unit."""
    rng = np.random.default_rng(0)
    for n in (10_000,) if quick else (10_000, 1_000_000, 10_000_000):
        x, y, out = rng.uniform(0.5, 2.0, n), rng.uniform(0.5, 2.0, n), np.empty(n)
        ways = {"copy": partial(np.copyto, out, x), "multiply": partial(np.multiply, x, y, out),
                "multiply, fresh result": partial(np.multiply, x, y), "sin": partial(np.sin, x, out),
                "exp": partial(np.exp, x, out)}
        contenders = [Contender(name, way, None) for name, way in ways.items()]
        yield Case(f"ufuncs on {n} elements", contenders, seconds=3.0), n, "elements"
    size = 60 if quick else 1000
    A, B, C = (rng.standard_normal((size, size)) for _ in range(3))
    yield (Case(f"dgemm, {size} × {size}", [Contender("matmul", partial(np.matmul, A, B, C), None)], seconds=2.0),
           2.0 * size ** 3, "flops")


# ---- bulk elementwise work ---------------------------------------------------------------------------------------------
def cheap(x: Any) -> Any:
    return x * x * x - 2.0 * x + 1.0 / x


def cheap_by_hand(x: Any) -> tuple[Any, Any]:
    square, inverse = x * x, 1.0 / x
    return square * x - 2.0 * x + inverse, 3.0 * square - 2.0 - inverse * inverse


def dear(x: Any) -> Any:
    return np.exp(-x) * np.sin(3.0 * x)


def dear_by_hand(x: Any) -> tuple[Any, Any]:
    e, z = np.exp(-x), 3.0 * x
    s = np.sin(z)
    return e * s, e * (3.0 * np.cos(z) - s)


def value_and_derivative(f: Function, x: Any) -> tuple[Any, Any]:
    return dd.jvp(f, (x,), (np.ones_like(x),))


def bulk(quick: bool) -> Iterator[tuple[Case, int]]:
    for n in (1000, 10_000) if quick else (10_000, 1_000_000, 10_000_000):
        x = np.random.default_rng(0).uniform(0.5, 2.0, n)
        for title, f, by_hand in (("x³ - 2x + 1/x", cheap, cheap_by_hand), ("exp(-x) sin(3x)", dear, dear_by_hand)):
            yield Case(f"value and derivative of {title} at {n} points", [
                Contender("by hand", partial(by_hand, x)),
                Contender("dualdiff.jvp", partial(value_and_derivative, f, x)),
                Contender("f alone", partial(f, x), None),
            ], [Bar(f"dualdiff.jvp over by hand, {title}, {n} points", lambda t: t.ratio("dualdiff.jvp", "by hand"), 1.2)],
                seconds=4.0), n


# ---- instructions, where valgrind is installed -------------------------------------------------------------------------
COUNTED = {
    "Rosenbrock, n = 10, forward": "g = dd.gradient(rosenbrock, mode='forward'); x = np.linspace(0.1, 1, 10)",
    "Rosenbrock, n = 10, reverse": "g = dd.gradient(rosenbrock, mode='reverse'); x = np.linspace(0.1, 1, 10)",
    "one number": "g = dd.derivative(lambda x: x * (x + 2.0) / (1.0 + x * x)); x = 1.5",
}


def instructions(report: Report, times: int) -> None:
    """Instructions per call, as callgrind counts them: the difference of two runs, so that the start cancels."""
    if not shutil.which("valgrind"):
        report.say("", "no instructions are counted: valgrind is not installed")
        return
    found = {}
    for name, code in COUNTED.items():
        few, many = (executed(f"import numpy as np, dualdiff as dd\nfrom benchmarks.gradients import rosenbrock\n{code}\n"
                              f"for _ in range({n}): g(x)") for n in (times, 2 * times))
        found[name] = (many - few) / times
        report.say(f"  {name}: {found[name]:,.0f} instructions")
    report.cases.append({"title": "instructions", "instructions": found})


def executed(code: str) -> int:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "out"
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}", sys.executable, "-c", code],
                       check=True, capture_output=True, cwd=Path(__file__).parent.parent)
        return next(int(line.split()[1]) for line in file.read_text(encoding="utf-8").splitlines()
                    if line.startswith(("summary:", "totals:")))


# ---- the suite ---------------------------------------------------------------------------------------------------------
def cases(quick: bool) -> Iterator[Case]:
    """What has answers to compare."""
    yield from (case for case, _ in bulk(quick))


def run(report: Report) -> None:
    copied: dict[float, float] = {}                        # nanoseconds of a copy, per element moved, by size
    for case, work, unit in limits(report.quick):
        timings = report.measure(case)
        for c in case.contenders:
            report.say(f"  {c.name:24}{work / timings[c.name].median:8.2f} × 10⁹ {unit} per second"
                       + (f",{16 * work / timings[c.name].median:7.2f} GB/s" if c.name == "copy" else ""))
        if "copy" in timings:
            copied[work] = timings["copy"].median / work
    for case, n in bulk(report.quick):
        timings = report.run(case)
        nearest = min(copied, key=lambda size: abs(size - n))
        least = 1.5 * n * copied[nearest]                  # a copy moves two numbers for an element, these three
        shares = {c.name: least / timings[c.name].median for c in case.contenders[:2]}
        report.cases[-1]["share_of_bandwidth"] = shares
        report.say("  share of the bandwidth limit: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
    if not report.quick:                                   # a start of Python under valgrind takes ten seconds
        instructions(report, 200)


if __name__ == "__main__":
    main("benchmarks.limits", run)

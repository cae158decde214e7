"""What the machine allows: bandwidth of a copy, throughput of NumPy's ufuncs, dgemm; and how near bulk work comes to it.

Value and derivative of an elementwise formula at 10² to 10⁷ points, against code written by hand and peers. A row's share of
the limit is the time of a copy that moves the bytes that cannot be avoided (points read; value and derivative written), over
the row's time: 100 % would be arithmetic for nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import dualdiff as dd

from . import _peers
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
def cheap(x: Any, np: Any = np) -> Any:
    return x * x * x - 2.0 * x + 1.0 / x


def cheap_by_hand(x: Any) -> tuple[Any, Any]:
    square, inverse = x * x, 1.0 / x
    return square * x - 2.0 * x + inverse, 3.0 * square - 2.0 - inverse * inverse


def dear(x: Any, np: Any = np) -> Any:
    return np.exp(-x) * np.sin(3.0 * x)


def dear_by_hand(x: Any) -> tuple[Any, Any]:
    e, z = np.exp(-x), 3.0 * x
    s = np.sin(z)
    return e * s, e * (3.0 * np.cos(z) - s)


def value_and_derivative(f: Function, x: Any) -> tuple[Any, Any]:
    return dd.jvp(f, (x,), (np.ones_like(x),))


def cases(quick: bool) -> Iterator[Case]:
    for n in (100, 10_000) if quick else (100, 1000, 10_000, 100_000, 1_000_000, 10_000_000):
        x = np.random.default_rng(0).uniform(0.5, 2.0, n)
        for title, f, by_hand in (("x³ - 2x + 1/x", cheap, cheap_by_hand), ("exp(-x) sin(3x)", dear, dear_by_hand)):
            promised = [Bar(f"dualdiff.jvp over by hand, {title}, {n} points",
                            lambda t: t.ratio("dualdiff.jvp", "by hand"), 1.2)]
            yield Case(f"value and derivative of {title} at {n} points", [
                Contender("by hand", partial(by_hand, x)),
                Contender("dualdiff.jvp", partial(value_and_derivative, f, x)),
                Contender("f alone", partial(f, x), None), *_peers.pointwise(f, by_hand, x),
            ], promised if n >= 10_000 else (), seconds=8.0 if n > 10 ** 6 else 3.0, reads=x.nbytes)


# ---- one operation on ten numbers --------------------------------------------------------------------------------------
def single(quick: bool) -> Iterator[Case]:
    """What an operation on ten dual numbers, those of a sweep, costs beyond NumPy's own on the values."""
    a = np.random.default_rng(0).uniform(0.5, 2.0, 10)
    b, seeded = a[::-1].copy(), []
    dd.jacobian(lambda *both: (seeded.append(both), both[0])[1], argnums=(0, 1))(a, b)
    (x, y), made = seeded[0], [dd.DualArray(values, np.eye(10)) for values in (a, b)]
    operations: dict[str, Any] = {
        "x + y": lambda x, y: x + y, "x * y": lambda x, y: x * y, "x / y": lambda x, y: x / y, "x ** 2": lambda x, y: x ** 2,
        "np.sin(x)": lambda x, y: np.sin(x), "np.exp(x)": lambda x, y: np.exp(x)}
    for name, f in operations.items():
        yield Case(f"{name}, ten numbers", [
            Contender("NumPy", partial(f, a, b)), Contender("dual", partial(lambda f: f(x, y).value, f)),
            Contender("DualArray made by hand", partial(lambda f: f(*made).value, f))],
            [Bar(f"nanoseconds that {name} of duals costs beyond NumPy's", lambda t: t.difference("dual", "NumPy"), 1500.0,
                 "ns")], seconds=1.0)


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
    pool = ThreadPoolExecutor(2)                           # of counts, which a busy machine does not change
    for name, code in COUNTED.items():
        few, many = pool.map(executed, (
            f"import numpy as np, dualdiff as dd\nfrom benchmarks.gradients import rosenbrock\n{code}\n"
            f"for _ in range({n}): g(x)" for n in (times, 2 * times)))
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
def run(report: Report) -> None:
    for case, work, unit in limits(report.quick):
        timings = report.measure(case)
        for c in case.contenders:
            report.say(f"  {c.name:24}{work / timings[c.name].median:8.2f} × 10⁹ {unit} per second"
                       + (f",{16 * work / timings[c.name].median:7.2f} GB/s" if c.name == "copy" else ""))
    for case in (*single(report.quick), *cases(report.quick)):
        report.run(case)
    if not report.quick:                                   # a start of Python under valgrind takes ten seconds
        instructions(report, 200)


if __name__ == "__main__":
    main("benchmarks.limits", run)

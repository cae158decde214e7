"""What a benchmark is made of (cases and bars), and how it is said: a table, the machine, JSON, the command line."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import dualdiff

from . import _peers
from ._timing import Contender, Timings, check_agreement, interleaved

PEERS = ("autograd",)     # installed by the extra bench; the rest only competes when --peers asks for it


@dataclass(frozen=True)
class Bar:
    """A figure that was promised: ``measure(timings)`` is at most (or at least) ``limit``."""

    promise: str
    measure: Callable[[Timings], float]
    limit: float
    unit: str = "×"
    at_least: bool = False

    def holds(self, figure: float) -> bool:
        return figure >= self.limit if self.at_least else figure <= self.limit


@dataclass(frozen=True)
class Case:
    """Contenders for one answer; the first is the unit of the last column. ``seconds``: for all of them together."""

    title: str
    contenders: Sequence[Contender]
    bars: Sequence[Bar] = ()
    seconds: float = 4.0
    least_sample: float = 1e-3


@dataclass
class Report:
    """What one run found out, as it is written to JSON."""

    benchmark: str
    quick: bool
    machine: dict[str, Any]
    cases: list[dict[str, Any]] = field(default_factory=list)

    def say(self, *lines: str) -> None:
        print(*lines, sep="\n", flush=True)

    def run(self, case: Case) -> Timings:
        """Check the answers, time the contenders, print the table and the bars."""
        return self.measure(case, check_agreement(case.contenders))

    def measure(self, case: Case, first_calls: dict[str, float] | None = None) -> Timings:
        """The same without a check: the contenders do different work, such as what a machine's limits are measured by."""
        timings = interleaved(case.contenders, case.seconds / 40 if self.quick else case.seconds, case.least_sample)
        for name, first in (first_calls or {}).items():
            timings.by_name[name] = replace(timings[name], first=first)
        rows = [row_of(c.name, timings, case.contenders[0].name) | {"peak_bytes": peak_bytes(c)} for c in case.contenders]
        self.say("", case.title, table(rows, case.contenders[0].name))
        self.cases.append({"title": case.title, "rows": rows, "bars": [self.judge(bar, bar.measure(timings))
                                                                      for bar in case.bars]})
        return timings

    def judge(self, bar: Bar, figure: float) -> dict[str, Any]:
        """Say whether a bar holds. It never fails a run: a clock in a shared machine proves nothing by itself."""
        verdict = "holds" if bar.holds(figure) else "MISSED"
        sign = "≥" if bar.at_least else "≤"
        self.say(f"  bar {verdict}: {bar.promise}: {figure:.2f} {bar.unit}, promised {sign} {bar.limit:g} {bar.unit}"
                 + (" (quick: too few samples to judge)" if self.quick else ""))
        return {"promise": bar.promise, "figure": figure, "limit": bar.limit, "unit": bar.unit,
                "at_least": bar.at_least, "holds": bar.holds(figure)}


def peak_bytes(contender: Contender) -> int:
    """The most that one more call holds at once, as tracemalloc sees it: NumPy's arrays included, compilers' buffers not."""
    tracemalloc.start()
    try:
        contender.run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def row_of(name: str, timings: Timings, unit: str) -> dict[str, Any]:
    timing = timings[name]
    low, high = timing.quartiles
    return {"contender": name, "first_ns": timing.first, "quartile_1_ns": low, "median_ns": timing.median,
            "quartile_3_ns": high, "ratio": timings.ratio(name, unit), "samples": len(timing.samples)}


def table(rows: Sequence[dict[str, Any]], unit: str) -> str:
    """Rows as aligned text; the last columns: paired ratio to the first contender, peak memory, samples."""
    head = ["", "first call", "quartile", "median", "quartile", f"× {unit}", "peak", "samples"]
    body = [[r["contender"], *(duration(r[k]) for k in ("first_ns", "quartile_1_ns", "median_ns", "quartile_3_ns")),
             f"{r['ratio']:.2f}", f"{r['peak_bytes'] / 1e6:.2f} MB" if "peak_bytes" in r else "", str(r["samples"])]
            for r in rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in
                       enumerate(zip(line, widths, strict=True))).rstrip() for line in [head, *body]]
    return "\n".join("  " + line for line in lines)


def duration(ns: float) -> str:
    """Three significant digits in the unit that a person would choose.

    >>> duration(12.34), duration(4567.0), duration(2.5e9)
    ('12.3 ns', '4.57 µs', '2.50 s')
    """
    for limit, scale, unit in ((1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"), (float("inf"), 1e9, "s")):
        if ns < limit * 0.9995:                            # 999.6 ns is said as 1.00 µs
            x = ns / scale
            return f"{x:.{max(0, 2 - len(str(int(x))) + 1)}f} {unit}"
    return f"{ns} ns"


def machine() -> dict[str, Any]:
    """What a figure must be read with."""
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "not set"),
        "dualdiff": dualdiff.__version__,
        **{name: version for name in (_peers.NAMES if _peers.wanted else PEERS) if (version := version_of(name))},
    }


def processor() -> str:
    """The processor's name; Linux keeps it in a file, elsewhere platform knows."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def main(name: str, run: Callable[[Report], None]) -> None:
    """The command line of every benchmark."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=sys.modules["__main__"].__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, few samples")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and the machine to FILE")
    parser.add_argument("--peers", action="store_true", help=f"beside whatever of {', '.join(_peers.NAMES)} is installed")
    options = parser.parse_args()
    _peers.wanted = options.peers
    report = Report(name.rpartition(".")[2], options.quick, machine())
    report.say(f"{report.benchmark}: " + ", ".join(f"{k} {v}" for k, v in report.machine.items() if v is not None))
    run(report)
    if options.json:
        options.json.write_text(json.dumps(vars(report), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def all_cases(cases: Callable[[bool], Iterator[Case]]) -> Callable[[Report], None]:
    """A benchmark that is nothing but its cases, one after another."""
    def run(report: Report) -> None:
        for case in cases(report.quick):
            report.run(case)
    return run

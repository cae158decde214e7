"""What a benchmark is made of (cases and bars), and how it is said: a table, the machine, JSON, the command line."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import dualdiff

from . import _peers
from ._timing import PATIENCE, Checked, Contender, Timings, checked, interleaved


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
    """Contenders for one answer; the first is the unit of their ratios. ``seconds``: for all of them together.

    ``reads``: bytes that any way to the answer must read. The machine's limit is then the time of a copy that moves as many
    bytes as these and the answer's, timed in turns with the rest, and a row says what share of its own time that is.
    """

    title: str
    contenders: Sequence[Contender]
    bars: Sequence[Bar] = ()
    seconds: float = 4.0
    least_sample: float = 1e-3
    reads: int | None = None


COPY = "a copy of as many bytes"


@dataclass
class Report:
    """What one run found out, as it is written to JSON: after every case, so that a run cut short keeps what it has."""

    benchmark: str
    quick: bool
    machine: dict[str, Any]
    cases: list[dict[str, Any]] = field(default_factory=list)
    file: Path | None = None
    start: float = field(default_factory=perf_counter)

    def say(self, *lines: str) -> None:
        print(*lines, sep="\n", flush=True)

    def save(self) -> None:
        if self.file:
            kept = {name: getattr(self, name) for name in ("benchmark", "quick", "machine", "cases")}
            text = json.dumps(kept | {"seconds": perf_counter() - self.start}, indent=1, ensure_ascii=False)
            scratch = self.file.with_suffix(".part")
            scratch.write_text(text + "\n", encoding="utf-8")
            scratch.replace(self.file)

    @property
    def failures(self) -> int:
        return sum(len(case.get("failed", ())) for case in self.cases)

    def run(self, case: Case) -> Timings:
        """Check the answers, time the contenders that gave it, print the table and the bars."""
        return self.measure(case, checked(case.contenders))

    def measure(self, case: Case, found: Checked | None = None) -> Timings:
        """The same without a check: the contenders do different work, such as what a machine's limits are measured by."""
        found = found or Checked()
        failed = {name: f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
                  for name, error in found.failures.items()}
        contenders = [c for c in case.contenders if c.name not in failed]
        timed = list(contenders)
        if case.reads is not None and found.nbytes:
            source = np.ones((case.reads + found.nbytes) // 16 + 1)
            timed.append(Contender(COPY, partial(np.copyto, np.empty_like(source), source), None))
        timings = Timings(())
        if timed:
            timings = interleaved(timed, case.seconds / 40 if self.quick else case.seconds, case.least_sample,
                                  first_calls=found.first_calls)
        rows = [row_of(c, timings, contenders) for c in contenders]
        for row in rows:
            if row["contender"] in found.resident:
                row["first_resident_bytes"] = found.resident[row["contender"]]
        self.say("", f"{case.title}   [{perf_counter() - self.start:.0f} s]", table(rows),
                 *(f"  FAILED {name}: {message}" for name, message in failed.items()))
        timings.peaks = {row["contender"]: row["peak_bytes"] for row in rows if "peak_bytes" in row}
        kept: dict[str, Any] = {"title": case.title, "rows": rows}
        if COPY in timings:
            kept["copy_ns"] = timings[COPY].median
        if failed:
            kept["failed"] = failed
        kept["bars"] = [self.judge(bar, figure_of(bar, timings)) for bar in case.bars]
        self.cases.append(kept)
        self.save()
        return timings

    def judge(self, bar: Bar, figure: float | None) -> dict[str, Any]:
        """Say whether a bar holds. It never fails a run: a clock in a shared machine proves nothing by itself."""
        holds = figure is not None and bool(bar.holds(figure))
        sign = "≥" if bar.at_least else "≤"
        measured = "not measured" if figure is None else f"{figure:.2f} {bar.unit}"
        self.say(f"  bar {'holds' if holds else 'MISSED'}: {bar.promise}: {measured}, promised {sign} {bar.limit:g} {bar.unit}"
                 + (" (quick: too few samples to judge)" if self.quick else ""))
        return {"promise": bar.promise, "figure": figure, "limit": bar.limit, "unit": bar.unit,
                "at_least": bar.at_least, "holds": holds}


def figure_of(bar: Bar, timings: Timings) -> float | None:
    """None where a contender that the bar speaks of has failed."""
    try:
        return float(bar.measure(timings))
    except KeyError:
        return None


def peak_bytes(contender: Contender) -> int:
    """The most that one more call holds at once, as tracemalloc sees it: NumPy's arrays included, compilers' buffers not."""
    tracemalloc.start()
    try:
        contender.run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def row_of(contender: Contender, timings: Timings, contenders: Sequence[Contender]) -> dict[str, Any]:
    """What is known of a contender: times, and its ratios to the first, to code by hand, to the best peer and to a copy."""
    name = contender.name
    timing = timings[name]
    low, high = timing.quartiles
    row: dict[str, Any] = {
        "contender": name, "first_ns": timing.first, "quartile_1_ns": low, "median_ns": timing.median, "quartile_3_ns": high,
        "ratio": timings.ratio(name, contenders[0].name), "unit": contenders[0].name, "samples": len(timing.samples)}
    if "by hand" in timings:
        row["over_hand"] = timings.ratio(name, "by hand")
    peers = [c.name for c in contenders if c.peer]
    if peers:
        best = min(peers, key=lambda peer: timings[peer].median)
        row |= {"best_peer": best, "over_peer": timings.ratio(name, best)}
    if COPY in timings and contender.tolerance is not None:
        row["share_of_limit"] = timings.ratio(COPY, name)
    if timing.median * contender.per_call < PATIENCE * 1e9:
        row["peak_bytes"] = peak_bytes(contender)
    return row


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as aligned text; ratios are medians of ratios of neighbours in time.

    ``first resident``: by how much the process grew in the first call, which prepares; ``peak``: what a later call holds.
    """
    if not rows:
        return "  nothing to time"
    columns: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        (title, lambda r, k=key: duration(r[k])) for title, key in                                     # type: ignore[misc]
        (("first call", "first_ns"), ("quartile", "quartile_1_ns"), ("median", "median_ns"), ("quartile", "quartile_3_ns"))]
    if "over_hand" not in rows[0] or rows[0]["unit"] != "by hand":
        columns.append((f"× {rows[0]['unit']}", lambda r: f"{r['ratio']:.2f}"))
    if "over_hand" in rows[0]:
        columns.append(("× by hand", lambda r: f"{r['over_hand']:.2f}"))
    if "over_peer" in rows[0]:
        columns.append(("× best peer", lambda r: f"{r['over_peer']:.2f}"))
    if any("share_of_limit" in r for r in rows):
        columns.append(("of copying", lambda r: f"{r['share_of_limit']:.1%}" if "share_of_limit" in r else ""))
    if any("first_resident_bytes" in r for r in rows):
        columns.append(("first resident", lambda r: f"{r.get('first_resident_bytes', 0) / 1e6:.0f} MB"))
    columns += [("peak", lambda r: f"{r['peak_bytes'] / 1e6:.2f} MB" if "peak_bytes" in r else ""),
                ("samples", lambda r: str(r["samples"]))]
    lines = [["", *(title for title, _ in columns)],
             *([r["contender"], *(say(r) for _, say in columns)] for r in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in
                                      enumerate(zip(line, widths, strict=True))).rstrip() for line in lines)


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
        "memory": f"{available_gigabytes():.0f} GB",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "not set"),
        "dualdiff": dualdiff.__version__,
        **{name: version for name in (_peers.NAMES if _peers.wanted else _peers.LIGHT) if (version := version_of(name))},
    }


def available_gigabytes() -> float:
    """Of memory in all; where the system does not say, little."""
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30) if hasattr(os, "sysconf") else 8.0


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
    report = Report(name.rpartition(".")[2], options.quick, machine(), file=options.json)
    report.say(f"{report.benchmark}: " + ", ".join(f"{k} {v}" for k, v in report.machine.items() if v is not None))
    run(report)
    report.save()
    if report.failures:
        sys.exit(f"{report.benchmark}: contenders that failed: {report.failures}")


def all_cases(cases: Callable[[bool], Iterator[Case]]) -> Callable[[Report], None]:
    """A benchmark that is nothing but its cases, one after another."""
    def run(report: Report) -> None:
        for case in cases(report.quick):
            report.run(case)
    return run

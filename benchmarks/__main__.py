"""All benchmarks, or those named: ``python -m benchmarks [NAME …] [--quick] [--peers] [--out DIR]``.

Each runs in a process of its own, so that no benchmark inherits the heap, the caches or the peak memory of another. With --out,
DIR receives a JSON file per benchmark (figures and machine), figures.csv, bars.csv, plots and the page that gathers them,
index.html. What fails is named at the end and in the exit code; the figures of what went before, and of a run that is
interrupted, are kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from . import _page, _peers, _promises

HERE = Path(__file__).parent
MOST_SECONDS = 900        # of one benchmark: nothing may keep the rest waiting for ever


def names() -> list[str]:
    """Every file without a leading underscore is a benchmark."""
    return sorted(p.stem for p in HERE.glob("[!_]*.py"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}; without: all of them")
    parser.add_argument("--quick", action="store_true", help="small sizes, few samples: seconds each")
    parser.add_argument("--peers", action="store_true", help=f"beside whatever of {', '.join(_peers.NAMES)} is installed")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write JSON, CSV, plots and a page to DIR")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(names())):
        parser.error(f"no benchmark is called {', '.join(map(repr, unknown))}; there are {', '.join(names())}")
    with TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        flags = [flag for flag in ("--quick", "--peers") if getattr(options, flag[2:])]
        wanted = options.names or names()
        for name in wanted:                                # figures of an earlier run must not pass for this one's
            (folder / f"{name}.json").unlink(missing_ok=True)
        failed, start = [], perf_counter()
        try:
            for i, name in enumerate(wanted, 1):
                print(f"\n==== {name}, {i} of {len(wanted)}, after {perf_counter() - start:.0f} s", flush=True)
                if not ran(name, flags, folder):
                    failed.append(name)
        except KeyboardInterrupt:
            failed.append("interrupted")
        found = [json.loads(file.read_text(encoding="utf-8")) for name in wanted
                 if (file := folder / f"{name}.json").exists()]
        print("", *_page.verdicts(found), *_promises.table(found), sep="\n")
        if options.out and found:
            print(f"the page: {_page.written(found, folder)}")
        print(f"{perf_counter() - start:.0f} s in all")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


def ran(name: str, flags: list[str], folder: Path) -> bool:
    """Whether the benchmark ended well; its figures, as far as it came, are then in NAME.json."""
    start = perf_counter()
    (folder / f"{name}.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", f"benchmarks.{name}", *flags, "--json", str((folder / f"{name}.json").resolve())]
    try:
        code: Any = subprocess.run(command, cwd=HERE.parent, check=False, timeout=MOST_SECONDS).returncode
    except subprocess.TimeoutExpired:
        code = f"none: stopped after {MOST_SECONDS} s"
    print(f"==== {name}: {perf_counter() - start:.1f} s" + (f", exit code {code}" if code else ""), flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())

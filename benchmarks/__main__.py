"""All benchmarks, or those named: ``python -m benchmarks [NAME …] [--quick] [--peers] [--out DIR]``.

Each runs in a process of its own, so that no benchmark inherits the heap, the caches or the peak memory of another. With --out,
DIR receives a JSON file per benchmark (figures and machine), figures.csv, plots and the page that gathers them, index.html.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from . import _page, _peers

HERE = Path(__file__).parent


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
        failed = [name for name in options.names or names() if not ran(name, flags, folder)]
        found = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in options.names or names()
                 if name not in failed]
        print("", *_page.verdicts(found), sep="\n")
        if options.out and found:
            print(f"the page: {_page.written(found, folder)}")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


def ran(name: str, flags: list[str], folder: Path) -> bool:
    """Whether the benchmark ended well; its figures are then in NAME.json."""
    print(f"\n==== {name}", flush=True)
    start = perf_counter()
    (folder / f"{name}.json").unlink(missing_ok=True)     # figures of an earlier run must not pass for this one's
    command = [sys.executable, "-m", f"benchmarks.{name}", *flags, "--json", str((folder / f"{name}.json").resolve())]
    code = subprocess.run(command, cwd=HERE.parent, check=False).returncode
    print(f"==== {name}: {perf_counter() - start:.1f} s" + (f", exit code {code}" if code else ""), flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())

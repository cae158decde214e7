"""What `import dualdiff` adds to `import numpy`, in fresh processes that take turns; and the size of the package.

The processes keep compiled files in a folder of their own, written before any clock runs: an installed package has
them, a checkout whose caller forbids Python to write them has not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import dualdiff

from ._report import PEERS, Bar, Report, main, row_of, table, version_of
from ._timing import Contender, Timings, interleaved

ROOT = Path(dualdiff.__file__).parent
WHAT_ELSE = """
import sys
import numpy
before = set(sys.modules)
import dualdiff
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before} - {"dualdiff", "numpy"}))
"""


def process(code: str, compiled: str) -> str:
    """Run code in a fresh interpreter that finds this very package; what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True, check=True,
                          env=environment | {"PYTHONPYCACHEPREFIX": compiled})
    return done.stdout.strip()


def added(timings: Timings, name: str) -> float:
    """Milliseconds by which a process outlasts the one that imports NumPy alone."""
    return timings.difference(name, "numpy") / 1e6


def installed_size(compiled: str) -> int:
    """Bytes of the package's files, data included, with their compiled files as an installer writes them."""
    files = [p for p in ROOT.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    process(f"import compileall; compileall.compile_dir({str(ROOT)!r}, quiet=2)", compiled)
    files += (Path(compiled) / ROOT.relative_to(ROOT.anchor)).rglob("*.pyc")
    return sum(p.stat().st_size for p in files)


def run(report: Report) -> None:
    with TemporaryDirectory() as compiled:
        timed(report, compiled)


def timed(report: Report, compiled: str) -> None:
    imports = {"nothing": "", "numpy": "import numpy", "dualdiff": "import numpy, dualdiff",
               **{peer: f"import numpy, {peer}" for peer in PEERS if version_of(peer)}}
    contenders = [Contender(name, partial(process, code, compiled), None) for name, code in imports.items()]
    for contender in contenders:
        contender.run()                                    # writes the compiled files
    timings = interleaved(contenders, seconds=1.0 if report.quick else 60.0)
    rows = [row_of(name, timings, "numpy") for name in imports]
    report.say("", "a process that imports", table(rows, "numpy"))
    report.say(*(f"  {name} adds {added(timings, name):.2f} ms to numpy" for name in list(imports)[2:]),
               f"  `import dualdiff` loads besides NumPy: {process(WHAT_ELSE, compiled) or 'nothing'}")
    size = installed_size(compiled)
    limits = [Bar("import dualdiff on top of import numpy", partial(added, name="dualdiff"), 15.0, unit="ms"),
              Bar("installed size", lambda _: size / 1e3, 1000.0, unit="kB")]
    bars = [report.judge(bar, bar.measure(timings)) for bar in limits]
    report.cases.append({"title": "import", "rows": rows, "bars": bars, "installed_bytes": size})


if __name__ == "__main__":
    main("benchmarks.import_time", run)

"""What `import dualdiff` adds to `import numpy`, in fresh processes that take turns; the size of the package; peers' beside.

The processes keep compiled files in a folder of their own, written before any clock runs: an installed package has
them, a checkout whose caller forbids Python to write them has not.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import dualdiff

from . import _peers
from ._report import Bar, Case, Report, main, version_of
from ._timing import Contender, Timings

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


def shipped_size() -> int:
    """Bytes of the package's files, data included, before Python compiles any."""
    return sum(p.stat().st_size for p in ROOT.rglob("*") if p.is_file() and p.suffix != ".pyc")


def size_with_requirements(distribution: str, seen: set[str]) -> int:
    """Bytes of what the installation of a peer brings, compiled files included and NumPy excepted."""
    name = re.split(r"[^\w.-]", distribution, maxsplit=1)[0].lower().replace("_", "-")
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return 0
    if name in seen:
        return 0
    seen.add(name)
    own = sum(Path(str(file.locate())).stat().st_size for file in found.files or () if Path(str(file.locate())).is_file())
    return own + sum(size_with_requirements(r, seen) for r in found.requires or () if "extra ==" not in r)


def run(report: Report) -> None:
    with TemporaryDirectory() as compiled:
        timed(report, compiled)


def timed(report: Report, compiled: str) -> None:
    names = _peers.NAMES if _peers.wanted else _peers.LIGHT
    modules = {name: name.replace("scikit-learn", "sklearn") for name in (names[:1] if report.quick else names)
               if version_of(name)}                        # some take seconds, and longer while they are compiled
    imports = {"numpy": "import numpy", "nothing": "", "dualdiff": "import numpy, dualdiff"}
    contenders = [Contender(name, partial(process, code, compiled), None) for name, code in imports.items()]
    contenders += [Contender(name, partial(process, f"import numpy, {module}", compiled), None, peer=True)
                   for name, module in modules.items()]
    for contender in contenders:
        contender.run()                                    # writes the compiled files
    size, shipped = installed_size(compiled), shipped_size()
    timings = report.measure(Case("a process that imports", contenders, [
        Bar("import dualdiff on top of import numpy", partial(added, name="dualdiff"), 15.0, unit="ms"),
        Bar("installed size", lambda _: shipped / 1e3, 1000.0, unit="kB")], seconds=30.0))
    sizes = {name: size_with_requirements(name, {"numpy"}) for name in modules}
    report.cases[-1] |= {"shipped_bytes": shipped, "installed_bytes": size, "peers_bytes": sizes,
                         "added_ms": {name: added(timings, name) for name in timings.by_name if name != "numpy"}}
    report.say(f"  `import dualdiff` loads besides NumPy: {process(WHAT_ELSE, compiled) or 'nothing'}",
               *(f"  {name} adds {added(timings, name):.1f} ms to numpy and {number / 1e6:.1f} MB with what it requires"
                 for name, number in {"dualdiff": size, **sizes}.items()))


if __name__ == "__main__":
    main("benchmarks.import_time", run)

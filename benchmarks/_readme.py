"""The README's section on cost, from the figures of a full run: ``python -m benchmarks._readme DIR``.

DIR is what ``python -m benchmarks --peers --out DIR`` wrote. The plots are copied to benchmarks/results/.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from ._peers import NAMES
from ._report import duration

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
PLOTS = {"forward_reverse": "Forward over reverse in the plane of n inputs and m outputs, measured above, counted below; on "
                            "the black line both cost the same",
         "scaling": "Time over size, with fitted slopes",
         "gradients": "Gradients of Rosenbrock's and Ackley's functions, medians and quartiles"}
ROWS = (                                                   # benchmark, case, our contender
    ("gradients", "Rosenbrock, n = 10", "dualdiff forward"),
    ("gradients", "Rosenbrock, n = 10", "dualdiff reverse"),
    ("gradients", "Rosenbrock, n = 100000", "dualdiff forward"),
    ("gradients", "Rosenbrock, n = 100000", "dualdiff reverse"),
    ("gradients", "Ackley, n = 100000", "dualdiff reverse"),
    ("jacobian_mlp", "8-64-1, 1000 samples: Jacobian (1000, 641)", "dualdiff.jacobian"),
    ("jacobian_mlp", "16-128-1, 2000 samples: Jacobian (2000, 2305)", "dualdiff.jacobian"),
    ("sparse_jacobians", "2-D Brusselator 128 x 128, periodic: CSR Jacobian of order 32768", "from nothing, np.roll"),
    ("sparse_jacobians", "a stencil from R^300 to R^299: dense Jacobian", "dualdiff.jacobian"),
    ("sparse_jacobians", "Rosenbrock's function, n = 100000: CSR Hessian", "from nothing"),
    ("limits", "value and derivative of x³ - 2x + 1/x at 10000 points", "dualdiff.jvp"),
    ("limits", "value and derivative of x³ - 2x + 1/x at 1000000 points", "dualdiff.jvp"),
    ("limits", "value and derivative of x³ - 2x + 1/x at 10000000 points", "dualdiff.jvp"),
    ("limits", "value and derivative of exp(-x) sin(3x) at 1000000 points", "dualdiff.jvp"),
)


def section(found: dict[str, dict[str, Any]]) -> str:
    """Table, bars and plots, as Markdown."""
    machine = found["gradients"]["machine"]
    peers = ", ".join(f"{name} {machine[name]}" for name in NAMES if name in machine)
    lines = ["| work | by hand | dualdiff | × by hand | fastest peer | × that peer |", "|---|---|---|---|---|---|"]
    for benchmark, title, ours in (row for row in ROWS if row[0] in found):
        rows = {r["contender"]: r for c in found[benchmark]["cases"] if c["title"] == title for r in c.get("rows", [])}
        mine = rows[ours]["median_ns"]
        others = [r for name, r in rows.items() if name.startswith(NAMES)]
        peer = min(others, key=lambda r: r["median_ns"], default=None)
        against = f"{duration(peer['median_ns'])}, {peer['contender']} | {mine / peer['median_ns']:.2f}" if peer else " | "
        lines.append(f"| {title}, {ours.removeprefix('dualdiff').strip(' .')} | {duration(rows['by hand']['median_ns'])} | "
                     f"{duration(mine)} | {rows[ours]['ratio']:.2f} | {against} |")
    lines += ["", *bars(found), ""]
    lines += [f"![{text}](benchmarks/results/{name}.png)\n\n{text}.\n" for name, text in PLOTS.items()
              if name in found]
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python'].split()[-1]}"
    return (f"Measured on {machine['date'][:10]}: {where}, NumPy {machine['numpy']}, one BLAS thread; {peers}.\n"
            "Medians; other work ran on the machine meanwhile, so ratios say more than times.\n\n" + "\n".join(lines))


def bars(found: dict[str, dict[str, Any]]) -> list[str]:
    """The choice of the mode, and the steepest growth."""
    lines = []
    if "forward_reverse" in found:
        cells = [c for c in found["forward_reverse"]["cases"] if "family" in c]
        worst = max(cells, key=lambda c: c["auto_over_better"])
        past = sum(c["auto_over_better"] > 1.3 for c in cells)
        most = max(c["n"] for c in cells)
        lines.append(f"* `mode=\"auto\"`: {worst['auto_over_better']:.2f} times the better mode in the worst of {len(cells)} cells of "
                     f"the plane up to {most} inputs ({worst['title']}); above 1.3 in {past}.")
    if "scaling" in found:
        slopes = [(s, f"{name}, over {c['axis']}") for c in found["scaling"]["cases"]
                  for name, s in c.get("slopes", {}).items()]
        steep = [f"{s:.2f} ({what})" for s, what in sorted(slopes, reverse=True) if s > 1.1]
        lines.append(f"* Growth: of {len(slopes)} fitted slopes, code by hand among them, {len(steep)} pass 1.1, where 1 is "
                     "linear: " + "; ".join(steep) + ".")
    return lines


def main(folder: Path) -> None:
    names = sorted({name for name, _, _ in ROWS} | set(PLOTS))
    missing = [name for name in names if not (folder / f"{name}.json").exists()]
    if missing:
        print(f"left out, for {folder} has no figures of them: {', '.join(missing)}")
    found = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names if name not in missing}
    if quick := sorted(name for name, f in found.items() if f["quick"]):
        sys.exit(f"the figures of {', '.join(quick)} are those of --quick: too few samples to publish")
    RESULTS.mkdir(exist_ok=True)
    for name in PLOTS.keys() & found.keys():
        shutil.copy(folder / f"{name}.png", RESULTS)
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n{section(found)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The README's section on cost, from the figures of a full run: ``python -m benchmarks._readme DIR``.

DIR is what ``python -m benchmarks --peers --out DIR`` wrote. The plots are copied to benchmarks/results/.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from . import _promises
from ._peers import NAMES
from ._report import duration

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
PLOTS = {"forward_reverse": "Forward over reverse in the plane of n inputs and m outputs, measured above, counted below; on "
                            "the black line both cost the same; blank where one of them would take minutes",
         "scaling": "Time over size, with fitted slopes",
         "gradients": "Gradients of Rosenbrock's and Ackley's functions, medians and quartiles"}
ROWS = (                                                   # benchmark, how the case begins, our contender
    ("scalar_dual", "twenty operations, value and derivative by x", "Dual"),
    ("gradients", "Rosenbrock, n = 10", "dualdiff reverse"),
    ("gradients", "Rosenbrock, n = 100000", "dualdiff reverse"),
    ("gradients", "Ackley, n = 100000", "dualdiff reverse"),
    ("jacobian_mlp", "8-64-1, 1000 samples: Jacobian (1000, 641)", "dualdiff.jacobian"),
    ("jacobian_mlp", "16-128-1, 2000 samples: Jacobian (2000, 2305)", "dualdiff.jacobian"),
    ("jacobian_mlp", "8-32-32-1, 1000 samples: Jacobian (1000, 1377)", "dualdiff.jacobian"),
    ("batches", "100000 Jacobians 3 × 3 of a Lorenz right-hand side", "u[:, i], stack"),
    ("sparse_jacobians", "a stencil from R^300 to R^299: dense Jacobian", "dualdiff.jacobian"),
    ("sparse_jacobians", "2-D Brusselator 128 x 128, periodic: CSR Jacobian of order 32768", "from nothing, np.roll"),
    ("sparse_jacobians", "2-D Brusselator 128 x 128, periodic: CSR Jacobian of order 32768", "again, np.roll"),
    ("sparse_jacobians", "Broyden's tridiagonal function, n = 1000000: CSR Jacobian", "again, broyden_by_pad"),
    ("sparse_jacobians", "Rosenbrock's function, n = 100000: CSR Hessian", "from nothing"),
    ("sparse_jacobians", "logistic loss, 569 x 30: dense Hessian", "dualdiff.hessian"),
    ("operators", "gradient of a 784-128-64-10 network's loss, 512 samples, tanh: one vector", "reverse"),
    ("operators", "Hessian times vector: a network's loss", "hvp"),
    ("limits", "value and derivative of x³ - 2x + 1/x at 10000 points", "dualdiff.jvp"),
    ("limits", "value and derivative of exp(-x) sin(3x) at 1000000 points", "dualdiff.jvp"),
    ("limits", "value and derivative of x³ - 2x + 1/x at 10000000 points", "dualdiff.jvp"),
    ("optimisers", "logistic regression, breast cancer 569 × 30, to its minimum", "dualdiff LogisticRegression"),
    ("optimisers", "42 steps of Adam, digits, MLP 64-32-10", "dualdiff, reverse"),
    ("optimisers", "Levenberg-Marquardt, double decay, 5 parameters, 10000 points", "dualdiff curve_fit"),
    ("small_fits", "double decay, 5 parameters, 200 points", "dualdiff curve_fit"),
    ("scipy_programs", "likelihood of a Gaussian process, cdist and cho_factor, 300 points", "reverse"),
    ("scipy_programs", "likelihood of Student's t, stats.t.logpdf, 10000 points", "reverse"),
    ("scipy_programs", "error of a filter of order 4, signal.lfilter, 10000 samples", "reverse"),
)


def section(found: dict[str, dict[str, Any]]) -> str:
    """Table, promises and plots, as Markdown."""
    machine = next(iter(found.values()))["machine"]
    peers = ", ".join(f"{name} {machine[name]}" for name in NAMES if name in machine)
    lines = ["| work | by hand | dualdiff | × by hand | best peer | × that peer | of copying |", "|---" * 7 + "|"]
    for benchmark, title, ours in ROWS:
        rows = {r["contender"]: r for c in found.get(benchmark, {"cases": []})["cases"] if c["title"] == title
                for r in c.get("rows", [])}
        if ours not in rows:
            continue
        mine, hand, peer = rows[ours], rows.get("by hand"), rows.get(rows[ours].get("best_peer", ""))
        cells = [f"{title}, {ours.removeprefix('dualdiff').strip(' .,')}".rstrip(", "),
                 duration(hand["median_ns"]) if hand else "", duration(mine["median_ns"]),
                 f"{mine['over_hand']:.2f}" if hand else "",
                 f"{duration(peer['median_ns'])}, {peer['contender']}" if peer else "",
                 f"{mine['over_peer']:.2f}" if peer else "",
                 f"{mine['share_of_limit']:.1%}" if "share_of_limit" in mine else ""]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *bars(found), ""]
    lines += [f"![{text}](benchmarks/results/{name}.png)\n\n{text}.\n" for name, text in PLOTS.items()
              if name in found]
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python'].split()[-1]}"
    loads = [f["machine"]["load"] for f in found.values() if f["machine"]["load"] is not None]
    return (f"Measured on {machine['date'][:10]}: {where}, NumPy {machine['numpy']}, one BLAS thread; {peers}. Load of "
            f"the machine {min(loads, default=0)} to {max(loads, default=0)}.\n"
            "Medians, and medians of ratios of neighbours in time; the last column is the share of our time in which a copy "
            "moves as many bytes.\n\n" + "\n".join(lines))


def bars(found: dict[str, dict[str, Any]]) -> list[str]:
    """What was promised and does not hold, the choice of the mode, and the steepest growth."""
    judged = [v for v in _promises.verdicts(list(found.values())) if v.promise.pattern and v.measured]
    missed = [v for v in judged if v.verdict != "holds"]
    lines = [f"* Of {len(judged)} promised figures {len(judged) - len(missed)} hold"
             + (". Of the others the worst, and how many of their rows hold:" if missed else "."),
             *(f"  * {v.promise.text}: {v.measured}" for v in missed)]
    if "forward_reverse" in found:
        cells = [c for c in found["forward_reverse"]["cases"] if "family" in c]
        worst = max(cells, key=lambda c: c["auto_over_better"])
        past = sum(c["auto_over_better"] > 1.3 for c in cells)
        most = max(c["n"] for c in cells)
        lines.append(f"* `mode=\"auto\"`: {worst['auto_over_better']:.2f} times the better mode in the worst of {len(cells)} "
                     f"cells of the plane up to {most} inputs ({worst['title']}); above 1.3 in {past}.")
    if "scaling" in found:
        slopes = [(s, f"{name}, over {c['axis']}") for c in found["scaling"]["cases"]
                  for name, s in c.get("slopes", {}).items()]
        steep = [f"{s:.2f} ({what})" for s, what in sorted(slopes, reverse=True) if s > 1.1]
        lines.append(f"* Growth: of {len(slopes)} fitted slopes, code by hand among them, {len(steep)} pass 1.1, where 1 is "
                     "linear: " + "; ".join(steep) + ".")
    return lines


def main(folder: Path) -> None:
    names = sorted({name for name, _, _ in ROWS} | {p.where for p in _promises.PROMISES if p.pattern} | set(PLOTS))
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

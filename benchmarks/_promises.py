"""What was promised, issue by issue, and the bars that measure it: which promises hold on this machine.

A promise names a benchmark and a pattern; the bars of that benchmark whose text it matches decide, all of them. What no clock
can show (counts, accuracy, messages) names the tests that do.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Promise:
    issue: int
    text: str
    where: str                                             # a benchmark, or files of tests
    pattern: str = ""                                      # of its bars; "" for tests
    peers: bool = False                                    # whether it needs a contestant that may not be installed


PROMISES = (
    # ---- the foundation ----------------------------------------------------------------------------------------------
    Promise(2, "Jacobian of an 8-64-1 MLP at most 2.5 × by hand (issue 4: 1.8)", "jacobian_mlp", r"over by hand, (8-64|3-4)-1"),
    Promise(2, "Jacobian of a 16-128-1 MLP at most 2 × by hand", "jacobian_mlp", r"over by hand, (16-128|4-5)-1"),
    Promise(2, "300 directions through ten operations at least 15 × faster than arrays of tangents", "elementwise_directions",
            "arrays of tangents"),
    Promise(2, "Rosenbrock and Ackley gradients, n = 10, at most 40 µs (Rosenbrock 30: issue 6)", "gradients", r"n = 10$"),
    Promise(2, "the same, n = 100 000, at most 4 × by hand, both modes", "gradients", "over by hand"),
    Promise(2, "never slower than autograd", "gradients", "over autograd", peers=True),
    Promise(2, "Dual within 1.3 × of the leanest class (issue 6: 1.2)", "scalar_dual", "Dual over LeanDual"),
    Promise(2, "a formula of twenty operations in 7 µs", "scalar_dual", "^Dual, twenty operations"),
    Promise(2, "logistic regression to gradient norm 10⁻⁸ and SciPy's coefficients to 10⁻⁶", "optimisers",
            "gradient norm|coefficients"),
    Promise(2, "Norris to 9 digits", "nist", "Norris"),
    Promise(2, "import adds at most 15 ms", "import_time", "import dualdiff"),
    Promise(2, "the package as shipped under 1 MB", "import_time", "installed size"),
    Promise(2, "7 and 8 three ways; nesting; back-propagation, tape and forward gradients agree to 10⁻¹²",
            "tests/test_lecture.py, test_nesting.py, test_models.py"),
    Promise(2, "escapes are loud", "tests/test_escapes.py"),
    Promise(2, "coverage, types, linters", ".ci/run, tests/test_house.py"),
    # ---- every function ----------------------------------------------------------------------------------------------
    Promise(3, "5000 single writes at most 3 × the textbook's array, and linear", "element_loops", "over textbook|slope"),
    Promise(3, "dispatch at most 2 µs above the rule", "dispatch", "adds to its rule"),
    Promise(3, "nothing silently wrong, refusals under 2 %", "tests/test_ordinary_numpy.py, test_partition.py"),
    Promise(3, "partials within 4 ulp; laws to 10⁻¹³; special functions; hard points",
            "tests/ACCURACY.md, test_elementwise_rows.py, test_laws.py, test_special.py, test_hard_points.py"),
    # ---- sweeps ------------------------------------------------------------------------------------------------------
    Promise(4, "Brusselator, 32 768 unknowns, from nothing in 8 ms", "sparse_jacobians", "^from nothing, np"),
    Promise(4, "again in at most 1.3 × compiled asdex", "sparse_jacobians", "over compiled asdex", peers=True),
    Promise(4, "four times the unknowns in at most 4.5 × the time", "sparse_jacobians", "four times"),
    Promise(4, "Broyden, n = 10⁶: again 2 ×, from nothing 15 × by hand", "sparse_jacobians", "broyden.* over by hand"),
    Promise(4, "Broyden's peak memory at most 5 × the matrix", "sparse_jacobians", "peak memory of broyden"),
    Promise(4, "Rosenbrock's CSR Hessian: n = 1000 in 0.7 ms, n = 10⁵ in 25 ms", "sparse_jacobians", "^from nothing, n ="),
    Promise(4, "Hessian of the logistic loss at most 3 × by hand", "sparse_jacobians", "logistic loss"),
    Promise(4, "minimal surface: pattern, symmetry, SymPy", "tests/test_sparse_hessian.py"),
    Promise(4, "8-32-32-1 MLP faster than compiled jacfwd and jacrev", "jacobian_mlp", r"over jax", peers=True),
    Promise(4, "stencil: dense in 0.5 ms", "sparse_jacobians", "dense stencil"),
    Promise(4, "stencil: sparse, again, in 0.1 ms", "sparse_jacobians", "sparse stencil"),
    Promise(4, "10⁵ Lorenz Jacobians at most 4 × by hand, in every spelling", "batches", "over by hand"),
    Promise(4, "gradient of a 784-128-64-10 loss at most 4 × the loss", "operators", "reverse over the loss"),
    Promise(4, "hvp at most 8 × f", "operators", "hvp over f"),
    Promise(4, "10⁴ steps on 10³ numbers with checkpoints: 2.5 × the time, 100 MB", "operators", "checkpoints"),
    Promise(4, "two threads at least 1.6 ×", "threads", "serial over two threads"),
    Promise(4, "fewer calls of f in SciPy's solvers than with differences", "scipy_solvers", "calls of f"),
    # ---- fitting -----------------------------------------------------------------------------------------------------
    Promise(5, "NIST's problems: 8 digits of parameters, 6 of errors and residual sums", "nist", "from every start"),
    Promise(5, "small fits: 1.5 × SciPy's time for five parameters, 3 × for two", "small_fits", "time of SciPy"),
    Promise(5, "a third of the model's evaluations, and no fewer digits", "small_fits", "runs of|digits more"),
    Promise(5, "diabetes MLP: L-BFGS's time and a quarter of its iterations", "training", "L-BFGS"),
    Promise(5, "digits MLP: twice scikit-learn's time, and its accuracy", "training", "scikit-learn's"),
    Promise(5, "propagate: 10⁵ numbers in milliseconds", "optimisers", "propagate"),
    Promise(5, "10⁷ × 8 in shards under 500 MB, a worker killed: the same answer", "shards", "peak memory"),
    Promise(5, "check_estimator; kill -9 and resume; bad input",
            "tests/test_scikit_learn.py, test_optimize.py, test_least_squares.py, test_command_line.py"),
    # ---- benchmarks --------------------------------------------------------------------------------------------------
    Promise(6, "mode=\"auto\" within 1.3 × of the better mode on the whole grid", "forward_reverse", "auto over"),
    Promise(6, "linear growth: slopes at most 1.1", "scaling", "slope"),
    Promise(6, "an operation on ten numbers at most 1.5 µs above NumPy's", "limits", "nanoseconds that"),
    Promise(6, "bulk elementwise work at most 1.2 × by hand at 10⁴, 10⁶ and 10⁷ points", "limits", "jvp over by hand"),
    Promise(6, "counted work does not grow", "tests/test_guard.py"),
)


@dataclass(frozen=True)
class Verdict:
    promise: Promise
    verdict: str                                           # holds, MISSED, in part, not measured, tested
    measured: str


def verdicts(found: Sequence[dict[str, Any]]) -> Iterator[Verdict]:
    """One for each promise whose benchmark ran, and for each that tests keep."""
    ran = {f["benchmark"]: [bar for case in f["cases"] for bar in case.get("bars", [])] for f in found}
    for p in PROMISES:
        if not p.pattern:
            yield Verdict(p, "tested", p.where)
        elif p.where in ran:
            bars = [bar for bar in ran[p.where] if re.search(p.pattern, bar["promise"])]
            figures = [bar for bar in bars if bar["figure"] is not None]
            held = sum(bar["holds"] for bar in bars)
            verdict = "not measured" if not figures else "holds" if held == len(bars) else "in part" if held else "MISSED"
            yield Verdict(p, verdict, said(max(figures, key=excess)) + (f"; {held} of {len(bars)}" if len(bars) > 1 else "")
                          if figures else "needs its contestant" if p.peers else "")


def excess(bar: dict[str, Any]) -> float:
    """How far a figure is past its limit: the worst is what is said."""
    above, limit = bar["figure"] - bar["limit"], abs(bar["limit"]) or 1.0
    return float(-above / limit if bar["at_least"] else above / limit)


def said(bar: dict[str, Any]) -> str:
    return f"{bar['figure']:.3g} {bar['unit']}".rstrip() + f", promised {'≥' if bar['at_least'] else '≤'} {bar['limit']:.3g}"


def table(found: Sequence[dict[str, Any]]) -> list[str]:
    """Lines for the terminal: what was promised, what the worst of its bars measured, whether it holds."""
    rows = list(verdicts(found))
    width = max((len(v.promise.text) for v in rows), default=0)
    few = " (quick: sizes too small and samples too few to judge)" if any(f["quick"] for f in found) else ""
    return ["", f"what was promised, and the worst that was measured{few}",
            *(f"  {v.promise.issue}  {v.promise.text:{width}}  {v.verdict:12}  {v.measured}" for v in rows)]


def write(found: Sequence[dict[str, Any]], file: Path) -> None:
    """The same as a table for machines, and below every promise its bars."""
    ran = {f["benchmark"]: [bar for case in f["cases"] for bar in case.get("bars", [])] for f in found}
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("issue", "promise", "where", "bar", "measured", "sign", "limit", "unit", "verdict"))
        for v in verdicts(found):
            p = v.promise
            rows.writerow((p.issue, p.text, p.where, "", "", "", "", "", v.verdict))
            rows.writerows((p.issue, p.text, p.where, bar["promise"], "" if bar["figure"] is None else bar["figure"],
                            ">=" if bar["at_least"] else "<=", bar["limit"], bar["unit"], "holds" if bar["holds"] else "MISSED")
                           for bar in ran.get(p.where, []) if p.pattern and re.search(p.pattern, bar["promise"]))


def html(found: Sequence[dict[str, Any]]) -> str:
    body = "".join(f"<tr{' class=missed' if v.verdict in ('MISSED', 'in part') else ''}><td>{escape(v.promise.text)}</td><td>"
                   f"{v.promise.issue}</td><td>{escape(v.promise.where)}</td><td>{escape(v.measured)}</td><td>{v.verdict}</td>"
                   "</tr>" for v in verdicts(found))
    return f"<table><tr><th></th><th>issue</th><th>where</th><th>worst</th><th></th></tr>{body}</table>"

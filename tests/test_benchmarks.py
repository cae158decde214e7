"""The benchmarks compare like with like: every contender gives the same answer, and the timer says what it measured."""

import ast
import csv
import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from benchmarks import __main__ as front
from benchmarks import (
    _expression_graph,
    _families,
    _page,
    _promises,
    _readme,
    _report,
    _textbook,
    _timing,
    forward_reverse,
    import_time,
    scalar_dual,
    scaling,
)
from benchmarks.__main__ import ran

ROOT = Path(__file__).parent.parent
NAMES = sorted(p.stem for p in (ROOT / "benchmarks").glob("[!_]*.py"))
WITH_CASES = [name for name in NAMES if hasattr(importlib.import_module(f"benchmarks.{name}"), "cases")]


def test_every_benchmark_is_on_the_map():
    map_ = importlib.import_module("benchmarks").__doc__
    assert NAMES
    assert [name for name in NAMES if f"    {name} " not in map_] == []


@pytest.mark.parametrize("name", WITH_CASES)
def test_the_contenders_agree(name):
    cases = list(importlib.import_module(f"benchmarks.{name}").cases(quick=True))
    assert cases
    for case in cases:  # after the generator is used up: no contender may look at a variable of a later case
        _timing.check_agreement(case.contenders)


@pytest.mark.parametrize("name", NAMES)
def test_a_quick_run_prints_every_bar_and_writes_json(name, tmp_path):
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"benchmarks.{name}", "--quick", "--json", str(file)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["benchmark"] == name
    assert found["machine"]["numpy"] == np.__version__
    bars = [bar for case in found["cases"] for bar in case.get("bars", [])]
    assert [bar["promise"] for bar in bars if bar["promise"] not in done.stdout] == []
    mine = [p for p in _promises.PROMISES if p.where == name and not p.peers]
    verdicts = [v for v in _promises.verdicts([found]) if v.promise in mine]
    assert [v.promise.text for v in verdicts if v.verdict == "not measured"] == []    # every promise is a row
    assert len(verdicts) == len(mine)
    rows = [row for case in found["cases"] for row in case.get("rows", [])]
    assert rows
    for row in rows:
        assert 0 < row["quartile_1_ns"] <= row["median_ns"] <= row["quartile_3_ns"]
        assert row["samples"] >= 1                         # a busy machine has time for no more


# ---- the front door ---------------------------------------------------------------------------------------------------
def front_door(*args):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *args],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )


def test_the_front_door_gathers_figures_plots_and_missed_bars_on_one_page(tmp_path):
    done = front_door("gradients", "batches", "--quick", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {p.name for p in tmp_path.iterdir()} == {
        "gradients.json", "batches.json", "gradients.png", "batches.png", "figures.csv", "bars.csv", "index.html"}
    found = [json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) for name in ("gradients", "batches")]
    lines = (tmp_path / "figures.csv").read_text(encoding="utf-8").splitlines()
    assert f"# numpy: {np.__version__}" in lines
    rows = [row for f in found for case in f["cases"] for row in case["rows"]]
    assert len([line for line in lines if not line.startswith("#")]) == 1 + len(rows)
    assert all(row["peak_bytes"] > 0 for row in rows)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for name, bar in _page.bars(found):
        assert (f"MISSED {name}: {_page.said(bar)}" in done.stdout) == (not bar["holds"])
        assert bar["promise"] in page


def test_every_promise_is_a_bar_of_a_benchmark_or_kept_by_tests():
    for p in _promises.PROMISES:
        if p.pattern:
            assert p.where in NAMES
        else:
            assert [part for part in p.where.split(", ")
                    if not any((folder / part).exists() for folder in (ROOT, ROOT / "tests"))] == [], p.text


def test_a_promise_holds_when_all_its_bars_do_and_the_worst_is_said():
    def found(*figures):
        bars = [{"promise": f"hvp over f, {i}", "figure": x, "limit": 8.0, "unit": "×", "at_least": False,
                 "holds": x is not None and x <= 8.0} for i, x in enumerate(figures)]
        (verdict,) = (v for v in _promises.verdicts([{"benchmark": "operators", "cases": [{"bars": bars}]}])
                      if v.promise.pattern == "hvp over f")
        return verdict.verdict, verdict.measured
    assert found(3.0, 7.5) == ("holds", "7.5 ×, promised ≤ 8; 2 of 2")
    assert found(3.0, 9.0, 8.5) == ("in part", "9 ×, promised ≤ 8; 1 of 3")
    assert found(9.0) == ("MISSED", "9 ×, promised ≤ 8")
    assert found(None)[0] == found()[0] == "not measured"


def test_a_contender_that_fails_is_named_and_the_others_are_timed(tmp_path):
    def broken():
        raise ValueError("no such backend\nand a long story")
    case = _report.Case("three", [contender("right", [1.0, 2.0]), contender("also", [1.0, 2.0]), contender("wrong", [1.0, 3.0]),
                                  _timing.Contender("broken", broken, peer=True)],
                        [_report.Bar("right over also", lambda t: t.ratio("right", "also"), 1e9),
                         _report.Bar("right over broken", lambda t: t.ratio("right", "broken"), 1.0)], seconds=0.1, reads=800)
    report = _report.Report("none", True, {}, file=tmp_path / "none.json")
    report.run(case)
    (kept,) = json.loads((tmp_path / "none.json").read_text(encoding="utf-8"))["cases"]     # written as it goes
    assert [row["contender"] for row in kept["rows"]] == ["right", "also"]
    assert all(row["share_of_limit"] > 0 for row in kept["rows"])
    assert kept["failed"]["broken"] == "ValueError: no such backend"
    assert "'wrong' gives 3.0 at [1]" in kept["failed"]["wrong"]
    assert [bar["holds"] for bar in kept["bars"]] == [True, False]
    assert kept["bars"][1]["figure"] is None
    assert report.failures == 2


def test_a_contender_slower_than_anyone_waits_for_runs_once():
    clock = Clock()
    slow, peer = clock.contender("slow", [9e9]), clock.contender("traced", [2e6])
    peer = _timing.Contender("traced", peer.run, None, peer=True)
    timed = _timing.interleaved([slow, peer], 0.01, 1e-6, clock, {"slow": 9e9, "traced": 9e9})
    assert clock.now < 1e9                                 # slow: not again; traced: its first call traced
    assert (timed["slow"].median, timed["slow"].quartiles) == (9e9, (9e9, 9e9))
    assert len(timed["traced"].samples) == _timing.LEAST_ROUNDS


def test_an_unknown_benchmark_is_named_beside_those_there_are():
    done = front_door("gradient", "--quick")
    assert done.returncode == 2
    assert "no benchmark is called 'gradient'; there are batches, " in done.stderr


def test_a_benchmark_that_fails_fails_the_run_and_leaves_no_figures_of_an_earlier_one(tmp_path):
    (tmp_path / "nothing.json").write_text("{}", encoding="utf-8")
    assert not ran("nothing", ["--quick"], tmp_path)
    assert not (tmp_path / "nothing.json").exists()


def test_the_first_call_says_how_much_the_process_grew():
    if _timing.resident() is None:
        pytest.skip("no /proc on this system")
    held = [contender("few", [1.0]), _timing.Contender("many", lambda: [np.ones(20_000_000).min()]), contender("again", [1.0])]
    found = _timing.checked(held)
    assert 150e6 < found.resident["many"] < 400e6                # 160 MB and what else the process does
    assert max(found.resident["few"], found.resident["again"]) < 50e6
    report = _report.Report("none", True, {})
    report.run(_report.Case("two", held, seconds=0.1))
    assert 150e6 < report.cases[0]["rows"][1]["first_resident_bytes"] < 400e6


def test_an_interrupted_run_writes_the_page_of_what_it_has(tmp_path, monkeypatch, capsys):
    def one_then_ctrl_c(name, flags, folder):
        if name == "dispatch":
            raise KeyboardInterrupt
        return ran(name, flags, folder)
    monkeypatch.setattr(front, "ran", one_then_ctrl_c)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "batches", "dispatch", "--quick", "--out", str(tmp_path)])
    assert front.main() == 1
    said = capsys.readouterr().out
    assert "FAILED: interrupted" in said
    assert "10⁵ Lorenz Jacobians at most 4 × by hand" in said
    assert (tmp_path / "index.html").exists()
    with (tmp_path / "bars.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["where"] == "batches" and row["bar"]]
    assert len(rows) == 5
    assert all(float(row["measured"]) > 0 and row["verdict"] in {"holds", "MISSED"} for row in rows)


def test_the_peak_of_a_contender_is_what_it_holds_at_once():
    peak = _report.peak_bytes(_timing.Contender("two arrays", lambda: np.ones(10_000) + np.ones(10_000), None))
    assert 160_000 <= peak <= 250_000                      # the sum reuses a temporary, or is a third array


def test_the_readme_shows_plots_that_exist_and_are_small():
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(_readme.BEGIN)[2].partition(_readme.END)[0]
    assert section.startswith("\nMeasured on 20")
    images = [part.partition(")")[0] for part in section.split("](")[1:]]
    assert [name for name in images if not (ROOT / name).is_file()] == []
    assert all((ROOT / name).stat().st_size < 150_000 for name in images)


# ---- the check of answers --------------------------------------------------------------------------------------------
def contender(name, answer, **options):
    return _timing.Contender(name, lambda: answer, **options)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1.0, 2.1, 3.0], r"'wrong' gives 2.1 at \[1\], 'right' 2.0"),
        ([1.0, np.nan, 3.0], r"'wrong' gives nan at \[1\]"),
        ([1.0, 2.0], r"'wrong' gives shape \(2,\), 'right' \(3,\)"),
    ],
)
def test_a_contender_with_another_answer_is_named_with_its_worst_entry(answer, said):
    with pytest.raises(_timing.DisagreementError, match=said):
        _timing.check_agreement([contender("right", [1.0, 2.0, 3.0]), contender("wrong", answer)])


def test_a_contender_may_be_as_far_off_as_its_method_is():
    coarse = contender("differences", [1.0, 2.0, 3.0 + 1e-7], tolerance=1e-6)
    _timing.check_agreement([contender("right", [1.0, 2.0, 3.0]), coarse])
    with pytest.raises(_timing.DisagreementError):
        _timing.check_agreement([contender("right", [1.0, 2.0, 3.0]), contender("exact", coarse.run())])


def test_an_answer_that_nothing_else_confirms_is_refused():
    with pytest.raises(_timing.DisagreementError, match="fewer than two are compared"):
        _timing.check_agreement([contender("f", 1.0, tolerance=None), contender("alone", 1.0)])


# ---- the timer, on a clock of our own --------------------------------------------------------------------------------
class Clock:
    """Time passes only when a contender runs."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now

    def contender(self, name, costs, per_call=1):
        """A contender whose successive runs cost the given nanoseconds, the last one for ever."""
        pending = list(costs)

        def run():
            self.now += pending.pop(0) if len(pending) > 1 else pending[0]

        return _timing.Contender(name, run, None, per_call)


def test_the_first_call_is_kept_apart_and_operations_are_counted():
    clock = Clock()
    timed = _timing.interleaved(
        [clock.contender("traced", [9_000_000, 3000]), clock.contender("plain", [1000])], 0.01, 1e-6, clock
    )
    assert timed["traced"].first == 9_000_000
    assert timed["traced"].median == 3000
    assert timed["traced"].quartiles == (3000, 3000)
    assert timed.ratio("traced", "plain") == 3
    assert timed.difference("traced", "plain") == 2000
    hundred = _timing.interleaved([clock.contender("hundred", [5000], per_call=100)], 0.01, 1e-6, clock)
    assert hundred["hundred"].median == 50


def test_the_first_call_is_the_one_in_which_answers_are_compared():
    """A peer that compiles does so there: what the timer calls first would already be compiled."""
    clock = Clock()
    traced = clock.contender("traced", [9000, 3000])

    def answering(c, name, per_call=1):
        return _timing.Contender(name, lambda: (c.run(), 1.0)[1], 1e-10, per_call)
    first = _timing.checked(
        [answering(traced, "traced"), answering(clock.contender("plain", [1000]), "plain", 10)], clock).first_calls
    assert first == {"traced": 9000, "plain": 100}
    slow_at_first = [5e7, 0.0]
    compiling = _timing.Contender("compiling", lambda: (sleep(slow_at_first.pop(0) / 1e9 if slow_at_first else 0), 1.0)[1])
    report = _report.Report("none", True, {})
    timings = report.run(_report.Case("one", [compiling, contender("plain", 1.0)], seconds=0.1))
    assert timings["compiling"].first >= 5e7
    assert report.cases[0]["rows"][0]["first_ns"] >= 5e7


def test_a_short_contender_runs_until_the_clock_can_tell():
    clock, calls = Clock(), []

    def run():
        calls.append(clock.now)
        clock.now += 10

    timed = _timing.interleaved([_timing.Contender("short", run, None)], 1e-5, 1e-6, clock)
    rounds = len(timed["short"].samples)
    assert len(calls) == 3 + 101 * rounds  # the first call, two to estimate, then a warm one and 1000 ns per sample
    assert timed["short"].median == 10


def test_a_short_contender_is_warm_in_every_round_and_a_long_one_need_not_be():
    clock, calls = Clock(), {"short": 0, "long": 0}

    def contender(name, nanoseconds):
        def run():
            calls[name] += 1
            clock.now += nanoseconds
        return _timing.Contender(name, run, None)

    timed = _timing.interleaved([contender("short", _timing.COOL / 2), contender("long", 2 * _timing.COOL)], 1.0, 1e-6, clock)
    assert calls["short"] == 3 + 2 * len(timed["short"].samples)
    assert calls["long"] == 3 + len(timed["long"].samples)


def test_a_slow_contender_still_runs_and_is_paired_with_neighbours_in_time():
    clock = Clock()
    timed = _timing.interleaved(
        [clock.contender("fast", [1000]), clock.contender("slow", [50_000_000])], 0.002, 1e-6, clock
    )
    assert len(timed["fast"].samples) == _timing.MOST_ROUNDS
    assert len(timed["slow"].samples) == _timing.LEAST_ROUNDS
    assert len(timed.pairs("slow", "fast")) == _timing.LEAST_ROUNDS
    first, middle, last = timed["slow"].samples
    assert middle - first == pytest.approx(_timing.MOST_ROUNDS / 3, abs=1)
    assert last - middle == pytest.approx(_timing.MOST_ROUNDS / 3, abs=1)


def test_a_ratio_compares_samples_of_the_same_round():
    """A machine that slows down tenfold half-way changes both medians, not the ratio."""
    drift = _timing.Timings(
        [
            _timing.Timing("ours", 1, {0: 2.0, 1: 20.0, 2: 2.0, 3: 20.0}),
            _timing.Timing("unit", 1, {1: 10.0, 2: 1.0, 3: 10.0, 4: 1.0, 5: 1.0}),
        ]
    )
    assert drift.ratio("ours", "unit") == 2
    assert drift["ours"].median / drift["unit"].median == 11


@pytest.mark.parametrize(
    ("ns", "said"),
    [(1.234, "1.23 ns"), (56.78, "56.8 ns"), (999.7, "1.00 µs"), (123456, "123 µs"), (5.004e9, "5.00 s")],
)
def test_durations_are_said_in_three_digits(ns, said):
    assert _report.duration(ns) == said


def test_a_bar_holds_up_to_its_limit_on_its_own_side():
    at_most = _report.Bar("cost", lambda t: 0.0, 2.5)
    at_least = _report.Bar("gain", lambda t: 0.0, 15.0, at_least=True)
    assert [at_most.holds(x) for x in (2.4, 2.5, 2.6)] == [True, True, False]
    assert [at_least.holds(x) for x in (14.0, 15.0, 16.0)] == [False, True, True]


def test_a_slope_is_that_of_the_upper_half():
    sizes = [10, 100, 1000, 10_000]
    assert scaling.slope(sizes, [1.0, 1.0, 50.0, 500.0 * 10**0.5]) == pytest.approx(1.5)
    assert scaling.slope(sizes[:2], [3.0, 3.0]) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("family", _families.FAMILIES)
def test_the_families_jacobians_by_hand_hold_where_neighbours_coincide(family):
    """Cyclic neighbours are the same input when there are one, two or three."""
    make, least = _families.FAMILIES[family]
    for n in range(least, least + 4):
        for m in (1, 3):
            f, by_hand = make(n, m)
            x = np.linspace(-1, 1, n)
            step = 1e-30
            columns = [f(x + 1j * step * e).imag / step for e in np.eye(n)]
            assert np.allclose(by_hand(x), np.stack(columns, axis=-1), rtol=1e-13, atol=1e-15)


# ---- the contestants -------------------------------------------------------------------------------------------------
def z(x, y):
    return x * (x + y) + y * y


def test_the_lecture_classes_give_the_lecture_numbers():
    x, y = _expression_graph.forward.Variable(2), _expression_graph.forward.Variable(3)
    assert (z(x, y).evaluate(), z(x, y).derive(x), z(x, y).derive(y)) == (19, 7, 8)
    x, y = _expression_graph.backward.Variable(2), _expression_graph.backward.Variable(3)
    z(x, y).derive(1)
    assert (x.partial, y.partial) == (7, 8)
    ways = [_expression_graph.jacobian_forward, _expression_graph.jacobian_backward, _expression_graph.jacobian_dual]
    assert [way(lambda v: [z(*v), v[0] * v[0]], [2, 3]) for way in ways] == [[[7, 8], [4, 0]]] * 3


def test_the_graphs_cost_grows_threefold_per_step_where_dual_numbers_add_a_constant():
    depths = (5, 6, 7, 8)
    counts = {name: [forward_reverse.operations(name, d) for d in depths] for name in forward_reverse.COUNTED}
    for name in ("dualdiff.Dual", "lecture Dual"):
        steps = np.diff(counts[name])
        assert set(steps) == {6}  # three products and an addition for x * x, two additions for + x
    for name in ("lecture graph, derive(v)", "lecture graph, derive(seed)"):
        growth = np.array(counts[name][1:]) / counts[name][:-1]
        assert np.all(growth > 3)
        assert np.all(growth < 4)


def test_the_formula_has_twenty_operations():
    tree = ast.parse(inspect.getsource(scalar_dual.formula))
    assert sum(isinstance(node, ast.BinOp) for node in ast.walk(tree)) == 20


def test_the_lean_dual_is_right_for_every_operation():
    for statement in scalar_dual.OPERATIONS:
        a, b, h = 1.3, 2.1, 1e-6
        lean = eval(statement, {"a": scalar_dual.LeanDual(a, 0.7), "b": scalar_dual.LeanDual(b, -0.4)})
        above, below = (eval(statement, {"a": a + s * 0.7, "b": b - s * 0.4}) for s in (h, -h))
        assert lean.value == pytest.approx(eval(statement, {"a": a, "b": b}), rel=1e-15)
        assert lean.tangent == pytest.approx((above - below) / (2 * h), rel=1e-8)  # rounding / h


def test_the_textbook_jacobian_does_not_depend_on_its_blocks(monkeypatch):
    A = np.arange(15.0).reshape(3, 5) / 10

    def f(x):
        return 1.0 / (2.0 + np.sin(A @ x)) - (A @ x) ** 3

    x = np.linspace(-1, 1, 5)
    once = _textbook.jacobian(f, x)
    monkeypatch.setattr(_textbook, "BLOCK", 2)
    assert np.array_equal(_textbook.jacobian(f, x), once)
    u = A @ x
    by_hand = (-np.cos(u) / (2 + np.sin(u)) ** 2 - 3 * u**2)[:, None] * A
    assert np.allclose(once, by_hand, rtol=1e-13, atol=1e-14)


def test_the_installed_size_counts_sources_data_and_compiled_files(tmp_path):
    sources = import_time.shipped_size()
    size = import_time.installed_size(str(tmp_path))
    compiled = {p.name.partition(".")[0] for p in tmp_path.rglob("dualdiff/**/*.pyc")}
    assert compiled == {p.stem for p in import_time.ROOT.rglob("*.py")}
    assert size > 1.3 * sources

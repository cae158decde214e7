"""python -m dualdiff: what it prints and writes, and how it answers wrong input."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import dualdiff.cli.fit as fit_module
from dualdiff.cli import report
from dualdiff.cli.figures import discriminants
from dualdiff.cli.training import Job, Scaling, certified_digits, split, train
from dualdiff.datasets import load_breast_cancer, load_iris, load_line, load_norris
from dualdiff.errors import MissingExtraError
from dualdiff.models import LinearRegression

ROOT = Path(__file__).parent.parent

FUNCTIONS = """
import os, signal
import numpy as np
import dualdiff

def residuals(x):
    return np.stack([x[0] * x[1], np.sin(x[0]), x[1] ** 2])

def two(a, b):
    return {"p": a * b, "q": [np.sum(a) ** 2]}

def lost(x):
    return x * dualdiff.stop_gradient(x)

def power(x): return x ** 3
def first(*x, **options): return x[0] + 0 * options.get("power", 0)
def fails(x): return x[7]
def refused(x): return np.gcd(x, 2)
def texts(x): return "text"
def leaves(x): raise SystemExit(3)
def stops(x):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background is started without
    os.kill(os.getpid(), signal.SIGINT)
number = 3.0

class Model:
    @staticmethod
    def run(x): return 2 * x
"""
FILES = {
    "functions.py": FUNCTIONS,
    "broken.py": "def f(:\n",
    "needs.py": "import a_package_that_nobody_has\n",
    "exits.py": "raise SystemExit(1)\n",
    "fails_at_import.py": "1 / 0\n",
    "line.csv": "x,y\n0,1.1\n1,2.9\n2,5.2\n3,6.8\n4,9.1\n5,11.0\n6,12.9\n7,15.2\n",
    "kinds.csv": "a,b,kind\n" + "".join(f"{i % 7},{i * i % 11},{'cat' if i % 7 > 3 else 'dog'}\n" for i in range(40)),
    "plane.csv": "a,b,y\n" + "".join(f"{i % 7},{i * i % 11},{2 * (i % 7) - i * i % 11}\n" for i in range(40)),
    "three.csv": "x,y\n0,1\n1,2\n2,4\n",
    "hole.csv": "x,y\n0,1.1\n1,\n2,5.2\n3,6.8\n",
    "text.csv": "x,colour,y\n0,red,1\n1,blue,2\n2,red,3\n",
    "nan.csv": "x,y\n0,1\nnan,2\n2,3\n3,4\n",
    "infinite.csv": "x,y\n0,1\n1e999,2\n2,3\n3,4\n",
    "huge.csv": "x,y\n" + "".join(f"{i}e300,{i * i}e300\n" for i in range(1, 12)),
    "ragged.csv": "x,y\n0,1\n1,2,3\n2,3\n",
    "one_class.csv": "x,kind\n0,cat\n1,cat\n2,cat\n3,cat\n",
    "empty.csv": "",
    "header.csv": "x,y\n",
    "binary.csv": b"PK\x03\x04\0\0\0\0",
    "latin.csv": "größe,y\n0,1\n1,2\n".encode("latin-1"),
    "folder/keep.txt": "mine",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The user's directory, with modules and tables in it, as the current one."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def contents(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


# ---- wrong input: one message, status 2, nothing written ---------------------------------------------------

FIT = ("fit", "line.csv", "--target", "y", "--model", "linear")
WRONG = {
    "no command": ((), "required"),
    "an unknown command": (("train",), "train"),
    "a missing file": (("fit", "none.csv", "--target", "y", "--model", "linear"), "none.csv: there is no such file"),
    "a directory": (("fit", "folder", "--target", "y", "--model", "linear"), "folder: this is a directory"),
    "an empty file": (("fit", "empty.csv", "--target", "y", "--model", "linear"), "the file is empty"),
    "a header alone": (("fit", "header.csv", "--target", "y", "--model", "linear"), "no row of data"),
    "a binary file": (("fit", "binary.csv", "--target", "y", "--model", "linear"), "binary file"),
    "another encoding": (("fit", "latin.csv", "--target", "y", "--model", "linear"), "not UTF-8"),
    "an unknown target": (("fit", "line.csv", "--target", "z", "--model", "linear"), "there is no column 'z'"),
    "a target out of range": (("fit", "line.csv", "--target", "7", "--model", "linear"), "there is no column 7"),
    "a text column": (("fit", "text.csv", "--target", "y", "--model", "linear"), "text in column 'colour'"),
    "a missing value": (("fit", "hole.csv", "--target", "y", "--model", "linear"), "row 3, column 'y'"),
    "squares beyond double precision": (("fit", "huge.csv", "--target", "y", "--model", "linear"), "least squares overflowed"),
    "NaN": (("fit", "nan.csv", "--target", "y", "--model", "linear"), "row 3, column 'x'"),
    "an overflow": (("fit", "infinite.csv", "--target", "y", "--model", "linear"), "row 3, column 'x'"),
    "ragged rows": (("fit", "ragged.csv", "--target", "y", "--model", "linear"), "row 3 has 3"),
    "classes for a line": (("fit", "kinds.csv", "--target", "kind", "--model", "linear"), "text in the target"),
    "measurements as classes": (("fit", "line.csv", "--target", "y", "--model", "logistic"), "in place of class labels"),
    "one class": (("fit", "one_class.csv", "--target", "kind", "--model", "logistic"), "a single class"),
    "too few rows to test": (("fit", "three.csv", "--target", "y", "--model", "linear"), "of 3 rows"),
    "too few rows to train": ((*FIT, "--test-fraction", "0.95"), "of 8 rows"),
    "no target": (("fit", "line.csv", "--model", "linear"), "--target COLUMN"),
    "no model": (("fit", "line.csv", "--target", "y"), "--model linear, logistic or mlp"),
    "an unknown model": (("fit", "line.csv", "--target", "y", "--model", "forest"), "forest"),
    "an option for a file without one": (("fit", "--target", "y"), "--target is for a file of your own"),
    "layers of a line": ((*FIT, "--hidden", "3"), "--hidden is for --model mlp"),
    "a task of a line": ((*FIT, "--task", "regression"), "--task is for --model mlp"),
    "layers that are no numbers": ((*FIT, "--hidden", "16;8"), "'16;8' is not a list of sizes"),
    "a layer of nothing": ((*FIT, "--hidden", "16,0"), "'16,0' is not a list of sizes"),
    "an unknown mode": ((*FIT, "--mode", "sideways"), "sideways"),
    "a fraction of one": ((*FIT, "--test-fraction", "1"), "'1' is not a number between 0 and 1"),
    "a fraction of words": ((*FIT, "--test-fraction", "half"), "'half' is not a number between 0 and 1"),
    "a negative seed": ((*FIT, "--seed=-1"), "'-1' is not a whole number"),
    "a folder of the user's": ((*FIT, "--out", "folder"), "already holds 'keep.txt'"),
    "a file as folder": ((*FIT, "--out", "line.csv"), "'line.csv' is a file"),
    "a folder inside a file": ((*FIT, "--out", "line.csv/report"), "cannot be written to"),
    "no colon": (("jacobian", "functions", "--at", "1"), "'functions' does not name a function"),
    "a file name": (("jacobian", "functions.py:residuals", "--at", "1"), "did you mean functions:residuals?"),
    "a path": (("jacobian", "./functions.py", "--at", "1"), "did you mean functions:function?"),
    "an unknown module": (("jacobian", "nowhere:f", "--at", "1"), "there is no module 'nowhere'"),
    "an unknown submodule": (("jacobian", "functions.sub:f", "--at", "1"), "there is no module 'functions.sub'"),
    "a missing dependency": (("jacobian", "needs:f", "--at", "1"), "No module named 'a_package_that_nobody_has'"),
    "a syntax error": (("jacobian", "broken:f", "--at", "1"), "SyntaxError"),
    "an error at import": (("jacobian", "fails_at_import:f", "--at", "1"), "ZeroDivisionError: division by zero (fails_at_"),
    "a script that exits": (("jacobian", "exits:f", "--at", "1"), "SystemExit"),
    "an unknown function": (("jacobian", "functions:residual", "--at", "1"), "did you mean 'residuals'?"),
    "a number as function": (("jacobian", "functions:number", "--at", "1"), "is 3.0 of type float"),
    "no point": (("jacobian", "functions:residuals"), "--at"),
    "an empty point": (("jacobian", "functions:residuals", "--at", ""), "holds an empty place"),
    "an empty place": (("jacobian", "functions:residuals", "--at", "1,,2"), "holds an empty place"),
    "a word": (("jacobian", "functions:residuals", "--at", "1,two"), "'two' is not a number"),
    "an underscore": (("jacobian", "functions:residuals", "--at", "1_0,2"), "'1_0' is not a number"),
    "NaN as a point": (("jacobian", "functions:residuals", "--at", "nan,1"), "no derivative at NaN"),
    "brackets left open": (("jacobian", "functions:residuals", "--at", "[1,2"), "not a list of numbers"),
    "brackets around text": (("jacobian", "functions:residuals", "--at", "['a']"), "not a list of numbers"),
    "ragged brackets": (("jacobian", "functions:residuals", "--at", "[[1,2],[3]]"), "different lengths"),
    "too few arguments": (("jacobian", "functions:two", "--at", "1,2"), "with the 1 argument that --at gives"),
    "too many arguments": (("jacobian", "functions:power", "--at", "1;2"), "with the 2 arguments that --at gives"),
    "an error of the function": (("jacobian", "functions:fails", "--at", "1,2"), "functions:fails raised IndexError"),
    "a point of the wrong size": (("check", "functions:residuals", "--at", "1.0"), "functions:residuals raised"),
    "a function without rule": (("jacobian", "functions:refused", "--at", "1"), "numpy.gcd"),
    "a result of text": (("jacobian", "functions:texts", "--at", "1"), "'text'"),
    "a function that exits": (("check", "functions:leaves", "--at", "1"), "functions:leaves raised SystemExit"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_gives_one_message_and_leaves_nothing_behind(run, folder, words, message):
    before = contents(folder)
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert len(re.findall(r"^(?:dualdiff|python -m dualdiff.*): ", err, re.MULTILINE)) == 1
    assert contents(folder) == before


def test_the_place_of_the_users_mistake_is_told(run):
    _, _, err = run("jacobian", "functions:fails", "--at", "1,2")
    line = FUNCTIONS.split("\n").index("def fails(x): return x[7]") + 1
    assert f"(functions.py, line {line})" in err


# ---- jacobian ---------------------------------------------------------------------------------------------


def test_a_jacobian_is_printed_to_all_digits(run):
    status, out, err = run("jacobian", "functions:residuals", "--at", "1.0,2.0")
    assert (status, err) == (0, "")
    head, *rows = out.splitlines()
    assert head == "∂ functions:residuals / ∂ x, shape (3, 2)"
    printed = np.array([row.strip("[] ").split() for row in rows], dtype=float)
    np.testing.assert_array_equal(printed, [[2, 1], [np.cos(1.0), 0], [0, 4]])


POINTS = {
    "a number": (["functions:power", "--at", "2"], "a number\n12.0\n"),
    "a negative number": (["functions:power", "--at", "-2"], "a number\n12.0\n"),
    "a negative number behind =": (["functions:power", "--at=-2"], "a number\n12.0\n"),
    "an array": (["functions:power", "--at", "-1,-2"], "shape (2, 2)\n[[ 3.  0.]\n [ 0. 12.]]\n"),
    "an array of one": (["functions:power", "--at", "2,"], "shape (1, 1)\n[[12.]]\n"),
    "brackets": (["functions:power", "--at", "[[2]]"], "shape (1, 1, 1, 1)\n[[[[12.]]]]\n"),
    "a complex number": (["functions:power", "--at", "2j"], "a number\n(-12+0j)\n"),
    "a method": (["functions:Model.run", "--at", "5"], "a number\n2.0\n"),
    "a compiled function": (["numpy:sin", "--at", "0"], "a number\n1.0\n"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "printed"), POINTS.values(), ids=POINTS)
def test_every_spelling_of_a_point_is_read(run, words, printed):
    status, out, err = run("jacobian", *words)
    assert (status, err) == (0, "")
    assert out.endswith(printed)


@pytest.mark.parametrize("at", [["--at", "1,2", "--at", "3"], ["--at", "1,2;3"]], ids=["repeated", "semicolon"])
def test_every_argument_and_result_has_its_block(run, at):
    status, out, _ = run("jacobian", "functions:two", *at)
    assert status == 0
    assert re.findall(r"∂ functions:two(\S+) / ∂ (\w+), (.*)", out) == [
        ("['p']", "a", "shape (2, 2)"),
        ("['p']", "b", "shape (2,)"),
        ("['q'][0]", "a", "shape (2,)"),
        ("['q'][0]", "b", "a number"),
    ]


def test_an_argument_without_a_name_is_numbered(run):
    assert run("jacobian", "functions:first", "--at", "2") == (0, "∂ functions:first / ∂ argument 0, a number\n1.0\n", "")


def test_a_long_jacobian_is_printed_without_gaps(run):
    _, out, _ = run("jacobian", "functions:power", "--at", ",".join(["1"] * 60))
    assert "..." not in out
    assert len(re.findall(r"\d\.", out)) == 60 * 60


# ---- check ------------------------------------------------------------------------------------------------


def test_right_derivatives_pass_the_check(run):
    status, out, err = run("check", "functions:residuals", "--at", "-1.0,2.0")
    assert (status, err) == (0, "")
    assert out.startswith("functions:residuals: derivatives agree: 3 × 2 entries")
    assert "largest difference from finite differences: " in out
    assert "largest difference from complex step: " in out


def test_a_wrong_derivative_fails_the_check_and_the_worst_entry_is_named(run):
    status, out, err = run("check", "functions:lost", "--at", "1.0,2.0")
    assert (status, err) == (1, "")
    assert "functions:lost: derivatives DISAGREE" in out
    assert re.search(r"worst entry: ∂result\[\d\] / ∂argument 0\[\d\]: forward mode gives \d, ", out)


# ---- the main job -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def main_job(tmp_path_factory):
    """The main job, run once as a user runs it: (standard output, standard error, the report's folder)."""
    place = tmp_path_factory.mktemp("main")
    command = [sys.executable, "-W", "error", "-m", "dualdiff", "fit"]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, encoding="utf-8", check=False,
                         env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"})  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, ran.stderr, place / "dualdiff-report"


def test_the_main_job_prints_one_row_for_each_of_three_models(main_job):
    out, _, _ = main_job
    header, _, *rows = out.splitlines()[:5]
    for name in ("data", "model", "parameters", "mode", "iterations", "seconds", "loss", "score", "largest difference"):
        assert name in header
    cells = [re.split(r"  +", row) for row in rows]
    assert [row[:4] for row in cells] == [
        ["norris", "linear regression", "2", "forward"],
        ["breast_cancer", "logistic regression", "31", "forward"],
        ["iris", "MLP 4-16-3", "131", "forward"],
    ]
    scores = [float(re.search(r"(?:R²|accuracy) ([\d.]+) \(\d+ rows\)", row[7])[1]) for row in cells]
    assert scores[0] > 0.9999
    assert min(scores[1:]) > 0.9
    differences = [float(row[8].split()[0]) for row in cells]
    assert max(differences) < 1e-12


def test_the_main_job_agrees_with_the_certified_coefficients(main_job):
    digits = float(re.search(r"NIST's certified coefficients to ([\d.]+) digits", main_job[0])[1])
    assert digits >= 9


def test_no_progress_bar_where_there_is_no_terminal(main_job):
    # matplotlib may say once that it builds its cache of fonts.
    assert [line for line in main_job[1].splitlines() if "font" not in line] == []


def test_the_report_holds_plots_numbers_and_a_page(main_job):
    out, _, place = main_job
    assert out.splitlines()[-1] == f"report: {Path('dualdiff-report', 'index.html')}"
    numbers = json.loads((place / "report.json").read_text(encoding="utf-8"))
    assert {path.name for path in place.iterdir()} == {"report.json", *numbers["files"]}
    assert [fit["data"] for fit in numbers["fits"]] == ["norris", "breast_cancer", "iris"]
    for fit in numbers["fits"]:
        assert len(fit["loss"]) == fit["iterations"] + 1
        assert fit["loss"][-1] < fit["loss"][0] / 5
    plots = {"norris-line", "norris-loss"} | {
        f"{data}-{kind}" for data in ("breast_cancer", "iris") for kind in ("loss", "confusion", "decision")
    }
    assert {Path(name).stem for name in numbers["files"] if name.endswith(".png")} == plots


def test_every_plot_is_an_image_with_something_on_it(main_job):
    image = pytest.importorskip("matplotlib.image")
    for path in main_job[2].glob("*.png"):
        pixels = image.imread(path)
        assert min(pixels.shape[:2]) > 500
        ink = np.mean(np.any(pixels[..., :3] < 0.9, axis=2))
        assert 0.005 < ink < 0.95, path.name


class Page(HTMLParser):
    """What a browser would fetch, show and tabulate."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.cells, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.sources += [given[name] for name in ("src", "href") if name in given]
        if tag == "img":
            assert given["alt"]
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in {"td", "th"}:
            self.cells.append(data)


def test_the_page_is_whole_without_any_other_file(main_job):
    out, _, place = main_job
    page = Page((place / "index.html").read_text(encoding="utf-8"))
    assert page.open == []
    shown = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in page.sources]
    assert sorted(shown) == sorted(path.read_bytes() for path in place.glob("*.png"))
    lines = [line for i, line in enumerate(out.splitlines()[:5]) if i != 1]
    assert page.cells == [cell for line in lines for cell in re.split(r"  +", line)]


def test_the_current_directory_gets_nothing_but_the_report(main_job):
    assert [path.name for path in main_job[2].parent.iterdir()] == ["dualdiff-report"]


# ---- the user's own file ----------------------------------------------------------------------------------

OWN = {
    "a line": (("line.csv", "--target", "y", "--model", "linear"), {"line", "loss"}),
    "a line by reverse sweeps": (("line.csv", "--target", "-1", "--model", "linear", "--mode", "reverse"), {"line", "loss"}),
    "several features": (("plane.csv", "--target", "y", "--model", "linear"), {"predictions", "loss"}),
    "two classes": (("kinds.csv", "--target", "kind", "--model", "logistic"), {"loss", "confusion", "decision"}),
    "a network for classes": (
        ("kinds.csv", "--target", "kind", "--model", "mlp", "--hidden", "3,2", "--mode", "reverse"),
        {"loss", "confusion", "decision"},
    ),
    "a network for numbers": (
        ("line.csv", "--target", "y", "--model", "mlp", "--hidden", "3", "--mode", "backprop"), {"line", "loss"},
    ),
    "whole numbers as classes": (
        ("plane.csv", "--target", "a", "--model", "mlp", "--task", "classification", "--hidden", "2", "--mode", "reverse"),
        {"loss", "confusion", "decision"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "plots"), OWN.values(), ids=OWN)
def test_a_model_is_fitted_to_the_users_file(run, folder, words, plots):
    status, out, err = run("fit", *words, "--out", "mine")
    assert (status, err) == (0, "")
    name = words[0].removesuffix(".csv")
    assert {p.name for p in Path("mine").glob("*.png")} == {f"{name}-{plot}.png" for plot in plots}
    assert out.splitlines()[2].startswith(f"{name}  ")
    difference = json.loads(Path("mine/report.json").read_text(encoding="utf-8"))["fits"][0]["difference"]
    assert difference["relative"] < 1e-12


def test_hidden_layers_are_those_asked_for(run):
    _, out, _ = run("fit", "line.csv", "--target", "y", "--model", "mlp", "--hidden", "3,2", "--mode", "backprop")
    assert "MLP 1-3-2-1" in out
    assert " 17 " in out  # 1·3 + 3 + 3·2 + 2 + 2·1 + 1 parameters


def test_the_same_seed_gives_the_same_report_and_another_another(run):
    losses = []
    for seed in ("5", "5", "6"):
        run("fit", "kinds.csv", "--target", "kind", "--model", "mlp", "--mode", "backprop", "--seed", seed)
        losses.append(json.loads(Path("dualdiff-report/report.json").read_text(encoding="utf-8"))["fits"][0]["loss"])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_a_table_without_header_is_read_when_told_so(run, folder):
    (folder / "bare.csv").write_text("".join(f"{i},{2 * i + 1}\n" for i in range(9)))
    status, out, _ = run("fit", "bare.csv", "--target", "1", "--model", "linear", "--no-header")
    assert status == 0
    assert "R² 1.000000 (2 rows)" in out


def test_names_that_are_markup_are_shown_as_text(run, folder):
    rows = [f"{i % 5},{i * i % 7},{'$a^$' if i % 5 > 2 else '<i>'}\n" for i in range(30)]
    (folder / "a<b>&c.csv").write_text("<x>,$y^$,$z$\n" + "".join(rows))
    (folder / "$_$.csv").write_text("x$,$y^$\n" + "".join(f"{i},{2 * i + i % 3}\n" for i in range(9)))
    assert run("fit", "$_$.csv", "--target", "$y^$", "--model", "linear")[0] == 0
    assert run("fit", "a<b>&c.csv", "--target", "$z$", "--model", "logistic")[0] == 0
    page = Path("dualdiff-report/index.html").read_text(encoding="utf-8")
    assert "a&lt;b&gt;&amp;c" in page
    assert Page(page).open == []


def test_a_model_that_stopped_early_is_said_to_have(run, monkeypatch):
    monkeypatch.setattr(fit_module, "train", lambda job, progress: unconverged(train(job, progress)))
    _, out, _ = run(*FIT)
    assert "line: not converged, out of iterations" in out


def unconverged(fitted):
    fitted.model.converged_, fitted.model.message_ = False, "out of iterations"
    return fitted


# ---- the split, the scaling, the certified digits ---------------------------------------------------------


@pytest.mark.parametrize(("data", "model"), [(load_breast_cancer(), "logistic"), (load_norris(), "linear")])
def test_every_row_is_in_one_part_and_every_class_in_both(data, model):
    job = Job(data, "y", model, seed=3, test_fraction=0.3)
    kept, out = split(job)
    assert sorted([*kept, *out]) == list(range(len(data.target)))
    assert len(out) == pytest.approx(0.3 * len(data.target), abs=2)
    if data.target_names:
        shares = [np.mean(data.target[rows] == 0) for rows in (kept, out)]
        assert shares[0] == pytest.approx(shares[1], abs=0.01)
    assert not np.array_equal(split(Job(data, "y", model, seed=4, test_fraction=0.3))[1], out)


@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1e200, 1e300])
def test_features_of_any_unit_are_scaled(unit):
    x = np.arange(12.0).reshape(6, 2) ** 2
    np.testing.assert_allclose(Scaling.of(x * unit)(x * unit), Scaling.of(x)(x), rtol=1e-12)


def test_features_are_scaled_by_the_training_rows_alone():
    data = load_iris()
    fitted = train(Job(data, "species", "logistic"), lambda iteration, loss: None)
    np.testing.assert_allclose(fitted.inputs.mean, data.data[fitted.train].mean(axis=0))
    np.testing.assert_allclose(fitted.inputs(data.data[fitted.train]).std(axis=0), 1)


def test_a_constant_column_is_only_shifted():
    x = np.column_stack([np.full(5, 0.1) * 3, np.arange(5.0)])
    scaling = Scaling.of(x)
    np.testing.assert_allclose(scaling(x)[:, 0], 0, atol=1e-15)
    np.testing.assert_allclose(scaling.undone(scaling(x)), x)


def test_a_score_without_variance_is_undefined_not_an_error():
    data = load_line()
    data.target[:] = 3.0
    fitted = train(Job(data, "y", "linear"), lambda iteration, loss: None)
    assert np.isnan(fitted.score)
    assert "R² undefined" in fit_module.row(fitted)[7]


def test_digits_count_the_worst_coefficient(monkeypatch):
    def wrong(self, X, y, callback=None):
        self.coef_, self.intercept_ = np.polyfit(X[:, 0], y, 1)[:1] * (1 + 1e-4), np.mean(y)
        return self

    assert certified_digits(Job(load_norris(), "y", "linear"))[1] > 9
    monkeypatch.setattr(LinearRegression, "fit", wrong)
    assert certified_digits(Job(load_norris(), "y", "linear"))[1] < 4


# ---- progress, interruption, missing extras ---------------------------------------------------------------


def test_a_terminal_gets_a_progress_bar_with_the_loss(run, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    status, _, _ = run("fit", "line.csv", "--target", "y", "--model", "mlp", "--hidden", "2", "--mode", "backprop")
    assert status == 0
    assert "line: MLP 1-2-1" in terminal.getvalue()
    assert "/200" in terminal.getvalue()
    assert "loss " in terminal.getvalue()


@pytest.mark.parametrize("words", [FIT, ("fit", "kinds.csv", "--target", "kind", "--model", "logistic"),
                                   ("fit", "kinds.csv", "--target", "kind", "--model", "mlp")])
def test_an_interrupt_during_training_is_told_and_nothing_is_written(run, folder, monkeypatch, words):
    def interrupting(job, progress):
        def interrupted(iteration, loss):
            raise KeyboardInterrupt
        return train(job, interrupted)

    before = contents(folder)
    monkeypatch.setattr(fit_module, "train", interrupting)
    status, out, err = run(*words, "--save", "m.json")
    assert (status, out) == (130, "")
    assert err.strip() == "dualdiff: interrupted; nothing was written"
    assert contents(folder) == before


@pytest.mark.parametrize("method", ["write_text", "write_bytes", "rename"])
def test_an_interrupt_while_the_report_is_written_leaves_the_old_one(run, folder, monkeypatch, method):
    assert run(*FIT)[0] == 0
    before = contents(folder)
    original, calls = getattr(Path, method), []

    def interrupted(self, *args, **options):
        calls.append(self)
        if len(calls) == 2:  # the old report is already out of the way
            raise KeyboardInterrupt
        return original(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, interrupted)
        assert run(*FIT, "--seed", "1")[0] == 130
    assert len(calls) >= 2
    assert contents(folder) == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_a_real_interrupt_ends_with_the_status_that_shells_expect(folder):
    command = [sys.executable, "-m", "dualdiff", "check", "functions:stops", "--at", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False,
                         env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert ran.returncode == 130
    assert "interrupted" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(os.name == "nt", reason="there a process cannot interrupt itself")
def test_an_interrupt_while_numpy_is_imported_shows_no_traceback(folder):
    default = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"  # a job in the background has none
    (folder / "sitecustomize.py").write_text(default)
    (folder / "numpy").mkdir()
    (folder / "numpy" / "__init__.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)")
    for words, status, shown in ((["-m", "dualdiff"], 130, False), (["-c", "import dualdiff"], -signal.SIGINT, True)):
        ran = subprocess.run([sys.executable, *words, "--help"], capture_output=True, text=True, check=False,
                             env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"})  # fmt: skip
        assert (ran.returncode, "Traceback" in ran.stderr, ran.stdout) == (status, shown, "")


@pytest.mark.parametrize("module", ["matplotlib.figure", "tqdm"])
def test_a_missing_package_is_answered_with_its_extra_before_any_work(run, folder, monkeypatch, module):
    before = contents(folder)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(fit_module, "train", lambda job, progress: pytest.fail("trained in vain"))
    status, out, err = run(*FIT)
    assert (status, out) == (2, "")
    assert f"dualdiff: {module.partition('.')[0]} cannot be imported" in err
    assert 'pip install ".[fit]"' in err
    assert contents(folder) == before
    assert issubclass(MissingExtraError, ImportError)


def test_derivatives_are_printed_without_matplotlib_and_tqdm(folder):
    program = (
        "import sys; sys.modules.update(matplotlib=None, tqdm=None, scipy=None)\n"
        "from dualdiff.__main__ import main\n"
        "sys.exit(main(['jacobian', 'functions:power', '--at', '2']) or main(['check', 'functions:power', '--at', '2']))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_reader_that_closes_the_pipe_gets_no_traceback(folder):
    words = [sys.executable, "-m", "dualdiff", "jacobian", "functions:power", "--at", ",".join(["1"] * 300)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                          env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}) as process:  # fmt: skip
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0


def test_a_reader_that_closes_the_pipe_gets_the_report_and_the_model(folder):
    words = [sys.executable, "-m", "dualdiff", *FIT, "--save", "line.json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                          env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}) as process:  # fmt: skip
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0
    assert Path("line.json").exists()
    assert Path("dualdiff-report/index.html").exists()


def test_a_terminal_without_the_letters_gets_question_marks(folder):
    ran = subprocess.run([sys.executable, "-m", "dualdiff", "jacobian", "functions:power", "--at", "2"],
                         capture_output=True, text=True, encoding="ascii", check=False,
                         env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"})  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, "? functions:power / ? x, a number\n12.0\n")


# ---- the report's folder ----------------------------------------------------------------------------------


def test_a_foreign_folder_is_refused_before_any_training(run, monkeypatch):
    monkeypatch.setattr(fit_module, "train", lambda job, progress: pytest.fail("trained in vain"))
    assert run(*FIT, "--out", "folder")[0] == 2


def test_an_earlier_report_is_replaced_whole(run, folder):
    assert run("fit", "kinds.csv", "--target", "kind", "--model", "logistic")[0] == 0
    assert run(*FIT)[0] == 0
    names = {path.name for path in Path("dualdiff-report").iterdir()}
    assert names == {"index.html", "report.json", "line-line.png", "line-loss.png"}
    assert [path.name for path in folder.iterdir() if "partial" in path.name] == []


def test_an_earlier_report_with_something_of_the_users_is_kept(run, folder):
    assert run(*FIT)[0] == 0
    Path("dualdiff-report/notes.txt").write_text("mine")
    before = contents(folder)
    status, _, err = run(*FIT)
    assert status == 2
    assert "already holds 'notes.txt'" in err
    assert contents(folder) == before


@pytest.mark.parametrize("numbers", ["", "[]", "{}", '{"made by": "another", "files": ["index.html"]}'])
def test_a_folder_that_only_looks_like_a_report_is_foreign(folder, numbers):
    (folder / "folder" / "keep.txt").unlink()
    (folder / "folder" / "index.html").write_text("mine")
    (folder / "folder" / "report.json").write_text(numbers)
    assert "index.html" in report.not_ours(folder / "folder")


def test_an_empty_folder_and_missing_parents_are_used(run, folder):
    (folder / "empty").mkdir()
    assert run(*FIT, "--out", "empty")[0] == 0
    assert run(*FIT, "--out", "new/deep/report")[0] == 0
    assert {p.name for p in Path("empty").iterdir()} == {p.name for p in Path("new/deep/report").iterdir()}


def test_a_disk_that_fails_is_answered_with_a_message(run, folder, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    before = contents(folder)
    monkeypatch.setattr(Path, "write_bytes", full)
    status, _, err = run(*FIT)
    monkeypatch.undo()
    assert status == 2
    assert "cannot be written (No space left on device)" in err
    assert {str(folder / name) for name in before} == {str(p) for p in folder.rglob("*") if p.is_file()}


def test_help_and_version_need_nothing(run):
    assert run("--version")[:2] == (0, "dualdiff 0.1.0\n")
    for command in ("fit", "jacobian", "check"):
        status, out, _ = run(command, "--help")
        assert status == 0
        assert f"python -m dualdiff {command}" in out
    assert "Print the Jacobian of your own function." in run("jacobian", "--help")[1]


# ---- plots ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "model"), [(load_iris(), "mlp"), (load_breast_cancer(), "logistic")])
def test_the_plane_of_a_decision_tells_the_classes_apart_and_leads_back_to_itself(data, model):
    fitted = train(Job(data, "y", model, mode="backprop"), lambda iteration, loss: None)
    points, lift = discriminants(fitted)
    assert points.shape == (len(data.target), 2)
    # The features that go with a point have that point's coordinates: the way there and back is linear in them.
    Z = fitted.inputs(data.data)
    there = np.linalg.lstsq(np.column_stack([Z, np.ones(len(Z))]), points, rcond=None)[0]
    np.testing.assert_allclose(lift(points) @ there[:-1] + there[-1], points, atol=1e-8)
    # Along the first coordinate the means of the classes are further apart than the rows of a class scatter.
    groups = [points[data.target == c, 0] for c in range(len(data.target_names))]
    assert np.ptp([group.mean() for group in groups]) > 2.5 * np.mean([group.std() for group in groups])


@pytest.mark.parametrize(
    ("features", "classes", "plots"),
    [
        (1, 2, {"loss", "confusion"}),
        (2, 2, {"loss", "confusion", "decision"}),
        (3, 2, {"loss", "confusion", "decision"}),
        (3, 15, {"loss", "confusion"}),
    ],
)
def test_the_plots_suit_the_numbers_of_features_and_classes(run, folder, features, classes, plots):
    rng = np.random.default_rng(1)
    lines = [",".join([*map("f{}".format, range(features)), "kind"])]
    for i in range(8 * classes):
        lines.append(",".join([*(f"{x:.3f}" for x in rng.normal(i % classes, 0.3, features)), f"class {i % classes}"]))
    (folder / "made.csv").write_text("\n".join(lines))
    assert run("fit", "made.csv", "--target", "kind", "--model", "logistic", "--mode", "backprop")[0] == 0
    assert {path.name for path in Path("dualdiff-report").glob("*.png")} == {f"made-{plot}.png" for plot in plots}


def test_a_feature_that_never_changes_spoils_no_plot(run, folder):
    rows = [f"{i % 5},1,{i * i % 7},{'ab'[i % 5 > 2]}\n" for i in range(30)]
    (folder / "flat.csv").write_text("x,one,z,kind\n" + "".join(rows))
    status, _, err = run("fit", "flat.csv", "--target", "kind", "--model", "logistic")
    assert (status, err) == (0, "")

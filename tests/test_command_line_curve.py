"""python -m dualdiff fit --model curve, --save and predict: what they find, write, and refuse."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from test_command_line import contents

from dualdiff import gradient
from dualdiff.cli import curve as curve_module
from dualdiff.cli.formula import FUNCTIONS, TWO, Formula, variables
from dualdiff.cli.training import Job, train
from dualdiff.datasets import read_csv
from dualdiff.errors import CommandError, DataError

# NIST's StRD Misra1a (public domain): data, and the certified parameters with their standard deviations.
MISRA = ("y,x\n10.07,77.6\n14.73,114.9\n17.94,141.1\n23.93,190.8\n29.61,239.9\n35.18,289.0\n40.02,332.8\n44.82,378.4\n"
         "50.76,434.8\n55.05,477.3\n61.01,536.8\n66.40,593.1\n75.47,689.1\n81.78,760.0\n")
CERTIFIED = {"b1": (2.3894212918e02, 2.7070075241e00), "b2": (5.5015643181e-04, 7.2668688436e-06)}
FORMULA = "b1*(1-exp(-b2*x))"
FILES = {
    "misra.csv": MISRA,
    "one.csv": "x,y\n1,2\n",
    "two.csv": "x,y\n1,2\n2,3\n",
    "empty.csv": "",
    "constant.csv": "x,y\n" + "3,1\n3,2\n3,4\n3,5\n",
    "nan.csv": "x,y\n1,2\nnan,3\n3,4\n4,5\n",
    "text.csv": "x,colour,y\n0,red,1\n1,blue,2\n2,red,3\n",
    "words.csv": "x,y\n1,low\n2,high\n3,low\n4,low\n",
    "mixed.csv": "x,y\n1,2\n2,three\n3,4\n4,5\n",
    "ragged.csv": "x,y\n1,2\n2\n3,4\n4,5\n",
    "twice.csv": "x,x,y\n1,2,3\n2,3,4\n3,4,5\n4,5,6\n",
    "huge.csv": "x,y\n1,1e300\n2,2e300\n3,1e300\n4,5e300\n",
    "beyond.csv": "x,y\n1,1e999\n2,2\n3,3\n4,5\n",
    "steep.csv": "x,y\n1,1\n900,2\n1800,3\n2700,5\n",
    "binary.csv": b"\x89PNG\r\n\x1a\n\0\0\0",
    "archive.csv": b"PK\x03\x04\0\0\0\0",
    "plane.csv": "a,b,y\n" + "".join(f"{i % 7},{i * i % 11},{2 * (i % 7) - i * i % 11 + i % 3}\n" for i in range(40)),
    "kinds.csv": "a,b,kind\n" + "".join(f"{i % 7},{i * i % 11},{'cat' if i % 7 > 3 else 'dog'}\n" for i in range(40)),
    "three.csv": "a,b,kind\n" + "".join(f"{i % 7},{i * i % 11},{['ant', 'bee', 'cow'][i % 7 // 3]}\n" for i in range(40)),
    "other.json": '{"made by": "another program"}',
    "list.json": "[1, 2]",
    "half.json": '{"made by": "dualdiff fit --save", "form',
    "bare.json": '{"made by": "dualdiff fit --save", "format": 1, "model": "curve"}',
    "later.json": '{"made by": "dualdiff fit --save", "format": 2}',
    "notes.txt": "mine",
    "folder/keep.txt": "mine",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    saved = {"made by": "dualdiff fit --save", "format": 1, "model": "curve", "target": "y", "features": ["x"], "dof": 9,
             "formula": "a*log(x)", "parameters": {"a": 1.0}, "covariance": [[1.0]]}
    changes = {"good": {}, "code": {"formula": "__import__('os').system('touch owned')"}, "shape": {"covariance": [1.0]},
               "negative": {"covariance": [[-1.0]]},
               "nan": {"parameters": {"a": float("nan")}}, "kind": {"model": "forest"}, "names": {"features": []},
               "layers": {"model": "mlp", "classes": [], "inputs": [[0], [1]], "outputs": None,
                          "layers": [[[[1, 2]], [0, 0]], [[[1]], [0]]]},
               "wide": {"model": "linear", "classes": [], "inputs": [[0], [1]], "outputs": None, "layers": [[[1, 2], [0]]]},
               "column": {"features": {"x": 1}}, "freedom": {"dof": float("inf")}, "unfree": {"dof": -1},
               "halves": {"dof": 1.5}, "digits": {"parameters": {"a": "1.5"}}, "double": {"features": ["x", "x"]},
               "bias": {"model": "mlp", "classes": [], "inputs": [[0], [1]], "outputs": None,
                        "layers": [[[[1, 2]], 3], [[[1], [2]], [0]]]},
               "label": {"model": "logistic", "classes": ["a", 1], "inputs": [[0], [1]], "outputs": None,
                         "layers": [[[[1]], [0]]]},
               "labels": {"model": "logistic", "classes": ["a", "a"], "inputs": [[0], [1]], "outputs": None,
                          "layers": [[[[1]], [0]]]},
               "scale": {"model": "linear", "classes": [], "inputs": [[0], [0]], "outputs": None, "layers": [[[1], 0]]},
               "level": {"model": "linear", "classes": [], "inputs": [[0], [1]], "outputs": None, "layers": [[[1], []]]}}
    for name, change in changes.items():
        (tmp_path / f"{name}.model").write_text(json.dumps({**saved, **change}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(file="misra.csv", formula=FORMULA, start="b1=500,b2=1e-4", *more):
    return ("fit", file, "--target", "y", "--model", "curve", "--formula", formula, "--start", start, *more)


# ---- wrong input: one message, status 2, nothing written -----------------------------------------------------------------

WRONG = {
    # the file
    "a missing file": (words("none.csv"), "none.csv: there is no such file"),
    "a directory": (words("folder"), "this is a directory"),
    "an empty file": (words("empty.csv"), "the file is empty"),
    "a file without end": (words("/dev/zero"), "/dev/zero: this is a device"),
    "a file of too long a name": (words("a" * 300), "File name too long"),
    "a report of too long a name": ((*words(), "--out", "a" * 300), "File name too long"),
    "a model of too long a name": ((*words(), "--save", "a" * 300), "File name too long"),
    "one row": (words("one.csv"), "one row of data"),
    "as many rows as parameters": (words("two.csv"), "2 rows cannot determine 2 parameters"),
    "a binary file": (words("binary.csv"), "binary file"),
    "an archive": (words("archive.csv"), "binary file"),
    "NaN": (words("nan.csv"), "row 3, column 'x'"),
    "strings in a column": (words("text.csv"), "text in column 'colour'"),
    "strings in the target": (words("words.csv"), "text in the target"),
    "one string in the target": (words("mixed.csv"), "'three'"),
    "rows of other lengths": (words("ragged.csv"), "row 3 has 1"),
    "duplicate columns": (words("twice.csv"), "uses a name more than once: 'x'"),
    "numbers beyond double precision": (words("beyond.csv"), "not finite in double precision"),
    "squares beyond double precision": (words("huge.csv", "a+b*x", "a=1,b=1"), "exceed double precision"),
    "an unknown target": (("fit", "misra.csv", "--target", "z", *words()[4:]), "there is no column 'z'"),
    # the fit
    "a constant column": (words("constant.csv", "a+b*x", "a=1,b=1"), "do not determine"),
    "a singular Jacobian": (words("misra.csv", "a*b*x", "a=1,b=1"), "do not determine"),
    "a parameter without effect": (words("misra.csv", "a*x+0*b", "a=1,b=1"), "do not determine b"),
    "an unbounded formula": (words("steep.csv", "a*exp(b*x)", "a=1,b=5"), "steep.csv: a*exp(b*x) cannot be fitted"),
    "a logarithm of negative numbers": (words("misra.csv", "a*log(-x)", "a=1"), "cannot be fitted"),
    "a division by zero": (words("misra.csv", "a/(x-x)", "a=1"), "cannot be fitted"),
    "no minimum": (words("plane.csv", "exp(-c*c)*0+c*0+20+exp(c)", "c=-1"), "plane.csv"),
    # the formula
    "code": (words("misra.csv", "__import__('os').system('touch owned')"), "is not arithmetic"),
    "a keyword as a name": (words("misra.csv", "lambda*x", "lambda=1"), "the name 'lambda' is taken, use another"),
    "an imported name": (words("misra.csv", "__import__(b1)"), "no function '__import__'"),
    "an attribute": (words("misra.csv", "().__class__"), "is not arithmetic"),
    "a subscript": (words("misra.csv", "x[b1]"), "is not arithmetic"),
    "a lambda": (words("misra.csv", "(lambda: b1)()"), "is not arithmetic"),
    "a comprehension": (words("misra.csv", "[b1 for b2 in x]"), "is not arithmetic"),
    "an assignment": (words("misra.csv", "(b1 := b2)"), "is not arithmetic"),
    "a statement": (words("misra.csv", "import os"), "cannot be read"),
    "a text": (words("misra.csv", "'b1'"), "is not arithmetic"),
    "a keyword argument": (words("misra.csv", "exp(b1, out=x)"), "is not arithmetic"),
    "arguments in a star": (words("misra.csv", "exp(*x)"), "is not arithmetic"),
    "a complex number": (words("misra.csv", "b1*1j"), "is not arithmetic"),
    "a truth value": (words("misra.csv", "b1*True"), "is not arithmetic"),
    "a comparison": (words("misra.csv", "b1*(x<b2)"), "is not arithmetic"),
    "an empty formula": (words("misra.csv", ""), "cannot be read"),
    "open brackets": (words("misra.csv", "b1*(x"), "cannot be read"),
    "a null character": (words("misra.csv", "b1*x\0"), "cannot be read"),
    "a power as in spreadsheets": (words("misra.csv", "b1*x^b2"), "a power is written **"),
    "a tower of powers": (words("misra.csv", "b1*x*9**9**9**9**9+b2"), "cannot be fitted"),
    "a number of a thousand digits": (words("misra.csv", "b1*x*" + "9" * 1000), "beyond double precision"),
    "a long formula": (words("misra.csv", "+".join(["b1"] * 1000)), "at most 2000"),
    "a deep formula": (words("misra.csv", "(" * 900 + "b1" + ")" * 900), "formula"),
    "a chain of signs": (words("misra.csv", "-" * 1900 + "b1"), "nested too deeply"),
    "an unknown name": (words("misra.csv", "b1*(1-exp(-b3*x))"), "'b3' is neither a column nor a parameter"),
    "an unknown function": (words("misra.csv", "b1*sinus(b2*x)"), "no function 'sinus'"),
    "a function without argument": (words("misra.csv", "b1*exp()+b2"), "exp takes 1 argument, it is given 0"),
    "a function without brackets": (words("misra.csv", "b1*exp+b2"), "'exp' is neither"),
    "a formula without the parameters": (words("misra.csv", "2*x"), "--start names 'b1', which is not in it"),
    # the starts
    "no start": (("fit", "misra.csv", "--target", "y", "--model", "curve", "--formula", FORMULA), "give its start: --start"),
    "nothing to fit": (words("misra.csv", "2*x", ""), "no parameter to be fitted"),
    "a start that is missing": (words("misra.csv", FORMULA, "b1=500"), "give its start: --start b1=…,b2=…"),
    "a start misspelt": (words("misra.csv", FORMULA, "b1=500,bb2=1"), "did you mean"),
    "a start too many": (words("misra.csv", FORMULA, "b1=500,b2=1,b3=1"), "--start names 'b3'"),
    "a start given twice": (words("misra.csv", FORMULA, "b1=500,b1=1"), "gives 'b1' twice"),
    "a start without a number": (words("misra.csv", FORMULA, "b1=500,b2"), "'b2' is not of the form"),
    "a start of words": (words("misra.csv", FORMULA, "b1=500,b2=small"), "'small' for 'b2' is not a finite number"),
    "an infinite start": (words("misra.csv", FORMULA, "b1=inf,b2=1"), "not a finite number"),
    "a start called as a column": (words("misra.csv", "x*b1", "b1=1,x=2"), "'x' is a column and a parameter"),
    "a start that is no name": (words("misra.csv", FORMULA, "1b=2"), "not of the form"),
    # options
    "no formula": (("fit", "misra.csv", "--target", "y", "--model", "curve"), "needs the curve: --formula"),
    "a formula of a line": (("fit", "misra.csv", "--target", "y", "--model", "linear", "--formula", "x"), "for --model curve"),
    "a formula without a file": (("fit", "--formula", "x"), "for a file of your own"),
    "rows held out of a curve": ((*words(), "--test-fraction", "0.5"), "fitted to all rows"),
    "layers of a curve": ((*words(), "--hidden", "3"), "--hidden is for --model mlp"),
    "a report over the user's folder": ((*words(), "--out", "folder"), "already holds 'keep.txt'"),
    "a model over the data": ((*words(), "--save", "misra.csv"), "would replace what is read"),
    "a model over another file": ((*words(), "--save", "notes.txt"), "exists and is no saved model"),
    "a model as a directory": ((*words(), "--save", "folder"), "is a directory"),
    "a model in no directory": ((*words(), "--save", "nowhere/m.json"), "no directory that can be written to"),
    "a model inside a file": ((*words(), "--save", "notes.txt/m.json"), "no directory that can be written to"),
    "a model inside the report": ((*words(), "--out", "new", "--save", "new/m.json"), "--save"),
    # predict
    "a missing model": (("predict", "none.json", "misra.csv"), "the model cannot be read"),
    "a directory as model": (("predict", "folder", "misra.csv"), "the model cannot be read"),
    "a binary model": (("predict", "binary.csv", "misra.csv"), "no saved model, or it is damaged"),
    "a table as model": (("predict", "misra.csv", "misra.csv"), "no saved model, or it is damaged"),
    "half a model": (("predict", "half.json", "misra.csv"), "no saved model, or it is damaged"),
    "a file of another program": (("predict", "other.json", "misra.csv"), "not a model of fit --save"),
    "a list as model": (("predict", "list.json", "misra.csv"), "not a model of fit --save"),
    "a model without content": (("predict", "bare.json", "misra.csv"), "damaged (KeyError: 'features')"),
    "a model of a later version": (("predict", "later.json", "misra.csv"), "of format 2"),
    "code in a model": (("predict", "code.model", "misra.csv"), "is not arithmetic"),
    "a covariance of another shape": (("predict", "shape.model", "misra.csv"), "damaged"),
    "a covariance that is none": (("predict", "negative.model", "misra.csv"), "negative.model: the saved model is damaged"),
    "NaN in a model": (("predict", "nan.model", "misra.csv"), "damaged"),
    "an unknown kind of model": (("predict", "kind.model", "misra.csv"), "damaged"),
    "a model of no column": (("predict", "names.model", "misra.csv"), "damaged"),
    "layers that do not fit": (("predict", "layers.model", "misra.csv"), "damaged"),
    "slopes too many": (("predict", "wide.model", "misra.csv"), "damaged"),
    "columns that are no list": (("predict", "column.model", "misra.csv"), "damaged"),
    "infinite degrees of freedom": (("predict", "freedom.model", "misra.csv"), "degrees of freedom that are no positive whole"),
    "negative degrees of freedom": (("predict", "unfree.model", "misra.csv"), "degrees of freedom that are no positive whole"),
    "broken degrees of freedom": (("predict", "halves.model", "misra.csv"), "degrees of freedom that are no positive whole"),
    "text for a parameter": (("predict", "digits.model", "misra.csv"), "what is no finite number"),
    "two columns of one name": (("predict", "double.model", "misra.csv"), "two columns of one name"),
    "one bias for two neurons": (("predict", "bias.model", "misra.csv"), "its arrays do not fit its columns and classes"),
    "a class that is no text": (("predict", "label.model", "misra.csv"), "its arrays do not fit its columns and classes"),
    "two classes of one name": (("predict", "labels.model", "misra.csv"), "its arrays do not fit its columns and classes"),
    "a scale of zero": (("predict", "scale.model", "misra.csv"), "a scale that is not positive"),
    "an intercept that is no number": (("predict", "level.model", "misra.csv"), "its arrays do not fit"),
    "a device as model": (("predict", "/dev/zero", "misra.csv"), "a device"),
    "a column that is missing": (("predict", "good.model", "plane.csv"), "no column 'x', which the model needs"),
    "NaN to be predicted for": (("predict", "good.model", "nan.csv"), "row 3, column 'x'"),
    "nothing to be predicted for": (("predict", "good.model", "empty.csv"), "the file is empty"),
    "no file to be predicted for": (("predict", "good.model", "none.csv"), "no such file"),
    "predictions over the data": (("predict", "good.model", "misra.csv", "--out", "misra.csv"), "would replace what is read"),
    "predictions over the model": (("predict", "good.model", "misra.csv", "--out", "good.model"), "would replace what is read"),
    "predictions into a directory": (("predict", "good.model", "misra.csv", "--out", "folder"), "is a directory"),
    "predictions into nowhere": (("predict", "good.model", "misra.csv", "--out", "nowhere/p.csv"), "no directory"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_gives_one_message_and_leaves_nothing_behind(run, folder, line, message):
    before = contents(folder)
    status, out, err = run(*line)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert contents(folder) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="directories cannot be closed to this user")
def test_an_unwritable_directory_is_refused(run, folder):
    (folder / "closed").mkdir(mode=0o500)
    assert "no directory that can be written to" in run(*words(), "--save", "closed/m.json")[2]


@pytest.mark.parametrize("option", ["--save", "--out"])
def test_a_disk_that_fails_leaves_no_half_a_file(run, folder, monkeypatch, option):
    def full(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dualdiff.cli.saved.os.replace", full)
    before = contents(folder)
    line = (*words(), "--save", "m.json") if option == "--save" else ("predict", "good.model", "misra.csv", "--out", "p.csv")
    status, _, err = run(*line)
    assert status == 2
    assert "cannot be written (No space left on device)" in err
    after = contents(folder)
    assert {name for name in set(after) - set(before) if not name.startswith("dualdiff-report")} == set()


# ---- a curve -------------------------------------------------------------------------------------------------------------


def test_nists_certified_parameters_and_errors_are_printed_and_reported(run):
    status, out, err = run(*words())
    assert (status, err) == (0, "")
    assert "converged: " in out
    found = json.loads(Path("dualdiff-report/report.json").read_text(encoding="utf-8"))["fits"][0]
    for name, (value, error) in CERTIFIED.items():
        np.testing.assert_allclose(found["parameters"][name], value, rtol=1e-9)
        np.testing.assert_allclose(found["stderr"][name], error, rtol=1e-6)
        printed = next(line.split() for line in out.splitlines() if line.startswith(name))
        np.testing.assert_allclose(np.array(printed[1:3], float), [value, error], rtol=1e-5)
    plots = {"fit", "residuals", "normal", "convergence", "correlation"}
    assert {p.name for p in Path("dualdiff-report").glob("*.png")} == {f"misra-{plot}.png" for plot in plots}
    page = Path("dualdiff-report/index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(plots)


@pytest.mark.parametrize(
    ("file", "formula", "start", "plots"),
    [
        ("plane.csv", "-c*b+d*a", "c=1,d=1", 5),  # begins with a minus, two columns
        ("plane.csv", "mean+0*a", "mean=1", 4),  # one parameter has no correlation
        ("plane.csv", "mean", "mean=1", 4),  # no column at all
        ("misra.csv", "a*tanh(x/k)**p", "a=80,k=400,p=1", 5),
    ],
)
def test_formulas_of_any_number_of_columns_and_parameters_are_fitted(run, file, formula, start, plots):
    status, _, err = run(*words(file, formula, start))
    assert (status, err) == (0, "")
    assert len(list(Path("dualdiff-report").glob("*.png"))) == plots


def test_a_linear_formula_is_fitted_as_by_linear_algebra(run):
    run(*words("plane.csv", "c0+c1*a+c2*b", "c0=0,c1=0,c2=0"))
    found = json.loads(Path("dualdiff-report/report.json").read_text(encoding="utf-8"))["fits"][0]
    data = read_csv("plane.csv", "y")
    A = np.column_stack([np.ones(40), data.data])
    beta, rss = np.linalg.lstsq(A, data.target, rcond=None)[:2]
    np.testing.assert_allclose(list(found["parameters"].values()), beta, rtol=1e-9)
    np.testing.assert_allclose(found["covariance"], rss[0] / 37 * np.linalg.inv(A.T @ A), rtol=1e-8)


def test_an_interrupted_fit_writes_nothing(run, folder, monkeypatch):
    before = contents(folder)

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(curve_module, "least_squares", interrupted)
    status, out, err = run(*words(), "--save", "m.json")
    assert (status, out, err.strip()) == (130, "", "dualdiff: interrupted; nothing was written")
    assert contents(folder) == before


# ---- formulas ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_a_formula_is_numpys_and_is_differentiated(name):
    x = 1.3 if name in {"arccosh", "acosh"} else 0.4
    formula = Formula(f"{name}(x, 0.7)" if FUNCTIONS[name] in TWO else f"{name}(x)")
    expected = FUNCTIONS[name](x, 0.7) if FUNCTIONS[name] in TWO else FUNCTIONS[name](x)
    assert formula({"x": x}) == expected
    h = 1e-6
    slope = (formula({"x": x + h}) - formula({"x": x - h})) / (2 * h)
    np.testing.assert_allclose(gradient(lambda v: formula({"x": v}))(x), slope, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("text", ["2+3*x**2/4-x", "-x**2", "(1-x)/(1+x)", "2**-x", "x-1-2", "+x", "1e-3*x", " x "])
def test_arithmetic_binds_as_in_python(text):
    assert Formula(text)({"x": 0.7}) == pytest.approx(eval(text.strip(), {"x": 0.7}), rel=1e-15)


def test_columns_are_called_by_their_names():
    assert variables(["ozone read"]) == {"x": 0, "ozone_read": 0}
    assert variables(["x", "time/s"]) == {"x": 0, "time_s": 1}
    assert variables(["a b", "a-b", "c"]) == {"c": 2}  # one name for two columns is none
    assert set(Formula("\u00b5+1").names) <= set(variables(["\u00b5", "b"]))  # two code points for one letter


def test_nothing_in_a_formula_is_run(folder):
    for text in ("__import__('os').system('touch owned')", "exec('open(\"owned\", \"w\")')", "x.__class__"):
        with pytest.raises(CommandError, match="formula"):
            Formula(text)
    assert not Path("owned").exists()


# ---- saved models --------------------------------------------------------------------------------------------------------


def table(text):
    head, *rows = csv.reader(io.StringIO(text))
    return {name: [row[i] for row in rows] for i, name in enumerate(head)}


def test_a_saved_curve_predicts_with_standard_errors_in_any_order_of_columns(run, folder):
    assert run(*words(), "--save", "m.json")[0] == 0
    (folder / "new.csv").write_text("note,x\n7,100\n8,500\n")
    status, out, err = run("predict", "m.json", "new.csv")
    assert (status, err) == (0, "")
    found = table(out)
    (b1, _), (b2, _) = CERTIFIED.values()
    x = np.array([100.0, 500.0])
    np.testing.assert_allclose(np.array(found["y"], float), b1 * (1 - np.exp(-b2 * x)), rtol=1e-9)
    C = np.array(json.loads(Path("m.json").read_text())["covariance"])
    J = np.column_stack([1 - np.exp(-b2 * x), b1 * x * np.exp(-b2 * x)])
    np.testing.assert_allclose(np.array(found["standard error"], float), np.sqrt(np.diag(J @ C @ J.T)), rtol=1e-6)


MODELS = {
    "linear": ("plane.csv", "y", ()),
    "logistic": ("kinds.csv", "kind", ()),
    "logistic of three": ("three.csv", "kind", ()),
    "mlp": ("plane.csv", "y", ("--hidden", "3,2", "--mode", "backprop")),
    "mlp of classes": ("three.csv", "kind", ("--hidden", "4", "--mode", "backprop")),
}


@pytest.mark.parametrize(("kind", "case"), MODELS.items(), ids=MODELS)
def test_a_saved_model_predicts_the_same_bits_as_the_fitted_one(run, kind, case):
    file, target, more = case
    model = kind.split()[0]
    assert run("fit", file, "--target", target, "--model", model, *more, "--save", "m.json")[0] == 0
    assert run("predict", "m.json", file, "--out", "p.csv")[0] == 0
    data = read_csv(file, target)
    hidden = tuple(map(int, more[1].split(","))) if more else (16,)
    fitted = train(Job(data, target, model, "backprop" if more else "forward", hidden), lambda iteration, loss: None)
    expected, found = fitted.predict(data.data), table(Path("p.csv").read_text())[target]
    if data.target_names:
        assert found == [data.target_names[int(i)] for i in expected]
    else:
        np.testing.assert_array_equal(np.array(found, float), expected)


def test_a_saved_model_is_replaced_by_the_next_but_only_a_model(run):
    assert run(*words(), "--save", "m.json")[0] == 0
    assert run(*words("misra.csv", "a*x", "a=1"), "--save", "m.json")[0] == 0
    assert json.loads(Path("m.json").read_text())["formula"] == "a*x"


@pytest.mark.parametrize(("text", "status"), [("x\n3\n", 0), ("3\n4\n", 0), ("x\n", 2), ("z\n3\n", 2)])
def test_one_column_is_enough_to_predict_for(run, folder, text, status):
    (folder / "new.csv").write_text(text)
    assert run("predict", "good.model", "new.csv")[0] == status


def test_rows_outside_a_models_domain_are_named(run, folder):
    (folder / "new.csv").write_text("x\n3\n-1\n0\n")
    status, out, err = run("predict", "good.model", "new.csv", "--out", "p.csv")
    assert (status, out) == (2, "")
    assert "data row 2" in err
    assert not Path("p.csv").exists()


def test_a_command_that_predicts_needs_no_plots(run, monkeypatch):
    for module in ("matplotlib", "tqdm", "scipy", "sympy"):
        monkeypatch.setitem(sys.modules, module, None)
    assert run("predict", "good.model", "misra.csv")[0] == 0


def test_columns_of_another_file_are_found_by_name_or_by_place(folder):
    from dualdiff.datasets.table import read_columns
    np.testing.assert_array_equal(read_columns("plane.csv", ["b", "a"])[3], [9, 3])
    (folder / "bare.csv").write_text("1,2\n3,4\n")
    np.testing.assert_array_equal(read_columns("bare.csv", ["b", "a"]), [[1, 2], [3, 4]])
    with pytest.raises(DataError, match="no column 'c'"):
        read_columns("plane.csv", ["c"])

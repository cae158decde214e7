"""Models as JSON files, written whole or not at all, and ``predict`` with them; nothing in such a file is ever executed."""

from __future__ import annotations

import csv
import io
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.table import read_columns
from ..errors import CommandError, DualdiffError
from ..models import MLP, LinearRegression, LogisticRegression
from ..optimize.checkpoint import whole
from .report import say
from .training import Array, Fitted, Scaling

MADE_BY, FORMAT = "dualdiff fit --save", 1
CLASSES = {"linear": LinearRegression, "logistic": LogisticRegression, "mlp": MLP}


# ---- writing
def require_usable(name: str | None, report: Path, data: str) -> None:
    """Raise CommandError, before any work, where the model could not be saved or would replace what is no model."""
    if name is None:
        return
    path = Path(name)
    require_writable(path, "--save", [data])
    if report.resolve() in [path.resolve(), *path.resolve().parents]:
        raise CommandError(f"--save {name!r} is inside the report's folder, which is replaced as a whole; name another place")
    if path.exists():
        try:
            load(name)
        except CommandError as error:
            raise CommandError(f"--save {name!r} exists and is no saved model; name another file, or move it away") from error


def require_writable(path: Path, option: str, inputs: list[str]) -> None:
    where = path.absolute().parent
    if path.is_dir():
        raise CommandError(f"{option} {str(path)!r} is a directory; name a file")
    if not where.is_dir() or not os.access(where, os.W_OK | os.X_OK):
        raise CommandError(f"{option} {str(path)!r}: {str(where)!r} is no directory that can be written to; name another place")
    for name in inputs:
        if path.exists() and Path(name).exists() and path.samefile(name):
            raise CommandError(f"{option} {str(path)!r} would replace what is read; name another file")


def write_text(path: Path, text: str, option: str) -> None:
    try:
        with whole(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise CommandError(f"{option} {str(path)!r} cannot be written ({error.strerror or error}); name another") from error


def write(name: str | None, model: dict[str, Any]) -> None:
    if name is None:
        return
    text = json.dumps({"made by": MADE_BY, "format": FORMAT, **model}, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(Path(name), text + "\n", "--save")
    say(f"model: {name}")


def of_curve(fitted: Any) -> dict[str, Any]:
    curve, data = fitted.curve, fitted.job.data
    return {"model": "curve", "target": target_name(fitted), "features": list(data.feature_names),
            "formula": curve.formula.text, "parameters": curve.parameters, "covariance": curve.covariance.tolist(),
            "dof": curve.dof}


def of_model(fitted: Fitted) -> dict[str, Any]:
    model, job = fitted.model, fitted.job
    layers = model.fitted_parameters() if job.model == "mlp" else [(model.coef_, model.intercept_)]
    names = [job.data.target_names[c] for c in model.classes_] if job.classifies else []
    return {"model": job.model, "target": target_name(fitted), "features": list(job.data.feature_names), "classes": names,
            "inputs": scaling(fitted.inputs), "outputs": fitted.outputs and scaling(fitted.outputs),
            "layers": [[np.asarray(W).tolist(), np.asarray(b).tolist()] for W, b in layers]}


def target_name(fitted: Any) -> str:
    target, features = str(fitted.job.target), fitted.job.data.feature_names
    return target if not target.lstrip("-").isdigit() or target in features else "prediction"


def scaling(s: Scaling) -> list[Any]:
    return [np.asarray(s.mean).tolist(), np.asarray(s.deviation).tolist()]


# ---- reading
def load(name: str) -> Any:
    """``(target, features, predict)``: predict(X) gives a dict of columns. Raises CommandError for any other file."""
    path = Path(name)
    if path.is_char_device() or path.is_block_device():  # it may never end
        raise CommandError(f"{name}: the model cannot be read (a device)")
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{name}: the model cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{name}: this is no saved model, or it is damaged: it is no JSON; fit --save writes one") from error
    if not isinstance(model, dict) or model.get("made by") != MADE_BY:
        raise CommandError(f"{name}: this is not a model of fit --save; give the file that --save named")
    if model.get("format") != FORMAT:
        raise CommandError(f"{name}: the model is of format {model.get('format')!r}; this version reads {FORMAT}. Fit it again")
    try:
        features = model["features"]
        if not features or not isinstance(features, list) or not all(isinstance(f, str) for f in [*features, model["target"]]):
            raise ValueError("its columns are not named")
        if len(set(features)) < len(features):
            raise ValueError("two columns of one name")
        predict = restored_curve(model) if model["model"] == "curve" else restored(model)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, DualdiffError) as error:
        raise CommandError(f"{name}: the saved model is damaged ({type(error).__name__}: {error}); fit it again") from error
    return model["target"], features, predict


def finite(numbers: Any, *shape: int | None) -> Array:
    """An array of this shape (None: of any), of finite numbers."""
    a = np.asarray(numbers)
    if a.dtype.kind not in "iuf" or not np.isfinite(a).all():
        raise ValueError("what is no finite number")
    if shape not in ((None,), a.shape):
        raise ValueError(f"numbers of shape {a.shape} where {shape} is needed")
    return a.astype(float)


def scales(pair: Any, *shape: int) -> Scaling:
    mean, deviation = (finite(a, *shape) for a in pair)
    if not (deviation > 0).all():
        raise ValueError("a scale that is not positive")
    return Scaling(mean, deviation)


def restored_curve(model: dict[str, Any]) -> Any:
    from ..optimize.propagate import factor
    from .curve import Curve
    from .formula import Formula, require_known, variables
    parameters = {str(k): float(finite(v)) for k, v in model["parameters"].items()}
    if type(model["dof"]) is not int or model["dof"] < 1:
        raise ValueError("degrees of freedom that are no positive whole number")
    curve = Curve(Formula(model["formula"]), variables(model["features"]), parameters,
                  finite(model["covariance"], len(parameters), len(parameters)), model["dof"])
    require_known(curve.formula, parameters, curve.columns)
    factor(curve.covariance)
    return lambda X: dict(zip((model["target"], "standard error"), curve.predict(X), strict=True))


def restored(model: dict[str, Any]) -> Any:
    kind, d, classes = model["model"], len(model["features"]), model["classes"]
    layers = [(finite(W, None), finite(b, None)) for W, b in model["layers"]]
    found: Any = CLASSES[kind]()
    found.n_features_in_, found.classes_ = d, np.array(classes)
    if kind == "mlp":
        sizes = [d, *(b.size for _, b in layers)]
        found.hidden, found.task, found._flat = sizes[1:-1], "classification" if classes else "regression", True
        found.coefs_, found.intercepts_ = [W for W, _ in layers], [b for _, b in layers]
        right = layers and sizes[-1] == max(len(classes), 1) and all(
            W.shape == (i, o) and b.shape == (o,) for (W, b), (i, o) in zip(layers, pairwise(sizes), strict=True))
    else:
        found.coef_, found.intercept_ = layers[0]
        rows = () if kind == "linear" else (1 if len(classes) == 2 else len(classes),)
        right = layers[0][0].shape == (*rows, d) and layers[0][1].shape == rows
    if not right or len(classes) == 1 or len(set(classes)) < len(classes) or not all(isinstance(c, str) for c in classes):
        raise ValueError("its arrays do not fit its columns and classes")
    inputs, outputs = scales(model["inputs"], d), scales(model["outputs"]) if model["outputs"] else None

    def predict(X: Array) -> dict[str, Any]:
        y = found.predict(inputs(X))
        if not classes:
            return {model["target"]: np.asarray(outputs.undone(y) if outputs else y)}
        return {model["target"]: y, "probability": np.max(found.predict_proba(inputs(X)), axis=1)}

    return predict


def predict(options: Any) -> int:
    """Carry out ``python -m dualdiff predict``: one line per row of FILE.csv, on stdout or in --out. Exit status 0."""
    _, features, model = load(options.model)
    out = None if options.out is None else Path(options.out)
    if out is not None:
        require_writable(out, "--out", [options.model, options.file])
    X = read_columns(options.file, features, header=options.header)
    with np.errstate(all="ignore"):
        columns = model(X)
    for values in columns.values():
        bad = np.flatnonzero(~np.isfinite(values)) if values.dtype.kind == "f" else np.zeros(0, int)
        if bad.size:
            raise CommandError(f"{options.file}: the model gives {values[bad[0]]} for data row {bad[0] + 1}"
                               f"{f' and {len(bad) - 1} more' * (len(bad) > 1)}; these rows lie outside its domain")
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
    if out is None:
        print(text.getvalue(), end="")
    else:
        write_text(out, text.getvalue(), "--out")
        print(f"{len(X)} predictions: {out}")
    return 0

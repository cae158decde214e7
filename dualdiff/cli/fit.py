"""``fit``: train on the shipped data or on the user's file, print the table, write the report."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ..datasets import load_breast_cancer, load_iris, load_norris, read_csv
from ..errors import CommandError, needed
from . import report, saved
from .figures import figures
from .training import EPOCHS, HIDDEN, TEST, Fitted, Job, Progress, certified_digits, train

HEADER = ("data", "model", "parameters", "mode", "iterations", "seconds", "loss", "score on rows held out",
          "largest difference")


def fit(options: Any) -> int:
    """Carry out ``python -m dualdiff fit`` with the parsed options. Exit status 0."""
    checked(options)
    if options.model == "curve":
        from .curve import fit_curve
        return fit_curve(options)
    jobs = own_job(options) if options.file else main_jobs(options)
    out = Path(options.out)
    report.require_usable(out)
    saved.require_usable(options.save, out, options.file)
    # Before any training: an import that fails afterwards would cost the user the whole run.
    for module in ("matplotlib.figure", "tqdm"):
        needed(module, extra="fit")
    results = []
    for job in jobs:
        with progress_bar(job) as progress:
            results.append(train(job, progress))
    rows = [row(fitted) for fitted in results]
    remarks = notes(results)
    report.say(report.table(HEADER, rows), *remarks)
    sections = [(f"{fitted.job.data.name}: {fitted.job.title}", figures(fitted)) for fitted in results]
    report.publish(out, "dualdiff: fitted by derivatives of dual numbers", intro(results), HEADER, rows, remarks, sections,
                   [numbers(fitted) for fitted in results])
    saved.write(options.save, saved.of_model(results[0]))
    return 0


# ---- what is to be fitted


def checked(options: Any) -> None:
    """Raise CommandError for options that do not go together."""
    if not options.file:
        given = [name for name in ("target", "model", "task", "hidden", "formula", "start", "save")
                 if getattr(options, name) is not None]
        if given:
            raise CommandError(f"--{given[0]} is for a file of your own; name it: fit FILE.csv --target COLUMN --model MODEL")
        return
    for name, what in (("target", "the column to predict: --target COLUMN"),
                       ("model", "--model linear, logistic or mlp, or curve with a --formula")):
        if getattr(options, name) is None:
            raise CommandError(f"fit {options.file} needs {what}")
    only = {"hidden": "mlp", "task": "mlp", "formula": "curve", "start": "curve"}
    for name, model in only.items():
        if options.model != model and getattr(options, name) is not None:
            raise CommandError(f"--{name} is for --model {model}, not for --model {options.model}")
    # A curve is fitted to all rows by forward sweeps: there is nothing to draw, to hold out or to choose.
    if options.model == "curve" and (options.test_fraction, options.mode, options.seed) != (None, "forward", 0):
        raise CommandError("--test-fraction, --mode and --seed are not for --model curve, which is fitted to all rows")


def main_jobs(options: Any) -> list[Job]:
    common = {"mode": options.mode, "seed": options.seed, "test_fraction": options.test_fraction or TEST}
    norris = replace(load_norris(), feature_names=("ozone read by NIST",))
    return [Job(norris, "ozone read by the monitor", "linear", **common),
            Job(load_breast_cancer(), "diagnosis", "logistic", **common),
            Job(load_iris(), "species", "mlp", **common)]


def own_job(options: Any) -> list[Job]:
    kinds: dict[str | None, Literal["auto", "numbers", "classes"]] = {"regression": "numbers", "classification": "classes"}
    task = {"linear": "regression", "logistic": "classification"}.get(options.model, options.task)
    data = read_csv(options.file, options.target, kind=kinds.get(task, "auto"), header=options.header)
    return [Job(data, options.target, options.model, options.mode, options.hidden or HIDDEN, options.seed,
                options.test_fraction or TEST)]


@contextmanager
def progress_bar(job: Job) -> Iterator[Progress]:
    """A bar on stderr while a model is trained; none where stderr is not a terminal."""
    total = EPOCHS if job.model == "mlp" else None
    unit = "epoch" if job.model == "mlp" else "iteration"
    tqdm = needed("tqdm", extra="fit").tqdm
    with tqdm(total=total, desc=f"{job.data.name}: {job.title}", unit=unit, file=sys.stderr, disable=None,
              dynamic_ncols=True) as bar:

        def progress(iteration: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            bar.update(iteration - bar.n)

        yield progress


# ---- what came out


def row(fitted: Fitted) -> tuple[str, ...]:
    model, job = fitted.model, fitted.job
    measure = "accuracy" if job.classifies else "R²"
    score = "undefined" if math.isnan(fitted.score) else f"{fitted.score:.{4 if job.classifies else 6}f}"
    return (job.data.name, job.title, str(fitted.parameters), job.mode, str(model.n_iter_), f"{fitted.seconds:.2f}",
            f"{model.loss_history_[-1]:.6g}", f"{measure} {score} ({len(fitted.test)} rows)",
            f"{fitted.difference:.1e} from {fitted.compared_with}")


def notes(results: Sequence[Fitted]) -> list[str]:
    said = []
    for fitted in results:
        job, model = fitted.job, fitted.model
        if job.data.certified is not None:
            found, digits = certified_digits(job)
            said.append(f"{job.data.name}, fitted to all {len(job.data.target)} rows: intercept {found[0]:.12g}, slope "
                        f"{found[1]:.12g}; NIST's certified coefficients to {digits:.1f} digits")
        if not model.converged_ and job.model != "mlp":
            said.append(f"{job.data.name}: not converged, {model.message_}")
    job = results[0].job
    said.append(f"{job.test_fraction:.0%} of the rows held out, seed {job.seed}; features standardised by the training rows")
    return said


def intro(results: Sequence[Fitted]) -> str:
    modes = {fitted.job.mode for fitted in results} - {"backprop"}
    how = f"{' and '.join(sorted(modes))}-mode sweeps of dual numbers" if modes else "explicit back-propagation"
    sources = "; ".join(f"{fitted.job.data.name}: {fitted.job.data.source}" for fitted in results)
    return f"All derivatives by {how}. Data: {sources}."


def numbers(fitted: Fitted) -> dict[str, Any]:
    job, model = fitted.job, fitted.model
    return {"data": job.data.name, "model": job.title, "mode": job.mode, "parameters": fitted.parameters, "seed": job.seed,
            "rows": {"train": len(fitted.train), "test": len(fitted.test)}, "iterations": int(model.n_iter_),
            "converged": bool(model.converged_), "seconds": fitted.seconds, "loss": [float(x) for x in model.loss_history_],
            "score": None if math.isnan(fitted.score) else fitted.score,
            "difference": {"from": fitted.compared_with, "relative": fitted.difference}}

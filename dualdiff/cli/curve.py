"""``fit --model curve``: a formula fitted to a table by least squares, with the uncertainty of all it says."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset, read_csv
from ..errors import CommandError, DualdiffError, needed
from ..optimize import FitResult, least_squares, propagate
from ..optimize.fit_result import student_quantile
from . import report, saved
from .formula import Formula, require_known, start_of, variables
from .training import Array, Job

HEADER = ("parameter", "estimate", "standard error", "from", "to (95 %)")


@dataclass(frozen=True)
class Curve:
    """A formula with parameters found, and how far they may be wrong."""

    formula: Formula
    columns: dict[str, int]
    parameters: dict[str, float]
    covariance: Array
    dof: int

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Fitted values and their standard errors, each (n,)."""
        found = propagate(lambda p: evaluated(self.formula, self.columns, X, p), self.parameters, self.covariance)
        return found.value, found.stderr


def evaluated(formula: Formula, columns: dict[str, int], X: Array, parameters: Any) -> Any:
    """The formula for each row of X."""
    values = {name: X[:, j] for name, j in columns.items()}
    return formula({"pi": np.pi, **values, **parameters}) + np.zeros(len(X))


@dataclass(frozen=True)
class CurveFitted:
    """What the report shows of a curve."""

    job: Job
    curve: Curve
    result: FitResult
    seconds: float

    @cached_property
    def fitted(self) -> Array:
        return self.curve.predict(self.job.data.data)[0]

    @property
    def residuals(self) -> Array:
        return np.asarray(self.job.data.target - self.fitted)

    @property
    def quantile(self) -> float:
        """Student's, for two-sided 95 %."""
        return student_quantile(0.975, self.curve.dof)


def fit_curve(options: Any) -> int:
    """Carry out ``fit FILE.csv --model curve`` with the parsed options. Exit status 0."""
    if options.formula is None:
        raise CommandError(f'fit {options.file} --model curve needs the curve: --formula "b1*exp(-b2*x)" --start b1=1,b2=1')
    formula, start, out = Formula(options.formula), start_of(options.start), Path(options.out)
    data = read_csv(options.file, options.target, kind="numbers", header=options.header)
    columns = variables(data.feature_names)
    require_known(formula, start, columns)
    report.require_usable(out)
    saved.require_usable(options.save, out, options.file)
    needed("matplotlib.figure", extra="fit")
    from .curve_figures import figures
    fitted = fit_to(data, options.target, formula, columns, start)
    rows, remarks = table_rows(fitted), notes(fitted)
    report.say(report.table(HEADER, rows), *remarks)
    about = f"{formula.text}, fitted to {len(data.target)} rows of {data.source} by least squares with an exact Jacobian."
    report.publish(out, f"dualdiff: {data.name}", about, HEADER, rows, remarks,
                   [(f"{data.name}: {formula.text}", figures(fitted))], [numbers(fitted)])
    saved.write(options.save, saved.of_curve(fitted))
    return 0


def fit_to(data: Dataset, target: str, formula: Formula, columns: dict[str, int], start: dict[str, float]) -> CurveFitted:
    """Raises CommandError unless the fit converged at parameters that the data determine."""
    y = data.target
    if len(y) <= len(start):
        raise CommandError(f"{data.source}: {len(y)} rows cannot determine {len(start)} parameters and their errors; give "
                           f"at least {len(start) + 1} rows")
    begun = time.perf_counter()
    try:
        result = least_squares(lambda p: evaluated(formula, columns, data.data, p) - y, start)
    except DualdiffError as error:
        raise CommandError(f"{data.source}: {formula.text} cannot be fitted: {error}") from error
    seconds = time.perf_counter() - begun
    if result.reason == "interrupted":
        raise KeyboardInterrupt
    reached = ", ".join(f"{name}={value:.6g}" for name, value in result.x.items())
    if not result.success:
        raise CommandError(f"{data.source}: the fit of {formula.text} did not converge: {result.message}; it was at "
                           f"{reached}. Start elsewhere, or scale the data")
    if result.undetermined or not np.isfinite(result.covariance).all():
        loose = " and ".join(result.undetermined or start)
        raise CommandError(f"{data.source}: the data do not determine {loose} of {formula.text}: the Jacobian is singular "
                           f"at {reached}. Remove parameters that only occur together, or start elsewhere")
    found = Curve(formula, columns, {name: float(v) for name, v in result.x.items()}, result.covariance, result.dof)
    return CurveFitted(Job(data, target, "curve"), found, result, seconds)


def table_rows(fitted: CurveFitted) -> list[tuple[str, ...]]:
    low, high = fitted.result.confidence_interval()
    error = fitted.result.stderr
    return [(name, f"{value:.10g}", f"{float(error[name]):.6g}", f"{float(low[name]):.6g}", f"{float(high[name]):.6g}")
            for name, value in fitted.curve.parameters.items()]


def notes(fitted: CurveFitted) -> list[str]:
    r, result, y = fitted.residuals, fitted.result, fitted.job.data.target
    spread = float(np.sum((y - y.mean()) ** 2))
    share = f", R² {1 - float(r @ r) / spread:.6f}" if spread else ""
    return [f"{fitted.job.data.name}: {result.message} ({result.nit} steps, {result.nfev} runs of the formula, "
            f"{fitted.seconds:.3f} s)",
            f"{len(y)} rows, {result.dof} degrees of freedom; residual standard deviation "
            f"{np.sqrt(float(r @ r) / result.dof):.10g}, sum of squares {float(r @ r):.10g}{share}"]


def numbers(fitted: CurveFitted) -> dict[str, Any]:
    result = fitted.result
    return {"data": fitted.job.data.name, "model": "curve", "formula": fitted.curve.formula.text, "rows": len(result.fun),
            "parameters": fitted.curve.parameters, "stderr": {k: float(v) for k, v in result.stderr.items()},
            "covariance": result.covariance.tolist(), "dof": result.dof, "message": result.message,
            "iterations": result.nit, "evaluations": result.nfev, "sum of squares": 2 * float(result.cost),
            "seconds": fitted.seconds, "cost": [float(c) for c in result.history]}

"""One fit: split the rows, standardise by the training rows, train, and measure on the rows held out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import Dataset
from ..errors import CommandError
from ..models import MLP, LinearRegression, LogisticRegression

Array = NDArray[Any]
Progress = Callable[[int, float], None]
HIDDEN = (16,)
TEST = 0.25  # share of the rows held out
# A small network's training: the loss curve is flat by then on data of this kind, smooth with batches of this size, and
# the ridge, that of the logistic regression, keeps weights from growing once all rows are right.
EPOCHS, BATCH, RIDGE = 200, 32, 1e-3


@dataclass(frozen=True)
class Job:
    """What is to be fitted to which data, and how."""

    data: Dataset
    target: str  # what the predicted column is called
    model: str
    mode: str = "forward"
    hidden: tuple[int, ...] = HIDDEN
    seed: int = 0
    test_fraction: float = TEST

    @property
    def title(self) -> str:
        if self.model == "mlp":
            return f"MLP {'-'.join(map(str, (self.data.data.shape[1], *self.hidden, self.outputs)))}"
        return f"{self.model} regression"

    @property
    def outputs(self) -> int:
        return max(len(self.data.target_names), 1)

    @property
    def classifies(self) -> bool:
        return bool(self.data.target_names)


@dataclass(frozen=True)
class Scaling:
    """x → (x - mean) / deviation, both of the training rows; a column that never changes is only shifted."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, x: Array) -> Scaling:
        size = np.max(np.abs(x), axis=0)  # whose squares may overflow
        z = x / np.where(size == 0, 1.0, size)
        deviation = np.std(z, axis=0)
        # Rounding gives a constant column a deviation of some last digits: not a scale.
        return cls(np.mean(z, axis=0) * size, np.where(deviation <= 1e-12, 1.0, deviation * size))

    def __call__(self, x: Array) -> Array:
        return np.asarray((x - self.mean) / self.deviation)

    def undone(self, z: Array) -> Array:
        return np.asarray(z * self.deviation + self.mean)


@dataclass(frozen=True)
class Fitted:
    """A trained model with what is needed to judge and to draw it.

    ``train`` and ``test`` are row numbers of the data; ``inputs`` and ``outputs`` the scalings of features and, for a
    network that predicts numbers, of the target. ``difference`` is relative: of the fitted values from the closed form,
    or of the gradient at the fitted parameters from explicit back-propagation.
    """

    job: Job
    model: Any
    train: Array
    test: Array
    inputs: Scaling
    outputs: Scaling | None
    parameters: int
    seconds: float
    score: float
    difference: float
    compared_with: str

    def predict(self, x: Array) -> Array:
        """Predictions for raw features (n, d), in the units of the target; for classes their numbers."""
        y = self.model.predict(self.inputs(x))
        return self.outputs.undone(y) if self.outputs else y


def split(job: Job) -> tuple[Array, Array]:
    """Row numbers for training and for testing, drawn with the seed; every class is split in the same proportion."""
    rng = np.random.default_rng(job.seed)
    y = job.data.target
    groups = [np.flatnonzero(y == c) for c in np.unique(y)] if job.classifies else [np.arange(len(y))]
    train, test = [], []
    for group in groups:
        rows = rng.permutation(group)
        held_out = min(round(job.test_fraction * len(rows)), len(rows) - 1)
        test.append(rows[:held_out])
        train.append(rows[held_out:])
    kept, out = np.sort(np.concatenate(train)), np.sort(np.concatenate(test))
    needed = 1 if job.classifies else 2  # the variance of one number explains nothing
    if len(out) < needed or len(kept) < 2:
        raise CommandError(f"{job.data.source}: of {len(y)} rows --test-fraction {job.test_fraction:g} keeps {len(kept)} to "
                           f"train and {len(out)} to test; at least 2 and {needed} are needed. Give more rows, or "
                           "another fraction")
    return kept, out


def train(job: Job, progress: Progress) -> Fitted:
    """Fit the job's model. ``progress(iteration, loss)`` is called after every iteration."""
    kept, out = split(job)
    X, y = job.data.data, job.data.target
    inputs = Scaling.of(X[kept])
    outputs = Scaling.of(y[kept]) if job.model == "mlp" and not job.classifies else None
    targets = outputs(y) if outputs else y
    model = estimator(job)
    start = time.perf_counter()
    model.fit(inputs(X[kept]), targets[kept], callback=progress)
    seconds = time.perf_counter() - start
    if model.message_.startswith("interrupted"):  # the optimisers return the best so far; a report is of a whole run
        raise KeyboardInterrupt
    held_out = inputs(X[out]), targets[out]
    gradients = model.gradients(*held_out)
    if job.model == "linear":
        difference, compared_with = from_closed_form(model, inputs(X[kept]), y[kept]), "closed form"
    else:
        # On the rows held out: on the training rows the gradient is all but zero, its relative error says nothing.
        ours = gradients[job.mode if job.mode != "backprop" else "forward"]
        difference, compared_with = relative(ours, gradients["backprop"]), "back-propagation"
    # R² compares with the variance: where the target does not vary there is none.
    score = float(model.score(*held_out)) if job.classifies or np.ptp(targets[out]) else float("nan")
    return Fitted(job, model, kept, out, inputs, outputs, gradients["forward"].size, seconds, score, difference, compared_with)


def estimator(job: Job) -> Any:
    if job.model == "linear":
        return LinearRegression(mode=job.mode)
    if job.model == "logistic":
        return LogisticRegression(mode=job.mode)
    task = "classification" if job.classifies else "regression"
    return MLP(job.hidden, task=task, mode=job.mode, epochs=EPOCHS, learning_rate=0.01, batch_size=BATCH, alpha=RIDGE,
               random_state=job.seed)


def from_closed_form(model: Any, X: Array, y: Array) -> float:
    """Fitted values against those of the least-squares solution by singular values, relative to the largest."""
    A = np.column_stack([np.ones(len(X)), X])
    return relative(model.predict(X), A @ np.linalg.lstsq(A, y, rcond=None)[0])


def relative(a: Array, b: Array) -> float:
    return float(np.max(np.abs(a - b))) / (float(np.max(np.abs(b))) or 1.0)


def coefficients(model: Any, inputs: Scaling) -> Array:
    """Intercept and slopes of a linear regression, for the raw features: (1 + d,)."""
    slopes = model.coef_ / inputs.deviation
    return np.array([model.intercept_ - slopes @ inputs.mean, *slopes])


def certified_digits(job: Job) -> tuple[Array, float]:
    """Coefficients fitted to all rows, as the authority did, and the digits to which the worst of them is certified.

    The features are standardised for the fit, which conditions the problem, and the result is scaled back.
    """
    assert job.data.certified is not None
    X, y = job.data.data, job.data.target
    inputs = Scaling.of(X)
    model = estimator(job)
    model.fit(inputs(X), y)
    found = coefficients(model, inputs)
    exact = job.data.certified.coefficients
    error = np.max(np.abs(found - exact) / np.abs(exact))
    return found, float(-np.log10(max(error, np.finfo(float).eps)))

"""Small networks trained beside scikit-learn's: to the same loss by Levenberg-Marquardt, and for as many epochs by Adam.

Diabetes, MLP 10-16-1: the time and the iterations to a loss that scikit-learn's L-BFGS reaches too, medians over seeds that
both use. scikit-learn cannot be stopped at a loss: the run that is timed is limited to the fewest iterations that reach it.
Digits, MLP 64-32-10: accuracy on rows held out, and the time of the same epochs.
"""

from __future__ import annotations

import warnings
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.datasets import load_digits

from dualdiff.datasets import load_diabetes
from dualdiff.models import MLPClassifier, MLPRegressor

from ._report import Bar, Report, duration, main

TARGETS = (0.2, 0.15)     # ½ mean square of the standardised target; a straight line reaches 0.24
MOST = 3200               # iterations after which L-BFGS counts as not having reached it


def standard(x: Any) -> Any:
    deviation = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(deviation == 0, 1, deviation)


def ours(X: Any, y: Any, seed: int, target: float) -> int:
    """Iterations of Levenberg-Marquardt to the target."""
    def reached(iteration: int, loss: float) -> None:
        if loss <= target:
            raise StopIteration

    model = MLPRegressor((16,), solver="levenberg-marquardt", random_state=seed, epochs=500, tol=0.0)
    model.fit(X, y, callback=reached)
    return int(model.n_iter_) if model.loss_history_[-1] <= target else 0


def theirs(X: Any, y: Any, seed: int, iterations: int) -> float:
    """The loss that L-BFGS reaches in so many iterations."""
    model = neural_network.MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", alpha=0, tol=0,
                                        max_iter=iterations, max_fun=10**6, random_state=seed)
    return float(np.mean((model.fit(X, y).predict(X) - y) ** 2) / 2)


def fewest(X: Any, y: Any, seed: int, target: float) -> int:
    """The fewest iterations in which L-BFGS reaches the target: doubled, then halved; 0 if it does not."""
    high = 25
    while theirs(X, y, seed, high) > target:
        high *= 2
        if high > MOST:
            return 0
    low = high // 2 if high > 25 else 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if theirs(X, y, seed, middle) <= target else (middle, high)
    return high


def timed(run: Any, times: int = 5) -> tuple[float, Any]:
    """Nanoseconds of the quickest of several runs, and what it returned."""
    found, best = None, np.inf
    for _ in range(times):
        start = perf_counter()
        found = run()
        best = min(best, perf_counter() - start)
    return best * 1e9, found


def figures(names: tuple[str, str], times: list[list[float]]) -> list[dict[str, Any]]:
    """A row for each of two contenders, from the nanoseconds that seeds took."""
    rows = []
    for name, taken in zip(names, times, strict=True):
        low, middle, high = np.percentile(taken, [25, 50, 75], method="nearest").tolist()
        rows.append({"contender": name, "first_ns": taken[0], "quartile_1_ns": low, "median_ns": middle, "quartile_3_ns": high,
                     "ratio": middle / median(times[0]), "unit": names[0], "samples": len(taken)})
    return rows


def diabetes(report: Report) -> None:
    data = load_diabetes()
    X, y = standard(data.data), standard(data.target)
    for target in TARGETS[:1] if report.quick else TARGETS:
        rows = []
        for seed in range(3 if report.quick else 10):
            count = fewest(X, y, seed, target)
            a, steps = timed(lambda seed=seed, t=target: ours(X, y, seed, t))
            b, _ = timed(lambda seed=seed, k=count: theirs(X, y, seed, k)) if count else (np.inf, 0)
            rows.append((a if steps else np.inf, steps or np.inf, b, count or np.inf))
        reached = [sum(np.isfinite(r[i]) for r in rows) for i in (0, 2)]
        a, i, b, j = (median(r[k] for r in rows) for k in range(4))
        report.say("", f"diabetes, MLP 10-16-1, to a loss of {target}, medians of {len(rows)} seeds",
                   f"  Levenberg-Marquardt, dualdiff  {duration(a)}  {i:g} iterations, reached by {reached[0]}",
                   f"  L-BFGS, scikit-learn           {duration(b)}  {j:g} iterations, reached by {reached[1]}")
        taken = figures(("Levenberg-Marquardt", "scikit-learn L-BFGS"), [[r[0] for r in rows], [r[2] for r in rows]])
        report.cases.append({"title": f"diabetes to {target}", "rows": taken, "bars": [
            report.judge(Bar(f"time of L-BFGS, to {target}", lambda _: 0.0, 1.0), a / b),
            report.judge(Bar(f"iterations of L-BFGS, to {target}", lambda _: 0.0, 0.25), i / j)]})


def digits(report: Report) -> None:
    found = load_digits()
    X, y = found.data / 16, found.target
    epochs, rows = 2 if report.quick else 30, []
    for seed in range(3 if report.quick else 5):
        order = np.random.default_rng(seed).permutation(len(y))
        train, test = order[:1347], order[1347:]
        a = MLPClassifier((32,), learning_rate=0.005, batch_size=32, epochs=epochs, tol=0.0, random_state=seed)
        b = neural_network.MLPClassifier(hidden_layer_sizes=(32,), activation="tanh", learning_rate_init=0.005, batch_size=32,
                                         max_iter=epochs, alpha=0, tol=0, n_iter_no_change=epochs + 1, random_state=seed)
        row: list[float] = []
        for model in (a, b):
            seconds, _ = timed(lambda model=model, rows=train: model.fit(X[rows], y[rows]), 2)
            row += [seconds, float(model.score(X[test], y[test]))]
        rows.append(row)
    a_time, a_score, b_time, b_score = (median(r[k] for r in rows) for k in range(4))
    report.say("", f"digits, MLP 64-32-10, Adam, {epochs} epochs of batches of 32, medians of {len(rows)} seeds",
               f"  dualdiff      {duration(a_time)}  accuracy {a_score:.4f}",
               f"  scikit-learn  {duration(b_time)}  accuracy {b_score:.4f}")
    taken = figures(("dualdiff", "scikit-learn"), [[r[0] for r in rows], [r[2] for r in rows]])
    report.cases.append({"title": "digits", "rows": taken, "bars": [
        report.judge(Bar("digits: time of scikit-learn's", lambda _: 0.0, 2.0), median(r[0] / r[2] for r in rows)),
        report.judge(Bar("digits: accuracy beyond scikit-learn's", lambda _: 0.0, 0.0, "", at_least=True), a_score - b_score)]})


def run(report: Report) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                    # that it stopped at max_iter, which is what was asked
        diabetes(report)
        digits(report)


if __name__ == "__main__":
    main(__spec__.name, run)

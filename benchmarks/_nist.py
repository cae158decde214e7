"""NIST's Statistical Reference Datasets for regression (itl.nist.gov/div898/strd): data of the US government, public domain.

The models are the formulas in the headers of NIST's files, in plain NumPy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("nist_problems.json")


def gauss(b: Any, x: Any) -> Any:
    return (b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-(x - b[3]) ** 2 / b[4] ** 2)
            + b[5] * np.exp(-(x - b[6]) ** 2 / b[7] ** 2))


def enso(b: Any, x: Any) -> Any:
    def wave(period: Any, cosine: Any, sine: Any) -> Any:
        return cosine * np.cos(2 * np.pi * x / period) + sine * np.sin(2 * np.pi * x / period)
    return b[0] + wave(12, b[1], b[2]) + wave(b[3], b[4], b[5]) + wave(b[6], b[7], b[8])


MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "Misra1a": lambda b, x: b[0] * (1 - np.exp(-b[1] * x)),
    "Chwirut2": lambda b, x: np.exp(-b[0] * x) / (b[1] + b[2] * x),
    "Gauss1": gauss,
    "DanWood": lambda b, x: b[0] * x ** b[1],
    "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** (-0.5)),
    "Lanczos2": lambda b, x: b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x),
    "Kirby2": lambda b, x: (b[0] + b[1] * x + b[2] * x ** 2) / (1 + b[3] * x + b[4] * x ** 2),
    "Roszman1": lambda b, x: b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi,
    "ENSO": enso,
    "Gauss3": gauss,
    "MGH09": lambda b, x: b[0] * (x ** 2 + x * b[1]) / (x ** 2 + x * b[2] + b[3]),
    "Rat42": lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)),
    "Eckerle4": lambda b, x: (b[0] / b[1]) * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Bennett5": lambda b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
}


@dataclass(frozen=True)
class Problem:
    """A regression with certified answers. ``model(b, x)``; the linear ones start at 0."""

    name: str
    level: str
    model: Callable[[Any, Any], Any]
    x: Any
    y: Any
    starts: list[Any]
    certified: Any
    stddev: Any
    rss: float

    def residual(self, b: Any) -> Any:
        return self.model(b, self.x) - self.y


def nonlinear() -> list[Problem]:
    found = json.loads(FILE.read_text(encoding="utf-8"))["nonlinear"]
    return [Problem(name, d["level"], MODELS[name], np.array(d["x"], float), np.array(d["y"], float),
                    [np.array(s, float) for s in d["starts"]], np.array(d["certified"]), np.array(d["stddev"]), d["rss"])
            for name, d in found.items()]


def linear() -> list[Problem]:
    problems = []
    for name, d in json.loads(FILE.read_text(encoding="utf-8"))["linear"].items():
        x, y = np.array(d["x"], float), np.array(d["y"], float)
        X = x.reshape(len(y), -1) if d["design"] == "columns" else x[:, None] ** np.array(d["powers"])
        if d.get("intercept"):
            X = np.column_stack([np.ones(len(y)), X])
        problems.append(Problem(name, d["level"], lambda b, X: X @ b, X, y, [np.zeros(X.shape[1])], np.array(d["certified"]),
                                np.array(d["stddev"]), d["rss"]))
    by_name = {p.name: p for p in problems}
    one, three = by_name["Wampler1"], by_name["Wampler3"]
    X, noise, sd, rss = three.x, three.y - one.y, three.stddev, three.rss
    tenths = np.round((0.1 * X[:, 1:2]) ** np.arange(6) @ np.ones(6), 5)
    rest = [("Wampler2", X, tenths, 0.1 ** np.arange(6), 0 * sd, 0.0),            # one polynomial, other noise: NIST's formulas
            ("Wampler4", X, one.y + 100 * noise, one.certified, 100 * sd, 1e4 * rss),
            ("Wampler5", X, one.y + 10_000 * noise, one.certified, 10_000 * sd, 1e8 * rss),
            ("NoInt2", np.array([[4.0], [5], [6]]), np.array([3.0, 4, 4]), np.array([0.727272727272727]),
             np.array([0.0420827318078432]), 0.272727272727273)]
    return problems + [Problem(name, "Higher" if name[0] == "W" else "Average", one.model, X, y, [0.0 * b], b, sd, rss)
                       for name, X, y, b, sd, rss in rest]


def digits(got: Any, certified: Any) -> float:
    """NIST's log relative error, the number of correct digits, of the worst entry; at most 15."""
    got, certified = np.atleast_1d(np.asarray(got, float)), np.atleast_1d(np.asarray(certified, float))
    if not np.isfinite(got).all():
        return 0.0
    error = float(np.max(np.abs(got - certified) / np.where(certified == 0, 1.0, np.abs(certified))))
    return float(np.clip(-np.log10(max(error, 1e-15)), 0.0, 15.0))

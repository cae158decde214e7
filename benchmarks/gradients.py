"""Gradients of Rosenbrock's and Ackley's functions, the pair that ForwardDiff.jl is measured by.

Forward and reverse sweeps, against the gradient an expert writes by hand, peers and central differences (where n evaluations
are few). Both functions are elementwise work and one or two sums, so a forward sweep
costs what a reverse one costs, whatever n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import dualdiff as dd

from . import _peers
from ._report import Bar, Case, all_cases, main
from ._timing import Contender, Timings

OURS = ("dualdiff forward", "dualdiff reverse")


def rosenbrock(x: Any, np: Any = np) -> Any:
    """Σ 100 (x[i+1] - x[i]²)² + (1 - x[i])², as in scipy.optimize.rosen."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_by_hand(x: Any) -> Any:
    a = x[:-1]
    u = x[1:] - a * a
    g = np.zeros_like(x)
    g[:-1] = -400.0 * a * u - 2.0 * (1.0 - a)
    g[1:] += 200.0 * u
    return g


def ackley(x: Any, np: Any = np) -> Any:
    """-20 exp(-0.2 √mean(x²)) - exp(mean(cos 2πx)) + 20 + e."""
    return (-20.0 * np.exp(-0.2 * np.sqrt(np.mean(x ** 2))) - np.exp(np.mean(np.cos(2.0 * np.pi * x)))
            + 20.0 + np.e)


def ackley_by_hand(x: Any) -> Any:
    n = x.size
    r = np.sqrt(x @ x / n)
    z = 2.0 * np.pi * x
    outer = np.exp(np.add.reduce(np.cos(z)) / n)
    return 4.0 * np.exp(-0.2 * r) / (r * n) * x + (2.0 * np.pi * outer / n) * np.sin(z)


FUNCTIONS = {"Rosenbrock": (rosenbrock, rosenbrock_by_hand), "Ackley": (ackley, ackley_by_hand)}


def central_differences(f: Callable[[Any], Any], x: Any) -> Any:
    """2n runs of f; the step ε^⅓ balances truncation and rounding."""
    h = np.finfo(float).eps ** (1 / 3)
    g = np.empty_like(x)
    for i in range(x.size):
        step = h * max(1.0, abs(x[i]))
        above, below = x.copy(), x.copy()
        above[i] += step
        below[i] -= step
        g[i] = (f(above) - f(below)) / (2 * step)
    return g


def contenders(f: Any, by_hand: Any, x: Any) -> list[Contender]:
    found = [Contender("by hand", partial(by_hand, x)),
             Contender(OURS[0], partial(dd.gradient(f, mode="forward"), x)),
             Contender(OURS[1], partial(dd.gradient(f, mode="reverse"), x))]
    found += _peers.gradients(f, x)
    if x.size <= 100:
        found.append(Contender("central differences", partial(central_differences, f, x), tolerance=1e-6))
    return found


def bars(title: str, n: int, most: int) -> list[Bar]:
    """What was promised at this n: 40 µs at 10, 30 for Rosenbrock, four times by hand at 100 000, never behind autograd."""
    found = []
    for name in OURS:
        if n == 10:
            limit = 30.0 if title == "Rosenbrock" else 40.0
            found.append(Bar(f"{name}, {title}, n = 10", partial(microseconds, name=name), limit, unit="µs"))
        if n == most:
            found.append(Bar(f"{name} over by hand, {title}, n = {n}", partial(Timings.ratio, name=name, over="by hand"), 4.0))
        if _peers.installed("autograd"):
            found.append(Bar(f"{name} over autograd, {title}, n = {n}",
                             partial(Timings.ratio, name=name, over="autograd.grad"), 1.0))
    return found


def microseconds(timings: Timings, name: str) -> float:
    return timings[name].median / 1e3


def cases(quick: bool) -> Iterator[Case]:
    for title, (f, by_hand) in FUNCTIONS.items():
        sizes = (10, 100) if quick else (10, 100, 1000, 10_000, 100_000)
        for n in sizes:
            x = np.random.default_rng(0).standard_normal(n)
            yield Case(f"{title}, n = {n}", contenders(f, by_hand, x), bars(title, n, sizes[-1]), seconds=5.0,
                       reads=x.nbytes)


if __name__ == "__main__":
    main("benchmarks.gradients", all_cases(cases))

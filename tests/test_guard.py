"""Work counted without a clock, against what tests/guard.json keeps: more of it fails, by name.

Counted for each case, in a fourth call so that nothing is looked up for the first time: runs of f; calls, the functions
entered and the C functions called (NumPy's ufuncs, called through operators, show as neither); the most bytes held at once; and
what ``explain`` counts on a record of f: linear maps, bytes of the record, element operations of a forward and a reverse sweep.
After a change that is meant to work more, or less, ``PYTHONPATH=. python tests/test_guard.py`` writes the figures anew.
"""

import gc
import json
import sys
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import dualdiff as dd
from benchmarks.gradients import rosenbrock
from benchmarks.jacobian_mlp import network
from benchmarks.operators import Network

FILE = Path(__file__).parent / "guard.json"
RNG = np.random.default_rng(0)
SLACK = {
    "runs of f": 1.0, "maps": 1.0, "forward operations": 1.0, "reverse operations": 1.0,
    "bytes recorded": 1.01,                                # sizes of an index's integers differ between systems
    "calls": 1.1,                                          # Python and NumPy versions call a little more or less
    "peak bytes": 1.1,                                     # Python's own objects differ between versions
}
OBJECTS = 5000            # bytes of Python's own: frames, and the books of a measurement of coverage; arrays are what counts


def stencil(x):
    return 10 * (x[1:] - x[:-1] ** 2) + np.sin(x[1:]) * x[:-1]


def cumulated(x):
    return np.cumsum(np.exp(x) * x)[::-1]


class Counted:
    """f, and how often it ran."""

    def __init__(self, f):
        self.f, self.runs = f, 0

    def __call__(self, *args):
        self.runs += 1
        return self.f(*args)


def scalar(x):
    return x * (x + 2.0) ** 3 / (1.0 + x * x) - x


def heat(u):
    for _ in range(20):
        u = u + 0.2 * np.concatenate([[0.0], u[2:] - 2 * u[1:-1] + u[:-2], [0.0]])
    return u


def orbit(u):
    for _ in range(20):
        u = u + 0.01 * np.concatenate([u[2:], -u[:2] / np.sum(u[:2] ** 2) ** 1.5])
    return u


def chain(x):
    return sum((x[i] - x[i - 1] ** 2) ** 2 for i in range(1, len(x)))


def reduced(x):
    return np.linalg.norm(x) + x @ x + np.std(x) + np.max(x) + np.median(x) + np.sum(np.where(x > 0, x ** 2, np.sin(x)))


SMALL, LARGE, MIDDLE = (RNG.standard_normal(n) for n in (10, 100_000, 300))
RESIDUAL, _, _, PARAMETERS, _ = network(8, 64, 200)
LOSS = Network([20, 8, 5], 30, "tanh")
CASES = {                                                  # the transform, f, where
    "Rosenbrock, n = 10, forward":      (partial(dd.gradient, mode="forward"), rosenbrock, SMALL),
    "Rosenbrock, n = 10, reverse":      (partial(dd.gradient, mode="reverse"), rosenbrock, SMALL),
    "Rosenbrock, n = 10, replayed":     (lambda f: dd.gradient(f.f), rosenbrock, SMALL),
    "Rosenbrock's Hessian, replayed":   (lambda f: dd.hessian(f.f), rosenbrock, SMALL),
    "Rosenbrock, n = 100000, forward":  (partial(dd.gradient, mode="forward"), rosenbrock, LARGE),
    "Rosenbrock, n = 100000, reverse":  (partial(dd.gradient, mode="reverse"), rosenbrock, LARGE),
    "a network's residuals":            (partial(dd.jacobian, mode="forward"), RESIDUAL, PARAMETERS),
    "a network's loss, reverse":        (partial(dd.gradient, mode="reverse"), LOSS.of_vector, LOSS.flat),
    "a stencil, dense":                 (partial(dd.jacobian, mode="forward"), stencil, MIDDLE),
    "a stencil of 100000, sparse":      (partial(dd.jacobian, sparse=True), stencil, LARGE),
    "running sums, dense":              (partial(dd.jacobian, mode="forward"), cumulated, MIDDLE),
    "a Hessian times a vector":         (lambda f: lambda x: dd.hvp(f)(x, np.ones_like(x)), rosenbrock, LARGE),
    "a sparse Hessian":                 (partial(dd.hessian, sparse=True), rosenbrock, LARGE),
    "a Hessian, element by element":    (dd.hessian, chain, MIDDLE[:40]),
    "steps of an orbit":                (partial(dd.jacobian, mode="forward"), orbit, np.array([1.0, 0.0, 0.0, 1.0])),
    "steps of a heat equation":         (partial(dd.jacobian, mode="forward"), heat, MIDDLE[:100]),
    "one number":                       (dd.derivative, scalar, 1.5),
    "reductions, forward":              (partial(dd.gradient, mode="forward"), reduced, SMALL),
    "reductions, reverse":              (partial(dd.gradient, mode="reverse"), reduced, SMALL),
}


def counted(name):
    """The figures of one case."""
    transform, function, x = CASES[name]
    f = Counted(function)
    df = transform(f)
    for _ in range(3):
        df(x)
    f.runs = 0
    work = {"calls": calls(partial(df, x)), "runs of f": f.runs, "peak bytes": peak(partial(df, x))}
    why = dd.explain(function, x)
    return work | {"maps": why.maps, "bytes recorded": why.nbytes,
                   "forward operations": why.forward, "reverse operations": why.reverse}


def calls(run):
    found = 0

    def count(frame, event, argument):
        nonlocal found
        found += event in ("call", "c_call")
    before = sys.getprofile()
    collecting = gc.isenabled()
    gc.disable()                                           # a collection calls what others have hung on it
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()
    return found


def peak(run):
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def excess(name, found, kept):
    """What is more than was kept, in words."""
    return [f"{name}: {what} {found[what]:,}, kept {kept[what]:,}" for what, slack in SLACK.items()
            if found[what] > slack * kept[what] + (OBJECTS if what == "peak bytes" else 0)]


@pytest.mark.parametrize("name", CASES)
def test_no_more_work_than_is_kept(name):
    kept = json.loads(FILE.read_text(encoding="utf-8"))[name]
    assert excess(name, counted(name), kept) == []


def test_the_file_keeps_the_cases_there_are():
    assert list(json.loads(FILE.read_text(encoding="utf-8"))) == list(CASES)


def test_a_second_run_of_f_and_a_dense_tangent_are_seen(monkeypatch):
    """The guard goes off: what it counts grows when f runs twice and when a sparse Jacobian is made dense."""
    name, dense = "a stencil, dense", np.eye(MIDDLE.size)
    kept = counted(name)
    monkeypatch.setitem(CASES, name, (lambda f: lambda x: (f(x), dd.jacobian(f)(x))[1], stencil, MIDDLE))
    assert [said.split(": ")[1].split(" 2")[0] for said in excess(name, counted(name), kept)] == ["runs of f"]
    monkeypatch.setitem(CASES, name, (lambda f: lambda x: dd.jvp(f, (x,), (dense,))[1], stencil, MIDDLE))
    assert any("peak bytes" in said for said in excess(name, counted(name), kept))


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: counted(name) for name in CASES}, indent=1) + "\n", encoding="utf-8")

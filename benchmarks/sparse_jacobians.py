"""Sparse Jacobians and Hessians: from nothing, and again at another point, against the ones an expert writes by hand.

"From nothing" makes the transform anew for each call; "again" is a call whose structure is remembered, as Newton's method and
stiff solvers make thousands of. By hand means the formula of every diagonal, written into the arrays of a CSR matrix.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array

import dualdiff as dd

from . import _peers
from ._report import Bar, Case, Report, main
from ._timing import Contender, Timings


def milliseconds(name: str) -> Callable[[Timings], float]:
    return lambda timings: timings[name].median / 1e6


def again_over_asdex(ours: str) -> list[Bar]:
    if not (_peers.installed("jax") and _peers.installed("asdex")):
        return []
    return [Bar("again over compiled asdex", partial(Timings.ratio, name=ours, over="asdex.jacobian, compiled"), 1.3)]


def numbers(make: Callable[[Any], Any], x: Any) -> Callable[[], Any]:
    """Make the matrix, compare its numbers, which canonical matrices of one pattern have in one order."""
    return lambda: make(x).data


# ---- Brusselator on a periodic square --------------------------------------------------------------------------------
def laplacian_by_roll(w: Any, np: Any = np) -> Any:
    return np.roll(w, 1, 0) + np.roll(w, -1, 0) + np.roll(w, 1, 1) + np.roll(w, -1, 1) - 4 * w


def laplacian_by_pad(w: Any, np: Any = np) -> Any:
    p = np.pad(w, 1, mode="wrap")
    return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * w


def brusselator(laplacian: Callable[..., Any], n: int) -> Callable[..., Any]:
    stiffness = 0.02 * n * n

    def f(x: Any, np: Any = np) -> Any:
        u, v = x.reshape(2, n, n)
        du = 1 + u**2 * v - 4.4 * u + stiffness * laplacian(u, np)
        dv = 3.4 * u - u**2 * v + stiffness * laplacian(v, np)
        return np.concatenate([du.ravel(), dv.ravel()])
    return f


def brusselator_by_hand(n: int) -> Callable[[Any], Any]:
    stiffness = 0.02 * n * n

    def jacobian(x: Any) -> Any:
        u, v = x.reshape(2, n * n)
        cell = np.arange(n * n).reshape(n, n)
        near = [np.roll(cell, *by).ravel() for by in ((1, 0), (-1, 0), (1, 1), (-1, 1))]
        cell = cell.ravel()
        c = np.full(n * n, stiffness)
        rows = [cell] * 6 + [cell + n * n] * 6
        cols = [cell, cell + n * n, *near, cell, cell + n * n, *(i + n * n for i in near)]
        values = [2 * u * v - 4.4 - 4 * stiffness, u**2, c, c, c, c, 3.4 - 2 * u * v, -u**2 - 4 * stiffness, c, c, c, c]
        places = np.concatenate(rows), np.concatenate(cols)
        return coo_array((np.concatenate(values), places), shape=(x.size, x.size)).tocsr()
    return jacobian


def run_brusselator(report: Report) -> None:
    n = 12 if report.quick else 128
    rng = np.random.default_rng(0)
    x, x4 = rng.random(2 * n * n), rng.random(8 * n * n)
    roll, pad, wide = brusselator(laplacian_by_roll, n), brusselator(laplacian_by_pad, n), brusselator(laplacian_by_roll, 2 * n)
    again = {"roll": dd.jacobian(roll, sparse=True), "pad": dd.jacobian(pad, sparse=True)}
    report.run(Case(
        f"2-D Brusselator {n} x {n}, periodic: CSR Jacobian of order {x.size}",
        [Contender("by hand", numbers(brusselator_by_hand(n), x)),
         Contender("from nothing, np.roll", lambda: dd.jacobian(roll, sparse=True)(x).data),
         Contender("from nothing, np.pad", lambda: dd.jacobian(pad, sparse=True)(x).data),
         Contender("again, np.roll", numbers(again["roll"], x)), Contender("again, np.pad", numbers(again["pad"], x)),
         Contender(f"again, np.roll, {2 * n} x {2 * n}", numbers(dd.jacobian(wide, sparse=True), x4), tolerance=None),
         Contender(f"from nothing, np.roll, {2 * n} x {2 * n}", lambda: dd.jacobian(wide, sparse=True)(x4), tolerance=None),
         Contender("f itself", partial(roll, x), tolerance=None), *_peers.sparse_jacobians(roll, x)],
        [*again_over_asdex("again, np.roll"), Bar("from nothing, np.roll", milliseconds("from nothing, np.roll"), 8, "ms"),
         Bar("from nothing, np.pad", milliseconds("from nothing, np.pad"), 8, "ms"),
         Bar("again, np.roll", milliseconds("again, np.roll"), 1.5, "ms"),
         Bar("again, np.pad", milliseconds("again, np.pad"), 1.5, "ms"),
         Bar("four times the unknowns, again", lambda t: t.ratio(f"again, np.roll, {2 * n} x {2 * n}", "again, np.roll"), 4.5),
         Bar("four times the unknowns, from nothing",
             lambda t: t.ratio(f"from nothing, np.roll, {2 * n} x {2 * n}", "from nothing, np.roll"), 4.5)],
        seconds=15.0, reads=x.nbytes))


# ---- Broyden's tridiagonal function ----------------------------------------------------------------------------------
def broyden_by_pad(x: Any, np: Any = np) -> Any:
    p = np.pad(x, 1)
    return (3 - 2 * x) * x - p[:-2] - 2 * p[2:] + 1


def broyden_in_place(x: Any) -> Any:
    r = (3 - 2 * x) * x + 1
    r[1:] -= x[:-1]
    r[:-1] -= 2 * x[1:]
    return r


def broyden_by_hand(x: Any) -> Any:
    n = x.size
    data, cols = np.empty((n, 3)), np.empty((n, 3), np.int32)
    data[:, 0], data[:, 1], data[:, 2] = -1, 3 - 4 * x, -2
    cols[:, 0] = np.arange(-1, n - 1)
    cols[:, 1:] = cols[:, :1] + np.array([1, 2], np.int32)
    ends = np.arange(-1, 3 * n, 3, dtype=np.int32)
    ends[0], ends[-1] = 0, 3 * n - 2
    return csr_array((data.ravel()[1:-1], cols.ravel()[1:-1], ends), shape=(n, n))


def run_broyden(report: Report) -> None:
    n = 1000 if report.quick else 10**6
    x = np.random.default_rng(1).random(n)
    bars, contenders = [], [Contender("by hand", numbers(broyden_by_hand, x))]
    for f in (broyden_by_pad, broyden_in_place):
        again, nothing = f"again, {f.__name__}", f"from nothing, {f.__name__}"
        contenders += [Contender(again, numbers(dd.jacobian(f, sparse=True), x)),
                       Contender(nothing, partial(lambda f: dd.jacobian(f, sparse=True)(x).data, f))]
        bars += [Bar(f"{again} over by hand", partial(lambda again, t: t.ratio(again, "by hand"), again), 2),
                 Bar(f"{nothing} over by hand", partial(lambda nothing, t: t.ratio(nothing, "by hand"), nothing), 15)]
    contenders += _peers.sparse_jacobians(broyden_by_pad, x)
    report.run(Case(f"Broyden's tridiagonal function, n = {n}: CSR Jacobian", contenders, bars, seconds=20.0, reads=x.nbytes))
    for f in (broyden_by_pad, broyden_in_place):
        tracemalloc.start()
        M = dd.jacobian(f, sparse=True)(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        size = M.data.nbytes + M.indices.nbytes + M.indptr.nbytes
        promise = f"peak memory of {f.__name__}, from nothing, over the matrix's {size / 1e6:.0f} MB"
        report.cases[-1]["bars"].append(report.judge(Bar(promise, lambda t, figure=peak / size: figure, 5), peak / size))


# ---- Hessians --------------------------------------------------------------------------------------------------------
def rosenbrock(x: Any, np: Any = np) -> Any:
    return np.sum(100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)


def rosenbrock_by_hand(x: Any) -> Any:
    diagonal = np.zeros(x.size)
    diagonal[:-1] = 1200 * x[:-1]**2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    beside = -400 * x[:-1]
    return diags_array([beside, diagonal, beside], offsets=[-1, 0, 1]).tocsr()


def surface(side: int) -> Callable[..., Any]:
    """Area of a surface over a square of side × side free points, zero at the border: two triangles to a cell."""
    h = 1.0 / (side + 1)

    def area(x: Any, np: Any = np) -> Any:
        u = np.pad(x.reshape(side, side), 1)
        east, south = (u[:, 1:] - u[:, :-1]) / h, (u[1:] - u[:-1]) / h
        upper = np.sqrt(1 + east[:-1] ** 2 + south[:, :-1] ** 2)
        lower = np.sqrt(1 + east[1:] ** 2 + south[:, 1:] ** 2)
        return 0.5 * h * h * np.sum(upper + lower)
    return area


def run_hessians(report: Report) -> None:
    rng = np.random.default_rng(2)
    for n, limit in ((100, 0.7), (500, 25.0)) if report.quick else ((1000, 0.7), (100_000, 25.0)):
        x = rng.random(n)
        contenders = [Contender("by hand", numbers(rosenbrock_by_hand, x)),
                      Contender("from nothing", partial(lambda x: dd.hessian(rosenbrock, sparse=True)(x).data, x)),
                      Contender("again", numbers(dd.hessian(rosenbrock, sparse=True), x)),
                      *_peers.sparse_hessians(rosenbrock, x)]
        report.run(Case(f"Rosenbrock's function, n = {n}: CSR Hessian", contenders,
                        [Bar(f"from nothing, n = {n}", milliseconds("from nothing"), limit, "ms")], reads=x.nbytes))
    n = 30 if report.quick else 1000
    x = rng.random(n)
    report.run(Case(f"Rosenbrock's function, n = {n}: dense Hessian",
                    [Contender("by hand", lambda: rosenbrock_by_hand(x).toarray()),
                     Contender("dualdiff.hessian", partial(dd.hessian(rosenbrock), x)), *_peers.hessians(rosenbrock, x)],
                    seconds=8.0, reads=x.nbytes))
    side = 8 if report.quick else 50
    area, x = surface(side), rng.random(side * side)
    report.run(Case(f"minimal surface, {side} x {side}: CSR Hessian",
                    [Contender("from nothing", lambda: dd.hessian(area, sparse=True)(x).data),
                     Contender("again", numbers(dd.hessian(area, sparse=True), x)),
                     Contender("dense, its numbers", lambda: csr_array(dd.hessian(area)(x)).data),
                     *_peers.sparse_hessians(area, x, symbols=False)], seconds=6.0, reads=x.nbytes))
    m, d = (40, 3) if report.quick else (569, 30)
    X, y = rng.standard_normal((m, d)), rng.choice([-1.0, 1.0], m)
    w = 0.1 * rng.standard_normal(d)

    def loss(w: Any) -> Any:
        return np.mean(np.logaddexp(0, -y * (X @ w)))

    def elsewhere(w: Any, np: Any) -> Any:
        return np.mean(np.log1p(np.exp(np.asarray(-y[:, None] * X) @ w)))

    def loss_by_hand(w: Any) -> Any:
        s = 1 / (1 + np.exp(-(X @ w)))
        return X.T @ ((s * (1 - s) / m)[:, None] * X)

    report.run(Case(
        f"logistic loss, {m} x {d}: dense Hessian",
        [Contender("by hand", partial(loss_by_hand, w)), Contender("dualdiff.hessian", partial(dd.hessian(loss), w)),
         *_peers.hessians(elsewhere, w)],
        [Bar("dualdiff.hessian over by hand, logistic loss", lambda t: t.ratio("dualdiff.hessian", "by hand"), 3)],
        reads=X.nbytes))


# ---- a small stencil -------------------------------------------------------------------------------------------------
def run_stencil(report: Report) -> None:
    x = np.random.default_rng(3).random(300)

    def residual(x: Any, np: Any = np) -> Any:
        return 10 * (x[1:] - x[:-1]**2) + np.sin(x[1:]) * x[:-1]

    def by_hand(x: Any) -> Any:
        J, i = np.zeros((299, 300)), np.arange(299)
        J[i, i] = -20 * x[:-1] + np.sin(x[1:])
        J[i, i + 1] = 10 + np.cos(x[1:]) * x[:-1]
        return J

    dense = dd.jacobian(residual)
    report.run(Case("a stencil from R^300 to R^299: dense Jacobian",
                    [Contender("by hand", partial(by_hand, x)), Contender("dualdiff.jacobian", partial(dense, x)),
                     Contender("finite differences", partial(differences, residual, x), 1e-5), *_peers.jacobians(residual, x)],
                    [Bar("dualdiff.jacobian, dense stencil", milliseconds("dualdiff.jacobian"), 0.5, "ms")], seconds=5.0,
                    reads=x.nbytes))
    report.run(Case("the same: CSR Jacobian",
                    [Contender("by hand", lambda: csr_array(by_hand(x)).data),
                     Contender("from nothing", lambda: dd.jacobian(residual, sparse=True)(x).data),
                     Contender("again", numbers(dd.jacobian(residual, sparse=True), x)),
                     *_peers.sparse_jacobians(residual, x)],
                    [Bar("again, sparse stencil", milliseconds("again"), 0.1, "ms")], seconds=3.0, reads=x.nbytes))


def differences(f: Callable[[Any], Any], x: Any, step: float = 1e-7) -> Any:
    """One run of f for every input, and one more."""
    base = f(x)
    return np.stack([(f(x + step * unit) - base) / step for unit in np.eye(x.size)], axis=1)


def run(report: Report) -> None:
    run_stencil(report)
    run_brusselator(report)
    run_broyden(report)
    run_hessians(report)


if __name__ == "__main__":
    main("benchmarks.sparse_jacobians", run)

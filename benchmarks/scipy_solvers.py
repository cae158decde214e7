"""SciPy's solvers with our derivatives and with their own differences: time, and how often the user's function ran.

A call of f on dual numbers counts as one, as a plain call does; it costs more, which is what the times are for. Where SciPy
has no differences of its own (Hessians), the other contender is the derivative written by hand. ``PROBLEMS`` is also what
tests/test_scipy_solvers.py solves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import integrate, optimize, sparse
from scipy.sparse.linalg import LinearOperator, gmres, splu

import dualdiff as dd

from ._report import Bar, Case, Report, main
from ._timing import Contender

OURS, DIFFERENCES, BY_HAND = "dualdiff", "differences", "by hand"


class Counted:
    """The user's function, and how often it ran."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.calls = f, 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.f(*args)


@dataclass(frozen=True)
class Problem:
    """``f`` and one way per contender to solve it; a way takes the counted f and returns the answer as an array.

    ``tolerance``: how far the answers may be apart, which is what the solvers were asked for.
    """

    title: str
    f: Callable[..., Any]
    ways: dict[str, Callable[[Any], Any]]
    tolerance: float


def calls(problem: Problem, way: str) -> int:
    f = Counted(problem.f)
    problem.ways[way](f)
    return f.calls


# ---- minimisation ------------------------------------------------------------------------------------------------------
def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def minimisers(n: int) -> Iterator[Problem]:
    x0 = np.linspace(0.2, 1.4, n)

    def least(f: Any, method: str, **derivatives: Any) -> Any:
        found = optimize.minimize(f, x0, method=method, **derivatives)
        assert found.success, found.message
        return found.x

    yield Problem(f"minimize(BFGS), Rosenbrock, n = {n}", rosenbrock, {
        OURS: lambda f: least(dd.value_and_gradient(f), "BFGS", jac=True, options={"gtol": 1e-6}),
        DIFFERENCES: lambda f: least(f, "BFGS", options={"gtol": 1e-4}),
        BY_HAND: lambda f: least(f, "BFGS", jac=optimize.rosen_der, options={"gtol": 1e-6})}, 1e-4)
    yield Problem(f"minimize(trust-exact), Rosenbrock, n = {n}", rosenbrock, {
        OURS: lambda f: least(f, "trust-exact", jac=dd.gradient(f), hess=dd.hessian(f)),
        BY_HAND: lambda f: least(f, "trust-exact", jac=optimize.rosen_der, hess=optimize.rosen_hess)}, 1e-6)
    yield Problem(f"minimize(trust-krylov), Rosenbrock, n = {n}", rosenbrock, {
        OURS: lambda f: least(f, "trust-krylov", jac=dd.gradient(f), hessp=dd.hvp(f)),
        BY_HAND: lambda f: least(f, "trust-krylov", jac=optimize.rosen_der, hessp=optimize.rosen_hess_prod)}, 1e-4)


def hock_schittkowski_71(x: Any) -> Any:
    """Problem 71 of W. Hock and K. Schittkowski, *Test Examples for Nonlinear Programming Codes* (1981)."""
    return x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2]


def constrained() -> Problem:
    product: Any = lambda x: np.prod(x) - 25.0
    sphere: Any = lambda x: 40.0 - np.sum(x**2)

    def least(f: Any, ours: bool) -> Any:
        jac = dd.gradient if ours else lambda g: None
        conditions = [{"type": kind, "fun": g, **({"jac": jac(g)} if ours else {})}
                      for kind, g in (("ineq", product), ("eq", sphere))]
        found = optimize.minimize(f, np.array([1.0, 5.0, 5.0, 1.0]), method="SLSQP", jac=jac(f), bounds=[(1, 5)] * 4,
                                  constraints=conditions, options={"ftol": 1e-10})
        assert found.success, found.message
        return found.x

    return Problem("minimize(SLSQP), two constraints with their Jacobians, Hock-Schittkowski 71", hock_schittkowski_71,
                   {OURS: partial(least, ours=True), DIFFERENCES: partial(least, ours=False)}, 1e-6)


# ---- least squares -----------------------------------------------------------------------------------------------------
TIMES = np.linspace(0.0, 4.0, 60)


def decays(t: Any, a: Any, p: Any, b: Any, q: Any) -> Any:
    return a * np.exp(-p * t) + b * np.exp(-q * t)


TRUE = (3.0, 0.4, 1.5, 2.5)
DATA = decays(TIMES, *TRUE) + 1e-3 * np.cos(37.0 * TIMES)
START = np.array([2.0, 0.3, 2.0, 2.0])


def broyden(x: Any) -> Any:
    """The tridiagonal function of C. G. Broyden (1965)."""
    r = (3.0 - 2.0 * x) * x + 1.0
    return np.concatenate([r[:1] - 2.0 * x[1:2], r[1:-1] - x[:-2] - 2.0 * x[2:], r[-1:] - x[-2:-1]])


def tridiagonal(n: int) -> Any:
    return sparse.diags_array([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1])


def fits(n: int) -> Iterator[Problem]:
    residuals: Any = lambda p: decays(TIMES, *(p[i] for i in range(4))) - DATA
    yield Problem("least_squares, two exponentials", residuals, {
        OURS: lambda f: optimize.least_squares(f, START, jac=dd.jacobian(f)).x,
        DIFFERENCES: lambda f: optimize.least_squares(f, START).x}, 1e-5)
    yield Problem("curve_fit, two exponentials", decays, {
        OURS: lambda f: optimize.curve_fit(f, TIMES, DATA, START, jac=columns(dd.jacobian(f, argnums=(1, 2, 3, 4))))[0],
        DIFFERENCES: lambda f: optimize.curve_fit(f, TIMES, DATA, START)[0]}, 1e-5)
    known = {"tr_solver": "lsmr", "xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12}
    yield Problem(f"least_squares(lsmr), Broyden tridiagonal, n = {n}", broyden, {
        OURS: lambda f: optimize.least_squares(f, -np.ones(n), jac=dd.jacobian(f, sparse=True), **known).x,
        DIFFERENCES: lambda f: optimize.least_squares(f, -np.ones(n), jac_sparsity=tridiagonal(n), **known).x}, 1e-6)


def columns(jacobian: Any) -> Any:
    """curve_fit wants one matrix; a Jacobian with respect to several numbers is a tuple of its columns."""
    return lambda *args: np.stack(jacobian(*args), axis=-1)


# ---- equations -----------------------------------------------------------------------------------------------------------
def heat_with_source(n: int) -> Callable[[Any], Any]:
    """-Δu + exp(u) = 10 on the unit square, u = 0 around it: n × n unknowns."""
    h = 1.0 / (n + 1)

    def residual(u: Any) -> Any:
        v = np.pad(u.reshape(n, n), 1)
        around = v[:-2, 1:-1] + v[2:, 1:-1] + v[1:-1, :-2] + v[1:-1, 2:]
        return np.ravel((4.0 * v[1:-1, 1:-1] - around) / h**2 + np.exp(v[1:-1, 1:-1]) - 10.0)
    return residual


def equations(n: int, side: int) -> Iterator[Problem]:
    yield Problem(f"root(hybr), Broyden tridiagonal, n = {n}", broyden, {
        OURS: lambda f: optimize.root(f, -np.ones(n), jac=dd.jacobian(f)).x,
        DIFFERENCES: lambda f: optimize.root(f, -np.ones(n)).x}, 1e-8)
    size = side * side

    def preconditioned(f: Any) -> Any:
        lu = splu(dd.jacobian(f, sparse=True)(np.zeros(size)).tocsc())
        return solved(f, jac_options={"inner_M": LinearOperator((size, size), lu.solve)})

    def solved(f: Any, **options: Any) -> Any:
        found = optimize.root(f, np.zeros(size), method="krylov", options={"fatol": 1e-7, **options})
        assert found.success, found.message
        return found.x

    residual = heat_with_source(side)
    yield Problem(f"root(krylov), preconditioned by the sparse Jacobian, heat with a source, {side} × {side}", residual,
                  {OURS: preconditioned, DIFFERENCES: solved}, 1e-6)

    def newton(f: Any, operator: Callable[[Any, Any, Any], Any]) -> Any:
        u = np.zeros(size)
        for _ in range(20):
            r = f(u)
            # Products by differences are too coarse for the last steps: gmres then stops after maxiter, short of rtol.
            step, _ = gmres(operator(f, u, r), -r, rtol=1e-3, restart=60, maxiter=4)
            u = u + step
            if np.max(np.abs(step)) < 1e-6:
                return u
        raise AssertionError("Newton's method did not converge")

    def difference(f: Any, u: Any, r: Any) -> Any:
        h = np.sqrt(np.finfo(float).eps)
        return LinearOperator((size, size), lambda v: (f(u + h * v) - r) / h)

    yield Problem(f"gmres with the operator, heat with a source, {side} × {side}", residual, {
        OURS: lambda f: newton(f, lambda f, u, r: dd.linearize(f, u).aslinearoperator()),
        DIFFERENCES: lambda f: newton(f, difference)}, 1e-6)


# ---- differential equations ----------------------------------------------------------------------------------------------
def robertson(t: Any, y: Any) -> Any:
    """H. H. Robertson's kinetics (1966): rates of 0.04, 1e4 and 3e7."""
    a, b, c = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return np.stack([b - a, a - b - c, c])


def brusselator(n: int) -> Callable[[Any, Any], Any]:
    """The Brusselator with diffusion on a periodic n × n grid: E. Hairer and G. Wanner, *Solving ODEs II*, IV.10."""
    alpha = 0.002 * n**2

    def rhs(t: Any, y: Any) -> Any:
        u, v = y[:n * n].reshape(n, n), y[n * n:].reshape(n, n)
        cubic = u * u * v
        return np.concatenate([np.ravel(1.0 + cubic - 4.4 * u + alpha * spread(u)),
                               np.ravel(3.4 * u - cubic + alpha * spread(v))])
    return rhs


def spread(u: Any) -> Any:
    return np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4.0 * u


def brusselator_start(n: int) -> Any:
    x = np.arange(n) / n
    u = 22.0 * x[None, :] * (1.0 - x[None, :]) ** 1.5 * np.ones((n, 1))
    v = 27.0 * x[:, None] * (1.0 - x[:, None]) ** 1.5 * np.ones((1, n))
    return np.concatenate([u.ravel(), v.ravel()])


def brusselator_pattern(n: int) -> Any:
    ring = sparse.eye_array(n) + sparse.diags_array([np.ones(n - 1), np.ones(n - 1), [1.0], [1.0]],
                                                    offsets=[1, -1, n - 1, 1 - n])
    grid = sparse.kron(sparse.eye_array(n), ring) + sparse.kron(ring, sparse.eye_array(n))
    return sparse.block_array([[grid, sparse.eye_array(n * n)], [sparse.eye_array(n * n), grid]])


def stiff(n: int) -> Iterator[Problem]:
    def ended(f: Any, method: str, y0: Any, end: float, rtol: float, **known: Any) -> Any:
        found = integrate.solve_ivp(f, (0.0, end), y0, method=method, rtol=rtol, atol=1e-3 * rtol, **known)
        assert found.success, found.message
        return found.y[:, -1]

    for method in ("BDF", "Radau"):
        chemistry = partial(ended, method=method, y0=np.array([1.0, 0.0, 0.0]), end=1e4, rtol=1e-6)
        yield Problem(f"solve_ivp({method}), Robertson", robertson, {
            OURS: lambda f, run=chemistry: run(f, jac=dd.jacobian(f, argnums=1)),
            DIFFERENCES: lambda f, run=chemistry: run(f)}, 1e-4)
        waves = partial(ended, method=method, y0=brusselator_start(n), end=1.0, rtol=1e-4)
        yield Problem(f"solve_ivp({method}), Brusselator, 2 × {n} × {n}", brusselator(n), {
            OURS: lambda f, run=waves: run(f, jac=dd.jacobian(f, argnums=1, sparse=True)),
            DIFFERENCES: lambda f, run=waves: run(f, jac_sparsity=brusselator_pattern(n))}, 1e-2)


def bratu(x: Any, y: Any) -> Any:
    """y'' + exp(y) = 0 as a system."""
    return np.stack([y[1], -np.exp(y[0])])


def ends(ya: Any, yb: Any) -> Any:
    return np.stack([ya[0], yb[0]])


def boundary_values() -> Problem:
    x = np.linspace(0.0, 1.0, 11)

    def solved(f: Any, **known: Any) -> Any:
        found = integrate.solve_bvp(f, ends, x, np.zeros((2, x.size)), tol=1e-8, **known)
        assert found.success, found.message
        return found.sol(x)

    def at_every_point(f: Any) -> Any:
        """∂f/∂y at each mesh point, (2, 2, m): the points do not mix, so two directions are enough for all of them."""
        def jacobian(x: Any, y: Any) -> Any:
            units = np.broadcast_to(np.eye(len(y))[:, :, None], (len(y), *y.shape))
            return np.swapaxes(dd.jvp(lambda y: f(x, y), (y,), (units,))[1], 0, 1)
        return jacobian

    return Problem("solve_bvp, Bratu", bratu, {
        OURS: lambda f: solved(f, fun_jac=at_every_point(f), bc_jac=dd.jacobian(ends, argnums=(0, 1))),
        DIFFERENCES: solved}, 1e-7)


# ---- what runs -----------------------------------------------------------------------------------------------------------
def problems(quick: bool) -> list[Problem]:
    """Every solver with its problem, small or large."""
    return [*minimisers(8 if quick else 40), constrained(), *fits(30 if quick else 2000),
            *equations(20 if quick else 200, 8 if quick else 32), *stiff(6 if quick else 32), boundary_values()]


def case(problem: Problem) -> Case:
    contenders = [Contender(name, partial(way, problem.f), problem.tolerance) for name, way in problem.ways.items()]
    found = []
    if DIFFERENCES in problem.ways:
        ours, theirs = calls(problem, OURS), calls(problem, DIFFERENCES)
        found = [Bar(f"{problem.title}: {ours} calls of f over {theirs} with differences",
                     lambda timings: ours / theirs, 1.0)]
    return Case(problem.title, contenders, found, seconds=2.0)


def cases(quick: bool) -> Iterator[Case]:
    yield from map(case, problems(quick))


def run(report: Report) -> None:
    for problem in problems(report.quick):
        report.run(case(problem))


if __name__ == "__main__":
    main("benchmarks.scipy_solvers", run)

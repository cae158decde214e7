"""root and fixed_point: solutions of equations, differentiated by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ConvergenceError, ParameterError, needed
from .theorem import Equations, Function, Unknowns, with_args

SHORTEST = 2.0**-30  # a Newton step shortened so far has no use
SUSPECT = 2.0**-3  # one shortened so far may be at a root that rounding hides
ENOUGH = 1e-4  # Armijo's constant: the part of the promised decrease asked for
SLOW = 0.3  # three last steps that shrink by no more: no quadratic convergence
WITH_JACOBIAN = ("hybr", "lm")  # of scipy.optimize.root's methods, those that take one


def root(f: Function, x0: Any, args: Any = (), *, method: str = "newton", sparse: bool = False, tol: float | None = None,
         max_iter: int = 100) -> Any:
    """The x with ``f(x, *args) = 0`` that is found from x0, as a differentiable function of what f depends on.

    x0 is a number, an array or a tree of them, and f returns as many numbers as it holds; the result has the form of x0.
    Derivatives with respect to ``args`` and to whatever f closes over follow from the implicit function theorem, in every
    mode and to any order, not from the iterations; the guess x0 has no influence on them.

    ``method="newton"`` is Newton's with the exact Jacobian and backtracking, and needs NumPy only; any other name is a
    method of ``scipy.optimize.root``, whose result Newton's then brings to rounding. ``sparse=True`` keeps the Jacobian
    sparse and factors it by SuperLU (extra ``sparse``). An iteration runs f once and once more for the Jacobian, and
    solves a system of n unknowns. The derivative costs one run of f and one factorisation, and a run for each level.

    It has converged where a step changes no unknown by more than ``tol`` (default: four roundings) times itself, or where
    rounding allows no step. Raises ConvergenceError if that does not happen within ``max_iter`` iterations, and
    DegenerateError where a derivative is asked for and the Jacobian at the root is singular to rounding. At a root of
    higher multiplicity Newton's method converges slowly, and the derivative is infinite.

    >>> from dualdiff import derivative
    >>> derivative(lambda a: root(lambda x: x**2 - a, 1.0))(4.0)
    np.float64(0.25)
    """
    given = Unknowns(x0, "root")
    f, bare = with_args(f, args, "root")
    equations = Equations("root", lambda v: given.vector(f(given.tree(v))), lambda v: given.vector(bare(given.tree(v))), sparse)
    start = given.start if str(method) == "newton" else scipy_root(equations, given.start, str(method))
    return given.tree(equations.solution(newton(equations, start, tol, max_iter)))


def fixed_point(g: Function, x0: Any, args: Any = (), *, sparse: bool = False, tol: float | None = None,
                max_iter: int = 10_000) -> Any:
    """The x with ``g(x, *args) = x`` that the iteration x ← g(x) tends to from x0, as a differentiable function.

    Forms, derivatives and ``sparse`` are as in ``root``, of x - g(x): they do not depend on how many iterations there were,
    and none of them is kept. The iteration has converged where the distance to its limit, told from the rate at which
    the steps shrink, is at most ``tol`` (default: four roundings) of the largest unknown. Raises ConvergenceError if that
    does not happen within ``max_iter`` runs of g; ``root(lambda x: x - g(x), x0)`` finds points that repel as well.

    >>> import numpy as np
    >>> from dualdiff import derivative
    >>> derivative(lambda a: fixed_point(lambda x: np.cos(a * x), 1.0))(1.0)
    np.float64(-0.29747434)
    """
    given = Unknowns(x0, "fixed_point")
    g, bare = with_args(g, args, "fixed_point")
    equations = Equations("fixed_point", lambda v: v - given.vector(g(x := given.tree(v)), x),
                          lambda v: v - given.vector(bare(x := given.tree(v)), x), sparse)
    x = iterated(equations.plain, given.start, tol, max_iter)
    return given.tree(equations.solution(x))


def newton(equations: Equations, x: Any, tol: float | None, max_iter: int) -> Any:
    """Newton's method with backtracking. The residual is measured in units of the rows of the Jacobian.

    P. Deuflhard, *Newton Methods for Nonlinear Problems* (2004), section 3.1. To a root of multiplicity p it converges by a
    factor of 1 - 1/p a step, which is how such a root is told: there the Jacobian is what rounding left of zero.
    """
    what, eps = equations.what, float(np.finfo(x.dtype).eps)
    tol = 4 * eps if tol is None else tol
    require(tol, max_iter)
    steps: list[float] = []
    with np.errstate(all="ignore"):  # where a step leads out of f's domain it is shortened
        r = equations.plain(x)
        if not np.isfinite(r).all():
            raise ConvergenceError(f"{what}: f is not finite at x0")
        x = x.astype(np.result_type(x, r), copy=False)  # real guesses at the roots of a complex function
        seen = largest(x)
        for _ in range(max_iter):
            if not r.any():
                break
            J = equations.jacobian(x)
            rows = largest_of_rows(J)
            step = newton_step(J, rows, r)
            size, t = largest(r / rows), 1.0
            rests = partial(is_root_to_rounding, equations, x, r, J, step, rows, (eps**0.5 * np.abs(x), eps**0.5 * seen))
            while t > SHORTEST and not (t == SUSPECT and rests()):
                new = x + t * step
                r_new = equations.plain(new)
                if largest(r_new / rows) <= (1 - ENOUGH * t) * size:  # False for NaN
                    break
                t /= 2
            else:
                if rests():
                    break
                raise ConvergenceError(f"{what}: stopped where no step along Newton's direction lowers the residual, whose "
                                       f"largest entry is {largest(r):.3g}. Start closer to the root")
            x, r, seen = new, r_new, max(seen, largest(new))
            steps = [*steps, largest(step)] if t == 1 else []
            if t == 1 and np.all(np.abs(step) <= tol * np.abs(x)):
                break
        else:
            if r.any():
                raise ConvergenceError(f"{what}: no convergence in {max_iter} iterations; the largest entry of the residual is "
                                       f"{largest(r):.3g} and the last step changed x by {largest(step):.3g}. Start closer to "
                                       "the root, or raise max_iter")
    rates = [b / a for a, b in pairwise(steps[-4:])]
    equations.multiple = len(rates) == 3 and min(rates) > SLOW
    return x


def is_root_to_rounding(equations: Equations, x: Any, r: Any, J: Any, step: Any, rows: Any, reaches: tuple[Any, ...]) -> bool:
    """Whether no step is an improvement for reasons of rounding, rather than because there is no root here.

    Then Newton's step is shorter than one of the reaches, and along it f goes like its linear model as far as that.
    """
    if not largest((J @ step + r) / rows) <= 0.1 * largest(r / rows):
        return False
    for reach in reaches:
        part = largest(step[step != 0] / np.broadcast_to(reach, step.shape)[step != 0])
        if 0 < part <= 1:
            model = J @ step / part
            if largest((equations.plain(x + step / part) - r - model) / rows) <= 10 * largest(model / rows):
                return True
    return False


def newton_step(J: Any, rows: Any, r: Any) -> Any:
    """-J⁻¹ r; of a singular system the shortest step that comes closest."""
    if hasattr(J, "tocsr"):
        linalg = needed("scipy.sparse.linalg", "sparse=True")
        try:
            step = linalg.splu(J.tocsc()).solve(-r)
        except RuntimeError:
            step = -linalg.lsmr(J, r, atol=1e-12, btol=1e-12)[0]
        return step
    try:
        step = np.linalg.solve(J, -r)
        if np.isfinite(step).all():
            return step
    except np.linalg.LinAlgError:
        pass
    return np.linalg.lstsq(np.nan_to_num(J / rows[:, None]), -r / rows)[0]


def largest_of_rows(J: Any) -> Any:
    rows = np.abs(J).max(axis=1).toarray().ravel() if hasattr(J, "tocsr") else np.max(np.abs(J), axis=1, initial=0.0)
    return np.where(np.isfinite(rows) & (rows > 0), rows, 1.0)


def largest(v: Any) -> float:
    return float(np.max(np.abs(v), initial=0.0))


def iterated(residual: Callable[[Any], Any], x: Any, tol: float | None, max_iter: int) -> Any:
    """x ← x - r(x), until the geometric series of the steps still to come is short enough."""
    eps = float(np.finfo(x.dtype).eps)
    tol = 4 * eps if tol is None else tol
    require(tol, max_iter)
    last = best = float("inf")
    before, seen = 1.0, largest(x)  # the rate of the step before: the slower of two is believed
    for _ in range(max_iter):
        r = residual(x)
        size = largest(r)
        if not np.isfinite(size):
            raise ConvergenceError("fixed_point: g is not finite on the way; start closer, or write it as root(lambda x: "
                                   "x - g(x), x0)")
        x = x - r
        seen = max(seen, largest(x))
        rate = size / last if last < float("inf") else 1.0
        slower = max(rate, before)
        close = slower < 1 and size * slower / (1 - slower) <= tol * largest(x)
        if size == 0 or close or (size >= best and size <= 8 * eps * seen):  # the last: only rounding moves it still
            return x
        before = rate
        last, best = size, min(best, size)
    raise ConvergenceError(f"fixed_point: no convergence in {max_iter} iterations; the last changed x by {size:.3g}. The "
                           "iteration may not contract there: root(lambda x: x - g(x), x0) does not need it to")


def require(tol: float, max_iter: int) -> None:
    if not (isinstance(tol, int | float | np.floating) and tol >= 0) or not isinstance(max_iter, int | np.integer) \
            or max_iter < 1:
        raise ParameterError(f"tol={tol!r} must be at least 0 and max_iter={max_iter!r} a whole number of at least 1")


def scipy_root(equations: Equations, x: Any, method: str) -> Any:
    optimize = needed("scipy.optimize", f"root with method={method!r}")
    jac = equations.jacobian if method in WITH_JACOBIAN else None
    found = optimize.root(equations.plain, x, jac=jac, method=method)
    if not found.success:
        raise ConvergenceError(f"root: scipy.optimize.root(method={method!r}) says: {found.message}")
    return found.x

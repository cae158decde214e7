"""Where a function is least among the points that its constraints allow, near where SciPy found it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import scipy.optimize as scipy

from ..errors import ConvergenceError, DegenerateError
from ..forms import stripped
from ..implicit.roots import largest
from ..transforms import gradient, jacobian
from .callbacks import tupled, value_of
from .counterparts import with_tangent
from .solutions import Function, Solution, flat

NEAR = 1e-4  # constraints that may be active, in units of x
SLACK = 1e-6  # multipliers, in units of the gradient, that may be zero
Constraint = tuple[Function, bool]  # c(x) = 0, or c(x) ≥ 0; and whether it is an equation


def interval(c: Function, low: Any, high: Any, size: int) -> list[Constraint]:
    """low ≤ c(x) ≤ high of so many numbers."""
    low, high = (np.zeros(size) + value_of(x) for x in (low, high))
    bottom, top = stripped(low), stripped(high)
    same = bottom == top
    kinds = ((same, lambda v, i: c(v)[i] - low[i]), (np.isfinite(bottom) & ~same, lambda v, i: c(v)[i] - low[i]),
             (np.isfinite(top) & ~same, lambda v, i: high[i] - c(v)[i]))
    return [(lambda v, g=g, i=i: g(v, i), g is kinds[0][1])
            for i, g in ((np.flatnonzero(which), g) for which, g in kinds) if i.size]


def box(bounds: Any, n: int, pairs: bool = True) -> tuple[Any, Any]:
    """Bounds as SciPy's solvers take them: an object, pairs for each number, or all lower and all upper ones."""
    ends: Any = -np.inf, np.inf
    if isinstance(bounds, scipy.Bounds):
        ends = bounds.lb, bounds.ub
    elif pairs and bounds is not None and len(bounds):
        ends = ([end if pair[i] is None else pair[i] for pair in bounds] for i, end in enumerate(ends))
    elif not pairs and bounds is not None:
        ends = bounds
    low, high = (np.zeros(n) + value_of(x) for x in ends)
    return low, high


def constraints_of(given: dict[str, Any], x: Any) -> list[Constraint]:
    """What a call of minimize and its kin asks of x, beside bounds."""
    args, found = given.get("args", ()), []
    listed = given.get("constraints") or ()
    for c in listed if isinstance(listed, list | tuple) else (listed,):
        if isinstance(c, dict):
            found.append((vector(c["fun"], tupled(c.get("args", ()))), c["type"].lower() == "eq"))
        else:
            g = vector(c.fun if hasattr(c, "fun") else partial(np.matmul, c.A), ())
            found += interval(g, c.lb, c.ub, np.size(stripped(g(x))))
    consargs = given.get("consargs")
    functions = given.get("cons", ())
    for c in functions if isinstance(functions, list | tuple) else (functions,):  # fmin_cobyla
        found.append((vector(c, tupled(args if consargs is None else consargs)), False))
    for many, one, equation in (("eqcons", "f_eqcons", True), ("ieqcons", "f_ieqcons", False)):  # fmin_slsqp
        found += [(vector(c, tupled(args)), equation) for c in (*given.get(many, ()), given.get(one)) if c is not None]
    return found


def vector(f: Function, args: tuple[Any, ...]) -> Function:
    return lambda v: flat(f(v, *args))


def argmin(name: str, f: Function, still: Function, x: Any, bounds: tuple[Any, Any],
           constraints: list[Constraint]) -> tuple[Any, Any]:
    """SciPy's minimiser x of f with its derivative, and the exact one; ``still`` is f of what it depends on beside x without
    derivatives, as far as that is known.

    By the conditions of Karush, Kuhn and Tucker: ∇f = Σ λ ∇c and c = 0 over the constraints that are active, whose multipliers
    λ are unknowns beside x (J. Nocedal, S. Wright, Numerical Optimization, 2006, section 12.3); an x at a bound is the bound.
    Which are active is guessed from SciPy's x, and is right if the exact solution meets the others and the active ones hold
    it back. If one is met that does not, the minimiser has a kink.
    """
    what, n, (low, high) = f"scipy.optimize.{name}", len(x), bounds
    reach, slope, same = NEAR * (1 + largest(x)), stripped(gradient(still, mode="reverse")(x)), stripped(low) == stripped(high)
    lower, upper = np.flatnonzero(same | (x - stripped(low) <= reach)), np.flatnonzero(~same & (stripped(high) - x <= reach))
    at, sign = np.concatenate([lower, upper]), np.repeat([1.0, -1.0], [len(lower), len(upper)])
    ends = np.concatenate([low[lower], high[upper]])
    c, equation = near_constraints(x, constraints)
    rows = [sign[:, None] * np.eye(n)[at], stripped(jacobian(c)(x)) if len(equation) else np.zeros((0, n))]
    sizes = np.linalg.norm(rows[1], axis=1)
    unit = np.concatenate([rows[0], rows[1] / np.maximum(sizes, np.finfo(float).tiny)[:, None]])
    equation = np.concatenate([same[at], equation])
    keep, count, guessed = np.ones(len(equation), bool), len(at), False
    tiny = SLACK**1.5, SLACK**1.5 * (1 + largest(x))
    for _ in range(3 * len(unit) + 1):
        m = np.linalg.lstsq(unit[keep].T, slope)[0] if sizes.size else unit[keep] @ slope
        wrong = np.where(equation[keep], np.inf, m)
        if not guessed and wrong.min(initial=0.0) < -SLACK * largest(slope):  # the worst first; bounds by themselves
            keep[np.flatnonzero(keep)[wrong.argmin() if sizes.size else wrong < -SLACK * largest(slope)]] = False
            continue
        guessed, fixed, held = True, np.flatnonzero(keep[:count]), np.flatnonzero(keep[count:])
        free = np.setdiff1d(np.arange(n), at[fixed])
        order = np.argsort(np.concatenate([free, at[fixed]]))

        def full(w: Any, fixed: Any = fixed, order: Any = order) -> Any:
            return np.concatenate([w, ends[fixed]])[order] if len(fixed) else w

        def lagrangian(f: Function, v: Any, m: Any, held: Any = held) -> Any:
            return f(v) - np.sum(m * c(v)[held]) if len(held) else f(v)

        def conditions(f: Function, z: Any, k: int = len(free), full: Any = full, lagrangian: Any = lagrangian,
                       held: Any = held) -> Any:
            down = gradient(lambda w: lagrangian(f, full(w), z[k:]), mode="reverse")(z[:k])
            return np.concatenate([down, c(full(z[:k]))[held]]) if len(held) else down

        solution = Solution(what, partial(conditions, f), partial(conditions, still))
        z = solution.polished(np.concatenate([x[free], m[len(fixed):] / sizes[held]]))
        exact = stripped(full(z[:len(free)]))
        down = stripped(gradient(lambda v: lagrangian(still, v, z[len(free):]), mode="reverse")(exact))  # noqa: B023
        pull = np.where(equation[keep], np.inf, np.concatenate([sign[fixed] * down[at[fixed]], z[len(free):] * sizes[held]]))
        room = np.concatenate([sign * (exact[at] - stripped(ends)), stripped(c(exact)) if len(sizes) else sizes])[~keep]
        if pull.min(initial=0.0) < -tiny[0] * largest(slope):
            keep[np.flatnonzero(keep)[pull.argmin()]] = False
        elif room.min(initial=0.0) < -tiny[1]:
            keep[np.flatnonzero(~keep)[room.argmin()]] = True
        else:
            break
    else:
        raise ConvergenceError(f"{what}: which bounds or constraints are active cannot be told at SciPy's solution")
    if np.any(pull <= tiny[0] * largest(slope)) or np.any(room <= tiny[1]):
        raise DegenerateError(f"{what}: a bound or constraint is met at the solution, and without it the solution is the same: "
                              "it has a kink there, and no derivative. Leave the constraint out, or move it away")
    dual = full(solution.solution(z)[:len(free)])
    return with_tangent(x, dual), dual


def near_constraints(x: Any, constraints: list[Constraint]) -> tuple[Function, Any]:
    """Equations, and what is close to being one, as one function of x; and which are equations."""
    found = []
    for c, equation in constraints:
        places = np.flatnonzero(equation | (np.abs(stripped(c(x))) <= NEAR * (1 + largest(x))))
        if places.size:
            found.append((c, places, equation))
    return (lambda v: np.concatenate([c(v)[places] for c, places, _ in found]),
            np.array([equation for _, places, equation in found for _ in places], bool))

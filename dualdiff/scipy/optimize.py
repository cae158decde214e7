"""scipy.optimize: SciPy's own solution on plain numbers, differentiated by the theorem that defines it.

What SciPy finds is found to its tolerance. The derivatives are taken where Newton's method leads from there, at the solution to
rounding, and added to SciPy's value, which stays what it is, bits and all.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import cache, wraps
from inspect import signature
from types import FunctionType
from typing import Any

import numpy as np
import scipy.optimize as scipy
from scipy import sparse

from ..errors import ConvergenceError, DegenerateError, RuleError, StructureError
from ..forms import holds_dual, stop_gradient, stripped
from ..implicit.roots import largest, largest_of_rows, newton_step
from ..implicit.theorem import Equations
from ..transforms import derivative, gradient, jacobian
from .callbacks import Absent, Plain, perturbed, plainly, refused, tupled, value_of, with_tangent
from .counterparts import counterpart

Function = Callable[..., Any]
FAR = 1e-2  # further than that from SciPy's solution Newton's method has found another
CLOSE = 1e-11  # a Newton step of this part of x changes no derivative
NEAR = 1e-4  # constraints that may be active, in units of x
SLACK = 1e-6  # multipliers, in units of the gradient, that may be zero


class Solution(Equations):
    """The root of a residual that SciPy came close to."""

    at: Any = None

    def jacobian(self, x: Any) -> Any:
        if self.at is not x:
            self.at, self.J = x, self.found(x)
        return self.J

    def found(self, x: Any) -> Any:
        return super().jacobian(x)

    def polished(self, x: Any) -> Any:
        """The root to rounding."""
        start, r = x, self.plain(x)
        if r.shape != x.shape:
            raise RuleError(f"{self.what}: {r.size} equations for {x.size} unknowns define no differentiable solution; "
                            "dualdiff differentiates least_squares")
        for _ in range(20):
            J = self.jacobian(x)
            rows = largest_of_rows(J)
            with np.errstate(all="ignore"):
                step = newton_step(J, rows, r)
                if not largest(step) > CLOSE * largest(x):
                    return x
                new = x + step
                r_new = self.plain(new)
                if not largest(r_new / rows) < largest(r / rows):  # as near as rounding allows, or nowhere
                    break
            x, r = new, r_new
            if not largest(x - start) <= FAR * max(1.0, largest(start)):
                break
        else:
            return x
        if largest(x - start) <= FAR * max(1.0, largest(start)) and largest(step) <= np.sqrt(CLOSE) * max(1.0, largest(x)):
            return x
        raise ConvergenceError(f"{self.what}: SciPy stopped at {np.array2string(start, threshold=6, precision=6)}, which is not "
                               "where a derivative can be taken: Newton's method leads elsewhere. Ask for a closer solution "
                               "(tol=), or start nearer to it")

    def near(self, x: Any) -> tuple[Any, Any]:
        """SciPy's x with its derivative, and the root itself with it."""
        x = np.asarray(x)
        exact = self.polished(x.astype(np.result_type(x, float)))
        dual = self.solution(exact)
        return with_tangent(x, dual), dual


class Pointwise(Solution):
    """Of a function that acts element by element: its Jacobian is a diagonal."""

    def found(self, x: Any) -> Any:
        try:
            return sparse.diags_array(stripped(derivative(self.quiet)(x))).tocsc()
        except StructureError:
            return super().found(x)


def with_args(f: Function, args: Any) -> tuple[Function, Function]:
    """x ↦ f(x, *args), and the same without what is perturbed in args."""
    bare = stop_gradient(args)
    return lambda x: value_of(f(x, *args)), lambda x: value_of(f(x, *bare))


def flat(y: Any) -> Any:
    y = value_of(y) * 1.0 if hasattr(y, "dtype") else value_of(y)
    return y if np.ndim(y) == 1 and hasattr(y, "dtype") else np.ravel(y) * 1.0


def root_of(what: str, f: Function, args: tuple[Any, ...], x: Any, kind: type[Solution] = Solution) -> Any:
    """A root x of f(x, *args) that SciPy found, of any shape, with its derivative."""
    shape = np.shape(x)

    def as_vector(g: Function) -> Function:
        if len(shape) == 1:  # elements that stay where they are: what Pointwise asks for
            return lambda v: flat(g(v))
        return lambda v: flat(g(np.reshape(v, shape) if shape else v[0]))

    found = kind(f"scipy.optimize.{what}", *map(as_vector, with_args(f, args))).near(np.ravel(x))[0]
    return np.reshape(found, shape) if shape else found[0]


# ---- SciPy's call, and what is made of it
FUNCTIONS = frozenset(("func", "f", "fun", "F", "jac", "fprime", "fprime2", "Dfun", "hess", "hessp", "fhess", "fhess_p", "cons",
                       "f_eqcons", "f_ieqcons", "fprime_eqcons", "fprime_ieqcons", "loss"))


def solver(original: Any, finish: Function) -> None:
    """The counterpart of a solver: SciPy's own call on plain numbers, and if something was perturbed ``finish``, which gets
    the arguments by name and what SciPy found.
    """
    @cache
    def form() -> Any:
        return signature(original)

    @counterpart(original, always=True)
    @wraps(original)
    def solve(*args: Any, **options: Any) -> Any:
        call = form().bind(*args, **options)
        given = dict(call.arguments)
        quiet = {name: Plain(x) if name in FUNCTIONS and callable(x) else plainly(x) for name, x in given.items()}
        call.arguments.update(quiet)
        found = original(*call.args, **call.kwargs)
        if not any(map(perturbed, (*given.values(), *quiet.values()))):
            return found
        call.arguments.update(given)
        call.apply_defaults()
        return finish(original.__name__, call.arguments, found)


def told(name: str, found: Any, known: dict[str, Any]) -> Any:
    """SciPy's result, a mapping, with what is known; arrays and numbers beside it have no derivative rule."""
    for key, x in found.items():
        if key in known:
            found[key] = known[key]
        elif not isinstance(x, str | bool | int | np.integer | np.bool_ | None) and key not in CONSTANT:
            found[key] = Absent(f"scipy.optimize.{name}: the derivative of result.{key} has no rule; compute it from the "
                                f"solution, {' and '.join(f'result.{name}' for name in known)}")
    return found


CONSTANT = frozenset(("execution_time", "constr_violation", "optimality", "tr_radius", "constr_penalty", "barrier_parameter",
                      "barrier_tolerance", "message", "active_mask", "fvec", "maxcv"))  # which are counts, or zero at a solution


def in_place(name: str, found: Any, *known: Any, **inside: Any) -> Any:
    """SciPy's tuple with the first results known, and a refusal for the other arrays."""
    if not isinstance(found, tuple):
        return known[0]
    rest = [told(name, x, {"x": known[0], "root": known[0]} | inside) if isinstance(x, dict) else x if not isinstance(x, np.ndarray) else Absent(
        f"scipy.optimize.{name}: of its results the first is differentiated") for x in found[len(known):]]
    return (*known, *rest)


# ---- roots
def of_function(f: str, kind: type[Solution] = Solution) -> Function:
    def finish(what: str, given: dict[str, Any], found: Any) -> Any:
        g, args = given[f], tupled(given.get("args", ()))
        if given.get("jac") is True or given.get("fprime") is True:
            g = first_of(g)
        if what == "fixed_point":
            g = distance(g)
        if isinstance(found, dict):
            key = "x" if "x" in found else "root"
            return told(what, found, {key: root_of(what, g, args, found[key], kind), "fun": found.get("fun")})
        x = root_of(what, g, args, found[0] if isinstance(found, tuple) else found, kind)
        if isinstance(found, tuple) and hasattr(found[1], "root"):
            found[1].root = x
        return found._replace(root=x) if hasattr(found, "_fields") else in_place(what, found, x)
    return finish


def first_of(f: Function) -> Function:
    return lambda *args: f(*args)[0]


def distance(g: Function) -> Function:
    return lambda x, *args: x - g(x, *args)


for _name in ("brentq", "brenth", "ridder", "bisect", "toms748"):
    solver(getattr(scipy, _name), of_function("f"))
for _name in ("root", "root_scalar"):
    solver(getattr(scipy, _name), of_function("fun" if _name == "root" else "f"))
for _name in ("fsolve", "fixed_point", "newton"):
    solver(getattr(scipy, _name), of_function("func", Solution if _name == "fsolve" else Pointwise))
for _name in ("broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden", "excitingmixing", "newton_krylov"):
    solver(getattr(scipy, _name), of_function("F"))


# ---- minima
Constraint = tuple[Function, bool]  # c(x) = 0, or c(x) ≥ 0; and whether it is an equation


def interval(c: Function, low: Any, high: Any, size: int) -> list[Constraint]:
    """low ≤ c(x) ≤ high of so many numbers."""
    low, high = (np.zeros(size) + value_of(x) for x in (low, high))
    bottom, top = stripped(low), stripped(high)
    same = bottom == top
    kinds = ((same, lambda v, i: c(v)[i] - low[i]), (np.isfinite(bottom) & ~same, lambda v, i: c(v)[i] - low[i]),
             (np.isfinite(top) & ~same, lambda v, i: high[i] - c(v)[i]))
    return [(lambda v, g=g, i=np.flatnonzero(which): g(v, i), g is kinds[0][1])
            for which, g in kinds if which.any()]


def box(bounds: Any, n: int, pairs: bool = True) -> tuple[Any, Any]:
    """Bounds as SciPy's solvers take them: an object, pairs for each number, or all lower and all upper ones."""
    ends = (-np.inf, np.inf)
    if isinstance(bounds, scipy.Bounds):
        ends = bounds.lb, bounds.ub
    elif pairs and bounds is not None and len(bounds):
        ends = tuple([end if x is None else x for x in column] for column, end in zip(zip(*bounds, strict=True), ends, strict=True))
    elif not pairs and bounds is not None:
        ends = tuple(bounds)
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
            g = vector(c.fun, ()) if hasattr(c, "fun") else (lambda v, A=c.A: A @ v)
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


def argmin(name: str, f: Function, x: Any, bounds: tuple[Any, Any], constraints: list[Constraint]) -> tuple[Any, Any]:
    """SciPy's minimiser x of f with its derivative, and the exact one.

    By the conditions of Karush, Kuhn and Tucker: ∇f = Σ λ ∇c and c = 0 over the constraints that are active, whose multipliers
    λ are unknowns beside x (J. Nocedal, S. Wright, Numerical Optimization, 2006, section 12.3); an x at a bound is the bound.
    Which are active is guessed from SciPy's x, and is right if the exact solution meets the others and the active ones hold
    it back. If one is met that does not, the minimiser has a kink.
    """
    what, n, (low, high) = f"scipy.optimize.{name}", len(x), bounds
    reach, slope, same = NEAR * (1 + largest(x)), stripped(gradient(f, mode="reverse")(x)), stripped(low) == stripped(high)
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
        m = np.linalg.lstsq(unit[keep].T, slope)[0]
        wrong = np.where(equation[keep], np.inf, m)
        if not guessed and wrong.min(initial=0.0) < -SLACK * largest(slope):  # the worst first
            keep[np.flatnonzero(keep)[wrong.argmin()]] = False
            continue
        guessed, fixed, held = True, np.flatnonzero(keep[:count]), np.flatnonzero(keep[count:])
        free = np.setdiff1d(np.arange(n), at[fixed])
        order = np.argsort(np.concatenate([free, at[fixed]]))

        def full(w: Any, fixed: Any = fixed, order: Any = order) -> Any:
            return np.concatenate([w, ends[fixed]])[order] if len(fixed) else w

        def lagrangian(v: Any, m: Any, held: Any = held) -> Any:
            return f(v) - np.sum(m * c(v)[held]) if len(held) else f(v)

        def conditions(z: Any, k: int = len(free), full: Any = full, lagrangian: Any = lagrangian, held: Any = held) -> Any:
            down = gradient(lambda w: lagrangian(full(w), z[k:]), mode="reverse")(z[:k])
            return np.concatenate([down, c(full(z[:k]))[held]]) if len(held) else down

        solution = Solution(what, conditions, conditions)
        z = solution.polished(np.concatenate([x[free], m[len(fixed):] / sizes[held]]))
        exact = stripped(full(z[:len(free)]))
        down = stripped(gradient(lambda v: lagrangian(v, z[len(free):]), mode="reverse")(exact))  # noqa: B023
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
        raise DegenerateError(f"{what}: a bound or constraint is met at the solution, and without it the solution is the same: it "
                              "has a kink there, and no derivative. Leave the constraint out, or move it away")
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


def minimum(f: str) -> Function:
    """What to make of a minimiser's result, if its function is its argument of this name."""
    def finish(name: str, given: dict[str, Any], found: Any) -> Any:
        g, args = given[f], tupled(given.get("args", ()))
        if given.get("jac") is True or (name in ("fmin_l_bfgs_b", "fmin_tnc") and given["fprime"] is None and
                                        not given["approx_grad"]):
            g = first_of(g)
        x = found["x"] if isinstance(found, dict) else found[0] if isinstance(found, tuple) else found
        shape = np.shape(x)

        def objective(v: Any) -> Any:
            return np.reshape(value_of(g(np.reshape(v, shape) if shape else v[0], *args)), ())

        bounds = (given["x1"], given["x2"]) if "x1" in given else given.get("bounds")
        near, exact = argmin(name, objective, np.ravel(x) * 1.0, box(bounds, np.size(x), pairs=bool(shape)),
                             constraints_of(given, x))
        least, near = objective(exact), np.reshape(near, shape) if shape else near[0]
        value = found.get("fun") if isinstance(found, dict) else found[1] if isinstance(found, tuple) else None
        value = with_tangent(value, least) if isinstance(value, float) else value
        return told(name, found, {"x": near, "fun": value}) if isinstance(found, dict) else \
            in_place(name, found, *((near, value) if isinstance(value, np.floating | float) or hasattr(value, "level") else (near,)))
    return finish


for _name in ("minimize", "minimize_scalar"):
    solver(getattr(scipy, _name), minimum("fun"))
for _name in ("fmin_cg", "fmin_bfgs", "fmin_ncg"):
    solver(getattr(scipy, _name), minimum("f"))
for _name in ("fmin", "fmin_powell", "fmin_l_bfgs_b", "fmin_tnc", "fmin_cobyla", "fmin_slsqp", "fminbound", "brent", "golden",
              "brute", "differential_evolution", "dual_annealing", "basinhopping", "shgo", "direct"):
    solver(getattr(scipy, _name), minimum("func"))


# ---- least squares
RHO = {"linear": lambda z: z, "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1), "cauchy": np.log1p, "arctan": np.arctan,
       "huber": lambda z: np.where(z <= 1, z, 2 * np.sqrt(np.where(z <= 1, 1, z)) - 1)}


def squares(name: str, residual: Function, x: Any, bounds: tuple[Any, Any], loss: Any = "linear", scale: float = 1.0) -> Any:
    """x with its derivative, the exact one, and the cost there."""
    rho = RHO[loss] if isinstance(loss, str) else lambda z: loss(z)[0]

    def cost(v: Any) -> Any:
        return 0.5 * scale**2 * np.sum(rho((residual(v) / scale) ** 2))
    near, exact = argmin(name, cost, x * 1.0, bounds, [])
    return near, exact, cost(exact)


def least_squares(name: str, given: dict[str, Any], found: Any) -> Any:
    kwargs = given["kwargs"] or {}
    residual = vector(lambda v, *args: given["fun"](v, *args, **kwargs), tupled(given["args"]))
    x, exact, cost = squares(name, residual, found["x"], box(given["bounds"], len(found["x"]), pairs=False), given["loss"],
                             given["f_scale"])
    return told(name, found, {"x": x, "fun": with_tangent(found["fun"], residual(exact)),
                              "cost": with_tangent(found["cost"], cost)})


def covariance(residual: Function, x: Any) -> Any:
    J = jacobian(residual)(x)
    return np.linalg.inv(np.transpose(J) @ J)


def leastsq(name: str, given: dict[str, Any], found: Any) -> Any:
    residual = vector(given["func"], tupled(given["args"]))
    x, exact, _ = squares(name, residual, np.ravel(found[0]), box(None, np.size(found[0])))
    if not given["full_output"]:
        return x, found[1]
    known = () if found[1] is None else (with_tangent(found[1], covariance(residual, exact)),)
    return in_place(name, found, x, *known, fvec=with_tangent(found[2]["fvec"], residual(exact)))


def curve_fit(name: str, given: dict[str, Any], found: Any) -> Any:
    f, sigma, plain, n = given["f"], value_of(given["sigma"]), found[0], len(found[0])
    x, y = (np.asarray(a) if isinstance(a, list | tuple) else a for a in map(value_of, (given["xdata"], given["ydata"])))
    if given["nan_policy"] is not None:
        raise RuleError("scipy.optimize.curve_fit with nan_policy has no derivative rule; leave the missing data out")

    def residual(p: Any) -> Any:
        r = np.ravel(value_of(f(x, *p)) - y)
        return r if sigma is None else r / sigma if np.ndim(sigma) < 2 else np.linalg.solve(np.linalg.cholesky(sigma), r)

    p, exact, cost = squares(name, residual, plain, box(given["bounds"], n, pairs=False))
    known: Any = found[1]
    if np.isfinite(known).all():
        scale = 1.0 if given["absolute_sigma"] and sigma is not None else 2 * cost / (np.size(stripped(y)) - n)
        known = with_tangent(known, covariance(residual, exact) * scale)
    return in_place(name, found, p, known, fvec=with_tangent(found[2]["fvec"], residual(exact)) if len(found) > 2 else None)


def linear(name: str, given: dict[str, Any], found: Any) -> Any:
    """lsq_linear and nnls."""
    A, b = value_of(given["A"]), value_of(given["b"])
    nonnegative, x = name == "nnls", found[0] if isinstance(found, tuple) else found["x"]
    bounds = (0, np.inf) if nonnegative else given["bounds"]
    near, exact, cost = squares(name, lambda v: A @ v - b, x, box(bounds, len(x), pairs=False))
    if nonnegative:
        return near, with_tangent(found[1], np.sqrt(2 * cost))
    return told(name, found, {"x": near, "fun": with_tangent(found["fun"], A @ exact - b),
                              "cost": with_tangent(found["cost"], cost)})


def linprog(name: str, given: dict[str, Any], found: Any) -> Any:
    c, upper, right, matrix, equal = map(value_of, (given[key] for key in ("c", "A_ub", "b_ub", "A_eq", "b_eq")))
    x, bounds = found["x"], given["bounds"]
    n = 0 if x is None else len(x)
    if not n or np.any(given["integrality"]):
        raise RuleError(f"scipy.optimize.linprog: no solution that can be differentiated: {found['message']}")
    pairs = bounds is not None and np.ndim(stripped(bounds[0])) == 0
    constraints = [(lambda v: np.ravel(right - upper @ v), False)] if upper is not None else []
    constraints += [(lambda v: np.ravel(matrix @ v - equal), True)] if matrix is not None else []
    near, exact = argmin(name, lambda v: np.sum(c * v), x, box([bounds] * n if pairs else bounds, n), constraints)
    return told(name, found, {"x": near, "fun": with_tangent(found["fun"], np.sum(c * exact))})


for _name, _finish in (("least_squares", least_squares), ("leastsq", leastsq), ("curve_fit", curve_fit),
                       ("lsq_linear", linear), ("nnls", linear), ("linprog", linprog)):
    solver(getattr(scipy, _name), _finish)


# ---- what picks or pools
@counterpart(scipy.linear_sum_assignment)
def linear_sum_assignment(cost_matrix: Any, maximize: bool = False) -> Any:
    """Indices, which are constant where the costs move a little."""
    return scipy.linear_sum_assignment(stripped(value_of(cost_matrix)), stripped(maximize))


@counterpart(scipy.isotonic_regression)
def isotonic_regression(y: Any, *, weights: Any = None, increasing: bool = True) -> Any:
    """Weighted means of blocks, which stay where the data move a little."""
    found = scipy.isotonic_regression(stripped(value_of(y)), weights=stripped(value_of(weights)), increasing=increasing)
    w = np.ones(found.x.shape) if weights is None else value_of(weights)
    starts = found.blocks[:-1]
    total = np.add.reduceat(w, starts)
    means = np.add.reduceat(w * value_of(y), starts) / total
    found.x, found.weights = with_tangent(found.x, np.repeat(means, np.diff(found.blocks))), with_tangent(found.weights, total)
    return found


for _original in (scipy.milp, scipy.quadratic_assignment):
    refused(_original, "its solution jumps; give it constants, dualdiff.stop_gradient(x)")

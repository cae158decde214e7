"""scipy.optimize: SciPy's own solution on plain numbers, differentiated by the theorem that defines it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import scipy.optimize as scipy

from ..errors import RuleError
from ..forms import stop_gradient, stripped
from ..transforms import jacobian
from .callbacks import perturbed, refused, tupled, value_of
from .closures import quietly
from .counterparts import counterpart, with_tangent
from .solutions import Function, Pointwise, Solution, flat, in_place, solver, told
from .stationary import argmin, box, constraints_of, vector


# ---- roots
def with_args(f: Function, args: Any) -> tuple[Function, Function]:
    """x ↦ f(x, *args), and the same without what is perturbed in args, and in the closure where that can be."""
    quiet, bare = quietly(f, perturbed(args)), stop_gradient(args)
    return lambda x: value_of(f(x, *args)), lambda x: value_of(quiet(x, *bare))


def root_of(what: str, f: Function, args: tuple[Any, ...], x: Any, kind: type[Solution] = Solution) -> Any:
    """A root x of f(x, *args) that SciPy found, of any shape, with its derivative."""
    shape = np.shape(x)

    def as_vector(g: Function) -> Function:
        if len(shape) == 1:  # elements that stay where they are: what Pointwise asks for
            return lambda v: flat(g(v))
        return lambda v: flat(g(np.reshape(v, shape) if shape else v[0]))

    residual, quiet = map(as_vector, with_args(f, args))
    found = kind(f"scipy.optimize.{what}", residual, quiet).near(np.ravel(x))
    return np.reshape(found, shape) if shape else found[0]


def of_function(f: str, kind: type[Solution] = Solution) -> Function:
    def finish(what: str, given: dict[str, Any], found: Any) -> Any:
        g, args = given[f], tupled(given.get("args", ()), what)
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
def minimum(f: str) -> Function:
    """What to make of a minimiser's result, if its function is its argument of this name."""
    def finish(name: str, given: dict[str, Any], found: Any) -> Any:
        given = (given.get("minimizer_kwargs") or {}) | given
        g, args = given[f], tupled(given.get("args", ()))
        if given.get("jac") is True or (name in ("fmin_l_bfgs_b", "fmin_tnc") and given["fprime"] is None and
                                        not given["approx_grad"]):
            g = first_of(g)
        x = found["x"] if isinstance(found, dict) else found[0] if isinstance(found, tuple) else found
        shape = np.shape(x)

        def objective(v: Any, g: Function = g, args: Any = args) -> Any:
            return np.reshape(value_of(g(np.reshape(v, shape) if shape else v[0], *args)), ())

        still = partial(objective, g=quietly(g, perturbed(args)), args=stop_gradient(args))
        bounds = (given["x1"], given["x2"]) if "x1" in given else given.get("bounds")
        near, exact = argmin(name, objective, still, np.ravel(x) * 1.0, box(bounds, np.size(x), pairs=bool(shape)),
                             constraints_of(given, x))
        least, near = objective(exact), np.reshape(near, shape) if shape else near[0]
        value = found.get("fun") if isinstance(found, dict) else found[1] if isinstance(found, tuple) else None
        value = with_tangent(value, least) if isinstance(value, float) else value
        if isinstance(found, dict):
            return told(name, found, {"x": near, "fun": value})
        return in_place(name, found, near, *((value,) if isinstance(value, float) or hasattr(value, "level") else ()))
    return finish


for _name in ("minimize", "minimize_scalar"):
    solver(getattr(scipy, _name), minimum("fun"))
for _name in ("fmin_cg", "fmin_bfgs", "fmin_ncg"):
    solver(getattr(scipy, _name), minimum("f"))
for _name in ("fmin", "fmin_powell", "fmin_l_bfgs_b", "fmin_tnc", "fmin_cobyla", "fmin_slsqp", "fminbound", "brent", "golden",
              "brute", "differential_evolution", "dual_annealing", "basinhopping", "shgo", "direct"):
    solver(getattr(scipy, _name), minimum("func"))


# ---- least squares
RHO: dict[str, Any] = {"linear": lambda z: z, "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1), "cauchy": np.log1p,
                       "arctan": np.arctan,
                       "huber": lambda z: np.where(z <= 1, z, 2 * np.sqrt(np.where(z <= 1, 1, z)) - 1)}


def squares(name: str, residual: Function, still: Function, x: Any, bounds: tuple[Any, Any], loss: Any = "linear",
            scale: float = 1.0) -> Any:
    """x with its derivative, the exact one, and the cost there; ``still`` as argmin takes it."""
    rho = RHO[loss] if isinstance(loss, str) else lambda z: loss(z)[0]

    def cost(residual: Function, v: Any) -> Any:
        return 0.5 * scale**2 * np.sum(rho((residual(v) / scale) ** 2))
    near, exact = argmin(name, partial(cost, residual), partial(cost, still), x * 1.0, bounds, [])
    return near, exact, cost(residual, exact)


def least_squares(name: str, given: dict[str, Any], found: Any) -> Any:
    kwargs = given["kwargs"] or {}
    residual, still = both(partial(given["fun"], **kwargs), tupled(given["args"], name))
    x, exact, cost = squares(name, residual, still, found["x"], box(given["bounds"], len(found["x"]), pairs=False),
                             given["loss"], given["f_scale"])
    return told(name, found, {"x": x, "fun": with_tangent(found["fun"], residual(exact)),
                              "cost": with_tangent(found["cost"], cost)})


def both(f: Function, args: Any) -> tuple[Function, Function]:
    """v ↦ f(v, *args) as a vector, and the same without what is perturbed beside v."""
    return vector(f, args), vector(quietly(f, perturbed(args)), stop_gradient(args))


def covariance(residual: Function, x: Any) -> Any:
    J = jacobian(residual)(x)
    return np.linalg.inv(np.transpose(J) @ J)


def leastsq(name: str, given: dict[str, Any], found: Any) -> Any:
    residual, still = both(given["func"], tupled(given["args"]))
    x, exact, _ = squares(name, residual, still, np.ravel(found[0]), box(None, np.size(found[0])))
    if not given["full_output"]:
        return x, found[1]
    known = () if found[1] is None else (with_tangent(found[1], covariance(residual, exact)),)
    return in_place(name, found, x, *known, fvec=with_tangent(found[2]["fvec"], residual(exact)))


def curve_fit(name: str, given: dict[str, Any], found: Any) -> Any:
    f, sigma, plain, n = given["f"], value_of(given["sigma"]), found[0], len(found[0])
    x, y = value_of(given["xdata"]), value_of(given["ydata"])
    x, y = np.asarray(x) if isinstance(x, list | tuple) else x, y if hasattr(y, "level") else np.asarray(y, float)
    if given.get("nan_policy") == "omit":
        raise RuleError('scipy.optimize.curve_fit with nan_policy="omit" has no derivative rule; leave the missing data out')

    def residual(p: Any, f: Function = f, x: Any = x, y: Any = y, sigma: Any = sigma) -> Any:
        r = np.ravel(value_of(f(x, *p)) - y)
        return r if sigma is None else r / sigma if np.ndim(sigma) < 2 else np.linalg.solve(np.linalg.cholesky(sigma), r)

    bare = dict(zip(("x", "y", "sigma"), stop_gradient((x, y, sigma)), strict=True))
    still = partial(residual, f=quietly(f, perturbed((x, y, sigma))), **bare)
    p, exact, cost = squares(name, residual, still, plain, box(given["bounds"], n, pairs=False))
    known: Any = found[1]
    if np.isfinite(known).all():
        scale = 1.0 if given["absolute_sigma"] else 2 * cost / (np.size(stripped(y)) - n)
        known = with_tangent(known, covariance(residual, exact) * scale)
    return in_place(name, found, p, known, fvec=with_tangent(found[2]["fvec"], residual(exact)) if len(found) > 2 else None)


def linear(name: str, given: dict[str, Any], found: Any) -> Any:
    """lsq_linear and nnls."""
    A, b = value_of(given["A"]), value_of(given["b"])
    nonnegative, x = name == "nnls", found[0] if isinstance(found, tuple) else found["x"]
    bounds = (0, np.inf) if nonnegative else given["bounds"]
    fixed = stop_gradient((A, b))
    near, exact, cost = squares(name, lambda v: A @ v - b, lambda v: fixed[0] @ v - fixed[1], x,
                                box(bounds, len(x), pairs=False))
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
    near, exact = argmin(name, lambda v: np.sum(c * v), lambda v: np.sum(stripped(c) * v), x,
                         box([bounds] * n if pairs else bounds, n), constraints)
    return told(name, found, {"x": near, "fun": with_tangent(found["fun"], np.sum(c * exact))})


for _name, _finish in (("least_squares", least_squares), ("leastsq", leastsq), ("curve_fit", curve_fit),
                       ("lsq_linear", linear), ("nnls", linear), ("linprog", linprog)):
    solver(getattr(scipy, _name), _finish)


# ---- what picks or pools
@counterpart(scipy.linear_sum_assignment)
def linear_sum_assignment(cost_matrix: Any, maximize: bool = False) -> Any:
    """Indices, which are constant where the costs move a little."""
    return scipy.linear_sum_assignment(stripped(value_of(cost_matrix)), stripped(maximize))


@counterpart(getattr(scipy, "isotonic_regression", object()))  # which is new
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

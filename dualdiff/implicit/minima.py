"""minimize: where a function is least, differentiated by its Hessian."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ConvergenceError, needed
from ..forms import stripped
from ..transforms import gradient, hessian
from .roots import largest, newton
from .theorem import Equations, Function, Unknowns, with_args


def minimize(f: Function, x0: Any, args: Any = (), *, method: str = "newton", tol: float | None = None,
             max_iter: int = 100) -> Any:
    """The x at which ``f(x, *args)`` is least, found from x0, as a differentiable function of what f depends on.

    x0 is a number, an array or a tree of real ones; the result has its form: the minimiser itself, f of it being one more
    call. At a minimum the gradient vanishes, so its derivative is that of the root of ∂f/∂x: -H⁻¹ ∂²f/∂x∂θ with the Hessian
    H, with respect to ``args`` and whatever f closes over, in every mode and to any order. The minimum is a local one, free
    of constraints.

    ``method="newton"`` is ``dualdiff.optimize.newton``; any other name is a method of ``scipy.optimize.minimize``, which
    gets the gradient and, where it takes one, the Hessian. Either is followed by Newton steps on the gradient, so that x is
    exact to rounding. Costs some runs of f forward over reverse, with n directions for n unknowns, and n³. ``tol`` and
    ``max_iter`` are as in ``root``. Raises ConvergenceError where no minimum is found, DegenerateError where a derivative is
    asked for and the Hessian is singular to rounding.

    >>> from dualdiff import derivative
    >>> derivative(lambda a: minimize(lambda x: (x**2 - a)**2, 1.0))(4.0)
    np.float64(0.25)
    """
    given = Unknowns(x0, "minimize")
    f, bare = with_args(f, args, "minimize")
    slope, quiet = gradient(lambda v: f(given.tree(v)), mode="reverse"), gradient(lambda v: bare(given.tree(v)), mode="reverse")
    equations = Equations("minimize", slope, quiet)

    def value(v: Any) -> Any:
        return stripped(bare(given.tree(v)))

    def curvature(v: Any) -> Any:
        return stripped(hessian(lambda w: bare(given.tree(w)))(v))

    if method == "newton":
        from ..optimize import newton as descent
        start = descent(value, given.start, jac=equations.plain, hess=curvature, max_iter=max_iter).x
    else:
        start = scipy_minimum(value, equations.plain, curvature, given.start, method)
    x = newton(equations, start, tol, max_iter)
    least = np.linalg.eigvalsh(equations.jacobian(x)).min(initial=np.inf)
    if least < 0 or value(x) > value(given.start):
        raise ConvergenceError("minimize: the gradient vanishes where it came to rest, but f is not least there (the smallest "
                               f"eigenvalue of the Hessian is {least:.3g}). Start elsewhere")
    return given.tree(equations.solution(x))


WITH_HESSIAN = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-exact", "dogleg", "trust-constr")
CLOSE = 1e-3  # a gradient that shrank by as much was being minimised
WITHOUT_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")


def scipy_minimum(value: Function, slope: Function, curvature: Function, x: Any, method: str) -> Any:
    optimize = needed("scipy.optimize", f"minimize with method={method!r}")
    known = {} if method in WITHOUT_GRADIENT else {"jac": slope}
    if method in WITH_HESSIAN:
        known["hess"] = curvature
    found = optimize.minimize(value, x, method=method and str(method), **known)
    # Where rounding stops a line search SciPy says so, close to the minimum: the Newton steps that follow decide.
    if not found.success and not largest(slope(found.x)) < CLOSE * largest(slope(x)):
        raise ConvergenceError(f"minimize: scipy.optimize.minimize(method={method!r}) says: {found.message}")
    return found.x

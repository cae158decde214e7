"""Newton's method with the Hessian from duals: few parameters, many digits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import isfinite
from typing import Any

import numpy as np

from ..errors import require_function
from ..transforms import gradient, jacobian
from ..transforms.trees import flatten
from .result import EPS, Array, Callback, Result, joined, leaves_of, number, require_finite, require_functions, vector
from .stopping import STALLED, Stop
from .trail import Trail

ENOUGH = 1e-4  # Armijo's constant, as in Nocedal & Wright, section 3.1
PIVOT = 1e-6  # of the scaled Hessian: a smaller one asks for its eigenvalues
SHORTEST = 2.0**-40  # a step this short changes f by its rounding error only


def newton(f: Callable[[Any], Any], x0: Any, *, max_iter: int = 100, tol: float = 1e-8, max_seconds: float | None = None,
           mode: str = "reverse", jac: Callable[[Any], Any] | None = None,
           hess: Callable[[Array], Array] | None = None, callback: Callback | None = None) -> Result:
    """Minimise a smooth f by Newton's steps with backtracking.

    ``f``, ``x0``, ``mode``, ``jac`` and ``callback`` are as in ``gradient_descent``; ``jac`` must be written in NumPy,
    for the Hessian is its Jacobian by a forward sweep, unless ``hess`` gives it, an array of n × n for the parameters as one
    vector. For n parameters an iteration takes one sweep in n directions
    and a factorisation, of cost n³: for n up to a few hundred. Where the curvature is negative the step goes
    downhill; where it vanishes it is bounded. Stops where the gradient's length is at most ``tol`` (success), where no
    step lowers f beyond rounding, or after ``max_iter`` iterations or ``max_seconds``; Ctrl-C returns the best so far. Raises
    DivergenceError if f is not finite at x0.

    J. Nocedal, S. Wright, *Numerical Optimization* (2006), sections 3.1 and 3.4.

    >>> import numpy as np
    >>> rosenbrock = lambda x: (1 - x[0])**2 + 100 * (x[1] - x[0]**2)**2
    >>> newton(rosenbrock, np.array([-1.2, 1.0])).x
    array([1., 1.])
    """
    require_function(f, "newton")
    require_functions(jac=jac, hess=hess)
    trail = Trail(max_iter, tol, max_seconds, callback)
    x0, tree = vector(x0)
    by_duals = gradient(f, mode=mode) if jac is None else jac

    def slope(x: Any) -> list[Any]:
        return leaves_of(by_duals(x), x)

    blocks, sizes = jacobian(slope, mode="forward"), [np.size(leaf) for leaf in flatten(tree(x0), None)[0]]

    def hessian(v: Array) -> Array:
        """∂²f/∂x² as one matrix, of the blocks by each two arrays of x."""
        rows = [flatten(row, None)[0] for row in blocks(tree(v))]
        return np.block([[np.reshape(block, (m, n)) for block, n in zip(row, sizes, strict=True)]
                         for row, m in zip(rows, sizes, strict=True)])

    def steps() -> None:
        x = x0
        loss = number(f(tree(x)))
        trail.nfev += 1
        while True:
            g = joined(slope(tree(x)))
            trail.nfev += 1
            require_finite("newton", len(trail.history), loss, [g], None)
            far = trail.reach(loss, [x], [g])
            H = hessian(x) if hess is None else hess(x)
            require_finite("newton", len(trail.history) - 1, loss, [H], None, "Hessian")
            p = downhill(H, g)
            t, new = 1.0, float("inf")
            while t > SHORTEST:  # a step too long may overflow: it is halved
                new = number(f(tree(x + t * p)))
                trail.nfev += 1
                # Near the minimum f changes by less than its own rounding error, which must not refuse a good step.
                if isfinite(new) and new <= loss + ENOUGH * t * float(p @ g) + 4 * EPS * abs(loss):
                    break
                t /= 2
            else:
                raise Stop(STALLED, f"stalled: no step lowers f beyond rounding; {far}")
            x, loss = x + t * p, new
            trail.nfev += 1  # the sweep for the Hessian

    return trail.follow(steps, lambda v: tree(*v))


def downhill(H: Array, g: Array) -> Array:
    """-|H|⁻¹ g, the eigenvalues of H taken by modulus and held above √eps of the largest.

    Below that, rounding decides what an eigenvalue is. H is scaled to a diagonal of ones first, so that the units of
    the parameters do not make it look singular. Where Cholesky's pivots are far from that, it is solved with as it is.
    """
    size = np.sqrt(np.abs(np.diag(H)))
    size[size == 0] = 1
    scaled = H / np.outer(size, size)
    with suppress(np.linalg.LinAlgError):
        if np.linalg.cholesky(scaled).diagonal().min(initial=1.0) ** 2 > PIVOT:
            return -np.linalg.solve(scaled, g / size) / size
    values, vectors = np.linalg.eigh(scaled)
    curvature = np.abs(values)
    curvature = np.maximum(curvature, np.sqrt(EPS) * max(float(curvature.max(initial=0.0)), EPS))
    step: Array = -(vectors @ ((vectors.T @ (g / size)) / curvature)) / size
    return step

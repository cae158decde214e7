"""What SciPy's solvers have in common: the call on plain numbers, and the solution that Newton's method makes exact.

What SciPy finds is found to its tolerance. The derivatives are taken where Newton's method leads from there, at the solution to
rounding, and added to SciPy's value, which stays what it is, bits and all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from inspect import signature
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import LATEST, ConvergenceError, RuleError, StructureError
from ..forms import stripped
from ..implicit.roots import largest, largest_of_rows, newton_step
from ..implicit.theorem import Equations, differentiated, factored, singular
from ..transforms import derivative
from .callbacks import Absent, perturbed, plainly, value_of
from .counterparts import counterpart, with_tangent

Function = Callable[..., Any]
FAR = 1e-2  # further than that from SciPy's solution Newton's method has found another
BENT = 0.3  # a slope that changes by this part of itself over a step too short to be of use is zero to rounding
CLOSE = 1e-11  # a Newton step of this part of x changes no derivative


class Solution(Equations):
    """The root of a residual that SciPy came close to."""

    at: Any = None

    def jacobian(self, x: Any) -> Any:
        if self.at is not x:
            self.at, self.J = x, self.found(x)
        return self.J

    def found(self, x: Any) -> Any:
        return super().jacobian(x)

    def solution(self, x: Any) -> Any:
        """A singular root is refused even if its residual shows nothing perturbed: sign(x - a) jumps there."""
        system = self.factored(x)
        return differentiated(self.residual, x, lambda: system)

    def factored(self, x: Any) -> Any:
        J = self.jacobian(x)
        if not self.multiple and (diagonal := J.shape == (1, 1) or hasattr(J, "tocsr")):
            slopes, near = J.diagonal(), x + np.sqrt(np.finfo(x.dtype).eps) * x
            steady = np.abs(self.found(near).diagonal() - slopes) <= BENT * np.abs(slopes)
            self.multiple = not np.all(steady & np.isfinite(slopes) & (slopes != 0))
        if self.multiple:
            raise singular(self.what, "to rounding its slope there is zero, as at a root of higher multiplicity")
        return Slopes(slopes) if diagonal else factored(J, self.what)

    def polished(self, x: Any) -> Any:
        """The root to rounding."""
        start, r, sizes = x, self.plain(x), list[float]()
        if r.shape != x.shape:
            raise RuleError(f"{self.what}: {r.size} equations for {x.size} unknowns define no differentiable solution; "
                            "dualdiff differentiates least_squares")
        for _ in range(20):
            J = self.jacobian(x)
            rows = largest_of_rows(J)
            with np.errstate(all="ignore"):
                step = newton_step(J, rows, r)
                sizes.append(largest(step))
                if not sizes[-1] > CLOSE * largest(x):
                    break
                new = x + step
                r_new = self.plain(new)
                if not largest(r_new / rows) < largest(r / rows):  # as near as rounding allows, or nowhere
                    self.multiple = bool(abs(self.found(new) - J).max() > BENT * abs(J).max())
                    break
            x, r = new, r_new
            if not largest(x - start) <= FAR * max(1.0, largest(start)):
                break
        rates = [after / before for before, after in pairwise(sizes[-4:])]
        slow = len(rates) > 1 and min(rates[:2]) > BENT  # as Newton's method is near a root of higher multiplicity
        self.multiple = (self.multiple or slow) and sizes[-1] <= FAR**2 * max(1.0, largest(x))
        missed = largest((J @ step + r) / rows) if sizes[-1] <= CLOSE * largest(x) else 0.0
        if largest(x - start) <= FAR * max(1.0, largest(start)) and missed <= CLOSE and (
                self.multiple or sizes[-1] <= np.sqrt(CLOSE) * max(1.0, largest(x))):
            return x
        raise ConvergenceError(f"{self.what}: SciPy stopped at {np.array2string(start, threshold=6, precision=6)}, where no "
                               "derivative can be taken: Newton's method leads elsewhere. Ask for a closer solution (tol=), or "
                               "start nearer to it")

    def near(self, x: Any) -> Any:
        """SciPy's x with its derivative."""
        return with_tangent(x, self.solution(self.polished(x.astype(np.result_type(x, float)))))


class Slopes:
    """A diagonal matrix, by which elements are divided: what is sparse stays so."""

    def __init__(self, slopes: Any) -> None:
        self.slopes = slopes

    def solve(self, b: Any) -> Any:
        return b / self.slopes


class Pointwise(Solution):
    """Of a function that acts element by element: its Jacobian is a diagonal."""

    def found(self, x: Any) -> Any:
        latest = LATEST.get()
        try:
            return sparse.diags_array(stripped(derivative(self.quiet)(x))).tocsc()
        except StructureError:
            LATEST.set(latest)
            return super().found(x)


def flat(y: Any) -> Any:
    y = value_of(y) * 1.0 if hasattr(y, "dtype") else value_of(y)
    return y if np.ndim(y) == 1 and hasattr(y, "dtype") else np.ravel(y) * 1.0


# ---- SciPy's call, and what is made of it
GUESSES = frozenset(("x0", "xin", "p0", "bracket", "brack"))  # which have no influence on the solution


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
        quiet = {name: plainly(x, name, [*given.values()]) for name, x in given.items()}
        call.arguments.update(quiet)
        found = original(*call.args, **call.kwargs)
        if not any(perturbed((x, quiet[name])) for name, x in given.items() if name not in GUESSES):
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
                      "barrier_tolerance", "message", "active_mask", "fvec", "maxcv"))  # are zero, or say how it was found


def in_place(name: str, found: Any, *known: Any, **inside: Any) -> Any:
    """SciPy's tuple with the first results known, and a refusal for the other arrays."""
    if not isinstance(found, tuple):
        return known[0]

    def beside(x: Any) -> Any:
        if isinstance(x, dict):
            return told(name, x, {"x": known[0], "root": known[0]} | inside)
        return Absent(f"scipy.optimize.{name}: only the solution is differentiated") if isinstance(x, np.ndarray) else x
    return (*known, *map(beside, found[len(known):]))

"""What a least-squares fit returns: estimates, their uncertainty, and why it stopped."""

from __future__ import annotations

from functools import cached_property
from math import atan, cos, exp, lgamma, pi, sqrt, tan
from statistics import NormalDist
from typing import Any

import numpy as np

from .result import STATUS, Array, is_real, require
from .spectrum import Spectral, inverse, of_normal, of_rows


class FitResult:
    """A least-squares fit; SciPy's names and more.

    ``x`` has the form of x0; ``fun`` are the (weighted) residuals there, ``jac`` their Jacobian (m, n), ``cost`` half the sum
    of squares, or of the loss. ``reason`` is one of converged, stalled, diverged, out of budget, interrupted; ``status`` its
    number (1, -1, -2, 0, -3), ``success`` whether it is the first, ``message`` the reason in words. ``nfev`` counts runs of
    the function, ``njev`` those that gave the Jacobian too, ``nit`` the steps taken; ``history`` is the cost at x0 and after
    each. ``covariance`` (n, n) is s² (JᵀJ)⁻¹ with s² = 2 cost/(m - n), or 1 with ``absolute_sigma``; infinite where the data do
    not determine a parameter, 0 where one was fixed. ``stderr`` is the root of its diagonal in the form of x0, ``names``
    the parameters in the order of the covariance. Over shards ``fun`` and ``jac`` are None: they are nowhere as a whole.

    >>> from dualdiff.optimize import least_squares
    >>> t = np.array([0.0, 1.0, 2.0, 3.0])
    >>> fit = least_squares(lambda b: b[0] * np.exp(-b[1] * t) - [2.0, 1.3, 0.6, 0.5], [1.0, 1.0])
    >>> fit.x, fit.stderr, fit.reason
    (array([2.01937784, 0.5097056 ]), array([0.11394581, 0.06127304]), 'converged')
    """

    def __init__(self, parameters: Any, point: Any, state: Any, reason: str, message: str, free: Any,
                 absolute_sigma: bool) -> None:
        self._parameters, self._point, self._free, self._absolute = parameters, point, free, absolute_sigma
        self.reason, self.message, self.status, self.success = reason, message, STATUS[reason], reason == "converged"
        self.nfev, self.njev, self.nit, self.history = state.nfev, state.njev, state.nit, state.history
        self.cost = point.cost
        whole = point.x
        if free is not None:
            whole = parameters.flat.copy()
            whole[free] = point.x
        self.flat: Array = whole
        self.x = parameters.tree(whole)

    @property
    def names(self) -> list[str]:
        return list(self._parameters.names)

    @cached_property
    def fun(self) -> Any:
        raw = self._point.raw
        return None if raw is None else raw.copy()  # which may be x

    @cached_property
    def jac(self) -> Any:
        Jt = self._point.Jt
        if self._point.raw is None:
            return None
        if self._free is not None:
            whole = np.zeros((self.flat.size, Jt.shape[1]))
            whole[self._free] = Jt
            Jt = whole
        return np.ascontiguousarray(Jt.T)

    @property
    def grad(self) -> Array:
        """The gradient of the cost in the free parameters."""
        g: Array = self._point.g
        return g

    @property
    def optimality(self) -> float:
        """The largest entry of the gradient, as SciPy reports it."""
        return float(np.abs(self.grad).max())

    @property
    def dof(self) -> int:
        """Residuals minus free parameters."""
        return int(self._point.rows - self._point.x.size)

    @cached_property
    def _determined(self) -> tuple[Array, Any]:
        point = self._point
        found = point.spectrum
        if not isinstance(found, Spectral) or found.singular:  # to the scaling of its step
            D = point.scales()
            quick = inverse(point.A, D)
            if quick is not None:
                return self._scaled(quick, np.zeros(D.size, bool))
            found = of_normal(point.A, point.g, D)
            if point.Jt is not None and found.ill:
                found = of_rows(point.Jt, point.r, D)
        return self._scaled(*found.covariance())

    def _scaled(self, C: Array, loose: Any) -> tuple[Array, Any]:
        if not self._absolute:
            square = 2 * self.cost / self.dof if self.dof > 0 else np.inf
            C = np.full_like(C, np.inf) if square == np.inf else C * square if square else np.where(np.isinf(C), C, 0.0)
        if self._free is not None:
            n = self.flat.size
            whole, mask = np.zeros((n, n)), np.zeros(n, bool)
            whole[np.ix_(self._free, self._free)] = C
            mask[self._free] = loose
            return whole, mask
        return C, loose

    @property
    def covariance(self) -> Array:
        return self._determined[0]

    @property
    def undetermined(self) -> list[str]:
        """The names of the parameters that the data do not determine: the Jacobian is singular in their directions."""
        return [name for name, loose in zip(self.names, self._determined[1], strict=True) if loose]

    @property
    def stderr(self) -> Any:
        return self._parameters.tree(np.sqrt(np.diag(self.covariance)))

    @property
    def correlation(self) -> Array:
        sigma = np.sqrt(np.diag(self.covariance))
        with np.errstate(invalid="ignore", divide="ignore"):
            C: Array = self.covariance / np.outer(sigma, sigma)
        return C

    def confidence_interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """(lower, upper), each in the form of x0: x ± t stderr, with Student's t for ``dof`` (the normal law if sigma was
        absolute). Linear in the parameters: as good as the model is straight over their standard errors.
        """
        require(is_real(level) and 0 < level < 1, "level", level, "a number between 0 and 1")
        q = (1 + level) / 2
        factor = NormalDist().inv_cdf(q) if self._absolute else student_quantile(q, max(self.dof, 1))
        reach = factor * np.sqrt(np.diag(self.covariance))
        return self._parameters.tree(self.flat - reach), self._parameters.tree(self.flat + reach)

    def __repr__(self) -> str:
        rows = [f"  {name} = {value:.10g} ± {error:.3g}" for name, value, error in
                zip(self.names, self.flat, np.sqrt(np.diag(self.covariance)), strict=True)][:20]
        head = [f"FitResult: {self.message}", f"  cost = {self.cost:.10g}, nfev = {self.nfev}, nit = {self.nit}"]
        return "\n".join(head + rows)


# ---- Student's t
def student_quantile(q: float, dof: int) -> float:
    """The q-quantile of Student's t for q from ½: Newton's method on the distribution, from the normal quantile.

    With t = √ν tan θ the density becomes cos^(ν-1) θ, smooth on [0, θ]: forty Gauss-Legendre points are exact to rounding.
    """
    if dof == 1:
        return tan(pi * (q - 0.5))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    if dof > 1000:  # lgamma would cancel: the asymptotic ratio of gamma functions
        u = 1 / dof
        constant = sqrt(dof / 2 / pi) * (1 - u / 4 + u**2 / 32 + 5 * u**3 / 128)
    else:
        constant = exp(lgamma((dof + 1) / 2) - lgamma(dof / 2)) / sqrt(pi)
    theta = atan(NormalDist().inv_cdf(q) / sqrt(dof))
    for _ in range(60):
        area = constant * theta / 2 * float(weights @ np.cos(theta * (nodes + 1) / 2)**(dof - 1))
        step = (area - (q - 0.5)) / (constant * cos(theta)**(dof - 1))
        theta = min(theta - step, (theta + pi / 2) / 2)
        if abs(step) <= 1e-14 * theta:
            break
    return sqrt(dof) * tan(theta)



"""Robust losses: cost = ½ Σ C² ρ((r/C)²), with the names, formulas and scale C (``f_scale``) of scipy.optimize.least_squares.

B. Triggs et al., *Bundle adjustment: a modern synthesis* (2000), section 4.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .result import EPS, Array, refuse


def huber(z: Array) -> tuple[Array, Array, Array]:
    far = z > 1
    root = np.sqrt(np.where(far, z, 1.0))
    return np.where(far, 2 * root - 1, z), 1 / root, np.where(far, -0.5 / root**3, 0.0)


def soft_l1(z: Array) -> tuple[Array, Array, Array]:
    t = 1 + z
    return 2 * z / (1 + np.sqrt(t)), t**-0.5, -0.5 * t**-1.5  # 2 (√(1+z) - 1), without cancelling


def cauchy(z: Array) -> tuple[Array, Array, Array]:
    t = 1 + z
    return np.log1p(z), 1 / t, -1 / t**2


def arctan(z: Array) -> tuple[Array, Array, Array]:
    t = 1 + z**2
    return np.arctan(z), 1 / t, -2 * z / t**2


Loss = Callable[[Array], tuple[Array, Array, Array]]  # z -> ρ, ρ′, ρ″
LOSSES: dict[str, Loss | None] = {"linear": None, "huber": huber, "soft_l1": soft_l1, "cauchy": cauchy, "arctan": arctan}


def loss_of(loss: Any) -> Loss | None:
    """The loss by its name, or the caller's own function of z giving three rows ρ, ρ′, ρ″; None for the plain squares."""
    if callable(loss):
        return lambda z: tuple(np.asarray(loss(z), float))
    if not isinstance(loss, str) or loss not in LOSSES:
        refuse("loss", loss, f"{', '.join(map(repr, LOSSES))} or a function")
    return LOSSES[loss]


def robust(r: Array, Jt: Array | None, loss: Loss, scale: float) -> tuple[float, Array, Array | None]:
    """The cost, and residuals and Jacobian scaled so that their gradient is the cost's, their JᵀJ its Gauss-Newton Hessian."""
    z = (r / scale)**2
    rho, first, second = loss(z)
    cost = 0.5 * scale**2 * float(rho.sum())
    curvature = np.sqrt(np.maximum(first + 2 * second * z, EPS))
    return cost, r * (first / curvature), None if Jt is None else Jt * curvature

"""Incomplete gamma and beta functions, in the argument and in the shape parameters (DLMF 8.2, 8.17).

In the shape parameters there is no closed form. With t = x e^-u the incomplete integral becomes one over u > 0, its
derivative has a factor u inside, and either the integral or its complement is a sum of terms of one sign: on the side
of the mean where the point lies. The integrands are analytic, so that tanh-sinh quadrature converges to rounding, and
the sums are plain NumPy and so have derivatives themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp
from scipy.special import _ufuncs

from .registry import either, elementwise
from .special_gamma import psi_difference

FEW = 500  # numbers, for which a loop over the nodes costs more than their arrays
TAIL = 50.0  # e^-50 of the first value is less than rounding


def tanh_sinh(steps: int) -> list[tuple[float, float]]:
    """Nodes and weights on (0, 1), crowded at both ends, with so many steps a unit of t (Takahasi & Mori 1974)."""
    t = np.arange(int(-3.375 * steps), int(3.125 * steps)) / steps
    node = 1 / (1 + np.exp(-np.pi * np.sinh(t)))
    weight = np.pi / steps * np.cosh(t) * node / (1 + np.exp(np.pi * np.sinh(t)))
    return list(zip(node.tolist(), weight.tolist(), strict=True))


GAMMA_NODES = tanh_sinh(16)
BETA_NODES = tanh_sinh(32)  # R has a zero just left of 0 when both shapes are small


def integral(g: Any, end: Any, nodes: list[tuple[float, float]]) -> Any:
    one = g(0.5 * end)
    if np.size(one) <= FEW and not hasattr(one, "level"):  # all nodes at once, on an axis in front
        u, weights = np.reshape(np.transpose(nodes), (2, -1) + (1,) * np.ndim(one)).astype(np.result_type(one))
        return end * np.sum(weights * g(end * u), axis=0)
    return end * sum(weight * g(end * node) for node, weight in nodes)


# ---- gamma
def gamma_weight(a: Any, x: Any) -> Any:
    """x^a e^-x / Γ(a); SciPy's own, if it still has it, does not cancel where a and x are large."""
    own = getattr(_ufuncs, "_igam_fac", None)
    return own(a, x) if own is not None else np.exp(sp.xlogy(a, x) - x - sp.gammaln(a))


def gamma_density(a: Any, x: Any) -> Any:
    """x^(a-1) e^-x / Γ(a), the slope of P(a, x) in x (DLMF 8.8.13)."""
    p = gamma_weight(a, x) / x
    return either(x == 0, lambda: np.power(x, a - 1.0) * sp.rgamma(a), p)


def gamma_shape(a: Any, x: Any) -> Any:
    """∂P(a, x)/∂a.

    P = x^a e^-x/Γ(a) ∫ exp(-au + x (1 - e^-u)) du and Q = x^a e^-x/Γ(a) ∫ exp(au - x (e^u - 1)) du, u > 0 (8.2.1-2 with
    t = x e^∓u), so that ∂P/∂a = (ln x - ψ(a)) P - weight ∫ u …, and for Q the same with a plus.
    """
    bend = np.log(x) - sp.psi(a)
    left = bend < 0
    c, z = np.where(left, a, 1.0), np.where(left, x, 0.5)
    end = (TAIL + z) / c
    for _ in range(6):
        end = (TAIL - z * np.expm1(-end)) / c
    rest = integral(lambda u: u * np.exp(-c * u - z * np.expm1(-u)), end, GAMMA_NODES)
    below = bend * sp.gammainc(a, x) - gamma_weight(a, x) * rest
    if np.all(left):
        return np.where(x == 0, 0, below)
    c, z = np.where(left, 1.0, a), np.where(left, 2.0, x)
    end = np.sqrt(110 / z) + 2 / z
    for _ in range(6):
        end = np.log1p((TAIL + c * end) / z)
    rest = integral(lambda u: u * np.exp(c * u - z * np.expm1(u)), end, GAMMA_NODES)
    above = bend * sp.gammaincc(a, x) + gamma_weight(a, x) * rest
    return np.where((x == 0) | np.isinf(x), 0, np.where(left, below, -above))


# ---- beta
def beta_density(a: Any, b: Any, x: Any, y: Any) -> Any:
    """x^(a-1) y^(b-1) / B(a, b) with y = 1 - x, the slope of I_x(a, b) in x (DLMF 8.17.1)."""
    own = getattr(_ufuncs, "_beta_pdf", None)
    if own is not None and not np.any(x > 0.5):
        return own(x, a, b)
    return np.exp(sp.xlogy(a - 1, x) + sp.xlogy(b - 1, y) - sp.betaln(a, b)) if own is None else \
        np.where(x > 0.5, own(y, b, a), own(x, a, b))


def beta_part(a: Any, b: Any, x: Any, y: Any, inner: Any) -> Any:
    """x·density·∫ inner(u, log R) e^-au R^(b-1) du with R = (1 - x e^-u)/y: the incomplete integral with t = x e^-u."""
    ratio = x / y
    end = (TAIL - np.maximum(b - 1, 0) * np.log(y)) / a
    for _ in range(6):
        end = (TAIL + np.maximum(b - 1, 0) * np.log1p(-ratio * np.expm1(-end))) / a

    def g(u: Any) -> Any:
        log = np.log1p(-ratio * np.expm1(-u))
        return inner(u, log) * np.exp((b - 1) * log - a * u)

    return x * beta_density(a, b, x, y) * integral(g, end, BETA_NODES)


def beta_shape(a: Any, b: Any, x: Any, y: Any) -> Any:
    """∂I_x(a, b)/∂a with y = 1 - x: (ln x - ψ(a) + ψ(a+b)) I_x - …∫ u …, or the same of 1 - I_x with a plus."""
    bend = np.where(x > 0.5, np.log1p(-y), np.log(x)) + psi_difference(a, b)
    left = bend < 0
    inner_x, inner_y = np.where((x > 0) & (x < 1), x, 0.5), np.where((x > 0) & (x < 1), y, 0.5)
    below = bend * sp.betainc(a, b, x) - beta_part(a, b, inner_x, inner_y, lambda u, log: u)
    if not np.all(left):
        above = bend * sp.betainc(b, a, y) + beta_part(b, a, inner_y, inner_x, lambda u, log: log)
        below = np.where(left, below, -above)
    return np.where((x == 0) | (y == 0), 0, below)


# ---- the private densities, for second derivatives: one partial per line
if hasattr(_ufuncs, "_igam_fac"):
    elementwise(_ufuncs._igam_fac,
                lambda f, a, x: f * (np.log(x) - sp.psi(a)),
                lambda f, a, x: f * (a / x - 1))
if hasattr(_ufuncs, "_beta_pdf"):
    elementwise(_ufuncs._beta_pdf,
                lambda f, x, a, b: f * ((a - 1) / x - (b - 1) / (1 - x)),
                lambda f, x, a, b: f * (np.log(x) - sp.psi(a) + sp.psi(a + b)),
                lambda f, x, a, b: f * (np.log1p(-x) - sp.psi(b) + sp.psi(a + b)))

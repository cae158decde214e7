"""Derivatives of Bessel functions in their order, for positive argument: integrals and series, differentiated.

Schläfli's integrals (DLMF 10.9.6, 10.9.7, 10.32.4, 10.32.9) stay integrals when they are differentiated in v. Integrands are
entire, so that Gauss's rule and, for K, the trapezoidal rule converge to rounding; the sums are plain NumPy and so have
derivatives themselves. Where J and I are tiny beside their integrands, the power series serves (10.15.1, 10.38.1).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy import special as sp

from ..errors import RuleError
from .registry import Partial
from .special_incomplete import integral

# Nodes of Gauss's rule on (0, π), and the largest z + |v| that they resolve: two nodes a wave, and 30 to spare.
RESOLVED = ((64, 40.0), (256, 300.0), (1024, 1300.0))
TAIL = 50.0  # e^-50 of the largest value is less than rounding
NODES = 128


@cache
def gauss(n: int) -> list[tuple[float, float]]:
    """Nodes and weights on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return list(zip((0.5 * (1 + nodes)).tolist(), (0.5 * weights).tolist(), strict=True))


def over_half_circle(g: Any, v: Any, z: Any, name: str) -> Any:
    """∫ g(θ) dθ from 0 to π, for g that waves as z sin θ - vθ does."""
    size = np.abs(z) + np.abs(v)
    for n, largest in RESOLVED:
        if not np.any(size > largest):
            return integral(g, np.pi, gauss(n))
    raise RuleError(f"scipy.special.{name}: the derivative in the order is kept for z + |v| up to {RESOLVED[-1][1]:.0f}; "
                    "wrap the order in dualdiff.stop_gradient() if it is meant as a constant")


def reach(v: Any, z: Any, grown: Any) -> Any:
    """The t from which z·(sinh t or cosh t - 1) - |v|t stays above TAIL; ``grown`` inverts the function of t."""
    t = grown(TAIL / z)
    for _ in range(4):
        t = grown((TAIL + np.abs(v) * t) / z)
    return t


def grown_cosh(u: Any) -> Any:
    """The t ≥ 0 with cosh t = 1 + u."""
    return np.log1p(u + np.sqrt(u * (u + 2)))


def positive(z: Any, name: str) -> Any:
    """Order derivatives are real for z > 0; elsewhere NaN, and complex z is refused."""
    if np.iscomplexobj(z):
        raise RuleError(f"scipy.special.{name} of complex numbers has no derivative in its order here; wrap the order in "
                        "dualdiff.stop_gradient() if it is meant as a constant")
    return np.where(z > 0, z, np.nan)


def power_series(v: Any, z: Any, sign: int, scaled: bool) -> Any:
    """Σ (ln(z/2) - ψ(v+k+1)) sign^k (z/2)^(2k+v) / (k! Γ(v+k+1)) for v ≥ 0, times e^-z if scaled."""
    half = 0.5 * z
    log, square, digamma = np.log(half), sign * half * half, sp.psi(v + 1)
    term = np.exp(v * log - sp.gammaln(v + 1) - (z if scaled else 0))
    total, size, k = (log - digamma) * term, np.abs(term), 0
    while k < 20 or np.any(np.abs(term) > 1e-18 * size):
        k += 1
        term = term * square / (k * (v + k))
        digamma = digamma + 1 / (v + k)
        total = total + (log - digamma) * term
        size = np.maximum(size, np.abs(term))
    return total


def jv_order(f: Any, v: Any, z: Any) -> Any:
    z = positive(z, "jv")
    small = (v >= 0) & (z * z < 16 * (v + 1))
    series = power_series(np.where(small, v, 0.0), np.where(small, z, 1.0), -1, False)
    if np.all(small):
        return series
    wave = over_half_circle(lambda t: t * np.sin(z * np.sin(t) - v * t), v, z, "jv") / np.pi
    reached = reach(v, z, np.arcsinh)
    decay = integral(lambda t: (np.cos(np.pi * v) - np.sin(np.pi * v) / np.pi * t) * np.exp(-z * np.sinh(t) - v * t),
                     reached, gauss(2 * NODES))
    return np.where(small, series, wave - decay)


def yv_order(f: Any, v: Any, z: Any) -> Any:
    z = positive(z, "yv")
    wave = over_half_circle(lambda t: t * np.cos(z * np.sin(t) - v * t), v, z, "yv")
    sine, cosine = np.sin(np.pi * v), np.cos(np.pi * v)
    decay = integral(lambda t: t * np.exp(v * t - z * np.sinh(t))
                     - (t * cosine + np.pi * sine) * np.exp(-v * t - z * np.sinh(t)),
                     reach(v, z, np.arcsinh), gauss(2 * NODES))
    return -(wave + decay) / np.pi


def kv_slope(v: Any, z: Any, scaled: bool) -> Any:
    """∫ t sinh(vt) exp(-z (cosh t - 1)) dt from 0 to ∞: even in t, hence the trapezoidal rule; e^-z times that unscaled."""
    end = reach(v, z, grown_cosh)
    total: Any = 0.0
    for j in range(1, NODES):
        t = end * (j / NODES)
        total = total - t * np.expm1(-2 * v * t) * np.exp(v * t - 2 * z * np.sinh(0.5 * t) ** 2 - (0 if scaled else z))
    return 0.5 / NODES * end * total


def iv_slope(v: Any, z: Any, scaled: bool) -> Any:
    """Schläfli's integral where z > v²/4 and its cancellation, exp(v²/2z), is small; the series elsewhere; for v ≥ 0."""
    large = (z > 1) & (z > 0.25 * v * v)
    series = power_series(v, np.where(large, 1.0, z), 1, scaled)
    if not np.any(large):
        return series
    z = np.where(large, z, 2.0)
    scale = 0 if scaled else z
    sine, cosine = np.sin(np.pi * v), np.cos(np.pi * v)
    wave = over_half_circle(lambda t: t * np.sin(v * t) * np.exp(scale - 2 * z * np.sin(0.5 * t) ** 2), v, 4 * np.sqrt(z), "iv")
    decay = integral(lambda t: (cosine - sine / np.pi * t) * np.exp(scale - 2 * z * np.cosh(0.5 * t) ** 2 - v * t),
                     reach(v, z, grown_cosh), gauss(2 * NODES))
    return np.where(large, -wave / np.pi - decay, series)


def kv_order(scaled: bool) -> Partial:
    def order(f: Any, v: Any, z: Any) -> Any:
        z = positive(z, "kv")
        left = v < 0
        return np.where(left, -1, 1) * kv_slope(np.where(left, -v, v), z, scaled)
    return order


def iv_order(scaled: bool) -> Partial:
    """To the left of v = 0 through I_-v = I_v + (2/π) sin(πv) K_v (DLMF 10.27.2)."""
    def order(f: Any, v: Any, z: Any) -> Any:
        z = positive(z, "iv")
        left = v < 0
        w = np.where(left, -v, v)  # smooth at 0, as |v| is not
        right = iv_slope(w, z, scaled)
        if not np.any(left):
            return right
        K, dK = sp.kv(w, z), kv_slope(w, z, False)
        other = 2 * np.cos(np.pi * w) * K + 2 / np.pi * np.sin(np.pi * w) * dK
        return np.where(left, -right - (np.exp(-z) if scaled else 1) * other, right)
    return order


def hankel_order(sign: int, scaled: bool) -> Partial:
    """J ± iY, times e^(∓iz) if scaled (DLMF 10.4.3)."""
    def order(f: Any, v: Any, z: Any) -> Any:
        p = jv_order(f, v, positive(z, f"hankel{1 if sign == 1 else 2}")) + 1j * sign * yv_order(f, v, z)
        return p * np.exp(-1j * sign * z) if scaled else p
    return order

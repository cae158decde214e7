"""Elliptic integrals, Carlson's and Legendre's, and Jacobi's functions (DLMF chapters 19 and 22)."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from scipy import special as sp

from .registry import Partial, either, elementwise, elementwise_outputs

STEP = 0.25  # the integrand is analytic for |Im s| < π: e^(-2π·π/STEP) is left
BELOW, ABOVE = 80.0, 40.0  # in s = log t, beyond the smallest and the largest argument


def integral(*factors: tuple[Any, float]) -> Any:
    """∫ Π (t + xᵢ)^-pᵢ dt from 0 to ∞ for pairs (xᵢ, pᵢ) with Σ pᵢ > 3/2, by the trapezoidal rule in s = log t.

    The rule converges geometrically and is plain NumPy, so that it has derivatives itself. Arguments are divided by
    their largest; where the ratios pass 1e15, or it diverges at 0, the result is NaN.
    """
    largest = reduce(np.maximum, (np.abs(x) for x, _ in factors))
    scaled = [(x / largest, p) for x, p in factors]
    total: Any = 0.0
    for j in range(-int(BELOW / STEP), int(ABOVE / STEP) + 1):
        t = float(np.exp(j * STEP))
        term: Any = t
        for x, p in scaled:
            term = term * (t + x) ** -p
        total = total + term
    smallest = reduce(np.minimum, (np.where((x == 0) & (p < 1), 1.0, np.abs(x)) for x, p in scaled))
    total = np.where(smallest < 1e-15, np.nan, total)
    return STEP * total * largest ** (1 - sum(p for _, p in factors))


def rc_x(f: Any, x: Any, y: Any) -> Any:
    """-R_D(y, y, x)/6; for y < 0, a principal value, (R_C - x^-½) / (2(y - x)), from R_C = arctan √(y/x - 1) / √(y - x)."""
    return either(is_cut(y), lambda: 0.5 * (f - 1 / np.sqrt(x)) / (y - x), -sp.elliprd(y, y, x) / 6)


def rc_y(f: Any, x: Any, y: Any) -> Any:
    """-R_D(x, y, y)/3; for y < 0 (√x/y - R_C) / (2(y - x))."""
    return either(is_cut(y), lambda: 0.5 * (np.sqrt(x) / y - f) / (y - x), -sp.elliprd(x, y, y) / 3)


def is_cut(y: Any) -> Any:
    return (np.imag(y) == 0) & (np.real(y) < 0)


def symmetric(slope: Any) -> tuple[Partial, Partial, Partial]:
    """The partials in three arguments that may change places, from the one in the first."""
    return (lambda f, x, y, z, *p: slope(x, y, z, *p),
            lambda f, x, y, z, *p: slope(y, z, x, *p),
            lambda f, x, y, z, *p: slope(z, x, y, *p))


def rg_slope(x: Any, y: Any, z: Any) -> Any:
    """∂R_G/∂x = (3 R_F - x R_D(y, z, x))/12, from 19.16.3 differentiated and t/(t+x) = 1 - x/(t+x)."""
    product = x * sp.elliprd(y, z, x)
    return (3 * sp.elliprf(x, y, z) - np.where(x == 0, 0, product)) / 12


def rd_x(x: Any, y: Any, z: Any) -> Any:
    """Of 3/2 ∫ (t+x)^-½ (t+y)^-½ (t+z)^-3/2 dt (DLMF 19.16.5)."""
    return -0.75 * integral((x, 1.5), (y, 0.5), (z, 1.5))


def rj_x(x: Any, y: Any, z: Any, p: Any) -> Any:
    """Of 3/2 ∫ (t+x)^-½ (t+y)^-½ (t+z)^-½ (t+p)^-1 dt (DLMF 19.16.2); NaN for the principal value, p < 0."""
    return -0.75 * integral((x, 1.5), (y, 0.5), (z, 0.5), (np.where(is_cut(p), np.nan, p), 1.0))


# ---- one partial per line
elementwise(sp.elliprc,
            rc_x,
            rc_y)
elementwise(sp.elliprf, *symmetric(lambda x, y, z: -sp.elliprd(y, z, x) / 6))  # 19.18.1
elementwise(sp.elliprg, *symmetric(rg_slope))
elementwise(sp.elliprd,
            lambda f, x, y, z: rd_x(x, y, z),
            lambda f, x, y, z: rd_x(y, x, z),
            lambda f, x, y, z: -2.25 * integral((x, 0.5), (y, 0.5), (z, 2.5)))
elementwise(sp.elliprj,
            *symmetric(rj_x),
            lambda f, x, y, z, p: -1.5 * integral((x, 0.5), (y, 0.5), (z, 0.5), (np.where(is_cut(p), np.nan, p), 2.0)))


# ---- Legendre's elliptic integrals and Jacobi's functions through Carlson's: R_D is what (E - (1-m)K)/(2m(1-m)) and its like
#      are without the cancellation at m = 0 (19.25.1, 19.25.5-10)
def quarter(function: Any, m: Any) -> Any:
    """dK/dm = R_D(0, 1, 1-m)/6 and dE/dm = -R_D(0, 1-m, 1)/6 (DLMF 19.4.1-2 with 19.25.1)."""
    return sp.elliprd(0.0, 1.0, 1 - m) / 6 if function == "K" else -sp.elliprd(0.0, 1 - m, 1.0) / 6


def incomplete(function: str, phi: Any, m: Any) -> Any:
    """∂F/∂m = s³/6 R_D(c², 1, Δ²) and ∂E/∂m = -s³/6 R_D(c², Δ², 1) for |φ| ≤ π/2 (19.4.4-5, 19.25.5, 19.25.9).

    s = sin φ, c = cos φ, Δ² = 1 - m s²; beyond π/2 every half-turn adds twice the complete integral (19.2.10).
    """
    turns = np.rint(phi / np.pi)
    rest = phi - turns * np.pi
    s, c = np.sin(rest), np.cos(rest)
    delta = 1 - m * s * s
    part = s ** 3 / 6 * (sp.elliprd(c * c, 1.0, delta) if function == "F" else -sp.elliprd(c * c, delta, 1.0))
    if not np.any(turns):
        return part
    whole = quarter("K" if function == "F" else "E", m)
    return part + np.where(turns == 0, 0, 2 * turns * whole)


def amplitude(f: Any, u: Any, m: Any) -> Any:
    """∂ am(u, m)/∂m = -dn ∂F/∂m, from u = F(am, m)."""
    return -f[2] * incomplete("F", f[3], m)


def width(f: Any, phi: Any, m: Any) -> Any:
    return np.sqrt(1 - m * np.sin(phi) ** 2)


def dn_parameter(f: Any, u: Any, m: Any) -> Any:
    """From dn² = 1 - m sn²."""
    sn, cn, dn, _ = f
    return -sn * (0.5 * sn + m * cn * amplitude(f, u, m)) / dn


# ---- one input ------------------ ∂f/∂m
elementwise(sp.ellipk,      lambda f, m: quarter("K", m))
elementwise(sp.ellipe,      lambda f, m: quarter("E", m))
elementwise(sp.ellipkm1,    lambda f, p: -sp.elliprd(0.0, 1.0, p) / 6)

# ---- two inputs ----------------- ∂f/∂φ --------------------------------- ∂f/∂m
elementwise(sp.ellipkinc,   lambda f, phi, m: 1 / width(f, phi, m),     lambda f, phi, m: incomplete("F", phi, m))
elementwise(sp.ellipeinc,   width,                                      lambda f, phi, m: incomplete("E", phi, m))

# ---- sn, cn, dn, am: ∂/∂u (DLMF 22.13.1-3, 22.16.1), ∂/∂m by the chain rule through am
elementwise_outputs(sp.ellipj,
                    (lambda f, u, m: f[1] * f[2],           lambda f, u, m: f[1] * amplitude(f, u, m)),
                    (lambda f, u, m: -f[0] * f[2],          lambda f, u, m: -f[0] * amplitude(f, u, m)),
                    (lambda f, u, m: -m * f[0] * f[1],      dn_parameter),
                    (lambda f, u, m: f[2],                  amplitude))

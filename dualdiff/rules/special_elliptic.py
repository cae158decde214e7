"""Legendre's elliptic integrals and Jacobi's functions (DLMF chapters 19 and 22), through Carlson's integrals.

Carlson's R_D is what (E - (1-m)K)/(2m(1-m)) and its like are without the cancellation at m = 0 (19.25.1, 19.25.5-10).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from .registry import elementwise, elementwise_outputs


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

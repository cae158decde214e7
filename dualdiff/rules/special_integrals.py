"""Integrals of elementary functions and of Bessel functions: the derivative is the integrand (DLMF chapters 6, 7, 10)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from .registry import either, elementwise, elementwise_outputs
from .special_error import whole, wofz_slope
from .special_gamma import cos_pi, sin_pi

EIGHTH = complex(np.exp(0.25j * np.pi))


def exponential_order(f: Any, n: Any, x: Any) -> Any:
    """-E_{n-1} (DLMF 8.19.13); E₀ = e^-x/x has its own slope, for SciPy has no E₋₁."""
    n = whole(n)
    return either(n == 0, lambda: -f * (1 + 1 / x), -sp.expn(np.maximum(n - 1, 0), x))


def log_over(z: Any) -> Any:
    """Log z / (1 - z) = -F(1, 1; 2; 1 - z) (DLMF 15.4.1), as which it is computed where it would cancel."""
    near = np.abs(z - 1) < 0.5
    return either(near, lambda: -sp.hyp2f1(1, 1, 2, np.where(near, 1 - z, 0)), np.log(z) / (1 - z))


def sine_over(x: Any, sign: int) -> Any:
    """Sin x / x with sign -1, sinh x / x with 1: near 0 as ₀F₁(; 3/2; ±x²/4) (DLMF 10.39.9), smooth there in every order."""
    near = np.abs(x) < 1
    return either(near, lambda: sp.hyp0f1(1.5, 0.25 * sign * np.where(near, x * x, 0)),
                  (np.sin(x) if sign < 0 else np.sinh(x)) / x)


def fresnel_k(x: Any, z: complex) -> Any:
    """Of K±(x) = w(e^{±iπ/4} x)/2 (DLMF 7.5.1, 7.7.14)."""
    return 0.5 * z * wofz_slope(sp.wofz(z * x), z * x)


def less_one(bessel: Any, x: Any, sign: int) -> Any:
    """(I₀(x) - 1)/x with sign 1, (1 - J₀(x))/x with -1: by their series where they cancel (DLMF 10.25.2, 10.2.2)."""
    s: Any = 1.0
    for k in range(14, 1, -1):
        s = 1 + sign * 0.25 * x * x / (k * k) * s
    return np.where(np.abs(x) < 2, 0.25 * x * s, sign * (bessel(x) - 1) / x)


def besselpoly_a(f: Any, a: Any, lam: Any, nu: Any) -> Any:
    """∫ t^λ 2t J′_ν(2at) dt from 0 to 1 with J′_ν = (J_{ν-1} - J_{ν+1})/2, and -J₁ for ν = 0 (DLMF 10.6.1, 10.6.3)."""
    below = sp.besselpoly(a, lam + 1, np.where(nu == 0, 1, nu - 1))
    above = sp.besselpoly(a, lam + 1, nu + 1)
    return np.where(nu == 0, -2 * above, below - above)


# ---- one input ------------------ ∂f/∂x --- DLMF
elementwise(sp.exp1,        lambda f, x: -np.exp(-x) / x)  # 6.2.1
elementwise(sp.expi,        lambda f, x: np.exp(x) / x)  # 6.2.5
elementwise(sp.spence,      lambda f, z: log_over(z))  # 25.12.2
elementwise(sp.itstruve0,   lambda f, x: sp.struve(0, x))  # 11.7.1
elementwise(sp.it2struve0,  lambda f, x: -sp.struve(0, x) / x)  # ∫ from x to ∞
elementwise(sp.itmodstruve0, lambda f, x: sp.modstruve(0, x))

# ---- several inputs
elementwise(sp.expn,        None,                   exponential_order)
elementwise(sp.besselpoly,  besselpoly_a,           None,                   None)

# ---- several results: one per line
elementwise_outputs(sp.sici,  # 6.2.9, 6.2.11
                    (lambda f, x: sine_over(x, -1),),
                    (lambda f, x: np.cos(x) / x,))
elementwise_outputs(sp.shichi,  # 6.2.15, 6.2.16
                    (lambda f, x: sine_over(x, 1),),
                    (lambda f, x: np.cosh(x) / x,))
elementwise_outputs(sp.fresnel,  # 7.2.7, 7.2.8
                    (lambda f, x: sin_pi(0.5 * x * x),),
                    (lambda f, x: cos_pi(0.5 * x * x),))
elementwise_outputs(sp.modfresnelp,
                    (lambda f, x: -np.exp(1j * x * x),),
                    (lambda f, x: fresnel_k(x, EIGHTH),))
elementwise_outputs(sp.modfresnelm,
                    (lambda f, x: -np.exp(-1j * x * x),),
                    (lambda f, x: np.conj(fresnel_k(x, EIGHTH)),))
elementwise_outputs(sp.itj0y0,
                    (lambda f, x: sp.j0(x),),
                    (lambda f, x: sp.y0(x),))
elementwise_outputs(sp.iti0k0,
                    (lambda f, x: sp.i0(x),),
                    (lambda f, x: sp.k0(x),))
elementwise_outputs(sp.it2j0y0,  # the second from x to ∞
                    (lambda f, x: less_one(sp.j0, x, -1),),
                    (lambda f, x: -sp.y0(x) / x,))
elementwise_outputs(sp.it2i0k0,
                    (lambda f, x: less_one(sp.i0, x, 1),),
                    (lambda f, x: -sp.k0(x) / x,))

"""Gamma, digamma, zeta and what is made of them (DLMF chapters 5 and 25)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp
from scipy.special import _ufuncs

from .registry import constant, either, elementwise

LOG_2PI = float(np.log(2 * np.pi))
# B₂ⱼ/(2j)! of Euler and Maclaurin's formula (DLMF 2.10.1)
BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
             -3617 / 10670622842880000, 43867 / 5109094217170944000)
TERMS = 14


def is_pole(x: Any) -> Any:
    """Where Γ is infinite: 0, -1, -2, …"""
    return (np.real(x) <= 0) & (x == np.rint(np.real(x)))


def cos_pi(x: Any) -> Any:
    """Cos πx, with whole periods taken off first."""
    return np.cos(np.pi * (x - 2 * np.rint(0.5 * np.real(x))))


def sin_pi(x: Any) -> Any:
    return np.sin(np.pi * (x - 2 * np.rint(0.5 * np.real(x))))


def rgamma_slope(f: Any, x: Any) -> Any:
    """-ψ(x)/Γ(x) (DLMF 5.2.2); to the left, where 1/Γ has zeros, from 1/Γ(x) = Γ(1-x) sin(πx)/π (5.5.3)."""
    left = np.real(x) < 0.5
    return either(left, lambda: sp.gamma(1 - x) * cos_pi(x) - sp.psi(1 - x) * f, -sp.psi(x) * f)


def psi_slope(f: Any, x: Any) -> Any:
    """ψ'(x) = ζ(2, x) (DLMF 25.11.12); to the left ψ'(x) + ψ'(1-x) = π²/sin²(πx) (5.15.6)."""
    if np.iscomplexobj(x):
        return complex_trigamma(x)
    z = sp.zeta(2, np.where(x < 0, 1 - x, x))
    return either(x < 0, lambda: (np.pi / np.sin(np.pi * (x - np.rint(x)))) ** 2 - z, z)


def complex_trigamma(z: Any) -> Any:
    """Twenty steps of ψ'(z) = ψ'(z+1) + 1/z² (DLMF 5.15.5), then the asymptotic series (5.15.8), for Re z ≥ -10."""
    left = np.real(z) < 0
    w = np.where(left, 1 - z, z)
    total = sum(1 / (w + k) ** 2 for k in range(20))
    w = w + 20
    series = 1 / w + 0.5 / w ** 2 + sum(
        b * factorial / w ** (2 * j + 3)
        for j, (b, factorial) in enumerate(zip(BERNOULLI, (2, 24, 720, 40320, 3628800, 479001600), strict=False)))
    return np.where(left, (np.pi / np.sin(np.pi * z)) ** 2 - total - series, total + series)


def psi_difference(a: Any, m: Any) -> Any:
    """ψ(a+m) - ψ(a); at two poles the limit in a for whole m (DLMF 5.5.4).

    For small m/a, where it cancels, Taylor's series about the middle, with ψ⁽ᵏ⁾ = (-1)ᵏ⁺¹ k! ζ(k+1, ·) (25.11.12).
    """
    p = sp.psi(a + m) - sp.psi(a)
    near = np.abs(m) < 5e-3 * a
    if np.any(near):
        middle, s = np.where(near, a + 0.5 * m, 1.0), 0.25 * m * m
        p = np.where(near, m * (sp.zeta(2, middle) + s * sp.zeta(4, middle) + s * s * sp.zeta(6, middle)), p)
    return either(is_pole(a) & is_pole(a + m), lambda: sp.psi(1 - a - m) - sp.psi(1 - a), p)


def poch_base(f: Any, a: Any, m: Any) -> Any:
    """f (ψ(a+m) - ψ(a)) from f = Γ(a+m)/Γ(a); where 1/Γ(a) = 0, Γ(a+m) times its slope."""
    return either(is_pole(a) & ~is_pole(a + m), lambda: sp.gamma(a + m) * rgamma_slope(0, a), f * psi_difference(a, m))


def poch_step(f: Any, a: Any, m: Any) -> Any:
    """f ψ(a+m); at a pole of both gammas f leaps as m varies."""
    return either(is_pole(a) & is_pole(a + m), lambda: np.nan, f * sp.psi(a + m))


def binom_partials(n: Any, k: Any) -> tuple[Any, Any]:
    """Partials of Γ(n+1)/Γ(k+1)/Γ(n-k+1) where one of the reciprocals is zero."""
    r, s = sp.rgamma(k + 1), sp.rgamma(n - k + 1)
    dr, ds = rgamma_slope(r, k + 1), rgamma_slope(s, n - k + 1)
    g = sp.gamma(n + 1)
    return g * r * (sp.psi(n + 1) * s + ds), g * (dr * s - r * ds)


def binom_slope(f: Any, n: Any, k: Any, i: int) -> Any:
    at_zero = is_pole(k + 1) | is_pole(n - k + 1)
    return either(at_zero, lambda: binom_partials(n, k)[i], f * (sp.psi((n, n - k)[i] + 1) - sp.psi((n - k, k)[i] + 1)))


def hurwitz_order(s: Any, q: Any) -> Any:
    """∂ζ(s, q)/∂s: Euler and Maclaurin's formula for Σ (q+k)^-s (DLMF 25.11.5), differentiated term by term."""
    total: Any = 0.0
    for k in range(TERMS):
        total = total - np.log(q + k) * (q + k) ** -s
    w = q + TERMS
    log, power = np.log(w), w ** -s
    total = total - power * (w * (log + 1 / (s - 1)) / (s - 1) + 0.5 * log)
    rising, slope = s, 1.0 + 0 * s  # (s)₂ⱼ₋₁ and its derivative
    for j, b in enumerate(BERNOULLI, 1):
        factor = power * w ** (1 - 2 * j)
        total = total + b * factor * (slope - rising * log)
        for step in (2 * j - 1, 2 * j):
            rising, slope = rising * (s + step), slope * (s + step) + rising
    return total


def zeta_slope(f: Any, s: Any) -> Any:
    """ζ'(s); left of 0 from ζ(s) = 2 (2π)^(s-1) sin(πs/2) Γ(1-s) ζ(1-s) (DLMF 25.4.2)."""
    left = np.real(s) < 0
    right = hurwitz_order(np.where(left, 2.0, s), 1.0)
    if not np.any(left):
        return right
    t = 1 - np.where(left, s, -1.0)
    angle = 0.5 * np.pi * (1 - t - 4 * np.rint(0.25 * np.real(1 - t)))
    sine, cosine = np.sin(angle), np.cos(angle)
    scale = 2 * np.exp(-t * LOG_2PI + sp.loggamma(t))
    reflected = scale * (sp.zeta(t) * (0.5 * np.pi * cosine + sine * (LOG_2PI - sp.psi(t))) - sine * hurwitz_order(t, 1.0))
    return np.where(left, reflected, right)


# ---- one input ------------------ ∂f/∂x --- DLMF
elementwise(sp.gamma,       lambda f, x: f * sp.psi(x))  # 5.2.2
elementwise(sp.gammaln,     lambda f, x: sp.psi(x))  # 5.2.2
elementwise(sp.loggamma,    lambda f, x: sp.psi(x))  # 5.2.2
elementwise(sp.rgamma,      rgamma_slope)
elementwise(sp.psi,         psi_slope)
elementwise(sp.zetac,       zeta_slope)
constant("a sign: the derivative is zero wherever it exists", sp.gammasgn)

# ---- two inputs ----------------- ∂f/∂x ------------------------------------------------- ∂f/∂y
elementwise(sp.poch,        poch_base,  # 5.2.5
            poch_step)
elementwise(sp.beta,        lambda f, a, b: -f * psi_difference(a, b),  # 5.12.1
            lambda f, a, b: -f * psi_difference(b, a))
elementwise(sp.betaln,      lambda f, a, b: -psi_difference(a, b),
            lambda f, a, b: -psi_difference(b, a))
elementwise(sp.binom,       lambda f, n, k: binom_slope(f, n, k, 0),  # 1.2.6
            lambda f, n, k: binom_slope(f, n, k, 1))

# ---- what scipy.special.zeta calls
if hasattr(_ufuncs, "_zeta"):
    elementwise(_ufuncs._zeta, lambda f, s, q: hurwitz_order(s, q),  # 25.11.17 for q
            lambda f, s, q: -s * sp.zeta(s + 1, q))
if hasattr(_ufuncs, "_riemann_zeta"):
    elementwise(_ufuncs._riemann_zeta, zeta_slope)

"""Error functions and the normal distribution (DLMF chapter 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from ..errors import HolomorphicError
from .registry import either, elementwise

ROOT_PI = float(np.sqrt(np.pi))
ROOT_2 = float(np.sqrt(2))
ROOT_2PI = float(np.sqrt(2 * np.pi))
FAR = 8.0  # from here on the asymptotic series has sixteen digits


def double_factorials(u: Any, power: int = 0) -> Any:
    """Σ (k+1)^power (2k+1)!! u^k, which asymptotic series of slopes end in (DLMF 7.12.1, differentiated; twice for power 1)."""
    total: Any = 1.0
    for k in range(22, 0, -1):
        total = 1 + (2 * k + 1) * (1 + 1 / k) ** power * u * total
    return total


def erfcx_slope(f: Any, x: Any) -> Any:
    """2x f - 2/√π (DLMF 7.10.1 with 7.2.2); this and the next two by series where that cancels."""
    far = (np.real(x) > FAR) & (np.abs(np.imag(x)) < np.real(x))
    return either(far, lambda: -double_factorials(-0.5 / x / x) / ROOT_PI / x / x, 2 * x * f - 2 / ROOT_PI)


def dawsn_slope(f: Any, x: Any) -> Any:
    """1 - 2x f (DLMF 7.10.3)."""
    far = (np.abs(np.real(x)) > FAR) & (np.imag(x) == 0)
    return either(far, lambda: -0.5 * double_factorials(0.5 / x / x) / x / x, 1 - 2 * x * f)


def wofz_slope(f: Any, z: Any) -> Any:
    """-2z f + 2i/√π (DLMF 7.10.2)."""
    far = (np.abs(z) > FAR) & (np.imag(z) >= 0)
    return either(far, lambda: -1j * double_factorials(0.5 / z / z) / ROOT_PI / z / z, 2j / ROOT_PI - 2 * z * f)


def whole(n: Any) -> Any:
    """An order as SciPy takes it: cut off."""
    return np.trunc(n) if isinstance(n, float | np.floating | np.ndarray) else n


def voigt(f: Any, x: Any, sigma: Any, gamma: Any) -> tuple[Any, Any]:
    """w'(z)/(2√π σ²) for z = (x + iγ)/(σ√2), and the slope in σ: voigt_profile is Re w(z)/(σ√(2π)) (DLMF 7.19.1-3).

    Where σ is small the series in σ²/(x + iγ)², which the slope in σ follows by the equation of heat, ∂f/∂σ = σ ∂²f/∂x²; but
    not below the real axis, where σ and γ are of different signs, as in fits they may be.
    """
    t = x + 1j * gamma
    far = (np.abs(t) > FAR * ROOT_2 * np.abs(sigma)) & (sigma * gamma >= 0)
    width = np.where(far, 1, sigma)
    z = t / (width * ROOT_2)
    slope = wofz_slope(sp.wofz(z), z) / (2 * ROOT_PI * width * width)
    wider = -f / width - ROOT_2 * np.real(slope * z)
    if not np.any(far):
        return slope, wider
    r = 1 / np.where(far, t, 1)
    u = (np.where(far, sigma, 0) * r) ** 2
    return (np.where(far, -1j / np.pi * r * r * double_factorials(u), slope),
            np.where(far, -2 / np.pi * sigma * np.imag(r * r * r * double_factorials(u, 1)), wider))


def normal_density(x: Any) -> Any:
    return np.exp(-0.5 * x * x) / ROOT_2PI


def inverse_density(x: Any) -> Any:
    return ROOT_2PI * np.exp(0.5 * x * x)


def real_only(x: Any, name: str) -> Any:
    if np.iscomplexobj(x):
        raise HolomorphicError(f"scipy.special.{name} of complex numbers is scaled by their absolute value or real part and "
                               "is not differentiable; use the unscaled function")
    return x


# ---- one input ------------------ ∂f/∂x --- DLMF
elementwise(sp.erf,         lambda f, x: 2 / ROOT_PI * np.exp(-x * x))  # 7.2.1
elementwise(sp.erfc,        lambda f, x: -2 / ROOT_PI * np.exp(-x * x))  # 7.2.2
elementwise(sp.erfi,        lambda f, x: 2 / ROOT_PI * np.exp(x * x))  # 7.2.1 at ix
elementwise(sp.erfcx,       erfcx_slope)
elementwise(sp.dawsn,       dawsn_slope)
elementwise(sp.wofz,        wofz_slope)
elementwise(sp.erfinv,      lambda f, x: 0.5 * ROOT_PI * np.exp(f * f))  # 7.17.1
elementwise(sp.erfcinv,     lambda f, x: -0.5 * ROOT_PI * np.exp(f * f))  # 7.17.1
elementwise(sp.ndtr,        lambda f, x: normal_density(x))  # 7.2.1
elementwise(sp.log_ndtr,    lambda f, x: ROOT_2 / ROOT_PI / sp.erfcx(-x / ROOT_2))  # φ/Φ; no tail over- or underflows
elementwise(sp.ndtri,       lambda f, y: inverse_density(f))  # inverse of the above
elementwise(sp.ndtri_exp,   lambda f, y: ROOT_PI / ROOT_2 * sp.erfcx(-f / ROOT_2))  # Φ/φ at f, as e^y = Φ(f)

# ---- several inputs: one partial per line
elementwise(sp.voigt_profile,
            lambda f, x, sigma, gamma: np.real(voigt(f, x, sigma, gamma)[0]),
            lambda f, x, sigma, gamma: voigt(f, x, sigma, gamma)[1],
            lambda f, x, sigma, gamma: -np.imag(voigt(f, x, sigma, gamma)[0]))
# T(h, a) = ∫₀ᵃ exp(-h²(1+t²)/2)/(1+t²) dt / 2π (D. B. Owen, Ann. Math. Statist. 27 (1956) 1075)
elementwise(sp.owens_t,
            lambda f, h, a: -0.5 * normal_density(h) * sp.erf(a * h / ROOT_2),
            lambda f, h, a: np.exp(-0.5 * h * h * (1 + a * a)) / (2 * np.pi * (1 + a * a)))
# x = mean + std Φ⁻¹(p), solved for the mean and for std
elementwise(sp.nrdtrimn,
            lambda f, p, std, x: -std * inverse_density(sp.ndtri(p)),
            lambda f, p, std, x: -sp.ndtri(p),
            1)
elementwise(sp.nrdtrisd,
            lambda f, mean, p, x: -1 / sp.ndtri(p),
            lambda f, mean, p, x: -f / sp.ndtri(p) * inverse_density(sp.ndtri(p)),
            lambda f, mean, p, x: 1 / sp.ndtri(p))

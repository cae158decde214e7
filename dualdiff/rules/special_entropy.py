"""Logistic, entropic and elementary functions: logarithms, powers and angles that stay accurate near their limits."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from .elementwise import DEGREE, LN2, LN10, power_base, sech_squared
from .registry import constant, either, elementwise


def expit_slope(f: Any, x: Any) -> Any:
    """s(1-s), s = expit(x), which is (1/cosh(x/2))²/4: its slope does not cancel near 0, as that of the product does."""
    return sech_squared(0.5 * x) / 4 if hasattr(x, "level") else f * sp.expit(-x)


def over(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is 0 even if y is."""
    return np.where((x == 0) & (y == 0), 0, x / y)


def log_ratio(x: Any, y: Any) -> Any:
    """Log x/y, without cancellation where x is close to y and without overflow where it is far."""
    r = x / y
    close = (r > 0.5) & (r < 2)
    log = np.where(np.isfinite(r) & (r > 0), np.log(r), np.log(x) - np.log(y))
    return either(close, lambda: np.log1p((x - y) / y), log)


def inside(f: Any, p: Any) -> Any:
    """The partial where f is finite. Outside its domain f is infinite, and has no derivative."""
    return p if np.all(np.isfinite(f)) else np.where(np.isinf(f) & np.isfinite(p), np.nan, p)


def exprel_slope(t: Any) -> Any:
    """(e^t (t-1) + 1)/t² = M(2, 3, t)/2 (DLMF 13.2.2), the derivative of (e^t - 1)/t."""
    near = np.abs(t) < 1
    return either(near, lambda: 0.5 * sp.hyp1f1(2, 3, np.where(near, t, 0)), np.exp(t) / t - sp.expm1(t) / t / t)


def boxcox_power(log: Any, lam: Any) -> Any:
    """∂/∂λ (x^λ - 1)/λ = (log x)² g(λ log x), g the slope of exprel; at x = 0 what the limit 1/λ² says."""
    return either(log == -np.inf, lambda: np.where(lam > 0, 1 / (lam * lam), -np.inf), log * log * exprel_slope(lam * log))


def inverse_power(y: Any, lam: Any) -> Any:
    """∂/∂λ log(1+λy)/λ = y² h(λy) with h(t) = (t/(1+t) - log(1+t))/t² = -F(2, 2; 3; -t)/2 (DLMF 15.2.1)."""
    t = lam * y
    near = np.abs(t) < 0.5
    return either(near, lambda: -0.5 * y * y * sp.hyp2f1(2, 2, 3, np.where(near, -t, 0)),
                  y * y * ((t / (1 + t) - np.log1p(t)) / t / t))


def agm_slope(f: Any, a: Any, b: Any) -> Any:
    """From M(a, b) = π / (2 R_F(0, a², b²)) (DLMF 19.8.5, 19.25.1) and ∂R_F/∂x = -R_D(y, z, x)/6 (19.18.1)."""
    return 2 / (3 * np.pi) * (a / f) * sp.elliprd(0.0, (b / f) ** 2, (a / f) ** 2)


def pseudo_huber_width(f: Any, d: Any, r: Any) -> Any:
    """2(h - δ) - r²/h with h = √(δ² + r²), written without cancellation: (r/(h + δ))² r²/h."""
    h = np.hypot(d, r)
    return over(r, h + d) ** 2 * over(r, h) * r


# ---- one input ------------------ ∂f/∂x
elementwise(sp.expit,       expit_slope)
elementwise(sp.logit,       lambda f, x: 1 / (x * (1 - x)))
elementwise(sp.log_expit,   lambda f, x: sp.expit(-x))
elementwise(sp.entr,        lambda f, x: inside(f, -np.log(x) - 1))
elementwise(sp.exp2,        lambda f, x: f * LN2)
elementwise(sp.exp10,       lambda f, x: f * LN10)
elementwise(sp.expm1,       lambda f, x: np.exp(x))
elementwise(sp.exprel,      lambda f, x: exprel_slope(x))
elementwise(sp.log1p,       lambda f, x: 1 / (1 + x))
elementwise(sp.cbrt,        lambda f, x: 1 / (3 * f * f))
elementwise(sp.cosm1,       lambda f, x: -np.sin(x))
elementwise(sp.sindg,       lambda f, x: DEGREE * sp.cosdg(x))
elementwise(sp.cosdg,       lambda f, x: -DEGREE * sp.sindg(x))
elementwise(sp.tandg,       lambda f, x: DEGREE * (1 + f * f))
elementwise(sp.cotdg,       lambda f, x: -DEGREE * (1 + f * f))
constant("piecewise constant: the derivative is zero wherever it exists", sp.round)

# ---- several inputs ------------- ∂f/∂x ----------------------------------- ∂f/∂y
elementwise(sp.radian,      DEGREE,                                     DEGREE / 60,                    DEGREE / 3600)
elementwise(sp.xlogy,       lambda f, x, y: np.log(y),                  lambda f, x, y: over(x, y))
elementwise(sp.xlog1py,     lambda f, x, y: np.log1p(y),                lambda f, x, y: over(x, 1 + y))
elementwise(sp.rel_entr,    lambda f, x, y: inside(f, log_ratio(x, y) + 1),
            lambda f, x, y: inside(f, -over(x, y)))
elementwise(sp.kl_div,      lambda f, x, y: inside(f, log_ratio(x, y)),
            lambda f, x, y: inside(f, np.where(y == 0, 1 - over(x, y), (y - x) / y)))
elementwise(sp.powm1,       lambda f, x, y: power_base(f + 1, x, y),
            lambda f, x, y: sp.xlogy(np.power(x, y), x))
elementwise(sp.huber,       lambda f, d, r: inside(f, np.where(np.abs(r) > d, np.abs(r) - d, 0)),
            lambda f, d, r: inside(f, np.where(np.abs(r) > d, d * np.sign(r), r)))
elementwise(sp.pseudo_huber, lambda f, d, r: inside(f, pseudo_huber_width(f, d, r)),
            lambda f, d, r: inside(f, d * over(r, np.hypot(d, r))))
elementwise(sp.boxcox,      lambda f, x, lam: np.power(x, lam - 1),     lambda f, x, lam: boxcox_power(np.log(x), lam))
elementwise(sp.boxcox1p,    lambda f, x, lam: np.power(1 + x, lam - 1), lambda f, x, lam: boxcox_power(np.log1p(x), lam))
elementwise(sp.inv_boxcox,  lambda f, y, lam: f / (1 + lam * y),        lambda f, y, lam: f * inverse_power(y, lam))
elementwise(sp.inv_boxcox1p, lambda f, y, lam: (1 + f) / (1 + lam * y), lambda f, y, lam: (1 + f) * inverse_power(y, lam))
elementwise(sp.agm,         agm_slope,                                  lambda f, a, b: agm_slope(f, b, a))

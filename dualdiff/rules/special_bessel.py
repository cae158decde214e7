"""Bessel, Hankel, Struve, Kelvin and Airy functions in their argument (DLMF chapters 9 to 12); the order is `special_order`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from .registry import Partial, either, elementwise, elementwise_outputs
from .special_error import ROOT_PI, real_only, whole
from .special_order import hankel_order, iv_order, jv_order, kv_order, yv_order


def inverse_powers(v: Any, x: Any, sign: Any) -> Any:
    """Σ (k + ½) (sign)^k aₖ(v)/x^(k+3/2), minus the slope of x^-½ Σ (sign)^k aₖ/x^k (DLMF 10.40.1, 10.40.2, 10.17.5).

    aₖ = (4v²-1²)(4v²-3²)…(4v²-(2k-1)²)/(k! 8^k). Scaled functions are such series, and the difference of two of them,
    which an exact slope would be, cancels.
    """
    total, term = 0.5, 1.0
    for k in range(1, 26):
        term = term * sign * (4 * v * v - (2 * k - 1) ** 2) / (8 * k * x)
        total = total + (k + 0.5) * term
    return total / x / np.sqrt(x)


def is_far(v: Any, x: Any) -> Any:
    """Where 25 terms of the asymptotic series have sixteen digits."""
    return np.real(x) > 25 + np.abs(v) ** 2


def ive_slope(f: Any, v: Any, x: Any, near: Any) -> Any:
    size = np.abs(x)
    far = is_far(v, size)
    return either(far, lambda: -np.sign(f) * inverse_powers(v, np.where(far, size, 1), -1) / np.sqrt(2 * np.pi) * np.sign(x),
                  near)


def kve_slope(v: Any, x: Any, near: Any) -> Any:
    far = is_far(v, x)
    return either(far, lambda: -np.sqrt(0.5 * np.pi) * inverse_powers(v, np.where(far, x, 1), 1), near)


def hankel_slope(v: Any, x: Any, i: complex, near: Any) -> Any:
    """Of e^(-iz) H1 with i, of e^(iz) H2 with -i: √(2/π) e^(-i(v/2 + 1/4)π) Σ iᵏ aₖ / z^(k+½)."""
    far = is_far(v, x)
    return either(far, lambda: -np.sqrt(2 / np.pi) * np.exp(-i * np.pi * (0.5 * v + 0.25)) *
                  inverse_powers(v, np.where(far, x, 1), i), near)


def struve_argument(function: Any, sign: int) -> Partial:
    """H_{v-1} - (v/x) H_v with sign -1, L_{v-1} - (v/x) L_v with 1 (DLMF 11.4.27, 11.4.29); at 0, where that is 0/0, half
    of f_{v-1} ± f_{v+1} + (x/2)^v/(√π Γ(v+3/2)) (11.4.23-28).
    """
    def slope(f: Any, v: Any, x: Any) -> Any:
        below = function(v - 1, x)
        return either(x == 0, lambda: 0.5 * (below + sign * function(v + 1, x) +
                                             np.power(0.5 * x, v) / ROOT_PI * sp.rgamma(v + 1.5)), below - v / x * f)
    return slope


def quotient(a: Any, x: Any, limit: complex) -> Any:
    """a / x, and its limit at x = 0."""
    return either(x == 0, lambda: limit, a / x)


# ---- any order ----------- ∂f/∂v -------------- ∂f/∂x --- DLMF
elementwise(sp.jv,          jv_order,           lambda f, v, x: 0.5 * (sp.jv(v - 1, x) - sp.jv(v + 1, x)))  # 10.6.1
elementwise(sp.yv,          yv_order,           lambda f, v, x: 0.5 * (sp.yv(v - 1, x) - sp.yv(v + 1, x)))  # 10.6.1
elementwise(sp.iv,          iv_order(False),    lambda f, v, x: 0.5 * (sp.iv(v - 1, x) + sp.iv(v + 1, x)))  # 10.29.1
elementwise(sp.kv,          kv_order(False),    lambda f, v, x: -0.5 * (sp.kv(v - 1, x) + sp.kv(v + 1, x)))  # 10.29.1
elementwise(sp.jve,         jv_order,           lambda f, v, x: 0.5 * (sp.jve(v - 1, real_only(x, "jve")) - sp.jve(v + 1, x)))
elementwise(sp.yve,         yv_order,           lambda f, v, x: 0.5 * (sp.yve(v - 1, real_only(x, "yve")) - sp.yve(v + 1, x)))
elementwise(sp.ive,         iv_order(True),
            lambda f, v, x: ive_slope(f, v, real_only(x, "ive"), 0.5 * (sp.ive(v - 1, x) + sp.ive(v + 1, x)) - np.sign(x) * f))
elementwise(sp.kve,         kv_order(True),
            lambda f, v, x: kve_slope(v, x, f - 0.5 * (sp.kve(v - 1, x) + sp.kve(v + 1, x))))
elementwise(sp.hankel1,     hankel_order(1, False),
            lambda f, v, x: 0.5 * (sp.hankel1(v - 1, x) - sp.hankel1(v + 1, x)))  # 10.6.1
elementwise(sp.hankel2,     hankel_order(-1, False),
            lambda f, v, x: 0.5 * (sp.hankel2(v - 1, x) - sp.hankel2(v + 1, x)))
elementwise(sp.hankel1e,    hankel_order(1, True),
            lambda f, v, x: hankel_slope(v, x, 1j, 0.5 * (sp.hankel1e(v - 1, x) - sp.hankel1e(v + 1, x)) - 1j * f))
elementwise(sp.hankel2e,    hankel_order(-1, True),
            lambda f, v, x: hankel_slope(v, x, -1j, 0.5 * (sp.hankel2e(v - 1, x) - sp.hankel2e(v + 1, x)) + 1j * f))
elementwise(sp.struve,      None,               struve_argument(sp.struve, -1))
elementwise(sp.modstruve,   None,               struve_argument(sp.modstruve, 1))

# ---- whole orders: nothing between them
def beside(function: Any, n: Any, x: Any) -> tuple[Any, Any]:
    """The functions of the orders n - 1 and n + 1."""
    n = whole(n)
    return function(np.abs(n - 1) if function is sp.kn else n - 1, x), function(n + 1, x)


elementwise(sp.yn,          None,               lambda f, n, x: 0.5 * np.subtract(*beside(sp.yn, n, x)))  # 10.6.1
elementwise(sp.kn,          None,               lambda f, n, x: -0.5 * np.add(*beside(sp.kn, n, x)))  # 10.29.1
elementwise(sp.j0,          lambda f, x: -sp.j1(x))  # 10.6.3
elementwise(sp.y0,          lambda f, x: -sp.y1(x))
elementwise(sp.i0,          lambda f, x: sp.i1(x))  # 10.29.3
elementwise(sp.k0,          lambda f, x: -sp.k1(x))
elementwise(sp.j1,          lambda f, x: 0.5 * (sp.j0(x) - sp.jv(2, x)))  # 10.6.1
elementwise(sp.y1,          lambda f, x: 0.5 * (sp.y0(x) - sp.yn(2, x)))
elementwise(sp.i1,          lambda f, x: 0.5 * (sp.i0(x) + sp.iv(2, x)))  # 10.29.1
elementwise(sp.k1,          lambda f, x: -0.5 * (sp.k0(x) + sp.kn(2, x)))
elementwise(sp.i0e,         lambda f, x: ive_slope(f, 0, x, sp.i1e(x) - np.sign(x) * f))
elementwise(sp.i1e,         lambda f, x: ive_slope(f, 1, x, 0.5 * (sp.i0e(x) + sp.ive(2, x)) - np.sign(x) * f))
elementwise(sp.k0e,         lambda f, x: kve_slope(0, x, f - sp.k1e(x)))
elementwise(sp.k1e,         lambda f, x: kve_slope(1, x, f - 0.5 * (sp.k0e(x) + sp.kve(2, x))))

# ---- Kelvin functions: w = ber + i bei solves x² w″ + x w′ = i x² w (DLMF 10.61.3)
elementwise(sp.ber,         lambda f, x: sp.berp(x))
elementwise(sp.bei,         lambda f, x: sp.beip(x))
elementwise(sp.ker,         lambda f, x: sp.kerp(x))
elementwise(sp.kei,         lambda f, x: sp.keip(x))
elementwise(sp.berp,        lambda f, x: -sp.bei(x) - quotient(f, x, 0))
elementwise(sp.beip,        lambda f, x: sp.ber(x) - quotient(f, x, 0.5))
elementwise(sp.kerp,        lambda f, x: -sp.kei(x) - f / x)
elementwise(sp.keip,        lambda f, x: sp.ker(x) - f / x)
elementwise_outputs(sp.kelvin,
                    (lambda f, x: f[2],),
                    (lambda f, x: f[3],),
                    (lambda f, x: 1j * f[0] - quotient(f[2], x, 0.5j),),
                    (lambda f, x: 1j * f[1] - f[3] / x,))


# ---- Airy and parabolic cylinder functions: pairs of a solution and its slope (DLMF chapters 9 and 12)
FAR = 12.0  # ζ = 2/3 x^(3/2) > 27: the asymptotic series has sixteen digits


def root(x: Any) -> Any:
    """√x, the slope of the exponent 2/3 x^(3/2); SciPy does not scale to the left of 0, where the exponent is imaginary."""
    return np.sqrt(x) if np.iscomplexobj(x) else np.sqrt(np.maximum(x, 0))


def scaled(f: Any, x: Any, near: Any, exponent: float, order: float, sign: int) -> Any:
    """The slope of f = c x^p g(ζ) with a scaled Bessel function g far to the right: p f/x + c x^p √x g′ (DLMF 9.6.2-9)."""
    far = (np.real(x) > FAR) & (np.imag(x) == 0)
    if not np.any(far):
        return near
    x = np.where(far, x, FAR)
    zeta = x * np.sqrt(x) / 1.5
    size = np.sqrt(x / 3) if order < 0.5 else x / np.sqrt(3)
    factor = 1 / np.sqrt(2 * np.pi) * (1 if sign == 1 else 2)  # K(ζ)/π with sign 1, I_v + I_-v with -1
    series = np.sign(np.real(f)) * size * np.sqrt(x) * factor * inverse_powers(order, zeta, sign)
    return np.where(far, exponent * f / x - series, near)


# ---- w″ = x w (DLMF 9.2.1)
elementwise_outputs(sp.airy,
                    (lambda f, x: f[1],),
                    (lambda f, x: x * f[0],),
                    (lambda f, x: f[3],),
                    (lambda f, x: x * f[2],))
elementwise_outputs(sp.airye,
                    (lambda f, x: scaled(f[0], x, f[1] + root(x) * f[0], 0.5, 1 / 3, 1),),
                    (lambda f, x: scaled(f[1], x, x * f[0] + root(x) * f[1], 1.0, 2 / 3, 1),),
                    (lambda f, x: scaled(f[2], real_only(x, "airye"), f[3] - root(x) * f[2], 0.5, 1 / 3, -1),),
                    (lambda f, x: scaled(f[3], real_only(x, "airye"), x * f[2] - root(x) * f[3], 1.0, 2 / 3, -1),))
elementwise_outputs(sp.itairy,
                    (lambda f, x: sp.airy(x)[0],),
                    (lambda f, x: sp.airy(x)[2],),
                    (lambda f, x: sp.airy(-x)[0],),
                    (lambda f, x: sp.airy(-x)[2],))

# ---- w″ = (x²/4 + a) w with a = -v - ½ for D_v and V_v (DLMF 12.2.2), w″ = (a - x²/4) w for W (12.14.2)
for _pair in (sp.pbdv, sp.pbvv):
    elementwise_outputs(_pair,
                        (None, lambda f, v, x: f[1]),
                        (None, lambda f, v, x: (0.25 * x * x - v - 0.5) * f[0]))
elementwise_outputs(sp.pbwa,
                    (None, lambda f, a, x: f[1]),
                    (None, lambda f, a, x: (a - 0.25 * x * x) * f[0]))

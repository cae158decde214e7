"""Airy and parabolic cylinder functions: pairs of a solution and its slope (DLMF chapters 9 and 12)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from .registry import elementwise_outputs
from .special_bessel import inverse_powers
from .special_error import real_only

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
    factor = 1 / np.sqrt(2 * np.pi) * (1 if sign == 1 else 2)       # K(ζ)/π with sign 1, I_v + I_-v with -1
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

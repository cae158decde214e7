"""Mathieu and spheroidal wave functions: pairs of a solution and its slope (DLMF chapters 28 and 30).

The second derivative is the differential equation. A characteristic value changes by the mean of the potential's
slope over the squared solution (Hellmann & Feynman), because the operator is self-adjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from .elementwise import DEGREE
from .registry import Partial, elementwise, elementwise_outputs
from .special_order import gauss

CIRCLE = 128  # points of the trapezoidal rule, spectrally accurate on a period


def mathieu_value(solution: Any) -> Partial:
    """da/dq = (1/π) ∫ 2 cos 2x y² dx over a period (y″ + (a - 2q cos 2x) y = 0, DLMF 28.2.1; ∫ y² = π, 28.2.30)."""
    def slope(f: Any, m: Any, q: Any) -> Any:
        total, weight = 0.0, 0.0
        for x in np.arange(CIRCLE) * (360 / CIRCLE):
            y, _ = solution(m, q, float(x))
            total, weight = total + 2 * np.cos(2 * DEGREE * x) * y * y, weight + y * y
        return total / weight
    return slope


def mathieu(function: Any, value: Any) -> None:
    """Angular solutions, their argument in degrees and their slope in radians (DLMF 28.2.1)."""
    elementwise_outputs(
        function,
        (None, None, lambda f, m, q, x: DEGREE * f[1]),
        (None, None, lambda f, m, q, x: DEGREE * (2 * q * np.cos(2 * DEGREE * x) - value(m, q)) * f[0]))


def modified_mathieu(function: Any, value: Any) -> None:
    """Radial solutions (DLMF 28.20.1)."""
    elementwise_outputs(
        function,
        (None, None, lambda f, m, q, x: f[1]),
        (None, None, lambda f, m, q, x: (value(m, q) - 2 * q * np.cosh(2 * x)) * f[0]))


elementwise(sp.mathieu_a,   None,                   mathieu_value(sp.mathieu_cem))
elementwise(sp.mathieu_b,   None,                   mathieu_value(sp.mathieu_sem))
mathieu(sp.mathieu_cem, sp.mathieu_a)
mathieu(sp.mathieu_sem, sp.mathieu_b)
for _even, _odd in ((sp.mathieu_modcem1, sp.mathieu_modsem1), (sp.mathieu_modcem2, sp.mathieu_modsem2)):
    modified_mathieu(_even, sp.mathieu_a)
    modified_mathieu(_odd, sp.mathieu_b)


# ---- spheroidal: ((1 - x²) w′)′ + (λ - γ x² - m²/(1 - x²)) w = 0 with γ = c², or -c² oblate (DLMF 30.2.1)
def spheroidal(f: Any, m: Any, cv: Any, gamma: Any, x: Any, x2: Any) -> Any:
    """w″; x2 is x², or -x² where the argument is imaginary."""
    gap = 1 - x2
    return (2 * x * f[1] - (cv - gamma * x2 - m * m / gap) * f[0]) / gap


def spheroidal_pair(own: Any, given: Any, value: Any, sign: int, imaginary: bool) -> None:
    """Of (m, n, c, x), and of (m, n, c, cv, x) with the characteristic value given. Radial oblate functions are at ix, which
    turns the signs.
    """
    i2 = -1 if imaginary else 1

    def curvature(f: Any, m: Any, c: Any, cv: Any, x: Any) -> Any:
        return i2 * spheroidal(f, m, cv, sign * c * c, x, i2 * x * x)

    elementwise_outputs(own,
                        (None, None, None, lambda f, m, n, c, x: f[1]),
                        (None, None, None, lambda f, m, n, c, x: curvature(f, m, c, value(m, n, c), x)))
    elementwise_outputs(given,
                        (None, None, None, None, lambda f, m, n, c, cv, x: f[1]),
                        (None, None, None, None, lambda f, m, n, c, cv, x: curvature(f, m, c, cv, x)))


def spheroidal_value(solution: Any, sign: int) -> Partial:
    """dλ/dc = ±2c ∫ x² S² / ∫ S² over (0, 1): the squared solution is even."""
    def slope(f: Any, m: Any, n: Any, c: Any) -> Any:
        total, weight = 0.0, 0.0
        for x, w in gauss(32):
            s, _ = solution(m, n, c, x)
            total, weight = total + w * x * x * s * s, weight + w * s * s
        return sign * 2 * c * total / weight
    return slope


elementwise(sp.pro_cv,      None, None,             spheroidal_value(sp.pro_ang1, 1))
elementwise(sp.obl_cv,      None, None,             spheroidal_value(sp.obl_ang1, -1))
for _row in ((sp.pro_ang1, sp.pro_ang1_cv, sp.pro_cv, 1, False), (sp.obl_ang1, sp.obl_ang1_cv, sp.obl_cv, -1, False),
             (sp.pro_rad1, sp.pro_rad1_cv, sp.pro_cv, 1, False), (sp.obl_rad1, sp.obl_rad1_cv, sp.obl_cv, -1, True),
             (sp.pro_rad2, sp.pro_rad2_cv, sp.pro_cv, 1, False), (sp.obl_rad2, sp.obl_rad2_cv, sp.obl_cv, -1, True)):
    spheroidal_pair(*_row)

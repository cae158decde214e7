"""Student's t: its density, and its derivatives in the degrees of freedom and in the shift of the noncentral one."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from .special_entropy import inverse_power
from .special_error import ROOT_2PI
from .special_incomplete import GAMMA_NODES, TAIL, beta_shape, integral


def student_density(v: Any, t: Any) -> Any:
    """(1 + t²/v)^-(v+1)/2 / (√v B(½, v/2)); for large v, where SciPy's beta cancels, Γ(v/2+½)/Γ(v/2) as a series."""
    large = v > 200
    u = 2 / np.where(large, v, 200.0)
    series = 1 - u * (1 / 8 - u * (1 / 128 + u * (5 / 1024 - u * (21 / 32768 + u * (399 / 262144 - u * 869 / 4194304)))))
    scale = np.where(large, series / ROOT_2PI, np.exp(-sp.betaln(0.5, 0.5 * v)) / np.sqrt(v))
    return scale * np.exp(-0.5 * (v + 1) * np.log1p(t * t / v))


def student_freedom(v: Any, t: Any) -> Any:
    """For v ≥ 1 ±∫ density · score ds from 0 to |t|, or minus that from |t| to ∞ beyond the score's zero near s² = 1 + √2.

    score = ∂ log density/∂v = ½ (q/(1+q) - log(1+q) + q/(v(1+q)) + c), q = s²/v, c = ψ((v+1)/2) - ψ(v/2) - 1/v: terms of
    the order of 1/v² all, while the incomplete beta function's partials cancel to it from 1/v;
    they serve for v < 1, where the integrand reaches beyond the largest number: F = 1 - I_w(v/2, ½)/2, w = v/(v + t²).
    """
    heavy = v < 1
    if np.any(heavy):
        total = v + t * t
        below = 0.5 * beta_shape(0.5 * v, 0.5, v / total, t * t / total) + np.abs(t) * student_density(v, t) / v
        below = np.where(t == 0, 0, -0.5 * np.sign(t) * below)
        return below if np.all(heavy) else np.where(heavy, below, student_freedom(np.where(heavy, 2.0, v), t))
    size = np.abs(t)
    large = v > 100
    w = 1 / np.where(large, v, 100) ** 2
    c = np.where(large, w * (0.5 - w * (0.25 - w * (0.5 - 2.125 * w))), sp.psi(0.5 * v + 0.5) - sp.psi(0.5 * v) - 1 / v)

    def g(s: Any) -> Any:
        q = s * s / v
        return student_density(v, s) * 0.5 * (inverse_power(q, 1.0) + q / (1 + q) / v + c)

    inner = size * size < 2.5
    slope = integral(g, np.where(inner, size, 1.0), GAMMA_NODES)
    if not np.all(inner):
        size = np.where(inner, 2.0, size)
        share = size * size / (v + size * size)
        end = (TAIL - 0.5 * (v + 1) * np.log(share)) / v   # in log s: from where the density has fallen by e^-50
        for _ in range(4):
            end = np.minimum(end, 0.5 * np.log1p(np.expm1(np.minimum(2 * (TAIL + end) / (v + 1), 600)) / share))
        outer = integral(lambda u: size * np.exp(u) * g(size * np.exp(u)), end, GAMMA_NODES)
        slope = np.where(inner, slope, -outer)
    return np.sign(t) * slope


def nct_shift(density: Any, v: Any, d: Any, t: Any) -> Any:
    """-E φ(ts - δ) over s = √(χ²/v), which is -c times the density with v - 1 degrees at t √((v-1)/v).

    F = E Φ(ts - δ) and density = E s φ(ts - δ); s^(v-1) exp(-v s²/2) is the weight of one degree less, rescaled. For
    v ≤ 1 from v + 2 degrees: the integral of d(s^v exp(-v s²/2) φ(ts - δ)) is zero.
    """
    few = v <= 1
    if np.any(few):
        above = nct_shift(density, v + 2, d, t * np.sqrt((v + 2) / v))
        stepped = ((v + t * t) * above + t * d * density(t, v, d)) / v
        return stepped if np.all(few) else np.where(few, stepped, nct_shift(density, np.where(few, 2.0, v), d, t))
    w = v - 1
    return -np.sqrt(0.5 * w) * np.exp(sp.gammaln(0.5 * w) - sp.gammaln(0.5 * v)) * density(t * np.sqrt(w / v), w, d)

"""Hypergeometric functions, in argument and parameters, and Lambert's and Wright's (DLMF chapters 4, 13, 15, 16)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from scipy import special as sp
from scipy.special import _ufuncs

from ..errors import RuleError
from .registry import elementwise

TERMS = 8000
KEPT = 1e-5  # of sixteen digits, five may cancel


def parameter_slope(name: str, f: Any, above: tuple[Any, ...], below: tuple[Any, ...], z: Any, which: int) -> Any:
    """Σ (a)ₖ…/(b)ₖ… zᵏ/k! (DLMF 16.2.1), differentiated in one parameter, counted from the first above to the last below.

    Terms and their derivatives by recurrence, so that a parameter may pass through zero. Raises RuleError where the
    series does not converge in 8000 terms, or cancels by more than five digits.
    """
    term: Any = 1.0 + 0 * f
    slope = total = size = 0 * f
    k = 0
    while k < 8 or np.any((np.abs(slope) + np.abs(term)) * k > 1e-18 * np.abs(size)):
        if k == TERMS or not np.all(np.isfinite(size)):
            raise beyond(name)
        factors = [a + k for a in above] + [1 / (b + k) for b in below] + [z / (k + 1)]
        ratio = prod(factors)
        # the derivative of the ratio: without its factor above, or with 1/(b + k) once more and a minus below
        change = prod(factors[:which] + factors[which + 1:]) if which < len(above) else -ratio * factors[which]
        slope, term = slope * ratio + term * change, term * ratio
        total, size, k = total + slope, size + np.abs(slope), k + 1
    if np.any(np.abs(total) + np.abs(f) < KEPT * size):
        raise beyond(name)
    return total


def beyond(name: str) -> RuleError:
    return RuleError(f"scipy.special.{name}: the series for its derivative in a parameter has too few digits here; wrap the "
                     "parameters in dualdiff.stop_gradient() if they are meant as constants")


def kummer(f: Any, a: Any, b: Any, z: Any, which: int) -> Any:
    """Of M(a, b, z); to the left of 0 through e^z M(b-a, b, -z) (DLMF 13.2.39), whose terms have one sign."""
    left = np.real(z) < 0
    right = parameter_slope("hyp1f1", f, (a,), (b,), np.where(left, 0, z), which)
    if not np.any(left):
        return right
    w = np.where(left, -z, 0)
    scaled = np.exp(w) * f
    inner = -parameter_slope("hyp1f1", scaled, (b - a,), (b,), w, 0)
    if which == 1:
        inner = parameter_slope("hyp1f1", scaled, (b - a,), (b,), w, 1) - inner
    return np.where(left, np.exp(-w) * inner, right)


def gauss(f: Any, a: Any, b: Any, c: Any, z: Any, which: int) -> Any:
    """Of F(a, b; c; z); to the left of 0 through (1-z)^-a F(a, c-b; c; z/(z-1)) (DLMF 15.8.1)."""
    left = np.real(z) < 0
    right = parameter_slope("hyp2f1", f, (a, b), (c,), np.where(left, 0, z), which)
    if not np.any(left):
        return right
    z = np.where(left, z, 0)
    power, w = (1.0 - z) ** a, z / (z - 1)

    def inner(i: int) -> Any:
        return parameter_slope("hyp2f1", power * f, (a, c - b), (c,), w, i) / power

    slope = inner(0) - np.log1p(-z) * f if which == 0 else -inner(1) if which == 1 else inner(1) + inner(2)
    return np.where(left, slope, right)


# ---- one partial per line; in the argument the parameters go up by one (DLMF 16.3.1, 13.3.22)
elementwise(sp.hyp0f1,
            lambda f, b, z: parameter_slope("hyp0f1", f, (), (b,), z, 0),
            lambda f, b, z: sp.hyp0f1(b + 1, z) / b)
elementwise(sp.hyp1f1,
            lambda f, a, b, z: kummer(f, a, b, z, 0),
            lambda f, a, b, z: kummer(f, a, b, z, 1),
            lambda f, a, b, z: a / b * sp.hyp1f1(a + 1, b + 1, z))
elementwise(sp.hyp2f1,
            lambda f, a, b, c, z: gauss(f, a, b, c, z, 0),
            lambda f, a, b, c, z: gauss(f, a, b, c, z, 1),
            lambda f, a, b, c, z: gauss(f, a, b, c, z, 2),
            lambda f, a, b, c, z: a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, z))
elementwise(sp.hyperu,      None, None,             lambda f, a, b, x: -a * sp.hyperu(a + 1, b + 1, x))
elementwise(sp.wright_bessel, None, None,           lambda f, a, b, x: sp.wright_bessel(a, a + b, x))  # 10.46.1
elementwise(sp.wrightomega, lambda f, z: f / (1 + f))  # w + log w = z
if hasattr(sp, "log_wright_bessel"):
    elementwise(sp.log_wright_bessel, None, None,
                lambda f, a, b, x: np.exp(sp.log_wright_bessel(a, a + b, x) - f))
if hasattr(_ufuncs, "_lambertw"):  # what scipy.special.lambertw calls; w e^w = z (4.13.1)
    elementwise(_ufuncs._lambertw, lambda f, z, k, tol: np.exp(-f) / (1 + f), None, None)

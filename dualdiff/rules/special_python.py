"""Functions of `scipy.special` that SciPy writes in Python. They convert their arguments, so only `dualdiff.lift` gets here.

Formulas are cited by their number in the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp
from scipy.special import _ufuncs as private

from .constant import plain
from .gather import spread
from .registry import composite, elementwise, formula, primitive


# ---- sums of exponentials
@primitive
def log_sum(a: Any, axis: Any, keepdims: bool) -> Any:
    return sp.logsumexp(a, axis=axis, keepdims=keepdims)


def log_sum_differential(f: Any, a: Any, da: Any, axis: Any, keepdims: bool) -> Any:
    """Each element's share, exp(a - f); an element at -inf has none."""
    none = np.isneginf(plain(a))
    share = np.where(none, 0, np.exp(np.where(none, 0, a - spread(f, axis, keepdims))))
    return np.sum(da * share, axis=axis, keepdims=keepdims)


formula(log_sum, log_sum_differential)


def largest(a: Any, axis: Any) -> Any:
    """What is taken off before exponentials are summed; constant, for the result does not depend on it."""
    top = np.max(np.real(plain(a)), axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0)


@composite(sp.logsumexp)
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    if b is None and not return_sign and not np.iscomplexobj(a):
        return log_sum(a, axis, keepdims)
    a = a if b is None else a + np.zeros(np.shape(b))
    top = largest(a if b is None else np.where(plain(b) == 0, -np.inf, a), axis)
    if b is not None and not hasattr(b, "level"):  # what has no weight must not overflow
        a = np.where(plain(b) == 0, top, a)
    weighted = np.exp(a - top) if b is None else b * np.exp(a - top)
    total = np.sum(weighted, axis=axis, keepdims=True)
    sign = np.sign(total) if not np.iscomplexobj(total) else total / np.abs(total)
    with np.errstate(divide="ignore"):
        f = np.log(np.abs(total) if return_sign else total) + top
    f, sign = (f, sign) if keepdims else (np.squeeze(f, axis), np.squeeze(sign, axis))
    return (f, sign) if return_sign else f


@composite(sp.softmax)
def softmax(x: Any, axis: Any = None) -> Any:
    e = np.exp(x - largest(x, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


@composite(sp.log_softmax)
def log_softmax(x: Any, axis: Any = None) -> Any:
    x = x - largest(x, axis)
    return x - log_sum(x, axis, True)


@composite(sp.diric)
@primitive
def diric(x: Any, n: Any) -> Any:
    return sp.diric(x, n)


def diric_differential(f: Any, x: Any, dx: Any, n: Any) -> Any:
    """Of (1/n) Σ cos kx, -n/2 < k < n/2 in steps of 1: the quotient of sines has a branch for its limit."""
    k = np.arange(n) - 0.5 * (n - 1)
    return dx * (np.sin(x[..., None] * k) @ k / -n)


formula(diric, diric_differential, smooth=True)


# ---- gamma functions of several kinds
@composite(sp.polygamma)
def polygamma(n: Any, x: Any) -> Any:
    """(-1)^(n+1) n! ζ(n+1, x), DLMF 25.11.12."""
    n = plain(n)
    higher = (-1.0) ** (n + 1) * sp.gamma(n + 1.0) * sp.zeta(np.where(n == 0, 2.0, n + 1.0), x)
    return np.where(n == 0, sp.psi(x), higher) if np.any(n == 0) else higher


@composite(sp.multigammaln)
def multigammaln(a: Any, d: Any) -> Any:
    """log of the product of Γ(a - j/2), j < d, and π^(d(d-1)/4): DLMF 35.3.4."""
    if d != int(d) or d < 1 or np.any(plain(a) <= 0.5 * (d - 1)):
        raise ValueError
    total: Any = d * (d - 1) * 0.25 * np.log(np.pi)
    for j in range(int(d)):
        total = total + sp.gammaln(a - j / 2)
    return total


# ---- spherical Bessel functions
def spherical(kind: str, before: float, behind: float) -> None:
    """f'ₙ = (before n fₙ₋₁ + behind (n+1) fₙ₊₁) / (2n + 1), DLMF 10.51.2 and 10.51.5; so for its derivative too."""
    slope: Any = getattr(private, f"_spherical_{kind}n_d")

    def curvature(f: Any, n: Any, z: Any) -> Any:
        return (before * n * slope(np.maximum(n - 1, 0), z) + behind * (n + 1) * slope(n + 1, z)) / (2 * n + 1)
    elementwise(getattr(private, f"_spherical_{kind}n"), None, lambda f, n, z: slope(n, z))
    elementwise(slope, None, curvature)


def reflected(kind: str, parity: int) -> Any:
    """fₙ(-z) = parity (-1)ⁿ fₙ(z), DLMF 10.47.14 and 10.47.16; of kₙ SciPy gives the real part."""
    function, slope = getattr(private, f"_spherical_{kind}n"), getattr(private, f"_spherical_{kind}n_d")

    def definition(n: Any, z: Any, derivative: bool = False) -> Any:
        n, f = np.asarray(plain(n), np.dtype("long")), slope if derivative else function
        back = np.real(plain(z)) < 0
        if np.iscomplexobj(z) or not np.any(back):
            return f(n, z)
        if not parity:
            return np.real(f(n, z + 0j))
        sign = np.where(back, parity * (-1) ** n * (-1 if derivative else 1), 1)
        return f(n, z * np.where(back, -1, 1)) * sign
    return definition


for _kind, _before, _behind, _parity in (("j", 1, -1, 1), ("y", 1, -1, -1), ("i", 1, 1, 1), ("k", -1, -1, 0)):
    spherical(_kind, _before, _behind)
    composite(getattr(sp, f"spherical_{_kind}n"))(reflected(_kind, _parity))

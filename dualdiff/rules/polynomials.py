"""Polynomials given by coefficients, highest degree first, as ``numpy.poly1d`` has them.

``numpy.polynomial`` converts its coefficients to plain arrays, so transforms run what calls it as ``lift`` does.
"""

from __future__ import annotations

import warnings
from functools import wraps
from typing import Any

import numpy as np

from ..errors import DegenerateError, RuleError
from .constant import plain
from .gather import as_array, stacked
from .registry import composite, formula, primitive


def coefficients(p: Any, function: str) -> Any:
    if isinstance(p, np.poly1d):
        return p.coeffs
    p = as_array(p)
    p = np.reshape(p, (1,)) if p.shape == () else p
    if p.ndim != 1:
        raise RuleError(f"numpy.{function} of dual numbers takes coefficients as a list or a one-dimensional array; "
                        f"got shape {p.shape}")
    return p


def of_its_kind(definition: Any) -> Any:
    """As NumPy's functions, which give a poly1d where they get one."""
    @wraps(definition)
    def call(*args: Any, **options: Any) -> Any:
        found = definition(*args, **options)
        if not any(isinstance(p, np.poly1d) for p in (*args, *options.values())):
            return found
        return tuple(map(np.poly1d, found)) if isinstance(found, tuple) else np.poly1d(found)
    return call


def without_leading_zeros(p: Any) -> Any:
    """As poly1d trims; a zero coefficient that is perturbed is dropped too, since NumPy takes the same branch."""
    used = [*np.flatnonzero(plain(p)), p.shape[0] - 1]
    np.any(p[:used[0]])  # warns of zeros that are perturbed
    return p[used[0]:]


# ---- values
@composite(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Horner's rule, in NumPy's order; at a poly1d it composes polynomials."""
    p, x = coefficients(p, "polyval"), x if isinstance(x, np.poly1d) else as_array(x)
    y: Any = 0 if isinstance(x, np.poly1d) else np.zeros(x.shape, np.asarray(plain(x)).dtype)[()]
    for c in p:
        y = y * x + c
    return y


# ---- arithmetic
@composite(np.polyadd)
@of_its_kind
def polyadd(a1: Any, a2: Any) -> Any:
    a, b = coefficients(a1, "polyadd"), coefficients(a2, "polyadd")
    longer, shorter = (a, b) if a.shape[0] >= b.shape[0] else (b, a)
    gap = longer.shape[0] - shorter.shape[0]
    return a + b if not gap else np.concatenate([longer[:gap], longer[gap:] + shorter])


@composite(np.polysub)
@of_its_kind
def polysub(a1: Any, a2: Any) -> Any:
    return polyadd(coefficients(a1, "polysub"), -coefficients(a2, "polysub"))


@composite(np.polymul)
@of_its_kind
def polymul(a1: Any, a2: Any) -> Any:
    return np.convolve(without_leading_zeros(coefficients(a1, "polymul")),
                       without_leading_zeros(coefficients(a2, "polymul")))


@composite(np.polydiv)
@of_its_kind
def polydiv(u: Any, v: Any) -> Any:
    """Long division; the remainder loses leading zeros to within NumPy's tolerance."""
    r, v = coefficients(u, "polydiv") + 0.0, coefficients(v, "polydiv") + 0.0
    m, scale = v.shape[0], 1.0 / v[0]
    quotient, heads, window = [], [], r[:m]  # the part of the remainder that is at work, and what it has left behind
    for k in range(r.shape[0] - m + 1):
        d = scale * window[0]
        quotient.append(d)
        window = window - d * v
        heads.append(window[:1])
        window = np.concatenate([window[1:], r[k + m:k + m + 1]])
    r = np.concatenate([*heads, window])
    while r.shape[0] > 1 and np.allclose(plain(r[0]), 0, rtol=1e-14):
        r = r[1:]
    return (np.stack(quotient) if quotient else np.zeros(1, plain(r).dtype)), r


@composite(np.polyder)
@of_its_kind
def polyder(p: Any, m: int = 1) -> Any:
    p = coefficients(p, "polyder")
    if m < 0:
        raise ValueError
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@composite(np.polyint)
@of_its_kind
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """m times, with the constants k in the order of the integrations."""
    p = coefficients(p, "polyint")
    constants = np.reshape(np.zeros(m) if k is None else as_array(k), (-1,))
    if constants.shape[0] == 1 and m > 1:
        constants = constants * np.ones(m)
    if not 0 <= m <= constants.shape[0]:
        raise ValueError
    for i in range(m):
        p = np.concatenate([p / np.arange(p.shape[0], 0, -1), constants[i:i + 1]])
    return p


# ---- roots
@primitive
def roots_of(p: Any) -> Any:
    return np.roots(p)


def roots_differential(f: Any, p: Any, dp: Any) -> Any:
    """0 = p(r), so dr = -Σ dp_k r^(n-k) / p'(r), by the implicit function theorem."""
    n = p.shape[0]
    if not f.shape[0]:
        return np.zeros((0, n), plain(f).dtype) @ dp
    powers = np.vander(f, n)
    slope = powers[:, 1:] @ (p[:-1] * np.arange(n - 1, 0, -1)) if n > 1 else powers[:, :0] @ p[:0]
    terms = np.abs(plain(powers)[:, 1:]) @ np.abs(plain(p)[:-1] * np.arange(n - 1, 0, -1))
    multiple = np.abs(plain(slope)) <= 4 * np.sqrt(np.finfo(terms.dtype).eps) * terms
    if np.any(multiple):  # rounding splits a double root by √eps
        raise DegenerateError(f"numpy.roots: the root {plain(f)[multiple][0]:.6g} is repeated to rounding, so its derivative "
                              "is infinite")
    return (powers * (-1 / slope)[:, None]) @ dp


formula(roots_of, roots_differential)
composite(np.roots)(lambda p: roots_of(p.coeffs if isinstance(p, np.poly1d) else p))


@primitive
def characteristic(A: Any) -> Any:
    return np.poly(A)


def characteristic_differential(f: Any, A: Any, dA: Any) -> Any:
    """dcₖ = -tr(Mₖ dA) where the adjugate of t - A is Σ Mₖ tⁿ⁻ᵏ, by Faddeev's and LeVerrier's recursion."""
    n = A.shape[0]
    one = M = np.eye(n, dtype=plain(A).dtype)
    slopes = [np.zeros_like(one)]
    for k in range(1, n + 1):
        slopes.append(-np.transpose(M))
        M = A @ M
        M = M - np.trace(M) / k * one
    dc = np.reshape(np.stack(slopes), (n + 1, n * n)) @ np.reshape(dA, (n * n,))
    return np.real(dc) if np.iscomplexobj(A) and not np.iscomplexobj(f) else dc


formula(characteristic, characteristic_differential)


def nearly_defective(A: Any) -> bool:
    """Whether eigenvalues lie so close, or their vectors, that derivatives by way of them lose digits, or are infinite."""
    w, V = np.linalg.eig(A)
    gaps = np.abs(w[:, None] - w)[~np.eye(len(w), dtype=bool)]
    return bool(np.linalg.cond(V) > 1e3 or np.min(gaps, initial=np.inf) <= 1e-3 * np.max(np.abs(w)))


@composite(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The product of (x - r); of a square matrix, its characteristic polynomial, which is smooth where eigenvalues are not."""
    r = seq_of_zeros
    if r.ndim == 2 and r.shape[0] == r.shape[1] != 0:
        if nearly_defective(plain(r)):
            return characteristic(r)
        r = np.linalg.eigvals(r)
    if r.shape == () or not r.shape[0]:
        return 1.0
    a: Any = np.ones(1, plain(r).dtype)
    one = np.ones(1, plain(r).dtype)
    for i in range(r.shape[0]):
        a = np.convolve(a, np.concatenate([one, -r[i:i + 1]]))
    values = plain(r)
    if np.iscomplexobj(values) and np.all(np.sort(values) == np.sort(values.conjugate())):
        a = np.real(a)
    return a


# ---- fits
@composite(np.polyfit, raw=True)
def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """Least squares with scaled columns, as NumPy does it."""
    x, y, w = (a if a is None else stacked(a) + 0.0 for a in (x, y, w))
    order = int(deg) + 1
    if deg < 0 or x.ndim != 1 or y.ndim not in (1, 2) or not x.size or x.shape[0] != y.shape[0]:
        raise ValueError
    rcond = x.shape[0] * np.finfo(plain(x).dtype).eps if rcond is None else rcond
    matrix, side = np.vander(x, order), y
    if w is not None:
        matrix, side = matrix * w[:, None], side * (w[:, None] if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(matrix * matrix, axis=0))
    matrix = matrix / scale
    solution, residuals, rank, s = np.linalg.lstsq(matrix, side, rcond)
    c = np.transpose(np.transpose(solution) / scale)
    if rank != order and not full:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if full:
        return c, residuals, rank, s, rcond
    if not cov:
        return c
    base = np.linalg.inv(np.transpose(matrix) @ matrix) / (scale[:, None] * scale)
    if cov == "unscaled":
        factor: Any = 1
    elif x.shape[0] <= order:
        raise ValueError
    else:
        factor = residuals / (x.shape[0] - order)
    return c, base * factor if y.ndim == 1 else base[:, :, None] * factor

"""Sampled functions: differences, integrals, interpolation, grids, and the special functions that NumPy itself has."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..policies import WATCH
from .constant import plain
from .formula import marked
from .gather import as_array, axes_of, axes_or_all, floating, in_double, lying_along, stacked
from .registry import composite, formula
from .shapes import lying_as


# ---- differences and integrals
@composite(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = np.ravel(ary)
    parts = [np.ravel(part) for part in (to_begin, flat[1:] - flat[:-1], to_end) if part is not None]
    return np.concatenate(parts).astype(flat.dtype, copy=False)


@composite(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Each of x, y and their product counts the axis for itself, as in NumPy: they may have different numbers of axes."""
    (along,) = axes_of(axis, y.ndim)
    head = (slice(None),) * along
    if x is None:
        d = dx
    elif np.ndim(x) == 1:
        d = lying_along(np.diff(x), along, y.ndim)
    else:
        d = np.diff(x, axis=axis)
    return np.sum(d * (y[(*head, slice(1, None))] + y[(*head, slice(None, -1))]) / 2.0, axis=axis)


@composite(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    axes = axes_or_all(axis, f.ndim)
    if edge_order > 2 or len(varargs) not in (0, 1, len(axes)):
        raise ValueError
    (f,), spacings = floating([f]), varargs or (1.0,)
    spacings = spacings if len(spacings) == len(axes) else spacings * len(axes)
    results = tuple(lying_as(slope(f, *part, edge_order).astype(f.dtype, copy=False), plain(f))
                    for part in zip(axes, spacings, strict=True))
    return results[0] if len(axes) == 1 else results


def slope(f: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    """Central differences inside, one-sided ones of the order asked at the ends."""
    f = np.moveaxis(f, axis, -1)
    if np.ndim(spacing):
        if np.shape(spacing) != f.shape[-1:]:
            raise ValueError
        step = np.diff(*floating([as_array(spacing)]))
        inside, ends = uneven(f, step, edge_order)
    else:
        inside = (f[..., 2:] - f[..., :-2]) / (2.0 * spacing)
        ends = even_ends(f, spacing, edge_order)
    parts = ends[0][..., None], inside, ends[1][..., None]
    return np.concatenate([np.moveaxis(a, -1, axis) for a in parts], axis=axis)


def even_ends(f: Any, h: Any, edge_order: int) -> tuple[Any, Any]:
    if edge_order == 1:
        return (f[..., 1] - f[..., 0]) / h, (f[..., -1] - f[..., -2]) / h
    a, b, c = -1.5 / h, 2.0 / h, -0.5 / h
    return (a * f[..., 0] + b * f[..., 1] + c * f[..., 2],
            -c * f[..., -3] - b * f[..., -2] - a * f[..., -1])


def uneven(f: Any, h: Any, edge_order: int) -> tuple[Any, tuple[Any, Any]]:
    p, q = h[:-1], h[1:]
    inside = -q / (p * (p + q)) * f[..., :-2] + (q - p) / (p * q) * f[..., 1:-1] + p / (q * (p + q)) * f[..., 2:]
    if edge_order == 1:
        return inside, ((f[..., 1] - f[..., 0]) / h[0], (f[..., -1] - f[..., -2]) / h[-1])
    p, q = h[0], h[1]
    first = (-(2.0 * p + q) / (p * (p + q)) * f[..., 0] + (p + q) / (p * q) * f[..., 1] - p / (q * (p + q)) * f[..., 2])
    p, q = h[-2], h[-1]
    last = (q / (p * (p + q)) * f[..., -3] - (q + p) / (p * q) * f[..., -2] + (2.0 * q + p) / (q * (p + q)) * f[..., -1])
    return inside, (first, last)


# ---- interpolation
@composite(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    x, xp, fp = (in_double(as_array(a)) for a in (x, xp, fp))
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp) or period == 0:
        np.interp(0.0, plain(xp), plain(fp), period=period)  # NumPy's error
    if period is not None:
        x, xp = x % abs(period), xp % abs(period)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    left, right = (fp[0] if left is None else left), (fp[-1] if right is None else right)
    n, at, knots = xp.shape[0], plain(x), plain(xp)
    if n > 1:
        slopes = (fp[1:] - fp[:-1]) / (xp[1:] - xp[:-1])
        j = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, n - 1)
        knot = at == knots[j]
        endless = np.isinf(knots[j])  # numbers are counted from the knot that is not, as NumPy does
        start = np.where(endless & ~knot, np.minimum(j + 1, n - 1), j)
        result = interp_slope(slopes, j, knot) * np.where(endless & knot, 0, x - xp[start]) + fp[start]
        if WATCH.count and not np.iscomplexobj(slopes):
            result = result + np.where(knot, marked(x, knot, "numpy.interp") - x, 0)
    else:
        result = fp[0] + 0 * x
    result = np.where(at > knots[-1], right, result)
    return np.where(at < knots[0], left, result)[()]


def interp_slope(slopes: Any, j: Any, knot: Any) -> Any:
    """The slope of segment j; at a knot, where two meet, the element of least norm between them."""
    last = slopes.shape[0] - 1
    beyond = np.concatenate([np.zeros(1), slopes, np.zeros(1)])  # constant outside
    after, before = beyond[np.minimum(j, last + 1) + 1], beyond[j]
    if not np.any(knot) or np.iscomplexobj(slopes):
        return slopes[np.minimum(j, last)]
    low, high = plain(before), plain(after)
    least = np.where(low * high <= 0, 0, np.where(np.abs(low) < np.abs(high), before, after))
    return np.where(knot, least, after)


# ---- grids
@composite(np.linspace, raw=True)
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
             axis: int = 0, *, device: Any = None) -> Any:
    num, start, stop = operator.index(num), stacked(start), stacked(stop)
    if num < 0:
        raise ValueError
    parts = num - 1 if endpoint else num
    delta = stop - start
    places = np.arange(num).astype(np.result_type(plain(delta), 1.0)).reshape((num,) + (1,) * np.ndim(delta))
    step = delta / parts if parts > 0 else np.nan
    y = places * step + start if parts > 0 else places * delta + start
    if endpoint and num > 1:
        y = np.concatenate([y[:-1], np.broadcast_to(stop, y.shape[1:])[None]])
    y = np.moveaxis(y, 0, axis) if axis else y
    y = y.astype(np.result_type(start, stop, 1.0) if dtype is None else dtype, copy=False)
    return (y, step) if retstep else y


@composite(np.logspace)
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None,
             axis: int = 0) -> Any:
    if np.ndim(base):
        start, stop, base = np.broadcast_arrays(start, stop, base)
        base = np.expand_dims(base, axis)
    y = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else np.astype(y, dtype)


@composite(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Powers of ten between the logarithms; the ends exactly."""
    if np.any(plain(start) == 0) or np.any(plain(stop) == 0):
        raise ValueError
    start, stop = map(in_double, np.broadcast_arrays(start, stop))
    sign = np.sign(plain(start))
    y = sign * logspace(np.log10(start / sign), np.log10(stop / sign), num, endpoint)
    ends = [start[None]] if num > 0 else []
    y = np.concatenate([*ends, y[1:]]) if not (endpoint and num > 1) else np.concatenate([*ends, y[1:-1], stop[None]])
    y = np.moveaxis(y, 0, axis) if axis else y
    return y if dtype is None else np.astype(y, dtype)


# ---- functions that NumPy writes in Python
SINC = [(-1) ** k * 2 * k * np.pi ** (2 * k) / float(np.prod(np.arange(1.0, 2 * k + 2))) for k in range(1, 14)]


def series(coefficients: list[float], x: Any) -> Any:
    total: Any = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


def sinc_slope(f: Any, x: Any) -> Any:
    """(cos πx - sinc x) / x; its power series where that cancels."""
    small = np.abs(plain(x)) < 0.5
    if not np.any(small):
        return (np.cos(np.pi * x) - f) / x
    near = np.where(small, x, 0)
    far = np.where(small, 1, x)
    return np.where(small, near * series(SINC, near * near), (np.cos(np.pi * far) - f) / far)


formula(np.sinc, lambda f, x, dx: dx * sinc_slope(f, x), smooth=True)

# I₁(x)/(x/2) = Σ (x²/4)ᵏ / (k! (k+1)!), DLMF 10.25.2; √(2πx) e⁻ˣ I₁(x) ~ Σ aₖ x⁻ᵏ, DLMF 10.40.1 with ν = 1.
I1_SERIES, I1_TAIL = [1.0], [1.0]
for _k in range(1, 60):
    I1_SERIES.append(I1_SERIES[-1] / (_k * (_k + 1)))
for _k in range(1, 22):
    I1_TAIL.append(-I1_TAIL[-1] * (4 - (2 * _k - 1) ** 2) / (8 * _k))


def bessel_i1(x: Any) -> Any:
    """I₁, the derivative of I₀: all terms of the series have one sign; beyond 25 the asymptotic one is exact to rounding.

    The later terms are zero in half precision, and their sum is not.
    """
    if np.result_type(plain(x)) == np.float16:
        return bessel_i1(x.astype(np.float32)).astype(np.float16)
    far = np.abs(plain(x)) > 25
    near = np.where(far, 0, x)
    result = near / 2 * series(I1_SERIES, near * near / 4)
    if not np.any(far):
        return result
    size = np.where(far, np.abs(x), 30)
    large = np.exp(size) * (series(I1_TAIL, 1 / size) / np.sqrt(2 * np.pi * size))
    return np.where(far, np.sign(plain(x)) * large, result)


formula(np.i0, lambda f, x, dx: dx * bessel_i1(x), smooth=True)


# ---- angles and parts of numbers
@composite(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    if not np.iscomplexobj(z):
        return np.angle(plain(z), deg)  # 0 or π: constant
    turn = np.arctan2(np.imag(z), np.real(z))
    return turn * (180 / np.pi) if deg else turn


# Whole periods are added: the derivative passes unchanged.
formula(np.unwrap, lambda f, p, dp, *args, **options: dp)


@composite(np.frexp)
def frexp(x: Any) -> Any:
    """The exponent is constant, and the mantissa x times a power of two."""
    exponent = np.frexp(plain(x))[1]
    return np.ldexp(x, -exponent), exponent


# ---- numpy.emath: complex where a real number leaves the domain
def widened(function: Any, outside: Any) -> Any:
    def of(x: Any, *more: Any) -> Any:
        return function(*(v + 0j if not np.iscomplexobj(v) and np.any(outside(plain(v))) else v for v in (x, *more[:1])))
    return of


for _name in ("sqrt", "log", "log2", "log10"):
    composite(getattr(np.emath, _name))(widened(getattr(np, _name), lambda x: x < 0))
for _name in ("arccos", "arcsin", "arctanh"):
    composite(getattr(np.emath, _name))(widened(getattr(np, _name), lambda x: np.abs(x) > 1))
composite(np.emath.logn)(lambda n, x: np.emath.log(x) / np.emath.log(n))
composite(np.emath.power)(lambda x, p: np.power(x + 0j if not np.iscomplexobj(x) and np.any(plain(x) < 0) else x,
                                                p if hasattr(p, "level") else np.asarray(p)))

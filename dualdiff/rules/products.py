"""Products and scans: prod, cumprod, convolve, correlate, cross, kron, the derivatives exact whatever number of zeros."""

from __future__ import annotations

from math import prod as length
from typing import Any

import numpy as np

from .constant import plain
from .gather import as_array, axes_of, axes_or_all, placed, spread
from .registry import composite, formula, gather, known, linear, primitive


# ---- prod
@primitive
def product(x: Any, axis: tuple[int, ...], keepdims: bool = False) -> Any:
    return np.prod(x, axis=axis, keepdims=keepdims)


def regular(x: Any, f: Any) -> bool:
    """Whether every quotient f / x is finite and keeps its digits; those that are differentiated again lose them at small x."""
    size = np.abs(plain(f))
    if type(x) is not np.ndarray and x.size and np.max(np.abs(plain(x))) > 100 * np.min(np.abs(plain(x))):
        return False
    return bool(np.all(x != 0) and np.all(np.isfinite(size)) and np.all(size > np.finfo(size.dtype).tiny))


def others(x: Any) -> Any:
    """For each element the product of all others along the last axis: of those before it and those behind it."""
    one = np.ones((*x.shape[:-1], 1), x.dtype)

    def before(y: Any) -> Any:
        return np.concatenate([one, np.cumprod(y[..., :-1], axis=-1)], axis=-1)
    return before(x) * before(x[..., ::-1])[..., ::-1]


def product_differential(f: Any, x: Any, dx: Any, axis: tuple[int, ...], keepdims: bool = False) -> Any:
    """d Π x = Σ dxᵢ Π_{j≠i} xⱼ."""
    top = spread(f, axis, keepdims)
    if regular(x, top):
        return np.sum(dx * (top / x), axis=axis, keepdims=keepdims)
    last = tuple(range(-len(axis), 0))
    y = np.moveaxis(x, axis, last)
    partial = others(np.reshape(y, (*y.shape[:-len(axis)], -1))) if y.size else np.ones(y.shape, x.dtype)
    return np.sum(dx * np.moveaxis(np.reshape(partial, y.shape), last, axis), axis=axis, keepdims=keepdims)


formula(product, product_differential, smooth=True)


@composite(np.prod)
def prod(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, initial: Any = None,
         where: Any = True) -> Any:
    if where is not True:
        a = np.where(where, a, 1)
    if dtype is not None:
        a = np.astype(a, dtype)
    axes = axes_or_all(axis, a.ndim)
    result = product(a, axes, keepdims=keepdims) if axes else a[()].copy("K")
    return result if initial is None else result * initial


# ---- cumprod
@primitive
def running_product(x: Any) -> Any:
    return np.cumprod(x, axis=-1)


@primitive
def shifted(x: Any, steps: int) -> Any:
    """x moved along its last axis, zeros in front."""
    result = np.zeros_like(x)
    result[..., steps:] = x[..., :x.shape[-1] - steps]
    return result


gather(shifted)


def running_differential(f: Any, x: Any, dx: Any) -> Any:
    """f Σ dx/x where nothing is zero; else pairs (y, dy) of growing length are multiplied, log₂ n times.

    (a, da) (b, db) = (a b, da b + a db) is exact with zeros and at every order.
    """
    if regular(x, f):
        return np.cumsum(dx / x, axis=-1) * f
    n, steps, y = x.shape[-1], 1, x
    while steps < n:
        front = np.concatenate([np.ones((*y.shape[:-1], steps), y.dtype), y[..., :-steps]], axis=-1)
        dx = dx * front + shifted(dx, steps) * y
        y = y * front
        steps *= 2
    return dx


formula(running_product, running_differential, smooth=True)


@composite(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    if dtype is not None:
        a = np.astype(a, dtype)
    if axis is None or not a.ndim:
        a, axis = np.ravel(a), axis or 0
    return np.moveaxis(running_product(np.moveaxis(a, axis, -1)), -1, axis)


def cumulative(scan: Any, neutral: int) -> Any:
    """NumPy 2's cumulative_sum and cumulative_prod in terms of the older names."""
    def definition(x: Any, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> Any:
        if axis is None:
            if np.ndim(x) > 1:
                raise ValueError
            axis = 0
        x = np.atleast_1d(x)
        result = scan(x, axis=axis, dtype=dtype)
        if not include_initial:
            return result
        (axis,) = axes_of(axis, x.ndim)
        first = np.full((*x.shape[:axis], 1, *x.shape[axis + 1:]), neutral, result.dtype)
        return np.concatenate([first, result], axis=axis)
    return definition


composite(*known("cumulative_sum"))(cumulative(np.cumsum, 0))
composite(*known("cumulative_prod"))(cumulative(np.cumprod, 1))


# ---- convolution
@primitive
def convolved(x: Any, v: Any, mode: Any = "full") -> Any:
    """numpy.convolve, linear in x for a constant v; a number is an array of one."""
    return np.convolve(x, v, mode)


def convolved_rows(x: Any, lead: int, v: Any, mode: Any) -> Any:
    """The convolution of the last axis, behind ``lead`` others; zeros win over infinities."""
    if lead:
        rows = np.reshape(x, (length(x.shape[:lead]), length(x.shape[lead:])))
        y = by_taps(rows, v, mode) if v.size < len(rows) and type(rows) is np.ndarray is type(v) else \
            np.stack([convolved_rows(row, 0, v, mode) for row in rows])
        return np.reshape(y, (*x.shape[:lead], y.shape[1]))
    y = np.convolve(x, v, mode)
    if np.all(np.isfinite(plain(y))):
        return y
    longer, shorter = sorted((np.reshape(x, -1), np.reshape(v, -1)), key=len, reverse=True)
    if type(longer) is np.ndarray is type(shorter):
        return by_taps(longer[None], shorter, mode)[0]
    taken = windows(longer, len(shorter))
    products = np.where((taken == 0) | (shorter == 0), 0, taken * shorter)
    return np.sum(products, axis=-1)[part_of_full(len(longer), len(shorter), mode)]


def by_taps(rows: Any, v: Any, mode: Any) -> Any:
    """Many rows by a short v: all of them times each of its elements; zeros win over infinities."""
    n, m = rows.shape[1], v.size
    y = np.zeros((len(rows), n + m - 1), np.result_type(rows, v))
    for j, tap in enumerate(v.flat):
        part = rows * tap
        if not np.all(np.isfinite(part)):
            part = np.where((rows == 0) | (tap == 0), 0, part)
        y[:, j:j + n] += part
    return y[:, part_of_full(n, m, mode)]


def convolved_back(u: Any, lead: int, shape: tuple[int, ...], v: Any, mode: Any = "full") -> Any:
    """yᵢ = Σⱼ xⱼ v[i - j], so x̄ⱼ = Σᵢ ȳᵢ v[i - j]: what the mode left out is zero."""
    n, m = length(shape), length(v.shape)
    full = placed(u, (*u.shape[:lead], n + m - 1), (..., part_of_full(n, m, mode)))
    return np.reshape(convolved_rows(full, lead, np.reshape(v, -1)[::-1], "valid"), u.shape[:lead] + shape)


def convolved_sparsely(dx: Any, v: Any, mode: Any = "full") -> Any:
    """The windows of the longer one, of which each element takes one, times the other."""
    dx, v = (x if x.ndim else x[None] for x in (dx, v))
    n, m = dx.shape[0], v.shape[0]
    full = windows(dx, m) @ v if n >= m else windows(v, n) @ dx
    return full[part_of_full(n, m, mode)]


def windows(x: Any, m: int) -> Any:
    """For each element of the full convolution the m elements of x that it takes, 0 beyond the ends."""
    n = x.shape[0]
    wide = placed(x, (n + 2 * (m - 1),), (slice(m - 1, n + m - 1),))
    return wide[np.arange(n + m - 1)[:, None] + np.arange(m - 1, -1, -1)]


def part_of_full(n: int, m: int, mode: Any) -> slice:
    """Where the result of ``mode``, a name or NumPy's number of it, lies in the full convolution of lengths n and m."""
    n, m = max(n, m), min(n, m)
    parts = {"valid": slice(m - 1, n), "same": slice((m - 1) // 2, (m - 1) // 2 + n), "full": slice(0, n + m - 1)}
    return parts[mode] if isinstance(mode, str) else list(parts.values())[mode]


def convolved_shape(shape: tuple[int, ...], v: Any, mode: Any = "full") -> tuple[int, ...]:
    part = part_of_full(length(shape), length(v.shape), mode)
    return (part.stop - part.start,)


linear(convolved, lambda x, lead, v, mode="full": convolved_rows(x, lead, v, mode), convolved_back,
       shape=convolved_shape, sparsely=convolved_sparsely)
formula(np.convolve, lambda f, a, v, da, mode="full": convolved(da, v, mode),
        lambda f, a, v, dv, mode="full": convolved(dv, a, mode), smooth=True)


@composite(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Σₙ a[n + k] conj(v[n]): the convolution with v reversed. NumPy reverses the result where v is the longer one."""
    a, v = as_array(a), as_array(v)
    if a.shape[0] >= v.shape[0]:
        return np.convolve(a, np.conj(v)[::-1], mode)
    return np.conj(np.convolve(v, np.conj(a)[::-1], mode))[::-1]


# ---- products of vectors and matrices
@composite(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]

    def minor(i: int, j: int) -> Any:
        """a_i b_j - a_j b_i, the third component of a plane vector being zero."""
        terms = [a[..., p] * b[..., q] if p < a.shape[-1] and q < b.shape[-1] else None for p, q in ((i, j), (j, i))]
        if terms[1] is None:
            return terms[0]
        return -terms[1] if terms[0] is None else terms[0] - terms[1]
    return np.moveaxis(np.stack([minor(1, 2), minor(2, 0), minor(0, 1)], axis=-1), -1, axisc)


@composite(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Every element of a times all of b, the axes interleaved."""
    ndim = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (a, b))
    shape = tuple(n * m for n, m in zip(np.shape(a), np.shape(b), strict=True))
    apart = np.expand_dims(a, tuple(range(1, 2 * ndim, 2))) * np.expand_dims(b, tuple(range(0, 2 * ndim, 2)))
    return np.reshape(apart, shape)

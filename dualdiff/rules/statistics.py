"""Averages, spreads, counts and the nan-variants: NumPy's own steps, in functions that have rows."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .composite import count_along, counted, of_type
from .constant import plain
from .gather import as_array, axes_of, in_double, lying_along, stacked
from .linear import binned
from .registry import composite, formula, primitive


def squared(x: Any) -> Any:
    return np.real(x * np.conj(x)) if np.iscomplexobj(x) else x * x


# ---- variance
def deviations(x: Any, axis: Any) -> Any:
    return x - np.sum(x, axis=axis, keepdims=True) / of_type(count_along(x, axis), x)


@primitive
def scatter(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Σ|x - mean|²."""
    return np.sum(squared(deviations(x, axis)), axis=axis, keepdims=keepdims)


def scatter_differential(f: Any, x: Any, dx: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """2 Σ Re conj(x - mean) dx: what the mean moves by does not count, for the deviations add up to 0. They do so to the last
    digit once the mean of what rounding left is taken off, too; where they move themselves, dx is taken from its mean as well.
    """
    if hasattr(x, "level"):
        d, dx = deviations(x, axis), deviations(dx, axis)
    else:
        d = deviations(deviations(x, axis), axis)
    twice = 2 * np.conj(d)
    return np.sum(np.real(twice * dx) if np.iscomplexobj(x) else twice * dx, axis=axis, keepdims=keepdims)


formula(scatter, scatter_differential, smooth=True)


@composite(np.var)
def var(a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False, *, where: Any = True,
        mean: Any = None, correction: Any = None) -> Any:
    if correction is not None:
        if ddof:
            raise ValueError
        ddof = correction
    a = a if dtype is None else np.astype(a, dtype)
    if where is True and mean is None and dtype is None and count_along(a, axis) > ddof:
        total = scatter(a, axis, keepdims)
    else:
        chosen = {} if where is True else {"where": plain(where)}
        if mean is None:
            mean = np.sum(a, axis=axis, keepdims=True, **chosen) / of_type(counted(a, axis, True, where), a)
        total = np.sum(squared(a - mean), axis=axis, dtype=dtype, keepdims=keepdims, **chosen)
    return total / of_type(np.maximum(counted(a, axis, keepdims, where) - ddof, 0), total)


composite(np.std)(lambda a, *args, **options: np.sqrt(var(a, *args, **options)))


@composite(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        total: Any = plain(result).dtype.type(count_along(a, axis))
    else:
        weights = weights_like(a, axis, weights)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if np.any(plain(total) == 0):
            raise ZeroDivisionError
        result = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, np.shape(result))[()]) if returned else result


def weights_like(a: Any, axis: Any, weights: Any) -> Any:
    """Weights of a's shape, or of its length along ``axis``."""
    weights = as_array(weights)
    if np.shape(weights) == a.shape:
        return weights
    axes = axes_of(axis, a.ndim)
    if np.shape(weights) != tuple(a.shape[i] for i in axes):
        raise ValueError
    weights = np.transpose(weights, np.argsort(axes))
    return np.broadcast_to(np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(a.shape)]), a.shape)


composite(np.ptp)(lambda a, axis=None, keepdims=False:
                  np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims))
composite(np.amax)(np.max)
composite(np.amin)(np.min)


# ---- covariance
def in_rows(m: Any, rowvar: bool) -> Any:
    if m.ndim > 2:
        raise ValueError
    rows = np.atleast_2d(m)
    return rows if rowvar or m.ndim == 1 else rows.T


@composite(np.cov)
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
        aweights: Any = None, *, dtype: Any = None) -> Any:
    X = in_rows(m, rowvar)
    if y is not None:
        y = as_array(y)
        X = np.concatenate([X, in_rows(y, rowvar or y.shape[0] == 1)], axis=0)
    if any(x is not None for x in (ddof, fweights, aweights)):
        np.cov(np.zeros(X.shape[1]), ddof=ddof, fweights=fweights, aweights=None if aweights is None else plain(aweights))
    X = in_double(X) if dtype is None else np.astype(X, dtype)
    ddof = ddof if ddof is not None else int(not bias)
    weights = [as_array(w) for w in (fweights, aweights) if w is not None]
    if not weights:
        x = X - np.mean(X, axis=1, keepdims=True)
        return np.squeeze(np.dot(x, np.conj(x.T)) * np.true_divide(1, max(X.shape[1] - ddof, 0)).astype(X.real.dtype))
    w = weights[0] if len(weights) == 1 else weights[0] * weights[1]
    average_, total = average(X, 1, w, True)
    total = total[0]
    fact = total - ddof if aweights is None else total - ddof * np.sum(w * aweights) / total
    x = X - average_[:, None]
    return np.squeeze(np.dot(x, np.conj((x * w).T)) * np.true_divide(1, np.maximum(fact, 0)))


@composite(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if not np.ndim(c):
        return c / c
    spread = np.sqrt(np.real(np.diagonal(c)))
    c = c / spread[:, None] / spread[None, :]
    if np.iscomplexobj(c):
        return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)
    return np.clip(c, -1, 1)


# ---- counts with weights
@composite(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    x = plain(x)
    if weights is None:
        return np.bincount(x, minlength=minlength)
    weights = as_array(weights)
    return binned(in_double(weights), x, len(np.bincount(x, plain(weights), minlength)))  # or NumPy's error


@composite(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The ends of the data are differentiable; how many bins a rule chooses is not."""
    edges = np.histogram_bin_edges(plain(a), plain(bins) if np.ndim(bins) else bins, range,
                                   None if weights is None else plain(weights))  # or NumPy's error
    if np.ndim(bins) == 1:
        return as_array(bins)
    count = len(edges) - 1
    if range is not None or not np.size(a):
        low, high = (0.0, 1.0) if range is None else range
    else:
        low, high = np.min(a), np.max(a)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, count + 1)


def bin_of(x: Any, edges: Any) -> Any:
    """The bin of every element, the last one closed; -1 outside."""
    edges = plain(edges)
    index = np.searchsorted(edges, x, side="right") - 1
    index[x == edges[-1]] = len(edges) - 2
    return np.where((x < edges[0]) | (x > edges[-1]) | np.isnan(x), -1, index)


@composite(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    counts, (edges,) = histogramdd(np.ravel(a)[:, None], [bins], None if range is None else [range], density,
                                   None if weights is None else np.ravel(weights))
    return (counts if density else np.astype(counts, int if weights is None else as_array(weights).dtype)), edges


@composite(np.histogramdd, raw=True)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """The counts are constant, or linear in the weights; the edges move with the ends of the data."""
    if isinstance(sample, list | tuple) or np.ndim(sample) != 2:
        sample = np.atleast_2d(stacked(sample)).T
    n = sample.shape[1]
    bins = list(bins) if isinstance(bins, list | tuple) or np.ndim(bins) else [bins] * n
    if len(bins) != n or (weights is not None and len(weights) != len(sample)):
        raise ValueError
    edges = [histogram_bin_edges(sample[:, i], bins[i], None if range is None else range[i]) for i in np.arange(n)]
    shape = tuple(len(e) - 1 for e in edges)
    places = np.stack([bin_of(plain(sample)[:, i], edges[i]) for i in np.arange(n)])
    inside = np.all(places >= 0, axis=0)
    index = np.ravel_multi_index(tuple(places[:, inside]), shape)
    size = prod(shape)
    if weights is None:
        counts: Any = np.bincount(index, minlength=size).astype(float)
    else:
        counts = binned(in_double(as_array(weights))[inside], index, size)
    counts = np.reshape(counts, shape)
    if density:
        total = np.sum(counts)
        for i, e in enumerate(edges):
            counts = counts / lying_along(np.diff(e), i, n)
        counts = counts / total
    return counts, edges


@composite(np.histogram2d, raw=True)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    if hasattr(bins, "__len__") and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = histogramdd(np.stack([x, y], axis=1), bins, range, density, weights)
    return counts, edges[0], edges[1]


# ---- without NaN
def filled(a: Any, value: Any) -> Any:
    return np.where(np.isnan(a), value, a)


def past_nan(fold: Any, value: float) -> Any:
    return lambda a, *args, **options: fold(filled(a, value), *args, **options)


composite(np.nansum)(past_nan(np.sum, 0))
composite(np.nanprod)(past_nan(np.prod, 1))
composite(np.nancumsum)(past_nan(np.cumsum, 0))
composite(np.nancumprod)(past_nan(np.cumprod, 1))


def nan_extreme(extreme: Any, end: float) -> Any:
    def definition(a: Any, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
        result = extreme(filled(a, end), axis=axis, keepdims=keepdims, **options)
        empty = "initial" not in options and np.all(np.isnan(a), axis=axis, keepdims=keepdims)
        return np.where(empty, np.nan, result)[()] if np.any(empty) else result
    return definition


composite(np.nanmax)(nan_extreme(np.max, -np.inf))
composite(np.nanmin)(nan_extreme(np.min, np.inf))


def present(a: Any, where: Any) -> Any:
    return np.logical_and(~np.isnan(a), plain(where))


@composite(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, *, where: Any = True) -> Any:
    there = present(a, where)
    return np.mean(np.where(there, a, 0), axis, dtype, keepdims=keepdims, where=there)


@composite(np.nanvar)
def nanvar(a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False, *, where: Any = True,
           mean: Any = None, correction: Any = None) -> Any:
    there = present(a, where)
    free = np.sum(there, axis=axis, keepdims=keepdims) - (ddof if correction is None else correction)
    with np.errstate(all="ignore"):
        result = var(np.where(there, a, 0), axis, dtype, ddof, keepdims, where=there, mean=mean, correction=correction)
    return np.where(free > 0, result, np.nan)[()] if np.any(free <= 0) else result


composite(np.nanstd)(lambda a, *args, **options: np.sqrt(nanvar(a, *args, **options)))

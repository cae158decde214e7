"""Order statistics: median, percentile, quantile by every method, and their nan-variants.

Each is a point between two neighbours in the sorted sample. NumPy itself tells where: the same function, applied to the
ranks 0 … n - 1 instead of the values, gives the position, so that its whole part and its fraction say which two elements
are mixed and how.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import RuleError
from ..policies import WATCH
from .constant import plain, stable_order
from .gather import as_array, axes_of, axes_or_all, in_one_axis, lying_along
from .registry import composite, formula, name_of, primitive


@primitive
def order_statistic(a: Any, function: Any, *args: Any, **options: Any) -> Any:
    return function(a, *args, axis=-1, **options)


def order_differential(f: Any, a: Any, da: Any, function: Any, *args: Any, **options: Any) -> Any:
    n, batch = a.shape[-1], a.shape[:-1]
    if n == 0:  # the median of nothing is NaN
        return np.sum(da, axis=-1)
    order = stable_order(a, -1).reshape(-1, n)
    absent = np.isnan(a).reshape(-1, n) & (function in (np.nanmedian, np.nanpercentile, np.nanquantile))
    if absent.any() or "weights" in options:
        ranks = np.empty(order.shape)
        np.put_along_axis(ranks, order, np.arange(float(n))[None], axis=-1)
        ranks[absent & ~absent.all(axis=-1, keepdims=True)] = np.nan  # of an empty slice NumPy would warn a second time
        place = np.asarray(function(ranks.reshape(a.shape), *args, axis=-1, **options))
    else:  # the same in each sample
        place = np.asarray(function(np.arange(float(n)), *args, **options))
        place = np.broadcast_to(place.reshape(place.shape + (1,) * len(batch)), np.shape(f))
    low = np.minimum(np.floor(place).astype(int), n - 1)
    high = np.minimum(low + 1, n - 1)
    if not batch and not place.ndim and not np.isnan(f):  # one sample, one number: two of its elements move it
        i, j, t = order[0, low], order[0, high], plain(f).dtype.type(place - low)
        values = plain(a)
        if np.count_nonzero(values == values[i]) == 1 and (t == 0 or np.count_nonzero(values == values[j]) == 1):
            return da.element(int(i)) * (1 - t) + da.element(int(j)) * t if t else da.element(int(i))
    row = np.arange(order.shape[0]).reshape(batch)
    flat = np.reshape(da, (row.size * n,))
    fraction = np.where(np.isnan(f), np.nan, place - low).astype(plain(f).dtype)
    sources = [order[row, position] for position in (low, high)]
    if n > 1 and has_ties(plain(a).reshape(-1, n), order, row, sources, fraction):
        return shared_by_ties(a, da, row, sources, fraction, name_of(function))
    below, above = (flat[row * n + source] for source in sources)
    return below * (1 - fraction) + above * fraction


def has_ties(a: Any, order: Any, row: Any, sources: Any, fraction: Any) -> bool:
    """Whether an element that is mixed in equals another of its sample."""
    s = np.take_along_axis(a, order, axis=-1)
    if not np.any(s[:, 1:] == s[:, :-1]):
        return False
    return any(np.any((np.sum(a[row] == a[row, source][..., None], axis=-1) > 1) & (weight != 0))
               for source, weight in zip(sources, (1 - fraction, fraction), strict=True))


def shared_by_ties(a: Any, da: Any, row: Any, sources: Any, fraction: Any, name: str) -> Any:
    """Equal elements share the weight of the one that is mixed in: the least norm of the subdifferential."""
    n = a.shape[-1]
    values = np.broadcast_to(plain(a).reshape(-1, n)[row], (*fraction.shape, n))
    share, kink = np.zeros(values.shape), np.zeros(values.shape, bool)
    for source, weight in zip(sources, (1 - fraction, fraction), strict=True):
        equal = values == np.take_along_axis(values, source[..., None], axis=-1)
        count = np.sum(equal, axis=-1, keepdims=True)
        share = share + equal * (weight[..., None] / count)
        kink |= equal & (count > 1) & (weight != 0)[..., None]
    df = np.sum(da * share.astype(a.dtype), axis=-1)
    if WATCH.count:
        tie = da.at_kink(name, kink.reshape(-1, *a.shape).any(axis=0), a)
        df = df if tie is None else df + np.sum(tie, axis=-1)
    return df


formula(order_statistic, order_differential)


def reduced(a: Any, axis: Any, keepdims: bool, function: Any, *args: Any, **options: Any) -> Any:
    """The statistic over ``axis``. The axes of q stand in front of the result's."""
    a = as_array(a)
    axes = axes_or_all(axis, a.ndim)
    result = order_statistic(in_one_axis(a, axes), function, *args, **options)
    front = np.ndim(result) - (a.ndim - len(axes))
    return np.expand_dims(result, tuple(front + i for i in axes)) if keepdims and axes else result


def median_of(function: Any) -> Any:
    def definition(a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
        return reduced(a, axis, keepdims, function)
    return definition


def quantile_of(function: Any) -> Any:
    def definition(a: Any, q: Any, axis: Any = None, overwrite_input: bool = False, method: str = "linear",
                   keepdims: bool = False, *, weights: Any = None) -> Any:
        at = plain(q) if hasattr(q, "level") or weights is not None else q  # Python's numbers leave the type alone
        if weights is not None:
            return weighted(a, at, axis, keepdims, function, method, weights)
        f = reduced(a, axis, keepdims, function, at, method=method)
        if not hasattr(q, "level") or method not in STEEPNESS:
            return f  # the other methods are constant between jumps
        return f + np.reshape(q - at, np.shape(at) + (1,) * (np.ndim(f) - np.ndim(at))) * \
            steepness(a, at, axis, keepdims, function, method)
    return definition


# ∂(place in the sorted sample of n)/∂q less n: 1 - α - β of Hyndman and Fan, "Sample quantiles in statistical packages" (1996)
STEEPNESS = {"linear": -1.0, "hazen": 0.0, "weibull": 1.0, "median_unbiased": 1 / 3, "normal_unbiased": 1 / 4,
             "interpolated_inverted_cdf": 0.0}


def steepness(a: Any, q: Any, axis: Any, keepdims: bool, function: Any, method: str) -> Any:
    """∂f/∂q: the step between the two elements that q lies between; at an element the smaller of the steps beside it."""
    if np.any(np.isnan(plain(a))):
        raise RuleError(f"numpy.{function.__name__}: q has no derivative where the data hold NaN; drop them first, or wrap q "
                        "in dualdiff.stop_gradient()")
    a = as_array(a)
    axes = axes_or_all(axis, a.ndim)
    rows = np.sort(in_one_axis(a, axes), axis=-1)
    n = rows.shape[-1]
    place = np.asarray(function(np.arange(float(n)), q, method=method))
    low = np.floor(place).astype(int)
    none = np.zeros((*rows.shape[:-1], 1), rows.dtype)
    steps = np.concatenate([none, np.diff(rows, axis=-1), none], axis=-1)
    whole = place == low
    if method == "linear":  # at the ends of its domain the quantile is one-sided
        low, whole = np.where(low == n - 1, n - 2, low), whole & (low > 0) & (low < n - 1)
    above, below = np.take(steps, low + 1, axis=-1), np.take(steps, low, axis=-1)
    step = np.where(whole & (plain(below) < plain(above)), below, above)
    step = np.moveaxis(step, range(rows.ndim - 1, np.ndim(step)), range(place.ndim)) if place.ndim else step
    slope = step * ((n + STEEPNESS[method]) / (100 if "percentile" in function.__name__ else 1))
    return np.expand_dims(slope, tuple(place.ndim + i for i in axes)) if keepdims and axes else slope


def weighted(a: Any, q: Any, axis: Any, keepdims: bool, function: Any, method: str, weights: Any) -> Any:
    """Weights, constant between jumps, move with the values; the statistic over several axes needs them of a's shape."""
    if np.ndim(weights) == 1 and a.ndim > 1:
        (along,) = axes_of(axis, a.ndim)
        weights = lying_along(weights, along, a.ndim)
    last = in_one_axis(np.broadcast_to(plain(weights), a.shape), axes_or_all(axis, a.ndim))
    return reduced(a, axis, keepdims, function, q, method=method, weights=last)


for _median in (np.median, np.nanmedian):
    composite(_median)(median_of(_median))
for _quantile in (np.quantile, np.percentile, np.nanquantile, np.nanpercentile):
    composite(_quantile)(quantile_of(_quantile))

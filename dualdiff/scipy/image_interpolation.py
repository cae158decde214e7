"""Interpolation in scipy.ndimage: B-splines, whose coefficients a filter finds, and their derivatives of any order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from itertools import product
from math import comb, factorial, prod
from typing import Any

import numpy as np
import scipy.ndimage as plain
from scipy.sparse import csr_array

from ..forms import dual_form, holds_dual, stripped
from ..reading import dtype_of
from ..rules.gather import as_array
from .image_outputs import counterpart, into, is_array, typed
from .linear_maps import EXTENSIONS, behind, extended, floats, linear, only


@counterpart(plain.spline_filter1d)
def spline_filter1d(input: Any, order: int = 3, axis: int = -1, output: Any = np.float64, mode: str = "mirror") -> Any:
    """The inverse of a matrix that is symmetric, or is if the ends count half where the array is mirrored at them; but where
    few elements are reflected SciPy's recursion begins with an error, and its own matrix says how it ends.
    """
    x = floats(input)
    axis, n = behind(axis, x.ndim), x.shape[axis]
    kind = np.result_type(output.dtype if is_array(output) else output, np.complex64 if dtype_of(x).kind == "c" else np.float32)
    if order < 2:
        return into(output if is_array(output) else kind, x)
    ends, reflected = np.ones(n), mode in ("reflect", "grid-mirror", "nearest")
    if n > 1 and not reflected and mode != "grid-wrap":
        ends[[0, -1]] = 0.5
    ends = ends.reshape(-1, *(1,) * (-axis - 1))

    def ahead(x: Any) -> Any:
        return plain.spline_filter1d(x, order, axis, np.result_type(kind, x.dtype), mode)

    def back(u: Any) -> Any:
        if reflected and n < 32:
            matrix = plain.spline_filter1d(np.eye(n), order, 0, float, mode)
            return np.moveaxis(np.moveaxis(u, axis, -1) @ matrix, -1, axis)
        return ends * ahead(u / ends)
    return into(output if is_array(output) else None, linear(x, ahead, back))


def bent(c: Any, n: int, mode: str) -> tuple[Any, Any]:
    """Coordinates within an axis of n elements, and their derivatives 1, -1 or 0, as ni_interpolation.c maps them."""
    slope = np.ones(np.shape(c))
    if mode in ("grid-constant", "nearest"):
        return c, slope
    out = (c < 0) | (c > n - 1)
    if mode == "constant" or n <= 1:
        return np.where(out, -1.0 if mode == "constant" else 0.0, c), 1.0 * ~out
    if mode == "wrap":  # whose period is n - 1
        return np.where(out, c - (n - 1) * np.where(c < 0, np.trunc(c / (n - 1)) - 1, np.trunc(c / (n - 1))), c), slope
    if mode == "grid-wrap":
        return np.mod(c, n), slope
    half, size = (0, 2 * n - 2) if mode == "mirror" else (0.5, 2 * n)
    inside = np.mod(c + half, size) - half
    turned = out & (inside > n - 1 + half)
    slope[turned] = -1
    return np.where(turned, size - 2 * half - inside, np.where(out, inside, c)), slope


def b_spline(t: Any, order: int) -> Any:
    """The centred B-spline (Unser, IEEE Signal Processing Magazine 16(6), 22, 1999, eq. 2), written from its nearer end."""
    if order == 0:
        return ((t >= -0.5) & (t < 0.5)).astype(float)
    t = np.abs(t)
    bases = (np.maximum((order + 1) / 2 - k - t, 0) for k in range(order // 2 + 1))
    parts = ((-1) ** k * comb(order + 1, k) * reduce(np.multiply, [base] * order) for k, base in enumerate(bases))
    return sum(parts) / factorial(order)


def taps(c: Any, n: int, order: int, mode: str, top: int) -> tuple[Any, list[Any]]:
    """For each coordinate the order + 1 elements it depends on, and their weights in the spline and its derivatives up to
    ``top``, zero where an element lies outside and nothing stands there.
    """
    c, slope = bent(c, n, mode)
    start = np.floor(c if order % 2 else c + 0.5).astype(int) - order // 2
    places = start[:, None] + np.arange(order + 1)
    t = c[:, None] - places
    weights = [np.zeros(t.shape) for _ in range(top + 1)]
    for i, w in enumerate(weights[:order + 1]):
        for k in range(i + 1):
            w += (-1) ** k * comb(i, k) * b_spline(t + i / 2 - k, order - i)
        w *= (slope ** i)[:, None]
        if mode == "grid-constant":
            w[(places < 0) | (places >= n)] = 0
    if mode in ("grid-constant", "nearest") or not np.any((places < 0) | (places >= n)):
        return np.clip(places, 0, n - 1), weights
    return bent(places, n, "mirror" if mode in ("constant", "wrap") else mode)[0].astype(int), weights


def sampled(x: Any, places: Any, weights: Any, axis: int) -> Any:
    """Sums of elements along an axis times weights."""
    starts = np.arange(len(places) + 1) * places.shape[1]
    A = csr_array((weights.ravel(), places.ravel(), starts), shape=(len(places), x.shape[axis]))

    def times(A: Any) -> Callable[[Any], Any]:
        def along(x: Any) -> Any:
            x = np.moveaxis(x, axis, 0)
            y = A @ x.reshape(len(x), prod(x.shape[1:]))
            return np.moveaxis(y.reshape(len(y), *x.shape[1:]), 0, axis)
        return along
    matrix = (lambda shape: (A.indptr, A.indices, A.data)) if x.ndim == 1 else None
    return linear(x, times(A), times(A.T), None, matrix)


def interpolated(what: str, input: Any, coordinates: list[Any], shape: tuple[int, ...], output: Any, order: int, mode: str,
                 cval: Any, prefilter: bool, grid: bool = False) -> Any:
    """The spline through the input at the coordinates of each axis; in a ``grid`` those of each axis of the result.

    In the perturbation d of the coordinates it is its Taylor polynomial, exact because d to the number of levels + 1 is zero.
    """
    only(f"scipy.ndimage.{what}", "input and coordinates", cval)
    x = typed(what, input, output)
    kind = output if output is not None else dtype_of(x)
    if order < 0 or order > 5:
        raise RuntimeError("spline order not supported")
    if mode not in EXTENSIONS:
        raise RuntimeError("boundary mode not supported")
    mode, cval = "reflect" if mode == "grid-mirror" else mode, cval if mode in ("constant", "grid-constant") else 0
    x, pad = x - cval if cval else x, 0
    if prefilter and order > 1:
        if mode in ("nearest", "grid-constant"):
            pad = 12
            x = extended(x, pad, EXTENSIONS[mode])
        x = plain_filter(x, order, mode)
    sizes, ndim = x.shape, x.ndim
    values = [np.asarray(stripped(c), float) + pad for c in coordinates]
    own = [levels_of(c) for c in coordinates]
    levels, count = [len(numbers) for numbers in own], len(set().union(*own))
    steps = [c + pad - value if top else c for c, value, top in zip(coordinates, values, levels, strict=True)]
    found = [taps(c, n, order, mode, top) for c, n, top in zip(values, sizes, levels, strict=True)]
    powers = [[step ** k / factorial(k) if k else 1 for k in range(top + 1)] for step, top in zip(steps, levels, strict=True)]
    if grid:
        for i in range(ndim):
            axis = i - ndim
            parts = [sampled(x, found[i][0], weights, axis) * np.reshape(power, (-1, *(1,) * (-axis - 1)))
                     for weights, power in zip(found[i][1], powers[i], strict=True)]
            x = sum(parts[1:], parts[0])
        y = x
    else:
        flat, parts = np.ravel(x), []
        places = np.zeros((len(values[0]), 1), np.int32 if prod(sizes) < 2**31 else int)
        for (index, _), n in zip(found, sizes, strict=True):
            places = joined(places * places.dtype.type(n), index.astype(places.dtype), np.add)
        for orders in product(*(range(top + 1) for top in levels)):
            if sum(orders) > count:
                continue
            weights = reduce(partial(joined, by=np.multiply), (found[i][1][k] for i, k in enumerate(orders)))
            part = sampled(flat, places, weights, -1)
            for i, k in enumerate(orders):
                part = part * powers[i][k] if k else part
            parts.append(part)
        y = np.reshape(sum(parts[1:], parts[0]), shape)
    y = y + cval if cval else y
    if mode == "constant":
        outside = [(c < 0) | (c > n - 1) for c, n in zip(values, sizes, strict=True)]
        y = np.where(np.reshape(reduce(np.logical_or.outer if grid else np.logical_or, outside), shape), cval, y)
    return into(kind, y)


def joined(a: Any, b: Any, by: Any) -> Any:
    """Each column of one array with each of the other."""
    return by(a[:, :, None], b[:, None, :]).reshape(len(a), a.shape[1] * b.shape[1])


def levels_of(x: Any) -> set[int]:
    found = set()
    while hasattr(x, "level"):
        found.add(x.level.number)
        x = x.value
    return found


def plain_filter(x: Any, order: int, mode: str) -> Any:
    for axis in range(x.ndim):
        x = spline_filter1d(x, order, axis, np.float64, mode)
    return x


@counterpart(plain.map_coordinates)
def map_coordinates(input: Any, coordinates: Any, output: Any = None, order: int = 3, mode: str = "constant", cval: Any = 0.0,
                    prefilter: bool = True) -> Any:
    x, points = as_array(dual_form(input)), floats(coordinates)
    if len(points) != x.ndim:
        raise RuntimeError("invalid shape for coordinate array")
    shape = points.shape[1:]
    places = [np.reshape(c, (prod(shape),)) for c in points]
    return interpolated("map_coordinates", x, places, shape, output, order, mode, cval, prefilter)


@counterpart(plain.geometric_transform, always=True)
def geometric_transform(input: Any, mapping: Any, output_shape: Any = None, output: Any = None, order: int = 3,
                        mode: str = "constant", cval: Any = 0.0, prefilter: bool = True, extra_arguments: Any = (),
                        extra_keywords: Any = None) -> Any:
    """The mapping is called, as SciPy does, for one point after the other; what it holds may be perturbed."""
    shape = np.shape(input) if output_shape is None else tuple(output_shape)
    if not callable(mapping):
        return plain.geometric_transform(input, mapping, shape, output, order, mode, cval, prefilter)
    points = [np.stack(mapping(place, *extra_arguments, **(extra_keywords or {}))) for place in np.ndindex(shape)]
    places = np.reshape(np.stack(points, axis=-1), (-1, *shape))
    function = map_coordinates if any(map(holds_dual, (input, places, cval))) else plain.map_coordinates
    return function(input, places, output, order, mode, cval, prefilter)


@counterpart(plain.affine_transform)
def affine_transform(input: Any, matrix: Any, offset: Any = 0.0, output_shape: Any = None, output: Any = None, order: int = 3,
                     mode: str = "constant", cval: Any = 0.0, prefilter: bool = True) -> Any:
    x, A, offset = as_array(dual_form(input)), floats(matrix), floats(offset)
    n = x.ndim
    shape = tuple(output_shape) if output_shape is not None else output.shape if is_array(output) else x.shape
    plain.affine_transform(np.zeros((1,) * n), stripped(A), stripped(offset), (1,) * len(shape), order=0)  # SciPy's errors
    if A.ndim == 2 and A.shape in ((n, n + 1), (n + 1, n + 1)):
        A, offset = A[:n, :n], A[:n, n]
    offset = np.broadcast_to(offset, (n,))
    if A.ndim == 1:
        places = [(np.arange(m) + offset[i] / A[i]) * A[i] for i, m in enumerate(shape)]  # rounded as SciPy does
    else:
        grid = np.indices(shape).reshape(len(shape), -1)
        places = [sum((along * A[i, j] for j, along in enumerate(grid)), offset[i]) for i in range(n)]
    return interpolated("affine_transform", x, places, shape, output, order, mode, cval, prefilter, A.ndim == 1)


@counterpart(plain.shift)
def shift(input: Any, shift: Any, output: Any = None, order: int = 3, mode: str = "constant", cval: Any = 0.0,
          prefilter: bool = True) -> Any:
    x = as_array(dual_form(input))
    steps = np.broadcast_to(floats(shift), (x.ndim,))
    places = [np.arange(n) - step for n, step in zip(x.shape, steps, strict=True)]
    return interpolated("shift", x, places, x.shape, output, order, mode, cval, prefilter, True)


@counterpart(plain.zoom)
def zoom(input: Any, zoom: Any, output: Any = None, order: int = 3, mode: str = "constant", cval: Any = 0.0,
         prefilter: bool = True, *, grid_mode: bool = False) -> Any:
    """The factors only say, by rounding, how large the result is."""
    only("scipy.ndimage.zoom", "input", zoom)
    x = as_array(dual_form(input))
    factors = [zoom] * x.ndim if np.ndim(zoom) == 0 else list(zoom)
    shape = tuple(round(n * factor) for n, factor in zip(x.shape, factors, strict=True))
    off = 0 if grid_mode else 1
    steps = [(n - off) / (m - off) if m != off else 1.0 for n, m in zip(x.shape, shape, strict=True)]
    half = 0.5 * (1 - off)
    places = [(np.arange(m) + half) * step - half for m, step in zip(shape, steps, strict=True)]
    return interpolated("zoom", x, places, shape, output, order, mode, cval, prefilter, True)

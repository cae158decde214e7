"""scipy.ndimage: filters are correlations of what the boundary mode extends the array to, so their transposes spread and fold
back; order statistics move the element that they select.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import scipy.ndimage as plain

from ..errors import RuleError
from ..forms import holds_dual, stripped
from ..reading import dtype_of
from ..rules.gather import axes_or_all
from . import image_interpolation  # noqa: F401 - which has the rest
from .image_outputs import counterpart, into, typed
from .linear_maps import EXTENSIONS, behind, extended, floats, linear, only, stencil, valid, windows
from .python_functions import lift_through


# ---- correlations
def folded(u: Any, before: int, n: int, axis: int, mode: str) -> Any:
    """The transpose of extending n elements by ``before`` and the rest: what was added goes back to where it came from."""
    def at(places: Any) -> Any:
        return (..., places, *(slice(None),) * (-axis - 1))
    inside = u[at(slice(before, before + n))]
    source = extended(np.arange(n), (before, u.shape[axis] - before - n), EXTENSIONS[mode])
    outside = np.r_[:before, before + n:len(source)]
    if EXTENSIONS[mode] == "constant" or not len(outside):
        return inside
    outside = outside[np.argsort(source[outside], kind="stable")]
    places, starts = np.unique(source[outside], return_index=True)
    inside = inside.copy()
    inside[at(places)] += np.add.reduceat(u[at(outside)], starts, axis=axis)
    return inside


def correlated(x: Any, sizes: dict[int, tuple[int, int]], mode: str, cval: Any, kernel: Any, along: Callable[..., Any],
               reverse: Callable[..., Any]) -> Any:
    """``along(x, mode, cval)``, linear in x but for cval; ``reverse(u)`` the same filter turned around, on zeros outside, which
    reaches back as far as its size; ``sizes`` by axis: the size, and how many elements lie before the one that is filtered.
    """
    shape = x.shape

    def matrix(shape: Any) -> Any:
        spans, counts = spans_of(sizes, len(shape)), [n for n, _ in sizes.values()]
        return stencil(shape, spans, counts, list(sizes), kernel, EXTENSIONS[mode])

    def back(u: Any) -> Any:
        wide = [(0, sizes[axis][0] - 1) if axis in sizes else (0, 0) for axis in range(-u.ndim, 0)]
        u = reverse(np.pad(u, wide))
        for axis, (_, before) in sizes.items():
            u = folded(u, before, shape[axis], axis, mode)
        return u
    return linear(x, lambda x: along(x, mode, 0.0), back, lambda x: along(x, mode, cval), matrix)


def spans_of(sizes: dict[int, tuple[int, int]], ndim: int) -> list[tuple[int, int]]:
    """How far an array is to be extended along each axis for windows of these sizes."""
    return [(sizes[i][1], sizes[i][0] - 1 - sizes[i][1]) if i in sizes else (0, 0) for i in range(-ndim, 0)]


@counterpart(plain.correlate1d)
def correlate1d(input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
                origin: int = 0) -> Any:
    only("scipy.ndimage.correlate1d", "input and weights", cval)
    x, w = typed("correlate1d", input, output), floats(weights)
    axis, size = behind(axis, x.ndim), len(w)
    plain.correlate1d(np.zeros(1), stripped(w), 0, None, mode, 0.0, origin)  # SciPy's errors
    before = size // 2 + origin
    if not holds_dual(w):
        return into(output, correlated(
            x, {axis: (size, before)}, mode, cval, np.conj(w),
            lambda x, mode, cval: plain.correlate1d(x, w, axis, None, mode, cval, origin),
            lambda u: plain.correlate1d(u, w[::-1], axis, None, "constant", 0.0, (size - 1) // 2)))
    y = windows(extended(x, spans_of({axis: (size, before)}, x.ndim), EXTENSIONS[mode], cval), size, axis) @ np.conj(w)
    return into(output, y if dtype_of(y).kind == "c" else y.astype(x.dtype))


@counterpart(plain.uniform_filter1d)
def uniform_filter1d(input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect", cval: Any = 0.0,
                     origin: int = 0) -> Any:
    only("scipy.ndimage.uniform_filter1d", "input", cval, size)
    x = typed("uniform_filter1d", input, output)
    axis = behind(axis, x.ndim)
    return into(output, correlated(
        x, {axis: (size, size // 2 + origin)}, mode, cval, np.full(size, 1 / size),
        lambda x, mode, cval: plain.uniform_filter1d(x, size, axis, None, mode, cval, origin),
        lambda u: plain.uniform_filter1d(u, size, axis, None, "constant", 0.0, (size - 1) // 2)))


def correlation(name: str) -> None:
    def filter(input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: Any = 0.0, origin: Any = 0, *,
               axes: Any = None) -> Any:
        only(f"scipy.ndimage.{name}", "input and weights", cval)
        x, w = typed(name, input, output), floats(weights)
        axes = [i - x.ndim for i in axes_or_all(axes, x.ndim)]
        origins = [origin] * len(axes) if np.ndim(origin) == 0 else list(origin)
        getattr(plain, name)(np.zeros((1,) * len(axes)), stripped(w), None, mode, 0.0, origins)  # SciPy's errors
        if name == "convolve":
            w = np.conj(np.flip(w))
            origins = [-o - (n + 1) % 2 for o, n in zip(origins, w.shape, strict=True)]
        places = {axis: (n, n // 2 + o) for axis, n, o in zip(axes, w.shape, origins, strict=True)}

        def along(x: Any, mode: str, cval: Any, turn: bool = False) -> Any:
            kernel = np.flip(w) if turn else w
            shape, shift = [1] * x.ndim, [0] * x.ndim
            for axis, (n, before) in places.items():
                shape[axis], shift[axis] = n, (n - 1) // 2 if turn else before - n // 2
            return plain.correlate(x, kernel.reshape(shape), None, mode, cval, shift)
        if sorted(axes) != axes:
            raise RuleError(f"scipy.ndimage.{name}: axes must ascend")
        if not holds_dual(w):
            return into(output, correlated(x, places, mode, cval, np.conj(w), along, lambda u: along(u, "constant", 0.0, True)))
        kernel = np.reshape(np.conj(np.flip(w)), [places[i][0] if i in places else 1 for i in range(-x.ndim, 0)])
        y = valid(extended(x, spans_of(places, x.ndim), EXTENSIONS[mode], cval), kernel)
        return into(output, y if dtype_of(y).kind == "c" else y.astype(x.dtype))
    counterpart(getattr(plain, name))(filter)


correlation("correlate")
correlation("convolve")


@counterpart(plain.gaussian_filter1d)
def gaussian_filter1d(input: Any, sigma: Any, axis: int = -1, order: int = 0, output: Any = None, mode: str = "reflect",
                      cval: Any = 0.0, truncate: float = 4.0, *, radius: Any = None) -> Any:
    if not holds_dual(sigma):
        return LIFTED["gaussian_filter1d"](input, sigma, axis, order, output, mode, cval, truncate, radius=radius)
    radius = int(truncate * float(stripped(sigma)) + 0.5) if radius is None else radius
    x, precision = np.arange(-radius, radius + 1), 1 / (sigma * sigma)
    bell = np.exp(-0.5 * precision * x ** 2)
    slope, last = np.ones(len(x)), np.zeros(len(x))
    for i in range(order):  # the Hermite polynomials, by their recurrence
        slope, last = -precision * (x * slope + i * last), slope
    return correlate1d(input, (slope * (bell / np.sum(bell)))[::-1], axis, output, mode, cval)


@counterpart(plain.generic_gradient_magnitude)
def generic_gradient_magnitude(input: Any, derivative: Any, output: Any = None, mode: Any = "reflect", cval: Any = 0.0,
                               extra_arguments: Any = (), extra_keywords: Any = None, *, axes: Any = None) -> Any:
    """The norm of the slopes, whose derivative where all of them are zero is zero."""
    x = typed("generic_gradient_magnitude", input, output)
    axes = axes_or_all(axes, x.ndim)
    modes = [mode] * len(axes) if isinstance(mode, str) else mode
    slopes = [derivative(x, axis, None, m, cval, *extra_arguments, **(extra_keywords or {}))
              for axis, m in zip(axes, modes, strict=True)]
    if dtype_of(x).kind == "c":
        return into(output, np.sqrt(sum(slope * slope for slope in slopes)))
    return into(output, np.linalg.norm(np.stack(slopes), axis=0))


# ---- order statistics
def selecting(name: str) -> None:
    function = getattr(plain, name)
    names = signature(function)

    def filter(*args: Any, **options: Any) -> Any:
        """The filter of the ranks says which element each result is; of equal ones the first is the smaller."""
        given = names.bind(*args, **options).arguments
        x, output, cval = floats(given.pop("input")), given.pop("output", None), given.get("cval", 0.0)
        only(f"scipy.ndimage.{name}", "input", *given.values())
        if given.get("structure") is not None:
            raise RuleError(f"scipy.ndimage.{name}: structure has no derivative rule; a flat one is given as footprint")
        flat = stripped(np.ravel(x))
        if flat.dtype.kind == "c":
            raise TypeError("Complex type not supported")
        order = np.argsort(flat, kind="stable")
        ranks = np.empty(len(flat))
        ranks[order] = np.arange(len(flat))
        given["cval"] = np.searchsorted(flat[order], cval) - 0.5
        found = function(ranks.reshape(x.shape), **given)
        whole = found == np.floor(found)
        places = np.where(whole, order[np.where(whole, found, 0).astype(int)], len(flat))
        return into(output, np.concatenate([np.ravel(x), np.full(1, cval, flat.dtype)])[places])
    counterpart(function)(filter)


for _name in ("maximum_filter", "minimum_filter", "maximum_filter1d", "minimum_filter1d", "rank_filter", "percentile_filter",
              "median_filter", "grey_erosion", "grey_dilation"):
    selecting(_name)


# ---- factors in the frequencies
def multiplying(function: Any) -> None:
    @counterpart(function)
    def filter(input: Any, n: int = -1, axis: int = -1, output: Any = None, **size: Any) -> Any:
        only(f"scipy.ndimage.{function.__name__}", "input", *size.values())
        x = floats(input)
        return into(output, x * function(np.ones(x.shape, stripped(x).dtype), n=n, axis=axis, **size))


for _name in ("fourier_gaussian", "fourier_uniform", "fourier_ellipsoid", "fourier_shift"):
    multiplying(getattr(plain, _name))


# ---- what depends on which elements are not zero
def constant(function: Any) -> None:
    @counterpart(function)
    def found(*args: Any, **options: Any) -> Any:
        given = signature(function).bind(*args, **options).arguments
        input, *others = given
        only(f"scipy.ndimage.{function.__name__}", input, *(given[name] for name in others))
        return function(**{**given, input: stripped(given[input])})


for _name in dir(plain):
    if _name.startswith(("binary_", "distance_transform", "label")) and _name != "labeled_comprehension":
        constant(getattr(plain, _name))


LIFTED = lift_through(plain, counterpart)

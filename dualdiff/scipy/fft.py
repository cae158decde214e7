"""scipy.fft: the Fourier transforms are NumPy's, whose rows know them; the cosine and sine transforms are linear maps whose
transposes are transforms of the same family, and the Hankel transform is symmetric.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import scipy.fft as plain

from ..rules.fourier import SWAPPED, fitted
from .counterparts import counterpart
from .linear_maps import behind, floats, linear, only


# ---- Fourier
def single(a: Any) -> Any:
    """Half precision as single, as SciPy does; NumPy would keep it."""
    a = floats(a)
    return a.astype(np.float32) if a.dtype == np.float16 else a


def one_axis(function: Any) -> Any:
    def transform(x: Any, n: Any = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False, workers: Any = None, *,
                  plan: Any = None) -> Any:
        return function(single(x), n, axis, norm)
    return transform


def several_axes(function: Any, axes: Any) -> Any:
    def transform(x: Any, s: Any = None, axes: Any = axes, norm: Any = None, overwrite_x: bool = False, workers: Any = None, *,
                  plan: Any = None) -> Any:
        x = single(x)
        return function(x, *sizes_and_axes(x, s, axes), norm)
    return transform


def sizes_and_axes(x: Any, s: Any, axes: Any) -> tuple[Any, tuple[int, ...]]:
    """The lengths asked for, or None, and the axes counted from the end, each once."""
    s = s if s is None else [int(n) for n in np.atleast_1d(s)]
    places: Any = range(-x.ndim if s is None else -len(s), 0)
    places = places if axes is None else [behind(int(i), x.ndim) for i in np.atleast_1d(axes)]
    if len({*places}) != len(places) or -len(places) < -x.ndim or (s is not None and len(s) != len(places)):
        raise ValueError(f"s={s} and axes={axes} must name as many different axes of an array with {x.ndim}")
    return s, tuple(places)


def cropped(u: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    for axis in axes:
        u = fitted(u, shape[axis], axis)
    return u


def complex_transform(function: Any) -> Any:
    """SciPy's, which is faster over several axes than NumPy's: a symmetric matrix, of what is cropped or filled up."""
    def transform(x: Any, s: Any, axes: Any, norm: Any) -> Any:
        shape = x.shape
        return linear(x, lambda x: function(x, s, axes, norm), lambda u: cropped(function(u, None, axes, norm), shape, axes))
    return transform


def hfftn(x: Any, s: Any, axes: Any, norm: Any) -> Any:
    return np.fft.irfftn(np.conj(x), s, axes, SWAPPED[norm])


def ihfftn(x: Any, s: Any, axes: Any, norm: Any) -> Any:
    return np.conj(np.fft.rfftn(x, s, axes, SWAPPED[norm]))


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    counterpart(getattr(plain, _name))(one_axis(getattr(np.fft, _name)))
for _name, _function in (("fft", complex_transform(plain.fftn)), ("ifft", complex_transform(plain.ifftn)),
                         ("rfft", np.fft.rfftn), ("irfft", np.fft.irfftn), ("hfft", hfftn), ("ihfft", ihfftn)):
    counterpart(getattr(plain, _name + "n"))(several_axes(_function, None))
    counterpart(getattr(plain, _name + "2"))(several_axes(_function, (-2, -1)))


# ---- cosine and sine
INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}
ENDS = {("dct", 1): [0, -1], ("dct", 2): [0], ("dct", 3): [0], ("dst", 2): [-1], ("dst", 3): [-1]}


def trigonometric(kind: str, inverse: bool) -> None:
    """The matrices of types 1 and 4 are symmetric and those of 2 and 3 each other's transposes, but for the ends (the constant
    and the alternating function), whose columns have weight one in types 1 and 3 and two in type 2, unless they are orthogonal.
    """
    function = getattr(plain, kind + "n")

    def over_axes(x: Any, type: int = 2, s: Any = None, axes: Any = None, norm: Any = None, overwrite_x: bool = False,
                  workers: Any = None, orthogonalize: Any = None) -> Any:
        x = floats(x)
        if inverse:
            type, norm = INVERSE[type], SWAPPED[norm]
        s, axes = sizes_and_axes(x, s, axes)
        ends = [] if (norm == "ortho" if orthogonalize is None else orthogonalize) else ENDS.get((kind, type), [])
        shape = x.shape

        def scaled(u: Any, factor: float, wanted: bool) -> Any:
            for axis in axes if ends and wanted else ():
                weights = np.ones(u.shape[axis], np.real(u).dtype)
                weights[ends] = factor
                u = u * weights.reshape(-1, *(1,) * (-axis - 1))
            return u

        def ahead(x: Any) -> Any:
            return function(x, type, s, axes, norm, workers=workers, orthogonalize=orthogonalize)

        def back(u: Any) -> Any:
            x = function(scaled(u, 2, type in (1, 2)), INVERSE[type], None, axes, norm, orthogonalize=orthogonalize)
            return cropped(scaled(x, .5, type in (1, 3)), shape, axes)
        return linear(x, ahead, back)

    def transform(x: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False,
                  workers: Any = None, orthogonalize: Any = None) -> Any:
        return over_axes(x, type, n, axis, norm, overwrite_x, workers, orthogonalize)
    name = "i" * inverse + kind
    counterpart(getattr(plain, name))(transform)
    counterpart(getattr(plain, name + "n"))(over_axes)


for _kind in ("dct", "dst"):
    trigonometric(_kind, False)
    trigonometric(_kind, True)


# ---- Hankel: a circulant of the reversed order between two equal diagonals (Hamilton, MNRAS 312, 257, 2000)
def hankel(function: Any) -> None:
    @counterpart(function)
    def transform(a: Any, dln: Any, mu: Any, offset: Any = 0.0, bias: Any = 0.0) -> Any:
        only(f"scipy.fft.{function.__name__}", "a", dln, mu, offset, bias)

        def along_last(a: Any) -> Any:
            rows = function(np.reshape(a, (prod(a.shape[:-1]), a.shape[-1])), dln, mu, offset, bias)
            return rows.reshape(a.shape)
        return linear(floats(a), along_last, along_last)


hankel(plain.fht)
hankel(plain.ifht)

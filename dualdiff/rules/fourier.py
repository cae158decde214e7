"""The Fourier transforms: one-dimensional ones are linear rows, the others are made of them.

A transform is a symmetric matrix F times a crop or padding E to n points, so its transpose is Eᵀ F, with the same
norm. The pairing is Re(u v), without conjugates: a real input has the real part of a cotangent, and the redundant half that
irfft adds by symmetry counts twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .gather import axes_of
from .linear import behind
from .registry import composite, linear

SWAPPED: dict[Any, Any] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def fitted(a: Any, size: int, axis: int) -> Any:
    """The first ``size`` elements along an axis; zeros where there are fewer."""
    have = a.shape[axis]
    if have >= size:
        return a[(slice(None),) * (axis % a.ndim) + (slice(size),)]
    shape = list(a.shape)
    shape[axis] = size - have
    return np.concatenate([a, np.zeros(shape, a.dtype)], axis=axis)


def transform(function: Any, transpose: Any) -> None:
    linear(function, lambda x, lead, n=None, axis=-1, norm=None: function(x, n, behind(axis, lead), norm), transpose)


def complex_transform(function: Any) -> None:
    def transpose(u: Any, lead: int, shape: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        axis, size = behind(axis, lead), shape[axis]
        return fitted(function(u, None, axis, norm), size, axis)
    transform(function, transpose)


def rfft_transpose(u: Any, lead: int, shape: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """x̄_j = Re Σ_k ȳ_k exp(-2πi jk/n), the sum over the half that rfft keeps."""
    axis, size = behind(axis, lead), shape[axis]
    return fitted(np.real(np.fft.fft(u, size if n is None else n, axis, norm)), size, axis)


def irfft_transpose(u: Any, lead: int, shape: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """y_j = Σ_k c_k Re(x_k exp(2πi jk/n)), c = 2 but for the two frequencies that are their own mirror images."""
    axis, size = behind(axis, lead), shape[axis]
    n = u.shape[axis]
    back = np.conj(np.fft.rfft(np.real(u), None, axis, SWAPPED[norm]))
    mirrored = np.full(back.shape[axis], 2.0, np.real(np.zeros(0, u.dtype)).dtype)
    mirrored[0] = 1
    if n % 2 == 0:
        mirrored[-1] = 1
    back = np.moveaxis(np.moveaxis(back, axis, -1) * mirrored, -1, axis)
    return fitted(back, size, axis)


complex_transform(np.fft.fft)
complex_transform(np.fft.ifft)
transform(np.fft.rfft, rfft_transpose)
transform(np.fft.irfft, irfft_transpose)

# ---- Hermitian input or output
composite(np.fft.hfft)(lambda a, n=None, axis=-1, norm=None: np.fft.irfft(np.conj(a), n, axis, SWAPPED[norm]))
composite(np.fft.ihfft)(lambda a, n=None, axis=-1, norm=None: np.conj(np.fft.rfft(a, n, axis, SWAPPED[norm])))


# ---- several axes, in NumPy's order
def sizes_and_axes(a: Any, s: Any, axes: Any, real_result: bool = False) -> list[tuple[Any, int]]:
    if axes is None:
        axes = range(-(a.ndim if s is None else len(s)), 0)
    axes = axes_of(axes, a.ndim, True)
    if s is None:
        sizes = [a.shape[axis] for axis in axes]
        if real_result:
            sizes[-1] = (sizes[-1] - 1) * 2
    else:
        sizes = [a.shape[axis] if size == -1 else size for size, axis in zip(s, axes, strict=True)]
    return list(zip(sizes, axes, strict=True))


def transformed(function: Any, a: Any, pairs: list[tuple[Any, int]], norm: Any) -> Any:
    for size, axis in pairs:
        a = function(a, size, axis, norm)
    return a


def over_axes(function: Any) -> Any:
    return lambda a, s=None, axes=None, norm=None: transformed(function, a, sizes_and_axes(a, s, axes)[::-1], norm)


composite(np.fft.fftn)(over_axes(np.fft.fft))
composite(np.fft.ifftn)(over_axes(np.fft.ifft))


@composite(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    *others, (size, axis) = sizes_and_axes(a, s, axes)
    return transformed(np.fft.fft, np.fft.rfft(a, size, axis, norm), others[::-1], norm)


@composite(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    *others, (size, axis) = sizes_and_axes(a, s, axes, real_result=True)
    return np.fft.irfft(transformed(np.fft.ifft, a, others, norm), size, axis, norm)


def in_the_plane(function: Any) -> Any:
    return lambda a, s=None, axes=(-2, -1), norm=None: function(a, s, axes, norm)


composite(np.fft.fft2)(in_the_plane(np.fft.fftn))
composite(np.fft.ifft2)(in_the_plane(np.fft.ifftn))
composite(np.fft.rfft2)(in_the_plane(np.fft.rfftn))
composite(np.fft.irfft2)(in_the_plane(np.fft.irfftn))


# ---- order of the frequencies
def rolled_by_half(x: Any, axes: Any, sign: int) -> Any:
    axes = axes_of(range(x.ndim) if axes is None else axes, x.ndim, True)
    return np.roll(x, tuple(x.shape[i] // 2 if sign > 0 else -(x.shape[i] // 2) for i in axes), axes)


composite(np.fft.fftshift)(lambda x, axes=None: rolled_by_half(x, axes, 1))
composite(np.fft.ifftshift)(lambda x, axes=None: rolled_by_half(x, axes, -1))

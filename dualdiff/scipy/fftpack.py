"""scipy.fftpack, which came before scipy.fft: the same transforms, but for how real ones are packed and inverse ones scaled."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft as modern
import scipy.fftpack as plain
from scipy.fftpack import _pseudo_diffs
from scipy.fftpack import convolve as compiled

from ..forms import dual_form, stripped
from ..lifting import released
from . import fft as _fft  # noqa: F401 - the counterparts that these are said by
from .calling import named
from .counterparts import FUNCTIONS, counterpart, with_tangent
from .python_functions import SCIPY

INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}  # types of cosine and sine transforms


def said_by(name: str, places: int) -> Any:
    """The function of that name in scipy.fft, with as many of its arguments; where it scales, its opposite."""
    scaled = name in ("idct", "idst", "idctn", "idstn")
    transform = FUNCTIONS[id(getattr(modern, name[1:] if scaled else name))]

    def call(x: Any, *args: Any, **options: Any) -> Any:
        given = dict(zip(NAMES[places], args, strict=False)) | options
        given.pop("overwrite_x", None)
        if "shape" in given:
            given["s"] = given.pop("shape")
        if scaled:
            given["type"] = INVERSE[given.get("type", 2)]
        return transform(x, **given)
    return call


NAMES = {2: ("n", "axis", "overwrite_x"), 3: ("shape", "axes", "overwrite_x"),
         4: ("type", "n", "axis", "norm", "overwrite_x"), 5: ("type", "shape", "axes", "norm", "overwrite_x")}
for _names, _places in ((("fft", "ifft"), 2), (("fft2", "ifft2", "fftn", "ifftn"), 3), (("dct", "idct", "dst", "idst"), 4),
                        (("dctn", "idctn", "dstn", "idstn"), 5)):
    for _name in _names:
        counterpart(getattr(plain, _name))(said_by(_name, _places))


@counterpart(plain.rfft)
def rfft(x: Any, n: Any = None, axis: int = -1, overwrite_x: bool = False) -> Any:
    """Real and imaginary parts by turns, without those that are zero."""
    n = np.shape(x)[axis] if n is None else n
    z = np.moveaxis(FUNCTIONS[id(modern.rfft)](x, n, axis), axis, -1)
    parts = np.reshape(np.stack([np.real(z), np.imag(z)], axis=-1), (*z.shape[:-1], 2 * z.shape[-1]))
    return np.moveaxis(np.concatenate([parts[..., :1], parts[..., 2:n + 1]], axis=-1), -1, axis)


@counterpart(plain.irfft)
def irfft(x: Any, n: Any = None, axis: int = -1, overwrite_x: bool = False) -> Any:
    x = np.moveaxis(dual_form(x), axis, -1)
    n = x.shape[-1] if n is None else n
    x = np.concatenate([x[..., :n], np.zeros((*x.shape[:-1], max(n - x.shape[-1], 0)), x.dtype)], axis=-1)
    none = np.zeros((*x.shape[:-1], 1), x.dtype)
    real = np.concatenate([x[..., :1], x[..., 1::2]], axis=-1)
    imaginary = np.concatenate([none, x[..., 2::2], *(none,) * (1 - n % 2)], axis=-1)
    return np.moveaxis(FUNCTIONS[id(modern.irfft)](real + 1j * imaginary, n), -1, axis)


# ---- differential and pseudo-differential operators: SciPy's own code, on what it has compiled
@counterpart(compiled.init_convolution_kernel, always=True)
def kernel(n: int, kernel_func: Any, d: int = 0, zero_nyquist: Any = None) -> Any:
    scales = compiled.init_convolution_kernel(n, lambda k: 1.0, d, zero_nyquist)
    places = (np.arange(n) + 1) // 2 * (scales != 0)
    values = np.stack([kernel_func(k) for k in range(np.max(places) + 1)])
    return with_tangent(compiled.init_convolution_kernel(n, stripped(values).__getitem__, d, zero_nyquist),
                        scales * values[places])


@counterpart(compiled.convolve)
def convolve(inout: Any, omega: Any, swap_real_imag: Any = False, overwrite_x: Any = False) -> Any:
    value, y = compiled.convolve(stripped(inout), stripped(omega), swap_real_imag), rfft(inout) * omega
    return with_tangent(value, irfft(swapped(y) if swap_real_imag else y) * len(y))


@counterpart(compiled.convolve_z)
def convolve_z(inout: Any, omega_real: Any, omega_imag: Any, overwrite_x: Any = False) -> Any:
    value, y = compiled.convolve_z(*map(stripped, (inout, omega_real, omega_imag))), rfft(inout)
    return with_tangent(value, irfft(y * omega_real + swapped(y * omega_imag)) * len(y))


def swapped(y: Any) -> Any:
    """Real parts in place of imaginary ones."""
    places, pairs = np.arange(len(y)), (len(y) - 1) // 2 * 2
    places[1:pairs + 1] = (places[:pairs] ^ 1) + 1
    return y[places]


def without_cache(function: Any) -> None:
    """SciPy keeps its kernels by the numbers they were made for, which a dual equals whatever its ε-part."""
    @named(function)
    def call(_cache: Any = None, **given: Any) -> Any:
        return released(SCIPY.function(function)(**given, _cache={}))


for _name in _pseudo_diffs.__all__:
    without_cache(getattr(plain, _name))

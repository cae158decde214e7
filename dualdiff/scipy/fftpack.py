"""scipy.fftpack, which came before scipy.fft: the same transforms, but for how real ones are packed and inverse ones scaled."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft as modern
import scipy.fftpack as plain

from ..forms import dual_form
from . import fft as _fft  # noqa: F401 - the counterparts that these are said by
from .counterparts import FUNCTIONS, counterpart

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

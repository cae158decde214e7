"""scipy.signal: filters are linear maps whose transposes run backwards, and the solutions of an equation in their coefficients;
convolutions are one another's transposes. What SciPy writes in Python is lifted through where an argument is perturbed.
"""

from __future__ import annotations

import sys
from inspect import unwrap
from typing import Any

import numpy as np
import scipy.signal as plain

from ..errors import RuleError
from ..forms import holds_dual, stripped
from ..implicit.theorem import Factored, differentiated
from ..reading import dtype_of
from ..rules.fourier import fitted
from ..rules.gather import stacked
from .classes import seen_class
from .counterparts import FUNCTIONS, counterpart, with_tangent
from .linear_maps import behind, crop, extended, floats, full, linear, only, stencil, valid, windows
from .python_functions import SCIPY, lift_through, vendored


# ---- recursive filters
@counterpart(plain.lfilter)
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """a₀ yₙ + a₁ yₙ₋₁ + … = b₀ xₙ + b₁ xₙ₋₁ + …, where the state zi adds a₀ zi to the first of them."""
    b, a, x = (np.atleast_1d(floats(part)) for part in (b, a, x))
    axis, order = behind(axis, x.ndim), max(len(a), len(b)) - 1
    x, start = np.moveaxis(x, axis, -1), None
    n = x.shape[-1]
    if zi is not None:
        zi = np.broadcast_to(np.moveaxis(floats(zi), axis, -1), (*x.shape[:-1], order))
        start = fitted(zi, n, -1)
    if holds_dual(b) or holds_dual(a):
        plain_b, plain_a, plain_x, plain_zi = map(stripped, (b, a, x, zi))
        y = plain.lfilter(plain_b, plain_a, plain_x, -1, plain_zi)

        def residual(y: Any) -> Any:
            r = moving(a, y) - moving(b, x)
            return r if start is None else r - a[0] * start
        y = differentiated(residual, y if zi is None else y[0], lambda: Filter(plain_a))
    else:
        y = filtered(b, a, x) if zi is None else filtered_from(b, a, zi, x)
    if zi is None:
        return np.moveaxis(y, -1, axis)
    # The state behind the last element: what x and y would still add to the elements that follow.
    places = np.add.outer(np.arange(order), np.arange(1, order + 1))
    last_x, last_y = (fitted(part[..., max(n - order, 0):][..., ::-1], order, -1) for part in (x, y))
    end = (last_x @ fitted(b, 2 * order + 1, 0)[places] - last_y @ fitted(a, 2 * order + 1, 0)[places]) / a[0]
    end = end + fitted(zi[..., n:], order, -1)
    return np.moveaxis(y, -1, axis), np.moveaxis(end, -1, axis)


class Filter(Factored):
    """The filter 1/a, which solves a * y = r."""

    def __init__(self, a: Any) -> None:
        self.a = a

    def solve(self, r: Any) -> Any:
        return filtered(np.ones(1, self.a.dtype), self.a, r)


def filtered(b: Any, a: Any, x: Any) -> Any:
    """The filter along the last axis, linear in x: lower triangular with equal diagonals, so its transpose runs backwards."""
    def band(shape: Any) -> Any:
        spans = [(0, 0)] * (len(shape) - 1) + [(len(b) - 1, 0)]
        return stencil(shape, spans, len(b), -1, b[::-1] / a, "constant")
    return linear(x, lambda x: plain.lfilter(b, a, x), lambda u: backwards(b, a, u), None, band if len(a) == 1 else None)


def backwards(b: Any, a: Any, u: Any) -> Any:
    return plain.lfilter(b, a, u[..., ::-1])[..., ::-1]


def filtered_from(b: Any, a: Any, zi: Any, x: Any) -> Any:
    """The same from a state on: linear in both, which stand in one row."""
    order, one = zi.shape[-1], np.ones(1, a.dtype)
    joined = np.concatenate([zi, x], axis=-1)

    def back(u: Any) -> Any:
        state = fitted(backwards(one, a / a[0], u), order, -1)
        return np.concatenate([state, backwards(b, a, u)], axis=-1)
    return linear(joined, lambda v: plain.lfilter(b, a, v[..., order:], zi=v[..., :order])[0], back)


def moving(b: Any, x: Any) -> Any:
    """Σⱼ bⱼ xₙ₋ⱼ along the last axis, for perturbed b."""
    if not holds_dual(b):
        return filtered(b, np.ones(1, b.dtype), x)
    front = np.zeros((*x.shape[:-1], len(b) - 1), stripped(x).dtype)
    return windows(np.concatenate([front, x], axis=-1), len(b), -1) @ b[::-1]


def normalized(function: Any) -> Any:
    """Where SciPy asks whether a[0] is one, its perturbation would be lost: divided by it first."""
    def call(b: Any, a: Any, *args: Any, **options: Any) -> Any:
        b, a = np.atleast_1d(floats(b)), np.atleast_1d(floats(a))
        first = a[np.flatnonzero(stripped(a))[0]]
        return LIFTED[function.__name__](b / first, a / first, *args, **options)
    return counterpart(function)(call)


normalized(plain.lfilter_zi)
normalized(plain.lfiltic)


@counterpart(plain.sosfilt)
def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    sos, x = floats(sos), floats(x)
    if zi is None and not holds_dual(sos):
        axis = behind(axis, x.ndim)
        return linear(x, lambda x: plain.sosfilt(sos, x, axis),
                      lambda u: np.flip(plain.sosfilt(sos, np.flip(u, axis), axis), axis))
    plain.sosfilt(stripped(sos), np.zeros(1))  # SciPy's errors
    ends: list[Any] = []
    for i, section in enumerate(sos):
        x = lfilter(section[:3], section[3:], x, axis, None if zi is None else zi[i])
        if zi is not None:
            x, end = x
            ends.append(end)
    return x if zi is None else (x, np.stack(ends))


@counterpart(plain.detrend)
def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False) -> Any:
    """The residual of a least-squares fit, an orthogonal projection: symmetric."""
    data = floats(data)
    axis = behind(axis, data.ndim)

    def residual(x: Any) -> Any:
        return plain.detrend(x, axis, type, bp)
    return linear(data, residual, residual)


@counterpart(plain.upfirdn)
def upfirdn(h: Any, x: Any, up: int = 1, down: int = 1, axis: int = -1, mode: str = "constant", cval: Any = 0) -> Any:
    """yⱼ = Σₘ h[j down - m up] xₘ."""
    h, x = floats(h), floats(x)
    axis = behind(axis, x.ndim)
    only("scipy.signal.upfirdn", "h and x", cval)
    x = np.moveaxis(x, axis, -1)
    n, size = x.shape[-1], len(h)
    count = ((n - 1) * up + size - 1) // down + 1
    first = 0
    if mode != "constant" or cval:
        before = down * (-(-size // (up * down)) + 1)
        if mode not in ("constant", "edge", "wrap", "symmetric", "reflect"):
            raise RuleError(f"scipy.signal.upfirdn: mode={mode!r} has no derivative rule; pad x by numpy.pad first")
        x = extended(x, [(0, 0)] * (x.ndim - 1) + [(before, before)], mode, cval)
        first, n = before * up // down, n + 2 * before
    if holds_dual(h):
        if up > 1:
            x = np.reshape(np.stack([x, *[np.zeros(x.shape, stripped(x).dtype)] * (up - 1)], axis=-1), (*x.shape[:-1], -1))
        zeros = np.zeros((*x.shape[:-1], size - 1), stripped(x).dtype)
        long = np.concatenate([zeros, x, zeros], axis=-1)
        y = windows(long, size, -1)[..., ::down, :] @ h[::-1]
    else:
        fill = -(size - 1) % up
        reverse, skipped = np.concatenate([np.zeros(fill, h.dtype), h[::-1]]), (size - 1 + fill) // up

        def back(u: Any) -> Any:
            return fitted(plain.upfirdn(reverse, u, down, up)[..., skipped:], n, -1)
        y = linear(x, lambda x: plain.upfirdn(h, x, up, down), back)
    return np.moveaxis(y[..., first:first + count], -1, axis)


@counterpart(plain.savgol_filter)
def savgol_filter(x: Any, window_length: int, polyorder: int, deriv: int = 0, delta: Any = 1.0, axis: int = -1,
                  mode: str = "interp", cval: Any = 0.0) -> Any:
    """The polynomials through the ends are linear in what they fit: SciPy says how, of the identity."""
    x = floats(x)
    if mode != "interp" or window_length > x.shape[axis]:
        return LIFTED["savgol_filter"](x, window_length, polyorder, deriv, delta, axis, mode, cval)
    only("scipy.signal.savgol_filter", "x", delta)
    ends = plain.savgol_filter(np.eye(window_length), window_length, polyorder, deriv, delta, 0).astype(dtype_of(x))
    inside = LIFTED["savgol_filter"](x, window_length, polyorder, deriv, delta, axis, "constant")
    x, y, half = np.moveaxis(x, axis, -1), np.moveaxis(inside, axis, -1), window_length // 2
    parts = [x[..., :window_length] @ ends[:half].T, y[..., half:y.shape[-1] - half], x[..., -window_length:] @ ends[-half:].T]
    return np.moveaxis(np.concatenate(parts, axis=-1) if half else y, -1, axis)


# ---- convolutions
@counterpart(plain.convolve)
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    a, b = floats(in1), floats(in2)
    if method == "auto" and a.ndim == b.ndim:
        method = plain.choose_conv_method(stripped(a), stripped(b), mode)
    if not a.ndim == b.ndim > 0 or 0 in (stripped(a).size, stripped(b).size) or method == "fft":
        return LIFTED["convolve"](a, b, mode, method)
    return crop(np.convolve(a, b) if a.ndim == 1 else full(a, b), a.shape, b.shape, mode)


@counterpart(plain.correlate)
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    return convolve(in1, np.conj(np.flip(floats(in2))), mode, method)


BOUNDARIES = {"fill": "constant", "pad": "constant", "wrap": "wrap", "circular": "wrap", "symm": "symmetric",
              "symmetric": "symmetric"}


@counterpart(plain.convolve2d)
def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    return convolved(floats(in1), floats(in2), mode, boundary, fillvalue, 1)


def convolved(a: Any, b: Any, mode: str, boundary: str, fillvalue: Any, shift: int) -> Any:
    plain.convolve2d(np.zeros((1,) * a.ndim), np.zeros((1,) * b.ndim), mode, boundary)  # SciPy's errors
    only("scipy.signal.convolve2d", "in1 and in2", fillvalue)
    if mode == "valid" or (BOUNDARIES[boundary] == "constant" and not fillvalue):
        return crop(full(a, b), a.shape, b.shape, mode, shift) if mode != "valid" else \
            valid(*((a, b) if a.shape >= b.shape else (b, a)))
    around = [(n - 1, n - 1) for n in b.shape]
    return crop(valid(extended(a, around, BOUNDARIES[boundary], fillvalue), b), a.shape, b.shape, mode, shift)


@counterpart(plain.correlate2d)
def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Any:
    """SciPy's "same" begins half an element later for a kernel of even size, and "valid" in a larger one is conjugate."""
    a, b = floats(in1), floats(in2)
    y = convolved(a, np.conj(np.flip(b)), mode, boundary, fillvalue, 0)
    return np.conj(y) if mode == "valid" and a.shape < b.shape else y


# ---- peaks
def doubles(x: Any) -> Any:
    """A signal as SciPy looks for peaks in it: in double precision."""
    return floats(x).astype(float, copy=False)


@counterpart(plain.find_peaks)
def find_peaks(x: Any, *args: Any, **options: Any) -> Any:
    """Places are constants; heights, prominences and widths are functions of x."""
    x = doubles(x)
    peaks, found = plain.find_peaks(stripped(x), *map(stripped, args), **{key: stripped(y) for key, y in options.items()})
    if "peak_heights" in found:
        found["peak_heights"] = x[peaks]
    if "left_thresholds" in found:
        found["left_thresholds"], found["right_thresholds"] = x[peaks] - x[peaks - 1], x[peaks] - x[peaks + 1]
    if "prominences" in found:
        found["prominences"] = prominent(x, peaks, found["left_bases"], found["right_bases"])
    if "widths" in found:
        share = args[6] if len(args) > 6 else options.get("rel_height", 0.5)
        parts = wide(x, peaks, found["prominences"], share, found["left_ips"], found["right_ips"])
        found.update(zip(("widths", "width_heights", "left_ips", "right_ips"), parts, strict=True))
    return peaks, found


def prominent(x: Any, peaks: Any, left: Any, right: Any) -> Any:
    value = stripped(x)
    return x[peaks] - x[np.where(value[left] > value[right], left, right)]


def wide(x: Any, peaks: Any, prominences: Any, share: Any, left: Any, right: Any) -> tuple[Any, ...]:
    """Widths, their heights and the places where the lines between samples cross them."""
    heights = x[peaks] - prominences * share

    def crossing(place: Any, step: int) -> Any:
        i = np.floor(place * step).astype(int) * step
        j = np.where(place == i, i, i + step)
        slope = np.where(i == j, 1, x[j] - x[i])
        return i + step * np.where(i == j, 0, (heights - x[i]) / slope)
    left, right = crossing(left, 1), crossing(right, -1)
    return right - left, heights, left, right


@counterpart(plain.peak_prominences)
def peak_prominences(x: Any, peaks: Any, wlen: Any = None) -> Any:
    _, left, right = plain.peak_prominences(stripped(x), peaks, wlen)
    return prominent(doubles(x), peaks, left, right), left, right


@counterpart(plain.peak_widths)
def peak_widths(x: Any, peaks: Any, rel_height: Any = 0.5, prominence_data: Any = None, wlen: Any = None) -> Any:
    data = prominence_data or peak_prominences.function(x, peaks, wlen)
    found = plain.peak_widths(stripped(x), peaks, stripped(rel_height), stripped(data), wlen)
    return wide(doubles(x), peaks, data[0], rel_height, *found[2:])


# ---- what SciPy writes in Python
LIFTED = lift_through(plain)
lift_through(plain.windows)
counterpart(plain.medfilt2d)(lambda input, kernel_size=3: LIFTED["medfilt"](input, kernel_size))
for _name in ("buttap", "cheb1ap", "cheb2ap", "ellipap", "besselap"):  # which iirfilter finds in a dict and compares
    FUNCTIONS[id(getattr(plain, _name))] = getattr(plain, _name)
for _name in ("CZT", "ZoomFFT", "ShortTimeFFT"):
    if hasattr(plain, _name):
        seen_class(getattr(plain, _name))


# ---- systems: which class they have depends on how they are given and on whether time is continuous
SYSTEMS = {2: "TransferFunction", 3: "ZerosPolesGain", 4: "StateSpace"}
LAWS = {(name, time): seen_class(unwrap(plain.lsim).__globals__[name + time])
        for name in SYSTEMS.values() for time in ("Continuous", "Discrete")}


def systems(kind: Any) -> None:
    @counterpart(kind, always=True)
    def make(*system: Any, **options: Any) -> Any:
        if len(system) == 1 and isinstance(system[0], plain.lti | plain.dlti):
            return getattr(system[0], {"TransferFunction": "to_tf", "ZerosPolesGain": "to_zpk"}.get(kind.__name__, "to_ss"))()
        if kind is plain.dlti:
            options.setdefault("dt", True)
        name = kind.__name__ if kind.__name__ in SYSTEMS.values() else SYSTEMS.get(len(system))
        if name is None:
            return kind(*system, **options)  # SciPy's error
        return LAWS[name, "Continuous" if options.get("dt") is None else "Discrete"](*system, **options)


for _kind in (plain.lti, plain.dlti, plain.TransferFunction, plain.ZerosPolesGain, plain.StateSpace):
    systems(_kind)


@counterpart(plain.freqresp, always=True)
def freqresp(system: Any, w: Any = None, n: int = 10000) -> Any:
    """SciPy goes by zeros and poles, the derivative by the transfer function, which is smooth where they are repeated."""
    law = system if isinstance(system, plain.lti | plain.dlti) else FUNCTIONS[id(plain.lti)](*system)
    direct = isinstance(law, plain.dlti | plain.ZerosPolesGain) or (law is system and isinstance(law, plain.TransferFunction))
    parts = () if direct else (law.num, law.den) if isinstance(law, plain.TransferFunction) else (law.A, law.B, law.C, law.D)
    if not holds_dual(parts):
        return LIFTED["freqresp"](system, w, n)
    at, h = plain.freqresp(tuple(map(stripped, parts)), None if w is None else stripped(w), n)
    at = at if w is None else with_tangent(at, np.atleast_1d(stacked(w)))
    num, den = parts if len(parts) == 2 else LIFTED["ss2tf"](*parts)
    return at, with_tangent(h, np.polyval(np.ravel(num), 1j * at) / np.polyval(den, 1j * at))


_segments = getattr(sys.modules.get("scipy.signal._spectral_py"), "_fft_helper", None)
if _segments is not None:
    @counterpart(_segments)
    def spectra(x: Any, win: Any, detrend_func: Any, nperseg: int, noverlap: int, nfft: int, sides: str) -> Any:
        """SciPy takes its segments out of all windows; here they are gathered by themselves, each a signal of its own."""
        places = np.arange(0, x.shape[-1] - nperseg + 1, nperseg - noverlap)[:, None] + np.arange(nperseg)
        return SCIPY.function(_segments)(x[..., places], win, detrend_func, nperseg, 0, nfft, sides)[..., 0, :]
if hasattr(_linalg := vendored("array_api_compat.numpy.linalg"), "solve"):  # which makes NumPy's anew
    FUNCTIONS[id(_linalg.solve)] = np.linalg.solve

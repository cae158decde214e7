"""Fourier transforms of complex arrays in every size, axis and norm: linear, so the direction's transform is the answer."""

import numpy as np
import pytest

from dualdiff import gradient, hvp, jvp, vjp

ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
SEVERAL = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
CALLS = [(name, {"n": n, "axis": axis, "norm": norm}) for name in ONE for n in (None, 2, 7, 8) for axis in (0, -1)
         for norm in (None, "backward", "ortho", "forward")]
CALLS += [(name, options) for name in SEVERAL for options in (
    {}, {"axes": (0, 1)}, {"s": (4, 7), "axes": (-1, 0)}, {"s": (3, -1), "axes": (1, 2), "norm": "ortho"}, {"norm": "forward"})]
CALLS += [(name, {"axes": axes}) for name in ("fftshift", "ifftshift") for axes in (None, 1, (0, -1))]


def drawn(name, seed):
    r = np.random.default_rng(seed)
    x = r.standard_normal((3, 4, 5))
    return x if name.startswith(("rfft", "ihfft")) else x + 1j * r.standard_normal(x.shape)


@pytest.mark.parametrize(("name", "options"), CALLS, ids=str)
def test_the_derivative_is_the_transform_of_the_direction_and_the_adjoint_holds(name, options):
    def f(a):
        return getattr(np.fft, name)(a, **options)
    x, v = drawn(name, 1), drawn(name, 2)
    value, along = jvp(f, (x,), (v,))
    if hasattr(np, "unstack"):  # NumPy 2.1: before, the order of its axes was another
        np.testing.assert_array_equal(value, f(x))
    np.testing.assert_allclose(value, f(x), rtol=1e-13)
    np.testing.assert_allclose(along, f(v), rtol=0, atol=1e-14 * np.max(np.abs(f(v))))
    r = np.random.default_rng(3)
    u = r.standard_normal(value.shape) + (1j * r.standard_normal(value.shape) if np.iscomplexobj(value) else 0)
    (back,) = vjp(f, x)[1](u)
    assert back.dtype == x.dtype
    assert back.shape == x.shape
    left, right = np.sum(np.real(u * along)), np.sum(np.real(back * v))
    assert abs(left - right) <= 1e-13 * np.sum(np.abs(u * along))


def test_parseval_gives_the_gradient_of_the_power():
    """Σ|fft(x)|² = n Σx², by real input's half spectrum as by the whole one; its Hessian is 2n."""
    x, v = drawn("rfft", 1)[0, 0], np.arange(5.0)
    for power in (lambda a: np.sum(np.abs(np.fft.fft(a)) ** 2),
                  lambda a: np.sum(np.abs(np.fft.rfft(a)) ** 2 * np.array([1, 2, 2]))):
        for mode in ("forward", "reverse"):
            np.testing.assert_allclose(gradient(power, mode=mode)(x), 10 * x, rtol=1e-13)
        np.testing.assert_allclose(hvp(power)(x, v), 10 * v, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "hfft", "fft2", "irfftn"])
def test_single_precision_stays(name):
    f, x = getattr(np.fft, name), drawn("rfft", 1).astype(np.float32)
    value, along = jvp(f, (x,), (x,))
    assert value.dtype == along.dtype == f(x).dtype
    assert vjp(f, x)[1](value)[0].dtype == np.float32


def test_filtering_by_the_spectrum_is_convolution():
    h, x = np.array([1.0, -2, 0.5, 0, 0]), drawn("rfft", 4)[1, 2]
    rows = vjp(lambda a: np.fft.irfft(np.fft.rfft(a) * np.fft.rfft(h), 5), x)[1](np.eye(5))[0]
    circulant = np.stack([np.roll(h[::-1], i + 1) for i in range(5)])
    np.testing.assert_allclose(rows, circulant, rtol=0, atol=1e-15)

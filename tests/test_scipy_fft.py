"""scipy.fft in programs that are differentiated as they stand."""

from functools import partial
from inspect import signature
from itertools import product

import numpy as np
import pytest
import scipy.fft
from scipy import fftpack
from scipy.fft import dct, rfft
from scipy_programs import agrees, transposes

from dualdiff import gradient, hessian, jacobian, jvp, lift
from dualdiff.errors import RuleError

rng = np.random.default_rng(1)
X, C, R = rng.normal(size=(3, 6)), rng.normal(size=(2, 3, 6)), rng.normal(size=8)


def parts(z):
    return np.stack([np.real(z), np.imag(z)])


def low_pass(x):
    spectrum = scipy.fft.rfft(x)
    spectrum[3:] = 0
    return scipy.fft.irfft(spectrum, n=len(x)) ** 2


def packed(x):
    z = fftpack.rfft(x, 7, axis=0)
    return fftpack.irfft(z**2, 8, axis=0) + fftpack.irfft(fftpack.rfft(x, 8, axis=0), axis=0)


PROGRAMS = {
    "fftpack": (lambda x: parts(fftpack.ifft(fftpack.fft(x, 9) ** 2, axis=0) + fftpack.fft2(x, shape=(3, 9)) ** 3), X),
    "fftpack's cosines": (lambda x: fftpack.idct(fftpack.dct(x) ** 2) + fftpack.idst(fftpack.dst(x, 3, norm="ortho"), 3), X),
    "fftpack's real transforms": (packed, X),
    "fftpack's derivatives": (lambda x, p: fftpack.diff(x, 2, p) + fftpack.diff(x, -3, period=p), R, 5.0),
    "fftpack's Hilbert and Tilbert": (
        lambda x, h, p: fftpack.hilbert(x) * fftpack.tilbert(x, h, p) - fftpack.itilbert(x, h), R, 0.7, 5.0),
    "fftpack's differences": (lambda x, a, b: fftpack.cs_diff(x, a, b) + fftpack.sc_diff(x, a, b) * fftpack.ss_diff(x, a, b)
                              + fftpack.cc_diff(x, b, a, period=4.0), R[1:], 0.7, 0.9),
    "fftpack's shift of complex numbers": (lambda x, a: parts(fftpack.shift(x * (1 + 2j), a)), R, 0.7),
    "fft": (lambda x: parts(scipy.fft.fft(x, norm="ortho")), X),
    "fft of complex numbers": (lambda re, im: parts(scipy.fft.fft(re + 1j * im, 4, axis=0)), X, X[::-1]),
    "ifft, filled up": (lambda x: parts(scipy.fft.ifft(x, 9)), X),
    "rfft, imported by name": (lambda x: parts(rfft(x, workers=1)), X),
    "irfft": (lambda re, im: scipy.fft.irfft(re + 1j * im, 7), X, X[::-1]),
    "hfft": (lambda re, im: scipy.fft.hfft(re + 1j * im, 9, norm="forward"), X, X[::-1]),
    "ihfft": (lambda x: parts(scipy.fft.ihfft(x)), X),
    "fft2": (lambda x: np.abs(scipy.fft.fft2(x)), X),
    "ifftn": (lambda x: parts(scipy.fft.ifftn(x, s=(4, 2), axes=(0, 1))), X),
    "rfftn": (lambda x: parts(scipy.fft.rfftn(x, axes=(1, 0))), X),
    "irfftn": (lambda re, im: scipy.fft.irfftn(re + 1j * im, s=(2, 5)), X, X[::-1]),
    "hfft2": (lambda re, im: scipy.fft.hfft2(re + 1j * im), X, X[::-1]),
    "ihfftn": (lambda x: parts(scipy.fft.ihfftn(x)), X),
    "dct, imported by name": (lambda x: dct(x) ** 2, X),
    "idct": (lambda x: scipy.fft.idct(x, 3, axis=0, norm="ortho"), X),
    "dst": (lambda x: scipy.fft.dst(x, type=1, n=4), X),
    "idst": (lambda x: scipy.fft.idst(x, norm="forward"), X),
    "dctn": (lambda x: scipy.fft.dctn(x, s=(4, 5), norm="ortho"), X),
    "idstn": (lambda x: scipy.fft.idstn(x, 2, axes=1), X),
    "fht": (lambda x: scipy.fft.fht(x, 0.1, 0.5, bias=0.2), R),
    "ifht": (lambda x: scipy.fft.ifht(x, 0.1, 1.0, offset=0.3), R),
    "fftshift": (lambda x: scipy.fft.fftshift(x) ** 2, X),
    "a filter": (low_pass, R),
    "lengths and frequencies are constants": (
        lambda x: scipy.fft.rfft(x, scipy.fft.next_fast_len(len(x) + 2)).real * scipy.fft.rfftfreq(10), R),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name])


@pytest.mark.parametrize("kind", ["dct", "idct", "dst", "idst"])
@pytest.mark.parametrize("n", [2, 3, 6, 7])
def test_every_type_norm_and_length_of_a_real_transform_has_its_transpose(kind, n):
    x = rng.normal(size=(3, n))
    f, g = getattr(scipy.fft, kind), getattr(scipy.fft, kind + "n")
    for type, norm, orthogonalize, size in product((1, 2, 3, 4), (None, "ortho", "forward"), (None, True, False), (None, 4, 9)):
        options = {"type": type, "norm": norm, "orthogonalize": orthogonalize}
        transposes(partial(f, n=size, axis=1, **options), x)
        transposes(partial(g, s=size and (size, 5), **options), x)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_every_norm_and_length_of_a_fourier_transform_has_its_transpose(name):
    one, two, several = (partial(of_its_kind, getattr(scipy.fft, name + end)) for end in ("", "2", "n"))
    for norm, size in product((None, "ortho", "forward", "backward"), (None, 4, 7)):
        transposes(partial(one, n=size, axis=1, norm=norm), C)
        transposes(partial(two, s=size and (size, 5), norm=norm), C)
        transposes(partial(several, s=size and (size, -1, 4), axes=(1, 0, 2), norm=norm), C)


def of_its_kind(f, x, **options):
    return f(x if f.__name__.startswith(("rfft", "ihfft")) else x * (1 + 2j), **options)


def test_a_counterpart_has_the_name_and_signature_of_scipys_function():
    assert lift(lambda x: (scipy.fft.dctn.__name__, str(signature(scipy.fft.dctn))))(0.0) == (
        "dctn", str(signature(scipy.fft.dctn)))


def test_transforms_keep_single_precision():
    x = X.astype(np.float32)
    for f in (scipy.fft.fft, scipy.fft.rfft2, scipy.fft.dct, scipy.fft.dstn):
        value, derivative = jvp(f, [x], [x])
        assert value.dtype == derivative.dtype == f(x).dtype
    half, _ = jvp(scipy.fft.rfft, [x.astype(np.float16)], [x.astype(np.float16)])
    assert half.dtype == np.complex64


def test_the_jacobian_of_a_cosine_transform_is_its_matrix():
    np.testing.assert_allclose(jacobian(scipy.fft.dct)(R), scipy.fft.dct(np.eye(8), axis=0), atol=1e-14)
    np.testing.assert_allclose(jacobian(lambda x: scipy.fft.fft(x).imag)(R), scipy.fft.fft(np.eye(8), axis=0).imag, atol=1e-14)


def test_a_batch_of_directions_is_one_call_of_scipy(monkeypatch):
    from dualdiff.scipy import fft
    shapes, inner = [], fft.linear

    def counted(x, ahead, back):
        return inner(x, lambda v: shapes.append(v.shape) or ahead(v), back)
    monkeypatch.setattr(fft, "linear", counted)
    jacobian(scipy.fft.dct, mode="forward")(R)
    assert shapes == [(8,), (8, 8)]


def test_third_derivatives_pass_through_transforms():
    def f(x):
        return np.sum(np.abs(scipy.fft.fft(x)) ** 4) + np.sum(scipy.fft.dct(x) ** 3)

    def along(x):
        return hessian(f)(x) @ x
    difference = (along(R + 1e-6 * R) - along(R - 1e-6 * R)) / 2e-6
    np.testing.assert_allclose(jvp(along, [R], [R])[1], difference, rtol=1e-7)


@pytest.mark.parametrize("options", [{"axes": (0, 0)}, {"s": (2, 3), "axes": (0,)}, {"axes": 5}, {"s": (2, 3, 4)}])
@pytest.mark.parametrize("f", [scipy.fft.fftn, scipy.fft.rfftn, scipy.fft.dctn], ids=lambda f: f.__name__)
def test_axes_are_checked_as_scipy_does(f, options):
    with pytest.raises(ValueError):
        f(X, **options)
    with pytest.raises(ValueError):
        gradient(lift(lambda x: np.sum(np.abs(f(x, **options)))))(X)


def test_types_and_norms_are_checked_as_scipy_does():
    for options in ({"type": 5}, {"norm": "none"}, {"type": 1, "n": 1}):
        with pytest.raises((ValueError, RuntimeError)) as plain:
            scipy.fft.dct(X, **options)
        with pytest.raises(plain.type):
            jvp(lift(partial(scipy.fft.dct, **options)), [X], [X])


def test_the_parameters_of_a_hankel_transform_are_refused():
    with pytest.raises(RuleError, match=r"scipy\.fft\.fht: only a can be perturbed"):
        gradient(lambda mu: np.sum(scipy.fft.fht(R, 0.1, mu)))(0.5)

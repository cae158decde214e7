"""scipy.ndimage in programs that are differentiated as they stand."""

from functools import partial

import numpy as np
import pytest
from scipy import ndimage
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy_programs import agrees, transposes

from dualdiff import gradient, hessian, jacobian, jvp, lift
from dualdiff.errors import DualdiffError

rng = np.random.default_rng(1)
X, W, K = rng.normal(size=(4, 5)), np.array([0.5, 1.0, -0.3, 0.2]), rng.normal(size=(2, 3))
POINTS = rng.uniform(0.2, 2.8, size=(2, 4))
LABELS = np.arange(20).reshape(4, 5) % 3
MODES = ["reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"]


def buffered(x):
    out = np.zeros_like(X)
    ndimage.median_filter(x, 3, output=out)
    ndimage.gaussian_filter1d(out, 1.0, output=out)
    ndimage.shift(out[:2], 0.3, out[2:])
    return out


def in_frequencies(x):
    return np.real(np.fft.ifft2(ndimage.fourier_shift(ndimage.fourier_gaussian(np.fft.fft2(x), 0.7), (0.4, 1.0))))


def moved(x, turn, step):
    c, s = np.cos(turn), np.sin(turn)
    return ndimage.affine_transform(x, np.array([[c, -s], [s, c]]), step, mode="mirror")


PROGRAMS = {
    "gaussian_filter, imported by name": (lambda x: gaussian_filter(x, (1.0, 0.6)) ** 2, X),
    "gaussian_filter in its width": (lambda x, s: gaussian_filter(x, s, order=(1, 0), mode="wrap"), X, np.array([0.9, 0.7])),
    "gaussian_filter1d": (lambda x: ndimage.gaussian_filter1d(x, 1.0, order=2, axis=0, mode="constant", cval=0.3), X),
    "uniform_filter": (lambda x: ndimage.uniform_filter(x, 3, mode="nearest"), X),
    "correlate1d": (lambda x, w: ndimage.correlate1d(x, w, origin=-1), X, W),
    "convolve1d": (lambda x, w: ndimage.convolve1d(x, w, 0, mode="mirror"), X, W),
    "correlate": (lambda x, k: ndimage.correlate(x, k, mode="reflect") ** 2, X, K),
    "convolve": (lambda x, k: ndimage.convolve(x, k, mode="constant", cval=2.0), X, K),
    "sobel": (lambda x: np.hypot(ndimage.sobel(x, 0), ndimage.sobel(x, 1)), X),
    "prewitt": (ndimage.prewitt, X),
    "laplace": (partial(ndimage.laplace, mode="wrap"), X),
    "gaussian_laplace": (lambda x: ndimage.gaussian_laplace(x, 0.8), X),
    "gaussian_gradient_magnitude": (ndimage.gaussian_gradient_magnitude, X, 0.8),
    "maximum_filter": (lambda x: ndimage.maximum_filter(x, 3) ** 2, X),
    "minimum_filter1d": (lambda x: ndimage.minimum_filter1d(x, 3, mode="constant", cval=-0.1), X),
    "median_filter": (lambda x: ndimage.median_filter(x, (3, 2), mode="mirror"), X),
    "percentile_filter": (lambda x: ndimage.percentile_filter(x, 30, footprint=[[0, 1, 0], [1, 1, 1]]), X),
    "rank_filter": (lambda x: ndimage.rank_filter(x, 1, 3), X),
    "grey_opening": (lambda x: ndimage.grey_opening(x, 2), X),
    "morphological_gradient": (lambda x: ndimage.morphological_gradient(x, 2), X),
    "results written to arrays": (buffered, X),
    "filters of the spectrum": (in_frequencies, X),
    "spline_filter": (lambda x: ndimage.spline_filter(x, 4), X),
    "map_coordinates, imported by name": (lambda x, p: map_coordinates(x, p, order=3), X, POINTS),
    "map_coordinates of a list": (lambda x: ndimage.map_coordinates(X, [x, 2 * x], order=2, mode="reflect"), POINTS[0]),
    "shift": (lambda x, s: ndimage.shift(x, s, mode="grid-wrap"), X, np.array([0.4, -0.7])),
    "zoom": (lambda x: ndimage.zoom(x, (1.7, 0.6), order=1), X),
    "rotate": (lambda x: ndimage.rotate(x, 25, mode="nearest"), X),
    "rotate in its angle": (lambda x, a: ndimage.rotate(x, a, reshape=False, mode="reflect"), X, 25.0),
    "affine_transform": (moved, X, 0.3, np.array([0.2, -0.1])),
    "affine_transform of a diagonal": (
        lambda x, d: ndimage.affine_transform(x, d, 0.3, output_shape=(3, 4)), X, np.array([0.8, 0.7])),
    "geometric_transform": (lambda x, a: ndimage.geometric_transform(x, lambda o: (o[0] * a + 0.1, o[1] * 0.8)), X, 0.7),
    "sums of labels": (lambda x: ndimage.sum_labels(x, LABELS, [0, 2]) * ndimage.variance(x, LABELS, [1, 2]), X),
    "the largest of labels": (lambda x: np.stack([ndimage.maximum(x, LABELS, 1), ndimage.median(x)]), X),
    "center_of_mass": (lambda x: np.stack(ndimage.center_of_mass(x ** 2)), X),
    "what is found by label is constant": (
        lambda x: x * ndimage.label(x > 0)[0] + ndimage.distance_transform_edt(X > 0), X),
}
TWICE = ("gaussian_filter, imported by name", "gaussian_filter in its width", "correlate", "maximum_filter",
         "filters of the spectrum", "map_coordinates, imported by name", "rotate in its angle", "center_of_mass")


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name], order=1 + (name in TWICE))


@pytest.mark.parametrize("mode", MODES)
def test_filters_of_every_size_and_origin_have_their_transposes(mode):
    for size in (1, 2, 5, 12):
        w = rng.normal(size=size)
        for origin in {0, -(size // 2), (size - 1) // 2}:
            options = {"mode": mode, "cval": 0.7, "origin": origin}
            transposes(partial(ndimage.correlate1d, weights=w, axis=0, **options), X)
            transposes(partial(ndimage.convolve1d, axis=-1, **{**options, "origin": 0}), X, w)
            transposes(partial(ndimage.uniform_filter1d, size=size, **options), X)
            transposes(partial(ndimage.maximum_filter1d, size=size, **options), X)
    for shape, origin in (((3, 3), 0), ((2, 4), (-1, 1)), ((7, 9), 0)):
        k, options = rng.normal(size=shape), {"mode": mode, "cval": 0.7, "origin": origin}
        transposes(partial(ndimage.correlate, weights=k, **options), X)
        transposes(partial(ndimage.convolve, **{**options, "origin": 0}), X, k)
        transposes(partial(ndimage.correlate, axes=(0, 2), **options), rng.normal(size=(3, 2, 4)), k)
        transposes(partial(ndimage.median_filter, size=shape, **options), X)
    for f in (ndimage.sobel, ndimage.laplace, partial(ndimage.gaussian_filter, sigma=1.1, order=1)):
        transposes(partial(f, mode=mode, cval=0.7), X)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", range(6))
def test_interpolation_of_every_mode_and_order_has_scipys_values_and_its_transpose(mode, order):
    far = rng.uniform(-7, 12, size=(2, 3, 5))
    for prefilter in (True, False):
        options = {"order": order, "mode": mode, "cval": 0.7, "prefilter": prefilter}
        f = partial(ndimage.map_coordinates, **options)
        transposes(partial(f, coordinates=far), X)
        transposes(f, X, far)
        transposes(partial(ndimage.shift, shift=(0.4, -2.7), **options), X)
        transposes(partial(ndimage.zoom, zoom=(1.6, 0.7), **options), X)
        transposes(partial(ndimage.rotate, angle=20.0, **options), X[:1])
    for n in (1, 2, 5, 40) if order > 1 else ():
        transposes(partial(ndimage.spline_filter1d, order=order, mode=mode), rng.normal(size=(2, n)))


@pytest.mark.parametrize("mode", MODES)
def test_coordinates_far_outside_have_the_slopes_of_differences(mode):
    far = np.array([[-6.3, -0.2, 1.3, 3.4, 4.3, 8.6], [0.3, -3.3, 5.7, 2.2, 3.9, -0.7]])
    for order in (1, 3, 4):
        f = partial(ndimage.map_coordinates, X, order=order, mode=mode)
        difference = (f(far + 1e-6) - f(far - 1e-6)) / 2e-6
        np.testing.assert_allclose(jvp(lift(f), [far], [np.ones((2, 6))])[1], difference, atol=1e-7)


def test_second_derivatives_of_a_cubic_spline_are_those_of_its_pieces():
    def f(p):
        return ndimage.map_coordinates(X, np.reshape(p, (2, 1)), order=3)[0]
    p = np.array([1.3, 2.4])
    slope = gradient(f)
    difference = np.stack([(slope(p + h) - slope(p - h)) / 2e-5 for h in 1e-5 * np.eye(2)])
    np.testing.assert_allclose(hessian(f)(p), difference, rtol=1e-7)
    np.testing.assert_allclose(jacobian(lambda q: ndimage.map_coordinates(X, q[:, None], order=0)[0])(p), 0)


def test_mixed_derivatives_of_nested_sweeps_know_both_coordinates():
    f, g = (lambda a, b: ndimage.map_coordinates(X, [[a], [b]])[0]), (lambda a, b: ndimage.shift(X, [a, b], mode="wrap")[2, 3])
    for each in (f, g):
        whole = hessian(lambda p, each=each: each(p[0], p[1]))(np.array([1.3, 2.4]))
        nested = gradient(lambda a, each=each: gradient(lambda b: each(a, b))(2.4))(1.3)
        np.testing.assert_allclose(nested, whole[0, 1], rtol=1e-12)


def test_lists_may_hold_the_duals():
    def turned(t):
        return ndimage.affine_transform(X, [[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]], [t, 0.2], mode="mirror")
    agrees(turned, 0.3, order=1)
    agrees(lambda t: ndimage.shift([[t, 1.0, t * t]], (0.1, t), mode="wrap"), 0.3, order=1)
    agrees(lambda t: ndimage.convolve(X, [[t, 1.0], [2.0, t * t]]), 0.3, order=1)
    agrees(lambda t: ndimage.gaussian_filter(X, [t, 2 * t]), 0.6, order=1)


def test_what_only_asks_where_an_image_is_not_zero_is_constant():
    def f(x):
        mask = ndimage.binary_dilation(x, iterations=2) * ndimage.label(x)[0]
        return mask * x + ndimage.distance_transform_edt(x)
    x = np.where(X > 0.3, X, 0)
    np.testing.assert_array_equal(jvp(lift(f), [x], [X])[1], ndimage.binary_dilation(x, iterations=2) * ndimage.label(x)[0] * X)
    with pytest.raises(DualdiffError, match="distance_transform_edt: only input can be perturbed"):
        gradient(lambda s: np.sum(ndimage.distance_transform_edt(x > 0, s)))(1.0)


def test_nothing_is_filtered_to_nothing():
    x = np.zeros((0, 3))
    for f in (partial(ndimage.gaussian_filter, sigma=1.0), partial(ndimage.median_filter, size=3),
              partial(ndimage.shift, shift=0.3), lambda x: ndimage.map_coordinates(X + np.sum(x), np.zeros((2, 0)))):
        assert jvp(lift(f), [x], [x])[0].shape == f(x).shape


def test_filters_keep_the_type_that_scipy_gives():
    x = X.astype(np.float32)
    for f in (partial(ndimage.gaussian_filter, sigma=1.0), partial(ndimage.zoom, zoom=2), ndimage.sobel, ndimage.spline_filter,
              partial(ndimage.median_filter, size=3), partial(ndimage.uniform_filter, output=np.float64),
              partial(ndimage.fourier_gaussian, sigma=1.0), partial(ndimage.correlate1d, weights=W, output="float32")):
        for given in (x, X):
            value, derivative = jvp(lift(f), [given], [given])
            assert value.dtype == derivative.dtype == f(given).dtype


def test_complex_images_and_kernels_are_filtered():
    transposes(lambda x, w: ndimage.correlate1d(x * (1 + 2j), w * (2 - 1j)), X, W)
    transposes(lambda x, k: ndimage.convolve(x, k * (2 - 1j)), X, K)
    transposes(lambda x, p: ndimage.map_coordinates(x * (1 + 2j), p), X, POINTS)


def test_the_gradient_of_a_flat_images_edges_is_zero():
    slope = gradient(lambda x: np.sum(ndimage.gaussian_gradient_magnitude(x, 1.0)))(np.ones((4, 5)))
    np.testing.assert_array_equal(slope, 0)


def test_filters_do_not_reach_further_than_their_kernels():
    J = jacobian(lambda x: ndimage.uniform_filter1d(x, 3))(np.arange(9.0))
    assert np.count_nonzero(J) == 25
    J = jacobian(lambda x: ndimage.median_filter(x, 3))(X)
    assert set(np.ravel(J)) == {0.0, 1.0}


def test_an_array_that_the_program_made_takes_plain_results_too():
    def f(x):
        out = np.zeros((4, 5))
        ndimage.gaussian_filter(X, 1.0, output=out)
        return np.sum(out * x)
    np.testing.assert_array_equal(gradient(lift(f))(X), gaussian_filter(X, 1.0))


@pytest.mark.parametrize(("program", "message"), [
    (lambda x: ndimage.correlate1d(X, W, cval=x), "correlate1d: only input and weights can be perturbed"),
    (lambda x: ndimage.zoom(X, x), "zoom: only input can be perturbed"),
    (lambda x: ndimage.map_coordinates(X, POINTS, cval=x), "map_coordinates: only input and coordinates"),
    (lambda x: ndimage.fourier_gaussian(X, x), "fourier_gaussian: only input can be perturbed"),
    (lambda x: ndimage.median_filter(X * x, 3, cval=x), "median_filter: only input can be perturbed"),
    (lambda x: ndimage.grey_dilation(X * x, structure=np.eye(3)), "grey_dilation: structure has no derivative rule"),
    (lambda x: ndimage.generic_filter(X * x, np.max, 3), "generic_filter is compiled and has no derivative rule"),
    (lambda x: ndimage.correlate(X * x, K, axes=(1, 0)), "axes must ascend"),
    (lambda x: ndimage.correlate1d(np.arange(5), W * x), "gives int64 here, which has no derivative: make the input"),
    (lambda x: ndimage.shift(np.arange(5), x), "gives int64 here"),
])
def test_what_has_no_derivative_is_refused_by_name(program, message):
    with pytest.raises(DualdiffError, match=message):
        gradient(lift(lambda x: np.sum(program(x))))(1.5)


@pytest.mark.parametrize("f", [
    lambda x: ndimage.correlate1d(x, W, mode="none"), lambda x: ndimage.correlate1d(x, W, origin=7),
    lambda x: ndimage.correlate1d(x, W, 4), lambda x: ndimage.correlate(x, W), ndimage.median_filter,
    partial(ndimage.uniform_filter, size=3, origin=9), partial(ndimage.shift, shift=1, order=7),
    lambda x: ndimage.map_coordinates(x, POINTS[:1]),
    lambda x: ndimage.affine_transform(x, np.eye(5)), lambda x: ndimage.gaussian_filter(x, (1, 2, 3))])
def test_bad_arguments_raise_what_scipy_raises(f):
    try:
        f(X)
    except Exception as plain:
        with pytest.raises(type(plain)):
            gradient(lift(lambda x: np.sum(f(x))))(X)
    else:
        gradient(lift(lambda x: np.sum(f(x))))(X)


def test_sparse_jacobians_of_long_signals_are_never_dense():
    x = rng.normal(size=20_000)
    for mode in MODES:
        J = jacobian(partial(ndimage.gaussian_filter1d, sigma=2.0, mode=mode), sparse=True)(x)
        assert J.nnz <= 17 * x.size
    J = jacobian(partial(ndimage.map_coordinates, coordinates=[[3.4, 77.1]], prefilter=False), sparse=True)(x)
    assert J.nnz == 8


@pytest.mark.parametrize("mode", MODES)
def test_sparse_jacobians_are_the_dense_ones(mode):
    for f in (partial(ndimage.correlate1d, weights=[1.0, 2.0, 0.5, -1.0], origin=-1), partial(ndimage.uniform_filter, size=3),
              partial(ndimage.correlate, weights=K), partial(ndimage.sobel), partial(ndimage.zoom, zoom=1.4, order=1)):
        g = partial(f, mode=mode)
        dense = np.stack([np.ravel(g(e)) for e in np.eye(20).reshape(20, 4, 5)], axis=1)
        for J in (jacobian(g, sparse=True)(X).toarray(), jacobian(g)(X).reshape(dense.shape)):
            np.testing.assert_allclose(J, dense, atol=1e-13)

"""NIST's certified regressions, from both starting points, with nothing but the defaults."""

import numpy as np
import pytest

from benchmarks._nist import digits, linear, nonlinear
from dualdiff import jacobian
from dualdiff.optimize import curve_fit, least_squares

STARTS = [pytest.param(p, start, id=f"{p.name}-{i}") for p in [*nonlinear(), *linear()] for i, start in enumerate(p.starts, 1)]
# Parameters of 1 whose standard errors are 2e5 and 2e7: rounding of y alone, which is as large, takes digits.
NOISY = {"Wampler4": 7, "Wampler5": 5.5}


@pytest.mark.parametrize(("p", "start"), STARTS)
def test_least_squares_reaches_the_certified_digits(p, start):
    fit = least_squares(p.residual, start)
    assert fit.success, fit.message
    assert digits(fit.x, p.certified) >= NOISY.get(p.name, 9)
    assert digits(fit.stderr, p.stddev) >= 9
    assert digits(2 * fit.cost, p.rss) >= 9


@pytest.mark.parametrize(("p", "start"), STARTS)
def test_curve_fit_reaches_the_certified_digits(p, start):
    b, C = curve_fit(lambda x, *b: p.model(b, x), p.x, p.y, start)
    assert digits(b, p.certified) >= NOISY.get(p.name, 9)
    assert digits(np.sqrt(np.diag(C)), p.stddev) >= 7      # from the Jacobian one very short step before


# Models that send plain Levenberg-Marquardt astray, with data of our own: (model, x, truth, noise, start).
X6 = np.array([1.0, 2, 3, 5, 7, 10])
WIDE = np.linspace(14, 850, 60)
ASTRAY = {
    "a rise that a first step jumps over": (lambda b, x: b[0] * (1 - np.exp(-b[1] * x)), X6, [180, 0.4], 12.0, [1, 1]),
    "a canyon a million wide": (lambda b, x: b[0] * np.exp(b[1] / (x + b[2])), np.arange(50, 126, 5.0),
                                [5e-3, 6000, 340], 2.0, [2, 400000, 25000]),
    "decays that nearly cancel": (lambda b, x: b[0] + b[1] * np.exp(-b[3] * x) + b[2] * np.exp(-b[4] * x),
                                  np.arange(33) * 10.0, [0.4, 2.0, -1.5, 0.013, 0.022], 1e-3, [50, 150, -100, 1, 2]),
    "a cubic over a cubic": (lambda b, x: (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3)
                             / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3), WIDE,
                             [1.1, -0.12, 4e-3, -1.4e-6, -5.7e-3, 2.4e-4, -1.2e-7], 0.05,
                             [10, -1, 0.05, -1e-5, -5e-2, 1e-3, -1e-6]),
    "a power of a logistic": (lambda b, x: b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3]), np.arange(1, 16.0),
                              [700, 5.3, 0.76, 1.3], 20.0, [100, 10, 1, 1]),
}


@pytest.mark.parametrize("name", ASTRAY)
def test_a_far_start_ends_where_a_near_one_does(name):
    model, x, truth, noise, start = ASTRAY[name]
    y = model(np.array(truth, float), x) + noise * np.sin(97 * np.arange(x.size) ** 1.7)
    near, far = (least_squares(lambda b: model(b, x) - y, np.array(b, float)) for b in (truth, start))
    assert far.success
    np.testing.assert_allclose(far.x, near.x, rtol=1e-8)
    np.testing.assert_allclose(far.stderr, near.stderr, rtol=1e-6)


@pytest.mark.parametrize("name", list(ASTRAY)[:2])
@pytest.mark.parametrize("options", ["bounds", "jac"])
def test_bounds_and_a_jacobian_of_the_callers_own_find_the_way_too(name, options):
    model, x, truth, noise, start = ASTRAY[name]
    y = model(np.array(truth, float), x) + noise * np.sin(97 * np.arange(x.size) ** 1.7)

    def off(b):
        return model(b, x) - y

    near = least_squares(off, np.array(truth, float))
    far = least_squares(off, np.array(start, float), **{"bounds": {"bounds": (0, 1e7)}, "jac": {"jac": jacobian(off)}}[options])
    assert far.success
    np.testing.assert_allclose(far.x, near.x, rtol=1e-8)


def test_a_plain_inside_bounds_is_no_minimum():
    # exp(-b x) is all but 0 at the start: b could be anything from there on.
    x = np.array([1.0, 2, 3, 5, 7, 10])
    y = np.array([109.0, 149, 149, 191, 213, 224])
    fit = least_squares(lambda b: b[0] * (1 - np.exp(-b[1] * x)) - y, [1.0, 1.0], bounds=(0, 1000), method="lm")
    assert fit.undetermined == ["x[1]"]


def test_where_residuals_are_rounding_the_ceiling_is_reached_and_said():
    # Data of 14 digits and a perfect model: the residuals have two digits themselves, and so has their sum of squares.
    x = np.arange(24) * 0.05
    truth = np.array([0.0951, 1, 0.8607, 3, 1.5576, 5])

    def model(b):
        return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)

    y = np.round(model(truth), 13)
    fit = least_squares(lambda b: model(b) - y, [1.2, 0.3, 5.6, 5.5, 6.5, 7.6])
    assert fit.success
    np.testing.assert_allclose(fit.x, truth, rtol=1e-8)
    assert fit.cost <= 1.1 * 0.5 * np.sum((model(truth) - y) ** 2)

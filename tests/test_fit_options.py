"""What else SciPy's users pass to a fit, and what else they ask of its result."""

from collections import namedtuple

import numpy as np
import pytest
from scipy import optimize as scipy_optimize

from dualdiff import hessian, lift
from dualdiff.errors import DataError, DegenerateError, EscapeError, ParameterError, ShapeError, StructureError
from dualdiff.optimize import curve_fit, least_squares

T = np.linspace(0, 4, 30)
Y = 2.5 * np.exp(-1.3 * T) + 0.2 + 0.05 * np.sin(37 * np.arange(30.0) ** 1.5)
START = [1.0, 1.0, 0.0]


def decay(t, a, b, c):
    return a * np.exp(-b * t) + c


def residual(p):
    return decay(T, *p) - Y


def slopes(p):
    e = np.exp(-p[1] * T)
    return np.stack([e, -p[0] * T * e, np.ones(30)], axis=1)


BEST = least_squares(residual, START)


# ---- starts and bounds
@pytest.mark.parametrize("bounds", [None, (0, [3, 1.5, 1]), ([1.5, 0, 0], np.inf), (-np.inf, [5, 0.9, 0.5]), ([1.2, 0, -1], 5)])
def test_without_p0_the_start_is_scipys(bounds):
    ours = curve_fit(decay, T, Y, bounds=bounds)[0]
    theirs = scipy_optimize.curve_fit(decay, T, Y, bounds=(-np.inf, np.inf) if bounds is None else bounds)[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_bounds_are_scipys_object_too():
    limits = scipy_optimize.Bounds([0, 0, 0], [2.2, 5, np.inf])
    np.testing.assert_array_equal(least_squares(residual, START, bounds=limits).x,
                                  least_squares(residual, START, bounds=([0, 0, 0], [2.2, 5, np.inf])).x)
    free = least_squares(residual, START, bounds=scipy_optimize.Bounds())
    np.testing.assert_array_equal(free.x, BEST.x)


Pair = namedtuple("Pair", ["scale", "rates"])


def test_bounds_and_scales_name_parameters_in_any_order():
    def off(p):
        return p["a"] * np.exp(-p["b"] * T) - Y
    start = {"a": 1.0, "b": 1.0}
    swapped = least_squares(off, start, bounds=({"b": 0.0, "a": -9.0}, {"b": 1.5, "a": 99.0}), x_scale={"b": 2.0, "a": 3.0})
    same = least_squares(off, start, bounds=({"a": -9.0, "b": 0.0}, {"a": 99.0, "b": 1.5}), x_scale={"a": 3.0, "b": 2.0})
    assert swapped.history == same.history
    with pytest.raises(StructureError, match=r"the lower bounds: its keys are \['b'\]; they must be \['a', 'b'\]"):
        least_squares(off, start, bounds=({"b": 0.0}, 1.0))


def test_bounds_have_the_form_of_the_parameters_or_name_a_few():
    def off(p):
        return p.scale * np.exp(-p.rates[0] * T) + p.rates[1] - Y
    start = Pair(1.0, np.array([1.0, 0.1]))
    limits = (Pair(0.0, np.zeros(2)), Pair(2.2, np.array([5.0, np.inf])))
    fit = least_squares(off, start, bounds=limits)
    assert fit.names == ["scale", "rates[0]", "rates[1]"]
    assert fit.x.scale == 2.2
    np.testing.assert_allclose(fit.flat, least_squares(off, start, bounds={"scale": (0, 2.2), "rates": (0, None)}).flat)
    with pytest.raises(StructureError, match="holds 1 arrays; x0 holds 2"):
        least_squares(off, start, bounds=([0.0], [2.0]))
    with pytest.raises(ShapeError, match=r"an array of shape \(3,\) where x0 has \(2,\)"):
        least_squares(off, start, bounds=(Pair(0.0, np.zeros(3)), Pair(2.2, np.ones(2))))
    with pytest.raises(StructureError, match="must be a pair"):
        least_squares(off, start, bounds={"scale": 2.0})


def test_a_list_of_arrays_is_passed_array_by_array():
    def sums(t, a, b):
        return a @ np.exp(-np.outer(b, t))
    popt, pcov = curve_fit(sums, T, Y, [np.array([2.0, 0.3]), np.array([1.0, 0.0])], fixed=[False, False, False, True])
    np.testing.assert_allclose([popt[0][0], popt[1][0], popt[0][1]], BEST.x, rtol=1e-8)
    assert pcov.shape == (4, 4)
    assert not pcov[3].any()
    with pytest.raises(ShapeError, match="fixed is a mask of 2; p0 has 4 parameters"):
        curve_fit(sums, T, Y, [np.array([2.0, 0.3]), np.array([1.0, 0.0])], fixed=[False, True])
    with pytest.raises(ShapeError, match=r"p0 has shape \(1, 3\)"):
        curve_fit(decay, T, Y, np.ones((1, 3)))


# ---- several data sets
def test_each_data_set_has_its_own_standard_deviations():
    halves = [T[:12], T[12:]], [Y[:12], Y[12:]]
    sigma = np.linspace(1, 2, 30)
    whole = curve_fit(decay, T, Y, START, sigma=sigma)
    popt, pcov = curve_fit(decay, *halves, START, sigma=[sigma[:12], sigma[12:]])
    np.testing.assert_allclose(popt, whole[0], rtol=1e-9)
    np.testing.assert_allclose(pcov, whole[1], rtol=1e-7)
    np.testing.assert_allclose(curve_fit(decay, *halves, START, sigma=np.float64(2.0))[0], BEST.x, rtol=1e-9)
    mixed = curve_fit(decay, *halves, START, sigma=[2.0, sigma[12:]])
    np.testing.assert_allclose(mixed[0], curve_fit(decay, T, Y, START, sigma=np.append(np.full(12, 2.0), sigma[12:]))[0],
                               rtol=1e-9)
    with pytest.raises(ShapeError, match="sigma is a list of 3 for 2 data sets"):
        curve_fit(decay, *halves, START, sigma=[1.0, 1.0, 1.0])
    with pytest.raises(ShapeError, match="covariance matrices are for one data set"):
        curve_fit(decay, *halves, START, sigma=[np.eye(12), 1.0])
    with pytest.raises(ShapeError, match="there are 2 models for one data set"):
        curve_fit([decay, decay], T, Y, START)


def test_missing_points_go_with_their_standard_deviations():
    gaps, sigma = Y.copy(), np.linspace(1, 2, 30)
    gaps[[3, 17]] = np.nan
    keep = np.isfinite(gaps)
    expected = curve_fit(decay, T[keep], Y[keep], START, sigma=sigma[keep])
    np.testing.assert_array_equal(curve_fit(decay, T, gaps, START, sigma=sigma, nan_policy="omit")[0], expected[0])
    np.testing.assert_allclose(curve_fit(decay, T, gaps, START, sigma=np.diag(sigma**2), nan_policy="omit")[0], expected[0],
                               rtol=1e-9)
    with pytest.raises(DataError, match="no point of ydata is left"):
        curve_fit(decay, T, np.full(30, np.nan), START, nan_policy="omit")


def test_a_model_of_one_number_fits_the_mean():
    popt, pcov = curve_fit(lambda x, c: c, T, Y, [0.0])
    np.testing.assert_allclose(popt[0], Y.mean(), rtol=1e-12)
    np.testing.assert_allclose(pcov[0, 0], Y.var(ddof=1) / 30, rtol=1e-10)


def test_a_parameter_that_the_model_leaves_out_is_named():
    with pytest.warns(Warning, match="the data do not determine c"):
        popt, pcov = curve_fit(lambda x, a, b, c: a * np.exp(-b * x), T, Y, START)
    assert popt[2] == 0.0
    assert np.isinf(pcov[2, 2])


# ---- a Jacobian of one's own
@pytest.mark.parametrize("fixed", [(), (2,)])
def test_a_jacobian_by_hand_is_used(fixed):
    asked = []

    def counted(p):
        asked.append(1)
        return slopes(p)
    fit = least_squares(residual, START, jac=counted, fixed=fixed)
    np.testing.assert_allclose(fit.x, least_squares(residual, START, fixed=fixed).x, rtol=1e-9)
    assert len(asked) == fit.njev
    assert not fit.jac[:, list(fixed)].any()
    if fixed:
        assert fit.x[2] == 0.0


def test_residuals_must_stay_as_many():
    def growing(p, calls=[]):  # noqa: B006 - counts its own calls
        calls.append(1)
        return residual(p)[:29 + (len(calls) > 2)]
    with pytest.raises(ShapeError, match="returned 30 residuals, and 29 before"):
        least_squares(growing, START)


# ---- the result
def test_the_gradient_vanishes_at_the_end_and_may_end_the_fit():
    np.testing.assert_allclose(BEST.grad, BEST.jac.T @ BEST.fun, atol=1e-12)
    assert BEST.optimality == np.abs(BEST.grad).max() < 1e-9
    early = least_squares(residual, START, gtol=1e-3)
    assert "orthogonal" in early.message
    assert early.success
    assert early.nfev < BEST.nfev


def test_the_result_reads_as_a_table():
    lines = repr(BEST).splitlines()
    assert lines[0] == f"FitResult: {BEST.message}"
    assert lines[1].startswith(f"  cost = {BEST.cost:.10g}, nfev = {BEST.nfev}")
    assert [line.split(" = ")[0].strip() for line in lines[2:]] == ["x[0]", "x[1]", "x[2]"]
    with pytest.raises(ParameterError, match="level must be a number between 0 and 1; got '95 %'"):
        BEST.confidence_interval("95 %")
    with pytest.raises(ParameterError, match="level must be a number between 0 and 1; got 95"):
        BEST.confidence_interval(95)


@pytest.mark.parametrize(("options", "words"), [({"loss": "huber"}, "plain squares only"), ({"bounds": (0, 5)}, "no bounds")])
def test_minpack_says_what_it_cannot_do(options, words):
    with pytest.raises(ParameterError, match=words):
        least_squares(residual, START, method="minpack", **options)


# ---- models as they are written
def converted(t, a, b, c):
    z = np.asarray([a, b, c])                              # an array of objects, which becomes complex
    return np.real(z[0] * np.exp(-(z * (1 + 0j))[1] * t) + z[2])


def filled(t, a, b, c):
    out = np.zeros(t.size)
    for i in range(t.size):
        out[i] = a * np.exp(-b * t[i]) + c
    return out


def by_eigenvectors(t, a, b, c):
    w, V = np.linalg.eigh(b * np.eye(2) + 0 * a)           # repeated: which vectors span the plane must not matter
    return a * (V @ np.diag(np.exp(-w)) @ V.T)[0, 0] ** t + c


@pytest.mark.parametrize("model", [converted, by_eigenvectors, lift(filled)], ids=["converted", "eigenvectors", "lifted"])
def test_a_model_runs_as_a_transform_runs_it(model):
    np.testing.assert_allclose(curve_fit(model, T, Y, START)[0], BEST.x, rtol=1e-8)


def test_a_model_that_drops_derivatives_says_how_to_keep_them():
    for fit in (lambda: curve_fit(filled, T, Y, START), lambda: least_squares(lambda p: filled(T, *p) - Y, START)):
        with pytest.raises(EscapeError, match=r"np\.zeros\(n, like=x\).*lift"):
            fit()


# ---- x_scale
UNITS, SIZES = np.array([2.0**-12, 2.0**22, 0.5]), np.array([2.0, 0.1, 30.0])


def same_path(a, b, units, rtol=1e-9):
    np.testing.assert_allclose(a.history, b.history, rtol=rtol)
    np.testing.assert_allclose(a.flat, b.flat * units, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(a.covariance, b.covariance * np.outer(units, units), rtol=1e-6)


@pytest.mark.parametrize("start", [[1.0, 1.0, 0.0], [50.0, 10.0, -3.0], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize("options", [
    {}, {"method": "lm", "geodesic": True}, {"bounds": (np.array([0.0, 0.0, -5.0]), np.array([60.0, 11.0, 0.1]))},
    {"fixed": [2]}, {"loss": "cauchy", "f_scale": 0.1},
    {"shards": [slice(0, 13), slice(13, 30)]},
], ids=lambda options: " ".join(options) + str(options.get("method", "")))
def test_scaled_variables_take_the_same_path(options, start):
    def part(p, shard=slice(None)):
        return residual(p)[shard]

    scaled = dict(options)
    if "bounds" in options:
        scaled["bounds"] = tuple(b / UNITS for b in options["bounds"])
    ours = least_squares(part, start, x_scale=SIZES, **options)
    theirs = least_squares(lambda p, *shard: part(p * UNITS, *shard), np.array(start) / UNITS, x_scale=SIZES / UNITS, **scaled)
    same_path(ours, theirs, UNITS)
    assert ours.nfev == theirs.nfev


def test_many_parameters_are_scaled_too():
    a, t = np.linspace(1, 2, 60), np.linspace(0, 1, 200)

    def waves(p):
        return np.tanh(p * a) @ np.cos(np.outer(np.arange(60.0), t)) - np.exp(t)

    units, sizes = 2.0 ** (np.arange(60) % 7 * 3), np.linspace(0.5, 3, 60)
    ours = least_squares(waves, np.full(60, 0.1), x_scale=sizes, method="lm", max_iter=12)
    theirs = least_squares(lambda p: waves(p * units), 0.1 / units, x_scale=sizes / units, method="lm", max_iter=12)
    np.testing.assert_allclose(ours.history, theirs.history, rtol=1e-6)
    assert ours.history[1] != least_squares(waves, np.full(60, 0.1), method="lm", max_iter=1).history[1]


def test_the_scale_of_the_jacobian_is_the_usual_one():
    far = [50.0, 10.0, -3.0]
    usual = least_squares(residual, far)
    for given in ("jac", None):
        assert least_squares(residual, far, x_scale=given).history == usual.history
    own = least_squares(residual, far, x_scale=1.0)
    assert own.history == least_squares(residual, far, x_scale=[1, 1, 1]).history
    np.testing.assert_allclose(own.history, least_squares(residual, far, x_scale=1e200).history)
    assert own.history[1] != usual.history[1]
    np.testing.assert_allclose(own.x, BEST.x, rtol=1e-8)


@pytest.mark.parametrize("method", ["trf", "dogbox", "minpack"])
def test_scipys_methods_get_the_scale(method):
    given = {"method": "lm" if method == "minpack" else method, "xtol": 1e-10, "ftol": 1e-15, "gtol": 1e-15, "jac": slopes}
    for scale in (SIZES, "jac"):
        ours = least_squares(residual, [5.0, 3.0, 1.0], x_scale=scale, method=method, max_nfev=4)
        theirs = scipy_optimize.least_squares(residual, [5.0, 3.0, 1.0], x_scale=scale, max_nfev=4, **given)
        np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-9)


@pytest.mark.parametrize("scale", [[1e-20, 1.0, 1e20], [1e20, 1.0, 1e-20], [1.0, 1.0, 1e-100], 1e-200])
@pytest.mark.parametrize("options", [{}, {"method": "lm"}, {"bounds": (-9, 60)}])
@pytest.mark.parametrize("start", [START, [50.0, 10.0, -3.0]])
def test_a_scale_that_hides_parameters_costs_no_digits(scale, options, start):
    fit = least_squares(residual, start, x_scale=scale, **options)
    assert fit.success
    np.testing.assert_allclose(fit.x, BEST.x, rtol=1e-8)
    np.testing.assert_allclose(fit.covariance, BEST.covariance, rtol=1e-6)
    loose = least_squares(lambda p: residual(p[:3]), [*start, 7.0], x_scale=[*np.broadcast_to(scale, 3), 1.0], **options)
    assert loose.undetermined == ["x[3]"]
    np.testing.assert_allclose(loose.x, [*BEST.x, 7.0], rtol=1e-7)


def test_scales_have_the_form_of_the_parameters():
    def off(p):
        return p["a"] * np.exp(-p["b"][0] * T) + p["b"][1] - Y

    start = {"a": 50.0, "b": np.array([10.0, -3.0])}
    tree = least_squares(off, start, x_scale={"a": 2.0, "b": np.array([0.1, 30.0])})
    np.testing.assert_allclose(tree.history, least_squares(residual, [50.0, 10.0, -3.0], x_scale=SIZES).history)
    popt, _, info, *_ = curve_fit(decay, T, Y, [50.0, 10.0, -3.0], x_scale=SIZES, full_output=True)
    np.testing.assert_allclose(info["result"].history, tree.history)
    np.testing.assert_allclose(curve_fit(decay, T, Y, START, x_scale=list(SIZES))[0], popt, rtol=1e-7)


@pytest.mark.parametrize("bad", ["Jac", -1.0, 0, np.nan, np.inf, [1.0, 2.0], [1.0, -2.0, 1.0], ["a", 1, 2], np.ones((3, 1)), {},
                                 1e-320, [1.0, None, 2.0], 1j])
@pytest.mark.parametrize("method", ["auto", "trf"])
def test_a_scale_that_cannot_be_is_quoted(bad, method):
    for fit in (lambda: least_squares(residual, START, x_scale=bad, method=method),
                lambda: curve_fit(decay, T, Y, START, x_scale=bad, method=method)):
        with pytest.raises(ParameterError, match="x_scale must be 'jac', a positive number, or one per parameter") as caught:
            fit()
        assert str(caught.value).endswith(repr(bad))


@pytest.mark.parametrize("options", [{}, {"geodesic": True}])
def test_a_fit_goes_on_without_acceleration_where_kinks_have_no_second_derivative(options):
    t = np.linspace(0, 1, 20)
    y = 2 * np.abs(t - 0.5) + np.exp(-t)

    def residuals(p):
        return p[0] * np.abs(t - p[1])**2 + np.sqrt(np.maximum(t * p[2], 0)) - y
    start = np.array([1.0, t[3], 1.0])      # on a kink
    with pytest.raises(DegenerateError, match=r"numpy\.absolute"):
        hessian(lambda p: np.sum(residuals(p)))(start)
    fit = least_squares(residuals, start, **options)
    assert fit.success
    assert fit.cost == pytest.approx(least_squares(residuals, start, method="lm").cost, rel=1e-12)

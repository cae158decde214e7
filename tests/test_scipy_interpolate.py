"""scipy.interpolate in programs that are differentiated as they stand."""
# ruff: noqa: PLW0108 - the program is the lambda, in which the object's name is met

import copy

import numpy as np
import pytest
import scipy.interpolate as si
import scipy.linalg
from scipy.interpolate import CubicSpline
from scipy_programs import agrees

import dualdiff.scipy.linalg  # noqa: F401 - that its counterparts are known
from dualdiff import derivative, gradient, hessian, jacobian, jvp, kinks, lift
from dualdiff.errors import DegenerateError, KinkError, RuleError
from dualdiff.scipy.counterparts import FUNCTIONS

x = np.linspace(0, 2, 7) ** 1.3
y = np.sin(3 * x)
Y = np.stack([y, np.cos(x)], 1)
p = np.array([0.3, 0.77, 1.5, 2.6])
near = p[:3]
random = np.random.default_rng(3)
gx, gy = np.linspace(0, 2, 6), np.linspace(0, 1, 5) ** 1.2
Z = np.sin(gx[:, None] * 2) * np.cos(3 * gy)
px, py = np.array([0.3, 1.1, 1.7]), np.array([0.2, 0.5, 0.9])
pxy = np.stack([px, py], 1)
points = random.uniform(size=(8, 2))
heights = np.sin(points @ [2, 3])
both = np.stack([heights, heights ** 2], 1)
inside = np.mean(points[[[0, 1, 2, 3], [3, 4, 5, 6]]], 1)

# ---- made outside of f, from plain data
cs, cs2, stacked = si.CubicSpline(x, y), si.CubicSpline(x, Y), si.CubicSpline(x, np.stack([Y.T] * 3), axis=2)
wave = si.CubicSpline(x, np.r_[y[:-1], y[0]], bc_type="periodic")
akima, pchip, bernstein = si.Akima1DInterpolator(x, y), si.PchipInterpolator(x, Y), si.BPoly.from_power_basis(cs)
bs, bs2, b5 = si.make_interp_spline(x, y), si.make_interp_spline(x, Y.T, k=2, axis=1), si.make_interp_spline(x, Y, k=5)
steps, filled = si.interp1d(x, Y, axis=0, fill_value="extrapolate"), si.interp1d(x, y, fill_value=(0, 1), bounds_error=False)
cubic1d = si.interp1d(x, y, kind="cubic", fill_value=0, bounds_error=False)
smooth, parabolas = si.UnivariateSpline(x, y, s=0.01), si.InterpolatedUnivariateSpline(x, y, k=2)
clamped, zeroed = si.InterpolatedUnivariateSpline(x, y, ext=3), si.UnivariateSpline(x, y, s=0, ext=1)
tck, krogh, bary = si.splrep(x, y), si.KroghInterpolator(x, Y), si.BarycentricInterpolator(x, Y.T, axis=1)
hermite = si.KroghInterpolator([0, 0, 1, 1, 2], [1, 0.5, 2, 1, 0.0])
rect, rect2 = si.RectBivariateSpline(gx, gy, Z), si.RectBivariateSpline(gx, gy, Z, kx=2, ky=1)
table = {m: si.RegularGridInterpolator((gx, gy), Z, method=m) for m in ("linear", "nearest", "slinear", "cubic", "pchip")}
solid = si.RegularGridInterpolator((gx, gy, gx), random.normal(size=(6, 5, 6, 2)), bounds_error=False, fill_value=None)
turned = si.RegularGridInterpolator((gx[::-1], gy), Z, bounds_error=False, fill_value=0.0)
patches = si.NdPPoly(random.normal(size=(3, 2, 5, 4, 2)), (gx, gy))
flat, rescaled = si.LinearNDInterpolator(points, both), si.LinearNDInterpolator(points * [1, 10], heights, rescale=True)
closest, bumps, old_bumps = si.NearestNDInterpolator(points, both), si.RBFInterpolator(points, both), si.Rbf(*points.T, heights)
sphere = si.RectSphereBivariateSpline(np.linspace(0.3, 2.8, 6), np.linspace(0.1, 6, 7), random.normal(size=(6, 7)))

AT_DUAL_POINTS = {
    "CubicSpline": (lambda a: cs(a), p), "its derivative": (lambda a: cs(a, 1) + cs.derivative()(a), p),
    "at a number": (lambda a: cs(a), np.array(0.3)), "of columns": (lambda a: cs2(a), p),
    "along the last axis": (lambda a: stacked(a.reshape(2, 2)), p), "periodic": (lambda a: wave(a), p),
    "Akima": (lambda a: akima(a), near), "Pchip": (lambda a: pchip(a, extrapolate=True), p),
    "BPoly": (lambda a: bernstein(a), p),
    "antiderivative": (lambda a: cs.antiderivative(2)(a), p),
    "integrate": (lambda a: cs.integrate(a[0], a[1]) + cs.integrate(a[1], a[0] ** 2), p),
    "integrate periods": (lambda a: wave.integrate(a[0], a[3] * 3), p),
    "BPoly.integrate": (lambda a: bernstein.integrate(a[0], a[3]), p),
    "solve": (lambda a: cs.solve(a, extrapolate=False), np.array(0.3)),
    "BSpline": (lambda a: bs(a) + b5(a, 1)[:, 0] + b5.derivative()(a)[:, 1], p), "BSpline along an axis": (lambda a: bs2(a), p),
    "BSpline.integrate": (lambda a: bs.integrate(a[0], a[1]) + bs.integrate(a[0], a[3], extrapolate=False), p),
    "basis_element": (lambda a: si.BSpline.basis_element(x[:5])(a), p),
    "interp1d": (lambda a: steps(a), p), "interp1d filled": (lambda a: filled(a), p),
    "interp1d cubic": (lambda a: cubic1d(a), p),
    **{f"UnivariateSpline {name}": (
        lambda a, s=s: s(a) + s(a, 1) + s.derivative()(a) + s.integral(a[0], a[1]) + s.derivatives(a[0])[0], p)
       for name, s in {"smooth": smooth, "k = 2": parabolas, "ext=3": clamped, "ext=1": zeroed}.items()},
    "splev": (lambda a: si.splev(a, tck) + si.splev(a, tck, der=1), p), "splint": (lambda a: si.splint(a[0], a[2], tck), p),
    "splev of lists": (lambda a: si.splev(a, (list(tck[0]), list(tck[1]), 3)), p),
    "splev of a curve": (lambda a: si.splev(a, (tck[0], [tck[1], tck[1] ** 2], 3))[1], p),
    "Krogh": (lambda a: krogh(a) + krogh.derivative(a), np.r_[p, x[2]]),
    "Krogh with slopes": (lambda a: krogh(a) * hermite.derivatives(a)[2], np.array(0.3)),
    "Barycentric": (lambda a: bary(a) + bary.derivative(a, 2), np.r_[p, x[2]]),
    "ev": (lambda a, b: rect.ev(a, b) + rect(a, b, dx=1, grid=False), px, py), "surface": (lambda a, b: rect(a, b), px, py[:2]),
    "surface, k = 2, 1": (lambda a, b: rect2(a, b), px, py[:2]), "surface outside": (lambda a, b: rect.ev(a, b), px + 0.5, py),
    "surface integral": (lambda a: rect.integral(a[0], a[1], 0.1, a[2]), px),
    "partial_derivative": (lambda a, b: rect.partial_derivative(1, 0)(a, b, grid=False), px, py),
    "bisplev": (lambda a, b: si.bisplev(a, b, (*rect.tck, 3, 3)), px, py),
    "sphere": (lambda a, b: sphere.ev(a, b), px + 0.5, py),
    **{f"grid {m}": (lambda a, g=g: g(a), pxy) for m, g in table.items() if m != "pchip"},
    "grid, coordinates": (lambda a, b: table["linear"]((a, b)) + table["cubic"]((a, b), nu=(1, 0)), px, py),
    "grid of vectors": (lambda a: solid(a), random.uniform(0, 2.2, size=(3, 3))),
    "interpn": (lambda a: si.interpn((gx, gy), Z, a), pxy),
    "grid filled, descending": (lambda a: turned(a), np.array([[0.3, 0.4], [3, 0.3]])),
    "one point": (lambda a: turned(a), pxy[0]),
    "NdPPoly": (lambda a: patches(a) + patches(a, nu=(1, 0)), pxy),
    "NdBSpline": (lambda a: si.NdBSpline(rect.tck[:2], rect.tck[2].reshape(6, 5), 3)(a, nu=(1, 0)), pxy),
    "LinearND": (lambda a: flat(a), inside), "LinearND rescaled": (lambda a, b: rescaled(a, b), *(inside * [1, 10]).T),
    "NearestND": (lambda a: closest(a) * a[:, :1], inside), "RBF": (lambda a: bumps(a), inside),
    "RBF at its points": (lambda a: si.RBFInterpolator(points, heights, kernel="cubic")(a), points[:2]),
    "RBF of neighbours": (lambda a: si.RBFInterpolator(points, heights, neighbors=5)(a), inside),
    "Rbf": (lambda a, b: old_bumps(a, b), *inside.T),
}

WITH_DUAL_DATA = {
    "Pchip": (lambda x, y, a: si.PchipInterpolator(x, y)(a), x, y, p),
    "Pchip rows": (lambda y: si.PchipInterpolator(x, y, axis=1)(p), Y.T),
    "pchip_interpolate": (lambda y: si.pchip_interpolate(x, y, p, der=1), y),
    "Akima": (lambda y, a: si.Akima1DInterpolator(x, y, extrapolate=True)(a), y, p),
    "makima": (lambda y, a: si.Akima1DInterpolator(x, y, method="makima", extrapolate=True)(a, 1), y, p),
    "Hermite": (lambda x, y, d, a: si.CubicHermiteSpline(x, y, d)(a), x, y, y ** 2, p),
    "PPoly": (lambda c, x, a: si.PPoly(c, x)(a) + si.PPoly(c, x)(a, 2), cs.c, x, p),
    "PPoly.derivative": (lambda c, x, a: si.PPoly(c, x).derivative(1)(a) + si.PPoly(c, x).antiderivative(2)(a), cs.c, x, p),
    "PPoly.integrate": (lambda c, x: si.PPoly(c, x).integrate(0.3, 1.2), cs.c, x),
    "PPoly.roots": (lambda c: si.PPoly(c, x).solve(0.5, False, False), cs.c),
    "BPoly": (lambda c, x, a: si.BPoly(c, x)(a), bernstein.c, x, p),
    "from_derivatives": (lambda y, a: si.BPoly.from_derivatives(x, y)(a), Y, p),
    "BSpline": (lambda c, a: si.BSpline(bs.t, c, 3)(a) + si.BSpline(bs.t, c, 3)(a, 1), bs.c, p),
    "BSpline knots": (
        lambda t, a: si.BSpline(t, bs.c, 3)(a) + si.BSpline(t, bs.c, 3).derivative()(a), bs.t + 0.01 * np.arange(11), near),
    "BSpline.integrate": (lambda c, a: si.BSpline(bs.t, c, 3).integrate(a[0], a[1]), bs.c, p),
    "BSpline.antiderivative": (lambda c, a: si.BSpline(bs.t, c, 3).antiderivative(2)(a), bs.c, p),
    **{f"make_interp_spline k = {k}": (
        lambda x, y, a, k=k: si.make_interp_spline(x, y, k=k)(a), x, y, p) for k in (1, 2, 3, 5)},
    "make_interp_spline rows": (lambda y, a: si.make_interp_spline(x, y, axis=1)(a), Y.T, p),
    "make_interp_spline natural": (lambda y, a: si.make_interp_spline(x, y, bc_type="natural")(a), y, p),
    "make_interp_spline ends": (
        lambda x, y, v, a: si.make_interp_spline(x, y, bc_type=([(1, v[0])], [(2, v[1])]))(a), x, y, p[:2], p),
    "make_interp_spline periodic": (
        lambda y, a: si.make_interp_spline(x, np.concatenate([y[:-1], y[:1]]), bc_type="periodic")(a), y, p),
    "make_lsq_spline": (lambda y, w, a: si.make_lsq_spline(x, y, np.r_[[0] * 4, 0.9, [x[-1]] * 4], w=w)(a), y, 1 + y ** 2, p),
    "make_lsq_spline columns": (lambda y, a: si.make_lsq_spline(x, y, np.r_[[0] * 4, 0.9, [x[-1]] * 4])(a), Y, p),
    **{f"interp1d {kind}": (lambda y, a, kind=kind: si.interp1d(x, y, kind=kind)(a), y, near)
       for kind in ("linear", "nearest", "previous", "next", "zero", "slinear", "quadratic", "cubic")},
    "interp1d rows": (lambda y, a: si.interp1d(x, y, fill_value="extrapolate", axis=1)(a), Y.T, p),
    "interp1d knots": (lambda x, y, a: si.interp1d(x, y)(a), x, y, near),
    "splev": (lambda c, a: si.splev(a, (tck[0], c, 3)) + si.splev(a, (tck[0], c, 3), 1, 1), tck[1], p),
    "splint": (lambda c, a: si.splint(a[0], a[2], (tck[0], c, 3)), tck[1], p),
    "splder, splantider": (
        lambda c, a: si.splev(a, si.splder((tck[0], c, 3))) + si.splev(a, si.splantider((tck[0], c, 3))), tck[1], p),
    "sproot of a BSpline": (lambda c: si.sproot(si.BSpline(bs.t, c + 0.3, 3)), bs.c),
    **{f"at a plain number, {kind.__name__}": (lambda y, kind=kind: kind(x, y)(1) + kind(x, y)([0.3, 1])[0], y) for kind in (
        si.PchipInterpolator, si.InterpolatedUnivariateSpline, si.KroghInterpolator, si.make_interp_spline, si.interp1d)},
    "sproot": (lambda c: si.sproot((tck[0], c + 0.3, 3)), tck[1]),
    **{f"splrep k = {k}": (lambda x, y, a, k=k: si.splev(a, si.splrep(x, y, k=k, s=0)), x, y, p) for k in (1, 2, 3, 5)},
    "splrep with knots": (lambda y, w, a: si.splev(a, si.splrep(x, y, w=w, t=[0.9])), y, 1 + y ** 2, p),
    "InterpolatedUnivariateSpline": (lambda x, y, a: si.InterpolatedUnivariateSpline(x, y)(a), x, y, p),
    "UnivariateSpline": (lambda y, a: si.UnivariateSpline(x, y, s=0, k=4, ext="const")(a), y, p),
    "LSQUnivariateSpline": (lambda y, a: si.LSQUnivariateSpline(x, y, [0.9])(a), y, p),
    "get_residual": (lambda y, w: si.LSQUnivariateSpline(x, y, [0.9], w=w).get_residual(), y, 1 + y ** 2),
    "roots": (lambda y: si.UnivariateSpline(x, y + 0.3, s=0).roots(), y),
    "its methods": (lambda y: sum(f(si.UnivariateSpline(x, y, s=0)) for f in (
        lambda s: s.integral(0.1, 0.9), lambda s: s.derivative()(0.3), lambda s: s.antiderivative()(0.3),
        lambda s: s.get_coeffs()[1])), y),
    "Krogh": (lambda x, y, a: si.KroghInterpolator(x, y)(a), x, y, p),
    "Krogh columns": (lambda y, a: si.KroghInterpolator(x, y)(a), Y, p),
    "krogh_interpolate": (lambda y, a: si.krogh_interpolate(x, y, a, der=1), y, p),
    "Barycentric": (lambda y, a: si.BarycentricInterpolator(x, y, axis=1, rng=3)(a), Y.T, np.r_[p, x[2]]),
    "Barycentric nodes": (lambda x, a: si.BarycentricInterpolator(x, y, random_state=1)(a), x, p[:2]),
    "barycentric_interpolate": (lambda y, a: si.barycentric_interpolate(x, y, a, rng=2), y, p),
    "surface": (lambda z, a, b: si.RectBivariateSpline(gx, gy, z)(a, b, grid=False), Z, px, py),
    "surface, k = 2, 1": (
        lambda z: si.RectBivariateSpline(gx, gy, z, kx=2, ky=1)(px, py)
        * si.RectBivariateSpline(gx, gy, z).integral(0, 1, 0, 1), Z),
    "bisplev": (lambda c: si.bisplev(px, py, (*rect.tck[:2], c, 3, 3), dx=1), rect.tck[2]),
    **{f"grid {m}": (
        lambda z, m=m: si.RegularGridInterpolator((gx, gy), z, method=m)((px, py)), Z) for m in ("linear", "nearest")},
    "grid cubic": (
        lambda z: si.RegularGridInterpolator((gx, gy), z, method="cubic", solver_args={"rtol": 1e-14, "atol": 0})((px, py)), Z),
    "grid points": (lambda x, z, a: si.RegularGridInterpolator((x, gy), z)(a), gx, Z, pxy),
    "interpn splinef2d": (lambda a, z: si.interpn((gx, gy), z, a, method="splinef2d"), pxy, Z),
    "NdBSpline": (lambda c, a: si.NdBSpline(rect.tck[:2], c, 3)(a), random.normal(size=(6, 5, 2)), pxy),
    "LinearND": (lambda v: si.LinearNDInterpolator(points, v)(inside), both),
    "LinearND points": (lambda q, a: si.LinearNDInterpolator(q, heights)(a), points, inside[:1]),
    "NearestND": (lambda v: si.NearestNDInterpolator(points, v)(inside), both),
    "griddata": (lambda a: si.griddata(points, heights, a), inside),
    "griddata on a line": (lambda v, a: si.griddata(x, v, a), y, near),
    "griddata nearest": (lambda v: si.griddata(points, v, inside, method="nearest"), heights),
    **{f"RBF {k}": (lambda d, a, k=k: si.RBFInterpolator(points, d, kernel=k, epsilon=2.0)(a), heights, inside)
       for k in ("linear", "thin_plate_spline", "cubic", "quintic", "inverse_quadratic", "inverse_multiquadric")},
    "RBF points": (lambda q, s: si.RBFInterpolator(q, heights, smoothing=s)(inside), points, 0.1 + heights ** 2),
}

SOLVED = {  # by scipy.linalg, inside SciPy's own code
    **{f"CubicSpline {bc}": (lambda x, y, a, bc=bc: si.CubicSpline(x, y, bc_type=bc)(a), x, y, p)
       for bc in ("not-a-knot", "natural", "clamped")},
    "CubicSpline ends": (lambda y, b, a: si.CubicSpline(x, y, bc_type=((1, b[0]), (2, b[1])))(a), y, p[:2], p),
    "CubicSpline periodic": (lambda y, a: si.CubicSpline(x, np.concatenate([y[:-1], y[:1]]), bc_type="periodic")(a), y, p),
    "CubicSpline columns": (lambda y, a: si.CubicSpline(x, y)(a, 1), Y, p),
    **{f"CubicSpline of {n}": (lambda y, n=n: si.CubicSpline(x[:n], y)(p), y[:n]) for n in (2, 3)},
    "make_smoothing_spline": (lambda y, a: si.make_smoothing_spline(x, y, lam=0.1)(a), y, p),
    "Rbf": (lambda d: si.Rbf(*points.T, d, function="cubic")(*inside.T), heights),
}


@pytest.mark.parametrize("name", AT_DUAL_POINTS)
def test_interpolators_of_plain_data_at_dual_points(name):
    agrees(*AT_DUAL_POINTS[name])


def order_of(f, *args):
    return 1 if sum(map(np.size, args)) > 7 else 2


@pytest.mark.parametrize("name", WITH_DUAL_DATA)
def test_interpolators_of_dual_data(name):
    agrees(*WITH_DUAL_DATA[name], order=order_of(*WITH_DUAL_DATA[name]))


@pytest.mark.skipif(id(scipy.linalg.solve_banded) not in FUNCTIONS, reason="scipy.linalg has no counterparts of solvers yet")
@pytest.mark.parametrize("name", SOLVED)
def test_interpolators_whose_coefficients_scipy_solves_for(name):
    agrees(*SOLVED[name], order=order_of(*SOLVED[name]))


# ---- orders, kinks, structure ----------------------------------------------------------------------------------------
def test_orders_are_those_of_the_spline_itself():
    for order in (1, 2, 3):
        np.testing.assert_array_equal(derivative(lambda a: cs(a), order)(p), cs(p, order))
    np.testing.assert_array_equal(derivative(lambda a: cs(a), 4)(p), 0)
    np.testing.assert_allclose(derivative(lambda a: si.splev(a, tck), 3)(p), si.splev(p, tck, 3))
    np.testing.assert_array_equal(derivative(lambda a: zeroed(a))(np.array([-1.0, 9.0])), 0)


def test_a_smooth_spline_has_its_derivatives_at_the_knots_too():
    np.testing.assert_allclose(derivative(lambda a: cs(a), 2)(x), cs(x, 2), rtol=1e-9)
    np.testing.assert_allclose(derivative(lambda a: bs(a), 2)(x[1:-1]), bs(x[1:-1], 2), rtol=1e-9)


@pytest.mark.parametrize(("heights", "slope"), [([0, 1, 3], 1), ([3, 1, 0], -1), ([0, 1, 0], 0), ([0, 1, 2], 1)])
def test_at_a_kink_the_slope_is_that_of_least_norm(heights, slope):
    grid, heights = np.arange(3.0), np.array(heights, float)
    for f in (si.interp1d(grid, heights), si.interp1d(grid, heights, fill_value="extrapolate"),
              si.make_interp_spline(grid, heights, 1), si.RegularGridInterpolator((grid,), heights),
              si.PPoly([np.diff(heights), heights[:-1]], grid)):
        assert np.ravel(jacobian(lambda a, f=f: f(a))(np.ones(1))) == slope


def test_at_the_ends_of_what_is_not_defined_outside_slopes_are_one_sided():
    line = si.interp1d(np.arange(3.0), [0.0, 1.0, 3.0])
    np.testing.assert_array_equal(jacobian(lambda a: line(a))(np.array([0.0, 2.0])), [[1, 0], [0, 2]])
    np.testing.assert_array_equal(derivative(lambda a: akima(a))(x[[0, -1]]), akima(x[[0, -1]], 1))


def test_a_class_that_is_not_named_here_has_what_its_parents_have():
    rough = si.SmoothBivariateSpline(*points.T, heights, kx=1, ky=1)
    slopes = [(rough.ev(*(inside[0] + step)) - rough.ev(*(inside[0] - step))) / 2e-5 for step in 1e-5 * np.eye(2)]
    np.testing.assert_allclose(gradient(lambda a: rough.ev(*a))(inside[0]), slopes, rtol=1e-6)


def doubled(kind):
    class Doubled(kind):
        def __call__(self, x):
            return GAIN * super().__call__(x)

        def slope(self, x):
            return kind.__call__(self, x, 1) + super(Doubled, self).__call__(x, 1)  # noqa: UP008 - both ways

    class Again(Doubled):
        def __call__(self, x):
            out = np.zeros(np.shape(x))
            out[...] = super().__call__(x)
            return 1.5 * out
    return Again


GAIN = 2.0
knots, rows = np.arange(6.0), np.arange(15.0).reshape(3, 5) ** 1.5
DOUBLED = {
    **{kind: (doubled(getattr(si, kind)), knots, knots**3) for kind in (
        "CubicSpline", "PchipInterpolator", "Akima1DInterpolator", "KroghInterpolator", "interp1d")},
    "PPoly": (doubled(si.PPoly), rows, knots), "BPoly": (doubled(si.BPoly), rows, knots),
    "BSpline": (doubled(si.BSpline), np.arange(10.0), knots**2, 3)}


@pytest.mark.parametrize("kind", DOUBLED)
def test_super_in_a_class_of_the_users_is_scipys_interpolator_and_not_the_override_again(kind):
    made, a, b, *rest = DOUBLED[kind]
    outside = made(a, b, *rest)

    def of(c):
        return made(*((a * c, b) if kind in ("PPoly", "BPoly") else (a, b * c)), *rest)
    agrees(lift(lambda x: outside(x)), np.array([3.3, 4.6, 4.1]), order=1)
    agrees(lift(lambda x: made(a, b, *rest)(x)), np.array([3.3, 4.6]), order=1)
    agrees(lift(lambda x, c: of(c)(x)), 4.6, 1.3, order=1)
    if kind not in ("KroghInterpolator", "interp1d"):
        agrees(lift(lambda x: outside.slope(x)), 3.3, order=1)
        agrees(lift(lambda x: outside.integrate(3.0, x)), 4.6, order=1)
        agrees(lift(lambda c: of(c).integrate(3.0, 4.6)), 1.3, order=1)
    if kind in ("CubicSpline", "PPoly"):
        agrees(lift(lambda c: outside.solve(c)[0]), 20.0, order=1)


def test_methods_of_such_a_class_see_globals_that_change_between_calls(monkeypatch):
    spline = DOUBLED["CubicSpline"][0](knots, knots**2)
    assert derivative(lift(lambda x: spline(x)))(1.5) == pytest.approx(9)
    monkeypatch.setitem(globals(), "GAIN", 3.0)
    assert derivative(lift(lambda x: spline(x)))(1.5) == pytest.approx(13.5)


def test_kinks_are_told_where_that_is_asked():
    tent, flat = si.interp1d(np.arange(3.0), [0.0, 1.0, 0.0]), si.PPoly([[1, 1], [0, 1]], [0, 1, 2])
    with kinks("raise"):
        assert jacobian(lambda a: tent(a))(np.array([0.5])) == 1
        assert jacobian(lambda a: flat(a))(np.array([1.0])) == 1
        with pytest.raises(KinkError):
            jacobian(lambda a: tent(a))(np.array([1.0]))
        with pytest.raises(KinkError):
            jacobian(lambda a: table["linear"](a))(np.array([[gx[2], 0.3]]))


def test_points_give_a_diagonal_and_coefficients_a_band():
    at = random.uniform(0, 2, 200)
    for f in (lambda a: cs(a), lambda a: bs(a), lambda a: si.splev(a, tck), lambda a: steps(a)[:, 0], lambda a: wave(a, 1)):
        assert jacobian(f, sparse=True)(at).nnz <= 200
    assert jacobian(lambda c: si.BSpline(bs.t, c, 3)(at), sparse=True)(bs.c).nnz == 4 * 200


def test_a_spline_of_many_points_is_solved_for_without_a_full_matrix():
    n = 20_000                                  # a full one has 3.2 GB
    grid = np.linspace(0, 1, n)
    g = gradient(lambda y: np.sum(si.make_interp_spline(grid, y)(grid[:5] + 0.5 / n)))(np.sin(grid))
    assert abs(g.sum() - 5) < 1e-9
    assert np.count_nonzero(abs(g) > 1e-12) < 100


# ---- types, and how users write --------------------------------------------------------------------------------------
def test_values_types_and_shapes_are_scipys():
    for f, a in ((cs, p.astype(np.float32)), (cs, 1), (cs2, np.zeros((2, 0))), (stacked, p), (bs, near[1:]), (bary, p),
                 (smooth, p), (steps, p), (rect.ev, (px, py)), (si.CubicSpline(x, Y * (1 + 2j)), p), (table["cubic"], pxy)):
        args = a if isinstance(a, tuple) else (a,)
        args = [np.asarray(v) * np.float32(1) for v in args]
        value, along = jvp(lambda *args, f=f: f(*args), tuple(args), tuple(map(np.ones_like, args)))
        assert (along.shape, along.dtype) == (f(*args).shape, f(*args).dtype)
        np.testing.assert_allclose(value, f(*args), rtol=1e-12)


def test_complex_data_have_complex_derivatives():
    z = np.exp(2j * x)
    J = jacobian(lambda z: si.make_interp_spline(x, z)(p))(z)
    np.testing.assert_allclose(J, jacobian(lambda y: si.make_interp_spline(x, y)(p))(y), atol=1e-12)
    d = jvp(lambda a: si.PPoly(cs.c * (1 + 1j), x)(a), (p,), (np.ones(4),))[1]
    np.testing.assert_allclose(d, cs(p, 1) * (1 + 1j))
    radial = jacobian(lambda d: si.RBFInterpolator(points, d)(inside))
    np.testing.assert_allclose(radial(heights * 1j), radial(heights), atol=1e-12)


class Track:
    def __init__(self):
        self.spline, self.parts = CubicSpline(x, y), {"list": [bs], "tuple": (akima,)}

    def speed(self, t):
        return helper(self.spline, t) + self.parts["list"][0](t) + self.parts["tuple"][0](t)


def helper(spline, t):
    assert isinstance(spline, CubicSpline)
    assert isinstance(spline, si.PPoly)
    return spline.derivative()(x=t) + spline.c[0, 0] + spline.x[1]


def test_splines_are_found_in_objects_and_containers_which_stay_what_they_are():
    track = Track()
    assert gradient(track.speed)(0.3) == cs(0.3, 2) + bs(0.3, 1) + akima(0.3, 1)
    assert type(track.spline) is CubicSpline
    assert track.parts["list"][0] is bs
    assert track.parts["tuple"][0] is akima


def test_a_spline_made_inside_from_constants_is_scipys():
    def f(a):
        grid = np.linspace(0, 1, 5)
        s = CubicSpline(grid, np.sin(grid))
        return s(a) * s.integrate(0, 1)
    s = CubicSpline(np.linspace(0, 1, 5), np.sin(np.linspace(0, 1, 5)))
    assert gradient(f)(0.3) == s(0.3, 1) * s.integrate(0, 1)


@pytest.mark.parametrize("make", [
    lambda: si.interp1d(x, y, kind="cubic"), lambda: si.interp1d(x, y), lambda: si.make_interp_spline(x, y),
    lambda: bs.derivative(),
    lambda: si.UnivariateSpline(x, y, s=0.1), lambda: si.KroghInterpolator(x, y), lambda: cs.antiderivative(),
    lambda: si.RegularGridInterpolator((x,), y, method="cubic"), lambda: si.RBFInterpolator(x[:, None], y)])
def test_an_interpolator_is_the_same_made_outside_and_inside(make):
    made, at = make(), near if type(make()) is not si.RBFInterpolator else near[:, None]
    np.testing.assert_array_equal(jacobian(lambda a: made(a))(at), jacobian(lambda a: make()(a))(at))


def test_data_and_points_at_once_to_second_order():
    H = hessian(lambda v: si.PchipInterpolator(x, v[:-1])(v[-1]))(np.append(y, 0.77))
    step = 1e-5
    slopes = [jacobian(lambda v, at=at: si.PchipInterpolator(x, v)(at))(y) for at in (0.77 + step, 0.77 - step)]
    np.testing.assert_allclose(H[-1, :-1], (slopes[0] - slopes[1]) / (2 * step), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(H[-1, -1], si.PchipInterpolator(x, y)(0.77, 2))


def test_points_of_scattered_interpolation_are_given_by_coordinates():
    px, py = inside.T
    at = jacobian(lambda px: si.griddata(points, heights, (px, py[0])))(px)
    np.testing.assert_array_equal(at, jacobian(lambda px: si.LinearNDInterpolator(points, heights)((px, py[0])))(px))
    np.testing.assert_array_equal(at, jacobian(lambda px: si.LinearNDInterpolator(points, heights)(px, py[0]))(px))


def test_splines_on_grids_have_scipys_values_though_it_finds_them_by_steps():
    F = np.sin(3 * np.linspace(0, 1, 9))[:, None] * np.cos(2 * np.linspace(0, 2, 8))
    for method in ("cubic", "quintic"):
        def f(F):
            return si.interpn((np.linspace(0, 1, 9), np.linspace(0, 2, 8)), F, [[0.3, 0.7], [0.8, 1.1]], method)  # noqa: B023
        np.testing.assert_allclose(jvp(f, (F,), (F,))[0], f(F), rtol=1e-14)


@pytest.mark.parametrize("f", [
    lambda x, y, at: si.interp1d(x, y)(at), lambda x, y, at: si.griddata(x, y, at),
    lambda x, y, at: si.make_interp_spline(x, y)(at), lambda x, y, at: si.RBFInterpolator(x[:, None], y)(at[:, None]),
    lambda x, y, at: si.LinearNDInterpolator(np.stack([x, np.sin(9 * x)], 1), y)(at, 0 * at)])
def test_single_precision_becomes_double_where_it_does_in_scipy(f):
    given = [a.astype(np.float32) for a in (x, y, p[:2])]
    for i, a in enumerate(given):
        def g(a):
            return f(*given[:i], a, *given[i + 1:])  # noqa: B023
        value, slope = jvp(g, (a,), (a,))
        assert value.dtype == slope.dtype == g(a).dtype
        np.testing.assert_allclose(value, g(a), rtol=1e-10 if value.dtype == float else 1e-6)


def test_smoothing_splines_of_plain_data_are_scipys():
    curve, spline = si.make_splprep([x, np.sin(x)], s=0.01)[0], si.make_splrep(x, np.sin(x), s=0.01)
    np.testing.assert_array_equal(derivative(lambda q: si.make_splprep([x, np.sin(x)], s=0.01)[0](q))(0.3), curve(0.3, 1))
    assert derivative(lambda q: si.make_splrep(np.copy(x), np.sin(x), s=0.01)(q))(1.2) == spline(1.2, 1)


# ---- refused, by name ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("f", "at", "says"), [
    (lambda y: si.UnivariateSpline(x, y)(p), y, "UnivariateSpline.*smoothing.*s=0"),
    (lambda y: si.UnivariateSpline(x, y, s=0).set_smoothing_factor(0.1), y, "set_smoothing_factor.*smoothing.*s=0"),
    (lambda y: si.splev(p, si.splrep(x, y, s=0.1)), y, "splrep.*smoothing.*make_smoothing_spline"),
    (lambda y: si.make_splprep([x, y], s=0.1)[0](p), y, "make_splprep.*smoothing"),
    (lambda z: si.RectBivariateSpline(gx, gy, z, s=0.1)(px, py), Z, "RectBivariateSpline.*s=0"),
    (lambda a: si.make_lsq_spline(a, y, np.r_[[0] * 4, 0.9, [x[-1]] * 4])(p), x, "make_lsq_spline.*in y and w"),
    (lambda v: si.CloughTocher2DInterpolator(points, v)(inside), heights, "CloughTocher.*LinearND"),
    (lambda a: si.griddata(points, heights, a, method="cubic"), inside, "CloughTocher.*RBFInterpolator"),
    (lambda a: si.BarycentricInterpolator(a, y)(x[1:3]), x, "BarycentricInterpolator.*KroghInterpolator"),
    (lambda c: si.NdPPoly(c, (gx, gy))(pxy), patches.c, "NdPPoly"),
    (lambda c: si.PPoly(c, x).roots(), np.stack([cs.c] * 2, -1), "one polynomial at a time"),
])
def test_what_has_no_derivative_is_refused(f, at, says):
    with pytest.raises(RuleError, match=says):
        jacobian(f)(at)


@pytest.mark.parametrize("make", [lambda y: CubicSpline(x, y), lambda y: si.make_interp_spline(x, y),
                                  lambda y: si.BPoly.from_derivatives(x, y[:, None])])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_of_splines_are_splines(make, copied):
    outside = make(y)
    for f in (lambda a: copied(make(y * a))(1.3), lambda a: copied(make(y))(a), lambda a: copied(outside)(a)):
        slope = derivative(lambda a: f(a) * 1.0)(1.1)  # noqa: B023
        np.testing.assert_allclose(slope, (f(1.1 + 1e-5) - f(1.1 - 1e-5)) / 2e-5, rtol=1e-8)


def test_a_double_root_is_refused():
    with pytest.raises(DegenerateError, match="root is double"):
        jacobian(lambda c: si.PPoly(c, [0.0, 2.0]).roots())(np.array([[1.0], [-2.0], [1.0]]))

"""scipy.interpolate in several dimensions: tensor products of B-splines, grids, scattered points, radial basis functions; and
polynomials through all points.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import scipy.interpolate as plain
from scipy.interpolate import _interpnd, _ndbspline, _rgi_cython
from scipy.special import xlogy

from ..forms import stripped
from .classes import anew, array_of, in_double, perturbed, seen_class, state
from .counterparts import counterpart, with_tangent
from .interpolate import along, make_interp_spline, pointwise, refuse, tensor

NDSpline = plain.NdBSpline


# ---- polynomials through all points
def polynomial(kind: Any, **ours: Any) -> None:
    """Their values are linear in the data: those of each point's polynomial, which is one at it and zero at the others."""
    def call(self: Any, x: Any, der: int = 0) -> Any:
        x = array_of(x)
        if perturbed(self.xi):
            if kind is plain.BarycentricInterpolator and np.isin(stripped(x), stripped(self.xi)).any():
                refuse(kind.__name__, "no derivative in xi where x is one of them; KroghInterpolator has it")
            return anew(kind.derivative)(self, x, der) if der else anew(kind.__call__)(self, x)
        if not perturbed(self):
            return along(lambda x, n: kind.derivative(self, x, n) if n else kind.__call__(self, x), x, der,
                         len(self._y_extra_shape) - self._y_axis)
        weights = {"wi": self.wi} if hasattr(self, "wi") else {}
        values = np.moveaxis(call(kind(self.xi, np.eye(len(self.xi)), **weights), x, der), -1, 0)
        value = np.tensordot(values, np.reshape(self.yi, (len(self.xi), *self._y_extra_shape)), (0, 0))
        return np.moveaxis(value, range(x.ndim), range(self._y_axis, self._y_axis + x.ndim))

    seen_class(kind, __call__=call, derivative=lambda self, x, der=1: call(self, x, der), derivatives=lambda self, x, der=None:
               np.stack([call(self, x, n) for n in range(len(self.xi) if der is None else der)]), **ours)


def krogh_init(self: Any, xi: Any, yi: Any, axis: int = 0) -> None:
    if not perturbed(xi):
        return anew(plain.KroghInterpolator.__init__)(self, xi, yi, axis)  # type: ignore[no-any-return]
    if len(np.unique(stripped(xi))) < len(xi):
        refuse("KroghInterpolator", "no derivative in xi where one is repeated, for its slope")
    for name, part in state(plain.KroghInterpolator(stripped(xi), stripped(yi), axis)):
        object.__setattr__(self, name, part)
    self.xi, self.yi = array_of(xi), np.reshape(np.moveaxis(array_of(yi), axis, 0), (self.n, self.r))
    differences, c = self.yi, [self.yi[:1]]
    for k in range(1, self.n):
        differences = np.diff(differences, axis=0) / (self.xi[k:] - self.xi[:-k])[:, None]
        c.append(differences[:1])
    self.c = np.concatenate([*c, np.zeros((1, self.r))])
    return None


polynomial(plain.BarycentricInterpolator)
polynomial(plain.KroghInterpolator, __init__=krogh_init)


# ---- tensor products
def columns(x: Any) -> list[Any]:
    return [x[..., j] for j in range(x.shape[-1])]


def product_spline(xs: Sequence[Any], t: Any, c: Any, k: Any, nu: Any, extrapolate: bool = True) -> Any:
    """A tensor-product spline where xs, which broadcast, say."""
    if perturbed([*t, c]):
        return tensor(xs, t, c, k, nu, None if extrapolate else np.nan)
    shape, rest = np.broadcast_shapes(*map(np.shape, xs)), c.ndim - len(t)
    plainly = NDSpline(tuple(t), c, tuple(k), extrapolate=extrapolate)

    def value(xs: Any, nu: Any) -> Any:
        at = np.stack(np.broadcast_arrays(*(x[(..., *(0,) * rest)] for x in xs)), -1)
        if any(n > degree for n, degree in zip(nu, k, strict=True)):
            return np.zeros(shape + c.shape[len(t):])
        return plainly(at, nu=nu)
    tall = [np.reshape(x, (*np.shape(x), *(1,) * rest)) for x in xs]
    return pointwise(value, list(nu), [T[degree + 1:len(T) - degree - 1] for T, degree in zip(t, k, strict=True)])(*tall)


def nd_spline(self: Any, xi: Any, *, nu: Any = None, extrapolate: Any = None) -> Any:
    xi = array_of(xi)
    return product_spline(columns(xi), self.t, self.c, self.k, [0] * len(self.t) if nu is None else [*nu],
                          self.extrapolate if extrapolate is None else bool(extrapolate))


def nd_polynomial(self: Any, x: Any, nu: Any = None, extrapolate: Any = None) -> Any:
    x = coordinates(x)
    if perturbed(self):
        refuse("NdPPoly", "no derivative in its coefficients or breakpoints")
    rest = self.c.ndim - 2 * len(self.x)
    tall = [np.reshape(part, (*part.shape, *(1,) * rest)) for part in columns(x)]
    return pointwise(lambda xs, nu: plain.NdPPoly.__call__(self, np.stack([part[(..., *(0,) * rest)] for part in xs], -1), nu,
                                                           extrapolate),
                     [0] * len(self.x) if nu is None else [*nu], [part[1:-1] for part in self.x])(*tall)


NdBSpline = seen_class(NDSpline, __call__=nd_spline)
seen_class(plain.NdPPoly, __call__=nd_polynomial)


@counterpart(_ndbspline.make_ndbspl)
def make_ndbspl(points: Any, values: Any, k: Any = 3, **options: Any) -> Any:
    """SciPy's coefficients, which it finds by steps, with the derivatives of those found along one axis after the other."""
    if perturbed(points):
        refuse("RegularGridInterpolator", "no derivative in the points of a grid with splines; method='linear' has it")
    made, c = object.__new__(NdBSpline), values
    for name, part in state(_ndbspline.make_ndbspl(points, stripped(values), k, **options)):
        object.__setattr__(made, name, part)
    for axis, (x, degree) in enumerate(zip(points, made.k, strict=True)):
        c = np.moveaxis(make_interp_spline(x, c, degree, axis=axis).c, 0, axis)
    setattr(made, "_c" if hasattr(made, "_c") else "c", with_tangent(made.c, c))  # the latter before SciPy 1.17
    return made


# ---- grids
@counterpart(_interpnd._ndim_coords_from_arrays)
def coordinates(points: Any, ndim: Any = None) -> Any:
    points = points[0] if isinstance(points, tuple) and len(points) == 1 else points
    if isinstance(points, tuple):
        return np.stack(np.broadcast_arrays(*map(array_of, points)), -1)
    points = array_of(points)
    return np.reshape(points, (-1, ndim or 1)) if points.ndim == 1 else points


def multilinear(grid: Any, values: Any, xs: Any, nu: Any) -> Any:
    spread, places, weights = (..., *(None,) * (values.ndim - len(grid))), [], []
    for x, g, order in zip(xs, grid, nu, strict=True):
        i = np.clip(np.searchsorted(stripped(g), stripped(x), "right") - 1, 0, len(g) - 2)
        h = g[i + 1] - g[i]
        s = (x - g[i]) / h
        places.append((i, i + 1))
        weights.append((1 - s, s) if not order else (-1 / h, 1 / h) if order == 1 else (0 * h, 0 * h))
    total: Any = 0.0
    for corner in product((0, 1), repeat=len(grid)):
        w: Any = 1.0
        for side, part in zip(corner, weights, strict=True):
            w = w * part[side]
        total = total + w[spread] * values[tuple(i[side] for side, i in zip(corner, places, strict=True))]
    return total


def linear_grid(grid: Any, values: Any, xs: Any) -> Any:
    if perturbed([*grid, values]):
        return multilinear(grid, values, xs, [0] * len(grid))
    rest = values.ndim - len(grid)
    tall = [np.reshape(x, (*x.shape, *(1,) * rest)) for x in xs]
    return pointwise(lambda xs, nu: multilinear(grid, values, [x[(..., *(0,) * rest)] for x in xs], nu),
                     [0] * len(grid), [g[1:-1] for g in grid])(*tall)


@counterpart(_rgi_cython.find_indices)
def find_indices(grid: Any, xi: Any) -> Any:
    return _rgi_cython.find_indices(stripped(grid), stripped(xi))  # for the nearest, which is constant between the jumps


def grid_value(self: Any, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
    if (method or self.method) != "linear" or nu is not None:
        return anew(plain.RegularGridInterpolator.__call__)(self, xi, method, nu=nu)
    xi, shape, _, nans, outside = self._prepare_xi(xi)
    value = linear_grid(self.grid, self.values, columns(xi))
    spread = (..., *(None,) * (value.ndim - 1))
    if not self.bounds_error and self.fill_value is not None:
        value = np.where(outside[spread], self.fill_value, value)
    return np.reshape(np.where(nans[spread], np.nan, value), shape[:-1] + value.shape[1:])


seen_class(plain.RegularGridInterpolator, __call__=grid_value)


# ---- scattered points
def triangular_init(self: Any, points: Any, values: Any, fill_value: Any = np.nan, rescale: bool = False) -> None:
    for name, part in state(plain.LinearNDInterpolator(stripped(points), stripped(values), fill_value, rescale)):
        object.__setattr__(self, name, part)
    if perturbed(points):
        if rescale:
            refuse("LinearNDInterpolator", "no derivative in the points with rescale=True")
        self.points = in_double(coordinates(points))
    values = in_double(values)
    self.values = np.reshape(values, (values.shape[0], -1))


def triangular(self: Any, *args: Any, simplex_tolerance: float = 1.0) -> Any:
    """The means of the corners' values by barycentric coordinates."""
    d = self.points.shape[1]
    xi = in_double(coordinates(args, d))
    x = np.reshape(xi if self.scale is None else (xi - self.offset) / self.scale, (-1, d))
    found = self.tri.find_simplex(stripped(x), tol=100 * np.finfo(float).eps * simplex_tolerance)  # as Qhull's
    corners = self.tri.simplices[found]
    if perturbed(self.points):
        edges, last = self.points[corners[:, :d]] - self.points[corners[:, d:]], self.points[corners[:, d]]
        b = np.linalg.solve(np.swapaxes(edges, 1, 2), (x - last)[..., None])[..., 0]
    else:
        T = self.tri.transform[found]
        b = np.einsum("nij,nj->ni", T[:, :d], x - T[:, d])
    b = np.concatenate([b, 1 - np.sum(b, -1, keepdims=True)], -1)
    value = np.where((found < 0)[:, None], self.fill_value, np.einsum("ni,nim->nm", b, self.values[corners]))
    return np.reshape(value, xi.shape[:-1] + tuple(self.values_shape))


def no_curvature(self: Any, *args: Any, **options: Any) -> Any:
    refuse("CloughTocher2DInterpolator", "no derivative of cubic interpolation of scattered points; LinearNDInterpolator "
                                         "(griddata with method='linear') and RBFInterpolator have one")


seen_class(plain.LinearNDInterpolator, __init__=triangular_init, __call__=triangular)
seen_class(plain.CloughTocher2DInterpolator, __init__=no_curvature, __call__=no_curvature)
def nearest_init(self: Any, x: Any, y: Any, *args: Any, **options: Any) -> None:
    for name, part in state(plain.NearestNDInterpolator(stripped(x), stripped(y), *args, **options)):
        object.__setattr__(self, name, part)
    self.values = array_of(y)


seen_class(plain.NearestNDInterpolator, __init__=nearest_init,  # constant around each point
           __call__=lambda self, *args, **options: anew(plain.NearestNDInterpolator.__call__)(self, *stripped(args), **options))


# ---- radial basis functions, of squared distances: smooth where these are zero
RADIAL = {"linear": lambda q: -np.sqrt(q), "thin_plate_spline": lambda q: xlogy(q, q) / 2, "cubic": lambda q: q ** 1.5,
          "quintic": lambda q: -q ** 2.5, "multiquadric": lambda q: -np.sqrt(q + 1), "gaussian": lambda q: np.exp(-q),
          "inverse_multiquadric": lambda q: 1 / np.sqrt(q + 1), "inverse_quadratic": lambda q: 1 / (q + 1)}


def radial(x: Any, y: Any, kernel: str, epsilon: Any, powers: Any, shift: Any, scale: Any) -> Any:
    q: Any = sum(((x[..., :, None, j] - y[..., None, :, j]) * epsilon) ** 2 for j in range(y.shape[-1]))
    monomials = np.prod(((x - shift) / scale)[..., None, :] ** powers, -1)
    return np.concatenate([RADIAL[kernel](q), monomials], -1)


def radial_system(y: Any, d: Any, smoothing: Any, kernel: str, epsilon: Any, powers: Any) -> tuple[Any, Any, Any]:
    """Shift and scale say the same polynomials, whatever they are: constants."""
    low, high = (np.expand_dims(f(stripped(y), -2), -2) for f in (np.min, np.max))
    shift, scale = (high + low) / 2, np.where(high == low, 1.0, (high - low) / 2)
    rows, n, r = radial(y, y, kernel, epsilon, powers, shift, scale), y.shape[-2], len(powers)
    corner, batch = np.zeros((r, r)), y.shape[:-2]
    rows = rows + np.concatenate([smoothing[..., None] * np.eye(n), np.zeros((*batch, n, r))], -1)
    below = np.concatenate([np.swapaxes(rows[..., n:], -1, -2), np.broadcast_to(corner, (*batch, r, r))], -1)
    rhs = np.concatenate([d, np.zeros((*batch, r, d.shape[-1]))], -2)
    return shift, scale, np.linalg.solve(np.concatenate([rows, below], -2), rhs)


def radial_init(self: Any, y: Any, d: Any, neighbors: Any = None, smoothing: Any = 0.0, kernel: str = "thin_plate_spline",
                epsilon: Any = None, degree: Any = None) -> None:
    y, d = in_double(y), in_double(d)
    for name, part in state(plain.RBFInterpolator(*map(stripped, (y, d, neighbors, smoothing, kernel, epsilon, degree)))):
        object.__setattr__(self, name, part)
    self.y, self.epsilon = y, self.epsilon if epsilon is None else epsilon
    self.d = np.reshape(d, (len(d), -1))
    self.smoothing = array_of(smoothing) * np.ones(len(d))
    if neighbors is None:
        solution = radial_system(y, self.d, self.smoothing, self.kernel, self.epsilon, self.powers)
        self._shift, self._scale, self._coeffs = solution


def radial_value(self: Any, x: Any) -> Any:
    x, y = in_double(x), self.y
    if self.neighbors is None:
        parts = self._shift, self._scale, self._coeffs
    else:
        near = np.sort(np.reshape(self._tree.query(stripped(x), self.neighbors)[1], (len(x), -1)), axis=1)
        x, y = x[:, None], y[near]
        parts = radial_system(y, self.d[near], self.smoothing[near], self.kernel, self.epsilon, self.powers)
    value = radial(x, y, self.kernel, self.epsilon, self.powers, *parts[:2]) @ parts[2]
    value = np.reshape(value, (len(x), -1))
    if np.issubdtype(self.d_dtype, np.complexfloating) and not np.iscomplexobj(value):  # SciPy keeps the parts side by side
        value = value[:, ::2] + 1j * value[:, 1::2]
    return np.reshape(value, (len(x), *self.d_shape))


seen_class(plain.RBFInterpolator, __init__=radial_init, __call__=radial_value)
seen_class(plain.Rbf)

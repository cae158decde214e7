"""scipy.interpolate's splines of FITPACK: curves as knots, coefficients and degree, and surfaces on grids. Interpolation is
linear in the data; smoothing, where the number of knots jumps with them, is refused.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import scipy.interpolate as plain
from scipy.interpolate import _bsplines, _fitpack2

from ..forms import stripped
from .classes import array_of, perturbed, seen_class
from .counterparts import counterpart
from .interpolate import (
    BSpline,
    along,
    ends_repeated,
    knots_of,
    least_squares,
    make_interp_spline,
    refuse,
    roots_of,
    solved,
    tensor,
)
from .interpolate_nd import product_spline
from .python_functions import through

# ---- curves: the coefficients with k + 1 zeros behind them, or without
MODES = {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}


@counterpart(plain.splev)
def splev(x: Any, tck: Any, der: int = 0, ext: Any = 0) -> Any:
    if isinstance(tck, plain.BSpline):
        return tck(x, der, extrapolate=True)
    x, (t, c, k) = array_of(x), tck
    if np.ndim(c[0]):
        return [splev(x, (t, part, k), der, ext) for part in c]
    t, c = array_of(t), array_of(c)
    first, last = t[k], t[len(t) - k - 1]
    if ext == 2:
        plain.splev(*stripped([x, (t, c, k)]), der, ext)
    if not perturbed(tck):
        def value(x: Any, n: int) -> Any:
            y = np.asarray(plain.splev(x, (t, c, k), n, ext)) if n <= k else np.zeros(np.shape(x))
            return np.where((x < first) | (x > last), 0.0, y) if n > der == 0 and ext == 3 else y
        return along(value, x, der, 0, t[k + 1:len(t) - k - 1])
    x = np.clip(x, first, last) if ext == 3 and not der else x  # FITPACK continues the derivatives
    return tensor([x], [t], c[:len(t) - k - 1], [k], [der], 0.0 if ext == 1 else None)


@counterpart(plain.splint)
def splint(a: Any, b: Any, tck: Any, full_output: int = 0) -> Any:
    s = tck if isinstance(tck, plain.BSpline) else BSpline.construct_fast(tck[0], tck[1][:len(tck[0]) - tck[2] - 1], tck[2])
    return s.integrate(a, b, extrapolate=False)


@counterpart(plain.sproot, always=True)  # of a spline that may hold the duals
def sproot(tck: Any, mest: int = 10) -> Any:
    if not perturbed(tck):
        return plain.sproot(tck, mest)
    tck = tck.tck if isinstance(tck, plain.BSpline) else tck
    bare = (stripped(tck[0]), stripped(tck[1]), tck[2])
    return roots_of(lambda r: splev(r, tck), lambda r: plain.splev(r, bare, 1), plain.sproot(bare, mest),
                    "scipy.interpolate.sproot")


@counterpart(plain.spalde)
def spalde(x: Any, tck: Any) -> Any:
    x = array_of(x)
    values = np.stack([splev(x, tck, n) for n in range(tck[2] + 1)], -1)
    return [*values] if x.ndim else values


def fitted(t: Any, c: Any, k: int, x: Any, y: Any, w: Any, exact: bool, what: str) -> Any:
    """The coefficients that FITPACK found, as functions of the data, and the knots."""
    n = len(t) - k - 1
    if exact:
        t = knots_of(x, t, k, ends_repeated if k == 1 else _bsplines._not_a_knot, what)
        new = solved(lambda c, x, t: BSpline.construct_fast(t, c, k)(x), y, c[:n], f"scipy.interpolate.{what}", x, t)
    elif perturbed(x):
        refuse(what, "no derivative in x; it has those in y and w")
    else:
        new = least_squares(plain.BSpline.design_matrix(x, t, k), c[:n], y, w, f"scipy.interpolate.{what}")
    return t, np.concatenate([new, np.zeros(k + 1)]), k


SMOOTH = ("no derivative with smoothing: the number of knots jumps with the data. Give s=0 to interpolate, or knots "
          "(LSQUnivariateSpline, make_lsq_spline), or make_smoothing_spline a lam")


@counterpart(plain.splrep)
def splrep(x: Any, y: Any, w: Any = None, xb: Any = None, xe: Any = None, k: int = 3, task: int = 0, s: Any = None,
           t: Any = None, full_output: int = 0, per: int = 0, quiet: int = 1) -> Any:
    exact = task == 0 and t is None and (s == 0 or (s is None and w is None))
    if per or full_output or task == 1 or not (exact or t is not None) or perturbed([t, xb, xe]):
        refuse("splrep", SMOOTH)
    x, y = array_of(x), array_of(y)
    t, c, k = plain.splrep(stripped(x), stripped(y), stripped(w), xb, xe, k, task, s, t, full_output, per, quiet)
    return fitted(t, c, k, x, y, w, exact, "splrep")


def smoothed(original: Any) -> None:
    @counterpart(original)
    def call(*args: Any, s: Any = 0, **options: Any) -> Any:
        if s != 0:
            refuse(original.__name__, SMOOTH)
        return through(original)(*args, s=s, **options)


for _function in (plain.make_splrep, plain.make_splprep, plain.generate_knots):
    smoothed(_function)


def univariate_init(self: Any, *args: Any, **options: Any) -> None:
    kind = type(self).origin
    twin = kind(*map(stripped, args), **{name: stripped(part) for name, part in options.items()})
    given = signature(kind.__init__).bind(self, *args, **options).arguments
    least, s, w = "t" in given, given.get("s", None), given.get("w")
    if (kind is plain.UnivariateSpline and s != 0) or perturbed([given.get("t"), given.get("bbox")]):
        refuse(kind.__name__, SMOOTH)
    x, y, (t, c, k) = array_of(given["x"]), array_of(given["y"]), twin._eval_args
    self._eval_args = t, c, k = fitted(t, c, k, x, y, w, not least, kind.__name__)
    left = (y - splev(x, self._eval_args)) * (1.0 if w is None else array_of(w))
    self._data, self.ext = (*twin._data[:8], t, c, np.sum(left ** 2), *twin._data[11:]), twin.ext


def univariate(self: Any, x: Any, nu: int = 0, ext: Any = None) -> Any:
    ext = self.ext if ext is None else ext
    return splev(x, self._eval_args, nu, MODES.get(ext, ext))


for _name in ("UnivariateSpline", "InterpolatedUnivariateSpline", "LSQUnivariateSpline"):
    seen_class(getattr(plain, _name), __init__=univariate_init, __call__=univariate,
               set_smoothing_factor=lambda self, s: refuse("UnivariateSpline.set_smoothing_factor", SMOOTH),
               integral=lambda self, a, b: splint(a, b, self._eval_args),
               derivatives=lambda self, x: spalde(x, self._eval_args),
               roots=lambda self: sproot(self._eval_args, 3 * len(self._eval_args[0])))


# ---- surfaces, constant outside
def surface(tck: Any, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
    tx, ty, c, kx, ky = tck
    nx, ny = len(tx) - kx - 1, len(ty) - ky - 1
    x, y = np.clip(array_of(x), tx[kx], tx[nx]), np.clip(array_of(y), ty[ky], ty[ny])
    x, y = (np.reshape(x, (-1, 1)), np.ravel(y)) if grid else (x, y)
    return product_spline([x, y], (tx, ty), np.reshape(c, (nx, ny)), (kx, ky), (dx, dy))


@counterpart(plain.bisplev)
def bisplev(x: Any, y: Any, tck: Any, dx: int = 0, dy: int = 0) -> Any:
    z = surface(tck, x, y, dx, dy)
    return z if len(z) > 1 else z[0] if len(z[0]) > 1 else z[0, 0]


def bivariate(self: Any, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
    return surface((*self.tck, *self.degrees), x, y, dx, dy, grid)


def volume(self: Any, xa: Any, xb: Any, ya: Any, yb: Any) -> Any:
    (tx, ty, c), (kx, ky) = self.tck, self.degrees
    c = np.reshape(c, (len(tx) - kx - 1, len(ty) - ky - 1))
    inner = BSpline.construct_fast(tx, c, kx).integrate(xa, xb, extrapolate=False)
    return BSpline.construct_fast(ty, inner, ky).integrate(ya, yb, extrapolate=False)


def rectangular(self: Any, x: Any, y: Any, z: Any, bbox: Any = (None,) * 4, kx: int = 3, ky: int = 3, s: Any = 0,
                maxit: int = 20) -> None:
    if s or perturbed([x, y, *bbox]):
        refuse("RectBivariateSpline", "no derivative with smoothing, or in x and y; it has that in z, with s=0")
    z = array_of(z)
    twin = plain.RectBivariateSpline(x, y, stripped(z), list(bbox), kx, ky, s, maxit)
    c = make_interp_spline(x, z, kx, twin.tck[0] if kx > 1 else None).c
    c = make_interp_spline(y, c, ky, twin.tck[1] if ky > 1 else None, axis=1).c
    self.fp, self.tck, self.degrees = twin.fp, (*twin.tck[:2], np.ravel(c.T)), twin.degrees


seen_class(_fitpack2._BivariateSplineBase, __call__=bivariate)
seen_class(_fitpack2._DerivedBivariateSpline)
seen_class(plain.BivariateSpline, integral=volume)
seen_class(plain.RectBivariateSpline, __init__=rectangular)
for _name in ("SmoothSphereBivariateSpline", "LSQSphereBivariateSpline", "RectSphereBivariateSpline"):
    seen_class(getattr(plain, _name), __call__=lambda self, theta, phi, dtheta=0, dphi=0, grid=True:
               bivariate(self, theta, phi, dtheta, dphi, grid))

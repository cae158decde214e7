"""scipy.integrate: integrals whose integrand, or what it closes over, and limits are perturbed.

The derivative of an integral is the integral of the derivative, by SciPy's own rule and to the tolerance of the value, in the
units of each; a limit that moves adds the integrand there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.integrate as scipy

from ..errors import DegenerateError, RuleError
from ..forms import holds_dual, stripped
from ..implicit.theorem import depth
from . import trajectories  # noqa: F401 - solve_ivp and odeint
from .callbacks import refused, settled, tupled, value_of
from .counterparts import counterpart, with_tangent
from .integrands import Integrand, Table
from .seeded import in_what_is_perturbed

Function = Callable[..., Any]


def beyond(f: Function, x: Any, what: str, side: float = 0.0) -> Any:
    """The integral of f from the value of x, or from beside it, to x, which is perturbed: f x' at first order.

    The length is nilpotent, so that for n levels Gauss's rule of ⌈n/2⌉ nodes is exact.
    """
    start = stripped(x)
    if not np.isfinite(start):
        raise RuleError(f"{what}: a limit of {start} is perturbed; give it as a constant, dualdiff.stop_gradient(limit)")
    step, at = x - start, np.nextafter(start, side) if side else start
    if depth(step) == 1:
        y = f(at)
    else:
        nodes, weights = np.polynomial.legendre.leggauss((depth(step) + 1) // 2)
        y = sum(w * f(at + step * c) for w, c in zip(weights / 2, (1 + nodes) / 2, strict=True))
    if not np.all(np.isfinite(stripped(y))):
        raise DegenerateError(f"{what}: the integrand is {stripped(y)} at the limit {start}, which is perturbed; the "
                              "derivative is not finite there")
    return y * step


def limits(f: Function, a: Any, b: Any, points: Any, what: str) -> Any:
    """What the perturbed limits add to an integral, and breakpoints where the integrand jumps."""
    total = 0.0
    for x, sides in ((b, (0.0,)), (a, (0.0,)), *((p, (-np.inf, np.inf)) for p in np.ravel(value_of(points)))):
        if holds_dual(x):
            for side in sides:
                sign = -1.0 if x is a or side > 0 else 1.0
                total = total + sign * beyond(f, x, what, side)
    return total


@counterpart(scipy.quad, always=True)
def quad(func: Any, a: Any, b: Any, args: Any = (), full_output: Any = 0, epsabs: float = 1.49e-8, epsrel: float = 1.49e-8,
         limit: int = 50, points: Any = None, weight: Any = None, wvar: Any = None, wopts: Any = None, maxp1: int = 50,
         limlst: int = 50, complex_func: bool = False) -> Any:
    beside: tuple[Any, ...] = ()

    def run(given: Any) -> Any:
        nonlocal beside
        f, a, b, args, points, wvar = given
        value, *beside = integral(f, a, b, args, full_output, epsabs, epsrel, limit, points, weight, wvar,
                                  wopts, maxp1, limlst, complex_func)
        return [value]
    given = func, a, b, tupled(args), points, wvar
    [value] = run(given) if complex_func else in_what_is_perturbed(run, given)
    return value, *beside


def integral(func: Any, a: Any, b: Any, args: tuple[Any, ...], full_output: Any, epsabs: float, epsrel: float, limit: int,
             points: Any, weight: Any, wvar: Any, wopts: Any, maxp1: int, limlst: int, complex_func: bool) -> Any:
    options = {"limit": limit, "points": stripped(points), "weight": weight, "wvar": stripped(wvar), "wopts": wopts,
               "maxp1": maxp1, "limlst": limlst}
    known: dict[str, Any] = {"epsabs": epsabs, "epsrel": epsrel}
    if not callable(func):  # compiled
        if holds_dual((a, b, args)):
            raise RuleError("scipy.integrate.quad of a compiled function has no derivative rule; write the integrand in NumPy")
        return scipy.quad(func, a, b, args, full_output, **known, **options, complex_func=complex_func)
    if complex_func:
        re, im = (quad(lambda x, *p, part=part: part(func(x, *p)), a, b, args, full_output, **known, **(options | {
            "points": points, "wvar": wvar})) for part in (np.real, np.imag))
        value = re[0] + 1j * im[0], re[1] + 1j * im[1]
        return (*value, {"real": re[2:], "imag": im[2:]}) if full_output else value
    if holds_dual(wvar):
        return moving_weight(func, a, b, args, full_output, **known, **(options | {"wvar": wvar, "points": points}))
    low, high = stripped(a), stripped(b)

    def parted(g: Table) -> Any:
        return options | ({} if weight or not np.isfinite(high - low) else g.parted(low, high, options["points"], limit))

    def one(g: Table, unit: float) -> Any:
        r = scipy.quad(g, low, high, (), 1, epsabs * unit, epsrel, **parted(g))
        return r[0], r[1], r[3] if len(r) > 3 else ""

    def many(g: Table) -> Any:
        value, error, info = scipy.quad_vec(g, low, high, max(epsabs, 1e-200), epsrel, "max", limit=max(limit, 1000),
                                            points=parted(g)["points"], full_output=True)
        return value, error, "" if info.success else info.message

    def integrated(mark: Any) -> Any:
        f = Integrand(func, args, mark)
        found = scipy.quad(f, low, high, (), full_output, **known, **options)
        return found, f.integral(found[0], "scipy.integrate.quad", one, None if weight else many) if f.moves() else found[0]

    found, value = settled(integrated)
    if value is found[0] and not holds_dual((a, b)) and not holds_dual(points):
        return found
    if weight in ("alg", "alg-loga", "alg-logb", "alg-log") and holds_dual((a, b)):
        raise RuleError(f"scipy.integrate.quad: the weight {weight!r} moves with its limits; their derivative is not finite")
    weighted: dict[str, Function] = {"cos": lambda x: np.cos(wvar * x), "sin": lambda x: np.sin(wvar * x),
                                     "cauchy": lambda x: 1 / (x - wvar)}
    w: Function = weighted.get(weight, lambda x: 1.0)
    return value + limits(lambda x: func(x, *args) * w(x), a, b, points, "scipy.integrate.quad"), *found[1:]


def moving_weight(func: Function, a: Any, b: Any, args: Any, full_output: Any, weight: str, wvar: Any, **options: Any) -> Any:
    """cos and sin of (ω + δ) x by their addition theorem: δ is nilpotent, so that its own are smooth in x."""
    if weight not in ("cos", "sin"):
        raise RuleError(f"scipy.integrate.quad: wvar of weight={weight!r} is perturbed, which has no derivative rule; write "
                        "the weight into the integrand")
    w, other, sign = stripped(wvar), {"cos": "sin", "sin": "cos"}[weight], -1 if weight == "cos" else 1
    d = wvar - w
    first, second = (quad(lambda x, *p, part=part: func(x, *p) * part(d * x), a, b, args, full_output, weight=name, wvar=w,
                          **options) for name, part in ((weight, np.cos), (other, np.sin)))
    return first[0] + sign * second[0], *first[1:]


@counterpart(scipy.quad_vec, always=True)
def quad_vec(f: Function, a: Any, b: Any, epsabs: float = 1e-200, epsrel: float = 1e-8, norm: Any = "2",
             cache_size: Any = 100e6, limit: int = 10000, workers: Any = 1, points: Any = None, quadrature: Any = None,
             full_output: bool = False, *, args: Any = ()) -> Any:
    args = tupled(args)
    ends = stripped(a), stripped(b)
    options = {"cache_size": cache_size, "limit": limit, "points": stripped(points), "quadrature": quadrature}
    def many(h: Function) -> Any:
        value, error, info = scipy.quad_vec(h, *ends, epsabs, epsrel, "max", full_output=True, **options)
        return value, error, "" if info.success else info.message

    def integrated(mark: Any) -> Any:
        g = Integrand(f, args, mark)
        found = scipy.quad_vec(g, *ends, epsabs, epsrel, norm, workers=workers, full_output=full_output, **options)
        return found, g.integral(found[0], "scipy.integrate.quad_vec", None, many) if g.moves() else found[0]

    found, value = settled(integrated)
    if value is found[0] and not holds_dual((a, b)) and not holds_dual(points):
        return found
    return value + limits(lambda x: f(x, *args), a, b, points, "scipy.integrate.quad_vec"), *found[1:]


@counterpart(scipy.nquad, always=True)
def nquad(func: Function, ranges: Any, args: Any = None, opts: Any = None, full_output: bool = False) -> Any:
    """As SciPy's, one integral inside the other; dblquad and tplquad lead here."""
    options: Any = [opts or {}] * len(ranges) if opts is None or isinstance(opts, dict) else opts
    error, count = 0.0, 0

    def integrated(i: int, *outer: Any) -> Any:
        nonlocal error, count
        low, high = ranges[i](*outer) if callable(ranges[i]) else ranges[i]
        known = dict(options[i](*outer) if callable(options[i]) else options[i])
        if "points" in known:
            known["points"] = [x for x in known["points"] if low <= x <= high]
        found = quad(partial(integrated, i - 1) if i else func, low, high, outer, full_output, **known)
        error = max(error, found[1])
        count += found[2]["neval"] if full_output and not i else 0
        return found[0]

    value = integrated(len(ranges) - 1, *(() if args is None else tupled(args)))
    return (value, error, {"neval": count}) if full_output else (value, error)


@counterpart(scipy.simpson)
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """By pairs of intervals, and a last one without a pair by K. V. Cartwright's formula (2017, equation 8), as SciPy's."""
    value = scipy.simpson(stripped(y), None if x is None else stripped(x), dx=stripped(dx), axis=axis)
    y, x = np.moveaxis(value_of(y), axis, -1), value_of(x)
    n = y.shape[-1]
    h = np.ones(n - 1) * dx if x is None else np.diff(np.moveaxis(x, axis, -1) if np.ndim(x) > 1 else x)
    m = n - 1 + n % 2
    a, b = h[..., :m - 1:2], h[..., 1:m - 1:2]
    total = np.sum((a + b) / 6 * (y[..., :m - 2:2] * (2 - b / a) + y[..., 1:m - 1:2] * (a + b) ** 2 / (a * b)
                                  + y[..., 2:m:2] * (2 - a / b)), axis=-1) if n > 2 else 0.0
    if n == 2:
        total = 0.5 * h[..., 0] * (y[..., 0] + y[..., 1])
    elif m < n:
        a, b = h[..., -2], h[..., -1]
        total = total + y[..., -1] * (2 * b**2 + 3 * a * b) / (6 * (a + b)) + y[..., -2] * (b**2 + 3 * a * b) / (6 * a) \
            - y[..., -3] * b**3 / (6 * a * (a + b))
    return with_tangent(value, total)


for _name, _advice in (("tanhsinh", "quad and quad_vec have one"), ("nsum", "add up the terms with numpy.sum"),
                       ("cubature", "nquad, dblquad and quad_vec have one"), ("qmc_quad", "nquad has one"),
                       ("solve_bvp", "dualdiff.root of its collocation equations has one"),
                       ("ode", "solve_ivp and odeint have one"), ("complex_ode", "solve_ivp and odeint have one")):
    if hasattr(scipy, _name):  # some are new
        refused(getattr(scipy, _name), _advice)

"""scipy.stats: what its functions of samples call where NumPy's own arrays are meant; the rest of them is lifted as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.stats as plain
from scipy import special
from scipy.stats import _kde, _morestats, _stats, _stats_py

from ..dual_array import DualArray
from ..errors import RuleError
from ..forms import stripped
from ..implicit import root
from ..policies import equality
from ..transforms import derivative
from . import distributions, multivariate  # noqa: F401
from .counterparts import CLASSES, FUNCTIONS, KINDS, Counterpart, counterpart, with_tangent, without_rule
from .distributions import lifted_class, perturbed, seen
from .linear_maps import floats
from .python_functions import SCIPY, vendored

extra, compatible = vendored("array_api_extra"), vendored("array_api_compat.numpy")


@counterpart(compatible.clip)
def clip(x: Any, /, min: Any = None, max: Any = None, **options: Any) -> Any:
    return np.clip(x, min, max)


@counterpart(extra.apply_where, always=True)
def apply_where(cond: Any, args: Any, f1: Any, f2: Any = None, /, *, fill_value: Any = None, **options: Any) -> Any:
    """``f1`` of the arguments where the condition holds, ``f2`` of them or a value elsewhere; neither is asked in vain."""
    args = args if isinstance(args, tuple) else (args,)
    count, args = len(args), args if f2 else (*args, fill_value)

    def asked(there: bool, *args: Any) -> Any:
        return f1(*args[:count]) if there else f2(*args) if f2 else args[-1]

    cond, *args = np.broadcast_arrays(stripped(cond), *args)
    shape, there, args = cond.shape, np.ravel(cond), [np.reshape(x, -1) for x in args]
    if there.all() or not there.any():
        return np.reshape(asked(bool(there.all()), *args), shape)
    places = [np.flatnonzero(there), np.flatnonzero(~there)]
    parts = [np.broadcast_to(asked(first, *(x[at] for x in args)), at.shape)
             for first, at in zip((True, False), places, strict=True)]
    return np.reshape(np.concatenate(parts)[np.argsort(np.concatenate(places))], shape)


class At:
    """``at(x)[index].set(y)``: x changed in place, or a changed copy where that is asked for or x cannot be written to."""

    def __init__(self, x: Any, index: Any = ...) -> None:
        self.x, self.index = x, index

    def __getitem__(self, index: Any) -> At:
        return At(self.x, index)

    def __getattr__(self, name: str) -> Any:
        operation: Any = {"divide": np.true_divide, "min": np.minimum, "max": np.maximum}.get(name) or getattr(np, name, None)

        def call(y: Any, copy: bool | None = None, **options: Any) -> Any:
            x = self.x
            if copy or (type(x) is not DualArray and (hasattr(x, "level") or not x.flags.writeable)):
                x = np.copy(x[...])
            x[self.index] = y if name == "set" else operation(x[self.index], y)
            return x
        return call


FUNCTIONS[id(extra.at)] = At


def quiet(original: Any) -> None:
    """A function that asks whether a sample is constant: its first element is equal to itself."""
    @counterpart(original)
    def call(*args: Any, **options: Any) -> Any:
        with equality("ignore"):
            return SCIPY.function(original)(*args, **options)


for _original in (plain.pearsonr, plain.boxcox, plain.yeojohnson):
    quiet(_original)


@counterpart(_stats_py._cdf_distance)
def cdf_distance(p: int, *given: Any) -> Any:
    """Of Wasserstein and energy: where a value of u is one of v, the mean over both orders in which they come."""
    value = _stats_py._cdf_distance(p, *map(stripped, given))
    u, v = map(floats, given[:2])
    a, b = (np.ones(len(x)) if w is None else floats(w) for x, w in zip((u, v), (*given[2:], None, None), strict=False))

    def area(u: Any, v: Any, a: Any, b: Any) -> Any:
        values = np.concatenate([u, v])
        order = np.argsort(stripped(values), kind="stable")
        U, V = (np.cumsum(np.concatenate(parts)[order]) for parts in ((a, np.zeros(len(b))), (np.zeros(len(a)), b)))
        return np.abs(U / U[-1] - V / V[-1])[:-1] ** p @ np.diff(np.sort(values))
    both = (area(u, v, a, b) + area(v, u, b, a)) / 2
    return with_tangent(value, np.sqrt(both) if p == 2 else both)


# ---- densities that SciPy has compiled
def hyperbolic(x: Any, p: Any, a: Any, b: Any) -> Any:
    """The generalised hyperbolic density's logarithm, as SciPy's documentation has it."""
    square, width = (a + b) * (a - b), x * x + 1
    inside, far = np.sqrt(square), a * np.sqrt(width)
    return (0.5 * p * np.log(square) - 0.5 * np.log(2 * np.pi) - (p - 0.5) * np.log(a) - np.log(special.kve(p, inside)) + inside
            + 0.5 * (p - 0.5) * np.log(width) + np.log(special.kve(p - 0.5, far)) - far + b * x)


def inverse_gaussian(x: Any, p: Any, b: Any) -> Any:
    return b - np.log(2) - np.log(special.kve(p, b)) + (p - 1) * np.log(x) - 0.5 * b * (x + 1 / x)


counterpart(_stats.genhyperbolic_logpdf)(hyperbolic)
counterpart(_stats.genhyperbolic_pdf)(lambda *args: np.exp(hyperbolic(*args)))
counterpart(_stats.geninvgauss_logpdf)(inverse_gaussian)


# ---- kernel density: SciPy's compiled sum of kernels, its points and data whitened by the factor of the bandwidth
def kernels(points: Any, values: Any, xi: Any, cho_cov: Any, dtype: Any) -> tuple[Any, Any]:
    """The exponents, one row for each point of the data, and the logarithm of the factor before them."""
    W, V = np.linalg.solve(cho_cov, points.T), np.linalg.solve(cho_cov, xi.T)
    energy = sum((w[:, None] - v) ** 2 for w, v in zip(W, V, strict=True)) / -2
    return energy, -0.5 * len(cho_cov) * np.log(2 * np.pi) - np.sum(np.log(np.diagonal(cho_cov)))


def estimate(points: Any, values: Any, xi: Any, *rest: Any) -> Any:
    exponents, factor = kernels(points, values, xi, *rest)
    return np.exp(exponents + factor).T @ values


def estimate_log(points: Any, values: Any, xi: Any, *rest: Any) -> Any:
    exponents, factor = kernels(points, values, xi, *rest)
    return SCIPY.of(special.logsumexp)(exponents[:, :, None] + factor, axis=0, b=values[:, None, :])


class Specialised:
    """A compiled function for each type."""

    def __init__(self, original: Any, function: Any) -> None:
        self.original, self.function = original, function

    def __getitem__(self, kind: str) -> Any:
        return Counterpart(self.original[kind], self.function, False)


FUNCTIONS[id(_kde.gaussian_kernel_estimate)] = Specialised(_kde.gaussian_kernel_estimate, estimate)
FUNCTIONS[id(_kde.gaussian_kernel_estimate_log)] = Specialised(_kde.gaussian_kernel_estimate_log, estimate_log)
KINDS[plain.gaussian_kde] = seen


def kernel_density(kind: Any) -> Counterpart:
    return Counterpart(kind, lambda *args, **options: lifted_class(kind)(*args, **options) if perturbed(args, options) else
                       seen(kind(*args, **options)), True)


CLASSES[plain.gaussian_kde], FUNCTIONS[id(plain.gaussian_kde)] = kernel_density, kernel_density(plain.gaussian_kde)


# ---- what SciPy searches for: its derivative is that of the root of an equation, not of the steps of the search
def found(name: str, equation: Any, value: float, *args: Any) -> Any:
    x = root(equation, value, args)
    if abs(stripped(x) - value) > 1e-5 * (1 + abs(value)):
        raise RuleError(f"scipy.stats.{name}: the optimum {value:.6g} is at a bound that SciPy sets, and not differentiable")
    return x + (value - stripped(x))


def steepest(objective: Any) -> Any:
    return lambda t, x: derivative(lambda t: objective(t, x))(t)


def correlation(t: Any, x: Any) -> Any:
    """With the quantiles of the normal distribution, of the transformed and sorted sample."""
    q = plain.norm.ppf(_morestats._calc_uniform_order_statistic_medians(len(x)))
    return np.corrcoef(q, np.sort(SCIPY.of(plain.boxcox)(x, t)))[0, 1]


SCORES = {"mle": steepest(SCIPY.of(plain.boxcox_llf)), "pearsonr": steepest(correlation)}


@counterpart(plain.boxcox_normmax)
def boxcox_normmax(x: Any, brack: Any = None, method: str = "pearsonr", *args: Any, **options: Any) -> Any:
    values = plain.boxcox_normmax(stripped(x), brack, method, *args, **options)
    x = x if np.ndim(x) == 1 else np.ravel(x)
    if method == "all":
        return np.stack([found("boxcox_normmax", SCORES[name], value, x)
                         for name, value in zip(("pearsonr", "mle"), values, strict=True)])
    return found("boxcox_normmax", SCORES[method], values, x)


@counterpart(plain.yeojohnson_normmax)
def yeojohnson_normmax(x: Any, brack: Any = None, **options: Any) -> Any:
    value = plain.yeojohnson_normmax(stripped(x), brack, **options)
    return found("yeojohnson_normmax", steepest(SCIPY.of(plain.yeojohnson_llf)), value, x)


@counterpart(plain.expectile)
def expectile(a: Any, alpha: Any = 0.5, *, weights: Any = None, **options: Any) -> Any:
    def equation(t: Any, a: Any, alpha: Any, weights: Any) -> Any:
        return np.average(np.abs((stripped(a) <= stripped(t)) - alpha) * (t - a), weights=weights)
    value = plain.expectile(stripped(a), stripped(alpha), weights=stripped(weights), **options)
    if options or np.ndim(value):  # along an axis, since SciPy 1.18
        raise RuleError("scipy.stats.expectile has a derivative of one sample without further options; call it for each")
    return found("expectile", equation, value, a, alpha, weights)


SEARCHED = "it searches for its result: write what it solves as an equation for dualdiff.root or implicit.minimize"
OTHERS = "the distributions with small letters, such as scipy.stats.norm, have one"
COMPILED = "it is compiled: wrap its arguments in dualdiff.stop_gradient() if they are meant as constants"
PROGRAM = "it is the least cost of a linear program, of which scipy.optimize.linprog has one"
for _reason, _names in ((PROGRAM, ("wasserstein_distance_nd",)),
                        (SEARCHED, ("fit", "goodness_of_fit", "ppcc_max", "ppcc_plot")),
                        (OTHERS, ("Normal", "Uniform", "Logistic", "Binomial")),
                        (COMPILED, ("shapiro", "siegelslopes", "weightedtau"))):
    for _name in _names:
        if hasattr(plain, _name):
            without_rule(getattr(plain, _name), _reason)

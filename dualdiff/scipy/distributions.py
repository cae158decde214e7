"""scipy.stats' distributions: their own Python code made anew on duals, with what it cannot say put in its place.

A distribution is seen as an object of the same state and of a class whose methods are lifted, so that SciPy's conventions on
support, bad arguments and broadcasting hold as they are written. Only where shape parameters are perturbed does a derivative
come from that code: in the argument itself (and so in loc and scale) F' is the density, whatever computes F. Between counts
nothing lies, so pmf and cdf refuse to be perturbed there; quantiles of counts are steps, and constant as floor is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial, wraps
from inspect import signature
from types import FunctionType
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import scipy.stats as plain
from scipy.stats import _distn_infrastructure
from scipy.stats._continuous_distns import pearson3_gen
from scipy.stats._discrete_distns import nbinom_gen
from scipy.stats._distn_infrastructure import _drv2_moment, rv_frozen, rv_generic
from scipy.stats._multivariate import multi_rv_generic

from ..creation import unperturbed
from ..custom import custom_rule
from ..errors import LATEST, DualdiffError, RuleError
from ..forms import dual_form, holds_dual, stripped
from ..implicit.theorem import depth
from ..lifted_classes import ORIGIN, origin_of
from ..lifting import Run, Vectorized
from ..policies import equality
from ..reading import dtype_of
from ..standins import ANY
from ..transforms import jvp
from .counterparts import KINDS, constants_plain, counterpart, plain_if_constant
from .python_functions import SCIPY

Function = Callable[..., Any]
MADE: dict[type, type] = {}
INSTEAD: dict[type, dict[str, Any]] = {}  # by class: members that are not what SciPy has, made anew
LEFT = frozenset(("__new__", "__getstate__", "__setstate__", "_attach_methods"))
PUBLIC = frozenset(("pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf", "stats", "mean", "var",
                    "std", "median", "moment", "entropy", "interval", "support", "nnlf", "rvs", "fit", "cov", "mode"))
VALUES = frozenset(("_argcheck", "_support_mask", "_open_support_mask", "_nonzero"))  # which are true or false
COUNTED = frozenset(("pmf", "logpmf", "cdf", "logcdf", "sf", "logsf"))
STANDARD = frozenset(("_pdf", "_logpdf", "_pmf", "_logpmf", "_cdf", "_logcdf", "_sf", "_logsf", "_ppf", "_isf", "_stats",
                      "_munp", "_entropy", "_get_support"))
FIRST = COUNTED | {"pdf", "logpdf", "ppf", "isf", "moment", "interval"}  # which take an argument before the shapes
INSIDE: dict[str, Function] = {  # methods by the standard distribution's
    "pdf": lambda f, scale: f / scale, "logpdf": lambda f, scale: f - np.log(scale),
    **dict.fromkeys(("cdf", "logcdf", "sf", "logsf"), lambda f, scale: f)}
SLOPES: dict[str, Function] = {  # of f in its argument x
    "_cdf":    lambda self, f, x, *shapes: self._pdf(x, *shapes),
    "_sf":     lambda self, f, x, *shapes: -self._pdf(x, *shapes),
    "_logcdf": lambda self, f, x, *shapes: np.exp(self._logpdf(x, *shapes) - f),
    "_logsf":  lambda self, f, x, *shapes: -np.exp(self._logpdf(x, *shapes) - f),
    "_ppf":    lambda self, f, x, *shapes: 1 / self._pdf(f, *shapes),
    "_isf":    lambda self, f, x, *shapes: -1 / self._pdf(f, *shapes)}


class Seen:
    """An object of SciPy as a lifted program sees it; ``origin`` is SciPy's own, whose state it shares."""

    __slots__ = ("origin",)
    origin: Any


def seen(x: Any) -> Any:
    if isinstance(x, Seen):
        return x
    new = object.__new__(lifted_class(origin_of(type(x))))
    new.__dict__, new.origin = vars(x), x
    return new


def lifted_class(kind: Any, run: Any = SCIPY) -> Any:
    """A class whose methods are those of a class of SciPy's, or of one derived from it, made anew."""
    if kind in MADE:
        return MADE[kind]
    own = kind.__module__.startswith("scipy.")
    run = SCIPY if own else Run(kind.__module__.partition(".")[0]) if run is SCIPY else run
    bases = [lifted_class(base, run) for base in kind.__bases__ if base is not object] or [Seen]
    members = {name: method(kind, name, x, run.function(x)) for name, x in vars(kind).items()
               if type(x) is FunctionType and name not in LEFT}
    for name, x in vars(kind).items():
        if type(x) is property:
            members[name] = property(run.of(x.fget), x.fset)
        elif type(x) is staticmethod:
            members[name] = staticmethod(run.of(x.__func__))
    made = type(kind.__name__, (kind, *bases), {
        "__module__": kind.__module__, ORIGIN: kind, **members, **INSTEAD.get(kind, {})})
    return MADE.setdefault(kind, made) if own else made


def method(kind: type, name: str, x: Any, anew: Any) -> Any:
    """The method x, which is called of what is not perturbed, and x made anew, which takes what is."""
    if name in ("expect", "_expect", "__init__") or not issubclass(kind, (rv_generic, multi_rv_generic)):
        return anew
    if not issubclass(kind, rv_generic) and name not in PUBLIC:
        return anew

    @wraps(x)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        if name in VALUES:
            return x(self.origin, *map(stripped, args), **options)
        args, options = constants_plain(args, options)
        if not perturbed(args, options):
            return x(self.origin, *args, **options)
        if not isinstance(self, rv_generic):
            refuse_counts(kind.__name__.removesuffix("_gen"), name, {"x", "n"} if name.endswith("pmf") else set(),
                          signature(x).bind(self, *args, **options).arguments)
            return anew(self, *args, **options)
        if name in PUBLIC:
            given = named(self, name, args, options)
            refuse_counts(self.name, name, counts(self, name, given), given)
        if name in ("_ppf", "_isf") and isinstance(self, plain.rv_discrete):
            return x(self.origin, *map(stripped, args))
        if name == "_rvs":
            raise RuleError(f"scipy.stats.{self.name}.rvs has derivatives in loc and scale alone, and shape parameters are "
                            "perturbed; wrap them in dualdiff.stop_gradient() if they are meant as constants")
        if name in STANDARD:
            return within(self, name, x, anew, *args, **options)
        if name == "fit":
            raise RuleError(f"scipy.stats.{self.name}.fit has no derivative; minimise nnlf with dualdiff.optimize, or find the "
                            "root of its gradient with dualdiff.root, which differentiates the solution")
        if name in INSIDE and args and x is vars(plain.rv_continuous).get(name):
            result = inside(self, name, *args, **options)
            if result is not None:
                return result
        return anew(self, *args, **options)
    return call


def inside(self: Any, name: str, x: Any, *args: Any, **options: Any) -> Any:
    """The method where all of x is inside the support and all parameters are good, without SciPy's masks; else None."""
    shapes, loc, scale = self._parse_args(*args, **options)
    x, loc, scale, *shapes = (dual_form(a) if holds_dual(a) else np.asarray(a) for a in (x, loc, scale, *shapes))
    y = (x - loc) / scale
    known = [*map(stripped, shapes)]
    good = self.origin._open_support_mask(stripped(y), *known) & (stripped(scale) > 0) & self.origin._argcheck(*known)
    if dtype_of(y) != np.float64 or not np.all(good):
        return None
    given = np.broadcast_arrays(y, *shapes) if shapes else [y]
    f = getattr(self, f"_{name}")(*(np.reshape(a, -1) for a in given))
    return INSIDE[name](np.reshape(f, np.shape(given[0])), scale)[()]


def perturbed(args: Any, options: Any) -> bool:
    return holds_dual(args) or any(map(holds_dual, options.values()))


def within(self: Any, name: str, x: Any, anew: Any, *args: Any, **options: Any) -> Any:
    """A function of the standard distribution, within its support."""
    if name in SLOPES and np.ndim(args[0]):  # SciPy's take arrays of one size
        args = np.broadcast_arrays(*args)
    kind, base, shapes = type(self.origin), plain.rv_continuous, args[1:]
    one = belongs_together(kind)  # type: ignore[arg-type]
    if name in SLOPES and not holds_dual(shapes) and isinstance(self, base) and (
            kind._pdf is not base._pdf or kind._logpdf is not base._logpdf) and (one or x is base._cdf):
        return custom_rule(lambda at: x(self.origin, at, *shapes),
                           partials=lambda f, at: SLOPES[name](self, f, at, *shapes))(args[0])
    other, latest = OTHERWISE.get(name) if one or x is base._ppf else None, LATEST.get()
    first = () if other and vars(base).get(name) is x else (anew,)
    try:
        with equality("raise"):
            for function in first:
                return function(self, *args, **options)
    except (DualdiffError, TypeError, ValueError, RuntimeError) as error:
        if not other and isinstance(error, RuleError) and str(error).startswith("scipy.stats."):
            raise
        if not other:
            raise RuleError(f"scipy.stats.{self.name}: {name.strip('_')} has no derivative rule here ({error}); wrap what is "
                            "perturbed in dualdiff.stop_gradient() if it is meant as a constant") from None
        LATEST.set(latest)
    return other(self, x(self.origin, *map(stripped, args)), *args)  # type: ignore[misc]


@lru_cache(1024)
def belongs_together(kind: Any) -> bool:
    """Whether a density and its integrals are those of one distribution: all of them SciPy's or all the user's, none of which
    overrides another, which super() would still find beside the new density.
    """
    kinds = [c for c in kind.__mro__ if c not in (plain.rv_continuous, plain.rv_discrete)]
    theirs, own = ([name for c in kinds if c.__module__.startswith("scipy.") is scipys
                    for name in {"_pdf", "_logpdf", *SLOPES} & vars(c).keys()] for scipys in (True, False))
    return not own or (not theirs and len(own) == len({*own}))


def logarithm(of: str) -> Function:
    """log F, from the value that SciPy gives and the derivative of F."""
    def function(self: Any, value: Any, at: Any, *shapes: Any) -> Any:
        f = getattr(self, of)(at, *shapes)
        return value + np.log(f / stripped(f))
    return function


def inverse(of: str, sign: int) -> Function:
    """x with F(x, shapes) = q, which SciPy has found: by the implicit function theorem, once for each level."""
    def function(self: Any, x: Any, q: Any, *shapes: Any) -> Any:
        F, known = getattr(self, of), [*map(stripped, shapes)]
        slope = sign * self._pdf(x, *known) if belongs_together(type(self.origin)) else jvp(  # type: ignore[arg-type]
            lambda x: F(x, *known), (x,), (np.ones_like(x),))[1]
        r = F(x, *shapes) - q
        for level in range(depth(r)):
            r = F(x, *shapes) - q if level else r
            x = x - (r - stripped(r)) / slope
        return x
    return function


OTHERWISE = {"_logcdf": logarithm("_cdf"), "_logsf": logarithm("_sf"), "_ppf": inverse("_cdf", 1), "_isf": inverse("_sf", -1)}


def named(self: Any, name: str, args: Any, options: Any) -> Any:
    """The arguments of a method by their names, what comes before the shapes as k."""
    names = ["k", *(self.shapes or "").replace(",", " ").split(), "loc"]
    return dict(zip(names[name not in FIRST:], args, strict=False)) | options


def counts(self: Any, name: str, given: Any) -> set[str]:
    """The arguments that are whole numbers: those that SciPy takes for bad ones where they lie between."""
    whole = {"k", "loc"} if name in COUNTED and isinstance(self, plain.rv_discrete) else set()
    shapes = {key: stripped(given[key]) for key in (self.shapes or "").replace(",", " ").split() if key in given}
    for info in self._shape_info() if hasattr(self, "_shape_info") else ():
        if info.integrality and holds_dual(given.get(info.name)):
            with catch_warnings():
                simplefilter("ignore")
                between = shapes | {info.name: np.floor(shapes[info.name]) + 0.5}
                if not np.any(self.origin._argcheck(*between.values())):
                    whole.add(info.name)
    return whole


def refuse_counts(owner: str, name: str, whole: set[str], given: Any) -> None:
    """Between counts a distribution has no values, or none that mean anything."""
    for key in sorted(whole):
        if holds_dual(given.get(key)):
            raise RuleError(f"scipy.stats.{owner}.{name}: {key} is perturbed, but between counts nothing lies; wrap it in "
                            "dualdiff.stop_gradient() if it is meant as a constant")


# ---- what is not a method of SciPy's class, or does not make an object of it
def freeze(self: Any, *args: Any, **options: Any) -> Any:
    args, options = constants_plain(args, options)
    frozen = self.origin.freeze(*map(stripped, args), **{name: stripped(x) for name, x in options.items()})
    new = seen(frozen)
    if perturbed(args, options):
        new.__dict__ = vars(frozen) | {"args": args, "kwds": options}
        new.a, new.b = new.dist._get_support(*new.dist._parse_args(*args, **options)[0])
    return new


def expect(self: Any, func: Any = None, args: Any = (), loc: Any = 0, scale: Any = 1, lb: Any = None, ub: Any = None,
           *rest: Any, **options: Any) -> Any:
    """An infinite end of the support, which SciPy shifts and scales, is a constant."""
    lb, ub = (end if given is None and np.isinf(end) else given
              for given, end in zip((lb, ub), map(stripped, self._get_support(*args)), strict=True))
    with equality("ignore"):
        return SCIPY.function(plain.rv_continuous.expect)(self, func, args, loc, scale, lb, ub, *rest, **options)


@counterpart(_distn_infrastructure.argsreduce)
def argsreduce(cond: Any, *args: Any) -> list[Any]:
    """The arguments where the condition holds; what is one number stays one, for all of them."""
    parts = [np.atleast_1d(x) for x in args]
    if np.all(cond):
        return [np.reshape(x if np.size(x) in (1, np.size(cond)) else np.broadcast_to(x, np.shape(cond)), -1) for x in parts]
    return [x if np.size(x) == 1 else np.broadcast_to(x, np.shape(cond))[np.asarray(cond, bool)] for x in parts]


def attached(name: str, inner: Function) -> Any:
    """A function that SciPy attaches to the object, element by element."""
    def get(self: Any) -> Function:
        def call(*args: Any) -> Any:
            args = tuple(map(plain_if_constant, args))
            return (Vectorized(inner(self), otypes="d") if holds_dual(args) else vars(self)[name])(*args)
        return call
    return property(get, lambda self, x: vars(self).update({name: x}))


def filled(x: Any) -> Function:
    """A method whose first result is a plain array that will be written to."""
    def call(*args: Any) -> Any:
        first, *rest = SCIPY.function(x)(*args)
        return unperturbed(first, ANY), *rest
    return call


moment_of_counts = SCIPY.function(_drv2_moment)
INSTEAD[rv_generic] = {
    "freeze": freeze, "__call__": freeze,
    "_cdfvec": attached("_cdfvec", lambda self: self._cdf_single),
    "_ppfvec": attached("_ppfvec", lambda self: self._ppf_single),
    "vecentropy": attached("vecentropy", lambda self: self._entropy)}
INSTEAD[plain.rv_continuous] = {
    "expect": expect,
    "generic_moment": attached("generic_moment", lambda self: self._mom1_sc if self.moment_type else self._mom0_sc)}
INSTEAD[plain.rv_discrete] = {
    "generic_moment": attached("generic_moment", lambda self: partial(moment_of_counts, self))}
INSTEAD[pearson3_gen] = {"_preprocess": filled(pearson3_gen._preprocess)}
INSTEAD[nbinom_gen] = {"_stats": lambda self, n, p: (
    n * (1 - p) / p, n * (1 - p) / p**2, (2 - p) / np.sqrt(n * (1 - p)), 6 / n + p**2 / (n * (1 - p)))}
INSTEAD[rv_frozen] = {"dist": property(lambda self: seen(vars(self)["dist"]))}
KINDS[rv_generic] = KINDS[rv_frozen] = seen
for _kind in (plain.rv_discrete, plain.rv_histogram):  # which programs call
    counterpart(_kind, always=True)(lambda *args, _kind=_kind, **options: seen(_kind(*args, **options)))

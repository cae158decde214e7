"""curve_fit as scipy.optimize spells it, with exact derivatives."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np

from ..errors import ConvergenceError, DataError, FitWarning, ParameterError, ShapeError, StructureError, nearest
from .fit_result import FitResult
from .least_squares import fitted
from .parameters import NUMBERS, Parameters
from .result import Array, numbers, require_one_of
from .stopping import INTERRUPTED

OPTIONS = ("loss", "f_scale", "fixed", "geodesic", "xtol", "ftol", "gtol", "max_nfev", "max_iter", "max_seconds", "callback",
           "checkpoint", "resume", "x_scale")


def curve_fit(f: Any, xdata: Any, ydata: Any, p0: Any = None, sigma: Any = None, absolute_sigma: bool = False,
              check_finite: bool | None = None, bounds: Any = None, method: str | None = None, jac: Any = None, *,
              full_output: bool = False, nan_policy: str | None = None, **options: Any) -> Any:
    """Fit ``f(xdata, *parameters)`` to ydata by least squares: (popt, pcov), as ``scipy.optimize.curve_fit``.

    ``p0``: the start; a list of numbers (f is called as f(x, a, b, …); without p0 every parameter starts at 1 inside its
    bounds), a list of arrays (the same), or a dict: f is called by keyword where its arguments are the dict's keys, else as
    f(x, parameters). popt has the form of p0, lists as an array. Several data sets that share the parameters: lists of
    arrays for xdata and ydata (and sigma), and one f for all or a list of one each. ``sigma``: a number, one standard
    deviation per point, or their covariance matrix. ``bounds`` and ``fixed`` as in ``least_squares``, fixed by f's
    argument names too; ``nan_policy="omit"`` drops points whose y or x is not finite.

    pcov is the covariance (n, n), infinite with a FitWarning where the data do not determine a parameter. With
    ``full_output`` (popt, pcov, info, message, ier) as in SciPy; info["result"] is the ``FitResult``. Other ``options`` are
    those of ``least_squares`` but for weights, args, kwargs and shards; ``maxfev`` means ``max_nfev``. Runs f once per step.
    Raises ConvergenceError (a RuntimeError) where the fit stalls, diverges or spends its budget, with the ``FitResult`` as
    its ``result``, unless ``full_output`` is set; an interrupted fit returns the best so far with a FitWarning.

    >>> x = np.linspace(0, 4, 9)
    >>> popt, pcov = curve_fit(lambda x, a, b: a * np.exp(-b * x), x, 2.5 * np.exp(-1.3 * x), [1.0, 1.0])
    >>> popt
    array([2.5, 1.3])
    """
    models, options = checked(f, options, nan_policy)
    parameters, call = start_of(models, p0, bounds)
    model: Callable[..., Any]
    if isinstance(ydata, list | tuple) and any(np.ndim(part) for part in ydata):
        x, y, root = data_sets(models, xdata, ydata, sigma, nan_policy)
        each = models * len(x) if len(models) == 1 else models

        def model(x: Any, *p: Any) -> Any:
            return [call(one, part, p) for one, part in zip(each, x, strict=True)]
    else:
        if len(models) != 1:
            raise ShapeError(f"there are {len(models)} models for one data set; give lists of arrays for xdata and ydata")
        x, y, root = data_set(xdata, ydata, sigma, nan_policy, check_finite is not False)
        model = models[0] if call is plain_call else lambda x, *p: call(models[0], x, p)
    if y.size < parameters.flat.size and bounds is None and "fixed" not in options:
        raise DataError(f"{y.size} points cannot determine {parameters.flat.size} parameters; give more data, or hold some "
                        "with fixed=")
    result = fitted(model, parameters, before=(x,), target=y, root=root, bounds=bounds, jac=jac,
                    method="auto" if method is None else method, absolute_sigma=absolute_sigma,
                    leap=not full_output and "xtol" not in options, **options)
    if full_output:
        info = {"nfev": result.nfev, "fvec": result.fun, "njev": result.njev, "nit": result.nit, "result": result}
        return result.x, result.covariance, info, result.message, 1 if result.success else 5
    return delivered(result)


def checked(f: Any, options: dict[str, Any], nan_policy: str | None) -> tuple[list[Any], dict[str, Any]]:
    models = list(f) if isinstance(f, list | tuple) else [f]
    for model in models or [f]:
        if not callable(model):
            raise StructureError(f"the model must be a function f(x, *parameters); got a {type(model).__name__}")
    require_one_of("nan_policy", nan_policy, (None, "raise", "omit"))
    if "maxfev" in options:
        options["max_nfev"] = options.pop("maxfev") or None
    for name in options:
        if name not in OPTIONS:
            raise ParameterError(f"curve_fit has no option {name!r}{nearest(name, OPTIONS)}; beside SciPy's it takes "
                                 f"{', '.join(OPTIONS)}")
    return models, options


def delivered(result: FitResult) -> tuple[Any, Array]:
    """(popt, pcov), or the error or warning that says why they are not what was asked for."""
    if result.reason == INTERRUPTED:
        warnings.warn(f"these are not the optimal parameters: {result.message}", FitWarning, stacklevel=3)
    elif not result.success:
        raise ConvergenceError(f"optimal parameters not found: {result.message}", result)
    covariance = result.covariance
    total = float(covariance.trace())
    if total - total != 0:
        loose = result.undetermined
        why = f"the data do not determine {', '.join(loose)}" if loose else "there are no more points than parameters"
        warnings.warn(f"the covariance could not be estimated: {why}", FitWarning, stacklevel=3)
    return result.x, covariance


# ---- parameters
def plain_call(model: Any, x: Any, p: Any) -> Any:
    return model(x, *p)


def start_of(models: Any, p0: Any, bounds: Any) -> tuple[Parameters, Callable[..., Any]]:
    """The parameters, and how a model is called with them."""
    if p0 is None:
        names = arguments_of(models[0])
        if not names:
            raise ParameterError("the number of parameters cannot be told from the model's arguments; give p0")
        found = Parameters(np.ones(len(names)), "p0", names)
        found.flat, ones = np.full(len(names), np.nan), found.flat  # NaN lies outside no bounds
        limits = found.bounds(bounds)
        found.flat = ones if limits is None else inside(*limits)
        return found, plain_call
    if isinstance(p0, str | bytes):
        raise StructureError(f"p0 must be numbers; got the text {p0!r}")
    if isinstance(p0, dict):
        by_keyword = set(arguments_of(models[0])) == set(p0)
        return Parameters(p0, "p0"), (lambda model, x, p: model(x, **p[0])) if by_keyword else plain_call
    try:
        ragged = type(p0) in {list, tuple} and any(type(part) not in NUMBERS and np.ndim(part) for part in p0)
        flat = None if ragged else np.atleast_1d(np.asarray(p0, float))
    except (TypeError, ValueError):
        raise StructureError(f"p0 must be numbers; got {p0!r}") from None
    if flat is None:
        return Parameters(tuple(p0), "p0"), lambda model, x, p: model(x, *p[0])
    if flat.ndim > 1:
        raise ShapeError(f"p0 has shape {flat.shape}; a list of numbers, a list of arrays or a dict is needed")
    names = arguments_of(models[0])
    return Parameters(flat, "p0", names if len(names) == flat.size else [f"p[{i}]" for i in range(flat.size)]), plain_call


def inside(low: Array, high: Array) -> Array:
    """As SciPy: 1 where it is allowed, else well inside."""
    lower, upper = np.isfinite(low), np.isfinite(high)
    with np.errstate(invalid="ignore"):  # of inf - inf, where it is not taken
        found: Array = np.select([(low < 1) & (high > 1), lower & upper, lower, upper],
                                 [1.0, (low + high) / 2, low + 1, high - 1], 1.0)
    return found


def arguments_of(model: Any) -> list[str]:
    """The names of the arguments after x; none where they cannot be told."""
    code = getattr(model, "__code__", None)
    if code is not None and not hasattr(model, "__wrapped__") and not code.co_flags & inspect.CO_VARARGS \
            and inspect.isfunction(model):
        return list(code.co_varnames[1:code.co_argcount])
    try:
        arguments = list(inspect.signature(model).parameters.values())[1:]
    except (TypeError, ValueError):
        return []
    many = any(a.kind == a.VAR_POSITIONAL for a in arguments)
    return [] if many else [a.name for a in arguments if a.kind in {a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD}]


# ---- data
def data_set(x: Any, y: Any, sigma: Any, nan_policy: str | None, check: bool = True, what: str = "") -> tuple[Any, Any, Any]:
    """x, y as a vector, and what residuals are multiplied with."""
    y = numbers(y, f"ydata{what}")
    y = y if y.ndim == 1 else y.ravel()
    if not y.size:
        raise DataError(f"ydata{what} is empty")
    if hasattr(x, "to_numpy"):  # a column of a data frame would take the arithmetic over
        x = x.to_numpy()
    if isinstance(x, list | tuple | np.ndarray):
        x = numbers(x, f"xdata{what}")
        if not x.size:
            raise DataError(f"xdata{what} is empty")
    if nan_policy == "omit":
        keep = np.isfinite(y)
        if isinstance(x, np.ndarray) and x.ndim and x.shape[-1] == y.size:
            keep &= np.isfinite(x).reshape(-1, y.size).all(0)
            x = x[..., keep]
        if sigma is not None and np.ndim(sigma):
            sigma = np.asarray(sigma)[keep] if np.ndim(sigma) == 1 else np.asarray(sigma)[np.ix_(keep, keep)]
        y = y[keep]
        if not y.size:
            raise DataError(f"no point of ydata{what} is left once NaN are omitted")
    if check:
        require_finite(y, f"ydata{what}")
        if isinstance(x, np.ndarray):
            require_finite(x, f"xdata{what}")
    return x, y, None if sigma is None else whitening(sigma, y.size, what)


def require_finite(a: Array, what: str) -> None:
    if not isfinite(float(a.sum())) and not np.isfinite(a).all():
        bad = np.argwhere(~np.isfinite(a))
        at = tuple(int(i) for i in bad[0])
        raise DataError(f"{what} holds {a[at]} at index {at[0] if len(at) == 1 else at}"
                        f"{f' and {len(bad) - 1} more' if len(bad) > 1 else ''}; remove them, or pass nan_policy='omit'")


def whitening(sigma: Any, size: int, what: str) -> Any:
    s = numbers(sigma, f"sigma{what}")
    if s.ndim == 0 or s.shape == (size,):
        if not ((s > 0).all() and np.isfinite(s).all()):
            at = int(np.flatnonzero(~((s > 0) & np.isfinite(s)))[0])
            raise DataError(f"sigma{what} must be positive and finite; it holds {np.ravel(s)[at]} at index {at}")
        return 1 / s
    if s.shape != (size, size):
        raise ShapeError(f"sigma{what} has shape {s.shape}; it must be a number, ({size},) or ({size}, {size})")
    try:
        return np.linalg.inv(np.linalg.cholesky(s))
    except np.linalg.LinAlgError:
        raise DataError(f"sigma{what} must be a positive definite covariance matrix") from None


def data_sets(models: Any, xs: Any, ys: Any, sigma: Any, nan_policy: str | None) -> tuple[list[Any], Array, Any]:
    """Several data sets as one vector y; each keeps its own x."""
    if not isinstance(xs, list | tuple) or len(xs) != len(ys):
        raise ShapeError(f"ydata is a list of {len(ys)} data sets; xdata must be a list of as many")
    if len(models) not in {1, len(ys)}:
        raise ShapeError(f"there are {len(models)} models for {len(ys)} data sets")
    sigmas = sigma if hasattr(sigma, "__len__") else [sigma] * len(ys)
    if len(sigmas) != len(ys):
        raise ShapeError(f"sigma is a list of {len(sigmas)} for {len(ys)} data sets")
    parts = [data_set(x, y, s, nan_policy, what=f"[{i}]") for i, (x, y, s) in enumerate(zip(xs, ys, sigmas, strict=True))]
    roots = [root for _, _, root in parts]
    if all(root is None for root in roots):
        root = None
    elif any(root is not None and root.ndim == 2 for root in roots):
        raise ShapeError("covariance matrices are for one data set; give one standard deviation per point for several")
    else:
        root = np.concatenate([np.broadcast_to(1.0 if r is None else r, y.shape)
                               for (_, y, _), r in zip(parts, roots, strict=True)])
    return [x for x, _, _ in parts], np.concatenate([y for _, y, _ in parts]), root

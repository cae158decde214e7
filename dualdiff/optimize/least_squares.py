"""Nonlinear least squares with an exact Jacobian from one sweep per step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..errors import ParameterError, require_function
from .attempts import attempts, checkpointed
from .checkpoint import require_file
from .fit_result import FitResult
from .losses import loss_of
from .parameters import Parameters
from .residuals import Residuals
from .result import (
    Callback,
    deadline,
    numbers,
    require,
    require_count,
    require_functions,
    require_one_of,
    require_part,
    require_positive,
)
from .spectrum import FEW
from .stopping import Settings

SCIPY = ("minpack", "trf", "dogbox")
METHODS = ("auto", "lm", "gauss-newton", *SCIPY)


def least_squares(residual: Callable[..., Any], x0: Any, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None,
                  bounds: Any = None, loss: Any = "linear", f_scale: float = 1.0, weights: Any = None,
                  fixed: str | int | Sequence[Any] = (), method: str = "auto", geodesic: bool = False, xtol: float = 1e-10,
                  ftol: float = 0.0, gtol: float = 0.0, max_nfev: int | None = None, max_iter: int | None = None,
                  max_seconds: float | None = None, callback: Callback | None = None, checkpoint: Any = None,
                  resume: bool = False, jac: Callable[..., Any] | None = None, absolute_sigma: bool = False,
                  shards: Sequence[Any] | None = None, executor: Any = None, x_scale: Any = "jac") -> FitResult:
    """Minimise ½ Σ r(x)² over x: residuals in plain NumPy in, a ``FitResult`` out.

    ``residual(x, *args, **kwargs)`` returns an array of any shape, or a list or dict of arrays (several data sets). ``x0`` is
    a number, a list of numbers or an array, or a list, tuple or dict of arrays; the function gets the same form. ``bounds``
    is (lower, upper), each a number or of the form of x0, or a dict {name: (lower, upper)}; ``fixed`` holds parameters by
    name, index or mask. ``weights`` multiply the squares. ``loss``: "linear", "huber", "soft_l1", "cauchy", "arctan" with
    scale ``f_scale``, as in SciPy.

    ``method``: "lm" is Levenberg-Marquardt by Moré; "auto" starts it again with shorter steps, then with ``geodesic``
    acceleration (one sweep more per step), at last from beside x0, where it ended at a point that the data do not determine,
    and takes the best; "gauss-newton" takes full steps only; "minpack", "trf", "dogbox" are SciPy's, with our Jacobian.
    ``x_scale`` as in SciPy: "jac", a number, or of the form of x0.
    Stops where the next step is within ``xtol`` of every parameter, on ``ftol`` or ``gtol`` if positive, after ``max_nfev``
    evaluations (else 100 per parameter and 100, for each start), ``max_iter`` steps or ``max_seconds``; Ctrl-C returns the
    best so far.
    ``callback(step, cost)`` may raise StopIteration. ``checkpoint`` names a file to write after each step; with ``resume`` a
    run continues from it to the same bits.

    Data that do not fit come in ``shards``, a sequence: residual(x, shard, *args) is then called with each, on a worker of
    ``executor`` (anything with ``submit``: concurrent.futures, Dask; a number of processes; None: here), and gives JᵀJ, or
    an R factor where conditioning asks, which are summed in the order of the shards. Shards of workers that die are sent
    again.

    Each step runs the function once, on duals; after one that was refused, and beyond 40 000 entries of the Jacobian, the
    next is first tried plainly. Memory: a few Jacobians. Raises DataError where the start is not finite.

    >>> fit = least_squares(lambda b: np.array([1.0, 2.0, 3.0]) * b[0] + b[1] - np.array([3.0, 5.0, 7.0]), [0.0, 0.0])
    >>> fit.x, fit.success
    (array([2., 1.]), True)
    """
    require_function(residual, "least_squares")
    parameters = Parameters(x0)
    if shards is None and executor is not None:
        raise ParameterError("executor works on shards; pass shards= too")
    if shards is not None and (weights is not None or jac is not None or geodesic or method not in {"auto", "lm"}):
        raise ParameterError("shards go with method='lm' and without weights, jac and geodesic; weigh inside the function")
    return fitted(residual, parameters, after=args, options=kwargs, bounds=bounds, loss=loss, f_scale=f_scale,
                  root=weighting(weights), fixed=fixed, method=method, geodesic=geodesic, xtol=xtol, ftol=ftol, gtol=gtol,
                  max_nfev=max_nfev, max_iter=max_iter, max_seconds=max_seconds, callback=callback, checkpoint=checkpoint,
                  resume=resume, jac=jac, absolute_sigma=absolute_sigma, x_scale=x_scale, shards=shards, executor=executor)


def weighting(weights: Any) -> Any:
    """The square root of weights, which multiplies residuals."""
    if weights is None:
        return None
    w = numbers(weights, "weights").astype(np.float64)
    if not (np.isfinite(w).all() and (w >= 0).all() and (w > 0).any()):
        raise ParameterError("weights must be finite and at least 0, and not all 0")
    return np.sqrt(w).reshape(-1) if w.ndim else np.sqrt(w)


def scaling(x_scale: Any, parameters: Parameters) -> Any:
    """1/x_scale, None for "jac"."""
    if x_scale is None or (isinstance(x_scale, str) and x_scale == "jac"):
        return None
    D: Any = np.zeros(1)
    with suppress(TypeError, ValueError), np.errstate(all="ignore"):
        D = 1 / parameters.vector(x_scale, "x_scale")
    require(bool(((D > 0) & np.isfinite(D)).all()), "x_scale", x_scale, "'jac', a positive number, or one per parameter")
    return D


def fitted(f: Callable[..., Any], parameters: Parameters, *, before: tuple[Any, ...] = (), after: tuple[Any, ...] = (),
           options: dict[str, Any] | None = None, target: Any = None, root: Any = None, bounds: Any = None,
           loss: Any = "linear", f_scale: float = 1.0, fixed: Any = (), method: str = "auto", geodesic: bool = False,
           xtol: float = 1e-10, ftol: float = 0.0, gtol: float = 0.0, max_nfev: int | None = None,
           max_iter: int | None = None, max_seconds: float | None = None, callback: Any = None, checkpoint: Any = None,
           resume: bool = False, jac: Any = None, absolute_sigma: bool = False, leap: bool = False,
           shards: Any = None, executor: Any = None, x_scale: Any = "jac") -> FitResult:
    """The fit behind ``least_squares`` and ``curve_fit``."""
    check(method, xtol, ftol, gtol, f_scale, max_nfev, max_iter)
    end = deadline(max_seconds)
    if method in SCIPY and (geodesic or max_iter or max_seconds or callback or checkpoint):
        raise ParameterError(f"method={method!r} is SciPy's, without geodesic, max_iter, max_seconds, callback and checkpoint; "
                             "use method='lm'")
    if isinstance(jac, str) and jac in {"2-point", "3-point", "cs"}:  # SciPy's names: ours is exact
        jac = None
    require_functions(jac=jac, callback=callback)
    require_file(checkpoint, resume)
    require(isinstance(after, tuple | list | np.ndarray), "args", after, "a tuple")
    require(options is None or isinstance(options, dict), "kwargs", options, "a dict")
    limits, scale = parameters.bounds(bounds), scaling(x_scale, parameters)
    free = None
    if fixed is not None and (not isinstance(fixed, tuple) or fixed):
        free = ~parameters.chosen(fixed, "fixed")
        if not free.any():
            raise ParameterError("every parameter is fixed: there is nothing to fit")
        limits = None if limits is None else (limits[0][free], limits[1][free])
        scale = None if scale is None else scale[free]
    start = parameters.flat if free is None else parameters.flat[free]
    problem: Any
    if shards is None:
        problem = Residuals(f, parameters, before, after, options, target, root, loss_of(loss), float(f_scale), jac, free)
    else:
        from .shards import Shards
        problem = Shards(f, parameters, shards, executor, after, options, loss, float(f_scale), free)
    again = method == "auto"
    usual = 100 * (start.size + 1)
    settings = Settings(xtol, ftol, gtol, max_nfev or usual, None if max_nfev else usual, max_iter, geodesic=geodesic,
                        bounds=limits, damped=method != "gauss-newton", callback=callback, leap=leap, scale=scale,
                        adaptive=again and shards is None and start.size <= FEW,
                        deadline=end)
    try:
        if method in SCIPY:
            from .scipy_engines import scipy_fit
            state, point, reason, message = scipy_fit(problem, start, settings, method)
        elif checkpoint is not None:
            state, point, reason, message = checkpointed(problem, start, settings, again, checkpoint, resume)
        else:
            state, point, reason, message = attempts(problem, start, settings, again)
    finally:
        if shards is not None:
            problem.workers.close()
    return FitResult(parameters, point, state, reason, message, free, absolute_sigma)


def check(method: str, xtol: float, ftol: float, gtol: float, f_scale: float, max_nfev: Any, max_iter: Any) -> None:
    require_one_of("method", method, METHODS)
    for name, value in (("xtol", xtol), ("ftol", ftol), ("gtol", gtol)):
        require_part(name, value)
    require_positive("f_scale", f_scale)
    for name, count in (("max_nfev", max_nfev), ("max_iter", max_iter)):
        if count is not None:
            require_count(name, count)

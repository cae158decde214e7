"""Uncertainty through any function: J C Jᵀ with an exact Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import ParameterError, ShapeError, require_function
from ..transforms import jacobian
from ..transforms.trees import flatten
from .parameters import Parameters
from .residuals import Residuals
from .result import Array, joined, numbers, require_one_of

BLOCK = 8192  # results at a time, so that their derivatives stay in the cache


class Propagated(NamedTuple):
    """``value`` and ``stderr`` shaped like f's result; ``covariance`` (m, m) over its raveled entries, if asked for."""

    value: Array
    stderr: Array
    covariance: Array | None


def propagate(f: Callable[[Any], Any], values: Any, covariance: Any, *, order: int = 1, full: bool = False) -> Propagated:
    """The value of f(values) and its standard error, for values with the given covariance.

    ``values``: a number, an array or a tree of them, as the ``x`` of a fit; ``covariance``: (n, n) over all their entries,
    n variances, or one for all. f returns an array of any shape. The standard errors cost one sweep and m n² multiplications;
    ``full`` adds the covariance J C Jᵀ of the results, (m, m). ``order=2`` adds ½ tr(Hᵢ C) to the values and
    ½ tr(Hᵢ C Hⱼ C) to the covariance, which is exact for quadratic f of normal values, at the cost of m n² second derivatives.

    ISO/IEC Guide 98-3 (GUM), 5.1.2 and its note.

    >>> u = propagate(lambda p: p[0] * p[1], [3.0, 2.0], [0.01, 0.04])
    >>> u.value, u.stderr
    (array(6.), array(0.63245553))
    """
    require_function(f, "propagate")
    require_one_of("order", order, (1, 2))
    parameters = Parameters(values, "values")
    n = parameters.flat.size
    C = covariance_of(covariance, n)

    shapes: list[tuple[int, ...]] = []

    def seen(tree: Any) -> Any:
        leaves = flatten(f(tree), "the result of f")[0]
        out = leaves[0] if len(leaves) == 1 else joined(leaves)
        shapes[:] = [np.shape(out)]
        return out

    value, Jt = Residuals(seen, parameters).by_duals(parameters.flat)
    value = value.reshape(shapes[0])
    root = factor(C)
    stderr = np.empty(value.size)
    for first in range(0, value.size, BLOCK):
        stderr[first:first + BLOCK] = lengths(root.T @ Jt[:, first:first + BLOCK])
    spread = root.T @ Jt if full else None
    joint = None if spread is None else spread.T @ spread
    if order == 2:
        slopes = jacobian(jacobian(lambda x: np.ravel(seen(parameters.rebuild(parameters.split(x))))))
        H = np.asarray(slopes(parameters.flat)).reshape(value.size, n, n)
        HC = np.matmul(root.T, np.matmul(H, root))  # Lᵀ H L, whose traces are those of H C
        value = value + 0.5 * np.trace(HC, axis1=1, axis2=2).reshape(value.shape)
        HC = HC.reshape(value.size, -1)
        stderr = np.hypot(stderr, lengths(HC.T) * np.sqrt(0.5))
        joint = None if joint is None else joint + 0.5 * HC @ HC.T
    return Propagated(value, stderr.reshape(value.shape), joint)


def lengths(A: Array) -> Array:
    """Of the columns, where their squares overflow or underflow too."""
    with np.errstate(over="ignore", under="ignore"):
        squares = np.einsum("ij,ij->j", A, A)
    far = ~((squares > 1e-290) & (squares < np.inf))
    found: Array = np.sqrt(squares)
    if far.any():
        found[far] = np.hypot.reduce(A[:, far])
    return found


def covariance_of(covariance: Any, n: int) -> Array:
    C = numbers(covariance, "the covariance").astype(np.float64)
    if C.ndim < 2:
        if C.shape not in {(), (n,)}:
            raise ShapeError(f"there are {C.size} variances for {n} values")
        C = np.diag(np.broadcast_to(C, (n,)))
    if C.shape != (n, n):
        raise ShapeError(f"the covariance has shape {C.shape}; {n} values need ({n}, {n})")
    if not np.isfinite(C).all():
        raise ParameterError("the covariance is not finite: the fit did not determine every parameter (see its undetermined)")
    return C


def factor(C: Array) -> Array:
    """L with L Lᵀ = C; C may be singular, as where a parameter was fixed, but not indefinite."""
    d = np.sqrt(np.maximum(np.diag(C), 0.0))
    scale = np.where(d > 0, d, 1.0)
    square, V = np.linalg.eigh(C / np.outer(scale, scale))
    if np.abs(C - C.T).max(initial=0.0) > 1e-8 * np.abs(C).max(initial=0.0) or square[0] < -1e-8 * max(square[-1], 1.0):
        raise ParameterError("the covariance must be symmetric and positive semidefinite")
    L: Array = scale[:, None] * V * np.sqrt(np.maximum(square, 0.0))
    return L

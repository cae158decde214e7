"""Least squares over data that does not fit: each shard's JᵀJ and Jᵀr, or its R factor, is made where the shard is.

What travels is n² numbers per shard, whatever its length. The sums are taken in the order of the shards, so that neither the
number of workers nor their speed changes a bit of the answer. Where JᵀJ has lost digits, the R factors of the shards are
stacked and factored again instead: J. Demmel et al., *Communication-optimal parallel and sequential QR* (2012).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from .losses import loss_of
from .parameters import Parameters
from .residuals import Point, Residuals
from .result import Array
from .spectrum import of_normal
from .workers import Workers


class Summed(Point):
    """The linearised problem from sums over shards: JᵀJ and Jᵀr without J."""

    __slots__ = ()

    def __init__(self, x: Array, A: Array, g: Array, cost: float, rows: int) -> None:
        self.x, self.A, self.g, self.cost, self.rows = x, A, g, cost, rows
        self.r: Any = None
        self.Jt = self.raw = self.spectrum = None

    def restricted(self, free: Any, p: Array) -> Point:
        g = self.g[free] + self.A[np.ix_(free, ~free)] @ p[~free]
        return Summed(self.x[free], self.A[np.ix_(free, free)], g, self.cost, self.rows)


class Factored(Point):
    """The same from R and Qᵀr, which stand for J and r in all that is asked of them."""

    __slots__ = ()

    def __init__(self, x: Array, R: Array, z: Array, cost: float, rows: int) -> None:
        super().__init__(x, z, np.ascontiguousarray(R.T), cost, z)
        self.rows = rows
        self.raw: Any = None


def on_shard(f: Any, parameters: Parameters, args: Any, options: Any, loss: Any, scale: float, free: Any, x: Array,
             factored: bool, shard: Any) -> tuple[Any, Any, float, int]:
    """(JᵀJ, Jᵀr, cost, rows) of one shard, or (R, Qᵀr, cost, rows). Runs on a worker."""
    problem = Residuals(f, parameters, after=(shard, *args), options=options, loss=loss_of(loss), scale=scale, free=free)
    problem.size = -1  # each shard has its own; a value that is not finite is met later
    with np.errstate(all="ignore"):
        point = problem.sweep(x)
    if not factored:
        return point.A, point.g, point.cost, point.rows
    R, z = triangle(point)
    return R, z, point.cost, point.rows


def triangle(point: Point) -> tuple[Any, Any]:
    """R and Qᵀr of J = Q R. Cholesky twice, which is as orthogonal as Householder's QR while J has seven digits to lose and
    six times as fast (Y. Yamamoto et al., *Roundoff error analysis of the CholeskyQR2 algorithm*, 2015), else QR.
    """
    Jt, D, n = point.Jt, point.scales(), point.x.size
    try:
        first: Any = np.linalg.cholesky(point.A / np.outer(D, D))
        if first.diagonal().min()**2 > 1e-12:
            W = (np.linalg.inv(first) / D) @ Jt
            second: Any = np.linalg.cholesky(W @ W.T)
            return second.T @ first.T * D, np.linalg.solve(second, W @ point.r)
    except np.linalg.LinAlgError:
        pass
    corner: Any = np.linalg.qr(np.column_stack([Jt.T, point.r]), mode="r")[:n]
    return parted(corner, n)


def parted(corner: Array, n: int) -> tuple[Array, Array]:
    """R and Qᵀr, of n rows, from the factor of both side by side, which few rows of data leave short."""
    R = np.zeros((n, n + 1))
    R[:corner.shape[0]] = corner
    return R[:, :-1], R[:, -1]


class Shards:
    """The problem that the algorithm iterates on: ``sweep`` gathers from all shards."""

    def __init__(self, f: Callable[..., Any], parameters: Parameters, shards: Sequence[Any], executor: Any,
                 args: tuple[Any, ...], options: Any, loss: Any, scale: float, free: Any) -> None:
        loss_of(loss)  # asked here, not on a worker
        self.common = (f, parameters, args, options, loss, scale, free)
        self.n = parameters.flat.size if free is None else int(free.sum())
        self.workers = Workers(executor, self.common, shards)
        self.factored = False
        self.nfev = self.njev = 0

    def sweep(self, x: Array) -> Point:
        self.nfev += 1
        self.njev += 1
        if not self.factored:
            A, g, cost, rows = np.zeros((self.n, self.n)), np.zeros(self.n), 0.0, 0
            for part in self.workers.map(on_shard, (*self.common, x, self.factored)):
                A, g, cost, rows = A + part[0], g + part[1], cost + part[2], rows + part[3]
            point = Summed(x, A, g, cost, rows)
            if not np.isfinite(A).all() or cost - cost != 0:
                if self.nfev == 1:
                    raise DataError("the residuals or their derivatives are not finite at the start. Start elsewhere, or "
                                    "check the data")
                point.cost = np.inf
                return point
            if not of_normal(A, g, point.scales()).ill:
                return point
            self.factored = True  # once for the run: half the digits would be lost
        stacked: Any = np.zeros((0, self.n + 1))
        cost, rows = 0.0, 0
        for part in self.workers.map(on_shard, (*self.common, x, self.factored)):
            both = np.vstack([stacked, np.column_stack(part[:2])])
            if not np.isfinite(both).all():
                return Summed(x, np.eye(self.n), np.zeros(self.n), np.inf, rows)
            stacked = np.linalg.qr(both, mode="r")[:self.n]
            cost, rows = cost + part[2], rows + part[3]
        return Factored(x, *parted(stacked, self.n), cost, rows)

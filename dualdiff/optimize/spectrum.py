"""The linearised problem min ‖r + J p‖ in scaled coordinates q = D p, decomposed once for every damping.

``Spectral`` (singular values: small problems, any conditioning) and ``Damped`` (Cholesky of JᵀJ + λ D²: many parameters) both
answer ``step(delta)``: the Levenberg-Marquardt step of at most that scaled length.

J. J. Moré, *The Levenberg-Marquardt algorithm: implementation and theory* (1978): the iteration for λ, his eqs. (5.3)-(5.5).
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from .result import Array

EPS = float(np.finfo(float).eps)
FEW = 48                                                   # parameters up to which singular values cost less than they tell
SMALL = 300_000                                            # entries of J up to which its own SVD is taken
ILL = 1e-10                                                # eigenvalues of scaled JᵀJ below this have lost half their digits
NEARLY = 1.1                                               # Moré's: a step 10 % too long is not worth another λ


class Step:
    """q = D p, its length, the damping, and the reduction of ½‖r‖² that the linear model predicts."""

    __slots__ = ("damping", "length", "p", "predicted")

    def __init__(self, p: Array, length: float, damping: float, predicted: float) -> None:
        self.p, self.length, self.damping, self.predicted = p, length, damping, predicted


class Spectral:
    """J D⁻¹ = U diag(s) Vᵀ and z = Uᵀ r."""

    def __init__(self, D: Array, s: Array, V: Array, z: Array, rows: int) -> None:
        self.D, self.s, self.V, self.z = D, s, V, z
        self.rank_tolerance = EPS * max(rows, s.size) * float(s[0]) if s.size else 0.0

    @property
    def condition(self) -> float:
        return float(self.s[0] / self.s[-1]) if self.s[-1] > 0 else np.inf

    def step(self, delta: float, least: float = 0.0) -> Step:
        s, z = self.s, self.z
        singular = s[-1] <= self.rank_tolerance
        damping = least
        if singular:
            keep = s > self.rank_tolerance
            w = np.where(keep, -z / np.where(keep, s, 1.0), 0.0) if not least else -s * z / (s * s + least)
        else:
            w = -z / s if not least else -s * z / (s * s + least)
        length = sqrt(w.dot(w))
        if length > NEARLY * delta:
            square, sz = s * s, s * z
            low, high = damping, float(sqrt(sz.dot(sz))) / delta
            if not singular:                               # Newton's iteration on φ(λ) = ‖q(λ)‖ - δ from the left end
                low = max(low, (length - delta) / delta * length**2 / max(float((w * w / square).sum()), 1e-300))
            damping = min(low, high) if low > 0 else max(1e-3 * high, sqrt(low * high))
            for _ in range(12):
                shifted = square + damping
                w = -sz / shifted
                length = sqrt(w.dot(w))
                if abs(length - delta) <= 0.1 * delta:
                    break
                if length > delta:
                    low = max(low, damping)
                else:
                    high = min(high, damping)
                slope = float((w * w / shifted).sum())
                damping += (length - delta) / delta * length**2 / max(slope, 1e-300)
                if not low < damping < high:
                    damping = sqrt(max(low, 1e-6 * high) * high)
        sw = s * w
        return Step((self.V @ w) / self.D, length, damping, -float(sw.dot(z) + 0.5 * sw.dot(sw)))

    def solve(self, rhs: Array, damping: float) -> Array:
        """-(JᵀJ + λD²)⁻¹ rhs for a gradient-like rhs."""
        shifted = self.s * self.s + max(damping, self.rank_tolerance**2)
        p: Array = -(self.V @ ((self.V.T @ (rhs / self.D)) / shifted)) / self.D
        return p

    def covariance(self) -> tuple[Array, Any]:
        """(JᵀJ)⁻¹, and a mask of the parameters that the data do not determine (infinite there)."""
        keep = self.s > self.rank_tolerance
        W = self.V[:, keep] / self.s[keep]
        C = (W @ W.T) / np.outer(self.D, self.D)
        loose = (np.abs(self.V[:, ~keep]) > sqrt(EPS)).any(1)
        C[loose] = C[:, loose] = np.inf
        return C, loose


def of_rows(Jt: Array, r: Array, D: Array) -> Spectral:
    """From the Jacobian itself: backward stable."""
    n, m = Jt.shape
    scaled = (Jt / D[:, None]).T
    if n * m > SMALL and m > n:                            # QR first: of Q only Qᵀr is needed
        corner: Any = np.linalg.qr(np.column_stack([scaled, r]), mode="r")[:n]
        scaled, r = corner[:, :n], corner[:, n]
        m = n
    U, s, Vt = np.linalg.svd(scaled, full_matrices=False)
    z = U.T @ r
    if m < n:                                              # fewer residuals than parameters: the rest is not determined
        s, z = np.append(s, np.zeros(n - m)), np.append(z, np.zeros(n - m))
        Vt = np.vstack([Vt, np.linalg.svd(Vt)[2][m:]])
    return Spectral(D, s, Vt.T, z, max(m, n))


def of_normal(A: Array, g: Array, D: Array) -> Spectral:
    """From JᵀJ and Jᵀr: half the digits of J's small singular values, at a fraction of the cost."""
    square, V = np.linalg.eigh(A / np.outer(D, D))
    s = np.sqrt(np.maximum(square[::-1], 0.0))
    V = V[:, ::-1]
    found = Spectral(D, s, V, (V.T @ (g / D)) / np.maximum(s, 1e-300), s.size)
    found.rank_tolerance = sqrt(EPS * s.size) * float(s[0])
    found.z = np.where(s > found.rank_tolerance, found.z, 0.0)
    return found


class Damped:
    """JᵀJ and g for many parameters: a Cholesky factorisation per damping."""

    def __init__(self, A: Array, g: Array, D: Array, damping: float) -> None:
        self.A, self.g, self.D, self.damping = A / np.outer(D, D), g / D, D, damping

    condition = 1.0                                        # not known here; singularity shows as a damping that stays

    def step(self, delta: float, least: float = 0.0) -> Step:
        damping = max(least, self.damping if self.damping > 1e-14 else 0.0)
        n = self.g.size
        q, length, low, high = np.zeros(n), 0.0, 0.0, np.inf
        for turn in range(10):
            try:
                L: Any = np.linalg.cholesky(self.A + damping * np.eye(n))
            except np.linalg.LinAlgError:
                low = damping
                damping = max(10 * damping, 1e-12 * n)
                continue
            q = -solved(L, self.g)
            length = sqrt(q.dot(q))
            if (length <= NEARLY * delta and (damping <= least or length >= 0.75 * delta)) or turn == 9:
                break
            v = half_solved(L, q)
            if length > delta:
                low = max(low, damping)
            else:
                high = min(high, damping)
            damping += (length - delta) / delta * length**2 / float(v.dot(v))
            if damping <= least:
                damping = least
            elif not low <= damping < high:
                damping = sqrt(max(low, 1e-4 * min(high, 1.0)) * min(high, 1e4 * max(low, 1e-8)))
        self.damping = damping
        return Step(q / self.D, length, damping, -float(self.g.dot(q) + 0.5 * q.dot(self.A @ q)))

    def solve(self, rhs: Array, damping: float) -> Array:
        p: Array = -np.linalg.solve(self.A + (damping + EPS) * np.eye(self.g.size), rhs / self.D) / self.D
        return p


def half_solved(L: Any, b: Any) -> Any:
    """L⁻¹ b by halves: NumPy has no triangular solve, and a general one costs as much as the factorisation."""
    n = L.shape[0]
    if n <= 64:
        return np.linalg.solve(L, b)
    k = n // 2
    top = half_solved(L[:k, :k], b[:k])
    return np.concatenate([top, half_solved(L[k:, k:], b[k:] - L[k:, :k] @ top)])


def transposed_solved(L: Any, b: Any) -> Any:
    n = L.shape[0]
    if n <= 64:
        return np.linalg.solve(L.T, b)
    k = n // 2
    bottom = transposed_solved(L[k:, k:], b[k:])
    return np.concatenate([transposed_solved(L[:k, :k], b[:k] - L[k:, :k].T @ bottom), bottom])


def solved(L: Any, b: Any) -> Any:
    return transposed_solved(L, half_solved(L, b))


def spectrum(point: Any, D: Array, damping: float, careful: bool) -> Any:
    """The decomposition that size and conditioning ask for."""
    normal = getattr(point, "A", None)
    if normal is None:
        n, m = point.Jt.shape
        if n <= FEW and n * m <= SMALL:
            return of_rows(point.Jt, point.r, D)
        if careful and n * n * m <= 2_000_000_000:
            return of_rows(point.Jt, point.r, D)
        normal, g = point.Jt @ point.Jt.T, point.gradient()
    else:
        g = point.gradient()
    if normal.shape[0] > FEW:
        return Damped(normal, g, D, damping)
    found = of_normal(normal, g, D)
    if found.s[-1]**2 < ILL * found.s[0]**2 and getattr(point, "Jt", None) is not None:
        return of_rows(point.Jt, point.r, D)
    return found

"""The linearised problem min ‖r + J p‖ in scaled coordinates q = D p, decomposed once for every damping.

``Spectral`` (eigenvalues or singular values: few parameters) answers ``step(delta)`` with the Levenberg-Marquardt step of at
most that scaled length, ``Damped`` (conjugate gradients: many parameters) with that of the damping it is told.

J. J. Moré, *The Levenberg-Marquardt algorithm: implementation and theory* (1978): the iteration for λ, his eqs. (5.3)-(5.5).
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Any

import numpy as np

from .result import EPS, Array

FEW = 48  # parameters up to which singular values cost less than they tell
HANDFUL = 8  # parameters that plain Python solves for sooner than LAPACK
PIVOT = 1e-6  # of scaled JᵀJ, whose diagonal is 1
SMALL = 300_000  # entries of J up to which its own SVD is taken
ILL = 1e-7  # smaller eigenvalues of scaled JᵀJ cost digits of the answer
LOOSE = 0.03  # of the gradient's length: what a damped step may leave of it
SINGLE = 1e25  # lengths of columns that single precision holds, and the entries that matter to them
NEARLY = 1.1  # Moré's: a step 10 % too long is not worth another λ


def length(v: Array) -> float:
    return sqrt(v.dot(v))


class Step:
    """q = D p, its length, the damping, and the reduction of ½‖r‖² that the linear model predicts."""

    __slots__ = ("damping", "length", "p", "predicted")

    def __init__(self, p: Array, length: float, damping: float, predicted: float) -> None:
        self.p, self.length, self.damping, self.predicted = p, length, damping, predicted


class Spectral:
    """D⁻¹ JᵀJ D⁻¹ = V diag(square) Vᵀ and h = Vᵀ D⁻¹ Jᵀ r; directions with squares up to ``tiny`` are not determined."""

    __slots__ = ("D", "V", "h", "largest", "least", "square", "tiny")

    def __init__(self, D: Array, square: Any, V: Array, h: Array, tiny: float) -> None:
        self.D, self.square, self.V, self.h = D, square, V, h
        self.least, self.largest = (float(square[0]), float(square[-1]))  # ascending
        self.tiny = tiny * self.largest

    @property
    def singular(self) -> bool:
        return self.least <= self.tiny

    @property
    def ill(self) -> bool:
        """Whether JᵀJ has lost digits that J has."""
        return not self.least > ILL * self.largest

    def step(self, delta: float) -> Step:
        square, h, damping = self.square, self.h, 0.0
        if self.least > self.tiny:
            w = h / -square
        else:
            keep = square > self.tiny
            w = np.where(keep, h / -np.where(keep, square, 1.0), 0.0)
        length = sqrt(w.dot(w))
        if length > NEARLY * delta:
            w, length, damping = self.damped(delta, w, length)
        return Step((self.V @ w) / self.D, length, damping, 0.5 * (damping * length * length - float(w.dot(h))))

    def damped(self, delta: float, w: Array, length: float) -> tuple[Array, float, float]:
        """Newton's iteration on ‖q(λ)‖ = delta, kept inside a bracket that shrinks."""
        square, h = self.square, self.h
        low, high = 0.0, sqrt(h.dot(h)) / delta
        if self.least > self.tiny:
            low = (length - delta) / delta / float((np.square(w / length) / square).sum())
        damping = min(low, high) if low > 0 else 1e-3 * high
        for _ in range(12):
            shifted = square + damping
            w = h / -shifted
            length = sqrt(w.dot(w))
            if abs(length - delta) <= 0.1 * delta:
                break
            if length > delta:
                low = max(low, damping)
            else:
                high = min(high, damping)
            damping += (length - delta) / delta / float((np.square(w / length) / shifted).sum())
            if not low < damping < high:
                damping = sqrt(max(low, 1e-6 * high) * high)
        return w, length, damping

    def solve(self, rhs: Array, damping: float) -> Array:
        """-(JᵀJ + λD²)⁻¹ rhs."""
        p: Array = -(self.V @ ((self.V.T @ (rhs / self.D)) / (self.square + max(damping, self.tiny)))) / self.D
        return p

    def covariance(self) -> tuple[Array, Any]:
        """(JᵀJ)⁻¹, and a mask of the parameters that the data do not determine (infinite there)."""
        V, square = self.V, self.square
        loose: Any = np.zeros(square.size, bool)
        if self.least <= self.tiny:
            keep = square > self.tiny
            loose = (np.abs(V[:, ~keep]) > sqrt(EPS)).any(1)
            V, square = V[:, keep], square[keep]
        W = V / self.D[:, None]
        C = (W / square) @ W.T
        C[loose] = C[:, loose] = np.inf
        return C, loose


def of_rows(Jt: Array, r: Array, D: Array) -> Spectral:
    """From the Jacobian itself, by its singular values: backward stable."""
    n, m = Jt.shape
    scaled = (Jt / D[:, None]).T
    rows = max(m, n)
    if n * m > SMALL and m > n:  # QR first: of Q only Qᵀr is needed
        corner: Any = np.linalg.qr(np.column_stack([scaled, r]), mode="r")[:n]
        scaled, r = corner[:, :n], corner[:, n]
        m = n
    U, s, Vt = np.linalg.svd(scaled, full_matrices=m < n)
    h = s * (U.T @ r)
    if m < n:  # fewer residuals than parameters: the rest is not determined
        s, h = np.append(s, np.zeros(n - m)), np.append(h, np.zeros(n - m))
    return Spectral(D, (s * s)[::-1], Vt[::-1].T, h[::-1], (EPS * rows)**2)


def of_normal(A: Array, g: Array, D: Array) -> Spectral:
    """From JᵀJ and Jᵀr: half the digits of J's small singular values, at a fraction of the cost."""
    square, V = np.linalg.eigh(A / (D[:, None] * D))
    return Spectral(D, square, V, (g / D) @ V, EPS * D.size)


class Damped:
    """Steps in many parameters, with the damping λ that ``state`` holds and each step's success changes.

    While λ is positive a step need not be exact: conjugate gradients solve (JᵀJ + λ D²) p = -Jᵀr to within ``LOOSE``, and
    JᵀJ is never formed (S. J. Wright, J. N. Holt, *An inexact Levenberg-Marquardt method for large sparse nonlinear least
    squares*, 1985). Where they take long, and for the undamped steps that give the last digits, JᵀJ is solved with, or J
    itself where JᵀJ is ill conditioned.
    """

    singular, least = False, 0.0  # not known here; it shows as a damping that stays

    def __init__(self, point: Any, state: Any, D: Array) -> None:
        self.point, self.state, self.D, self.g = point, state, D, point.g / D

    def step(self, delta: float) -> Step:
        damping = self.state.damping if delta < np.inf else 0.0
        rows = self.point.Jt is not None
        found = self.conjugate(damping) if damping > 0 and rows else None
        if found is None:
            if rows and (self.state.ill or (damping == 0 and self.loses_digits())):
                q = self.of_rows(damping)
            else:
                q, damping = self.exact(self.g, damping)
            against = self.g
        else:
            q, left = found
            against = self.g - left
        square = float(q.dot(q))
        return Step(q / self.D, sqrt(square), damping, 0.5 * (damping * square - float(q.dot(against))))

    def conjugate(self, damping: float) -> tuple[Array, Array] | None:
        """Conjugate gradients from 0, with J in single precision, which is half as long to read and far better than
        ``LOOSE``, and what is left of the gradient; None where they take about as long as solving does.
        """
        D = self.D
        Jt = self.point.Jt.astype(np.float32 if D.min() > 1 / SINGLE and D.max() < SINGLE else np.float64, copy=False)
        s = -self.g
        q, p, square = np.zeros(D.size), s, float(s.dot(s))
        enough = LOOSE * LOOSE * square
        for _ in range(D.size // 4):
            if square <= enough:
                return q, s
            b = Jt.dot(Jt.T.dot((p / D).astype(Jt.dtype, copy=False))) / D + damping * p
            a = square / float(p.dot(b))
            q = q + a * p
            s = s - a * b
            last, square = square, float(s.dot(s))
            p = s + (square / last) * p
        return None

    def loses_digits(self) -> bool:
        """Whether JᵀJ has lost digits that J has, as far as one vector tells; ``state.ill`` remembers it."""
        n = self.D.size
        A, v = self.point.A / self.D[:, None] / self.D, np.cos(np.arange(1.0, n + 1))
        try:
            least = length(v) / (sqrt(n) * length(np.linalg.solve(A, v)))  # v is a part 1/√n along the shortest direction
        except np.linalg.LinAlgError:
            least = 0.0
        self.state.ill = not least > ILL * float(np.linalg.norm(A))
        return bool(self.state.ill)

    def of_rows(self, damping: float) -> Array:
        """-(JᵀJ + λ)⁻¹ Jᵀr in scaled coordinates, from J itself, under which the damping stands as rows of its own."""
        n = self.D.size
        scaled = (self.point.Jt / self.D[:, None]).T
        if damping > 0:
            scaled = np.concatenate([scaled, np.diag(np.full(n, sqrt(damping)))])
        q: Array = -np.linalg.lstsq(scaled, np.append(self.point.r, np.zeros(len(scaled) - self.point.r.size)))[0]
        return q

    def exact(self, rhs: Array, damping: float) -> tuple[Array, float]:
        """-(JᵀJ + λ)⁻¹ rhs in scaled coordinates; with a tiny λ where JᵀJ alone is singular."""
        n = self.D.size
        A = self.point.A / self.D[:, None] / self.D
        for shift in (damping, max(damping, 1e-12 * n)):
            damped = A + np.diag(np.full(n, shift))
            try:
                q: Array = np.linalg.solve(damped, -rhs)
            except np.linalg.LinAlgError:
                continue
            if np.abs(damped.dot(q) + rhs).max() <= 1e-6 * np.abs(rhs).max():
                return q, shift
        return np.linalg.lstsq(damped, -rhs)[0], shift

    def solve(self, rhs: Array, damping: float) -> Array:
        return self.exact(rhs / self.D, damping)[0] / self.D


def inverse(A: Array, D: Array) -> Array | None:
    """A⁻¹ where it is well conditioned, the case of most fits, by one call; else None. The diagonal of the scaled inverse
    are the variance inflation factors, one over the pivots.
    """
    DD = D[:, None] * D
    try:
        C: Any = np.linalg.inv(A / DD)
    except np.linalg.LinAlgError:
        return None
    inflation = C.diagonal().tolist()
    if not (max(inflation) < 1 / PIVOT and min(inflation) > 0):
        return None
    C = (C + C.T) / (2 * DD)
    return C  # type: ignore[no-any-return]


def undamped(A: Array, g: Array, D: Array) -> tuple[Step, float] | None:
    """The Gauss-Newton step of a handful of parameters and the least pivot; None where a pivot says that digits are lost."""
    found = cholesky(D.size)(A.tolist(), g.tolist(), D.tolist())
    if found is None:
        return None
    p, square, predicted, smallest = found
    return Step(np.array(p), sqrt(square), 0.0, 0.5 * predicted), smallest


@cache
def cholesky(n: int) -> Any:
    """Cholesky's decomposition of n scaled equations and their solution, written out on Python's own numbers: for so few,
    NumPy's calls, and loops, cost more than the arithmetic.
    """
    index = range(n)
    lines = [f"{listed('a{i}_{j}', i, index)} = A[{i}]" for i in index]
    lines += [f"{listed(x + '{j}', 0, index)} = {whole}" for x, whole in (("g", "g"), ("d", "D"))]
    for i in index:
        for j in range(i):
            rest = minus(f"a{i}_{j} / (d{i} * d{j})", [(f"l{i}_{k}", f"l{j}_{k}") for k in range(j)])
            lines.append(f"l{i}_{j} = ({rest}) / l{j}_{j}")
        lines += [f"b{i} = {minus(f'a{i}_{i} / (d{i} * d{i})', [(f'l{i}_{k}', f'l{i}_{k}') for k in range(i)])}",
                  f"if not b{i} > {PIVOT}:", "    return None", f"l{i}_{i} = sqrt(b{i})",
                  f"y{i} = ({minus(f'g{i} / d{i}', [(f'l{i}_{k}', f'y{k}') for k in range(i)])}) / l{i}_{i}"]
    for i in reversed(index):  # backwards: Lᵀ w = -y
        lines.append(f"w{i} = ({minus(f'-y{i}', [(f'l{k}_{i}', f'w{k}') for k in reversed(range(i + 1, n))])}) / l{i}_{i}")
    square, predicted = (" + ".join(f"{x}{i} * {x}{i}" for i in index) for x in "wy")
    lines.append(f"return {listed('w{j} / d{j}', 0, index)}, {square}, {predicted}, min(1.0, {listed('b{j}', 0, index)[1:-1]})")
    meant: dict[str, Any] = {"sqrt": sqrt}
    exec(compile("\n    ".join(["def solved(A, g, D):", *lines]), "<cholesky>", "exec"), meant)
    return meant["solved"]


def listed(form: str, i: int, index: range) -> str:
    return f"[{', '.join(form.format(i=i, j=j) for j in index)}]"


def minus(first: str, products: list[tuple[str, str]]) -> str:
    return " - ".join([first, *(f"{a} * {b}" for a, b in products)])


def spectrum(point: Any, state: Any, D: Array) -> Any:
    """The decomposition that size and conditioning ask for; ``state.ill`` remembers that rows were needed."""
    if D.size > FEW:
        return Damped(point, state, D)
    if not state.ill or point.Jt is None:
        found = of_normal(point.A, point.g, D)
        if not found.ill or point.Jt is None:
            return found
        state.ill = True
    return of_rows(point.Jt, point.r, D)

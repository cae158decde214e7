"""Linear regression: ŷ = x · w + b, by least squares or by gradient descent."""

from __future__ import annotations

from math import sqrt
from typing import Any, Self

import numpy as np

from .. import jacobian
from ..errors import DivergenceError
from ..optimize import Callback, Result
from ..optimize.result import EPS, require_functions
from .costs import squared_cost, weighed
from .data import Array, counted
from .estimator import LinearPredictor


class LinearRegression(LinearPredictor):
    """ŷ = x · w + b with the least 1/(2n) Σ (y - ŷ)² + α/2 ‖w‖², eq. (8) of the lecture notes and a ridge.

    ``solver="gauss-newton"`` solves it at once, whatever the units of the columns: the Jacobian of the residuals by dual
    numbers over centred and scaled columns, its QR factors, and one step of refinement. Columns that depend on each other
    get the coefficients of least norm (in scaled columns). ``"gradient-descent"`` takes steps of ``learning_rate`` from
    zero, on the columns as they are, until the gradient's length is at most ``tol`` or ``max_iter`` steps were taken.
    ``mode``: derivatives by a "forward" sweep, a "reverse" sweep, or the explicit formula "backprop".

    After ``fit``: ``coef_`` (d,), ``intercept_``, ``n_features_in_``, ``feature_names_in_`` (of a data frame), ``n_iter_``,
    ``loss_history_``, ``converged_``, ``message_``. Gauss-Newton holds one (n, d + 1) Jacobian, for which mode "forward"
    sweeps once, and "reverse" back for every row.

    Å. Björck, *Numerical Methods for Least Squares Problems* (1996), sections 2.4 (QR) and 2.9 (refinement).

    >>> from dualdiff.datasets import load_norris
    >>> norris = load_norris()
    >>> model = LinearRegression().fit(norris.data, norris.target)
    >>> model.intercept_, float(model.coef_[0])
    (-0.262323073774, 1.002116818020)
    """

    solvers = ("gauss-newton", "gradient-descent")

    def __init__(self, *, fit_intercept: bool = True, alpha: float = 0.0, solver: str = "gauss-newton",
                 mode: str = "forward", learning_rate: float = 0.01, max_iter: int = 1000, tol: float = 1e-8) -> None:
        self.fit_intercept, self.alpha, self.solver, self.mode = fit_intercept, alpha, solver, mode
        self.learning_rate, self.max_iter, self.tol = learning_rate, max_iter, tol

    def fit(self, X: Any, y: Any, sample_weight: Any = None, callback: Callback | None = None) -> Self:
        """Learn from X, shape (n, d), and y, shape (n,); ``callback(iteration, loss)`` is called after every iteration."""
        X = self.read(X)
        data = counted(X, self.targets(y, len(X)), sample_weight)
        if self.solver == "gauss-newton":
            result = self.least_squares(callback, *data)
        else:
            result = self.descend(self.tree(np.zeros(X.shape[1]), 0.0), callback, *data)
        return self.learnt(result, X.shape[1])

    def predict(self, X: Any) -> Array:
        """ŷ for each row of X."""
        return np.asarray(self.fitted(X))

    # ---- the model in NumPy: what is differentiated
    def loss(self, T: Any, z: Any, *w: Any) -> Any:
        return squared_cost(T, z, *w)

    def error(self, T: Any, z: Any) -> Any:
        return z - T

    # ---- Gauss-Newton
    def least_squares(self, callback: Callback | None, X: Array, y: Array, *counts: Any) -> Result:
        """θ ← θ - δ with δ the least-squares solution of J δ = r, twice: a step, and one of refinement.

        Centred columns of length one leave J as well conditioned as a scaling can (van der Sluis, 1969). The ridge is
        n·α more squares: rows √(nα) w.
        """
        require_functions(callback=callback)
        root = [np.sqrt(w) for w in counts]
        centre = X[0] + weighed(X - X[0], *counts).mean(axis=0) if self.fit_intercept else np.zeros(X.shape[1])
        level = float(weighed(y, *counts).mean()) if self.fit_intercept else 0.0
        Z = X - centre
        size = np.max(np.abs(Z), axis=0)
        size *= np.sqrt(np.sum((weighed(Z, *root) / np.where(size == 0, 1.0, size))**2, axis=0))  # squares of Z may overflow
        constant = size <= len(X) * EPS * np.max(np.abs(X), axis=0)
        size[constant] = 1
        Z = np.where(constant, 0.0, Z / size)  # what rounding left of a constant column is no data
        weight = sqrt(len(y) * self.alpha)

        def residuals(theta: Any) -> Any:
            w = theta[: Z.shape[1]]
            b = theta[Z.shape[1]:] if self.fit_intercept else 0.0
            errors = weighed(Z @ w + b - (y - level), *root)
            return np.concatenate([errors, weight * w / size]) if self.alpha else errors

        theta = np.zeros(Z.shape[1] + self.fit_intercept)
        r = residuals(theta)
        history = [float(r @ r) / (2 * len(y))]
        J = self.jacobian_of(residuals, theta, Z, weight / size, *root)
        Q, R = np.linalg.qr(J)
        solved, message = True, "solved: QR and one step of refinement"
        for iteration in (1, 2):
            step = np.linalg.lstsq(R, Q.T @ r, rcond=max(J.shape) * EPS)[0]
            theta = theta - step
            r = residuals(theta)
            history.append(float(r @ r) / (2 * len(y)))
            if not np.isfinite(history[-1]):
                raise DivergenceError(f"least squares overflowed: the loss is {history[-1]}. Scale X and y to smaller numbers")
            if callback is not None:
                try:
                    callback(iteration, history[-1])
                except StopIteration:
                    solved, message = False, f"stopped by the callback after iteration {iteration}"
                    break
        w = theta[: Z.shape[1]] / size
        p = self.tree(w, level + float(theta[-1]) - float(centre @ w))
        return Result(p, history[-1], self.slope(p, X, y, *counts), iteration, iteration + 2, solved, message, history)

    def jacobian_of(self, residuals: Any, theta: Array, Z: Array, ridge: Array, *root: Any) -> Array:
        """J = ∂r/∂θ, shape (n, parameters), in the chosen mode."""
        if self.mode != "backprop":
            return np.asarray(jacobian(residuals, mode=self.mode)(theta))
        J = weighed(np.column_stack([Z, np.ones(len(Z))]) if self.fit_intercept else Z, *root)
        return np.concatenate([J, np.eye(Z.shape[1], len(theta)) * ridge[:, None]]) if self.alpha else J

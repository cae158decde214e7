"""A regression by any formula: Levenberg-Marquardt with exact derivatives, as an estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from .. import gradient
from ..errors import ParameterError, ShapeError
from ..optimize import Callback, FitResult, least_squares
from ..optimize.losses import loss_of
from .data import Array, counted
from .estimator import Estimator


class NonlinearRegression(Estimator):
    """ŷ = model(X, p) of least squared error: ``model`` in plain NumPy, X of shape (n, d), p in the form of ``start``.

    ``start``: a number, an array, or a list, tuple or dict of arrays. ``bounds``, ``loss``, ``f_scale`` and ``method`` are
    those of ``dualdiff.optimize.least_squares``, and so is the cost: one sweep per step. After ``fit``: ``params_`` in the
    form of start, ``stderr_``, ``covariance_``, ``result_`` (a ``FitResult``), ``n_features_in_``,
    ``feature_names_in_`` (of a data frame), ``n_iter_``, ``loss_history_``, ``converged_``, ``message_``.

    ``covariance_`` is s² (Jᵀ W J)⁻¹ with s² = Σ w r²/(n - p): weights are 1/σ² up to a factor, as in ``curve_fit``, and a
    row of weight 2 is one of the n.

    >>> X = np.linspace(0, 4, 9)[:, None]
    >>> model = NonlinearRegression(lambda X, p: p["a"] * np.exp(-p["b"] * X[:, 0]), {"a": 1.0, "b": 1.0})
    >>> print(*model.fit(X, 2.5 * np.exp(-1.3 * X[:, 0])).params_.values())
    2.5 1.3
    """

    params_: Any
    result_: FitResult

    def __init__(self, model: Callable[[Any, Any], Any], start: Any, *, bounds: Any = None, loss: str = "linear",
                 f_scale: float = 1.0, method: str = "auto", max_iter: int | None = None) -> None:
        self.model, self.start, self.bounds, self.loss = model, start, bounds, loss
        self.f_scale, self.method, self.max_iter = f_scale, method, max_iter

    def check_settings(self) -> None:
        if not callable(self.model):
            raise ParameterError(f"model must be a function model(X, parameters); got {self.model!r}")

    def fit(self, X: Any, y: Any, sample_weight: Any = None, callback: Callback | None = None) -> Self:
        """Learn from X, shape (n, d), and y, shape (n,); ``callback(iteration, loss)`` is called after every step."""
        X = self.read(X)
        X, T, *w = counted(X, self.targets(y, len(X)), sample_weight)
        loss: Any = self.loss
        rho, weights = loss_of(loss), w[0] if w else None
        if rho is not None and w:  # weights of squares would move where an outlier begins
            loss, weights = (lambda z: np.array(rho(z)) * w[0]), None
        self.result_ = fit = least_squares(lambda p: self.residuals(p, X, T), self.start, bounds=self.bounds, loss=loss,
                                           f_scale=self.f_scale, weights=weights, method=self.method, max_iter=self.max_iter,
                                           callback=callback)
        self.params_, self.stderr_, self.covariance_ = fit.x, fit.stderr, fit.covariance
        self.n_features_in_ = X.shape[1]
        self.keep(fit)
        return self

    def predict(self, X: Any) -> Array:
        """ŷ for each row of X."""
        X = self.checked(X)
        return np.asarray(self.model(X, self.params_), float)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but ``result_``, which holds functions of this process."""
        return {name: value for name, value in vars(self).items() if name != "result_"}

    def residuals(self, parameters: Any, X: Any, T: Any) -> Any:
        """model - y, of one shape: a column minus a row would be a matrix."""
        predicted = self.model(X, parameters)
        if np.shape(predicted) != T.shape:
            raise ShapeError(f"model returned shape {np.shape(predicted)} for {len(T)} rows; it must return {T.shape}")
        return predicted - T

    def cost(self, parameters: Any, X: Any, T: Any) -> Any:
        return np.sum(self.residuals(parameters, X, T) ** 2) / 2

    def slope(self, parameters: Any, X: Any, T: Any) -> Any:
        """By dual numbers: the formula is the user's."""
        return gradient(self.cost)(parameters, X, T)

    def fitted_parameters(self) -> Any:
        return self.params_

"""Generalised linear models with a logarithmic link: counts (Poisson) and positive amounts (gamma)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np

from ..errors import DataError
from ..optimize import Callback
from .costs import weighed
from .data import Array, counted, numbers, one_per_row
from .estimator import LinearPredictor


class LogLinear(LinearPredictor):
    """E y = exp(x · w + b): what the two models share."""

    positive_targets = True
    takes_zero = False

    def __init__(self, *, alpha: float = 1.0, fit_intercept: bool = True, mode: str = "reverse", max_iter: int = 100,
                 tol: float = 1e-8) -> None:
        self.alpha, self.fit_intercept, self.mode, self.max_iter, self.tol = alpha, fit_intercept, mode, max_iter, tol

    @staticmethod
    @abstractmethod
    def deviance(y: Any, z: Any) -> Any:
        """Half the unit deviance of y from exp(z), without its terms in y alone."""

    @staticmethod
    @abstractmethod
    def saturated(y: Any) -> Any:
        """The terms in y alone that make the deviance 0 at a perfect fit."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None, callback: Callback | None = None) -> Self:
        """Learn from X, shape (n, d), and y, shape (n,); ``callback(iteration, loss)`` is called after every iteration."""
        X = self.read(X)
        data = counted(X, self.targets(y, len(X)), sample_weight)
        if data[2:]:
            self.targets(data[1], len(data[1]))  # may be 0 where it counts
        start = self.tree(np.zeros(X.shape[1]), np.log(np.mean(weighed(*data[1:]))))
        return self.learnt(self.newton(start, callback, *data), X.shape[1])

    def predict(self, X: Any) -> Array:
        """The expected y for each row of X."""
        return np.asarray(np.exp(self.fitted(X)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """D², the share of the deviance explained: 1 for a perfect fit, 0 for always predicting the mean."""
        z = self.fitted(X)
        z, y, *w = counted(z, self.targets(y, len(z)), sample_weight)
        level = np.log(np.mean(weighed(y, *w)))
        rest, whole = (self.loss(y, mean, *w) + np.mean(weighed(self.saturated(y), *w)) for mean in (z, level))
        if not whole > 0:
            raise DataError(f"D² is undefined: all {len(y)} values of y are the same. Score on rows that differ")
        return float(1 - rest / whole)

    # ---- the model in NumPy: what is differentiated
    def loss(self, T: Any, z: Any, *w: Any) -> Any:
        return np.mean(weighed(self.deviance(T, z), *w))

    def targets(self, y: Any, n: int) -> Array:
        T = numbers(one_per_row(y, n), "y")
        if not T.any() or (T < 0 if self.takes_zero else T <= 0).any():
            least = "at least 0, with a positive mean" if self.takes_zero else "positive"
            raise DataError(f"y holds {T.min():g}; {type(self).__name__} takes values that are {least}")
        return T


class PoissonRegressor(LogLinear):
    """Counts y ~ Poisson(exp(x · w + b)): the least mean of eᶻ - y z plus α/2 ‖w‖², by Newton's method.

    Settings and attributes as in ``LinearRegression``; α is scikit-learn's. P. McCullagh, J. A. Nelder, *Generalized
    Linear Models* (1989), section 2.3.

    >>> model = PoissonRegressor(alpha=0).fit([[0.0], [1.0], [2.0]], [1, 2, 4])
    >>> print(np.exp(model.coef_).round(6), model.converged_)
    [2.] True
    """

    takes_zero = True

    @staticmethod
    def deviance(y: Any, z: Any) -> Any:
        return np.exp(z) - y * z

    def error(self, T: Any, z: Any) -> Any:
        return np.exp(z) - T

    @staticmethod
    def saturated(y: Any) -> Any:
        return y * np.log(np.where(y == 0, 1, y)) - y


class GammaRegressor(LogLinear):
    """Positive amounts y ~ Gamma with mean exp(x · w + b): the least mean of z + y e⁻ᶻ plus α/2 ‖w‖², by Newton's method.

    As ``PoissonRegressor``; McCullagh and Nelder (1989), section 8.3.

    >>> model = GammaRegressor(alpha=0).fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 4.0])
    >>> print(np.exp(model.coef_).round(6), model.converged_)
    [2.] True
    """

    @staticmethod
    def deviance(y: Any, z: Any) -> Any:
        return z + y * np.exp(-z)

    def error(self, T: Any, z: Any) -> Any:
        return 1 - T * np.exp(-z)

    @staticmethod
    def saturated(y: Any) -> Any:
        return -1 - np.log(y)

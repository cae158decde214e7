"""What all models share: their settings, whether they are fitted, the gradient in three ways, and the score."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from functools import cache
from math import sqrt
from typing import Any, Self

import numpy as np

from .. import gradient
from ..errors import DataError, NotFittedError, ParameterError, nearest
from ..optimize import Callback, FitResult, Result, gradient_descent, newton
from ..optimize.result import require_count, require_not_negative, require_one_of, require_positive
from .costs import weighed
from .data import Array, counted, features, labels_of, names_of, numbers, one_per_row, require_names, weights_of

MODES = ("forward", "reverse", "backprop")


CHECKS: dict[str, Callable[[str, Any], None]] = {  # of the settings that several models have
    "mode": lambda name, value: require_one_of(name, value, MODES),
    "fit_intercept": lambda name, value: require_one_of(name, value, (True, False)),
    "alpha": require_not_negative,
    "learning_rate": require_positive,
    "max_iter": require_count,
    "epochs": require_count,
    "tol": require_not_negative,
}


class Estimator(ABC):
    """Settings by the names of ``__init__``, as scikit-learn does it, and the fitted state.

    A model has a ``cost(parameters, X, T)`` in NumPy and its ``slope``, the explicit gradient; ``T`` is what ``targets``
    makes of y. ``parameters`` is a tree of arrays. A row of ``sample_weight`` 2 is as good as two, one of 0 as
    none, as in scikit-learn.
    """

    kind = "regressor"
    several_outputs = positive_targets = False
    solvers: tuple[str, ...] = ()
    mode: str
    n_features_in_: int
    feature_names_in_: Any
    n_iter_: int
    loss_history_: list[float]
    converged_: bool
    message_: str

    # ---- to be written by each model
    @abstractmethod
    def cost(self, parameters: Any, X: Any, T: Any) -> Any:
        """The loss, one number, in plain NumPy."""

    @abstractmethod
    def slope(self, parameters: Any, X: Any, T: Any) -> Any:
        """The gradient of the loss by its formula, a tree like ``parameters``."""

    @abstractmethod
    def fitted_parameters(self) -> Any:
        """The tree of arrays where the loss was minimised."""

    @abstractmethod
    def predict(self, X: Any) -> Any:
        """What the model says of each row of X."""

    # ---- of a regression; others write their own
    def targets(self, y: Any, n: int) -> Any:
        """y for n rows in the form that ``cost`` takes."""
        return numbers(one_per_row(y, n), "y")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The coefficient of determination R²: 1 for a perfect fit, 0 for always predicting the mean."""
        predicted = self.predict(X)
        return determination(one_per_row(y, len(predicted)), predicted, sample_weight)

    # ---- settings
    def check_settings(self) -> None:
        """Raise ParameterError where a setting cannot be."""
        if self.solvers:
            require_one_of("solver", self.get_params()["solver"], self.solvers)
        for name in self.names():
            if name in CHECKS:
                CHECKS[name](name, getattr(self, name))

    @classmethod
    @cache  # reading a signature takes as long as a step of a small fit
    def names(cls) -> tuple[str, ...]:
        return tuple(name for name in inspect.signature(cls.__init__).parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name; ``deep`` is accepted for scikit-learn's sake."""
        return {name: getattr(self, name) for name in self.names()}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name. An unknown name raises ParameterError and changes nothing; values are checked by ``fit``."""
        before = self.get_params()
        for name in params:
            if name not in before:
                raise ParameterError(f"{type(self).__name__} has no setting {name!r}{nearest(name, before)}; it has "
                                     f"{', '.join(before)}")
        vars(self).update(params)
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks its estimators; called by scikit-learn only."""
        utils: Any = sys.modules["sklearn.utils"]
        classifier = self.kind == "classifier"
        return utils.Tags(estimator_type=self.kind, transformer_tags=None, input_tags=utils.InputTags(),
                          target_tags=utils.TargetTags(required=True, multi_output=self.several_outputs,
                                                       positive_only=self.positive_targets),
                          classifier_tags=utils.ClassifierTags() if classifier else None,
                          regressor_tags=None if classifier else utils.RegressorTags())

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [f"{name}={value!r}" for name, value in self.get_params().items()
                   if not (type(value) is type(defaults[name].default) and value == defaults[name].default)]
        return f"{type(self).__name__}({', '.join(changed)})"

    # ---- fitting
    def way(self, *data: Any) -> dict[str, Any]:
        """How an optimiser is to get the gradient over these rows, or a batch: by a sweep, or by the formula."""
        return {"jac": lambda p, *batch: self.slope(p, *data, *batch)} if self.mode == "backprop" else {"mode": self.mode}

    def read(self, X: Any) -> Array:
        """X to learn from, once the settings are checked; what its columns are called is kept where they have names."""
        self.check_settings()
        vars(self).pop("feature_names_in_", None)
        names = names_of(X)
        if names is not None:
            self.feature_names_in_ = names
        return features(X)

    def keep(self, result: Result | FitResult) -> None:
        self.n_iter_, self.loss_history_ = result.nit, result.history
        self.converged_, self.message_ = result.success, result.message

    def checked(self, X: Any) -> Array:
        """X for a fitted model."""
        if not hasattr(self, "n_features_in_"):
            theirs = getattr(sys.modules.get("sklearn.exceptions"), "NotFittedError", None)
            kind = NotFittedError if theirs is None else type("NotFittedError", (NotFittedError, theirs), {})
            raise kind(f"this {type(self).__name__} is not fitted yet; call fit(X, y) first")
        names = names_of(X)
        if names is not None:
            require_names(names.tolist(), getattr(self, "feature_names_in_", names).tolist())
        return features(X, self.n_features_in_, type(self).__name__)

    def gradients(self, X: Any, y: Any) -> dict[str, Array]:
        """The gradient of the loss at the fitted parameters by "forward", "reverse" and "backprop", each flat.

        The order is that of the fitted attributes: for each layer the weights row by row, then the biases. Costs a
        forward sweep in as many directions as there are parameters, a reverse sweep, and the formula.
        """
        X = self.checked(X)
        T = self.targets(y, len(X))
        ways: dict[str, Callable[..., Any]] = {
            "forward": gradient(self.cost, mode="forward"),
            "reverse": gradient(self.cost, mode="reverse"),
            "backprop": self.slope,
        }
        return {mode: flat(way(self.fitted_parameters(), X, T)) for mode, way in ways.items()}


class LinearPredictor(Estimator):
    """Models of z = x · w + b with the ridge α/2 ‖w‖²: ``loss(T, z)`` of all rows, and ``error(T, z)``, its n-fold ∂/∂z."""

    alpha: Any
    max_iter: int
    tol: float
    learning_rate: float
    fit_intercept: bool
    coef_: Array
    intercept_: Any

    @abstractmethod
    def loss(self, T: Any, z: Any, *w: Any) -> Any: ...
    @abstractmethod
    def error(self, T: Any, z: Any) -> Any: ...

    def outputs(self, p: Any, X: Any) -> Any:
        """z, shape (n,), or (n, classes) for as many rows of weights."""
        return X @ p["coef"].T + p.get("intercept", 0.0)

    def fitted(self, X: Any) -> Any:
        X = self.checked(X)  # first: an unfitted model has no parameters
        return self.outputs(self.fitted_parameters(), X)

    def cost(self, parameters: Any, X: Any, T: Any, *w: Any) -> Any:
        return self.loss(T, self.outputs(parameters, X), *w) + np.sum(self.alpha / 2 * parameters["coef"] ** 2)

    def slope(self, parameters: Any, X: Any, T: Any, *w: Any) -> Any:
        """∂C/∂w = 1/n Σ error x + α w and ∂C/∂b = 1/n Σ error."""
        error = weighed(self.error(T, self.outputs(parameters, X)), *w)
        found = {"coef": error.T @ X / len(T) + self.alpha * parameters["coef"], "intercept": np.mean(error, axis=0)}
        return {name: found[name] for name in parameters}

    def newton(self, start: Any, callback: Callback | None, X: Array, *data: Any) -> Result:
        """Newton's method over scaled columns, so that ``tol`` means the same in any units."""
        unit = np.hypot(np.hypot.reduce(X) / sqrt(len(X)), sqrt(self.alpha))
        unit = np.ldexp(1.0, np.frexp(unit)[1] - 1)  # a power of two rounds nothing
        data, scaled = (X / unit, *data), copy(self)
        scaled.alpha = self.alpha / unit / unit
        result = newton(lambda p: scaled.cost(p, *data), start, max_iter=self.max_iter, tol=self.tol, callback=callback,
                        **scaled.way(*data))
        result.x["coef"] = result.x["coef"] / unit
        return result

    def descend(self, start: Any, callback: Callback | None, *data: Any) -> Result:
        """Gradient descent over the columns as they are."""
        return gradient_descent(lambda p: self.cost(p, *data), start, learning_rate=self.learning_rate, max_iter=self.max_iter,
                                tol=self.tol, callback=callback, **self.way(*data))

    def learnt(self, result: Result, features: int) -> Self:
        self.coef_, self.intercept_ = result.x["coef"], float(result.x.get("intercept", 0.0))
        self.n_features_in_ = features
        self.keep(result)
        return self

    def fitted_parameters(self) -> dict[str, Any]:
        return self.tree(self.coef_, self.intercept_)

    def tree(self, coef: Any, intercept: Any) -> dict[str, Any]:
        """The parameters as ``cost`` takes them."""
        return {"coef": coef, "intercept": intercept} if self.fit_intercept else {"coef": coef}


def flat(tree: Any) -> Array:
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return np.concatenate([flat(part) for part in tree])
    return np.ravel(np.asarray(tree, dtype=np.float64))


def determination(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """R² = 1 - Σ(y - ŷ)² / Σ(y - ȳ)², the mean over the outputs where there are several."""
    y, predicted, *w = counted(numbers(y, "y"), predicted, sample_weight)
    total = np.sum(weighed((y - np.mean(weighed(y, *w), axis=0)) ** 2, *w), axis=0)
    if np.any((total == 0) | (y == y[0]).all(axis=0)):
        raise DataError(f"R² is undefined: all {len(y)} values of y are the same. Score on rows that differ")
    return float(np.mean(1 - np.sum(weighed((y - predicted) ** 2, *w), axis=0) / total))


def accuracy(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """The share of rows whose class was predicted."""
    n = len(predicted)
    return float(np.average(labels_of(y, n) == predicted, weights=weights_of(sample_weight, n)))

"""Logistic regression for two classes, section 6 of the lecture notes, and for more (softmax)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..optimize import Callback
from .activations import sigmoid
from .costs import cross_entropy, logistic_loss, softmax
from .data import Array, classes_of, counted, index_of, indicators
from .estimator import LinearPredictor, accuracy


class LogisticRegression(LinearPredictor):
    """The class probabilities σ(x · w + b), or softmax(W x + b) for more than two classes, of least cross-entropy.

    Minimises the mean of -log P(class) over the rows plus α/2 ‖w‖², the ridge on the weights but not on the intercept:
    with a positive α the minimum exists even where a plane separates the classes. In scikit-learn's terms C = 1/(n α).
    ``solver="newton"`` takes Newton's steps with the Hessian from dual numbers, until the gradient's length in
    scaled columns is at most ``tol``: a few iterations of cost (parameters)³, whatever their units.
    ``"gradient-descent"`` takes steps of ``learning_rate`` on the columns as they are; standardise them first. ``mode``: the
    gradient by a "forward" sweep, a "reverse" sweep, or the explicit formula "backprop", eqs. (38)-(39).

    y holds labels of any one type that sorts. After ``fit``: ``classes_``, ``coef_`` (1, d) or (classes, d),
    ``intercept_`` (1,) or (classes,), ``n_features_in_``, ``feature_names_in_`` (of a data frame), ``n_iter_``,
    ``loss_history_``, ``converged_``, ``message_``.

    >>> from dualdiff.datasets import load_iris
    >>> iris = load_iris()
    >>> model = LogisticRegression().fit(iris.data, np.array(iris.target_names)[iris.target])
    >>> model.predict([[5.0, 3.5, 1.4, 0.2]]), model.converged_
    (array(['setosa'], dtype='<U10'), True)
    """

    kind = "classifier"
    solvers = ("newton", "gradient-descent")
    classes_: Any
    coef_: Array
    intercept_: Array

    def __init__(self, *, alpha: float = 1e-3, fit_intercept: bool = True, solver: str = "newton", mode: str = "reverse",
                 learning_rate: float = 0.1, max_iter: int = 1000, tol: float = 1e-8) -> None:
        self.alpha, self.fit_intercept, self.solver, self.mode = alpha, fit_intercept, solver, mode
        self.learning_rate, self.max_iter, self.tol = learning_rate, max_iter, tol

    def fit(self, X: Any, y: Any, sample_weight: Any = None, callback: Callback | None = None) -> Self:
        """Learn from X, shape (n, d), and labels y, shape (n,); ``callback(iteration, loss)`` after every iteration."""
        X = self.read(X)
        classes, index = classes_of(y, len(X), sample_weight)
        data = counted(X, self.coded(index, len(classes)), sample_weight)
        rows = (len(classes),) if len(classes) > 2 else ()
        start = self.tree(np.zeros((*rows, X.shape[1])), np.zeros(rows))
        solve = self.newton if self.solver == "newton" else self.descend
        result = solve(start, callback, *data)
        self.classes_, self.n_features_in_ = classes, X.shape[1]
        # The same amount added to every class leaves softmax as it is; the ridge is least where the classes sum to zero.
        p = {name: a - a.mean(axis=0) if rows else a for name, a in result.x.items()}
        self.coef_ = np.atleast_2d(p["coef"])
        self.intercept_ = np.atleast_1d(p.get("intercept", np.zeros(rows)))
        self.keep(result)
        return self

    def predict(self, X: Any) -> Any:
        """The most probable class of each row of X, among ``classes_``."""
        best = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, shape (n, classes), in the order of ``classes_``."""
        z = self.fitted(X)
        return np.asarray(softmax(z) if z.ndim == 2 else np.column_stack([sigmoid(-z), sigmoid(z)]))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows of X whose class is predicted."""
        return accuracy(y, self.predict(X), sample_weight)

    # ---- the model in NumPy: what is differentiated
    def loss(self, T: Any, z: Any, *w: Any) -> Any:
        return logistic_loss(T, z, *w) if T.ndim == 1 else cross_entropy(T, z, *w)

    def error(self, T: Any, z: Any) -> Any:
        """ŷ - y, eqs. (38)-(39); ŷ by sigmoid or softmax."""
        return (sigmoid(z) if T.ndim == 1 else softmax(z)) - T

    def targets(self, y: Any, n: int) -> Array:
        return self.coded(index_of(y, n, self.classes_), len(self.classes_))

    @staticmethod
    def coded(index: Any, count: int) -> Array:
        """0 and 1 for two classes, a column per class for more."""
        return index.astype(np.float64) if count == 2 else indicators(index, count)

    def fitted_parameters(self) -> dict[str, Any]:
        row = 0 if len(self.classes_) == 2 else slice(None)
        return self.tree(self.coef_[row], self.intercept_[row])

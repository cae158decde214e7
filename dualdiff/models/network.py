"""A multilayer perceptron, section 2 of the lecture notes: for numbers or for classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import Any, Self

import numpy as np

from ..errors import ParameterError, ShapeError
from ..optimize import Callback, FitResult, Result, adam, gradient_descent, least_squares, minimize, sgd
from ..optimize.result import require_count, require_one_of
from .activations import Activation, activation_of
from .backpropagation import backpropagate, forward
from .costs import COSTS, softmax, weighed
from .data import Array, classes_of, counted, index_of, indicators, numbers, one_per_row
from .estimator import Estimator, accuracy, determination


class MLP(Estimator):
    """Layers a = σ(a W + b), eqs. (5)-(7), trained by the gradient of a cost of the last one's outputs.

    ``hidden``: neurons of each hidden layer. ``activation``: one for all hidden layers (the output layer then has none),
    or a sequence with one per layer, the output layer included: "relu", "sigmoid", "tanh", "none", or a function of your
    own written in NumPy. ``task``: "classification" or "regression". ``loss``: "squared", eqs. (8)-(9), or, for classes,
    "cross-entropy" of the softmax of the outputs; "auto" takes cross-entropy for classes. ``alpha`` adds α/2 Σ‖W‖².

    ``solver``: "adam", "sgd" or "momentum" (SGD with 0.9) on mini-batches of ``batch_size`` rows (None: all), which stop
    where the loss has not fallen by more than ``tol`` in ten epochs; on all rows "gradient-descent" or "lbfgs" (SciPy's),
    which stop where the gradient's length is at most ``tol``, or, for the squared loss and a few hundred parameters,
    "levenberg-marquardt", which stops where a step lowers the loss by less than ``tol`` of it. All stop after ``epochs``
    iterations. ``mode``: the gradient by a "reverse" or a
    "forward" sweep, or by "backprop", the recurrences written out. ``random_state``: a seed, a Generator or None, for the
    weights (uniform, X. Glorot, Y. Bengio, AISTATS 2010, eq. 16) and the batches. Standardise X first.

    After ``fit``: ``coefs_`` [(inputs, neurons), …], ``intercepts_``, ``classes_`` (classification), ``n_features_in_``,
    ``feature_names_in_`` (of a data frame), ``n_outputs_``, ``n_iter_`` (epochs), ``loss_history_``,
    ``converged_``, ``message_``.

    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> model = MLP((8,), learning_rate=0.1, batch_size=None).fit(X, ["same", "other", "other", "same"])
    >>> print(*model.predict(X))
    same other other same
    """

    classes_: Any
    coefs_: list[Array]
    intercepts_: list[Array]
    n_outputs_: int
    several_outputs = True
    solvers = ("adam", "sgd", "momentum", "gradient-descent", "lbfgs", "levenberg-marquardt")

    def __init__(self, hidden: Sequence[int] = (16,), *, activation: Any = "tanh", task: str = "classification",
                 loss: str = "auto", solver: str = "adam", learning_rate: float = 0.01, batch_size: int | None = 16,
                 epochs: int = 200, alpha: float = 0.0, mode: str = "reverse",
                 random_state: int | np.random.Generator | None = 0, tol: float = 1e-6) -> None:
        self.hidden, self.activation, self.task, self.loss, self.solver = hidden, activation, task, loss, solver
        self.learning_rate, self.batch_size, self.epochs, self.alpha = learning_rate, batch_size, epochs, alpha
        self.mode, self.random_state, self.tol = mode, random_state, tol

    def check_settings(self) -> None:
        super().check_settings()
        if not isinstance(self.hidden, list | tuple):
            raise ParameterError(f"hidden must be a tuple with the neurons of each hidden layer, such as (16,); got "
                                 f"{self.hidden!r}")
        for neurons in self.hidden:
            require_count("each entry of hidden", neurons)
        self.activations()
        require_one_of("task", self.task, ("classification", "regression"))
        require_one_of("loss", self.loss, ("auto", "squared", "cross-entropy"))
        if self.task == "regression" and self.loss == "cross-entropy":
            raise ParameterError("loss='cross-entropy' is for classes; a regression takes loss='squared'")
        if self.solver == "levenberg-marquardt" and self.cost_name() != "squared":
            raise ParameterError("solver='levenberg-marquardt' is for squares; take loss='squared', or solver='lbfgs'")
        if self.batch_size is not None:
            require_count("batch_size", self.batch_size)
        if not isinstance(self.random_state, np.random.Generator | None):
            require_count("random_state", self.random_state, least=0)

    def activations(self) -> list[Activation]:
        """One per layer, the output layer included."""
        if isinstance(self.activation, list | tuple):
            if len(self.activation) != len(self.hidden) + 1:
                raise ParameterError(f"activation has {len(self.activation)} entries for {len(self.hidden)} hidden layers "
                                     f"and the output layer; give {len(self.hidden) + 1}, or one for all hidden layers")
            return [activation_of(given) for given in self.activation]
        return [activation_of(self.activation)] * len(self.hidden) + [activation_of("none")]

    # ---- fitting
    def fit(self, X: Any, y: Any, sample_weight: Any = None, callback: Callback | None = None, *,
            max_seconds: float | None = None, checkpoint: Any = None, resume: bool = False) -> Self:
        """Learn from X, shape (n, d), and y: labels (n,), or numbers (n,) or (n, m); ``callback(epoch, loss)``.

        ``max_seconds`` ends it early. For "adam", "sgd", "momentum" and "levenberg-marquardt" ``checkpoint`` names a file
        written after every epoch, from which ``resume`` goes on to the same bits.
        """
        X = self.read(X)
        run: dict[str, Any] = {"callback": callback, "max_seconds": max_seconds}
        if self.solver not in {"gradient-descent", "lbfgs"}:
            run |= {"checkpoint": checkpoint, "resume": resume}
        elif checkpoint is not None or resume:
            raise ParameterError(f"solver={self.solver!r} writes no checkpoint and resumes none; solver='adam' does")
        if self.task == "classification":
            self.classes_, index = classes_of(y, len(X), sample_weight)
            T = indicators(index, len(self.classes_))
        else:
            T = numbers(one_per_row(y, len(X), columns=True), "y")
            self._flat = T.ndim == 1
            T = T.reshape(len(X), -1)
        rng = np.random.default_rng(self.random_state)
        data = counted(X, T, sample_weight)
        result = self.train(self.glorot(rng, X.shape[1], T.shape[1]), data, rng, run)
        self.coefs_, self.intercepts_ = [W for W, _ in result.x], [b for _, b in result.x]
        self.n_features_in_, self.n_outputs_ = X.shape[1], T.shape[1]
        self.keep(result)
        return self

    def glorot(self, rng: np.random.Generator, inputs: int, outputs: int) -> list[tuple[Array, Array]]:
        """Weights uniform within √(6 / (inputs + neurons)) of 0, so that layers neither damp nor amplify; biases 0."""
        sizes = [inputs, *self.hidden, outputs]
        return [(rng.uniform(-1, 1, (i, o)) * np.sqrt(6 / (i + o)), np.zeros(o)) for i, o in pairwise(sizes)]

    def train(self, layers: Any, data: Any, rng: np.random.Generator, run: dict[str, Any]) -> Result | FitResult:
        if self.solver == "levenberg-marquardt":
            return least_squares(lambda p: self.residuals(p, *data), layers, method="lm", xtol=0.0, ftol=self.tol,
                                 max_iter=self.epochs, max_nfev=2 * self.epochs + 2, **run)
        if self.solver == "lbfgs":
            return minimize(lambda p: self.cost(p, *data), layers, max_iter=self.epochs, tol=self.tol, **run, **self.way(*data))
        run |= {"learning_rate": self.learning_rate, "tol": self.tol}
        if self.solver == "gradient-descent":
            return gradient_descent(lambda p: self.cost(p, *data), layers, max_iter=self.epochs, **run, **self.way(*data))
        run |= {"epochs": self.epochs, "batch_size": self.batch_size, "rng": rng, **self.way()}
        if self.solver == "adam":
            return adam(self.cost, layers, data, **run)
        return sgd(self.cost, layers, data, momentum=0.9 if self.solver == "momentum" else 0.0, **run)

    # ---- the network in NumPy: what is differentiated
    def cost(self, parameters: Any, X: Any, T: Any, *w: Any) -> Any:
        value = COSTS[self.cost_name()].value(T, forward(parameters, X, self.activations()), *w)
        return value + self.alpha / 2 * sum(np.sum(W * W) for W, _ in parameters) if self.alpha else value

    def residuals(self, parameters: Any, X: Any, T: Any, *w: Any) -> list[Any]:
        """Arrays whose squares, halved and added up, are the cost."""
        errors = [weighed((forward(parameters, X, self.activations()) - T) / sqrt(len(T)), *map(np.sqrt, w))]
        return errors + [sqrt(self.alpha) * W for W, _ in parameters] if self.alpha else errors

    def slope(self, parameters: Any, X: Any, T: Any, *w: Any) -> Any:
        """Back-propagation, eqs. (16)-(26), and α W for the ridge."""
        found = backpropagate(parameters, X, T, self.activations(), self.cost_name(), *w)
        return [(dW + self.alpha * W, db) for (dW, db), (W, _) in zip(found, parameters, strict=True)]

    def cost_name(self) -> str:
        if self.loss == "auto":
            return "squared" if self.task == "regression" or self.solver == "levenberg-marquardt" else "cross-entropy"
        return self.loss

    def targets(self, y: Any, n: int) -> Array:
        if self.task == "classification":
            return indicators(index_of(y, n, self.classes_), len(self.classes_))
        T = numbers(one_per_row(y, n, columns=True), "y").reshape(n, -1)
        if T.shape[1] != self.n_outputs_:
            raise ShapeError(f"y has {T.shape[1]} outputs per row; the model was fitted on {self.n_outputs_}")
        return T

    def fitted_parameters(self) -> list[tuple[Array, Array]]:
        return list(zip(self.coefs_, self.intercepts_, strict=True))

    # ---- using it
    def outputs(self, X: Any) -> Array:
        X = self.checked(X)  # first: an unfitted model has no parameters
        return np.asarray(forward(self.fitted_parameters(), X, self.activations()))

    def predict(self, X: Any) -> Any:
        """The class of the greatest output, or the outputs themselves, shaped as y was."""
        a = self.outputs(X)
        if self.task == "classification":
            return self.classes_[np.argmax(a, axis=1)]
        return a[:, 0] if self._flat else a

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, shape (n, classes), in the order of ``classes_``."""
        if self.task != "classification" or self.cost_name() != "cross-entropy":
            raise ParameterError(f"predict_proba needs classes and loss='cross-entropy'; this model has task={self.task!r} "
                                 f"and loss={self.loss!r}, so its outputs are not probabilities")
        return np.asarray(softmax(self.outputs(X)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows whose class is predicted, or R²."""
        predicted = self.predict(X)
        if self.task == "classification":
            return accuracy(y, predicted, sample_weight)
        T = self.targets(y, len(predicted))
        return determination(T, predicted.reshape(T.shape), sample_weight)


class MLPClassifier(MLP):
    """``MLP`` with task="classification"."""

    kind, task = "classifier", "classification"
    several_outputs = False

    def __init__(self, hidden: Sequence[int] = (16,), *, activation: Any = "tanh", loss: str = "auto", solver: str = "adam",
                 learning_rate: float = 0.01, batch_size: int | None = 16, epochs: int = 200, alpha: float = 0.0,
                 mode: str = "reverse", random_state: int | np.random.Generator | None = 0, tol: float = 1e-6) -> None:
        self.hidden, self.activation, self.loss, self.solver = hidden, activation, loss, solver
        self.learning_rate, self.batch_size, self.epochs, self.alpha = learning_rate, batch_size, epochs, alpha
        self.mode, self.random_state, self.tol = mode, random_state, tol


class MLPRegressor(MLP):
    """``MLP`` with task="regression"."""

    kind, task = "regressor", "regression"
    loss = "squared"

    def __init__(self, hidden: Sequence[int] = (16,), *, activation: Any = "tanh", solver: str = "adam",
                 learning_rate: float = 0.01, batch_size: int | None = 16, epochs: int = 200, alpha: float = 0.0,
                 mode: str = "reverse", random_state: int | np.random.Generator | None = 0, tol: float = 1e-6) -> None:
        self.hidden, self.activation, self.solver = hidden, activation, solver
        self.learning_rate, self.batch_size, self.epochs, self.alpha = learning_rate, batch_size, epochs, alpha
        self.mode, self.random_state, self.tol = mode, random_state, tol

    @property
    def predict_proba(self) -> Any:
        raise AttributeError("MLPRegressor has no predict_proba: its outputs are numbers, not classes")

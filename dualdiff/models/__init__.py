"""Models that learn from data, as in scikit-learn: ``fit``, ``predict``, ``score``; their derivatives from dual numbers.

Each writes its loss once, in NumPy, and may take the gradient in three ways (``mode``): a forward sweep, a reverse sweep,
or the explicit formula of the literature ("backprop"). ``gradients(X, y)`` gives all three, to be compared.

    data.py              X and y as arrays that can be learned from, or an error that says where they cannot
    estimator.py         what all models share: parameters, fitted or not, gradients, score
    linear.py            LinearRegression
    logistic.py          LogisticRegression
    glm.py               PoissonRegressor, GammaRegressor
    nonlinear.py         NonlinearRegression: any formula
    network.py           MLP, MLPClassifier, MLPRegressor
    activations.py       the functions of a neuron, and their slopes written out
    costs.py             what is minimised, and its slope written out
    backpropagation.py   the recurrences of back-propagation, written out
"""

from .activations import none, relu, sigmoid, step, tanh
from .backpropagation import backpropagate, forward
from .costs import cross_entropy, logistic_loss, softmax, squared_cost
from .glm import GammaRegressor, PoissonRegressor
from .linear import LinearRegression
from .logistic import LogisticRegression
from .network import MLP, MLPClassifier, MLPRegressor
from .nonlinear import NonlinearRegression

__all__ = ["MLP", "GammaRegressor", "LinearRegression", "LogisticRegression", "MLPClassifier", "MLPRegressor",
           "NonlinearRegression", "PoissonRegressor", "backpropagate", "cross_entropy", "forward", "logistic_loss", "none",
           "relu", "sigmoid", "softmax", "squared_cost", "step", "tanh"]

"""Minimise a function of a tree of arrays, its derivatives taken by dual numbers: x0 in, a Result out.

``gradient_descent`` is the plain method, ``sgd`` and ``adam`` work on mini-batches of data, ``newton`` uses the second
derivatives. All take ``f`` written in NumPy, or with ``jac`` a gradient of the caller's own; all stop honestly.
"""

from .descent import gradient_descent
from .newton import newton
from .result import Callback, Result
from .stochastic import adam, sgd

__all__ = ["Callback", "Result", "adam", "gradient_descent", "newton", "sgd"]

"""Minimise a function of a tree of arrays, its derivatives taken by dual numbers: x0 in, a Result out.

``least_squares`` and ``curve_fit`` fit models to data by Levenberg-Marquardt and return a ``FitResult``; ``propagate``
takes its uncertainty through any function. ``gradient_descent`` is the plain method, ``sgd`` and ``adam`` work on
mini-batches of data, ``newton`` uses the second derivatives, ``minimize`` is SciPy's L-BFGS and Newton-CG. All take ``f``
written in NumPy, or with ``jac`` a gradient of the caller's own; all stop honestly.
"""

from . import schedules
from .curve import curve_fit
from .descent import gradient_descent
from .fit_result import FitResult
from .least_squares import least_squares
from .minimize import minimize
from .newton import newton
from .propagate import Propagated, propagate
from .result import Callback, Result
from .stochastic import adam, sgd

__all__ = ["Callback", "FitResult", "Propagated", "Result", "adam", "curve_fit", "gradient_descent", "least_squares",
           "minimize", "newton", "propagate", "schedules", "sgd"]

"""dualdiff: exact derivatives of the NumPy code you already have, by dual numbers.

The map of the house; imports point downwards only.

    errors.py        one class per mistake a user can make
    rules/           the mathematics: one row per function, by kind; registry.py says what the kinds are
    tangents/        the ε-part: Σ coefficient × leaf. level, coefficients, contraction, moves (linear maps), leaf (sparse and
                     dense), tape, assemble, join, tangent, differential (the tangent inside a formula)
    dual.py          Dual: one dual number, plain-Python arithmetic
    dual_array.py    DualArray and DualScalar: storage, views, text
    operators.py     Python's operators and NumPy's ufuncs on them, generated from the rules
    dispatch.py      NumPy's functions and methods on them; assignment
    transforms/      seeds in, derivatives out: forward, reverse, second; sweep and trees serve all three
    symbolic.py      the same rules on SymPy expressions
    optimize/        gradient descent, SGD, momentum, Adam, Newton, on trees of parameters
    models/          linear and logistic regression, MLP: users of the public names only
    testing/         check: a verdict on the user's own derivatives; references: differences and the complex step
    cli/             what the command line does, one file per thing; matplotlib and tqdm are imported only here
    __main__.py      the command line itself: arguments in, exit status out
"""

from . import dispatch as _dispatch  # noqa: F401 - gives the classes NumPy's functions
from . import operators as _operators  # noqa: F401 - and its operators
from .dual import Dual
from .dual_array import DualArray
from .errors import DerivativeWarning, DualdiffError
from .forms import stop_gradient
from .symbolic import from_sympy
from .transforms import derivative, gradient, hessian, hvp, jacobian, jvp, value_and_gradient, value_and_jacobian, vjp

__all__ = ["DerivativeWarning", "Dual", "DualArray", "DualdiffError", "derivative", "from_sympy", "gradient", "hessian",
           "hvp", "jacobian", "jvp", "stop_gradient", "value_and_gradient", "value_and_jacobian", "vjp"]
__version__ = "0.1.0"

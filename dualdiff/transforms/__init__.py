"""Seeds in, derivatives out: functions that take a function and return its derivative.

``linearize``, ``checkpoint``, ``explain`` and ``sparsity`` are in linear.py, checkpoint.py, choice.py and sparsity.py.
"""

from .forward import derivative, jacobian, jvp, value_and_jacobian
from .reverse import gradient, value_and_gradient, vjp
from .second import hessian, hvp

__all__ = ["derivative", "gradient", "hessian", "hvp", "jacobian", "jvp", "value_and_gradient", "value_and_jacobian", "vjp"]

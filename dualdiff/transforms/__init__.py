"""Seeds in, derivatives out: functions that take a function and return its derivative."""

from .checkpoint import checkpoint
from .choice import explain
from .forward import derivative, jacobian, jvp, value_and_jacobian
from .linear import linearize
from .reverse import gradient, value_and_gradient, vjp
from .second import hessian, hvp
from .sparsity import sparsity

__all__ = ["checkpoint", "derivative", "explain", "gradient", "hessian", "hvp", "jacobian", "jvp", "linearize", "sparsity",
           "value_and_gradient", "value_and_jacobian", "vjp"]

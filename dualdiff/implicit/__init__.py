"""Functions that are defined by what they solve: roots, fixed points, minima, linear systems, differential equations.

Each is solved on plain numbers, by NumPy alone or by SciPy, and differentiated by the theorem that defines it, never
through the solver's iterations.
"""

from .differential_equations import solve_ivp
from .minima import minimize
from .roots import fixed_point, root
from .sparse_systems import spsolve

__all__ = ["fixed_point", "minimize", "root", "solve_ivp", "spsolve"]

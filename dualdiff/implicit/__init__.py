"""Functions that are defined by what they solve: roots, fixed points, minima, linear systems, differential equations.

Each is solved on plain numbers, by NumPy alone or by SciPy, and differentiated by the theorem that defines it, never
through the solver's iterations.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .roots import fixed_point, root

if TYPE_CHECKING:
    from .differential_equations import solve_ivp
    from .minima import minimize
    from .sparse_systems import spsolve

__all__ = ["fixed_point", "minimize", "root", "solve_ivp", "spsolve"]

LATER = {"minimize": "minima", "solve_ivp": "differential_equations", "spsolve": "sparse_systems"}


def __getattr__(name: str) -> Any:
    """The others are read when the first of them is asked for: ``import dualdiff`` needs only root and fixed_point."""
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{LATER[name]}", __name__), name)
    return found

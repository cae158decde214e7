"""solve_ivp: SciPy's solution of a differential equation, differentiated by its variational equations."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..errors import needed
from .theorem import Function


def solve_ivp(fun: Function, t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None, args: Any = (),
              **options: Any) -> Any:
    """``scipy.integrate.solve_ivp``, differentiated in y0, ``args``, ``t_span``, ``t_eval`` and what fun closes over.

    What a program that calls SciPy's gets from a transform, for one that is not to be lifted. Called and answered as SciPy's:
    fun(t, y, *args) gives the slopes of the n states, ``result.y`` has shape (n, T). ``args`` may hold numbers, arrays and
    trees of them. The values are those of SciPy's plain run; the derivatives come from a second run, of the state and k
    variational equations beside it: n (1 + k) equations under the same ``rtol`` and ``atol`` (in units of the state), so they
    are as accurate as the states, not exact to rounding; SciPy's default rtol is 1e-3. k is the number of directions, or of
    perturbed numbers among the inputs where these are fewer, as always in reverse mode. In that second run the methods that
    need the Jacobian of fun get it, unless ``jac`` gives it.

    The steps that the plain run chose, ``t``, are constants but for the ends; the times of ``events`` move. Raises
    ConvergenceError where SciPy's integration fails, StructureError for complex states. Without dual inputs it is SciPy's, to
    the letter.

    >>> import numpy as np
    >>> from dualdiff import derivative
    >>> decay = lambda t, y, rate: -rate * y
    >>> derivative(lambda rate: solve_ivp(decay, (0, 1), [1.0], args=(rate,), rtol=1e-9).y[0, -1])(2.0).round(6)
    np.float64(-0.135335)
    """
    needed("scipy.integrate", "solve_ivp")
    args = () if args is None else tuple(args) if isinstance(args, tuple | list) or np.ndim(args) else (args,)
    counterpart = import_module("dualdiff.scipy.trajectories").solve_ivp
    return counterpart(fun, t_span, y0, method, t_eval, args=args, **options)

"""What happens where an equality is true of a number that is being differentiated."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .errors import DerivativeWarning, EqualityError
from .policies import EQUALITY, user_frame, user_line
from .tangents.coefficients import plain
from .tangents.level import HAND, is_dual
from .tangents.tangent import Tangent
from .tangents.watch import moving, nonzero

MESSAGE = ("== is true of a number that is being differentiated: a branch on it may lose the derivative, as in "
           "`0 if x == 0 else sin(x)`. Compare stop_gradient(x) if the branch is right for the neighbours too")
SILENT = ("dualdiff.rules", "dualdiff.tangents", "numpy.linalg")  # these compare on purpose


def warn_of_equality(equal: Any, x: Any, y: Any = None, truth: bool = False) -> None:
    """Warn, or raise, if ``equal``, the truth of x == y element by element, holds where x or y is perturbed."""
    if not np.any(equal):
        return
    policy = EQUALITY.get()
    idle = policy == "warn" and not truth  # a warning costs less than looking into leaves
    if policy == "ignore" or not (may_move(x, y, equal, idle) or may_move(y, x, equal, idle)):
        return
    frame, depth = user_frame(SILENT[truth:])  # rules ask on purpose
    if frame is None:
        return
    if policy == "raise":
        line = user_line()
        raise EqualityError(MESSAGE + (f" ({line})" if line else ""))
    warnings.warn(MESSAGE, DerivativeWarning, stacklevel=depth + 1)


def may_move(x: Any, y: Any, equal: Any, idle: bool) -> bool:
    """Whether x is perturbed where the equality holds, and y not in the very same way, as in the test x != x for a NaN."""
    if not is_dual(x) or x is y:
        return False
    if x.level is HAND and not hasattr(x, "eps"):  # a Dual made by hand
        other = getattr(y, "tangent", 0)
        return bool(np.any(nonzero(np.asarray(x.tangent)) & np.asarray(x.tangent != other)))
    if x.source is not None:
        x.refresh()
    eps = x.eps
    if not isinstance(eps, Tangent) or eps is getattr(y, "eps", None):
        return False
    if not any(c is None or np.any(np.logical_and(plain(c) != 0, equal)) for c in eps.terms.values()):
        return False
    if idle:
        return True
    shape = np.broadcast_shapes(np.shape(equal), eps.shape)
    return bool(moving(eps.broadcast(shape) if shape != eps.shape else eps, np.broadcast_to(equal, shape)).any())

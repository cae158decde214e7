"""scipy.linalg."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as plain

from .counterparts import counterpart


@counterpart(plain.inv)
def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True, **options: Any) -> Any:
    return np.linalg.inv(a)

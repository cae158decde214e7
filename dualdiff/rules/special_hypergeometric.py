"""Hypergeometric functions, and Lambert's and Wright's (DLMF chapters 4, 13, 15, 16)."""

from __future__ import annotations

import numpy as np
from scipy import special as sp
from scipy.special import _ufuncs

from .registry import elementwise

# ---- in the argument: the parameters go up by one (DLMF 15.5.1, 13.3.15, 13.3.22, 16.3.1) -------------------------------
elementwise(sp.hyp0f1,      None,                   lambda f, b, z: sp.hyp0f1(b + 1, z) / b)
elementwise(sp.hyp1f1,      None, None,             lambda f, a, b, z: a / b * sp.hyp1f1(a + 1, b + 1, z))
elementwise(sp.hyp2f1,      None, None, None,       lambda f, a, b, c, z: a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, z))
elementwise(sp.hyperu,      None, None,             lambda f, a, b, x: -a * sp.hyperu(a + 1, b + 1, x))
elementwise(sp.wright_bessel, None, None,           lambda f, a, b, x: sp.wright_bessel(a, a + b, x))       # 10.46.1
elementwise(sp.wrightomega, lambda f, z: f / (1 + f))                                                       # w + log w = z
if hasattr(sp, "log_wright_bessel"):
    elementwise(sp.log_wright_bessel, None, None,
                lambda f, a, b, x: np.exp(sp.log_wright_bessel(a, a + b, x) - f))
if hasattr(_ufuncs, "_lambertw"):                          # what scipy.special.lambertw calls; w e^w = z (4.13.1)
    elementwise(_ufuncs._lambertw, lambda f, z, k, tol: np.exp(-f) / (1 + f), None, None)

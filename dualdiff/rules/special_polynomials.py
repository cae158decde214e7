"""Orthogonal polynomials, in the argument and, for whole degrees, in their parameters (DLMF chapters 14 and 18)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sp

from ..errors import RuleError
from .registry import either, elementwise


def below(n: Any, factor: Any, polynomial: Any) -> Any:
    """factor · polynomial of degree n - 1, and 0 for degree 0 whatever SciPy makes of degree -1."""
    none = n == 0
    return factor * polynomial(n - 1) if not np.any(none) else \
        np.where(none, 0, factor * polynomial(np.where(none, 1, n - 1)))


def legendre_slope(n: Any, x: Any) -> Any:
    return below(n, 1, lambda k: sp.eval_gegenbauer(k, 1.5, x))  # 18.9.19 with 18.7.9


def lower_degrees(n: Any, name: str) -> range:
    """0, 1, …, n - 1: in its parameters a polynomial changes by a sum of those of lower degree."""
    if np.any(n != np.floor(n)) or np.any(n < 0):
        raise RuleError(f"scipy.special.{name}: the derivative in a parameter is known for degrees 0, 1, 2, …; the degree is "
                        f"{n}. Wrap the parameter in dualdiff.stop_gradient() if it is meant as a constant")
    return range(int(np.max(n, initial=0)))


def laguerre_parameter(f: Any, n: Any, a: Any, x: Any) -> Any:
    """Σ L_k^(α)/(n-k), k < n: from the generating function (1-t)^(-α-1) exp(-xt/(1-t)) (DLMF 18.12.13)."""
    return sum((np.where(k < n, 1.0 / np.where(k < n, n - k, 1), 0) * sp.eval_genlaguerre(k, a, x)
                for k in lower_degrees(n, "eval_genlaguerre")), 0 * f)


def gegenbauer_parameter(f: Any, n: Any, a: Any, x: Any) -> Any:
    """From the generating function (1 - 2xt + t²)^-λ (18.12.4): ∂C_n/∂λ = Σ (2/j) T_j(x) C_{n-j}, j = 1, …, n."""
    return sum((np.where(k < n, 2.0 / np.where(k < n, n - k, 1), 0) * sp.eval_chebyt(np.where(k < n, n - k, 0), x)
                * sp.eval_gegenbauer(k, a, x) for k in lower_degrees(n, "eval_gegenbauer")), 0 * f)


def jacobi_parameter(f: Any, n: Any, a: Any, b: Any, x: Any, side: int) -> Any:
    """J. Froehlich, Integral Transforms Spec. Funct. 2 (1994) 253: a sum over lower degrees, for α with side 1, β with -1."""
    total = 0 * f
    c = b if side == 1 else a
    for k in lower_degrees(n, "eval_jacobi"):
        inside = k < n
        m = np.where(inside, n - k, 1)
        scale = sp.poch(c + k + 1, m) / sp.poch(a + b + k + 1, m) * (2 * k + a + b + 1) / m * (1 if side == 1 else (-1.0) ** m)
        total = total + np.where(inside, (f + scale * sp.eval_jacobi(k, a, b, x)) / (n + k + a + b + 1), 0)
    return total


def associated(f: Any, m: Any, v: Any, x: Any) -> Any:
    """((v+m) P_{v-1}^m - v x P_v^m) / (1 - x²) (DLMF 14.10.5); without the quotient for m = 0, where it is Legendre's."""
    p = ((v + m) * sp.lpmv(m, v - 1, x) - v * x * f) / ((1 - x) * (1 + x))
    return either(m == 0, lambda: legendre_slope(v, x), p)


# ---- the degree, the argument ----------------------------------------------------------------------------- DLMF
elementwise(sp.eval_chebyt,     None, lambda f, n, x: n * sp.eval_chebyu(n - 1, x))  # 18.9.21
elementwise(sp.eval_chebyu,     None, lambda f, n, x: below(n, 2, lambda k: sp.eval_gegenbauer(k, 2, x)))  # 18.9.19
elementwise(sp.eval_chebyc,     None, lambda f, n, x: n * sp.eval_chebys(n - 1, x))  # 18.1.3
elementwise(sp.eval_chebys,     None, lambda f, n, x: below(n, 1, lambda k: sp.eval_gegenbauer(k, 2, 0.5 * x)))
elementwise(sp.eval_sh_chebyt,  None, lambda f, n, x: 2 * n * sp.eval_sh_chebyu(n - 1, x))  # 18.1.3
elementwise(sp.eval_sh_chebyu,  None, lambda f, n, x: below(n, 4, lambda k: sp.eval_gegenbauer(k, 2, 2 * x - 1)))
elementwise(sp.eval_legendre,   None, lambda f, n, x: legendre_slope(n, x))
elementwise(sp.eval_sh_legendre, None, lambda f, n, x: 2 * legendre_slope(n, 2 * x - 1))
elementwise(sp.eval_laguerre,   None, lambda f, n, x: below(n, -1, lambda k: sp.eval_genlaguerre(k, 1, x)))  # 18.9.23
elementwise(sp.eval_hermite,    None, lambda f, n, x: 2 * n * sp.eval_hermite(np.maximum(n - 1, 0), x))  # 18.9.25
elementwise(sp.eval_hermitenorm, None, lambda f, n, x: n * sp.eval_hermitenorm(np.maximum(n - 1, 0), x))  # 18.9.27

# ---- the degree, the parameters, the argument: one partial per line
elementwise(sp.eval_genlaguerre,
            None,
            laguerre_parameter,
            lambda f, n, a, x: below(n, -1, lambda k: sp.eval_genlaguerre(k, a + 1, x)))  # 18.9.23
elementwise(sp.eval_gegenbauer,
            None,
            gegenbauer_parameter,
            lambda f, n, a, x: below(n, 2 * a, lambda k: sp.eval_gegenbauer(k, a + 1, x)))  # 18.9.19
elementwise(sp.eval_jacobi,
            None,
            lambda f, n, a, b, x: jacobi_parameter(f, n, a, b, x, 1),
            lambda f, n, a, b, x: jacobi_parameter(f, n, a, b, x, -1),
            lambda f, n, a, b, x: below(n, 0.5 * (n + a + b + 1), lambda k: sp.eval_jacobi(k, a + 1, b + 1, x)))  # 18.9.15
elementwise(sp.eval_sh_jacobi,  # 18.1.2
            None,
            None,
            None,
            lambda f, n, p, q, x: below(n, n, lambda k: sp.eval_sh_jacobi(k, p + 2, q + 1, x)))
elementwise(sp.lpmv,
            None,
            None,
            associated)

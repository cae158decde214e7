"""scipy.stats' multivariate distributions, made anew as the others are.

A perturbed covariance is factored by Cholesky's method: the eigenvectors that SciPy takes have no derivative where eigenvalues
are equal, as those of the identity are. Of a matrix SciPy reads the lower triangle, and so do we.
"""

from __future__ import annotations

from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.stats import _covariance, _multivariate

from ..errors import RuleError
from ..forms import dual_form, holds_dual, stripped
from .counterparts import FUNCTIONS, KINDS, Counterpart, counterpart, plain_if_constant
from .distributions import INSTEAD, lifted_class, seen
from .python_functions import SCIPY

FROZEN, COVARIANCE = _multivariate.multi_rv_frozen, _covariance.Covariance


def seen_with_parts(x: Any) -> Any:
    """A frozen distribution, which holds others."""
    new = seen(x)
    new.__dict__ = {name: seen(part) if isinstance(part, (_multivariate.multi_rv_generic, COVARIANCE)) else part
                    for name, part in vars(x).items()}
    return new


def classes(base: Any) -> Any:
    for kind in base.__subclasses__():
        yield kind
        yield from classes(kind)


KINDS[_multivariate.multi_rv_generic] = KINDS[COVARIANCE] = seen
KINDS[FROZEN] = seen_with_parts
for _kind in classes(_multivariate.multi_rv_generic):
    FUNCTIONS[id(_kind)] = Counterpart(_kind, lambda *args, _kind=_kind, **options: seen(_kind(*args, **options)), True)
for _kind in (*classes(FROZEN), *classes(COVARIANCE)):
    FUNCTIONS[id(_kind)] = Counterpart(_kind, lambda *args, _kind=_kind, **options: lifted_class(_kind)(*args, **options),
                                       True)


_made = FUNCTIONS[id(COVARIANCE)] = Counterpart(COVARIANCE, COVARIANCE, True)
vars(_made).update({name: getattr(lifted_class(COVARIANCE), name) for name, x in vars(COVARIANCE).items()
                    if type(x) is staticmethod})


@counterpart(_multivariate._PSD)
def factored(M: Any, *args: Any, **options: Any) -> Any:
    psd = _multivariate._PSD(stripped(M), *args, **options)
    if psd.rank < len(M):
        raise RuleError(f"scipy.stats: the covariance matrix is perturbed and has rank {psd.rank} of {len(M)}: its rank is no "
                        "differentiable function of it; wrap it in dualdiff.stop_gradient() if it is meant as a constant")
    L = np.linalg.cholesky(M)
    U = np.linalg.inv(L).T
    return SimpleNamespace(_M=M, U=U, pinv=U @ U.T, log_pdet=log_determinant(L), rank=psd.rank, eps=psd.eps, V=psd.V,
                           _support_mask=psd._support_mask)


def log_determinant(L: Any) -> Any:
    return 2 * np.sum(np.log(np.diagonal(L, axis1=-2, axis2=-1)), axis=-1)


# ---- Wishart: SciPy takes one matrix after the other
def cholesky_logdet(self: Any, scale: Any) -> tuple[Any, Any]:
    L = np.linalg.cholesky(scale)
    return L, log_determinant(L)


def wishart(self: Any, x: Any, dim: int, df: Any, scale: Any, log_det_scale: Any, C: Any) -> Any:
    x = np.moveaxis(x, -1, 0)
    trace = np.trace(np.linalg.solve(C.T, np.linalg.solve(C, x)), axis1=1, axis2=2)
    return 0.5 * (df - dim - 1) * cholesky_logdet(self, x)[1] - 0.5 * trace - normalised(dim, df, log_det_scale)


def inverse_wishart(self: Any, x: Any, dim: int, df: Any, log_det_scale: Any, C: Any) -> Any:
    L, log_det = cholesky_logdet(self, np.moveaxis(x, -1, 0))
    trace = np.sum(np.linalg.solve(L, C) ** 2, axis=(1, 2))
    return -0.5 * (df + dim + 1) * log_det - 0.5 * trace - normalised(dim, df, -log_det_scale)


def normalised(dim: int, df: Any, log_det: Any) -> Any:
    return 0.5 * df * dim * np.log(2) + 0.5 * df * log_det + SCIPY.of(_multivariate.multigammaln)(0.5 * df, dim)


INSTEAD[_multivariate.wishart_gen] = {"_cholesky_logdet": cholesky_logdet, "_logpdf": wishart}
INSTEAD[_multivariate.invwishart_gen] = {"_logpdf": inverse_wishart}


def cdf(self: Any, *args: Any, **options: Any) -> Any:
    if any(map(holds_dual, args)):
        raise RuleError("scipy.stats: the cdf of a multivariate distribution is integrated at random and has no derivative")
    return self.origin._cdf(*args, **options)


def variates(kind: Any, centre: str) -> Any:
    """Those of SciPy, which move with their centre."""
    def rvs(self: Any, *args: Any, **options: Any) -> Any:
        given = signature(kind.rvs).bind(self, *args, **options).arguments
        moved = plain_if_constant(given.get(centre))
        if any(holds_dual(plain_if_constant(x)) for name, x in given.items() if name not in (centre, "self")):
            raise RuleError(f"scipy.stats.{kind.__name__.removesuffix('_gen')}.rvs has derivatives in {centre} alone; write "
                            f"x = {centre} + z @ np.linalg.cholesky(…).T with standard variates z for those in the covariance")
        out = kind.rvs(getattr(self, "origin", self), **{name: stripped(x) for name, x in given.items() if name != "self"})
        if not holds_dual(moved):
            return out
        shift = dual_form(moved) - stripped(dual_form(moved))
        return out + (np.reshape(shift, ()) if np.size(shift) == 1 else shift)
    return rvs


for _kind, _centre in ((_multivariate.multivariate_normal_gen, "mean"), (_multivariate.multivariate_t_gen, "loc")):
    INSTEAD[_kind] = {"_cdf": cdf, "rvs": variates(_kind, _centre)}

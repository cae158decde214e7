"""Distribution functions and their inverses: each family has its partials once, for all of its functions.

If F(a, …, x) = p defines a by the others, ∂a/∂p = 1/F_a and ∂a/∂x = -F_x/F_a (the implicit function theorem).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special as sp
from scipy.special import _ufuncs

from .registry import either, elementwise, refused
from .special_entropy import boxcox_power, inverse_power
from .special_error import ROOT_2PI
from .special_incomplete import GAMMA_NODES, TAIL, beta_density, beta_shape, gamma_density, gamma_shape, integral

Slope = Callable[..., Any] | None


@dataclass(frozen=True)
class Family:
    """A distribution function F: the names of its arguments, and a partial for each or None."""

    names: str
    slopes: tuple[Slope, ...]

    def slope(self, name: str) -> Slope:
        return self.slopes[self.names.split().index(name)]


def direct(family: Family, function: Any, complement: Any = None) -> None:
    """The rows of F itself, and of 1 - F."""
    def partial(slope: Slope, sign: int) -> Slope:
        return None if slope is None else lambda f, *args: sign * slope(*args)
    for of, sign in ((function, 1), (complement, -1)):
        if of is not None:
            elementwise(of, *(partial(slope, sign) for slope in family.slopes))


def inverse(function: Any, arguments: str, family: Family, cut: Slope = None) -> None:
    """The row of F solved for the one name that is missing; p stands for F, q for 1 - F.

    ``cut(f)``: where SciPy has cut its search off, so that the result does not change any more.
    """
    names = arguments.split()
    (unknown,) = set(family.names.split()) - set(names)
    below = family.slope(unknown)
    if below is None:
        raise ValueError(f"{function.__name__}: the family has no partial in {unknown}")

    def partial(name: str) -> Slope:
        above: Any = {"p": lambda *args: -1.0, "q": lambda *args: 1.0}.get(name) or family.slope(name)
        if above is None:
            return None

        def quotient(f: Any, *args: Any) -> Any:
            known = dict(zip(names, args, strict=True)) | {unknown: f}
            point = [known[n] for n in family.names.split()]
            p = -above(*point) / below(*point)
            return either(cut(f), lambda: 0, p) if cut else p
        return quotient

    elementwise(function, *map(partial, names))


def at_zero(f: Any) -> Any:
    return f < 1e-300


def at_most(f: Any) -> Any:
    return f >= 1e10


# ---- F: its arguments, and one partial per line
GAMMA_FUNCTION = Family("a x", (gamma_shape, gamma_density))
BETA_FUNCTION = Family("a b x", (
    lambda a, b, x: beta_shape(a, b, x, 1 - x),
    lambda a, b, x: -beta_shape(b, a, 1 - x, x),
    lambda a, b, x: beta_density(a, b, x, 1 - x)))
CHI_SQUARE = Family("v x", (
    lambda v, x: 0.5 * gamma_shape(0.5 * v, 0.5 * x),
    lambda v, x: 0.5 * gamma_density(0.5 * v, 0.5 * x)))
GAMMA = Family("a b x", (
    lambda a, b, x: x * gamma_density(b, a * x),
    lambda a, b, x: gamma_shape(b, a * x),
    lambda a, b, x: a * gamma_density(b, a * x)))
# Counts are rounded down by SciPy: nothing lies between them, so they refuse to be perturbed …
POISSON = Family("k m", (None, lambda k, m: -gamma_density(np.floor(k) + 1, m)))
BINOMIAL = Family("k n p", (None, None, lambda k, n, p: binomial_density(np.floor(k), n, p)))
NEGATIVE_BINOMIAL = Family("k n p", (None, None, lambda k, n, p: beta_density(np.floor(n), np.floor(k) + 1, p, 1 - p)))
# … but the inverses in a count solve the smooth equation with Γ for the factorial.
SMOOTH_POISSON = Family("k m", (
    lambda k, m: -gamma_shape(k + 1, m),
    lambda k, m: -gamma_density(k + 1, m)))
SMOOTH_BINOMIAL = Family("k n pr", (
    lambda k, n, pr: -beta_shape(n - k, k + 1, 1 - pr, pr) - beta_shape(k + 1, n - k, pr, 1 - pr),
    lambda k, n, pr: beta_shape(n - k, k + 1, 1 - pr, pr),
    lambda k, n, pr: -beta_density(n - k, k + 1, 1 - pr, pr)))
SMOOTH_NEGATIVE = Family("k n pr", (
    lambda k, n, pr: -beta_shape(k + 1, n, 1 - pr, pr),
    lambda k, n, pr: beta_shape(n, k + 1, pr, 1 - pr),
    lambda k, n, pr: beta_density(n, k + 1, pr, 1 - pr)))


def binomial_density(k: Any, n: Any, p: Any) -> Any:
    """Of I_{1-p}(n-k, k+1) in p (DLMF 8.17.5 with 8.17.4); from k = n on everything is counted."""
    partly = (k >= 0) & (k < n)
    return np.where(partly, -beta_density(np.where(partly, k + 1, 1), np.where(partly, n - k, 1), p, 1 - p), 0)


# ---- Fisher's F, through the beta function
def fisher(dfn: Any, dfd: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """The arguments a, b, w, 1 - w of the incomplete beta function (DLMF 8.17.1)."""
    total = dfd + dfn * x
    return 0.5 * dfn, 0.5 * dfd, dfn * x / total, dfd / total


def fisher_density(dfn: Any, dfd: Any, x: Any) -> Any:
    return beta_density(*fisher(dfn, dfd, x)) * dfn * dfd / (dfd + dfn * x) ** 2


# ---- Student's t: in the degrees of freedom, and in the shift of the noncentral one
def student_density(v: Any, t: Any) -> Any:
    """(1 + t²/v)^-(v+1)/2 / (√v B(½, v/2)); for large v, where SciPy's beta cancels, Γ(v/2+½)/Γ(v/2) as a series."""
    large = v > 200
    u = 2 / np.where(large, v, 200.0)
    series = 1 - u * (1 / 8 - u * (1 / 128 + u * (5 / 1024 - u * (21 / 32768 + u * (399 / 262144 - u * 869 / 4194304)))))
    scale = np.where(large, series / ROOT_2PI, np.exp(-sp.betaln(0.5, 0.5 * v)) / np.sqrt(v))
    return scale * np.exp(-0.5 * (v + 1) * np.log1p(t * t / v))


def student_freedom(v: Any, t: Any) -> Any:
    """For v ≥ 1 ±∫ density · score ds from 0 to |t|, or minus that from |t| to ∞ beyond the score's zero near s² = 1 + √2.

    score = ∂ log density/∂v = ½ (q/(1+q) - log(1+q) + q/(v(1+q)) + c), q = s²/v, c = ψ((v+1)/2) - ψ(v/2) - 1/v: terms of
    the order of 1/v² all, while the incomplete beta function's partials cancel to it from 1/v;
    they serve for v < 1, where the integrand reaches beyond the largest number: F = 1 - I_w(v/2, ½)/2, w = v/(v + t²).
    """
    heavy = v < 1
    if np.any(heavy):
        total = v + t * t
        below = 0.5 * beta_shape(0.5 * v, 0.5, v / total, t * t / total) + np.abs(t) * student_density(v, t) / v
        at_zero = t * student_density(v, t) * 0.5 * (sp.psi(0.5 * v + 0.5) - sp.psi(0.5 * v) - 1 / v)
        below = np.where(t == 0, at_zero, -0.5 * np.sign(t) * below)
        return below if np.all(heavy) else np.where(heavy, below, student_freedom(np.where(heavy, 2.0, v), t))
    left = t < 0
    size = np.where(left, -t, t)
    large = v > 100
    w = 1 / np.where(large, v, 100) ** 2
    c = np.where(large, w * (0.5 - w * (0.25 - w * (0.5 - 2.125 * w))), sp.psi(0.5 * v + 0.5) - sp.psi(0.5 * v) - 1 / v)

    def g(s: Any) -> Any:
        q = s * s / v
        return student_density(v, s) * 0.5 * (inverse_power(q, 1.0) + q / (1 + q) / v + c)

    inner = size * size < 2.5
    slope = integral(g, np.where(inner, size, 1.0), GAMMA_NODES)
    if not np.all(inner):
        size = np.where(inner, 2.0, size)
        share = size * size / (v + size * size)
        end = (TAIL - 0.5 * (v + 1) * np.log(share)) / v  # in log s: from where the density has fallen by e^-50
        for _ in range(4):
            end = np.minimum(end, 0.5 * np.log1p(np.expm1(np.minimum(2 * (TAIL + end) / (v + 1), 600)) / share))
        outer = integral(lambda u: size * np.exp(u) * g(size * np.exp(u)), end, GAMMA_NODES)
        slope = np.where(inner, slope, -outer)
    return np.where(left, -slope, slope)


def nct_shift(density: Any, v: Any, d: Any, t: Any) -> Any:
    """-E φ(ts - δ) over s = √(χ²/v), which is -c times the density with v - 1 degrees at t √((v-1)/v).

    F = E Φ(ts - δ) and density = E s φ(ts - δ); s^(v-1) exp(-v s²/2) is the weight of one degree less, rescaled. For
    v ≤ 1 from v + 2 degrees: the integral of d(s^v exp(-v s²/2) φ(ts - δ)) is zero.
    """
    few = v <= 1
    if np.any(few):
        above = nct_shift(density, v + 2, d, t * np.sqrt((v + 2) / v))
        stepped = ((v + t * t) * above + t * d * density(t, v, d)) / v
        return stepped if np.all(few) else np.where(few, stepped, nct_shift(density, np.where(few, 2.0, v), d, t))
    w = v - 1
    return -np.sqrt(0.5 * w) * np.exp(sp.gammaln(0.5 * w) - sp.gammaln(0.5 * v)) * density(t * np.sqrt(w / v), w, d)


FISHER = Family("n d x", (
    lambda n, d, x: 0.5 * beta_shape(*fisher(n, d, x)) + fisher_density(n, d, x) * x / n,
    lambda n, d, x: -0.5 * beta_shape(0.5 * d, 0.5 * n, *fisher(n, d, x)[:1:-1]) - fisher_density(n, d, x) * x / d,
    fisher_density))
STUDENT = Family("v t", (student_freedom, student_density))

# ---- noncentral distributions: no formula in the degrees of freedom
ncx2: Any = getattr(_ufuncs, "_ncx2_pdf", None)
nct: Any = getattr(_ufuncs, "_nct_pdf", None)
ncf: Any = getattr(_ufuncs, "_ncf_pdf", None)

NONCENTRAL_CHI_SQUARE = Family("x v c", (
    ncx2, None, lambda x, v, c: -ncx2(x, v + 2, c)))  # ½ (F(v+2) - F(v)), from the Poisson mixture
NONCENTRAL_T = Family("v d t", (None, lambda v, d, t: nct_shift(nct, v, d, t), lambda v, d, t: nct(t, v, d)))
NONCENTRAL_F = Family("n d c x", (
    None,
    None,
    lambda n, d, c, x: ncf_shift(x, n, d, c),
    lambda n, d, c, x: ncf(x, n, d, c)))


def ncf_shift(x: Any, n: Any, d: Any, c: Any) -> Any:
    return 0.5 * (sp.ncfdtr(n + 2, d, c, x * n / (n + 2)) - sp.ncfdtr(n, d, c, x))


# ---- Kolmogorov, Smirnov, Tukey
def kolmogorov_slope(y: Any) -> Any:
    """Of 2 Σ (-1)^(k-1) exp(-2k²y²), and for small y of its theta transform 1 - √(2π)/y Σ exp(-(2k-1)²π²/8y²)."""
    near = y < 0.82
    z = np.where(near, 1.0, y)
    far = -8 * z * sum((-1) ** (k - 1) * k * k * np.exp(-2 * (k * z) ** 2) for k in range(1, 7))
    if not np.any(near):
        return far
    z = np.where(near & (y > 0), y, 1.0)
    odd = [((2 * k - 1) * np.pi) ** 2 / 8 for k in range(1, 6)]
    theta = np.sqrt(2 * np.pi) * sum((1 / z ** 2 - 2 * c / z ** 4) * np.exp(-c / z ** 2) for c in odd)
    return np.where(near, np.where(y > 0, theta, 0), far)


def tukey_density(f: Any, x: Any, lam: Any) -> Any:
    """1 / (F^(λ-1) + (1-F)^(λ-1)), from x = (F^λ - (1-F)^λ)/λ; 0 beyond the ends ±1/λ."""
    beyond = (lam > 0) & (lam * np.abs(x) >= 1)
    return np.where(beyond, 0, 1 / (np.power(f, lam - 1) + np.power(sp.tklmbda(-x, lam), lam - 1)))


def tukey_shape(f: Any, x: Any, lam: Any) -> Any:
    slope = boxcox_power(np.log(f), lam) - boxcox_power(np.log(sp.tklmbda(-x, lam)), lam)
    return np.where((lam > 0) & (lam * np.abs(x) >= 1), 0, -slope * tukey_density(f, x, lam))


# ---- the rows
direct(GAMMA_FUNCTION, sp.gammainc, sp.gammaincc)
inverse(sp.gammaincinv,  "a p",  GAMMA_FUNCTION)
inverse(sp.gammainccinv, "a q",  GAMMA_FUNCTION)
direct(BETA_FUNCTION, sp.betainc, sp.betaincc)
inverse(sp.betaincinv,   "a b p", BETA_FUNCTION)
inverse(sp.betainccinv,  "a b q", BETA_FUNCTION)
inverse(sp.btdtria,   "p b x",   BETA_FUNCTION)
inverse(sp.btdtrib,   "a p x",   BETA_FUNCTION)
direct(CHI_SQUARE, sp.chdtr, sp.chdtrc)
inverse(sp.chdtri,    "v q",     CHI_SQUARE)
inverse(sp.chdtriv,   "p x",     CHI_SQUARE)
direct(GAMMA, sp.gdtr, sp.gdtrc)
inverse(sp.gdtria,    "p b x",   GAMMA)
inverse(sp.gdtrib,    "a p x",   GAMMA)
inverse(sp.gdtrix,    "a b p",   GAMMA)
direct(POISSON, sp.pdtr, sp.pdtrc)
inverse(sp.pdtri,     "k p",     POISSON)
inverse(sp.pdtrik,    "p m",     SMOOTH_POISSON, at_zero)
direct(BINOMIAL, sp.bdtr, sp.bdtrc)
direct(NEGATIVE_BINOMIAL, sp.nbdtr, sp.nbdtrc)
inverse(sp.bdtrik,    "p n pr",  SMOOTH_BINOMIAL, at_zero)
inverse(sp.bdtrin,    "k p pr",  SMOOTH_BINOMIAL)
inverse(sp.nbdtrik,   "p n pr",  SMOOTH_NEGATIVE, at_zero)
inverse(sp.nbdtrin,   "k p pr",  SMOOTH_NEGATIVE)
elementwise(sp.bdtri,     None, None, lambda f, k, n, p: 1 / binomial_density(np.floor(k), n, f))
elementwise(sp.nbdtri,    None, None, lambda f, k, n, p: 1 / beta_density(np.floor(n), np.floor(k) + 1, f, 1 - f))
direct(FISHER, sp.fdtr, sp.fdtrc)
inverse(sp.fdtri,     "n d p",   FISHER)
inverse(sp.fdtridfd,  "n p x",   FISHER, at_most)
direct(STUDENT, sp.stdtr)
inverse(sp.stdtrit,   "v p",     STUDENT)
inverse(sp.stdtridf,  "p t",     STUDENT, at_most)
elementwise(sp.kolmogorov, lambda f, y: kolmogorov_slope(y))
elementwise(sp.kolmogi,    lambda f, p: 1 / kolmogorov_slope(f))
elementwise(sp.tklmbda,    tukey_density, tukey_shape)


def has(density: Any, *functions: Any) -> bool:
    """Whether this SciPy has the density; if not, the functions that need it are refused."""
    if density is None:
        refused("its derivative needs a density that this SciPy does not have; wrap the call in dualdiff.stop_gradient()",
                *functions)
    return density is not None


NO_FORMULA = ("it is solved for degrees of freedom, in which the distribution has no formula for its derivative; wrap the "
              "call in dualdiff.stop_gradient() if that is meant")
refused(NO_FORMULA, sp.chndtridf, sp.nctdtridf, sp.ncfdtridfd, sp.ncfdtridfn)
if has(ncx2, sp.chndtr, sp.chndtrix, sp.chndtrinc):
    direct(NONCENTRAL_CHI_SQUARE, sp.chndtr)
    inverse(sp.chndtrix,  "p v c",    NONCENTRAL_CHI_SQUARE)
    inverse(sp.chndtrinc, "x v p",    NONCENTRAL_CHI_SQUARE, at_zero)
    elementwise(ncx2, lambda f, x, v, c: 0.5 * (((v - 2) * f + c * ncx2(x, v + 2, c)) / x - f),  # DLMF 10.29.1
                      None,
                      lambda f, x, v, c: 0.5 * (ncx2(x, v + 2, c) - f))
if has(nct, sp.nctdtr, sp.nctdtrit, sp.nctdtrinc):
    direct(NONCENTRAL_T, sp.nctdtr)
    inverse(sp.nctdtrit,  "v d p",    NONCENTRAL_T)
    inverse(sp.nctdtrinc, "v p t",    NONCENTRAL_T)
if has(ncf, sp.ncfdtr, sp.ncfdtri, sp.ncfdtrinc):
    direct(NONCENTRAL_F, sp.ncfdtr)
    inverse(sp.ncfdtri,   "n d c p",  NONCENTRAL_F)
    inverse(sp.ncfdtrinc, "n d p x",  NONCENTRAL_F, at_zero)
if has(getattr(_ufuncs, "_smirnovp", None), sp.smirnov, sp.smirnovi):
    elementwise(sp.smirnov,  None, lambda f, n, d: _ufuncs._smirnovp(n, d))
    elementwise(sp.smirnovi, None, lambda f, n, p: 1 / _ufuncs._smirnovp(n, f))


# ---- what SciPy's distributions call: no public names, not in every release
def nbinom_shape(n: Any, k: Any, p: Any) -> Any:
    return beta_shape(n, np.floor(k) + 1, p, 1 - p)


COUNTING: dict[str, tuple[Slope, ...]] = {
    "_binom_pmf":   (None, None, lambda f, k, n, p: f * (k - n * p) / (p * (1 - p))),
    "_binom_cdf":   (None, None, lambda f, k, n, p: binomial_density(np.floor(k), n, p)),
    "_binom_sf":    (None, None, lambda f, k, n, p: -binomial_density(np.floor(k), n, p)),
    "_nbinom_pmf":  (None, lambda f, k, n, p: f * (sp.psi(n + k) - sp.psi(n) + np.log(p)),
                     lambda f, k, n, p: f * (n / p - k / (1 - p))),
    "_nbinom_cdf":  (None, lambda f, k, n, p: nbinom_shape(n, k, p),
                     lambda f, k, n, p: beta_density(n, np.floor(k) + 1, p, 1 - p)),
    "_nbinom_sf":   (None, lambda f, k, n, p: -nbinom_shape(n, k, p),
                     lambda f, k, n, p: -beta_density(n, np.floor(k) + 1, p, 1 - p)),
    "_skewnorm_cdf": (lambda f, x, m, s, a: skew_density(x, m, s, a) / s,
                      lambda f, x, m, s, a: -skew_density(x, m, s, a) / s,
                      lambda f, x, m, s, a: -skew_density(x, m, s, a) * (x - m) / s ** 2,
                      # F = Φ(z) - 2T(z, a), Owen's T; ∂T/∂a is its integrand
                      lambda f, x, m, s, a: -np.exp(-0.5 * (1 + a * a) * ((x - m) / s) ** 2) / (np.pi * (1 + a * a))),
    "_ncx2_sf":     (lambda f, x, v, c: -ncx2(x, v, c), None, lambda f, x, v, c: ncx2(x, v + 2, c)),
    "_nct_sf":      (lambda f, t, v, d: -nct(t, v, d), None, lambda f, t, v, d: -nct_shift(nct, v, d, t)),
    "_ncf_sf":      (lambda f, x, n, d, c: -ncf(x, n, d, c), None, None, lambda f, *args: -ncf_shift(*args)),
    "_nct_pdf":     (lambda f, t, v, d: nct_step(nct, t, v, d, np.sqrt(1 + 2 / v)) - f / t, None,
                     lambda f, t, v, d: nct_step(lambda t, v, d: nct_shift(nct, v, d, t), t, v, d, 1)),
    "_log1mexp":    (lambda f, x: -1 / np.expm1(-x),),
    "_scaled_exp1": (lambda f, x: f + f / x - 1,)}  # x e^x E₁(x), DLMF 6.2.1


def nct_step(slope: Any, t: Any, v: Any, d: Any, inner: Any) -> Any:
    """Of the density (v/t) (F(t √(1+2/v); v+2) - F(t; v)) by F's slope, in t or in δ."""
    return v / t * (inner * slope(t * np.sqrt(1 + 2 / v), v + 2, d) - slope(t, v, d))


def skew_density(x: Any, m: Any, s: Any, a: Any) -> Any:
    z = (x - m) / s
    return 2 * np.exp(-0.5 * z * z) / ROOT_2PI * sp.ndtr(a * z)


for _name, _slopes in COUNTING.items():
    if _function := getattr(_ufuncs, _name, None):
        elementwise(_function, *_slopes)

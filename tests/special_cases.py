"""SciPy's functions in mpmath's words, and where their derivatives are measured. Data for tests/test_special.py."""

from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import scipy.special as sp
from mpmath import mpf

HALF = mpf(1) / 2
SIZE = 40                                                  # of the tridiagonal matrices whose eigenvalues are sought


def grid(*columns):
    """Points whose coordinates are the columns' entries, one by one."""
    return list(zip(*columns, strict=True))


def line(*xs):
    return [(x,) for x in xs]


def with_first(values, xs):
    """Every order or degree with every argument."""
    return [(v, x) for v in values for x in xs]


@dataclass(frozen=True)
class Solved:
    """The solution y of function(y, *args) = 0 next to SciPy's value: its derivatives by the implicit function theorem."""

    function: Callable
    start: Callable
    steps: int = 3                                         # 0: at SciPy's own value, where that has few digits

    def __call__(self, *args):
        y = mpf(float(self.start(*map(float, args))))
        for _ in range(self.steps):                                 # Newton doubles SciPy's twelve digits each time
            y -= self.function(y, *args) / slope(self.function, 0, (y, *args))
        return y

    def slope(self, i, args):
        point = (self(*args), *args)
        return -slope(self.function, i + 1, point) / slope(self.function, 0, point)


def slope(function, i, args):
    """∂function/∂args[i] by a central difference whose step leaves thirty digits of fifty and more."""
    if isinstance(function, Solved | Integral):
        return function.slope(i, args)
    x = args[i]
    h = mpf(10)**-17 * min(abs(x) or 1, 1)
    return (function(*args[:i], x + h, *args[i + 1:]) - function(*args[:i], x - h, *args[i + 1:])) / (2 * h)


@dataclass(frozen=True)
class Integral:
    """sign · ∫ g from start to x, up to a constant: its derivative is sign · g."""

    g: Callable
    start: float
    sign: int = 1

    def __call__(self, x):
        return self.sign * mp.quad(self.g, [self.start, x])

    def slope(self, i, args):
        return self.sign * self.g(*args)


# ---- distribution functions ------------------------------------------------------------------------------------------
def P(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def Q(a, x):
    return mp.gammainc(a, x, mp.inf, regularized=True)


def I(a, b, x):  # noqa: E743
    return mp.betainc(a, b, 0, x, regularized=True)


def Phi(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


ndtri = Solved(lambda x, p: Phi(x) - p, sp.ndtri)


def student(v, t):
    return 1 - I(v / 2, HALF, v / (v + t * t)) / 2 if t > 0 else I(v / 2, HALF, v / (v + t * t)) / 2


def fisher(n, d, x):
    return I(n / 2, d / 2, n * x / (d + n * x))


def poisson_mixture(term, c, count=60):
    return sum(mp.exp(-c / 2) * (c / 2)**j / mp.factorial(j) * term(j) for j in range(count))


def noncentral_chi_square(x, v, c):
    return poisson_mixture(lambda j: P(v / 2 + j, x / 2), c)


def noncentral_f(n, d, c, x):
    return poisson_mixture(lambda j: I(n / 2 + j, d / 2, n * x / (d + n * x)), c)


def noncentral_t(v, d, t):
    """R. V. Lenth, Applied Statistics 38 (1989) 185."""
    if t < 0:
        return 1 - noncentral_t(v, -d, -t)
    y, h = t * t / (t * t + v), d * d / 2
    return Phi(-d) + sum(
        h**j * mp.exp(-h) / 2 * (I(j + HALF, v / 2, y) / mp.factorial(j)
                                   + d / mp.sqrt(2) / mp.gamma(j + 3 * HALF) * I(j + 1, v / 2, y))
        for j in range(50))


def kolmogorov(y):
    return 2 * sum((-1)**(k - 1) * mp.exp(-2 * k * k * y * y) for k in range(1, 60))


def smirnov(n, d):
    return d * sum(mp.binomial(n, j) * (1 - d - mpf(j) / n)**(n - j) * (d + mpf(j) / n)**(j - 1)
                   for j in range(int(mp.floor(n * (1 - d))) + 1))


def logit_of_tukey(p, x, lam):
    return (mp.log(p / (1 - p)) if lam == 0 else (p**lam - (1 - p)**lam) / lam) - x


# ---- elliptic --------------------------------------------------------------------------------------------------------
def jacobi(kind):
    return lambda u, m: mp.ellipfun(kind, u, m=m)


# ---- others ----------------------------------------------------------------------------------------------------------
def voigt(x, s, g):
    z = (x + 1j * g) / (s * mp.sqrt(2))
    return mp.re(mp.exp(-z * z) * mp.erfc(-1j * z)) / (s * mp.sqrt(2 * mp.pi))


def box_cox(x, lam):
    return mp.log(x) if lam == 0 else (x**lam - 1) / lam


def inverse_box_cox(y, lam):
    return mp.exp(y) if lam == 0 else (lam * y + 1)**(1 / lam)


def wright(a, b, x):
    return mp.nsum(lambda k: x**k / mp.factorial(k) * mp.rgamma(a * k + b), [0, mp.inf])


def hermite_norm(n, x):
    return mp.hermite(n, x / mp.sqrt(2)) / mp.sqrt(2)**n


def shifted_jacobi(n, p, q, x):
    return mp.jacobi(n, p - q, q - 1, 2 * x - 1) / mp.binomial(2 * n + p - 1, n)


def bessel_poly(a, lam, nu):
    return mp.quad(lambda t: t**lam * mp.besselj(nu, 2 * a * t), [0, 1])


def eigenvalue_equation(diagonal, squares, r, value):
    """Row r of a tridiagonal determinant, eliminated from both ends: zero where value is the r-th eigenvalue."""
    up = down = mpf(0)
    for k in range(r):
        up = squares[k] / (diagonal[k] - value - up)
    for k in range(SIZE - 2, r - 1, -1):
        down = squares[k] / (diagonal[k + 1] - value - down)
    return diagonal[r] - value - up - down


def mathieu_even(a, m, q):
    """The recurrence of Fourier coefficients (DLMF 28.4.5-6), symmetric; m is a number that counts."""
    m = int(m)
    diagonal = [mpf(2 * k + m % 2)**2 for k in range(SIZE)]
    if m % 2:
        diagonal[0] += q
    return eigenvalue_equation(diagonal, [q * q * (1 if m % 2 or k else 2) for k in range(SIZE)], m // 2, a)


def mathieu_odd(b, m, q):
    m = int(m)
    first = 1 if m % 2 else 2
    diagonal = [mpf(2 * k + first)**2 for k in range(SIZE)]
    if m % 2:
        diagonal[0] -= q
    return eigenvalue_equation(diagonal, [q * q] * SIZE, (m - first) // 2, b)


def spheroidal(sign):
    """The recurrence of Legendre coefficients (DLMF 30.8.4), symmetric."""
    def equation(value, m, n, c):
        m, n, g = int(m), int(n), sign * c * c
        diagonal, squares = [], []
        for k in range((n - m) % 2, 2 * SIZE, 2):
            a = mpf(2 * m + 2 * k)
            diagonal.append((m + k) * (m + k + 1) + g * (2 * (m + k) * (m + k + 1) - 2 * m * m - 1) / ((a - 1) * (a + 3)))
            squares.append(g * g * (2 * m + k + 2) * (2 * m + k + 1) * (k + 2) * (k + 1)
                           / ((a + 3) * (a + 5) * (a + 1) * (a + 3)))
        return eigenvalue_equation(diagonal, squares, (n - m) // 2, value)
    return equation


def kelvin_slope(function):
    return lambda x: mp.diff(lambda t: function(0, t), x)


def kelvin(first, second):
    return lambda x: first(0, x) + 1j * second(0, x)


def fresnel_f(sign):
    """∫ exp(±it²) from x to ∞ (DLMF 7.2.6)."""
    return lambda x: mp.sqrt(mp.pi) / 2 * mp.expjpi(sign * mpf(1) / 4) * mp.erfc(mp.expjpi(-sign * mpf(1) / 4) * x)


def fresnel_k(sign):
    return lambda x: mp.exp(-1j * sign * (x * x + mp.pi / 4)) / mp.sqrt(mp.pi) * fresnel_f(sign)(x)


NEAR = (-2.5, -0.3, 0.0, 0.7, 1.9)
RIGHT = (1e-3, 0.3, 1.0, 2.7, 11.0)
ORDERED = with_first((0.0, 0.5, 1.0, 3.7), (0.2, 1.3, 5.5, 14.0, 40.0))
DEGREES = with_first((0, 1, 2, 5), (-0.9, -0.2, 0.0, 0.4, 0.85))
SHAPES = grid((0.3, 1.0, 2.5, 30.0, 200.0, 2.5, 0.7), (0.1, 0.5, 4.0, 28.0, 230.0, 30.0, 1e-3))
BETAS = grid((0.4, 1.5, 3.0, 20.0, 70.0, 2.0), (0.7, 2.5, 0.5, 30.0, 3.0, 2.0), (0.2, 0.5, 0.9, 0.4, 0.95, 1e-3))
UNIT = (1e-6, 0.1, 0.5, 0.83, 0.999)
SHAPED = grid((0.4, 1.5, 3.0, 20.0, 7.0), UNIT)

# ---- one input: (SciPy's name, mpmath, points) -------------------------------------------------------------------------
ONE = [
    ("erf", mp.erf, line(-3, *NEAR, 5)),
    ("erfc", mp.erfc, line(*NEAR, 5, 25)),
    ("erfcx", lambda x: mp.exp(x * x) * mp.erfc(x), line(*NEAR, 7.9, 8.1, 30, 1e5)),
    ("erfi", mp.erfi, line(*NEAR, 5)),
    ("dawsn", lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), line(*NEAR, 7.9, -8.1, 50, 1e4)),
    ("erfinv", mp.erfinv, line(-0.9, -0.2, 0.0, 0.5, 0.99)),
    ("erfcinv", Solved(lambda x, y: mp.erfc(x) - y, sp.erfcinv),
     line(1e-20, 0.1, 0.9, 1.0, 1.7)),
    ("ndtr", Phi, line(-10, *NEAR, 5)),
    ("log_ndtr", lambda x: mp.log(Phi(x)), line(-100, -10, *NEAR, 5)),
    ("ndtri", ndtri, line(1e-30, *UNIT)),
    ("ndtri_exp", Solved(lambda x, y: mp.log(Phi(x)) - y, sp.ndtri_exp), line(-50, -3, -1, -0.3, -1e-3)),
    ("gamma", mp.gamma, line(-2.5, -0.4, 0.1, 1.0, 4.7, 50)),
    ("gammaln", lambda x: mp.log(abs(mp.gamma(x))), line(-2.5, 0.1, 1.0, 4.7, 1e4)),
    ("loggamma", mp.loggamma, line(0.1, 0.5, 1.0, 4.7, 1e4)),
    ("rgamma", mp.rgamma, line(-3, -2.5, -1, -0.4, 0, 0.1, 1.0, 4.7, 20)),
    ("psi", lambda x: mp.psi(0, x), line(-20.3, -2.5, -0.4, 0.1, 1.0, 4.7, 1e3)),
    ("zetac", mp.zeta, line(-4, -2.5, -0.4, 0, 0.5, 1.2, 2, 4.7, 20)),
    ("expit", lambda x: 1 / (1 + mp.exp(-x)), line(-700, *NEAR, 40)),
    ("logit", lambda x: mp.log(x / (1 - x)), line(*UNIT)),
    ("log_expit", lambda x: -mp.log(1 + mp.exp(-x)), line(-800, *NEAR, 40)),
    ("entr", lambda x: -x * mp.log(x), line(*RIGHT)),
    ("exp2", lambda x: mpf(2)**x, line(*NEAR)),
    ("exp10", lambda x: mpf(10)**x, line(*NEAR)),
    ("expm1", mp.expm1, line(*NEAR)),
    ("log1p", mp.log1p, line(-0.9, -1e-9, 0, 0.7, 20)),
    ("cbrt", lambda x: mp.sign(x) * abs(x)**(mpf(1) / 3), line(-8, -0.1, 1e-6, 1, 30)),
    ("exprel", lambda x: mp.expm1(x) / x if x else mpf(1), line(-800, -30, -1e-3, 1e-9, 0.9, 1.1, 20)),
    ("cosm1", lambda x: mp.cos(x) - 1, line(*NEAR)),
    ("sindg", lambda x: mp.sin(x * mp.pi / 180), line(-200, -30, 0, 60, 91)),
    ("cosdg", lambda x: mp.cos(x * mp.pi / 180), line(-200, -30, 0, 60, 91)),
    ("tandg", lambda x: mp.tan(x * mp.pi / 180), line(-200, -30, 0, 60, 89)),
    ("cotdg", lambda x: mp.cot(x * mp.pi / 180), line(-200, -30, 1, 60, 91)),
    ("j0", lambda x: mp.besselj(0, x), line(*NEAR, 30)),
    ("j1", lambda x: mp.besselj(1, x), line(*NEAR, 30)),
    ("y0", lambda x: mp.bessely(0, x), line(*RIGHT, 30)),
    ("y1", lambda x: mp.bessely(1, x), line(*RIGHT, 30)),
    ("i0", lambda x: mp.besseli(0, x), line(*NEAR, 30)),
    ("i1", lambda x: mp.besseli(1, x), line(*NEAR, 30)),
    ("k0", lambda x: mp.besselk(0, x), line(*RIGHT, 30)),
    ("k1", lambda x: mp.besselk(1, x), line(*RIGHT, 30)),
    ("i0e", lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), line(-40, -3, 0.1, 24.9, 1e4)),
    ("i1e", lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), line(-40, -3, 0.1, 24.9, 1e4)),
    ("k0e", lambda x: mp.exp(x) * mp.besselk(0, x), line(0.1, 3, 24.9, 26, 1e4)),
    ("k1e", lambda x: mp.exp(x) * mp.besselk(1, x), line(0.1, 3, 24.9, 26, 1e4)),
    ("ber", lambda x: mp.ber(0, x), line(-3, 0, 0.7, 4, 12)),
    ("bei", lambda x: mp.bei(0, x), line(-3, 0.1, 0.7, 4, 12)),
    ("ker", lambda x: mp.ker(0, x), line(0.1, 0.7, 2, 4, 8)),
    ("kei", lambda x: mp.kei(0, x), line(0.1, 0.7, 2, 4, 8)),
    ("berp", kelvin_slope(mp.ber), line(-3, 0.1, 0.7, 4, 12)),
    ("beip", kelvin_slope(mp.bei), line(-3, 0, 0.7, 4, 12)),
    ("kerp", kelvin_slope(mp.ker), line(0.1, 0.7, 2, 4, 8)),
    ("keip", kelvin_slope(mp.kei), line(0.1, 0.7, 2, 4, 8)),
    ("airy[0]", mp.airyai, line(-6, -1.3, 0, 0.7, 5)),
    ("airy[1]", lambda x: mp.airyai(x, derivative=1), line(-6, -1.3, 0.1, 0.7, 5)),
    ("airy[2]", mp.airybi, line(-6, -1.3, 0, 0.7, 5)),
    ("airy[3]", lambda x: mp.airybi(x, derivative=1), line(-6, -1.3, 0.1, 0.7, 5)),
    ("airye[0]", lambda x: mp.airyai(x) * mp.exp(x**1.5 / 1.5), line(0.1, 0.7, 5, 11.9, 12.1, 500)),
    ("airye[1]", lambda x: mp.airyai(x, derivative=1) * mp.exp(x**1.5 / 1.5), line(0.1, 0.7, 5, 11.9, 12.1, 500)),
    ("airye[2]", lambda x: mp.airybi(x) * mp.exp(-x**1.5 / 1.5), line(0.1, 0.7, 5, 11.9, 12.1, 500)),
    ("airye[3]", lambda x: mp.airybi(x, derivative=1) * mp.exp(-x**1.5 / 1.5), line(0.1, 0.7, 5, 11.9, 12.1, 500)),
    ("itairy[0]", lambda x: mp.airyai(x, derivative=-1), line(0.1, 0.7, 2, 3, 5)),
    ("itairy[1]", lambda x: mp.airybi(x, derivative=-1), line(0.1, 0.7, 2, 3, 5)),
    ("itairy[2]", lambda x: -mp.airyai(-x, derivative=-1), line(0.1, 0.7, 2, 3, 5)),
    ("itairy[3]", lambda x: -mp.airybi(-x, derivative=-1), line(0.1, 0.7, 2, 3, 5)),
    ("ellipk", mp.ellipk, line(-5, -1e-9, 0, 0.3, 0.99)),
    ("ellipe", mp.ellipe, line(-5, -1e-9, 0, 0.3, 0.99)),
    ("ellipkm1", lambda p: mp.ellipk(1 - p), line(1e-20, 0.01, 0.7, 1, 6)),
    ("exp1", mp.e1, line(*RIGHT)),
    ("expi", mp.ei, line(-3, *RIGHT)),
    ("spence", lambda z: mp.polylog(2, 1 - z), line(0.1, 0.5, 0.99999, 1.4999, 1.5, 1.9)),
    ("sici[0]", mp.si, line(*NEAR, 30)),
    ("sici[1]", mp.ci, line(*RIGHT, 30)),
    ("shichi[0]", mp.shi, line(*NEAR, 30)),
    ("shichi[1]", mp.chi, line(*RIGHT, 30)),
    ("fresnel[0]", mp.fresnels, line(*NEAR, 9.3)),
    ("fresnel[1]", mp.fresnelc, line(*NEAR, 9.3)),
    ("itj0y0[0]", Integral(lambda t: mp.besselj(0, t), 0), line(*RIGHT)),
    ("itj0y0[1]", Integral(lambda t: mp.bessely(0, t), 0), line(*RIGHT)),
    ("iti0k0[0]", Integral(lambda t: mp.besseli(0, t), 0), line(*RIGHT)),
    ("iti0k0[1]", Integral(lambda t: mp.besselk(0, t), 0), line(*RIGHT)),
    ("it2j0y0[0]", Integral(lambda t: (1 - mp.besselj(0, t)) / t, mpf(10)**-30), line(1e-3, 0.3, 1.9, 2.1, 11)),
    ("it2j0y0[1]", Integral(lambda t: mp.bessely(0, t) / t, 1, -1), line(*RIGHT)),
    ("it2i0k0[0]", Integral(lambda t: (mp.besseli(0, t) - 1) / t, mpf(10)**-30), line(1e-3, 0.3, 1.9, 2.1, 11)),
    ("it2i0k0[1]", Integral(lambda t: mp.besselk(0, t) / t, 1, -1), line(*RIGHT)),
    ("itstruve0", Integral(lambda t: mp.struveh(0, t), 0), line(*RIGHT)),
    ("it2struve0", Integral(lambda t: mp.struveh(0, t) / t, 1, -1), line(*RIGHT)),
    ("itmodstruve0", Integral(lambda t: mp.struvel(0, t), 0), line(*RIGHT)),
    ("wrightomega", lambda z: mp.lambertw(mp.exp(z)).real, line(-10, -1, 0, 1, 30)),
    ("kolmogorov", kolmogorov, line(0.3, 0.6, 0.81, 0.83, 1.5, 3)),
    ("kolmogi", Solved(lambda y, p: kolmogorov(y) - p, sp.kolmogi), line(0.01, 0.2, 0.5, 0.9, 0.99)),
    ("zeta", mp.zeta, line(-4, -2.5, -0.4, 0, 0.5, 1.2, 2, 4.7, 20)),
]

# ---- one real input, a complex result ----------------------------------------------------------------------------------
PHASES = [
    ("kelvin[0]", kelvin(mp.ber, mp.bei), line(-3, 0.1, 0.7, 4, 12)),
    ("kelvin[1]", kelvin(mp.ker, mp.kei), line(0.1, 0.7, 2, 4, 8)),
    ("kelvin[2]", lambda x: slope(kelvin(mp.ber, mp.bei), 0, (x,)), line(-3, 0.1, 0.7, 4, 12)),
    ("kelvin[3]", lambda x: slope(kelvin(mp.ker, mp.kei), 0, (x,)), line(0.1, 0.7, 2, 4, 8)),
    ("modfresnelp[0]", fresnel_f(1), line(0.0, 0.7, 1.9, 4, 9)),
    ("modfresnelp[1]", fresnel_k(1), line(0.0, 0.7, 1.9, 7.9, 40)),
    ("modfresnelm[0]", fresnel_f(-1), line(0.0, 0.7, 1.9, 4, 9)),
    ("modfresnelm[1]", fresnel_k(-1), line(0.0, 0.7, 1.9, 7.9, 40)),
    ("hankel1", mp.hankel1, ORDERED),
    ("hankel2", mp.hankel2, ORDERED),
    ("hankel1e", lambda v, x: mp.hankel1(v, x) * mp.exp(-1j * x), [*ORDERED, (1.5, 600.0)]),
    ("hankel2e", lambda v, x: mp.hankel2(v, x) * mp.exp(1j * x), [*ORDERED, (1.5, 600.0)]),
]

# ---- two inputs ------------------------------------------------------------------------------------------------------
TWO = [
    ("owens_t", lambda h, a: mp.quad(lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * mp.pi),
     grid((-1.5, 0.1, 0.7, 2, 4), (0.5, -3, 0.2, 1, 1.5))),
    ("poch", lambda a, m: mp.gammaprod([a + m], [a]), grid((0.3, 2, 4.5, -2.5, 7), (1.5, 3, -0.7, 0.4, 0.1))),
    ("beta", mp.beta, grid((0.3, 2, 4.5, -2.5, 7), (1.5, 3, 0.7, 0.4, 0.1))),
    ("betaln", lambda a, b: mp.log(abs(mp.beta(a, b))),
     grid((0.3, 2, 4.5, 1e3, 7, 30, 1e4), (1.5, 3, 0.7, 2e3, 0.1, 0.1, 1e-5))),
    ("binom", mp.binomial, grid((4.3, 7, 0.5, 20.5, 3), (1.5, 3, 0.7, 6, 0.1))),
    ("zeta", mp.zeta, grid((1.2, 2, 3.3, 7, 15), (0.2, 1, 4.4, 30, 2.5))),
    ("xlogy", lambda x, y: x * mp.log(y), grid((-2, 0.1, 1, 3, 1e5), (0.3, 1, 2, 5, 1e-5))),
    ("xlog1py", lambda x, y: x * mp.log1p(y), grid((-2, 0.1, 1, 3, 1e5), (0.3, -0.9, 2, 1e-9, 1e-5))),
    ("rel_entr", lambda x, y: x * mp.log(x / y), grid((0.3, 1, 2, 1e-5, 1 + 1e-9), (0.4, 5, 0.1, 30, 1))),
    ("kl_div", lambda x, y: x * mp.log(x / y) - x + y, grid((0.3, 1, 2, 1e-5, 1 + 1e-9), (0.4, 5, 0.1, 30, 1))),
    ("powm1", lambda x, y: x**y - 1, grid((0.3, 1, 2, 1e-5, 7), (0.4, 5, -0.1, 3, 1e-9))),
    ("huber", lambda d, r: r * r / 2 if abs(r) < d else d * (abs(r) - d / 2),
     grid((1, 1, 0.5, 3, 2), (0.3, -5, 2, -1, 9))),
    ("pseudo_huber", lambda d, r: d * d * (mp.sqrt(1 + (r / d)**2) - 1),
     grid((1, 1, 0.5, 3, 2), (0.3, -5, 2, -1e-6, 1e6))),
    ("boxcox", box_cox, grid((0.3, 2, 7, 1.1, 0.3), (0.4, 0, -2, 1e-9, 5))),
    ("boxcox1p", lambda x, lam: box_cox(1 + x, lam), grid((-0.3, 2, 7, 1e-3, 0.3), (0.4, 0, -2, 1e-9, 5))),
    ("inv_boxcox", inverse_box_cox, grid((-0.3, 2, 0.4, 1e-3, 0.3), (0.4, 0, -2, 1e-9, 5))),
    ("inv_boxcox1p", lambda y, lam: inverse_box_cox(y, lam) - 1,
     grid((-0.3, 2, 0.4, 1e-3, 0.3), (0.4, 0, -2, 1e-9, 5))),
    ("agm", mp.agm, grid((1, 2, 1e-3, 7, 1e6), (1, 0.3, 5, 7.1, 1e-6))),
    ("jv", mp.besselj, ORDERED),
    ("yv", mp.bessely, ORDERED),
    ("iv", mp.besseli, ORDERED),
    ("kv", mp.besselk, ORDERED),
    ("jve", mp.besselj, ORDERED[:10]),
    ("yve", mp.bessely, ORDERED[:10]),
    ("ive", lambda v, x: mp.exp(-x) * mp.besseli(v, x), [*ORDERED, (1.5, 600.0), (2.0, 1e4)]),
    ("kve", lambda v, x: mp.exp(x) * mp.besselk(v, x), [*ORDERED, (1.5, 600.0), (2.0, 1e4)]),
    ("yn", mp.bessely, with_first((0, 1, 4), RIGHT)),
    ("kn", mp.besselk, with_first((0, 1, 4), RIGHT)),
    ("struve", mp.struveh, with_first((0.0, 0.5, 3.0), RIGHT)),
    ("modstruve", mp.struvel, with_first((0.0, 0.5, 3.0), RIGHT)),
    ("pbdv[0]", mp.pcfd, with_first((0.0, 1.5, -0.7), (-2.0, 0.3, 0.9, 2.0, 4.0))),
    ("pbvv[0]", lambda v, x: mp.pcfv(-v - HALF, x), with_first((0.5, 1.5, -0.7), (-2.0, 0.3, 0.9, 2.0, 4.0))),
    ("pbwa[0]", mp.pcfw, with_first((0.5, -0.7), (0.3, 0.9, 1.4, 2.0, 3.0))),
    ("pbdv[1]", lambda v, x: mp.diff(lambda t: mp.pcfd(v, t), x), with_first((1.5,), (-2.0, 0.3, 0.9, 2.0, 4.0))),
    ("pbvv[1]", lambda v, x: mp.diff(lambda t: mp.pcfv(-v - HALF, t), x),
     with_first((1.5,), (-2.0, 0.3, 0.9, 2.0, 4.0))),
    ("pbwa[1]", lambda a, x: mp.diff(lambda t: mp.pcfw(a, t), x), with_first((0.5,), (0.3, 0.9, 1.4, 2.0, 3.0))),
    ("ellipkinc", mp.ellipf, grid((0.3, 1.5, -0.7, 4, -9, 1.2), (0.4, 0.9, 0, -2, 0.5, 1e-9))),
    ("ellipeinc", mp.ellipe, grid((0.3, 1.5, -0.7, 4, -9, 1.2), (0.4, 0.9, 0, -2, 0.5, 1e-9))),
    ("ellipj[0]", jacobi("sn"), grid((0.3, 1.5, -0.7, 4, -9, 1.2), (0.4, 0.9, 0, 0.3, 0.5, 1e-3))),
    ("ellipj[1]", jacobi("cn"), grid((0.3, 1.5, -0.7, 4, -9, 1.2), (0.4, 0.9, 0, 0.3, 0.5, 1e-3))),
    ("ellipj[2]", jacobi("dn"), grid((0.3, 1.5, -0.7, 4, -9, 1.2), (0.4, 0.9, 0, 0.3, 0.5, 1e-3))),
    ("ellipj[3]", Solved(lambda phi, u, m: mp.ellipf(phi, m) - u, lambda u, m: sp.ellipj(u, m)[3]),
     grid((0.3, 1.5, -0.7, 4, -9, 1.2), (0.4, 0.9, 0.1, 0.3, 0.5, 1e-3))),
    ("elliprc", mp.elliprc, grid((0.3, 1, 2, 5, 0.1), (0.4, 1, 0.01, -3, 20))),
    ("expn", mp.expint, with_first((0, 1, 2, 5), RIGHT)),
    ("hyp0f1", mp.hyp0f1, grid((0.3, 1.5, 4, -0.5, 10), (-3, 0.4, 20, 1, -0.2))),
    ("gammainc", P, SHAPES),
    ("gammaincc", Q, SHAPES),
    ("gammaincinv", Solved(lambda y, a, p: P(a, y) - p, sp.gammaincinv), SHAPED),
    ("gammainccinv", Solved(lambda y, a, q: Q(a, y) - q, sp.gammainccinv), SHAPED),
    ("chdtr", lambda v, x: P(v / 2, x / 2), SHAPES),
    ("chdtrc", lambda v, x: Q(v / 2, x / 2), SHAPES),
    ("chdtri", Solved(lambda y, v, q: Q(v / 2, y / 2) - q, sp.chdtri), SHAPED),
    ("chdtriv", Solved(lambda y, p, x: P(y / 2, x / 2) - p, sp.chdtriv),
     grid((0.1, 0.5, 0.9, 0.3, 0.7), (0.4, 1.5, 3.0, 20.0, 7.0))),
    ("pdtr", lambda k, m: Q(mp.floor(k) + 1, m), with_first((0, 3, 4.6), (0.1, 2.0, 5.0, 9.0, 20.0))),
    ("pdtrc", lambda k, m: P(mp.floor(k) + 1, m), with_first((0, 3, 4.6), (0.1, 2.0, 5.0, 9.0, 20.0))),
    ("pdtri", Solved(lambda y, k, p: Q(k + 1, y) - p, sp.pdtri), with_first((0, 3), (0.01, 0.2, 0.5, 0.8, 0.99))),
    ("pdtrik", Solved(lambda y, p, m: Q(y + 1, m) - p, sp.pdtrik),
     grid((0.3, 0.5, 0.9, 0.4, 0.7), (1.5, 3.0, 2.0, 20.0, 7.0))),
    ("stdtr", student, grid((0.01, 0.7, 1.0, 3.0, 12.5, 100.0, 1e5), (5.0, -2.0, 0.3, 1.0, -4.0, 2.0, 1.0))),
    ("stdtrit", Solved(lambda y, v, p: student(v, y) - p, sp.stdtrit),
     grid((0.7, 1.0, 3.0, 12.5, 100.0), (0.1, 0.6, 0.9, 0.3, 0.99))),
    ("stdtridf", Solved(lambda y, p, t: student(y, t) - p, sp.stdtridf),
     grid((0.9, 0.8, 0.2, 0.05, 0.95), (1.6, 0.95, -1, -2.1, 2.3))),
    ("smirnov", smirnov, with_first((1, 3, 10), (0.05, 0.2, 0.45, 0.7, 0.95))),
    ("smirnovi", Solved(lambda d, n, p: smirnov(n, d) - p, lambda n, p: sp.smirnovi(int(n), p)),
     with_first((3, 10), (0.05, 0.2, 0.45, 0.7, 0.95))),
    ("tklmbda", Solved(logit_of_tukey, sp.tklmbda), grid((0.3, -1, 2, 0.5, -0.2), (0.5, 0, -0.3, 1.5, 0.1))),
    ("mathieu_a", Solved(mathieu_even, sp.mathieu_a), with_first((0, 1, 4), (0.1, 1.0, 3.0, 8.0, 20.0))),
    ("mathieu_b", Solved(mathieu_odd, sp.mathieu_b), with_first((1, 2, 4), (0.1, 1.0, 3.0, 8.0, 20.0))),
    ("eval_chebyt", mp.chebyt, DEGREES),
    ("eval_chebyu", mp.chebyu, DEGREES),
    ("eval_chebyc", lambda n, x: 2 * mp.chebyt(n, x / 2), DEGREES),
    ("eval_chebys", lambda n, x: mp.chebyu(n, x / 2), DEGREES),
    ("eval_sh_chebyt", lambda n, x: mp.chebyt(n, 2 * x - 1), DEGREES),
    ("eval_sh_chebyu", lambda n, x: mp.chebyu(n, 2 * x - 1), DEGREES),
    ("eval_legendre", mp.legendre, [*DEGREES, (2.5, 0.3)]),
    ("eval_sh_legendre", lambda n, x: mp.legendre(n, 2 * x - 1), DEGREES),
    ("eval_laguerre", lambda n, x: mp.laguerre(n, 0, x), DEGREES),
    ("eval_hermite", mp.hermite, DEGREES),
    ("eval_hermitenorm", hermite_norm, DEGREES),
]

# ---- three inputs and more -------------------------------------------------------------------------------------------
MORE = [
    ("voigt_profile", voigt, grid((-1.5, 0, 0.7, 12, 3, 2, 2, 7.6), (0.5, 1, 2, 0.3, 1, -0.5, 0.5, -6.8),
                                  (0.4, 1, 0.01, 0.2, 5, 0.3, -0.3, -0.745))),
    ("nrdtrimn", lambda p, s, x: x - s * ndtri(p),
     grid((0.1, 0.4, 0.6, 0.9, 0.01), (0.5, 1, 2, 0.3, 1), (0.4, 1, -2, 0.2, 5))),
    ("nrdtrisd", lambda m, p, x: (x - m) / ndtri(p),
     grid((0.5, 1, 2, 0.3, 1), (0.1, 0.4, 0.6, 0.9, 0.01), (0.4, 1, 3, 0.9, -5))),
    ("radian", lambda d, m, s: (d + m / 60 + s / 3600) * mp.pi / 180,
     grid((1, -2, 30, 4, 5), (0, 3, 10, 59, 1), (2, 7, 0, 1, 59))),
    ("elliprf", mp.elliprf, grid((0.3, 1, 2, 0.1, 10), (0.4, 1, 0.01, 3, 20), (0.2, 1, 7, 0.5, 0.1))),
    ("elliprd", mp.elliprd, grid((0.3, 1, 2, 0.1, 10), (0.4, 1, 0.01, 3, 20), (0.2, 1, 7, 0.5, 0.1))),
    ("elliprg", mp.elliprg, grid((0.3, 1, 2, 0.1, 10), (0.4, 1, 0.01, 3, 20), (0.2, 1, 7, 0.5, 0.1))),
    ("elliprj", mp.elliprj,
     grid((0.3, 1, 2, 0.1, 10), (0.4, 1, 0.01, 3, 20), (0.2, 1, 7, 0.5, 0.1), (0.7, 1, 0.2, 4, 30))),
    ("besselpoly", bessel_poly, grid((0.3, 1, 2, 0.1, 5), (1, 0, 2, 3.5, 1), (0, 1, 2, 3, 0))),
    ("betainc", I, BETAS),
    ("betaincc", lambda a, b, x: I(b, a, 1 - x), BETAS),
    ("betaincinv", Solved(lambda y, a, b, p: I(a, b, y) - p, sp.betaincinv), BETAS[:5]),
    ("betainccinv", Solved(lambda y, a, b, q: I(b, a, 1 - y) - q, sp.betainccinv), BETAS[:5]),
    ("btdtria", Solved(lambda y, p, b, x: I(y, b, x) - p, sp.btdtria),
     grid((0.1, 0.4, 0.6, 0.9, 0.3), (0.5, 1, 2, 7, 1), (0.4, 0.7, 0.2, 0.3, 0.5))),
    ("btdtrib", Solved(lambda y, a, p, x: I(a, y, x) - p, sp.btdtrib),
     grid((0.5, 1, 2, 7, 1), (0.1, 0.4, 0.6, 0.9, 0.3), (0.4, 0.7, 0.2, 0.3, 0.5))),
    ("fdtr", fisher, grid((0.7, 1, 3, 12, 5), (2, 0.5, 8, 30, 5), (0.2, 1, 2, 1.4, 4))),
    ("fdtrc", lambda n, d, x: 1 - fisher(n, d, x), grid((0.7, 1, 3, 12, 5), (2, 0.5, 8, 30, 5), (0.2, 1, 2, 1.4, 4))),
    ("fdtri", Solved(lambda y, n, d, p: fisher(n, d, y) - p, sp.fdtri),
     grid((0.7, 1, 3, 12, 5), (2, 0.5, 8, 30, 5), (0.2, 0.5, 0.7, 0.4, 0.9))),
    ("fdtridfd", Solved(lambda y, n, p, x: fisher(n, y, x) - p, sp.fdtridfd),
     grid((0.7, 1, 3, 12, 5), (0.6, 0.5, 0.8, 0.7, 0.9), (1.2, 1, 2, 1.4, 4))),
    ("gdtr", lambda a, b, x: P(b, a * x), grid((0.7, 1, 3, 12, 5), (2, 0.5, 8, 30, 5), (0.2, 1, 2, 2.4, 1))),
    ("gdtrc", lambda a, b, x: Q(b, a * x), grid((0.7, 1, 3, 12, 5), (2, 0.5, 8, 30, 5), (0.2, 1, 2, 2.4, 1))),
    ("gdtria", Solved(lambda y, p, b, x: P(b, y * x) - p, sp.gdtria),
     grid((0.1, 0.4, 0.6, 0.9, 0.3), (2, 0.5, 8, 30, 5), (0.2, 1, 2, 2.4, 1))),
    ("gdtrib", Solved(lambda y, a, p, x: P(y, a * x) - p, sp.gdtrib),
     grid((0.7, 1, 3, 12, 5), (0.1, 0.4, 0.6, 0.9, 0.3), (0.2, 1, 2, 2.4, 1))),
    ("gdtrix", Solved(lambda y, a, b, p: P(b, a * y) - p, sp.gdtrix),
     grid((0.7, 1, 3, 12, 5), (2, 0.5, 8, 30, 5), (0.1, 0.4, 0.6, 0.9, 0.3))),
    ("bdtr", lambda k, n, p: I(n - mp.floor(k), mp.floor(k) + 1, 1 - p),
     grid((0, 2, 3.5, 7, 1), (4, 5, 9, 20, 3), (0.1, 0.4, 0.6, 0.3, 0.9))),
    ("bdtrc", lambda k, n, p: I(mp.floor(k) + 1, n - mp.floor(k), p),
     grid((0, 2, 3.5, 7, 1), (4, 5, 9, 20, 3), (0.1, 0.4, 0.6, 0.3, 0.9))),
    ("bdtri", Solved(lambda y, k, n, p: I(n - k, k + 1, 1 - y) - p, lambda k, n, p: sp.bdtri(k, int(n), p)),
     grid((0, 2, 3, 7, 1), (4, 5, 9, 20, 3), (0.1, 0.4, 0.6, 0.3, 0.9))),
    ("bdtrik", Solved(lambda y, p, n, pr: I(n - y, y + 1, 1 - pr) - p, sp.bdtrik),
     grid((0.45, 0.6, 0.5, 0.7, 0.9), (4, 5, 9, 20, 6), (0.2, 0.4, 0.6, 0.3, 0.5))),
    ("bdtrin", Solved(lambda y, k, p, pr: I(y - k, k + 1, 1 - pr) - p, sp.bdtrin),
     grid((1, 2, 3, 7, 1), (0.4, 0.6, 0.5, 0.7, 0.8), (0.2, 0.4, 0.6, 0.3, 0.25))),
    ("nbdtr", lambda k, n, p: I(n, k + 1, p), grid((0, 2, 3, 7, 1), (4, 5, 9, 20, 3), (0.1, 0.4, 0.6, 0.7, 0.9))),
    ("nbdtrc", lambda k, n, p: I(k + 1, n, 1 - p), grid((0, 2, 3, 7, 1), (4, 5, 9, 20, 3), (0.1, 0.4, 0.6, 0.7, 0.9))),
    ("nbdtri", Solved(lambda y, k, n, p: I(n, k + 1, y) - p, sp.nbdtri),
     grid((0, 2, 3, 7, 1), (4, 5, 9, 20, 3), (0.1, 0.4, 0.6, 0.3, 0.9))),
    ("nbdtrik", Solved(lambda y, p, n, pr: I(n, y + 1, pr) - p, sp.nbdtrik),
     grid((0.4, 0.6, 0.5, 0.7, 0.9), (4, 5, 9, 20, 6), (0.4, 0.4, 0.6, 0.6, 0.5))),
    ("nbdtrin", Solved(lambda y, k, p, pr: I(y, k + 1, pr) - p, sp.nbdtrin),
     grid((1, 2, 3, 7, 1), (0.4, 0.6, 0.5, 0.7, 0.8), (0.2, 0.4, 0.6, 0.3, 0.4))),
    ("chndtr", noncentral_chi_square, grid((0.7, 1, 3, 12, 5), (2, 0.5, 8, 3, 5), (0.2, 1, 2, 2.4, 9))),
    ("chndtrix", Solved(lambda y, p, v, c: noncentral_chi_square(y, v, c) - p, sp.chndtrix),
     grid((0.1, 0.4, 0.6, 0.9, 0.3), (2, 0.5, 8, 3, 5), (0.2, 1, 2, 2.4, 9))),
    ("chndtrinc", Solved(lambda y, x, v, p: noncentral_chi_square(x, v, y) - p, sp.chndtrinc),
     grid((2.7, 3, 9, 12, 5), (2, 0.5, 8, 3, 2), (0.5, 0.6, 0.4, 0.7, 0.3))),
    ("nctdtr", noncentral_t, grid((2.5, 3, 8, 4, 0.6, 1), (0.2, 1, -1, 2.4, 0.7, -1), (0.7, 1, -3, 2, 0.5, 3))),
    ("nctdtrit", Solved(lambda y, v, d, p: noncentral_t(v, d, y) - p, sp.nctdtrit),
     grid((2.5, 3, 8, 4, 5), (0.2, 1, -1, 2.4, 0.1), (0.3, 0.5, 0.2, 0.6, 0.9))),
    ("nctdtrinc", Solved(lambda y, v, p, t: noncentral_t(v, y, t) - p, sp.nctdtrinc, 0),
     grid((2.5, 3, 8, 4, 5), (0.3, 0.5, 0.2, 0.6, 0.4), (0.7, 1, 3, 2, 1.5))),
    ("ncfdtr", noncentral_f, grid((2.5, 3, 8, 4, 5), (2, 5, 8, 3, 7), (0.2, 1, 2, 2.4, 5), (0.7, 1, 3, 2, 0.5))),
    ("ncfdtri", Solved(lambda y, n, d, c, p: noncentral_f(n, d, c, y) - p, sp.ncfdtri),
     grid((2.5, 3, 8, 4, 5), (2, 5, 8, 3, 7), (0.2, 1, 2, 2.4, 5), (0.3, 0.5, 0.2, 0.6, 0.9))),
    ("ncfdtrinc", Solved(lambda y, n, d, p, x: noncentral_f(n, d, y, x) - p, sp.ncfdtrinc, 0),
     grid((2.5, 3, 8, 4, 5), (2, 5, 8, 3, 7), (0.3, 0.5, 0.6, 0.5, 0.4), (1.7, 1.5, 2, 2, 2.5))),
    ("hyp1f1", mp.hyp1f1, grid((0.3, 1.5, 4, -0.5, 2), (1.3, 2, 0.7, 3, 5), (-3, 0.4, 10, 1, -0.2))),
    ("hyperu", mp.hyperu, grid((0.3, 1.5, 4, 0.5, 2), (1.3, 2.2, 0.7, 3, 5), (3, 0.4, 10, 1, 0.2))),
    ("hyp2f1", mp.hyp2f1,
     grid((0.3, 1.5, 4, -0.5, 2), (1.3, 2, 0.7, 3, 5), (1.1, 3.5, 2, 4, 9), (-3, 0.4, 0.7, 0.9, -0.2))),
    ("wright_bessel", wright, grid((0.3, 1.5, 1, 0.5, 2), (1.3, 2, 0.7, 3, 0.5), (3, 0.4, 10, 1, 0.2))),
    ("log_wright_bessel", lambda a, b, x: mp.log(wright(a, b, x)),
     grid((0.3, 1.5, 1, 0.5, 2), (1.3, 2, 0.7, 3, 0.5), (3, 0.4, 10, 1, 0.2))),
    ("eval_genlaguerre", mp.laguerre, [(n, a, x) for n, (a, x) in zip((0, 1, 3, 6, 4), SHAPES[:5], strict=True)]),
    ("eval_gegenbauer", mp.gegenbauer, grid((0, 1, 2, 5, 7), (0.3, 1.5, 4, 0.6, 2), (-0.9, -0.2, 0.3, 0.4, 0.85))),
    ("eval_jacobi", mp.jacobi,
     grid((0, 1, 2, 5, 7), (0.3, 1.5, 4, -0.5, 2), (-0.3, 0.5, 2, 0, 1), (-0.9, -0.2, 0.3, 0.4, 0.85))),
    ("eval_sh_jacobi", shifted_jacobi,
     grid((0, 1, 2, 5, 7), (2.3, 2.5, 4, 3.5, 2), (1.3, 1.5, 2, 2.2, 1.4), (0.9, 0.2, 0.3, 0.4, 0.85))),
    ("pro_cv", Solved(spheroidal(1), sp.pro_cv), grid((0, 1, 0, 2, 1), (0, 1, 2, 4, 4), (0.3, 1.5, 4, 2, 6))),
    ("obl_cv", Solved(spheroidal(-1), sp.obl_cv), grid((0, 1, 0, 2, 1), (0, 1, 2, 4, 4), (0.3, 1.5, 4, 2, 5))),
    ("lpmv", lambda m, v, x: mp.legenp(v, m, x),
     grid((0, 1, 2, 0, 3), (2, 3, 4, 1.5, 5), (-0.9, -0.2, 0.3, 0.4, 0.85))),
]

# ---- complex inputs: holomorphic functions and where -------------------------------------------------------------------
PLANE = (0.3 + 0.4j, -0.7 + 2.5j, 2.0 - 1.5j, 5.0 + 0.2j, 9.0 + 6.0j)
HOLOMORPHIC = [
    ("erf", mp.erf), ("erfc", mp.erfc), ("erfi", mp.erfi), ("gamma", mp.gamma), ("loggamma", mp.loggamma),
    ("rgamma", mp.rgamma), ("psi", lambda z: mp.psi(0, z)), ("exp1", mp.e1), ("expm1", mp.expm1), ("log1p", mp.log1p),
    ("erfcx", lambda z: mp.exp(z * z) * mp.erfc(z)), ("wofz", lambda z: mp.exp(-z * z) * mp.erfc(-1j * z)),
    ("dawsn", lambda z: mp.sqrt(mp.pi) / 2 * mp.exp(-z * z) * mp.erfi(z)), ("ndtr", Phi),
    ("log_ndtr", lambda z: mp.log(Phi(z))), ("spence", lambda z: mp.polylog(2, 1 - z)),
    ("wrightomega", lambda z: mp.lambertw(mp.exp(z), int(mp.ceil((z.imag - mp.pi) / (2 * mp.pi))))),
    ("lambertw", mp.lambertw), ("zeta", mp.zeta),
    ("airy[0]", mp.airyai), ("airy[3]", lambda z: mp.airybi(z, derivative=1)),
    ("sici[0]", mp.si), ("shichi[0]", mp.shi), ("fresnel[1]", mp.fresnelc),
]

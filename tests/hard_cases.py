"""Hard points beside those of test_hard_points.py: the code in x, the point, the Jacobian. Data."""

import numpy as np

INF = np.inf
LN2 = np.log(2)

ONE_SIDED = [
    ("x[0] ** 0.5 * x[1]", [0.0, 2.0], [INF, 0]),
    ("np.arccosh(x)", [1.0, 2.0], [[INF, 0], [0, 3**-0.5]]),
    ("np.log1p(x)", [-1.0, 0.0], [[INF, 0], [0, 1]]),
    ("np.log2(x)", [0.0, 1.0], [[INF, 0], [0, 1 / LN2]]),
    ("np.cbrt(x)", [0.0, 8.0], [[INF, 0], [0, 1 / 12]]),
    ("np.arcsin(x)", [1.0, -1.0], np.diag([INF, INF])),
    ("x ** (1 / 3)", [0.0, 8.0], [[INF, 0], [0, 1 / 12]]),
    ("np.power(0.0, x)", [0.5, 3.0], [[0, 0], [0, 0]]),
    ("x ** x", [1.0, 2.0], np.diag([1.0, 4 + 4 * LN2])),
    ("np.sqrt(x @ x)", [0.0, 0.0], [0, 0]),
    ("np.sqrt(np.sum(x ** 2))", [3.0, 4.0], [0.6, 0.8]),
    ("np.sqrt(np.sum(x ** 2))", [0.0, 0.0], [0, 0]),
]
EXTREMES = [
    ("np.log(1 + np.exp(x))", [-800.0, 0.0], [[0, 0], [0, 0.5]]),
    ("np.exp(-x ** 2)", [1e200, 0.0], [[0, 0], [0, 0]]),
    ("1 / (1 + x ** 2)", [1e200, 1.0], [[0, 0], [0, -0.5]]),
    ("np.arctan(np.exp(x))", [800.0, 0.0], [[0, 0], [0, 0.5]]),
    ("np.tanh(np.exp(x))", [800.0], [[0]]),
    ("np.exp(-np.exp(x))", [800.0], [[0]]),
    ("np.exp(-np.exp(-x))", [-800.0], [[0]]),
    ("np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)))", [1000.0, 0.0], [[0, 0], [0, 0]]),
    ("np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))", [1000.0, -1000.0], [1, 0]),
    ("np.logaddexp.reduce(x)", [0.0, 0.0, -2000.0], [0.5, 0.5, 0]),
    ("np.logaddexp2(x[0], x[1])", [1e5, -1e5], [1, 0]),
    ("np.hypot(x[0], x[1])", [3e-200, 4e-200], [0.6, 0.8]),
    ("np.arctan2(x[0], x[1])", [1e-200, 1e-200], [0.5e200, -0.5e200]),
    ("np.arctan2(x[0], x[1])", [0.0, 2.0], [0.5, 0]),
    ("np.linalg.norm(x)", [3e150, 4e150], [0.6, 0.8]),
    ("np.linalg.norm(x)", [3e-200, 4e-200], [0.6, 0.8]),
    ("np.linalg.norm(x, 1)", [1e300, -1e300], [1, -1]),
    ("np.expm1(x)", [-1e3, 1e-300], [[0, 0], [0, 1]]),
    ("np.sinc(x)", [0.0, 0.5], [[0, 0], [0, -4 / np.pi]]),
    ("np.sinc(x)", [1e-10], [[-np.pi**2 / 3 * 1e-10]]),
    ("np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x))", [0.0, np.pi], [[0, 0], [0, -1 / np.pi]]),
    ("np.prod(x) / np.prod(x[1:])", [0.0, 2.0], [1, 0]),
    ("np.cumprod(x)", [0.0, 3.0, 0.0], [[1, 0, 0], [3, 0, 0], [0, 0, 0]]),
    # of these a partial, or its product with a coefficient, underflows, and the derivative does not
    ("np.log(1 / (1 + np.exp(-x)))", [-400.0, 0.0], [[1, 0], [0, 0.5]]),
    ("np.log(np.reciprocal(1 + np.exp(-x)))", [-400.0, 0.0], [[1, 0], [0, 0.5]]),
    ("np.log((1 + np.exp(-x)) ** -1)", [-400.0, 0.0], [[1, 0], [0, 0.5]]),
    ("np.log(1 / (1 + np.exp(-x[0])))", [-400.0], [1]),
    ("np.log(np.exp(x) / np.sum(np.exp(x)))", [0.0, 400.0], [[1, -1], [0, 0]]),
]
FROM_SCIPY = [
    ("sp.expit(x)", [-1000.0, 0.0, 1000.0], np.diag([0, 0.25, 0])),
    ("np.pi * sp.voigt_profile(x[0], x[1], x[2])", [0.7, 0.0, 0.3], [-0.42 / 0.58**2, 0, 0.4 / 0.58**2]),
    ("1e8 * np.pi * sp.voigt_profile(0.7, x[0], 0.3)", [1e-8], [0.3 * 2.76 / 0.58**3]),
    ("sp.log_expit(x)", [-1000.0, 1000.0], np.diag([1.0, 0])),
    ("sp.xlogy(x, x)", [1.0, 2.0], np.diag([1.0, 1 + LN2])),
    ("sp.xlogy(0.0, x)", [0.0, 1.0], [[0, 0], [0, 0]]),
    ("sp.entr(x)", [1.0, 0.5], np.diag([-1.0, LN2 - 1])),
    ("sp.erf(x)", [40.0, 0.0], np.diag([0, 2 / np.sqrt(np.pi)])),
    ("sp.j0(x)", [0.0], [[0]]),
]
BRANCHES = [
    ("np.stack([a * a if a > 1 else 3 * a for a in x])", [2.0, 1.0, 0.0], np.diag([4.0, 3, 3])),
    ("x[0] if x[0] > x[1] else x[1] * 2", [1.0, 1.0], [0, 2]),
    ("max(x[0], x[1])", [1.0, 3.0], [0, 1]),
    ("sorted(x)[0]", [2.0, 1.0], [0, 1]),
    ("np.select([x < 0, x < 1], [-x, x * x], 1.0)", [-1.0, 0.0, 5.0], np.diag([-1.0, 0, 0])),
    ("np.where(x > 0, np.log(np.where(x > 0, x, 1)), x)", [0.0, 2.0], [[1, 0], [0, 0.5]]),
    ("np.where(np.isfinite(1 / x), 1 / np.where(x == 0, 1, x), 0)", [0.0, 2.0], [[0, 0], [0, -0.25]]),
    ("np.where(x < 700, np.exp(x), 0)", [800.0, 0.0], [[0, 0], [0, 1]]),
    ("np.cumsum(np.where(x > 0, np.sqrt(x), 0))", [0.0, 4.0], [[0, 0], [0, 0.25]]),
    ("x[x > 0] ** 2", [-1.0, 3.0], [[0, 6]]),
    ("np.concatenate([x[:0], np.sqrt(x)])", [0.0, 4.0], [[INF, 0], [0, 0.25]]),
]
EMPTY = [
    ("x[:0]", [1.0, 2.0], np.zeros((0, 2))),
    ("np.sum(x[:0] ** 2)", [1.0], [0]),
    ("np.prod(x[:0])", [1.0], [0]),
    ("np.sum(np.sqrt(x[:0])) + x[0]", [0.0], [1]),
    ("np.diff(x)", [1.0], np.zeros((0, 1))),
    ("np.max(np.reshape(x[:0], (0, 3)), axis=1)", [1.0, 2.0], np.zeros((0, 2))),
]
I3 = [1.0, 0, 0, 0, 1, 0, 0, 0, 1]
SPECTRA = [
    ("np.sum(np.linalg.eigvalsh(x.reshape(2, 2)) ** 3)", [2.0, 0, 0, 2], [12, 0, 0, 12]),
    ("np.linalg.eigvalsh(x.reshape(2, 2))[:1] * 2", [2.0, 0, 0, 3], [[2, 0, 0, 0]]),
    ("np.sum(np.linalg.svdvals(x.reshape(2, 2)) ** 2)", [2.0, 0, 0, 2], [4, 0, 0, 4]),
    ("cubed(x.reshape(2, 2))", [2.0, 0, 0, 2], [[12, 0, 0, 0], [0, 0, 12, 0], [0, 0, 12, 0], [0, 0, 0, 12]]),
    ("rebuilt(x.reshape(2, 3))", [2.0, 0, 0, 0, 2, 0], np.eye(6)),
    ("np.sum(np.sqrt(np.linalg.eigh(x.reshape(3, 3))[0]))", I3, [0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5]),
    ("np.linalg.matrix_power(x.reshape(2, 2), 2)[0]", [0.0, 1, 0, 0], [[0, 0, 1, 0], [1, 0, 0, 1]]),
    ("np.linalg.slogdet(x.reshape(2, 2))[1]", [1e-200, 0, 0, 1e-200], [1e200, 0, 0, 1e200]),
    ("np.linalg.det(x.reshape(3, 3))", [0.0] * 9, [0] * 9),
    ("np.linalg.norm(x.reshape(2, 2), 2)", [3.0, 0, 0, 1], [1, 0, 0, 0]),
    ("np.linalg.norm(x.reshape(2, 2), 'nuc')", [3.0, 0, 0, 1], [1, 0, 0, 1]),
]


def cubed(a):
    """A³ through the eigenvectors, of the lower triangle."""
    w, V = np.linalg.eigh(a)
    return np.ravel((V * w**3) @ V.T)


def rebuilt(a):
    U, s, Vh = np.linalg.svd(a, full_matrices=False)
    return np.ravel((U * s) @ Vh)


ALL = [*ONE_SIDED, *EXTREMES, *FROM_SCIPY, *BRANCHES, *EMPTY, *SPECTRA]

"""Programs that call SciPy, differentiated as they stand: against gradients by hand, differences, and other libraries.

Each is what a user of SciPy writes; ``by hand`` is the gradient that a paper would give for it, with the same SciPy functions.
JAX and autograd run the same mathematics in their own NumPy and SciPy, as far as those go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.optimize
import scipy.signal
import scipy.spatial.distance
import scipy.special
import scipy.stats

import dualdiff as dd

from . import _peers
from ._report import Case, all_cases, main
from ._timing import Contender

Array = Any
# The function, its gradient by hand, the same in another library's NumPy or None, and where.
Program = tuple[Callable[[Array], Any], Callable[[Array], Array], Callable[[Array, Any], Any] | None, Array]
RNG = np.random.default_rng(0)


def gaussian_process(points: int) -> Program:
    """The negative log marginal likelihood of a Gaussian process: Rasmussen and Williams (2006), equations 2.30 and 5.9."""
    X, y = RNG.random((points, 2)), RNG.standard_normal(points)
    squares = scipy.spatial.distance.cdist(X, X, "sqeuclidean")

    def loss(p: Array) -> Any:
        length, height, noise = np.exp(p)
        K = height * np.exp(-0.5 * scipy.spatial.distance.cdist(X / length, X / length, "sqeuclidean"))
        L = scipy.linalg.cho_factor(K + noise * np.eye(points), lower=True)
        return 0.5 * y @ scipy.linalg.cho_solve(L, y) + np.sum(np.log(np.diag(L[0])))

    def by_hand(p: Array) -> Array:
        length, height, noise = np.exp(p)
        r = squares / length**2
        K = height * np.exp(-0.5 * r)
        L = scipy.linalg.cho_factor(K + noise * np.eye(points), lower=True)
        a = scipy.linalg.cho_solve(L, y)
        weights = 0.5 * (scipy.linalg.cho_solve(L, np.eye(points)) - np.outer(a, a))
        return np.array([np.sum(weights * K * r), np.sum(weights * K), noise * np.trace(weights)])

    def elsewhere(p: Array, np: Any) -> Any:
        length, height, noise = np.exp(p)
        K = height * np.exp(-0.5 * np.asarray(squares) / length**2) + noise * np.eye(points)
        return 0.5 * np.asarray(y) @ np.linalg.solve(K, np.asarray(y)) + 0.5 * np.linalg.slogdet(K)[1]
    return loss, by_hand, elsewhere, np.log([0.3, 1.5, 0.1])


def students_t(points: int) -> Program:
    """The negative log-likelihood of Student's t in degrees of freedom, place and scale."""
    x = RNG.standard_t(4.0, points) * 2.0 + 1.0

    def loss(p: Array) -> Any:
        return -np.sum(scipy.stats.t.logpdf(x, p[0], loc=p[1], scale=p[2]))

    def by_hand(p: Array) -> Array:
        n, place, scale = p
        z = (x - place) / scale
        w = (n + 1) * z / (n + z * z)
        psi = scipy.special.digamma
        slope = 0.5 * (psi((n + 1) / 2) - psi(n / 2) - 1 / n - np.log1p(z * z / n) + w * z / n)
        return -np.array([np.sum(slope), np.sum(w) / scale, (w @ z - points) / scale])
    return loss, by_hand, None, np.array([3.0, 0.5, 1.5])


def recursive_filter(points: int) -> Program:
    """The error of a recursive filter of order 4 in its nine coefficients."""
    b, a = scipy.signal.butter(4, 0.2)
    x = RNG.standard_normal(points)
    wanted = scipy.signal.lfilter(b, a, x) + 0.01 * RNG.standard_normal(points)

    def loss(p: Array) -> Any:
        return np.sum((scipy.signal.lfilter(p[:5], np.concatenate([[1.0], p[5:]]), x) - wanted) ** 2)

    def by_hand(p: Array) -> Array:
        denominator = np.concatenate([[1.0], p[5:]])
        y = scipy.signal.lfilter(p[:5], denominator, x)
        u = 2 * (y - wanted)
        by_b, by_a = scipy.signal.lfilter([1.0], denominator, x), scipy.signal.lfilter([1.0], denominator, y)
        return np.array([*(u[k:] @ by_b[:points - k] for k in range(5)), *(-u[k:] @ by_a[:points - k] for k in range(1, 5))])
    return loss, by_hand, None, np.concatenate([b, a[1:]]) * 1.01


def spline(points: int) -> Program:
    """A loss of a cubic spline through fifty values."""
    knots, at = np.linspace(0.0, 1.0, 50), np.sort(RNG.random(points))

    def loss(values: Array) -> Any:
        return np.sum(np.cos(scipy.interpolate.CubicSpline(knots, values)(at)))

    def by_hand(values: Array) -> Array:
        basis = scipy.interpolate.CubicSpline(knots, np.eye(len(knots)))(at)
        return -np.sin(basis @ values) @ basis
    return loss, by_hand, None, RNG.standard_normal(50)


def implied_volatility(points: int) -> Program:
    """The volatility at which Black and Scholes's formula gives a price, by brentq, in what the formula depends on."""
    def loss(p: Array) -> Any:
        spot, strike, rate, years, price = p

        def gap(s: Any) -> Any:
            d = (np.log(spot / strike) + (rate + s * s / 2) * years) / (s * np.sqrt(years))
            cdf = scipy.stats.norm.cdf
            return spot * cdf(d) - strike * np.exp(-rate * years) * cdf(d - s * np.sqrt(years)) - price
        return scipy.optimize.brentq(gap, 1e-3, 3.0, xtol=1e-14)

    def by_hand(p: Array) -> Array:
        spot, strike, rate, years, _ = p
        s, root, worth = loss(p), np.sqrt(years), strike * np.exp(-rate * years)
        d = (np.log(spot / strike) + (rate + s * s / 2) * years) / (s * root)
        density = np.exp(-d * d / 2) / np.sqrt(2 * np.pi)
        within, beyond = scipy.special.ndtr(d), scipy.special.ndtr(d - s * root)
        theta = spot * density * s / (2 * root) + rate * worth * beyond
        return -np.array([within, -worth / strike * beyond, years * worth * beyond, theta, -1.0]) / (spot * density * root)
    return loss, by_hand, None, np.array([100.0, 105.0, 0.02, 0.75, 6.0])


def predators_and_prey(points: int) -> Program:
    """The misfit of Lotka and Volterra's equations in their four rates and the first prey, by the variational equations."""
    times = np.linspace(0.0, 10.0, points)
    wanted = RNG.random((2, points)) * 4
    fine = {"t_eval": times, "rtol": 1e-8, "atol": 1e-10}

    def loss(p: Array) -> Any:
        def slope(t: Any, y: Any) -> Any:
            return [p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]]
        return np.sum((scipy.integrate.solve_ivp(slope, (0, 10), [p[4], 1.0], **fine).y - wanted) ** 2)

    def by_hand(p: Array) -> Array:
        def slope(t: float, z: Array) -> Array:
            x, y = z[0], z[1]
            S = z[2:].reshape(2, 5)
            J = np.array([[p[0] - p[1] * y, -p[1] * x], [p[2] * y, p[2] * x - p[3]]])
            dS = J @ S
            dS[0, 0] += x
            dS[0, 1] -= x * y
            dS[1, 2] += x * y
            dS[1, 3] -= y
            return np.concatenate([[p[0] * x - p[1] * x * y, p[2] * x * y - p[3] * y], dS.ravel()])
        start = np.zeros(12)
        start[:2], start[6] = (p[4], 1.0), 1.0
        z = scipy.integrate.solve_ivp(slope, (0, 10), start, **fine).y
        return 2 * np.einsum("it,ijt->j", z[:2] - wanted, z[2:].reshape(2, 5, points))
    return loss, by_hand, None, np.array([1.5, 1.0, 1.0, 3.0, 1.0])


def fermi_and_dirac(points: int) -> Program:
    """An integral of Fermi and Dirac's, by quad, in chemical potential, temperature and the energy where it ends."""
    def occupied(x: Any, level: Any, heat: Any) -> Any:
        return x**1.5 / (np.exp((x - level) / heat) + 1.0)

    def loss(p: Array) -> Any:
        return scipy.integrate.quad(occupied, 0.0, p[2], args=(p[0], p[1]))[0]

    def by_hand(p: Array) -> Array:
        level, heat, end = p

        def slope(x: float) -> Any:
            e = np.exp((x - level) / heat)
            return x**1.5 * e / (heat * (e + 1.0) ** 2)
        slopes = slope, lambda x: slope(x) * (x - level) / heat
        return np.array([*(scipy.integrate.quad(g, 0.0, end)[0] for g in slopes), occupied(end, level, heat)])
    return loss, by_hand, None, np.array([1.2, 0.3, 4.0])


PROGRAMS: dict[str, tuple[Callable[[int], Program], int, int]] = {
    "likelihood of a Gaussian process, cdist and cho_factor, {} points": (gaussian_process, 20, 300),
    "likelihood of Student's t, stats.t.logpdf, {} points": (students_t, 100, 10_000),
    "error of a filter of order 4, signal.lfilter, {} samples": (recursive_filter, 100, 10_000),
    "loss of a spline of 50 values, CubicSpline, {} points": (spline, 100, 1000),
    "implied volatility, brentq and norm.cdf": (implied_volatility, 1, 1),
    "predators and prey, solve_ivp, {} times": (predators_and_prey, 5, 30),
    "integral of Fermi and Dirac's, quad": (fermi_and_dirac, 1, 1),
}


def cases(quick: bool) -> Iterator[Case]:
    for title, (make, few, many) in PROGRAMS.items():
        points = few if quick else many
        loss, by_hand, elsewhere, p = make(points)
        yield Case(title.format(points), [
            Contender("by hand", partial(by_hand, p)),
            *(Contender(mode, partial(dd.gradient(loss, mode=mode), p), 1e-5 if make is predators_and_prey else 1e-9)
              for mode in ("forward", "reverse")),
            Contender("differences", partial(scipy.optimize.approx_fprime, p, loss), 1e-3),
            Contender("f itself", partial(loss, p), None),
            *(_peers.gradients(elsewhere, p, symbols=False) if elsewhere else ())])


if __name__ == "__main__":
    main("benchmarks.scipy_programs", all_cases(cases))

"""The same optimisation with derivatives of different origin: logistic regression, Adam, Levenberg-Marquardt, uncertainties.

Logistic regression of the breast-cancer data to its minimum; an epoch of Adam on digits (64-32-10, batches of 32), where every
contender starts at the same parameters and must end at the same; a double decay fitted to many points by MINPACK's
Levenberg-Marquardt and others; the uncertainty of 10⁵ numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy import optimize
from sklearn import linear_model
from sklearn.datasets import load_digits

import dualdiff as dd
from dualdiff.datasets import load_breast_cancer
from dualdiff.models import LogisticRegression
from dualdiff.optimize import curve_fit, propagate

from . import _peers
from ._peers import installed
from ._report import Bar, Case, all_cases, main
from ._timing import Contender
from .small_fits import double_decay, with_lmfit

Run = Callable[[], Any]


# ---- logistic regression ---------------------------------------------------------------------------------------------
RIDGE = 1e-3


def logistic(quick: bool) -> Iterator[Case]:
    data = load_breast_cancer()
    X = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    y = data.target.astype(float)
    A = np.column_stack([X, np.ones(len(y))])
    weights = np.append(np.full(X.shape[1], RIDGE), 0.0)

    def loss(w: Any, np: Any = np) -> Any:
        z = np.asarray(A) @ w
        return np.mean(np.logaddexp(0.0, z) - np.asarray(y) * z) + 0.5 * np.sum(np.asarray(weights) * w * w)

    def gradient(w: Any) -> Any:
        return A.T @ (1 / (1 + np.exp(-(A @ w))) - y) / len(y) + weights * w

    def hessian(w: Any) -> Any:
        s = 1 / (1 + np.exp(-(A @ w)))
        return A.T @ ((s * (1 - s) / len(y))[:, None] * A) + np.diag(weights)

    def newton(gradient: Any, hessian: Any) -> Any:
        w = np.zeros(A.shape[1])
        for _ in range(50):
            g = gradient(w)
            if np.sqrt(g @ g) <= 1e-10:
                return w
            w = w - np.linalg.solve(hessian(w), g)
        raise ArithmeticError("Newton's method did not converge")

    def ours() -> Any:
        model = LogisticRegression(alpha=RIDGE, tol=1e-10).fit(X, y)
        return np.append(model.coef_[0], model.intercept_)

    def theirs(solver: str) -> Any:
        model = linear_model.LogisticRegression(C=1 / (RIDGE * len(y)), solver=solver, tol=1e-10, max_iter=10_000).fit(X, y)
        return np.append(model.coef_[0], model.intercept_)

    def with_jax() -> Run:
        jax = installed("jax")
        f = partial(loss, np=jax.numpy)
        gradient, hessian = jax.jit(jax.grad(f)), jax.jit(jax.hessian(f))
        return partial(newton, lambda w: np.asarray(gradient(w)), lambda w: np.asarray(hessian(w)))
    found = [Contender("by hand", partial(newton, gradient, hessian)), Contender("dualdiff LogisticRegression", ours),
             Contender("scikit-learn, newton-cholesky", partial(theirs, "newton-cholesky"), 1e-6, peer=True),
             Contender("scikit-learn, lbfgs", partial(theirs, "lbfgs"), 1e-5, peer=True)]
    if installed("jax"):
        found.append(_peers.contender("Newton, jax.jit(grad, hessian)", with_jax))
    exact = optimize.minimize(loss, np.zeros(A.shape[1]), jac=gradient, hess=hessian, method="trust-exact",
                              options={"gtol": 1e-12}).x
    w = ours()
    yield Case("logistic regression, breast cancer 569 × 30, to its minimum", found, [
        Bar("gradient norm of LogisticRegression, 10⁻⁸", lambda _: float(np.linalg.norm(gradient(w))) / 1e-8, 1.0, ""),
        Bar("coefficients from SciPy's minimiser's, 10⁻⁶", lambda _: float(np.max(np.abs(w - exact))) / 1e-6, 1.0, "")],
        seconds=5.0)


# ---- Adam --------------------------------------------------------------------------------------------------------------
ENDS = np.cumsum([64 * 32, 32, 32 * 10, 10])


def layers(p: Any) -> Any:
    W, b, V, c = (p[i:j] for i, j in zip([0, *ENDS[:-1]], ENDS, strict=True))
    return W.reshape(64, 32), b, V.reshape(32, 10), c


def cross_entropy(p: Any, X: Any, T: Any, np: Any = np) -> Any:
    W, b, V, c = layers(p)
    z = np.tanh(X @ W + b) @ V + c
    return np.mean(np.log(np.sum(np.exp(z), 1)) - np.sum(z * T, 1))


def backpropagation(p: Any, X: Any, T: Any) -> Any:
    W, b, V, c = layers(p)
    h = np.tanh(X @ W + b)
    e = np.exp(h @ V + c)
    u = (e / e.sum(axis=1, keepdims=True) - T) / len(X)
    g = (u @ V.T) * (1 - h * h)
    return np.concatenate([(X.T @ g).ravel(), g.sum(axis=0), (h.T @ u).ravel(), u.sum(axis=0)])


def adam(gradient: Callable[[Any, Any, Any], Any], p: Any, batches: Any) -> Any:
    """D. Kingma and J. Ba (2015), algorithm 1, with their constants and steps of 0.005."""
    first, second = np.zeros_like(p), np.zeros_like(p)
    for t, (X, T) in enumerate(batches, 1):
        g = gradient(p, X, T)
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g
        p = p - 0.005 * (first / (1 - 0.9 ** t)) / (np.sqrt(second / (1 - 0.999 ** t)) + 1e-8)
    return p


def an_epoch(quick: bool) -> Iterator[Case]:
    data = load_digits()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(data.target))[:96 if quick else 1344].reshape(-1, 32)
    batches = [(data.data[rows] / 16, np.eye(10)[data.target[rows]]) for rows in order]
    start = 0.1 * rng.standard_normal(ENDS[-1])

    def with_jax() -> Run:
        jax = installed("jax")
        compiled = jax.jit(jax.grad(partial(cross_entropy, np=jax.numpy)))
        return partial(adam, lambda p, X, T: np.asarray(compiled(p, X, T)), start, batches)

    def with_torch() -> Run:
        """torch's own optimiser, as its users train."""
        torch = installed("torch")
        tensors = [tuple(map(torch.asarray, batch)) for batch in batches]

        def run() -> Any:
            p = torch.tensor(start, requires_grad=True)
            optimiser = torch.optim.Adam([p], lr=0.005)
            for X, T in tensors:
                optimiser.zero_grad()
                cross_entropy(p, X, T, torch).backward()
                optimiser.step()
            return p.detach().numpy()
        return run

    def with_autograd() -> Run:
        autograd = installed("autograd")
        return partial(adam, autograd.grad(partial(cross_entropy, np=autograd.numpy)), start, batches)
    found = [Contender("by hand", partial(adam, backpropagation, start, batches)),
             *(Contender(f"dualdiff, {mode}", partial(adam, dd.gradient(cross_entropy, mode=mode), start, batches), 1e-8)
               for mode in ("reverse", "forward"))]
    found += [_peers.contender(name, make, 1e-8) for name, library, make in (
        ("jax.jit(grad)", "jax", with_jax), ("torch.optim.Adam", "torch", with_torch),
        ("autograd.grad", "autograd", with_autograd)) if installed(library)]
    yield Case(f"{len(batches)} steps of Adam, digits, MLP 64-32-10", found, seconds=8.0)


# ---- Levenberg-Marquardt -------------------------------------------------------------------------------------------------
def levenberg_marquardt(quick: bool) -> Iterator[Case]:
    points = 200 if quick else 10_000
    x = np.linspace(0, 10, points)
    y = double_decay(x, 3, 0.4, 2, 2.5, 0.5) + 0.02 * np.random.default_rng(0).normal(size=points)
    start = [2.0, 0.3, 1.0, 2.0, 0.3]

    def residual(p: Any, np: Any = np) -> Any:
        return double_decay(np.asarray(x), p[0], p[1], p[2], p[3], p[4], np) - np.asarray(y)

    def by_hand(p: Any) -> Any:
        e, f = np.exp(-p[1] * x), np.exp(-p[3] * x)
        return np.stack([e, -p[0] * x * e, f, -p[2] * x * f, np.ones_like(x)], axis=1)

    def minpack(jac: Any) -> Any:
        return optimize.least_squares(residual, start, method="lm", jac=jac).x

    def with_jax() -> Run:
        jax = installed("jax")
        compiled = jax.jit(jax.jacfwd(partial(residual, np=jax.numpy)))
        return partial(minpack, lambda p: np.asarray(compiled(p)))
    found = [Contender("by hand", partial(minpack, by_hand)),
             Contender("MINPACK, dualdiff.jacobian", partial(minpack, dd.jacobian(residual)), 1e-6),
             Contender("dualdiff curve_fit", lambda: curve_fit(double_decay, x, y, start)[0], 1e-6),
             Contender("MINPACK, differences", partial(minpack, "2-point"), 1e-5),
             Contender("scipy curve_fit", lambda: optimize.curve_fit(double_decay, x, y, start)[0], 1e-5, peer=True)]
    if installed("jax"):
        found.append(_peers.contender("MINPACK, jax.jit(jacfwd)", with_jax, 1e-6))
    if installed("lmfit"):
        found.append(Contender("lmfit", partial(with_lmfit, double_decay, x, y, start), 1e-5, peer=True))
    yield Case(f"Levenberg-Marquardt, double decay, 5 parameters, {points} points", found, seconds=5.0,
               reads=x.nbytes + y.nbytes)


# ---- uncertainty -----------------------------------------------------------------------------------------------------------
def uncertainty(quick: bool) -> Iterator[Case]:
    n = 500 if quick else 100_000
    t = np.linspace(0.0, 4.0, n)
    p, C = np.array([2.0, 0.7, 0.3]), np.array([[0.04, 0.01, 0.0], [0.01, 0.02, 0.002], [0.0, 0.002, 0.01]])

    def by_hand() -> Any:
        e = np.exp(-p[1] * t)
        J = np.stack([e, -p[0] * t * e, np.ones_like(t)], axis=1)
        return np.sqrt(np.sum((J @ C) * J, axis=1))
    yield Case(f"propagate: standard errors of {n} numbers from three parameters", [
        Contender("by hand", by_hand),
        Contender("dualdiff propagate", lambda: propagate(lambda p: p[0] * np.exp(-p[1] * t) + p[2], p, C).stderr)],
        [Bar("propagate", lambda timings: timings["dualdiff propagate"].median / 1e6, 10.0, "ms")], seconds=2.0, reads=t.nbytes)


def cases(quick: bool) -> Iterator[Case]:
    for part in (logistic, an_epoch, levenberg_marquardt, uncertainty):
        yield from part(quick)


if __name__ == "__main__":
    main("benchmarks.optimisers", all_cases(cases))

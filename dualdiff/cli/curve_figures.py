"""The plots of a fitted curve: data and confidence band, residuals, their normality, convergence, correlation."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from .curve import CurveFitted
from .figures import BLUE, DOTS, GREY, INK, Figure, canvas, descent, finished, matrix, styled


def figures(fitted: CurveFitted) -> list[Figure]:
    with styled():
        drawn = [fit(fitted), residuals(fitted), normal(fitted), convergence(fitted)]
        return [*drawn, correlation(fitted)] if len(fitted.curve.parameters) > 1 else drawn


def fit(fitted: CurveFitted) -> Figure:
    data, curve = fitted.job.data, fitted.curve
    figure, axes = canvas(7.5, 4.8)
    used = {j for name, j in curve.columns.items() if name in curve.formula.names}
    if len(used) == 1:
        j = used.pop()
        x = data.data[:, j]
        X = np.zeros((400, data.data.shape[1]))
        X[:, j] = np.linspace(x.min(), x.max(), 400)
        y, error = curve.predict(X)
        axes.fill_between(X[:, j], y - fitted.quantile * error, y + fitted.quantile * error, color=BLUE, alpha=0.2, lw=0,
                          label="95 % confidence band")
        axes.plot(X[:, j], y, color=BLUE, label="fitted")
        axes.plot(x, data.target, label="data", **DOTS)
        axes.set(xlabel=data.feature_names[j], ylabel=fitted.job.target)
        caption = "the data, the fitted curve, and where the true one lies at each point with 95 %."
    else:
        y, error = curve.predict(data.data)
        axes.errorbar(data.target, y, fitted.quantile * error, ecolor=BLUE, elinewidth=1, label="95 % confidence", **DOTS)
        ends = [min(y.min(), data.target.min()), max(y.max(), data.target.max())]
        axes.plot(ends, ends, color=GREY, linestyle="--", label="fitted = observed")
        axes.set(xlabel=f"observed {fitted.job.target}", ylabel=f"fitted {fitted.job.target}")
        caption = f"fitted against observed {fitted.job.target}."
    axes.legend()
    return finished(figure, fitted, "fit", "data and fit", caption)


def residuals(fitted: CurveFitted) -> Figure:
    figure, axes = canvas(6.2, 4.2)
    axes.plot(fitted.fitted, fitted.residuals, **DOTS)
    axes.axhline(0, color=BLUE, zorder=1)
    axes.set(xlabel=f"fitted {fitted.job.target}", ylabel="residual")
    return finished(figure, fitted, "residuals", "residuals", f"observed - fitted {fitted.job.target}; a pattern says what the "
                    "formula lacks.")


def normal(fitted: CurveFitted) -> Figure:
    r = np.sort(fitted.residuals)
    quantile = NormalDist().inv_cdf
    # G. Blom's plotting positions (Statistical Estimates and Transformed Beta-Variables, 1958).
    z = np.array([quantile((i + 0.625) / (len(r) + 0.25)) for i in range(len(r))])
    figure, axes = canvas(6.2, 4.2)
    axes.plot(z, r, **DOTS)
    axes.plot(z[[0, -1]], r.mean() + r.std() * z[[0, -1]], color=GREY, linestyle="--")
    axes.set(xlabel="normal quantile", ylabel="residual")
    return finished(figure, fitted, "normal", "normal plot", "residuals in order against normal quantiles; normal ones lie on "
                    "the line.")


def convergence(fitted: CurveFitted) -> Figure:
    figure, axes = canvas(6.2, 4.2)
    descent(axes, np.asarray(fitted.result.history, float))
    axes.set(xlabel="step", ylabel="½ sum of squares")
    return finished(figure, fitted, "convergence", "convergence", f"{fitted.result.message}.")


def correlation(fitted: CurveFitted) -> Figure:
    C, names = fitted.result.correlation, list(fitted.curve.parameters)
    size = 3.6 + 0.4 * min(len(names), 12)
    figure, axes = canvas(size + 0.8, size)
    image = axes.imshow(C, cmap="RdBu", vmin=-1, vmax=1)
    figure.colorbar(image, ax=axes, shrink=0.8)
    matrix(axes, names, lambda i, j: (f"{C[i, j]:.3f}", "white" if abs(C[i, j]) > 0.6 else INK))
    return finished(figure, fitted, "correlation", "correlation", "correlation of the estimates; near ±1 the data tell two "
                    "parameters hardly apart.")

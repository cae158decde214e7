"""The plots of a report, as PNG images: what was fitted, how the loss fell, what is predicted for rows held out."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import needed
from .training import Fitted, coefficients

Array = NDArray[Any]

# M. Okabe and K. Ito's colours, which everyone can tell apart.
BLUE, ORANGE, GREEN, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#8A8F98", "#22262B"
CLASSES = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
STYLE = {
    "font.size": 11, "axes.titlesize": 12.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.titlepad": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.grid": True,
    "grid.color": "#E7E9EC", "grid.linewidth": 0.8, "axes.axisbelow": True, "legend.frameon": False,
    "lines.linewidth": 2, "lines.markersize": 5.5, "axes.unicode_minus": True,
}  # fmt: skip
DOTS = {"linestyle": "none", "marker": "o", "color": ORANGE, "alpha": 0.8}
# A decision plane is drawn on this many points a side, and labels are written for at most so many classes.
GRID = 240
LABELLED = 12


@dataclass(frozen=True)
class Figure:
    """A PNG image with its file name and a caption that says what is to be seen."""

    name: str
    caption: str
    png: bytes


def styled() -> Any:
    """A context of our own style: the user's settings of matplotlib are left out of it, and as they are."""
    matplotlib = needed("matplotlib", extra="fit")
    return matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"})


def figures(fitted: Fitted) -> list[Figure]:
    with styled():
        drawn = [loss_curve(fitted)]
        d = fitted.job.data.data.shape[1]
        if not fitted.job.classifies:
            drawn.insert(0, fitted_line(fitted) if d == 1 else predicted_against_observed(fitted))
        else:
            drawn.append(confusion(fitted))
            if d > 1 and fitted.job.outputs <= len(CLASSES):
                drawn.append(decision_plane(fitted))
    return drawn


def canvas(width: float, height: float, **layout: Any) -> tuple[Any, Any]:
    """A figure of its own, without pyplot: no window, no state shared with the user's plots."""
    figure = needed("matplotlib.figure", extra="fit").Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**layout)


def finished(figure: Any, fitted: Any, kind: str, title: str, caption: str) -> Figure:
    """The image; its title and caption begin with the name of the data."""
    name = fitted.job.data.name
    figure.axes[0].set_title(f"{name}: {title}")
    # A user's names may hold dollars, which are no mathematics; the numbers on a logarithmic axis are.
    numbers = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)
               for minor in (False, True) for label in axis.get_ticklabels(minor=minor)}
    for text in figure.findobj(needed("matplotlib.text", extra="fit").Text):
        if text not in numbers:
            text.set_parse_math(False)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, facecolor="white", metadata={"Software": "dualdiff"})
    return Figure(f"{name}-{kind}.png", f"{name}: {caption}", png.getvalue())


def parts(fitted: Fitted) -> list[tuple[Array, str, str]]:
    """Rows, the colour of their markers' faces, and their label."""
    return [(fitted.train, ORANGE, "training rows"), (fitted.test, "white", "rows held out")]


def fitted_line(fitted: Fitted) -> Figure:
    """Data, initial and final line; below, what the line leaves over."""
    data = fitted.job.data
    x, y, label = data.data[:, 0], data.target, data.feature_names[0]
    figure, (top, bottom) = canvas(7.5, 6, nrows=2, sharex=True, height_ratios=[3, 1.3])
    grid = np.linspace(x.min(), x.max(), 400)
    top.plot(grid, fitted.predict(grid[:, None]), color=BLUE, label="fitted", zorder=2)
    if fitted.job.model == "linear":
        mean = np.full_like(grid, y[fitted.train].mean())
        top.plot(grid, mean, color=GREY, linestyle="--", label="initial: the mean of the training rows", zorder=1)
        intercept, slope = coefficients(fitted.model, fitted.inputs)
        title = f"intercept {intercept:.6g}, slope {slope:.6g}"
    else:
        title = fitted.job.title
    residuals = y - fitted.predict(data.data)
    for rows, face, what in parts(fitted):
        style = {"linestyle": "none", "marker": "o", "color": ORANGE, "markerfacecolor": face, "zorder": 3}
        top.plot(x[rows], y[rows], label=what, **style)
        bottom.plot(x[rows], residuals[rows], **style)
    bottom.axhline(0, color=BLUE, zorder=1)
    top.set_ylabel(fitted.job.target)
    bottom.set(xlabel=label, ylabel="residual")
    top.legend()
    return finished(figure, fitted, "line", title, "the data, the line before and after training, and the residuals of the "
                    f"fitted line, in the units of {fitted.job.target}.")


def predicted_against_observed(fitted: Fitted) -> Figure:
    data = fitted.job.data
    y, predicted = data.target, fitted.predict(data.data)
    figure, axes = canvas(6.2, 5.8)
    low, high = min(y.min(), predicted.min()), max(y.max(), predicted.max())
    axes.plot([low, high], [low, high], color=GREY, linestyle="--", label="predicted = observed", zorder=1)
    for rows, face, what in parts(fitted):
        axes.plot(y[rows], predicted[rows], markerfacecolor=face, label=what, **DOTS)
    axes.set(xlabel=f"observed {fitted.job.target}", ylabel=f"predicted {fitted.job.target}")
    axes.legend()
    return finished(figure, fitted, "predictions", f"R² {fitted.score:.3f} on rows held out",
                    f"predicted against observed {fitted.job.target}.")


def descent(axes: Any, history: Array) -> None:
    """The loss after each step, on a logarithmic scale where it falls far."""
    few = len(history) <= 40
    axes.plot(history, color=BLUE, marker="o" if few else None)
    if history.min() > 0 and history.max() > 20 * history.min():
        axes.set_yscale("log")
    if few:
        axes.xaxis.set_major_locator(needed("matplotlib.ticker", extra="fit").MaxNLocator(integer=True))


def matrix(axes: Any, names: Sequence[str], cell: Callable[[int, int], tuple[Any, str]], **style: Any) -> None:
    """Names along both sides and text in every cell, its colour too, where there is room for them."""
    n = len(names)
    axes.grid(visible=False)
    if n <= LABELLED:
        axes.set_xticks(range(n), names, rotation=30 if n > 5 else 0, parse_math=False)
        axes.set_yticks(range(n), names, parse_math=False)
        for i, j in np.ndindex(n, n):
            text, color = cell(i, j)
            axes.text(j, i, text, color=color, ha="center", va="center", **style)


def loss_curve(fitted: Fitted) -> Figure:
    history = np.asarray(fitted.model.loss_history_, dtype=float)
    step = "epoch" if fitted.job.model == "mlp" else "iteration"
    figure, axes = canvas(7.5, 4.2)
    descent(axes, history)
    axes.text(0.99, 0.97, f"final loss {history[-1]:.4g}", transform=axes.transAxes, ha="right", va="top", color=BLUE)
    if fitted.job.classifies:
        kind = "mean cross-entropy + ridge"
    elif fitted.outputs:
        kind = "½ mean square, target standardised, + ridge"
    else:
        kind = f"½ mean square ({fitted.job.target}²)"
    axes.set(xlabel=step, ylabel=f"loss: {kind}")
    axes.margins(x=0.02)
    return finished(figure, fitted, "loss", f"{fitted.job.title}, {fitted.job.mode} mode",
                    f"loss on the training rows after each {step}.")


def confusion(fitted: Fitted) -> Figure:
    data = fitted.job.data
    n = fitted.job.outputs
    counts = np.zeros((n, n), int)
    np.add.at(counts, (data.target[fitted.test], fitted.predict(data.data[fitted.test])), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 4.6 + 0.25 * min(n, 20)
    figure, axes = canvas(size + 0.6, size)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    matrix(axes, data.target_names, fontsize=14, fontweight="bold", cell=lambda i, j: (
        counts[i, j], "white" if share[i, j] > 0.6 else INK if counts[i, j] else GREY))
    axes.set(xlabel="predicted", ylabel="true")
    return finished(figure, fitted, "confusion", f"{np.trace(counts)} of {counts.sum()} held-out rows right",
                    "predicted classes of the rows held out, against the true ones; a row of the matrix is shaded by its "
                    "share.")


def decision_plane(fitted: Fitted) -> Figure:
    """Where the model's decision changes: over two features, or over the plane that tells the classes apart best."""
    data = fitted.job.data
    raw = data.data.shape[1] == 2
    lift: Callable[[Array], Array]
    if raw:
        points, lift = data.data, fitted.inputs
        axes_labels = data.feature_names
    else:
        points, lift = discriminants(fitted)
        second = "second discriminant" if fitted.job.outputs > 2 else "first principal component of the rest"
        axes_labels = ("discriminant" if fitted.job.outputs == 2 else "first discriminant", second)
    low, high = points.min(axis=0), points.max(axis=0)
    low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)
    u, v = np.meshgrid(*(np.linspace(low[i], high[i], GRID) for i in range(2)))
    # Logarithms keep the margin smooth where probabilities have rounded to 0 and 1.
    p = np.log(fitted.model.predict_proba(lift(np.column_stack([u.ravel(), v.ravel()]))) + np.finfo(float).tiny)
    figure, axes = canvas(7.4, 5.4)
    few = len(points) <= 300
    for c, name in enumerate(data.target_names):
        margin = (p[:, c] - np.delete(p, c, axis=1).max(axis=1)).reshape(u.shape)
        if margin.max() > 0:
            axes.contourf(u, v, margin, levels=[0, np.inf], colors=[CLASSES[c]], alpha=0.16)
        if margin.min() < 0 < margin.max():
            axes.contour(u, v, margin, levels=[0], colors=GREY, linewidths=1)
        for rows, face, what in ((fitted.train, CLASSES[c], name), (fitted.test, "white", None)):
            of_class = rows[data.target[rows] == c]
            axes.plot(*points[of_class].T, linestyle="none", marker="o", markersize=5.5 if few else 3.8, color=CLASSES[c],
                      markerfacecolor=face, markeredgewidth=0.9, alpha=0.9, label=what)
    axes.plot([], [], linestyle="none", marker="o", color=INK, markerfacecolor="white", markeredgewidth=0.9, label="held out")
    axes.grid(visible=False)
    axes.set(xlabel=axes_labels[0], ylabel=axes_labels[1])
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    plane = "" if raw else (f", on a plane through the {data.data.shape[1]} features, standardised: a row lies off it, so one "
                            "near a boundary may be decided otherwise than it seems")
    return finished(figure, fitted, "decision", "what the model decides", f"regions of the model's decision{plane}.")


def discriminants(fitted: Fitted) -> tuple[Array, Callable[[Array], Array]]:
    """Two coordinates of every row that tell the classes apart, (n, 2), and the features that go with a pair of them.

    R. A. Fisher's discriminants (Annals of Eugenics 7, 1936): directions in which the means of the classes lie furthest
    apart, measured by the scatter within the classes. Two classes have one; the other is the first principal component
    of what it leaves. The way back is the regression of the features on the two.
    """
    Z, y = fitted.inputs(fitted.job.data.data), fitted.job.data.target
    T, labels = Z[fitted.train], y[fitted.train]
    centre = T.mean(axis=0)
    means = np.array([T[labels == c].mean(axis=0) for c in np.unique(labels)])
    within = np.cov((T - means[np.searchsorted(np.unique(labels), labels)]).T)
    # The ridge keeps directions apart in which the rows do not scatter at all.
    L = np.linalg.cholesky(within + 1e-3 * max(float(np.trace(within)), 1e-3) / len(within) * np.eye(len(within)))
    between = np.linalg.solve(L, (means - centre).T * np.sqrt(np.bincount(labels)[np.unique(labels)]))
    D = np.linalg.solve(L.T, np.linalg.svd(between, full_matrices=False)[0][:, :2])
    if len(means) == 2:
        b = np.linalg.lstsq((T - centre) @ D[:, :1], T - centre, rcond=None)[0]
        v = np.linalg.svd(T - centre - (T - centre) @ D[:, :1] @ b, full_matrices=False)[2][0]
        D[:, 1] = v - D[:, 0] * (b[0] @ v)
    B = np.linalg.lstsq((T - centre) @ D, T - centre, rcond=None)[0]
    return (Z - centre) @ D, lambda u: u @ B + centre

"""Linear maps of SciPy's with their transposes, each behind any number of leading axes: the directions, of every level."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..custom import custom_rule
from ..dispatch import watched
from ..elementwise import LEVELED
from ..errors import RuleError
from ..forms import dual_form, holds_dual
from ..handlers import run_linear
from ..policies import WATCH
from ..reading import dtype_of
from ..rules.registry import Linear

Map = Callable[[Any], Any]


def linear(x: Any, ahead: Map, back: Map, value: Map | None = None, matrix: Any = None) -> Any:
    """``ahead(x)``, with ``back`` its transpose; or ``value(x)``, whose differential that is. Neither writes to its argument.

    ``matrix(shape)`` is its matrix where that is sparse: starts of rows, columns and numbers.
    """
    if type(x) not in LEVELED:
        return ahead(x) if value is None else value(x)
    row = WIDE if matrix is None else NARROW
    return (watched if WATCH.count else run_linear)(row, (x, (ahead, back, value, matrix)), {})


def again(x: Any, maps: Any) -> Any:
    return linear(x, *maps)


def forward(v: Any, lead: int, maps: Any) -> Any:
    return linear(v, maps[0], maps[1])


def transpose(u: Any, lead: int, shape: Any, maps: Any) -> Any:
    return linear(u, maps[1], maps[0])


WIDE = Linear(again, forward, transpose)
NARROW = Linear(again, forward, transpose, matrix=lambda shape, maps: maps[3](shape))


def floats(x: Any) -> Any:
    """An argument as an array; integers as the floats that SciPy computes with."""
    x = dual_form(x)
    x = x if hasattr(x, "shape") else np.asarray(x)
    return x if dtype_of(x).kind in "fc" else x.astype(float)


def behind(axis: int, ndim: int) -> int:
    """An axis counted from the end, where it stays when axes come in front."""
    return int(np.lib.array_utils.normalize_axis_index(axis, ndim)) - ndim


def only(what: str, names: str, *others: Any) -> None:
    """Refuse perturbed arguments but those named."""
    if any(map(holds_dual, others)):
        raise RuleError(f"{what}: only {names} can be perturbed; wrap the other in dualdiff.stop_gradient() if it is meant as "
                        "a constant")


# ---- extensions, convolutions of several axes, directly
EXTENSIONS = {"reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge", "wrap": "wrap",
              "grid-wrap": "wrap", "constant": "constant", "grid-constant": "constant"}  # by scipy.ndimage's names, numpy.pad's


def extended(x: Any, spans: Any, mode: Any, value: Any = 0) -> Any:
    """``numpy.pad`` in one of its modes that say all but the value."""
    options: Any = {"constant_values": value} if mode == "constant" else {}
    return np.pad(x, spans, mode, **options)


def windows(x: Any, shape: Any, axis: Any = None) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, shape, axis)


def stencil(shape: Any, spans: Any, sizes: Any, axes: Any, weights: Any, mode: str) -> Any:
    """The matrix, in compressed rows, of weighting windows of an array that is extended in a mode of numpy.pad."""
    source = extended(np.arange(prod(shape)).reshape(shape), spans, mode, -1)  # which elements they see; outside none
    seen = windows(source, sizes, axes)
    seen = seen.reshape(prod(seen.shape[:len(shape)]), weights.size)
    there = seen >= 0
    numbers = np.broadcast_to(np.ravel(weights), there.shape)[there]
    return np.r_[0, np.cumsum(np.count_nonzero(there, axis=1))], seen[there], numbers


def one_sided(p: Any, q: Any, mode: str) -> Any:
    """A convolution with a constant q."""
    def with_axes(q: Any, ndim: int) -> Any:
        return np.reshape(q, (1,) * (ndim - q.ndim) + q.shape)
    turned, other = np.flip(q), "valid" if mode == "full" else "full"
    spans = [(n - 1, n - 1) if mode == "full" else (0, 0) for n in q.shape]

    def matrix(shape: Any) -> Any:
        return stencil(shape, spans, q.shape, tuple(range(q.ndim)), turned, "constant")
    return linear(p, lambda x: directly(x, with_axes(q, x.ndim), mode), lambda u: directly(u, with_axes(turned, u.ndim), other),
                  None, matrix if q.size <= p.size else None)


def full(p: Any, q: Any) -> Any:
    """Σⱼ pᵢ₋ⱼ qⱼ over all overlaps, axis by axis."""
    if not holds_dual(q):
        return one_sided(p, q, "full")
    if not holds_dual(p):
        return one_sided(q, p, "full")
    return custom_rule(lambda p, q: directly(p, q, "full"),
                       forward=(lambda f, p, q, dp: full(dp, q[None]), lambda f, p, q, dq: full(p[None], dq)),
                       transpose=(lambda f, p, q, u: valid(u, np.flip(q)[None]), lambda f, p, q, u: valid(u, np.flip(p)[None])),
                       batched=True)(p, q)


def valid(u: Any, g: Any) -> Any:
    """Σⱼ uᵢ₋ⱼ gⱼ where g lies within u, which is larger."""
    if not holds_dual(g):
        return one_sided(u, g, "valid")
    return custom_rule(lambda u, g: directly(u, g, "valid"),
                       forward=(lambda f, u, g, du: valid(du, g[None]), lambda f, u, g, dg: slid(u, reverse(dg))),
                       transpose=(lambda f, u, g, w: full(w, np.flip(g)[None]), lambda f, u, g, w: reverse(slid(u, w))),
                       batched=True)(u, g)


def reverse(g: Any) -> Any:
    """All axes but the first backwards."""
    return np.flip(g, tuple(range(1, g.ndim)))


def slid(u: Any, w: Any) -> Any:
    """Σⱼ uᵢ₊ⱼ wₖⱼ for each k."""
    n = u.ndim
    return np.einsum(windows(u, w.shape[1:]), [*range(2 * n)], w, [2 * n, *range(n, 2 * n)], [2 * n, *range(n)])


def directly(p: Any, q: Any, mode: str) -> Any:
    """SciPy's direct convolution: of two axes by the function for two, what stands in front of them laid below one another."""
    from scipy import signal
    if mode == "full" and prod(q.shape[:-2]) > 1:
        p, q = q, p
    if prod(q.shape[:-2]) > 1:
        return signal.convolve(p, q, mode, "direct")
    (n, m), (h, w) = p.shape[-2:], q.shape[-2:]
    rows, q = np.reshape(p, (-1, n, m)), np.reshape(q, (h, w))
    if mode == "full" and n <= h and m <= w:  # many small ones
        q = np.pad(q, ((n - 1, n - 1), (m - 1, m - 1)))
        y = signal.convolve2d(q, rows[0], "valid")[None] if len(rows) == 1 else slid(q, reverse(rows))
        return y.reshape(*p.shape[:-2], *y.shape[1:])
    if mode == "full":
        n, m = n + h - 1, m + w - 1
        rows = np.pad(rows, ((0, 0), (0, h - 1), (0, 0)))
        return signal.convolve2d(rows.reshape(-1, rows.shape[-1]), q)[:len(rows) * n].reshape(*p.shape[:-2], n, m)
    y = np.pad(signal.convolve2d(rows.reshape(-1, m), q, "valid"), ((0, h - 1), (0, 0)))
    return y.reshape(*p.shape[:-2], n, m - w + 1)[..., :n - h + 1, :]


def crop(y: Any, first: Any, second: Any, mode: str, shift: int = 1) -> Any:
    """The part of a full convolution that SciPy calls "same" (as the first) or "valid"."""
    if mode == "full":
        return y
    if mode == "valid":
        if len({n >= m for n, m in zip(first, second, strict=True) if n != m}) > 1:
            raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
        spans = [(min(n, m) - 1, abs(n - m) + 1) for n, m in zip(first, second, strict=True)]
    elif mode == "same":
        spans = [((m - shift) // 2, n) for n, m in zip(first, second, strict=True)]
    else:
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    return y[tuple(slice(start, start + n) for start, n in spans)]

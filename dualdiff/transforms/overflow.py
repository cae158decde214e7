"""Where the value of a result is infinite or NaN, a derivative of zero has to be earned.

The strong zero lets 0 · ∞ be 0, which is right for what is not perturbed: log(x) at x = (0, 2) along (0, 1). It is a guess
where the zero itself came out of the program, as in 1/x² at 0 or log(exp(x)) at -1000. The two are told apart by one more run,
in which every partial is replaced by a number near one: its derivative is zero where nothing is perturbed, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np

from ..dual_array import array, wrapped
from ..elementwise import LEVELED
from ..forms import belongs, dual_form
from ..tangents.coefficients import finite, plain
from ..tangents.leaf import dense_leaf
from ..tangents.level import Level
from ..tangents.moves import Contraction, as_key
from ..tangents.tangent import Tangent
from ..tangents.tape import pull, roots_of
from .trees import flatten


def overflowed(x: Any, level: Level) -> bool:
    """Whether x is perturbed and its value is infinite or NaN somewhere."""
    return belongs(x, level) and bool(dual_form(x).eps.terms) and not np.isfinite(plain(x.value)).all()


def lost(out: Any) -> bool:
    """Whether a quick sweep is over with a value that is infinite or NaN: a careful one sees what became of its derivative."""
    if type(out) in LEVELED:
        v = out.value
        return not (isfinite(v) if type(v) is np.float64 else finite(v))
    return isinstance(out, list | tuple | dict) and any(map(lost, out.values() if isinstance(out, dict) else out))


def honest(out: Any, run: Callable[[], Any], level: Level) -> Any:
    """The result of f, with NaN for a derivative that is zero though perturbed, at elements whose value is not finite."""
    if type(out) in LEVELED and not overflowed(out, level):
        return out  # what most sweeps end with, not taken apart
    leaves, rebuild = flatten(out)
    if not any(overflowed(x, level) for x in leaves):
        return out
    level.generic = True
    try:
        others = flatten(run())[0]
    finally:
        level.generic = False
    return rebuild([mended(x, dual_form(y).eps, level) if overflowed(x, level) and belongs(y, level) else x
                    for x, y in zip(leaves, others, strict=True)])


def mended(x: Any, other: Tangent, level: Level) -> Any:
    """NaN where x's ε-part is zero and the other's is not, at elements of x that are not finite."""
    eps, lost = x.eps, ~np.isfinite(np.asarray(plain(x.value)))
    if list(eps.terms) == list(other.terms):  # the same leaves: coefficients tell
        terms = {leaf: doubted(c, other.terms[leaf], lost) for leaf, c in eps.terms.items()}
        return wrapped(x.value, Tangent(terms, eps.shape), level)
    flat = np.flatnonzero(lost)
    rows = [doubted(a, b, True) for a, b in zip(written_out(eps, flat), written_out(other, flat), strict=True)]
    if not any(np.isnan(np.asarray(plain(a))).any() for a in rows):
        return x
    if eps.on_tape:
        part = Tangent({}, flat.shape)
        for root, a in zip(roots_of(eps.terms), rows, strict=True):
            labels = tuple(range(1, len(root.shape) + 1))
            op = Contraction(labels, root.shape, (0,), a, (0, *labels), level)
            part = part.plus(Tangent({root: None}, root.shape).contract(op))
    else:
        part = Tangent({dense_leaf(level, rows[0], flat.shape): None}, flat.shape)
    size = lost.size
    index = np.arange(size)
    index[flat] = size + np.arange(flat.size)
    values = np.ravel(x.value)[flat] if lost.shape else np.reshape(x.value, (1,))
    joined = np.concatenate([np.reshape(x, (size,)), array(values, part, level)])[index]
    return np.reshape(joined, lost.shape) if lost.shape else joined[0]


def doubted(a: Any, b: Any, lost: Any) -> Any:
    """a, NaN where it is zero and b is not; for an outer sweep that NaN moves as either does."""
    if a is None:
        return a
    b = 1.0 if b is None else b
    doubt = lost & (np.asarray(plain(a)) == 0) & (np.asarray(plain(b)) != 0)
    return np.where(doubt, (a + b) * np.nan, a) if np.any(doubt) else a


def written_out(t: Tangent, flat: Any) -> list[Any]:
    """The tangent at these elements: (k, n), or for each root of the tape (n, *shape)."""
    index: Any = np.unravel_index(flat, t.shape) if t.shape else (np.zeros(1, int),)
    t = t if t.shape else t.broadcast((1,))
    sub = t.item(index, as_key(index), flat.shape)
    if not t.on_tape:
        return [sub.dense(dtype=None)]
    roots = roots_of(t.terms)
    n = flat.size
    pulled = pull([sub.terms], [np.eye(n)], 1, roots)
    return [np.zeros((n, *root.shape)) if a is None else np.broadcast_to(a, (n, *root.shape))
            for a, root in zip(pulled, roots, strict=True)]

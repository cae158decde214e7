"""A batch of small Jacobians: 10⁵ samples of a Lorenz right-hand side, 3 × 3 each, against writing them by hand.

By hand the nine entries are written into one array, column by column. ``jacobian(f, batch_axis=0)`` gives the same array
from f as its user wrote it; the spellings differ in how f takes its columns apart and puts them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import dualdiff as dd

from . import _peers
from ._report import Bar, Case, all_cases, main
from ._timing import Contender

S, R, B = 10.0, 28.0, 8 / 3
Array = Any


def by_hand(u: Array) -> Array:
    x, y, z = u[:, 0], u[:, 1], u[:, 2]
    J = np.zeros((len(u), 3, 3))
    J[:, 0, 0], J[:, 0, 1] = -S, S
    J[:, 1, 0], J[:, 1, 1], J[:, 1, 2] = R - z, -1.0, -x
    J[:, 2, 0], J[:, 2, 1], J[:, 2, 2] = y, x, -B
    return J


def columns(u: Array) -> Array:
    x, y, z = u[:, 0], u[:, 1], u[:, 2]
    return np.stack([S * (y - x), x * (R - z) - y, x * y - B * z], axis=-1)


def last_axis(u: Array) -> Array:
    return np.stack([S * (u[..., 1] - u[..., 0]), u[..., 0] * (R - u[..., 2]) - u[..., 1],
                     u[..., 0] * u[..., 1] - B * u[..., 2]], axis=-1)


def unpacked(u: Array) -> Array:
    x, y, z = u.T
    return np.stack([S * (y - x), x * (R - z) - y, x * y - B * z]).T


def written(u: Array) -> Array:
    out = np.zeros_like(u)
    out[:, 0] = S * (u[:, 1] - u[:, 0])
    out[:, 1] = u[:, 0] * (R - u[:, 2]) - u[:, 1]
    out[:, 2] = u[:, 0] * u[:, 1] - B * u[:, 2]
    return out


def one_sample(u: Array, np: Any) -> Array:
    return np.stack([S * (u[1] - u[0]), u[0] * (R - u[2]) - u[1], u[0] * u[1] - B * u[2]])


def rows(u: Array) -> Array:
    x, y, z = u
    return np.stack([S * (y - x), x * (R - z) - y, x * y - B * z])


def cases(quick: bool) -> Iterator[Case]:
    samples = 500 if quick else 100_000
    u = np.random.default_rng(0).standard_normal((samples, 3))
    across = np.ascontiguousarray(u.T)

    def ours(name: str, f: Callable[[Array], Array], axis: int, x: Array) -> Contender:
        return Contender(name, partial(dd.jacobian(f, batch_axis=axis), x), 1e-14)

    contenders = [
        Contender("by hand", partial(by_hand, u)),
        ours("u[:, i], stack", columns, 0, u), ours("u[..., i], stack", last_axis, 0, u),
        ours("u.T, stack, .T", unpacked, 0, u), ours("(3, N), stack", rows, 1, across),
        ours("zeros_like, columns written", written, 0, u), Contender("f itself", partial(columns, u), None),
        *_peers.per_sample("jacfwd", one_sample, (0,), u), *_peers.per_sample("jacrev", one_sample, (0,), u),
    ]
    yield Case(f"{samples} Jacobians 3 × 3 of a Lorenz right-hand side", contenders,
               [Bar(f"dualdiff, {c.name}, over by hand", lambda t, name=c.name: t.ratio(name, "by hand"), 4.0)
                for c in contenders[1:6]], seconds=10.0, reads=u.nbytes)


if __name__ == "__main__":
    main("benchmarks.batches", all_cases(cases))

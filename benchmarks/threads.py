"""Directions on two threads: dense sweeps whose arrays are large enough that NumPy lets go of the interpreter.

A network of dense layers, a chain of linear systems, a chain of running sums; each Jacobian serially and on a pool of two
threads, in the same chunks, to the same bits. NumPy's cumsum holds the interpreter's lock while it sums, so that threads can
only take turns at it: that chain is shown, and promised nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

import dualdiff as dd

from ._report import Bar, Case, all_cases, main
from ._timing import Contender


def cases(quick: bool) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    n = 40 if quick else 800
    x = rng.standard_normal(n)
    weights = [rng.standard_normal((n, n)) / np.sqrt(n) for _ in range(4)]

    def layers(x: Any) -> Any:
        for W in weights:
            x = np.tanh(W @ x)
        return x

    B = rng.standard_normal((n, n)) / np.sqrt(n) + 4 * np.eye(n)

    def systems(x: Any) -> Any:
        for _ in range(3):
            x = np.tanh(np.linalg.solve(B, x))
        return x

    def sums(x: Any) -> Any:
        for _ in range(6):
            x = np.tanh(np.cumsum(x)) / 4
        return x

    pool = ThreadPoolExecutor(2)
    for title, f, promised in (("four dense layers", layers, True), ("three linear systems", systems, True),
                               ("six running sums", sums, False)):
        chunk = n // 8
        yield Case(f"{title} of {n}: Jacobian, {chunk} directions at a time",
                   [Contender("serial", partial(dd.jacobian(f, chunk=chunk), x), 0.0),
                    Contender("two threads", partial(dd.jacobian(f, chunk=chunk, executor=pool), x), 0.0),
                    Contender("in one run", partial(dd.jacobian(f), x), 1e-12)],
                   [Bar(f"{title}: serial over two threads", lambda t: t.ratio("serial", "two threads"), 1.6,
                        at_least=True)] if promised else (), seconds=12.0)


if __name__ == "__main__":
    main("benchmarks.threads", all_cases(cases))

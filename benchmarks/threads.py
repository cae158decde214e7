"""Directions on two threads: a dense sweep whose arrays are large enough that NumPy lets go of the interpreter.

One network of dense layers, one chain of running sums; each Jacobian serially and on a pool of two threads, in the same
chunks, to the same bits.
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

    def sums(x: Any) -> Any:
        for _ in range(6):
            x = np.tanh(np.cumsum(x)) / 4
        return x

    pool = ThreadPoolExecutor(2)
    for title, f in (("four dense layers", layers), ("six running sums", sums)):
        chunk = n // 8
        yield Case(f"{title} of {n}: Jacobian, {chunk} directions at a time",
                   [Contender("serial", partial(dd.jacobian(f, chunk=chunk), x), 0.0),
                    Contender("two threads", partial(dd.jacobian(f, chunk=chunk, executor=pool), x), 0.0),
                    Contender("in one run", partial(dd.jacobian(f), x), 1e-12)],
                   [Bar(f"{title}: serial over two threads", lambda t: t.ratio("serial", "two threads"), 1.6,
                        at_least=True)], seconds=12.0)


if __name__ == "__main__":
    main("benchmarks.threads", all_cases(cases))

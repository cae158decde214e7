"""Many directions through elementwise operations: where the ε-part as a sum of coefficient × leaf pays most.

Ten elementwise operations on an array of n elements with k directions given by the user. Tangents held as an array
(k, n) are rewritten by every operation; as coefficient × leaf they are multiplied once, when the result is read. That one
product is most of what is left, by hand too, so propagation is also timed alone: a dual array through f, its tangent not read.

Importing dualdiff lets freed memory stay with the process, which makes such arrays three times as fast as they are without it.
So they are timed in a process of their own, too, which has not imported it.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from weakref import finalize

import numpy as np

import dualdiff as dd

from . import _peers
from ._report import Bar, Case, all_cases, main
from ._textbook import VectorDual
from ._timing import Contender


def ten_operations(x: Any, np: Any = np) -> Any:
    """The ten that formulas are made of, each once; where two operands meet, both depend on x."""
    y = np.sin(x) * x
    y = np.exp(y) + x
    y = np.log(y) / x
    y = np.sqrt(y) - x
    return np.tanh(y ** 2)


def by_hand(x: Any, V: Any) -> Any:
    """The derivative as calculus gives it, then one product with the directions."""
    s = np.sin(x)
    e = np.exp(s * x)
    b = e + x
    c = np.log(b) / x
    r = np.sqrt(c)
    y = r - x
    f = np.tanh(y * y)
    db = e * (np.cos(x) * x + s) + 1.0
    dy = (db / b - c) / x * (0.5 / r) - 1.0
    return (1 - f * f) * (2 * y) * dy * V


ARRAYS = """
import sys
from typing import Any
import numpy as np
from benchmarks._textbook import VectorDual
{source}
rng = np.random.default_rng(0)
x, V = rng.uniform(1.0, 3.0, {n}), rng.standard_normal(({k}, {n}))
assert "dualdiff" not in sys.modules
for _ in sys.stdin:
    ten_operations(VectorDual(x, V)).tangent
    print(flush=True)
"""


class Apart:
    """Has a process without dualdiff, which begins at the first call, do the ten operations once."""

    def __init__(self, k: int, n: int) -> None:
        self.code = ARRAYS.format(source=inspect.getsource(ten_operations), k=k, n=n)
        self.child: Any = None

    def __call__(self) -> None:
        if self.child is None:
            self.child = subprocess.Popen([sys.executable, "-c", self.code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          text=True, bufsize=1)
            finalize(self, self.child.__exit__, None, None, None)
        self.child.stdin.write("\n")
        if not self.child.stdout.readline():
            raise RuntimeError("the process without dualdiff has ended")


def cases(quick: bool) -> Iterator[Case]:
    k, n = (7, 50) if quick else (300, 2000)
    rng = np.random.default_rng(0)
    x, V = rng.uniform(1.0, 3.0, n), rng.standard_normal((k, n))
    arrays = f"tangents as arrays ({k}, {n})"
    alone = f"{arrays}, in a process without dualdiff"
    made = dd.DualArray(x, V)                              # which copies them
    yield Case(
        f"{k} directions through ten elementwise operations on {n} elements",
        [Contender("by hand", lambda: by_hand(x, V)),
         Contender("dualdiff.jvp", lambda: dd.jvp(ten_operations, (x,), (V,))[1]),
         Contender("propagation alone", lambda: ten_operations(made), None),
         Contender(arrays, lambda: ten_operations(VectorDual(x, V)).tangent),
         Contender(alone, Apart(k, n), None), *_peers.along(ten_operations, x, V)],
        [Bar(f"arrays of tangents over {name}", lambda t, name=name: t.ratio(arrays, name), 15.0, at_least=True)
         for name in ("dualdiff.jvp", "propagation alone")] +
        [Bar("arrays of tangents, in a process without dualdiff, over dualdiff.jvp", lambda t: t.ratio(alone, "dualdiff.jvp"),
             15.0, at_least=True)],
        seconds=10.0, reads=x.nbytes + V.nbytes)


if __name__ == "__main__":
    main("benchmarks.elementwise_directions", all_cases(cases))

"""Other libraries' gradients and Jacobians of the same function, from whatever is installed, when ``--peers`` asks.

A peer gets the form that its own documentation recommends: jax and torch in double precision, jax compiled; the first call,
which traces and compiles, is a column of its own. Functions are written for a module like NumPy, ``f(x, np)``; torch spells its
names so; casadi, which has no arrays of several axes, builds its graph once and competes for gradients and Hessians.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ._timing import Contender

NAMES = ("autograd", "jax", "torch", "casadi")
wanted = False            # set by the command line's --peers

Function = Callable[..., Any]


def installed(name: str) -> Any:
    return import_module(name) if find_spec(name) else None


def gradients(f: Function, x: Any) -> Iterator[Contender]:
    """Contenders for the gradient of ``f(x, np)``, a number."""
    return _with("grad", f, x)


def jacobians(f: Function, x: Any) -> Iterator[Contender]:
    """Contenders for the Jacobian of ``f(x, np)``, an array."""
    for name in ("jacfwd", "jacrev"):
        yield from _with(name, f, x)


def hessians(f: Function, x: Any) -> Iterator[Contender]:
    return _with("hessian", f, x)


def _with(what: str, f: Function, x: Any) -> Iterator[Contender]:
    if not wanted:
        return
    if jax := installed("jax"):
        jax.config.update("jax_enable_x64", True)
        compiled = jax.jit(getattr(jax, what)(partial(f, np=jax.numpy)))
        at = jax.numpy.asarray(x)
        yield Contender(f"jax.jit({what})", lambda: np.asarray(compiled(at)))
    if torch := installed("torch"):
        torch.set_num_threads(1)
        tensor = torch.tensor(x, dtype=torch.float64)
        ours = {"grad": torch.func.grad, "jacfwd": torch.func.jacfwd, "jacrev": torch.func.jacrev,
                "hessian": torch.func.hessian}[what](partial(f, np=torch))
        yield Contender(f"torch.func.{what}", lambda: ours(tensor).numpy())
    casadi = installed("casadi")
    if casadi and what in ("grad", "hessian"):
        symbol = casadi.MX.sym("x", x.size)
        graph = f(symbol, casadi_numpy(casadi))
        made = casadi.gradient(graph, symbol) if what == "grad" else casadi.hessian(graph, symbol)[0]
        function = casadi.Function("d", [symbol], [made])
        shape = (x.size,) if what == "grad" else (x.size, x.size)
        yield Contender(f"casadi.{what}", lambda: np.asarray(function(x).full()).reshape(shape))


def casadi_numpy(casadi: Any) -> Any:
    """NumPy's names for what the benchmarks' functions use; casadi's sums are over columns of a matrix."""
    class Names:
        sum, exp, sqrt, cos, sin, tanh = casadi.sum1, casadi.exp, casadi.sqrt, casadi.cos, casadi.sin, casadi.tanh
        pi, e = np.pi, np.e

        @staticmethod
        def mean(a: Any) -> Any:
            return casadi.sum1(a) / a.shape[0]
    return Names

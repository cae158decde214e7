"""Other libraries' derivatives of the same function, from whatever is installed, when ``--peers`` asks.

A peer gets the form that its own documentation recommends: jax and asdex in double precision and compiled, torch on one
thread. Its first call, which imports nothing but detects, colours, traces and compiles, is a column of its own. Functions are
written for a module like NumPy, ``f(x, np)``; torch spells its names so; casadi runs them on NumPy's own arrays of its symbols.
A peer that cannot is a failed row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ._timing import Contender

NAMES = ("autograd", "jax", "torch", "casadi", "asdex", "numba", "lmfit", "scikit-learn")
LIGHT = ("autograd", "scikit-learn")                       # those of the extra bench, which always compete
MOST_SYMBOLS = 40_000     # casadi makes every number of a program a symbol: beyond, minutes
wanted = False            # set by the command line's --peers

Function = Callable[..., Any]
Run = Callable[[], Any]


@cache
def installed(name: str) -> Any:
    """The module, ready to compete; None where it is not installed, or not asked for."""
    if not find_spec(name) or not (wanted or name in LIGHT):
        return None
    module = import_module(name)
    if name == "jax":
        module.config.update("jax_enable_x64", True)
    elif name == "torch":
        module.set_num_threads(1)
        module.set_default_dtype(module.float64)
        import_module("torch.func")
    elif name == "casadi" and hasattr(module.GlobalOptions, "setNumpyMode"):
        module.GlobalOptions.setNumpyMode(-1)              # NumPy's functions of symbols, without a warning
    elif name == "autograd":
        import_module("autograd.numpy")
    return module


class Lazily:
    """What runs is made in the first call, whose time is then that of all preparation."""

    def __init__(self, make: Callable[[], Run]) -> None:
        self.make, self.made = make, None

    def __call__(self) -> Any:
        if self.made is None:
            self.made = self.make()                        # type: ignore[assignment]
        return self.made()                                 # type: ignore[misc]


def contender(name: str, make: Callable[[], Run], tolerance: float = 1e-10) -> Contender:
    return Contender(name, Lazily(make), tolerance, peer=True)


def jitted(make: Callable[[Any], Function], *arguments: Any) -> Callable[[], Run]:
    """``make(jax)`` gives what to compile; its answer comes back as NumPy's."""
    jax = installed("jax")

    def prepare() -> Run:
        compiled, at = jax.jit(make(jax)), [jax.numpy.asarray(a) for a in arguments]
        return lambda: jax.tree.map(np.asarray, compiled(*at))
    return prepare


def torched(make: Callable[[Any], Function], *arguments: Any) -> Callable[[], Run]:
    torch = installed("torch")

    def prepare() -> Run:
        run, at = make(torch), [torch.asarray(a) for a in arguments]
        return lambda: run(*at).detach().numpy()
    return prepare


# ---- dense derivatives -----------------------------------------------------------------------------------------------
def gradients(f: Function, x: Any, symbols: bool = True) -> Iterator[Contender]:
    """Contenders for the gradient of ``f(x, np)``, a number. Without ``symbols``: f branches, or is too large for casadi."""
    yield from _with("grad", f, x, symbols)


def jacobians(f: Function, x: Any) -> Iterator[Contender]:
    """Contenders for the Jacobian of ``f(x, np)``, an array."""
    for name in ("jacfwd", "jacrev"):
        yield from _with(name, f, x)


def hessians(f: Function, x: Any) -> Iterator[Contender]:
    yield from _with("hessian", f, x)


def _with(what: str, f: Function, x: Any, symbols: bool = True) -> Iterator[Contender]:
    theirs = {"grad": "grad", "jacrev": "jacobian", "hessian": "hessian"}.get(what)
    if theirs and (autograd := installed("autograd")):
        yield contender(f"autograd.{theirs}",
                        lambda: partial(getattr(autograd, theirs)(partial(f, np=autograd.numpy)), x))
    if installed("jax"):
        yield contender(f"jax.jit({what})", jitted(lambda jax: getattr(jax, what)(partial(f, np=jax.numpy)), x))
    if installed("torch"):
        yield contender(f"torch.func.{what}", torched(lambda torch: getattr(torch.func, what)(partial(f, np=torch)), x))
    if symbols and x.size <= {"grad": MOST_SYMBOLS, "hessian": 1000}.get(what, 0) and installed("casadi"):
        yield contender(f"casadi.{what}", partial(with_casadi, what, f, x))


def products(f: Function, x: Any, v: Any) -> Iterator[Contender]:
    """Contenders for the Hessian of ``f(x, np)``, a number, times v."""
    if autograd := installed("autograd"):
        yield contender("autograd.hessian_vector_product",
                        lambda: partial(autograd.hessian_vector_product(partial(f, np=autograd.numpy)), x, v))
    if installed("jax"):
        yield contender("jax.jit(jvp of grad)", jitted(
            lambda jax: lambda x, v: jax.jvp(jax.grad(partial(f, np=jax.numpy)), (x,), (v,))[1], x, v))
    if installed("torch"):
        yield contender("torch.func.jvp of grad", torched(
            lambda torch: lambda x, v: torch.func.jvp(torch.func.grad(partial(f, np=torch)), (x,), (v,))[1], x, v))


def along(f: Function, x: Any, V: Any) -> Iterator[Contender]:
    """Contenders for the derivatives of ``f(x, np)`` along the rows of V."""
    def pushed(module: Any, jvp: Function, vmap: Function) -> Function:
        return lambda x, V: vmap(lambda v: jvp(partial(f, np=module), (x,), (v,))[1])(V)
    if installed("jax"):
        yield contender("jax.jit(vmap(jvp))", jitted(lambda jax: pushed(jax.numpy, jax.jvp, jax.vmap), x, V))
    if installed("torch"):
        yield contender("torch.vmap(jvp)", torched(lambda torch: pushed(torch, torch.func.jvp, torch.vmap), x, V))


def of_numbers(f: Function, at: tuple[float, ...]) -> Iterator[Contender]:
    """Contenders for value and derivative by the first of the numbers that f takes."""
    def with_torch() -> Run:
        torch = installed("torch")

        def run() -> Any:
            x = torch.tensor(at[0], requires_grad=True)
            value = f(x, *at[1:])
            return value.item(), torch.autograd.grad(value, x)[0].item()
        return run

    def with_casadi() -> Run:
        casadi = installed("casadi")
        x = casadi.SX.sym("x")
        value = f(x, *at[1:])
        both = casadi.Function("both", [x], [value, casadi.jacobian(value, x)])
        return lambda: [float(v) for v in both(at[0])]
    makers: dict[str, tuple[str, Callable[[], Run]]] = {
        "autograd.value_and_grad": ("autograd", lambda: partial(installed("autograd").value_and_grad(f), *at)),
        "jax.jit(value_and_grad)": ("jax", jitted(lambda jax: jax.value_and_grad(f), *at)),
        "torch.autograd.grad": ("torch", with_torch), "casadi.Function": ("casadi", with_casadi)}
    for name, (library, make) in makers.items():
        if installed(library):
            yield contender(name, make)


def per_sample(what: str, f: Function, axes: tuple[int | None, ...], *arguments: Any) -> Iterator[Contender]:
    """Derivatives of one sample's ``f(*arguments, np)`` by the first argument, for all samples at once by vmap.

    The user has to restructure a program of arrays into that of one sample first. ``axes``: None for what samples share.
    """
    if installed("jax"):
        yield contender(f"jax.jit(vmap({what}))", jitted(
            lambda jax: jax.vmap(getattr(jax, what)(partial(f, np=jax.numpy)), in_axes=axes), *arguments))
    if installed("torch"):
        yield contender(f"torch.vmap({what})", torched(
            lambda torch: torch.vmap(getattr(torch.func, what)(partial(f, np=torch)), in_dims=axes), *arguments))


# ---- value and derivative of a formula at many points ----------------------------------------------------------------
def pointwise(f: Function, by_hand: Function, x: Any) -> Iterator[Contender]:
    """Contenders for (f, f′) at every point, as arrays; numba gets the code written by hand, as a loop over points."""
    if autograd := installed("autograd"):
        yield contender("autograd.elementwise_grad", lambda: lambda: (
            f(x, autograd.numpy), autograd.elementwise_grad(partial(f, np=autograd.numpy))(x)))
    if installed("jax"):
        yield contender("jax.jit(vmap(value_and_grad))", jitted(
            lambda jax: jax.vmap(jax.value_and_grad(partial(f, np=jax.numpy))), x))
    if torch := installed("torch"):
        one = torch.ones(x.size)
        def prepare() -> Run:
            at = torch.asarray(x)
            return lambda: [t.numpy() for t in torch.func.jvp(partial(f, np=torch), (at,), (one,))]
        yield contender("torch.func.jvp", prepare)
    if numba := installed("numba"):
        def compiled() -> Run:
            inner = numba.njit(by_hand)

            @numba.njit
            def loop(x: Any) -> Any:
                value, derivative = np.empty_like(x), np.empty_like(x)
                for i in range(x.size):
                    value[i], derivative[i] = inner(x[i])
                return value, derivative
            return partial(loop, x)
        yield contender("numba, by hand", compiled)


# ---- sparse derivatives ----------------------------------------------------------------------------------------------
def sparse_jacobians(f: Function, x: Any) -> Iterator[Contender]:
    """Contenders for the numbers of the CSR Jacobian of ``f(x, np)``; structure is found in the first call."""
    yield from _sparse("jacobian", f, x)


def sparse_hessians(f: Function, x: Any, symbols: bool = True) -> Iterator[Contender]:
    yield from _sparse("hessian", f, x, symbols)


def _sparse(what: str, f: Function, x: Any, symbols: bool = True) -> Iterator[Contender]:
    if installed("jax") and (asdex := installed("asdex")):
        def prepare() -> Run:
            jax = installed("jax")
            at = jax.numpy.asarray(x)
            compiled = jax.jit(getattr(asdex, what)(partial(f, np=jax.numpy), at))
            rows, columns = np.asarray(compiled(at).indices).T
            order = np.lexsort((columns, rows))
            if np.array_equal(order, np.arange(order.size)):
                return lambda: np.asarray(compiled(at).data)
            return lambda: np.asarray(compiled(at).data)[order]
        yield contender(f"asdex.{what}, compiled", prepare)
    if symbols and x.size <= MOST_SYMBOLS and installed("casadi"):
        yield contender(f"casadi.{what}, sparse", partial(with_casadi, f"sparse {what}", f, x))


def with_casadi(what: str, f: Function, x: Any) -> Run:
    """A graph of numbers, made by running f on an array of symbols; its result is written to one buffer."""
    casadi = installed("casadi")
    symbols = casadi.SX.sym("x", x.size)
    answer = f(np.array(casadi.vertsplit(symbols), dtype=object), np)
    if "jacobian" in what:
        made = casadi.jacobian(casadi.vertcat(*answer), symbols)
    else:
        made = casadi.gradient(answer, symbols) if what == "grad" else casadi.hessian(answer, symbols)[0]
    shape: tuple[int, ...] = (x.size,) * (1 if what == "grad" else 2)
    if what.startswith("sparse"):
        made = made.T                                      # its columns are then the rows, in order
        shape = (made.nnz(),)
    else:
        made = casadi.densify(made)
    function = casadi.Function("d", [symbols], [made])
    buffer, run = function.buffer()
    at, out = np.array(x), np.empty(shape)
    buffer.set_arg(0, memoryview(at))
    buffer.set_res(0, memoryview(out))

    def filled(alive: Any = (function, buffer)) -> Any:    # neither keeps the other
        at[:] = x
        run()
        return out.copy()
    return filled

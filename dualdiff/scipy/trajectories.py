"""solve_ivp and odeint: SciPy's trajectory, differentiated by a second run of the state with its variational equations.

The state is integrated as the dual it is: what its ε-parts are, of every level, stands beside it as more unknowns of SciPy's
integrator, whose error control holds for them too; their slopes are those of the program's own function run on the dual. Times
move by what is nilpotent, for which one step of an explicit method is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate as scipy
from scipy import sparse

from ..errors import ConvergenceError, RuleError, StructureError
from ..forms import dual_form, holds_dual, stop_gradient, stripped
from ..implicit.theorem import depth
from ..transforms import derivative, jacobian
from .callbacks import Plain, perturbed, plainly, tupled, value_of
from .counterparts import counterpart, with_tangent
from .seeded import in_what_is_perturbed
from .variations import State

Function = Callable[..., Any]
IMPLICIT = ("Radau", "BDF", "LSODA")
OF_THE_PLAIN_STATE = ("jac", "jac_sparsity", "lband", "uband", "vectorized", "first_step")


def slopes(out: Any, y: Any) -> Any:
    """What fun returned, an array, a list of numbers or one number, as an array like y."""
    out = dual_form(out)
    if not np.ndim(out):
        return np.broadcast_to(out, np.shape(y))
    return out if hasattr(out, "shape") else np.asarray(out)


def shifted(f: Function, t: Any, y: Any, h: Any) -> Any:
    """The state a nilpotent time h later: one step of the classical method of order 4, exact for four levels."""
    if not holds_dual(h):
        return y
    if depth(h) == 1:
        return y + h * f(stripped(t), y)
    if depth(h) > 4:
        raise RuleError("scipy.integrate: derivatives of a trajectory in time have a rule up to the fourth")
    a = f(t, y)
    b = f(t + h / 2, y + a * (h / 2))
    c = f(t + h / 2, y + b * (h / 2))
    d = f(t + h, y + c * h)
    return y + (a + 2 * b + 2 * c + d) * (h / 6)


def at_times(f: Function, times: Any, y: Any) -> Any:
    """States (n, T) at plain times, moved to where the times are."""
    if not holds_dual(times):
        return y
    h = times - stripped(times)
    return np.stack([shifted(f, stripped(times)[i], y[:, i], h[i]) for i in range(np.shape(y)[1])], axis=1)


def real(y: Any) -> Any:
    if np.iscomplexobj(stripped(y)):
        raise StructureError("scipy.integrate: trajectories of real states only are differentiated; give the real and the "
                             "imaginary part as two")
    return y


def blocks_of(f: Function, jac: Any, n: int, dense: bool) -> Function:
    """∂f/∂y for the state and each of its parts. That the parts' slopes depend on the state as well is left out: the Jacobian
    only steers the iterations of an implicit step.
    """
    def matrix(t: Any, vector: Any) -> Any:
        y = vector[:n]
        if jac is None:
            J = stripped(jacobian(f, 1)(t, y)) if holds_dual(f(t, y)) else jacobian(f, 1, sparse=True)(t, y)
        else:
            J = jac(t, y) if callable(jac) else jac
        blocks = sparse.kron(sparse.eye_array(len(vector) // n), J, format="csc")
        return blocks.toarray() if dense else blocks
    return matrix


@counterpart(scipy.solve_ivp, always=True)
def solve_ivp(fun: Any, t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None, dense_output: bool = False,
              events: Any = None, vectorized: bool = False, args: Any = None, **options: Any) -> Any:
    found: Any = None

    def run(given: Any) -> Any:
        nonlocal found
        fun, t_span, y0, t_eval, events, args, options = given
        found = trajectory(fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args, **options)
        return [found.t, found.y, *(found.t_events or ()), *(found.y_events or ())]
    given = fun, t_span, value_of(y0), t_eval, events, args, options
    t, y, *events = run(given) if dense_output else in_what_is_perturbed(run, given)
    found.t, found.y = t, y
    if events:
        found.t_events, found.y_events = events[:len(events) // 2], events[len(events) // 2:]
    return found


def trajectory(fun: Any, t_span: Any, y0: Any, method: Any, t_eval: Any, dense_output: bool, events: Any, vectorized: bool,
               args: Any, **options: Any) -> Any:
    given, own = (t_span, y0, t_eval, args), () if args is None else tuple(args)
    quiet, watched = Plain(fun, given), plainly(events, "fun", given)
    known = {name: plainly(x, name, given) for name, x in options.items()}
    found = scipy.solve_ivp(quiet, stop_gradient(t_span), stop_gradient(y0), method, stop_gradient(t_eval), dense_output,
                            watched, vectorized, args if args is None else stop_gradient(own), **known)
    if not perturbed((*given, quiet, watched)):
        return found
    if not found.success:
        raise ConvergenceError(f"scipy.integrate.solve_ivp stopped at t = {found.t[-1]:.6g}: {found.message}")

    def f(t: Any, y: Any, args: Any = own) -> Any:
        return np.ravel(value_of(fun(t, y[:, None], *args))) if vectorized else slopes(value_of(fun(t, y, *args)), y)

    t0, t1 = map(value_of, t_span)
    start, end = float(stripped(t0)), float(stripped(t1)) if found.status == 0 else found.t[-1]
    y = shifted(f, t0, np.ravel(real(value_of(y0))) * 1.0, start - t0)
    call = None if vectorized else lambda f, t, y, args: f(t, y, *args)
    state, n, direction = State(f, start, y, (fun, own), call), len(found.y), np.sign(float(stripped(t1)) - start)
    moments = [] if found.t_events is None else found.t_events
    grid = np.unique(np.concatenate([found.t, *moments]))[::int(direction) or 1]
    more = {name: x for name, x in known.items() if name not in OF_THE_PLAIN_STATE}
    name = getattr(method, "__name__", method)
    if name in IMPLICIT:
        jac, bare = known.get("jac"), stop_gradient(own)
        more["jac"] = blocks_of(lambda t, y: f(t, y, bare), (lambda t, y: jac(t, y, *bare)) if callable(jac) else jac, n,
                                name == "LSODA")

    def integrate(slope: Function, vector: Any, blocks: int) -> Any:
        again = more | ({"atol": np.tile(more["atol"], blocks)} if np.ndim(more.get("atol", 0.0)) else {})
        result = scipy.solve_ivp(slope, (start, end), vector, method, grid, dense_output, **again)
        if not result.success:
            raise ConvergenceError(f"scipy.integrate.solve_ivp stopped the variational equations: {result.message}")
        return result

    if len(grid) and direction:
        result = state.run(integrate)
        Y = state.dual(result.y)
    else:
        result, Y = None, np.stack([y] * len(grid), axis=1)

    def states(times: Any, values: Any) -> Any:
        places = np.searchsorted(grid * (direction or 1), times * (direction or 1))
        return with_tangent(values, Y[:, places])

    if dense_output:
        found.sol = Solution(f, state, found.sol, result.sol)
    times = found.t if t_eval is None else value_of(t_eval)[:len(found.t)] if holds_dual(t_eval) else found.t
    moved = {0: t0, len(found.t) - 1: t1 if found.status == 0 else found.t[-1]} if t_eval is None else {}
    if moments:
        listed = events if isinstance(events, list | tuple) else [events]
        for i, (g, at) in enumerate(zip(listed, moments, strict=True)):
            if at.size:
                when, where = met(lambda t, y, g=g: value_of(g(t, y, *own)), f, at, states(at, found.y_events[i].T))
                found.t_events[i], found.y_events[i] = when, where
                if found.status == 1 and at[-1] == found.t[-1] and t_eval is None and holds_dual(when):
                    moved[len(found.t) - 1] = when[-1]
    if any(map(holds_dual, moved.values())):
        times = np.stack([moved.get(i, t) for i, t in enumerate(found.t)])
    found.y = at_times(f, times, states(found.t, found.y))
    found.t = times
    return found


def met(g: Function, f: Function, at: Any, Y: Any) -> tuple[Any, Any]:
    """When and where g(t, y) vanishes along the trajectory, near plain times and the dual states there."""
    times, places = [], []
    for i, t in enumerate(at):
        y = Y[:, i]
        plain, slope = stripped(y), stripped(f(t, stripped(y)))
        rate = stripped(derivative(lambda s: g(s, plain + (s - t) * slope))(t))  # noqa: B023
        when: Any = t
        r = g(t, y)
        for level in range(depth(r)):
            r = g(when, shifted(f, t, y, when - t)) if level else r
            when = when - (r - stripped(r)) / rate
        times.append(when)
        places.append(shifted(f, t, y, when - t))
    return np.stack(times), np.stack(places)


class Solution:
    """``result.sol``: the state between the steps."""

    def __init__(self, f: Function, state: State, plain: Any, whole: Any) -> None:
        self.f, self.state, self.plain, self.whole = f, state, plain, whole

    def __call__(self, t: Any) -> Any:
        t = value_of(t)
        at = np.asarray(stripped(t))
        y = with_tangent(self.plain(at), self.state.dual(self.whole(at)))
        if not holds_dual(t):
            return y
        return at_times(self.f, t, y) if at.ndim else shifted(self.f, at, y, t - at)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


@counterpart(scipy.odeint, always=True)
def odeint(func: Any, y0: Any, t: Any, args: Any = (), Dfun: Any = None, col_deriv: Any = 0, full_output: Any = 0,
           ml: Any = None, mu: Any = None, rtol: Any = None, atol: Any = None, tcrit: Any = None, h0: float = 0.0,
           hmax: float = 0.0, hmin: float = 0.0, ixpr: Any = 0, mxstep: int = 0, mxhnil: int = 0, mxordn: int = 12,
           mxords: int = 5, printmessg: Any = 0, tfirst: bool = False) -> Any:
    limits = {"rtol": rtol, "tcrit": tcrit, "hmax": hmax, "hmin": hmin, "mxstep": mxstep, "mxordn": mxordn, "mxords": mxords}
    once = limits | {"Dfun": plainly(Dfun, "Dfun", (y0, t, args)), "col_deriv": col_deriv, "full_output": full_output,
                     "ml": ml, "mu": mu, "atol": atol, "h0": h0, "ixpr": ixpr, "mxhnil": mxhnil, "printmessg": printmessg,
                     "tfirst": tfirst}
    info: tuple[Any, ...] = ()

    def run(given: Any) -> Any:
        nonlocal info
        func, y0, t, args = given
        quiet = Plain(func, (y0, t, args))
        found = scipy.odeint(quiet, *stop_gradient((y0, t, args)), **once)
        values, *info = found if full_output else (found,)  # type: ignore[assignment]
        if not perturbed((y0, t, args, quiet)):
            return [values]

        def f(s: Any, y: Any) -> Any:
            return slopes(value_of(func(s, y, *args) if tfirst else func(y, s, *args)), y)

        times = value_of(t)
        plain = np.asarray(stripped(times), float)
        y = shifted(f, times[0], np.ravel(real(value_of(y0))) * 1.0, plain[0] - times[0])
        state = State(f, plain[0], y, (func, args),
                      lambda f, s, y, args: f(s, y, *args) if tfirst else f(y, s, *args))

        def integrate(slope: Function, vector: Any, blocks: int) -> Any:
            tiled = {name: np.tile(a, blocks) if np.ndim(a) else a for name, a in (("rtol", rtol), ("atol", atol))}
            Y, how = scipy.odeint(slope, vector, plain, tfirst=True, full_output=True, **(limits | tiled),
                                  Dfun=blocks_of(f, None, state.n, dense=True))
            if how["message"] != "Integration successful.":
                raise ConvergenceError(f"scipy.integrate.odeint stopped the variational equations: {how['message']}")
            return Y.T
        return [with_tangent(values, np.transpose(at_times(f, times, state.dual(state.run(integrate)))))]
    [y] = in_what_is_perturbed(run, (func, value_of(y0), t, tupled(args)))
    return (y, *info) if full_output else y

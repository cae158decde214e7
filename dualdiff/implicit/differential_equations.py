"""solve_ivp: SciPy's solution of a differential equation, differentiated by its variational equations.

y' = f(t, y, θ) makes S = ∂y/∂θ obey S' = ∂f/∂y S + ∂f/∂θ. The k directions that are needed are appended to the state and
integrated with it, so that SciPy's error control holds for them too. The right-hand side of the larger system is one
``jvp`` of f, itself a function that can be differentiated: a derivative of the derivative is the same once more.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..custom import custom_rule
from ..dual_array import wrapped
from ..errors import ConvergenceError, RuleError, StructureError, needed
from ..forms import belongs, dual_form, holds_dual, stop_gradient, stripped, top_level, value_at
from ..tangents.leaf import dense_leaf, one
from ..tangents.level import Level
from ..tangents.tangent import Tangent
from ..transforms import jacobian, jvp
from ..transforms.trees import flatten, spans
from .theorem import Function

IMPLICIT = ("Radau", "BDF", "LSODA")
OF_THE_PLAIN_STATE = ("jac", "jac_sparsity", "lband", "uband", "vectorized", "first_step")


def solve_ivp(fun: Function, t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None, args: Any = (),
              **options: Any) -> Any:
    """``scipy.integrate.solve_ivp``, whose ``y`` is a differentiable function of y0, ``args``, ``t_span`` and ``t_eval``.

    Called and answered as SciPy's: fun(t, y, *args) gives the slopes of the n states, ``result.y`` has shape (n, T). ``args``
    may hold numbers, arrays and trees of them. The values are those of SciPy's plain run; the derivatives come from a second
    run, of the state and k variational equations beside it: n (1 + k) equations under the same ``rtol`` and ``atol`` (in units
    of the parameter where that is above 1), so they are as accurate as the states, not exact to rounding; SciPy's
    default rtol is 1e-3. k is the number of directions, or of perturbed numbers among the inputs where these are fewer, as
    always in reverse mode. In that second run the methods that need the Jacobian of fun get it, unless ``jac`` gives it.

    The steps that the plain run chose, ``t``, are constants but for the ends. Raises RuleError where fun closes over a
    dual number (give it in ``args``), and where ``events`` or ``dense_output`` are asked for with dual inputs; ConvergenceError
    where SciPy's integration of dual inputs fails. Without dual inputs it is SciPy's, to the letter.

    >>> import numpy as np
    >>> from dualdiff import derivative
    >>> decay = lambda t, y, rate: -rate * y
    >>> derivative(lambda rate: solve_ivp(decay, (0, 1), [1.0], args=(rate,), rtol=1e-9).y[0, -1])(2.0).round(6)
    np.float64(-0.135335)
    """
    integrate = needed("scipy.integrate", "solve_ivp")
    args = () if args is None else tuple(args) if isinstance(args, tuple | list) or np.ndim(args) else (args,)
    t0, t1 = map(dual_form, t_span)
    y0, t_eval = dual_form(y0), None if t_eval is None else dual_form(t_eval)
    leaves, rebuild = flatten(args, None)
    forms = list(map(dual_form, leaves))
    perturbed = [i for i, x in enumerate(forms) if holds_dual(x)]
    params = [forms[i] for i in perturbed]
    bare = stop_gradient(args)

    def plain(t: Any, y: Any) -> Any:
        return slopes(fun(t, y, *bare), y)

    span = stripped(t0), stripped(t1)
    found = integrate.solve_ivp(lambda t, y: closed(plain(t, y)), span, stripped(y0), method, stripped(t_eval),
                                **bound(options, bare))
    inputs = [x for x in (t0, t1, y0, t_eval, *params) if holds_dual(x)]
    if not inputs:
        return found
    asked = [name for name in ("events", "dense_output") if options.get(name)]
    if asked:
        raise RuleError(f"solve_ivp: {' and '.join(asked)} of dual inputs have no derivative rule; give the times in t_eval, "
                        "or find an event with dualdiff.root of the state at the time t")
    if not found.success:
        raise ConvergenceError(f"solve_ivp: SciPy stopped at t = {found.t[-1]:.6g}: {found.message}")
    if any(np.iscomplexobj(stripped(x)) for x in (*inputs, found.y)):
        raise StructureError("solve_ivp differentiates real states only; give the real and imaginary parts as two")
    times = t_eval if holds_dual(t_eval) else np.asarray(t_eval)
    if t_eval is None:  # the ends move with t_span, the steps in between stay
        times = np.concatenate([np.reshape(t0, (1,)), found.t[1:-1], np.reshape(t1, (1,))]) if len(found.t) > 1 else \
            np.reshape(t0, (1,))

    def base(t: Any, y: Any, p: list[Any]) -> Any:
        new = dict(zip(perturbed, p, strict=True))
        return slopes(fun(t, y, *rebuild([new.get(i, x) for i, x in enumerate(leaves)])), y)

    run = Run(integrate, plain, stripped(t1), method, bound(options, bare), len(found.y))
    y0 = y0 if holds_dual(y0) else np.asarray(y0)
    y = trajectory(base, t0, times, y0 + 0.0, params, run)
    found.t = times
    found.y = y + (found.y - stripped(y))  # the value of the plain run; within the tolerances the same
    return found


def bound(options: dict[str, Any], bare: tuple[Any, ...]) -> dict[str, Any]:
    """SciPy's options; functions of the state among them get the arguments, as SciPy would give them."""
    def with_bare(f: Any) -> Any:
        def g(t: Any, y: Any) -> Any:
            return f(t, y, *bare)
        vars(g).update(vars(f))  # terminal and direction of an event
        return g
    made = dict(options)
    if callable(made.get("jac")):
        made["jac"] = with_bare(made["jac"])
    events = made.get("events")
    if events is not None:
        made["events"] = with_bare(events) if callable(events) else [with_bare(event) for event in events]
    return made


def slopes(out: Any, y: Any) -> Any:
    """What fun returned, an array, a list of numbers or one number, as an array like y."""
    out = dual_form(out)
    if not np.ndim(out):
        return np.broadcast_to(out, np.shape(y))
    return out if hasattr(out, "shape") else np.asarray(out)


def closed(out: Any) -> Any:
    if holds_dual(out):
        raise RuleError("solve_ivp: fun closes over a dual number, which the integrator cannot see. Give it to fun as an "
                        "argument: solve_ivp(fun, t_span, y0, args=(p,)) with fun(t, y, p)")
    return out


# ---- the variational equations
def trajectory(f: Function, t0: Any, times: Any, y0: Any, params: list[Any], run: Run) -> Any:
    """The states (n, T) at the times, with f(t, y, params), by recursion over the levels of what is perturbed."""
    duals = [x for x in (t0, times, y0, *params) if holds_dual(x)]
    if not duals:
        return run(f, t0, times, y0, params)
    level = top_level(duals)
    mine = [i for i, p in enumerate(params) if belongs(p, level)]
    moving = [x for x in (t0, y0, *(params[i] for i in mine)) if belongs(x, level) and x.eps.terms]
    below = value_at(t0, level), value_at(times, level), value_at(y0, level), [value_at(p, level) for p in params]
    start, at, state, known = below
    n, shape = len(state), (len(state), times.shape[0])
    if not moving:
        y = trajectory(f, *below, run)
        eps = Tangent({}, shape)
    else:
        space = Directions(level, moving)
        k = space.k
        S = space.of(y0, state.shape)
        if belongs(t0, level):  # y(t; t0) = y(t; t0 + dt0) where the state has moved on by f dt0
            S = S - np.reshape(space.of(t0, ()), (k, 1)) * f(start, state, known)
        V = [space.of(params[i], params[i].shape) for i in mine]

        def along(t: Any, Y: Any, q: list[Any]) -> Any:
            p, directions = q[:len(known)], q[len(known):]

            def moved(y: Any, *changed: Any) -> Any:
                replaced = dict(zip(mine, changed, strict=True))
                return f(t, y, [replaced.get(i, x) for i, x in enumerate(p)])

            dy, dS = jvp(moved, (Y[:n], *(p[i] for i in mine)), (np.reshape(Y[n:], (k, n)), *directions))
            return np.concatenate([dy, np.reshape(dS, (k * n,))])

        Y = trajectory(along, start, at, np.concatenate([state, np.reshape(S, (k * n,))]), [*known, *V], run)
        y = Y[:n]
        eps = space.tangent(np.reshape(Y[n:], (k, *shape)), shape)
    if belongs(times, level):
        F = np.transpose(np.stack([f(at[i], y[:, i], known) for i in range(shape[1])]))
        part = times.eps.chained(F, shape, F) if level.careful else times.eps.scaled(F, shape)
        eps = eps.plus(part) if eps.terms else part
    return wrapped(y, eps, level)


class Directions:
    """Along which k directions the inputs are moved: those of the sweep, or each number of the inputs if that is fewer.

    They are scaled for the integrator's absolute tolerance, which is meant for states: a parameter above 1 is moved by as
    much as itself, so that its direction has the units of the state; a smaller one by 1.
    """

    def __init__(self, level: Level, moving: list[Any]) -> None:
        self.level, self.moving = level, moving
        self.sizes = [prod(x.shape) for x in moving]
        tangent = moving[0].eps
        leaf = next(iter(tangent.terms))
        self.single = leaf.k is None  # one direction without an axis; a tape has no directions
        count = 1 if self.single else leaf.k
        self.each = tangent.on_tape or sum(self.sizes) <= count
        self.k = sum(self.sizes) if self.each else count
        units = [np.maximum(1.0, np.abs(stripped(x))) for x in moving]
        if self.each:
            self.scale = np.concatenate([np.ravel(u) for u in units])
        else:
            self.given = [self.dense(x) for x in moving]
            ratios = [np.max(np.abs(stripped(v)).reshape(count, -1) / np.ravel(u), axis=1, initial=0.0)
                      for v, u in zip(self.given, units, strict=True)]
            largest = np.max(ratios, axis=0)
            self.scale = np.where(largest > 0, 1 / np.where(largest > 0, largest, 1), 1.0)

    def dense(self, x: Any) -> Any:
        v = x.eps.dense()
        return np.reshape(v, (1, *x.shape)) if self.single else v

    def of(self, x: Any, shape: tuple[int, ...]) -> Any:
        """The directions of one input, scaled, of shape (k, *S); zero for one that is not moved."""
        found = [i for i, y in enumerate(self.moving) if y is x]
        if not found:
            return np.zeros((self.k, *shape))
        scale = self.scale.reshape((self.k,) + (1,) * len(shape))
        if not self.each:
            return self.given[found[0]] * scale
        return np.eye(self.k)[:, slice(*spans(self.sizes)[found[0]])].reshape((self.k, *shape)) * scale

    def tangent(self, S: Any, shape: tuple[int, ...]) -> Tangent:
        """The ε-part of the result from the integrated directions S, of shape (k, *shape)."""
        S = S / self.scale.reshape((self.k,) + (1,) * len(shape))
        if not self.each:
            return Tangent({one(self.level): S[0]} if self.single else {dense_leaf(self.level, S, shape): None}, shape)
        total: Any = None
        for x, (start, stop) in zip(self.moving, spans(self.sizes), strict=True):
            J = np.reshape(np.moveaxis(S[start:stop], 0, -1), (*shape, *x.shape))
            part = linear_part(J, shape)(x).eps
            total = part if total is None else total.plus(part)
        result: Tangent = total
        return result


def linear_part(J: Any, shape: tuple[int, ...]) -> Function:
    """The linear map with this matrix as a function of its own; its value is of no interest."""
    made: Function = custom_rule(lambda x: np.zeros(shape), jacobians=lambda f, x: J)
    return made


class Run:
    """SciPy's integration of the plain state or of the state with directions beside it, block after block of n."""

    def __init__(self, integrate: Any, plain: Function, end: Any, method: Any, options: dict[str, Any], n: int) -> None:
        self.integrate, self.end, self.method, self.n = integrate, end, method, n
        self.options = {name: x for name, x in options.items() if name not in OF_THE_PLAIN_STATE}
        self.jac = options.get("jac")
        self.ours = jacobian(lambda y, t: plain(t, y), sparse=True)

    def __call__(self, f: Function, t0: Any, times: Any, y0: Any, params: list[Any]) -> Any:
        if np.all(times == t0):  # SciPy gives none of these
            return np.repeat(y0[:, None], len(times), axis=1)
        options = dict(self.options)
        if np.ndim(options.get("atol", 0.0)):
            options["atol"] = np.tile(options["atol"], len(y0) // self.n)
        if getattr(self.method, "__name__", self.method) in IMPLICIT:
            options["jac"] = self.block_diagonal
        found = self.integrate.solve_ivp(lambda t, y: closed(f(t, y, params)), (t0, self.end), y0, self.method, times,
                                         **options)
        if not found.success:
            raise ConvergenceError("solve_ivp: SciPy stopped the variational equations at t = "
                                   f"{found.t[-1] if len(found.t) else t0:.6g}: {found.message}")
        return found.y

    def block_diagonal(self, t: Any, Y: Any) -> Any:
        """∂f/∂y once for the state and for each direction. That the directions' slopes depend on the state as well is left out:
        the Jacobian only steers the iterations of an implicit step, whose result does not depend on it.
        """
        from scipy import sparse

        y = Y[:self.n]
        J = self.ours(y, t) if self.jac is None else self.jac(t, y) if callable(self.jac) else self.jac
        blocks = sparse.kron(sparse.eye_array(len(Y) // self.n), J, format="csc")
        return blocks.toarray() if getattr(self.method, "__name__", self.method) == "LSODA" else blocks

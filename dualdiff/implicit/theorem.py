"""The implicit function theorem: F(x, θ) = 0 makes x a function of θ, with dx = -(∂F/∂x)⁻¹ ∂F/∂θ dθ.

Said as a program: x - J⁻¹ F(x, θ), with x and J plain and θ dual, has the value x and that derivative. Where θ is a dual of
duals the step is repeated, once a level: each makes one more order exact, because the error is multiplied by I - J⁻¹ ∂F/∂x,
which is nilpotent. F may hold its duals in arguments or in its closure; nothing else has to know them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..custom import custom_rule
from ..errors import DegenerateError, RuleError, ShapeError, StructureError, needed, require_function
from ..forms import dual_form, stop_gradient, stripped
from ..reading import dtype_of
from ..transforms import jacobian
from ..transforms.trees import flatten, spans

Function = Callable[..., Any]


def differentiated(residual: Function, x: Any, factored: Callable[[], Any]) -> Any:
    """x, a root of the residual found on plain numbers, with the derivatives that the perturbed parts of the residual give.

    ``factored()`` is asked for the factored Jacobian, which has a method ``solve``, only if something is perturbed.
    """
    r = dual_form(residual(x))
    levels = depth(r)
    if not levels:
        return x
    system = factored()
    for level in range(levels):
        r = dual_form(residual(x)) if level else r
        x = x - system.solve(r - stripped(r))  # a step of length zero, but for the derivative
    return x


def depth(x: Any) -> int:
    levels = 0
    while hasattr(x, "level"):
        x, levels = x.value, levels + 1
    return levels


class Factored:
    """A matrix of n × n, factored once: A⁻¹ b and A⁻ᵀ b, where b is (…, n), and may be dual of any level."""

    __slots__ = ("n", "plain", "transposed")

    def __init__(self, n: int, plain: Function, transposed: Function) -> None:
        """Either takes and gives columns, arrays of n × m."""
        self.n, self.plain, self.transposed = n, plain, transposed

    def solve(self, b: Any) -> Any:
        """Its rule is made for each call: one that was kept would keep the matrix, and itself, alive."""
        back = Factored(self.n, self.transposed, self.plain)
        return custom_rule(self._along_last, forward=lambda f, b, db: self.solve(db),
                           transpose=lambda f, b, u: back.solve(u), batched=True)(b)

    def _along_last(self, b: Any) -> Any:
        if not b.any():
            return np.zeros_like(b)
        return self.plain(b.reshape(b.size // self.n, self.n).T).T.reshape(b.shape)


def factored(A: Any, what: str) -> Factored:
    """A dense array or a ``scipy.sparse`` matrix, factored. Raises DegenerateError where it is singular to rounding."""
    if hasattr(A, "tocsc"):
        return sparse_factored(A, what)
    n = A.shape[0]
    rows = np.max(np.abs(A), axis=1, initial=0.0)
    scaled = A / np.where(rows == 0, 1, rows)[:, None]
    columns = np.max(np.abs(scaled), axis=0, initial=0.0)
    scaled = scaled / np.where(columns == 0, 1, columns)  # units of equations and unknowns do not make it singular
    condition = 0.0 if not n else np.linalg.cond(scaled, 1) if np.isfinite(scaled).all() else np.inf
    if not condition * np.finfo(A.dtype).eps < 1:
        raise singular(what, f"its condition number is {condition:.3g}")
    return Factored(n, lambda b: np.linalg.solve(A, b), lambda b: np.linalg.solve(A.T, b))


def sparse_factored(A: Any, what: str) -> Factored:
    splu = needed("scipy.sparse.linalg", what).splu
    try:
        lu = splu(A.tocsc())
    except RuntimeError as error:
        raise singular(what, str(error)) from error
    return Factored(A.shape[0], in_type(A, lu.solve), in_type(A, lambda b: lu.solve(b, trans="T")))


def in_type(A: Any, solve: Function) -> Function:
    """SuperLU takes right-hand sides of the matrix's own type only; a complex one of a real matrix is two real ones."""
    def converted(b: Any) -> Any:
        if b.dtype.kind == "c" and A.dtype.kind != "c":
            return converted(np.ascontiguousarray(b.real)) + 1j * converted(np.ascontiguousarray(b.imag))
        return solve(b.astype(A.dtype, copy=False))
    return converted


def singular(what: str, why: str) -> DegenerateError:
    return DegenerateError(f"{what}: the Jacobian at the solution is singular to rounding ({why}), so the solution is not a "
                           "differentiable function of what it depends on")


# ---- unknowns: a tree of arrays as one vector
class Unknowns:
    """The form of x0, a number, an array or a tree of them, and the way between it and one vector."""

    def __init__(self, x0: Any, what: str) -> None:
        leaves, self.rebuild = flatten(stop_gradient(x0), f"x0 of {what}")
        arrays = [np.asarray(leaf) for leaf in leaves]
        dtype = np.result_type(*arrays) if arrays else np.dtype(float)
        self.what, self.shapes = what, [a.shape for a in arrays]
        self.start = np.concatenate([np.zeros(0, np.float32), *(a.ravel() for a in arrays)])
        self.start = self.start.astype(dtype if dtype.kind in "fc" else float)
        self.n = len(self.start)

    def tree(self, v: Any) -> Any:
        parts = [v] if len(self.shapes) == 1 else [v[start:stop] for start, stop in spans(map(prod, self.shapes))]
        return self.rebuild([part if len(shape) == 1 else part.reshape(shape) if shape else part[0]
                             for part, shape in zip(parts, self.shapes, strict=True)])

    def vector(self, tree: Any, like: Any = None) -> Any:
        leaves, _ = flatten(tree, f"the result of f in {self.what}", like)
        parts = [np.ravel(leaf) if hasattr(leaf, "shape") else np.ravel(np.asarray(leaf)) for leaf in leaves]
        v = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0)
        if v.shape != (self.n,):
            raise ShapeError(f"{self.what}: f returned {v.size} numbers for {self.n} unknowns; there must be as many equations")
        return v if dtype_of(v).kind in "fc" else v.astype(float)


class Equations:
    """F(x) = 0 for a vector x: ``residual`` as it stands, ``plain`` and ``jacobian`` on plain numbers."""

    def __init__(self, what: str, residual: Function, quiet: Function, sparse: bool = False) -> None:
        """``quiet`` is the residual with its arguments stripped; what its closure still perturbs is stripped here."""
        self.what, self.residual, self.quiet, self.sparse = what, residual, quiet, sparse
        self.multiple = False  # whether the solver found the root to be a multiple one
        self._jacobian = jacobian(quiet, sparse=True) if sparse else jacobian(quiet)

    def plain(self, x: Any) -> Any:
        return stripped(self.quiet(x))

    def jacobian(self, x: Any) -> Any:
        try:
            return stripped(self._jacobian(x))
        except StructureError as error:
            if self.sparse and hasattr(self.quiet(x), "level"):
                raise RuleError(f"{self.what} with sparse=True: f closes over a dual number. Give it to f as an argument, "
                                "args=(…), so that the sparse Jacobian can be taken without it") from error
            raise

    def solution(self, x: Any) -> Any:
        def system() -> Factored:
            if self.multiple:
                raise singular(self.what, "Newton's method converged slowly, as to a root of higher multiplicity")
            return factored(self.jacobian(x), self.what)

        return differentiated(self.residual, x, system)


def with_args(f: Function, args: Any, what: str) -> tuple[Function, Function]:
    """x ↦ f(x, *args), and the same with the arguments stripped of their derivatives."""
    args = args if isinstance(args, tuple) else (args,)
    require_function(f, what)
    bare = stop_gradient(args)
    return lambda x: f(x, *args), lambda x: f(x, *bare)

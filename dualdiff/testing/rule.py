"""check_rule: a rule of one's own against differences and against the laws that every derivative obeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dual_array import inexact
from ..errors import MismatchError
from ..transforms import jvp, vjp
from ..transforms.trees import flatten
from .check import MODES, ROUNDING, STRICT, DerivativeCheck, Entry, check_derivatives, labels, labels_of_arguments, precision
from .references import Array


@dataclass(frozen=True)
class Law:
    """One law at the place where it holds least: two numbers that should be equal, and how far apart they may be."""

    name: str
    place: str
    left: Any
    right: Any
    tolerance: float

    @property
    def error(self) -> float:
        return 0.0 if self.left == self.right else float(abs(self.left - self.right))

    @property
    def holds(self) -> bool:
        return self.error <= self.tolerance  # NaN does not

    def __str__(self) -> str:
        return (f"{self.name} {'holds' if self.holds else 'FAILS'}, worst at {self.place}: {self.left:.10g} and "
                f"{self.right:.10g}, which differ by {self.error:.2g} (tolerance {self.tolerance:.2g})")


@dataclass(frozen=True)
class RuleCheck:
    """What ``check_rule`` found; true where the derivatives agree with their references and every law holds.

    ``derivatives`` is the verdict of ``check_derivatives``, ``laws`` holds each law at its worst place, and ``worst`` is
    the entry or law that is most beyond its tolerance, or closest to it.
    """

    passed: bool
    derivatives: DerivativeCheck
    laws: tuple[Law, ...]
    worst: Entry | Law | None

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return "\n".join([str(self.derivatives), *map(str, self.laws)])


def check_rule(f: Callable[..., Any], *args: Any, modes: Sequence[str] = MODES, rtol: float | None = None,
               atol: float = 0.0, raise_on_failure: bool = True) -> RuleCheck:
    """Check a function with a ``custom_rule`` at ``args``: its derivatives, and the laws that a rule may break.

    The derivatives are compared entry by entry as ``check_derivatives`` does, with the same tolerances. The laws are tried
    along random directions v, w and cotangents u: the value is that of the plain call; forward and transpose are
    adjoint, ⟨u, Jv⟩ = ⟨Jᵀu, v⟩ for each argument; both are linear; and several directions at once give what each gives
    alone. Where the rule has no transpose, say ``modes=("forward",)``. f runs about as often as in ``check_derivatives``.

    Returns a ``RuleCheck``. Raises MismatchError, an AssertionError, naming the worst entry; with
    ``raise_on_failure=False`` the result says so. What the rule itself raises is raised.

    >>> import numpy as np
    >>> from dualdiff import custom_rule
    >>> square = custom_rule(lambda x: x**2, forward=lambda f, x, dx: 2 * x * dx, transpose=lambda f, x, u: 2 * x * u)
    >>> check_rule(square, np.array([1.0, 3.0])).passed
    True
    """
    derivatives = check_derivatives(f, *args, modes=modes, rtol=rtol, atol=atol, raise_on_failure=False)
    eps, rtol = precision([inexact(leaf, "check_rule") for leaf in flatten(args, "the arguments")[0]], rtol)
    laws = tuple(laws_of(f, args, modes, max(STRICT * rtol, ROUNDING * eps), atol))
    broken = [law for law in laws if not law.holds]
    if not derivatives or not broken:
        worst: Any = derivatives.worst
    else:
        worst = max(broken, key=lambda law: np.inf if np.isnan(law.error) else law.error / max(law.tolerance, 1e-300))
    verdict = RuleCheck(bool(derivatives) and not broken, derivatives, laws, worst)
    if raise_on_failure and not verdict:
        raise MismatchError(str(verdict))
    return verdict


def laws_of(f: Callable[..., Any], args: tuple[Any, ...], modes: Sequence[str], rtol: float, atol: float) -> Iterator[Law]:
    random = np.random.default_rng(0)
    results, places = labels(f(*args), "result"), labels_of_arguments(args)

    def law(name: str, left: Any, right: Any, where: list[str], scale: Any = 0.0) -> Law:
        left, right = flat(left), flat(right)
        if not right.size:
            return Law(name, "nothing", 0.0, 0.0, 0.0)
        allowed = atol + rtol * np.broadcast_to(np.maximum(np.abs(right), scale), right.shape)
        with np.errstate(all="ignore"):
            error = np.where(left == right, 0.0, np.abs(left - right))
            i = int(np.argmax(np.where(error == 0, 0.0, error / allowed)))  # the first NaN, where there is one
        return Law(name, where[i % len(where)], left[i], right[i], float(allowed[i]))

    def largest(*arrays: Any) -> float:
        return max(float(np.max(np.abs(flat(a)), initial=0.0)) for a in arrays)

    v, w = (like(args, random) for _ in "vw")
    if "forward" in modes:
        value, Jv = jvp(f, args, v)
        Jw = jvp(f, args, w)[1]
        combined = jvp(f, args, mixed(v, w))[1]
        several = jvp(f, args, stacked(v, w))[1]
        yield law("the plain value", value, f(*args), results)
        yield law("linearity of the derivative", combined, mixed(Jv, Jw), results, largest(Jv, Jw, combined))
        yield law("several directions at once", several, stacked(Jv, Jw), results, largest(Jv, Jw))
    if "reverse" in modes:
        value, pullback = vjp(f, *args)
        u, s = (like(value, random) for _ in "us")
        pulled, other = pullback(u), pullback(s)
        combined = pullback(mixed(u, s))
        yield law("linearity of the transpose", combined, mixed(pulled, other), places, largest(pulled, other, combined))
        yield law("several cotangents at once", pullback(stacked(u, s)), stacked(pulled, other), places,
                  largest(pulled, other))
        if "forward" in modes:
            for i in range(len(args)):
                only = tuple(x if j == i else zeros(x) for j, x in enumerate(v))
                left, right = flat(u) * flat(jvp(f, args, only)[1]), flat(pulled[i]) * flat(v[i])
                yield law("the adjoint identity ⟨u, Jv⟩ = ⟨Jᵀu, v⟩", left.sum(), right.sum(), [f"argument {i}"],
                          max(np.abs(left).sum(), np.abs(right).sum()))


# ---- random trees, and sums of them
def each(function: Callable[..., Any], *trees: Any) -> Any:
    taken = [flatten(tree, "an argument") for tree in trees]
    return taken[0][1]([function(*leaves) for leaves in zip(*(leaves for leaves, _ in taken), strict=True)])


def like(tree: Any, random: Any) -> Any:
    def drawn(leaf: Any) -> Any:
        a = inexact(leaf, "check_rule")
        noise = random.standard_normal(a.shape)
        return (noise + 1j * random.standard_normal(a.shape) if a.dtype.kind == "c" else noise).astype(a.dtype)
    return each(drawn, tree)


def mixed(a: Any, b: Any) -> Any:
    return each(lambda x, y: 3 * x - y / 2, a, b)


def stacked(a: Any, b: Any) -> Any:
    return each(lambda x, y: np.stack([x, y]), a, b)


def zeros(tree: Any) -> Any:
    return each(np.zeros_like, tree)


def flat(tree: Any) -> Array:
    return np.concatenate([np.zeros(0), *(np.ravel(leaf) for leaf in flatten(tree, "an argument")[0])])

"""Functions that a program gives to SciPy: SciPy calls them on plain numbers, and what they return is plain to it.

What their results owe to numbers that are perturbed, by an argument or by what they close over, is told apart here: the
ε-part of every level as plain arrays, by key, so that whatever is linear in the results (an integral, a step of an
integrator) may be done to all of them at once. A forward sweep gives an array for its directions; on a tape it is the
gradient with respect to what was recorded before the function was first called, so that nothing of it stays on the tape.
"""

from __future__ import annotations

from copy import copy
from functools import partial, wraps
from inspect import signature
from math import prod
from types import FunctionType, MethodType
from typing import Any, NoReturn

import numpy as np

from ..custom import custom_rule
from ..dual_array import wrapped
from ..errors import RuleError, StructureError
from ..forms import dual_form, holds_dual, stop_gradient, stripped
from ..reading import dtype_of
from ..tangents.leaf import Leaf, dense_leaf, one
from ..tangents.replay import Record
from ..tangents.tangent import Tangent
from ..tangents.tape import TapeLeaf, pull, reachable
from ..transforms.trees import spans
from .closures import quietly, without_derivatives
from .counterparts import counterpart, plain_if_constant

Key = tuple[tuple[Any, Any], ...]  # level and piece of each level that takes part, the highest first; () is the value
FUNCTIONS = frozenset(("func", "f", "fun", "F", "jac", "fprime", "fprime2", "Dfun", "hess", "hessp", "fhess", "fhess_p", "cons",
                       "f_eqcons", "f_ieqcons", "fprime_eqcons", "fprime_ieqcons", "loss"))  # names of arguments that take one
FUNCTION_KINDS = frozenset((FunctionType, MethodType, partial))
LIMITS = frozenset(("Bounds", "LinearConstraint", "NonlinearConstraint"))  # SciPy's, of which a program makes its own
FEW = 16  # directions of a number that are not worth a look for zeros


def value_of(y: Any) -> Any:
    """What a function returned, as one array or number: dual only where it is perturbed."""
    return plain_if_constant(dual_form(y)) if holds_dual(y) else y


class Plain:
    """A function as SciPy calls it; ``dual`` says whether it returned something perturbed, or might have. Beside other
    arguments that are perturbed its calls on plain numbers leave no trace.
    """

    __slots__ = ("bare", "dual", "f")

    def __init__(self, f: Any, beside: Any = ()) -> None:
        self.f, self.bare = f, quietly(f, perturbed(beside))
        self.dual = self.bare is not f

    def __call__(self, *args: Any, **options: Any) -> Any:
        y = self.bare(*args, **options)
        if holds_dual(y):
            self.dual = self.dual or holds_dual(plain_if_constant(y))
            y = stripped(y)
        return y

    def __getattr__(self, name: str) -> Any:
        return getattr(self.f, name)

    @property
    def __signature__(self) -> Any:
        return signature(self.f)


def plainly(x: Any, name: str = "", beside: Any = ()) -> Any:
    """An argument of this name as SciPy takes it, and the functions in it as Plain."""
    if isinstance(x, dict):
        return type(x)((key, plainly(part, key, beside)) for key, part in x.items())
    if isinstance(x, list | tuple) and not hasattr(x, "_fields"):
        return type(x)(plainly(part, name, beside) for part in x)
    if name == "callback":  # hears what the solver finds, and may write it down
        return x
    if type(x) in FUNCTION_KINDS or (name in FUNCTIONS and callable(x)):
        return Plain(x, beside)
    if type(x).__name__ in LIMITS:
        x = copy(x)
        vars(x).update({key: plainly(part, key, beside) for key, part in vars(x).items()})
        return x
    return stop_gradient(x)


def perturbed(x: Any) -> bool:
    if isinstance(x, dict):
        return any(map(perturbed, x.values()))
    if isinstance(x, list | tuple):
        return any(map(perturbed, x))
    if type(x).__name__ in LIMITS:
        return perturbed(vars(x))
    return x.dual if type(x) is Plain else holds_dual(plain_if_constant(x))


SPREADING = ("newton", "fixed_point", "least_squares")  # which call f(x, *args), whatever args is


def tupled(args: Any, what: str = "") -> tuple[Any, ...]:
    """The further arguments of a function given to SciPy's ``what``."""
    return args if isinstance(args, tuple) else tuple(args) if what in SPREADING else (args,)


class Absent(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for what a solver tells beside its solution and has no derivative rule: it raises where it is used."""

    __slots__ = ("_advice",)

    def __init__(self, advice: str) -> None:
        self._advice = advice

    def _refuse(self, *args: Any, **options: Any) -> NoReturn:
        raise RuleError(self._advice)

    __array_ufunc__ = __array_function__ = __array__ = __float__ = __getitem__ = __iter__ = __len__ = __call__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def __repr__(self) -> str:
        return "<without a derivative>"


def refused(original: Any, advice: str) -> None:
    """A function of SciPy's without a derivative rule: it works on plain numbers, and says what to do where a dual comes in."""
    name = f"{original.__module__.split('._')[0]}.{original.__name__}"

    def refuse() -> None:
        raise RuleError(f"{name} has no derivative rule; {advice}")

    def guarded(f: Any) -> Any:
        if not callable(f) or isinstance(f, type):
            return f

        @wraps(f)
        def call(*args: Any, **options: Any) -> Any:
            y = f(*args, **options)
            if holds_dual(y):
                if holds_dual(plain_if_constant(y)):
                    refuse()
                y = stripped(y)
            return y
        return call

    @counterpart(original, always=True)
    @wraps(original)
    def function(*args: Any, **options: Any) -> Any:
        given = (*args, *options.values())  # raising inside a callback is too late for some of SciPy's compiled code
        if perturbed(given) or any(without_derivatives(x) is not x for x in given if type(x) in FUNCTION_KINDS):
            refuse()
        return original(*map(guarded, args), **{name: guarded(x) for name, x in options.items()})


# ---- values taken apart
class EarlierNeeded(Exception):  # noqa: N818 - nobody sees it
    """A leaf of the tape is made of another, and now the one is met, now the other: both are seen from before this mark."""

    def __init__(self, mark: int) -> None:
        super().__init__(mark)
        self.mark = mark


class Apart:
    """Takes values apart. What is on a tape now, or was at a mark, is what their derivatives are taken with respect to."""

    __slots__ = ("mark",)

    def __init__(self, mark: int | None = None) -> None:
        self.mark = TapeLeaf(None, ()).serial if mark is None else mark  # type: ignore[arg-type]

    def parts(self, y: Any) -> dict[Key, Any]:
        """The value under key (), and by level and piece arrays (…, *S) for y of shape S."""
        if not hasattr(y, "level"):
            if dtype_of(y).kind == "c":
                raise StructureError("a function given to SciPy returned complex numbers that depend on a dual number; give it "
                                     "the real and the imaginary part as two")
            return {(): np.asarray(y)}
        found = self.parts(y.value)
        for piece, c in self.pieces(y.eps, np.shape(y.value)) if y.eps.terms else ():
            found |= {((y.level, piece), *key): a for key, a in self.parts(c).items()}
        return found

    def pieces(self, t: Tangent, shape: tuple[int, ...]) -> list[tuple[Any, Any]]:
        if t.on_tape:
            t.watch()
            ends, size = self.frontier(t.terms), prod(shape)
            counts = [prod(leaf.shape) for leaf in ends]
            if sum(counts) < size and (record := Record([t], ends)).is_real():  # fewer columns than rows
                seeds = np.split(np.eye(sum(counts)), np.cumsum(counts)[:-1], axis=1)
                found = record.push([a.reshape(-1, *leaf.shape) for a, leaf in zip(seeds, ends, strict=True)], 1)[0]
                columns = [found[start:stop] for start, stop in spans(counts)]
                return [((leaf, None), np.reshape(a, (*leaf.shape, *shape))) for leaf, a in zip(ends, columns, strict=True)]
            u = np.eye(size).reshape(size, *shape) if shape else np.float64(1)
            found = zip(ends, pull([t.terms], [u], int(len(shape) > 0), ends), strict=True)
            arrays = [(leaf, np.reshape(np.transpose(np.reshape(a, (size, prod(leaf.shape)))), (*leaf.shape, *shape)))
                      for leaf, a in found if a is not None]
            return [((leaf, unit), part(a)) for leaf, a in arrays
                    for unit, part in (((None, np.real),) if dtype_of(a).kind != "c" else ((1, np.real), (1j, np.imag)))]
        leaf, c = next(iter(t.terms.items()))
        if leaf.k is None and not shape:
            return [(None, np.float64(1) if c is None else c)]
        if leaf.k is None or leaf.k <= FEW or shape or any(leaf.is_dense for leaf in t.terms):
            return [(leaf.k, t.dense())]
        terms = t.watched()
        cols = np.concatenate([np.ravel(leaf.cols) for leaf, _ in terms])
        weights = [np.ravel(np.broadcast_to(leaf.weights(c), leaf.cols.shape)) for leaf, c in terms]
        return [((leaf.k, cols.tobytes(), cols.dtype.str), np.concatenate(weights))]

    def frontier(self, terms: dict[Any, Any]) -> list[TapeLeaf]:
        """The leaves that were there before, or what those are made of if it is less: of a number spread out, the number."""
        seen, ends = set(terms), []
        queue = list(terms)
        for leaf in queue:  # which grows on the way
            if leaf.serial < self.mark and not 0 < sum(prod(parent.shape) for _, parent, _ in leaf.edges) < prod(leaf.shape):
                ends.append(leaf)
                continue
            for _, parent, _ in leaf.edges:
                if parent not in seen:
                    seen.add(parent)
                    queue.append(parent)
        return ends


def told_apart(keys: Any) -> None:
    """Raise EarlierNeeded where what depends on one leaf could as well be said to depend on another."""
    ends = {piece[0] for key in keys for _, piece in key if type(piece) is tuple and type(piece[0]) is TapeLeaf}
    oldest = min((end.serial for end in ends), default=0)
    made = []
    for end in ends:
        behind = {parent: None for _, parent, _ in end.edges}
        if not ends.isdisjoint(reachable(behind, Older(oldest))):
            made.append(end.serial)
    if made:
        raise EarlierNeeded(min(made))


class Older:
    """The leaves that were there before a mark."""

    def __init__(self, mark: int) -> None:
        self.mark = mark

    def __contains__(self, leaf: TapeLeaf) -> bool:
        return leaf.serial < self.mark


def settled(run: Any) -> Any:
    """``run(mark)``, from now, or from as far back as is needed."""
    mark = None
    while True:
        try:
            return run(mark)
        except EarlierNeeded as need:
            mark = need.mark


def together(parts: dict[Key, Any]) -> Any:
    """The value that these are the parts of."""
    if len(parts) == 1:
        return parts[()][()]
    top = max((key[0][0] for key in parts if key), key=lambda level: level.number)
    value = together({key: a for key, a in parts.items() if not key or key[0][0] is not top})
    shape = np.shape(value)
    groups: dict[Any, dict[Key, Any]] = {}
    for key, a in parts.items():
        if key and key[0][0] is top:
            groups.setdefault(key[0][1], {})[key[1:]] = a
    total = Tangent({}, shape)
    for piece, group in groups.items():
        c = together(group)
        if type(piece) is tuple and type(piece[0]) is TapeLeaf:  # of a real function: the real part, if its way was complex
            leaf, unit = piece
            J = np.moveaxis(c, range(len(leaf.shape)), range(-len(leaf.shape), 0)) if leaf.shape else c
            x = wrapped(np.zeros(leaf.shape, float if unit is None else complex)[()], Tangent({leaf: None}, leaf.shape), top)
            total = total.plus(linear_part(J, shape)(x if unit is None else np.real(x * unit)).eps)
        elif type(piece) is tuple:
            k, cols, kind = piece
            total = total.plus(Tangent({Leaf(top, k, (), c.shape, np.frombuffer(cols, kind), (c,)): None}, ()))
        else:
            total = total.plus(Tangent({one(top): c} if piece is None else {dense_leaf(top, c, shape): None}, shape))
    return wrapped(value, total, top)


def linear_part(J: Any, shape: tuple[int, ...]) -> Any:
    """The linear map with this matrix as a function of its own; its value is of no interest."""
    return custom_rule(lambda x: np.zeros(shape), jacobians=lambda f, x: J)

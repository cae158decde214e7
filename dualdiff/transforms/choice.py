"""Which way through f: forward, all n directions along, or reverse, a cotangent back from each of the m results.

The work of both is counted on a recorded run (tangents/work.py), in element operations beyond those of f. A transform does
not record what it need not: few inputs go forward, and so does what works little along its directions. The first call with
arguments of these shapes chooses, and later ones follow: the same call gives the same bits. By sizes alone, never by time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import StructureError
from ..reading import dtype_of
from ..tangents.meter import Meter, TapeNeeded
from .inputs import Function, Inputs
from .trees import flatten, spans

if TYPE_CHECKING:
    from .linear import JacobianOperator

MODES = ("auto", "forward", "reverse")
LITTLE = 200_000  # multiply-adds of a forward sweep up to which no reverse one was seen to take less than 1/1.3 of its time
CLEARLY = 1.35  # what works less by a smaller factor may take longer: counts are no clock
FEW_INPUTS = 4  # up to here a forward sweep of little work costs no more than a tape


def checked_mode(mode: str) -> str:
    if not isinstance(mode, str) or mode not in MODES:
        raise StructureError(f"mode={mode!r} is not one of {', '.join(map(repr, MODES))}")
    return mode


class Explanation:
    """What ``mode="auto"`` takes for f at these arguments, and why.

    ``mode``: "forward", "reverse" or "mixture": where everything passes through fewer numbers than there are inputs or
    results, as in an autoencoder, the matrix is the product of those before and behind. ``reason`` in words. ``n`` inputs,
    ``m`` numbers in the result, ``maps`` linear maps recorded, ``nbytes`` of the record; ``forward``, ``reverse`` and
    ``mixture`` (None without such a place): element operations beyond those of f itself.
    """

    __slots__ = ("forward", "m", "maps", "mixture", "mode", "n", "nbytes", "reason", "reverse")

    def __init__(self, operator: JacobianOperator) -> None:
        from ..tangents.work import forward_work, mixed_work, reverse_work
        record = operator.record
        self.m, self.n = operator.shape
        self.maps, self.nbytes = len(record.edges), operator.nbytes
        self.forward, self.reverse = round(forward_work(record)), round(reverse_work(record))
        mixed = mixed_work(record)
        self.mixture = None if mixed == inf else round(mixed)
        self.mode, self.reason = self._choice()

    def _choice(self) -> tuple[str, str]:
        if self.n <= FEW_INPUTS and (self.n == 1 or self.forward <= LITTLE):
            return "forward", f"at most {FEW_INPUTS} inputs: a record would cost more than it saves"
        if self.m == 1 and self.n > FEW_INPUTS:
            return "reverse", "one number in the result: one cotangent goes back, whatever the number of inputs"
        if self.mixture is not None and CLEARLY * self.mixture < min(self.forward, self.reverse):
            return "mixture", "from the narrowest place both ways: " + \
                self._ratio(min(self.forward, self.reverse), self.mixture)
        if self.forward <= self.reverse:
            return "forward", "forward works less: " + self._ratio(self.reverse, self.forward)
        if self.forward <= CLEARLY * self.reverse:
            return "forward", f"reverse works less, but not {CLEARLY} times less: " + self._ratio(self.forward, self.reverse)
        return "reverse", "reverse works less: " + self._ratio(self.forward, self.reverse)

    def _ratio(self, more: int, less: int) -> str:
        return f"{more:,} element operations against {less:,}"

    def __repr__(self) -> str:
        return (f"{self.mode}: {self.reason}\n"
                f"  {self.n:,} inputs, {self.m:,} numbers in the result; {self.maps:,} maps recorded, {self.nbytes:,} bytes\n"
                f"  forward {self.forward:>15,} element operations beyond those of f: {self.n:,} directions\n"
                f"  reverse {self.reverse:>15,} element operations beyond those of f: {self.m:,} cotangents"
                + (f"\n  mixture {self.mixture:>15,} element operations beyond those of f" if self.mixture is not None else ""))


def explain(f: Function, *args: Any, argnums: int | Sequence[int] = 0, **options: Any) -> Explanation:
    """What ``mode="auto"`` chooses for f, and why; ``jacobian`` goes forward also where that is little work.

    Runs f once, recording it, and counts the element operations of a forward sweep over all n inputs and of a reverse one
    from all m numbers of the result, beyond those of f itself; a multiply-add of a matrix product counts an eighth, and
    each recorded map 10 000 more for Python. Nothing is differentiated. The result prints as text; its attributes are
    ``mode``, ``reason``, ``n``, ``m``, ``forward``, ``reverse``, ``mixture``, ``maps`` and ``nbytes``.

    >>> import numpy as np
    >>> A = np.ones((30, 1000))
    >>> why = explain(lambda x: A[:2] .T @ np.tanh(A[:2, :30] @ np.tanh(A @ x)), np.ones(1000))
    >>> why.mode, why.n, why.m
    ('mixture', 1000, 1000)
    """
    from .linear import recorded
    return Explanation(recorded(Inputs(f, argnums, args, options)))


class FewInputs:
    """What a gradient has learnt about f, by the shapes of the arguments: few inputs go forward unless that works much."""

    __slots__ = ("forward",)

    def __init__(self) -> None:
        self.forward: dict[Any, bool] = {}

    def sweep(self, inputs: Inputs, one_way: Callable[..., Any]) -> Any:
        n, key = inputs.size, tuple(inputs.shapes)
        if n > FEW_INPUTS or n <= 1:
            return one_way(inputs, n <= 1)
        if key not in self.forward:
            meter = Meter(1 << 62, False, LITTLE)
            try:
                found = one_way(inputs, True, meter)
            except TapeNeeded as need:
                if need.meter is not meter:
                    raise
                from .linear import recorded
                self.forward[key] = Explanation(recorded(inputs)).mode == "forward"
            else:
                self.forward[key] = True
                return found
        return one_way(inputs, self.forward[key])


class Choices:
    """What a transform has learnt about f: by the shapes of the arguments, the mode, and the size of the result."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[Any, tuple[str, int]] = {}

    def sweep(self, inputs: Inputs, mode: str, forward: Callable[[list[int] | None], Any],
              rows: Callable[[Any, list[Any]], Any]) -> Any:
        """``forward(work)``, or ``rows(f's result, one (*R, n) matrix for each array of it)`` by a reverse sweep."""
        n = inputs.size
        if mode == "forward" or (mode == "auto" and n <= 1):
            return forward(None)
        key = tuple(inputs.shapes)
        choice, m = self.known.get(key, ("new", 0))
        if mode == "auto" and choice == "forward":
            return forward(None)
        out: Any = None
        if mode == "auto" and choice == "new":
            work: list[int] = []
            try:
                out = forward(work)
            except TapeNeeded:
                pass
            else:
                m = sum(map(np.size, flatten(out[0])[0]))
                if m > n or sum(work) <= (LITTLE if m > 1 or n <= FEW_INPUTS else 0):  # one number: a contraction is enough
                    self.known[key] = "forward", m
                    return out
        from .linear import recorded  # only a program whose mode is in doubt needs it
        operator = recorded(inputs)
        if mode == "auto" and (choice not in ("reverse", "mixture") or m != operator.shape[0]):
            choice = Explanation(operator).mode
            self.known[key] = choice, operator.shape[0]
            if choice == "forward":
                del operator
                return forward(None) if out is None else out
        values = flatten(operator.value)[0]
        shapes = [np.shape(v) for v in values]

        def by_result(matrices: Iterable[Any]) -> Any:
            """Each in the shape and the type of its own result, which may be real beside complex ones."""
            real = [inputs.dtype_with(v).kind != "c" for v in values]
            return rows(operator.value, [np.real(J).copy() if r and dtype_of(J).kind == "c" else J for J, r in zip(
                (J.reshape((*s, n)) for J, s in zip(matrices, shapes, strict=True)), real, strict=True)])
        if mode == "auto" and choice == "mixture" and (J := operator.through_bottleneck()) is not None:
            return by_result(J[a:b] for a, b in spans(map(prod, shapes)))
        return by_result(operator.rows())

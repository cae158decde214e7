"""checkpoint: reverse mode of long programs in little memory, by running parts of them again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import isqrt, prod
from typing import Any

import numpy as np

from ..dual_array import wrapped
from ..elementwise import LEVELED
from ..errors import LATEST, StructureError, require_function
from ..forms import belongs, top_level
from ..operands import constant
from ..reading import dtype_of
from ..tangents.coefficients import plain
from ..tangents.join import joined_terms
from ..tangents.leaf import dense_leaf, one
from ..tangents.level import Level
from ..tangents.moves import Reshape, Shape
from ..tangents.tangent import Tangent
from ..tangents.tape import TapeLeaf, record
from .inputs import Function, Inputs
from .programs import lifted_for
from .results import value_and_eps
from .reverse import pulled
from .sweep import seed_tape, swept
from .trees import Rebuild, flatten, laid_out, spans


def checkpoint(f: Function, times: int | None = None) -> Callable[..., Any]:
    """f, of which a reverse sweep keeps the arguments only: what lies between is computed again when it is needed.

    Arguments and results are numbers, arrays, or (nested) lists, tuples and dicts of them. f runs once more for every
    reverse sweep, and the memory of a run of f is needed for one call of f at a time. Forward sweeps, and calls without
    differentiation, are those of f itself.

    With ``times``, the function that applies f so often, ``state = f(state, *constants)``, in √times stretches of √times
    steps, each stretch a checkpoint: a loop of 10 000 steps keeps 100 states and the record of 100 steps.

    f must be pure: it depends on its arguments, and on nothing that changes. Raises StructureError where it writes to one of
    those that are differentiated, gives other values when it is run again, or reaches for a number that is being differentiated
    and is not among them.

    Griewank and Walther, "Evaluating Derivatives", 2nd ed., section 12.

    >>> import numpy as np
    >>> from dualdiff import gradient
    >>> decay = checkpoint(lambda x: x - 0.001 * x**3, times=1000)
    >>> gradient(lambda x: np.sum(decay(x)))(np.array([1.0, 2.0]))
    array([0.19209881, 0.03675764])
    """
    require_function(f, "checkpoint")
    if times is not None:
        return repeated(f, times)

    @wraps(f)
    def checkpointed(*args: Any, **options: Any) -> Any:
        leaves, rebuild = flatten((args, options), None)
        level = top_level(leaves)
        mine = [i for i, x in enumerate(leaves) if belongs(x, level)]
        for i in mine:
            if leaves[i].source is not None:
                leaves[i].refresh()
        mine = [i for i in mine if leaves[i].eps.terms]
        if not mine or not leaves[mine[0]].eps.on_tape:
            return f(*args, **options)
        constant = [x.value if belongs(x, level) else x for x in leaves]
        kept = [v.copy() if i in mine and v.shape else v for i, v in enumerate(constant)]
        plain_args, plain_options = rebuild(constant)
        out = checkpoint(f)(*plain_args, **plain_options)  # of an outer reverse sweep, a checkpoint too
        if not all(np.array_equal(plain(kept[i]), plain(constant[i]), equal_nan=True) for i in mine):
            raise StructureError("checkpoint: the function writes to its argument, which it is called with again: let it start "
                                 "from a copy, x = x.copy(), or write x = x + y for x += y")
        from ..lifted_classes import RUNS
        from ..lifting import lift
        again = lift(f) if RUNS else f  # what runs lifted now will run so when the lifted program is over
        return recorded(again, out, kept, rebuild, mine, [leaves[i].eps for i in mine], level)

    return checkpointed


def repeated(f: Function, times: int) -> Callable[..., Any]:
    """f applied ``times`` times, in stretches of the square root of it."""
    if not isinstance(times, int | np.integer) or times < 0:
        raise StructureError(f"times must be a whole number of at least 0; got {times!r}")
    length = isqrt(max(int(times) - 1, 0)) + 1

    def steps(count: int) -> Function:
        def stretch(state: Any, *constants: Any) -> Any:
            for _ in range(count):
                state = f(state, *constants)
            return state
        return checkpoint(stretch)
    whole, rest = steps(length), steps(int(times) % length)

    @wraps(f)
    def loop(state: Any, *constants: Any) -> Any:
        for _ in range(int(times) // length):
            state = whole(state, *constants)
        return rest(state, *constants)
    return loop


def recorded(f: Function, out: Any, kept: list[Any], rebuild: Rebuild, mine: list[int], tangents: list[Tangent],
             level: Level) -> Any:
    """The result with one linear map on the tape, from all perturbed arguments to all results, each laid end to end."""
    results, rebuild_out = flatten(out, "the result of a checkpoint")
    results = [constant(y) if type(y) in LEVELED else y for y in results]  # arrays of a lifted program may be plain
    if any(type(y) in LEVELED and y.level.number >= level.number for y in results):
        raise StructureError("checkpoint: the function uses a number that is being differentiated and is not among its "
                             "arguments; pass it as an argument")
    real = [i for i, y in enumerate(results) if dtype_of(y).kind in "fc"]
    sums = [sums_of(results[i]) for i in real]
    segment = Segment(f, kept, rebuild, mine, real, [np.shape(results[i]) for i in real], sums, level.holomorphic)
    packed = Tangent(joined_terms(tangents, np.arange(segment.shape[0]), segment.shape), segment.shape)
    outputs = split(Tangent({record(packed.watched(), segment): None}, segment.out_shape), segment.out_shapes)
    for i, eps in zip(real, outputs, strict=True):
        results[i] = wrapped(results[i] if hasattr(results[i], "shape") else np.float64(results[i]), eps, level)
    return rebuild_out(results)


class Segment:
    """The linear map of one call of f, which is recorded when it is asked for, and forgotten after."""

    __slots__ = ("f", "holomorphic", "mine", "out_shape", "out_shapes", "real", "rebuild", "shape", "sums", "values")

    def __init__(self, f: Function, values: list[Any], rebuild: Rebuild, mine: list[int], real: list[int],
                 out_shapes: list[Shape], sums: list[Any], holomorphic: bool) -> None:
        """``sums``: of each result, by which it is known again."""
        self.f, self.values, self.rebuild, self.mine, self.real = f, values, rebuild, mine, real
        self.out_shapes, self.sums, self.holomorphic = out_shapes, sums, holomorphic
        self.shape: Shape = (sum(prod(np.shape(values[i])) for i in mine),)
        self.out_shape: Shape = (sum(map(prod, out_shapes)),)

    @property
    def inputs(self) -> Inputs:
        return Inputs(self.call, tuple(range(len(self.mine))), tuple(self.values[i] for i in self.mine), {})

    def call(self, *perturbed: Any) -> list[Any]:
        """The results that vary, as a list. Raises StructureError where they are not what they were."""
        leaves = list(self.values)
        for i, x in zip(self.mine, perturbed, strict=True):
            leaves[i] = x
        args, options = self.rebuild(leaves)
        latest = LATEST.get()
        try:
            out = self.f(*args, **options)
        except Exception as error:
            self.f = lifted_for(error, self.f)
            out = self.f(*args, **options)
            LATEST.set(latest)
        results, _ = flatten(out, "the result of a checkpoint")
        results = [results[i] for i in self.real]
        if not all(np.allclose(sums_of(y), sums, 0, 1e-6 * sums[1], True) for y, sums in zip(results, self.sums, strict=True)):
            raise StructureError("checkpoint: the function gave other values when it was run again: it must depend on its "
                                 "arguments alone, not on random numbers, counters or arrays that change")
        return results

    def transpose(self, u: Any, lead: int = 0) -> Any:
        inputs = self.inputs
        roots: list[TapeLeaf] = []

        def read(out: list[Any], level: Level) -> Any:
            found = [value_and_eps(y, level)[1] for y in out]
            for eps in found:
                eps.watch()
            arrays = pulled([eps.terms for eps in found], parts_of(u, self.out_shapes, lead), lead, roots, inputs)
            return laid_out(arrays, inputs.shapes, u.shape[:lead])
        return swept(inputs, seed_tape(inputs, roots), read, self.holomorphic)

    def apply(self, a: Any, lead: int = 0) -> Any:
        inputs, front = self.inputs, a.shape[:lead]
        parts = parts_of(a.reshape((-1, *self.shape)) if lead else a, inputs.shapes, min(lead, 1))

        def seed(level: Level) -> list[tuple[Any, Any]]:
            if not lead:
                return [(one(level), v) for v in parts]
            level.k = prod(front)
            return [(dense_leaf(level, v, shape), None) for v, shape in zip(parts, inputs.shapes, strict=True)]

        def read(out: list[Any], level: Level) -> Any:
            found = [value_and_eps(y, level)[1] for y in out]
            return laid_out([eps.dense().reshape(front + eps.shape) if eps.terms else None for eps in found],
                            self.out_shapes, front)
        return swept(inputs, seed, read, self.holomorphic)

    def replayed(self, t: Tangent) -> Tangent:
        """The map on a tangent of a forward sweep: f itself, run on it."""
        if not t.terms:
            return Tangent({}, self.out_shape)
        inputs, level = self.inputs, t.level
        duals = [wrapped(x, eps, level) for x, eps in zip(inputs.leaves, split(t, inputs.shapes), strict=True)]
        out = [value_and_eps(y, level)[1] for y in self.call(*duals)]
        return Tangent(joined_terms(out, np.arange(self.out_shape[0]), self.out_shape), self.out_shape)


def sums_of(y: Any) -> tuple[Any, ...]:
    """By which an array is known again: of its elements, of their sizes, and of those that weigh more the later they come."""
    y = np.ravel(plain(y))
    return np.sum(y), np.sum(np.abs(y)), y @ np.linspace(0.5, 1.0, y.size)


def split(t: Tangent, shapes: list[Shape]) -> list[Tangent]:
    """One tangent for each array of those that t has end to end."""
    parts = []
    for shape, (start, stop) in zip(shapes, spans(map(prod, shapes)), strict=True):
        part = t.item(slice(start, stop), ("slice", start, stop, None), (stop - start,))
        parts.append(part.gather(Reshape(part.shape, shape)))
    return parts


def parts_of(a: Any, shapes: list[Shape], lead: int) -> list[Any]:
    """The arrays that lie end to end behind ``lead`` axes."""
    return [a[..., start:stop].reshape(a.shape[:lead] + shape)
            for shape, (start, stop) in zip(shapes, spans(map(prod, shapes)), strict=True)]

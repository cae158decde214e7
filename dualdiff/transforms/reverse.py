"""gradient, vjp: reverse sweeps, the transpose of the recorded linear map; and the gradient by a forward sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dual_array import inexact
from ..dual_scalar import DualScalar
from ..errors import ShapeError, StructureError
from ..plans.notes import LONGEST, MOST
from ..plans.plan import FEW, backward, planned
from ..plans.plan import forward as ahead
from ..reading import dtype_of
from ..tangents.level import Level, is_dual
from ..tangents.meter import Meter
from ..tangents.moves import kept
from ..tangents.tape import TapeLeaf, pull
from .choice import FewInputs, checked_mode
from .chunks import within
from .forward import number, split
from .inputs import Function, Inputs
from .results import callers_own, of_type, pairs_of, scalar_result, value_and_eps
from .sweep import carefully, seed_identity, seed_tape, swept
from .trees import flatten


def gradient(f: Function, argnums: int | Sequence[int] = 0, mode: str = "auto") -> Callable[..., Any]:
    """Gradient of a function that returns one number.

    Returns a function giving an array shaped like the argument: entry [s] is ∂f/∂x[s]. The argument may be a (nested)
    list, tuple or dict of arrays; several ``argnums`` give a tuple. Runs ``f`` once. ``mode="forward"`` costs what
    elementwise code costs without derivatives plus, for contractions, their number of directions; ``"reverse"`` records
    a tape and costs a small multiple of f, whatever the number of inputs, and keeps the coefficients of the whole run in
    memory; ``"auto"`` takes reverse for more than four inputs, and for two to four where the first forward sweep shows much
    work and ``explain`` less the other way: f runs three times, then, in the first call with arguments of these shapes. For
    complex arguments f must be holomorphic. Raises StructureError if f returns anything but one number.

    >>> import numpy as np
    >>> gradient(lambda x: np.sum(x**2))(np.array([1.0, 3.0]))
    array([2., 6.])
    """
    both = sweeps(f, argnums, mode)
    return lambda *args, **options: both(args, options)[1]


def value_and_gradient(f: Function, argnums: int | Sequence[int] = 0, mode: str = "auto") -> Callable[..., Any]:
    """``(f(x), gradient(f)(x))`` from one sweep.

    >>> import numpy as np
    >>> value_and_gradient(lambda x: x @ x)(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    both = sweeps(f, argnums, mode)
    return lambda *args, **options: both(args, options)


def sweeps(f: Function, argnums: int | Sequence[int], mode: str) -> Callable[[Any, Any], Any]:
    """Value and gradient, given the arguments as they come."""
    checked_mode(mode)
    few = FewInputs()

    def both(args: Any, options: Any) -> Any:
        inputs = Inputs(f, argnums, args, options)
        return one_way(inputs, True) if mode == "forward" else few.sweep(inputs, one_way) if mode == "auto" else \
            one_way(inputs, False)

    def one_way(inputs: Inputs, forward: bool, meter: Meter | None = None) -> Any:
        roots: list[TapeLeaf] = []

        def read(out: Any, level: Level) -> Any:
            y = scalar_result(out, "gradient")
            value, eps = value_and_eps(y, level)
            if forward:
                return number(value), inputs.like_arguments(split(inputs.matrix(value, eps), inputs))
            dtype = dtype_of(value)
            arrays = pulled([eps.terms], [dtype.type(1)], 0, roots, inputs)
            if dtype.kind == "c" and any(own.kind != "c" for own in inputs.dtypes):  # as in linearize
                turned = pulled([eps.terms], [dtype.type(1j)], 0, roots, inputs)
                arrays = [a if own.kind == "c" else a - 1j * b for a, b, own in zip(arrays, turned, inputs.dtypes, strict=True)]
            return number(value), inputs.like_arguments(list(map(number, arrays)))

        def plan(out: Any, notes: Any) -> Any:
            if type(out) is not DualScalar:
                return None
            if (found := planned(notes, out, ahead if forward else backward)) is None:
                return None
            arrays = split(found[0], inputs) if forward else list(map(number, found))
            return out.value, inputs.like_arguments(arrays)

        plan.longest = MOST if forward else LONGEST  # type: ignore[attr-defined]
        seed = seed_identity(inputs) if forward else seed_tape(inputs, roots)
        return swept(inputs, seed if meter is None else within(meter, seed), read, inputs.is_complex,
                     None if forward and inputs.size > FEW else plan)

    return both


def pulled(results: list[Any], given: list[Any], lead: int, roots: list[TapeLeaf], inputs: Inputs) -> list[Any]:
    """The cotangents of the arguments; zeros where no result depends on one, real where the argument is."""
    front = given[0].shape[:lead] if given else ()
    arrays: list[Any] = []
    for a, dtype, s in zip(pull(results, given, lead, roots), inputs.dtypes, inputs.shapes, strict=True):
        if a is None:
            arrays.append(np.zeros(front + s, dtype))
            continue
        if dtype_of(a) != dtype:
            real = (dtype_of(u).type(0).real for u in given)
            a = of_type(a if dtype.kind == "c" else np.real(a), np.result_type(dtype, *real))
        arrays.append(callers_own(a, front + s, [*given, *arrays]))
    return arrays


def vjp(f: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """``(f(*primals), pullback)``; ``pullback(u)`` is Jᵀu, one array per argument, for a cotangent u shaped like the result.

    The tape is recorded once, by one run of f, and may be pulled back any number of times. u may have one extra leading
    axis: k cotangents at once, and so have the results. The cotangent of a real argument is real: the imaginary part of Jᵀu
    is left out, which ``linearize(f, x).T @ u`` keeps. Raises ShapeError where u does not fit.

    >>> import numpy as np
    >>> value, pullback = vjp(lambda x: x**2, np.array([1.0, 3.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 2., 60.]),)
    """
    inputs = Inputs(f, tuple(range(len(primals))), primals, {})
    roots: list[TapeLeaf] = []

    def read(out: Any, level: Level) -> Any:
        pairs, rebuild = pairs_of(out, level)
        for _, eps in pairs:
            eps.watch()
        return rebuild([kept(value) for value, _ in pairs]), pairs, level

    value, pairs, level = swept(inputs, seed_tape(inputs, roots), read)

    def pullback(u: Any) -> tuple[Any, ...]:
        cotangents, _ = flatten(u, "the cotangent", value)
        if len(cotangents) != len(pairs):
            raise StructureError(f"the cotangent holds {len(cotangents)} arrays, the result of f {len(pairs)}")
        leads = {np.ndim(c) - len(eps.shape) for c, (_, eps) in zip(cotangents, pairs, strict=True)}
        for c, (_, eps) in zip(cotangents, pairs, strict=True):
            if leads not in ({0}, {1}) or np.shape(c)[np.ndim(c) - len(eps.shape):] != eps.shape:
                raise ShapeError(f"the cotangent has shape {np.shape(c)}; the result of f has shape {eps.shape}, so the "
                                 f"cotangent must have that shape, or one leading axis more")
        arrays = [c if is_dual(c) else inexact(c, "a cotangent") for c in cotangents]
        results, lead = [eps.terms for _, eps in pairs], max(leads, default=0)
        found = carefully(level, lambda: pulled(results, arrays, lead, roots, inputs))
        return inputs.like_arguments(found)  # type: ignore[no-any-return]

    return value, pullback

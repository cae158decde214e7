"""Second derivatives of short programs: f is noted once, at one level, and a plan gives the answer (see plans/).

Where the notes are worked off, an outer level comes in beneath: from there on these are two nested sweeps as ordinary ones are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dual_array import wrapped
from ..dual_scalar import DualScalar
from ..errors import BasisError
from ..plans.plan import SEVERAL, planned, second, turned
from ..policies import WATCH
from ..reading import dtype_of
from ..tangents.leaf import identity_seeds, one
from ..tangents.level import CareNeeded, Level, next_number
from ..tangents.tangent import Tangent
from ..tangents.tape import TapeLeaf
from .forward import number, split
from .inputs import DOUBLE, Function, Inputs
from .noting import is_brief
from .overflow import lost
from .programs import as_it_runs
from .results import scalar_result, value_and_eps
from .reverse import pulled
from .sweep import seed_tape, swept


def nested(inputs: Inputs, outer: Level, leaves: Callable[[], list[Any]], seed: Any, read: Any, plan: Any) -> Any:
    """What the plan gives, or ``read`` of two nested sweeps, the outer one with these leaves; None where they have to be made
    the ordinary way: for infinite numbers, kinks, repeated eigenvalues.
    """
    def seeded(level: Level) -> Any:
        if level.noted is None:  # a careful sweep
            outer.ask_for_care()
        return seed(level)

    def beneath() -> list[Any]:
        return [wrapped(x, Tangent({leaf: None}, x.shape), outer) for x, leaf in zip(inputs.leaves, leaves(), strict=True)]

    try:
        found = swept(inputs, seeded, read, plan=plan, beneath=beneath)
    except (CareNeeded, BasisError) as need:
        if need.level is not outer:
            raise
        return None
    except AttributeError:  # of a value that is not there yet, or the program's own, which the two sweeps will tell
        return None
    finally:
        outer.close()
    return None if outer.doubt is not None else found


def noted_product(f: Function, x: Any, v: Any, args: Any, options: Any) -> Any:
    """``hvp(f)(x, v, …)`` of plain arrays; None where it has to be made the ordinary way."""
    if type(x) is not np.ndarray or type(v) is not np.ndarray or v.dtype != DOUBLE or v.shape != x.shape or WATCH.count:
        return None
    inputs = Inputs(f, 0, (x, *args), options)
    _, inputs.known = as_it_runs(f, inputs.args)
    if not is_brief(inputs):
        return None
    outer = Level(next_number(), careful=False)
    roots: list[TapeLeaf] = []

    def tape() -> list[TapeLeaf]:
        roots[:] = [TapeLeaf(outer, x.shape)]
        return roots

    def read(out: Any, level: Level) -> Any:
        value, eps = value_and_eps(scalar_result(out, "hvp"), level)
        if dtype_of(value) != DOUBLE:  # which these sweeps are for
            outer.ask_for_care()
        along = number(eps.dense(dtype=dtype_of(value))) if eps.terms else np.float64(0)
        if lost(along):
            outer.ask_for_care()
        return number(pulled([value_and_eps(along, outer)[1].terms], [np.float64(1)], 0, roots, inputs)[0])

    def plan(out: Any, notes: Any) -> Any:
        found = None if type(out) is not DualScalar else planned(notes, out, turned, (v,))
        return None if found is None else number(found[0])
    return nested(inputs, outer, tape, lambda level: [(one(level), v)], read, plan)


def noted_hessian(f: Function, argnums: int | Sequence[int], args: Any, options: Any) -> Any:
    """``hessian(f, argnums)(…)`` of plain arrays of few numbers; None where it has to be made the ordinary way."""
    inputs = Inputs(f, argnums, args, options)
    _, inputs.known = as_it_runs(f, inputs.args)
    if not is_brief(inputs) or inputs.size > SEVERAL or WATCH.count:
        return None
    outer = Level(next_number(), careful=False)
    roots: list[TapeLeaf] = []

    def tree(matrices: list[Any]) -> Any:
        return inputs.like_arguments([inputs.like_arguments(split(a, inputs)) for a in matrices])

    def read(out: Any, level: Level) -> Any:
        value, eps = value_and_eps(scalar_result(out, "gradient"), level)
        if dtype_of(value) != DOUBLE:
            outer.ask_for_care()
        slopes = list(map(number, pulled([eps.terms], [np.float64(1)], 0, roots, inputs)))
        if any(map(lost, slopes)):
            outer.ask_for_care()
        return tree([inputs.matrix(*value_and_eps(a, outer)) for a in slopes])

    def plan(out: Any, notes: Any) -> Any:
        found = None if type(out) is not DualScalar else planned(notes, out, second)
        return None if found is None else tree(found)
    return nested(inputs, outer, lambda: identity_seeds(outer, inputs.shapes), seed_tape(inputs, roots), read, plan)

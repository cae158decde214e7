"""One sweep: seed the chosen arguments at a fresh level, run the user's function once, read what comes back.

Every transform is a way of seeding and of reading; what they share is here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..elementwise import LEVELED
from ..errors import LATEST, BasisError, ConversionError, DualdiffError, EscapeError, RuleError
from ..floating import derivative_warnings_ignored
from ..plans.notes import MOST, Notes, NotesFailed
from ..plans.replay import replayed
from ..policies import WATCH
from ..tangents.coefficients import plain
from ..tangents.leaf import identity_seeds
from ..tangents.level import CareNeeded, Level, next_number
from ..tangents.tape import TapeLeaf
from .bases import over_bases, same_beside_kinks, same_in_another_basis, same_values
from .inputs import Inputs, Sweepable
from .noting import from_notes, is_brief, noting
from .overflow import honest, lost
from .programs import as_it_runs, lifted_for, remember
from .trees import flatten


def swept(inputs: Sweepable, seed: Callable[[Level], list[tuple[Any, Any]]], read: Callable[[Any, Level], Any],
          holomorphic: bool = False, plan: Any = None, beneath: Any = None) -> Any:
    """``read(f(seeded inputs), level)``, or the same by a plan."""
    f = inputs.f
    as_lifted, inputs.known = as_it_runs(f, (*inputs.args, *inputs.options.values()) if inputs.options else inputs.args)
    if plan is not None and as_lifted is f and not holomorphic and (found := replayed(inputs, plan)) is not None:
        return found
    return ran(inputs, as_lifted, seed, read, holomorphic, plan, beneath)


def ran(inputs: Sweepable, as_lifted: Any, seed: Any, read: Any, holomorphic: bool, plan: Any, beneath: Any) -> Any:
    """The same by a run of f; where NumPy asks for plain arrays, by one more, lifted."""
    f, latest = inputs.f, LATEST.get()
    if as_lifted is not f:
        inputs.f, inputs.lifted = as_lifted, True
        try:
            return attempted(inputs, seed, read, holomorphic, plan, beneath)
        except Exception as error:  # what f as it stands says of another branch, say, is told below
            if isinstance(error, RuleError) and str(error).startswith("scipy."):
                raise
            if as_lifted.asks:
                inputs.asked, plan = f"f asks for types as duals do not answer, and lifted it fails: {error}", None
    elif inputs.known is not None and inputs.known.compares:
        inputs.written, plan = f, None
    inputs.f, inputs.lifted = f, hasattr(f, "runs_lifted")
    try:
        return attempted(inputs, seed, read, holomorphic, plan, beneath)
    except Exception as error:
        inputs.f, inputs.lifted, why = lifted_for(error, f), True, str(error)
    met = LATEST.get()
    try:
        found = attempted(inputs, seed, read, holomorphic, plan, beneath)
    except Exception as error:
        if why == OBJECTS:
            inputs.f, inputs.lifted = f, None
            with suppress(Exception):
                return attempted(inputs, seed, read, holomorphic, plan, beneath)
        if why != str(error):
            error.add_note(f"f ran lifted: {why}")
        if not isinstance(error, DualdiffError) and any(words in str(error) for words in COMPILED):
            error.add_note("f ran on dual numbers, which compiled code may not take: custom_rule gives it a derivative")
        raise
    except BaseException:  # this way through f is given up for another, which shall start lifted
        remember(f)
        raise
    remember(f)
    if LATEST.get() is met:
        LATEST.set(latest)
    return found


COMPILED = ("Dual", "No matching signature", "ambiguous argument types", "buffer", "dtype('O')")  # what such code complains of


def attempted(inputs: Sweepable, seed: Callable[[Level], list[tuple[Any, Any]]], read: Callable[[Any, Level], Any],
              holomorphic: bool, plan: Any = None, beneath: Any = None) -> Any:
    """``read(f(seeded inputs), level)``; once more, carefully, where an infinite partial was met or one may have been lost."""
    wide: bool | None = is_wide(inputs.leaves)
    careful = wide or WATCH.count > 0
    met = latest = LATEST.get()
    while True:
        level = Level(next_number(), careful, holomorphic)
        level.wide = wide
        if plan is not None and not (careful or holomorphic) and is_brief(inputs):
            level.notes = level.noted = Notes(seed, beneath, getattr(plan, "longest", MOST))
        try:
            with derivative_warnings_ignored():
                result = at_level(level, inputs, seed, read, met, plan)
            if met is not latest and LATEST.get() is met:
                LATEST.set(latest)
            return result
        except (CareNeeded, NotesFailed) as need:
            if not is_of(level, need):  # but of an outer sweep, which starts again
                raise
            careful, wide, plan = (True, need.wide, plan) if type(need) is CareNeeded else (careful, wide, None)
            met = LATEST.get()
        except Exception as error:
            if level.objects and inputs.lifted is False and not isinstance(own_reason(error), EscapeError):
                raise ConversionError(OBJECTS) from error
            if wide:  # much of linear algebra has no long doubles
                wide, met = None, LATEST.get()
                continue
            # NumPy hides our reason behind one of its own, which misleads:
            if (reason := own_reason(error)) is not error:  # "setting an array element with a sequence"
                raise reason.with_traceback(error.__traceback__) from None
            if LATEST.get() is not latest and not isinstance(error, DualdiffError):
                error.add_note(f"Before that, {LATEST.get()[0]}")
            raise
        finally:
            level.close()
            level.wide = wide or None


def is_wide(leaves: list[Any]) -> bool:
    """Whether these are duals of a sweep in long doubles."""
    for x in leaves:  # noqa: SIM110 - half as long as any() takes for one
        if type(x) in LEVELED and x.level.wide:
            return True
    return False


def is_of(level: Level, need: CareNeeded | NotesFailed) -> bool:
    """Whether it is this sweep that has to start again."""
    return need.level is level if type(need) is CareNeeded else level.noted is not None and level.noted.unmade.failed


def own_reason(error: BaseException) -> BaseException:
    """The error of ours that an error was raised from, if it is none of ours itself."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, DualdiffError):
        reason = reason.__cause__
    return error if reason is None else reason


def at_level(level: Level, inputs: Sweepable, seed: Any, read: Any, latest: Any, plan: Any = None) -> Any:
    notes = level.notes
    run: Any = inputs.runner(seed(level), level) if notes is None else None
    try:
        out = run() if notes is None else inputs.call(notes.inputs(inputs.leaves, level))
        if notes is not None:
            if (found := from_notes(out, level, inputs, plan, latest)) is not None:
                return found
            run = noting(level, inputs)
        if LATEST.get() is not latest or inputs.asked or level.objects or inputs.written is not None:
            told_from_plain(out, inputs, level, latest)
        if level.careful:
            out = honest(out, run, level)
        elif lost(out):
            raise CareNeeded(level)
        result = read(out, level)
    except BasisError as need:  # vectors of repeated eigenvalues
        if need.level is not level or level.bases is not None:
            raise
        return read(over_bases(run or noting(level, inputs), level, inputs.largest()), level)
    if level.doubt is not None:
        if level.bent is not None:
            same_beside_kinks(inputs, level)
        if level.doubt is not level.bent:
            same_in_another_basis(out, run, level, inputs.largest())
    return result


def told_from_plain(out: Any, inputs: Sweepable, level: Level, latest: Any) -> None:
    """Raise where f may have gone another way than on plain numbers, and did."""
    if LATEST.get() is not latest:
        same_as_plain(out, inputs, latest, f"f caught an error of dualdiff's and went another way: {LATEST.get()[0]}")
    if inputs.asked and not inputs.lifted:
        same_as_plain(out, inputs, latest, inputs.asked)
    if level.objects and not inputs.lifted:
        if inputs.lifted is False:
            raise ConversionError(OBJECTS)
        same_as_plain(out, inputs, latest, OBJECTS)
    if inputs.written is not None:
        ran, inputs.f = inputs.f, inputs.written
        try:
            same_as_plain(out, inputs, latest, CLASSES)
        finally:
            inputs.f = ran


def same_as_plain(out: Any, inputs: Sweepable, before: list[str], otherwise: str) -> None:
    """Raise ConversionError, which has f run lifted, if f, which has caught the latest error, asked for types or computed with
    arrays of objects, gives other values than for plain numbers: one more run. Of classes that is an EscapeError.

    If it meets an error there, too, on duals of an outer sweep, that sweep finds that it is not the one of before.
    """
    met = LATEST.get()
    again = inputs.call([(plain(x) if otherwise is CLASSES else x).copy() for x in inputs.leaves])
    a, b = (flatten(y, "the result of f")[0] for y in (out, again))
    if LATEST.get() is met:
        LATEST.set(before)
    same_values(a, b, inputs.largest(), otherwise, EscapeError if otherwise is CLASSES else ConversionError)


CLASSES = "f compares x.__class__, or type(x) in a function that a SimpleNamespace holds, which for duals is not NumPy's, " \
          "and goes another way than on numbers: use isinstance, or type(x) elsewhere, which is answered as for them"
OBJECTS = "NumPy made an array of objects of a list of dual numbers, whose elements compute as Python's do: make it by " \
          "np.stack, or run the program as dualdiff.lift(f)"


def carefully(level: Level, run: Callable[[], Any]) -> Any:
    """``run()`` on what a sweep recorded; once more under the strong zero where it meets an infinite number."""
    with derivative_warnings_ignored():
        try:
            return run()
        except CareNeeded as need:
            if need.level is not level:
                raise
        level.careful = True
        return run()


def seed_identity(inputs: Inputs) -> Callable[[Level], list[tuple[Any, Any]]]:
    return lambda level: [(leaf, None) for leaf in inputs.seeds(identity_seeds(level, inputs.shapes))]


def seed_tape(inputs: Inputs, roots: list[TapeLeaf]) -> Callable[[Level], list[tuple[Any, Any]]]:
    def seed(level: Level) -> list[tuple[Any, Any]]:
        roots[:] = [TapeLeaf(level, shape) for shape in inputs.shapes]
        return [(root, None) for root in roots]
    return seed

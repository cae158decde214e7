"""One class per mistake a user can make.

Every error is a ``DualdiffError`` *and* the built-in that NumPy's users expect, so that ``except TypeError`` around
old code keeps working. Messages say what happened, with what, and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from importlib import import_module
from typing import Any

LATEST: ContextVar[list[str]] = ContextVar("LATEST", default=[])  # noqa: B039 - told apart by identity, never written to


class DualdiffError(Exception):
    """Base of every error that dualdiff raises on purpose.

    The message of the latest is kept: a sweep during which there was another one has met a program that caught it. What
    catches one here and knows how to go on puts LATEST back.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        LATEST.set([str(args[0]) if args else ""])


class RuleError(DualdiffError, TypeError):
    """A function has no derivative rule, or refuses one; the message names it and the next step."""


class AbsentError(RuleError, AttributeError):
    """A dual array does not have this attribute of NumPy's arrays; ``hasattr`` says so, and the message says why."""


class EscapeError(DualdiffError, TypeError):
    """A conversion to a plain number or array would drop the derivative."""


class ConversionError(EscapeError):
    """NumPy asked for a dual array as an array of any kind; a transform then runs its function as ``lift`` does."""


class ShapeError(DualdiffError, ValueError):
    """Values, tangents, seeds or cotangents whose shapes do not fit together."""


class StructureError(DualdiffError, TypeError):
    """An argument or a result that is not a number, an array, or a list, tuple or dict of them."""


class HolomorphicError(DualdiffError, TypeError):
    """A complex derivative was asked of a function that is only real-linear at some step."""


class AssignmentError(DualdiffError, ValueError):
    """An item or in-place assignment that NumPy's semantics cannot be kept for."""


class DegenerateError(DualdiffError, ValueError):
    """The derivative is undefined at this input (a repeated eigenvalue, a singular matrix); the message says where."""


class BasisError(DegenerateError):
    """The vectors of repeated values are used in a sweep, ``level``, of several directions; that sweep tries several bases."""

    level: object = None


class KinkError(DualdiffError, ArithmeticError):
    """A function has a kink or a jump at this input, and ``kinks("raise")`` is in force."""


class EqualityError(DualdiffError, ArithmeticError):
    """An equality is true of a number being differentiated, and ``equality("raise")`` is in force."""


class DataError(DualdiffError, ValueError):
    """Data that cannot be used: a file, a table, or an array with missing, wrong or ragged entries."""


class ParameterError(DualdiffError, ValueError):
    """A setting of a model or an optimiser that does not exist or cannot have the value given."""


class NotFittedError(DualdiffError, ValueError, AttributeError):
    """A model was used before ``fit``."""


class DivergenceError(DualdiffError, ArithmeticError):
    """An optimiser met a value or gradient that is not finite."""


class ConvergenceError(DualdiffError, RuntimeError):
    """A fit, a root, a fixed point, a minimum or a trajectory was not reached; ``result`` is what a fit had."""

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class WorkerError(DualdiffError, RuntimeError):
    """Work on another process could not be finished; the message says which part."""


class MismatchError(DualdiffError, AssertionError):
    """A derivative differs from its reference; the message names the worst entry."""


class CommandError(DualdiffError, ValueError):
    """A command line that cannot be carried out; the message quotes the part that is wrong."""


class BudgetError(DualdiffError, MemoryError):
    """Not even one direction of a sweep fits into its memory budget; the message names the bytes needed."""


class ExecutorError(DualdiffError, TypeError):
    """An executor's workers cannot be given the function or its arguments, or are gone; the message names the remedy."""


class MissingExtraError(DualdiffError, ImportError):
    """An optional dependency is needed; the message names the extra that installs it."""


class DerivativeWarning(UserWarning):
    """The program ran, but part of the derivative may be missing: behind a branch on an equality, or in a release of SciPy that
    is not known here.
    """


class FitWarning(UserWarning):
    """A fit returned, but its parameters or their covariance are not what was asked for; the message says why."""


def require_function(f: object, what: str) -> None:
    if not callable(f):
        raise StructureError(f"{what}: the first argument must be a function; got {f!r} of type {type(f).__name__}")


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that may be meant, in brackets, or nothing."""
    from difflib import get_close_matches
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def needed(module: str, what: str = "", extra: str = "sparse") -> Any:
    """A module of an optional package, which ``what`` needs. Raises MissingExtraError."""
    package = module.partition(".")[0]
    try:
        import_module(package)
        return import_module(module)
    except ImportError as error:
        who = f"{what} needs SciPy, which" if what else package
        raise MissingExtraError(f"{who} cannot be imported ({error}). It comes with the extra {extra!r}: in a clone of "
                                f'dualdiff, pip install ".[{extra}]"') from error

"""Which programs run as they stand, and which lifted: told by what they name, or by the error that they met."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import ref

from ..errors import BasisError, ConversionError, DualdiffError, EscapeError
from ..tangents.level import CareNeeded

Function = Callable[..., Any]
PARTS = frozenset(("fft", "fftpack", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "spatial",
                   "stats"))  # of SciPy, whose functions have counterparts in lifted programs
LIFTED: dict[int, tuple[Any, bool]] = {}  # by id of its code, which is referred to: whether a program runs lifted


def as_it_runs(f: Function) -> Function:
    """f, lifted from the start if it calls SciPy or asks for types, or did not run as it stands before."""
    code = getattr(f, "__code__", None) or getattr(body_of(f), "__code__", None)
    found = LIFTED.get(id(code))
    if found is None or found[0]() is not code:
        body = body_of(f)
        if type(code) is not CodeType or is_ours(body) or (body is not f and not is_users(body)):
            return f  # of ours, and of classes of libraries, the code is around many programs
        found = told(code, needs_lift(body, set()))
    if not found[1]:
        return f
    from ..lifting import lift
    return lift(f)


def body_of(f: Any) -> Any:
    """The function that runs where f is called: of an object, and of a partial call of it, that of its class."""
    while type(f) is partial:
        f = f.func
    return f if hasattr(f, "__code__") else type(f).__call__


def told(code: CodeType, lifted: bool) -> tuple[Any, bool]:
    key = id(code)
    found = LIFTED[key] = ref(code, lambda _: LIFTED.pop(key, None)), lifted
    return found


def needs_lift(f: Any, met: set[Any]) -> bool:
    """Whether f, or a function of the user's that it names, asks what only lift answers as for numbers, or names one of SciPy's
    functions without a rule, which only lift reaches: an error would tell, too, but some solvers print it.
    """
    if f.__code__ in met:
        return False
    if asks(f.__code__):
        return True
    met.add(f.__code__)
    names = names_in(f.__code__)
    known = {name: f.__globals__.get(name) for name in names}
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):  # lifting.contents would be read for it
        with suppress(ValueError):  # not yet assigned
            known[name] = cell.cell_contents
    for x in known.values():
        if type(x) is FunctionType and (root_of(x) == root_of(f) or is_users(x)):
            if needs_lift(x, met):
                return True
            continue
        home = x.__name__ if type(x) is ModuleType else str(getattr(x, "__module__", "")) if callable(x) else ""
        if not PARTS.isdisjoint(names) if home == "scipy" else home.startswith("scipy.") and home.split(".")[1] in PARTS:
            return True
    return False


def asks(code: CodeType) -> bool:
    """Whether the code, unless it knows of duals, compares ``type(x)`` or its name or looks it up, or asks hasattr for what
    numbers have and these do not, or the other way round.
    """
    if not AWARE.isdisjoint((*code.co_names, *code.co_consts)):
        return False
    if "type" in code.co_names or ("hasattr" in code.co_names and not TOLD_BY.isdisjoint(code.co_consts)):
        from dis import get_instructions  # a slow import
        steps = [(step.opname, step.argval) for step in get_instructions(code)]
        if ("LOAD_GLOBAL", "hasattr") in steps or any(
                step == ("LOAD_GLOBAL", "type") and decides(steps[max(i - 4, 0):i], steps[i:i + NEAR])
                for i, step in enumerate(steps)):
            return True
    return any(asks(part) for part in code.co_consts if type(part) is CodeType)


def decides(before: list[Any], after: list[Any]) -> bool:
    """Whether ``type(x)`` between these is compared, or looked up, or its name is asked for, but not for a text."""
    named = [text for step, (text, _) in pairwise(after) if step == ("LOAD_ATTR", "__name__")]
    return any(name in COMPARING for name, _ in after) or any(step in LOOKING for step in before) or \
        any(not text.startswith("FORMAT") for text in named)


AWARE = frozenset(("Dual", "DualArray", "DualScalar", "dualdiff"))
TOLD_BY = frozenset(("__iter__", "__array__", "dtype", "is_integer"))
COMPARING = ("IS_OP", "COMPARE_OP", "CONTAINS_OP", "BINARY_SUBSCR")
LOOKING = (("LOAD_GLOBAL", "issubclass"), ("LOAD_METHOD", "get"), ("LOAD_ATTR", "get"))
NEAR = 14  # instructions


def root_of(f: Any) -> str:
    return str(getattr(f, "__module__", None)).partition(".")[0]


def is_ours(f: Any) -> bool:
    """Whether f was written here, whatever it says of itself, as what ``lift`` returns does."""
    return str(getattr(f, "__globals__", {}).get("__name__")).partition(".")[0] == "dualdiff"


def is_users(f: FunctionType) -> bool:
    return root_of(f) not in sys.stdlib_module_names and not is_ours(f) and "-packages" not in f.__code__.co_filename


def names_in(code: CodeType) -> set[str]:
    """Names outside a function that it or one inside it uses."""
    inner = [names_in(part) for part in code.co_consts if type(part) is CodeType]
    return {*code.co_names, *code.co_freevars}.union(*inner)


def remember(f: Any) -> None:
    """That f runs lifted; of a function of ours around it, the user's."""
    if is_ours(f):
        for cell in getattr(f, "__closure__", None) or ():
            if type(cell.cell_contents) is FunctionType:
                remember(cell.cell_contents)
    elif hasattr(body := body_of(f), "__code__") and (body is f or is_users(body)):
        told(body.__code__, True)


def lifted_for(error: Any, f: Function) -> Function:
    """f lifted, where NumPy's or SciPy's need of plain arrays may be the reason of an error; else the error is raised again."""
    asked = isinstance(error, ConversionError) or (
        isinstance(error, TypeError | AttributeError) and not isinstance(error, DualdiffError)) or (
        str(error).startswith("reduction operation"))  # of objects, where a mask needs what is true of numbers
    if not asked and (isinstance(error, CareNeeded | BasisError) or not met_in_scipy(error)):
        raise error
    if str(error).startswith("Iterator operand"):
        raise EscapeError("numpy.nditer reads the memory of plain arrays: loop over x.flat, np.ndenumerate(x) or "
                          "np.ndindex(x.shape)") from error
    from ..lifting import lift
    return lift(f)


def met_in_scipy(error: Any) -> bool:
    """Whether the error passed through a function of SciPy's, which lift may have a counterpart of."""
    trace = error.__traceback__
    while trace is not None and not str(trace.tb_frame.f_globals.get("__name__")).startswith("scipy."):
        trace = trace.tb_next
    return trace is not None

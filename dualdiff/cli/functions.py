"""The user's own function and the point given on the command line: "package.module:function" and ``--at``."""

from __future__ import annotations

import ast
import cmath
import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import CommandError, DualdiffError, nearest

Function = Callable[..., Any]
WRITE = "write it as package.module:function, such as model:residuals for the function residuals in model.py"
GRAMMAR = "give numbers separated by commas: 2.0 is a number, 1.0,2.0 an array, [[1,2],[3,4]] a matrix; 1,2;3 two arguments"


def load(name: str) -> Function:
    """The function named ``package.module:function``; modules in the current directory are found too."""
    module_name, colon, path = name.partition(":")
    file = re.fullmatch(r"(?:.*[/\\])?(\w+)\.py(?::(\w+))?", name)
    if file or not colon or not path or not re.fullmatch(r"\w+(\.\w+)*", module_name):
        hint = f"; did you mean {file[1]}:{file[2] or 'function'}?" if file else ""
        raise CommandError(f"{name!r} does not name a function: {WRITE}{hint}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    thing = imported(module_name)
    for part in path.split("."):
        if not hasattr(thing, part):
            functions = [n for n in dir(thing) if callable(getattr(thing, n))]
            raise CommandError(f"{name!r}: there is no {part!r} in {getattr(thing, '__name__', module_name)}"
                               f"{nearest(part, functions)}")
        thing = getattr(thing, part)
    if not callable(thing):
        raise CommandError(f"{name!r} is {thing!r} of type {type(thing).__name__}, not a function")
    return thing  # type: ignore[no-any-return]


def imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name + ".").startswith(error.name + "."):
            raise CommandError(f"there is no module {error.name!r}, neither installed nor in the current directory, "
                               f"{os.getcwd()}") from error
        raise CommandError(f"importing {name!r} failed: {said(error)}; install what it needs") from error
    except (Exception, SystemExit) as error:
        raise CommandError(f"importing {name!r} failed: {said(error)}") from error


def said(error: BaseException) -> str:
    """The error in one line, with the place in the user's code where it arose."""
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return message  # names the file and line itself
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    theirs = [frame for frame in frames if not frame.filename.startswith((ours, np.__path__[0]))]
    return f"{message} ({os.path.basename(theirs[-1].filename)}, line {theirs[-1].lineno})" if theirs else message


def arguments(function: Function, name: str, at: Sequence[str]) -> list[Any]:
    """The arguments that one or several ``--at`` spell; each a float, a complex number or an array of them."""
    args = [argument(text) for given in at for text in given.split(";")]
    try:
        inspect.signature(function).bind(*args)
    except ValueError:  # compiled functions may have no signature
        return args
    except TypeError as error:
        count = f"{len(args)} argument{'s' * (len(args) != 1)}"
        raise CommandError(f"{name} cannot be called with the {count} that --at gives: {error}. Every --at is one "
                           "argument: --at 1.0,2.0 an array, --at 1.0 --at 2.0 two numbers") from error
    return args


def argument(text: str) -> Any:
    """One argument: a number, numbers separated by commas (an array), or nested brackets (an array of any dimension)."""
    stripped = text.strip()
    if stripped.startswith("["):
        return bracketed(stripped)
    *first, last = stripped.split(",")
    if not stripped or not all(field.strip() for field in first) or not (first or last.strip()):
        raise CommandError(f"--at {text!r} holds an empty place; {GRAMMAR}")
    numbers = [number(field, text) for field in [*first, last] if field.strip()]
    return np.array(numbers) if first else numbers[0]


def number(field: str, text: str) -> Any:
    for kind in (float, complex) if "_" not in field else ():  # Python alone reads 1_0 as ten
        try:
            value: Any = kind(field.strip())
        except ValueError:
            continue
        if cmath.isnan(value):
            raise CommandError(f"--at {text!r}: there is no derivative at NaN; {GRAMMAR}")
        return value
    raise CommandError(f"--at {text!r}: {field.strip()!r} is not a number; {GRAMMAR}")


def bracketed(text: str) -> Any:
    try:
        array = np.array(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        ragged = "inhomogeneous" in str(error)
        fault = "its rows are of different lengths" if ragged else "it is not a list of numbers"
        raise CommandError(f"--at {text!r}: {fault}; {GRAMMAR}") from error
    if array.dtype.kind not in "iufc":
        raise CommandError(f"--at {text!r}: it is not a list of numbers; {GRAMMAR}")
    return array if array.dtype.kind in "fc" else array.astype(float)


def guarded(name: str, call: Callable[[], Any]) -> Any:
    """``call()``, with an error of the user's function told in one line."""
    try:
        return call()
    except DualdiffError:
        raise
    except (Exception, SystemExit) as error:
        raise CommandError(f"{name} raised {said(error)}") from error

"""The ``output`` of scipy.ndimage: a type, or an array that the result is written to."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from ..dual_array import DualArray
from ..errors import RuleError
from ..forms import dual_form, holds_dual
from ..reading import dtype_of
from ..rules.gather import as_array
from .counterparts import FUNCTIONS, Counterpart, plain_if_constant


class Writing(Counterpart):
    """A counterpart whose ``output`` may be an array that the program made to be written to."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        given = signature(self.original).bind(*args, **options).arguments
        output = given.pop("output", None)
        given = {name: plain_if_constant(x) for name, x in given.items()}
        dual = self.always or any(map(holds_dual, given.values()))
        if output is not None:
            given["output"] = output
        if dual:
            return self.function(**given)
        if type(output) is not DualArray:
            return self.original(**given)
        return into(output, self.original(**{**given, "output": output.dtype}))


def counterpart(original: Any, always: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[id(original)] = Writing(original, function, always)
        return function
    return register


def is_array(output: Any) -> bool:
    return type(output) is DualArray or isinstance(output, np.ndarray)


def into(output: Any, result: Any) -> Any:
    """The result in the type, or the array, that was asked for."""
    if output is None:
        return result
    if not is_array(output):
        return result.astype(np.promote_types(output, np.complex64) if dtype_of(result).kind == "c" else output, copy=False)
    output[...] = result
    return output


def typed(what: str, input: Any, output: Any) -> Any:
    """The input in the result's type, if that is wider."""
    x = as_array(dual_form(input))
    wanted = dtype_of(x) if output is None else output.dtype if is_array(output) else np.dtype(output)
    if wanted.kind not in "fc":
        raise RuleError(f"scipy.ndimage.{what} gives {wanted} here, which has no derivative: make the input, or output=, float")
    return x.astype(np.result_type(x.dtype, wanted), copy=False)

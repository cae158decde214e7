"""What SciPy writes in Python: lifted through where something is perturbed, as it is where nothing is."""

from __future__ import annotations

from contextlib import nullcontext
from functools import wraps
from importlib import import_module
from typing import Any

from ..forms import holds_dual
from ..lifted_classes import Classes
from ..lifting import Run, foreign, released
from ..policies import equality
from .counterparts import FUNCTIONS, counterpart


class Untouched(Classes):
    """What SciPy keeps in containers stays what it is."""

    def reach(self, x: Any) -> Any:
        return x


SCIPY = Run("scipy")  # in which it is made
SCIPY.classes = Untouched(SCIPY.of, foreign, ("scipy",))
# Those whose branches on equality only check, or take real parts of what is real, so that no derivative is lost in them.
CHECKING = frozenset(("firwin", "freqz_sos", "lfilter_zi", "lfiltic", "sosfilt_zi", "sosfiltfilt", "sosfreqz", "zpk2tf"))


def vendored(name: str) -> Any:
    """A package that SciPy brings along."""
    try:
        return import_module(f"scipy._external.{name}")  # since 1.18
    except ImportError:
        return import_module(f"scipy._lib.{name}")


def through(function: Any) -> Any:
    """The function lifted; where nothing is perturbed and nothing given that could hold a dual, as it is."""
    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if any(holds_dual(x) or callable(x) or type(x).__module__.startswith("scipy.") for x in (*args, *options.values())):
            with equality("ignore") if function.__name__ in CHECKING else nullcontext():
                return released(SCIPY.function(function)(*args, **options))
        return function(*args, **options)
    return call


def lift_through(module: Any, register: Any = counterpart) -> dict[str, Any]:
    """The functions of a module by name, lifted: the counterparts of those that have none yet."""
    lifted = {}
    for name, function in vars(module).items():
        if type(function) is type(lift_through):
            lifted[name] = through(function)
            if id(function) not in FUNCTIONS:
                register(function, always=True)(lifted[name])
    return lifted

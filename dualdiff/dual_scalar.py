"""DualScalar: one element of a DualArray, a Dual inside a sweep."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .dual import Dual, number_text
from .policies import WATCH
from .reading import dtype_of, tangent_array, tangent_text
from .tangents.level import HAND
from .tangents.tangent import Tangent
from .views import settle

MISJUDGED = frozenset({"real", "imag", "nan_to_num"})  # what NumPy answers otherwise for objects than for numbers
SHOWN: dict[Any, Any] = {np.dtype(c).type: type("DualScalar", (np.dtype(c).type,), {}) for c in np.typecodes["AllFloat"]}


class DualScalar(Dual):
    """One dual number inside a sweep, or built by hand on another dual: a Dual whose ε-part is a Tangent."""

    __slots__ = ("eps", "level", "source")

    eps: Tangent
    __iter__: Any = None  # or __getitem__ makes it an empty sequence

    def shown_class(self) -> Any:
        """What isinstance and ``case float():`` read: a number as NumPy's arrays have, so that programs take its branch."""
        return SHOWN.get(dtype_of(self).type, DualScalar)

    __class__ = property(shown_class)

    def __float__(self) -> float:
        return super().__float__() if self.eps.terms else float(self.value)

    def __int__(self) -> int:
        return super().__int__() if self.eps.terms else int(self.value)

    def refresh(self) -> None:
        """Before the tangent is read: what was noted is worked off."""
        if self.source is not None:
            settle(self)

    @property
    def tangent(self) -> Any:
        """The ε-part: a number for one direction, else an array of shape (k,)."""
        return tangent_array(self)

    def __getitem__(self, index: Any) -> Any:
        """``x[()]``, ``x[...]`` and ``x[None]``, which NumPy's own numbers have."""
        return without_axes(self)[index]

    def __getattr__(self, name: str) -> Any:
        """What else NumPy's numbers have in common with its arrays, but for ``dtype``: NumPy would convert results to it."""
        if name in ("eps", "value") and type(self.source) is int:
            self.refresh()
            return getattr(self, name)
        if name.startswith("_") or not hasattr(np.float64, name):
            raise AttributeError(f"a dual number has no attribute {name!r}")
        if name == "dtype":
            asking = sys._getframe(1).f_globals  # a lifted program, or SciPy, and not NumPy
            if type(asking) is not dict or str(asking.get("__name__")).startswith("scipy."):
                return dtype_of(self)
            raise AttributeError("a dual number has no 'dtype', to which NumPy would convert results: use np.result_type(x)")
        return getattr(without_axes(self), name)

    @property
    def __array__(self) -> Any:
        """NumPy makes arrays of objects of lists of duals, whose imaginary part is 0 whatever they hold: complex ones raise,
        and real ones where the program names a part, or when they become complex later.
        """
        frame = sys._getframe(1)
        named = not MISJUDGED.isdisjoint(frame.f_code.co_names)
        if (named and not str(frame.f_globals.get("__name__")).startswith("numpy.")) or \
                (type(self.value) is not np.float64 and np.iscomplexobj(self.value)):
            return without_axes(self).__array__
        if self.level is not HAND:
            self.level.objects = True
        raise AttributeError("__array__")

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} + <on tape>ε" if spec and self.eps.on_tape else super().__format__(spec)

    def __copy__(self) -> DualScalar:
        return self

    def __deepcopy__(self, memo: Any) -> DualScalar:
        return self

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0) if WATCH.count or digits is not None else round(self.value)

    def __repr__(self) -> str:
        return f"Dual({number_text(self.value)}, {tangent_text(self)})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.level.is_sweep:
            self.level.__reduce__()
        return (Dual, (self.value, self.tangent))


def without_axes(x: DualScalar) -> Any:
    """The number as an array."""
    from .dual_array import zero_dimensional
    return zero_dimensional(x)

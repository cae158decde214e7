"""Integrands whose values are perturbed, by an argument or by what they close over.

SciPy integrates them on plain numbers. Afterwards the parts of their values are taken at the places that it has met: all at
once where the function takes an array of places as it takes one, else place by place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np
from scipy.integrate import IntegrationWarning

from ..errors import LATEST, ConvergenceError, ConversionError
from ..forms import stop_gradient
from ..math_functions import each_element
from .callbacks import Apart, Key, Plain, perturbed, together, told_apart, value_of
from .closures import held, put_back, reached

MANY = 128  # numbers that are cheaper integrated as one vector: SciPy takes three times as many places for one
NODES = 21  # of Gauss and Kronrod's rule on an interval
SAME = 1e-9  # of a value: what a function of arrays may differ by, in the last digits of NumPy's loops
MEANT = 1e-3  # a derivative that is known no better than this part of itself is none
Function = Callable[..., Any]


class Integrand:
    """A function as SciPy integrates it, on plain numbers; where its values are dual, their parts at the places it has met."""

    def __init__(self, f: Function, args: tuple[Any, ...], mark: int | None = None) -> None:
        self.f, self.args, self.apart = f, args, Apart(mark)
        self.plain, self.constants = Plain(f, args), stop_gradient(args)
        self.values: dict[float, Any] = {}  # by place, as SciPy met them
        self.parts: dict[Key, Any] = {}  # at those places, (…, places)
        self.others: dict[float, dict[Key, Any]] = {}  # at others
        self.shapes: dict[Key, tuple[int, ...]] = {}

    def __call__(self, x: Any) -> Any:
        y = self.values[x] = self.plain(x, *self.constants)
        return y

    def moves(self) -> bool:
        """Whether the values that SciPy has met are perturbed: their parts are known then."""
        if (self.plain.dual or perturbed(self.args)) and not self.at_once():
            found = [*map(self.taken, self.values)]
            self.parts = {key: np.stack([parts.get(key, np.zeros(shape)) for parts in found], axis=-1)
                          for key, shape in self.shapes.items()}
        return len(self.shapes) > 1

    def at_once(self) -> bool:
        """Whether one run on the array of all places found the parts. It must have left no trace and given the values known,
        and at the first place what a run there alone gives; else f is taken for a function of numbers.
        """
        kept = reached(self.f)
        before, latest = [*map(held, kept)], LATEST.get()
        at = next(iter(self.values))
        try:
            with each_element():
                parts = self.apart.parts(value_of(self.f(np.array([*self.values]), *self.args)))
            first = self.apart.parts(value_of(self.f(at, *self.args)))
        except Exception:  # whatever an array is to such a function
            return False
        finally:
            written = put_back(kept, before)
            LATEST.set(latest)
        expected = np.stack([*self.values.values()], axis=-1)
        if written or first.keys() != parts.keys() or not same(parts[()], expected) or \
                not all(same(parts[key][..., 0], a) for key, a in first.items()):
            return False
        self.parts = parts
        self.notice(first)
        return True

    def taken(self, x: float) -> dict[Key, Any]:
        parts = self.apart.parts(value_of(self.f(x, *self.args)))
        known = self.values.get(x)
        if known is not None and not same(parts[()], known) and not np.array_equal(parts[()], known, equal_nan=True):
            raise ConversionError(f"an integrand gives {parts[()]} at {x} on dual numbers, and {known} on plain ones: it may "
                                  "catch an error of dualdiff's, or keep what it has computed")
        self.notice(parts)
        return parts

    def notice(self, parts: dict[Key, Any]) -> None:
        if not parts.keys() <= self.shapes.keys():
            self.shapes |= {key: a.shape for key, a in parts.items()}
            told_apart(self.shapes)

    def rows(self, key: Key) -> Any:
        """A part at the places, flat: (elements, places)."""
        a = self.parts.get(key)
        return np.zeros((prod(self.shapes[key]), len(self.values))) if a is None else a.reshape(-1, len(self.values))

    def elsewhere(self, x: float) -> dict[Key, Any]:
        if x not in self.others:
            self.others[x] = self.taken(x)
        return self.others[x]

    def entry(self, x: float, key: Key, i: int) -> Any:
        a = self.elsewhere(x).get(key)
        return 0.0 if a is None else a.item(i)

    def units(self, key: Key) -> Any:
        """What 1 of the value corresponds to, for each element of a part: its largest over the largest value met so far."""
        part = np.max(np.abs(self.rows(key)), axis=1)
        if key not in self.parts:
            part = np.max([np.abs(np.ravel(p[key])) for p in self.others.values() if key in p], axis=0)
        with np.errstate(all="ignore"):
            found = part / np.max(np.abs(self.parts[()]))
        return np.where((found > 0) & np.isfinite(found), found, 1.0)

    def integral(self, value: Any, what: str, one: Function | None, many: Function | None) -> Any:
        """The integral with this value: the other parts integrated by ``one`` if they are few, or by ``many`` as one vector.

        Either takes a function and a unit, and gives the integral, an estimate of its error, and a complaint or "".
        """
        total: dict[Key, Any] = {(): np.asarray(value)}
        while len(total) < len(self.shapes):  # which may grow on the way
            keys = [key for key in self.shapes if key not in total]
            rows, units = [self.rows(key) for key in keys], [self.units(key) for key in keys]
            ends = np.cumsum([unit.size for unit in units])
            if many is None or (one is not None and ends[-1] <= MANY):
                assert one is not None
                found = []
                for key, a, unit in zip(keys, rows, units, strict=True):
                    for i, u in enumerate(unit.tolist()):
                        part = Table(self.values, a[i].tolist(), partial(self.entry, key=key, i=i))
                        found.append(self.sound(what, value, u, *one(part, u)))
            else:
                def others(x: float) -> Any:
                    parts = self.elsewhere(x)
                    return np.concatenate([np.ravel(parts.get(key, np.zeros(unit.size))) / unit
                                           for key, unit in zip(keys, units, strict=True)])  # noqa: B023
                scaled = np.concatenate([a / unit[:, None] for a, unit in zip(rows, units, strict=True)])
                found = self.sound(what, value, 1.0, *many(Table(self.values, [*scaled.T], others))) * np.concatenate(units)
            for key, a in zip(keys, np.split(np.asarray(found), ends[:-1]), strict=True):
                total[key] = a.reshape(self.shapes[key])
        return together(total)

    def sound(self, what: str, value: Any, unit: float, found: Any, error: float, complaint: str) -> Any:
        """The integral of a derivative, if SciPy is content with it or it is still worth something."""
        if complaint:
            scale = max(float(np.max(np.abs(found))), unit * float(np.max(np.abs(value))))
            if "divergent" in complaint or not error <= MEANT * scale:
                raise ConvergenceError(f"{what}: the integral of the derivative does not converge, {float(np.max(found)):.3g} "
                                       f"± {error:.3g}: {complaint}")
            warnings.warn(f"{what}, of the derivative: {complaint}", IntegrationWarning, stacklevel=4)
        return found


class Table(dict[float, Any]):
    """A function that is known at some places; at others, which are none of these but for rounding, in which rules differ, it
    is asked.
    """

    def __init__(self, places: Any, values: Any, ask: Function) -> None:
        super().__init__(zip(places, values, strict=True))
        self.ask, self.rounded = ask, dict[str, float]()

    def __missing__(self, x: float) -> Any:
        self.rounded = self.rounded or {place(at): at for at in self}
        at = self.rounded.get(place(x))
        return self.ask(x) if at is None else self[at]

    __call__ = dict.__getitem__

    def parted(self, low: float, high: float, points: Any, limit: int) -> dict[str, Any]:
        """QUADPACK's options for the intervals into which it has parted the range for the value: where a part is narrow, its
        nodes on the whole range miss it. It takes 21 places of each, the middle first, and those of both halves of one in turn.
        """
        given = [] if points is None else [x for x in np.ravel(points).tolist() if min(low, high) < x < max(low, high)]
        middles = [*self][len(given) * NODES::NODES]
        found = sorted({*given, *((x + y) / 2 for x, y in zip(middles[1::2], middles[2::2], strict=False))})
        return {"points": found, "limit": limit + len(found)} if found else {}


def same(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.all(np.abs(a - b) <= SAME * (np.abs(b) + np.max(np.abs(b), initial=0.0))))


def place(x: float) -> str:
    return f"{x:.14e}"

"""What it costs that NumPy asks first: a call through NumPy's protocols beside the rule called directly, ten numbers.

And what `lift` adds to a function that fills a buffer, beside the same function written with ``like=x``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.dispatch import array_function
from dualdiff.operators import operation

from ._report import Bar, Case, all_cases, main
from ._timing import Contender


def value_of(call: Any, *args: Any) -> Any:
    return call(*args).value


def rule_of(function: Any) -> Any:
    """What runs once NumPy has asked: the operation made of the row, or the function's own entry."""
    if not isinstance(function, np.ufunc):
        return lambda *args: array_function(function, args, {})
    made = operation(function)
    return made[0] if isinstance(made, tuple) else made


def fills_plain(x: Any) -> Any:
    out = np.zeros(40)
    for i in range(40):
        out[i] = x[i % 10] * i
    return np.sum(out)


def fills_like(x: Any) -> Any:
    out = np.zeros(40, like=x)
    for i in range(40):
        out[i] = x[i % 10] * i
    return np.sum(out)


def cases(quick: bool) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    a = rng.uniform(0.5, 2.0, 10)
    x, y = dd.DualArray(a, np.eye(10)), dd.DualArray(a[::-1].copy(), np.eye(10))
    for function, args in ((np.sin, (x,)), (np.add, (x, y)), (np.multiply, (x, y)), (np.cumsum, (x,)), (np.flip, (x,))):
        name = function.__name__
        call, rule = f"numpy.{name}", f"the rule of {name}"
        yield Case(
            f"numpy.{name} of ten dual numbers",
            [Contender(rule, partial(value_of, rule_of(function), *args)), Contender(call, partial(value_of, function, *args))],
            [Bar(f"nanoseconds that numpy.{name} adds to its rule", lambda t, c=call, r=rule: t.difference(c, r), 2000.0,
                 "ns")], seconds=1.0)
    yield Case(
        "the gradient of a function that fills a buffer of 40",
        [Contender("like=x", lambda: dd.gradient(fills_like)(a)),
         Contender("dualdiff.lift", lambda: dd.gradient(dd.lift(fills_plain))(a))],
        [Bar("dualdiff.lift over like=x", lambda t: t.ratio("dualdiff.lift", "like=x"), 1.5)],
        seconds=1.0)


if __name__ == "__main__":
    main("benchmarks.dispatch", all_cases(cases))

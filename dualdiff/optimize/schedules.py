"""Learning rates that change: functions of the number of steps taken so far, for ``learning_rate`` of sgd and adam."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

from .result import require, require_count, require_not_negative, require_positive

Schedule = Callable[[int], float]


def step_decay(rate: float, factor: float = 0.5, every: int = 1000) -> Schedule:
    """``rate`` times ``factor`` for each ``every`` steps.

    >>> [step_decay(0.1, 0.5, every=10)(step) for step in (0, 9, 10, 25)]
    [0.1, 0.1, 0.05, 0.025]
    """
    check(rate, factor)
    require_count("every", every)
    return lambda step: rate * factor**(step // every)


def exponential_decay(rate: float, factor: float = 0.999) -> Schedule:
    """``rate`` times ``factor`` to the number of steps.

    >>> exponential_decay(0.1, 0.5)(2)
    0.025
    """
    check(rate, factor)
    return lambda step: rate * factor**step


def cosine_decay(rate: float, steps: int, least: float = 0.0, warmup: int = 0) -> Schedule:
    """From ``rate`` to ``least`` along half a cosine in ``steps`` steps, after a linear rise over ``warmup`` steps.

    I. Loshchilov, F. Hutter, *SGDR*, ICLR 2017, eq. (5).

    >>> [round(cosine_decay(1.0, 10, warmup=2)(step), 3) for step in (0, 1, 2, 6, 99)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    require_positive("rate", rate)
    require_count("steps", steps)
    require_count("warmup", warmup, least=0)
    require_not_negative("least", least)
    require(warmup < steps, "warmup", warmup, f"less than steps={steps}")

    def at(step: int) -> float:
        if step < warmup:
            return rate * (step + 1) / warmup
        part = min(1.0, (step - warmup) / (steps - warmup))
        return least + (rate - least) * (1 + cos(pi * part)) / 2

    return at


def check(rate: float, factor: float) -> None:
    require_positive("rate", rate)
    require_positive("factor", factor)
    require(factor <= 1, "factor", factor, "at most 1")

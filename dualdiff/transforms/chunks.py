"""A sweep in parts: so many directions at a time, within a memory budget, here or on an executor's workers.

A part seeds a window of the directions, runs f, and gives the columns of the matrix that belong to it. Splitting is
decided by sizes alone, never by time or by the number of workers, so that the same call gives the same bits anywhere.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import BudgetError, ShapeError, StructureError
from ..tangents.leaf import window_seeds
from ..tangents.level import Level
from ..tangents.meter import Meter, SplitNeeded
from .inputs import Inputs
from .results import pairs_of
from .sweep import seed_identity, swept
from .trees import spans

Seed = Callable[[Level], Any]
Read = Callable[[Any, Level], Any]
Found = tuple[Any, list[Any]]
Join = Callable[[Any, list[Any]], Any]

SHARE = 4  # of the machine's memory, a sweep takes at most one part in so many
EXECUTOR_PARTS = 16  # enough for eight workers to end together, and f's own work
LEAST_PART = 8  # is shared by no fewer directions than these
ELSEWHERE = 2 << 30  # bytes of a machine that does not say what it has


class Parts:
    """How a sweep may be split: ``chunk``, ``max_bytes`` and ``executor`` of a transform, checked."""

    __slots__ = ("chunk", "executor", "max_bytes")

    def __init__(self, chunk: int | None, max_bytes: int | None, executor: Any) -> None:
        for name, number in (("chunk", chunk), ("max_bytes", max_bytes)):
            if number is not None and (not isinstance(number, int | np.integer) or number < 1):
                raise StructureError(f"{name} must be a whole number of at least 1; got {number!r}")
        if executor is not None and not hasattr(executor, "submit"):
            raise StructureError(f"executor must have a submit method, as those of concurrent.futures; got {executor!r}")
        self.chunk, self.max_bytes, self.executor = chunk, max_bytes, executor

    def refuse_beside(self, option: str, **others: Any) -> None:
        """Options that a transform has no use for are refused rather than ignored."""
        for name, given in ({name: getattr(self, name) for name in self.__slots__} | others).items():
            if given is not None:
                raise StructureError(f"{name} cannot be combined with {option}: leave one of them out")

    @property
    def budget(self) -> int:
        if self.max_bytes is not None:
            return int(self.max_bytes)
        return machine_memory() // (SHARE if self.executor is None else SHARE * (os.cpu_count() or 1))

    def sweep(self, inputs: Inputs, argnums: Any, batch_axis: int | None, read: Read, join: Join,
              work: list[int] | None = None, plan: Any = None) -> Any:
        """``read(result, level)`` of one run of f; or, split, ``join(f's result, one matrix (*R, n) for each array of it)``.

        Given a list for its multiply-adds, it ends in TapeNeeded where these are many times as many as those of f.
        """
        n, budget = inputs.size, self.budget
        size = n
        if self.executor is not None:
            size = max(LEAST_PART, -(-n // EXECUTOR_PARTS))
        if self.chunk is not None:
            size = int(self.chunk)
        if size < n or (self.executor is not None and n):
            units = [(first, min(first + size, n)) for first in range(0, n, size)]
            task = (inputs.f, tuple(inputs.args), inputs.options, argnums, batch_axis, budget)
            together = Together(n)
            if self.executor is None:
                for unit in units:
                    together.put(directions(inputs, *unit, budget), *unit)
            else:
                from .spread import spread
                spread(self.executor, task, units, together)
            return join(*together.done())
        meter = Meter(budget, work is None)
        seed = seed_identity(inputs)
        try:
            found = swept(inputs, within(meter, seed), read, inputs.is_complex, plan)
        except SplitNeeded as need:
            if need.meter is not meter:  # an outer sweep's budget: that sweep starts again
                raise
            size = fewer(need, n)
        else:
            if work is not None:
                work.append(meter.work)
            return found
        return join(*directions(inputs, 0, n, budget, size))  # here the arrays of the first attempt are gone


def within(meter: Meter, seed: Seed) -> Seed:
    def metered(level: Level) -> Any:
        level.meter = meter
        return seed(level)
    return metered


def directions(inputs: Inputs, first: int, stop: int, budget: int, size: int | None = None) -> Found:
    """f's result and, for each array of it, the columns first … stop-1 of its matrix; ``size`` of them at a time."""
    size = stop - first if size is None else size
    together = Together(stop - first)
    at = first
    while at < stop:
        end = stop if at + size >= stop else boundary(inputs, at, at + size)
        meter = Meter(budget)
        try:  # no name holds a part while the next one is made
            together.put(window(inputs, at, end, meter), at - first, end - first)
            at = end
        except SplitNeeded as need:
            if need.meter is not meter:
                raise
            size = fewer(need, end - at)
    return together.done()


def window(inputs: Inputs, first: int, stop: int, meter: Meter) -> Found:
    def seed(level: Level) -> Any:
        return [(leaf, None) for leaf in inputs.seeds(window_seeds(level, inputs.shapes, first, stop))]

    def read(out: Any, level: Level) -> Any:
        pairs, rebuild = pairs_of(out, level)
        matrices = [inputs.matrix(value, eps, stop - first) for value, eps in pairs]
        return rebuild([value for value, _ in pairs]), matrices

    found: Found = swept(inputs, within(meter, seed), read, inputs.is_complex)
    return found


def fewer(need: SplitNeeded, size: int) -> int:
    """How many directions to try after ``size`` of them needed too much: what is fixed cannot be split."""
    budget, fixed = need.meter.budget, need.meter.fixed
    if size == 1:
        raise BudgetError(f"one direction of the sweep needs at least {need.needed:,} bytes, and max_bytes={budget:,}: give "
                          "max_bytes more, or differentiate f over fewer rows of its data at a time") from None
    share = int(0.9 * size * (budget - fixed) / (need.needed - fixed)) if budget > fixed else 1
    return max(1, min(size // 2, share))


def boundary(inputs: Inputs, first: int, end: int) -> int:
    """The end of a window, or a place up to half-way before it where an argument, or a row of one, begins."""
    for shape, (start, stop) in zip(inputs.shapes, spans(inputs.sizes), strict=True):
        if start < end < stop:
            row = math.prod(shape[1:])
            places = (start + (end - start) // row * row, start)
            return next((place for place in places if 2 * place >= first + end), end)
    return end


class Columns:
    """A matrix put together from windows of its columns, each copied as it comes, so that one is held beside it."""

    __slots__ = ("matrix", "n", "parts")

    def __init__(self, n: int) -> None:
        self.n = n
        self.matrix: Any = None
        self.parts: list[Any] = []  # of an outer level: such arrays cannot be written into

    def put(self, part: Any, first: int, stop: int) -> None:
        have = self.matrix
        if self.parts or type(part) is not np.ndarray:
            if have is not None:
                self.parts, self.matrix = [have[..., :first]], None
            self.parts.append(part)
        elif stop - first == self.n:
            self.matrix = part
        else:
            if have is None:
                have = np.empty((*part.shape[:-1], self.n), part.dtype)
            elif have.shape[:-1] != part.shape[:-1]:
                raise ShapeError(f"f gave a result of shape {have.shape[:-1]} in one run and {part.shape[:-1]} in another, so "
                                 "its Jacobian cannot be put together from parts")
            self.matrix = have if have.dtype == part.dtype else have.astype(np.result_type(have, part))
            self.matrix[..., first:stop] = part

    def done(self) -> Any:
        return np.concatenate(self.parts, axis=-1) if self.parts else self.matrix


def inputs_of(f: Any, argnums: Any, args: tuple[Any, ...], options: dict[str, Any], batch_axis: int | None) -> Inputs:
    if batch_axis is None:
        return Inputs(f, argnums, args, options)
    from .batch import Batch
    return Batch(f, argnums, args, options, batch_axis)


class Together:
    """f's result and its matrices, from parts in order."""

    __slots__ = ("columns", "n", "result")

    def __init__(self, n: int) -> None:
        self.n = n
        self.columns: list[Columns] | None = None
        self.result: Any = None

    def put(self, found: Found, first: int, stop: int) -> None:
        result, matrices = found
        if self.columns is None:
            self.result, self.columns = result, [Columns(self.n) for _ in matrices]
        if len(matrices) != len(self.columns):
            raise ShapeError(f"f gave {len(self.columns)} arrays in one run and {len(matrices)} in another, so its Jacobian "
                             "cannot be put together from parts")
        for columns, matrix in zip(self.columns, matrices, strict=True):
            columns.put(matrix, first, stop)

    def done(self) -> Found:
        return self.result, [columns.done() for columns in self.columns or ()]


@functools.cache
def machine_memory() -> int:
    """Bytes of memory of the machine, or of the container that confines this process to fewer."""
    limits = [ELSEWHERE]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    elif sys.platform == "win32":
        limits = [windows_memory()]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            with open(f"/sys/fs/cgroup/{name}", encoding="ascii") as file:
                limits.append(int(file.read()))
        except (OSError, ValueError):  # no such limit, or the word "max"
            continue
    return max(1, min(limits))


def windows_memory() -> int:
    """What GlobalMemoryStatusEx gives as ullTotalPhys: the third field of a MEMORYSTATUSEX of 64 bytes."""
    import ctypes
    status = (ctypes.c_uint64 * 8)(64)  # dwLength, dwMemoryLoad; ullTotalPhys; …
    ctypes.windll.kernel32.GlobalMemoryStatusEx(status)  # type: ignore[attr-defined]
    return int(status[1])

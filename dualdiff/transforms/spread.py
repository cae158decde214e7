"""Parts of a sweep on the workers of a ``concurrent.futures.Executor``, imported when there is one: it is a slow import."""

from __future__ import annotations

import contextvars
import pickle
import warnings
from concurrent.futures import BrokenExecutor, CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import current_thread
from typing import Any

import numpy as np

from ..errors import ExecutorError
from ..policies import EQUALITY, KINKS, TRACE, equality, kinks
from .chunks import Found, Together, directions, inputs_of

Unit = tuple[int, int]
LOST = ("KilledWorker",)  # Dask's name for a task whose workers died again and again


def spread(executor: Any, task: tuple[Any, ...], units: list[Unit], together: Together) -> None:
    """Each unit of directions on a worker; one whose worker was lost is computed here, with a warning."""
    settings = Settings()
    if TRACE.get() is not None and not isinstance(executor, ThreadPoolExecutor):
        raise ExecutorError("trace_nonfinite sees the threads of this process only: use concurrent.futures.ThreadPoolExecutor, "
                            "or no executor, while looking for the first derivative that is not finite")
    tasks = [(*task, *unit, settings) for unit in units]
    if own_thread(executor):  # it would wait for what waits for it
        for unit, arguments in zip(units, tasks, strict=True):
            together.put(unit_of_work(*arguments), *unit)
        return
    futures = [submitted(executor, arguments) for arguments in tasks]
    warned = False
    try:
        for i, unit in enumerate(units):
            future, futures[i] = futures[i], None  # its result is let go as soon as it is put in place
            error = lost(future, task)
            if error is None and future is not None:
                together.put(future.result(), *unit)
                continue
            if not warned:
                warnings.warn(f"{type(executor).__name__} lost a worker: the directions it owed are computed in this process",
                              RuntimeWarning, stacklevel=5)
                warned = True
            together.put(unit_of_work(*tasks[i]), *unit)
    finally:
        for future in futures:
            if future is not None:
                future.cancel()


def own_thread(executor: Any) -> bool:
    """Whether this is one of the pool's own threads, of which it learns under its lock, when they already run."""
    if not isinstance(executor, ThreadPoolExecutor):
        return False
    with executor._shutdown_lock:
        return current_thread() in executor._threads


def lost(future: Future[Found] | None, task: tuple[Any, ...]) -> BaseException | None:
    """Why a unit has no result although f is not to blame; what f itself raised is raised here."""
    if future is None:
        return BrokenExecutor()
    try:
        error = future.exception()
    except CancelledError as cancelled:
        return cancelled
    if error is None or isinstance(error, BrokenExecutor) or type(error).__name__ in LOST:
        return error
    if "pickle" in str(error) or "local object" in str(error):  # whatever its class, which releases of Python change
        refuse_unpicklable(task, error)
    raise error


class Settings:
    """What the caller has set for floating-point events, kinks and equalities, for a worker that cannot see it."""

    __slots__ = ("equality", "errors", "kinks")

    def __init__(self) -> None:
        self.errors = {kind: how for kind, how in np.geterr().items() if how != "call"}
        self.kinks, self.equality = KINKS.get(), EQUALITY.get()

    def in_force(self) -> ExitStack:
        blocks = ExitStack()
        blocks.enter_context(np.errstate(**self.errors))  # type: ignore[arg-type]
        if KINKS.get() != self.kinks:
            blocks.enter_context(kinks(self.kinks))
        if EQUALITY.get() != self.equality:
            blocks.enter_context(equality(self.equality))
        return blocks


def submitted(executor: Any, arguments: tuple[Any, ...]) -> Future[Found] | None:
    """The future of a unit; None where the executor has no workers left. Threads see the caller's context variables."""
    try:
        if isinstance(executor, ThreadPoolExecutor):
            return executor.submit(contextvars.copy_context().run, unit_of_work, *arguments)
        future: Future[Found] = executor.submit(unit_of_work, *arguments)
    except BrokenExecutor:
        return None
    except RuntimeError as error:
        if "shutdown" not in str(error):
            raise
        raise ExecutorError(f"the {type(executor).__name__} was shut down before the sweep: call the derivative inside its "
                            "with block, or leave executor out") from error
    return future


def unit_of_work(f: Any, args: Any, options: Any, argnums: Any, batch_axis: int | None, budget: int, first: int, stop: int,
                 settings: Settings) -> Found:
    """What a worker does, told in things that can be pickled."""
    with settings.in_force():
        return directions(inputs_of(f, argnums, args, options, batch_axis), first, stop, budget)


def refuse_unpicklable(task: tuple[Any, ...], error: BaseException) -> None:
    f, args, options = task[:3]
    for what, thing in ((f"the function {getattr(f, '__qualname__', f)!r}", f), ("an argument", (args, options))):
        try:
            pickle.dumps(thing)
        except Exception as reason:
            raise ExecutorError(f"{what} cannot be sent to another process ({reason}). Define it at the top level of a "
                                "module, or use concurrent.futures.ThreadPoolExecutor, or an executor that pickles by "
                                "value, such as loky's or a Dask client's") from error

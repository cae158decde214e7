"""Tasks on the workers of an executor, their results in order; what workers that die owe is sent again."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import Any

from ..errors import DataError, StructureError, WorkerError

DEATHS = 3  # of workers on one shard, after which the shard is to blame


def require_picklable(thing: Any, what: str) -> None:
    """Asked before a pool is: one that fails on it may never end."""
    try:
        pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise StructureError(f"{what} cannot be sent to another process ({error}); define functions at the top of a module, "
                             "not as a lambda or inside a function") from error


class Workers:
    """``executor``: anything with ``submit``, as concurrent.futures and Dask have it; a number of processes; None: here."""

    def __init__(self, executor: Any, sent: Any, shards: Sequence[Any]) -> None:
        if not hasattr(shards, "__len__") or not hasattr(shards, "__getitem__") or isinstance(shards, dict):
            raise StructureError("shards must be a list or another sequence: every iteration passes over it again; got a "
                                 f"{type(shards).__name__}")
        if not len(shards):
            raise DataError("there are no shards")
        self.shards = shards
        self.own = isinstance(executor, int) and not isinstance(executor, bool)
        if self.own and executor < 1:
            raise StructureError(f"executor must be an Executor or a number of processes; got {executor}")
        self.pool: Any = ProcessPoolExecutor(executor) if self.own else executor
        if self.pool is not None and not hasattr(self.pool, "submit"):
            raise StructureError(f"executor must have a submit method, as concurrent.futures and Dask have it; got a "
                                 f"{type(executor).__name__}")
        if isinstance(self.pool, ProcessPoolExecutor):
            require_picklable(sent, "the function (or an argument)")
            require_picklable(shards[0], "a shard")

    def close(self) -> None:
        if self.own:
            self.pool.shutdown(cancel_futures=True)

    def map(self, task: Callable[..., Any], common: tuple[Any, ...], numbers: Any = None) -> Iterator[Any]:
        """task(*common, shard) of the shards of these numbers (None: all), in this order, few of them under way at a time."""
        numbers = range(len(self.shards)) if numbers is None else numbers
        if self.pool is None:
            for i in numbers:
                yield task(*common, self.shards[i])
            return

        def submitted(number: int) -> Any:
            try:
                return self.pool.submit(task, *common, self.shards[number])
            except BrokenExecutor:  # it broke since: judged like any other death
                self.revive()
                return self.pool.submit(task, *common, self.shards[number])

        ahead = 2 * (getattr(self.pool, "_max_workers", None) or 8)
        waiting: deque[tuple[int, Any]] = deque()
        following, deaths = 0, 0
        while waiting or following < len(numbers):
            while following < len(numbers) and len(waiting) < ahead:
                waiting.append((numbers[following], submitted(numbers[following])))
                following += 1
            number, future = waiting[0]
            try:
                part = future.result()
            except Exception as error:
                broken, kind = isinstance(error, BrokenExecutor), type(error).__name__
                if not broken and kind not in {"KilledWorker", "CancelledError", "WorkerLost"}:
                    raise
                deaths += 1
                if deaths > DEATHS or kind == "KilledWorker":  # Dask has tried it on several workers itself
                    raise WorkerError(f"shard {number} could not be worked on: after {deaths} tries, {error} It may need more "
                                      "memory than a worker has: make the shards smaller") from error
                if broken:
                    self.revive()
                    waiting = deque((i, submitted(i)) for i, _ in waiting)
                else:
                    waiting[0] = number, submitted(number)
                continue
            waiting.popleft()
            deaths = 0
            yield part

    def revive(self) -> None:
        """A new pool like the one that broke; an Executor breaks as a whole when one of its processes is killed."""
        old = self.pool
        if not isinstance(old, ProcessPoolExecutor):
            raise WorkerError(f"the {type(old).__name__} broke and cannot be made anew; pass executor=the number of processes")
        self.pool = ProcessPoolExecutor(getattr(old, "_max_workers", None), getattr(old, "_mp_context", None),
                                        getattr(old, "_initializer", None), getattr(old, "_initargs", ()))
        self.own = True
        old.shutdown(wait=False)

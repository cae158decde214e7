"""The loop that the stochastic methods share: epochs of shuffled batches, the loss after each, and every way to end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, ParameterError, ShapeError, StructureError, require_function
from ..transforms import gradient
from .checkpoint import read, require_file, require_match, write
from .result import (
    Array,
    Callback,
    Result,
    deadline,
    joined,
    leaves_of,
    number,
    refuse,
    require,
    require_count,
    require_finite,
    require_functions,
    require_not_negative,
    require_positive,
    split,
    start,
)
from .stopping import BUDGET, CONVERGED, INTERRUPTED
from .workers import Workers


class Method:
    """A rule for one step of the parameters as one vector. ``memory`` is what it carries from step to step."""

    name = ""

    def __init__(self, learning_rate: Any) -> None:
        if not callable(learning_rate):
            require_positive("learning_rate", learning_rate)
        self.learning_rate, self.steps = learning_rate, 0
        self.memory: list[Any] = []

    @property
    def rate(self) -> float:
        """The learning rate of this step; a schedule is asked for it."""
        if not callable(self.learning_rate):
            return self.learning_rate  # type: ignore[no-any-return]
        rate = self.learning_rate(self.steps)
        if rate != 0:  # where a schedule ends
            require_positive(f"the learning rate of step {self.steps}", rate)
        return float(rate)

    def step(self, x: Array, g: Array) -> Array:
        rate = self.rate
        self.steps += 1
        return self.update(x, g, rate)

    def update(self, x: Array, g: Array, rate: float) -> Array:
        raise NotImplementedError


@dataclass(slots=True)
class Plan:
    """How the epochs go; see ``sgd``."""

    batch_size: int | None
    epochs: int
    tol: float | None
    patience: int
    rng: Any
    mode: str
    jac: Any
    callback: Callback | None
    validation: Any
    max_seconds: float | None
    checkpoint: Any
    resume: bool
    shards: Any
    executor: Any

    def check(self, data: Sequence[Any]) -> int:
        """The size of a batch; raises where a setting cannot be."""
        require_functions(jac=self.jac, callback=self.callback)
        require_file(self.checkpoint, self.resume)
        require_count("epochs", self.epochs, least=0)
        require_count("patience", self.patience)
        if self.tol is not None:
            require_not_negative("tol", self.tol)
        if self.validation is not None:
            rows_of(self.validation, "validation")
            require(len(self.validation) == len(data), "validation", f"{len(self.validation)} arrays",
                    f"as many arrays as data, {len(data)}")
        size = rows_of(data) if self.batch_size is None else self.batch_size
        require_count("batch_size", size)
        return size


def trained(*problem: Any) -> Result:
    """One run; the workers that it started end with it."""
    epochs = Epochs(*problem)
    try:
        return epochs.run()
    finally:
        if epochs.workers is not None:
            epochs.workers.close()


def on_shard(f: Any, mode: str, jac: Any, x: Any, slope: bool, shard: Any) -> Any:
    """f, or its gradient, at one shard. Runs on a worker."""
    with np.errstate(all="ignore"):
        if not slope:
            return number(f(x, shard))
        return (gradient(f, mode=mode) if jac is None else jac)(x, shard)


class Epochs:
    """One run: the parameters, what the method carries, the order of the rows, and the best that was met."""

    workers: Workers | None = None

    def __init__(self, f: Callable[..., Any], x0: Any, data: Sequence[Any], method: Method, plan: Plan) -> None:
        require_function(f, method.name)
        self.f, self.data, self.method, self.plan = f, data, method, plan
        self.df = gradient(f, mode=plan.mode) if plan.jac is None else plan.jac
        if plan.shards is not None:
            self.spread()
        elif plan.executor is not None:
            raise ParameterError("executor works on shards; pass shards= too")
        self.size, self.rows, self.deadline = plan.check(self.data), rows_of(self.data), deadline(plan.max_seconds)
        try:
            self.generator = np.random.default_rng(plan.rng)
        except (TypeError, ValueError):
            refuse("rng", plan.rng, "a Generator or a seed")
        self.leaves, self.rebuild = start(x0)
        self.x = joined(self.leaves)
        self.history: list[float] = []
        # What stopping looks at is the loss, or that of the validation data: since when it has not fallen below best - tol,
        # and where it was least.
        self.best, self.waited, self.least, self.best_x = np.inf, 0, np.inf, self.x

    def spread(self) -> None:
        """f and its gradient become means over shards, whose numbers are the data; what is added up is in their order."""
        f, plan = self.f, self.plan
        require(not self.data and plan.validation is None, "shards", "data or validation too", "all the data there is")
        workers = self.workers = Workers(plan.executor, (f, plan.jac), plan.shards)

        def gathered(x: Any, slope: bool, numbers: Any) -> Any:
            return workers.map(on_shard, (f, plan.mode, plan.jac, x, slope), numbers.tolist())

        def slope(x: Any, numbers: Any) -> Any:
            parts = (leaves_of(tree, x) for tree in gathered(x, True, numbers))
            total = reduce(lambda a, b: [u + v for u, v in zip(a, b, strict=True)], parts)
            return self.rebuild([g / len(numbers) for g in total])

        self.data = (np.arange(len(plan.shards)),)
        self.f = lambda x, numbers: sum(gathered(x, False, numbers)) / len(numbers)
        self.df = slope

    def tree(self, x: Array) -> Any:
        """The vector in the form of x0."""
        parts = split(x, [a.shape for a in self.leaves])
        return self.rebuild([part.astype(a.dtype, copy=False) for part, a in zip(parts, self.leaves, strict=True)])

    # ---- the loop
    def run(self) -> Result:
        plan = self.plan
        kept = plan.validation is not None  # the best parameters rather than the last
        with np.errstate(all="ignore"):  # what overflows is met after the epoch, with the next step
            if plan.resume and Path(plan.checkpoint).exists():
                self.restore()
            else:
                self.look()
            try:
                while (end := self.ended()) is None:
                    self.epoch()
            except KeyboardInterrupt:
                kept = True
                end = INTERRUPTED, f"interrupted in epoch {len(self.history)}: these are the best parameters found so far"
            except StopIteration:
                end = INTERRUPTED, f"stopped by the callback after epoch {len(self.history) - 1}"
            loss = self.history[-1]
            if kept and self.x is not self.best_x:
                self.x = self.best_x
                loss = number(self.f(self.tree(self.x), *self.data))
            return self.result(loss, *end)

    def epoch(self) -> None:
        x, order = self.x, self.generator.permutation(self.rows)
        for first in range(0, self.rows, self.size):
            batch = [a[order[first:first + self.size]] for a in self.data]
            x = self.method.step(x, joined(leaves_of(self.df(form := self.tree(x), *batch), form)))
        self.x = x
        self.look()
        if self.plan.checkpoint is not None:
            self.save()
        if self.plan.callback is not None:
            self.plan.callback(len(self.history) - 1, self.history[-1])

    def look(self) -> None:
        """The loss over all data, and whether it fell."""
        plan, epoch = self.plan, len(self.history)
        loss = number(self.f(self.tree(self.x), *self.data))
        rate = self.method.rate
        require_finite(self.method.name, epoch, loss, [self.x], rate, "argument")
        judged = loss if plan.validation is None else number(self.f(self.tree(self.x), *plan.validation))
        self.history.append(loss)
        fell = epoch == 0 or plan.tol is None or judged < self.best - plan.tol
        self.best, self.waited = (min(self.best, judged), 0) if fell else (self.best, self.waited + 1)
        if judged < self.least:
            self.least, self.best_x = judged, self.x

    def ended(self) -> tuple[str, str] | None:
        plan, history = self.plan, self.history
        nit = len(history) - 1
        if self.waited >= plan.patience:
            what = "loss" if plan.validation is None else "loss of the validation data"
            return CONVERGED, f"converged: the {what} fell by no more than tol={plan.tol:g} in {plan.patience} epochs"
        change = "below" if history[-1] < history[0] else "not below"
        far = f"after {nit} the loss is {history[-1]:.6g}, {change} {history[0]:.6g} at x0"
        if nit >= plan.epochs:
            return BUDGET, f"out of epochs: {far}"
        if time.monotonic() >= self.deadline:
            return BUDGET, f"out of time: max_seconds={plan.max_seconds:g} is used up; {far}"
        return None

    def result(self, loss: float, reason: str, message: str) -> Result:
        final, nit = self.df(self.tree(self.x), *self.data), len(self.history) - 1
        nfev = len(self.history) + nit * ceil(self.rows / self.size) + 1  # losses, batches, the gradient at the end
        return Result(self.tree(self.x), loss, final, nit, nfev, reason == CONVERGED, message, self.history, reason)

    # ---- checkpoints
    def identity(self) -> dict[str, Any]:
        return {"kind": self.method.name, "shapes": str([a.shape for a in self.leaves]), "rows": self.rows, "batch": self.size}

    def save(self) -> None:
        arrays = {**self.identity(), "x": self.x, "best_x": self.best_x, "history": self.history, "best": self.best,
                  "least": self.least, "waited": self.waited, "steps": self.method.steps, "memory": len(self.method.memory),
                  "random": json.dumps(self.generator.bit_generator.state, default=np.ndarray.tolist)}
        arrays |= {f"memory{j}": a for j, a in enumerate(self.method.memory)}
        write(self.plan.checkpoint, arrays)

    def restore(self) -> None:
        found = read(self.plan.checkpoint)
        require_match(self.plan.checkpoint, found, self.identity())
        self.x, self.best_x = found["x"], found["best_x"]
        self.history, self.best, self.least = found["history"].tolist(), float(found["best"]), float(found["least"])
        self.waited, self.method.steps = int(found["waited"]), int(found["steps"])
        self.method.memory = [found[f"memory{j}"] for j in range(int(found["memory"]))]
        state = json.loads(str(found["random"]))
        if state["bit_generator"] != self.generator.bit_generator.state["bit_generator"]:
            raise DataError(f"the checkpoint {self.plan.checkpoint} was drawn by {state['bit_generator']}; pass an rng of that "
                            "kind")
        self.generator.bit_generator.state = state


def rows_of(data: Sequence[Any], what: str = "data") -> int:
    """The number of examples; arrays of different lengths would be paired wrongly, so they are refused."""
    if not isinstance(data, list | tuple) or not all(isinstance(a, np.ndarray) and a.ndim for a in data):
        raise StructureError(f"{what} must be a tuple of arrays with one row per example, such as (X, y)")
    lengths = {len(a) for a in data}
    if len(lengths) > 1 or 0 in lengths:
        raise ShapeError(f"the arrays of {what} have {[len(a) for a in data]} rows; all need one number, not 0")
    return lengths.pop() if lengths else 1

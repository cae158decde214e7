"""Least squares over data that does not fit: 10⁷ residuals, 8 parameters, two workers, one of them killed in the middle.

The data of a shard are made on the worker from its number, as they would be read from a file. Peak memory is that of the
parent and of the largest worker. With --quick, 10⁴ residuals.
"""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dualdiff.optimize import least_squares

from ._report import Bar, Case, Report, main
from ._timing import Contender

START = [2.5, 0.3, 1.5, 2.0, 0.3, 0.2, 1.8, 0.0]
TRUTH = [3.0, 0.4, 2.0, 2.5, 0.5, 0.3, 2.0, 0.1]


def model(b: Any, t: Any) -> Any:
    return b[0] * np.exp(-b[1] * t) + b[2] * np.exp(-b[3] * t) + b[4] + b[5] * np.sin(b[6] * t + b[7])


def residual(b: Any, shard: int, rows: int, mark: str | None = None) -> Any:
    """The residuals of one shard. With ``mark``, the worker that meets shard 3 first is killed, once."""
    if mark is not None and shard == 3 and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    rng = np.random.default_rng(shard)
    t = rng.uniform(0, 4, rows)
    return model(b, t) - (model(TRUTH, t) + 0.01 * rng.normal(size=rows))


def killed(count: int, rows: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        mark = str(Path(folder) / "killed")
        found = least_squares(residual, START, args=(rows, mark), shards=range(count), executor=2).x
        if not Path(mark).exists():
            raise RuntimeError("no worker was killed: the run shows nothing")
        return found


def whole(count: int, rows: int) -> Any:
    return least_squares(residual, START, args=(rows,), shards=range(count), executor=2).x


def peak() -> float:
    """MB of this process and its largest child, twice, for there are two."""
    here, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (here + 2 * child) / 1024


def run(report: Report) -> None:
    count, rows = (5, 2_000) if report.quick else (100, 100_000)
    case = Case(f"{count} shards of {rows} residuals, 8 parameters, two workers",
                [Contender("all workers live", partial(whole, count, rows)),
                 Contender("one worker killed", partial(killed, count, rows), tolerance=0.0)], seconds=1.0)
    report.run(case)
    report.cases[-1]["bars"].append(report.judge(Bar("peak memory of parent and workers", lambda _: 0.0, 500, "MB"), peak()))


if __name__ == "__main__":
    main(__spec__.name, run)

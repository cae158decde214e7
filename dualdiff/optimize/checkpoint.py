"""Checkpoints: arrays in one .npz file, replaced as a whole, so that a run that is killed at any moment finds the last one."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from .result import Array, require, require_one_of


def require_file(checkpoint: Any, resume: Any) -> None:
    """Raise where there is no file to go on from, or a name is none."""
    require(checkpoint is None or isinstance(checkpoint, str | os.PathLike), "checkpoint", checkpoint, "the name of a file")
    require_one_of("resume", resume, (True, False))
    require(not resume or checkpoint is not None, "resume", resume, "False without checkpoint=, the file to go on from")


def write(path: Any, arrays: Mapping[str, Any]) -> None:
    """Write arrays (numbers and texts too) to ``path``, completely or not at all: a new file beside it, then a rename."""
    path = Path(path)
    if not path.parent.is_dir():
        raise DataError(f"the checkpoint {path} cannot be written: there is no directory {path.parent}")
    if path.is_dir():
        raise DataError(f"the checkpoint {path} cannot be written: it is a directory")
    try:
        with whole(path) as file:
            np.savez(file, **{name: np.asarray(a) for name, a in arrays.items()})  # type: ignore[arg-type]
    except OSError as error:
        raise DataError(f"the checkpoint {path} cannot be written: {error.strerror or error}") from error


@contextmanager
def whole(path: Path) -> Iterator[Any]:
    """A file beside ``path`` that takes its place by a rename once all is written: a reader finds the old or the new."""
    part = path.with_name(f".{path.name}.part")  # one name: what a killed run left of it, the next one writes over
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the bytes must be there before the name is
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(path: Any) -> dict[str, Array]:
    """The arrays of a checkpoint. Raises DataError where it is no such file; nothing in it is ever executed."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise DataError(f"{path} is no checkpoint, or damaged ({type(error).__name__}); name another file, or pass "
                        "resume=False") from error


def require_match(path: Any, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise where a checkpoint belongs to another problem: each entry of ``wanted`` must be in it, equal."""
    for name, value in wanted.items():
        if name not in found or not np.array_equal(found[name], np.asarray(value)):
            there = np.array2string(found[name], threshold=6) if name in found else "nothing"
            raise DataError(f"the checkpoint {path} belongs to another run: its {name} is {there}, here it is "
                            f"{np.array2string(np.asarray(value), threshold=6)}. Name another file, or pass resume=False")

"""Optional packages, imported when a command needs them; a missing one is answered with the extra that installs it."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import MissingExtraError


def optional(module: str) -> Any:
    """The module, of a package that the extra ``fit`` installs. Raises MissingExtraError."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(f"{package} cannot be imported ({error}). It comes with the extra 'fit': in a clone of "
                                'dualdiff, pip install ".[fit]"') from error

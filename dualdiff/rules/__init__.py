"""The mathematics: one row per function, the only place where a derivative is written."""

from . import bilinear, composite, constant, elementwise, formula, gather, linear  # noqa: F401 - importing fills the table
from .registry import ROWS, Row, name_of

__all__ = ["ROWS", "Row", "name_of"]

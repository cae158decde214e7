"""What stands in notes: the kinds of operations, and of operands that are constants."""

from __future__ import annotations

from typing import Any

INPUT, NUMBER, ARRAY, INDEX = "input", "number", "array", "index"
ITEM, TAKE, MOVE, SUM, PRODUCT, ROW, JOIN, WHERE = "item", "take", "move", "sum", "product", "row", "join", "where"
FOLD, RUNNING = "fold", "running"
CONSTANTS = (NUMBER, ARRAY, INDEX)


def index_of(key: Any) -> Any:
    """The index of a note."""
    if type(key) is not tuple:
        return key
    return slice(*key[1:]) if key[0] == "slice" else tuple(map(index_of, key[1:]))

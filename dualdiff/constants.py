"""stop_gradient: the user's own word that something is a constant."""

from __future__ import annotations

from typing import Any

from .dispatch import stripped


def stop_gradient(x: Any) -> Any:
    """x as a constant: its value, without the derivative of any level. Lists, tuples and dicts are taken apart.

    >>> from dualdiff import derivative
    >>> derivative(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    if isinstance(x, dict):
        return type(x)((name, stop_gradient(part)) for name, part in x.items())
    if isinstance(x, list | tuple):
        parts = [stop_gradient(part) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return stripped(x)

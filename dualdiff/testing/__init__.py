"""Is the derivative right? A verdict on your own function, from differences that know nothing of dual numbers."""

from .check import DerivativeCheck, Entry, check_derivatives

__all__ = ["DerivativeCheck", "Entry", "check_derivatives"]

"""Is the derivative right? A verdict on your own function or rule, from differences that know nothing of dual numbers."""

from .check import DerivativeCheck, Entry, check_derivatives
from .rule import Law, RuleCheck, check_rule

__all__ = ["DerivativeCheck", "Entry", "Law", "RuleCheck", "check_derivatives", "check_rule"]

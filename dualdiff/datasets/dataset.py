"""What a data set is: numbers to learn from, numbers or classes to predict, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Certified:
    """Results of a regression that an authority vouches for, to as many digits as it gives.

    ``coefficients`` and ``standard_deviations`` are ordered by rising power of x, shape (p,); ``residual_sd``
    is the standard deviation of the residuals, ``residual_ss`` the sum of their squares.
    """

    coefficients: NDArray[np.float64]
    standard_deviations: NDArray[np.float64]
    residual_sd: float
    residual_ss: float

    def __repr__(self) -> str:
        return f"Certified(coefficients={self.coefficients.tolist()}, residual_sd={self.residual_sd})"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """``data`` of shape (n, d) and a ``target`` of shape (n,), both the caller's own to change.

    The target holds floats, or integers 0, 1, … that index ``target_names``; ``target_names`` is empty for
    numbers. ``certified`` is given where an authority publishes the right answer.
    """

    name: str
    data: NDArray[np.float64]
    target: NDArray[Any]
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]
    source: str
    licence: str
    certified: Certified | None = None

    def __repr__(self) -> str:
        n, d = self.data.shape
        shown = ", ".join(self.target_names[:5]) + (", …" if len(self.target_names) > 5 else "")
        what = f"{len(self.target_names)} classes: {shown}" if self.target_names else "numbers to predict"
        certified = ", certified" if self.certified else ""
        return f"<Dataset {self.name}: {n} rows × {d} feature{'s' * (d != 1)}, {what}{certified}>"

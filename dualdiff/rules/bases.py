"""Bases of the spaces of repeated eigenvalues, chosen run by run, so that functions that need no basis come out right.

Let f(A) = h(w, V) be differentiable and not depend on the basis V of a space of m equal values. Of a perturbation, only its
block P in that space matters here, and df = ⟨S, P⟩ with a Hermitian S that one run cannot see: in the basis V R the program
yields ∂h/∂wᵢ = (Rᴴ S R)ᵢᵢ, a diagonal. So the function runs several times, each run with its own R and its own dw in the
space, all else alike:

* ``DIAGONAL``: R = 1, dwᵢ = Pᵢᵢ;
* a round of a tournament that pairs all i and j over m - 1 rounds: the columns (vᵢ ± vⱼ)/√2, dw = ± the part of P between
  them, Re Pᵢⱼ; for complex matrices once more with (vᵢ ± i vⱼ)/√2, Im Pᵢⱼ;
* ``NOTHING``: R of no particular angle, dw = 0: what is there besides, which every run counts.

df = DIAGONAL + Σ rounds - (number of rounds) · NOTHING. If the values of the runs differ, the function depends on the basis
and has no derivative. If ``PERMUTED`` (R exchanges the vectors, dwᵢ = Pᵢᵢ) differs from DIAGONAL, it is continuous with a
kink, such as the largest eigenvalue; then ``MEAN`` (dwᵢ = tr P / m) is taken, as at ties elsewhere.

Along one direction the basis is turned so that P is diagonal and nothing is missing; ``NOTHING`` tells whether the value
depends on the basis, ``FLIPPED`` (other signs) whether the derivative does where the value vanishes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

DIAGONAL, NOTHING, PERMUTED, MEAN, FLIPPED = -1, -2, -3, -4, -5


class Bases:
    """Which basis the run at hand takes; it also learns how many rounds all spaces that the run met need."""

    __slots__ = ("reason", "rounds", "run")

    def __init__(self, run: int = DIAGONAL) -> None:
        self.run, self.rounds, self.reason = run, 0, ""

    def turns(self, same: Any, dtype: Any) -> tuple[Any, Any]:
        """For groups of equal values (…, n, n): R, of the same shape, and the matrix M of dw = M diag(Rᴴ P R)."""
        R, M = np.zeros(same.shape, dtype), np.zeros(same.shape)
        for place, block in blocks(same):
            R[place][block, block], M[place][block, block] = self.block(block.stop - block.start, np.dtype(dtype).kind == "c")
        return R, M

    def block(self, m: int, is_complex: bool) -> tuple[Any, Any]:
        one = np.eye(m)
        if m == 1 or self.run == DIAGONAL:
            self.rounds = max(self.rounds, rounds_for(m) * (1 + is_complex)) if m > 1 else self.rounds
            return one, one
        if self.run == PERMUTED:
            return np.roll(one, 1, axis=1), one
        if self.run in (NOTHING, MEAN):
            return generic(m, is_complex), np.full((m, m), 1 / m if self.run == MEAN else 0.0)
        return paired(m, self.run, is_complex)


def blocks(same: Any) -> Iterator[tuple[tuple[int, ...], slice]]:
    """The place in the batch, and where along both axes it lies, of each group of equal values."""
    for place in np.ndindex(same.shape[:-2]):
        stop = 0
        while stop < same.shape[-1]:
            start, stop = stop, stop + int(np.count_nonzero(same[place][stop]))
            yield place, slice(start, stop)


def flips(m: int, is_complex: bool) -> Any:
    """Signs, or phases, that differ from one."""
    return np.exp(1j * np.arange(1.0, m + 1)) if is_complex else np.where(np.cos(2.0 + np.arange(m) ** 2) < 0, -1.0, 1.0)


def rounds_for(m: int) -> int:
    return m - 1 if m % 2 == 0 else m


def generic(m: int, is_complex: bool) -> Any:
    r = np.random.default_rng(m)
    a = r.standard_normal((m, m)) + (1j * r.standard_normal((m, m)) if is_complex else 0)
    return np.linalg.qr(a)[0]


def paired(m: int, run: int, is_complex: bool) -> tuple[Any, Any]:
    """Round ``run`` of the tournament in which each meets each (the circle method); idle where all its rounds are over."""
    count = rounds_for(m)
    R, M = np.eye(m, dtype=complex if is_complex else float), np.zeros((m, m))
    if run >= count * (1 + is_complex):
        return R, M
    phase = 1 if run < count else 1j
    run %= count
    pairs = [((run + i) % count, (run - i) % count) for i in range(1, (count + 1) // 2)]
    if m % 2 == 0:
        pairs.append((m - 1, run))
    for i, j in pairs:
        R[[i, i, j, j], [i, j, i, j]] = np.array([1, 1, phase, -phase]) / np.sqrt(2)
        M[[i, i, j, j], [i, j, i, j]] = [0.5, -0.5, -0.5, 0.5]
    return R, M

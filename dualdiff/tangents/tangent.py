"""Tangent: the ε-part of a dual array, a short sum of coefficient × leaf.

Elementwise operations touch coefficients only, whatever the number of directions; structural operations move coefficient
and leaf alike; contractions look inside a leaf. Tangents are immutable: every operation returns another; the terms alone may
be held otherwise, as one array of the same numbers (`for_formula`).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .assemble import assembled, gradient_row, small_sum, written_out
from .coefficients import chained, finite, generic, seen_finite
from .contraction import SMALL, small_way
from .join import LONGEST, NUMBER, SORTING, merged_terms, one_parameters, worth_filling
from .leaf import Leaf, as_many, dense_leaf, moved_array
from .level import CareNeeded, Level
from .moves import Contraction, Item, Map, Move, Shape, Total
from .ragged import Ragged, mapped_again, sparsely_mapped
from .tape import Copy, TapeLeaf, record

new = object.__new__
MAX_TERMS = 8  # more leaves are merged: each costs one pass per operation
BESIDE = 1 << 12  # entries of a seed that is written out to be multiplied
CARRIED = 3  # narrow terms of a small array that are not worth an array of all directions


class Tangent:
    """Σ coefficient ⊙ leaf of shape S. ``terms`` maps each leaf to its coefficient; None is the coefficient 1."""

    __slots__ = ("shape", "terms")

    def __init__(self, terms: dict[Any, Any], shape: Shape) -> None:
        self.terms, self.shape = terms, shape

    def __repr__(self) -> str:
        kinds = ", ".join("tape" if type(leaf) is TapeLeaf else "one direction" if leaf.k is None else
                          f"{'dense' if leaf.is_dense else 'ragged' if type(leaf) is Ragged else 'sparse'} {leaf.width}"
                          for leaf in self.terms)
        return f"Tangent(shape={self.shape}, leaves: {kinds or 'none'})"

    @property
    def is_constant(self) -> bool:
        return not self.terms

    # ---- elementwise: coefficients only
    def broadcast(self, shape: Shape) -> Tangent:
        return Tangent({leaf.broadcast(shape): coef for leaf, coef in self.terms.items()}, shape)

    def converted(self, kind: Any, wide: Any) -> Tangent:
        """In another type, unless the sweep's own is wider."""
        return Tangent({leaf: np.ones((), kind) if c is None else c if hasattr(c, "level") or wide else
                        np.asarray(c).astype(kind) for leaf, c in self.terms.items()}, self.shape)

    def scaled(self, p: Any, shape: Shape) -> Tangent:
        """p ⊙ self, for a partial p (None: 1) that broadcasts with self to shape."""
        t = self if self.shape == shape else self.broadcast(shape)
        if p is None:
            return t
        terms: dict[Any, Any] = {}
        last: Any = self
        r: Any = None
        for leaf, c in t.terms.items():
            if c is not last:  # terms often share one coefficient: multiply it once
                last, r = c, p if c is None else c * p
            terms[leaf] = r
        return Tangent(terms, shape)

    def chained(self, p: Any, shape: Shape, f: Any) -> Tangent:
        """``scaled`` under the strong zero; f is the value of the result."""
        t = self if self.shape == shape else self.broadcast(shape)
        if t.terms and t.level.generic:
            p = generic(p, type(f) is float)  # a formula's coefficient: its zeros say what does not take part
        return Tangent({leaf: p if c is None else chained(c, p, f) for leaf, c in t.terms.items()}, shape)

    def plus(self, other: Tangent) -> Tangent:
        """The sum of two tangents of one shape: where both hold a leaf, its coefficients are added."""
        terms = dict(self.terms)
        for leaf, c in other.terms.items():
            if leaf in terms:
                have = terms[leaf]
                terms[leaf] = (1.0 if have is None else have) + (1.0 if c is None else c)
            else:
                terms[leaf] = c
        t = Tangent(terms, self.shape)
        return t.fewer() if len(terms) > 2 else t

    def or_where(self, keep: Any, other: Tangent, f: Any) -> Tangent:
        """The tangent where ``keep`` holds, and the other elsewhere, for a result f."""
        shape = f.shape
        s, t = (t if t.shape == shape else t.broadcast(shape) for t in (self, other))
        keep = keep if keep.shape == shape else np.broadcast_to(keep, shape)
        unit = np.ones((), getattr(f, "dtype", float))
        terms = {}
        for leaf, c in s.terms.items():
            d = t.terms.get(leaf, 0)
            terms[leaf] = np.where(keep, unit if c is None else c, unit if d is None else d)
        terms |= {leaf: np.where(keep, 0, unit if d is None else d) for leaf, d in t.terms.items() if leaf not in terms}
        merged = Tangent(terms, shape)
        return merged.fewer() if len(terms) > 2 else merged

    # ---- structure: coefficient and leaf alike
    def gather(self, move: Move) -> Tangent:
        terms = {}
        for leaf, c in self.terms.items():
            if c is None and leaf.k is not None:
                pass
            elif c is not None and np.ndim(c):
                c = moved_array(c, move, 0, self.shape, 0)
            elif leaf.k is None and type(leaf) is not TapeLeaf and move.fills:
                c = move.apply(np.broadcast_to(1.0 if c is None else c, self.shape))
            terms[leaf.gather(move)] = c
        return Tangent(terms, move.out_shape)

    def item(self, index: Any, key: Any, out_shape: Shape) -> Tangent:
        """``gather`` for an index: programs take the same slices again and again, so the leaf's memo is asked first."""
        move: Any = None
        terms: dict[Any, Any] = {}
        shape = self.shape
        for leaf, c in self.terms.items():
            moved = leaf.memo.get(key)
            if c is None and (moved is not None or type(index) is slice):
                terms[leaf.sliced(index, key, out_shape) if moved is None else moved] = None
                continue
            if moved is None or (c is not None and c.__class__ is np.ndarray and c.shape != shape):
                move = Item(shape, out_shape, index, key) if move is None else move
                moved = leaf.gather(move)
            if c.__class__ is np.ndarray:
                c = c[index] if c.shape == shape else moved_array(c, move, 0, shape, 0)
            elif c is not None and getattr(c, "shape", None):
                c = (c if c.shape == shape else np.broadcast_to(c, shape))[index]
            terms[moved] = c
        t = new(Tangent)
        t.terms = terms
        t.shape = out_shape
        return t

    # ---- contractions and general linear maps
    def contract(self, op: Contraction) -> Tangent:
        if not self.terms:
            return Tangent({}, op.out_shape)
        if type(next(iter(self.terms))) is TapeLeaf:
            return Tangent({record(self.watched(), op.recorded()): None}, op.out_shape)
        t = (self.for_formula() if op.constant else self).one_dense()
        if op.constant and (small := t.small_contracted(op)) is not None:
            return small
        terms: dict[Any, Any] = {}
        for leaf, c in t.watched():
            moved, m = leaf.contract(c, op)
            if moved.too_wide and type(moved) is not Ragged and leaf.k <= SORTING * leaf.breadth:
                # an array of all directions takes one product of matrices
                filled = dense_leaf(leaf.level, Tangent({leaf: c}, self.shape).dense(dtype=None), self.shape)
                moved, m = filled.contract(None, op)
            elif moved.too_wide:
                moved, m = merged_terms([(moved, m)], op.out_shape)
            if 0 not in moved.width or moved.cols is None:  # else no direction of this sweep is left in it
                terms[moved] = m
        return Tangent(terms, op.out_shape)

    def small_contracted(self, op: Contraction) -> Tangent | None:
        """The contraction of small arrays of all directions with a constant by one plain product; else None."""
        level, k = self.level, next(iter(self.terms)).k
        other, others = op.constant[0]
        if k is None or level.careful or level.patterned or \
                (way := small_way(op.labels, self.shape, others, other.shape, op.result, k)) is None or \
                (data := small_sum(self.terms, way.full)) is None:
            return None
        meter = level.meter
        if meter is not None:
            meter.charge(way.entries)
            meter.spend(k * way.work, way.work)
        r = way.multiply(data, other)
        if meter is not None:
            meter.hold(r)
        return Tangent({dense_leaf(level, r, op.out_shape): None}, op.out_shape) if finite(r) else None

    def total(self) -> Tangent:
        """The sum over every axis."""
        shape = self.shape
        terms: dict[Any, Any] = {}
        others: dict[Any, Any] = {}
        for leaf, c in self.terms.items():
            if leaf.k is None:
                if type(leaf) is TapeLeaf:
                    return Tangent({record(self.watched(), Total(shape)): None}, ())
                self.watch()
                c = c if getattr(c, "shape", None) == shape else np.broadcast_to(1.0 if c is None else c, shape)
                return Tangent({leaf: np.add.reduce(c, axis=None) if type(c) is np.ndarray else np.sum(c)}, ())
            found = leaf.total(c)  # whose coefficient is watched as a factor, by whatever reads it
            if found is None:
                others[leaf] = c
                continue
            moved, terms[moved] = found
        if others:
            op = Contraction([*map(str, range(len(shape)))], shape, (), None, (), self.level)
            terms |= Tangent(others, shape).contract(op).terms
        return Tangent(terms, ())

    def linear(self, op: Map) -> Tangent:
        """A general linear map: every direction is needed at every element, so the leaves are made dense."""
        if not self.terms:
            return Tangent({}, op.out_shape)
        if self.on_tape:
            return Tangent({record(self.watched(), op): None}, op.out_shape)
        leaf = next(iter(self.terms))
        if op.row.local:
            terms = dict(leaf.mapped(c, op) for leaf, c in self.watched())
            return Tangent(terms, op.out_shape)
        if op.row.matrix is not None and leaf.k is not None and not all(each.is_dense for each in self.terms):
            return self.mapped_sparsely(op)
        data = self.dense()
        if leaf.level.meter is not None:
            leaf.level.meter.beside(self.shape)  # in, out, and what the map makes between them, perhaps complex
            leaf.level.meter.charge(4 * (leaf.k or 1) * max(prod(self.shape), prod(op.out_shape)))
            leaf.level.meter.spend((leaf.k or 1) * prod(self.shape), prod(self.shape))
        data = op.apply(data, 0 if leaf.k is None else 1)
        return Tangent({leaf: data} if leaf.k is None else {dense_leaf(leaf.level, data, op.out_shape): None},
                       op.out_shape)

    def mapped_sparsely(self, op: Map) -> Tangent:
        """A linear map whose matrix is sparse: what is sparse stays so."""
        sparse = [(leaf, c) for leaf, c in self.watched() if not leaf.is_dense]
        known = self.level.geometry
        if known is not None and all(leaf.kept and leaf.breadth == 1 for leaf, _ in sparse):
            leaf = mapped_again(known, sparse, self.shape, op)
        else:
            matrix = op.row.matrix(self.shape, *op.args, **op.options)  # type: ignore[misc]
            leaf = sparsely_mapped(sparse, self.shape, matrix, op.out_shape)
        t = Tangent({leaf: None}, op.out_shape)
        rest = Tangent({leaf: c for leaf, c in self.terms.items() if leaf.is_dense}, self.shape)
        return t.plus(rest.linear(op)) if rest.terms else t

    # ---- terms
    @property
    def on_tape(self) -> bool:
        return type(next(iter(self.terms), None)) is TapeLeaf

    @property
    def level(self) -> Level:
        level: Level = next(iter(self.terms)).level
        return level

    def watched(self) -> list[tuple[Any, Any]]:
        """The terms, about to be consumed: a quick sweep stops here if a coefficient is infinite or NaN."""
        self.watch()
        return list(self.terms.items())

    def watch(self) -> None:
        careful: Any = None
        last: Any = None
        for leaf, c in self.terms.items():
            if careful is None:
                careful = leaf.level.careful
            if not careful and c is not last and c is not None and not seen_finite(leaf.level, c):
                raise CareNeeded(leaf.level)
            last = c

    def one_dense(self) -> Tangent:
        """Dense terms that vary along the whole shape added into one, before a contraction pays for each."""
        if len(self.terms) < 2:
            return self
        full = [(leaf, c) for leaf, c in self.terms.items() if leaf.is_dense and leaf.k is not None and leaf.is_full]
        if len(full) < 2:
            return self
        leaf, c = merged_terms(full, self.shape)
        merged = dict(full)
        return Tangent({other: d for other, d in self.terms.items() if other not in merged} | {leaf: c}, self.shape)

    def fewer(self) -> Tangent:
        """The same with at most MAX_TERMS terms, two dense ones, and of small arrays as few as pay: a term that is carried
        costs a coefficient in each operation that follows, and a shift or a stencil makes several of it.
        """
        t, leaf = self, next(iter(self.terms))
        k, shape = leaf.k, self.shape
        if k is not None and shape != () and not one_parameters(leaf) and not leaf.level.patterned:
            size = k * prod(shape)
            dense = {leaf: c for leaf, c in self.terms.items() if leaf.is_dense and not hasattr(c, "eps") and
                     (size <= SMALL or (len(leaf.factors) == 1 and leaf.factors[0].size == size))}
            if len(dense) > 2:
                rest = {leaf: c for leaf, c in self.terms.items() if leaf not in dense}
                t = Tangent({Tangent(dense, shape).as_leaf(): None} | rest, shape)
            if size <= SMALL and len(t.terms) > (1 if dense else CARRIED) and any(leaf.numbers() for leaf in t.terms):
                t = t.filled()
        return t.merged() if len(t.terms) > MAX_TERMS else t

    def filled(self) -> Tangent:
        """The same with one term, where that is worth it."""
        if len(self.terms) < 2 or not worth_filling(self):
            return self
        return Tangent({self.as_leaf(): None}, self.shape)

    def for_formula(self) -> Tangent:
        """The same as a formula of matrices wants it, which runs its products for each term: small ones with one."""
        terms = self.terms
        if len(terms) > 1:
            k, level = next(iter(terms)).k, self.level
            if k is not None and k * prod(self.shape) <= SMALL and not level.patterned \
                    and sum(leaf.breadth for leaf in terms) >= k and not any(hasattr(c, "eps") for c in terms.values()):
                t = Tangent({self.as_leaf(): None}, self.shape)
                if type(self) is Tangent:
                    self.terms = t.terms  # for the products that follow
                return t
        return self

    def beside(self, other: Tangent) -> Tangent:
        """The same for a product with a dual of ``other``: if that is an array of all directions, and this small, one too."""
        leaf = next(iter(self.terms), None)
        if leaf is None or leaf.k is None or leaf.k * prod(self.shape) > BESIDE or leaf.level.careful or \
                leaf.level.patterned or not all(leaf.is_dense for leaf in other.terms):
            return self
        return Tangent({leaf if leaf.is_dense else written_out(leaf): c for leaf, c in self.terms.items()}, self.shape)

    def as_leaf(self) -> Leaf:
        """All terms as one."""
        return merged_terms(list(self.terms.items()), self.shape)[0]

    def merged(self) -> Tangent:
        """Fewer terms. On a tape, one node; else the narrower ones become one leaf, and a wider one joins them only once
        they are half as wide together, so that a growing sum is copied a logarithmic number of times, or too many are left. A
        number's row of all directions takes them where they would be sorted.
        """
        if self.on_tape:
            leaf = next(iter(self.terms))
            edges = tuple((Copy(self.shape, self.shape), parent, c) for parent, c in self.watched())
            return Tangent({TapeLeaf(leaf.level, self.shape, edges): None}, self.shape)
        terms = sorted(self.watched(), key=lambda term: term[0].breadth)
        few, wide = 2, terms[0][0].breadth + terms[1][0].breadth
        while few < len(terms) and (terms[few][0].breadth <= 2 * wide or len(terms) - few >= MAX_TERMS):
            wide += terms[few][0].breadth
            few += 1
        if self.shape == () and terms[-1][0].is_dense and NUMBER * wide < terms[-1][0].k <= LONGEST:
            few = len(terms)
        leaf, c = merged_terms(terms[:few], self.shape)
        return Tangent({leaf: c} | dict(terms[few:]), self.shape)

    def dense(self, trailing: bool = False, dtype: Any = float) -> Any:
        """As one array: (k, *S), or (*S, k) with the directions trailing; S for a single direction without an axis."""
        terms = self.terms
        leaf = next(iter(terms))
        self.watch()
        if self.shape == () and leaf.affine and (row := gradient_row(terms, leaf.k, dtype)) is not None:
            return row
        if len(terms) > 1:
            as_many(terms)
        if leaf.k is None:
            c = terms[leaf]
            if (type(c) is np.ndarray or hasattr(c, "level")) and c.shape == self.shape:
                return c.copy()
            return np.broadcast_to(np.ones((), dtype) if c is None else c, self.shape).copy()
        array = assembled(terms, self.shape, leaf.k, dtype, trailing)
        return array.copy() if any(array is a for a in leaf.numbers()) else array

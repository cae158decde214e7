"""Functions whose derivative is zero or whose result is not a real array; and those refused, with the reason."""

from __future__ import annotations

import numpy as np

from .registry import constant, refused

constant("the result is an index or a count",
         np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.searchsorted,
         np.digitize, np.count_nonzero, np.lexsort, np.ndim, np.shape, np.size, np.linalg.matrix_rank)
constant("the result is a truth value",
         np.all, np.any, np.allclose, np.isclose, np.array_equal, np.array_equiv, np.iscomplexobj, np.isrealobj,
         np.isreal, np.iscomplex, np.isposinf, np.isneginf, np.may_share_memory, np.shares_memory, np.isin)
constant("a description of the type", np.result_type, np.can_cast, np.min_scalar_type, np.common_type)
constant("the derivative is zero wherever it exists", np.around, np.round, np.fix)
constant("text for a person: the value, marked as dual",  np.array_repr, np.array_str, np.array2string)
constant("a new array of the same shape: nothing of the input's value is kept", np.ones_like)

refused("it would copy into a plain array and drop the derivative; build the result with numpy.concatenate, numpy.stack "
        "or numpy.where, or assign into numpy.zeros_like(x)", np.copyto, np.put, np.place, np.putmask)
refused("a file keeps the value only; save x.value and x.tangent", np.save, np.savetxt, np.savez)

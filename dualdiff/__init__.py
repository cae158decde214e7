"""dualdiff: exact derivatives of the NumPy code you already have, by dual numbers.

The map of the house; imports point upwards only.

    errors.py        one class per mistake a user can make
    allocator.py     freed memory stays with the process
    errstate.py      NumPy's floating-point settings, made once
    policies.py      what sweeps watch for where the user asks: kinks, equalities, derivatives that are not finite
    rules/           the mathematics: one row per function, in the file of its kind; registry.py says what the kinds are;
                     rarer ones are read when they are first met
    floating.py      floating-point events: the user's own warn as they always do, those of partials do not
    tangents/        the ε-part, Σ coefficient × leaf: level, coefficients, contraction, moves (linear maps), leaf (sparse and
                     dense), geometry (what its shapes tell), ragged (lists of entries), tape, replay (it read forwards), work
                     (its cost), assemble and blocks, csr and recipes (sparse matrices), join (joined: put off; scalars,
                     writes), tangent, deferred (of large arrays, in slabs that stay in the cache), differential (the tangent
                     inside a formula), meter (the memory of a sweep), undefined (a result without a derivative, which raises
                     when it is used), watch (what policies look at)
    memory.py        the log of what was written to an array
    views.py         its views: how all of them are written and read
    subclasses.py    arrays of other classes beside duals: masked arrays and matrices are refused by name
    dual.py          Dual: one dual number, plain-Python arithmetic
    reading.py       what they show: the tangent as an array, the type, the text
    dual_array.py    DualArray: storage, views, items; dual_scalar.py: one element of it
    plans/           short programs: notes of what they did, graphs of such notes, derivatives of graphs, code made of these;
                     those without branches, read from their code (straight, trace), are replayed instead of run
    operands.py      what may stand beside a dual in an operation
    elementwise.py   what an elementwise operation does to value and ε-part
    equalities.py    x == c that is true of a perturbed x: a warning, an error or nothing
    forms.py         arguments in the form the rules need: lifted, levels told apart, stop_gradient
    assignment.py    arrays that are written to
    creation.py      new arrays to write to: zeros_like and its kin, like=
    handlers.py      what the other kinds of row do
    dispatch.py      NumPy's functions and methods: each looks up its row
    ufunc_forms.py   the methods of ufuncs (reduce, accumulate, reduceat, outer, at) and the keywords of their calls
    operators.py     Python's operators and NumPy's ufuncs, generated from the rows
    methods.py       the rest of what NumPy's arrays have: in place, or refused by name
    math_functions.py   Python's math and cmath for lifted programs
    lifted_calls.py     its float, complex and hasattr, and np.float64
    standins.py         what stands in for NumPy in lifted programs
    lifted_classes.py   objects of the user's in such programs: their methods made anew
    lifted_names.py     the globals of such programs, and what looks names up in them
    lifting.py          lift: programs that allocate plain arrays, run as they are
    transforms/      seeds in, derivatives out: forward, sparse, sparsity, reverse, second, linear, choice, checkpoint; inputs,
                     sweep, results and trees serve all, chunks splits a sweep into parts, spread hands them to an executor,
                     batch seeds samples alike
    custom.py        custom_rule: a row for the user's own function
    symbolic.py      the same rules on SymPy expressions; from_sympy
    testing/         check_derivatives and check_rule: a verdict on the user's own function and rule
    optimize/        least squares and curve_fit (parameters, residuals, spectrum, levenberg, attempts, fit_result), gradient
                     descent, stochastic descent, Newton, SciPy's minimisers; trail is what descents share: callbacks, clock,
                     Ctrl-C; workers sends shards to executors; checkpoint writes files that survive being killed
    implicit/        roots, fixed points, minima, sparse systems, differential equations: by the theorems that define them
    scipy/           SciPy's functions for lifted programs, a file for each of its modules; lift meets them in counterparts
    models/          linear and logistic regression, networks: users of the public names only
    datasets/        small real data, shipped; a reader for the user's own tables
    cli/             what the command line does; __main__.py reads its arguments
"""

import sys
from typing import TYPE_CHECKING, Any

if sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)] == __name__:  # as a command: Ctrl-C during imports is no traceback
    import os
    import signal
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from . import allocator as _allocator
from . import dispatch as _dispatch  # noqa: F401 - gives the classes NumPy's functions
from . import methods as _methods  # noqa: F401 - what else NumPy's arrays have
from . import operators as _operators  # noqa: F401 - and its operators
from .dual import Dual
from .dual_array import DualArray
from .errors import DerivativeWarning, DualdiffError
from .forms import stop_gradient
from .policies import equality, kinks, trace_nonfinite

if TYPE_CHECKING:
    from .custom import custom_rule
    from .implicit import fixed_point, root
    from .lifting import lift
    from .symbolic import from_sympy
    from .transforms import derivative, gradient, hessian, hvp, jacobian, jvp, value_and_gradient, value_and_jacobian, vjp
    from .transforms.checkpoint import checkpoint
    from .transforms.choice import explain
    from .transforms.linear import linearize
    from .transforms.sparsity import sparsity

__all__ = ["DerivativeWarning", "Dual", "DualArray", "DualdiffError", "checkpoint", "custom_rule", "derivative", "equality",
           "explain", "fixed_point", "from_sympy", "gradient", "hessian", "hvp", "jacobian", "jvp", "kinks", "lift",
           "linearize", "root", "sparsity", "stop_gradient", "trace_nonfinite", "value_and_gradient", "value_and_jacobian",
           "vjp"]
__version__ = "0.1.0"

# Found when they are first asked for, so that importing stays a matter of milliseconds.
_LATER = {"checkpoint": "transforms.checkpoint", "custom_rule": "custom", "explain": "transforms.choice",
          "fixed_point": "implicit", "from_sympy": "symbolic", "lift": "lifting", "linearize": "transforms.linear",
          "root": "implicit", "sparsity": "transforms.sparsity",
          **dict.fromkeys(("derivative", "gradient", "hessian", "hvp", "jacobian", "jvp", "value_and_gradient",
                           "value_and_jacobian", "vjp"), "transforms")}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'dualdiff' has no attribute {name!r}")
    from importlib import import_module
    found = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


_allocator.settle()

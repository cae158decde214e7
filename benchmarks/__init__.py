"""What derivatives cost: one file per question.

``python -m benchmarks [NAME …] [--quick] [--peers] [--out DIR]`` runs all, or those named, and gathers their figures on a page;
``python -m benchmarks.NAME [--quick] [--peers] [--json FILE]`` runs one. At the end stands what was promised, the worst that
was measured of it, and whether it holds (bars.csv, and on the page).

    sparse_jacobians          sparse Jacobians and Hessians, from nothing and again, against those written by hand
    jacobian_mlp              the Jacobian of a network's residuals, against the one an expert writes by hand
    elementwise_directions    300 directions through ten elementwise operations
    gradients                 Rosenbrock and Ackley, n = 10 … 100 000, forward and reverse, against peers
    optimisers                logistic regression, Adam, Levenberg-Marquardt and uncertainties, derivatives of different origin
    scipy_solvers             SciPy's solvers with our derivatives and with their own differences; how often f ran
    scipy_programs            programs that call SciPy, as they stand: against gradients by hand, differences and JAX
    nist                      NIST's certified regressions: digits reached from both starting points, beside SciPy and lmfit
    small_fits                curve_fit where overhead is all: time, model runs and digits, beside SciPy's
    training                  small networks to the same loss, or for the same epochs, beside scikit-learn's
    shards                    ten million residuals in shards on two workers, one of which is killed: time and memory
    scalar_dual               Dual against the leanest class that can hold a dual number
    element_loops             loops in plain Python that fill an array element by element, against the textbook's array
    operators                 gradients of losses, Hessians times vectors, checkpoints: in runs of f
    forward_reverse           forward, reverse, auto and five others over n inputs × m outputs; the lecture's graphs
    scaling                   cost over inputs, outputs, directions, depth and loops: fitted slopes
    limits                    the machine's bandwidth, ufuncs and dgemm; bulk elementwise work as a share of them
    batches                   10⁵ small Jacobians, of samples that do not depend on each other
    threads                   directions on two threads
    dispatch                  what NumPy's protocols add to a rule, and what lift adds to a function
    import_time               what `import dualdiff` adds to `import numpy`, and the size of the package

Files that begin with an underscore are shared. Every contender's answer is compared with the others' before any clock
runs; timings are interleaved in one process; a ratio is the median of ratios of neighbours in time.
"""

import os

# One thread for everybody: threads of BLAS make the small products of a sweep slower, and its timings restless. Set
# before NumPy is imported, and printed with the machine; a value that the caller has set is kept.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

"""SciPy's special functions: every ufunc is in one list, every partial agrees with mpmath at fifty digits and more."""

import re
import subprocess
import sys
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
import scipy
import scipy.special as sp
from special_cases import HOLOMORPHIC, MORE, ONE, PHASES, PLANE, TWO, Integral, Solved, slope

import dualdiff as dd
from dualdiff.rules import name_of, row_of
from dualdiff.rules.registry import Constant, Elementwise, Refused

ROOT = Path(__file__).parent.parent
DIGITS = 70
CLOSE = 1e-12
SCIPY = tuple(map(int, scipy.__version__.split(".")[:2]))
KELVIN = (1e-10, "SciPy's Kelvin functions have ten digits (Zhang & Jin's polynomials)")
INVERSE = (1e-10, "SciPy's inverse, at which the derivative is taken, has eleven digits")
COARSER = {
    **dict.fromkeys(("ber", "bei", "ker", "kei", "berp", "beip", "kerp", "keip", "kelvin[0]", "kelvin[1]", "kelvin[2]",
                     "kelvin[3]"), KELVIN),
    **dict.fromkeys(("fdtridfd", "stdtridf", "bdtrin", "bdtrik", "nbdtrik"), INVERSE),
    "voigt_profile": (1e-11, "∂/∂σ is a difference of two terms a hundred times as large"),
}
# Inputs that refuse to be perturbed, by position, for no formula is known or the input is a count.
UNKNOWN = {
    "bdtr": "01", "bdtrc": "01", "bdtri": "01", "besselpoly": "12", "chndtr": "1", "chndtrinc": "1", "chndtrix": "1",
    "eval_chebyc": "0", "eval_chebys": "0", "eval_chebyt": "0", "eval_chebyu": "0", "eval_gegenbauer": "0",
    "eval_genlaguerre": "0", "eval_hermite": "0", "eval_hermitenorm": "0", "eval_jacobi": "0", "eval_laguerre": "0",
    "eval_legendre": "0", "eval_sh_chebyt": "0", "eval_sh_chebyu": "0", "eval_sh_jacobi": "012", "eval_sh_legendre": "0",
    "expn": "0", "hyperu": "01", "kn": "0", "log_wright_bessel": "01", "lpmv": "01", "mathieu_a": "0", "mathieu_b": "0",
    "mathieu_cem": "01", "mathieu_modcem1": "01", "mathieu_modcem2": "01", "mathieu_modsem1": "01",
    "mathieu_modsem2": "01", "mathieu_sem": "01", "modstruve": "0", "nbdtr": "01", "nbdtrc": "01", "nbdtri": "01",
    "ncfdtr": "01", "ncfdtri": "01", "ncfdtrinc": "01", "nctdtr": "0", "nctdtrinc": "0", "nctdtrit": "0",
    "obl_ang1": "012", "obl_ang1_cv": "0123", "obl_cv": "01", "obl_rad1": "012", "obl_rad1_cv": "0123", "obl_rad2": "012",
    "obl_rad2_cv": "0123", "pbdv": "0", "pbvv": "0", "pbwa": "0", "pdtr": "0", "pdtrc": "0", "pdtri": "0",
    "pro_ang1": "012", "pro_ang1_cv": "0123", "pro_cv": "01", "pro_rad1": "012", "pro_rad1_cv": "0123", "pro_rad2": "012",
    "pro_rad2_cv": "0123", "smirnov": "0", "smirnovi": "0", "struve": "0", "wright_bessel": "01", "yn": "0",
}
CASES = ONE + TWO + PHASES + MORE


def ufuncs():
    """SciPy's public ufuncs by name; a second name of one (digamma, jn) is left out."""
    found = {function: name for name in sorted(sp.__all__, reverse=True) if isinstance(function := getattr(sp, name), np.ufunc)}
    return {name_of(function).removeprefix("scipy.special."): function for function in found}


def row(name):
    return row_of(getattr(sp, name))


def known(name, partials):
    return [i for i, p in enumerate(partials) if p is not None]


# ---- the lists -------------------------------------------------------------------------------------------------------
def test_every_public_ufunc_of_scipy_is_in_exactly_one_list():
    assert len(ufuncs()) > 200
    assert [name for name, function in ufuncs().items()
            if not isinstance(row_of(function), Elementwise | Constant | Refused)] == []


def test_the_inputs_that_refuse_to_be_perturbed_are_those_listed():
    refusing = {}
    for name in ufuncs():
        if isinstance(row(name), Elementwise):
            outputs = row(name).outputs or (row(name).partials,)
            refusing[name] = {"".join(str(i) for i, p in enumerate(partials) if p is None) for partials in outputs}
    assert {name: positions for name, positions in refusing.items() if positions != {""}} == \
        {name: {positions} for name, positions in UNKNOWN.items()}


@pytest.mark.filterwarnings("ignore:non-integer arg n:DeprecationWarning")   # a perturbed count is no integer
def test_a_perturbed_input_without_a_derivative_raises_and_names_it():
    for name, positions in UNKNOWN.items():
        function = getattr(sp, name)
        for i in map(int, positions):
            args = [1] * function.nin
            args[i] = dd.Dual(1.0, 1.0)
            if name.startswith("eval_hermite"):            # SciPy itself takes no float there
                with pytest.raises(TypeError):
                    function(*args)
                continue
            place = ("first", "second", "third", "fourth")[i]
            with pytest.raises(TypeError, match=rf"scipy\.special\.{name} has no derivative in its {place} input"):
                function(*args)


def test_a_refused_function_says_why():
    refusals = [name for name in ufuncs() if isinstance(row(name), Refused)]
    assert sorted(refusals) == ["chndtridf", "ncfdtridfd", "ncfdtridfn", "nctdtridf"]
    for name in refusals:
        function = getattr(sp, name)
        with pytest.raises(TypeError, match=rf"scipy\.special\.{name}.*degrees of freedom.*stop_gradient"):
            function(dd.Dual(0.5, 1.0), *[0.5] * (function.nin - 1))


def test_a_constant_has_no_tangent():
    assert sorted(name for name in ufuncs() if isinstance(row(name), Constant)) == ["gammasgn", "round"]
    x = np.array([-1.5, 2.5, 0.3])
    np.testing.assert_array_equal(dd.derivative(lambda x: sp.gammasgn(x) * x)(x), sp.gammasgn(x))


def test_importing_dualdiff_imports_no_scipy_and_scipys_rows_wait_for_the_first_of_its_functions():
    code = ("import sys, dualdiff, numpy as np; assert 'scipy' not in sys.modules; import scipy.special as sp; "
            "assert 'dualdiff.rules.special_error' not in sys.modules; dualdiff.derivative(sp.erf)(0.5); "
            "assert 'dualdiff.rules.special_error' in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/", env={"PYTHONPATH": str(ROOT)})


# ---- every partial against mpmath ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Measurement:
    """One function, one result, one input: our derivatives at the points, and the references."""

    name: str
    i: int
    points: tuple
    ours: np.ndarray
    references: tuple

    def error(self, ours=None):
        """The largest error relative to the derivative, or to 1e-15 where that vanishes."""
        ours = self.ours if ours is None else ours
        return max(float(abs(mp.mpmathify(complex(a)) - r) / max(abs(r), mp.mpf(10)**-15))
                   for a, r in zip(ours, self.references, strict=True))


def split(name):
    """airy[2] is the third result of airy."""
    base, bracket, k = name.partition("[")
    return getattr(sp, base), int(k[0]) if bracket else None


def varied(name, points, i):
    """The function of input i alone, the others at the points, and input i at the points."""
    function, k = split(name)
    columns = [np.array(column) for column in zip(*points, strict=True)]

    def g(t):
        result = function(*columns[:i], t, *columns[i + 1:])
        return result if k is None else result[k]
    return g, columns[i].astype(float)


def differentiable_inputs(name, points):
    if name == "zeta":                                     # a Python function over two private ufuncs
        return range(len(points[0]))
    function, k = split(name)
    row = row_of(function)
    return known(name, row.partials if k is None else row.outputs[k])


@cache
def measured(name, arity):
    case = next(case for case in CASES if case[0] == name and len(case[2][0]) == arity)
    _, function, points = case
    found = []
    for i in differentiable_inputs(name, points):
        g, t = varied(name, points, i)
        ours = dd.jvp(g, (t,), (np.ones_like(t),))[1]
        with mp.workdps(DIGITS):
            references = [slope(function, i, tuple(mp.mpf(float(a)) for a in point)) for point in points]
        found.append(Measurement(name, i, tuple(points), ours,
                                 tuple(references if np.iscomplexobj(ours) else map(mp.re, references))))
    return found


by_case = pytest.mark.parametrize(("name", "arity"), [(name, len(points[0])) for name, _, points in CASES])


@by_case
def test_a_partial_agrees_with_mpmath(name, arity, record_property):
    for m in measured(name, arity):
        record_property(f"error {m.i}", m.error())
        assert len(m.points) >= 5
        assert m.error() <= COARSER.get(name, (CLOSE, ""))[0], (m.i, m.points, m.ours, m.references)


def test_a_partial_listed_as_coarser_is():
    for name, (bound, reason) in COARSER.items():
        function, _ = split(name)
        worst = max(m.error() for m in measured(name, function.nin))
        assert worst <= bound
        assert worst > CLOSE or (reason is INVERSE[1] and SCIPY >= (1, 18))  # whose inverses are exact to rounding


def test_an_error_in_the_ninth_digit_of_any_partial_would_be_found():
    for name, _, points in CASES:
        for m in measured(name, len(points[0])):
            if np.any(m.ours != 0):
                assert m.error(m.ours * (1 + 1e-9)) > 5e-10


def test_more_partials_are_measured_than_promised():
    assert sum(len(measured(name, len(points[0]))) for name, _, points in ONE + TWO + MORE) >= 330


@by_case
def test_the_formula_of_the_reference_is_the_function_that_scipy_computes(name, arity):
    _, function, points = next(case for case in CASES if case[0] == name and len(case[2][0]) == arity)
    if isinstance(function, Solved):                       # which starts at SciPy's value: it must nearly solve
        return check_solution(name, function, points)
    f, k = split(name)
    values = f(*map(np.array, zip(*points, strict=True)))
    shifted = isinstance(function, Integral) and function.start > 0.1      # known up to a constant
    start = f(float(function.start)) if shifted else 0 * np.array(values)[..., 0]
    with mp.workdps(50):
        for value, point in zip(values if k is None else values[k], points, strict=True):
            reference = function(*map(mp.mpf, point)) + (start if k is None else start[k]) - (name == "zetac")
            # SciPy's integrals of Bessel functions have seven digits, those of Airy functions four
            assert abs(mp.mpmathify(complex(value)) - reference) <= 1e-4 * max(abs(reference), 1e-3), point


def check_solution(name, function, points):
    with mp.workdps(20):
        for point in points:
            args = tuple(map(mp.mpf, point))
            y = mp.mpf(float(function.start(*point)))
            assert abs(function.function(y, *args)) <= 1e-4 * abs(slope(function.function, 0, (y, *args))) * max(abs(y), 1)


# ---- pairs of a function and its slope without an mpmath formula ---------------------------------------------------------
PAIRS = {
    "mathieu_cem": (2, 1.3, 40.0), "mathieu_sem": (3, 0.7, 25.0), "mathieu_modcem1": (2, 1.3, 0.7),
    "mathieu_modcem2": (1, 1.3, 0.7), "mathieu_modsem1": (2, 1.3, 0.7), "mathieu_modsem2": (1, 2.0, 0.4),
    "pro_ang1": (1, 2, 1.7, 0.3), "pro_rad1": (1, 2, 1.7, 1.8), "pro_rad2": (0, 1, 3.0, 2.0),
    "obl_ang1": (1, 2, 1.7, 0.3), "obl_rad1": (1, 2, 1.7, 0.8), "obl_rad2": (0, 1, 3.0, 2.0),
    "pro_ang1_cv": (1, 2, 1.7, 6.5, 0.3), "pro_rad1_cv": (1, 2, 1.7, None, 1.8), "pro_rad2_cv": (0, 1, 3.0, None, 2.0),
    "obl_ang1_cv": (1, 2, 1.7, None, 0.3), "obl_rad1_cv": (1, 2, 1.7, None, 0.8), "obl_rad2_cv": (0, 1, 3.0, None, 2.0),
}


@pytest.mark.parametrize("name", PAIRS)
def test_value_and_slope_of_a_differential_equation_change_as_differences_say(name):
    function = getattr(sp, name)
    *args, x = PAIRS[name]
    if name.endswith("_cv"):
        args[3] = getattr(sp, name[:3] + "_cv")(*args[:3])
    ours = dd.jvp(lambda t: np.stack(function(*args, t)), (x,), (1.0,))[1]
    h = 1e-2 * x
    steps = [np.subtract(function(*args, x + k * h), function(*args, x - k * h)) / (2 * k * h) for k in (1, 2, 4)]
    finer = (4 * steps[0] - steps[1]) / 3, (4 * steps[1] - steps[2]) / 3      # Richardson's extrapolation, twice
    np.testing.assert_allclose(ours, (16 * finer[0] - finer[1]) / 15, rtol=1e-6)


def test_every_partial_of_every_row_is_measured():
    tested = {name for name, *_ in CASES + HOLOMORPHIC} | {f"{name}[{k}]" for name in PAIRS for k in (0, 1)}
    wanted = [f"{name}[{k}]" if row(name).outputs else name for name, function in ufuncs().items()
              if isinstance(row(name), Elementwise) for k in range(function.nout)]
    assert [name for name in wanted if name not in tested] == []


# ---- complex numbers -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "function"), HOLOMORPHIC, ids=[name for name, _ in HOLOMORPHIC])
def test_a_holomorphic_function_has_its_complex_derivative(name, function):
    f, k = split(name)
    z = np.array(PLANE)
    ours = dd.jvp(lambda z: f(z) if k is None else f(z)[k], (z,), (np.ones_like(z),))[1]
    for value, point in zip(ours, PLANE, strict=True):
        with mp.workdps(50):
            reference = slope(function, 0, (mp.mpc(point),))
        assert abs(value - reference) <= 1e-11 * abs(reference), point


@pytest.mark.parametrize("name", ["jv", "yv", "iv", "kv", "hankel1", "hankel2", "kve", "hankel1e", "hankel2e"])
def test_a_bessel_function_has_its_complex_derivative(name):
    function = getattr(sp, name)
    z = np.array(PLANE)
    h = 1e-3
    ours = dd.jvp(lambda z: function(1.5, z), (z,), (np.ones_like(z),))[1]
    wide, narrow = ((function(1.5, z + k * h) - function(1.5, z - k * h)) / (2 * k * h) for k in (2, 1))
    np.testing.assert_allclose(ours, (4 * narrow - wide) / 3, rtol=1e-9)


@pytest.mark.parametrize("function", [lambda z: sp.ive(1.5, z), lambda z: sp.jve(1.5, z), lambda z: sp.yve(1.5, z),
                                      sp.airye])
def test_scaling_by_an_absolute_value_is_refused_on_complex_numbers(function):
    with pytest.raises(TypeError, match="unscaled"):
        dd.jvp(function, (np.array([1 + 2j]),), (np.array([1 + 0j]),))


# ---- second derivatives, modes, types ----------------------------------------------------------------------------------
TWICE = {
    "erf": 0, "erfcx": 0, "dawsn": 0, "erfinv": 0, "log_ndtr": 0, "ndtri": 0, "gamma": 0, "gammaln": 0, "psi": 0, "rgamma": 0,
    "zetac": 0, "expit": 0, "exprel": 0, "j0": 0, "k1": 0, "i1e": 0, "airy[1]": 0, "ellipk": 0, "ellipe": 0, "exp1": 0,
    "sici[0]": 0, "spence": 0, "kolmogorov": 0, "jv": 1, "kv": 0, "iv": 1, "yv": 0, "xlogy": 1, "kl_div": 0, "boxcox": 0,
    "agm": 1, "elliprc": 0, "ellipkinc": 1, "gammainc": 0, "gammaincc": 1, "gammaincinv": 1, "betainc": 2, "stdtr": 1,
    "betaincinv": 2, "owens_t": 0, "hyp2f1": 3, "hyp1f1": 0, "elliprd": 2, "elliprf": 0, "eval_jacobi": 3, "eval_legendre": 1,
    "eval_genlaguerre": 1, "chndtr": 0, "fdtr": 2, "voigt_profile": 0, "pbdv[0]": 1, "wrightomega": 0,
}


@pytest.mark.parametrize(("name", "i"), TWICE.items())
def test_a_second_derivative_agrees_with_mpmath(name, i):
    _, function, points = next(case for case in CASES if case[0] == name)
    points = [p for p in points if abs(p[i]) > 0.05 and max(map(abs, p)) < 35][:5]
    g, t = varied(name, points, i)
    once = dd.derivative(g)
    ours = dd.jvp(once, (t,), (np.ones_like(t),))[1]
    twice = dd.derivative(g, order=2)(t)
    for a, b, point in zip(ours, twice, points, strict=True):
        with mp.workdps(90):
            args = tuple(mp.mpf(float(c)) for c in point)
            reference = slope(lambda *args: slope(function, i, args), i, args)
            first = slope(function, i, args)
        for value in (a, b):
            # the error of a difference is measured by its terms: the slope, on the scale of the point
            assert abs(value - reference) <= 1e-10 * max(abs(reference), abs(first / args[i])), point


@by_case
def test_reverse_agrees_with_forward(name, arity):
    for m in measured(name, arity):
        g, t = varied(name, m.points, m.i)
        if np.iscomplexobj(m.ours):
            continue
        np.testing.assert_allclose(dd.gradient(lambda t, g=g: np.sum(g(t)), mode="reverse")(t), m.ours, rtol=1e-13)


def test_a_hessian_mixes_shape_and_argument():
    # ∂²P/∂a∂x = density · (ln x - ψ(a))
    a, x = 2.3, 1.7
    density = np.exp((a - 1) * np.log(x) - x - sp.gammaln(a))
    H = dd.hessian(lambda p: sp.gammainc(p[0], p[1]))(np.array([a, x]))
    mixed = density * (np.log(x) - sp.psi(a))
    np.testing.assert_allclose([H[0, 1], H[1, 0], H[1, 1]], [mixed, mixed, density * ((a - 1) / x - 1)], rtol=1e-12)


SINGLE = ["erf", "gammaln", "expit", "j0", "i0e", "xlogy", "kl_div", "jv", "betainc", "gammainc", "ellipkinc", "ndtr", "boxcox",
          "exprel", "erfcx", "elliprf", "log_ndtr", "hyp2f1", "eval_jacobi", "airy[0]"]


@pytest.mark.parametrize("name", SINGLE)
def test_single_precision_stays_single(name):
    function, k = split(name)
    i = function.nin - 1
    args = [np.full(3, 0.25, np.float32)] * function.nin
    value = dd.jvp(lambda t: function(*args[:i], t) if k is None else function(*args[:i], t)[k],
                   (args[i],), (np.ones(3, np.float32),))
    assert [v.dtype for v in value] == [np.float32, np.float32]


# ---- hard points ---------------------------------------------------------------------------------------------------------
INF = float("inf")
HARD = [
    ("sp.expit(x)", 1000.0, 0.0), ("sp.expit(x)", -1000.0, 0.0), ("sp.expit(x)", 40.0, np.exp(-40)),
    ("sp.erfc(x)", 30.0, 0.0), ("sp.erfcx(x)", 1e200, 0.0), ("sp.log_ndtr(x)", -1e10, 1e10),
    ("sp.log_expit(x)", -1000.0, 1.0), ("sp.log_expit(x)", 1000.0, 0.0), ("sp.xlogy(0.0, x)", 0.0, 0.0),
    ("sp.xlogy(x, 2.0)", 0.0, np.log(2)), ("sp.xlogy(x, 0.0)", 0.0, -INF), ("sp.xlog1py(0.0, x)", -1.0, 0.0),
    ("sp.rel_entr(0.0, x)", 0.0, 0.0), ("sp.entr(x)", 0.0, INF), ("sp.kl_div(x, 1.0)", 1.0, 0.0),
    ("sp.rel_entr(x, 1e-300)", 1e300, 600 * np.log(10) + 1), ("sp.huber(1.0, x)", 0.0, 0.0),
    ("sp.pseudo_huber(1.0, x)", 0.0, 0.0), ("sp.pseudo_huber(1.0, x)", 1e150, 1.0), ("sp.exprel(x)", 0.0, 0.5),
    ("sp.sici(x)[0]", 0.0, 1.0), ("sp.shichi(x)[0]", 0.0, 1.0), ("sp.spence(x)", 1.0, -1.0), ("sp.j1(x)", 0.0, 0.5),
    ("sp.jv(0, x)", 0.0, 0.0), ("sp.i1e(x)", 0.0, 0.5), ("sp.i0e(x)", 0.0, 0.0), ("sp.ellipk(x)", 0.0, np.pi / 8),
    ("sp.ellipe(x)", 0.0, -np.pi / 8), ("sp.ellipkinc(0.0, x)", 0.3, 0.0), ("sp.rgamma(x)", 0.0, 1.0),
    ("sp.rgamma(x)", -3.0, -6.0), ("sp.poch(x, 3.0)", -1.0, -1.0), ("sp.poch(x, 2.0)", 0.0, 1.0),
    ("sp.binom(3.0, x)", 5.0, 0.05), ("sp.gammainc(1.0, x)", 0.0, 1.0), ("sp.gammainc(2.0, x)", 0.0, 0.0),
    ("sp.gammainc(0.5, x)", 0.0, INF), ("sp.gammainc(x, 0.0)", 1.5, 0.0), ("sp.betainc(1.0, 3.0, x)", 0.0, 3.0),
    ("sp.betainc(2.0, 1.0, x)", 1.0, 2.0), ("sp.boxcox(x, 0.0)", 2.0, 0.5), ("sp.boxcox(1.0, x)", 0.0, 0.0),
    ("sp.inv_boxcox(1.0, x)", 0.0, -np.e / 2), ("sp.agm(x, 1.0)", 1.0, 0.5), ("sp.elliprf(x, 1.0, 1.0)", 1.0, -1 / 6),
    ("sp.beip(x)", 0.0, 0.5), ("sp.struve(0, x)", 0.0, 2 / np.pi), ("sp.modstruve(0, x)", 0.0, 2 / np.pi),
    ("sp.eval_legendre(0, x)", 0.3, 0.0), ("sp.eval_hermite(0, x)", 0.3, 0.0), ("sp.lpmv(0, 3, x)", 1.0, 6.0),
    ("sp.bdtr(3, 3, x)", 0.4, 0.0), ("sp.stdtr(x, 0.0)", 3.0, 0.0), ("sp.kolmogorov(x)", 0.0, 0.0),
    ("sp.tklmbda(x, 2.0)", 3.0, 0.0), ("sp.powm1(x, 0.0)", 0.0, 0.0), ("sp.lambertw(x).real", 0.0, 1.0),
    ("sp.zeta(x)", 0.0, -0.5 * np.log(2 * np.pi)), ("sp.besselpoly(x, 0.0, 1.0)", 0.0, 0.5), ("sp.logit(x)", 0.0, INF),
    ("sp.ndtri(x)", 0.5, np.sqrt(2 * np.pi)), ("sp.airye(x)[0]", 0.0, sp.airy(0.0)[1]), ("sp.pdtrik(0.1, x)", 1.5, 0.0),
    ("sp.ncfdtrinc(2, 2, x, 0.6)", 0.5, 0.0), ("sp.chndtrinc(0.6, 2, x)", 0.5, 0.0), ("sp.stdtridf(x, 0.6)", 0.8, 0.0),
    ("sp.fdtridfd(2, x, 0.6)", 0.8, 0.0),
    ("sp.it2i0k0(x)[0]", 0.0, 0.0),
]


@pytest.mark.parametrize(("code", "x", "expected"), HARD)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_derivative_is_finite_where_its_limit_is(code, x, expected, mode):
    f = eval(f"lambda x: {code}", {"sp": sp})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)    # log 0 in entr: of the value, not of the derivative
        ours = dd.gradient(f, mode=mode)(x)
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-15)


def test_a_second_derivative_is_right_at_the_zeros_of_the_reciprocal_gamma_function():
    # 1/Γ = sin(πx) Γ(1-x)/π; at -2 the second derivative is -2 cos(πx) Γ(3) ψ(3)
    np.testing.assert_allclose(dd.derivative(sp.rgamma, order=2)(-2.0), -4 * sp.psi(3), rtol=1e-13)


def test_what_diverges_at_zero_is_no_number():
    for f, *others in ((sp.elliprd, 2.0, 1.0), (sp.elliprj, 2.0, 1.0, 3.0)):
        assert np.isnan(dd.derivative(lambda x, f=f, others=others: f(x, *others))(0.0))  # sums of the rule gave -1.9e17
        assert dd.derivative(lambda y, f=f, others=others: f(0.0, y, *others[1:]))(2.0) < 0


def test_the_slope_of_digamma_far_to_the_left_takes_no_recurrence():
    assert dd.derivative(sp.psi)(-1e12 - 0.5) == pytest.approx(np.pi**2 - 1e-12, rel=1e-14)  # at once, not in 10¹² steps


def test_the_third_derivative_of_the_sine_integral_at_zero_is_minus_one_third():
    np.testing.assert_allclose(dd.derivative(lambda x: sp.sici(x)[0], order=3)(0.0), -1 / 3, rtol=1e-14)


def test_a_value_that_is_infinite_has_no_derivative():
    assert np.isnan(dd.derivative(lambda y: sp.rel_entr(-1.0, y))(2.0))
    assert np.isnan(dd.derivative(lambda y: sp.huber(-1.0, y))(2.0))


def test_the_shift_of_student_s_t_has_its_derivative_for_one_degree_of_freedom_and_less():
    # F = E Φ(ts - δ) over s = √(χ²/v): at t = 0 the derivative is -φ(δ) for every v
    v = np.array([0.3, 1.0, 1.5])
    ours = dd.derivative(lambda d: sp.nctdtr(v, d, 0.0))(np.full(3, 0.8))
    np.testing.assert_allclose(ours, -np.exp(-0.32) / np.sqrt(2 * np.pi), rtol=1e-13)


@pytest.mark.parametrize(("function", "message"), [
    (lambda t: sp.jv(t, 5000.0), "kept for"), (lambda t: sp.jv(t, 1 + 1j), "complex numbers"),
    (lambda t: sp.hyp2f1(t, 1.0, 2.5, 0.9999), "too few digits"), (lambda t: sp.hyp1f1(1.0, t, 800.0), "too few digits"),
    (lambda t: sp.eval_jacobi(2.5, t, 1.0, 0.3), "degrees 0, 1, 2"),
])
def test_a_parameter_whose_series_has_too_few_digits_is_refused(function, message):
    with pytest.raises(TypeError, match=message):
        dd.derivative(function)(1.5)


# ---- broadcasting, several inputs at once --------------------------------------------------------------------------------
def test_inputs_of_different_shapes_broadcast():
    a, x = np.array([0.5, 1.5, 4.0])[:, None], np.array([0.2, 1.0, 3.0, 9.0])
    J = dd.jacobian(lambda a: sp.gammainc(a, x))(a)
    assert J.shape == (3, 4, 3, 1)
    for r in range(3):
        for s in range(4):
            np.testing.assert_allclose(J[r, s, r, 0], dd.derivative(lambda a, s=s: sp.gammainc(a, x[s]))(a[r, 0]), rtol=1e-13)
            assert not J[r, s, [k for k in range(3) if k != r]].any()


def test_all_inputs_of_a_ufunc_may_be_perturbed_at_once():
    p = np.array([1.2, 0.7, 0.3])
    together = dd.gradient(lambda p: sp.betainc(p[0], p[1], p[2]))(p)
    alone = [dd.derivative(lambda t, i=i: sp.betainc(*p[:i], t, *p[i + 1:]))(p[i]) for i in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-14)


@pytest.mark.parametrize("code", [
    "gammainc(2, x)", "betainc(2, 3, x / 4)", "jv(2, x)", "kv(0, x)", "hyp2f1(1, 2, 3, -x)", "hyp1f1(-2, 3, x)", "boxcox(x, 2)",
    "boxcox(2, x)", "zeta(2, x)", "powm1(2, x)", "elliprd(0, 1, x)", "stdtr(3, x)", "eval_jacobi(3, 1, x, 1)", "poch(2, x)",
    "besselpoly(x, 1, 2)", "expn(3, x)", "fdtr(3, 4, x)", "struve(1, x)", "nctdtr(3, 1, x)", "agm(2, x)", "hyp2f1(x, 2, 3, -2)",
    "stdtr(x, 2)", "betainc(x, 2, 1 / 2)", "kv(x, 3)", "nctdtr(3, x, 2)", "voigt_profile(x, 1, 2)"])
def test_whole_numbers_beside_a_perturbed_input_are_numbers(code):
    f, g = (eval(f"lambda x: {c}", {**vars(sp)}) for c in (code, re.sub(r"(?<![a-z\d])(\d+)(?=[,)])", r"\1.0", code)))
    x = np.array([0.7, 1.9])
    if not code.startswith(("eval", "expn")):
        np.testing.assert_allclose(dd.derivative(f)(x), dd.derivative(g)(x), rtol=1e-13)
    np.testing.assert_allclose([dd.derivative(f)(a) for a in x], dd.derivative(f)(x), rtol=1e-13)


def test_no_points_give_no_derivatives():
    empty = np.zeros((0, 3))
    for function in (sp.erf, sp.gamma, sp.exprel, lambda x: sp.airy(x)[1], lambda x: sp.gammainc(x, 2.0),
                     lambda x: sp.kv(x, 1.0), lambda x: sp.hyp1f1(x, 2.0, 0.5), lambda x: sp.betainc(x, 2.0, 0.5)):
        assert dd.jvp(function, (empty,), (empty,))[1].shape == (0, 3)


def test_many_numbers_have_the_derivatives_of_few():
    a, t = np.random.default_rng(0).uniform(0.5, 5, (2, 700))
    for f in (lambda a, t: sp.betainc(a, 2.0, t / 6), sp.gammainc, sp.jv, sp.stdtr):
        whole, some = (dd.jvp(lambda a, f=f, t=t[part]: f(a, t), (a[part],), (t[part],))[1] for part in (slice(None), slice(9)))
        np.testing.assert_allclose(whole[:9], some, rtol=1e-13)


def test_the_chain_rule_runs_through_a_likelihood():
    # maximum likelihood of a gamma distribution: the score at shape a and rate b, by hand
    data = np.array([0.3, 1.2, 2.5, 0.7])
    score = dd.gradient(lambda p: np.sum(p[0] * np.log(p[1]) - sp.gammaln(p[0]) + sp.xlogy(p[0] - 1, data) - p[1] * data))
    a, b = 2.0, 1.5
    expected = [4 * (np.log(b) - sp.psi(a)) + np.log(data).sum(), 4 * a / b - data.sum()]
    np.testing.assert_allclose(score(np.array([a, b])), expected, rtol=1e-14)


@pytest.mark.filterwarnings("ignore:floating point number truncated to an integer:RuntimeWarning")
@pytest.mark.parametrize("f", [sp.yn, sp.kn, sp.expn])
@pytest.mark.parametrize("n", [0.6, 1.7, np.array(2.9), -1.5])
def test_orders_that_scipy_cuts_off_are_cut_off_in_every_derivative(f, n):
    for order in (1, 2, 3):
        slope, whole = (dd.derivative(lambda x, n=n: f(n, x), order=order)(1.3) for n in (n, int(n)))
        np.testing.assert_allclose(slope, whole, rtol=1e-14)

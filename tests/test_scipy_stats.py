# ruff: noqa: PLW0108 - programs as users write them
"""scipy.stats in programs that are differentiated as they stand."""

import warnings

import numpy as np
import pytest
import scipy.stats as st
from scipy.stats import norm, rv_continuous
from scipy.stats._distr_params import distcont
from scipy_programs import agrees

from dualdiff import derivative, gradient, hessian, jacobian, jvp, lift, stop_gradient
from dualdiff.errors import DualdiffError, RuleError
from dualdiff.testing import check_derivatives

RNG = np.random.default_rng(3)
X = np.array([0.3, 0.8, 1.7, 2.9])
SAMPLE, OTHER = RNG.gamma(2.0, 1.0, 7), RNG.normal(size=7)
TABLE = RNG.gamma(2.0, 1.0, (3, 4))
POINTS, MEAN = RNG.normal(size=(4, 2)), np.array([0.3, -0.2])
COV = np.array([[2.0, 0.4], [0.4, 1.0]])
K = np.array([0, 2, 5])
FROZEN, FROZEN_POINTS, DENSITY = st.gamma(2.3, scale=1.4), st.multivariate_normal(MEAN, COV), st.gaussian_kde(SAMPLE)


class Weighted(rv_continuous):
    def _pdf(self, x, c):
        return 3 * c * x**2 * np.exp(-c * x**3)


OWN = Weighted(a=0, name="own")


def helper(dist, x, *args):
    return dist.logpdf(x, *args)


DISTRIBUTIONS = {
    "norm.logpdf": (lambda x, m, s: norm.logpdf(x, m, s), X, 0.3, 1.2),
    "norm.logpdf.sum": (lambda m, s: st.norm.logpdf(X, loc=m, scale=s).sum(), 0.3, 1.2),
    "norm.frozen": (lambda x, m, s: norm(loc=m, scale=s).cdf(x), X, 0.3, 1.2),
    "norm.logsf": (lambda x, m, s: norm.logsf(x, m, s), X, 0.3, 1.2),
    "norm.logcdf": (lambda x, m, s: norm(m, s).logcdf(x), X, 0.3, 1.2),
    "norm.ppf": (lambda q, m, s: norm.ppf(q, m, s), X / 3, 0.3, 1.2),
    "norm.isf": (lambda q, m, s: norm.isf(q, m, scale=s), X / 3, 0.3, 1.2),
    "norm.interval": (lambda m, s: np.stack(norm.interval(0.9, m, s)), 0.3, 1.2),
    "norm.nnlf": (lambda t: norm.nnlf(t, X), np.array([0.3, 1.2])),
    "norm.fit is refused, not its nnlf": (lambda x: norm.nnlf((0.1, 1.2), x), X),
    "gamma.frozen": (lambda x, a, s: st.gamma(a, scale=s).logpdf(x), X, 2.3, 1.2),
    "gamma.frozen outside": (lambda x: FROZEN.logpdf(x) + FROZEN.cdf(x), X),
    "gamma.cdf": (lambda x, a, s: st.gamma.cdf(x, a, 0.1, s), X, 2.3, 1.2),
    "gamma.ppf": (lambda q, a, s: st.gamma.ppf(q, a, scale=s), X / 3, 2.3, 1.2),
    "gamma.stats": (lambda a, m, s: np.stack(st.gamma.stats(a, m, s, moments="mvsk")), 2.3, 0.2, 1.2),
    "gamma.moment": (lambda a, m, s: st.gamma.moment(3, a, m, s), 2.3, 0.2, 1.2),
    "gamma.entropy": (lambda a, s: st.gamma(a, scale=s).entropy(), 2.3, 1.2),
    "norminvgauss.isf": (lambda q, a, b: st.norminvgauss.isf(q, a, b), X[:3] / 3, 1.25, 0.5),
    "gamma of many shapes": (lambda a, s: st.gamma.logpdf(X, a[:, None], scale=s), np.array([1.2, 2.3]), X),
    "beta.logpdf": (lambda x, a, b: st.beta.logpdf(x, a, b), X / 3, 2.3, 1.2),
    "beta.ppf": (lambda q, a, b: st.beta.ppf(q, a, b, 1.0, 2.0), X / 3, 2.3, 1.2),
    "beta.logsf": (lambda x, a, b: st.beta.logsf(x, a, b), X / 3, 2.3, 1.2),
    "t.logpdf": (lambda x, v, m, s: st.t.logpdf(x, v, m, s), X, 4.3, 0.3, 1.2),
    "t.mean and var": (lambda v, s: st.t.var(v, 0.3, s) + st.t.mean(v, 0.3, s) + st.t.std(v, 0.3, s), 4.3, 1.2),
    "lognorm.sf": (lambda x, s: st.lognorm.sf(x, s, scale=2.0), X, 0.7),
    "weibull.logsf": (lambda x, c, s: st.weibull_min.logsf(x, c, scale=s), X, 1.7, 1.3),
    "genextreme": (lambda x, c, m: st.genextreme.logpdf(x, c, m), X, 0.2, 0.4),
    "genpareto": (lambda x, c, m: st.genpareto.logpdf(x, c, m), X, 0.2, 0.1),
    "skewnorm.cdf": (lambda x, a: st.skewnorm.cdf(x, a), X, 1.3),
    "truncnorm": (lambda x, a, b: st.truncnorm.logpdf(x, a, b), X, 0.1, 3.2),
    "uniform": (lambda m, s: st.uniform.logpdf(X, m, s), -0.3, 4.2),
    "vonmises": (lambda x, k: st.vonmises.logpdf(x, k), X, 1.3),
    "chi2.support": (lambda m, s: st.uniform.support(m, s)[1], 0.3, 1.2),
    "poisson.logpmf": (lambda m: st.poisson.logpmf(K, m), 2.3),
    "poisson.cdf": (lambda m: st.poisson(m).cdf(K), 2.3),
    "poisson.entropy": (lambda m: st.poisson.entropy(m), 2.3),
    "poisson.mean with loc": (lambda m, loc: st.poisson(m, loc).mean(), 2.3, 1.0),
    "binom.pmf": (lambda p: st.binom.pmf(K, 6, p), 0.3),
    "binom.logpmf": (lambda p: st.binom(6, p).logpmf(K), 0.3),
    "binom.sf": (lambda p: st.binom.sf(K, 6, p), 0.3),
    "nbinom.logpmf": (lambda n, p: st.nbinom.logpmf(K, n, p), 2.7, 0.3),
    "nbinom.cdf": (lambda n, p: st.nbinom.cdf(K, n, p), 2.7, 0.3),
    "nbinom.stats": (lambda n, p: np.stack(st.nbinom.stats(n, p, moments="mvsk")), 2.7, 0.3),
    "geom.logpmf": (lambda p: st.geom.logpmf(K + 1, p), 0.3),
    "a class of one's own": (lambda x, c: OWN.logpdf(x, c), X, 0.3),
    "in a helper": (lambda x, v: helper(st.t, x, v) + helper(FROZEN, x), X, 4.3),
    "outside the support": (lambda x, s: st.gamma.logpdf(np.concatenate([x, [-1.0]]), 2.0, scale=s)[:4], X, 1.2),
}
MULTIVARIATE = {
    "normal": (lambda x, m: st.multivariate_normal.logpdf(x, m, COV), POINTS, MEAN),
    "normal.cov": (lambda m, S: st.multivariate_normal.logpdf(POINTS, m, S), MEAN, COV),
    "normal of the identity": (lambda S: st.multivariate_normal.pdf(POINTS, MEAN, S), np.eye(2)),
    "normal.variances": (lambda s, v: st.multivariate_normal.logpdf(POINTS, MEAN, s)
                         * st.multivariate_normal.pdf(POINTS, MEAN, v), np.array([1.0, 2.0]), 1.3),
    "normal.frozen": (lambda x, m, S: st.multivariate_normal(m, S).logpdf(x), POINTS, MEAN, COV),
    "normal.frozen outside": (lambda x: FROZEN_POINTS.logpdf(x) + FROZEN_POINTS.pdf(x), POINTS),
    "normal.entropy": (lambda S: st.multivariate_normal(MEAN, S).entropy(), COV),
    "normal of a singular covariance": (
        lambda x: st.multivariate_normal.logpdf(np.stack([x, x]), [0, 0], np.ones((2, 2)), allow_singular=True), 0.4),
    "normal of a Covariance": (
        lambda x: st.multivariate_normal.logpdf(x, MEAN, st.Covariance.from_diagonal([1.0, 2.0])), POINTS),
    "t": (lambda x, S, v: st.multivariate_t.logpdf(x, MEAN, S, v), POINTS, COV, 4.3),
    "t.frozen": (lambda m, v: st.multivariate_t(m, COV, v).pdf(POINTS), MEAN, 4.3),
    "dirichlet": (lambda x, a: st.dirichlet.logpdf(x, a), np.array([0.2, 0.3]), np.array([1.2, 2.0, 3.0])),
    "dirichlet.mean": (lambda a: st.dirichlet(a).mean() + st.dirichlet.var(a) + st.dirichlet.entropy(a), np.array([1.2, 2.0])),
    "wishart": (lambda x, v, S: st.wishart.logpdf(x, v, S), COV, 4.3, np.eye(2)),
    "wishart.frozen": (lambda v, S: st.wishart(v, S).pdf(np.stack([COV, np.eye(2)], -1)), 4.3, COV),
    "invwishart": (lambda x, v, S: st.invwishart.logpdf(x, v, S), COV, 4.3, np.eye(2)),
    "multinomial": (
        lambda p: st.multinomial.logpmf([1, 2, 3], 6, np.stack([p[0], p[1], 1 - p[0] - p[1]])), np.array([0.2, 0.3])),
    "dirichlet_multinomial": (lambda a: st.dirichlet_multinomial.logpmf([1, 2, 3], a, 6), np.array([1.2, 2.0, 3.0])),
    "matrix_normal": (lambda x, S: st.matrix_normal.logpdf(x, np.zeros((2, 2)), S, 2.0), POINTS[:2], COV),
}
SAMPLES = {
    "skew": (st.skew, SAMPLE),
    "skew along an axis": (lambda x: st.skew(x, axis=1, bias=False, keepdims=True), TABLE),
    "kurtosis": (lambda x: st.kurtosis(x, axis=None, bias=False, fisher=False), TABLE),
    "moment": (lambda x: st.moment(x, 3, axis=1), TABLE),
    "zscore": (lambda x: st.zscore(x, axis=1, ddof=1), TABLE),
    "sem": (st.sem, TABLE),
    "gmean": (lambda x, w: st.gmean(x, weights=w), SAMPLE, OTHER**2),
    "hmean": (lambda x: st.hmean(x, axis=1), TABLE),
    "pmean": (lambda x: st.pmean(x, 2.5), SAMPLE),
    "variation": (st.variation, SAMPLE),
    "gstd": (st.gstd, SAMPLE),
    "pearsonr": (lambda x, y: st.pearsonr(x, y).statistic, SAMPLE, OTHER),
    "pearsonr.pvalue": (lambda x, y: st.pearsonr(x, y)[1], SAMPLE, OTHER),
    "linregress": (lambda x, y: np.stack(st.linregress(x, y)), SAMPLE, OTHER),
    "iqr": (lambda x: st.iqr(x, axis=1), TABLE),
    "trim_mean": (lambda x: st.trim_mean(x, 0.12), SAMPLE),
    "tmean": (lambda x: st.tmean(x, (0.1, 3.5)), SAMPLE),
    "entropy": (lambda p, q: st.entropy(p, q, base=2), np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])),
    "differential_entropy": (st.differential_entropy, SAMPLE),
    "ttest_ind": (lambda x, y: np.stack(st.ttest_ind(x, y, equal_var=False)), SAMPLE, OTHER),
    "ttest_1samp": (lambda x, m: st.ttest_1samp(x, m).pvalue, SAMPLE, 1.0),
    "f_oneway": (lambda x, y: np.stack(st.f_oneway(x, y)), SAMPLE, OTHER),
    "bartlett": (lambda x, y: st.bartlett(x, y).statistic, SAMPLE, OTHER),
    "chisquare": (lambda x: np.stack(st.chisquare(x)), SAMPLE),
    "jarque_bera": (lambda x: st.jarque_bera(x).statistic, SAMPLE),
    "boxcox": (lambda x, t: st.boxcox(x, t), SAMPLE, 0.3),
    "boxcox_llf": (lambda t, x: st.boxcox_llf(t, x), 0.3, SAMPLE),
    "yeojohnson": (lambda x, t: st.yeojohnson(x, t), OTHER, 0.3),
    "yeojohnson_llf": (lambda t, x: st.yeojohnson_llf(t, x), 0.3, OTHER),
    "wasserstein_distance": (lambda x, w: st.wasserstein_distance(x, OTHER, w), SAMPLE, SAMPLE + 1),
    "energy_distance": (lambda x, y, w: st.energy_distance(x, y, v_weights=w), SAMPLE, [*OTHER[:3]], X[:3]),
    "expectile": (lambda x, a: st.expectile(x, a), SAMPLE, 0.7),
    "quantile": (lambda x, q: st.quantile(x, q), SAMPLE, 0.37),
    "gaussian_kde": (lambda x: DENSITY(x), X),
    "gaussian_kde.logpdf": (lambda x: st.gaussian_kde(SAMPLE, weights=OTHER**2).logpdf(x), X),
    "gaussian_kde of two": (lambda x: st.gaussian_kde(np.stack([SAMPLE, OTHER])).pdf(x), POINTS[:2]),
    "gaussian_kde.integrate": (lambda a, b: DENSITY.integrate_box_1d(a, b), 0.1, 1.3),
}
TWICE = ("norm.logpdf", "norm.frozen", "norm.ppf", "gamma.cdf", "gamma.stats", "beta.ppf", "genextreme", "poisson.logpmf",
         "nbinom.cdf", "normal", "normal.cov", "t", "wishart", "skew", "pearsonr", "gaussian_kde.logpdf")
PROGRAMS = DISTRIBUTIONS | MULTIVARIATE | SAMPLES


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name], order=2 if name in TWICE else 1)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_values_on_duals_are_scipys(name):
    f, *args = DISTRIBUTIONS[name]
    value, _ = jvp(lift(f), tuple(args), tuple(map(np.ones_like, args)))
    np.testing.assert_allclose(value, f(*args), rtol=1e-13)
    assert type(value) is type(f(*args))


COMMON = ("alpha", "arcsine", "burr", "cauchy", "chi", "chi2", "cosine", "dweibull", "expon", "f", "fisk", "gengamma",
          "gumbel_r", "halfnorm", "hypsecant", "invgamma", "invgauss", "kappa3", "laplace", "levy", "loggamma", "logistic",
          "loguniform", "lomax", "maxwell", "nakagami", "pareto", "powerlaw", "rayleigh", "rdist", "rice", "triang",
          "tukeylambda", "wald")


@pytest.mark.parametrize("name", COMMON)
def test_densities_and_their_integrals_are_differentiated_in_everything(name):
    dist, shapes = getattr(st, name), dict(distcont)[name]
    x = dist.ppf([0.2, 0.7], *shapes, 0.1, 1.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method in ("logpdf", "cdf", "logsf"):
            f = getattr(dist, method)
            check_derivatives(lambda x, *rest: f(x, *rest), x, *map(float, shapes), 0.1, 1.3, rtol=1e-5)  # noqa: B023
        check_derivatives(lambda q, *rest: dist.isf(q, *rest), np.array([0.2, 0.7]), *map(float, shapes), 0.1, 1.3, rtol=1e-5)


def test_what_is_not_perturbed_has_scipys_bits():
    for method in ("logpdf", "cdf", "logcdf", "sf"):
        f = lambda m: getattr(st.t, method)(X, 4.3, m, 1.2)  # noqa: B023
        np.testing.assert_array_equal(jvp(lift(f), (0.3,), (1.0,))[0], f(0.3))


def test_support_and_bad_arguments_are_scipys():
    x = np.array([-1.0, 0.5, np.nan])
    for f in (lambda s: st.gamma.logpdf(x, 2.0, scale=s), lambda s: st.gamma.cdf(x, 2.0, scale=s),
              lambda s: st.gamma.pdf(x, -s), lambda s: st.norm.ppf(x, 0, s), lambda s: st.norm.logsf(x, 0, -s),
              lambda s: st.poisson.pmf(x, s)):
        value, slope = jvp(f, (1.2,), (1.0,))
        np.testing.assert_array_equal(value, f(1.2))
        assert np.isfinite(slope[[0, 1]]).all() or np.isnan(value[1])


def test_arguments_broadcast_as_scipy_broadcasts_them():
    m, s = np.array([[0.1], [0.4]]), np.array([1.0, 1.5, 2.0])
    check_derivatives(lambda m, s: norm.logpdf(0.3, m, s), m, s)
    assert jacobian(lambda m: norm.logpdf(0.3, m, s))(m).shape == (2, 3, 2, 1)
    assert norm.pdf(np.zeros(0), 0.0).shape == jvp(lambda m: norm.pdf(np.zeros(0), m), (0.0,), (1.0,))[1].shape == (0,)


def test_the_jacobian_in_x_is_diagonal_and_stays_sparse():
    x = np.linspace(-2, 2, 500)
    for f in (lambda x: norm.logpdf(x, 0.1, 2.0), lambda x: st.t.cdf(x, 4.0), lambda x: st.beta.ppf(x / 5 + 0.5, 2.0, 3.0)):
        assert jacobian(f, sparse=True)(x).nnz == 500


def test_a_likelihood_has_the_hessian_of_its_formula():
    H = hessian(lambda t: norm.logpdf(SAMPLE, t[0], t[1]).sum())(np.array([1.0, 1.5]))
    r, n = SAMPLE - 1.0, len(SAMPLE)
    cross = -2 * r.sum() / 1.5**3
    np.testing.assert_allclose(H, [[-n / 1.5**2, cross], [cross, n / 1.5**2 - 3 * (r**2).sum() / 1.5**4]], rtol=1e-12)


def test_derivatives_of_derivatives_are_taken_through_a_distribution():
    third = derivative(lambda x: norm.cdf(x), order=3)(0.7)
    np.testing.assert_allclose(third, (0.7**2 - 1) * norm.pdf(0.7), rtol=1e-12)
    nested = derivative(lambda a: derivative(lambda x: st.gamma.ppf(x, a))(0.3))(2.0)
    np.testing.assert_allclose(nested, (1 / st.gamma.pdf(st.gamma.ppf(0.3, 2.0001), 2.0001) - 1 / st.gamma.pdf(
        st.gamma.ppf(0.3, 1.9999), 1.9999)) / 2e-4, rtol=1e-6)


def test_quantiles_of_a_distribution_that_searches_for_them_are_differentiated():
    check_derivatives(lambda q, m: OWN.ppf(q, 0.3, m), np.array([0.2, 0.7]), 0.3, rtol=1e-5)
    check_derivatives(lambda q, a: st.argus.ppf(q, a), np.array([0.2, 0.7]), 1.3, rtol=1e-5)


def test_distributions_made_inside_a_program_are_reached():
    check_derivatives(lambda c: Weighted(a=0, name="own").logpdf(X, c), 0.3)
    check_derivatives(lambda c: st.rv_discrete(values=([1, 2, 5], [0.2, 0.3, 0.5])).mean(c), 0.3)
    check_derivatives(lambda x: st.rv_histogram(np.histogram(SAMPLE, bins=3)).cdf(x), X)


def test_random_variates_move_with_loc_and_scale():
    for dist, shapes in ((st.norm, ()), (st.gamma, (2.3,)), (st.t, (4.0,))):
        plain = dist.rvs(*shapes, 0.3, 1.2, size=4, random_state=5)
        f = lambda m, s: dist.rvs(*shapes, m, s, size=4, random_state=5)  # noqa: B023
        value, slope = jvp(f, (0.3, 1.2), (1.0, 0.0))
        np.testing.assert_array_equal(value, plain)
        np.testing.assert_array_equal(slope, np.ones(4))
        np.testing.assert_allclose(jvp(f, (0.3, 1.2), (0.0, 1.0))[1], (plain - 0.3) / 1.2, rtol=1e-12)


def test_random_vectors_move_with_their_centre():
    for f in (lambda m: st.multivariate_normal.rvs(m, COV, 3, random_state=4),
              lambda m: st.multivariate_t(m, COV, 4.0).rvs(3, random_state=4)):
        value, slope = jvp(f, (MEAN,), (np.ones(2),))
        np.testing.assert_array_equal(value, f(MEAN))
        np.testing.assert_array_equal(slope, np.ones((3, 2)))
    with pytest.raises(RuleError, match="derivatives in mean alone"):
        jacobian(lambda s: st.multivariate_normal.rvs(MEAN, s * COV, random_state=4))(1.2)


PRIORS = {"mean": norm(0, 2), "rest": [("scale", st.expon), st.gamma]}


def test_distributions_in_containers_and_attributes_are_reached():
    class Model:
        def __init__(self):
            self.prior = st.halfnorm(scale=2.0)

        def log_prior(self, t):
            return (self.prior.logpdf(t[1]) + PRIORS["mean"].logpdf(t[0]) + PRIORS["rest"][0][1].logpdf(t[1])
                    + PRIORS["rest"][1].logpdf(t[1], t[0]))

    t, parts = np.array([0.4, 1.2]), [PRIORS["mean"], *PRIORS["rest"]]
    model = Model()
    check_derivatives(model.log_prior, t)
    check_derivatives(lambda t: model.log_prior(t), t)
    assert all(x is y for x, y in zip(parts, [PRIORS["mean"], *PRIORS["rest"]], strict=True))


def test_quantiles_of_counts_are_steps():
    assert jvp(lambda m: st.poisson.ppf(0.7, m), (2.3,), (1.0,)) == (st.poisson.ppf(0.7, 2.3), 0.0)
    assert jvp(lambda loc: st.poisson.ppf(0.7, 2.3, loc), (1.0,), (1.0,))[1] == 1.0


def test_kappa4_where_its_formula_is_another_is_refused():
    check_derivatives(lambda h, k: st.kappa4.logpdf(X, h, k), 0.1, 0.2)
    with pytest.raises(DualdiffError, match="kappa4"):
        derivative(lambda h: st.kappa4.logpdf(0.3, h, 0.2))(0.0)


REFUSED = {
    r"scipy.stats.poisson.logpmf: k is perturbed": (lambda k: st.poisson.logpmf(k, 2.3), 2.0),
    r"scipy.stats.poisson.cdf: loc is perturbed": (lambda loc: st.poisson(2.3, loc).cdf(4), 1.0),
    r"scipy.stats.binom.logpmf: n is perturbed": (lambda n: st.binom.logpmf(2, n, 0.3), 6.0),
    r"scipy.stats.binom.mean: n is perturbed": (lambda n: st.binom.mean(n, 0.3), 6.0),
    r"scipy.stats.gamma.rvs has derivatives in loc and scale alone": (lambda a: st.gamma.rvs(a, random_state=1), 2.3),
    r"scipy.stats.norm.fit has no derivative": (lambda s: st.norm.fit(s * SAMPLE)[0], 1.2),
    r"scipy.stats.multinomial.logpmf: x is perturbed": (lambda x: st.multinomial.logpmf([x, 2], 3, [0.5, 0.5]), 1.0),
    r"has rank 1 of 2": (
        lambda s: st.multivariate_normal.logpdf([1, 1], [0, 0], s * np.ones((2, 2)), allow_singular=True), 1.2),
    r"cdf of a multivariate": (lambda m: st.multivariate_normal.cdf([0.1, 0.2], [m, 0.0]), 0.3),
    r"scipy.stats.wasserstein_distance_nd has no derivative rule; .*linprog has one":
        (lambda s: st.wasserstein_distance_nd(s * np.eye(2), np.ones((2, 2))), 1.2),
    r"scipy.stats.shapiro has no derivative rule; it is compiled": (lambda s: st.shapiro(s * SAMPLE).statistic, 1.2),
    r"scipy.stats.ppcc_max has no derivative rule; it searches": (lambda s: st.ppcc_max(s * SAMPLE), 1.2),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_has_no_derivative_is_refused_by_name(message):
    f, x = REFUSED[message]
    for program in (f, lift(f)):
        with pytest.raises(DualdiffError, match=message):
            derivative(program)(x)


def test_the_optimal_exponents_of_boxcox_and_yeojohnson_are_differentiated():
    for f in (lambda x: st.boxcox(x)[1], lambda x: st.boxcox_normmax(x), lambda x: st.yeojohnson_normmax(x)):
        value, slope = jvp(f, (SAMPLE,), (OTHER,))
        assert value == f(SAMPLE)
        step = 1e-4
        np.testing.assert_allclose(slope, (f(SAMPLE + step * OTHER) - f(SAMPLE - step * OTHER)) / (2 * step), rtol=1e-3)


def test_results_are_the_objects_scipy_returns():
    def f(x):
        result = st.ttest_1samp(x, 1.0)
        assert type(result).__name__ == "TtestResult"
        assert result.df == 6
        low, high = st.pearsonr(x, OTHER).confidence_interval(0.9)
        return result.statistic * (high - low)
    check_derivatives(f, SAMPLE)
    assert type(lift(st.linregress)(SAMPLE, OTHER)) is type(st.linregress(SAMPLE, OTHER))


@pytest.mark.parametrize("f", [lambda x: st.linregress(x, OTHER), lambda x: st.pearsonr(x, OTHER),
                               lambda x: st.ttest_1samp(x, 0.5), lambda x: st.kstest(x, "norm")])
def test_derivatives_of_such_an_object_are_one_with_all_that_it_shows(f):
    check_derivatives(f, SAMPLE, atol=1e-9)
    plain, (value, slope) = f(SAMPLE), jvp(f, (SAMPLE,), (OTHER,))
    assert type(value) is type(slope) is type(plain)
    np.testing.assert_allclose(gradient(lambda x: f(x)[0], mode="reverse")(SAMPLE) @ OTHER, slope[0])
    assert slope._asdict().keys() >= {*plain._fields, *plain._extra_fields}
    assert jvp(lambda x: stop_gradient(f(x)), (SAMPLE,), (OTHER,))[1][0] == 0


def test_a_distribution_is_what_it_was_after_a_derivative():
    state, kind = dict(vars(FROZEN)), type(FROZEN)
    gradient(lambda x: FROZEN.logpdf(x).sum())(X)
    assert type(FROZEN) is kind
    assert vars(FROZEN) == state
    with pytest.raises(RuleError):
        derivative(lambda m: st.poisson.pmf(m, 2.0))(1.0)
    assert isinstance(norm.logpdf(0.3), float)


def test_instances_and_classes_are_still_told_apart_by_isinstance():
    def f(x):
        assert isinstance(norm, rv_continuous)
        assert isinstance(OWN, rv_continuous)
        assert not isinstance(st.poisson, rv_continuous)
        return norm.logpdf(x)
    assert derivative(lift(f))(0.3) == -0.3


class Normal(type(norm)):
    def _cdf(self, x):
        return super()._cdf(x) ** 2


class MaxOfTwo(Normal):
    def _pdf(self, x):
        return 2 * np.sqrt(self._cdf(x)) * super()._pdf(x)


class SurvivesTwice(type(st.gamma)):
    def _sf(self, x, a):
        return super()._sf(x, a) ** 2


class Sharper(type(st.gamma)):
    def _logpdf(self, x, a):
        return super()._logpdf(x, a) * 1.5


class Quantiles(type(st.gamma)):
    def _ppf(self, q, a):
        return super()._ppf(q, a) ** 1.5


class Whole(Weighted):
    def _cdf(self, x, c):
        return -np.expm1(-c * x**3)


class WholeTwice(Whole):
    def _cdf(self, x, c):
        return super()._cdf(x, c) ** 2

    def _pdf(self, x, c):
        return 2 * super()._cdf(x, c) * super()._pdf(x, c)


@pytest.mark.parametrize("name", ["pdf", "logpdf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"])
@pytest.mark.parametrize("kind", [Normal, MaxOfTwo, SurvivesTwice, Sharper, Quantiles, WholeTwice])
def test_a_distribution_that_overrides_a_part_of_another_has_the_derivatives_of_what_it_computes(kind, name):
    dist = kind(name="of the user's", **({} if issubclass(kind, type(norm)) else {"a": 0}))
    shapes = () if issubclass(kind, type(norm)) else (2.3,)
    check_derivatives(lambda x, s, *shapes: getattr(dist, name)(x, *shapes, scale=s), X[:3] / 2, 1.2, *shapes)


@pytest.mark.parametrize("f", [
    lambda x: x if type(st.gaussian_kde(SAMPLE * x)) is st.gaussian_kde and type(DENSITY) is st.gaussian_kde else 0 * x,
    lambda x: x if type(norm(0.0, x)) is type(FROZEN) and type(norm) is type(st.norm) is not type(st.gamma) else 0 * x,
    lambda x: x if type(st.multivariate_normal(MEAN * x, COV)) is type(FROZEN_POINTS) else 0 * x,
    lambda x: x if type(OLD) is Old and type(OLD) is not st.gaussian_kde else 0 * x])
def test_the_types_of_distributions_are_those_of_scipys(f):
    agrees(f, 1.3, order=1)


class Old(st.gaussian_kde):
    def evaluate(self, points):
        return 2 * super(Old, self).evaluate(points)  # noqa: UP008 - as it was written before Python 3


class New(Old):
    def evaluate(self, points):
        return 3 * super().evaluate(points)


OLD, NEW = Old(SAMPLE), New(SAMPLE)


@pytest.mark.parametrize("f", [lambda x: OLD.evaluate(x), lambda x: NEW.evaluate(x), lambda x: New(SAMPLE * x[0]).evaluate(x),
                               lambda x: type("Own", (st.gaussian_kde,), {"two": 2})(SAMPLE).two * x])
def test_super_in_a_class_of_the_users_is_scipys_density(f):
    agrees(f, X, order=1)


def test_distributions_that_the_program_makes_are_reached():
    def f(x):
        class Inner(rv_continuous):
            def _pdf(self, x, a):
                return a * x ** (a - 1)
        drawn = st.rv_histogram(np.histogram(OTHER, 3))
        return Inner(a=0, b=1).pdf(0.3, 2.0) * Weighted(a=0, name="own").pdf(0.3, x) + drawn.cdf(x)
    check_derivatives(f, 0.7)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_expectations_over_infinite_supports_are_differentiated(mode):
    """Of three integrals, the last met now the scale, now the array that it became on the way."""
    a, s = P = np.array([1.5, 0.7])
    gamma = gradient(lambda p: st.gamma.expect(lambda x: x**2, args=(p[0],), scale=p[1]), mode=mode)(P)
    np.testing.assert_allclose(gamma, [(2 * a + 1) * s**2, 2 * a * (a + 1) * s], rtol=1e-6)
    call = gradient(lambda p: st.norm(p[0], p[1]).expect(lambda x: np.maximum(x - 1, 0)), mode=mode)(P)
    d = (a - 1) / s
    np.testing.assert_allclose(call, [norm.cdf(d), norm.pdf(d)], rtol=1e-6)


def test_an_expectation_has_the_bounds_that_its_distribution_sets():
    f = lambda m, c: st.vonmises.expect(lambda x: c * x**2, args=(1.0,), loc=m)
    agrees(f, 2.0, 1.5, order=1)
    np.testing.assert_allclose(jvp(f, (2.0, 1.5), (0.0, 1.0))[0], f(2.0, 1.5), rtol=1e-12)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_distances_of_samples_with_values_in_common_have_the_mean_of_the_slopes_on_both_sides(mode):
    for distance, slope in ((st.wasserstein_distance, -1.5), (st.energy_distance, (-0.75 - 1.75) / 2)):
        for other in ([2.0, 3.0], np.array([2.0, 3.0])):
            assert gradient(lambda e: distance(np.array([1.0, 2.0]) * e, other), mode=mode)(1.0) == slope  # noqa: B023

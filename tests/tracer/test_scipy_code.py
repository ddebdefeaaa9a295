"""SciPy's functions written in Python, on traced numbers, against differences of their values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numgrad

special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")
from scipy.stats import norm  # noqa: E402 - as users import it

X = np.array([0.31, 0.72, 1.4])
WEIGHTS = np.array([0.5, -1.0, 2.0])

FUNCTIONS = {
    "density": lambda x: stats.norm.pdf(x),
    "location and scale": lambda x: norm.logpdf(0.3, x, scale=1.0 + x**2),
    "survival": lambda x: stats.norm.logsf(x, x[0], 2.0),
    "quantile": lambda x: stats.norm.ppf(x / 2.0),
    "frozen": lambda x: norm(x[0], x[1]).logpdf(x),
    "frozen outside": lambda x: FROZEN.logcdf(x),
    "gamma": lambda x: stats.gamma.logpdf(x, 2.0 + x[0]),
    "beta": lambda x: stats.beta.pdf(0.4, 1.0 + x, 2.0),
    "student": lambda x: stats.t.logpdf(x, 2.0 + x[1]),
    "chi2": lambda x: stats.chi2.cdf(x, 3.0),
    "poisson": lambda x: stats.poisson.logpmf(np.array([0, 1, 3]), x),
    "part out of the support": lambda x: stats.expon.pdf(x - 0.5),
    "several variables": lambda x: stats.multivariate_normal.logpdf(x, np.zeros(3)) * x,
    "logsumexp": lambda x: special.logsumexp(x) * x,
    "along an axis": lambda x: special.logsumexp(np.outer(x, x), axis=1),
    "with weights": lambda x: special.logsumexp(x, b=np.array([1.0, 0.0, 2.0]), keepdims=True) * x,
    "active weights": lambda x: special.logsumexp(np.ones(3), b=x) * x,
    "of very large numbers": lambda x: special.logsumexp(1000.0 + x) * x,
    "softmax": lambda x: special.softmax(x),
    "log_softmax": lambda x: special.log_softmax(np.outer(x, x), axis=0)[:, 0],
}
FROZEN = norm(0.2, 1.5)


def differences(f, x):
    steps = 1e-5 * np.eye(len(x))
    return np.array([(f(x + step) - f(x - step)) / 2e-5 for step in steps]).T


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives(name):
    f = FUNCTIONS[name]
    expected = differences(f, X)
    value, tangent = numgrad.jvp(f, (X,), (WEIGHTS,), jit=False)
    assert_allclose(value, f(X), rtol=0.0)
    assert_allclose(tangent, expected @ WEIGHTS, atol=1e-7)
    _, (product,) = numgrad.vjp(f, (X,), WEIGHTS, jit=False)
    assert_allclose(product, WEIGHTS @ expected, atol=1e-7)


def test_second_derivatives_of_a_likelihood():
    data = np.array([0.4, 1.9, -0.3])

    def likelihood(p):
        return -np.sum(norm.logpdf(data, p[0], np.exp(p[1])))

    found = numgrad.hessian(likelihood, jit=False)(np.array([0.5, 0.2]))
    gradient = numgrad.grad(likelihood, jit=False)
    assert_allclose(found, differences(gradient, np.array([0.5, 0.2])), atol=1e-6)


def test_method_of_a_distribution_itself():
    assert_allclose(numgrad.derivative(norm.pdf, jit=False)(0.5), -0.5 * norm.pdf(0.5))


REFUSED = {
    "by quadrature and roots": lambda x: stats.genhyperbolic.ppf(x[0] / 4.0, 1.0, 1.0, 0.5),
    "the sign of a sum": lambda x: special.logsumexp(x, return_sign=True)[0],
    "compiled code": lambda x: special.polygamma(1, x)[0],
    "a matrix of covariances": lambda x: stats.multivariate_normal.logpdf(X, X, np.diag(x)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(numgrad.DifferentiationError, match=r"scipy\.\w+\.\w+ has no derivative"):
        numgrad.grad(REFUSED[name], jit=False)(X)


def test_constants_are_left_to_scipy():
    def f(x):
        return x[0] * stats.genhyperbolic.ppf(0.3, 1.0, 1.0, 0.5) * special.polygamma(1, 2.0)

    expected = stats.genhyperbolic.ppf(0.3, 1.0, 1.0, 0.5) * special.polygamma(1, 2.0)
    assert_allclose(numgrad.grad(f, jit=False)(X), [expected, 0.0, 0.0])

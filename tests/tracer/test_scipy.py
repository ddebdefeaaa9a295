"""SciPy's special functions of traced arrays, real and complex, against differences of values."""

import numpy as np
import pytest

import numgrad
from numgrad.rules.registry import ON_DEMAND, UNKNOWN
from numgrad.rules.scipy_functions import FUNCTIONS
from numgrad.tracer.operators import OF_COMPLEX

special = pytest.importorskip("scipy.special")
pytest.importorskip("scipy.special.cython_special")

from tests.tracer.test_both_ways import check_alone  # noqa: E402 - Numba's own needs SciPy

REAL = np.array([[0.31, 0.42, 0.55], [0.6, 0.67, 0.78]])
COMPLEX = np.array([0.3 + 0.2j, 0.5 + 0.5j])
WHOLE = {"expn": 3}  # what a first argument must be
SECOND = {"ellipkinc": 0.4, "ellipeinc": 0.4}  # and a second one
COUNTS = {name: ON_DEMAND[function].arity for name, function in FUNCTIONS.items()}
PAIRS = [
    (name, k) for name, count in COUNTS.items() for k in range(count) if k or name not in WHOLE
]


def is_known(name, k):
    """Return whether there is a formula for the slope in the k-th argument."""
    body = ON_DEMAND[FUNCTIONS[name]].body
    with np.errstate(all="ignore"):
        return body(*given_to(name, 0.5, k))[1 + k] is not UNKNOWN


def given_to(name, x, k):
    given = [WHOLE.get(name, 1.3), SECOND.get(name, 1.5), 1.7, 1.9][: COUNTS[name]]
    given[k] = x
    return given


KNOWN_SLOPES = [pair for pair in PAIRS if is_known(*pair)]
UNKNOWN_SLOPES = [pair for pair in PAIRS if not is_known(*pair)]


def of_argument(name, k):
    """Return SciPy's function of its k-th argument."""
    return lambda x: getattr(special, name)(*given_to(name, x, k))


@pytest.mark.parametrize(("name", "k"), KNOWN_SLOPES)
def test_real(name, k):
    one, other = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 2, 3))
    check_alone(of_argument(name, k), REAL, one, other, 1e-5)


@pytest.mark.parametrize(("name", "k"), UNKNOWN_SLOPES)
def test_unknown_slopes(name, k):
    with pytest.raises(numgrad.DifferentiationError, match=r"test_scipy.*\n.*no formula for its"):
        numgrad.jvp(of_argument(name, k), (REAL,), (REAL,), jit=False)


@pytest.mark.parametrize("name", sorted(OF_COMPLEX & set(FUNCTIONS)))
def test_complex(name):
    one, other = COMPLEX[::-1], 1.0 - 2.0 * COMPLEX
    check_alone(of_argument(name, COUNTS[name] - 1), COMPLEX, one, other, 1e-5)


@pytest.mark.parametrize("name", ["gamma", "loggamma", "psi", "ive"])
def test_complex_numbers_without_a_rule(name):
    """Their rules are those of real numbers, or they are not holomorphic."""
    with pytest.raises(numgrad.DifferentiationError, match=f"{name} of complex numbers has no"):
        numgrad.jacobian(of_argument(name, COUNTS[name] - 1), jit=False)(COMPLEX)

"""SciPy's special functions of traced arrays, real and complex, against differences of their own."""

import numpy as np
import pytest

import numgrad
from numgrad.rules.registry import ON_DEMAND
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
EACH = [(name, k) for name, count in COUNTS.items() for k in range(count) if k or name not in WHOLE]


def of_argument(name, k):
    """Return SciPy's function of its k-th argument."""

    def f(x):
        given = [WHOLE.get(name, 1.3), SECOND.get(name, 1.5), 1.7, 1.9][: COUNTS[name]]
        given[k] = x
        return getattr(special, name)(*given)

    return f


@pytest.mark.parametrize(("name", "k"), EACH)
def test_real(name, k):
    f = of_argument(name, k)
    try:
        numgrad.jvp(f, (REAL,), (REAL,), jit=False)
    except numgrad.DifferentiationError as error:
        assert "no formula for its slope" in str(error)
        assert "test_scipy.py" in str(error)
    else:
        one, other = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 2, 3))
        check_alone(f, REAL, one, other, 1e-5)


@pytest.mark.parametrize("name", sorted(OF_COMPLEX & set(FUNCTIONS)))
def test_complex(name):
    one, other = COMPLEX[::-1], 1.0 - 2.0 * COMPLEX
    check_alone(of_argument(name, COUNTS[name] - 1), COMPLEX, one, other, 1e-5)


@pytest.mark.parametrize("name", ["gamma", "loggamma", "psi", "ive"])
def test_complex_numbers_without_a_rule(name):
    """Their rules are those of real numbers, or they are not holomorphic."""
    with pytest.raises(numgrad.DifferentiationError, match=f"{name} of complex numbers has no"):
        numgrad.jacobian(of_argument(name, COUNTS[name] - 1), jit=False)(COMPLEX)

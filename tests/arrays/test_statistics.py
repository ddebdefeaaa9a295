"""NumPy's counts, covariances and sequences on arrays of duals, against differences of NumPy's."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from tests.arrays.expressions import arguments, differences, function

EXPRESSIONS = """
np.bincount(i, weights=x)
np.cov(x, ddof=0)
np.corrcoef(x, v)
np.nancumsum(np.where(m, x, np.nan))
np.nanquantile(np.where(m, x, np.nan), 0.3)
np.logspace(x[0], x[1], 5)
np.geomspace(v[0] + x[1] * x[1], v[1], 4)
np.unwrap(x * 9.0)
np.histogram(x, 3)[1]
np.cross([0.0, 0.0, 1.0], x[:3])
np.array([(x[0], 1.0), (x[1], 2.0)])
np.array(((x[0], 1.0), (x[1], 2.0)))
np.asarray(x[0]) * 2.0
np.asarray_chkfinite(x)
np.isreal(x) * x
np.iscomplexobj(x) * x
""".strip().splitlines()


def test_first_order():
    """Compiled and in plain Python."""
    x, *constants = arguments((4,))
    f = function(EXPRESSIONS)
    jacobians = numgrad.jacobian(njit(f))(x, *constants)
    plain = numgrad.jacobian(f, jit=False)(x, *constants)
    slopes = differences(lambda x: f(x, *constants), x, 1e-3)
    for k, expression in enumerate(EXPRESSIONS):
        assert_allclose(jacobians[k], slopes[k], rtol=1e-8, atol=1e-9, err_msg=expression)
        assert_allclose(plain[k], jacobians[k], rtol=1e-10, atol=1e-11, err_msg=expression)


def test_not_finite():
    check = njit(lambda x: np.asarray_chkfinite(x))
    with pytest.raises(ValueError, match="infs or NaNs"):
        numgrad.jacobian(check)(np.array([1.0, np.inf]))

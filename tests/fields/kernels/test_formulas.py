"""The formulas, against NumPy's arithmetic."""

import numpy as np
import pytest
from numba import njit

from numgrad.fields.kernels import formulas


@pytest.mark.parametrize("weight", [2.0, -0.5, 0.0, np.inf, np.nan])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_numbers_are_scaled_as_numpy_scales_them(dtype, weight):
    parts = [0.0, -1.5, 3.25, np.inf, np.nan]
    numbers = np.array([complex(u, v) for u in parts for v in parts], dtype)
    weight = numbers.real.dtype.type(weight)
    quotient = njit(error_model="numpy")(lambda number, h: formulas.quotient(number, h))
    product = njit(error_model="numpy")(lambda h, number: formulas.product(h, number))
    with np.errstate(all="ignore"):
        expected = [numbers / weight, weight * numbers]
    actual = [[quotient(number, weight) for number in numbers]]
    actual += [[product(weight, number) for number in numbers]]
    for ours, theirs in zip(actual, expected, strict=True):
        for part in ("real", "imag"):
            np.testing.assert_array_equal(
                getattr(np.array(ours, dtype), part), getattr(theirs, part)
            )

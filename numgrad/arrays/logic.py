"""Logic functions: what depends on values and types alone."""

import numpy as np

from numgrad.arrays.definitions import define, item
from numgrad.arrays.sorting import values_of
from numgrad.numbers.carrier import is_carrier, is_complex, number_of


@define(np.allclose)
def _allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    def close(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
        return np.allclose(values_of(a), values_of(b), rtol, atol, equal_nan)

    return close


# What depends on types and values alone


def is_complex_object(kind):
    return is_complex(number_of(item(kind)))


@define(np.iscomplexobj)
def _iscomplexobj(x):
    answer = is_complex_object(x)
    return lambda x: answer


@define(np.isrealobj)
def _isrealobj(x):
    answer = not is_complex_object(x)
    return lambda x: answer


@define(np.isscalar)
def _isscalar(element):
    answer = is_carrier(element)
    return lambda element: answer


@define(np.iscomplex)
def _iscomplex(x):
    return lambda x: np.iscomplex(values_of(x))


@define(np.isreal)
def _isreal(x):
    return lambda x: np.isreal(values_of(x))

"""NumPy's functions that put other numbers in the place of some."""

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.arrays.definitions import are_arrays, define, is_given
from numgrad.numbers.carrier import is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted_like, primal_of
from numgrad.targets.options import internal_njit


def extreme(kind, given, sign):
    """Return a function of what the caller gave for an infinity: the largest number by default."""
    if is_given(given):
        return internal_njit(lambda given: given)
    number = number_of(kind.dtype if isinstance(kind, types.Array) else kind)
    number = number.underlying_float if is_complex(number) else number
    largest = sign * float(np.finfo(str(number)).max)
    return internal_njit(lambda given: largest)


@internal_njit
def finite(x, nan, highest, lowest):
    """Return a number, or what stands in its place; that is a constant."""
    number = primal_of(x)
    if np.isnan(number):
        return converted_like(x, nan)
    if np.isinf(number):
        return converted_like(x, highest if number > 0 else lowest)
    return x


def finite_parts(x, nan, highest, lowest):
    raise NotImplementedError("compiled code only")


@overload(finite_parts, strict=False)
def _finite_parts(x, nan, highest, lowest):
    if not is_complex(number_of(x)):
        return lambda x, nan, highest, lowest: finite(x, nan, highest, lowest)

    def of_complex(x, nan, highest, lowest):
        return complex(finite(x.real, nan, highest, lowest), finite(x.imag, nan, highest, lowest))

    return of_complex


@define(np.nan_to_num)
def _nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    highest, lowest = extreme(x, posinf, 1.0), extreme(x, neginf, -1.0)
    if is_carrier(x):
        return lambda x, copy=True, nan=0.0, posinf=None, neginf=None: finite_parts(
            x, nan, highest(posinf), lowest(neginf)
        )
    if not are_arrays(x):
        return None

    def replaced(x, copy=True, nan=0.0, posinf=None, neginf=None):
        result = np.copy(x) if copy else x
        for index in np.ndindex(x.shape):
            result[index] = finite_parts(x[index], nan, highest(posinf), lowest(neginf))
        return result

    return replaced

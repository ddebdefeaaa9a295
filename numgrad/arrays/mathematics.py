"""Mathematical functions of single numbers that are no ufunc of one result."""

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.arrays.definitions import are_arrays, carries, define, is_given, itself
from numgrad.numbers.carrier import is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted_like, primal_of
from numgrad.targets.options import internal_njit

# Ufuncs with two results, of which one has derivatives


@define(np.divmod)
def _divmod(x, y):
    if any(isinstance(each, types.Array) for each in (x, y)):
        return lambda x, y: (np.floor_divide(x, y), np.mod(x, y))
    return None  # of numbers there is a rule


# Limits by keywords: in their places there is a rule


@define(np.clip)
def _clip(a, a_min, a_max, out=None):
    arrays = [each for each in (a, a_min, a_max) if isinstance(each, types.Array)]
    if not arrays or is_given(out):
        return None
    ordered = np.asfortranarray if getattr(a, "layout", "C") == "F" else np.ascontiguousarray
    if max(array.ndim for array in arrays) == 0:
        ordered = itself  # a number
    if not is_given(a_min):
        return lambda a, a_min, a_max, out=None: ordered(np.minimum(a, a_max))
    if not is_given(a_max):
        return lambda a, a_min, a_max, out=None: ordered(np.maximum(a, a_min))
    return lambda a, a_min, a_max, out=None: ordered(np.minimum(np.maximum(a, a_min), a_max))


@define(np.unwrap)
def _unwrap(p, discont=None, axis=-1, period=2 * np.pi):
    if not are_arrays(p) or carries(discont) or carries(period):
        return None
    is_limited = is_given(discont)

    def unwrapped(p, discont=None, axis=-1, period=2 * np.pi):
        if axis != -1 and axis != p.ndim - 1:
            raise ValueError('Value for argument "axis" is not supported')
        result = p.copy()
        rows = result.reshape((-1, p.shape[-1]))
        limit = discont if is_limited else period / 2
        for i in range(rows.shape[0]):
            turns, before = 0.0, primal_of(rows[i, 0])
            for k in range(1, rows.shape[1]):
                number = primal_of(rows[i, k])
                turns += turn(number - before, limit, period)
                before = number
                rows[i, k] += turns
        return result

    return unwrapped


@internal_njit
def turn(step, limit, period):
    """Return what to add to a step of an angle so that it is the shortest one."""
    if np.abs(step) < limit:
        return 0.0
    shortest = (step + period / 2) % period - period / 2
    if shortest == -period / 2 and step > 0:
        shortest = period / 2
    return shortest - step


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

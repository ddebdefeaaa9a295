"""Scale factors and grids inside compiled code: numbers that spread over a field."""

from typing import NamedTuple

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError, NumbaValueError

from numgrad.fields.compiled.lines import once
from numgrad.fields.kernels.unrolled import named
from numgrad.targets.options import formula, internal_njit


class Spread(NamedTuple):
    """Numbers in a row, and how far apart they lie along each axis of the field: 0 where alike."""

    values: object
    steps: object


@once
def spread_of(is_array):
    """Make the function ``(given, shape)`` that spreads a number or an array."""

    def of_number(given, shape):
        values = np.empty(1)
        values[0] = given
        return Spread(values, np.zeros(len(shape), np.int64))

    def of_array(given, shape):
        steps = np.zeros(len(shape), np.int64)
        behind, step = len(shape) - given.ndim, 1
        for d in range(given.ndim - 1, -1, -1):
            n = given.shape[d]
            if n != 1:
                if n != shape[behind + d]:
                    raise ValueError("scale factors must broadcast to the shape of the field")
                steps[behind + d] = step
            step *= n
        values = np.ascontiguousarray(given.astype(np.float64)).reshape((given.size,))
        return Spread(values, steps)

    return internal_njit(of_array if is_array else of_number)


@once
def grid_of_lines():
    """Make the function ``(given, shape)`` that spreads coordinates with a grid for each line."""
    spread = spread_of(True)

    def of_grid(given, shape):
        if given.shape != shape:
            raise ValueError("coordinates must be one-dimensional or have the shape of the field")
        return spread(given, shape)

    return internal_njit(of_grid)


@internal_njit
def place_of(index, steps):
    """Give where the number for a point of the field lies."""
    place = 0
    for d in range(len(index)):
        place += index[d] * steps[d]
    return place


@internal_njit
def find_index(place, shape, index):
    """Write down the index of a place of a contiguous field."""
    for d in range(len(shape) - 1, -1, -1):
        index[d] = place % shape[d]
        place //= shape[d]


@internal_njit
def take_line(spread, index, axis, line):
    """Copy the numbers along the line through a point."""
    values, step = spread.values, spread.steps[axis]
    start = place_of(index, spread.steps) - index[axis] * step
    for i in range(len(line)):
        line[i] = values[start + i * step]


def spread_factors(argument, ndim, count):
    """Make the function ``(scale_factors, shape)`` that gives them all as a tuple."""
    if not isinstance(argument, types.BaseTuple) or len(argument) not in (count, count + 1):
        raise NumbaValueError(
            f"in compiled code scale_factors must be a tuple of one entry an axis, {count}, and "
            f"perhaps one more for a direction in which nothing varies, not {argument}"
        )
    gather = formula(lambda factors, shape: ())
    for k, factor in reversed(list(enumerate(argument))):
        is_array = isinstance(factor, types.Array)
        number = types.unliteral(factor.dtype if is_array else factor)
        if not isinstance(number, types.Integer | types.Float):
            raise NumbaTypeError(
                f"scale_factors[{k}] must be a number or an array of real numbers, not {factor}"
            )
        if is_array and not 0 < factor.ndim <= ndim:
            raise NumbaTypeError(
                f"scale_factors[{k}] must have 1 to {ndim} dimensions in compiled code, not "
                f"{factor.ndim}"
            )
        gather = _one_more(k, is_array, gather)
    return gather


def _one_more(k, is_array, gather):
    spread = spread_of(is_array)

    def factors(given, shape):
        return (spread(given[k], shape),) + gather(given, shape)  # noqa: RUF005 - Numba knows no other

    return formula(named(factors, "factors", k, is_array))

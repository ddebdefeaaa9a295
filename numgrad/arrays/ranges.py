"""Numerical ranges."""

import numpy as np
from numba import types
from numba.core.registry import cpu_target
from numba.extending import overload

from numgrad.arrays.creation import compiled_only, elements_of, replaces
from numgrad.arrays.definitions import define
from numgrad.numbers.carrier import is_complex, is_none, number_of
from numgrad.numbers.conversions import primal_of
from numgrad.targets.options import internal_njit

# Sequences whose ratios are all the same


@define(np.logspace)
def _logspace(start, stop, num=50):
    number = number_among(start, stop)
    return lambda start, stop, num=50: 10.0 ** spaced(start, stop, num, number)


@define(np.geomspace)
def _geomspace(start, stop, num=50):
    number = number_among(start, stop)
    if is_complex(number_of(number)):
        return None

    def geometric(start, stop, num=50):
        if start == 0 or stop == 0:
            raise ValueError("Geometric sequence cannot include zero")
        result = np.empty(num, number)
        for k in range(num):
            result[k] = start * (stop / start) ** (k / max(num - 1, 1))
        if num > 1:
            result[num - 1] = stop
        return result

    return geometric


@replaces(np.linspace)
def linspace(dual, start, stop, num=50):
    compiled_only()


@overload(linspace)
def _linspace(dual, start, stop, num=50):
    elements = elements_of(dual, None, number_among(start, stop))
    return lambda dual, start, stop, num=50: spaced(start, stop, num, elements)


@internal_njit
def spaced(start, stop, num, elements):
    """Return numbers from start to stop, both among them."""
    result = np.empty(num, elements)
    step = (stop - start) / max(num - 1, 1)
    for k in range(num):
        result[k] = start + k * step
    if num > 1:
        result[num - 1] = stop
    return result


def number_among(*kinds):
    """Return the type that holds numbers of some types: floats, even if all are integers."""
    kinds = [types.unliteral(kind) for kind in kinds if not is_none(kind)]
    return cpu_target.typing_context.unify_types(types.float64, *kinds)


@replaces(np.arange)
def arange(dual, start, stop=None, step=None, dtype=None):
    compiled_only()


@overload(arange)
def _arange(dual, start, stop=None, step=None, dtype=None):
    kinds = [types.unliteral(kind) for kind in (start, stop, step) if not is_none(kind)]
    are_integers = all(isinstance(kind, types.Integer) for kind in kinds)
    default = types.int64 if are_integers else number_among(*kinds)
    elements = elements_of(dual, dtype, default)
    if is_none(stop):
        return lambda dual, start, stop=None, step=None, dtype=None: stepped(
            0, start, 1 if step is None else step, elements
        )
    return lambda dual, start, stop=None, step=None, dtype=None: stepped(
        start, stop, 1 if step is None else step, elements
    )


@internal_njit
def stepped(start, stop, step, elements):
    """Return the numbers from start up to, but not with, stop."""
    if primal_of(step) == 0:
        raise ValueError("Maximum allowed size exceeded")
    count = int(np.ceil((primal_of(stop) - primal_of(start)) / primal_of(step)))
    result = np.empty(max(count, 0), elements)
    for k in range(result.size):
        result[k] = start + k * step
    return result

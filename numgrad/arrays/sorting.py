"""Sorting, searching, and sets. What NumPy sorts by is the values, nan last."""

import numpy as np
from numba import types
from numba.extending import overload
from numba.np import arraymath

from numgrad.arrays.definitions import are_arrays, carries, define, is_real, is_whole
from numgrad.numbers.carrier import number_of
from numgrad.numbers.conversions import primal_of
from numgrad.targets.options import internal_njit


@define(np.extract)
def _extract(condition, arr):
    if not are_arrays(condition, arr):
        return None
    return lambda condition, arr: arr.ravel()[np.flatnonzero(condition.ravel())]


@define(np.unique)
def _unique(ar):
    return (lambda ar: distinct(np.sort(ar.ravel()))) if are_arrays(ar) else None


@internal_njit
def distinct(line):
    """Return the first of equal numbers each, of sorted ones."""
    count = 0
    for k in range(line.size):
        if k == 0 or line[k] != line[count - 1]:
            line[count] = line[k]
            count += 1
    return line[:count].copy()


# Order. What NumPy sorts by is the values, nan last.


def values_of(numbers):
    raise NotImplementedError("compiled code only")


@overload(values_of, strict=False)
def _values_of(numbers):
    """Return numbers, one or an array, without any derivative."""
    if not carries(numbers):
        return lambda numbers: numbers
    if not are_arrays(numbers):
        return lambda numbers: primal_of(numbers)
    kind = number_of(numbers.dtype)

    def values(numbers):
        line = numbers.ravel()
        result = np.empty(line.size, kind)
        for k in range(line.size):
            result[k] = primal_of(line[k])
        return result.reshape(numbers.shape)

    return values


@define(np.sort)
def _sort(a):
    if not are_arrays(a) or a.ndim != 1:
        return None
    return lambda a: a[np.argsort(values_of(a))]


@define(np.argsort)
def _argsort(a, kind="quicksort"):
    if not are_arrays(a):
        return None
    if isinstance(kind, types.StringLiteral) and kind.literal_value in ("mergesort", "stable"):
        return lambda a, kind="quicksort": np.argsort(values_of(a), kind="mergesort")
    return lambda a, kind="quicksort": np.argsort(values_of(a))


@define(np.argpartition)
def _argpartition(a, kth):
    return (lambda a, kth: np.argpartition(values_of(a), kth)) if are_arrays(a) else None


@define(np.partition)
def _partition(a, kth):
    """Return the numbers in the order of argpartition, which Numba's own partition has too."""
    if not are_arrays(a):
        return None

    def partition(a, kth):
        places, result = np.argpartition(values_of(a), kth), np.empty_like(a)
        for index in np.ndindex(a.shape):
            result[index] = a[(*index[:-1], places[index])]
        return result

    return partition


@define(np.searchsorted)
def _searchsorted(a, v, side="left"):
    if not are_arrays(a):
        return None
    return lambda a, v, side="left": np.searchsorted(values_of(a), values_of(v), side)


@internal_njit
def position_of_lowest(a):
    """Return where the first of the lowest numbers is, or the first nan."""
    line = a.ravel()
    if line.size == 0:
        raise ValueError("zero-size array to reduction operation without an identity")
    place, lowest = 0, primal_of(line[0])
    for k in range(1, line.size):
        number = primal_of(line[k])
        if np.isnan(lowest):
            break
        if number < lowest or np.isnan(number):
            place, lowest = k, number
    return place


@internal_njit
def position_of_highest(a):
    """Return where the first of the highest numbers is, or the first nan."""
    line = a.ravel()
    if line.size == 0:
        raise ValueError("zero-size array to reduction operation without an identity")
    place, highest = 0, primal_of(line[0])
    for k in range(1, line.size):
        number = primal_of(line[k])
        if np.isnan(highest):
            break
        if number > highest or np.isnan(number):
            place, highest = k, number
    return place


@define(np.argmin, arraymath.array_argmin)
def _argmin(a, axis=None):
    if not is_real(a) or not is_whole(a, axis):
        return None
    return lambda a, axis=None: position_of_lowest(a)


@define(np.argmax, arraymath.array_argmax)
def _argmax(a, axis=None):
    if not is_real(a) or not is_whole(a, axis):
        return None
    return lambda a, axis=None: position_of_highest(a)


@define(np.nanargmin)
def _nanargmin(a, axis=None):
    return (lambda a, axis=None: np.nanargmin(values_of(a), axis)) if is_real(a) else None


@define(np.nanargmax)
def _nanargmax(a, axis=None):
    return (lambda a, axis=None: np.nanargmax(values_of(a), axis)) if is_real(a) else None

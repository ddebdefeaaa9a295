"""Arrays of duals put together, searched, interpolated, and written to by ufuncs."""

import numpy as np
from numba import types

from numgrad.arrays.definitions import are_arrays, common, define, is_given, item
from numgrad.numbers.carrier import is_carrier, number_of
from numgrad.numbers.conversions import converted
from numgrad.targets.options import internal_njit

# Put together, and picked


@define(np.repeat)
def _repeat(a, repeats):
    """Repeat one number, which Numba knows to be one by its own types alone."""
    if not is_carrier(a) or not isinstance(repeats, types.Integer):
        return None
    number = a

    def repeated(a, repeats):
        result = np.empty(repeats, number)
        result[:] = a
        return result

    return repeated


@define(np.append)
def _append(arr, values, axis=None):
    if is_given(axis):
        return None  # Numba's own takes arrays of duals
    number = common(arr, values)
    left, right = (flattened if are_arrays(kind) else alone for kind in (arr, values))

    def append(arr, values, axis=None):
        return np.concatenate((left(arr, number), right(values, number)))

    return append


@define(np.insert)
def _insert(arr, obj, values, axis=None):
    """Numbers before others of a flattened array: Numba's own, of whole numbers, says where."""
    if not are_arrays(arr) or is_given(axis):
        return None
    if number_of(item(arr)) != number_of(common(arr, values)):
        return None  # what is inserted would be rounded
    number, many = common(arr, values), are_arrays(values)
    new = flattened if many else alone
    places = counted if many else first

    def insert(arr, obj, values, axis=None):
        flat, inserted = flattened(arr, number), new(values, number)
        places_of_all = np.insert(np.arange(flat.size), obj, places(flat.size, inserted.size))
        return np.concatenate((flat, inserted))[places_of_all]

    return insert


@internal_njit
def counted(start, count):
    return np.arange(start, start + count)


@internal_njit
def first(start, count):
    return start


@internal_njit
def flattened(array, number):
    return array.ravel()


@internal_njit
def alone(value, number):
    result = np.empty(1, number)
    result[0] = value
    return result


@internal_njit
def in_a_row(values, number):
    result = np.empty(len(values), number)
    for k, value in enumerate(values):
        result[k] = value
    return result


@define(np.broadcast_to)
def _broadcast_to(array, shape):
    if not is_carrier(array):
        return None
    number = array
    return lambda array, shape: np.broadcast_to(alone(array, number), shape)


@define(np.broadcast_arrays)
def _broadcast_arrays(*args):
    """A list of views that can't be written to, as Numba has it: of one type, as its items are."""
    count = len(args)
    makers = ["in_a_row" if isinstance(kind, types.BaseTuple) else "alone" for kind in args]
    views = ", ".join(f"np.broadcast_to(a{k}, shape)" for k in range(count))
    lines = [
        "def broadcast_arrays(*args):",
        *(
            f"a{k} = args[{k}]" if are_arrays(kind) else f"a{k} = {made}(args[{k}], number)"
            for k, (kind, made) in enumerate(zip(args, makers, strict=True))
        ),
        f"shape = np.broadcast_shapes({', '.join(f'a{k}.shape' for k in range(count))})",
        f"return [{views}]",
    ]
    numbers = [kind.dtype if isinstance(kind, types.UniTuple) else kind for kind in args]
    names = {"np": np, "alone": alone, "in_a_row": in_a_row, "number": common(*numbers)}
    exec("\n    ".join(lines), names)
    return names["broadcast_arrays"]


@define(np.trim_zeros)
def _trim_zeros(filt, trim="fb"):
    if not are_arrays(filt):
        return None

    def trimmed(filt, trim="fb"):
        first, last = 0, filt.size
        while "f" in trim.lower() and first < last and filt[first] == 0:
            first += 1
        while "b" in trim.lower() and last > first and filt[last - 1] == 0:
            last -= 1
        return filt[first:last]

    return trimmed


@define(np.fill_diagonal)
def _fill_diagonal(a, val, wrap=False):
    if not are_arrays(a) or a.ndim != 2 or not is_carrier(a.dtype):
        return None
    at = taken if are_arrays(val) else same

    def fill(a, val, wrap=False):
        columns = a.shape[1]
        last = a.size if wrap else min(a.size, columns * columns)
        for k, place in enumerate(range(0, last, columns + 1)):
            a[place // columns, place % columns] = at(val, k)

    return fill


@internal_njit
def taken(values, k):
    """Return one of the values, which are gone through again and again."""
    return values.ravel()[k % values.size]


@internal_njit
def same(value, k):
    return value


# Differences and powers


@define(np.vander)
def _vander(x, N=None, increasing=False):  # noqa: N803
    if not are_arrays(x):
        return None
    number, is_square = x.dtype, not is_given(N)

    def powers(x, N=None, increasing=False):  # noqa: N803
        count = x.size if is_square else N
        result = np.empty((x.size, count), number)
        for i in range(x.size):
            power = converted(1.0, number)
            for k in range(count):
                result[i, k if increasing else count - 1 - k] = power
                power *= x[i]
        return result

    return powers

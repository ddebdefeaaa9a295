"""What the examples of the page "What of Numba is differentiated" name, for compiled code."""

import cmath  # noqa: F401
import functools  # noqa: F401 - named by examples, as are the others
import heapq
import math
import operator
import random  # noqa: F401
from collections import namedtuple

import numba
import numpy as np
import numpy.polynomial.polynomial as poly  # noqa: F401
import numpy.polynomial.polyutils as polyutils  # noqa: F401
from numba import njit, types
from numba.extending import overload
from numba.typed import Dict, List

Point = namedtuple("Point", "first second")


def weighted(value):
    """A number that each number in a value has its own part in."""


@overload(weighted)
def weighted_in_compiled_code(value):
    value = types.unliteral(value)
    if isinstance(value, types.Boolean):
        return lambda value: 1.0 if value else 0.0
    if isinstance(value, types.Complex):
        return lambda value: value.real + 2.0 * value.imag
    if isinstance(value, types.BaseTuple):
        if not len(value):
            return lambda value: 0.0
        if len(value) == 1:
            return lambda value: weighted(value[0])
        return lambda value: weighted(value[0]) + 0.7 * weighted(value[1:])
    if isinstance(value, types.Array | types.List | types.NumpyFlatType):

        def of_items(value):
            total, k = 0.0, 1.0
            for each in value:
                total += math.sin(k) * weighted(each)
                k += 1.0
            return total

        return of_items
    return lambda value: float(value)


@njit
def stored(x):
    y = np.zeros(3)
    operator.setitem(y, 0, x[0] * x[1])
    items = [x[0], x[1]]
    operator.delitem(items, 0)
    return y[0] + items[0] if operator.contains([1, 2], 2) else 0.0


@njit
def printed(a):
    if a > 100.0:
        print(a)
    return a * a


@njit
def heaped(items):
    heapq.heapify(items)
    heapq.heappush(items, items[1] * 3.0)
    first = heapq.heappop(items)
    second = heapq.heapreplace(items, first * 2.0)
    third = heapq.heappushpop(items, second * second)
    return heapq.nlargest(2, items) + heapq.nsmallest(1, items) + [first, second, third]


@njit
def unpacked(x):
    first, second, (_, _) = x[0], x[1], (x[2], x[3])
    first, second = second * second, first
    return first + 3.0 * second


@njit
def looped(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0.5:
            total += x[k] ** 2
        else:
            total -= x[k]
    while total > 0.5:
        total *= 0.5
    return total


@njit
def caught(x):
    try:
        if x[0] > 0.0:
            raise ValueError("positive")
        total = 1.0
    except Exception:
        total = x[1] * 2.0
    return total


@njit
def generated(x):
    for k in range(3):
        yield x[k] * x[k + 1]


@njit
def summed(items):
    total = 0.0
    for each in items:
        total += each * each
    return total


@njit
def recursive(x, k):
    if k == 3:
        return x[k]
    return x[k] * recursive(x, k + 1)


@njit
def listed(x):
    items = [x[0], x[1]]
    items.append(x[2] ** 2)
    items.extend([x[3]])
    items.insert(0, x[1] * x[2])
    items += [x[0] * x[3]]
    items[1:2] = [x[3] ** 3]
    last = items.pop()
    items.reverse()
    copied = items.copy()
    items.clear()
    return sum(copied) * last


@njit
def typed_ones(x):
    items = List()
    items.append(x[0] * x[1])
    items.extend([x[2]])
    kept = Dict()
    kept["one"] = x[0] ** 2
    kept.update({"two": x[3]})
    total = items.pop() * items[0]
    for value in kept.values():
        total += value * kept["two"]
    return total


@njit
def filled(x):
    y, z = np.empty(4), np.empty_like(x)
    for k in range(4):
        y[k], z[k] = x[k] ** 2, x[3 - k]
    return y * z


@njit
def walked(x):
    total = 0.0
    for (k,) in np.ndindex(x.shape):
        total += k * x[k] ** 2
    for (k,), each in np.ndenumerate(x):
        total += k * each
    return total


@njit
def with_diagonal(m):
    y = m.copy()
    np.fill_diagonal(y, 2.0)
    return y


@njit
def described(x):
    zeros = np.zeros(2, np.dtype("float64"))
    return np.finfo(np.float64).bits + np.iinfo(np.int64).bits + zeros.size


moment = np.datetime64("2026-01-01")


@njit
def drawn(x):
    np.random.seed(3)  # noqa: NPY002 - as Numba has them
    y = x.copy()
    np.random.shuffle(y)  # noqa: NPY002
    return y * np.random.permutation(x) * np.random.choice(x)  # noqa: NPY002


@njit
def changed(x):
    y, z = x.copy(), x.copy()
    y.sort()
    z.fill(x[2])
    return y * z


@numba.vectorize
def double(a):
    return 2.0 * a * a


@numba.guvectorize(["void(float64[:], float64[:])"], "(n)->(n)")
def reverse(x, out):
    for k in range(len(x)):
        out[k] = x[len(x) - 1 - k]


@njit
def doubled(x):
    y = np.empty_like(x)
    reverse(x, y)
    return double(x) * y


joined_by_append = njit(lambda x: np.append(x, x[:2] ** 2))
joined_by_concatenate = njit(lambda x: np.concatenate((x, x[:2] ** 2)))
joined_by_hstack = njit(lambda x: np.hstack((x, x**2)))
joined_by_vstack = njit(lambda x: np.vstack((x, x**2)))
joined_by_dstack = njit(lambda x: np.dstack((x, x**2)))
joined_by_stack = njit(lambda x: np.stack((x, x**2)))
joined_by_column_stack = njit(lambda x: np.column_stack((x, x**2)))
joined_by_row_stack = joined_by_vstack  # another name for it
windows_by_as_strided = njit(
    lambda x: np.lib.stride_tricks.as_strided(x, (2, 2), x.strides + x.strides)
)
windows_by_sliding_window_view = njit(lambda x: np.lib.stride_tricks.sliding_window_view(x, 2))

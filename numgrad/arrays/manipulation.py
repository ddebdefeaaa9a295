"""Arrays of duals put together, searched, interpolated, and written to by ufuncs."""

import numpy as np
from numba import types
from numba.core.typing.templates import builtin_registry, signature
from numba.extending import lower_builtin, overload

from numgrad.arrays.definitions import (
    are_arrays,
    carries,
    common,
    define,
    is_given,
    item,
)
from numgrad.calls.elementwise import element, lower_elementwise
from numgrad.calls.entries import Entry
from numgrad.numbers.carrier import is_carrier, is_complex, number_of
from numgrad.numbers.conversions import converted, primal_of
from numgrad.numbers.emitting import return_type
from numgrad.rules import registry
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


# Ufuncs that write to an array of the caller's


class EntryInto(Entry):
    """The signatures of a ufunc with an output among its arguments."""

    def generic(self, arguments, keywords):
        if keywords or len(arguments) != self.function.nargs:
            return None
        *inputs, out = arguments
        if not isinstance(out, types.Array) or not is_carrier(out.dtype) or not out.mutable:
            return None
        result = return_type(self.context, self.function, [element(kind) for kind in inputs])
        if result is None or self.context.can_convert(result, out.dtype) is None:
            return None
        return signature(out, *arguments)

    @classmethod
    def lowering_key(cls):
        return "numgrad", cls.function, "into"

    @classmethod
    def lower(cls, context, builder, sig, arguments):
        kinds = sig.args[:-1]
        into = sig.return_type(*kinds)
        *inputs, out = arguments
        return lower_elementwise(context, builder, cls.function, into, inputs, (out,))


def register_into(function):
    """Teach Numba a ufunc of the table with an output."""
    attributes = {"key": staticmethod(function), "function": staticmethod(function)}
    template = type(f"Dual_{function.__name__}_into", (EntryInto,), attributes)
    builtin_registry.register_global(function, types.Function(template))
    lower_builtin(template.lowering_key(), types.VarArg(types.Any))(template.lower)


for _function in registry.TABLE:
    if isinstance(_function, np.ufunc) and _function.nout == 1:
        register_into(_function)


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


@internal_njit
def flattened(array, number):
    return array.ravel()


@internal_njit
def alone(value, number):
    result = np.empty(1, number)
    result[0] = value
    return result


@define(np.broadcast_to)
def _broadcast_to(array, shape):
    if not is_carrier(array):
        return None
    number = array
    return lambda array, shape: np.broadcast_to(alone(array, number), shape)


@define(np.broadcast_arrays)
def _broadcast_arrays(*args):
    """Return views that can't be written to, as Numba has it: in a list, if they are of one type.

    Otherwise in a tuple, since an array of duals in the place of one of floats would be a copy.
    """
    count, types_of_items = len(args), list(map(item, args))
    views = ", ".join(f"np.broadcast_to(a{k}, shape)" for k in range(count))
    lines = [
        "def broadcast_arrays(*args):",
        *(
            f"a{k} = args[{k}]" if are_arrays(kind) else f"a{k} = alone(args[{k}], item_{k})"
            for k, kind in enumerate(args)
        ),
        f"shape = np.broadcast_shapes({', '.join(f'a{k}.shape' for k in range(count))})",
        f"return [{views}]" if len(set(types_of_items)) == 1 else f"return ({views},)",
    ]
    names = {"np": np, "alone": alone}
    names |= {f"item_{k}": kind for k, kind in enumerate(types_of_items)}
    exec("\n    ".join(lines), names)
    return names["broadcast_arrays"]


@define(np.extract)
def _extract(condition, arr):
    if not are_arrays(condition, arr):
        return None
    return lambda condition, arr: arr.ravel()[np.flatnonzero(condition.ravel())]


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


@define(np.interp)
def _interp(x, xp, fp):
    if not are_arrays(xp, fp):
        return None
    number = common(x, xp, fp)
    if not isinstance(x, types.Array):
        return lambda x, xp, fp: interpolate(converted(x, number), values_of(x), xp, fp)

    def interpolated(x, xp, fp):
        result, line = np.empty(x.shape, number), x.ravel()
        numbers = result.reshape(-1)
        for k in range(line.size):
            at = converted(line[k], number)
            numbers[k] = interpolate(at, values_of(line[k]), xp, fp)
        return result

    return interpolated


@internal_njit
def interpolate(x, value, xp, fp):
    """Return the line through the points around x, at x; beyond all points, the last of them."""
    if xp.size == 0 or xp.size != fp.size:
        raise ValueError("fp and xp are not of the same length, or empty")
    k = np.searchsorted(xp, value, side="right") - 1
    zero = x * 0.0
    if np.isnan(value):
        return x
    if k < 0:
        return zero + fp[0]
    if k >= xp.size - 1:
        return zero + fp[xp.size - 1]
    return (x - xp[k]) * ((fp[k + 1] - fp[k]) / (xp[k + 1] - xp[k])) + fp[k]


@define(np.digitize)
def _digitize(x, bins, right=False):
    return lambda x, bins, right=False: np.digitize(values_of(x), values_of(bins), right)


@define(np.allclose)
def _allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    def close(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
        return np.allclose(values_of(a), values_of(b), rtol, atol, equal_nan)

    return close


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


@define(np.ediff1d)
def _ediff1d(ary, to_end=None, to_begin=None):
    if not are_arrays(ary):
        return None
    number = ary.dtype
    before, after = (
        nothing if not is_given(kind) else flattened if are_arrays(kind) else alone
        for kind in (to_begin, to_end)
    )

    def differences(ary, to_end=None, to_begin=None):
        line = ary.ravel()
        between = line[1:] - line[:-1]
        return np.concatenate((before(to_begin, number), between, after(to_end, number)))

    return differences


@internal_njit
def nothing(value, number):
    return np.empty(0, number)


# Moving sums of products


def moving_products_of(number):
    """Return the function that multiplies arrays to numbers of a type."""

    def moving_products(a, v, mode):
        """Return the sums of products of v with what it covers of a, which is the longer one."""
        n = v.size
        if mode == "full":
            count, first = a.size + n - 1, 1 - n
        elif mode == "same":
            count, first = a.size, -(n // 2)
        elif mode == "valid":
            count, first = a.size - n + 1, 0
        else:
            raise ValueError("mode must be 'valid', 'same' or 'full'")
        result = np.empty(count, number)
        for i in range(count):
            start, so_far = first + i, converted(0.0, number)
            for k in range(max(0, -start), min(n, a.size - start)):
                so_far += a[start + k] * v[k]
            result[i] = so_far
        return result

    return internal_njit(moving_products)


@define(np.correlate)
def _correlate(a, v, mode="valid"):
    if not are_arrays(a, v) or (a.ndim, v.ndim) != (1, 1):
        return None
    number = common(a, v)
    loop = moving_products_of(number)
    conjugate = conjugates if is_complex(number_of(v.dtype)) else itself

    def correlate(a, v, mode="valid"):
        check_not_empty(a, v)
        if a.size < v.size:  # the products in the other order, from the last on
            return loop(conjugate(v), a, mode)[::-1].copy()
        return loop(a, conjugate(v), mode)

    return correlate


@define(np.convolve)
def _convolve(a, v, mode="full"):
    if not are_arrays(a, v) or (a.ndim, v.ndim) != (1, 1):
        return None
    number = common(a, v)
    loop = moving_products_of(number)

    def convolve(a, v, mode="full"):
        check_not_empty(a, v)
        if a.size < v.size:
            return loop(v, a[::-1], mode)
        return loop(a, v[::-1], mode)

    return convolve


@internal_njit
def conjugates(numbers):
    return np.conj(numbers)


@internal_njit
def itself(numbers):
    return numbers


@internal_njit
def check_not_empty(a, v):
    if a.size == 0 or v.size == 0:
        raise ValueError("an array of a product that moves can't be empty")

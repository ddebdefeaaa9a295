"""NumPy's allocations and conversions, with elements that are duals.

A twin calls these in the place of NumPy's where the result may carry derivatives; the first
argument is the type of dual that the twin computes with. Integers and booleans stay what they are:
they have no derivative.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError
from numba.extending import overload

from numgrad.arrays import allocation
from numgrad.numbers.carrier import active_type, carrier_in, is_carrier, is_none
from numgrad.numbers.conversions import converted, primal_of
from numgrad.numbers.layouts import line_of
from numgrad.targets.options import internal_njit

# What Python's own classes say as a dtype.
PYTHON_NUMBERS = {
    bool: types.boolean,
    int: types.intp,
    float: types.float64,
    complex: types.complex128,
}

REPLACEMENTS: dict[Any, Any] = {}  # of functions, by what they replace
METHODS: dict[str, Any] = {}  # of methods, by their name


def replaces(*functions):
    """Register what stands in the place of a function."""

    def register(stand_in):
        REPLACEMENTS.update(dict.fromkeys(functions, stand_in))
        return stand_in

    return register


def compiled_only(*_):
    raise NotImplementedError("compiled code only")


def elements_of(dual, dtype, default):
    """Return the type of the elements of an array for which the caller asked for a dtype."""
    asked = default
    if isinstance(dtype, types.DTypeSpec):
        asked = dtype.dtype
    elif isinstance(dtype, types.StringLiteral):
        asked = types.__dict__.get(dtype.literal_value)
    elif isinstance(dtype, types.Function) and dtype.typing_key in PYTHON_NUMBERS:
        asked = PYTHON_NUMBERS[dtype.typing_key]
    elif not is_none(dtype):
        raise NumbaTypeError(f"the dtype of an array must be a constant, not {dtype}")
    return active_type(dual.instance_type, asked)


def item_type(kind):
    """Return the type of the numbers in nested sequences and arrays."""
    if isinstance(kind, types.Array):
        return kind.dtype
    if isinstance(kind, types.BaseTuple):
        items = [item_type(item) for item in kind.types]
        duals = [item for item in items if is_carrier(item)]
        floats = [item for item in items if not isinstance(item, types.Integer | types.Boolean)]
        return (duals or floats or items or [types.float64])[0]
    return item_type(kind.dtype) if hasattr(kind, "dtype") else types.unliteral(kind)


CLEARED = {np.empty: np.zeros, np.empty_like: np.zeros_like}


def in_memory(function, elements):
    """Return the function that makes an array, in memory that holds numbers from the start."""
    carrier = carrier_in(elements)
    is_any = carrier is None or carrier.is_any_memory
    return function if is_any else CLEARED.get(function, function)


def define_by_shape(function):
    """Define the stand-in of a function ``(shape, dtype=None)``."""

    def stand_in(dual, shape, dtype=None):
        compiled_only()

    allocation.define(
        stand_in,
        lambda dual, dtype: elements_of(dual, dtype, types.float64),
        lambda elements: in_memory(function, elements) is np.zeros,
    )

    @overload(stand_in)
    def typed(dual, shape, dtype=None):
        elements = elements_of(dual, dtype, types.float64)
        make = in_memory(function, elements)
        return lambda dual, shape, dtype=None: make(shape, elements)

    replaces(function)(stand_in)


def define_like(function):
    """Define the stand-in of a function ``(array, dtype=None)``."""

    def stand_in(dual, array, dtype=None):
        compiled_only()

    @overload(stand_in)
    def typed(dual, array, dtype=None):
        elements = elements_of(dual, dtype, item_type(array))
        make = in_memory(function, elements)
        return lambda dual, array, dtype=None: make(array, elements)

    replaces(function)(stand_in)


define_by_shape(np.zeros)
define_by_shape(np.empty)
define_like(np.zeros_like)
define_like(np.empty_like)


def filled(elements):
    """Return the function ``(shape, number)`` that allocates an array of one number."""
    return internal_njit(lambda shape, number: fill(np.empty(shape, elements), number))


def filled_like(elements):
    """Return the function ``(array, number)`` that does so in the shape of another array."""
    return internal_njit(lambda array, number: fill(np.empty_like(array, elements), number))


@internal_njit
def fill(array, number):
    """Return an array, all of whose elements a number has taken the place of."""
    numbers = line_of(array)
    for k in range(numbers.size):
        numbers[k] = number
    return array


@replaces(np.ones)
def ones(dual, shape, dtype=None):
    compiled_only()


@overload(ones)
def _ones(dual, shape, dtype=None):
    fill = filled(elements_of(dual, dtype, types.float64))
    return lambda dual, shape, dtype=None: fill(shape, 1)


@replaces(np.ones_like)
def ones_like(dual, array, dtype=None):
    compiled_only()


@overload(ones_like)
def _ones_like(dual, array, dtype=None):
    fill = filled_like(elements_of(dual, dtype, item_type(array)))
    return lambda dual, array, dtype=None: fill(array, 1)


@replaces(np.full)
def full(dual, shape, fill_value, dtype=None):
    compiled_only()


@overload(full)
def _full(dual, shape, fill_value, dtype=None):
    fill = filled(elements_of(dual, dtype, types.unliteral(fill_value)))
    return lambda dual, shape, fill_value, dtype=None: fill(shape, fill_value)


@replaces(np.full_like)
def full_like(dual, array, fill_value, dtype=None):
    compiled_only()


@overload(full_like)
def _full_like(dual, array, fill_value, dtype=None):
    fill = filled_like(elements_of(dual, dtype, item_type(array)))
    return lambda dual, array, fill_value, dtype=None: fill(array, fill_value)


@replaces(np.array)
def array(dual, items, dtype=None):
    compiled_only()


@overload(array)
def _array(dual, items, dtype=None):
    elements = elements_of(dual, dtype, item_type(items))
    if isinstance(items, types.Array):
        return lambda dual, items, dtype=None: astype(dual, items, elements)
    if is_carrier(items) or isinstance(items, types.Number | types.Boolean):
        fill = filled(elements)
        return lambda dual, items, dtype=None: fill((), items)
    if isinstance(items, types.BaseTuple):
        fill_in = filled_in(items)
        shape = fill_in.shape
        return lambda dual, items, dtype=None: fill_in(np.empty(shape, elements), items)
    if isinstance(getattr(items, "dtype", None), types.BaseTuple):
        fill_row = filled_in(items.dtype)
        shape = fill_row.shape
        return lambda dual, items, dtype=None: from_tuples(items, elements, fill_row, shape)
    if isinstance(getattr(items, "dtype", None), types.Sequence):
        return lambda dual, items, dtype=None: from_rows(items, elements)
    return lambda dual, items, dtype=None: from_sequence(items, elements)


@cache
def filled_in(items):
    """Return the function that writes the numbers in nested tuples to an array, and its shape."""
    shape = shape_of(items)
    lines = [
        f"    array[{', '.join(map(str, index))}] = items{''.join(f'[{k}]' for k in index)}"
        for index in np.ndindex(shape)
    ]
    names = {}
    exec("\n".join(["def fill_in(array, items):", *lines, "    return array"]), names)
    compiled = internal_njit(names["fill_in"])
    compiled.shape = shape
    return compiled


def shape_of(items):
    """Return the shape of the array that nested tuples of numbers make."""
    if not isinstance(items, types.BaseTuple):
        return ()
    shapes = {shape_of(item) for item in items.types}
    if len(shapes) > 1:
        raise NumbaTypeError("np.array: the rows have different lengths")
    return (len(items), *next(iter(shapes), ()))


@internal_njit
def from_sequence(items, elements):
    """Return an array of the numbers in a list or a tuple."""
    result = np.empty(len(items), elements)
    for k in range(len(items)):
        result[k] = items[k]
    return result


@internal_njit
def from_tuples(rows, elements, fill_row, shape):
    """Return an array of the numbers in a list of tuples."""
    result = np.empty((len(rows), *shape), elements)
    for k in range(len(rows)):
        fill_row(result[k], rows[k])
    return result


@internal_njit
def from_rows(rows, elements):
    """Return an array of the numbers in a list of rows."""
    columns = len(rows[0]) if len(rows) else 0
    result = np.empty((len(rows), columns), elements)
    for i in range(len(rows)):
        if len(rows[i]) != columns:
            raise ValueError("np.array: the rows have different lengths")
        for j in range(columns):
            result[i, j] = rows[i][j]
    return result


@replaces(np.asarray)
def asarray(dual, items, dtype=None):
    compiled_only()


@overload(asarray)
def _asarray(dual, items, dtype=None):
    if isinstance(items, types.Array):
        wanted = elements_of(dual, dtype, items.dtype)
        if wanted == items.dtype:
            return lambda dual, items, dtype=None: items
    return lambda dual, items, dtype=None: array(dual, items, dtype)


def define_in_order(function):
    """Define the stand-in of a function that copies what doesn't lie in some order."""

    def stand_in(dual, a):
        compiled_only()

    @overload(stand_in)
    def typed(dual, a):
        if isinstance(a, types.Array) and is_carrier(a.dtype):
            return lambda dual, a: function(a)
        return lambda dual, a: function(array(dual, a))

    replaces(function)(stand_in)


define_in_order(np.ascontiguousarray)
define_in_order(np.asfortranarray)


def astype(dual, items, dtype):
    compiled_only()


METHODS["astype"] = astype


@overload(astype)
def _astype(dual, items, dtype):
    if isinstance(dtype, types.TypeRef):
        elements = dtype.instance_type
    else:
        elements = elements_of(dual, dtype, None)
    if not isinstance(items, types.Array):
        return None

    def convert(dual, items, dtype):
        result = np.empty_like(items, elements)
        for index, number in np.ndenumerate(items):
            result[index] = as_number(dual, number, elements)
        return result

    return convert


def as_number(dual, number, kind):
    """Return a number in another precision; as an integer it is a value alone."""
    compiled_only()


@overload(as_number)
def _as_number(dual, number, kind):
    wanted = kind.instance_type if isinstance(kind, types.TypeRef) else kind.dtype
    if not is_carrier(number):
        wanted = wanted if not is_carrier(wanted) else wanted.number
        return lambda dual, number, kind: wanted(number)
    if isinstance(wanted, types.Integer | types.Boolean):
        return lambda dual, number, kind: wanted(primal_of(number))
    wanted = active_type(dual.instance_type, wanted)
    return lambda dual, number, kind: converted(number, wanted)


@replaces(np.copy)
def copied(dual, items):
    compiled_only()


@overload(copied)
def _copied(dual, items):
    return lambda dual, items: array(dual, items)


@replaces(np.identity)
def identity(dual, n, dtype=None):
    compiled_only()


@overload(identity)
def _identity(dual, n, dtype=None):
    elements = elements_of(dual, dtype, types.float64)
    return lambda dual, n, dtype=None: eye_of(n, n, 0, elements)


@replaces(np.eye)
def eye(dual, N, M=None, k=0, dtype=None):  # noqa: N803
    compiled_only()


@overload(eye)
def _eye(dual, N, M=None, k=0, dtype=None):  # noqa: N803
    elements = elements_of(dual, dtype, types.float64)
    is_square = is_none(M)

    def allocate(dual, N, M=None, k=0, dtype=None):  # noqa: N803
        return eye_of(N, N if is_square else M, k, elements)

    return allocate


@internal_njit
def eye_of(rows, columns, k, elements):
    """Return a matrix of zeros with ones on its k-th diagonal."""
    result = np.zeros((rows, columns), elements)
    for i in range(max(-k, 0), min(rows, columns - k)):
        result[i, i + k] = 1
    return result

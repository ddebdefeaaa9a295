"""The types of traced numbers in compiled code, and the plain numbers that a dual is made of."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import from_dtype, typeof, types
from numba.np.numpy_support import as_dtype

from numgrad.numbers.dual.number import Dual
from numgrad.numbers.dual.type import DualType
from numgrad.tracer.elements import Elements, dtype_of, is_array, members

# Types


def partials_of(*elements: Elements) -> dict[int, int]:
    """Return the number of partials at every depth among elements."""
    found: dict[int, int] = {}
    waiting = [each for some in elements for each in members(some) if isinstance(each, Dual)]
    while waiting:
        dual = waiting.pop()
        found[dual.depth] = len(dual.partials)
        waiting += [x for x in (dual.value, *dual.partials) if isinstance(x, Dual)]
    return found


def number_type(elements: Elements) -> Any:
    """Return the type that holds all numbers in elements: duals, nested as they are."""
    dual: Any = DualType
    number: Any = from_dtype(dtype_of(elements))
    for depth, count in sorted(partials_of(elements).items()):
        number = dual(number, count, depth)
    return number


def type_of(x: Any) -> Any:
    """Return the type that compiled code would know of an argument."""
    if is_array(x):
        layout = "C" if x.flags.c_contiguous else "F" if x.flags.f_contiguous else "A"
        number = number_type(x) if x.dtype == object else from_dtype(x.dtype)
        return types.Array(number, x.ndim, layout)
    if isinstance(x, Dual):
        return number_type(x)
    return types.literal(x) if isinstance(x, str) else typeof(x)


# The numbers that duals are made of: the value and then the partials, at every level


def leaves(number: Any, kind: Any) -> Iterator[Any]:
    """Return the numbers that a number is made of, as one of a type."""
    if not isinstance(kind, DualType):
        yield number
    elif isinstance(number, Dual) and number.depth == kind.depth:
        for each in (number.value, *number.partials):
            yield from leaves(each, kind.value)
    else:
        zero = dtype_in(kind).type(0)
        for each in (number, *(zero,) * kind.count):
            yield from leaves(each, kind.value)


def numbers_of(array: Elements, kind: Any) -> Any:
    """Return an array of the numbers that those in an array are made of, along a last axis."""
    width = count_of(kind)
    items = (each for number in members(array) for each in leaves(number, kind))
    dtype = dtype_in(kind)
    return np.fromiter(items, dtype, np.size(array) * width).reshape(*np.shape(array), width)


def dtype_in(kind: Any) -> Any:
    """Return the dtype of the numbers that one of a type is made of."""
    while isinstance(kind, DualType):
        kind = kind.value
    return as_dtype(kind)


def count_of(kind: Any) -> int:
    """How many numbers a number of a type is made of."""
    return (1 + kind.count) * count_of(kind.value) if isinstance(kind, DualType) else 1


def number_from(items: Iterator[Any], kind: Any) -> Any:
    """Return the number that is made of some numbers."""
    if not isinstance(kind, DualType):
        return next(items)
    value, *slopes = (number_from(items, kind.value) for _ in range(1 + kind.count))
    return Dual(value, tuple(slopes), depth=kind.depth)


def array_from(numbers: Any, kind: Any) -> Elements:
    """Return the array of what is made of the numbers along a last axis."""
    if not isinstance(kind, DualType):
        return numbers[..., 0]
    shape = numbers.shape[:-1]
    result = np.empty(shape, object)
    for index in np.ndindex(shape):
        result[index] = number_from(iter(numbers[index]), kind)
    return result

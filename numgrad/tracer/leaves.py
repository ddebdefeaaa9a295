"""The types of traced numbers in compiled code, and the plain numbers that a dual is made of."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import from_dtype, typeof, types
from numba.extending import typeof_impl
from numba.np.numpy_support import as_dtype

from numgrad.numbers.dual.number import Dual
from numgrad.numbers.dual.type import DualType
from numgrad.numbers.tape import differentials
from numgrad.numbers.tape.differentials import ZERO
from numgrad.tracer.elements import Elements, dtype_of, is_array, members, objects
from numgrad.tracer.numbers import Traced
from numgrad.tracer.places import refusal

# Types


@typeof_impl.register(Traced)  # type: ignore[untyped-decorator]
def typeof_traced(number: Traced, context: Any) -> Any:  # noqa: ARG001 - as Numba calls it
    """Say that compiled code doesn't take such numbers, which Numba would take for any object."""
    raise refusal(
        "What is compiled takes no numbers with derivatives, and its own code isn't known here.",
        "Leave out jit=False; or, in the place of a structref, make an object of a jitclass.",
    )


class RecordedType(DualType):
    """The type of duals whose partials are a differential, which is no number."""

    def __init__(self, value: Any, count: int, depth: int) -> None:
        made: Any = super()
        made.__init__(value, count, depth)
        self.name = f"Recorded({value}, depth={depth})"

    def with_value(self, value: Any) -> "RecordedType":
        return RecordedType(value, self.count, self.depth)


def partials_of(*elements: Elements) -> dict[int, tuple[int, Any]]:
    """Return the number of partials at every depth among elements, and the type of such duals."""
    found: dict[int, tuple[int, Any]] = {}
    waiting = [each for some in elements for each in members(some) if isinstance(each, Dual)]
    while waiting:
        dual = waiting.pop()
        kind = RecordedType if differentials.are_differentials(dual.partials) else DualType
        found[dual.depth] = len(dual.partials), kind
        waiting += [x for x in (dual.value, *dual.partials) if isinstance(x, Dual)]
    return found


def number_type(elements: Elements) -> Any:
    """Return the type that holds all numbers in elements: duals, nested as they are."""
    number: Any = from_dtype(dtype_of(elements))
    for depth, (count, kind) in sorted(partials_of(elements).items()):
        number = kind(number, count, depth)
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


# The numbers that duals are made of: the value and then the partials, at every level; among them
# may be differentials


def leaves(number: Any, kind: Any) -> Iterator[Any]:
    """Return the numbers that a number is made of, as one of a type."""
    if not isinstance(kind, DualType):
        yield number
    elif isinstance(kind, RecordedType):
        is_recorded = isinstance(number, Dual) and number.depth == kind.depth
        yield from leaves(number.value if is_recorded else number, kind.value)
        yield number.partials[0] if is_recorded else ZERO
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
    dtype = dtype_in(kind) if is_made_of_numbers(kind) else np.dtype(object)
    return np.fromiter(items, dtype, np.size(array) * width).reshape(*np.shape(array), width)


def dtype_in(kind: Any) -> Any:
    """Return the dtype of the numbers that one of a type is made of."""
    while isinstance(kind, DualType):
        kind = kind.value
    return as_dtype(kind)


def count_of(kind: Any) -> int:
    """How many numbers a number of a type is made of."""
    if isinstance(kind, RecordedType):
        return count_of(kind.value) + 1
    return (1 + kind.count) * count_of(kind.value) if isinstance(kind, DualType) else 1


def are_numbers(kind: Any) -> list[bool]:
    """Which of the leaves of a type are numbers, and not differentials."""
    if isinstance(kind, RecordedType):
        return [*are_numbers(kind.value), False]
    return are_numbers(kind.value) * (1 + kind.count) if isinstance(kind, DualType) else [True]


def is_made_of_numbers(kind: Any) -> bool:
    return all(are_numbers(kind))


def number_from(items: Iterator[Any], kind: Any) -> Any:
    """Return the number that is made of some numbers."""
    if not isinstance(kind, DualType):
        return next(items)
    if isinstance(kind, RecordedType):
        value, differential = number_from(items, kind.value), next(items)
        return value if differential is ZERO else Dual(value, differential, depth=kind.depth)
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


# Linear maps, of all numbers that the elements are made of alike

Linear = Callable[[Any], Any]  # of arrays with one axis more, the last


def linear(function: Linear, adjoint: Linear, array: Elements) -> Elements:
    """Return what a linear map gives for elements; of matrices the adjoint is conjugate transposed.

    Both take arrays of numbers, whose last axis is that of several arrays at once.
    """
    kind = number_type(array)
    numbers = numbers_of(array, kind)
    if is_made_of_numbers(kind):
        return array_from(function(numbers), kind)
    columns = are_numbers(kind)
    results = function(numbers[..., columns].astype(dtype_in(kind)))
    made = np.empty((*results.shape[:-1], len(columns)), object)
    made[..., columns] = objects(results)  # which keep their precision
    for k in np.flatnonzero(np.logical_not(columns)):
        made[..., k] = _image(function, adjoint, numbers[..., k], results[..., 0])
    return array_from(made, kind)


def _image(function: Linear, adjoint: Linear, array: Any, like: Any) -> Any:
    """Return the differentials of the results, which are like some numbers."""

    def push(numbers: list[Any]) -> list[Any]:
        return list(linear(function, adjoint, in_shape(numbers, array.shape)).flat)

    def pull(numbers: list[Any]) -> list[Any]:
        return list(linear(adjoint, function, in_shape(numbers, like.shape)).flat)

    images = differentials.mapped(list(array.flat), like.dtype.kind == "c", like.size, push, pull)
    return np.fromiter(images, object, like.size).reshape(like.shape)


def in_shape(numbers: list[Any], shape: tuple[int, ...]) -> Any:
    if any(isinstance(each, Dual) for each in numbers):
        return np.fromiter(numbers, object, len(numbers)).reshape(shape)
    return np.array(numbers).reshape(shape)

"""What a derivative is depends on whether others are 0: decided where they are numbers.

Differentials are none. Backward such a derivative is nan, and a sweep forward, which meets numbers,
decides it.
"""

from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.numbers.tape import differentials
from numgrad.rules.registry import primal
from numgrad.tracer.elements import Elements, objects
from numgrad.tracer.leaves import (
    are_numbers,
    array_from,
    dtype_in,
    in_shape,
    leaves,
    number_from,
    number_type,
    numbers_of,
)


def undefined(number: Any) -> Any:
    """Zero with the derivatives of a number, of which none exists."""
    return _with_nan(number, is_value=True)


def _with_nan(number: Any, *, is_value: bool) -> Any:
    if not isinstance(number, Dual):
        return type(primal(number))(0.0 if is_value or not number else np.nan)
    if differentials.are_differentials(number.partials):
        unknown = [(type(number.primal.real)(np.nan), number.partials[0])]
        partials: Any = differentials.linear_sum(unknown, is_steep=True)
    else:
        partials = tuple(_with_nan(each, is_value=False) for each in number.partials)
    return Dual(_with_nan(number.value, is_value=is_value), partials, depth=number.depth)


def sizes_of(matrix: Elements, model: Any) -> list[Any]:
    """The largest absolute value of all numbers of a partial; of differentials, all of them."""
    kind = number_type(matrix)
    numbers = numbers_of(matrix, kind)
    return [
        np.abs(numbers[..., k].astype(dtype_in(kind))).max(initial=0.0).astype(model.dtype)
        if is_number
        else list(numbers[..., k].flat)
        for k, is_number in enumerate(are_numbers(kind))
    ]


def zero_or_nan(matrix: Elements, i: int, j: int, sizes: list[Any], share: float) -> None:
    """Let a number be 0 by every partial that is, up to rounding, and nan by the others."""
    kind = number_type(matrix)
    dtype = dtype_in(kind)

    def decided(number: Any, size: Any) -> Any:
        if isinstance(size, list):
            return _decided_later(number, size, share, dtype)
        return dtype.type(0.0 if np.abs(number) <= share * size else np.nan)

    found = map(decided, leaves(matrix[i, j], kind), sizes)
    matrix[i, j] = number_from(found, kind)


def _decided_later(differential: Any, others: list[Any], share: float, dtype: Any) -> Any:
    def push(numbers: list[Any]) -> list[Any]:
        column = objects(in_shape(numbers, (len(numbers), 1)))
        zero_or_nan(column, 0, 0, sizes_of(column, np.zeros(0, dtype).real), share)
        return [column[0, 0]]

    is_complex = dtype.kind == "c"
    pull = _unknown(1 + len(others))
    (image,) = differentials.mapped([differential, *others], is_complex, 1, push, pull)
    return image


def _unknown(count: int) -> Any:
    return lambda _: [np.float64(np.nan)] * count


def check_rank(a0: Any, x0: Any, rest: Elements, root: float) -> None:
    """Raise where the rank changes with what carries derivatives: the pseudo-inverse jumps."""
    onto_rows = x0 @ a0

    def check(changes: bool) -> None:
        if changes:
            raise np.linalg.LinAlgError("no derivative: the rank of the matrix changes here")

    def largest(numbers: Any) -> Any:
        return np.abs(numbers).max(initial=0.0)

    check(largest(a0 - a0 @ onto_rows) > root * largest(a0))
    kind = number_type(rest)
    numbers, columns = numbers_of(rest, kind), are_numbers(kind)
    known = np.moveaxis(numbers[..., columns], -1, 0).astype(dtype_in(kind))
    outside = known - known @ onto_rows
    outside = outside - a0 @ (x0 @ outside)
    check(largest(outside) > root * largest(known))

    def push(moved: list[Any]) -> list[Any]:
        matrix = objects(in_shape(moved, rest.shape))
        check_rank(a0, x0, matrix, root)
        return list(matrix.flat)

    for k in np.flatnonzero(np.logical_not(columns)):
        images = differentials.mapped(
            list(numbers[..., k].flat), a0.dtype.kind == "c", rest.size, push, _unknown(rest.size)
        )
        numbers[..., k] = np.fromiter(images, object, rest.size).reshape(rest.shape)
    if not all(columns):
        rest[...] = array_from(numbers, kind)

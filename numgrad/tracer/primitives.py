"""The memory of duals in plain Python: what bodies of compiled functions ask of it.

Compiled code sees duals in an array as the numbers that they are in memory, and knows their type.
Here an array of duals is one of objects, and the same types tell which numbers a dual is made of.
"""

from typing import Any

import numpy as np
from numba import from_dtype, types

from numgrad.arrays import definitions, sorting
from numgrad.arrays.linalg import equations, matrices, quotients
from numgrad.numbers import conversions, layouts
from numgrad.numbers.dual.number import Dual
from numgrad.numbers.dual.type import DualType
from numgrad.rules.registry import primal
from numgrad.tracer.elements import Elements, cast, dtype_of, objects, values_of
from numgrad.tracer.leaves import (
    array_from,
    dtype_in,
    leaves,
    number_from,
    number_type,
    numbers_of,
    type_of,
)

# Numbers


def converted(number: Any, kind: Any) -> Any:
    """Return a number as one of a type: constants have no partials here."""
    return cast(number, dtype_in(kind))


def converted_like(model: Any, number: Any) -> Any:
    return cast(number, dtype_of(model))


def constant(array: Elements, number: Any) -> Any:
    """Return a number as an array has them."""
    return dtype_of(array).type(number)


def with_primal(number: Any, value: Any) -> Any:
    """Return a number with another value, and its derivatives."""
    if isinstance(number, Dual):
        return Dual(with_primal(number.value, value), number.partials, depth=number.depth)
    return type(number)(value)


def set_primal(line: Elements, position: int, value: Any) -> None:
    """Set the number without derivatives of a dual in an array; its derivatives stay."""
    line[position] = with_primal(line[position], value)


def undefined(number: Any) -> Any:
    """Zero with the derivatives of a number, of which none exists."""
    kind = type_of(number)
    _, *partials = leaves(number, kind)
    numbers = [0.0, *(np.nan if partial else 0.0 for partial in partials)]
    return number_from(map(dtype_in(kind).type, numbers), kind)


# Arrays


def empty(shape: Any, kind: Any = float) -> Elements:
    """Return an array of zeros of a type, or of a dtype of NumPy's."""
    if not isinstance(kind, types.Type):
        return np.zeros(shape, kind)
    zeros = np.zeros(shape, dtype_in(kind))
    return objects(zeros) if isinstance(kind, DualType) else zeros


def empty_like(array: Elements, kind: Any = None) -> Elements:
    """Return the same in the shape of another array."""
    if kind is not None:
        return empty(array.shape, kind)
    return objects(np.zeros(array.shape, dtype_of(array))) if array.dtype == object else array * 0


def line_of(array: Elements) -> Elements:
    """Return the elements in one dimension, in the order in which they lie in memory."""
    in_order = array.T if array.flags.f_contiguous and not array.flags.c_contiguous else array
    return in_order.reshape(-1)


def columns_of(array: Elements) -> Elements:
    """Return an array as a matrix whose columns can be scaled and added by themselves."""
    return array.reshape((array.size, 1)) if array.ndim == 1 else array


def rows_of(array: Elements) -> Any:
    """Return the numbers that an array is made of, one row for each of the array."""
    if array.dtype != object:
        return array.reshape(len(array), -1)
    return numbers_of(array, number_type(array)).reshape(len(array), -1)


def dot(a: Elements, b: Elements) -> Elements:
    """Return the product of vectors and matrices, for all partials at once where it can be."""
    if a.dtype != object and b.dtype != object:
        return np.dot(a, b)
    if a.dtype != object and b.dtype == object and b.ndim <= 2:
        kind = number_type(b)
        return array_from(np.tensordot(a, numbers_of(b, kind), ([-1], [0])), kind)
    if b.dtype != object and b.ndim == 2:
        return np.ascontiguousarray(dot(b.T, a.T).T)
    return np.dot(objects(a), objects(b))


def sizes_of(matrix: Elements, model: Any) -> Any:
    """Return the largest absolute values of all numbers: those of a partial, for each of them."""
    numbers = np.abs(numbers_of(matrix, number_type(matrix)))
    return numbers.max(axis=(0, 1), initial=0.0).astype(model.dtype)


def zero_or_nan(matrix: Elements, i: int, j: int, sizes: Any, share: float) -> None:
    """Let a number be 0 by every partial that is, up to rounding, and nan by the others."""
    kind = number_type(matrix)
    numbers = np.fromiter(leaves(matrix[i, j], kind), dtype_in(kind))
    left = np.where(np.abs(numbers) <= share * sizes, 0.0, np.nan).astype(numbers.dtype)
    matrix[i, j] = number_from(iter(left), kind)


# Linear equations: what compiled code has LAPACK do, and in the place of triangular factors and
# exchanged rows the matrix itself


def factorised(matrix: Any) -> tuple[Any, None]:
    return matrix, None


def substitute(matrix: Any, _: None, rows: Elements) -> None:
    """Solve for all columns in place, and for all partials at once."""
    kind = number_type(rows) if rows.dtype == object else from_dtype(rows.dtype)
    numbers = numbers_of(rows, kind)
    solved = np.linalg.solve(matrix, numbers.reshape(len(rows), -1))
    rows[...] = array_from(solved.reshape(numbers.shape), kind)


PRIMITIVES: dict[Any, Any] = {
    conversions.converted: converted,
    conversions.converted_like: converted_like,
    conversions.primal_of: primal,
    conversions.set_primal: set_primal,
    layouts.line_of: line_of,
    definitions.constant: constant,
    sorting.values_of: values_of,
    matrices.columns_of: columns_of,
    matrices.rows_of: rows_of,
    matrices.dot: dot,
    matrices.undefined: undefined,
    quotients.sizes_of: sizes_of,
    quotients.zero_or_nan: zero_or_nan,
    equations.factorised: factorised,
    equations.substitute: substitute,
    np.empty: empty,
    np.zeros: empty,
    np.empty_like: empty_like,
    np.zeros_like: empty_like,
}

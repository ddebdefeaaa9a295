"""The memory of duals in plain Python: what bodies of compiled functions ask of it.

Compiled code sees duals in an array as the numbers that they are in memory, and knows their type.
Here an array of duals is one of objects, and the same types tell which numbers a dual is made of.
"""

from typing import Any

import numpy as np
from numba import types

from numgrad.arrays import definitions, sorting
from numgrad.arrays.linalg import equations, least_squares, matrices, quotients
from numgrad.numbers import conversions, layouts
from numgrad.numbers.dual.number import Dual
from numgrad.numbers.dual.type import DualType
from numgrad.rules.registry import primal
from numgrad.tracer.elements import Elements, cast, dtype_of, objects, values_of
from numgrad.tracer.leaves import dtype_in, linear, number_type, numbers_of
from numgrad.tracer.undecided import check_rank, sizes_of, undefined, zero_or_nan

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
    if np.iscomplexobj(value) and not np.iscomplexobj(number):
        return value  # the number was a real constant in a complex array
    return type(number)(value)


def set_primal(line: Elements, position: int, value: Any) -> None:
    """Set the number without derivatives of a dual in an array; its derivatives stay."""
    line[position] = with_primal(line[position], value)


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
        conjugate = np.conj(a.T)
        return linear(
            lambda numbers: np.tensordot(a, numbers, ([-1], [0])),
            lambda numbers: np.tensordot(conjugate, numbers, ([-1], [0])),
            b,
        )
    if b.dtype != object and b.ndim == 2:
        return np.ascontiguousarray(dot(b.T, a.T).T)
    return np.dot(objects(a), objects(b))


# Linear equations: what compiled code has LAPACK do, and in the place of triangular factors and
# exchanged rows the matrix itself


def factorised(matrix: Any) -> tuple[Any, None]:
    return matrix, None


def substitute(matrix: Any, _: None, rows: Elements) -> None:
    """Solve for all columns in place, and for all partials at once."""

    def solver(matrix: Any) -> Any:
        def solve(numbers: Any) -> Any:
            rows = numbers.reshape(len(numbers), -1)
            return np.linalg.solve(matrix, rows).reshape(numbers.shape)

        return solve

    rows[...] = linear(solver(matrix), solver(np.conj(matrix.T)), rows)


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
    least_squares.check_rank: check_rank,
    quotients.sizes_of: sizes_of,
    quotients.zero_or_nan: zero_or_nan,
    equations.factorised: factorised,
    equations.substitute: substitute,
    np.empty: empty,
    np.zeros: empty,
    np.empty_like: empty_like,
    np.zeros_like: empty_like,
}

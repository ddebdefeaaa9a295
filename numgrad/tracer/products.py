"""Products with matrices of constants: of all numbers that the other factor is made of at once."""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.elements import Elements, dtype_of, is_array, is_dual, values_of
from numgrad.tracer.leaves import linear
from numgrad.tracer.numbers import Traced, elements_of, has_traced


def with_constants(*factors: Any) -> Elements | None:
    """Return the product of vectors and matrices, or None where it isn't one with constants."""
    if not all(isinstance(each, Traced | np.ndarray) for each in factors):
        return None
    a, b = (each if type(each) is np.ndarray else elements_of(each) for each in factors)
    if not (is_array(a) and is_array(b)):
        return None
    if a.ndim not in (1, 2) or b.ndim not in (1, 2) or a.shape[-1] != b.shape[0]:
        return None
    with np.errstate(all="ignore"):
        if _is_constant(a):
            return _from_left(a, b)
        product = _from_left(b.T, a.T) if _is_constant(b) else None
        return product if product is None or product.ndim < 2 else product.T.copy("C")


def _is_constant(factor: Elements) -> bool:
    return factor.dtype != object or not (has_traced(factor) or is_dual(factor))


def _from_left(constants: Elements, b: Elements) -> Elements | None:
    if not constants.size or not is_dual(b):
        return None
    matrix = constants if constants.dtype != object else values_of(constants)
    if matrix.dtype.kind != "f" or dtype_of(b).kind != "f":
        return None
    if matrix.ndim == 2:
        return linear(times(matrix), times(matrix.T), b)
    row = matrix[None]
    return linear(
        lambda numbers: times(row)(numbers)[0], lambda numbers: times(row.T)(numbers[None]), b
    )


def times(matrix: Any) -> Callable[[Any], Any]:
    """Return the product with a matrix, by the first axis of an array of plain numbers.

    A product is 0 where either factor is, as everywhere in derivatives, though the other may be
    infinite.
    """

    def product(numbers: Any) -> Any:
        result = np.tensordot(matrix, numbers, ([1], [0]))
        if np.isfinite(result).all():
            return result
        left = matrix.reshape(*matrix.shape, *(1,) * (numbers.ndim - 1))
        terms = left * numbers
        terms[((left == 0) & ~np.isnan(numbers)) | ((numbers == 0) & ~np.isnan(left))] = 0.0
        return terms.sum(axis=1)

    return product

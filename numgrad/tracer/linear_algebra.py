"""Norms, determinants and linear equations: elimination on the elements, led by values."""

from typing import Any

import numpy as np

from numgrad.tracer.elements import (
    Elements,
    computed,
    dtype_of,
    objects,
    values_of,
)
from numgrad.tracer.lines import along, own, real_dtype
from numgrad.tracer.numbers import NO_RULE
from numgrad.tracer.places import refusal
from numgrad.tracer.statistics import highest, lowest


@own("norm")
def norm(x: Elements, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Elements:
    """Return the norm of vectors; of a matrix that of its elements, or of its rows and columns."""
    x = objects(x)
    if ord is not None and axis is None and x.ndim == 2:
        return _matrix_norm(x, ord)
    if isinstance(axis, tuple) and ord is not None:
        raise refusal("numpy.linalg.norm along two axes has no derivative here.", NO_RULE)
    order = 2 if ord is None else ord
    return along(lambda line: _vector_norm(line, order), x, axis, keepdims)


def _matrix_norm(x: Elements, order: Any) -> Any:
    if order == "fro":
        return _vector_norm(x.ravel(), 2)
    if not (np.isinf(order) or abs(order) == 1):
        raise refusal(f"the norm of a matrix of order {order} has no derivative here.", NO_RULE)
    sums = along(lambda line: _vector_norm(line, 1), x, 1 if np.isinf(order) else 0)
    return highest(sums) if order > 0 else lowest(sums)


def _vector_norm(line: Elements, order: Any) -> Any:
    sizes = computed(np.absolute, line)
    if not line.size:
        return real_dtype(line).type(0)
    if order == 2:
        return _length(sizes)
    if np.isinf(order):
        return highest(sizes) if order > 0 else lowest(sizes)
    if order == 0:
        return real_dtype(line).type(np.count_nonzero(values_of(line)))
    if order == 1:
        return np.sum(sizes)
    power = dtype_of(sizes).type(order)
    return computed(np.power, np.sum(computed(np.power, sizes, power)), 1 / power)


def _length(sizes: Elements) -> Any:
    """Return the Euclidean norm: by hypot where squares overflow, or vanish."""
    square = np.sum(computed(np.multiply, sizes, sizes))
    if np.isfinite(values_of(square)) and values_of(square) > 1e-280:
        return computed(np.sqrt, square)
    total = dtype_of(sizes).type(0)
    for size in sizes:
        total = computed(np.hypot, total, size)
    return total


def _less(a: Elements, row: int, k: int, factor: Any) -> Elements:
    """Return a row of a matrix less a multiple of another."""
    return computed(np.subtract, a[row], computed(np.multiply, factor, a[k]))


def _check_square(a: Elements) -> None:
    if np.ndim(a) != 2 or a.shape[0] != a.shape[1]:
        raise refusal("stacks of matrices and oblong ones have no derivative here.", NO_RULE)


@own("det")
def det(a: Elements) -> Any:
    """Return the determinant: the product of the pivots, each the largest of what is left.

    What is left may be 0 everywhere, and is expanded by minors then: it has derivatives.
    """
    _check_square(a)
    a, result = objects(a).copy(), dtype_of(a).type(1)
    while len(a) > 1:
        sizes = np.abs(values_of(a))
        row, column = np.unravel_index(np.argmax(sizes), sizes.shape)
        if sizes[row, column] == 0.0:
            break
        result = computed(np.multiply, result, a[row, column] * (-1.0) ** int(row + column))
        below = np.arange(len(a)) != row
        factors = [computed(np.divide, factor, a[row, column]) for factor in a[below, column]]
        lines = zip(np.flatnonzero(below), factors, strict=True)
        left = np.stack([_less(a, int(each), int(row), factor) for each, factor in lines])
        a = np.delete(left, column, axis=1)
    return computed(np.multiply, result, _by_minors(a)) if len(a) else result


def _by_minors(a: Elements) -> Any:
    if len(a) == 1:
        return a[0, 0]
    terms = [
        computed(np.multiply, a[0, k] * (-1.0) ** k, _by_minors(np.delete(a[1:], k, axis=1)))
        for k in range(len(a))
    ]
    return sum(terms[1:], terms[0])


@own("solve")
def solve(a: Elements, b: Elements) -> Elements:
    """Return the x with a @ x = b, by elimination with the largest pivots of the columns."""
    _check_square(a)
    a, b = objects(a).copy(), objects(b).copy()
    for k in range(len(a)):
        pivot = k + int(np.argmax(np.abs(values_of(a[k:, k]))))
        if values_of(a[pivot, k]) == 0.0:
            raise np.linalg.LinAlgError("Singular matrix")
        if pivot != k:
            a[[k, pivot]], b[[k, pivot]] = a[[pivot, k]], b[[pivot, k]]
        for row in range(k + 1, len(a)):
            factor = computed(np.divide, a[row, k], a[k, k])
            a[row], b[row] = _less(a, row, k, factor), _less(b, row, k, factor)
    for row in reversed(range(len(a))):
        for k in range(row + 1, len(a)):
            b[row] = _less(b, row, k, a[row, k])
        b[row] = computed(np.divide, b[row], a[row, row])
    return b


@own("inv")
def inv(a: Elements) -> Elements:
    """Return the inverse of a matrix."""
    _check_square(a)
    return solve(a, np.eye(len(a), dtype=dtype_of(a)))

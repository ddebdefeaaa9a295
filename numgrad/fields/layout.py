"""How samples and results lie in memory, and the flat order in which the kernels see them."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from numgrad.fields import tables

Array = np.ndarray[Any, np.dtype[Any]]

NO_DIMENSIONS = np.empty((0, tables.RESULT_STEP), np.int64)


def same_contiguous_order(samples: Array, results: list[Array]) -> bool:
    """Return whether all arrays are contiguous and lie in the same order."""
    if samples.flags.c_contiguous:
        return all(result.flags.c_contiguous for result in results)
    return samples.flags.f_contiguous and all(result.flags.f_contiguous for result in results)


def flat_order(results: list[Array]) -> list[int]:
    """Return the dimensions from the slowest to the fastest: those of the first contiguous result."""
    for result in results:
        order = sorted(range(result.ndim), key=lambda d: -abs(result.strides[d]))
        if result.transpose(order).flags.c_contiguous:
            return order
    return list(range(results[0].ndim))


def flat_strides(shape: tuple[int, ...], order: list[int]) -> list[int]:
    """Return, for each dimension, how far apart neighbours lie in the flat order."""
    strides = [1] * len(shape)
    stride = 1
    for d in reversed(order):
        strides[d] = stride
        stride *= shape[d]
    return strides


def is_flat(array: Array, order: list[int]) -> bool:
    """Return whether an array lies in memory contiguously in the flat order."""
    return array.transpose(order).flags.c_contiguous


def steps(array: Array) -> list[int]:
    """Return the strides of an array in elements."""
    return [stride // array.itemsize for stride in array.strides]


def memory_of(array: Array) -> tuple[Array, int]:
    """Return the memory that an array's elements span, and where in it the first one lies.

    The memory is a one-dimensional contiguous view; all strides must be whole elements.
    """
    spans = [(n - 1) * step for n, step in zip(array.shape, steps(array), strict=True)]
    below = -sum(span for span in spans if span < 0)
    above = sum(span for span in spans if span > 0)
    lowest = array[tuple(slice(None, None, -1 if span < 0 else 1) for span in spans)]
    memory = as_strided(lowest, (below + above + 1,), (array.itemsize,))
    return memory, below


def dimension_table(
    shape: tuple[int, ...], order: list[int], samples: Array, results: list[Array]
) -> Array:
    """Return the table of dimensions, with neighbours joined where memory allows."""
    columns = [steps(array) for array in (samples, *results)]
    rows: list[list[int]] = []
    for d in order:
        row = [shape[d], *(column[d] for column in columns)]
        if row[0] == 1:
            continue
        if rows and all(
            outer == row[0] * inner for outer, inner in zip(rows[-1][1:], row[1:], strict=True)
        ):
            rows[-1] = [rows[-1][0] * row[0], *row[1:]]
        else:
            rows.append(row)
    return np.array(rows, np.int64)

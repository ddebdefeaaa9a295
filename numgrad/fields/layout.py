"""How samples and results lie in memory, and the flat order in which the kernels see them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

Array = np.ndarray[Any, np.dtype[Any]]


def contiguous_in_one_order(samples: Array, results: Sequence[Array]) -> bool:
    """Tell if all arrays are contiguous in C order or all in Fortran order."""
    if samples.flags.c_contiguous:
        return all([result.flags.c_contiguous for result in results])  # noqa: C419 - faster
    return samples.flags.f_contiguous and all([result.flags.f_contiguous for result in results])  # noqa: C419


def flat_order(results: Sequence[Array]) -> list[int]:
    """Give the dimensions from the slowest to the fastest: those of a contiguous result."""
    for result in results:
        order = sorted(range(result.ndim), key=lambda d: -abs(result.strides[d]))
        if is_flat(result, order):
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
    """Tell if an array lies in memory contiguously in the flat order."""
    return array.transpose(order).flags.c_contiguous


def steps(array: Array) -> list[int]:
    """Give the strides of an array in elements."""
    return [stride // array.itemsize for stride in array.strides]


def memory_of(array: Array) -> tuple[Array, int]:
    """Give the memory that the elements of an array span, and where in it the first one lies.

    The memory is a contiguous one-dimensional view; all strides must be whole elements.
    """
    spans = [(n - 1) * step for n, step in zip(array.shape, steps(array), strict=True)]
    below = -sum(span for span in spans if span < 0)
    above = sum(span for span in spans if span > 0)
    lowest = array[tuple(slice(None, None, -1 if span < 0 else 1) for span in spans)]
    return as_strided(lowest, (below + above + 1,), (array.itemsize,)), below


def dimension_rows(
    shape: tuple[int, ...], order: list[int], arrays: Sequence[Array]
) -> list[list[int]]:
    """Return, for each dimension, its length and the step of each array.

    Neighbouring dimensions are joined where all arrays allow it.
    """
    columns = [steps(array) for array in arrays]
    rows: list[list[int]] = []
    for d in order:
        length, inner = shape[d], [column[d] for column in columns]
        if length == 1:
            continue
        if rows and rows[-1][1:] == [length * step for step in inner]:
            rows[-1] = [rows[-1][0] * length, *inner]
        else:
            rows.append([length, *inner])
    return rows

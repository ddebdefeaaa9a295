"""From the arguments of ``gradient`` to checked tables for the kernels.

A plan is made for arguments that ``numpy.gradient`` accepts and Numba can hold. For all others
there is none: NumPy itself then answers or complains.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from numgrad.fields.kernels.coefficients import uniform_coefficients
from numgrad.fields.layout import Array
from numgrad.fields.stencils import NUMPYS, Scheme

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
INTEGERS = frozenset(np.dtype(code) for code in "bBhHiIlLqQ")
SAMPLES = INTEGERS | {np.dtype(code) for code in "fdFD"}
SCALAR_SPACINGS = INTEGERS | {np.dtype(np.float16), SINGLE, DOUBLE}
COORDINATES = INTEGERS | {SINGLE, DOUBLE}


@dataclass(slots=True)
class UniformSpacing:
    """The same distance between all neighbours of an axis."""

    row: tuple[Any, ...]  # of the table of spacings
    precision: np.dtype[Any]  # in which derivatives are computed, as real numbers
    weights_dtype: np.dtype[Any]  # the same: there are no weights


@dataclass(slots=True)
class Coordinates:
    """The positions of the points of an axis."""

    values: Array
    precision: np.dtype[Any]
    weights_dtype: np.dtype[Any]  # in which the weights are computed: that of the coordinates
    row: tuple[Any, ...]  # filled in when they are measured
    uneven: bool = False  # even where their distances are equal: those of the whole axis aren't


Spacing = UniformSpacing | Coordinates


@dataclass(slots=True)
class Plan:
    """What is to be derived, with all arguments checked."""

    samples: Array
    result_dtype: np.dtype[Any]
    axes: tuple[int, ...]
    spacings: Sequence[Spacing]
    scheme: Scheme


def make_plan(f: Any, varargs: tuple[Any, ...], axis: Any, edge_order: Any) -> Plan | None:
    """Give the plan for a call, or None where NumPy must answer."""
    samples = plain_array(f)
    if samples is None:
        return None
    dtype = samples.dtype
    if dtype not in SAMPLES and dtype.newbyteorder("=") not in SAMPLES:
        return None
    if not isinstance(edge_order, int) and not isinstance(edge_order, float | np.number):
        return None
    if axis is None or type(axis) is int:
        axes = checked_axes(axis, samples.shape, edge_order)
    else:
        axes = checked_axes.__wrapped__(axis, samples.shape, edge_order)
    if axes is None:
        return None
    scheme = NUMPYS[int(edge_order)]
    if varargs:
        spacings = all_spacings(varargs, samples, axes, scheme)
        if spacings is None:
            return None
    else:
        spacings = [unit_spacing(scheme, real_precision(dtype))] * len(axes)
    return Plan(samples, result_dtype(dtype), axes, spacings, scheme)


def result_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Give the dtype of the derivatives of samples of a dtype."""
    return DOUBLE if dtype.kind in "iu" else dtype


def real_precision(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Give the dtype of a real number as precise as samples of a dtype."""
    return SINGLE if dtype.char in "fF" else DOUBLE


def plain_array(argument: Any) -> Array | None:
    """Give an argument as an array, unless it is of a class with a mind of its own."""
    if type(argument) is np.ndarray:
        return argument
    if hasattr(argument, "__array_function__"):
        return None
    array = np.asanyarray(argument)
    return array if type(array) is np.ndarray else None


@lru_cache(maxsize=256)
def checked_axes(axis: Any, shape: tuple[int, ...], edge_order: Any) -> tuple[int, ...] | None:
    """Give the axes as numbers from 0 up, or None where NumPy would complain."""
    if edge_order not in (1, 2):
        return None
    try:
        axes = range(len(shape)) if axis is None else normalize_axis_tuple(axis, len(shape))
    except (TypeError, ValueError):  # AxisError is a ValueError
        return None
    if not axes or min(shape[a] for a in axes) < edge_order + 1:
        return None
    return tuple(axes)


def all_spacings(
    varargs: tuple[Any, ...], samples: Array, axes: tuple[int, ...], scheme: Scheme
) -> list[Spacing] | None:
    """Give the spacing of each axis, or None where NumPy must answer."""
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        varargs *= len(axes)
    if len(varargs) != len(axes):
        return None
    spacings: list[Spacing] = []
    for argument, axis in zip(varargs, axes, strict=True):
        spacing = spacing_of(argument, samples, samples.shape[axis], scheme)
        if spacing is None:
            return None
        spacings.append(spacing)
    return spacings


def spacing_of(argument: Any, samples: Array, length: int, scheme: Scheme) -> Spacing | None:
    """Give the spacing of one axis, or None where NumPy must answer."""
    own = real_precision(samples.dtype)
    if type(argument) is float or type(argument) is int:
        row = uniform_row(argument, scheme)
        # a Python number takes the precision of the samples (NEP 50)
        return None if row is None else UniformSpacing(row, own, own)
    array = plain_array(argument)
    if array is None:
        return None
    if array.ndim == 0:
        return scalar_spacing(array[()], samples, own, scheme)
    dtype = array.dtype
    if array.shape != (length,) or dtype.newbyteorder("=") not in COORDINATES:
        return None
    weights_dtype = SINGLE if dtype.char == "f" else DOUBLE
    if dtype != weights_dtype or not array.flags.carray:
        array = np.require(array, weights_dtype, ("C", "A"))
    precision = SINGLE if own == weights_dtype == SINGLE else DOUBLE
    return Coordinates(array, precision, weights_dtype, (0.0,) * scheme.columns[-1])


def scalar_spacing(
    h: Any, samples: Array, own: np.dtype[Any], scheme: Scheme
) -> UniformSpacing | None:
    """Give the spacing of a NumPy number, which has a precision of its own."""
    if not isinstance(h, np.generic) or h.dtype not in SCALAR_SPACINGS:
        return None
    with np.errstate(all="ignore"):
        row = uniform_row(h, scheme)
        precision = np.result_type(own, np.multiply(2.0, h).dtype)
    if row is None:
        return None
    if samples.dtype.kind == "c" and np.result_type(own, h.dtype) != precision:
        return None  # small integers: NumPy divides the interior and the edges in two precisions
    return UniformSpacing(tuple(map(float, row)), precision, precision)


def uniform_row(h: Any, scheme: Scheme) -> tuple[Any, ...] | None:
    """Compute the row of the table of spacings, or give None where NumPy would complain."""
    try:
        row: tuple[Any, ...] = uniform_coefficients(scheme)(h)
    except ArithmeticError:
        return None
    return row


@lru_cache
def unit_spacing(scheme: Scheme, precision: np.dtype[Any]) -> UniformSpacing:
    """Make the spacing of an axis for which none is given."""
    row = uniform_row(1.0, scheme)
    assert row is not None
    return UniformSpacing(row, precision, precision)

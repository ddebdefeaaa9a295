"""What the types of a call inside compiled code tell of its gradient, while the caller is compiled.

It is for ``compiled.gradient`` what ``plan`` is for ``run_cpu``; here the errors are Numba's.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError, NumbaValueError
from numba.np.numpy_support import as_dtype
from numpy.lib.array_utils import normalize_axis_tuple

from numgrad.fields.plan import DOUBLE, SAMPLES, SINGLE, real_precision


class Kind(NamedTuple):
    """What the types tell of the spacing of one axis."""

    slot: int | None  # which of the spacings it is; none: one
    coordinates: bool
    precision: np.dtype[Any]
    weights_dtype: np.dtype[Any]


def check_numpys_own(scale_factors, out, target):
    """Raise if a call of ``numpy.gradient`` has an argument that only ours has."""
    others = not is_none(scale_factors) or not is_none(out)
    if others or constant(target, "target") != "auto":
        raise NumbaTypeError(
            "numpy.gradient has no out, no target and no scale_factors; numgrad.gradient has, in "
            "compiled code too"
        )


def is_none(argument):
    return argument is None or isinstance(argument, types.NoneType | types.Omitted)


def constant(argument, name):
    """Give the value of an argument that must be known while compiling."""
    if isinstance(argument, types.Omitted):
        return argument.value
    if isinstance(argument, types.Literal):
        return argument.literal_value
    if isinstance(argument, types.NoneType):
        return None
    if isinstance(argument, types.BaseTuple):
        return tuple(constant(item, name) for item in argument)
    if isinstance(argument, types.Type):
        raise NumbaTypeError(
            f"gradient: {name} must be a constant written in the call, not a variable of type "
            f"{argument}"
        )
    return argument


def samples_dtype_of(f):
    if not isinstance(f, types.Array):
        raise NumbaTypeError(f"gradient: f must be an array in compiled code, not {f}")
    try:
        dtype = as_dtype(f.dtype)
    except NotImplementedError:
        dtype = None
    if dtype not in SAMPLES or not f.aligned:
        raise NumbaTypeError(
            f"gradient: samples must be integers, float32, float64, complex64 or complex128, "
            f"not {f}"
        )
    return dtype


def constant_edge_order(argument):
    edge_order = constant(argument, "edge_order")
    if edge_order not in (1, 2):
        raise NumbaValueError(
            f"gradient: 'edge_order' must be 1 or 2, greater than 2 not supported: {edge_order}"
        )
    return int(edge_order)


def constant_axes(argument, rank):
    axis = constant(argument, "axis")
    if axis is None:
        return tuple(range(rank))
    try:
        return normalize_axis_tuple(axis, rank)
    except (TypeError, ValueError) as error:
        raise NumbaValueError(f"gradient: {error}") from error


def spacing_kinds(given, count, samples_dtype):
    """Give the kind of the spacing of each axis."""
    own = real_precision(samples_dtype)
    if not given:
        return [Kind(None, False, own, own)] * count
    if len(given) == 1 and not isinstance(given[0], types.Array):
        return [_kind(0, given[0], own)] * count
    if len(given) != count:
        raise NumbaTypeError(
            f"gradient: invalid number of arguments: {len(given)} spacings for {count} axes"
        )
    return [_kind(slot, spacing, own) for slot, spacing in enumerate(given)]


def _kind(slot, spacing, own):
    number = spacing.dtype if isinstance(spacing, types.Array) else spacing
    number = types.unliteral(number)
    if isinstance(spacing, types.Array) and spacing.ndim > 1:
        raise NumbaValueError("gradient: distances must be either scalars or 1d")
    if not (isinstance(number, types.Integer) or number in (types.float32, types.float64)):
        raise NumbaTypeError(
            "gradient: a spacing must be an integer, float32, float64 or a one-dimensional array "
            f"of them, not {spacing}"
        )
    if not isinstance(spacing, types.Array):
        # like a Python number, whose precision gives way to that of the samples
        return Kind(slot, False, own, own)
    weights_dtype = SINGLE if number == types.float32 else DOUBLE
    precision = SINGLE if own == weights_dtype == SINGLE else DOUBLE
    return Kind(slot, spacing.ndim == 1, precision, weights_dtype)


def common_order(f, out):
    """Return "C" or "F" if samples and results are contiguous in that order, else "A"."""
    arrays = [f] if is_none(out) else [f, *(out if isinstance(out, types.BaseTuple) else [out])]
    orders = {array.layout for array in arrays}
    return orders.pop() if len(orders) == 1 else "A"

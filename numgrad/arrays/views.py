"""Memory seen in another way: an array of duals has nothing but duals in it."""

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError
from numba.extending import overload

from numgrad.arrays.creation import METHODS, compiled_only, elements_of, replaces
from numgrad.numbers.carrier import is_carrier, is_none


def view(dual, items, dtype):
    compiled_only()


METHODS["view"] = view


@overload(view)
def _view(dual, items, dtype):
    if not isinstance(items, types.Array) or not is_carrier(items.dtype):
        return lambda dual, items, dtype: items.view(dtype)
    if elements_of(dual, dtype, None) == items.dtype:
        return lambda dual, items, dtype: items
    raise NumbaTypeError(f"unsupported view of numbers with derivatives as {dtype}")


@replaces(np.frombuffer)
def frombuffer(dual, buffer, dtype=None):
    compiled_only()


@overload(frombuffer)
def _frombuffer(dual, buffer, dtype=None):
    if isinstance(buffer, types.Array) and is_carrier(buffer.dtype):
        raise NumbaTypeError("unsupported view of numbers with derivatives by np.frombuffer")
    if is_none(dtype):
        return lambda dual, buffer, dtype=None: np.frombuffer(buffer)
    return lambda dual, buffer, dtype=None: np.frombuffer(buffer, dtype)


@replaces(np.lib.stride_tricks.as_strided)
def as_strided(dual, x, shape=None, strides=None):
    compiled_only()


@overload(as_strided)
def _as_strided(dual, x, shape=None, strides=None):
    strided, is_left = np.lib.stride_tricks.as_strided, is_none(strides)

    def checked(dual, x, shape=None, strides=None):
        if not is_left:
            for stride in strides:
                if stride % x.itemsize != 0:
                    raise ValueError(
                        "as_strided: the strides must be computed from the array's own, since a "
                        "number takes more bytes with its derivatives"
                    )
        return strided(x, shape, strides)

    return checked

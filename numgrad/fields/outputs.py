"""Where results go: new arrays, or the caller's once they have passed every check."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.exceptions import TooHardError

from numgrad.fields.layout import Array

# What to spend at most on finding out whether two interleaved arrays share an element.
OVERLAP_WORK = 10_000


def checked_outputs(
    out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], count: int, inputs: Iterable[Any]
) -> tuple[Array, ...]:
    """Give the caller's arrays as a tuple, one an axis, if the results fit into them.

    Raises
    ------
    TypeError
        If there is not one array an axis, or one has another dtype than the results.
    ValueError
        If an array has another shape, is read-only, or shares memory with an input or another.
    """
    outputs = out if isinstance(out, tuple) else (out,)
    if len(outputs) != count:
        expected = "one array" if count == 1 else f"a tuple of {count} arrays, one an axis"
        raise TypeError(f"out must be {expected}, but {len(outputs)} came")
    for k, output in enumerate(outputs):
        name = "out" if out is output else f"out[{k}]"
        if type(output) not in (np.ndarray, np.memmap):
            raise TypeError(f"{name} must be a numpy.ndarray, not {type(output).__name__}")
        if output.dtype != dtype:
            raise TypeError(f"{name} has dtype {output.dtype}, but the result has dtype {dtype}")
        if output.shape != shape:
            raise ValueError(f"{name} has shape {output.shape}, but the result has shape {shape}")
        if not output.flags.writeable:
            raise ValueError(f"{name} is read-only")
        if _overlaps_itself(output):
            raise ValueError(f"{name} has several elements in one place of memory")
        for given in inputs:
            if isinstance(given, np.ndarray) and _overlap(output, given):
                raise ValueError(
                    f"{name} shares memory with an input, which would be overwritten while it is "
                    "read; pass another array"
                )
        for other in range(k):
            if _overlap(output, outputs[other]):
                raise ValueError(f"{name} shares memory with out[{other}]")
    return outputs


def _overlaps_itself(array: Array) -> bool:
    return any(
        stride == 0 and length > 1
        for stride, length in zip(array.strides, array.shape, strict=True)
    )


def _overlap(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=OVERLAP_WORK)  # type: ignore[arg-type]
    except TooHardError:
        return True

"""Fourier transforms: linear functions, of the values and of every partial alike.

Backward goes the adjoint, which is the conjugate transpose: of a transform, a symmetric matrix,
that of the other sign with the same scale. What was cut off is filled in with zeros, and the other
way round. Of real numbers a transform has the half, since the other half is conjugate: back to
them, each number that stands for two counts twice.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.bodies import operand_of
from numgrad.tracer.elements import Elements
from numgrad.tracer.leaves import linear
from numgrad.tracer.lines import own

# By the norm of a transform, that of the other one by which it has the same scale
SAME_SCALE: dict[str | None, Any] = {
    None: "forward",
    "backward": "forward",
    "ortho": "ortho",
    "forward": "backward",
}
Transform = Callable[..., Any]


def fitted(array: Any, count: int, axis: int) -> Any:
    """Return an array with so many numbers along an axis, of which those that it lacks are 0."""
    kept = array[(slice(None),) * axis + (slice(count),)]
    missing = [(0, 0)] * array.ndim
    missing[axis] = (0, count - kept.shape[axis])
    return np.pad(kept, missing)


def counted_twice(array: Any, count: int, axis: int) -> Any:
    """Multiply by 2 what stands for itself and its conjugate among so many, in place."""
    array[(slice(None),) * axis + (slice(1, (count + 1) // 2),)] *= 2.0
    return array


def adjoint_of_complex(other: Transform) -> Transform:
    def adjoint(y: Any, length: int, n: int, axis: int, norm: Any) -> Any:
        return fitted(other(y, n, axis, SAME_SCALE[norm]), length, axis)

    return adjoint


def adjoint_of_rfft(y: Any, length: int, n: int, axis: int, norm: Any) -> Any:
    return fitted(np.fft.ifft(y, n, axis, SAME_SCALE[norm]).real, length, axis)


def adjoint_of_irfft(y: Any, length: int, n: int, axis: int, norm: Any) -> Any:
    found = np.fft.rfft(np.real(y), n, axis, SAME_SCALE[norm])
    return fitted(counted_twice(found, n, axis), length, axis)


def adjoint_of_hfft(y: Any, length: int, n: int, axis: int, norm: Any) -> Any:
    return np.conj(adjoint_of_irfft(y, length, n, axis, SAME_SCALE[norm]))


def adjoint_of_ihfft(y: Any, length: int, n: int, axis: int, norm: Any) -> Any:
    return adjoint_of_rfft(np.conj(y), length, n, axis, SAME_SCALE[norm])


# Those along one axis, each with its adjoint
ALONG_ONE: dict[Transform, Transform] = {
    np.fft.fft: adjoint_of_complex(np.fft.ifft),
    np.fft.ifft: adjoint_of_complex(np.fft.fft),
    np.fft.rfft: adjoint_of_rfft,
    np.fft.irfft: adjoint_of_irfft,
    np.fft.hfft: adjoint_of_hfft,
    np.fft.ihfft: adjoint_of_ihfft,
}
FROM_HALF = (np.fft.irfft, np.fft.hfft)  # from n // 2 + 1 numbers to n


def along_one(function: Transform) -> Callable[..., Elements]:
    """Return a transform along one axis, of elements."""
    adjoint = ALONG_ONE[function]

    def of_elements(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Elements:
        a = operand_of(a)
        axis = range(a.ndim)[axis]
        length = a.shape[axis]
        if n is None:
            n = 2 * (length - 1) if function in FROM_HALF else length
        return linear(
            lambda numbers: function(numbers, n, axis, norm),
            lambda numbers: adjoint(numbers, length, n, axis, norm),
            a,
        )

    return of_elements


# Those along several axes: one after the other, the last of them first, or last back to real ones
ALONG_SEVERAL: dict[str, tuple[Transform, Transform]] = {
    "fft": (np.fft.fft, np.fft.fft),
    "ifft": (np.fft.ifft, np.fft.ifft),
    "rfft": (np.fft.fft, np.fft.rfft),
    "irfft": (np.fft.ifft, np.fft.irfft),
}


def along_several(kind: str, axes_of_two: Any) -> Callable[..., Elements]:
    """Return a transform along several axes, of elements."""
    others, last = (along_one(each) for each in ALONG_SEVERAL[kind])

    def of_elements(a: Any, s: Any = None, axes: Any = axes_of_two, norm: Any = None) -> Elements:
        a = operand_of(a)
        if axes is None:
            axes = range(a.ndim) if s is None else range(a.ndim - len(s), a.ndim)
        axes = tuple(axes)
        counts = (None,) * len(axes) if s is None else tuple(s)
        pairs = list(zip(counts, axes, strict=True))
        *before, (n, axis) = pairs
        if kind != "irfft":
            a = last(a, n, axis, norm)
        for count, other in reversed(before):
            a = others(a, count, other, norm)
        return last(a, n, axis, norm) if kind == "irfft" else a

    return of_elements


for _function in ALONG_ONE:
    own(_function.__name__)(along_one(_function))
for _kind in ALONG_SEVERAL:
    own(f"{_kind}n")(along_several(_kind, None))
    own(f"{_kind}2")(along_several(_kind, (-2, -1)))

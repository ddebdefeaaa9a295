"""Fourier transforms: linear functions, of the values and of every partial alike."""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.bodies import operand_of
from numgrad.tracer.elements import Elements
from numgrad.tracer.leaves import array_from, number_type, numbers_of
from numgrad.tracer.lines import own

TRANSFORMS = (
    *("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"),
    *("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"),
)


def linear(function: Callable[..., Any]) -> Callable[..., Elements]:
    """Return a linear function of one array, on the numbers that its elements are made of."""

    def of_elements(a: Any, *arguments: Any, **keywords: Any) -> Elements:
        a = operand_of(a)
        kind = number_type(a)
        numbers = np.moveaxis(numbers_of(a, kind), -1, 0)
        results = [function(each, *arguments, **keywords) for each in numbers]
        return array_from(np.stack(results, axis=-1), kind)

    return of_elements


for _name in TRANSFORMS:
    own(_name)(linear(getattr(np.fft, _name)))

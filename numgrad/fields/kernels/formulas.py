"""The formulas: one derivative from the samples of a stencil. Every kernel calls these.

Each follows the order of operations of ``numpy.gradient``, so that every rounding, infinity and nan
is the same.
"""

from functools import cache

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.fields.kernels.unrolled import expression
from numgrad.targets.options import formula


def value(sample):
    """Give a sample as the number to compute with: an integer becomes a float64."""
    raise NotImplementedError("compiled code only")


@overload(value, inline="always")
def _value(sample):
    if isinstance(sample, types.Integer):
        return lambda sample: np.float64(sample)
    return lambda sample: sample


def quotient(difference, spacing):
    """Divide a difference of samples by a real spacing."""
    raise NotImplementedError("compiled code only")


@overload(quotient, inline="always")
def _quotient(difference, spacing):
    if not isinstance(difference, types.Complex):
        return lambda difference, spacing: difference / spacing

    # NumPy divides complex numbers by R. L. Smith's method, Communications of the ACM 5 (1962),
    # 435. For the divisor h + 0j, with r = 0 / h, it computes
    #     (u + v j) / (h + 0 j) = ((u + v r) + (v - u r) j) (1 / (h + 0 r)),
    # and divides by |h| alone where h = 0.
    real = np.float32 if spacing == types.float32 else np.float64
    zero, one = real(0), real(1)

    def smith(difference, spacing):
        if spacing == zero:
            size = abs(spacing)
            return complex(difference.real / size, difference.imag / size)
        ratio = zero / spacing
        reciprocal = one / (spacing + zero * ratio)
        return complex(
            (difference.real + difference.imag * ratio) * reciprocal,
            (difference.imag - difference.real * ratio) * reciprocal,
        )

    return smith


def product(weight, sample):
    """Multiply a sample by a real weight."""
    raise NotImplementedError("compiled code only")


@overload(product, inline="always")
def _product(weight, sample):
    if not isinstance(sample, types.Complex):
        return lambda weight, sample: weight * sample

    # NumPy makes the weight complex first: (w + 0 j)(u + v j) = (w u - 0 v) + (w v + 0 u) j.
    # The zeros matter where u or v is infinite or nan.
    zero = (np.float32 if weight == types.float32 else np.float64)(0)

    def complex_product(weight, sample):
        return complex(
            weight * sample.real - zero * sample.imag,
            weight * sample.imag + zero * sample.real,
        )

    return complex_product


# What stands for a function of the three above, for the types of its arguments.
OVERLOADS = {value: _value, quotient: _quotient, product: _product}


@formula
def number_of(coordinate):
    """Give a coordinate as the number to compute with."""
    return value(coordinate)


@formula
def distance(right, left):
    """Measure how far apart two points are."""
    return value(right) - value(left)


@cache
def derivative(stencil):
    """Make the function ``(samples, coefficients)`` that derives by a stencil."""
    places = range(len(stencil.offsets))
    samples, coefficients = (
        [f"{name}[{k}]" for k in places] for name in ("samples", "coefficients")
    )
    return expression(
        formula, "samples, coefficients", written(stencil.quotient, samples, coefficients), **NAMES
    )


def written(divided, samples, coefficients):
    """Write down how a stencil derives from its samples, given as text, as its coefficients are.

    It is a difference divided by a distance, or a sum of products, added up from the left.
    """
    if divided:
        return f"quotient(value({samples[1]}) - value({samples[0]}), {coefficients[0]})"
    terms = zip(coefficients, samples, strict=False)
    return " + ".join(f"product({weight}, value({sample}))" for weight, sample in terms)


@cache
def weights_of(stencil):
    """Compile how a stencil weighs its points at their coordinates."""
    return formula(stencil.weigh)


# what the text of a formula refers to
NAMES = {"value": value, "quotient": quotient, "product": product}

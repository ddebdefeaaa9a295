"""The formulas: one derivative at one point from its neighbours. Every kernel calls these.

``left``, ``middle`` and ``right`` are three consecutive samples; ``h1`` is the spacing from left to
middle, ``h2`` that from middle to right. Each formula follows the order of operations of
``numpy.gradient``, so that every rounding, infinity and nan is the same.

Source: B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids",
Mathematics of Computation 51 (1988), 699-706.
"""

import numpy as np
from numba import types
from numba.extending import overload

from numgrad.targets.options import formula


def value(sample):
    """Return a sample as the number to compute with: an integer becomes a float64."""
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
def difference_quotient(right, left, spacing):
    """Return ``(right - left) / spacing``.

    From f(x + h) - f(x - h) = 2 h f'(x) + O(h^3) with the spacing 2 h this is the central
    difference, of second order; from f(x + h) - f(x) = h f'(x) + O(h^2) with the spacing h it is
    the one-sided difference at an edge, of first order.
    """
    return quotient(value(right) - value(left), spacing)


@formula
def weighted_sum(a, left, b, middle, c, right):
    """Return ``a left + b middle + c right``."""
    return product(a, value(left)) + product(b, value(middle)) + product(c, value(right))


# On a non-uniform grid, with the Taylor series
#     f(x - h1) = f - h1 f' + h1^2/2 f'' - ...,    f(x + h2) = f + h2 f' + h2^2/2 f'' + ...,
# the weights a, b, c of f' = a f(x - h1) + b f(x) + c f(x + h2) + O(h^2) satisfy
#     a + b + c = 0,    -a h1 + c h2 = 1,    a h1^2 + c h2^2 = 0,
# hence a = -h2 / (h1 (h1 + h2)), c = h1 / (h2 (h1 + h2)) and b = -(a + c) = (h2 - h1) / (h1 h2).
@formula
def interior_weights(h1, h2):
    """Return the three weights of the derivative at the middle of three points."""
    a = -h2 / (h1 * (h1 + h2))
    b = (h2 - h1) / (h1 * h2)
    c = h1 / (h2 * (h1 + h2))
    return a, b, c


# The same conditions about the first of the three points, whose neighbours lie at h1 and h1 + h2:
#     a + b + c = 0,    b h1 + c (h1 + h2) = 1,    b h1^2 + c (h1 + h2)^2 = 0.
@formula
def weights_at_first(h1, h2, two):
    """Return the three weights of the derivative at the first of three points."""
    a = -(two * h1 + h2) / (h1 * (h1 + h2))
    b = (h1 + h2) / (h1 * h2)
    c = -h1 / (h2 * (h1 + h2))
    return a, b, c


# And about the last, whose neighbours lie at -h2 and -(h1 + h2).
@formula
def weights_at_last(h1, h2, two):
    """Return the three weights of the derivative at the last of three points."""
    a = h2 / (h1 * (h1 + h2))
    b = -(h2 + h1) / (h1 * h2)
    c = (two * h2 + h1) / (h2 * (h1 + h2))
    return a, b, c


# The same from the coordinates of the points, which may be integers.


@formula
def distance(right, left):
    """Return how far apart two points are."""
    return value(right) - value(left)


@formula
def weights_between(left, middle, right):
    """Return the three weights of the derivative at the middle of three points."""
    return interior_weights(distance(middle, left), distance(right, middle))


@formula
def weights_from_first(first, second, third, two):
    """Return the three weights of the derivative at the first of three points."""
    return weights_at_first(distance(second, first), distance(third, second), two)


@formula
def weights_from_last(third, second, last, two):
    """Return the three weights of the derivative at the last of three points."""
    return weights_at_last(distance(second, third), distance(last, second), two)


@formula
def sum_between(left, f_left, middle, f_middle, right, f_right):
    """Return the derivative at the middle of three points, from samples and coordinates."""
    a, b, c = weights_between(left, middle, right)
    return weighted_sum(a, f_left, b, f_middle, c, f_right)


# With h1 = h2 = h the weights at the edges are (-3/2, 2, -1/2) / h and (1/2, -2, 3/2) / h.
UNIFORM_FIRST_WEIGHTS = (-1.5, 2.0, -0.5)
UNIFORM_LAST_WEIGHTS = (0.5, -2.0, 1.5)

"""The table of calculus: every function, its value, and its slope in each argument.

An entry is two lines. Numba compiles the same entries that `numgrad.Dual` follows in Python,
for floats, complex numbers and duals of duals, so a body

- is scalar code that Numba can compile, under NumPy's error model,
- calls only functions that have entries themselves, so that it nests to every order,
- writes constants as float literals, which the compiler narrows where the argument is narrow,
- is sound where the function is at its hard ends: no slope overflows or cancels by its formula.
"""

import math
import operator

import numpy as np

from numgrad.rules import special
from numgrad.rules.registry import (
    composite,
    finite_rule,
    kinked_rule,
    piecewise_constant,
    primal,
    real_tangent_rule,
    rule,
    tangent_rule,
)

# mypy: allow-untyped-defs, allow-untyped-calls

NAN = special.NAN  # a name of this module, which becomes single where numbers are

# The table reads as a table: one line says which functions, the next what they are.
# ruff: noqa: E702
# fmt: off

# Arithmetic

@finite_rule(np.add, operator.add)
def add(x, y):          return x + y, 1.0, 1.0

@finite_rule(np.subtract, operator.sub)
def subtract(x, y):     return x - y, 1.0, -1.0

@finite_rule(np.multiply, operator.mul)
def multiply(x, y):     return x * y, y, x

@rule(np.divide, operator.truediv)                      # no y * y, which could overflow
def divide(x, y):       z = x / y; return z, 1.0 / y, -z / y

@rule(np.remainder, operator.mod)                       # x - y * floor(x / y)
def remainder(x, y):    return x % y, 1.0, -(x // y)

@rule(np.fmod, math.fmod)                               # x - y * trunc(x / y)
def fmod(x, y):         z = np.fmod(x, y); return z, 1.0, -np.rint((x - z) / y)

@composite(np.divmod, divmod)
def divmod_(x, y):      return x // y, x % y

@finite_rule(np.negative, operator.neg)
def negative(x):        return -x, -1.0

@finite_rule(np.positive, operator.pos)
def positive(x):        return +x, 1.0

@kinked_rule(np.absolute, abs, np.fabs, math.fabs)
def absolute(x):        return np.absolute(x), special.side(x)

@kinked_rule(np.copysign, math.copysign)
def copysign(x, y):     return np.copysign(x, y), special.side(x) * np.copysign(1.0, y), None

@rule(special.side)                                     # abs has no second derivative at 0
def side(x):            return special.side(x), NAN if x == 0.0 else 0.0

@rule(special.undefined)
def undefined(x):       return special.undefined(x), NAN

@rule(np.ldexp, math.ldexp)
def ldexp(x, n):        i = int(primal(n)); return np.ldexp(x, i), np.ldexp(1.0, i), None

@finite_rule(np.deg2rad, np.radians, math.radians)             # pi / 180
def deg2rad(x):         return np.deg2rad(x), 0.017453292519943295

@finite_rule(np.rad2deg, np.degrees, math.degrees)             # 180 / pi
def rad2deg(x):         return np.rad2deg(x), 57.29577951308232

if hasattr(math, "fma"):                                # since Python 3.13
    @finite_rule(special.fma, math.fma)
    def fma(x, y, z):   return special.fma(x, y, z), y, x, 1.0

# Powers and roots. The slope of x**y in x is y x**(y-1), where 0 times infinity is 0, so that
# x**0 is 1 at x = 0 as well, and x**n is exact there at every order. The slope in y is
# x**y log(x), whose own derivatives are of its kind; with q(k) = x**y log(x)**k
#     dq/dx = (y q(k) + k q(k-1)) / x,   dq/dy = q(k+1)

@rule(np.power, operator.pow, pow, math.pow, np.float_power)
def power(x, y):
    p = x ** (y - 1.0)
    in_x = y * p if y != 0.0 or np.isfinite(p) else 0.0
    return x**y, in_x, special.power_log(x, y, 1.0)

@rule(special.power_log)
def power_log(x, y, k):
    p = special.power_log(x, y - 1.0, k)
    in_x = y * p if y != 0.0 or np.isfinite(p) else 0.0
    in_log = k * special.power_log(x, y - 1.0, k - 1.0) if k != 0.0 else 0.0
    return special.power_log(x, y, k), in_x + in_log, special.power_log(x, y, k + 1.0), None

@rule(np.sqrt, math.sqrt)                               # y + 0.0: +inf at -0.0 as well
def sqrt(x):            y = np.sqrt(x); return y, 0.5 / (y + 0.0)

@rule(np.cbrt, *([math.cbrt] if hasattr(math, "cbrt") else []))
def cbrt(x):            y = np.cbrt(x); return y, 1.0 / (3.0 * y * y)

@finite_rule(np.square)
def square(x):          return x * x, 2.0 * x

@rule(np.reciprocal)
def reciprocal(x):      y = 1.0 / x; return y, -y * y

# Exponentials and logarithms

@rule(np.exp, math.exp)
def exp(x):             y = np.exp(x); return y, y

@rule(np.exp2, math.exp2)                               # log(2)
def exp2(x):            y = np.exp2(x); return y, 0.6931471805599453 * y

@rule(np.expm1, math.expm1)
def expm1(x):           return np.expm1(x), np.exp(x)

@rule(np.log, math.log)                                 # x + 0.0: +inf at -0.0 as well
def log(x):             return np.log(x), 1.0 / (x + 0.0)

@rule(np.log2, math.log2)                               # 1 / log(2)
def log2(x):            return np.log2(x), 1.4426950408889634 / (x + 0.0)

@rule(np.log10, math.log10)                             # 1 / log(10)
def log10(x):           return np.log10(x), 0.4342944819032518 / (x + 0.0)

@rule(np.log1p, math.log1p)
def log1p(x):           return np.log1p(x), 1.0 / (1.0 + x)

@finite_rule(np.logaddexp)                                     # exp(x) / (exp(x) + exp(y)), ...
def logaddexp(x, y):
    d = 0.0 if x == y and np.isinf(x) else x - y
    return np.logaddexp(x, y), special.expit(d), special.expit(-d)

@finite_rule(np.logaddexp2)                                    # the same, with log(2)
def logaddexp2(x, y):
    d = 0.0 if x == y and np.isinf(x) else 0.6931471805599453 * (x - y)
    return np.logaddexp2(x, y), special.expit(d), special.expit(-d)

@finite_rule(special.expit)
def expit(x):           y = special.expit(x); return y, y * special.expit(-x)

# Trigonometric functions

@finite_rule(np.sin, math.sin)
def sin(x):             return np.sin(x), np.cos(x)

@finite_rule(np.cos, math.cos)
def cos(x):             return np.cos(x), -np.sin(x)

@finite_rule(np.tan, math.tan)
def tan(x):             y = np.tan(x); return y, 1.0 + y * y

@rule(np.arcsin, math.asin)
def arcsin(x):          return np.arcsin(x), 1.0 / np.sqrt(special.one_minus_square(x))

@rule(np.arccos, math.acos)
def arccos(x):          return np.arccos(x), -1.0 / np.sqrt(special.one_minus_square(x))

@finite_rule(special.one_minus_square)
def one_minus_square(x): return special.one_minus_square(x), -2.0 * x

@finite_rule(np.arctan, math.atan)
def arctan(x):          return np.arctan(x), 1.0 / (1.0 + x * x)

@finite_rule(np.sinc)
def sinc(x):            return np.sinc(x), special.sinc_derivative(1.0, x)

@finite_rule(special.sinc_derivative)
def sinc_derivative(n, x):
    return special.sinc_derivative(n, x), None, special.sinc_derivative(n + 1.0, x)

# Lengths and angles. With r = hypot(x, y), c = x / r, s = y / r:
#     dr = c dx + s dy,   r d(angle) = c dy - s dx,   dc = -s d(angle) = s (s dx - c dy) / r
# At the origin c = s = 0, and r is replaced by 1, so every slope is 0; but the angle is not defined
# there, and of c and s there are no slopes.

@kinked_rule(np.hypot, math.hypot)
def hypot(x, y):
    r = np.hypot(x, y)
    return r, special.direction(x, y, r), special.direction(y, x, r)

@rule(special.direction)                                # r is hypot(x, y), and adds nothing
def direction(x, y, r):
    c, s = special.direction(x, y, r), special.direction(y, x, r)
    d = r if r != 0.0 else NAN
    return c, s * s / d, -c * s / d, None

@rule(np.arctan2, math.atan2)
def arctan2(y, x):
    r = np.hypot(x, y)
    d = r if r != 0.0 else 1.0
    c, s = special.direction(x, y, r), special.direction(y, x, r)
    return np.arctan2(y, x), c / d, -s / d

# Hyperbolic functions

@rule(np.sinh, math.sinh)
def sinh(x):            return np.sinh(x), np.cosh(x)

@rule(np.cosh, math.cosh)
def cosh(x):            return np.cosh(x), np.sinh(x)

@finite_rule(np.tanh, math.tanh)                               # 1 - tanh(x)**2 would cancel
def tanh(x):            y = special.sech(x); return np.tanh(x), y * y

@finite_rule(special.sech)
def sech(x):            y = special.sech(x); return y, -y * np.tanh(x)

@finite_rule(np.arcsinh, math.asinh)                           # x * x could overflow
def arcsinh(x):         return np.arcsinh(x), 1.0 / np.hypot(1.0, x)

@rule(np.arccosh, math.acosh)                                  # - (-1.0): see one_minus_square
def arccosh(x):         return np.arccosh(x), 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x - (-1.0)))

@rule(np.arctanh, math.atanh)
def arctanh(x):         return np.arctanh(x), 1.0 / special.one_minus_square(x)

# Special functions

@finite_rule(special.erf, math.erf)                            # 2 / sqrt(pi)
def erf(x):             return special.erf(x), 1.1283791670955126 * np.exp(-x * x)

@finite_rule(special.erfc, math.erfc)
def erfc(x):            return special.erfc(x), -1.1283791670955126 * np.exp(-x * x)

@rule(special.gamma, math.gamma)
def gamma(x):           y = special.gamma(x); return y, y * special.digamma(x)

@rule(special.lgamma, math.lgamma)
def lgamma(x):          return special.lgamma(x), special.digamma(x)

@rule(special.digamma)
def digamma(x):         return special.digamma(x), special.polygamma(1.0, x)

@rule(special.polygamma)
def polygamma(n, x):    return special.polygamma(n, x), None, special.polygamma(n + 1.0, x)

# Choices: the argument chosen brings its derivative alone; on a tie, half of each, and a second
# derivative only where both have the same derivatives, in which case there is no kink.
# nan as NumPy has it: maximum and minimum pass it on, fmax and fmin pass over it.

@finite_rule(special.either)
def either(x, y):       return special.either(x, y), 0.5, 0.5

@composite(special.tied)
def tied(x, y):         return special.either(x, y) + special.difference(x - y)

def difference_apart(d, dd):  # noqa: ARG001
    return special.difference(d), special.undecided(d)

@real_tangent_rule(special.difference, apart=difference_apart)
def difference(d, dd):  return special.difference(d), special.difference_of_slopes(d, dd)

@composite(special.undecided)                                  # where it matters: go forward
def undecided(d):       return NAN * d

@rule(special.difference_of_slopes)
def difference_of_slopes(d, dd):
    in_d = NAN if dd != 0.0 else 0.0  # slopes that agree do so on either side
    return special.difference_of_slopes(d, dd), in_d, NAN

@composite(np.maximum)
def maximum(x, y):      return special.tied(x, y) if x == y else x if x > y or np.isnan(x) else y

@composite(np.minimum)
def minimum(x, y):      return special.tied(x, y) if x == y else x if x < y or np.isnan(x) else y

@composite(np.fmax)
def fmax(x, y):         return special.tied(x, y) if x == y else x if x > y or np.isnan(y) else y

@composite(np.fmin)
def fmin(x, y):         return special.tied(x, y) if x == y else x if x < y or np.isnan(y) else y

@composite(max)
def max_(x, y):         return special.tied(x, y) if x == y else y if y > x else x

@composite(min)
def min_(x, y):         return special.tied(x, y) if x == y else y if y < x else x

@composite(np.clip)
def clip(x, low, high):
    raised = x if low is None else np.maximum(x, low)
    return raised if high is None else np.minimum(raised, high)

@composite(np.where)
def where(c, x, y):     return x if c else y

@composite(np.heaviside)
def heaviside(x, h):    return h if x == 0.0 else 0.5 + 0.5 * np.sign(x)

# Parts

@composite(np.modf, math.modf)
def modf(x):
    fraction = np.copysign(0.0, x) if np.isinf(x) else np.fmod(x, 1.0)
    return fraction, np.trunc(x)

@composite(np.frexp, math.frexp)
def frexp(x):           n = math.frexp(primal(x))[1]; return np.ldexp(x, -n), n

# Values alone: piecewise constant, or true and false

piecewise_constant(np.floor, np.ceil, np.trunc, np.rint, np.round, np.around, np.sign, np.signbit)
piecewise_constant(np.floor_divide, operator.floordiv)
piecewise_constant(round, math.floor, math.ceil, math.trunc, int, bool)
piecewise_constant(operator.truth, operator.not_)
piecewise_constant(operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge)
piecewise_constant(np.less, np.less_equal, np.equal, np.not_equal, np.greater, np.greater_equal)
piecewise_constant(np.logical_and, np.logical_or, np.logical_xor, np.logical_not)
piecewise_constant(np.isnan, np.isinf, np.isfinite, np.isclose)
piecewise_constant(math.isnan, math.isinf, math.isfinite, math.isclose)
piecewise_constant(np.imag, np.angle)                            # of a real number: 0; 0 or pi

# Complex numbers

@finite_rule(np.real)
def real(x):            return x, 1.0

@finite_rule(np.conjugate)
def conjugate(x):       return x, 1.0

@tangent_rule(np.real)
def z_real(z, dz):      return np.real(z), np.real(dz)

@tangent_rule(np.imag)
def z_imag(z, dz):      return np.imag(z), np.imag(dz)

@tangent_rule(np.conjugate)
def z_conjugate(z, dz): return np.conjugate(z), np.conjugate(dz)

# With z = r u, |u| = 1:  dz = dr u + i r u d(angle),  so  conj(u) dz = dr + i r d(angle);
# at the origin u = 0 here, and nothing has a slope; u itself has none that is defined.

@composite(special.unit)
def unit(z, r):         return z / r if r != 0.0 else special.undefined(z)

@tangent_rule(np.absolute, abs)
def z_absolute(z, dz):
    r = np.absolute(z)
    return r, np.real(np.conjugate(special.unit(z, r)) * dz)

@tangent_rule(np.angle)
def z_angle(z, dz):
    r = np.absolute(z)
    d = r if r != 0.0 else 1.0
    return np.angle(z), np.imag(np.conjugate(special.unit(z, r)) * dz) / d

@tangent_rule(np.sign)                                  # u itself: du = i u d(angle)
def z_sign(z, dz):
    r = np.absolute(z)
    d = r if r != 0.0 else 1.0
    u = special.unit(z, r)
    return u, (dz - u * np.real(np.conjugate(u) * dz)) / d

@tangent_rule(np.arcsinh, math.asinh)                   # np.hypot is for real numbers
def z_arcsinh(z, dz):   return np.arcsinh(z), dz / np.sqrt(z * z - (-1.0))

"""The functions of ``cmath`` on duals, in compiled code.

Their values are those of ``cmath`` itself, to the last bit, and their derivatives those of NumPy's
functions of the same names, whose branch cuts are the same.
"""

import cmath

import numpy as np
from numba.extending import overload

from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.conversions import primal_of, with_primal

COUNTERPARTS = {
    cmath.exp: np.exp,
    cmath.log: np.log,
    cmath.log10: np.log10,
    cmath.sqrt: np.sqrt,
    cmath.sin: np.sin,
    cmath.cos: np.cos,
    cmath.tan: np.tan,
    cmath.sinh: np.sinh,
    cmath.cosh: np.cosh,
    cmath.tanh: np.tanh,
    cmath.asin: np.arcsin,
    cmath.acos: np.arccos,
    cmath.atan: np.arctan,
    cmath.asinh: np.arcsinh,
    cmath.acosh: np.arccosh,
    cmath.atanh: np.arctanh,
    cmath.phase: np.angle,
}


def define(function, counterpart):
    """Define a function of a complex number for duals."""

    @overload(function, strict=False)
    def typed(z):
        if not is_carrier(z):
            return None
        return lambda z: with_primal(counterpart(complex(z)), function(primal_of(z)))


def define_piecewise_constant(function):
    """Define a function that has no derivative."""

    @overload(function, strict=False)
    def typed(z):
        return (lambda z: function(primal_of(z))) if is_carrier(z) else None


for _function, _counterpart in COUNTERPARTS.items():
    define(_function, _counterpart)
for _function in (cmath.isnan, cmath.isinf, cmath.isfinite):
    define_piecewise_constant(_function)


@overload(cmath.log, strict=False)
def _log(z, base):
    if not (is_carrier(z) or is_carrier(base)):
        return None
    return lambda z, base: with_primal(
        np.log(complex(z)) / np.log(complex(base)), cmath.log(primal_of(z), primal_of(base))
    )


@overload(cmath.polar, strict=False)
def _polar(z):
    if not is_carrier(z):
        return None

    def polar(z):
        length, angle = cmath.polar(primal_of(z))
        return with_primal(np.absolute(z), length), with_primal(np.angle(z), angle)

    return polar


@overload(cmath.rect, strict=False)
def _rect(r, phi):
    if not (is_carrier(r) or is_carrier(phi)):
        return None
    return lambda r, phi: with_primal(
        complex(r * np.cos(phi), r * np.sin(phi)), cmath.rect(primal_of(r), primal_of(phi))
    )

"""NumPy's functions of numbers in kernels, where numba-cuda has none.

Rules are written with NumPy's functions, and so are users' functions. numba-cuda knows the types of
all of them, but can compile only some for single numbers; the others are written here with what it
has. The rules know nothing of it: they are the same for all targets.

No body has a literal that would make a float32 a float64.
"""

import math
from typing import Any

import numpy as np
from numba import types

from numgrad.numbers.carrier import Carrier, is_carrier, is_complex
from numgrad.numbers.conversions import converted_like
from numgrad.rules import registry
from numgrad.targets import cuda_compiler, cuda_device

# mypy: allow-untyped-defs, allow-untyped-calls

FLOATS = {"f": np.float32, "d": np.float64}
REAL = "bBhHiIlLqQfd"
ALL = REAL + "FD"


def in_precision(name, number):
    """Return a function of libdevice for numbers of a type."""
    return getattr(cuda_device.loaded().libdevice, f"{name}f" if number is np.float32 else name)


def libdevice(name):
    """Return the function that makes one of libdevice's for numbers of either precision."""

    def made(number):
        function = in_precision(name, number)
        return lambda x: function(x)

    return made


def reciprocal(number):
    one = number(1)
    return lambda x: one / x


def sign(number):
    plus, minus, zero = number(1), number(-1), number(0)

    def body(x):
        if x > zero:
            return plus
        if x < zero:
            return minus
        return zero if x == zero else x

    return body


def signbit(number):
    one, zero = number(1), number(0)
    return lambda x: math.copysign(one, x) < zero


def logaddexp(number):
    log_2 = number(math.log(2))

    def body(x, y):
        if x == y:
            return x + log_2
        difference = x - y
        if difference > 0:
            return x + math.log1p(math.exp(-difference))
        return y + math.log1p(math.exp(difference)) if difference <= 0 else difference

    return body


def logaddexp2(number):
    log_2, one = number(math.log(2)), number(1)
    exp2 = in_precision("exp2", number)

    def body(x, y):
        if x == y:
            return x + one
        difference = x - y
        if difference > 0:
            return x + math.log1p(exp2(-difference)) / log_2
        return y + math.log1p(exp2(difference)) / log_2 if difference <= 0 else difference

    return body


# The same for numbers of all the types named by their characters.
OF_ALL = {
    np.add: (lambda x, y: x + y, ALL),
    np.subtract: (lambda x, y: x - y, ALL),
    np.multiply: (lambda x, y: x * y, ALL),
    np.negative: (lambda x: -x, ALL),
    np.positive: (lambda x: x, ALL),
    np.square: (lambda x: x * x, ALL),
    np.absolute: (lambda x: abs(x), ALL),
    np.remainder: (lambda x, y: x % y, REAL),
    np.floor_divide: (lambda x, y: x // y, REAL),
    np.power: (lambda x, y: x**y, ALL),
    np.float_power: (lambda x, y: x**y, "dD"),
    np.exp: (lambda x: math.exp(x), "fd"),
    np.expm1: (lambda x: math.expm1(x), "fd"),
    np.log1p: (lambda x: math.log1p(x), "fd"),
    np.sqrt: (lambda x: math.sqrt(x), "fd"),
    np.fabs: (lambda x: math.fabs(x), "fd"),
    np.fmod: (lambda x, y: math.fmod(x, y), "fd"),
    np.copysign: (lambda x, y: math.copysign(x, y), "fd"),
    np.isfinite: (lambda x: math.isfinite(x), "fd"),
    np.isinf: (lambda x: math.isinf(x), "fd"),
}


def of_floats():
    """Return the functions that are written for either precision."""
    names = {np.exp2: "exp2", np.cbrt: "cbrt", np.floor: "floor", np.ceil: "ceil"}
    names |= {np.trunc: "trunc", np.rint: "rint"}
    return {function: libdevice(name) for function, name in names.items()} | {
        np.reciprocal: reciprocal,
        np.sign: sign,
        np.signbit: signbit,
        np.logaddexp: logaddexp,
        np.logaddexp2: logaddexp2,
    }


def loops():
    """Return, for each of NumPy's functions, its loops and what they do with one element."""
    found: dict[Any, dict[str, Any]] = {}
    for function, (body, characters) in OF_ALL.items():
        found[function] = {
            loop: body
            for loop in function.types
            if set(loop.split("->")[0]) <= set(characters) and "O" not in loop
        }
    for function, make in of_floats().items():
        result = "?" if function is np.signbit else None
        found[function] = {
            f"{c * function.nin}->{result or c}": make(number) for c, number in FLOATS.items()
        }
    return found


# What numba-cuda has no types for either


def cbrt(x):
    if is_carrier(x) or not isinstance(x, types.Float | types.Integer):
        return None
    return lambda x: np.cbrt(x)


def ldexp(x, n):
    return None if is_carrier(x) else lambda x, n: math.ldexp(x, n)


def where(condition, x, y):
    argtypes = condition, x, y
    if any(map(is_carrier, argtypes)) or not all(
        isinstance(argtype, types.Number | types.Boolean) for argtype in argtypes
    ):
        return None
    return lambda condition, x, y: x if condition else y


def real(dual):
    return None if is_complex(dual.number) else lambda dual: dual


def imag(dual):
    return None if is_complex(dual.number) else lambda dual: converted_like(dual, 0)


def register() -> None:
    """Teach numba-cuda the functions of the table and the dual number."""
    if cuda_device.simulated():
        return
    cuda_compiler.add_loops(loops())
    for function, typed in ((math.cbrt, cbrt), (np.ldexp, ldexp), (np.where, where)):
        if function in registry.TABLE:
            cuda_compiler.define(function, typed)
    from numgrad.calls import builtins
    from numgrad.numbers.dual import attributes
    from numgrad.numbers.dual.type import DualType

    defined = {
        "real": real,  # np.real, of which numba-cuda makes this again
        "imag": imag,
    }
    cuda_compiler.define_attributes(DualType, {"partials": attributes._partials}, {})
    cuda_compiler.define_attributes(Carrier, defined, {"conjugate": builtins._conjugate})
    cuda_compiler.refresh()

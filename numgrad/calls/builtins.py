"""Python's own functions and the attributes of numbers, for duals in Numba."""

from functools import cache

import numpy as np
from numba import types
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.cpython.builtins import ol_isinstance
from numba.extending import intrinsic, overload, overload_attribute, overload_method

from numgrad.numbers.carrier import (
    Carrier,
    active_type,
    complex_of_parts,
    is_carrier,
    is_complex,
    number_of,
    real_of,
)
from numgrad.numbers.conversions import primal_of


@infer_getattr
class CarrierAttribute(AttributeTemplate):
    """The ``type`` of a dual: that of its number, as it is without derivatives."""

    key = Carrier

    def resolve___class__(self, dual):
        return types.NumberClass(dual.number)


# A float stays what it is, derivatives and all.


@overload(float)
def _float(x):
    return (lambda x: x) if is_carrier(x) else None


# A text, and a place in a table, have no derivative.


@overload(str, target="cpu")
@overload(repr, target="cpu")
def _text(x):
    return (lambda x: str(primal_of(x))) if is_carrier(x) else None


@overload_method(Carrier, "__hash__")
def _hash(x):
    return lambda x: hash(primal_of(x))


@overload(isinstance, strict=False)
def _isinstance(var, typs):
    return ol_isinstance(var.number, typs) if is_carrier(var) else None


@overload(complex)
def _complex(x, y=0):
    if not (is_carrier(x) or is_carrier(y)):
        return None
    if is_carrier(x) and is_complex(x.number):
        return lambda x, y=0: x
    return lambda x, y=0: complex_of(x, y)


@intrinsic
def complex_of(typingctx, x, y):
    """Make the complex number of two real ones."""
    real = typingctx.unify_types(types.unliteral(x), types.unliteral(y))
    is_single = number_of(real) == types.float32
    result = active_type(real, types.complex64 if is_single else types.complex128)

    def codegen(context, builder, sig, arguments):
        pair = [
            context.cast(builder, argument, argtype, real_of(result))
            for argument, argtype in zip(arguments, sig.args, strict=True)
        ]
        return complex_of_parts(builder, result, pair)

    return result(x, y), codegen


@cache
def folded(function, count):
    """Return a function of two arguments as one of more: max(max(a, b), c)."""
    names = [f"x{k}" for k in range(count)]
    expression = names[0]
    for name in names[1:]:
        expression = f"function({expression}, {name})"
    namespace = {"function": function}
    exec(f"def fold({', '.join(names)}):\n    return {expression}", namespace)
    return namespace["fold"]


# Numba's own np.real reads the attribute, so the attribute can't call np.real.


def real_part_of(dual):
    raise NotImplementedError("compiled code only")


def imaginary_part_of(dual):
    raise NotImplementedError("compiled code only")


@overload_attribute(Carrier, "real")
def _real(dual):
    return lambda dual: real_part_of(dual)


@overload_attribute(Carrier, "imag")
def _imag(dual):
    return lambda dual: imaginary_part_of(dual)


@overload_method(Carrier, "conjugate")
def _conjugate(dual):
    return lambda dual: np.conjugate(dual)

"""The harvest of a sweep: adjoints as derivatives."""

from functools import cache

from numba import types
from numba.extending import intrinsic

from numgrad.numbers.carrier import IMAG, complex_of_parts, complex_parts, number_of, real_of


@cache
def store_half(element, half):
    """The function that makes a derivative of an adjoint.

    That of the real part of a result comes first, that of the imaginary part is added to it.
    """

    @intrinsic
    def store(typingctx, before, adjoint):
        def codegen(context, builder, sig, arguments):
            if not isinstance(number_of(element), types.Complex):
                return context.cast(builder, arguments[1], sig.args[1], element)
            part = context.cast(builder, arguments[1], sig.args[1], real_of(element))
            none = context.get_constant_null(real_of(element))
            pair = [part, none]
            if half == IMAG:
                given = context.cast(builder, arguments[0], sig.args[0], element)
                pair = [complex_parts(builder, element, given)[0], part]
            return complex_of_parts(builder, element, pair)

        return element(before, adjoint), codegen

    return store

"""The harvest of a sweep: adjoints as derivatives."""

import operator
from functools import cache

from numba import types
from numba.extending import intrinsic

from numgrad.numbers.carrier import IMAG, complex_of_parts, complex_parts, number_of, real_of
from numgrad.numbers.emitting import call_as


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


@cache
def store_conjugate(element):
    """The function that makes a complex derivative of the adjoints of both parts of an input.

    That of a holomorphic function by ``x + i y`` is the adjoint by x minus i times that by y.
    """

    @intrinsic
    def store(typingctx, by_real, by_imaginary):
        real = real_of(element)

        def codegen(context, builder, sig, arguments):
            pair = [
                context.cast(builder, each, kind, real)
                for each, kind in zip(arguments, sig.args, strict=True)
            ]
            pair[1] = call_as(context, builder, operator.neg, (real,), pair[1:], real)
            return complex_of_parts(builder, element, pair)

        return element(by_real, by_imaginary), codegen

    return store

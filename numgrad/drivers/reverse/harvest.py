"""The harvest of a sweep: adjoints as derivatives."""

import operator
from functools import cache

from numba import types
from numba.extending import intrinsic

from numgrad.numbers.carrier import (
    IMAG,
    carriers_in,
    complex_of_parts,
    complex_parts,
    number_of,
    primal_of,
    real_of,
)
from numgrad.numbers.emitting import call_as


def derivative(context, builder, kind, adjoint, element):
    """Emit a derivative of an adjoint.

    One of a result that is no node is 0, and carries nothing of what other numbers do.
    """
    if not carriers_in(kind).keys() <= carriers_in(element).keys():
        kind, adjoint = number_of(kind), primal_of(builder, kind, adjoint)
    return context.cast(builder, adjoint, kind, element)


@cache
def store_half(element, half):
    """The function that makes a derivative of an adjoint.

    That of the real part of a result comes first, that of the imaginary part is added to it.
    """

    @intrinsic
    def store(typingctx, before, adjoint):
        def codegen(context, builder, sig, arguments):
            if not isinstance(number_of(element), types.Complex):
                return derivative(context, builder, sig.args[1], arguments[1], element)
            part = derivative(context, builder, sig.args[1], arguments[1], real_of(element))
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
                derivative(context, builder, kind, each, real)
                for each, kind in zip(arguments, sig.args, strict=True)
            ]
            pair[1] = call_as(context, builder, operator.neg, (real,), pair[1:], real)
            return complex_of_parts(builder, element, pair)

        return element(by_real, by_imaginary), codegen

    return store

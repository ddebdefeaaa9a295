"""The partials of a result, in LLVM: the slopes times those of the operands.

    f(x + x' e, y + y' e) = f(x, y) + (f_x x' + f_y y') e,

one multiplication and one addition of whole vectors an operand.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils

from numgrad.numbers.carrier import is_carrier, is_complex
from numgrad.numbers.dual.layout import (
    has_vector,
    has_vectors_of_halves,
    int32,
    open_dual,
    pack,
    partials_type,
    unpack,
)
from numgrad.numbers.emitting import call_as

# Partials may be contracted to fused multiply-adds; values stay what they are without us.
CONTRACT = ("contract",)
REASSOCIATE = ("contract", "reassoc", "nsz")


def sum_of_terms(context, builder, result, derivation, values, value, operands):
    """Emit the partials of a result."""
    terms = [
        scaled(context, builder, result, derivation.finite_partials, each) for each in operands
    ]
    return total(context, builder, result, terms)


def scaled(context, builder, result, finite_partials, operand):
    """Multiply the partials of an operand by the slope: a vector or a list."""
    source, slope_type, slope = operand.argtype, operand.slope_type, operand.slope
    _, partials = open_dual(context, builder, source, operand.number)
    if isinstance(source.value, types.Float) and isinstance(result.value, types.Float):
        slope = context.cast(builder, slope, slope_type, result.value)
        partials = in_precision(builder, partials, source.value, result.value)
        if has_vector(result):
            slope = spread(builder, slope, result.count)
        product = builder.fmul(slope, partials, flags=REASSOCIATE)
        return product if finite_partials else zero_where_zero(builder, partials, product)
    if has_vectors_of_halves(result) and isinstance(source.value, types.Float | types.Complex):
        return scaled_halves(context, builder, result, finite_partials, operand, partials)
    terms = []
    for partial in unpack(builder, source, partials):
        operand_types = slope_type, source.value
        pair = [slope, partial]
        term = call_as(context, builder, operator.mul, operand_types, pair, result.value)
        if not finite_partials:
            none = context.get_constant_null(result.value)
            term = builder.select(is_zero(context, builder, source.value, partial), none, term)
        terms.append(term)
    return terms


def scaled_halves(context, builder, result, finite_partials, operand, partials):
    """Multiply partials by a complex slope: their real parts and their imaginary parts, if any."""
    number, source = result.value.underlying_float, operand.argtype.value
    is_pair = isinstance(source, types.Complex)
    halves = cgutils.unpack_tuple(builder, partials, 2) if is_pair else [partials]
    precision = source.underlying_float if is_pair else source
    halves = [in_precision(builder, half, precision, number) for half in halves]
    slope = context.cast(builder, operand.slope, operand.slope_type, result.value)
    a, b = (spread(builder, part, result.count) for part in cgutils.unpack_tuple(builder, slope, 2))
    real, imag = (builder.fmul(part, halves[0], flags=CONTRACT) for part in (a, b))
    if is_pair:
        across = [builder.fmul(part, halves[1], flags=CONTRACT) for part in (b, a)]
        real = builder.fsub(real, across[0], flags=CONTRACT)
        imag = builder.fadd(imag, across[1], flags=CONTRACT)
    if finite_partials:
        return real, imag
    zeros = ir.Constant(halves[0].type, [0.0] * result.count)
    none, *others = (builder.fcmp_ordered("==", half, zeros) for half in halves)
    for other in others:
        none = builder.and_(none, other)
    return tuple(builder.select(none, zeros, half) for half in (real, imag))


# No derivative times an infinite slope is no derivative: x has no part in sqrt(y), at y = 0 either.


def zero_where_zero(builder, numbers, products):
    """Return products, but 0 where a number is."""
    zeros = ir.Constant(numbers.type, None)
    if isinstance(numbers.type, ir.VectorType):
        zeros = ir.Constant(numbers.type, [0.0] * numbers.type.count)
    return builder.select(builder.fcmp_ordered("==", numbers, zeros), zeros, products)


def is_zero(context, builder, argtype, number):
    """Emit whether a number is 0 and carries nothing.

    What a number on a tape carries is told by its index alone.
    """

    def part_is_zero(context, builder, argtype, number):
        if isinstance(argtype, types.Integer):
            return builder.icmp_signed("==", number, ir.Constant(number.type, 0))
        return builder.fcmp_ordered("==", number, ir.Constant(number.type, 0.0))

    return of_all_parts(context, builder, argtype, number, part_is_zero, builder.and_)


def has_nan(context, builder, argtype, number):
    """Emit whether a number or anything that it carries is nan."""

    def is_nan(context, builder, argtype, number):
        return builder.fcmp_unordered("uno", number, number)

    return all_floats(context, builder, argtype, number, is_nan, builder.or_)


def all_floats(context, builder, argtype, number, test, join):
    """Emit a test of all the floats that a number is made of."""

    def of_float(context, builder, argtype, number):
        if isinstance(argtype, types.Float):
            return test(context, builder, argtype, number)
        return cgutils.false_bit if join == builder.or_ else cgutils.true_bit

    return of_all_parts(context, builder, argtype, number, of_float, join)


def of_all_parts(context, builder, argtype, number, test, join):
    """Emit a test of all the floats and integers that a number is made of."""
    if is_carrier(argtype):
        parts = argtype.components(builder, number)
    elif is_complex(argtype):
        halves = cgutils.unpack_tuple(builder, number, 2)
        parts = [(argtype.underlying_float, half) for half in halves]
    else:
        return test(context, builder, argtype, number)
    result, *others = (
        of_all_parts(context, builder, each, value, test, join) for each, value in parts
    )
    for each in others:
        result = join(result, each)
    return result


def in_precision(builder, partials, source, result):
    """Return floats, one or a vector, in another precision."""
    if source == result:
        return partials
    number = ir.DoubleType() if result == types.float64 else ir.FloatType()
    is_vector = isinstance(partials.type, ir.VectorType)
    llvm_type = ir.VectorType(number, partials.type.count) if is_vector else number
    change = builder.fpext if result.bitwidth > source.bitwidth else builder.fptrunc
    return change(partials, llvm_type)


def spread(builder, number, count):
    """Return a vector with the same number in every lane."""
    vector = ir.VectorType(number.type, count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, int32(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), lanes)


def total(context, builder, dual, terms):
    """Return the sum of scaled partials as they lie in a dual."""
    if not terms:
        return context.get_constant_null(partials_type(dual))
    first, *others = terms
    if isinstance(first, list):
        operand_types = dual.value, dual.value
        for term in others:
            first = [
                call_as(context, builder, operator.add, operand_types, pair, dual.value)
                for pair in zip(first, term, strict=True)
            ]
        return pack(builder, dual, first)
    if isinstance(first, tuple):
        halves = [sum_of(builder, half) for half in zip(*terms, strict=True)]
        return cgutils.pack_struct(builder, halves)
    return sum_of(builder, terms)


def sum_of(builder, terms):
    first, *others = terms
    for term in others:
        first = builder.fadd(first, term, flags=CONTRACT)
    return first

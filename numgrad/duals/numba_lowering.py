"""From the value and the slopes that a rule returns to a dual, in LLVM.

    f(x + x' e, y + y' e) = f(x, y) + (f_x x' + f_y y') e,

one multiplication and one addition of whole vectors an argument.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core import cgutils

from numgrad.duals.numba_type import (
    has_vector,
    int32,
    is_dual,
    make_dual,
    open_dual,
    pack,
    partials_type,
    unpack,
)
from numgrad.targets import cuda

# Partials may be contracted to fused multiply-adds; values stay what they are without us.
CONTRACT = ("contract",)
REASSOCIATE = ("contract", "reassoc", "nsz")


def is_active(kind, dual):
    """Return whether an argument carries derivatives of the depth of a dual."""
    return is_dual(kind) and kind.depth == dual.depth


def is_none(kind):
    """Return whether there is nothing: a slope that doesn't exist, or an argument left out."""
    return isinstance(kind, types.NoneType | types.Omitted)


def signature_of(typingctx, function, kinds):
    """Return the signature of a function for arguments of some types, or None."""
    return typingctx.resolve_function_type(typingctx.resolve_value_type(function), tuple(kinds), {})


def return_type(typingctx, function, kinds):
    """Return the type of what a function returns for arguments of some types, or None."""
    sig = signature_of(typingctx, function, kinds)
    return None if sig is None else sig.return_type


def call(context, builder, function, kinds, arguments):
    """Emit a call of a function; return the type of its result and the result."""
    sig = signature_of(context.typing_context, function, kinds)
    arguments = [
        context.cast(builder, argument, given, expected)
        for argument, given, expected in zip(arguments, kinds, sig.args, strict=False)
    ]
    omitted = [context.get_dummy_value()] * (len(sig.args) - len(kinds))
    kind = context.typing_context.resolve_value_type(function)
    return sig.return_type, context.get_function(kind, sig)(builder, [*arguments, *omitted])


# What Numba's operators on numbers do about a division by zero, the error model says of the
# function that they stand in. Entries of the table know none but NumPy's, so that the error comes
# before they are called. In loops over arrays an operator is its ufunc, which raises nothing.

DIVISIONS = {operator.truediv: "division by zero", operator.mod: "modulo by zero"}
DIVISIONS[divmod] = DIVISIONS[operator.mod]
POWERS = (operator.pow, pow)
OF_ARRAYS = {
    operator.truediv: np.divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    operator.pow: np.power,
}


def raise_as_numbers_do(context, builder, function, kinds, arguments):
    """Emit the errors that an operator raises for numbers without derivatives."""
    if function not in DIVISIONS and function not in POWERS:
        return
    (x, base), (y, divisor) = (
        number_in(context, builder, *pair) for pair in zip(kinds, arguments, strict=True)
    )
    if isinstance(x, types.Complex) or isinstance(y, types.Complex):
        return  # their operators have one behaviour for all
    if function in DIVISIONS:
        with cgutils.if_zero(builder, divisor):
            context.error_model.fp_zero_division(builder, (DIVISIONS[function],))
    elif may_be_negative(y) and isinstance(x, types.Float) and not cuda.in_kernel():
        negative = builder.icmp_signed("<", divisor, divisor.type(0))
        zero = cgutils.is_scalar_zero(builder, base)
        with builder.if_then(builder.and_(negative, zero), likely=False):  # in every error model
            message = (DIVISIONS[operator.truediv],)
            context.call_conv.return_user_exc(builder, ZeroDivisionError, message)


def may_be_negative(exponent):
    """Return whether an exponent is an integer that may be less than 0."""
    if isinstance(exponent, types.IntegerLiteral):
        return exponent.literal_value < 0
    return isinstance(exponent, types.Integer) and exponent.signed


def number_in(context, builder, kind, value):
    """Return the type and the value of a number without any derivatives."""
    while is_dual(kind):
        value, kind = open_dual(context, builder, kind, value)[0], kind.value
    return kind, value


def lower_derivation(context, builder, this, kinds, arguments):
    """Emit what a function of the table gives for arguments of some types."""
    if this.by_tangents:
        return lower_tangents(context, builder, this, arguments[0])
    partials, values = [], []
    for kind, wanted, argument in zip(kinds, this.kinds, arguments, strict=False):
        partials.append(None)
        if isinstance(kind, types.Omitted) and kind != wanted:
            number, kind = kind.value, typeof(kind.value)
            argument = context.get_constant_generic(builder, kind, number)
        if is_active(kind, this.dual) and not is_active(wanted, this.dual):
            argument, partials[-1] = open_dual(context, builder, kind, argument)
            kind = kind.value
        values.append(context.cast(builder, argument, kind, wanted))
    result = call(context, builder, this.callee, this.kinds, values)[1]
    if not this.returned:
        return result
    value, *slopes = cgutils.unpack_tuple(builder, result, len(this.returned))
    value_kind, *slope_kinds = this.returned
    terms = [
        scaled(context, builder, this, kind, slope_kind, slope, partial)
        for kind, partial, slope_kind, slope in zip(
            kinds, partials, slope_kinds, slopes, strict=False
        )
        if partial is not None and not is_none(slope_kind)
    ]
    value = context.cast(builder, value, value_kind, this.result.value)
    sum_of_terms = total(context, builder, this.result, terms)
    return make_dual(context, builder, this.result, value, sum_of_terms)


def lower_tangents(context, builder, this, argument):
    """Emit an entry that gives the value and the tangent, once for each partial."""
    value, partials = open_dual(context, builder, this.dual, argument)
    tangents = []
    for partial in unpack(builder, this.dual, partials):
        returned = call(context, builder, this.callee, this.kinds, [value, partial])[1]
        result, tangent = cgutils.unpack_tuple(builder, returned, 2)
        tangents.append(context.cast(builder, tangent, this.returned[1], this.result.value))
    partials = pack(builder, this.result, tangents)
    return make_dual(context, builder, this.result, result, partials)


def scaled(context, builder, this, source, slope_kind, slope, partials):
    """Return the partials of an argument times the slope: a vector or a list."""
    result = this.result
    if isinstance(source.value, types.Float) and isinstance(result.value, types.Float):
        slope = context.cast(builder, slope, slope_kind, result.value)
        partials = in_precision(builder, partials, source.value, result.value)
        if has_vector(result):
            slope = spread(builder, slope, result.count)
        product = builder.fmul(slope, partials, flags=REASSOCIATE)
        return product if this.smooth else zero_where_zero(builder, partials, product)
    terms = []
    for partial in unpack(builder, source, partials):
        kinds = slope_kind, source.value
        kind, term = call(context, builder, operator.mul, kinds, [slope, partial])
        term = context.cast(builder, term, kind, result.value)
        if not this.smooth:
            none = context.get_constant_null(result.value)
            term = builder.select(is_zero(context, builder, source.value, partial), none, term)
        terms.append(term)
    return terms


# No derivative times an infinite slope is no derivative: x has no part in sqrt(y), at y = 0 either.


def zero_where_zero(builder, numbers, products):
    """Return products, but 0 where a number is."""
    zeros = ir.Constant(numbers.type, None)
    if isinstance(numbers.type, ir.VectorType):
        zeros = ir.Constant(numbers.type, [0.0] * numbers.type.count)
    return builder.select(builder.fcmp_ordered("==", numbers, zeros), zeros, products)


def is_zero(context, builder, kind, number):
    """Return whether a number is 0 and so are all its partials."""
    if isinstance(kind, types.Float):
        return builder.fcmp_ordered("==", number, ir.Constant(number.type, 0.0))
    if is_dual(kind):
        value, partials = open_dual(context, builder, kind, number)
        part, parts = kind.value, [value, *unpack(builder, kind, partials)]
    else:
        part, parts = kind.underlying_float, cgutils.unpack_tuple(builder, number, 2)
    zero = cgutils.true_bit
    for each in parts:
        zero = builder.and_(zero, is_zero(context, builder, part, each))
    return zero


def in_precision(builder, partials, source, result):
    """Return floats, one or a vector, in another precision."""
    if source == result:
        return partials
    number = ir.DoubleType() if result == types.float64 else ir.FloatType()
    is_vector = isinstance(partials.type, ir.VectorType)
    kind = ir.VectorType(number, partials.type.count) if is_vector else number
    change = builder.fpext if result.bitwidth > source.bitwidth else builder.fptrunc
    return change(partials, kind)


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
        kinds = dual.value, dual.value
        for term in others:
            first = [
                call(context, builder, operator.add, kinds, pair)[1]
                for pair in zip(first, term, strict=True)
            ]
        return pack(builder, dual, first)
    for term in others:
        first = builder.fadd(first, term, flags=CONTRACT)
    return first

"""From the value and the slopes that a rule returns to a dual, in LLVM.

    f(x + x' e, y + y' e) = f(x, y) + (f_x x' + f_y y') e,

one multiplication and one addition of whole vectors an argument. Careful duals go another way, at
the end of this file.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core import cgutils

from numgrad.numbers.dual.type import (
    has_vector,
    int32,
    is_careful,
    is_dual,
    make_dual,
    open_dual,
    pack,
    partials_type,
    unpack,
)
from numgrad.targets import cuda_device

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
    elif may_be_negative(y) and isinstance(x, types.Float) and not cuda_device.in_kernel():
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
    if this.returned and is_careful(this.dual):
        return call_out_of_line(context, builder, this, kinds, arguments)
    return by_slopes(context, builder, this, kinds, arguments)


def by_slopes(context, builder, this, kinds, arguments):
    """Emit a value and the sum of the slopes times the partials of the arguments."""
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
    active = [
        (kind, slope_kind, slope, partial)
        for kind, partial, slope_kind, slope in zip(
            kinds, partials, slope_kinds, slopes, strict=False
        )
        if partial is not None and not is_none(slope_kind)
    ]
    value = context.cast(builder, value, value_kind, this.result.value)
    if is_careful(this.dual):
        terms = careful_terms(
            context, builder, this, kinds, values, partials, value, slope_kinds, slopes
        )
    else:
        terms = [scaled(context, builder, this, *each) for each in active]
    sum_of_terms = total(context, builder, this.result, terms)
    return make_dual(context, builder, this.result, value, sum_of_terms)


def lower_tangents(context, builder, this, argument):
    """Emit an entry that gives the value and the tangent, once for each partial."""
    value, partials = open_dual(context, builder, this.dual, argument)
    tangents = []
    for partial in unpack(builder, this.dual, partials):
        returned = call(context, builder, this.callee, this.kinds, [value, partial])[1]
        result, tangent = cgutils.unpack_tuple(builder, returned, 2)
        result = context.cast(builder, result, this.returned[0], this.result.value)
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


# Careful duals, of which the passes are made that find out whether a nan among derivatives was
# due. With infinite numbers about, slope times tangent is not always the product of the two:
#
# - A tangent of 0 leaves none, whatever the slope: the input doesn't matter here.
# - Where the operand is infinite and the result finite, the function has levelled off: a slope of
#   0 leaves nothing of an infinite tangent, as in exp(-inf / g).
# - In a product y g with y = 0, where g is finite and its tangent infinite, the difference quotient
#   is (y(h) / h) g(h), which tends to y' g: the term y g' adds nothing, provided y' is finite. A
#   quotient y / g is a product as well. No other function has such a limit: that of cos(sqrt(x))
#   at 0 is -1/2, and 0 times infinity stays nan.
# - At a pole, where finite operands have an infinite result, the tangent is nan, for what follows
#   may have any limit: exp(log(x)) at 0. Only what was nan is taken from careful passes, so that
#   log(x) itself keeps its infinite slope.


def call_out_of_line(context, builder, this, kinds, arguments):
    """Emit a call of a function that is emitted once a module, for each derivation.

    What a careful product asks is so much that LLVM would take minutes, where each operation of a
    function were part of it: its time grows faster than the conditions that depend on each other.
    """
    convention, kinds = context.call_conv, tuple(kinds)
    functions = vars(builder.module).setdefault("numgrad_careful", {})
    key = id(this), kinds
    if key not in functions:
        name = builder.module.get_unique_name("numgrad.careful")
        kind = convention.get_function_type(this.result, kinds)
        function = ir.Function(builder.module, kind, name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        inside = ir.IRBuilder(function.append_basic_block())
        given = context.get_arg_packer(kinds).from_arguments(
            inside, convention.get_arguments(function)
        )
        result = by_slopes(context, inside, this, kinds, given)
        convention.return_value(inside, context.get_return_value(inside, this.result, result))
        functions[key] = function, this  # which lives as long as its number is a key
    function, _ = functions[key]
    status, result = convention.call_function(builder, function, this.result, kinds, arguments)
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
    return result


def careful_terms(context, builder, this, kinds, values, partials, value, slope_kinds, slopes):
    """Return the partials of each argument times its slope, as lists."""
    result = this.result.value
    each_finite = [
        is_finite(context, builder, kind, number)
        for kind, number in zip(this.kinds, values, strict=False)
    ]
    result_is_finite = is_finite(context, builder, result, value)
    lanes = [
        None if partial is None else unpack(builder, kind, partial)
        for kind, partial in zip(kinds, partials, strict=False)
    ]
    terms = []
    for k, (slope_kind, slope) in enumerate(zip(slope_kinds, slopes, strict=False)):
        if lanes[k] is None or is_none(slope_kind):
            continue
        slope = context.cast(builder, slope, slope_kind, result)
        if this.has_poles:
            slope = nan_at_pole(context, builder, result, slope, each_finite, result_is_finite)
        levelled = builder.and_(
            result_is_finite, is_infinite(context, builder, this.kinds[k], values[k])
        )
        term = []
        for lane, tangent in enumerate(lanes[k]):
            tangent = context.cast(builder, tangent, kinds[k].value, result)
            known = builder.not_(has_nan(context, builder, result, tangent))
            vanishes = builder.and_(levelled, known)
            if this.is_product:
                others = [
                    (kinds[j].value, lanes[j][lane])
                    for j in range(len(lanes))
                    if j != k and lanes[j] is not None
                ]
                adds_nothing = product_vanishes(context, builder, others, known)
                adds_nothing = builder.and_(adds_nothing, each_finite[k])
                vanishes = builder.or_(vanishes, adds_nothing)
            term.append(careful_product(context, builder, result, slope, tangent, vanishes))
        terms.append(term)
    return terms


def product_vanishes(context, builder, others, known):
    """Return whether 0 times a tangent is 0, as the tangents of the other factor say."""
    for kind, other in others:
        finite = all_parts(context, builder, kind, other, is_finite, builder.and_)
        zero = is_zero(context, builder, kind, other)
        known = builder.or_(builder.and_(known, finite), zero)
    return known if others else cgutils.true_bit


def nan_at_pole(context, builder, kind, slope, each_finite, result_is_finite):
    """Return a slope, but nan if it is infinite where finite operands have an infinite result."""
    at_pole = builder.not_(builder.or_(result_is_finite, is_finite(context, builder, kind, slope)))
    for finite in each_finite:
        at_pole = builder.and_(at_pole, finite)
    nan = context.cast(
        builder, context.get_constant(types.float64, float("nan")), types.float64, kind
    )
    return builder.select(at_pole, nan, slope)


def careful_product(context, builder, kind, slope, tangent, vanishes):
    """Return a slope times a tangent; ``vanishes`` says whether a slope of 0 leaves nothing."""
    product = product_of_parts(context, builder, kind, slope, tangent, vanishes)
    no_slope = builder.and_(vanishes, is_zero(context, builder, kind, slope))
    nothing = builder.or_(no_slope, is_zero(context, builder, kind, tangent))
    return builder.select(nothing, context.get_constant_null(kind), product)


def product_of_parts(context, builder, kind, slope, tangent, vanishes):
    if not is_dual(kind):
        return call(context, builder, operator.mul, (kind, kind), (slope, tangent))[1]
    part = kind.value
    (f, df), (t, dt) = (open_dual(context, builder, kind, each) for each in (slope, tangent))
    value = careful_product(context, builder, part, f, t, vanishes)
    partials = []
    for df_k, dt_k in zip(unpack(builder, kind, df), unpack(builder, kind, dt), strict=True):
        pair = (
            careful_product(context, builder, part, f, dt_k, vanishes),
            careful_product(context, builder, part, t, df_k, cgutils.false_bit),
        )
        partials.append(call(context, builder, operator.add, (part, part), pair)[1])
    return make_dual(context, builder, kind, value, pack(builder, kind, partials))


def is_finite(context, builder, kind, number):
    """Return whether a number is finite, its partials aside."""
    if is_dual(kind):
        return is_finite(context, builder, kind.value, open_dual(context, builder, kind, number)[0])
    if isinstance(kind, types.Complex):
        real, imag = cgutils.unpack_tuple(builder, number, 2)
        both = (is_finite(context, builder, kind.underlying_float, x) for x in (real, imag))
        return builder.and_(*both)
    if not isinstance(kind, types.Float):
        return cgutils.true_bit
    return builder.fcmp_ordered("ord", builder.fsub(number, number), ir.Constant(number.type, 0.0))


def is_infinite(context, builder, kind, number):
    """Return whether a number is infinite, its partials aside."""
    if is_dual(kind):
        value, _ = open_dual(context, builder, kind, number)
        return is_infinite(context, builder, kind.value, value)
    unordered = has_nan(context, builder, kind, number)
    return builder.not_(builder.or_(unordered, is_finite(context, builder, kind, number)))


def has_nan(context, builder, kind, number):
    """Return whether a number or any of its partials is nan."""

    def is_nan(context, builder, kind, number):
        return builder.fcmp_unordered("uno", number, number)

    return all_parts(context, builder, kind, number, is_nan, builder.or_)


def all_parts(context, builder, kind, number, test, join):
    """Return what a test says of the floats that a number is made of."""
    if is_dual(kind):
        value, partials = open_dual(context, builder, kind, number)
        part, parts = kind.value, [value, *unpack(builder, kind, partials)]
    elif isinstance(kind, types.Complex):
        part, parts = kind.underlying_float, cgutils.unpack_tuple(builder, number, 2)
    elif isinstance(kind, types.Float):
        return test(context, builder, kind, number)
    else:
        return cgutils.false_bit if join == builder.or_ else cgutils.true_bit
    told = [all_parts(context, builder, part, each, test, join) for each in parts]
    result = told[0]
    for each in told[1:]:
        result = join(result, each)
    return result

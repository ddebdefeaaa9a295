"""The partials of careful duals.

Passes over careful duals check whether a nan among derivatives was due. With infinite numbers
about, slope times tangent is not always the product of the two:

- A tangent of 0 leaves none, whatever the slope: the input doesn't matter here.
- Where the operand is infinite and the result finite, the function has levelled off: a slope of
  0 leaves nothing of an infinite tangent, as in exp(-inf / g).
- In a product y g with y = 0, where g is finite and its tangent infinite, the difference quotient
  is (y(h) / h) g(h), which tends to y' g: the term y g' adds nothing, provided y' is finite. A
  quotient y / g is a product as well. No other function has such a limit: that of cos(sqrt(x))
  at 0 is -1/2, and 0 times infinity stays nan.
- At a pole, where finite operands have an infinite result, the tangent is nan, for what follows
  may have any limit: exp(log(x)) at 0. Only what was nan is taken from careful passes, so that
  log(x) itself keeps its infinite slope.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils

from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.dual.layout import numbers_of
from numgrad.numbers.dual.lowering import all_floats, has_nan, is_zero, total
from numgrad.numbers.emitting import call_as


def sum_of_terms(context, builder, result, derivation, values, value, operands):
    """Emit the partials of a result."""
    each_finite = [
        is_finite(context, builder, argtype, number)
        for argtype, number in zip(derivation.argtypes, values, strict=False)
    ]
    result_is_finite = is_finite(context, builder, result.value, value)
    tangents = [numbers_of(builder, each.argtype, each.number)[1:] for each in operands]
    terms = []
    for operand, own in zip(operands, tangents, strict=True):
        k = operand.position
        slope = context.cast(builder, operand.slope, operand.slope_type, result.value)
        if derivation.has_poles:
            slope = nan_at_pole(
                context, builder, result.value, slope, each_finite, result_is_finite
            )
        levelled = builder.and_(
            result_is_finite, is_infinite(context, builder, derivation.argtypes[k], values[k])
        )
        term = []
        for lane, tangent in enumerate(own):
            tangent = context.cast(builder, tangent, operand.argtype.value, result.value)
            known = builder.not_(has_nan(context, builder, result.value, tangent))
            vanishes = builder.and_(levelled, known)
            if derivation.is_product:
                others = [
                    (other.argtype.value, lanes[lane])
                    for other, lanes in zip(operands, tangents, strict=True)
                    if other is not operand
                ]
                adds_nothing = product_vanishes(context, builder, others, known)
                adds_nothing = builder.and_(adds_nothing, each_finite[k])
                vanishes = builder.or_(vanishes, adds_nothing)
            term.append(careful_product(context, builder, result.value, slope, tangent, vanishes))
        terms.append(term)
    return total(context, builder, result, terms)


def product_vanishes(context, builder, others, known):
    """Emit whether 0 times a tangent is 0, as the tangents of the other factor say."""
    for argtype, other in others:
        finite = all_floats(context, builder, argtype, other, is_finite_float, builder.and_)
        zero = is_zero(context, builder, argtype, other)
        known = builder.or_(builder.and_(known, finite), zero)
    return known if others else cgutils.true_bit


def nan_at_pole(context, builder, argtype, slope, each_finite, result_is_finite):
    """Emit a slope, but nan if it is infinite where finite operands have an infinite result."""
    at_pole = builder.not_(
        builder.or_(result_is_finite, is_finite(context, builder, argtype, slope))
    )
    for finite in each_finite:
        at_pole = builder.and_(at_pole, finite)
    # a product, for what the slope carries is nan as well
    kinds, nan = (argtype, types.float64), context.get_constant(types.float64, float("nan"))
    unknown = call_as(context, builder, operator.mul, kinds, [slope, nan], argtype)
    return builder.select(at_pole, unknown, slope)


def careful_product(context, builder, argtype, slope, tangent, vanishes):
    """Emit a slope times a tangent; ``vanishes`` says whether a slope of 0 leaves nothing."""
    product = product_of_parts(context, builder, argtype, slope, tangent, vanishes)
    no_slope = builder.and_(vanishes, is_zero(context, builder, argtype, slope))
    nothing = builder.or_(no_slope, is_zero(context, builder, argtype, tangent))
    return builder.select(nothing, context.get_constant_null(argtype), product)


def product_of_parts(context, builder, argtype, slope, tangent, vanishes):
    if not is_carrier(argtype):
        pair = slope, tangent
        return call_as(context, builder, operator.mul, (argtype, argtype), pair, argtype)
    part = argtype.value
    f, *df = numbers_of(builder, argtype, slope)
    t, *dt = numbers_of(builder, argtype, tangent)
    numbers = [careful_product(context, builder, part, f, t, vanishes)]
    for df_k, dt_k in zip(df, dt, strict=True):
        pair = (
            careful_product(context, builder, part, f, dt_k, vanishes),
            careful_product(context, builder, part, t, df_k, cgutils.false_bit),
        )
        numbers.append(call_as(context, builder, operator.add, (part, part), pair, part))
    return argtype.of_components(builder, numbers)


def is_finite(context, builder, argtype, number):
    """Emit whether the value of a number is finite."""
    while is_carrier(argtype):
        argtype, number = argtype.components(builder, number)[0]
    return all_floats(context, builder, argtype, number, is_finite_float, builder.and_)


def is_finite_float(context, builder, argtype, number):
    return builder.fcmp_ordered("ord", builder.fsub(number, number), ir.Constant(number.type, 0.0))


def is_infinite(context, builder, argtype, number):
    """Emit whether the value of a number is infinite."""
    while is_carrier(argtype):
        argtype, number = argtype.components(builder, number)[0]
    unordered = has_nan(context, builder, argtype, number)
    return builder.not_(builder.or_(unordered, is_finite(context, builder, argtype, number)))

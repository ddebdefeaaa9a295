"""Calls of functions of the table, in LLVM: from value and slopes to a carrier."""

import operator

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core import cgutils

from numgrad.calls.arithmetic import may_write, written
from numgrad.numbers.carrier import Operand, is_active, is_carrier, is_none
from numgrad.numbers.emitting import call
from numgrad.targets import cuda_device

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


def raise_as_numbers_do(context, builder, function, argtypes, arguments):
    """Emit the errors that an operator raises for numbers without derivatives."""
    if function not in DIVISIONS and function not in POWERS:
        return
    (x, base), (y, divisor) = (
        number_in(context, builder, *pair) for pair in zip(argtypes, arguments, strict=True)
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
    """Whether an exponent is an integer that may be less than 0."""
    if isinstance(exponent, types.IntegerLiteral):
        return exponent.literal_value < 0
    return isinstance(exponent, types.Integer) and exponent.signed


def number_in(context, builder, argtype, value):
    """Return the type and the value of a number without any derivatives."""
    while is_carrier(argtype):
        value, argtype = argtype.value_of(builder, value), argtype.value
    return argtype, value


def lower_derivation(context, builder, derivation, argtypes, arguments):
    """Emit a call of a function of the table by its derivation."""
    if derivation.by_tangents:
        return by_tangents(context, builder, derivation, arguments[0])
    if derivation.returned and derivation.carrier.is_outlined:
        return outlined(context, builder, derivation, argtypes, arguments)
    return by_slopes(context, builder, derivation, argtypes, arguments)


def by_slopes(context, builder, derivation, argtypes, arguments):
    """Emit an entry that gives the value and its slopes, or the result itself."""
    values, active = [], []
    for position, (argtype, wanted, argument) in enumerate(
        zip(argtypes, derivation.argtypes, arguments, strict=False)
    ):
        if isinstance(argtype, types.Omitted) and argtype != wanted:
            number, argtype = argtype.value, typeof(argtype.value)
            argument = context.get_constant_generic(builder, argtype, number)
        carrier = derivation.carrier
        if carrier and is_active(argtype, carrier) and not is_active(wanted, carrier):
            active.append((position, argtype, argument))
            argument, argtype = argtype.value_of(builder, argument), argtype.value
        values.append(context.cast(builder, argument, argtype, wanted))
    if derivation.formula is not None and may_write(context, builder):
        kind = derivation.argtypes[0]
        value, *slopes = written(context, builder, kind, derivation.formula, values)
    else:
        result = called(context, builder, derivation, values)
        if not derivation.returned:
            return result
        value, *slopes = cgutils.unpack_tuple(builder, result, len(derivation.returned))
    value_type, *slope_types = derivation.returned
    operands = [
        Operand(*each, slope_types[each[0]], slopes[each[0]])
        for each in active
        if not is_none(slope_types[each[0]])
    ]
    result = derivation.result
    value = context.cast(builder, value, value_type, result.value)
    return result.of_slopes(context, builder, derivation, values, value, operands)


def called(context, builder, derivation, values):
    """Emit a call of an entry's body."""
    if derivation.carrier and not any(map(is_carrier, derivation.argtypes)):
        note_callee(builder, derivation)
    return call(context, builder, derivation.callee, derivation.argtypes, values)[1]


OWN = ("numgrad.rules.", "numgrad.calls.")  # where our rules are, which differentiate nothing


def note_callee(builder, derivation):
    """Let the carrier know that a call is of a rule of ours, on numbers without derivatives.

    A user's rule may take derivatives of its own.
    """
    names = getattr(getattr(derivation.callee, "py_func", None), "__globals__", {})
    overloads = getattr(derivation.callee, "overloads", {})
    compiled = overloads.get(tuple(derivation.argtypes))
    if compiled is not None and names.get("__name__", "").startswith(OWN):
        derivation.carrier.note_callee(builder.module, compiled)


def by_tangents(context, builder, derivation, argument):
    """Emit an entry that gives the value and the tangent."""
    result = derivation.result

    def value_and_tangent(value, tangent):
        given = [value, tangent]
        returned = call(context, builder, derivation.callee, derivation.argtypes, given)[1]
        pair = zip(derivation.returned, cgutils.unpack_tuple(builder, returned, 2), strict=True)
        return [context.cast(builder, each, argtype, result.value) for argtype, each in pair]

    return derivation.carrier.of_tangents(context, builder, result, argument, value_and_tangent)


def outlined(context, builder, derivation, argtypes, arguments):
    """Emit an outlined call: of a function emitted once a module, for each derivation.

    What a careful product asks is so much that LLVM would take minutes, where each operation of a
    function were part of it: its time grows faster than the conditions that depend on each other.
    """
    convention, argtypes = context.call_conv, tuple(argtypes)
    functions = vars(builder.module).setdefault("numgrad_outlined", {})
    key = id(derivation), argtypes
    if key not in functions:
        name = builder.module.get_unique_name("numgrad.outlined")
        function_type = convention.get_function_type(derivation.result, argtypes)
        function = ir.Function(builder.module, function_type, name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        inside = ir.IRBuilder(function.append_basic_block())
        given = context.get_arg_packer(argtypes).from_arguments(
            inside, convention.get_arguments(function)
        )
        result = by_slopes(context, inside, derivation, argtypes, given)
        convention.return_value(inside, context.get_return_value(inside, derivation.result, result))
        functions[key] = function, derivation  # which lives as long as its number is a key
    function, _ = functions[key]
    status, result = convention.call_function(
        builder, function, derivation.result, argtypes, arguments
    )
    with cgutils.if_unlikely(builder, status.is_error):
        convention.return_status_propagate(builder, status)
    return result

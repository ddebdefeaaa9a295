"""Between duals of different precision, and from duals to their numbers."""

from numba import types
from numba.extending import intrinsic, overload

from numgrad.numbers import carrier
from numgrad.numbers.carrier import active_type, is_carrier, number_of
from numgrad.rules import registry


@intrinsic
def converted(typingctx, number, number_class):
    """Return a number as another type."""
    wanted = number_class.instance_type

    def codegen(context, builder, sig, arguments):
        return context.cast(builder, arguments[0], number, wanted)

    return wanted(number, number_class), codegen


@intrinsic
def converted_like(typingctx, model, number):
    """Return a number as the type of another one."""

    def codegen(context, builder, sig, arguments):
        return context.cast(builder, arguments[1], number, model)

    return model(model, number), codegen


@intrinsic
def primal_of(typingctx, number):
    """Return a number without any derivative."""

    def codegen(context, builder, sig, arguments):
        return carrier.primal_of(builder, number, arguments[0])

    return number_of(number)(number), codegen


@intrinsic
def with_primal(typingctx, number, value):
    """Return a number with its derivatives, in the precision of another value, which it takes."""
    result = active_type(number, value) if is_carrier(number) else value

    def codegen(context, builder, sig, arguments):
        if not is_carrier(number):
            return arguments[1]
        converted = context.cast(builder, arguments[0], number, result)
        return carrier.with_primal(builder, result, converted, arguments[1])

    return result(number, value), codegen


@overload(registry.primal)
def _primal(x):
    return lambda x: primal_of(x)


@intrinsic
def set_primal(typingctx, numbers, position, primal):
    """Set a number in an array without what it carries, which stays."""
    element = numbers.dtype

    def codegen(context, builder, sig, arguments):
        line, position, primal = arguments
        data = context.make_array(numbers)(context, builder, line).data
        number = context.cast(builder, primal, sig.args[2], element.number)
        element.store_primal(context, builder, builder.gep(data, [position]), number)
        return context.get_dummy_value()

    return types.void(numbers, types.intp, primal), codegen

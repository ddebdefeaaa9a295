"""Between duals of different precision, and from duals to their numbers."""

from numba import types
from numba.extending import intrinsic, overload

from numgrad.numbers.dual.type import is_dual, number_of, open_dual, with_partials
from numgrad.rules import registry


@intrinsic
def converted(typingctx, number, kind):
    """Return a number as another type."""
    wanted = kind.instance_type

    def codegen(context, builder, sig, arguments):
        return context.cast(builder, arguments[0], number, wanted)

    return wanted(number, types.TypeRef(wanted)), codegen


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
        kind, value = number, arguments[0]
        while is_dual(kind):
            value, _ = open_dual(context, builder, kind, value)
            kind = kind.value
        return value

    return number_of(number)(number), codegen


@intrinsic
def with_primal(typingctx, number, value):
    """Return a number with its derivatives, in the precision of another value, which it takes."""
    result = with_partials(number, value) if is_dual(number) else value

    def replaced(builder, kind, number, value):
        if not is_dual(kind):
            return value
        lower = builder.extract_value(number, 0)
        return builder.insert_value(number, replaced(builder, kind.value, lower, value), 0)

    def codegen(context, builder, sig, arguments):
        if not is_dual(number):
            return arguments[1]
        converted = context.cast(builder, arguments[0], number, result)
        return replaced(builder, result, converted, arguments[1])

    return result(number, value), codegen


@overload(registry.primal)
def _primal(x):
    return lambda x: primal_of(x)

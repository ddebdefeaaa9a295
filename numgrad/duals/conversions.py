"""Between duals of different precision, and from duals to their numbers."""

from numba import types
from numba.extending import intrinsic, overload

from numgrad.duals import rules
from numgrad.duals.numba_type import is_dual, number_of, open_dual


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


@overload(rules.primal)
def _primal(x):
    return lambda x: primal_of(x)

"""From temporaries to stored numbers and back, for carriers that have both."""

import operator

from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from numgrad.numbers.carrier import active_type, floating, is_active, is_carrier, number_of
from numgrad.numbers.emitting import call, return_type, signature_of
from numgrad.numbers.layouts import retyped


def stored_type(argtype):
    """Find the type of a value that is kept: a number, or a tuple of these."""
    if is_carrier(argtype):
        return argtype.stored
    if isinstance(argtype, types.BaseTuple) and has_temporary(argtype):
        items = [stored_type(item) for item in argtype.types]
        if isinstance(argtype, types.BaseNamedTuple):
            return argtype.from_types(items, argtype.instance_class)
        return types.BaseTuple.from_types(items)
    return argtype


def has_temporary(argtype):
    """Whether there are temporaries in a type, which no memory and no call may hold."""
    if is_carrier(argtype):
        return argtype != argtype.stored
    if isinstance(argtype, types.BaseTuple):
        return any(map(has_temporary, argtype.types))
    if isinstance(argtype, types.Optional):
        return has_temporary(argtype.type)
    element = getattr(argtype, "dtype", None)
    return isinstance(element, types.Type) and has_temporary(element)


@intrinsic
def held(typingctx, value):
    """Return a value whose numbers can be kept; anything else as it is."""
    result = stored_type(value)
    if result == value:
        return retyped(value, value)

    def codegen(context, builder, sig, arguments):
        return stored(context, builder, value, arguments[0])

    return result(value), codegen


def stored(context, builder, argtype, value):
    """Emit a value whose numbers can be kept."""
    result = stored_type(argtype)
    if not isinstance(argtype, types.BaseTuple) or result == argtype:
        return context.cast(builder, value, argtype, result)
    items = [
        stored(context, builder, item, each)
        for item, each in zip(argtype.types, cgutils.unpack_tuple(builder, value), strict=True)
    ]
    return context.make_tuple(builder, result, items)


@intrinsic
def claimed(typingctx, carrier, value):
    """Return a number as a stored one that nothing else is, for others to be added to it."""
    carrier = carrier.instance_type
    result = active_type(carrier, floating(number_of(value)))

    def codegen(context, builder, sig, arguments):
        stored_number = context.cast(builder, arguments[1], sig.args[1], result)
        return result.claimed(context, builder, stored_number)

    return result(types.TypeRef(carrier), value), codegen


def adding(function):
    """Make the function that adds a number to a sum, or subtracts it, in its place."""

    def typed(typingctx, total, number):
        if not is_carrier(total):  # neither has derivatives
            sig = signature_of(typingctx, function, (total, number))

            def plain(context, builder, sig, arguments):
                return call(context, builder, function, sig.args, arguments)[1]

            return sig.return_type(total, number), plain
        value = return_type(typingctx, function, (value_type(total), value_type(number, total)))
        result = total.stored.with_value(getattr(value, "stored", value))

        def codegen(context, builder, sig, arguments):
            return result.accumulated(context, builder, function, sig.args, arguments)

        return result(total, number), codegen

    return typed


def value_type(number, carrier=None):
    """Find the type of the value of a number: itself where it is a constant for a carrier."""
    is_constant = carrier is not None and not is_active(number, carrier)
    return types.unliteral(number) if is_constant else number.value


accumulated, diminished = (intrinsic(adding(each)) for each in (operator.add, operator.sub))


class Identity(types.Type):
    """A place in a program where a number is read."""

    def __init__(self, place):
        self.place = place
        super().__init__(name=f"Identity({place})")


@intrinsic
def identified(typingctx, identity, value):
    """Take a stored number to be read at one place of the program alone."""
    is_stored = is_carrier(value) and value == value.stored
    place = identity.instance_type.place
    result = value.identified(place) if is_stored else value

    def codegen(context, builder, sig, arguments):
        return impl_ret_borrowed(context, builder, result, arguments[1])

    return result(identity, value), codegen


class LoopKey(types.Type):
    """A loop of a function that is being compiled."""

    def __init__(self, number):
        self.number = number
        super().__init__(name=f"LoopKey({number})")


@intrinsic
def open_rounds(typingctx, carrier, loop, rounds):
    """Prepare a loop of so many rounds that is to be one record."""

    def codegen(context, builder, sig, arguments):
        count = context.cast(builder, arguments[2], sig.args[2], types.int64)
        carrier.instance_type.loops.open(context, builder, sig.args, count)
        return context.get_dummy_value()

    return types.void(carrier, loop, rounds), codegen


def mark_of(name):
    """Make the function that marks a place of a loop that is to be one record."""

    def typed(typingctx, carrier, loop):
        def codegen(context, builder, sig, arguments):
            getattr(carrier.instance_type.loops, name)(context, builder, sig.args)
            return context.get_dummy_value()

        return types.void(carrier, loop), codegen

    return intrinsic(typed)


begin_round, end_round, close_rounds = map(mark_of, ("begin", "end", "close"))

"""From temporaries to stored numbers and back, for carriers that have both."""

from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from numgrad.numbers.carrier import is_carrier
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

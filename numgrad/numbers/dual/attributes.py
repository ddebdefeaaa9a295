"""``numgrad.Dual`` in compiled code: how one is made, and its attributes."""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload_attribute

from numgrad.numbers.carrier import floating, is_carrier
from numgrad.numbers.dual.layout import make_dual, open_dual, pack, unpack
from numgrad.numbers.dual.type import DualType


@intrinsic
def partials_of(typingctx, dual):
    """Return the partials of a dual as a tuple."""
    if not is_carrier(dual):
        return None
    items = types.UniTuple(dual.value, dual.count)

    def codegen(context, builder, sig, arguments):
        _, partials = open_dual(context, builder, dual, arguments[0])
        return context.make_tuple(builder, items, unpack(builder, dual, partials))

    return items(dual), codegen


@overload_attribute(DualType, "partials")
def _partials(dual):
    return lambda dual: partials_of(dual)


@intrinsic
def dual_of_parts(typingctx, value, partials):
    """Return a dual made of its value and its partials: one number, or a tuple of them."""
    argtypes = tuple(partials) if isinstance(partials, types.BaseTuple) else (partials,)
    argtypes = tuple(map(types.unliteral, argtypes))
    number = typingctx.unify_types(floating(types.unliteral(value)), *map(floating, argtypes))
    if number is None or not argtypes:
        return None
    depth = 1 + (number.depth if is_carrier(number) else 0)
    dual = DualType(number, len(argtypes), depth)

    def codegen(context, builder, sig, arguments):
        value, partials = arguments
        parts = [partials]
        if isinstance(sig.args[1], types.BaseTuple):
            parts = cgutils.unpack_tuple(builder, partials, len(argtypes))
        value = context.cast(builder, value, sig.args[0], number)
        parts = [
            context.cast(builder, part, argtype, number)
            for part, argtype in zip(parts, argtypes, strict=True)
        ]
        return make_dual(context, builder, dual, value, pack(builder, dual, parts))

    return dual(value, partials), codegen

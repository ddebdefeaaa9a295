"""Words in memory by their addresses, while code is emitted."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)


def place(builder, address, position, kind):
    start = builder.inttoptr(address, kind.as_pointer())
    return builder.gep(start, [position], inbounds=True)


def loading(kind, result):
    def typed(typingctx, address, position):
        def codegen(context, builder, sig, arguments):
            address, position = arguments
            return builder.load(place(builder, address, position, kind))

        return result(types.int64, types.int64), codegen

    return intrinsic(typed)


def storing(kind, number):
    def typed(typingctx, address, position, value):
        def codegen(context, builder, sig, arguments):
            address, position, value = arguments
            builder.store(value, place(builder, address, position, kind))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, number), codegen

    return intrinsic(typed)


word_at, set_word_at = loading(I64, types.int64), storing(I64, types.int64)
half_at, set_half_at = loading(I32, types.int32), storing(I32, types.int32)


@intrinsic
def added_at(typingctx, address, amount):
    """Add to the word at an address, whatever other threads do; return what was there."""

    def codegen(context, builder, sig, arguments):
        where = builder.inttoptr(arguments[0], I64.as_pointer())
        return builder.atomic_rmw("add", where, arguments[1], "monotonic")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def lowest_bit(typingctx, word):
    """Return the position of the lowest bit that is set, of a word that has one."""

    def codegen(context, builder, sig, arguments):
        return builder.cttz(arguments[0], cgutils.true_bit)

    return types.int64(types.int64), codegen

"""Numbers in memory by the address of the first, in compiled code."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I8, I32, I64, DOUBLE = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.DoubleType()


def loaded(builder, kind, address, k):
    """Load an element of memory, by the address of the first."""
    start = builder.inttoptr(address, kind.as_pointer())
    element = builder.load(builder.gep(start, [k]))
    return builder.sext(element, I64) if kind == I32 else element


def element_at(kind, result):
    """Make the function that reads an element of memory."""

    def typed(typingctx, address, k):
        def codegen(context, builder, sig, arguments):
            return loaded(builder, kind, *arguments)

        return result(types.int64, types.int64), codegen

    return intrinsic(typed)


def setter_of(kind, element):
    """Make the function that writes an element of memory, by the address of the first."""

    def typed(typingctx, address, k, number):
        def codegen(context, builder, sig, arguments):
            address, k, number = arguments
            start = builder.inttoptr(address, kind.as_pointer())
            is_short = kind in (I8, I32)
            written = builder.trunc(number, kind) if is_short else number
            builder.store(written, builder.gep(start, [k]))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, element), codegen

    return intrinsic(typed)


word_at, set_word_at = element_at(I64, types.int64), setter_of(I64, types.int64)
short_at, set_short_at = element_at(I32, types.int64), setter_of(I32, types.int64)
set_byte_at = setter_of(I8, types.int64)
set_number_at = setter_of(DOUBLE, types.float64)


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

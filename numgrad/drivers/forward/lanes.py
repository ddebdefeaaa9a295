"""Loops over the lanes of a pass, as one statement each.

The source of a pass has as many of these loops as there are results by arrays, twice. Numba takes
milliseconds for each statement of a loop in its own source, to infer types and to make LLVM's code.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import load_item, store_item

from numgrad.drivers.layouts import place_of
from numgrad.numbers.dual import parts
from numgrad.numbers.dual.seeds import without_partials


def place_in(context, builder, kind, array, position):
    """Return the address of an element by its number in C order, while code is emitted."""
    if kind.ndim == 1 and kind.layout == "C":
        return builder.gep(context.make_array(kind)(context, builder, array).data, [position])
    return place_of(context, builder, kind, array, position)


def lanes_within(builder, count, size, first):
    """Return the first lane of a chunk that is an array's, and the one after the last.

    ``first`` is the number that the first input of the chunk has, or would have, in the array.
    """
    word = first.type
    low = builder.select(
        builder.icmp_signed(">", first, word(0)), word(0), builder.sub(word(0), first)
    )
    left = builder.sub(size, first)
    is_short = builder.icmp_signed("<", left, word(count))
    return low, builder.select(is_short, left, word(count))


@intrinsic
def fill(typingctx, array, numbers):
    """Store numbers in an array of duals, which may be read-only to others, as constants."""
    dual = array.dtype

    def codegen(context, builder, sig, arguments):
        line = context.make_array(numbers)(context, builder, arguments[1])
        with cgutils.for_range(builder, line.nitems) as loop:
            number = load_item(context, builder, numbers, builder.gep(line.data, [loop.index]))
            number = context.cast(builder, number, numbers.dtype, dual.value)
            place = place_in(context, builder, array, arguments[0], loop.index)
            made = without_partials(context, builder, dual, number)
            context.pack_value(builder, dual, made, place)
        return context.get_dummy_value()

    return types.void(array, numbers), codegen


@intrinsic
def seed(typingctx, array, size, first, partial):
    """Set the seeds of a chunk in an array of duals, or clear them."""
    dual = array.dtype

    def codegen(context, builder, sig, arguments):
        given, size, first, partial = arguments
        number = context.cast(builder, partial, sig.args[3], dual.value)
        low, high = lanes_within(builder, dual.count, size, first)
        with cgutils.for_range_slice(builder, low, high, low.type(1)) as (lane, _):
            place = place_in(context, builder, array, given, builder.add(first, lane))
            parts.write_partial(context, builder, dual, place, lane, number)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, partial), codegen


@intrinsic
def harvest(typingctx, dual, number, line, before, size, first):
    """Store the partials by the numbers of an array, behind so many other results in a line."""
    dual = dual.instance_type
    kind = parts.kind_of_partial(dual, number)

    def codegen(context, builder, sig, arguments):
        _, value, given, before, size, first = arguments
        data = context.make_array(line)(context, builder, given).data
        data = builder.gep(data, [builder.add(before, first)])
        low, high = lanes_within(builder, dual.count, size, first)
        read = parts.reader(context, builder, dual, number, value)
        with cgutils.for_range_slice(builder, low, high, low.type(1)) as (lane, _):
            partial = context.cast(builder, read(lane), kind, line.dtype)
            store_item(context, builder, line, partial, builder.gep(data, [lane]))
        return context.get_dummy_value()

    argtypes = types.TypeRef(dual), number, line, types.intp, types.intp, types.intp
    return types.void(*argtypes), codegen


@intrinsic
def kept(typingctx, dual, before, number, lane):
    """Return the partial of a lane if there is such a lane, otherwise that of before."""
    dual = dual.instance_type
    kind = parts.kind_of_partial(dual, number)

    def codegen(context, builder, sig, arguments):
        _, before, value, lane = arguments
        is_there = builder.icmp_unsigned("<", lane, lane.type(dual.count))
        lane = builder.select(is_there, lane, lane.type(0))
        partial = parts.reader(context, builder, dual, number, value)(lane)
        place = cgutils.alloca_once_value(builder, before)
        with builder.if_then(is_there):
            builder.store(partial, place)
        return builder.load(place)

    return kind(types.TypeRef(dual), kind, number, types.intp), codegen

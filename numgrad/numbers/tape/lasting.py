"""Memory of the caller's that stays as it is until a sweep is over.

A record needs its operands again in the sweep. Of constants it keeps a copy, but for those in
*lasting* memory: that of the arguments which the differentiated function never writes to, under
whatever name. Its driver knows them, and lets the tape know while the function runs. What lies
there is told by its address, so that views count, and what is handed on to other functions.

Drivers nest, and each has words of its own on its stack, with the address of those before.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.tape import memory
from numgrad.numbers.tape.statements import words_of

BEFORE, COUNT, FIRST = range(3)  # words: the address of others, how many ranges, the first range


@intrinsic
def remember(typingctx, node, arrays):
    """Let records know of arrays that last, until the tape is closed."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        tape = memory.tape_of_thread(builder, words_of(context, node.value))
        field = memory.field_of(builder, tape, memory.LASTING)
        kind = ir.ArrayType(memory.I64, FIRST + 2 * len(arrays))
        frame = cgutils.alloca_once(builder, kind)

        def put(position, word):
            place = builder.gep(frame, [memory.I64(0), memory.I64(position)], inbounds=True)
            builder.store(word, place)

        put(BEFORE, builder.load(field))
        put(COUNT, memory.I64(len(arrays)))
        given = cgutils.unpack_tuple(builder, arguments[1], len(arrays))
        for k, (array, value) in enumerate(zip(arrays, given, strict=True)):
            start, size = extent(context, builder, array, value)
            put(FIRST + 2 * k, start)
            put(FIRST + 2 * k + 1, builder.add(start, size))
        builder.store(builder.ptrtoint(frame, memory.I64), field)
        return context.get_dummy_value()

    return types.void(types.TypeRef(node), arrays), codegen


def extent(context, builder, kind, value):
    """The address of an array without gaps, and its bytes."""
    array = context.make_array(kind)(context, builder, value)
    return builder.ptrtoint(array.data, memory.I64), builder.mul(array.nitems, array.itemsize)


def forget(builder, tape):
    """Let what was remembered last go."""
    field = memory.field_of(builder, tape, memory.LASTING)
    frame = builder.load(field)
    with builder.if_then(builder.icmp_unsigned("!=", frame, memory.I64(0))):
        words = builder.inttoptr(frame, memory.I64.as_pointer())
        builder.store(builder.load(words), field)


@intrinsic
def address_if_lasting(typingctx, node, array):
    """Return the address of an array without gaps in memory that lasts, or 0."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        tape = memory.tape_of_thread(builder, words_of(context, node.value))
        start, size = extent(context, builder, array, arguments[1])
        end = builder.add(start, size)
        frame = builder.load(memory.field_of(builder, tape, memory.LASTING))
        found = cgutils.alloca_once_value(builder, memory.I64(0))
        with builder.if_then(builder.icmp_unsigned("!=", frame, memory.I64(0))):
            words = builder.inttoptr(frame, memory.I64.as_pointer())

            def word(position):
                return builder.load(builder.gep(words, [position], inbounds=True))

            with cgutils.for_range(builder, word(memory.I64(COUNT))) as loop:
                place = builder.add(builder.shl(loop.index, memory.I64(1)), memory.I64(FIRST))
                first, last = word(place), word(builder.add(place, memory.I64(1)))
                is_in = builder.and_(
                    builder.icmp_unsigned("<=", first, start),
                    builder.icmp_unsigned("<=", end, last),
                )
                with builder.if_then(is_in):
                    builder.store(start, found)
        return builder.load(found)

    return types.int64(types.TypeRef(node), array), codegen

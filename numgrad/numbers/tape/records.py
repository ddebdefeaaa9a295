"""Records: statements of many results, with a way of their own to hand adjoints back.

A record takes slots of the streams of leaves, for the numbers and the indices of its operands as it
likes, and indices for its results, one after the other. The last slots are its *header*: whole
numbers in the stream of indices, and in that of partials the address of its *pullback*, behind
words of the record's own. The count
of its last result is `RECORD`, which tells the sweep to call the pullback: a function of the end of
the slots and of the first result, whose adjoints it takes.

The *targets* of a record are the indices that it hands adjoints to: some one after the other, told
by the first and their number; or those in some slots, told by the first and their number with the
sign changed. Where a record tells none no lanes go through (`numgrad.numbers.tape.lanes`).
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.tape import memory
from numgrad.numbers.tape.statements import grow, partial_type, words_of
from numgrad.numbers.tape.streams import STREAMS, place_in
from numgrad.numbers.tape.sweeping import pullback_kinds

DETAILS = 6  # whole numbers in a header: four that are the pullback's own, and two of its targets
TARGETS = 4
HEADER = DETAILS + 2  # slots: these, the number of results, the number of all slots
PLACES = types.UniTuple(types.int64, 3)


@intrinsic
def begin_record(typingctx, node, slots, results):
    """Reserve slots and indices of a record: the first of each, and the number of all slots."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        tape = memory.tape_of_thread(builder, words_of(context, node.value))
        _, slots, results = arguments
        slots = builder.add(slots, memory.I64(HEADER))
        enough = builder.icmp_signed(">", slots, results)  # there is as much room for indices
        room = builder.select(enough, slots, results)
        grow(context, builder, tape, room)
        places = [memory.field_of(builder, tape, f) for f in (memory.LEAVES, memory.STATEMENTS)]
        first = [builder.load(place) for place in places]
        for place, before, more in zip(places, first, (room, results), strict=True):
            builder.store(builder.add(before, more), place)
        return cgutils.pack_array(builder, [*first, room])

    return PLACES(types.TypeRef(node), types.int64, types.int64), codegen


@intrinsic
def end_record(typingctx, node, streams, pullback, places, results, details):
    """Write the header of a record, with the address of its pullback."""
    node = node.instance_type
    argtypes = pullback_kinds(node)
    function = pullback.dispatcher
    function.compile(argtypes)
    compiled = function.overloads[argtypes]

    def codegen(context, builder, sig, arguments):
        _, streams, _, places, results, details = arguments
        first_slot, first_result, room = cgutils.unpack_tuple(builder, places)
        end = builder.add(first_slot, room)
        numbers = [*cgutils.unpack_tuple(builder, details), results, room]
        for k, number in enumerate(numbers):
            slot = builder.sub(end, memory.I64(HEADER - k))
            place = place_in(builder, streams, memory.INDICES, memory.I32, slot)
            builder.store(builder.trunc(number, memory.I32), place)
        context.add_linking_libs([compiled.library])
        declared = context.declare_function(builder.module, compiled.fndesc)
        word = word_place(context, builder, node, streams, builder.sub(end, memory.I64(1)))
        builder.store(builder.ptrtoint(declared, memory.I64), word)
        last = builder.sub(builder.add(first_result, results), memory.I64(1))
        count = place_in(builder, streams, memory.COUNTS, memory.I8, last)
        builder.store(memory.I8(memory.RECORD), count)
        tape = memory.tape_of_thread(builder, words_of(context, node.value))
        place = memory.field_of(builder, tape, memory.RECORDS)
        are_unknown = builder.icmp_signed("==", numbers[TARGETS + 1], memory.I64(0))
        more = builder.zext(are_unknown, memory.I64)
        builder.store(builder.add(builder.load(place), more), place)
        return context.get_dummy_value()

    numbers = types.UniTuple(types.int64, DETAILS)
    kinds = types.TypeRef(node), STREAMS, pullback, PLACES, types.int64, numbers
    return types.void(*kinds), codegen


def view_of(stream, element_of):
    """Make the function that returns a part of a stream as an array."""

    def typed(typingctx, node, streams, first, count):
        element = element_of(node.instance_type)
        array = types.Array(element, 1, "C")

        def codegen(context, builder, sig, arguments):
            _, streams, first, count = arguments
            kind = context.get_data_type(element)
            size = context.get_constant(types.intp, context.get_abi_sizeof(kind))
            made = context.make_array(array)(context, builder)
            context.populate_array(
                made,
                data=place_in(builder, streams, stream, kind, first),
                shape=[count],
                strides=[size],
                itemsize=size,
                meminfo=None,
            )
            return made._getvalue()

        sig = array(types.TypeRef(node.instance_type), STREAMS, types.int64, types.int64)
        return sig, codegen

    return typed


numbers_in = intrinsic(view_of(memory.PARTIALS, lambda node: partial_type(node.value)))
adjoints_in = intrinsic(view_of(memory.ADJOINTS, lambda node: partial_type(node.value)))
indices_in = intrinsic(view_of(memory.INDICES, lambda node: types.int32))


def word_place(context, builder, node, streams, slot):
    """The place of the first word of a slot in the stream of partials."""
    size = context.get_abi_sizeof(context.get_data_type(partial_type(node.value)))
    at = builder.mul(slot, memory.I64(size))
    place = place_in(builder, streams, memory.PARTIALS, memory.I8, at)
    return builder.bitcast(place, memory.I64.as_pointer())


@intrinsic
def set_word(typingctx, node, streams, slot, word):
    """Store a word in a slot."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        _, streams, slot, word = arguments
        builder.store(word, word_place(context, builder, node, streams, slot))
        return context.get_dummy_value()

    return types.void(types.TypeRef(node), STREAMS, types.int64, types.int64), codegen


@intrinsic
def word_in(typingctx, node, streams, slot):
    """Return the word in a slot."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        return builder.load(word_place(context, builder, node, *arguments[1:]))

    return types.int64(types.TypeRef(node), STREAMS, types.int64), codegen


@intrinsic
def address_of_slot(typingctx, node, streams, slot):
    """Return the address of a slot in the stream of partials, until the tape grows."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        place = word_place(context, builder, node, *arguments[1:])
        return builder.ptrtoint(place, memory.I64)

    return types.int64(types.TypeRef(node), STREAMS, types.int64), codegen


@intrinsic
def matrix_at(typingctx, address, shape):
    """Return the floats at an address as a matrix, without owning them."""
    array = types.Array(types.float64, 2, "C")

    def codegen(context, builder, sig, arguments):
        address, shape = arguments
        size = context.get_constant(types.intp, 8)
        lengths = cgutils.unpack_tuple(builder, shape)
        made = context.make_array(array)(context, builder)
        context.populate_array(
            made,
            data=builder.inttoptr(address, context.get_data_type(types.float64).as_pointer()),
            shape=lengths,
            strides=[builder.mul(lengths[1], size), size],
            itemsize=size,
            meminfo=None,
        )
        return made._getvalue()

    return array(types.int64, types.UniTuple(types.int64, 2)), codegen

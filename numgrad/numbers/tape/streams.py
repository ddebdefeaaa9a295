"""The streams of a tape in compiled code: where they begin, and what they have."""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.tape import memory
from numgrad.numbers.tape.statements import partial_type, words_of

STREAMS = types.UniTuple(types.int64, 4)  # the addresses


@intrinsic
def streams_of(typingctx, node):
    """Return the addresses of the streams: partials, adjoints, indices and counts."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        tape = memory.tape_of_thread(builder, words_of(context, node.value))
        fields = memory.PARTIALS, memory.ADJOINTS, memory.INDICES, memory.COUNTS
        loaded = [builder.load(memory.field_of(builder, tape, field)) for field in fields]
        return cgutils.pack_array(builder, loaded)

    return STREAMS(types.TypeRef(node)), codegen


def place_in(builder, streams, stream, kind, position):
    """The place of an element of a stream."""
    order = memory.PARTIALS, memory.ADJOINTS, memory.INDICES, memory.COUNTS
    address = builder.extract_value(streams, order.index(stream))
    start = builder.inttoptr(address, kind.as_pointer())
    return builder.gep(start, [position], inbounds=True)


@intrinsic
def count_at(typingctx, streams, statement):
    """Return the number of leaves of a statement."""

    def codegen(context, builder, sig, arguments):
        place = place_in(builder, arguments[0], memory.COUNTS, memory.I8, arguments[1])
        return builder.zext(builder.load(place), memory.I64)

    return types.int64(STREAMS, types.int64), codegen


@intrinsic
def index_at(typingctx, streams, leaf):
    """Return the index of a leaf."""

    def codegen(context, builder, sig, arguments):
        place = place_in(builder, arguments[0], memory.INDICES, memory.I32, arguments[1])
        return builder.zext(builder.load(place), memory.I64)

    return types.int64(STREAMS, types.int64), codegen


def adjoint_place(context, builder, value, streams, index):
    """The place of an adjoint."""
    return place_in(builder, streams, memory.ADJOINTS, context.get_data_type(value), index)


@intrinsic
def adjoint_of(typingctx, node, streams, index):
    """Return the adjoint of an index."""
    value = partial_type(node.instance_type.value)

    def codegen(context, builder, sig, arguments):
        place = adjoint_place(context, builder, value, *arguments[1:])
        return context.unpack_value(builder, value, place)

    return value(types.TypeRef(node.instance_type), STREAMS, types.int64), codegen


@intrinsic
def take_adjoint(typingctx, node, streams, index):
    """Take the adjoint of an index, which is 0 from then on."""
    value = partial_type(node.instance_type.value)

    def codegen(context, builder, sig, arguments):
        place = adjoint_place(context, builder, value, *arguments[1:])
        adjoint = context.unpack_value(builder, value, place)
        none = context.get_constant_null(value)
        context.pack_value(builder, value, none, place)
        return adjoint

    return value(types.TypeRef(node.instance_type), STREAMS, types.int64), codegen

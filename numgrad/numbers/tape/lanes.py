"""Sweeps from several results at once: each adjoint is a vector, with a lane for each of them.

The partials and indices of a statement are read once for all lanes, and what is added up is one
vector. The adjoints are those of another tape of the thread, of numbers as large as such a vector:
it is kept, bounded and freed as all are. Records of most kinds go in lanes too
(`numgrad.numbers.tape.lane_records`); where there is another, each result has a sweep of its own.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.tape import memory
from numgrad.numbers.tape.lane_records import (
    LANES,
    PLACES,
    VECTOR,
    lane_place,
    pull_record_in_lanes,
)
from numgrad.numbers.tape.statements import words_of
from numgrad.numbers.tape.streams import STREAMS, count_at, index_at, place_in, streams_of
from numgrad.numbers.tape.sweeping import pull_loop
from numgrad.targets.options import internal_njit

DOUBLE = ir.DoubleType()
NOWHERE = 0  # an address


@intrinsic
def open_lanes(typingctx, count):
    """Reserve adjoints for so many indices; where there is no room the address is `NOWHERE`."""

    def codegen(context, builder, sig, arguments):
        function = memory.declared(builder.module, memory.OPEN, memory.SIGNATURES[memory.OPEN])
        tape = builder.call(function, [memory.I64(LANES), arguments[0]])
        address = cgutils.alloca_once_value(builder, memory.I64(NOWHERE))
        with builder.if_then(cgutils.is_not_null(builder, tape)):
            statements, leaves, adjoints = (
                memory.field_of(builder, tape, field)
                for field in (memory.STATEMENTS, memory.LEAVES, memory.ADJOINTS)
            )
            first = builder.load(statements)
            for field in (statements, leaves):
                builder.store(builder.add(builder.load(field), arguments[0]), field)
            offset = builder.mul(first, memory.I64(LANES * 8))
            builder.store(builder.add(builder.load(adjoints), offset), address)
        return cgutils.pack_array(builder, [arguments[0], builder.load(address)])

    return PLACES(types.int64), codegen


@intrinsic
def close_lanes(typingctx, lanes):
    """Let reserved adjoints go, which are 0 again."""

    def codegen(context, builder, sig, arguments):
        tape, count = memory.tape_of_thread(builder, LANES), builder.extract_value(arguments[0], 0)
        for field in (memory.STATEMENTS, memory.LEAVES):
            place = memory.field_of(builder, tape, field)
            builder.store(builder.sub(builder.load(place), count), place)
        return context.get_dummy_value()

    return types.void(PLACES), codegen


@intrinsic
def set_lane(typingctx, lanes, index, lane):
    """Let the adjoint of an index in a lane be 1."""

    def codegen(context, builder, sig, arguments):
        lanes, index, lane = arguments
        place = builder.gep(lane_place(builder, lanes, index, DOUBLE), [lane], inbounds=True)
        builder.store(ir.Constant(DOUBLE, 1.0), place)
        return context.get_dummy_value()

    return types.void(PLACES, types.int64, types.int64), codegen


@intrinsic
def take_lane(typingctx, lanes, index, lane):
    """Take the adjoint of an index in a lane, which is 0 from then on."""

    def codegen(context, builder, sig, arguments):
        lanes, index, lane = arguments
        place = builder.gep(lane_place(builder, lanes, index, DOUBLE), [lane], inbounds=True)
        adjoint = builder.load(place)
        builder.store(ir.Constant(DOUBLE, 0.0), place)
        return adjoint

    return types.float64(PLACES, types.int64, types.int64), codegen


@intrinsic
def sweep_statement(typingctx, streams, lanes, index, is_own, leaves, count):
    """Hand the adjoints of an index to some leaves; those of a statement of its own are taken."""

    def codegen(context, builder, sig, arguments):
        streams, lanes, index, is_own, leaves, count = arguments
        zero = ir.Constant(VECTOR, [0.0] * LANES)
        own = lane_place(builder, lanes, index)
        adjoints = builder.load(own, align=8)
        with builder.if_then(is_own):
            builder.store(zero, own, align=8)
        nothing = builder.fcmp_ordered("==", adjoints, zero)  # whatever the partials
        with cgutils.for_range(builder, count) as loop:
            leaf = builder.add(leaves, loop.index)
            place = place_in(builder, streams, memory.INDICES, memory.I32, leaf)
            place = lane_place(builder, lanes, builder.zext(builder.load(place), memory.I64))
            partial = builder.load(place_in(builder, streams, memory.PARTIALS, DOUBLE, leaf))
            partials = ir.Constant(VECTOR, ir.Undefined)
            for lane in range(LANES):
                partials = builder.insert_element(partials, partial, memory.I32(lane))
            terms = builder.fmul(adjoints, partials, flags=("contract",))
            terms = builder.select(nothing, zero, terms)
            before = builder.load(place, align=8)
            builder.store(builder.fadd(before, terms, flags=("contract",)), place, align=8)
        return context.get_dummy_value()

    numbers = types.int64, types.boolean, types.int64, types.int64
    return types.void(STREAMS, PLACES, *numbers), codegen


@internal_njit
def sweep_lanes(node, lanes, first, counters):
    """Hand the adjoints in all lanes back, from the last statement down to one."""
    streams = streams_of(node)
    last, leaves = counters
    while last > first:
        last -= 1
        count, index, is_own = count_at(streams, last), last, True
        if count == memory.RECORD:
            last, leaves = pull_record_in_lanes(node, streams, lanes, leaves, last)
            continue
        if count == memory.LOOP:
            last, leaves = pull_loop(streams, lanes[1], LANES, leaves, last)
            continue
        leaves -= count & ~memory.IS_SUM
        if count & memory.IS_SUM:
            count = (count & ~memory.IS_SUM) - 1
            index, is_own = index_at(streams, leaves + count), False
        sweep_statement(streams, lanes, index, is_own, leaves, count)


@internal_njit
def clear_lanes(lanes, first, count):
    """Let the adjoints of some indices be 0, and those of numbers without derivatives."""
    for lane in range(LANES):
        take_lane(lanes, 0, lane)
        for k in range(count):
            take_lane(lanes, first + k, lane)


@intrinsic
def record_count(typingctx, node):
    """Return how many records were ever written on a tape that no lanes go through."""

    def codegen(context, builder, sig, arguments):
        tape = memory.tape_of_thread(builder, words_of(context, node.instance_type.value))
        return builder.load(memory.field_of(builder, tape, memory.RECORDS))

    return types.int64(types.TypeRef(node.instance_type)), codegen


@internal_njit
def lanes_for(node, counters, records):
    """Reserve lanes for all indices of a tape, unless a record hinders; there may be no room."""
    if record_count(node) != records:
        return 0, NOWHERE
    return open_lanes(counters[0])


@intrinsic
def add_to_lane(typingctx, lanes, index, lane, amount):
    """Add an amount to the adjoint of an index in a lane."""

    def codegen(context, builder, sig, arguments):
        lanes, index, lane, amount = arguments
        place = builder.gep(lane_place(builder, lanes, index, DOUBLE), [lane], inbounds=True)
        builder.store(builder.fadd(builder.load(place), amount), place)
        return context.get_dummy_value()

    return types.void(PLACES, types.int64, types.int64, types.float64), codegen

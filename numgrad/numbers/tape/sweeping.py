"""The sweep: from the adjoint of a result to those of all that it depends on.

The adjoint of a number is the derivative of the result by it. Each statement, the last one first,
hands its own to its leaves, multiplied by the partials; so those of the inputs come out last.
Adjoints are 0 before and after, but those of the inputs, which are read and cleared by who asked.

The method is reverse accumulation: A. Griewank and A. Walther, "Evaluating Derivatives", 2nd
edition, SIAM (2008), chapters 3 and 6.
"""

import operator

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.dual.lowering import is_zero
from numgrad.numbers.emitting import call, call_as
from numgrad.numbers.tape import lasting, memory, threads
from numgrad.numbers.tape.statements import FULL, partial_type, words_of
from numgrad.numbers.tape.streams import (
    STREAMS,
    adjoint_of,
    adjoint_place,
    count_at,
    index_at,
    place_in,
    streams_of,
    take_adjoint,
)
from numgrad.targets.options import internal_njit

COUNTERS = types.UniTuple(types.int64, 2)  # of statements and leaves
LAST = memory.LAST_STATEMENTS, memory.LAST_LEAVES


@intrinsic
def open_tape(typingctx, node, inputs):
    """Reserve indices for some inputs; return the counters: the first input is the first index."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        count = context.cast(builder, arguments[1], sig.args[1], types.int64)
        words = memory.I64(words_of(context, node.value))
        kind = memory.SIGNATURES[memory.OPEN]
        function = memory.declared(builder.module, memory.OPEN, kind)
        tape = builder.call(function, [words, count])
        with cgutils.if_unlikely(builder, cgutils.is_null(builder, tape)):
            context.call_conv.return_user_exc(builder, MemoryError, (FULL,))
        before = []
        for field in (memory.STATEMENTS, memory.LEAVES):
            place = memory.field_of(builder, tape, field)
            before.append(builder.load(place))
        after = builder.add(before[1], count)  # never fewer than statements
        builder.store(
            builder.add(before[0], count), memory.field_of(builder, tape, memory.STATEMENTS)
        )
        builder.store(after, memory.field_of(builder, tape, memory.LEAVES))
        return cgutils.pack_array(builder, before)

    return COUNTERS(types.TypeRef(node), inputs), codegen


def exchanged(builder, tape, counters):
    """Set the counters of a tape; return them as they were, and as they are."""
    places = [memory.field_of(builder, tape, f) for f in (memory.STATEMENTS, memory.LEAVES)]
    before = [builder.load(place) for place in places]
    after = cgutils.unpack_tuple(builder, counters)
    for number, place in zip(after, places, strict=True):
        builder.store(number, place)
    return before, after


@intrinsic
def close_tape(typingctx, node, counters):
    """Let all that was written since go; return the counters as they were.

    It is still there until something else is written.
    """
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        tape = memory.tape_of_thread(builder, words_of(context, node.value))
        before, after = exchanged(builder, tape, arguments[1])
        for field, *pair in zip(LAST, before, after, strict=True):
            builder.store(builder.sub(*pair), memory.field_of(builder, tape, field))
        lasting.forget(builder, tape)
        return cgutils.pack_array(builder, before)

    return COUNTERS(types.TypeRef(node), COUNTERS), codegen


@intrinsic
def set_counters(typingctx, node, counters):
    """Set the counters of statements and leaves; return them as they were."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        tape = memory.tape_of_thread(builder, words_of(context, node.value))
        before, _ = exchanged(builder, tape, arguments[1])
        return cgutils.pack_array(builder, before)

    return COUNTERS(types.TypeRef(node), COUNTERS), codegen


@intrinsic
def begin_at(typingctx, node, streams, index):
    """Let the adjoint of an index be 1."""
    value = partial_type(node.instance_type.value)

    def codegen(context, builder, sig, arguments):
        place = adjoint_place(context, builder, value, *arguments[1:])
        one = context.get_constant(types.float64, 1.0)
        context.pack_value(builder, value, context.cast(builder, one, types.float64, value), place)
        return context.get_dummy_value()

    return types.void(types.TypeRef(node.instance_type), STREAMS, types.int64), codegen


@intrinsic
def begin_with(typingctx, node, streams, index, amount):
    """Add an amount to the adjoint of an index."""
    value = partial_type(node.instance_type.value)

    def codegen(context, builder, sig, arguments):
        place = adjoint_place(context, builder, value, *arguments[1:3])
        before = context.unpack_value(builder, value, place)
        term = context.cast(builder, arguments[3], types.float64, value)
        total = call_as(context, builder, operator.add, (value, value), [before, term], value)
        context.pack_value(builder, value, total, place)
        return context.get_dummy_value()

    node_class = types.TypeRef(node.instance_type)
    return types.void(node_class, STREAMS, types.int64, types.float64), codegen


@intrinsic
def is_nothing(typingctx, node, adjoint):
    """Whether an adjoint is 0, and what it carries too."""
    value = partial_type(node.instance_type.value)

    def codegen(context, builder, sig, arguments):
        return is_zero(context, builder, value, arguments[1])

    return types.boolean(types.TypeRef(node.instance_type), value), codegen


@intrinsic
def pull(typingctx, node, streams, leaf, adjoint):
    """Add an adjoint times the partial by a leaf to the adjoint of the leaf."""
    value = partial_type(node.instance_type.value)

    def codegen(context, builder, sig, arguments):
        _, streams, leaf, adjoint = arguments
        kind = context.get_data_type(value)
        at_index = place_in(builder, streams, memory.INDICES, memory.I32, leaf)
        index = builder.zext(builder.load(at_index), memory.I64)
        partial_place = place_in(builder, streams, memory.PARTIALS, kind, leaf)
        place = adjoint_place(context, builder, value, streams, index)
        partial, before = (
            context.unpack_value(builder, value, each) for each in (partial_place, place)
        )
        if isinstance(value, types.Float):
            term = builder.fmul(adjoint, partial, flags=("contract",))
            total = builder.fadd(before, term, flags=("contract",))
        else:
            pair = value, value
            term = call_as(context, builder, operator.mul, pair, [adjoint, partial], value)
            total = call_as(context, builder, operator.add, pair, [before, term], value)
        context.pack_value(builder, value, total, place)
        return context.get_dummy_value()

    return types.void(types.TypeRef(node.instance_type), STREAMS, types.int64, value), codegen


def pullback_kinds(node):
    """The types of the arguments of a pullback: node, streams, end of the slots, first result."""
    return types.TypeRef(node), STREAMS, types.int64, types.int64


def ends_of_record(builder, streams, end, last):
    """The first result of a record, and its first slot, which its last slots tell."""
    header = []
    for k in (2, 1):
        slot = builder.sub(end, memory.I64(k))
        place = place_in(builder, streams, memory.INDICES, memory.I32, slot)
        header.append(builder.zext(builder.load(place), memory.I64))
    results, slots = header
    return builder.sub(builder.add(last, memory.I64(1)), results), builder.sub(end, slots)


@intrinsic
def pull_record(typingctx, node, streams, end, last):
    """Call the pullback of a record; return where the statements and leaves before it end."""
    node = node.instance_type

    def codegen(context, builder, sig, arguments):
        dummy, streams, end, last = arguments
        one, size = memory.I64(1), context.get_data_type(partial_type(node.value))
        first, before = ends_of_record(builder, streams, end, last)
        place = place_in(builder, streams, memory.PARTIALS, size, builder.sub(end, one))
        address = builder.load(builder.bitcast(place, memory.I64.as_pointer()))
        argtypes = pullback_kinds(node)
        kind = context.call_conv.get_function_type(types.none, argtypes)
        function = builder.inttoptr(address, kind.as_pointer())
        given = [dummy, streams, end, first]
        status, _ = context.call_conv.call_function(builder, function, types.none, argtypes, given)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return cgutils.pack_array(builder, [first, before])

    return COUNTERS(types.TypeRef(node), STREAMS, types.int64, types.int64), codegen


@intrinsic
def pull_loop(typingctx, streams, adjoints, width, end, last):
    """Sweep over the record of a loop; return where the statements and leaves before it end.

    Its adjoints are at some address, a width apart.
    """

    def codegen(context, builder, sig, arguments):
        streams, adjoints, width, end, last = arguments
        first, before = ends_of_record(builder, streams, end, last)
        numbers, _, indices, _ = cgutils.unpack_tuple(builder, streams)
        given = [numbers, adjoints, indices, first, end, width]
        memory.call_registered(builder, threads.PULL_LOOP, given)
        return cgutils.pack_array(builder, [first, before])

    return COUNTERS(STREAMS, *[types.int64] * 4), codegen


@internal_njit
def sweep(node, first, last, leaves):
    """Hand adjoints back from one statement down to another, and let them be 0 again.

    Of the statements from ``first`` to before ``last``, whose leaves end at ``leaves``.
    """
    streams = streams_of(node)
    while last > first:
        last -= 1
        count = count_at(streams, last)
        if count == memory.RECORD:
            last, leaves = pull_record(node, streams, leaves, last)
            streams = streams_of(node)
            continue
        if count == memory.LOOP:
            last, leaves = pull_loop(streams, streams[1], 1, leaves, last)
            continue
        if count & memory.IS_SUM:
            count = (count & ~memory.IS_SUM) - 1
            leaves -= count + 1
            adjoint = adjoint_of(node, streams, index_at(streams, leaves + count))
        else:
            leaves -= count
            adjoint = take_adjoint(node, streams, last)
        if is_nothing(node, adjoint):  # whatever the partials, which may be infinite
            continue
        # the frequent counts have code of their own
        if count == 1:
            pull(node, streams, leaves, adjoint)
        elif count == 2:
            pull(node, streams, leaves, adjoint)
            pull(node, streams, leaves + 1, adjoint)
        elif count == 3:
            pull(node, streams, leaves, adjoint)
            pull(node, streams, leaves + 1, adjoint)
            pull(node, streams, leaves + 2, adjoint)
        else:
            for leaf in range(leaves, leaves + count):
                pull(node, streams, leaf, adjoint)


@internal_njit
def sweep_from(node, result, first, counters):
    """Find the derivatives of one result: the adjoints of the inputs, from ``first`` down."""
    if result > 0:
        before = set_counters(node, counters)  # what pullbacks write goes behind all statements
        begin_at(node, streams_of(node), result)
        sweep(node, first, counters[0], counters[1])
        set_counters(node, before)


@internal_njit
def clear(node, first, count):
    """Let the adjoints of some indices be 0, and that of numbers without derivatives."""
    streams = streams_of(node)
    take_adjoint(node, streams, 0)
    for k in range(count):
        take_adjoint(node, streams, first + k)


@intrinsic
def clear_all(typingctx, node, first, counters, before):
    """Let all adjoints of a sweep be 0 that was broken off, and the tape be as it was before."""

    def codegen(context, builder, sig, arguments):
        node_class, first, counters, before = arguments
        call(context, builder, set_counters, (node, COUNTERS), [node_class, before])
        start = context.cast(builder, first, sig.args[1], types.int64)
        count = builder.sub(builder.extract_value(counters, 0), start)
        call(context, builder, clear, (node, types.int64, types.int64), [node_class, start, count])
        return context.get_dummy_value()

    return types.void(node, first, COUNTERS, COUNTERS), codegen

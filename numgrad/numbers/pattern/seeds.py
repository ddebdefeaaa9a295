"""Inputs as numbers that depend on themselves, and what results depend on."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.numbers.carrier import is_active
from numgrad.numbers.dual.lowering import spread
from numgrad.numbers.emitting import call
from numgrad.numbers.pattern import sets
from numgrad.numbers.pattern.type import BITS_A_WORD, LISTED

MADE = 1  # the bits before those of inputs


@intrinsic
def seeded(typingctx, pattern, number, position, place):
    """Return a number that depends on the input of a position alone.

    ``place`` is where sets lie: the address of a block, or the first input that has a bit.
    """
    pattern = pattern.instance_type

    def codegen(context, builder, sig, arguments):
        _, number, position, place = arguments
        value = context.cast(builder, number, sig.args[1], pattern.value)
        position, place = (
            context.cast(builder, each, argtype, types.int64)
            for each, argtype in ((position, sig.args[2]), (place, sig.args[3]))
        )
        if pattern.words == LISTED:
            pair = types.int64, types.int64
            inputs = call(context, builder, sets.single, pair, [place, position])[1]
        else:
            inputs = bit_of(builder, pattern, builder.sub(position, place))
        return pattern.of_sets(builder, value, [inputs])

    return pattern(types.TypeRef(pattern), number, position, place), codegen


def bit_of(builder, pattern, lane):
    """Emit the set of one input, if it is one of those that have bits."""
    none = pattern.no_inputs()
    count = lane.type(inputs_a_pass(pattern.words))
    bit = builder.add(lane, lane.type(MADE))
    is_there = builder.and_(
        builder.icmp_signed(">=", lane, lane.type(0)), builder.icmp_signed("<", lane, count)
    )
    first = [BITS_A_WORD * k for k in range(pattern.words)]
    distances = builder.sub(spread(builder, bit, pattern.words), ir.Constant(none.type, first))
    widths = ir.Constant(none.type, [BITS_A_WORD] * pattern.words)
    hit = builder.icmp_unsigned("<", distances, widths)
    nothing = ir.Constant(none.type, [0] * pattern.words)
    ones = ir.Constant(none.type, [1] * pattern.words)
    shifted = builder.shl(ones, builder.select(hit, distances, nothing))
    inputs = builder.or_(none, builder.select(hit, shifted, nothing))
    return builder.select(is_there, inputs, none)


def inputs_a_pass(words):
    """The number of inputs that have a bit."""
    return words * BITS_A_WORD - MADE


@intrinsic
def word_of(typingctx, pattern, number, position):
    """Return a word of the set of a number: its address, or bits; those of both parts."""
    pattern = pattern.instance_type

    def codegen(context, builder, sig, arguments):
        _, number_given, position = arguments
        if not is_active(number, pattern):
            return ir.Constant(ir.IntType(64), 0)
        inputs = number.united(context, builder, number.sets_of(builder, number_given))
        if number.words == LISTED:
            return inputs
        memory = cgutils.alloca_once_value(builder, inputs)
        words = builder.bitcast(memory, ir.IntType(64).as_pointer())
        position = context.cast(builder, position, sig.args[2], types.int64)
        return builder.load(builder.gep(words, [position]))

    return types.int64(types.TypeRef(pattern), number, position), codegen

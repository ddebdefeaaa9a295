"""Numbers at addresses: single, and as many side by side as fill two lines of the cache."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.fields.kernels.lanes import LINE_BYTES, Lanes, ask_for, store_past_cache

SAME_TIME = 2  # lines, which keep the processor busy while it waits for sums


def numbers_at_once(precision):
    """Count the numbers of a precision in one block."""
    return SAME_TIME * LINE_BYTES * 8 // precision.bitwidth


def _precision_of(dtype):
    return types.float64 if isinstance(dtype, types.Integer) else dtype


def _converted(builder, value, dtype, target):
    """Give integers as the floating-point numbers to compute with."""
    if not isinstance(dtype, types.Integer):
        return value
    change = builder.sitofp if dtype.signed else builder.uitofp
    return change(value, target)


@intrinsic
def number_at(typingctx, address, dtype):
    """Give the number at an address."""
    sample = dtype.dtype
    number = _precision_of(sample)

    def codegen(context, builder, signature, arguments):
        pointer = builder.inttoptr(arguments[0], context.get_data_type(sample).as_pointer())
        value = builder.load(pointer, align=sample.bitwidth // 8)
        return _converted(builder, value, sample, context.get_value_type(number))

    return number(address, dtype), codegen


@intrinsic
def block_at(typingctx, address, dtype):
    """Give the block of numbers at an address."""
    sample = dtype.dtype
    lanes = Lanes(_precision_of(sample), numbers_at_once(_precision_of(sample)))

    def codegen(context, builder, signature, arguments):
        vector = ir.VectorType(context.get_data_type(sample), lanes.count)
        pointer = builder.inttoptr(arguments[0], vector.as_pointer())
        value = builder.load(pointer, align=sample.bitwidth // 8)
        return _converted(builder, value, sample, context.get_value_type(lanes))

    return lanes(address, dtype), codegen


@intrinsic
def block_of(typingctx, number):
    """Give a block of the same number."""
    lanes = Lanes(number, numbers_at_once(number))

    def codegen(context, builder, signature, arguments):
        vector = context.get_value_type(lanes)
        undefined, word = ir.Constant(vector, ir.Undefined), ir.IntType(32)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(word, 0))
        everywhere = ir.Constant(ir.VectorType(word, lanes.count), [0] * lanes.count)
        return builder.shuffle_vector(first, undefined, everywhere)

    return lanes(number), codegen


@intrinsic
def put(typingctx, address, value):
    """Store a number or a block at an address."""

    def codegen(context, builder, signature, arguments):
        address, value = arguments
        kind = signature.args[1]
        number = kind.dtype if isinstance(kind, Lanes) else kind
        pointer = builder.inttoptr(address, value.type.as_pointer())
        builder.store(value, pointer, align=number.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(address, value), codegen


@intrinsic
def stream(typingctx, address, block):
    """Store a block at an address where a line of the cache begins, past the cache."""

    def codegen(context, builder, signature, arguments):
        address, value = arguments
        pointer = builder.inttoptr(address, value.type.as_pointer())
        store_past_cache(builder, value, pointer, LINE_BYTES)
        return context.get_dummy_value()

    return types.void(address, block), codegen


@intrinsic
def prefetch_at(typingctx, address):
    """Ask for the line of the cache at an address, where nothing need be."""

    def codegen(context, builder, signature, arguments):
        ask_for(builder, builder.inttoptr(arguments[0], cgutils.voidptr_t))
        return context.get_dummy_value()

    return types.void(address), codegen


@intrinsic
def put_part(typingctx, address, value, start, stop):
    """Store the numbers of a block from one place to another, one by one.

    A masked store would touch the lines of the cache around them, which have gone past the cache or
    are about to, and wait for memory.
    """

    def codegen(context, builder, signature, arguments):
        address, value, start, stop = arguments
        room = cgutils.alloca_once(builder, value.type)
        builder.store(value, room, align=signature.args[1].dtype.bitwidth // 8)
        number = value.type.element
        numbers = builder.bitcast(room, number.as_pointer())
        target = builder.inttoptr(address, number.as_pointer())
        with cgutils.for_range_slice(builder, start, stop, start.type(1), start.type) as (place, _):
            builder.store(builder.load(builder.gep(numbers, [place])), builder.gep(target, [place]))
        return context.get_dummy_value()

    return types.void(address, value, types.int64, types.int64), codegen

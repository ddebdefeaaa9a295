"""Numbers at addresses: single, and as many side by side as fill two lines of the cache."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numgrad.fields.kernels.lanes import LINE_BYTES, Lanes

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
def put_part(typingctx, address, value, start, stop):
    """Store the numbers of a block from one place to another, and touch no memory but theirs."""

    def codegen(context, builder, signature, arguments):
        address, value, start, stop = arguments
        lanes, word = value.type.count, ir.IntType(32)
        places = ir.Constant(ir.VectorType(word, lanes), list(range(lanes)))
        undefined = ir.Constant(places.type, ir.Undefined)
        everywhere = ir.Constant(places.type, [0] * lanes)

        def spread(number):
            number = builder.trunc(number, word)
            first = builder.insert_element(undefined, number, ir.Constant(word, 0))
            return builder.shuffle_vector(first, undefined, everywhere)

        mask = builder.and_(
            builder.icmp_signed(">=", places, spread(start)),
            builder.icmp_signed("<", places, spread(stop)),
        )
        pointer = builder.inttoptr(address, value.type.as_pointer())
        arguments_type = [value.type, pointer.type, word, mask.type]
        letter = "f64" if signature.args[1].dtype == types.float64 else "f32"
        function = builder.module.globals.get(f"llvm.masked.store.v{lanes}{letter}.p0")
        if function is None:
            function = ir.Function(
                builder.module,
                ir.FunctionType(ir.VoidType(), arguments_type),
                f"llvm.masked.store.v{lanes}{letter}.p0",
            )
        alignment = ir.Constant(word, signature.args[1].dtype.bitwidth // 8)
        builder.call(function, [value, pointer, alignment, mask])
        return context.get_dummy_value()

    return types.void(address, value, types.int64, types.int64), codegen

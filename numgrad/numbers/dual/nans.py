"""Whether there is a nan among the partials of numbers."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import load_item

from numgrad.numbers.carrier import is_active
from numgrad.numbers.dual.layout import has_vector, has_vectors_of_halves, open_dual, unpack
from numgrad.numbers.dual.lowering import has_nan


@intrinsic
def lacks(typingctx, dual, number):
    """Whether a partial of a number is nan.

    The value isn't looked at: where nobody wants it, LLVM leaves its computation out.
    """
    dual = dual.instance_type

    def codegen(context, builder, sig, arguments):
        if not is_active(number, dual):
            return cgutils.false_bit
        _, partials = open_dual(context, builder, number, arguments[1])
        if has_vector(number) or has_vectors_of_halves(number):
            is_pair = has_vectors_of_halves(number)
            halves = cgutils.unpack_tuple(builder, partials, 2) if is_pair else [partials]
            unordered = builder.fcmp_unordered("uno", halves[0], halves[-1])
            mask = builder.bitcast(unordered, ir.IntType(number.count))
            return builder.icmp_unsigned("!=", mask, mask.type(0))
        lacking = cgutils.false_bit
        for partial in unpack(builder, number, partials):
            nan = has_nan(context, builder, number.value, partial)
            lacking = builder.or_(lacking, nan)
        return lacking

    return types.boolean(types.TypeRef(dual), number), codegen


@intrinsic
def is_nan(typingctx, number):
    """Whether a number or any of its partials is nan."""

    def codegen(context, builder, sig, arguments):
        return has_nan(context, builder, number, arguments[0])

    return types.boolean(number), codegen


@intrinsic
def is_any_nan(typingctx, numbers):
    """Whether any of some numbers, or of their partials, is nan."""

    def codegen(context, builder, sig, arguments):
        found = cgutils.false_bit
        values = cgutils.unpack_tuple(builder, arguments[0])
        for kind, value in zip(sig.args[0].types, values, strict=True):
            found = builder.or_(found, has_nan(context, builder, kind, value))
        return found

    return types.boolean(numbers), codegen


@intrinsic
def noted(typingctx, lacking, number):
    """Return an integer with all bits set if a number or any of its partials is nan.

    Of the width of floats it is a register of masks in vector code, as it comes from comparisons.
    """

    def codegen(context, builder, sig, arguments):
        lacking, number_given = arguments
        nan = has_nan(context, builder, number, number_given)
        return builder.or_(lacking, builder.sext(nan, lacking.type))

    return lacking(lacking, number), codegen


@intrinsic
def any_nan(typingctx, line):
    """Whether a number in an array of one dimension, or any of its partials, is nan."""

    def codegen(context, builder, sig, arguments):
        array = context.make_array(line)(context, builder, arguments[0])
        found = cgutils.alloca_once_value(builder, cgutils.false_bit)
        with cgutils.for_range(builder, array.nitems) as loop:
            place = cgutils.gep(builder, array.data, loop.index)
            number = load_item(context, builder, line, place)
            nan = has_nan(context, builder, line.dtype, number)
            builder.store(builder.or_(builder.load(found), nan), found)
        return builder.load(found)

    return types.boolean(line), codegen

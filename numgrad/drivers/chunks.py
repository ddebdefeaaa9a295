"""Chunks of inputs: their seeds, and the harvest.

All inputs of a derivative are numbered from 0 up. A pass carries one chunk of them: the inputs
``start`` to ``start + count - 1`` are seeded, which means that the k-th of them has 1 as its k-th
partial and 0 as all others; the remaining ones are constants.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import extents_may_overlap, get_array_memory_extents

from numgrad.targets.options import internal_njit


@intrinsic
def flat(typingctx, array):
    """Return the elements of an array in C order as one dimension, without a copy."""
    if array.layout != "C":
        return None
    line = types.Array(array.dtype, 1, "C", readonly=not array.mutable, aligned=array.aligned)

    def codegen(context, builder, sig, arguments):
        source = context.make_array(array)(context, builder, arguments[0])
        return view(context, builder, line, source, [source.nitems])

    return line(array), codegen


@intrinsic
def shaped(typingctx, line, shape):
    """Return a contiguous array of one dimension with other dimensions, without a copy."""
    array = types.Array(line.dtype, len(shape), "C")

    def codegen(context, builder, sig, arguments):
        source = context.make_array(line)(context, builder, arguments[0])
        lengths = cgutils.unpack_tuple(builder, arguments[1], len(shape))
        return view(context, builder, array, source, lengths)

    return array(line, shape), codegen


@intrinsic
def broadcast(typingctx, array, shape):
    """Return an array in a shape that it broadcasts to, without a copy."""
    ndim, lacking = len(shape), len(shape) - array.ndim
    result = types.Array(array.dtype, ndim, "A", readonly=True, aligned=array.aligned)

    def codegen(context, builder, sig, arguments):
        source = context.make_array(array)(context, builder, arguments[0])
        lengths = cgutils.unpack_tuple(builder, source.shape, array.ndim)
        strides = cgutils.unpack_tuple(builder, source.strides, array.ndim)
        word = context.get_value_type(types.intp)
        repeated = [word(0)] * lacking + [
            builder.select(builder.icmp_unsigned("==", length, word(1)), word(0), stride)
            for length, stride in zip(lengths, strides, strict=True)
        ]
        made = context.make_array(result)(context, builder)
        context.populate_array(
            made,
            data=source.data,
            shape=arguments[1],
            strides=cgutils.pack_array(builder, repeated, word),
            itemsize=source.itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, result, made._getvalue())

    return result(array, shape), codegen


def view(context, builder, array, source, lengths):
    """Return the memory of an array as a contiguous one of other dimensions."""
    result = context.make_array(array)(context, builder)
    populate(
        context,
        builder,
        result,
        source.data,
        lengths,
        source.itemsize,
        source.meminfo,
        source.parent,
    )
    return impl_ret_borrowed(context, builder, array, result._getvalue())


def populate(context, builder, array, data, lengths, itemsize, meminfo, parent):
    """Fill in the fields of a contiguous array."""
    strides = [itemsize]
    for length in reversed(lengths[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    word = context.get_value_type(types.intp)
    context.populate_array(
        array,
        data=data,
        shape=cgutils.pack_array(builder, lengths, word),
        strides=cgutils.pack_array(builder, strides[: len(lengths)], word),
        itemsize=itemsize,
        meminfo=meminfo,
        parent=parent,
    )


@intrinsic
def allocate(typingctx, shape, element):
    """Return a new array in C order: ``numpy.empty``, which takes Numba a tenth of a second."""
    element_type = element.instance_type if isinstance(element, types.TypeRef) else element.dtype
    array = types.Array(element_type, len(shape), "C")

    def codegen(context, builder, sig, arguments):
        lengths = cgutils.unpack_tuple(builder, arguments[0], len(shape))
        itemsize = context.get_constant(
            types.intp, context.get_abi_sizeof(context.get_data_type(element_type))
        )
        size = itemsize
        for length in lengths:
            size = builder.mul(size, length)
        alignment = context.get_preferred_array_alignment(element_type)
        meminfo = context.nrt.meminfo_alloc_aligned(builder, size, alignment)
        data = context.nrt.meminfo_data(builder, meminfo)
        result = context.make_array(array)(context, builder)
        pointer = builder.bitcast(data, context.get_data_type(element_type).as_pointer())
        populate(context, builder, result, pointer, lengths, itemsize, meminfo, None)
        return result._getvalue()

    return array(shape, element), codegen


@internal_njit
def in_line(array, line):
    """Return a line that has been filled with the elements of an array in C order."""
    for k, number in enumerate(array.flat):
        line[k] = number
    return line


@internal_njit
def store_values(target, source):
    """Store the values of an array of duals in an array of numbers."""
    for index, number in np.ndenumerate(source):
        target[index] = number.value


@intrinsic
def disjoint(typingctx, array, others):
    """Whether an array shares no memory with others, as far as their ends and steps tell."""

    def codegen(context, builder, sig, arguments):
        ours = Region(context, builder, array, arguments[0])
        free = cgutils.true_bit
        for kind, other in zip(others, cgutils.unpack_tuple(builder, arguments[1]), strict=True):
            free = builder.and_(free, ours.is_disjoint_from(Region(context, builder, kind, other)))
        return free

    return types.boolean(array, others), codegen


class Region:
    """The memory of an array while code is emitted: all of it, and that of the first row."""

    def __init__(self, context, builder, kind, value):
        made = context.make_array(kind)(context, builder, value)
        shape = cgutils.unpack_tuple(builder, made.shape, kind.ndim)
        self.context, self.builder = context, builder
        self.strides = cgutils.unpack_tuple(builder, made.strides, kind.ndim)
        self.ends, self.row = (
            get_array_memory_extents(
                context,
                builder,
                types.Array(kind.dtype, kind.ndim - axis, "A"),
                made,
                shape[axis:],
                self.strides[axis:],
                made.data,
            )
            for axis in (0, min(1, kind.ndim))
        )

    def is_disjoint_from(self, other):
        """Whether no memory is shared: one ends before the other, or rows alternate."""
        builder = self.builder
        overlap = extents_may_overlap(self.context, builder, *self.ends, *other.ends)
        if not (self.strides and other.strides):
            return builder.not_(overlap)
        stride = self.strides[0]
        equal = builder.icmp_signed("==", stride, other.strides[0])
        forward = builder.icmp_signed(">", stride, stride.type(0))
        steps = builder.select(
            forward, stride, stride.type(1)
        )  # never 0, by which one can't divide
        gap = builder.srem(builder.sub(other.row[0], self.row[0]), steps)
        behind = builder.icmp_signed("<", gap, stride.type(0))
        gap = builder.select(behind, builder.add(gap, steps), gap)
        lengths = [builder.sub(row[1], row[0]) for row in (self.row, other.row)]
        fits = builder.and_(
            builder.icmp_signed(">=", gap, lengths[0]),
            builder.icmp_signed("<=", builder.add(gap, lengths[1]), steps),
        )
        alternate = builder.and_(builder.and_(equal, forward), fits)
        return builder.or_(builder.not_(overlap), alternate)


@intrinsic
def in_step(typingctx, array, other):
    """Whether the first axes of two arrays go through the same memory side by side."""

    def codegen(context, builder, sig, arguments):
        if (array.ndim, array.dtype) != (other.ndim, other.dtype):
            return cgutils.false_bit
        ours, theirs = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(sig.args, arguments, strict=True)
        )
        same = builder.icmp_unsigned("==", ours.data, theirs.data)
        for field in ("shape", "strides"):
            pairs = zip(
                cgutils.unpack_tuple(builder, getattr(ours, field)),
                cgutils.unpack_tuple(builder, getattr(theirs, field)),
                strict=True,
            )
            for pair in pairs:
                same = builder.and_(same, builder.icmp_unsigned("==", *pair))
        return same

    return types.boolean(array, other), codegen


@internal_njit
def bring(place, result):
    """Store a result in the caller's array, unless it is there already."""
    if disjoint(place, (result,)):
        for index, number in np.ndenumerate(result):
            place[index] = number


@internal_njit
def mirrored(matrix, other, row_offset, rows, column_offset, columns, count):
    """Fill in second derivatives from those by the same inputs in the other order.

    Of a column are there the rows from the first of its chunk of inputs on.
    """
    for block in range(matrix.size // max(1, rows * columns)):
        place = block * rows * columns
        for column in range(columns):
            number = column_offset + column
            missing = min(number - number % count - row_offset, rows)
            for row in range(missing):
                matrix[place + row * columns + column] = other[place + column * rows + row]


@internal_njit
def check_disjoint(place, others):
    """Raise if the caller's arrays for two results share memory."""
    if not disjoint(place, others):
        raise ValueError("out holds arrays that share memory")


@internal_njit
def check_unshared(written, others):
    """Raise if an array that the function writes to shares memory with other arguments."""
    if not disjoint(written, others):
        raise ValueError(
            "an array that the function writes to shares memory with another argument, which a "
            "derivative can't follow: pass a copy of one"
        )


@internal_njit
def check_shape(given, expected):
    """Raise if an array of the caller's doesn't fit a result."""
    if given != expected:
        raise ValueError("out has not the shape of the result")


@intrinsic
def one_by_one(typingctx):
    """Keep the loop that this stands in from becoming vector code."""

    def codegen(context, builder, sig, arguments):
        nothing = ir.FunctionType(ir.VoidType(), [])
        builder.asm(nothing, "", "", [], side_effect=True)
        return context.get_dummy_value()

    return types.void(), codegen

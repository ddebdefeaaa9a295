"""Arrays of duals that lie in memory as the arrays of numbers do that they stand for.

Whether a function returns a view or a copy is decided by the layout: by that in Numba's type (C, F,
or A for any) and, for A, by the strides at run time. So an array of duals has the layout
of the array that it stands for, and goes on from one axis to the next without a gap where that one
does. Gaps are as small as can be, whatever they were, and every element has its place, even where
those of the original share one, as broadcast ones do.
"""

from numba import types
from numba.core import cgutils
from numba.cpython.unsafe.tuple import tuple_setitem
from numba.extending import intrinsic

from numgrad.drivers.sized import SizedArray
from numgrad.targets.options import internal_njit


def duals_like(array, dual):
    """Return the type of an array of duals of the shape and the layout of another."""
    if isinstance(array, SizedArray):
        return SizedArray(dual, array.sizes, "C")
    layout = array.layout if array.ndim else "C"
    return types.Array(dual, array.ndim, layout, readonly=not array.mutable)


@internal_njit
def is_within(stride, other):
    """Whether an axis of the stand-in is to lie within another; repeated ones are outer."""
    return other == 0 or (stride != 0 and abs(stride) <= abs(other))


@internal_njit
def steps_like(array):
    """Return the strides of an array as its stand-in has them, counted in elements.

    The axes are taken from the smallest stride up. One that begins where those before it end does
    so in the stand-in; any other has a gap of one element before it.
    """
    shape, strides = array.shape, array.strides
    steps, left = strides, strides
    for axis in range(len(shape)):
        left = tuple_setitem(left, axis, 1)
    end, extent = array.itemsize, 1  # of the axes so far: in bytes, and in elements of the stand-in
    for _ in range(len(shape)):
        axis = -1
        for k in range(len(shape)):  # of equal ones the last, as in C order
            if left[k] and (axis < 0 or is_within(strides[k], strides[axis])):
                axis = k
        left = tuple_setitem(left, axis, 0)
        step = extent if abs(strides[axis]) == end else extent + 1
        steps = tuple_setitem(steps, axis, step if strides[axis] >= 0 else -step)
        if shape[axis] != 1:
            end, extent = abs(strides[axis]) * shape[axis], step * shape[axis]
    return steps


@internal_njit
def fortran_steps(array):
    """Return the strides of a contiguous array in Fortran order, counted in elements."""
    steps, extent = array.shape, 1
    for axis in range(len(array.shape)):
        steps = tuple_setitem(steps, axis, extent)
        extent *= array.shape[axis]
    return steps


@internal_njit
def extent_of(shape, steps):
    """The number of elements from the first to the last place of an array in memory."""
    extent = 1
    for axis in range(len(shape)):
        if shape[axis] == 0:
            return 0
        extent += abs(steps[axis]) * (shape[axis] - 1)
    return extent


@intrinsic
def lying_like(typingctx, array, steps, memory):
    """Return a line of memory as an array of the shape and layout of another."""
    result = types.Array(memory.dtype, array.ndim, array.layout, readonly=not array.mutable)

    def codegen(context, builder, sig, arguments):
        like = context.make_array(array)(context, builder, arguments[0])
        source = context.make_array(memory)(context, builder, arguments[2])
        word = context.get_value_type(types.intp)
        shape = cgutils.unpack_tuple(builder, like.shape, array.ndim)
        strides, first = [], word(0)
        for step, length in zip(
            cgutils.unpack_tuple(builder, arguments[1], array.ndim), shape, strict=True
        ):
            strides.append(builder.mul(step, source.itemsize))
            last = builder.mul(strides[-1], builder.sub(length, word(1)))
            is_backward = builder.icmp_signed("<", last, word(0))  # not where there is no element
            first = builder.select(is_backward, builder.sub(first, last), first)
        made = context.make_array(result)(context, builder)
        context.populate_array(
            made,
            data=cgutils.pointer_add(builder, source.data, first, source.data.type),
            shape=like.shape,
            strides=cgutils.pack_array(builder, strides, word),
            itemsize=source.itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        context.nrt.incref(builder, memory, arguments[2])
        return made._getvalue()

    return result(array, steps, memory), codegen


# Elements by their number in C order, in which inputs are numbered, wherever they lie in memory


def place_of(context, builder, kind, array, position):
    """Return the address of an element while code is emitted."""
    made = context.make_array(kind)(context, builder, array)
    shape = cgutils.unpack_tuple(builder, made.shape, kind.ndim)
    strides = cgutils.unpack_tuple(builder, made.strides, kind.ndim)
    offset = position.type(0)
    for axis in range(kind.ndim - 1, -1, -1):
        index = position
        if axis:
            index = builder.urem(position, shape[axis])
            position = builder.udiv(position, shape[axis])
        offset = builder.add(offset, builder.mul(index, strides[axis]))
    return cgutils.pointer_add(builder, made.data, offset, made.data.type)


@intrinsic
def store_at(typingctx, array, position, number):
    """Store a number in the place of an element, in an array that may be read-only to others."""

    def codegen(context, builder, sig, arguments):
        pointer = place_of(context, builder, array, *arguments[:2])
        context.pack_value(builder, array.dtype, arguments[2], pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), codegen


@internal_njit
def is_distinct(array):
    """Whether every element of an array has a place in memory of its own.

    It has if each axis, from the smallest stride up, steps beyond all that lies along those before
    it. Of the strides that are made by hand some others have distinct elements too.
    """
    shape, strides = array.shape, array.strides
    left = strides
    for axis in range(len(shape)):
        if shape[axis] == 0:
            return True
        left = tuple_setitem(left, axis, 1 if shape[axis] > 1 else 0)
    end = array.itemsize
    for _ in range(len(shape)):
        axis = -1
        for k in range(len(shape)):
            if left[k] and (axis < 0 or abs(strides[k]) < abs(strides[axis])):
                axis = k
        if axis >= 0:
            left = tuple_setitem(left, axis, 0)
            if abs(strides[axis]) < end:
                return False
            end += abs(strides[axis]) * (shape[axis] - 1)
    return True


@internal_njit
def check_distinct(out):
    """Raise if results would overwrite each other in one array of the caller's."""
    if not is_distinct(out):
        raise ValueError(
            "out has several elements in one place of memory, where results would overwrite each "
            "other"
        )


@internal_njit
def check_written_distinct(written):
    """Raise if elements of an array that the function writes to share memory."""
    if not is_distinct(written):
        raise ValueError(
            "an array that the function writes to has several elements in one place of memory, "
            "which a derivative can't follow: pass a copy of it"
        )

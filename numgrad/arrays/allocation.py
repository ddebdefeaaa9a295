"""New arrays of numbers with derivatives, written where they are asked for.

Numba compiles five functions for one ``np.zeros``, which takes a tenth of a second for each type.
"""

import inspect
from functools import reduce

from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, builtin_registry, signature
from numba.extending import lower_builtin
from numba.np.arrayobj import populate_array

from numgrad.numbers.carrier import carrier_in
from numgrad.targets import cuda_device

OMITTED = types.Omitted(None)
NEGATIVE = ("negative dimensions not allowed",)
TOO_BIG = (
    "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.",
)


def define(function, elements_of, clears):
    """Let Numba write the arrays that ``function(dual, shape, dtype)`` makes.

    ``elements_of(dual, dtype)`` is the type of their elements, and ``clears(elements)`` says
    whether these are 0 and not anything.
    """
    pysig = inspect.signature(function)

    class OfShape(AbstractTemplate):
        key = function

        def generic(self, argtypes, keywords):
            if cuda_device.in_kernel():
                return None
            given = pysig.bind(*argtypes, **keywords).arguments
            dual, shape, dtype = given["dual"], given["shape"], given.get("dtype", OMITTED)
            lengths = shape.types if isinstance(shape, types.UniTuple) else (shape,)
            if not lengths or not isinstance(lengths[0], types.Integer):
                return None
            elements = elements_of(dual, dtype)
            if carrier_in(elements) is None:
                return None
            array = types.Array(elements, len(lengths), "C")
            return signature(array, dual, shape, dtype).replace(pysig=pysig)

    @lower_builtin(function, types.VarArg(types.Any))
    def make(context, builder, sig, arguments):
        shape, array = sig.args[1], sig.return_type
        is_tuple = isinstance(shape, types.UniTuple)
        lengths = cgutils.unpack_tuple(builder, arguments[1]) if is_tuple else [arguments[1]]
        kinds = shape.types if is_tuple else (shape,)
        lengths = [
            context.cast(builder, length, kind, types.intp)
            for length, kind in zip(lengths, kinds, strict=True)
        ]
        return new_array(context, builder, array, lengths, cleared=clears(array.dtype))

    builtin_registry.register_global(function, types.Function(OfShape))


def new_array(context, builder, array, lengths, *, cleared):
    """Write the allocation of an array in C order, with the errors that NumPy raises."""
    zero, no_bit = context.get_constant(types.intp, 0), cgutils.false_bit
    negative = reduce(
        builder.or_, (builder.icmp_signed("<", length, zero) for length in lengths), no_bit
    )
    with cgutils.if_unlikely(builder, negative):
        context.call_conv.return_user_exc(builder, ValueError, NEGATIVE)
    element = context.get_data_type(array.dtype)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(element))
    strides = [itemsize]
    for length in reversed(lengths[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    size, overflow = context.get_constant(types.intp, 1), no_bit
    for factor in (*lengths, itemsize):
        product = builder.smul_with_overflow(size, factor)
        size = builder.extract_value(product, 0)
        overflow = builder.or_(overflow, builder.extract_value(product, 1))
    with cgutils.if_unlikely(builder, overflow):
        context.call_conv.return_user_exc(builder, ValueError, TOO_BIG)
    alignment = context.get_preferred_array_alignment(array.dtype)
    meminfo = context.nrt.meminfo_alloc_aligned(builder, size, alignment)
    data = context.nrt.meminfo_data(builder, meminfo)
    if cleared:
        cgutils.memset(builder, data, size, 0)
    made = context.make_array(array)(context, builder)
    populate_array(
        made,
        data=builder.bitcast(data, element.as_pointer()),
        shape=cgutils.pack_array(builder, lengths),
        strides=cgutils.pack_array(builder, strides),
        itemsize=itemsize,
        meminfo=meminfo,
    )
    return made._getvalue()

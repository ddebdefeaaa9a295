"""Arrays and functions by their address, so that one compiled launch serves every dtype."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def array_at(typingctx, address, size, dtype):
    """Give the one-dimensional array of ``size`` elements at ``address``, of a dtype."""
    array_type = types.Array(dtype.dtype, 1, "C")

    def codegen(context, builder, signature, arguments):
        address, size, _ = arguments
        array = context.make_array(array_type)(context, builder)
        itemsize = context.get_abi_sizeof(context.get_data_type(dtype.dtype))
        length = context.cast(builder, size, signature.args[1], types.intp)
        width = context.get_constant(types.intp, itemsize)
        context.populate_array(
            array,
            data=builder.inttoptr(address, array.data.type),
            shape=cgutils.pack_array(builder, [length]),
            strides=cgutils.pack_array(builder, [width]),
            itemsize=width,
            meminfo=None,
        )
        return array._getvalue()

    return array_type(address, size, dtype), codegen


@intrinsic
def call_at(typingctx, function, first, second, third):
    """Call the function at an address, which takes integers and returns nothing."""

    def codegen(context, builder, signature, arguments):
        integers = arguments[1:]
        function_type = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * len(integers))
        builder.call(builder.inttoptr(arguments[0], function_type.as_pointer()), integers)
        return context.get_dummy_value()

    return types.void(function, first, second, third), codegen

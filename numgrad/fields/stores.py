"""Memory as the kernels see it: arrays at an address, and stores that bypass the cache.

A plain store first reads the line that it changes. A non-temporal one doesn't, which saves a third
of the traffic of a copy, and leaves the samples in the cache alone. It needs whole aligned vectors
and a fence before another thread may read what was written.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from numgrad.targets.jit import part

HAS_NON_TEMPORAL_STORES = platform.machine() in ("x86_64", "AMD64")

VECTOR_BYTES = 32
_BYTE = ir.IntType(8)


@intrinsic
def array_at(typingctx, address, size, dtype):  # noqa: ARG001
    """Return the one-dimensional array of ``size`` elements at ``address``, of a dtype."""
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


def _data(context: Any, builder: Any, array_type: Any, array: Any, byte: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(data, _BYTE.as_pointer()), [byte])


def _copy_past_cache(context, builder, signature, arguments, element, alignment):
    target_type, _, source_type, _ = signature.args
    target, target_byte, source, source_byte = arguments
    pointer = element.as_pointer()
    read = builder.bitcast(_data(context, builder, source_type, source, source_byte), pointer)
    write = builder.bitcast(_data(context, builder, target_type, target, target_byte), pointer)
    store = builder.store(builder.load(read, align=4), write, align=alignment)
    if HAS_NON_TEMPORAL_STORES:
        one = ir.Constant(ir.IntType(32), 1)
        store.set_metadata("nontemporal", builder.module.add_metadata([one]))
    return context.get_dummy_value()


@intrinsic
def _stream_vector(typingctx, target, target_byte, source, source_byte):  # noqa: ARG001
    """Copy VECTOR_BYTES past the cache; the target must be aligned to as many."""

    def codegen(*arguments):
        element = ir.VectorType(ir.IntType(64), VECTOR_BYTES // 8)
        return _copy_past_cache(*arguments, element, VECTOR_BYTES)

    return types.void(target, types.intp, source, types.intp), codegen


@intrinsic
def _stream_word(typingctx, target, target_byte, source, source_byte):  # noqa: ARG001
    """Copy four bytes past the cache; the target must be aligned to as many."""

    def codegen(*arguments):
        return _copy_past_cache(*arguments, ir.IntType(32), 4)

    return types.void(target, types.intp, source, types.intp), codegen


@intrinsic
def fence(typingctx):  # noqa: ARG001
    """Make every non-temporal store of this thread visible before any later store."""

    def codegen(context, builder, signature, arguments):  # noqa: ARG001
        if HAS_NON_TEMPORAL_STORES:
            fence_type = ir.FunctionType(ir.VoidType(), [])
            sfence = cgutils.get_or_insert_function(
                builder.module, fence_type, "llvm.x86.sse.sfence"
            )
            builder.call(sfence, [])
        return context.get_dummy_value()

    return types.void(), codegen


@part
def stream(target, start, source, count):
    """Copy ``source[:count]`` to ``target[start:start + count]`` past the cache.

    Both arrays are contiguous and aligned to four bytes. Call ``fence`` after the last of them.
    """
    first = start * target.itemsize
    size = count * target.itemsize
    address = target.ctypes.data + first
    byte = 0
    while byte < size:
        if (address + byte) % VECTOR_BYTES == 0 and byte + VECTOR_BYTES <= size:
            _stream_vector(target, first + byte, source, byte)
            byte += VECTOR_BYTES
        else:
            _stream_word(target, first + byte, source, byte)
            byte += 4

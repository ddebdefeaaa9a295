"""Arrays whose shape is known while compiling, which is what a kernel needs to make duals of one.

A thread of a GPU has no memory to hand out when it runs. It has local memory, as much as the
compiler has counted.
"""

from functools import cache
from math import prod

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import ArrayModel
from numba.extending import intrinsic, lower_cast, register_model

from numgrad.drivers.chunks import populate
from numgrad.targets import cuda_compiler, cuda_device


class SizedArray(types.Array):
    """The type of an array of known shape; in all else it is that of any array."""

    def __init__(self, dtype, sizes, layout, readonly=False, aligned=True):
        self.sizes = sizes
        name = f"sized {sizes} {layout} array({dtype}, {readonly}, {aligned})"
        super().__init__(dtype, len(sizes), layout, readonly=readonly, aligned=aligned, name=name)

    @property
    def key(self):
        return *super().key, self.sizes


def sized(array: types.Array, sizes: tuple[int, ...]) -> types.Array:
    """Return the type of an array in C order with its sizes."""
    return SizedArray(array.dtype, sizes, "C")


register_model(SizedArray)(ArrayModel)


def know_sizes() -> None:
    """Let numba-cuda give the arrays of a thread types with their sizes."""
    if not cuda_device.simulated():
        cuda_compiler.type_local_arrays(sized)


cuda_compiler.DEFINERS.append(know_sizes)


@lower_cast(SizedArray, types.Array)
def forget_sizes(context, builder, source, result, array):
    """Return an array as one of any size, for a variable that holds several."""
    return array


@cache
def local_array(sizes, element):
    """Return the function that gives an array in a thread's own memory."""

    @intrinsic
    def local(typingctx):
        result = SizedArray(element, sizes, "C")
        return result(), lambda context, builder, sig, arguments: memory(context, builder, result)

    return local


@intrinsic
def local_like(typingctx, array, element):
    """Return an array in a thread's own memory, of the shape of another, of other elements."""
    if not isinstance(array, SizedArray):
        raise TypeError(
            "in a kernel an array to differentiate by must have a shape that is known while "
            "compiling: make it by cuda.local.array, pass its numbers as a tuple, or map the "
            "derivative by numgrad.vmap"
        )
    result = SizedArray(element.instance_type, array.sizes, "C")

    def codegen(context, builder, sig, arguments):
        return memory(context, builder, result)

    return result(array, element), codegen


def memory(context, builder, kind):
    """Return an array of a known shape in the memory of the function that is being compiled."""
    data_kind = context.get_data_type(kind.dtype)
    numbers = cgutils.alloca_once(builder, ir.ArrayType(data_kind, max(1, prod(kind.sizes))))
    made = context.make_array(kind)(context, builder)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(data_kind))
    lengths = [context.get_constant(types.intp, size) for size in kind.sizes]
    pointer = builder.bitcast(numbers, data_kind.as_pointer())
    populate(context, builder, made, pointer, lengths, itemsize, None, None)
    return made._getvalue()

"""Random numbers are drawn anew by each pass of a derivative, but must be the same in all.

The states of Numba's generators, behind NumPy's functions and Python's module ``random``, are a
part of the caller's memory that a function which draws writes to.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.cpython.randomimpl import get_state_ptr, rnd_state_t
from numba.extending import intrinsic

GENERATORS = "np", "py"
BYTE = ir.IntType(8)
ALL_GENERATORS = types.Dummy("numgrad.generators")  # stands for them among what a function writes


def copying(to_generators):
    """Return the intrinsic that copies the states of generators from an array, or to it."""

    @intrinsic
    def copy(typingctx, states):
        def codegen(context, builder, sig, arguments):
            memory = context.make_array(states)(context, builder, arguments[0]).data
            size = context.get_abi_sizeof(rnd_state_t)
            for k, name in enumerate(GENERATORS):
                generator = get_state_ptr(context, builder, name)
                copied = cgutils.pointer_add(builder, memory, k * size, BYTE.as_pointer())
                pair = (generator, copied) if to_generators else (copied, generator)
                cgutils.raw_memcpy(builder, *pair, cgutils.intp_t(size), 1)
            return context.get_dummy_value()

        return types.void(states), codegen

    return copy


keep, put_back_generators = copying(to_generators=False), copying(to_generators=True)


@intrinsic
def states_size(typingctx):
    """The size of the generators' states in bytes."""

    def codegen(context, builder, sig, arguments):
        size = len(GENERATORS) * context.get_abi_sizeof(rnd_state_t)
        return context.get_constant(types.intp, size)

    return types.intp(), codegen

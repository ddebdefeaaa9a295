"""Functions of the table on arrays, element by element.

Numba fuses array expressions into one loop by itself, from nothing but the types given here, and
compiles the loop's body with the functions of scalars. What it leaves alone, such as a call that
is not a ufunc, becomes a loop of its own.
"""

from types import SimpleNamespace

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.typing import npydecl, signature
from numba.np import arrayobj, npyimpl

from numgrad.calls.lowering import OF_ARRAYS
from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.emitting import call, return_type
from numgrad.numbers.layouts import layout_of_elementwise

VIEWS = (np.real, np.imag)  # which make no new array


def is_elementwise(function):
    """Return whether a function makes a new array of one, element by element."""
    module = getattr(function, "__module__", None)
    is_numpy = module in ("numpy", "_operator") and function not in VIEWS
    return isinstance(function, np.ufunc) or is_numpy


def has_array(kinds):
    return any(isinstance(kind, types.Array) for kind in kinds)


def element(kind):
    """Return the type of the numbers in an array; a number is its own."""
    return kind.dtype if isinstance(kind, types.Array) else kind


def array_type(typingctx, function, kinds):
    """Return the type of the array that a function gives, or None where it is not for us."""
    elements = [element(kind) for kind in kinds]
    if not is_elementwise(function) or not any(map(is_carrier, elements)):
        return None
    result = return_type(typingctx, function, elements)
    if not (is_carrier(result) or isinstance(result, types.Number | types.Boolean)):
        return None
    arrays = [kind for kind in kinds if isinstance(kind, types.Array)]
    ndim = max(array.ndim for array in arrays)
    if ndim == 0:  # as Numba has it
        return result
    return types.Array(result, ndim, layout_of_elementwise(function, kinds))


def without_dimensions(context, builder, kinds, arguments):
    """Return the types and the values of numbers, some of which are arrays of no dimension."""
    numbers = []
    for kind, argument in zip(kinds, arguments, strict=True):
        if isinstance(kind, types.Array):
            data = context.make_array(kind)(context, builder, argument).data
            argument = context.unpack_value(builder, kind.dtype, data)
        numbers.append(argument)
    return [element(kind) for kind in kinds], numbers


def lower_elementwise(context, builder, function, sig, arguments, out=()):
    """Emit the loop over the elements; ``out`` has the array that takes the results, if any."""
    result, kinds = sig.return_type, sig.args

    class Kernel(npyimpl._Kernel):
        def generate(self, *numbers):
            elements = [element(kind) for kind in kinds]
            each = OF_ARRAYS.get(function, function)
            returned, number = call(context, builder, each, elements, numbers)
            return context.cast(builder, number, returned, result.dtype)

    ufunc = SimpleNamespace(nin=len(kinds), nout=1, nargs=len(kinds) + 1, __name__="Dual")
    sig = result(*kinds, *(result for _ in out))
    return npyimpl.numpy_ufunc_kernel(context, builder, sig, [*arguments, *out], ufunc, Kernel)


class ScalarHelper(npyimpl._ScalarHelper):
    """A number beside arrays, kept in memory as what it is in registers: a vector is not both."""

    def __init__(self, context, builder, number, kind):
        super().__init__(context, builder, number, kind)
        self._ptr = cgutils.alloca_once(builder, context.get_value_type(kind))


def accept_duals():
    """Let duals into Numba's own code for arrays.

    Its loops have a list of the numbers that may stand beside an array, and its operators that
    assign fail where they should give way to others. What asks whether an array is contiguous takes
    a number to be as large in memory as in registers. None can be extended from outside.
    """
    prepare, operators = npyimpl._prepare_argument, npydecl.NumpyRulesInplaceArrayOperator
    generic = operators.generic

    def prepare_argument(context, builder, argument, kind, where="input operand"):
        if is_carrier(kind) or isinstance(kind, types.NoneType):
            return ScalarHelper(context, builder, argument, kind)
        return prepare(context, builder, argument, kind, where)

    def give_way(self, kinds, keywords):
        return (
            None
            if any(is_carrier(element(kind)) for kind in kinds)
            else generic(self, kinds, keywords)
        )

    def is_contiguous(checker, context, builder, kind, value):
        array = context.make_array(kind)(context, builder, value)
        lengths = types.UniTuple(types.intp, kind.ndim)
        sig = signature(types.boolean, lengths, lengths, types.intp)
        given = [array.shape, array.strides, array.itemsize]
        return context.compile_internal(builder, checker, sig, given)

    arrayobj._call_contiguous_check = is_contiguous
    npyimpl._prepare_argument = prepare_argument
    operators.generic = give_way

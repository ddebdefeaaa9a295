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
    """Whether a function makes a new array of one, element by element."""
    module = getattr(function, "__module__", None)
    is_numpy = module in ("numpy", "_operator") and function not in VIEWS
    return isinstance(function, np.ufunc) or is_numpy


def has_array(argtypes):
    return any(isinstance(argtype, types.Array) for argtype in argtypes)


def element(argtype):
    """Return the type of the numbers in an array; a number is its own."""
    return argtype.dtype if isinstance(argtype, types.Array) else argtype


def array_type(typingctx, function, argtypes):
    """Return the type of the array that a function gives, or None where it is not for us."""
    elements = [element(argtype) for argtype in argtypes]
    if not is_elementwise(function) or not any(map(is_carrier, elements)):
        return None
    result = return_type(typingctx, function, elements)
    if not (is_carrier(result) or isinstance(result, types.Number | types.Boolean)):
        return None
    arrays = [argtype for argtype in argtypes if isinstance(argtype, types.Array)]
    ndim = max(array.ndim for array in arrays)
    if ndim == 0:  # as Numba has it
        return result
    result = getattr(result, "stored", result)
    return types.Array(result, ndim, layout_of_elementwise(function, argtypes))


def without_dimensions(context, builder, argtypes, arguments):
    """Return the types and the values of numbers, some of which are arrays of no dimension."""
    numbers = []
    for argtype, argument in zip(argtypes, arguments, strict=True):
        if isinstance(argtype, types.Array):
            data = context.make_array(argtype)(context, builder, argument).data
            argument = context.unpack_value(builder, argtype.dtype, data)
        numbers.append(argument)
    return [element(argtype) for argtype in argtypes], numbers


def lower_elementwise(context, builder, function, sig, arguments, out=()):
    """Emit the loop over the elements; ``out`` has the array that takes the results, if any."""
    result, argtypes = sig.return_type, sig.args

    class Kernel(npyimpl._Kernel):
        def generate(self, *numbers):
            elements = [element(argtype) for argtype in argtypes]
            each = OF_ARRAYS.get(function, function)
            returned, number = call(context, builder, each, elements, numbers)
            return context.cast(builder, number, returned, result.dtype)

    ufunc = SimpleNamespace(nin=len(argtypes), nout=1, nargs=len(argtypes) + 1, __name__="Dual")
    sig = result(*argtypes, *(result for _ in out))
    return npyimpl.numpy_ufunc_kernel(context, builder, sig, [*arguments, *out], ufunc, Kernel)


class ScalarHelper(npyimpl._ScalarHelper):
    """A number beside arrays, kept in memory as what it is in registers: a vector is not both."""

    def __init__(self, context, builder, number, argtype):
        super().__init__(context, builder, number, argtype)
        self._ptr = cgutils.alloca_once(builder, context.get_value_type(argtype))


def accept_duals():
    """Let duals into Numba's own code for arrays.

    Its loops have a list of the numbers that may stand beside an array, and its operators that
    assign fail where they should give way to others. What asks whether an array is contiguous takes
    a number to be as large in memory as in registers. None can be extended from outside.
    """
    prepare, operators = npyimpl._prepare_argument, npydecl.NumpyRulesInplaceArrayOperator
    generic = operators.generic

    def prepare_argument(context, builder, argument, argtype, where="input operand"):
        if is_carrier(argtype) or isinstance(argtype, types.NoneType):
            return ScalarHelper(context, builder, argument, argtype)
        return prepare(context, builder, argument, argtype, where)

    def give_way(self, argtypes, keywords):
        return (
            None
            if any(is_carrier(element(argtype)) for argtype in argtypes)
            else generic(self, argtypes, keywords)
        )

    def is_contiguous(checker, context, builder, argtype, value):
        array = context.make_array(argtype)(context, builder, value)
        lengths = types.UniTuple(types.intp, argtype.ndim)
        sig = signature(types.boolean, lengths, lengths, types.intp)
        given = [array.shape, array.strides, array.itemsize]
        return context.compile_internal(builder, checker, sig, given)

    arrayobj._call_contiguous_check = is_contiguous
    npyimpl._prepare_argument = prepare_argument
    operators.generic = give_way

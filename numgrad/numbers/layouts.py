"""The order in which arrays of duals lie in memory: that of the arrays that they stand for.

Numba decides by the layout in an array's type, C, F or A (any other), and for A while the program
runs, whether functions such as ``ravel`` return a view or a copy. Where an array of duals had
another layout, they would share memory where the function doesn't, or the other way round.
"""

import numpy as np
from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload


def allocated_like(model, elements):
    """Return a new array that can take the place of another, with elements of some type.

    The type has the same layout. An array of layout A is contiguous where the other one is, in
    either order, and has gaps where it has none.
    """
    raise NotImplementedError("compiled code only")


@overload(allocated_like, strict=False)
def _allocated_like(model, elements):
    if model.layout in "CF":
        return lambda model, elements: np.empty_like(model, elements)

    def allocate(model, elements):
        if model.flags.c_contiguous:
            return of_any_layout(np.empty(model.shape, elements))
        if model.flags.f_contiguous:
            return of_any_layout(np.empty(model.shape[::-1], elements).T)
        return np.empty(model.shape + (2,), elements)[..., 0]  # noqa: RUF005 - in compiled code

    return allocate


def retyped(array, result):
    """The signature and the code of an intrinsic that gives the same array another type."""

    def codegen(context, builder, sig, arguments):
        return impl_ret_borrowed(context, builder, result, arguments[0])

    return result(array), codegen


@intrinsic
def of_any_layout(typingctx, array):
    """Return an array as one of which the layout isn't known."""
    return retyped(array, array.copy(layout="A"))


def line_of(array):
    raise NotImplementedError("compiled code only")


@overload(line_of, strict=False)
def _line_of(array):
    """Return the elements in one dimension, in the order in which they lie in memory."""
    if array.ndim == 1:
        return lambda array: array
    if array.layout == "C":
        return lambda array: array.reshape(-1)
    if array.layout == "F":
        return lambda array: array.T.reshape(-1)
    return lambda array: array.ravel()


def layout_of_elementwise(function, argtypes):
    """Return the layout that Numba gives to what a function computes element by element."""
    layouts = [argtype.layout for argtype in argtypes if isinstance(argtype, types.Array)]
    if function is np.clip and isinstance(argtypes[0], types.Array):
        layouts = layouts[:1]
    if function is np.where:
        condition, *choices = argtypes
        are_arrays = all(isinstance(argtype, types.Array) for argtype in choices)
        first = getattr(condition, "layout", "C")
        layouts = layouts if are_arrays else [first]
        return "F" if first == "F" and set(layouts) == {"F"} else "C"
    return "F" if "F" in layouts and "C" not in layouts else "C"


@intrinsic
def as_constant(typingctx, array):
    """Return an array that can't be written to."""
    return retyped(array, array.copy(readonly=True))

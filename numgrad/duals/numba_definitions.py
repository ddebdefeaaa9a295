"""How NumPy's functions of whole arrays are defined for arrays of duals."""

from functools import wraps

from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from numgrad.duals.numba_rules import OPTIONS
from numgrad.duals.numba_type import is_dual


def define(*functions):
    """Say what functions of NumPy are where duals are among their arguments.

    The decorated function takes the types of the arguments and returns what Numba compiles, or None
    where there is nothing to define. The target makes Numba ask here before it asks itself: what it
    has itself fails for duals after much work, or compiles and then passes over nan.
    """

    def register(typed):
        @wraps(typed)
        def given(*kinds, **keywords):
            carry = any(map(carries, (*kinds, *keywords.values())))
            return typed(*kinds, **keywords) if carry else None

        for function in functions:
            overload(function, strict=False, jit_options=OPTIONS, target="cpu")(given)
        return typed

    return register


def carries(kind):
    """Return whether there are duals in a type: of numbers, of arrays, or of tuples of them."""
    if isinstance(kind, types.BaseTuple):
        return any(map(carries, kind.types))
    return is_dual(kind) or is_dual(getattr(kind, "dtype", None))


def are_arrays(*kinds):
    return all(isinstance(kind, types.Array) for kind in kinds)


def is_given(kind):
    """Return whether an argument that may be left out is there."""
    return not (kind is None or isinstance(kind, types.NoneType | types.Omitted))


def item(kind):
    """Return the type of the numbers in an array, or of a number."""
    return types.unliteral(kind.dtype if isinstance(kind, types.Array) else kind)


def common(*kinds):
    """Return the type of numbers that holds those of all arguments."""
    return cpu_target.typing_context.unify_types(*map(item, kinds))


@intrinsic
def constant(typingctx, array, number):
    """Return a number as an array has them."""
    wanted = array.dtype

    def codegen(context, builder, sig, arguments):
        return context.cast(builder, arguments[1], sig.args[1], wanted)

    return wanted(array, types.unliteral(number)), codegen


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

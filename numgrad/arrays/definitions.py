"""How NumPy's functions of whole arrays are defined for arrays of duals."""

import inspect
from functools import wraps
from typing import Any

import numpy as np
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from numgrad.arrays.creation import array, item_type
from numgrad.numbers.carrier import is_carrier, is_none, number_of
from numgrad.targets.options import INTERNAL, internal_njit

BODIES: dict[
    Any, Any
] = {}  # by a function: the functions of types that return the bodies it is compiled from


def define(*functions):
    """Say what functions of NumPy are where duals are among their arguments.

    The decorated function takes the types of the arguments and returns what Numba compiles, or None
    where there is nothing to define. The target makes Numba ask here before it asks itself: what it
    has itself fails for duals after much work, or compiles and then passes over nan.

    Where nothing is defined for lists and tuples of numbers, what is defined for arrays serves.
    """

    def register(typed):
        @wraps(typed)
        def given(*kinds, **keywords):
            if not any(map(carries, (*kinds, *keywords.values()))):
                return None
            found = typed(*kinds, **keywords)
            return found or of_arrays(functions[0], typed, kinds, keywords)

        for function in functions:
            keep_body(function, typed)
            overload(function, strict=False, jit_options=INTERNAL, target="cpu")(given)
        return typed

    return register


def keep_body(function, typed):
    """Let plain Python know what a function is compiled from: it runs the very same."""
    BODIES.setdefault(function, []).append(inspect.unwrap(typed))


def of_arrays(function, typed, kinds, keywords):
    """Return what calls a function with arrays of the numbers in lists and tuples, or None."""
    bound = inspect.signature(typed).bind(*kinds, **keywords).arguments
    rows = {name for name, kind in bound.items() if is_row(kind)}
    if not rows:
        return None
    arrays = {
        name: types.Array(item_type(kind), depth_of(kind), "C") if name in rows else kind
        for name, kind in bound.items()
    }
    if typed(**arrays) is None:
        return None
    given = ", ".join(f"array_of({name})" if name in rows else name for name in bound)
    names = {"function": function, "array_of": array_of}
    exec(f"def of_arrays{inspect.signature(typed)}:\n    return function({given})", names)
    return names["of_arrays"]


def is_row(kind):
    """Return whether a type is a list or a tuple of numbers, or of such."""
    if isinstance(kind, types.BaseTuple):
        return len(kind) > 0 and all(is_row(item) or is_number(item) for item in kind.types)
    return isinstance(kind, types.List) and (is_row(kind.dtype) or is_number(kind.dtype))


def is_number(kind):
    return is_carrier(kind) or isinstance(kind, types.Number | types.Boolean)


def depth_of(kind):
    """Return how many dimensions the numbers in nested lists and tuples have."""
    if isinstance(kind, types.BaseTuple):
        return 1 + max(map(depth_of, kind.types))
    return 1 + depth_of(kind.dtype) if isinstance(kind, types.List) else 0


def array_of(row):
    raise NotImplementedError("compiled code only")


@overload(array_of)
def _array_of(row):
    dual = item_type(row)
    return (lambda row: array(dual, row)) if is_carrier(dual) else lambda row: np.asarray(row)


def carries(kind):
    """Return whether there are duals in a type: of numbers, of arrays, or of tuples of them."""
    if isinstance(kind, types.BaseTuple):
        return any(map(carries, kind.types))
    return is_carrier(kind) or is_carrier(getattr(kind, "dtype", None))


def are_arrays(*kinds):
    return all(isinstance(kind, types.Array) for kind in kinds)


def is_given(kind):
    """Return whether an argument that may be left out is there."""
    return not is_none(kind)


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


# Extrema. NumPy's are nan where there is one; Numba's own code looks for it in floats alone.


def is_real(a):
    return are_arrays(a) and is_carrier(a.dtype) and isinstance(number_of(a.dtype), types.Float)


@internal_njit
def check_axis(axis, ndim):
    if not -ndim <= axis < ndim:
        raise ValueError("axis is out of bounds for the array")


def is_whole(a, axis):
    """Return whether a reduction along an axis leaves a number."""
    return not is_given(axis) or (isinstance(axis, types.Integer) and a.ndim == 1)


def of_number(a):
    """Define what a reduction of one number gives: the number; None for anything else."""
    return (lambda a: a) if is_carrier(a) else None


@internal_njit
def itself(numbers):
    return numbers

"""What Numba compiles of a function for arguments of given types, and what that returns."""

from numgrad.targets import cuda
from numgrad.transforms.twin import Twin, highest


def return_type(function, kinds):
    """Return the type of what a compiled function returns for arguments of given types."""
    if cuda.in_kernel():
        return cuda.return_type(function, kinds)
    return overload_of(function, kinds).signature.return_type


def overload_of(function, kinds):
    """Return what Numba has compiled of a function for arguments of given types."""
    if isinstance(function, Twin) and highest(kinds) is None:
        function = function.original
    _, folded = function._compiler.fold_argument_types(tuple(kinds), {})
    function.compile(tuple(folded))
    return function.overloads[tuple(folded)]

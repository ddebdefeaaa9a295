"""The overloads that Numba compiles of a function, and their return types."""

from numgrad.numbers.carrier import highest
from numgrad.targets import cuda_compiler, cuda_device
from numgrad.twin.inference import is_front_end, signature_of
from numgrad.twin.twin import Twin


def return_type(function, kinds):
    """The return type of a compiled function for given argument types."""
    if cuda_device.in_kernel():
        return cuda_compiler.return_type(function, kinds)
    if is_front_end():
        return signature_of(*chosen(function, kinds)).return_type
    return overload_of(function, kinds).signature.return_type


def overload_of(function, kinds):
    """The overload that Numba has compiled of a function for given argument types."""
    function, folded = chosen(function, kinds)
    function.compile(folded)
    return function.overloads[folded]


def chosen(function, kinds):
    """Return the function that runs for arguments of given types, and these, defaults included."""
    if isinstance(function, Twin) and highest(kinds) is None:
        function = function.original
    _, folded = function._compiler.fold_argument_types(tuple(kinds), {})
    return function, tuple(folded)

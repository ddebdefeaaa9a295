"""Functions that compiled code calls by their addresses, above all those of SciPy.

An address says nothing of what it computes, so there is no twin. What can be known is whose address
it is: ``scipy.special.cython_special`` tells those of its functions, and these have entries in
`scipy_functions`. SciPy is asked only if the program has imported it, as one that has such an
address has.
"""

import ctypes
import sys
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.core.errors import NumbaTypeError
from numba.core.typing.templates import builtin_registry, signature
from numba.extending import get_cython_function_address, lower_builtin, overload

from numgrad.calls.derivations import plain_derivation
from numgrad.calls.entries import Entry, register
from numgrad.calls.lowering import lower_derivation
from numgrad.numbers.carrier import is_carrier
from numgrad.rules import registry
from numgrad.targets.options import INTERNAL, internal_njit

_active_versions: dict[int, Any] = {}

MODULE = "scipy.special.cython_special"
POINTER = type(ctypes.CFUNCTYPE(None)()).__mro__[1]


def is_known(function):
    """Whether a thing is called by its address, or is a ufunc of SciPy's."""
    if isinstance(function, np.ufunc):
        return is_of_scipy(function)
    return isinstance(function, types.WrapperAddressProtocol | POINTER)


def is_of_scipy(ufunc):
    module = sys.modules.get("scipy.special")
    return module is not None and getattr(module, ufunc.__name__, None) is ufunc


def active_version_of(function):
    """The active version of such a function, which follows its rule."""
    address = None if isinstance(function, np.ufunc) else address_of(function)
    identity = id(function)  # those of ctypes have no hash
    if identity not in _active_versions:
        _active_versions.setdefault(identity, (function, carrier_made_for(function, address)))
    return _active_versions[identity][1]


def carrier_made_for(function, address):
    names = ", ".join(f"x{k}" for k in range(arity_of(function)))
    caller = internal_njit(eval(f"lambda {names}: function({names})", {"function": function}))

    def call(*arguments):
        raise NotImplementedError("compiled code only")

    key = scipy_function_named(function.__name__) if address is None else function_at(address)
    attributes = {"key": staticmethod(call), "caller": caller, "function": staticmethod(key)}
    template: Any = type("Dual_pointer", (PointerEntry,), attributes)
    builtin_registry.register_global(call, types.Function(template))
    lower_builtin(template.lowering_key(), types.VarArg(types.Any))(template.lower)
    return call


class PointerEntry(Entry):
    """The signatures of the stand-in for a function that is called by its address."""

    caller: Any  # compiled code that calls it

    def generic(self, arguments, keywords):
        argtypes = tuple(map(types.unliteral, arguments))
        derivation = None if keywords else self.derivation(self.context, argtypes)
        return None if derivation is None else signature(derivation.result, *argtypes)

    @classmethod
    def lowering_key(cls):
        return "numgrad", cls.caller

    @classmethod
    def derivation(cls, typingctx, argtypes):
        if not any(map(is_carrier, argtypes)):
            return plain_derivation(typingctx, cls.caller, argtypes, None)
        if cls.function is None:
            raise NumbaTypeError(
                "No rule is known for the function at this address, which is given numbers with "
                "derivatives"
            )
        return super().derivation(typingctx, argtypes)

    @classmethod
    def lower(cls, context, builder, sig, arguments):
        derivation = cls.derivation(context.typing_context, sig.args)
        return lower_derivation(context, builder, derivation, sig.args, arguments)


def arity_of(function):
    if isinstance(function, np.ufunc):
        return function.nin
    if isinstance(function, types.WrapperAddressProtocol):
        return len(function.signature().args)
    return len(function.argtypes)


def address_of(function):
    if isinstance(function, types.WrapperAddressProtocol):
        return function.__wrapper_address__()
    return ctypes.cast(function, ctypes.c_void_p).value


def function_at(address):
    """Return SciPy's function at an address, or None."""
    if MODULE not in sys.modules:
        return None
    name = names_by_address().get(address)
    return None if name is None else scipy_function_named(name)


def scipy_function_named(name):
    """Return SciPy's function of a name, if it has an entry; Numba knows it then."""
    from numgrad.rules import scipy_functions

    function = scipy_functions.FUNCTIONS.get(name)
    if function is not None:
        register_all()
    return function


def declarations():
    """Return the C declarations of SciPy's functions by their names in the module."""
    get_name = ctypes.pythonapi.PyCapsule_GetName
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    capsules = sys.modules[MODULE].__pyx_capi__
    return {name: get_name(capsule).decode() for name, capsule in capsules.items()}


@cache
def names_by_address():
    return {
        get_cython_function_address(MODULE, name): bare(name)
        for name, declaration in declarations().items()
        if declaration.startswith("double (")
    }


def bare(name):
    """Return the name of a function of which Cython made one for each type."""
    return name.split("__pyx_fuse_")[-1].lstrip("0123456789_")


@cache
def address_named(name, declaration):
    """Return the address of SciPy's function of a name that is declared in a way."""
    __import__(MODULE)
    for each, declared in declarations().items():
        if bare(each) == name and declared.replace(" __pyx_skip_dispatch", "") == declaration:
            return get_cython_function_address(MODULE, each)
    raise NumbaTypeError(f"this version of SciPy has no {name} that compiled code can call")


class OfComplex(types.WrapperAddressProtocol):
    """A function of a complex number, which has no type in ctypes."""

    def __init__(self, address):
        self.address = address

    def __wrapper_address__(self):
        return self.address

    def signature(self):
        return types.complex128(types.complex128)


@cache
def pointer_to(name, count, is_complex):
    """Return SciPy's function of a name as compiled code calls it."""
    if is_complex:
        if sys.platform == "win32":
            raise NumbaTypeError(f"{name} of a complex number can't be called on Windows")
        number = "__pyx_t_double_complex"
        return OfComplex(address_named(name, f"{number} ({number}, int)"))
    arguments = "double, " * count
    address = address_named(name, f"double ({arguments}int)")
    return ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * count)(address)


@cache
def register_all():
    """Teach Numba the functions of SciPy that have entries."""
    for function in registry.ON_DEMAND:
        register_function(function)
        register(function, function)


def register_function(function):
    @overload(function, jit_options=INTERNAL, strict=False)
    def typed(*arguments):
        if any(map(is_carrier, arguments)):
            return None
        is_complex = any(isinstance(argtype, types.Complex) for argtype in arguments)
        pointer = pointer_to(function.__name__, len(arguments), is_complex)
        return lambda *arguments: pointer(*arguments)

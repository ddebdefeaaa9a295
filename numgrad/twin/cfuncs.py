"""Functions of ``cfunc``: where they take pointers to numbers, they take arrays of duals too."""

from typing import Any
from weakref import WeakKeyDictionary

from numba import types
from numba.extending import intrinsic, overload

from numgrad.twin.source import Body, function_of

_active_versions: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def active_version_of(cfunc, twin):
    """The active version of a function of cfunc."""
    if cfunc not in _active_versions:
        _active_versions.setdefault(cfunc, _active_version_of(twin))
    return _active_versions[cfunc]


def _active_version_of(twin):
    def call(*arguments):
        raise NotImplementedError("compiled code only")

    @overload(call, strict=False)
    def typed(*arguments):
        names = [f"x{k}" for k in range(len(arguments))]
        given = [
            f"pointer_to({name})" if isinstance(kind, types.ArrayCTypes) else name
            for name, kind in zip(names, arguments, strict=True)
        ]
        body = Body([f"return twin({', '.join(given)})"], {"twin": twin, "pointer_to": pointer_to})
        return function_of("call", ", ".join(names), body)

    return call


@intrinsic
def pointer_to(typingctx, array):
    """Return the pointer that ``array.ctypes`` becomes where a function asks for one."""
    pointer = types.CPointer(array.dtype)

    def codegen(context, builder, sig, arguments):
        return context.cast(builder, arguments[0], array, pointer)

    return pointer(array), codegen

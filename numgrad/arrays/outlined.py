"""Compiled functions that are called by a symbol.

Numba links what a compiled function calls into it, and optimises all of it again, at each level of
callers. Functions that take long to compile and are called seldom are compiled once, outlined.
"""

from functools import wraps
from inspect import signature as signature_of_python
from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, builtin_registry, signature
from numba.extending import lower_builtin, overload

from numgrad.arrays.definitions import define, keep_body
from numgrad.targets import symbols
from numgrad.targets.context import refresh
from numgrad.targets.options import internal_njit


class Outlined(AbstractTemplate):
    """The signatures of a function that is called by a symbol."""

    dispatcher: Any

    def generic(self, arguments, keywords):
        if keywords:
            return None
        return signature(self.compiled(arguments).signature.return_type, *arguments)

    @classmethod
    def compiled(cls, arguments):
        """Return what Numba has compiled for arguments of some types."""
        kinds = tuple(map(types.unliteral, arguments))
        cls.dispatcher.compile(kinds)
        return cls.dispatcher.overloads[kinds]

    def get_impl_key(self, sig):
        return self.lowering_key()

    @classmethod
    def lowering_key(cls):
        return "numgrad outlined", cls.key

    @classmethod
    def lower(cls, context, builder, sig, arguments):
        compiled = cls.compiled(sig.args)
        inner, description = compiled.signature, compiled.fndesc
        symbol = symbols.bound(compiled, context)
        kind = context.call_conv.get_function_type(description.restype, description.argtypes)
        function = cgutils.get_or_insert_function(builder.module, kind, symbol)
        arguments = [
            context.cast(builder, *each)
            for each in zip(arguments, sig.args, inner.args, strict=True)
        ]
        status, result = context.call_conv.call_function(
            builder, function, inner.return_type, inner.args, arguments
        )
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return result


def outlined(function):
    """Compile a function that other compiled functions call by a symbol."""

    def call(*arguments):
        raise NotImplementedError("compiled code only")

    call.__wrapped__ = function  # which plain Python calls
    attributes = {
        "key": staticmethod(call),
        "dispatcher": internal_njit(function),
    }
    template = type(f"Outlined_{function.__name__}", (Outlined,), attributes)
    builtin_registry.register_global(call, types.Function(template))
    lower_builtin(template.lowering_key(), types.VarArg(types.Any))(template.lower)
    refresh()  # Numba takes in what is registered while it compiles only when it is asked to
    return call


def define_outlined(function):
    """Say what a function of NumPy is where duals are among its arguments, as ``define`` does."""
    return lambda typed: define(function)(choosing_outlined(typed))


def overload_outlined(function):
    """Say what a function is for arguments of some types, as ``overload`` does."""

    def register(typed):
        keep_body(function, typed)
        return overload(function, strict=False)(choosing_outlined(typed))

    return register


def choosing_outlined(typed):
    @wraps(typed)
    def given(*kinds, **keywords):
        body = typed(*kinds, **keywords)
        return None if body is None else calling(body)

    return given


def calling(body):
    """Return a function of the same arguments that calls another one by a symbol."""
    arguments = signature_of_python(body).parameters
    namespace = {"body": outlined(body)} | {
        f"default_{name}": argument.default for name, argument in arguments.items()
    }
    named = ", ".join(
        name if argument.default is argument.empty else f"{name}=default_{name}"
        for name, argument in arguments.items()
    )
    exec(f"def call({named}):\n    return body({', '.join(arguments)})", namespace)
    return namespace["call"]

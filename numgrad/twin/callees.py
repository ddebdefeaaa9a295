"""Active versions of callees that are no functions of ``njit``: ufuncs and overloads."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numba
import numpy as np
from numba import types
from numba.core.ccallback import CFunc
from numba.core.cpu_options import InlineOptions
from numba.core.typing.templates import (
    AbstractTemplate,
    _OverloadFunctionTemplate,
    builtin_registry,
    signature,
)
from numba.extending import lower_builtin

from numgrad.calls.elementwise import element, has_array, lower_elementwise
from numgrad.numbers.carrier import is_carrier, without_derivatives
from numgrad.numbers.emitting import call, return_type, signature_of
from numgrad.numbers.layouts import layout_of_elementwise
from numgrad.rules.registry import TABLE
from numgrad.targets.followed import FOLLOWED
from numgrad.targets.options import ELEMENT, OF_UFUNCS, taken_over

_elementwise: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_overloaded: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_sources: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

# Packages whose own functions have rules, or are refused: their overloads are left as they are.
# Functions of NumPy's that derivatives follow by the source of Numba's own overload.
BY_SOURCE = frozenset(
    getattr(module, name)
    for module, names in (
        (np.polynomial.polynomial, "polyadd polydiv polyint polymul polysub polyval"),
        (np.polynomial.polyutils, "as_series trimseq"),
    )
    for name in names.split()
)
OURS = ("numba", "numpy", "numgrad", "math", "cmath", "builtins", "_operator", "operator")


def elementwise(ufunc, active_version_of):
    """The active version of a ufunc of Numba's."""
    if ufunc not in _elementwise or _elementwise[ufunc][0] is not TABLE.get(ufunc):
        _elementwise[ufunc] = TABLE.get(ufunc), _elementwise_of(ufunc, active_version_of)
    return _elementwise[ufunc][1]


def _elementwise_of(ufunc, active_version_of):
    options = ELEMENT | taken_over(ufunc.targetoptions, OF_UFUNCS)
    function = numba.njit(ufunc._dispatcher.py_func, **options)
    if ufunc in TABLE:  # the rule is one of numbers
        TABLE[function] = TABLE[ufunc]
    twin = active_version_of(function)

    def stand_in(*arguments):
        raise NotImplementedError("compiled code only")

    class Template(AbstractTemplate):
        key = stand_in

        def generic(self, args, kws):
            if kws:
                return None
            kinds = tuple(map(types.unliteral, args))
            if len(kinds) > ufunc.nin:
                return self.into(kinds)
            if not any(is_carrier(element(kind)) for kind in kinds):
                return signature_of(self.context, ufunc, kinds)
            if not has_array(kinds):
                return signature(return_type(self.context, twin, kinds), *kinds)
            result = return_type(self.context, twin, [element(kind) for kind in kinds])
            result = getattr(result, "stored", result)
            ndim = max(kind.ndim for kind in kinds if isinstance(kind, types.Array))
            layout = layout_of_elementwise(ufunc, kinds)
            return signature(types.Array(result, ndim, layout), *kinds)

        def into(self, kinds):
            """Return the signature of a call with an output behind the arguments."""
            *inputs, out = kinds
            result = return_type(self.context, twin, [element(kind) for kind in inputs])
            if not isinstance(out, types.Array) or not out.mutable or result is None:
                return None
            fits = self.context.can_convert(result, out.dtype) is not None
            return signature(out, *kinds) if fits else None

        def get_impl_key(self, sig):
            return stand_in

    def lower(context, builder, sig, arguments):
        if not any(is_carrier(element(kind)) for kind in sig.args):
            return call(context, builder, ufunc, sig.args, arguments)[1]
        if len(arguments) > ufunc.nin:
            *inputs, out = arguments
            into = sig.return_type(*sig.args[:-1])
            return lower_elementwise(context, builder, twin, into, inputs, (out,))
        if has_array(sig.args):
            return lower_elementwise(context, builder, twin, sig, arguments)
        return call(context, builder, twin, sig.args, arguments)[1]

    builtin_registry.register_global(stand_in, types.Function(Template))
    lower_builtin(stand_in, types.VarArg(types.Any))(lower)
    return stand_in


def overloaded(typingctx, function, twin_of):
    """The active version of a function with overloads of another package's: they are twins."""
    if isinstance(function, np.ufunc | types.Type):
        return function
    if is_ours(function) and function not in FOLLOWED and function not in BY_SOURCE:
        return function
    try:
        key = FOLLOWED.get(function, function)  # NumPy's own can't be referred to weakly
        if key not in _overloaded:
            _overloaded.setdefault(key, _overloaded_of(typingctx, function, twin_of))
        return _overloaded[key]
    except TypeError:  # it can't be referred to weakly
        return function


def is_ours(thing):
    module = getattr(thing, "__module__", None) or "builtins"
    if module == "builtins" and inspect.isfunction(thing):
        return False  # written by somebody who gave its module no name
    return module.split(".")[0] in OURS


def is_plain(typingctx, function):
    """Whether a thing is a Python function that Numba doesn't know."""
    if not inspect.isfunction(function) or is_ours(function):
        return False
    return typingctx._lookup_global(function) is None


def _overloaded_of(typingctx, function, twin_of):
    kind = typingctx._lookup_global(function)
    if not isinstance(kind, types.Function):
        return function
    if not all(issubclass(each, _OverloadFunctionTemplate) for each in kind.templates):
        return function

    def stand_in(*arguments):
        raise NotImplementedError("compiled code only")

    stand_in.__name__ = function.__name__
    own = FOLLOWED.get(function)
    templates = [
        twin_template(each, own or each._overload_func, stand_in, twin_of)
        for each in (kind.templates if own is None else kind.templates[:1])
    ]
    for template in templates:
        builtin_registry.register(template)
    builtin_registry.register_global(stand_in, types.Function(tuple(templates)))
    return stand_in


def twin_template(
    template: Any,
    choose: Callable[..., Any],
    stand_in: Callable[..., Any],
    twin_of: Callable[[Any], Any],
) -> type[Any]:
    """Return an overload whose implementations are twins.

    They are chosen among by the types they were written for: those without derivatives.
    """

    class Template(template):
        key = stand_in
        _impl_cache: ClassVar[dict[Any, Any]] = {}
        _compiled_overloads: ClassVar[dict[Any, Any]] = {}
        _inline_overloads: ClassVar[dict[Any, Any]] = {}
        _inline = staticmethod(InlineOptions("never"))
        _overload_func = staticmethod(choosing_by_numbers(choose))

        def _get_jit_decorator(self):
            return lambda **options: lambda function: twin_of(numba.jit(function, **options))

    return Template


def choosing_by_numbers(choose):
    """An overload's choice by primal types."""

    @wraps(choose)
    def choose_by_numbers(*kinds, **keywords):
        keywords = {name: without_derivatives(kind) for name, kind in keywords.items()}
        return choose(*map(without_derivatives, kinds), **keywords)

    return choose_by_numbers


def plain_source(function):
    """The function of ``njit`` that a callee is compiled from."""
    if not isinstance(function, CFunc):
        return function
    if function not in _sources:
        _sources.setdefault(function, numba.njit(function.__wrapped__))
    return _sources[function]


def is_number_class(function):
    """Whether calling a thing converts a number to a type of NumPy's or Numba's."""
    return isinstance(function, types.Number) or (
        isinstance(function, type) and issubclass(function, np.number)
    )

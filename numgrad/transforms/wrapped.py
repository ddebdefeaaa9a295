"""Callables as functions that can be differentiated.

Partial functions, bound methods and callable objects hold some of the arguments. Functions that
return lists, as right-hand sides for SciPy do, return arrays.
"""

import dis
import functools
import inspect
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
from numba import typeof
from numba.core.errors import NumbaError
from numba.experimental.jitclass import _box as boxing

from numgrad.drivers.transform import Transform
from numgrad.rules.registry import PULLBACKS, TABLE

BY_NAME = inspect.Parameter.KEYWORD_ONLY  # which Numba takes in their places too
OF_NUMPY = type(np.sum)  # its functions of arrays
KINDS = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, BY_NAME


def as_function(thing: Any) -> Any:
    """Return a function of Python's for a callable that holds some arguments, or itself.

    What it holds becomes constants of the function, as what a closure captures does.
    """
    if isinstance(thing, Transform):
        return thing
    if isinstance(thing, functools.partial):
        given = inspect.signature(thing.func).bind_partial(*thing.args, **thing.keywords)
        return _with(thing.func, thing, given.arguments)
    if isinstance(thing, MethodType) and isinstance(thing.__self__, boxing.Box):
        kind = thing.__self__._numba_type_
        return _of_object(kind.jit_methods[thing.__name__], thing.__self__, thing)
    if isinstance(thing, MethodType):
        return _of_object(thing.__func__, thing.__self__)
    if isinstance(getattr(thing, "py_func", thing), FunctionType):
        return with_array(thing)
    if isinstance(thing, OF_NUMPY) and thing not in TABLE:
        return calling(thing)
    call = inspect.getattr_static(type(thing), "__call__", None)  # microseconds
    is_ours = type(thing).__module__.split(".")[0] in ("numba", "numgrad", "numpy")
    if isinstance(call, FunctionType) and not is_ours:
        return _of_object(call, thing)
    return thing


@functools.cache
def calling(function: Any) -> Any:
    """Return a function that calls one of NumPy's, which Numba knows by name, not by source."""

    def call(*arguments: Any) -> Any:
        return function(*arguments)

    call.__name__ = call.__qualname__ = function.__name__
    return call


@functools.lru_cache(maxsize=512)
def returns_lists(code: CodeType) -> bool:
    """Tell whether a function returns a list that it writes down, wherever it returns."""
    before, found = None, []
    for each in dis.get_instructions(code):
        if each.opname.startswith("RETURN_"):
            found.append(before in ("BUILD_LIST", "LIST_EXTEND"))
        before = each.opname
    return bool(found) and all(found)


def with_array(function: Any) -> Any:
    """Return a function that makes an array of the list that another one returns, or itself."""
    source = getattr(function, "py_func", function)
    if not isinstance(source, FunctionType) or function in TABLE or function in PULLBACKS:
        return function
    if not returns_lists(source.__code__):
        return function
    return _with(function, function, {}, "array({})")


def _of_object(function: Any, owner: Any, bound: Any = None) -> Any:
    """Return a method as a function, with its object as a constant."""
    try:
        typeof(owner)
    except (ValueError, NumbaError) as error:
        name = getattr(function, "__name__", repr(function))
        raise TypeError(
            f"{name} is called on a {type(owner).__name__}, which Numba can't compile: write a "
            "function that takes the fields it needs as arguments, or pass jit=False"
        ) from error
    parameters = list(inspect.signature(function).parameters)
    bound = function.__get__(owner) if bound is None else bound
    return _with(function, bound, {parameters[0]: owner})


def _with(function: Any, bound: Callable[..., Any], given: dict[str, Any], form: str = "{}") -> Any:
    """Return a function of the arguments that are still missing."""
    parameters = inspect.signature(function).parameters
    left = {name: p for name, p in parameters.items() if name not in given}
    if any(p.kind not in KINDS for p in (*left.values(), *(parameters[name] for name in given))):
        return bound  # which is refused, since its arguments can't be told one by one
    names = {f"given_{name}": value for name, value in given.items()}
    call = ", ".join(f"given_{name}" if name in given else name for name in parameters)
    by_name = [name for name, p in left.items() if p.kind is BY_NAME]
    stated = [
        *(name for name in left if name not in by_name),
        *(["*"] if by_name else []),
        *by_name,
    ]
    lines = [f"def factory(function, {', '.join(names)}):"]
    lines += [f"    return lambda {', '.join(stated)}: {form.format(f'function({call})')}"]
    namespace: dict[str, Any] = {"array": np.array}
    exec("\n".join(lines), namespace)
    made = namespace["factory"](function if form != "{}" else as_function(function), **names)
    defaults = {name: p.default for name, p in left.items() if p.default is not p.empty}
    made.__kwdefaults__ = {name: defaults.pop(name) for name in by_name if name in defaults} or None
    made.__defaults__ = tuple(defaults.values()) or None
    made.__name__ = made.__qualname__ = getattr(function, "__name__", repr(function))
    made.__module__ = getattr(function, "__module__", None)
    return made

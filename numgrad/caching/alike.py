"""Functions that are equal in content, such as lambdas made in a loop: one stands for all.

What was compiled for the first serves the others. They have one code, and what they close over and
look up is equal, or the same: then and when it was compiled.
"""

from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary, ref

from numba.core.registry import CPUDispatcher

from numgrad.caching.frozen import mark, marks, was_compiled_otherwise
from numgrad.rules.registry import PULLBACKS, TABLE

_known: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()  # by code: functions, their marks


def representative(function: Any) -> Any:
    """Return the first function of its content that is still there; most of the time itself."""
    source = source_of(function)
    if source is None:
        return function
    known = _known.setdefault(source.__code__, [])
    for place, _ in known:
        if place() is function:
            return function
    found = content(function, source)
    for place, before in list(known):
        other = place()
        if other is None or not is_as_before(other, before):
            known.remove((place, before))
        elif before == found and not has_rule(other):
            return other
    if not has_rule(function):
        known.append((ref(function), found))
    return function


def source_of(function: Any) -> Any:
    """Return the function of Python's of one that others may stand for."""
    if type(function) is CPUDispatcher and function._can_compile and not function.locals:
        function = function.py_func
    is_plain = isinstance(function, FunctionType) and not vars(function)
    return function if is_plain else None


def content(function: Any, source: Any) -> Any:
    """Return what is equal for functions of one code that are equal in content."""
    settings = (
        None
        if function is source
        else (mark(function.targetoptions), function._compiler.pipeline_class)
    )
    kinds = type(function), type(getattr(function, "_cache", None))
    place = source.__module__, source.__qualname__, source.__code__.co_filename  # shown in errors
    return place, kinds, settings, marks(source)


def is_as_before(function: Any, before: Any) -> bool:
    """Whether a function is what it was, and was never compiled as something else."""
    source = source_of(function)
    return content(function, source) == before and not was_compiled_otherwise(source, before[-1])


def has_rule(function: Any) -> bool:
    return function in TABLE or function in PULLBACKS

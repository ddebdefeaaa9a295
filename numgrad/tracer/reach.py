"""What a function's code reaches: whether it may write to arrays, and what data it knows."""

import dis
import functools
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from numgrad.tracer.jitclasses import functions_of, is_boxed, is_jitclass
from numgrad.tracer.places import is_library

# The names of functions and methods that write to an array.
WRITERS = frozenset(
    "at copyto fill fill_diagonal iadd imatmul imul ipow isub itruediv nan_to_num partition place "
    "put put_along_axis putmask setitem shuffle sort __setitem__".split()
)


def may_write(function: Any) -> bool:
    """Return whether a function, or one that it calls by its name, may write to arrays."""
    return any(_writes(code) for code, _ in reached(function) if code is not None)


def outer_data(function: Any) -> list[Any]:
    """Return the variables from outside that a function knows, and those it calls by name."""
    return [thing for _, known in reached(function) for thing in known]


def reached(function: Any) -> Iterator[tuple[types.CodeType | None, list[Any]]]:
    """Return the code of a function and of those it knows by their names, and what each knows."""
    following, seen = [function], set()
    while following:
        each = following.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, types.FunctionType):
            if is_library(each.__code__.co_filename):
                continue
            known = list(_known(each))
            yield each.__code__, known
            following += [thing for thing in known if callable(thing)]
            following += [
                each for thing in known if is_boxed(thing) for each in functions_of(thing)
            ]
        else:
            functions, known = _within(each)
            yield None, known
            following += functions


def _within(thing: Any) -> tuple[list[Any], list[Any]]:
    """Return the functions that something callable is made of, and the data that it holds."""
    if isinstance(thing, types.MethodType):
        return [thing.__func__], [thing.__self__]
    if isinstance(thing, functools.partial):
        held = [*thing.args, *thing.keywords.values()]
        return [thing.func, *filter(callable, held)], held
    if is_jitclass(thing):
        return functions_of(thing), []
    if isinstance(thing, type):
        return [], []
    for name in ("py_func", "original", "__wrapped__"):
        inner = getattr(thing, name, None)
        if inner is not None:
            return [inner], []
    call = type(thing).__call__
    return ([call], [thing]) if isinstance(call, types.FunctionType) else ([], [])


def _known(function: types.FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    yield from function.__defaults__ or ()
    names = getattr(function.__globals__, "names", function.__globals__)
    for name in _names(function.__code__):
        if name in names:
            yield names[name]


@lru_cache(maxsize=512)
def _names(code: types.CodeType) -> frozenset[str]:
    """Return the names in code, and in that of functions within it."""
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return frozenset(code.co_names).union(*map(_names, inner))


@lru_cache(maxsize=512)
def _writes(code: types.CodeType) -> bool:
    if WRITERS & set(code.co_names) or "out" in _keywords(code):
        return True
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("STORE_SUBSCR", "STORE_SLICE", "STORE_ATTR"):
            return True
        if instruction.opname == "BINARY_OP" and instruction.argrepr.endswith("="):
            return True
    return any(_writes(c) for c in code.co_consts if isinstance(c, types.CodeType))


def _keywords(code: types.CodeType) -> set[str]:
    """Return the keywords that functions are called with, and other strings in tuples."""
    return {
        name
        for const in code.co_consts
        if isinstance(const, tuple)
        for name in const
        if isinstance(name, str)
    }

"""What the names in functions stood for when Numba compiled them, which it compiles in.

A number in a global variable may change afterwards. Code that is linked with what was compiled
before then is not what a digest of now would say.
"""

import hashlib
from types import FunctionType
from typing import Any
from weakref import ref

import numpy as np

from numgrad.caching.known import is_known_file, objects_named

_frozen: dict[str, Any] = {}  # by the numbers of functions: these, and the marks of their names


def note(number: str, function: Any) -> None:
    """Note what a function that is being compiled looks up."""
    if isinstance(function, FunctionType) and not is_known_file(function.__code__.co_filename):
        _frozen[number] = ref(function), marks(function)


def has_changed(number: str) -> bool:
    """Whether a function looks up other things than when it was compiled under a number.

    What was compiled in another process is known to its cache alone. Of a function that is gone,
    those that call it have noted what it was.
    """
    if number not in _frozen:
        return False
    function, before = _frozen[number]
    return function() is not None and marks(function()) != before


def marks(function: Any) -> list[tuple[str, Any]]:
    """Return the names that a function looks up with marks of what they stand for."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found = [(name, mark(contents_of(cell))) for name, cell in cells]
    found += [(name, mark(thing)) for name, thing in objects_named(function, lambda _: False)]
    return found


def contents_of(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "nothing yet"


def mark(thing: Any) -> Any:
    """Return what tells a thing from others, and from itself when it has changed."""
    if isinstance(thing, np.ndarray):
        content = b"" if thing.dtype.hasobject else thing.tobytes()
        return thing.dtype.str, thing.shape, thing.strides, hashlib.sha256(content).digest()
    if isinstance(thing, tuple | list):
        return type(thing), [mark(item) for item in thing]
    try:
        return ref(thing)  # equal where both things are, and to itself where they are gone
    except TypeError:
        return type(thing), repr(thing)

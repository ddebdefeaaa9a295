"""What the names in functions stood for when Numba compiled them, which it compiles in.

A number in a global variable may change afterwards. Code that is linked with what was compiled
before then is not what a digest of now would say.
"""

import enum
import hashlib
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from numgrad.caching.known import LARGEST_ARRAY, is_known_file, objects_named

ATOMS = bool, int, float, complex, str, bytes, type(None), type(...), range, slice
_frozen: dict[str, Any] = {}  # by the numbers of functions: these, and the marks of their names
_compiled: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # by code, all marks there were


def note(number: str, function: Any) -> None:
    """Note what a function that is being compiled looks up."""
    if isinstance(function, FunctionType) and not is_known_file(function.__code__.co_filename):
        now = marks(function)
        _frozen[number] = ref(function), now
        known = _compiled.setdefault(function.__code__, {}).setdefault(closure_of(function), [])
        if now not in known:
            known.append(now)


def has_changed(number: str) -> bool:
    """Whether a function looks up other things than when it was compiled under a number.

    What was compiled in another process is known to its cache alone. Of a function that is gone,
    those that call it have noted what it was.
    """
    if number not in _frozen:
        return False
    function, before = _frozen[number]
    return function() is not None and marks(function()) != before


def was_compiled_otherwise(function: Any, known: Any) -> bool:
    """Whether a function was ever compiled while its names stood for other things than some."""
    compiled = _compiled.get(function.__code__, {}).get(closure_of(function), ())
    return any(each != known for each in compiled)


def closure_of(function: Any) -> int:
    """A number that functions have in common which close over the same variables, as copies do."""
    return id(function.__closure__)


def marks(function: Any) -> list[tuple[str, Any]]:
    """Return the names that a function looks up with marks of what they stand for."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found = [(name, mark(contents_of(cell))) for name, cell in cells]
    found += [(name, mark(thing)) for name, thing in objects_named(function, lambda _: False)]
    found += [("defaults", mark(function.__defaults__)), ("more", mark(function.__kwdefaults__))]
    return found


def contents_of(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return "nothing yet"


def mark(thing: Any) -> Any:
    """Return what is equal for equal contents alone, and for the same object if they can't be told.

    Numba compiles a large array in by its address.
    """
    if type(thing) in ATOMS:
        return type(thing), repr(thing)
    if isinstance(thing, np.ndarray | np.generic) and not isinstance(thing, enum.Enum):
        content = np.asarray(thing)
        if not content.dtype.hasobject and content.nbytes <= LARGEST_ARRAY:
            digest = hashlib.sha256(content.tobytes()).digest()
            return type(thing), repr(content.dtype), content.shape, content.strides, digest
    if type(thing) in (tuple, list) or hasattr(type(thing), "_fields"):
        return type(thing), [mark(item) for item in thing]
    if type(thing) is dict:
        return dict, [(mark(name), mark(value)) for name, value in thing.items()]
    try:
        return Same(thing)
    except TypeError:
        return object()  # it is like nothing


class Same:
    """A mark of an object that doesn't keep it alive: equal to those of the same object."""

    def __init__(self, thing: Any) -> None:
        self.thing = ref(thing)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same):
            return False
        thing = self.thing()
        return thing is not None and thing is other.thing()

    __hash__ = None  # type: ignore[assignment]

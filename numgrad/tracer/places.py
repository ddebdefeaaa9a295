"""Lines of the user's code: where an operation stands, and errors that say so."""

import inspect
import linecache
import os
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

import numpy as np

from numgrad.twin.errors import DifferentiationError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_EXAMPLES = _PACKAGE + "examples" + os.sep  # programs as users write them
_LIBRARIES = tuple({path + os.sep for path in sysconfig.get_paths().values() if path})

ENTRANCES: set[CodeType] = set()  # the functions that call the user's: the search ends there


@dataclass(frozen=True)
class Place:
    """A line of source."""

    function: str
    filename: str
    line: int

    @property
    def text(self) -> str:
        """What the line says."""
        return linecache.getline(self.filename, self.line).strip()

    def __str__(self) -> str:
        return f"{os.path.basename(self.filename)}, line {self.line}"


@lru_cache(maxsize=1024)
def is_library(filename: str) -> bool:
    """Return whether a file belongs to an installed package or to Python."""
    return not filename.startswith(_EXAMPLES) and filename.startswith(_LIBRARIES)


@lru_cache(maxsize=1024)
def _is_inner(filename: str) -> bool:
    if filename.startswith(_EXAMPLES):
        return False
    return filename.startswith((_PACKAGE, _NUMPY)) or filename == "<frozen importlib._bootstrap>"


def here() -> Place | None:
    """Return the innermost line of the user's; one of a library's where there is none."""
    frame, fallback = sys._getframe(1), None
    while frame is not None and frame.f_code not in ENTRANCES:
        filename = frame.f_code.co_filename
        if not _is_inner(filename):
            place = Place(frame.f_code.co_name, filename, frame.f_lineno)
            if not is_library(filename):
                return place
            fallback = fallback or place
        frame = frame.f_back  # type: ignore[assignment]
    return fallback


def start_of(function: object) -> Place | None:
    """Return the line on which a function begins."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    return None if code is None else Place(code.co_name, code.co_filename, code.co_firstlineno)


def refusal(reason: str, advice: str, place: Place | None = None) -> DifferentiationError:
    """Return the error to raise for what can't be differentiated: where the program is now."""
    place = place or here()
    if place is None:
        return DifferentiationError(f"{reason}\n{advice}")
    return DifferentiationError(
        f"{place.function} can't be differentiated:\n"
        f"{place.filename}, line {place.line}: {place.text}\n{reason}\n{advice}"
    )

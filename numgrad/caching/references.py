"""What is pickled with machine code refers to a user's functions, and holds none of them.

A function that is pickled and restored is another one: it has no rule, and is compiled anew. The
functions that a saved one is made of are found in the same order in the process that loads it, as
its digest is the same, and so their places tell which they are.
"""

import io
import pickle
from functools import partial
from typing import Any

from numba.core.dispatcher import Dispatcher
from numba.core.serialize import NumbaPickler

from numgrad.caching.contents import Contents
from numgrad.caching.known import NoDigestError
from numgrad.targets.stamps import loading, saving


def functions_of(function: Any) -> list[Any]:
    """The functions that one is made of, and what they are made of, in one order."""
    try:
        return [part.thing for part in Contents().parts(function)]
    except NoDigestError:  # no pickle of it is kept
        return []


class ReferringPickler(NumbaPickler):
    """A pickler that writes the places of functions."""

    def __init__(self, file: Any, functions: list[Any]) -> None:
        super().__init__(file, protocol=4)
        self.functions = functions  # which keeps their ids from being taken by others
        self.places = {id(function): k for k, function in enumerate(functions)}

    def persistent_id(self, thing: Any) -> int | None:
        is_function = callable(thing) or isinstance(thing, Dispatcher)
        return self.places.get(id(thing)) if is_function else None


class ReferringUnpickler(pickle.Unpickler):
    """An unpickler that looks functions up by their places."""

    def __init__(self, file: Any, functions: list[Any]) -> None:
        super().__init__(file)
        self.functions = functions

    def persistent_load(self, place: int) -> Any:
        return self.functions[place]


def pickled_by(pickler: type[ReferringPickler], thing: Any, functions: list[Any]) -> bytes:
    """Return a thing pickled, with the places of functions among some."""
    file = io.BytesIO()
    pickler(file, functions).dump(thing)
    return file.getvalue()


def loaded_from(pickled: bytes, functions: list[Any]) -> Any:
    return ReferringUnpickler(io.BytesIO(pickled), functions).load()


def packed(thing: Any) -> Any:
    """Return a thing as part of a program that Numba saves: what makes it when that is loaded."""
    cache, _ = saving()
    functions = [] if cache is None else functions_of(cache._py_func)
    return unpacker, (pickled_by(ReferringPickler, thing, functions),)


def unpacker(pickled: bytes) -> Any:
    """Return the function that makes what was packed, when it is called."""
    cache = loading()
    functions = [] if cache is None else functions_of(cache._py_func)
    return partial(loaded_from, pickled, functions)

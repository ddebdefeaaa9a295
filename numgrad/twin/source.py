"""Functions that are written while they are compiled, for the types of their arguments."""

from typing import Any, NamedTuple
from uuid import uuid4


class Body(NamedTuple):
    """The lines of a function's source, and the objects that its names stand for."""

    lines: list[str]
    names: dict[str, Any]


def function_of(name: str, parameters: str, body: Body) -> Any:
    """Return the function that a body makes.

    Its machine code has a name that no other process gives: of two pieces of code of the same name,
    one new and one from a cache of Numba's on disk, the linker would take one for both.
    """
    source = "\n    ".join([f"def {name}({parameters}):", *body.lines])
    made: dict[str, Any] = {}  # apart from the names, one of which may be the same
    # with the name of a module Numba keeps a function's constants where it caches a caller
    names = {"__name__": __name__} | body.names
    exec(compile(source, f"<numgrad {name}>", "exec"), names, made)
    made[name].__qualname__ = f"{name}.{uuid4().hex}"
    return made[name]

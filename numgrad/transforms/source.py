"""Functions that are written while they are compiled, for the types of their arguments."""

from typing import Any, NamedTuple


class Body(NamedTuple):
    """The lines of a function's source, and the objects that its names stand for."""

    lines: list[str]
    names: dict[str, Any]


def function_of(name: str, parameters: str, body: Body) -> Any:
    """Return the function that a body makes."""
    source = "\n    ".join([f"def {name}({parameters}):", *body.lines])
    made: dict[str, Any] = {}  # apart from the names, one of which may be the same
    # with the name of a module Numba keeps a function's constants where it caches a caller
    names = {"__name__": __name__} | body.names
    exec(compile(source, f"<numgrad {name}>", "exec"), names, made)
    return made[name]

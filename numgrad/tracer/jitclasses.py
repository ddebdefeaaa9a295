"""Objects of jitclasses in plain Python, whose fields hold traced numbers.

A class of Python's with the same methods stands for one of Numba's: what a function makes is of it,
and what it is given starts with the fields of the caller's object. Of an object that it finds under
a global name the fields are read and written where they are, and hold no derivatives.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.arrays import astype
from numgrad.tracer.elements import NUMBERS, is_dual
from numgrad.tracer.numbers import Traced, TracedNumber, plain
from numgrad.tracer.places import refusal
from numgrad.twin.errors import OVERFILLED

Look = Callable[[Any], Any]
BASE, BOXING = "numba.experimental.jitclass.base", "numba.experimental.jitclass._box"
OUTSIDE = "Hand the object in as an argument, or make it in the function."
DECLARED = "Declare a field of that name with the type float64, or keep the value in a variable."


def is_jitclass(thing: Any) -> bool:
    """Return whether a thing is a class made by ``jitclass``."""
    base: Any = sys.modules.get(BASE)
    return base is not None and isinstance(thing, base.JitClassType)


def is_boxed(thing: Any) -> bool:
    """Return whether a thing is an object of Numba's of such a class."""
    boxing: Any = sys.modules.get(BOXING)
    return boxing is not None and isinstance(thing, boxing.Box)


def is_of_jitclass(thing: Any) -> bool:
    return is_jitclass(thing) or is_boxed(thing)


def identity(thing: Any) -> int:
    """Return what tells an object from others: each look at a field makes a new one of Python's."""
    boxing: Any = sys.modules.get(BOXING)
    return int(boxing.box_get_dataptr(thing)) if is_boxed(thing) else id(thing)


def kind_of_class(thing: Any) -> Any:
    """Return what Numba knows of a class, or of that of an object."""
    if isinstance(thing, Held):
        return type(thing).kind
    return thing.class_type if is_jitclass(thing) else thing._numba_type_.class_type


def functions_of(thing: Any) -> list[Any]:
    """Return the functions that a class is made of, or that of an object."""
    kind = kind_of_class(thing)
    ways = [each for found in kind.jit_props.values() for each in found.values()]
    return [*kind.jit_methods.values(), *ways, *kind.jit_static_methods.values()]


class Held:
    """An object of a jitclass in plain Python."""

    __slots__ = ("fields", "owner")
    kind: Any = None
    fields: dict[str, Any]
    owner: Any  # Numba's object, if it is one from outside


@functools.lru_cache(maxsize=512)
def class_in_python(kind: Any, look: Look) -> Any:
    """Return the class of plain Python that stands for one of Numba's."""

    def initialised(self: Held, *arguments: Any, **keywords: Any) -> None:
        self.owner, self.fields = None, {}
        look(kind.jit_methods["__init__"])(self, *arguments, **keywords)

    return type(
        kind.class_name,
        (Held,),
        {
            "__slots__": (),
            "kind": kind,
            **{name: _field(name, of_type, look) for name, of_type in kind.struct.items()},
            **{name: _called(each, look) for name, each in kind.jit_methods.items()},
            **{name: _computed(ways, look) for name, ways in kind.jit_props.items()},
            **{
                name: staticmethod(_called(each, look))
                for name, each in kind.jit_static_methods.items()
            },
            "__init__": initialised,
        },
    )


def held(thing: Any, look: Look, fields: dict[str, Any] | None = None) -> Any:
    """Return an object with fields of its own, or one that has those of an object of Numba's."""
    made = object.__new__(class_in_python(kind_of_class(thing), look))
    made.owner, made.fields = (thing, {}) if fields is None else (None, fields)
    return made


def _called(method: Any, look: Look) -> Any:
    """Return a method, whose names are looked up when it is called."""

    @functools.wraps(method.py_func)
    def call(*arguments: Any, **keywords: Any) -> Any:
        return look(method)(*arguments, **keywords)

    return call


def _computed(ways: dict[str, Any], look: Look) -> Any:
    return property(*(_called(ways[way], look) if way in ways else None for way in ("get", "set")))


def _field(name: str, kind: Any, look: Look) -> Any:
    """Return the attribute of a field, which converts what it is given as Numba does."""

    def get(self: Held) -> Any:
        if self.owner is not None:
            return look(getattr(self.owner, name))
        if name not in self.fields:
            return _converted(0, kind, name, self)
        return self.fields[name]

    def put(self: Held, value: Any) -> None:
        value = _converted(value, kind, name, self)
        if self.owner is None:
            self.fields[name] = value
        elif isinstance(value, Traced) and is_dual(value.elements):
            raise refusal(OVERFILLED.format(name, _described(self)), OUTSIDE)
        else:
            setattr(self.owner, name, value.owner if isinstance(value, Held) else plain(value))

    return property(get, put)


def _converted(value: Any, kind: Any, name: str, owner: Held) -> Any:
    """Return a number, or a tuple of some, as a field of a type has it."""
    from numba import types

    if isinstance(kind, types.Optional):
        return None if value is None else _converted(value, kind.type, name, owner)
    if isinstance(kind, types.BaseTuple) and isinstance(value, tuple):
        items = [_converted(v, k, name, owner) for v, k in zip(value, kind.types, strict=True)]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if not isinstance(kind, types.Number | types.Boolean):
        return value
    if isinstance(value, TracedNumber):
        if isinstance(kind, types.Float | types.Complex):
            return astype(value, kind.name)
        if is_dual(value.elements):
            raise refusal(OVERFILLED.format(name, _described(owner)), DECLARED)
        value = plain(value)
    number = np.dtype(kind.name).type(value)
    return number.item() if kind.name in ("float64", "int64", "complex128", "bool") else number


def _described(owner: Held) -> str:
    return f"jitclass ({type(owner).kind.class_name})"


# Objects of the caller's


class GivenObject:
    """An object of the caller's, and the one that the function is given for it."""

    def __init__(self, given: Any, look: Look) -> None:
        self.given = given
        self.content = contents(given)
        self.copy = held(given, look, {})
        self.start: dict[str, Any] = {}  # what the fields of the copy hold at first

    def fill(self, fields: dict[str, Any]) -> None:
        """Let the copy hold what stands for the content of the caller's object."""
        self.copy.fields.update(fields)
        self.start = dict(fields)

    @property
    def is_written(self) -> bool:
        """Whether the function assigned a field."""
        return any(self.copy.fields[name] is not each for name, each in self.start.items())

    @property
    def was_changed(self) -> bool:
        """Whether a number in the caller's object was assigned meanwhile."""
        now = contents(self.given)
        return any(
            isinstance(each, NUMBERS) and each != now[name] for name, each in self.content.items()
        )

    def leave(self, left: Callable[[Any], Any]) -> None:
        """Let the caller's object hold what was left in the fields of the copy."""
        for name, value in self.copy.fields.items():
            found = left(value)
            if found is self.content[name] or (is_boxed(self.given) and isinstance(found, Held)):
                continue  # the latter has been refused
            if isinstance(found, Traced) and is_boxed(self.given):
                raise refusal(OVERFILLED.format(name, _described(self.copy)), OUTSIDE)
            setattr(self.given, name, found)


def contents(thing: Any) -> dict[str, Any]:
    """Return what the fields of an object hold."""
    return {name: getattr(thing, name) for name in kind_of_class(thing).struct}

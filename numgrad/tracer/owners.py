"""Objects of users' classes that plain code finds under a name, with methods that are traced.

A stand-in has the attributes of the object, reads and writes them there, and says that it is of the
same class. Its methods, operators and properties are those of the class with their names looked up
as those of traced functions are, and so are the methods of objects that it holds.
"""

import dis
import enum
import functools
import inspect
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from numgrad.tracer.numbers import Traced
from numgrad.tracer.places import is_library

Look = Callable[[Any], Any]
# Objects that are what they hold, whatever methods a class gives them.
VALUES = (
    *(tuple, list, dict, set, frozenset, str, bytes, int, float, complex, type, BaseException),
    *(np.ndarray, enum.Enum, Traced),
)
# What is asked of the object itself.
OF_OBJECTS = frozenset(
    """
    __new__ __init__ __getattribute__ __getattr__ __setattr__ __delattr__ __init_subclass__ __del__
    __reduce__ __reduce_ex__ __getstate__ __setstate__ __hash__
    """.split()  # noqa: SIM905 - a list of words reads best as a line of them
)


@functools.lru_cache(maxsize=512)
def is_users_class(kind: Any) -> bool:
    """Return whether a class has methods that a user wrote, which may be given traced numbers."""
    if issubclass(kind, VALUES) or is_of_library(kind):
        return False
    return any(
        isinstance(each, FunctionType | staticmethod) for each in vars(kind).values()
    ) or any(is_users_class(base) for base in kind.__bases__)


def is_of_library(kind: type) -> bool:
    """Return whether a class belongs to an installed package, to Python, or to numgrad."""
    name = str(kind.__module__)
    package = name.split(".")[0]
    if package == "numgrad":
        return not name.startswith("numgrad.examples")
    if package in sys.stdlib_module_names and name != "__main__":
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and is_library(file)


def is_users(thing: Any) -> bool:
    """Return whether a thing is an object of a user's class."""
    kind: Any = type(thing)
    return is_users_class(kind)


_stand_ins: WeakValueDictionary[int, Any] = WeakValueDictionary()  # by the ids of the objects


def stand_in(thing: Any, look: Look) -> Any:
    """Return an object whose methods are traced, for one that plain code finds: the same again."""
    if id(thing) not in _stand_ins:
        kind: Any = type(thing)
        made = object.__new__(_class_of(kind, look))
        object.__setattr__(made, "_owner", thing)
        return _stand_ins.setdefault(id(thing), made)
    return _stand_ins[id(thing)]


@functools.lru_cache(maxsize=512)
def compares_identity(code: CodeType) -> bool:
    """Return whether code asks if two things are one, for which a stand-in is another."""
    before = None
    for each in dis.get_instructions(code):
        if each.opname == "IS_OP" and (before is None or before.opname != "LOAD_CONST"):
            return True
        before = each
    return any(compares_identity(each) for each in code.co_consts if isinstance(each, CodeType))


def of_owners(function: Any) -> Any:
    """Return a function that is given objects themselves in the place of stand-ins."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        named = {name: owner_of(each) for name, each in keywords.items()}
        return function(*map(owner_of, arguments), **named)

    return call


def type_of(thing: Any, *others: Any) -> Any:
    """Return what ``type`` gives, which a stand-in shares with its object."""
    return type(thing, *others) if others else type(owner_of(thing))


def owner_of(thing: Any) -> Any:
    """Return the object itself that a stand-in is for; any other thing is what it is."""
    is_one = isinstance(type(thing), _Kind)
    return object.__getattribute__(thing, "_owner") if is_one else thing


class _Kind(type):
    """The class of the classes of stand-ins."""


@functools.lru_cache(maxsize=512)
def _class_of(kind: Any, look: Look) -> Any:
    """Return the class of stand-ins for objects of a class."""

    def get(self: Any, name: str) -> Any:
        owner = object.__getattribute__(self, "_owner")
        if name == "__class__":
            return type(owner)
        held = getattr(owner, "__dict__", {})
        found = inspect.getattr_static(type(owner), name, None)
        if isinstance(found, property) and found.fget is not None:
            return look(found.fget)(self)
        if name in held or name == "__dict__":
            return look(held.get(name, held))
        if isinstance(found, FunctionType):
            is_of_owner = compares_identity(found.__code__)
            return MethodType(found, owner) if is_of_owner else MethodType(look(found), self)
        if isinstance(found, staticmethod):
            return look(found.__func__)
        if isinstance(found, classmethod):
            return MethodType(look(found.__func__), type(owner))
        return look(getattr(owner, name))

    def put(self: Any, name: str, value: Any) -> None:
        setattr(owner_of(self), name, owner_of(value))

    def delete(self: Any, name: str) -> None:
        delattr(owner_of(self), name)

    names: dict[str, Any] = {
        "__slots__": ("_owner", "__weakref__"),
        "__getattribute__": get,
        "__setattr__": put,
        "__delattr__": delete,
        "__hash__": lambda self: hash(owner_of(self)),
        "__eq__": lambda self, other: owner_of(self) == owner_of(other),
        "__repr__": lambda self: repr(owner_of(self)),
    }
    for base in reversed(kind.__mro__[:-1]):
        for name, function in vars(base).items():
            is_special = name.startswith("__") and name.endswith("__") and name not in OF_OBJECTS
            if is_special and isinstance(function, FunctionType):
                names[name] = _special(function, look)
    return _Kind(kind.__name__, (), names)


def _special(function: FunctionType, look: Look) -> Any:
    """Return an operator of a class, for stand-ins."""

    def special(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return look(function)(self, *arguments, **keywords)

    return special

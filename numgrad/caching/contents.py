"""Digests of compiled functions, which change when anything that they are made of does.

A function is described by its bytecode and constants, its defaults, and what its names stand for:
numbers, arrays and the like by their values; functions, with the rules in force for them and the
overloads that programs gave them, by what these are made of in turn, in whatever file. Whatever
can't be described so has no digest.
"""

import enum
import hashlib
import inspect
from functools import singledispatch
from itertools import islice
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import types
from numba.core.ccallback import CFunc
from numba.core.dispatcher import Dispatcher
from numba.core.typing.templates import builtin_registry
from numba.experimental.jitclass.base import JitClassType
from numba.np.ufunc.dufunc import DUFunc
from numba.np.ufunc.gufunc import GUFunc

from numgrad.caching.known import (
    NoDigestError,
    is_found_by_name,
    is_known_file,
    is_known_module,
    is_ours,
    known_name,
    objects_named,
    package_of,
    text_of_array,
    text_of_code,
    version_of,
)
from numgrad.rules.registry import PULLBACKS, TABLE

ATOMS = (bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented), range)


_overloads: dict[int, Any] = {}  # of programs, by the ids of what they are for
_looked_at = [0]  # how many entries of Numba's registry, which only grows


class Part:
    """One function, class or transform: a text, and the parts that it refers to."""

    def __init__(self, thing):
        self.thing = thing  # which keeps its id from being taken by another
        self.texts = []
        self.children = []
        self.names = []  # of the functions that Numba may compile because of it
        self.codes = []  # of the functions defined in it

    @property
    def text(self):
        return "\n".join(self.texts)


class Contents:
    """The parts that functions are made of, as they are now."""

    def __init__(self):
        self._parts = {}

    def digest(self, thing):
        """Return a digest of a thing and of all it is made of."""
        digest, left = hashlib.sha256(), [thing]
        places: dict[int, int] = {}
        while left:
            thing = left.pop()
            if id(thing) in places:
                digest.update(b"again %d\n" % places[id(thing)])
                continue
            places[id(thing)] = len(places)
            part = self.part(thing)
            text = part.text.encode("utf-8", "surrogatepass")
            digest.update(b"%d characters, %d parts\n" % (len(text), len(part.children)))
            digest.update(text)
            left += reversed(part.children)
        return digest.hexdigest()

    def parts(self, thing):
        """Return the parts of a thing and of all it is made of."""
        found, left = {}, [thing]
        while left:
            thing = left.pop()
            if id(thing) not in found:
                found[id(thing)] = self.part(thing)
                left += found[id(thing)].children
        return list(found.values())

    def part(self, thing):
        """Return a thing described."""
        if id(thing) not in self._parts:
            part = Part(thing)
            try:
                describe(thing, self, part)
            except RecursionError:
                raise NoDigestError(f"{thing!r} leads to something that holds itself") from None
            self._add_rule(thing, part)
            for function in overloads_of(thing):
                part.texts.append("overload")
                part.children.append(function)
            self._parts[id(thing)] = part
        return self._parts[id(thing)]

    def write(self, value, part):
        """Write a value into the text of a part, or let it be a part of its own."""
        add = part.texts.append
        if type(value) in ATOMS:
            add(f"{type(value).__name__} {value!r}")
        elif isinstance(value, enum.Enum):
            add(f"member {value.name} of")
            part.children.append(type(value))
            self.write(value.value, part)
        elif type(value) in (list, tuple) or hasattr(type(value), "_fields"):
            add(f"{len(value)} in a {type(value).__name__}")
            part.children += [type(value)] * hasattr(type(value), "_fields")
            for item in value:
                self.write(item, part)
        elif type(value) is dict:
            add(f"{len(value)} in a dictionary")
            for item in value.items():
                self.write(item, part)
        elif type(value) in (set, frozenset):
            add(f"{type(value).__name__} {sorted(map(self._lone_text, value))}")
        elif isinstance(value, np.generic):
            self.write(np.asarray(value), part)
        elif type(value) is np.ndarray:
            add(text_of_array(value))
        elif isinstance(value, np.dtype):
            add(f"dtype {value!r}")
        elif isinstance(value, slice):
            add("slice")
            self.write((value.start, value.stop, value.step), part)
        elif isinstance(value, ModuleType):
            add(f"module {value.__name__}")
        else:
            add("part")
            part.children.append(value)

    def _lone_text(self, value):
        part = Part(value)
        self.write(value, part)
        if part.children:
            raise NoDigestError(f"{value!r} is in a set, which has no order")
        return part.text

    def write_code(self, code, part, module):
        """Write bytecode, and that of the functions defined in it."""
        part.codes.append(code)
        part.texts.append(text_of_code(code))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                plain = constant.co_name.replace("<", "_").replace(">", "_")
                part.names.append((module, constant.co_qualname))
                part.names.append((module, f"closure.<locals>.{plain}"))  # as Numba names it
                self.write_code(constant, part, module)
            else:
                self.write(constant, part)

    def _add_rule(self, thing, part):
        """Add the rule of a user that is in force for a function."""
        rule = users_rule(thing)
        if rule is not None:
            part.texts.append(f"rule {rule.kind} {rule.arity}")
            part.texts.append(f"finite {rule.finite_partials}, kinked {rule.kinked}")
            part.children.append(body_of(rule))
        if thing in PULLBACKS:
            part.texts.append("pullback")
            part.children.append(PULLBACKS[thing])


@singledispatch
def describe(thing, contents, part):
    """Write what a thing is into a part; other modules add kinds of things."""
    name = known_name(thing)
    if name is None:
        raise NoDigestError(f"{thing!r} can't be told from another of its kind")
    part.texts.append(f"known {name}")


@describe.register(FunctionType)
def describe_function(function, contents, part):
    if is_known_file(function.__code__.co_filename) and is_found_by_name(function):
        version = version_of(function.__module__)
        part.texts.append(f"known {function.__module__}.{function.__qualname__} {version}")
        return
    part.texts.append(f"function {function.__name__}")
    part.names.append((function.__module__, function.__qualname__))
    contents.write_code(function.__code__, part, function.__module__)
    for name, value in (
        ("defaults", function.__defaults__),
        ("keywords", function.__kwdefaults__),
        *zip(function.__code__.co_freevars, closed_over(function), strict=True),
        *objects_named(function, is_changed),
    ):
        part.texts.append(f"{name} is")
        contents.write(value, part)


@describe.register(Dispatcher)
def describe_dispatcher(dispatcher, contents, part):
    part.texts.append(f"compiled {type(dispatcher).__name__}")
    contents.write(dispatcher.targetoptions, part)
    contents.write(dict(dispatcher.locals), part)
    if not dispatcher._can_compile:
        part.texts.append(f"locked to {dispatcher.nopython_signatures}")
    part.children.append(dispatcher._compiler.pipeline_class)
    part.children.append(dispatcher.py_func)


@describe.register(DUFunc)
def describe_dufunc(ufunc, contents, part):
    part.texts.append("vectorized")
    contents.write(ufunc.targetoptions, part)
    part.children.append(ufunc._dispatcher.py_func)


@describe.register(GUFunc)
def describe_gufunc(gufunc, contents, part):
    part.texts.append(f"vectorized {gufunc.gufunc_builder.signature}")
    contents.write(gufunc.gufunc_builder.targetoptions, part)
    part.children.append(gufunc.gufunc_builder.py_func)


@describe.register(CFunc)
def describe_cfunc(function, contents, part):
    part.texts.append(f"callback {function._sig}")
    part.children.append(function.__wrapped__)


@describe.register(np.ufunc)
def describe_ufunc(ufunc, contents, part):
    package = package_of(ufunc)
    part.texts.append(f"ufunc {ufunc.__name__} {ufunc.types} {package}")
    if package is None and ufunc not in TABLE:
        raise NoDigestError(f"what {ufunc!r} computes isn't known")


@describe.register(types.Type)
def describe_type(kind, contents, part):
    if isinstance(kind, types.Dispatcher):
        part.children.append(kind.dispatcher)
        return
    if isinstance(kind, types.ClassInstanceType | types.ClassType):
        raise NoDigestError(f"Numba caches no function of {kind}")
    if not is_known_module(type(kind).__module__):
        raise NoDigestError(f"what {kind} is in compiled code isn't known")
    part.texts.append(f"type {type(kind).__module__}.{type(kind).__qualname__}")
    # equal types have equal keys, but for that of a default, which is an address
    contents.write(kind.value if isinstance(kind, types.Omitted) else kind.key, part)
    for name, value in sorted(vars(kind).items()):  # some keys are names, which say less
        if isinstance(value, types.Type):
            part.texts.append(f"{name} is")
            contents.write(value, part)


@describe.register(type)
def describe_class(kind, contents, part):
    name = f"{kind.__module__}.{kind.__qualname__}"
    part.texts.append(f"class {name}")
    if isinstance(kind, JitClassType):
        raise NoDigestError(f"Numba caches no function of {name}")
    if known_name(kind) or issubclass(kind, BaseException):
        return
    if issubclass(kind, enum.Enum):
        part.texts += [f"{member} is" for member in kind.__members__]
        contents.write([member.value for member in kind.__members__.values()], part)
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        contents.write((kind._fields, kind._field_defaults), part)
    elif not overloads_of(kind):
        raise NoDigestError(f"what {name} is in compiled code isn't known")


def is_changed(thing):
    """Whether a thing in a known package is not what the package made it."""
    if users_rule(thing) is not None or overloads_of(thing):
        return True
    code = getattr(getattr(thing, "py_func", thing), "__code__", None)
    return isinstance(code, CodeType) and not is_known_file(code.co_filename)


def overloads_of(thing):
    """Return the functions by which programs told Numba what a thing is in compiled code."""
    for known, kind in islice(builtin_registry.globals, _looked_at[0], None):
        _looked_at[0] += 1
        for template in getattr(kind, "templates", ()):
            function = getattr(template, "_overload_func", None)
            if function is None:  # what else programs tell Numba says itself what it is
                function = getattr(template, "generic", None)
                if is_of_program(function):
                    _overloads.setdefault(id(known), (known, []))[1].append(template)
            elif not is_ours(function):
                _overloads.setdefault(id(known), (known, []))[1].append(inspect.unwrap(function))
    return _overloads.get(id(thing), (thing, ()))[1]


def is_of_program(function):
    """Whether a function, or one that it closes over, was written in no known package."""
    if not isinstance(function, FunctionType):
        return False
    file = function.__code__.co_filename
    if not (file.startswith("<numgrad ") or is_known_file(file)):
        return True
    return any(map(is_of_program, closed_over(function)))


def without_names():
    """The rules and overloads that compiled code may follow though no name in it leads there.

    These are the rules of users for operators and ufuncs, and the operators, methods and attributes
    that programs gave types.
    """
    found = [
        (str(function), body_of(rule))
        for function, rule in TABLE.items()
        if isinstance(function, np.ufunc | BuiltinFunctionType) and users_rule(function)
    ]
    overloads_of(None)
    for known, functions in _overloads.values():
        if isinstance(known, BuiltinFunctionType):  # such as operators
            found += [(str(known), function) for function in functions]
    for template in builtin_registry.attributes:
        function = getattr(template, "_overload_func", None)
        if function is None:
            if not is_known_module(template.__module__):
                found.append((f"{template.key}", template))
        elif not is_ours(function):
            found.append((f"{template.key}.{template._attr}", inspect.unwrap(function)))
    return sorted(found, key=lambda item: item[0])


def users_rule(thing):
    """Return the rule that a user gave a function, or None."""
    try:
        rule = TABLE.get(thing)
    except TypeError:  # it has no hash
        return None
    return None if rule is None or is_numgrads(rule) else rule


def is_numgrads(rule):
    """Whether a rule is one of numgrad's own."""
    code = getattr(body_of(rule), "__code__", None)
    return rule.kind != "rule" or (code is not None and is_known_file(code.co_filename))


def body_of(rule):
    return getattr(rule.body, "py_func", rule.body)


def closed_over(function):
    """The values of a function's free variables."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            yield "nothing yet"

"""Packages that are known by name, as their versions say what they are."""

import builtins
import dis
import hashlib
import inspect
import os
import sys
from functools import cache
from types import BuiltinFunctionType, CodeType, ModuleType

from numba.core.itanium_mangler import mangle_identifier


def is_known(module):
    return is_known_module(module.__name__)


@cache
def names_in(code):
    """Return the global names and the attributes that a function looks up, in order."""
    names: dict[str, None] = {}
    attributes: dict[str, None] = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names[instruction.argval] = None
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            attributes[instruction.argval] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner_names, inner_attributes = names_in(constant)
            names |= dict.fromkeys(inner_names)
            attributes |= dict.fromkeys(inner_attributes)
    return tuple(names), tuple(attributes)


def objects_named(function, is_changed):
    """Return the names that a function, or one in it, looks up, and what they stand for.

    What a known package has under a name is left out unless it is changed.
    """
    names, attributes = names_in(function.__code__)
    for name in names:
        found = function.__globals__.get(name, getattr(builtins, name, "nothing"))
        yield from _objects_in(name, found, attributes, (), is_changed)


def _objects_in(name, thing, attributes, outer, is_changed):
    """Return a name and what it stands for; for a module, what may be taken from it."""
    if not isinstance(thing, ModuleType):
        if not any(map(is_known, outer)) or is_changed(thing):
            yield name, thing
    elif thing not in outer:
        yield f"module {name}", thing.__name__
        for attribute in attributes:
            if attribute in vars(thing):
                found, inner = vars(thing)[attribute], (*outer, thing)
                yield from _objects_in(f"{name}.{attribute}", found, attributes, inner, is_changed)


def text_of_code(code):
    """The text of a function's bytecode, without its constants and lines."""
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return f"code {code.co_code.hex()} {code.co_exceptiontable.hex()} {counts} {names}"


def text_of_array(array):
    if array.dtype.hasobject:
        raise NoDigestError("an array of objects has values of any kind")
    if array.nbytes > LARGEST_ARRAY:
        raise NoDigestError("Numba caches no function with an array as large as that")
    flags = array.strides, array.flags.writeable, array.flags.aligned
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return f"array {array.dtype!r} {array.dtype.isnative} {array.shape} {flags} {digest}"


# What is known by its name and the version of its package.


def known_name(thing):
    """Return the name under which a known package has a thing, or None."""
    module = getattr(thing, "__module__", None)
    if module is None and isinstance(thing, BuiltinFunctionType):
        module = type(thing.__self__).__module__  # such as those of np.random
    if not isinstance(module, str) or not is_known_module(module):
        return None
    for name in (getattr(thing, "__qualname__", None), getattr(thing, "__name__", None)):
        if isinstance(name, str) and found_at(module, name) is thing:
            return f"{module}.{name} {version_of(module)}"
    return None


def is_found_by_name(function):
    """Whether a module has a function, or what was compiled from it, under the function's name."""
    found = found_at(function.__module__, function.__qualname__)
    return function in (found, getattr(found, "py_func", None), getattr(found, "__wrapped__", None))


def found_at(module, name):
    thing = sys.modules.get(module)
    for attribute in name.split("."):
        thing = getattr(thing, attribute, None)
    return thing


def version_of(module):
    return getattr(sys.modules.get(str(module).partition(".")[0]), "__version__", "")


def package_of(ufunc):
    """Return the package that a ufunc is of, unless it was made from a function of Python's."""
    for module in ("numpy", "numpy.linalg._umath_linalg", "scipy.special"):
        if getattr(sys.modules.get(module), ufunc.__name__, None) is ufunc:
            return f"{module} {version_of(module)}"
    return None


@cache
def is_known_module(name):
    package = sys.modules.get(name.partition(".")[0])
    file = getattr(package, "__file__", None)
    if file is None:  # one of the interpreter's own, or none
        return name.partition(".")[0] in sys.builtin_module_names
    return is_known_file(file)


def is_ours(function):
    """Whether Numba, numgrad or a known package wrote an overload."""
    file = inspect.unwrap(function).__code__.co_filename
    return file.startswith("<numgrad ") or is_known_file(file)


@cache
def is_known_file(file):
    """Whether a file is part of Python or of a known package."""
    (folder,) = folders_of((os.path.dirname(file),))
    path = os.path.join(folder, os.path.basename(file))
    (library,) = folders_of((os.path.dirname(os.__file__),))
    outside = {"site-packages", "dist-packages"}
    if path.startswith(library) and outside.isdisjoint(path.removeprefix(library).split(os.sep)):
        return True
    files = [getattr(sys.modules.get(name), "__file__", None) for name in KNOWN]
    return path.startswith(folders_of(tuple(os.path.dirname(each) for each in files if each)))


@cache
def folders_of(paths):
    """Return folders without links, as the paths of what is in them begin."""
    return tuple(os.path.join(os.path.realpath(path), "") for path in paths)


def mangled(names):
    """The beginnings of the names of functions' environments."""
    begin = [mangle_identifier(f".NumbaEnv.{module}.{name}")[:-1] for module, name in names]
    return tuple(f"_Z{name}" for name in begin)


# Packages known by their versions, and not by the source of each of their functions.
KNOWN = ("numba", "numpy", "numgrad", "llvmlite", "scipy", "numba_scipy", "numba_cuda")


LARGEST_ARRAY = 1_000_000  # in bytes; Numba compiles in the address of a larger one


class NoDigestError(Exception):
    """Something can't be told from what it was when it was compiled."""

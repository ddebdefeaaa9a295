"""What all transforms share: an object that is called from Python and from compiled code.

A transform owns *drivers*: functions with the parameters of the user's, which Numba compiles for
each combination of argument types. All that a driver does is hand its arguments on to
``differentiate``, whose implementation the transform makes for their types.
"""

import inspect
import threading
import weakref
from collections.abc import Callable
from functools import lru_cache, update_wrapper
from typing import Any

import numba
from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.imputils import lower_constant
from numba.extending import models, overload, register_model, typeof_impl

from numgrad.duals.numba_rules import OPTIONS, register_table
from numgrad.transforms.twin import DRIVERS

_compiled: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_lock = threading.RLock()

INLINED = OPTIONS | {"forceinline": True}
ENTRY_OPTIONS = {"nogil": True, "error_model": "numpy"}


def compiled(function):
    """Return a function as one that Numba has compiled or will compile."""
    if isinstance(function, Transform):
        return function.driver()
    if isinstance(function, Dispatcher):
        return function
    source = getattr(function, "py_func", None) or getattr(function, "__wrapped__", None)
    if not inspect.isfunction(function) and inspect.isfunction(source):
        function = source  # of a vectorize, guvectorize or cfunc
    if not inspect.isfunction(function):
        raise TypeError(
            f"{function!r} can't be differentiated: a function was expected, plain or compiled "
            "by numba.njit"
        )
    with _lock:
        if function not in _compiled:
            _compiled[function] = numba.njit(function)
        return _compiled[function]


class Transform:
    """A function made from a function, and called like it."""

    maker: Any = None  # the public function that makes it
    summary = "a transform"
    stores_results = False  # whether it has a parameter out for all of its results

    def __init__(self, function, *settings):
        function = DRIVERS.get(function, function) if isinstance(function, Dispatcher) else function
        self.original = function
        self.settings = settings
        self.function = compiled(function)
        self._drivers = {}
        self.parameters = parameters_of(function, self.function)
        update_wrapper(self, self.function.py_func, updated=())
        self.__wrapped__ = function
        self.__name__ = self.__qualname__ = self.label()
        self.__doc__ = f"Return {self.summary} of ``{self.inner_name()}``.\n\n{self.__doc__ or ''}"

    def inner_name(self):
        return getattr(self.original, "__name__", repr(self.original))

    def label(self):
        """Return how the transform was made."""
        names = list(inspect.signature(type(self).maker).parameters)[1:]
        defaults = [p.default for p in inspect.signature(type(self).maker).parameters.values()][1:]
        given = [
            f", {name}={setting!r}"
            for name, setting, default in zip(names, self.settings, defaults, strict=False)
            if setting != default
        ]
        return f"{type(self).maker.__name__}({self.inner_name()}{''.join(given)})"

    def __repr__(self):
        return f"<numgrad.{self.label()}>"

    def __reduce__(self):
        return type(self).maker, (self.original, *self.settings)

    def driver(self, hint=None):
        """Return the function that compiled code calls, for arguments of all types.

        A hint is what only the arguments of a call from Python tell.
        """
        return self._driver(("compiled", hint), hint, INLINED)

    def entry_point(self, hint):
        """Return the function that Python calls, which has no duals to hand over."""
        return self._driver(("entry point", hint), hint, ENTRY_OPTIONS)

    def _driver(self, key, hint, options):
        if key in self._drivers:
            return self._drivers[key]
        with _lock:
            register_table()
            driver = numba.njit(driver_function(self, hint), **options)
            DRIVERS[driver] = self
            return self._drivers.setdefault(key, driver)

    def hint(self, arguments):
        """Return what the arguments of a call from Python tell of the passes to make."""
        return

    def __call__(self, *arguments, **keywords):
        return self.entry_point(self.hint(arguments))(*arguments, **keywords)

    def implementation(self, kinds, out, hint):
        """Return the function ``(transform, arguments, out)`` for arguments of some types."""
        raise NotImplementedError


def parameters_of(function, dispatcher):
    """Return the parameters of the user's function, from which all transforms are made."""
    if isinstance(function, Transform):
        return function.parameters
    return list(inspect.signature(dispatcher.py_func).parameters.values())


def driver_function(transform, hint):
    """Return a function with the parameters of the user's, and ``out`` where there is room."""
    parameters = transform.parameters
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    rest = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    takes_out = not rest and "out" not in names
    listed = [*names, *(["out"] if takes_out else []), *(f"*{name}" for name in rest)]
    passed = f"(None, {''.join(f'{name}, ' for name in names)})" + "".join(f" + {n}" for n in rest)
    source = (
        f"def driver({', '.join(listed)}):\n"
        f"    return differentiate(transform, {passed}, {'out' if takes_out else 'None'})\n"
    )
    namespace = {"differentiate": differentiate, "transform": Constant(transform, hint)}
    exec(source, namespace)
    driver = namespace["driver"]
    driver.__name__ = driver.__qualname__ = identifier(transform.label())
    defaults = [p.default for p in parameters if p.default is not p.empty]
    if not rest:
        driver.__defaults__ = (*defaults, None) if takes_out else tuple(defaults)
    return driver


def identifier(text):
    """Return a name for machine code that tells what it was made from."""
    return "".join(c if c.isalnum() else "_" for c in text).strip("_")


class Constant:
    """A transform as compiled code knows it: by its type alone."""

    def __init__(self, transform, hint):
        self.transform = transform
        self.hint = hint


class TransformType(types.Opaque):
    """The type of one transform, with a hint."""

    def __init__(self, transform, hint):
        self.transform = transform
        self.hint = hint
        super().__init__(f"Transform({transform.label()}, {id(transform)}, {hint})")


@typeof_impl.register(Constant)
def typeof_constant(constant, c):
    return TransformType(constant.transform, constant.hint)


@typeof_impl.register(Transform)
def typeof_transform(transform, c):
    return types.Dispatcher(transform.driver())


register_model(TransformType)(models.OpaqueModel)


@lower_constant(TransformType)
def transform_constant(context, builder, kind, value):
    return context.get_dummy_value()


def differentiate(transform, arguments, out):
    raise NotImplementedError("compiled code only")


@overload(differentiate, jit_options=INLINED)
def typed_differentiate(transform, arguments, out):
    if isinstance(out, types.Omitted | types.NoneType):
        out = None
    return transform.transform.implementation(tuple(arguments)[1:], out, transform.hint)


def made(kind: Any, function: Any, *settings: Any) -> Callable[..., Any]:
    """Return a transform of a function: the same as before if it was made before."""
    if getattr(function, "__hash__", None) is None:  # no function: the transform complains
        transform: Callable[..., Any] = kind(function, *settings)
    else:
        transform = _made(kind, function, *settings)
    return transform


@lru_cache(maxsize=512)
def _made(kind, function, *settings):
    return kind(function, *settings)


def register(maker, kind):
    """Let compiled code call the maker of a transform, as in ``grad(f)(x)``."""
    kind.maker = staticmethod(maker)
    parameters = list(inspect.signature(maker).parameters)
    namespace = {"make": lambda *settings: driver_of(maker, settings)}
    listed = ", ".join([parameters[0], *(f"{name}={name}_default" for name in parameters[1:])])
    namespace |= {
        f"{name}_default": inspect.signature(maker).parameters[name].default
        for name in parameters[1:]
    }
    source = f"def typed({listed}):\n    return make({', '.join(parameters)})\n"
    source += f"def template(constant):\n    return lambda {listed}: constant\n"
    exec(source, namespace)
    typed, template = namespace["typed"], namespace["template"]

    def driver_of(maker, settings):
        function, *rest = settings
        if not isinstance(function, types.Dispatcher):
            return None
        driver = maker(function.dispatcher, *map(constant_of, rest)).driver()
        return template(driver)

    overload(maker, inline="always", prefer_literal=True)(typed)


def constant_of(kind):
    """Return the value of an argument that must be known while compiling."""
    if isinstance(kind, types.Omitted):
        return kind.value
    if isinstance(kind, types.Literal):
        return kind.literal_value
    if isinstance(kind, types.NoneType):
        return None
    if isinstance(kind, types.BaseTuple):
        return tuple(constant_of(item) for item in kind)
    if isinstance(kind, types.Type):
        raise TypeError(
            "in compiled code the settings of a derivative must be constants written in the call, "
            f"not a variable of type {kind}"
        )
    return kind

"""The base of all transforms: an object that is called from Python and from compiled code.

A transform owns *drivers*: functions with the parameters of the user's, whose bodies the transform
writes anew for each combination of argument types.

What is made once is kept by ``setdefault`` and not under a lock, which a child forked meanwhile
would wait for: two threads at once make it twice, and both take the first.
"""

import inspect
from functools import cached_property, update_wrapper
from types import FunctionType
from typing import Any

from numba import typeof, types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import UnsupportedBytecodeError
from numba.core.registry import CPUDispatcher
from numba.extending import typeof_impl

from numgrad.arrays.loading import load
from numgrad.caching import stamping
from numgrad.caching.contents import describe
from numgrad.caching.kept import DerivativeCache
from numgrad.drivers import progress
from numgrad.drivers.collecting import few_collections
from numgrad.drivers.floats import Conversion
from numgrad.targets import cuda_compiler, cuda_device
from numgrad.targets.heap import keep_freed_memory
from numgrad.targets.options import ENTRY_POINT, INLINED, InternalCompiler
from numgrad.targets.stamps import attach
from numgrad.targets.symbols import NEEDED
from numgrad.twin.errors import DifferentiationError, explained, shown
from numgrad.twin.origins import DRIVERS
from numgrad.twin.source import Body, function_of


def compiled(function):
    """Return a function as one that Numba has compiled or will compile."""
    if isinstance(function, Transform):
        return function.driver()
    from numgrad.twin.compiling import dispatcher_of  # what is found on disk needs none of it

    return dispatcher_of(function)


MAKERS: dict[str, Any] = {}  # the public functions that make transforms, in plain Python too
TRACED: dict[str, Any] = {}  # by their names, what is made in plain Python: the tracer fills it


def traced(kind, function, settings):
    """Return a transform that runs the function in plain Python and compiles nothing."""
    names = list(inspect.signature(kind.maker).parameters)[1:]
    name = kind.maker.__name__
    if name not in TRACED:
        raise NotImplementedError(f"numgrad.{name} compiles its function, and can't do without")
    of = TRACED[name]
    return of(original_of(function), **dict(zip(names, settings, strict=False)))


class Transform:
    """A function made from a function, and called like it."""

    maker: Any = None  # the public function that makes it
    summary = "a transform"
    options = INLINED  # with which compiled code's driver is compiled
    takes_out = True  # whether drivers have a parameter ``out``, where there is room for it
    is_used_within = False  # whether a driver is compiled for values while it is for numbers

    def __init__(self, function, *settings):
        function = original_of(function)
        self.original = function
        self.settings = settings
        self._drivers = {}
        self.transforms: dict[Any, Any] = {}  # made of this one
        known = isinstance(function, FunctionType | Dispatcher | Transform)
        source = function if known else self.function
        self.parameters = parameters_of(source)
        update_wrapper(self, source_of(source), updated=())
        self.__wrapped__ = function
        self.__name__ = self.__qualname__ = self.label()
        self.__doc__ = f"Return {self.summary} of ``{self.inner_name()}``.\n\n{self.__doc__ or ''}"

    @cached_property
    def function(self):
        """The function to differentiate, as one that Numba compiles."""
        return compiled(self.original)

    @property
    def stores_results(self):
        """Whether it has a parameter out for all of its results."""
        return False

    def inner_name(self):
        return getattr(self.original, "__name__", repr(self.original))

    def label(self):
        """The expression that makes the transform."""
        parameters = list(inspect.signature(type(self).maker).parameters.values())[1:]
        pairs = zip(parameters, self.settings, strict=False)
        given = [f", {p.name}={setting!r}" for p, setting in pairs if setting != p.default]
        return f"{type(self).maker.__name__}({self.inner_name()}{''.join(given)})"

    @property
    def _numba_type_(self):
        """The type that numba-cuda gives a transform in a kernel."""
        if not cuda_device.is_installed():
            raise AttributeError("only numba-cuda asks for this type")
        return self.driver()._CUDATypingContext__dispatcher._numba_type_

    def __repr__(self):
        return f"<numgrad.{self.label()}>"

    @property
    def __signature__(self) -> inspect.Signature:
        """The parameters as shown, ``out`` among them."""
        header = Header(self)
        signature = inspect.Signature(self.parameters)
        return with_out(signature) if header.takes_out else signature

    def traced(self) -> Any:
        """Return the same derivative without compiling."""
        return traced(type(self), self.original, self.settings)

    def __reduce__(self):
        return type(self).maker, (self.original, *self.settings)

    def driver(self, hint=None):
        """Return the function that compiled code calls, for arguments of all types.

        A hint is what only the arguments of a call from Python tell.
        """
        return self._driver(hint, self.options)

    def entry_point(self, hint):
        """Return the function that Python calls, which has no duals to hand over."""
        return self._driver(hint, ENTRY_POINT)

    def _driver(self, hint, options):
        key = hint, options is ENTRY_POINT
        if key in self._drivers:
            return self._drivers[key]
        keep_freed_memory()
        if options is not ENTRY_POINT:  # a program that Numba compiles is to call it
            load()
        driver = Driver(self, hint, options)
        DRIVERS[driver] = self
        return self._drivers.setdefault(key, driver)

    def hint(self, arguments):
        """A hint at the passes to make, from the arguments of a call from Python."""
        return

    def item_hint(self, arguments):
        """Return a hint for a call on one of several threads, which starts no further ones."""
        return

    def __call__(self, *arguments, **keywords):
        try:
            hint = self.hint(arguments)
            driver = self._drivers.get((hint, True)) or self.entry_point(hint)
            return driver(*arguments, **keywords)
        except DifferentiationError as found:
            told, cause = shown(found)
            raise told from cause

    def written(self, kinds):
        """Return the positions of the arguments of a driver whose memory may be written to."""
        return self._asked("written_arguments", kinds)

    def passed_on(self, kinds):
        """Return the types with which the function is called for arguments of some types."""
        return kinds

    def inputs(self, kinds):
        """Return the types of the user's arguments among those of a driver's parameters."""
        return self.conversion(Header(self).split(kinds)[0]).kinds

    def taken_as_floats(self, count):
        """The positions of arguments of which whole numbers are taken as floats."""
        return ()

    def conversion(self, kinds):
        """How arguments are taken: whole numbers as floats, where that loses nothing."""
        found = Conversion(kinds, self.taken_as_floats(len(kinds)))
        if not any(isinstance(kinds[k], types.Array | types.BaseTuple) for k in found.sources):
            return found
        written = self.written(found.kinds)
        return Conversion(kinds, [k for k in found.sources if k not in written])

    def draws(self, kinds):
        """Whether a call may draw random numbers."""
        return self._asked("draws", kinds)

    def takes_addresses(self, kinds):
        """Whether a call may hand addresses of arrays to foreign code."""
        return self._asked("takes_addresses", kinds)

    def finds(self, kinds):
        """The types of the objects that a call may find under global names."""
        return self._asked("found_outside", kinds)

    def _asked(self, question, kinds):
        from numgrad.drivers import written  # which takes time to load

        return getattr(written, question)(self.function, self.passed_on(kinds))

    @property
    def writes_numbers(self):
        """Whether what the driver writes to arrays of floats never has derivatives."""
        inner = DRIVERS.get(self.function)
        return inner is not None and inner.writes_numbers

    def positions_written(self, kinds):
        """The positions of the driver's arguments that it may write: inputs, and outputs.

        The types are those of the driver's parameters, or None if unknown.
        """
        header = Header(self)
        named = header.parameters.split(", ")
        out = [named.index("out")] if header.takes_out else []
        if kinds is None:
            return range(len(named)), out
        given, place = header.split(kinds)
        given = self.conversion(given).kinds
        rest = len(named) - 1  # where the remaining arguments are together
        written = {min(k, rest) for k in self.written(given)}
        return {k + 1 if out and k >= out[0] else k for k in written}, out if place else []

    def inputs_of_results(self, kinds):
        """The inputs that each result is a derivative by, or None if unknown."""

    def implementation(self, kinds, out, hint):
        """Return the body of a function of ``arguments`` and ``out``, for arguments of some types.

        The tuple ``arguments`` begins with None; see `numgrad.drivers.structure.argument`.
        """
        raise NotImplementedError


def original_of(function):
    """Return the transform that a driver belongs to; any other thing is what it is."""
    return DRIVERS.get(function, function) if isinstance(function, Dispatcher) else function


def parameters_of(function):
    """Return the parameters of the user's function, from which all transforms are made."""
    if isinstance(function, Transform):
        return function.parameters
    return list(inspect.signature(source_of(function)).parameters.values())


def source_of(function):
    """Return the function of Python's of one that is compiled, or will be."""
    if isinstance(function, Transform):
        return Header(function).template()
    return getattr(function, "py_func", function)


def with_out(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature with ``out=None`` behind the parameters that have a place."""
    parameters = list(signature.parameters.values())
    place = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    out = inspect.Parameter("out", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    return signature.replace(parameters=[*parameters[:place], out, *parameters[place:]])


class Driver(CPUDispatcher):
    """A function with the parameters of the user's, and ``out`` where there is room.

    Numba compiles it for each combination of argument types, each time with a body made for them.
    """

    def __init__(self, transform, hint, options):
        self.header = Header(transform)
        super().__init__(self.header.template(), targetoptions={"nopython": True, **options})
        self._compiler = DriverCompiler(self, transform, hint, options)
        if options is ENTRY_POINT:
            self._cache = DerivativeCache(transform, hint, list(functions_in(transform)))
        self.label = transform.label()

    def _reduce_states(self):
        """What tells a driver in a pickle: Numba keeps some in programs on disk."""
        compiler = self._compiler
        return {
            "transform": compiler.transform,
            "hint": compiler.hint,
            "is_entry_point": compiler.options is ENTRY_POINT,
        }

    @classmethod
    def _rebuild(cls, transform, hint, is_entry_point):
        return transform.entry_point(hint) if is_entry_point else transform.driver(hint)

    @property
    def is_compiling(self):
        """Whether Numba must take a call of it for a recursive one."""
        return super().is_compiling and not self._compiler.transform.is_used_within

    def compile(self, sig):
        """Compile the derivative, tell if it takes long, and say what to do if it can't be."""
        with progress.reported(self.label), few_collections():
            try:
                return super().compile(sig)
            except UnsupportedBytecodeError as error:
                function = self._compiler.transform.function.py_func
                filename = function.__code__.co_filename
                raise explained(error, function.__name__, filename) from error

    @cached_property
    def _CUDATypingContext__dispatcher(self):  # noqa: N802 - where numba-cuda looks
        """The function that kernels call in place of this one."""
        return cuda_compiler.function_in_kernels(
            self.py_func, lambda kinds: self._compiler._get_implementation(kinds, {})
        )


class DriverCompiler(InternalCompiler):
    """Numba's compiler of one function, which asks the transform for a body."""

    def __init__(self, driver, transform, hint, options):
        super().__init__(driver)
        self.header = driver.header
        self.transform = transform
        self.hint = hint
        self.options = options
        self.sources = []  # with all that the machine code refers to weakly

    def _get_implementation(self, args, kws):
        kinds, out = self.header.split(args)
        conversion = self.transform.conversion(kinds)
        body = self.transform.implementation(conversion.kinds, out, self.hint)
        lines, names = [*conversion.lines(), *body.lines], body.names | conversion.names
        source = self.header.function_of(Body(lines, names))
        self.sources.append(source)
        return source

    def _compile_core(self, args, return_type):
        """Compile the derivative, and stamp it with its origins."""
        from numgrad.numbers.temporaries import has_temporary

        load()
        stamp = stamping.stamp_for(functions_in(self.transform))
        compiled = super()._compile_core(args, return_type)
        if has_temporary(compiled.signature.return_type):
            raise AssertionError(f"a temporary outlives {self.py_func.__name__}")
        attach(stamp, compiled)
        for needed in NEEDED:
            attach(needed, compiled)
        return compiled


def functions_in(transform):
    """Return the functions that a transform, or those within it, were made from."""
    for thing in (transform.original, *transform.settings):
        thing = original_of(thing)
        if isinstance(thing, Transform):
            yield from functions_in(thing)
        elif callable(thing):
            yield getattr(thing, "stands_for", thing)  # a plain function is compiled as another


@describe.register(Transform)
def describe_transform(transform, contents, part):
    part.texts.append(type(transform).__name__)
    part.children.append(transform.original)
    contents.write(transform.settings, part)


@describe.register(Driver)
def describe_driver(driver, contents, part):
    part.texts.append("the driver of")
    part.children.append(DRIVERS[driver])


class Header:
    """The first lines of a driver, which put its parameters into a tuple."""

    def __init__(self, transform):
        parameters = transform.parameters
        names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
        rest = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
        self.name = identifier(transform.label())
        self.takes_out = transform.takes_out and not rest and "out" not in names
        out = ["out"] if self.takes_out else []
        self.parameters = ", ".join([*names, *out, *(f"*{name}" for name in rest)])
        packed = "".join(f"{name}, " for name in names)
        self.lines = [f"arguments = (None, {packed})" + "".join(f" + {name}" for name in rest)]
        if not self.takes_out:
            self.lines.append("out = None")
        defaults = [p.default for p in parameters if p.default is not p.empty]
        self.defaults = () if rest else (*defaults, *([None] if self.takes_out else []))

    def template(self):
        """Return the function of Python's that stands for the driver."""
        return self.function_of(Body(["raise NotImplementedError"], {}))

    def function_of(self, body):
        """Return the driver with a body."""
        lines = [*self.lines, *body.lines]
        function = function_of(self.name, self.parameters, Body(lines, body.names))
        function.__defaults__ = self.defaults or None
        return function

    def split(self, kinds):
        """Return the types of the user's arguments and of ``out``, if it was given."""
        kinds, out = list(kinds), None
        if self.takes_out:
            last = kinds.pop()
            out = None if isinstance(last, types.Omitted | types.NoneType) else last
        elif isinstance(kinds[-1], types.BaseTuple) and self.parameters.split(", ")[-1][0] == "*":
            kinds += kinds.pop()
        return tuple(map(passed, kinds)), out


def passed(kind):
    """Return the type of an argument as its function gets it: a default has that of its value."""
    return types.unliteral(typeof(kind.value) if isinstance(kind, types.Omitted) else kind)


def identifier(text):
    """Return a name for machine code that tells what it was made from."""
    return "".join(c if c.isalnum() else "_" for c in text).strip("_")


@typeof_impl.register(Transform)
def typeof_transform(transform, c):
    return types.Dispatcher(transform.driver())


def constant_of(kind):
    """Return the value of an argument that must be known while compiling."""
    if isinstance(kind, types.Omitted):
        return kind.value
    if isinstance(kind, types.Dispatcher):
        return kind.dispatcher
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

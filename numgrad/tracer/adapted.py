"""Users' functions with the names in them that traced numbers need otherwise.

A function runs as it is, from its own code, except that its global names are looked up through
a view of its module in which

- functions compiled by Numba are the plain functions that they were made from,
- the functions of `math` take traced numbers too,
- NumPy allocates arrays that can hold traced numbers,
- `max` and `min` share the derivative where two numbers are equal, as the table says,
- derivatives are taken by the tracer too.

Nothing is changed for anyone else: the module stays what it is.
"""

import builtins
import functools
import math
import operator
import sys
import types
from typing import Any

import numpy as np

from numgrad.rules.registry import PULLBACKS, TABLE
from numgrad.tracer import complex_functions, real_functions
from numgrad.tracer.allocations import ALLOCATIONS
from numgrad.tracer.arrays import fresh
from numgrad.tracer.functions import called
from numgrad.tracer.jitclasses import class_in_python, held, is_boxed, is_jitclass
from numgrad.tracer.numbers import (
    has_traced,
)
from numgrad.tracer.operators import (
    computed_by,
    is_instance,
    make_float,
)
from numgrad.tracer.owners import compares_identity, is_users, of_owners, stand_in, type_of
from numgrad.tracer.places import is_library, refusal
from numgrad.tracer.rebuilt import rebuilt
from numgrad.tracer.samples import (
    by_followed_source,
    following_source,
    gradient_of,
    is_followed,
    moves_coordinates,
)
from numgrad.tracer.scipy_code import Distribution, following, is_distribution, is_scipy
from numgrad.tracer.typed_containers import in_place_of
from numgrad.tracer.views import as_strided


def adapted(thing: Any, building: dict[Any, Any] | None = None) -> Any:
    """Return what traced code finds under a name for something that plain code finds there."""
    if isinstance(thing, types.ModuleType):
        if is_scipy(thing.__name__):
            return MODULES.setdefault(thing.__name__, Module(thing.__name__))
        return MODULES.get(thing.__name__, thing)
    if is_distribution(thing):
        return Distribution(thing, adapted)
    if is_boxed(thing):
        return held(thing, adapted)
    if is_users(thing):
        return stand_in(thing, adapted)
    if not callable(thing):
        return thing
    try:
        if thing in REPLACED:
            return REPLACED[thing]
    except TypeError:  # it can't be hashed
        return thing
    if is_jitclass(thing):
        return class_in_python(thing.class_type, adapted)
    if isinstance(thing, type):
        return in_place_of(thing) or thing
    if isinstance(thing, types.FunctionType):
        return _function(thing, {} if building is None else building)
    if isinstance(thing, types.MethodType):
        if is_distribution(thing.__self__):
            return getattr(Distribution(thing.__self__, adapted), thing.__name__)
        if is_boxed(thing.__self__):
            return getattr(adapted(thing.__self__), thing.__name__)
        return types.MethodType(adapted(thing.__func__, building), thing.__self__)
    if isinstance(thing, functools.partial):
        return functools.partial(adapted(thing.func, building), *thing.args, **thing.keywords)
    return _compiled(thing) if "numba" in sys.modules else thing


def _compiled(thing: Any) -> Any:
    """Return the plain function of a compiled one, and the tracer's derivative of a derivative."""
    from numba.core.dispatcher import Dispatcher

    from numgrad.drivers import transform

    own: Any = transform  # whose functions have no types
    thing = own.original_of(thing)
    if isinstance(thing, transform.Transform):
        return thing.traced()
    if thing in PULLBACKS:
        return _stated(thing)
    if type(thing).__name__ == "StencilFunc":
        from numgrad.twin import stencils

        followed: Any = stencils  # whose functions have no types
        return following_source(followed.loops_of(thing), in_python)
    if isinstance(thing, Dispatcher):
        return _ruled(thing) if thing in TABLE else in_python(thing)
    return thing if thing in TABLE else _vectorized(thing)


def _vectorized(thing: Any) -> Any:
    """Return a function of ``vectorize`` or ``guvectorize`` that takes traced numbers."""
    from numba.np.ufunc.dufunc import DUFunc
    from numba.np.ufunc.gufunc import GUFunc

    if not isinstance(thing, DUFunc | GUFunc):
        return thing
    from numgrad.tracer import vectorized

    make = vectorized.Elementwise if isinstance(thing, DUFunc) else vectorized.following
    return make(thing, in_python)


def _function(function: types.FunctionType, building: dict[Any, Any]) -> Any:
    if function in TABLE:
        return _ruled(function)
    if function in PULLBACKS:
        return _stated(function)
    if is_maker(function):
        return functools.partial(function, jit=False)
    if is_own(function) and is_followed(function):
        is_gradient = function.__name__ == "gradient"
        if is_gradient:
            return gradient_of(function, _gradient, in_python)
        return following_source(function, in_python)
    if is_scipy(function.__module__):
        return following(function, adapted)
    if (function.__module__, function.__name__) == ("numba.stencils.stencil", "stencil"):
        return _making_stencils(function)
    if is_library(function.__code__.co_filename) or is_own(function):
        return function
    if compares_identity(function.__code__):
        return of_owners(rebuilt(function, _adapted_but_owners, builtins_of(function), building))
    return rebuilt(function, adapted, builtins_of(function), building)


def _making_stencils(function: types.FunctionType) -> Any:
    """Return ``numba.stencil``, as a decorator within a traced function."""

    def make(*arguments: Any, **options: Any) -> Any:
        made = function(*arguments, **options)
        if isinstance(made, types.FunctionType):  # which takes the function
            return lambda inner: adapted(made(inner))
        return adapted(made)

    return make


def _adapted_but_owners(thing: Any, building: dict[Any, Any] | None = None) -> Any:
    """Return what traced code finds under a name where it asks which objects are the same."""
    return thing if is_users(thing) else adapted(thing, building)


def is_maker(function: types.FunctionType) -> bool:
    """Return whether a function is one of numgrad's that make derivatives."""
    if not is_own(function) or "numba" not in sys.modules:
        return False
    from numgrad.drivers.transform import MAKERS

    return MAKERS.get(function.__name__) is function


def is_own(function: types.FunctionType) -> bool:
    """Return whether a function is part of numgrad, and not of its examples."""
    module = function.__module__ or ""
    return module.startswith("numgrad.") and not module.startswith("numgrad.examples")


def _ruled(function: Any) -> Any:
    """Return a function with a rule: it is followed where there are traced numbers."""

    def call(*arguments: Any) -> Any:
        return computed_by(function, arguments) if has_traced(arguments) else function(*arguments)

    return functools.update_wrapper(call, getattr(function, "py_func", function))


def in_python(function: Any) -> Any:
    """Return a function run from its own code, whatever is known of its derivatives."""
    function = getattr(function, "py_func", function)
    return rebuilt(function, adapted, builtins_of(function), {})


def _stated(function: Any) -> Any:
    """Return a function with a pullback, which reverse mode follows."""
    from numgrad.drivers.transform import TRACED

    return TRACED["pullback"](function)


# Python's own functions


def _iterated(*arguments: Any, **keywords: Any) -> Any:
    """Return `numpy.nditer`, which makes copies of traced arrays, where there are none."""
    if has_traced(arguments) or has_traced(list(keywords.values())):
        raise refusal("numpy.nditer of an array with derivatives isn't traced.", LOOP)
    return np.nditer(*arguments, **keywords)


@functools.wraps(np.lib.stride_tricks.as_strided)
def _as_strided(x: Any, *arguments: Any, **keywords: Any) -> Any:
    """Return `numpy.lib.stride_tricks.as_strided`, which asks no array what it is."""
    function = as_strided if has_traced(x) else np.lib.stride_tricks.as_strided
    return function(x, *arguments, **keywords)


LOOP = "Loop over np.ndindex(x.shape), or over x.flat."


def _extremum(function: Any) -> Any:
    """Return `max` or `min`, by which two equal numbers share the derivative."""

    @functools.wraps(function)
    def extremum(*arguments: Any, **keywords: Any) -> Any:
        numbers = arguments if len(arguments) > 1 else list(arguments[0])
        if keywords or not has_traced(list(numbers)):
            return function(numbers, **keywords)
        return functools.reduce(lambda x, y: computed_by(function, (x, y)), numbers)

    return extremum


def _import(name: str, *arguments: Any, **keywords: Any) -> Any:
    return adapted(builtins.__import__(name, *arguments, **keywords))


def _of_lists(function: Any) -> Any:
    """Return one of NumPy's functions, which asks no list whether traced numbers are in it."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if any(isinstance(each, list | tuple) and has_traced(each) for each in arguments):
            arguments = tuple(
                fresh(each) if isinstance(each, list | tuple) and has_traced(each) else each
                for each in arguments
            )
        return function(*arguments, **keywords)

    return call


def _of_keywords(function: Any) -> Any:
    """One of NumPy's functions, which asks none of its keywords."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if has_traced(list(keywords.values())) and not has_traced(arguments):
            return called(function, arguments, keywords)
        return function(*arguments, **keywords)

    return call


# Those of arrays, which may be given as lists; others take several arrays in a list.
OF_ARRAYS = """
    append average bincount clip convolve correlate corrcoef cov cross cumprod cumsum delete diff
    dot ediff1d
    fft.fft fft.ifft fft.irfft fft.rfft fft.fftn fft.ifftn gradient histogram inner insert interp
    kron linalg.cholesky linalg.cond linalg.det linalg.eig linalg.eigh linalg.eigvals
    linalg.eigvalsh linalg.inv linalg.lstsq
    linalg.matrix_power linalg.norm linalg.pinv linalg.qr linalg.slogdet linalg.solve linalg.svd
    max mean median min nancumsum nanmax nanmean nanmedian nanmin nanprod nanquantile nanstd
    nansum nanvar outer percentile polyval prod ptp quantile roots sort std sum tensordot trace
    trapezoid unwrap vander var vdot
""".split()


@functools.wraps(np.gradient)
def _gradient(f: Any, *varargs: Any, **keywords: Any) -> Any:
    if moves_coordinates((f, *varargs)):
        return by_followed_source(np.gradient, in_python, (f, *varargs), keywords)
    return _of_lists(np.gradient)(f, *varargs, **keywords)


REPLACED: dict[Any, Any] = {
    **{
        f: real_functions.of_math(f)
        for f in vars(math).values()
        if callable(f) and not isinstance(f, type)
    },
    **complex_functions.FUNCTIONS,
    **ALLOCATIONS,
    np.lib.stride_tricks.as_strided: _as_strided,
    np.nditer: _iterated,
    isinstance: is_instance,
    max: _extremum(max),
    min: _extremum(min),
    sum: real_functions.total,
    **{f: _of_lists(f) for f in (operator.attrgetter(name)(np) for name in OF_ARRAYS)},
    np.pad: _of_keywords(np.pad),
    np.gradient: _gradient,
}
_builtins = {
    **vars(builtins),
    "complex": complex_functions.make_complex,
    "float": make_float,
    "isinstance": is_instance,
    "max": REPLACED[max],
    "min": REPLACED[min],
    "sum": real_functions.total,
    "type": type_of,
    "__import__": _import,
}


def builtins_of(function: Any) -> dict[str, Any]:
    """Return the builtins that a function finds."""
    others = {"complex": complex, "float": float, "type": type}
    used = [name for name in others if not complex_functions.calls_alone(function.__code__, name)]
    return {**_builtins, **{name: others[name] for name in used}} if used else _builtins


class Module:
    """A module some of whose functions are others."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return adapted(getattr(sys.modules[self._name], name))

    def __repr__(self) -> str:
        return repr(sys.modules[self._name])


MODULES = {
    name: Module(name)
    for name in (
        *(
            "cmath",
            "math",
            "numba",
            "numba.typed",
            "numgrad",
            "numpy",
            "numpy.fft",
            "numpy.lib",
            "numpy.lib.stride_tricks",
        ),
        "numpy.linalg",
    )
}

"""SciPy's functions that are written in Python, run as they are on traced numbers.

Their names are looked up as those of users' functions are, so that they allocate arrays that can
hold traced numbers. The distributions of `scipy.stats` are objects whose methods call each other.
"""

import builtins
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.functions import quiet_value_by, with_values_of
from numgrad.tracer.inside import values_in
from numgrad.tracer.numbers import NO_RULE, has_traced
from numgrad.tracer.operators import is_instance
from numgrad.tracer.places import refusal
from numgrad.tracer.rebuilt import rebuilt
from numgrad.tracer.sources import are_same

Look = Callable[..., Any]
_builtins = {**vars(builtins), "isinstance": is_instance}


def is_scipy(name: Any) -> bool:
    """Return whether a module of some name is one of SciPy's."""
    return str(name).split(".")[0] == "scipy"


def is_distribution(thing: Any) -> bool:
    """Return whether a thing is one of the distributions of `scipy.stats`, frozen or not."""
    module: Any = sys.modules.get("scipy.stats._distn_infrastructure")
    if module is None or not is_scipy(type(thing).__module__):
        return False
    several: Any = sys.modules["scipy.stats._multivariate"]
    kinds = (module.rv_generic, module.rv_frozen, several.multi_rv_generic, several.multi_rv_frozen)
    return isinstance(thing, kinds)


def following(function: Any, look: Look) -> Any:
    """Return a function of SciPy's that is run from its source where there are traced numbers."""
    own = WRITTEN_OUT.get((function.__module__.split("._")[0], function.__name__), function)

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if not has_traced([*arguments, *keywords.values()]):
            return function(*arguments, **keywords)
        return _alike(function, _from_source(own, look), arguments, keywords)

    return call


def _from_source(function: Any, look: Look) -> Any:
    """Return a function whose names, and those of what it calls, are looked up otherwise."""

    def in_scipy(thing: Any, building: dict[Any, Any]) -> Any:
        if isinstance(thing, types.FunctionType) and is_scipy(thing.__module__):
            return rebuilt(thing, in_scipy, _builtins, building)
        return look(thing, building)

    return rebuilt(function, in_scipy, _builtins, {})


def _alike(function: Any, code: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Return what code gives, if its values are those of the function."""
    module = function.__module__.split("._")[0]
    reason = f"{module}.{function.__name__} has no derivative here."
    like = quiet_value_by(function, arguments, keywords)
    try:
        result = code(*arguments, **keywords)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise refusal(reason, NO_RULE) from error
    if not are_same(result, like):
        raise refusal(reason, NO_RULE)
    return with_values_of(result, like)


class Distribution:
    """A distribution of `scipy.stats` whose methods take traced numbers."""

    def __init__(self, distribution: Any, look: Look) -> None:
        self._distribution = distribution
        self._look = look

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # what SciPy's code asks for, by super() and isinstance
        return type(self._distribution)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._distribution, name)
        if is_distribution(found):
            return Distribution(found, self._look)
        if not isinstance(found, types.MethodType) or name.startswith("_parse"):
            return found
        method = METHODS.get((type(self._distribution).__name__, name), found.__func__)
        code = types.MethodType(_from_source(method, self._look), self)
        if name.startswith("_") or "dist" in vars(self._distribution):  # a frozen one calls that
            return code

        @functools.wraps(found)
        def call(*arguments: Any, **keywords: Any) -> Any:
            if not has_traced([*arguments, *keywords.values()]):
                return found(*arguments, **keywords)
            return _alike(found, code, arguments, keywords)

        return call

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return Distribution(self._distribution(*arguments, **keywords), self._look)


# What SciPy computes by ways of its own, written with NumPy's functions


def _shifted(a: Any, axis: Any) -> Any:
    """Return numbers less their largest, as a constant, and that."""
    a = np.asarray(a)
    values = np.real(values_in(a))
    largest = np.max(values, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    return a - largest, largest


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """`scipy.special.logsumexp`, without the sign."""
    if b is not None:  # where the weight is 0, exp may overflow
        a, b = np.broadcast_arrays(a, b)
        a = np.where(b == 0, -np.inf, a)
    less, largest = _shifted(a, axis)
    terms = np.exp(less) if b is None else b * np.exp(less)
    result = np.log(np.sum(terms, axis=axis, keepdims=True)) + largest
    return result if keepdims else np.squeeze(result, axis=axis)[()]


def softmax(x: Any, axis: Any = None) -> Any:
    """`scipy.special.softmax`."""
    powers = np.exp(_shifted(x, axis)[0])
    return powers / np.sum(powers, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """`scipy.special.log_softmax`."""
    less = _shifted(x, axis)[0]
    return less - np.log(np.sum(np.exp(less), axis=axis, keepdims=True))


def apply_where(
    cond: Any, args: Any, f1: Any, f2: Any = None, /, *, fill_value: Any = None, **_: Any
) -> Any:
    """SciPy's choice between two functions, each of the numbers that it is asked for alone."""
    args = list(args) if isinstance(args, list | tuple) else [args]
    cond, *args = np.broadcast_arrays(values_in(cond), *args)
    chosen = np.asarray(values_in(cond), bool)
    result = np.zeros(chosen.shape, np.result_type(*(each.dtype for each in args), np.float64))
    result[chosen] = f1(*(each[chosen] for each in args))
    result[~chosen] = f2(*(each[~chosen] for each in args)) if f2 is not None else fill_value
    return result


WRITTEN_OUT: dict[Any, Any] = {
    **{("scipy.special", f.__name__): f for f in (logsumexp, softmax, log_softmax)},
    ("scipy", "apply_where"): apply_where,
}
# Methods that call compiled code, by their classes
METHODS: dict[Any, Any] = {
    ("beta_gen", "_pdf"): lambda self, x, a, b: np.exp(self.logpdf(x, a, b)),
}

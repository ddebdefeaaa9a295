"""The registry of rules: which functions have a derivative, and how it is found.

Its entries are in `numgrad.rules.table`, in `numgrad.rules.scipy_functions`, and in programs of
users.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, TypeVar

import numpy as np

# mypy: allow-untyped-defs, allow-untyped-calls

Function = Callable[..., Any]
Body = TypeVar("Body", bound=Function)


@dataclass(frozen=True)
class Rule:
    """One entry of the table, under all the functions it stands for."""

    name: str
    functions: tuple[Function, ...]
    body: Function
    kind: Literal["rule", "composite", "piecewise_constant", "tangent"]
    arity: int
    finite_partials: bool = False  # whether finite arguments have finite slopes
    kinked: bool = False  # but these may have derivatives that are nan
    apart: Function | None = None  # the body where the parts of a tangent are not known together


TABLE: dict[Function, Rule] = {}
ON_DEMAND: dict[Function, Rule] = {}  # entries that are loaded when one is met: scipy_functions
COMPLEX_TABLE: dict[Function, Rule] = {}  # instead of those in TABLE where the value is complex
PULLBACKS: dict[Function, Function] = {}  # what users stated by `numgrad.pullback`
UNKNOWN = ...  # the slope in an argument that no formula gives: a derivative by it is refused
# No poles: where these have infinite slopes, numbers have grown beyond the largest.
OVERFLOWING = (np.exp, np.exp2, np.expm1, np.sinh, np.cosh)
listeners: list[Callable[[Function], None]] = []  # called with each function that gets an entry


def rule(*functions: Function) -> Callable[[Body], Body]:
    """Add a function to those that numgrad differentiates.

    The decorated body returns the function's value and then its slope, the partial derivative,
    in each argument. A slope of None says that the value does not depend on the argument: no
    number multiplies the argument's derivative, not even 0, so an infinite one leaves no nan.
    A slope of ``...`` says that no formula for it is known: a derivative that needs it is refused.

    Parameters
    ----------
    *functions : callable
        The functions that the body stands for, all spellings of one. A function that has an
        entry already gets the new one.

    Returns
    -------
    callable
        A decorator, which returns the body as it is.

    Notes
    -----
    A body written with functions that have entries themselves can be differentiated again, to
    any order. Where the body is compiled, it must be scalar code that Numba can compile.

    Examples
    --------
    >>> import numpy as np
    >>> from numgrad.numbers.dual.number import Dual
    >>> from numgrad.rules.registry import rule
    >>> cube = np.frompyfunc(lambda x: x * x * x, 1, 1)
    >>> @rule(cube)
    ... def _(x):
    ...     return x * x * x, 3.0 * x * x
    >>> cube(Dual(2.0, 1.0))
    Dual(8.0, (12.0,))
    """
    return _entry(TABLE, "rule", functions)


def finite_rule(*functions: Function) -> Callable[[Body], Body]:
    """Add a function whose slopes are finite where its arguments are.

    Elsewhere a derivative of 0 stays 0 whatever the slope. Here the product needs no care, and is
    the faster for it.
    """
    return _entry(TABLE, "rule", functions, finite_partials=True)


def kinked_rule(*functions: Function) -> Callable[[Body], Body]:
    """Add a function whose slopes are finite, but jump: at a kink they are a convention."""
    return _entry(TABLE, "rule", functions, finite_partials=True, kinked=True)


def composite(*functions: Function) -> Callable[[Body], Body]:
    """Add functions written with others of the table: the body is called with the duals."""
    return _entry(TABLE, "composite", functions)


def tangent_rule(*functions: Function) -> Callable[[Body], Body]:
    """Add functions of a complex x and its tangent dx: the body returns value and tangent.

    Where a function is not holomorphic, no slope times dx is its tangent.
    """
    return _entry(COMPLEX_TABLE, "tangent", functions)


def real_tangent_rule(
    *functions: Function, apart: Function | None = None
) -> Callable[[Body], Body]:
    """Add functions of a real x and its tangent dx: the body returns value and tangent.

    Backward, dx is 1 along each of the numbers that x is made of, one by one. What a body says of
    their sum, as whether it is 0, it can't know there: then ``apart`` is called instead.
    """
    return _entry(TABLE, "tangent", functions, apart=apart)


def piecewise_constant(*functions: Function) -> None:
    """Add functions whose value alone counts: they are called with the numbers in the duals."""
    for function in functions:
        arity = getattr(function, "nin", None) or _positional(function)
        TABLE[function] = Rule(_name(function), (function,), function, "piecewise_constant", arity)


def _entry(
    table: dict[Function, Rule],
    kind: Literal["rule", "composite", "tangent"],
    functions: tuple[Function, ...],
    *,
    finite_partials: bool = False,
    kinked: bool = False,
    apart: Function | None = None,
) -> Callable[[Body], Body]:
    if not functions:
        raise TypeError("a rule needs the function it stands for: @rule(function)")
    for function in functions:
        if not callable(function):
            raise TypeError(f"a rule stands for a function, not for {function!r}")
        if function in PULLBACKS:
            raise TypeError(f"{_name(function)} has a pullback, and can't have a rule too")

    def add(body: Body) -> Body:
        if not callable(body):
            raise TypeError(f"the body of a rule is a function, not {body!r}")
        arity = _positional(body) // (2 if kind == "tangent" else 1)
        name = _name(functions[0])
        entry = Rule(name, functions, body, kind, arity, finite_partials, kinked, apart)
        table.update(dict.fromkeys(functions, entry))
        for listen, function in product(listeners, functions):
            listen(function)
        return body

    return add


def entry(function: Function) -> Rule:
    """Return the entry of a function that has one."""
    return TABLE[function] if function in TABLE else ON_DEMAND[function]


def _name(function: Function) -> str:
    return str(getattr(function, "__name__", function))


def _positional(function: Function) -> int:
    """Return how many arguments a function must have."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # builtins without a signature: all have one argument that matters
        return 1
    required = [p for p in parameters if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
    return max(len(required), 1)


def primal(x: Any) -> Any:
    """Return the number that carries the derivatives; a number returns itself."""
    return getattr(x, "primal", x)

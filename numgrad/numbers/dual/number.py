"""The dual number in plain Python: whatever it meets, the table answers."""

import inspect
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

import numpy as np

from numgrad.numbers.tape import differentials
from numgrad.numbers.tape.differentials import ComplexDifferential, Differential
from numgrad.rules.registry import COMPLEX_TABLE, ON_DEMAND, TABLE, UNKNOWN, Function, Rule, primal


def apply(rule: Rule, *arguments: Any) -> Any:
    """Apply a function of the table to numbers and duals.

    The duals of the highest depth carry derivatives, all others are constants to them:

        f(x + x' e, y + y' e) = f(x, y) + (f_x x' + f_y y') e
    """
    numbers = [primal(argument) for argument in arguments]
    if any(isinstance(number, complex | np.complexfloating) for number in numbers):
        rule = COMPLEX_TABLE.get(rule.functions[0], rule)
    if rule.kind == "composite":
        return rule.body(*arguments)
    if rule.kind == "piecewise_constant":
        return rule.body(*numbers)
    if len(arguments) != rule.arity:
        raise TypeError(f"{rule.name} of a Dual takes {rule.arity} arguments, not {len(arguments)}")
    depth = max(map(_depth, arguments))
    if not depth:
        return rule.functions[0](*arguments)
    # What the function would warn of shows in the value; slopes may well be infinite or nan.
    with np.errstate(all="ignore"):
        if rule.kind == "tangent":
            (x,) = arguments
            value, partials = _by_tangents(rule, x)
        else:
            value, partials = _by_slopes(rule, arguments, depth, np.result_type(0.5, *numbers))
    return Dual(value, partials, depth=depth) if partials else value


def _by_tangents(rule: Rule, x: "Dual") -> tuple[Any, tuple[Any, ...]]:
    if differentials.are_differentials(x.partials):
        value, differential = differentials.by_tangents(rule, x.value, x.partials[0])
        return value, (differential,)
    values, tangents = zip(*(rule.body(x.value, dx) for dx in x.partials), strict=True)
    return values[0], tangents


def _by_slopes(
    rule: Rule, arguments: tuple[Any, ...], depth: int, dtype: np.dtype[Any]
) -> tuple[Any, tuple[Any, ...]]:
    """Return the value and the partials; none where the value depends on no dual."""
    returned = rule.body(*(_value(argument, depth, dtype) for argument in arguments))
    if not isinstance(returned, tuple) or len(returned) != 1 + len(arguments):
        raise TypeError(
            f"the rule of {rule.name} must return its value and a slope for each of "
            f"{len(arguments)} arguments; it returned {returned!r}"
        )
    value, *slopes = returned
    active = [(f, x.partials) for f, x in zip(slopes, arguments, strict=True) if _depth(x) == depth]
    if any(slope is UNKNOWN for slope, _ in active):
        raise TypeError(f"{rule.name} has no formula for its slope in an argument that is a Dual")
    counts = sorted({len(partials) for _, partials in active})
    if len(counts) > 1:
        raise ValueError(
            f"{rule.name} of duals with {counts[0]} and {counts[1]} partials: numbers of one "
            "differentiation have as many partials each"
        )
    if active and differentials.are_differentials(active[0][1]):
        terms = [(f, partials[0]) for f, partials in active if f is not None]
        return value, (differentials.linear_sum(terms, may_be_steep(rule)),) if terms else ()
    partials = _sums(rule, active, operator.mul)
    if _has_nan(value, partials):
        partials = _sums(rule, active, term)
    return value, partials


def may_be_steep(rule: Rule) -> bool:
    """Whether a rule has infinite slopes or kinks, where what doesn't move moves nothing."""
    return rule.kinked or not rule.finite_partials


def _sums(rule: Rule, active: list[Any], product: Callable[[Any, Any], Any]) -> tuple[Any, ...]:
    """Return the sums of the slopes times the derivatives of the arguments."""
    is_steep = may_be_steep(rule)
    terms = [
        [dx if is_steep and is_zero(dx) else product(f, dx) for dx in partials]
        for f, partials in active
        if f is not None
    ]
    return tuple(reduce(operator.add, column) for column in zip(*terms, strict=True))


def _has_nan(value: Any, partials: tuple[Any, ...]) -> bool:
    if type(value) is np.float64:  # the quick way, which would warn of complex numbers
        try:
            return any(map(math.isnan, partials))
        except TypeError:  # the partials are duals themselves
            pass
    return any(map(is_nan, partials))


def is_nan(x: Any) -> bool:
    while isinstance(x, Dual):
        x = x.value
    return bool(x != x)


def term(slope: Any, dx: Any) -> Any:
    """Return a slope times a derivative: 0 where either is, though the other may be infinite.

    What doesn't move moves nothing, however steep; and where the function is flat, nothing moves
    it. A nan stays. Of duals it is the product rule, with these products in it.
    """
    product = slope * dx
    if not is_nan(product):
        return product
    depth = max(_depth(slope), _depth(dx))
    if not depth:
        is_limit = slope == slope and dx == dx and (slope == 0 or dx == 0)
        return type(product)(0) if is_limit else product
    (f, f_partials), (x, x_partials) = (_split(each, depth) for each in (slope, dx))
    if any(map(differentials.are_differentials, filter(None, (f_partials, x_partials)))):
        pairs = [(f, dx) for dx in x_partials] + [(x, df) for df in f_partials]
        return Dual(term(f, x), differentials.linear_sum(pairs), depth=depth)
    terms = [[term(f, dx) for dx in x_partials], [term(df, x) for df in f_partials]]
    partials = tuple(reduce(operator.add, each) for each in zip(*filter(None, terms), strict=True))
    return Dual(term(f, x), partials, depth=depth)


def _split(x: Any, depth: int) -> tuple[Any, tuple[Any, ...]]:
    """Return the value of a number at a depth, and its partials; none of a constant."""
    return (x.value, x.partials) if _depth(x) == depth else (x, ())


def is_zero(x: Any) -> bool:
    """Whether a derivative is none at all, which an infinite slope leaves so."""
    if isinstance(x, Dual):
        return all(map(is_zero, (x.value, *x.partials)))
    return bool(x == 0)


def _depth(x: Any) -> int:
    return x.depth if isinstance(x, Dual) else 0


def _value(x: Any, depth: int, dtype: np.dtype[Any]) -> Any:
    """Return an argument as a body takes it: NumPy's numbers, and no derivatives of this depth."""
    if isinstance(x, Dual):
        return x.value if x.depth == depth else x
    return _in_precision(x, dtype)


def _in_precision(x: Any, dtype: np.dtype[Any]) -> Any:
    is_complex = isinstance(x, complex | np.complexfloating)
    return (dtype if is_complex else np.finfo(dtype).dtype).type(x)


def find(function: Function) -> Rule:
    """Return the rule of a function, or of one that is the same by its name."""
    if function in TABLE:
        return TABLE[function]
    if function in ON_DEMAND:
        return ON_DEMAND[function]
    name = getattr(function, "__name__", str(function))
    rule = None
    if isinstance(function, np.ufunc):  # of SciPy
        from numgrad.rules import scipy_functions

        rule = ON_DEMAND.get(scipy_functions.FUNCTIONS.get(name, function)) or named(name)
    if rule is None:
        raise TypeError(f"{name} of a Dual: it has no rule; the decorator numgrad.rule adds one")
    return rule


def named(name: str) -> Rule | None:
    return next((rule for rule in TABLE.values() if rule.name == name), None)


def _is_number(x: Any) -> bool:
    return isinstance(x, Dual | int | float | complex | np.number | np.bool_)


Method = Callable[..., Any]


def _unary(function: Function) -> Method:
    def method(self: "Dual") -> Any:
        return apply(TABLE[function], self)

    return method


def _binary(function: Function) -> tuple[Method, Method]:
    """Return the methods of an operator with the dual on its left and on its right."""

    def method(self: "Dual", other: Any) -> Any:
        return apply(TABLE[function], self, other) if _is_number(other) else NotImplemented

    def reflected(self: "Dual", other: Any) -> Any:
        return apply(TABLE[function], other, self) if _is_number(other) else NotImplemented

    return method, reflected


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dual:
    """A number and its partial derivatives, which every operation carries along.

    Operators and NumPy's functions take it as they take a float, and follow the chain rule.
    Comparisons, `==` too, and truth look at the value alone, and so does what a program does.

    Parameters
    ----------
    value : number or Dual
        What the number is. Integers become floats.
    partials : number, Dual or tuple of these
        Its derivative in each variable.
    depth : int, optional
        Which differentiation it belongs to, where one lies within another: to a dual of
        greater depth, those of smaller depth, like plain numbers, are constants. The default
        is one more than that of the value and the partials.

    Attributes
    ----------
    value : number or Dual
    partials : tuple
    depth : int

    Notes
    -----
    In an object array the functions of NumPy reach the elements through their operators and
    methods. NumPy itself then decides `np.maximum` and `np.minimum`, and like Python's `max`
    and `min` takes one of two equal numbers, with all of its derivative.

    Examples
    --------
    >>> import numpy as np
    >>> from numgrad.numbers.dual.number import Dual
    >>> x, y = Dual(3.0, (1.0, 0.0)), Dual(2.0, (0.0, 1.0))
    >>> x * y + 1
    Dual(7.0, (2.0, 3.0))
    >>> np.hypot(x, 4)
    Dual(5.0, (0.6, 0.0))

    The second derivative is the derivative of the derivative:

    >>> t = Dual(Dual(2.0, 1.0), Dual(1.0, 0.0))
    >>> t**3
    Dual(Dual(8.0, (12.0,)), (Dual(12.0, (12.0,)),))
    """

    value: Any
    partials: Any
    depth: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        value = _checked(self.value)
        given = self.partials if isinstance(self.partials, tuple) else (self.partials,)
        if not given:
            raise ValueError("a Dual has one partial or more")
        dtype = primal(value).dtype
        partials = tuple(_as_precise(_checked(number), dtype) for number in given)
        lowest = 1 + max(map(_depth, (value, *partials)))
        if self.depth and self.depth < lowest:
            raise ValueError(f"depth={self.depth} of a Dual of duals: it must be {lowest} or more")
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "partials", partials)
        object.__setattr__(self, "depth", self.depth or lowest)

    @property
    def primal(self) -> Any:
        """The plain number within: the value of the value and so on."""
        return primal(self.value)

    @property
    def real(self) -> Any:
        """The real part, as `numpy.real` gives it."""
        return apply(TABLE[np.real], self)

    @property
    def imag(self) -> Any:
        """The imaginary part, as `numpy.imag` gives it."""
        return apply(TABLE[np.imag], self)

    __add__, __radd__ = _binary(operator.add)
    __sub__, __rsub__ = _binary(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv)
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv)
    __mod__, __rmod__ = _binary(operator.mod)
    __pow__, __rpow__ = _binary(operator.pow)
    __divmod__, __rdivmod__ = _binary(divmod)

    __lt__ = _binary(operator.lt)[0]
    __le__ = _binary(operator.le)[0]
    __gt__ = _binary(operator.gt)[0]
    __ge__ = _binary(operator.ge)[0]
    __eq__ = _binary(operator.eq)[0]
    __ne__ = _binary(operator.ne)[0]
    __hash__ = None  # type: ignore[assignment]  # equal duals may differ in their partials

    __neg__ = _unary(operator.neg)
    __pos__ = _unary(operator.pos)
    __abs__ = _unary(abs)
    __bool__ = _unary(bool)
    __int__ = _unary(int)
    __floor__ = _unary(math.floor)
    __ceil__ = _unary(math.ceil)
    __trunc__ = _unary(math.trunc)

    def __round__(self, *digits: int) -> Any:
        return apply(TABLE[round], self, *digits)

    def __float__(self) -> float:
        raise TypeError(_LOSS.format("float"))

    def __complex__(self) -> complex:
        raise TypeError(_LOSS.format("complex number"))

    def __repr__(self) -> str:
        partials = ", ".join(map(str, self.partials))
        comma = "," if len(self.partials) == 1 else ""
        return f"Dual({self.value!s}, ({partials}{comma}))"

    def __getattr__(self, name: str) -> Any:
        # NumPy calls x.sin() for each x of an object array.
        rule = None if name.startswith("_") else named(name)
        if rule is None:
            raise AttributeError(f"'Dual' object has no attribute {name!r}")
        return partial(apply, rule, self)

    __array_priority__ = 1000.0

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **keywords: Any
    ) -> Any:
        if method != "__call__":
            raise TypeError(f"{ufunc.__name__}.{method} of a Dual: put it in an object array")
        results = _broadcast(ufunc, inputs, keywords)
        if out is None:
            return results
        for array, result in zip(out, results if ufunc.nout > 1 else (results,), strict=True):
            array[...] = result
        return out if ufunc.nout > 1 else out[0]

    def __array_function__(
        self, function: Function, types: Any, inputs: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        try:
            bound = inspect.signature(function).bind(*inputs, **keywords)
        except ValueError:  # NumPy before 2.1 doesn't tell the signatures of some
            return _broadcast(function, inputs, keywords)
        return _broadcast(function, bound.args, bound.kwargs)

    def __numgrad_function__(self, function: Function, arguments: tuple[Any, ...]) -> Any:
        return apply(find(function), *arguments)


_LOSS = (
    "a {} would lose the derivatives of a Dual: use NumPy's function (np.sin, not math.sin), "
    "or .value where they don't matter"
)


def _checked(number: Any) -> Any:
    """Return a number in NumPy's type, whose divisions by 0 give inf or nan; or a dual."""
    if isinstance(number, Dual | np.inexact | Differential | ComplexDifferential):
        return number
    if not _is_number(number):
        raise TypeError(f"a Dual is made of numbers, not of {type(number).__name__}")
    return np.complex128(number) if isinstance(number, complex) else np.float64(number)


def _as_precise(number: Any, dtype: np.dtype[Any]) -> Any:
    """Return a partial in the precision of the value: float32 stays float32."""
    if isinstance(number, Differential | ComplexDifferential):
        return differentials.in_precision(number, dtype)
    given = primal(number).dtype
    if given == dtype:
        return number
    if given.kind == "c" and dtype.kind != "c":
        raise TypeError("a Dual with a real value has real partials")
    if isinstance(number, Dual):
        value = _as_precise(number.value, dtype)
        return Dual(value, number.partials, depth=number.depth)
    return dtype.type(number)


def _broadcast(function: Function, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Apply a function of the table to numbers, or element by element to arrays."""
    rule = find(function)
    if keywords:
        raise TypeError(f"{rule.name} of a Dual takes no keyword {', '.join(keywords)}")
    if all(x is None or _is_number(x) for x in inputs):
        return apply(rule, *inputs)
    outputs = function.nout if isinstance(function, np.ufunc) else 1
    results = np.frompyfunc(partial(apply, rule), len(inputs), outputs)(*map(_objects, inputs))
    if rule.kind == "piecewise_constant":
        return np.array(results.tolist())
    return results


def _objects(x: Any) -> Any:
    """Return an object array: NumPy doesn't ask the duals in it for their ufunc."""
    array = np.empty((), object)
    array[()] = x
    return array if _is_number(x) or x is None else np.asarray(x, dtype=object)

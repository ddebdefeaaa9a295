"""Numbers and arrays that are traced: what they have in common, and what they hold."""

import numbers as abstract
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.rules.registry import primal
from numgrad.tracer.elements import (
    NUMBERS,
    Elements,
    cast,
    dtype_of,
    is_array,
    is_dual,
    objects,
    values_of,
)
from numgrad.tracer.flat import FlatIterator
from numgrad.tracer.live import check_live
from numgrad.tracer.places import refusal
from numgrad.tracer.recording import Node, Recorder

LOST = "Its derivatives would be lost in a {}."
IN_A_SET = (  # or among the keys of a dictionary
    "A set keeps one of numbers that are equal, whatever their derivatives.",
    "Use a list, or np.unique.",
)
KEEP = (
    "Use NumPy's functions, and allocate the arrays that hold such numbers in the function itself "
    "(np.zeros, np.empty, ...) or name one by out_argnum."
)
NO_RULE = "Give it a rule (numgrad.rule), or write it with functions that have one."


class Traced:
    """What numbers and arrays have in common: operators, NumPy's functions, and no silent loss.

    The methods that know arrays and functions are set where those are: see `operators`, `ufuncs`
    and `functions`.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 1000.0

    elements: Elements

    @property
    def node(self) -> Node | None:
        """The operation that computed it, if it was recorded."""
        raise NotImplementedError

    @property
    def values(self) -> Any:
        """The values alone."""
        return values_of(self.elements)

    @property
    def dtype(self) -> np.dtype[Any]:
        return dtype_of(self.elements)

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return 1

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        whole: Any = self
        return np.transpose(whole)

    def __bool__(self) -> bool:
        return bool(self.values)

    def __str__(self) -> str:
        return str(self.values)

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self.values), separator=", ", threshold=20)
        return f"Traced({text})"

    def __format__(self, specification: str) -> str:
        return format(self.values, specification)


class TracedNumber(Traced):
    """A number that is traced: one of Python's, or one of NumPy's."""

    __slots__ = ("_node", "elements", "is_python")

    def __init__(
        self, elements: Elements, node: Node | None = None, is_python: bool = False
    ) -> None:
        self.elements = elements
        self._node = node
        self.is_python = is_python  # whether it raises ZeroDivisionError and OverflowError

    def __hash__(self) -> int:  # type: ignore[override]
        if is_dual(self.elements):
            raise refusal(*IN_A_SET)
        return hash(self.values)

    @property
    def node(self) -> Node | None:
        return self._node

    @property
    def real(self) -> Any:
        return np.real(self)

    @property
    def imag(self) -> Any:
        return np.imag(self)

    def item(self) -> Any:
        precise = np.result_type(self.dtype, np.float64)  # as Python's numbers are
        return TracedNumber(cast(self.elements, precise), self.node, is_python=True)

    def tolist(self) -> Any:
        return self.item()

    def is_integer(self) -> bool:
        return bool(np.asarray(self.values).item().is_integer())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if not is_dual(self.elements):
            return np.array(values_of(self.elements), dtype)
        if dtype not in (None, object):
            raise refusal(LOST.format(f"NumPy array of {np.dtype(dtype)}"), KEEP)
        array = np.empty((), object)
        array[()] = self
        return array

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _: Any) -> Any:
        return self

    def _whole(self, function: Any) -> Any:
        return function(primal(self.elements))

    def __int__(self) -> int:
        return int(self._whole(int))

    def __trunc__(self) -> int:
        return int(self._whole(int))

    def __floor__(self) -> int:
        return int(self._whole(np.floor))

    def __ceil__(self) -> int:
        return int(self._whole(np.ceil))

    def __round__(self, *digits: int) -> Any:
        return round(float(primal(self.elements)), *digits)

    def __float__(self) -> float:
        if is_dual(self.elements):
            raise refusal(LOST.format("float"), KEEP)
        return float(self.elements)

    def __complex__(self) -> complex:
        if is_dual(self.elements):
            raise refusal(LOST.format("complex number"), KEEP)
        return complex(self.elements)


abstract.Number.register(TracedNumber)  # by which np.isscalar knows numbers


def is_operand(x: Any) -> bool:
    """Return whether an operator knows what to do with something."""
    return isinstance(x, Traced | FlatIterator | Dual | np.ndarray | NUMBERS | list | tuple)


def elements_of(x: Any) -> Elements:
    """Return what an operand holds; object arrays and lists may hold traced numbers."""
    if isinstance(x, TracedNumber):
        return check_live(x.elements)
    elements = held_by(x)
    return check_live(elements) if has_traced(x) else elements


def held_by(x: Any) -> Elements:
    """Return what a number or an array holds, whichever derivatives that belongs to."""
    if isinstance(x, Traced):
        return x.elements
    if isinstance(x, FlatIterator):
        return held_by(x.copy())
    if isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.dtype == object):
        array = np.asarray(x, object) if isinstance(x, np.ndarray) else _nested(x)
        results = (held_by(item) for item in array.flat)
        return np.fromiter(results, object, array.size).reshape(array.shape)
    return x


def _nested(items: Any) -> Any:
    """Return nested sequences of numbers and arrays as one array."""
    items = [_nested(item) if isinstance(item, list | tuple) else held_by(item) for item in items]
    if any(map(is_array, items)):
        return np.stack([objects(item) if is_array(item) else item for item in items])
    return np.fromiter(items, object, len(items))


def plain(x: Any) -> Any:
    """Return values in the place of traced numbers, in tuples and lists too."""
    if isinstance(x, Traced):
        return x.values
    if isinstance(x, FlatIterator):
        return plain(x.copy())
    return type(x)(map(plain, x)) if type(x) in (tuple, list) else x


def has_traced(x: Any) -> bool:
    """Return whether something is traced, or a sequence or object array that holds such things."""
    if isinstance(x, list | tuple):
        return any(map(has_traced, x))
    if isinstance(x, np.ndarray) and x.dtype == object:
        return any(isinstance(item, Traced) for item in x.flat)
    return isinstance(x, Traced | FlatIterator)


def recorded(operand: Any) -> Any:
    """Return the node of what was recorded; anything else is a constant."""
    if isinstance(operand, Traced):
        return operand.node or values_of(operand.elements)
    if type(operand) in (list, tuple):
        return type(operand)(map(recorded, operand))
    if isinstance(operand, np.ndarray) and has_traced(operand):
        return [recorded(item) for item in operand.flat]
    return operand


def recorder_of(operands: Any) -> Recorder | None:
    """Return the recorder of the first operand that is recorded."""
    for operand in operands:
        if isinstance(operand, Traced):
            found = operand.node.recorder if operand.node is not None else None
        elif isinstance(operand, list | tuple):
            found = recorder_of(operand)
        elif isinstance(operand, np.ndarray) and operand.dtype == object:
            found = recorder_of(operand.flat)
        else:
            found = None
        if found is not None:
            return found
    return None

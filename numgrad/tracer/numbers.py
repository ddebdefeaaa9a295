"""Numbers and arrays that are traced: they compute with the table and may record what they do."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numgrad.duals.number import Dual, named
from numgrad.duals.rules import primal
from numgrad.tracer.elements import (
    NUMBERS,
    Elements,
    cast,
    computed,
    constants,
    depth_of,
    dtype_of,
    is_array,
    is_dual,
    objects,
    values_of,
)
from numgrad.tracer.places import refusal
from numgrad.tracer.recording import Node, Recorder

LOST = "Its derivatives would be lost in a {}."
KEEP = (
    "Use NumPy's functions, and allocate the arrays that hold such numbers in the function itself "
    "(np.zeros, np.empty, ...) or name one by out_argnum."
)
NO_RULE = "Give it a rule (numgrad.rule), or write it with functions that have one."


class Memory:
    """What arrays that are views of one another share: the last operation that wrote to them."""

    def __init__(self) -> None:
        self.node: Node | None = None
        self.is_written = False
        self.dtype: np.dtype[Any] | None = None  # what is stored is converted to


class Traced:
    """What numbers and arrays have in common: operators, NumPy's functions, and no silent loss."""

    __slots__ = ("_node", "elements")
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 1000.0

    elements: Elements

    def __init__(self, elements: Elements, node: Node | None = None) -> None:
        self.elements = elements
        self._node = node

    @property
    def node(self) -> Node | None:
        """The operation that computed it, if it was recorded."""
        return self._node

    @property
    def dtype(self) -> np.dtype[Any]:
        return dtype_of(self.elements)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.elements.shape if is_array(self.elements) else ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.elements.size if is_array(self.elements) else 1

    @property
    def real(self) -> Any:
        return np.real(self)

    @property
    def imag(self) -> Any:
        return np.imag(self)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        return np.transpose(self)

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        """Return the numbers in a dtype: integers and booleans have no derivative."""
        dtype = np.dtype(dtype)
        if dtype.kind not in "fc":
            return values_of(self.elements).astype(dtype)[()]
        return traced(cast(self.elements, dtype), "astype", (self, dtype))

    def item(self, *index: int) -> Any:
        if not self.ndim:
            return self
        array: Any = self
        return array[index] if index else np.reshape(array, -1)[0]

    def tolist(self) -> Any:
        return np.array(self, dtype=object).tolist() if self.ndim else self

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **keywords: Any
    ) -> Any:
        from numgrad.tracer.functions import ufunc_method

        result = ufunc_method(ufunc, method, inputs, keywords)
        if out is None:
            return for_pandas(result) if is_called_by_pandas() else result
        results = result if isinstance(result, tuple) else (result,)
        for place, each in zip(out, results, strict=True):
            store(place, ..., each)
        return out if isinstance(result, tuple) else out[0]

    def __array_function__(
        self, function: Any, types: Any, inputs: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        from numgrad.tracer.functions import called

        return called(function, inputs, keywords)

    def __numgrad_function__(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        return computed_by(function, arguments)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if is_dual(self.elements) and dtype not in (None, object):
            raise refusal(LOST.format(f"NumPy array of {np.dtype(dtype)}"), KEEP)
        if not is_dual(self.elements):
            return np.array(values_of(self.elements), dtype)
        if not is_array(self.elements):
            array = np.empty((), object)
            array[()] = self
            return array
        whole: Any = self
        numbers = [whole[index] for index in np.ndindex(self.shape)]
        return np.fromiter(numbers, object, len(numbers)).reshape(self.shape)

    def __lt__(self, other: Any) -> Any:
        return compared(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return compared(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return compared(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return compared(np.greater_equal, self, other)

    def __eq__(self, other: Any) -> Any:
        return compared(np.equal, self, other)

    def __ne__(self, other: Any) -> Any:
        return compared(np.not_equal, self, other)

    def __bool__(self) -> bool:
        return bool(values_of(self.elements))

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(values_of(self.elements)), separator=", ", threshold=20)
        return f"Traced({text})"

    def __format__(self, specification: str) -> str:
        return format(values_of(self.elements), specification)


def is_called_by_pandas() -> bool:
    """Return whether pandas calls the operator that calls this."""
    return str(sys._getframe(2).f_globals.get("__name__")).startswith("pandas.")


def for_pandas(result: Any) -> Any:
    """Return an array as one of objects, which columns of tables can be."""
    return np.asarray(result) if isinstance(result, TracedArray) else result


def _binary(function: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def method(self: Traced, other: Any) -> Any:
        if not is_operand(other):
            return NotImplemented
        result = computed_by(function, (self, other))
        return for_pandas(result) if is_called_by_pandas() else result

    def reflected(self: Traced, other: Any) -> Any:
        if not is_operand(other):
            return NotImplemented
        result = computed_by(function, (other, self))
        return for_pandas(result) if is_called_by_pandas() else result

    return method, reflected


def _unary(function: Any) -> Callable[..., Any]:
    def method(self: Traced) -> Any:
        return computed_by(function, (self,))

    return method


def _in_place(function: Any) -> Callable[..., Any]:
    def method(self: "TracedArray", other: Any) -> Any:
        self[...] = computed_by(function, (self, other))
        return self

    return method


OPERATORS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "divmod": np.divmod,
    "matmul": np.matmul,
}
for _name, _function in OPERATORS.items():
    _left, _right = _binary(_function)
    setattr(Traced, f"__{_name}__", _left)
    setattr(Traced, f"__r{_name}__", _right)
for _name, _ufunc in {"neg": np.negative, "pos": np.positive, "abs": np.absolute}.items():
    setattr(Traced, f"__{_name}__", _unary(_ufunc))


class TracedNumber(Traced):
    """A number that is traced."""

    __slots__ = ()

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

    def __getattr__(self, name: str) -> Any:
        return method_of(self, name)


class TracedArray(Traced):
    """An array of numbers that are traced. It can be written to, through its views too."""

    __slots__ = ("memory",)

    def __init__(
        self,
        elements: Elements,
        node: Node | None = None,
        memory: Memory | None = None,
    ) -> None:
        super().__init__(elements, node)
        self.memory = memory or Memory()

    @property
    def node(self) -> Node | None:
        return self.memory.node or self._node

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    @property
    def flat(self) -> Iterator[Any]:
        return iter(np.reshape(self, -1))

    def __getitem__(self, index: Any) -> Any:
        taken = self.elements[plain(index)]
        return traced(taken, "getitem", (self, index), views=self)

    def __setitem__(self, index: Any, value: Any) -> None:
        inside = elements_of(value)
        self.memory.dtype = self.memory.dtype or self.dtype
        inside = cast(objects(inside) if is_array(inside) else inside, self.memory.dtype)
        self.elements[plain(index)] = inside
        whole = index is Ellipsis or (isinstance(index, slice) and index == slice(None))
        self.written("setitem", (self, index, value), value if whole else None)

    def written(self, operation: str, operands: tuple[Any, ...], by: Any = None) -> None:
        """Note that the array was written to."""
        self.memory.is_written = True
        is_whole = isinstance(by, Traced) and by.shape == self.shape and self.elements.base is None
        self.memory.node = by.node if is_whole else record(operation, operands, self.elements)

    def fill(self, value: Any) -> None:
        self[...] = value

    def sort(self, axis: int = -1) -> None:
        self[...] = np.sort(self, axis=axis)

    def __getattr__(self, name: str) -> Any:
        return method_of(self, name)

    __iadd__ = _in_place(np.add)
    __isub__ = _in_place(np.subtract)
    __imul__ = _in_place(np.multiply)
    __itruediv__ = _in_place(np.divide)
    __ipow__ = _in_place(np.power)
    __imod__ = _in_place(np.remainder)


METHODS = frozenset(
    """
    all any argmax argmin argsort clip compress conj conjugate copy cumprod cumsum diagonal dot
    max mean min nonzero prod ptp ravel repeat round searchsorted squeeze std sum swapaxes take
    trace var
    """.split()
)


def method_of(number: Traced, name: str) -> Any:
    """Return a method of NumPy's arrays; those of the table are called by object arrays."""
    if name in METHODS:
        function = getattr(np, name)
        return lambda *arguments, **keywords: function(number, *arguments, **keywords)
    if name == "flatten":
        return lambda: np.copy(np.ravel(number))
    if name in ("reshape", "transpose"):
        function = getattr(np, name)
        return lambda *shape: function(number, *([shape] if len(shape) > 1 else shape))
    rule = None if name.startswith("_") else named(name)
    if rule is None:
        raise AttributeError(f"a traced number has no attribute {name!r}")
    return lambda *others: computed_by(rule.functions[0], (number, *others))


def is_operand(x: Any) -> bool:
    """Return whether an operator knows what to do with something."""
    return isinstance(x, Traced | Dual | np.ndarray | NUMBERS | list | tuple)


def elements_of(x: Any) -> Elements:
    """Return what a number or an array holds; object arrays and lists may hold traced numbers."""
    if isinstance(x, Traced):
        return x.elements
    if isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.dtype == object):
        array = np.asarray(x, object) if isinstance(x, np.ndarray) else _nested(x)
        results = (elements_of(item) for item in array.flat)
        return np.fromiter(results, object, array.size).reshape(array.shape)
    return x


def _nested(items: Any) -> Any:
    """Return nested sequences of numbers and arrays as one array."""
    items = [
        _nested(item) if isinstance(item, list | tuple) else elements_of(item) for item in items
    ]
    if any(map(is_array, items)):
        return np.stack([objects(item) if is_array(item) else item for item in items])
    return np.fromiter(items, object, len(items))


def plain(x: Any) -> Any:
    """Return values in the place of traced numbers, in tuples and lists too."""
    if isinstance(x, Traced):
        return values_of(x.elements)
    return type(x)(map(plain, x)) if type(x) in (tuple, list) else x


def has_traced(x: Any) -> bool:
    """Return whether something is traced, or a sequence or object array that holds such things."""
    if isinstance(x, list | tuple):
        return any(map(has_traced, x))
    if isinstance(x, np.ndarray) and x.dtype == object:
        return any(isinstance(item, Traced) for item in x.flat)
    return isinstance(x, Traced)


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


def traced(
    elements: Elements, operation: str, operands: tuple[Any, ...], views: Traced | None = None
) -> Any:
    """Return the result of an operation: traced where it holds floats, else as it is."""
    if isinstance(elements, list | tuple):
        return type(elements)(traced(each, operation, operands, views) for each in elements)
    if isinstance(elements, np.ndarray):
        elements = elements if elements.dtype == object else _as_objects(elements)
    if not _is_floating(elements):
        return elements if not is_array(elements) else values_of(elements)
    if views is not None and is_array(elements) and not _overlaps(elements, views.elements):
        views = None
    if views is None:
        elements = constants(elements)
    node = record(operation, operands, elements)
    if not is_array(elements):
        return TracedNumber(elements, node)
    memory = views.memory if isinstance(views, TracedArray) else None
    return TracedArray(elements, node, memory)


def record(operation: str, operands: tuple[Any, ...], elements: Elements) -> Node | None:
    """Return the node of an operation, if any of its operands is recorded."""
    recorder = recorder_of(operands)
    if recorder is None or depth_of(elements) > recorder.depth:
        return None
    return recorder.record(operation, [recorded(operand) for operand in operands], elements)


def _as_objects(array: Any) -> Any:
    return objects(array) if array.dtype.kind in "fc" else array


def _is_floating(elements: Elements) -> bool:
    """Return whether elements can carry derivatives."""
    if is_array(elements):
        if elements.dtype != object:
            return False
        return dtype_of(elements).kind in "fc"
    return isinstance(elements, Dual | float | complex | np.inexact)


def _overlaps(array: Any, other: Any) -> bool:
    return is_array(other) and np.may_share_memory(array, other)


def compared(function: Any, left: Any, right: Any) -> Any:
    """Return a comparison of the values alone."""
    if not is_operand(right):
        return NotImplemented
    return function(plain(left), plain(elements_to_values(right)))


def elements_to_values(x: Any) -> Any:
    """Return the values of lists and object arrays that hold traced numbers."""
    return values_of(elements_of(x)) if has_traced(x) and not isinstance(x, Traced) else x


def computed_by(function: Any, operands: tuple[Any, ...], name: str | None = None) -> Any:
    """Return what a function of the table gives for traced numbers and others."""
    if function is np.matmul:
        return np.matmul(*operands)
    try:
        elements = computed(function, *map(elements_of, operands))
    except TypeError as error:
        if "no rule" not in str(error):
            raise
        raise refusal(f"{function.__name__} has no rule.", NO_RULE) from error
    return traced(elements, name or function.__name__, operands)


def store(place: Any, index: Any, value: Any) -> None:
    """Store a result in an array that was given for it."""
    if isinstance(place, TracedArray):
        place[index] = value
    elif isinstance(place, np.ndarray) and place.dtype != object and has_traced(value):
        if is_dual(elements_of(value)):
            raise refusal(LOST.format(f"NumPy array of {place.dtype}"), KEEP)
        place[index] = plain(value)
    else:
        place[index] = value

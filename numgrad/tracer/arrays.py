"""Arrays that are traced. They can be written to, through their views too."""

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.tracer.elements import (
    Elements,
    cast,
    depth_of,
    dtype_of,
    is_array,
    is_dual,
    objects,
    values_of,
)
from numgrad.tracer.flat import FlatIterator
from numgrad.tracer.layout import PAIR, elements_in, joined, raw_of
from numgrad.tracer.numbers import (
    KEEP,
    LOST,
    NO_RULE,
    Traced,
    TracedNumber,
    elements_of,
    has_traced,
    plain,
    recorded,
    recorder_of,
)
from numgrad.tracer.places import refusal
from numgrad.tracer.recording import Node

COPIED = "What is written to was made an array of NumPy's before, which doesn't see it."
COPY = "Copy the array first (x.copy()), or index it."


class Memory:
    """What arrays that are views of one another share: the last operation that wrote to them."""

    def __init__(self) -> None:
        self.node: Node | None = None
        self.writes = 0
        self.copies: list[weakref.ref[Any]] = []  # made where NumPy would share the memory

    @property
    def is_copied(self) -> bool:
        """Whether someone holds a copy who would see what is written, were it memory of NumPy's."""
        self.copies = [copy for copy in self.copies if copy() is not None]
        return bool(self.copies)


class TracedArray(Traced):
    """An array of numbers that are traced.

    Its objects lie in memory as `numgrad.tracer.layout` tells; a view has some of the same memory.
    """

    __slots__ = ("_dtype", "_node", "memory", "raw")

    def __init__(
        self,
        raw: Any,
        dtype: np.dtype[Any],
        node: Node | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.raw = raw
        self._dtype = dtype
        self._node = node
        self.memory = memory or Memory()

    @classmethod
    def of(
        cls, elements: Elements, node: Node | None = None, dtype: np.dtype[Any] | None = None
    ) -> "TracedArray":
        """Return a new array of elements."""
        dtype = dtype_of(elements) if dtype is None else dtype
        return cls(raw_of(elements, dtype), dtype, node)

    @property
    def elements(self) -> Elements:
        """What the array holds: of complex numbers, a copy."""
        return elements_in(self.raw)

    @property
    def values(self) -> Any:
        return values_of(self.elements, self.dtype)

    @property
    def node(self) -> Node | None:
        return self.memory.node or self._node

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.raw.shape)

    @shape.setter
    def shape(self, shape: Any) -> None:
        view = self.raw.view()
        view.shape = shape
        self.raw = view

    @property
    def size(self) -> int:
        return int(self.raw.size)

    @property
    def flags(self) -> Any:
        return self.raw.flags

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(s // self.raw.itemsize * self.itemsize for s in self.raw.strides)

    def setflags(self, write: bool | None = None) -> None:
        self.raw.setflags(write=write)

    # Views

    def taken(self, raw: Any, operation: str, operands: tuple[Any, ...]) -> Any:
        """Return what was taken of the array: a number, a view or a copy, this array itself."""
        if raw is self.raw:
            return self
        if not isinstance(raw, np.ndarray):
            element = joined(raw["real"], raw["imag"]) if self.raw.dtype == PAIR else raw
            return TracedNumber(*recorded_anew(operation, operands, element))
        memory = self.memory if np.may_share_memory(raw, self.raw) else None
        result = TracedArray(raw, self.dtype, None, memory)
        if memory is None:
            result._renew(operation, operands)
        else:
            result._node = record(operation, operands, result)
        return result

    def _renew(self, operation: str, operands: tuple[Any, ...]) -> None:
        """Record an operation that gave the numbers of the array."""
        elements = self.elements
        kept, self._node = recorded_anew(operation, operands, elements)
        if kept is not elements:
            self.raw[...] = raw_of(kept, self.dtype)

    def _part(self, name: str) -> Any:
        view = TracedArray(self.raw[name], np.empty(0, self.dtype).real.dtype, None, self.memory)
        view._node = record(name, (self,), view)
        return view

    @property
    def real(self) -> Any:
        return self._part("real") if self.raw.dtype == PAIR else self

    @real.setter
    def real(self, value: Any) -> None:
        self.real[...] = value

    @property
    def imag(self) -> Any:
        if self.raw.dtype == PAIR:
            return self._part("imag")
        order: Any = "F" if self.flags.fnc else "C"
        zeros = TracedArray.of(objects(np.zeros(self.shape, self.dtype, order)), dtype=self.dtype)
        zeros.setflags(write=False)
        return zeros

    @imag.setter
    def imag(self, value: Any) -> None:
        self.imag[...] = value

    @property
    def flat(self) -> FlatIterator:
        return FlatIterator(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        inside = self.in_memory(value)
        in_order = inside.copy("F") if self.flags.f_contiguous else inside  # as NumPy does
        self.flat.assign(slice(None), in_order if inside.ndim > 1 else inside)
        self.written("flat", (self, value))

    def view(self, dtype: Any = None) -> Any:
        """Return another array of the same memory: of the parts of complex numbers, too."""
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        if dtype == self.dtype:
            return self.taken(self.raw.view(), "view", (self,))
        parts = self.real
        if self.raw.dtype != PAIR or dtype != parts.dtype or not self.ndim:
            raise refusal(f"a view of {self.dtype} as {dtype} has no derivative here.", NO_RULE)
        if self.raw.strides[-1] != PAIR.itemsize:
            raise ValueError(
                "To change to a dtype of a different size, the last axis must be contiguous"
            )
        raw = np.lib.stride_tricks.as_strided(
            parts.raw,
            (*self.shape[:-1], 2 * self.shape[-1]),
            (*self.raw.strides[:-1], PAIR.itemsize // 2),
        )
        return parts.taken(raw, "view", (self,))

    # Copies

    def copy(self, order: Any = "C") -> Any:
        return self.taken(self.raw.copy(order), "copy", (self,))

    def flatten(self, order: Any = "C") -> Any:
        return self.taken(self.raw.flatten(order), "flatten", (self,))

    def __copy__(self) -> Any:
        return self.copy("K")

    def __deepcopy__(self, _: Any) -> Any:
        return self.copy("K")

    def astype(
        self,
        dtype: Any,
        order: Any = "K",
        casting: Any = "unsafe",  # noqa: ARG002
        subok: bool = True,  # noqa: ARG002
        copy: bool = True,
    ) -> Any:
        """Return the numbers in a dtype: integers and booleans have no derivative."""
        dtype = np.dtype(dtype)
        if dtype.kind == "O":
            return self.__array__(dtype, copy=True)
        if dtype.kind not in "fc":
            return self.values.astype(dtype, order)
        if dtype == self.dtype:
            return self.taken(np.array(self.raw, copy=copy or None, order=order), "copy", (self,))
        elements, node = recorded_anew("astype", (self, dtype), self.elements)
        return TracedArray(np.asarray(raw_of(elements, dtype), order=order), dtype, node)

    def conj(self) -> Any:
        return np.conjugate(self) if self.raw.dtype == PAIR else self

    conjugate = conj

    def item(self, *index: int) -> Any:
        place = index[0] if len(index) == 1 else index
        if not index and self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        flat = not index or isinstance(place, int)
        number: Any = self.flat[place or 0] if flat else self[place]
        return number.item()

    def tolist(self) -> Any:
        return [each.tolist() for each in self] if self.ndim else self[()].item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return an array of NumPy's: a copy, which can't be written to unless one is asked for."""
        if is_dual(self.elements) and dtype not in (None, object):
            raise refusal(LOST.format(f"NumPy array of {np.dtype(dtype)}"), KEEP)
        if is_dual(self.elements):
            array = np.empty_like(self.raw, object, subok=False)
            for index in np.ndindex(self.shape):
                array[index] = self[index]
        else:
            array = np.array(self.values, dtype)
        if not copy:
            array.flags.writeable = False
            self.memory.copies.append(weakref.ref(array))
        return array

    def __float__(self) -> float:
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __array_wrap__(self, array: Any, *_: Any) -> Any:
        """Leave as it is what NumPy's functions in Python would give the class of an argument."""
        return array

    # Items

    def __len__(self) -> int:
        return len(self.raw)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return self.taken(self.raw[plain(index)], "getitem", (self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        inside = self.in_memory(value)
        place = plain(index)
        if inside.ndim and not isinstance(self.raw[place], np.ndarray):
            if inside.size != 1:
                raise ValueError("setting an array element with a sequence.")
            inside = inside.reshape(())
        self.raw[place] = inside if inside.ndim else inside[()]
        whole = index is Ellipsis or (isinstance(index, slice) and index == slice(None))
        self.written("setitem", (self, index, value), value if whole else None)

    def in_memory(self, value: Any) -> Any:
        """Return what is to be stored as it lies in memory.

        An array of the same dtype isn't copied: NumPy knows what to do where memory is shared.
        """
        if isinstance(value, TracedArray) and value.dtype == self.dtype:
            return value.raw
        inside = elements_of(value)
        return raw_of(objects(inside) if is_array(inside) else inside, self.dtype)

    def written(self, operation: str, operands: tuple[Any, ...], by: Any = None) -> None:
        """Note that the array was written to."""
        self.memory.writes += 1
        if self.memory.copies and self.memory.is_copied:
            raise refusal(COPIED, COPY)
        is_whole = isinstance(by, Traced) and by.shape == self.shape and self.raw.base is None
        if is_whole:
            self.memory.node = by.node
        else:
            self._renew(operation, operands)
            self.memory.node = self._node

    def fill(self, value: Any) -> None:
        self[...] = value

    def sort(self, axis: int = -1, kind: Any = None) -> None:
        self[...] = np.sort(self, axis=axis, kind=kind)

    def partition(self, kth: Any, axis: int = -1) -> None:
        self[...] = np.partition(self, kth, axis=axis)

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        array: Any = self
        np.put(array, indices, values, mode=mode)


def fresh(x: Any) -> TracedArray:
    """Return a number, a list or an object array that holds traced numbers as an array."""
    return x if isinstance(x, TracedArray) else TracedArray.of(elements_of(x), _node_of(x))


def _node_of(x: Any) -> Node | None:
    return x.node if isinstance(x, Traced) else record("array", (x,), elements_of(x))


def traced(
    elements: Elements,
    operation: str,
    operands: tuple[Any, ...],
    dtype: np.dtype[Any] | None = None,
) -> Any:
    """Return the result of an operation: traced where it holds floats, else as it is."""
    if isinstance(elements, list | tuple):
        return type(elements)(traced(each, operation, operands) for each in elements)
    if not is_array(elements):
        if not isinstance(elements, Dual | float | complex | np.inexact):
            return elements
        return TracedNumber(*recorded_anew(operation, operands, elements))
    if elements.dtype != object:
        if elements.dtype.kind not in "fc":
            return elements
        elements = objects(elements)
    dtype = dtype_of(elements) if dtype is None else dtype
    if dtype.kind not in "fc":
        return values_of(elements)
    return TracedArray.of(*recorded_anew(operation, operands, elements), dtype)


def recorded_anew(
    operation: str, operands: tuple[Any, ...], elements: Elements
) -> tuple[Elements, Node | None]:
    """Record an operation that makes new numbers: return them, and the node."""
    node = record(operation, operands, elements, is_new=True)
    if node is None or node.recorder.partials:
        return elements, node
    return (node.elements.copy() if is_array(elements) else node.elements), node


def record(
    operation: str, operands: tuple[Any, ...], result: Any, is_new: bool = False
) -> Node | None:
    """Return the node of an operation, if any of its operands is recorded."""
    recorder = recorder_of(operands)
    if recorder is None:
        return None
    elements = result.elements if isinstance(result, Traced) else result
    if depth_of(elements) > recorder.depth:
        return None
    nodes = [recorded(operand) for operand in operands]
    return recorder.record(operation, nodes, elements, is_new)


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


def astype(self: TracedNumber, dtype: Any, *_: Any, **__: Any) -> Any:
    """Return the number in a dtype: integers and booleans have no derivative."""
    dtype = np.dtype(dtype)
    if dtype.kind == "O":
        return self
    if dtype.kind not in "fc":
        return np.asarray(self.values).astype(dtype)[()]
    return traced(cast(self.elements, dtype), "astype", (self, dtype))


setattr(TracedNumber, "astype", astype)  # noqa: B010 - here, since it makes traced things

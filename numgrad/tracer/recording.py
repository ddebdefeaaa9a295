"""What happened to traced numbers, kept operation by operation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.numbers.tape import differentials
from numgrad.rules.registry import primal
from numgrad.tracer.elements import Elements, dtype_of, is_array, mapped, values_of
from numgrad.tracer.places import Place, here


@dataclass(frozen=True, eq=False)
class Node:
    """One operation of a graph, or several that stand on one line.

    Attributes
    ----------
    index : int
        Where it stands in its graph; every node comes after those it was computed from, except
        where lines of a loop are folded.
    name : str
        What the other nodes call it.
    operation : str
        The function, such as ``"multiply"``; ``"input"`` for an argument.
    inputs : tuple of int
        The nodes that it was computed from.
    expression : str
        The operation as it would be written, with the names of nodes and the constants.
    shape : tuple of int
    dtype : numpy.dtype
    value : number or ndarray
    tangents : tuple
        Of a graph traced in forward mode, the derivative of the value by each input of the graph:
        along a direction in which all numbers of that input move alike.
    adjoints : tuple
        Of a graph traced in reverse mode, the derivative of each result by the numbers of the
        value; of a result that is an array, that of the sum of its numbers. A number in an array
        that comes from no input has 0.
    slopes : tuple
        Of a graph traced in reverse mode, the derivative of the operation by each of its `inputs`:
        an array where that is one, or where the value is; None where it takes a matrix.
    place : Place or None
        The line of source on which it happened.
    count : int
        How many operations it stands for.
    """

    index: int
    name: str
    operation: str
    inputs: tuple[int, ...]
    expression: str
    elements: Elements
    recorder: "Recorder" = field(repr=False)
    place: Place | None
    count: int = 1
    adjoints: tuple[Any, ...] = ()
    slopes: tuple[Any, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value; of a number, ``()``."""
        return self.elements.shape if is_array(self.elements) else ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value."""
        return dtype_of(self.elements)

    @property
    def value(self) -> Any:
        """The value, without derivatives."""
        return plain_values(self.elements)

    @property
    def tangents(self) -> tuple[Any, ...]:
        """The derivatives of the value by each input."""
        return tuple(
            plain_values(mapped(partial(partial_of, depth=self.recorder.depth, k=k), self.elements))
            for k in range(self.recorder.partials)
        )

    @property
    def tangent(self) -> Any:
        """The derivative of the value, where the graph has one input; else all of `tangents`."""
        tangents = self.tangents
        return tangents[0] if len(tangents) == 1 else tangents

    @property
    def adjoint(self) -> Any:
        """The derivative of the result, where the graph has one; else all of `adjoints`."""
        return self.adjoints[0] if len(self.adjoints) == 1 else self.adjoints


def plain_values(elements: Elements) -> Any:
    """Return an array of values, or a number of Python's."""
    values = values_of(elements)
    return values if is_array(elements) else values.item()


def partial_of(element: Any, depth: int, k: int) -> Any:
    """Return the k-th partial of an element at a depth: 0 if it has none."""
    if isinstance(element, Dual) and element.depth == depth:
        return element.partials[k]
    return np.result_type(0.5, type(primal(element))).type(0)


SYMBOLS = {
    "add": "{} + {}",
    "subtract": "{} - {}",
    "multiply": "{} * {}",
    "divide": "{} / {}",
    "remainder": "{} % {}",
    "floor_divide": "{} // {}",
    "power": "{} ** {}",
    "matmul": "{} @ {}",
    "negative": "-{}",
    "absolute": "|{}|",
    "getitem": "{}[{}]",
    "setitem": "{}[{}] = {}",
}


class Recorder:
    """The nodes of a graph while it is traced."""

    def __init__(self, partials: int, depth: int) -> None:
        self.partials = partials
        self.depth = depth  # of the duals whose partials are shown
        self.operations = 0
        self.nodes: list[Node] = []

    def input(self, name: str, elements: Elements) -> Node:
        """Add an argument."""
        return self._add(name, "input", (), name, elements, None)

    def record(
        self, operation: str, operands: Sequence[Any], elements: Elements, is_new: bool
    ) -> Node:
        """Add an operation on nodes and constants, whose numbers are new ones or those of others.

        In reverse mode a new number has a differential of its own, and so an adjoint of its own,
        also where it is one of the operands.
        """
        if is_new and not self.partials:
            elements = mapped(partial(renewed, depth=self.depth), elements)
        inputs = tuple(dict.fromkeys(node.index for node in nodes_in(operands)))
        self.operations += 1
        name = f"v{self.operations}"
        written = written_as(operation, operands)
        return self._add(name, operation, inputs, written, elements, here())

    def _add(
        self,
        name: str,
        operation: str,
        inputs: tuple[int, ...],
        expression: str,
        elements: Elements,
        place: Place | None,
    ) -> Node:
        elements = elements.copy() if is_array(elements) else elements  # it may be overwritten
        node = Node(
            len(self.nodes),
            name,
            operation,
            inputs,
            expression,
            elements,
            self,
            place,
        )
        self.nodes.append(node)
        return node


def renewed(element: Any, depth: int) -> Any:
    """Return the same number with a differential of its own."""
    if not (isinstance(element, Dual) and element.depth == depth):
        return element
    (differential,) = element.partials
    return Dual(element.value, differentials.linear_sum([(1.0, differential)]), depth=depth)


def nodes_in(operands: Iterable[Any]) -> Iterable[Node]:
    """Return the nodes among operands, in lists and tuples of them too."""
    for operand in operands:
        if isinstance(operand, Node):
            yield operand
        elif isinstance(operand, list | tuple):
            yield from nodes_in(operand)


def written_as(operation: str, operands: Sequence[Any]) -> str:
    """Return an operation as it is written."""
    written = [_operand(operand) for operand in operands]
    symbol = SYMBOLS.get(operation)
    if symbol is not None and symbol.count("{}") == len(written):
        return symbol.format(*written)
    return f"{operation}({', '.join(written)})"


def _operand(operand: Any) -> str:
    if isinstance(operand, Node):
        return operand.name
    if isinstance(operand, slice):
        parts = [operand.start, operand.stop, *([operand.step] if operand.step is not None else [])]
        return ":".join("" if part is None else str(part) for part in parts)
    if isinstance(operand, tuple | list):
        inside = ", ".join(map(_operand, operand))
        return f"[{inside}]" if isinstance(operand, list) else inside
    if isinstance(operand, np.ndarray) and operand.ndim:
        return f"array{operand.shape}".replace(",)", ")")
    if operand is Ellipsis:
        return "..."
    if isinstance(operand, bool | np.bool_ | str) or operand is None:
        return str(operand)
    number = primal(operand)
    if isinstance(number, float | np.floating):
        return f"{number:.6g}"
    text = str(number)
    return text if len(text) <= 20 else type(operand).__name__


def described(value: Any) -> str:
    """Return a value in few characters."""
    if np.ndim(value) == 0:
        return f"{value:.6g}" if np.isrealobj(value) else f"{complex(value):.4g}"
    array = np.asarray(value)
    if 0 < array.size <= 6 and array.ndim <= 2:
        rows = array.reshape(-1, array.shape[-1])
        return "; ".join(" ".join(described(number) for number in row) for row in rows)
    shape = "×".join(map(str, array.shape))
    if array.size and np.isrealobj(array):
        return f"{shape}: {described(array.min())} … {described(array.max())}"
    return f"{shape} {array.dtype}"

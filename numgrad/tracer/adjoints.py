"""What a graph shows of reverse mode: the adjoint of each node, and the slope along each edge.

The adjoint of a node is the derivative of a result by the numbers that the operation gave. Views of
an array have the same numbers, and so the same adjoints, wherever they are used. An edge
has the derivative of one operation by one of its operands, where that has the shape of either: of a
number by an array, of an array by a number, or of each element by its like.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual, is_nan
from numgrad.numbers.tape.differentials import ZERO, ComplexDifferential, Differential
from numgrad.tracer.elements import dtype_of, is_array, mapped, members
from numgrad.tracer.recording import Node, plain_values
from numgrad.tracer.sweeps import Found, backward, forward, goes_forward, steps_to


def new_differential(element: Any) -> Any:
    """Return the differential of an input: of a complex one that of both parts."""
    if np.iscomplexobj(element):
        return ComplexDifferential(Differential(), Differential())
    return Differential()


def with_adjoints(nodes: list[Node], results: list[Any], depth: int) -> list[Node]:
    """Return the nodes with the adjoints by each result, and the slopes of their operations.

    The adjoints by an array are those of the sum of its numbers; by complex ones, of the real part.
    """
    sweeps = [Sweep(elements, depth) for elements in results]
    by_index = {node.index: node for node in nodes}
    return [
        dataclasses.replace(
            node,
            adjoints=tuple(sweep.adjoint_of(node.elements) for sweep in sweeps),
            slopes=slopes_of(node, [by_index[k] for k in node.inputs], depth),
        )
        for node in nodes
    ]


class Sweep:
    """The adjoints of all that a result comes from."""

    def __init__(self, elements: Any, depth: int) -> None:
        self.depth = depth
        self.seeds: dict[Differential, Any] = {}
        for element in members(elements):
            dx = differential_of(element, depth).real
            if dx is not ZERO:
                self.seeds[dx] = self.seeds.get(dx, 0.0) + 1.0
        self.adjoints = backward(self.seeds)
        self.is_known = not any(map(is_nan, members(elements)))

    def adjoint_of(self, elements: Any) -> Any:
        return plain_values(mapped(self._of_element, elements))

    def _of_element(self, element: Any) -> Any:
        dx, dtype = differential_of(element, self.depth), dtype_of(element)
        real = self._of(dx.real)
        return dtype.type(real if dtype.kind != "c" else real - 1j * self._of(dx.imag))

    def _of(self, differential: Differential) -> Any:
        found = self.adjoints.get(differential, 0.0)
        if is_nan(found) and self.is_known and goes_forward(steps_to(self.seeds)):
            moved = forward(steps_to(self.seeds), {differential: 1.0})  # it tells what moves
            found = sum(seed * moved.get(each, 0.0) for each, seed in self.seeds.items())
        return found


def differential_of(element: Any, depth: int) -> Any:
    is_active = isinstance(element, Dual) and element.depth == depth
    return element.partials[0] if is_active else ZERO


def slopes_of(node: Node, operands: list[Node], depth: int) -> tuple[Any, ...]:
    """Return the derivative of an operation by each operand; None where no array shows it."""
    none = (None,) * len(operands)
    if any(dtype_of(each.elements).kind == "c" for each in (node, *operands)):
        return none
    results = _differentials(node, depth)
    by = [_differentials(operand, depth) for operand in operands]
    ends = {dx for each in by for dx in each.flat} - {ZERO}
    known = [set(each.flat) - {ZERO} for each in by]
    if sum(map(len, known)) != len(ends):  # one number under two names: which is it by?
        return none
    sources = steps_to(set(results.flat) - {ZERO}, ends)
    if any(not step.sources and step not in ends for step in sources):
        return none
    return tuple(
        None if found is None else plain_values(found)
        for found in (_slope(results, each, ends) for each in by)
    )


def _differentials(node: Node, depth: int) -> Any:
    elements = node.elements if is_array(node.elements) else _single(node.elements)
    found = [differential_of(element, depth) for element in elements.flat]
    return np.fromiter(found, object, len(found)).reshape(node.shape)


def _single(element: Any) -> Any:
    array = np.empty((), object)
    array[()] = element
    return array


def _slope(results: Any, by: Any, ends: set[Any]) -> Any:
    """Return the derivative of numbers by others, if it has the shape of the ones or the others."""
    if results.size == 1:
        (result,) = results.flat
        return _numbers(by, backward({result: 1.0}, ends).get)
    if by.size == 1:
        (dx,) = by.flat
        return _numbers(results, forward(_inner(results, ends), {dx: 1.0}).get)
    if by.shape != results.shape:
        return None
    for result, dx in zip(results.flat, by.flat, strict=True):
        if not ({step for step in steps_to([result], ends) if step in ends} & set(by.flat)) <= {dx}:
            return None
    moved: Found = forward(_inner(results, ends), dict.fromkeys(by.flat, 1.0))
    return _numbers(results, moved.get)


def _inner(results: Any, ends: set[Any]) -> list[Any]:
    """Return the steps of an operation alone: its operands are moved, and don't follow others."""
    return [step for step in steps_to(results.flat, ends) if step not in ends]


def _numbers(differentials: Any, get: Callable[[Any, float], Any]) -> Any:
    found = [0.0 if dx is ZERO else float(get(dx, 0.0)) for dx in differentials.flat]
    numbers = np.array(found).reshape(differentials.shape)
    return numbers if numbers.ndim else numbers[()]

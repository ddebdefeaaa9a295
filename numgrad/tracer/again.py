"""Functions that run again in a sweep: `numgrad.checkpoint` and `numgrad.iterate` in plain Python.

Where the innermost derivative goes backward, a call of one is a single step of its graph: it keeps
the arguments, and what the function did in between only while its turn lasts. Any other derivative
goes through the function as it does through others, and so does one of complex numbers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.drivers.reverse.again import refuse_drawn, refuse_written
from numgrad.drivers.reverse.iterated import next_position, states_to_keep
from numgrad.drivers.transform import TRACED
from numgrad.numbers.dual.number import Dual
from numgrad.numbers.tape.differentials import ZERO, Differential, Map
from numgrad.tracer.adapted import adapted
from numgrad.tracer.arguments import (
    Leaf,
    depth_in,
    in_place_of_leaves,
    leaves,
    mapped,
    replaced,
    returned,
    structure_of,
    traced_leaf,
)
from numgrad.tracer.arrays import TracedArray
from numgrad.tracer.cotangents import PullbackRun, has_derivatives
from numgrad.tracer.elements import mapped as each_of
from numgrad.tracer.elements import members
from numgrad.tracer.numbers import recorder_of
from numgrad.tracer.run import Run, has_depth


class Again:
    """A function that runs again in a sweep."""

    maker = "checkpoint"
    goes_forward = True  # whether a sweep forward can go through

    def __init__(self, original: Any) -> None:
        self.original = original
        self.function = original  # of which one call is a step of the graph

    @property
    def name(self) -> str:
        return str(getattr(self.original, "__name__", self.original))

    def __call__(self, *arguments: Any) -> Any:
        depth = depth_in(arguments)
        if not depth or not is_recorded(arguments, depth) or recorder_of(arguments) is not None:
            return adapted(self.function)(*arguments)
        values = without(arguments, depth)
        return self.recorded(
            arguments, values, structure_of(self.run(self.function, values)), depth
        )

    def recorded(
        self, arguments: tuple[Any, ...], values: tuple[Any, ...], outputs: Any, depth: int
    ) -> Any:
        """Return the results, which are those of a single step."""
        images = iter(self.images(arguments, values, outputs, depth))

        def with_images(leaf: Leaf) -> Any:
            if not leaf.is_floating:
                return leaf.given
            return traced_leaf(
                each_of(lambda e: Dual(e, (next(images),), depth=depth), leaf.elements)
            )

        return mapped(with_images, outputs)

    def run(self, function: Any, values: tuple[Any, ...]) -> Any:
        """Return what the function gives for values, which it may not write to."""
        run = Run(function, values)
        result = run({})
        if run.entrance.is_written:
            refuse_written(self.maker, self.name)
        return result

    def images(
        self, arguments: tuple[Any, ...], values: tuple[Any, ...], outputs: Any, depth: int
    ) -> list[Differential]:
        """Return the differentials of all numbers that were returned."""
        structure = [leaf for x in _active(arguments) for leaf in leaves(structure_of(x))]
        numbers = [e for leaf in structure for e in members(leaf.elements)]
        own = [e.partials[0] if has_depth(e, depth) else ZERO for e in numbers]
        places = [k for k, each in enumerate(own) if each is not ZERO]
        count = len(_floating(outputs))

        def push(movements: list[Any]) -> list[Any]:
            moved: list[Any] = [0.0] * len(own)
            for k, each in zip(places, movements, strict=True):
                moved[k] = each
            return pushed(self.function, values, moved)

        def pull(adjoints: list[Any]) -> list[Any]:
            found = self.pull(values, adjoints, outputs)
            return [found[k] for k in places]

        sources = [own[k] for k in places]
        push_or_not = push if self.goes_forward else None
        images: list[Differential] = list(Map(sources, count, push_or_not, pull).images)
        return images

    def pull(self, values: tuple[Any, ...], adjoints: list[Any], outputs: Any) -> list[Any]:
        """Return the adjoints of all numbers among the arguments, those of the results given."""
        found, again = pulled(self.function, values, adjoints)
        self.check_same(again, outputs)
        return found

    def check_same(self, again: list[Any], outputs: Any) -> None:
        for one, other in zip(again, _floating(outputs), strict=True):
            a, b = (getattr(each, "primal", each) for each in (one, other))
            if a != b and not (a != a and b != b):
                refuse_drawn(self.maker, self.name)


class Iterated(Again):
    """A step that is applied many times, with few states kept."""

    maker = "iterate"

    def __init__(self, original: Any, n: int, states: int | None) -> None:
        super().__init__(original)
        self.count, self.states = n, states_to_keep(n, states)

        def repeated(state: Any, *arguments: Any) -> Any:
            step = adapted(original)
            state = _copied(state)
            for _ in range(n):
                state = step(state, *arguments)
            return state

        repeated.__name__ = self.name
        self.function = repeated

    def pull(self, values: tuple[Any, ...], adjoints: list[Any], outputs: Any) -> list[Any]:
        """Go back step by step, from states that are kept or computed again."""
        state, *others = values
        kept, last, by_others = [(0, state)], self.count, None
        while last > 0:
            at, state = kept[-1]
            while last - at > 1:
                target = last - 1
                if len(kept) < self.states:
                    target = next_position.py_func(at, last, self.states - len(kept) + 1)
                for _ in range(at, target):
                    state = self.next_state(state, others)
                at = target
                if len(kept) < self.states:
                    kept.append((at, state))
            found, again = pulled(self.original, (_copied(state), *others), adjoints)
            if last == self.count:
                self.check_same(again, outputs)
            adjoints, more = found[: len(adjoints)], found[len(adjoints) :]
            by_others = more if by_others is None else list(map(np.add, by_others, more))
            last -= 1
            while kept and kept[-1][0] >= last:
                kept.pop()
        missing = sum(leaf.size for x in _active(tuple(others)) for leaf in leaves(structure_of(x)))
        return [*adjoints, *(by_others or [0.0] * missing)]

    def next_state(self, state: Any, others: list[Any]) -> Any:
        result = Run(self.original, (_copied(state), *others))({})
        return mapped(lambda leaf: returned(leaf.elements, leaf.dtype), structure_of(result))


def is_recorded(arguments: tuple[Any, ...], depth: int) -> bool:
    """Whether the numbers of a depth are real and have differentials, in arguments to seed."""
    for x in arguments:
        for leaf in leaves(structure_of(x)):
            own = [e for e in members(leaf.elements) if has_depth(e, depth)]
            if own and not has_derivatives(x):
                return False
            if any(not isinstance(e.partials[0], Differential) for e in own):
                return False
    return not any(leaf.dtype.kind == "c" for x in arguments for leaf in leaves(structure_of(x)))


def _active(arguments: tuple[Any, ...]) -> list[Any]:
    return [x for x in arguments if has_derivatives(x)]


def without(arguments: tuple[Any, ...], depth: int) -> tuple[Any, ...]:
    """Return arguments without the derivatives of a depth; arrays are copies."""

    def value(x: Any) -> Any:
        structure = structure_of(x)
        if not isinstance(structure, Leaf) or not structure.is_floating:
            return x.copy() if isinstance(x, np.ndarray) else x
        elements = each_of(lambda e: e.value if has_depth(e, depth) else e, structure.elements)
        return returned(elements, structure.dtype)

    return tuple(replaced(x, value) for x in arguments)


def _copied(state: Any) -> Any:
    return replaced(state, lambda x: x.copy() if isinstance(x, np.ndarray | TracedArray) else x)


def pulled(
    function: Callable[..., Any], values: tuple[Any, ...], adjoints: list[Any]
) -> tuple[list[Any], list[Any]]:
    """Return the adjoints of the numbers among arguments, and the results."""
    run = PullbackRun(function, values)
    run.seed(tuple(k for k, x in enumerate(values) if has_derivatives(x)))
    results = _floating(structure_of(run({})))
    seeds: dict[Differential, Any] = {}
    for element, adjoint in zip(results, adjoints, strict=True):
        if has_depth(element, run.depth):
            (dx,) = element.partials
            seeds[dx] = seeds[dx] + adjoint if dx in seeds else adjoint
    seeds.pop(ZERO, None)
    return run.pulled_back(seeds, False), [run.value(each) for each in results]


def pushed(
    function: Callable[..., Any], values: tuple[Any, ...], movements: list[Any]
) -> list[Any]:
    """Return how much the results move where the numbers among arguments do."""
    remaining = iter(movements)
    tangents: list[Any] = []
    for x in values:
        if not has_derivatives(x):
            tangents.append(None)
            continue
        moved = [
            returned(each_of(lambda _: next(remaining), leaf.elements))
            for leaf in leaves(structure_of(x))
        ]
        tangents.append(in_place_of_leaves(x, moved))
    run = Run(function, values)
    run.seed_along(tuple(tangents))
    return [run.partial(each, 0) for each in _floating(structure_of(run({})))]


def _floating(structure: Any) -> list[Any]:
    """List the floats in leaves."""
    return [e for leaf in leaves(structure) if leaf.is_floating for e in members(leaf.elements)]


TRACED["checkpoint"], TRACED["iterate"] = Again, Iterated

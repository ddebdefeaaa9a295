"""One run of a function on duals with a partial for every input, in plain Python."""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import Dual
from numgrad.rules.registry import primal
from numgrad.tracer import live
from numgrad.tracer.adapted import adapted
from numgrad.tracer.arguments import (
    Leaf,
    as_floats,
    check_leaves,
    in_place_of_leaves,
    kind_of,
    leaf_of,
    leaves,
    new_depth,
    structure_of,
)
from numgrad.tracer.elements import (
    Elements,
    cast,
    dtype_of,
)
from numgrad.tracer.elements import mapped as each_of
from numgrad.tracer.entering import Entrance, clean
from numgrad.tracer.numbers import TracedNumber
from numgrad.tracer.places import ENTRANCES


class Run:
    """One call of a function on seeded arguments, and what became of it."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.depth = new_depth(arguments)
        self.inputs: dict[int, Any] = {}  # the structures of what is differentiated by
        self.given: list[Any] = list(arguments)
        self.entered: set[int] = set()  # the positions of the arguments that were replaced
        self.entrance = Entrance(function, arguments)
        self.total = 0  # of the numbers that are differentiated by
        self.whole: dict[int, str] = {}  # the types of arguments with whole numbers, by position

    def take_as_floats(self, position: int) -> None:
        """Let the whole numbers of an argument be floats."""
        given = self.arguments[position]
        taken = as_floats(given)
        if taken is not given:
            before, after = self.arguments[:position], self.arguments[position + 1 :]
            self.arguments = (*before, taken, *after)
            if not isinstance(given, list):  # a list is never the array that is made of it
                self.whole[position] = kind_of(given)

    def seed(self, positions: tuple[int, ...]) -> None:
        """Let the numbers of some arguments be the inputs, one partial each."""
        total = 0
        for position in positions:
            self.take_as_floats(position)
            structure = structure_of(self.arguments[position])
            self._check(position, structure)
            for leaf in leaves(structure):
                leaf.first, total = total, total + leaf.size
            self.inputs[position] = structure

        self.total = total
        for position, structure in self.inputs.items():
            entered = [self._seeded(leaf) for leaf in leaves(structure)]
            self.entered.add(position)
            self.given[position] = in_place_of_leaves(self.arguments[position], entered)

    def seed_along(self, tangents: tuple[Any, ...]) -> None:
        """Let the arguments with tangents move along them."""
        for position, tangent in enumerate(tangents):
            if tangent is None:
                continue
            self.take_as_floats(position)
            tangent = as_floats(tangent)
            structure = structure_of(self.arguments[position])
            self._check(position, structure)
            directions = leaves(structure_of(tangent))
            check_alike(self.name, self.arguments[position], tangent, structure)
            for leaf, direction in zip(leaves(structure), directions, strict=True):
                leaf.direction = direction.elements
            self.inputs[position] = structure
            moving = [self._moving(leaf) for leaf in leaves(structure)]
            self.entered.add(position)
            self.given[position] = in_place_of_leaves(self.arguments[position], moving)

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", self.function))

    def _check(self, position: int, structure: Any) -> None:
        check_leaves(structure)
        members = leaves(structure)
        if not members or not all(leaf.is_floating for leaf in members):
            raise self._refusal(position, kind_of(self.arguments[position]))

    def _check_whole(self) -> None:
        """Raise if the function wrote to the copy of an array of whole numbers."""
        for position, kind in self.whole.items():
            copies = [leaf.given for leaf in leaves(self.inputs[position])]
            for entered in self.entrance.arrays:
                if entered.is_written and any(entered.given is copy for copy in copies):
                    raise self._refusal(position, kind)

    def _refusal(self, position: int, kind: str) -> TypeError:
        return TypeError(
            f"argument {position} of {self.name} can't be differentiated by: it is of type "
            f"{kind}, and only floats, complex numbers, arrays "
            "and tuples of them have derivatives; pass one of these, or leave it out of argnums"
        )

    def carried_by(self, number: int, element: Any) -> tuple[Any, ...]:  # noqa: ARG002
        """What an input carries beside its value."""
        return tuple(float(k == number) for k in range(self.total))

    def _seeded(self, leaf: Leaf) -> Any:
        numbers = iter(range(leaf.first, leaf.first + leaf.size))

        def seeded(e: Any) -> Dual:
            return Dual(e, self.carried_by(next(numbers), e), depth=self.depth)

        return self._entered(leaf, each_of(seeded, leaf.elements))

    def _moving(self, leaf: Any) -> Any:
        directions = iter(leaf.direction.flat if leaf.is_array else (leaf.direction,))
        kind = dtype_of(leaf.elements)
        return self._entered(
            leaf,
            each_of(
                lambda e: Dual(e, (cast(next(directions), kind),), depth=self.depth), leaf.elements
            ),
        )

    def _entered(self, leaf: Leaf, elements: Elements) -> Any:
        if leaf.is_array:
            return self.entrance.array(leaf.given, elements, leaf.dtype)
        return TracedNumber(elements, is_python=leaf.is_python)

    def hold_result(self, position: int) -> None:
        """Let an argument be the array that the function stores its result in."""
        if position in self.inputs:
            return
        given = self.arguments[position]
        leaf = leaf_of(given)
        if leaf is None or not leaf.is_array or not leaf.is_floating:
            raise TypeError(
                f"argument {position} of {self.name} must be an array of floats to hold the "
                f"result, as out_argnum says, and not of type {kind_of(given)}"
            )
        self.entered.add(position)
        self.given[position] = self._entered(leaf, leaf.elements)

    def hold(self, results: list[Leaf]) -> None:
        """Know of the results whose derivatives will be asked for."""

    def __call__(self, keywords: dict[str, Any]) -> Any:
        """Call the function; let arguments that it wrote to hold what it left in them."""
        function = adapted(self.function)
        for position, given in enumerate(self.given):
            if position not in self.entered:
                self.given[position] = self.entrance.argument(given)
        keywords = {name: self.entrance.argument(x) for name, x in keywords.items()}
        with live.under_way(self.depth):
            try:
                result = function(*map(adapted, self.given), **keywords)
                check_leaves(structure_of(result), self.function)
                self._check_whole()
                self.entrance.check(self.name, (self.arguments, keywords))
            except BaseException as error:
                clean(error, self.entrance, self.value)
                raise
            finally:
                self.entrance.leave(self.value)
        return result

    def value(self, element: Any) -> Any:
        """Return an element without this derivative."""
        return element.value if has_depth(element, self.depth) else element

    def partial(self, element: Any, k: int) -> Any:
        """Return the derivative of an element by an input."""
        if has_depth(element, self.depth):
            return element.partials[k]
        return zero_beside(element)


ENTRANCES.add(Run.__call__.__code__)


def zero_beside(element: Any) -> Any:
    """Return the derivative of what has none."""
    return np.result_type(0.5, primal(element)).type(0)


def has_depth(element: Any, depth: int) -> bool:
    return isinstance(element, Dual) and element.depth == depth


def check_alike(name: str, given: Any, tangent: Any, structure: Any) -> None:
    places = leaves(structure), leaves(structure_of(tangent))
    alike = len(places[0]) == len(places[1]) and all(
        len(a.shape) == len(b.shape) and a.is_array == b.is_array
        for a, b in zip(*places, strict=True)
    )
    if not alike:
        raise TypeError(
            f"jvp of {name}: the tangent of a primal of type {kind_of(given)} must be arranged "
            f"like it, but it is of type {kind_of(tangent)}"
        )
    if any(a.shape != b.shape for a, b in zip(*places, strict=True)):
        raise ValueError("jvp: a tangent has not the shape of its primal")


def check_returned(name: str, value: Any) -> None:
    """Raise if a function returns what may hold derivatives out of reach, such as a list."""
    if isinstance(value, tuple):
        for item in value:
            check_returned(name, item)
    elif leaf_of(value) is None and not isinstance(value, str | range | None):
        raise TypeError(
            f"{name} returns {kind_of(value)}, which has no derivative; "
            "return a number, an array, or a tuple of these"
        )


def check_is_real(name: str, value: Any) -> None:
    """Raise if a function returns anything but a real number."""
    leaf = None if isinstance(value, tuple) else leaf_of(value)
    if leaf is None or leaf.is_array or dtype_of(leaf.elements).kind not in "fiub":
        raise TypeError(
            f"grad needs a function that returns one real number, but {name} returns "
            f"{kind_of(value)}; take numgrad.jacobian of it"
        )

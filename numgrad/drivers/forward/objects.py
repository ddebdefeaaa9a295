"""The caller's objects in the passes of a derivative: others of duals for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from numba import types

from numgrad.arrays.activation import activated_object
from numgrad.drivers import state
from numgrad.drivers.forward.inputs import Input
from numgrad.drivers.given_objects import (
    check_apart,
    check_distinct,
    holds_linked_memory,
    may_hold_memory,
)
from numgrad.drivers.structure import argument
from numgrad.drivers.written import holds_objects
from numgrad.numbers.carrier import is_carrier, without_derivatives
from numgrad.numbers.objects import fields_of
from numgrad.targets import cuda_device
from numgrad.twin.errors import DifferentiationError


@dataclass
class GivenObject:
    """An object among the arguments that the twin gets as one with derivatives."""

    expression: str
    name: str  # of the variable that holds the object of duals
    kind: Any
    active: Any
    # what lies in its fields: sources of the caller's and of those of duals, and types
    parts: list[tuple[str, str, Any]] = field(default_factory=list)


class CallersObjects:
    """The part of the source of passes that stands between objects and the function."""

    # What the passes know, and how they write their source
    function: Any
    kinds: tuple[types.Type, ...]
    inputs: list[Input]
    objects: list[GivenObject]
    name: Callable[[Any, str], str]
    add: Callable[..., None]

    def take_objects(self, kinds: Any) -> None:
        """Take down which objects the twin gets as others, by the types of its arguments."""
        for position, pair in enumerate(zip(self.kinds, kinds, strict=True)):
            self._take_objects(argument(position), *pair)

    def _take_objects(self, expression: str, kind: Any, active: Any) -> None:
        if isinstance(kind, types.BaseTuple):
            for k, pair in enumerate(zip(kind.types, active.types, strict=True)):
                self._take_objects(f"{expression}[{k}]", *pair)
        elif kind != active and holds_objects(kind):
            name = f"object{len(self.objects)}"
            given = GivenObject(expression, name, kind, active)
            self._add_parts(given, expression, name, kind, active)
            self.objects.append(given)

    def _add_parts(self, given: GivenObject, plain: str, made: str, kind: Any, active: Any) -> None:
        for name, held in (fields_of(active) or {}).items():
            own, ours, before = f"{plain}.{name}", f"{made}.{name}", fields_of(kind)[name]
            if held == before:
                continue
            if isinstance(held, types.Array):
                given.parts.append((own, ours, before))
            elif fields_of(held) is not None:
                given.parts.append((own, ours, before))
                self._add_parts(given, own, ours, before, held)
            elif not is_of_numbers(held):
                raise DifferentiationError(
                    f"{self.function.py_func.__name__} writes derivatives to the field {name} of "
                    f"an object that it is given, which is of type {without_derivatives(held)}: "
                    "let it be a number, an array, or a tuple of numbers, or make the object in "
                    "the function"
                )

    def object_at(self, expression: str, kind: Any) -> tuple[str, Any]:
        """Return what is passed on as an argument that is no number: expression and type."""
        for each in self.objects:
            if each.expression == expression:
                return each.name, each.active
        return expression, kind

    def held_in(self, expression: str, kind: Any, floats: bool) -> list[tuple[str, Any]]:
        """The state in an argument that a function may write in the caller's own memory."""
        if isinstance(kind, types.BaseTuple):
            return [
                held
                for k, item in enumerate(kind.types)
                for held in self.held_in(f"{expression}[{k}]", item, floats)
            ]
        _, active = self.object_at(expression, kind)
        if active == kind:
            held: list[tuple[str, Any]] = state.held_in(expression, kind, floats=floats)
            return held
        return held_in_fields(expression, kind, active)

    def make_objects(self, indent: int) -> None:
        """Make the objects of duals, and keep what lies in their fields at the start."""
        make = self.name(activated_object, "activated")
        for each in self.objects:
            active = self.name(each.active, "active")
            self.add(f"{each.name} = {make}({active}, {each.expression})", indent=indent)
            for _, ours, _ in each.parts:
                self.add(f"{part_name(ours)} = {ours}", indent=indent)

    def pairs_of_objects(self) -> list[tuple[str, str]]:
        """The sources of all objects with what is in them, and of those of duals; or nothing.

        Arrays that the function writes are among them, which it may have put into a field.
        """
        if not self.objects:
            return []
        written = [each for each in self.inputs if each.written]
        pairs = [(each.leaf.expression, f"{each.name}_dual") for each in written]
        for each in self.objects:
            pairs.append((each.expression, each.name))
            pairs += [(own, part_name(ours)) for own, ours, _ in each.parts]
        targets, sources = (
            "".join(f"{each}, " for each in side) for side in zip(*pairs, strict=True)
        )
        return [(f"({targets})", f"({sources})")]

    def check_apart(self, written: set[str]) -> None:
        """Raise if an object that gets derivatives shares memory with anything else.

        Nor may an array that the function writes lie in an object, where it would be seen.
        """
        if cuda_device.in_kernel() or not (self.objects or written):
            return
        others = [
            found for k, kind in enumerate(self.kinds) for found in self._others(argument(k), kind)
        ]
        owned = [(each.expression, each.kind) for each in self.objects]
        owned += [(own, kind) for each in self.objects for own, _, kind in each.parts]
        arrays = [own for own, kind in owned if isinstance(kind, types.Array)]
        within = [other for other, kind in others if not isinstance(kind, types.Array)]
        checked = [(own, [other for other, _ in others]) for own, _ in owned]
        checked += [(own, within) for own in sorted(written)]
        checked += [(own, arrays[:k]) for k, own in enumerate(arrays)]
        for own, theirs in checked:
            if theirs:
                check = self.name(check_apart, "check_apart")
                self.add(f"{check}({own}, ({''.join(f'{each}, ' for each in theirs)}))")
        objects = [own for own, kind in owned if not isinstance(kind, types.Array)]
        for pair in combinations(objects, 2):
            self.add(f"{self.name(check_distinct, 'check_distinct')}({', '.join(pair)})")

    def _others(self, expression: str, kind: Any) -> list[tuple[str, Any]]:
        """The arguments, and the fields of objects, that the function gets as they are."""
        if not may_hold_memory(kind):
            return []
        if isinstance(kind, types.BaseTuple):
            return [
                found
                for k, item in enumerate(kind.types)
                for found in self._others(f"{expression}[{k}]", item)
            ]
        if holds_linked_memory(kind):
            raise DifferentiationError(
                f"{self.function.py_func.__name__} writes derivatives to memory, and is given an "
                "object that refers to others of its class, which may hold the same memory: pass "
                "the arrays that are in it"
            )
        _, active = self.object_at(expression, kind)
        return [(expression, kind)] if active == kind else others_in(expression, kind, active)


def part_name(source: str) -> str:
    """The variable for what lay in a field at the start."""
    return source.replace(".", "_of_")


def others_in(expression: str, kind: Any, active: Any) -> list[tuple[str, Any]]:
    """The fields of an object with memory that the function gets as it is."""
    found = []
    for name, held in (fields_of(kind) or {}).items():
        own, given = f"{expression}.{name}", fields_of(active)[name]
        if given == held and may_hold_memory(held):
            found.append((own, held))
        elif given != held and fields_of(held) is not None:
            found += others_in(own, held, given)
    return found


def held_in_fields(expression: str, kind: Any, active: Any) -> list[tuple[str, Any]]:
    """The state in an object of which the function gets another: what both refer to."""
    return [
        found
        for own, held in others_in(expression, kind, active)
        for found in state.held_in(own, held, floats=True)
    ]


def is_of_numbers(kind: Any) -> bool:
    """Whether a field holds a number, or a tuple of numbers."""
    if isinstance(kind, types.Optional):
        return is_of_numbers(kind.type)
    if isinstance(kind, types.BaseTuple):
        return all(map(is_of_numbers, kind.types))
    return is_carrier(kind) or isinstance(kind, types.Number | types.Boolean)

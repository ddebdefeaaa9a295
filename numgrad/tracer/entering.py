"""How arguments enter a function that is traced, and what the function leaves in them.

What a function writes to an argument is there when its derivative was taken, as after one call of
the function itself. In the meantime arrays of floats are replaced by arrays that can hold
derivatives, laid out alike, and lists and dictionaries by copies. Whoever knows the same memory by
another name would not see what is written to them: that is refused.
"""

import types
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from numgrad.tracer.adapted import adapted
from numgrad.tracer.arguments import returned, values_of_parts
from numgrad.tracer.arrays import TracedArray
from numgrad.tracer.elements import Elements, depth_of, objects, values_of
from numgrad.tracer.elements import mapped as each_of
from numgrad.tracer.jitclasses import GivenObject, Held, contents, identity, is_boxed
from numgrad.tracer.layout import overlaps_itself, raw_dtype, raw_of, similar
from numgrad.tracer.numbers import KEEP, LOST, TracedNumber
from numgrad.tracer.places import refusal, start_of
from numgrad.tracer.reach import may_write, outer_data
from numgrad.tracer.typed_containers import (
    content,
    in_place_of,
    is_mapping,
    is_typed,
    is_unchanged,
    refill,
)

ALIASES = "{} writes to an argument that shares memory with {}."
APART = "Pass a copy of one of them."
ITSELF = "other numbers of its own"
ARGUMENT = "another argument"
OUTSIDE = "a variable from outside"
ELSEWHERE = "something it is written to by, which the derivative doesn't see"


class Entered:
    """An array of the caller's, and the one that the function is given for it."""

    def __init__(self, given: Any, traced: TracedArray) -> None:
        self.given = given
        self.traced = traced
        self.before: Any = given.memory.writes if isinstance(given, TracedArray) else given.copy()

    @property
    def is_written(self) -> bool:
        """Whether the function wrote to it."""
        return self.traced.memory.writes > 0

    @property
    def was_changed(self) -> bool:
        """Whether the caller's array was written to meanwhile."""
        if isinstance(self.given, TracedArray):
            return bool(self.given.memory.writes != self.before)
        if self.given.dtype == object:
            return any(a is not b for a, b in zip(self.given.flat, self.before.flat, strict=True))
        return bool(self.given.tobytes() != self.before.tobytes())


class Container:
    """A list or a dictionary of the caller's, and the copy that the function is given for it."""

    def __init__(self, given: Any, copy: Any) -> None:
        self.given = given
        self.copy = copy
        self.before = content(given), content(copy)

    @property
    def is_written(self) -> bool:
        """Whether the function wrote to it."""
        return not _same(self.before[1], content(self.copy))

    @property
    def was_changed(self) -> bool:
        """Whether the caller's container was written to meanwhile."""
        are_same = is_unchanged if is_typed(self.given) else _same
        return not are_same(self.before[0], content(self.given))


class Entrance:
    """The arguments of one call."""

    def __init__(self, function: Any, arguments: tuple[Any, ...] = ()) -> None:
        self.function = function
        self.arguments = arguments
        self.arrays: list[Entered] = []
        self.containers: list[Container] = []
        self.objects: list[GivenObject] = []
        self.known: dict[int, Any] = {}

    @cached_property
    def may_write(self) -> bool:
        """Whether the function, or a method of an object that it is given, may write to arrays."""
        return may_write(self.function) or any(map(is_object, values_of_parts(self.arguments)))

    @property
    def is_written(self) -> bool:
        """Whether the function wrote to anything that it was given."""
        return any(each.is_written for each in self.all)

    @property
    def all(self) -> list[Any]:
        """All that the function is given in the place of something of the caller's."""
        return [*self.arrays, *self.containers, *self.objects]

    def array(self, given: Any, elements: Elements, dtype: np.dtype[Any]) -> TracedArray:
        """Return an array of elements in the place of the caller's array, laid out like it."""
        model = given.raw if isinstance(given, TracedArray) else given
        raw = similar(model, raw_dtype(dtype))
        raw[...] = raw_of(elements, dtype)
        raw.flags.writeable = model.flags.writeable
        traced = TracedArray(raw, dtype)
        self.arrays.append(Entered(given, traced))
        return traced

    def argument(self, x: Any) -> Any:
        """Return what the function is given for an argument that is not differentiated by."""
        if identity(x) in self.known:
            return self.known[identity(x)]
        if is_object(x):
            return self.object(x)
        if isinstance(x, TracedArray):
            entered: Any = self.array(x, x.elements, x.dtype)
        elif type(x) is list or type(x) is dict or is_typed(x):
            entered = (in_place_of(type(x)) or type(x))()
            self.known[id(x)] = entered
            if is_mapping(x):
                entered.update({k: self.argument(x[k]) for k in x})
            else:
                entered.extend(self.argument(item) for item in x)
            self.containers.append(Container(x, entered))
        elif type(x) is tuple or (isinstance(x, tuple) and hasattr(x, "_fields")):
            items = [self.argument(item) for item in x]
            if all(a is b for a, b in zip(items, x, strict=True)):
                return x
            entered = type(x)(*items) if hasattr(x, "_fields") else tuple(items)
        elif _can_be_written(x) and self.may_write:
            entered = self.array(x, objects(x), x.dtype)
        else:
            return x
        self.known[id(x)] = entered
        return entered

    def object(self, x: Any) -> Any:
        """Return an object with fields of its own for one of a jitclass."""
        given = GivenObject(x, adapted)
        self.objects.append(given)
        self.known[identity(x)] = given.copy
        fields = {name: self.argument(each) for name, each in given.content.items()}
        given.fill({name: adapted(each) for name, each in fields.items()})
        return given.copy

    def leave(self, value: Callable[[Any], Any]) -> None:
        """Let the caller's arrays and containers hold what was left in those of the function."""
        for each in self.arrays:
            if each.is_written:
                left = each_of(value, each.traced.elements)
                dtype = each.traced.dtype
                if depth_of(left):
                    if not isinstance(each.given, TracedArray) and each.given.dtype != object:
                        raise refusal(LOST.format("NumPy array"), KEEP, start_of(self.function))
                    left = TracedArray.of(left, dtype=dtype)
                each.given[...] = left if isinstance(left, TracedArray) else values_of(left)
        for container in self.containers:
            if container.is_written:
                refill(container.given, self.left(container.copy, value))
        for known in self.objects:
            known.leave(lambda x: self.left(x, value))

    def left(self, x: Any, value: Callable[[Any], Any], within: tuple[int, ...] = ()) -> Any:
        """Return what the caller finds in the place of what the function stored somewhere.

        That is the very same thing where no number with derivatives is in it.
        """
        if within:
            x = next((each.given for each in self.containers if each.copy is x), x)
        if isinstance(x, Held):
            return next((each.given for each in self.objects if each.copy is x), x)
        if isinstance(x, TracedArray):
            same = [each.given for each in self.arrays if each.traced is x]
            return same[0] if same else returned(each_of(value, x.elements), x.dtype)
        if isinstance(x, TracedNumber):
            left = value(x.elements)
            if depth_of(left):
                return TracedNumber(left, is_python=x.is_python)
            return left.item() if x.is_python and isinstance(left, np.generic) else left
        if not isinstance(x, list | tuple | dict) or id(x) in within:
            return x
        within = (*within, id(x))
        if isinstance(x, dict):
            items = {key: self.left(item, value, within) for key, item in x.items()}
            return x if _same(list(x.values()), list(items.values())) else items
        members = [self.left(item, value, within) for item in x]
        if _same(list(x), members):
            return x
        return type(x)(*members) if hasattr(x, "_fields") else type(x)(members)

    def check(self, name: str, arguments: Any) -> None:
        """Raise if what the function wrote to has another name that it was not written by."""
        written = [each for each in self.all if each.is_written]
        changed = any(each.was_changed for each in self.all)
        self._check_objects()
        if not written and not changed:
            return
        reason = ELSEWHERE if changed else self._other_name(written, arguments)
        if reason:
            raise refusal(ALIASES.format(name, reason), APART, start_of(self.function))

    def _check_objects(self) -> None:
        """Raise if a field of an object holds one that the function has made."""
        known = [each.copy for each in self.objects]
        fields = [value for each in known for value in each.fields.values()]
        if any(isinstance(each, Held) and not _is_one(each, known) for each in fields):
            from numgrad.drivers.given_objects import REPLACED

            raise ValueError(REPLACED)

    def _other_name(self, written: list[Any], arguments: Any) -> str | None:
        """Return what else has the memory of something that was written to, if anything has."""
        entered = [_memory_of(each.given) for each in self.arrays]
        others = [a for a in map(_memory_of, arrays_within(arguments)) if not _is_one(a, entered)]
        outside = outer_data(self.function)
        boxed = [each for each in outside if is_boxed(each)]
        fields = [list(contents(each).values()) for each in boxed]
        outer = [_memory_of(each) for each in arrays_within([outside, fields])]
        for each in written:
            if not isinstance(each, Entered):
                if _is_one(each.given, outside) or identity(each.given) in map(identity, boxed):
                    return OUTSIDE
                continue
            memory = _memory_of(each.given)
            if overlaps_itself(memory):
                return ITSELF
            apart = [_memory_of(other.given) for other in self.arrays if other is not each]
            if any(_share(a, memory) for a in (*apart, *others)):
                return ARGUMENT
            if any(_share(a, memory) for a in outer):
                return OUTSIDE
        return None


def is_object(x: Any) -> bool:
    """Return whether a thing is an object of a jitclass."""
    return isinstance(x, Held) or is_boxed(x)


def _can_be_written(x: Any) -> bool:
    return type(x) is np.ndarray and x.dtype.kind in "fc" and bool(x.flags.writeable)


def _memory_of(x: Any) -> Any:
    return x.raw if isinstance(x, TracedArray) else x


def _is_one(array: Any, others: list[Any]) -> bool:
    return any(array is other for other in others)


def _share(a: Any, b: Any) -> bool:
    exact: Any = np.shares_memory
    try:
        return bool(exact(a, b, max_work=10_000))
    except np.exceptions.TooHardError:
        return True


def arrays_within(x: Any, depth: int = 4) -> Iterator[Any]:
    """Return the arrays in something: in containers and attributes too."""
    if isinstance(x, np.ndarray | TracedArray):
        yield x
    elif depth and isinstance(x, list | tuple | set | frozenset):
        for item in x:
            yield from arrays_within(item, depth - 1)
    elif depth and isinstance(x, dict):
        yield from arrays_within(list(x.values()), depth)
    elif depth and not isinstance(x, type | types.ModuleType | types.FunctionType):
        slots = [getattr(x, n, None) for n in getattr(type(x), "__slots__", ()) if n != "__dict__"]
        yield from arrays_within([*getattr(x, "__dict__", {}).values(), *slots], depth - 1)


def _same(before: list[Any], now: list[Any]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))


def clean(error: BaseException, entrance: Entrance, value: Callable[[Any], Any]) -> None:
    """Let an exception carry values in the place of numbers with derivatives."""
    seen: list[BaseException] = []
    following: list[BaseException | None] = [error]
    while following:
        each = following.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        args = tuple(entrance.left(argument, value, (0,)) for argument in each.args)
        if not _same(list(each.args), list(args)):
            each.args = args
        for name, attribute in list(vars(each).items()):
            left = entrance.left(attribute, value, (0,))
            if left is not attribute:
                setattr(each, name, left)
        following += [each.__cause__, each.__context__]

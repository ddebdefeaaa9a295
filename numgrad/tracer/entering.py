"""How arguments enter a function that is traced, and what the function leaves in them.

What a function writes to an argument is there when its derivative was taken, as after one call of
the function itself. In the meantime arrays of floats are replaced by arrays that can hold
derivatives, laid out alike, and lists and dictionaries by copies. Whoever knows the same memory by
another name would not see what is written to them: that is refused.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numgrad.tracer.arguments import returned
from numgrad.tracer.arrays import TracedArray
from numgrad.tracer.elements import Elements, depth_of, objects, values_of
from numgrad.tracer.elements import mapped as each_of
from numgrad.tracer.layout import overlaps_itself, raw_dtype, raw_of, similar
from numgrad.tracer.numbers import TracedNumber
from numgrad.tracer.places import refusal, start_of
from numgrad.tracer.reach import outer_data

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
        self.before = given.memory.writes if isinstance(given, TracedArray) else given.copy()

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
        return self.given.tobytes() != self.before.tobytes()


class Entrance:
    """The arguments of one call."""

    def __init__(self) -> None:
        self.arrays: list[Entered] = []
        self.containers: list[tuple[Any, Any, Any]] = []  # the caller's, the copy, what was in it
        self.known: dict[int, Any] = {}

    def array(self, given: Any, elements: Elements, dtype: np.dtype[Any]) -> TracedArray:
        """Return an array of elements in the place of the caller's array, laid out like it."""
        model = given.raw if isinstance(given, TracedArray) else given
        raw = similar(model, raw_dtype(dtype))
        raw[...] = raw_of(elements, dtype)
        raw.flags.writeable = model.flags.writeable
        traced = TracedArray(raw, dtype)
        self.arrays.append(Entered(given, traced))
        return traced

    def argument(self, x: Any, may_write: bool) -> Any:
        """Return what the function is given for an argument that is not differentiated by."""
        if id(x) in self.known:
            return self.known[id(x)]
        if isinstance(x, TracedArray):
            entered: Any = self.array(x, x.elements, x.dtype)
        elif type(x) is list or type(x) is dict:
            entered = type(x)()
            self.known[id(x)] = entered
            items = x.items() if isinstance(x, dict) else enumerate(x)
            copied = {key: self.argument(item, may_write) for key, item in items}
            entered.update(copied) if isinstance(x, dict) else entered.extend(copied.values())
            self.containers.append((x, entered, _content(entered)))
        elif type(x) is tuple or (isinstance(x, tuple) and hasattr(x, "_fields")):
            items = [self.argument(item, may_write) for item in x]
            if all(a is b for a, b in zip(items, x, strict=True)):
                return x
            entered = type(x)(*items) if hasattr(x, "_fields") else tuple(items)
        elif may_write and _can_be_written(x):
            entered = self.array(x, objects(x), x.dtype)
        else:
            return x
        self.known[id(x)] = entered
        return entered

    def leave(self, value: Callable[[Any], Any]) -> None:
        """Let the caller's arrays and containers hold what was left in those of the function."""
        for each in self.arrays:
            if each.is_written:
                left = each_of(value, each.traced.elements)
                dtype = each.traced.dtype
                if depth_of(left):
                    left = TracedArray.of(left, dtype=dtype)
                each.given[...] = left if isinstance(left, TracedArray) else values_of(left)
        for given, copy, before in self.containers:
            if not _same(before, _content(copy)):
                items = self.left(copy, value)
                given.clear()
                given.update(items) if isinstance(given, dict) else given.extend(items)

    def left(self, x: Any, value: Callable[[Any], Any], known: Any = ()) -> Any:
        """Return what the caller finds in the place of what the function stored somewhere."""
        for given, copy, _ in self.containers:
            if x is copy and known:
                return given
        if id(x) in known:
            return x
        known = (*known, id(x))
        if isinstance(x, TracedArray):
            same = [each.given for each in self.arrays if each.traced is x]
            return same[0] if same else returned(each_of(value, x.elements), x.dtype)
        if isinstance(x, TracedNumber):
            left = returned(each_of(value, x.elements))
            return left if x.is_python or not isinstance(left, float) else x.dtype.type(left)
        if type(x) in (list, tuple):
            return type(x)(self.left(item, value, known) for item in x)
        if type(x) is dict:
            return {key: self.left(item, value, known) for key, item in x.items()}
        return x

    def check(self, name: str, function: Any, arguments: Any) -> None:
        """Raise if what the function wrote to has another name that it was not written by."""
        written = [each for each in self.arrays if each.is_written]
        changed = any(each.was_changed for each in self.arrays)
        if not written and not changed:
            return
        reason = ELSEWHERE if changed else self._other_name(written, function, arguments)
        if reason:
            raise refusal(ALIASES.format(name, reason), APART, start_of(function))

    def _other_name(self, written: list[Entered], function: Any, arguments: Any) -> str | None:
        entered = [_memory_of(each.given) for each in self.arrays]
        others = [a for a in map(_memory_of, arrays_within(arguments)) if not _is_one(a, entered)]
        outer = [_memory_of(each) for each in arrays_within(outer_data(function))]
        for each in written:
            memory = _memory_of(each.given)
            if overlaps_itself(memory):
                return ITSELF
            if any(a is not memory and _share(a, memory) for a in (*entered, *others)):
                return ARGUMENT
            if any(_share(a, memory) for a in outer):
                return OUTSIDE
        return None


def _can_be_written(x: Any) -> bool:
    return type(x) is np.ndarray and x.dtype.kind in "fc" and bool(x.flags.writeable)


def _memory_of(x: Any) -> Any:
    return x.raw if isinstance(x, TracedArray) else x


def _is_one(array: Any, others: list[Any]) -> bool:
    return any(array is other for other in others)


def _share(a: Any, b: Any) -> bool:
    try:
        return bool(np.shares_memory(a, b, max_work=10_000))
    except np.exceptions.TooHardError:
        return True


def arrays_within(x: Any, depth: int = 3) -> Iterator[Any]:
    """Return the arrays in an argument, in containers too."""
    if isinstance(x, np.ndarray | TracedArray):
        yield x
    elif depth and isinstance(x, list | tuple):
        for item in x:
            yield from arrays_within(item, depth - 1)
    elif depth and isinstance(x, dict):
        yield from arrays_within(list(x.values()), depth)


def _content(container: Any) -> list[Any]:
    if isinstance(container, dict):
        return [each for pair in container.items() for each in pair]
    return list(container)


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

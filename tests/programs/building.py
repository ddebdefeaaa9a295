"""A program in the making: the names in scope with their types, and lines that are well defined.

A program is text that defines ``f``, the functions it calls, and ``arguments``, which makes what
``f`` is called with. What may be written where is a matter of types: an array has its shape and its
order in memory in its type, so that no index is out of bounds.
"""

import random
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

FLOAT, INT, BOOL, COMPLEX = "float", "int", "bool", "complex"


@dataclass(frozen=True)
class Array:
    """The type of arrays of one shape, order (C, F or A, as Numba has it) and kind of number."""

    shape: tuple[int, ...]
    order: str = "C"
    dtype: str = FLOAT
    writable: bool = True

    @property
    def rank(self) -> int:
        return len(self.shape)

    def like(self, **changes: Any) -> "Array":
        return replace(self, **changes)


@dataclass(frozen=True)
class Tuple:
    items: tuple[Any, ...]
    fields: tuple[str, ...] = ()  # the names of the items of a named tuple


@dataclass(frozen=True)
class List:
    item: Any
    length: int


@dataclass(frozen=True)
class Dict:
    item: Any
    keys: tuple[int, ...]


@dataclass(frozen=True)
class Function:
    parameters: tuple[Any, ...]
    result: Any  # None if it returns nothing


class Place(NamedTuple):
    """An expression that names something: a variable, an item, a field."""

    text: str
    type: Any
    assignable: bool = False


class Unfit(Exception):  # noqa: N818
    """Nothing in scope fits here: another production is tried."""


@dataclass
class Builder:
    """Writes one function; those it calls are written by builders of their own."""

    random: random.Random
    groups: frozenset[str]
    functions: list[str] = field(default_factory=list)  # finished, in the order of their calls
    callees: dict[str, Function] = field(default_factory=dict)  # by name
    scope: dict[str, Any] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)  # what closures see: not assigned any more
    lines: list[str] = field(default_factory=list)
    depth: int = 0  # of blocks
    loops: int = 0  # around the line being written
    calls: int = 0  # how deep this function lies in calls
    counter: list[int] = field(default_factory=lambda: [0])  # shared by all builders of a program

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def choice(self, options: Any) -> Any:
        options = list(options)
        if not options:
            raise Unfit
        return options[int(self.random.random() * len(options))]

    def below(self, n: int) -> int:
        return int(self.random.random() * n)

    def constant(self) -> str:
        return f"{0.2 + 1.6 * self.random.random():.2f}"

    def fresh(self, prefix: str) -> str:
        """Return a name that no function of the program uses yet."""
        self.counter[0] += 1
        return f"{prefix}{self.counter[0]}"

    def emit(self, line: str) -> None:
        self.lines.append("    " * (self.depth + 1) + line)

    def write(self, *ways: str) -> None:
        """Write one of several lines."""
        self.emit(self.choice(ways))

    def let(self, prefix: str, text: str, argtype: Any) -> str:
        """Assign an expression to a new variable."""
        name = self.fresh(prefix)
        self.emit(f"{name} = {text}")
        self.scope[name] = argtype
        return name

    @contextmanager
    def block(self, head: str, *, loop: bool = False, **names: Any) -> Any:
        """Indent what is written inside; the names that it defines end with it."""
        if loop and self.loops > 1:  # it would take long, and be rough
            raise Unfit
        outer = self.scope
        self.emit(head)
        self.scope = {**outer, **names}
        self.depth, self.loops, start = self.depth + 1, self.loops + loop, len(self.lines)
        yield
        if len(self.lines) == start:
            self.emit("pass")
        self.depth, self.loops, self.scope = self.depth - 1, self.loops - loop, outer

    def attempt(self, production: Callable[["Builder"], Any]) -> bool:
        """Write what a production makes, or nothing where it doesn't fit."""
        state = len(self.lines), self.depth, self.loops, self.scope, dict(self.scope)
        frozen, functions, callees = set(self.frozen), len(self.functions), dict(self.callees)
        try:
            production(self)
        except Unfit:
            count, self.depth, self.loops, self.scope, before = state
            self.scope.clear()
            self.scope.update(before)
            self.frozen = frozen
            self.callees.clear()
            self.callees.update(callees)
            del self.lines[count:], self.functions[functions:]
            return False
        return True

    def places(self) -> list[Place]:
        """Return all that can be named: variables, and what lies in them."""
        found = []
        pending = [Place(n, t, n not in self.frozen) for n, t in self.scope.items()]
        while pending:
            place = pending.pop()
            found.append(place)
            match place.type:
                case Tuple(items, fields):
                    texts = [f".{n}" for n in fields] or [f"[{k}]" for k in range(len(items))]
                    pending += [
                        Place(place.text + text, item)
                        for text, item in zip(texts, items, strict=True)
                    ]
                case List(item, length):
                    pending += [Place(f"{place.text}[{k}]", item, True) for k in range(length)]
                case Dict(item, keys):
                    pending += [Place(f"{place.text}[{k}]", item, True) for k in keys]
        return found

    def pick(self, fits: Callable[[Any], bool]) -> Place:
        """Return a place whose type fits; the last ones made are the likeliest."""
        fitting = sorted((p for p in self.places() if fits(p.type)), key=lambda p: p.text)
        recent = [p for p in fitting if p.text.split("[")[0].split(".")[0] in [*self.scope][-4:]]
        return self.choice(recent if recent and self.chance(0.5) else fitting)

    def array(self, dtype: str = FLOAT, **wanted: Any) -> Place:
        """Return an array with the given attributes."""

        def fits(t: Any) -> bool:
            return (
                isinstance(t, Array)
                and t.dtype == dtype
                and all(getattr(t, key) == value for key, value in wanted.items())
            )

        return self.pick(fits)

    def variable(self, argtype: Any) -> Place:
        """Return a variable of a type that may be assigned."""
        return self.choice(
            Place(n, t, True)
            for n, t in self.scope.items()
            if t == argtype and n not in self.frozen
        )

    def inner(self, name: str, **parameters: Any) -> "Builder":
        """Return the builder of a function that this one calls."""
        return Builder(
            self.random,
            self.groups,
            self.functions,
            self.callees,
            scope=parameters,
            calls=self.calls + 1,
            counter=self.counter,
        )

"""Functions whose pullback the user stated, in plain Python: a single step, the way back alone."""

from typing import Any

import numpy as np

from numgrad.drivers.reverse.stated import (
    refuse_count,
    refuse_shape,
    refuse_unlike,
    refuse_writing,
)
from numgrad.drivers.transform import TRACED
from numgrad.rules.registry import PULLBACKS
from numgrad.tracer.adapted import adapted, in_python
from numgrad.tracer.again import Again, is_recorded, without
from numgrad.tracer.allocations import constant
from numgrad.tracer.arguments import (
    depth_in,
    kind_of,
    leaves,
    mapped,
    returned,
    structure_of,
)
from numgrad.tracer.cotangents import has_derivatives
from numgrad.tracer.elements import dtype_of, members
from numgrad.tracer.elements import mapped as each_of
from numgrad.tracer.numbers import Traced, has_traced
from numgrad.tracer.outcomes import noted
from numgrad.tracer.places import refusal

LOWEST = -1  # a depth that no number has


class Stated(Again):
    """A function with a pullback."""

    maker = "pullback"
    goes_forward = False

    def __init__(self, original: Any) -> None:
        super().__init__(original)
        self.stating = PULLBACKS[original]

    def __call__(self, *arguments: Any) -> Any:
        depth = depth_in(arguments)
        if not depth:
            return self.of_numbers(arguments)
        if not is_recorded(arguments, depth):
            is_real = all(x.dtype.kind != "c" for x in leaves(structure_of(arguments)))
            raise self._refusal(is_forward=is_real and _is_seeded(arguments))
        values = without(arguments, depth)
        result = self(*values) if depth_in(values) else self.without_writing(values)
        return noted(
            self.name, arguments, self.recorded(arguments, values, structure_of(result), depth)
        )

    def _refusal(self, *, is_forward: bool) -> Exception:
        if not is_forward:
            return refusal(
                f"{self.name} has a pullback, which takes real numbers alone, and no others beside "
                "floats in a tuple.",
                "Give it slopes by numgrad.rule, or take the arguments apart.",
            )
        return refusal(
            f"{self.name} has a pullback, which is for reverse mode alone:",
            "pass mode='reverse', or give it slopes by numgrad.rule",
        )

    def of_numbers(self, arguments: tuple[Any, ...]) -> Any:
        """Call the function itself, on constants."""
        if not has_traced(list(arguments)):
            return self.plain(arguments)(*arguments)
        result = self.without_writing(without(arguments, LOWEST))
        return mapped(lambda leaf: constant(leaf.given), structure_of(result))

    def plain(self, arguments: tuple[Any, ...]) -> Any:
        """The function: functions among its arguments are those of plain Python here."""
        return in_python(self.original) if any(map(callable, arguments)) else self.original

    def without_writing(self, values: tuple[Any, ...]) -> Any:
        """Call the function on values that it may not write to."""
        before = without(values, LOWEST)
        result = self.plain(values)(*values)
        pairs = zip(leaves(structure_of(before)), leaves(structure_of(values)), strict=True)
        if not all(np.array_equal(a.given, b.given, equal_nan=True) for a, b in pairs):
            refuse_writing(self.name)
        return result

    def pull(self, values: tuple[Any, ...], adjoints: list[Any], outputs: Any) -> list[Any]:
        """Return what the pullback gives for the adjoints of the results."""
        remaining = iter(adjoints)

        def cotangent(leaf: Any) -> Any:
            if not leaf.is_floating:
                return leaf.given * 0
            return returned(each_of(lambda _: next(remaining), leaf.elements), leaf.dtype)

        products = adapted(self.stating)(mapped(cotangent, outputs), *values)
        if len(values) == 1 and not isinstance(products, tuple):
            products = (products,)
        if not isinstance(products, tuple) or len(products) != len(values):
            refuse_count(self.name, kind_of(products), len(values))
        pairs = [(x, p) for x, p in zip(values, products, strict=True) if has_derivatives(x)]
        return [number for x, p in pairs for number in self.numbers_of(x, p)]

    def numbers_of(self, x: Any, product: Any) -> list[Any]:
        """List the numbers of a product, which is shaped like an argument."""
        wanted = leaves(structure_of(x))
        if product is None:  # the value doesn't depend on it
            return [0.0] * sum(leaf.size for leaf in wanted)
        found = leaves(structure_of(product))
        alike = len(found) == len(wanted) and all(
            a.is_array == b.is_array
            and len(a.shape) == len(b.shape)
            and dtype_of(a.elements).kind != "c"
            for a, b in zip(found, wanted, strict=True)
        )
        if not alike:
            refuse_unlike(self.name, kind_of(product), kind_of(x))
        if any(a.shape != b.shape for a, b in zip(found, wanted, strict=True)):
            refuse_shape(self.name)
        return [e for leaf in found for e in members(leaf.elements)]


def _is_seeded(arguments: tuple[Any, ...]) -> bool:
    return all(
        has_derivatives(x) for x in arguments if any(map(_is_active, leaves(structure_of(x))))
    )


def _is_active(leaf: Any) -> bool:
    return isinstance(leaf.given, Traced) and leaf.is_floating


TRACED["pullback"] = Stated

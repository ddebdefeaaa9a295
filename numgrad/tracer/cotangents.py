"""``numgrad.vjp`` in plain Python: one sweep backward from all outputs, weighted by cotangents.

A complex primal has two inputs, its real and its imaginary part; see `numgrad.transforms.vjp` for
what becomes of the derivatives by the two.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.numbers.dual.number import is_nan
from numgrad.numbers.tape.differentials import ZERO, ComplexDifferential, Differential
from numgrad.tracer.arguments import (
    Leaf,
    in_place_of_leaves,
    kind_of,
    leaves,
    mapped,
    returned,
    structure_of,
)
from numgrad.tracer.backward import RecordedRun
from numgrad.tracer.elements import cast, dtype_of, members
from numgrad.tracer.elements import mapped as each_of
from numgrad.tracer.outcomes import noted
from numgrad.tracer.run import check_returned, has_depth


class PullbackRun(RecordedRun):
    """A run on inputs of which the complex ones are differentiated by in both parts."""

    def carried_by(self, number: int, element: Any) -> tuple[Any, ...]:  # noqa: ARG002
        real = self.new_input()
        return (ComplexDifferential(real, self.new_input()) if is_complex(element) else real,)


def vjp(function: Callable[..., Any], primals: Any, cotangents: Any) -> tuple[Any, Any]:
    """Return the value of a function and cotangents times its Jacobian."""
    name = getattr(function, "__name__", repr(function))
    if not isinstance(primals, tuple):
        raise TypeError(
            f"vjp: primals must be a tuple with one entry an argument, not {kind_of(primals)}"
        )
    for k, primal in enumerate(primals):
        if len({leaf.is_floating for leaf in leaves(structure_of(primal))}) > 1:
            raise TypeError(
                f"vjp of {name}: argument {k} is of type {kind_of(primal)}, which holds others "
                "beside floats; pass floats alone, or the others as an argument of their own"
            )
    by = tuple(k for k, primal in enumerate(primals) if has_derivatives(primal))
    if not by:
        raise TypeError(
            f"vjp of {name}: no primal has derivatives; pass a float or an array of floats"
        )
    run = PullbackRun(function, primals)
    run.seed(by)
    value = run({})
    check_returned(run.name, value)
    outputs = structure_of(value)
    weighted = pairs(name, value, cotangents, outputs)
    has_nan = any(is_nan(each) for output, _ in weighted for each in members(output.elements))
    derivatives = iter(run.pulled_back(seeds_of(run, weighted), has_nan))

    def product(leaf: Leaf) -> Any:
        def by_number(element: Any) -> Any:
            real = next(derivatives)
            return cast(real - 1j * next(derivatives) if is_complex(element) else real, leaf.dtype)

        return returned(each_of(by_number, leaf.elements), leaf.dtype)

    products = tuple(
        in_place_of_leaves(primals[k], [product(leaf) for leaf in leaves(run.inputs[k])])
        if k in by
        else None
        for k in range(len(primals))
    )
    values = mapped(lambda leaf: returned(each_of(run.value, leaf.elements), leaf.dtype), outputs)
    operands = (*primals, cotangents)
    return noted("value", operands, values), noted("vjp", operands, products)


def seeds_of(run: RecordedRun, weighted: list[Any]) -> dict[Differential, Any]:
    """Return the adjoints of all numbers that were returned: of complex ones, of both parts.

    The sum of all outputs times their cotangents is real: that is what they are adjoints of.
    """
    seeds: dict[Differential, Any] = {}
    for output, cotangent in weighted:
        items = zip(members(output.elements), members(cotangent.elements), strict=True)
        for element, weight in items:
            if not has_depth(element, run.depth):
                continue
            (dx,) = element.partials
            parts = [(dx.real, weight.real)]
            if is_complex(weight):
                parts.append((dx.imag, -weight.imag))
            for part, adjoint in parts:
                if part is not ZERO:
                    seeds[part] = seeds[part] + adjoint if part in seeds else adjoint
    return seeds


def has_derivatives(x: Any) -> bool:
    structure = leaves(structure_of(x))
    return bool(structure) and all(leaf.is_floating for leaf in structure)


def is_complex(elements: Any) -> bool:
    return bool(np.issubdtype(dtype_of(elements), np.complexfloating))


def pairs(name: str, value: Any, cotangents: Any, structure: Any) -> list[tuple[Any, Any]]:
    """List the outputs that have derivatives, each with its cotangent, as leaves."""
    if isinstance(structure, tuple):
        if not isinstance(cotangents, tuple) or len(cotangents) != len(structure):
            raise TypeError(misfit(name, value, cotangents))
        triples = zip(value, cotangents, structure, strict=True)
        return [pair for v, c, s in triples for pair in pairs(name, v, c, s)]
    if not isinstance(structure, Leaf) or not structure.is_floating:
        return []
    given = structure_of(_of_no_axis(cotangents, structure))
    if not isinstance(given, Leaf) or given.is_array != structure.is_array:
        raise TypeError(misfit(name, value, cotangents))
    if is_complex(given.elements) and not is_complex(structure.elements):
        raise TypeError(misfit(name, value, cotangents))
    if given.is_array and len(given.shape) != len(structure.shape):
        raise TypeError(misfit(name, value, cotangents))
    if given.is_array and given.shape != structure.shape:
        raise ValueError("vjp: a cotangent has not the shape of its output")
    return [(structure, given)]


def _of_no_axis(cotangent: Any, output: Leaf) -> Any:
    """Take a number for an array of no axis, and the other way round: NumPy gives either."""
    if output.is_array and not output.shape and np.isscalar(cotangent):
        return np.asarray(cotangent)
    if not output.is_array and isinstance(cotangent, np.ndarray) and not cotangent.ndim:
        return cotangent[()]
    return cotangent


def misfit(name: str, value: Any, cotangents: Any) -> str:
    return (
        f"vjp of {name}: the cotangents must be arranged like the result, which is of type "
        f"{kind_of(value)}, and real where it is, but they are of type {kind_of(cotangents)}"
    )

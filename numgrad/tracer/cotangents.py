"""``numgrad.vjp`` in plain Python: the gradient of the contraction with cotangents.

A complex primal is taken apart into its real and imaginary part, by each of which there is a
derivative; see `numgrad.transforms.vjp` for what becomes of the two.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from numgrad.tracer.adapted import adapted
from numgrad.tracer.arguments import (
    Leaf,
    in_place_of_leaves,
    kind_of,
    leaves,
    replaced,
    structure_of,
)
from numgrad.tracer.derivatives import TracedGrad
from numgrad.tracer.elements import dtype_of


def vjp(function: Callable[..., Any], primals: Any, cotangents: Any) -> tuple[Any, Any]:
    """Return the value of a function and cotangents times its Jacobian."""
    name = getattr(function, "__name__", repr(function))
    if not isinstance(primals, tuple):
        raise TypeError(
            f"vjp: primals must be a tuple with one entry an argument, not {kind_of(primals)}"
        )
    by = [k for k, primal in enumerate(primals) if has_derivatives(primal)]
    if not by:
        raise TypeError(
            f"vjp of {name}: no primal has derivatives; pass a float or an array of floats"
        )
    run = adapted(function)
    parts = [part for k in by for leaf in members(primals[k]) for part in real_parts(leaf)]

    def contraction(*given: Any) -> Any:
        remaining = iter(given)
        arguments = [
            assembled(primal, remaining) if k in by else primal for k, primal in enumerate(primals)
        ]
        return contracted(name, run(*arguments), cotangents)

    slopes = iter(TracedGrad(contraction, argnums=tuple(range(len(parts))))(*parts))
    products = tuple(
        product(primal, slopes) if k in by else None for k, primal in enumerate(primals)
    )
    return run(*primals), products


def members(x: Any) -> list[Any]:
    """The numbers and arrays in an argument."""
    found: list[Any] = []
    replaced(x, found.append)
    return found


def has_derivatives(x: Any) -> bool:
    structure = leaves(structure_of(x))
    return bool(structure) and all(leaf.is_floating for leaf in structure)


def is_complex(x: Any) -> bool:
    (leaf,) = leaves(structure_of(x))
    return bool(np.issubdtype(dtype_of(leaf.elements), np.complexfloating))


def real_parts(x: Any) -> list[Any]:
    return [np.real(x), np.imag(x)] if is_complex(x) else [x]


def assembled(primal: Any, parts: Any) -> Any:
    """Return a primal made of its real parts."""
    made = [
        next(parts) + 1j * next(parts) if is_complex(member) else next(parts)
        for member in members(primal)
    ]
    return in_place_of_leaves(primal, made)


def product(primal: Any, slopes: Any) -> Any:
    """Return the derivatives by a primal, made of those by its real parts."""
    made = [
        next(slopes) - 1j * next(slopes) if is_complex(member) else next(slopes)
        for member in members(primal)
    ]
    return in_place_of_leaves(primal, made)


def contracted(name: str, value: Any, cotangents: Any) -> Any:
    """Return the sum of all outputs times their cotangents; of complex ones the real part."""
    total: Any = 0.0
    for output, cotangent in pairs(name, value, cotangents, structure_of(value)):
        term = cotangent * output
        term = np.sum(term) if np.ndim(term) else term
        total = total + (np.real(term) if is_complex(cotangent) or is_complex(output) else term)
    return total


def pairs(name: str, value: Any, cotangents: Any, structure: Any) -> list[tuple[Any, Any]]:
    """List the outputs that have derivatives, each with its cotangent."""
    if isinstance(structure, tuple):
        if not isinstance(cotangents, tuple) or len(cotangents) != len(structure):
            raise TypeError(misfit(name, value, cotangents))
        triples = zip(value, cotangents, structure, strict=True)
        return [pair for v, c, s in triples for pair in pairs(name, v, c, s)]
    if not isinstance(structure, Leaf) or not structure.is_floating:
        return []
    given = structure_of(cotangents)
    if not isinstance(given, Leaf) or given.is_array != structure.is_array:
        raise TypeError(misfit(name, value, cotangents))
    if is_complex(cotangents) and not is_complex(value):
        raise TypeError(misfit(name, value, cotangents))
    if given.is_array and len(given.shape) != len(structure.shape):
        raise TypeError(misfit(name, value, cotangents))
    if given.is_array and given.shape != structure.shape:
        raise ValueError("vjp: a cotangent has not the shape of its output")
    return [(value, cotangents)]


def misfit(name: str, value: Any, cotangents: Any) -> str:
    return (
        f"vjp of {name}: the cotangents must be arranged like the result, which is of type "
        f"{kind_of(value)}, and real where it is, but they are of type {kind_of(cotangents)}"
    )

"""What the benchmarks differentiate, and the calls that do it, compiled and warm."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

import numgrad

IMPLEMENTATIONS = ["numgrad", "numpy"]
SPACINGS = ["unit", "scalar", "linspace", "non-uniform"]


@cache
def samples(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    """Return a field of random numbers, the same one for the same arguments."""
    generator = np.random.default_rng(20240229)
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return generator.integers(0, 100, shape, dtype)
    if kind == "c":
        return (generator.random(shape) + 1j * generator.random(shape)).astype(dtype)
    return generator.random(shape, dtype)


@cache
def coordinates(kind: str, length: int) -> np.ndarray:
    """Return ascending coordinates, equally spaced or not."""
    if kind == "linspace":
        return np.linspace(0.0, 1.0, length)
    steps = np.random.default_rng(length).uniform(0.5, 1.5, length)
    return np.cumsum(steps, out=steps)


def spacings(kind: str, lengths: tuple[int, ...]) -> tuple[float | np.ndarray, ...]:
    """Return what ``gradient`` takes as spacing, for axes of these lengths."""
    if kind == "unit":
        return ()
    if kind == "scalar":
        return (0.1,)
    return tuple(coordinates(kind, length) for length in lengths)


@cache
def warm_call(
    implementation: str,
    shape: tuple[int, ...],
    dtype: str = "float64",
    spacing: str = "unit",
    axis: int | tuple[int, ...] | None = None,
    edge_order: int = 1,
) -> Callable[[], object]:
    """Return a call of ``gradient`` without arguments which has been made once already.

    asv makes the setup anew before each call that it times, so the call is remembered.
    """
    values = samples(shape, dtype)
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis)
    lengths = tuple(shape[a] for a in axes)
    return warmed(implementation, values, spacings(spacing, lengths), axis, edge_order)


def warmed(
    implementation: str,
    values: np.ndarray,
    varargs: tuple[float | np.ndarray, ...] = (),
    axis: int | tuple[int, ...] | None = None,
    edge_order: int = 1,
) -> Callable[[], object]:
    """Return a call of ``gradient`` on these values which has been made once already."""
    gradient = np.gradient if implementation == "numpy" else numgrad.gradient
    call = partial(gradient, values, *varargs, axis=axis, edge_order=edge_order)
    results = call()
    return partial(call, out=results) if implementation == "numgrad, out=" else call

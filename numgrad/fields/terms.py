"""The formulas of the operators: which derivatives of which components add up to an output."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from numgrad.fields.curvilinear import factors_of, inverse, of_flux, of_product, product
from numgrad.fields.grid import Axis, axes_of, checked_accuracy, checked_order, grid_of
from numgrad.fields.layout import Array
from numgrad.fields.lines import Line, scaled

# Where a scale factor is 0, as at a pole, weights are infinite or undefined, and derivatives too.
quietly = np.errstate(divide="ignore", invalid="ignore", over="ignore")


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """The derivative of a component along an axis: ``outer d(inner F)`` or ``outer d(inner dF)``.

    Its stencils have both factors in their weights.
    """

    component: int
    line: Line
    axis: Axis
    order: int
    accuracy: int
    outer: Array
    inner: Array | None = None  # none: 1, and so it is if it doesn't vary along the axis
    start: int = 0  # where along the axis a block begins; coordinates and ``inner`` are whole there

    def block(self, ranges: Sequence[tuple[int, int]]) -> "Part":
        """Give the derivative for a block of the field."""
        axis, line = self.axis.axis, self.line
        for d, (start, stop) in enumerate(ranges):
            line = line.part(start, stop) if d == axis else line.across(d, start, stop)
        grid = self.axis
        if isinstance(grid.spacing, np.ndarray) and grid.spacing.ndim > 1:
            lines = np.moveaxis(grid.spacing, -1, axis)
            grid = replace(grid, spacing=np.moveaxis(cut(lines, ranges, whole=axis), axis, -1))
        return replace(
            self,
            line=line,
            outer=cut(self.outer, ranges),
            inner=None if self.inner is None else cut(self.inner, ranges, whole=axis),
            axis=grid,
            start=ranges[axis][0],
        )


@dataclass(frozen=True, eq=False, slots=True)
class Formula:
    """An operator for fields of some shape."""

    grid: list[Axis]
    outputs: list[list[Part]]
    single: bool  # whether there is one output, which isn't in a tuple

    def check_constants(self, dtype: np.dtype[Any]) -> None:
        """Raise if a constant beyond an end doesn't fit to samples of a dtype."""
        for end in (end for axis in self.grid for end in axis.ends):
            if dtype.kind != "c" and np.iscomplexobj(end.value):
                raise TypeError(
                    f"boundary ('constant', {end.value!r}) is complex, but the samples are real"
                )

    def block(self, ranges: Sequence[tuple[int, int]]) -> "Formula":
        """Give the operator for a block of the field."""
        outputs = [[part.block(ranges) for part in parts] for parts in self.outputs]
        return replace(self, outputs=outputs)


@dataclass(frozen=True, slots=True)
class Options:
    """What the operators of several axes are told about the grid."""

    varargs: Sequence[Any]
    axis: Any
    accuracy: Any
    boundary: Any
    period: Any
    scale_factors: Any

    def grid(self, shape: tuple[int, ...]) -> list[Axis]:
        """Give the axes of a field that are derived along."""
        axes, accuracy = axes_of(self.axis, len(shape)), checked_accuracy(self.accuracy)
        grid = grid_of(shape, axes, self.varargs, self.boundary, self.period)
        return [axis.suited(accuracy) for axis in grid]


def cut(array: Array, ranges: Sequence[tuple[int, int]], whole: int = -1) -> Array:
    """Give what an array that spreads over the field is in a block, whole along one axis."""
    slices = [
        slice(None) if n == 1 or d == whole else slice(*pair)
        for d, (n, pair) in enumerate(zip(array.shape, ranges, strict=True))
    ]
    return array[tuple(slices)]


def one(ndim: int) -> Array:
    """Give a factor of 1."""
    return np.ones((1,) * ndim)


@quietly
def of_differentiate(
    shape: tuple[int, ...], x: Any, axis: Any, order: Any, accuracy: Any, boundary: Any, period: Any
) -> Formula:
    """Give the formula of one derivative."""
    axes = axes_of(axis, len(shape))
    order, accuracy = checked_order(order), checked_accuracy(accuracy)
    grid = grid_of(shape, axes, [x] * len(axes), boundary, period)
    if len(grid) != 1:
        raise TypeError(f"axis must be one integer, not {axis!r}")
    grid = [grid[0].suited(accuracy)]
    line = grid[0].line(order, accuracy)
    return Formula(grid, [[Part(0, line, grid[0], order, accuracy, one(len(shape)))]], True)


@quietly
def of_gradient(shape: tuple[int, ...], options: Options, edge_order: int) -> Formula:
    """Give the formula of the derivatives along all axes."""
    grid, ndim = options.grid(shape), len(shape)
    factors = factors_of(options.scale_factors, shape, len(grid)) or [one(ndim)] * len(grid)
    outputs = []
    for axis, factor in zip(grid, factors, strict=False):
        line = scaled(axis.line(1, 2, edge_order), inverse(factor))
        outputs.append([Part(0, line, axis, 1, 2, inverse(factor))])
    return Formula(grid, outputs, len(grid) == 1)


@quietly
def of_laplacian(shape: tuple[int, ...], options: Options) -> Formula:
    """Give the formula of the sum of the second derivatives."""
    grid, accuracy, ndim = options.grid(shape), checked_accuracy(options.accuracy), len(shape)
    factors = factors_of(options.scale_factors, shape, len(grid))
    parts = []
    for k, axis in enumerate(grid):
        inner, outer = None, one(ndim)
        if factors is None:
            line = axis.line(2, accuracy)
        else:
            inner = product(factors[:k] + factors[k + 1 :], ndim) * inverse(factors[k])
            outer = inverse(product(factors, ndim))
            if inner.shape[axis.axis] == 1:
                # 1/H H/h^2 is 1/h^2, without rounding
                inner, outer = None, inverse(factors[k] ** 2)
            line = of_flux(axis, accuracy, one(ndim) if inner is None else inner, outer)
        parts.append(Part(0, line, axis, 2, accuracy, outer, inner))
    return Formula(grid, [parts], True)


@quietly
def of_divergence(shape: tuple[int, ...], count: int, options: Options) -> Formula:
    """Give the formula of the sum of the derivatives of each component along its axis."""
    grid, accuracy, ndim = options.grid(shape), checked_accuracy(options.accuracy), len(shape)
    if count != len(grid):
        raise ValueError(
            f"a divergence needs one component an axis, but {count} came for {len(grid)} axes; "
            "axis= says which axes the components belong to"
        )
    factors = factors_of(options.scale_factors, shape, count)
    parts = []
    for k, axis in enumerate(grid):
        inner = None
        if factors is not None:
            inner = product(factors[:k] + factors[k + 1 :], ndim)
        own = one(ndim) if factors is None else inverse(factors[k])
        parts.append(_slope(k, axis, accuracy, inner, own))
    return Formula(grid, [parts], True)


@quietly
def of_curl(shape: tuple[int, ...], count: int, options: Options) -> Formula:
    """Give the formula of the circulation of two or three components."""
    grid, accuracy, ndim = options.grid(shape), checked_accuracy(options.accuracy), len(shape)
    if count not in (2, 3) or count != len(grid):
        raise ValueError(
            f"a curl needs two components along two axes or three along three, but {count} came "
            f"for {len(grid)} axes; axis= says which axes the components belong to"
        )
    factors = factors_of(options.scale_factors, shape, count)
    outputs = []
    for i, j in ((0, 1),) if count == 2 else ((1, 2), (2, 0), (0, 1)):
        parts = []
        for along, of, sign in ((i, j, 1.0), (j, i, -1.0)):
            own = sign * (one(ndim) if factors is None else inverse(factors[along]))
            inner = None if factors is None else factors[of]
            parts.append(_slope(of, grid[along], accuracy, inner, own))
        outputs.append(parts)
    return Formula(grid, outputs, count == 2)


def _slope(component: int, axis: Axis, accuracy: int, inner: Array | None, own: Array) -> Part:
    """Give ``own/inner d(inner F)``."""
    line = axis.line(1, accuracy)
    if inner is None or inner.shape[axis.axis] == 1:
        return Part(component, scaled(line, own), axis, 1, accuracy, own)
    outer = own * inverse(inner)
    return Part(component, of_product(line, inner, outer), axis, 1, accuracy, outer, inner)

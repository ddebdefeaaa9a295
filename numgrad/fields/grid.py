"""The points of each axis of a field: how far apart they are, and what lies beyond the ends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from numgrad.fields.boundaries import WRAP, Boundaries, boundaries_of_axes, needs_points
from numgrad.fields.layout import Array
from numgrad.fields.lines import Line, is_equally_spaced, uniform_line, varying_line
from numgrad.fields.weights import MOST_ACCURACY, MOST_ORDER, points_needed

NO_LENGTH = "a spacing must be a number or an array of numbers, not "


@dataclass(frozen=True, eq=False, slots=True)
class Axis:
    """An axis of a field that is derived along."""

    axis: int
    ndim: int  # of the field
    points: int
    spacing: float | Array  # or the coordinates, whose last axis runs along this one
    ends: Boundaries
    period: float | None
    even: Array | None = None  # coordinates whose distances are all the spacing

    def suited(self, accuracy: int) -> "Axis":
        """Give the axis by its coordinates where their equal distances don't reach an accuracy."""
        if accuracy % 2 == 0 or self.even is None:
            return self
        return replace(self, spacing=self.even, even=None)

    def line(self, order: int, accuracy: int, at_ends: int | None = None) -> Line:
        """Give the stencils for a derivative of some order and accuracy, and that at the ends."""
        at_ends = accuracy if at_ends is None else at_ends
        self.check(order, max(accuracy, at_ends))
        place = self.axis, self.ndim
        if isinstance(self.spacing, float):
            if accuracy % 2:
                raise ValueError(
                    f"accuracy {accuracy} isn't reached by central differences at equal distances, "
                    "whose accuracy is even; pass an even number"
                )
            return uniform_line(
                *place, self.points, self.spacing, order, accuracy, self.ends, at_ends
            )
        return varying_line(*place, self.spacing, order, accuracy, self.ends, self.period, at_ends)

    def check(self, order: int, accuracy: int) -> None:
        """Raise if there are too few points."""
        fewest = 2 if isinstance(self.spacing, np.ndarray) else 1
        if needs_points(self.ends):
            fewest = points_needed(order, accuracy)
        if self.points < fewest:
            raise ValueError(
                f"axis {self.axis} has {self.points} points, but a derivative of order {order} and "
                f"accuracy {accuracy} needs {fewest} there; pass a lower accuracy, or a boundary "
                "that tells what lies beyond the ends"
            )

    @property
    def coordinates(self) -> Array:
        """The coordinates of the points, also where only their distance is known."""
        if isinstance(self.spacing, float):
            return np.arange(self.points) * self.spacing
        return self.spacing


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Give the axes to derive along as numbers from 0 up."""
    if axis is None:
        if ndim == 0:
            raise ValueError("a field must have an axis to derive along, but a number came")
        return tuple(range(ndim))
    axes: tuple[int, ...] = normalize_axis_tuple(axis, ndim)
    return axes


def grid_of(
    shape: tuple[int, ...],
    axes: Sequence[int],
    varargs: Sequence[Any],
    boundary: Any,
    period: Any,
) -> list[Axis]:
    """Give the axes that a field is derived along."""
    if not varargs:
        varargs = [1.0] * len(axes)
    elif len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        varargs = [varargs[0]] * len(axes)
    elif len(varargs) != len(axes):
        raise TypeError(
            f"invalid number of arguments: {len(varargs)} spacings for {len(axes)} axes"
        )
    ends = boundaries_of_axes(boundary, len(axes))
    periods = _periods(period, ends)
    return [
        axis_of(axis, shape, *of_axis)
        for axis, *of_axis in zip(axes, varargs, ends, periods, strict=True)
    ]


def _periods(period: Any, ends: Sequence[Boundaries]) -> list[float | None]:
    wraps = [before.name == WRAP for before, _ in ends]
    if period is not None and not any(wraps):
        raise ValueError("period is for boundary 'wrap', which no axis has")
    if isinstance(period, tuple | list):
        if len(period) != len(ends):
            raise ValueError(
                f"period must be one number or a tuple with one entry an axis, {len(ends)}, not "
                f"{period!r}"
            )
        periods = list(period)
    else:
        periods = [period if wrap else None for wrap in wraps]
    for one, wrap in zip(periods, wraps, strict=True):
        if one is None:
            continue
        if not wrap:
            raise ValueError("period is given for an axis whose boundary isn't 'wrap'")
        if not isinstance(one, int | float | np.number) or not 0 < one < np.inf:
            raise ValueError(f"period must be a positive number, not {one!r}")
    return [None if one is None else float(one) for one in periods]


def axis_of(
    axis: int, shape: tuple[int, ...], given: Any, ends: Boundaries, period: float | None
) -> Axis:
    """Give an axis from its spacing or its coordinates."""
    points, ndim = shape[axis], len(shape)
    spacing = _spacing_of(given, axis, shape)
    if isinstance(spacing, float):
        if period is not None and period != abs(spacing) * points:
            spacing = np.arange(points) * spacing
        else:
            return Axis(axis, ndim, points, spacing, ends, None)
    if ends[0].name == WRAP:
        period = _checked_period(spacing, period)
    if spacing.ndim == 1 and is_equally_spaced(spacing, ends, period):
        step = float(spacing[1] - spacing[0])
        return Axis(axis, ndim, points, step, ends, period, spacing)
    return Axis(axis, ndim, points, spacing, ends, period)


def _spacing_of(given: Any, axis: int, shape: tuple[int, ...]) -> float | Array:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise TypeError(NO_LENGTH + repr(given)) from error
    if array.dtype.kind not in "iuf":
        raise TypeError(NO_LENGTH + f"{type(given).__name__} of dtype {array.dtype}")
    if array.ndim == 0:
        spacing = float(array)
        if spacing == 0.0:
            raise ValueError("a spacing must not be 0")
        return spacing
    if array.ndim == 1 and len(array) != shape[axis]:
        raise ValueError(
            f"when 1d, distances must match the length of the corresponding dimension: {len(array)}"
            f" coordinates came for the {shape[axis]} points of axis {axis}"
        )
    if array.ndim > 1 and array.shape != shape:
        raise ValueError(
            f"coordinates must be one-dimensional or have the shape of the field, {shape}, not "
            f"{array.shape}"
        )
    aligned = np.require(array, np.float64, "A")
    return np.moveaxis(aligned, axis if array.ndim > 1 else 0, -1)


def _checked_period(x: Array, period: float | None) -> float:
    """Give the period in the direction of the coordinates."""
    if period is None:
        raise ValueError(
            "boundary 'wrap' with coordinates needs a period: period=360.0 for longitudes in "
            "degrees"
        )
    span = x[..., -1] - x[..., 0]
    if (np.abs(span) >= period).any():
        raise ValueError(
            f"the coordinates span {np.abs(span).max()}, which isn't less than the period "
            f"{period}: the first point must not come again at the end"
        )
    return -period if (span < 0).all() else period


def checked_order(order: Any) -> int:
    """Give an order of derivatives."""
    return _whole("order", order, MOST_ORDER)


def checked_accuracy(accuracy: Any) -> int:
    """Give an order of accuracy."""
    return _whole("accuracy", accuracy, MOST_ACCURACY)


def _whole(name: str, given: Any, most: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {given!r}")
    if not 1 <= given <= most:
        raise ValueError(f"{name} must lie between 1 and {most}, not {given}")
    return int(given)

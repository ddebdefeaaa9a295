"""What lies beyond the ends of an axis: the samples and the coordinates of ghost points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numgrad.fields.layout import Array

ONE_SIDED, WRAP, CONSTANT = "one-sided", "wrap", "constant"
NAMES = (ONE_SIDED, WRAP, "reflect", "symmetric", "edge", "antireflect", "antisymmetric")
EXPECTED = f"{', '.join(map(repr, NAMES))} or ('constant', value)"


@dataclass(frozen=True, slots=True)
class Boundary:
    """What lies beyond one end of an axis."""

    name: str
    value: Any = 0.0

    @property
    def sign(self) -> float:
        """What the samples that stand in for ghosts are multiplied with."""
        return -1.0 if self.name.startswith("anti") else 1.0

    @property
    def mirror(self) -> str:
        """The mode of ``numpy.pad`` that says which samples those are."""
        return self.name.removeprefix("anti")


Boundaries = tuple[Boundary, Boundary]  # before and after the axis


def boundary_of(given: Any) -> Boundary:
    """Give what one end is, from a name or ``("constant", value)``."""
    if isinstance(given, str) and given in NAMES:
        return Boundary(given)
    if _is_constant(given):
        return Boundary(CONSTANT, given[1])
    raise ValueError(f"a boundary must be {EXPECTED}, not {given!r}")


def _is_constant(given: Any) -> bool:
    return (
        isinstance(given, tuple | list)
        and len(given) == 2
        and isinstance(given[0], str)
        and given[0] == CONSTANT
        and np.ndim(given[1]) == 0
        and isinstance(given[1], int | float | complex | np.number)
    )


def boundaries_of(given: Any) -> Boundaries:
    """Give both ends of an axis, from one entry for both or a pair of them."""
    if isinstance(given, tuple | list) and len(given) == 2 and not _is_constant(given):
        before, after = boundary_of(given[0]), boundary_of(given[1])
    else:
        before = after = boundary_of(given)
    if (before.name == WRAP) != (after.name == WRAP):
        raise ValueError("boundary 'wrap' joins both ends: it can't stand at one of them alone")
    return before, after


def boundaries_of_axes(given: Any, count: int) -> list[Boundaries]:
    """Give the ends of several axes, from one entry for all or one an axis."""
    if isinstance(given, str) or _is_constant(given) or count == 1:
        if isinstance(given, tuple | list) and len(given) == 1:
            given = given[0]
        return [boundaries_of(given)] * count
    if not isinstance(given, tuple | list) or len(given) != count:
        raise ValueError(
            f"boundary must be one entry for all axes or a tuple with one an axis, {count}, "
            f"not {given!r}"
        )
    return [boundaries_of(entry) for entry in given]


@dataclass(frozen=True, slots=True)
class Ghosts:
    """The points beyond the ends of an axis, in the order of their places."""

    ends: Boundaries
    before: int
    after: int

    def indices(self, points: int) -> Array:
        """Give, for each place from the first ghost to the last, the sample that stands there.

        It is -1 where none does, but a constant.
        """
        before, after = self.beyond(points)
        return np.concatenate([before, np.arange(points), after])

    def beyond(self, points: int) -> tuple[Array, Array]:
        """Give the samples that stand at the ghosts before and after, in the order of places."""
        before = _samples_at(self.ends[0], np.arange(self.before, 0, -1), points)
        after = _samples_at(self.ends[1], np.arange(1, self.after + 1), points)
        if self.ends[0].name == WRAP:
            return points - 1 - before, after
        return before, np.where(after < 0, -1, points - 1 - after)

    def signs(self, points: int) -> Array:
        """Give what the samples at all places are multiplied with."""
        first, last = (end.sign for end in self.ends)
        return np.repeat([first, 1.0, last], [self.before, points, self.after])

    def planes(self, samples: Array, axis: int) -> tuple[Array | None, Array | None]:
        """Give the samples beyond both ends of an axis, or None where there are none."""
        before, after = self.beyond(samples.shape[axis])
        return (
            _planes(samples, axis, before, self.ends[0]),
            _planes(samples, axis, after, self.ends[1]),
        )


def _samples_at(end: Boundary, outward: Array, points: int) -> Array:
    """Give which samples, counted from the end, stand so many places beyond it; -1: none.

    On a circle they are counted from the other end.
    """
    if end.name in (ONE_SIDED, CONSTANT):
        return np.full(len(outward), -1)
    if end.name == WRAP:
        return (outward - 1) % points
    if end.mirror == "edge" or points == 1:
        return np.zeros_like(outward)
    if end.mirror == "reflect":
        turn = outward % (2 * points - 2)
        return np.where(turn < points, turn, 2 * points - 2 - turn)
    turn = (outward - 1) % (2 * points)
    return np.where(turn < points, turn, 2 * points - 1 - turn)


def _planes(samples: Array, axis: int, indices: Array, end: Boundary) -> Array | None:
    if not len(indices):
        return None
    if end.name == CONSTANT:
        shape = [*samples.shape]
        shape[axis] = len(indices)
        return np.full(shape, end.value, samples.dtype)
    planes: Array = np.take(samples, indices, axis)
    if end.sign < 0:
        planes *= -1
    return planes


def extended(x: Array, ghosts: Ghosts, period: float | None) -> Array:
    """Give coordinates, along the last axis, with those of the ghosts on both sides."""
    if not ghosts.before and not ghosts.after:
        return x
    before = _beyond(x, ghosts.ends[0], ghosts.before, period, -1)
    after = _beyond(x, ghosts.ends[1], ghosts.after, period, 1)
    return np.concatenate([before, x, after], axis=-1)


def _beyond(x: Array, end: Boundary, count: int, period: float | None, side: int) -> Array:
    """Give the coordinates of ghosts on one side, in the order of their places."""
    points = x.shape[-1]
    outward = np.arange(1, count + 1)
    if side < 0:
        x = x[..., ::-1]
    last = x[..., -1:]
    step = last - x[..., -2:-1] if points > 1 else last
    ghosts: Array
    if end.name == WRAP:
        assert period is not None
        turns, places = np.divmod(points - 1 + outward, points)
        ghosts = x[..., places] + side * turns * period
    elif end.mirror == "reflect":
        ghosts = _mirrored(x, outward, points - 1, last)
    elif end.mirror == "symmetric":
        ghosts = _mirrored(x, outward - 1, points, last + 0.5 * step)
    else:
        ghosts = last + outward * step
    return ghosts[..., ::-1] if side < 0 else ghosts


def _mirrored(x: Array, outward: Array, reach: int, mirror: Array) -> Array:
    """Give coordinates mirrored at one end, and at the other where they don't suffice.

    The same point returns after ``2 * reach`` places.
    """
    points = x.shape[-1]
    other = x[..., :1]
    if reach == points:  # mirrors half a step beyond the ends
        other = other - 0.5 * (x[..., 1:2] - other)
    length = 2.0 * (mirror - other)
    turns, places = np.divmod(outward, 2 * reach)
    odd = places < points
    there = np.where(odd, points - 1 - places, places - reach)
    once = np.where(odd, 2.0 * mirror - x[..., there], x[..., there] + length)
    return np.asarray(once + turns * length)


def needs_points(ends: Sequence[Boundary]) -> bool:
    """Tell if a side of an axis takes its stencils from the axis itself."""
    return any(end.name == ONE_SIDED for end in ends)

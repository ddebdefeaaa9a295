"""Stencils: the points about one point whose samples give a derivative there, and their weights.

They are data: the kernels are compiled for any. A stencil more is an entry more, not a loop more.

Source: B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids",
Mathematics of Computation 51 (1988), 699-706.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

Weights = tuple[Any, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Stencil:
    """The points that a derivative is computed from, and how.

    It is the weighted sum of the samples, in the order of ``offsets``. A quotient has two points
    and divides the difference of their samples by their distance: the same number but for its
    roundings.
    """

    offsets: tuple[int, ...]  # of the points from the one derived at, ascending
    weights: Weights  # for points at distance 1
    weigh: Callable[[Weights], Weights] | None = None  # for points at any coordinates
    quotient: bool = False

    @property
    def unit_coefficients(self) -> Weights:
        """What the samples are divided by, or multiplied with, for points at distance 1."""
        return (float(self.offsets[1] - self.offsets[0]),) if self.quotient else self.weights


@dataclass(frozen=True, eq=False)  # without slots, which would leave no room for what is cached
class Scheme:
    """The stencils at all points of an axis.

    Its places are those of ``first``, the interior, and those of ``last``, in the order of memory.
    The kernels know the coefficients of all places from one row of numbers for each axis: the one
    divisor of a quotient, the weights of a sum.
    """

    name: str  # a part of the name of machine code, so no other scheme may have it
    first: tuple[Stencil, ...]  # at the first points of an axis
    uniform: Stencil  # at the points between, if all distances are equal
    varying: Stencil  # at the points between, if they are not
    last: tuple[Stencil, ...]  # at the last points

    def __post_init__(self) -> None:
        """Check what the loops rely on."""
        if len({(len(stencil.offsets), stencil.quotient) for stencil in self.edges}) != 1:
            raise ValueError("the stencils at the edges must be of one size and kind")
        if any(stencil.quotient and len(stencil.offsets) != 2 for stencil in self.places):
            raise ValueError("a quotient has two points")
        for stencil in (self.uniform, self.varying):
            if -stencil.offsets[0] > len(self.first) or stencil.offsets[-1] > len(self.last):
                raise ValueError("a stencil between the edges reaches out of the axis")

    @cached_property
    def edges(self) -> tuple[Stencil, ...]:
        """The stencils at the edges: first those of the first points."""
        return self.first + self.last

    @cached_property
    def places(self) -> tuple[Stencil, ...]:
        """The stencils of all places of an axis with equal distances."""
        return (*self.first, self.uniform, *self.last)

    @cached_property
    def columns(self) -> tuple[int, ...]:
        """Where in the row the coefficients of each place begin; at last the length of the row."""
        widths = [len(stencil.unit_coefficients) for stencil in self.places]
        return tuple(accumulate(widths, initial=0))

    def entries(self, points: int) -> int:
        """How many weights the interior of an axis of so many points has, if they are tabulated."""
        return len(self.varying.offsets) * (points - len(self.edges))

    @cached_property
    def reach(self) -> int:
        """How many neighbours on one side a derivative may need."""
        stencils = (*self.places, self.varying)
        return max(abs(offset) for stencil in stencils for offset in stencil.offsets)

    @cached_property
    def fewest(self) -> int:
        """How many points an axis must have at least."""
        return max(len(self.edges), *(len(stencil.offsets) for stencil in self.edges))


# NumPy's three points. The weights follow its order of operations, so that every rounding, infinity
# and nan is the same; h1 is the distance from the first to the second point, h2 that to the third.
#
# With the Taylor series
#     f(x - h1) = f - h1 f' + h1^2/2 f'' - ...,    f(x + h2) = f + h2 f' + h2^2/2 f'' + ...,
# the weights a, b, c of f' = a f(x - h1) + b f(x) + c f(x + h2) + O(h^2) satisfy
#     a + b + c = 0,    -a h1 + c h2 = 1,    a h1^2 + c h2^2 = 0,
# hence a = -h2 / (h1 (h1 + h2)), c = h1 / (h2 (h1 + h2)) and b = -(a + c) = (h2 - h1) / (h1 h2).
def weights_at_second(points: Weights) -> Weights:
    """Weigh three points for the derivative at the second."""
    h1, h2 = points[1] - points[0], points[2] - points[1]
    a = -h2 / (h1 * (h1 + h2))
    b = (h2 - h1) / (h1 * h2)
    c = h1 / (h2 * (h1 + h2))
    return a, b, c


# The same conditions about the first of the three points, whose neighbours lie at h1 and h1 + h2:
#     a + b + c = 0,    b h1 + c (h1 + h2) = 1,    b h1^2 + c (h1 + h2)^2 = 0.
# NumPy's 2 h is written h + h, which is the same in every precision.
def weights_at_first(points: Weights) -> Weights:
    """Weigh three points for the derivative at the first."""
    h1, h2 = points[1] - points[0], points[2] - points[1]
    a = -(h1 + h1 + h2) / (h1 * (h1 + h2))
    b = (h1 + h2) / (h1 * h2)
    c = -h1 / (h2 * (h1 + h2))
    return a, b, c


# And about the last, whose neighbours lie at -h2 and -(h1 + h2).
def weights_at_third(points: Weights) -> Weights:
    """Weigh three points for the derivative at the third."""
    h1, h2 = points[1] - points[0], points[2] - points[1]
    a = h2 / (h1 * (h1 + h2))
    b = -(h2 + h1) / (h1 * h2)
    c = (h2 + h2 + h1) / (h2 * (h1 + h2))
    return a, b, c


# From f(x + h) - f(x - h) = 2 h f'(x) + O(h^3), at the edges f(x + h) - f(x) = h f'(x) + O(h^2).
CENTRAL = Stencil((-1, 1), (-0.5, 0.5), quotient=True)
FORWARD = Stencil((0, 1), (-1.0, 1.0), quotient=True)
BACKWARD = Stencil((-1, 0), (-1.0, 1.0), quotient=True)

# With h1 = h2 = 1 the weights above are these.
AT_SECOND = Stencil((-1, 0, 1), (-0.5, 0.0, 0.5), weights_at_second)
AT_FIRST = Stencil((0, 1, 2), (-1.5, 2.0, -0.5), weights_at_first)
AT_THIRD = Stencil((-2, -1, 0), (0.5, -2.0, 1.5), weights_at_third)

# by the order of accuracy at the edges
NUMPYS = {
    1: Scheme("numpy1", (FORWARD,), CENTRAL, AT_SECOND, (BACKWARD,)),
    2: Scheme("numpy2", (AT_FIRST,), CENTRAL, AT_SECOND, (AT_THIRD,)),
}

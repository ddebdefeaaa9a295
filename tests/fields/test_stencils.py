"""The stencils, against exact arithmetic: each is exact for polynomials of second degree."""

import random
from fractions import Fraction

import pytest

from numgrad.fields.stencils import AT_FIRST, AT_SECOND, AT_THIRD, CENTRAL, NUMPYS, Scheme, Stencil

THREE_POINTS = {"first": AT_FIRST, "second": AT_SECOND, "third": AT_THIRD}


@pytest.fixture(params=range(20))
def points(request):
    """Return three points at random rational distances, ascending or descending."""
    source = random.Random(request.param)
    start, h1, h2 = (Fraction(source.randint(1, 99), source.randint(1, 99)) for _ in range(3))
    sign = source.choice([1, -1])
    return [start, start + sign * h1, start + sign * (h1 + h2)]


def derivative(weights, points, degree):
    return sum(weight * x**degree for weight, x in zip(weights, points, strict=True))


@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("where", THREE_POINTS)
def test_weights_are_exact_for_quadratics(points, where, degree):
    stencil = THREE_POINTS[where]
    at = points[stencil.offsets.index(0)]
    exact = degree * at ** (degree - 1) if degree else 0
    assert derivative(stencil.weigh(points), points, degree) == exact


@pytest.mark.parametrize("where", THREE_POINTS)
def test_weights_at_distance_1_are_those_of_its_coordinates(where):
    stencil = THREE_POINTS[where]
    assert stencil.weigh(tuple(map(Fraction, stencil.offsets))) == stencil.weights


@pytest.mark.parametrize("edge_order", NUMPYS)
def test_weights_at_distance_1_are_exact_up_to_the_order_of_accuracy(edge_order):
    for stencil in NUMPYS[edge_order].places:
        order = 2 if stencil is CENTRAL else edge_order
        for degree in range(order + 1):
            assert derivative(stencil.weights, stencil.offsets, degree) == (degree == 1)


def test_what_a_scheme_tells_the_kernels():
    first, second = NUMPYS[1], NUMPYS[2]
    assert (first.columns, first.reach, first.fewest) == ((0, 1, 2, 3), 1, 2)
    assert (second.columns, second.reach, second.fewest) == ((0, 3, 4, 7), 2, 3)
    assert first.entries(10) == second.entries(10) == 24


def test_a_scheme_that_the_loops_cannot_follow():
    wide = Stencil((-2, -1, 1, 2), (1 / 12, -2 / 3, 2 / 3, -1 / 12))
    with pytest.raises(ValueError, match="reaches out of the axis"):
        Scheme("wide", (AT_FIRST,), wide, AT_SECOND, (AT_THIRD,))
    with pytest.raises(ValueError, match="one size and kind"):
        Scheme("mixed", NUMPYS[1].first, CENTRAL, AT_SECOND, (AT_THIRD,))
    with pytest.raises(ValueError, match="two points"):
        Scheme("three", (AT_FIRST,), Stencil((-1, 0, 1), (), None, True), AT_SECOND, (AT_THIRD,))

import numpy as np
import pytest

import numgrad
from numgrad.examples import patterns

pytest.importorskip("scipy.sparse")


@pytest.fixture(scope="module")
def found():
    frame = patterns.scherk(9)
    return frame, *patterns.film(frame)


@pytest.mark.thorough
def test_film_is_nearly_scherks_surface(found):
    frame, surface, steps = found
    assert steps < 10
    assert 0.0 < np.abs(surface - frame).max() < 1e-3
    np.testing.assert_array_equal(surface[0], frame[0])


@pytest.mark.thorough
def test_film_has_the_least_area(found):
    frame, surface, _ = found
    inside = surface[1:-1, 1:-1].ravel()
    least = patterns.area(inside, frame)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert patterns.area(inside + 1e-3 * rng.normal(size=inside.size), frame) > least


def test_area_of_planes():
    frame = np.add.outer(np.linspace(0, 2, 9), np.linspace(0, 3, 9))  # of slopes 2 and 3
    assert patterns.area(frame[1:-1, 1:-1].ravel(), frame) == pytest.approx(np.sqrt(14))


def test_frame_does_not_matter_to_the_pattern():
    points = np.zeros(49)
    pattern = numgrad.sparsity(patterns.area, points, np.zeros((9, 9)), order=2)
    assert pattern == numgrad.sparsity(patterns.area, points, patterns.scherk(9), order=2)
    assert np.diff(pattern.starts).max() == 7  # neighbours along both sides and one diagonal

"""Colourings: that they tell all entries, and take no more colours than SciPy's."""

import numpy as np
import pytest
from scipy.optimize._numdiff import group_columns
from scipy.sparse import csr_array

from numgrad import Pattern
from numgrad.drivers.sparse import colouring
from numgrad.drivers.sparse.plans import Plan


def random_pattern(rng, rows, columns, density, *, symmetric=False):
    return Pattern.of(rng.random((rows, columns)) < density, symmetric=symmetric)


def compressed(matrix, colours):
    """Return the matrix times the sum of the unit vectors of each colour."""
    directions = np.eye(max(colours.max(initial=-1) + 1, 1))[colours]
    return matrix @ directions


@pytest.mark.parametrize("seed", range(30))
def test_columns(seed):
    rng = np.random.default_rng(seed)
    pattern = random_pattern(rng, *rng.integers(1, 60, 2), rng.random() ** 3)
    matrix = rng.normal(size=pattern.shape) * pattern.toarray()
    columns = compressed(matrix, pattern.colours)
    found = columns[pattern.rows, pattern.colours[pattern.columns]]
    np.testing.assert_array_equal(found, matrix[pattern.rows, pattern.columns])
    assert pattern.colour_count <= group_columns(pattern.toarray()).max() + 1


@pytest.mark.parametrize("seed", range(30))
def test_stars(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    pattern = random_pattern(rng, n, n, rng.random() ** 3, symmetric=True)
    matrix = rng.normal(size=(n, n))
    matrix = (matrix + matrix.T) * pattern.toarray()
    stars = colouring.star_colours(pattern.starts, pattern.columns)
    for row, column in zip(pattern.rows, pattern.columns, strict=True):
        assert row == column or stars[row] != stars[column]
    plan = Plan(pattern, "csr")
    plan.turn_direct()
    *_, rows, lanes, _, _ = plan.arrays
    found = compressed(matrix, pattern.direct_colours)[rows, lanes]
    np.testing.assert_array_equal(found, matrix[pattern.rows, pattern.columns])


def test_stars_differ_in_each_path_of_four():
    """By brute force over all paths."""
    rng = np.random.default_rng(5)
    pattern = random_pattern(rng, 25, 25, 0.15, symmetric=True)
    near = pattern.toarray() & ~np.eye(25, dtype=bool)
    colours = colouring.star_colours(pattern.starts, pattern.columns)
    paths = 0
    for b, c in np.argwhere(near):
        for a in np.flatnonzero(near[b]):
            for d in np.flatnonzero(near[c]):
                if len({a, b, c, d}) == 4:
                    paths += 1
                    assert len({colours[k] for k in (a, b, c, d)}) > 2
    assert paths > 100


def test_bands_and_arrows():
    n = 500
    k = np.arange(n)
    rows, columns = np.r_[k, k[1:], k[:-1]], np.r_[k, k[:-1], k[1:]]
    assert Pattern((n, n), rows, columns).colour_count == 3
    assert Pattern((n, n), rows, columns, symmetric=True).colour_count == 3
    arrow = Pattern((n, n), np.r_[k, 0 * k], np.r_[k, k], symmetric=True)
    assert arrow.colour_count == 2  # where columns alone would be as many as there are
    assert Pattern.of(arrow).colour_count == n


def test_more_colours_than_bits_of_a_word():
    rng = np.random.default_rng(1)
    for symmetric in (False, True):
        pattern = random_pattern(rng, 200, 200, 0.5, symmetric=symmetric)
        assert 64 < pattern.colour_count <= 200
        if symmetric:
            given = pattern.starts, pattern.columns, pattern.direct_colours
            assert colouring.places_of_entries(*given)[2]


def test_nothing_to_colour():
    for shape in ((3, 4), (0, 4), (3, 0), (0, 0)):
        pattern = Pattern(shape, [], [])
        assert pattern.nnz == 0
        assert pattern.colours.shape == (shape[1],)


def test_beside_scipy_on_a_grid():
    """The pattern of a stencil of five points on a periodic grid, of two variables."""
    n = 12
    ring = np.eye(n) + np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0)
    stencil = np.kron(ring, np.eye(n)) + np.kron(np.eye(n), ring)
    matrix = csr_array(np.kron(np.eye(2), stencil) + np.kron(1.0 - np.eye(2), np.eye(n * n)))
    assert Pattern.of(matrix).colour_count <= group_columns(matrix).max() + 1


def test_colours_that_do_not_tell_all_entries_are_seen():
    """A path of four in two colours: the entry in its middle stands nowhere alone."""
    k = np.arange(4)
    path = Pattern((4, 4), k[1:], k[:-1], symmetric=True)
    *_, are_told = colouring.places_of_entries(path.starts, path.columns, np.array([0, 1, 0, 1]))
    assert not are_told
    *_, are_told = colouring.places_of_entries(path.starts, path.columns, np.array([0, 1, 2, 0]))
    assert are_told

"""Acyclic colourings: that no cycle has two colours, and that substitution finds all entries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

import numgrad
from numgrad import Pattern
from numgrad.drivers.sparse import acyclic, colouring
from numgrad.drivers.sparse.plans import Plan

MANY = 255
PLACES = st.integers(2, 24).flatmap(
    lambda n: st.lists(st.tuples(*[st.integers(0, n - 1)] * 2), max_size=6 * n).map(
        lambda places: Pattern((n, n), *np.array([*places, (0, 0)]).T, symmetric=True)
    )
)


def coloured(pattern, most=MANY):
    return acyclic.acyclic_colours(pattern.starts, pattern.columns, most)


def cycles_of_two_colours(pattern, colours):
    """Count the pairs of colours whose columns are no forest, and neighbours of one colour."""
    near = pattern.toarray() & ~np.eye(pattern.shape[0], dtype=bool)
    found = int((near & (colours[:, None] == colours)).sum())
    for a in range(colours.max()):
        for b in range(a + 1, colours.max() + 1):
            both = near[np.ix_(*[np.isin(colours, (a, b))] * 2)]
            trees = connected_components(csr_array(both), directed=False)[0]
            found += both.sum() // 2 != both.shape[0] - trees
    return found


def compressed(matrix, colours):
    """Return the matrix times the sum of the unit vectors of each colour."""
    each = range(colours.max() + 1)
    return np.stack([matrix[:, colours == colour].sum(axis=1) for colour in each], axis=1)


@njit
def substituted(steps, starts, rows, columns, data, subtracted):
    return acyclic.substitute(steps, starts, rows, columns, data, subtracted)


def found_by_substitution(pattern, colours, matrix):
    rows, lanes, steps, are_found = acyclic.substitutions(pattern.starts, pattern.columns, colours)
    assert are_found
    data = np.full(pattern.nnz, np.nan)
    told = rows >= 0
    data[told] = compressed(matrix, colours)[rows[told], lanes[told]]
    working = np.full(pattern.nnz, np.nan)
    is_exact = substituted(steps, pattern.starts, rows, pattern.columns, data, working)
    return data, is_exact, len(steps)


@given(PLACES, st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_random_patterns(pattern, seed):
    """Of integers substitution finds all entries exactly."""
    n = pattern.shape[0]
    colours = coloured(pattern)
    assert cycles_of_two_colours(pattern, colours) == 0
    stars = colouring.star_colours(pattern.starts, pattern.columns)
    matrix = np.random.default_rng(seed).integers(1, 1000, (n, n)).astype(float)
    matrix = (matrix + matrix.T) * pattern.toarray()
    for each in (colours, stars):
        data, is_exact, steps = found_by_substitution(pattern, each, matrix)
        assert_array_equal(data, matrix[pattern.rows, pattern.columns])
        assert is_exact
    assert steps == 0  # a star is a tree whose entries stand alone


def grid(n, around):
    """The pattern of a stencil on a periodic grid."""
    places = np.arange(n * n).reshape(n, n)
    rows = np.concatenate([places.ravel() for _ in around])
    columns = np.concatenate([np.roll(places, each, (0, 1)).ravel() for each in around])
    return Pattern((n * n, n * n), rows, columns, symmetric=True)


NINE = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
TWENTY_FIVE = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]


def test_fewer_passes_than_stars():
    """A pass carries eight directions, of which one checks the others."""
    pattern = grid(12, TWENTY_FIVE)
    stars = colouring.star_colours(pattern.starts, pattern.columns).max() + 1
    assert pattern.colouring == "acyclic"
    assert (pattern.colour_count + 1 + 7) // 8 < (stars + 1 + 7) // 8
    assert pattern.direct_colours.max() + 1 == stars
    assert f"{pattern.colour_count} colours, acyclic" in repr(pattern)
    assert "acyclic" in pattern.plot(Figure().subplots()).get_title()


@pytest.mark.parametrize("seed", range(10))
def test_never_more_colours_than_directly(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 120))
    pattern = Pattern.of(rng.random((n, n)) < rng.random() ** 3, symmetric=True)
    direct = pattern.direct_colours.max() + 1
    assert pattern.colour_count <= direct
    if pattern.colouring == "acyclic":
        assert pattern.colour_count // 8 < direct // 8
        assert cycles_of_two_colours(pattern, pattern.colours) == 0
    else:
        assert pattern.colours is pattern.direct_colours


def test_few_colours_stay_stars():
    """Where one pass carries all, there is nothing to be saved, nor rounded."""
    n = 50
    k = np.arange(n)
    band = Pattern((n, n), k[1:], k[:-1], symmetric=True)
    assert band.colouring in ("columns", "star")
    assert coloured(band).max() == 1
    assert Pattern((n, n), k, k).colouring == "columns"


def test_no_more_colours_than_asked_for():
    full = Pattern.of(np.ones((6, 6)), symmetric=True)
    assert coloured(full, 5) is None
    assert coloured(full, 6).max() == 5
    assert coloured(full, acyclic.MOST_COLOURS + 1) is None


def test_colours_that_leave_a_cycle_are_seen():
    k = np.arange(4)
    ring = Pattern((4, 4), k, (k + 1) % 4, symmetric=True)
    for colours, holds in (([0, 1, 0, 1], False), ([0, 1, 0, 2], True), ([0, 0, 1, 2], False)):
        given = ring.starts, ring.columns, np.array(colours, np.int32)
        assert acyclic.substitutions(*given)[3] == holds


def of_a_path(*entries):
    """What substitution finds of a matrix with such entries beside its diagonal, and does it?"""
    n = len(entries) + 1
    k = np.arange(n)
    matrix = np.zeros((n, n))
    matrix[k[1:], k[:-1]] = matrix[k[:-1], k[1:]] = entries
    pattern = Pattern((n, n), k[1:], k[:-1], symmetric=True)
    data, is_exact, _ = found_by_substitution(pattern, (k % 2).astype(np.int32), matrix)
    found = pattern.with_data(data).toarray()[k[1:], k[:-1]]
    return is_exact, np.allclose(found, entries, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("odd", [1e300, np.nan, np.inf, 1e9])
def test_lost_digits_are_seen(odd):
    """Those of the sums that a large entry stands in; the two that are found last are in none."""
    assert of_a_path(1.0, 2.0, 3.0, 2.0, 1.0) == (True, True)
    verdicts = []
    for place in range(5):
        entries = np.ones(5)
        entries[place] = odd
        is_exact, are_right = of_a_path(*entries)
        assert are_right or not is_exact
        verdicts.append(is_exact)
    last = np.isfinite(odd)
    assert verdicts == [False, False, last, last, False]


# Hessians


SHAPE = 12, 12


@njit
def of_patches(x, weight, power):
    """Each square of three by three has a term, so that inputs two apart share one."""
    total = 0.0
    n, m = x.shape
    for i in range(n):
        for j in range(m):
            patch = 0.0
            for di in range(3):
                for dj in range(3):
                    patch += (1.0 + di + 0.5 * dj) * x[(i + di) % n, (j + dj) % m]
            total += weight * patch**power + np.sin(x[i, j])
    return total


X = np.random.default_rng(2).uniform(0.5, 1.5, SHAPE)
dense_hessian = numgrad.hessian(of_patches)


def dense(x, weight, power):
    return dense_hessian(x, weight, power).reshape(x.size, x.size)


def test_hessian():
    """By substitution, into ``out`` too; with what is not finite, by stars."""
    hessian = numgrad.sparse_hessian(of_patches)
    found = hessian(X, 0.1, 3)
    assert hessian.pattern(X, 0.1, 3).colouring == "acyclic"
    plan = hessian._plan((X, 0.1, 3))
    assert not plan.is_direct
    assert_allclose(found.toarray(), dense(X, 0.1, 3), rtol=1e-11)
    assert hessian(2.0 * X, 0.1, 3, out=found.data) is found.data
    assert_allclose(found.toarray(), dense(2.0 * X, 0.1, 3), rtol=1e-11)
    assert not plan.is_direct
    x = X.copy()
    x[4, 5] = np.nan
    expected = dense(x, 0.1, 3)
    assert 0 < np.isnan(expected).sum() < expected.size / 4
    assert_allclose(hessian(x, 0.1, 3).toarray(), expected, rtol=1e-11)
    assert plan.is_direct
    assert_allclose(hessian(X, 0.1, 3).toarray(), dense(X, 0.1, 3), rtol=1e-11)


def test_entries_of_many_sizes():
    """Digits of the small ones would be lost in those beside them."""
    x = 10.0 ** np.random.default_rng(3).integers(-12, 12, SHAPE)
    hessian = numgrad.sparse_hessian(of_patches)
    assert_allclose(hessian(x, 0.1, 3).toarray(), dense(x, 0.1, 3), rtol=1e-11)
    assert hessian._plan((x, 0.1, 3)).is_direct


def test_compiled_code():
    pattern = numgrad.sparsity(of_patches, X, 0.1, 3, order=2)
    assert pattern.colouring == "acyclic"
    fill = numgrad.sparse_hessian(of_patches, pattern=pattern)

    @njit
    def filled(x, weight, data):
        return fill(x, weight, 3, out=data)

    small = X.copy()
    small[3, 3] = 1e12
    for x in (X, small, X):
        data = filled(x, 0.1, np.empty(pattern.nnz))
        assert_allclose(pattern.with_data(data).toarray(), dense(x, 0.1, 3), rtol=1e-11)


@njit
def choosing(x, power):
    total = of_patches(x, 0.1, power)
    if x[0, 0] > 1.6:
        total += x[0, 0] * x[6, 6]
    return total


def test_entries_outside_the_pattern_are_seen():
    hessian = numgrad.sparse_hessian(choosing)
    low, high = X.copy(), X.copy()
    high[0, 0] = 2.0
    hessian(low, 3)
    assert hessian.pattern(low, 3).colouring == "acyclic"
    with pytest.warns(RuntimeWarning, match="found anew"):
        found = hessian(high, 3).toarray()
    expected = numgrad.hessian(choosing)(high, 3).reshape(X.size, X.size)
    assert expected[0, 6 * 12 + 6] == 1.0
    assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_plans():
    pattern = grid(12, TWENTY_FIVE)
    plan = Plan(pattern, "csr")
    assert plan.colour_count == pattern.colour_count
    assert plan.arrays[6].size > 0
    plan.turn_direct()
    assert plan.colour_count == pattern.direct_colours.max() + 1
    assert plan.arrays[6].size == 0

"""Patterns as objects: made, compared, united, shown, saved."""

import pickle

import numpy as np
import pytest
import scipy.sparse

import numgrad
from numgrad import Pattern


@pytest.fixture
def band():
    k = np.arange(40)
    return Pattern((40, 41), np.r_[k, k], np.r_[k + 1, k])


def test_entries_are_in_order_and_once():
    pattern = Pattern((3, 4), [2, 0, 2, 0, 0], [1, 3, 0, 0, 3])
    assert pattern.nnz == 4
    assert pattern.rows.tolist() == [0, 0, 2, 2]
    assert pattern.columns.tolist() == [0, 3, 0, 1]
    assert pattern.starts.tolist() == [0, 2, 2, 4]
    assert pattern.density == pytest.approx(1 / 3)


def test_of_matrices(band):
    dense = band.toarray()
    for matrix in (
        band,
        dense,
        2.5 * dense,
        *(getattr(scipy.sparse, f"{kind}_array")(dense) for kind in ("csr", "csc", "coo", "lil")),
    ):
        assert Pattern.of(matrix) == band
    stored_zero = scipy.sparse.coo_array(([0.0], ([1], [0])), shape=(2, 2))
    assert Pattern.of(stored_zero).nnz == 1


def test_to_scipy(band):
    for kind in ("csr", "csc", "coo"):
        found = band.to_scipy(kind)
        assert found.format == kind
        assert found.dtype == bool
        np.testing.assert_array_equal(found.toarray(), band.toarray())
    assert band.transposed == Pattern.of(band.toarray().T)


def test_union_and_equality(band):
    corner = Pattern(band.shape, [0], [40])
    both = band | corner
    assert both == band.union(corner) == corner | band
    assert both != band
    assert hash(both) == hash(corner | band)
    assert both.nnz == band.nnz + 1
    np.testing.assert_array_equal(both.toarray(), band.toarray() | corner.toarray())
    assert band != "band"
    with pytest.raises(ValueError, match="have no union"):
        band | Pattern((2, 2), [0], [1])
    with pytest.raises(TypeError):
        band | 1


def test_symmetric():
    pattern = Pattern((3, 3), [0, 2], [1, 2], symmetric=True)
    assert pattern.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert Pattern.of(pattern).symmetric is False
    assert Pattern.of(pattern, symmetric=True) is pattern
    assert (pattern | Pattern((3, 3), [0], [0])).symmetric is False
    with pytest.raises(ValueError, match="can't be symmetric"):
        Pattern((3, 4), [0], [1], symmetric=True)


def test_saved_and_loaded(band, tmp_path):
    symmetric = Pattern((3, 3), [0, 2], [1, 2], symmetric=True)
    for pattern in (band, symmetric):
        pattern.save(tmp_path / "pattern.npz")
        for found in (Pattern.load(tmp_path / "pattern.npz"), pickle.loads(pickle.dumps(pattern))):
            assert found == pattern
            assert found.symmetric == pattern.symmetric
            np.testing.assert_array_equal(found.colours, pattern.colours)


def test_what_is_no_pattern():
    with pytest.raises(ValueError, match="as many, in one dimension"):
        Pattern((2, 2), [0, 1], [0])
    with pytest.raises(ValueError, match="rows of a pattern must be integers from 0 to 1"):
        Pattern((2, 2), [2], [0])
    with pytest.raises(ValueError, match="columns of a pattern must be integers from 0 to 1"):
        Pattern((2, 2), [0], [-1])
    with pytest.raises(ValueError, match="must be integers"):
        Pattern((2, 2), [0.5], [0])
    with pytest.raises(TypeError, match="not an array of 1 dimensions"):
        Pattern.of(np.ones(3))


def test_shown(band):
    assert repr(band) == "Pattern(40 x 41, 80 entries: 4.88 %, 2 colours)"
    assert repr(Pattern((1, 1), [0], [0])) == "Pattern(1 x 1, 1 entry: 100 %, 1 colour)"
    assert str(Pattern((2, 3), [0, 1], [2, 0])) == ". . x\nx . ."
    lines = str(band).splitlines()
    assert len(lines) == 10
    assert {len(line) for line in lines} == {21}
    dots = sum((ord(character) - 0x2800).bit_count() for line in lines for character in line)
    assert dots == band.nnz
    assert band._repr_html_().count("h1v1h-1z") == band.nnz


def test_large_patterns_are_shown_small():
    n = 3000
    k = np.arange(n)
    pattern = Pattern((n, n), k, k)
    assert len(str(pattern).splitlines()) == 32
    assert pattern._repr_html_().count("h1v1h-1z") == 192


def test_plot(band):
    pytest.importorskip("matplotlib").use("agg")
    import matplotlib.pyplot as plt

    axes = band.plot()
    assert axes is plt.gca()
    assert axes.get_title() == "40 x 41, 80 entries: 4.88 %, 2 colours"
    (image,) = axes.images
    np.testing.assert_array_equal(np.asarray(image.get_array()), band.toarray())
    _, other = plt.subplots()
    assert band.plot(other) is other
    plt.close("all")


def test_arrays_are_the_patterns_own(band):
    with pytest.raises(ValueError, match="read-only"):
        band.columns[0] = 3


def test_public():
    assert numgrad.Pattern is Pattern

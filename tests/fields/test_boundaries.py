import numpy as np
import pytest

from numgrad.fields.boundaries import Ghosts, boundaries_of, boundaries_of_axes, extended

X = np.array([0.0, 1.0, 3.0, 4.0])
MODES = ["wrap", "reflect", "symmetric", "edge", "antireflect", "antisymmetric"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 3, 11])
def test_ghosts_are_numpys(mode, count):
    f = np.random.default_rng(0).normal(size=(3, 4, 2))
    before, after = Ghosts(boundaries_of(mode), count, count).planes(f, 1)
    expected = np.pad(f, ((0, 0), (count, count), (0, 0)), mode=mode.removeprefix("anti"))
    sign = -1 if mode.startswith("anti") else 1
    np.testing.assert_array_equal(before, sign * expected[:, :count])
    np.testing.assert_array_equal(after, sign * expected[:, count + 4 :])


def test_sides_of_their_own():
    ghosts = Ghosts(boundaries_of(("edge", ("constant", 7))), 2, 2)
    before, after = ghosts.planes(X, 0)
    assert before.tolist() == [0, 0]
    assert after.tolist() == [7, 7]
    assert Ghosts(boundaries_of("one-sided"), 0, 0).planes(X, 0) == (None, None)


@pytest.mark.parametrize(
    ("mode", "before", "after"),
    [
        ("reflect", [-8, -7, -5, -4, -3, -1], [5, 7, 8, 9, 11, 12]),
        ("antireflect", [-8, -7, -5, -4, -3, -1], [5, 7, 8, 9, 11, 12]),
        ("symmetric", [-7, -6, -5, -4, -2, -1], [5, 6, 8, 9, 10, 11]),
        ("edge", [-6, -5, -4, -3, -2, -1], [5, 6, 7, 8, 9, 10]),
        (("constant", 1), [-6, -5, -4, -3, -2, -1], [5, 6, 7, 8, 9, 10]),
        ("wrap", [-9, -8, -6, -5, -3, -2], [6, 7, 9, 10, 12, 13]),
    ],
)
def test_coordinates_of_ghosts(mode, before, after):
    ghosts = Ghosts(boundaries_of(mode), 6, 6)
    assert extended(X, ghosts, 6.0).tolist() == [*before, *X, *after]
    assert extended(-X, ghosts, -6.0).tolist() == [-x for x in (*before, *X, *after)]


def test_entries_of_axes():
    assert boundaries_of_axes(("edge", "reflect"), 2) == [
        boundaries_of("edge"),
        boundaries_of("reflect"),
    ]
    assert boundaries_of_axes(("edge", "reflect"), 1) == [boundaries_of(("edge", "reflect"))]
    constant = ("constant", 2.0)
    assert boundaries_of_axes(constant, 2) == [boundaries_of(constant)] * 2
    assert boundaries_of_axes((constant, ("edge", constant)), 2)[1][1].value == 2.0

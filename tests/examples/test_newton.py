import numpy as np
import pytest
from matplotlib.image import imread

from numgrad.examples import newton
from numgrad.examples.newton import CUBICS, NOWHERE, Basins

UNITY, CIRCLING = CUBICS


def naive_basins(polynomial, points):
    """The same with the derivative by hand, all points at once."""
    roots = polynomial.roots()
    z = points.copy()
    found = np.full(z.shape, NOWHERE)
    for _ in range(newton.MOST_STEPS):
        for k, root in enumerate(roots):
            found[(found == NOWHERE) & (np.abs(z - root) < newton.NEAR)] = k
        value = z**3 + polynomial.linear * z + polynomial.constant
        z = z - value / (3 * z**2 + polynomial.linear)
    return found


@pytest.mark.parametrize("polynomial", CUBICS, ids=lambda polynomial: polynomial.name)
def test_roots_are_ordered(polynomial):
    roots = polynomial.roots()
    values = roots**3 + polynomial.linear * roots + polynomial.constant
    np.testing.assert_allclose(values, 0, atol=1e-13)
    assert (np.diff(roots.real) < 1e-9).all()
    (pair,) = [k for k in (0, 1) if abs(roots[k] - roots[k + 1].conjugate()) < 1e-9]
    assert roots[pair].imag > 0


@pytest.mark.parametrize("polynomial", CUBICS, ids=lambda polynomial: polynomial.name)
def test_basins_are_those_of_the_method_by_hand(polynomial):
    points = newton.grid(polynomial.half, 60)
    found, expected = newton.basins(polynomial, points), naive_basins(polynomial, points)
    # a start on a border may go either way by rounding
    assert np.mean(found.root == expected) > 0.999
    assert set(np.unique(found.root)) == set(np.unique(expected))


def test_basins_of_unity_turn_with_the_roots():
    turn = np.exp(2j * np.pi / 3)
    points = newton.grid(1.0, 60)
    here, there = (newton.basins(UNITY, at) for at in (points, points * turn))
    following = np.array([1, 2, 0])  # 1 to exp(2πi/3) to exp(-2πi/3)
    same = following[here.root] == there.root
    assert same.mean() > 0.999
    # the last error may be rounding alone
    np.testing.assert_allclose(there.steps[same], here.steps[same], atol=0.1)


@pytest.mark.parametrize(("polynomial", "swapped"), [(UNITY, [0, 2, 1]), (CIRCLING, [1, 0, 2])])
def test_conjugate_starts_find_conjugate_roots(polynomial, swapped):
    points = newton.grid(polynomial.half, 60)
    found = newton.basins(polynomial, points).root
    expected = np.append(swapped, NOWHERE)[found[::-1]]  # the first row has the least imaginary
    assert np.mean(found == expected) > 0.999


def test_the_method_goes_round_in_circles_near_zero():
    starts = np.array([[0.01, 0.02j, 1.0 + 0.001j, -2.0, 5.0 + 1.0j]])
    np.testing.assert_array_equal(
        newton.basins(CIRCLING, starts).root, [[NOWHERE, NOWHERE, NOWHERE, 2, 0]]
    )
    assert (newton.basins(UNITY, starts[:, 3:]).root != NOWHERE).all()


def test_steps_are_counted_between_whole_numbers():
    roots = UNITY.roots()
    starts = np.concatenate([roots, roots + 0.9 * newton.NEAR, [1.0 + 1e-3, 1.1, 1.5]])
    found = newton.basins(UNITY, starts[None])
    np.testing.assert_array_equal(found.root[0, :6], [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(found.steps[0, :3], 0)
    np.testing.assert_allclose(found.steps[0, 3:6], 0, atol=0.01)
    assert (np.diff(found.steps[0, 6:]) > 0.5).all()
    # one step takes 1e-3 to 1e-6, another to 1e-12, four digits past the end
    assert found.steps[0, 6] == pytest.approx(2 - np.log2(12 / 8), abs=0.01)


def test_a_slope_of_zero_leads_nowhere():
    assert newton.basins(UNITY, np.array([[0j]])).root[0, 0] == NOWHERE


def test_colours_tell_roots_and_steps():
    found = Basins(np.array([0, 1, 2, 0, NOWHERE], np.int8), np.array([1, 1, 1, 20.0, 60.0]))
    colours = newton.colours(found)
    assert colours.shape == (5, 3)
    assert ((colours >= 0) & (colours <= 1)).all()
    assert list(colours[:3].argmax(axis=1)) == [2, 0, 1]  # blue, vermilion, green
    assert colours[3].sum() < colours[0].sum()
    np.testing.assert_array_equal(colours[4], 0)


def test_main_prints_shares_and_saves_a_picture(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(newton, "POINTS", 120)
    output = tmp_path / "newton.png"
    newton.main(["--output", str(output)])
    printed = capsys.readouterr().out.splitlines()
    for polynomial in CUBICS:
        (line,) = [text for text in printed if text.startswith(f"{polynomial.name}  ")]
        words = line.removeprefix(polynomial.name).split()
        shares = [float(word.removesuffix("%")) for word in words[:4]]
        assert sum(shares) == pytest.approx(100, abs=0.05)
        assert (shares[3] > 0) == (polynomial is CIRCLING)
        assert 3 < float(words[4]) < 12
    picture = imread(output)
    assert picture.shape[:2] == (780, 1430)
    assert picture[..., :3].std() > 0.1

import numpy as np
import pytest
from matplotlib.image import imread

import numgrad
from numgrad.examples import assimilation
from numgrad.examples._strait import GAUGES, SHALLOWEST, load_sea
from numgrad.examples.assimilation import EVERY, FRICTION, GRAVITY, STEP, STEPS


@pytest.fixture(scope="module")
def sea():
    return load_sea()


def naive_simulation(start, sea, places, steps=STEPS):
    """The shallow-water equations by whole arrays: what is seen, and the last surface."""
    dx, dy = sea.spacing
    height, u, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    seen = []
    for number in range(1, steps + 1):
        for flow, depth, spacing, axis in ((u, sea.east, dx, 1), (v, sea.north, dy, 0)):
            wet = depth > 0
            slope = GRAVITY * (np.roll(height, -1, axis) - height)[wet] / spacing
            drag = FRICTION * np.abs(flow[wet]) * flow[wet] / depth[wet]
            flow[wet] -= STEP * (slope + drag)
        east, north = sea.east * u, sea.north * v
        change = (east - np.roll(east, 1, 1)) / dx + (north - np.roll(north, 1, 0)) / dy
        height -= STEP * change
        if number % EVERY == 0:
            seen.append(height[tuple(places.T)])
    return np.array(seen), height


def test_the_sea_is_two_thousand_places_with_land_all_around(sea):
    assert len(sea.places) == 2008
    for edge in (sea.depth[0], sea.depth[-1], sea.depth[:, 0], sea.depth[:, -1]):
        assert not edge.any()
    assert sea.depth.max() == 427.0
    assert sea.depth[sea.depth > 0].min() == SHALLOWEST
    # waves don't outrun the grid
    fastest = np.sqrt(GRAVITY * sea.depth.max())
    assert STEP * fastest * np.hypot(*np.reciprocal(sea.spacing)) < 1.0


def test_gauges_are_where_they_are_said_to_be(sea):
    for name, (latitude, longitude) in GAUGES.items():
        row, column = sea.nearest(latitude, longitude)
        assert sea.depth[row, column] > 0, name
        assert abs(sea.latitude[row] - latitude) < 0.04, name
        assert abs(sea.longitude[column] - longitude) < 0.06, name


def test_gauges_see_what_the_equations_say(sea):
    start = assimilation.truth_of(sea)
    model = assimilation.model_of(sea, list(GAUGES))
    seen = assimilation.simulate(start, model)
    expected, _ = naive_simulation(start, sea, model.gauges)
    np.testing.assert_allclose(seen, expected, rtol=1e-9, atol=1e-12)
    assert np.abs(seen).max() > 0.1


def test_water_is_neither_made_nor_lost(sea):
    start = assimilation.truth_of(sea)
    _, end = naive_simulation(start, sea, sea.places[:1], 200)
    model = assimilation.model_of(sea, ["Comox"])
    height, u, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for _ in range(200):
        assimilation.move(height, u, v, model)
    np.testing.assert_allclose(height, end, rtol=1e-10, atol=1e-13)
    assert height.sum() == pytest.approx(start.sum(), rel=1e-10)
    assert not height[sea.depth == 0].any()


def test_the_misfit_is_that_of_the_records(sea):
    start, names = assimilation.truth_of(sea), ["Comox", "Nanaimo", "Sechelt"]
    records = np.random.default_rng(0).normal(size=(STEPS // EVERY, 3))
    model = assimilation.model_of(sea, names, records)
    seen = assimilation.simulate(start, model)
    expected = 0.5 * np.sum(((seen - records) / assimilation.ERROR) ** 2)
    assert assimilation.misfit(start, model) == pytest.approx(expected, rel=1e-10)
    np.testing.assert_array_equal(start, assimilation.truth_of(sea))


def test_errors_of_the_first_guess_are_alike_nearby(sea):
    guess = assimilation.guess_of(sea)
    covariance = guess.root @ guess.root.T
    np.testing.assert_allclose(np.diag(covariance), assimilation.DEVIATION**2)
    apart = np.hypot(*((guess.places - guess.places[1000]) * np.array(sea.spacing[::-1])).T)
    shares = apart / assimilation.LENGTH
    expected = assimilation.DEVIATION**2 * (1.0 + shares) * np.exp(-shares)
    np.testing.assert_allclose(covariance[1000], expected, atol=1e-12)


@pytest.mark.thorough
def test_the_gradient_is_that_of_forward_mode(sea):
    rng = np.random.default_rng(1)
    start = assimilation.truth_of(sea)
    model = assimilation.model_of(sea, list(GAUGES))
    direction = rng.normal(size=start.shape)
    value, gradient = assimilation.misfit_and_gradient(start, model)
    assert value == pytest.approx(assimilation.misfit(start, model), rel=1e-12)
    _, slope = numgrad.jvp(assimilation.misfit, (start, model), (direction, None))
    assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-9)


@pytest.mark.thorough
def test_main_finds_the_wave_and_saves_a_picture(tmp_path, capsys):
    output = tmp_path / "assimilation.png"
    assimilation.main(["--iterations", "10", "--output", str(output)])
    printed = capsys.readouterr().out.splitlines()
    rows = [text.split() for text in printed]
    costs = [float(row[1]) for row in rows if len(row) == 2 and row[0].isdigit()]
    assert len(costs) == 3  # of iterations 0, 5 and 10
    assert sorted(costs, reverse=True) == costs
    assert costs[-1] < 0.1 * costs[0]
    for name in ("surface at the beginning", f"{assimilation.HELD_BACK}, held back"):
        (line,) = [text for text in printed if text.startswith(name)]
        guessed, analysed = (float(number) for number in line.removeprefix(name).split())
        assert analysed < 0.5 * guessed
    picture = imread(output)
    assert picture.shape[:2] == (660, 1100)
    assert picture[..., :3].std() > 0.1

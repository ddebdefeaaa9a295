import numpy as np
import pytest
from matplotlib.image import imread

import numgrad
from numgrad.examples import terrain
from numgrad.examples.terrain import Fault, Terrain


def on_ellipsoid(latitude, longitude):
    """Positions in space at sea level, through the reduced latitude."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    polar_radius = terrain.EQUATORIAL_RADIUS * (1 - terrain.FLATTENING)
    beta = np.arctan((1 - terrain.FLATTENING) * np.tan(phi))
    return np.stack(
        [
            terrain.EQUATORIAL_RADIUS * np.cos(beta) * np.cos(lam),
            terrain.EQUATORIAL_RADIUS * np.cos(beta) * np.sin(lam),
            polar_radius * np.sin(beta),
        ]
    )


def measured_degrees(latitude):
    """Metres a degree north and a degree east span, measured between points in space."""
    half = 1e-3
    north = on_ellipsoid(latitude + half, 0.0) - on_ellipsoid(latitude - half, 0.0)
    east = on_ellipsoid(latitude, half) - on_ellipsoid(latitude, -half)
    return np.linalg.norm(north, axis=0) / (2 * half), np.linalg.norm(east, axis=0) / (2 * half)


@pytest.fixture(scope="module")
def jacksboro():
    return terrain.load_map()


def test_a_degree_is_as_long_as_measured_in_space():
    latitude = np.linspace(-80, 80, 33)
    for computed, measured in zip(
        terrain.metres_per_degree(latitude), measured_degrees(latitude), strict=True
    ):
        np.testing.assert_allclose(computed, measured, rtol=1e-8)


@pytest.mark.parametrize("bearing", range(0, 360, 45))
def test_an_inclined_plane_has_its_slope_and_aspect(bearing):
    rise = 0.2
    latitude, longitude = 36.5 - np.arange(41) / 1200, -84 + np.arange(31) ** 1.5 / 1200
    degree_north, degree_east = measured_degrees(latitude)
    middle = latitude.size // 2
    north = -rise * np.cos(np.radians(bearing)) * degree_north[middle]  # metres up a degree north
    east = -rise * np.sin(np.radians(bearing)) * degree_east[middle]
    plane = Terrain(np.add.outer(north * latitude, east * longitude), latitude, longitude)

    slope, aspect = terrain.slope_and_aspect(plane, numgrad.gradient)

    np.testing.assert_allclose(slope[middle], np.degrees(np.arctan(rise)), rtol=1e-7)
    away = (aspect[middle] - bearing + 180) % 360 - 180
    np.testing.assert_allclose(away, 0, atol=1e-5)
    # the meridians draw together towards the pole, so the other rows differ a little
    expected = np.degrees(np.arctan(np.hypot(north / degree_north, east / degree_east)))
    np.testing.assert_allclose(slope, np.repeat(expected[:, None], 31, axis=1), rtol=1e-7)


def test_the_summit_stands_where_cross_mountain_does(jacksboro):
    row, column = np.unravel_index(jacksboro.elevation.argmax(), jacksboro.elevation.shape)
    cell = 1 / 1200
    assert jacksboro.latitude[row] == pytest.approx(36.19833, abs=cell)
    assert jacksboro.longitude[column] == pytest.approx(-84.23056, abs=cell)
    assert jacksboro.elevation[row, column] == pytest.approx(1077, abs=2)
    assert (np.diff(jacksboro.latitude) < 0).all()
    assert (np.diff(jacksboro.longitude) > 0).all()


def test_the_fault_is_found_where_it_was_drawn():
    drawn = Fault(north=12, south=31)
    slope = np.where(np.arange(50) < drawn.columns(40)[:, None], 20.0, 10.0)
    found = terrain.find_fault(slope)
    np.testing.assert_array_equal(found.columns(40), drawn.columns(40))


@pytest.mark.parametrize("fault", [Fault(30, 45), Fault(45, 30), Fault(1, 2), Fault(99, 99)])
def test_thinning_keeps_the_fault_and_the_edges(fault):
    columns = np.arange(100)
    full = Terrain(np.tile(columns, (4, 1)), np.arange(4.0), columns / 7)
    thinned = terrain.thin_towards(full, fault)

    kept = thinned.elevation[0]  # every sample is its column's number
    gaps = np.diff(kept)
    west, east = sorted(fault)
    assert {0, 99, *range(west, east + 1)} <= set(kept)
    assert (gaps > 0).all()
    assert kept.size < 100
    np.testing.assert_array_equal(thinned.longitude, full.longitude[kept])
    np.testing.assert_array_equal(thinned.latitude, full.latitude)
    widening = gaps[kept[:-1] >= east][:-1]  # the last gap ends at the map's edge
    np.testing.assert_array_equal(widening, np.arange(1, widening.size + 1))


def test_thinning_changes_no_slope_along_the_fault(jacksboro):
    fault = Fault(124, 339)
    thinned = terrain.thin_towards(jacksboro, fault)
    slopes = [terrain.slope_and_aspect(grid, numgrad.gradient)[0] for grid in (jacksboro, thinned)]
    start = int(np.searchsorted(thinned.longitude, jacksboro.longitude[fault.north]))
    inside = slopes[1][:, start : start + fault.south - fault.north + 1]
    np.testing.assert_array_equal(inside, slopes[0][:, fault.north : fault.south + 1])


def test_hillshade_is_bright_towards_the_sun():
    slope, aspect = np.array([0.0, 45.0, 45.0]), np.array([0.0, 315.0, 135.0])
    np.testing.assert_allclose(
        terrain.hillshade(slope, aspect), [np.sqrt(0.5), 1.0, 0.0], atol=1e-12
    )


def test_description_of_a_cliff():
    # flat but for one step down to the east, between the second and the third column
    cliff = Terrain(np.tile([100, 100, 0, 0], (3, 1)), 36 - np.arange(3) / 10, np.arange(4) / 10)
    slope, aspect = terrain.slope_and_aspect(cliff, np.gradient)
    means, steepest, facing = terrain.describe(cliff, slope, aspect, Fault(1, 1))
    assert "0.0° west of the fault" in means
    assert "36.0000 N" in steepest  # where a degree of longitude is shortest
    assert facing.endswith("E: 50% of the map")


def test_a_difference_of_one_bit_fails(jacksboro):
    def nearly(*arguments):
        first, second = np.gradient(*arguments)
        first[7, 7] = np.nextafter(first[7, 7], np.inf)
        return first, second

    with pytest.raises(SystemExit, match="full grid differ"):
        terrain.compare("full", jacksboro, nearly)


def test_main_prints_both_times_and_saves_a_picture(tmp_path, capsys):
    output = tmp_path / "map.png"
    terrain.main(["--output", str(output)])
    printed = capsys.readouterr().out
    for line in ("full     344 x 403", "thinned  344 x "):
        (found,) = [text for text in printed.splitlines() if text.startswith(line)]
        assert found.count(" ms") == 2
        assert found.endswith("equal, bit for bit")
    assert str(output) in printed
    picture = imread(output)
    assert picture.shape[:2] == (500, 1000)
    assert picture[..., :3].std() > 0.1

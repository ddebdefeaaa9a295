"""Slope and aspect of a real mountain front, on its own longitude-latitude grid.

Run it with ``python -m numgrad.examples.terrain [--output terrain.png]``.

The map is the one that Matplotlib ships: the ground around the Jacksboro fault in Tennessee,
sampled every three seconds of arc, in whole metres. Its gradient is taken twice: on the full
grid, and on one whose columns grow sparse away from the fault, so that their spacing is not
uniform. Both gradients must equal NumPy's bit for bit, or the example fails.

The map is small: it stays in a processor's cache, and part of each time printed is the cost of
a call. ``benchmarks/peers.py`` times fields that do not fit.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import numgrad
from numgrad.examples import example

Floats = NDArray[np.float64]
Gradient = Callable[..., Any]

COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")

# The ellipsoid of WGS84, on which the map's longitudes and latitudes are given.
EQUATORIAL_RADIUS = 6378137.0  # metres
FLATTENING = 1 / 298.257223563


class Terrain(NamedTuple):
    """Elevations on a grid: rows run from north to south, columns from west to east.

    Attributes
    ----------
    elevation : ndarray of shape (rows, columns)
        Metres above the sea.
    latitude : ndarray of shape (rows,)
        Degrees north, of the middle of each row.
    longitude : ndarray of shape (columns,)
        Degrees east, of the middle of each column.
    """

    elevation: NDArray[Any]
    latitude: Floats
    longitude: Floats


class Fault(NamedTuple):
    """A straight line across the map, by the columns where it meets the first and last row."""

    north: int
    south: int

    def columns(self, rows: int) -> NDArray[np.intp]:
        """Return the first column east of the line, for each of the map's rows."""
        return np.rint(np.linspace(self.north, self.south, rows)).astype(np.intp)


def load_map() -> Terrain:
    """Read the elevation map of the Jacksboro fault that Matplotlib ships.

    Returns
    -------
    Terrain
        344 rows by 403 columns of int16.

    Notes
    -----
    The bounds in the file are those of the outermost cells' outer edges. Its ``ymax`` is the
    northern edge; its ``ymin``, larger than ``ymax``, is that edge plus the map's height where
    it should be minus. The highest sample shows it: counted down from ``ymax`` it lies at
    36.1983 N, 84.2308 W, which is Cross Mountain (1077 m; 36.19833 N, 84.23056 W in the
    Geographic Names Information System). With ``ymin`` as the northern edge it would stand
    32 km north of there, and a degree of longitude would come out 0.4 % too short.
    """
    from matplotlib.cbook import get_sample_data

    with np.load(str(get_sample_data("jacksboro_fault_dem.npz", asfileobj=False))) as file:
        elevation = file["elevation"]
        north, west = float(file["ymax"]), float(file["xmin"])
        height, width = float(file["dy"]), float(file["dx"])
    rows, columns = elevation.shape
    latitude = north - height * (np.arange(rows) + 0.5)
    longitude = west + width * (np.arange(columns) + 0.5)
    return Terrain(elevation, latitude, longitude)


def metres_per_degree(latitude: Floats) -> tuple[Floats, Floats]:
    """Return the lengths of a degree of latitude and of a degree of longitude.

    Parameters
    ----------
    latitude : ndarray
        Geodetic latitude in degrees.

    Returns
    -------
    north, east : ndarray
        Metres on the ground that one degree spans, along the meridian and along the parallel.

    Notes
    -----
    On an ellipsoid with equatorial radius a and squared eccentricity e² = f (2 - f), where f
    is the flattening, the meridian and the parallel at latitude φ are curved with the radii
    ::

        M = a (1 - e²) / (1 - e² sin² φ)^(3/2)
        N cos φ, with N = a / (1 - e² sin² φ)^(1/2)

    (J. P. Snyder, Map Projections: A Working Manual, USGS Professional Paper 1395, 1987,
    chapter 4). A degree spans π/180 of either.
    """
    phi = np.radians(latitude)
    eccentricity_squared = FLATTENING * (2 - FLATTENING)
    shrink = 1 - eccentricity_squared * np.sin(phi) ** 2
    meridian = EQUATORIAL_RADIUS * (1 - eccentricity_squared) / shrink**1.5
    parallel = EQUATORIAL_RADIUS / np.sqrt(shrink) * np.cos(phi)
    return np.radians(meridian), np.radians(parallel)


def slope_and_aspect(terrain: Terrain, gradient: Gradient) -> tuple[Floats, Floats]:
    """Return how steep the ground is and which way it faces.

    Parameters
    ----------
    terrain : Terrain
        The map.
    gradient : callable
        `numgrad.gradient` or `numpy.gradient`.

    Returns
    -------
    slope : ndarray
        Degrees between the ground and the horizontal.
    aspect : ndarray
        Bearing of the steepest way down, in degrees clockwise from north.

    Notes
    -----
    The gradient is taken per degree, on the grid's own coordinates. The chain rule makes it
    one per metre: each row is divided by what a degree spans at its latitude.
    """
    per_degree_north, per_degree_east = gradient(*terrain)
    degree_north, degree_east = metres_per_degree(terrain.latitude)
    north = per_degree_north / degree_north[:, None]
    east = per_degree_east / degree_east[:, None]
    slope = np.degrees(np.arctan(np.hypot(north, east)))
    aspect = np.degrees(np.arctan2(-east, -north)) % 360
    return slope, aspect


def find_fault(slope: Floats) -> Fault:
    """Find the straight line down the map that best divides steep ground from gentle.

    Parameters
    ----------
    slope : ndarray of shape (rows, columns)
        Steepness of the ground.

    Returns
    -------
    Fault
        Of all lines from the first row to the last, the one with the largest variance between
        its two sides (the criterion of N. Otsu, IEEE Transactions on Systems, Man, and
        Cybernetics 9, 1979, which picks a threshold in the same way).
    """
    rows, columns = slope.shape
    sum_west_of = np.pad(np.cumsum(slope, axis=1), ((0, 0), (1, 0)))
    total = sum_west_of[:, -1].sum()
    best, fault = -np.inf, Fault(0, 0)
    for north in range(1, columns):
        lines = np.linspace(north, np.arange(1, columns), rows, axis=1)  # one a southern end
        cuts = np.rint(lines).astype(np.intp)
        count_west = cuts.sum(axis=1)
        count_east = slope.size - count_west
        sum_west = sum_west_of[np.arange(rows), cuts].sum(axis=1)
        step = sum_west / count_west - (total - sum_west) / count_east
        between = count_west * count_east * step**2
        south = int(between.argmax())
        if between[south] > best:
            best, fault = between[south], Fault(north, south + 1)
    return fault


def thin_towards(terrain: Terrain, fault: Fault) -> Terrain:
    """Keep every column that the fault crosses, and ever fewer away from it.

    Parameters
    ----------
    terrain : Terrain
        The map.
    fault : Fault
        Where to keep it whole.

    Returns
    -------
    Terrain
        The same map with fewer columns: on either side of the fault the gaps are of 1, 2, 3,
        ... columns, and the outermost column is kept.
    """
    last = terrain.longitude.size - 1
    west, east = sorted(fault)
    steps = np.arange(last + 1)
    away = steps * (steps + 1) // 2  # 0, 1, 3, 6, ...: the gaps grow by one each time
    kept = np.unique(np.clip(np.r_[west - away, west : east + 1, east + away], 0, last))
    return Terrain(
        np.take(terrain.elevation, kept, axis=1), terrain.latitude, terrain.longitude[kept]
    )


def hillshade(slope: Floats, aspect: Floats) -> Floats:
    """Return how brightly a sun in the north-west, 45 degrees high, lights the ground.

    Parameters
    ----------
    slope, aspect : ndarray
        From `slope_and_aspect`.

    Returns
    -------
    ndarray
        Cosine of the angle between the sun and the ground's upward normal; negative in shade.
    """
    height, bearing = np.radians(45), np.radians(315)
    tilt = np.radians(slope)
    facing = np.cos(np.radians(aspect) - bearing)
    light: Floats = np.sin(height) * np.cos(tilt) + np.cos(height) * np.sin(tilt) * facing
    return light


def draw(terrain: Terrain, slope: Floats, aspect: Floats, fault: Fault, output: Path) -> None:
    """Save a picture of the map: hillshade beside slope, the fault across both.

    Parameters
    ----------
    terrain : Terrain
        The map, its columns evenly spaced.
    slope, aspect : ndarray
        From `slope_and_aspect`.
    fault : Fault
        Drawn as a dashed line.
    output : Path
        The picture's file.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    latitude, longitude = terrain.latitude, terrain.longitude
    half_height, half_width = np.diff(latitude)[0] / 2, np.diff(longitude)[0] / 2
    degree_north, degree_east = metres_per_degree(latitude.mean(keepdims=True))
    extent = (
        longitude[0] - half_width,
        longitude[-1] + half_width,
        latitude[-1] + half_height,
        latitude[0] - half_height,
    )

    figure = Figure(figsize=(10, 5), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, title in ((left, "hillshade"), (right, "slope")):
        axes.set_title(title)
        axes.set_xlabel("longitude (degrees)")
    left.set_ylabel("latitude (degrees)")
    shape = {"extent": extent, "aspect": float(degree_north[0] / degree_east[0])}
    left.imshow(hillshade(slope, aspect), cmap="gray", vmin=0, vmax=1, **shape)
    steepness = right.imshow(slope, cmap="magma", vmin=0, **shape)
    for axes, colour in ((left, "tab:red"), (right, "white")):
        axes.plot(longitude[list(fault)], latitude[[0, -1]], "--", color=colour, linewidth=1.2)
    left.annotate(
        "Jacksboro fault",
        (longitude[sum(fault) // 2], latitude[latitude.size // 2]),
        xytext=(8, 4),
        textcoords="offset points",
        color="tab:red",
    )
    figure.colorbar(steepness, ax=right, label="degrees from the horizontal")
    figure.savefig(output, format="png", dpi=100)


def median_times(first: Callable[[], object], second: Callable[[], object]) -> list[float]:
    """Return the median seconds of each of two calls, timed in turn.

    Parameters
    ----------
    first, second : callable
        Called without arguments, 31 times each after one call that is not timed.

    Returns
    -------
    list of float
        The two medians.
    """
    calls = (first, second)
    times: tuple[list[float], list[float]] = ([], [])
    for call in calls:
        call()
    for _ in range(31):
        for call, seconds in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in times]


def compare(name: str, terrain: Terrain, gradient: Gradient) -> str:
    """Check a grid's slope and aspect against NumPy's, and time both gradients.

    Parameters
    ----------
    name : str
        What to call the grid.
    terrain : Terrain
        The grid.
    gradient : callable
        What to compare with `numpy.gradient`.

    Returns
    -------
    str
        A line for the table of times.

    Raises
    ------
    SystemExit
        If a single bit differs.
    """
    ours = slope_and_aspect(terrain, gradient)
    theirs = slope_and_aspect(terrain, np.gradient)
    if any(a.tobytes() != b.tobytes() for a, b in zip(ours, theirs, strict=True)):
        raise SystemExit(f"slope and aspect on the {name} grid differ from NumPy's")
    fast, slow = median_times(lambda: gradient(*terrain), lambda: np.gradient(*terrain))
    rows, columns = terrain.elevation.shape
    return (
        f"{name:8} {rows} x {columns}   {fast * 1e3:7.3f} ms  {slow * 1e3:7.3f} ms"
        f"  {slow / fast:5.1f} times   equal, bit for bit"
    )


def describe(terrain: Terrain, slope: Floats, aspect: Floats, fault: Fault) -> list[str]:
    """Say in a few lines what the ground is like.

    Parameters
    ----------
    terrain : Terrain
        The map.
    slope, aspect : ndarray
        From `slope_and_aspect`.
    fault : Fault
        Where to divide the map.

    Returns
    -------
    list of str
        Mean slope on either side of the fault, the steepest place, the prevailing aspect.
    """
    rows, columns = slope.shape
    west = np.arange(columns) < fault.columns(rows)[:, None]
    row, column = np.unravel_index(slope.argmax(), slope.shape)
    sector = np.rint(aspect[slope > 0] / 45).astype(np.intp) % 8
    share = np.bincount(sector, minlength=8) / slope.size
    return [
        f"mean slope     {slope.mean():.1f}°: {slope[west].mean():.1f}° west of the fault, "
        f"{slope[~west].mean():.1f}° east of it",
        f"steepest       {slope.max():.1f}° at {terrain.latitude[row]:.4f} N, "
        f"{-terrain.longitude[column]:.4f} W, {terrain.elevation[row, column]} m above the sea",
        f"mostly facing  {COMPASS[share.argmax()]}: {share.max():.0%} of the map",
    ]


@example()
def main(output: Path) -> None:
    """Compute, compare with NumPy, print, draw."""
    terrain = load_map()
    start = time.perf_counter()
    import numba  # noqa: F401 - as the first call would, but timed apart

    gradient: Gradient = numgrad.gradient
    loaded = time.perf_counter()
    gradient(*terrain)
    called = time.perf_counter()

    slope, aspect = slope_and_aspect(terrain, gradient)
    fault = find_fault(slope)
    thinned = thin_towards(terrain, fault)

    rows, columns = terrain.elevation.shape
    print(f"Jacksboro fault, Tennessee: {rows} x {columns} elevations, 3 seconds of arc apart")
    print(f"loading numba {loaded - start:.2f} s, first call {called - loaded:.2f} s; then:\n")
    print("grid                   numgrad        NumPy")
    print(compare("full", terrain, gradient))
    print(compare("thinned", thinned, gradient))
    print("(a map this small stays in cache; benchmarks/peers.py times larger fields)\n")
    print(*describe(terrain, slope, aspect, fault), sep="\n")
    draw(terrain, slope, aspect, fault, output)


if __name__ == "__main__":
    main()

"""The Strait of Georgia on a grid: its depths, and where its gauges are."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

RADIUS = 6371e3  # of the Earth, in metres
SHALLOWEST = 10.0  # metres; what is shallower counts as so deep
SOUTHERN_END = 48.5  # degrees north, where the strait becomes others
MIDDLE = 49.3, -123.8  # degrees north and east

# Degrees north and east; the nearest place of the sea stands for each.
GAUGES = {
    "Point Atkinson": (49.34, -123.26),
    "Sand Heads": (49.12, -123.31),
    "Tsawwassen": (49.00, -123.14),
    "Cherry Point": (48.86, -122.77),
    "Nanaimo": (49.17, -123.92),
    "Winchelsea Island": (49.30, -124.08),
    "Hornby Island": (49.50, -124.66),
    "Comox": (49.66, -124.90),
    "Powell River": (49.83, -124.53),
    "Lasqueti Island": (49.43, -124.22),
    "Halfmoon Bay": (49.51, -123.95),
    "Sechelt": (49.46, -123.75),
}


class Sea(NamedTuple):
    """A grid whose rows run from south to north, with land all around.

    Attributes
    ----------
    latitude, longitude : ndarray
        Degrees of the rows and of the columns.
    depth : ndarray of shape (rows, columns)
        In metres; 0 on land.
    east, north : ndarray of shape (rows, columns)
        Depths between each place and that to its east, or north; 0 where one is land.
    spacing : tuple of float
        Metres from one column to the next, and from one row to the next.
    """

    latitude: Floats
    longitude: Floats
    depth: Floats
    east: Floats
    north: Floats
    spacing: tuple[float, float]

    @property
    def places(self) -> Integers:
        """Row and column of each place in the sea."""
        return np.argwhere(self.depth > 0)

    def nearest(self, latitude: float, longitude: float) -> Integers:
        """Return row and column of the sea nearest to somewhere."""
        places = self.places
        north = self.latitude[places[:, 0]] - latitude
        east = (self.longitude[places[:, 1]] - longitude) * np.cos(np.radians(latitude))
        nearest: Integers = places[np.argmin(north**2 + east**2)]
        return nearest


def load_sea() -> Sea:
    """Read the Strait of Georgia from the map that Matplotlib ships.

    Returns
    -------
    Sea
        What is connected by water to the middle of the strait, north of its southern end.
    """
    from matplotlib.cbook import get_sample_data
    from scipy.ndimage import label

    with np.load(str(get_sample_data("topobathy.npz", asfileobj=False))) as file:
        ground = file["topo"].astype(float)
        latitude, longitude = file["latitude"].astype(float), file["longitude"].astype(float) - 360
    water = (ground < 0) & (latitude[:, None] > SOUTHERN_END)
    water[[0, -1]] = water[:, [0, -1]] = False  # beyond the map is land
    regions, _ = label(water)
    middle = [
        np.abs(axis - at).argmin() for axis, at in zip((latitude, longitude), MIDDLE, strict=True)
    ]
    water = regions == regions[tuple(middle)]
    rows, columns = (np.flatnonzero(water.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0] - 1, rows[-1] + 2), slice(columns[0] - 1, columns[-1] + 2)
    depth = np.where(water, np.maximum(-ground, SHALLOWEST), 0.0)[box]
    latitude, longitude = latitude[box[0]], longitude[box[1]]
    degree = np.radians(1.0) * RADIUS
    spacing = (
        float(np.diff(longitude).mean() * degree * np.cos(np.radians(latitude.mean()))),
        float(np.diff(latitude).mean() * degree),
    )
    east, north = between(depth, 1), between(depth, 0)
    return Sea(latitude, longitude, depth, east, north, spacing)


def between(depth: Floats, axis: int) -> Floats:
    """Return the mean depth of each place and of the next along an axis; 0 where one is land."""
    following = np.roll(depth, -1, axis=axis)
    mean: Floats = np.where((depth > 0) & (following > 0), (depth + following) / 2, 0.0)
    return mean


def hill(
    sea: Sea, centre: tuple[float, float], height: float, widths: tuple[float, float]
) -> Floats:
    """Return a Gaussian hill of water whose longer axis lies along the strait.

    Parameters
    ----------
    sea : Sea
        Where.
    centre : tuple of float
        Degrees north and east.
    height : float
        In metres; negative for a hollow.
    widths : tuple of float
        Standard deviations across and along the strait, which runs to the north-west, in metres.

    Returns
    -------
    ndarray of shape (rows, columns)
        The surface; 0 on land.
    """
    degree = np.radians(1.0) * RADIUS
    north = ((sea.latitude - centre[0]) * degree)[:, None]
    east = (sea.longitude - centre[1]) * degree * np.cos(np.radians(centre[0]))
    across, along = (east + north) / np.sqrt(2), (north - east) / np.sqrt(2)
    squares = (across / widths[0]) ** 2 + (along / widths[1]) ** 2
    surface: Floats = np.where(sea.depth > 0, height * np.exp(-0.5 * squares), 0.0)
    return surface

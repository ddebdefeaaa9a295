import numpy as np
import pytest

import numgrad

xr = pytest.importorskip("xarray", reason="needs xarray")

LATITUDE, LONGITUDE = np.linspace(-60, 60, 13), np.arange(0.0, 360, 30)
TIMES = np.array(["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06"], "M8[ns]")


@pytest.fixture
def temperature():
    return xr.DataArray(
        np.random.default_rng(5).normal(size=(4, 13, 12)),
        dims=("time", "lat", "lon"),
        coords={
            "time": TIMES,
            "lat": ("lat", LATITUDE, {"units": "degrees_north"}),
            "lon": ("lon", LONGITUDE, {"units": "degrees_east"}),
        },
        name="T",
        attrs={"units": "K", "long_name": "temperature"},
    )


def test_differentiate(temperature):
    result = numgrad.differentiate(temperature, "lat", order=2)
    expected = numgrad.differentiate(temperature.values, LATITUDE, axis=1, order=2)
    np.testing.assert_array_equal(result.values, expected)
    assert result.dims == temperature.dims
    assert result.name == "T"
    assert result.attrs == {"units": "K degrees_north-2"}
    xr.testing.assert_equal(result.coords.to_dataset(), temperature.coords.to_dataset())
    assert temperature.attrs["long_name"] == "temperature"


def test_it_is_xarrays_own(temperature):
    for edge_order in (1, 2):
        ours = numgrad.gradient(temperature, "lat", edge_order=edge_order)
        np.testing.assert_allclose(
            ours, temperature.differentiate("lat", edge_order=edge_order), rtol=1e-12
        )
    result = numgrad.differentiate(temperature, "time", datetime_unit="D")
    expected = temperature.differentiate("time", edge_order=2, datetime_unit="D")
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    assert result.attrs["units"] == "K d-1"
    by_seconds = numgrad.differentiate(temperature, "time")
    np.testing.assert_allclose(by_seconds * 86400, expected, rtol=1e-12)
    assert by_seconds.attrs["units"] == "K s-1"


def test_operators(temperature):
    options = {"boundary": ("one-sided", "wrap"), "period": 360.0}
    cosine = np.cos(np.radians(temperature.lat))
    result = numgrad.laplacian(temperature, "lat", "lon", scale_factors=(1.0, cosine), **options)
    expected = numgrad.laplacian(
        temperature.values, LATITUDE, LONGITUDE, axis=(1, 2),
        scale_factors=(1.0, cosine.values[:, None]), **options,
    )  # fmt: skip
    np.testing.assert_array_equal(result.values, expected)
    assert result.attrs == {}
    turned = temperature.transpose("lon", "time", "lat")
    down, across = numgrad.gradient(turned, "lat", "lon")
    assert down.attrs == {"units": "K degrees_north-1"}
    assert across.attrs == {"units": "K degrees_east-1"}
    np.testing.assert_array_equal(
        across.transpose(*temperature.dims), numgrad.gradient(temperature, "lon")
    )
    result = numgrad.curl((temperature, turned), "lat", "lon", **options)
    np.testing.assert_array_equal(
        result, numgrad.curl((temperature.values,) * 2, LATITUDE, LONGITUDE, axis=(1, 2), **options)
    )


def test_coordinates_of_several_dimensions(temperature):
    height = temperature.lat + 0.1 * temperature.lon * temperature.lat
    named = temperature.assign_coords(height=height)
    result = numgrad.differentiate(named, "height", axis="lat")
    grid = np.broadcast_to(height.values, (4, 13, 12))
    np.testing.assert_array_equal(
        result.values, numgrad.differentiate(temperature.values, grid, axis=1)
    )
    with pytest.raises(ValueError, match=r"pass axis= with the one to derive along"):
        numgrad.differentiate(named, "height")


def test_datasets(temperature):
    data = xr.Dataset(
        {"T": temperature, "mean": temperature.mean("lon"), "profile": temperature[0, 0]}
    )
    result = numgrad.differentiate(data, "lat")
    assert set(result.data_vars) == {"T", "mean"}
    xr.testing.assert_equal(result["mean"], numgrad.differentiate(data["mean"], "lat"))
    down, _ = numgrad.gradient(data, "lat", "lon")
    assert set(down.data_vars) == {"T"}
    with pytest.raises(ValueError, match="no variable of the Dataset has the dimensions"):
        numgrad.differentiate(data[["profile"]], "lat")


def test_on_dask(temperature):
    da = pytest.importorskip("dask.array")
    lazy = temperature.chunk(lat=4, lon=5)
    for result, expected in (
        (numgrad.laplacian(lazy, "lat", "lon"), numgrad.laplacian(temperature, "lat", "lon")),
        (numgrad.gradient(lazy, "lat"), numgrad.gradient(temperature, "lat")),
    ):
        assert isinstance(result.data, da.Array)
        xr.testing.assert_identical(result.compute(), expected)


def test_by_numbers(temperature):
    result = numgrad.differentiate(temperature, 0.5)
    np.testing.assert_array_equal(result, numgrad.differentiate(temperature.values, 0.5))
    assert result.attrs == {}
    result = numgrad.laplacian(temperature, axis=("lat", "lon"))
    np.testing.assert_array_equal(result, numgrad.laplacian(temperature.values, axis=(1, 2)))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "there is no coordinate or dimension 'x'",
         lambda t: numgrad.differentiate(t, "x")),
        (TypeError, "must all be names of coordinates", lambda t: numgrad.laplacian(t, "lat", 1.0)),
        (TypeError, "all components must be xarray.DataArrays",
         lambda t: numgrad.curl((t, t.values), "lat", "lon")),
        (TypeError, "all components must be xarray.Datasets",
         lambda t: numgrad.curl((t, t.to_dataset()), "lat", "lon")),
        (ValueError, "datetime_unit must be a unit",
         lambda t: numgrad.differentiate(t, "time", datetime_unit="day of the week")),
    ],
)  # fmt: skip
def test_errors(temperature, error, message, call):
    with pytest.raises(error, match=message):
        call(temperature)


def test_times_without_labels():
    f = np.arange(4.0)
    with pytest.raises(TypeError, match="a spacing must be a number"):
        numgrad.differentiate(f, TIMES)
    result = numgrad.differentiate(f, TIMES, datetime_unit="D")
    np.testing.assert_array_equal(result, numgrad.differentiate(f, np.array([0, 1, 4, 5])))
    np.testing.assert_array_equal(
        numgrad.gradient(f, TIMES, datetime_unit="D"), np.gradient(f, [0.0, 1.0, 4.0, 5.0])
    )

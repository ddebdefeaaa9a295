"""Dask's and xarray's own tests of gradients, with ours in the place of theirs."""

import dask.array as da
import pytest
import xarray as xr

import numgrad

pytest.importorskip("dask.array.tests.test_routines")
pytest.importorskip("xarray.tests.test_dataset")

from dask.array.tests.test_routines import test_gradient as test_dasks  # noqa: F401
from xarray.tests.test_dataset import (
    test_differentiate as test_xarrays,  # noqa: F401
)
from xarray.tests.test_dataset import (
    test_differentiate_datetime as test_xarrays_with_times,  # noqa: F401
)


@pytest.fixture(params=[False, True], ids=["loaded", "chunked"])
def use_dask(request):
    """Tell xarray's tests, which ask for it, whether arrays shall be Dask's."""
    return request.param


@pytest.fixture(autouse=True)
def ours(monkeypatch):
    def differentiate(self, coord, edge_order=1, datetime_unit=None):
        return numgrad.gradient(self, coord, edge_order=edge_order, datetime_unit=datetime_unit)

    monkeypatch.setattr(da, "gradient", numgrad.gradient)
    monkeypatch.setattr(xr.DataArray, "differentiate", differentiate)
    monkeypatch.setattr(xr.Dataset, "differentiate", differentiate)

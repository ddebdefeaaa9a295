"""The kernels of ``gradient`` for GPUs: the code generated for them, run on the host."""

import itertools
import re

import numpy as np
import pytest

import numgrad
from numgrad.targets import cuda
from tests.fields.reference import assert_same
from tests.targets.cuda_on_host import CAPABILITIES, DeviceArray, on_host_as_device

pytestmark = pytest.mark.usefixtures("device")


@pytest.fixture(scope="module")
def device():
    with on_host_as_device() as launched:
        yield launched


@pytest.fixture
def generator():
    return np.random.default_rng(2024)


def random_samples(generator, shape, dtype):
    values = 100 * generator.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * generator.normal(size=shape)
    return values.astype(dtype)


def on_device(array):
    return DeviceArray(array.copy(order="K")) if isinstance(array, np.ndarray) else array


def of_host(results):
    if isinstance(results, tuple):
        return tuple(map(of_host, results))
    return results.array


def check(f, *spacings, **keywords):
    """Compare a gradient of host arrays and one of arrays on the device with NumPy's."""
    with np.errstate(all="ignore"):
        expected = np.gradient(f, *spacings, **keywords)
    assert_same(numgrad.gradient(f, *spacings, **keywords, target="cuda"), expected)
    spacings = map(on_device, spacings)
    assert_same(of_host(numgrad.gradient(on_device(f), *spacings, **keywords)), expected)


def coordinates(generator, n, dtype):
    x = np.cumsum(generator.random(n) + 0.1)
    return (10 * x).astype(dtype) if np.dtype(dtype).kind == "i" else x.astype(dtype)


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "c8", "i4", "u8"])
def test_every_dtype(generator, dtype):
    f = random_samples(generator, (7, 5), "f8" if dtype == "u8" else dtype)
    check(f.astype(dtype), 0.3, edge_order=2)


@pytest.mark.parametrize("shape", [(2,), (3,), (1000,), (2, 70), (33, 65), (5, 1, 7), (4, 3, 5)])
def test_every_shape(generator, shape):
    f = random_samples(generator, shape, "f8")
    axis = tuple(k for k, n in enumerate(shape) if n > 1)
    check(f, axis=axis)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize(("dtype", "x_dtype"), [("f8", "f8"), ("f4", "f4"), ("f4", "f8")])
def test_coordinates(generator, dtype, x_dtype, edge_order):
    f = random_samples(generator, (6, 5), dtype)
    check(f, coordinates(generator, 6, x_dtype), axis=0, edge_order=edge_order)
    check(f, np.arange(6).astype(x_dtype), axis=0, edge_order=edge_order)

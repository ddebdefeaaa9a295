"""Stores past the cache, of every length and at every alignment."""

import numpy as np
import pytest
from numba import njit

from numgrad.fields.kernels import lanes, runs

GUARD = -1


@njit(nogil=True)
def stream_copy(source, results, at, count):
    runs.stream_copy(source, results, at, count)
    lanes.fence()


@njit
def lane_counts(results):
    return lanes.lanes_in_line(results)


@njit
def starts_line(results, position):
    return lanes.is_line_start(results, position)


def aligned(count, dtype):
    """Return an array whose first element starts a line of the cache."""
    buffer = np.empty(count * np.dtype(dtype).itemsize + lanes.LINE_BYTES, np.uint8)
    skip = -buffer.ctypes.data % lanes.LINE_BYTES
    return buffer[skip : skip + count * np.dtype(dtype).itemsize].view(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_copy_of_every_length_and_alignment(dtype):
    source = np.random.default_rng(0).normal(size=100).astype(dtype)
    results = aligned(150, dtype)
    for at in range(17):
        for count in [*range(36), 63, 64, 65, 100]:
            results[:] = GUARD
            stream_copy(source, results, at, count)
            assert (results[at : at + count] == source[:count]).all()
            assert (results[:at] == GUARD).all()
            assert (results[at + count :] == GUARD).all()


@pytest.mark.parametrize(("dtype", "count"), [("f4", 16), ("f8", 8)])
def test_a_line_of_the_cache(dtype, count):
    results = aligned(40, dtype)
    assert lane_counts(results) == count
    starts = [position for position in range(40) if starts_line(results, position)]
    assert starts == list(range(0, 40, count))


@njit(error_model="numpy")
def compute(samples, weights, results):
    a = lanes.load_lanes(samples, 0, results)
    b = lanes.load_lanes(weights, 0, results)
    c = lanes.spread(weights[0], results)
    lanes.stream_lanes(results, 0, -(a * b + c) / (b - c))
    lanes.fence()


@pytest.mark.parametrize("weights_dtype", ["f4", "f8"])
@pytest.mark.parametrize("results_dtype", ["f4", "f8"])
@pytest.mark.parametrize("samples_dtype", ["f4", "f8", "i1", "u8"])
def test_lanes_compute_as_numbers_do(samples_dtype, weights_dtype, results_dtype):
    generator = np.random.default_rng(0)
    samples = (generator.random(16) * 100).astype(samples_dtype)
    weights = generator.normal(size=16).astype(weights_dtype)
    results = aligned(16, results_dtype)
    results[:] = GUARD
    compute(samples, weights, results)
    a = samples.astype("f8") if samples.dtype.kind in "iu" else samples
    with np.errstate(all="ignore"):
        expected = (-(a * weights + weights[0]) / (weights - weights[0])).astype(results_dtype)
    count = lanes.LINE_BYTES // results.itemsize
    np.testing.assert_array_equal(results[:count], expected[:count])
    assert (results[count:] == GUARD).all()

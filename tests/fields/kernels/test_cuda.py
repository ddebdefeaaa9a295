"""The kernels of ``gradient`` for GPUs: the code generated for them, run on the host."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import numgrad
from tests.fields.operators.test_gradient import STRIDED
from tests.fields.reference import assert_same, random_samples

pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")

from numgrad.fields import run_cuda
from numgrad.fields.kernels.cuda import reciprocal
from tests.targets.cuda_on_host import (
    CAPABILITIES,
    DeviceArray,
    TracedKernel,
    on_host_as_device,
    ptx_of,
    resources,
)

pytestmark = pytest.mark.usefixtures("device")


@pytest.fixture(scope="module")
def device():
    with on_host_as_device() as launched:
        yield launched


@pytest.fixture
def generator():
    return np.random.default_rng(2024)


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
@pytest.mark.parametrize(
    ("dtype", "x_dtype"),
    [("f8", "f8"), *(pytest.param("f4", x, marks=pytest.mark.thorough) for x in ("f4", "f8"))],
)
def test_coordinates(generator, dtype, x_dtype, edge_order):
    f = random_samples(generator, (6, 5), dtype)
    check(f, coordinates(generator, 6, x_dtype), axis=0, edge_order=edge_order)
    check(f, np.arange(6).astype(x_dtype), axis=0, edge_order=edge_order)


@pytest.mark.parametrize("x_dtype", ["i4", "i8"])
def test_integer_coordinates(generator, x_dtype):
    f = random_samples(generator, 6, "f4")
    check(f, coordinates(generator, 6, x_dtype), edge_order=2)


def test_coordinates_too_many_to_tabulate(generator, monkeypatch):
    monkeypatch.setattr(run_cuda, "TABLE_POINTS", 0)
    for dtype in ("f8", "f4"):
        f = random_samples(generator, (6, 3), dtype)
        check(f, coordinates(generator, 6, dtype), axis=0, edge_order=2)


@pytest.mark.parametrize("name", STRIDED)
def test_any_layout(generator, name):
    f = STRIDED[name](random_samples(generator, (4, 5), "f8"))
    expected = np.gradient(f)
    # on a device there is no memory of the host's order to follow, only values
    for ours, theirs in zip(numgrad.gradient(DeviceArray(f)), expected, strict=True):
        np.testing.assert_array_equal(ours.array, theirs)
    out = DeviceArray(np.zeros((5, 4)).T), DeviceArray(np.zeros((8, 10))[::2, ::2])
    assert numgrad.gradient(DeviceArray(f), out=out)[1] is out[1]
    for ours, theirs in zip(out, expected, strict=True):
        np.testing.assert_array_equal(ours.array, theirs)


def test_more_positions_than_one_launch_has(generator, monkeypatch):
    monkeypatch.setattr(run_cuda, "MOST_POSITIONS", 40)
    f = random_samples(generator, (11, 3, 5), "f8")
    check(f, coordinates(generator, 11, "f8"), 0.5, 2.0)
    f = STRIDED["all reversed"](f)
    for ours, theirs in zip(numgrad.gradient(DeviceArray(f)), np.gradient(f), strict=True):
        np.testing.assert_array_equal(ours.array, theirs)


def test_spacings_of_different_precision_go_in_one_pass(generator):
    f = random_samples(generator, (4, 5), "f4")
    check(f, np.float64(0.3), coordinates(generator, 5, "f4"))


class Exported:
    """An array on the device of a library that knows DLPack alone."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self, *, max_version=None, stream=None):
        assert stream == 1
        return self.array.__dlpack__(max_version=max_version)


def test_dlpack(generator):
    f = random_samples(generator, (4, 5), "f8")
    x = coordinates(generator, 4, "f8")
    along = numgrad.gradient(Exported(f.T), Exported(x), axis=1)
    np.testing.assert_array_equal(along.array, np.gradient(f.T, x, axis=1))


@given(st.integers(1, 2**31 - 1), st.integers(0, 2**31 - 1))
@example(2**31 - 1, 2**31 - 1)
@example(2**30 + 1, 2**31 - 1)
@example(3, 2**31 - 1)
def test_reciprocals_divide(divisor, number):
    multiplier, shift = reciprocal(divisor)
    assert number * multiplier < 2**63
    assert number * multiplier >> shift == number // divisor
    assert (number // divisor * divisor * multiplier) >> shift == number // divisor


# The code of the kernels

CASES = {
    "line": ((40,), "f4", (), 1),
    "cube": ((4, 5, 6), "f4", (), 1),
    "cube, second order": ((4, 5, 6), "f4", (0.3,), 2),
    "cube, double": ((4, 5, 6), "f8", (), 2),
    "plane, complex": ((4, 5), "c16", (), 2),
    "plane, coordinates": ((4, 4), "f8", (np.array([0.0, 1.0, 3.0, 4.0]),) * 2, 2),
}

# Registers of a thread for compute capabilities 7.5, 8.0, 9.0 and 10.0, by nvJitLink 13.5. A
# multiprocessor has 65,536: with 80, three of our blocks of 256 threads run on one at a time.
REGISTERS = {
    "line": (34, 33, 38, 40),
    "cube": (37, 38, 48, 53),
    "cube, second order": (45, 46, 60, 64),
    "cube, double": (54, 54, 66, 76),
    "plane, complex": (54, 54, 68, 70),
    "plane, coordinates": (48, 48, 58, 64),
}
ALLOWANCE = 8  # for other versions


@pytest.mark.parametrize("name", CASES)
def test_the_machine_code(generator, device, name):
    shape, dtype, spacings, edge_order = CASES[name]
    f = random_samples(generator, shape, dtype)
    before = set(device)
    check(f, *spacings, edge_order=edge_order)
    made = [kernel for key, kernel in device.items() if key not in before] or device.values()
    for kernel, capability in itertools.product(list(made)[:1], CAPABILITIES):
        ptx = ptx_of(kernel, capability)
        assert not re.findall(r"\bfma\.|\bmad\.[a-z.]*f|div\.(approx|full)|\.ftz", ptx)
        if np.dtype(dtype) == np.float32:
            assert not re.findall(r"\.f64\b", ptx)
        registers, spilled = resources(ptx, capability)
        assert spilled == 0
        known = REGISTERS[name][CAPABILITIES.index(capability)]
        assert registers <= min(known + ALLOWANCE, 80)


def test_the_largest_kernel_spills_nothing(generator, device):
    f = random_samples(generator, (3, 4, 3, 5), "f8")
    x = [DeviceArray(coordinates(generator, n, "f8")) for n in f.shape]
    before = set(device)
    results = numgrad.gradient(DeviceArray(f[::-1, :, ::-1]), *x, edge_order=2)
    expected = np.gradient(f[::-1, :, ::-1], *[each.array for each in x], edge_order=2)
    for ours, theirs in zip(results, expected, strict=True):
        np.testing.assert_array_equal(ours.array, theirs)
    *_, kernel = (kernel for key, kernel in device.items() if key not in before)
    for capability in ((7, 5), (10, 0)):
        assert resources(ptx_of(kernel, capability), capability)[1] == 0


def addresses_of(array):
    start = array.ctypes.data
    return set(range(start, start + array.nbytes, array.itemsize))


@pytest.mark.parametrize("axis", [0, 1, None])
def test_the_traffic_is_the_least_possible_and_coalesced(generator, axis):
    f = random_samples(generator, (6, 64), "f4")
    with on_host_as_device(TracedKernel, (2,), (32,)) as kernels:
        results = of_host(numgrad.gradient(DeviceArray(f), axis=axis))
    np.testing.assert_array_equal(results, np.gradient(f, axis=axis))
    results = results if axis is None else (results,)
    (kernel,) = kernels.values()
    accesses = [access for thread in kernel.accesses.values() for access in thread]
    # from memory comes every sample once and nothing else: what is read again is in the caches
    assert {address for address, written in accesses if not written} == addresses_of(f)
    written = [address for address, written in accesses if written]
    assert sorted(written) == sorted(set().union(*map(addresses_of, results)))
    # at no time do the threads of a warp access more than 32 neighbours, and one more at an edge
    for warp in range(2):
        threads = [kernel.accesses[warp, lane] for lane in range(32)]
        for at_once in zip(*threads, strict=True):
            addresses = [address for address, _ in at_once]
            assert len({written for _, written in at_once}) == 1
            assert max(addresses) - min(addresses) <= 32 * f.itemsize

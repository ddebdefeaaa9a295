"""The kernels of the operators for GPUs: the code generated for them, run on the host."""

import numpy as np
import pytest

import numgrad
from tests.fields.reference import assert_same

pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")

from tests.targets.cuda_on_host import DeviceArray, on_host_as_device

pytestmark = pytest.mark.usefixtures("device")

GENERATOR = np.random.default_rng(31)
F = GENERATOR.normal(size=(9, 7))
X = np.cumsum(GENERATOR.uniform(0.5, 1.5, 9))
ENDS = "one-sided", "wrap"
SPHERE = {"boundary": ENDS, "scale_factors": (1.0, X[:, None])}


@pytest.fixture(scope="module")
def device():
    with on_host_as_device() as launched:
        yield launched


CALLS = [
    (numgrad.differentiate, (F, X), {"axis": 0, "order": 2, "accuracy": 4,
                                     "boundary": "antireflect"}),
    (numgrad.differentiate, (F.astype("f4"), X), {"axis": 0}),
    (numgrad.differentiate, ((F + 1j * F[::-1]).T, X), {}),
    (numgrad.differentiate, ((9 * F).astype("i4"),), {"boundary": ("constant", 1.5)}),
    (numgrad.differentiate, (F, np.cumsum(np.abs(F) + 1, axis=1)), {"order": 2}),
    (numgrad.laplacian, (F, X, 0.5), SPHERE),
    (numgrad.divergence, ((F, F + 1), X, 0.5), SPHERE),
    (numgrad.curl, ((F, F + 1), 0.5, 0.5), {"boundary": ("symmetric", "edge")}),
    (numgrad.curl, (GENERATOR.normal(size=(3, 4, 5, 4)),), {}),
    (numgrad.gradient, (F, X, 0.5), {"scale_factors": (1.0, X[:, None])}),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "given", "options"), CALLS)
def test_arrays_of_the_host(operator, given, options):
    result = operator(*given, target="cuda", **options)
    expected = operator(*given, **options)
    for one, other in zip(np.atleast_1d(result), np.atleast_1d(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def test_arrays_of_the_device():
    result = numgrad.laplacian(DeviceArray(F.copy()), X, 0.5, **SPHERE)
    assert isinstance(result, DeviceArray)
    assert_same(result.array, numgrad.laplacian(F, X, 0.5, **SPHERE))
    whole = F + 1j * F[::-1]
    out = DeviceArray(np.empty_like(whole))
    assert numgrad.differentiate(DeviceArray(whole), out=out) is out
    assert_same(out.array, numgrad.differentiate(whole))
    turns = numgrad.curl((DeviceArray(F.copy()), DeviceArray(F + 1)), X, 0.5)
    assert_same(turns.array, numgrad.curl((F, F + 1), X, 0.5))


HOLES = np.where(np.abs(F) < 0.3, np.nan, F)
AVOIDING = [
    (numgrad.differentiate, (HOLES, X), {"axis": 0, "order": 2}),
    (numgrad.laplacian, (HOLES, X, 0.5), SPHERE),
    (numgrad.curl, ((HOLES, HOLES[::-1].copy()), 0.5, 0.5), {"boundary": ("symmetric", "edge")}),
    (numgrad.differentiate, (HOLES + 1j * F,), {"boundary": "antireflect"}),
]


@pytest.mark.parametrize(("operator", "given", "options"), AVOIDING)
def test_missing_samples_are_avoided(operator, given, options):
    expected = operator(*given, nan="one-sided", **options)
    assert not np.array_equal(expected, operator(*given, **options), equal_nan=True)
    result = operator(*given, nan="one-sided", target="cuda", **options)
    np.testing.assert_array_equal(result, expected)
    samples, *spacings = given
    pair = isinstance(samples, tuple)
    lying = tuple(map(DeviceArray, samples)) if pair else DeviceArray(samples)
    result = operator(lying, *spacings, nan="one-sided", **options)
    assert isinstance(result, DeviceArray)
    np.testing.assert_array_equal(result.array, expected)


def test_whole_numbers_have_no_missing_samples():
    whole = (9 * F).astype("i4")
    result = numgrad.differentiate(DeviceArray(whole), nan="one-sided")
    assert_same(result.array, numgrad.differentiate(whole))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (TypeError, "all components must lie on the GPU", lambda f: numgrad.curl((f, F))),
        (ValueError, "components on a GPU must have one shape",
         lambda f: numgrad.curl((f, DeviceArray(F[1:].copy())))),
        (ValueError, "samples on a GPU must be contiguous",
         lambda f: numgrad.laplacian(DeviceArray(np.asfortranarray(F)))),
        (TypeError, "samples on a GPU must be integers",
         lambda f: numgrad.laplacian(DeviceArray(F > 0))),
        (TypeError, "out must lie on the GPU",
         lambda f: numgrad.laplacian(f, out=np.empty_like(F))),
        (ValueError, "out on a GPU must be contiguous",
         lambda f: numgrad.laplacian(f, out=DeviceArray(np.empty((7, 9)).T))),
        (ValueError, "complex samples on a GPU have no constant but 0",
         lambda f: numgrad.differentiate(F + 1j, boundary=("constant", 2), target="cuda")),
        (TypeError, "a masked array can't be derived on a GPU",
         lambda f: numgrad.laplacian(np.ma.masked_greater(F, 0.0), target="cuda")),
    ],
)  # fmt: skip
def test_errors(error, message, call):
    with pytest.raises(error, match=message):
        call(DeviceArray(F.copy()))

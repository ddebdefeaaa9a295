"""On the hardware: ``pytest -m gpu``. Where there is no GPU these are skipped, and say why."""

import numpy as np
import pytest

import numgrad
from numgrad.targets.cuda_device import availability
from tests.fields.reference import assert_same, random_samples

AVAILABLE, REASON = availability()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not AVAILABLE, reason=f"no GPU: {REASON}")]


@pytest.fixture
def generator():
    return np.random.default_rng(2024)


def compare(f, *spacings, **keywords):
    """Compare arrays of the host and of the device, in memory and in bits."""
    from numba import cuda

    expected = np.gradient(f, *spacings, **keywords)
    assert_same(numgrad.gradient(f, *spacings, **keywords, target="cuda"), expected)
    given = [cuda.to_device(x) if isinstance(x, np.ndarray) else x for x in spacings]
    results = numgrad.gradient(cuda.to_device(f), *given, **keywords, stream=cuda.stream())
    cuda.synchronize()
    if not isinstance(expected, tuple):
        results, expected = (results,), (expected,)
    for ours, theirs in zip(results, expected, strict=True):
        np.testing.assert_array_equal(ours.copy_to_host(), theirs)


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "c8", "i4"])
@pytest.mark.parametrize("shape", [(1_000_003,), (1000, 1001), (61, 130, 67)])
def test_gradient(generator, shape, dtype):
    f = random_samples(generator, shape, dtype)
    compare(f)
    compare(f.T, 0.3, edge_order=2)
    if dtype in ("f8", "f4"):
        x = [np.cumsum(generator.random(n) + 0.1).astype(dtype) for n in shape]
        compare(f, *x, edge_order=2)


def test_parts(generator, monkeypatch):
    f = random_samples(generator, (400, 300), "f8")
    monkeypatch.setattr("numgrad.targets.cuda_arrays.free_bytes", lambda: 1e6)
    assert_same(numgrad.gradient(f, target="cuda"), np.gradient(f))


def test_missing_samples(generator):
    from numba import cuda

    f = random_samples(generator, (200, 300), "f8")
    f[generator.random(f.shape) < 0.1] = np.nan
    expected = numgrad.laplacian(f, 0.5, 0.25, nan="one-sided")
    on_device = numgrad.laplacian(cuda.to_device(f), 0.5, 0.25, nan="one-sided")
    for result in (numgrad.laplacian(f, 0.5, 0.25, nan="one-sided", target="cuda"),
                   on_device.copy_to_host()):  # fmt: skip
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("library", ["cupy", "torch"])
def test_other_libraries(generator, library):
    module = pytest.importorskip(library)
    f = random_samples(generator, (40, 50), "f8")
    there = module.asarray(f) if library == "cupy" else module.asarray(f, device="cuda")
    for ours, theirs in zip(numgrad.gradient(there), np.gradient(f), strict=True):
        assert type(ours) is type(there)
        values = ours.get() if library == "cupy" else ours.cpu().numpy()
        np.testing.assert_array_equal(values, theirs)


def test_functions(generator):
    x = generator.normal(size=(1000, 3))

    def product(x):
        return x[0] * np.exp(x[1]) * x[2] ** 2

    gradients = numgrad.vmap(numgrad.grad(product), target="cuda")(x)
    np.testing.assert_allclose(gradients, numgrad.vmap(numgrad.grad(product))(x), rtol=1e-13)
    cubes = numgrad.derivative(lambda x: x**3, target="cuda")(x)
    np.testing.assert_allclose(cubes, 3 * x**2, rtol=1e-15)


def test_a_users_kernel(generator):
    from numba import cuda

    sigmoid = numgrad.derivative(lambda x: 1.0 / (1.0 + np.exp(-x)))

    @cuda.jit
    def kernel(x, results):
        i = cuda.grid(1)
        if i < x.size:
            results[i] = sigmoid(x[i])

    x = generator.normal(size=10_000)
    results = np.empty_like(x)
    kernel.forall(x.size)(x, results)
    np.testing.assert_allclose(results, sigmoid(x), rtol=1e-13)

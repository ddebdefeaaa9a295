"""What ``target="cuda"`` does, in Numba's simulator of CUDA: run by ``test_own_processes``.

Here kernels are Python, so sizes are small and dtypes few.
"""

import math

import numpy as np
import pytest

pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")

from numba import cuda, njit

import numgrad
from numgrad.fields import run_cuda
from numgrad.targets import cuda_arrays, cuda_device
from tests.fields.operators.test_gradient import STRIDED, theirs
from tests.fields.reference import assert_same
from tests.test_readme import README, blocks

numpy_tests = pytest.importorskip("numpy.lib.tests.test_function_base")


@pytest.fixture
def generator():
    return np.random.default_rng(2024)


def on_device(f, *varargs, axis=None, edge_order=1, out=None):
    """Return the gradient of an array of the host, derived on the device."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "gradient", theirs)
        return numgrad.gradient(
            f, *varargs, axis=axis, edge_order=edge_order, out=out, target="cuda"
        )


class TestGradient(numpy_tests.TestGradient):
    """NumPy's tests of ``gradient``, of ours on the device."""

    @pytest.fixture(autouse=True)
    def _ours_in_place_of_numpys(self, monkeypatch):
        monkeypatch.setattr(numpy_tests, "gradient", on_device)
        monkeypatch.setattr(np, "gradient", on_device)


@pytest.mark.parametrize("name", STRIDED)
def test_every_layout(generator, name):
    f = STRIDED[name](generator.normal(size=(4, 5)))
    assert_same(on_device(f), np.gradient(f))
    assert_same(on_device(f.T, 0.5, axis=0), np.gradient(f.T, 0.5, axis=0))


@pytest.mark.parametrize("dtype", [">f8", "f2", "O"])
def test_what_kernels_can_not_hold(generator, dtype):
    f = generator.normal(size=5).astype(dtype)
    assert_same(on_device(f), np.gradient(f))


def test_out_of_the_host(generator):
    f, wide = generator.normal(size=(4, 5)), np.zeros((8, 10))
    out = np.empty((4, 5)), wide[::2, ::2]
    assert on_device(f, out=out)[1] is out[1]
    for ours, theirs_ in zip(out, np.gradient(f), strict=True):
        np.testing.assert_array_equal(ours, theirs_)
    with pytest.raises(ValueError, match="out shares memory with an input"):
        on_device(f, axis=0, out=f)


def test_parts_with_halos_where_memory_is_short(generator, monkeypatch):
    f, x = generator.normal(size=(11, 3)), np.cumsum(generator.random(11) + 0.1)
    parts = []
    derive = run_cuda._derive_part
    monkeypatch.setattr(cuda_arrays, "free_bytes", lambda: 8 * 3 * 2 * 6 / run_cuda.MEMORY_SHARE)
    monkeypatch.setattr(
        run_cuda, "_derive_part", lambda *arguments: (parts.append(arguments), derive(*arguments))
    )
    for axis in (0, 1):
        for edge_order in (1, 2):
            spacing = x if axis == 0 else 0.3
            keywords = {"axis": axis, "edge_order": edge_order}
            assert_same(on_device(f, spacing, **keywords), np.gradient(f, spacing, **keywords))
    assert len(parts) == 2 * (3 + 6)  # by the reach of the stencils: 1, and 2 at the edges


def test_arrays_on_the_device_stay_there(generator):
    f = generator.normal(size=(4, 5))
    given = cuda.to_device(f)
    along_0, along_1 = numgrad.gradient(given, stream=cuda.stream())
    assert type(along_0) is type(given)
    for ours, theirs_ in zip((along_0, along_1), np.gradient(f), strict=True):
        assert_same(ours.copy_to_host(), theirs_)
    out = cuda.device_array_like(given)
    assert numgrad.gradient(given, axis=1, out=out) is out
    assert_same(out.copy_to_host(), np.gradient(f, axis=1))
    assert numgrad.gradient(cuda.to_device(np.zeros((3, 0))), axis=0).shape == (3, 0)


def test_refused_on_the_device():
    f = cuda.to_device(np.zeros((4, 5)))
    with pytest.raises(ValueError, match="Shape of array too small"):
        numgrad.gradient(cuda.to_device(np.zeros(1)))
    with pytest.raises(TypeError, match="invalid number of arguments"):
        numgrad.gradient(f, 1.0, 1.0, 1.0)
    with pytest.raises(TypeError, match="out must lie on the GPU"):
        numgrad.gradient(f, axis=0, out=np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"out has shape \(3, 5\)"):
        numgrad.gradient(f, axis=0, out=cuda.device_array((3, 5)))
    with pytest.raises(ValueError, match="out shares memory with an input"):
        numgrad.gradient(f, axis=0, out=f)
    with pytest.raises(TypeError, match="not samples of float16"):
        numgrad.gradient(cuda.to_device(np.zeros(4, np.float16)))


def square(x):
    return x * x


def test_functions_over_arrays(generator):
    x = generator.normal(size=(3, 4))
    slopes = numgrad.derivative(square, target="cuda")(x)
    np.testing.assert_array_equal(slopes, 2.0 * x)
    there = numgrad.derivative(square)(cuda.to_device(x))
    np.testing.assert_array_equal(there.copy_to_host(), 2.0 * x)
    line = cuda.to_device(x[0])
    np.testing.assert_array_equal(numgrad.vmap(square)(line).copy_to_host(), x[0] ** 2)
    out = cuda.device_array_like(line)
    assert numgrad.vmap(square)(line, out=out) is out
    np.testing.assert_array_equal(out.copy_to_host(), x[0] ** 2)


def test_the_tour_of_the_readme():
    wave, *on_device = [b for b in blocks("python") if "def wave" in b or "cuda" in b]
    names = {"np": np, "njit": njit, "numgrad": numgrad, "math": math}
    names["gradient"] = lambda x: x[0] * x[1]
    tour = [wave.split("curvature")[0], *on_device]
    exec(compile("\n".join(tour).replace("1_000", "1").replace("1000", "9"), README, "exec"), names)
    x = names["x"].copy_to_host()
    expected = np.exp(-x * x) * (np.cos(x) - 2.0 * x * np.sin(x))
    np.testing.assert_allclose(names["results"].copy_to_host(), expected, rtol=1e-13)


def test_the_simulator_is_called_by_its_name():
    assert cuda_device.availability() == (True, "Numba's simulator of CUDA")

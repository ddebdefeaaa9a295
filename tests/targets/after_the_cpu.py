"""A program: kernels of what was compiled before for the CPU, and inlined there."""

import math

import numpy as np
from numba import cuda, njit

import numgrad
from tests.targets.cuda_on_host import DeviceArray, HostKernel, no_device, on_host_as_device

x, v = np.linspace(0.1, 1.0, 5), 0.5
samples = np.sin(x)


@njit
def wave(x):
    return math.sin(x) * x


@njit
def on_cpu(samples, x, v):
    along = numgrad.gradient(samples, 0.5)
    return (
        along,
        numgrad.derivative(wave)(x),
        numgrad.jvp(wave, (x,), (v,))[1],
        numgrad.hvp(wave, x, v),
    )


def kernel(x, results):
    i = cuda.grid(1)
    if i < x.size:
        results[i, 0] = numgrad.derivative(wave)(x[i])
        results[i, 1] = numgrad.jvp(wave, (x[i],), (v,))[1]
        results[i, 2] = numgrad.hvp(wave, x[i], v)


expected = [on_cpu(samples, point, v)[1:] for point in x.tolist()]
results = np.zeros((x.size, 3))
with no_device():
    HostKernel(kernel, (x, results))((2,), (3,), x, results)
np.testing.assert_allclose(results, expected, rtol=1e-14)

with on_host_as_device():
    along = numgrad.gradient(DeviceArray(samples), 0.5).array
np.testing.assert_array_equal(along, on_cpu(samples, 0.1, v)[0])

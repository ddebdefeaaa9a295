"""Derivatives in users' kernels and over arrays on a GPU: the code for it, run on the host."""

import math

import numpy as np
import pytest
from numba import njit

import numgrad

pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")

from tests.targets.cuda_on_host import (
    CAPABILITIES,
    DeviceArray,
    HostKernel,
    cuda,
    no_device,
    on_host_as_device,
)

X = np.linspace(0.1, 1.0, 5)


@njit
def wave(x):
    return math.sin(x) * math.exp(-x * x)


@njit
def rosenbrock(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


slope = numgrad.derivative(wave)
curvature = numgrad.derivative(slope)
gradient = numgrad.grad(rosenbrock)
value_and_gradient = numgrad.value_and_grad(rosenbrock)
hessian = numgrad.hessian(rosenbrock)


def slopes_of_wave(x):
    return math.exp(-x * x) * (math.cos(x) - 2 * x * math.sin(x))


# Users' kernels: each stores something for every x


def first(x, results):
    i = cuda.grid(1)
    if i < x.size:
        results[i] = slope(x[i])


def second(x, results):
    i = cuda.grid(1)
    if i < x.size:
        results[i] = curvature(x[i])


def directional(x, results):
    i = cuda.grid(1)
    if i < x.size:
        _, tangent = numgrad.jvp(wave, (x[i],), (2.0,))
        results[i] = tangent / 2.0


def made_inside(x, results):
    i = cuda.grid(1)
    if i < x.size:
        results[i] = numgrad.derivative(wave)(x[i])


def of_a_tuple(x, results):
    i = cuda.grid(1)
    if i < x.size:
        a, b, c = gradient((x[i], 2.0, x[i]))
        results[i] = a + 10.0 * b + 100.0 * c


def with_value(x, results):
    i = cuda.grid(1)
    if i < x.size:
        value, (a, b, c) = value_and_gradient((x[i], 2.0, x[i]))
        results[i] = value + a + 10.0 * b + 100.0 * c


def second_of_a_tuple(x, results):
    i = cuda.grid(1)
    if i < x.size:
        (a, b), (c, d) = hessian((x[i], 2.0))
        results[i] = a + 10.0 * b + 100.0 * c + 1000.0 * d


def weighed(x):
    a, b, c = numgrad.grad(rosenbrock)((x, 2.0, x))
    return a + 10.0 * b + 100.0 * c


def by_hand(x):
    value = rosenbrock((x, 2.0, x))
    return value + weighed(x)


def weighed_hessian(x):
    return 1200 * x**2 - 400 * 2.0 + 2 + 10 * -400 * x + 100 * -400 * x + 1000 * 200


def of_a_local_array(x, results):
    i = cuda.grid(1)
    if i < x.size:
        point, slopes = cuda.local.array(3, np.float64), cuda.local.array(3, np.float64)
        point[0], point[1], point[2] = x[i], 2.0, x[i]
        gradient(point, out=slopes)
        results[i] = slopes[0] + 10.0 * slopes[1] + 100.0 * slopes[2]


def along_a_local_array(x, results):
    i = cuda.grid(1)
    if i < x.size:
        point, tangent = cuda.local.array(3, np.float64), cuda.local.array(3, np.float64)
        point[0], point[1], point[2] = x[i], 2.0, x[i]
        tangent[0], tangent[1], tangent[2] = 1.0, 10.0, 100.0
        _, results[i] = numgrad.jvp(rosenbrock, (point,), (tangent,))


@njit
def of_parts(z):
    real, imag = z.real, z.imag
    for k in range(z.size):
        imag[k] *= real[k]
    z[0] = z[0] * z[1]
    return real[0] * imag[1] + imag[0]


def along_a_complex_array(x, results):
    i = cuda.grid(1)
    if i < x.size:
        point, tangent = cuda.local.array(2, np.complex128), cuda.local.array(2, np.complex128)
        point[0], point[1] = complex(x[i], 2.0), complex(3.0, x[i])
        tangent[0], tangent[1] = complex(1.0, 0.5), complex(0.0, 1.0)
        _, results[i] = numgrad.jvp(of_parts, (point,), (tangent,))


def slope_along_a_complex_array(x):
    point, tangent = np.array([x + 2.0j, 3.0 + 1j * x]), np.array([1.0 + 0.5j, 1.0j])
    return numgrad.jvp(of_parts, (point,), (tangent,))[1]


KERNELS = [
    (first, slopes_of_wave),
    (second, lambda x: curvature(x)),
    (directional, slopes_of_wave),
    (made_inside, slopes_of_wave),
    (of_a_tuple, weighed),
    (of_a_local_array, weighed),
    (along_a_local_array, weighed),
    (along_a_complex_array, slope_along_a_complex_array),
    (with_value, by_hand),
    (second_of_a_tuple, weighed_hessian),
]


@pytest.mark.parametrize(("kernel", "expected"), KERNELS)
def test_users_kernels(kernel, expected):
    results = np.zeros(X.size)
    with no_device():
        compiled = HostKernel(kernel, (X, results))
    compiled((2,), (3,), X, results)
    np.testing.assert_allclose(results, [expected(x) for x in X.tolist()], rtol=1e-13)
    for capability in CAPABILITIES:
        assert compiled.code.library.get_asm_strs(cc=capability)


def test_device_functions():
    with no_device():
        inner = cuda.jit(device=True)(lambda x: math.sin(x))
        outer = cuda.jit(device=True)(lambda x: inner(x) * x)
        product = numgrad.derivative(outer)

        def kernel(x, results):
            i = cuda.grid(1)
            if i < x.size:
                results[i] = product(x[i])

        results = np.zeros(X.size)
        HostKernel(kernel, (X, results))((2,), (3,), X, results)
    np.testing.assert_allclose(results, np.sin(X) + X * np.cos(X), rtol=1e-14)


def test_local_arrays_are_still_arrays():
    @cuda.jit(device=True)
    def total(numbers):
        result = 0.0
        for number in numbers:
            result += number
        return result

    def kernel(x, results):
        i = cuda.grid(1)
        if i < x.size:
            steps = cuda.local.array(3, np.float64)
            for j in range(3):
                steps[j] = x[i] * j
            if x[i] > 0.5:  # of one size or another
                chosen = cuda.local.array(4, np.float64)
                for j in range(4):
                    chosen[j] = 1.0
            else:
                chosen = steps
            matrix = cuda.local.array((2, 2), np.float64)
            matrix[0, 1] = total(steps[1:])
            results[i] = total(steps) + total(chosen) + matrix[0, -1] + matrix.shape[1]

    results = np.zeros(X.size)
    with no_device():
        HostKernel(kernel, (X, results))((2,), (3,), X, results)
    np.testing.assert_allclose(results, 3 * X + np.where(X > 0.5, 4.0, 3 * X) + 3 * X + 2)


def test_an_array_in_a_kernel_is_refused():
    def kernel(x, results):
        numgrad.grad(rosenbrock)(x, out=results)

    def without_a_place(x, results):
        point = cuda.local.array(3, np.float64)
        results[0] = gradient(point)[0]

    with no_device(), pytest.raises(Exception, match="pass its numbers as a tuple"):
        HostKernel(kernel, (X, X.copy()))
    with no_device(), pytest.raises(TypeError, match="needs a place to go to: pass out="):
        HostKernel(without_a_place, (X, X.copy()))


# Over arrays


@pytest.fixture(scope="module")
def device():
    with on_host_as_device() as launched:
        yield launched


def scaled(x, a):
    return wave(a * x)


def pair(x):
    return x[0] * x[1], x[0] + x[1] ** 2


def norm(x, scale):
    return math.sqrt(x[0] ** 2 + x[1] ** 2) * scale


POINTS = np.random.default_rng(2024).normal(size=(10, 3))


def compare(actual, expected):
    if isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for pair_ in zip(actual, expected, strict=True):
            compare(*pair_)
        return
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.usefixtures("device")
def test_derivative_over_arrays():
    x, a = np.linspace(0.0, 1.0, 20), np.array([0.5, 1.0, 2.0])
    on_device = numgrad.derivative(scaled, target="cuda")
    expected = a * slopes_of_wave_at(np.multiply.outer(x, a))
    compare(on_device(x[:, None], a), expected)
    compare(on_device(x, 2.0), expected[:, 2])
    stays = numgrad.derivative(scaled)(DeviceArray(x[:, None]), DeviceArray(a))
    compare(stays.array, expected)
    out = np.empty(20)
    assert on_device(x, 2.0, out=out) is out
    compare(out, expected[:, 2])
    assert on_device(np.empty(0), 2.0).shape == (0,)


def slopes_of_wave_at(x):
    return np.exp(-x * x) * (np.cos(x) - 2 * x * np.sin(x))


def gradients(x):
    return np.array([gradient(tuple(point)) for point in x.tolist()])


@pytest.mark.usefixtures("device")
def test_vmap_of_grad():
    expected = gradients(POINTS)
    compare(numgrad.vmap(gradient, target="cuda")(POINTS), expected)
    compare(numgrad.vmap(gradient, in_axes=1, target="cuda")(POINTS.T), expected)
    compare(numgrad.vmap(gradient)(DeviceArray(POINTS)).array, expected)
    many = np.random.default_rng(1).normal(size=(2, 19))  # more than one pass carries
    compare(numgrad.vmap(gradient, target="cuda")(many), gradients(many))


@pytest.mark.usefixtures("device")
def test_vmap_of_others():
    x, y = POINTS.T[:2]
    compare(numgrad.vmap(pair, target="cuda")(POINTS), (x * y, x + y**2))
    by_first, by_second = numgrad.vmap(numgrad.jacobian(pair), target="cuda")(POINTS)
    zero, one = np.zeros(10), np.ones(10)
    compare(by_first, np.stack([y, x, zero], axis=1))
    compare(by_second, np.stack([one, 2 * y, zero], axis=1))
    both = numgrad.vmap(numgrad.value_and_grad(norm), in_axes=(0, None), target="cuda")
    length = np.hypot(x, y)
    compare(both((x, y), 3.0), (3 * length, (3 * x / length, 3 * y / length)))


@pytest.mark.usefixtures("device")
def test_refused():
    with pytest.raises(TypeError, match="which a thread of a GPU has no memory"):
        numgrad.vmap(lambda x: x * 2.0, target="cuda")(POINTS)
    with pytest.raises(TypeError, match="needs an array"):
        numgrad.vmap(norm, in_axes=None, target="cuda")((1.0, 2.0), 3.0)
    with pytest.raises(ValueError, match="different lengths"):
        numgrad.vmap(norm, target="cuda")((X, X[:3]), X)
    with pytest.raises(TypeError, match="out must be an array of float64"):
        numgrad.derivative(wave, target="cuda")(X, out=np.empty(5, np.float32))
    with pytest.raises(ValueError, match=r"out has shape \(4,\)"):
        numgrad.derivative(wave, target="cuda")(X, out=np.empty(4))

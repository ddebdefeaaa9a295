"""Jacobians against those by hand."""

from typing import NamedTuple

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.twin.functions import rotate, rotate_jacobian

jacobian_of_rotate = numgrad.jacobian(rotate)


@pytest.mark.parametrize("size", [3, 8, 20, 70, 150])
def test_array_by_array(size):
    p = np.linspace(0.5, 2.0, size)
    assert_allclose(jacobian_of_rotate(p), rotate_jacobian(p), rtol=1e-14)


def test_on_all_threads():
    p = np.linspace(0.5, 2.0, 1500)
    assert_allclose(jacobian_of_rotate(p), rotate_jacobian(p), rtol=1e-14)


def test_shape_is_that_of_the_output_and_of_the_input():
    @njit
    def f(x):
        result = np.zeros((2, 3))
        for i in range(2):
            for j in range(3):
                result[i, j] = x[i, j] * x[0, 0]
        return result

    x = np.arange(1.0, 7.0).reshape(2, 3)
    result = numgrad.jacobian(f)(x)
    assert result.shape == (2, 3, 2, 3)
    expected = np.zeros((2, 3, 2, 3))
    for index in np.ndindex(2, 3):
        expected[(*index, *index)] += x[0, 0]
        expected[(*index, 0, 0)] += x[index]
    assert_array_equal(result, expected)


def test_number_by_array_and_array_by_number():
    @njit
    def f(a, x):
        return a * x[0] * x[1], a * a * np.ones(2), 3, None, x[0] > a

    by_a, by_x = 0, 1
    result = numgrad.jacobian(f, argnums=(0, 1))(2.0, np.array([3.0, 5.0]))
    first, second, *rest = result
    assert first[by_a] == 15.0
    assert_array_equal(first[by_x], [10.0, 6.0])
    assert_array_equal(second[by_a], [4.0, 4.0])
    assert_array_equal(second[by_x], np.zeros((2, 2)))
    assert rest == [None, None, None]


def test_tuple_arguments():
    @njit
    def f(t):
        return t[0] * t[1][0], t[1][0] + t[1][1]

    result = numgrad.jacobian(f)((2.0, (3.0, 5.0)))
    assert result == ((3.0, (2.0, 0.0)), (0.0, (1.0, 1.0)))


@njit
def in_place(x, out):
    for i in range(out.size):
        out[i] = x[0] * i + x[1] ** 2 + out[i]


def test_in_place():
    x, out = np.array([2.0, 3.0]), np.array([10.0, 20.0, 30.0])
    result = numgrad.jacobian(in_place, out_argnum=1)(x, out)
    assert_array_equal(result, [[0.0, 6.0], [1.0, 6.0], [2.0, 6.0]])
    assert_array_equal(out, [19.0, 31.0, 43.0])


def test_in_place_in_several_passes():
    @njit
    def accumulate(x, out):
        out[0] = 0.0
        for i in range(x.size):
            out[0] += x[i] ** 2
            x[i] = 0.0

    x, out = np.arange(1.0, 101.0), np.array([5.0])
    expected = 2.0 * x
    result = numgrad.jacobian(accumulate, out_argnum=1)(x, out)
    assert_array_equal(result, expected[None, :])
    assert out[0] == 338350.0
    assert_array_equal(x, np.zeros(100))


def test_scratch_memory_of_the_caller():
    @njit
    def f(x, scratch):
        for i in range(x.size):
            scratch[i] = x[i] * x[i]
        return scratch[0] * scratch[1]

    scratch = np.zeros(2)
    result = numgrad.grad(f)(np.array([2.0, 3.0]), scratch)
    assert_array_equal(result, [36.0, 24.0])
    assert_array_equal(scratch, [4.0, 9.0])


def test_argument_that_is_overwritten():
    @njit
    def f(x):
        x[0] = x[0] * x[1]
        x[1] = 7.0
        return x[0] * x[1]

    x = np.array([2.0, 3.0])
    assert_array_equal(numgrad.grad(f)(x), [21.0, 14.0])
    assert_array_equal(x, [6.0, 7.0])


def test_out():
    p = np.linspace(0.5, 2.0, 12)
    for out in (np.empty((12, 12)), np.empty((12, 12), order="F")):
        assert jacobian_of_rotate(p, out=out) is out
        assert_allclose(out, rotate_jacobian(p), rtol=1e-14)
    with pytest.raises(ValueError, match="out has not the shape"):
        jacobian_of_rotate(p, out=np.empty((12, 11)))


def test_inside_njit():
    @njit
    def f(p):
        return jacobian_of_rotate(p), numgrad.jacobian(rotate)(p)

    for size in (4, 40):
        p = np.linspace(0.5, 2.0, size)
        for result in f(p):
            assert_allclose(result, rotate_jacobian(p), rtol=1e-14)


def test_complex_output():
    @njit
    def f(x):
        return np.exp(1j * x) * x

    expected = np.exp(0.7j) * (1.0 + 0.7j)
    assert numgrad.jacobian(f)(0.7) == pytest.approx(expected, rel=1e-15)


def test_holomorphic_function():
    @njit
    def f(z):
        return z * z * z + np.sin(z)

    z = 0.3 + 0.8j
    assert numgrad.jacobian(f)(z) == pytest.approx(3.0 * z * z + np.cos(z), rel=1e-15)


def test_varying_number_of_arguments():
    @njit
    def f(scale, *x):
        return scale * x[0] * x[1]

    assert numgrad.jacobian(f, argnums=(1, 2))(2.0, 3.0, 5.0) == (10.0, 6.0)


class Point(NamedTuple):
    x: float
    y: float


def test_named_tuple():
    @njit
    def f(point, other):
        return point.x * point.y + other.x

    result = numgrad.jacobian(f)(Point(2.0, 3.0), Point(5, 7))
    assert result == (3.0, 2.0)
    assert numgrad.jacobian(f, argnums=(0, 1))(Point(2.0, 3.0), Point(5.0, 7.0)) == (
        (3.0, 2.0),
        (1.0, 0.0),
    )


def test_default_arguments():
    @njit
    def f(x, power=2):
        return x**power

    assert numgrad.jacobian(f)(3.0) == 6.0
    assert numgrad.jacobian(f)(3.0, 3) == 27.0
    assert numgrad.jacobian(f)(3.0, power=3) == 27.0
    assert numgrad.jacobian(f)(x=3.0) == 6.0


@pytest.mark.parametrize(
    ("out_argnum", "arguments", "error", "message"),
    [
        (
            2,
            (np.ones(2), np.ones(3)),
            ValueError,
            "out_argnum is 2, but in_place was called with 2",
        ),
        (1, (np.ones(2), 3.0), TypeError, "argument 1 of in_place must be an array of floats"),
        (1, (np.ones(2), np.ones(3, int)), TypeError, "must be an array of floats"),
        ("x", (np.ones(2), np.ones(3)), TypeError, "out_argnum must be an int"),
    ],
)
def test_wrong_out_argnum(out_argnum, arguments, error, message):
    with pytest.raises(error, match=message):
        numgrad.jacobian(in_place, out_argnum=out_argnum)(*arguments)


def test_out_argnum_from_the_last():
    x, out = np.array([2.0, 3.0]), np.zeros(3)
    result = numgrad.jacobian(in_place, out_argnum=-1)(x, out)
    assert_array_equal(result, [[0.0, 6.0], [1.0, 6.0], [2.0, 6.0]])


def test_in_place_by_the_same_array():
    @njit
    def square(x):
        for i in range(x.size):
            x[i] = x[i] ** 2

    x = np.array([2.0, 3.0])
    result = numgrad.jacobian(square, out_argnum=0)(x)
    assert_array_equal(result, [[4.0, 0.0], [0.0, 6.0]])
    assert_array_equal(x, [4.0, 9.0])


def test_output_that_is_a_list():
    def listed(x):
        results = [x]
        results.append(2.0 * x)
        return results

    with pytest.raises(TypeError, match=r"returns list.* return a number, an array, or a tuple"):
        numgrad.jacobian(listed)(3.0)


@njit
def two_or_more(x, count):
    second, third = None, None
    if count > 1:
        second = x * x[0]
    if count > 2:
        third = x[0] * x[1]
    return x[0] ** 2, second, third


def test_outputs_that_may_be_none():
    x = np.array([0.3, 0.7])
    first = [2.0 * x[0], 0.0]
    jacobian = numgrad.jacobian(two_or_more)
    whole = jacobian(x, 3)
    assert_allclose(whole[0], first)
    assert_allclose(whole[1], [[2.0 * x[0], 0.0], [x[1], x[0]]])
    assert_allclose(whole[2], [x[1], x[0]])
    alone = jacobian(x, 1)
    assert_allclose(alone[0], first)
    assert alone[1:] == (None, None)
    value, tangent = numgrad.jvp(two_or_more, (x, 1), (np.array([1.0, 0.0]), None))
    assert (value[1], tangent[1]) == (None, None)
    assert_allclose(tangent[0], 2.0 * x[0])


def test_map_of_what_may_be_none():
    f = njit(lambda x: x * x if x > 0.0 else None)
    assert numgrad.derivative(f)(-1.0) is None
    with pytest.raises(TypeError, match="None for none or all"):
        numgrad.derivative(f)(np.array([-1.0, 1.0]))

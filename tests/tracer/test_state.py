"""What a function leaves in its arguments and elsewhere, and the errors that it raises."""

import math
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

derivative, grad, jacobian, hessian, vmap = (
    partial(maker, jit=False)
    for maker in (
        numgrad.derivative,
        numgrad.grad,
        numgrad.jacobian,
        numgrad.hessian,
        numgrad.vmap,
    )
)


# Written arguments


def step(x, count, kept, named, buffer, pair):
    count[0] += 1
    kept.append(2.0 * x[0])
    named["n"] = named.get("n", 0) + 1
    named["x"] = x * 2.0
    buffer[0] = x[1] * 2.0
    buffer[1:] += 1.0
    pair[1]["inner"][0] += x[0]
    return x * count[0] * buffer[0] + pair[1]["inner"][0]


def state():
    inner = np.array([0.5, 0.25])
    return np.zeros(2, int), [1.0], {"n": 3}, np.zeros(3), (1, {"inner": inner, "same": inner})


@pytest.mark.parametrize(
    "maker",
    [
        jacobian,
        hessian,
        lambda f: lambda x, *others: jacobian(partial(differently, f))(x, *others),
        lambda f: (
            lambda x, *others: numgrad.jvp(f, (x, *others), (x, *[None] * len(others)), jit=False)
        ),
    ],
    ids=["jacobian", "hessian", "nested", "jvp"],
)
def test_arguments_hold_what_one_call_leaves(maker):
    x, expected, given = np.array([1.5, 2.5]), state(), state()
    step(x.copy(), *expected)
    inner = given[4][1]["inner"]
    maker(step)(x, *given)
    assert_array_equal(x, [1.5, 2.5])
    assert_array_equal(given[0], expected[0])
    assert given[1] == expected[1]
    assert [type(each) for each in given[1]] == [type(each) for each in expected[1]]
    assert given[2].keys() == expected[2].keys()
    assert given[2]["n"] == 4
    assert type(given[2]["x"]) is np.ndarray
    assert_array_equal(given[2]["x"], expected[2]["x"])
    assert_array_equal(given[3], expected[3])
    assert given[4][1]["inner"] is given[4][1]["same"] is inner
    assert_array_equal(inner, expected[4][1]["inner"])


def differently(f, x, *others):
    return jacobian(f)(x, *others)


def test_derivatives_through_buffers_in_containers():
    def f(x, buffers):
        buffers[0][0] = x[0] * x[1]
        buffers[1]["b"][1] = buffers[0][0] * 2.0
        return buffers[1]["b"] * x[0]

    result = jacobian(f)(np.array([2.0, 3.0]), [np.zeros(2), {"b": np.zeros(2)}])
    assert_array_equal(result, [[0.0, 0.0], [24.0, 8.0]])


def test_items_are_written_once():
    def f(x):
        x[::2] *= 3.0
        return np.sum(x * x)

    x = np.arange(6.0).reshape(2, 3)
    assert_array_equal(vmap(grad(f))(x), [[0.0, 2.0, 36.0], [54.0, 8.0, 90.0]])
    assert_array_equal(x, [[0.0, 1.0, 6.0], [9.0, 4.0, 15.0]])


def test_an_inner_derivative_writes_to_an_array_of_the_outer():
    def outer(y):
        table = np.zeros(2)

        def inner(x, table):
            table[0] = x * x * y
            return table[0] * x

        return derivative(inner)(y, table) + table[0]  # 3 y^3 + y^3

    assert derivative(outer)(2.0) == 48.0
    assert derivative(derivative(outer))(2.0) == 48.0


def write_first(x, table):
    table[0] = x[0]
    return x * table[0]


TABLE = np.arange(3.0)


def test_memory_with_two_names():
    z = np.arange(4.0)
    holder = type("Holder", (), {})()
    holder.table = z[1:3]
    kept = [1.0]

    def by_argument(x, table, other):
        table[0] = x[0]
        return x * other[0]

    def by_object(x, table, holder):
        table[1] = x[0]
        return x * holder.table[0]

    def by_global(x, table):
        table[0] = x[0]
        return x * TABLE[0]

    def elsewhere(x, table):
        TABLE[0] += 1.0
        return x * table[0]

    def container(x, numbers):
        numbers.append(x[0])
        return x * kept[-1]

    for f, arguments, reason in [
        (write_first, (z, z[:2]), "with another argument"),
        (write_first, (z, z), "with another argument"),
        (lambda x, pair: write_first(x, pair[0]), (z, (z, 1.0)), "with another argument"),
        (by_argument, (np.ones(2), z, z[::2]), "with another argument"),
        (by_object, (np.ones(2), z, holder), "with another argument"),
        (by_global, (np.ones(2), TABLE), "with a variable from outside"),
        (elsewhere, (np.ones(2), TABLE), "with something it is written to by"),
        (container, (np.ones(2), kept), "with a variable from outside"),
        (write_first, (np.ones(2), np.lib.stride_tricks.as_strided(z, (3, 2), (8, 8))), "its own"),
    ]:
        with pytest.raises(numgrad.DifferentiationError, match=rf"line \d+: (.|\n)*{reason}"):
            jacobian(f)(*arguments)
    assert_array_equal(jacobian(by_argument)(np.ones(2), z[::2], z[1::2])[0], [z[1], 0.0])


def test_layouts_of_arguments():
    """Copies are made of what isn't contiguous, and of nothing else."""

    def f(x, y):
        a = np.ascontiguousarray(x)
        a[0] *= 3.0
        b = y.ravel()
        b[0] = 5.0 * x[1]
        return np.sum(x * x) + np.sum(y * y)

    x, y = np.arange(1.0, 5.0), np.arange(4.0).reshape(2, 2)
    strided = np.zeros(8)[::2]
    strided[...] = x
    for given in (x, strided, x[::-1], x.reshape(2, 2).T[0]):
        for other in (y, y.T, np.asfortranarray(y), np.zeros((2, 4))[:, ::2], y[::-1, ::-1]):
            h = 1e-6 * np.ones(given.size)
            up, down = (f(similar(given, given + s * h), similar(other, other)) for s in (1, -1))
            copies = similar(given, given), similar(other, other)
            assert_allclose(jacobian(f)(*copies) @ h, (up - down) / 2.0, rtol=1e-7)


def similar(array, values):
    """A copy with the same strides."""
    room = np.zeros(64)
    copy = np.lib.stride_tricks.as_strided(room[32:], array.shape, array.strides)
    copy[...] = values
    return copy


def test_read_only_arguments_stay_so():
    table = np.zeros(2)
    table.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        jacobian(write_first)(np.ones(2), table)


# Numbers that get out

KEPT = {}


def by_nonlocal(y):
    kept = None

    def inner(x):
        nonlocal kept
        kept = x * y
        return x * x

    return derivative(inner)(y) * kept


def by_list(y):
    kept = []

    def inner(x):
        kept.append(x)
        return x * x

    derivative(inner)(y)
    return kept[0]


def by_array(y):
    kept = np.zeros(2)

    def inner(x):
        kept[0] = x
        return x * x

    derivative(inner)(y)
    return np.sum(kept)


def by_view(y):
    kept = np.zeros(2)

    def inner(x):
        np.copyto(kept[1:], x)
        return x * x

    derivative(inner)(y)
    return kept


def by_global(y):
    def inner(x):
        KEPT["x"] = x
        return x * x

    derivative(inner)(y)
    return derivative(lambda z: z * KEPT["x"])(y)


def by_attribute(y):
    def inner(x):
        inner.kept = x
        return x * x

    derivative(inner)(y)
    return grad(lambda z: z[0] * z[1])(np.array([inner.kept, 1.0]))[0]


def by_argument_of_another(y):
    kept = []
    derivative(lambda x: kept.append(x) or x * x)(y)
    return derivative(lambda z: z * z)(kept[0])


def by_generator(y):
    def numbers(x):
        yield x
        yield x * x

    kept = []
    derivative(lambda x: kept.append(numbers(x)) or x)(y)
    return next(kept[0]) * y


@pytest.mark.parametrize(
    "f",
    [
        by_nonlocal,
        by_list,
        by_array,
        by_view,
        by_global,
        by_attribute,
        by_argument_of_another,
        by_generator,
    ],
)
def test_numbers_of_an_inner_derivative_that_get_out_are_refused(f):
    with pytest.raises(numgrad.DifferentiationError, match=r"line \d+: (.|\n)*has ended"):
        jacobian(f)(2.0)


def test_numbers_of_an_earlier_call_are_refused():
    total = 0.0

    def f(x):
        nonlocal total
        total = total + x * x
        return total

    assert derivative(f)(3.0) == 6.0
    with pytest.raises(numgrad.DifferentiationError, match="has ended"):
        derivative(f)(3.0)
    total = 1.0
    assert derivative(f)(3.0) == 6.0


def test_numbers_of_an_outer_derivative_get_in():
    def outer(y):
        return derivative(lambda x: x * x * y)(3.0) * y

    assert derivative(outer)(2.0) == 24.0


# Infinite slopes and tangents


def test_infinite_slopes_and_tangents_make_no_nan():
    f = derivative(lambda g, x: np.exp(-np.inf / g) * x)
    assert f(2.0, 3.0) == 0.0
    assert derivative(derivative(lambda g: np.exp(-np.inf / g) * g**3 + g**2))(2.0) == 2.0
    squares = lambda x: np.sum(x * x)  # noqa: E731
    x = np.array([np.inf, 1.0])
    assert_array_equal(grad(squares)(x), [np.inf, 2.0])
    assert_array_equal(hessian(squares)(x), [[2.0, 0.0], [0.0, 2.0]])
    assert_array_equal(grad(lambda x: x @ x)(x), [np.inf, 2.0])
    assert math.isnan(derivative(lambda x: x * x)(math.nan))

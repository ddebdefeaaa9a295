"""Arguments in all memory layouts: what is a view of them is one in the derivative."""

import numpy as np
import pytest
from numba import njit, types
from numba.extending import overload
from numpy.lib.stride_tricks import as_strided
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.drivers import layouts
from numgrad.transforms import on_cuda

CUBE = np.arange(1.0, 25.0).reshape(2, 3, 4)
READ_ONLY = CUBE.copy()
READ_ONLY.flags.writeable = False
LAYOUTS = {
    "C": CUBE,
    "F": np.asfortranarray(CUBE),
    "backward": CUBE[::-1, :, ::-1],
    "every second": np.arange(48.0).reshape(2, 3, 8)[:, :, ::2],
    "axes exchanged": CUBE.transpose(1, 0, 2),
    "a column of columns": np.arange(96.0).reshape(2, 3, 4, 4)[..., 1],
    "broadcast": np.broadcast_to(CUBE[0], (2, 3, 4)),
    "windows": as_strided(np.arange(9.0), (2, 3, 4), (16, 8, 8)),
    "read-only": READ_ONLY,
    "empty": CUBE[:0],
}


def differences(f, x, *rest):
    """Return the derivatives of a number by central differences, in the layout of the argument."""
    slopes = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        ends = []
        for step in (1e-4, -1e-4):
            moved = np.empty_like(x)  # in the order of memory of x
            moved[...] = x
            moved[index] += step
            ends.append(f(moved, *rest))
        slopes[index] = (ends[0] - ends[1]) / 2e-4
    return slopes


@njit
def cubes(x):
    return (x**3).sum()


first, second = numgrad.grad(cubes), numgrad.hessian(cubes)


@pytest.mark.parametrize("name", LAYOUTS)
def test_inputs_are_numbered_in_c_order(name):
    x = LAYOUTS[name]
    assert_allclose(first(x), 3.0 * x**2, rtol=1e-13)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["F", "every second"])
def test_inputs_are_numbered_in_c_order_twice(name):
    x = LAYOUTS[name]
    expected = np.diag(6.0 * x.ravel()).reshape(x.shape * 2)
    assert_allclose(second(x), expected, rtol=1e-13)


def layout(array):
    raise NotImplementedError


@overload(layout)
def _layout(array):
    number = 10.0 * "CFA".index(array.layout) + array.mutable
    return lambda array: number


@njit
def told(x):
    return layout(x) * x.sum()


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_type_says_the_layout(name):
    x = LAYOUTS[name]
    if x.size and name != "windows":  # nothing is known of layout, which might write to them
        assert_allclose(numgrad.grad(told)(x) * x.sum(), told(x), rtol=1e-12)


# Functions of square matrices whose result depends on what is a view


@njit
def through_ravel(x):
    line = x.T.ravel()
    line[0] = 5.0 * x[1, 1] * x[0, 1]
    return (x * x * x).sum() + line[1]


@njit
def through_reshape(x):
    line = x.T.reshape(-1)
    line[1] *= 3.0
    return (x * x).sum() * line[1]


@njit
def through_slices(x):
    part = x[1:, ::-1]
    part[0, 0] = x[0, 0] ** 2
    return (x * x).sum()


@pytest.mark.parametrize(
    ("f", "order"),
    [
        (through_ravel, "F"),
        (through_slices, "A"),
        pytest.param(through_reshape, "F", marks=pytest.mark.thorough),
        pytest.param(through_slices, "F", marks=pytest.mark.thorough),
    ],
)
def test_views_are_views(f, order):
    numbers = np.array([[0.7, 1.3], [0.4, 2.1]])
    x = numbers.copy(order) if order == "F" else np.repeat(numbers, 2, axis=1)[:, ::2]
    expected = differences(f, x)
    left = x.copy("K")
    value = f(left)
    for take in (
        lambda x: numgrad.value_and_grad(f)(x),
        lambda x: numgrad.jvp(f, (x,), (np.array([[1.0, 2.0], [3.0, 4.0]]),)),
    ):
        given = x[...] if order == "A" else x.copy("F")
        before = given.copy()
        found, slope = take(given)
        assert found == value
        assert_array_equal(given, left)
        along = (expected * [[1.0, 2.0], [3.0, 4.0]]).sum()
        assert_allclose(slope, expected if np.ndim(slope) else along, atol=1e-6)
        given[...] = before


@njit
def doubled(x, out):
    for index, number in np.ndenumerate(x):
        out[index] = number * x[0, 0]


def test_output_in_any_layout():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    expected = numgrad.jacobian(doubled, out_argnum=1)(x, np.empty((2, 2)))
    for out in (np.empty((2, 2), order="F"), np.empty((2, 4))[:, ::2], np.empty((2, 2))[::-1]):
        assert_array_equal(numgrad.jacobian(doubled, out_argnum=1)(x, out), expected)
        assert_array_equal(out, x)


@njit
def stand_in_of(x):
    steps = layouts.steps_like(x)
    return steps, layouts.extent_of(x.shape, steps)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "empty"])
def test_a_stand_in_goes_on_where_the_original_does(name):
    """As NumPy sees it: for each pair of axes, and the innermost one."""
    x = LAYOUTS[name]
    steps, extent = stand_in_of(x)
    memory = np.zeros(extent)
    first = sum(max(0, -step) * (n - 1) for step, n in zip(steps, x.shape, strict=True))
    stand_in = as_strided(memory[first:], x.shape, [8 * step for step in steps])
    stand_in[...] = np.arange(x.size).reshape(x.shape)
    assert len(np.unique(stand_in)) == x.size
    for part in (np.s_[:], np.s_[0], np.s_[:, 0], np.s_[:, :, 0], np.s_[1:, ::-1], np.s_[0, 0]):
        for flag in ("c_contiguous", "f_contiguous"):
            assert getattr(x[part].flags, flag) == getattr(stand_in[part].flags, flag)
    signs = np.sign(np.array(x.strides))
    assert (np.sign(np.array(steps)) * signs >= 0).all()


def test_a_stand_in_is_no_larger_than_it_must_be():
    wide = np.zeros((1000, 1000))[:, 7]
    assert stand_in_of(wide)[1] == 1999


def test_scalars_without_dimensions():
    assert numgrad.grad(njit(lambda x: x[()] ** 2))(np.array(3.0)) == 6.0
    assert layouts.duals_like(types.Array(types.float64, 0, "A"), types.float64).layout == "C"


# Elements that share memory


is_distinct = njit(lambda array: layouts.is_distinct(array))


@pytest.mark.parametrize(
    ("array", "distinct"),
    [
        (np.zeros((3, 4)).T, True),
        (np.zeros((3, 4))[::-2, ::-1], True),
        (np.zeros((0, 4)), True),
        (as_strided(np.zeros(9), (3, 2), (8, 24)), True),
        (as_strided(np.zeros(9), (3, 1), (8, 0)), True),
        (as_strided(np.zeros(9), (3, 2), (8, 8)), False),
        (as_strided(np.zeros(9), (3,), (0,)), False),
        (as_strided(np.zeros(9), (3, 2), (8, 16)), False),
        (as_strided(np.zeros(9), (3,), (4,)), False),
    ],
)
def test_elements_in_one_place(array, distinct):
    assert is_distinct(array) == distinct
    assert on_cuda.is_distinct(array) == distinct  # the same where it isn't compiled


def test_results_need_a_place_each():
    message = "several elements in one place"
    place = as_strided(np.zeros(4), (3,), (0,))
    for derive in (
        lambda: numgrad.grad(cubes)(np.ones(3), out=place),
        lambda: numgrad.derivative(lambda x: x * x)(np.ones(3), out=place),
        lambda: numgrad.vmap(lambda x: x * x)(np.ones(3), out=place),
        lambda: numgrad.hvp(cubes, np.ones(3), np.ones(3), out=as_strided(place, (3,), (4,))),
    ):
        with pytest.raises(ValueError, match=message):
            derive()
        assert not place.any()


def test_what_is_written_needs_a_place_each():
    overlapping = as_strided(np.ones(3), (2, 2), (8, 8))
    with pytest.raises(ValueError, match="several elements in one place"):
        numgrad.grad(through_slices)(overlapping)
    assert_allclose(numgrad.grad(cubes)(overlapping), 3.0 * np.ones((2, 2)))

"""What is planned for a call, and what is left to NumPy."""

import numpy as np
import pytest

from numgrad.fields.plan import Coordinates, UniformSpacing, make_plan

LINE = np.arange(4.0)


def plan_of(f, *varargs, axis=None, edge_order=1):
    return make_plan(f, varargs, axis, edge_order)


@pytest.mark.parametrize(
    ("f", "varargs"),
    [
        (LINE.astype("f2"), ()),
        (LINE.astype("g"), ()),
        (LINE.astype("G"), ()),
        (LINE > 1, ()),
        (LINE.astype(object), ()),
        (LINE.astype("M8[s]"), ()),
        (LINE.astype("m8[s]"), ()),
        (np.ma.array(LINE), ()),
        (LINE, (LINE.astype("f2"),)),
        (LINE, (LINE.astype("g"),)),
        (LINE, (LINE * 1j,)),
        (LINE, (LINE.astype("m8[s]"),)),
        (LINE, (np.ma.array(LINE),)),
        (LINE, (1j,)),
        (LINE, (True,)),
        (LINE, (np.longdouble(1),)),
        (LINE.astype("c8"), (np.int8(2),)),
        (LINE, (1, 2)),
        (LINE, (LINE[:3],)),
    ],
)
def test_numpy_answers(f, varargs):
    assert plan_of(f, *varargs) is None


@pytest.mark.parametrize("edge_order", [0, 3, 1.5, "1", None])
def test_odd_edge_orders_are_left_to_numpy(edge_order):
    assert plan_of(LINE, edge_order=edge_order) is None


@pytest.mark.parametrize(
    ("axis", "shape"), [(2, (4, 4)), (-3, (4, 4)), ((0, 0), (4, 4)), ((), (4,)), (None, (4, 1))]
)
def test_axes_that_do_not_fit_are_left_to_numpy(axis, shape):
    assert plan_of(np.zeros(shape), axis=axis) is None


@pytest.mark.parametrize(
    ("samples", "spacing", "precision"),
    [
        ("f8", 0.5, "f8"),
        ("f4", 0.5, "f4"),
        ("f4", 3, "f4"),
        ("c8", 0.5, "f4"),
        ("f4", np.float64(0.5), "f8"),
        ("f4", np.float32(0.5), "f4"),
        ("f4", np.float16(0.5), "f4"),
        ("f4", np.int8(3), "f8"),
        ("f8", np.float32(0.5), "f8"),
        ("i2", np.float32(0.5), "f8"),
        ("f4", np.array(0.5), "f8"),
        ("f4", np.array(0.5, "f4"), "f4"),
    ],
)
def test_the_precision_of_a_spacing(samples, spacing, precision):
    plan = plan_of(LINE.astype(samples), spacing)
    (planned,) = plan.spacings
    assert isinstance(planned, UniformSpacing)
    assert planned.precision == planned.weights_dtype == precision
    assert planned.row == (float(spacing), 2 * float(spacing), float(spacing))


@pytest.mark.parametrize(
    ("samples", "coordinates", "weights", "precision"),
    [
        ("f8", "f8", "f8", "f8"),
        ("f8", "f4", "f4", "f8"),
        ("f4", "f8", "f8", "f8"),
        ("f4", "f4", "f4", "f4"),
        ("f4", "i2", "f8", "f8"),
        ("u1", "f4", "f4", "f8"),
        ("c8", "f4", "f4", "f4"),
        ("c16", "u8", "f8", "f8"),
    ],
)
def test_the_precisions_of_coordinates(samples, coordinates, weights, precision):
    plan = plan_of(LINE.astype(samples), LINE.astype(coordinates))
    (planned,) = plan.spacings
    assert isinstance(planned, Coordinates)
    assert (planned.weights_dtype, planned.precision) == (weights, precision)
    assert planned.values.dtype == weights


def test_native_coordinates_are_not_copied():
    (planned,) = plan_of(LINE, LINE).spacings
    assert planned.values is LINE


@pytest.mark.parametrize("f", [LINE, LINE.astype("c8"), LINE.astype(">f8")])
def test_samples_are_not_copied(f):
    plan = plan_of(f)
    assert plan.samples is f
    assert plan.result_dtype == f.dtype


@pytest.mark.parametrize("dtype", "bBhHiIlLqQ")
def test_integers_are_derived_in_double_precision(dtype):
    plan = plan_of(LINE.astype(dtype))
    assert plan.samples.dtype == dtype
    assert plan.result_dtype == np.float64


def test_axes_come_out_in_the_order_asked_for():
    assert plan_of(np.zeros((3, 3, 3)), axis=(-1, 0)).axes == (2, 0)
    assert plan_of(np.zeros((3, 3, 3))).axes == (0, 1, 2)

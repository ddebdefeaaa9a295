"""What derivatives are compared with: a slow and obvious version, and what counts as the same."""

import math

import numpy as np


def assert_same(actual, expected):
    """Check type, dtype, shape, memory order and every bit of the values.

    All nans are the same. The signs of zeros count, but not in complex numbers, where NumPy's own
    loops differ in them from one processor to the next.
    """
    assert type(actual) is type(expected), f"a {type(actual)} instead of a {type(expected)}"
    if isinstance(expected, tuple | list):
        assert len(actual) == len(expected), f"{len(actual)} results instead of {len(expected)}"
        for ours, theirs in zip(actual, expected, strict=True):
            assert_same(ours, theirs)
        return
    for attribute in ("dtype", "shape", "strides"):
        ours, theirs = getattr(actual, attribute), getattr(expected, attribute)
        assert ours == theirs, f"{attribute} {ours} instead of {theirs}"
    if isinstance(expected, np.ma.MaskedArray):
        assert_same(np.ma.getmaskarray(actual), np.ma.getmaskarray(expected))
        actual, expected = actual.filled(0), expected.filled(0)
    different = np.argwhere(~same_values(np.asarray(actual), np.asarray(expected)))
    if len(different):
        at = tuple(different[0].tolist())
        raise AssertionError(
            f"{len(different)} of {expected.size} values differ, the first at {at}: "
            f"{np.asarray(actual)[at]!r} instead of {np.asarray(expected)[at]!r}"
        )


def same_values(a, b):
    """Return where two arrays of one dtype hold the same."""
    if a.dtype.kind == "c":
        return same_numbers(a.real, b.real) & same_numbers(a.imag, b.imag)
    if a.dtype.kind == "f":
        return same_numbers(a, b) & ((np.signbit(a) == np.signbit(b)) | np.isnan(a))
    if a.dtype.kind in "mM":
        return a.view(np.int64) == b.view(np.int64)
    return np.asarray(a == b)


def same_numbers(a, b):
    return (a == b) | (np.isnan(a) & np.isnan(b))


def random_samples(generator, shape, dtype):
    """Return samples of any dtype, with imaginary parts where it has them."""
    values = 100 * generator.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * generator.normal(size=shape)
    return values.astype(dtype)


def naive_gradient(f, spacing, axis, edge_order):
    """Return the derivative of an array along one axis, computed with Python's floats.

    ``spacing`` is a float or the coordinates of the points.
    """
    result = np.empty(np.shape(f))
    for line in np.ndindex(*np.delete(np.shape(f), axis)):
        at = (*line[:axis], slice(None), *line[axis:])
        result[at] = naive_line([float(sample) for sample in f[at]], spacing, edge_order)
    return result


def naive_line(f, spacing, edge_order):
    n = len(f)
    if isinstance(spacing, float):
        steps = [spacing] * (n - 1)
    else:
        x = [float(coordinate) for coordinate in spacing]
        steps = [x[i + 1] - x[i] for i in range(n - 1)]
    uniform = all(h == steps[0] for h in steps)
    derivatives = [math.nan] * n
    for i in range(1, n - 1):
        h1, h2 = steps[i - 1], steps[i]
        if uniform:
            derivatives[i] = (f[i + 1] - f[i - 1]) / (2.0 * h1)
        else:
            a = -h2 / (h1 * (h1 + h2))
            b = (h2 - h1) / (h1 * h2)
            c = h1 / (h2 * (h1 + h2))
            derivatives[i] = a * f[i - 1] + b * f[i] + c * f[i + 1]
    if edge_order == 1:
        derivatives[0] = (f[1] - f[0]) / steps[0]
        derivatives[-1] = (f[-1] - f[-2]) / steps[-1]
        return derivatives
    h1, h2 = steps[:2]
    if uniform:
        a, b, c = -1.5 / h1, 2.0 / h1, -0.5 / h1
    else:
        a = -(2.0 * h1 + h2) / (h1 * (h1 + h2))
        b = (h1 + h2) / (h1 * h2)
        c = -h1 / (h2 * (h1 + h2))
    derivatives[0] = a * f[0] + b * f[1] + c * f[2]
    h1, h2 = steps[-2:]
    if uniform:
        a, b, c = 0.5 / h1, -2.0 / h1, 1.5 / h1
    else:
        a = h2 / (h1 * (h1 + h2))
        b = -(h2 + h1) / (h1 * h2)
        c = (2.0 * h2 + h1) / (h2 * (h1 + h2))
    derivatives[-1] = a * f[-3] + b * f[-2] + c * f[-1]
    return derivatives


def outcome(function, *args, **kwargs):
    """Return what a function returns, or the class and the message of what it raises."""
    try:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)
    except Exception as error:
        return Failure(type(error), str(error))


class Failure:
    """An exception, to be compared with another."""

    def __init__(self, kind, message):
        self.kind, self.message = kind, message

    def __repr__(self):
        return f"{self.kind.__name__}: {self.message}"


def by_differences(function, x, h=1e-6):
    """Return the derivative of a result by each number of an argument, by central differences."""
    x = np.asarray(x, float)
    columns = []
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        columns.append((np.asarray(function(x + step)) - function(x - step)) / (2 * h))
    shape = np.shape(columns[0])
    return np.moveaxis(np.array(columns).reshape(x.shape + shape), range(x.ndim), range(-x.ndim, 0))

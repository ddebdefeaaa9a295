"""Arguments that share memory with others or with ``out``, and those of ``*args``."""

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

import numgrad
from tests.twin.functions import product


@njit
def shifted_squares(x, out):
    """Store in an array of the caller's what depends on two elements of another."""
    for i in range(x.size):
        out[i] = x[i] ** 2 + x[0]


jacobian = numgrad.jacobian(shifted_squares, out_argnum=1)


def test_columns_of_one_matrix_share_no_memory():
    matrix = np.random.default_rng(0).random((4, 6))
    expected = np.diag(2.0 * matrix[:, 2])
    expected[:, 0] += 1.0
    for column in (1, 5):
        assert_allclose(jacobian(matrix[:, 2], matrix[:, column]), expected, rtol=1e-14)
    matrix[0] = 0.0
    assert_allclose(jacobian(matrix[::2, 2], matrix[1::2, 2])[:, 0], 1.0)


def test_a_function_must_not_write_to_what_it_reads_as_another_argument():
    matrix = np.random.default_rng(0).random((4, 6))
    for x, out in (
        (matrix[:, 1], matrix[:, 1]),
        (matrix[::-1, 1], matrix[:, 1]),
        (matrix[1:, 2], matrix[:-1, 2]),
        (matrix[1, :4], matrix[:, 1]),
    ):
        before = matrix.copy()
        with pytest.raises(ValueError, match="shares memory with another argument"):
            jacobian(x, out)
        assert (matrix == before).all()


def test_derivatives_may_be_stored_where_points_are():
    slope = numgrad.derivative(product)  # of x y^2 by x: y^2
    line = np.linspace(1.0, 2.0, 9)
    for given, out in (
        (np.s_[:], np.s_[:]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:5], np.s_[4::-1]),
    ):
        y = line.copy()
        slope(1.0, y[given], out=y[out])
        assert_allclose(y[out], line[given] ** 2, rtol=1e-14)


def test_items_may_be_stored_where_others_are():
    gradient = numgrad.grad(lambda a, b: (a * a * b).sum())
    mapped = numgrad.vmap(gradient, in_axes=(0, None))
    matrix, weights = np.random.default_rng(0).random((5, 3)), np.arange(1.0, 4.0)
    for given, out, b in (
        (np.s_[:], np.s_[:], None),
        (np.s_[:-1], np.s_[1:], None),
        (np.s_[:], np.s_[:], 0),
    ):
        place = matrix.copy()
        expected = 2.0 * matrix[given] * (weights if b is None else matrix[b])
        mapped(place[given], weights if b is None else place[b], out=place[out])
        assert_allclose(place[out], expected, rtol=1e-14)


def test_numbers_of_a_loop_over_args():
    def chain(first, *others):
        total = first
        for each in others:
            total = total * each
        return total

    assert numgrad.grad(chain, 1)(2.0, 3.0, 4.0) == 8.0
    assert numgrad.jacobian(numgrad.grad(chain), -1)(2.0, 3.0, 4.0) == 3.0

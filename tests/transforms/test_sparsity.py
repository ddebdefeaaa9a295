"""Patterns of functions: those of the suite's lists, and the settings."""

import numpy as np
import pytest
from numba import njit

import numgrad
from numgrad.numbers.pattern.type import LISTED
from numgrad.transforms import sparsity
from numgrad.transforms.sparsity import of_found, pattern_entries
from tests.arrays import expressions as arrays
from tests.arrays import test_statistics as statistics
from tests.arrays.linalg import test_linear_algebra as matrices
from tests.drivers.reverse import programs, sums
from tests.numbers.tape import loop_programs

# The dense derivative is zero outside the pattern, always.


def check(f, *arguments):
    """Compare patterns by bits and by sets in memory with the dense Jacobian."""
    results = numgrad.jacobian(f)(*arguments)
    results = results if isinstance(results, tuple) else (results,)
    size = np.size(arguments[0])
    dense = [np.reshape(each, (-1, size)) for each in results if each is not None]
    dense = np.concatenate(dense)
    listed = pattern_entries(f, 0, LISTED, None)
    for pattern in (numgrad.sparsity(f, *arguments), of_found(listed, arguments, 1 << 22)):
        assert pattern.shape == dense.shape
        assert not np.any(dense[~pattern.toarray()])


GROUPS = [((4,), statistics.EXPRESSIONS), *arrays.groups(1)]


@pytest.mark.thorough
@pytest.mark.parametrize(("shape", "lines"), GROUPS)
def test_arrays(shape, lines):
    check(njit(arrays.function(lines)), *arrays.arguments(shape))


@pytest.mark.thorough
@pytest.mark.parametrize("first", range(0, len(matrices.LINES), arrays.TOGETHER))
def test_linear_algebra(first):
    names = {"np": np, "up": matrices.up, "A": matrices.point(), "b": np.ones(3)}
    source = "def f(x):\n    y = np.concatenate((x, x[:1] * x[1:2]))\n"
    source += "    z = np.ascontiguousarray(y.T)\n    return (\n"
    lines = matrices.LINES[first : first + arrays.TOGETHER]
    source += "".join(f"        {each},\n" for each in lines) + "    )\n"
    exec(source, names)
    check(njit(names["f"]), matrices.point())


FOUR, TWELVE = np.array([1.1, 0.7, 0.9, 1.3]), np.linspace(0.3, 1.2, 12)
PROGRAMS = [
    pytest.param(f, x, id=name)
    for listed, x in (
        (programs.PROGRAMS, FOUR),
        (sums.SUMS, FOUR),
        (loop_programs.PROGRAMS, TWELVE),
    )
    for name, f in listed.items()
]


@pytest.mark.thorough
@pytest.mark.parametrize(("f", "x"), PROGRAMS)
def test_programs(f, x):
    check(f, x)


@pytest.mark.thorough
@pytest.mark.parametrize(("f", "x"), PROGRAMS)
def test_programs_at_second_order(f, x):
    dense = numgrad.hessian(f)(x)
    pattern = numgrad.sparsity(f, x, order=2)
    assert not np.any(dense[~pattern.toarray()])


# Settings


@njit
def differences(x, scale):
    return scale * (x[1:] - x[:-1]) ** 2


@njit
def energy(x, scale):
    return np.sum(differences(x, scale))


def test_first_order():
    pattern = numgrad.sparsity(differences, np.ones(5), 0.0)
    assert pattern == numgrad.Pattern.of(np.eye(4, 5) + np.eye(4, 5, 1))
    scale = numgrad.sparsity(differences, np.ones(5), 0.0, argnums=-1)
    assert scale == numgrad.Pattern.of(np.ones((4, 1)))
    both = numgrad.sparsity(differences, np.ones(5), 0.0, argnums=(1, 0))
    np.testing.assert_array_equal(both.toarray(), np.hstack([scale.toarray(), pattern.toarray()]))


@pytest.mark.parametrize("n", [pytest.param(6, marks=pytest.mark.thorough), 600])
def test_second_order(n):
    """By bits and by sets in memory, where a factor is 0 and terms that cancel."""
    pattern = numgrad.sparsity(energy, np.ones(n), 0.0, order=2)
    assert pattern.symmetric
    band = sum(np.eye(n, k=k) for k in (-1, 0, 1))
    np.testing.assert_array_equal(pattern.toarray(), band != 0.0)


def test_nan_is_left_alone():
    """A gradient that is nan has a pattern: it is not computed again in forward mode."""
    pattern = numgrad.sparsity(energy, np.full(600, np.nan), 1.0, order=2)
    assert pattern.nnz == 600 + 2 * 599


def test_points():
    def either(x, y):
        return x * y if x[0] > 0.0 else x.copy()

    x, y = np.ones(3), np.ones(3)
    found = numgrad.sparsity(either, -x, y, argnums=(0, 1), at=[(x, y)])
    assert found == numgrad.Pattern.of(np.hstack([np.eye(3)] * 2))
    assert numgrad.sparsity(either, -x, y, argnums=1).nnz == 0
    assert numgrad.sparsity(either, x, y, argnums=1, at=iter([2 * y])).nnz == 3


def test_much_memory_is_no_help_to_a_function_that_is_not_sparse(monkeypatch):
    """It is run for a few hundred inputs at a time instead."""
    for name in ("MOST_BYTES_AN_INPUT", "MOST_BYTES"):
        monkeypatch.setattr(sparsity, name, 0)
    x = np.ones(1200)
    pattern = numgrad.sparsity(differences, x, 1.0)
    assert pattern == numgrad.Pattern.of(np.eye(1199, 1200) + np.eye(1199, 1200, 1))


def test_what_has_no_pattern():
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        numgrad.sparsity(energy, np.ones(3), 1.0, order=3)
    with pytest.raises(TypeError, match="leave out_argnum out"):
        numgrad.sparsity(energy, np.ones(3), 1.0, order=2, out_argnum=0)
    with pytest.raises(ValueError, match="argnums has 2, but"):
        numgrad.sparsity(energy, np.ones(3), 1.0, argnums=2)
    with pytest.raises(TypeError, match="can't be differentiated by"):
        numgrad.sparsity(differences, np.ones(3), 1, argnums=1)
    with pytest.raises(numgrad.DifferentiationError):
        numgrad.sparsity(lambda x: np.packbits(x.view(np.uint8)), np.ones(3))

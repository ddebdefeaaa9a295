"""gradient inside compiled code against numpy.gradient outside."""

import importlib.metadata
import os
import subprocess
import sys
import textwrap

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

import numgrad
from numgrad.fields.compiled.registration import register
from numgrad.targets import stamps

register()  # as the entry point does where the package is installed

rng = np.random.default_rng(20261122)


def same(actual, expected):
    actual = actual if isinstance(actual, tuple) else (actual,)
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert len(actual) == len(expected)
    for mine, numpys in zip(actual, expected, strict=True):
        assert mine.dtype == numpys.dtype
        np.testing.assert_array_equal(mine, numpys, strict=True)


@numba.njit
def all_axes(f):
    return np.gradient(f)


@numba.njit
def own_name_with_spacing(f, h):
    return numgrad.gradient(f, h)


@numba.njit
def last_axis_second_order(f, x):
    return np.gradient(f, x, axis=-1, edge_order=2)


@numba.njit
def two_spacings(f, x, y):
    return numgrad.gradient(f, x, y, edge_order=2)


@numba.njit
def swapped_axes(f):
    return np.gradient(f, 2, axis=(1, 0))


@numba.njit
def into(f, x, out):
    return numgrad.gradient(f, x, axis=0, out=out)


@numba.njit
def into_both(f, out):
    return numgrad.gradient(f, out=out)


def test_machine_code_says_which_numgrad_made_it(monkeypatch):
    all_axes(rng.random(5))
    linked = next(iter(all_axes.overloads.values()))._find_referenced_environments()
    (stamp,) = (each for one in linked for each in one.consts if type(each) is stamps.PackageStamp)
    restore, arguments = stamp.__reduce__()
    monkeypatch.setattr(stamps, "loading", lambda: "a cache")
    assert type(restore(*arguments)) is stamps.PackageStamp
    monkeypatch.setattr(numgrad, "__version__", "99.0")
    with pytest.raises(stamps.StaleError):
        restore(*arguments)


@pytest.mark.parametrize(
    "f",
    [
        rng.random(2),
        rng.random(5000),
        rng.integers(-100, 100, (4, 5), np.int16),
        rng.random((3, 4, 5)).astype(np.complex64),
        np.array([np.nan, 1.0, np.inf, 2.0, -np.inf, -0.0]),
    ],
    ids=["two", "blocks", "int16", "complex64", "special"],
)
def test_all_axes(f):
    same(all_axes(f), np.gradient(f))


def test_memory_orders():
    f = rng.random((6, 7))
    same(all_axes(f[::-1, ::2]), np.gradient(f[::-1, ::2]))


@pytest.mark.thorough
def test_more_memory_orders():
    f = rng.random((6, 7))
    same(all_axes(np.asfortranarray(f)), np.gradient(f))
    same(all_axes(np.broadcast_to(f[:, :1], (6, 9))[::2]), np.gradient(np.repeat(f[::2, :1], 9, 1)))


def test_read_only_and_empty():
    f = rng.random(5)
    f.flags.writeable = False
    same(all_axes(f), np.gradient(f))
    nothing, x = np.empty((0, 9)), np.sort(rng.random(9))
    same(
        last_axis_second_order(nothing, x),
        np.gradient(nothing, x, axis=-1, edge_order=2),
    )


SPACINGS = [(np.float32, 0.1), (np.float32, np.float32(0.3)), (np.float64, 3)]
MORE_SPACINGS = [(np.float32, 3), (np.float64, 0.1), (np.float64, np.float32(0.3))]


@pytest.mark.parametrize(
    ("dtype", "h"),
    [*SPACINGS, *(pytest.param(*each, marks=pytest.mark.thorough) for each in MORE_SPACINGS)],
)
def test_scalar_spacing(dtype, h):
    f = rng.random(40).astype(dtype)
    # a float64 in compiled code can't be told from a Python float, and counts as one
    same(own_name_with_spacing(f, h), np.gradient(f, h))


def test_coordinates():
    f = rng.random((5, 9))
    for x in (
        np.sort(rng.random(9)),
        np.arange(9.0)[::-1],
        np.array([0, 1, 4, 5, 5, 8, 9, 12, 20]),
    ):
        with np.errstate(all="ignore"):
            expected = np.gradient(f, x, axis=-1, edge_order=2)
        same(last_axis_second_order(f, x), expected)


def test_long_axis_of_coordinates():
    f, x = rng.random(20_000), np.sort(rng.random(20_000))
    same(last_axis_second_order(f, x), np.gradient(f, x, edge_order=2))


def test_mixed_spacings_and_precisions():
    f = rng.random((6, 7)).astype(np.float32)
    x = np.sort(rng.random(7))
    same(two_spacings(f, 0.5, x), np.gradient(f, 0.5, x, edge_order=2))


@pytest.mark.thorough
def test_coordinates_in_two_precisions():
    f = rng.random((6, 7)).astype(np.float32)
    x = np.sort(rng.random(7))
    y = np.sort(rng.random(6)).astype(np.float32)
    same(two_spacings(f, y, x), np.gradient(f, y, x, edge_order=2))


def test_axes_in_any_order():
    f = rng.random((4, 6))
    same(swapped_axes(f), np.gradient(f, 2, axis=(1, 0)))


def test_out():
    f, x = rng.random((8, 5)), np.sort(rng.random(8))
    out = np.zeros_like(f)
    same(into(f, x, out), np.gradient(f, x, axis=0))
    same(out, np.gradient(f, x, axis=0))
    both = np.zeros_like(f), np.zeros_like(f)
    into_both(f, both)
    same(both, np.gradient(f))


@pytest.mark.thorough
def test_out_with_gaps():
    f, x = rng.random((8, 5)), np.sort(rng.random(8))
    strided = np.zeros((8, 10))[:, ::2]
    into(f, x, strided)
    same(strided, np.gradient(f, x, axis=0))


def test_out_that_does_not_fit_stays_as_it_is():
    f, x = rng.random((8, 5)), np.sort(rng.random(8))
    wrong = np.zeros((5, 8))
    with pytest.raises(ValueError, match="shape of f"):
        into(f, x, wrong)
    with pytest.raises(ValueError, match="shares memory"):
        into(f, x, f)
    kept = f.copy()
    with pytest.raises(ValueError, match="shares memory"):
        into_both(f, (np.zeros_like(f), f))
    assert not wrong.any()
    np.testing.assert_array_equal(f, kept)
    line = np.sort(rng.random(8))
    with pytest.raises(ValueError, match="shares memory"):
        into(rng.random(8), line, line)


@numba.njit(parallel=True)
def each_row(fields, result):
    for i in numba.prange(len(fields)):
        result[i] = np.gradient(fields[i], 0.25)


def test_inside_prange():
    fields = rng.random((64, 300))
    result = np.empty_like(fields)
    each_row(fields, result)
    same(result, np.gradient(fields, 0.25, axis=1))


def test_runtime_errors_are_numpys():
    with pytest.raises(ValueError, match="Shape of array too small"):
        all_axes(np.ones(1))
    with pytest.raises(ValueError, match="must match the length"):
        last_axis_second_order(rng.random((5, 9)), np.arange(8.0))


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        (lambda f: np.gradient(f), (np.ones(3, bool),), "samples must be"),
        (lambda f: np.gradient(f, 1.0, 2.0), (np.ones(3),), "invalid number of arguments"),
        (lambda f: np.gradient(f, axis=2), (np.ones((3, 3)),), "axis 2 is out of bounds"),
        (lambda f: np.gradient(f, axis=(0, 0)), (np.ones((3, 3)),), "repeated axis"),
        (lambda f, a: np.gradient(f, axis=a), (np.ones(3), 0), "axis must be a constant"),
        (lambda f, e: np.gradient(f, edge_order=e), (np.ones(3), 1), "edge_order must be a const"),
        (lambda f: np.gradient(f, edge_order=3), (np.ones(3),), "greater than 2 not supported"),
        (lambda f, h: np.gradient(f, h), (np.ones(3), 1j), "a spacing must be"),
        (lambda f, h: np.gradient(f, h), (np.ones(3), np.ones((3, 1))), "scalars or 1d"),
        (
            lambda f, o: np.gradient(f, out=o),
            (np.ones(3), np.ones(3)),
            "numpy.gradient has no out, no target",
        ),
        (lambda f: numgrad.gradient(f, target="cuda"), (np.ones(3),), "runs on the CPU"),
        (lambda f, o: numgrad.gradient(f, out=o), (np.ones(3), np.ones(3, np.float32)), "of dtype"),
    ],
)
def test_compile_errors_name_the_reason(function, arguments, reason):
    with pytest.raises(TypingError, match=reason):
        numba.njit(function)(*arguments)


PROGRAM = """
    import sys
    import numpy as np
    import numba

    @numba.njit(cache=True)
    def slope(f, x):
        return np.gradient(f, x)

    f, x = np.arange(5.0) ** 2, np.array([0.0, 1.0, 3.0, 4.0, 6.0])
    np.testing.assert_array_equal(slope(f, x), np.gradient(f, x))
    print(sum(slope.stats.cache_hits.values()), "numgrad" in sys.modules)
"""


@pytest.fixture
def installed():
    try:
        importlib.metadata.version("numba-numgrad")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("numgrad is imported from a folder, not installed: Numba can't find it")


def run_program(path, cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.usefixtures("installed")
def test_users_cache_works_in_a_second_process_without_importing_numgrad(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    assert run_program(program, tmp_path / "cache")[0] == "0"
    assert run_program(program, tmp_path / "cache")[0] == "1"

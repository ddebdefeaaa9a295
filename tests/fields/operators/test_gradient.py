"""``numgrad.gradient`` against ``numpy.gradient``: NumPy's own tests, every path, every class."""

import itertools

import numpy as np
import pytest

import numgrad
from numgrad.fields.kernels.lanes import HAS_NON_TEMPORAL_STORES
from tests.fields.reference import assert_same, naive_gradient, outcome

try:
    import numpy.lib.tests.test_function_base as numpy_tests
except ImportError:  # some distributions leave NumPy's tests out
    numpy_tests = None


def numpy_gradient(*args, **kwargs):
    with np.errstate(all="ignore"):
        return np.gradient(*args, **kwargs)


@pytest.fixture
def generator():
    return np.random.default_rng(2024)


def random_samples(generator, shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return generator.integers(0, 100, shape).astype(dtype)
    values = generator.normal(size=shape)
    if dtype.kind == "c":
        values = values + 1j * generator.normal(size=shape)
    return values.astype(dtype)


# NumPy's own tests


if numpy_tests is None:

    @pytest.mark.skip(reason="this NumPy comes without its tests")
    def test_numpys_own_tests():
        pass

else:

    class TestGradient(numpy_tests.TestGradient):
        """NumPy's tests of ``gradient``, of our function."""

        @pytest.fixture(autouse=True)
        def _ours_in_place_of_numpys(self, monkeypatch):
            monkeypatch.setattr(numpy_tests, "gradient", numgrad.gradient)
            monkeypatch.setattr(np, "gradient", ours_unless_asked_by_ours)

    def test_numpys_own_tests_are_all_here(request):
        names = [item.name for item in request.session.items if item.parent.name == "TestGradient"]
        # with other tests deselected there may be fewer
        assert len(names) >= 28 or len(request.session.items) < 100


theirs = np.gradient


def ours_unless_asked_by_ours(f, *varargs, axis=None, edge_order=1):
    """Stand in for ``np.gradient``, which numgrad itself asks for what it can't hold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "gradient", theirs)
        return numgrad.gradient(f, *varargs, axis=axis, edge_order=edge_order)


# Against plain Python


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("spacing", [1.0, 0.1, "uniform", "ascending", "descending"])
@pytest.mark.parametrize("shape", [(3,), (50,), (4, 7), (3, 4, 5)])
def test_equal_to_plain_python(generator, shape, spacing, edge_order):
    f = generator.normal(size=shape)
    for axis, length in enumerate(shape):
        h = spacing
        if isinstance(spacing, str):
            h = np.arange(length) * 0.25
        if spacing in ("ascending", "descending"):
            h = np.cumsum(generator.random(length) + 0.1) * (1 if spacing == "ascending" else -1)
        expected = naive_gradient(f, h, axis, edge_order)
        assert_same(numgrad.gradient(f, h, axis=axis, edge_order=edge_order), expected)
        assert_same(np.gradient(f, h, axis=axis, edge_order=edge_order), expected)


# Every path through the kernels


def real_dtype(dtype):
    """Return the dtype of coordinates of the same precision."""
    return np.dtype(dtype).char.lower() if np.dtype(dtype).kind in "fc" else "d"


def every_spacing(generator, shape, dtype):
    """Yield arguments of all kinds of spacing for every axis."""
    real = real_dtype(dtype)
    yield ()
    yield (0.3,)
    varying = [np.cumsum(generator.random(n) + 0.1).astype(real) for n in shape]
    yield tuple(varying)
    even = [np.arange(n).astype(real) for n in shape]
    yield tuple(even)
    # some axes in the shared precision, some not
    yield tuple(x if k % 2 else 0.5 for k, x in enumerate(varying))


SHAPES = [
    (2,),
    (3,),
    (4,),
    (63,),
    (67,),
    (1000,),
    (2, 2),
    (2, 70),
    (70, 2),
    (3, 65),
    (65, 3),
    (37, 41),
    (3, 200),
    (2, 3, 129),
    (129, 3, 2),
    (5, 64, 3),
    (11, 13, 17),
    (3, 1, 5),
    (3, 4, 3, 5),
]

PATHS = {
    "serial": {},
    "parallel": {"parallel": True},
    "small blocks": {"blocks": True},
    "streamed": {"streamed": True},
    "streamed in parallel": {"streamed": True, "parallel": True, "blocks": True},
    "streamed, no table": {"streamed": True, "tabulated": False, "blocks": True},
    "no table": {"tabulated": False},
    "marching": {"march": True, "blocks": True},
}


# every path for float64, and two for complex numbers of at most two dimensions, which single
# precision and integers take at any alignment and in large arrays below; all if all is asked for
PATHS_OF_DTYPES = [(name, "f8", 4) for name in PATHS]
PATHS_OF_DTYPES += [("parallel", "c16", 2), ("marching", "c16", 2)]
PATHS_OF_DTYPES += [
    pytest.param(name, other, 4, marks=pytest.mark.thorough)
    for name in ("parallel", "streamed in parallel", "streamed, no table", "marching")
    for other in ("f4", "c16", "i4")
]


@pytest.mark.parametrize(("name", "dtype", "rank"), PATHS_OF_DTYPES)
def test_every_path(generator, path, name, dtype, rank):
    path(**PATHS[name])
    for shape, order in itertools.product([s for s in SHAPES if len(s) <= rank], "CF"):
        f = np.asarray(random_samples(generator, shape, dtype), order=order)
        axis = tuple(k for k, n in enumerate(shape) if n > 1)
        for spacing in every_spacing(generator, [shape[k] for k in axis], dtype):
            for edge_order in (1, 2) if min(shape[k] for k in axis) > 2 else (1,):
                keywords = {"axis": axis, "edge_order": edge_order}
                expected = numpy_gradient(f, *spacing, **keywords)
                assert_same(numgrad.gradient(f, *spacing, **keywords), expected)


@pytest.mark.parametrize(("name", "dtype", "rank"), PATHS_OF_DTYPES)
def test_every_path_one_axis_of_many(generator, path, name, dtype, rank):
    path(**PATHS[name])
    shapes = [s for s in [(70, 71), (9, 10, 130), (130, 10, 9)] if len(s) <= rank]
    for shape, order in itertools.product(shapes, "CF"):
        f = np.asarray(random_samples(generator, shape, dtype), order=order)
        for axis, n in enumerate(shape):
            for spacing in every_spacing(generator, (n,), dtype):
                expected = numpy_gradient(f, *spacing, axis=axis, edge_order=2)
                assert_same(numgrad.gradient(f, *spacing, axis=axis, edge_order=2), expected)


def rolled(f):
    return np.moveaxis(np.moveaxis(f, 0, -1).copy(), -1, 0)


STRIDED = {
    "thinned": lambda f: np.repeat(f, 2, axis=-1)[..., ::2],
    "thinned outside": lambda f: np.repeat(f, 2, axis=0)[::2],
    "reversed": lambda f: f[..., ::-1].copy()[..., ::-1],
    "all reversed": lambda f: np.flip(np.flip(f).copy()),
    "broadcast inside": lambda f: np.broadcast_to(f[..., :1], f.shape),
    "broadcast outside": lambda f: np.broadcast_to(f[:1], f.shape),
    "rolled": rolled,
    "part of rows": lambda f: np.concatenate([f, f], axis=-1)[..., : f.shape[-1]],
}


@pytest.mark.parametrize("dtype", ["f8", pytest.param("c16", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", ["serial", "parallel", "streamed in parallel", "no table"])
def test_every_path_strided(generator, path, name, dtype):
    path(**PATHS[name])
    for shape, layout in itertools.product([(3,), (65,), (37, 41), (5, 64, 3)], STRIDED.values()):
        f = layout(random_samples(generator, shape, dtype))
        for spacing in every_spacing(generator, shape, dtype):
            expected = numpy_gradient(f, *spacing, edge_order=2)
            assert_same(numgrad.gradient(f, *spacing, edge_order=2), expected)


@pytest.mark.parametrize("dtype", ["f8", "c16"])
def test_tables_outlive_the_buffers_of_the_kernel(generator, path, dtype):
    # a buffer as large as a table would be given the memory of a table that is freed too early
    path(streamed=True)
    for n in range(2, 40):
        f = random_samples(generator, n, dtype)
        assert_same(numgrad.gradient(f), np.gradient(f))


@pytest.mark.skipif(not HAS_NON_TEMPORAL_STORES, reason="no non-temporal stores here")
@pytest.mark.parametrize("dtype", ["f8", "f4", "c16"])
@pytest.mark.parametrize("axis", [0, 1])
def test_streamed_results_start_at_any_alignment(generator, path, dtype, axis):
    path(streamed=True)
    f = random_samples(generator, (33, 70), dtype)
    x = np.cumsum(generator.random(f.shape[axis]) + 0.1).astype(f.real.dtype)
    for spacing in ((0.5,), (x,)):
        expected = np.gradient(f, *spacing, axis=axis)
        for offset in range(64 // f.itemsize + 1):
            memory = np.full(f.size + 17, -1, dtype)
            out = memory[offset : offset + f.size].reshape(f.shape)
            assert numgrad.gradient(f, *spacing, axis=axis, out=out) is out
            assert_same(out, expected)
            assert (memory[:offset] == -1).all()
            assert (memory[offset + f.size :] == -1).all()


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
def test_large_arrays(generator, dtype):
    # on all threads, and past the cache where that is usual
    f = random_samples(generator, (160, 150, 120), dtype)
    x = [np.cumsum(generator.random(n) + 0.1).astype(real_dtype(dtype)) for n in f.shape]
    assert_same(numgrad.gradient(f), np.gradient(f))
    assert_same(numgrad.gradient(f, *x, edge_order=2), np.gradient(f, *x, edge_order=2))
    assert_same(numgrad.gradient(f.T, x[1], axis=1), np.gradient(f.T, x[1], axis=1))


@pytest.mark.parametrize("spacing", ["scalar", "uniform", "varying"])
def test_a_long_line(generator, spacing):
    f = generator.normal(size=3_000_001)
    x = {"scalar": 0.1, "uniform": np.arange(f.size) * 0.5, "varying": np.cumsum(f**2 + 0.1)}
    assert_same(numgrad.gradient(f, x[spacing]), np.gradient(f, x[spacing]))


@pytest.mark.parametrize("at", [1, 1023, 1024, 1025, 2047, 2999])
def test_uniformity_is_lost_at_any_point(generator, at):
    f, x = generator.normal(size=3001), np.arange(3001.0)
    x[at:] += 0.5
    assert_same(numgrad.gradient(f, x), np.gradient(f, x))


# Arguments of other classes


@pytest.mark.filterwarnings("ignore:Warning. converting a masked element to nan")
def test_masked_arrays(generator):
    f = np.ma.array(generator.normal(size=(5, 6)), mask=generator.random((5, 6)) < 0.2)
    assert_same(numgrad.gradient(f), np.gradient(f))
    x = np.ma.array([0.0, 1.0, 3.0, 4.0, 7.0], mask=[False, True, False, False, False])
    f = np.arange(5.0)
    assert_same(outcome(numgrad.gradient, f, x), outcome(np.gradient, f, x))


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_matrices():
    f = np.matrix([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0], [2.0, 8.0, 8.0]])
    assert_same(outcome(numgrad.gradient, f), outcome(np.gradient, f))


def test_memory_maps(tmp_path, generator):
    f = np.memmap(tmp_path / "samples", np.float64, "w+", shape=(4, 5))
    f[...] = generator.normal(size=f.shape)
    assert_same(numgrad.gradient(f), np.gradient(f))
    out = np.memmap(tmp_path / "results", np.float64, "w+", shape=(4, 5))
    assert numgrad.gradient(np.array(f), axis=1, out=out) is out
    np.testing.assert_array_equal(out, np.gradient(f, axis=1))


class Metres(np.ndarray):
    """A class with a mind of its own."""

    def __array_finalize__(self, other):
        self.unit = getattr(other, "unit", "m")


def test_subclasses():
    f = np.arange(6.0).view(Metres)
    actual = numgrad.gradient(f)
    assert_same(actual, np.gradient(f))
    assert actual.unit == "m"


class Lazy:
    """An array of another library, which answers NumPy's functions itself."""

    def __array_function__(self, function, types, args, kwargs):
        return function.__name__, args[1:], kwargs


def test_arrays_of_other_libraries_answer_themselves():
    expected = ("gradient", (0.5,), {"axis": 0, "edge_order": 1})
    assert numgrad.gradient(Lazy(), 0.5, axis=0) == expected


class Series:
    """Something with an array inside, like a column of pandas."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def test_strings():
    f = np.array(["a", "b", "c"], np.dtypes.StringDType())
    with pytest.raises(TypeError, match="ufunc 'subtract' did not contain a loop"):
        numgrad.gradient(f)
    with pytest.raises(TypeError, match="ufunc 'subtract' did not contain a loop"):
        numgrad.gradient(np.arange(3.0), f)


def test_zeros_of_both_signs_as_coordinates():
    f, x = np.array([1.0, 2.0, 4.0, 8.0, 9.0]), np.array([-0.0, 0.0, -0.0, 0.0, -0.0])
    for edge_order in (1, 2):
        for some in (slice(None), slice(0, 3), slice(1, 4)):
            with np.errstate(all="ignore"):
                expected = np.gradient(f[some], x[some], edge_order=edge_order)
            assert_same(numgrad.gradient(f[some], x[some], edge_order=edge_order), expected)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "f2"])
def test_objects_with_an_array_inside(dtype):
    f, x = np.array([1, 2, 4, 8], dtype), np.array([0.0, 1.0, 3.0, 4.0])
    assert_same(numgrad.gradient(Series(f), Series(x)), np.gradient(Series(f), Series(x)))


@pytest.mark.parametrize("f", [[1, 2, 4], (1.5, 2, 4), [[1, 2], [3, 5]], [1 + 1j, 2], range(5)])
def test_sequences(f):
    assert_same(numgrad.gradient(f), np.gradient(f))


def test_rank_zero_has_no_axes():
    assert numgrad.gradient(3.0) == ()
    assert numgrad.gradient(np.array(3.0)) == ()


def test_the_highest_rank_numpy_allows(generator):
    f = generator.normal(size=(1,) * 60 + (3, 2, 2, 3))
    axis = (60, 63, 61)
    assert_same(numgrad.gradient(f, axis=axis), np.gradient(f, axis=axis))
    f = f[:, :, ::-1].transpose()
    assert_same(numgrad.gradient(f, axis=(0, 2)), np.gradient(f, axis=(0, 2)))


# Errors


@pytest.mark.parametrize(
    ("f", "varargs", "keywords"),
    [
        (np.arange(1.0), (), {}),
        (np.arange(2.0), (), {"edge_order": 2}),
        (np.zeros((3, 1)), (), {}),
        (np.zeros((0, 3)), (), {}),
        (np.zeros((0, 3)), (), {"axis": 1}),
        (np.arange(4.0), (1, 1), {}),
        (np.zeros((3, 3)), (1, 1, 1), {}),
        (np.arange(4.0), (np.arange(3.0),), {}),
        (np.arange(4.0), (np.zeros((4, 1)),), {}),
        (np.arange(4.0), (), {"edge_order": 3}),
        (np.arange(4.0), (), {"edge_order": "1"}),
        (np.arange(4.0), (), {"axis": 1}),
        (np.arange(4.0), (), {"axis": (0, 0)}),
        (np.arange(4.0), (), {"axis": 1.5}),
        (np.arange(4.0), ("1",), {}),
        (np.arange(4.0), (0,), {"edge_order": 2}),
        (["a", "b"], (), {}),
        ([[1, 2], [3]], (), {}),
        (None, (), {"axis": 0}),
    ],
)
def test_numpys_errors(f, varargs, keywords):
    expected = outcome(np.gradient, f, *varargs, **keywords)
    actual = outcome(numgrad.gradient, f, *varargs, **keywords)
    if isinstance(expected, np.ndarray):
        assert_same(actual, expected)
    else:
        assert repr(actual) == repr(expected)


def test_no_warnings():
    # division by zero and invalid values: NumPy warns of them, compiled code doesn't
    f = np.array([1.0, np.inf, 3.0, 1e308, -1e308])
    numgrad.gradient(f, 0.0)
    numgrad.gradient(f, np.float64(0.0), edge_order=2)
    numgrad.gradient(f, np.array([0.0, 0.0, 1.0, 1.0, 2.0]), edge_order=2)


# target=


@pytest.mark.parametrize("target", ["auto", "cpu"])
def test_targets(target):
    assert_same(numgrad.gradient([1.0, 2.0, 4.0], target=target), np.gradient([1.0, 2.0, 4.0]))


@pytest.mark.parametrize("target", ["gpu", None, 1, "CPU"])
def test_unknown_targets(target):
    with pytest.raises(ValueError, match=f"target must be one of auto, cpu, cuda, not {target!r}"):
        numgrad.gradient([1.0, 2.0], target=target)

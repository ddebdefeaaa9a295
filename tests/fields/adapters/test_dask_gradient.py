import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numgrad
from tests.fields.reference import assert_same

da = pytest.importorskip("dask.array", reason="needs Dask")
dask = pytest.importorskip("dask")

GENERATOR = np.random.default_rng(78)
SHAPE = 8, 7, 5
X = np.cumsum(GENERATOR.integers(1, 3, 8)).astype(float)  # uneven, and often not locally
CHUNKS = [(1, 1, 1), (4, 5, 5), ((3, 1, 1, 3), (5, 2), (2, 3)), SHAPE, (2, 3, 2)]


def assert_numpys(lazy, f, *varargs, **options):
    plain = [v.compute() if isinstance(v, da.Array) else v for v in varargs]
    result = dask.compute(numgrad.gradient(lazy, *varargs, **options), scheduler="sync")[0]
    assert_same(result, np.gradient(f, *plain, **options))


@pytest.mark.parametrize(
    ("chunks", "dtype"),
    [
        *((chunks, "f8") for chunks in CHUNKS),
        *((CHUNKS[2], d) for d in ("f2", "O")),
        *(pytest.param(CHUNKS[2], d, marks=pytest.mark.thorough) for d in ("c16", "f4", "i4")),
    ],
    ids=str,
)
def test_numpys_values(chunks, dtype):
    f = (100 * GENERATOR.normal(size=SHAPE)).astype(dtype)
    lazy = da.from_array(f, chunks=chunks)
    for edge_order in (1, 2):
        options = {"edge_order": edge_order}
        assert_numpys(lazy, f, **options)
        assert_numpys(lazy, f, X, 0.5, np.float32(2), **options)
        assert_numpys(lazy, f, da.from_array(X, chunks=2), axis=0, **options)
        assert_numpys(lazy, f, np.arange(8) * 0.1, axis=0, **options)
        assert_numpys(lazy, f, 2.0, axis=(2, 0), **options)


@settings(max_examples=15)
@given(st.data())
def test_any_chunks(data):
    draw = data.draw
    n = draw(st.integers(3, 14))
    sizes = []
    while sum(sizes) < n:
        sizes.append(draw(st.integers(1, n - sum(sizes))))
    x = np.cumsum(draw(st.lists(st.sampled_from([1.0, 2.0]), min_size=n, max_size=n)))
    f = GENERATOR.normal(size=(n, 3))
    lazy = da.from_array(f, chunks=(tuple(sizes), 2))
    assert_numpys(lazy, f, x, 1.0, edge_order=draw(st.sampled_from([1, 2])))


def test_what_it_is():
    lazy = da.ones((9, 8), chunks=4)
    down, across = numgrad.gradient(lazy)
    assert isinstance(down, da.Array)
    assert across.chunks == lazy.chunks
    assert numgrad.gradient(lazy.astype("i4"), axis=0).dtype == float
    f = np.ma.masked_greater(GENERATOR.normal(size=(9, 8)), 1.0)
    result = numgrad.gradient(da.from_array(f, chunks=4), axis=0).compute()
    expected = np.gradient(f, axis=0)
    np.testing.assert_array_equal(result.mask, expected.mask)
    np.testing.assert_array_equal(result.filled(0), expected.filled(0))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (TypeError, "out can't hold", lambda f: numgrad.gradient(f, out=np.zeros((8, 8)))),
        (ValueError, "Shape of array too small", lambda f: numgrad.gradient(f[:1])),
        (TypeError, "invalid number of arguments", lambda f: numgrad.gradient(f, 1.0, 1.0, 1.0)),
        (ValueError, "'edge_order' greater than 2", lambda f: numgrad.gradient(f, edge_order=3)),
    ],
)
def test_errors(error, message, call):
    with pytest.raises(error, match=message):
        call(da.ones((8, 8), chunks=3))

"""Operators on Dask arrays: NumPy's answer bit for bit, on any chunks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numgrad
from tests.fields.reference import assert_same

da = pytest.importorskip("dask.array", reason="needs Dask")
dask = pytest.importorskip("dask")

GENERATOR = np.random.default_rng(77)
SHAPE = 8, 7, 6
CHUNKS = [(1, 1, 1), (3, 4, 6), ((3, 1, 1, 3), (5, 2), (2, 4)), SHAPE]
X = np.cumsum(GENERATOR.uniform(0.5, 1.5, 8))
BOUNDARIES = ["one-sided", "wrap", "reflect", ("constant", 2.0), ("antisymmetric", "one-sided")]


@pytest.fixture(scope="module")
def field():
    return GENERATOR.normal(size=SHAPE)


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="sync"):
        yield


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)
def test_differentiate(field, chunks, boundary):
    lazy = da.from_array(field, chunks=chunks)
    for axis, spacing in ((0, X), (1, 0.5), (2, np.arange(6.0) ** 2 + 1)):
        for order, accuracy in ((1, 2), (2, 4)):
            options = {"axis": axis, "order": order, "accuracy": accuracy, "boundary": boundary}
            if boundary == "wrap" and axis != 1:
                options["period"] = 50.0
            expected = numgrad.differentiate(field, spacing, **options)
            result = numgrad.differentiate(lazy, spacing, **options)
            assert isinstance(result, da.Array)
            assert result.chunks == lazy.chunks
            assert_same(result.compute(), expected)
            if axis != 1:
                known_later = da.from_array(spacing, chunks=3)
                assert_same(numgrad.differentiate(lazy, known_later, **options).compute(), expected)


@settings(max_examples=12)
@given(st.data())
def test_any_chunks(data):
    draw = data.draw
    shape = draw(st.tuples(st.integers(4, 12), st.integers(4, 9)))
    chunks = []
    for n in shape:
        sizes = []
        while sum(sizes) < n:
            sizes.append(draw(st.integers(1, n - sum(sizes))))
        chunks.append(tuple(sizes))
    dtype = draw(st.sampled_from(["f8", "f4", "c16", "i2", "u1"]))
    f = (100 * GENERATOR.uniform(size=shape)).astype(dtype)
    boundary = draw(st.sampled_from(["one-sided", "symmetric", "antireflect", ("constant", 0.5)]))
    x = np.cumsum(GENERATOR.uniform(0.5, 1.5, shape[0]))
    options = {"boundary": boundary, "accuracy": 2}
    lazy = da.from_array(f, chunks=tuple(chunks))
    expected = numgrad.laplacian(f, x, 0.5, **options)
    result = numgrad.laplacian(lazy, x, 0.5, **options)
    assert result.dtype == expected.dtype
    assert_same(result.compute(), expected)


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
def test_operators_on_spheres(field, chunks):
    lazy = da.from_array(field, chunks=chunks)
    factors = 1.0, 1 + X[:, None, None] ** 2, 2.0
    options = {"boundary": ("one-sided", "wrap", "reflect"), "scale_factors": factors}
    spacings = X, 0.5, 1.0
    assert_same(
        numgrad.laplacian(lazy, *spacings, **options).compute(),
        numgrad.laplacian(field, *spacings, **options),
    )
    # components in other chunks, and one that isn't lazy
    mixed = lazy, (lazy + 1).rechunk((2, 12, 7)), field
    plain = field, field + 1, field
    assert_same(
        numgrad.divergence(mixed, *spacings, **options).compute(),
        numgrad.divergence(plain, *spacings, **options),
    )
    curls = numgrad.curl(mixed, *spacings, **options)
    assert_same(dask.compute(*curls), numgrad.curl(plain, *spacings, **options))
    stacked = da.stack([lazy] * 3)
    assert_same(numgrad.divergence(stacked).compute(), numgrad.divergence((field,) * 3))
    options["scale_factors"] = 1.0, da.from_array(factors[1], chunks=-1), 2.0
    assert_same(
        numgrad.laplacian(lazy, *spacings, **options).compute(),
        numgrad.laplacian(field, *spacings, **options),
    )


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
def test_missing_samples(field, chunks):
    holes = field.copy()
    holes[3, 4:6, 2] = holes[0, 0] = np.nan
    lazy = da.from_array(holes, chunks=chunks)
    factors = 1.0, 1 + X[:, None, None] ** 2, 2.0
    for options in (
        {},
        {"boundary": ("one-sided", "wrap", "reflect"), "accuracy": 4, "scale_factors": factors},
    ):
        options["nan"] = "one-sided"
        expected = numgrad.laplacian(holes, X, 0.5, 1.0, **options)
        assert_same(numgrad.laplacian(lazy, X, 0.5, 1.0, **options).compute(), expected)
    masked = da.ma.masked_invalid(lazy)
    expected = numgrad.laplacian(np.ma.masked_invalid(holes), nan="one-sided")
    result = numgrad.laplacian(masked, nan="one-sided").compute()
    assert isinstance(result, np.ma.MaskedArray)
    np.testing.assert_array_equal(result.mask, expected.mask)
    np.testing.assert_array_equal(result.filled(0), expected.filled(0))


def test_lines_with_grids_of_their_own(field):
    x = np.cumsum(GENERATOR.uniform(0.5, 1.5, SHAPE), axis=1)
    lazy = da.from_array(field, chunks=(4, 5, 7))
    for grid in (x, da.from_array(x, chunks=(3, 3, 3))):
        for nan in ("propagate", "one-sided"):
            options = {"axis": 1, "order": 2, "nan": nan}
            result = numgrad.differentiate(lazy, grid, **options)
            assert_same(result.compute(), numgrad.differentiate(field, x, **options))


def test_coordinates_are_those_of_the_call():
    f, x = (
        np.random.default_rng(3).normal(size=40),
        np.sort(np.random.default_rng(4).normal(size=40)),
    )
    expected = numgrad.differentiate(f, x)
    lazy = numgrad.differentiate(da.from_array(f, chunks=10), x)
    x[:] = 0.0
    np.testing.assert_array_equal(lazy.compute(), expected)


def test_gradient_with_scale_factors(field):
    lazy = da.from_array(field, chunks=(3, 5, 2))
    factors = 2.0, X[:, None, None], 1.0
    result = numgrad.gradient(lazy, X, 0.5, 1.0, scale_factors=factors)
    assert_same(dask.compute(*result), numgrad.gradient(field, X, 0.5, 1.0, scale_factors=factors))


def test_graphs_are_linear_and_lazy():
    def tasks(count):
        def read(block_info=None):
            raise AssertionError("a block was read while the graph was made")

        lazy = da.map_blocks(
            read, chunks=((4,) * count, (5, 5)), dtype=float, meta=np.zeros((0, 0))
        )
        result = numgrad.laplacian(lazy, boundary="wrap")
        assert result._meta.shape == (0, 0)
        return len(dict(result.__dask_graph__()))

    few, many = tasks(10), tasks(40)
    assert many - tasks(20) == 2 * (tasks(20) - few)
    assert many / 80 < 12


def test_halos_are_as_wide_as_stencils():
    lazy = da.ones((40, 40), chunks=(10, 10))
    graph = dict(numgrad.laplacian(lazy, accuracy=4).__dask_graph__())
    fetched = [task for key, task in graph.items() if "halo-" in str(key)]
    assert len(fetched) == 2 * 2 * 3 * 4  # faces that blocks share, both ways
    sizes = {len(dask.get(graph, [key])[0]) for key in graph if "halo-" in str(key)}
    assert sizes <= {2, 10}


def most_blocks_in_memory(result):
    """Count the blocks of cosines that lie in memory at a time, in the order that Dask chooses."""
    from dask.callbacks import Callback

    counts = []

    class Count(Callback):
        def _posttask(self, key, value, graph, state, worker):
            counts.append(sum(1 for key in state["cache"] if "cos" in str(key)))

    with Count():
        da.store(result, np.empty(result.shape), scheduler="sync")
    return max(counts)


def test_few_blocks_are_in_memory_at_a_time():
    field = da.from_array(np.zeros((12, 10, 10)), chunks=(2, 2, 2)).map_blocks(np.cos)
    assert 25 <= most_blocks_in_memory(numgrad.laplacian(field)) < 40  # of 150
    assert most_blocks_in_memory(numgrad.differentiate(field, axis=0)) < 40
    assert most_blocks_in_memory(numgrad.laplacian(field, axis=(1, 2))) < 15


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (TypeError, "out can't hold the derivatives of a Dask array",
         lambda f: numgrad.laplacian(f, out=np.zeros((8, 8)))),
        (ValueError, "target 'cuda' is for arrays in memory",
         lambda f: numgrad.laplacian(f, target="cuda")),
        (ValueError, "must have known sizes", lambda f: numgrad.laplacian(f[f[:, 0] > 0])),
        (ValueError, "axis 0 has 3 points", lambda f: numgrad.laplacian(f[:3])),
        (ValueError, "distances must match the length",
         lambda f: numgrad.laplacian(f, da.ones(7), 1.0)),
        (ValueError, "all components must have the same shape",
         lambda f: numgrad.divergence((f, f[:7]))),
        (TypeError, "samples must be integers", lambda f: numgrad.laplacian(f.astype(bool))),
    ],
)  # fmt: skip
def test_errors(error, message, call):
    with pytest.raises(error, match=message):
        call(da.ones((8, 8), chunks=3))


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_schedulers(field, scheduler):
    lazy = da.from_array(field, chunks=(4, 6, 7))
    expected = numgrad.laplacian(field, X, 1.0, 1.0)
    with dask.config.set(scheduler=scheduler, num_workers=2):
        assert_same(numgrad.laplacian(lazy, X, 1.0, 1.0).compute(), expected)


def test_cluster(field):
    distributed = pytest.importorskip("distributed")
    lazy = da.from_array(field, chunks=(4, 6, 7))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster),
    ):
        result = numgrad.laplacian(lazy, da.from_array(X, chunks=4), 1.0, 1.0)
        assert_same(result.compute(scheduler="distributed"), numgrad.laplacian(field, X, 1.0, 1.0))

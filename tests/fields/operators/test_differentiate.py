import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numgrad
from numgrad.fields.boundaries import Ghosts, boundaries_of, extended
from tests.fields.naive import assert_close, naive_differentiate

BOUNDARIES = [
    "one-sided",
    "wrap",
    "reflect",
    "symmetric",
    "edge",
    ("constant", 1.5),
    "antireflect",
    "antisymmetric",
    ("one-sided", "reflect"),
    (("constant", -2.0), "one-sided"),
]
GENERATOR = np.random.default_rng(16)


def grid(n):
    return np.cumsum(GENERATOR.uniform(0.5, 1.5, n))


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)
@pytest.mark.parametrize("order", range(1, 7))
@pytest.mark.parametrize("accuracy", [2, 4, 8])
def test_lines(boundary, order, accuracy):
    f, x = GENERATOR.normal(size=18), grid(18)
    period = 20.0 if boundary == "wrap" else None
    for spacing in (0.5, x):
        options = {"order": order, "accuracy": accuracy, "boundary": boundary}
        if period and spacing is x:
            options["period"] = period
        result = numgrad.differentiate(f, spacing, **options)
        expected, sizes = naive_differentiate(f, spacing, 0, order, accuracy, boundary, period)
        assert_close(result, expected, sizes, digits=12)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)
def test_it_is_the_operator_on_the_padded_field(boundary):
    f, x = GENERATOR.normal(size=(9, 10, 3)), grid(10)
    ends = boundaries_of(boundary)
    for accuracy in (2, 4):
        count = 6
        ghosts = Ghosts(ends, *(0 if end.name == "one-sided" else count for end in ends))
        planes = [plane for plane in ghosts.planes(f, 1) if plane is not None]
        parts = [f, *planes] if ends[0].name == "one-sided" else [planes[0], f, *planes[1:]]
        larger, wider = np.concatenate(parts, axis=1), extended(x, ghosts, 30.0)
        period = 30.0 if boundary == "wrap" else None
        options = {"axis": 1, "order": 2, "accuracy": accuracy}
        ours = numgrad.differentiate(f, x, boundary=boundary, period=period, **options)
        whole = numgrad.differentiate(larger, wider, **options)
        at = ghosts.before
        np.testing.assert_array_equal(ours, whole[:, at : at + 10])


@settings(max_examples=60)
@given(st.data())
def test_any_call(data):
    draw = data.draw
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=2)))
    axis = draw(st.integers(0, len(shape)))
    order, accuracy = draw(st.integers(1, 3)), draw(st.sampled_from([2, 4]))
    shape = (*shape[:axis], draw(st.integers(order + accuracy, 12)), *shape[axis:])
    dtype = draw(st.sampled_from(["f8", "f4", "c16", "i4", "u1", ">f8"]))
    f = (100 * GENERATOR.normal(size=shape)).astype("f8").astype(dtype, casting="unsafe") \
        if dtype != "u1" else GENERATOR.integers(0, 255, shape).astype("u1")  # fmt: skip
    if f.dtype.kind == "c":
        f = f + 1j * GENERATOR.normal(size=shape)
    f = np.transpose(f, draw(st.permutations(range(f.ndim))))
    axis = max(range(f.ndim), key=lambda d: f.shape[d])
    if draw(st.booleans()):
        f = np.repeat(f, 2, axis=-1)[..., ::2]
    if f.shape[axis] < order + accuracy:
        return
    boundary = draw(st.sampled_from(BOUNDARIES))
    n = f.shape[axis]
    x = draw(st.sampled_from([0.5, grid(n), np.moveaxis(GENERATOR.uniform(0.5, 1.5, (*np.delete(
        f.shape, axis), n)).cumsum(-1), -1, axis)]))  # fmt: skip
    wraps = boundary == "wrap" and not isinstance(x, float)
    options = {"order": order, "accuracy": accuracy, "boundary": boundary, "axis": axis}
    result = numgrad.differentiate(f, x, period=40.0 if wraps else None, **options)
    assert result.shape == f.shape
    assert result.dtype == (np.float64 if f.dtype.kind in "iu" else f.dtype)
    digits = 4 if dtype == "f4" else 11
    parts = [(f.real, result.real)]
    if f.dtype.kind == "c" and "constant" not in str(boundary):
        parts.append((f.imag, result.imag))
    for samples, derivatives in parts:
        expected, sizes = naive_differentiate(
            samples.astype(float), x, axis, order, accuracy, boundary, 40.0
        )
        assert_close(derivatives, expected, sizes + 1e-6 * (dtype == "f4"), digits)
    if not (f.dtype.kind == "c" and "constant" in str(boundary)):
        out = np.full(f.shape[::-1], 7, result.dtype).T
        assert (
            numgrad.differentiate(f, x, period=40.0 if wraps else None, out=out, **options) is out
        )
        np.testing.assert_array_equal(out, result)


GRIDS = {
    "uniform": lambda n: np.linspace(0.0, 1.0, n)[0] + np.arange(n) / (n - 1),
    "stretched": lambda n: np.linspace(0.0, 1.0, n) ** 2 + np.linspace(0.0, 1.0, n),
    "random": lambda n: (np.arange(n) + 0.2 * np.sin(37.0 * np.arange(n) ** 2)) / (n - 1),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(("order", "accuracy"), [(1, 2), (1, 6), (2, 2), (2, 4), (3, 4), (4, 2)])
def test_the_order_of_accuracy_is_reached_everywhere(grid, order, accuracy):
    def worst(n):
        x = GRIDS[grid](n)
        k = 2.0
        exact = k**order * np.sin(k * x + order * np.pi / 2)
        return np.abs(
            numgrad.differentiate(np.sin(k * x), x, order=order, accuracy=accuracy) - exact
        ).max()

    coarse, fine = worst(40), worst(80)
    assert np.log2(coarse / fine) > accuracy - 0.45


@pytest.mark.parametrize("order", range(1, 7))
@pytest.mark.parametrize("accuracy", [1, 2, 5, 8])
def test_polynomials_are_exact_on_any_grid(order, accuracy):
    from numpy.polynomial import Polynomial

    x = grid(20) / 10
    p = Polynomial(GENERATOR.normal(size=order + accuracy))
    result = numgrad.differentiate(p(x), x, order=order, accuracy=accuracy)
    _, sizes = naive_differentiate(p(x), x, 0, order, accuracy)
    assert_close(result, p.deriv(order)(x), sizes, digits=13)


def test_constants_have_no_derivative():
    x = np.tanh(np.linspace(-5, 5, 60)).astype(np.float32)
    f = np.full(60, np.float32(0.1))
    for order in range(1, 7):
        assert not numgrad.differentiate(f, x, order=order, accuracy=4).any()


def test_single_precision_on_a_stretched_grid():
    x = np.tanh(np.linspace(-4, 4, 400))
    f = (1000 + x).astype(np.float32)
    coarse = x.astype(np.float32)
    error = np.abs(numgrad.differentiate(f, coarse, accuracy=2) - 1).max()
    rounding = np.finfo(np.float32).eps * 1000 / np.diff(x).min()
    assert error < 2 * rounding


def test_infinities_stay_in_reach():
    f = np.zeros(30)
    f[10] = np.inf
    result = numgrad.differentiate(f, accuracy=4)
    assert np.isfinite(result[[7, 10, 13]]).all()
    assert not np.isfinite(result[[8, 9, 11, 12]]).any()


def test_large_fields_are_derived_as_small_ones(monkeypatch):
    from numgrad.fields import run_differences

    f, x = GENERATOR.normal(size=(70, 50, 60)), grid(50)
    calls = [
        (axis, spacing, dtype)
        for axis, spacing in ((0, 0.5), (1, x), (2, 0.5))
        for dtype in ("f8", "f4", "c8", "i4")
    ]
    large = [numgrad.differentiate(f.astype(d), s, axis=a, accuracy=4) for a, s, d in calls]
    monkeypatch.setattr(run_differences, "WRITTEN_SIZE", 1 << 60)
    monkeypatch.setattr(run_differences, "SHORT_ROW", 1 << 60)
    small = [numgrad.differentiate(f.astype(d), s, axis=a, accuracy=4) for a, s, d in calls]
    for one, other in zip(large, small, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "dtype", ["f8", *(pytest.param(d, marks=pytest.mark.thorough) for d in ("c8", "i4"))]
)
def test_what_goes_past_the_cache_is_the_same(monkeypatch, dtype):
    from numgrad.fields import run_differences

    shapes = [(70, 50, 60), (5, 7, 2000), (4, 40, 41, 43), (300, 700)]

    def all_of_them():
        for shape in shapes:
            f = np.random.default_rng(1).normal(0, 100, size=shape).astype(dtype)
            x = [np.cumsum(np.random.default_rng(n).uniform(0.5, 1.5, n)) for n in shape]
            yield numgrad.laplacian(f, 0.5, accuracy=4, boundary="symmetric")
            yield numgrad.laplacian(f[..., 1:-1], *x[:-1], x[-1][1:-1], boundary="reflect")
            yield numgrad.divergence((f,) * len(shape), *x)
            yield from numgrad.curl((f, f[::-1]), 0.5, axis=(0, -1), boundary="wrap")
            yield numgrad.laplacian(np.asfortranarray(f), 0.5)
            out = np.zeros((*shape[:-1], shape[-1] + 3), np.result_type(dtype, "f4"))
            if out.dtype == numgrad.laplacian(f[:9, :9], axis=(0, 1)).dtype:
                yield numgrad.laplacian(f, 0.5, out=out[..., 1:-2])
                yield out

    with monkeypatch.context() as small:
        small.setattr(run_differences, "WRITTEN_SIZE", 1 << 60)
        expected = list(all_of_them())
    monkeypatch.setattr(run_differences, "WRITTEN_SIZE", 1)
    monkeypatch.setattr(run_differences, "STRIP_BYTES", 1 << 15)
    monkeypatch.setattr(run_differences, "BUFFER_BYTES", 1 << 12)
    for cached in (0, 1 << 60):
        monkeypatch.setattr(run_differences, "most_cached_bytes", lambda most=cached: most)
        for ours, theirs in zip(all_of_them(), expected, strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_long_axes_are_derived_in_parts(monkeypatch):
    from numgrad.fields import lines, run_differences

    x, f = grid(300), GENERATOR.normal(size=(300, 4))
    holes = f.copy()
    holes[50, 1] = np.nan

    def all_of_them():
        yield numgrad.differentiate(holes, x, axis=0, nan="one-sided")
        yield numgrad.laplacian(f, x, 0.5)
        yield numgrad.curl((f, f), x, 0.5)
        yield numgrad.laplacian(f, x, 0.5, scale_factors=(x[:, None], 2.0))
        yield numgrad.operator_matrix(numgrad.differentiate, 300, x) @ f[:, 0]
        for boundary in ("one-sided", "wrap", "reflect", ("edge", "one-sided")):
            period = 500.0 if boundary == "wrap" else None
            for samples in (f, f[:, 0], f.T.copy(), f.T.astype(np.float32), f.T + 1j):
                axis = samples.shape.index(300)
                yield numgrad.differentiate(
                    samples, x, axis=axis, order=2, accuracy=6, boundary=boundary, period=period
                )

    expected = list(all_of_them())
    monkeypatch.setattr(lines, "LONG", 100)
    monkeypatch.setattr(run_differences, "POINTS_AT_ONCE", 64)
    monkeypatch.setattr(run_differences, "LONG_TILE", 64)
    for ours, theirs in zip(all_of_them(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("long", [100, 10_000])
def test_results_may_take_the_place_of_coordinates(monkeypatch, long):
    from numgrad.fields import lines

    monkeypatch.setattr(lines, "LONG", long)
    f, x = GENERATOR.normal(size=5000), grid(5000)
    for place in (slice(None), slice(None, None, -1)):
        expected = numgrad.differentiate(f, x[place].copy(), order=2, accuracy=4)
        out = x.copy()
        numgrad.differentiate(f, out[place], order=2, accuracy=4, out=out)
        np.testing.assert_array_equal(out, expected)


def test_one_step_among_many_makes_a_grid_uneven():
    f = GENERATOR.normal(size=100_000)
    for place in (1, 16, 17, 18, 50_000, 99_999):
        x = np.arange(100_000.0)
        x[place] += 0.25
        expected, _ = naive_differentiate(f[-9:], x[-9:], 0, 1, 2)
        np.testing.assert_allclose(numgrad.differentiate(f, x)[-3:], expected[-3:], rtol=1e-12)
        near = slice(max(0, place - 4), place + 5)
        expected, _ = naive_differentiate(f[near], x[near], 0, 1, 2)
        found = numgrad.differentiate(f, x)[near]
        np.testing.assert_allclose(found[2:-2], expected[2:-2], rtol=1e-9)


def test_masked_arrays():
    mask = np.arange(12) == 4
    f = np.ma.MaskedArray(np.arange(12.0) ** 2, mask)
    result = numgrad.differentiate(f)
    assert isinstance(result, np.ma.MaskedArray)
    assert np.flatnonzero(result.mask).tolist() == [3, 4, 5]
    np.testing.assert_array_equal(result.compressed()[1:-1], 2.0 * np.r_[1:3, 6:11])
    whole = numgrad.differentiate(np.ma.MaskedArray(np.arange(5), np.zeros(5, bool)))
    assert whole.dtype == float
    assert not whole.mask.any()


def test_inputs_and_failures_change_nothing():
    f, out = np.arange(5.0), np.full(5, 7.0)
    for options in ({"order": 7}, {"accuracy": 3}, {"boundary": "mirror"}, {"nan": "skip"}):
        with pytest.raises(ValueError, match=r"must|accuracy"):
            numgrad.differentiate(f, out=out, **options)
    assert (out == 7.0).all()
    assert (f == np.arange(5)).all()


@pytest.mark.parametrize(
    ("error", "message", "samples", "options"),
    [
        (ValueError, "axis 0 has 3 points, but a derivative of order 2 and accuracy 2 needs 4",
         np.zeros(3), {"order": 2}),
        (ValueError, "a boundary must be 'one-sided', 'wrap'", np.zeros(9), {"boundary": "foo"}),
        (ValueError, "'wrap' joins both ends", np.zeros(9), {"boundary": ("wrap", "edge")}),
        (ValueError, "needs a period", np.zeros(9), {"boundary": "wrap", "x": grid(9)}),
        (ValueError, "isn't less than the period", np.zeros(37),
         {"boundary": "wrap", "x": np.linspace(0, 360, 37), "period": 360}),
        (ValueError, "period is for boundary 'wrap'", np.zeros(9), {"period": 3.0}),
        (ValueError, "period must be a positive number", np.zeros(9),
         {"boundary": "wrap", "period": -3.0}),
        (ValueError, "distances must match the length", np.zeros(9), {"x": grid(8)}),
        (ValueError, "coordinates must be one-dimensional or have the shape of the field",
         np.zeros((9, 9)), {"x": np.zeros((9, 8))}),
        (ValueError, "a spacing must not be 0", np.zeros(9), {"x": 0.0}),
        (ValueError, "accuracy 3 isn't reached", np.zeros(9), {"accuracy": 3}),
        (ValueError, "order must lie between 1 and 6, not 0", np.zeros(9), {"order": 0}),
        (TypeError, "order must be an integer", np.zeros(9), {"order": 1.0}),
        (TypeError, "a spacing must be a number", np.zeros(9), {"x": "a"}),
        (TypeError, "samples must be integers", np.zeros(9, bool), {}),
        (TypeError, "is complex, but the samples are real", np.zeros(9),
         {"boundary": ("constant", 1j)}),
        (ValueError, "axis 1 is out of bounds", np.zeros(9), {"axis": 1}),
        (ValueError, "target must be one of auto, cpu, cuda", np.zeros(9), {"target": "gpu"}),
        (ValueError, "nan must be one of 'propagate', 'one-sided'", np.zeros(9), {"nan": "drop"}),
        (TypeError, "out has dtype", np.zeros(9), {"out": np.zeros(9, "f4")}),
    ],
)  # fmt: skip
def test_errors(error, message, samples, options):
    with pytest.raises(error, match=message):
        numgrad.differentiate(samples, **options)


def test_no_points():
    assert numgrad.differentiate(np.zeros((0, 5))).shape == (0, 5)
    with pytest.raises(ValueError, match="axis 0 has 0 points"):
        numgrad.differentiate(np.zeros((0, 5)), axis=0, boundary="edge")

import numpy as np
import pytest

import numgrad

GENERATOR = np.random.default_rng(99)


def holes(shape, share=0.2):
    f = GENERATOR.normal(size=shape)
    f[GENERATOR.uniform(size=shape) < share] = np.nan
    return f


def naive(f, x, order, accuracy):
    """Derive each run of samples between holes, where the usual stencil doesn't fit, by itself."""
    n, size = len(f), order + accuracy
    uniform = np.ndim(x) == 0
    points = np.arange(n) * x if uniform else x
    left = (order + 1) // 2 + accuracy // 2 - 1 if uniform else (size - 1) // 2
    right = left if uniform else size // 2
    result = np.full(n, np.nan)
    for i in range(n):
        if np.isnan(f[i]):
            continue
        start = stop = i
        while start > 0 and not np.isnan(f[start - 1]) and start > i - size + 1:
            start -= 1
        while stop < n and not np.isnan(f[stop]) and stop < i + size:
            stop += 1
        if start <= i - left and i + right < stop:
            start, stop = i - left, i + right + 1
        elif stop - start >= size:
            start = min(max(i - (size - 1) // 2, start), stop - size)
            stop = start + size
        if stop - start > order:
            powers = np.arange(stop - start)[:, None]
            right_side = (powers[:, 0] == order) * float(np.prod(np.arange(1, order + 1)))
            scale = np.ptp(points[start:stop])
            weights = np.linalg.solve(((points[start:stop] - points[i]) / scale) ** powers,
                                      right_side)  # fmt: skip
            result[i] = weights @ f[start:stop] / scale**order
    return result


@pytest.mark.parametrize(("order", "accuracy"), [(1, 2), (1, 4), (2, 2), (3, 2)])
@pytest.mark.parametrize("uniform", [True, False])
def test_holes_in_lines(order, accuracy, uniform):
    for _ in range(5):
        f = holes(60)
        x = 0.5 if uniform else np.cumsum(GENERATOR.uniform(0.5, 1.5, 60))
        result = numgrad.differentiate(f, x, order=order, accuracy=accuracy, nan="one-sided")
        np.testing.assert_allclose(result, naive(f, x, order, accuracy), rtol=1e-8, atol=1e-8)


def test_what_has_its_samples_stays_as_it_is():
    f = holes((30, 20, 10), 0.05)
    usual = numgrad.laplacian(f)
    avoiding = numgrad.laplacian(f, nan="one-sided")
    there = ~np.isnan(usual) & ~np.isnan(f)
    np.testing.assert_array_equal(avoiding[there], usual[there])
    assert np.isnan(avoiding[np.isnan(f)]).all()
    own = np.isnan(f).sum()
    assert np.isnan(avoiding).sum() - own < (np.isnan(usual).sum() - own) / 3


def test_ghosts_are_samples():
    f = np.cos(np.radians(np.arange(0.0, 360, 10)))
    f[2] = np.nan
    result = numgrad.differentiate(f, np.radians(10.0), boundary="wrap", nan="one-sided")
    # at 10 degrees from 350, 0 and 10
    h = np.radians(10.0)
    assert result[1] == pytest.approx((3 * f[1] - 4 * f[0] + f[-1]) / (2 * h))


def test_scale_factors():
    r = np.linspace(1, 2, 60)[:, None]
    phi = np.arange(80) * np.pi / 40
    f = r**2 * np.cos(phi)
    hole = f.copy()
    hole[20:24, 30:33] = hole[40, 7] = np.nan
    options = {"boundary": ("one-sided", "wrap"), "accuracy": 4, "scale_factors": (1.0, r)}
    for operator, samples, gaps in (
        (numgrad.laplacian, f, hole),
        (numgrad.divergence, (f, f), (hole, f)),
        (numgrad.curl, (f, f), (f, hole)),
    ):
        whole = operator(samples, 1 / 59, np.pi / 40, **options)
        result = operator(gaps, 1 / 59, np.pi / 40, nan="one-sided", **options)
        assert np.isnan(result).sum() == 13
        np.testing.assert_allclose(result[~np.isnan(hole)], whole[~np.isnan(hole)], atol=5e-4)


def test_masked_arrays():
    data = np.arange(12.0) ** 2
    f = np.ma.MaskedArray(data, np.arange(12) == 5)
    result = numgrad.differentiate(f, nan="one-sided")
    assert np.flatnonzero(result.mask).tolist() == [5]
    np.testing.assert_allclose(result.compressed(), 2 * np.delete(np.arange(12.0), 5), atol=1e-12)
    both = numgrad.divergence((f[:, None] * np.ones(4), np.ones((12, 4))), nan="one-sided")
    assert np.flatnonzero(both.mask.all(1)).tolist() == [5]


def test_complex_and_single_precision():
    f = (holes(40) + 1j * np.arange(40)).astype(np.complex64)
    result = numgrad.differentiate(f, nan="one-sided")
    assert result.dtype == np.complex64
    alone = numgrad.differentiate(f.real.astype(np.float64), nan="one-sided")
    np.testing.assert_allclose(result.real, alone, atol=1e-5)


def test_lines_with_grids_of_their_own():
    f, x = holes((6, 30)), np.cumsum(GENERATOR.uniform(0.5, 1.5, (6, 30)), axis=1)
    result = numgrad.differentiate(f, x, nan="one-sided", accuracy=4)
    for k in range(6):
        np.testing.assert_array_equal(
            result[k], numgrad.differentiate(f[k], x[k], nan="one-sided", accuracy=4)
        )

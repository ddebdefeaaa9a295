"""The table of effects: what is said to be new memory shares none with any argument."""

import numpy as np
import pytest
from numba import njit, types
from numba.extending import overload
from numpy.testing import assert_array_equal

import numgrad
from numgrad.twin import effects

# A call of each function whose result is said to be new memory
CALLS = """
np.all(a)
np.allclose(a, b)
np.amax(a)
np.amin(a)
np.angle(z)
np.any(a)
np.append(v, w)
np.arange(v[0], 4.0)
np.array([v[0], v[1]])
np.argmax(a)
np.argmin(a)
np.argpartition(v, 2)
np.argsort(v)
np.argwhere(a)
np.array_equal(a, b)
np.average(v)
np.bartlett(4)
np.bincount(k)
np.blackman(4)
np.broadcast_shapes(a.shape, row.shape)
np.column_stack((v, w))
np.concatenate((v, w))
np.convolve(v, w)
np.copy(a)
np.corrcoef(a)
np.correlate(v, w)
np.count_nonzero(a)
np.cov(a)
np.cross(a, b)
np.cumprod(v)
np.cumsum(v)
np.delete(v, 1)
np.diag(a)
np.diagflat(v)
np.diff(v)
np.digitize(v, s)
np.dstack((v, w))
np.ediff1d(v)
np.empty((3, 3))
np.empty_like(a)
np.extract(m, v)
np.eye(3)
np.flatnonzero(v)
np.full((3, 3), 2.0)
np.full_like(a, 2.0)
np.geomspace(v[0], 4.0, 5)
np.gradient(v)
np.hamming(4)
np.hanning(4)
np.hstack((v, w))
np.identity(3)
np.indices((2, 3))
np.insert(v, 1, 2.0)
np.interp(v, s, w)
np.intersect1d(v, w)
np.isclose(a, b)
np.iscomplex(a)
np.isin(v, w)
np.isreal(a)
np.kaiser(4, 2.0)
np.kron(a, b)
np.linspace(v[0], 4.0, 5)
np.logspace(v[0], 4.0, 5)
np.max(a)
np.mean(a)
np.median(a)
np.min(a)
np.nanargmax(a)
np.nanargmin(a)
np.nancumprod(v)
np.nancumsum(v)
np.nanmax(a)
np.nanmean(a)
np.nanmedian(a)
np.nanmin(a)
np.nanpercentile(v, pv)
np.nanprod(a)
np.nanquantile(v, pv)
np.nanstd(a)
np.nansum(a)
np.nanvar(a)
np.nonzero(v)
np.ones((3, 3))
np.ones_like(a)
np.partition(v, 2)
np.percentile(v, 30.0)
np.prod(a)
np.ptp(a)
np.quantile(v, pv)
np.repeat(v, 2)
np.roll(v, 1)
np.roots(v * (1 + 0j))
np.searchsorted(s, v)
np.select([m, ~m], [v, w])
np.setdiff1d(v, w)
np.setxor1d(v, w)
np.shape(a)
np.sinc(a)
np.size(a)
np.sort(v)
np.stack((v, w))
np.std(a)
np.sum(a)
np.take(v, i)
np.take_along_axis(a, j % 3, 0)
np.trace(a)
np.trapezoid(v)
np.tri(3)
np.tril(a)
np.tril_indices(3)
np.tril_indices_from(a)
np.triu(a)
np.triu_indices(3)
np.triu_indices_from(a)
np.union1d(v, w)
np.unique(v)
np.unwrap(v)
np.vander(v)
np.var(a)
np.vdot(v, w)
np.vstack((v, w))
np.where(m, v, w)
np.zeros((3, 3))
np.zeros_like(a)
np.clip(v, 0.2, 0.6)
np.around(v, 1)
np.round(a)
np.dot(a, b)
np.outer(v, w)
np.isneginf(a)
np.isposinf(a)
np.linalg.solve(a, b)
np.linalg.inv(a)
np.linalg.det(a)
np.linalg.slogdet(a)
np.linalg.lstsq(a, b)
np.linalg.cholesky(h)
np.linalg.qr(a)
np.linalg.eig(z)
np.linalg.eigh(h)
np.linalg.eigvals(z)
np.linalg.eigvalsh(h)
np.linalg.svd(a)
np.linalg.pinv(a)
np.linalg.matrix_power(a, 0)
np.linalg.matrix_rank(a)
np.linalg.norm(a)
np.linalg.cond(a)
a.all()
a.any()
a.argmax()
a.argmin()
v.argsort()
a.astype(np.float64)
a.conj()
a.conjugate()
a.copy()
v.cumprod()
v.cumsum()
a.dot(b)
a.flatten()
o.item()
v.max()
a.mean()
v.min()
v.nonzero()
v.prod()
v.repeat(2)
a.std()
a.sum(0)
v.take(i)
a.tobytes()
a.var()
""".strip().splitlines()

# These return types, booleans and shapes, which are no memory.
WITHOUT_MEMORY = """
can_cast dtype finfo iinfo ndindex iscomplexobj isrealobj isscalar issubdtype result_type
""".split()


def arguments():
    """Return arrays by the names that they have in the calls."""
    random = np.random.default_rng(0)
    a, b = random.random((2, 3, 3)) + np.eye(3)
    v, w = random.random((2, 4)) + 0.1
    return {
        "a": a,
        "b": b,
        "h": a @ a.T,
        "z": a + 1j * b,
        "row": random.random((1, 3)),
        "v": v,
        "w": w,
        "s": np.sort(random.random(4)),
        "pv": np.array([0.2, 0.3, 0.5]),
        "m": np.array([True, False, True, True]),
        "i": np.array([0, 2]),
        "j": np.arange(9).reshape(3, 3),
        "k": np.array([1, 0, 2, 3]),
        "o": np.array([2.5]),
    }


def arrays_in(result):
    if isinstance(result, np.ndarray):
        return [result]
    return [each for item in result for each in arrays_in(item)] if is_sequence(result) else []


def is_sequence(result):
    return isinstance(result, tuple | list)


# New memory in Numba, but not in NumPy
NUMBAS_OWN = ["np.diag(a)", "a.conj()", "a.conjugate()"]
# What could be its argument itself if it wasn't copied
COPIES = ["a.astype(np.float64)", "a.copy()", "a.flatten()", "np.around(v, 1)", "np.round(a)"]
COPIES += ["np.where(m, v, w)", "np.clip(v, 0.2, 0.6)", "np.linalg.matrix_power(a, 0)"]


def groups():
    """Return calls; what Numba compiles for all is known by the thorough tests."""
    yield pytest.param([*NUMBAS_OWN, *COPIES], True, id="some")
    yield pytest.param([call for call in CALLS if call not in NUMBAS_OWN], False, id="in NumPy")
    for start in range(0, len(CALLS), 30):
        group = CALLS[start : start + 30]
        yield pytest.param(group, True, marks=pytest.mark.thorough, id=str(start))


@pytest.mark.parametrize(("calls", "jit"), list(groups()))
def test_fresh_results(calls, jit):
    given = arguments()
    source = f"def f({', '.join(given)}):\n    return ({', '.join(calls)},)"
    exec(source, namespace := {"np": np})
    f = njit(namespace["f"]) if jit else namespace["f"]
    results = f(*given.values())
    for call, result in zip(calls, results, strict=True):
        before = {name: array.copy() for name, array in given.items()}
        for array in arrays_in(result):
            array.setflags(write=True)
            array[...] = 1
        for name, array in given.items():
            np.testing.assert_array_equal(array, before[name], err_msg=call)
    for array in given.values():
        array[...] = 0
    for call, result in zip(calls, results, strict=True):
        for array in arrays_in(result):
            assert (array == 1).all(), call


def test_every_entry_is_called():
    called = {call.split("(")[0] for call in CALLS}
    names = {f"np.{name}" for name in effects.FRESH_FUNCTIONS if hasattr(np, name)}
    names |= {f"np.linalg.{name}" for name in effects.FRESH_IN_LINALG}
    names -= {f"np.{name}" for name in WITHOUT_MEMORY}
    assert names <= called
    methods = {call.split(".")[1] for call in called if not call.startswith("np.")}
    assert methods >= set(effects.FRESH_METHODS)


def starred(*numbers):
    raise NotImplementedError("compiled code only")


@overload(starred)
def _starred(*numbers):
    if len(numbers) == 2 and isinstance(numbers[0], types.Array):
        return lambda *numbers: numbers[0].sum() * numbers[1]
    return None


@njit
def through_stars(*numbers):
    return starred(*numbers)


def test_an_overload_of_starred_arguments():
    f = njit(lambda x, y: through_stars(x, y))
    x = np.array([1.0, 2.0])
    by_x, by_y = numgrad.grad(f, argnums=(0, 1))(x, 3.0)
    assert_array_equal(by_x, [3.0, 3.0])
    assert by_y == 3.0

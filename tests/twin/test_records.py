"""Arrays of records that hold derivatives, made in a differentiated function or given to it."""

import numpy as np
import pytest
from numba import float64, from_dtype, int64, njit
from numba.experimental import jitclass
from numpy.testing import assert_allclose

import numgrad

X = 1.3
PARTICLE = np.dtype([("x", np.float64), ("v", np.float64), ("id", np.int64)])
MIXED = np.dtype([("single", np.float32), ("size", np.float64), ("on", np.bool_)], align=True)
NESTED = np.dtype(
    [("pos", np.float64, 3), ("m", np.float32), ("k", np.int32, 2), ("q", np.float64, (2, 2))]
)


@jitclass([("particles", from_dtype(PARTICLE)[:]), ("time", float64), ("rounds", int64)])
class Cloud:
    def __init__(self, count):
        self.particles = np.zeros(count, PARTICLE)
        self.time = 0.0
        self.rounds = 0

    def move(self, dt):
        step(self.particles, dt)
        self.time += dt
        self.rounds += 1


@njit
def step(a, dt):
    for i in range(a.size):
        a[i].v -= dt * a[i].x
        a[i].x += dt * a["v"][i]
        a.id[i] += 1


@njit
def moving(x):
    a = np.zeros(3, dtype=PARTICLE)
    for i in range(3):
        a[i].x = x * i
        a[i]["v"] = 1.0
    step(a, 0.1 * x)
    p = a[1]
    p.x = p.x * x
    total = 0.0
    for each in a:
        total += each.x * each.v
    return total + a["x"].sum() + a.x[1] * a[1].id


@njit
def copied(x):
    """A field by the name of an attribute of arrays."""
    a = np.empty_like(np.zeros(2, MIXED))
    a[0].size = x * x
    a[1].size = a[0].size * x
    b = a.copy()
    b[0].size = 2.0
    return a[0].size * b[1].size


@njit
def one_stored_for_another(x):
    a, b = np.zeros(2, PARTICLE), np.zeros(2, PARTICLE)
    a[0].x = x * x
    b[1] = a[0]
    a[0].x = 1.0
    return b[1].x


@njit
def views(x):
    b = np.zeros(2, PARTICLE)
    c = b
    c.x[:] = x
    v = c["x"]
    v[1] = x * x
    return b[1].x * b[0].x


@njit
def make(count):
    a = np.zeros(count, PARTICLE)
    a[0].x = 2.0
    a[0].id = 7
    return a


@njit
def made_by_another(x):
    a = make(2)
    a[1].x = x
    return a[1].x * a[0].x * a[0].id * x


@njit
def in_an_object(x):
    cloud = Cloud(2)
    cloud.particles[1].x = x
    cloud.move(0.1 * x)
    cloud.move(x)
    return cloud.particles[1].x * cloud.time + cloud.rounds * x


@njit
def nested(x):
    a = np.zeros(3, NESTED)
    a[0].pos[1] = x * x
    a[1]["pos"][:] = x
    a.pos[2, 0] = x * a["pos"][1, 2]
    a[0].k[1] = 3
    a[2].q[1, 0] = a[0].pos.sum()
    p = a[2].q
    p[0, 1] = x
    b = a.copy()
    return (b.pos**2).sum() * b[2].q[0, 1] + a.q.sum() * a[0].k[1]


@njit
def every(x):
    return np.array(
        [
            moving(x),
            copied(x),
            one_stored_for_another(x),
            views(x),
            made_by_another(x),
            in_an_object(x),
            nested(x),
        ]
    )


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_records_made_inside(mode):
    expected = (every(X + 1e-6) - every(X - 1e-6)) / 2e-6
    assert_allclose(numgrad.jacobian(every, mode=mode)(X), expected, rtol=1e-6)


def test_second_derivative():
    first = numgrad.derivative(moving)
    expected = (first(X + 1e-6) - first(X - 1e-6)) / 2e-6
    assert numgrad.derivative(first)(X) == pytest.approx(expected, rel=1e-6)


@njit
def write(x, a):
    step(a, x)
    a[0].x = a[0].x * x
    return a.x.sum() * a[0].id


@njit
def read(x, a):
    return a[0].x * x * x + a["v"].sum() * x


@njit
def write_constants(x, a):
    a[0].x = 5.0
    a[1].id = 9
    return a[0].x * x


@njit
def write_in_object(x, cloud):
    cloud.move(x)
    cloud.particles[0].x = x * cloud.time
    return cloud.particles.x.sum()


def records():
    a = np.zeros(3, PARTICLE)
    a["x"], a["v"] = [0.5, 0.6, 0.7], 1.0
    return a


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("function", [write, read, write_constants])
def test_records_hold_what_one_call_leaves(function, mode):
    expected = (function(X + 1e-6, records()) - function(X - 1e-6, records())) / 2e-6
    once, differentiated = records(), records()
    function(X, once)
    found = numgrad.grad(function, mode=mode)(X, differentiated)
    assert found == pytest.approx(expected, rel=1e-6)
    for name in PARTICLE.names:
        assert_allclose(differentiated[name], once[name], rtol=1e-14)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_arrays_in_records(mode):
    @njit
    def f(x, a):
        a[0].pos[1] *= x
        a[1].q[0, 0] = x
        a[1].k[0] += 1
        return a[0].pos.sum() * a[1].q[0, 0] * x

    def given():
        a = np.zeros(2, NESTED)
        a["pos"] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
        return a

    expected = (f(X + 1e-6, given()) - f(X - 1e-6, given())) / 2e-6
    once, differentiated = given(), given()
    f(X, once)
    found = numgrad.grad(f, mode=mode)(X, differentiated)
    assert found == pytest.approx(expected, rel=1e-6)
    for name in NESTED.names:
        assert_allclose(differentiated[name], once[name], rtol=1e-14)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_records_in_an_object(mode):
    def given():
        cloud = Cloud(3)
        cloud.particles[:] = records()
        return cloud

    expected = (write_in_object(X + 1e-6, given()) - write_in_object(X - 1e-6, given())) / 2e-6
    once, differentiated = given(), given()
    write_in_object(X, once)
    found = numgrad.grad(write_in_object, mode=mode)(X, differentiated)
    assert found == pytest.approx(expected, rel=1e-6)
    assert differentiated.time == once.time
    for name in PARTICLE.names:
        assert_allclose(differentiated.particles[name], once.particles[name], rtol=1e-14)


def test_several_passes():
    """Each begins with what the caller left."""

    @njit
    def f(v, a):
        step(a, v[0])
        return v * a[1].x * a[1].id

    v = np.linspace(1.0, 2.0, 40)
    once = records()
    f(v, once)
    by_mode = []
    for mode in ("forward", "reverse"):
        differentiated = records()
        by_mode.append(numgrad.jacobian(f, mode=mode)(v, differentiated))
        assert_allclose(differentiated["x"], once["x"], rtol=1e-14)
        assert differentiated["id"].tolist() == once["id"].tolist()
    assert_allclose(by_mode[0], by_mode[1], rtol=1e-12)
    h = np.eye(40)[0] * 1e-6
    expected = (f(v + h, records()) - f(v - h, records())) / 2e-6
    assert_allclose(by_mode[0][:, 0], expected, rtol=1e-6)


def test_views_that_a_derivative_would_miss():
    @njit
    def f(x, a, b):
        a[0].x = x
        return b[0].x * x

    a = records()
    with pytest.raises(ValueError, match="shares memory"):
        numgrad.grad(f)(X, a, a[:2])


def test_from_compiled_code():
    @njit
    def caller(x, a):
        return numgrad.derivative(write)(x, a)

    a, b = records(), records()
    assert caller(X, a) == pytest.approx(numgrad.derivative(write)(X, b))
    assert_allclose(a["x"], b["x"])

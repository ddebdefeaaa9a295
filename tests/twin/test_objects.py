"""Objects of jitclasses that are made in a differentiated function, and hold derivatives."""

import linecache

import numpy as np
import pytest
from numba import deferred_type, float64, njit, optional, typed, types
from numba.experimental import jitclass
from numpy.testing import assert_allclose

import numgrad
from tests.twin.jitclasses import Body, Field, Vec

node_type = deferred_type()


@jitclass([("value", float64), ("next", optional(node_type))])
class Node:
    def __init__(self, value, next):
        self.value = value
        self.next = next

    def put(self, value):
        self.value = value


node_type.define(Node.class_type.instance_type)


@jitclass(
    [
        ("list", types.ListType(float64)),
        ("dict", types.DictType(types.int64, float64)),
        ("pair", types.UniTuple(float64, 2)),
        ("maybe", optional(float64)),
        ("single", types.float32),
    ]
)
class Bag:
    def __init__(self, value):
        self.list = typed.List.empty_list(float64)
        self.dict = typed.Dict.empty(types.int64, float64)
        self.pair = (value, 1.0)
        self.maybe = None
        self.single = value
        self.list.append(value)


@njit
def ops(x):
    a = Vec(x, 2.0)
    b = a + Vec(1.0, x * x) * x
    b[1] = b[0] * a[1]
    b.size = x * 2.0
    c = b if b < Vec(5.0, 2.0) else a
    return abs(c) + c.dot(a) + a.cube(x) + c.size * b.itself().y


@njit
def listed(x):
    ps = [Vec(x * k, 1.0) for k in range(4)]
    for p in ps:
        p.x = p.x * p.y + x
    first = ps[0]
    first.y = x * x
    return ps[0].y * ps[3].x + ps[1].x


@njit
def typed_list(x):
    ps = typed.List()
    for k in range(3):
        ps.append(Vec(1.0 * k, 2.0))
    one = ps[1]
    one.x = x * x
    return ps[1].x * x + ps[2].x


@njit
def make(k):
    return Vec(k, 1.0)


@njit
def tell(p, x):
    p.x = x * x
    return p


@njit
def factory(x):
    p = make(3.0)
    q = p
    p.x = x * x
    return q.x * p.y


@njit
def through(x):
    p = make(1.0)
    q = tell(p, x)
    q.y = x
    return p.x * p.y


@njit
def branch(x):
    p = Vec(1.0, 2.0)
    if x > 0.0:
        p.y = x * x
    else:
        p = Vec(x, 2.0)
    return p.y * p.x


@njit
def before_after(x):
    p = Vec(x, 2.0)
    old = p.x
    p.x = old * x
    return old * 100.0 + p.x


@njit
def nested_in_tuple(x):
    t = (Vec(x, 2.0), Vec(2.0, 2.0), 3)
    t[1].y = t[0].x * x
    return t[1].y * t[2]


@njit
def body(x):
    v = Vec(1.0, 2.0)
    o = Body(v, 2.0)
    for k in range(3):
        o.push(x * k)
    return v.x * o.v.y + o.pos[0] * o.pos[1]


@njit
def rebind(x):
    v = Vec(1.0, 2.0)
    o = Body(v, x)
    o.v = Vec(x * x, 2.0)
    o.push(x)
    return v.x + o.v.x


@njit
def fields(x):
    f = Field(4, 2.0)
    for _ in range(3):
        f.step(x)
    f.renew(x)
    return f.total() + f.count[0] * x


@njit
def alias_array(x):
    f = Field(4, 2.0)
    g = f.b
    h = f.b[1:3]
    f.b[1] = x * x
    h[1] = x
    return g[1] + f.b[2] * 3


@njit
def recurse(p, n, x):
    if n == 0:
        return p.x
    p.x = p.x * x + p.y
    return recurse(p, n - 1, x) * x


@njit
def recursion(x):
    return recurse(Vec(1.0, 3.0), 4, x)


@njit
def dictionary(x):
    d = {}
    d[1] = Vec(x, 2.0)
    d[2] = Vec(2.0, 2.0)
    d[2].y = d[1].x * x
    return d[2].y


@njit
def loop_carried(x):
    p = Vec(1.0, 2.0)
    for _ in range(4):
        p = p * x + Vec(x, 1.0)
    return p.x * p.y


@njit
def long_loop(x):
    p = Vec(x, 1.0)
    a = np.ones(50)
    for k in range(50):
        a[k] = a[k] * p.x * p.x
    s = 0.0
    for k in range(50):
        s += a[k] * p.x
    return s


@njit
def sum_in_field(x):
    p = Vec(0.0, x)
    for k in range(50):
        p.x += p.y * k * x
    return p.x


@njit
def comprehension(x):
    a = np.array([Vec(x * k, 2.0).size for k in range(3)])
    return a.sum()


@njit
def store_array(x):
    f = Field(3, 1.0)
    z = np.zeros(3)
    f.a = z
    z[0] = x * x
    f.a[1] = x
    return f.a[0] * z[1]


@njit
def none_active(x):
    p = Vec(2.0, 2.0)
    p.x = 5.0
    return p.x * x


VEC = Vec.class_type.instance_type


@njit
def typed_lists_made_empty(x):
    row = typed.List.empty_list(VEC)
    row.append(Vec(x, 1.0))
    row[0].y = x
    by_number = typed.Dict.empty(types.int64, VEC)
    by_number[1] = row[0]
    row[0].x = by_number[1].x * x
    return row[0].y * by_number[1].x


@njit
def made_by_a_generator(x):
    total = 0.0
    for p in vectors(x):
        p.y = p.x * x
        total += p.y
    return total


@njit
def vectors(x):
    for k in range(3):
        yield Vec(x * k, 1.0)


@njit
def bag(x):
    b = Bag(x)
    b.list.append(x * x)
    b.dict[2] = b.list[1] * x
    b.maybe = x * x
    maybe = b.maybe
    return b.dict[2] * b.pair[0] + (maybe * x if maybe is not None else 0.0)


@njit
def every(x):
    return np.array(
        [
            ops(x),
            listed(x),
            typed_list(x),
            factory(x),
            through(x),
            branch(x),
            before_after(x),
            nested_in_tuple(x),
            body(x),
            rebind(x),
            fields(x),
            alias_array(x),
            recursion(x),
            dictionary(x),
            loop_carried(x),
            long_loop(x),
            sum_in_field(x),
            comprehension(x),
            store_array(x),
            none_active(x),
            bag(x),
            typed_lists_made_empty(x),
            made_by_a_generator(x),
        ]
    )


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_objects_made_inside(mode):
    expected = (every(1.3 + 1e-6) - every(1.3 - 1e-6)) / 2e-6
    found = numgrad.jacobian(every, mode=mode)(1.3)
    assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_second_derivative():
    @njit
    def f(x):
        return loop_carried(x) + fields(x)

    first = numgrad.derivative(f)
    expected = (first(1.3 + 1e-6) - first(1.3 - 1e-6)) / 2e-6
    assert numgrad.derivative(first)(1.3) == pytest.approx(expected, rel=1e-6)
    assert numgrad.hessian(f, mode="reverse")(1.3) == pytest.approx(expected, rel=1e-6)


@njit
def object_and_list():
    p = make(2.0)
    return p, [p], np.zeros(2)


@njit
def array_and_view(n):
    z = np.zeros(n)
    return z, z[1:]


@njit
def twice(k):
    p = make(k)
    return p, p


def in_a_list_too(x):
    p, ps, _ = object_and_list()
    p.x = x * x
    return ps[0].x


def linked(x):
    return Node(x, None).value


def set_by_method(x, node):
    node.put(x)
    return node.value


REFUSED = [
    (in_a_list_too, (), "return ps[0].x"),
    (linked, (), "self.value = value"),
    (set_by_method, (Node(1.0, None),), "self.value = value"),
]


@pytest.mark.parametrize(("function", "given", "line"), REFUSED)
def test_what_cannot_be_followed(function, given, line):
    with pytest.raises(numgrad.DifferentiationError, match="derivatives") as raised:
        numgrad.grad(function, mode="forward")(1.3, *given)
    number = int(str(raised.value).split(f"{__file__}, line ")[1].split(":")[0])
    assert linecache.getline(__file__, number).strip() == line


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_results_that_share_memory_and_become_duals(mode):
    """They would be copied one by one, and no longer share any."""

    @njit
    def of_arrays(x):
        z, v = array_and_view(3)
        z[1] = x * x
        return v[0]

    @njit
    def of_objects(x):
        p, q = twice(2.0)
        p.x = x * x
        return q.x

    with pytest.raises(ValueError, match="share memory"):
        numgrad.grad(of_arrays, mode="forward")(1.3)
    if mode == "forward":
        with pytest.raises(ValueError, match="share memory"):
            numgrad.grad(of_objects, mode=mode)(1.3)
    else:  # the callee is taken into the function
        assert numgrad.grad(of_objects, mode=mode)(1.3) == pytest.approx(2.6)


def test_objects_are_no_results():
    with pytest.raises(TypeError, match=r"returns instance\.jitclass\.Vec.*no derivative"):
        numgrad.grad(njit(lambda x: Vec(x, x)))(1.3)

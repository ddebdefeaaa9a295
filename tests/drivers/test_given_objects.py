"""Objects that a differentiated function is given, and writes derivatives to."""

import numpy as np
import pytest
from numba import njit, typed, types
from numpy.testing import assert_allclose

import numgrad
from tests.twin.jitclasses import Body, Field, Node, Optional, Vec

X = 1.3


def vec():
    return (Vec(0.5, 0.7),)


def field():
    return (Field(4, 1.5),)


def held_by(thing):
    """All numbers that an object holds, in order."""
    if isinstance(thing, tuple | typed.List):
        return [number for item in thing for number in held_by(item)]
    kind = getattr(thing, "_numba_type_", None)
    if isinstance(kind, types.ClassInstanceType):
        return [number for name in kind.struct for number in held_by(getattr(thing, name))]
    return list(np.ravel(thing).astype(float))


def write(x, p):
    p.x = p.x * x
    p.y = p.y + p.x
    return p.y * x


def constants(x, p):
    p.x = 5.0
    p.tag += 2
    return p.x * x


def read(x, p):
    return p.x * x + p.dot(p) * x


def steps(x, f):
    for _ in range(3):
        f.step(x)
    return f.total() * x + f.count[0]


def swapped(x, f):
    f.a[0] = x
    f.swap()
    f.b[1] = x * f.b[0]
    return f.b[1] + f.a[1] * x


def new_array(x, f):
    f.renew(x)
    f.a[0] = x * f.a[1]
    return f.total()


def one_array_for_two(x, f):
    f.a = f.b
    f.a[1] = x * x
    return f.b[1]


def constants_beside(x, f):
    f.grid[0] += 1.0
    f.count[1] += 3
    f.k = x
    return f.grid[0] * x * f.k


def pushed(x, b):
    b.push(x)
    b.push(x * x)
    return b.v.x * b.pos[0] * b.pos[1]


def in_tuple(x, t):
    t[0].x = x * x
    t[1].y += t[0].x
    return t[1].y * t[2]


def array_put_in(x, f, z):
    f.a = z
    z[0] = x * x
    f.a[1] = x
    return f.a[0] + z[1]


def in_a_branch(x, p):
    q = p if x > 0 else Vec(x, x)
    q.x = x * q.x
    return q.x + p.x


def beside_local_ones(x, p):
    both = [p, Vec(1.0, 2.0)]
    both[1].x = x
    both[0].y = x * x
    return p.y + both[1].x


def by_property(x, p):
    p.size = x
    return p.size * p.x


GIVEN = [
    (write, vec),
    (constants, vec),
    (read, vec),
    (steps, field),
    (swapped, field),
    (new_array, field),
    (one_array_for_two, field),
    (constants_beside, field),
    (pushed, lambda: (Body(Vec(0.5, 0.7), 2.0),)),
    (in_tuple, lambda: ((Vec(0.5, 0.7), Vec(1.0, 2.0), 3),)),
    (array_put_in, lambda: (Field(4, 1.5), np.ones(4))),
    (in_a_branch, vec),
    (beside_local_ones, vec),
    (by_property, vec),
]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize(("function", "given"), GIVEN)
def test_objects_hold_what_one_call_leaves(function, given, mode):
    compiled = njit(function)
    expected = (compiled(X + 1e-6, *given()) - compiled(X - 1e-6, *given())) / 2e-6
    once, differentiated = given(), given()
    compiled(X, *once)
    found = numgrad.grad(compiled, mode=mode)(X, *differentiated)
    assert found == pytest.approx(expected, rel=1e-6)
    assert_allclose(held_by(differentiated), held_by(once), rtol=1e-14)


def test_several_passes():
    """Each begins with what the caller left."""

    @njit
    def f(v, t):
        field, p = t
        field.step(v[0])
        p.x = p.x * v.sum()
        p.tag += 1
        return v * p.x * field.total() + field.count[0] + p.tag

    def given():
        return ((Field(4, 1.5), Vec(0.5, 0.7)),)

    x = np.linspace(1.0, 2.0, 40)
    once = given()
    f(x, *once)
    by_mode = []
    for mode in ("forward", "reverse"):
        differentiated = given()
        by_mode.append(numgrad.jacobian(f, mode=mode)(x, *differentiated))
        assert_allclose(held_by(differentiated), held_by(once), rtol=1e-14)
    h = np.eye(40)[3] * 1e-6
    expected = (f(x + h, *given()) - f(x - h, *given())) / 2e-6
    assert_allclose(by_mode[0], by_mode[1], rtol=1e-12)
    assert_allclose(by_mode[0][:, 3], expected, rtol=1e-6, atol=1e-7)
    differentiated = given()
    sparse = numgrad.sparse_jacobian(f)(x, *differentiated)
    assert_allclose(sparse.toarray(), by_mode[0], rtol=1e-12)
    assert_allclose(held_by(differentiated), held_by(once), rtol=1e-14)


writing = njit(write)


@njit
def scaled(y, p):
    p.x = p.x * y
    return p.x * y


@njit
def one_within_another(x, p):
    p.x = x
    slope = numgrad.derivative(scaled)(2.0, p)  # 4 x, and p.x is 2 x
    return slope * p.x


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_two_derivatives_with_one_object(mode):
    p = Vec(1.0, 2.0)
    assert numgrad.grad(one_within_another, mode=mode)(1.5, p) == pytest.approx(24.0)
    assert p.x == 3.0


def test_from_compiled_code():
    @njit
    def caller(x, p):
        return numgrad.derivative(writing)(x, p)

    p = Vec(0.5, 0.7)
    assert caller(X, p) == pytest.approx(2.0)
    assert (p.x, p.y) == pytest.approx((0.65, 1.35))


def test_second_derivative_of_what_is_written():
    p = Vec(0.5, 0.7)
    product = njit(lambda v, p: writing(v[0], p) * v[1])
    found = numgrad.hessian(product)(np.array([X, 2.0]), p)
    assert_allclose(found, [[2.0, 2.0], [2.0, 0.0]])
    assert (p.x, p.y) == pytest.approx((0.65, 1.35))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_after_an_exception_objects_hold_what_the_call_left(mode):
    @njit
    def raising(x, p):
        p.x = x * p.x
        if p.y > 0.5:
            raise ArithmeticError("too far")
        return p.x

    p = Vec(0.5, 0.7)
    with pytest.raises(ArithmeticError, match="too far"):
        numgrad.grad(raising, mode=mode)(X, p)
    assert p.x == 0.65


def two(x, p, q):
    p.x = x * q.x
    return p.x


def listed(x, ps, p):
    p.x = x
    return ps[0].x * x


def see(x, z, f):
    z[0] = x
    return f.a[0] * x


def see_optional(x, z, f):
    z[0] = x
    return x if f.maybe is None else f.maybe[0] * x


def within_optional(x, f):
    f.a[0] = x
    return x if f.maybe is None else f.maybe[0] * x


def renamed_part(x, f):
    f.a = f.b[1:]
    f.a[0] = x * x
    return f.b[1]


def other_object(x, b):
    b.v = Vec(x, 1.0)
    return b.v.x


def twice_the_same():
    (p,) = vec()
    return p, p


def listed_too():
    (p,) = vec()
    return typed.List([p]), p


def array_in_object():
    (f,) = field()
    return f.a, f


def fields_that_share():
    (f,) = field()
    f.a = f.b
    return (f,)


def array_in_optional():
    z = np.zeros(2)
    return z, Optional(np.ones(2), z)


def optional_that_shares():
    z = np.zeros(2)
    return (Optional(z, z[:1]),)


LYING = [
    (two, twice_the_same, "shares memory"),
    (listed, listed_too, "shares memory"),
    (see, array_in_object, "shares memory"),
    (steps, fields_that_share, "shares memory"),
    (see_optional, array_in_optional, "shares memory"),
    (within_optional, optional_that_shares, "shares memory"),
    (renamed_part, field, "holds a part of an array"),
    (other_object, lambda: (Body(*vec(), 2.0),), "holds another object"),
]


@pytest.mark.parametrize(("function", "given", "message"), LYING)
def test_aliases_that_a_derivative_would_miss(function, given, message):
    with pytest.raises(ValueError, match=message):
        numgrad.grad(njit(function))(X, *given())


@pytest.mark.parametrize("maybe", [None, np.ones(2)])
def test_optional_arrays_of_their_own(maybe):
    f = Optional(np.zeros(2), maybe)
    slope = numgrad.grad(njit(see_optional))(X, np.zeros(2), f)
    assert slope == 1.0
    assert numgrad.grad(njit(within_optional))(X, f) == 1.0
    assert f.a[0] == X


def array_and_nodes(x, z, nodes):
    z[0] = x
    return nodes[0].a[0] * x


def field_and_nodes(x, f, nodes):
    f.a[0] = x
    return nodes[0].a[0] * x


@pytest.mark.parametrize(
    ("function", "written"), [(array_and_nodes, np.zeros(2)), (field_and_nodes, Field(2, 1.0))]
)
def test_memory_behind_linked_objects(function, written):
    """Any number of objects may be there, in a circle too."""
    with pytest.raises(numgrad.DifferentiationError, match="refers to others of its class"):
        numgrad.grad(njit(function))(X, written, (Node(np.ones(2), None),))


def test_linked_objects_beside_what_is_not_written():
    @njit
    def f(x, n):
        return n.a[0] * x + n.next.a[1] * x**2

    nodes = Node(np.ones(2), Node(np.full(2, 3.0), None))
    assert numgrad.grad(f)(X, nodes) == pytest.approx(1.0 + 6.0 * X)


def test_fields_that_cannot_be_given_derivatives():
    from tests.twin.test_objects import Bag

    @njit
    def f(x, b):
        b.list[0] = x
        return b.list[0]

    with pytest.raises(numgrad.DifferentiationError, match="to the field list of an object"):
        numgrad.grad(f)(X, Bag(2.0))


def test_numbers_in_tuples_and_numbers_that_may_be_none():
    from tests.twin.test_objects import Bag

    @njit
    def f(x, b):
        b.pair = (x, b.pair[0])
        b.maybe = x
        b.single = x
        return b.pair[0] * b.pair[1] + b.single

    b = Bag(2.0)
    assert numgrad.grad(f)(X, b) == pytest.approx(3.0)
    assert (b.pair, b.maybe, b.single) == ((X, 2.0), X, np.float32(X))

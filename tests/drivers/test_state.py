"""What a function writes: as the caller left it in each pass, and then what one call leaves.

The reference is a call of the function itself, and its derivative by 40 inputs, five passes of
eight, beside that by two, one pass.
"""

import numpy as np
import pytest
from numba import deferred_type, int64, njit, optional, typed, types
from numba.experimental import jitclass
from numpy.testing import assert_allclose, assert_array_equal

import numgrad

MANY = np.linspace(0.1, 1.0, 40)
RECORD = np.dtype([("a", "f8"), ("b", "i4")])


@njit
def marks(x, seen):
    total = 0.0
    for i in range(x.size):
        if not seen[i]:
            total += x[i] ** 2
            seen[i] = True
    return total


@njit
def counts(x, c):
    c[0] += 1
    return (x**2).sum() * c[0]


@njit
def grows(x, c):
    c.append(1.0)
    return (x**2).sum() * len(c)


@njit
def grows_within(x, c):
    c[0].append(1.0)
    return (x**2).sum() * len(c[0])


@njit
def writes_within(x, c):
    c[0][0] += 1.0
    c.append(c[0])
    return (x**2).sum() * c[0][0] * len(c)


@njit
def fills(x, c):
    c[len(c)] = 2.0
    c[0] += 1.0
    return (x**2).sum() * len(c) * c[0]


@njit
def fills_within(x, c):
    for key in c:
        c[key][0] += 1.0
    c[9] = c[1]
    return (x**2).sum() * c[1][0] * len(c)


@njit
def adds(x, c):
    c.add(len(c) + 10)
    return (x**2).sum() * len(c)


@njit
def sets_field(x, c):
    c.a += 1.0
    return (x**2).sum() * c.a


@njit
def sets_fields(x, c):
    c[1].a += 1.0
    return (x**2).sum() * c[1].a


@njit
def in_tuple(x, c):
    c[0][0] += 1
    c[1].append(2.0)
    return (x**2).sum() * c[0][0] * len(c[1])


@jitclass([("n", types.int64), ("w", types.float64[:])])
class Counter:
    def __init__(self):
        self.n = 0
        self.w = np.zeros(3)

    def bump(self):
        self.n += 1
        self.w[0] += 1.0


@njit
def bumps(x, c):
    c.bump()
    return (x**2).sum() * c.n * c.w[0]


def typed_dict(value_type, items):
    made = typed.Dict.empty(types.int64, value_type)
    for key, value in items.items():
        made[key] = value
    return made


def held(value):
    """Return what is in a value, as plain lists."""
    if isinstance(value, Counter):
        return value.n, value.w.tolist()
    if isinstance(value, typed.Dict):
        return [(key, held(value[key])) for key in value]
    if isinstance(value, tuple | list | typed.List):
        return [held(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.void) else value


WRITTEN = {
    "booleans": (marks, lambda: np.zeros(40, np.bool_)),
    "every second integer": (counts, lambda: np.zeros(4, np.int64)[::2]),
    "list": (grows, lambda: [1.0]),
    "typed list": (grows, lambda: typed.List([1.0])),
    "list of lists": (grows_within, lambda: typed.List([typed.List([1.0])])),
    "list of arrays": (writes_within, lambda: typed.List([np.zeros(2)])),
    "dictionary": (fills, lambda: typed_dict(types.float64, {0: 1.0})),
    "dictionary of arrays": (
        fills_within,
        lambda: typed_dict(types.float64[::1], {1: np.zeros(2), 2: np.ones(2)}),
    ),
    "set": (adds, lambda: {1}),
    "record": (sets_field, lambda: np.zeros(2, RECORD)[0]),
    "records": (sets_fields, lambda: np.zeros(2, RECORD)),
    "tuple": (in_tuple, lambda: (np.zeros(2, np.int32), typed.List([1.0]))),
    "jitclass": (bumps, Counter),
}


# Kept as the others are: by a copy of the container, of what is in it, or of the memory
ALIKE = {"booleans", "typed list", "list of lists", "dictionary", "record"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.thorough if n in ALIKE else ()) for n in WRITTEN],
)
@pytest.mark.filterwarnings("ignore::numba.NumbaPendingDeprecationWarning")  # lists and sets
def test_each_pass_begins_with_what_came(name):
    f, new = WRITTEN[name]
    expected, given = new(), new()
    value = f(MANY, expected)
    found, slopes = numgrad.value_and_grad(f)(MANY, given)
    assert found == value
    assert_allclose(slopes, 2.0 * MANY * value / (MANY**2).sum(), rtol=1e-13)
    assert held(given) == held(expected)


@njit
def overwrites(x, t, c):
    x[::2] *= t
    c[0] += 1
    return (x * x).sum() * c[0]


def test_one_pass_and_second_order():
    ones = np.where(np.arange(40) % 2, 1.0, 4.0)
    gradient, hessian = numgrad.grad(overwrites), numgrad.hessian(overwrites)
    for n in (2, 40):
        left = np.where(np.arange(n) % 2, 1.0, 2.0) * MANY[:n]
        for take, expected in (
            (gradient, 2.0 * ones[:n] * MANY[:n]),
            (hessian, np.diag(2.0 * ones[:n])),
        ):
            x, c = MANY[:n].copy(), np.zeros(1, np.int64)
            assert_allclose(take(x, 2.0, c), expected, rtol=1e-13)
            assert_array_equal(x, left)
            assert c[0] == 1


@pytest.mark.thorough
def test_along_a_direction_of_a_gradient():
    ones = np.where(np.arange(40) % 2, 1.0, 4.0)
    left = np.where(np.arange(40) % 2, 1.0, 2.0) * MANY
    x, c = MANY.copy(), np.zeros(1, np.int64)
    gradient = numgrad.grad(overwrites)
    _, along = numgrad.jvp(gradient, (x, 2.0, c), (np.ones(40), None, None))
    assert_allclose(along, 2.0 * ones, rtol=1e-13)
    assert_array_equal(x, left)
    assert c[0] == 1


def test_inside_compiled_functions():
    gradient = numgrad.grad(counts)

    @njit
    def twice(x, c):
        return gradient(x, c) + gradient(x, c)

    c = np.zeros(1, np.int64)
    assert_allclose(twice(MANY, c), 2.0 * MANY * (1 + 2), rtol=1e-13)
    assert c[0] == 2


# What can't be copied


def test_what_cannot_be_copied_is_refused_before_anything_is_written():
    pair_type = deferred_type()

    @jitclass([("n", int64), ("next", optional(pair_type))])
    class Pair:
        def __init__(self, n):
            self.n = n
            self.next = None

    pair_type.define(Pair.class_type.instance_type)

    @njit
    def sets(x, c, pair):
        c[0] += 1
        pair.n += 1
        return x.sum() * pair.n

    @njit
    def read(pair):
        return pair.n

    pair, c = Pair(0), np.zeros(1, np.int64)
    with pytest.raises(numgrad.DifferentiationError, match=r"^sets may write to its argument 2"):
        numgrad.grad(sets)(MANY, c, pair)
    assert read(pair) == c[0] == 0
    assert numgrad.grad(sets)(MANY[:2], c, pair).tolist() == [1.0, 1.0]
    assert read(pair) == c[0] == 1


def test_random_numbers_are_drawn_once():
    scaled = njit(lambda x, rng: x.sum() * rng.random())
    slopes = numgrad.grad(scaled)(MANY[:2], np.random.default_rng(0))
    assert (slopes == np.random.default_rng(0).random()).all()
    with pytest.raises(numgrad.DifferentiationError, match="Generator"):
        numgrad.grad(scaled)(MANY, np.random.default_rng(0))


# Memory of two arguments


@njit
def one_of_two(x, c, d):
    c[0] += 1
    return (x * x).sum() * d[0]


def test_shared_integers_stay_shared():
    c = np.zeros(1, np.int64)
    assert_allclose(numgrad.grad(one_of_two)(MANY, c, c), 2.0 * MANY, rtol=1e-14)
    assert c[0] == 1


def test_integers_in_the_memory_of_inputs():
    x = MANY.copy()
    with pytest.raises(ValueError, match="shares memory with another argument"):
        numgrad.grad(counts)(x, x.view(np.int64))
    assert_array_equal(x, MANY)


# Exceptions


@njit
def fails_halfway(x, w, c, limit):
    w[0] = 2.0 * x[0]
    x[1] = 5.0
    c[0] += 1
    if x[0] > limit:
        raise ValueError("too far", 1)
    w[1] = x[0]
    return (x * x).sum()


@pytest.mark.parametrize("take", [numgrad.grad, numgrad.hessian])
@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_arguments_hold_what_a_failing_call_leaves(take, limit):
    given = MANY[:3].copy(), np.zeros(2), np.zeros(1, np.int64)
    expected = tuple(each.copy() for each in given)
    for f, arguments in ((fails_halfway, expected), (take(fails_halfway), given)):
        if limit:
            f(*arguments, limit)
        else:
            with pytest.raises(ValueError, match="too far") as caught:
                f(*arguments, limit)
            assert caught.value.args == ("too far", 1)
    for each, other in zip(given, expected, strict=True):
        assert_array_equal(each, other)


def test_arguments_of_star_parameters_after_exceptions():
    @njit
    def f(x, *rest):
        rest[0][0] = x[0]
        if x[0] > 0.0:
            raise KeyError("positive")
        return x.sum() * rest[1]

    for sign in (1.0, -1.0):
        w = np.zeros(2)
        if sign > 0.0:
            with pytest.raises(KeyError, match="positive"):
                numgrad.grad(f)(sign * np.ones(2), w, 2.0)
        else:
            assert numgrad.grad(f)(sign * np.ones(2), w, 2.0).tolist() == [2.0, 2.0]
        assert w.tolist() == [sign, 0.0]


# Roots


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (numgrad.grad, 0.25),
        pytest.param(numgrad.hessian, -1 / 32, marks=pytest.mark.thorough),
    ],
)
def test_residuals_are_called_on_what_the_solver_left(transform, expected):
    @njit
    def solve(p, work, count):
        count[0] += 1
        work[0] = 7.0
        return np.sqrt(p[0])

    @njit
    def residual(x, p, work, count):
        count[0] += 1
        work[1] += 1.0
        scale = work[0] * count[0]  # 7
        p[0] += 1.0
        return scale * (x * x - p[0] + 1.0)

    root = numgrad.implicit_root(solve, residual)
    p, work, count = np.array([4.0]), np.zeros(2), np.zeros(1, np.int64)
    assert_allclose(np.ravel(transform(root)(p, work, count)), expected, rtol=1e-14)
    assert p.tolist() == [4.0]
    assert work.tolist() == [7.0, 0.0]
    assert count[0] == 1


@njit
def exchanged(a):
    return np.array([a[0, 1], 2.0 * a[1, 0]])


MATRICES = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 3.0], [2.0, 4.0]]).T


def test_roots_of_transposed_matrices():
    """A solver reads a matrix in the layout that its caller has."""
    root = numgrad.implicit_root(exchanged, njit(lambda x, a: x - exchanged(a)))
    for a in MATRICES:
        slopes = numgrad.jacobian(root)(a)
        assert slopes.reshape(2, 4).tolist() == [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]


@pytest.mark.thorough
def test_roots_of_matrices_transposed_within():
    root = numgrad.implicit_root(exchanged, njit(lambda x, a: x - exchanged(a)))
    for a in MATRICES:
        through = numgrad.jacobian(lambda a: root(a.T))(a)
        assert through.reshape(2, 4).tolist() == [[0.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 0.0]]

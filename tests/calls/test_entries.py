"""Every entry of the table in compiled code, against the same entry in plain Python."""

import itertools
import math
import operator
import re

import numba
import numpy as np
import pytest

from numgrad.calls.entries import register_table, stand_in
from numgrad.numbers.carrier import is_carrier
from numgrad.numbers.dual.number import Dual, apply
from numgrad.numbers.dual.type import DualType
from numgrad.rules import registry
from numgrad.rules.registry import COMPLEX_TABLE, TABLE, primal
from numgrad.targets.options import INTERNAL
from tests.rules.test_table import HOLOMORPHIC, INTEGERS, KINKS, ROWS, seeded

register_table()
nan, inf = math.nan, math.inf
ULP = {np.float64: 2.0**-52, np.float32: 2.0**-23}

# Points of the entries that test_rules tests by hand.
MORE_POINTS = {
    "divmod": [(7.3, 2.1), (-7.3, 2.1)],
    "modf": [(2.75,), (-2.75,)],
    "frexp": [(2.75,), (-0.3,)],
    "direction": [(3.0, 4.0, 5.0)],
}
# What Numba can't call on floats either.
NOT_IN_NUMBA = {operator.truth, math.isclose, operator.not_}


def points(entry):
    if entry.name in MORE_POINTS:
        return MORE_POINTS[entry.name]
    row = ROWS.get(entry.name)
    return row.points[:6] if row else [(2.7, -1.3)[: entry.arity], (-0.6, 0.3)[: entry.arity]]


def compiled(function, arity):
    """Return a compiled function that calls another."""
    names = ", ".join("abcd"[:arity])
    namespace = {"function": function}
    exec(f"def wrapper({names}):\n    return function({names})", namespace)
    return numba.njit(namespace["wrapper"], error_model="numpy")


def assert_same(result, expected, ulps=4.0):
    """Compare two numbers, all of their partials, and tuples of them."""
    if isinstance(expected, tuple):
        assert len(result) == len(expected)
        for pair in zip(result, expected, strict=True):
            assert_same(*pair, ulps)
    elif isinstance(result, Dual):
        if not isinstance(expected, Dual) or expected.depth < result.depth:
            zeros = tuple(0.0 for _ in result.partials)
            expected = Dual(expected, zeros, depth=result.depth)
        assert len(result.partials) == len(expected.partials)
        parts = (result.value, *result.partials), (expected.value, *expected.partials)
        for pair in zip(*parts, strict=True):
            assert_same(*pair, ulps)
    else:
        assert not isinstance(expected, Dual)
        unit = 2.0**-23 if isinstance(result, np.float32 | np.complex64) else 2.0**-52
        np.testing.assert_allclose(result, expected, rtol=ulps * unit, atol=0)


SCALAR = [
    pytest.param(function, entry, id=f"{getattr(function, '__module__', 'numpy')}.{entry.name}")
    for function, entry in TABLE.items()
    if function not in NOT_IN_NUMBA and function is not np.where
]


def a_share_of(cases):
    """Return all cases; but for each third one they are thorough."""
    for k, case in enumerate(cases):
        marks = case.marks if k % 3 == 0 else (*case.marks, pytest.mark.thorough)
        yield pytest.param(*case.values, id=case.id, marks=marks)


@pytest.mark.parametrize(("function", "entry"), SCALAR)
def test_as_in_python(function, entry):
    check_order(1, function, entry)


@pytest.mark.parametrize(("function", "entry"), list(a_share_of(SCALAR)))
def test_as_in_python_at_second_order(function, entry):
    # What kinks are made of is nan at second order, and not used where it is nan times 0.
    if entry.name not in KINKS:
        check_order(2, function, entry)


def check_order(order, function, entry):
    wrapper = compiled(function, len(points(entry)[0]))
    # Contraction to fused multiply-adds rounds less often than Python does, in each term.
    for point in points(entry):
        arguments = seeded(point, entry.name, order)
        result, expected = wrapper(*arguments), apply(entry, *arguments)
        assert_close(result, expected)


def assert_close(result, expected):
    """Compare as `assert_same`, but sums of second order only to their largest term."""
    try:
        assert_same(result, expected)
    except AssertionError:
        flat, exact = flattened(result), flattened(expected)
        scale = max(map(abs, exact))
        np.testing.assert_allclose(flat, exact, rtol=1e-14, atol=8 * 2.0**-52 * scale)


def flattened(number):
    if isinstance(number, tuple):
        return [x for each in number for x in flattened(each)]
    if isinstance(number, Dual):
        return flattened((number.value, *number.partials))
    return [float(number)]


# Single precision

SINGLE = DualType(numba.float32, 2, 1)
# Series and library functions with a part in double precision.
DOUBLE_WITHIN = {"cbrt", "sinc", "sinc_derivative", "gamma", "lgamma", "digamma", "polygamma"}


@pytest.mark.parametrize(("function", "entry"), SCALAR)
def test_float32_stays_float32(function, entry):
    arity = len(points(entry)[0])
    kinds = [numba.float32 if i in INTEGERS.get(entry.name, ()) else SINGLE for i in range(arity)]
    wrapper = numba.njit(compiled(function, arity).py_func, **INTERNAL)
    wrapper.compile(tuple(kinds))
    (overload,) = wrapper.overloads.values()
    returned = overload.signature.return_type
    for kind in returned.types if isinstance(returned, numba.types.BaseTuple) else [returned]:
        if is_carrier(kind):
            assert kind == SINGLE
    if entry.kind != "piecewise_constant" and entry.name not in DOUBLE_WITHIN:
        assert not re.search(r"\bdouble\b", wrapper.inspect_llvm(overload.signature.args))


def test_integers_and_python_numbers_beside_float32():
    @numba.njit
    def mixed(x, n):
        return x * 2 + n, x / n, n - x, x**n, x**3, max(x, n), np.hypot(x, n), True + x

    mixed.compile((SINGLE, numba.int64))
    (signature,) = mixed.nopython_signatures
    assert set(signature.return_type) == {SINGLE}


# Mixtures


def mixture(a, b):
    return a + b, a - b, a * b, a / b, a % b, a**b, np.arctan2(a, b), np.hypot(a, b), max(a, b)


def mixture_of_steps(a, b):
    return a < b, a <= b, a == b, a != b, a > b, a >= b, a // b, np.logical_and(a, b)


X = Dual(1.7, (0.5, -2.0))
XX = Dual(Dual(1.7, (0.5, -2.0)), (Dual(3.0, (0.25, 1.0)),))


@pytest.mark.parametrize(
    ("dual", "other"),
    [
        *((X, c) for c in (2, 2.5, np.int32(3), XX)),
        (XX, 2),
        *(pytest.param(X, c, marks=pytest.mark.thorough) for c in (True, np.float32(1.5))),
        pytest.param(XX, XX, marks=pytest.mark.thorough),
    ],
    ids=repr,
)
def test_constants_on_either_side(dual, other):
    for function, wrapper in MIXTURES.items():
        for pair in ((dual, other), (other, dual)):
            for result, expected in zip(wrapper(*pair), python(function, *pair), strict=True):
                assert_same(result, expected, 16)


MIXTURES = {function: numba.njit(function) for function in (mixture, mixture_of_steps)}


def python(function, a, b):
    """Return what a mixture is in Python, where `max` would not know of ties."""
    if function is mixture_of_steps:
        return function(a, b)
    functions = [operator.add, operator.sub, operator.mul, operator.truediv, operator.mod]
    functions += [operator.pow, np.arctan2, np.hypot, max]
    return tuple(apply(TABLE[f], a, b) for f in functions)


def test_operators_that_assign():
    @numba.njit
    def assigned(x, y):
        s = 1.0
        s += x
        s *= y
        s -= 2
        s /= x
        s **= 2
        s %= 3.5
        return s

    y = Dual(0.7, (1.0, 4.0))
    assert_same(assigned(X, y), assigned.py_func(X, y))


def test_builtins_and_attributes():
    @numba.njit
    def everything(x, y):
        parts = (x.value, x.partials, x.real, x.imag, registry.primal(x), registry.primal(2.5))
        rounded = (int(x), bool(x), round(x), round(x, 1), math.floor(x), math.ceil(x))
        most = (max(x, y, 1.0), min(x, 2, y, x), float(x), divmod(x, y), abs(-x), pow(x, 2))
        return parts, rounded, most, (1 if x else 2), (not x)

    y = Dual(-1.2, (0.0, 1.0))
    parts, rounded, most, branch, negated = everything(X, y)
    assert parts[:2] == (X.value, X.partials)
    assert_same(parts[2:], (X, 0.0, 1.7, 2.5))
    assert rounded == (1, True, 2, 1.7, 1, 2)
    assert_same(most, (X, y, X, divmod(X, y), X, X**2))
    assert (branch, negated) == (1, False)


def test_where_and_clip():
    @numba.njit
    def chosen(x, y):
        return np.where(x > y, x, 2.0), np.where(x < y, x, y), np.clip(x, None, y), np.clip(x, y, 9)

    y = Dual(-1.2, (0.0, 1.0))
    assert_same(chosen(X, y), (X, y, y, X))


# Complex numbers

Z = Dual(0.6 + 0.7j, (1.0, 0.3 - 2j))
COMPLEX = {TABLE[f].name: TABLE[f].functions[0] for f in COMPLEX_TABLE}
COMPLEX |= {name: next(f for f in TABLE if TABLE[f].name == name) for name in HOLOMORPHIC.split()}


COMPLEX_NAMES = [pytest.param(name, id=name) for name in sorted(set(COMPLEX) - {"cbrt"})]


@pytest.mark.parametrize("name", COMPLEX_NAMES)
def test_complex_numbers(name):
    check_complex(name, Z)


@pytest.mark.parametrize("name", list(a_share_of(COMPLEX_NAMES)))
def test_complex_numbers_at_second_order(name):
    check_complex(name, Dual(Dual(0.6 + 0.7j, 1j), 1.0))


def check_complex(name, z):
    function = COMPLEX[name]
    others = [0.5 - 1.1j][: TABLE[function].arity - 1]
    wrapper = compiled(function, 1 + len(others))
    assert_same(wrapper(z, *others), apply(TABLE[function], z, *others), 64)


def test_complex_numbers_of_duals():
    @numba.njit
    def parts(x, y):
        z = complex(x, y)
        return z, z.real, z.imag, z.conjugate(), complex(x), complex(z), complex(2, y)

    y = Dual(0.3, (0.0, 1.0))
    z = Dual(1.7 + 0.3j, (0.5, -2.0 + 1j))
    expected = (z, X, y, np.conjugate(z), X, z, Dual(2 + 0.3j, (0.0, 1j)))
    assert_same(parts(X, y), expected)
    kind = DualType(numba.float32, 3, 1)
    parts.compile((kind, kind))
    assert parts.nopython_signatures[-1].return_type[0] == DualType(numba.complex64, 3, 1)


# Powers


LITERALS = [-100, -2, -1, 0, 1, 2, 3, 7, 31]
MORE_LITERALS = [-5, -4, -3, 4, 5, 6, 8, 9, 64]


@pytest.mark.parametrize(
    "n", [*LITERALS, *(pytest.param(n, marks=pytest.mark.thorough) for n in MORE_LITERALS)]
)
def test_literal_powers(n):
    @numba.njit
    def power(x):
        return x**n, np.power(x, n)

    of_numpy = numba.njit(lambda x: np.power(x, n))
    for number in (1.3, -0.7, 0.0, -0.0, 2.0):
        x = Dual(Dual(number, 1.0), Dual(1.0, 0.0))
        if number == 0.0 and n < 0:  # as the operator and the ufunc do for a number
            for base in (x, number):
                with pytest.raises(ZeroDivisionError, match=r"^division by zero$"):
                    power(base)
            assert np.isinf(primal(of_numpy(x)))
            continue
        result = power(x)
        assert_same(result[0], result[1])
        assert_same(result[0], x**n, 8 * abs(n) + 8)


def test_the_value_of_a_power_is_that_of_the_function():
    namespace = {}
    exec("def powers(x, n): return " + ", ".join(f"x**{n}" for n in range(-9, 20)), namespace)
    powers = numba.njit(namespace["powers"])
    for x in (1.1, -0.37, 3.3):
        values = [primal(each) for each in powers(Dual(x, 1.0), 1)]
        assert values == list(powers(x, 1))


def test_powers_with_an_exponent_known_late():
    power = numba.njit(lambda x, n: x**n)
    for n in range(-4, 6):
        x = Dual(Dual(1.3, 1.0), Dual(1.0, 0.0))
        assert_same(power(x, n), x**n, 32)
    zero = Dual(Dual(0.0, 1.0), Dual(1.0, 0.0))
    for n in range(5):
        assert_same(power(zero, n), zero**n)
    assert power(Dual(1.3, 1.0), 7).value == power(1.3, 7)


def test_literal_powers_are_products():
    square = numba.njit(lambda x: x**2, **INTERNAL)
    square.compile((DualType(numba.float64, 8, 1),))
    (code,) = square.inspect_llvm().values()
    assert not re.search(r"call .*pow|br label|fdiv", code)


# A derivative of 0 stays 0, however steep the function is

SINGULAR = [
    (np.sqrt, 0.0),
    (np.log, 0.0),
    (np.log1p, -1.0),
    (np.cbrt, 0.0),
    (np.arcsin, 1.0),
    (np.arccos, -1.0),
    (np.arccosh, 1.0),
    (np.arctanh, 1.0),
    (np.reciprocal, 0.0),
    (np.exp, 1e3),
    (math.gamma, 0.0),
    (math.lgamma, 0.0),
]


@pytest.mark.parametrize(("function", "end"), SINGULAR)
def test_a_singular_end_leaves_other_variables_alone(function, end):
    first = Dual(end, (1.0, 0.0))
    second = Dual(Dual(end, (1.0, 0.0)), (Dual(1.0, (0.0, 0.0)), Dual(0.0, (0.0, 0.0))))
    wrapper = compiled(function, 1)
    for call in (wrapper, lambda x: apply(TABLE[function], x)):
        result = call(first)
        assert not np.isfinite(result.partials[0])
        assert result.partials[1] == 0.0
        assert flattened(call(second).partials[1]) == [0.0] * 3


def test_quotients_and_powers_leave_other_variables_alone():
    @numba.njit(error_model="numpy")
    def steep(x, y):
        return y / x, x**0.5, 1 / x

    x, y = Dual(0.0, (1.0, 0.0)), Dual(3.0, (0.0, 0.0))
    for result in steep(x, y):
        assert not np.isfinite(result.partials[0])
        assert result.partials[1] == 0.0


def test_finite_rules_have_finite_slopes():
    for entry in {TABLE[f].name: TABLE[f] for f in TABLE if TABLE[f].finite_partials}.values():
        for point in itertools.product((0.0, -0.0, 1.0, -1.0, 30.0), repeat=entry.arity):
            if entry.name == "fma" or (entry.name == "sinc_derivative" and point[0] < 0):
                continue
            with np.errstate(all="ignore"):
                returned = entry.body(*map(np.float64, point))
            slopes = [slope for slope in returned[1:] if slope is not None]
            assert np.isfinite(slopes).all(), entry.name


# A user's own rule for a compiled function


@pytest.fixture
def cube():
    @numba.njit
    def cube(x, scale=1.0):
        return scale * x * x * x

    @registry.rule(cube)
    def _(x, scale):
        return scale * x * x * x, 30.0 * x * x, x * x * x  # not quite

    yield cube
    del TABLE[cube]


def test_a_rule_for_a_compiled_function(cube):
    function = stand_in(cube)
    assert stand_in(cube) is function
    wrapper = numba.njit(lambda x: (function(x, 1.0), function(x), function(x, scale=2.0)))
    assert wrapper(2.0) == (8.0, 8.0, 16.0)
    x = Dual(2.0, 1.0)
    for result, value in zip(wrapper(x), (8.0, 8.0, 16.0), strict=True):
        assert_same(result, Dual(value, 120.0))
    nested = wrapper(Dual(x, Dual(1.0, 0.0)))[0]
    assert nested.partials[0].partials == (120.0,)


def test_a_rule_added_later():
    def double(x):
        raise NotImplementedError

    try:
        registry.rule(double)(lambda x: (2.0 * x, 2.0))
        wrapper = numba.njit(lambda x: double(x))
        assert_same(wrapper(X), Dual(3.4, (1.0, -4.0)))
        registry.rule(double)(lambda x: (2.0 * x, 20.0))
        again = numba.njit(lambda x: double(x) + 0.0)
        assert_same(again(X), Dual(3.4, (10.0, -40.0)))
    finally:
        TABLE.pop(double)

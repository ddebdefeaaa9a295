"""Dual in plain Python: operators, NumPy, nesting, and what it refuses."""

import copy
import math
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numgrad.numbers.dual.number import Dual, apply
from numgrad.rules.registry import TABLE

X = Dual(3.0, (1.0, 0.0))
Y = Dual(2.0, (0.0, 1.0))


def parts(dual):
    return (dual.value, *dual.partials)


# What it is


def test_attributes():
    assert (X.value, X.partials, X.depth) == (3.0, (1.0, 0.0), 1)
    assert Dual(3.0, 5.0).partials == (5.0,)
    assert Dual(Dual(3.0, 1.0), 1.0).depth == 2
    assert Dual(3.0, Dual(1.0, 1.0)).depth == 2
    assert Dual(3.0, 1.0, depth=4).depth == 4
    assert Dual(Dual(3.0, 1.0), 1.0).primal == 3.0


def test_numbers_are_of_numpy():
    assert type(Dual(3, True).value) is type(Dual(3, True).partials[0]) is np.float64
    assert type(Dual(np.float32(3), 1.0).partials[0]) is np.float32
    assert type(Dual(3j, 1.0).partials[0]) is np.complex128
    nested = Dual(np.float32(3), Dual(1.0, 2.0), depth=2)
    assert type(nested.partials[0].value) is type(nested.partials[0].partials[0]) is np.float32


def test_repr():
    assert repr(X) == str(X) == "Dual(3.0, (1.0, 0.0))"
    assert repr(Dual(Dual(1.0, 2.0), 3.0)) == "Dual(Dual(1.0, (2.0,)), (3.0,))"
    assert repr(Dual(np.float32(0.1), 1.0)) == "Dual(0.1, (1.0,))"


def test_it_cannot_be_changed():
    with pytest.raises(AttributeError):
        X.value = 4.0
    with pytest.raises((AttributeError, TypeError)):
        X.other = 4.0
    with pytest.raises(TypeError, match="unhashable"):
        hash(X)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))]
)
def test_copies(again):
    dual = Dual(Dual(1.0, 2.0), (3.0, 4.0), depth=5)
    assert repr(again(dual)) == repr(dual)
    assert again(dual).depth == 5


@pytest.mark.parametrize("value", ["3", None, [1.0], np.ones(3)])
def test_it_is_made_of_numbers(value):
    with pytest.raises(TypeError, match=f"not of {type(value).__name__}"):
        Dual(value, 1.0)
    with pytest.raises(TypeError, match=f"not of {type(value).__name__}"):
        Dual(1.0, (1.0, value))


def test_parts_that_do_not_fit():
    with pytest.raises(ValueError, match="one partial or more"):
        Dual(1.0, ())
    with pytest.raises(ValueError, match="it must be 2 or more"):
        Dual(Dual(1.0, 1.0), 1.0, depth=1)
    with pytest.raises(TypeError, match="real partials"):
        Dual(1.0, 1j)


# Operators


def test_operators():
    assert parts(X + Y) == (5.0, 1.0, 1.0)
    assert parts(X - Y) == (1.0, 1.0, -1.0)
    assert parts(X * Y) == (6.0, 2.0, 3.0)
    assert parts(X / Y) == (1.5, 0.5, -0.75)
    assert parts(X % Y) == (1.0, 1.0, -1.0)
    assert parts(X**Y) == (9.0, 6.0, 9 * math.log(3))
    assert parts(-X) == (-3.0, -1.0, 0.0)
    assert parts(+X) == (3.0, 1.0, 0.0)
    assert parts(abs(-X)) == (3.0, 1.0, 0.0)
    assert X // Y == 1.0
    assert parts(divmod(X, Y)[1]) == (1.0, 1.0, -1.0)


@pytest.mark.parametrize("other", [2, 2.0, True, np.float64(2), np.float32(2), np.int64(2), 2 + 1j])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow"])
def test_plain_numbers_are_constants(name, other):
    function = getattr(operator, name)
    constant = Dual(other, 0.0)
    dual = Dual(3.0, 1.0)
    assert parts(function(dual, other)) == pytest.approx(parts(function(dual, constant)))
    right = function(other, dual), function(constant, dual)
    assert parts(right[0]) == pytest.approx(parts(right[1]))


def test_operators_that_assign():
    x = X
    x += Y
    x *= 2
    x -= 1
    x /= 3
    x **= 2
    assert parts(x) == (9.0, 4.0, 4.0)
    assert parts(X) == (3.0, 1.0, 0.0)


def test_comparisons_look_at_the_value():
    assert X > Y
    assert X >= 3
    assert np.float64(2) < X
    assert X <= 3
    assert X != Y
    assert Dual(3.0, 1.0) == Dual(3.0, 7.0) == 3.0
    assert X != "3.0"
    assert Dual(Dual(3.0, 1.0), 2.0) == 3
    assert X
    assert not Dual(0.0, 1.0)
    assert sorted([X, Y]) == [2.0, 3.0]


def test_whole_numbers_have_no_derivative():
    x = Dual(2.5, 1.0)
    for function in (int, math.floor, math.ceil, math.trunc, round):
        assert function(x) == function(2.5)
        assert type(function(x)) is int
    assert round(Dual(2.567, 1.0), 2) == 2.57
    assert not isinstance(np.floor(x), Dual)


@pytest.mark.parametrize("function", [float, complex, math.sin])
def test_derivatives_are_not_lost_in_silence(function):
    with pytest.raises(TypeError, match=r"would lose the derivatives .*np\.sin, not math\.sin"):
        function(X)


def test_derivatives_are_not_stored_as_floats():
    floats = np.ones(3)
    with pytest.raises(TypeError, match="would lose the derivatives"):
        floats += X
    with pytest.raises(TypeError, match="would lose the derivatives"):
        floats[0] = X


def test_division_by_zero_is_numpys():
    assert parts(Dual(1.0, 1.0) / 0) == (np.inf, np.inf)
    assert parts(1 / Dual(0.0, 1.0)) == (np.inf, -np.inf)


def test_operands_that_are_no_numbers():
    for function in (operator.sub, operator.pow, operator.lt):
        with pytest.raises(TypeError, match=r"not supported|unsupported operand"):
            function(X, "3")
        with pytest.raises(TypeError, match=r"not supported|unsupported operand"):
            function([3], X)


# Depths


def test_perturbations_are_not_confused():
    # d/dx (x * d/dy (x + y)) = 1
    x = Dual(1.0, 1.0)
    y = Dual(1.0, 1.0, depth=2)
    inner = (x + y).partials[0]
    assert (x * inner).partials == (1.0,)


def test_lower_depths_are_constants():
    low, high = Dual(3.0, (1.0, 2.0)), Dual(2.0, 1.0, depth=2)
    product = low * high
    assert product.depth == 2
    assert parts(product.value) == (6.0, 2.0, 4.0)
    assert parts(product.partials[0]) == (3.0, 1.0, 2.0)
    assert parts((high * low).partials[0]) == (3.0, 1.0, 2.0)


def test_one_differentiation_has_one_number_of_partials():
    with pytest.raises(ValueError, match="multiply of duals with 1 and 2 partials"):
        X * Dual(1.0, 1.0)


def test_third_derivative():
    t = Dual(Dual(Dual(2.0, 1.0), 1.0), 1.0)
    third = (np.exp(t) * t**2).partials[0].partials[0].partials[0]
    assert third == pytest.approx(math.exp(2) * (4 + 6 * 2 + 6), rel=1e-15)


# NumPy


def test_ufuncs():
    assert parts(np.sin(X)) == (math.sin(3), math.cos(3), 0.0)
    assert parts(np.hypot(X, 4)) == pytest.approx((5.0, 0.6, 0.0))
    assert parts(np.float64(2) * X) == (6.0, 2.0, 0.0)
    fraction, whole = np.modf(Dual(2.5, 1.0))
    assert (parts(fraction), whole) == ((0.5, 1.0), 2.0)


def test_functions_that_are_no_ufuncs():
    assert parts(np.where(X > 2, X, 0.0)) == parts(X)
    assert parts(np.clip(X, 0.0, a_max=Y)) == parts(Y)
    assert parts(np.sinc(Dual(0.0, 1.0))) == (1.0, 0.0)
    assert np.round(Dual(2.567, 1.0), decimals=2) == 2.57
    assert np.isclose(X, 3.0)


def test_complex_parts():
    z = Dual(1.0 + 2j, 3 - 1j)
    assert parts(z.real) == parts(np.real(z)) == (1.0, 3.0)
    assert parts(z.imag) == parts(np.imag(z)) == (2.0, -1.0)
    assert parts(z.conjugate()) == parts(np.conj(z)) == (1 - 2j, 3 + 1j)
    assert parts(X.real) == parts(X)
    assert X.imag == 0.0
    assert parts(X + 1j) == (3 + 1j, 1.0, 0.0)


def test_names_of_other_libraries():
    scipy_special = pytest.importorskip("scipy.special")
    x = Dual(2.5, 1.0)
    for name, ours in [("erf", math.erf), ("gammaln", math.lgamma), ("psi", None)]:
        result = getattr(scipy_special, name)(x)
        assert result.value == getattr(scipy_special, name)(2.5)
        assert ours is None or parts(result) == pytest.approx(parts(apply(TABLE[ours], x)), 1e-14)


def test_arrays_element_by_element():
    numbers = np.array([[1.0], [2.0]])
    products = X * numbers
    assert products.shape == (2, 1)
    assert products.dtype == object
    assert [parts(p) for p in products.flat] == [(3.0, 1.0, 0.0), (6.0, 2.0, 0.0)]
    assert [parts(p) for p in (numbers / X).flat] == [parts(1 / X), parts(2 / X)]
    assert [parts(p) for p in np.arctan2([1.0, 2.0], X)] == [
        parts(np.arctan2(1.0, X)),
        parts(np.arctan2(2.0, X)),
    ]
    chosen = np.where(numbers > 1, X, numbers)
    assert (chosen[0, 0], parts(chosen[1, 0])) == (1.0, parts(X))


def test_comparisons_with_arrays_are_bools():
    result = np.array([1.0, 3.0, 5.0]) < X
    assert result.dtype == bool
    assert result.tolist() == [True, False, False]


def test_object_arrays():
    array = np.array([X, Y])
    assert array.dtype == object
    assert parts(array.sum()) == (5.0, 1.0, 1.0)
    assert parts(array @ array) == (13.0, 6.0, 4.0)
    assert parts(np.prod(array)) == (6.0, 2.0, 3.0)
    for name in ("sin", "exp", "sqrt", "tanh", "log1p", "cbrt", "square", "rad2deg", "conjugate"):
        function = getattr(np, name)
        assert [parts(x) for x in function(array)] == [parts(function(X)), parts(function(Y))]
    assert parts(np.hypot(array, array)[0]) == parts(np.hypot(X, X))
    assert np.floor(array).tolist() == [3, 2]
    assert np.rint(array).tolist() == [3.0, 2.0]
    assert parts(np.max(array)) == parts(X)


def test_results_into_an_array():
    out = np.array([1.0, 2.0], dtype=object)
    out += X
    assert parts(out[1]) == (5.0, 1.0, 0.0)
    assert np.multiply(out, X, out=out) is out
    fraction, whole = np.empty(1, object), np.empty(1, object)
    np.modf(Dual(2.5, 1.0), out=(fraction, whole))
    assert (parts(fraction[0]), whole[0]) == ((0.5, 1.0), 2.0)


def test_what_has_no_rule():
    with pytest.raises(TypeError, match=r"spacing of a Dual: .* numgrad\.rule adds one"):
        np.spacing(X)
    with pytest.raises(TypeError, match=r"i0 of a Dual: .* numgrad\.rule adds one"):
        np.i0(X)
    with pytest.raises(TypeError, match=r"add\.outer of a Dual"):
        np.add.outer(X, [1.0])
    with pytest.raises(TypeError, match="takes no keyword dtype"):
        np.add(X, 1.0, dtype=float)
    with pytest.raises(TypeError, match="takes 1 arguments, not 2"):
        np.angle(Dual(1j, 1.0), True)
    with pytest.raises(AttributeError, match="'Dual' object has no attribute 'sum'"):
        X.sum()


def test_numbers_without_derivatives():
    assert apply(TABLE[np.sin], 0.5) == np.sin(0.5)
    assert np.multiply(X, np.array([2.0, Y], dtype=object))[1] == 6.0


def test_slopes_do_not_warn():
    for function in (np.sqrt, np.log, np.arcsin, np.arctanh):
        for x in (0.0, 1.0, -1.0):
            function(Dual(x, (1.0, 0.0)))


# Identities, on small whole numbers, where floats are exact

whole = st.integers(-50, 50)
duals = st.builds(lambda v, a, b: Dual(v, (a, b)), whole, whole, whole)


@given(duals, duals, duals)
def test_ring(a, b, c):
    for left, right in [
        ((a + b) + c, a + (b + c)),
        (a + b, b + a),
        ((a * b) * c, a * (b * c)),
        (a * b, b * a),
        (a * (b + c), a * b + a * c),
        (a - b, -(b - a)),
        (a * a, a**2),
        ((a + b) ** 3, a**3 + 3 * a**2 * b + 3 * a * b**2 + b**3),
        (a + 0, a),
        (1 * a, a),
    ]:
        assert parts(left) == parts(right)


@given(st.lists(whole, min_size=1, max_size=6), whole)
def test_polynomials(coefficients, x):
    p = np.polynomial.Polynomial(coefficients)
    t = Dual(Dual(x, 1.0), 1.0)
    result = 0.0 * t
    for c in reversed(coefficients):
        result = result * t + c
    assert result.value == (p(x), p.deriv()(x))[0]
    assert result.partials[0] == p.deriv()(x)
    assert result.partials[0].partials[0] == p.deriv(2)(x)


@given(st.floats(-3, 3), st.floats(0.1, 3))
def test_against_complex_steps(x, y):
    def function(x, y):
        return np.exp(-x * x) * np.sin(x * y) / (1 + y**3) + np.sqrt(y) * np.cosh(x / y)

    h = 1e-30
    exact = [function(x + h * 1j, y).imag / h, function(x, y + h * 1j).imag / h]
    dual = function(Dual(x, (1.0, 0.0)), Dual(y, (0.0, 1.0)))
    np.testing.assert_allclose(np.array(dual.partials), exact, rtol=1e-12, atol=1e-12)

"""Arithmetic that is written where it is: the same bits as the compiled bodies of the table."""

import itertools
import math

import numpy as np
import pytest
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

import numgrad
from numgrad.calls import arithmetic
from numgrad.calls.derivations import compiled_body
from numgrad.calls.powers import literal_power
from numgrad.rules import table
from numgrad.rules.registry import TABLE

VALUES = [0.0, -0.0, 1.0, -1.0, -1.5, 3.0, 0.7, 1e-310, 1e300, -1e300, np.inf, -np.inf, np.nan]
BODIES = [
    body
    for body in (
        *{rule.body: None for rule in TABLE.values() if rule.kind == "rule"},
        *map(literal_power, [1, 2, 3, 7, -1, -2, -5]),
    )
    if arithmetic.formula_of(body, (types.float64,) * body.__code__.co_argcount)
]


def written(body):
    """Return a function of Numba's that is nothing but the formula of a body."""

    @intrinsic
    def parts(typingctx, arguments):
        formula = arithmetic.formula_of(body, arguments.types)
        count = 1 + len(arguments.types)
        returned = types.UniTuple(arguments.types[0], count)

        def emit(context, builder, signature, given):
            values = cgutils.unpack_tuple(builder, given[0], len(arguments.types))
            kind = arguments.types[0]
            made = arithmetic.written(context, builder, kind, formula, values)
            return context.make_tuple(builder, signature.return_type, made)

        return returned(arguments), emit

    return njit(lambda *arguments: parts(arguments), error_model="numpy")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_parts_are_those_of_the_body(body, dtype):
    count = body.__code__.co_argcount
    with np.errstate(over="ignore"):
        values = [dtype(value) for value in VALUES]
    compiled = compiled_body(body, (types.float32 if dtype == np.float32 else types.float64,))
    call = njit(lambda *arguments: compiled(*arguments), error_model="numpy")
    formula = written(body)
    for point in itertools.product(values, repeat=count):
        got, want = formula(*point), call(*point)
        for one, other in zip(got, want, strict=True):
            np.testing.assert_array_equal(one, other)
            if not np.isnan(one):
                assert np.signbit(one) == np.signbit(other)


def test_which_are_a_few_steps():
    """Branches, and what isn't one instruction or a function of the math module, are compiled."""
    names = {body.__name__ for body in BODIES}
    assert names == {
        *"add subtract multiply divide negative square reciprocal sqrt".split(),
        *"exp expm1 log log1p sin cos tan arctan sinh cosh power real conjugate".split(),
    }
    assert arithmetic.formula_of(table.power, (types.float64,) * 2) is None  # has branches
    assert arithmetic.formula_of(literal_power(7), (types.float64,)) is not None


@pytest.mark.parametrize(
    "argtypes",
    [
        (types.complex128, types.complex128),
        (types.float32, types.float64),
        (types.int64, types.int64),
    ],
)
def test_other_numbers_have_their_body_compiled(argtypes):
    assert arithmetic.formula_of(table.multiply, argtypes) is None


def test_fast_mathematics_of_a_function_leaves_the_rules_as_they_are():
    """Instructions in a function of ``fastmath`` may take nan for what never is."""

    @njit(fastmath=True)
    def difference(x):
        return x - x

    value, slope = numgrad.value_and_grad(difference)(np.nan)
    assert np.isnan(value)
    assert slope == 0.0


def test_a_division_by_zero_raises_as_in_the_function():
    @njit
    def inverse(x):
        return 1.0 / x

    with pytest.raises(ZeroDivisionError):
        numgrad.grad(inverse)(0.0)


def test_nothing_is_compiled_for_it():
    @njit
    def terms(x):
        return -(x * x - 3.0) / (x + 2.0) + x**3 + math.exp(x) - np.sqrt(x)

    for body in BODIES:
        compiled_body(body, (types.float64,)).overloads.clear()
    slope = -(3.0 * 3.5 - (1.5**2 - 3.0)) / 3.5**2 + 3.0 * 1.5**2
    slope += math.exp(1.5) - 0.5 / math.sqrt(1.5)
    assert numgrad.grad(terms)(1.5) == pytest.approx(slope)
    for body in BODIES:
        assert not compiled_body(body, (types.float64,)).overloads

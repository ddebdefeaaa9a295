"""Functions of one content share what was compiled for them, and others don't."""

from weakref import WeakKeyDictionary

import numpy as np
import pytest
from numba import njit

import numgrad
from numgrad.caching import alike, frozen
from numgrad.caching.alike import representative
from numgrad.rules.registry import TABLE


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(alike, "_known", WeakKeyDictionary())


factor = 2.0
table = np.array([1.0, 2.0])


def closing(a, b=1.0):
    return lambda x: a * x * b


def nested(a):
    inner = closing(a)
    return lambda x: inner(x)


def with_default(value):
    return lambda x, y=value: x * y


def of_globals():
    return lambda x: factor * table[0] * x


def compiled(a, **options):
    return njit(lambda x: a * x, **options)


def test_a_thousand_calls_compile_once():
    def product(a, x, v):
        return numgrad.hvp(lambda y: a * y * y * y, x, v)

    assert product(2.0, 1.5, 1.0) == 18.0
    before = len(frozen._frozen)
    for _ in range(1000):
        assert product(2.0, 1.5, 1.0) == 18.0
    assert len(frozen._frozen) == before
    assert product(4.0, 1.5, 1.0) == 36.0  # compiled for itself
    assert len(frozen._frozen) > before


# lambdas are kept in lists, so that the first is still there when the next are made


@pytest.mark.parametrize(
    "make",
    [
        lambda: closing(1.0),
        lambda: closing("a"),
        lambda: closing((1.0, [2.0, None])),
        lambda: closing({"a": 1.0}),
        lambda: closing(np.array([1.0, 2.0])),
        lambda: closing(np.float32(1.0)),
        lambda: closing(representative),
        lambda: closing(np.nan),
        lambda: with_default(1.0),
        of_globals,
        lambda: compiled(1.0),
    ],
)
def test_equal_ones_are_represented_by_one(make):
    first, second, third = make(), make(), make()
    assert representative(first) is first
    assert representative(second) is first
    assert representative(third) is first
    assert representative(first) is first
    assert numgrad.grad(second) is numgrad.grad(first)


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (lambda: closing(1.0), lambda: closing(2.0)),
        (lambda: closing(1.0), lambda: closing(1)),
        (lambda: closing(0.0), lambda: closing(-0.0)),
        (lambda: closing(1.0), lambda: closing(1.0, 2.0)),
        (lambda: closing(1.0), lambda: closing(np.float64(1.0))),
        (lambda: closing(np.zeros(2)), lambda: closing(np.ones(2))),
        (lambda: closing(np.zeros(2)), lambda: closing(np.zeros(2, np.float32))),
        (lambda: closing(np.zeros((2, 2))), lambda: closing(np.zeros((2, 2), order="F"))),
        (lambda: closing(np.zeros(200_000)), lambda: closing(np.zeros(200_000))),
        (lambda: closing({"a": np.zeros(2000)}), lambda: closing({"a": np.ones(2000)})),
        (lambda: closing([1.0]), lambda: closing((1.0,))),
        (lambda: closing(closing(1.0)), lambda: closing(closing(1.0))),  # of which nothing is known
        (lambda: closing({1.0}), lambda: closing({1.0})),
        (lambda: with_default(1.0), lambda: with_default(2.0)),
        (lambda: compiled(1.0), lambda: compiled(1.0, fastmath=True)),
        (lambda: compiled(1.0), lambda: closing(1.0)),
        (lambda: lambda x: x, lambda: lambda x: x + 1.0),
        (lambda: nested(1.0), lambda: nested(2.0)),
    ],
)
def test_others_are_not(make, other):
    first, second = make(), other()
    assert representative(first) is first
    assert representative(second) is second


def test_a_global_that_changes(monkeypatch):
    first, second = of_globals(), of_globals()
    assert representative(first) is first
    monkeypatch.setitem(globals(), "factor", 3.0)
    assert representative(second) is second
    monkeypatch.setitem(globals(), "table", np.array([5.0, 2.0]))
    third, fourth = of_globals(), of_globals()
    assert representative(third) is third
    table[0] = 7.0
    assert representative(fourth) is fourth


def test_a_variable_that_changes_after_all():
    def made(a):
        def f(x):
            return a * x

        def change(value):
            nonlocal a
            a = value

        return f, change

    (first, change), (second, _), (third, _) = made(2.0), made(2.0), made(2.0)
    gradient = numgrad.grad(first)
    change(3.0)
    assert numgrad.grad(second)(1.0) == 2.0
    # compiled as something else than it was before and is again
    assert gradient(1.0) == 3.0
    change(2.0)
    assert numgrad.grad(third)(1.0) == 2.0


def test_rules_are_for_one_alone():
    first, second = closing(11.0), closing(11.0)
    assert representative(first) is first
    numgrad.rule(first)(lambda x: (11.0 * x, 0.0))
    try:
        assert representative(second) is second
    finally:
        del TABLE[first]
    marked = closing(12.0), closing(12.0)
    for each in marked:
        each.note = "attributes may say anything"
        assert representative(each) is each


def test_each_file_has_its_own():
    made = []
    for name in ("one.py", "two.py"):
        names = {"__name__": "users"}
        exec(compile("def f(x):\n    return x\n", name, "exec"), names)
        made.append(names["f"])
    assert made[0].__code__ == made[1].__code__
    assert [representative(each) for each in made] == made


def test_what_is_gone_stands_for_nothing():
    first = closing(13.0)
    assert representative(first) is first
    del first
    second = closing(13.0)
    assert representative(second) is second

"""Digests of functions: what they are made of, and nothing else."""

import operator
from collections import namedtuple

import numpy as np
import pytest
from numba import njit, types
from numba.extending import overload, type_callable

import numgrad
from numgrad.caching import contents, stamping


def digest(function):
    return contents.Contents().digest(function)


def made(source, **names):
    """Return the function that a source defines, as if it stood in a file of a user's."""
    names["__name__"] = "users"
    exec(compile(source, "users.py", "exec"), names)
    return names["f"]


SOURCE = "def f(x, n=2):\n    return a * x ** n + helper(x)"


def names(a=1.0, helper="def f(x):\n    return x"):
    return {"a": a, "helper": njit(made(helper))}


def test_a_digest_is_that_of_contents_and_not_of_objects():
    assert digest(made(SOURCE, **names())) == digest(made(f"\n# a line\n{SOURCE}", **names()))


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        (SOURCE, {"a": 2.0}),
        (SOURCE, {"a": 1}),
        (SOURCE, {"a": np.float64(1.0)}),
        (SOURCE, {"a": np.array([1.0])}),
        (SOURCE, {"helper": "def f(x):\n    return 2.0 * x"}),
        (SOURCE, {"helper": "def f(x, y=1.0):\n    return x"}),
        (SOURCE.replace("n=2", "n=3"), {}),
        (SOURCE.replace("+", "-"), {}),
        (SOURCE.replace("** n", "** n + (lambda: 1.0)()"), {}),
    ],
)
def test_a_digest_tells_contents_apart(source, changed):
    assert digest(made(source, **names(**changed))) != digest(made(SOURCE, **names()))


def test_arrays_in_digests():
    a = np.arange(6.0).reshape(2, 3)
    digests = {
        digest(made(SOURCE, **names(a=each)))
        for each in (a, a + 1.0, np.asfortranarray(a), a.ravel(), a.astype(np.float32), (a, a))
    }
    assert len(digests) == 6
    assert digest(made(SOURCE, **names(a=a.copy()))) in digests


def test_functions_that_call_each_other_have_digests():
    first, second = (made("def f(x):\n    return other(x)") for _ in range(2))
    first.__globals__["other"], second.__globals__["other"] = second, first
    once = digest(first)
    second.__globals__["more"] = 1.0
    assert digest(first) == once
    second.__globals__["other"] = second
    assert digest(first) != once


def test_closures_of_known_packages_are_told_apart():
    def made_in_numgrad(a):
        names = {"a": a}
        source = "def factory(a):\n    def f(x):\n        return a * x\n    return f\n"
        exec(compile(source, numgrad.__file__, "exec"), names)
        function = names["factory"](a)
        function.__module__ = "numgrad"
        return function

    assert digest(made_in_numgrad(1.0)) == digest(made_in_numgrad(1.0))
    assert digest(made_in_numgrad(1.0)) != digest(made_in_numgrad(2.0))


def test_types_of_which_the_names_are_alike():
    kinds = [
        types.ListType(types.NamedTuple((types.float64,) * 2, namedtuple("Pair", fields)))
        for fields in ("a b", "b a")
    ]
    assert str(kinds[0]) == str(kinds[1])
    assert digest(kinds[0]) != digest(kinds[1])


def test_what_programs_tell_numba_otherwise_has_no_digest():
    def of_template(x):
        raise NotImplementedError

    function = made("def f(x):\n    return told(x)", told=of_template)
    digest(function)

    @type_callable(of_template)
    def _(context):
        return lambda x: x

    with pytest.raises(contents.NoDigestError):
        digest(function)


def test_options_and_signatures_are_in_digests():
    function = made("def f(x):\n    return x")
    plain, fast, locked = njit(function), njit(fastmath=True)(function), njit("f8(f8)")(function)
    assert len({*map(digest, (plain, fast, locked))}) == 3


def test_what_is_within_others_is_in_digests():
    things = {"a": [1j]}, {"a": [2j]}, {"a": (1j,)}, frozenset({1.0, 2.0}), slice(1, 2), range(3)
    assert len({digest(made(SOURCE, **names(a=thing))) for thing in things}) == len(things)


itself = []
itself.append(itself)


@pytest.mark.parametrize(
    "thing",
    [
        object(),
        np.vectorize(np.sin),
        np.array([None]),
        np.zeros(1_000_000),
        {"a": [object()]},
        {object()},
        itself,
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_can_not_be_told_from_others_has_no_digest(thing):
    with pytest.raises(contents.NoDigestError):
        digest(made(SOURCE, **names(a=thing)))


def test_a_function_under_a_name_of_numpys_is_still_the_users():
    function = made(SOURCE, **names())
    function.__module__, function.__qualname__ = "numpy", "sin"
    other = made(SOURCE.replace("+", "-"), **names())
    other.__module__, other.__qualname__ = "numpy", "sin"
    assert digest(function) != digest(other)
    assert contents.known_name(function) is None
    assert contents.known_name(np.sum) is not None


def test_overloads_are_in_digests(monkeypatch):
    def of_anything(x):
        raise NotImplementedError

    names = {"anything": of_anything}
    function = made("def f(x):\n    return anything(x)", **names)
    before = digest(function)
    overload(of_anything)(made("def f(x):\n    return lambda x: x"))
    after = digest(function)
    assert after != before
    # one for an operator has a part in all functions
    without = stamping.whole_digest(contents.Contents(), function)
    overload(operator.matmul)(made("def f(x, y):\n    return None"))
    assert stamping.whole_digest(contents.Contents(), function) != without
    assert digest(function) == after


def test_a_function_that_was_put_into_numpy(monkeypatch):
    function = made("def f(x):\n    return np.mine(x)", np=np)
    monkeypatch.setattr(np, "mine", njit(made("def f(x):\n    return x")), raising=False)
    before = digest(function)
    monkeypatch.setattr(np, "mine", njit(made("def f(x):\n    return 2.0 * x")))
    assert digest(function) != before

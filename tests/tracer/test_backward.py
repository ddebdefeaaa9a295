"""Reverse mode in plain Python against forward mode, which compiled code and differences check."""

import itertools
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from tests.drivers.reverse import programs, sums
from tests.rules import test_table as table
from tests.tracer import test_both_ways as both

MODES = ("forward", "reverse")
NESTINGS = [("reverse", "reverse"), ("forward", "reverse"), ("reverse", "forward")]


def jacobian(f, mode):
    return numgrad.jacobian(f, mode=mode, jit=False)


def numbers_in(results):
    """List the arrays and numbers in results that may be tuples, None left out."""
    if isinstance(results, tuple):
        return [each for item in results for each in numbers_in(item)]
    return [] if results is None else [np.asarray(results)]


def compare(found, expected, message, share=1e-12):
    for one, other in zip(numbers_in(found), numbers_in(expected), strict=True):
        scale = np.max(np.abs(other), initial=1.0, where=np.isfinite(other))
        assert_allclose(one, other, share, share * scale, err_msg=str(message))


def check(f, *arguments, message="", share=1e-12):
    forward, reverse = (jacobian(f, mode)(*arguments) for mode in MODES)
    compare(reverse, forward, message, share)


# The table, the functions on arrays, programs


def entry(name, fixed):
    """Return the function of an array that is an entry of the table, some arguments fixed."""
    function, arity = table.ENTRIES[name].functions[0], table.ENTRIES[name].arity

    def f(x):
        numbers = iter(x)
        return function(*(fixed[k] if k in fixed else next(numbers) for k in range(arity)))

    return f


HARD = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 2.0)
BY_HAND = {
    "where": [(c, *pair) for c in (True, False) for pair in itertools.product(HARD, repeat=2)],
    "clip": [(1.0, 0.0, 2.0), (0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (np.inf, 0.0, 1.0)],
}


def entries_at_hard_points():
    for name, rule in table.ENTRIES.items():
        whole = table.INTEGERS.get(name, {0} if name == "where" else set())
        free = [k for k in range(rule.arity) if k not in whole]
        points = BY_HAND.get(name) or []
        if not points and len(free) < 3:
            for numbers in itertools.product(HARD, repeat=len(free)):
                point = dict.fromkeys(whole, 2) | dict(zip(free, numbers, strict=True))
                points.append(tuple(point[k] for k in range(rule.arity)))
        yield from ((name, point, whole) for point in points)


def ordinary_entries():
    for name, row in table.ROWS.items():
        if name in table.ENTRIES:
            whole = table.INTEGERS.get(name, set())
            yield from ((name, point, whole) for point in row.points)


def entries_with_values(cases):
    """Return functions and arguments at which there is a value: some raise as Python does."""
    count = 0
    for name, point, whole in cases:
        f = entry(name, {k: point[k] for k in whole})
        x = np.array([float(number) for k, number in enumerate(point) if k not in whole])
        try:
            jacobian(f, "forward")(x)
        except (ArithmeticError, ValueError, TypeError):
            continue
        count += 1
        yield (name, point), f, x
    assert count > 500


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of values, which are infinite or nan
@pytest.mark.parametrize("cases", [entries_at_hard_points, ordinary_entries])
def test_the_table(cases):
    for case, f, x in entries_with_values(cases()):
        check(f, x, message=case)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("cases", [entries_at_hard_points, ordinary_entries])
def test_the_table_at_second_order(cases):
    for case, f, x in entries_with_values(cases()):
        if np.isnan(numbers_in(f(x))).any():
            continue
        expected = jacobian(jacobian(f, "forward"), "forward")(x)
        for outer, inner in NESTINGS:
            found = jacobian(jacobian(f, inner), outer)(x)
            compare(found, expected, (case, outer, inner))


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_functions_of_plain_python_alone(kind):
    x, a = np.random.default_rng(4).uniform(-1.0, 1.0, (2, 6))
    for expression in both.ALONE.strip().splitlines():
        f = both.alone(expression)
        check(f, x + 1j * a if kind == "complex" else x, message=expression, share=1e-11)


@pytest.mark.parametrize(("shape", "lines"), both.ARRAYS)
def test_functions_on_arrays(shape, lines):
    x, *constants, f = both.squares(shape, lines)
    check(f, x, *constants, message=lines)


@pytest.mark.parametrize(("make", "lines"), both.MATRICES, ids=["real", "complex"])
def test_linear_algebra(make, lines):
    check(make(lines), both.matrices.point(), message=lines, share=1e-11)


def second(f, x, outer, inner):
    return jacobian(jacobian(f, inner), outer)(x)


@pytest.mark.thorough
@pytest.mark.parametrize("modes", NESTINGS, ids=" over ".join)
def test_second_order_of_all(modes):
    x = np.random.default_rng(4).uniform(-1.0, 1.0, 6)
    for expression in both.ALONE.strip().splitlines():
        f = both.alone(expression)
        expected = second(f, x, "forward", "forward")
        compare(second(f, x, *modes), expected, expression, 1e-9)


SECOND = """
np.linalg.solve(S, b)
np.linalg.eigvalsh(H)
np.linalg.pinv(S[:, :1])
np.fft.irfft(x, 7)
rebuilt(*np.linalg.svd(M, full_matrices=False))
np.linalg.slogdet(S)[1]
np.median(M, axis=0)
"""


@pytest.mark.parametrize("modes", NESTINGS, ids=" over ".join)
@pytest.mark.parametrize("expression", SECOND.strip().splitlines())
def test_second_order(expression, modes):
    f, x = both.alone(expression), np.random.default_rng(4).uniform(-1.0, 1.0, 6)
    compare(second(f, x, *modes), second(f, x, "forward", "forward"), expression, 1e-9)


POINTS = [np.array([0.7, 1.3, 0.4, 2.1]), np.array([1.1, 0.6, 1.7, 0.9])]
SOURCES = {**programs.PROGRAMS, **sums.SUMS}
OF_COMPILED_CODE = {"through_complex"}  # the name `complex`, which takes floats in plain Python


@pytest.mark.parametrize("name", sorted(SOURCES.keys() - OF_COMPILED_CODE))
def test_programs(name):
    """Loops that depend on data, memory under two names, writes after reads, swaps, early ends."""
    f = getattr(SOURCES[name], "py_func", SOURCES[name])
    for x in POINTS:
        check(lambda x: np.array([f(x)]), x, message=name)


# Transforms


def coupled(x):
    s = 0.0
    for i in range(x.size):
        s += x[i] * x[i - 1] ** 2
    return np.exp(0.1 * s) * x[0] + s**2


def test_transforms_with_a_mode():
    x, v = np.array([0.7, 1.3, 0.4]), np.array([1.0, -0.5, 2.0])
    for maker in (numgrad.grad, numgrad.jacobian, numgrad.hessian):
        forward, reverse = (maker(coupled, mode=mode, jit=False)(x) for mode in MODES)
        compare(reverse, forward, maker)
        compare(reverse, maker(coupled, mode="forward")(x), maker)
    value, slopes = numgrad.value_and_grad(coupled, mode="reverse", jit=False)(x)
    assert value == coupled(x)
    compare(slopes, numgrad.grad(coupled, jit=False)(x), "value_and_grad")
    products = [numgrad.hvp(coupled, x, v, mode=mode, jit=False) for mode in MODES]
    compare(products[1], products[0], "hvp")
    compare(products[1], numgrad.hessian(coupled, jit=False)(x) @ v, "hvp", 1e-11)


@cache
def third(modes):
    f = coupled
    for k, mode in enumerate(reversed(modes)):
        f = (numgrad.jacobian if k else numgrad.grad)(f, mode=mode, jit=False)
    return f


@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=3)), ids=" over ".join)
def test_third_order(modes):
    x = np.array([0.7, 1.3, 0.4])
    compare(third(modes)(x), third(("forward",) * 3)(x), modes, 1e-11)


def shifted(y, x):
    return x * y + y * y


@pytest.mark.parametrize("inner", MODES)
@pytest.mark.parametrize("outer", MODES)
def test_derivatives_interleaved(outer, inner):
    slope = numgrad.grad(shifted, mode=inner, jit=False)

    def f(x):
        return x[0] * slope(x[1], x[0]) + x[1] * slope(1.0, x[1])  # 2 x y + x^2, 2 y + y^2

    x, y = 0.7, 1.3
    found = numgrad.grad(f, mode=outer, jit=False)(np.array([x, y]))
    assert_allclose(found, [2.0 * y + 2.0 * x, 2.0 * x + 2.0 + 2.0 * y], rtol=1e-14)


def test_mapped_and_along_directions():
    xs, vs = np.random.default_rng(3).uniform(0.5, 1.5, (2, 4, 5))
    gradient = numgrad.grad(coupled, mode="reverse", jit=False)
    expected = [numgrad.grad(coupled, mode="forward", jit=False)(x) for x in xs]
    assert_allclose(numgrad.vmap(gradient, jit=False)(xs), expected, rtol=1e-13)
    along = numgrad.jvp(gradient, (xs[0],), (vs[0],), jit=False)[1]
    assert_allclose(along, numgrad.hvp(coupled, xs[0], vs[0]), rtol=1e-12)
    back = numgrad.vjp(gradient, (xs[0],), vs[0], jit=False)[1][0]
    assert_allclose(back, along, rtol=1e-12)
    by_back = jacobian(lambda v: numgrad.vjp(np.sin, (v,), v, jit=False)[1][0], "reverse")(xs[0])
    assert_allclose(by_back, np.diag(np.cos(xs[0]) - xs[0] * np.sin(xs[0])), atol=1e-15)


@pytest.mark.parametrize("function", [np.sqrt, np.log, lambda x: np.linalg.inv(np.diag(x))[0]])
def test_a_tangent_of_zero_carries_derivatives(function):
    """By the direction v, at v = 0, the derivative along v is the Jacobian."""
    x = np.array([0.7, 1.3, 0.4])

    def along(v):
        return numgrad.jvp(function, (x,), (v,), jit=False)[1]

    expected = jacobian(function, "forward")(x)
    compare(jacobian(along, "reverse")(np.zeros(3)), expected, function)


def test_tuples_out_and_several_arguments():
    def f(x, pair, k):
        a, (b,) = pair
        return np.sum(x) * a, (b * x, k), 3

    arguments = np.array([1.0, 2.0]), (3.0, (np.array([0.5, 0.25]),)), 2
    results = [
        numgrad.jacobian(f, argnums=(0, 1), mode=mode, jit=False)(*arguments) for mode in MODES
    ]
    compare(results[1], results[0], "tuples", 0.0)
    assert results[1][2] is None
    out = np.empty(2)
    gradient = numgrad.grad(lambda x: np.sum(x**2), mode="reverse", jit=False)
    assert gradient(np.array([1.0, 3.0]), out=out) is out
    assert_array_equal(out, [2.0, 6.0])


def test_single_precision_stays():
    x = np.arange(1.0, 7.0, dtype=np.float32)
    found = numgrad.grad(lambda x: np.sum(np.sqrt(x) * x), mode="reverse", jit=False)(x)
    assert found.dtype == np.float32
    assert_allclose(found, 1.5 * np.sqrt(x), rtol=1e-6)
    for f in (np.linalg.inv, lambda x: np.fft.irfft(x[0]), lambda x: np.linalg.solve(x, x[0])):
        square = (np.eye(3) + 0.1 * np.arange(9.0).reshape(3, 3)).astype(np.float32)
        slopes = jacobian(f, "reverse")(square)
        assert slopes.dtype == np.float32
        assert_allclose(slopes, jacobian(f, "forward")(square), rtol=1e-4, atol=1e-5)
    mixed = jacobian(lambda x: np.float64(2.0) * x.astype(np.float64), "reverse")(x)
    assert mixed.dtype == np.float64


# What programs write


def doubled_in_place(x, out, total):
    for i in range(x.size):
        out[i] = x[i]
        out[i] *= x[i - 1]
        total[0] += out[i]
    x[0] = 7.0


def test_written_arguments_and_results_in_place():
    for mode in MODES:
        x, out, total = np.array([1.0, 2.0, 3.0]), np.ones(3), np.array([5.0])
        f = numgrad.jacobian(doubled_in_place, out_argnum=1, mode=mode, jit=False)
        slopes = f(x, out, total)
        assert_array_equal(slopes, [[3.0, 0.0, 1.0], [2.0, 1.0, 0.0], [0.0, 3.0, 2.0]])
        assert_array_equal(x, [7.0, 2.0, 3.0])
        assert_array_equal(out, [3.0, 2.0, 6.0])
        assert_array_equal(total, [16.0])


def test_one_array_under_two_names_is_refused():
    def f(x, y):
        y[0] = x[0] * x[1]
        return np.sum(x * y)

    x = np.arange(1.0, 7.0)
    with pytest.raises(numgrad.DifferentiationError, match="shares memory with another argument"):
        numgrad.grad(f, mode="reverse", jit=False)(x, x)


def test_a_number_that_was_handed_out_is_refused():
    kept = []

    def f(x):
        kept.append(x[0] * 2.0)
        return kept[0] * x[1]

    gradient = numgrad.grad(f, mode="reverse", jit=False)
    assert_array_equal(gradient(np.array([1.0, 3.0])), [6.0, 2.0])
    with pytest.raises(numgrad.DifferentiationError, match="derivative that has ended"):
        gradient(np.array([1.0, 3.0]))


def test_a_function_that_raises_leaves_the_next_call_right():
    def f(x):
        y = np.sum(x * x)
        if x[0] < 0.0:
            raise ValueError("negative")
        return y

    gradient = numgrad.grad(f, mode="reverse", jit=False)
    for _ in range(2):
        with pytest.raises(ValueError, match="negative"):
            gradient(-np.ones(6))
        assert_array_equal(gradient(np.ones(6)), np.full(6, 2.0))


def test_vjp_runs_the_function_once():
    calls = []

    def f(x, scratch):
        calls.append(None)
        scratch[0] += 1.0
        x[1] = x[0] * x[1]
        return x * scratch[0]

    x, scratch = np.array([2.0, 3.0]), np.array([0.0])
    value, (by_x, by_scratch) = numgrad.vjp(f, (x, scratch), np.array([1.0, 10.0]), jit=False)
    assert (len(calls), scratch[0]) == (1, 1.0)
    assert_array_equal(value, [2.0, 6.0])
    assert_array_equal(by_x, [31.0, 20.0])
    assert_array_equal(by_scratch, [62.0])
    assert_array_equal(x, [2.0, 6.0])
    z = np.array([1.0 + 2.0j, 3.0 - 1.0j])
    numgrad.vjp(f, (z, np.zeros(1)), np.ones(2), jit=False)
    assert_array_equal(z, [1.0 + 2.0j, (1.0 + 2.0j) * (3.0 - 1.0j)])


# Where it takes knowledge of what moves


SINGULAR = {
    "difference": (lambda x: np.sqrt(x[0] - x[0]) + x[1], [0.0, 1.0]),
    "product": (lambda x: x[1] * np.sqrt(x[0]), [0.0, 0.0]),
    "tie": (lambda x: np.max(x) * np.maximum(x[0], x[1]), [2.0, 2.0]),
    "length": (lambda x: np.linalg.norm(x) + np.hypot(x[0], x[1]), [0.0, 0.0]),
    "flat": (lambda x: np.log(x[0]) * 0.0 + np.arcsin(x[1]), [0.0, 1.0]),
    "complex": (lambda x: np.abs(x[0] + 1j * x[1]) + np.angle(x[0] + 0j), [0.0, 0.0]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_kinks_and_singular_ends(name):
    f, x = SINGULAR[name]
    check(f, np.array(x), message=name, share=1e-15)


def test_repeated_eigenvalues_are_decided_forward():
    for x in (np.eye(3), np.diag([1.0, 1.0, 2.0])):
        check(both.matrices.eigenvalues, x)
        check(both.matrices.eigenvectors, x)


def test_a_rank_that_changes():
    def first(x):
        return np.linalg.pinv(x)[0, 0]

    with pytest.raises(np.linalg.LinAlgError, match="the rank of the matrix changes here"):
        jacobian(first, "reverse")(np.ones((3, 3)))
    check(lambda t: first(t[0] * np.ones((3, 3))), np.array([2.0, 1.0]))

"""What is right: the function's own value, differences of it, and what it does to its arguments."""

import linecache
import math
import operator
import re
import warnings
import zlib
from collections import namedtuple
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numba
import numpy as np

import numgrad

Pair = namedtuple("Pair", "a b")
EIGHT = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280])
STEPS = (2e-2, 6e-3, 2e-3, 5e-4)
LARGEST_GAP = 2e-5  # between differences of two steps, for the function to be taken for smooth


@dataclass
class Outcome:
    """What came of a program, compiled and in plain Python."""

    kind: str  # one of KINDS
    reason: str = ""
    way: str = "compiled"
    entries: int = 0
    skipped: int = 0  # entries of derivatives near a kink


# invalid: Numba can't compile the function itself; rounded: its value differs in the last bits;
# unnamed: refused without a line; error: something that the function doesn't raise
KINDS = ["right", "invalid", "rounded", "refused", "unnamed", "error", "wrong", "crashed"]
MEANT = (ValueError, IndexError, RuntimeError, ArithmeticError, AssertionError)  # of a program
WAYS = ("compiled", "plain")


def load(text: str, *, plain: bool) -> dict[str, Any]:
    """Run the text of a program, compiled by Numba or as plain Python."""
    name = f"program_{zlib.crc32(text.encode())}_{'plain' if plain else 'compiled'}.py"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)

    def njit(function: Any = None, **options: Any) -> Any:
        if function is None:
            return lambda function: njit(function, **options)
        return function if plain else numba.njit(**options)(function)

    space = {
        "np": np,
        "math": math,
        "operator": operator,
        "Pair": Pair,
        "njit": njit,
        "prange": numba.prange,
        "literal_unroll": numba.literal_unroll,
    }
    exec(compile(text, name, "exec"), space)
    return space


def flat(value: Any) -> Any:
    """Return all numbers of a value, a tuple or an array, in one array."""
    if isinstance(value, tuple | list):
        return np.concatenate([flat(each) for each in value]) if len(value) else np.zeros(0)
    a = np.asarray(value)
    a = np.stack([a.real, a.imag]) if a.dtype.kind == "c" else a
    return a.astype(float).ravel()


def differences(f: Any, make: Any) -> tuple[Any, Any]:
    """Return the Jacobian by the first argument, and how far two steps agree at each entry.

    An entry is nan where no two steps agree: a kink, a jump or an exception is too near.
    """
    x = make()[0]
    base, columns, gaps = flat(f(*make())), [], []
    for place in np.ndindex(np.shape(x)):
        estimates = []
        for h in STEPS:
            total = np.zeros_like(base)
            for j, c in zip(range(-4, 5), EIGHT, strict=True):
                if c:
                    moved = make()
                    moved[0][place] += j * h
                    value, raised = outcome_of_call(f, moved)
                    total += c * flat(value) if raised is None else np.nan
            estimates.append(total / h)
        best, gap = np.full(base.shape, np.nan), np.full(base.shape, LARGEST_GAP)
        for a, b in pairwise(estimates):
            d = np.nan_to_num(np.abs(a - b) / (1.0 + np.abs(a)), nan=np.inf)
            best, gap = np.where(d < gap, a, best), np.minimum(d, gap)
        columns.append(best)
        gaps.append(gap)
    return np.array(columns).T, np.array(gaps).T


def outcome_of_call(f: Any, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the value of a call and None, or None and what it raised."""
    try:
        return f(*arguments), None
    except Exception as error:
        return None, error


def is_pythons(value: Any, text: str) -> bool:
    """Tell whether a program has the same value in Python: Numba miscompiles some programs."""
    space = load(text, plain=True)
    in_python, raised = outcome_of_call(space["f"], space["arguments"]())
    return raised is None and same_numbers(value, in_python, 1e-9)


def same_numbers(a: Any, b: Any, tolerance: float) -> bool:
    a, b = flat(a), flat(b)
    return a.shape == b.shape and np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def check(text: str, ways: tuple[str, ...] = WAYS) -> list[Outcome]:
    """Return what comes of a program, in each of the ways to run it."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return [checked(text, way) for way in ways]


def checked(text: str, way: str) -> Outcome:
    """Return what comes of a program, run in one of the two ways."""
    plain = way == "plain"
    space = load(text, plain=plain)
    f, make = space["f"], space["arguments"]
    called = make()
    value, raised = outcome_of_call(f, called)
    if isinstance(raised, RecursionError) or not isinstance(raised, (*MEANT, type(None))):
        return Outcome("invalid", str(raised)[:2000], way)
    # a sum of threads, products by BLAS and reassociated operations round in their own order
    exact = not re.search("fastmath|prange|parallel=True", text)
    single = isinstance(value, int | float)
    if single and not (plain or is_pythons(value, text)):
        return Outcome("invalid", "Numba's value is another than Python's", way)
    transform = (numgrad.value_and_grad if single else numgrad.jacobian)(f, jit=not plain)
    given = make()
    result, error = outcome_of_call(transform, given)
    if isinstance(error, numgrad.DifferentiationError):
        told = str(error)
        kind = "refused" if re.search(r", line \d+", told) else "unnamed"
        return Outcome(kind, told, way)
    if raised is not None or error is not None:
        if type(raised) is type(error) and same_arguments(raised.args, error.args):
            return Outcome("right", f"raises {raised!r}", way)
        kind = "wrong" if error is None else "error"
        return Outcome(kind, f"{error!r:.600} is raised, and not {raised!r}", way)
    compared = [("value", result[0], value)] if single else []
    compared += [(f"argument {k}", *pair) for k, pair in enumerate(zip(given, called, strict=True))]
    for name, one, other in compared:
        if not same_numbers(one, other, 1e-10):
            return Outcome("wrong", f"{name} is {one!r}, and not {other!r}", way)
    want, gap = differences(f, make)
    got = by_output(result[1] if single else result, want)
    bad = np.isfinite(want) & ~(np.abs(got - want) < (1e-6 + 20.0 * gap) * (1.0 + np.abs(want)))
    if bad.any():
        reason = f"derivatives {got[bad][:4]}, and not {want[bad][:4]}"
        return Outcome("wrong", reason, way)
    skipped = int(np.isnan(want).sum())
    for name, one, other in compared:
        if exact and not same_numbers(one, other, 0.0):
            return Outcome(
                "rounded", f"{name} is {one!r}, and not {other!r}", way, want.size, skipped
            )
    return Outcome("right", "", way, want.size, skipped)


def same_arguments(one: Any, other: Any) -> bool:
    """Return whether two exceptions were made of the same."""
    plain = (str, int, float, np.generic)
    if len(one) != len(other) or not all(isinstance(a, plain) for a in (*one, *other)):
        return False
    return all(
        a == b if isinstance(a, str) or isinstance(b, str) else same_numbers(a, b, 1e-10)
        for a, b in zip(one, other, strict=True)
    )


def by_output(derivatives: Any, want: Any) -> Any:
    """Return derivatives as a matrix, one row for each number that the function returns."""
    if isinstance(derivatives, tuple | list):
        parts = [by_output(each, want) for each in derivatives]
        return np.concatenate(parts)
    d = np.asarray(derivatives)
    if d.dtype.kind == "c":
        return np.concatenate([by_output(d.real, want), by_output(d.imag, want)])
    return d.astype(float).reshape(-1, want.shape[1])

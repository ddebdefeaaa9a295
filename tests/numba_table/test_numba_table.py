"""The page "What of Numba is differentiated": its examples are run, and no name is missing."""

import inspect

import numpy as np
import pytest
from numba import njit
from numba.core.registry import cpu_target
from numpy.testing import assert_allclose

import numgrad
from tests.numba_table.rows import PAGE, X, differences, function_of, rows

if not PAGE.exists():
    pytest.skip("the manual isn't there", allow_module_level=True)

ROWS = rows()
RUN = [row for row in ROWS if row.example and not row.outcome.startswith("refused")]
REFUSED = [row for row in ROWS if row.example and row.outcome.startswith("refused")]
CHUNK = 12
CHUNKS = [RUN[k : k + CHUNK] for k in range(0, len(RUN), CHUNK)]
SINGLE = ("float32", "complex64")  # differences of which say little
BY_NUMGRAD = {"heaviside", "modf"}  # which Numba itself doesn't know
MODULES = frozenset(
    "builtins _operator math cmath random _functools _heapq heapq numpy numpy.linalg numpy.random "
    "numpy.lib.stride_tricks numpy.polynomial.polynomial numpy.polynomial.polyutils".split()
)


def check(some):
    """Compare the derivatives of some rows with differences, and with what the page says."""
    f = function_of([row.example for row in some])
    expected = differences(f)
    for mode in ("forward", "reverse"):
        found = numgrad.jacobian(f, mode=mode)(X)
        for row, slopes, slopes_expected in zip(some, found, expected, strict=True):
            error = 5e-3 if row.name in SINGLE or "float32" in row.example else 1e-6
            assert_allclose(slopes, slopes_expected, atol=error, err_msg=f"{mode} {row}")
            assert np.any(slopes) == (row.outcome == "differentiated"), f"{mode} {row}"


def test_outcomes():
    outcomes = {row.outcome.split(":")[0] for row in ROWS if row.example}
    assert outcomes == {"differentiated", "constant", "refused"}
    assert len(RUN) > 450
    assert all(row.outcome.partition(": ")[2] for row in REFUSED)


def test_a_few_rows():
    check(RUN[:: len(RUN) // 8])


@pytest.mark.thorough
@pytest.mark.parametrize("some", CHUNKS, ids=lambda some: f"{some[0].name}-{some[-1].name}")
def test_rows(some):
    check(some)


@pytest.mark.filterwarnings("ignore:Polynomial class is experimental")
@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_refused(row):
    with pytest.raises(numgrad.DifferentiationError):
        numgrad.jacobian(function_of([row.example]))(X)


def registered():
    """Yield the names of the functions that Numba knows, with their modules."""
    njit(lambda x: x.sum())(X)  # which loads all of its registries
    cpu_target.typing_context.refresh()
    for registry in cpu_target.typing_context._registries:
        for known, _ in registry.globals:
            if isinstance(known, np.ufunc):
                yield "numpy", known.__name__
            elif not inspect.ismodule(known) and getattr(known, "__module__", None) in MODULES:
                yield known.__module__, known.__name__


def test_no_name_is_missing():
    told = {row.name.rpartition(".")[2] for row in ROWS}
    missing = {name for name in registered() if name[1] not in told | BY_NUMGRAD}
    assert missing == set()

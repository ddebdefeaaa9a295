from fractions import Fraction

import numpy as np
import pytest

from numgrad.fields import weights as module
from numgrad.fields.kernels.fornberg import recursion
from numgrad.fields.kernels.weighing import weigh_lines
from numgrad.fields.weights import central, exact_weights, one_sided, weights_of_lines
from tests.fields.naive import naive_weights

ORDERS = range(1, 7)
ACCURACIES = (2, 4, 6, 8)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("accuracy", ACCURACIES)
def test_weights_at_equal_distances_are_exact(order, accuracy):
    slots, weights = central(order, accuracy)
    offsets = sorted({offset for pair in slots for offset in pair} | {0})
    expected = naive_weights([Fraction(offset) for offset in offsets], order)
    assert exact_weights(tuple(offsets), order) == tuple(expected)
    for (first, _), weight in zip(slots, weights, strict=True):
        assert weight == float(expected[offsets.index(first)])
    for at in range(order + accuracy):
        slots, weights = one_sided(order + accuracy, at, order)
        points = [Fraction(k - at) for k in range(order + accuracy)]
        expected = [float(w) for w in naive_weights(points, order)]
        assert [*weights[:at], *weights[at:]] == [*expected[:at], *expected[at + 1 :]]


def test_known_weights():
    third = Fraction(1, 3)
    assert exact_weights((-2, -1, 0, 1, 2), 2) == (-third / 4, 4 * third, -5 / 2, 4 * third,
                                                   -third / 4)  # fmt: skip


GRIDS = {
    "random": np.cumsum(np.random.default_rng(0).uniform(0.1, 1.0, 30)),
    "tanh": np.tanh(np.linspace(-4, 4, 30)),
    "descending": -np.geomspace(1e-3, 1e3, 30),
    "tiny": 1e-290 * np.cumsum(np.random.default_rng(1).uniform(0.1, 1.0, 30)),
    "far": 1e6 + np.cumsum(np.random.default_rng(2).integers(1, 9, 30)),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("order", [1, 2, 6])
@pytest.mark.parametrize("accuracy", [1, 4, 8])
def test_weights_of_any_grid(grid, order, accuracy):
    if grid == "tiny" and order > 1:
        pytest.skip("the weights overflow, as the derivatives would")
    x, size = GRIDS[grid], order + accuracy
    starts = np.arange(0, 30 - size + 1, 3)
    at = starts + np.arange(len(starts)) % size
    table = weights_of_lines(x, starts, at, size, order)
    for p, (start, here) in enumerate(zip(starts, at, strict=True)):
        points = [Fraction(x[j]) - Fraction(x[here]) for j in range(start, start + size)]
        exact = np.empty((size, order + 1), object)
        recursion(points, order, exact)
        expected = [float(w) for j, w in enumerate(exact[:, order]) if start + j != here]
        np.testing.assert_allclose(
            table[:, p], expected, rtol=1e-11, atol=1e-14 * max(map(abs, expected))
        )


def test_one_machine_code_for_arrays_however_they_lie_in_memory():
    x, size, points = GRIDS["random"], 4, np.arange(20)
    expected = weights_of_lines(x, points, points + 1, size, 2)
    known = len(weigh_lines.overloads)
    still = np.broadcast_to(x, (1, 30))[0]
    assert not still.flags.writeable
    for starts in (np.repeat(points, 2)[::2], np.broadcast_to(points, (2, 20))[0], points.tolist()):
        found = weights_of_lines(still, starts, np.arange(1, 41)[:20], size, 2)
        np.testing.assert_array_equal(found, expected)
    assert len(weigh_lines.overloads) == known


WIDE = {
    **{name: np.interp(np.linspace(0, 29, 150), np.arange(30), x) for name, x in GRIDS.items()},
    "equal": 0.1 * np.arange(150.0),
    "jumps": np.cumsum(np.where(np.arange(150) % 40, 1.0, 1e12)),
    "fine": np.cumsum(np.where(np.arange(150) == 70, 1e-200, 1.0)),
    "huge": 1e300 * np.arange(150.0),
    "back and forth": np.sin(np.arange(150.0)),
    "twice the same": np.arange(150.0) // 2,
    "not a number": np.where(np.arange(150) == 30, np.nan, np.arange(150.0)),
}


@pytest.mark.parametrize(("order", "accuracy"), [(1, 2), (2, 6), (3, 1), (6, 8)])
def test_many_windows_are_weighed_as_each(monkeypatch, order, accuracy):
    size = order + accuracy
    for lines in (*WIDE.values(), np.stack(list(WIDE.values()))):
        places = np.arange(150)
        starts = np.clip(places - (size - 1) // 2, 0, 150 - size)
        with np.errstate(all="ignore"):
            one_by_one = weights_of_lines(lines, starts, places, size, order)
            monkeypatch.setattr(module, "WRITTEN_WINDOWS", 1)
            together = weights_of_lines(lines, starts, places, size, order)
            monkeypatch.undo()
        np.testing.assert_array_equal(together, one_by_one)
        assert (np.signbit(together) == np.signbit(one_by_one))[np.isfinite(together)].all()

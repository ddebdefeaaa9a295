"""The flat order of results, and where arrays of any order lie in memory."""

import itertools

import numpy as np
import pytest

from numgrad.fields import layout

CUBE = np.arange(60).reshape(3, 4, 5)
VIEWS = {
    "C": CUBE,
    "Fortran": np.asfortranarray(CUBE),
    "transposed": CUBE.transpose(1, 2, 0),
    "reversed": CUBE[::-1, :, ::-1],
    "thinned": CUBE[::2, 1:, ::3],
    "broadcast": np.broadcast_to(CUBE[:1], CUBE.shape),
    "one point": CUBE[:1, 1:2, 3:4],
    "rank 0": CUBE[1, 2, 3],
    "line": CUBE[1, ::-1, 2],
}


@pytest.mark.parametrize("name", VIEWS)
def test_memory_of(name):
    view = np.asarray(VIEWS[name])
    memory, origin = layout.memory_of(view)
    steps = layout.steps(view)
    assert memory.ndim == 1
    for point in np.ndindex(view.shape):
        offset = origin + sum(i * step for i, step in zip(point, steps, strict=True))
        assert 0 <= offset < memory.size
        assert memory[offset] == view[point]


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_the_flat_order_is_that_of_a_contiguous_result(axes):
    result = np.empty([(3, 4, 5)[axis] for axis in axes]).transpose(np.argsort(axes))
    order = layout.flat_order([CUBE.astype(float)[:, ::2], result][1:])
    assert order == list(axes)
    assert layout.is_flat(result, order)
    assert layout.flat_strides(result.shape, order) == layout.steps(result)


def test_the_first_contiguous_result_decides():
    thinned, fortran = np.empty((6, 4))[::2], np.empty((3, 4), order="F")
    assert layout.flat_order([thinned, fortran]) == [1, 0]
    assert layout.flat_order([thinned]) == [0, 1]


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("reverse", [False, True])
def test_dimension_rows_lead_to_every_element(name, reverse):
    view = np.asarray(VIEWS[name])
    result = np.empty(view.shape)
    order = list(range(view.ndim))[:: -1 if reverse else 1]
    rows = layout.dimension_rows(view.shape, order, [view, result])
    memory, origin = layout.memory_of(view)
    ours = [
        memory[origin + sum(i * row[1] for i, row in zip(point, rows, strict=True))]
        for point in np.ndindex(*[row[0] for row in rows])
    ]
    assert ours == view.transpose(order).ravel().tolist()


def test_dimensions_are_joined():
    assert layout.dimension_rows((3, 4, 5), [0, 1, 2], [CUBE, CUBE]) == [[60, 1, 1]]
    assert layout.dimension_rows((3, 4, 5), [0, 1, 2], [CUBE, CUBE.copy("F")]) == [
        [3, 20, 1],
        [4, 5, 3],
        [5, 1, 12],
    ]
    thinned = np.empty((3, 4, 10))[:, :, ::2]
    assert layout.dimension_rows((3, 4, 5), [0, 1, 2], [CUBE, thinned]) == [[60, 1, 2]]
    assert layout.dimension_rows((1, 4, 1), [0, 1, 2], [CUBE[:1, :, :1]]) == [[4, 5]]


@pytest.mark.parametrize(
    ("samples", "result", "same"), [("C", "C", True), ("F", "F", True), ("C", "F", False)]
)
def test_contiguous_in_one_order(samples, result, same):
    f, out = np.empty((3, 4), order=samples), np.empty((3, 4), order=result)
    assert layout.contiguous_in_one_order(f, [out]) is same
    assert not layout.contiguous_in_one_order(f, [out[::-1]])
    assert not layout.contiguous_in_one_order(f[:, ::2], [out])

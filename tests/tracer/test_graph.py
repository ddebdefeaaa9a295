"""The recorded graph: its nodes, its text, and its pictures."""

import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.tracer import drawing

EDGE = re.compile(r"n(\d+) -> n(\d+);")


def cubic(x):
    return 5 * x**3 + 2 * x**2 + 4 * x + 8


def loop(x, y):
    total = 0.0
    for k in range(1000):
        total += np.sin(x * k) * y
        x = 0.999 * x
    return total / 1000


def test_nodes_of_a_polynomial():
    graph = numgrad.trace(cubic, 2.0)
    rows = [(n.name, n.expression, n.value, n.tangent) for n in graph]
    assert rows == [
        ("x", "x", 2.0, 1.0),
        ("v1", "x ** 3", 8.0, 12.0),
        ("v2", "5 * v1", 40.0, 60.0),
        ("v3", "x ** 2", 4.0, 4.0),
        ("v4", "2 * v3", 8.0, 8.0),
        ("v5", "v2 + v4", 48.0, 68.0),
        ("v6", "4 * x", 8.0, 4.0),
        ("v7", "v5 + v6", 56.0, 72.0),
        ("v8", "v7 + 8", 64.0, 72.0),
    ]
    assert graph.value == 64.0
    assert [node.operation for node in graph.outputs] == ["add"]
    assert [node.name for node in graph.inputs] == ["x"]
    assert len(graph) == len(list(graph)) == 9


def test_every_node_comes_after_its_inputs():
    for node in numgrad.trace(loop, 1.0, 2.0):
        assert all(source < node.index for source in node.inputs)


def test_shapes_dtypes_and_places():
    def f(x, y):
        z = x * y
        return z.sum(axis=0), np.float32(2.0) * y

    x, y = np.ones((2, 3)), np.ones(3, np.float32)
    graph = numgrad.trace(f, x, y)
    product, total, scaled = [node for node in graph if node.operation != "input"]
    assert (product.shape, product.dtype) == ((2, 3), np.float64)
    assert (total.operation, total.shape, total.inputs) == ("sum", (3,), (product.index,))
    assert (scaled.shape, scaled.dtype) == ((3,), np.float32)
    assert product.place.text == "z = x * y"
    assert product.place.filename == __file__
    assert product.place.line + 1 == total.place.line
    assert_array_equal(product.tangents, [np.ones((2, 3)), np.ones((2, 3))])
    assert_array_equal(total.tangents, [[2.0] * 3, [2.0] * 3])
    assert_array_equal(graph.value[0], [2.0] * 3)


def test_inputs_have_the_names_of_arguments():
    graph = numgrad.trace(
        lambda a, n, pair, *more: a * n * pair[1] + more[0], 1.0, 3, (1.0, 2.0), 5.0
    )
    assert [node.name for node in graph.inputs] == ["a", "pair[0]", "pair[1]", "x3"]
    assert graph.outputs[0].tangents == (6.0, 0.0, 3.0, 1.0)


def test_what_leads_nowhere_is_left_out():
    def f(x):
        _unused = np.exp(x)
        return np.sin(x)

    assert [node.name for node in numgrad.trace(f, 1.0)] == ["x", "v1"]
    assert numgrad.trace(lambda x, y: 2.0 * y, 1.0, 1.0).outputs[0].inputs == (1,)
    constant = numgrad.trace(lambda x: 3.0, 1.0)
    assert (constant.value, constant.outputs, len(constant)) == (3.0, (), 1)


def test_stores_are_operations_seen_through_views():
    def f(x):
        table = np.zeros((2, 2))
        row = table[1]
        row[0] = x * x
        return table.sum()

    graph = numgrad.trace(f, 3.0)
    assert [node.operation for node in graph] == ["input", "multiply", "setitem", "sum"]
    assert [node.inputs for node in graph] == [(), (0,), (1,), (2,)]
    assert graph.outputs[0].tangent == 6.0


def test_values_are_those_of_their_time():
    def f(x):
        before = x * 1.0
        y = before + 0.0
        y[0] = 7.0
        y[1] = before[1] ** 2
        return y

    values = [node.value for node in numgrad.trace(f, np.array([2.0, 3.0]))]
    assert_array_equal(values[2], [2.0, 3.0])
    assert_array_equal(values[-1], [7.0, 9.0])


def test_compiled_functions_and_derivatives_within():
    @njit
    def square(x):
        return x * x

    @njit
    def f(x):
        return square(x) + numgrad.derivative(square)(x)

    graph = numgrad.trace(f, 3.0)
    assert (graph.value, graph.outputs[0].tangent) == (15.0, 8.0)
    assert [node.operation for node in graph] == [
        "input",
        "multiply",
        "derivative(square, jit=False)",
        "add",
    ]


def test_a_trace_within_a_derivative():
    slope = numgrad.derivative(lambda x: numgrad.trace(cubic, x).value, jit=False)
    assert slope(2.0) == 72.0


def test_arguments_without_floats():
    with pytest.raises(TypeError, match=r"int64, holds floats; write 2\.0, not 2"):
        numgrad.trace(cubic, 2)


# Folding


def test_a_long_loop_is_a_short_picture():
    graph = numgrad.trace(loop, 1.0, 2.0)
    assert len(graph) > 4000
    folded = graph.folded()
    assert folded.is_folded
    assert not graph.is_folded
    lines = [node for node in folded if node.operation == "line"]
    assert [node.expression for node in lines] == [
        "total += np.sin(x * k) * y",
        "x = 0.999 * x",
        "return total / 1000",
    ]
    assert [node.count for node in lines] == [4000, 999, 1]
    assert sum(node.count for node in folded) == len(graph)
    assert [set(node.inputs) for node in lines] == [{0, 1, 3}, {0}, {2}]
    assert lines[-1].value == graph.value
    assert folded.outputs == (lines[-1],)
    assert len(EDGE.findall(graph.to_dot())) == 5
    assert len(EDGE.findall(graph.to_dot(fold=False))) > 4000
    assert numgrad.trace(cubic, 2.0).shown(fold=True).nodes[1].count == 8


# Text


def test_text():
    text = str(numgrad.trace(cubic, 2.0))
    lines = text.splitlines()
    assert lines[0].split() == ["cubic", "value", "d/dx"]
    assert lines[2].split() == ["x", "2", "1"]
    assert lines[3].endswith(": return 5 * x**3 + 2 * x**2 + 4 * x + 8")
    assert lines[-1].split("  ")[0] == "v8 = v7 + 8"
    assert lines[-1].split()[-2:] == ["64", "72"]
    assert "(4000 operations)" in repr(numgrad.trace(loop, 1.0, 2.0))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"),
        (1 / 3, "0.333333"),
        (1 + 2j, "1+2j"),
        (np.array([1.0, 2.5]), "1 2.5"),
        (np.eye(2), "1 0; 0 1"),
        (np.arange(12.0).reshape(3, 4), "3×4: 0 … 11"),
        (np.ones(9, complex), "9 complex128"),
        (np.empty((0, 3)), "0×3 float64"),
    ],
)
def test_values_in_few_characters(value, text):
    from numgrad.tracer.graph import described

    assert described(value) == text


# Pictures


def test_dot():
    graph = numgrad.trace(lambda x: np.where(x < 1.0, x, 2.0) * x, 0.5)
    source = graph.to_dot()
    assert source.startswith('digraph "<lambda>" {')
    edges = {(int(a), int(b)) for a, b in EDGE.findall(source)}
    assert edges == {(s, node.index) for node in graph for s in node.inputs}
    assert "where(True, x, 2)" in source


needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz isn't installed")


@pytest.fixture(params=[pytest.param("graphviz", marks=needs_graphviz), "python"])
def means(request, monkeypatch):
    """What the pictures are drawn with."""
    if request.param == "python":
        pytest.importorskip("fast_sugiyama")
        pytest.importorskip("matplotlib")
        monkeypatch.setattr(drawing.shutil, "which", lambda name: None)
    return request.param


def texts_of(svg):
    tree = ElementTree.fromstring(svg)
    return {"".join(each.itertext()).strip() for each in tree.iter() if each.tag.endswith("}text")}


@pytest.mark.parametrize("f", [cubic, lambda x: 3.0, lambda x: x * 2.0])
def test_pictures(means, tmp_path, f, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.rcParams["svg.fonttype"] = "none"
    graph = numgrad.trace(f, 2.0)
    for kind, beginning in [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]:
        graph.save(tmp_path / f"graph.{kind}")
        assert (tmp_path / f"graph.{kind}").read_bytes().startswith(beginning)
    texts = texts_of((tmp_path / "graph.svg").read_text())
    for node in graph:
        label = node.expression if node.operation == "input" else f"{node.name} = {node.expression}"
        assert label in texts
    matplotlib.rcParams["svg.fonttype"] = "path"


def test_notebooks_see_the_picture(means):
    bundle = numgrad.trace(loop, 1.0, 2.0)._repr_mimebundle_()
    ElementTree.fromstring(bundle["image/svg+xml"])
    assert bundle["text/plain"].startswith("loop")


def test_nothing_to_draw_with(monkeypatch, tmp_path):
    graph = numgrad.trace(cubic, 2.0)
    monkeypatch.setattr(drawing.shutil, "which", lambda name: None)
    monkeypatch.setattr(drawing.importlib.util, "find_spec", lambda name: None)
    assert list(graph._repr_mimebundle_()) == ["text/plain"]
    with pytest.raises(ImportError, match=r"numba-numgrad\[plot\]"):
        graph.save(tmp_path / "graph.svg")
    graph.save(tmp_path / "graph.dot")
    assert (tmp_path / "graph.dot").read_text() == graph.to_dot()
    with pytest.raises(ValueError, match=r"'graph\.txt' ends in none"):
        graph.save("graph.txt")


def test_tangents_against_differences():
    def f(x, y):
        z = np.exp(x) * y[0]
        return z / (1.0 + y[1] ** 2)

    x, y, h = np.array([0.3, 0.7]), (2.0, -1.0), 1e-6
    node = numgrad.trace(f, x, y).outputs[0]
    expected = [
        (f(x + h, y) - f(x - h, y)) / (2 * h),
        (f(x, (y[0] + h, y[1])) - f(x, (y[0] - h, y[1]))) / (2 * h),
        (f(x, (y[0], y[1] + h)) - f(x, (y[0], y[1] - h))) / (2 * h),
    ]
    assert_allclose(node.tangents, expected, rtol=1e-8)

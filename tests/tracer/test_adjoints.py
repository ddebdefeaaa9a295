"""Graphs in reverse mode: adjoints against derivatives of what follows, slopes against rules."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numgrad
from numgrad.tracer import drawing


def traced(f, *arguments):
    return numgrad.trace(f, *arguments, mode="reverse")


def named(graph):
    return {node.name: node for node in graph}


def neuron(w, x, b):
    return np.tanh(w * x + b) ** 2 * w


def test_adjoints_and_slopes_of_numbers():
    graph = traced(neuron, 0.5, 2.0, -0.3)
    t = np.tanh(0.7)
    rows = [(node.expression, node.adjoint) for node in graph]
    slope = 2.0 * t * 0.5 * (1.0 - t**2)
    assert [name for name, _ in rows] == [
        *("w", "x", "b", "w * x", "v1 + b", "tanh(v2)", "v3 ** 2", "v4 * w")
    ]
    expected = [2.0 * slope + t**2, 0.5 * slope, slope, slope, slope, t, 0.5, 1.0]
    assert_allclose([adjoint for _, adjoint in rows], expected, rtol=1e-14)
    gradient = numgrad.grad(neuron, argnums=(0, 1, 2))(0.5, 2.0, -0.3)
    assert_allclose([node.adjoint for node in graph.inputs], gradient, rtol=1e-14)
    slopes = [slope for node in graph for slope in node.slopes]
    assert_allclose(slopes, [2.0, 0.5, 1.0, 1.0, 1.0 - t**2, 2.0 * t, 0.5, t**2], rtol=1e-14)
    assert graph.value == neuron(0.5, 2.0, -0.3)
    assert all(node.tangents == () for node in graph)


def chain_rule(graph):
    """Check that each adjoint of a number is the sum over its edges."""
    for node in graph:
        if node in graph.outputs:
            continue
        total = sum(
            after.adjoint * slope
            for after in graph
            for source, slope in zip(after.inputs, after.slopes, strict=True)
            if source == node.index
        )
        assert node.adjoint == pytest.approx(total, rel=1e-13)


def test_the_chain_rule_along_edges():
    def loop(x, y):
        total, z = 0.0, x * y
        for k in range(4):
            total += np.sin(z * k) * x
            z = z / total if total > 0.5 else z + total
        return np.hypot(total, z) + np.maximum(x, y)

    chain_rule(traced(loop, 1.0, 2.0))


def test_arrays_by_numbers_and_numbers_by_arrays():
    def f(x, y):
        z = x * y
        return np.sum(np.sin(z) * z)

    x, y = np.array([1.0, 2.0]), 3.0
    product, sine, weighed, total = list(traced(f, x, y))[2:]
    z = x * y
    assert_array_equal(product.slopes, [[3.0, 3.0], [1.0, 2.0]])
    assert_allclose(product.adjoint, np.cos(z) * z + np.sin(z), rtol=1e-14)
    assert_allclose(sine.slopes, [np.cos(z)], rtol=1e-15)
    assert_allclose(sine.adjoint, z, rtol=1e-15)
    assert_allclose(weighed.slopes, [z, np.sin(z)], rtol=1e-14)
    assert_array_equal(total.slopes, [[1.0, 1.0]])


def test_what_takes_a_matrix_is_not_along_an_edge():
    turn = np.array([[1.0, 2.0], [3.0, 4.0]])
    graph = traced(lambda x: np.sum(np.cumsum(turn @ x)[::-1] * [1.0, 5.0]), np.array([1.0, 2.0]))
    product, summed = (named(graph)[name] for name in ("v1", "v2"))
    assert product.slopes == summed.slopes == (None,)
    assert_array_equal(graph.inputs[0].adjoint, turn.T @ [6.0, 1.0])
    swapped = traced(lambda x: np.linalg.solve(np.eye(2)[::-1], x), np.array([1.0, 2.0]))
    assert swapped.outputs[0].slopes == (None,)


def test_one_number_under_two_names_is_not_along_an_edge():
    def f(x):
        y = 1.0 * x
        return np.dot(y, y[::-1])

    graph = traced(f, np.array([1.0, 2.0, 4.0]))
    assert graph.outputs[0].slopes == (None, None)
    assert [node.operation for node in graph] == ["input", "multiply", "getitem", "dot"]
    for node in graph.nodes[:2]:
        assert_array_equal(node.adjoint, [8.0, 4.0, 2.0])
    assert_array_equal(graph.nodes[2].adjoint, [2.0, 4.0, 8.0])  # the same numbers


def test_what_is_taken_or_stored_has_an_adjoint_of_its_own():
    def f(x):
        table = np.zeros(2)
        table[0] = x[1] * 3.0
        table[0] *= x[0]
        x[0] = table[0]
        return x[0] * x[1]

    graph = traced(f, np.array([2.0, 5.0]))  # 3 x y^2
    assert_array_equal(graph.inputs[0].adjoint, [75.0, 60.0])
    by_name = {node.expression: node for node in graph}
    assert by_name["x[1]"].adjoint == 30.0  # once it is part of x[0]
    assert by_name["x[1]"].slopes == (pytest.approx([0.0, 1.0]),)
    last = graph.nodes[-2]
    assert (last.operation, last.value, last.adjoint) == ("getitem", 5.0, 30.0)  # and once a factor
    stored = [node for node in graph if node.operation == "setitem"]
    assert_array_equal(stored[-1].value, [30.0, 5.0])
    assert_array_equal(stored[-1].adjoint, [5.0, 30.0])


def test_several_results_and_those_that_are_arrays():
    def f(x):
        y = x**2
        return y, np.sum(y * x)

    graph = traced(f, np.array([1.0, 2.0]))
    by_square, by_sum = graph.inputs[0].adjoints
    assert_array_equal(by_square, [2.0, 4.0])
    assert_array_equal(by_sum, [3.0, 12.0])
    assert graph.inputs[0].adjoint == graph.inputs[0].adjoints
    assert graph.headings == ["adjoint for v1", "adjoint for v3"]


def test_complex_numbers():
    z = 1.0 + 2.0j
    graph = traced(lambda z: np.exp(1j * z) * z, z)
    assert graph.inputs[0].adjoint == pytest.approx(np.exp(1j * z) * (1.0 + 1j * z), rel=1e-14)
    graph = traced(lambda z: np.abs(z), z)
    (_, (by_z,)) = numgrad.vjp(np.abs, (z,), 1.0)
    assert graph.inputs[0].adjoint == pytest.approx(by_z, rel=1e-14)
    assert graph.outputs[0].slopes == (None,)


def test_kinks_have_their_conventions():
    graph = traced(lambda x, y: np.sqrt(x - x) + y, 2.0, 1.0)
    assert [node.adjoint for node in graph.inputs] == [0.0, 1.0]


def test_derivatives_within():
    slope = numgrad.grad(lambda y: y**3, mode="reverse", jit=False)
    graph = traced(lambda x: slope(x) * x, 2.0)  # 3 x^3
    assert graph.inputs[0].adjoint == pytest.approx(36.0, rel=1e-15)
    chain_rule(graph)


def test_a_constant():
    graph = traced(lambda x: 3.0, 1.0)
    assert (graph.value, graph.inputs[0].adjoints, graph.headings) == (3.0, (), [])
    assert str(graph).count("x") == 1


def test_other_modes():
    for mode in ("auto", "backward"):
        with pytest.raises(ValueError, match="mode of a graph must be 'forward' or 'reverse'"):
            numgrad.trace(neuron, 0.5, 2.0, -0.3, mode=mode)
    graphs = [numgrad.trace(neuron, 0.5, 2.0, -0.3, **mode) for mode in ({}, {"mode": "forward"})]
    assert str(graphs[0]) == str(graphs[1])
    assert graphs[0].nodes[3].adjoints == graphs[0].nodes[3].slopes == ()


# Pictures


def test_text():
    text = str(traced(lambda x, y: x * y + x, 2.0, 3.0)).splitlines()
    assert text[0].split() == ["<lambda>", "value", "adjoint", "slopes"]
    assert text[2].split() == ["x", "2", "4"]
    assert text[-2].split() == ["v1", "=", "x", "*", "y", "6", "1", "3", "by", "x,", "2", "by", "y"]
    assert text[-1].endswith("8        1  1 by v1, 1 by x")


def test_source_of_the_picture():
    source = traced(lambda x, y: x * y + x, 2.0, 3.0).to_dot()
    edges = re.findall(r'n(\d) -> n(\d) \[label="([^"]*)"\];', source)
    assert sorted(edges) == [("0", "2", "3"), ("0", "3", "1"), ("1", "2", "2"), ("2", "3", "1")]
    assert source.count(f'<font color="{drawing.ADJOINT}">') == 4
    forward = numgrad.trace(lambda x, y: x * y + x, 2.0, 3.0).to_dot()
    assert "label=" not in "".join(line for line in forward.splitlines() if "->" in line)


def test_folded():
    def loop(x):
        y = 1.0
        for _ in range(100):
            y = y * x + x
        return y

    graph = traced(loop, 0.9)
    folded = graph.folded()
    assert folded.mode == "reverse"
    assert folded.inputs[0].adjoint == graph.inputs[0].adjoint
    assert [node.slopes for node in folded] == [(), ()]
    assert "adjoint" in str(graph)


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_drawn_without_graphviz(tmp_path, monkeypatch, kind):
    pytest.importorskip("fast_sugiyama")
    monkeypatch.setattr(drawing.shutil, "which", lambda _: None)
    path = tmp_path / f"graph.{kind}"
    traced(neuron, 0.5, 2.0, -0.3).save(path)
    assert path.stat().st_size > 1000
    if kind == "svg":
        written = path.read_text("utf-8")
        for text in ("adjoint", "0.191808", "0.63474", "1.20874"):  # by x; along edges
            assert f">{text}</text>" in written

"""The graph of a traced function: its nodes in order, as text, and as a picture."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from numgrad.drivers.modes import FORWARD, REVERSE
from numgrad.tracer import drawing
from numgrad.tracer.places import Place
from numgrad.tracer.recording import Node, described

MANY = 60  # nodes, from which on a graph is shown folded


class Graph:
    """What a function computed, operation by operation, as `numgrad.trace` returns it.

    Iterating over a graph gives its nodes, inputs first and each after those it was computed from.
    Operations that lead to no result are left out.

    Attributes
    ----------
    name : str
        The function.
    value : number, ndarray or tuple of these
        What it returned.
    mode : {"forward", "reverse"}
        Whether it shows the derivatives by the inputs, or those of the results.
    nodes, inputs, outputs : tuple of Node
        All nodes; those of the arguments; those of the results.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> graph = numgrad.trace(lambda x: np.sin(x) * x, 0.0)
    >>> [node.operation for node in graph]
    ['input', 'sin', 'multiply']
    >>> graph.inputs[0].name, graph.outputs[0].inputs
    ('x', (1, 0))
    >>> print(graph.to_dot().splitlines()[0])
    digraph "<lambda>" {
    """

    def __init__(
        self, name: str, nodes: list[Node], outputs: list[Node], value: Any, mode: str = FORWARD
    ) -> None:
        needed = _ancestors(nodes, outputs)
        kept = [node for node in nodes if node.index in needed or node.operation == "input"]
        places = {node.index: k for k, node in enumerate(kept)}
        names = _renamed(kept)
        self.name = name
        self.value = value
        self.mode = mode
        self.nodes = tuple(
            dataclasses.replace(
                node,
                index=places[node.index],
                inputs=tuple(places[k] for k in node.inputs),
                name=names.get(node.name, node.name),
                expression=_with_names(node.expression, names),
            )
            for node in kept
        )
        self.outputs = tuple(self.nodes[places[node.index]] for node in outputs)
        self.inputs = tuple(node for node in self.nodes if node.operation == "input")

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def folded(self) -> "Graph":
        """Return the graph with one node for all operations on a line of source.

        Its value and derivatives are those of the last operation on the line. Lines of a loop may
        depend on each other.
        """
        groups: dict[Any, list[Node]] = {}
        for node in self.nodes:
            key = (node.place, None) if node.place is not None else (None, node.index)
            groups.setdefault(key, []).append(node)
        position = {n.index: k for k, group in enumerate(groups.values()) for n in group}
        last = [group[-1] for group in groups.values()]
        nodes = []
        for k, group in enumerate(groups.values()):
            sources = dict.fromkeys(position[i] for n in group for i in n.inputs)
            is_line = group[0].place is not None
            nodes.append(
                dataclasses.replace(
                    last[k],
                    index=k,
                    name=f"line {group[0].place.line}" if group[0].place else group[0].name,
                    operation="line" if is_line else last[k].operation,
                    inputs=tuple(s for s in sources if s != k),
                    slopes=(),
                    expression=group[0].place.text if group[0].place else last[k].expression,
                    count=len(group),
                )
            )
        graph = Graph.__new__(Graph)
        graph.name, graph.value, graph.mode = self.name, self.value, self.mode
        graph.nodes = tuple(nodes)
        outputs = dict.fromkeys(position[node.index] for node in self.outputs)
        graph.outputs = tuple(nodes[k] for k in outputs)
        graph.inputs = tuple(node for node in nodes if node.operation == "input")
        return graph

    def shown(self, fold: bool | None = None) -> "Graph":
        """Return the graph, or the folded one if asked for or if there are very many nodes."""
        fold = len(self) > MANY if fold is None else fold
        return self.folded() if fold and not self.is_folded else self

    @property
    def is_folded(self) -> bool:
        """Whether nodes stand for lines."""
        return any(node.operation == "line" for node in self.nodes)

    @property
    def headings(self) -> list[str]:
        """What to call the derivatives by each input, or those of each result."""
        if self.mode == REVERSE:
            if len(self.outputs) == 1:
                return ["adjoint"]
            return [f"adjoint for {node.name}" for node in self.outputs]
        if len(self.inputs) == 1:
            return [f"d/d{self.inputs[0].name}"]
        return [f"∂/∂{node.name}" for node in self.inputs]

    def to_dot(self, fold: bool | None = None) -> str:
        """Return the graph in the language of Graphviz.

        Parameters
        ----------
        fold : bool, optional
            Whether to draw one node a line of source; by default, if there are more than 60 nodes.
        """
        return drawing.to_dot(self.shown(fold))

    def to_svg(self, fold: bool | None = None) -> str:
        """Return the picture as SVG.

        Parameters
        ----------
        fold : bool, optional
            See `to_dot`.

        Raises
        ------
        ImportError
            If neither Graphviz nor the ``plot`` extra is installed.
        """
        return drawing.rendered(self.shown(fold), "svg").decode()

    def save(self, path: Any, fold: bool | None = None) -> None:
        """Draw the graph to a file.

        Parameters
        ----------
        path : str or path-like
            Its name ends in ``.svg``, ``.png`` or ``.pdf``; or in ``.dot``, which is written
            without drawing.
        fold : bool, optional
            See `to_dot`.

        Raises
        ------
        ValueError
            If the name ends in anything else.
        ImportError
            If neither Graphviz nor the ``plot`` extra is installed.

        Notes
        -----
        Graphviz's program ``dot`` draws it where it is installed; otherwise the layout is that of
        fast-sugiyama [1]_, of the ``plot`` extra, drawn by Matplotlib.

        References
        ----------
        .. [1] K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of Hierarchical
           System Structures", IEEE Transactions on Systems, Man and Cybernetics 11 (1981), 109-125.
        """
        drawing.save(self.shown(fold), path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        bundle = {"text/plain": str(self)}
        if drawing.can_draw():
            bundle["image/svg+xml"] = self.to_svg()
        return bundle

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return as_text(self.shown())


def _ancestors(nodes: list[Node], outputs: list[Node]) -> set[int]:
    needed = {node.index for node in outputs}
    for node in reversed(nodes):
        if node.index in needed:
            needed.update(node.inputs)
    return needed


def _renamed(nodes: list[Node]) -> dict[str, str]:
    """Return new names for operations, numbered without gaps."""
    operations = [node for node in nodes if node.operation != "input"]
    return {node.name: f"v{k}" for k, node in enumerate(operations, start=1)}


def _with_names(expression: str, names: dict[str, str]) -> str:
    words = drawing.WORD.split(expression)
    return "".join(names.get(word, word) for word in words)


def written_slopes(graph: Graph, node: Node) -> str:
    """Return the derivatives of an operation by its operands, each with the name of that."""
    pairs = zip(node.inputs, node.slopes, strict=False)
    return ", ".join(
        f"{described(slope)} by {graph.nodes[k].name}" for k, slope in pairs if slope is not None
    )


def as_text(graph: Graph) -> str:
    """Return a table of the nodes, under the lines of source that they stand on."""
    rows: list[list[str] | Place] = []
    place = None
    for node in graph:
        if node.place is not None and node.place != place and not graph.is_folded:
            place = node.place
            rows.append(place)
        is_named = node.operation == "input"
        label = node.expression if is_named else f"{node.name} = {node.expression}"
        if node.operation == "line":
            label = f"{node.name}: {node.expression}"
            label += f"  ({node.count} operations)" if node.count > 1 else ""
        label += "  → result" if node in graph.outputs else ""
        derivatives = node.tangents or node.adjoints
        slopes = [written_slopes(graph, node)] if graph.mode == REVERSE else []
        rows.append([label, described(node.value), *map(described, derivatives), *slopes])
    heading = [graph.name, "value", *graph.headings]
    heading += ["slopes"] if graph.mode == REVERSE else []
    tables = [heading, *(row for row in rows if not isinstance(row, Place))]
    widths = [max(len(row[k]) for row in tables) for k in range(len(heading))]

    def line(row: list[str]) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        if graph.mode == REVERSE:
            cells[-1] = row[-1]
        return "  ".join(cells).rstrip()

    text = [line(heading), "─" * (sum(widths) + 2 * len(widths) - 2)]
    text += [f"# {row}: {row.text}" if isinstance(row, Place) else line(row) for row in rows]
    return "\n".join(text)

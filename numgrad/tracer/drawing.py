"""Pictures of graphs: laid out by Graphviz where it is installed, else by fast-sugiyama."""

import html
import importlib.util
import io
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numgrad.drivers.modes import REVERSE
from numgrad.tracer.recording import described

if TYPE_CHECKING:
    from numgrad.tracer.graph import Graph
    from numgrad.tracer.recording import Node

WORD = re.compile(r"(\w+)")
FORMATS = ("svg", "png", "pdf")
LONGEST = 60  # characters of a line of source
# Okabe and Ito's colours, lightened: inputs, operations, results
FILLS = {"input": "#cfe8f7", "operation": "#ffffff", "output": "#fbe3b5"}
BORDERS = {"input": "#0072b2", "operation": "#7f7f7f", "output": "#d55e00"}
SLOPE, ADJOINT = "#0072b2", "#d55e00"  # what is written in reverse mode
MISSING = (
    "drawing a graph needs Graphviz (its program dot) or the plot extra: "
    "pip install 'numba-numgrad[plot]'"
)


def role_of(graph: "Graph", node: "Node") -> str:
    """Return what a node is in the graph."""
    if node.operation == "input":
        return "input"
    return "output" if node in graph.outputs else "operation"


def label_of(graph: "Graph", node: "Node") -> tuple[str, list[tuple[str, str]]]:
    """Return the heading of a node, and the lines below it: names and values."""
    heading = node.expression if node.operation == "input" else f"{node.name} = {node.expression}"
    if node.operation == "line":
        heading = f"{node.name}: {node.expression}"
        heading = heading if len(heading) <= LONGEST else heading[: LONGEST - 1] + "…"
    lines = [("value", described(node.value))]
    derivatives = node.adjoints if graph.mode == REVERSE else node.tangents
    if node.operation == "input" and graph.mode != REVERSE:  # each by itself is 1
        derivatives = ()
    lines += [
        (name, described(each)) for name, each in zip(graph.headings, derivatives, strict=False)
    ]
    if node.count > 1:
        lines.append(("operations", f"{node.count:,}"))
    return heading, lines


def slopes_of(graph: "Graph") -> dict[tuple[str, str], str]:
    """Return what is written along edges: the derivatives of operations by their operands."""
    return {
        (f"n{source}", f"n{node.index}"): described(slope)
        for node in graph
        for source, slope in zip(node.inputs, node.slopes, strict=False)
        if slope is not None
    }


def to_dot(graph: "Graph") -> str:
    """Return a graph in the language of Graphviz."""
    name = graph.name.replace('"', r"\"")
    lines = [
        f'digraph "{name}" {{',
        '  graph [rankdir=TB, nodesep=0.35, ranksep=0.45, fontname="Helvetica"];',
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, '
        'margin="0.12,0.06"];',
        '  edge [color="#555555", arrowsize=0.7, fontname="Helvetica", fontsize=10, '
        f'fontcolor="{SLOPE}"];',
    ]
    for node in graph:
        role = role_of(graph, node)
        width = 2 if role == "output" else 1
        lines.append(
            f"  n{node.index} [label=<{_table(*label_of(graph, node))}>, "
            f'fillcolor="{FILLS[role]}", color="{BORDERS[role]}", penwidth={width}];'
        )
    slopes = slopes_of(graph)
    for edge in ((f"n{source}", f"n{node.index}") for node in graph for source in node.inputs):
        label = f' [label="{slopes[edge]}"]' if edge in slopes else ""
        lines.append(f"  {edge[0]} -> {edge[1]}{label};")
    return "\n".join([*lines, "}", ""])


def _table(heading: str, lines: Sequence[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><td align="left"><font color="#555555">{html.escape(name)}</font></td>'
        f'<td align="right">{_coloured(name, html.escape(value))}</td></tr>'
        for name, value in lines
    )
    heading = f'<tr><td colspan="2"><b>{html.escape(heading)}</b></td></tr>'
    return (
        f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{heading}{rows}</table>'
    )


def _coloured(name: str, value: str) -> str:
    return f'<font color="{ADJOINT}">{value}</font>' if name.startswith("adjoint") else value


def can_draw() -> bool:
    """Return whether there is anything to draw with."""
    return shutil.which("dot") is not None or all(
        importlib.util.find_spec(name) for name in ("fast_sugiyama", "matplotlib")
    )


def rendered(graph: "Graph", kind: str) -> bytes:
    """Return the picture of a graph in some format."""
    program = shutil.which("dot")
    if program is not None:
        command = [program, f"-T{kind}", *(["-Gdpi=144"] if kind == "png" else [])]
        done = subprocess.run(
            command, input=to_dot(graph).encode(), capture_output=True, check=True
        )
        return done.stdout
    if not can_draw():
        raise ImportError(MISSING)
    return _drawn(graph, kind)


def save(graph: "Graph", path: Any) -> None:
    """Write the picture of a graph, or its source, to a file."""
    name = os.fspath(path)
    kind = os.path.splitext(name)[1].removeprefix(".").lower()
    if kind in ("dot", "gv"):
        content = to_dot(graph).encode()
    elif kind in FORMATS:
        content = rendered(graph, kind)
    else:
        raise ValueError(
            f"a graph is saved as .svg, .png, .pdf or .dot, and {name!r} ends in none of them"
        )
    with open(name, "wb") as file:
        file.write(content)


# Without Graphviz

FONT = 9.0  # points
ADVANCE = 0.62  # of the font's size: the width of a character of DejaVu Sans, on average
LEADING = 1.45  # of the font's size: from line to line
GAP = 24.0  # points between boxes


def _positions(graph: "Graph") -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    """Return where nodes stand, in a grid, and the edges by way of the places they bend at."""
    from fast_sugiyama import from_edges

    edges = [(f"n{source}", f"n{node.index}") for node in graph for source in node.inputs]
    if not edges:
        return {f"n{node.index}": (float(node.index), 0.0) for node in graph}, []
    layouts = from_edges(edges, vertex_spacing=1).align_layouts_horizontal(spacing=1)
    places = {str(name): place for layout in layouts for name, place in layout[0]}
    routed = [(str(a), str(b)) for layout in layouts for a, b in layout[3] or ()]
    alone = [f"n{node.index}" for node in graph if f"n{node.index}" not in places]
    right = max(x for x, _ in places.values())
    places.update({name: (right + 1.0 + k, 0.0) for k, name in enumerate(alone)})
    return places, routed


def _drawn(graph: "Graph", kind: str) -> bytes:
    """Return the picture that Matplotlib draws of the layout of fast-sugiyama."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    places, edges = _positions(graph)
    labels = {f"n{node.index}": label_of(graph, node) for node in graph}
    sizes = {name: _size(*label) for name, label in labels.items()}
    step_x = max(width for width, _ in sizes.values()) + GAP
    step_y = max(height for _, height in sizes.values()) + GAP
    centres = {name: (x * step_x, y * step_y) for name, (x, y) in places.items()}
    xs, ys = zip(*centres.values(), strict=True)
    left, right = min(xs) - step_x / 2, max(xs) + step_x / 2
    bottom, top = min(ys) - step_y / 2, max(ys) + step_y / 2
    figure = Figure(figsize=((right - left) / 72, (top - bottom) / 72))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), xlim=(left, right), ylim=(bottom, top))
    axes.set_axis_off()
    slopes, before = slopes_of(graph), {b: a for a, b in edges if b not in sizes}
    for bend, target in edges:
        _draw_edge(axes, centres, sizes, bend, target)
        source = bend
        while source in before:
            source = before[source]
        if (source, target) in slopes:
            _write_along(axes, centres, sizes, bend, target, slopes[source, target])
    for node in graph:
        name, role = f"n{node.index}", role_of(graph, node)
        (x, y), (width, height) = centres[name], sizes[name]
        axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=5",
                facecolor=FILLS[role],
                edgecolor=BORDERS[role],
                linewidth=2 if role == "output" else 1,
                zorder=2,
            )
        )
        _write(axes, labels[name], x, y, width, height)
    file = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # text that can be searched, copied, read aloud
        figure.savefig(file, format=kind, dpi=144, bbox_inches="tight", pad_inches=0.05)
    return file.getvalue()


def _size(heading: str, lines: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """Return the width and height of a box in points."""
    longest = max([len(heading) + 1, *(len(name) + len(value) + 3 for name, value in lines)])
    return longest * FONT * ADVANCE + 10.0, (1 + len(lines)) * FONT * LEADING + 8.0


def _write(
    axes: Any, label: tuple[str, Any], x: float, y: float, width: float, height: float
) -> None:
    """Write a heading and the lines below it into a box."""
    heading, lines = label
    row = y + height / 2 - 4.0 - FONT * LEADING / 2
    # A dollar sign would begin a formula
    style = {"va": "center", "fontsize": FONT, "zorder": 3, "parse_math": False}
    axes.text(x, row, heading, ha="center", weight="bold", **style)
    for name, value in lines:
        row -= FONT * LEADING
        axes.text(x - width / 2 + 6, row, name, ha="left", color="#555555", **style)
        color = ADJOINT if name.startswith("adjoint") else "black"
        axes.text(x + width / 2 - 6, row, value, ha="right", color=color, **style)


def _draw_edge(axes: Any, centres: Any, sizes: Any, source: str, target: str) -> None:
    """Draw one part of an edge: from the rim of a box or a bend to the next."""
    (x0, y0), (x1, y1) = _ends(centres, sizes, source, target)
    style = "-|>" if target in sizes else "-"
    axes.annotate(
        "",
        xy=(x1, y1),
        xytext=(x0, y0),
        arrowprops={"arrowstyle": style, "color": "#555555", "shrinkA": 0, "shrinkB": 0, "lw": 1},
        zorder=1,
    )


def _ends(centres: Any, sizes: Any, source: str, target: str) -> tuple[Any, Any]:
    """Return where a part of an edge begins and ends."""
    (x0, y0), (x1, y1) = centres[source], centres[target]
    down = 1.0 if y1 < y0 else -1.0
    y0 -= down * sizes.get(source, (0.0, 0.0))[1] / 2
    y1 += down * sizes.get(target, (0.0, 0.0))[1] / 2
    return (x0, y0), (x1, y1)


def _write_along(axes: Any, centres: Any, sizes: Any, source: str, target: str, text: str) -> None:
    """Write in the middle of the last part of an edge."""
    (x0, y0), (x1, y1) = _ends(centres, sizes, source, target)
    style = {"ha": "center", "va": "center", "fontsize": FONT - 1, "parse_math": False}
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    axes.text((x0 + x1) / 2, (y0 + y1) / 2, text, color=SLOPE, bbox=behind, zorder=2.5, **style)

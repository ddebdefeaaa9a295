"""``numgrad.trace``."""

import inspect
import itertools
from collections.abc import Callable
from typing import Any, Literal

from numgrad.drivers.modes import FORWARD, REVERSE
from numgrad.numbers.dual.number import Dual
from numgrad.tracer import derivatives, live  # noqa: F401 - functions may make derivatives
from numgrad.tracer.adapted import adapted
from numgrad.tracer.adjoints import new_differential, with_adjoints
from numgrad.tracer.arguments import (
    Leaf,
    in_place_of_leaves,
    kind_of,
    leaves,
    mapped,
    new_depth,
    returned,
    structure_of,
)
from numgrad.tracer.elements import cast, dtype_of
from numgrad.tracer.elements import mapped as each_of
from numgrad.tracer.entering import Entrance
from numgrad.tracer.graph import Graph
from numgrad.tracer.numbers import Traced, TracedNumber
from numgrad.tracer.places import ENTRANCES
from numgrad.tracer.recording import Recorder

Direction = Literal["forward", "reverse"]


def trace(f: Callable[..., Any], *args: Any, mode: Direction = FORWARD) -> Graph:
    """Run a function once and return the graph of what it computed.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``; it is run in plain Python.
    *args
        Its arguments. Floats, complex numbers, arrays of them and tuples of all these are the
        inputs of the graph; all others pass through unchanged.
    mode : {"forward", "reverse"}, optional
        What to show beside the values: the derivative of each operation by the inputs, or that of
        the results by each operation, its adjoint, and along the edges the derivative of each
        operation by its operands.

    Returns
    -------
    Graph
        The operations on the way from the inputs to the results, each with its value, its
        derivatives, and the line of source it stands on. A notebook shows it as a
        picture, ``print`` as a table, and ``save("graph.svg")`` draws it.

    Raises
    ------
    TypeError
        If no argument holds floats.
    ValueError
        If `mode` is neither.
    DifferentiationError
        If something in `f` can't be differentiated: the message names the line.

    See Also
    --------
    grad, derivative : with ``jit=False`` they differentiate what is traced here.

    Notes
    -----
    The derivatives are found with dual numbers on the way [1]_. That of an array is taken along
    the direction in which all numbers of an input move alike: of a function that works element by
    element, it is the derivative at every element. In reverse mode the adjoints are found by a
    sweep back over the graph, once for each result; those by an array are those of the sum of its
    numbers. A view of an array has the same numbers, and the same adjoints. That by a complex
    number ``a + ib`` is the derivative by ``a`` less ``i`` times that by ``b``, of the real part of
    the result, as for `vjp`.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, SIAM (2008),
       chapters 2 and 3.

    Examples
    --------
    >>> import numgrad
    >>> def cubic(x):
    ...     return 5 * x**3 + 2 * x**2 + 4 * x + 8
    >>> graph = numgrad.trace(cubic, 2.0)
    >>> graph.value, graph.outputs[0].tangent
    (64.0, 72.0)
    >>> [node.expression for node in graph]
    ['x', 'x ** 3', '5 * v1', 'x ** 2', '2 * v3', 'v2 + v4', '4 * x', 'v5 + v6', 'v7 + 8']
    >>> graph = numgrad.trace(cubic, 2.0, mode="reverse")
    >>> [(node.name, node.adjoint) for node in graph][:3]
    [('x', 72.0), ('v1', 5.0), ('v2', 1.0)]
    """
    if mode not in (FORWARD, REVERSE):
        raise ValueError(f"mode of a graph must be 'forward' or 'reverse', not {mode!r}")
    names = _names(f, len(args))
    structures = [
        structure if structure is not None and _is_input(structure) else None
        for structure in map(structure_of, args)
    ]
    inputs = [leaf for structure in structures for leaf in leaves(structure)]
    if not inputs:
        raise TypeError(
            f"there is nothing to trace: none of the arguments, of types "
            f"{', '.join(map(kind_of, args)) or 'none at all'}, holds floats; write 2.0, not 2"
        )
    recorder = Recorder(len(inputs) if mode == FORWARD else 0, new_depth(args))
    positions, entrance = itertools.count(), Entrance(f, args)
    given = []
    for argument, structure, name in zip(args, structures, names, strict=True):
        members = leaves(structure)
        labels = [f"{name}[{k}]" for k in range(len(members))]
        if isinstance(structure, Leaf):
            labels = [name]
        entered = [
            _entered(recorder, label, leaf, next(positions), entrance)
            for label, leaf in zip(labels, members, strict=True)
        ]
        given.append(in_place_of_leaves(argument, entered) if entered else argument)
    with live.under_way(recorder.depth):
        try:
            value = _run(f, given)
        finally:
            entrance.leave(lambda element: _value(element, recorder.depth))
    outputs = structure_of(value)
    results = [leaf.given for leaf in leaves(outputs) if isinstance(leaf.given, Traced)]
    ends = [result.node for result in results if result.node is not None]

    def plain(leaf: Any) -> Any:
        return returned(each_of(lambda e: _value(e, recorder.depth), leaf.elements))

    label = str(getattr(f, "__name__", f))
    nodes = recorder.nodes
    if mode == REVERSE:
        by = [result.elements for result in results if result.node is not None]
        nodes = with_adjoints(nodes, by, recorder.depth)
        ends = [nodes[node.index] for node in ends]
    return Graph(label, nodes, ends, mapped(plain, outputs), mode)


def _run(f: Callable[..., Any], arguments: list[Any]) -> Any:
    return adapted(f)(*map(adapted, arguments))


ENTRANCES.add(_run.__code__)


def _value(element: Any, depth: int) -> Any:
    return element.value if isinstance(element, Dual) and element.depth == depth else element


def _is_input(structure: Any) -> bool:
    members = leaves(structure)
    return bool(members) and all(leaf.is_floating for leaf in members)


def _names(f: Any, count: int) -> list[str]:
    """Return what the arguments are called."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL][:count]
    return names + [f"x{k}" for k in range(len(names), count)]


def _entered(recorder: Recorder, name: str, leaf: Any, position: int, entrance: Entrance) -> Any:
    """Return a number or an array as an input of the graph."""
    dtype = dtype_of(leaf.elements)
    partials = tuple(cast(float(k == position), dtype) for k in range(recorder.partials))

    def seeded(element: Any) -> Dual:
        return Dual(element, partials or new_differential(element), depth=recorder.depth)

    elements = each_of(seeded, leaf.elements)
    node = recorder.input(name, elements)
    if not leaf.is_array:
        return TracedNumber(elements, node, leaf.is_python)
    array = entrance.array(leaf.given, elements, leaf.dtype)
    array.memory.node = node
    return array

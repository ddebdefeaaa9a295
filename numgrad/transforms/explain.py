"""``numgrad.explain``: a function's source beside what was compiled of it on duals.

All of it is read off the twin's compiled form: the types that Numba inferred and the functions
that it calls. Nothing is analysed a second time.
"""

import copy
import inspect
import linecache
import textwrap
import tokenize
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

import numpy as np
from numba import typeof, types
from numba.core import ir
from numba.core.errors import NumbaError

from numgrad.arrays.creation import METHODS, REPLACEMENTS
from numgrad.drivers.reverse.passes import ReversePasses
from numgrad.drivers.transform import Transform
from numgrad.numbers.carrier import carrier_in, highest, is_carrier
from numgrad.numbers.tape import memory, threads
from numgrad.numbers.temporaries import claimed, identified
from numgrad.rules.registry import TABLE
from numgrad.transforms.callables import Mode
from numgrad.transforms.jacobian import SHARED, Jacobian, jacobian, size_of
from numgrad.twin.origins import DRIVERS
from numgrad.twin.twin import Twin

ACTIVE_STYLE = "background: rgba(255, 200, 0, 0.25)"
NOTE_STYLE = "opacity: 0.65; font-style: italic"


class Line(NamedTuple):
    """A line of source, and what was compiled of it."""

    number: int
    text: str
    is_active: bool
    note: str


@dataclass(frozen=True)
class Section:
    """One function of the report."""

    title: str
    place: str
    lines: list[Line]


@dataclass(frozen=True)
class Report:
    """What was compiled of a function on duals: text in a terminal, HTML in a notebook."""

    sections: list[Section]

    def __str__(self) -> str:
        return "\n\n".join(map(text_of, self.sections))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "\n".join(map(html_of, self.sections))


def text_of(section: Section) -> str:
    """Return a section as text: active lines begin with a star."""
    width = max((len(line.text) for line in section.lines if line.note), default=0)
    rows = [section.title, section.place]
    for line in section.lines:
        note = f"{'':{width - len(line.text)}}  <- {line.note}" if line.note else ""
        star = "*" if line.is_active else " "
        rows.append(f"{star} {line.number:>4}  {line.text}{note}".rstrip())
    return "\n".join(rows)


def html_of(section: Section) -> str:
    """Return a section as HTML: active lines have a background."""
    rows = []
    for line in section.lines:
        note = f'  <span style="{NOTE_STYLE}">{escape(line.note)}</span>' if line.note else ""
        text = f"{line.number:>4}  {escape(line.text)}"
        rows.append(
            (f'<span style="{ACTIVE_STYLE}">{text}</span>' if line.is_active else text) + note
        )
    title = f"<b>{escape(section.title)}</b><br><small>{escape(section.place)}</small>"
    return f"<div>{title}<pre>{chr(10).join(rows)}</pre></div>"


# Calls that give a number another name, or a sum its place: the first line tells nothing of it.
OF_NO_LINE = (claimed, identified)


@dataclass
class Reading:
    """One compiled form of a function, read line by line."""

    active: set[int] = field(default_factory=set)
    notes: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    callees: list[tuple[Any, tuple[Any, ...]]] = field(default_factory=list)


def reading_of(function: Any, compiled: Any) -> Reading:
    """Read what was compiled of a function."""
    typemap, calltypes = compiled.type_annotation.typemap, compiled.type_annotation.calltypes
    code, reading = function.__code__, Reading()
    for statement in statements(compiled.type_annotation.blocks):
        if statement.loc.filename != code.co_filename:  # of a function that Numba has inlined
            continue
        value = getattr(statement, "value", None)
        called = value if isinstance(value, ir.Expr) and value.op == "call" else None
        if called and getattr(typemap[called.func.name], "typing_key", None) in OF_NO_LINE:
            continue
        if is_active(statement, value, typemap):
            is_parameter = isinstance(value, ir.Arg)
            reading.active.add(header_line(function) if is_parameter else statement.loc.line)
        if called and called in calltypes:
            note_call(reading, statement.loc, typemap[called.func.name], calltypes[called])
    return reading


def statements(blocks: dict[int, Any]) -> Iterator[Any]:
    """Yield the statements that give something to a variable, in the order of the source."""
    for _, block in sorted(blocks.items()):
        for statement in block.body:
            if isinstance(statement, ir.Assign | ir.SetItem | ir.StaticSetItem | ir.SetAttr):
                yield statement


def is_active(statement: Any, value: Any, typemap: dict[str, Any]) -> bool:
    """Whether a statement gives derivatives to a variable."""
    if carrier_in(typemap.get(statement.target.name)) is None:
        return False
    # a number that only becomes a dual where branches meet, such as a sum's first 0.0, has none
    is_converted = isinstance(statement, ir.Assign) and isinstance(value, ir.Var)
    return not (is_converted and carrier_in(typemap[value.name]) is None)


def note_call(reading: Reading, place: Any, function: Any, signature: Any) -> None:
    """Note what became of a call, if it is an allocation or a function of the user's."""
    if isinstance(function, types.RecursiveCall):
        function = function.dispatcher_type
    key, on_duals = getattr(function, "typing_key", None), highest(signature.args) is not None
    if isinstance(function, types.Dispatcher):
        note = note_of_callee(reading, function.dispatcher, signature.args, on_duals=on_duals)
    elif stands_for(key) is not None:
        note = f"{name_of(key)} {'by its rule' if on_duals else 'as it is'}"
    else:
        note = note_of_allocation(key, place, signature.return_type)
        on_duals = False  # what it returns tells
    if on_duals:
        reading.active.add(place.line)
    if note and note not in reading.notes[place.line]:
        reading.notes[place.line].append(note)


def note_of_callee(reading: Reading, callee: Any, kinds: Any, *, on_duals: bool) -> str:
    """The note on a compiled callee; one compiled on duals is to be shown too."""
    name = name_of(callee)
    if not on_duals:
        return f"{name} as it is"
    if stands_for(callee) is not None:
        return f"{name} by its rule"
    if isinstance(callee, Twin):
        reading.callees.append((callee, tuple(kinds)))
    return f"{name} on duals"


def stands_for(function: Any) -> Any:
    """Return the function with a rule that another one stands in the place of, or None."""
    return getattr(getattr(function, "original", function), "stands_for", None)


def name_of(function: Any) -> str:
    """Return the name of a compiled function, or of what stands in its place."""
    if function in DRIVERS:
        return str(DRIVERS[function].label())
    return str((stands_for(function) or function).py_func.__name__)


def note_of_allocation(key: Any, place: Any, returned: Any) -> str:
    """Return the elements that an allocation gives to its array; nothing for another call."""
    names = allocations(key)
    if not names or not isinstance(returned, types.Array):
        return ""
    text = linecache.getline(place.filename, place.line)
    # Numba has its own way with some, such as np.array of a list: they have no name in the source
    name = next((name for name in names if name.split(".")[-1] in text), "array")
    return f"{name} of {'duals' if is_carrier(returned.dtype) else returned.dtype}"


def allocations(key: Any) -> list[str]:
    """Return the names of the allocations that a key of Numba's, or a stand-in, stands for."""
    if isinstance(key, str):  # a method
        name = key.removeprefix("array.")
        return [f".{name}"] if name in METHODS or name == "copy" else []
    methods = [f".{name}" for name, replacement in METHODS.items() if key is replacement]
    return methods + [
        f"np.{function.__name__}"
        for function, replacement in REPLACEMENTS.items()
        if key is function or key is replacement
    ]


def sections_of(function: Any, compiled: Any, title: str) -> Iterator[Section]:
    """Yield the sections of a function and, each once, of the callees compiled on duals."""
    waiting, known = [(function, compiled, title)], set()
    while waiting:
        function, compiled, title = waiting.pop(0)
        reading = reading_of(function, compiled)
        yield section_of(function, title, reading)
        for twin, kinds in reading.callees:
            key = twin, tuple(map(types.unliteral, kinds))
            if key not in known and kinds in twin.overloads:
                known.add(key)
                waiting.append((twin.py_func, twin.overloads[kinds], callee_title(twin, kinds)))


def callee_title(twin: Any, kinds: tuple[Any, ...]) -> str:
    """Return a line that says which arguments a function is called with duals for."""
    parameters = inspect.signature(twin.py_func).parameters
    names = [
        name for name, kind in zip(parameters, kinds, strict=False) if carrier_in(kind) is not None
    ]
    return f"{twin.py_func.__name__}: duals in {', '.join(names)}"


def section_of(function: Any, title: str, reading: Reading) -> Section:
    """Return the section of a function."""
    lines = [
        Line(number, text, number in reading.active, "; ".join(reading.notes.get(number, [])))
        for number, text in source_lines(function, reading)
    ]
    code = function.__code__
    place = f"{code.co_filename}, line {code.co_firstlineno}"
    frozen = captured_arrays(function)
    if frozen:
        place += f"; frozen when it was compiled: {', '.join(frozen)}"
    return Section(title, place, lines)


def captured_arrays(function: Any) -> list[str]:
    """Return the names of arrays from outside, which are constants of the compiled function."""
    found = inspect.getclosurevars(function)
    outside = {**found.globals, **found.nonlocals}
    return sorted(name for name, thing in outside.items() if isinstance(thing, np.ndarray))


def source_lines(function: Any, reading: Reading) -> list[tuple[int, str]]:
    """Return the numbered lines of a function; without text where the source is lost."""
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, SyntaxError, tokenize.TokenError):  # the file is gone, or another one
        return [(number, "") for number in sorted(reading.active | set(reading.notes))]
    return list(enumerate(textwrap.dedent("".join(lines)).splitlines(), start=first))


def header_line(function: Any) -> int:
    """Return the line that names the parameters, which comes after the decorators."""
    first: int = function.__code__.co_firstlineno
    lines = source_lines(function, Reading())
    return next((number for number, text in lines if text.startswith("def ")), first)


def explain(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | tuple[int, ...] = 0,
    mode: Mode = "auto",
) -> Report:
    """Return a report of how a function is differentiated: its source, line by line.

    Parameters
    ----------
    f : callable
        The function, plain or compiled by ``numba.njit``. A plain one is compiled.
    *args
        The arguments of a call of `f`.
    argnums : int or tuple of ints, optional
        The positions of the arguments to differentiate by: see `jacobian`.
    mode : {"auto", "forward", "reverse"}, optional
        See `grad`.

    Returns
    -------
    Report
        It shows itself as text in a terminal and as HTML in a notebook; ``print(report)`` in a
        script. The first line tells how many inputs there are, how many partials a pass carries and
        how many passes are made when `grad` or `jacobian` is called with these arguments, or, in
        reverse mode, how many statements are written on the tape and what memory they take. Then
        comes the source of `f`. A star stands before every line that computes numbers with
        derivatives, or hands them to a compiled function. Notes tell which allocations hold duals
        and which remain what they were, and which functions are compiled on duals, called as they
        are, or differentiated by a `rule`. The functions compiled on duals follow, each once.

    Raises
    ------
    TypeError
        If `f` is no function of your own, or its arguments don't fit; and as `jacobian`.
    ValueError
        If there is no argument at one of `argnums`.
    DifferentiationError
        If something in `f` can't be differentiated: the message names the line and the reason.

    See Also
    --------
    check_grad : whether the derivatives are right.

    Notes
    -----
    The function is compiled on duals for these arguments, as a derivative would, but not run; in
    reverse mode it is run with copies of the arguments, to see what it writes on the tape. What
    is shown is read off the compiled form: the type of every variable and the target of every call.

    Examples
    --------
    >>> import numpy as np
    >>> import numgrad
    >>> def weighted(x, steps):
    ...     grid = np.linspace(0.0, 1.0, steps)
    ...     terms = np.zeros(steps)
    ...     for k in range(steps):
    ...         terms[k] = np.sin(x[0] * grid[k]) * x[1]
    ...     return np.sum(terms)
    >>> report = numgrad.explain(weighted, np.array([0.5, 2.0]), 100)
    >>> print(report)  # doctest: +ELLIPSIS
    weighted by x: 2 inputs, 8 partials a pass, 1 pass
    ...
    *    1  def weighted(x, steps):
         2      grid = np.linspace(0.0, 1.0, steps)  <- np.linspace of float64
    *    3      terms = np.zeros(steps)              <- np.zeros of duals
         4      for k in range(steps):
    *    5          terms[k] = np.sin(x[0] * grid[k]) * x[1]
    *    6      return np.sum(terms)
    """
    if isinstance(f, Transform) or f in DRIVERS:
        raise TypeError(
            f"explain shows a function of your own, not what numgrad made of one: {f!r}; pass the "
            "function, and argnums"
        )
    transform: Any = jacobian(f, argnums, mode=mode)
    arguments = arguments_of(transform, args)
    hint = transform.hint(arguments)
    transform.entry_point(hint)  # from now on Numba knows what duals are
    kinds = tuple(kind_of(transform, k, argument) for k, argument in enumerate(arguments))
    passes = transform.chosen_passes(kinds, None, hint)
    title = title_of(transform, passes, arguments, shared=hint == SHARED)
    if transform.function in TABLE:
        return Report([section_of(transform.function.py_func, f"{title}, by its rule", Reading())])
    return Report(list(sections_of(transform.function.py_func, passes.compiled, title)))


def arguments_of(transform: Jacobian, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of a call with the defaults of those that are missing."""
    bound = inspect.Signature(transform.parameters).bind(*args)
    bound.apply_defaults()
    return bound.args


def kind_of(transform: Jacobian, position: int, argument: Any) -> Any:
    """Return Numba's type of an argument."""
    try:
        return typeof(argument)
    except (ValueError, NumbaError) as error:
        raise TypeError(
            f"argument {position} of {transform.inner_name()} is of type "
            f"{type(argument).__name__}, which Numba can't compile for"
        ) from error


def title_of(transform: Any, passes: Any, arguments: tuple[Any, ...], *, shared: bool) -> str:
    """Return the first line of the report: the inputs, the chunk and the passes, or the tape."""
    names = [p.name for p in transform.parameters]
    inputs = sum(size_of(arguments[k]) for k in passes.argnums)
    if isinstance(passes, ReversePasses):
        by = ", ".join(names[min(k, len(names) - 1)] for k in passes.argnums)
        written = tape_of(transform, arguments, inputs)
        return (
            f"{transform.function.py_func.__name__} by {by}: {plural(inputs, 'input')}, {written}"
        )
    count = passes.dual.count
    made = max(1, -(-inputs // count))
    by = ", ".join(names[min(k, len(names) - 1)] for k in passes.argnums)
    parts = [plural(inputs, "input"), f"{plural(count, 'partial')} a pass", plural(made, "pass")]
    title = f"{transform.function.py_func.__name__} by {by}: {', '.join(parts)}"
    return f"{title} shared among all threads" if shared else title


def tape_of(transform: Any, arguments: tuple[Any, ...], inputs: int) -> str:
    """Tell what a call writes on the tape, by making one with copies of the arguments."""
    transform(*copy.deepcopy(arguments))
    statements = threads.last_size(memory.LAST_STATEMENTS) - inputs
    size = threads.last_size(memory.LAST_LEAVES) * memory.BYTES_A_LEAF
    return f"reverse mode, {plural(statements, 'statement')}, {plural(size, 'byte')} of tape"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"

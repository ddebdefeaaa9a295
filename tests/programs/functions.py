"""Statements with functions of the program's own: callees, recursion, stars, closures."""

from tests.programs.building import FLOAT, INT, Array, Builder, Function, Place, Tuple, Unfit
from tests.programs.expressions import (
    call,
    element,
    leaf,
    number,
    stored,
    view,
    views,
)
from tests.programs.statements import body, nested, statement, written


def drawn_parameters(p: Builder) -> dict[str, object]:
    """Return parameters of types that are in scope, so that the function can be called here."""
    types = [p.array().type for _ in range(1 + p.below(2))]
    return {p.fresh("a"): t for t in types} | ({p.fresh("s"): FLOAT} if p.chance(0.8) else {})


def finish(p: Builder, name: str, inner: Builder, head: str, result: object) -> None:
    """Put a function among those that can be called."""
    options = ["", "", "", '(error_model="numpy")', "(boundscheck=True)"]
    recursive = any(f"{name}(" in line for line in inner.lines)
    option = p.choice(options if recursive else [*options, '(inline="always")'])
    p.functions.append("\n".join([f"@njit{option}", head, *inner.lines]))
    p.callees[name] = Function(tuple(inner.scope[n] for n in parameter_names(head)), result)


def parameter_names(head: str) -> list[str]:
    inside = head[head.index("(") + 1 : head.index(")")]
    return [n.strip().split("=")[0] for n in inside.split(",") if n.strip()]


@statement("calls", 3)
def define_function(p):
    """Write a function of arrays in scope, and call it."""
    if p.calls > 1 or len(p.callees) > 3:
        raise Unfit
    name, parameters = p.fresh("g"), drawn_parameters(p)
    inner = p.inner(name, **parameters)
    head = f"def {name}({', '.join(parameters)}):"
    body(inner, 1 + p.below(3))
    place = inner.array()
    results = [
        (number(inner), FLOAT),
        (None, None),
        view(inner, place),
        (place.text, place.type),
        (f"{place.text}, {number(inner, 1)}", Tuple((place.type, FLOAT))),
    ]
    text, result = p.choice(results)
    if text is not None:
        inner.emit(f"return {text}")
    finish(p, name, inner, head, result)
    use_function(p)


@statement("calls", 2)
def use_function(p):
    text, result = call(p)
    if result is None:
        p.emit(text)
    else:
        p.let("w", text, result)


@statement("recursion", 2)
def recursive(p):
    """Write a function that calls itself, on another view of the same type."""
    if p.calls > 1 or len(p.callees) > 3:
        raise Unfit
    name, place = p.fresh("g"), written(p)
    inner = p.inner(name, a=place.type, s=FLOAT, n=INT)
    with inner.block("if n <= 0:"):
        inner.emit(f"return {number(inner, 1)}")
    body(inner, 1 + p.below(2))
    again = p.choice(
        [t for t, kind in views(Place("a", place.type), p) if kind == place.type] + ["a"]
    )
    inner.emit(f"return 0.5 * {name}({again}, {stored(inner)}, n - 1) + {leaf(inner)}")
    default = p.choice(["n", "n=2"])
    finish(p, name, inner, f"def {name}(a, s, {default}):", FLOAT)
    given = "" if "=" in default and p.chance(0.5) else f", {p.below(4)}"
    p.let("s", f"{name}({place.text}, {number(p, 1)}{given})", FLOAT)


@statement("stars", 2)
def starred_call(p):
    """Call a function that has its own parameters, by a tuple of arguments."""
    name = p.choice(sorted(p.callees))
    function = p.callees[name]
    tuples = [q for q in p.places() if isinstance(q.type, Tuple)]
    whole_tuples = [q for q in tuples if q.type.items == function.parameters]
    if whole_tuples:
        text = f"{name}(*{p.choice(whole_tuples).text})"
    else:
        texts = [p.choice(q.text for q in p.places() if q.type == t) for t in function.parameters]
        k = p.below(len(texts))
        shown = ", ".join(texts[k:]) + ","
        text = f"{name}({''.join(t + ', ' for t in texts[:k])}*({shown}))"
    if function.result is None:
        p.emit(text)
    else:
        p.let("w", text, function.result)


@statement("stars", 3)
def starred_parameter(p):
    """Write a function of any number of arrays, and call it."""
    if p.calls > 1 or len(p.callees) > 4:
        raise Unfit
    name, first = p.fresh("g"), written(p)
    others = [q.text for q in p.places() if q.type == first.type]
    texts = [first.text, *(p.choice(others) for _ in range(1 + p.below(2)))]
    inner = p.inner(name, s=FLOAT, rest=Tuple((first.type,) * len(texts)))
    if p.chance(0.6):
        with inner.block("for b in rest:", loop=True, b=first.type):
            inner.emit(f"{element(inner, Place('b', first.type))} = {stored(inner)}")
    else:
        body(inner, 2)
    result = p.choice([(f"rest[{p.below(len(texts))}]", first.type), (number(inner, 1), FLOAT)])
    inner.emit(f"return {result[0]}")
    p.functions.append("\n".join(["@njit", f"def {name}(s, *rest):", *inner.lines]))
    given = p.choice([", ".join(texts), f"*({', '.join(texts)})"])
    p.let("w", f"{name}({number(p, 1)}, {given})", result[1])


@statement("stars", 1)
def generator(p):
    """Write a generator of rows, and go through them."""
    place = p.array(rank=2, writable=True)
    name, row = p.fresh("g"), p.fresh("r")
    p.functions.append(
        f"@njit\ndef {name}(m):\n    for i in range(m.shape[0]):\n        yield m[i]"
    )
    argtype = Array(place.type.shape[1:], "C" if place.type.order == "C" else "A")
    with p.block(f"for {row} in {name}({place.text}):", loop=True, **{row: argtype}):
        p.emit(f"{element(p, Place(row, argtype))} = {stored(p)}")
        nested(p)


@statement("closures", 3)
def closure(p):
    """Define a function that reads and writes variables around it, and call it."""
    if p.depth:
        raise Unfit
    name, parameter = p.fresh("h"), p.fresh("s")
    with p.block(f"def {name}({parameter}):", **{parameter: FLOAT}):
        captured = written(p)
        p.emit(f"{element(p, captured)} = {stored(p)}")
        p.frozen.update(n for n in p.scope if n != parameter)
        result = p.choice([(number(p, 1), FLOAT), view(p, captured)])
        p.emit(f"return {result[0]}")
    for _ in range(1 + p.chance(0.4)):
        p.let("w", f"{name}({number(p, 1)})", result[1])


@statement("closures", 2)
def function_argument(p):
    """Hand a function to another one."""
    if p.calls:
        raise Unfit
    place, name, other = written(p), p.fresh("g"), p.fresh("g")
    inner = p.inner(name, a=place.type)
    inner.emit(f"{element(inner, Place('a', place.type))} = {stored(inner)}")
    text, result = p.choice([view(inner, Place("a", place.type)), (number(inner, 1), FLOAT)])
    inner.emit(f"return {text}")
    p.functions.append("\n".join(["@njit", f"def {name}(a):", *inner.lines]))
    p.functions.append(f"@njit\ndef {other}(g, a):\n    return g(a)")
    p.let("w", f"{other}({name}, {place.text})", result)

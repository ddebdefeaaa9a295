"""The grammar of statements, in groups that a run can choose among."""

from collections.abc import Callable

from tests.programs.building import (
    BOOL,
    COMPLEX,
    FLOAT,
    INT,
    Array,
    Builder,
    Dict,
    Function,
    List,
    Place,
    Tuple,
    Unfit,
)
from tests.programs.expressions import (
    call,
    condition,
    element,
    fresh,
    index,
    leaf,
    number,
    operand,
    size,
    stored,
    view,
    views,
    whole,
)

Production = Callable[[Builder], object]
STATEMENTS: list[tuple[str, int, Production]] = []  # group, weight, production
SHAPES = [(2,), (3,), (4,), (2, 2), (2, 3), (3, 2)]


def statement(group: str, weight: int = 2) -> Callable[[Production], Production]:
    def register(production: Production) -> Production:
        STATEMENTS.append((group, weight, production))
        return production

    return register


def body(p: Builder, count: int) -> None:
    """Write some statements, each of a production that fits."""
    possible = [s for s in STATEMENTS if s[0] in p.groups or s[0] == "plain"]
    drawn = [production for _, weight, production in possible for _ in range(weight)]
    for _ in range(count):
        while not p.attempt(p.choice(drawn)):
            pass


def nested(p: Builder) -> None:
    """Write the inside of a block."""
    if p.depth > 3:
        raise Unfit
    body(p, 1 + p.chance(0.4))


def written(p: Builder, rank: int | None = None) -> Place:
    """Return an array of floats that may be written to."""
    wanted = {} if rank is None else {"rank": rank}
    return p.array(writable=True, **wanted)


# ---------------------------------------------------------------- plain: numbers, arrays, branches


@statement("plain", 3)
def let_number(p):
    p.let("s", stored(p), FLOAT)


@statement("plain")
def update_number(p):
    name = p.variable(FLOAT).text
    p.emit(p.choice([f"{name} = {stored(p)}", f"{name} += 0.3 * {leaf(p)}", f"{name} *= np.cos({leaf(p)})"]))  # fmt: skip


@statement("plain", 3)
def let_array(p):
    p.let("u", *fresh(p, p.choice(SHAPES)))


@statement("plain", 4)
def store(p):
    place = written(p)
    value = stored(p)
    p.emit(f"{element(p, place)} = {value}")


@statement("plain")
def update_element(p):
    target = element(p, written(p))
    p.emit(f"{target} {p.choice(['+= 0.3 *', '-= 0.2 *', '*='])} np.cos({number(p, 1)})")


@statement("plain", 2)
def store_part(p):
    """Store numbers or an array in a whole array, or in a part of it."""
    place = written(p)
    text, part = p.choice([(f"{place.text}[:]", place.type), *views(place, p)])
    if not text.endswith("]") or "(" in text:
        raise Unfit
    p.emit(f"{text} = {p.choice([operand(p, part.shape), stored(p)])}")


@statement("plain", 2)
def branch(p):
    with p.block(f"if {condition(p)}:"):
        nested(p)
    if p.chance(0.5):
        with p.block("else:"):
            nested(p)


@statement("plain", 3)
def counted_loop(p):
    if p.loops > 1:
        raise Unfit
    name = p.fresh("i")
    heads = [f"range({2 + p.below(2)})", f"range({p.below(2) + 1}, 4)", "range(4, 0, -2)"]
    with p.block(f"for {name} in {p.choice(heads)}:", loop=True, **{name: INT}):
        nested(p)
        if p.chance(0.15):
            p.emit(f"if {condition(p)}: {p.choice(['continue', 'break'])}")
            p.attempt(store)


@statement("plain", 1)
def loop_over_input(p):
    """Use every number of the first argument."""
    if "x" not in p.scope or p.loops:
        raise Unfit
    name, place = p.fresh("i"), written(p, rank=1)
    (n,) = place.type.shape
    with p.block(f"for {name} in range(x.shape[0]):", loop=True, **{name: INT}):
        at = f"x[{name}]" if p.scope["x"].rank == 1 else f"x[{name}, {index(p, 2)}]"
        p.emit(f"{place.text}[{name} % {n}] += 0.1 * np.sin({at} * {leaf(p)})")


@statement("loops", 2)
def while_loop(p):
    if p.loops > 1:
        raise Unfit
    name = p.let("n", str(p.below(2)), INT)
    p.frozen.add(name)
    with p.block(f"while {name} < {2 + p.below(3)}:", loop=True):
        p.emit(f"{name} += 1")
        nested(p)
        if p.chance(0.3):
            p.emit(f"if {condition(p)}: break")
    if p.chance(0.2):
        with p.block("else:"):
            nested(p)


# ---------------------------------------------------------------- views of views, in-place operators


@statement("views", 5)
def let_view(p):
    place = p.array(dtype=p.choice([FLOAT] * 8 + [COMPLEX, INT, BOOL]))
    p.let("v", *view(p, place))


@statement("views", 2)
def view_of_view(p):
    place = p.array()
    text, argtype = view(p, place)
    p.let("v", *view(p, Place(text, argtype)))


@statement("views", 2)
def store_in_view(p):
    """Store through a view that has no name."""
    text, argtype = p.choice(views(written(p), p))
    if not argtype.writable:
        raise Unfit
    p.emit(f"{element(p, Place(text, argtype))} = {stored(p)}")


@statement("in_place", 4)
def augmented(p):
    place = written(p)
    if not place.assignable:
        raise Unfit
    other = operand(p, place.type.shape)
    ways = [f"+= 0.3 * {other}", f"-= 0.2 * {other}", f"*= np.cos({other})", f"/= 1.5 + np.sin({other})"]  # fmt: skip
    p.emit(f"{place.text} {p.choice(ways)}")


@statement("in_place", 3)
def into_output(p):
    place = written(p)
    a, other = place.text, operand(p, place.type.shape)
    ways = [
        f"np.sin({a}, {a})",
        f"np.multiply({a}, np.cos({other}), {a})",
        f"np.subtract({other}, 0.5 * {a}, {a})",
        f"operator.imul({a}, np.cos({other}))",
        f"operator.setitem({a}, {p.below(place.type.shape[0])}, {stored(p)})",
        f"{a}.fill({stored(p)})",
        f"{a}[:] = {other}",
        f"np.clip({a}, -0.9, 0.9, {a})",
        f"np.nan_to_num({a}, copy=False)",
        f"{a}.flat[{p.below(size(place.type))}] = {stored(p)}",
    ]
    if place.type.rank == 1:
        ways += [f"{a}.sort()", f"{a}[{a} > {number(p, 1)}] *= 0.5", f"{a}[np.array([0, {p.below(place.type.shape[0])}])] = {stored(p)}"]  # fmt: skip
    elif place.type.shape[0] == place.type.shape[1]:
        ways += [f"np.fill_diagonal({a}, {stored(p)})"] * 2
    p.emit(p.choice(ways))


@statement("in_place", 2)
def accumulate(p):
    target = p.variable(p.array(writable=True).type).text
    p.emit(f"operator.iadd({target}, 0.2 * {operand(p, p.scope[target].shape)})")


@statement("swaps", 3)
def swap(p):
    """Exchange two buffers, in a loop that fills one from the other."""
    first = p.array(writable=True)
    names = [n for n, t in p.scope.items() if t == first.type and n not in p.frozen]
    if len(names) < 2 or p.loops > 1:
        raise Unfit
    a, b = p.random.sample(names, 2)
    name = p.fresh("i")
    with p.block(f"for {name} in range({2 + p.below(3)}):", loop=True, **{name: INT}):
        at = element(p, Place(a, first.type))
        p.emit(f"{at} = np.sin({leaf(p)} + {element(p, Place(b, first.type))})")
        p.emit(f"{a}, {b} = {b}, {a}")


@statement("swaps", 2)
def rename(p):
    place = p.array(writable=True)
    target = p.variable(place.type).text
    p.emit(f"{target} = {place.text}")


@statement("choices", 3)
def let_choice(p):
    place = p.array(writable=True)
    others = [q for q in p.places() if q.type == place.type and q != place]
    other = p.choice(others)
    name = p.fresh("w")
    if p.chance(0.5):
        p.emit(f"{name} = {place.text} if {condition(p)} else {other.text}")
    else:
        with p.block(f"if {condition(p)}:"):
            p.emit(f"{name} = {place.text}")
        with p.block("else:"):
            p.emit(f"{name} = {other.text}")
    p.scope[name] = place.type


# ---------------------------------------------------------------- iteration


@statement("iteration", 3)
def loop_over_rows(p):
    place = p.array(rank=2)
    row = Array(place.type.shape[1:], "A", writable=place.type.writable)
    a, i = p.fresh("r"), p.fresh("i")
    if p.loops > 1:
        raise Unfit
    heads = [
        (f"for {a} in {place.text}:", {a: row}),
        (f"for {i}, {a} in enumerate({place.text}):", {i: INT, a: row}),
        (f"for {a}, {i} in zip({place.text}, range(5)):", {i: INT, a: row}),
    ]
    head, names = p.choice(heads)
    with p.block(head, loop=True, **names):
        if row.writable and p.chance(0.8):
            p.emit(f"{element(p, Place(a, row))} = {stored(p)}")
        nested(p)


@statement("iteration", 2)
def loop_over_pairs(p):
    """Go through two arrays at once."""
    first, second = p.array(), p.array()
    if p.loops > 1:
        raise Unfit
    names = {}
    for place in (first, second):
        rest = place.type.shape[1:]
        names[p.fresh("r")] = Array(rest, "A", writable=place.type.writable) if rest else FLOAT
    with p.block(
        f"for {', '.join(names)} in zip({first.text}, {second.text}):", loop=True, **names
    ):
        for name, argtype in names.items():
            if argtype != FLOAT and argtype.writable:
                p.emit(f"{element(p, Place(name, argtype))} = {stored(p)}")
        nested(p)


@statement("iteration", 2)
def loop_over_buffers(p):
    """Go through arrays of one type in a display, and write to each."""
    first = p.array(writable=True)
    others = [q.text for q in p.places() if q.type == first.type]
    texts = [first.text, *(p.choice(others) for _ in range(1 + p.chance(0.3)))]
    shown = p.choice(["({})", "[{}]", "({},) + ({})"])
    joined = shown.format(", ".join(texts)) if shown.count("{") == 1 else shown.format(texts[0], ", ".join(texts[1:]) + ",")  # fmt: skip
    a, i = p.fresh("r"), p.fresh("i")
    if p.loops > 1:
        raise Unfit
    head, names = p.choice([(f"for {a} in {joined}:", {}), (f"for {i}, {a} in enumerate({joined}):", {i: INT})])  # fmt: skip
    with p.block(head, loop=True, **names, **{a: first.type}):
        p.emit(f"{element(p, Place(a, first.type))} = {stored(p)}")
        nested(p)


@statement("iteration", 1)
def loop_over_indices(p):
    place = written(p)
    at, value = p.fresh("i"), p.fresh("s")
    if p.loops > 1:
        raise Unfit
    if place.type.rank == 2 and p.chance(0.5):
        head = f"for {at} in np.ndindex({place.text}.shape):"
        with p.block(head, loop=True):
            p.emit(f"{place.text}[{at}] = 0.5 * {place.text}[{at}] + 0.2 * {leaf(p)}")
        return
    with p.block(f"for {at}, {value} in np.ndenumerate({place.text}):", loop=True, **{value: FLOAT}):  # fmt: skip
        p.emit(f"{place.text}[{at}] = {stored(p)}")


@statement("iteration", 1)
def next_pair(p):
    first, second = p.array(rank=2), p.array(rank=2)
    a, b = p.fresh("r"), p.fresh("r")
    p.emit(f"{a}, {b} = next(zip({first.text}, {second.text}))")
    for name, place in ((a, first), (b, second)):
        p.scope[name] = Array(place.type.shape[1:], "A", writable=place.type.writable)


@statement("unroll", 2)
def unrolled(p):
    """Go through arrays of different types, where each has the loop's body to itself."""
    places = [p.array(writable=True) for _ in range(2)]
    name = p.fresh("r")
    if p.loops or places[0].text == places[1].text:
        raise Unfit
    shown = f"({', '.join(q.text for q in places)})"
    with p.block(f"for {name} in literal_unroll({shown}):", loop=True):
        p.emit(f"{name}[{p.below(2)}] = {stored(p)}" if p.chance(0.7) else f"{name} *= 0.5")


# ---------------------------------------------------------------- containers


@statement("tuples", 3)
def let_tuple(p):
    first = p.array()
    second = p.choice(p.places()) if p.chance(0.6) else Place(number(p, 1), FLOAT)
    types = (first.type, second.type)
    if p.chance(0.4):
        p.let("q", f"Pair({first.text}, {second.text})", Tuple(types, ("a", "b")))
    elif p.chance(0.2):
        p.let("t", f"({first.text},) + ({second.text},)", Tuple(types))
    else:
        p.let("t", f"({first.text}, {second.text})", Tuple(types))


@statement("tuples", 2)
def unpack(p):
    place = p.pick(lambda t: isinstance(t, Tuple))
    names = [p.fresh("w") for _ in place.type.items]
    p.emit(f"{', '.join(names)} = {place.text}")
    p.scope.update(zip(names, place.type.items, strict=True))


@statement("tuples", 1)
def replace_field(p):
    place = p.pick(
        lambda t: isinstance(t, Tuple) and t.fields and not isinstance(t.items[0], Tuple)
    )
    other = p.pick(lambda t: t == place.type.items[0])
    p.let("q", f"Pair({other.text}, {place.text}.b)", place.type)


@statement("lists", 3)
def let_list(p):
    first = p.array()
    same = [q.text for q in p.places() if q.type == first.type]
    texts = [first.text, p.choice(same)]
    if p.chance(0.3):
        text, argtype = fresh(p, first.type.shape)
        if argtype == first.type:
            texts[p.below(2)] = text
    p.let("a", f"[{', '.join(texts)}]", List(first.type, 2))


@statement("lists", 1)
def let_list_of_numbers(p):
    p.let("b", f"[{stored(p)}, {stored(p)}]", List(FLOAT, 2))


@statement("lists", 3)
def change_list(p):
    name, argtype = p.choice((n, t) for n, t in p.scope.items() if isinstance(t, List))
    if isinstance(argtype.item, Array):
        item = p.choice(q.text for q in p.places() if q.type == argtype.item)
    else:
        item = stored(p)
    k = p.below(argtype.length)
    ways = [f"{name}[{k}] = {item}"] * 3 + [f"{name}.reverse()"]
    if not p.depth and argtype.length < 4:  # its length is known where each line is run once
        longer = [f"{name}.append({item})", f"{name}.insert({k}, {item})", f"{name} += [{item}]", f"{name}.extend([{item}])"]  # fmt: skip
        way = p.choice([*ways, *longer])
        p.scope[name] = List(argtype.item, argtype.length + (way in longer))
        p.emit(way)
    else:
        p.emit(p.choice(ways))


@statement("lists", 2)
def copy_list(p):
    place = p.pick(lambda t: isinstance(t, List))
    name = place.text
    text = p.choice([f"{name}.copy()", f"{name}[::-1]", f"[q for q in {name}]", f"{name}[:]", name])
    p.let("a", text, place.type)


@statement("lists", 1)
def pop(p):
    name, argtype = p.choice((n, t) for n, t in p.scope.items() if isinstance(t, List))
    if p.depth or argtype.length < 2 or name in p.frozen:
        raise Unfit
    p.let("w", f"{name}.pop({p.choice(['', '0'])})", argtype.item)
    p.scope[name] = List(argtype.item, argtype.length - 1)


@statement("lists", 1)
def loop_over_list(p):
    place = p.pick(lambda t: isinstance(t, List))
    if p.loops > 1:
        raise Unfit
    name = p.fresh("r")
    with p.block(f"for {name} in {place.text}:", loop=True, **{name: place.type.item}):
        nested(p)


@statement("dicts", 3)
def let_dict(p):
    first = p.array() if p.chance(0.7) else Place(stored(p), FLOAT)
    same = [q.text for q in p.places() if q.type == first.type]
    second = p.choice(same) if same else stored(p)
    p.let("d", f"{{0: {first.text}, 3: {second}}}", Dict(first.type, (0, 3)))


@statement("dicts", 2)
def change_dict(p):
    name, argtype = p.choice((n, t) for n, t in p.scope.items() if isinstance(t, Dict))
    same = [q.text for q in p.places() if q.type == argtype.item]
    key = p.choice(argtype.keys)
    if not p.depth and len(argtype.keys) < 4:
        key = len(argtype.keys) + 3
        p.scope[name] = Dict(argtype.item, (*argtype.keys, key))
    p.emit(f"{name}[{key}] = {p.choice(same) if same else stored(p)}")


@statement("dicts", 1)
def read_dict(p):
    place = p.pick(lambda t: isinstance(t, Dict))
    name, key = place.text, p.choice(place.type.keys)
    p.let("w", p.choice([f"{name}[{key}]", f"next(iter({name}.values()))"]), place.type.item)


@statement("dicts", 1)
def loop_over_dict(p):
    place = p.pick(lambda t: isinstance(t, Dict))
    if p.loops > 1:
        raise Unfit
    key, name = p.fresh("k"), p.fresh("r")
    item = place.type.item
    with p.block(
        f"for {key}, {name} in {place.text}.items():", loop=True, **{key: INT, name: item}
    ):
        if isinstance(item, Array) and item.writable:
            p.emit(f"{element(p, Place(name, item))} = {stored(p)}")
        nested(p)


# ---------------------------------------------------------------- integers, flags, complex numbers


@statement("state", 2)
def let_state(p):
    n = 2 + p.below(3)
    dtype = p.choice([INT, BOOL])
    p.let("k", f"np.zeros({n}, np.{'int64' if dtype == INT else 'bool_'})", Array((n,), dtype=dtype))  # fmt: skip


@statement("state", 3)
def count(p):
    place = p.array(dtype=INT, writable=True)
    p.emit(f"{element(p, place)} {p.choice(['+=', '='])} {whole(p)} % 5")


@statement("state", 3)
def flag(p):
    """Do something once."""
    at = element(p, p.array(dtype=BOOL, writable=True))
    with p.block(f"if not {at}:"):
        p.emit(f"{at} = True")
        nested(p)


@statement("state", 1)
def let_whole(p):
    p.let("n", whole(p), INT)


@statement("complexes", 3)
def let_complex(p):
    n = 2 + p.below(2)
    options = [f"np.zeros({n}, np.complex128)", f"np.array([{', '.join(f'{leaf(p)} + 1j * {leaf(p)}' for _ in range(n))}])"]  # fmt: skip
    same = [q.text for q in p.places() if isinstance(q.type, Array) and q.type.dtype == FLOAT and q.type.shape == (n,)]  # fmt: skip
    if same:
        options.append(f"{p.choice(same)} * (1.0 + 0.5j)")
    p.let("z", p.choice(options), Array((n,), dtype=COMPLEX))


@statement("complexes", 3)
def store_complex(p):
    at = element(p, p.array(dtype=COMPLEX, writable=True))
    values = [f"{leaf(p)} + 1j * {leaf(p)}", f"np.sin({leaf(p)} + 0.3j)", f"0.5 * {at} * np.exp(1j * {leaf(p)})"]  # fmt: skip
    p.emit(f"{at} = {p.choice(values)}")


@statement("complexes", 3)
def let_part(p):
    place = p.array(dtype=COMPLEX)
    ways = [f"{place.text}.real", f"{place.text}.imag", f"np.real({place.text})", f"np.imag({place.text})"]  # fmt: skip
    p.let("v", p.choice(ways), place.type.like(dtype=FLOAT, order="A"))


# ---------------------------------------------------------------- exceptions and early returns


@statement("ways_out", 2)
def early_return(p):
    if p.calls:
        raise Unfit
    with p.block(f"if {condition(p)} and {number(p, 1)} > {p.choice(['0.5', '9.0'])}:"):
        p.emit(f"return {number(p)}")


@statement("ways_out", 2)
def check(p):
    """Raise something that is rarely raised."""
    kind = p.choice(["ValueError", "IndexError", "RuntimeError", "ArithmeticError"])
    about = p.choice(['"large"', f'"large", {whole(p)}', f'"large", {leaf(p)}', leaf(p), ""])
    bound = p.choice(["20.0", "20.0", "20.0", "0.9"])
    with p.block(f"if {number(p, 1)} > {bound}:"):
        p.emit(f"raise {kind}({about})")


@statement("ways_out", 1)
def caught(p):
    if p.depth > 2 or p.loops:
        raise Unfit
    with p.block("try:"):
        nested(p)
        p.emit(f"if {condition(p)}: raise ValueError('caught')")
        p.attempt(store)
    with p.block("except Exception:"):
        if not p.attempt(store):
            raise Unfit


@statement("ways_out", 1)
def asserted(p):
    p.emit(f"assert {number(p, 1)} < 20.0, 'too large'")


@statement("threads", 4)
def parallel_loop(p):
    if p.depth or p.calls:
        raise Unfit
    n, i = 2 + p.below(3), p.fresh("i")
    name = p.let("u", f"np.zeros({n})", Array((n,)))
    outside = Builder(p.random, frozenset(), scope={m: t for m, t in p.scope.items() if m != name})
    with p.block(f"for {i} in prange({n}):", loop=True):
        p.emit(f"{name}[{i}] = np.sin({number(outside, 1)} + {i})")
    total = p.let("s", "0.0", FLOAT)
    with p.block(f"for {i} in prange({n}):", loop=True):
        p.emit(f"{total} += 0.3 * {name}[{i}]")


# ---------------------------------------------------------------- functions and closures


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
    whole_tuples = [q for q in p.places() if isinstance(q.type, Tuple) and q.type.items == function.parameters]  # fmt: skip
    if whole_tuples:
        text = f"{name}(*{p.choice(whole_tuples).text})"
    else:
        texts = []
        for t in function.parameters:
            texts.append(p.choice(q.text for q in p.places() if q.type == t))
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
    if p.loops > 1:
        raise Unfit
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


GROUPS = sorted({group for group, _, _ in STATEMENTS} - {"plain"}) + ["reductions"]

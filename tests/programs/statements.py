"""The grammar of statements, in groups that a run can choose among: the plain ones, and views."""

from collections.abc import Callable

from tests.programs.building import BOOL, COMPLEX, FLOAT, INT, Builder, Place, Unfit
from tests.programs.expressions import (
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


@statement("plain", 3)
def let_number(p):
    p.let("s", stored(p), FLOAT)


@statement("plain")
def update_number(p):
    name = p.variable(FLOAT).text
    p.write(f"{name} = {stored(p)}", f"{name} += 0.3 * {leaf(p)}", f"{name} *= np.cos({leaf(p)})")


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
    a, other = place.text, operand(p, place.type.shape)
    p.write(
        f"{a} += 0.3 * {other}",
        f"{a} -= 0.2 * {other}",
        f"{a} *= np.cos({other})",
        f"{a} /= 1.5 + np.sin({other})",
    )


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
    n = place.type.shape[0]
    if place.type.rank == 1:
        ways += [
            f"{a}.sort()",
            f"{a}[{a} > {number(p, 1)}] *= 0.5",
            f"{a}[np.array([0, {p.below(n)}])] = {stored(p)}",
        ]
    elif place.type.shape == (n, n):
        ways += [f"np.fill_diagonal({a}, {stored(p)})"] * 2
    p.write(*ways)


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

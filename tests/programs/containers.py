"""Statements with tuples, lists and dictionaries of arrays, and loops over all of these."""

from tests.programs.building import FLOAT, INT, Array, Dict, List, Place, Tuple, Unfit
from tests.programs.expressions import element, fresh, leaf, number, stored
from tests.programs.statements import nested, statement, written


@statement("iteration", 3)
def loop_over_rows(p):
    place = p.array(rank=2)
    row = Array(place.type.shape[1:], "A", writable=place.type.writable)
    a, i = p.fresh("r"), p.fresh("i")
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
    tuples = [f"({text},)" for text in texts]
    shown = p.choice([f"({', '.join(texts)})", f"[{', '.join(texts)}]", " + ".join(tuples)])
    a, i = p.fresh("r"), p.fresh("i")
    heads = [(f"for {a} in {shown}:", {}), (f"for {i}, {a} in enumerate({shown}):", {i: INT})]
    head, names = p.choice(heads)
    with p.block(head, loop=True, **names, **{a: first.type}):
        p.emit(f"{element(p, Place(a, first.type))} = {stored(p)}")
        nested(p)


@statement("iteration", 1)
def loop_over_indices(p):
    place = written(p)
    at, value = p.fresh("i"), p.fresh("s")
    if place.type.rank == 2 and p.chance(0.5):
        head = f"for {at} in np.ndindex({place.text}.shape):"
        with p.block(head, loop=True):
            p.emit(f"{place.text}[{at}] = 0.5 * {place.text}[{at}] + 0.2 * {leaf(p)}")
        return
    head = f"for {at}, {value} in np.ndenumerate({place.text}):"
    with p.block(head, loop=True, **{value: FLOAT}):
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
    longer = [
        f"{name}.append({item})",
        f"{name}.insert({k}, {item})",
        f"{name} += [{item}]",
        f"{name}.extend([{item}])",
    ]
    # its length is known where each line is run once
    once = not p.depth and argtype.length < 4 and name not in p.frozen
    way = p.choice(ways + longer * once)
    p.scope[name] = List(argtype.item, argtype.length + (way in longer))
    p.emit(way)


@statement("lists", 2)
def copy_list(p):
    place = p.pick(lambda t: isinstance(t, List))
    name = place.text
    copies = [f"{name}.copy()", f"{name}[::-1]", f"[q for q in {name}]", f"{name}[:]"]
    text = p.choice([*copies, name])
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
    key, name = p.fresh("k"), p.fresh("r")
    item = place.type.item
    with p.block(
        f"for {key}, {name} in {place.text}.items():", loop=True, **{key: INT, name: item}
    ):
        if isinstance(item, Array) and item.writable:
            p.emit(f"{element(p, Place(name, item))} = {stored(p)}")
        nested(p)

"""The grammar of expressions: numbers, conditions, arrays that are new, views of arrays.

Numbers stay within about 4 in size, and nothing divides by about zero.
"""

import re
from collections.abc import Iterator

from tests.programs.building import BOOL, COMPLEX, FLOAT, INT, Array, Builder, Function, Place

# {n}: a number, {i}: a whole number, {c}: a condition, {a}: an array, {v}: one with one dimension
NUMBERS = """
{n} + 0.5 * {n}
{n} - {n}
{n} * {n}
{n} / (2.0 + {n} ** 2)
{n} ** 2
-{n}
np.sin({n})
np.cos({n})
np.tanh({n})
math.sin({n})
np.exp(-0.3 * {n} ** 2)
np.sqrt(1.0 + {n} ** 2)
np.log(2.0 + {n} ** 2)
abs({n})
max({n}, {n})
min({n}, {n})
{n} if {c} else {n}
{n} * (0.2 * {i})
float({i} % 3) - {n}
"""
REDUCTIONS = """
0.2 * {a}.sum()
0.2 * np.sum({a})
{a}.mean()
np.max({a})
{a}.min()
0.1 * np.sum({a} * {n})
np.cos({a}).prod()
np.var({a})
np.median({a})
0.2 * np.linalg.norm({a})
"""
CONDITIONS = """
{n} > {n}
{n} < 0.7
{i} % 2 == 0
{i} < 2 and {n} > 0.4
not {n} > 0.9
np.isfinite({n})
"""
WHOLE = """
{i} + 1
2 * {i}
{i} // 2
len({a})
{a}.shape[0]
int(3.0 * np.sin({n}) + 3.5)
"""
FOR_NUMBERS, FOR_REDUCTIONS, FOR_CONDITIONS, FOR_WHOLE = (
    table.strip().splitlines() for table in (NUMBERS, REDUCTIONS, CONDITIONS, WHOLE)
)


def filled(p: Builder, template: str, depth: int) -> str:
    """Replace the holes of a template by expressions."""
    made = {"n": number, "i": whole, "c": condition}

    def hole(match: re.Match[str]) -> str:
        if match[1] == "a":
            return p.array().text
        return made[match[1]](p, depth)

    return "(" + re.sub(r"\{(\w)\}", hole, template) + ")"


def number(p: Builder, depth: int = 2) -> str:
    """Return an expression of a float."""
    if depth <= 0 or p.chance(0.25):
        return leaf(p)
    if "reductions" in p.groups and p.chance(0.15):
        return filled(p, p.choice(FOR_REDUCTIONS), depth - 1)
    return filled(p, p.choice(FOR_NUMBERS), depth - 1)


def leaf(p: Builder) -> str:
    """Return what needs no operation: a variable, an element, or now and then a constant."""
    places = [q for q in p.places() if q.type == FLOAT or isinstance(q.type, Array)]
    places = [q for q in places if q.type == FLOAT or q.type.dtype in (FLOAT, COMPLEX)]
    if not places or p.chance(0.15):
        return p.constant()
    place = p.choice(places)
    if place.type == FLOAT:
        return place.text
    text = element(p, place)
    return text if place.type.dtype == FLOAT else f"{text}.{p.choice(['real', 'imag'])}"


def stored(p: Builder) -> str:
    """Return a number that stays small however often it is stored."""
    wrapped = p.choice(
        ["np.sin({n})", "np.tanh({n})", "np.cos({n})", "0.6 * {n} + 0.3 * {m}", "0.8 * {n}"]
    )
    deep = 2 if wrapped.startswith("np") else 0
    return wrapped.format(n=number(p, deep), m=leaf(p))


def condition(p: Builder, depth: int = 1) -> str:
    flags = [q for q in p.places() if isinstance(q.type, Array) and q.type.dtype == BOOL]
    if flags and p.chance(0.5):
        return p.choice(["", "not "]) + element(p, p.choice(flags))
    return filled(p, p.choice(FOR_CONDITIONS), min(depth, 1))


def whole(p: Builder, depth: int = 1) -> str:
    """Return an expression of a whole number that isn't negative."""
    if depth > 0 and p.chance(0.4):
        return filled(p, p.choice(FOR_WHOLE), depth - 1)
    counts = [q for q in p.places() if isinstance(q.type, Array) and q.type.dtype == INT]
    if counts and p.chance(0.5):
        return element(p, p.choice(counts))
    names = [q.text for q in p.places() if q.type == INT]
    return p.choice(names) if names else str(p.below(4))


def index(p: Builder, n: int) -> str:
    """Return an expression of an index below n."""
    names = [q for q in p.places() if q.type == INT]
    if names and p.chance(0.35):
        return f"{p.choice(names).text} % {n}"
    if p.chance(0.05):
        return f"{whole(p)} % {n}"
    return str(p.below(n) - n * p.chance(0.1))


def element(p: Builder, place: Place) -> str:
    """Return an expression of one number of an array."""
    indices = [index(p, n) for n in place.type.shape]
    return place.text + p.choice(
        [f"[{', '.join(indices)}]", "".join(f"[{i}]" for i in indices)][: place.type.rank]
    )


def operand(p: Builder, shape: tuple[int, ...]) -> str:
    """Return what can meet an array of that shape in an operator."""
    places = [q.text for q in p.places() if isinstance(q.type, Array) and q.type.dtype == FLOAT
              and q.type.shape in (shape, shape[1:])]  # fmt: skip
    if not places or p.chance(0.25):
        return number(p, 1)
    text = p.choice(places)
    return p.choice([text, text, f"np.sin({text})", f"0.5 * {text}"])


def fresh(p: Builder, shape: tuple[int, ...]) -> tuple[str, Array]:
    """Return an expression of new memory of that shape, and its type."""
    made = Array(shape)
    options = [f"np.zeros({shape})", f"np.ones({shape})", f"np.full({shape}, {p.constant()})"]
    if p.chance(0.5):  # what holds no derivatives yet
        return p.choice(options), made
    options.append(f"np.full({shape}, {stored(p)})")
    if len(shape) == 1:
        (n,) = shape
        options += [
            f"np.array([{', '.join(stored(p) for _ in range(n))}])",
            f"np.array([{number(p, 1)} * q for q in range({n})])",
            f"np.linspace({leaf(p)}, {leaf(p)}, {n})",
            f"np.repeat({number(p, 0)}, {n})",
            f"0.3 * np.arange({float(n)})",
        ]
    alike = [q for q in p.places() if isinstance(q.type, Array) and q.type.dtype == FLOAT
             and q.type.shape == shape]  # fmt: skip
    if alike and p.chance(0.6):
        place = p.choice(alike)
        a, order = place.text, place.type.order
        kept = "F" if order == "F" and len(shape) > 1 else "C"
        options = [
            (f"0.6 * {a} + 0.3 * {operand(p, shape)}", "C"),
            (f"np.sin({a})", kept),
            (f"{a} * np.cos({operand(p, shape)})", "C"),
            (f"{a}.copy()", "C"),
            (f"np.copy({a})", kept),
            (f"np.zeros_like({a})", kept),
            (f"np.ones_like({a})", kept),
            (f"np.full_like({a}, {stored(p)})", kept),
            (f"np.where({a} > {number(p, 1)}, {a}, {operand(p, shape)})", "C"),
            (f"np.minimum({a}, {operand(p, shape)})", "C"),
            (f"np.array(list({a}))" if len(shape) == 1 else f"{a} * 0.5", kept),
            (f"np.cumsum({a}) * 0.4" if len(shape) == 1 else f"-{a}", kept),
            (f"np.roll({a}, 1)", "C"),
            (f"{a}.astype(np.float64)", kept),
        ]
        text, order = p.choice(options)
        return text, made.like(order=order)
    return p.choice(options), made


def views(place: Place, p: Builder) -> Iterator[tuple[str, Array]]:
    """Yield ways to look at an array, whole or in part; some are copies for some orders."""
    a, t = place.text, place.type
    n = t.shape[0]
    contiguous = t.order in "CF" if t.rank == 1 else t.order == "C"
    yield f"{a}[::-1]", t.like(order="A")
    yield f"{a}[::2]", t.like(shape=(-(-n // 2), *t.shape[1:]), order="A")
    yield f"{a}.ravel()", Array((size(t),), dtype=t.dtype)
    yield f"np.ravel({a})", Array((size(t),), dtype=t.dtype)
    yield f"np.asarray({a})", t
    yield f"np.ascontiguousarray({a})", t.like(order="C")
    yield f"np.asfortranarray({a})", t.like(order="F")
    yield f"np.atleast_1d({a})", t
    yield f"np.flip({a})", t.like(order="A")
    yield f"np.transpose({a})", t.like(shape=t.shape[::-1], order=turned(t))
    yield f"{a}.T", t.like(shape=t.shape[::-1], order=turned(t))
    yield f'getattr({a}, "T")', t.like(shape=t.shape[::-1], order=turned(t))
    yield (
        f"np.broadcast_to({a}, {(2, *t.shape)})",
        t.like(shape=(2, *t.shape), order="A", writable=False),
    )
    if t.dtype == FLOAT:
        yield f"{a}.real", t
        yield f"np.real({a})", t
        yield f"{a}.view(np.float64)", t
        yield f"np.expand_dims({a}, 0)", t.like(shape=(1, *t.shape), order="A")
    if n > 1:
        yield f"{a}[1:]", t.like(shape=(n - 1, *t.shape[1:]), order="C" if contiguous else "A")
        yield (
            f"{a}[:{n - 1}]",
            t.like(shape=(n - 1, *t.shape[1:]), order="C" if contiguous else "A"),
        )
        yield (
            f"operator.getitem({a}, slice(1, {n}))",
            t.like(shape=(n - 1, *t.shape[1:]), order="C" if contiguous else "A"),
        )
    if t.rank == 1:
        yield f"{a}[None, :]", t.like(shape=(1, n), order="C" if contiguous else "A")
        yield f"{a}[:, np.newaxis]", t.like(shape=(n, 1), order="A")
        yield f"np.atleast_2d({a})", t.like(shape=(1, n), order="C" if contiguous else "A")
        if contiguous and n % 2 == 0:
            yield f"{a}.reshape({n // 2}, 2)", t.like(shape=(n // 2, 2), order="C")
            yield f"{a}.reshape((2, {n // 2})).T", t.like(shape=(n // 2, 2), order="F")
    if t.rank == 2:
        m = t.shape[1]
        row, column = t.like(shape=(m,)), t.like(shape=(n,))
        yield f"{a}[{index(p, n)}]", row.like(order="C" if t.order == "C" else "A")
        yield f"{a}[:, {index(p, m)}]", column.like(order="F" if t.order == "F" else "A")
        yield f"next(iter({a}))", row.like(order="A")
        yield f"{a}[:, ::-1]", t.like(order="A")
        yield f"np.flipud({a})", t.like(order="A")
        yield f"np.fliplr({a})", t.like(order="A")
        yield f"np.swapaxes({a}, 0, 1)", t.like(shape=(m, n), order="A")
        if t.order == "C":
            yield f"{a}.reshape(-1)", Array((n * m,), dtype=t.dtype)
            yield f"np.reshape({a}, ({m}, {n}))", t.like(shape=(m, n))


def turned(t: Array) -> str:
    """Return the order of the transposed array."""
    return t.order if t.rank == 1 else {"C": "F", "F": "C", "A": "A"}[t.order]


def size(t: Array) -> int:
    total = 1
    for n in t.shape:
        total *= n
    return total


def view(p: Builder, place: Place) -> tuple[str, Array]:
    """Return a way to look at an array, and its type; a choice between two arrays is one."""
    same = [q for q in p.places() if q.type == place.type]
    if "choices" in p.groups and len(same) > 1 and p.chance(0.3):
        other = p.choice(same)
        return p.choice(
            [
                f"({place.text} if {condition(p)} else {other.text})",
                f"({place.text}, {other.text})[{p.below(2)}]",
                f"[{place.text}, {other.text}][{index(p, 2)}]",
                f"next(iter(({place.text}, {other.text})))",
            ]
        ), place.type
    text, argtype = p.choice(views(place, p))
    return text, argtype


def argument(p: Builder, wanted: object) -> str:
    """Return an expression of a type, for a parameter of a function."""
    if wanted == FLOAT:
        return number(p, 1)
    if wanted == INT:
        return whole(p)
    places = [q.text for q in p.places() if q.type == wanted]
    return p.choice(places)


def call(p: Builder) -> tuple[str, object]:
    """Return a call of a function that is there already, and the type of what it gives."""
    name = p.choice(sorted(p.callees))
    function: Function = p.callees[name]
    return f"{name}({', '.join(argument(p, t) for t in function.parameters)})", function.result

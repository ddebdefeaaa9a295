"""Statements with whole numbers, flags and complex numbers; exceptions, early returns, threads."""

from tests.programs.building import BOOL, COMPLEX, FLOAT, INT, Array, Builder, Unfit
from tests.programs.expressions import condition, element, leaf, number, whole
from tests.programs.statements import nested, statement, store


@statement("state", 2)
def let_state(p):
    n = 2 + p.below(3)
    dtype = p.choice([INT, BOOL])
    text = f"np.zeros({n}, np.{'int64' if dtype == INT else 'bool_'})"
    p.let("k", text, Array((n,), dtype=dtype))


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
    items = [f"{leaf(p)} + 1j * {leaf(p)}" for _ in range(n)]
    options = [f"np.zeros({n}, np.complex128)", f"np.array([{', '.join(items)}])"]
    arrays = [q for q in p.places() if isinstance(q.type, Array) and q.type.dtype == FLOAT]
    same = [q.text for q in arrays if q.type.shape == (n,)]
    if same:
        options.append(f"{p.choice(same)} * (1.0 + 0.5j)")
    p.let("z", p.choice(options), Array((n,), dtype=COMPLEX))


@statement("complexes", 3)
def store_complex(p):
    at = element(p, p.array(dtype=COMPLEX, writable=True))
    p.write(
        f"{at} = {leaf(p)} + 1j * {leaf(p)}",
        f"{at} = np.sin({leaf(p)} + 0.3j)",
        f"{at} = 0.5 * {at} * np.exp(1j * {leaf(p)})",
    )


@statement("complexes", 3)
def let_part(p):
    place = p.array(dtype=COMPLEX)
    z = place.text
    text = p.choice([f"{z}.real", f"{z}.imag", f"np.real({z})", f"np.imag({z})"])
    p.let("v", text, place.type.like(dtype=FLOAT, order="A"))


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

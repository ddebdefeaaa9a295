"""Whole programs from a seed."""

import ast
import random
import warnings

import numpy as np

from tests.programs import containers, functions, states  # noqa: F401 - they add statements
from tests.programs.building import BOOL, COMPLEX, FLOAT, INT, Array, Builder
from tests.programs.checking import MEANT, flat, load
from tests.programs.expressions import element, number, view
from tests.programs.statements import STATEMENTS, body, let_array

GROUPS = sorted({"reductions", *(group for group, _, _ in STATEMENTS)} - {"plain"})
SLOW = {"threads": 0.06, "dicts": 0.12}  # to compile; the others take part in half of the programs
OPTIONS = ["", "", "", "(boundscheck=True)", '(error_model="numpy")', "(fastmath=True)"]
INPUTS = [  # how the first argument is made, of four numbers or of forty
    ("x = np.array({four})", Array((4,))),
    ("x = np.array({four})", Array((4,))),
    ("x = np.zeros(8)[::2]; x[:] = {four}", Array((4,), "A")),
    ("x = np.array({four}).reshape(2, 2)", Array((2, 2))),
    ("x = np.asfortranarray(np.array({four}).reshape(2, 2))", Array((2, 2), "F")),
    ("x = np.sin(np.arange(40.0) * {c}) + 1.3", Array((40,))),
    ("x = np.sin(np.arange(40.0) * {c}) + 1.3", Array((40,))),
    ("x = np.sin(np.arange(80.0) * {c})[::2] + 1.3", Array((40,))),
    ("x = (np.sin(np.arange(80.0) * {c}) + 1.3)[::2]", Array((40,), "A")),
    ("x = np.asfortranarray(np.sin(np.arange(40.0) * {c}).reshape(20, 2))", Array((20, 2), "F")),
]
FURTHER = [  # other arguments, which the function may write to
    ("k", "np.zeros(3, np.int64)", Array((3,), dtype=INT)),
    ("seen", "np.zeros(4, np.bool_)", Array((4,), dtype=BOOL)),
    ("table", "np.array([0.3, 1.1, 0.8])", Array((3,))),
    ("buffer", "np.zeros((2, 2))", Array((2, 2))),
    ("work", "np.zeros((3, 2)).T", Array((2, 3), "F")),
    ("line", "np.ones(6)[::2]", Array((3,), "A")),
    ("c", "0.7", FLOAT),
    ("n", "2", INT),
]


def program(seed: int, groups: frozenset[str] | None = None, size: int = 6) -> str:
    """Return the text of a program that runs, always the same for a seed."""
    for attempt in range(1000):
        text = drawn(random.Random(f"{seed}/{attempt}"), groups, size)
        if text is not None and runs(text):
            return f"# program {seed}\n{text}"
    raise ValueError(f"no program of {groups} runs")


def drawn(source: random.Random, groups: frozenset[str] | None, size: int) -> str | None:
    """Return the text of a program that may divide by zero, or end in another way not meant."""
    if groups is None:
        groups = frozenset(g for g in GROUPS if source.random() < SLOW.get(g, 0.4))
    p = Builder(source, groups)
    made, p.scope["x"] = p.choice(INPUTS)
    made = made.format(c=p.constant(), four=f"[{', '.join(p.constant() for _ in range(4))}]").split(
        "; "
    )
    others = [q for q in FURTHER if p.chance(0.2)]
    p.scope.update((name, argtype) for name, _, argtype in others)
    parameters = ", ".join(p.scope)
    for _ in range(p.below(3)):
        let_array(p)
    body(p, size)
    p.emit(f"return {result(p)}")
    option = "(parallel=True)" if "threads" in groups and p.chance(0.9) else p.choice(OPTIONS)
    main = "\n".join([f"@njit{option}", f"def f({parameters}):", *p.lines])
    returned = ", ".join(["x", *(value for _, value, _ in others)])
    arguments = "\n    ".join(["def arguments():", *made, f"return ({returned},)"])
    return ast.unparse(ast.parse("\n".join([*p.functions, main, arguments]))) + "\n"


def result(p: Builder) -> str:
    """Return an expression of what the function returns: most often a number to which all adds."""
    early = any("return" in line for line in p.lines)  # of one type with this
    if not early and p.chance(0.12):
        return view(p, p.array())[0]
    terms = ["0.1 * (x * x).sum()"]
    for place in p.places():
        match place.type:
            case Array(_, _, dtype, _):
                text = element(p, place)
                text = f"abs({text})" if dtype == COMPLEX else text
                text = f"np.sum({place.text})" if dtype == FLOAT and p.chance(0.3) else text
            case "float" | "int":
                text = place.text
            case _:
                continue
        terms.append(f"{p.constant()} * {text}")
    first, *rest = terms
    terms = [first, *p.random.sample(rest, min(len(rest), 8))]
    return " + ".join(terms) + (f", {number(p)}" if not early and p.chance(0.08) else "")


def runs(text: str) -> bool:
    """Return whether plain Python runs a program to an end that is meant, on numbers of any use."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            space = load(text, plain=True)
            value = flat(space["f"](*space["arguments"]()))
        except MEANT as error:
            return error.args == () or error.args[0] == "large" or type(error.args[0]) is np.float64
        except Exception:
            return False
    return bool(np.isfinite(value).all()) and np.abs(value).max(initial=0.0) < 100.0

"""The tables of the page "What of Numba is differentiated", and functions of their examples."""

from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

from tests.numba_table import programs

PAGE = Path(__file__).parents[2] / "docs" / "numba.md"
X = np.array([0.62, 0.37, 0.81, 0.24])
START = """
    a, b = x[0], x[1]
    k = np.array([0, 2, 1, 1])
    m = np.outer(x, x) + np.diag(1.0 + x)
    z = x + 1j * x[::-1]
"""


@dataclass(frozen=True)
class Row:
    """One name of a table, and what the page says becomes of it."""

    chapter: str
    name: str
    example: str
    outcome: str

    def __str__(self):
        return f"{self.chapter}: {self.name} {self.example}"


def rows():
    """Return all rows of the page, one for each name."""
    found, chapter = [], ""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            chapter = line.strip("# ")
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) != 3 or cells[0] == "name":
            continue
        if set(cells[0]) <= {"-"}:
            continue
        names, example, outcome = cells
        many = names.strip("`").split() if names.startswith("`") else [names]
        example, outcome = example.strip("`").strip(), outcome.strip(" |")
        found += [Row(chapter, name, example.replace("…", name), outcome) for name in many]
    return found


def function_of(examples):
    """Return a function of `x` with one number for each of some examples."""
    lines = [f"    results[{k}] = weighted({each})" for k, each in enumerate(examples)]
    source = f"def f(x):{START}    results = np.zeros({len(lines)})\n" + "\n".join(lines)
    names = dict(vars(programs))
    exec(source + "\n    return results", names)
    return names["f"]


def differences(f):
    """Return the Jacobian by differences, of what Numba computes alone."""
    f = numba.njit(f)
    return np.array([(f(X + step) - f(X - step)) / 2e-5 for step in 1e-5 * np.eye(len(X))]).T

"""Functions of users that Numba caches with the derivatives that they call, in all their forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.caching.programs import run

MODEL = """
import numpy as np
import numgrad
from numba import njit

SHIFT = 0.0

@njit
def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total

@njit
def cube(x):
    return x * x * x

def plain(x):
    return np.sqrt(x * x + SHIFT)

@njit
def of_records(x, records):
    total = 0.0
    for record in records:
        total += record.a * x * x + record.b
    return total

@njit
def applied(f, x):
    return f(x) * x

def factory(a):
    @njit
    def inner(x, n):
        return np.sqrt(a * x * x) if n == 0 else inner(x, n - 1)
    return inner

of_two, of_three = numgrad.derivative(factory(2.0)), numgrad.derivative(factory(3.0))
of_plain = numgrad.derivative(plain)
second = numgrad.derivative(numgrad.derivative(cube))
records = np.zeros(3, [("a", "f8"), ("b", "f8")])
records["a"] = 2.0
x = np.array([0.5, -0.25])

@njit(cache=True)
def forward(x):
    return numgrad.grad(rosenbrock, mode="forward")(x)

@njit(cache=True)
def backward(x):
    return numgrad.grad(rosenbrock, mode="reverse")(x)

@njit(cache=True)
def by_mode(x):
    return numgrad.grad(rosenbrock)(x)

@njit(cache=True)
def along(x):
    return numgrad.jvp(rosenbrock, (x,), (x,))[1] + numgrad.hvp(rosenbrock, x, x)

@njit(cache=True)
def with_records(x, records):
    return numgrad.derivative(of_records)(x, records)

@njit(cache=True)
def with_a_function(x):
    return numgrad.derivative(applied, argnums=1)(cube, x)

@njit(cache=True)
def twice(x):
    return second(x)

@njit(cache=True)
def at_points(x):
    return numgrad.derivative(cube)(x)

# where the slopes of square roots are infinite, a careful derivative is compiled late

@njit(cache=True)
def careful(x):
    return of_plain(x)

@njit(cache=True)
def two(x):
    return of_two(x, int(x) + 1)

@njit(cache=True)
def three(x):
    return of_three(x, int(x) + 1)

@njit(cache=True)
def mapped(x):
    return numgrad.vmap(numgrad.derivative(cube))(x)

def closing_over(a):
    @njit(cache=True)
    def closure(x):
        return a * numgrad.derivative(cube)(x)
    return closure

closure = closing_over(10.0)

CALLS = {
    forward: (x,), backward: (x,), by_mode: (x,), along: (x,), with_records: (1.5, records),
    with_a_function: (1.5,), twice: (1.5,), at_points: (x,), careful: (0.0,), two: (0.0,),
    three: (0.5,), mapped: (x,), closure: (1.5,),
}
"""

LINEAR = """
import numpy as np
import numgrad
from numba import njit

A = np.array([[3.0, 1.0], [1.0, 2.0]])

@njit
def inverted(x):
    return np.sum(np.linalg.inv(A * x[0]))

@njit(cache=True)
def of_inverse(x):
    return numgrad.grad(inverted, mode="reverse")(x)

x = np.array([0.5, -0.25])
CALLS = {of_inverse: (x,)}
"""

PROGRAM = """
import json, sys
import numpy as np
model, some = __import__(sys.argv[1]), sys.argv[2:]
calls = {f: given for f, given in model.CALLS.items() if not some or f.__name__ in some}
values = {f.__name__: np.asarray(f(*given)).tolist() for f, given in calls.items()}
missed = [f.__name__ for f in calls if not sum(f.stats.cache_hits.values())]
print(json.dumps([values, missed]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    for name, source in (("model", MODEL), ("linear", LINEAR), ("program", PROGRAM)):
        (folder / f"{name}.py").write_text(source, "utf-8")
    return folder


def gradient(x):
    a, b = x
    return np.array([-400.0 * a * (b - a * a) - 2.0 * (1.0 - a), 200.0 * (b - a * a)])


def expected():
    x = np.array([0.5, -0.25])
    a, b = x
    hessian = np.array([[1200.0 * a * a - 400.0 * b + 2.0, -400.0 * a], [-400.0 * a, 200.0]])
    return {
        "forward": gradient(x),
        "backward": gradient(x),
        "by_mode": gradient(x),
        "along": gradient(x) @ x + hessian @ x,
        "with_records": 18.0,
        "with_a_function": 13.5,
        "twice": 9.0,
        "at_points": 3.0 * x * x,
        "careful": 0.0,
        "two": 0.0,
        "three": np.sqrt(3.0),
        "mapped": 3.0 * x * x,
        "closure": 67.5,
    }


def check(values, expected):
    assert values.keys() == expected.keys()
    for name, value in expected.items():
        assert_allclose(values[name], value, rtol=1e-12, err_msg=name)


def test_the_second_process_compiles_none_of_them(folder):
    values, missed = run(folder, "model")
    check(values, expected())
    assert missed == list(values)
    values, missed = run(folder, "model")
    check(values, expected())
    assert missed == []
    # the mode that the environment sets is one that they were compiled for
    values, missed = run(folder, "model", "by_mode", NUMGRAD_MODE="reverse")
    check(values, {"by_mode": expected()["by_mode"]})
    assert missed == ["by_mode"]


SINGULAR = """
import json
import numpy as np
import linear
try:
    linear.of_inverse(np.zeros(2))
    error = None
except Exception as raised:
    error = type(raised).__name__
print(json.dumps([error, sum(linear.of_inverse.stats.cache_hits.values())]))
"""


OF_INVERSE = {"of_inverse": [-np.linalg.inv([[3.0, 1.0], [1.0, 2.0]]).sum() / 0.5**2, 0.0]}


def test_linear_algebra_is_bound_by_name(folder):
    for missing in (["of_inverse"], []):
        values, missed = run(folder, "linear")
        check(values, OF_INVERSE)
        assert missed == missing
    (folder / "singular.py").write_text(SINGULAR, "utf-8")
    assert run(folder, program="singular.py") == ["LinAlgError", 1]


ALL_OF_THEM = (
    "import numpy as np\nimport numgrad\nfrom numba import njit\n"
    "A = np.array([[3.0, 1.0], [1.0, 2.0]])\nx = np.array([0.5, -0.25])\nCALLS = {}\n"
    + "\n".join(
        f"""
@njit
def f{k}(x):
    m = A + x[0] * np.eye(2)
    return {expression}
{derivative}
"""
        for k, expression in enumerate(
            (
                "np.sum(np.linalg.inv(m))",
                "np.linalg.det(m)",
                "np.linalg.slogdet(m)[1]",
                "np.sum(np.linalg.lstsq(m, x)[0])",
                "np.sum(np.linalg.cholesky(m))",
                "np.sum(np.linalg.qr(m)[1])",
                "np.sum(np.linalg.eigh(m)[0])",
                "np.sum(np.linalg.eigvalsh(m))",
                "np.sum(np.linalg.svd(m)[1])",
                "np.sum(np.linalg.pinv(m))",
                "np.sum(np.linalg.matrix_power(m, 3))",
                "np.linalg.norm(m)",
                "np.linalg.cond(m)",
                "np.sum(m @ x)",
            )
        )
        for derivative in [
            f"""
@njit(cache=True)
def {mode}{k}(x):
    return numgrad.grad(f{k}, mode="{mode}")(x)
CALLS[{mode}{k}] = (x,)
"""
            for mode in ("forward", "reverse")
        ]
    )
)


@pytest.mark.thorough
def test_all_linear_algebra_is_cached(folder):
    (folder / "all_of_them.py").write_text(ALL_OF_THEM, "utf-8")
    first, missed = run(folder, "all_of_them")
    assert len(missed) == len(first) == 28
    second, missed = run(folder, "all_of_them")
    assert missed == []
    assert first == second

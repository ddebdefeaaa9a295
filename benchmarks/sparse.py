"""Sparse derivatives beside the bars they have to keep: ``python -m benchmarks.sparse``.

Each line has a ratio, or a time, and the bar. What is compared is called turn about in one process,
and the least time of each counts, which other programs disturb the least.
"""

import argparse
import math
import resource
import time
from importlib.util import find_spec

import numpy as np
from numba import njit
from scipy.integrate import solve_ivp
from scipy.optimize._numdiff import group_columns
from scipy.sparse import coo_array

import numgrad
from benchmarks.problems import jax_rosenbrock, loaded_jax
from benchmarks.timing import Call, seconds_of
from numgrad.drivers.sparse import colouring
from numgrad.transforms.sparse import SparseHessian as Hessian

ROUNDS = 30
MICROSECONDS = 1e6


@njit
def brusselator(t, y, n):  # noqa: ARG001 - as solvers call it
    """The 2-D Brusselator with diffusion on a periodic square."""
    u, v = y[: n * n].reshape(n, n), y[n * n :].reshape(n, n)
    result = np.empty(y.size)
    du, dv = result[: n * n].reshape(n, n), result[n * n :].reshape(n, n)
    speed = 0.1 * (n - 1) ** 2 / 10.0
    for i in range(n):
        down, up = i + 1 if i < n - 1 else 0, i - 1 if i > 0 else n - 1
        for j in range(n):
            right, left = j + 1 if j < n - 1 else 0, j - 1 if j > 0 else n - 1
            a, b = u[i, j], v[i, j]
            around = u[up, j] + u[down, j] + u[i, left] + u[i, right] - 4.0 * a
            du[i, j] = 1.0 + a * a * b - 4.4 * a + speed * around
            around = v[up, j] + v[down, j] + v[i, left] + v[i, right] - 4.0 * b
            dv[i, j] = 3.4 * a - a * a * b + speed * around
    return result


def start_of_brusselator(n):
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")
    u = 22.0 * (y * (1 - y)) ** 1.5
    v = 27.0 * (x * (1 - x)) ** 1.5
    return np.concatenate([u.ravel(), v.ravel()])


@njit
def rosenbrock(x):
    total = 0.0
    for i in range(x.size - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


@njit
def tridiagonal(x):
    result = np.empty(x.size)
    result[0], result[-1] = x[0], x[-1]
    for i in range(1, x.size - 1):
        result[i] = x[i - 1] * x[i] - 2.0 * x[i] + x[i + 1] ** 2
    return result


def by_hand(count):
    """The compiled loop over coloured directions that a user would write."""

    @njit
    def directional(y, tangent, n):
        return numgrad.jvp(brusselator, (0.0, y, n), (None, tangent, None))[1]

    @njit
    def fill(y, n, directions, colours, starts, columns, data):
        for colour in range(count):
            product = directional(y, directions[colour], n)
            for row in range(starts.size - 1):
                for k in range(starts[row], starts[row + 1]):
                    if colours[columns[k]] == colour:
                        data[k] = product[row]

    return fill


def turn_about(calls: dict[str, Call], rounds: int) -> dict[str, float]:
    """Return the least seconds of each call, all called in turn."""
    repeats = {name: math.ceil(5e-4 / seconds_of(call, 1)) for name, call in calls.items()}
    times = [
        {name: seconds_of(call, repeats[name]) for name, call in calls.items()}
        for _ in range(rounds)
    ]
    return {name: min(each[name] for each in times) for name in calls}


def told(what, found, bar):
    print(f"{what:68} {found:>28}   bar: {bar}")


def of_brusselator(n=32):
    y = start_of_brusselator(n)
    jacobian = numgrad.sparse_jacobian(brusselator, argnums=1)
    unchecked = numgrad.sparse_jacobian(brusselator, argnums=1, check=False)
    dense = numgrad.jacobian(brusselator, argnums=1)
    pattern = jacobian.pattern(0.0, y, n)
    matrix = pattern.to_scipy()
    data = jacobian(0.0, y, n).data
    directions = np.zeros((pattern.colour_count, y.size))
    directions[pattern.colours, np.arange(y.size)] = 1.0
    hand = by_hand(pattern.colour_count)
    table = directions, pattern.colours, pattern.starts, pattern.columns
    by_jvp = np.empty_like(data)
    hand(y, n, *table, by_jvp)
    assert np.array_equal(by_jvp, data)
    assert np.array_equal(dense(0.0, y, n), jacobian(0.0, y, n).toarray())
    times = turn_about(
        {
            "f": lambda: brusselator(0.0, y, n),
            "pattern": lambda: numgrad.sparsity(brusselator, 0.0, y, n, argnums=1),
            "colouring": lambda: colouring.column_colours(pattern.starts, pattern.columns, y.size),
            "compressed": lambda: jacobian(0.0, y, n, out=data),
            "unchecked": lambda: unchecked(0.0, y, n, out=data),
            "hand": lambda: hand(y, n, *table, by_jvp),
            "dense": lambda: dense(0.0, y, n),
        },
        ROUNDS,
    )
    f = times["f"]
    size = f"{pattern.shape[0]:,} unknowns"
    found = f"{times['pattern'] * 1e3:.2f} ms, {times['pattern'] / f:.0f} calls of f"
    told(f"Brusselator, {size}: its pattern", found, "0.5 ms")
    found = f"{times['colouring'] * 1e3:.2f} ms, {pattern.colour_count} colours"
    bar = f"1 ms, SciPy's {group_columns(matrix).max() + 1} colours"
    told("its colouring", found, bar)
    for name in ("compressed", "unchecked"):
        found = f"{times[name] * MICROSECONDS:.0f} us, {times[name] / times['hand']:.2f} times"
        told(f"its Jacobian, {name}, by hand {times['hand'] * MICROSECONDS:.0f} us", found, "1.3")
    told("the dense Jacobian", f"{times['dense'] / times['compressed']:.0f} times", "100")


def calls_of(f, *arguments, **options):
    """Return how often a solver calls its right-hand side, for differences too."""
    count = 0

    def counted(*given):
        nonlocal count
        count += 1
        return f(*given)

    solve_ivp(counted, *arguments, **options)
    return count


def of_solvers(n=32, end=1.0):
    y = start_of_brusselator(n)
    jacobian = numgrad.sparse_jacobian(brusselator, argnums=1, format="csc")
    sparsity = jacobian.pattern(0.0, y, n).to_scipy().astype(float)
    jacobian(0.0, y, n)

    def solved(method, **options):
        return solve_ivp(brusselator, (0.0, end), y, method, args=(n,), rtol=1e-6, **options)

    for method in ("BDF", "Radau"):
        calls = [
            calls_of(brusselator, (0.0, end), y, method, args=(n,), rtol=1e-6, **options)
            for options in ({"jac_sparsity": sparsity}, {"jac": jacobian})
        ]
        times = turn_about(
            {
                "pattern": lambda: solved(method, jac_sparsity=sparsity),  # noqa: B023
                "exact": lambda: solved(method, jac=jacobian),  # noqa: B023
            },
            5,
        )
        found = f"{times['exact'] / times['pattern']:.2f} times, {calls[1]} calls of f"
        told(f"{method} beside jac_sparsity", found, f"1, {calls[0]} calls")


def of_hessians():
    for n in (2_000, 100_000):
        x = np.random.default_rng(0).normal(size=n)
        hessian = numgrad.sparse_hessian(rosenbrock)
        matrix = hessian(x)
        data = matrix.data
        calls = {
            "f": lambda: rosenbrock(x),  # noqa: B023
            "hessian": lambda: hessian(x, out=data),  # noqa: B023
            "pattern": lambda: numgrad.sparsity(rosenbrock, x, order=2),  # noqa: B023
        }
        if find_spec("sparsejac") and loaded_jax():
            calls["JAX"] = by_sparsejac(x, matrix)
        times = turn_about(calls, ROUNDS)
        ratios = times["hessian"] / times["f"], times["pattern"] / times["f"]
        found = f"{ratios[0]:.0f} calls of f"
        told(f"Hessian of Rosenbrock, n = {n:,} (pattern: {ratios[1]:.0f})", found, "60 calls")
        if "JAX" in times:
            found = f"{times['JAX'] / times['hessian']:.1f} times, {times['JAX'] * 1e3:.2f} ms"
            told("by JAX with sparsejac, which is given the pattern", found, "1")


@njit
def plates(x):
    total = 0.0
    for i in range(1, x.shape[0] - 1):
        for j in range(1, x.shape[1] - 1):
            bend = x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1] - 4.0 * x[i, j]
            total += bend**2 + x[i, j] ** 4
    return total


def of_colourings(n=100):
    """The same Hessian by an acyclic colouring and by stars."""
    x = np.random.default_rng(0).random((n, n))
    acyclic, stars = (Hessian(plates, 0, None, "csr", 1) for _ in range(2))
    data = acyclic(x).data
    stars(x)
    stars._plan((x,)).turn_direct()
    calls = {"acyclic": lambda: acyclic(x, out=data), "stars": lambda: stars(x, out=data)}
    times = turn_about(calls, ROUNDS)
    counts = [each._plan((x,)).colour_count for each in (acyclic, stars)]
    what = f"Hessian of plates, {x.size:,} inputs, {counts[0]} colours instead of {counts[1]}"
    told(what, f"{times['stars'] / times['acyclic']:.2f} times as fast", "1")


def by_sparsejac(x, expected):
    """Return a call of the Hessian by JAX, compiled, of which the pattern is known."""
    import sparsejac

    jax = loaded_jax()
    pattern = jax.experimental.sparse.BCOO.from_scipy_sparse(expected.tocoo())
    derive = jax.jit(sparsejac.jacfwd(jax.grad(jax_rosenbrock), pattern))
    given = jax.numpy.asarray(x)
    found = derive(given)
    entries = np.asarray(found.data), tuple(np.asarray(found.indices).T)
    by_jax = coo_array(entries, shape=expected.shape).tocsr()
    assert abs(by_jax - expected).max() <= 1e-10 * abs(expected).max()
    return lambda: jax.block_until_ready(derive(given).data)


def of_a_million(n=1_000_000):
    small = np.linspace(0.0, 1.0, 1000)
    jacobian = numgrad.sparse_jacobian(tridiagonal)
    jacobian(small)  # compiled
    x = np.linspace(0.0, 1.0, n)
    numgrad.sparsity(tridiagonal, small)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    data = jacobian(x).data
    first = time.perf_counter() - start
    peak = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    times = turn_about({"f": lambda: tridiagonal(x), "out": lambda: jacobian(x, out=data)}, 10)
    what = f"tridiagonal, {n:,} unknowns: memory of the first call, {first:.2f} s"
    told(what, f"{peak / data.size:.0f} bytes an entry", "60")
    told("its later calls", f"{times['out'] / times['f']:.0f} calls of f", "linear")


PARTS = {
    "million": of_a_million,
    "brusselator": of_brusselator,
    "solvers": of_solvers,
    "hessians": of_hessians,
    "colourings": of_colourings,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}")
    for part in parser.parse_args().parts or PARTS:
        PARTS[part]()

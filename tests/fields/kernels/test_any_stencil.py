"""The kernels, of stencils that nothing public has as yet: five points, of fourth order."""

import hashlib
import itertools
from pathlib import Path

import numpy as np
import pytest

from numgrad.fields import run_cpu
from numgrad.fields.plan import Coordinates, Plan, UniformSpacing, uniform_row
from numgrad.fields.stencils import Scheme, Stencil

# the cache on disk knows kernels by the names of their schemes, and doesn't look at this file
STAMP = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]


def lagrange(at):
    """Return what weighs five points for the derivative at one of them, fit for lanes too."""
    others = [j for j in range(5) if j != at]
    weights = {}
    for k in others:
        above = " * ".join(f"(x[{at}] - x[{j}])" for j in others if j != k)
        below = " * ".join(f"(x[{k}] - x[{j}])" for j in range(5) if j != k)
        weights[k] = f"{above} / ({below})"
    weights[at] = "-(" + " + ".join(f"({weights[k]})" for k in others) + ")"
    return eval(f"lambda x: ({', '.join(weights[k] for k in range(5))})")


def five_points(at):
    offsets = tuple(range(-at, 5 - at))
    weigh = lagrange(at)
    weigh.__name__ = f"lagrange{at}"
    return Stencil(offsets, weigh([float(offset) for offset in offsets]), weigh)


CENTRAL = Stencil((-2, -1, 1, 2), (1 / 12, -2 / 3, 2 / 3, -1 / 12))
FOURTH_ORDER = Scheme(
    f"five{STAMP}",
    (five_points(0), five_points(1)),
    CENTRAL,
    five_points(2),
    (five_points(3), five_points(4)),
)
# a scheme of quotients, lopsided: two points behind, one ahead, no edge but where it must be
LOPSIDED = Scheme(
    f"lopsided{STAMP}",
    (Stencil((0, 1), (-1.0, 1.0), quotient=True), Stencil((-1, 1), (-0.5, 0.5), quotient=True)),
    Stencil((-2, 1), (-1 / 3, 1 / 3), quotient=True),
    Stencil((-2, 0, 1), (), lambda x: (x[0] - x[1], x[1] - x[2], x[2] - x[0])),
    (Stencil((-2, 0), (-0.5, 0.5), quotient=True),),
)


def naive(f, spacing, scheme):
    """Derive along the first axis, point by point."""
    n, first, last = len(f), len(scheme.first), len(scheme.last)
    varying = np.ndim(spacing) == 1
    results = np.empty_like(f)
    for i in range(n):
        if i < first:
            stencil = scheme.first[i]
        elif i >= n - last:
            stencil = scheme.last[i - n]
        else:
            stencil = scheme.varying if varying else scheme.uniform
        points = [i + offset for offset in stencil.offsets]
        if stencil.quotient:
            gap = spacing[points[1]] - spacing[points[0]] if varying else None
            gap = gap if varying else f.real.dtype.type((points[1] - points[0]) * spacing)
            results[i] = (f[points[1]] - f[points[0]]) / gap
            continue
        if varying:
            weights = stencil.weigh([spacing[p] for p in points])
        else:
            weights = [f.dtype.type(weight / spacing) for weight in stencil.weights]
        results[i] = sum(
            (weight * f[p] for weight, p in zip(weights[1:], points[1:], strict=True)),
            weights[0] * f[points[0]],
        )
    return results


def coordinates(generator, n, dtype):
    return np.cumsum(generator.random(n) + 0.1).astype(dtype)


def plan_of(f, spacing, axis, scheme):
    spacings = []
    for each in spacing:
        if np.ndim(each):
            row = (0.0,) * scheme.columns[-1]
            spacings.append(Coordinates(each, f.dtype, f.dtype, row))
        else:
            spacings.append(UniformSpacing(uniform_row(each, scheme), f.dtype, f.dtype))
    return Plan(f, f.dtype, axis, spacings, scheme)


def check(run, f, spacing, scheme):
    """Compare all axes in one pass with the naive derivatives, bit for bit."""
    axes = tuple(range(f.ndim))
    results = [np.full_like(f, 7) for _ in axes]
    run(plan_of(f, spacing, axes, scheme), results)
    for axis, result in zip(axes, results, strict=True):
        expected = np.moveaxis(naive(np.moveaxis(f, axis, 0), spacing[axis], scheme), 0, axis)
        np.testing.assert_array_equal(result, expected)


PATHS = {
    "serial": {},
    "parallel": {"parallel": True, "blocks": True},
    "streamed": {"streamed": True},
    "streamed, no table": {"streamed": True, "tabulated": False, "blocks": True},
    "no table": {"tabulated": False},
    "marching": {"march": True, "blocks": True},
}
SCHEMES = {"fourth order": FOURTH_ORDER, "lopsided": LOPSIDED}
SHAPES = [(5,), (6,), (301,), (5, 70), (70, 5), (7, 6, 9)]


def paths():
    """Return all paths; those in single precision, whose lanes are twice as many, are thorough.

    So are those that differ by their threads or by their tables alone, for one of the two stencils.
    """
    for name in PATHS:
        once = "fourth order" if name in ("parallel", "no table") else "lopsided"
        for scheme in SCHEMES:
            is_second = scheme != once and name not in ("serial", "streamed")
            yield pytest.param(
                scheme, "f8", name, marks=[pytest.mark.thorough] if is_second else []
            )
        yield pytest.param("fourth order", "f4", name, marks=pytest.mark.thorough)


@pytest.mark.parametrize(("scheme", "dtype", "name"), list(paths()))
def test_every_path(path, name, scheme, dtype):
    path(**PATHS[name])
    generator = np.random.default_rng(2024)
    for shape in SHAPES:
        f = generator.normal(size=shape).astype(dtype)
        varying = [coordinates(generator, n, dtype) for n in shape]
        check(run_cpu.run, f, [0.3] * f.ndim, SCHEMES[scheme])
        check(run_cpu.run, f, varying, SCHEMES[scheme])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_any_layout(path, scheme):
    path(blocks=True)
    generator = np.random.default_rng(2024)
    wide = generator.normal(size=(14, 22))
    for f in (wide[::2, ::2], wide[::-1], wide.T[5:, ::3], np.asfortranarray(wide)):
        varying = [coordinates(generator, n, "f8") for n in f.shape]
        check(run_cpu.run, f, [0.3, 2.0], SCHEMES[scheme])
        check(run_cpu.run, f, varying, SCHEMES[scheme])


def test_the_fourth_order():
    """Polynomials of fourth degree are derived exactly but for roundings."""
    x = np.linspace(0.5, 2.0, 40)
    for grid in (x, x**2):
        result = np.empty_like(grid)
        run_cpu.run(plan_of(grid**4, [grid], (0,), FOURTH_ORDER), [result])
        np.testing.assert_allclose(result, 4 * grid**3, rtol=1e-11)


def test_on_a_gpu():
    pytest.importorskip("numba.cuda.core", reason="needs the extra cuda")
    from numgrad.fields import run_cuda
    from tests.targets.cuda_on_host import on_host_as_device

    generator = np.random.default_rng(2024)
    f = generator.normal(size=(7, 9))
    x, y = (coordinates(generator, n, "f8") for n in f.shape)
    with on_host_as_device():
        for scheme, spacing in itertools.product(SCHEMES.values(), [(0.3, 2.0), (x, y)]):
            check(run_cuda.run, f, spacing, scheme)

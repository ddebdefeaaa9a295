"""The gradient inside compiled code as loops over samples, which derivatives follow.

It has the values of ``compiled.gradient``, in NumPy's order of operations. Only the weights of
points at equal distances come from their coordinates as elsewhere: each coordinate moves them.
"""

import numpy as np
from numba import types
from numba.core.errors import NumbaValueError

from numgrad.fields.compiled.gradient import outputs_of, shape_check
from numgrad.fields.compiled.lines import conversion
from numgrad.fields.compiled.plan import (
    constant,
    constant_axes,
    constant_edge_order,
    is_none,
    samples_dtype_of,
    spacing_kinds,
)
from numgrad.fields.compiled.terms import slabs
from numgrad.fields.kernels.unrolled import named
from numgrad.fields.plan import result_dtype
from numgrad.fields.stencils import NUMPYS
from numgrad.targets.options import formula, internal_njit


def implementation(f, spacings, axis, edge_order, out, target):
    """Make the function ``(f, spacings, out)`` that computes the gradient for these types."""
    if constant(target, "target") not in ("auto", "cpu"):
        raise NumbaValueError(
            "gradient in compiled code runs on the CPU: target is 'auto' or 'cpu'"
        )
    dtype = samples_dtype_of(f)
    axes, edge_order = constant_axes(axis, f.ndim), constant_edge_order(edge_order)
    if not axes:
        return formula(named(lambda f, spacings, out: (), "no_axes"))
    given = [spacing for spacing in spacings if not is_none(spacing)]
    kinds = spacing_kinds(given, len(axes), dtype)
    results_dtype = result_dtype(dtype)
    check = shape_check(axes, NUMPYS[edge_order].fewest)
    outputs_of(out, f, results_dtype, len(axes))  # raises where they don't fit
    gather = formula(lambda f, spacings: ())
    for place, kind in reversed(list(zip(axes, kinds, strict=True))):
        spacing = _spacing_of(kind, given, results_dtype)
        along = _along(f, place, kind, spacing, results_dtype, edge_order)
        gather = _one_more(along, gather)
    single, count = len(axes) == 1, len(axes)

    def gradient(f, spacings, out):
        check(f)
        return gather(f, spacings)[0]

    def gradient_of_all(f, spacings, out):
        check(f)
        return gather(f, spacings)

    def stored(f, spacings, out):
        check(f)
        results, places = gather(f, spacings), as_tuple(out)
        for k in range(count):
            if places[k].shape != f.shape:
                raise ValueError("gradient: out must have the shape of f")
        for k in range(count):
            places[k][...] = results[k]
        return out

    if is_none(out):
        return formula(gradient if single else gradient_of_all)
    is_array = isinstance(out, types.Array)
    as_tuple = formula((lambda out: (out,)) if is_array else (lambda out: out))
    return formula(stored)


def _one_more(along, gather):
    return formula(
        lambda f, spacings: (
            (along(f, spacings),) + gather(f, spacings)  # noqa: RUF005 - Numba knows no other
        )
    )


def _spacing_of(kind, given, dtype):
    """Make the function ``(spacings)`` that gives that of an axis."""
    slot, real_dtype = kind.slot, np.dtype(dtype.char.lower())
    real, one = conversion(real_dtype, real_dtype == np.float64), real_dtype.type(1)
    if slot is None:
        return formula(lambda spacings: one)
    if kind.coordinates:
        return formula(lambda spacings: spacings[slot])
    if isinstance(given[slot], types.Array):
        return formula(lambda spacings: real(spacings[slot][()]))
    return formula(lambda spacings: real(spacings[slot]))


def _along(f, axis, kind, spacing, dtype, edge_order):
    """Make the function ``(f, spacings)`` that gives the derivative along an axis."""
    place, is_last = np.int64(axis), axis == f.ndim - 1
    if kind.coordinates:
        derive = _varying(kind.precision, dtype, edge_order)
    else:
        derive = _uniform(np.dtype(dtype.char.lower()).type, dtype, edge_order, is_last)

    is_plain = f.layout == "C" and samples_dtype_of(f) == dtype
    # a copy of numbers with derivatives takes twice their memory, and longer than the derivatives
    plain = formula(
        (lambda f: f) if is_plain else (lambda f: np.ascontiguousarray(f.astype(dtype)))
    )

    def along(f, spacings):
        samples = slabs(plain(f).reshape(f.size), f.shape, place)
        result = np.empty(samples.shape, dtype)
        derive(samples, spacing(spacings), result)
        return result.reshape(f.shape)

    def along_in_order(f, spacings):
        result = np.empty_like(f, dtype)
        result[...] = contiguous(f, spacings)
        return result

    name = "along", axis, dtype.char, edge_order, kind.coordinates
    contiguous = internal_njit(named(along, *name))
    if f.layout == "C":
        return contiguous
    return internal_njit(named(along_in_order, *name, "in_order"))


def _uniform(real, dtype, edge_order, is_last):
    """Make the function ``(f, h, result)`` for equal distances."""
    two, three_halves, half = real(2.0), real(1.5), real(0.5)

    def edges(f, h, result, o, q):
        n = f.shape[1]
        if edge_order == 1:
            result[o, 0, q] = (f[o, 1, q] - f[o, 0, q]) / h
            result[o, n - 1, q] = (f[o, n - 1, q] - f[o, n - 2, q]) / h
        else:
            a, b, c = -three_halves / h, two / h, -half / h
            first, second = f[o, 0, q], f[o, 1, q]
            result[o, 0, q] = a * first + b * second + c * f[o, 2, q]
            last, before = f[o, n - 1, q], f[o, n - 2, q]
            result[o, n - 1, q] = half / h * f[o, n - 3, q] - b * before - a * last

    at_edges = internal_njit(named(edges, "edges", dtype.char, edge_order))

    def uniform(f, h, result):
        outer, n, inner = f.shape
        twice = two * h
        for o in range(outer):
            for i in range(1, n - 1):
                for q in range(inner):
                    result[o, i, q] = (f[o, i + 1, q] - f[o, i - 1, q]) / twice
            for q in range(inner):
                at_edges(f, h, result, o, q)

    def uniform_in_line(f, h, result):
        outer, n, _ = f.shape
        twice = two * h
        for o in range(outer):
            for i in range(1, n - 1):
                result[o, i, 0] = (f[o, i + 1, 0] - f[o, i - 1, 0]) / twice
            at_edges(f, h, result, o, 0)

    chosen = uniform_in_line if is_last else uniform
    return internal_njit(named(chosen, "uniform", dtype.char, edge_order, is_last))


def _varying(precision, dtype, edge_order):
    """Make the function ``(f, x, result)`` for coordinates."""
    real = conversion(precision, precision == np.float64)

    def at_start(x, edge):
        """Return the weights of three points at the first of them, which may be the last."""
        n = len(x)
        if edge == 0:
            near, far = real(x[1]) - real(x[0]), real(x[2]) - real(x[1])
        else:
            near, far = real(x[n - 1]) - real(x[n - 2]), real(x[n - 2]) - real(x[n - 3])
        both = near + far
        a, b, c = -(near + both) / (near * both), both / (near * far), -near / (far * both)
        return (a, b, c) if edge == 0 else (-a, -b, -c)

    weights = internal_njit(named(at_start, "at_start", precision.char))

    def edges(f, x, result, o, q):
        n = f.shape[1]
        if edge_order == 1:
            first, last = real(x[1]) - real(x[0]), real(x[n - 1]) - real(x[n - 2])
            result[o, 0, q] = (f[o, 1, q] - f[o, 0, q]) / first
            result[o, n - 1, q] = (f[o, n - 1, q] - f[o, n - 2, q]) / last
        else:
            a, b, c = weights(x, 0)
            near, far = f[o, 1, q], f[o, 2, q]
            result[o, 0, q] = a * f[o, 0, q] + b * near + c * far
            a, b, c = weights(x, 1)
            near, far = f[o, n - 2, q], f[o, n - 3, q]
            result[o, n - 1, q] = c * far + b * near + a * f[o, n - 1, q]

    at_edges = internal_njit(named(edges, "edges_varying", dtype.char, edge_order))

    def varying(f, x, result):
        outer, n, inner = f.shape
        if len(x) != n:
            raise ValueError(
                "when 1d, distances must match the length of the corresponding dimension"
            )
        for o in range(outer):
            for i in range(1, n - 1):
                before, after = real(x[i]) - real(x[i - 1]), real(x[i + 1]) - real(x[i])
                both = before + after
                a, b, c = (
                    -after / (before * both),
                    (after - before) / (before * after),
                    before / (after * both),
                )
                for q in range(inner):
                    left, here = f[o, i - 1, q], f[o, i, q]
                    result[o, i, q] = a * left + b * here + c * f[o, i + 1, q]
            for q in range(inner):
                at_edges(f, x, result, o, q)

    return internal_njit(named(varying, "varying", dtype.char, precision.char, edge_order))
